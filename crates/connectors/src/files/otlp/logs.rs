//! Log records.

use std::borrow::Cow;

use model::{Severity, Timestamp};

use super::{Resource, Walk, value};
use crate::files::json::{Json, JsonError};
use crate::files::rows::LogParts;

/// Reads one `scopeLogs`.
pub(super) fn scope<'a>(
    json: &mut Json<'a>,
    resource: &Resource<'a>,
    walk: &mut Walk<'_>,
) -> Result<(), JsonError> {
    json.object(|json, key| match &*key {
        "logRecords" | "log_records" | "logs" => json.array_or_null(|json| {
            let parts = record(json, resource)?;
            let flow = walk.sink.log(parts, walk.place);
            walk.go(flow, json)
        }),
        _ => json.skip(),
    })
}

fn record<'a>(json: &mut Json<'a>, resource: &Resource<'a>) -> Result<LogParts<'a>, JsonError> {
    let mut parts = LogParts {
        who: Some(resource.who.clone()),
        ..LogParts::default()
    };
    let mut observed = 0;
    let mut number = 0;
    let mut word = Cow::Borrowed("");
    json.object(|json, key| {
        match &*key {
            "timeUnixNano" | "time_unix_nano" => parts.time = Timestamp(json.int()?),
            "observedTimeUnixNano" | "observed_time_unix_nano" => observed = json.int()?,
            "severityNumber" | "severity_number" => number = severity_number(&json.text()?),
            "severityText" | "severity_text" => word = json.text()?,
            "body" => parts.body = value::any(json)?,
            "attributes" => value::attributes(json, &mut parts.attributes)?,
            "traceId" | "trace_id" => parts.trace_id = json.text()?,
            "spanId" | "span_id" => parts.span_id = json.text()?,
            "eventName" | "event_name" => {
                let name = json.text()?;
                if !name.is_empty() {
                    parts.attributes.push((Cow::Borrowed("event.name"), name));
                }
            }
            _ => json.skip()?,
        }
        Ok(())
    })?;
    finish(&mut parts, observed, (number, &word), resource);
    Ok(parts)
}

/// When, how bad, and which copy.
pub(crate) fn finish<'a>(
    parts: &mut LogParts<'a>,
    observed: i64,
    (number, word): (u8, &str),
    resource: &Resource<'a>,
) {
    if parts.time.0 == 0 {
        parts.time = Timestamp(observed);
    }
    parts.severity = graded(number).or_else(|| Severity::parse(word));
    parts.attributes.extend(resource.copy.iter().cloned());
}

/// `17`, or `SEVERITY_NUMBER_ERROR`.
fn severity_number(text: &str) -> u8 {
    if let Ok(number) = text.parse() {
        return number;
    }
    let word = text.strip_prefix("SEVERITY_NUMBER_").unwrap_or(text);
    match word.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "TRACE" => 1,
        "DEBUG" => 5,
        "INFO" => 9,
        "WARN" => 13,
        "ERROR" => 17,
        "FATAL" => 21,
        _ => 0,
    }
}

/// OpenTelemetry's ranges of four.
fn graded(number: u8) -> Option<Severity> {
    Some(match number {
        1..=4 => Severity::Trace,
        5..=8 => Severity::Debug,
        9..=12 => Severity::Info,
        13..=16 => Severity::Warn,
        17..=20 => Severity::Error,
        21..=24 => Severity::Fatal,
        _ => return None,
    })
}
