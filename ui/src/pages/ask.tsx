import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useEffect, useMemo, useRef, useState } from 'react';
import { api, Problem } from '../api/client';
import { useEverything } from '../api/hooks';
import type { Reply } from '../api/shapes';
import { Copy, Part, Trouble, useTitle } from '../parts/small';
import { swap, to } from '../route';
import { tidy } from '../time';
import { asked, capital, GAP, say } from '../words';
import '../styles/plan.css';
import '../styles/detail.css';

/** The questions that are understood; `NAME` stands for whatever is watched. */
const GRAMMAR = [
  'what changed in the last 10 minutes?',
  'what changed on NAME since 10 minutes ago?',
  'errors in the last 5 minutes',
  'errors of NAME in the last 5 minutes',
  'is everything healthy?',
  'is NAME healthy?',
  'latency of NAME in the last 5 minutes',
  'logs of NAME',
  'what depends on NAME?',
  'what does NAME depend on?',
];

/** Questions that begin as, or hold, what has been typed; names come from the incidents that are known. */
export function suggest(typed: string, names: string[], most = 6): string[] {
  const words = typed
    .toLowerCase()
    .split(/[\s?]+/)
    .filter(Boolean);
  const all = GRAMMAR.flatMap((form) =>
    form.includes('NAME') ? names.map((name) => form.replace('NAME', name)) : [form],
  );
  if (words.length === 0) {
    const firsts = GRAMMAR.map((form) => form.replace('NAME', names[0] ?? 'checkout'));
    return firsts.filter((form) => names.length > 0 || !form.includes('checkout')).slice(0, most);
  }
  const score = (text: string): number => {
    const lower = text.toLowerCase();
    if (lower.startsWith(typed.toLowerCase())) return words.length + 1;
    return words.filter((word) => lower.includes(word)).length;
  };
  return all
    .map((text) => ({ text, score: score(text) }))
    .filter((one) => one.score >= words.length && one.text !== typed)
    .sort((a, b) => b.score - a.score || a.text.length - b.text.length)
    .slice(0, most)
    .map((one) => one.text);
}

interface Turn {
  number: number;
  question: string;
  reply: Reply | null;
  error: unknown;
}

/** A conversation over how things stand now, in a closed grammar. */
export default function Ask({ question }: { question: string }) {
  useTitle('Ask');
  const all = useEverything();
  const [typed, setTyped] = useState('');
  const [turns, setTurns] = useState<Turn[]>([]);
  const box = useRef<HTMLInputElement>(null);
  const asking = useMutation({
    mutationFn: (text: string) => api.ask(text),
    onSettled: (reply, error, text) =>
      setTurns((before) => [
        { number: before.length + 1, question: text, reply: reply ?? null, error },
        ...before,
      ]),
  });
  const names = useMemo(() => {
    const found = (all.data ?? []).flatMap((one) => [
      ...one.causes.map((cause) => cause.entity),
      ...one.alarms.map((alarm) => alarm.entity),
    ]);
    return [...new Set(found)].slice(0, 40);
  }, [all.data]);
  const offered = suggest(typed.trim(), names);

  // A link with a question in it asks it, once.
  const first = useRef(question);
  const mutate = asking.mutate;
  useEffect(() => {
    if (first.current) mutate(first.current);
    first.current = '';
    box.current?.focus();
  }, [mutate]);

  const put = (text: string) => {
    const wanted = text.trim();
    if (!wanted || asking.isPending) return;
    setTyped('');
    swap(to.ask());
    asking.mutate(wanted);
    box.current?.focus();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    put(typed);
  };
  return (
    <div className="ask-page">
      <h1>Ask how things stand</h1>
      <form onSubmit={submit} className="ask-form">
        <label className="unseen" htmlFor="question">
          Question
        </label>
        <input
          id="question"
          ref={box}
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
          placeholder="what changed in the last 10 minutes?"
          autoComplete="off"
          spellCheck={false}
          maxLength={500}
        />
        <button type="submit" className="primary" disabled={asking.isPending || !typed.trim()}>
          Ask
        </button>
      </form>
      {offered.length > 0 && (
        <ul className="suggestions" aria-label="Questions that are understood">
          {offered.map((text) => (
            <li key={text}>
              <button type="button" data-item onClick={() => put(text)}>
                {text}
              </button>
            </li>
          ))}
        </ul>
      )}
      <p className="faint small">
        A closed grammar reads the question, and the answer says first what was understood. There is no
        language model.
      </p>
      <div aria-live="polite" className="turns">
        {asking.isPending && <p className="waiting">Looking …</p>}
        {turns.map((turn) => (
          <Answer key={turn.number} turn={turn} />
        ))}
      </div>
    </div>
  );
}

function Answer({ turn }: { turn: Turn }) {
  const { reply } = turn;
  if (!reply) {
    const readsOnly = turn.error instanceof Problem && [404, 405].includes(turn.error.status);
    const notUnderstood =
      turn.error instanceof Problem && (turn.error.status === 400 || turn.error.status === 422);
    return (
      <Part title={turn.question}>
        {readsOnly ? (
          <p className="not-understood">
            This server answers no questions over HTTP. At its terminal:{' '}
            <code>midwatch ask {JSON.stringify(turn.question)}</code>
          </p>
        ) : notUnderstood ? (
          <p className="not-understood">
            <b>Not understood.</b> {capital((turn.error as Problem).detail)}
          </p>
        ) : (
          <Trouble error={turn.error} />
        )}
      </Part>
    );
  }
  return (
    <Part title={turn.question}>
      <p className="faint">Understood: {tidy(reply.understood)}</p>
      {reply.lines.length === 0 && (
        <p className="nothing">
          {reply.gaps.length === 0 ? 'Nothing.' : 'Nothing was seen, but not everything could be looked at.'}
        </p>
      )}
      <ul className="answers">
        {reply.lines.map((line) => (
          <li key={line.text}>
            <details>
              <summary data-item>{tidy(line.text)}</summary>
              <div className="query">
                <div>
                  <b>Query</b>
                  <Copy text={asked(line.query)} what="the query" />
                </div>
                <code>{asked(line.query)}</code>
              </div>
            </details>
          </li>
        ))}
      </ul>
      {reply.more > 0 && <p className="faint">and {reply.more} more</p>}
      {reply.gaps.map((gap) => (
        <p key={gap.wanted + gap.why} className="gap-line">
          <b>Not seen:</b> {gap.wanted} ({say(GAP, gap.why)}). {gap.how_to_close}
        </p>
      ))}
    </Part>
  );
}
