//! `cargo xtask pages`: how long the routes take that the page asks, over a long history and in a large system; writes
//! `docs/bench/pages.json`.

use std::fs;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

use crate::asking::Asking;
use crate::bench::{commit, machine};
use crate::history::{Server, built};
use crate::house::root;
use crate::load::{median, percentile, round};

/// The longest that a route may take in the middle, in milliseconds.
const BOUND: f64 = 100.0;
/// How often each is asked.
const TIMES: usize = 20;
/// Entities that are told of in one request.
const AT_ONCE: u32 = 500;

/// What was asked for.
struct Options {
    profile: String,
    incidents: u32,
    entities: u32,
}

/// Measures, and writes what came out. True if the bound holds.
pub fn run(words: &[&str]) -> anyhow::Result<bool> {
    let options = options(words)?;
    let built = built(&options.profile)?;
    let folder = std::env::temp_dir().join(format!("midwatch-pages-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let outcome = Server::start(&built, &folder, options.incidents)
        .and_then(|server| measure(&options, &server));
    fs::remove_dir_all(&folder)?;
    let outcome = outcome?;
    let file = root().join("docs/bench/pages.json");
    fs::write(&file, serde_json::to_string_pretty(&outcome)? + "\n")?;
    println!("{outcome:#}\nwrote {}", file.display());
    Ok(outcome["holds"] == true)
}

fn options(words: &[&str]) -> anyhow::Result<Options> {
    let mut options = Options {
        profile: "release".to_string(),
        incidents: 1_000,
        entities: 10_000,
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let value = words
            .next()
            .with_context(|| format!("{word} needs a value"))?;
        match *word {
            "--profile" => options.profile = (*value).to_string(),
            "--incidents" => options.incidents = value.parse().context("--incidents")?,
            "--entities" => options.entities = value.parse().context("--entities")?,
            other => bail!("no such option: {other}"),
        }
    }
    Ok(options)
}

fn measure(options: &Options, server: &Server) -> anyhow::Result<Value> {
    tell(server, options.entities)?;
    let mut asking = Asking::new(server.address)?;
    let space = "/v1/spaces/main";
    let (status, body) = asking.get(&format!("{space}/incidents?all=true&limit=1"))?;
    ensure!(status == 200, "the incidents are answered with {status}");
    let listed: Value = serde_json::from_slice(&body)?;
    let id = listed["items"][0]["id"].as_str();
    let id = id.context("there is an incident")?;
    let mut routes = serde_json::Map::new();
    let mut holds = true;
    for path in [
        "topology".to_string(),
        "changes?limit=200".to_string(),
        "incidents?limit=200".to_string(),
        "incidents?all=true&limit=200".to_string(),
        format!("incidents/{id}"),
        format!("incidents/{id}/timeline?limit=200"),
        format!("incidents/{id}/report"),
        format!("incidents/{id}/evidence/E1"),
        "stats".to_string(),
        "lessons?limit=200".to_string(),
        "mechanisms?limit=200".to_string(),
        "silences?limit=200".to_string(),
        "recordings".to_string(),
    ] {
        let mut millis = Vec::new();
        let mut bytes = 0;
        for _ in 0..TIMES {
            let begun = Instant::now();
            let (status, body) = asking.get(&format!("{space}/{path}"))?;
            millis.push(begun.elapsed().as_secs_f64() * 1_000.0);
            ensure!(status == 200, "{path} is answered with {status}");
            bytes = body.len();
        }
        let first = millis.first().copied().unwrap_or_default();
        millis.sort_by(f64::total_cmp);
        holds &= median(&millis) < BOUND;
        let name = path.replace(id, "ID");
        routes.insert(
            name,
            json!({
                "bytes": bytes,
                "first_ms": round(first),
                "median_ms": round(median(&millis)),
                "most_ms": round(percentile(&millis, 1.0)),
            }),
        );
    }
    let (_, body) = asking.get(&format!("{space}/topology"))?;
    let topology: Value = serde_json::from_slice(&body)?;
    let known = topology["entities"].as_array().map_or(0, Vec::len);
    holds &= known >= options.entities as usize;
    Ok(json!({
        "commit": commit(),
        "machine": machine(),
        "profile": options.profile,
        "incidents": options.incidents,
        "entities": known,
        "times": TIMES,
        "routes": routes,
        "memory_mib": server.memory().map(|bytes| round(bytes as f64 / f64::from(1 << 20))),
        "bounds": {"median_ms": BOUND},
        "holds": holds,
    }))
}

/// Tells the server of so many services by spans: each is called by the one before it at a quarter of its number, so that
/// they make a tree.
fn tell(server: &Server, count: u32) -> anyhow::Result<()> {
    let mut asking = Asking::new(server.telemetry)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
    for first in (1..=count).step_by(AT_ONCE as usize) {
        let last = (first + AT_ONCE - 1).min(count);
        // Each call is seen by both of its ends.
        let spans: Vec<Value> = (first..=last)
            .flat_map(|n| {
                let call = (1 << 32) + u64::from(n);
                [
                    span(n / 4, n, (call, None), 3, now),
                    span(n, n, (u64::from(n), Some(call)), 2, now),
                ]
            })
            .collect();
        let body = json!({"resourceSpans": spans}).to_string();
        let (status, answer) = asking.send(
            "POST /v1/traces",
            "content-type: application/json\r\n",
            body.as_bytes(),
        )?;
        ensure!(
            status == 200,
            "spans are answered with {status}: {}",
            String::from_utf8_lossy(&answer)
        );
    }
    Ok(())
}

/// One span, as OTLP has it in JSON: whose, of which trace, its number and its parent's, and its kind (2 is the end that is
/// called, 3 the one that calls).
fn span(service: u32, trace: u32, (id, parent): (u64, Option<u64>), kind: u32, now: u128) -> Value {
    let name = format!("service-{service:05}");
    json!({
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": name}}]},
        "scopeSpans": [{"spans": [{
            "traceId": format!("{trace:032x}"),
            "spanId": format!("{id:016x}"),
            "parentSpanId": parent.map_or_else(String::new, |parent| format!("{parent:016x}")),
            "name": "GET /",
            "kind": kind,
            "startTimeUnixNano": now.saturating_sub(5_000_000).to_string(),
            "endTimeUnixNano": now.to_string(),
        }]}],
    })
}
