//! Senders of all manners, before an inlet that only notes what it is given.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::Timestamp;
use model::ports::{Clock, Encoding, NotTaken, Signal, Taken, TelemetryInlet};
use model::time::{SECOND, Span};
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tonic::codec::CompressionEncoding;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request};

use super::answer::{Any, ExportResponse, RetryInfo, Status};
use super::grpc::Raw;
use super::*;

/// Does as its body says: `bad` cannot be read, `busy` is to come again, `part` is taken in part, and
/// `wait` waits until it is let go.
#[derive(Default)]
struct Noting {
    seen: Mutex<Vec<(Signal, Encoding, usize, Timestamp)>>,
    waits: AtomicBool,
    go: AtomicBool,
    full: AtomicBool,
}

impl TelemetryInlet for Noting {
    fn busy(&self, _: Timestamp) -> Option<Span> {
        let full = self.full.load(Ordering::SeqCst);
        full.then_some(Span(2 * SECOND))
    }

    fn take(
        &self,
        signal: Signal,
        encoding: Encoding,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Taken, NotTaken> {
        self.seen
            .lock()
            .unwrap()
            .push((signal, encoding, body.len(), now));
        match body {
            b"bad" => Err(NotTaken::Malformed("it is bad".to_string())),
            b"busy" => Err(NotTaken::Busy {
                retry_after: Span(1_500_000_000),
            }),
            b"part" => Ok(Taken {
                accepted: 2,
                rejected: 3,
                message: "3 were odd".to_string(),
            }),
            b"wait" => {
                self.waits.store(true, Ordering::SeqCst);
                while !self.go.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Ok(Taken::default())
            }
            _ => Ok(Taken {
                accepted: 1,
                ..Taken::default()
            }),
        }
    }
}

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp(12 * 3600 * SECOND)
    }
}

struct Standing {
    inlet: Arc<Noting>,
    bound: Bound,
    stop: oneshot::Sender<()>,
}

async fn standing(limits: Limits) -> Standing {
    let inlet = Arc::new(Noting::default());
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let (stop, stopped) = oneshot::channel();
    let bound = serve(
        Addresses {
            grpc: Some(any),
            http: Some(any),
        },
        Arc::clone(&inlet) as Arc<dyn TelemetryInlet>,
        Arc::new(Noon),
        limits,
        async {
            let _ = stopped.await;
        },
    )
    .await
    .unwrap();
    Standing { inlet, bound, stop }
}

fn small() -> Limits {
    Limits {
        body_bytes: 1000,
        message_bytes: 1000,
        read_timeout: Duration::from_millis(400),
        ..Limits::default()
    }
}

/// Sends bytes and reads the answer to its end: status, headers in lower case, body.
async fn send(address: SocketAddr, head: &str, body: &[u8]) -> (u16, String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "{head}\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    answer(stream).await
}

async fn answer(mut stream: TcpStream) -> (u16, String, Vec<u8>) {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), bytes[end + 4..].to_vec())
}

fn post(path: &str, kind: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nContent-Type: {kind}")
}

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// `hello`, packed by gzip.
const HELLO_GZIP: [u8; 25] = [
    31, 139, 8, 0, 0, 0, 0, 0, 2, 255, 203, 72, 205, 201, 201, 7, 0, 134, 166, 16, 54, 5, 0, 0, 0,
];

#[tokio::test(flavor = "multi_thread")]
async fn over_http_every_answer_is_the_specification_s() {
    let standing = standing(small()).await;
    let at = standing.bound.http.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();

    let (status, head, body) = send(at, &post("/v1/traces", PROTOBUF), b"x").await;
    assert_eq!((status, body.len()), (200, 0));
    assert!(
        head.contains("content-type: application/x-protobuf"),
        "{head}"
    );
    let (status, _, body) = send(
        at,
        &post("/v1/logs", "application/json; charset=utf-8"),
        b"x",
    )
    .await;
    assert_eq!((status, text(&body).as_str()), (200, "{}"));

    let (status, _, body) = send(at, &post("/v1/metrics", PROTOBUF), b"part").await;
    let partial = ExportResponse::decode(&*body)
        .unwrap()
        .partial_success
        .unwrap();
    assert_eq!((status, partial.rejected), (200, 3));
    assert_eq!(partial.error_message, "3 were odd");
    for (path, field) in [
        ("/v1/traces", "rejectedSpans"),
        ("/v1/metrics", "rejectedDataPoints"),
        ("/v1/logs", "rejectedLogRecords"),
    ] {
        let (_, _, body) = send(at, &post(path, JSON), b"part").await;
        let said: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(said["partialSuccess"][field], "3");
    }

    let (status, _, body) = send(at, &post("/v1/traces", PROTOBUF), b"bad").await;
    let told = Status::decode(&*body).unwrap();
    assert_eq!(
        (status, told.code, told.message.as_str()),
        (400, 3, "it is bad")
    );
    let (status, _, body) = send(at, &post("/v1/traces", JSON), b"bad").await;
    assert_eq!(
        (status, text(&body).as_str()),
        (400, r#"{"code":3,"message":"it is bad"}"#)
    );

    let (status, head, _) = send(at, &post("/v1/traces", JSON), b"busy").await;
    assert_eq!(status, 503);
    assert!(head.contains("retry-after: 2"), "{head}");

    let (status, head, _) = send(at, "GET /v1/traces HTTP/1.1", b"").await;
    assert_eq!(status, 405);
    assert!(head.contains("allow: post"), "{head}");
    assert_eq!(send(at, &post("/v1/profiles", JSON), b"").await.0, 404);
    assert_eq!(
        send(at, &post("/v1/traces", "text/plain"), b"").await.0,
        415
    );
    assert_eq!(send(at, "POST /v1/traces HTTP/1.1", b"").await.0, 415);
    let (status, _, body) = send(at, &post("/v1/traces", JSON), &[b'x'; 1001]).await;
    assert_eq!(status, 413);
    assert!(text(&body).contains("more than 1000 bytes"));

    let seen = standing.inlet.seen.lock().unwrap().clone();
    assert_eq!(seen[0], (Signal::Traces, Encoding::Protobuf, 1, Noon.now()));
    assert_eq!(seen[1], (Signal::Logs, Encoding::Json, 1, Noon.now()));
    let counts = standing.bound.counts();
    assert_eq!(
        (counts.taken, counts.accepted, counts.rejected),
        (6, 10, 12)
    );
    assert_eq!((counts.malformed, counts.shed, counts.too_large), (2, 1, 1));
    let _ = standing.stop.send(());
    standing.bound.ended().await;
    assert!(TcpStream::connect(at).await.is_err(), "it has stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_packed_is_unpacked_within_the_limit() {
    let standing = standing(small()).await;
    let at = standing.bound.http.unwrap();
    let packed = |kind: &str| format!("{}\r\nContent-Encoding: {kind}", post("/v1/logs", PROTOBUF));
    assert_eq!(send(at, &packed("gzip"), &HELLO_GZIP).await.0, 200);
    assert_eq!(standing.inlet.seen.lock().unwrap()[0].2, 5);
    assert_eq!(send(at, &packed("gzip"), b"no gzip at all").await.0, 400);
    assert_eq!(send(at, &packed("gzip"), &HELLO_GZIP[..20]).await.0, 400);
    let (status, head, _) = send(at, &packed("br"), b"x").await;
    assert_eq!(status, 415);
    assert!(head.contains("accept-encoding: gzip"), "{head}");
    // A mebibyte of zeros, in stored and repeated blocks: more comes out than may.
    let bomb = zeros_gzip();
    assert!(bomb.len() < 3000);
    assert_eq!(send(at, &packed("gzip"), &bomb).await.0, 413);
    assert_eq!(standing.inlet.seen.lock().unwrap().len(), 1);
}

/// 64 KiB of zeros by gzip, by hand: a fixed Huffman block of one zero and 254 repetitions of 258 bytes.
fn zeros_gzip() -> Vec<u8> {
    let mut bits: Vec<bool> = vec![true, true, false];
    let code = |bits: &mut Vec<bool>, value: u32, length: u32| {
        bits.extend((0..length).rev().map(|i| value >> i & 1 == 1));
    };
    code(&mut bits, 0x30, 8);
    for _ in 0..254 {
        // Length 258 is symbol 285 (code 11000101); distance 1 is symbol 0 (five zeros).
        code(&mut bits, 0b1100_0101, 8);
        code(&mut bits, 0, 5);
    }
    code(&mut bits, 0, 7);
    let mut out = vec![31, 139, 8, 0, 0, 0, 0, 0, 2, 255];
    for byte in bits.chunks(8) {
        out.push(
            byte.iter()
                .enumerate()
                .map(|(i, bit)| u8::from(*bit) << i)
                .sum(),
        );
    }
    out.extend([0; 8]);
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_unpacked_while_the_inlet_can_take_nothing() {
    let standing = standing(small()).await;
    let (http, grpc) = (standing.bound.http.unwrap(), standing.bound.grpc.unwrap());
    standing.inlet.full.store(true, Ordering::SeqCst);
    // Neither is what was packed looked at, or it would be refused for good.
    let packed = format!("{}\r\nContent-Encoding: gzip", post("/v1/logs", PROTOBUF));
    let (status, head, _) = send(http, &packed, b"no gzip at all").await;
    assert_eq!(status, 503);
    assert!(head.contains("retry-after: 2"), "{head}");
    let refused = call(grpc, "trace.v1.TraceService", b"x", false).await;
    assert_eq!(refused.unwrap_err().code(), Code::Unavailable);
    assert_eq!(standing.bound.counts().shed, 2);
    assert_eq!(standing.inlet.seen.lock().unwrap().len(), 0);
    standing.inlet.full.store(false, Ordering::SeqCst);
    let (status, ..) = send(http, &post("/v1/logs", PROTOBUF), b"x").await;
    assert_eq!(status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_sent_away_and_those_who_were_let_in_are_answered() {
    let standing = standing(Limits {
        requests_in_flight: 1,
        ..small()
    })
    .await;
    let (http, grpc) = (standing.bound.http.unwrap(), standing.bound.grpc.unwrap());
    let first = tokio::spawn(async move { send(http, &post("/v1/traces", JSON), b"wait").await });
    while !standing.inlet.waits.load(Ordering::SeqCst) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for _ in 0..20 {
        let (status, head, _) = send(http, &post("/v1/traces", JSON), b"x").await;
        assert_eq!(status, 503);
        assert!(head.contains("retry-after: 1"), "{head}");
    }
    let refused = call(grpc, "trace.v1.TraceService", b"x", false)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert_eq!(standing.bound.counts().shed, 21);
    // Asked to stop now, it still answers the one it had let in.
    let _ = standing.stop.send(());
    tokio::time::sleep(Duration::from_millis(50)).await;
    standing.inlet.go.store(true, Ordering::SeqCst);
    assert_eq!(first.await.unwrap().0, 200);
    standing.bound.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_in_flight_are_bounded_too() {
    let standing = standing(Limits {
        body_bytes: 100 << 10,
        bytes_in_flight: 64 << 10,
        ..small()
    })
    .await;
    let at = standing.bound.http.unwrap();
    assert_eq!(
        send(at, &post("/v1/traces", JSON), &vec![b' '; 60 << 10])
            .await
            .0,
        200
    );
    assert_eq!(
        send(at, &post("/v1/traces", JSON), &vec![b' '; 80 << 10])
            .await
            .0,
        503
    );
    assert_eq!(
        send(at, &post("/v1/traces", JSON), &vec![b' '; 60 << 10])
            .await
            .0,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let standing = standing(small()).await;
    let mut stream = TcpStream::connect(standing.bound.http.unwrap())
        .await
        .unwrap();
    let head = format!(
        "{}\r\nHost: x\r\nConnection: close\r\nContent-Length: 9\r\n\r\nabc",
        post("/v1/logs", JSON)
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(answer(stream).await.0, 408);
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = taken.local_addr().unwrap();
    let error = serve(
        Addresses {
            grpc: None,
            http: Some(address),
        },
        Arc::new(Noting::default()),
        Arc::new(Noon),
        Limits::default(),
        std::future::pending(),
    )
    .await
    .unwrap_err()
    .to_string();
    assert!(
        error.contains(&format!("OTLP/http at {address}")),
        "{error}"
    );
}

/// One gRPC call with that message.
async fn call(
    address: SocketAddr,
    service: &str,
    message: &'static [u8],
    packed: bool,
) -> Result<Vec<u8>, tonic::Status> {
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{address}"))
        .unwrap()
        .connect()
        .await
        .unwrap();
    let mut client = tonic::client::Grpc::new(channel);
    if packed {
        client = client.send_compressed(CompressionEncoding::Gzip);
    }
    client.ready().await.unwrap();
    let path = format!("/opentelemetry.proto.collector.{service}/Export");
    let path: PathAndQuery = path.parse().unwrap();
    let request = Request::new(prost::bytes::Bytes::from_static(message));
    let answer = client.unary(request, path, Raw).await?;
    Ok(answer.into_inner().to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn over_grpc_every_answer_is_the_specification_s() {
    let standing = standing(small()).await;
    let at = standing.bound.grpc.unwrap();
    let services = [
        "trace.v1.TraceService",
        "metrics.v1.MetricsService",
        "logs.v1.LogsService",
    ];
    for service in services {
        assert_eq!(call(at, service, b"x", true).await.unwrap(), b"");
    }
    let seen: Vec<Signal> = standing
        .inlet
        .seen
        .lock()
        .unwrap()
        .iter()
        .map(|s| s.0)
        .collect();
    assert_eq!(seen, [Signal::Traces, Signal::Metrics, Signal::Logs]);

    let part = call(at, services[0], b"part", false).await.unwrap();
    let partial = ExportResponse::decode(&*part)
        .unwrap()
        .partial_success
        .unwrap();
    assert_eq!(
        (partial.rejected, partial.error_message.as_str()),
        (3, "3 were odd")
    );

    let bad = call(at, services[0], b"bad", false).await.unwrap_err();
    assert_eq!(
        (bad.code(), bad.message()),
        (Code::InvalidArgument, "it is bad")
    );

    let busy = call(at, services[0], b"busy", false).await.unwrap_err();
    assert_eq!(busy.code(), Code::Unavailable);
    let details = Status::decode(busy.details()).unwrap().details;
    let Any { type_url, value } = &details[0];
    assert_eq!(type_url, "type.googleapis.com/google.rpc.RetryInfo");
    let delay = RetryInfo::decode(&**value).unwrap().retry_delay.unwrap();
    assert_eq!((delay.seconds, delay.nanos), (1, 500_000_000));

    let large = call(at, services[0], &[b'x'; 1001], false)
        .await
        .unwrap_err();
    assert_eq!(large.code(), Code::ResourceExhausted);
    // Without a time to come again after, OTLP lets nobody come again.
    assert!(large.details().is_empty());
    assert_eq!(standing.bound.counts().too_large, 1);
    let other = call(at, "profiles.v1.ProfilesService", b"x", false)
        .await
        .unwrap_err();
    assert_eq!(other.code(), Code::Unimplemented);
}

/// A gRPC message: its flag, the length that it says, and what follows.
fn message(flag: u8, length: usize, rest: &[u8]) -> Vec<u8> {
    let length = u32::try_from(length).unwrap().to_be_bytes();
    [&[flag][..], &length, rest].concat()
}

/// What a body that no honest client writes is answered, over a decoder that really reads: the status, its number over
/// HTTP where it is none of gRPC's, and a piece of what is said.
#[tokio::test(flavor = "multi_thread")]
async fn over_grpc_what_cannot_be_read_is_refused_for_good() {
    let inlet = connectors::otlp::Inlet::new(connectors::otlp::Limits::default(), |_, _| Ok(()));
    let inlet = Arc::new(inlet);
    let addresses = Addresses {
        grpc: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        http: None,
    };
    let forever = std::future::pending();
    let inner = Arc::clone(&inlet) as Arc<dyn TelemetryInlet>;
    let bound = serve(addresses, inner, Arc::new(Noon), small(), forever);
    let bound = bound.await.unwrap();
    let endpoint = format!("http://{}", bound.grpc.unwrap());
    let endpoint = tonic::transport::Endpoint::from_shared(endpoint).unwrap();
    let channel = endpoint.connect().await.unwrap();

    // A span whose name is no UTF-8: the rest of it is worth having.
    let field = |number: u8, inside: &[u8]| {
        let length = u8::try_from(inside.len()).unwrap();
        [&[number << 3 | 2, length][..], inside].concat()
    };
    let noon = Noon.now().0.to_le_bytes();
    let span = [
        field(1, &[1; 16]),
        field(2, &[7; 8]),
        field(5, b"\xffA"),
        [&[7 << 3 | 1][..], &noon].concat(),
    ];
    let odd = field(1, &field(2, &field(2, &span.concat())));
    let (plain, gzip) = ("", "gzip");
    let zeros = zeros_gzip();
    let cases: [(&str, &str, Vec<u8>, Code, &str); 13] = [
        (
            "nothing",
            plain,
            Vec::new(),
            Code::Internal,
            "Missing request message",
        ),
        (
            "half a header",
            plain,
            vec![0, 0, 0],
            Code::Internal,
            "Unexpected EOF",
        ),
        (
            "half a message",
            plain,
            message(0, 100, b"\x0a"),
            Code::Internal,
            "Unexpected EOF",
        ),
        (
            "a flag of 2",
            plain,
            message(2, 1, b"x"),
            Code::Internal,
            "invalid compression flag: 2",
        ),
        (
            "packed, and not said how",
            plain,
            message(1, 1, b"x"),
            Code::Internal,
            "no grpc-encoding",
        ),
        (
            "packed in a way that is not known",
            "br",
            message(1, 1, b"x"),
            Code::Unimplemented,
            "`br`",
        ),
        (
            "a pack that is none",
            gzip,
            message(1, 4, b"none"),
            Code::Internal,
            "decompressing",
        ),
        (
            "a longer one than is read",
            plain,
            message(0, 1001, b""),
            Code::ResourceExhausted,
            "1000 bytes",
        ),
        (
            "one that is longer unpacked",
            gzip,
            message(1, zeros.len(), &zeros),
            Code::ResourceExhausted,
            "1000 bytes",
        ),
        (
            "no protobuf",
            plain,
            message(0, 3, b"\xff\xff\xff"),
            Code::InvalidArgument,
            "protobuf",
        ),
        (
            "a field of another type",
            plain,
            message(0, 2, b"\x08\x01"),
            Code::InvalidArgument,
            "another type",
        ),
        (
            "a field that is cut off",
            plain,
            message(0, 3, b"\x0a\x09\x01"),
            Code::InvalidArgument,
            "inside of a field",
        ),
        (
            "a name that is no UTF-8",
            plain,
            message(0, odd.len(), &odd),
            Code::Ok,
            "",
        ),
    ];
    for (what, packed, body, code, said) in cases {
        let status = raw(channel.clone(), "application/grpc", packed, body)
            .await
            .unwrap();
        assert_eq!(status.code(), code, "{what}: {status}");
        assert!(status.message().contains(said), "{what}: {status}");
        // Nobody is asked to bring it again.
        let details = String::from_utf8_lossy(status.details()).into_owned();
        assert!(!details.contains("RetryInfo"), "{what}: {details}");
    }
    assert_eq!(inlet.tally().accepted, 1);
    let counts = bound.counts();
    assert_eq!(
        (counts.malformed, counts.too_large, counts.shed),
        (10, 2, 0)
    );
    for (kind, number) in [
        ("application/json", 415),
        ("application/grpc+json", 415),
        ("text/grpc", 415),
    ] {
        let refused = raw(channel.clone(), kind, plain, Vec::new()).await;
        assert_eq!(refused.unwrap_err(), number, "{kind}");
    }
    let good = raw(channel, "application/grpc+proto", plain, message(0, 0, b"")).await;
    assert_eq!(good.unwrap().code(), Code::Ok);
}

/// The status of a call with that body, or HTTP's own where there is none of gRPC's.
async fn raw(
    mut channel: tonic::transport::Channel,
    kind: &str,
    packed: &str,
    body: Vec<u8>,
) -> Result<tonic::Status, u16> {
    use tonic::codegen::Service as _;
    let mut request = tonic::codegen::http::Request::post(
        "http://x/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    )
    .header("content-type", kind)
    .header("te", "trailers");
    if !packed.is_empty() {
        request = request.header("grpc-encoding", packed);
    }
    let body = tonic::body::Body::new(axum::body::Body::from(body));
    std::future::poll_fn(|cx| channel.poll_ready(cx))
        .await
        .unwrap();
    let response = channel.call(request.body(body).unwrap()).await.unwrap();
    if response.status() != 200 {
        return Err(response.status().as_u16());
    }
    if let Some(status) = tonic::Status::from_header_map(response.headers()) {
        return Ok(status);
    }
    let mut body = std::pin::pin!(response.into_body());
    while let Some(frame) =
        std::future::poll_fn(|cx| axum::body::HttpBody::poll_frame(body.as_mut(), cx)).await
    {
        if let Ok(trailers) = frame.unwrap().into_trailers() {
            return Ok(tonic::Status::from_header_map(&trailers).unwrap());
        }
    }
    panic!("an answer without a status")
}
