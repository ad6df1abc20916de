//! What every process has: its settings, its listener, its clock, the others' addresses, and an end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::clock::ProcessClock;
use crate::config::RegionConfig;
use crate::deployment::{Deployment, Settings, StateFolder};
use crate::failure::Failure;
use crate::hop::plain_client;
use crate::telemetry::{Exporting, Telemetry};

/// The header that carries the deployment's key where strangers may not ask.
pub const KEY_HEADER: &str = "x-payledger-key";

/// One process of a PayLedger, before it has taken on its role.
pub struct Process {
    /// `table-ap-southeast-1`, `router`.
    pub name: String,
    /// Empty for what belongs to no region.
    pub region: String,
    /// Where everything is kept.
    pub state: StateFolder,
    /// What it was told.
    pub settings: Settings,
    /// Its clock.
    pub clock: ProcessClock,
    /// Where its telemetry goes.
    pub exporting: Exporting,
    listener: TcpListener,
}

impl Process {
    /// Reads the settings and takes the port (0: any that is free).
    pub async fn start(
        role: &str,
        region: &str,
        state: StateFolder,
        port: u16,
    ) -> Result<Self, Failure> {
        let settings = state.settings()?;
        let name = if region.is_empty() {
            role.to_owned()
        } else {
            format!("{role}-{region}")
        };
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let listener = TcpListener::bind(address).await.map_err(|error| {
            Failure::new(format!("{name}: {address} cannot be listened on: {error}"))
        })?;
        let clock = ProcessClock::default();
        let exporting = Exporting::new(
            &state,
            &name,
            settings.otlp.as_deref(),
            settings.intervals,
            &clock,
        )?;
        Ok(Self {
            name,
            region: region.to_owned(),
            state,
            settings,
            clock,
            exporting,
            listener,
        })
    }

    /// Where everybody is; waits until `up` has written it down.
    pub async fn deployment(&self) -> Deployment {
        loop {
            if let Ok(deployment) = self.state.deployment() {
                return deployment;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// This region's addresses.
    pub async fn region_addresses(
        &self,
        region: &str,
    ) -> Result<crate::deployment::RegionAddresses, Failure> {
        let deployment = self.deployment().await;
        deployment
            .regions
            .into_iter()
            .find(|addresses| addresses.name == region)
            .ok_or_else(|| Failure::new(format!("payledger.json has no region {region}")))
    }

    /// Says where it listens, on its standard output, which `up` reads.
    pub fn announce(&self) -> Result<(), Failure> {
        use std::io::Write as _;
        let address = self
            .listener
            .local_addr()
            .map_err(|error| Failure::new(format!("{}: no address: {error}", self.name)))?;
        let mut out = std::io::stdout();
        writeln!(out, "{}", json!({"listening": format!("http://{address}")}))
            .and_then(|()| out.flush())
            .map_err(|error| Failure::new(format!("{}: nobody reads: {error}", self.name)))
    }

    /// Serves until told to end, then sends the last telemetry.
    pub async fn serve(self, routes: Router, telemetry: Vec<Telemetry>) -> Result<(), Failure> {
        let clock = self.clock.clone();
        let routes = routes.route(
            "/_clock",
            get(move || {
                let now = clock.now_ms();
                async move { axum::Json(json!({"now_ms": now})) }
            }),
        );
        let served = axum::serve(self.listener, routes);
        tokio::select! {
            outcome = served => {
                outcome.map_err(|error| Failure::new(format!("{}: stopped serving: {error}", self.name)))?;
            }
            () = ended() => {}
        }
        let flushing =
            tokio::task::spawn_blocking(move || telemetry.iter().for_each(Telemetry::flush));
        let _ = tokio::time::timeout(Duration::from_millis(500), flushing).await;
        Ok(())
    }
}

/// Resolves when this process shall end: SIGTERM, SIGINT.
pub async fn ended() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}

/// Keeps strangers from paths that only PayLedger's own programs may use.
pub async fn insiders_only(State(key): State<Arc<str>>, request: Request, next: Next) -> Response {
    if is_insider(request.headers(), &key) {
        next.run(request).await
    } else {
        answer(
            StatusCode::FORBIDDEN,
            json!({"message": "this path is for PayLedger's own programs"}),
        )
    }
}

/// Does the request carry the deployment's key?
pub fn is_insider(headers: &HeaderMap, key: &str) -> bool {
    headers
        .get(KEY_HEADER)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|given| given == key)
}

/// A JSON answer.
pub fn answer(status: StatusCode, body: Value) -> Response {
    (status, axum::Json(body)).into_response()
}

/// Follows the control plane's configuration of one region, and acknowledges each state of it by asking for
/// the next.
pub async fn follow_config(
    process: &Process,
) -> Result<watch::Receiver<Arc<RegionConfig>>, Failure> {
    let client = plain_client(Duration::from_secs(30))?;
    let base = format!(
        "{}/config/{}?process={}",
        process.settings.control, process.region, process.name
    );
    let key = process.settings.signing_key.clone();
    let first = loop {
        if let Some(config) = ask(&client, &base, &key, 0).await {
            break config;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let mut generation = first.generation;
    let (sender, receiver) = watch::channel(Arc::new(first));
    tokio::spawn(async move {
        while !sender.is_closed() {
            match ask(&client, &base, &key, generation).await {
                Some(config) => {
                    generation = config.generation;
                    sender.send_replace(Arc::new(config));
                }
                None => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
    });
    Ok(receiver)
}

async fn ask(client: &reqwest::Client, base: &str, key: &str, after: u64) -> Option<RegionConfig> {
    let reply = client
        .get(format!("{base}&after={after}"))
        .header(KEY_HEADER, key)
        .send()
        .await
        .ok()?;
    reply.error_for_status().ok()?.json().await.ok()
}
