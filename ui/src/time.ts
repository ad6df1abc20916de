// Times as people read them: UTC, as everything else that the program writes, and lengths in the two largest units.

const ms = (at: string): number => Date.parse(at);
const two = (n: number): string => String(n).padStart(2, '0');

/** `12:27:40`; the text itself where it is no time. */
export function clock(at: string): string {
  const time = new Date(ms(at));
  if (Number.isNaN(time.getTime())) return at;
  return `${two(time.getUTCHours())}:${two(time.getUTCMinutes())}:${two(time.getUTCSeconds())}`;
}

/** `2026-11-21 12:27:40 UTC`. */
export function moment(at: string): string {
  const time = new Date(ms(at));
  if (Number.isNaN(time.getTime())) return at;
  return `${time.toISOString().slice(0, 10)} ${clock(at)} UTC`;
}

/** A length in milliseconds: `4 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function length(milliseconds: number): string {
  const whole = Math.max(0, milliseconds);
  if (whole < 1000) return whole < 1 ? '0 s' : `${Math.round(whole)} ms`;
  const seconds = Math.floor(whole / 1000);
  const units: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3_600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ];
  const first = units.findIndex(([count]) => count > 0);
  // After ten days hours tell nothing any more.
  return units
    .slice(first, first + (seconds >= 864_000 ? 1 : 2))
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ');
}

/** As `length`, from nanoseconds. */
export const nanos = (n: number): string => length(n / 1e6);

/** How long before `now` it was. */
export const since = (at: string, now: number): string => length(now - ms(at));

/** How far after `start` it was, for a timeline: `+1.3 s`. */
export function offset(at: string, start: string): string {
  const delta = (ms(at) - ms(start)) / 1000;
  if (Number.isNaN(delta)) return '';
  return Math.abs(delta) < 600 ? `+${delta.toFixed(1)} s` : `+${length(delta * 1000)}`;
}

/** An interval in which something began. */
export function onset(interval: { lo: string; hi: string }): string {
  const [lo, hi] = [clock(interval.lo), clock(interval.hi)];
  return lo === hi ? hi : `${lo} to ${hi}`;
}

/** A sentence with its moments as people write them, to the second: `2026-11-21 12:25:41 UTC`. */
export const tidy = (text: string): string =>
  text.replaceAll(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, (at) => moment(at));
