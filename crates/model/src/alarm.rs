//! Notices from outside that something may be wrong.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::entity::EntityId;
use crate::telemetry::{RawRef, Severity};
use crate::time::Timestamp;

/// What the alarm says of itself.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AlarmState {
    /// Still firing when it was last heard of.
    #[default]
    Firing,
    /// It has said itself that it is over.
    Resolved,
    /// Its metric is missing.
    NoData,
}

/// One notice from outside that something may be wrong, in our words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alarm {
    /// Unique within the recording.
    pub id: String,
    /// Who raised it: `cloudwatch`, `prometheus`, `datadog`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// The rule's name.
    pub rule: String,
    /// About whom.
    pub entity: EntityId,
    /// The metric that crossed its line, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// The statistic of that metric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statistic: Option<String>,
    /// The line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// What was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<f64>,
    /// When it fired.
    pub fired_at: Timestamp,
    /// When its condition became true in the data, if whoever raised it knows: the last datum that it needed had come
    /// in, and its period was over. From here on whoever evaluates is to blame for the time that passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub true_at: Option<Timestamp>,
    /// How bad its rule says it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Firing, resolved, or no data.
    #[serde(default)]
    pub state: AlarmState,
    /// What it tells people. Hostile text: shown, never believed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// Its labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Where the row stands.
    #[serde(default)]
    pub raw: RawRef,
}
