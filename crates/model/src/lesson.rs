//! What one incident taught us that will help next time.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::change::ChangeKind;
use crate::entity::{EntityId, EntityKind};
use crate::incident::IncidentId;
use crate::mechanism::{Category, MechanismId};
use crate::time::Timestamp;

/// A cause as it is remembered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LearnedCause {
    /// Where.
    pub entity: EntityId,
    /// What sort of thing that is.
    pub kind: EntityKind,
    /// How.
    pub mechanism: MechanismId,
    /// Which of the five.
    pub category: Category,
    /// What sort of change did it, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<ChangeKind>,
    /// How sure the report was, 0..1.
    pub confidence: f64,
    /// Did the recovery that answered it work? `None` where none was tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cured: Option<bool>,
    /// What a person who knows said: was this a cause? `None` where nobody said anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<bool>,
    /// Did a report blame it? Otherwise a person named it, who knew better.
    #[serde(default = "blamed", skip_serializing_if = "Clone::clone")]
    pub blamed: bool,
}

/// What a lesson from before people could name causes says of all of its causes.
fn blamed() -> bool {
    true
}

impl LearnedCause {
    /// Is it known for certain that this was a cause: by a person's word, or else because the recovery that answered
    /// it was verified on fresh telemetry?
    pub fn is_certain(&self) -> bool {
        self.truth() == Some(true)
    }

    /// Was it a cause, as far as anybody knows for certain? A person's word counts; without one, a verified recovery
    /// says that it was, while a recovery that did not help says nothing: the deed may have been the wrong one.
    pub fn truth(&self) -> Option<bool> {
        self.confirmed.or(self.cured.filter(|cured| *cured))
    }
}

/// When the incident passed which milestone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Milestones {
    /// When it began, at the earliest (the report's onset).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<Timestamp>,
    /// When the incident was opened.
    pub detected: Timestamp,
    /// When the first report with a verdict stood.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub investigated: Option<Timestamp>,
    /// When somebody, or the policy, said yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<Timestamp>,
    /// When fresh telemetry showed that it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered: Option<Timestamp>,
}

/// One of the four areas of prevention.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// What could not be seen.
    Observability,
    /// What it runs on, and its limits.
    Infrastructure,
    /// How changes reach production.
    DeploymentPipeline,
    /// How the application bears failure.
    Resilience,
}

/// One thing to do so that it does not happen again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Advice {
    /// Which area.
    pub area: Area,
    /// What to do.
    pub text: String,
}

/// The schema of `lessons.json` that this build writes and reads.
pub const LESSONS_SCHEMA: &str = "midwatch.lessons/1";

/// What earlier incidents taught, as it was handed to an investigation: the file `lessons.json` of a recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lessons {
    /// `midwatch.lessons/1`.
    pub schema: String,
    /// The lessons, sorted by (at, incident); each incident has one.
    pub lessons: Vec<Lesson>,
}

/// What one incident taught us.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lesson {
    /// Which incident.
    pub incident: IncidentId,
    /// When it was learned.
    pub at: Timestamp,
    /// The symptom, for people.
    pub title: String,
    /// Was there nothing wrong at all?
    pub false_alarm: bool,
    /// The causes.
    pub causes: Vec<LearnedCause>,
    /// Texts of the log templates that were cited, for likeness.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub templates: BTreeSet<String>,
    /// Kinds of entities on the way from cause to symptom.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub path: BTreeSet<EntityKind>,
    /// Shapes of what metrics did: `errors up`, `latency up`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub shapes: BTreeSet<String>,
    /// When what happened.
    pub milestones: Milestones,
    /// Did a recovery run, and did it work?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered: Option<bool>,
    /// What put it right, step by step, for people; empty where no recovery worked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub put_right: Vec<String>,
    /// What to do next week, sorted.
    pub advice: Vec<Advice>,
}
