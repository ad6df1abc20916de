//! Export requests in protocol buffers (opentelemetry-proto 1.x), read into the same parts as OTLP/JSON is,
//! so that everything after the reading is one code.
//!
//! Field numbers are those of `opentelemetry/proto/{trace,logs,metrics,common,resource}/v1/*.proto`.
//! Unknown fields are passed over, as the specification wants it.

mod metrics;
pub(crate) mod values;
pub(crate) mod wire;

use std::borrow::Cow;

use model::Timestamp;
use model::ports::Signal;
use model::telemetry::SpanKind;

use crate::files::entities::Who;
use crate::files::otlp::points::Memory;
use crate::files::otlp::resource::{Resource, resource};
use crate::files::otlp::{Fields as Attributes, logs, spans};
use crate::files::rows::{LogParts, SpanParts};
use crate::files::stream::{Place, Sink};
use values::{any, attribute, hex};
use wire::{Fields, WireError};

/// Attributes that one row usually has, with those that tell copies apart: more are no trouble.
const USUAL: usize = 16;

/// A walk through one request.
struct Walk<'s> {
    sink: &'s mut dyn Sink,
    memory: &'s mut Memory,
}

/// Reads one export request into the sink.
pub(crate) fn read_request(
    signal: Signal,
    bytes: &[u8],
    memory: &mut Memory,
    sink: &mut dyn Sink,
) -> Result<(), WireError> {
    let mut walk = Walk { sink, memory };
    Fields::of(bytes).each(|number, field| match number {
        1 => one_resource(signal, field.bytes()?, &mut walk),
        _ => Ok(()),
    })
}

/// One `ResourceSpans`, `ResourceMetrics` or `ResourceLogs`: all three have the resource as field 1 and the
/// scopes as field 2, each with its rows as field 2.
fn one_resource(signal: Signal, bytes: &[u8], walk: &mut Walk<'_>) -> Result<(), WireError> {
    let mut fields = Attributes::new();
    // The resource may be written behind its scopes: it is looked for first.
    Fields::of(bytes).each(|number, field| match number {
        1 => Fields::of(field.bytes()?).each(|number, field| match number {
            1 => attribute(field.bytes()?, &mut fields),
            _ => Ok(()),
        }),
        _ => Ok(()),
    })?;
    let resource = resource(fields, walk.sink.directory());
    Fields::of(bytes).each(|number, field| {
        if number != 2 {
            return Ok(());
        }
        Fields::of(field.bytes()?).each(|number, field| match (number, signal) {
            (2, Signal::Traces) => span(field.bytes()?, &resource, walk),
            (2, Signal::Logs) => log(field.bytes()?, &resource, walk),
            (2, Signal::Metrics) => metrics::metric(field.bytes()?, &resource, walk),
            _ => Ok(()),
        })
    })
}

fn span<'a>(
    bytes: &'a [u8],
    resource: &Resource<'a>,
    walk: &mut Walk<'_>,
) -> Result<(), WireError> {
    let mut parts = SpanParts {
        who: Some(Who::Met(resource.id.clone())),
        attributes: Attributes::with_capacity(USUAL),
        ..SpanParts::default()
    };
    let mut thrown = String::new();
    Fields::of(bytes).each(|number, field| {
        match number {
            1 => parts.trace_id = hex(field.bytes()?),
            2 => parts.span_id = hex(field.bytes()?),
            4 => parts.parent_id = hex(field.bytes()?),
            5 => parts.name = field.text()?,
            6 => {
                parts.kind = match field.varint()? {
                    1 => SpanKind::Internal,
                    2 => SpanKind::Server,
                    3 => SpanKind::Client,
                    4 => SpanKind::Producer,
                    5 => SpanKind::Consumer,
                    _ => SpanKind::Unspecified,
                }
            }
            7 => parts.start = Timestamp(field.nanos()?),
            8 => parts.end = Timestamp(field.nanos()?),
            9 => attribute(field.bytes()?, &mut parts.attributes)?,
            11 if thrown.is_empty() => thrown = event(field.bytes()?)?,
            15 => Fields::of(field.bytes()?).each(|number, field| {
                match number {
                    2 => parts.message = field.text()?,
                    3 => parts.error = field.varint()? == 2,
                    _ => {}
                }
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    })?;
    spans::finish(&mut parts, thrown, resource);
    let _ = walk.sink.span(parts, Place::default());
    Ok(())
}

/// What an `exception` event says.
fn event(bytes: &[u8]) -> Result<String, WireError> {
    let mut name = Cow::Borrowed("");
    let mut fields = Attributes::new();
    Fields::of(bytes).each(|number, field| {
        match number {
            2 => name = field.text()?,
            3 => attribute(field.bytes()?, &mut fields)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(spans::exception_text(&name, &fields))
}

fn log<'a>(bytes: &'a [u8], resource: &Resource<'a>, walk: &mut Walk<'_>) -> Result<(), WireError> {
    let mut parts = LogParts {
        who: Some(Who::Met(resource.id.clone())),
        attributes: Attributes::with_capacity(USUAL),
        ..LogParts::default()
    };
    let mut observed = 0;
    let mut severity = 0;
    let mut word = Cow::Borrowed("");
    let mut event = Cow::Borrowed("");
    Fields::of(bytes).each(|number, field| {
        match number {
            1 => parts.time = Timestamp(field.nanos()?),
            2 => severity = u8::try_from(field.varint()?).unwrap_or(0),
            3 => word = field.text()?,
            5 => parts.body = any(field.bytes()?)?,
            6 => attribute(field.bytes()?, &mut parts.attributes)?,
            9 => parts.trace_id = hex(field.bytes()?),
            10 => parts.span_id = hex(field.bytes()?),
            11 => observed = field.nanos()?,
            12 => event = field.text()?,
            _ => {}
        }
        Ok(())
    })?;
    if !event.is_empty() {
        parts.attributes.push((Cow::Borrowed("event.name"), event));
    }
    logs::finish(&mut parts, observed, (severity, &word), resource);
    let _ = walk.sink.log(parts, Place::default());
    Ok(())
}
