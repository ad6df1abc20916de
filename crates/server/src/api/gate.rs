//! The gate that every request and every answer passes: its id, under which name it is asked, the log, the numbers, and
//! the headers that all answers have.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, HOST, STRICT_TRANSPORT_SECURITY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response};
use axum::middleware::Next;
use tracing::Instrument as _;

use super::problem::{Code, Problem};
use super::{Api, listen, page};

/// A request's id, in its extensions.
#[derive(Clone, Debug)]
pub struct RequestId(String);

/// The header that carries it, both ways.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request, by its extensions; empty before the gate.
pub fn id_of(extensions: &axum::http::Extensions) -> &str {
    extensions
        .get::<RequestId>()
        .map_or("", |RequestId(id)| id.as_str())
}

/// The id that the client gave, if it can stand in a header and a log; else one of ours.
fn named(api: &Api, headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let honest = |id: &&str| {
        (1..=64).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    given.filter(honest).map_or_else(
        || {
            let count = api.counted.fetch_add(1, Ordering::Relaxed);
            format!("{}-{count}", api.seed)
        },
        str::to_string,
    )
}

/// May it be asked under that name? A page of another site that has its name point here sends its own: this keeps
/// it out (DNS rebinding).
fn host_is_ours(api: &Api, headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()) else {
        return false;
    };
    // [::1]:80, name:80, name
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split(':').next().unwrap_or_default(),
    };
    ["localhost", "127.0.0.1", "::1"]
        .into_iter()
        .chain(api.hosts.iter().map(String::as_str))
        .any(|own| own.eq_ignore_ascii_case(name))
}

/// Is a browser to ask by TLS alone from now on (RFC 6797)? Not `localhost`: that is every program of the machine.
fn strict_transport(api: &Api, request: &Request) -> bool {
    let by_tls = request.extensions().get::<listen::ByTls>() == Some(&listen::ByTls(true));
    let header = |name: HeaderName| request.headers().get(name).map(HeaderValue::as_bytes);
    let proxied =
        api.behind_proxy && header(HeaderName::from_static("x-forwarded-proto")) == Some(b"https");
    let local = header(HOST).is_none_or(|host| host.starts_with(b"localhost"));
    (by_tls || proxied) && !local
}

/// What every request and every answer passes.
pub async fn pass(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Response<Body> {
    let begun = Instant::now();
    let id = named(&api, request.headers());
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = match request.method().as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known,
        _ => "other",
    }
    .to_string();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".to_string(), |path| path.as_str().to_string());
    let span = tracing::info_span!(
        target: crate::SPANS,
        "request",
        request = id,
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        http.request.method = method,
        http.route = route,
        http.response.status_code = tracing::field::Empty,
        space = tracing::field::Empty,
    );
    let strict = strict_transport(&api, &request);
    let mut response = if host_is_ours(&api, request.headers()) {
        next.run(request).instrument(span.clone()).await
    } else {
        Problem::new(
            Code::Misdirected,
            "the `Host` of this request is none of this server's names",
        )
        .response(&id)
    };
    let took = begun.elapsed();
    let status = response.status().as_u16();
    span.record("http.response.status_code", status);
    tracing::info!(
        request = id,
        method,
        route,
        status,
        ms = took.as_millis(),
        "answered"
    );
    api.metrics.answered(&route, &method, status, took);
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    let fixed = [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    if strict {
        headers.insert(
            STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
    headers
        .entry("content-security-policy")
        .or_insert(HeaderValue::from_static(page::POLICY));
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}
