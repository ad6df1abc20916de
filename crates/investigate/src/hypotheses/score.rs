//! From groups of evidence to nats.

use std::collections::{BTreeMap, BTreeSet};

use analysis::ranking::capped_group;
use model::mechanism::MechanismId;
use model::report::{PredictionOutcome, Score};
use model::{SourceKind, Timestamp};

use super::gate::still_comes;
use super::{Ground, Hypothesis, Tested, onset_of_fact};
use crate::catalogue::{Condition, MetricCondition, Predictions, Shape, Spread};
use crate::constants as k;
use crate::facts::{ChangeFact, Interval};
use crate::kinds::FactRef;
use crate::matching::Outcome;
use crate::plan::source_of;

/// Per unit: what it does on its own account, in nats.
pub(super) fn own_pull(ground: &Ground<'_>) -> BTreeMap<u32, f64> {
    let mut by_unit: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for anomaly in ground.anomalies.iter().filter(|a| a.explained_by.is_none()) {
        by_unit
            .entry(anomaly.unit)
            .or_default()
            .push(anomaly.strength.clamp(0.0, k::MOST_ANOMALY));
    }
    by_unit
        .into_iter()
        .map(|(unit, strengths)| (unit, capped_group(&strengths)))
        .collect()
}

pub(super) fn score(ground: &Ground<'_>, hypothesis: &mut Hypothesis, pulls: &BTreeMap<u32, f64>) {
    let mechanism = hypothesis.mechanism();
    let mut score = Score {
        prior: ground
            .rates
            .prior(&MechanismId(mechanism.id.clone()), mechanism.prior),
        ..Score::default()
    };
    for (kind, group) in &hypothesis.groups {
        let nats = capped_group(&group.iter().map(|(n, _)| *n).collect::<Vec<_>>());
        if *kind == SourceKind::Changes {
            score.change += nats
        } else {
            score.signature += nats
        }
    }
    score.signature = score.signature.min(k::MOST_SIGNATURE);
    if let Some(number) = hypothesis.change {
        let fact = &ground.facts.changes[number as usize];
        score.change = score.change.min(k::MOST_CHANGE)
            + is_just_that(fact, hypothesis)
            + k::CHANGE_RELEVANCE * fact.relevance
            + nearness(ground, fact, hypothesis.unit)
            - k::CHANGE_COST;
    }
    score.anomaly =
        pulls.get(&hypothesis.unit).copied().unwrap_or(0.0) * aspect_fit(ground, hypothesis);
    hypothesis.onset = hypothesis
        .refs()
        .into_iter()
        .filter(|at| !matches!(at, FactRef::Change(_)))
        .filter_map(|at| onset_of_fact(ground.facts, at))
        .min_by_key(|o| (o.hi, o.lo));
    if let Some(number) = hypothesis.change {
        // A cause that a change set off began when the change began to act, whenever it was first seen.
        let acts = ground.facts.changes[number as usize].acts_from;
        hypothesis.onset = Some(match hypothesis.onset {
            Some(seen) => Interval {
                lo: acts.min(seen.lo),
                hi: seen.hi,
            },
            None => Interval { lo: acts, hi: acts },
        });
    }
    score.timing = timing(ground, hypothesis.unit, hypothesis.onset);
    hypothesis.tested = test_predictions(ground, hypothesis);
    // Signs of its own beside its change: what would explain the same instead is not held against it.
    let sure = is_seen_with_its_change(&score);
    for tested in &hypothesis.tested {
        match (tested.force, tested.outcome) {
            ("must_not", PredictionOutcome::Unmet) if tested.instead && sure => {}
            ("must", PredictionOutcome::Unmet) => score.against += k::MUST_FAILED,
            ("must_not", PredictionOutcome::Unmet) => score.against += k::MUST_NOT_SEEN,
            ("must", PredictionOutcome::Met) => score.signature += k::MUST_MET,
            ("may", PredictionOutcome::Met) => score.signature += k::MAY_MET,
            _ => {}
        }
    }
    score.total = score.prior
        + score.signature
        + score.change
        + score.anomaly
        + score.timing
        + score.difference
        + score.history
        - score.against;
    hypothesis.score = score;
}

/// Signs of its own, and a change that can have done just this: what the one leaves open, the other tells. Where the
/// sign is plain, a change of its kind is enough.
pub fn is_seen_with_its_change(score: &Score) -> bool {
    let (sign, change) = (score.signature, score.change);
    sign >= k::SIGN_BESIDE_CHANGE && change >= k::STRONG_SIGN
        || sign >= k::PLAIN_SIGN && change >= k::CHANGE_BESIDE_PLAIN_SIGN
}

/// What the change sets is what the mechanism is: a function that may run no more, by a change that says so.
fn is_just_that(fact: &ChangeFact, hypothesis: &Hypothesis) -> f64 {
    let says_so = |sign: &&Condition| {
        let word = sign.change.as_deref();
        word.is_some_and(|word| crate::matching::brings_to_nothing(fact, word))
    };
    if !fact.units.contains(&hypothesis.unit) {
        return 0.0;
    }
    let signs = hypothesis.mechanism().signatures.iter();
    let nats = signs.filter(says_so).filter_map(|sign| sign.nats);
    nats.fold(0.0, f64::max)
}

/// How well the unit's own anomaly fits the mechanism: a generic mechanism takes only anomalies of its
/// own kind, and those that show in words which name it plainly; a specific one takes what its unit does, whatever it is.
fn aspect_fit(ground: &Ground<'_>, hypothesis: &Hypothesis) -> f64 {
    let mechanism = hypothesis.mechanism();
    let generic = match mechanism.generic.as_deref() {
        Some(generic) => generic,
        // What comes in from outside is nothing that a unit does on its own account, save to take more of it.
        None if mechanism.spreads == Spread::Requests => "traffic",
        None => return 1.0,
    };
    let named_by: BTreeSet<FactRef> = hypothesis
        .groups
        .values()
        .flatten()
        .filter(|(nats, at)| {
            let words = matches!(at, FactRef::Log(_) | FactRef::Event(_) | FactRef::State(_));
            words && *nats >= k::STRONG_SIGN
        })
        .map(|(_, at)| *at)
        .collect();
    let own = ground
        .anomalies
        .iter()
        .filter(|a| a.unit == hypothesis.unit && a.explained_by.is_none());
    let mut same = 0.0_f64;
    let mut all = 0.0_f64;
    for anomaly in own {
        all = all.max(anomaly.strength);
        if anomaly.kind() == generic || anomaly.refs.iter().any(|at| named_by.contains(at)) {
            same = same.max(anomaly.strength);
        }
    }
    if all > 0.0 { same / all } else { 0.0 }
}

/// A change shortly before the first symptom is worth a look; tau by kind.
fn nearness(ground: &Ground<'_>, fact: &crate::facts::ChangeFact, unit: u32) -> f64 {
    let before = ground
        .first_ill_of(&[unit])
        .since(fact.acts_from)
        .as_minutes()
        .max(0.0);
    let (risk, tau) = k::change_risk(fact.change.kind);
    k::CHANGE_NEARNESS * risk * (-before / tau).exp()
}

/// Did it begin before what it is to explain? Necessary, hardly sufficient.
fn timing(ground: &Ground<'_>, unit: u32, onset: Option<Interval>) -> f64 {
    let Some(onset) = onset else { return 0.0 };
    if ground.symptoms.is_empty() {
        return 0.0;
    }
    let late = onset.lo.since(ground.first_ill_of(&[unit])).as_minutes();
    if late <= 0.0 {
        k::TIMING_BEFORE
    } else {
        -(late / k::TIMING_SCALE_MIN).min(k::TIMING_LATE)
    }
}

fn test_predictions(ground: &Ground<'_>, hypothesis: &Hypothesis) -> Vec<Tested> {
    let unit = hypothesis.unit;
    let predict = &hypothesis.mechanism().predict;
    let lasting = last_that_still_comes(ground, hypothesis);
    let lists: [(&'static str, &Vec<Condition>); 3] = [
        ("must", &predict.must),
        ("may", &predict.may),
        ("must_not", &predict.must_not),
    ];
    let mut tested = Vec::new();
    for (force, conditions) in lists {
        for condition in conditions {
            let (seen, refs) = match ground.matcher.test(condition, unit) {
                Outcome::Met(refs) => {
                    let mut refs: Vec<FactRef> = refs.iter().map(FactRef::from).collect();
                    if force == "must_not" {
                        refs.retain(|at| !is_outlived(ground, *at, lasting));
                        if rises_as_a_whole(condition, predict, &tested) {
                            refs.clear();
                        }
                    }
                    ((!refs.is_empty()).then_some(true), refs)
                }
                Outcome::Unmet => (Some(false), Vec::new()),
                Outcome::NotCovered => (None, Vec::new()),
            };
            let outcome = match (force, seen) {
                (_, None) => PredictionOutcome::Untested,
                ("must_not", Some(seen)) => {
                    if seen {
                        PredictionOutcome::Unmet
                    } else {
                        PredictionOutcome::Met
                    }
                }
                (_, Some(true)) => PredictionOutcome::Met,
                (_, Some(false)) => PredictionOutcome::Unmet,
            };
            tested.push(Tested {
                force,
                says: condition.says.clone(),
                outcome,
                instead: condition.instead,
                source: source_of(condition),
                refs,
            });
        }
    }
    tested
}

/// What must not fall has risen, as it must: then what fell is a part of it, as sessions that wait idly are of a
/// database's sessions, and others came in its place.
fn rises_as_a_whole(falls: &Condition, predict: &Predictions, tested: &[Tested]) -> bool {
    let Some(low) = falls
        .metric
        .as_ref()
        .filter(|metric| metric.is == Shape::Low)
    else {
        return false;
    };
    predict.must.iter().zip(tested).any(|(must, tested)| {
        let same = |metric: &MetricCondition| metric.role == low.role && metric.is == Shape::High;
        must.metric.as_ref().is_some_and(same)
            && must.place == falls.place
            && tested.outcome == PredictionOutcome::Met
    })
}

/// When the last line that speaks for it came, of those that still come.
fn last_that_still_comes(ground: &Ground<'_>, hypothesis: &Hypothesis) -> Option<Timestamp> {
    let refs = hypothesis.groups.values().flatten();
    refs.filter(|(nats, _)| *nats > 0.0)
        .filter_map(|(_, at)| match at {
            FactRef::Log(i) => Some(&ground.facts.logs[*i as usize]),
            _ => None,
        })
        .filter(|fact| still_comes(ground, fact))
        .map(|fact| fact.last)
        .max()
}

/// Is it a line that ended, for longer than it came, while what speaks for the hypothesis goes on? A name server that is
/// started anew is silent for a moment; that is over, and says nothing against what lasts.
fn is_outlived(ground: &Ground<'_>, at: FactRef, lasting: Option<Timestamp>) -> bool {
    let (FactRef::Log(i), Some(lasting)) = (at, lasting) else {
        return false;
    };
    let fact = &ground.facts.logs[i as usize];
    let came = fact.last.since(fact.first).0.max(k::BELIEVED_WELL.0);
    lasting.since(fact.last).0 > came
}
