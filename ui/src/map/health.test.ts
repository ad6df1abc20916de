import { describe, expect, it } from 'vitest';
import type { Change, Summary } from '../api/shapes';
import { health, search, touched } from './health';

const incident = (over: Partial<Summary>): Summary =>
  ({ id: 'inc-1', title: 'slow', closed: null, firing: true, causes: [], alarms: [], ...over }) as Summary;
const alarm = (entity: string) => ({ entity, rule: 'r' }) as Summary['alarms'][number];
const cause = (entity: string) => ({ entity, word: 'probable' }) as Summary['causes'][number];

describe('how entities stand', () => {
  it('tells the worst that is said, and by which incidents', () => {
    const stands = health([
      incident({ alarms: [alarm('web'), alarm('db')], causes: [cause('db')] }),
      incident({ id: 'inc-2', alarms: [alarm('db')], firing: false }),
      incident({ id: 'inc-3', alarms: [alarm('old')], closed: '2026-01-01T00:00:00Z' }),
    ]);
    expect(stands.get('web')?.word).toBe('an alarm fires');
    expect(stands.get('db')).toMatchObject({ tone: 'bad', word: 'probable cause' });
    expect(stands.get('db')?.incidents.map((one) => one.id)).toEqual(['inc-1', 'inc-2']);
    expect(stands.has('old')).toBe(false);
  });

  it('finds by every word, the unwell first', () => {
    const all = [
      { id: 'a', name: 'api', kind: 'service', labels: { region: 'west' } },
      { id: 'b', name: 'billing api', kind: 'service', labels: { region: 'east' } },
      { id: 'c', name: 'cache', kind: 'cache', labels: { region: 'west' } },
    ];
    const stands = health([incident({ causes: [cause('b')] })]);
    expect(search(all, 'api', stands).map((one) => one.id)).toEqual(['b', 'a']);
    expect(search(all, 'west SERVICE', stands).map((one) => one.id)).toEqual(['a']);
    expect(search(all, '', stands).length).toBe(3);
    expect(search(all, 'nothing', stands)).toEqual([]);
  });

  it('knows the newest changes of each', () => {
    const change = (id: string, start: string, entities: string[]) => ({ id, start, entities }) as Change;
    const found = touched([
      change('old', '2026-01-01T00:00:00Z', ['a']),
      change('new', '2026-01-02T00:00:00Z', ['a', 'b']),
    ]);
    expect(found.get('a')?.map((one) => one.id)).toEqual(['new', 'old']);
    expect(found.get('b')?.length).toBe(1);
  });
});
