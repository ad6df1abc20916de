//! What is common to everything that is posted here: proofs ([`proof`]), entities from labels ([`labels`]), changes
//! as hosts of code tell them (`changes`), fields and their bounds, and the few requests that an answer takes ([`outside`]).
//!
//! Everything in a body is hostile until its proof holds, and text that is shown and never believed after that.

pub(crate) mod changes;
pub mod labels;
pub mod outside;
pub mod proof;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use model::ports::{Posted, Unheard};
use model::{Alarm, AlarmState, EntityId, RawRef, Timestamp};
use regex::Regex;
use serde_json::Value;

pub(crate) use crate::files::gathered::{moment_at, text_at};

/// Alarms or changes that are taken from one body; honest senders cut far below.
pub(crate) const MOST: usize = 20_000;
/// Characters of what an alarm tells people.
const LONGEST_SUMMARY: usize = 4_000;
/// Characters of a name.
const LONGEST_NAME: usize = 512;

/// The body as JSON; what else it is, is said with what was expected.
pub(crate) fn json(posted: &Posted, expected: &str) -> Result<Value, Unheard> {
    serde_json::from_slice(&posted.body)
        .map_err(|error| {
            Unheard::Unreadable(format!(
                "the body is no JSON ({error}); expected {expected}"
            ))
        })
        .and_then(|value: Value| match value {
            Value::Object(_) => Ok(value),
            _ => Err(unlike("the body is no JSON object", expected)),
        })
}

/// It is not what was expected.
pub(crate) fn unlike(what: &str, expected: &str) -> Unheard {
    Unheard::Unreadable(format!("{what}; expected {expected}"))
}

/// The elements of a list somewhere inside; none if it is no list.
pub(crate) fn list_at<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value
        .get(name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// Takes a field out; nothing, if there is none.
#[cfg(any(
    feature = "argocd",
    feature = "github",
    feature = "kubernetes",
    feature = "statuspage"
))]
pub(crate) fn take(value: &mut Value, name: &str) -> Value {
    value.get_mut(name).map(Value::take).unwrap_or_default()
}

/// A text or a number somewhere inside, as text; empty if it is neither.
pub(crate) fn said_at(value: &Value, path: &[&str]) -> String {
    let mut value = value;
    for key in path {
        match value.get(key) {
            Some(inner) => value = inner,
            None => return String::new(),
        }
    }
    match value {
        Value::String(text) => name(text),
        Value::Number(number) => number.to_string(),
        Value::Bool(yes) => yes.to_string(),
        _ => String::new(),
    }
}

/// The first of these that says something.
pub(crate) fn first<'a>(texts: &[&'a str]) -> &'a str {
    texts
        .iter()
        .find(|text| !text.is_empty())
        .copied()
        .unwrap_or_default()
}

/// A name, not endless.
pub(crate) fn name(text: &str) -> String {
    text.chars().take(LONGEST_NAME).collect()
}

/// What is told to people: the parts that say something, as sentences, not endless.
pub(crate) fn summary(parts: &[&str]) -> String {
    let mut text = String::new();
    for part in parts.iter().map(|part| part.trim()) {
        if !text.is_empty() && !part.is_empty() {
            text += if text.ends_with(['.', '!', '?']) {
                " "
            } else {
                ". "
            };
        }
        text += part;
    }
    text.chars().take(LONGEST_SUMMARY).collect()
}

/// The start of a digest of what was sent, for senders that name nothing by themselves.
pub(crate) fn digest(parts: &[&str]) -> String {
    use sha2::Digest as _;
    let mut hasher = sha2::Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher
        .finalize()
        .iter()
        .take(12)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// What makes a body the same as another: a digest of all of it (SHA-256, hexadecimal).
pub fn key(body: &[u8]) -> String {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(body);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An alarm of which only the necessary is known.
pub(crate) fn alarm(
    source: &str,
    id: String,
    rule: &str,
    state: AlarmState,
    fired_at: Timestamp,
    labels: BTreeMap<String, String>,
) -> Alarm {
    Alarm {
        id,
        source: source.to_string(),
        rule: if rule.is_empty() {
            source.to_string()
        } else {
            name(rule)
        },
        entity: EntityId::from(labels::NOBODY),
        metric: None,
        statistic: None,
        threshold: None,
        observed: None,
        fired_at,
        true_at: None,
        severity: None,
        state,
        summary: String::new(),
        labels,
        raw: RawRef::default(),
    }
}

/// Fields of vendors' bodies that open something to whoever reads them: confirm a subscription, answer in somebody's
/// name, act as the sender.
static OPENS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    // A constant; the tests know that it can be read.
    Regex::new(
        r#"(?i)("(?:token|secret|password|passwd|authorization|api_?key|access_?token|subscribeurl|unsubscribeurl|response_url|response_urls|trigger_id)"\s*:\s*")(?:[^"\\]|\\.)*""#,
    )
    .ok()
});

/// A body for people to read, in which what opens something is hidden: by the fields of vendors, and by what looks like a
/// secret anywhere.
pub fn without_secrets(text: &str) -> String {
    let text = match OPENS.as_ref() {
        Some(opens) => opens.replace_all(text, "${1}[hidden]\"").into_owned(),
        None => return String::new(),
    };
    crate::files::hide(&text).unwrap_or(text)
}

#[cfg(test)]
mod tests;
