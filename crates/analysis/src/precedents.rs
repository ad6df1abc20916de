//! Which earlier incidents are like what is seen now, and how much that may weigh. History may nudge, never decide.
//!
//! Two incidents are compared by their [`Features`], in five ways that add up to a likeness of 0..1. Age halves it
//! every twenty days. What the nearest were for certain adds at most one nat to a hypothesis that says the same
//! ([`nudge`]), and thirty incidents whose causes are certain tell how common each mechanism is ([`BaseRates`]).

use std::collections::{BTreeMap, BTreeSet};

use model::lesson::Lesson;
use model::mechanism::MechanismId;
use model::{ChangeKind, EntityId, EntityKind, Timestamp};

use crate::ranking::{base_rate, logit};

/// Weights of the five likenesses; they add up to 1.
const TEMPLATES: f64 = 0.35;
const MECHANISM: f64 = 0.25;
const PLACE: f64 = 0.20;
const SHAPES: f64 = 0.10;
const CHANGES: f64 = 0.10;
/// After so many days a likeness counts half.
const HALF_LIFE_DAYS: f64 = 20.0;
/// How many are shown, and how many may nudge.
const SHOWN: usize = 5;
/// What is less alike than this would only distract.
const LEAST: f64 = 0.05;
/// Most nats that precedents add to one hypothesis.
const MOST_NATS: f64 = 1.0;
/// What remains of that where the earlier cause was on another entity of the same kind.
const SAME_KIND: f64 = 0.5;
/// Fewer incidents whose causes are certain say nothing about how common a mechanism is.
const LEAST_LABELLED: usize = 30;
/// Most nats by which a base rate moves a prior: a house whose last thirty incidents were all of one sort must still
/// find the first of another.
const MOST_SHIFT: f64 = 1.0;
/// Longest text by which templates are told apart; telemetry may send lines of any length.
const LONGEST_TEMPLATE: usize = 400;
/// Most templates that one incident is compared by.
const MOST_TEMPLATES: usize = 100;

/// The numbers above in one text, for digests: what was weighed by other numbers is another result.
pub fn digest_text() -> String {
    format!(
        "precedents {TEMPLATES} {MECHANISM} {PLACE} {SHAPES} {CHANGES} {HALF_LIFE_DAYS} {SHOWN} {LEAST} {MOST_NATS} {SAME_KIND} {LEAST_LABELLED} {MOST_SHIFT} {LONGEST_TEMPLATE} {MOST_TEMPLATES}"
    )
}

/// What a metric did, as precedents compare it: its aspect and a direction by the sign of its deviation `z`, such as
/// `traffic down`; up where nothing tells, as trouble mostly shows.
pub fn shape(aspect: &str, z: Option<f64>) -> String {
    let way = if z.is_some_and(|z| z < 0.0) {
        "down"
    } else {
        "up"
    };
    format!("{aspect} {way}")
}

/// By what an incident is compared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Features {
    /// Texts of log templates, as [`templates`] keeps them.
    pub templates: BTreeSet<String>,
    /// Supposed mechanisms.
    pub mechanisms: BTreeSet<MechanismId>,
    /// Supposed causes' entities.
    pub entities: BTreeSet<EntityId>,
    /// Kinds of things from cause to symptom.
    pub path: BTreeSet<EntityKind>,
    /// What metrics did, as [`shape`] says it.
    pub shapes: BTreeSet<String>,
    /// What sorts of change are suspected.
    pub changes: BTreeSet<ChangeKind>,
}

/// The first hundred of these templates, each cut to the length by which they are compared.
pub fn templates<'t>(all: impl IntoIterator<Item = &'t str>) -> BTreeSet<String> {
    let mut kept = BTreeSet::new();
    for template in all {
        if kept.len() >= MOST_TEMPLATES {
            break;
        }
        kept.insert(template.chars().take(LONGEST_TEMPLATE).collect());
    }
    kept
}

/// How alike two incidents are in each of the five ways, 0..1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Likeness {
    /// Jaccard index of their log templates.
    pub templates: f64,
    /// Jaccard index of their mechanisms.
    pub mechanism: f64,
    /// Mean of the Jaccard indexes of their causes' entities and of the kinds on the way to the symptoms.
    pub place: f64,
    /// Jaccard index of what their metrics did.
    pub shapes: f64,
    /// Jaccard index of the sorts of change behind them.
    pub changes: f64,
}

impl Likeness {
    /// All five together, 0..1.
    pub fn total(&self) -> f64 {
        TEMPLATES * self.templates
            + MECHANISM * self.mechanism
            + PLACE * self.place
            + SHAPES * self.shapes
            + CHANGES * self.changes
    }
}

impl Features {
    /// Of what was learned.
    pub fn of_lesson(lesson: &Lesson) -> Self {
        Self {
            templates: templates(lesson.templates.iter().map(String::as_str)),
            mechanisms: lesson.causes.iter().map(|c| c.mechanism.clone()).collect(),
            entities: lesson.causes.iter().map(|c| c.entity.clone()).collect(),
            path: lesson.path.clone(),
            shapes: lesson.shapes.clone(),
            changes: lesson.causes.iter().filter_map(|c| c.change).collect(),
        }
    }

    /// How alike two are, whatever their age.
    pub fn likeness(&self, other: &Self) -> Likeness {
        Likeness {
            templates: jaccard(&self.templates, &other.templates),
            mechanism: jaccard(&self.mechanisms, &other.mechanisms),
            place: 0.5 * jaccard(&self.entities, &other.entities)
                + 0.5 * jaccard(&self.path, &other.path),
            shapes: jaccard(&self.shapes, &other.shapes),
            changes: jaccard(&self.changes, &other.changes),
        }
    }
}

/// The share of all that both have. Two empty sets have nothing in common.
fn jaccard<T: Ord>(one: &BTreeSet<T>, other: &BTreeSet<T>) -> f64 {
    let both = one.intersection(other).count() as f64;
    let all = one.union(other).count() as f64;
    if all > 0.0 { both / all } else { 0.0 }
}

/// One earlier incident that is like what is seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Near {
    /// Which of the lessons.
    pub lesson: usize,
    /// How alike it is, whatever its age.
    pub likeness: Likeness,
    /// How old it is, in days; never negative.
    pub days: f64,
    /// How alike it is, its age counted, 0..1.
    pub similarity: f64,
}

/// The five nearest lessons, the nearest first, the newer first among equals. What was learned at `now` or later
/// has age zero.
pub fn nearest(lessons: &[Lesson], features: &Features, now: Timestamp) -> Vec<Near> {
    let mut near: Vec<Near> = lessons
        .iter()
        .enumerate()
        .map(|(index, lesson)| {
            let days = now.since(lesson.at).as_seconds().max(0.0) / 86_400.0;
            let likeness = features.likeness(&Features::of_lesson(lesson));
            Near {
                lesson: index,
                likeness,
                days,
                similarity: likeness.total() * (-days / HALF_LIFE_DAYS).exp2(),
            }
        })
        .filter(|near| near.similarity >= LEAST)
        .collect();
    near.sort_by(|a, b| {
        let (one, other) = (&lessons[a.lesson], &lessons[b.lesson]);
        b.similarity
            .total_cmp(&a.similarity)
            .then_with(|| other.at.cmp(&one.at))
            .then_with(|| one.incident.cmp(&other.incident))
    });
    near.truncate(SHOWN);
    near
}

/// Nats, 0..1, that the nearest lessons add to the hypothesis that `mechanism` is at work on `entity`: the greatest
/// similarity of one whose certain cause was that mechanism there, half of it where it was on another entity of that
/// kind. What nobody confirmed and no verified recovery cured adds nothing, however often it was guessed.
pub fn nudge(
    lessons: &[Lesson],
    near: &[Near],
    entity: &EntityId,
    kind: EntityKind,
    mechanism: &MechanismId,
) -> f64 {
    let of = |near: &Near| -> f64 {
        let Some(lesson) = lessons
            .get(near.lesson)
            .filter(|lesson| !lesson.false_alarm)
        else {
            return 0.0;
        };
        lesson
            .causes
            .iter()
            .filter(|cause| cause.is_certain() && cause.mechanism == *mechanism)
            .map(|cause| {
                if cause.entity == *entity {
                    1.0
                } else if cause.kind == kind && kind != EntityKind::Unknown {
                    SAME_KIND
                } else {
                    0.0
                }
            })
            .fold(0.0, f64::max)
            * near.similarity.clamp(0.0, 1.0)
    };
    MOST_NATS * near.iter().map(of).fold(0.0, f64::max)
}

/// How common each mechanism is, over the incidents whose causes are certain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BaseRates {
    /// Incidents at least one cause of which is certain: by a person's word or a verified recovery.
    pub labelled: usize,
    /// In how many of them each mechanism was a certain cause.
    pub hits: BTreeMap<MechanismId, usize>,
}

impl BaseRates {
    /// Counted over all lessons; their order means nothing.
    pub fn of(lessons: &[Lesson]) -> Self {
        let mut rates = Self::default();
        for lesson in lessons.iter().filter(|lesson| !lesson.false_alarm) {
            let certain: BTreeSet<&MechanismId> = lesson
                .causes
                .iter()
                .filter(|cause| cause.is_certain())
                .map(|cause| &cause.mechanism)
                .collect();
            rates.labelled += usize::from(!certain.is_empty());
            for mechanism in certain {
                *rates.hits.entry(mechanism.clone()).or_default() += 1;
            }
        }
        rates
    }

    /// How often a mechanism is a cause, 0..1, by Laplace's rule of succession; `None` before thirty incidents whose
    /// causes are certain, because fewer would only repeat the last few nights.
    pub fn rate(&self, mechanism: &MechanismId) -> Option<f64> {
        let hits = self.hits.get(mechanism).copied().unwrap_or(0);
        // Two outcomes: it was a cause, or it was not.
        (self.labelled >= LEAST_LABELLED).then(|| base_rate(hits as u64, self.labelled as u64, 2))
    }

    /// Nats of prior belief in a mechanism whose prior without any history is `prior` (0..1): those of its base
    /// rate, at most one nat away from those of `prior`.
    pub fn prior(&self, mechanism: &MechanismId, prior: f64) -> f64 {
        let without = logit(prior);
        self.rate(mechanism).map_or(without, |rate| {
            without + (logit(rate) - without).clamp(-MOST_SHIFT, MOST_SHIFT)
        })
    }
}

#[cfg(test)]
mod tests;
