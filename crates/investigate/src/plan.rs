//! Which read tells most for its cost?
//!
//! Before a kind of source is read, its worth is the number of predictions of the live mechanisms that
//! it would test, each weighed by how probable the mechanism is so far; its cost is what such a read
//! usually takes. Nearly-free reads therefore come first, and long scans come when they can decide.

use model::SourceKind;

use crate::catalogue::{Condition, catalogue};
use crate::matching;
use crate::world::World;

/// Relative cost of reading one kind of source once: a list is cheap, a scan is dear.
fn cost(kind: SourceKind) -> f64 {
    match kind {
        SourceKind::Changes | SourceKind::Alarm | SourceKind::Topology | SourceKind::Lessons => 1.0,
        SourceKind::State | SourceKind::Events => 1.5,
        SourceKind::Metrics => 3.0,
        SourceKind::Traces => 6.0,
        SourceKind::Logs => 8.0,
    }
}

/// Which kind of source tests a condition.
pub fn source_of(condition: &Condition) -> SourceKind {
    if condition.log.is_some() || condition.steps.is_some() {
        SourceKind::Logs
    } else if condition.event.is_some() {
        SourceKind::Events
    } else if condition.state.is_some() {
        SourceKind::State
    } else if condition.trace.is_some() {
        SourceKind::Traces
    } else if condition.change.is_some() {
        SourceKind::Changes
    } else {
        SourceKind::Metrics
    }
}

/// How strongly each mechanism is suggested by what is known so far; 1 for not at all.
pub fn beliefs(world: &World<'_>) -> Vec<f64> {
    let mut belief = vec![1.0_f64; catalogue().mechanisms.len()];
    for hit in &matching::matches(&world.scene, &world.facts, matching::compiled()) {
        belief[hit.mechanism as usize] += hit.strength;
    }
    belief
}

/// The kind of source to read next, of those left; `None` when none is left.
pub fn next_read(beliefs: &[f64], left: &[SourceKind]) -> Option<SourceKind> {
    let worth = |kind: SourceKind| -> f64 {
        let tested = |mechanism: &crate::Mechanism| {
            let predictions = &mechanism.predict;
            mechanism
                .signatures
                .iter()
                .chain(&predictions.must)
                .chain(&predictions.may)
                .chain(&predictions.must_not)
                .filter(|c| source_of(c) == kind)
                .count() as f64
        };
        catalogue()
            .mechanisms
            .iter()
            .zip(beliefs)
            .map(|(m, b)| tested(m) * b)
            .sum::<f64>()
            / cost(kind)
    };
    // Lines are counted per request, and requests are known from spans: spans are read first.
    let traces_left = left.contains(&SourceKind::Traces);
    let ready = left
        .iter()
        .copied()
        .filter(|kind| !(traces_left && *kind == SourceKind::Logs));
    ready
        .map(|kind| (worth(kind), kind))
        .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))
        .map(|(_, kind)| kind)
}
