import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Entry, IncidentEvent } from './api/shapes';
import { difference, plan, undecided } from './plan';

const { entries } = JSON.parse(
  readFileSync(new URL('../tests/fixtures/three.timeline.json', import.meta.url), 'utf8'),
) as { entries: Entry[] };
const digest = '95165cd6621128ac2d6e3aa781e0b0831b0557869ecc5563282d5656ab712bd1';
const upTo = (seq: number) => plan(digest, 3, entries.slice(0, seq));
const at = '2026-11-21T12:30:00Z';
const and = (...events: IncidentEvent[]): Entry[] => [
  ...entries.slice(0, 20),
  ...events.map((event, index) => ({ seq: 21 + index, at, event })),
];

describe('a plan in the journal of a real incident', () => {
  it('waits for a yes after people were asked', () => {
    const stands = upTo(20);
    expect(stands.gate?.gate).toBe('ask');
    expect(stands.who).toEqual(['root']);
    expect(undecided(stands)).toBe(true);
    expect(undecided(upTo(19))).toBe(false);
  });

  it('is approved, run step by step, and verified', () => {
    expect(upTo(21).approvedBy).toBe('root');
    expect(undecided(upTo(21))).toBe(false);
    expect(upTo(22).who).toEqual(['root']);
    expect(upTo(24).steps.map((step) => step.begun)).toEqual([true, false, false]);
    expect(upTo(25).steps[0]?.outcome?.outcome).toBe('done');
    expect(upTo(23).running).toBe(true);
    expect(upTo(30)).toMatchObject({ running: false, ended: { run: 'completed' }, checks: [] });
    const last = upTo(entries.length).checks.at(-1);
    expect(last?.passed).toBe(true);
    expect(last?.checks.every((one) => one.holds === 'yes')).toBe(true);
  });

  it('knows nothing of what concerns another plan', () => {
    const other = plan('f'.repeat(64), 3, entries);
    expect(other).toMatchObject({ gate: null, approvedBy: null, running: false, checks: [] });
  });

  it('cannot be decided once it is refused, expired or withdrawn', () => {
    const ends: IncidentEvent[] = [
      { event: 'refused', plan: digest, by: 'ada', why: 'not now' },
      { event: 'approval_expired', plan: digest },
      { event: 'no_plan', why: ['the cause is another'] },
    ];
    for (const end of ends) expect(undecided(plan(digest, 3, and(end)))).toBe(false);
  });

  it('may be decided again where a yes did not suffice', () => {
    const yes: IncidentEvent = { event: 'approved', approval: { plan: digest, by: 'eve', at, until: at } };
    const again: IncidentEvent = { event: 'approval_asked', plan: digest, until: at };
    expect(undecided(plan(digest, 3, and(yes)))).toBe(false);
    expect(undecided(plan(digest, 3, and(yes, again)))).toBe(true);
  });

  it('passes over a step that the plan does not have', () => {
    const odd: IncidentEvent = { event: 'step_started', plan: digest, step: 99, key: 'k' };
    expect(plan(digest, 3, and(odd)).steps.every((step) => !step.begun)).toBe(true);
  });
});

describe('a difference', () => {
  it('shows what goes, what comes, and what stays', () => {
    expect(difference('a\nb', 'a\nc')).toEqual([
      { sign: ' ', text: 'a' },
      { sign: '-', text: 'b' },
      { sign: '+', text: 'c' },
    ]);
  });
});
