// The drawing of the map; loaded only where there is one to draw. Far away neighbourhoods stand for what is in them; near,
// each entity is there. Whoever is not well carries a shape as well as a colour, and always its name.
import Graph from 'graphology';
import Sigma from 'sigma';
import type { Topology } from '../api/shapes';
import type { Health } from './health';
import { plane } from './layout';

/** Beyond so many entities the map begins with neighbourhoods. */
const MANY = 600;
/** The camera's ratio above which neighbourhoods are shown in place of entities. */
const FAR = 0.55;

export interface Wanted {
  topology: Topology;
  stands: Map<string, Health>;
  /** Entities with changes that were made of late. */
  changed: Set<string>;
  /** Edges, as `from\nto`, by which failure travels. */
  lit: Set<string>;
  pick(id: string): void;
  colour(name: string): string;
}
export interface Drawn {
  /** Shows one with its neighbours; an empty name shows everything. */
  focus(id: string, move: boolean): void;
  zoom(by: number): void;
  restand(stands: Map<string, Health>, lit: Set<string>): void;
  kill(): void;
}

interface NodeLook {
  x: number;
  y: number;
  size: number;
  label: string;
  color: string;
  kind: 'entity' | 'satellite' | 'group';
  id: string;
}

const GROUP = '\u0000group ';

export function draw(node: HTMLElement, wanted: Wanted): Drawn {
  const { topology, changed, pick, colour } = wanted;
  let { stands, lit } = wanted;
  const look = {
    ink: colour('ink'),
    faint: colour('faint'),
    edge: colour('edge'),
    hair: colour('hair'),
    sheet: colour('sheet'),
    ground: colour('well'),
    bad: colour('bad'),
    ask: colour('ask'),
    work: colour('work'),
    plain: colour('node'),
    small: colour('node-small'),
    change: colour('change'),
  };
  const tones: Record<string, string> = { bad: look.bad, ask: look.ask, work: look.work };
  const { places, groups } = plane(topology);
  const many = topology.entities.length > MANY && groups.length > 1;
  const graph = new Graph({ multi: true, type: 'directed' });
  for (const one of topology.entities) {
    const place = places.get(one.id);
    if (!place) continue;
    const satellite = place.around !== '';
    graph.addNode(one.id, {
      x: place.x,
      y: place.y,
      size: satellite ? 2.4 : 6,
      label: one.name,
      color: satellite ? look.small : look.plain,
      kind: satellite ? 'satellite' : 'entity',
      id: one.id,
    } satisfies NodeLook);
  }
  const between = new Map<string, number>();
  for (const { from, to, kind } of topology.edges) {
    if (!graph.hasNode(from) || !graph.hasNode(to)) continue;
    const [a, b] = [places.get(from), places.get(to)];
    const own = a?.around === to || b?.around === from;
    graph.addDirectedEdge(from, to, {
      size: own ? 0.4 : 1.1,
      color: own ? look.hair : look.edge,
      near: true,
      type: own ? 'line' : 'arrow',
      key: `${from}\n${to}`,
      kind: kind ?? 'calls',
    });
    if (many && a && b && a.group !== b.group) {
      const key = `${a.group}\n${b.group}`;
      between.set(key, (between.get(key) ?? 0) + 1);
    }
  }
  if (many) {
    for (const group of groups) {
      graph.addNode(GROUP + group.name, {
        x: group.x,
        y: group.y,
        size: Math.min(34, 6 + Math.sqrt(group.members.length)),
        label: '',
        color: look.plain,
        kind: 'group',
        id: group.name,
      } satisfies NodeLook);
    }
    for (const [key, count] of between) {
      const [from = '', to = ''] = key.split('\n');
      graph.addDirectedEdge(GROUP + from, GROUP + to, {
        size: Math.min(6, 1 + Math.log2(count)),
        color: look.edge,
        near: false,
        type: 'line',
        key: '',
        kind: '',
      });
    }
  }

  let far = many;
  let picked = '';
  let near = new Set<string>();
  /** How many of a neighbourhood are not well. */
  let unwell = new Map<string, number>();
  const count = () => {
    unwell = new Map();
    for (const [id, { tone }] of stands) {
      const group = places.get(id)?.group;
      if (group !== undefined && tone !== 'quiet' && tone !== 'good')
        unwell.set(group, (unwell.get(group) ?? 0) + 1);
    }
  };
  count();

  /** The shape that says how one stands, drawn over its dot: an octagon with a cross, a triangle, a half moon. */
  const shape = (c: CanvasRenderingContext2D, x: number, y: number, tone: string, size: number) => {
    const r = Math.max(7, size + 2);
    c.lineWidth = 2;
    c.fillStyle = tones[tone] ?? look.faint;
    c.strokeStyle = look.sheet;
    c.beginPath();
    if (tone === 'bad') {
      for (let corner = 0; corner < 8; corner += 1) {
        const turn = Math.PI / 8 + (corner * Math.PI) / 4;
        c.lineTo(x + r * Math.cos(turn), y + r * Math.sin(turn));
      }
      c.closePath();
      c.fill();
      c.stroke();
      c.beginPath();
      c.moveTo(x - r / 2.6, y - r / 2.6);
      c.lineTo(x + r / 2.6, y + r / 2.6);
      c.moveTo(x + r / 2.6, y - r / 2.6);
      c.lineTo(x - r / 2.6, y + r / 2.6);
      c.stroke();
    } else if (tone === 'ask') {
      c.moveTo(x, y - r);
      c.lineTo(x + r, y + r * 0.8);
      c.lineTo(x - r, y + r * 0.8);
      c.closePath();
      c.fill();
      c.stroke();
      c.fillStyle = look.sheet;
      c.fillRect(x - 1, y - r * 0.35, 2, r * 0.55);
      c.fillRect(x - 1, y + r * 0.35, 2, 2);
    } else {
      c.arc(x, y, r, -Math.PI / 2, Math.PI / 2);
      c.closePath();
      c.fill();
      c.stroke();
    }
  };
  type Shown = { x: number; y: number; size: number; label: string | null; id?: string; kind?: string };
  const label = (c: CanvasRenderingContext2D, data: Shown) => {
    const group = data.kind === 'group';
    const stand = group ? undefined : stands.get(data.id ?? '');
    const tone = group ? (unwell.get(data.id ?? '') ? 'bad' : '') : (stand?.tone ?? '');
    if (tone && tone !== 'quiet' && tone !== 'good') shape(c, data.x, data.y, tone, group ? 6 : data.size);
    if (!group && changed.has(data.id ?? '')) {
      // A flag, as on the series: something was changed here.
      c.fillStyle = look.change;
      c.beginPath();
      c.moveTo(data.x, data.y - data.size - 12);
      c.lineTo(data.x + 8, data.y - data.size - 8.5);
      c.lineTo(data.x, data.y - data.size - 5);
      c.fill();
      c.fillRect(data.x - 1, data.y - data.size - 12, 1.5, 12);
    }
    if (!data.label) return;
    const strong = group || (stand && tone !== '');
    c.font = `${strong ? 600 : 400} ${group ? 13 : 12}px system-ui, sans-serif`;
    c.lineJoin = 'round';
    c.lineWidth = 3.5;
    c.strokeStyle = look.ground;
    c.fillStyle = look.ink;
    const reach = Math.max(data.size, tone ? 9 : 0);
    const [x, y] = [data.x, data.y + reach + (group ? 15 : 13)];
    c.textAlign = 'center';
    // `api in ap-southeast-1` breaks before the place, so that columns may stand near each other.
    const said = group ? [data.label] : data.label.split(/ (?=in )/).slice(0, 2);
    for (const [index, line] of said.entries()) {
      const text = line.length > 28 ? `${line.slice(0, 27)}…` : line;
      c.strokeText(text, x, y + index * 14);
      c.fillText(text, x, y + index * 14);
    }
    c.textAlign = 'left';
  };

  const sigma = new Sigma(graph, node, {
    allowInvalidContainer: true,
    hideEdgesOnMove: topology.edges.length > 4000,
    hideLabelsOnMove: false,
    labelDensity: many ? 0.6 : 3,
    labelGridCellSize: 110,
    labelRenderedSizeThreshold: many ? 5 : 3.5,
    labelFont: 'system-ui, sans-serif',
    defaultEdgeType: 'line',
    // Near, things grow a little and no more: what is near must not hide what is behind it.
    zoomToSizeRatioFunction: (ratio) => Math.max(0.4, Math.sqrt(ratio)),
    minCameraRatio: 0.004,
    maxCameraRatio: 2.5,
    stagePadding: 60,
    zIndex: true,
    defaultDrawNodeLabel: (context, data) => label(context, data as unknown as Shown),
    defaultDrawNodeHover: (context, data) => {
      const { x, y, size, kind } = data as unknown as Shown;
      // The pointer may lie where a neighbourhood was before the map came near.
      if (kind === 'group' && !far) return;
      context.strokeStyle = look.ink;
      context.lineWidth = 2;
      context.beginPath();
      context.arc(x, y, size + 5, 0, Math.PI * 2);
      context.stroke();
      label(context, data as unknown as Shown);
    },
    nodeReducer: (id, raw) => {
      const data = raw as unknown as NodeLook;
      if (data.kind === 'group') {
        if (!far) return { ...raw, hidden: true };
        const members = groups.find((group) => group.name === data.id)?.members.length ?? 0;
        const ill = unwell.get(data.id) ?? 0;
        const name = data.id || 'without a scope';
        return { ...raw, label: `${name} · ${members}${ill ? ` · ${ill} not well` : ''}`, forceLabel: true };
      }
      const stand = stands.get(id);
      const ill = stand !== undefined && stand.tone !== 'quiet' && stand.tone !== 'good';
      if (far) return { ...raw, hidden: true };
      if (picked && !near.has(id)) {
        return { ...raw, color: look.hair, label: '', zIndex: 0 };
      }
      if (id === picked) return { ...raw, highlighted: true, forceLabel: true, zIndex: 3 };
      if (ill) return { ...raw, color: tones[stand.tone] ?? data.color, forceLabel: true, zIndex: 2 };
      return { ...raw, forceLabel: picked !== '' && near.size < 40, zIndex: 1 };
    },
    edgeReducer: (_edge, raw) => {
      const data = raw as { near: boolean; key: string; size: number };
      if (data.near === far) return { ...raw, hidden: true };
      if (lit.has(data.key)) return { ...raw, color: look.bad, size: 3, zIndex: 2 };
      if (picked) {
        const [from, to] = data.key.split('\n');
        if (from === picked || to === picked) return { ...raw, color: look.ink, size: 1.8, zIndex: 1 };
        return { ...raw, color: look.ground };
      }
      return raw;
    },
  });
  // What a canvas shows is told in words beside it.
  for (const canvas of node.querySelectorAll('canvas')) canvas.setAttribute('aria-hidden', 'true');

  const camera = sigma.getCamera();
  // Whoever wants no motion is put there at once.
  const still = matchMedia('(prefers-reduced-motion: reduce)');
  const move = (to: { x?: number; y?: number; ratio?: number; angle?: number }, duration: number) => {
    if (still.matches) camera.setState({ ...camera.getState(), ...to });
    else void camera.animate(to, { duration });
  };
  camera.on('updated', ({ ratio }) => {
    const now = many && ratio > FAR;
    if (now !== far) {
      far = now;
      // The ring around what lay under the pointer belongs to what is no longer there.
      const rings = sigma.getCanvases().hovers;
      rings?.getContext('2d')?.clearRect(0, 0, rings.width, rings.height);
      sigma.refresh({ skipIndexation: true });
    }
  });
  sigma.on('clickNode', ({ node: id }) => {
    if (!id.startsWith(GROUP)) {
      pick(id);
      return;
    }
    const at = sigma.getNodeDisplayData(id);
    if (at) move({ x: at.x, y: at.y, ratio: FAR / 2.5 }, 250);
  });
  sigma.on('clickStage', () => pick(''));

  return {
    focus(id, go) {
      picked = graph.hasNode(id) ? id : '';
      near = new Set(picked ? [picked, ...graph.neighbors(picked)] : []);
      const at = picked && sigma.getNodeDisplayData(picked);
      if (go && at) {
        // So near that its neighbours are still to be seen.
        let reach = 0.03;
        for (const id of near) {
          const other = sigma.getNodeDisplayData(id);
          if (other) reach = Math.max(reach, Math.abs(other.x - at.x), Math.abs(other.y - at.y));
        }
        const ratio = many ? Math.min(FAR - 0.01, reach * 2.5) : camera.getState().ratio;
        far = false;
        move({ x: at.x, y: at.y, ratio }, 200);
      } else if (go) {
        move({ x: 0.5, y: 0.5, ratio: 1, angle: 0 }, 200);
      }
      sigma.refresh({ skipIndexation: true });
    },
    zoom(by) {
      const { ratio } = camera.getState();
      move({ ratio: Math.min(2.5, Math.max(0.004, ratio * by)) }, 150);
    },
    restand(now, edges) {
      stands = now;
      lit = edges;
      count();
      sigma.refresh({ skipIndexation: true });
    },
    kill: () => sigma.kill(),
  };
}
