//! `logs filter-log-events`, `get-log-events` and `get-query-results`.

use std::borrow::Cow;

use model::Timestamp;
use serde_json::Value;

use super::names;
use crate::files::entities::Who;
use crate::files::error::FilesError;
use crate::files::gathered::{text_at, under};
use crate::files::json::Json;
use crate::files::moment::moment;
use crate::files::rows::LogParts;
use crate::files::source::DataFile;
use crate::files::stream::{ON, Place, Sink};
use crate::files::text::{by_file, severity};

/// Whom the whole answer is about: its log group where it names one, else its file's name.
fn whose(file: &DataFile, text: &str) -> Who<'static> {
    let mut group = String::new();
    let _ = Json::new(text).object(|json, key| {
        if matches!(&*key, "logGroupName" | "logGroupIdentifier") {
            group = json.text()?.into_owned();
            return Ok(());
        }
        json.skip()
    });
    if group.is_empty() {
        by_file(file)
    } else {
        names::log_group(&group)
    }
}

/// Reads log events.
pub(super) fn events(file: &DataFile, text: &str, sink: &mut dyn Sink) -> Result<(), FilesError> {
    let who = whose(file, text);
    under(file, text, "events", |element, line| {
        let mut json = Json::new(element);
        let mut parts = LogParts {
            who: Some(who.clone()),
            ..LogParts::default()
        };
        let mut time = None;
        json.object(|json, key| {
            match &*key {
                "timestamp" => time = Some(json.int()?),
                "message" => parts.body = json.text()?,
                "logStreamName" => parts
                    .attributes
                    .push((Cow::Borrowed("log_stream"), json.text()?)),
                "logGroupName" => parts.who = Some(names::log_group(&json.text()?)),
                _ => json.skip()?,
            }
            Ok(())
        })
        .map_err(|e| file.json(element, line, &e))?;
        let Some(ms) = time else {
            return Err(file.syntax(line, "a log event without a timestamp", "a `timestamp`"));
        };
        parts.time = Timestamp(ms.saturating_mul(1_000_000));
        trim(&mut parts.body);
        parts.severity = severity(&parts.body);
        sink.log(parts, Place { offset: 0, line })
    })
}

/// Lambda ends its lines with a line feed.
fn trim(body: &mut Cow<'_, str>) {
    let whole = body.trim_end_matches(['\n', '\r']).len();
    match body {
        Cow::Borrowed(text) => *text = &text[..whole],
        Cow::Owned(text) => text.truncate(whole),
    }
}

/// Reads the rows of a Logs Insights query.
pub(super) fn results(file: &DataFile, text: &str, sink: &mut dyn Sink) -> Result<(), FilesError> {
    let who = whose(file, text);
    under(file, text, "results", |element, line| {
        let row: Value = crate::files::documents::typed(file, element, line)?;
        let mut parts = LogParts {
            who: Some(who.clone()),
            ..LogParts::default()
        };
        let mut time = None;
        for cell in row.as_array().into_iter().flatten() {
            let value = text_at(cell, &["value"]);
            match text_at(cell, &["field"]) {
                "@timestamp" => time = moment(value.as_bytes()),
                "@message" => parts.body = Cow::Owned(value.to_string()),
                "@log" => parts.who = Some(names::log_group(value)),
                "@ptr" => {}
                name => parts
                    .attributes
                    .push((Cow::Owned(name.to_string()), Cow::Owned(value.to_string()))),
            }
        }
        // The rows of an aggregation are no log lines.
        let Some(at) = time else {
            return ON;
        };
        parts.time = at;
        trim(&mut parts.body);
        parts.severity = severity(&parts.body);
        sink.log(parts, Place { offset: 0, line })
    })
}
