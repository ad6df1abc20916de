// Layered layout of a small graph; loaded only where there is one to draw.
import ELK, { type ElkExtendedEdge, type ElkNode } from 'elkjs/lib/elk.bundled.js';

interface Point {
  x: number;
  y: number;
}
export interface Drawn {
  width: number;
  height: number;
  nodes: { id: string; x: number; y: number; width: number; height: number; lines: string[] }[];
  edges: { id: string; points: Point[]; label: (Point & { text: string }) | null }[];
}

/** Roughly how wide a letter is in the picture's font, in pixels. */
const LETTER = 7.9;
const WIDEST = 24;

/** A name on at most two lines: `api in ap-southeast-1` breaks before the place. */
export function lines(name: string): string[] {
  const at = name.indexOf(' in ');
  const parts = at > 0 ? [name.slice(0, at), name.slice(at + 1)] : [name];
  return parts.map((part) => (part.length > WIDEST ? `${part.slice(0, WIDEST - 1)}…` : part));
}

export async function layout(
  nodes: { id: string; label: string }[],
  edges: { id: string; from: string; to: string; label: string }[],
): Promise<Drawn> {
  const elk = new ELK();
  const text = new Map(nodes.map((node) => [node.id, lines(node.label)]));
  const graph: ElkNode = {
    id: 'root',
    layoutOptions: {
      'elk.algorithm': 'layered',
      'elk.direction': 'RIGHT',
      'elk.layered.spacing.nodeNodeBetweenLayers': '48',
      'elk.spacing.nodeNode': '18',
      'elk.edgeRouting': 'ORTHOGONAL',
      'elk.layered.considerModelOrder.strategy': 'NODES_AND_EDGES',
      'elk.padding': '[top=6,left=6,bottom=6,right=6]',
    },
    children: nodes.map((node) => {
      const said = text.get(node.id) ?? [];
      const longest = Math.max(9, ...said.map((line) => line.length));
      return { id: node.id, width: Math.round(longest * LETTER) + 26, height: 34 + said.length * 15 };
    }),
    edges: edges.map((edge) => ({
      id: edge.id,
      sources: [edge.from],
      targets: [edge.to],
      labels: [{ text: edge.label, width: edge.label.length * 6, height: 13 }],
    })),
  };
  const done = await elk.layout(graph);
  return {
    width: Math.ceil(done.width ?? 0),
    height: Math.ceil(done.height ?? 0),
    nodes: (done.children ?? []).map((child) => ({
      id: child.id,
      x: child.x ?? 0,
      y: child.y ?? 0,
      width: child.width ?? 0,
      height: child.height ?? 0,
      lines: text.get(child.id) ?? [],
    })),
    edges: ((done.edges ?? []) as ElkExtendedEdge[]).map((edge) => {
      const section = edge.sections?.[0];
      const label = edge.labels?.[0];
      return {
        id: edge.id,
        points: section ? [section.startPoint, ...(section.bendPoints ?? []), section.endPoint] : [],
        label:
          label && label.x !== undefined && label.y !== undefined
            ? { x: label.x, y: label.y + 10, text: label.text ?? '' }
            : null,
      };
    }),
  };
}
