//! What `up` writes down for others: `payledger.json`, and the settings that the processes start with.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// `DIR/payledger.json`: where everything of one running PayLedger can be reached.
///
/// Written once all processes answer, whole or not at all, and again whenever a process was started anew.
/// Readers must accept fields that they do not know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// Version of this shape; 1.
    pub format: u32,
    /// Process id of `payledger up`, which ends all others when it gets SIGTERM.
    pub pid: u32,
    /// When it was started, RFC 3339.
    pub started_at: String,
    /// Base URL of the router: `http://127.0.0.1:PORT`. Serves `/transaction`, `/transactions`, `/balance`,
    /// `/health`, `/state`.
    pub router: String,
    /// URL of the page.
    pub page: String,
    /// Base URL of the control plane.
    pub control: String,
    /// Base URL (HTTPS, client certificate needed) of the payment provider.
    pub provider: String,
    /// Where telemetry goes (OTLP over HTTP, protobuf), if anywhere.
    pub otlp: Option<String>,
    /// The regions, the primary first.
    pub regions: Vec<RegionAddresses>,
    /// How often things happen.
    pub intervals: Intervals,
    /// Every process, `up` itself left out.
    pub processes: Vec<ProcessAddress>,
}

/// Where one region's parts can be reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegionAddresses {
    /// `ap-southeast-1`.
    pub name: String,
    /// `primary` or `secondary`.
    pub standing: String,
    /// Base URL of the API front.
    pub front: String,
    /// Base URL of the function host.
    pub functions: String,
    /// Base URL of the table.
    pub table: String,
}

/// One process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessAddress {
    /// `table-ap-southeast-1`, `router`.
    pub name: String,
    /// `front`, `functions`, `table`, `control`, `router`, `provider`, `load`.
    pub role: String,
    /// Empty for what belongs to no region.
    pub region: String,
    /// Process id.
    pub pid: u32,
    /// Base URL, plain HTTP.
    pub address: String,
}

/// How often things happen, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intervals {
    /// Between two health checks of a region.
    pub health_seconds: f64,
    /// Failed checks in a row that switch to the other region.
    pub failures_to_switch: u32,
    /// Good checks in a row of the primary that switch back.
    pub successes_to_return: u32,
    /// Between two exports of metrics.
    pub metrics_seconds: f64,
    /// Between two exports of spans and log records.
    pub records_seconds: f64,
}

impl Default for Intervals {
    /// A switch after about 20 s.
    fn default() -> Self {
        Self {
            health_seconds: 10.0,
            failures_to_switch: 2,
            successes_to_return: 2,
            metrics_seconds: 2.0,
            records_seconds: 0.5,
        }
    }
}

impl Intervals {
    /// For tests and impatient demonstrations: a switch after about two seconds.
    pub fn fast() -> Self {
        Self {
            health_seconds: 1.0,
            metrics_seconds: 1.0,
            records_seconds: 0.25,
            ..Self::default()
        }
    }
}

/// What the processes are told when they start: `DIR/settings.json`, readable by its owner only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// How often things happen.
    pub intervals: Intervals,
    /// Base URL of an OTLP/HTTP receiver.
    pub otlp: Option<String>,
    /// Requests per second of the steady load; 0 sends none.
    pub rate: f64,
    /// Key of the signatures that functions put on requests to tables, in hexadecimal.
    pub signing_key: String,
    /// Where the control plane listens; filled in by `up` before it starts the others.
    #[serde(default)]
    pub control: String,
}

/// The folder that one PayLedger keeps everything in.
#[derive(Clone, Debug)]
pub struct StateFolder(PathBuf);

impl StateFolder {
    /// That folder; it is not looked at yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// What `up` wrote down.
    pub fn deployment(&self) -> Result<Deployment, Failure> {
        let path = self.file("payledger.json");
        let deployment: Deployment = read_json(&path).map_err(|failure| {
            failure
                .advice("start it with `payledger up --state DIR`, or name its folder with --state")
        })?;
        if deployment.format == 1 {
            Ok(deployment)
        } else {
            Err(Failure::new(format!(
                "{}: format {} is unknown; expected 1",
                path.display(),
                deployment.format
            )))
        }
    }

    /// What the processes are told.
    pub fn settings(&self) -> Result<Settings, Failure> {
        read_json(&self.file("settings.json"))
    }
}

/// Reads a JSON file.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let text = std::fs::read(path)
        .map_err(|error| Failure::new(format!("{}: cannot be read: {error}", path.display())))?;
    serde_json::from_slice(&text)
        .map_err(|error| Failure::new(format!("{}: not as expected: {error}", path.display())))
}

/// Writes a JSON file whole or not at all, readable by its owner only: a file beside it, then a rename.
pub(crate) fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), Failure> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let failed = |error: std::io::Error| {
        Failure::new(format!("{}: cannot be written: {error}", path.display()))
    };
    let text = serde_json::to_vec_pretty(value)
        .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    let beside = path.with_extension("tmp");
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)
        .map_err(failed)?;
    file.write_all(&text).map_err(failed)?;
    drop(file);
    std::fs::rename(&beside, path).map_err(failed)
}
