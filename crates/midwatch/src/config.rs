//! What `midwatch.toml` says: one section per room, nothing hidden.
//!
//! Reading is done in two steps (what was written; what is needed), and refuses early: an unknown key is an
//! error that names the nearest known one, never a setting that silently does nothing.

mod amount;
mod connectors;
mod entrance;
mod inlets;
mod keys;
mod notify;
mod reference;
mod spaces;
mod wrong;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem::Problem;

pub use amount::{Bytes, Length};
pub use connectors::{
    Alertmanager, Argocd, Aws, AwsAccount, AwsBuild, AwsHands, AwsRunbook, AwsTraffic, Bounds, Git,
    Github, Gitlab, Jaeger, Kubernetes, Loki, Prometheus, Pulled, Repositories, Statuspage, Tempo,
};
pub use entrance::{Oidc, Tls};
pub use inlets::{Inlet, Kind};
pub use keys::{Key, Table};
pub use notify::{Email, Notify, Only, Security};
pub use reference::reference;
pub use spaces::{MAIN, Space};

/// The name looked for where none is given.
pub const FILE: &str = "midwatch.toml";

/// Everything that can be set. An empty file is a valid one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where things are kept.
    pub store: Store,
    /// The API and the page.
    pub server: Server,
    /// Spans of what Midwatch itself does.
    pub traces: Traces,
    /// Telemetry that is pushed here.
    pub telemetry: Telemetry,
    /// The watch: alarms of our own, and the duty loop.
    pub watch: Watch,
    /// How incidents are looked at.
    pub investigate: Investigate,
    /// What may be done about them.
    pub act: Act,
    /// Who is told.
    pub notify: Notify,
    /// Where others post alarms, changes and answers; each has a name of its own.
    pub inlets: BTreeMap<String, Inlet>,
    /// What can be looked at beyond pushed telemetry.
    pub connectors: Connectors,
    /// Teams beside the one of this file, each with sources, policy, incidents and a data folder of its own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub spaces: BTreeMap<String, Space>,
}

/// Where things are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// Folder of the journal, the telemetry window and the recordings; relative to the file. A space that names none
    /// has `spaces/NAME` in the folder of the house.
    pub path: PathBuf,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            path: PathBuf::from("midwatch-data"),
        }
    }
}

/// The API and the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Where they are, such as `127.0.0.1:8787`; port 0 takes a free one. Not there unless this is set. Loopback only, unless there is TLS or a proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
    /// Names under which they may be asked, beside `localhost` and the loopback addresses.
    pub hosts: Vec<String>,
    /// May everybody on this machine read, as long as there are no accounts? Altering anything always needs one.
    pub open_on_loopback: bool,
    /// Is there a proxy before it that speaks TLS, and says in `X-Forwarded-For` and `X-Forwarded-Proto` who asks? Only
    /// then, and once there are accounts, may it listen beyond loopback.
    pub behind_proxy: bool,
    /// TLS that Midwatch speaks itself. With it, and once there are accounts, it may listen beyond loopback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Sign-in by a provider that vouches for people (OpenID Connect), beside local accounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oidc: Option<Oidc>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: None,
            hosts: Vec::new(),
            open_on_loopback: true,
            behind_proxy: false,
            tls: None,
            oidc: None,
        }
    }
}

/// Spans of what Midwatch itself does: looks, investigations, steps, notices, requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Traces {
    /// Base address of the OTLP/HTTP receiver that they are sent to, such as `http://collector:4318`. Nothing is sent
    /// unless this is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp: Option<String>,
}

/// Telemetry that is pushed here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Telemetry {
    /// Address of OTLP over gRPC; port 0 takes a free one.
    pub grpc: SocketAddr,
    /// Address of OTLP over HTTP; port 0 takes a free one.
    pub http: SocketAddr,
    /// How long telemetry is kept.
    pub keep: Length,
    /// How much of it is kept at most; the oldest goes first.
    pub max_bytes: Bytes,
    /// The longest request that is taken.
    pub max_request: Bytes,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            grpc: SocketAddr::from(([127, 0, 0, 1], 4317)),
            http: SocketAddr::from(([127, 0, 0, 1], 4318)),
            keep: Length::hours(26),
            max_bytes: Bytes(4 << 30),
            max_request: Bytes(16 << 20),
        }
    }
}

/// The watch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Watch {
    /// Files that declare alarms, composites and SLOs, such as `["alarms.toml"]`; relative to the file.
    pub rules: Vec<PathBuf>,
    /// How often alarms are evaluated and duties looked at.
    pub every: Length,
    /// An incident in which nothing happens for so long is closed.
    pub idle_close: Length,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            rules: Vec::new(),
            every: Length::millis(500),
            idle_close: Length::minutes(30),
        }
    }
}

/// How incidents are looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Investigate {
    /// Questions that one look may ask.
    pub reads: u32,
    /// How far before the alarm a look reaches; shorter while less than twice as much is known.
    pub lookback: Length,
    /// How far back changes are read.
    pub changes: Length,
}

impl Default for Investigate {
    fn default() -> Self {
        Self {
            reads: 60,
            lookback: Length::minutes(60),
            changes: Length::hours(24),
        }
    }
}

/// What may be done about incidents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Act {
    /// `observer` (nothing is done), `ask-always`, `harmless-alone`, or the path of a Cedar policy,
    /// relative to the file.
    pub policy: String,
    /// No plan that rests on less confidence is performed, whoever says yes; 0 to 1.
    pub min_confidence: f64,
    /// After a recovery that runs or succeeded, an entity is left alone for so long.
    pub cooldown: Length,
    /// Plans for one incident, the first included.
    pub attempts: u32,
    /// Entities that one plan may touch.
    pub max_touched: u32,
    /// How long a question waits for an answer.
    pub approval_valid: Length,
    /// Who may say yes, by name, beside accounts with the role of an approver; a policy may narrow it. Empty: whoever
    /// can reach the control socket.
    pub approvers: Vec<String>,
    /// How long after the last step the first check is made.
    pub settle: Length,
    /// A plan without success after so long has failed.
    pub patience: Length,
}

impl Default for Act {
    fn default() -> Self {
        Self {
            policy: "ask-always".to_string(),
            min_confidence: 0.8,
            cooldown: Length::minutes(5),
            attempts: 2,
            max_touched: 12,
            approval_valid: Length::minutes(30),
            approvers: Vec::new(),
            settle: Length::seconds(5),
            patience: Length::minutes(5),
        }
    }
}

/// What can be looked at beyond pushed telemetry.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Connectors {
    /// The control plane of a PayLedger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payledger: Option<PayLedger>,
    /// Servers that speak the HTTP API of Prometheus, each under a name of its own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub prometheus: BTreeMap<String, Prometheus>,
    /// Servers of Loki, each under a name of its own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub loki: BTreeMap<String, Loki>,
    /// Servers of Alertmanager, each under a name of its own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub alertmanager: BTreeMap<String, Alertmanager>,
    /// Servers that speak the query API of Jaeger, each under a name of its own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub jaeger: BTreeMap<String, Jaeger>,
    /// Servers of Grafana Tempo, each under a name of its own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tempo: BTreeMap<String, Tempo>,
    /// Kubernetes clusters, each under a name of its own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub kubernetes: BTreeMap<String, Kubernetes>,
    /// GitHub, or servers of GitHub Enterprise, each under a name of its own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub github: BTreeMap<String, Github>,
    /// GitLab, or servers of it, each under a name of its own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub gitlab: BTreeMap<String, Gitlab>,
    /// Repositories on this machine, each under a name of its own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub git: BTreeMap<String, Git>,
    /// Servers of Argo CD, each under a name of its own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub argocd: BTreeMap<String, Argocd>,
    /// Pages on which providers say how they are, each under a name of its own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub statuspage: BTreeMap<String, Statuspage>,
    /// Accounts and regions of AWS, each set of them under a name of its own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub aws: BTreeMap<String, Aws>,
}

/// The control plane of a PayLedger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PayLedger {
    /// Its address, such as `http://127.0.0.1:8801`.
    pub control_plane: String,
    /// Address of the router, whose state says which region is active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub router: Option<String>,
    /// May it be altered, by plans that pass the gate?
    #[serde(default)]
    pub hands: bool,
}

/// A configuration that was read, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// What it says.
    pub config: Config,
    /// The file; `None` where there is none and everything is as by default.
    pub file: Option<PathBuf>,
}

impl Written {
    /// Reads the file named; without a name `midwatch.toml` of the working folder, if it is there.
    pub fn read(path: Option<&Path>) -> Result<Self, Problem> {
        let file = match path {
            Some(path) => path.to_path_buf(),
            None if Path::new(FILE).exists() => PathBuf::from(FILE),
            None => {
                return Ok(Self {
                    config: Config::default(),
                    file: None,
                });
            }
        };
        let text = text_of(&file)?;
        let config = parse(&text, &file.display().to_string())?;
        Ok(Self {
            config,
            file: Some(file),
        })
    }

    /// A path of the configuration, relative to its file.
    pub fn path(&self, path: &Path) -> PathBuf {
        match self.file.as_ref().and_then(|file| file.parent()) {
            Some(folder) if path.is_relative() => folder.join(path),
            _ => path.to_path_buf(),
        }
    }

    /// Where a key stands, for errors: `watch.rules in midwatch.toml`.
    pub fn place(&self, key: &str) -> String {
        match &self.file {
            Some(file) => format!("{key} in {}", file.display()),
            None => key.to_string(),
        }
    }

    /// The text of a file that this key names.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn named_text(&self, key: &str, named: &Path) -> Result<String, Problem> {
        let path = self.path(named);
        std::fs::read_to_string(&path).map_err(|error| self.unread(key, &path, &error))
    }

    /// The secret that stands alone in a file which this key names. It is shown nowhere.
    ///
    /// # Errors
    /// If the file cannot be read, or holds nothing or several lines: then it is not known which of them is meant.
    pub fn named_secret(&self, key: &str, named: &Path) -> Result<String, Problem> {
        let text = self.named_text(key, named)?;
        let secret = text.trim();
        let found = if secret.is_empty() {
            "is empty"
        } else if secret.chars().any(char::is_control) {
            "holds more than one line"
        } else {
            return Ok(secret.to_string());
        };
        Err(Problem::bad_input(
            format!("{} {found}", self.path(named).display()),
            self.place(key),
            "write the secret into it, alone on one line",
        ))
    }

    /// That a file which this key names cannot be read.
    pub fn unread(&self, key: &str, path: &Path, error: &std::io::Error) -> Problem {
        use std::io::ErrorKind;

        let own = self.file.as_deref().unwrap_or(Path::new(FILE)).display();
        let remedy = match error.kind() {
            ErrorKind::NotFound => format!(
                "make the file, readable by whoever runs midwatch; paths are relative to {own}"
            ),
            ErrorKind::PermissionDenied => "let whoever runs midwatch read it".to_string(),
            ErrorKind::IsADirectory => "it is a folder: name a file".to_string(),
            ErrorKind::InvalidData => "write it as text in UTF-8".to_string(),
            _ => "see that it is a file that can be read".to_string(),
        };
        let what = format!("{} cannot be read: {error}", path.display());
        Problem::bad_input(what, self.place(key), remedy)
    }
}

/// The text of a configuration.
fn text_of(file: &Path) -> Result<String, Problem> {
    std::fs::read_to_string(file).map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => Problem::bad_input(
            "it is not text in UTF-8",
            file.display().to_string(),
            "write it as TOML; `midwatch config reference` shows every key",
        ),
        _ => Problem::unreadable(file, &error),
    })
}

/// Reads the text of a configuration; `name` is how errors call it.
pub fn parse(text: &str, name: &str) -> Result<Config, Problem> {
    let config: Config = toml::from_str(text).map_err(|error| {
        let place = error.span().map_or_else(
            || name.to_string(),
            |span| {
                let before = text.get(..span.start).unwrap_or(text);
                let line = before.matches('\n').count() + 1;
                let column = before
                    .rsplit('\n')
                    .next()
                    .map_or(1, |l| l.chars().count() + 1);
                format!("{name}:{line}:{column}")
            },
        );
        let (what, remedy) = wrong::told(&error).unwrap_or_else(|| {
            let what = error.message().to_string();
            let remedy = nearest(&what).map_or_else(
                || "`midwatch config reference` shows every key with its default".to_string(),
                |near| {
                    format!("did you mean `{near}`? `midwatch config reference` shows every key")
                },
            );
            (what, remedy)
        });
        Problem::bad_input(what, place, remedy)
    })?;
    checked(config, name)
}

/// Of serde's "unknown field `a`, expected one of `b`, `c`", or variant, the known name nearest to the unknown one.
fn nearest(message: &str) -> Option<String> {
    let mut names = message.split('`').skip(1).step_by(2);
    let known = ["unknown field", "unknown variant"];
    let unknown = known
        .iter()
        .any(|what| message.starts_with(what))
        .then(|| names.next())??;
    watch::detect::nearest(unknown, names).map(str::to_string)
}

/// What types cannot say.
fn checked(config: Config, name: &str) -> Result<Config, Problem> {
    let refuse = |key: &str, what: &str, remedy: &str| {
        Err(Problem::bad_input(
            format!("{key} {what}"),
            name.to_string(),
            remedy.to_string(),
        ))
    };
    if config
        .server
        .listen
        .is_some_and(|address| !address.ip().is_loopback())
        && !config.server.behind_proxy
        && config.server.tls.is_none()
    {
        return refuse(
            "server.listen",
            "can be reached from other machines, and what is sent to it would not be secret",
            "listen on loopback, such as \"127.0.0.1:8787\", or name certificate and key in [server.tls], or put a proxy before it that speaks TLS and say behind_proxy = true",
        );
    }
    if let Some((key, what, remedy)) = config.server.oidc.as_ref().and_then(Oidc::fault) {
        return refuse(key, what, remedy);
    }
    if let Some((key, what, remedy)) = config.notify.fault() {
        return refuse(&key, &what, &remedy);
    }
    if !(0.0..=1.0).contains(&config.act.min_confidence) {
        return refuse(
            "act.min_confidence",
            "is a share",
            "give a number from 0 to 1; 0.8 is the default",
        );
    }
    if config.act.attempts == 0 {
        return refuse(
            "act.attempts",
            "is 0, so no plan could ever run",
            "for a watch that only looks, set act.policy = \"observer\"",
        );
    }
    if config.investigate.reads == 0 {
        return refuse("investigate.reads", "is 0", "60 is the default");
    }
    if let Some((key, what, remedy)) = config.connectors.fault() {
        return refuse(&key, &what, &remedy);
    }
    for (name, inlet) in &config.inlets {
        if let Some((key, what, remedy)) = inlets::fault(name, inlet) {
            return refuse(&key, what, remedy);
        }
    }
    for name in config.spaces.keys() {
        if let Some((key, what, remedy)) = spaces::fault(name) {
            return refuse(&key, what, remedy);
        }
    }
    for (key, length) in [
        ("watch.every", config.watch.every),
        ("telemetry.keep", config.telemetry.keep),
        ("investigate.lookback", config.investigate.lookback),
        ("act.approval_valid", config.act.approval_valid),
    ] {
        if length.span().0 <= 0 {
            return refuse(
                key,
                "must be longer than nothing",
                "write it like \"30s\" or \"2h\"",
            );
        }
    }
    Ok(config)
}

#[cfg(test)]
mod tests;
