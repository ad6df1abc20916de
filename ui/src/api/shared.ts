// One event stream for all tabs of a browser. Over HTTP/1.1 a browser opens six connections to one host; a stream in
// each of six tabs would leave none to read with. One tab holds a lock and listens; it tells the others.
import { type LinkState, type Listener, listen } from './events';
import type { Notice } from './shapes';

type Word =
  | { say: 'state'; state: LinkState }
  | { say: 'notice'; notice: Notice }
  | { say: 'resumed' }
  | { say: 'who' }
  | { say: 'again' };

/** As `listen`, by way of whichever tab listens. Without locks (plain HTTP beyond loopback) each tab listens itself. */
export function share(path: string, listener: Listener): { stop(): void; again(): void } {
  // The stream of each space is one of its own.
  const name = `midwatch.${path}`;
  if (!navigator.locks || typeof BroadcastChannel === 'undefined') return listen(path, listener);
  const channel = new BroadcastChannel(name);
  const tell = (word: Word) => channel.postMessage(word);
  const waiting = new AbortController();
  let own: ReturnType<typeof listen> | undefined;
  let release: (() => void) | undefined;
  let state: LinkState = { is: 'joining' };
  let followed = false;

  channel.onmessage = ({ data }: MessageEvent<Word>) => {
    if (own) {
      if (data.say === 'who') tell({ say: 'state', state });
      if (data.say === 'again') own.again();
      return;
    }
    followed = true;
    if (data.say === 'state') listener.state(data.state);
    if (data.say === 'notice') listener.notice(data.notice);
    if (data.say === 'resumed') listener.resumed();
  };

  const lead = () =>
    new Promise<void>((resolve) => {
      release = resolve;
      const resumed = () => {
        listener.resumed();
        tell({ say: 'resumed' });
      };
      own = listen(path, {
        state(now) {
          // The tab that listened before took the place in the stream with it: all may have missed something.
          if (now.is === 'live' && followed) resumed();
          if (now.is === 'live') followed = false;
          state = now;
          listener.state(now);
          tell({ say: 'state', state: now });
        },
        notice(notice) {
          listener.notice(notice);
          tell({ say: 'notice', notice });
        },
        resumed,
      });
    });
  navigator.locks.request(name, { signal: waiting.signal }, lead).catch(() => undefined);
  tell({ say: 'who' });

  return {
    stop() {
      waiting.abort();
      own?.stop();
      release?.();
      channel.close();
    },
    again() {
      if (own) own.again();
      else tell({ say: 'again' });
    },
  };
}
