//! The function host of one region: runs the functions the way a platform for functions does.

mod handlers;
mod meters;
mod payments;
mod sandbox;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::post;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::clock::ProcessClock;
use crate::config::{FunctionConfig, RegionConfig};
use crate::failure::Failure;
use crate::hop::Hop;
use crate::names::{EntityName, FUNCTIONS};
use crate::process::{Process, answer, follow_config, insiders_only};
use crate::signing::SigningKey;
use crate::telemetry::{Telemetry, Work};
use meters::Meters;
use payments::Payments;
use sandbox::{Sandboxes, Started};

/// Copies that may run at once of a function that has no reservation.
const UNRESERVED: u32 = 100;
/// What a fresh copy of the code takes to load.
const INIT: Duration = Duration::from_millis(90);

/// One region's function host.
struct Host {
    region: String,
    clock: ProcessClock,
    key: SigningKey,
    config: watch::Receiver<Arc<RegionConfig>>,
    functions: BTreeMap<&'static str, Function>,
    hop: Hop,
    table: String,
    own: String,
    payments: Payments,
}

/// One function of the host.
struct Function {
    name: &'static str,
    telemetry: Telemetry,
    meters: Meters,
    sandboxes: Mutex<Sandboxes>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A function that ended badly: what its runtime logs and answers.
#[derive(Debug)]
struct Crash {
    /// The exception's type.
    kind: String,
    /// What it says.
    message: String,
    /// Where, innermost last: (file, line, function, code).
    trace: Vec<(&'static str, u32, &'static str, String)>,
    /// Does the copy end with it?
    fatal: bool,
}

impl Crash {
    fn new(kind: &str, message: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            message: message.into(),
            trace: Vec::new(),
            fatal: false,
        }
    }

    fn at(mut self, line: u32, function: &'static str, code: impl Into<String>) -> Self {
        self.trace
            .push(("/var/task/handler.py", line, function, code.into()));
        self
    }

    /// As the runtime writes it.
    fn text(&self) -> String {
        let mut text = format!(
            "[ERROR] {}: {}\nTraceback (most recent call last):",
            self.kind, self.message
        );
        for (file, line, function, code) in &self.trace {
            text.push_str(&format!(
                "\n  File \"{file}\", line {line}, in {function}\n    {code}"
            ));
        }
        text
    }
}

/// How an invocation ended.
enum Invoked {
    Throttled,
    Failed { kind: String, message: String },
    Done(u16, Value),
}

impl Host {
    fn config(&self) -> Arc<RegionConfig> {
        Arc::clone(&self.config.borrow())
    }

    async fn invoke(&self, function: &Function, event: &Value, headers: &HeaderMap) -> Invoked {
        let config = self.config();
        let Some(settings) = config.functions.get(function.name) else {
            return Invoked::Failed {
                kind: "ResourceNotFoundException".into(),
                message: format!("Function not found: {}", function.name),
            };
        };
        let limit = settings.reserved_concurrency.unwrap_or(UNRESERVED);
        let Some(started) = locked(&function.sandboxes).start(settings, limit) else {
            // Refused before anything runs: no log line, no span, only the platform's count.
            function.meters.throttles.add(1, &[]);
            return Invoked::Throttled;
        };
        let running = Running { function };
        function.meters.running(&function.sandboxes);
        let outcome = self
            .run(function, settings, &config, started, event, headers)
            .await;
        drop(running);
        function.meters.running(&function.sandboxes);
        outcome
    }

    async fn run(
        &self,
        function: &Function,
        settings: &FunctionConfig,
        config: &RegionConfig,
        started: Started,
        event: &Value,
        headers: &HeaderMap,
    ) -> Invoked {
        let (telemetry, began) = (&function.telemetry, Instant::now());
        let request = crate::chance::uuid();
        let work = Work::serving(telemetry, function.name.to_owned(), headers);
        work.set("faas.trigger", "http");
        work.set("faas.invocation_id", request.clone());
        work.set("faas.coldstart", started == Started::Cold);
        work.set("faas.version", settings.version.clone());
        let fields = [("faas.invocation_id", request.clone())];
        function.meters.invocations.add(1, &[]);
        let mut init = None;
        if started == Started::Cold {
            function.meters.coldstarts.add(1, &[]);
            telemetry.info(
                "INIT_START Runtime Version: python:3.13.v31".to_owned(),
                &fields,
                Some(&work),
            );
            let loading = Instant::now();
            tokio::time::sleep(INIT).await;
            let loaded = handlers::load(function.name, settings);
            let taken = loading.elapsed().as_secs_f64() * 1_000.0;
            if let Err(crash) = loaded {
                telemetry.error(crash.text(), &fields, Some(&work));
                let report = format!(
                    "INIT_REPORT Init Duration: {taken:.2} ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError"
                );
                telemetry.info(report, &fields, Some(&work));
                return self.failed(function, &work, crash, began);
            }
            init = Some(taken);
        }
        telemetry.info(
            format!("START RequestId: {request} Version: {}", settings.version),
            &fields,
            Some(&work),
        );
        let pressure = locked(&function.sandboxes).pressure(settings);
        if !pressure.is_zero() {
            tokio::time::sleep(pressure).await;
        }
        let limit =
            Duration::try_from_secs_f64(settings.timeout_seconds).unwrap_or(Duration::from_secs(3));
        let call = handlers::Call {
            host: self,
            function,
            settings,
            config,
            work: &work,
            event,
        };
        let outcome = match tokio::time::timeout(limit, call.handle()).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let mut crash = Crash::new(
                    "Sandbox.Timedout",
                    format!(
                        "{request} Task timed out after {:.2} seconds",
                        settings.timeout_seconds
                    ),
                );
                crash.fatal = true;
                Err(crash)
            }
        };
        let outcome = match (outcome, locked(&function.sandboxes).remember(settings)) {
            (_, true) => {
                let mut crash = Crash::new(
                    "Runtime.ExitError",
                    format!(
                        "RequestId: {request} Error: Runtime exited with error: signal: killed"
                    ),
                );
                crash.fatal = true;
                Err(crash)
            }
            (outcome, false) => outcome,
        };
        let spent = began.elapsed().as_secs_f64() * 1_000.0;
        let used = locked(&function.sandboxes).used_mb(settings);
        let invoked = match outcome {
            Ok((status, body)) => {
                work.set("http.response.status_code", i64::from(status));
                function.meters.duration.record(spent / 1_000.0, &[]);
                locked(&function.sandboxes).keep(settings);
                work.end();
                Invoked::Done(status, body)
            }
            Err(crash) => {
                let text = if crash.trace.is_empty() {
                    crash.message.clone()
                } else {
                    crash.text()
                };
                telemetry.error(text, &fields, Some(&work));
                if !crash.fatal {
                    locked(&function.sandboxes).keep(settings);
                }
                self.failed(function, &work, crash, began)
            }
        };
        telemetry.info(format!("END RequestId: {request}"), &fields, Some(&work));
        let mut report = format!(
            "REPORT RequestId: {request}\tDuration: {spent:.2} ms\tBilled Duration: {} ms\tMemory Size: {} MB\tMax Memory Used: {used} MB",
            spent.ceil(),
            settings.memory_mb
        );
        if let Some(init) = init {
            report.push_str(&format!("\tInit Duration: {init:.2} ms"));
        }
        telemetry.info(report, &fields, Some(&work));
        function.meters.memory.record(used << 20, &[]);
        invoked
    }

    fn failed(&self, function: &Function, work: &Work, crash: Crash, began: Instant) -> Invoked {
        function.meters.errors.add(1, &[]);
        function
            .meters
            .duration
            .record(began.elapsed().as_secs_f64(), &[]);
        work.set("error.type", crash.kind.clone());
        work.set("http.response.status_code", 500);
        work.failed(format!("{}: {}", crash.kind, crash.message));
        work.end();
        Invoked::Failed {
            kind: crash.kind,
            message: crash.message,
        }
    }
}

/// Gives the place back, however an invocation ends.
struct Running<'a> {
    function: &'a Function,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        locked(&self.function.sandboxes).end();
    }
}

async fn invocation(
    State(host): State<Arc<Host>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(function) = host.functions.get(name.as_str()) else {
        let message = format!("Function not found: {name}");
        return answer(StatusCode::NOT_FOUND, json!({"message": message}));
    };
    let event: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    match host.invoke(function, &event, &headers).await {
        Invoked::Done(status, body) => {
            answer(StatusCode::OK, json!({"statusCode": status, "body": body}))
        }
        Invoked::Throttled => answer(
            StatusCode::TOO_MANY_REQUESTS,
            json!({"message": "Rate Exceeded.", "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded"}),
        ),
        Invoked::Failed { kind, message } => answer(
            StatusCode::BAD_GATEWAY,
            json!({"message": message, "errorType": kind}),
        ),
    }
}

/// What can happen to functions by themselves.
#[derive(Debug, Deserialize)]
struct Nature {
    function: String,
    /// What each run of the function leaves behind in memory, in KiB; 0 is nothing.
    kept_per_run_kib: usize,
}

async fn nature(State(host): State<Arc<Host>>, axum::Json(nature): axum::Json<Nature>) -> Response {
    match host.functions.get(nature.function.as_str()) {
        Some(function) => {
            locked(&function.sandboxes).leak(nature.kept_per_run_kib);
            answer(StatusCode::OK, json!({}))
        }
        None => answer(
            StatusCode::NOT_FOUND,
            json!({"message": "no such function"}),
        ),
    }
}

/// Says now and then what is true whether or not anything runs.
async fn keep_saying(host: Arc<Host>, every: Duration) {
    loop {
        let config = host.config();
        for function in host.functions.values() {
            if let Some(settings) = config.functions.get(function.name) {
                let used = locked(&function.sandboxes).used_mb(settings);
                function.meters.memory.record(used << 20, &[]);
                function.meters.running(&function.sandboxes);
            }
            if function.name == "createTransaction" {
                let left = crate::control::days_left(&config.payments.certificate_not_after);
                function.meters.certificate_days(left);
            }
        }
        tokio::time::sleep(every).await;
    }
}

/// Runs one region's function host.
pub async fn run(process: Process) -> Result<(), Failure> {
    process.announce()?;
    let config = follow_config(&process).await?;
    let region = process.region.clone();
    let addresses = process.region_addresses(&region).await?;
    let provider = process.deployment().await.provider;
    let mut functions = BTreeMap::new();
    let mut all = Vec::new();
    for name in FUNCTIONS {
        let telemetry = process.exporting.entity(
            &EntityName::function(&region, name),
            &[("host.name", format!("functions-host.{region}"))],
        )?;
        all.push(telemetry.clone());
        let function = Function {
            name,
            meters: Meters::new(&telemetry, name),
            telemetry,
            sandboxes: Mutex::default(),
        };
        functions.insert(name, function);
    }
    let host = Arc::new(Host {
        clock: process.clock.clone(),
        key: SigningKey::new(&process.settings.signing_key),
        hop: Hop::new(Duration::from_secs(3))?,
        table: addresses.table,
        own: addresses.functions,
        payments: Payments::new(&process.state, &provider)?,
        region,
        config,
        functions,
    });
    let every = Duration::try_from_secs_f64(process.settings.intervals.metrics_seconds)
        .unwrap_or(Duration::from_secs(2));
    tokio::spawn(keep_saying(Arc::clone(&host), every));
    let key: Arc<str> = process.settings.signing_key.as_str().into();
    let routes = Router::new()
        .route("/_nature", post(nature))
        .route_layer(from_fn_with_state(key, insiders_only))
        .route("/functions/{name}/invocations", post(invocation))
        .with_state(host);
    process.serve(routes, all).await
}
