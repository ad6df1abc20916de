//! A house that keeps watch: telemetry comes in, each of its spaces attends to its own incidents, and one API shows
//! them all.
//!
//! Two steps, because who sends telemetry must know where to before the watch can know whom to ask: [`Inbound`]
//! listens, [`Serving`] watches.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::ports::{Clock as _, Notifier};
use server::auth::Accounts;
use server::otlp::{Addresses, Bound};
use store::journal::Store;
use store::window::{Window, WindowError};
use tokio::runtime::Runtime;
use tokio::sync::watch as signal;
use watch::detect::Rules;

use super::closed::Closed;
use super::desk::LiveDesk;
use super::house::House;
use super::keeping::Keeping;
use super::live::{Pushed, SystemClock};
use super::reception::Reception;
use super::reopening::{Means, Reopening};
use crate::problem::Problem;

/// How long a server that ends waits for those who are being told something.
const FAREWELL: Duration = Duration::from_secs(3);

/// Threads that read what came in, and answer at the desk.
const DECODERS: usize = 8;

/// Telemetry that comes in.
pub struct Inbound {
    pub(super) runtime: Runtime,
    pub(super) window: Arc<Window>,
    pub(super) pushed: Arc<Pushed>,
    pub(super) rules: Rules,
    pub(super) bound: Bound,
    pub(super) stop: signal::Sender<bool>,
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
                remedy(&error),
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

/// What to do about a telemetry window that cannot be opened. Nothing was altered.
fn remedy(error: &WindowError) -> &'static str {
    match error {
        WindowError::InUse { .. } => {
            "end that server first, or give this one a folder of its own (store.path)"
        }
        WindowError::Io { remedy, .. } => remedy,
        WindowError::Foreign { .. } => "move the folder away, or name another in store.path",
        WindowError::Unwritable { .. } | WindowError::Full { .. } => {
            "see that the data folder has room and can be written"
        }
    }
}

/// Whom a space tells.
pub type Channels = Arc<dyn Fn(&House) -> Result<Vec<Arc<dyn Notifier>>, Problem> + Send + Sync>;

/// A house that keeps watch.
pub struct Serving {
    /// `main`, or the first space that could start if that could not.
    first: Keeping,
    others: Vec<Keeping>,
    /// What is said of spaces that could not start.
    closed: Vec<String>,
    /// They are tried again.
    reopening: Option<Reopening>,
    reception: Option<Arc<Reception>>,
    accounts: Arc<Accounts>,
    stop: signal::Sender<bool>,
    api: Option<server::api::Bound>,
    by_tls: bool,
}

impl Serving {
    /// Takes the watch of this one space and begins: evaluates alarms, attends incidents, answers at the desk.
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
        let accounts = super::accounts::open(house)?;
        let first = Keeping::begin(house, inbound, notifiers, &accounts)?;
        Self::received(house, accounts, first, Vec::new(), &[])
    }

    /// Takes the watch of every space of the house, and begins. A space that cannot start keeps no other from it, and is
    /// tried again.
    ///
    /// # Errors
    /// If no space can start, or the house itself cannot: its accounts, its API.
    pub fn whole(house: &House, channels: Channels) -> Result<Self, Problem> {
        let data = house.data();
        std::fs::create_dir_all(data)
            .map_err(|error| Problem::unwritable(data.display().to_string(), &error))?;
        let accounts = super::accounts::open(house)?;
        let means = Means {
            house: house.clone(),
            channels,
            accounts: Arc::clone(&accounts),
        };
        let mut kept = Vec::new();
        let mut closed = Vec::new();
        let main = (house.space().to_string(), Ok(house.clone()));
        for (name, space) in [main].into_iter().chain(house.others()) {
            let (house, outcome) = match space {
                Ok(space) => (Some(space.clone()), means.begin(&space)),
                Err(why) => (None, Err(why)),
            };
            match outcome {
                Ok(keeping) => kept.push(keeping),
                Err(why) => closed.push(Closed::new(name, house, why, SystemClock.now())),
            }
        }
        let mut kept = kept.into_iter();
        let Some(first) = kept.next() else {
            let why = closed.into_iter().next().map(|closed| closed.why);
            return Err(why.unwrap_or_else(|| {
                Problem::bad_input("nothing could be started", "the house", "see its log")
            }));
        };
        let mut serving = Self::received(house, accounts, first, kept.collect(), &closed)?;
        serving.wake();
        if !closed.is_empty() {
            let runtime = serving.first.inbound().runtime.handle().clone();
            let (shown, clock) = (serving.reception.clone(), Arc::new(SystemClock));
            let reopening = Reopening::begin(means, closed, shown, runtime, clock);
            serving.reopening = Some(reopening);
        }
        Ok(serving)
    }

    /// Opens the API, if it is configured.
    fn received(
        house: &House,
        accounts: Arc<Accounts>,
        first: Keeping,
        others: Vec<Keeping>,
        closed: &[Closed],
    ) -> Result<Self, Problem> {
        let (stop, _) = signal::channel(false);
        let mut serving = Self {
            first,
            others,
            closed: closed.iter().map(Closed::said).collect(),
            reopening: None,
            reception: None,
            accounts,
            stop,
            api: None,
            by_tls: false,
        };
        match serving.receive(house, closed) {
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

    fn receive(
        &mut self,
        house: &House,
        closed: &[Closed],
    ) -> Result<Option<server::api::Bound>, Problem> {
        let config = &house.config().server;
        let Some(listen) = config.listen else {
            return Ok(None);
        };
        let rooms = self.kept().map(Keeping::room).collect::<Result<_, _>>()?;
        let closed = closed.iter();
        let closed = closed.map(|closed| (closed.name.clone(), closed.said()));
        let sign_on = super::sign_on::open(house)?.map(Arc::new);
        let known = (Arc::clone(&self.accounts), sign_on);
        let reception = Arc::new(Reception::new(rooms, closed.collect(), known));
        self.reception = Some(Arc::clone(&reception));
        let tls = super::tls::open(house)?.map(Arc::new);
        let settings = server::api::Settings {
            listen,
            hosts: config.hosts.clone(),
            limits: server::api::Limits::default(),
            open_on_loopback: config.open_on_loopback,
            behind_proxy: config.behind_proxy,
            tls: tls.clone(),
        };
        let stopped = self.stop.subscribe();
        let clock = Arc::new(SystemClock);
        let serving = server::api::serve(settings, reception, clock, stopped);
        let runtime = &self.first.inbound().runtime;
        let bound = runtime.block_on(serving).map_err(|error| {
            Problem::bad_input(
                error.to_string(),
                "server.listen",
                "name another address in [server], or port 0 for any that is free",
            )
        })?;
        self.by_tls = tls.is_some();
        if let Some(tls) = tls {
            self.first
                .beside(|troubles, over| super::tls::keep(tls, troubles, over));
        }
        Ok(Some(bound))
    }

    /// The spaces that keep watch since the start, `main` first.
    pub fn kept(&self) -> impl Iterator<Item = &Keeping> {
        [&self.first].into_iter().chain(&self.others)
    }

    /// What is said of each space that could not start.
    pub fn closed(&self) -> &[String] {
        &self.closed
    }

    /// From now on alarms are evaluated.
    pub fn wake(&self) {
        self.kept().for_each(Keeping::wake);
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

    /// The journal of the first space: of `main`, where that could start.
    pub fn store(&self) -> &Arc<Store> {
        self.first.store()
    }

    /// The desk of the first space.
    pub fn desk(&self) -> &Arc<LiveDesk> {
        self.first.desk()
    }

    /// Where telemetry of the first space comes in.
    pub fn inbound(&self) -> &Inbound {
        self.first.inbound()
    }

    /// Ends in good order: no new work, what was begun is finished or left in the journal to go on with.
    pub fn end(mut self) {
        self.kept().for_each(Keeping::stop);
        if let Some(reopening) = self.reopening.take() {
            let opened = reopening.end();
            opened.iter().for_each(Keeping::stop);
            self.others.extend(opened);
        }
        self.first.rest();
        self.others.iter_mut().for_each(Keeping::rest);
        let patience = Instant::now() + FAREWELL;
        self.first.leave(patience);
        for keeping in &mut self.others {
            keeping.leave(patience);
        }
        let _ = self.stop.send(true);
        if let Some(api) = self.api {
            self.first.inbound().runtime.block_on(api.ended());
        }
        for keeping in self.others {
            keeping.close();
        }
        self.first.close();
    }
}
