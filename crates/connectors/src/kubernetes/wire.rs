//! Questions to a cluster's API server, by kube-rs: who it is, by which certificate, and what is shown to it, all as a
//! kubeconfig says it or as a pod is told. The rules of a look (budget, patience, repetition) stay those of `pull`.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioExecutor;
use kube::client::{Body, ConfigExt as _};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use model::time::Span;
use tokio::runtime::Runtime;
use tower::{BoxError, ServiceBuilder};

use super::calls;
use crate::client::{ClientError, reasons};
use crate::hidden::Hidden;
use crate::pull::http::{encoded, http_date, retry_after};
use crate::pull::{Answered, Question, Wire};

/// So much later than its limit a question is given up that hangs where it cannot be interrupted, as a program that
/// fetches credentials may.
const GRACE: Duration = Duration::from_millis(200);
/// Credentials that are remembered, so that they can be hidden if they are said back: tokens are replaced while
/// programs run.
const REMEMBERED: usize = 8;
/// Characters of a refusal.
const WORDS: usize = 300;

/// How a cluster is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// As every pod is told: by its service account.
    InCluster,
    /// As a kubeconfig says.
    Kubeconfig {
        /// The file.
        file: PathBuf,
        /// Which of its contexts; its current one, if none is named.
        context: Option<String>,
    },
}

impl Access {
    /// The server's address, for people.
    ///
    /// # Errors
    /// Why it is not known; never what stands in the file.
    pub fn address(&self) -> Result<String, String> {
        match self {
            Self::InCluster => {
                let host = std::env::var("KUBERNETES_SERVICE_HOST");
                host.map(|_| "https://kubernetes.default.svc".to_string())
                    .map_err(|_| {
                        "KUBERNETES_SERVICE_HOST is not set, so this is no pod; name a kubeconfig"
                            .to_string()
                    })
            }
            Self::Kubeconfig { file, context } => {
                let known = read(file)?;
                let wanted = context.as_ref().or(known.current_context.as_ref());
                let wanted = wanted.ok_or_else(|| {
                    format!(
                        "{} has no current context; name one in context",
                        file.display()
                    )
                })?;
                let found = known.contexts.iter().find(|one| one.name == *wanted);
                let cluster = found.and_then(|one| one.context.as_ref());
                let cluster = cluster
                    .ok_or_else(|| format!("{} has no context {wanted:?}", file.display()))?;
                let found = known
                    .clusters
                    .iter()
                    .find(|one| one.name == cluster.cluster)
                    .and_then(|one| one.cluster.as_ref()?.server.clone());
                found.ok_or_else(|| {
                    format!(
                        "{} names no server for the cluster {:?}",
                        file.display(),
                        cluster.cluster
                    )
                })
            }
        }
    }
}

/// Reads a kubeconfig. What stands in it is in no message: it may hold tokens.
fn read(file: &std::path::Path) -> Result<Kubeconfig, String> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    let mut known =
        Kubeconfig::from_yaml(&text).map_err(|_| format!("{} is no kubeconfig", file.display()))?;
    // Files that it names are relative to it.
    let folder = file.parent().unwrap_or_else(|| std::path::Path::new("."));
    let rooted = |path: &mut Option<String>| {
        if let Some(path) = path.as_mut().filter(|path| !path.is_empty()) {
            *path = folder.join(&*path).to_string_lossy().into_owned();
        }
    };
    for cluster in known
        .clusters
        .iter_mut()
        .filter_map(|one| one.cluster.as_mut())
    {
        rooted(&mut cluster.certificate_authority);
    }
    for user in known
        .auth_infos
        .iter_mut()
        .filter_map(|one| one.auth_info.as_mut())
    {
        rooted(&mut user.client_certificate);
        rooted(&mut user.client_key);
        rooted(&mut user.token_file);
    }
    Ok(known)
}

/// What was shown to the server, so that it can be hidden if it says it back.
type Seen = Arc<Mutex<Vec<String>>>;

/// A cluster, joined.
#[derive(Clone)]
struct Joined {
    client: Client,
    seen: Seen,
}

/// A cluster that is asked.
pub struct Cluster {
    access: Access,
    /// Present until it is dropped.
    runtime: Option<Runtime>,
    joined: Arc<Mutex<Option<Joined>>>,
}

impl Cluster {
    /// Reached so; nothing is asked yet.
    ///
    /// # Errors
    /// If no threads can be had.
    pub fn new(access: Access) -> Result<Self, String> {
        let tls = rustls::crypto::ring::default_provider();
        // Another part of the program may have chosen the same provider before.
        let _ = rustls::crypto::CryptoProvider::install_default(tls);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            // One more than is needed: a program that fetches credentials may hold one up.
            .worker_threads(2)
            .thread_name("kubernetes")
            .enable_all()
            .build()
            .map_err(|error| format!("no threads can be had: {error}"))?;
        Ok(Self {
            access,
            runtime: Some(runtime),
            joined: Arc::default(),
        })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Whoever drops it may be a task of another runtime, which must not wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Wire for Cluster {
    fn ask(&self, question: &Question<'_>) -> Result<Answered, ClientError> {
        let call = calls::of(question.path);
        if call.is_none() && question.path != calls::VERSION {
            return Err(refused(format!(
                "{} is not among the calls that may be made",
                question.path
            )));
        }
        let form: Vec<String> = question
            .fields
            .iter()
            .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
            .collect();
        let address = match form.is_empty() {
            true => question.path.to_string(),
            false => format!("{}?{}", question.path, form.join("&")),
        };
        let names_only = call.is_some_and(|call| call.names_only);
        let most = question.most;
        let (access, joined) = (self.access.clone(), Arc::clone(&self.joined));
        let limit = Duration::from_nanos(limit(question.limit));
        let Some(runtime) = &self.runtime else {
            return Err(ClientError::Unreached("it is being closed".to_string()));
        };
        let (done, waited) = mpsc::channel();
        runtime.spawn(async move {
            let asked = exchange(&access, &joined, &address, names_only, most);
            let answered = tokio::time::timeout(limit, asked).await;
            // Nobody waits any more if it took too long.
            let _ = done.send(answered.unwrap_or_else(|_| Err(late())));
        });
        match waited.recv_timeout(limit + GRACE) {
            Ok(answered) => answered,
            Err(_) => Err(late()),
        }
    }
}

fn limit(span: Span) -> u64 {
    u64::try_from(span.0).unwrap_or(0).max(1_000_000)
}

fn late() -> ClientError {
    ClientError::Unanswered("it took too long".to_string())
}

/// Our own side does not let it through.
fn refused(why: String) -> ClientError {
    ClientError::Refused {
        status: 401,
        body: why,
    }
}

/// Joins the cluster, unless that was done before.
async fn join(access: &Access, joined: &Mutex<Option<Joined>>) -> Result<Joined, ClientError> {
    let lock = || joined.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = lock().clone() {
        return Ok(known);
    }
    let config = match access {
        Access::InCluster => Config::incluster().map_err(|error| {
            refused(format!(
                "the service account of this pod cannot be read: {error}"
            ))
        })?,
        Access::Kubeconfig { file, context } => {
            let known = read(file).map_err(refused)?;
            let options = KubeConfigOptions {
                context: context.clone(),
                ..KubeConfigOptions::default()
            };
            Config::from_custom_kubeconfig(known, &options)
                .await
                // The error may quote what stands in the file.
                .map_err(|_| refused(format!("what {} says cannot be used", file.display())))?
        }
    };
    let fresh = connect(&config)?;
    *lock() = Some(fresh.clone());
    Ok(fresh)
}

fn connect(config: &Config) -> Result<Joined, ClientError> {
    let seen = Seen::default();
    let credential =
        |_| refused("the credential that the kubeconfig names cannot be had".to_string());
    let auth = config.auth_layer().map_err(credential)?;
    let https = config
        .rustls_https_connector()
        .map_err(|_| refused("the certificates of the kubeconfig cannot be used".to_string()))?;
    let shown = Arc::clone(&seen);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(auth)
        .map_request(move |request: http::Request<Body>| {
            remember(&shown, request.headers());
            request
        })
        .map_err(BoxError::from)
        .service(hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(https));
    Ok(Joined {
        client: Client::new(service, config.default_namespace.clone()),
        seen,
    })
}

/// Takes down what is shown, and the token or password in it.
fn remember(seen: &Seen, headers: &http::HeaderMap) {
    let Some(header) = headers.get(http::header::AUTHORIZATION) else {
        return;
    };
    let Ok(header) = header.to_str() else { return };
    let value = header.split_once(' ').map_or(header, |(_, value)| value);
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    if !seen.iter().any(|known| known == value) {
        if seen.len() >= REMEMBERED {
            seen.remove(0);
        }
        seen.push(value.to_string());
    }
}

/// What was shown so far, to be struck out; of `Basic`, the password in it too.
fn hidden(seen: &Seen) -> Hidden {
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let password = |value: &String| {
        let pair = String::from_utf8(STANDARD.decode(value).ok()?).ok()?;
        Some(pair.split_once(':')?.1.to_string())
    };
    let passwords: Vec<String> = seen.iter().filter_map(password).collect();
    Hidden::of(seen.iter().chain(&passwords).map(String::as_str))
}

async fn exchange(
    access: &Access,
    joined: &Mutex<Option<Joined>>,
    address: &str,
    names_only: bool,
    most: u64,
) -> Result<Answered, ClientError> {
    let cluster = join(access, joined).await?;
    let accept = match names_only {
        true => "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
        false => "application/json",
    };
    let request = http::Request::get(address)
        .header(http::header::ACCEPT, accept)
        .header(
            http::header::USER_AGENT,
            concat!("midwatch/", env!("CARGO_PKG_VERSION")),
        )
        .body(Body::empty())
        .map_err(|error| ClientError::Unreached(error.to_string()))?;
    let response = cluster.client.send(request).await.map_err(|error| {
        let said = hidden(&cluster.seen).said(&reasons(&error));
        match error {
            kube::Error::Auth(_) => {
                refused("the credential that the kubeconfig names cannot be had".to_string())
            }
            _ => ClientError::Unreached(said),
        }
    })?;
    let (head, mut stream) = response.into_parts();
    let status = head.status.as_u16();
    let text = |name: http::HeaderName| head.headers.get(name)?.to_str().ok().map(str::trim);
    let date = text(http::header::DATE).and_then(http_date);
    let after = text(http::header::RETRY_AFTER).and_then(|value| retry_after(value, date));
    let mut body = Vec::new();
    while let Some(frame) = stream.frame().await {
        let frame = frame.map_err(|error| {
            ClientError::Unanswered(hidden(&cluster.seen).said(&reasons(&error)))
        })?;
        if let Ok(data) = frame.into_data() {
            let room = usize::try_from(most.saturating_add(1)).unwrap_or(usize::MAX);
            let room = room.saturating_sub(body.len());
            body.extend_from_slice(data.get(..room).unwrap_or(&data));
            if body.len() as u64 > most {
                break;
            }
        }
    }
    if status == 401 {
        // What it was shown is no longer good: the file is read anew, for a credential that was replaced.
        *joined.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
    let cut = body.len() as u64 > most;
    // An object or a line may say back what was shown, too.
    let hidden = hidden(&cluster.seen);
    body = match (200..300).contains(&status) {
        true => hidden.told(body),
        // What did not come whole may end in the middle of a secret.
        false if cut => Vec::new(),
        false => said(&hidden, &body).into_bytes(),
    };
    Ok(Answered {
        status,
        after,
        date,
        cut,
        body,
        ..Answered::default()
    })
}

/// A refusal in the server's words: the message of a `Status`, or the beginning of whatever it said. Nothing is cut off
/// before secrets are out: half of one would be left.
fn said(hidden: &Hidden, body: &[u8]) -> String {
    let status: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let message = status
        .as_ref()
        .and_then(|status| status["message"].as_str())
        .map(str::to_string);
    let text = message.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
    hidden.said(&text).trim().chars().take(WORDS).collect()
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
