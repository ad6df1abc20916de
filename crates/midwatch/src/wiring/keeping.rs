//! One space that keeps watch: alarms are evaluated, incidents attended, people told, commands answered at the desk.
//! It holds nothing of any other.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use model::EntityId;
use model::alarm::Alarm;
use model::ports::{Clock, Notifier};
use server::auth::Accounts;
use store::journal::{Holder, Store, StoreError};
use watch::detect::States;

use super::accounts::Approvers;
use super::desk::LiveDesk;
use super::house::{House, unusable};
use super::inlets::Posts;
use super::live::SystemClock;
use super::reception::Room;
use super::serving::Inbound;
use super::starved::Round;
use super::troubles::Troubles;
use super::watchman::Watchman;
use crate::problem::Problem;

/// How long a server that fell silent still holds the watch.
const LEASE: model::Span = model::Span(15 * model::time::SECOND);

/// How often a channel looks for what is to be told.
const TELL: Duration = Duration::from_millis(100);

/// A space that keeps watch.
pub struct Keeping {
    house: House,
    inbound: Inbound,
    store: Arc<Store>,
    watchman: Arc<Watchman>,
    desk: Arc<LiveDesk>,
    troubles: Arc<Troubles>,
    over: Arc<AtomicBool>,
    /// Are alarms evaluated?
    awake: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    /// Nothing is left to be told.
    told: Arc<AtomicBool>,
    tellers: Vec<JoinHandle<()>>,
}

impl Keeping {
    /// Takes the watch of a space. No alarm is evaluated before [`Keeping::wake`].
    pub fn begin(
        house: &House,
        inbound: Inbound,
        notifiers: Vec<Arc<dyn Notifier>>,
        accounts: &Arc<Accounts>,
    ) -> Result<Self, Problem> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let file = house.journal_file();
        let store = Store::open(&file).map_err(|error| unusable(&file, &error))?;
        take_watch(&store, &file, clock.now())?;
        let store = Arc::new(store);
        let posts = Arc::new(Posts::open(house)?);
        let watchman = Arc::new(Watchman::new(
            house,
            Arc::clone(&store),
            Arc::clone(inbound.window()),
            notifiers,
            Arc::new(Approvers {
                accounts: Arc::clone(accounts),
                space: house.space().to_string(),
            }),
            posts.changes(),
        )?);
        let troubles = Arc::new(Troubles::of(house.space()));
        let desk = Arc::new(LiveDesk::new(
            house.data(),
            Arc::clone(&watchman),
            Arc::clone(inbound.window()),
            Arc::clone(&inbound.pushed),
            inbound.bound.counter(),
            Arc::clone(&troubles),
            Arc::clone(&posts),
        ));
        posts.answered_by(&desk, accounts);
        let over = Arc::new(AtomicBool::new(false));
        let awake = Arc::new(AtomicBool::new(false));
        let shared = Shared {
            store: Arc::clone(&store),
            watchman: Arc::clone(&watchman),
            clock,
            troubles: Arc::clone(&troubles),
            over: Arc::clone(&over),
        };
        let threads = vec![
            detect(house, &inbound, shared.clone(), Arc::clone(&awake)),
            pass_on(posts, shared.clone()),
            attend(house, shared),
        ];
        let told = Arc::new(AtomicBool::new(false));
        let tellers = tell(&watchman, &told);
        let socket = server::control::socket(house.data());
        let serving = server::control::serve(socket, desk.clone(), inbound.stop.subscribe());
        inbound.runtime.spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "commands cannot reach this server");
            }
        });
        Ok(Self {
            house: house.clone(),
            inbound,
            store,
            watchman,
            desk,
            troubles,
            over,
            awake,
            threads,
            told,
            tellers,
        })
    }

    /// From now on alarms are evaluated.
    pub fn wake(&self) {
        self.awake.store(true, Ordering::SeqCst);
    }

    /// Which space of the house, as it is configured.
    pub fn house(&self) -> &House {
        &self.house
    }

    /// The journal.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The desk.
    pub fn desk(&self) -> &Arc<LiveDesk> {
        &self.desk
    }

    /// Where telemetry comes in.
    pub fn inbound(&self) -> &Inbound {
        &self.inbound
    }

    /// What the API shows of it.
    pub fn room(&self) -> Result<Room, Problem> {
        // Through a connection of its own: whoever reads much holds up nobody who writes.
        let file = self.house.journal_file();
        let journal = Store::open_read_only(&file).map_err(|error| unusable(&file, &error))?;
        Ok(Room {
            journal,
            watchman: Arc::clone(&self.watchman),
            desk: Arc::clone(&self.desk),
            own: self.house.clone(),
        })
    }

    /// Has something done beside the watch, until it ends. What is wrong with it is told with the troubles of this space.
    pub fn beside(&mut self, begin: impl FnOnce(Arc<Troubles>, Arc<AtomicBool>) -> JoinHandle<()>) {
        let thread = begin(Arc::clone(&self.troubles), Arc::clone(&self.over));
        self.threads.push(thread);
    }

    /// No new work from now on.
    pub fn stop(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    /// Finishes what was begun, or leaves it in the journal to go on with.
    pub fn rest(&mut self) {
        self.stop();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        self.told.store(true, Ordering::SeqCst);
    }

    /// Gives the watch back. Whoever is being told something is waited for until `patience`.
    pub fn leave(&mut self, patience: Instant) {
        for teller in self.tellers.drain(..) {
            // Whoever does not answer is not waited for: what was not told is told after the next start.
            while !teller.is_finished() && Instant::now() < patience {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        if let Err(error) = self.store.release_watch(SystemClock.now()) {
            tracing::warn!(%error, space = self.house.space(), "the watch could not be given back; it ends by itself");
        }
    }

    /// Stops listening.
    pub fn close(self) {
        self.inbound.close();
    }
}

fn take_watch(store: &Store, file: &Path, now: model::Timestamp) -> Result<(), Problem> {
    let holder = Holder {
        host: std::fs::read_to_string("/proc/sys/kernel/hostname").map_or_else(
            |_| "this machine".to_string(),
            |name| name.trim().to_string(),
        ),
        pid: std::process::id(),
    };
    store.take_watch(&holder, now, LEASE).map(|_| ()).map_err(|error| match &error {
        StoreError::Held { .. } => Problem::bad_input(
            error.to_string(),
            file.display().to_string(),
            "one server keeps the watch; end it first, or give this one a store.path of its own",
        ),
        _ => unusable(file, &error),
    })
}

/// Alarms that could not be written down are brought again; the oldest are given up beyond so many.
const OWED: usize = 10_000;

/// What the threads of a server share.
#[derive(Clone)]
struct Shared {
    store: Arc<Store>,
    watchman: Arc<Watchman>,
    clock: Arc<dyn Clock>,
    troubles: Arc<Troubles>,
    over: Arc<AtomicBool>,
}

/// Evaluates the alarms, and hands those that turned to the watch at once.
fn detect(
    house: &House,
    inbound: &Inbound,
    shared: Shared,
    awake: Arc<AtomicBool>,
) -> JoinHandle<()> {
    let every = house.config().watch.every.duration();
    let (pushed, window) = (Arc::clone(&inbound.pushed), Arc::clone(&inbound.window));
    let rules = inbound.rules.clone();
    let counter = inbound.bound.counter();
    let shed = Arc::clone(shared.watchman.live().shed());
    let starved = Arc::clone(shared.watchman.live().starved());
    std::thread::spawn(move || {
        let mut states = States::default();
        let mut owed: Vec<Alarm> = Vec::new();
        while !shared.over.load(Ordering::SeqCst) {
            if !awake.load(Ordering::SeqCst) {
                std::thread::sleep(every.min(Duration::from_millis(100)));
                continue;
            }
            let now = shared.clock.now();
            let (after, turned) = {
                let mut tally = pushed.tally();
                tally.advance(now);
                let outcome = watch::detect::evaluate(&rules, &*tally, &states, now);
                tally.evaluated();
                outcome
            };
            states = after;
            owed.extend(turned.iter().map(|transition| transition.alarm()));
            shared
                .troubles
                .fares("alarms", bring(&mut owed, &shared), now);
            let shed = shed.note(&counter.counts(), now);
            shared.troubles.fares("telemetry", shed, now);
            let written = window.tick(now).map_err(|error| error.to_string());
            shared.troubles.fares("telemetry window", written, now);
            let asleep = Instant::now();
            std::thread::sleep(every);
            let round = Round::after(every, asleep.elapsed());
            let now = shared.clock.now();
            shared
                .troubles
                .fares("machine", starved.note(round, now), now);
        }
    })
}

/// Brings alarms to the watch, in the order in which they turned. What the journal does not take stays, and so does
/// what came after it about the same alarm.
fn bring(owed: &mut Vec<Alarm>, shared: &Shared) -> Result<(), String> {
    let mut failed: BTreeSet<(String, EntityId)> = BTreeSet::new();
    let mut outcome = Ok(());
    owed.retain(|alarm| {
        let whose = (alarm.rule.clone(), alarm.entity.clone());
        if failed.contains(&whose) {
            return true;
        }
        let Err(error) = shared.watchman.watch().receive(alarm) else {
            return false;
        };
        outcome = Err(format!("{}, {}: {error}", alarm.rule, alarm.entity));
        failed.insert(whose);
        true
    });
    let much = owed.len().saturating_sub(OWED);
    owed.drain(..much);
    outcome
}

/// Brings what others post to the watch, in the order in which it came.
fn pass_on(posts: Arc<Posts>, shared: Shared) -> JoinHandle<()> {
    std::thread::spawn(move || {
        while !shared.over.load(Ordering::SeqCst) {
            let now = shared.clock.now();
            let passed = posts.pass_on(|alarms| bring(alarms, &shared));
            let more = passed.as_ref().is_ok_and(|more| *more);
            shared.troubles.fares("inlets", passed.map(|_| ()), now);
            if !more {
                std::thread::sleep(TELL);
            }
        }
    })
}

/// Attends every incident that is owed something, and keeps the lease.
fn attend(house: &House, shared: Shared) -> JoinHandle<()> {
    let every = house
        .config()
        .watch
        .every
        .duration()
        .min(Duration::from_millis(250));
    std::thread::spawn(move || {
        let mut renewed = shared.clock.now();
        while !shared.over.load(Ordering::SeqCst) {
            let now = shared.clock.now();
            if now.since(renewed).0 > LEASE.0 / 3 {
                let kept = shared.store.renew_watch(now, LEASE);
                if kept.is_ok() {
                    renewed = now;
                }
                let kept = kept.map_err(|error| format!("the watch could not be kept: {error}"));
                shared.troubles.fares("journal", kept, now);
            }
            let errors = shared.watchman.watch().tick().errors;
            let first = errors.first();
            let outcome = first.map_or(Ok(()), |(id, error)| Err(format!("{id}: {error}")));
            shared.troubles.fares("incidents", outcome, now);
            std::thread::sleep(every);
        }
    })
}

/// Tells people, each channel in a thread of its own.
fn tell(watchman: &Arc<Watchman>, over: &Arc<AtomicBool>) -> Vec<JoinHandle<()>> {
    (0..watchman.watch().channels())
        .map(|channel| {
            let (watchman, over) = (Arc::clone(watchman), Arc::clone(over));
            std::thread::spawn(move || {
                loop {
                    // Once more after the end: what was written last is told too.
                    let last = over.load(Ordering::SeqCst);
                    watchman.watch().tell_through(channel);
                    if last {
                        break;
                    }
                    std::thread::sleep(TELL);
                }
            })
        })
        .collect()
}
