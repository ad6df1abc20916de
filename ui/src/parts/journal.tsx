import { useState } from 'react';
import type { Entry } from '../api/shapes';
import { useLive } from '../live';
import { moment, offset } from '../time';
import { capital, told } from '../words';
import { Mark } from './mark';
import { Posted } from './posted';

/** Everything that happened to an incident, in order, as it happens. */
export function Journal({ entries, live }: { entries: readonly Entry[]; live: boolean }) {
  const { link } = useLive();
  const [whole, setWhole] = useState(false);
  const opened = entries[0]?.at ?? '';
  // What was read while looking matters while it is read; afterwards the verdict stands for it.
  const looked = entries.filter((entry) => entry.event.event === 'looked').length;
  const looking = live && entries.at(-1)?.event.event === 'looked';
  const hide = !whole && !looking;
  const shown = hide ? entries.filter((entry) => entry.event.event !== 'looked') : entries;
  return (
    <section className="part journal" aria-label="Timeline" data-part="Timeline" tabIndex={-1}>
      <header>
        <h2>
          Timeline
          {live && link.is === 'live' && <span className="live">live</span>}
        </h2>
        {looked > 0 && !looking && (
          <button type="button" className="plain" aria-pressed={whole} onClick={() => setWhole(!whole)}>
            {whole ? 'Without the reads' : `With the ${looked} reads`}
          </button>
        )}
      </header>
      <ol aria-live={live ? 'polite' : 'off'} aria-relevant="additions">
        {shown.map((entry) => {
          const [tone, said] = told(entry);
          return (
            <li key={entry.seq} data-seq={entry.seq} className={`tone-${tone}`}>
              <time dateTime={entry.at} title={moment(entry.at)}>
                {offset(entry.at, opened)}
              </time>
              <Mark tone={tone} size={14} />
              <Sentence text={capital(said)} />
              {'alarm' in entry.event && <Posted file={entry.event.alarm.raw?.file} />}
            </li>
          );
        })}
      </ol>
    </section>
  );
}

/** Long sentences are cut until they are wanted. */
function Sentence({ text }: { text: string }) {
  const [whole, setWhole] = useState(false);
  if (text.length < 240) return <span className="text">{text}</span>;
  return (
    <span className="text">
      {whole ? text : `${text.slice(0, 200)}…`}{' '}
      <button type="button" className="plain" aria-expanded={whole} onClick={() => setWhole(!whole)}>
        {whole ? 'less' : 'more'}
      </button>
    </span>
  );
}
