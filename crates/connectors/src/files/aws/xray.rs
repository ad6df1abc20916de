//! `xray batch-get-traces`: segments and their subsegments as spans.

use std::borrow::Cow;

use model::telemetry::SpanKind;
use model::{EntityKind, Timestamp};
use serde_json::Value;

use crate::files::documents::typed;
use crate::files::entities::Who;
use crate::files::error::FilesError;
use crate::files::gathered::{moment_at, text_at, values};
use crate::files::rows::SpanParts;
use crate::files::source::DataFile;
use crate::files::stream::{Place, Sink};

/// Subsegments within one another.
const DEPTH: usize = 100;

/// Reads traces.
pub(super) fn read(file: &DataFile, text: &str, sink: &mut dyn Sink) -> Result<(), FilesError> {
    values(file, text, "Traces", |trace, raw| {
        let id = text_at(&trace, &["Id"]);
        for segment in trace["Segments"].as_array().into_iter().flatten() {
            let document: Value = typed(file, text_at(segment, &["Document"]), raw.line)?;
            let mut walk = Walk {
                trace: id,
                who: whose(&document),
                place: Place {
                    offset: 0,
                    line: raw.line,
                },
                sink,
            };
            walk.segment(&document, "", 0)?;
        }
        Ok(())
    })
}

fn whose(segment: &Value) -> Who<'static> {
    let name = text_at(segment, &["name"]).to_string();
    Who::Named(kind(text_at(segment, &["origin"])), Cow::Owned(name))
}

/// What sort of thing an origin of a segment, or a type of a service graph, names.
pub(crate) fn kind(origin: &str) -> EntityKind {
    match origin {
        origin if origin.starts_with("AWS::Lambda") => EntityKind::Function,
        origin if origin.starts_with("AWS::DynamoDB") => EntityKind::Table,
        origin if origin.starts_with("AWS::RDS") => EntityKind::Database,
        origin if origin.starts_with("AWS::ApiGateway") => EntityKind::Gateway,
        origin if origin.starts_with("AWS::SQS") || origin.starts_with("AWS::SNS") => {
            EntityKind::Queue
        }
        _ => EntityKind::Service,
    }
}

struct Walk<'w, 's> {
    trace: &'w str,
    who: Who<'static>,
    place: Place,
    sink: &'s mut dyn Sink,
}

impl Walk<'_, '_> {
    fn segment(&mut self, segment: &Value, parent: &str, depth: usize) -> Result<(), FilesError> {
        let id = text_at(segment, &["id"]);
        if let Some(start) = moment_at(segment, &["start_time"]) {
            let parts = self.span(segment, id, parent, start, depth);
            let _ = self.sink.span(parts, self.place)?;
        }
        if depth < DEPTH {
            for inner in segment["subsegments"].as_array().into_iter().flatten() {
                self.segment(inner, id, depth + 1)?;
            }
        }
        Ok(())
    }

    fn span<'a>(
        &self,
        segment: &'a Value,
        id: &'a str,
        parent: &'a str,
        start: Timestamp,
        depth: usize,
    ) -> SpanParts<'a>
    where
        Self: 'a,
    {
        let flag = |name: &str| segment[name].as_bool() == Some(true);
        let remote = !text_at(segment, &["namespace"]).is_empty();
        let name = text_at(segment, &["name"]);
        let mut parts = SpanParts {
            trace_id: Cow::Owned(self.trace.to_string()),
            span_id: Cow::Borrowed(id),
            parent_id: Cow::Borrowed(if parent.is_empty() {
                text_at(segment, &["parent_id"])
            } else {
                parent
            }),
            who: Some(self.who.clone()),
            kind: match (depth, remote) {
                (0, _) => SpanKind::Server,
                (_, true) => SpanKind::Client,
                _ => SpanKind::Internal,
            },
            start,
            // A segment in progress has no end yet.
            end: moment_at(segment, &["end_time"]).unwrap_or(start),
            // A fault is the server's (5xx), an error the client's (4xx), a throttle a 429.
            error: flag("fault") || flag("error") || flag("throttle"),
            message: Cow::Owned(message(segment)),
            peer: Cow::Borrowed(if remote && depth > 0 { name } else { "" }),
            ..SpanParts::default()
        };
        let method = text_at(segment, &["http", "request", "method"]);
        let url = text_at(segment, &["http", "request", "url"]);
        let operation = text_at(segment, &["aws", "operation"]);
        parts.name = if !operation.is_empty() {
            Cow::Owned(format!("{name} {operation}"))
        } else if method.is_empty() {
            Cow::Borrowed(name)
        } else {
            Cow::Owned(format!("{method} {}", path_of(url)))
        };
        for (name, path) in [
            ("aws.table_name", &["aws", "table_name"][..]),
            ("aws.queue_url", &["aws", "queue_url"]),
            ("aws.function_name", &["aws", "function_name"]),
            ("url.full", &["http", "request", "url"]),
        ] {
            let value = text_at(segment, path);
            if !value.is_empty() {
                parts
                    .attributes
                    .push((Cow::Borrowed(name), Cow::Borrowed(value)));
            }
        }
        for kind in ["fault", "error", "throttle"] {
            if flag(kind) {
                let name = Cow::Owned(format!("xray.{kind}"));
                parts.attributes.push((name, Cow::Borrowed("true")));
            }
        }
        if let Some(status) = segment.pointer("/http/response/status") {
            let name = Cow::Borrowed("http.response.status_code");
            parts
                .attributes
                .push((name, Cow::Owned(status.to_string())));
        }
        for (name, value) in segment["annotations"].as_object().into_iter().flatten() {
            let value = match value {
                Value::String(text) => Cow::Borrowed(text.as_str()),
                other => Cow::Owned(other.to_string()),
            };
            parts.attributes.push((Cow::Borrowed(name), value));
        }
        parts
    }
}

fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find('/').map_or("/", |at| &rest[at..]);
    path.split(['?', '#']).next().unwrap_or(path)
}

/// The first exception.
fn message(segment: &Value) -> String {
    let Some(first) = segment.pointer("/cause/exceptions/0") else {
        return String::new();
    };
    match (text_at(first, &["type"]), text_at(first, &["message"])) {
        ("", message) => message.to_string(),
        (kind, "") => kind.to_string(),
        (kind, message) => format!("{kind}: {message}"),
    }
}
