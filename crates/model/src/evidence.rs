//! Observations that can be made again.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::entity::EntityId;
use crate::query::Query;
use crate::telemetry::RawRef;
use crate::time::TimeWindow;

/// Names one observation of a report: `E1`, `E2`, …
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EvidenceId(pub u32);

impl fmt::Display for EvidenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "E{}", self.0)
    }
}

impl std::str::FromStr for EvidenceId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.strip_prefix('E').and_then(|n| n.parse().ok());
        number
            .map(Self)
            .ok_or_else(|| format!("{text:?} is not an evidence id such as E12"))
    }
}

impl Serialize for EvidenceId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EvidenceId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for EvidenceId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EvidenceId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "pattern": "^E[0-9]+$"})
    }
}

/// Which kind of source an observation comes from. Two independent kinds are needed for "confirmed".
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// Numbers over time.
    Metrics,
    /// Log lines.
    Logs,
    /// Spans.
    Traces,
    /// Alterations.
    Changes,
    /// Snapshots.
    State,
    /// What platforms said.
    Events,
    /// What leans on what.
    Topology,
    /// The alarm itself.
    Alarm,
    /// What earlier incidents taught.
    Lessons,
}

impl SourceKind {
    /// As it is called in the middle of a sentence, and at the beginning of what a gap wanted.
    pub fn word(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Logs => "logs",
            Self::Traces => "traces",
            Self::Changes => "changes",
            Self::State => "state",
            Self::Events => "events",
            Self::Topology => "topology",
            Self::Alarm => "alarms",
            Self::Lessons => "lessons",
        }
    }
}

/// What an observation does to the hypothesis that cites it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Polarity {
    /// Speaks for.
    For,
    /// Speaks against.
    Against,
    /// Asked, covered, nothing there.
    Absent,
    /// Asked, covered, normal.
    Healthy,
    /// Context.
    Neutral,
}

/// A value in a statistic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Value {
    /// A number, rounded to six significant digits when it was derived.
    Number(f64),
    /// Words.
    Text(String),
    /// Yes or no.
    Flag(bool),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(n) => write!(f, "{n}"),
            Self::Text(t) => f.write_str(t),
            Self::Flag(b) => write!(f, "{b}"),
        }
    }
}

/// What was computed from the rows that a query returned.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Statistic {
    /// The function's name, such as `shift`, `template_rate`, `edge_errors`. `investigate::derive` knows each.
    pub name: String,
    /// What the function was told beyond the query: a second window, a regular expression, a limit.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arguments: BTreeMap<String, String>,
    /// What it found.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, Value>,
}

/// One observation, with the query that lets a person see it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// Unique within the report.
    pub id: EvidenceId,
    /// Which kind of source.
    pub source: SourceKind,
    /// Whose, where it is about one entity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<EntityId>,
    /// What was asked.
    pub query: Query,
    /// The stretch that the query covered, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<TimeWindow>,
    /// What was computed.
    pub statistic: Statistic,
    /// What it does to the hypothesis that it was collected for.
    pub polarity: Polarity,
    /// Its weight in nats there; 0 for context.
    #[serde(default)]
    pub weight: f64,
    /// Share of the wanted rows that the source covered, 0..1.
    pub quality: f64,
    /// One sentence fragment for people, made from the values.
    pub says: String,
    /// A few of the rows, at most five.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub raw: Vec<RawRef>,
    /// BLAKE3 (hex) of the rows that were read, in order.
    pub digest: String,
}
