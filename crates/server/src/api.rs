//! The API: incidents, reports, plans and what is around them over HTTP, for programs and for the page.
//!
//! [`serve`] listens. A request passes one gate (`gate.rs`: request id, host, headers, log, numbers), finds its [`Route`],
//! and is answered (`answer.rs`) by a function that holds one [`Space`](house::Space) and nothing else. Begin reading at `route.rs`;
//! each resource is a file with its routes, its shapes and its handlers. Shapes are published: what is there stays
//! under `/v1`, and only more comes in.

mod accept;
mod admit;
mod alarms;
mod answer;
mod audit;
pub mod compare;
pub mod deeds;
mod description;
mod events;
mod follow;
mod gate;
mod general;
pub mod house;
pub mod incidents;
mod keys;
mod knowledge;
mod listen;
#[cfg(feature = "mcp")]
mod mcp;
mod metrics;
pub mod notifiers;
mod once;
mod page;
pub mod people;
pub mod policy;
pub mod problem;
pub mod proposal;
pub mod recordings;
mod refusals;
pub mod route;
mod session;
pub mod sign_on;
mod silences;
mod surroundings;
pub mod telemetry;
mod transfers;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, Method};
use axum::routing::MethodFilter;
use model::ports::Clock;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use house::House;
pub use listen::{Limits, Peer};
#[cfg(feature = "mcp")]
pub use mcp::inside;
use problem::{Code, Problem};
use route::{Answer, Route};

use crate::auth::{Buckets, Rate};
use crate::tls::Tls;

/// How the API listens.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where; port 0 takes any that is free.
    pub listen: SocketAddr,
    /// Names under which it may be asked beside the machine's own for itself.
    pub hosts: Vec<String>,
    /// What connections may take.
    pub limits: Limits,
    /// May everybody on this machine read, as long as there are no accounts?
    pub open_on_loopback: bool,
    /// Is there a proxy before it that speaks TLS with whoever asks, and says in `X-Forwarded-For` and
    /// `X-Forwarded-Proto` who that is?
    pub behind_proxy: bool,
    /// With what TLS is spoken, if it is.
    pub tls: Option<Arc<Tls>>,
}

impl Default for Settings {
    /// Any free port of the loopback, where everybody may read.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            hosts: Vec::new(),
            limits: Limits::default(),
            open_on_loopback: true,
            behind_proxy: false,
            tls: None,
        }
    }
}

/// Why the API cannot be there.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Others could read it.
    #[error(
        "{address} can be reached from other machines: for that it needs TLS ([server.tls] with certificate and key, or a proxy that speaks it and [server] behind_proxy = true) and at least one account (`midwatch people add`); else listen on loopback, such as 127.0.0.1:{port}", port = .address.port()
    )]
    Open {
        /// Where it was to listen.
        address: SocketAddr,
    },
    /// The system refuses.
    #[error(
        "the API cannot listen at {address}: {why}; name another address in [server] listen, or port 0 for any that is free"
    )]
    Taken {
        /// Where.
        address: SocketAddr,
        /// What the operating system said.
        why: String,
    },
    /// The journal cannot be followed.
    #[error("the API cannot follow the journal: {0}")]
    Journal(String),
}

/// An API that answers.
#[derive(Debug)]
pub struct Bound {
    /// Where.
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Bound {
    /// Returns when it has ended: after its shutdown, when the last request was answered.
    pub async fn ended(self) {
        let _ = self.task.await;
    }
}

/// Requests that are being answered at once; the rest wait.
const AT_ONCE: usize = 32;
/// Questions that take a whole look at once.
const LOOKS: usize = 2;
/// Passwords that are hashed at once: each takes 7 MiB and a core for some hundredths of a second.
const HASHES: usize = 2;
/// How fast one may read.
const READS: Rate = Rate {
    burst: 2_000.0,
    each_second: 1_000.0,
};
/// How fast one may alter something.
const DEEDS: Rate = Rate {
    burst: 200.0,
    each_second: 50.0,
};
/// The longest body.
const LONGEST_BODY: usize = 64 * 1024;
/// How long a body may take to arrive.
const READ: Duration = Duration::from_secs(10);
/// How long a request waits for its turn.
const QUEUE: Duration = Duration::from_secs(5);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(20);
/// How often it is looked at whether whoever follows a stream still may.
const STILL: Duration = Duration::from_secs(10);
/// Streams of events at once.
const STREAMS: usize = 256;

/// Every route there is.
pub fn routes() -> Vec<Route> {
    let mut routes = general::routes();
    routes.extend(incidents::routes());
    routes.extend(alarms::routes());
    routes.extend(silences::routes());
    routes.extend(notifiers::routes());
    routes.extend(knowledge::routes());
    routes.extend(surroundings::routes());
    routes.extend(policy::routes());
    routes.extend(telemetry::routes());
    routes.extend(recordings::routes());
    routes.extend(compare::routes());
    routes.extend(proposal::routes());
    #[cfg(feature = "mcp")]
    routes.push(mcp::route());
    routes.extend(audit::routes());
    routes.extend(deeds::routes());
    routes.extend(session::routes());
    routes.extend(sign_on::routes());
    routes.extend(people::routes());
    routes.extend(keys::routes());
    routes.extend(crate::inlets::routes());
    routes
}

/// The API's description, OpenAPI 3.1 as JSON.
pub fn description() -> &'static str {
    description::text()
}

/// What all requests share.
struct Api {
    house: Arc<dyn House>,
    clock: Arc<dyn Clock>,
    metrics: metrics::Shared,
    /// By space; one that was closed has none until somebody follows it.
    followers: Mutex<BTreeMap<String, Arc<events::Follower>>>,
    streams: Arc<Semaphore>,
    work: Arc<Semaphore>,
    looks: Arc<Semaphore>,
    hashes: Arc<Semaphore>,
    posts: Arc<Semaphore>,
    transfers: Arc<Semaphore>,
    hosts: Vec<String>,
    open_on_loopback: bool,
    behind_proxy: bool,
    reads: Mutex<Buckets>,
    deeds: Mutex<Buckets>,
    refusals: Mutex<refusals::Refusals>,
    running: Arc<once::Running>,
    /// Where ids of requests begin.
    seed: String,
    counted: AtomicU64,
    over: watch::Receiver<bool>,
}

impl Api {
    fn new(
        settings: Settings,
        house: Arc<dyn House>,
        clock: Arc<dyn Clock>,
        over: watch::Receiver<bool>,
    ) -> Self {
        let begun = clock.now();
        let text = format!("{} {}", begun.0, settings.listen);
        let seed = blake3::hash(text.as_bytes()).to_hex();
        Self {
            house,
            clock,
            metrics: Arc::default(),
            followers: Mutex::default(),
            streams: Arc::new(Semaphore::new(STREAMS)),
            work: Arc::new(Semaphore::new(AT_ONCE)),
            looks: Arc::new(Semaphore::new(LOOKS)),
            hashes: Arc::new(Semaphore::new(HASHES)),
            posts: Arc::new(Semaphore::new(crate::inlets::AT_ONCE)),
            transfers: Arc::new(Semaphore::new(transfers::AT_ONCE)),
            hosts: settings.hosts,
            // A proxy on this machine makes everybody look as if they were on it.
            open_on_loopback: settings.open_on_loopback && !settings.behind_proxy,
            behind_proxy: settings.behind_proxy,
            reads: Mutex::new(Buckets::new(READS)),
            deeds: Mutex::new(Buckets::new(DEEDS)),
            refusals: Mutex::default(),
            running: Arc::default(),
            seed: seed.as_str()[..10].to_string(),
            counted: AtomicU64::new(0),
            over,
        }
    }
}

/// Listens, and answers until `over` turns true.
///
/// # Errors
/// If it cannot listen there, or may not.
pub async fn serve(
    settings: Settings,
    house: Arc<dyn House>,
    clock: Arc<dyn Clock>,
    over: watch::Receiver<bool>,
) -> Result<Bound, ListenError> {
    let address = settings.listen;
    if !address.ip().is_loopback() {
        let (accounts, vouched) = (house.accounts(), house.sign_on().is_some());
        let known = tokio::task::spawn_blocking(move || {
            vouched || accounts.is_some_and(|accounts| accounts.any().unwrap_or(false))
        });
        if !(settings.behind_proxy || settings.tls.is_some()) || !known.await.unwrap_or(false) {
            return Err(ListenError::Open { address });
        }
    }
    let taken = |why: std::io::Error| ListenError::Taken {
        address,
        why: why.to_string(),
    };
    let listener = TcpListener::bind(address).await.map_err(taken)?;
    let address = listener.local_addr().map_err(taken)?;
    let (limits, tls) = (settings.limits, settings.tls.clone());
    let settings = Settings {
        listen: address,
        ..settings
    };
    let api = Arc::new(Api::new(settings, house, clock, over.clone()));
    for name in api.house.spaces() {
        if api.house.space(&name).is_some() {
            let begun = follow::follower(&api, &name).await;
            begun.map_err(|problem| ListenError::Journal(problem.secret))?;
        }
    }
    tokio::spawn(refusals::told(Arc::clone(&api), over.clone()));
    let router = router(&api);
    let task = tokio::spawn(listen::serve(listener, router, limits, tls, over));
    Ok(Bound { address, task })
}

/// All routes, behind the gate.
fn router(api: &Arc<Api>) -> Router {
    let mut router: Router<Arc<Api>> = Router::new();
    for route in routes() {
        let path = route.path.clone();
        let filter = MethodFilter::try_from(route.method.clone()).unwrap_or(MethodFilter::GET);
        let route = Arc::new(route);
        let handler = move |State(api): State<Arc<Api>>, request: Request| {
            let route = Arc::clone(&route);
            async move { answer::answered(&api, &route, request).await }
        };
        router = router.route(&path, axum::routing::on(filter, handler));
    }
    router
        .fallback(|request: Request| async move {
            let read = [Method::GET, Method::HEAD].contains(request.method());
            if read && let Some(file) = page::file(request.uri().path()) {
                let answer = Answer {
                    media: file.media(),
                    body: file.body.to_vec(),
                };
                let mut response = answer::sent(answer, request.headers());
                if file.never_changes() {
                    response
                        .headers_mut()
                        .insert(CACHE_CONTROL, HeaderValue::from_static(page::FOREVER));
                }
                return response;
            }
            let path: String = request.uri().path().chars().take(200).collect();
            Problem::new(Code::NoRoute, format!("there is nothing at {path:?}"))
                .response(gate::id_of(request.extensions()))
        })
        .method_not_allowed_fallback(|request: Request| async move {
            let detail = format!("{} is not known here", request.method());
            Problem::new(Code::MethodNotAllowed, detail).response(gate::id_of(request.extensions()))
        })
        .layer(axum::middleware::from_fn_with_state(
            Arc::clone(api),
            gate::pass,
        ))
        .with_state(Arc::clone(api))
}
