//! The outside payment provider: two sites, HTTPS, and only for clients with a certificate.
//!
//! It belongs to somebody else: it sends no telemetry, and the control plane cannot look into it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::failure::Failure;
use crate::process::{Process, answer, insiders_only};

/// What an authorisation takes.
const THINKING: Duration = Duration::from_millis(25);
/// Authorisations whose outcome is remembered.
const REMEMBERED: usize = 20_000;

#[derive(Default)]
struct Site {
    down: AtomicBool,
    authorised: Mutex<BTreeMap<String, Value>>,
}

fn unavailable() -> Response {
    answer(
        StatusCode::SERVICE_UNAVAILABLE,
        json!({"code": "service_unavailable"}),
    )
}

async fn authorise(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    if site.down.load(Ordering::Relaxed) {
        return unavailable();
    }
    tokio::time::sleep(THINKING).await;
    let key = headers
        .get("idempotency-key")
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    if key.is_empty() || !body["amount"].is_i64() {
        return answer(StatusCode::BAD_REQUEST, json!({"code": "invalid_request"}));
    }
    let mut authorised = site
        .authorised
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if authorised.len() >= REMEMBERED {
        authorised.pop_first();
    }
    let outcome = authorised.entry(key.to_owned()).or_insert_with(
        || json!({"authorisation": crate::chance::hex::<8>(), "amount": body["amount"]}),
    );
    answer(StatusCode::CREATED, outcome.clone())
}

async fn status(State(site): State<Arc<Site>>) -> Response {
    if site.down.load(Ordering::Relaxed) {
        return unavailable();
    }
    answer(StatusCode::OK, json!({"status": "operational"}))
}

#[derive(Deserialize)]
struct Nature {
    /// Is the first site down?
    down: bool,
}

/// Accepts only connections whose TLS handshake succeeds; each handshake has its own task and limit.
struct TlsListener {
    address: SocketAddr,
    ready: tokio::sync::mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
}

impl TlsListener {
    fn new(listener: TcpListener, acceptor: TlsAcceptor) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let (sender, ready) = tokio::sync::mpsc::channel(16);
        tokio::spawn(async move {
            loop {
                let Ok((stream, peer)) = listener.accept().await else {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                let (acceptor, sender) = (acceptor.clone(), sender.clone());
                tokio::spawn(async move {
                    let shaking = acceptor.accept(stream);
                    if let Ok(Ok(stream)) =
                        tokio::time::timeout(Duration::from_secs(3), shaking).await
                    {
                        let _ = sender.send((stream, peer)).await;
                    }
                });
            }
        });
        Ok(Self { address, ready })
    }
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        Ok(self.address)
    }
}

fn acceptor(folder: &Path) -> Result<TlsAcceptor, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(format!(
            "provider: TLS cannot be set up from {}: {error}",
            folder.display()
        ))
    };
    let crypto = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(folder.join("authority.pem"))
        .map_err(|error| failed(&error))?;
    roots.add(authority).map_err(|error| failed(&error))?;
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&crypto))
        .build()
        .map_err(|error| failed(&error))?;
    let certificate = CertificateDer::from_pem_file(folder.join("provider.pem"))
        .map_err(|error| failed(&error))?;
    let key = PrivateKeyDer::from_pem_file(folder.join("provider.key"))
        .map_err(|error| failed(&error))?;
    let config = ServerConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .with_client_cert_verifier(clients)
        .with_single_cert(vec![certificate], key)
        .map_err(|error| failed(&error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn routes(site: Arc<Site>) -> Router {
    Router::new()
        .route("/v1/authorisations", post(authorise))
        .route("/v1/status", get(status))
        .with_state(site)
}

/// Both sites listen on one port of two loopback addresses, as two sites have one port.
async fn listen(wanted: u16) -> Result<(TcpListener, TcpListener), Failure> {
    let mut last = None;
    for _ in 0..20 {
        let bound = async {
            let primary = TcpListener::bind(("127.0.0.1", wanted)).await?;
            let port = primary.local_addr()?.port();
            let standby = TcpListener::bind(("127.0.0.2", port)).await?;
            std::io::Result::Ok((primary, standby))
        };
        match bound.await {
            Ok(both) => return Ok(both),
            Err(error) => last = Some(error),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(Failure::new(format!(
        "provider: no port that is free on 127.0.0.1 and 127.0.0.2: {}",
        last.map(|error| error.to_string()).unwrap_or_default()
    )))
}

/// Runs both sites. The process's own port is only for turning the first one off and on.
pub async fn run(process: Process) -> Result<(), Failure> {
    let acceptor = acceptor(&process.state.path().join("certificates"))?;
    let saved = process.state.file("provider-port");
    let wanted = std::fs::read_to_string(&saved)
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0);
    let (primary, standby) = listen(wanted).await?;
    let failed = |error: std::io::Error| Failure::new(format!("provider: {error}"));
    let port = primary.local_addr().map_err(failed)?.port();
    std::fs::write(&saved, port.to_string()).map_err(failed)?;
    let site = Arc::new(Site::default());
    let other = Arc::new(Site::default());
    let first = TlsListener::new(primary, acceptor.clone()).map_err(failed)?;
    let second = TlsListener::new(standby, acceptor).map_err(failed)?;
    let serving = routes(Arc::clone(&site));
    tokio::spawn(async move { axum::serve(first, serving).await });
    tokio::spawn(async move { axum::serve(second, routes(other)).await });
    process.announce()?;
    let key: Arc<str> = process.settings.signing_key.as_str().into();
    let nature = move |Json(nature): Json<Nature>| async move {
        site.down.store(nature.down, Ordering::Relaxed);
        answer(StatusCode::OK, json!({}))
    };
    let routes = Router::new()
        .route("/_nature", post(nature))
        .route_layer(from_fn_with_state(key, insiders_only));
    process.serve(routes, Vec::new()).await
}
