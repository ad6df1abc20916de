//! The smallest part of a system that can hold the fault.

use std::collections::BTreeMap;

use super::{Graph, components};

/// A part: where the fault must be, and where it shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The origin: one node, or the nodes of one loop, or several where no single one reaches all symptoms.
    /// Ascending.
    pub heads: Vec<u32>,
    /// Heads, symptoms and everything on a way between them. Ascending.
    pub nodes: Vec<u32>,
    /// Symptoms that no allowed node reaches.
    pub unreached: Vec<u32>,
}

/// The smallest set of nodes whose failure explains all symptoms: the fewest heads, and among equally few those
/// that reach the least beyond the symptoms, so that the lowest node which explains all wins over what it leans on.
///
/// A head explains a symptom that it reaches within `hops` edges. Nodes in `excluded` (shown to be healthy) are no
/// heads, and nothing passes through them. A symptom explains itself. For the fewest heads, greedy covering: a
/// minimum is NP-hard, and a logarithmic factor is the best known.
pub fn smallest_part(graph: &Graph, symptoms: &[u32], excluded: &[u32], hops: u32) -> Part {
    let mut symptoms: Vec<u32> = symptoms
        .iter()
        .copied()
        .filter(|s| (*s as usize) < graph.len())
        .collect();
    symptoms.sort_unstable();
    symptoms.dedup();
    let mut banned = vec![false; graph.len()];
    for e in excluded.iter().filter(|e| (**e as usize) < graph.len()) {
        banned[*e as usize] = true;
    }
    let (allowed, unreached): (Vec<u32>, Vec<u32>) =
        symptoms.iter().partition(|s| !banned[**s as usize]);
    // Which symptoms each node explains, and how far away they are together.
    let mut explains: BTreeMap<u32, (Vec<u32>, u64)> = BTreeMap::new();
    for &symptom in &allowed {
        for (node, distance) in upstream(graph, symptom, &banned, hops) {
            let entry = explains.entry(node).or_default();
            entry.0.push(symptom);
            entry.1 += u64::from(distance);
        }
    }
    let mut left = allowed.clone();
    let mut heads: Vec<u32> = Vec::new();
    while !left.is_empty() {
        let covers = |set: &[u32]| set.iter().filter(|s| left.binary_search(s).is_ok()).count();
        let best = explains
            .iter()
            .map(|(node, (set, distance))| (std::cmp::Reverse(covers(set)), *distance, *node))
            .min();
        let Some((count, _, head)) = best.filter(|b| b.0.0 > 0) else {
            break;
        };
        debug_assert!(count.0 > 0);
        heads.push(head);
        left.retain(|s| explains.get(&head).is_none_or(|e| !e.0.contains(s)));
    }
    // The members of a loop cannot be told apart by reach alone.
    let folded = components(graph);
    let mut whole: Vec<u32> = heads
        .iter()
        .flat_map(|h| {
            folded.members[folded.of[*h as usize] as usize]
                .iter()
                .copied()
        })
        .filter(|m| !banned[*m as usize])
        .filter(|m| explains.contains_key(m))
        .collect();
    whole.sort_unstable();
    whole.dedup();
    let mut nodes: Vec<u32> = whole.iter().chain(&allowed).copied().collect();
    for &symptom in &allowed {
        let distances = upstream(graph, symptom, &banned, hops);
        for &head in &heads {
            // Downhill from the head: each step comes one edge nearer to the symptom.
            let mut at = head;
            while let Some(distance) = distances.get(&at).filter(|d| **d > 0) {
                nodes.push(at);
                let nearer = graph
                    .out(at)
                    .find(|(n, _)| distances.get(n).is_some_and(|d| d + 1 == *distance));
                let Some((next, _)) = nearer else { break };
                at = next;
            }
        }
    }
    nodes.sort_unstable();
    nodes.dedup();
    Part {
        heads: whole,
        nodes,
        unreached,
    }
}

/// Nodes from which `symptom` is reached, with their distance in edges, not through banned ones.
fn upstream(graph: &Graph, symptom: u32, banned: &[bool], hops: u32) -> BTreeMap<u32, u32> {
    let mut distance = BTreeMap::from([(symptom, 0u32)]);
    let mut wave = vec![symptom];
    for hop in 1..=hops {
        let mut next = Vec::new();
        for node in wave {
            for (from, _) in graph.into(node) {
                if !banned[from as usize] && !distance.contains_key(&from) {
                    distance.insert(from, hop);
                    next.push(from);
                }
            }
        }
        if next.is_empty() {
            break;
        }
        wave = next;
    }
    distance
}
