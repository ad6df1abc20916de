// Sentences that can be clicked: whatever the report says stands on evidence, and the evidence is one key away.
import { createContext, useContext } from 'react';
import type { Claim, Report } from '../api/report';

interface Shown {
  report: Report;
  /** A claim's or a piece of evidence's id; empty for none. */
  selected: string;
  select(id: string): void;
}
export const ShownContext = createContext<Shown | null>(null);
export function useShown(): Shown {
  const shown = useContext(ShownContext);
  if (!shown) throw new Error('a claim outside of a report');
  return shown;
}

/** What people call an entity. */
export function nameOf(report: Report | null | undefined, id: string): string {
  return report?.entities.find((one) => one.id === id)?.name || id;
}

/** A sentence of the report. `parts` shows its clauses on lines of their own. */
export function Said({ claim, parts = false }: { claim: Claim; parts?: boolean }) {
  const { selected, select } = useShown();
  const clauses = parts ? claim.text.split(/; and (?=[A-Z])/) : [claim.text];
  return (
    <button
      type="button"
      className="said"
      data-item
      aria-expanded={selected === claim.id}
      aria-controls="evidence"
      onClick={() => select(selected === claim.id ? '' : claim.id)}
    >
      {clauses.map((clause, index) => (
        <span key={clause} className={clauses.length > 1 ? 'clause' : undefined}>
          <Lead text={clause} />
          {index < clauses.length - 1 ? (
            <span className="unseen">; and </span>
          ) : (
            <span className="cites" title={`stands on ${claim.evidence.length} pieces of evidence`}>
              <span className="unseen">stands on </span>
              {claim.evidence.length}
              <span className="unseen"> pieces of evidence</span>
            </span>
          )}
        </span>
      ))}
    </button>
  );
}

/** `Affected: …` with its first word set off. */
function Lead({ text }: { text: string }) {
  const found = /^([A-Z][A-Za-z ]{2,24}):(?= )/.exec(text);
  if (!found) return <>{text}</>;
  return (
    <>
      <b>{found[1]}:</b>
      {text.slice(found[0].length)}
    </>
  );
}
