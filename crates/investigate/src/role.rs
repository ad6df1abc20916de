//! What a series measures, told from its name, statistic and unit by the field's naming customs
//! (OpenTelemetry semantic conventions, Prometheus, CloudWatch, StatsD), never by a case's names. `customs` reads words;
//! where those of a widespread exporter mislead, a file under `exporters/` says what is meant.

mod customs;
mod exporters;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use customs::words;
pub use exporters::digest;

/// What a series measures.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Time that requests take.
    Latency,
    /// Share or number of failed requests.
    Errors,
    /// Share of requests that succeed; low is bad.
    Availability,
    /// Rejected for lack of a credential or permission.
    AuthErrors,
    /// Refused because of a limit.
    Throttles,
    /// Requests, messages or jobs handled.
    Traffic,
    /// Useful output: records written, orders placed; low is bad.
    Throughput,
    /// CPU used.
    Cpu,
    /// Processor time waiting for IO or stolen.
    IoWait,
    /// Memory used.
    Memory,
    /// Memory free; low is bad.
    MemoryFree,
    /// Swap used.
    Swap,
    /// Disk used.
    Disk,
    /// Disk free; low is bad.
    DiskFree,
    /// Operations on disks.
    DiskOps,
    /// Requests waiting for a disk.
    DiskQueue,
    /// Time a disk takes.
    DiskLatency,
    /// Bytes or packets over the network.
    Network,
    /// Packets lost or sent again.
    NetworkErrors,
    /// Connections, sessions, pool members in use.
    Connections,
    /// Time spent waiting for a connection, a lock or a slot.
    PoolWait,
    /// The most that is allowed of something.
    Limit,
    /// Threads, goroutines, workers, file handles.
    Workers,
    /// Waiting requests or messages.
    Queue,
    /// Age of the oldest message, or how far a copy is behind.
    Lag,
    /// Share of cache lookups that hit; low is bad.
    CacheHit,
    /// Cache lookups that missed, entries that were evicted.
    CacheMiss,
    /// Restarts, out-of-memory kills, crashes, panics.
    Restarts,
    /// Copies ready or healthy hosts; low is bad.
    Replicas,
    /// Copies or hosts that are not ready.
    Unready,
    /// Garbage collection.
    Collection,
    /// Work of names, certificates or clocks: resolution time or failures, days left, drift.
    Naming,
    /// Failures of somebody outside.
    ProviderErrors,
    /// Locks, deadlocks, conflicts.
    Locks,
    /// Log volume or transaction log generated.
    LogVolume,
    /// Queries per request, fan-out.
    FanOut,
    /// Rows that a database reads to answer what it is asked.
    Scans,
    /// Credits, tokens or budget left; low is bad.
    Credits,
    /// Not known.
    Other,
}

/// Which way is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// Up.
    High,
    /// Down.
    Low,
    /// Either way may be.
    Either,
}

impl Role {
    /// Which way is bad.
    pub fn bad(self) -> Bad {
        match self {
            Self::Availability
            | Self::Throughput
            | Self::MemoryFree
            | Self::DiskFree
            | Self::CacheHit
            | Self::Replicas
            | Self::Credits => Bad::Low,
            Self::Traffic
            | Self::Network
            | Self::DiskOps
            | Self::Scans
            | Self::Limit
            | Self::LogVolume
            | Self::Other => Bad::Either,
            _ => Bad::High,
        }
    }

    /// Is it something that users feel (RED), as against something inside (USE)?
    pub fn is_felt(self) -> bool {
        matches!(
            self,
            Self::Latency
                | Self::Errors
                | Self::Availability
                | Self::AuthErrors
                | Self::Throttles
                | Self::Lag
        )
    }

    /// Does a machine that does not come to its work show it of a healthy system: what takes longer, waits, is given
    /// up, or is tried again?
    pub fn is_of_time(self) -> bool {
        matches!(
            self,
            Self::Latency
                | Self::Errors
                | Self::Availability
                | Self::Traffic
                | Self::Throughput
                | Self::FanOut
                | Self::Cpu
                | Self::IoWait
                | Self::PoolWait
                | Self::Connections
                | Self::Workers
                | Self::Queue
                | Self::Lag
                | Self::DiskQueue
                | Self::DiskLatency
                | Self::Collection
        )
    }

    /// Is it a matter of which the spans of requests know nothing: what waits, how late a copy is, names and clocks,
    /// and that a process ended, which takes its spans with it?
    pub fn is_unseen_by_spans(self) -> bool {
        matches!(
            self,
            Self::Lag | Self::Queue | Self::Naming | Self::Restarts
        )
    }

    /// The word in snake case, as catalogue files write it.
    pub fn word(self) -> &'static str {
        WORDS
            .iter()
            .find(|(role, _)| *role == self)
            .map_or("other", |(_, word)| word)
    }

    /// From that word.
    pub fn parse(word: &str) -> Option<Self> {
        WORDS
            .iter()
            .find(|(_, known)| *known == word)
            .map(|(role, _)| *role)
    }
}

const WORDS: &[(Role, &str)] = &[
    (Role::Latency, "latency"),
    (Role::Errors, "errors"),
    (Role::Availability, "availability"),
    (Role::AuthErrors, "auth_errors"),
    (Role::Throttles, "throttles"),
    (Role::Traffic, "traffic"),
    (Role::Throughput, "throughput"),
    (Role::Cpu, "cpu"),
    (Role::IoWait, "io_wait"),
    (Role::Memory, "memory"),
    (Role::MemoryFree, "memory_free"),
    (Role::Swap, "swap"),
    (Role::Disk, "disk"),
    (Role::DiskFree, "disk_free"),
    (Role::DiskOps, "disk_ops"),
    (Role::DiskQueue, "disk_queue"),
    (Role::DiskLatency, "disk_latency"),
    (Role::Network, "network"),
    (Role::NetworkErrors, "network_errors"),
    (Role::Connections, "connections"),
    (Role::PoolWait, "pool_wait"),
    (Role::Limit, "limit"),
    (Role::Workers, "workers"),
    (Role::Queue, "queue"),
    (Role::Lag, "lag"),
    (Role::CacheHit, "cache_hit"),
    (Role::CacheMiss, "cache_miss"),
    (Role::Restarts, "restarts"),
    (Role::Replicas, "replicas"),
    (Role::Unready, "unready"),
    (Role::Collection, "collection"),
    (Role::Naming, "naming"),
    (Role::ProviderErrors, "provider_errors"),
    (Role::Locks, "locks"),
    (Role::LogVolume, "log_volume"),
    (Role::FanOut, "fan_out"),
    (Role::Scans, "scans"),
    (Role::Credits, "credits"),
    (Role::Other, "other"),
];

/// Labels by which one metric tells several parts of a resource apart: exporters' and OpenTelemetry's.
const PARTS: [&str; 7] = [
    "mode",
    "state",
    "memtype",
    "cpu.mode",
    "system.cpu.state",
    "system.memory.state",
    "system.filesystem.state",
];

/// What a series measures, where its labels say which part of a resource it is about: time without work is no work.
pub fn refine(role: Role, labels: &BTreeMap<String, String>) -> Role {
    if !matches!(role, Role::Cpu | Role::Memory | Role::Disk) {
        return role;
    }
    let mut parts = PARTS.iter().filter_map(|name| labels.get(*name));
    let Some(part) = parts.next() else {
        return role;
    };
    match (role, part.as_str()) {
        (Role::Cpu, "idle") => Role::Other,
        (Role::Cpu, "iowait" | "io_wait" | "wait" | "steal") => Role::IoWait,
        (Role::Memory, "free" | "available") => Role::MemoryFree,
        (
            Role::Memory,
            "cached" | "buffered" | "buffers" | "inactive" | "slab_reclaimable" | "virtual"
            | "swapped",
        ) => Role::Other,
        (Role::Disk, "free") => Role::DiskFree,
        (Role::Disk, "reserved") => Role::Other,
        (role, _) => role,
    }
}

/// What a series measures.
pub fn classify(metric: &str, statistic: &str, unit: &str) -> Role {
    if let Some(role) = exporters::exporters().means(metric)
        && statistic != "restarts"
    {
        return role;
    }
    by_custom(metric, statistic, unit)
}

/// What the words say, whoever exports it.
fn by_custom(metric: &str, statistic: &str, unit: &str) -> Role {
    let role = customs::by_words(metric, statistic, unit);
    if statistic != "increase" {
        return role;
    }
    // How much came in since the reading before: of what is a level elsewhere that is only how busy somebody is.
    match role {
        Role::Connections | Role::Queue | Role::Workers => Role::Traffic,
        Role::Availability => Role::Throughput,
        Role::Disk | Role::DiskQueue => Role::DiskOps,
        Role::Latency => Role::Other,
        role => role,
    }
}

#[cfg(test)]
mod tests;
