// Where everything stands on the map. Pure and without chance: the same topology is the same picture, so that a person who
// knows the map finds things where they were. Callers stand to the left, what they lean on to the right; copies, roles,
// settings and hosts stand around the one that they belong to; what lies in one scope stands together.
import type { Edge, Entity, Topology } from '../api/shapes';

export interface Place {
  x: number;
  y: number;
  /** The neighbourhood that it stands in. */
  group: string;
  /** The entity around which it stands; empty for one that stands by itself. */
  around: string;
}
export interface Neighbourhood {
  name: string;
  x: number;
  y: number;
  /** How far it reaches from its middle. */
  radius: number;
  members: string[];
}
export interface Plane {
  places: Map<string, Place>;
  groups: Neighbourhood[];
}

/** Kinds that stand around another: they are many, and few of them matter at once. */
const SATELLITES = new Set(['pod', 'container', 'role', 'config', 'quota', 'table', 'workload', 'host']);
/** Edges that tell whose satellite something is, the strongest first. */
const OWNING = ['served_by', 'runs_on', 'uses_role', 'uses_config', 'bound_by', 'part_of'];
/** Edges along which requests and data go. */
const FLOWS = new Set(['calls', 'consumes', 'produces', 'replicates_from']);
/** Of these some are leaned on like any other: then they stand by themselves. */
const SOMETIMES = new Set(['table', 'workload', 'host']);
/** Labels by which people call a part of their system, the most telling first; `cloud.region` is a region too. */
const SCOPES = ['region', 'namespace', 'team', 'cluster', 'account', 'zone'];
/** With fewer there is one picture, read from left to right; neighbourhoods would only tear it apart. */
const FEW = 80;

/** Room around an entity that stands by itself, in the map's own units: more where there are few. */
const ROOM = 5;
const ROOM_OF_FEW = 10;
const WIDE = 14;
/** Room between neighbourhoods. */
const GAP = 14;

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const push = <T>(map: Map<string, T[]>, key: string, item: T): void => {
  const list = map.get(key);
  if (list) list.push(item);
  else map.set(key, [item]);
};

/** Whose satellite each satellite is: the end of its strongest owning edge; among several the first by name. */
function owners(entities: Map<string, Entity>, edges: readonly Edge[]): Map<string, string> {
  const flows = new Set(
    edges.filter((edge) => FLOWS.has(edge.kind ?? 'calls')).flatMap((edge) => [edge.from, edge.to]),
  );
  const small = (one: Entity): boolean =>
    SATELLITES.has(one.kind ?? '') && !(SOMETIMES.has(one.kind ?? '') && flows.has(one.id));
  const rank = new Map<string, number>();
  const owner = new Map<string, string>();
  for (const edge of edges) {
    const strength = OWNING.indexOf(edge.kind ?? 'calls');
    if (strength < 0) continue;
    for (const [one, other] of [
      [edge.from, edge.to],
      [edge.to, edge.from],
    ] as const) {
      const lesser = entities.get(one);
      const large = entities.get(other);
      if (!lesser || !large || !small(lesser) || large.kind === 'scope') continue;
      // A pod belongs to its service rather than to its host; a host to whatever runs on it first.
      const weight = strength + (small(large) ? 10 : 0);
      const known = rank.get(one) ?? 99;
      if (weight < known || (weight === known && byText(other, owner.get(one) ?? '') < 0)) {
        rank.set(one, weight);
        owner.set(one, other);
      }
    }
  }
  // Followed to one that stands by itself; those that only point at each other stand by themselves.
  const settled = new Map<string, string>();
  for (const id of owner.keys()) {
    let at = id;
    const seen = new Set<string>();
    while (owner.has(at) && !seen.has(at)) {
      seen.add(at);
      at = owner.get(at) ?? at;
    }
    if (!seen.has(at)) settled.set(id, at);
  }
  return settled;
}

/** In which neighbourhood each stands: by a label that divides them, by the scope that it is part of, else together. */
function scopes(alone: string[], entities: Map<string, Entity>, edges: readonly Edge[]): Map<string, string> {
  const within = new Map<string, string>();
  for (const edge of edges) {
    if (edge.kind === 'part_of' && entities.get(edge.to)?.kind === 'scope' && !within.has(edge.from)) {
      within.set(edge.from, entities.get(edge.to)?.name ?? edge.to);
    }
  }
  const count = new Map<string, Map<string, number>>();
  for (const id of alone) {
    for (const [name, value] of Object.entries(entities.get(id)?.labels ?? {})) {
      const values = count.get(name) ?? new Map<string, number>();
      values.set(value, (values.get(value) ?? 0) + 1);
      count.set(name, values);
    }
  }
  const told = (values: Map<string, number>): number => [...values.values()].reduce((a, b) => a + b, 0);
  const dividing = [...count]
    .filter(([, values]) => values.size > 1 && told(values) * 2 >= alone.length)
    .map(([name]) => name)
    .sort(byText);
  const label = SCOPES.flatMap((scope) =>
    dividing.filter((name) => name === scope || name.endsWith(`.${scope}`)),
  )[0];
  const found = new Map<string, string>();
  for (const id of alone) {
    if (alone.length <= FEW) {
      found.set(id, '');
      continue;
    }
    const named = label ? entities.get(id)?.labels?.[label] : undefined;
    found.set(id, named ?? within.get(id) ?? '');
  }
  return found;
}

/** How deep each stands below those who call it; edges that close a circle count for nothing. */
function depths(
  members: string[],
  out: Map<string, string[]>,
  into: Map<string, string[]>,
): Map<string, number> {
  const order: string[] = [];
  const state = new Map<string, 1 | 2>();
  const starts = [...members].sort(
    (a, b) => (into.get(a)?.length ?? 0) - (into.get(b)?.length ?? 0) || byText(a, b),
  );
  for (const start of starts) {
    if (state.has(start)) continue;
    const stack: [string, number][] = [[start, 0]];
    state.set(start, 1);
    while (stack.length > 0) {
      const top = stack[stack.length - 1] as [string, number];
      const next = out.get(top[0])?.[top[1]];
      top[1] += 1;
      if (next === undefined) {
        state.set(top[0], 2);
        order.push(top[0]);
        stack.pop();
      } else if (!state.has(next)) {
        state.set(next, 1);
        stack.push([next, 0]);
      }
    }
  }
  order.reverse();
  const place = new Map(order.map((id, index) => [id, index]));
  const depth = new Map<string, number>(members.map((id) => [id, 0]));
  for (const id of order) {
    for (const next of out.get(id) ?? []) {
      if ((place.get(next) ?? 0) > (place.get(id) ?? 0)) {
        depth.set(next, Math.max(depth.get(next) ?? 0, Math.min(11, (depth.get(id) ?? 0) + 1)));
      }
    }
  }
  return depth;
}

/** How far satellites reach around the one that they belong to. */
const reach = (satellites: number): number => (satellites === 0 ? 0 : 1.6 + 0.85 * Math.sqrt(satellites));

/** One neighbourhood: columns by depth, each in the order of those who call it. Its own origin is its corner. */
function columns(
  members: string[],
  satellites: Map<string, string[]>,
  out: Map<string, string[]>,
  into: Map<string, string[]>,
): { at: Map<string, [number, number]>; width: number; height: number } {
  const depth = depths(members, out, into);
  const layers: string[][] = [];
  for (const id of members) {
    // What is leaned on by nobody and leans on nobody comes last, rather than before those who are called first.
    const apart = !out.has(id) && !into.has(id);
    const layer = apart ? 12 : (depth.get(id) ?? 0);
    layers[layer] ??= [];
    layers[layer].push(id);
  }
  const filled = layers.filter((layer) => layer !== undefined);
  const rank = new Map<string, number>();
  for (const layer of filled) {
    layer.sort(byText);
    for (const [index, id] of layer.entries()) rank.set(id, (index + 0.5) / layer.length);
  }
  for (let sweep = 0; sweep < 4; sweep += 1) {
    for (const layer of filled) {
      const weight = (id: string): number => {
        const near = [...(into.get(id) ?? []), ...(out.get(id) ?? [])].filter((one) => rank.has(one));
        if (near.length === 0) return rank.get(id) ?? 0;
        return near.reduce((sum, one) => sum + (rank.get(one) ?? 0), 0) / near.length;
      };
      const weights = new Map(layer.map((id) => [id, weight(id)]));
      layer.sort((a, b) => (weights.get(a) ?? 0) - (weights.get(b) ?? 0) || byText(a, b));
      for (const [index, id] of layer.entries()) rank.set(id, (index + 0.5) / layer.length);
    }
  }
  const own = members.length <= FEW ? ROOM_OF_FEW : ROOM;
  const room = (id: string): number => own + 2 * reach(satellites.get(id)?.length ?? 0);
  const all = members.reduce((sum, id) => sum + room(id), 0);
  // No column is so tall that the neighbourhood becomes a thread.
  const tallest = Math.max(...members.map(room), Math.sqrt(all * WIDE) * 0.85);
  const at = new Map<string, [number, number]>();
  const stacks: { ids: string[]; height: number; wide: number }[] = [];
  for (const layer of filled) {
    let stack: { ids: string[]; height: number; wide: number } | undefined;
    for (const id of layer) {
      if (!stack || stack.height + room(id) > tallest) {
        stack = { ids: [], height: 0, wide: WIDE };
        stacks.push(stack);
      }
      stack.ids.push(id);
      stack.height += room(id);
      stack.wide = Math.max(stack.wide, WIDE + 2 * reach(satellites.get(id)?.length ?? 0));
    }
  }
  const height = Math.max(...stacks.map((stack) => stack.height));
  let x = 0;
  for (const stack of stacks) {
    let y = (height - stack.height) / 2;
    for (const id of stack.ids) {
      at.set(id, [x + stack.wide / 2, y + room(id) / 2]);
      y += room(id);
    }
    x += stack.wide;
  }
  if (members.length > FEW || height >= x * 0.9) return { at, width: x, height };
  // A few in a long row: drawn apart, each second column a little lower, so that their names do not meet.
  const apart = Math.min(4, (x * 0.9) / height);
  const columnsOf = new Map([...new Set([...at.values()].map(([left]) => left))].map((left, n) => [left, n]));
  for (const [id, [left, top]] of at) {
    const lower = (columnsOf.get(left) ?? 0) % 2 === 0 ? 0 : own * 0.22 * apart;
    at.set(id, [left, top * apart + lower]);
  }
  return { at, width: x, height: height * apart + own * 0.22 * apart };
}

/** The golden angle: satellites that follow it never stand on one another. */
const TURN = Math.PI * (3 - Math.sqrt(5));

/** Puts everything in its place. */
export function plane(topology: Topology): Plane {
  const entities = new Map(topology.entities.map((one) => [one.id, one]));
  const edges = topology.edges
    .filter((edge) => entities.has(edge.from) && entities.has(edge.to))
    .sort((a, b) => byText(a.from, b.from) || byText(a.to, b.to) || byText(a.kind ?? '', b.kind ?? ''));
  const owner = owners(entities, edges);
  const satellites = new Map<string, string[]>();
  for (const id of [...owner.keys()].sort(byText)) push(satellites, owner.get(id) ?? '', id);
  const alone = [...entities.keys()].filter((id) => !owner.has(id)).sort(byText);
  const scope = scopes(alone, entities, edges);
  const members = new Map<string, string[]>();
  for (const id of alone) push(members, scope.get(id) ?? '', id);
  const out = new Map<string, string[]>();
  const into = new Map<string, string[]>();
  for (const edge of edges) {
    const [from, to] = [owner.get(edge.from) ?? edge.from, owner.get(edge.to) ?? edge.to];
    if (from === to || !FLOWS.has(edge.kind ?? 'calls') || scope.get(from) !== scope.get(to)) continue;
    push(out, from, to);
    push(into, to, from);
  }

  const laid = [...members]
    .map(([name, ids]) => ({ name, ids, ...columns(ids, satellites, out, into) }))
    .sort((a, b) => b.height - a.height || b.ids.length - a.ids.length || byText(a.name, b.name));
  const area = laid.reduce((sum, one) => sum + (one.width + GAP) * (one.height + GAP), 0);
  const wide = Math.max(...laid.map((one) => one.width), Math.sqrt(area) * 1.35);
  const places = new Map<string, Place>();
  const groups: Neighbourhood[] = [];
  let [x, y, shelf] = [0, 0, 0];
  for (const one of laid) {
    if (x > 0 && x + one.width > wide) {
      x = 0;
      y += shelf + GAP;
      shelf = 0;
    }
    const inside: string[] = [];
    for (const id of one.ids) {
      const [left, top] = one.at.get(id) ?? [0, 0];
      const [px, py] = [x + left, -(y + top)];
      places.set(id, { x: px, y: py, group: one.name, around: '' });
      inside.push(id);
      (satellites.get(id) ?? []).forEach((satellite, index) => {
        const far = 1.9 + 0.85 * Math.sqrt(index);
        places.set(satellite, {
          x: px + far * Math.cos(index * TURN),
          y: py + far * Math.sin(index * TURN),
          group: one.name,
          around: id,
        });
        inside.push(satellite);
      });
    }
    groups.push({
      name: one.name,
      x: x + one.width / 2,
      y: -(y + one.height / 2),
      radius: Math.max(one.width, one.height) / 2,
      members: inside,
    });
    x += one.width + GAP;
    shelf = Math.max(shelf, one.height);
  }
  return { places, groups };
}
