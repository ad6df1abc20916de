//! OTLP/gRPC: three services of one method each. Messages pass through as bytes; what they hold is read by
//! the inlet.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use model::ports::{Encoding, NotTaken, Signal};
use prost::bytes::{Buf, BufMut, Bytes};
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::{Service, http};
use tonic::server::{Grpc, UnaryService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status};

use super::answer;
use super::gate::{Gate, Place};

/// Listens until `stopped` is done.
pub(super) async fn serve(
    listener: TcpListener,
    gate: Arc<Gate>,
    stopped: impl Future<Output = ()>,
) {
    let limits = gate.limits;
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let served = Server::builder()
        .timeout(limits.read_timeout.saturating_mul(2))
        .max_concurrent_streams(u32::try_from(limits.requests_in_flight).unwrap_or(u32::MAX))
        .http2_keepalive_interval(Some(std::time::Duration::from_secs(60)))
        .serve_with_incoming_shutdown(Export { gate }, incoming, stopped)
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "OTLP/gRPC has stopped");
    }
}

/// The method's path, as `opentelemetry/proto/collector/*/v1/*_service.proto` names it.
fn signal(path: &str) -> Option<Signal> {
    Some(match path {
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => Signal::Traces,
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => Signal::Metrics,
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export" => Signal::Logs,
        _ => return None,
    })
}

#[derive(Clone)]
struct Export {
    gate: Arc<Gate>,
}

type Answering<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

impl Service<http::Request<Body>> for Export {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answering<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let gate = Arc::clone(&self.gate);
        Box::pin(async move {
            if let Some(status) = no_grpc(&request) {
                let mut response = http::Response::new(Body::empty());
                *response.status_mut() = status;
                return Ok(response);
            }
            let Some(signal) = signal(request.uri().path()) else {
                let none =
                    Status::unimplemented("only the Export methods of OTLP's three services");
                return Ok(none.into_http());
            };
            // A message is unpacked whole before it is seen: room for the largest is taken first.
            let most = gate.limits.message_bytes;
            let mut place = match gate.enter() {
                Ok(place) => place,
                Err(why) => return Ok(refused(why).into_http()),
            };
            if !gate.reserve(&mut place, most) {
                return Ok(refused(gate.busy()).into_http());
            }
            let mut grpc = Grpc::new(Raw)
                .accept_compressed(CompressionEncoding::Gzip)
                .max_decoding_message_size(most);
            let one = One {
                gate: Arc::clone(&gate),
                signal,
                place: Some(place),
            };
            let response = grpc.unary(one, request).await;
            Ok(unread(&gate, response))
        })
    }
}

/// What is no call of gRPC's at all is told so in HTTP's words, as the protocol has it
/// (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>).
fn no_grpc(request: &http::Request<Body>) -> Option<http::StatusCode> {
    let kind = request.headers().get(http::header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let spoken = kind.strip_prefix("application/grpc").is_some_and(|rest| {
        // Of the two that there are, messages in JSON are not read here.
        matches!(rest.split(';').next(), Some("" | "+proto"))
    });
    if request.method() != http::Method::POST {
        Some(http::StatusCode::METHOD_NOT_ALLOWED)
    } else if !spoken {
        Some(http::StatusCode::UNSUPPORTED_MEDIA_TYPE)
    } else {
        None
    }
}

/// Counts a message that could not even be unpacked. One that is too long is told so with a code after which OTLP
/// lets nobody come again: `RESOURCE_EXHAUSTED` without a `RetryInfo`, not the library's `OUT_OF_RANGE`.
fn unread(gate: &Gate, response: http::Response<Body>) -> http::Response<Body> {
    let Some(status) = Status::from_header_map(response.headers()) else {
        return response;
    };
    match status.code() {
        Code::OutOfRange | Code::ResourceExhausted => {
            gate.too_large();
            let most = gate.limits.message_bytes;
            let why = format!("more than {most} bytes, unpacked; send smaller batches");
            Status::resource_exhausted(why).into_http()
        }
        Code::Internal | Code::Unimplemented => {
            gate.malformed();
            response
        }
        _ => response,
    }
}

/// One call, with its place.
struct One {
    gate: Arc<Gate>,
    signal: Signal,
    place: Option<Place>,
}

impl UnaryService<Bytes> for One {
    type Response = Bytes;
    type Future = Answering<Response<Bytes>, Status>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let (gate, signal, place) = (Arc::clone(&self.gate), self.signal, self.place.take());
        Box::pin(async move {
            let Some(place) = place else {
                return Err(refused(gate.busy()));
            };
            let body = request.into_inner();
            match gate.take(place, signal, Encoding::Protobuf, body).await {
                Ok(taken) => Ok(Response::new(answer::bytes(&answer::taken(&taken)))),
                Err(why) => Err(refused(why)),
            }
        })
    }
}

/// Why nothing was taken, and whether to come again.
fn refused(why: NotTaken) -> Status {
    let (code, retry) = match &why {
        NotTaken::Malformed(_) => (Code::InvalidArgument, None),
        NotTaken::Busy { retry_after } => (Code::Unavailable, Some(*retry_after)),
    };
    let message = why.to_string();
    let details = answer::bytes(&answer::status(code as i32, &message, retry));
    Status::with_details(code, message, details)
}

/// Messages as they are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(bytes.copy_to_bytes(bytes.remaining())))
    }
}
