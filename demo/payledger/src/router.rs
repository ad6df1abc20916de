//! The failover router: sends everything to the primary region while it is well, and to the other while not.

mod standing;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use opentelemetry::KeyValue;
use opentelemetry::logs::Severity;
use opentelemetry::metrics::{Counter, Gauge};
use serde_json::{Value, json};

use crate::clock::{rfc3339, true_ms};
use crate::deployment::Intervals;
use crate::failure::Failure;
use crate::hop::{Ask, Hop};
use crate::http_meters::HttpMeters;
use crate::names::{EntityName, REGIONS};
use crate::process::{Process, answer};
use crate::telemetry::{Telemetry, Work};
use standing::Standing;

/// Bodies larger than this are refused.
const LARGEST_BODY: usize = 64 << 10;

struct Routing {
    telemetry: Telemetry,
    meters: HttpMeters,
    switches: Counter<u64>,
    active: Gauge<u64>,
    failed_checks: Counter<u64>,
    hop: Hop,
    checks: Hop,
    fronts: [String; 2],
    intervals: Intervals,
    standing: Mutex<Standing>,
}

impl Routing {
    fn standing(&self) -> std::sync::MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks one region, and says what was found.
    async fn check(&self, index: usize) -> Result<(), String> {
        let region = REGIONS[index];
        let work = Work::own(&self.telemetry, format!("health check {region}"));
        let peer = EntityName::front(region);
        let url = format!("{}/health", self.fronts[index]);
        let outcome = self
            .checks
            .ask(&self.telemetry, &work, Ask::get(&peer, url, "/health"))
            .await;
        let verdict = match outcome {
            Ok(reply) if reply.ok() => Ok(()),
            Ok(reply) => Err(format!("answered {}", reply.status.as_u16())),
            Err(error) => Err(error.to_string()),
        };
        let label = [KeyValue::new("region", region)];
        self.failed_checks.add(u64::from(verdict.is_err()), &label);
        if let Err(why) = &verdict {
            self.telemetry.log(
                Severity::Warn,
                format!("health check of {region} failed: {why}"),
                &[("region", region.to_owned())],
                Some(&work),
            );
        }
        work.end();
        verdict
    }

    fn say_active(&self) {
        let active = self.standing().active();
        for (index, region) in REGIONS.iter().enumerate() {
            self.active.record(
                u64::from(index == active),
                &[KeyValue::new("region", *region)],
            );
        }
    }
}

/// Checks both regions for ever, and switches when it must.
async fn watch_health(routing: Arc<Routing>) {
    let every = Duration::try_from_secs_f64(routing.intervals.health_seconds)
        .unwrap_or(Duration::from_secs(10));
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (primary, secondary) = tokio::join!(routing.check(0), routing.check(1));
        let now = rfc3339(true_ms());
        let switch = routing.standing().judge([primary, secondary], &now);
        routing.say_active();
        if let Some(switch) = switch {
            routing
                .switches
                .add(1, &[KeyValue::new("region", REGIONS[switch.to])]);
            let (severity, word) = if switch.to == 0 {
                (Severity::Info, "failback")
            } else {
                (Severity::Error, "failover")
            };
            routing.telemetry.log(
                severity,
                format!(
                    "{word}: traffic goes to {} instead of {}: {}",
                    REGIONS[switch.to], REGIONS[switch.from], switch.why
                ),
                &[("region", REGIONS[switch.to].to_owned())],
                None,
            );
        }
    }
}

async fn state(State(routing): State<Arc<Routing>>) -> Response {
    answer(
        StatusCode::OK,
        routing.standing().describe(&routing.intervals),
    )
}

async fn forward(State(routing): State<Arc<Routing>>, request: Request) -> Response {
    let began = Instant::now();
    let (head, body) = request.into_parts();
    let route = match (&head.method, head.uri.path()) {
        (&Method::POST, "/transaction") => "/transaction",
        (&Method::GET, "/transactions") => "/transactions",
        (&Method::GET, "/balance") => "/balance",
        (&Method::GET, "/health") => "/health",
        (method, path) => {
            let message = format!(
                "{method} {path} is unknown; expected POST /transaction, GET /transactions, /balance, /health or /state"
            );
            return answer(StatusCode::NOT_FOUND, json!({"message": message}));
        }
    };
    let body: Bytes = match axum::body::to_bytes(body, LARGEST_BODY).await {
        Ok(body) => body,
        Err(_) => {
            return answer(
                StatusCode::PAYLOAD_TOO_LARGE,
                json!({"message": format!("more than {LARGEST_BODY} bytes")}),
            );
        }
    };
    let active = routing.standing().active();
    let region = REGIONS[active];
    let work = Work::serving(
        &routing.telemetry,
        format!("{} {route}", head.method),
        &head.headers,
    );
    work.set("http.request.method", head.method.to_string());
    work.set("http.route", route);
    let peer = EntityName::front(region);
    let path = head
        .uri
        .path_and_query()
        .map_or(route, |path| path.as_str());
    let mut ask = Ask::get(&peer, format!("{}{path}", routing.fronts[active]), route);
    ask.method = head.method;
    if ask.method == Method::POST {
        ask.body = Some(serde_json::from_slice(&body).unwrap_or(Value::Null));
    }
    if let Some(key) = head
        .headers
        .get("idempotency-key")
        .and_then(|value| value.to_str().ok())
    {
        ask.headers.push(("idempotency-key", key.to_owned()));
    }
    let (status, body) = match routing.hop.ask(&routing.telemetry, &work, ask).await {
        Ok(reply) => (reply.status, reply.body),
        Err(error) => (
            StatusCode::BAD_GATEWAY,
            json!({"message": format!("{region} cannot be reached: {error}")}),
        ),
    };
    work.set("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        work.failed(status.to_string());
    }
    routing
        .meters
        .answered(route, status.as_u16(), began.elapsed());
    work.end();
    let mut response = answer(status, body);
    response
        .headers_mut()
        .insert("x-served-by", HeaderValue::from_static(region));
    response
}

/// The page: its own styles and scripts, and nothing from anywhere else.
async fn page() -> Response {
    let mut response = Html(include_str!("page.html")).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    response
}

async fn asset(kind: &'static str, text: &'static str) -> Response {
    (
        [
            (header::CONTENT_TYPE, kind),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ],
        text,
    )
        .into_response()
}

/// Runs the router.
pub async fn run(process: Process) -> Result<(), Failure> {
    process.announce()?;
    let mut fronts = [String::new(), String::new()];
    for (index, region) in REGIONS.iter().enumerate() {
        fronts[index] = process.region_addresses(region).await?.front;
    }
    let telemetry = process.exporting.entity(&EntityName::router(), &[])?;
    let meter = telemetry.meter();
    let routing = Arc::new(Routing {
        meters: HttpMeters::new(&telemetry),
        switches: meter.u64_counter("router.switches").build(),
        active: meter.u64_gauge("router.active_region").build(),
        failed_checks: meter.u64_counter("router.health_check.failures").build(),
        hop: Hop::new(Duration::from_secs(6))?,
        checks: Hop::new(Duration::from_secs(4))?,
        fronts,
        intervals: process.settings.intervals,
        standing: Mutex::new(Standing::new(
            &process.settings.intervals,
            &rfc3339(true_ms()),
        )),
        telemetry: telemetry.clone(),
    });
    for region in REGIONS {
        routing.switches.add(0, &[KeyValue::new("region", region)]);
    }
    tokio::spawn(watch_health(Arc::clone(&routing)));
    let routes = Router::new()
        .route("/", get(page))
        .route(
            "/page.css",
            get(|| asset("text/css; charset=utf-8", include_str!("page.css"))),
        )
        .route(
            "/page.js",
            get(|| asset("text/javascript; charset=utf-8", include_str!("page.js"))),
        )
        .route("/state", get(state))
        .fallback(forward)
        .with_state(routing);
    process.serve(routes, vec![telemetry]).await
}
