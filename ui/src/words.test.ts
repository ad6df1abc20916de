import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Query, Report } from './api/report';
import type { Entry, IncidentEvent, Summary } from './api/shapes';
import { suggest } from './pages/ask';
import { parse, to } from './route';
import { named } from './space';
import { action, asked, byNeed, condition, STATUS, say, standing, told } from './words';

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../tests/fixtures/${name}`, import.meta.url), 'utf8'));

describe('words', () => {
  it('tell every entry of a real journal in a sentence', () => {
    const { entries } = read('three.timeline.json') as { entries: Entry[] };
    const [report] = read('three.reports.json') as Report[];
    for (const { event } of entries) {
      const whole = event.event === 'investigation_ended' ? ({ ...event, report } as IncidentEvent) : event;
      const [tone, said] = told({ event: whole });
      expect(['bad', 'ask', 'work', 'good', 'quiet']).toContain(tone);
      expect(said).not.toMatch(/undefined|\[object/);
      expect(said.length).toBeGreaterThan(5);
    }
  });

  it('show what they do not know as it is', () => {
    const event = { event: 'new_thing' } as unknown as IncidentEvent;
    expect(told({ event })).toEqual(['quiet', 'new thing']);
    expect(told({ event, said: 'something new happened' })).toEqual(['quiet', 'something new happened']);
    expect(action({ do: 'teleport', entity: 'x' })).toBe('{"do":"teleport","entity":"x"}');
    expect(condition({ that: 'vibes', good: true })).toBe('{"that":"vibes","good":true}');
    expect(say(STATUS, 'half_well')).toBe('half well');
    expect(say(STATUS, 'toString')).toBe('toString');
    expect(standing('brand new').tone).toBe('bad');
  });

  it.each([
    [{ do: 'set_limit', entity: 'f', limit: 'concurrency', value: 0 }, 'set the concurrency limit of f to 0'],
    [{ do: 'set_limit', entity: 'f', limit: 'concurrency' }, 'lift the concurrency limit of f'],
    [{ do: 'set_settings', entity: 'f', settings: { A: '1', B: null } }, 'set on f: A=1, B removed'],
    [{ do: 'fail_over', from: 'a', to: 'b' }, 'send the traffic of a to b'],
    [{ do: 'throttle', entity: 'a', per_second: 0 }, 'let at most 0 requests a second through to a'],
  ])('an action %j reads as the program writes it', (one, said) => expect(action(one)).toBe(said));

  it('put those that wait for a person first, newest first', () => {
    const one = (id: string, word: string, opened: string) => ({ id, standing: word, opened }) as Summary;
    const list = [
      one('a', 'verifying', '2026-01-03T00:00:00Z'),
      one('b', 'waits for a yes', '2026-01-01T00:00:00Z'),
      one('c', 'needs a person', '2026-01-04T00:00:00Z'),
      one('d', 'waits for a yes', '2026-01-02T00:00:00Z'),
    ];
    expect(list.sort(byNeed).map(({ id }) => id)).toEqual(['d', 'b', 'c', 'a']);
  });

  it('write every query of a real report as the program does', () => {
    const evidence = read('three.evidence.json') as Record<
      string,
      { evidence: { asked: string; query: Query }[] }
    >;
    const all = Object.values(evidence).flatMap((one) => one.evidence);
    expect(all.length).toBeGreaterThan(40);
    for (const one of all) expect(asked(one.query)).toBe(one.asked);
  });
});

describe('addresses', () => {
  it('lead there and back, whatever a name holds', () => {
    for (const id of ['inc-1', 'a/b', 'a b?c#d', '<script>', '100%']) {
      expect(parse(to.incident(id, 'C1'))).toEqual({ page: 'incident', id, show: 'C1' });
      expect(parse(to.approve(id))).toEqual({ page: 'approve', id });
    }
    expect(parse('')).toEqual({ page: 'now' });
    expect(parse(to.ask('what changed?'))).toEqual({ page: 'ask', question: 'what changed?' });
    expect(parse('#/incidents/%E0%A4%A')).toEqual({ page: 'incident', id: '%E0%A4%A', show: '' });
    expect(parse('#/nowhere')).toEqual({ page: 'lost' });
    expect(parse('#/spaces/team-b/')).toEqual({ page: 'now' });
    expect(parse('#/spaces/team-b')).toEqual({ page: 'now' });
    expect(parse('#/spaces/team-b/incidents/inc-1/plan')).toEqual({ page: 'approve', id: 'inc-1' });
    expect(named('#/spaces/team-b/ask?q=x')).toBe('team-b');
    expect(named('#/incidents/spaces')).toBe(null);
    expect(named('#/spaces/../../x')).toBe(null);
    expect(to.space('main')).toBe('#/');
    expect(to.space('team-b')).toBe('#/spaces/team-b/');
  });
});

describe('suggestions', () => {
  it('are questions that are understood, about what is known', () => {
    expect(suggest('', ['svc/a'])).toContain('what changed on svc/a since 10 minutes ago?');
    expect(suggest('', [])).not.toContain('logs of checkout');
    expect(suggest('latency b', ['svc/a', 'svc/b'])).toEqual(['latency of svc/b in the last 5 minutes']);
    expect(suggest('sing me a song', ['svc/a'])).toEqual([]);
  });
});
