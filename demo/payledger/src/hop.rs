//! One hop from process to process: a client span, the trace context on the request, the answer as JSON.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;

use crate::failure::Failure;
use crate::names::EntityName;
use crate::telemetry::{Telemetry, Work};

/// What came back.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The body; `Null` where it was not JSON.
    pub body: Value,
}

impl Reply {
    /// Did they say yes?
    pub fn ok(&self) -> bool {
        self.status.is_success()
    }

    /// The `message` that errors carry, or the status.
    pub fn message(&self) -> String {
        self.body["message"]
            .as_str()
            .map_or_else(|| self.status.to_string(), str::to_owned)
    }
}

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
pub enum HopError {
    /// The connection could not be made.
    #[error("{peer}: connection failed: {why}")]
    Connect {
        /// Whom we asked.
        peer: String,
        /// What was said.
        why: String,
    },
    /// No answer in time.
    #[error("{peer}: request timed out after {seconds:.1} s")]
    Timeout {
        /// Whom we asked.
        peer: String,
        /// How long we waited.
        seconds: f64,
    },
    /// The connection broke, or the answer could not be read.
    #[error("{peer}: request failed: {why}")]
    Broken {
        /// Whom we asked.
        peer: String,
        /// What was said.
        why: String,
    },
}

/// A request to make.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    /// Whom: names the span's peer.
    pub peer: &'a EntityName,
    /// Method.
    pub method: Method,
    /// Base URL and path.
    pub url: String,
    /// The route without identifiers, which names the span.
    pub route: &'a str,
    /// What is sent, if anything.
    pub body: Option<Value>,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
}

impl<'a> Ask<'a> {
    /// A GET.
    pub fn get(peer: &'a EntityName, url: String, route: &'a str) -> Self {
        Self {
            peer,
            method: Method::GET,
            url,
            route,
            body: None,
            headers: Vec::new(),
        }
    }

    /// A POST of JSON.
    pub fn post(peer: &'a EntityName, url: String, route: &'a str, body: Value) -> Self {
        Self {
            method: Method::POST,
            body: Some(body),
            ..Self::get(peer, url, route)
        }
    }
}

/// Makes requests, as parts of pieces of work.
#[derive(Clone, Debug)]
pub struct Hop {
    client: reqwest::Client,
    timeout: Duration,
}

impl Hop {
    /// With a limit on each request.
    pub fn new(timeout: Duration) -> Result<Self, Failure> {
        Ok(Self {
            client: plain_client(timeout)?,
            timeout,
        })
    }

    /// Over a client made elsewhere, such as one with a certificate.
    pub fn over(client: reqwest::Client, timeout: Duration) -> Self {
        Self { client, timeout }
    }

    /// Asks, as part of this work, and says in a span of its own how it went.
    pub async fn ask(
        &self,
        telemetry: &Telemetry,
        parent: &Work,
        ask: Ask<'_>,
    ) -> Result<Reply, HopError> {
        let work = parent.asking(telemetry, format!("{} {}", ask.method, ask.route));
        work.set("http.request.method", ask.method.to_string());
        work.set("peer.service", ask.peer.name.clone());
        work.set("server.address", address_of(ask.peer));
        work.set("url.path", ask.route.to_owned());
        let outcome = self.send(&work, &ask).await;
        match &outcome {
            Ok(reply) => {
                work.set(
                    "http.response.status_code",
                    i64::from(reply.status.as_u16()),
                );
                if reply.status.is_server_error() || reply.status == StatusCode::TOO_MANY_REQUESTS {
                    work.failed(format!("{} {}", reply.status, reply.message()));
                }
            }
            Err(error) => {
                work.set(
                    "error.type",
                    match error {
                        HopError::Connect { .. } => "connection_failed",
                        HopError::Timeout { .. } => "timeout",
                        HopError::Broken { .. } => "broken",
                    },
                );
                work.failed(error.to_string());
            }
        }
        work.end();
        outcome
    }

    async fn send(&self, work: &Work, ask: &Ask<'_>) -> Result<Reply, HopError> {
        let mut headers = HeaderMap::new();
        work.hand_on(&mut headers);
        for (name, value) in &ask.headers {
            if let Ok(value) = HeaderValue::try_from(value.as_str()) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        let mut request = self
            .client
            .request(ask.method.clone(), &ask.url)
            .headers(headers);
        if let Some(body) = &ask.body {
            request = request.json(body);
        }
        let told = |error: reqwest::Error| self.told(ask.peer, &error);
        let reply = request.send().await.map_err(told)?;
        let status = reply.status();
        let body = reply.bytes().await.map_err(told)?;
        Ok(Reply {
            status,
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        })
    }

    fn told(&self, peer: &EntityName, error: &reqwest::Error) -> HopError {
        let peer = peer.to_string();
        if error.is_timeout() {
            return HopError::Timeout {
                peer,
                seconds: self.timeout.as_secs_f64(),
            };
        }
        // The reason stands at the end of the chain; what comes before it repeats the address.
        let mut why = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(inner) = source {
            why = inner.to_string();
            source = inner.source();
        }
        if error.is_connect() {
            HopError::Connect { peer, why }
        } else {
            HopError::Broken { peer, why }
        }
    }
}

/// The name under which an entity is reached; ports are chance and would only split what belongs together.
fn address_of(peer: &EntityName) -> String {
    match &peer.region {
        Some(region) => format!("{}.{region}.payledger.internal", peer.name),
        None if peer.kind == crate::names::Kind::Provider => crate::names::PROVIDER_HOST.to_owned(),
        None => format!("{}.payledger.internal", peer.name),
    }
}

/// A client for plain HTTP on loopback. It is given an empty set of authorities: the machine's own are large,
/// and nobody here needs them.
pub fn plain_client(timeout: Duration) -> Result<reqwest::Client, Failure> {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::new(format!("TLS cannot be set up: {error}")))?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .timeout(timeout)
        .pool_max_idle_per_host(8)
        .build()
        .map_err(|error| Failure::new(format!("no HTTP client: {error}")))
}
