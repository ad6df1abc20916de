//! Thousands of alarms in a minute become the few incidents that they are, and none is lost.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{asked, bearer, configured, group, incidents, post, serve, told, until};

/// Systems that have nothing to do with each other; in each a gateway asks the services, and they one database.
const SYSTEMS: usize = 3;
/// Services of each.
const SERVICES: usize = 20;

/// One second of calls in every system, as OpenTelemetry's collector would push it.
fn push(http: SocketAddr) {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_nanos();
    let mut resources = Vec::new();
    let span = |trace: usize, span: usize, parent: Option<usize>| {
        json!({
            "traceId": format!("{:032x}", trace + 1), "spanId": format!("{:016x}", span + 1),
            "parentSpanId": parent.map_or(String::new(), |parent| format!("{:016x}", parent + 1)),
            "name": "call", "kind": 2,
            "startTimeUnixNano": (now - 30_000_000).to_string(), "endTimeUnixNano": (now - 10_000_000).to_string(),
        })
    };
    let of = |name: String, spans: Vec<Value>| {
        json!({
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": name}}]},
            "scopeSpans": [{"spans": spans}],
        })
    };
    let seed = (now / 1_000_000) as usize % 1_000_000 * 1_000;
    for system in 0..SYSTEMS {
        let trace = |service: usize| seed + system * 100 + service;
        let at = |service: usize, depth: usize| (trace(service)) * 4 + depth;
        resources.push(of(
            format!("gate-{system}"),
            (0..SERVICES)
                .map(|s| span(trace(s), at(s, 0), None))
                .collect(),
        ));
        for s in 0..SERVICES {
            resources.push(of(
                format!("shop-{system}-{s}"),
                vec![span(trace(s), at(s, 1), Some(at(s, 0)))],
            ));
        }
        resources.push(of(
            format!("store-{system}"),
            (0..SERVICES)
                .map(|s| span(trace(s), at(s, 2), Some(at(s, 1))))
                .collect(),
        ));
    }
    let body = json!({"resourceSpans": resources}).to_string();
    let (status, answer) = asked(
        http,
        "POST /v1/traces",
        "content-type: application/json\r\n",
        body.as_bytes(),
    );
    assert_eq!(status, 200, "{answer}");
}

/// So many different alarms over all systems, in an order that jumps between them.
fn alarms(count: usize) -> Vec<Value> {
    (0..count)
        .map(|n| {
            let (system, rest) = (n % SYSTEMS, n / SYSTEMS);
            let (service, pod) = (rest % SERVICES, rest / SERVICES);
            json!({
                "status": "firing",
                "labels": {"alertname": "RequestsFail", "service": format!("shop-{system}-{service}"), "replica": format!("r{pod}"), "severity": "critical"},
                "annotations": {"summary": "requests fail because the store does not answer"},
                "startsAt": "2026-06-18T15:06:00Z",
                "endsAt": "0001-01-01T00:00:00Z",
                "fingerprint": format!("{n:016x}"),
            })
        })
        .collect()
}

/// Posts them in groups over `lasting`, and gives how many incidents and alarms there are in the end, and how long it
/// took until the last was in the journal.
fn storm(count: usize, lasting: Duration) -> (usize, usize, Duration, Duration) {
    let folder = tempfile::tempdir().unwrap();
    let file = configured(folder.path());
    let config = file.display().to_string();
    let serving = serve(&file);
    let api = serving.api().unwrap();
    let http = serving.inbound().http().unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let pushing = {
        let over = Arc::clone(&over);
        std::thread::spawn(move || {
            while !over.load(Ordering::SeqCst) {
                push(http);
                std::thread::sleep(Duration::from_millis(300));
            }
        })
    };
    // The topology is known before the storm, as it would be.
    until("the topology", Duration::from_secs(60), || {
        told(api, "/v1/spaces/main/topology")
            .contains("store-2")
            .then_some(())
    });
    let all = alarms(count);
    let (began, mut slowest) = (Instant::now(), Duration::ZERO);
    let groups: Vec<&[Value]> = all.chunks(25).collect();
    let pause = lasting / u32::try_from(groups.len()).unwrap_or(1);
    for (n, alerts) in groups.iter().enumerate() {
        let sent = Instant::now();
        let (status, receipt) = post(api, "alertmanager", &bearer(), &group(alerts));
        slowest = slowest.max(sent.elapsed());
        assert_eq!(
            (status, &receipt["alarms"]),
            (200, &json!(alerts.len())),
            "{receipt}"
        );
        let next = pause * u32::try_from(n + 1).unwrap_or(1);
        std::thread::sleep(next.saturating_sub(began.elapsed()));
    }
    let counted = || {
        let found = incidents(&config);
        let alarms: BTreeSet<String> = found
            .iter()
            .flat_map(|incident| incident["alarms"].as_array().cloned().unwrap_or_default())
            .map(|alarm| alarm["id"].to_string())
            .collect();
        (found.len(), alarms.len())
    };
    let (found, kept) = until("all alarms", Duration::from_secs(900), || {
        let (found, kept) = counted();
        (kept >= count).then_some((found, kept))
    });
    let took = began.elapsed();
    // Where there are more than there should be, how each of them came to be is what one wants to know.
    for incident in incidents(&config) {
        if found != SYSTEMS {
            println!("{}", storm_line(&incident));
        }
    }
    over.store(true, Ordering::SeqCst);
    pushing.join().unwrap();
    serving.end();
    (found, kept, took, slowest)
}

/// An incident in a line, without its alarms.
fn storm_line(incident: &Value) -> String {
    let mut line = incident.clone();
    let alarms = line["alarms"].as_array().map_or(0, Vec::len);
    line["alarms"] = json!(alarms);
    let mut text = line.to_string();
    text.truncate(text.floor_char_boundary(2_000));
    text
}

#[test]
fn a_small_storm_becomes_one_incident_for_each_system() {
    let (found, kept, ..) = storm(300, Duration::from_secs(3));
    assert_eq!((found, kept), (SYSTEMS, 300));
}

/// `cargo test --release -p midwatch --test posted five_thousand -- --ignored --nocapture`
#[test]
#[ignore = "takes minutes: the storm that docs/bench tells of"]
fn five_thousand_alarms_in_a_minute_become_three_incidents() {
    let (found, kept, took, slowest) = storm(5_000, Duration::from_secs(60));
    println!(
        "{kept} alarms in {found} incidents; all in the journal {:.1} s after the first was posted; the slowest answer after {:.3} s",
        took.as_secs_f64(),
        slowest.as_secs_f64()
    );
    assert_eq!((found, kept), (SYSTEMS, 5_000));
}
