//! A house that keeps watch: telemetry comes in, alarms are evaluated, incidents are attended.
//!
//! Two steps, because who sends telemetry must know where to before the watch can know whom to ask: [`Inbound`]
//! listens, [`Serving`] watches.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use model::EntityId;
use model::alarm::Alarm;
use model::ports::{Clock, Notifier};
use server::otlp::{Addresses, Bound};
use store::journal::{Holder, Store, StoreError};
use store::window::Window;
use tokio::runtime::Runtime;
use tokio::sync::watch as signal;
use watch::detect::{Rules, States};

use super::desk::LiveDesk;
use super::house::{House, unusable};
use super::inlets::Posts;
use super::live::{Pushed, SystemClock};
use super::reception::Reception;
use super::troubles::Troubles;
use super::watchman::Watchman;
use crate::problem::Problem;

/// How long a server that fell silent still holds the watch.
const LEASE: model::Span = model::Span(15 * model::time::SECOND);

/// How long a server that ends waits for those who are being told something.
const FAREWELL: Duration = Duration::from_secs(3);

/// Threads that read what came in, and answer at the desk.
const DECODERS: usize = 8;

/// How often a channel looks for what is to be told.
const TELL: Duration = Duration::from_millis(100);

/// Telemetry that comes in.
pub struct Inbound {
    runtime: Runtime,
    window: Arc<Window>,
    pushed: Arc<Pushed>,
    rules: Rules,
    bound: Bound,
    stop: signal::Sender<bool>,
}

impl Inbound {
    /// Opens the window and listens.
    pub fn open(house: &House) -> Result<Self, Problem> {
        let data = house.data();
        std::fs::create_dir_all(data)
            .map_err(|error| Problem::unwritable(data.display().to_string(), &error))?;
        let rules = house.rules()?;
        let config = &house.config().telemetry;
        let limits = store::window::Limits {
            age: config.keep.span(),
            bytes: config.max_bytes.0,
            ..store::window::Limits::default()
        };
        let folder = house.window_folder();
        let window = Window::open(&folder, limits).map_err(|error| {
            Problem::bad_input(
                error.to_string(),
                folder.display().to_string(),
                "the error says what to do; nothing was altered",
            )
        })?;
        let window = Arc::new(window);
        let pushed = Arc::new(Pushed::new(&window, limits.age, &rules));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            // As many requests are decoded at once; more threads would wait for the same two locks, each with memory
            // of its own.
            .max_blocking_threads(DECODERS)
            .enable_all()
            .thread_name("midwatch-io")
            .build()
            .map_err(|error| {
                Problem::bad_input(error.to_string(), "threads", "free some, and try again")
            })?;
        let (stop, mut stopped) = signal::channel(false);
        let bound = runtime
            .block_on(server::otlp::serve(
                Addresses {
                    grpc: Some(config.grpc),
                    http: Some(config.http),
                },
                pushed.inlet(),
                Arc::new(SystemClock),
                server::otlp::Limits {
                    body_bytes: usize::try_from(config.max_request.0).unwrap_or(usize::MAX),
                    ..server::otlp::Limits::default()
                },
                async move {
                    let _ = stopped.wait_for(|over| *over).await;
                },
            ))
            .map_err(|error| {
                Problem::bad_input(
                    error.to_string(),
                    "telemetry",
                    "name another address in [telemetry], or port 0 for any that is free",
                )
            })?;
        Ok(Self {
            runtime,
            window,
            pushed,
            rules,
            bound,
            stop,
        })
    }

    /// Where OTLP over HTTP is taken.
    pub fn http(&self) -> Option<SocketAddr> {
        self.bound.http
    }

    /// Where OTLP over gRPC is taken.
    pub fn grpc(&self) -> Option<SocketAddr> {
        self.bound.grpc
    }

    /// The telemetry of the last hours.
    pub fn window(&self) -> &Arc<Window> {
        &self.window
    }

    /// Stops listening, and writes what came in.
    pub fn close(self) {
        let _ = self.stop.send(true);
        self.runtime.block_on(self.bound.ended());
        if let Err(error) = self.window.flush(SystemClock.now()) {
            tracing::warn!(%error, "the telemetry of the last seconds is lost");
        }
        self.runtime.shutdown_timeout(Duration::from_secs(2));
    }
}

/// A house that keeps watch.
pub struct Serving {
    inbound: Inbound,
    store: Arc<Store>,
    desk: Arc<LiveDesk>,
    accounts: Arc<server::auth::Accounts>,
    over: Arc<AtomicBool>,
    /// Are alarms evaluated?
    awake: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    /// Nothing is left to be told.
    told: Arc<AtomicBool>,
    tellers: Vec<JoinHandle<()>>,
    api: Option<server::api::Bound>,
    by_tls: bool,
}

impl Serving {
    /// Takes the watch and begins: evaluates alarms, attends incidents, answers at the desk.
    pub fn begin(
        house: &House,
        inbound: Inbound,
        notifiers: Vec<Arc<dyn Notifier>>,
    ) -> Result<Self, Problem> {
        let serving = Self::begin_asleep(house, inbound, notifiers)?;
        serving.wake();
        Ok(serving)
    }

    /// As [`Serving::begin`], but no alarm is evaluated before [`Serving::wake`]: what a system's start looks like is
    /// no reason for one.
    pub fn begin_asleep(
        house: &House,
        inbound: Inbound,
        notifiers: Vec<Arc<dyn Notifier>>,
    ) -> Result<Self, Problem> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let file = house.journal_file();
        let store = Store::open(&file).map_err(|error| unusable(&file, &error))?;
        take_watch(&store, &file, clock.now())?;
        let store = Arc::new(store);
        let accounts = super::accounts::open(house)?;
        let posts = Arc::new(Posts::open(house)?);
        let watchman = Arc::new(Watchman::new(
            house,
            Arc::clone(&store),
            Arc::clone(&inbound.window),
            notifiers,
            Arc::new(super::accounts::Approvers(Arc::clone(&accounts))),
            posts.changes(),
        )?);
        let troubles = Arc::new(Troubles::default());
        let desk = Arc::new(LiveDesk::new(
            Arc::clone(&watchman),
            Arc::clone(&inbound.window),
            Arc::clone(&inbound.pushed),
            inbound.bound.counter(),
            Arc::clone(&troubles),
            Arc::clone(&posts),
        ));
        posts.answered_by(&desk);
        let over = Arc::new(AtomicBool::new(false));
        let awake = Arc::new(AtomicBool::new(false));
        let shared = Shared {
            store: Arc::clone(&store),
            watchman: Arc::clone(&watchman),
            clock,
            troubles,
            over: Arc::clone(&over),
        };
        let certificate = (Arc::clone(&shared.troubles), Arc::clone(&over));
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
        let mut serving = Self {
            inbound,
            store,
            desk,
            accounts,
            over,
            awake,
            threads,
            told,
            tellers,
            api: None,
            by_tls: false,
        };
        match serving.receive(house, watchman, certificate) {
            Ok(api) => {
                serving.api = api;
                Ok(serving)
            }
            Err(problem) => {
                serving.end();
                Err(problem)
            }
        }
    }

    /// Opens the API, if it is configured.
    fn receive(
        &mut self,
        house: &House,
        watchman: Arc<Watchman>,
        (troubles, over): (Arc<Troubles>, Arc<AtomicBool>),
    ) -> Result<Option<server::api::Bound>, Problem> {
        let config = &house.config().server;
        let Some(listen) = config.listen else {
            return Ok(None);
        };
        // Through a connection of its own: whoever reads much holds up nobody who writes.
        let file = house.journal_file();
        let journal = Store::open_read_only(&file).map_err(|error| unusable(&file, &error))?;
        let sign_on = super::sign_on::open(house)?.map(Arc::new);
        let reception = Reception::new(
            journal,
            watchman,
            Arc::clone(&self.desk),
            (Arc::clone(&self.accounts), sign_on),
            house.again(),
        );
        let tls = super::tls::open(house)?.map(Arc::new);
        let settings = server::api::Settings {
            listen,
            hosts: config.hosts.clone(),
            limits: server::api::Limits::default(),
            open_on_loopback: config.open_on_loopback,
            behind_proxy: config.behind_proxy,
            tls: tls.clone(),
        };
        let stopped = self.inbound.stop.subscribe();
        let clock = Arc::new(SystemClock);
        let serving = server::api::serve(settings, Arc::new(reception), clock, stopped);
        let bound = self
            .inbound
            .runtime
            .block_on(serving)
            .map(Some)
            .map_err(|error| {
                Problem::bad_input(
                    error.to_string(),
                    "server.listen",
                    "name another address in [server], or port 0 for any that is free",
                )
            })?;
        self.by_tls = tls.is_some();
        self.threads
            .extend(tls.map(|tls| super::tls::keep(tls, troubles, over)));
        Ok(bound)
    }

    /// From now on alarms are evaluated.
    pub fn wake(&self) {
        self.awake.store(true, Ordering::SeqCst);
    }

    /// A one-time link to the page for whoever makes the first account; `None` once there are accounts, and where
    /// there is no page.
    pub fn setup_link(&self) -> Result<Option<String>, Problem> {
        let link = self.accounts.setup_link();
        let link = link.map_err(|denied| super::accounts::problem(&denied, "accounts"))?;
        Ok(self.api().zip(link).map(|(api, token)| {
            let path = server::api::people::path_of(model::people::LinkKind::Setup, &token);
            format!("{}://{api}{path}", self.scheme())
        }))
    }

    /// A one-time link that signs whoever runs this program in to the page, as an admin; `None` where there is no page.
    pub fn own_link(&self) -> Result<Option<String>, Problem> {
        let Some(api) = self.api() else {
            return Ok(None);
        };
        let path = super::accounts::own_link(&self.accounts)
            .map_err(|denied| super::accounts::problem(&denied, "accounts"))?;
        Ok(Some(format!("{}://{api}{path}", self.scheme())))
    }

    /// Where the API answers, if it is configured.
    pub fn api(&self) -> Option<SocketAddr> {
        self.api.as_ref().map(|api| api.address)
    }

    /// How it is asked there: `https` where TLS is configured.
    pub fn scheme(&self) -> &'static str {
        if self.by_tls { "https" } else { "http" }
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

    /// Ends in good order: no new work, what was begun is finished or left in the journal to go on with.
    pub fn end(self) {
        self.over.store(true, Ordering::SeqCst);
        for thread in self.threads {
            let _ = thread.join();
        }
        self.told.store(true, Ordering::SeqCst);
        let patience = Instant::now();
        for teller in self.tellers {
            // Whoever does not answer is not waited for: what was not told is told after the next start.
            while !teller.is_finished() && patience.elapsed() < FAREWELL {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        if let Err(error) = self.store.release_watch(SystemClock.now()) {
            tracing::warn!(%error, "the watch could not be given back; it ends by itself");
        }
        let _ = self.inbound.stop.send(true);
        if let Some(api) = self.api {
            self.inbound.runtime.block_on(api.ended());
        }
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
            std::thread::sleep(every);
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
