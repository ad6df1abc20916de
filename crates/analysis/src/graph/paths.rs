//! Reach and best paths: the product of the edges' confidences, times a decay for each hop.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use super::Graph;

/// What each hop costs, beyond its edge's confidence.
pub const DECAY: f64 = 0.9;

/// How a node is reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reach {
    /// Edges on the best path.
    pub hops: u32,
    /// Product of the confidences and of `DECAY` per hop, 0..=1; one for the start.
    pub strength: f64,
    /// The node before it on the best path; itself for the start.
    pub previous: u32,
}

/// All nodes that a failure of `start` can reach in at most `hops` edges, each by its best path, by node. The best
/// path is the strongest; of equals the shorter, then the one over the smaller node.
///
/// Layer by layer (Bellman-Ford), because with a bound on hops the strongest path to a node on the way may be too
/// long to go on from.
pub fn reach(graph: &Graph, start: u32, hops: u32) -> BTreeMap<u32, Reach> {
    let mut best: BTreeMap<u32, Reach> = BTreeMap::new();
    if (start as usize) >= graph.len() {
        return best;
    }
    best.insert(
        start,
        Reach {
            hops: 0,
            strength: 1.0,
            previous: start,
        },
    );
    let mut wave: BTreeMap<u32, f64> = BTreeMap::from([(start, 1.0)]);
    for hop in 1..=hops.min(graph.len() as u32) {
        let mut next: BTreeMap<u32, (f64, u32)> = BTreeMap::new();
        for (node, strength) in &wave {
            for (to, confidence) in graph.out(*node) {
                let reached = strength * confidence * DECAY;
                let known = best.get(&to).map_or(0.0, |r| r.strength);
                if reached <= known {
                    continue;
                }
                let slot = next.entry(to).or_insert((reached, *node));
                if reached > slot.0 {
                    *slot = (reached, *node);
                }
            }
        }
        if next.is_empty() {
            break;
        }
        wave.clear();
        for (node, (strength, previous)) in next {
            best.insert(
                node,
                Reach {
                    hops: hop,
                    strength,
                    previous,
                },
            );
            wave.insert(node, strength);
        }
    }
    best
}

/// The strongest path between two nodes, both ends included, with its strength; of equals the shorter, then the
/// one over smaller nodes. `None` if there is none. Dijkstra on the logarithm.
pub fn best_path(graph: &Graph, from: u32, to: u32) -> Option<(Vec<u32>, f64)> {
    let n = graph.len();
    if from as usize >= n || to as usize >= n {
        return None;
    }
    let mut known: Vec<Option<Step>> = vec![None; n];
    let mut heap = BinaryHeap::from([Step {
        strength: 1.0,
        hops: 0,
        node: from,
        previous: from,
    }]);
    while let Some(step) = heap.pop() {
        let slot = &mut known[step.node as usize];
        if slot.is_some() {
            continue;
        }
        *slot = Some(step);
        if step.node == to {
            break;
        }
        for (next, confidence) in graph.out(step.node) {
            if known[next as usize].is_none() {
                let strength = step.strength * confidence * DECAY;
                heap.push(Step {
                    strength,
                    hops: step.hops + 1,
                    node: next,
                    previous: step.node,
                });
            }
        }
    }
    let strength = known[to as usize]?.strength;
    let mut path = vec![to];
    let mut at = to;
    while at != from {
        at = known[at as usize]?.previous;
        path.push(at);
    }
    path.reverse();
    Some((path, strength))
}

/// All nodes within `hops` edges of any of `centres`, whatever the edges' direction, ascending.
pub fn neighbourhood(graph: &Graph, centres: &[u32], hops: u32) -> Vec<u32> {
    let mut distance: BTreeMap<u32, u32> = BTreeMap::new();
    let mut queue: VecDeque<u32> = VecDeque::new();
    for &centre in centres.iter().filter(|c| (**c as usize) < graph.len()) {
        if distance.insert(centre, 0).is_none() {
            queue.push_back(centre);
        }
    }
    while let Some(node) = queue.pop_front() {
        let next = distance.get(&node).copied().unwrap_or(0) + 1;
        if next > hops {
            continue;
        }
        for (other, _) in graph.out(node).chain(graph.into(node)) {
            distance.entry(other).or_insert_with(|| {
                queue.push_back(other);
                next
            });
        }
    }
    distance.into_keys().collect()
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Step {
    strength: f64,
    hops: u32,
    node: u32,
    previous: u32,
}

impl Eq for Step {}

impl Ord for Step {
    /// The greatest is the strongest, then the shortest, then the one with the smallest numbers.
    fn cmp(&self, other: &Self) -> Ordering {
        self.strength
            .total_cmp(&other.strength)
            .then(other.hops.cmp(&self.hops))
            .then(other.node.cmp(&self.node))
            .then(other.previous.cmp(&self.previous))
    }
}

impl PartialOrd for Step {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
