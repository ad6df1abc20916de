//! What Datadog's webhooks integration posts. Its payload is a template that the sender writes: `docs/inlets.md` gives
//! the one that is read here. Proof is a secret in a custom header.

use std::collections::BTreeMap;

use model::ports::{AlarmDecoder, Heard, Posted, Unheard};
use model::{Alarm, AlarmState, EntityId, Timestamp};
use serde_json::Value;

use crate::alertmanager::grade;
use crate::delivery::{self, labels, moment_at, proof, said_at, text_at, unlike};

/// What was expected.
const EXPECTED: &str = "the payload that docs/inlets.md gives for Datadog: {\"alert_id\",\"alert_transition\",\"alert_title\",\"tags\",\"date\",…}";

/// Reads Datadog's posts.
pub struct Datadog {
    secret: Vec<u8>,
}

impl Datadog {
    /// With the secret of the custom header.
    pub fn new(secret: &[u8]) -> Self {
        Self {
            secret: secret.to_vec(),
        }
    }
}

impl AlarmDecoder for Datadog {
    fn admit(&self, posted: &Posted, _: Timestamp) -> Result<(), Unheard> {
        proof::token(posted, &self.secret, None)
    }

    fn read(&self, posted: &Posted, now: Timestamp) -> Result<Heard, Unheard> {
        let body = delivery::json(posted, EXPECTED)?;
        let transition = text_at(&body, &["alert_transition"]);
        let state = match transition.to_ascii_lowercase().as_str() {
            "triggered" | "re-triggered" | "warn" | "re-warn" => AlarmState::Firing,
            "recovered" => AlarmState::Resolved,
            "no data" | "re-no data" => AlarmState::NoData,
            _ => {
                return Err(unlike(
                    &format!("`alert_transition` is {:?}", delivery::name(transition)),
                    EXPECTED,
                ));
            }
        };
        let monitor = said_at(&body, &["alert_id"]);
        if monitor.is_empty() {
            return Err(unlike("`alert_id` is missing", EXPECTED));
        }
        let mut labels = tags(&[text_at(&body, &["tags"]), text_at(&body, &["alert_scope"])]);
        let host = text_at(&body, &["hostname"]);
        // A variable that has no value for this monitor comes as it is written.
        if !host.is_empty() && !host.starts_with('$') {
            labels
                .entry("host".to_string())
                .or_insert_with(|| delivery::name(host));
        }
        let entity = labels::entity(&labels).unwrap_or_else(|| EntityId::from(labels::NOBODY));
        labels.insert("monitor".to_string(), monitor.clone());
        let at = moment_at(&body, &["date"]).unwrap_or(now);
        // A cycle is one time that a monitor alerted, for one group; within it each transition is told once.
        let cycle = match said_at(&body, &["alert_cycle_key"]) {
            cycle if cycle.is_empty() => format!("{monitor}@{at}"),
            cycle => cycle,
        };
        let some = |name: &str| {
            let text = text_at(&body, &[name]);
            (!text.is_empty() && text != "null" && !text.starts_with('$'))
                .then(|| delivery::name(text))
        };
        let known = delivery::alarm(
            "datadog",
            format!("{cycle}/{}", transition.to_ascii_lowercase()),
            text_at(&body, &["alert_title"]),
            state,
            at,
            labels,
        );
        let alarm = Alarm {
            entity,
            metric: some("alert_metric"),
            severity: grade(text_at(&body, &["priority"]))
                .or_else(|| grade(text_at(&body, &["alert_type"]))),
            summary: delivery::summary(&[
                text_at(&body, &["event_title"]),
                text_at(&body, &["event_msg"]),
            ]),
            ..known
        };
        let key = said_at(&body, &["id"]);
        Ok(Heard {
            key: (!key.is_empty()).then_some(key),
            alarms: vec![alarm],
            ..Heard::default()
        })
    }
}

/// `env:prod,service:checkout` as labels; the first of a name counts.
fn tags(lists: &[&str]) -> BTreeMap<String, String> {
    let mut labels = serde_json::Map::new();
    for tag in lists.iter().flat_map(|list| list.split(',')).take(200) {
        if let Some((name, value)) = tag.trim().split_once(':') {
            labels
                .entry(name.to_string())
                .or_insert_with(|| Value::from(value));
        }
    }
    labels::of(Some(&Value::Object(labels)))
}
