import { describe, expect, it } from 'vitest';
import type { Topology } from '../api/shapes';
import { plane } from './layout';

const small: Topology = {
  entities: [
    { id: 'db', kind: 'database', name: 'orders db' },
    { id: 'web', kind: 'gateway', name: 'web' },
    { id: 'orders', kind: 'service', name: 'orders' },
    { id: 'orders-1', kind: 'pod', name: 'orders-1' },
    { id: 'orders-2', kind: 'pod', name: 'orders-2' },
    { id: 'role', kind: 'role', name: 'orders role' },
    { id: 'loop-a', kind: 'pod', name: 'loop a' },
    { id: 'loop-b', kind: 'host', name: 'loop b' },
  ],
  edges: [
    { from: 'web', to: 'orders', kind: 'calls' },
    { from: 'orders', to: 'db', kind: 'calls' },
    { from: 'db', to: 'orders', kind: 'calls' },
    { from: 'orders', to: 'orders-1', kind: 'served_by' },
    { from: 'orders', to: 'orders-2', kind: 'served_by' },
    { from: 'orders-1', to: 'role', kind: 'uses_role' },
    { from: 'loop-a', to: 'loop-b', kind: 'runs_on' },
    { from: 'loop-b', to: 'nobody', kind: 'calls' },
  ],
};

/** As large as a big house: regions, services that call the next ones, copies. */
function large(count: number): Topology {
  const topology: Topology = { entities: [], edges: [] };
  for (let n = 0; n < count; n += 1) {
    const service = n % 8 === 0;
    const id = `e${n}`;
    topology.entities.push({
      id,
      name: id,
      kind: service ? 'service' : 'pod',
      labels: { namespace: `n${Math.floor(n / 400)}` },
    });
    if (service && n > 8) topology.edges.push({ from: `e${n - 8}`, to: id, kind: 'calls' });
    if (!service) topology.edges.push({ from: `e${n - (n % 8)}`, to: id, kind: 'served_by' });
  }
  return topology;
}

describe('the map', () => {
  it('puts callers to the left of what they lean on, also where a circle is closed', () => {
    const { places } = plane(small);
    const x = (id: string): number => places.get(id)?.x ?? Number.NaN;
    expect(x('web')).toBeLessThan(x('orders'));
    expect(x('orders')).toBeLessThan(x('db'));
  });

  it('puts copies and roles around the one that they belong to', () => {
    const { places } = plane(small);
    for (const id of ['orders-1', 'orders-2', 'role']) expect(places.get(id)?.around).toBe('orders');
    expect(places.get('web')?.around).toBe('');
  });

  it('gives every entity one place of its own, whatever the order in which they came', () => {
    const world = large(2000);
    const { places } = plane(world);
    expect(places.size).toBe(2000);
    const seen = new Set([...places.values()].map(({ x, y }) => `${x.toFixed(3)} ${y.toFixed(3)}`));
    expect(seen.size).toBe(2000);
    expect([...places.values()].every(({ x, y }) => Number.isFinite(x) && Number.isFinite(y))).toBe(true);
    const turned = plane({ entities: [...world.entities].reverse(), edges: [...world.edges].reverse() });
    const told = (all: typeof places) => JSON.stringify([...all].sort(([a], [b]) => (a < b ? -1 : 1)));
    expect(told(turned.places) === told(places)).toBe(true);
  });

  it('divides by the label that tells the most, and keeps neighbourhoods apart', () => {
    const { groups } = plane(large(2000));
    expect(groups.map((group) => group.name).sort()).toEqual(['n0', 'n1', 'n2', 'n3', 'n4']);
    expect(groups.flatMap((group) => group.members).length).toBe(2000);
  });

  it('takes ten thousand without growing by the square', () => {
    const time = (count: number): number => {
      const began = performance.now();
      expect(plane(large(count)).places.size).toBe(count);
      return performance.now() - began;
    };
    time(1000);
    // Ten times as many; a hundred times as long would be the square. Wide, for a machine that does other things too.
    expect(time(10_000)).toBeLessThan(40 * Math.max(5, time(1000)));
  }, 60_000);

  it('takes nothing', () => {
    expect(plane({ entities: [], edges: [] }).places.size).toBe(0);
  });
});
