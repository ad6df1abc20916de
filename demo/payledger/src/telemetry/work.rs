//! One piece of work and its span, handed on from hop to hop by the W3C trace context headers.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator as _};
use opentelemetry::trace::{SpanBuilder, SpanKind, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue, SpanId, TraceId, Value};
use opentelemetry_sdk::propagation::TraceContextPropagator;

use super::Telemetry;

/// One piece of work of one entity. Its span ends when `end` is called or the last copy is dropped.
#[derive(Clone, Debug)]
pub struct Work {
    context: Context,
}

impl Work {
    /// Answering a request: continues the caller's trace.
    pub fn serving(telemetry: &Telemetry, name: String, headers: &HeaderMap) -> Self {
        let caller =
            TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers));
        Self::begin(telemetry, name, SpanKind::Server, &caller)
    }

    /// Asking somebody else, as part of this work.
    pub fn asking(&self, telemetry: &Telemetry, name: String) -> Self {
        Self::begin(telemetry, name, SpanKind::Client, &self.context)
    }

    /// Work that nobody asked for: begins a trace.
    pub fn own(telemetry: &Telemetry, name: String) -> Self {
        Self::begin(telemetry, name, SpanKind::Internal, &Context::new())
    }

    fn begin(telemetry: &Telemetry, name: String, kind: SpanKind, parent: &Context) -> Self {
        let builder = SpanBuilder::from_name(name).with_kind(kind);
        let span = telemetry.tracer().build_with_context(builder, parent);
        Self {
            context: parent.with_span(span),
        }
    }

    /// Notes something about it.
    pub fn set(&self, key: &'static str, value: impl Into<Value>) {
        self.context.span().set_attribute(KeyValue::new(key, value));
    }

    /// It failed.
    pub fn failed(&self, why: impl Into<String>) {
        self.context.span().set_status(Status::error(why.into()));
    }

    /// It is over.
    pub fn end(&self) {
        self.context.span().end();
    }

    /// Puts the trace context onto a request.
    pub fn hand_on(&self, headers: &mut HeaderMap) {
        TraceContextPropagator::new().inject_context(&self.context, &mut HeadersOut(headers));
    }

    /// Trace and span, if there are any.
    pub fn ids(&self) -> Option<(TraceId, SpanId)> {
        let span = self.context.span();
        let context = span.span_context();
        context
            .is_valid()
            .then(|| (context.trace_id(), context.span_id()))
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct HeadersOut<'a>(&'a mut HeaderMap);

impl Injector for HeadersOut<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}
