//! Which symptoms could be of which unit's making?

use std::collections::BTreeSet;

use rustc_hash::FxHashSet;

use crate::catalogue::{Spread, catalogue};
use crate::constants as k;
use crate::hypotheses::{self, Ground, Hypothesis};
use crate::kinds::FactRef;
use crate::role::Role;
use crate::symptoms::Seen as Symptom;

/// What is known of the ways from hypotheses to symptoms.
///
/// Where the map is known, those that a way leads to. Where it is not, anything could be of anybody's making, save
/// what has an explanation of its own: a unit that shows first-hand what ails it needs no stranger's trouble. Where a
/// unit shows it plainly, no other trouble elsewhere is needed for what it suffers.
pub(super) struct Ties {
    /// Per symptom: its own unit shows first-hand what could cause it.
    at_home: Vec<bool>,
    /// Per symptom: the mechanisms of which its own unit shows plainly that they cause it.
    settled: Vec<BTreeSet<u32>>,
    /// Per symptom of a sort that comes from nowhere else: the mechanisms seen at work there, and what brings those about.
    inborn: Vec<BTreeSet<u32>>,
    /// Per symptom: the units that could only be its source by way of calls which are well.
    barred: Vec<FxHashSet<u32>>,
}

impl Ties {
    pub(super) fn of(ground: &Ground<'_>, hypotheses: &[Hypothesis]) -> Self {
        let direct = |unit: u32| {
            hypotheses
                .iter()
                .any(|h| h.aside.is_none() && h.unit == unit && h.score.signature >= k::STRONG_SIGN)
        };
        let home = |s: &Symptom| {
            let unit = s.unit;
            hypotheses
                .iter()
                .filter(move |h| h.aside.is_none() && h.unit == unit && h.score.against <= 0.0)
        };
        let inborn = |s: &Symptom| {
            let at_work = home(s).filter(|h| is_inborn(ground, h, s) || is_crowded(ground, h, s));
            at_work
                .flat_map(|h| std::iter::once(h.mechanism).chain(causes_of(h)))
                .collect()
        };
        let plain = |s: &Symptom| {
            let with_change = |h: &Hypothesis| {
                h.score.signature >= k::PLAIN_SIGN && h.score.change >= k::STRONG_SIGN
            };
            // What fails with its own words needs no slowness elsewhere; what is slow may wait for another still.
            let in_its_words = |h: &Hypothesis| {
                matches!(s.aspect, "errors" | "logs" | "state")
                    && h.score.signature >= k::STRONG_SIGN
                    && !h.own.is_empty()
            };
            let plainly = home(s).filter(|h| with_change(h) || in_its_words(h));
            let told = hypotheses
                .iter()
                .filter(|h| tells_of(ground, h, s))
                .flat_map(|h| std::iter::once(h.mechanism).chain(causes_of(h)));
            plainly.map(|h| h.mechanism).chain(told).collect()
        };
        Self {
            at_home: ground.symptoms.iter().map(|s| direct(s.unit)).collect(),
            settled: ground.symptoms.iter().map(plain).collect(),
            inborn: ground.symptoms.iter().map(inborn).collect(),
            barred: ground.symptoms.iter().map(|s| barred(ground, s)).collect(),
        }
    }

    /// How surely this can show as symptom `s`. What a unit shows plainly needs no other trouble elsewhere; the same
    /// trouble elsewhere may be its source.
    pub(super) fn way(
        &self,
        ground: &Ground<'_>,
        hypothesis: &Hypothesis,
        s: usize,
    ) -> Option<f64> {
        let unit = hypothesis.unit;
        let symptom = &ground.symptoms[s];
        let settled = &self.settled[s];
        ground
            .reach
            .way(symptom.unit, unit, hypothesis.mechanism().spreads)
            .filter(|_| !(self.at_home[s] && ground.reach.is_guess(symptom.unit, unit)))
            .filter(|_| !self.barred[s].contains(&unit))
            .filter(|_| self.inborn[s].is_empty() || self.inborn[s].contains(&hypothesis.mechanism))
            .filter(|_| {
                unit == symptom.unit
                    || settled.is_empty()
                    || settled.contains(&hypothesis.mechanism)
            })
    }
}

/// Does the symptom say how far a copy is behind, or that memory grows while nobody waits, and is that what speaks for
/// the hypothesis? Trouble elsewhere keeps callers waiting or lets them fail; it holds back no copy and fills no
/// memory of theirs, save where the catalogue says so. Who was killed for want of memory may say so in a line.
fn is_inborn(ground: &Ground<'_>, hypothesis: &Hypothesis, symptom: &Symptom) -> bool {
    let inborn = |at: &FactRef| match at {
        FactRef::Series(i) => {
            let fact = &ground.facts.series[*i as usize];
            fact.role == Role::Lag || hypotheses::grows_unasked(ground, fact)
        }
        _ => false,
    };
    let about_memory = hypothesis.mechanism().generic.as_deref() == Some("memory");
    hypothesis.score.signature >= k::STRONG_SIGN
        && symptom.refs.iter().any(inborn)
        && (about_memory
            || hypothesis
                .groups
                .values()
                .flatten()
                .any(|(nats, at)| *nats > 0.0 && inborn(at)))
}

/// Does the symptom say that more requests come in from outside, and is that what speaks for the hypothesis? Nothing
/// inside brings users, save where the catalogue says so, as of failures that make clients ask again.
fn is_crowded(ground: &Ground<'_>, hypothesis: &Hypothesis, symptom: &Symptom) -> bool {
    symptom.aspect == "traffic"
        && symptom.alarmed
        && hypothesis.mechanism().spreads == Spread::Requests
        && hypothesis.score.signature >= k::STRONG_SIGN
        && hypotheses::is_entrance(ground.scene, symptom.unit)
}

/// Does the one that fails say plainly, in its own lines, that another refuses it or fails at once? No slowness elsewhere
/// makes it say so.
fn tells_of(ground: &Ground<'_>, hypothesis: &Hypothesis, symptom: &Symptom) -> bool {
    let said_here = |(nats, at): &(f64, FactRef)| {
        let line = match at {
            FactRef::Log(i) => ground.facts.logs.get(*i as usize),
            _ => None,
        };
        *nats >= k::PLAIN_SIGN && line.is_some_and(|line| line.unit == symptom.unit)
    };
    matches!(symptom.aspect, "errors" | "logs")
        && hypothesis.aside.is_none()
        && hypothesis.unit != symptom.unit
        && hypothesis.mechanism().fails_at_once
        && hypothesis.score.against <= 0.0
        && hypothesis.groups.values().flatten().any(said_here)
}

/// The mechanisms that commonly bring this one about.
fn causes_of(hypothesis: &Hypothesis) -> impl Iterator<Item = u32> {
    let id = hypothesis.mechanism().id.as_str();
    let all = catalogue().mechanisms.iter().zip(0..);
    all.filter(move |(m, _)| m.causes.iter().any(|caused| caused == id))
        .map(|(_, number)| number)
}

/// Where a unit's requests fail because calls to some fail, what lies behind its other calls, none of which failed or
/// took longer, did not do it.
fn barred(ground: &Ground<'_>, symptom: &Symptom) -> FxHashSet<u32> {
    let none = FxHashSet::default();
    if !matches!(symptom.aspect, "errors" | "logs") {
        return none;
    }
    let own = symptom.unit;
    let calls = || ground.facts.edges.iter().filter(|edge| edge.caller == own);
    let failed: u64 = calls().map(|edge| edge.errors.1).sum();
    let began_here: u64 = ground
        .facts
        .work
        .iter()
        .filter(|work| work.unit == own)
        .map(|work| work.origin_errors.1)
        .sum();
    if failed < k::FAILED_CALLS || (failed as f64) < k::BY_CALLS * (failed + began_here) as f64 {
        return none;
    }
    let well: FxHashSet<u32> = calls()
        .filter(|edge| {
            edge.calls.0 >= k::FAILED_CALLS && edge.errors.1 == 0 && edge.gap_z < k::SLOWER_CALLS
        })
        .map(|edge| edge.callee)
        .collect();
    let below = |skipped: &FxHashSet<u32>| {
        let mut met = FxHashSet::default();
        let first = ground.scene.below(own).map(|(unit, _)| unit);
        let mut layer: Vec<u32> = first.filter(|unit| !skipped.contains(unit)).collect();
        for _ in 0..k::MOST_HOPS {
            layer.retain(|unit| *unit != own && met.insert(*unit));
            layer = layer
                .iter()
                .flat_map(|unit| ground.scene.below(*unit))
                .map(|(unit, _)| unit)
                .collect();
        }
        met
    };
    if well.is_empty() {
        return none;
    }
    let (all, otherwise) = (below(&none), below(&well));
    all.difference(&otherwise).copied().collect()
}
