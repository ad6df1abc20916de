//! The head of a recorded incident: what `recording.json` holds. `docs/recordings.md` is the format.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::query::Gap;
use crate::source::SourceLook;
use crate::time::{TimeWindow, Timestamp};

/// The schema that this build writes and reads.
pub const SCHEMA: &str = "midwatch.recording/1";

/// A stretch of time that shows how things are when they are well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BaselineWindow {
    /// The stretch.
    pub window: TimeWindow,
    /// `near` (just before the incident) or `history` (long ago: mind drift).
    pub kind: BaselineKind,
}

/// How near a baseline lies to the incident.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum BaselineKind {
    /// Just before.
    Near,
    /// Long ago.
    History,
}

/// The head of a recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// `midwatch.recording/1`.
    pub schema: String,
    /// Unique name of the case.
    pub id: String,
    /// One line for people: the symptom, not the cause.
    pub title: String,
    /// When the looking happened: nothing after this moment is read.
    pub now: Timestamp,
    /// The stretch that the incident is looked for in, usually [alarm - 60 min, now].
    pub window: TimeWindow,
    /// Where health was recorded; empty: the three windows before the incident.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub baselines: Vec<BaselineWindow>,
    /// What could not be collected, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// What live sources were asked for it in their own words, and what that cost; sorted by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceLook>,
    /// Where the data came from and under which licence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub origin: String,
    /// SPDX id of the data's licence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub licence: String,
}

/// What the cause really was, for scoring. Lies in `answer.json`, which an investigation never opens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrueAnswer {
    /// Entity ids of the causes; empty when nothing was wrong.
    #[serde(default)]
    pub entities: Vec<crate::EntityId>,
    /// Guilty changes; empty when no change did it.
    #[serde(default)]
    pub changes: Vec<String>,
    /// Category words that count as right.
    #[serde(default)]
    pub categories: Vec<String>,
    /// Was there no active fault at all?
    #[serde(default)]
    pub healthy: bool,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub notes: String,
}
