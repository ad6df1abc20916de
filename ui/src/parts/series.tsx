import { useEffect, useRef, useState } from 'react';
import type uPlot from 'uplot';
import type { Picture, Report } from '../api/report';
import { colour, onLook } from '../theme';
import { clock, onset } from '../time';
import { useShown } from './claim';

export interface Moment {
  at: number;
  label: string;
}

/** The changes that the report's timeline holds, in seconds. */
export function changes(report: Report): Moment[] {
  return report.timeline
    .filter((entry) => entry.kind === 'change')
    .map((entry) => ({ at: Date.parse(entry.at) / 1000, label: entry.claim.text }));
}

/** A number with its unit, as short as it stays true to four digits. */
export function measure(value: number | null | undefined, unit: string): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  const digits =
    size !== 0 && (size < 0.001 || size >= 1e6)
      ? value.toExponential(2)
      : String(Number(value.toPrecision(4)));
  return unit && unit !== '1' ? `${digits} ${unit}` : digits;
}

/** One series behind a claim: what is normal, when it left that, and what was changed around then. */
export function Series({ picture, marks, group }: { picture: Picture; marks: Moment[]; group: string }) {
  const { select, selected } = useShown();
  const place = useRef<HTMLDivElement>(null);
  const [fault, setFault] = useState('');
  const newest = picture.values.at(-1);
  const words = [
    `now ${measure(newest, picture.unit)}`,
    picture.band
      ? `normal ${measure(Math.max(picture.band[0], Math.min(0, ...picture.values)), picture.unit)} to ${measure(picture.band[1], picture.unit)}`
      : '',
    picture.onset ? `left it ${onset(picture.onset)} UTC` : '',
  ].filter(Boolean);

  useEffect(() => {
    const node = place.current;
    if (!node) return;
    let plot: uPlot | undefined;
    let gone = false;
    let built = 0;
    const build = async () => {
      const turn = ++built;
      try {
        const { draw } = await import('./plot');
        if (gone || turn !== built) return;
        plot?.destroy();
        plot = draw(node, picture, marks, group, colour);
        setFault('');
      } catch (error) {
        if (!gone) setFault(error instanceof Error ? error.message : String(error));
      }
    };
    void build();
    const sizes = new ResizeObserver(() => plot?.setSize({ width: node.clientWidth, height: plot.height }));
    sizes.observe(node);
    const off = onLook(() => void build());
    return () => {
      gone = true;
      off();
      sizes.disconnect();
      plot?.destroy();
    };
  }, [picture, marks, group]);

  return (
    <figure className="series">
      <figcaption>
        <span className="text">{picture.title}</span>
        <button
          type="button"
          className="plain mono"
          data-item
          aria-expanded={selected === picture.evidence}
          onClick={() => select(picture.evidence)}
        >
          {picture.evidence}
          <span className="unseen"> behind {picture.title}</span>
        </button>
      </figcaption>
      {fault ? (
        <p className="nothing">The chart could not be drawn: {fault}</p>
      ) : (
        <div ref={place} className="plot" role="img" aria-label={`${picture.title}: ${words.join(', ')}`} />
      )}
      <p className="faint small">{words.join(' · ')}</p>
      <details className="numbers">
        <summary>Numbers</summary>
        <table className="values">
          <tbody>
            {picture.times.map((time, index) => (
              <tr key={time}>
                <th scope="row">{clock(time)}</th>
                <td>{measure(picture.values[index], picture.unit)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </figure>
  );
}
