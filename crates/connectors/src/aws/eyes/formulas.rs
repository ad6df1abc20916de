//! What alarms compute of metrics (metric math): CloudWatch computes the same for us, as the alarm wrote it.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>.

use std::collections::BTreeSet;

use aws_sdk_cloudwatch::types::{MetricAlarm, MetricDataQuery};
use model::time::{SECOND, Span};
use serde_json::json;

use super::metrics::{Metric, quoted};
use super::repeats::clip;

/// A computation of an alarm's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Formula {
    /// Its label, or else what it computes.
    pub name: String,
    /// What it computes, in the words of the alarm.
    pub expression: String,
    /// What it is computed of, by the ids of the alarm.
    metrics: Vec<(String, Metric)>,
    /// Computations on the way to it, by their ids.
    steps: Vec<(String, String)>,
    /// Its own id.
    id: String,
}

/// What an alarm looks at.
#[derive(Default)]
pub(super) struct Watched {
    /// The metrics, that which the alarm stands for first.
    pub metrics: Vec<Metric>,
    /// What it computes of them, if it does.
    pub formula: Option<Formula>,
    /// It computes something that cannot be asked for again.
    pub beyond: bool,
}

impl Watched {
    /// What this alarm looks at.
    pub fn by(alarm: &MetricAlarm) -> Self {
        if let Some(metric) = Metric::of_alarm(alarm) {
            return Self {
                metrics: vec![metric],
                ..Self::default()
            };
        }
        let returned = |one: &&MetricDataQuery| one.return_data() != Some(false);
        let queries = alarm.metrics();
        let own = |one: &MetricDataQuery| Some((one.id()?.to_string(), Metric::of_query(one)?));
        let mut metrics: Vec<(String, Metric)> = queries.iter().filter_map(own).collect();
        // Bands of what is normal are drawn around a metric, which is returned beside them.
        let stands = queries
            .iter()
            .filter(returned)
            .find_map(|one| metrics.iter().position(|(id, _)| one.id() == Some(id)));
        if let Some(stands) = stands {
            metrics.swap(0, stands);
            return Self {
                metrics: metrics.into_iter().map(|(_, metric)| metric).collect(),
                ..Self::default()
            };
        }
        let result = queries
            .iter()
            .filter(returned)
            .find(|one| one.expression().is_some());
        let formula = result.and_then(|result| Formula::of(result, queries, metrics.clone()));
        Self {
            beyond: formula.is_none() && !queries.is_empty(),
            metrics: metrics.into_iter().map(|(_, metric)| metric).collect(),
            formula,
        }
    }
}

impl Formula {
    /// `None` where it ranges over more than it names: what it is would hang on what else is asked for.
    fn of(
        result: &MetricDataQuery,
        queries: &[MetricDataQuery],
        metrics: Vec<(String, Metric)>,
    ) -> Option<Self> {
        let expression = result.expression()?.to_string();
        let steps = queries.iter().filter(|one| one.id() != result.id());
        let steps: Vec<(String, String)> = steps
            .filter_map(|one| Some((one.id()?.to_string(), one.expression()?.to_string())))
            .collect();
        let all = steps.iter().map(|(_, text)| text).chain([&expression]);
        if metrics.is_empty() || !all.into_iter().all(|text| names_all(text)) {
            return None;
        }
        let label = result.label().unwrap_or_default();
        Some(Self {
            name: clip(if label.is_empty() { &expression } else { label }),
            expression,
            metrics,
            steps,
            id: result.id()?.to_string(),
        })
    }

    /// How many questions it takes, and how many of them are paid for.
    pub fn size(&self) -> (usize, usize) {
        (
            1 + self.steps.len() + self.metrics.len(),
            self.metrics.len(),
        )
    }

    /// The questions; their answer bears this id, and no other question's id begins with it and a line.
    pub fn queries(&self, id: &str, step: Span) -> Vec<MetricDataQuery> {
        let known: BTreeSet<&str> = self
            .metrics
            .iter()
            .map(|(own, _)| own.as_str())
            .chain(self.steps.iter().map(|(own, _)| own.as_str()))
            .collect();
        let here = |own: &str| format!("{id}_{own}");
        let computed = |id: &str, text: &str, returned: bool| {
            MetricDataQuery::builder()
                .id(id)
                .expression(renamed(text, &known, here))
                .return_data(returned)
                .build()
        };
        let metrics = self.metrics.iter();
        let metrics = metrics.map(|(own, metric)| metric.query(&here(own), step, false));
        let steps = self.steps.iter();
        let steps = steps.map(|(own, text)| computed(&here(own), text, false));
        metrics
            .chain(steps)
            .chain([computed(id, &self.expression, true)])
            .collect()
    }

    /// The question, ready to be copied.
    pub fn asked(&self, region: &str, period: Span) -> String {
        let metrics = self.metrics.iter().map(|(id, metric)| {
            let dimensions = metric.dimensions.iter();
            let dimensions: Vec<_> = dimensions
                .map(|(name, value)| json!({ "Name": name, "Value": value }))
                .collect();
            json!({
                "Id": id, "ReturnData": false,
                "MetricStat": {
                    "Metric": { "Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dimensions },
                    "Period": period.0 / SECOND, "Stat": metric.statistic,
                },
            })
        });
        let steps = self.steps.iter();
        let steps =
            steps.map(|(id, text)| json!({ "Id": id, "Expression": text, "ReturnData": false }));
        let own = json!({ "Id": self.id, "Expression": self.expression });
        let queries: Vec<_> = metrics.chain(steps).chain([own]).collect();
        format!(
            "aws cloudwatch get-metric-data --region {} --metric-data-queries {} --start-time START --end-time END",
            quoted(region),
            quoted(&json!(queries).to_string())
        )
    }
}

/// Does it name all that it is computed of? Searches, queries and `METRICS()` range over what else there is.
fn names_all(expression: &str) -> bool {
    let text = expression.to_ascii_uppercase();
    let ranges = |word: &str| {
        text.split(|c: char| !c.is_ascii_alphanumeric())
            .any(|one| one == word)
    };
    !(text.contains(['\'', '"']) || ranges("METRICS") || ranges("SELECT") || ranges("BAND"))
}

/// The expression with other ids: those of several alarms may be alike.
fn renamed(expression: &str, known: &BTreeSet<&str>, other: impl Fn(&str) -> String) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut out = String::with_capacity(expression.len());
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        let end = match is_part(first) {
            true => rest.find(|c| !is_part(c)).unwrap_or(rest.len()),
            false => first.len_utf8(),
        };
        let (word, after) = rest.split_at(end);
        match known.contains(word) {
            true => out += &other(word),
            false => out += word,
        }
        rest = after;
    }
    out
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatch::types::{Metric as Named, MetricStat};
    use proptest::prelude::*;

    use super::*;

    fn metric(id: &str, name: &str, returned: bool) -> MetricDataQuery {
        let named = Named::builder().namespace("AWS/Lambda").metric_name(name);
        let stat = MetricStat::builder()
            .metric(named.build())
            .period(60)
            .stat("Sum");
        MetricDataQuery::builder()
            .id(id)
            .metric_stat(stat.build())
            .return_data(returned)
            .build()
    }

    fn computed(id: &str, expression: &str, returned: bool) -> MetricDataQuery {
        MetricDataQuery::builder()
            .id(id)
            .expression(expression)
            .return_data(returned)
            .build()
    }

    fn watched(queries: impl IntoIterator<Item = MetricDataQuery>) -> Watched {
        let queries = queries.into_iter().collect();
        let alarm = MetricAlarm::builder().set_metrics(Some(queries)).build();
        Watched::by(&alarm)
    }

    fn names(watched: &Watched) -> Vec<&str> {
        watched
            .metrics
            .iter()
            .map(|one| one.name.as_str())
            .collect()
    }

    #[test]
    fn what_is_computed_is_asked_for_under_ids_of_its_own() {
        let watched = watched([
            metric("errors", "Errors", false),
            metric("m1", "Invocations", false),
            computed("share", "errors / m1", false),
            computed("e1", "100 * FILL(share, 0) + m10 - M1", true),
        ]);
        assert_eq!(names(&watched), ["Errors", "Invocations"]);
        let formula = watched.formula.unwrap();
        assert_eq!(formula.size(), (4, 2));
        let queries = formula.queries("m7", Span(300 * SECOND));
        let told: Vec<String> = queries
            .iter()
            .map(|one| {
                let what = one.expression().map(str::to_string);
                let stat = one.metric_stat().map(|stat| {
                    let name = stat.metric().unwrap().metric_name().unwrap();
                    format!("{name} {} {}", stat.stat().unwrap(), stat.period().unwrap())
                });
                format!(
                    "{} {} {}",
                    one.id().unwrap(),
                    what.or(stat).unwrap(),
                    one.return_data().unwrap()
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                "m7_errors Errors Sum 300 false",
                "m7_m1 Invocations Sum 300 false",
                "m7_share m7_errors / m7_m1 false",
                "m7 100 * FILL(m7_share, 0) + m10 - M1 true",
            ]
        );
        let asked = formula.asked("eu-west-1", Span(60 * SECOND));
        let parts: Vec<&str> = asked.split('\'').collect();
        let [command, queries, when] = parts[..] else {
            panic!("{asked}")
        };
        assert_eq!(
            command,
            "aws cloudwatch get-metric-data --region eu-west-1 --metric-data-queries "
        );
        assert_eq!(when, " --start-time START --end-time END");
        let stat = |id: &str, name: &str| {
            let metric = json!({ "Namespace": "AWS/Lambda", "MetricName": name, "Dimensions": [] });
            let stat = json!({ "Metric": metric, "Period": 60, "Stat": "Sum" });
            json!({ "Id": id, "ReturnData": false, "MetricStat": stat })
        };
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(queries).unwrap(),
            json!([
                stat("errors", "Errors"),
                stat("m1", "Invocations"),
                { "Id": "share", "Expression": "errors / m1", "ReturnData": false },
                { "Id": "e1", "Expression": "100 * FILL(share, 0) + m10 - M1" },
            ])
        );
    }

    #[test]
    fn a_band_stands_for_the_metric_that_it_is_drawn_around() {
        let watched = watched([
            metric("m0", "Invocations", false),
            metric("m1", "Duration", true),
            computed("ad1", "ANOMALY_DETECTION_BAND(m1, 2)", true),
        ]);
        assert_eq!(names(&watched), ["Duration", "Invocations"]);
        assert!(watched.formula.is_none() && !watched.beyond);
    }

    #[test]
    fn what_ranges_over_more_than_it_names_is_not_asked_for() {
        for odd in [
            "SUM(METRICS())",
            "SUM(METRICS(\"err\"))",
            "SUM(SEARCH('{AWS/Lambda} Errors', 'Sum', 60))",
            "SELECT MAX(Errors) FROM SCHEMA(\"AWS/Lambda\")",
            "MAX(ANOMALY_DETECTION_BAND(m1))",
        ] {
            let watched = watched([metric("m1", "Errors", false), computed("e1", odd, true)]);
            assert_eq!(names(&watched), ["Errors"], "{odd}");
            assert!(watched.formula.is_none() && watched.beyond, "{odd}");
        }
        assert!(!watched([]).beyond);
    }

    proptest! {
        #[test]
        fn no_letter_is_lost(text in "[a-cé_0-3 +*/(),.]{0,40}", ids in prop::collection::btree_set("[a-c][a-c0-3_]{0,2}", 0..4)) {
            let known = ids.iter().map(String::as_str).collect();
            prop_assert_eq!(&renamed(&text, &known, str::to_string), &text);
            let marked = renamed(&text, &known, |id| format!("<{id}>"));
            prop_assert_eq!(marked.replace(['<', '>'], ""), text);
        }
    }
}
