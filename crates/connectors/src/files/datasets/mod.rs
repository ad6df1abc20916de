//! Importers for public incident sets, each read in its own layout.
//!
//! Every importer has two steps: `cases` lists the cases below a folder without reading their
//! telemetry, and [`load`] reads one of them. What a set says about the true cause goes into
//! [`Truth`], never into a place that the sockets show.

mod edges;
mod feed;
mod json;
mod logline;
pub mod nezha;
pub mod opensre;
pub mod petshop;
mod pods;
pub mod rootcausebench;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::recording::{Manifest, SCHEMA};
use model::{EntityKind, TimeWindow, Timestamp};

use model::case::Case;

/// No single file of an incident set is read beyond this many bytes (after unpacking): a bomb or a
/// mistake is refused instead of filling the memory.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// How many folders a listing visits at most, so that a listing of `/` ends.
const MAX_FOLDERS: usize = 20_000;

/// A public incident set whose layout is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Suite {
    /// Amazon's PetShop: a call graph and CloudWatch tables.
    PetShop,
    /// Nezha's TrainTicket: metrics per pod, logs, spans.
    Nezha,
    /// RootCauseBench: telemetry beside commits, deploys and flags.
    RootCauseBench,
    /// OpenSRE's scenarios: orchestrator and database evidence.
    OpenSre,
}

impl Suite {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::PetShop,
        Self::Nezha,
        Self::RootCauseBench,
        Self::OpenSre,
    ];

    /// The word for it on a command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::PetShop => "petshop",
            Self::Nezha => "nezha",
            Self::RootCauseBench => "rootcausebench",
            Self::OpenSre => "opensre",
        }
    }

    /// The suite that this word names.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.word() == word)
    }
}

/// Why a set could not be read: the file, where in it, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Nothing of this layout lies below the folder.
    #[error("no {suite} case below {folder}: {wanted}", folder = folder.display())]
    NothingFound {
        /// Which layout was looked for.
        suite: &'static str,
        /// Where.
        folder: PathBuf,
        /// What a case of it looks like.
        wanted: &'static str,
    },
    /// The operating system refused.
    #[error("{file}: {error}", file = file.display())]
    Io {
        /// Which file.
        file: PathBuf,
        /// What it said.
        error: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("{file}, line {line}: {problem}", file = file.display())]
    Malformed {
        /// Which file.
        file: PathBuf,
        /// Line or row, counted from 1; 0 for the file as a whole.
        line: u64,
        /// What is wrong with it, and what was expected.
        problem: String,
    },
}

impl ImportError {
    fn io(file: &Path, error: std::io::Error) -> Self {
        Self::Io {
            file: file.to_path_buf(),
            error,
        }
    }

    fn malformed(file: &Path, line: u64, problem: impl Into<String>) -> Self {
        Self::Malformed {
            file: file.to_path_buf(),
            line,
            problem: problem.into(),
        }
    }
}

/// One case that was found and not yet read.
#[derive(Clone, Debug)]
pub struct CaseRef {
    /// Unique within the folder that was listed, and the same however high up the listing began.
    pub id: String,
    /// Which application, suite or difficulty its score belongs to.
    pub system: String,
    /// Which layout.
    pub suite: Suite,
    /// Where it lies: its own folder, or the index that names it.
    pub path: PathBuf,
    source: Source,
}

/// What a layout needs in order to read a case, shared between the cases of one folder.
#[derive(Clone, Debug)]
enum Source {
    PetShop(Arc<petshop::Shared>),
    Nezha(Arc<nezha::Shared>, usize),
    RootCauseBench,
    OpenSre,
}

/// What the set says about the true cause. Only a scorer looks at it.
#[derive(Clone, Debug, PartialEq)]
pub enum Truth {
    /// PetShop's.
    PetShop(petshop::Truth),
    /// Nezha's.
    Nezha(nezha::Truth),
    /// RootCauseBench's.
    RootCauseBench(rootcausebench::Truth),
    /// OpenSRE's.
    OpenSre(opensre::Truth),
}

/// A case that was read.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What an investigation may see, with the answer behind the sockets.
    pub case: Case,
    /// The set's own answer.
    pub truth: Truth,
    /// Which application, suite or difficulty its score belongs to.
    pub system: String,
}

/// Lists the cases of one layout below `dir`, sorted by id.
///
/// `dir` may be the set's root, a folder within it, a single case, or a folder above it.
pub fn cases(suite: Suite, dir: &Path) -> Result<Vec<CaseRef>, ImportError> {
    match suite {
        Suite::PetShop => petshop::cases(dir),
        Suite::RootCauseBench => rootcausebench::cases(dir),
        Suite::Nezha => nezha::cases(dir),
        Suite::OpenSre => opensre::cases(dir),
    }
}

/// Reads one case.
pub fn load(case: &CaseRef) -> Result<Loaded, ImportError> {
    match &case.source {
        Source::PetShop(shared) => petshop::load(case, shared),
        Source::Nezha(shared, at) => nezha::load(case, shared, *at),
        Source::RootCauseBench => rootcausebench::load(case),
        Source::OpenSre => opensre::load(case),
    }
}

/// The folders below `dir` (itself included, at most `depth` levels down), sorted, symbolic links not followed.
fn folders(dir: &Path, depth: usize) -> Result<Vec<PathBuf>, ImportError> {
    let mut found = Vec::new();
    let mut open = vec![(dir.to_path_buf(), 0)];
    while let Some((folder, level)) = open.pop() {
        if found.len() >= MAX_FOLDERS {
            break;
        }
        if level < depth {
            let entries = match std::fs::read_dir(&folder) {
                Ok(entries) => entries,
                // The folder that was asked for must open; one further down may be private.
                Err(error) if level == 0 => return Err(ImportError::io(&folder, error)),
                Err(_) => continue,
            };
            for entry in entries.flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    open.push((entry.path(), level + 1));
                }
            }
        }
        found.push(folder);
    }
    found.sort();
    Ok(found)
}

/// `dir` and the folders above it, nearest first, at most `levels` of them.
fn upwards(dir: &Path, levels: usize) -> Vec<PathBuf> {
    // A relative path such as `.` has no parents to walk until it is made absolute.
    let full = dir.canonicalize().unwrap_or_else(|_| dir.to_path_buf());
    full.ancestors()
        .take(levels + 1)
        .map(Path::to_path_buf)
        .collect()
}

/// The whole file as text; `.gz` is unpacked; invalid UTF-8 becomes U+FFFD.
fn read_text(file: &Path) -> Result<String, ImportError> {
    let bytes = read_bytes(file)?;
    Ok(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// The whole file; `.gz` is unpacked.
fn read_bytes(file: &Path) -> Result<Vec<u8>, ImportError> {
    let opened = File::open(file).map_err(|error| ImportError::io(file, error))?;
    let mut bytes = Vec::new();
    let packed = file.extension().is_some_and(|ending| ending == "gz");
    let read = if packed {
        flate2::read::MultiGzDecoder::new(opened)
            .take(MAX_FILE_BYTES + 1)
            .read_to_end(&mut bytes)
    } else {
        opened.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)
    };
    read.map_err(|error| ImportError::io(file, error))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(ImportError::malformed(
            file,
            0,
            format!("larger than {MAX_FILE_BYTES} bytes; split it"),
        ));
    }
    Ok(bytes)
}

/// The whole file as one JSON value.
fn read_json(file: &Path) -> Result<serde_json::Value, ImportError> {
    let text = read_text(file)?;
    serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
        ImportError::malformed(file, error.line() as u64, format!("not JSON: {error}"))
    })
}

/// A head that says what every importer says.
fn manifest(id: &str, title: String, window: TimeWindow, now: Timestamp) -> Manifest {
    Manifest {
        schema: SCHEMA.to_string(),
        id: id.to_string(),
        title,
        now,
        window,
        baselines: Vec::new(),
        gaps: Vec::new(),
        sources: Vec::new(),
        origin: String::new(),
        licence: String::new(),
    }
}

/// A path as it is written in a reference: relative to `root`, with `/`.
fn relative(root: &Path, file: &Path) -> String {
    let inner = file.strip_prefix(root).unwrap_or(file);
    let parts: Vec<_> = inner.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

/// A guess at what sort of thing a component is, from the words in its name that say so in any
/// system (`…-db`, `kafka…`, `redis`). The engine never looks at names, so an importer must say it.
fn kind_from_name(name: &str) -> EntityKind {
    let lower = name.to_ascii_lowercase();
    let words: BTreeSet<&str> = lower
        .split(|c: char| !c.is_ascii_alphanumeric())
        .map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit()))
        .collect();
    let is = |list: &[&str]| list.iter().any(|word| words.contains(word));
    if is(&["redis", "memcached", "cache", "elasticache", "valkey"]) {
        EntityKind::Cache
    } else if is(&[
        "kafka", "rabbitmq", "sqs", "sns", "queue", "topic", "nats", "pulsar", "kinesis", "amqp",
    ]) {
        EntityKind::Queue
    } else if is(&[
        "db",
        "database",
        "mysql",
        "postgres",
        "postgresql",
        "mongo",
        "mongodb",
        "rds",
        "dynamodb",
        "cassandra",
        "mariadb",
        "aurora",
    ]) || lower.ends_with("db")
        || lower.ends_with("database")
    {
        EntityKind::Database
    } else if is(&[
        "ingress",
        "nginx",
        "haproxy",
        "envoy",
        "elb",
        "alb",
        "loadbalancer",
    ]) {
        EntityKind::Gateway
    } else {
        EntityKind::Service
    }
}

/// The unit that a metric's own name ends in, in UCUM's spelling; empty where it says nothing.
fn unit_from_name(metric: &str) -> &'static str {
    const ENDINGS: [(&str, &str); 21] = [
        ("_per_second", "1/s"),
        ("_per_sec", "1/s"),
        ("_rps", "1/s"),
        ("_qps", "1/s"),
        ("_per_min", "1/min"),
        ("_per_minute", "1/min"),
        ("_milliseconds", "ms"),
        ("_millis", "ms"),
        ("_ms", "ms"),
        ("_seconds", "s"),
        ("_ratio", "1"),
        ("_rate_pct", "%"),
        ("_pct", "%"),
        ("_percent", "%"),
        ("_bytes", "By"),
        ("_mb", "MBy"),
        ("_gb", "GBy"),
        ("_total", "1"),
        ("_count", "1"),
        ("_depth", "1"),
        ("_utilization", ""),
    ];
    let lower = metric.to_ascii_lowercase();
    // `db_pool_wait_seconds_p99`: the quantile comes after the unit.
    let bare = lower
        .rsplit_once("_p")
        .filter(|(_, quantile)| {
            !quantile.is_empty() && quantile.bytes().all(|b| b.is_ascii_digit())
        })
        .map_or(lower.as_str(), |(head, _)| head);
    ENDINGS
        .iter()
        .find(|(ending, _)| lower.ends_with(ending) || bare.ends_with(ending))
        .map_or("", |(_, unit)| unit)
}

#[cfg(test)]
mod tests;
