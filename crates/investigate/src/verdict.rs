//! Which causes together explain the symptoms, and how sure are we? (S4, S5)

mod ties;

use std::collections::BTreeSet;

use analysis::ranking::explain::{Limits, Question, Reading, explain};
use analysis::ranking::softmax;
use model::report::{PredictionOutcome, Status, Word};
use model::{EntityKind, GapReason, SourceKind};

use crate::calibration;
use crate::catalogue::{ChangeRole, Spread, Where};
use crate::constants as k;
use crate::facts::Facts;
use crate::hypotheses::{Ground, Hypothesis, is_seen_with_its_change};
use crate::kinds::FactRef;
use crate::plan::source_of;
use crate::probes::series::BAND;

use ties::Ties;

/// How many hypotheses compete in the joint explanation.
const COMPETING: usize = 48;

/// A hypothesis that the verdict names.
#[derive(Clone, Debug)]
pub struct Named {
    /// Index into the hypotheses.
    pub hypothesis: usize,
    /// 0..1, calibrated and capped.
    pub confidence: f64,
    /// The word for it.
    pub word: Word,
    /// Caps that bind, for people.
    pub caps: Vec<String>,
    /// Symptoms (indexes) that it explains.
    pub explains: Vec<usize>,
}

/// The outcome.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// How it ended.
    pub status: Status,
    /// Causes, the surest first.
    pub named: Vec<Named>,
    /// Confidence per hypothesis (same order as the hypotheses), before caps of naming.
    pub confidence: Vec<f64>,
    /// What the competition says before calibration, in the same order.
    pub raw: Vec<f64>,
    /// Active symptoms that no named cause explains.
    pub unexplained: Vec<usize>,
}

/// Decides.
pub fn decide(ground: &Ground<'_>, hypotheses: &[Hypothesis]) -> Verdict {
    let ties = Ties::of(ground, hypotheses);
    let raw = compete(ground, hypotheses, &ties);
    let confidence: Vec<f64> = raw.iter().map(|p| calibration::probability(*p)).collect();
    let active: Vec<usize> = (0..ground.symptoms.len())
        .filter(|&i| ground.symptoms[i].active)
        .collect();
    // Readings of the alarmed unit may be silent while something within its reach is plainly broken.
    let strong = hypotheses.iter().any(|h| {
        h.aside.is_none()
            && h.score.total >= k::STRONG
            && (h.score.signature >= k::STRONG_SIGN || h.score.anomaly >= k::STRONG_ANOMALY)
    });
    if active.is_empty() && !strong {
        let was_ill = !ground.symptoms.is_empty() || recovered_events(ground);
        let status = match (was_ill, covered(ground)) {
            (true, _) => Status::Recovered,
            (false, true) => Status::NoActiveFault,
            (false, false) => Status::Unknown,
        };
        return Verdict {
            status,
            named: Vec::new(),
            raw,
            confidence,
            unexplained: Vec::new(),
        };
    }
    let standing: Vec<usize> = (0..hypotheses.len())
        .filter(|&i| hypotheses[i].aside.is_none())
        .take(COMPETING)
        .collect();
    // Whoever only passes on what another shows first-hand is not named in its place.
    let is_echo = |i: usize| {
        let of = |j: usize| {
            hypotheses[j].is_echoed_by(&hypotheses[i], ground.scene, ground.facts)
                && !hypotheses[i].is_echoed_by(&hypotheses[j], ground.scene, ground.facts)
                && hypotheses[j].score.total >= hypotheses[i].score.total
        };
        standing.iter().any(|&j| of(j))
    };
    let standing_ones: Vec<usize> = standing.iter().copied().filter(|&i| !is_echo(i)).collect();
    let columns: Vec<usize> = if active.is_empty() {
        (0..ground.symptoms.len()).collect()
    } else {
        active.clone()
    };
    let chosen = choose(ground, hypotheses, &ties, &standing_ones, &columns);
    let mut named: Vec<Named> = Vec::new();
    for &(index, ref explains) in &chosen {
        let hypothesis = &hypotheses[index];
        let (confidence, caps) = cap(ground, hypothesis, confidence[index]);
        if confidence < k::NAMED {
            continue;
        }
        let word = word(hypothesis, confidence);
        named.push(Named {
            hypothesis: index,
            confidence,
            word,
            caps,
            explains: explains.clone(),
        });
    }
    named.sort_by(|a, b| {
        let round = |x: f64| (x * 1e6).round();
        round(b.confidence)
            .total_cmp(&round(a.confidence))
            .then(a.hypothesis.cmp(&b.hypothesis))
    });
    let best = named.first().map_or(0.0, |n| n.confidence);
    let status = if best >= k::UNKNOWN_BELOW {
        Status::CauseFound
    } else {
        Status::Unknown
    };
    let explained: BTreeSet<usize> = named
        .iter()
        .flat_map(|n| n.explains.iter().copied())
        .collect();
    let unexplained = columns
        .into_iter()
        .filter(|i| !explained.contains(i))
        .collect();
    Verdict {
        status,
        named,
        raw,
        confidence,
        unexplained,
    }
}

/// Greedy joint explanation: noisy-OR over symptoms, so many nats per cause.
fn choose(
    ground: &Ground<'_>,
    hypotheses: &[Hypothesis],
    ties: &Ties,
    standing_ones: &[usize],
    columns: &[usize],
) -> Vec<(usize, Vec<usize>)> {
    if columns.is_empty() {
        return standing_ones
            .first()
            .map(|&i| vec![(i, Vec::new())])
            .unwrap_or_default();
    }
    let readings: Vec<Reading> = columns
        .iter()
        .map(|&s| Reading {
            abnormal: true,
            weight: if ground.symptoms[s].alarmed { 1.5 } else { 0.5 },
        })
        .collect();
    let width = columns.len();
    let mut reach = Vec::with_capacity(standing_ones.len() * width);
    for &index in standing_ones {
        reach.extend(
            columns
                .iter()
                .map(|&s| explains(ground, ties, &hypotheses[index], s)),
        );
    }
    // A cause explains a symptom in the measure in which it keeps up with the best that reaches it: strength
    // decides between rivals, symptom by symptom, and is never a bonus for naming one cause more. Two causes
    // that show at one front are no rivals where each has symptoms of its own.
    let mut best = vec![f64::NEG_INFINITY; width];
    for (row, &index) in standing_ones.iter().enumerate() {
        for (column, best) in best.iter_mut().enumerate() {
            if reach[row * width + column] >= k::EXPLAINS {
                *best = best.max(hypotheses[index].score.total);
            }
        }
    }
    let mut credited = reach.clone();
    for (row, &index) in standing_ones.iter().enumerate() {
        for (column, best) in best.iter().enumerate().filter(|(_, best)| best.is_finite()) {
            credited[row * width + column] *=
                ((hypotheses[index].score.total - best).min(0.0) * k::BEHIND).exp();
        }
    }
    let scores: Vec<f64> = standing_ones
        .iter()
        .map(|&index| stands_alone(ground, &hypotheses[index], columns))
        .collect();
    let question = Question {
        reach: &credited,
        scores: &scores,
        readings: &readings,
    };
    let limits = Limits {
        cost: k::CAUSE_COST,
        leak: k::LEAK,
        most: k::MOST_CAUSES,
        best: 12,
    };
    let explanation = explain(&question, &limits);
    let mut chosen: Vec<(usize, Vec<usize>)> = explanation
        .chosen
        .iter()
        .map(|&row| {
            let explained: Vec<usize> = (0..width)
                .filter(|&c| reach[row * width + c] >= k::EXPLAINS)
                .map(|c| columns[c])
                .collect();
            (standing_ones[row], explained)
        })
        .collect();
    if chosen.is_empty() {
        // Nothing is worth its cost in nats, yet something is wrong: the leader is shown for what it is.
        if let Some(&leader) = standing_ones.first() {
            let explained = columns
                .iter()
                .copied()
                .filter(|&s| explains(ground, ties, &hypotheses[leader], s) >= k::EXPLAINS)
                .collect();
            chosen.push((leader, explained));
        }
    }
    chosen
}

/// Nats that a cause brings of its own: where its unit is ill, what ails it is seen there first-hand, and a change
/// set it off, one symptom that nobody else explains is enough to name it.
fn stands_alone(ground: &Ground<'_>, hypothesis: &Hypothesis, columns: &[usize]) -> f64 {
    let ill = columns
        .iter()
        .any(|&s| ground.symptoms[s].unit == hypothesis.unit);
    let direct = is_seen_with_its_change(&hypothesis.score) && hypothesis.score.against <= 0.0;
    if ill && direct { k::STANDS_ALONE } else { 0.0 }
}

/// p(hypothesis explains symptom): the way between them, times compatible onset, times compatible sort.
fn explains(ground: &Ground<'_>, ties: &Ties, hypothesis: &Hypothesis, symptom: usize) -> f64 {
    let Some(way) = ties.way(ground, hypothesis, symptom) else {
        return 0.0;
    };
    let symptom = &ground.symptoms[symptom];
    let late = hypothesis
        .onset
        .map_or(0.0, |o| o.lo.since(symptom.onset.hi).as_minutes());
    let onset = if late <= 1.0 {
        1.0
    } else {
        (-(late - 1.0) / 10.0).exp()
    };
    let fits = if hypothesis.mechanism().fails_at_once && symptom.aspect == "latency" {
        k::AT_ONCE_IS_SLOW
    } else {
        1.0
    };
    0.97 * way.powf(k::WAY) * onset * fits
}

/// Probability of each hypothesis against those that would explain the same, and against "something else".
fn compete(ground: &Ground<'_>, hypotheses: &[Hypothesis], ties: &Ties) -> Vec<f64> {
    let homes = homes(ground, hypotheses, ties);
    hypotheses
        .iter()
        .zip(&homes)
        .map(|(own, home)| {
            if own.aside.is_some() {
                return 0.0;
            }
            let mut scores = vec![own.score.total, k::SOMETHING_ELSE];
            let rivals = hypotheses.iter().filter(|other| {
                other.aside.is_none()
                    && !std::ptr::eq(*other, own)
                    && (other.unit == own.unit || shares_symptom(ground, ties, home, other))
                    && !is_same_cause(own, other)
                    && !own.brings_about(other, ground.scene, ground.facts)
            });
            // Another unit is one rival, by its best mechanism: the same observations under another name do
            // not make it likelier that it is there.
            let mut places: BTreeSet<u32> = BTreeSet::new();
            let rivals = rivals.filter(|r| r.unit == own.unit || places.insert(r.unit));
            for rival in rivals.take(12) {
                // Another mechanism on the same unit is a rival about how, not about where.
                let discount = if rival.unit == own.unit {
                    k::SAME_PLACE
                } else {
                    0.0
                };
                scores.push(rival.score.total - discount);
            }
            softmax(&scores)[0]
        })
        .collect()
}

/// The same change on the same unit, in other words.
fn is_same_cause(a: &Hypothesis, b: &Hypothesis) -> bool {
    a.unit == b.unit && a.change.is_some() && a.change == b.change
}

fn shares_symptom(ground: &Ground<'_>, ties: &Ties, home: &[usize], other: &Hypothesis) -> bool {
    ground.symptoms.is_empty() || home.iter().any(|&s| ties.way(ground, other, s).is_some())
}

/// Per hypothesis: the symptoms over which it competes, which are those within its reach whose best explanation
/// at another place is weakest. Two causes that show at one front and each at a place of its own are no rivals,
/// if each has signs of its own; what nothing but a deviation speaks for competes everywhere.
fn homes(ground: &Ground<'_>, hypotheses: &[Hypothesis], ties: &Ties) -> Vec<Vec<usize>> {
    let tied = |h: &Hypothesis, s: usize| ties.way(ground, h, s).is_some();
    let count = ground.symptoms.len();
    // Per symptom the two best places, each by its best mechanism: whoever is at the first has the second as rival.
    let none = (f64::NEG_INFINITY, u32::MAX);
    let mut best = vec![[none; 2]; count];
    for hypothesis in hypotheses.iter().filter(|h| h.aside.is_none()) {
        let own = (hypothesis.score.total, hypothesis.unit);
        for (s, [first, second]) in best.iter_mut().enumerate() {
            if own.0 <= second.0 || !tied(hypothesis, s) {
                continue;
            }
            if own.1 == first.1 {
                first.0 = first.0.max(own.0);
            } else if own.0 > first.0 {
                *second = *first;
                *first = own;
            } else {
                *second = own;
            }
        }
    }
    let rival = |own: &Hypothesis, s: usize| {
        let [first, second] = best[s];
        if first.1 == own.unit {
            second.0
        } else {
            first.0
        }
    };
    hypotheses
        .iter()
        .map(|own| {
            if own.aside.is_some() {
                return Vec::new();
            }
            let reached: Vec<usize> = (0..count).filter(|&s| tied(own, s)).collect();
            if own.score.signature < k::STRONG_SIGN && !is_seen_with_its_change(&own.score) {
                return reached;
            }
            let least = reached
                .iter()
                .map(|&s| rival(own, s))
                .fold(f64::INFINITY, f64::min);
            reached
                .into_iter()
                .filter(|&s| rival(own, s) <= least)
                .collect()
        })
        .collect()
}

/// The caps: what is known may be strong, but not stronger than what it stands on.
fn cap(ground: &Ground<'_>, hypothesis: &Hypothesis, confidence: f64) -> (f64, Vec<String>) {
    let mut caps: Vec<(f64, String)> =
        vec![(k::CAP_ALWAYS, "nothing is surer than 0.97".to_string())];
    let sources = hypothesis.sources();
    let score = &hypothesis.score;
    if score.signature <= 0.0 && score.anomaly <= 0.0 && score.change <= k::CHANGE_NEARNESS {
        caps.push((
            k::CAP_NEARNESS,
            "only nearness in time speaks for it".to_string(),
        ));
    }
    if peers_only(ground, hypothesis) {
        caps.push((
            k::CAP_PEERS_ONLY,
            "only its peers tell it apart: it may always have been so".to_string(),
        ));
    }
    let kinds = kinds_behind(hypothesis, &sources);
    if kinds <= 1 {
        caps.push((k::CAP_ONE_SOURCE, "one kind of source only".to_string()));
    }
    let mut untested = hypothesis
        .tested
        .iter()
        .filter(|t| t.force == "must" && t.outcome == PredictionOutcome::Untested);
    if let Some(missing) =
        untested.find(|t| ground.scene.gaps.iter().any(|gap| gap.lacks(t.source)))
    {
        let word = missing.source.word();
        let are = match missing.source {
            SourceKind::State | SourceKind::Topology => "is",
            _ => "are",
        };
        caps.push((
            k::CAP_GAP,
            format!("what it must show cannot be looked at: {word} {are} missing"),
        ));
    }
    if is_told_by_itself_alone(ground, hypothesis) {
        caps.push((
            k::CAP_UNSEEN_BELOW,
            "whom it leans on, or how they are, could not be looked at".to_string(),
        ));
    }
    if ground
        .scene
        .gaps
        .iter()
        .any(|gap| gap.why == GapReason::Starved)
        && is_of_time_only(ground, hypothesis)
    {
        caps.push((
            k::CAP_STARVED,
            "the machine that looked was short of processor, which makes everything slow"
                .to_string(),
        ));
    }
    let may_be_set_off = hypothesis.mechanism().change != ChangeRole::None;
    let nothing = !ground.facts.covered.contains(&SourceKind::Changes);
    let blind = nothing || ground.scene.is_blind_to_changes();
    if hypothesis.change.is_none() && may_be_set_off && blind {
        let what = match nothing {
            true => "what was changed could not be looked at",
            false => "not all that was changed could be looked at",
        };
        caps.push((k::CAP_BLIND_TO_CHANGES, what.to_string()));
    }
    if let Some(missing) = hides_what_a_change_did(ground, hypothesis) {
        caps.push((
            k::CAP_HOW_UNSEEN,
            format!(
                "what exactly the change brought about could not be looked at: {} are missing",
                missing.word()
            ),
        ));
    }
    let mut binding: Vec<String> = Vec::new();
    let mut capped = confidence;
    for (limit, reason) in &caps {
        if confidence > *limit {
            binding.push(reason.clone());
        }
        capped = capped.min(*limit);
    }
    (capped, binding)
}

/// Where no more is said than that a change did it: the evidence that would tell in which way, and that was kept from us.
fn hides_what_a_change_did(ground: &Ground<'_>, hypothesis: &Hypothesis) -> Option<SourceKind> {
    let mut signs = hypothesis.mechanism().signatures.iter();
    let says_no_more = signs.all(|sign| source_of(sign) == SourceKind::Changes);
    if hypothesis.change.is_none() || !says_no_more {
        return None;
    }
    let mut kinds = [SourceKind::Metrics, SourceKind::Logs].into_iter();
    kinds.find(|kind| ground.scene.was_kept_from_us(hypothesis.unit, &[*kind]))
}

/// Does nothing speak for it but that it fails, or is slow, by itself, while nobody could say on whom it leans, or nothing is
/// known of them? Then it may as well pass on what it was told.
fn is_told_by_itself_alone(ground: &Ground<'_>, hypothesis: &Hypothesis) -> bool {
    let unit = hypothesis.unit;
    // Who calls nobody passes nothing on.
    let calls = !matches!(
        ground.scene.entities[unit as usize].kind,
        EntityKind::Database
            | EntityKind::Table
            | EntityKind::Queue
            | EntityKind::Cache
            | EntityKind::External
            | EntityKind::Host
            | EntityKind::Client
    );
    let facts = ground.facts;
    let is_seen = |unit: u32| {
        facts.series.iter().any(|fact| fact.unit == unit)
            || facts.work.iter().any(|fact| fact.unit == unit)
            || facts.logs.iter().any(|fact| fact.unit == unit)
            || facts.state_facts.iter().any(|fact| fact.unit == unit)
    };
    let tells = [
        SourceKind::Topology,
        SourceKind::Traces,
        SourceKind::Metrics,
    ];
    let mechanism = hypothesis.mechanism();
    let mut must_not = mechanism.predict.must_not.iter();
    let may_come_from_below =
        mechanism.generic.is_some() || must_not.any(|seen| seen.place == Where::Below);
    calls
        && may_come_from_below
        && hypothesis.change.is_none()
        && hypothesis.score.signature < k::STRONG_SIGN
        && ground.scene.was_kept_from_us(unit, &tells)
        && !ground.scene.called_by_the_map(unit).any(is_seen)
}

/// Does nothing speak for it but how long things took, how many came and how many failed in that time? A machine
/// that does not come to its work shows all of these by itself. What wrote a line that is not about time, what is
/// seen in a state, and a change that can have done just this are another matter; so is who takes the processor from
/// others, which is what makes a machine short of it.
fn is_of_time_only(ground: &Ground<'_>, hypothesis: &Hypothesis) -> bool {
    let about_time = |i: u32| {
        ground
            .kinds
            .iter()
            .any(|seen| seen.kind == "timeouts_up" && seen.refs.contains(&FactRef::Log(i)))
    };
    hypothesis.mechanism().spreads != Spread::Neighbours
        && hypothesis.score.change < k::STRONG_SIGN
        && hypothesis
            .groups
            .values()
            .flatten()
            .filter(|(nats, _)| *nats > 0.0)
            .all(|(_, at)| match at {
                FactRef::Series(i) => ground.facts.series[*i as usize].role.is_of_time(),
                FactRef::Edge(_) | FactRef::Work(_) | FactRef::Change(_) => true,
                FactRef::Log(i) => about_time(*i),
                FactRef::Event(_) | FactRef::State(_) => false,
            })
}

/// Does all that speaks for it lie in habits that are as old as the recording?
fn peers_only(ground: &Ground<'_>, hypothesis: &Hypothesis) -> bool {
    let mut refs = hypothesis.refs().into_iter().peekable();
    refs.peek().is_some()
        && refs.all(|at| match at {
            FactRef::Log(i) => {
                let fact = &ground.facts.logs[i as usize];
                fact.habit.is_some() && fact.path.is_none() && fact.before > 0
            }
            FactRef::Work(i) => {
                let fact = &ground.facts.work[i as usize];
                fact.quiet.is_some() && fact.own_z < 3.0 && fact.origin_errors.1 == 0
            }
            _ => false,
        })
}

/// How many independent kinds of source speak for it, counting those that carry facts without nats of their own.
fn kinds_behind(hypothesis: &Hypothesis, with_nats: &BTreeSet<SourceKind>) -> usize {
    let mut kinds: BTreeSet<SourceKind> = with_nats.clone();
    if hypothesis.score.anomaly > 1.0 {
        kinds.extend(hypothesis.groups.keys().copied());
    }
    kinds.extend(
        hypothesis
            .tested
            .iter()
            .filter(|t| t.force != "must_not" && t.outcome == PredictionOutcome::Met)
            .map(|t| t.source),
    );
    kinds.len()
}

fn word(hypothesis: &Hypothesis, confidence: f64) -> Word {
    let direct = hypothesis.score.signature >= 3.0 || hypothesis.score.change >= 3.0;
    let against = hypothesis.score.against > 0.0;
    let two = kinds_behind(hypothesis, &hypothesis.sources()) >= 2;
    if confidence >= 0.90 && direct && two && !against {
        Word::Confirmed
    } else if confidence >= 0.60 {
        Word::Probable
    } else {
        Word::Possible
    }
}

fn is_alarmed(ground: &Ground<'_>, unit: u32) -> bool {
    ground.scene.alarmed.binary_search(&unit).is_ok()
}

fn covered(ground: &Ground<'_>) -> bool {
    let facts: &Facts = ground.facts;
    facts.series.iter().any(|f| is_alarmed(ground, f.unit))
        || facts.state_facts.iter().any(|f| is_alarmed(ground, f.unit))
        || facts.logs.iter().any(|f| is_alarmed(ground, f.unit))
        || facts.work.iter().any(|f| is_alarmed(ground, f.unit))
}

/// Did something go wrong within reach of the alarm that is over by now?
fn recovered_events(ground: &Ground<'_>) -> bool {
    ground
        .facts
        .series
        .iter()
        .any(|f| is_alarmed(ground, f.unit) && f.recovered.is_some() && f.bad > BAND)
        || ground.facts.events.iter().any(|(unit, e)| {
            is_alarmed(ground, *unit) && e.severity.is_some_and(|s| s >= model::Severity::Warn)
        })
}
