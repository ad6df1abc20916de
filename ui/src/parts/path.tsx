import { useEffect, useMemo, useState } from 'react';
import type { Report } from '../api/report';
import { CARRIES, say } from '../words';
import { nameOf, useShown } from './claim';
import type { Drawn } from './layout';

interface Hop {
  /** Where failure comes from. */
  from: string;
  /** Where it goes. */
  to: string;
  kind: string;
  evidence: string[];
}

/** The ways on which failure travels from the causes to what hurts, each once. */
export function hops(report: Report): Hop[] {
  const found = new Map<string, Hop>();
  for (const cause of report.causes) {
    for (const link of cause.path) {
      const key = `${link.to}\n${link.from}\n${link.kind}`;
      const hop = found.get(key) ?? { from: link.to, to: link.from, kind: link.kind, evidence: [] };
      hop.evidence = [...new Set([...hop.evidence, ...(link.evidence ?? [])])];
      found.set(key, hop);
    }
  }
  return [...found.values()];
}

/** How failure spread: causes to the left, those who feel it to the right. Words stand below for who cannot see it. */
export function Propagation() {
  const { report, select, selected } = useShown();
  const ways = useMemo(() => hops(report), [report]);
  const [drawn, setDrawn] = useState<Drawn | null>(null);
  const [fault, setFault] = useState('');
  const causes = useMemo(() => new Set(report.causes.map((cause) => cause.entity)), [report]);
  const hurt = useMemo(
    () => new Set(report.symptoms.filter((one) => one.active).map((one) => one.entity)),
    [report],
  );

  useEffect(() => {
    let gone = false;
    const ids = [...new Set([...causes, ...ways.flatMap((hop) => [hop.from, hop.to])])];
    import('./layout')
      .then(({ layout }) =>
        layout(
          ids.map((id) => ({ id, label: nameOf(report, id) })),
          ways.map((hop, index) => ({
            id: String(index),
            from: hop.from,
            to: hop.to,
            label: say(CARRIES, hop.kind),
          })),
        ),
      )
      .then((result) => !gone && setDrawn(result))
      .catch((error: unknown) => !gone && setFault(error instanceof Error ? error.message : String(error)));
    return () => {
      gone = true;
    };
  }, [ways, causes, report]);

  const role = (id: string): string => (causes.has(id) ? 'cause' : hurt.has(id) ? 'hurt' : 'passes it on');
  return (
    <div className="path">
      {fault && <p className="nothing">The picture could not be drawn: {fault}</p>}
      {!drawn && !fault && <p className="waiting">Drawing …</p>}
      {drawn && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard.
        <div className="scroll" role="group" aria-label="Propagation path, as a picture" tabIndex={0}>
          <svg
            width={drawn.width}
            height={drawn.height}
            viewBox={`0 0 ${drawn.width} ${drawn.height}`}
            aria-hidden="true"
          >
            <defs>
              <marker
                id="arrow"
                viewBox="0 0 8 8"
                refX="7"
                refY="4"
                markerWidth="7"
                markerHeight="7"
                orient="auto"
              >
                <path d="M0 0 8 4 0 8z" className="arrow" />
              </marker>
            </defs>
            {drawn.edges.map((edge) => {
              const lit = ways[Number(edge.id)]?.evidence.includes(selected);
              return (
                <g key={edge.id} className={`edge${lit ? ' lit' : ''}`}>
                  <polyline
                    points={edge.points.map((p) => `${p.x},${p.y}`).join(' ')}
                    markerEnd="url(#arrow)"
                  />
                  {edge.label && (
                    <text x={edge.label.x} y={edge.label.y}>
                      {edge.label.text}
                    </text>
                  )}
                </g>
              );
            })}
            {drawn.nodes.map((node) => (
              <g
                key={node.id}
                className={`node role-${role(node.id).split(' ')[0]}`}
                transform={`translate(${node.x} ${node.y})`}
              >
                <rect width={node.width} height={node.height} rx={causes.has(node.id) ? 2 : 8} />
                {node.lines.map((line, index) => (
                  <text key={line} x={12} y={19 + index * 15} className={index === 0 ? 'strong' : ''}>
                    {line}
                  </text>
                ))}
                <text x={12} y={node.height - 9} className="role">
                  {role(node.id)}
                </text>
              </g>
            ))}
          </svg>
        </div>
      )}
      <ul className="hops">
        {ways.map((hop) => (
          <li key={hop.from + hop.to + hop.kind}>
            <span>
              <b>{nameOf(report, hop.from)}</b> {say(CARRIES, hop.kind)} <b>{nameOf(report, hop.to)}</b>
            </span>
            {hop.evidence.map((id) => (
              <button
                key={id}
                type="button"
                className="plain mono"
                aria-expanded={selected === id}
                onClick={() => select(selected === id ? '' : id)}
              >
                {id}
              </button>
            ))}
          </li>
        ))}
      </ul>
    </div>
  );
}
