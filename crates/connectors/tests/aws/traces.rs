//! Traces of X-Ray, put and read through moto.
//!
//! In its summaries moto writes an object where X-Ray has a list of users, which no SDK reads. A relay of this test writes an
//! empty list there; every other sign of every answer is moto's own. It keeps the segments that it is given, and minds
//! the time and the ids that it is asked for; of who calls whom it knows nothing, and says so by an empty graph.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use super::*;

/// What moto writes, and what stands there in X-Ray's own words: of the same length, so that nothing else moves.
const WRONG: &[u8] = b"\"Users\": {}";
const RIGHT: &[u8] = b"\"Users\": []";

/// Where the relay listens.
fn relay(to: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (Ok(client), Ok(server)) = (client, TcpStream::connect(("127.0.0.1", to))) else {
                return;
            };
            std::thread::spawn(move || passed(client, server));
        }
    });
    port
}

/// One connection: moto ends each with its answer.
fn passed(mut client: TcpStream, mut server: TcpStream) {
    let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
    });
    let mut answer = Vec::new();
    let _ = server.read_to_end(&mut answer);
    for at in 0..answer.len().saturating_sub(WRONG.len() - 1) {
        if answer[at..].starts_with(WRONG) {
            answer[at..at + RIGHT.len()].copy_from_slice(RIGHT);
        }
    }
    let _ = client.write_all(&answer);
    let _ = client.shutdown(Shutdown::Both);
}

/// A segment of a function that failed while it called a table.
fn segment(trace: &str, started: Timestamp) -> String {
    let at = |millis: i64| started.0 as f64 / 1e9 + millis as f64 / 1e3;
    serde_json::json!({
        "name": "pay", "id": "70de5b6f19ff9a0a", "trace_id": trace, "start_time": at(0), "end_time": at(800),
        "origin": "AWS::Lambda::Function", "fault": true,
        "subsegments": [{
            "name": "ledger", "id": "53995c3f42cd8ad8", "start_time": at(10), "end_time": at(700), "namespace": "aws",
            "fault": true, "aws": { "operation": "PutItem", "table_name": "ledger" },
        }],
    })
    .to_string()
}

#[test]
#[ignore = "needs moto: run by cargo xtask test"]
fn traces_are_seen_through_moto() {
    let emulator = Emulator::moto();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sdk = emulator.hands(&runtime);
    let xray = aws_sdk_xray::Client::new(&sdk);
    let (hull, now) = lately();
    let id = |at: Timestamp, nth: u8| format!("1-{:08x}-{nth:024x}", at.0 / 1_000_000_000);
    let (late, early) = (now.minus(Span(5 * MINUTE)), now.minus(Span(300 * MINUTE)));
    for (at, nth) in [(late, 1), (early, 2)] {
        let put = xray
            .put_trace_segments()
            .trace_segment_documents(segment(&id(at, nth), at))
            .send();
        let put = runtime.block_on(put).unwrap();
        assert!(put.unprocessed_trace_segments().is_empty(), "{put:?}");
    }
    let look = |port: u16| {
        let settings = Settings {
            regions: vec!["eu-west-1".to_string()],
            endpoint: Some(format!("http://127.0.0.1:{port}")),
            ..Settings::default()
        };
        let eyes = Eyes::new("aws.emulated", settings, means()).unwrap();
        eyes.look(hull, now)
    };
    let brought = look(relay(emulator.port));
    for gap in &brought.gaps {
        println!("{}: {}", gap.wanted, gap.detail);
    }
    let missing: BTreeSet<&str> = brought.gaps.iter().map(|gap| gap.wanted.as_str()).collect();
    assert!(!missing.contains("traces") && !missing.contains("who calls whom"));
    assert!(brought.seen.contains(&SourceKind::Traces));
    let spans: BTreeSet<(&str, &str, bool, i64)> = brought
        .spans
        .iter()
        .map(|span| {
            let millis = span.end.since(span.start).0 / 1_000_000;
            (&*span.trace_id, span.entity.as_str(), span.error, millis)
        })
        .collect();
    println!("{spans:?} {:?}", edges(&brought));
    let of = id(late, 1);
    assert!(
        spans.iter().all(|(trace, ..)| **trace == *of),
        "what began hours ago is told: {spans:?}"
    );
    // The function's own time, and that of its call; both failed.
    let lasted = |least: i64, most: i64| {
        spans.iter().any(|(_, who, error, millis)| {
            *who == "function/pay" && *error && (least..=most).contains(millis)
        })
    };
    assert!(lasted(799, 800) && lasted(689, 690), "{spans:?}");
    assert_eq!(spans.len(), 2);

    // As it comes from moto, the list of traces cannot be read: if it can be some day, the relay is not needed any more.
    let plain = look(emulator.port);
    let unread = plain.gaps.iter().any(|gap| gap.wanted == "traces");
    assert!(
        unread,
        "moto writes a list of users now: do without the relay"
    );
}
