//! Hypotheses from changes: what each can set off, where that is really seen.

use std::collections::BTreeMap;

use model::{ChangeKind, SourceKind};

use super::{Ground, Hypothesis, Key, empty, onset_of_fact, source_of_fact};
use crate::catalogue::{ChangeRole, Nature, catalogue};
use crate::constants as k;
use crate::facts::{ChangeFact, Interval};
use crate::kinds::FactRef;

/// From changes: a change is a candidate for each mechanism that one of its effects can set off, where
/// that kind of failure is really seen on a unit within its reach.
pub(super) fn add_changes(ground: &Ground<'_>, table: &mut BTreeMap<Key, Hypothesis>) {
    let mechanisms = &catalogue().mechanisms;
    let blind = ground.scene.is_blind_to_changes();
    for (number, fact) in ground.facts.changes.iter().enumerate() {
        let change = Some(number as u32);
        if fact.reading.harmless.is_some()
            || fact.undeployed
            || fact.acts_from > ground.scene.last_alarm_at.plus(k::CLOCK_SLACK)
            || (blind && is_a_name_only(fact))
        {
            continue;
        }
        // What was taken back before anything was wrong is not what is wrong.
        if fact
            .change
            .undone
            .is_some_and(|at| at.plus(k::CLOCK_SLACK) < ground.first_ill_of(&fact.units))
        {
            continue;
        }
        add_by_its_kind(ground, table, number as u32);
        add_by_how_it_stands(ground, table, number as u32);
        for seen in ground.kinds {
            // What a change does is seen only after it acts: each failure is held against its own onset.
            if seen.onset.is_some_and(|onset| {
                fact.acts_from > onset.hi.plus(k::CLOCK_SLACK) || gave_way(ground, fact, onset)
            }) {
                continue;
            }
            let Some((plausible, reason)) = fact.reading.produces.get(seen.kind) else {
                continue;
            };
            let Some((unit, path)) = nearest(ground, fact, seen.unit) else {
                continue;
            };
            let fit = plausible * seen.weight * path;
            if fit < k::LEAST_FIT {
                continue;
            }
            for (index, mechanism) in mechanisms.iter().enumerate() {
                // A right that was given or taken puts out no code.
                let foreign =
                    mechanism.nature == Nature::Code && fact.change.kind == ChangeKind::Permission;
                let fits = mechanism.change != ChangeRole::None
                    && !foreign
                    && mechanism
                        .signatures
                        .iter()
                        .any(|c| c.change.as_deref() == Some(seen.kind));
                if !fits {
                    continue;
                }
                let (groups, own) = table
                    .get(&(unit, index as u32, None))
                    .map(|h| (h.groups.clone(), h.own.clone()))
                    .unwrap_or_default();
                let entry = table
                    .entry((unit, index as u32, change))
                    .or_insert_with(|| Hypothesis {
                        groups,
                        own,
                        ..empty(unit, index as u32, change)
                    });
                let nats = k::CHANGE_EFFECT * fit;
                let group = entry.groups.entry(SourceKind::Changes).or_default();
                if group.iter().all(|(old, _)| *old < nats) {
                    entry.change_reason.clone_from(reason);
                }
                group.push((nats, FactRef::Change(number as u32)));
                for at in seen.refs.iter().take(2) {
                    entry
                        .groups
                        .entry(source_of_fact(*at))
                        .or_default()
                        .push((0.0, *at));
                }
            }
        }
    }
}

/// A commit of which nobody says that it went out, and of which nobody could read what it alters. Where all stand so, a
/// title is what there is; where some could not be looked at, the one that did it may be among those, and a title that
/// sounds like the failure tells nothing.
fn is_a_name_only(fact: &ChangeFact) -> bool {
    fact.change.kind == ChangeKind::Commit && fact.deployed_by.is_none() && !fact.reading.complete
}

/// A right that is refused and a change of rights, a setting that is missing and a change of settings: where
/// the mechanism shows itself, the kind of the change speaks for it, even if its text tells nothing more.
fn add_by_its_kind(ground: &Ground<'_>, table: &mut BTreeMap<Key, Hypothesis>, number: u32) {
    let fact = &ground.facts.changes[number as usize];
    let word = serde_json::to_value(fact.change.kind).ok();
    let Some(word) = word.as_ref().and_then(|word| word.as_str()) else {
        return;
    };
    let shown: Vec<(u32, u32, f64)> = table
        .iter()
        .filter(|((.., change), _)| change.is_none())
        .filter(|(_, h)| h.mechanism().change != ChangeRole::None)
        .filter(|(_, h)| {
            h.mechanism()
                .signatures
                .iter()
                .any(|c| c.change.as_deref() == Some(word))
        })
        .filter(|(_, h)| {
            let shows = || h.groups.values().flatten().filter(|(nats, _)| *nats > 0.0);
            let first = shows()
                .filter_map(|(_, at)| onset_of_fact(ground.facts, *at))
                .min_by_key(|onset| onset.hi);
            shows().next().is_some()
                && first.is_none_or(|first| {
                    fact.acts_from <= first.hi.plus(k::CLOCK_SLACK)
                        && !gave_way(ground, fact, first)
                })
        })
        .filter_map(|((unit, mechanism, _), _)| {
            Some((*unit, *mechanism, nearest(ground, fact, *unit)?.1))
        })
        .collect();
    for (unit, mechanism, path) in shown {
        let (groups, own) = table
            .get(&(unit, mechanism, None))
            .map(|h| (h.groups.clone(), h.own.clone()))
            .unwrap_or_default();
        let entry = table
            .entry((unit, mechanism, Some(number)))
            .or_insert_with(|| Hypothesis {
                groups,
                own,
                ..empty(unit, mechanism, Some(number))
            });
        let nats = k::CHANGE_EFFECT * k::OF_ITS_KIND * path;
        entry
            .groups
            .entry(SourceKind::Changes)
            .or_default()
            .push((nats, FactRef::Change(number)));
    }
}

/// A setting that stands as the mechanism has it, and a change that set it so: what the change does is seen in how the
/// unit is set, however little of it has been felt in the seconds since.
fn add_by_how_it_stands(ground: &Ground<'_>, table: &mut BTreeMap<Key, Hypothesis>, number: u32) {
    let fact = &ground.facts.changes[number as usize];
    let shown: Vec<(Key, f64, String)> = table
        .iter()
        .filter(|((unit, _, change), _)| change.is_none() && fact.units.contains(unit))
        .filter(|(_, h)| h.mechanism().change == ChangeRole::Needed)
        .filter(|(_, h)| {
            let mut states = h.groups.get(&SourceKind::State).into_iter().flatten();
            states.any(|(nats, _)| *nats >= k::PLAIN_SIGN)
        })
        .filter_map(|(key, h)| {
            let produces = &fact.reading.produces;
            let signatures = h.mechanism().signatures.iter();
            let (plausible, reason) = signatures
                .filter_map(|sign| produces.get(sign.change.as_deref()?))
                .max_by(|a, b| a.0.total_cmp(&b.0))?;
            (*plausible >= k::LEAST_FIT).then(|| (*key, *plausible, reason.clone()))
        })
        .collect();
    for ((unit, mechanism, none), plausible, reason) in shown {
        let (groups, own) = table
            .get(&(unit, mechanism, none))
            .map(|h| (h.groups.clone(), h.own.clone()))
            .unwrap_or_default();
        let entry = table
            .entry((unit, mechanism, Some(number)))
            .or_insert_with(|| Hypothesis {
                groups,
                own,
                ..empty(unit, mechanism, Some(number))
            });
        entry.change_reason = reason;
        let nats = k::CHANGE_EFFECT * plausible;
        let group = entry.groups.entry(SourceKind::Changes).or_default();
        group.push((nats, FactRef::Change(number)));
    }
}

/// Had another change put its own in the place of this one when the failure began, and does that one still stand? The
/// two are told by one clock, so no slack is due between them: what was broken, mended and broken again was broken by
/// the last.
fn gave_way(ground: &Ground<'_>, fact: &ChangeFact, onset: Interval) -> bool {
    let Some(undone) = fact.change.undone.filter(|at| *at <= onset.hi) else {
        return false;
    };
    ground.facts.changes.iter().any(|other| {
        other.change.undone.is_none()
            && other.change.start >= undone
            && other.acts_from <= onset.hi
            && other.change.kind == fact.change.kind
            && other.units.iter().any(|unit| fact.units.contains(unit))
    })
}

/// Which of the units that a change reaches lies nearest to where a failure is seen, and how sure the way is.
///
/// A change of code or settings that several services share acts wherever it is used: at the failing unit itself.
fn nearest(ground: &Ground<'_>, fact: &ChangeFact, failing: u32) -> Option<(u32, f64)> {
    let direct = fact
        .units
        .iter()
        .filter_map(|&unit| ground.reach.either(failing, unit).map(|p| (unit, p)))
        .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
    match direct {
        Some(found) => Some(found),
        None if fact.units.is_empty() || fact.reading.shared => Some((failing, k::UNPLACED)),
        None => None,
    }
}
