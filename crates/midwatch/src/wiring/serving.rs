//! A house that keeps watch: telemetry comes in, alarms are evaluated, incidents are attended.
//!
//! Two steps, because who sends telemetry must know where to before the watch can know whom to ask: [`Inbound`]
//! listens, [`Serving`] watches.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use model::ports::{Clock, Notifier};
use server::otlp::{Addresses, Bound};
use store::journal::{Holder, Store, StoreError};
use store::window::Window;
use tokio::runtime::Runtime;
use tokio::sync::watch as signal;
use watch::detect::{Rules, States};

use super::desk::LiveDesk;
use super::house::{House, unusable};
use super::live::{Pushed, SystemClock};
use super::watchman::Watchman;
use crate::problem::Problem;

/// How long a server that fell silent still holds the watch.
const LEASE: model::Span = model::Span(15 * model::time::SECOND);

/// How long a server that ends waits for those who are being told something.
const FAREWELL: Duration = Duration::from_secs(3);

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
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    /// Nothing is left to be told.
    told: Arc<AtomicBool>,
    tellers: Vec<JoinHandle<()>>,
}

impl Serving {
    /// Takes the watch and begins: evaluates alarms, attends incidents, answers at the desk.
    pub fn begin(
        house: &House,
        inbound: Inbound,
        notifiers: Vec<Arc<dyn Notifier>>,
    ) -> Result<Self, Problem> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let file = house.journal_file();
        let store = Store::open(&file).map_err(|error| unusable(&file, &error))?;
        take_watch(&store, &file, clock.now())?;
        let store = Arc::new(store);
        let watchman = Arc::new(Watchman::new(
            house,
            Arc::clone(&store),
            Arc::clone(&inbound.window),
            notifiers,
        )?);
        let desk = Arc::new(LiveDesk::new(
            Arc::clone(&watchman),
            Arc::clone(&inbound.window),
            Arc::clone(&inbound.pushed),
        ));
        let over = Arc::new(AtomicBool::new(false));
        let threads = vec![
            detect(house, &inbound, &watchman, &clock, &over),
            attend(house, &store, &watchman, &clock, &over),
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
            inbound,
            store,
            desk,
            over,
            threads,
            told,
            tellers,
        })
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

/// Evaluates the alarms, and hands those that turned to the watch at once.
fn detect(
    house: &House,
    inbound: &Inbound,
    watchman: &Arc<Watchman>,
    clock: &Arc<dyn Clock>,
    over: &Arc<AtomicBool>,
) -> JoinHandle<()> {
    let every = house.config().watch.every.duration();
    let (pushed, window) = (Arc::clone(&inbound.pushed), Arc::clone(&inbound.window));
    let (rules, watchman) = (inbound.rules.clone(), Arc::clone(watchman));
    let (clock, over) = (Arc::clone(clock), Arc::clone(over));
    std::thread::spawn(move || {
        let mut states = States::default();
        while !over.load(Ordering::SeqCst) {
            let now = clock.now();
            let (after, turned) = {
                let mut tally = pushed.tally();
                tally.advance(now);
                watch::detect::evaluate(&rules, &*tally, &states, now)
            };
            states = after;
            for transition in turned {
                if let Err(error) = watchman.watch().receive(&transition.alarm()) {
                    tracing::error!(%error, rule = %transition.rule, "an alarm could not be taken in");
                }
            }
            if let Err(error) = window.tick(now) {
                tracing::warn!(%error, "the telemetry window could not be written");
            }
            std::thread::sleep(every);
        }
    })
}

/// Attends every incident that is owed something, and keeps the lease.
fn attend(
    house: &House,
    store: &Arc<Store>,
    watchman: &Arc<Watchman>,
    clock: &Arc<dyn Clock>,
    over: &Arc<AtomicBool>,
) -> JoinHandle<()> {
    let every = house
        .config()
        .watch
        .every
        .duration()
        .min(Duration::from_millis(250));
    let (store, watchman) = (Arc::clone(store), Arc::clone(watchman));
    let (clock, over) = (Arc::clone(clock), Arc::clone(over));
    std::thread::spawn(move || {
        let mut renewed = clock.now();
        while !over.load(Ordering::SeqCst) {
            let now = clock.now();
            if now.since(renewed).0 > LEASE.0 / 3 {
                match store.renew_watch(now, LEASE) {
                    Ok(()) => renewed = now,
                    Err(error) => tracing::error!(%error, "the watch could not be kept"),
                }
            }
            for (incident, error) in watchman.watch().tick().errors {
                tracing::error!(%error, %incident, "an incident could not be attended to");
            }
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
