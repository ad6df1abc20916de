//! Which lessons look like what is seen now. History may nudge, never decide.

use std::collections::BTreeSet;

use model::lesson::Lesson;
use model::mechanism::MechanismId;
use model::report::{Precedent, Report};
use model::{ChangeKind, EntityId, EntityKind, Timestamp};

use crate::distil;

/// Weights of the five likenesses; they add up to 1.
const TEMPLATES: f64 = 0.35;
const MECHANISM: f64 = 0.25;
const ENTITIES: f64 = 0.20;
const SHAPES: f64 = 0.10;
const CHANGES: f64 = 0.10;
/// After so many days a likeness counts half.
const HALF_LIFE_DAYS: f64 = 20.0;
/// How many are shown.
const SHOWN: usize = 5;
/// What is less alike than this would only distract.
const LEAST: f64 = 0.05;

/// By what an incident is compared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Features {
    /// Texts of log templates.
    pub templates: BTreeSet<String>,
    /// Supposed mechanisms.
    pub mechanisms: BTreeSet<MechanismId>,
    /// Supposed causes' entities.
    pub entities: BTreeSet<EntityId>,
    /// Kinds of things from cause to symptom.
    pub path: BTreeSet<EntityKind>,
    /// What metrics did: `errors up`.
    pub shapes: BTreeSet<String>,
    /// What sorts of change are suspected.
    pub changes: BTreeSet<ChangeKind>,
}

impl Features {
    /// Of what a report says.
    pub fn of_report(report: &Report) -> Self {
        let changes = report
            .causes
            .iter()
            .filter_map(|cause| distil::change_kind(report, cause.change.as_deref()?));
        Self {
            templates: distil::templates(report),
            mechanisms: report.causes.iter().map(|c| c.mechanism.clone()).collect(),
            entities: report.causes.iter().map(|c| c.entity.clone()).collect(),
            path: distil::path(report),
            shapes: distil::shapes(report),
            changes: changes.collect(),
        }
    }

    /// Of what was learned.
    pub fn of_lesson(lesson: &Lesson) -> Self {
        Self {
            templates: lesson.templates.clone(),
            mechanisms: lesson.causes.iter().map(|c| c.mechanism.clone()).collect(),
            entities: lesson.causes.iter().map(|c| c.entity.clone()).collect(),
            path: lesson.path.clone(),
            shapes: lesson.shapes.clone(),
            changes: lesson.causes.iter().filter_map(|c| c.change).collect(),
        }
    }

    /// How alike two are, 0..1, whatever their age.
    pub fn similarity(&self, other: &Self) -> f64 {
        let place =
            0.5 * jaccard(&self.entities, &other.entities) + 0.5 * jaccard(&self.path, &other.path);
        TEMPLATES * jaccard(&self.templates, &other.templates)
            + MECHANISM * jaccard(&self.mechanisms, &other.mechanisms)
            + ENTITIES * place
            + SHAPES * jaccard(&self.shapes, &other.shapes)
            + CHANGES * jaccard(&self.changes, &other.changes)
    }
}

/// The share of all that both have. Two empty sets have nothing in common.
fn jaccard<T: Ord>(one: &BTreeSet<T>, other: &BTreeSet<T>) -> f64 {
    let both = one.intersection(other).count() as f64;
    let all = one.union(other).count() as f64;
    if all > 0.0 { both / all } else { 0.0 }
}

/// The five nearest lessons, the nearest first, the newer first among equals. What is learned at `now` or
/// later has age zero.
pub fn recall(lessons: &[Lesson], features: &Features, now: Timestamp) -> Vec<Precedent> {
    let mut near: Vec<(f64, &Lesson)> = lessons
        .iter()
        .map(|lesson| {
            let days = now.since(lesson.at).as_seconds().max(0.0) / 86_400.0;
            let alike = features.similarity(&Features::of_lesson(lesson));
            (alike * (-days / HALF_LIFE_DAYS).exp2(), lesson)
        })
        .filter(|(alike, _)| *alike >= LEAST)
        .collect();
    near.sort_by(|(a, one), (b, other)| {
        b.total_cmp(a)
            .then_with(|| other.at.cmp(&one.at))
            .then_with(|| one.incident.cmp(&other.incident))
    });
    near.into_iter()
        .take(SHOWN)
        .map(|(alike, lesson)| Precedent {
            case: lesson.incident.to_string(),
            // Six digits, as every derived number of a report.
            similarity: (alike * 1e6).round() / 1e6,
            was: was(lesson),
        })
        .collect()
}

/// What it turned out to be, in one line.
fn was(lesson: &Lesson) -> String {
    if lesson.false_alarm {
        return "nothing was wrong".to_string();
    }
    if lesson.causes.is_empty() {
        return format!("{} (no cause was found)", lesson.title);
    }
    let causes: Vec<String> = lesson
        .causes
        .iter()
        .map(|cause| {
            let cured = match cause.cured {
                Some(true) => ", cured",
                Some(false) => ", the recovery did not help",
                None => "",
            };
            format!("{} on {}{cured}", cause.mechanism, cause.entity)
        })
        .collect();
    causes.join("; ")
}
