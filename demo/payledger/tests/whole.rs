//! The whole thing as a user has it: the program is started, works, is broken, fails over, is mended, fails
//! back, and every acknowledged transaction is where it should be.

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
use opentelemetry_proto::tonic::resource::v1::Resource;
use payledger::deployment::{Deployment, StateFolder};
use prost::Message as _;
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_payledger");

/// What arrived at the receiver.
#[derive(Default)]
struct Arrived {
    /// Entities by signal.
    entities: BTreeMap<&'static str, BTreeSet<String>>,
    metrics: BTreeSet<String>,
    /// Every log record's text, with its entity.
    lines: Vec<(String, String)>,
    /// Entities of the spans of each trace.
    traces: BTreeMap<Vec<u8>, BTreeSet<String>>,
}

type Held = Arc<Mutex<Arrived>>;

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
        held.entities.entry("metrics").or_default().insert(entity);
        for metric in resource
            .scope_metrics
            .into_iter()
            .flat_map(|scope| scope.metrics)
        {
            held.metrics.insert(metric.name);
        }
    }
}

async fn receiver() -> (String, Held) {
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
struct Up(std::process::Child);

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

fn up(state: &Path, otlp: &str) -> Up {
    let child = Command::new(PROGRAM)
        .args([
            "up",
            "--fast",
            "--rate",
            "15",
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

async fn run(state: &Path, words: &[&str]) -> Output {
    let mut command = tokio::process::Command::new(PROGRAM);
    command.args(words).arg("--state").arg(state);
    command.output().await.expect("runs")
}

async fn json(state: &Path, words: &[&str]) -> Value {
    let mut all = vec!["--format", "json"];
    all.extend(words);
    let output = run(state, &all).await;
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{words:?}: {error}: {output:?}");
    })
}

/// Asks until the answer is as wanted; the last answer if it never is.
async fn until(what: &str, seconds: u64, mut look: impl AsyncFnMut() -> Result<(), String>) {
    let limit = Instant::now() + Duration::from_secs(seconds);
    loop {
        match look().await {
            Ok(()) => return,
            Err(seen) if Instant::now() > limit => panic!("{what}: not within {seconds} s: {seen}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn get(url: &str) -> (u16, Value) {
    // A client of its own for each: this is a test, and the program under test is another.
    let reply = tokio::task::spawn_blocking({
        let url = url.to_owned();
        move || plain_get(&url)
    });
    reply.await.expect("asked")
}

/// The least of HTTP: so that the test does not stand on the code under test.
fn plain_get(url: &str) -> (u16, Value) {
    use std::io::{Read as _, Write as _};
    let rest = url.trim_start_matches("http://");
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut text = String::new();
    let said = std::net::TcpStream::connect(host).and_then(|mut stream| {
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(stream, "GET /{path} HTTP/1.0\r\nhost: {host}\r\n\r\n")?;
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

async fn mode(deployment: &Deployment) -> String {
    let (_, state) = get(&format!("{}/state", deployment.router)).await;
    state["mode"].as_str().unwrap_or("?").to_owned()
}

async fn serves(deployment: &Deployment, wanted: &str) {
    until(wanted, 30, async || {
        let now = mode(deployment).await;
        if now == wanted { Ok(()) } else { Err(now) }
    })
    .await;
}

#[tokio::test]
async fn it_works_breaks_fails_over_and_comes_back() {
    let folder = tempfile::tempdir().expect("folder");
    let state = folder.path();
    let (otlp, arrived) = receiver().await;
    let program = up(state, &otlp);
    let places = StateFolder::new(state);
    until("start", 60, async || {
        places
            .deployment()
            .map(|_| ())
            .map_err(|failure| failure.to_string())
    })
    .await;
    let deployment = places.deployment().expect("written");
    serves(&deployment, "primary").await;

    // It works, from the outside and by its own account.
    let seeded = run(state, &["seed", "--count", "20"]).await;
    assert!(seeded.status.success(), "{seeded:?}");
    let (status, list) = get(&format!("{}/transactions", deployment.router)).await;
    assert_eq!(status, 200);
    assert!(
        list["transactions"]
            .as_array()
            .is_some_and(|list| list.len() == 20),
        "{list}"
    );
    let (status, _) = get(&format!("{}/", deployment.router)).await;
    assert_eq!(status, 200, "the page");

    // A second one in the same folder is refused.
    let second = run(state, &["up"]).await;
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("running here already"));

    // It breaks: three changes, three records, and the other region takes over.
    let injected = json(state, &["fault", "inject"]).await;
    assert_eq!(
        injected["events"].as_array().map(Vec::len),
        Some(3),
        "{injected}"
    );
    let (_, audit) = get(&format!("{}/audit", deployment.control)).await;
    let names: Vec<&str> = audit["Records"]
        .as_array()
        .expect("records")
        .iter()
        .filter_map(|record| record["eventName"].as_str())
        .collect();
    assert_eq!(
        names,
        [
            "UpdateFunctionConfiguration",
            "PutFunctionConcurrency",
            "UpdateFunctionConfiguration"
        ]
    );
    serves(&deployment, "failover").await;
    let (status, _) = get(&format!("{}/balance", deployment.router)).await;
    assert_eq!(status, 200, "the other region serves");
    let (status, _) = get(&format!("{}/balance", deployment.regions[0].front)).await;
    assert_eq!(status, 502, "the function dies at load");
    let (status, _) = get(&format!("{}/transactions", deployment.regions[0].front)).await;
    assert_eq!(status, 429, "the function may not run");

    // It is mended and comes back.
    let restored = run(state, &["fault", "restore"]).await;
    assert!(restored.status.success(), "{restored:?}");
    serves(&deployment, "primary").await;
    let finding = json(state, &["audit", "--wait", "30"]).await;
    assert_eq!(finding["clean"], true, "{finding:#}");
    assert!(
        finding["acknowledged"]
            .as_u64()
            .is_some_and(|count| count >= 20)
    );

    // A process that dies is started again, and nothing is lost.
    let table = deployment
        .processes
        .iter()
        .find(|process| process.name == "table-ap-southeast-1")
        .expect("a table");
    let killed = Command::new("kill")
        .args(["-9", &table.pid.to_string()])
        .status();
    assert!(killed.is_ok_and(|status| status.success()));
    until("the table is started again", 30, async || {
        let deployment = places.deployment().map_err(|failure| failure.to_string())?;
        let again = deployment
            .processes
            .iter()
            .any(|new| new.name == table.name && new.pid != table.pid);
        let (status, body) = get(&format!("{}/health", deployment.regions[0].front)).await;
        if again && status == 200 {
            Ok(())
        } else {
            Err(format!("{status} {body}"))
        }
    })
    .await;
    let finding = json(state, &["audit", "--wait", "30"]).await;
    assert_eq!(finding["clean"], true, "{finding:#}");

    telemetry_is_whole(&deployment, &arrived).await;

    let down = run(state, &["down"]).await;
    assert!(down.status.success(), "{down:?}");
    for process in &deployment.processes {
        let line =
            std::fs::read_to_string(format!("/proc/{}/cmdline", process.pid)).unwrap_or_default();
        assert!(!line.contains(&process.role), "{} still runs", process.name);
    }
    drop(program);
}

async fn telemetry_is_whole(deployment: &Deployment, arrived: &Held) {
    let (_, topology) = get(&format!("{}/topology", deployment.control)).await;
    let known: BTreeSet<&str> = topology["entities"]
        .as_array()
        .expect("entities")
        .iter()
        .filter(|entity| entity["telemetry"].is_object())
        .filter_map(|entity| entity["id"].as_str())
        .collect();
    let arrived = arrived.lock().expect("held");
    for (signal, entities) in &arrived.entities {
        for entity in entities {
            assert!(
                known.contains(entity.as_str()),
                "{signal} of {entity}, which the topology does not know"
            );
        }
    }
    for entity in &known {
        assert!(
            arrived.entities["metrics"].contains(*entity),
            "no metrics of {entity}; of {:?}",
            arrived.entities["metrics"]
        );
    }
    for name in [
        "faas.invocations",
        "faas.errors",
        "faas.throttles",
        "faas.invoke_duration",
        "table.throttled_requests",
        "table.replication.lag",
        "tls.certificate.days_left",
        "system.clock.offset",
        "router.switches",
        "http.server.errors",
    ] {
        assert!(arrived.metrics.contains(name), "no metric {name}");
    }
    // One request goes through router, front, function and table in one trace.
    let path = [
        "router/router",
        "front/ap-southeast-1/api",
        "function/ap-southeast-1/createTransaction",
        "table/ap-southeast-1/ledger",
    ];
    assert!(
        arrived
            .traces
            .values()
            .any(|entities| path.iter().all(|entity| entities.contains(*entity))),
        "no trace goes all the way"
    );
    let says = |entity: &str, text: &str| {
        arrived
            .lines
            .iter()
            .any(|(of, line)| of == entity && line.contains(text))
    };
    assert!(says(
        "function/ap-southeast-1/getBalance",
        "[ERROR] KeyError: 'LEDGER_TABLE'\nTraceback"
    ));
    assert!(says(
        "function/ap-southeast-1/createTransaction",
        "assumed-role/statement-mailer/createTransaction is not authorized to perform: dynamodb:PutItem"
    ));
    assert!(says(
        "router/router",
        "failover: traffic goes to ap-northeast-1"
    ));
    // Nothing that is sent may tell which faults there are.
    for fault in payledger::fault::all().expect("faults") {
        for (_, line) in &arrived.lines {
            assert!(!line.contains(&fault.name), "{line:?} names a fault");
        }
    }
}
