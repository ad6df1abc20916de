//! Where others post: from the configuration to decoders, and from what they read to the watch.
//!
//! A delivery is admitted, read, and on the disk before its sender is answered; [`Posts::pass_on`] brings its alarms to
//! the watch after that, in their order, so that a storm waits in the store and not in the sender. Changes stay in the
//! store, where every look reads them. People's answers go the way of those at the desk.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use connectors::delivery::outside::{Network, Outside};
use connectors::delivery::{self, proof};
use connectors::hidden::Hidden;
use connectors::{
    alertmanager, cloudevents, cloudwatch, datadog, github, gitlab, grafana, pagerduty, slack,
};
use model::Alarm;
use model::people::Role;
use model::ports::{AlarmDecoder, Clock as _, Heard, Posted, Said, Unheard};
use server::api::house::Fault;
use server::auth::Accounts;
use server::control::{Desk as _, Person, Reply, Request};
use server::inlets::{Inlets, Kept, Receipt, Refused, Standing};
use store::deliveries::{Delivered, Deliveries, Limits};

use super::desk::LiveDesk;
use super::house::House;
use super::live::SystemClock;
use crate::config::{Inlet, Kind};
use crate::problem::Problem;

/// Headers that tell how a body is to be read. No other is kept: some hold secrets.
const TELLING: &[&str] = &[
    "content-type",
    "user-agent",
    "x-amz-sns-message-type",
    "x-github-event",
    "x-github-delivery",
    "x-gitlab-event",
    "x-gitlab-event-uuid",
    "idempotency-key",
    "webhook-id",
];

/// Alarms that are brought to the watch in one go.
const AT_ONCE: u32 = 200;

/// How often the store is asked for alarms that wait although nothing was posted: what was left before a restart, or by
/// a journal that could not be written.
const LOOK: Duration = Duration::from_secs(2);

/// The longest text of a refusal that is remembered.
const LONGEST: usize = 600;

/// One inlet.
struct Door {
    kind: Kind,
    decoder: Box<dyn AlarmDecoder>,
    /// Its secret, which a sender may have put into what it posts, too.
    hidden: Hidden,
    longest: usize,
    standing: Mutex<Standing>,
}

impl Door {
    fn standing(&self) -> MutexGuard<'_, Standing> {
        // Whoever panicked while counting left at worst one number short.
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All inlets of a server.
pub struct Posts {
    store: Option<Arc<Deliveries>>,
    doors: BTreeMap<String, Door>,
    outside: Arc<dyn Outside>,
    desk: OnceLock<Weak<LiveDesk>>,
    /// The space that they belong to.
    space: String,
    /// Who is known, beside those whom the configuration names.
    accounts: OnceLock<Arc<Accounts>>,
    /// Something was posted since the store was last asked.
    posted: AtomicBool,
    asked: Mutex<Option<Instant>>,
}

impl Posts {
    /// As configured. Without inlets nothing is opened.
    pub fn open(house: &House) -> Result<Self, Problem> {
        let network = Network::new().map_err(|error| {
            let remedy = "see to the limits of this machine on threads and files";
            Problem::bad_input(error, "inlets", remedy)
        })?;
        Self::reaching(house, Arc::new(network))
    }

    /// As configured, with this way to the outside.
    pub fn reaching(house: &House, outside: Arc<dyn Outside>) -> Result<Self, Problem> {
        house.reachable()?;
        let doors = doors(house, &outside)?;
        let store = if doors.is_empty() {
            None
        } else {
            let opened = Deliveries::open(house.data(), Limits::default()).map_err(|error| {
                let place = error.path.display().to_string();
                Problem::bad_input(
                    error.to_string(),
                    place,
                    "see to the disk of the data folder",
                )
            })?;
            Some(Arc::new(opened))
        };
        Ok(Self {
            store,
            doors,
            outside,
            desk: OnceLock::new(),
            space: house.space().to_string(),
            accounts: OnceLock::new(),
            posted: AtomicBool::new(true),
            asked: Mutex::default(),
        })
    }

    /// Who answers people's yes and no, and who is known.
    pub fn answered_by(&self, desk: &Arc<LiveDesk>, accounts: &Arc<Accounts>) {
        // Set once, by the one who starts the server.
        let _ = self.desk.set(Arc::downgrade(desk));
        let _ = self.accounts.set(Arc::clone(accounts));
    }

    /// May the account of that name answer at all? A yes is then asked of the gate. Names in the configuration may: they
    /// are its approvers.
    fn may_answer(&self, desk: &LiveDesk, name: &str) -> Result<bool, String> {
        if desk.is_approver(name) {
            return Ok(true);
        }
        let Some(accounts) = self.accounts.get() else {
            return Ok(false);
        };
        let found = accounts.book().account(name);
        let found = found.map_err(|error| error.to_string())?;
        let role = found.and_then(|account| account.grants.role_in(&self.space));
        Ok(role >= Some(Role::Responder))
    }

    /// Where changes are kept, if any inlet tells of some.
    pub fn changes(&self) -> Option<Arc<Deliveries>> {
        let told = self.doors.values().any(|door| door.kind.tells_changes());
        self.store.clone().filter(|_| told)
    }

    /// Hands alarms that wait to `bring`, which leaves those that it could not bring. True if more may wait.
    pub fn pass_on(
        &self,
        bring: impl FnOnce(&mut Vec<Alarm>) -> Result<(), String>,
    ) -> Result<bool, String> {
        let Some(store) = &self.store else {
            return Ok(false);
        };
        {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            let due = asked.is_none_or(|asked| asked.elapsed() >= LOOK);
            if !self.posted.swap(false, Ordering::SeqCst) && !due {
                return Ok(false);
            }
            *asked = Some(Instant::now());
        }
        let owed = store.owed(AT_ONCE).map_err(|error| error.to_string())?;
        if owed.is_empty() {
            return Ok(false);
        }
        let full = owed.len() == AT_ONCE as usize;
        let mut alarms: Vec<Alarm> = owed.iter().map(|(_, alarm)| alarm.clone()).collect();
        let outcome = bring(&mut alarms);
        // What is left keeps its order: each is the next of those that were handed over.
        let mut left = alarms.iter().peekable();
        let mut places = Vec::new();
        for (place, alarm) in &owed {
            if left.peek().is_some_and(|next| *next == alarm) {
                left.next();
            } else {
                places.push(*place);
            }
        }
        store.brought(places).map_err(|error| error.to_string())?;
        if full {
            self.posted.store(true, Ordering::SeqCst);
        }
        outcome.map(|()| full)
    }

    fn taken(&self, name: &str, door: &Door, posted: &Posted) -> Result<Receipt, Unheard> {
        let now = SystemClock.now();
        let store = self
            .store
            .as_ref()
            .ok_or_else(|| Unheard::Later("nothing can be kept here".to_string()))?;
        door.decoder.admit(posted, now)?;
        // Once it is known from whom it is, since signatures are made over what came.
        let posted = &without(&door.hidden, posted);
        let (heard, unreadable) = match door.decoder.read(posted, now) {
            Ok(heard) => (heard, None),
            Err(Unheard::Unreadable(why)) => {
                let remark = why.clone();
                (
                    Heard {
                        remark,
                        ..Heard::default()
                    },
                    Some(Unheard::Unreadable(why)),
                )
            }
            Err(other) => return Err(other),
        };
        if let Some(url) = &heard.visit {
            // Before it is remembered: what fails is sent again, and must not be known then.
            self.outside.get(url).map_err(|why| {
                Unheard::Later(format!("the subscription could not be confirmed: {why}"))
            })?;
        }
        let delivered = Delivered {
            inlet: name.to_string(),
            key: heard
                .key
                .clone()
                .unwrap_or_else(|| delivery::key(&posted.body)),
            at: now,
            headers: telling(posted),
            body: posted.body.clone(),
            alarms: heard.alarms,
            changes: heard.changes,
            remark: heard.remark.clone(),
            readable: unreadable.is_none(),
        };
        let taken = store
            .take(delivered)
            .map_err(|error| Unheard::Later(error.to_string()))?;
        if let Some(unreadable) = unreadable {
            return Err(unreadable);
        }
        if taken.alarms > 0 {
            self.posted.store(true, Ordering::SeqCst);
        }
        let mut receipt = Receipt {
            known: taken.known,
            alarms: taken.alarms,
            changes: taken.changes,
            answers: 0,
            remark: heard.remark,
        };
        if !taken.known {
            for said in &heard.said {
                self.answer(said);
                receipt.answers += 1;
            }
        }
        Ok(receipt)
    }

    /// Takes a person's answer to the desk, and tells them what became of it.
    fn answer(&self, said: &Said) {
        let outcome = match (&said.account, self.desk.get().and_then(Weak::upgrade)) {
            (None, _) => Err(format!(
                "You ({}) have no account here: an operator names it in `people` of this inlet. Nothing was done.",
                said.sender
            )),
            (_, None) => Err("The server is starting or ending. Press again.".to_string()),
            (Some(account), Some(desk)) if self.may_answer(&desk, account) != Ok(true) => {
                Err(format!(
                    "{account} ({}) may not answer plans here: that takes the role of a responder. Nothing was done.",
                    said.sender
                ))
            }
            (Some(account), Some(desk)) => {
                let who = Person {
                    name: account.clone(),
                    uid: u32::MAX,
                };
                let (incident, plan) = (said.incident.clone(), said.plan.clone());
                let request = if said.yes {
                    Request::Approve { incident, plan }
                } else {
                    let why = format!("refused by a button of {}", said.sender);
                    Request::Refuse {
                        incident,
                        plan,
                        why,
                    }
                };
                match desk.answer(&who, request) {
                    Reply::Done { said, .. } => Ok(said),
                    Reply::Refused { why } => Err(why),
                }
            }
        };
        let (Ok(text) | Err(text)) = &outcome;
        tracing::info!(
            sender = said.sender,
            account = said.account,
            incident = said.incident,
            done = outcome.is_ok(),
            text,
            "a person answered by a button"
        );
        if said.answer_to.is_empty() {
            return;
        }
        let (outside, url) = (Arc::clone(&self.outside), said.answer_to.clone());
        let text = text.clone();
        // The sender waits for an answer of its own; this one may take longer.
        std::thread::spawn(move || {
            if let Err(why) = outside.post(&url, &slack::interactions::answer(&text)) {
                tracing::warn!(
                    why,
                    "a person could not be told what became of their answer"
                );
            }
        });
    }
}

impl Inlets for Posts {
    fn longest(&self, name: &str) -> Option<usize> {
        self.doors.get(name).map(|door| door.longest)
    }

    fn deliver(&self, name: &str, posted: Posted) -> Result<Receipt, Unheard> {
        let Some(door) = self.doors.get(name) else {
            return Err(Unheard::Unwelcome("there is no such inlet".to_string()));
        };
        let outcome = self.taken(name, door, &posted);
        let mut standing = door.standing();
        let now = SystemClock.now();
        match &outcome {
            Ok(receipt) => {
                standing.last = Some(now);
                if receipt.known {
                    standing.known += 1;
                } else {
                    standing.taken += 1;
                }
                standing.alarms += receipt.alarms;
                standing.changes += receipt.changes;
            }
            Err(unheard) => {
                match unheard {
                    Unheard::Unreadable(_) => standing.unreadable += 1,
                    Unheard::Later(_) => standing.put_off += 1,
                    _ => standing.refused += 1,
                }
                let why: String = unheard.to_string().chars().take(LONGEST).collect();
                tracing::warn!(inlet = name, why, "a delivery was not taken");
                standing.last_refused = Some(Refused { at: now, why });
            }
        }
        outcome
    }

    fn standing(&self) -> Vec<Standing> {
        self.doors
            .values()
            .map(|door| door.standing().clone())
            .collect()
    }

    fn posted(&self, name: &str, id: u64) -> Result<Option<String>, Fault> {
        let (Some(store), Some(door)) = (&self.store, self.doors.get(name)) else {
            return Ok(None);
        };
        let kept = store
            .delivery(name, id)
            .map_err(|error| Fault::Failed(error.to_string()))?;
        Ok(kept.map(|kept| {
            let mut text = String::new();
            for (header, value) in &kept.headers {
                text += &format!("{header}: {value}\n");
            }
            text.push('\n');
            text += &match door.kind {
                // What a form holds is not to be read as it is.
                Kind::Slack => slack::interactions::shown(&kept.body),
                _ => String::from_utf8_lossy(&kept.body).into_owned(),
            };
            delivery::without_secrets(&text)
        }))
    }

    fn kept(&self, name: &str, before: Option<u64>, most: u32) -> Result<Vec<Kept>, Fault> {
        let Some(store) = &self.store else {
            return Ok(Vec::new());
        };
        let kept = store
            .kept(name, before, most)
            .map_err(|error| Fault::Failed(error.to_string()))?;
        Ok(kept
            .into_iter()
            .map(|kept| Kept {
                id: kept.id,
                at: kept.at,
                readable: kept.readable,
                alarms: kept.alarms,
                changes: kept.changes,
                remark: kept.remark,
                bytes: kept.body.len() as u64,
            })
            .collect())
    }
}

/// What was posted, without the secret.
fn without(hidden: &Hidden, posted: &Posted) -> Posted {
    let headers = posted.headers.iter();
    Posted {
        headers: headers
            .map(|(name, value)| (name.clone(), hidden.said(value)))
            .collect(),
        body: hidden.told(posted.body.clone()),
    }
}

/// Of what was posted, the headers that are kept.
fn telling(posted: &Posted) -> Vec<(String, String)> {
    posted
        .headers
        .iter()
        .filter(|(name, _)| TELLING.contains(&name.as_str()) || name.starts_with("ce-"))
        .cloned()
        .collect()
}

fn doors(house: &House, outside: &Arc<dyn Outside>) -> Result<BTreeMap<String, Door>, Problem> {
    let inlets = &house.config().inlets;
    inlets
        .iter()
        .map(|(name, inlet)| {
            let standing = Standing {
                name: name.clone(),
                kind: inlet.kind.word().to_string(),
                ..Standing::default()
            };
            let known = match inlet.secret_file {
                Some(_) => secret(house, name, inlet)?,
                None => Vec::new(),
            };
            let door = Door {
                kind: inlet.kind,
                decoder: decoder(house, name, inlet, outside)?,
                hidden: Hidden::of(std::str::from_utf8(&known)),
                longest: usize::try_from(inlet.max_body.0).unwrap_or(usize::MAX),
                standing: Mutex::new(standing),
            };
            Ok((name.clone(), door))
        })
        .collect()
}

fn decoder(
    house: &House,
    name: &str,
    inlet: &Inlet,
    outside: &Arc<dyn Outside>,
) -> Result<Box<dyn AlarmDecoder>, Problem> {
    let secret = || secret(house, name, inlet);
    Ok(match inlet.kind {
        Kind::Alertmanager => Box::new(alertmanager::Alertmanager::new(&secret()?)),
        Kind::Sns => Box::new(cloudwatch::Sns::new(&inlet.topics, Arc::clone(outside))),
        Kind::EventBridge => Box::new(cloudwatch::EventBridge::new(&secret()?)),
        Kind::PagerDuty => Box::new(pagerduty::webhooks::PagerDuty::new(&secret()?)),
        Kind::Grafana => Box::new(grafana::Grafana::new(&secret()?)),
        Kind::Datadog => Box::new(datadog::Datadog::new(&secret()?)),
        Kind::CloudEvents => Box::new(cloudevents::CloudEvents::new(&secret()?)),
        Kind::GitHub => {
            let touched = inlet.touches.clone();
            Box::new(github::deliveries::GitHub::new(&secret()?, touched))
        }
        Kind::GitLab => Box::new(gitlab::GitLab::new(&secret()?, inlet.touches.clone())),
        Kind::Slack => Box::new(slack::interactions::Slack::new(
            &secret()?,
            inlet.people.clone(),
        )),
    })
}

fn secret(house: &House, name: &str, inlet: &Inlet) -> Result<Vec<u8>, Problem> {
    let key = format!("inlets.{name}.secret_file");
    let Some(file) = &inlet.secret_file else {
        return Err(Problem::bad_input(
            "it is missing",
            key,
            "name a file that holds the secret",
        ));
    };
    let secret = house.written.named_secret(&key, file)?.into_bytes();
    if secret.len() < proof::SHORTEST {
        return Err(Problem::bad_input(
            format!(
                "the secret in {} has {} bytes; a secret has at least {}",
                house.path(file).display(),
                secret.len(),
                proof::SHORTEST
            ),
            house.written.place(&key),
            "make one, such as with `openssl rand -hex 32`, and give the other side the same",
        ));
    }
    Ok(secret)
}

/// What the configuration says of inlets, with everything that it names read; for people.
pub fn examine(house: &House) -> Result<Vec<String>, Problem> {
    struct Nowhere;
    impl Outside for Nowhere {
        fn get(&self, _: &str) -> Result<Vec<u8>, String> {
            Err("nothing is asked here".to_string())
        }
        fn post(&self, _: &str, _: &str) -> Result<(), String> {
            Err("nothing is sent here".to_string())
        }
    }
    let outside: Arc<dyn Outside> = Arc::new(Nowhere);
    house.reachable()?;
    let doors = doors(house, &outside)?;
    Ok(doors
        .iter()
        .map(|(name, door)| {
            format!(
                "inlet {name} ({}): /v1/spaces/{}/inlets/{name}",
                door.kind.word(),
                house.space()
            )
        })
        .collect())
}
