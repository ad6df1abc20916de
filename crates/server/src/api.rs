//! The API: incidents, reports, plans and what is around them over HTTP, for programs and for the page.
//!
//! [`serve`] listens. A request passes one gate (`pass`: request id, host, headers, log, numbers), finds its [`Route`],
//! and is answered by a function that holds one [`Space`](house::Space) and nothing else. Begin reading at `route.rs`;
//! each resource is a file with its routes, its shapes and its handlers. Shapes are published: what is there stays
//! under `/v1`, and only more comes in.

mod accept;
mod admit;
mod alarms;
mod audit;
pub mod compare;
pub mod deeds;
mod description;
mod events;
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
pub mod route;
mod session;
pub mod sign_on;
mod silences;
mod surroundings;
pub mod telemetry;
mod transfers;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{FromRequestParts as _, MatchedPath, Path, Request, State};
use axum::http::header::{
    ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, ETAG, HOST, IF_NONE_MATCH, SET_COOKIE,
    STRICT_TRANSPORT_SECURITY,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use axum::middleware::Next;
use axum::routing::MethodFilter;
use model::people::Audited;
use model::ports::Clock;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tracing::Instrument as _;

use house::House;
pub use listen::{Limits, Peer};
#[cfg(feature = "mcp")]
pub use mcp::inside;
use problem::{Code, Problem};
use route::{Answer, Asked, Route, Work};

use crate::auth::{Buckets, Rate, Who};
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
    followers: BTreeMap<String, Arc<events::Follower>>,
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
        followers: BTreeMap<String, Arc<events::Follower>>,
        over: watch::Receiver<bool>,
    ) -> Self {
        let begun = clock.now();
        let text = format!("{} {}", begun.0, settings.listen);
        let seed = blake3::hash(text.as_bytes()).to_hex();
        Self {
            house,
            clock,
            metrics: Arc::default(),
            followers,
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
    let mut followers = BTreeMap::new();
    for name in house.spaces() {
        let Some(space) = house.space(&name) else {
            continue;
        };
        let follower = tokio::task::spawn_blocking(move || events::Follower::begin(space))
            .await
            .map_err(|error| ListenError::Journal(error.to_string()))?
            .map_err(|fault| ListenError::Journal(fault.to_string()))?;
        tokio::spawn(Arc::clone(&follower).follow(over.clone()));
        followers.insert(name, follower);
    }
    let (limits, tls) = (settings.limits, settings.tls.clone());
    let settings = Settings {
        listen: address,
        ..settings
    };
    let api = Arc::new(Api::new(settings, house, clock, followers, over.clone()));
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
            async move { answered(&api, &route, request).await }
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
                let mut response = sent(answer, request.headers());
                if file.never_changes() {
                    response
                        .headers_mut()
                        .insert(CACHE_CONTROL, HeaderValue::from_static(page::FOREVER));
                }
                return response;
            }
            let path: String = request.uri().path().chars().take(200).collect();
            Problem::new(Code::NoRoute, format!("there is nothing at {path:?}"))
                .response(id_of(request.extensions()))
        })
        .method_not_allowed_fallback(|request: Request| async move {
            let detail = format!("{} is not known here", request.method());
            Problem::new(Code::MethodNotAllowed, detail).response(id_of(request.extensions()))
        })
        .layer(axum::middleware::from_fn_with_state(Arc::clone(api), pass))
        .with_state(Arc::clone(api))
}

/// A request's id, in its extensions.
#[derive(Clone, Debug)]
struct RequestId(String);

/// The header that carries it, both ways.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

fn id_of(extensions: &axum::http::Extensions) -> &str {
    extensions
        .get::<RequestId>()
        .map_or("", |RequestId(id)| id.as_str())
}

/// The id that the client gave, if it can stand in a header and a log; else one of ours.
fn named(api: &Api, headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let honest = |id: &&str| {
        (1..=64).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    given.filter(honest).map_or_else(
        || {
            let count = api.counted.fetch_add(1, Ordering::Relaxed);
            format!("{}-{count}", api.seed)
        },
        str::to_string,
    )
}

/// May it be asked under that name? A page of another site that has its name point here sends its own: this keeps
/// it out (DNS rebinding).
fn host_is_ours(api: &Api, headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()) else {
        return false;
    };
    // [::1]:80, name:80, name
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split(':').next().unwrap_or_default(),
    };
    ["localhost", "127.0.0.1", "::1"]
        .into_iter()
        .chain(api.hosts.iter().map(String::as_str))
        .any(|own| own.eq_ignore_ascii_case(name))
}

/// Is a browser to ask by TLS alone from now on (RFC 6797)? Not `localhost`: that is every program of the machine.
fn strict_transport(api: &Api, request: &Request) -> bool {
    let by_tls = request.extensions().get::<listen::ByTls>() == Some(&listen::ByTls(true));
    let header = |name: HeaderName| request.headers().get(name).map(HeaderValue::as_bytes);
    let proxied =
        api.behind_proxy && header(HeaderName::from_static("x-forwarded-proto")) == Some(b"https");
    let local = header(HOST).is_none_or(|host| host.starts_with(b"localhost"));
    (by_tls || proxied) && !local
}

/// What every request and every answer passes.
async fn pass(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Response<Body> {
    let begun = Instant::now();
    let id = named(&api, request.headers());
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = match request.method().as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known,
        _ => "other",
    }
    .to_string();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".to_string(), |path| path.as_str().to_string());
    let span = tracing::info_span!(
        target: crate::SPANS,
        "request",
        request = id,
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        http.request.method = method,
        http.route = route,
        http.response.status_code = tracing::field::Empty,
    );
    let strict = strict_transport(&api, &request);
    let mut response = if host_is_ours(&api, request.headers()) {
        next.run(request).instrument(span.clone()).await
    } else {
        Problem::new(
            Code::Misdirected,
            "the `Host` of this request is none of this server's names",
        )
        .response(&id)
    };
    let took = begun.elapsed();
    let status = response.status().as_u16();
    span.record("http.response.status_code", status);
    tracing::info!(
        request = id,
        method,
        route,
        status,
        ms = took.as_millis(),
        "answered"
    );
    api.metrics.answered(&route, &method, status, took);
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    let fixed = [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    if strict {
        headers.insert(
            STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
    headers
        .entry("content-security-policy")
        .or_insert(HeaderValue::from_static(page::POLICY));
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Who asked, as far as that was found out: what an audit log needs of a request that was refused, too.
struct Trail {
    who: Who,
    address: String,
    /// They showed something, whether or not it holds.
    showed: bool,
    /// They may not; of a space that they may not see they are told that there is none.
    refused: bool,
}

/// Answers, or says what went wrong.
async fn answered(api: &Arc<Api>, route: &Arc<Route>, request: Request) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    let id = id_of(&parts.extensions).to_string();
    let came = admit::came(api, &parts);
    let mut trail = Trail {
        who: Who::nobody(),
        address: came.address.clone(),
        showed: came.cookie.is_some() || parts.headers.contains_key(AUTHORIZATION),
        refused: false,
    };
    let (response, code) = match attempt(api, route, &mut parts, body, came, &mut trail).await {
        Ok(response) => (response, ""),
        Err(problem) => {
            if !problem.secret.is_empty() {
                tracing::error!(request = id, route = route.path, "{}", problem.secret);
            }
            (problem.response(&id), problem.code.word())
        }
    };
    audited(api, route, &parts, &trail, response.status(), (code, &id)).await;
    response
}

/// Writes into the audit log what altered something or tried to, and who was turned away with what they showed.
async fn audited(
    api: &Api,
    route: &Route,
    parts: &Parts,
    trail: &Trail,
    status: StatusCode,
    (code, id): (&str, &str),
) {
    let turned_away = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status);
    let Some(accounts) = api.house.accounts() else {
        return;
    };
    let tried = match route.work {
        Work::Deed(_) | Work::Upload(_) => true,
        // Whoever posts shows a proof of some kind.
        Work::Inlet => turned_away,
        _ => {
            let somebody = trail.showed || trail.who.known();
            somebody && (turned_away || trail.refused)
        }
    };
    if !tried {
        return;
    }
    let done = Audited {
        at: api.clock.now(),
        who: trail.who.name.clone(),
        via: admit::via(&trail.who),
        address: trail.address.clone(),
        what: route.name.to_string(),
        target: parts.uri.path().chars().take(300).collect(),
        status: status.as_u16(),
        code: code.to_string(),
        request: id.to_string(),
        unwritten: 0,
    };
    let written = tokio::task::spawn_blocking(move || accounts.audit(done)).await;
    if let Ok(Err(error)) = written {
        tracing::error!(%error, request = id, "the audit log could not be written");
    }
}

async fn attempt(
    api: &Arc<Api>,
    route: &Arc<Route>,
    parts: &mut Parts,
    body: Body,
    came: route::Came,
    trail: &mut Trail,
) -> Result<Response<Body>, Problem> {
    let params = match Path::<BTreeMap<String, String>>::from_request_parts(parts, &()).await {
        Ok(Path(params)) => params,
        Err(error) => return Err(Problem::new(Code::BadRequest, error.body_text())),
    };
    let from = match &route.work {
        Work::Events => Some(from(parts)?),
        _ => None,
    };
    let named = params.get("space").cloned();
    if matches!(route.work, Work::Inlet) {
        // Before it is asked who somebody is: only the inlet's own proof counts here.
        let inlet = params.get("inlet").map_or("", String::as_str);
        let space = named.as_deref().and_then(|name| api.house.space(name));
        let space = space.ok_or_else(|| match &named {
            // It comes again when the space is mended. What is wrong with it is nobody's business here.
            Some(name) if api.house.closed(name).is_some() => {
                Problem::closed("nothing is taken here now; send it again later")
            }
            _ => Problem::not_found("inlet", inlet),
        })?;
        return crate::inlets::received(space, inlet, parts, body, &api.posts).await;
    }
    let named = named.or_else(|| from.as_ref().map(|from| from.space.clone()));
    let (own, headers, needs) = (Arc::clone(api), parts.headers.clone(), route.permission);
    let visitor = worked(&api.work, move || {
        admit::visitor(&own, &headers, came, needs)
    })
    .await?;
    trail.who.clone_from(&visitor.who);
    admit::in_time(api, route, &visitor)?;
    let space = admit::permitted(api, route, named.as_deref(), &visitor.who);
    trail.refused = space.is_err();
    let space = space?;
    admit::not_forged(route, &parts.headers, &visitor)?;
    match &route.work {
        Work::Inlet => Err(Problem::failed("an inlet is answered above")),
        Work::Events => {
            let name = named.unwrap_or_default();
            let over = while_they_may(api, &name, parts, visitor.came);
            streamed(api, &name, from.and_then(|from| from.after), parts, over)
        }
        Work::Metrics => {
            let (house, metrics) = (Arc::clone(&api.house), Arc::clone(&api.metrics));
            let written = move || {
                let mut health = house.health();
                health.retain(|space, _| visitor.who.may(Some(space), route::Permission::Read));
                Ok(metrics.written(&health))
            };
            let text = worked(&api.work, written).await?;
            let mut response = Response::new(Body::from(text));
            let media = HeaderValue::from_static(metrics::MEDIA);
            response.headers_mut().insert(CONTENT_TYPE, media);
            Ok(response)
        }
        #[cfg(feature = "mcp")]
        Work::Mcp => {
            let body = read(&parts.headers, body, false).await?;
            mcp::answered(api, parts, body).await
        }
        Work::Answer(_) | Work::Deed(_) | Work::Upload(_) | Work::Download(_) => {
            let accept = parts
                .headers
                .get(ACCEPT)
                .and_then(|accept| accept.to_str().ok());
            // What is sent is a question, which takes a whole look: few at once.
            let mut stream = None;
            let (body, turns) = match (route.body, &route.work) {
                (None, _) => {
                    stream = Some(body);
                    (Bytes::new(), &api.work)
                }
                (Some(_), Work::Deed(deed)) => {
                    let turns = if deed.hashes { &api.hashes } else { &api.work };
                    (read(&parts.headers, body, true).await?, turns)
                }
                (Some(_), _) => (read(&parts.headers, body, false).await?, &api.looks),
            };
            let asked = Asked {
                who: visitor.who,
                came: visitor.came,
                house: Arc::clone(&api.house),
                space,
                params,
                uri: parts.uri.clone(),
                accept: accept.unwrap_or_default().to_string(),
                now: api.clock.now(),
                body,
            };
            match &route.work {
                Work::Deed(deed) => {
                    let key = once::key(&parts.headers)?;
                    let (deed, running) = (deed.clone(), Arc::clone(&api.running));
                    let method = parts.method.to_string();
                    let outcome = worked(turns, move || {
                        once::perform(&running, &deed, key.as_deref(), &method, &asked)
                    });
                    Ok(done(outcome.await?))
                }
                Work::Answer(handler) => {
                    let handler = Arc::clone(handler);
                    let answer = worked(turns, move || handler(&asked)).await?;
                    Ok(sent(answer, &parts.headers))
                }
                Work::Upload(take) => {
                    let body = stream.unwrap_or_default();
                    let turns = &api.transfers;
                    let answer = transfers::take(turns, take, asked, &parts.headers, body).await?;
                    Ok(sent(answer, &HeaderMap::new()))
                }
                Work::Download(fetch) => transfers::give(&api.transfers, fetch, asked).await,
                _ => Err(Problem::failed("no handler")),
            }
        }
    }
}

/// What a deed gave. It is no state that could be asked for again, so it has no tag.
fn done(outcome: once::Outcome) -> Response<Body> {
    let mut response = Response::new(Body::from(outcome.body));
    *response.status_mut() = outcome.status;
    let headers = response.headers_mut();
    if let Ok(media) = HeaderValue::from_str(&outcome.media) {
        headers.insert(CONTENT_TYPE, media);
    }
    if outcome.replayed {
        headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
    }
    if let Some(cookie) = outcome
        .cookie
        .and_then(|cookie| HeaderValue::from_str(&cookie).ok())
    {
        headers.insert(SET_COOKIE, cookie);
    }
    response
}

/// What is sent, if it is JSON, short enough, and there in time; or nothing, where that will do.
async fn read(headers: &HeaderMap, body: Body, or_nothing: bool) -> Result<Bytes, Problem> {
    if or_nothing && body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    // A form that a page of another site sends is never of this type without asking first.
    if !kind.trim().eq_ignore_ascii_case(route::JSON) {
        return Err(Problem::new(
            Code::UnsupportedMedia,
            "expected Content-Type application/json",
        ));
    }
    let too_large = || {
        Problem::new(
            Code::TooLarge,
            format!("a body has at most {LONGEST_BODY} bytes, and ends where it says"),
        )
    };
    if body.size_hint().lower() > LONGEST_BODY as u64 {
        return Err(too_large());
    }
    let reading = axum::body::to_bytes(body, LONGEST_BODY);
    match tokio::time::timeout(READ, reading).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(too_large()),
        Err(_) => Err(Problem::new(
            Code::Timeout,
            format!("the body was not there within {} s", READ.as_secs()),
        )),
    }
}

/// Does what may wait for the disk, off the event loop, when it is its turn.
async fn worked<T: Send + 'static>(
    turns: &Arc<Semaphore>,
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let turn = tokio::time::timeout(QUEUE, Arc::clone(turns).acquire_owned()).await;
    let Ok(Ok(turn)) = turn else {
        return Err(Problem::busy(2));
    };
    let working = tokio::task::spawn_blocking(move || {
        // Held until the work is really over, also if nobody waits for it any more.
        let _turn = turn;
        work()
    });
    match tokio::time::timeout(ANSWER, working).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => Err(Problem::failed(format!("a handler failed: {error}"))),
        Err(_) => Err(Problem {
            detail: format!("the answer was not there within {} s", ANSWER.as_secs()),
            ..Problem::busy(5)
        }),
    }
}

/// The answer, or word that it is as the client knows it.
fn sent(answer: Answer, headers: &HeaderMap) -> Response<Body> {
    let digest = blake3::hash(&answer.body).to_hex();
    let tag = format!("\"{}\"", &digest.as_str()[..24]);
    let known = headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|known| known.to_str().ok())
        .flat_map(|known| known.split(','))
        .map(|known| known.trim().trim_start_matches("W/"))
        .any(|known| known == tag || known == "*");
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    headers.insert("vary", HeaderValue::from_static("accept"));
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.media));
    if answer.media.starts_with("text/html") && answer.media != page::MEDIA {
        headers.insert(
            "content-security-policy",
            HeaderValue::from_static(page::SHEET_POLICY),
        );
    }
    *response.body_mut() = Body::from(answer.body);
    response
}

/// What follows the question mark of a stream.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct From {
    /// The space; `main` if nothing is said and the address names none.
    space: String,
    /// As `Last-Event-ID`, for clients that cannot set headers.
    after: Option<u64>,
}

impl Default for From {
    fn default() -> Self {
        Self {
            space: "main".to_string(),
            after: None,
        }
    }
}

fn from(parts: &Parts) -> Result<From, Problem> {
    axum::extract::Query::<From>::try_from_uri(&parts.uri)
        .map(|axum::extract::Query(from)| from)
        .map_err(|error| Problem::new(Code::BadRequest, error.body_text()))
}

/// Turns true when the server ends, or when whoever listens may no longer: a session that was ended, a key that was
/// revoked, a role that was taken.
fn while_they_may(
    api: &Arc<Api>,
    space: &str,
    parts: &Parts,
    came: route::Came,
) -> watch::Receiver<bool> {
    if api.house.accounts().is_none() {
        return api.over.clone();
    }
    let (end, ended) = watch::channel(false);
    let (api, space, headers) = (Arc::clone(api), space.to_string(), parts.headers.clone());
    tokio::spawn(async move {
        let mut over = api.over.clone();
        loop {
            tokio::select! {
                () = listen::ended(&mut over) => break,
                // The stream is gone.
                () = end.closed() => break,
                () = tokio::time::sleep(STILL) => {}
            }
            let (own, headers, came) = (Arc::clone(&api), headers.clone(), came.clone());
            let read = route::Permission::Read;
            let visitor =
                tokio::task::spawn_blocking(move || admit::visitor(&own, &headers, came, read));
            match visitor.await {
                Ok(Ok(visitor)) if visitor.who.may(Some(&space), read) => {}
                // The store did not answer: nobody lost anything by that.
                Ok(Err(problem)) if problem.code == Code::Failed => {}
                _ => break,
            }
        }
        let _ = end.send(true);
    });
    ended
}

/// A stream of events of that space.
fn streamed(
    api: &Api,
    name: &str,
    after: Option<u64>,
    parts: &Parts,
    over: watch::Receiver<bool>,
) -> Result<Response<Body>, Problem> {
    let follower = api
        .followers
        .get(name)
        .ok_or_else(|| Problem::not_found("space", name))?;
    let after = match parts.headers.get("last-event-id") {
        None => after,
        Some(id) => {
            let id = id.to_str().ok().and_then(|id| id.trim().parse().ok());
            Some(id.ok_or_else(|| {
                Problem::new(
                    Code::BadRequest,
                    "Last-Event-ID is no id of an event of this stream",
                )
            })?)
        }
    };
    let permit = Arc::clone(&api.streams)
        .try_acquire_owned()
        .map_err(|_| Problem::busy(10))?;
    // Nothing is known that is newer than the newest: another journal, or a wrong number.
    let newest = follower.newest();
    let after = after.unwrap_or(newest).min(newest);
    let counted = Arc::clone(&api.metrics);
    counted.streams.inc();
    Ok(events::stream(
        Arc::clone(follower),
        after,
        events::Place::new(permit, move || {
            counted.streams.dec();
        }),
        over,
    ))
}
