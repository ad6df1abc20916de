//! How the watch has done: measured, from what was learned.

use std::collections::BTreeMap;

use analysis::precedents::BaseRates;
use model::incident::Incident;
use model::lesson::{LearnedCause, Lesson};
use model::mechanism::MechanismId;
use model::{Span, Timestamp};
use serde::Serialize;

/// How lengths of time are spread. Percentiles are nearest ranks: lengths that were really measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// Over how many incidents.
    pub count: usize,
    /// Mean; zero over none.
    pub mean: Span,
    /// Half of them were no longer than this.
    pub p50: Span,
    /// 95 % of them were no longer than this.
    pub p95: Span,
}

impl Spread {
    /// Over these lengths, in any order.
    pub fn of(mut lengths: Vec<Span>) -> Self {
        lengths.sort_unstable();
        let count = lengths.len();
        let rank = |percent: usize| {
            let place = (count * percent).div_ceil(100).max(1) - 1;
            lengths.get(place).copied().unwrap_or_default()
        };
        let sum: i128 = lengths.iter().map(|length| i128::from(length.0)).sum();
        let mean = if count == 0 { 0 } else { sum / count as i128 };
        Self {
            count,
            // The mean of 64-bit numbers fits into 64 bits.
            mean: Span(i64::try_from(mean).unwrap_or(i64::MAX)),
            p50: rank(50),
            p95: rank(95),
        }
    }
}

/// Of how many, and how many of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Share {
    /// How many of them.
    pub hits: usize,
    /// Of how many.
    pub of: usize,
}

impl Share {
    /// 0..1; `None` of none.
    pub fn value(self) -> Option<f64> {
        (self.of > 0).then(|| self.hits as f64 / self.of as f64)
    }
}

/// How the watch has done.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Scores {
    /// Incidents that taught us something.
    pub incidents: usize,
    /// From the moment when the first alarm's condition had become true in the data to the opening, where that is
    /// known. Of all incidents, also those that are open.
    pub open: Spread,
    /// From the onset to the opening of the incident (MTTD), where the onset is known.
    pub detect: Spread,
    /// From the opening to the first report (MTTI).
    pub investigate: Spread,
    /// From the opening to the verified recovery (MTTR).
    pub recover: Spread,
    /// From the yes to the verified recovery.
    pub approved_to_recovered: Spread,
    /// Recoveries that ran, and those that worked.
    pub recovery: Share,
    /// Incidents in which nothing was wrong.
    pub false_alarms: Share,
    /// Incidents of which a cause is certain: a verified recovery answered it, or a person said so.
    pub labelled: usize,
    /// Among them, how often each mechanism was a cause.
    pub mechanisms: BTreeMap<MechanismId, usize>,
    /// Causes that reports blamed and of which the truth is known, and those that were causes: precision. A recovery
    /// that worked only ever says "right", so where people say nothing this flatters.
    pub right: Share,
    /// Causes that are certain, and those that a report blamed: what people named was missed.
    pub found: Share,
    /// How sure reports were of causes of which the truth is known, and how many of them were causes.
    pub calibration: Vec<Sureness>,
}

/// Causes of which reports were about as sure, and how many of them were causes. A report that is as sure as it should
/// be has `share.value()` near `stated`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Sureness {
    /// From which confidence on, 0..1.
    pub from: f64,
    /// Up to which; the last holds 1 as well.
    pub to: f64,
    /// The mean confidence that was stated.
    pub stated: f64,
    /// Of how many the truth is known, and how many were causes.
    pub share: Share,
}

/// Where confidences are parted: below a half nothing is said to be likely, and above 0.8 plans may rest on a cause.
const EDGES: [f64; 5] = [0.0, 0.5, 0.8, 0.9, 1.0];

/// How sure reports were, beside what was true; stretches in which nothing is known are left out.
fn calibration<'a>(causes: impl Iterator<Item = &'a LearnedCause> + Clone) -> Vec<Sureness> {
    let stretches = EDGES.iter().zip(EDGES.iter().skip(1));
    let told = stretches.map(|(from, to)| {
        let last = EDGES.last() == Some(to);
        let mut found = Sureness {
            from: *from,
            to: *to,
            ..Sureness::default()
        };
        for cause in causes.clone() {
            let within = cause.confidence >= *from && (cause.confidence < *to || last);
            if let (true, Some(right)) = (within, cause.truth()) {
                found.stated += cause.confidence;
                found.share.of += 1;
                found.share.hits += usize::from(right);
            }
        }
        found.stated /= found.share.of.max(1) as f64;
        found
    });
    told.filter(|found| found.share.of > 0).collect()
}

/// What one incident adds to the scores: small, where the incident with its reports is not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Marks {
    /// What it taught, if it is over.
    pub lesson: Option<Lesson>,
    /// From the moment at which its first alarm's condition was true in the data to its opening.
    pub opened: Option<Span>,
}

impl Marks {
    /// Those of an incident.
    pub fn of(incident: &Incident) -> Self {
        let first = incident.alarms.first();
        let true_at = first.and_then(|first| first.alarm.true_at);
        Self {
            lesson: incident.taught(),
            opened: true_at.map(|true_at| incident.opened.since(true_at)),
        }
    }
}

/// Measures over all incidents; their order means nothing.
pub fn scores_of(incidents: Vec<Marks>) -> Scores {
    let (mut lessons, mut opened) = (Vec::new(), Vec::new());
    for marks in incidents {
        opened.extend(marks.opened);
        lessons.extend(marks.lesson);
    }
    Scores {
        open: Spread::of(opened),
        ..scores(&lessons)
    }
}

/// Measures over all lessons; their order means nothing.
pub fn scores(lessons: &[Lesson]) -> Scores {
    let between = |from: fn(&Lesson) -> Option<Timestamp>, to: fn(&Lesson) -> Option<Timestamp>| {
        let lengths = lessons
            .iter()
            // A false alarm was not detected late, and is not recovered from.
            .filter(|lesson| !lesson.false_alarm)
            .filter_map(|lesson| Some(to(lesson)?.since(from(lesson)?)))
            .filter(|length| length.0 >= 0);
        Spread::of(lengths.collect())
    };
    let rates = BaseRates::of(lessons);
    let mut scores = Scores {
        incidents: lessons.len(),
        detect: between(|l| l.milestones.began, |l| Some(l.milestones.detected)),
        investigate: between(
            |l| Some(l.milestones.detected),
            |l| l.milestones.investigated,
        ),
        recover: between(|l| Some(l.milestones.detected), |l| l.milestones.recovered),
        approved_to_recovered: between(|l| l.milestones.approved, |l| l.milestones.recovered),
        labelled: rates.labelled,
        mechanisms: rates.hits,
        ..Scores::default()
    };
    let causes = || lessons.iter().flat_map(|lesson| &lesson.causes);
    for cause in causes() {
        if let (true, Some(right)) = (cause.blamed, cause.truth()) {
            scores.right.of += 1;
            scores.right.hits += usize::from(right);
        }
        if cause.is_certain() {
            scores.found.of += 1;
            scores.found.hits += usize::from(cause.blamed);
        }
    }
    scores.calibration = calibration(causes().filter(|cause| cause.blamed));
    for lesson in lessons {
        scores.false_alarms.of += 1;
        scores.false_alarms.hits += usize::from(lesson.false_alarm);
        if let Some(worked) = lesson.recovered {
            scores.recovery.of += 1;
            scores.recovery.hits += usize::from(worked);
        }
    }
    scores
}
