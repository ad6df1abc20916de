//! Spans.

use std::borrow::Cow;

use model::Timestamp;

use super::{Fields, Resource, Walk, value};
use crate::files::json::{Json, JsonError};
use crate::files::rows::{SpanParts, span_kind};

/// Attributes that name the other end, the most telling first (semantic conventions, old and new).
pub(crate) const PEERS: [&str; 11] = [
    "peer.service",
    "service.peer.name",
    "server.address",
    "net.peer.name",
    "rpc.service",
    "messaging.destination.name",
    "messaging.destination",
    "db.namespace",
    "db.name",
    "db.system.name",
    "db.system",
];

/// Reads one `scopeSpans`.
pub(super) fn scope<'a>(
    json: &mut Json<'a>,
    resource: &Resource<'a>,
    walk: &mut Walk<'_>,
) -> Result<(), JsonError> {
    json.object(|json, key| match &*key {
        "spans" => json.array_or_null(|json| {
            let parts = span(json, resource)?;
            let flow = walk.sink.span(parts, walk.place);
            walk.go(flow, json)
        }),
        _ => json.skip(),
    })
}

fn span<'a>(json: &mut Json<'a>, resource: &Resource<'a>) -> Result<SpanParts<'a>, JsonError> {
    let mut parts = SpanParts {
        who: Some(resource.who.clone()),
        ..SpanParts::default()
    };
    let mut thrown = String::new();
    json.object(|json, key| {
        match &*key {
            "traceId" | "trace_id" => parts.trace_id = json.text()?,
            "spanId" | "span_id" => parts.span_id = json.text()?,
            "parentSpanId" | "parent_span_id" => parts.parent_id = json.text()?,
            "name" => parts.name = json.text()?,
            "kind" => parts.kind = span_kind(&json.text()?),
            "startTimeUnixNano" | "start_time_unix_nano" => parts.start = Timestamp(json.int()?),
            "endTimeUnixNano" | "end_time_unix_nano" => parts.end = Timestamp(json.int()?),
            "attributes" => value::attributes(json, &mut parts.attributes)?,
            "events" => json.array_or_null(|json| exception(json, &mut thrown))?,
            "status" => json.object_or_null(|json, key| {
                match &*key {
                    "code" => {
                        parts.error = matches!(&*json.text()?, "2" | "STATUS_CODE_ERROR" | "ERROR");
                    }
                    "message" => parts.message = json.text()?,
                    _ => json.skip()?,
                }
                Ok(())
            })?,
            _ => json.skip()?,
        }
        Ok(())
    })?;
    finish(&mut parts, thrown, resource);
    Ok(parts)
}

/// What a span's own words say of its failure and its other end, and which copy it came from.
pub(crate) fn finish<'a>(parts: &mut SpanParts<'a>, thrown: String, resource: &Resource<'a>) {
    if parts.message.is_empty() && !thrown.is_empty() {
        parts.message = Cow::Owned(thrown);
    }
    let peer = PEERS.iter().find_map(|name| {
        parts
            .attributes
            .iter()
            .find(|(known, value)| known == name && !value.is_empty())
    });
    if let Some((_, peer)) = peer {
        parts.peer = peer.clone();
    }
    parts.attributes.extend(resource.copy.iter().cloned());
}

/// What an `exception` event says; the first one stands.
fn exception(json: &mut Json<'_>, thrown: &mut String) -> Result<(), JsonError> {
    let mut name = Cow::Borrowed("");
    let mut fields = Fields::new();
    json.object(|json, key| {
        match &*key {
            "name" => name = json.text()?,
            "attributes" => value::attributes(json, &mut fields)?,
            _ => json.skip()?,
        }
        Ok(())
    })?;
    if thrown.is_empty() {
        *thrown = exception_text(&name, &fields);
    }
    Ok(())
}

/// `type: message` of an event, if it tells of an exception; else empty.
pub(crate) fn exception_text(name: &str, fields: &Fields<'_>) -> String {
    if name != "exception" {
        return String::new();
    }
    let get = |wanted: &str| {
        fields
            .iter()
            .find(|(known, _)| known == wanted)
            .map(|(_, v)| &**v)
    };
    let parts = [get("exception.type"), get("exception.message")];
    parts.into_iter().flatten().collect::<Vec<_>>().join(": ")
}
