//! How a table copies itself to the other region.
//!
//! The sender offers what has arrived here, in order; the receiver says how many it took in, and the sender
//! goes on from there. Nothing is ever given up: after a partition or a restart the sender offers again from
//! the last place that the receiver confirmed, and records taken twice change nothing (the later write wins).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use opentelemetry::logs::Severity;
use opentelemetry::metrics::Gauge;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::store::Item;
use super::{Table, locked};
use crate::clock::true_ms;
use crate::deployment::{StateFolder, read_json, write_json};
use crate::hop::plain_client;
use crate::names::{EntityName, other_region};
use crate::process::answer;
use crate::signing::Caller;
use crate::telemetry::Telemetry;

/// Records offered at once.
const OFFERED: usize = 200;
/// Between two offers when there is nothing new: tells the receiver that it is up to date.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// The receiving side.
pub(super) struct Replica {
    lag: Gauge<f64>,
    pending: Gauge<u64>,
    taking: Mutex<Taking>,
}

struct Taking {
    /// Records per second; `None` takes all.
    rate: Option<f64>,
    credit: f64,
    since_ms: i64,
}

impl Replica {
    pub fn new(telemetry: &Telemetry) -> Self {
        let meter = telemetry.meter();
        let replica = Self {
            lag: meter
                .f64_gauge("table.replication.lag")
                .with_unit("s")
                .with_description(
                    "age of the oldest write of the other region that is not here yet",
                )
                .build(),
            pending: meter
                .u64_gauge("table.replication.pending_records")
                .with_description("writes of this region that the other has not confirmed")
                .build(),
            taking: Mutex::new(Taking {
                rate: None,
                credit: 0.0,
                since_ms: true_ms(),
            }),
        };
        replica.lag.record(0.0, &[]);
        replica.pending.record(0, &[]);
        replica
    }

    pub fn set_rate(&self, rate: Option<f64>) {
        let mut taking = locked(&self.taking);
        *taking = Taking {
            rate: rate.filter(|rate| rate.is_finite() && *rate >= 0.0),
            credit: 0.0,
            since_ms: true_ms(),
        };
    }

    /// How many of so many records can be taken in now.
    fn room_for(&self, offered: usize) -> usize {
        let mut taking = locked(&self.taking);
        let Some(rate) = taking.rate else {
            return offered;
        };
        let now = true_ms();
        taking.credit += rate * (now - taking.since_ms).max(0) as f64 / 1_000.0;
        taking.credit = taking.credit.min(OFFERED as f64);
        taking.since_ms = now;
        let room = (taking.credit.floor() as usize).min(offered);
        taking.credit -= room as f64;
        room
    }
}

#[derive(Serialize, Deserialize)]
struct Offer {
    items: Vec<Item>,
}

#[derive(Serialize, Deserialize)]
struct Taken {
    taken: usize,
}

/// What the sender has on disk.
#[derive(Default, Serialize, Deserialize)]
struct Progress {
    confirmed: usize,
}

/// Takes in what the other region offers.
pub(super) async fn receive(
    State(table): State<Arc<Table>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Err(refused) = table.admit(&headers, &body, "Replicate") {
        return answer(
            StatusCode::BAD_REQUEST,
            json!({"__type": refused.kind, "message": refused.message}),
        );
    }
    let offer: Offer = match serde_json::from_slice(&body) {
        Ok(offer) => offer,
        Err(error) => {
            let message = format!("the offer is not understood: {error}");
            return answer(StatusCode::BAD_REQUEST, json!({"message": message}));
        }
    };
    let room = table.replica.room_for(offer.items.len());
    // A record that came from here and goes back is no lag of the other region's writes.
    let waiting = offer
        .items
        .get(room..)
        .unwrap_or_default()
        .iter()
        .find(|item| item.origin != table.region)
        .map(|item| item.written_ms);
    let mut store = locked(&table.store);
    let mut taken = 0;
    for item in offer.items.into_iter().take(room) {
        if store.merge(item).is_err() {
            // A disk that cannot be written takes nothing in; the sender will offer again.
            break;
        }
        taken += 1;
    }
    table.meters.items.record(store.len() as u64, &[]);
    drop(store);
    let lag = waiting.map_or(0.0, |written| {
        (table.clock.now_ms() - written).max(0) as f64 / 1_000.0
    });
    table.replica.lag.record(lag, &[]);
    answer(StatusCode::OK, json!(Taken { taken }))
}

/// Offers what arrives here to the other region, for ever.
pub(super) async fn send(table: Arc<Table>, state: StateFolder) {
    let peer = other_region(&table.region);
    let path = state.file(&format!("replicated-{}-to-{peer}.json", table.region));
    let mut confirmed = read_json::<Progress>(&path).unwrap_or_default().confirmed;
    let address = loop {
        let found = state.deployment().ok().and_then(|deployment| {
            let mut regions = deployment.regions.into_iter();
            regions.find(|region| region.name == peer)
        });
        if let Some(region) = found {
            break region.table;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let Ok(client) = plain_client(Duration::from_secs(5)) else {
        return;
    };
    let mut failures = 0_u32;
    loop {
        let (body, from, behind) = {
            let store = locked(&table.store);
            confirmed = confirmed.min(store.arrivals());
            let (items, _) = store.arrived(confirmed, OFFERED);
            let offer = Offer {
                items: items.into_iter().cloned().collect(),
            };
            let behind = store.arrivals() - confirmed;
            (
                serde_json::to_vec(&offer).unwrap_or_default(),
                confirmed,
                behind,
            )
        };
        table.replica.pending.record(behind as u64, &[]);
        match offer(&table, &client, &address, body).await {
            Ok(taken) => {
                if failures >= 3 {
                    table.telemetry.info(
                        format!(
                            "replication to {peer} works again; {behind} records are sent after"
                        ),
                        &[],
                        None,
                    );
                }
                failures = 0;
                confirmed = from + taken;
                if taken > 0 {
                    // If this cannot be written, more is offered again after a restart; no harm is done.
                    let _ = write_json(&path, &Progress { confirmed });
                }
                let left = behind.saturating_sub(taken);
                let pause = if left == 0 {
                    HEARTBEAT
                } else if taken == 0 {
                    Duration::from_millis(500)
                } else {
                    Duration::ZERO
                };
                let _ = tokio::time::timeout(pause, table.arrived.notified()).await;
                if left > 0 && taken == 0 {
                    // New arrivals cut the pause short; a receiver that is full is not to be pressed.
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
            Err(why) => {
                failures = failures.saturating_add(1);
                if failures == 3 {
                    table.telemetry.log(
                        Severity::Error,
                        format!("replication to {} fails: {why}", EntityName::table(peer)),
                        &[],
                        None,
                    );
                }
                let pause = 100 * u64::from(failures.min(20));
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
        }
    }
}

async fn offer(
    table: &Table,
    client: &reqwest::Client,
    address: &str,
    body: Vec<u8>,
) -> Result<usize, String> {
    let caller = Caller {
        role: "ledger-replication".into(),
        session: table.region.clone(),
    };
    let signed = table.key.sign(&caller, table.clock.now_ms(), &body);
    let reply = client
        .post(format!("{address}/replicate"))
        .header("authorization", signed)
        .body(body)
        .send()
        .await
        .map_err(|error| error.to_string())?;
    let status = reply.status();
    let body = reply.bytes().await.map_err(|error| error.to_string())?;
    if !status.is_success() {
        return Err(format!("{status}: {}", String::from_utf8_lossy(&body)));
    }
    serde_json::from_slice::<Taken>(&body)
        .map(|taken| taken.taken)
        .map_err(|error| error.to_string())
}
