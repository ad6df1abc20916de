//! What Alertmanager posts (`webhook_configs`, payload version 4): a group of alerts, each firing or resolved; and what it
//! holds, asked for ([`Eyes`]).
//!
//! It signs nothing; `http_config` sends a shared secret as a bearer token or a Basic password. A group is posted again
//! while it fires: the id of an alarm is its fingerprint with the moment of its turn, so that telling it again is
//! nothing new.

#[cfg(feature = "alertmanager")]
mod eyes;
#[cfg(feature = "alertmanager")]
mod quiet;
#[cfg(all(test, feature = "alertmanager"))]
mod tests;

#[cfg(feature = "alertmanager")]
pub use eyes::{Eyes, NEEDS};

use std::collections::BTreeMap;

use model::ports::{AlarmDecoder, Heard, Posted, Unheard};
use model::telemetry::Severity;
use model::{Alarm, AlarmState, EntityId, Timestamp};
use serde_json::Value;

use crate::delivery::{self, labels, moment_at, proof, text_at, unlike};

/// What was expected, for whoever sends something else.
const EXPECTED: &str = "Alertmanager's webhook payload of version 4: {\"version\":\"4\",\"alerts\":[{\"status\",\"labels\",\"startsAt\",…}]}";

/// Reads Alertmanager's posts.
pub struct Alertmanager {
    secret: Vec<u8>,
}

impl Alertmanager {
    /// With the secret that it gives.
    pub fn new(secret: &[u8]) -> Self {
        Self {
            secret: secret.to_vec(),
        }
    }
}

impl AlarmDecoder for Alertmanager {
    fn admit(&self, posted: &Posted, _: Timestamp) -> Result<(), Unheard> {
        proof::token(posted, &self.secret, None)
    }

    fn read(&self, posted: &Posted, now: Timestamp) -> Result<Heard, Unheard> {
        let body = delivery::json(posted, EXPECTED)?;
        if body
            .get("version")
            .is_some_and(|version| version.as_str() != Some("4"))
        {
            return Err(unlike(
                &format!("`version` is {}", body["version"]),
                EXPECTED,
            ));
        }
        let heard = alerts(&body, "alertmanager", EXPECTED, now)?;
        Ok(heard)
    }
}

/// The alerts of a group, as Alertmanager and those who took over its format write them.
pub(crate) fn alerts(
    body: &Value,
    source: &str,
    expected: &str,
    now: Timestamp,
) -> Result<Heard, Unheard> {
    let Some(list) = body.get("alerts").and_then(Value::as_array) else {
        return Err(unlike("there is no list `alerts`", expected));
    };
    if list.len() > delivery::MOST {
        return Err(unlike(
            &format!("{} alerts in one body", list.len()),
            "fewer; set `max_alerts`",
        ));
    }
    let alarms = list
        .iter()
        .map(|alert| {
            one(alert, source, now)
                .ok_or_else(|| unlike("an alert has no `status` of firing or resolved", expected))
        })
        .collect::<Result<Vec<Alarm>, Unheard>>()?;
    let cut = body["truncatedAlerts"].as_u64().unwrap_or(0);
    let remark = if cut == 0 {
        String::new()
    } else {
        format!("the sender left {cut} alerts out of this group; raise its `max_alerts`")
    };
    Ok(Heard {
        alarms,
        remark,
        ..Heard::default()
    })
}

fn one(alert: &Value, source: &str, now: Timestamp) -> Option<Alarm> {
    let state = match text_at(alert, &["status"]) {
        "firing" => AlarmState::Firing,
        "resolved" => AlarmState::Resolved,
        _ => return None,
    };
    let starts = moment_at(alert, &["startsAt"]).filter(|at| at.0 > 0);
    let at = match state {
        AlarmState::Resolved => moment_at(alert, &["endsAt"]).filter(|at| at.0 > 0),
        _ => starts,
    };
    let mut labels = labels::of(alert.get("labels"));
    let rule = labels.remove("alertname").unwrap_or_default();
    let fingerprint = match delivery::said_at(alert, &["fingerprint"]) {
        known if !known.is_empty() => known,
        _ => of_labels(&rule, &labels),
    };
    let word = text_at(alert, &["status"]);
    let starts = starts.map_or_else(String::new, |at| at.to_string());
    let note = |name: &str| text_at(alert, &["annotations", name]);
    let entity = labels::entity(&labels).unwrap_or_else(|| EntityId::from(labels::NOBODY));
    let severity = ["severity", "level", "priority"]
        .iter()
        .find_map(|name| labels.get(*name))
        .and_then(|word| grade(word));
    let summary = delivery::summary(&[
        delivery::first(&[note("summary"), note("title")]),
        delivery::first(&[note("description"), note("message")]),
    ]);
    let alarm = delivery::alarm(
        source,
        format!("{fingerprint}/{starts}/{word}"),
        &rule,
        state,
        at.unwrap_or(now),
        labels,
    );
    Some(Alarm {
        entity,
        severity,
        summary,
        ..alarm
    })
}

/// The words in which rules grade themselves.
pub(crate) fn grade(word: &str) -> Option<Severity> {
    match word.trim().to_ascii_lowercase().as_str() {
        "page" | "p1" | "sev1" | "high" | "disaster" => Some(Severity::Fatal),
        "p2" | "sev2" | "ticket" | "major" => Some(Severity::Error),
        "p3" | "sev3" | "minor" | "low" => Some(Severity::Warn),
        "p4" | "p5" | "sev4" | "none" => Some(Severity::Info),
        word => Severity::parse(word),
    }
}

/// A name for alerts of senders that name none.
fn of_labels(rule: &str, labels: &BTreeMap<String, String>) -> String {
    let mut parts = vec![rule];
    parts.extend(
        labels
            .iter()
            .flat_map(|(name, value)| [name.as_str(), value.as_str()]),
    );
    delivery::digest(&parts)
}
