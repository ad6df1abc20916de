//! OTLP/HTTP: three paths, in protobuf or JSON, packed with gzip or not.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use model::ports::{Encoding, NotTaken, Signal};
use model::time::{SECOND, Span};
use tokio::net::TcpListener;
use tower_http::decompression::RequestDecompressionLayer;

use super::answer;
use super::gate::{Gate, Place};

/// gRPC's numbers, which `google.rpc.Status` uses over HTTP too.
const INVALID_ARGUMENT: i32 = 3;
const RESOURCE_EXHAUSTED: i32 = 8;
const UNIMPLEMENTED: i32 = 12;
const UNAVAILABLE: i32 = 14;
const DEADLINE_EXCEEDED: i32 = 4;

/// Listens until `stopped` is done.
pub(super) async fn serve(
    listener: TcpListener,
    gate: Arc<Gate>,
    stopped: impl Future<Output = ()> + Send + 'static,
) {
    let served = axum::serve(listener, router(gate))
        .with_graceful_shutdown(stopped)
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "OTLP/HTTP has stopped");
    }
}

/// The three paths.
pub(super) fn router(gate: Arc<Gate>) -> Router {
    let of = |signal| {
        axum::routing::any(move |State(gate): State<Arc<Gate>>, request: Request| {
            export(gate, signal, request)
        })
    };
    Router::new()
        .route("/v1/traces", of(Signal::Traces))
        .route("/v1/metrics", of(Signal::Metrics))
        .route("/v1/logs", of(Signal::Logs))
        .with_state(gate)
        .layer(RequestDecompressionLayer::new())
}

/// What the `Content-Type` says; parameters such as a charset do not matter.
fn encoding(request: &Request) -> Option<Encoding> {
    let said = request.headers().get(CONTENT_TYPE)?.to_str().ok()?;
    let kind = said.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/x-protobuf") {
        Some(Encoding::Protobuf)
    } else if kind.eq_ignore_ascii_case("application/json") {
        Some(Encoding::Json)
    } else {
        None
    }
}

async fn export(gate: Arc<Gate>, signal: Signal, request: Request) -> Response {
    if request.method() != Method::POST {
        let mut response = told(
            Encoding::Json,
            StatusCode::METHOD_NOT_ALLOWED,
            UNIMPLEMENTED,
            "telemetry is sent with POST",
            None,
        );
        response
            .headers_mut()
            .insert(ALLOW, axum::http::HeaderValue::from_static("POST"));
        return response;
    }
    let Some(encoding) = encoding(&request) else {
        return told(
            Encoding::Json,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            INVALID_ARGUMENT,
            "expected Content-Type application/x-protobuf or application/json",
            None,
        );
    };
    let refused = |why| refused(encoding, why);
    let mut place = match gate.enter() {
        Ok(place) => place,
        Err(why) => return refused(why),
    };
    let reading = read(&gate, &mut place, request.into_body());
    let body = match tokio::time::timeout(gate.limits.read_timeout, reading).await {
        Ok(Ok(body)) => body,
        Ok(Err(Unread::Busy)) => return refused(gate.busy()),
        Ok(Err(Unread::TooLarge)) => {
            gate.too_large();
            let most = gate.limits.body_bytes;
            return told(
                encoding,
                StatusCode::PAYLOAD_TOO_LARGE,
                RESOURCE_EXHAUSTED,
                &format!("more than {most} bytes, unpacked; send smaller batches"),
                None,
            );
        }
        Ok(Err(Unread::Broken(why))) => {
            gate.malformed();
            return refused(NotTaken::Malformed(format!(
                "the body could not be read: {why}"
            )));
        }
        Err(_) => {
            gate.malformed();
            return told(
                encoding,
                StatusCode::REQUEST_TIMEOUT,
                DEADLINE_EXCEEDED,
                "the body did not arrive in time",
                None,
            );
        }
    };
    match gate.take(place, signal, encoding, body).await {
        Ok(taken) => {
            let body = match encoding {
                Encoding::Protobuf => Body::from(answer::bytes(&answer::taken(&taken))),
                Encoding::Json => Body::from(answer::taken_json(signal, &taken)),
            };
            ([(CONTENT_TYPE, kind(encoding))], body).into_response()
        }
        Err(why) => refused(why),
    }
}

/// Why a body was not read to its end.
enum Unread {
    Busy,
    TooLarge,
    Broken(String),
}

/// The body, unpacked, as long as there is room for it.
async fn read(gate: &Gate, place: &mut Place, body: Body) -> Result<Bytes, Unread> {
    let most = gate.limits.body_bytes;
    let mut body = std::pin::pin!(body);
    let mut first = Bytes::new();
    let mut whole: Vec<u8> = Vec::new();
    while let Some(frame) = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let frame = frame.map_err(|error| Unread::Broken(error.to_string()))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let length = first.len() + whole.len() + data.len();
        if length > most {
            return Err(Unread::TooLarge);
        }
        if !gate.reserve(place, length) {
            return Err(Unread::Busy);
        }
        // Most bodies come in one piece, which is not copied.
        if first.is_empty() && whole.is_empty() {
            first = data;
            continue;
        }
        if whole.is_empty() {
            whole.reserve(length);
            whole.extend_from_slice(&std::mem::take(&mut first));
        }
        whole.extend_from_slice(&data);
    }
    Ok(if whole.is_empty() {
        first
    } else {
        whole.into()
    })
}

fn kind(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Protobuf => "application/x-protobuf",
        Encoding::Json => "application/json",
    }
}

/// Why nothing was taken, and whether to come again.
fn refused(encoding: Encoding, why: NotTaken) -> Response {
    let (status, code, retry) = match &why {
        NotTaken::Malformed(_) => (StatusCode::BAD_REQUEST, INVALID_ARGUMENT, None),
        NotTaken::Busy { retry_after } => (
            StatusCode::SERVICE_UNAVAILABLE,
            UNAVAILABLE,
            Some(*retry_after),
        ),
    };
    told(encoding, status, code, &why.to_string(), retry)
}

/// An error with a `google.rpc.Status` as its body.
fn told(
    encoding: Encoding,
    status: StatusCode,
    code: i32,
    message: &str,
    retry: Option<Span>,
) -> Response {
    let body = match encoding {
        Encoding::Protobuf => Body::from(answer::bytes(&answer::status(code, message, retry))),
        Encoding::Json => {
            Body::from(serde_json::json!({"code": code, "message": message}).to_string())
        }
    };
    let mut response = (status, [(CONTENT_TYPE, kind(encoding))], body).into_response();
    if let Some(retry) = retry {
        // Whole seconds, rounded up: none would mean at once.
        let seconds = (retry.0.max(1) as u64).div_ceil(SECOND as u64);
        if let Ok(value) = seconds.to_string().parse() {
            response.headers_mut().insert(RETRY_AFTER, value);
        }
    }
    response
}
