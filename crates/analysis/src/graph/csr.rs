//! A graph in compressed sparse rows, both directions.

/// An edge, in the direction in which failure travels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge {
    /// Where a failure comes from.
    pub from: u32,
    /// Where it goes.
    pub to: u32,
    /// How sure we are that the edge exists and carries failures, 0..=1.
    pub confidence: f64,
}

/// Edges that could not be taken as given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GraphIrregularities {
    /// Edges to or from nodes that do not exist.
    pub nowhere: usize,
    /// Edges from a node to itself.
    pub to_self: usize,
    /// Further edges between the same two nodes; the most confident one is kept.
    pub repeated: usize,
    /// Confidences that are no number (left out) or outside 0..=1 (clipped); zero is left out too.
    pub confidence: usize,
}

/// A directed graph on nodes `0..len`.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    /// What was wrong with the edges.
    pub irregularities: GraphIrregularities,
    out: Rows,
    into: Rows,
}

#[derive(Debug, Clone, Default)]
struct Rows {
    first: Vec<u32>,
    other: Vec<u32>,
    confidence: Vec<f64>,
}

impl Graph {
    /// Builds from edges in any order. The neighbours of a node ascend.
    pub fn new(nodes: u32, edges: &[Edge]) -> Self {
        let mut irregularities = GraphIrregularities::default();
        let mut kept: Vec<Edge> = Vec::with_capacity(edges.len());
        for edge in edges {
            if edge.from >= nodes || edge.to >= nodes {
                irregularities.nowhere += 1;
            } else if edge.from == edge.to {
                irregularities.to_self += 1;
            } else {
                let confidence = edge.confidence.clamp(0.0, 1.0);
                irregularities.confidence +=
                    usize::from(confidence != edge.confidence || confidence == 0.0);
                if confidence > 0.0 {
                    kept.push(Edge {
                        confidence,
                        ..*edge
                    });
                }
            }
        }
        let order = |a: &Edge, b: &Edge| {
            (a.from, a.to)
                .cmp(&(b.from, b.to))
                .then(b.confidence.total_cmp(&a.confidence))
        };
        kept.sort_unstable_by(order);
        let before = kept.len();
        kept.dedup_by_key(|e| (e.from, e.to));
        irregularities.repeated = before - kept.len();
        let out = Rows::new(nodes, kept.iter().map(|e| (e.from, e.to, e.confidence)));
        kept.sort_unstable_by_key(|e| (e.to, e.from));
        let into = Rows::new(nodes, kept.iter().map(|e| (e.to, e.from, e.confidence)));
        Self {
            irregularities,
            out,
            into,
        }
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.out.first.len().saturating_sub(1)
    }

    /// No nodes?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of edges kept.
    pub fn edges(&self) -> usize {
        self.out.other.len()
    }

    /// Where failure goes from this node, with confidence; nothing for a node that does not exist.
    pub fn out(&self, node: u32) -> impl Iterator<Item = (u32, f64)> + '_ {
        self.out.row(node)
    }

    /// Where failure comes to this node from, with confidence.
    pub fn into(&self, node: u32) -> impl Iterator<Item = (u32, f64)> + '_ {
        self.into.row(node)
    }
}

impl Rows {
    fn new(nodes: u32, sorted: impl Iterator<Item = (u32, u32, f64)>) -> Self {
        let mut rows = Self {
            first: vec![0; nodes as usize + 1],
            other: Vec::new(),
            confidence: Vec::new(),
        };
        for (node, other, confidence) in sorted {
            rows.first[node as usize + 1] += 1;
            rows.other.push(other);
            rows.confidence.push(confidence);
        }
        for i in 0..nodes as usize {
            rows.first[i + 1] += rows.first[i];
        }
        rows
    }

    fn row(&self, node: u32) -> impl Iterator<Item = (u32, f64)> + '_ {
        let at = node as usize;
        let range = match (self.first.get(at), self.first.get(at + 1)) {
            (Some(from), Some(to)) => *from as usize..*to as usize,
            _ => 0..0,
        };
        self.other[range.clone()]
            .iter()
            .copied()
            .zip(self.confidence[range].iter().copied())
    }
}
