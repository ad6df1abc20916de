//! What PagerDuty's webhooks post, version 3 (signed) and version 2 (with a secret in a custom header): incidents that
//! were triggered and resolved there.

use std::collections::BTreeMap;

use model::ports::{AlarmDecoder, Heard, Posted, Unheard};
use model::{Alarm, AlarmState, EntityId, Timestamp};
use serde_json::Value;

use crate::alertmanager::grade;
use crate::delivery::{self, moment_at, proof, said_at, text_at, unlike};

/// What was expected.
const EXPECTED: &str = "a webhook of PagerDuty's: {\"event\":{\"event_type\",\"data\",…}} (version 3) or {\"messages\":[…]} (version 2)";
/// Where the signatures of version 3 stand.
const SIGNATURE: &str = "x-pagerduty-signature";
/// Signatures in one header; a secret that is being changed makes two.
const MOST: usize = 8;

/// Reads what PagerDuty posts.
pub struct PagerDuty {
    secret: Vec<u8>,
}

impl PagerDuty {
    /// With the subscription's secret.
    pub fn new(secret: &[u8]) -> Self {
        Self {
            secret: secret.to_vec(),
        }
    }
}

impl AlarmDecoder for PagerDuty {
    fn admit(&self, posted: &Posted, _: Timestamp) -> Result<(), Unheard> {
        let Some(signatures) = posted.header(SIGNATURE) else {
            return proof::token(posted, &self.secret, None);
        };
        let held = signatures
            .split(',')
            .take(MOST)
            .filter_map(|signature| proof::hex(signature.trim().strip_prefix("v1=")?))
            .any(|digest| proof::signed(&self.secret, &[&posted.body], &digest));
        if held {
            Ok(())
        } else {
            Err(proof::unsigned(SIGNATURE))
        }
    }

    fn read(&self, posted: &Posted, now: Timestamp) -> Result<Heard, Unheard> {
        let body = delivery::json(posted, EXPECTED)?;
        if let Some(event) = body.get("event") {
            let id = said_at(event, &["id"]);
            let mut heard = Heard {
                key: (!id.is_empty()).then_some(id),
                ..Heard::default()
            };
            let kind = text_at(event, &["event_type"]);
            if kind.is_empty() {
                return Err(unlike("`event.event_type` is missing", EXPECTED));
            }
            let data = event.get("data").unwrap_or(&Value::Null);
            one(
                kind,
                data,
                "summary",
                moment_at(event, &["occurred_at"]).unwrap_or(now),
                &mut heard,
            )?;
            return Ok(heard);
        }
        let Some(messages) = body.get("messages").and_then(Value::as_array) else {
            return Err(unlike("there is neither `event` nor `messages`", EXPECTED));
        };
        let mut heard = Heard::default();
        for message in messages.iter().take(delivery::MOST) {
            let kind = text_at(message, &["event"]);
            let at = moment_at(message, &["created_on"]).unwrap_or(now);
            let data = message.get("incident").unwrap_or(&Value::Null);
            one(kind, data, "name", at, &mut heard)?;
        }
        if let [message] = messages.as_slice() {
            let id = said_at(message, &["id"]);
            heard.key = (!id.is_empty()).then_some(id);
        }
        Ok(heard)
    }
}

/// One event; `named` is how this version calls a service's name.
fn one(
    kind: &str,
    data: &Value,
    named: &str,
    at: Timestamp,
    heard: &mut Heard,
) -> Result<(), Unheard> {
    let state = match kind {
        "incident.triggered"
        | "incident.trigger"
        | "incident.reopened"
        | "incident.unacknowledged"
        | "incident.unacknowledge" => AlarmState::Firing,
        "incident.resolved" | "incident.resolve" => AlarmState::Resolved,
        other => {
            heard.remark = format!(
                "{:?} changes no alarm; nothing follows from it",
                delivery::name(other)
            );
            return Ok(());
        }
    };
    let id = said_at(data, &["id"]);
    if id.is_empty() {
        return Err(unlike("the incident has no `id`", EXPECTED));
    }
    let key = text_at(data, &["incident_key"]);
    if key.starts_with("inc-") || key.starts_with("midwatch") {
        heard.remark =
            "an incident that a Midwatch opened there; nothing follows from it".to_string();
        return Ok(());
    }
    let service = delivery::first(&[
        text_at(data, &["service", named]),
        text_at(data, &["service", "summary"]),
        text_at(data, &["service", "id"]),
    ]);
    let entity = if service.is_empty() {
        EntityId::from(crate::delivery::labels::NOBODY)
    } else {
        EntityId::from(format!("service/{}", delivery::name(service)).as_str())
    };
    // What a person may edit (title, urgency, priority) is no part of what makes it the same incident.
    let mut labels = BTreeMap::from([("incident".to_string(), id.clone())]);
    if !service.is_empty() {
        labels.insert("service".to_string(), delivery::name(service));
    }
    let title = delivery::first(&[text_at(data, &["title"]), text_at(data, &["description"])]);
    let urgency = delivery::first(&[
        text_at(data, &["priority", "summary"]),
        text_at(data, &["urgency"]),
    ]);
    let link = text_at(data, &["html_url"]);
    heard.alarms.push(Alarm {
        entity,
        severity: grade(urgency),
        summary: delivery::summary(&[title, link]),
        ..delivery::alarm(
            "pagerduty",
            format!("{id}/{at}/{kind}"),
            "incident",
            state,
            at,
            labels,
        )
    });
    Ok(())
}
