//! The gates: each puts a hypothesis aside, with the reason.

use model::SourceKind;
use model::report::PredictionOutcome;

use super::{Aside, Ground, Hypothesis, Tested};
use crate::catalogue::ChangeRole;
use crate::constants as k;
use crate::facts::{Interval, LogFact};
use crate::kinds::FactRef;
use crate::role::Role;

/// The gates: each puts aside, with the reason.
pub(super) fn gate(ground: &Ground<'_>, hypothesis: &mut Hypothesis) {
    if !ground.symptoms.is_empty() {
        let units = ground
            .symptoms
            .iter()
            .map(|s| s.unit)
            .chain(ground.scene.alarmed.iter().copied());
        if !units.into_iter().any(|unit| {
            ground
                .reach
                .way(unit, hypothesis.unit, hypothesis.mechanism().spreads)
                .is_some()
        }) {
            hypothesis.aside = Some(Aside {
                reason: "no_path",
                refs: hypothesis.refs(),
            });
            return;
        }
    }
    if is_over(ground, hypothesis) {
        hypothesis.aside = Some(Aside {
            reason: "transient",
            refs: hypothesis.refs(),
        });
        return;
    }
    let nothing_for_it = hypothesis
        .groups
        .values()
        .flatten()
        .all(|(nats, _)| *nats <= 0.0)
        && hypothesis.score.anomaly <= 0.0;
    if nothing_for_it {
        hypothesis.aside = Some(Aside {
            reason: "explained",
            refs: hypothesis.refs(),
        });
        return;
    }
    // What is plain to see is not put aside for a change that was kept from us. How it is set is not enough: it may have
    // been so for long, and be meant.
    let fresh = hypothesis.groups.iter().any(|(kind, group)| {
        let told = matches!(
            kind,
            SourceKind::Logs | SourceKind::Events | SourceKind::Metrics
        );
        told && group.iter().any(|(nats, _)| *nats > 0.0)
    });
    let hidden =
        ground.scene.is_blind_to_changes() && fresh && hypothesis.score.signature >= k::PLAIN_SIGN;
    if hypothesis.mechanism().change == ChangeRole::Needed && hypothesis.change.is_none() && !hidden
    {
        hypothesis.aside = Some(Aside {
            reason: "no_change",
            refs: Vec::new(),
        });
        return;
    }
    let failed: Vec<&Tested> = hypothesis
        .tested
        .iter()
        .filter(|t| {
            t.outcome == PredictionOutcome::Unmet && (t.force == "must" || t.force == "must_not")
        })
        .collect();
    if failed.len() >= 2
        || (failed.iter().any(|t| t.force == "must_not") && hypothesis.score.total < 0.0)
    {
        let refs = failed.iter().flat_map(|t| t.refs.iter().copied()).collect();
        hypothesis.aside = Some(Aside {
            reason: "prediction_failed",
            refs,
        });
    }
}

/// Only notices, lines and readings that came back speak for it, and since the last of them the unit's own
/// readings have left their band and come back: it was so, and is over.
fn is_over(ground: &Ground<'_>, hypothesis: &Hypothesis) -> bool {
    let mut last = None;
    let mut back = false;
    for at in hypothesis
        .groups
        .values()
        .flatten()
        .filter(|(nats, _)| *nats > 0.0)
        .map(|(_, at)| *at)
    {
        let seen = match at {
            FactRef::Event(i) => ground.facts.events[i as usize].1.last,
            FactRef::Log(i) => {
                let fact = &ground.facts.logs[i as usize];
                // A step that is no longer taken is missed to the end; so does a habit last.
                if fact.habit.is_some()
                    || fact.path.as_ref().is_some_and(|p| !p.more)
                    || still_comes(ground, fact)
                {
                    return false;
                }
                fact.last
            }
            // A series that has come back speaks of the past as well.
            FactRef::Series(i) if !ground.facts.series[i as usize].active => {
                back |= ground.facts.series[i as usize].recovered.is_some();
                continue;
            }
            _ => return false,
        };
        last = last.max(Some(seen));
    }
    let of_unit = || {
        ground
            .facts
            .series
            .iter()
            .filter(|f| f.unit == hypothesis.unit && f.bad > crate::probes::series::BAND)
    };
    if of_unit().any(|f| f.active) {
        return false;
    }
    let came_back = of_unit()
        .filter_map(|f| f.recovered.map(|back| (f.role, back)))
        .filter(|(role, back)| !went_with_its_process(ground, hypothesis, *role, *back))
        .map(|(_, back)| back.hi)
        .max();
    match last {
        Some(_) => came_back.is_some() && came_back >= last,
        // Only series speak for it, all of them came back, and nothing else shows that it lasts.
        None => {
            back && ground.symptoms.iter().all(|s| !s.active)
                && own_anomalies_are_over(ground, hypothesis.unit)
        }
    }
}

/// Does a line come so often that, had it ended, its last one would lie further back?
pub(super) fn still_comes(ground: &Ground<'_>, fact: &LogFact) -> bool {
    let lasted = fact.last.since(fact.first).0.max(0) as f64;
    let apart = lasted / fact.during.saturating_sub(1).max(1) as f64;
    // Its unit's lines may be on their way still: what counts is how far they have come.
    let heard = ground
        .facts
        .logs
        .iter()
        .filter(|other| other.unit == fact.unit);
    let heard = heard.map(|other| other.last).max().unwrap_or(fact.last);
    let silent = heard.since(fact.last).0 as f64;
    fact.during >= k::STEADY_LINES && silent <= k::STILL_COMING * apart
}

/// Memory that is free again because its process was ended is no recovery: what took it begins anew.
fn went_with_its_process(
    ground: &Ground<'_>,
    hypothesis: &Hypothesis,
    role: Role,
    back: Interval,
) -> bool {
    if !matches!(role, Role::Memory | Role::MemoryFree) {
        return false;
    }
    let (from, to) = (back.lo.minus(k::ONE_MOMENT), back.hi.plus(k::ONE_MOMENT));
    let near = |at: model::Timestamp| from <= at && at <= to;
    hypothesis
        .groups
        .values()
        .flatten()
        .filter(|(nats, _)| *nats > 0.0)
        .any(|(_, at)| match at {
            FactRef::Log(i) => {
                let fact = &ground.facts.logs[*i as usize];
                near(fact.first) || near(fact.last)
            }
            FactRef::Event(i) => {
                let event = &ground.facts.events[*i as usize].1;
                near(event.first) || near(event.last)
            }
            _ => false,
        })
}

/// Does all that the unit does on its own account rest on readings that have come back?
fn own_anomalies_are_over(ground: &Ground<'_>, unit: u32) -> bool {
    let own = ground
        .anomalies
        .iter()
        .filter(|a| a.unit == unit && a.explained_by.is_none());
    own.flat_map(|a| &a.refs).all(|at| match at {
        FactRef::Series(i) => {
            !ground.facts.series[*i as usize].active
                && ground.facts.series[*i as usize].recovered.is_some()
        }
        _ => false,
    })
}
