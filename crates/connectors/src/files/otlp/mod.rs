//! OTLP/JSON as the OpenTelemetry Collector's file exporter writes it: one export request per line,
//! each with resource metrics, logs or spans (opentelemetry-proto 1.x, JSON mapping: 64-bit numbers as
//! strings, ids in hexadecimal; the proto's own snake_case names are understood too).

pub(crate) mod logs;
mod metrics;
pub(crate) mod points;
pub(crate) mod quantile;
pub(crate) mod resource;
pub(crate) mod spans;
mod value;

use std::borrow::Cow;
use std::ops::ControlFlow;

use super::error::FilesError;
use super::json::{Json, JsonError};
use super::limits::Limits;
use super::source::{DataFile, Lines};
use super::stream::{Flow, Part, Place, Sink, elements, text};
use points::Memory;
use resource::Resource;

/// Names and values of attributes.
pub(crate) type Fields<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// The first keys of an export request.
pub(crate) const ROOTS: [&str; 6] = [
    "resourceMetrics",
    "resource_metrics",
    "resourceLogs",
    "resource_logs",
    "resourceSpans",
    "resource_spans",
];

/// Reads a part of a file of export requests.
pub(crate) fn read(
    file: &DataFile,
    part: Part,
    limits: &Limits,
    sink: &mut dyn Sink,
) -> Result<(), FilesError> {
    let mut memory = Memory::default();
    let mut lines = Lines::at(
        file,
        part.from.offset,
        part.from.line,
        limits.request_bytes,
        limits,
    )?;
    while let Some(line) = lines.next()? {
        if line.offset >= part.to {
            break;
        }
        if line.bytes.trim_ascii().is_empty() {
            continue;
        }
        let place = Place {
            offset: line.offset,
            line: line.number,
        };
        let text = text(file, &line)?;
        if request(file, text, place, &mut memory, sink)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// Reads a file whose requests run over several lines.
pub(crate) fn read_document(
    file: &DataFile,
    limits: &Limits,
    sink: &mut dyn Sink,
) -> Result<(), FilesError> {
    let mut memory = Memory::default();
    let document = file.document(limits)?;
    elements(file, &document, |text, line| {
        request(file, text, Place { offset: 0, line }, &mut memory, sink)
    })
}

/// A walk through one request.
pub(crate) struct Walk<'s> {
    place: Place,
    sink: &'s mut dyn Sink,
    memory: &'s mut Memory,
    /// Why the walk was cut short, when it was not the JSON's fault.
    stopped: Option<Flow>,
}

impl Walk<'_> {
    /// Goes on, or notes why not and stops the parser.
    fn go(&mut self, flow: Flow, json: &Json<'_>) -> Result<(), JsonError> {
        if let Ok(ControlFlow::Continue(())) = flow {
            return Ok(());
        }
        self.stopped = Some(flow);
        json.error("nothing: the reader stopped")
    }
}

fn request(
    file: &DataFile,
    text: &str,
    place: Place,
    memory: &mut Memory,
    sink: &mut dyn Sink,
) -> Flow {
    match read_request(text, place, memory, sink) {
        (Some(flow), _) => flow,
        (None, Ok(())) => Ok(ControlFlow::Continue(())),
        (None, Err(error)) => Err(file.json(text, place.line, &error)),
    }
}

/// Reads one request; why the sink stopped it, if it did, and what the JSON was like up to there.
pub(crate) fn read_request(
    text: &str,
    place: Place,
    memory: &mut Memory,
    sink: &mut dyn Sink,
) -> (Option<Flow>, Result<(), JsonError>) {
    let mut walk = Walk {
        place,
        sink,
        memory,
        stopped: None,
    };
    let mut json = Json::new(text);
    let result = json
        .object(|json, key| match &*key {
            "resourceMetrics" | "resource_metrics" if walk.sink.wants_points() => {
                json.array_or_null(|json| resource::each(json, &mut walk, metrics::scope))
            }
            "resourceLogs" | "resource_logs" if walk.sink.wants_logs() => {
                json.array_or_null(|json| resource::each(json, &mut walk, logs::scope))
            }
            "resourceSpans" | "resource_spans" if walk.sink.wants_spans() => {
                json.array_or_null(|json| resource::each(json, &mut walk, spans::scope))
            }
            _ => json.skip(),
        })
        .and_then(|()| json.end());
    (walk.stopped, result)
}
