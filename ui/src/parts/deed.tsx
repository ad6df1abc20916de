// Something that a person does: once at a time, and what came of it is told beside it.
import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { Problem } from '../api/client';
import type { Said } from '../api/shapes';

export interface Deed {
  busy: boolean;
  said: string;
  problem: unknown;
  /** Does it, and reads anew whatever begins with one of these keys. `true` if it was done. */
  run(work: () => Promise<Said | unknown>, stale: string[][]): Promise<boolean>;
}

export function useDeed(): Deed {
  const queries = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState('');
  const [problem, setProblem] = useState<unknown>(null);
  const run: Deed['run'] = async (work, stale) => {
    setBusy(true);
    setProblem(null);
    setSaid('');
    try {
      const answer = (await work()) as Said | undefined;
      setSaid(typeof answer?.said === 'string' ? answer.said : 'done');
      await Promise.all(stale.map((queryKey) => queries.invalidateQueries({ queryKey })));
      return true;
    } catch (error) {
      setProblem(error);
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { busy, said, problem, run };
}

/** What came of it. */
export function Outcome({ deed }: { deed: Deed }) {
  const { problem } = deed;
  if (problem !== null) {
    return (
      <p className="refused" role="alert">
        <strong>{problem instanceof Problem ? problem.title : 'It was not sent'}.</strong>{' '}
        {problem instanceof Error ? problem.message : String(problem)}
      </p>
    );
  }
  return (
    <p role="status" className="faint small">
      {deed.said}
    </p>
  );
}

/** A form for one deed, behind a word that opens it. */
export function Form({
  open,
  button,
  deed,
  send,
  children,
}: {
  open: string;
  button: string;
  deed: Deed;
  send(): void;
  children: ReactNode;
}) {
  return (
    <details className="deed">
      <summary>{open}</summary>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          send();
        }}
      >
        {children}
        <div>
          <button type="submit" disabled={deed.busy}>
            {button}
          </button>
        </div>
      </form>
      <Outcome deed={deed} />
    </details>
  );
}
