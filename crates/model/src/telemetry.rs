//! What systems say of themselves: series, log lines, spans, events, states.

mod batch;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::entity::EntityId;
use crate::time::Timestamp;

pub use batch::{Batch, Point, StoredLog, StoredSpan};

/// Which series: one entity's one metric, as one statistic.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct SeriesKey {
    /// Whose.
    pub entity: EntityId,
    /// The metric's own name, as its source writes it.
    pub metric: String,
    /// `Average`, `Sum`, `p99`, …; empty where the source has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub statistic: String,
    /// UCUM-like unit where known: `ms`, `s`, `By`, `%`, `1`; empty where not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// Further dimensions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl Default for EntityId {
    fn default() -> Self {
        Self::new("")
    }
}

impl fmt::Display for SeriesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.entity, self.metric)?;
        if !self.statistic.is_empty() {
            write!(f, ":{}", self.statistic)?;
        }
        Ok(())
    }
}

/// One series. INVARIANT: `times` is strictly increasing, `values` has the same length and holds
/// finite numbers only (a reader drops and counts the others).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Whose and what.
    pub key: SeriesKey,
    /// Nanoseconds since the epoch.
    pub times: Vec<i64>,
    /// In the key's unit.
    pub values: Vec<f64>,
}

impl Series {
    /// The index range of the points inside `[from, to)`.
    pub fn range(&self, from: Timestamp, to: Timestamp) -> std::ops::Range<usize> {
        let start = self.first_at(from.0);
        let end = self.first_at(to.0);
        start..end.max(start)
    }

    /// The index of the first point at `time` or later.
    ///
    /// Incidents are at the end of what was recorded and histories at its start: both ends are looked at first, and
    /// from the last point backwards in doubling strides, because a search by halves through a long series costs
    /// more than all that is done with a short window.
    fn first_at(&self, time: i64) -> usize {
        let times = self.times.as_slice();
        if times.first().is_none_or(|first| *first >= time) {
            return 0;
        }
        let (mut end, mut stride) = (times.len(), 1);
        while end > stride && times[end - stride] >= time {
            end -= stride;
            stride *= 2;
        }
        let start = end.saturating_sub(stride);
        start + times[start..end].partition_point(|t| *t < time)
    }
}

/// How bad a line says it is. Ordered from harmless to fatal.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Finest.
    Trace,
    /// For developers.
    Debug,
    /// Ordinary.
    Info,
    /// Odd, but served.
    Warn,
    /// Something failed.
    Error,
    /// The process could not go on.
    Fatal,
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        })
    }
}

impl Severity {
    /// Reads the words that log libraries use; `None` for others.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word.trim().to_ascii_lowercase().as_str() {
            "trace" | "verbose" | "finest" | "finer" => Self::Trace,
            "debug" | "fine" | "dbg" => Self::Debug,
            "info" | "information" | "notice" | "normal" | "log" | "i" => Self::Info,
            "warn" | "warning" | "w" => Self::Warn,
            "error" | "err" | "severe" | "e" | "failure" => Self::Error,
            "fatal" | "critical" | "crit" | "alert" | "emerg" | "emergency" | "panic" | "f" => {
                Self::Fatal
            }
            _ => return None,
        })
    }
}

/// Where a row stands in the recording: a person can open the file at that line.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct RawRef {
    /// Path within the recording.
    #[schemars(with = "String")]
    pub file: Arc<str>,
    /// Line (text) or row (tables, arrays), counted from 1.
    pub line: u64,
}

/// One log line, borrowed from its reader.
#[derive(Clone, Copy, Debug)]
pub struct LogLine<'a> {
    /// When, by the source's clock.
    pub time: Timestamp,
    /// Who wrote it.
    pub entity: &'a EntityId,
    /// What the record says of its severity, if it says.
    pub severity: Option<Severity>,
    /// The message.
    pub body: &'a str,
    /// Structured fields, sorted by name.
    pub attributes: &'a [(&'a str, &'a str)],
    /// Trace id as written; empty if none.
    pub trace_id: &'a str,
    /// Span id as written; empty if none.
    pub span_id: &'a str,
    /// File of the row.
    pub file: &'a Arc<str>,
    /// Line of the row.
    pub line: u64,
}

impl LogLine<'_> {
    /// Where the row stands.
    pub fn raw(&self) -> RawRef {
        RawRef {
            file: Arc::clone(self.file),
            line: self.line,
        }
    }

    /// The value of one structured field.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| *value)
    }
}

/// OpenTelemetry's span kinds.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum SpanKind {
    /// Not said.
    #[default]
    Unspecified,
    /// Work inside one process.
    Internal,
    /// The receiving end of a call.
    Server,
    /// The calling end of a call.
    Client,
    /// Puts a message.
    Producer,
    /// Takes a message.
    Consumer,
}

/// One span, borrowed from its reader.
#[derive(Clone, Copy, Debug)]
pub struct SpanRow<'a> {
    /// Trace id as written.
    pub trace_id: &'a str,
    /// Span id as written.
    pub span_id: &'a str,
    /// Parent span id; empty for a root.
    pub parent_id: &'a str,
    /// Who did the work.
    pub entity: &'a EntityId,
    /// Operation.
    pub name: &'a str,
    /// Which end.
    pub kind: SpanKind,
    /// Began.
    pub start: Timestamp,
    /// Ended; not before `start` (a reader swaps and counts the others).
    pub end: Timestamp,
    /// Did it say that it failed?
    pub error: bool,
    /// What it said of the failure; empty if nothing.
    pub message: &'a str,
    /// The other end as the span names it (`peer.service`, `server.address`, `db.system`); empty if none.
    pub peer: &'a str,
    /// Further attributes, sorted by name.
    pub attributes: &'a [(&'a str, &'a str)],
    /// File of the row.
    pub file: &'a Arc<str>,
    /// Line of the row.
    pub line: u64,
}

/// Something that a platform said about an entity: an orchestrator's event, a database's notice, an
/// audit record of a denied call, a provider's status entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// About whom.
    pub entity: EntityId,
    /// First seen.
    pub first: Timestamp,
    /// Last seen; not before `first`.
    pub last: Timestamp,
    /// Who says so: `kubernetes`, `rds`, `cloudtrail`, `status_feed`.
    pub source: String,
    /// Short machine word, such as `FailedScheduling`; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// For people.
    pub message: String,
    /// As the source grades it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// How many times between first and last; at least 1.
    #[serde(default = "once")]
    pub count: u64,
    /// Where the row stands.
    #[serde(default)]
    pub raw: RawRef,
}

fn once() -> u64 {
    1
}

/// What an entity looked like at one moment, as its owner's API tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StateSnapshot {
    /// Whose state.
    pub entity: EntityId,
    /// When it was taken.
    pub time: Timestamp,
    /// What kind of document, such as `kubernetes.pod`, `kubernetes.deployment`, `database.load`, `monitor`.
    pub kind: String,
    /// The document; read by dotted paths with `*` for any element, such as `containers.*.restart_count`.
    pub document: serde_json::Value,
    /// Where the row stands.
    #[serde(default)]
    pub raw: RawRef,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_what_lies_between_its_ends() {
        for count in 0..40 {
            let series = Series {
                times: (0..count).map(|i| 10 * i).collect(),
                ..Series::default()
            };
            for from in -15..410 {
                let at = |time: i64| series.times.iter().filter(|t| **t < time).count();
                for to in [from - 20, from, from + 1, from + 35, 1_000] {
                    let want = at(from)..at(to).max(at(from));
                    assert_eq!(series.range(Timestamp(from), Timestamp(to)), want);
                }
            }
        }
    }
}
