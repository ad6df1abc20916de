import { type ReactNode, useEffect, useRef, useState } from 'react';
import { Problem } from '../api/client';

/** Now, anew each so many milliseconds. */
export function useNow(every = 1000): number {
  const [now, set] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => set(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}

/** Names the page in the window's title. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title ? `${title} · Midwatch` : 'Midwatch';
  }, [title]);
}

export function Copy({ text, what }: { text: string; what: string }) {
  const [said, say] = useState('');
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async () => {
    clearTimeout(timer.current);
    try {
      await navigator.clipboard.writeText(text);
      say('Copied');
    } catch {
      say('Not permitted: select it by hand');
    }
    timer.current = setTimeout(() => say(''), 2500);
  };
  return (
    <span className="copy">
      <button type="button" className="plain" onClick={() => void copy()}>
        Copy<span className="unseen"> {what}</span>
      </button>
      <span role="status" className="faint">
        {said}
      </span>
    </span>
  );
}

/** What went wrong, where a page or a part of it cannot be shown. */
export function Trouble({ error, again }: { error: unknown; again?: () => void }) {
  const problem = error instanceof Problem ? error : null;
  return (
    <div className="trouble" role="alert">
      <strong>{problem ? problem.title : 'This could not be read'}</strong>
      <p>{problem ? problem.detail : String(error instanceof Error ? error.message : error)}</p>
      {again && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </div>
  );
}

export function Waiting({ what }: { what: string }) {
  return (
    <p className="waiting" role="status">
      Reading {what} …
    </p>
  );
}

export function Nothing({ children }: { children: ReactNode }) {
  return <p className="nothing">{children}</p>;
}

/** A part of a page with its heading. */
export function Part({
  title,
  count,
  part,
  children,
  aside,
}: {
  title: string;
  count?: number | undefined;
  /** By which a long page leads here. */
  part?: string;
  children: ReactNode;
  aside?: ReactNode;
}) {
  return (
    <section className="part" aria-label={title} data-part={part} tabIndex={part ? -1 : undefined}>
      <header>
        <h2>
          {title}
          {count !== undefined && <span className="count">{count}</span>}
        </h2>
        {aside}
      </header>
      {children}
    </section>
  );
}
