//! A region's API front: turns requests into invocations, and outcomes into answers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::config::RegionConfig;
use crate::failure::Failure;
use crate::hop::{Ask, Hop};
use crate::http_meters::HttpMeters;
use crate::names::EntityName;
use crate::process::{Process, answer, follow_config};
use crate::table::capacity::Bucket;
use crate::telemetry::{Telemetry, Work};

struct Front {
    region: String,
    telemetry: Telemetry,
    meters: HttpMeters,
    hop: Hop,
    functions: String,
    config: watch::Receiver<Arc<RegionConfig>>,
    bucket: Mutex<Option<(u32, Bucket)>>,
}

impl Front {
    /// Is the request within the limit that was set for this front?
    fn within_limit(&self) -> bool {
        let limit = self.config.borrow().front_requests_per_second;
        let now = crate::clock::true_ms();
        let mut held = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(limit) = limit else {
            *held = None;
            return true;
        };
        match held.as_mut() {
            Some((known, bucket)) if *known == limit => bucket.take(now, limit, 1.0),
            _ => {
                let mut bucket = Bucket::new(now, limit);
                let fits = bucket.take(now, limit, 1.0);
                *held = Some((limit, bucket));
                fits
            }
        }
    }

    async fn pass(
        &self,
        route: &'static str,
        function: &'static str,
        event: Value,
        headers: &HeaderMap,
    ) -> Response {
        let began = Instant::now();
        let work = Work::serving(&self.telemetry, route.to_owned(), headers);
        let (method, path) = route.split_once(' ').unwrap_or(("GET", route));
        work.set("http.request.method", method.to_owned());
        work.set("http.route", path.to_owned());
        let (status, body) = self.invoke(function, event, &work).await;
        work.set("http.response.status_code", i64::from(status.as_u16()));
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            let message = body["message"].as_str().unwrap_or("").to_owned();
            work.failed(format!("{status} {message}"));
            self.telemetry.log(
                opentelemetry::logs::Severity::Error,
                format!(
                    "{route} answered {} after {} ms",
                    status.as_u16(),
                    began.elapsed().as_millis()
                ),
                &[
                    ("http.route", path.to_owned()),
                    ("http.response.status_code", status.as_u16().to_string()),
                ],
                Some(&work),
            );
        }
        self.meters.answered(path, status.as_u16(), began.elapsed());
        work.end();
        answer(status, body)
    }

    async fn invoke(
        &self,
        function: &'static str,
        event: Value,
        work: &Work,
    ) -> (StatusCode, Value) {
        if !self.within_limit() {
            return (
                StatusCode::TOO_MANY_REQUESTS,
                json!({"message": "Too Many Requests"}),
            );
        }
        let peer = EntityName::function(&self.region, function);
        let route = format!("/functions/{function}/invocations");
        let ask = Ask::post(&peer, format!("{}{route}", self.functions), &route, event);
        match self.hop.ask(&self.telemetry, work, ask).await {
            Ok(reply) if reply.ok() => {
                let status = reply.body["statusCode"]
                    .as_u64()
                    .and_then(|code| u16::try_from(code).ok())
                    .and_then(|code| StatusCode::from_u16(code).ok())
                    .unwrap_or(StatusCode::BAD_GATEWAY);
                let mut body = reply.body;
                (status, body["body"].take())
            }
            Ok(reply) if reply.status == StatusCode::TOO_MANY_REQUESTS => (
                StatusCode::TOO_MANY_REQUESTS,
                json!({"message": "Too Many Requests"}),
            ),
            // What went wrong inside is nothing for the outside.
            Ok(_) => (
                StatusCode::BAD_GATEWAY,
                json!({"message": "Internal server error"}),
            ),
            Err(_) => (
                StatusCode::GATEWAY_TIMEOUT,
                json!({"message": "Endpoint request timed out"}),
            ),
        }
    }
}

type Held = State<Arc<Front>>;

async fn create(State(front): Held, headers: HeaderMap, body: Bytes) -> Response {
    let key = headers
        .get("idempotency-key")
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let event = json!({"body": body, "idempotencyKey": key});
    front
        .pass("POST /transaction", "createTransaction", event, &headers)
        .await
}

#[derive(Deserialize)]
struct Page {
    limit: Option<u64>,
}

async fn list(State(front): Held, Query(page): Query<Page>, headers: HeaderMap) -> Response {
    let event = json!({"limit": page.limit});
    front
        .pass("GET /transactions", "listTransactions", event, &headers)
        .await
}

async fn balance(State(front): Held, headers: HeaderMap) -> Response {
    front
        .pass("GET /balance", "getBalance", json!({}), &headers)
        .await
}

async fn health(State(front): Held, headers: HeaderMap) -> Response {
    front
        .pass("GET /health", "health", json!({}), &headers)
        .await
}

/// Runs one region's API front.
pub async fn run(process: Process) -> Result<(), Failure> {
    process.announce()?;
    let config = follow_config(&process).await?;
    let region = process.region.clone();
    let addresses = process.region_addresses(&region).await?;
    let telemetry = process.exporting.entity(
        &EntityName::front(&region),
        &[("host.name", format!("api-host.{region}"))],
    )?;
    let front = Arc::new(Front {
        meters: HttpMeters::new(&telemetry),
        hop: Hop::new(Duration::from_secs(5))?,
        functions: addresses.functions,
        bucket: Mutex::new(None),
        telemetry: telemetry.clone(),
        region,
        config,
    });
    let routes = Router::new()
        .route("/transaction", post(create))
        .route("/transactions", get(list))
        .route("/balance", get(balance))
        .route("/health", get(health))
        .with_state(front);
    process.serve(routes, vec![telemetry]).await
}
