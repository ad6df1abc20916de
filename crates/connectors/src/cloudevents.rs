//! CloudEvents 1.0 over HTTP, in structured, batched and binary mode, signed as our own webhooks are (Standard
//! Webhooks: HMAC-SHA-256 over `id.timestamp.body`).
//!
//! Two types are read: `midwatch.alarm` and `midwatch.change`, whose data are documented in `docs/inlets.md`. That is
//! the door for whatever has no inlet of its own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::ports::{AlarmDecoder, Heard, Posted, Unheard};
use model::{Alarm, AlarmState, Change, ChangeKind, EntityId, RawRef, Timestamp};
use serde_json::{Value, json};

use crate::alertmanager::grade;
use crate::delivery::{self, first, labels, moment_at, proof, said_at, text_at, unlike};

/// What was expected.
const EXPECTED: &str =
    "a CloudEvent 1.0 of the type midwatch.alarm or midwatch.change (docs/inlets.md shows both)";

/// Reads CloudEvents.
pub struct CloudEvents {
    secret: Vec<u8>,
}

impl CloudEvents {
    /// With the secret that signs.
    pub fn new(secret: &[u8]) -> Self {
        Self {
            secret: secret.to_vec(),
        }
    }
}

impl AlarmDecoder for CloudEvents {
    fn admit(&self, posted: &Posted, now: Timestamp) -> Result<(), Unheard> {
        let id = proof::needed(posted, "webhook-id")?;
        let moment = proof::needed(posted, "webhook-timestamp")?;
        let header = "webhook-signature";
        // While a secret is changed, a sender may sign with both.
        let held = proof::needed(posted, header)?
            .split(' ')
            .take(8)
            .any(|signature| {
                signature
                    .strip_prefix("v1,")
                    .and_then(|text| STANDARD.decode(text).ok())
                    .is_some_and(|digest| {
                        let parts = [id.as_bytes(), b".", moment.as_bytes(), b".", &posted.body];
                        proof::signed(&self.secret, &parts, &digest)
                    })
            });
        if !held {
            return Err(proof::unsigned(header));
        }
        proof::fresh(proof::seconds(moment)?, now, proof::WINDOW)
    }

    fn read(&self, posted: &Posted, now: Timestamp) -> Result<Heard, Unheard> {
        let media = posted
            .header("content-type")
            .unwrap_or_default()
            .to_ascii_lowercase();
        let bad =
            |error: serde_json::Error| unlike(&format!("the body is no JSON ({error})"), EXPECTED);
        let events = if media.starts_with("application/cloudevents-batch+json") {
            let events: Vec<Value> = serde_json::from_slice(&posted.body).map_err(bad)?;
            if events.len() > delivery::MOST {
                return Err(unlike(
                    &format!("{} events in one batch", events.len()),
                    "fewer",
                ));
            }
            events
        } else if posted.header("ce-specversion").is_some() {
            vec![binary(posted).map_err(bad)?]
        } else {
            vec![serde_json::from_slice(&posted.body).map_err(bad)?]
        };
        let mut heard = Heard {
            key: posted.header("webhook-id").map(delivery::name),
            ..Heard::default()
        };
        for event in &events {
            one(event, now, &mut heard)?;
        }
        Ok(heard)
    }
}

/// An event whose attributes are headers.
fn binary(posted: &Posted) -> Result<Value, serde_json::Error> {
    let mut event = serde_json::Map::new();
    for (name, value) in &posted.headers {
        if let Some(attribute) = name.strip_prefix("ce-") {
            event.insert(attribute.to_string(), json!(value));
        }
    }
    event.insert("data".to_string(), serde_json::from_slice(&posted.body)?);
    Ok(Value::Object(event))
}

fn one(event: &Value, now: Timestamp, heard: &mut Heard) -> Result<(), Unheard> {
    if text_at(event, &["specversion"]) != "1.0" {
        return Err(unlike("`specversion` is not 1.0", EXPECTED));
    }
    let (id, source) = (said_at(event, &["id"]), said_at(event, &["source"]));
    if id.is_empty() || source.is_empty() {
        return Err(unlike("`id` or `source` is missing", EXPECTED));
    }
    let at = moment_at(event, &["time"]).unwrap_or(now);
    let data = event.get("data").unwrap_or(&Value::Null);
    match text_at(event, &["type"]) {
        "midwatch.alarm" => heard.alarms.push(alarm(data, &id, &source, at)?),
        "midwatch.change" => heard.changes.push(change(data, &id, &source, at)?),
        // What a Midwatch tells of itself is no news to one: two that tell each other would never end.
        own if own.starts_with("midwatch.incident.") => {
            heard.remark = "a notice of a Midwatch; nothing follows from it".to_string();
        }
        other => {
            return Err(unlike(
                &format!("the type is {:?}", delivery::name(other)),
                EXPECTED,
            ));
        }
    }
    Ok(())
}

fn alarm(data: &Value, id: &str, source: &str, at: Timestamp) -> Result<Alarm, Unheard> {
    let state = match text_at(data, &["state"]) {
        "firing" => AlarmState::Firing,
        "resolved" => AlarmState::Resolved,
        "no_data" => AlarmState::NoData,
        other => {
            return Err(unlike(
                &format!("`data.state` is {:?}", delivery::name(other)),
                "firing, resolved or no_data",
            ));
        }
    };
    let rule = text_at(data, &["rule"]);
    if rule.is_empty() {
        return Err(unlike("`data.rule` is missing", "the rule's name"));
    }
    let labels = labels::of(data.get("labels"));
    let entity = match text_at(data, &["entity"]) {
        "" => labels::entity(&labels).unwrap_or_else(|| EntityId::from(labels::NOBODY)),
        entity => EntityId::from(delivery::name(entity).as_str()),
    };
    let some = |name: &str| {
        (!text_at(data, &[name]).is_empty()).then(|| delivery::name(text_at(data, &[name])))
    };
    let known = delivery::alarm(
        source,
        format!("{source}/{id}"),
        rule,
        state,
        moment_at(data, &["at"]).unwrap_or(at),
        labels,
    );
    Ok(Alarm {
        entity,
        metric: some("metric"),
        statistic: some("statistic"),
        threshold: data["threshold"].as_f64(),
        observed: data["observed"].as_f64(),
        severity: grade(text_at(data, &["severity"])),
        summary: delivery::summary(&[text_at(data, &["summary"])]),
        ..known
    })
}

fn change(data: &Value, id: &str, source: &str, at: Timestamp) -> Result<Change, Unheard> {
    let kind: ChangeKind = serde_json::from_value(data["kind"].clone()).map_err(|_| {
        unlike(
            &format!("`data.kind` is {}", delivery::name(&data["kind"].to_string())),
            "commit, deploy, flag, config, permission, infrastructure, scaling, migration, schedule, certificate or maintenance",
        )
    })?;
    let title = text_at(data, &["title"]);
    if title.is_empty() {
        return Err(unlike("`data.title` is missing", "one line for people"));
    }
    let texts = |name: &str| -> Vec<String> {
        let list = delivery::list_at(data, name)
            .iter()
            .filter_map(Value::as_str);
        list.take(1_000).map(delivery::name).collect()
    };
    let start = moment_at(data, &["start"]).unwrap_or(at);
    let diff = text_at(data, &["diff"]);
    Ok(Change {
        id: match said_at(data, &["id"]) {
            own if own.is_empty() => format!("{source}/{id}"),
            own => own,
        },
        kind,
        start,
        end: moment_at(data, &["end"]).unwrap_or(start).max(start),
        entities: texts("entities")
            .iter()
            .map(|entity| EntityId::from(entity.as_str()))
            .collect(),
        actor: said_at(data, &["actor"]),
        title: delivery::name(title),
        files: texts("files"),
        diff: (!diff.is_empty()).then(|| diff.to_string()),
        version: first(&[&said_at(data, &["version"])]).to_string(),
        carries: texts("carries"),
        undone: moment_at(data, &["undone"]),
        raw: RawRef::default(),
    })
}
