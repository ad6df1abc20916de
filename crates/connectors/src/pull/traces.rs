//! Spans of answers in OTLP/JSON, as rows: read as pushed spans are (`docs/telemetry.md`), each once.
//!
//! What holds traces gives samples of them. Time is cut into slices of which each gives as many, so that what is usual
//! is seen beside what is new; [`slices`] gives them in an order such that wherever a budget ends, what was seen lies
//! evenly in time.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::case::OwnedSpan;
use model::ports::{Encoding, Signal};
use model::query::{Gap, GapReason};
use model::time::{MINUTE, SECOND, Span, TimeWindow, Timestamp};
use model::{SourceKind, Topology};
use serde_json::Value;

pub(crate) use super::slices::slices;

use super::{Missed, Source};
use crate::otlp::{Decoder, Limits};

/// Clocks of those who traced are not put right here: what they say was so when it was kept.
const ANY_TIME: Span = Span(100 * 365 * 24 * 60 * MINUTE);
/// Some servers search by whole seconds.
const ROUNDED: Span = Span(2 * SECOND);
/// Spans of one trace that tell how a request went; longer traces are cut.
const LONGEST_TRACE: usize = 20_000;

/// What a list of spans brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Traces that were not known.
    pub fresh: u64,
    /// Some span lies in the time that was asked for, or there is none at all.
    pub fits: bool,
}

/// Collects spans.
pub(crate) struct Spans {
    decoder: Decoder,
    file: Arc<str>,
    /// What the edges say of where they were seen.
    seen_in: String,
    hull: TimeWindow,
    seen: BTreeSet<(Box<str>, Box<str>)>,
    topology: Topology,
    /// The spans of the time that is looked at.
    pub spans: Vec<OwnedSpan>,
    /// Spans that lie outside of it.
    pub strays: u64,
    /// Spans that could not be read.
    pub unread: u64,
}

impl Spans {
    /// Of this source, in this time.
    pub fn new(name: &str, hull: TimeWindow) -> Self {
        let limits = Limits {
            ahead: ANY_TIME,
            behind: ANY_TIME,
            ..Limits::default()
        };
        Self {
            decoder: Decoder::new(limits),
            file: name.replace('.', "/").into(),
            seen_in: format!("traces of {name}"),
            hull,
            seen: BTreeSet::new(),
            topology: Topology::default(),
            spans: Vec::new(),
            strays: 0,
            unread: 0,
        }
    }

    /// Reads one list of resource spans: the value of `resourceSpans`, or of what older servers call `batches`, which was
    /// asked for this time.
    ///
    /// # Errors
    /// If it is something else.
    pub fn take(
        &mut self,
        mut list: Value,
        asked: TimeWindow,
        now: Timestamp,
    ) -> Result<Taken, Missed> {
        if !list.is_array() {
            return Err(Missed::Strange(
                "no list of resource spans was found".to_string(),
            ));
        }
        tidy(&mut list);
        let body = serde_json::json!({ "resourceSpans": list }).to_string();
        let (batch, taken) = self
            .decoder
            .decode(Signal::Traces, Encoding::Json, body.as_bytes(), now)
            .map_err(|error| Missed::Strange(error.to_string()))?;
        self.unread = self.unread.saturating_add(taken.rejected);
        let mut traces: BTreeSet<Box<str>> = BTreeSet::new();
        let known = |seen: &BTreeSet<(Box<str>, Box<str>)>, trace: &str| {
            let first = (Box::<str>::from(trace), Box::<str>::from(""));
            seen.range(first..)
                .next()
                .is_some_and(|(next, _)| &**next == trace)
        };
        let before = self.spans.len();
        let mut room = LONGEST_TRACE;
        let (mut any, mut fits) = (false, false);
        let wide = (asked.from().minus(ROUNDED).0, asked.to().plus(ROUNDED).0);
        let file = Arc::clone(&self.file);
        // It never breaks off, so there is nothing to be told by its end.
        let _ = batch.each_span(&file, 1, &mut |row| {
            if room == 0 {
                return ControlFlow::Break(());
            }
            room -= 1;
            any = true;
            fits |= row.start.0 < wide.1 && row.end.0 >= wide.0;
            if !self.hull.contains(row.start) {
                self.strays += 1;
                return ControlFlow::Continue(());
            }
            if !traces.contains(row.trace_id) && !known(&self.seen, row.trace_id) {
                traces.insert(row.trace_id.into());
            }
            self.spans.push(OwnedSpan::of(row));
            ControlFlow::Continue(())
        });
        // Searches by service bring a trace once for each of its services.
        let fresh = self.spans.split_off(before);
        for span in fresh {
            if self
                .seen
                .insert((span.trace_id.clone(), span.span_id.clone()))
            {
                self.spans.push(span);
            }
        }
        self.topology.join(batch.topology);
        Ok(Taken {
            fresh: traces.len() as u64,
            fits: fits || !any,
        })
    }

    /// That so many answers brought nothing of the time that was asked for.
    pub fn elsewhere(&self, source: &Source, answers: u64) -> Option<Gap> {
        let name = source.name();
        (answers > 0).then(|| {
            Gap::new(
                format!("the right traces of {name}"),
                GapReason::Connector,
                format!("{name}: {answers} answers brought only traces of another time than was asked for"),
                format!("see what answers at {}", source.address()),
            )
            .hiding([SourceKind::Traces])
        })
    }

    /// What could not be read, of what came from there.
    pub fn gap(&self, source: &Source) -> Option<Gap> {
        let detail = format!(
            "{}: {} spans could not be read, and were left out",
            source.name(),
            self.unread
        );
        let remedy = format!("see what writes to {}", source.address());
        (self.unread > 0)
            .then(|| Gap::new("the right traces", GapReason::Connector, detail, remedy))
    }

    /// The spans in the order of time, numbered, and who calls whom by them.
    pub fn finish(mut self) -> (Vec<OwnedSpan>, Topology) {
        self.spans.sort_by(|a, b| {
            (a.start, &a.trace_id, &a.span_id).cmp(&(b.start, &b.trace_id, &b.span_id))
        });
        for (i, span) in self.spans.iter_mut().enumerate() {
            span.line = i as u64 + 1;
        }
        self.topology.normalise();
        self.topology.add_calls(&self.spans, &self.seen_in);
        (self.spans, self.topology)
    }
}

/// Some servers write ids in base64, as the JSON mapping of protocol buffers has it, and not in hexadecimal, as OTLP does.
fn tidy(list: &mut Value) {
    for resource in list.as_array_mut().into_iter().flatten() {
        // Named so before version 1 of the protocol.
        if let Some(old) = resource
            .get_mut("instrumentationLibrarySpans")
            .map(Value::take)
        {
            resource["scopeSpans"] = old;
        }
        for scope in elements(resource, "scopeSpans") {
            for span in elements(scope, "spans") {
                for (name, bytes) in [("traceId", 16), ("spanId", 8), ("parentSpanId", 8)] {
                    if let Some(Value::String(id)) = span.get_mut(name)
                        && let Cow::Owned(plain) = hexadecimal(id, bytes)
                    {
                        *id = plain;
                    }
                }
            }
        }
    }
}

/// The elements of a list inside; none if it is no list.
fn elements<'v>(value: &'v mut Value, name: &str) -> impl Iterator<Item = &'v mut Value> {
    let list = value.get_mut(name).and_then(Value::as_array_mut);
    list.into_iter().flatten()
}

/// An id of so many bytes in lower-case hexadecimal; what is neither that nor base64 stays as it is.
fn hexadecimal(id: &str, bytes: usize) -> Cow<'_, str> {
    if id.len() == bytes * 2 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return if id.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(id.to_ascii_lowercase())
        } else {
            Cow::Borrowed(id)
        };
    }
    match STANDARD.decode(id) {
        Ok(raw) if raw.len() == bytes => {
            Cow::Owned(raw.iter().map(|byte| format!("{byte:02x}")).collect())
        }
        _ => Cow::Borrowed(id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_hexadecimal_whichever_way_they_come() {
        for (given, bytes, wanted) in [
            ("00f067aa0ba902b7", 8, "00f067aa0ba902b7"),
            ("00F067AA0BA902B7", 8, "00f067aa0ba902b7"),
            ("APBnqgupArc=", 8, "00f067aa0ba902b7"),
            (
                "S/kvNXezTaajzpKdDg5HNg==",
                16,
                "4bf92f3577b34da6a3ce929d0e0e4736",
            ),
            ("", 8, ""),
            ("no id", 8, "no id"),
        ] {
            assert_eq!(hexadecimal(given, bytes), wanted);
        }
    }

    #[test]
    fn what_is_no_span_is_counted_and_ends_nothing() {
        let hull = TimeWindow::new(Timestamp(0), Timestamp(1_000)).unwrap();
        let mut spans = Spans::new("tempo.a", hull);
        let span = |id: &str, start: u64| {
            serde_json::json!({
                "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": id, "name": "GET /",
                "kind": "SPAN_KIND_SERVER", "startTimeUnixNano": start.to_string(),
                "endTimeUnixNano": (start + 5).to_string(), "status": {"code": "STATUS_CODE_ERROR"},
            })
        };
        let list = serde_json::json!([
            {"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "cart"}}]},
             "scopeSpans": [{"spans": [span("APBnqgupArc=", 10), span("", 20), span("00f067aa0ba902b8", 5_000)]}]},
            7, {"scopeSpans": null},
        ]);
        // What is no resource at all may cost the rest of its answer, and nothing else.
        let _ = spans.take(list.clone(), hull, Timestamp(2_000));
        let only = serde_json::json!([list[0]]);
        assert!(
            spans
                .take(only.clone(), hull, Timestamp(2_000))
                .is_ok_and(|taken| taken.fresh <= 1 && taken.fits)
        );
        assert!(
            spans
                .take(only.clone(), hull, Timestamp(2_000))
                .is_ok_and(|taken| taken.fresh == 0)
        );
        for bad in [serde_json::json!({}), Value::Null, serde_json::json!("x")] {
            assert!(spans.take(bad, hull, Timestamp(2_000)).is_err());
        }
        // What lies in another hour than was asked for is told apart.
        let hour = 3_600 * SECOND;
        let later = TimeWindow::new(Timestamp(hour), Timestamp(2 * hour)).unwrap();
        let taken = spans.take(only, later, Timestamp(2 * hour)).unwrap();
        assert!(!taken.fits);
        let none = spans.take(serde_json::json!([]), later, Timestamp(2 * hour));
        assert!(none.unwrap().fits);
        assert!(spans.strays >= 1 && spans.unread >= 1);
        let (rows, topology) = spans.finish();
        assert_eq!(rows.len(), 1);
        let row = &rows[0];
        assert_eq!(
            (&*row.span_id, row.error, row.line),
            ("00f067aa0ba902b7", true, 1)
        );
        assert_eq!(row.entity.as_str(), "service/cart");
        assert!(
            topology
                .entities
                .iter()
                .any(|e| e.id.as_str() == "service/cart")
        );
    }
}
