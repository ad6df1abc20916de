//! Whose network is slow? Time on the wire, seen on edges, laid at the end that explains most of it.
//!
//! A delay on one unit's network shows on its edges and on nobody else's. A unit is suspected by the
//! share of its callers' edges (or of its callees') that are delayed: a caller with one slow edge among
//! eight is a victim, a callee whose every caller waits is not. The unit that explains most takes its
//! edges; the others keep what is left (greedy set cover).

use std::collections::{BTreeMap, BTreeSet};

use model::report::Onset;

use super::{MOST, felt, ramp};
use crate::facts::Facts;
use crate::kinds::FactRef;
use crate::pull::Anomaly;

/// Calls beyond which an edge is sure: ten say no less than a thousand.
const ENOUGH_CALLS: f64 = 10.0;
/// Delayed calls that bring a suspicion to 63 %.
const CONVINCING: f64 = 2.0;

/// From this part of the greatest suspicion on, another is as good.
const ABOUT_AS_LIKELY: f64 = 0.97;

struct Edge {
    fact: u32,
    caller: u32,
    callee: u32,
    /// How surely delayed, and by an amount that matters, 0..1.
    delayed: f64,
    /// Calls, up to [`ENOUGH_CALLS`].
    weight: f64,
    onset: Option<Onset>,
}

/// Delays on the wire, by unit. Those that another unit explains name it.
pub(super) fn anomalies(facts: &Facts) -> Vec<Anomaly> {
    let edges: Vec<Edge> = facts
        .edges
        .iter()
        .enumerate()
        .filter(|(_, fact)| fact.gap_calls.0 > 0 && fact.gap_calls.1 > 0)
        .map(|(i, fact)| Edge {
            fact: i as u32,
            caller: fact.caller,
            callee: fact.callee,
            delayed: ramp(fact.gap_z, 3.0, 6.0) * felt(fact.gap_ms.1 - fact.gap_ms.0),
            weight: (fact.gap_calls.1 as f64).min(ENOUGH_CALLS),
            onset: fact.gap_onset,
        })
        .collect();
    let mut of_unit: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (i, edge) in edges.iter().enumerate() {
        of_unit.entry(edge.caller).or_default().push(i);
        of_unit.entry(edge.callee).or_default().push(i);
    }
    let mut suspects: BTreeSet<u32> = edges
        .iter()
        .filter(|e| e.delayed > 0.0)
        .flat_map(|e| [e.caller, e.callee])
        .collect();
    // Who took each edge; none for those still open.
    let mut taken: Vec<Option<u32>> = vec![None; edges.len()];
    let mut found = Vec::new();
    while !suspects.is_empty() {
        let strengths: Vec<(f64, u32)> = suspects
            .iter()
            .map(|&unit| (suspicion(&edges, &of_unit[&unit], unit, &taken), unit))
            .filter(|(strength, _)| *strength > 0.0)
            .collect();
        let most = strengths.iter().map(|(s, _)| *s).fold(0.0, f64::max);
        let open = |unit: u32| -> f64 {
            let open = of_unit[&unit].iter().filter(|e| taken[**e].is_none());
            open.map(|e| edges[*e].delayed).sum()
        };
        // Of those that are about as likely, the one that explains most: a caller that waits for each of four is one
        // trouble, not four.
        let Some(&(strength, unit)) = strengths
            .iter()
            .filter(|(strength, _)| *strength >= ABOUT_AS_LIKELY * most)
            .max_by(|a, b| {
                open(a.1)
                    .total_cmp(&open(b.1))
                    .then(a.0.total_cmp(&b.0))
                    .then(b.1.cmp(&a.1))
            })
        else {
            break;
        };
        suspects.remove(&unit);
        let own: Vec<usize> = of_unit[&unit]
            .iter()
            .copied()
            .filter(|e| taken[*e].is_none() && edges[*e].delayed > 0.0)
            .collect();
        found.push(anomaly(&edges, &own, unit, strength, None));
        for edge in own {
            taken[edge] = Some(unit);
        }
    }
    for unit in suspects {
        let open = vec![None; edges.len()];
        let strength = suspicion(&edges, &of_unit[&unit], unit, &open);
        let touched: Vec<usize> = of_unit[&unit]
            .iter()
            .copied()
            .filter(|e| edges[*e].delayed > 0.0)
            .collect();
        let explained_by = touched.iter().find_map(|e| taken[*e]);
        found.push(anomaly(&edges, &touched, unit, strength, explained_by));
    }
    found
}

/// How well a delay of `unit` explains its edges that nobody has taken yet, in nats.
fn suspicion(edges: &[Edge], of_unit: &[usize], unit: u32, taken: &[Option<u32>]) -> f64 {
    // Delayed and all calls, inward and outward.
    let (mut inward, mut outward) = ((0.0, 0.0), (0.0, 0.0));
    for &i in of_unit {
        let edge = &edges[i];
        let side = if edge.callee == unit {
            &mut inward
        } else {
            &mut outward
        };
        side.1 += edge.weight;
        if taken[i].is_none() {
            side.0 += edge.delayed * edge.weight;
        }
    }
    let share = |(delayed, all): (f64, f64)| if all > 0.0 { delayed / all } else { 0.0 };
    let delayed = inward.0 + outward.0;
    MOST * share(inward).max(share(outward)) * (1.0 - (-delayed / CONVINCING).exp())
}

fn anomaly(
    edges: &[Edge],
    own: &[usize],
    unit: u32,
    strength: f64,
    explained_by: Option<u32>,
) -> Anomaly {
    let mut worst = own.to_vec();
    worst.sort_by(|a, b| {
        let sure = |e: usize| edges[e].delayed * edges[e].weight;
        sure(*b).total_cmp(&sure(*a)).then(a.cmp(b))
    });
    Anomaly {
        unit,
        kind: "network_delay",
        strength,
        explained_by,
        onset: own
            .iter()
            .filter_map(|e| edges[*e].onset)
            .min_by_key(|o| (o.hi, o.lo)),
        refs: worst
            .iter()
            .take(super::MOST_REFS)
            .map(|e| FactRef::Edge(edges[*e].fact))
            .collect(),
    }
}
