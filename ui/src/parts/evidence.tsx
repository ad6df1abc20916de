import { useEffect, useRef } from 'react';
import { useExplained } from '../api/hooks';
import type { Claim, Evidence, Report } from '../api/report';
import { clock, moment } from '../time';
import { asked, POLARITY, say } from '../words';
import { nameOf, useShown } from './claim';
import { Copy, Trouble, Waiting } from './small';

/** Every sentence of a report, by its id. */
export function claims(report: Report): Map<string, Claim> {
  const found = new Map<string, Claim>();
  const add = (claim: Claim | undefined) => claim && found.set(claim.id, claim);
  report.verdict.forEach(add);
  report.impact.forEach(add);
  for (const one of report.symptoms) add(one.claim);
  for (const cause of report.causes) {
    add(cause.claim);
    cause.supports.forEach(add);
    cause.contradicts.forEach(add);
  }
  for (const one of report.ruled_out) add(one.claim);
  for (const one of report.latent) add(one.claim);
  for (const one of report.timeline) add(one.claim);
  add(report.unknown?.claim);
  return found;
}

/** The evidence behind a sentence: what was seen, the query that shows it again, and the raw rows. */
export function EvidencePanel({ incident, report }: { incident: string; report: Report }) {
  const { selected, select } = useShown();
  const heading = useRef<HTMLHeadingElement>(null);
  const claim = claims(report).get(selected);
  const ids = claim ? claim.evidence : [selected];
  const pieces = ids
    .map((id) => report.evidence.find((one) => one.id === id))
    .filter((one): one is Evidence => one !== undefined);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another sentence moves the focus to what it stands on.
  useEffect(() => {
    heading.current?.focus({ preventScroll: window.innerWidth > 1100 });
  }, [selected]);
  return (
    <section id="evidence" className="panel" aria-labelledby="evidence-title">
      <header>
        <h2 id="evidence-title" ref={heading} tabIndex={-1}>
          {claim ? 'What this stands on' : `Evidence ${selected}`}
        </h2>
        <button type="button" className="plain" onClick={() => select('')}>
          Close <kbd>Esc</kbd>
        </button>
      </header>
      {claim && <blockquote>{claim.text}</blockquote>}
      {pieces.length === 0 && <p className="nothing">This report holds no evidence called {selected}.</p>}
      <ol>
        {pieces.map((piece) => (
          <li key={piece.id}>
            <Piece piece={piece} incident={incident} report={report} open={pieces.length === 1} />
          </li>
        ))}
      </ol>
    </section>
  );
}

function Piece({
  piece,
  incident,
  report,
  open,
}: {
  piece: Evidence;
  incident: string;
  report: Report;
  open: boolean;
}) {
  return (
    <details className="piece" open={open}>
      <summary>
        <span className="tag">{piece.source}</span>
        <span className="text">{piece.says}</span>
        <span className="faint mono">{piece.id}</span>
      </summary>
      <Opened piece={piece} incident={incident} report={report} />
    </details>
  );
}

function Opened({ piece, incident, report }: { piece: Evidence; incident: string; report: Report }) {
  const explained = useExplained(incident, piece.id);
  const query = explained.data?.asked || asked(piece.query);
  const values = Object.entries(piece.statistic.values ?? {});
  const rows = explained.data?.rows ?? [];
  const points = explained.data?.points ?? [];
  return (
    <div className="opened">
      <p className="faint">
        {say(POLARITY, piece.polarity)} · {piece.entity ? nameOf(report, piece.entity) : 'everyone'}
        {piece.window && ` · ${clock(piece.window.from)} to ${clock(piece.window.to)} UTC`}
        {piece.quality < 1 && ` · ${Math.round(piece.quality * 100)}% of what was wanted was there`}
      </p>
      <div className="query">
        <div>
          <b>Query</b>
          <Copy text={query} what="the query" />
        </div>
        <code>{query}</code>
      </div>
      {values.length > 0 && (
        <table className="values">
          <caption>What was computed: {piece.statistic.name.replaceAll('_', ' ')}</caption>
          <tbody>
            {values.map(([name, value]) => (
              <tr key={name}>
                <th scope="row">{name.replaceAll('_', ' ')}</th>
                <td>{typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {explained.isPending && <Waiting what="the rows" />}
      {explained.isError && <Trouble error={explained.error} again={() => void explained.refetch()} />}
      {rows.length > 0 && (
        <div className="rows">
          <b>Raw rows</b>
          {rows.map((row) => (
            <figure key={`${row.file}:${row.line}`}>
              <figcaption className="faint mono">
                {row.file}:{row.line}
              </figcaption>
              {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard. */}
              <pre tabIndex={0}>{row.text ?? `It cannot be shown: ${row.why_not ?? 'it is not kept'}.`}</pre>
            </figure>
          ))}
        </div>
      )}
      {points.length > 0 && (
        <details className="points">
          <summary>Its points around that time ({points.length})</summary>
          <table className="values">
            <tbody>
              {points.map((point) => (
                <tr key={point.time}>
                  <th scope="row" title={moment(point.time)}>
                    {clock(point.time)}
                  </th>
                  <td>{point.value}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </details>
      )}
      {!explained.isPending && rows.length === 0 && points.length === 0 && (piece.raw?.length ?? 0) > 0 && (
        <p className="faint mono">{piece.raw?.map((raw) => `${raw.file}:${raw.line}`).join(' · ')}</p>
      )}
      <p className="faint">
        Digest <code className="digest">{piece.digest}</code>
      </p>
    </div>
  );
}
