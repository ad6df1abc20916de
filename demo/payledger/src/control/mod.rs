//! The control plane: every change that an operator makes goes through here and into the audit log.

pub mod artifacts;
mod book;
mod certificates;
pub mod mutation;
mod routes;
mod topology;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::clock::{parse_rfc3339, rfc3339, true_ms};
use crate::config::RegionConfig;
use crate::failure::Failure;
use crate::names::{EntityName, REGIONS};
use crate::process::Process;
use book::{Actor, Book, Refused};
use certificates::{Authority, LIFETIME};
use mutation::{Mutation, What};

/// How long a change waits until every process of its region has it; after that it is `InProgress`.
const PATIENCE: Duration = Duration::from_secs(2);

/// The control plane.
struct Control {
    book: Mutex<Book>,
    authority: Authority,
    /// Goes up with every change, so that those who wait look again.
    changed: watch::Sender<u64>,
    /// Which generation each process has acknowledged, by process.
    seen: Mutex<BTreeMap<String, u64>>,
    acknowledged: watch::Sender<u64>,
    key: Arc<str>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a request is answered: HTTP status and body.
type Answered = (u16, Value);

impl Control {
    fn start(process: &Process) -> Result<Self, Failure> {
        let mut book = Book::open(process.state.file("control.json"))?;
        let authority = Authority::found(&process.state.path().join("certificates"))?;
        for region in REGIONS {
            issue(&mut book, &authority, region, SystemTime::now() + LIFETIME)?;
        }
        let generation = newest(&book);
        Ok(Self {
            book: Mutex::new(book),
            authority,
            changed: watch::channel(generation).0,
            seen: Mutex::default(),
            acknowledged: watch::channel(0).0,
            key: process.settings.signing_key.as_str().into(),
        })
    }

    /// A region's configuration once it is newer than `after`, or after a while as it is.
    async fn newer(&self, region: &str, process: &str, after: u64) -> Option<RegionConfig> {
        locked(&self.seen).insert(process.to_owned(), after);
        self.acknowledged.send_modify(|count| *count += 1);
        let mut changed = self.changed.subscribe();
        let read = || {
            let held = locked(&self.book).regions().get(region).cloned();
            held.filter(|config| config.generation > after)
        };
        let waiting = async {
            loop {
                if let Some(config) = read() {
                    return Some(config);
                }
                if changed.changed().await.is_err() {
                    return None;
                }
            }
        };
        match tokio::time::timeout(Duration::from_secs(20), waiting).await {
            Ok(config) => config,
            Err(_) => locked(&self.book).regions().get(region).cloned(),
        }
    }

    /// Does every process of the region that ever asked have this generation?
    fn everybody_has(&self, region: &str, generation: u64) -> bool {
        locked(&self.seen)
            .iter()
            .filter(|(process, _)| process.ends_with(region))
            .all(|(_, seen)| *seen >= generation)
    }

    async fn wait_until_acted_on(&self, region: &str, generation: u64) -> bool {
        let mut acknowledged = self.acknowledged.subscribe();
        let waiting = async {
            while !self.everybody_has(region, generation) {
                if acknowledged.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.is_ok()
    }

    /// Makes a change once per key, and answers the same when asked again.
    async fn change(
        &self,
        mutation: &Mutation,
        reverts: Option<&str>,
        actor: &Actor,
        key: Option<&str>,
        request: &str,
    ) -> Answered {
        let outcome = {
            let mut book = locked(&self.book);
            if let Some(known) = key.and_then(|key| book.operation(key)) {
                return replay(known, request);
            }
            let (status, body) = match self.change_book(&mut book, mutation, reverts, actor) {
                Ok(id) => (200, self.accepted(&book, mutation, &id)),
                Err(refused) => refusal(&refused),
            };
            // What failed on our side may be tried again under the same key.
            if let Some(key) = key
                && status != 500
                && let Err(failure) = book.remember(key, request.to_owned(), status, body.clone())
            {
                return (500, json!({"message": failure.to_string()}));
            }
            (status, body)
        };
        let (status, mut body) = outcome;
        if status == 200 {
            let generation = body["generation"].as_u64().unwrap_or(0);
            self.changed.send_replace(generation);
            let acted = self.wait_until_acted_on(&mutation.region, generation).await;
            body["lastUpdateStatus"] = if acted { "Successful" } else { "InProgress" }.into();
        }
        (status, body)
    }

    fn change_book(
        &self,
        book: &mut Book,
        mutation: &Mutation,
        reverts: Option<&str>,
        actor: &Actor,
    ) -> Result<String, Refused> {
        let renews = matches!(mutation.what, What::RenewCertificate {});
        let id = book.change(mutation, actor, |config| {
            if renews {
                self.certify(config, SystemTime::now() + LIFETIME)?;
            }
            Ok(())
        })?;
        if let Some(undone) = reverts {
            book.undone(undone, &id)?;
        }
        Ok(id)
    }

    fn certify(&self, config: &mut RegionConfig, not_after: SystemTime) -> Result<(), Failure> {
        let region = config
            .functions
            .values()
            .find_map(|function| function.environment.get("REGION").cloned())
            .unwrap_or_default();
        certify(&self.authority, config, &region, not_after)
    }

    fn accepted(&self, book: &Book, mutation: &Mutation, id: &str) -> Value {
        let config = book.regions().get(&mutation.region);
        json!({
            "eventID": id,
            "entity": mutation.entity().to_string(),
            "generation": config.map_or(0, |config| config.generation),
        })
    }

    /// The change that puts back what an event altered.
    async fn revert(&self, id: &str, actor: &Actor, key: Option<&str>, request: &str) -> Answered {
        let undo = {
            let book = locked(&self.book);
            // First the key: repeated, this must answer what it answered, not "already put back".
            if let Some(known) = key.and_then(|key| book.operation(key)) {
                return replay(known, request);
            }
            book.undo_of(id)
        };
        match undo {
            Ok(mutation) => self.change(&mutation, Some(id), actor, key, request).await,
            Err(refused) => {
                let (status, body) = refusal(&refused);
                if let Some(key) = key {
                    // The answer stands whether or not it could be written down.
                    let _ =
                        locked(&self.book).remember(key, request.to_owned(), status, body.clone());
                }
                (status, body)
            }
        }
    }

    /// What happens by itself: a certificate comes to its end sooner than anybody thought; with a negative
    /// number it has come to it already.
    fn expire_certificate(&self, region: &str, seconds: f64) -> Result<(), Failure> {
        let by = Duration::try_from_secs_f64(seconds.abs()).unwrap_or(Duration::ZERO);
        let now = SystemTime::now();
        let end = if seconds < 0.0 {
            now.checked_sub(by)
        } else {
            now.checked_add(by)
        };
        let mut book = locked(&self.book);
        issue(&mut book, &self.authority, region, end.unwrap_or(now))?;
        self.changed.send_replace(newest(&book));
        Ok(())
    }

    fn function(&self, region: &str, name: &str) -> Option<Value> {
        let book = locked(&self.book);
        let config = book.regions().get(region)?;
        let held = config.functions.get(name)?;
        let entity = EntityName::function(region, name);
        let settled = self.everybody_has(region, config.generation);
        Some(json!({
            "entity": entity.to_string(),
            "arn": entity.arn(),
            "region": region,
            "functionName": name,
            "role": held.role,
            "roleArn": EntityName::role(&held.role).arn(),
            "environment": held.environment,
            "reservedConcurrentExecutions": held.reserved_concurrency,
            "version": held.version,
            "build": artifacts::find(name, &held.version),
            "versions": artifacts::versions(name),
            "timeout": held.timeout_seconds,
            "memorySize": held.memory_mb,
            "restarts": held.restarts,
            "lastModified": held.last_modified,
            "state": "Active",
            "lastUpdateStatus": if settled { "Successful" } else { "InProgress" },
            "generation": config.generation,
        }))
    }
}

fn replay(known: &book::Operation, request: &str) -> Answered {
    if known.request == request {
        let mut body = known.answer.clone();
        body["replayed"] = true.into();
        (known.status, body)
    } else {
        (
            422,
            json!({"message": format!("this Idempotency-Key was used for another request: {}", known.request)}),
        )
    }
}

fn refusal(refused: &Refused) -> Answered {
    use mutation::Impossible;
    let status = match refused {
        Refused::Impossible(Impossible::NoSuch(_)) => 404,
        Refused::Impossible(Impossible::Invalid(_)) => 400,
        Refused::AlreadyUndone(_) => 409,
        Refused::Failed(_) => 500,
    };
    (status, json!({"message": refused.to_string()}))
}

fn newest(book: &Book) -> u64 {
    book.regions()
        .values()
        .map(|config| config.generation)
        .max()
        .unwrap_or(0)
}

fn issue(
    book: &mut Book,
    authority: &Authority,
    region: &str,
    not_after: SystemTime,
) -> Result<(), Failure> {
    let mut outcome = Ok(());
    book.alter(region, |config| {
        outcome = certify(authority, config, region, not_after);
    })?;
    outcome
}

fn certify(
    authority: &Authority,
    config: &mut RegionConfig,
    region: &str,
    not_after: SystemTime,
) -> Result<(), Failure> {
    let issued = authority.client(region, not_after)?;
    let until = not_after
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        });
    let payments = &mut config.payments;
    payments.certificate_serial += 1;
    payments.certificate_not_after = rfc3339(until);
    payments.certificate_pem = issued.certificate_pem;
    payments.key_pem = issued.key_pem;
    Ok(())
}

/// Days until a moment, negative once it is past.
pub fn days_left(not_after: &str) -> f64 {
    let until = parse_rfc3339(not_after).unwrap_or(0);
    (until - true_ms()) as f64 / 86_400_000.0
}

/// Runs the control plane.
pub async fn run(process: Process) -> Result<(), Failure> {
    let control = Arc::new(Control::start(&process)?);
    process.announce()?;
    process.serve(routes::routes(control), Vec::new()).await
}
