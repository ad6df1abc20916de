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
                gate,
                signal,
                place: Some(place),
            };
            Ok(grpc.unary(one, request).await)
        })
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
