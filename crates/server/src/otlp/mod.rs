//! Where telemetry comes in: OTLP over gRPC and over HTTP, as the OpenTelemetry protocol specification has it
//! (<https://opentelemetry.io/docs/specs/otlp/>).
//!
//! This room knows framing, compression, status codes and when to say "later"; what is in a body is the business
//! of the [`TelemetryInlet`] behind it. What is held at once is bounded in requests and in bytes: a flood is told
//! to come again, and counted, and costs no memory.

mod answer;
mod gate;
mod grpc;
mod http;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use model::ports::{Clock, TelemetryInlet};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use gate::Gate;

pub use gate::Counts;

/// How much is taken at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one request over HTTP, unpacked. Larger ones are refused for good (413).
    pub body_bytes: usize,
    /// Bytes of one gRPC message, unpacked; the OpenTelemetry Collector's own bound is 4 MiB.
    pub message_bytes: usize,
    /// Bytes of all requests that are being taken.
    pub bytes_in_flight: usize,
    /// Requests that are being taken at once.
    pub requests_in_flight: usize,
    /// How long a sender may take over one body.
    pub read_timeout: Duration,
    /// When a sender who was sent away is to come again.
    pub retry_after: Duration,
    /// How long requests that were begun may take to end when the server stops.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 16 << 20,
            message_bytes: 4 << 20,
            bytes_in_flight: 64 << 20,
            requests_in_flight: 64,
            read_timeout: Duration::from_secs(10),
            retry_after: Duration::from_secs(1),
            drain: Duration::from_secs(5),
        }
    }
}

/// Where to listen; `None`: not at all. Port 0 takes any that is free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// OTLP/gRPC; by custom port 4317.
    pub grpc: Option<SocketAddr>,
    /// OTLP/HTTP; by custom port 4318.
    pub http: Option<SocketAddr>,
}

/// An address that cannot be listened at.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen for OTLP/{protocol} at {address}: {why}; name another address in [telemetry] {protocol}, or port 0 for any that is free"
)]
pub struct ListenError {
    /// `grpc` or `http`.
    pub protocol: &'static str,
    /// Where.
    pub address: SocketAddr,
    /// What the operating system said.
    pub why: String,
}

/// A server that listens.
#[derive(Debug)]
pub struct Bound {
    /// Where OTLP/gRPC is taken.
    pub grpc: Option<SocketAddr>,
    /// Where OTLP/HTTP is taken.
    pub http: Option<SocketAddr>,
    gate: Arc<Gate>,
    task: JoinHandle<()>,
}

/// Tells what came and what was sent away, for as long as anybody asks.
#[derive(Clone, Debug)]
pub struct Counter(Arc<Gate>);

impl Counter {
    /// Since the start.
    pub fn counts(&self) -> Counts {
        self.0.counts()
    }
}

impl Bound {
    /// The counts, for whoever outlives this.
    pub fn counter(&self) -> Counter {
        Counter(Arc::clone(&self.gate))
    }

    /// What came and what was sent away, since the start.
    pub fn counts(&self) -> Counts {
        self.gate.counts()
    }

    /// Returns when the server has ended: after its shutdown, when the last request was answered.
    pub async fn ended(self) {
        let _ = self.task.await;
    }
}

/// Listens, and takes telemetry until `shutdown` is done. Requests that were begun are answered.
///
/// # Errors
/// When an address cannot be listened at. Nothing runs then.
pub async fn serve(
    addresses: Addresses,
    inlet: Arc<dyn TelemetryInlet>,
    clock: Arc<dyn Clock>,
    limits: Limits,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<Bound, ListenError> {
    let grpc = listen("grpc", addresses.grpc).await?;
    let http = listen("http", addresses.http).await?;
    let (grpc_addr, http_addr) = (local(&grpc), local(&http));
    let gate = Arc::new(Gate::new(inlet, clock, limits));
    // Dropping the sender tells both to stop.
    let (stop, stopped) = watch::channel(());
    let grpc = grpc.map(|listener| {
        tokio::spawn(grpc::serve(
            listener,
            Arc::clone(&gate),
            until(stopped.clone()),
        ))
    });
    let http = http.map(|listener| {
        tokio::spawn(http::serve(
            listener,
            Arc::clone(&gate),
            until(stopped.clone()),
        ))
    });
    let task = tokio::spawn(async move {
        shutdown.await;
        drop(stop);
        for mut one in [grpc, http].into_iter().flatten() {
            if tokio::time::timeout(limits.drain, &mut one).await.is_err() {
                one.abort();
            }
        }
    });
    Ok(Bound {
        grpc: grpc_addr,
        http: http_addr,
        gate,
        task,
    })
}

async fn listen(
    protocol: &'static str,
    address: Option<SocketAddr>,
) -> Result<Option<TcpListener>, ListenError> {
    let Some(address) = address else {
        return Ok(None);
    };
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(Some(listener)),
        Err(why) => Err(ListenError {
            protocol,
            address,
            why: why.to_string(),
        }),
    }
}

fn local(listener: &Option<TcpListener>) -> Option<SocketAddr> {
    listener.as_ref().and_then(|l| l.local_addr().ok())
}

async fn until(mut stopped: watch::Receiver<()>) {
    // Nothing is ever sent: it ends when the sender is gone.
    while stopped.changed().await.is_ok() {}
}
