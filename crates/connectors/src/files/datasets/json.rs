//! Reading loosely typed JSON: what is missing is empty, nothing panics.

use model::Timestamp;
use serde_json::{Map, Value};

/// A scalar as text; objects and arrays as compact JSON; null as nothing.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A moment: RFC 3339, or a number of seconds or milliseconds since the epoch.
pub(super) fn time(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => {
            let text = text.trim();
            text.parse().ok().or_else(|| zoneless(text))
        }
        Value::Number(number) => {
            let number = number.as_f64()?;
            // Seconds reach 1e11 in the year 5138; anything larger counts milliseconds.
            let seconds = if number.abs() >= 1e11 {
                number / 1000.0
            } else {
                number
            };
            Timestamp::from_seconds_f64(seconds)
        }
        _ => None,
    }
}

/// `2023-01-29 08:43:04` and `2023-01-29T08:43:04.5`, taken as UTC.
pub(super) fn zoneless(text: &str) -> Option<Timestamp> {
    let joined = text.trim().replacen(' ', "T", 1);
    format!("{joined}Z").parse().ok()
}

/// The rows of a document that is either an array or an object with an array under `key`.
pub(super) fn rows(document: Value, key: &str) -> Vec<Value> {
    match document {
        Value::Array(rows) => rows,
        Value::Object(mut fields) => match fields.remove(key) {
            Some(Value::Array(rows)) => rows,
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// The fields of an object as sorted name and text; nested objects as dotted names.
pub(super) fn flatten(fields: Map<String, Value>) -> Vec<(Box<str>, Box<str>)> {
    let mut flat = Vec::with_capacity(fields.len());
    let mut open: Vec<(String, Value)> = fields.into_iter().collect();
    while let Some((name, value)) = open.pop() {
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                open.extend(
                    inner
                        .into_iter()
                        .map(|(key, value)| (format!("{name}.{key}"), value)),
                );
            }
            Value::Null => {}
            other => flat.push((name.into_boxed_str(), text(&other).into_boxed_str())),
        }
    }
    flat.sort();
    flat
}
