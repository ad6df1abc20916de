//! Two records of AWS Config next to each other, as a change with what they differ in.
//!
//! Values of variables are hidden, whatever their names are; that one was altered shows.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_config::types::{ConfigurationItem, ConfigurationItemStatus as Status};
use model::time::{MINUTE, Span, Timestamp};
use model::{Change, ChangeKind, EntityId};
use serde_json::{Map, Value, json};

use super::found::plain;
use crate::files::kubernetes::manifest::{self, HIDDEN, is_secret};

/// How the change of a record is called.
pub(super) const ID: &str = "config:";
/// So long after a change it is recorded at the latest, as a rule.
const RECORDED: Span = Span(15 * MINUTE);
/// What differs that a title names.
const NAMED: usize = 4;
/// Numbers and times that turn by themselves, and revisions that follow from what was altered.
const RESTLESS: [&str; 8] = [
    "itemcount",
    "tablesizebytes",
    "latestrestorabletime",
    "lastmodified",
    "lastupdatestatus",
    "revisionid",
    "runningcount",
    "pendingcount",
];
/// Where variables stand: whatever their names are, their values may be secrets.
const VARIABLES: [&str; 5] = [
    "environment",
    "environmentvariables",
    "env",
    "userdata",
    "variables",
];

/// A record, and when it was taken.
type Recorded<'i> = (Timestamp, &'i ConfigurationItem);

/// What happened to a thing of this name between two records, if anything did.
pub(super) fn change(
    (entity, name): (&EntityId, &str),
    (at, new): Recorded<'_>,
    (before, old): Recorded<'_>,
) -> Option<Change> {
    let status = new.configuration_item_status();
    let gone = matches!(
        status,
        Some(Status::ResourceDeleted | Status::ResourceDeletedNotRecorded)
    );
    let (mut was, mut is) = (document(old), document(new));
    let set = set_at(&is).filter(|set| (before..=at).contains(set));
    for value in [&mut was, &mut is] {
        calm(value);
    }
    if !gone && was == is {
        return None;
    }
    let mut paths = Vec::new();
    differing("", &was, &is, &mut paths);
    conceal(&mut is, Some(&was), false);
    conceal(&mut was, None, false);
    let path = format!("config/{name}.yaml");
    let title = if gone {
        format!("{name} was deleted, as AWS Config recorded")
    } else {
        let more = if paths.len() > NAMED { ", …" } else { "" };
        paths.truncate(NAMED);
        format!(
            "{name}: {}{more} altered, as AWS Config recorded",
            paths.join(", ")
        )
    };
    let when = (
        set.unwrap_or(at.minus(RECORDED).max(before)),
        set.unwrap_or(at),
    );
    Some(Change {
        id: format!(
            "{ID}{name}:{}",
            new.configuration_state_id().unwrap_or_default()
        ),
        kind: if gone {
            ChangeKind::Infrastructure
        } else {
            ChangeKind::Config
        },
        diff: if gone {
            None
        } else {
            manifest::diff(&path, &was, &is)
        },
        files: vec![path],
        ..plain(&title, when, vec![entity.clone()])
    })
}

/// What a record says of how a thing is set. It is a document within a document.
fn document(item: &ConfigurationItem) -> Value {
    let parsed = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
    let mut out = Map::new();
    if let Some(text) = item.configuration() {
        out.insert("configuration".to_string(), parsed(text));
    }
    let supplements = item.supplementary_configuration().into_iter().flatten();
    let supplements: BTreeMap<&String, Value> = supplements
        .map(|(name, text)| (name, parsed(text)))
        .collect();
    if !supplements.is_empty() {
        out.insert("supplements".to_string(), json!(supplements));
    }
    if let Some(tags) = item.tags() {
        let tags: BTreeMap<&String, &String> = tags.iter().collect();
        out.insert("tags".to_string(), json!(tags));
    }
    Value::Object(out)
}

/// When it was set, where the thing itself says so to the second.
fn set_at(document: &Value) -> Option<Timestamp> {
    let said = &document["configuration"]["lastModified"];
    crate::files::moment::moment(said.as_str()?.as_bytes())
}

/// The name of a field, however it is written.
fn folded(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}

/// Leaves out what turns by itself. (How deep a document may be is the reader's bound.)
fn calm(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !RESTLESS.contains(&folded(name).as_str()));
            fields.values_mut().for_each(calm);
        }
        Value::Array(values) => values.iter_mut().for_each(calm),
        _ => {}
    }
}

/// Paths of what differs.
fn differing(path: &str, was: &Value, is: &Value, out: &mut Vec<String>) {
    if was == is || out.len() > NAMED {
        return;
    }
    if let (Value::Object(old), Value::Object(new)) = (was, is) {
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for name in names {
            let inner = match path {
                "" | "configuration" => name.clone(),
                path => format!("{path}.{name}"),
            };
            let of = |fields: &Map<String, Value>| fields.get(name).cloned().unwrap_or(Value::Null);
            differing(&inner, &of(old), &of(new), out);
        }
        return;
    }
    out.push(path.to_string());
}

/// Hides values of variables, and of what is named like a secret; in a new document so that it shows where one is
/// another than it `was`.
fn conceal(value: &mut Value, was: Option<&Value>, hidden: bool) {
    match value {
        Value::Object(fields) => {
            // `{ name, value }`: of these the name stays.
            let pair = ["value", "Value"]
                .iter()
                .any(|name| fields.contains_key(*name));
            let named = ["name", "Name"]
                .iter()
                .find_map(|name| fields.get(*name)?.as_str());
            let secret = pair && named.is_some_and(is_secret);
            for (name, inner) in fields.iter_mut() {
                let stays = pair && matches!(name.as_str(), "name" | "Name");
                let here = hidden || VARIABLES.contains(&folded(name).as_str()) || is_secret(name);
                let own = secret && matches!(name.as_str(), "value" | "Value");
                conceal(
                    inner,
                    was.and_then(|was| was.get(name)),
                    (here && !stays) || own,
                );
            }
        }
        Value::Array(values) => {
            for (at, inner) in values.iter_mut().enumerate() {
                conceal(inner, was.and_then(|was| was.get(at)), hidden);
            }
        }
        Value::Null => {}
        said if hidden => {
            let another = was.is_some_and(|was| was != said);
            *said = match another {
                true => json!(format!("{HIDDEN}, another")),
                false => json!(HIDDEN),
            };
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::DateTime;
    use model::time::SECOND;

    use super::*;

    fn item(at: i64, configuration: &Value) -> ConfigurationItem {
        ConfigurationItem::builder()
            .configuration_item_capture_time(DateTime::from_secs(at))
            .configuration_state_id(at.to_string())
            .configuration(configuration.to_string())
            .build()
    }

    fn pay() -> EntityId {
        EntityId::from("function/pay")
    }

    fn between(old: &Value, new: &Value) -> Option<Change> {
        let (old, new) = (item(10_000, old), item(20_000, new));
        let at = |seconds: i64| Timestamp(seconds * SECOND);
        change((&pay(), "pay"), (at(20_000), &new), (at(10_000), &old))
    }

    #[test]
    fn two_records_are_a_change_without_values_of_variables() {
        let of = |timeout: u32, pool: &str, secret: &str| {
            json!({
                "timeout": timeout, "revisionId": pool, "masterUserPassword": secret,
                "environment": { "variables": { "POOL": pool, "STAGE": "canary-live" } },
                "containerDefinitions": [{ "environment": [{ "name": "POOL", "value": pool }] }],
            })
        };
        let change = between(
            &of(30, "canary-a", "canary-1"),
            &of(3, "canary-b", "canary-2"),
        );
        let change = change.unwrap();
        assert_eq!(
            change.title,
            "pay: containerDefinitions, environment.variables.POOL, masterUserPassword, timeout altered, as AWS Config recorded"
        );
        let diff = change.diff.unwrap();
        for line in [
            "-  timeout: 30",
            "+  timeout: 3",
            "(left out)",
            "(left out), another",
            "name: POOL",
        ] {
            assert!(diff.contains(line), "{line}: {diff}");
        }
        assert!(
            !diff.contains("canary") && !diff.contains("revisionId"),
            "{diff}"
        );
        assert_eq!(
            (change.start.0, change.end.0),
            (19_100 * SECOND, 20_000 * SECOND)
        );
    }

    #[test]
    fn what_turns_by_itself_is_no_change() {
        let of = |count: u32| json!({ "itemCount": count, "runningCount": count, "name": "x" });
        assert!(between(&of(1), &of(2)).is_none());
    }

    #[test]
    fn a_function_says_when_it_was_set() {
        let of = |timeout: u32, at: &str| json!({ "timeout": timeout, "lastModified": at });
        let change = between(&of(1, ""), &of(2, "1970-01-01T05:30:00.000+0000")).unwrap();
        assert_eq!(
            (change.start.0, change.end.0),
            (19_800 * SECOND, 19_800 * SECOND)
        );
        // Out of the time between the records it says nothing.
        let change = between(&of(1, ""), &of(2, "2026-01-01T00:00:00.000+0000")).unwrap();
        assert_eq!(change.end.0, 20_000 * SECOND);
    }

    #[test]
    fn strange_records_break_nothing() {
        let deep = "[".repeat(10_000);
        for odd in [
            "",
            "{",
            "7",
            "\"\"",
            "null",
            deep.as_str(),
            "{\"environment\":7}",
        ] {
            let (old, new) = (item(1, &json!({})), item(2, &json!({})));
            let new = ConfigurationItem::builder()
                .set_configuration_item_capture_time(new.configuration_item_capture_time)
                .configuration(odd)
                .build();
            let told = change((&pay(), "pay"), (Timestamp(2), &new), (Timestamp(1), &old));
            assert!(told.is_some(), "{odd}");
        }
    }
}
