import { afterEach, describe, expect, it, vi } from 'vitest';
import { Cutter, type LinkState, listen } from './events';

const all = (...pieces: string[]) => {
  const cutter = new Cutter();
  return pieces.flatMap((piece) => cutter.push(piece));
};

describe('a stream of events', () => {
  it('is cut at blank lines, whatever ends a line and wherever it is torn', () => {
    const text = 'id: 7\nevent: journal\ndata: {"a":1}\n\n: beat\n\ndata: x\ndata: y\n\n';
    const whole = all(text);
    expect(whole).toEqual([
      { id: '7', event: 'journal', data: '{"a":1}' },
      { id: '7', event: 'message', data: 'x\ny' },
    ]);
    for (const ending of ['\n', '\r\n', '\r']) {
      const other = text.replaceAll('\n', ending);
      // A lone carriage return at the very end is held back: it may be half of an ending.
      expect(all(...other, '\n')).toEqual(whole);
    }
  });

  it('keeps an unfinished message back, and reads the wait it is told', () => {
    const cutter = new Cutter();
    expect(cutter.push('retry: 2500\ndata: half')).toEqual([]);
    expect(cutter.retry).toBe(2500);
    expect(cutter.push('\n\n')).toHaveLength(1);
  });
});

describe('listening', () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  it('comes again after a loss, names the last event, and tells that it was away', async () => {
    vi.useFakeTimers();
    const seen: unknown[] = [];
    const states: LinkState['is'][] = [];
    const asked: (string | undefined)[] = [];
    const resumed = vi.fn();
    let tries = 0;
    vi.stubGlobal('fetch', async (_path: string, init: { headers: Record<string, string> }) => {
      asked.push(init.headers['last-event-id']);
      tries += 1;
      if (tries === 2) throw new TypeError('gone');
      const text = `id: ${tries}\ndata: {"incident":"i","seq":${tries},"kind":"looked"}\n\ndata: not json\n\n`;
      return new Response(text, { status: 200 });
    });
    const stream = listen('/v1/events', {
      state: (state) => states.push(state.is),
      notice: (notice) => seen.push(notice.seq),
      resumed,
    });
    await vi.advanceTimersByTimeAsync(10);
    expect(seen).toEqual([1]);
    expect(states).toEqual(['live', 'lost']);
    await vi.advanceTimersByTimeAsync(1_100);
    expect(states.at(-1)).toBe('lost');
    await vi.advanceTimersByTimeAsync(2_100);
    expect(asked).toEqual([undefined, '1', '1']);
    expect(seen).toEqual([1, 3]);
    expect(resumed).toHaveBeenCalledTimes(1);
    stream.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(tries).toBe(3);
  });

  it('does not knock on a door that is shut to it', async () => {
    const states: LinkState[] = [];
    const asked = vi.fn(async () => new Response('', { status: 401 }));
    vi.stubGlobal('fetch', asked);
    vi.useFakeTimers();
    listen('/v1/events', { state: (state) => states.push(state), notice: vi.fn(), resumed: vi.fn() });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(states).toEqual([{ is: 'refused', status: 401 }]);
    expect(asked).toHaveBeenCalledTimes(1);
  });
});
