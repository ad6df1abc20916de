import type { Tone } from '../words';

/** A shape for each way to stand; each differs from the others without its colour. */
export function Mark({ tone, size = 18 }: { tone: Tone; size?: number }) {
  return (
    <svg className={`mark mark-${tone}`} viewBox="0 0 20 20" width={size} height={size} aria-hidden="true">
      {tone === 'bad' && (
        <>
          <path className="fill" d="M6.3 1h7.4L19 6.3v7.4L13.7 19H6.3L1 13.7V6.3z" />
          <path className="cut" d="m6.7 6.7 6.6 6.6m0-6.6-6.6 6.6" />
        </>
      )}
      {tone === 'ask' && (
        <>
          <path className="fill" d="M10 1.5 19 18H1z" />
          <path className="cut" d="M10 7.5v5m0 2v1" />
        </>
      )}
      {tone === 'work' && (
        <>
          <circle className="line" cx="10" cy="10" r="8" />
          <path className="fill" d="M10 4a6 6 0 0 1 0 12z" />
        </>
      )}
      {tone === 'good' && (
        <>
          <circle className="line" cx="10" cy="10" r="8" />
          <path className="line" d="m6.2 10.3 2.6 2.6 5-5.4" />
        </>
      )}
      {tone === 'quiet' && <circle className="line" cx="10" cy="10" r="4" />}
    </svg>
  );
}

/** How something stands: shape and word together. */
export function Stands({ tone, word }: { tone: Tone; word: string }) {
  return (
    <span className={`stands stands-${tone}`}>
      <Mark tone={tone} />
      <span>{word}</span>
    </span>
  );
}
