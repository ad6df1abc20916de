//! Steady clients: they pay, list and look at balances, and write down what was acknowledged.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::chance::Sequence;
use crate::clock::{rfc3339, true_ms};
use crate::deployment::StateFolder;
use crate::failure::Failure;
use crate::hop::plain_client;
use crate::process::{Process, answer, insiders_only};

/// Tries of one payment, always under one key.
const TRIES: u32 = 4;
/// Tries of a payment that has to succeed: enough to outlast a failover.
pub const PATIENT: u32 = 30;
/// Requests that may be on their way at once; beyond it the clients hold back, so that a machine which is too
/// slow for them is not buried under what they still want.
const AT_ONCE: u64 = 64;

/// One transaction that was acknowledged: a line of `acknowledged.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// The transaction's id.
    pub id: String,
    /// In minor units.
    pub amount: i64,
    /// Whose.
    pub account: String,
    /// When it was acknowledged, RFC 3339.
    pub at: String,
}

/// The file of acknowledged transactions.
pub fn ledger_file(state: &StateFolder) -> PathBuf {
    state.file("acknowledged.jsonl")
}

/// Everything that was acknowledged so far. A last line that was cut off is left out: nobody was told yet.
pub fn acknowledged(state: &StateFolder) -> Result<Vec<Acknowledged>, Failure> {
    let path = ledger_file(state);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(Failure::new(format!(
                "{}: cannot be read: {error}",
                path.display()
            )));
        }
    };
    Ok(BufReader::new(file)
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| serde_json::from_str(&line).ok())
        .collect())
}

/// What happened so far.
#[derive(Debug, Default)]
pub struct Tally {
    requests: AtomicU64,
    failures: AtomicU64,
    acknowledged: AtomicU64,
    abandoned: AtomicU64,
    running: AtomicU64,
}

impl Tally {
    /// As JSON.
    pub fn describe(&self) -> Value {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        json!({
            "requests": read(&self.requests),
            "failures": read(&self.failures),
            "acknowledged": read(&self.acknowledged),
            "abandoned": read(&self.abandoned),
            "running": read(&self.running),
        })
    }
}

/// The clients.
pub struct Clients {
    http: reqwest::Client,
    router: String,
    file: Mutex<File>,
    /// What happened so far.
    pub tally: Tally,
    run: String,
}

impl Clients {
    /// Of this router; acknowledged transactions are added to the state folder's file.
    pub fn new(state: &StateFolder, router: &str) -> Result<Self, Failure> {
        let path = ledger_file(state);
        let file = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(|error| {
                Failure::new(format!("{}: cannot be written: {error}", path.display()))
            })?;
        Ok(Self {
            http: plain_client(Duration::from_secs(8))?,
            router: router.to_owned(),
            file: Mutex::new(file),
            tally: Tally::default(),
            run: crate::chance::hex::<6>(),
        })
    }

    /// One request of the mix: two in five pay, the others read.
    async fn one(&self, number: u64, dice: u64) {
        let mut sequence = Sequence::new(dice);
        match sequence.below(10) {
            0..=3 => {
                self.pay(number, sequence, TRIES).await;
            }
            4..=6 => self.read("/transactions").await,
            _ => self.read("/balance").await,
        }
    }

    async fn read(&self, path: &str) {
        self.tally.requests.fetch_add(1, Ordering::Relaxed);
        let reply = self.http.get(format!("{}{path}", self.router)).send().await;
        if !reply.is_ok_and(|reply| reply.status().is_success()) {
            self.tally.failures.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// One payment. Was it acknowledged?
    pub async fn pay(&self, number: u64, mut dice: Sequence, tries: u32) -> bool {
        const REASONS: [&str; 6] = [
            "groceries",
            "rent",
            "salary",
            "transport",
            "refund",
            "coffee",
        ];
        let account = format!("acct-{:02}", 1 + dice.below(24));
        let sum = i64::try_from(100 + dice.below(50_000)).unwrap_or(100);
        let amount = if dice.below(10) < 3 { -sum } else { sum };
        let reason = REASONS[usize::try_from(dice.below(6)).unwrap_or(0)];
        let key = format!("{}-{number}", self.run);
        let body = json!({"account": account, "amount": amount, "description": reason});
        for attempt in 0..tries {
            if attempt > 0 {
                tokio::time::sleep(Duration::from_millis(700 * u64::from(attempt.min(3)))).await;
            }
            self.tally.requests.fetch_add(1, Ordering::Relaxed);
            let sent = self
                .http
                .post(format!("{}/transaction", self.router))
                .header("idempotency-key", &key)
                .json(&body)
                .send()
                .await;
            if let Ok(reply) = sent
                && [StatusCode::CREATED, StatusCode::OK].contains(&reply.status())
                && let Ok(said) = reply.json::<Value>().await
                && let Some(id) = said["id"].as_str()
            {
                return self.write_down(Acknowledged {
                    id: id.to_owned(),
                    amount,
                    account,
                    at: rfc3339(true_ms()),
                });
            }
            self.tally.failures.fetch_add(1, Ordering::Relaxed);
        }
        self.tally.abandoned.fetch_add(1, Ordering::Relaxed);
        false
    }

    fn write_down(&self, acknowledged: Acknowledged) -> bool {
        let Ok(mut line) = serde_json::to_vec(&acknowledged) else {
            return false;
        };
        line.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let written = file.write_all(&line).is_ok();
        self.tally
            .acknowledged
            .fetch_add(u64::from(written), Ordering::Relaxed);
        written
    }
}

/// Sends the mix at `rate(now)` requests per second until dropped: evenly, with a fifth of jitter, and never
/// waiting for an answer before the next is sent, as strangers do.
pub async fn keep_up(clients: Arc<Clients>, seed: u64, rate: impl Fn() -> f64) {
    let mut dice = Sequence::new(seed);
    let mut number = 0;
    let mut next = tokio::time::Instant::now();
    loop {
        let now_rate = rate();
        if now_rate <= 0.0 {
            tokio::time::sleep(Duration::from_millis(200)).await;
            next = tokio::time::Instant::now();
            continue;
        }
        let gap = (0.8 + 0.4 * dice.unit()) / now_rate;
        next += Duration::try_from_secs_f64(gap)
            .unwrap_or(Duration::from_secs(1))
            .min(Duration::from_secs(5));
        // After a pause of the whole machine nothing is made up for.
        next = next.max(tokio::time::Instant::now());
        tokio::time::sleep_until(next).await;
        if clients.tally.running.load(Ordering::Relaxed) >= AT_ONCE {
            continue;
        }
        number += 1;
        let (clients, roll) = (Arc::clone(&clients), dice.next());
        clients.tally.running.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(async move {
            clients.one(number, roll).await;
            clients.tally.running.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

#[derive(Deserialize)]
struct Nature {
    /// How many times the usual rate.
    times: f64,
}

/// Runs the steady load.
pub async fn run(process: Process) -> Result<(), Failure> {
    process.announce()?;
    let deployment = process.deployment().await;
    let clients = Arc::new(Clients::new(&process.state, &deployment.router)?);
    let times = Arc::new(Mutex::new(1.0_f64));
    let base = process.settings.rate;
    let read = Arc::clone(&times);
    let seed = u64::from_le_bytes(crate::chance::bytes());
    tokio::spawn(keep_up(Arc::clone(&clients), seed, move || {
        base * *read.lock().unwrap_or_else(PoisonError::into_inner)
    }));
    let key: Arc<str> = process.settings.signing_key.as_str().into();
    let nature = move |Json(nature): Json<Nature>| async move {
        let wanted = nature.times;
        if !(0.0..=100.0).contains(&wanted) {
            return answer(
                StatusCode::BAD_REQUEST,
                json!({"message": "times must be from 0 to 100"}),
            );
        }
        *times.lock().unwrap_or_else(PoisonError::into_inner) = wanted;
        answer(StatusCode::OK, json!({}))
    };
    let routes = Router::new()
        .route("/_nature", post(nature))
        .route_layer(from_fn_with_state(key, insiders_only))
        .route(
            "/tally",
            get(move || {
                let said = clients.tally.describe();
                async move { Json(said) }
            }),
        );
    process.serve(routes, Vec::new()).await
}
