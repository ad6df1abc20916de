//! What each unit does on its own account, read from spans, logs and resource metrics.
//!
//! Victims are told from culprits kind by kind. Delay on the wire belongs to the end whose calls are all
//! delayed, not to the one with a single slow edge. Own time leaves out what callees take. Steps of code
//! paths leave out requests that failed because of somebody else. What one unit explains of another is
//! kept, with `explained_by`, and counts for nothing.
//!
//! Strengths are nats, 0..8, comparable across kinds: a log-likelihood ratio where there is one (pressed
//! under 8), else a share of what the worst case of that kind shows.

mod network;
mod resources;

use std::collections::{BTreeMap, BTreeSet};

use model::report::Onset;

use crate::facts::{Facts, LogFact, PathShift};
use crate::kinds::FactRef;
use crate::pull::Anomaly;
use crate::scene::Scene;

/// The strongest that an anomaly can be, in nats.
pub const MOST: f64 = 8.0;
/// Anomalies weaker than this are noise, and left out.
const LEAST: f64 = 0.05;
/// Nats of evidence that press a strength to 63 % of [`MOST`].
const PRESSED_BY: f64 = 5.0;
/// Most that a slower own time shows: a unit may be slow because of what leaves no spans.
const MOST_LATENCY: f64 = 5.0;
/// Imagined requests that say "no change": few real ones are believed in part.
const DOUBT: f64 = 2.0;
/// Most that error lines show which cannot be joined to requests.
const MOST_LINES: f64 = 6.0;
/// Most that error lines show which were always there: something is wrong, but it was before.
const CHRONIC: f64 = 0.8;
/// What is left of a delay on the wire or of own time where a busy processor explains both.
const BUSY: f64 = 0.5;
/// A processor that is this busy (nats) explains delays.
const BUSY_FROM: f64 = 4.0;
/// A unit that shows this much itself may explain what others say of it.
const TELLING: f64 = 1.0;
/// Most facts that an anomaly refers to.
const MOST_REFS: usize = 4;

/// Own anomalies of all units, and those that others explain; sorted by (unit, kind).
pub fn anomalies(scene: &Scene, facts: &Facts) -> Vec<Anomaly> {
    let mut found = resources::anomalies(facts);
    let busy: Vec<u32> = found
        .iter()
        .filter(|a| a.kind == "cpu" && a.strength >= BUSY_FROM)
        .map(|a| a.unit)
        .collect();
    let mut slow = network::anomalies(facts);
    slow.extend(latency(facts));
    for anomaly in slow.iter_mut().filter(|a| busy.contains(&a.unit)) {
        anomaly.strength *= BUSY;
    }
    found.extend(slow);
    found.extend(code_path(scene, facts));
    found.extend(errors(scene, facts));
    acquit_the_healthy(&mut found);
    found.retain(|a| a.strength >= LEAST);
    found.sort_by(|a, b| {
        (a.unit, a.kind)
            .cmp(&(b.unit, b.kind))
            .then(b.strength.total_cmp(&a.strength))
    });
    // One of a kind and unit: the strongest of those that nobody explains, else the strongest.
    found.sort_by_key(|a| (a.unit, a.kind, a.explained_by.is_some()));
    found.dedup_by(|later, first| (later.unit, later.kind) == (first.unit, first.kind));
    found
}

/// Whoever is blamed by others and shows nothing itself is not the explanation: the client's end is.
fn acquit_the_healthy(found: &mut [Anomaly]) {
    let ill: BTreeSet<u32> = found
        .iter()
        .filter(|a| a.explained_by.is_none() && a.strength >= TELLING)
        .map(|a| a.unit)
        .collect();
    for anomaly in found.iter_mut().filter(|a| a.strength > CHRONIC) {
        anomaly.explained_by = anomaly.explained_by.filter(|by| ill.contains(by));
    }
}

/// Presses nats of evidence under [`MOST`].
fn press(nats: f64) -> f64 {
    MOST * (1.0 - (-nats.max(0.0) / PRESSED_BY).exp())
}

/// 0 at `from` and below, 1 at `to` and above.
fn ramp(value: f64, from: f64, to: f64) -> f64 {
    if value.is_finite() {
        ((value - from) / (to - from)).clamp(0.0, 1.0)
    } else {
        0.0
    }
}

/// How much a shift in ms matters to anybody: not below 10 ms, fully from 50 ms.
pub(crate) fn felt(shift_ms: f64) -> f64 {
    if shift_ms <= 0.0 {
        0.0
    } else {
        ramp(shift_ms.ln(), 10.0_f64.ln(), 50.0_f64.ln())
    }
}

/// Own time that grew.
fn latency(facts: &Facts) -> Vec<Anomaly> {
    let mut found = Vec::new();
    for (i, fact) in facts.work.iter().enumerate() {
        let shift = fact.own_ms.1 - fact.own_ms.0;
        let relative = shift / (shift + fact.own_ms.0).max(1e-9);
        let (n, m) = (fact.own_calls.0 as f64, fact.own_calls.1 as f64);
        let together = n * m / (n + m).max(1.0);
        let trust = together / (together + DOUBT);
        let strength = MOST_LATENCY
            * trust
            * ramp(fact.own_z, 3.0, 6.0)
            * felt(shift)
            * relative.clamp(0.0, 1.0);
        if strength > 0.0 {
            found.push(Anomaly {
                unit: fact.unit,
                kind: "latency",
                strength,
                explained_by: None,
                onset: fact.own_onset,
                refs: vec![FactRef::Work(i as u32)],
            });
        }
    }
    found
}

/// Steps that requests take more or less often than before, and operations whose requests leave no line.
fn code_path(scene: &Scene, facts: &Facts) -> Vec<Anomaly> {
    let mut by_unit: BTreeMap<u32, Vec<(f64, u32, &PathShift)>> = BTreeMap::new();
    for (i, fact) in facts.logs.iter().enumerate() {
        if let Some(path) = &fact.path {
            by_unit
                .entry(fact.unit)
                .or_default()
                .push((path.nats, i as u32, path));
        }
    }
    let quiet = facts.work.iter().enumerate().filter_map(|(i, work)| {
        let quiet = work.quiet.as_ref()?;
        Some(Anomaly {
            unit: quiet.unit,
            kind: "code_path",
            strength: always(quiet.nats, quiet.requests.0 + quiet.requests.1),
            explained_by: None,
            onset: None,
            refs: vec![FactRef::Work(i as u32)],
        })
    });
    let taken = by_unit.into_iter().filter_map(|(unit, mut steps)| {
        steps.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let (nats, _, path) = steps.first()?;
        Some(Anomaly {
            unit,
            kind: "code_path",
            strength: press(*nats),
            explained_by: None,
            onset: Some(Onset {
                lo: scene.window.from().min(path.first),
                hi: path.first,
            }),
            refs: steps
                .iter()
                .take(MOST_REFS)
                .map(|(_, i, _)| FactRef::Log(*i))
                .collect(),
        })
    });
    taken.chain(quiet).collect()
}

/// Failures that began in a unit.
fn errors(scene: &Scene, facts: &Facts) -> Vec<Anomaly> {
    let mut found = Vec::new();
    for (i, fact) in facts.work.iter().enumerate() {
        let (before, during) = fact.origin_errors;
        let (handled, handles) = (fact.requests.0.max(before), fact.requests.1.max(during));
        if handles == 0
            || during == 0
            || during as f64 * handled as f64 <= before as f64 * handles as f64 && handled > 0
        {
            continue;
        }
        // With nothing to compare with, one healthy request stands for the past.
        let nats = crate::probes::logs::likelihood_ratio(
            (before as f64, handled.max(1)),
            (during as f64, handles),
        );
        found.push(Anomaly {
            unit: fact.unit,
            kind: "errors",
            strength: press(nats - 1.0),
            explained_by: None,
            onset: fact.first_error.map(|at| Onset { lo: at, hi: at }),
            refs: vec![FactRef::Work(i as u32)],
        });
    }
    for (i, fact) in facts
        .logs
        .iter()
        .enumerate()
        .filter(|(_, f)| f.is_error() && f.during > 0)
    {
        let strength = match &fact.habit {
            Some(habit) => always(habit.nats, habit.requests),
            None if fact.joined => chronic(facts, fact),
            None => more_lines(fact),
        };
        found.push(Anomaly {
            unit: fact.unit,
            kind: "errors",
            strength,
            // A line that names somebody it leans on speaks of that one.
            explained_by: fact
                .mentions
                .iter()
                .copied()
                .find(|m| scene.below(fact.unit).any(|(below, _)| below == *m)),
            onset: crate::hypotheses::onset_of_fact(facts, FactRef::Log(i as u32)),
            refs: vec![FactRef::Log(i as u32)],
        });
    }
    found
}

/// What all requests of an operation do, as hardly any other operation does.
fn always(nats: f64, requests: u64) -> f64 {
    (nats * (1.0 - (-(requests as f64) / PRESSED_BY).exp())).min(MOST)
}

/// Error lines whose requests are known: the path tells what changed; what did not change is weak.
fn chronic(facts: &Facts, fact: &LogFact) -> f64 {
    let Ok(at) = facts.work.binary_search_by_key(&fact.unit, |w| w.unit) else {
        return 0.0;
    };
    let handled = facts.work[at].requests.1;
    if handled == 0 {
        return 0.0;
    }
    CHRONIC
        * (fact.during as f64 / handled as f64).min(1.0)
        * (1.0 - (-(fact.during as f64) / PRESSED_BY).exp())
}

/// Error lines that belong to no known request: more than expected.
fn more_lines(fact: &LogFact) -> f64 {
    if fact.z <= 0.0 {
        0.0
    } else {
        MOST_LINES * (1.0 - (-0.5 * fact.z * fact.z / PRESSED_BY).exp())
    }
}

#[cfg(test)]
mod tests;
