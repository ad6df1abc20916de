//! The control plane's HTTP API (README.md, "The control plane").

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::book::Actor;
use super::mutation::{Mutation, What};
use super::{Control, artifacts, days_left, locked, topology};
use crate::clock::parse_rfc3339;
use crate::names::{FUNCTIONS, REGIONS, TABLE};
use crate::process::{answer, insiders_only};

type Held = State<Arc<Control>>;

/// All of it.
pub fn routes(control: Arc<Control>) -> Router {
    let inside = Router::new()
        .route("/config/{region}", get(config))
        .route("/_nature", post(nature))
        .route_layer(from_fn_with_state(Arc::clone(&control.key), insiders_only));
    Router::new()
        .route("/audit", get(audit))
        .route("/topology", get(whole_topology))
        .route("/state", get(whole_state))
        .route("/functions", get(functions))
        .route("/functions/{region}/{name}", get(function))
        .route("/functions/{region}/{name}/{setting}", put(change_function))
        .route("/functions/{region}/{name}/restart", post(restart_function))
        .route("/artifacts/{function}/{version}", get(artifact))
        .route("/tables/{region}/{name}", get(table))
        .route("/tables/{region}/{name}/{setting}", put(change_table))
        .route("/tables/{region}/{name}/replication/restart", post(restart_replication))
        .route("/records/{region}/{table}/{id}/{deed}", post(change_record))
        .route("/fronts/{region}/limit", put(limit_front))
        .route("/providers/{region}/payments/route", put(route_payments))
        .route("/certificates", get(certificates))
        .route("/certificates/{region}/payments-client/renew", post(renew))
        .route("/hosts/{region}/{host}/clock/sync", post(sync_clock))
        .route("/revert/{event}", post(revert))
        .route("/operations/{key}", get(operation))
        .merge(inside)
        .fallback(|uri: Uri| async move {
            answer(
                StatusCode::NOT_FOUND,
                json!({"message": format!("{} is not part of the control plane's API", uri.path())}),
            )
        })
        .with_state(control)
}

fn reply((status, body): (u16, Value)) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer(status, body)
}

fn not_found(what: &str) -> Response {
    answer(
        StatusCode::NOT_FOUND,
        json!({"message": format!("{what} does not exist")}),
    )
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let text = headers.get(name)?.to_str().ok()?.trim();
    (!text.is_empty()).then_some(text)
}

fn actor(headers: &HeaderMap) -> Actor {
    let plain = |text: &str| {
        text.chars()
            .filter(|c| c.is_ascii_graphic())
            .take(64)
            .collect::<String>()
    };
    Actor {
        name: header(headers, "x-actor").map_or_else(|| "operator".into(), plain),
        agent: header(headers, "user-agent").map_or_else(|| "unknown".into(), plain),
    }
}

/// Everything that tells one mutating request from another.
struct Request {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Request {
    fn text(&self) -> String {
        format!(
            "{} {} {}",
            self.method,
            self.uri.path(),
            String::from_utf8_lossy(&self.body)
        )
    }

    /// The field of a JSON body, in the type that is expected.
    fn field<T: serde::de::DeserializeOwned>(
        &self,
        name: &str,
        expected: &str,
    ) -> Result<T, Box<Response>> {
        let wrong = |why: String| {
            let message = format!("body: {why}; expected {expected}");
            Box::new(answer(StatusCode::BAD_REQUEST, json!({"message": message})))
        };
        let mut body: Value = serde_json::from_slice(&self.body)
            .map_err(|error| wrong(format!("not JSON: {error}")))?;
        let value = body
            .get_mut(name)
            .map(Value::take)
            .ok_or_else(|| wrong(format!("no field `{name}`")))?;
        serde_json::from_value(value).map_err(|error| wrong(format!("field `{name}`: {error}")))
    }

    async fn make(&self, control: &Control, region: String, what: What) -> Response {
        let mutation = Mutation { region, what };
        let key = header(&self.headers, "idempotency-key");
        let answered = control
            .change(&mutation, None, &actor(&self.headers), key, &self.text())
            .await;
        reply(answered)
    }
}

impl<S: Send + Sync> axum::extract::FromRequest<S> for Request {
    type Rejection = axum::extract::rejection::BytesRejection;

    async fn from_request(
        request: axum::extract::Request,
        state: &S,
    ) -> Result<Self, Self::Rejection> {
        let (method, uri, headers) = (
            request.method().clone(),
            request.uri().clone(),
            request.headers().clone(),
        );
        let body = Bytes::from_request(request, state).await?;
        Ok(Self {
            method,
            uri,
            headers,
            body,
        })
    }
}

macro_rules! or_answer {
    ($outcome:expr) => {
        match $outcome {
            Ok(value) => value,
            Err(response) => return *response,
        }
    };
}

#[derive(Deserialize)]
struct Span {
    since: Option<String>,
    until: Option<String>,
    limit: Option<usize>,
}

async fn audit(State(control): Held, Query(span): Query<Span>) -> Response {
    let bound = |text: &Option<String>| match text {
        None => Ok(None),
        Some(text) => parse_rfc3339(text).map(Some).ok_or_else(|| {
            let message =
                format!("{text:?} is not a time; expected RFC 3339, such as 2026-01-01T00:00:00Z");
            Box::new(answer(StatusCode::BAD_REQUEST, json!({"message": message})))
        }),
    };
    let since = or_answer!(bound(&span.since));
    let until = or_answer!(bound(&span.until));
    let book = locked(&control.book);
    let records: Vec<&Value> = book
        .records()
        .iter()
        .map(|record| &record.event)
        .filter(|event| {
            let at = event["eventTime"]
                .as_str()
                .and_then(parse_rfc3339)
                .unwrap_or(0);
            since.is_none_or(|since| at >= since) && until.is_none_or(|until| at < until)
        })
        .collect();
    let first = records.len().saturating_sub(span.limit.unwrap_or(1_000));
    answer(
        StatusCode::OK,
        json!({"Records": records.get(first..).unwrap_or_default()}),
    )
}

async fn whole_topology(State(control): Held) -> Json<Value> {
    Json(topology::topology(locked(&control.book).regions()))
}

async fn whole_state(State(control): Held) -> Json<Value> {
    let book = locked(&control.book);
    let regions: BTreeMap<&String, _> = book
        .regions()
        .iter()
        .map(|(name, config)| (name, config.public()))
        .collect();
    Json(json!({"regions": regions, "events": book.records().len()}))
}

async fn functions(State(control): Held) -> Json<Value> {
    let all: Vec<Value> = REGIONS
        .iter()
        .flat_map(|region| FUNCTIONS.iter().map(move |name| (*region, *name)))
        .filter_map(|(region, name)| control.function(region, name))
        .collect();
    Json(json!({"functions": all}))
}

async fn function(State(control): Held, Path((region, name)): Path<(String, String)>) -> Response {
    match control.function(&region, &name) {
        Some(found) => answer(StatusCode::OK, found),
        None => not_found(&format!("function {region}/{name}")),
    }
}

async fn change_function(
    State(control): Held,
    Path((region, function, setting)): Path<(String, String, String)>,
    request: Request,
) -> Response {
    let what = match setting.as_str() {
        "role" => What::Role {
            function,
            role: or_answer!(request.field("role", r#"{"role": "ledger-writer"}"#)),
        },
        "environment" => What::Environment {
            function,
            environment: or_answer!(
                request.field("environment", r#"{"environment": {"NAME": "value"}}"#)
            ),
        },
        "concurrency" => What::Concurrency {
            function,
            reserved_concurrency: or_answer!(request.field(
                "reservedConcurrentExecutions",
                r#"{"reservedConcurrentExecutions": 10}, or null for no reservation"#
            )),
        },
        "version" => What::Version {
            function,
            version: or_answer!(request.field("version", r#"{"version": "23"}"#)),
        },
        other => {
            let message = format!(
                "functions have no setting `{other}`; expected role, environment, concurrency or version"
            );
            return answer(StatusCode::NOT_FOUND, json!({"message": message}));
        }
    };
    request.make(&control, region, what).await
}

async fn restart_function(
    State(control): Held,
    Path((region, function)): Path<(String, String)>,
    request: Request,
) -> Response {
    request
        .make(&control, region, What::Restart { function })
        .await
}

async fn artifact(Path((function, version)): Path<(String, String)>) -> Response {
    match artifacts::find(&function, &version) {
        Some(build) => answer(StatusCode::OK, json!(build)),
        None => not_found(&format!("build {version} of {function}")),
    }
}

async fn table(State(control): Held, Path((region, name)): Path<(String, String)>) -> Response {
    let book = locked(&control.book);
    match book.regions().get(&region) {
        Some(config) if name == TABLE => answer(
            StatusCode::OK,
            json!({
                "entity": crate::names::EntityName::table(&region).to_string(),
                "tableName": name,
                "tableStatus": "ACTIVE",
                "provisionedThroughput": {
                    "readCapacityUnits": config.table.read_capacity,
                    "writeCapacityUnits": config.table.write_capacity,
                },
                "globalSecondaryIndexes": config.table.indexes,
                "recordsSetAside": config.table.set_aside,
            }),
        ),
        _ => not_found(&format!("table {region}/{name}")),
    }
}

async fn change_table(
    State(control): Held,
    Path((region, name, setting)): Path<(String, String, String)>,
    request: Request,
) -> Response {
    if name != TABLE {
        return not_found(&format!("table {region}/{name}"));
    }
    let what = match setting.as_str() {
        "throughput" => {
            let shape = r#"{"readCapacityUnits": 200, "writeCapacityUnits": 100}"#;
            What::Throughput {
                read_capacity: or_answer!(request.field("readCapacityUnits", shape)),
                write_capacity: or_answer!(request.field("writeCapacityUnits", shape)),
            }
        }
        "indexes" => What::Indexes {
            indexes: or_answer!(request.field::<BTreeSet<String>>(
                "globalSecondaryIndexes",
                r#"{"globalSecondaryIndexes": ["byTime", "byAccount"]}"#
            )),
        },
        other => {
            let message =
                format!("tables have no setting `{other}`; expected throughput or indexes");
            return answer(StatusCode::NOT_FOUND, json!({"message": message}));
        }
    };
    request.make(&control, region, what).await
}

async fn restart_replication(
    State(control): Held,
    Path((region, name)): Path<(String, String)>,
    request: Request,
) -> Response {
    if name != TABLE {
        return not_found(&format!("table {region}/{name}"));
    }
    request
        .make(&control, region, What::RestartReplication {})
        .await
}

async fn change_record(
    State(control): Held,
    Path((region, table, record, deed)): Path<(String, String, String, String)>,
    request: Request,
) -> Response {
    if table != TABLE {
        return not_found(&format!("table {region}/{table}"));
    }
    let what = match deed.as_str() {
        "set-aside" => What::SetAside { record },
        "put-back" => What::PutBack { record },
        other => {
            let message = format!("records can be set-aside or put-back, not `{other}`");
            return answer(StatusCode::NOT_FOUND, json!({"message": message}));
        }
    };
    request.make(&control, region, what).await
}

async fn limit_front(
    State(control): Held,
    Path(region): Path<String>,
    request: Request,
) -> Response {
    let shape = r#"{"requestsPerSecond": 50}, or null for no limit"#;
    let what = What::FrontLimit {
        requests_per_second: or_answer!(request.field("requestsPerSecond", shape)),
    };
    request.make(&control, region, what).await
}

async fn route_payments(
    State(control): Held,
    Path(region): Path<String>,
    request: Request,
) -> Response {
    let what = What::PaymentsRoute {
        route: or_answer!(
            request.field("route", r#"{"route": "primary"} or {"route": "standby"}"#)
        ),
    };
    request.make(&control, region, what).await
}

async fn certificates(State(control): Held) -> Json<Value> {
    let book = locked(&control.book);
    let all: Vec<Value> = book
        .regions()
        .iter()
        .map(|(region, config)| {
            json!({
                "entity": crate::names::EntityName::certificate(region).to_string(),
                "region": region,
                "name": "payments-client",
                "serial": config.payments.certificate_serial,
                "notAfter": config.payments.certificate_not_after,
                "daysLeft": days_left(&config.payments.certificate_not_after),
            })
        })
        .collect();
    Json(json!({"certificates": all}))
}

async fn renew(State(control): Held, Path(region): Path<String>, request: Request) -> Response {
    request
        .make(&control, region, What::RenewCertificate {})
        .await
}

async fn sync_clock(
    State(control): Held,
    Path((region, host)): Path<(String, String)>,
    request: Request,
) -> Response {
    request
        .make(&control, region, What::SyncClock { host })
        .await
}

async fn revert(State(control): Held, Path(event): Path<String>, request: Request) -> Response {
    let key = header(&request.headers, "idempotency-key");
    let answered = control
        .revert(&event, &actor(&request.headers), key, &request.text())
        .await;
    reply(answered)
}

async fn operation(State(control): Held, Path(key): Path<String>) -> Response {
    match locked(&control.book).operation(&key) {
        Some(known) => answer(
            StatusCode::OK,
            json!({
                "key": key,
                "state": if known.status == 200 { "done" } else { "refused" },
                "at": known.at,
                "request": known.request,
                "status": known.status,
                "answer": known.answer,
            }),
        ),
        None => answer(
            StatusCode::NOT_FOUND,
            json!({"key": key, "state": "unknown", "message": "no request with this key was carried out"}),
        ),
    }
}

#[derive(Deserialize)]
struct Wait {
    process: String,
    #[serde(default)]
    after: u64,
}

async fn config(
    State(control): Held,
    Path(region): Path<String>,
    Query(wait): Query<Wait>,
) -> Response {
    match control.newer(&region, &wait.process, wait.after).await {
        Some(config) => answer(StatusCode::OK, json!(config)),
        None => not_found(&format!("region {region}")),
    }
}

#[derive(Deserialize)]
struct Nature {
    region: String,
    certificate_expires_in_seconds: f64,
}

async fn nature(State(control): Held, Json(nature): Json<Nature>) -> Response {
    match control.expire_certificate(&nature.region, nature.certificate_expires_in_seconds) {
        Ok(()) => answer(StatusCode::OK, json!({})),
        Err(failure) => answer(
            StatusCode::INTERNAL_SERVER_ERROR,
            json!({"message": failure.to_string()}),
        ),
    }
}
