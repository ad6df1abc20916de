//! Which mechanisms do the observations speak of, and which predictions come true?
//!
//! Pure: the scene, the facts and the catalogue go in, hits and outcomes come out. "Seen", "looked and not
//! seen" and "could not look" are three different answers, here as everywhere.

mod change;
mod compiled;
mod document;
mod names;
mod series;
mod view;

pub(crate) use change::brings_to_nothing;
#[cfg(test)]
pub(crate) use change::is_failure_word;
#[cfg(test)]
pub(crate) use compiled::expressions;
pub use compiled::{Compiled, compiled};
pub use view::Matcher;

use std::collections::{BTreeMap, BTreeSet};

use model::{SourceKind, Timestamp};

use crate::catalogue::{Condition, Where};
use crate::facts::Facts;
use crate::scene::Scene;

/// One observation that a condition rests on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FactRef {
    /// Number in `Facts::logs`.
    Log(u32),
    /// Number in `Facts::events`.
    Event(u32),
    /// Number in `Facts::states`, and the dotted path that shows it.
    State(u32, String),
    /// Number in `Facts::series`.
    Series(u32),
    /// Number in `Facts::edges`.
    Edge(u32),
    /// Number in `Facts::work`.
    Work(u32),
    /// Number in `Facts::changes`.
    Change(u32),
}

/// What became of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Looked, and seen.
    Met(Vec<FactRef>),
    /// Looked, and not seen.
    Unmet,
    /// Could not look: that kind of source was not collected, or holds nothing of that sort there.
    NotCovered,
}

impl Outcome {
    /// Was it seen?
    pub fn is_met(&self) -> bool {
        matches!(self, Self::Met(_))
    }
}

/// A signature that was seen, and whom it speaks of.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// Number in the catalogue.
    pub mechanism: u32,
    /// Which of the mechanism's signatures.
    pub signature: u32,
    /// The candidate: the unit where it was seen, or the one that the text names.
    pub unit: u32,
    /// The unit where it was seen.
    pub seen_on: u32,
    /// Did the text name the candidate?
    pub named: bool,
    /// Which kind of source.
    pub source: SourceKind,
    /// Nats.
    pub strength: f64,
    /// What it rests on; sorted, at least one.
    pub refs: Vec<FactRef>,
    /// First time it was seen, where the observation has a time.
    pub first: Option<Timestamp>,
    /// Last time it was seen, where the observation has a time.
    pub last: Option<Timestamp>,
}

/// Nats of a signature that states none: generic.
const GENERIC: f64 = 2.0;

/// All signatures that are seen, sorted by (mechanism, unit, signature). Who asks more than once builds
/// a [`Matcher`].
pub fn matches(scene: &Scene, facts: &Facts, compiled: &Compiled) -> Vec<Hit> {
    Matcher::new(scene, facts, compiled).matches()
}

/// Does the condition hold, seen from the candidate `unit`? Who asks more than once builds a [`Matcher`].
pub fn test(condition: &Condition, unit: u32, scene: &Scene, facts: &Facts) -> Outcome {
    Matcher::new(scene, facts, compiled()).test(condition, unit)
}

/// From what is seen in each fact to one hit per mechanism, candidate and signature.
fn collect(matcher: &Matcher<'_>) -> Vec<Hit> {
    let (scene, compiled) = (matcher.scene, matcher.compiled);
    let mut found: BTreeMap<(u32, u32, u32), Hit> = BTreeMap::new();
    let sightings = matcher.sightings();
    // Who is told with the name of whoever has the trouble does not have it as well: that a certificate has run out is the
    // complaint of whom it was shown to.
    let elsewhere: BTreeSet<(u32, &FactRef)> = sightings
        .iter()
        .filter(|one| {
            let named = one.named.filter(|named| *named != one.unit);
            named.is_some_and(|named| !holds(scene, one.unit, named))
        })
        .map(|one| (one.signature.0, &one.fact))
        .collect();
    for sighting in &sightings {
        let (mechanism, signature) = sighting.signature;
        let condition =
            &compiled.catalogue().mechanisms[mechanism as usize].signatures[signature as usize];
        let plainly = sighting.named.is_some() || condition.own || condition.lookup;
        if !plainly && elsewhere.contains(&(mechanism, &sighting.fact)) {
            continue;
        }
        let Some(source) = condition.source() else {
            continue;
        };
        let candidates: Vec<u32> = match (sighting.named, condition.place) {
            (named, _) if condition.lookup => matcher.answerers(sighting.unit, named),
            // A line about a role speaks of whoever acts under it no less: the right may have been taken from the
            // role, or the role from its holder.
            (Some(named), _) if holds(scene, sighting.unit, named) => vec![named, sighting.unit],
            (Some(named), _) => vec![named],
            (None, Where::Itself | Where::Anywhere) => vec![sighting.unit],
            (None, Where::Below) => scene.above(sighting.unit).map(|(unit, _)| unit).collect(),
            (None, Where::Above) => {
                let below = scene.below(sighting.unit).map(|(unit, _)| unit);
                let named = matcher.mentions(&sighting.fact);
                below
                    .filter(|unit| named.is_empty() || named.contains(unit))
                    .collect()
            }
        };
        for unit in candidates {
            if !compiled.can_break(mechanism, scene.entities[unit as usize].kind) {
                continue;
            }
            let (first, last) = matcher.span_of(&sighting.fact);
            let hit = found
                .entry((mechanism, unit, signature))
                .or_insert_with(|| Hit {
                    mechanism,
                    signature,
                    unit,
                    seen_on: sighting.unit,
                    named: if condition.lookup {
                        unit != sighting.unit
                    } else {
                        sighting.named.is_some()
                    },
                    source,
                    strength: condition.nats.filter(|n| n.is_finite()).unwrap_or(GENERIC),
                    refs: Vec::new(),
                    first: None,
                    last: None,
                });
            hit.refs.push(sighting.fact.clone());
            hit.first = [hit.first, first].into_iter().flatten().min();
            hit.last = hit.last.max(last);
        }
    }
    let mut hits: Vec<Hit> = found.into_values().collect();
    for hit in &mut hits {
        hit.refs.sort();
        hit.refs.dedup();
    }
    hits
}

/// Does `unit` act under this role?
fn holds(scene: &Scene, unit: u32, role: u32) -> bool {
    scene
        .below(unit)
        .any(|(below, edge)| below == role && edge.kind == model::EdgeKind::UsesRole)
}

#[cfg(test)]
mod tests;
