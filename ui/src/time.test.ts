import { describe, expect, it } from 'vitest';
import { clock, length, moment, nanos, offset, onset, tidy } from './time';

describe('times', () => {
  it('are UTC, and what is no time is shown as it is', () => {
    expect(clock('2026-11-21T12:27:40.141796047Z')).toBe('12:27:40');
    expect(moment('2026-11-21T12:27:40.141796047Z')).toBe('2026-11-21 12:27:40 UTC');
    expect(clock('soon')).toBe('soon');
    expect(tidy('from 2026-11-21T12:27:40.1Z on')).toBe('from 2026-11-21 12:27:40 UTC on');
  });

  it.each([
    [0, '0 s'],
    [420, '420 ms'],
    [4_000, '4 s'],
    [59_999, '59 s'],
    [60_000, '1 min'],
    [200_000, '3 min 20 s'],
    [7_500_000, '2 h 5 min'],
    [7_200_000, '2 h'],
    [3 * 86_400_000 + 3_600_000, '3 d 1 h'],
    [60 * 86_400_000 + 3_600_000, '60 d'],
    [-5, '0 s'],
  ])('%d ms reads as %s', (milliseconds, said) => expect(length(milliseconds)).toBe(said));

  it('lengths in nanoseconds, offsets and onsets', () => {
    expect(nanos(5e9)).toBe('5 s');
    expect(offset('2026-01-01T00:00:01.25Z', '2026-01-01T00:00:00Z')).toBe('+1.3 s');
    expect(offset('2026-01-01T00:15:00Z', '2026-01-01T00:00:00Z')).toBe('+15 min');
    expect(onset({ lo: '2026-01-01T00:00:01Z', hi: '2026-01-01T00:00:01.4Z' })).toBe('00:00:01');
    expect(onset({ lo: '2026-01-01T00:00:01Z', hi: '2026-01-01T00:00:03Z' })).toBe('00:00:01 to 00:00:03');
  });
});
