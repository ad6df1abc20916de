//! CloudWatch alarms, through SNS ([`Sns`]) and through EventBridge ([`EventBridge`]).

mod events;
mod signature;
mod sns;

pub use events::EventBridge;
pub use sns::Sns;

use std::collections::BTreeMap;

use model::ports::Unheard;
use model::{Alarm, AlarmState, EntityId, Timestamp};
use serde_json::Value;

use crate::delivery::{self, labels, moment_at, said_at, text_at, unlike};
use crate::files::aws::names;

/// An alarm's state in its vendor's word.
fn state(word: &str) -> Result<AlarmState, Unheard> {
    Ok(match word {
        "ALARM" => AlarmState::Firing,
        "OK" => AlarmState::Resolved,
        "INSUFFICIENT_DATA" => AlarmState::NoData,
        other => {
            return Err(unlike(
                &format!("an alarm's state is {:?}", delivery::name(other)),
                "ALARM, OK or INSUFFICIENT_DATA",
            ));
        }
    })
}

/// What one metric of an alarm is about.
#[derive(Default)]
struct About {
    namespace: String,
    metric: String,
    statistic: String,
    dimensions: BTreeMap<String, String>,
}

impl About {
    /// The entity that the dimensions name; without any, the alarm itself is all that is known.
    fn entity(&self, rule: &str) -> EntityId {
        let pairs = self
            .dimensions
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        names::most_telling(pairs)
            .and_then(|who| labels::id(&who))
            .unwrap_or_else(|| {
                EntityId::from(format!("resource/{}", delivery::name(rule)).as_str())
            })
    }

    /// Account, region, namespace and dimensions: what stays the same from turn to turn.
    fn labels(&self, account: &str, region: &str) -> BTreeMap<String, String> {
        let fixed = [
            ("account", account),
            ("region", region),
            ("namespace", self.namespace.as_str()),
        ];
        let mut labels: BTreeMap<String, String> = fixed
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.to_string(), delivery::name(value)))
            .collect();
        labels.extend(self.dimensions.clone());
        labels
    }
}

/// Dimensions, as an object or as a list of names and values in either case.
fn dimensions(value: &Value) -> BTreeMap<String, String> {
    match value {
        Value::Object(_) => labels::of(Some(value)),
        Value::Array(list) => list
            .iter()
            .take(30)
            .map(|one| {
                let either = |lower: &str, upper: &str| match said_at(one, &[lower]) {
                    text if text.is_empty() => said_at(one, &[upper]),
                    text => text,
                };
                (either("name", "Name"), either("value", "Value"))
            })
            .filter(|(name, value)| !name.is_empty() && !value.is_empty())
            .collect(),
        _ => BTreeMap::new(),
    }
}

/// The alarm in an SNS notification's message.
fn notified(message: &Value, now: Timestamp) -> Result<Alarm, Unheard> {
    let rule = text_at(message, &["AlarmName"]);
    let word = text_at(message, &["NewStateValue"]);
    let trigger = message.get("Trigger").unwrap_or(&Value::Null);
    let about = if trigger.get("MetricName").is_some() {
        About {
            namespace: said_at(trigger, &["Namespace"]),
            metric: said_at(trigger, &["MetricName"]),
            statistic: delivery::first(&[
                &said_at(trigger, &["Statistic"]),
                &said_at(trigger, &["ExtendedStatistic"]),
            ])
            .to_string(),
            dimensions: dimensions(&trigger["Dimensions"]),
        }
    } else {
        let metrics = delivery::list_at(trigger, "Metrics");
        metrics
            .iter()
            .find_map(|metric| {
                let stat = metric.get("MetricStat")?;
                Some(About {
                    namespace: said_at(stat, &["Metric", "Namespace"]),
                    metric: said_at(stat, &["Metric", "MetricName"]),
                    statistic: said_at(stat, &["Stat"]),
                    dimensions: dimensions(&stat["Metric"]["Dimensions"]),
                })
            })
            .unwrap_or_default()
    };
    let arn = text_at(message, &["AlarmArn"]);
    // The region's name for people stands in the message, its own in the ARN.
    let region = arn.split(':').nth(3).unwrap_or_default();
    let at = moment_at(message, &["StateChangeTime"]).unwrap_or(now);
    let labels = about.labels(&said_at(message, &["AWSAccountId"]), region);
    let some = |text: &str| (!text.is_empty()).then(|| text.to_string());
    Ok(Alarm {
        entity: about.entity(rule),
        metric: some(&about.metric),
        statistic: some(&about.statistic),
        threshold: trigger["Threshold"].as_f64(),
        summary: delivery::summary(&[
            text_at(message, &["AlarmDescription"]),
            text_at(message, &["NewStateReason"]),
        ]),
        ..delivery::alarm(
            "cloudwatch",
            turn(arn, rule, at, word),
            rule,
            state(word)?,
            at,
            labels,
        )
    })
}

/// The name of one turn of an alarm, whichever way it came.
fn turn(arn: &str, rule: &str, at: Timestamp, word: &str) -> String {
    format!(
        "{}/{at}/{word}",
        delivery::name(delivery::first(&[arn, rule]))
    )
}

/// The alarm in an event of EventBridge.
fn event(event: &Value, now: Timestamp) -> Result<Alarm, Unheard> {
    let detail = event.get("detail").unwrap_or(&Value::Null);
    let rule = text_at(detail, &["alarmName"]);
    let word = text_at(detail, &["state", "value"]);
    let configuration = detail.get("configuration").unwrap_or(&Value::Null);
    let metrics = delivery::list_at(configuration, "metrics");
    let about = metrics
        .iter()
        .find_map(|metric| {
            let stat = metric.get("metricStat")?;
            Some(About {
                namespace: said_at(stat, &["metric", "namespace"]),
                metric: said_at(stat, &["metric", "name"]),
                statistic: said_at(stat, &["stat"]),
                dimensions: dimensions(&stat["metric"]["dimensions"]),
            })
        })
        .unwrap_or_default();
    let arn = event["resources"]
        .get(0)
        .and_then(Value::as_str)
        .unwrap_or_default();
    let at = moment_at(detail, &["state", "timestamp"])
        .or_else(|| moment_at(event, &["time"]))
        .unwrap_or(now);
    // The data that decided stand in a text that is JSON again.
    let reason: Value =
        serde_json::from_str(text_at(detail, &["state", "reasonData"])).unwrap_or(Value::Null);
    let observed = delivery::list_at(&reason, "recentDatapoints")
        .iter()
        .rev()
        .find_map(Value::as_f64);
    let labels = about.labels(&said_at(event, &["account"]), &said_at(event, &["region"]));
    let some = |text: &str| (!text.is_empty()).then(|| text.to_string());
    Ok(Alarm {
        entity: about.entity(rule),
        metric: some(&about.metric),
        statistic: some(&about.statistic),
        threshold: reason["threshold"].as_f64(),
        observed,
        summary: delivery::summary(&[
            text_at(configuration, &["description"]),
            text_at(detail, &["state", "reason"]),
        ]),
        ..delivery::alarm(
            "cloudwatch",
            turn(arn, rule, at, word),
            rule,
            state(word)?,
            at,
            labels,
        )
    })
}

/// Is this an alarm's change of state, as EventBridge writes it?
fn is_event(value: &Value) -> bool {
    text_at(value, &["source"]) == "aws.cloudwatch"
        && text_at(value, &["detail-type"]) == "CloudWatch Alarm State Change"
}
