//! One region's ledger table: enforces roles and capacity, answers queries, copies itself to the other region.

pub mod capacity;
mod replication;
pub mod store;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::post;
use opentelemetry::KeyValue;
use opentelemetry::logs::Severity;
use opentelemetry::metrics::{Counter, Gauge, Histogram};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};

use crate::clock::{ProcessClock, rfc3339};
use crate::config::{RegionConfig, host_of};
use crate::failure::Failure;
use crate::names::{ACCOUNT, EntityName, TABLE};
use crate::process::{Process, answer, follow_config, insiders_only};
use crate::signing::{Caller, SigningKey};
use crate::telemetry::{Telemetry, Work};
use capacity::Bucket;
use store::{Item, Store};

/// Why a request is turned away that the capacity has no room for.
const THROUGHPUT_EXCEEDED: &str = "ProvisionedThroughputExceededException";
/// Statements that take longer are logged.
const SLOW: Duration = Duration::from_millis(250);

struct Table {
    region: String,
    clock: ProcessClock,
    key: SigningKey,
    config: watch::Receiver<Arc<RegionConfig>>,
    store: Mutex<Store>,
    buckets: Mutex<(Bucket, Bucket)>,
    telemetry: Telemetry,
    meters: Meters,
    arrived: Notify,
    replica: replication::Replica,
}

struct Meters {
    requests: Counter<u64>,
    throttled: Counter<u64>,
    errors: Counter<u64>,
    read_units: Counter<u64>,
    write_units: Counter<u64>,
    duration: Histogram<f64>,
    items: Gauge<u64>,
}

impl Meters {
    fn new(telemetry: &Telemetry) -> Self {
        let meter = telemetry.meter();
        let meters = Self {
            requests: meter.u64_counter("table.requests").build(),
            throttled: meter.u64_counter("table.throttled_requests").build(),
            errors: meter.u64_counter("table.user_errors").build(),
            read_units: meter.u64_counter("table.consumed_read_units").build(),
            write_units: meter.u64_counter("table.consumed_write_units").build(),
            duration: meter
                .f64_histogram("table.request.duration")
                .with_unit("s")
                .build(),
            items: meter.u64_gauge("table.items").build(),
        };
        // A counter that was never touched is not sent: zero has to be said.
        for counter in [&meters.requests, &meters.throttled, &meters.errors] {
            counter.add(0, &[]);
        }
        meters
    }
}

/// What is asked of a table.
#[derive(Debug, Deserialize)]
#[serde(tag = "action")]
enum Ask {
    PutItem {
        id: String,
        fields: Value,
        #[serde(default)]
        dry_run: bool,
        /// Write it even if there is a record under this key.
        #[serde(default)]
        replace: bool,
    },
    GetItem {
        id: String,
    },
    Query {
        index: String,
        #[serde(default)]
        limit: usize,
    },
    Scan {},
    DescribeTable {},
}

impl Ask {
    fn name(&self) -> &'static str {
        match self {
            Self::PutItem { .. } => "PutItem",
            Self::GetItem { .. } => "GetItem",
            Self::Query { .. } => "Query",
            Self::Scan {} => "Scan",
            Self::DescribeTable {} => "DescribeTable",
        }
    }
}

struct Refused {
    kind: &'static str,
    message: String,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Table {
    fn config(&self) -> Arc<RegionConfig> {
        Arc::clone(&self.config.borrow())
    }

    /// Is the request signed, fresh, and may its role do this?
    fn admit(&self, headers: &HeaderMap, body: &[u8], action: &str) -> Result<Caller, Refused> {
        let header = headers
            .get("authorization")
            .and_then(|value| value.to_str().ok())
            .unwrap_or("");
        let caller = self
            .key
            .verify(header, self.clock.now_ms(), body)
            .map_err(|refusal| {
                let text = refusal.to_string();
                let (kind, message) = text.split_once(": ").unwrap_or(("", &text));
                let kind = match kind {
                    "RequestTimeTooSkewed" => "RequestTimeTooSkewed",
                    "InvalidSignatureException" => "InvalidSignatureException",
                    _ => "MissingAuthenticationToken",
                };
                Refused {
                    kind,
                    message: message.to_owned(),
                }
            })?;
        let permission = format!("dynamodb:{action}");
        if self.config().allows(&caller.role, &permission, TABLE) {
            return Ok(caller);
        }
        Err(Refused {
            kind: "AccessDeniedException",
            message: format!(
                "User: arn:aws:sts::{ACCOUNT}:assumed-role/{}/{} is not authorized to perform: {permission} on resource: {} because no identity-based policy allows the {permission} action",
                caller.role,
                caller.session,
                EntityName::table(&self.region).arn(),
            ),
        })
    }

    /// Is there capacity left for it?
    fn spend(&self, reads: f64, writes: f64) -> Result<(), Refused> {
        let (config, now) = (self.config(), self.clock.now_ms());
        let mut buckets = locked(&self.buckets);
        let fits = (reads == 0.0 || buckets.0.take(now, config.table.read_capacity, reads))
            && (writes == 0.0 || buckets.1.take(now, config.table.write_capacity, writes));
        drop(buckets);
        if fits {
            self.meters.read_units.add(reads.ceil() as u64, &[]);
            self.meters.write_units.add(writes.ceil() as u64, &[]);
            return Ok(());
        }
        self.meters.throttled.add(1, &[]);
        Err(Refused {
            kind: THROUGHPUT_EXCEEDED,
            message: format!(
                "The level of configured provisioned throughput for the table was exceeded: {TABLE} allows {} reads and {} writes per second",
                config.table.read_capacity, config.table.write_capacity
            ),
        })
    }

    /// A query whose index is not there looks at every record, and that takes its time.
    async fn search(&self, index: &str, work: &Work) {
        let config = self.config();
        if config.table.indexes.contains(index) {
            return;
        }
        let examined = locked(&self.store).len() as u64;
        // A page of 1 MB from disk for every thousand records, and never less than a few.
        let taken = Duration::from_millis(650 + examined / 5);
        tokio::time::sleep(taken.min(Duration::from_millis(2_500))).await;
        work.set(
            "db.operation.examined",
            i64::try_from(examined).unwrap_or(i64::MAX),
        );
    }

    async fn carry_out(&self, ask: Ask, work: &Work) -> Result<Value, Refused> {
        match ask {
            Ask::PutItem {
                id,
                fields,
                dry_run,
                replace,
            } => {
                self.spend(0.0, 1.0)?;
                let mut store = locked(&self.store);
                if let (Some(held), false) = (store.get(&id), replace) {
                    return Ok(json!({"created": false, "item": held}));
                }
                if dry_run {
                    return Ok(json!({"created": false, "dry_run": true}));
                }
                let item = Item {
                    id,
                    fields,
                    written_ms: self.clock.now_ms(),
                    origin: self.region.clone(),
                };
                store.merge(item.clone()).map_err(|error| Refused {
                    kind: "InternalServerError",
                    message: format!("the record could not be written: {error}"),
                })?;
                self.meters.items.record(store.len() as u64, &[]);
                drop(store);
                self.arrived.notify_one();
                Ok(json!({"created": true, "item": item}))
            }
            Ask::GetItem { id } => {
                self.spend(1.0, 0.0)?;
                Ok(json!({"item": locked(&self.store).get(&id)}))
            }
            Ask::Query { index, limit } => {
                self.spend(1.0, 0.0)?;
                self.search(&index, work).await;
                let config = self.config();
                let store = locked(&self.store);
                match index.as_str() {
                    "byTime" => Ok(
                        json!({"items": store.newest(limit.min(1_000), &config.table.set_aside)}),
                    ),
                    "byAccount" => Ok(json!({"totals": store.totals()})),
                    other => Err(Refused {
                        kind: "ValidationException",
                        message: format!("The table does not have the specified index: {other}"),
                    }),
                }
            }
            // The auditor's reading is not counted against what the service may use.
            Ask::Scan {} => {
                let store = locked(&self.store);
                let items: Vec<&Item> = store.all().collect();
                Ok(json!({"items": items}))
            }
            Ask::DescribeTable {} => {
                Ok(json!({"table": TABLE, "items": locked(&self.store).len()}))
            }
        }
    }
}

async fn asked(State(table): State<Arc<Table>>, headers: HeaderMap, body: Bytes) -> Response {
    let began = Instant::now();
    let ask: Ask = match serde_json::from_slice(&body) {
        Ok(ask) => ask,
        Err(error) => {
            let message = format!("the request is not understood: {error}");
            return answer(
                StatusCode::BAD_REQUEST,
                json!({"__type": "ValidationException", "message": message}),
            );
        }
    };
    let action = ask.name();
    let work = Work::serving(&table.telemetry, format!("{action} {TABLE}"), &headers);
    work.set("db.system.name", "aws.dynamodb");
    work.set("db.operation.name", action);
    work.set("db.collection.name", TABLE);
    let statement = match &ask {
        Ask::Query { index, .. } => format!("Query on {TABLE} by {index}"),
        _ => format!("{action} on {TABLE}"),
    };
    let outcome = match table.admit(&headers, &body, action) {
        Ok(caller) => {
            work.set("enduser.id", caller.role);
            table.carry_out(ask, &work).await
        }
        Err(refused) => {
            table.meters.errors.add(1, &[]);
            Err(refused)
        }
    };
    let taken = began.elapsed();
    let label = [KeyValue::new("db.operation.name", action)];
    table.meters.requests.add(1, &label);
    table.meters.duration.record(taken.as_secs_f64(), &label);
    if taken > SLOW {
        table.telemetry.log(
            Severity::Warn,
            format!(
                "slow query: {statement} took {} ms; full table scan examined {} records",
                taken.as_millis(),
                locked(&table.store).len()
            ),
            &[("db.operation.name", action.to_owned())],
            Some(&work),
        );
    }
    let reply = match outcome {
        Ok(body) => answer(StatusCode::OK, body),
        Err(refused) => {
            work.set("error.type", refused.kind);
            // As the semantic conventions have it: what the caller did wrong is no error of the server's span.
            let status = match refused.kind {
                "InternalServerError" => StatusCode::INTERNAL_SERVER_ERROR,
                _ => StatusCode::BAD_REQUEST,
            };
            if status.is_server_error() || refused.kind == THROUGHPUT_EXCEEDED {
                work.failed(format!("{}: {}", refused.kind, refused.message));
            }
            answer(
                status,
                json!({"__type": refused.kind, "message": refused.message}),
            )
        }
    };
    work.end();
    reply
}

/// What can happen to a table by itself.
#[derive(Debug, Deserialize)]
struct Nature {
    /// Its host's clock is off by so many milliseconds.
    clock_offset_ms: Option<i64>,
    /// It takes in so many records of the other region per second; a million is as many as come.
    replicated_per_second: Option<f64>,
}

async fn nature(
    State(table): State<Arc<Table>>,
    axum::Json(nature): axum::Json<Nature>,
) -> Response {
    if let Some(offset) = nature.clock_offset_ms {
        table.clock.set_offset_ms(offset);
    }
    if let Some(rate) = nature.replicated_per_second {
        table
            .replica
            .set_rate(Some(rate).filter(|rate| *rate < 1e6));
    }
    answer(StatusCode::OK, json!({}))
}

/// Sets right what the control plane says shall be set right.
async fn obey(table: Arc<Table>) {
    let mut config = table.config.clone();
    let host = host_of(&table.region, "table")
        .map(|host| host.name)
        .unwrap_or_default();
    let read = |config: &RegionConfig| {
        (
            config.table.replication_restarts,
            config.clock_syncs.get(&host).copied().unwrap_or(0),
        )
    };
    let (mut restarts, mut syncs) = read(&config.borrow_and_update());
    while config.changed().await.is_ok() {
        let (new_restarts, new_syncs) = read(&config.borrow_and_update());
        if new_restarts != restarts {
            table.replica.set_rate(None);
            table
                .telemetry
                .info("replication: stream started afresh", &[], None);
        }
        if new_syncs != syncs {
            table.clock.set_offset_ms(0);
            let now = rfc3339(table.clock.now_ms());
            table
                .telemetry
                .info(format!("clock synchronised; it is {now}"), &[], None);
        }
        (restarts, syncs) = (new_restarts, new_syncs);
    }
}

/// Runs one region's table.
pub async fn run(process: Process) -> Result<(), Failure> {
    process.announce()?;
    let config = follow_config(&process).await?;
    let region = process.region.clone();
    let telemetry = process.exporting.entity(
        &EntityName::table(&region),
        &[("host.name", format!("table-host.{region}"))],
    )?;
    let store = Store::open(&process.state.file(&format!("ledger-{region}.jsonl")))?;
    let now = process.clock.now_ms();
    let held = config.borrow().table.clone();
    let meters = Meters::new(&telemetry);
    meters.items.record(store.len() as u64, &[]);
    let table = Arc::new(Table {
        buckets: Mutex::new((
            Bucket::new(now, held.read_capacity),
            Bucket::new(now, held.write_capacity),
        )),
        clock: process.clock.clone(),
        key: SigningKey::new(&process.settings.signing_key),
        replica: replication::Replica::new(&telemetry),
        arrived: Notify::new(),
        store: Mutex::new(store),
        meters,
        region,
        config,
        telemetry: telemetry.clone(),
    });
    tokio::spawn(obey(Arc::clone(&table)));
    tokio::spawn(replication::send(Arc::clone(&table), process.state.clone()));
    let key: Arc<str> = process.settings.signing_key.as_str().into();
    let routes = Router::new()
        .route("/_nature", post(nature))
        .route_layer(from_fn_with_state(key, insiders_only))
        .route("/", post(asked))
        .route("/replicate", post(replication::receive))
        .with_state(table);
    process.serve(routes, vec![telemetry]).await
}
