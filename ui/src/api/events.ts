// Server-sent events over fetch: unlike EventSource it can name the last event it saw after any kind of failure,
// tells apart "refused" and "lost", and knows when a stream has gone quiet for too long.
import type { Notice } from './shapes';

/** One event as the stream holds it. */
export interface Message {
  id: string;
  event: string;
  data: string;
}

/** Cuts a stream's text into messages (the WHATWG rules: a blank line ends one, lines end in LF, CR or CRLF). */
export class Cutter {
  private rest = '';
  private id = '';
  private event = '';
  private data: string[] = [];
  /** What the server wants us to wait before we come again, in milliseconds. */
  retry: number | null = null;

  push(text: string): Message[] {
    const found: Message[] = [];
    this.rest += text;
    // A carriage return at the very end may be the first half of CRLF: it waits for what follows.
    const held = this.rest.endsWith('\r') ? '\r' : '';
    const lines = this.rest.slice(0, this.rest.length - held.length).split(/\r\n|\n|\r/);
    this.rest = (lines.pop() ?? '') + held;
    for (const line of lines) {
      if (line === '') {
        if (this.data.length > 0) {
          found.push({ id: this.id, event: this.event || 'message', data: this.data.join('\n') });
        }
        this.data = [];
        this.event = '';
        continue;
      }
      const colon = line.indexOf(':');
      if (colon === 0) continue;
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
      if (field === 'data') this.data.push(value);
      else if (field === 'event') this.event = value;
      else if (field === 'id' && !value.includes('\0')) this.id = value;
      else if (field === 'retry' && /^\d+$/.test(value)) this.retry = Number(value);
    }
    return found;
  }
}

export type LinkState =
  | { is: 'joining' }
  | { is: 'live' }
  | { is: 'lost'; since: number; nextTry: number }
  | { is: 'refused'; status: number };

/** The first wait after a loss, the longest, and how long a stream may say nothing at all. Milliseconds. */
const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 15_000;
const QUIET_TOO_LONG = 45_000;

export interface Listener {
  state(state: LinkState): void;
  notice(notice: Notice): void;
  /** The stream stands again: whatever was fetched before may be out of date. */
  resumed(): void;
}

/** Keeps an event stream open until it is told to stop; `again` tries at once. */
export function listen(path: string, listener: Listener): { stop(): void; again(): void } {
  let last = '';
  let stopped = false;
  let wait = FIRST_WAIT;
  let lostAt = 0;
  let wasLive = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let current: AbortController | undefined;

  const lose = () => {
    if (stopped) return;
    lostAt ||= Date.now();
    listener.state({ is: 'lost', since: lostAt, nextTry: Date.now() + wait });
    timer = setTimeout(run, wait);
    wait = Math.min(wait * 2, LONGEST_WAIT);
  };

  const run = async () => {
    clearTimeout(timer);
    const control = new AbortController();
    current = control;
    let alarm = setTimeout(() => control.abort(), QUIET_TOO_LONG);
    try {
      const headers: Record<string, string> = { accept: 'text/event-stream' };
      if (last) headers['last-event-id'] = last;
      const response = await fetch(path, {
        headers,
        credentials: 'same-origin',
        cache: 'no-store',
        signal: control.signal,
      });
      if (response.status === 401 || response.status === 403 || response.status === 404) {
        await response.body?.cancel();
        listener.state({ is: 'refused', status: response.status });
        return;
      }
      if (!response.ok || !response.body) throw new Error(`answered ${response.status}`);
      const lived = wasLive;
      wasLive = true;
      lostAt = 0;
      wait = FIRST_WAIT;
      listener.state({ is: 'live' });
      if (lived) listener.resumed();
      const cutter = new Cutter();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        clearTimeout(alarm);
        alarm = setTimeout(() => control.abort(), QUIET_TOO_LONG);
        for (const message of cutter.push(value)) {
          if (message.id) last = message.id;
          const notice = read(message.data);
          if (notice) listener.notice(notice);
        }
        if (cutter.retry !== null) wait = Math.min(cutter.retry, LONGEST_WAIT);
      }
    } catch {
      // Whatever it was, the remedy is the same: come again.
    } finally {
      clearTimeout(alarm);
    }
    if (!stopped && current === control) lose();
  };

  void run();
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
      current?.abort();
    },
    again() {
      if (stopped) return;
      clearTimeout(timer);
      wait = FIRST_WAIT;
      const before = current;
      current = undefined;
      before?.abort();
      void run();
    },
  };
}

function read(data: string): Notice | null {
  try {
    const parsed = JSON.parse(data) as Partial<Notice>;
    if (typeof parsed.incident !== 'string') return null;
    return { incident: parsed.incident, seq: Number(parsed.seq ?? 0), kind: String(parsed.kind ?? '') };
  } catch {
    return null;
  }
}
