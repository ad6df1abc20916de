//! Alarms as people declare them in TOML: `[[alarm]]`, `[[composite]]`, `[[slo]]`, `[[metric_filter]]`.

use std::collections::BTreeMap;

use model::Severity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::datapoints::Statistic;
use super::length::Length;
use super::missing::Missing;

/// Everything that one file declares.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Declared {
    /// Alarms on a metric or an expression.
    pub alarm: Vec<AlarmRule>,
    /// Alarms on the states of other alarms.
    pub composite: Vec<CompositeRule>,
    /// Objectives, each with its burn-rate alarm.
    pub slo: Vec<SloRule>,
    /// Numbers made from log lines.
    pub metric_filter: Vec<MetricFilterRule>,
}

/// How the tested value is held against the line. The words are CloudWatch's; the signs say the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Comparison {
    /// Above the line, or on it.
    #[serde(alias = ">=")]
    GreaterThanOrEqualToThreshold,
    /// Above the line.
    #[serde(alias = ">")]
    GreaterThanThreshold,
    /// Below the line.
    #[serde(alias = "<")]
    LessThanThreshold,
    /// Below the line, or on it.
    #[serde(alias = "<=")]
    LessThanOrEqualToThreshold,
    /// Outside of the learned band.
    LessThanLowerOrGreaterThanUpperThreshold,
    /// Below the learned band.
    LessThanLowerThreshold,
    /// Above the learned band.
    GreaterThanUpperThreshold,
}

impl Comparison {
    /// Is the line a learned band?
    pub fn is_band(self) -> bool {
        matches!(
            self,
            Self::LessThanLowerOrGreaterThanUpperThreshold
                | Self::LessThanLowerThreshold
                | Self::GreaterThanUpperThreshold
        )
    }

    /// Does a value breach, given the line as (lower, upper)? A single line is both.
    pub fn breaches(self, value: f64, (lower, upper): (f64, f64)) -> bool {
        match self {
            Self::GreaterThanOrEqualToThreshold => value >= upper,
            Self::GreaterThanThreshold | Self::GreaterThanUpperThreshold => value > upper,
            Self::LessThanThreshold | Self::LessThanLowerThreshold => value < lower,
            Self::LessThanOrEqualToThreshold => value <= lower,
            Self::LessThanLowerOrGreaterThanUpperThreshold => value < lower || value > upper,
        }
    }
}

/// Where the evaluated window ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// At the last step of the evaluation's own rhythm.
    #[default]
    Sliding,
    /// At the last whole period by the clock, UTC.
    WallClock,
}

/// What becomes of a percentile that rests on too few samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LowSamples {
    /// It is evaluated like any other.
    #[default]
    Evaluate,
    /// The alarm keeps its state.
    Ignore,
}

/// One input of an alarm on an expression: a metric, or an expression over those before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricQuery {
    /// By which expressions name it; begins with a lower-case letter.
    pub id: String,
    /// The metric's name; `span.calls`, `span.errors`, `span.error_share`, `span.duration_ms` come from spans,
    /// `log.NAME` from a metric filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// What is made of the samples of a period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statistic: Option<Statistic>,
    /// Whose; without it, the rule's. A single entity here is set against every entity of the rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// Labels that the series must bear.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub matching: BTreeMap<String, String>,
    /// In place of a metric: an expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
}

/// An alarm on a metric or an expression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlarmRule {
    /// Unique among all rules; without `@`.
    pub name: String,
    /// What it means, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// How bad it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Labels of the alarms that it raises.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Whose metric: an entity id, or a pattern with `*`; there is one alarm for each that matches.
    #[serde(default = "everyone")]
    pub entity: String,
    /// The metric's name; `span.calls`, `span.errors`, `span.error_share`, `span.duration_ms` come from spans,
    /// `log.NAME` from a metric filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// What is made of the samples of a period; `Average` if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statistic: Option<Statistic>,
    /// Labels that the series must bear.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub matching: BTreeMap<String, String>,
    /// In place of a single metric: the inputs of an expression.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<MetricQuery>,
    /// The expression over `metrics` that is tested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// Length of a period: 1s, 5s, 10s, 20s, 30s, or whole minutes.
    pub period: Length,
    /// N: how many periods are looked at.
    #[serde(default = "one")]
    pub evaluation_periods: u32,
    /// M: how many of them must breach; all, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datapoints_to_alarm: Option<u32>,
    /// Where the window ends.
    #[serde(default)]
    pub window: Window,
    /// How often it is evaluated; 10 s for periods below a minute, else every minute, and every hour for
    /// windows longer than a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Length>,
    /// How the value is held against the line.
    pub comparison: Comparison,
    /// The line; none for a learned band.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// Half of the learned band, in standard deviations; 2 if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub band_width: Option<f64>,
    /// From how long a history bands are learned; two weeks if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<Length>,
    /// What missing datapoints count as.
    #[serde(default)]
    pub treat_missing_data: Missing,
    /// What becomes of a percentile that rests on too few samples.
    #[serde(default)]
    pub low_samples: LowSamples,
}

/// An alarm on the states of other alarms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompositeRule {
    /// Unique among all rules; without `@`.
    pub name: String,
    /// What it means, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// How bad it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Labels of the alarms that it raises.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// About whom its alarm is; without it, about the entity whose alarm made it turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// `ALARM(a) AND NOT ALARM("b@service/x")`. A rule's name means any of its alarms, `rule@entity` a single one.
    pub rule: String,
    /// While this alarm is in ALARM, nothing is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressor: Option<String>,
    /// How long to wait after turning, in case the suppressor follows; a minute if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<Length>,
    /// How long to wait after the suppressor has left ALARM; a minute if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<Length>,
}

/// A pair of windows, and the rate at which the error budget must burn in both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BurnRule {
    /// The long window: enough has burnt to matter.
    pub long: Length,
    /// The short window: it still burns.
    pub short: Length,
    /// How many times faster than would use up the budget just in time.
    pub rate: f64,
    /// How bad that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
}

/// An objective for a service's calls. Without `slower_than_ms`, `bad` or `total`, a failed call is a bad one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SloRule {
    /// Unique among all rules; without `@`.
    pub name: String,
    /// What it means, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Labels of the alarms that it raises.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Whose calls: an entity id, or a pattern with `*`.
    #[serde(default = "everyone")]
    pub entity: String,
    /// The share of calls that must be good, such as 0.999.
    pub objective: f64,
    /// A call that takes longer than this many milliseconds is a bad one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slower_than_ms: Option<f64>,
    /// A metric whose sum counts bad events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bad: Option<String>,
    /// A metric whose sum counts all events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<String>,
    /// Fewer events than this in the long window tell nothing; 10 if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least_events: Option<u32>,
    /// Pairs of windows; those of the SRE workbook if nothing is said: 14.4 over 1 h and 5 min, 6 over 6 h and
    /// 30 min, 1 over 3 d and 6 h.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub burn: Vec<BurnRule>,
    /// How often it is evaluated; every 10 s if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Length>,
}

/// What a matching line counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum FilterValue {
    /// Always this much.
    Constant(f64),
    /// The number at this selector: `$.latency`, or `$bytes` of a pattern of fields.
    Selector(String),
}

/// A number made from log lines: the metric `log.NAME`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricFilterRule {
    /// Unique among metric filters; letters, digits, `_`, `-` and `.`.
    pub name: String,
    /// Whose lines: an entity id, or a pattern with `*`.
    #[serde(default = "everyone")]
    pub entity: String,
    /// Which lines: `?ERROR ?FATAL`, `{ $.status >= 500 }`, `[.., status = 5*, bytes]`.
    pub pattern: String,
    /// What each counts; 1 if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<FilterValue>,
    /// What is counted for a minute in which lines came, and none matched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<f64>,
}

fn everyone() -> String {
    "*".to_string()
}

fn one() -> u32 {
    1
}
