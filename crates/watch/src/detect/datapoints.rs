//! Which numbers an alarm looks at, and the socket through which it asks for them.

use std::collections::BTreeMap;
use std::fmt;

use model::{Answer, EntityId, Span, TimeWindow, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Calls that an entity answered, from its spans.
pub const CALLS: &str = "span.calls";
/// Those of them that failed.
pub const ERRORS: &str = "span.errors";
/// The share of them that failed, 0..1; missing where there were no calls.
pub const ERROR_SHARE: &str = "span.error_share";
/// How long the entity took to answer, in milliseconds.
pub const DURATION: &str = "span.duration_ms";
/// What the name of a metric begins with that a `[[metric_filter]]` counts in log lines.
pub const LOG_METRIC: &str = "log.";

/// What is made of the samples of one period.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistic {
    /// How many there were.
    SampleCount,
    /// Their mean.
    Average,
    /// Their sum.
    Sum,
    /// The least.
    Minimum,
    /// The greatest.
    Maximum,
    /// The value below which this share of them lies, 0..1 exclusive.
    Percentile(f64),
    /// How many lie in `(above, up_to]`; CloudWatch's `TC(above:up_to)`.
    Count {
        /// Not these and below; `None` for no lower end.
        above: Option<f64>,
        /// These and below; `None` for no upper end.
        up_to: Option<f64>,
    },
    /// How many of a hundred lie in `(above, up_to]`; CloudWatch's `PR(above:up_to)`.
    Rank {
        /// Not these and below; `None` for no lower end.
        above: Option<f64>,
        /// These and below; `None` for no upper end.
        up_to: Option<f64>,
    },
}

impl Statistic {
    /// Reads CloudWatch's words; `None` for others.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        Some(match text {
            "SampleCount" => Self::SampleCount,
            "Average" => Self::Average,
            "Sum" => Self::Sum,
            "Minimum" => Self::Minimum,
            "Maximum" => Self::Maximum,
            _ => {
                if let Some(percent) = text.strip_prefix(['p', 'P']).filter(|p| {
                    p.starts_with(|c: char| c.is_ascii_digit())
                        && p.chars().all(|c| c.is_ascii_digit() || c == '.')
                }) {
                    let share = percent.parse::<f64>().ok()? / 100.0;
                    return (share > 0.0 && share < 1.0).then_some(Self::Percentile(share));
                }
                let (word, range) = text.strip_suffix(')')?.split_once('(')?;
                let (above, up_to) = range.split_once(':')?;
                let end = |text: &str| -> Option<Option<f64>> {
                    match text.trim() {
                        "" => Some(None),
                        number => number
                            .parse()
                            .ok()
                            .filter(|n: &f64| n.is_finite())
                            .map(Some),
                    }
                };
                let (above, up_to) = (end(above)?, end(up_to)?);
                if above.is_none() && up_to.is_none() {
                    return None;
                }
                match word {
                    "TC" => Self::Count { above, up_to },
                    "PR" => Self::Rank { above, up_to },
                    _ => return None,
                }
            }
        })
    }

    /// Over all samples of one period; `None` if there are none. The slow and exact way, for few samples.
    pub fn of(self, samples: &mut [f64]) -> Option<f64> {
        if samples.is_empty() {
            return None;
        }
        // In one order whatever the order of the samples: sums depend on it in their last digit.
        samples.sort_by(f64::total_cmp);
        let count = samples.len() as f64;
        let sum = || samples.iter().sum::<f64>();
        let within = |above: Option<f64>, up_to: Option<f64>| {
            samples
                .iter()
                .filter(|v| above.is_none_or(|a| **v > a) && up_to.is_none_or(|u| **v <= u))
                .count() as f64
        };
        Some(match self {
            Self::SampleCount => count,
            Self::Average => sum() / count,
            Self::Sum => sum(),
            Self::Minimum => samples.iter().copied().fold(f64::INFINITY, f64::min),
            Self::Maximum => samples.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Self::Percentile(share) => {
                // Linear between the two nearest ranks.
                let place = share * (count - 1.0);
                let low = samples.get(place.floor() as usize)?;
                let high = samples.get(place.ceil() as usize)?;
                low + (high - low) * place.fract()
            }
            Self::Count { above, up_to } => within(above, up_to),
            Self::Rank { above, up_to } => 100.0 * within(above, up_to) / count,
        })
    }
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = |end: &Option<f64>| end.map_or(String::new(), |value| value.to_string());
        match self {
            Self::SampleCount => f.write_str("SampleCount"),
            Self::Average => f.write_str("Average"),
            Self::Sum => f.write_str("Sum"),
            Self::Minimum => f.write_str("Minimum"),
            Self::Maximum => f.write_str("Maximum"),
            // Ten digits hide what binary fractions add to 99.9.
            Self::Percentile(share) => write!(f, "p{}", (share * 1e12).round() / 1e10),
            Self::Count { above, up_to } => write!(f, "TC({}:{})", end(above), end(up_to)),
            Self::Rank { above, up_to } => write!(f, "PR({}:{})", end(above), end(up_to)),
        }
    }
}

impl Serialize for Statistic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Statistic {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "{text:?} is not a statistic; use SampleCount, Average, Sum, Minimum, Maximum, a percentile such as p99, TC(300:) or PR(:300)"
            ))
        })
    }
}

impl JsonSchema for Statistic {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AlarmStatistic".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "SampleCount, Average, Sum, Minimum, Maximum, a percentile such as p99, TC(300:) or PR(:300)."
        })
    }
}

/// Whose metric.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct Selector {
    /// The metric's own name as its source writes it, or one of `span.calls`, `span.errors`,
    /// `span.error_share`, `span.duration_ms`, or `log.` and the name of a metric filter.
    pub metric: String,
    /// An entity id, or a pattern in which `*` stands for anything.
    pub entity: String,
    /// Labels that the series must bear; `*` stands for anything here too.
    pub labels: BTreeMap<String, String>,
}

impl Selector {
    /// Of all entities that fit the pattern.
    pub fn new(metric: &str, entity: &str) -> Self {
        Self {
            metric: metric.to_string(),
            entity: entity.to_string(),
            labels: BTreeMap::new(),
        }
    }

    /// Can it match more than one entity?
    pub fn is_pattern(&self) -> bool {
        self.entity.contains('*')
    }

    /// Does it match this entity?
    pub fn matches_entity(&self, entity: &EntityId) -> bool {
        matches(&self.entity, entity.as_str())
    }

    /// Does it match these labels?
    pub fn matches_labels(&self, labels: &BTreeMap<String, String>) -> bool {
        self.labels.iter().all(|(name, pattern)| {
            labels
                .get(name)
                .is_some_and(|value| matches(pattern, value))
        })
    }
}

/// Does the text fit the pattern, in which `*` stands for anything? In time of their product at worst.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or(""),
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// One period's number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Datapoint {
    /// When its period begins.
    pub at: Timestamp,
    /// The statistic over the period. What is not finite counts as missing.
    pub value: f64,
    /// From how many samples.
    pub samples: f64,
}

/// One entity's numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Points {
    /// Whose.
    pub entity: EntityId,
    /// Sorted by time; periods without samples are left out.
    pub points: Vec<Datapoint>,
}

/// Where alarms get their numbers.
pub trait Datapoints {
    /// The statistic of each period of `window` (whose length is a whole number of periods) for each
    /// entity that the selector matches, sorted by entity. `Nothing`: it looked, and there is no such metric.
    /// Several series of one entity that the selector matches are taken together.
    fn datapoints(
        &self,
        selector: &Selector,
        statistic: &Statistic,
        window: TimeWindow,
        period: Span,
    ) -> Answer<Vec<Points>>;

    /// When the first of what came in for the selected numbers since the last evaluation came in, if `window` had
    /// been over by then; `None` where it was not, nothing came, or the source does not know.
    fn came_since(&self, _: &Selector, _: TimeWindow) -> Option<Timestamp> {
        None
    }
}

/// Are there too few samples for a percentile to tell anything? CloudWatch's rule: fewer than ten beyond it.
pub fn too_few_samples(share: f64, samples: f64) -> bool {
    let tail = if share >= 0.5 { 1.0 - share } else { share };
    // Rounded, because 1 - 0.9 is a little less than 0.1.
    samples < (10.0 / tail * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_read_and_written_alike() {
        for text in [
            "SampleCount",
            "Average",
            "Sum",
            "Minimum",
            "Maximum",
            "p99",
            "p99.9",
            "p50",
            "p0.1",
            "TC(300:)",
            "TC(5:30)",
            "PR(:300)",
        ] {
            let read = Statistic::parse(text).map(|s| s.to_string());
            assert_eq!(read.as_deref(), Some(text));
        }
        for text in [
            "", "avg", "p", "p0", "p100", "p1e1", "pinf", "TC(:)", "TC(a:)", "IQM", "p9x",
        ] {
            assert_eq!(Statistic::parse(text), None, "{text}");
        }
    }

    #[test]
    fn statistics_of_a_handful_of_samples() {
        let of = |text: &str| {
            let mut samples = [100.0, 10.0, 400.0, 300.0];
            Statistic::parse(text).and_then(|s| s.of(&mut samples))
        };
        assert_eq!(of("SampleCount"), Some(4.0));
        assert_eq!(of("Average"), Some(202.5));
        assert_eq!(of("Maximum"), Some(400.0));
        assert_eq!(of("p50"), Some(200.0));
        assert_eq!(of("TC(300:)"), Some(1.0));
        assert_eq!(of("PR(:300)"), Some(75.0));
        assert_eq!(Statistic::Average.of(&mut []), None);
    }

    #[test]
    fn a_star_stands_for_anything() {
        let cases = [
            ("*", "", true),
            ("*", "service/a", true),
            ("service/*", "service/a", true),
            ("service/*", "host/a", false),
            ("*/a", "service/a", true),
            ("a*b*a", "aba", true),
            ("a*a", "a", false),
            ("*ab*ab*", "xabx", false),
            ("service/a", "service/a", true),
            ("service/a", "service/ab", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
        }
    }
}
