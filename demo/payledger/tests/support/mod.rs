//! What the tests of the whole program share: starting it, asking it, and a receiver of its telemetry.

// Each test uses its part of this.
#![allow(dead_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::metrics::v1::NumberDataPoint;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::resource::v1::Resource;
use payledger::deployment::{Deployment, StateFolder};
use prost::Message as _;
use serde_json::Value;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_payledger");

/// What arrived at the receiver.
#[derive(Default)]
pub struct Arrived {
    /// Entities by signal.
    pub entities: BTreeMap<&'static str, BTreeSet<String>>,
    /// The last value of each metric of each entity: the largest gauge, the sum of a total's parts.
    pub metrics: BTreeMap<(String, String), f64>,
    /// By how much each grew in a second, between its last two values.
    pub speeds: BTreeMap<(String, String), f64>,
    seen: BTreeMap<(String, String), Instant>,
    /// Every log record's text, with its entity.
    pub lines: Vec<(String, String)>,
    /// Entities of the spans of each trace.
    pub traces: BTreeMap<Vec<u8>, BTreeSet<String>>,
}

pub type Held = Arc<Mutex<Arrived>>;

fn entity(resource: Option<&Resource>) -> String {
    resource
        .into_iter()
        .flat_map(|resource| &resource.attributes)
        .find(|attribute| attribute.key == "service.instance.id")
        .and_then(|attribute| attribute.value.as_ref()?.value.clone())
        .map(|value| match value {
            Any::StringValue(text) => text,
            other => format!("{other:?}"),
        })
        .unwrap_or_default()
}

async fn traces(State(held): State<Held>, body: Bytes) {
    let request = ExportTraceServiceRequest::decode(body).expect("spans decode");
    let mut held = held.lock().expect("held");
    for resource in request.resource_spans {
        let entity = entity(resource.resource.as_ref());
        held.entities
            .entry("spans")
            .or_default()
            .insert(entity.clone());
        for span in resource
            .scope_spans
            .into_iter()
            .flat_map(|scope| scope.spans)
        {
            held.traces
                .entry(span.trace_id)
                .or_default()
                .insert(entity.clone());
        }
    }
}

async fn logs(State(held): State<Held>, body: Bytes) {
    let request = ExportLogsServiceRequest::decode(body).expect("logs decode");
    let mut held = held.lock().expect("held");
    for resource in request.resource_logs {
        let entity = entity(resource.resource.as_ref());
        held.entities
            .entry("logs")
            .or_default()
            .insert(entity.clone());
        for record in resource
            .scope_logs
            .into_iter()
            .flat_map(|scope| scope.log_records)
        {
            if let Some(Any::StringValue(text)) = record.body.and_then(|body| body.value) {
                held.lines.push((entity.clone(), text));
            }
        }
    }
}

async fn metrics(State(held): State<Held>, body: Bytes) {
    let request = ExportMetricsServiceRequest::decode(body).expect("metrics decode");
    let mut held = held.lock().expect("held");
    for resource in request.resource_metrics {
        let entity = entity(resource.resource.as_ref());
        held.entities
            .entry("metrics")
            .or_default()
            .insert(entity.clone());
        for metric in resource
            .scope_metrics
            .into_iter()
            .flat_map(|scope| scope.metrics)
        {
            let value = value(metric.data);
            let name = (entity.clone(), metric.name);
            let now = Instant::now();
            let before = held.metrics.insert(name.clone(), value);
            if let (Some(before), Some(then)) = (before, held.seen.insert(name.clone(), now)) {
                let passed = now.duration_since(then).as_secs_f64().max(0.5);
                held.speeds.insert(name, (value - before) / passed);
            }
        }
    }
}

fn value(data: Option<Data>) -> f64 {
    let number = |point: &NumberDataPoint| match point.value {
        Some(Number::AsDouble(value)) => value,
        Some(Number::AsInt(value)) => value as f64,
        None => 0.0,
    };
    match data {
        Some(Data::Gauge(gauge)) => gauge
            .data_points
            .iter()
            .map(number)
            .fold(f64::MIN, f64::max),
        Some(Data::Sum(sum)) => sum.data_points.iter().map(number).sum(),
        _ => 0.0,
    }
}

/// A receiver of OTLP over HTTP: its base URL and what arrives there.
pub async fn receiver() -> (String, Held) {
    let held = Held::default();
    let routes = Router::new()
        .route("/v1/traces", post(traces))
        .route("/v1/logs", post(logs))
        .route("/v1/metrics", post(metrics))
        .with_state(Arc::clone(&held));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("port");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (url, held)
}

/// Ends the program, whatever becomes of the test.
pub struct Up(std::process::Child);

impl Drop for Up {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let limit = Instant::now() + Duration::from_secs(8);
        while Instant::now() < limit && matches!(self.0.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn up(state: &Path, otlp: &str) -> Up {
    let child = Command::new(PROGRAM)
        .args([
            "up",
            "--fast",
            "--rate",
            "5",
            "--die-with-parent",
            "--otlp",
            otlp,
            "--state",
        ])
        .arg(state)
        .stdout(Stdio::null())
        .spawn()
        .expect("starts");
    Up(child)
}

pub async fn run(state: &Path, words: &[&str]) -> Output {
    let mut command = tokio::process::Command::new(PROGRAM);
    command.args(words).arg("--state").arg(state);
    command.output().await.expect("runs")
}

pub async fn json(state: &Path, words: &[&str]) -> Value {
    let mut all = vec!["--format", "json"];
    all.extend(words);
    let output = run(state, &all).await;
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{words:?}: {error}: {output:?}");
    })
}

/// Asks until the answer is as wanted; the last answer if it never is.
pub async fn until(what: &str, seconds: u64, mut look: impl AsyncFnMut() -> Result<(), String>) {
    let limit = Instant::now() + Duration::from_secs(seconds);
    loop {
        match look().await {
            Ok(()) => return,
            Err(seen) if Instant::now() > limit => panic!("{what}: not within {seconds} s: {seen}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// A request, and the answer's status and body; status 0 if there was none.
pub async fn ask(method: &str, url: &str, headers: &str, body: &str) -> (u16, Value) {
    let (method, url, headers, body) = (
        method.to_owned(),
        url.to_owned(),
        headers.to_owned(),
        body.to_owned(),
    );
    let asking = tokio::task::spawn_blocking(move || plain(&method, &url, &headers, &body));
    asking.await.expect("asked")
}

/// A GET.
pub async fn get(url: &str) -> (u16, Value) {
    ask("GET", url, "", "").await
}

/// The least of HTTP, so that the test does not stand on the code under test. Each of `headers` ends in `\r\n`.
fn plain(method: &str, url: &str, headers: &str, body: &str) -> (u16, Value) {
    use std::io::{Read as _, Write as _};
    let rest = url.trim_start_matches("http://");
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut text = String::new();
    let said = std::net::TcpStream::connect(host).and_then(|mut stream| {
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(
            stream,
            "{method} /{path} HTTP/1.0\r\nhost: {host}\r\n{headers}content-length: {}\r\n\r\n{body}",
            body.len()
        )?;
        stream.read_to_string(&mut text)
    });
    if said.is_err() {
        return (0, Value::Null);
    }
    let status = text
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .unwrap_or(0);
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

/// Starts it and waits until it runs.
pub async fn started(state: &Path, otlp: &str) -> (Up, Deployment) {
    let program = up(state, otlp);
    let places = StateFolder::new(state);
    until("start", 120, async || {
        places
            .deployment()
            .map(|_| ())
            .map_err(|failure| failure.to_string())
    })
    .await;
    let deployment = places.deployment().expect("written");
    serves(&deployment, "primary").await;
    (program, deployment)
}

async fn mode(deployment: &Deployment) -> String {
    let (_, state) = get(&format!("{}/state", deployment.router)).await;
    state["mode"].as_str().unwrap_or("?").to_owned()
}

/// Waits until the router is in this mode.
pub async fn serves(deployment: &Deployment, wanted: &str) {
    until(wanted, 120, async || {
        let now = mode(deployment).await;
        if now == wanted { Ok(()) } else { Err(now) }
    })
    .await;
}
