//! Why an alarm turned, in CloudWatch's manner: a sentence for people, and the same for machines.

use model::Timestamp;
use serde_json::{Value, json};

use super::calendar::{long, short};
use super::datapoints::Datapoint;
use super::declared::Comparison;
use super::missing::Missing;
use super::state::State;

/// The reason of an alarm that was never evaluated.
pub const CREATED: &str = "Unchecked: Initial alarm creation";
/// The reason of the last turn of an alarm whose rule is gone.
pub const REMOVED: &str = "Unchecked: The alarm is no longer declared";

/// One evaluated datapoint and its line: (lower, upper).
#[derive(Clone, Copy, Debug)]
pub(super) struct Judged {
    pub point: Datapoint,
    pub line: (f64, f64),
    pub breaching: bool,
}

/// All that the text is made of.
#[derive(Clone, Debug)]
pub(super) struct Evaluated<'a> {
    pub to: State,
    pub comparison: Comparison,
    pub missing: Missing,
    /// Evaluation periods, datapoints to alarm.
    pub n: usize,
    pub m: usize,
    /// Periods in the evaluation range.
    pub range: usize,
    /// The datapoints that counted, oldest first.
    pub judged: &'a [Judged],
}

/// `21.5`, `21.0`: a number as CloudWatch writes it.
fn number(value: f64) -> String {
    // A negative zero is a zero.
    format!("{:?}", value + 0.0)
}

fn plural(count: usize) -> (&'static str, &'static str) {
    if count == 1 {
        ("", "was")
    } else {
        ("s", "were")
    }
}

impl Evaluated<'_> {
    /// The sentence.
    pub(super) fn text(&self) -> String {
        if self.to == State::InsufficientData {
            let unknown = self.range - self.judged.len().min(self.range);
            let (s, were) = plural(unknown);
            return format!("Insufficient Data: {unknown} datapoint{s} {were} unknown.");
        }
        let treated = match self.missing {
            Missing::Breaching => Some("Breaching"),
            Missing::NotBreaching => Some("NonBreaching"),
            Missing::Missing | Missing::Ignore => None,
        };
        let fill = self.n.saturating_sub(self.judged.len());
        let filled = treated.filter(|_| fill > 0).map(|word| {
            let (s, were) = plural(fill);
            format!("{fill} missing datapoint{s} {were} treated as [{word}]")
        });
        if self.judged.is_empty() {
            let (s, _) = plural(self.n);
            let none = format!("no datapoints were received for {} period{s}", self.n);
            return match filled {
                Some(filled) => format!("Threshold Crossed: {none} and {filled}."),
                None => format!("Threshold Crossed: {none}."),
            };
        }
        let alarm = self.to == State::Alarm;
        let chosen: Vec<&Judged> = self
            .judged
            .iter()
            .filter(|j| j.breaching == alarm)
            .collect();
        // With missing data counted as breaching, an alarm may hold no breaching datapoint at all.
        let (chosen, positive) = if chosen.is_empty() {
            (self.judged.iter().collect(), !alarm)
        } else {
            (chosen, alarm)
        };
        let count = chosen.len();
        let (s, were) = plural(count);
        let listed: Vec<String> = chosen
            .iter()
            .map(|j| format!("{} ({})", number(j.point.value), short(j.point.at)))
            .collect();
        let not = if positive { "" } else { "not " };
        let (head, tail) = if self.n == 1 {
            (format!("{count} datapoint{s}"), String::new())
        } else {
            let (needed, from, to) = if alarm {
                (self.m, "OK", "ALARM")
            } else {
                (self.n - self.m + 1, "ALARM", "OK")
            };
            (
                format!("{count} out of the last {} datapoints", self.judged.len()),
                format!(
                    " (minimum {needed} datapoint{} for {from} -> {to} transition)",
                    plural(needed).0
                ),
            )
        };
        let and = filled.map_or(String::new(), |filled| format!(" and {filled}"));
        format!(
            "Threshold Crossed: {head} [{}] {were} {not}{}{tail}{and}.",
            listed.join(", "),
            self.held_against(&chosen)
        )
    }

    fn held_against(&self, chosen: &[&Judged]) -> String {
        let line = chosen.last().map_or((0.0, 0.0), |j| j.line);
        let words = match self.comparison {
            Comparison::GreaterThanOrEqualToThreshold => "greater than or equal to",
            Comparison::GreaterThanThreshold => "greater than",
            Comparison::LessThanThreshold => "less than",
            Comparison::LessThanOrEqualToThreshold => "less than or equal to",
            Comparison::LessThanLowerOrGreaterThanUpperThreshold => {
                let list = |upper: bool| -> String {
                    let side = |j: &&Judged| number(if upper { j.line.1 } else { j.line.0 });
                    chosen.iter().map(side).collect::<Vec<_>>().join(", ")
                };
                return format!(
                    "less than the lower thresholds [{}] or greater than the upper thresholds [{}]",
                    list(false),
                    list(true)
                );
            }
            Comparison::LessThanLowerThreshold => {
                let lower: Vec<String> = chosen.iter().map(|j| number(j.line.0)).collect();
                return format!("less than the lower thresholds [{}]", lower.join(", "));
            }
            Comparison::GreaterThanUpperThreshold => {
                let upper: Vec<String> = chosen.iter().map(|j| number(j.line.1)).collect();
                return format!("greater than the upper thresholds [{}]", upper.join(", "));
            }
        };
        format!("{words} the threshold ({})", number(line.1))
    }

    /// The same for machines, in the shape of CloudWatch's `StateReasonData`, newest datapoint first.
    pub(super) fn data(
        &self,
        now: Timestamp,
        start: Timestamp,
        statistic: &str,
        period_s: i64,
    ) -> Value {
        let recent: Vec<f64> = self.judged.iter().map(|j| j.point.value).collect();
        let evaluated: Vec<Value> = self
            .judged
            .iter()
            .rev()
            .map(|j| {
                let mut row = json!({
                    "timestamp": long(j.point.at),
                    "sampleCount": j.point.samples,
                    "value": j.point.value,
                });
                if self.comparison.is_band() {
                    row["threshold"] = json!({"lower": j.line.0, "upper": j.line.1});
                }
                row
            })
            .collect();
        let mut data = json!({
            "version": "1.0",
            "queryDate": long(now),
            "startDate": long(start),
            "period": period_s,
            "recentDatapoints": recent,
            "evaluatedDatapoints": evaluated,
        });
        if !statistic.is_empty() {
            data["statistic"] = json!(statistic);
        }
        if !self.comparison.is_band()
            && let Some(judged) = self.judged.last()
        {
            data["threshold"] = json!(judged.line.1);
        }
        data
    }
}
