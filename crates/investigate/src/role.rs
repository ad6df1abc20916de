//! What a series measures, told from its name, statistic and unit by the field's naming customs
//! (OpenTelemetry semantic conventions, Prometheus, CloudWatch, StatsD), never by a case's names.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    (Role::Credits, "credits"),
    (Role::Other, "other"),
];

/// The words of a metric's name, lower case: splits on anything that is not a letter or a digit, and
/// at camel humps (`FreeStorageSpace` is `free storage space`, `HTTPCode` is `http code`).
pub fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let letters: Vec<char> = name.chars().take(256).collect();
    for (i, &c) in letters.iter().enumerate() {
        let hump = c.is_uppercase()
            && i > 0
            && (letters[i - 1].is_lowercase()
                || (letters[i - 1].is_alphanumeric()
                    && letters.get(i + 1).is_some_and(|n| n.is_lowercase())));
        if (hump || !c.is_alphanumeric()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Words of names that say how much memory a machine has.
const WHOLE: &[&str] = &[
    "node", "machine", "system", "host", "os", "physical", "memory", "mem", "ram", "total",
    "bytes", "byte", "kb", "mb", "by",
];

/// Names of widespread exporters whose words mislead, and what they measure; `*` stands for any ending, the first that
/// fits counts. What each means stands in its exporter's own list of metrics, or in the manual of whom it reads.
const KNOWN: &[(&str, Role)] = &[
    // PostgreSQL's sessions by state; its dead rows wait for vacuum, its oldest transaction is nobody's answer time.
    ("pg_stat_activity_count", Role::Connections),
    ("pg_stat_database_numbackends", Role::Connections),
    ("pg_stat_activity_max_tx_duration", Role::Other),
    ("pg_stat_user_tables_n_dead_tup", Role::Other),
    ("pg_stat_database_blks_hit", Role::Other),
    ("pg_stat_replication_pg_wal_lsn_diff", Role::Other),
    // Idle connections that are kept open for the next request.
    ("nginx_connections_waiting", Role::Other),
    // Messages that wait to be fetched.
    ("rabbitmq_queue_messages_ready", Role::Queue),
    ("rabbitmq_queue_messages_ready_*", Role::Other),
    ("rabbitmq_queue_messages_persistent", Role::Other),
    ("rabbitmq_queue_messages_ram", Role::Other),
    ("rabbitmq_queue_consumers", Role::Workers),
    ("rabbitmq_queue_consumer_*", Role::Other),
    ("rabbitmq_queues", Role::Other),
    ("rabbitmq_raft_*", Role::Other),
    ("rabbitmq_erlang_scheduler_run_queue", Role::Other),
    ("rabbitmq_process_max_tcp_sockets", Role::Limit),
    ("erlang_vm_statistics_*", Role::Other),
    ("erlang_vm_msacc_*", Role::Other),
    ("erlang_vm_time_correction", Role::Other),
    ("erlang_vm_*_count", Role::Other),
    // Redis: the buffer of its replicas is a ring, clients that block asked to; what was once does not come down again.
    ("redis_repl*_backlog_*", Role::Other),
    ("redis_replica_*", Role::Other),
    ("redis_blocked_clients", Role::Other),
    ("redis_clients_in_timeout_table", Role::Other),
    ("redis_mem_not_counted_for_eviction_bytes", Role::Other),
    ("redis_memory_used_peak_bytes", Role::Other),
    ("redis_mem_fragmentation_*", Role::Other),
    ("redis_allocator_*", Role::Other),
    ("redis_aof_*", Role::Other),
    ("redis_rdb_*", Role::Other),
    ("redis_latest_fork_seconds", Role::Other),
    ("redis_last_*", Role::Other),
    ("redis_db_avg_ttl_seconds", Role::Other),
    ("redis_process_id", Role::Other),
    ("redis_total_*_processed", Role::Traffic),
    ("redis_commands_processed_total", Role::Traffic),
    ("redis_config_maxclients", Role::Limit),
    // The kernel's clock, as it disciplines it; only how far it is off tells of trouble.
    ("node_timex_offset_seconds", Role::Naming),
    ("node_timex_*", Role::Other),
    // Processes that wait for a disk.
    ("node_procs_blocked", Role::DiskQueue),
    ("node_disk_io_now", Role::DiskQueue),
    // Files that a process holds open.
    ("namedprocess_namegroup_open_filedesc", Role::Workers),
    ("namedprocess_namegroup_threads_wchan", Role::Other),
];

/// Does the name fit a pattern in which `*` stands for anything?
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((begins, ends)) => name.strip_prefix(begins).is_some_and(|rest| {
            (0..=rest.len()).any(|at| rest.get(at..).is_some_and(|rest| fits(ends, rest)))
        }),
    }
}

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
    let known = KNOWN.iter().find(|(pattern, _)| fits(pattern, metric));
    if let Some((_, role)) = known
        && statistic != "restarts"
    {
        return *role;
    }
    let role = by_words(metric, statistic, unit);
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

fn by_words(metric: &str, statistic: &str, unit: &str) -> Role {
    let words = words(metric);
    let has = |any: &[&str]| words.iter().any(|w| any.contains(&w.as_str()));
    let starts = |any: &[&str]| words.iter().any(|w| any.iter().any(|p| w.starts_with(p)));
    let timed = has(&[
        "ms",
        "s",
        "us",
        "ns",
        "seconds",
        "milliseconds",
        "micros",
        "time",
        "duration",
        "latency",
        "p50",
        "p90",
        "p95",
        "p99",
    ]) || matches!(
        unit,
        "ms" | "s" | "us" | "ns" | "Seconds" | "Milliseconds" | "Microseconds"
    );
    if statistic == "restarts" {
        return Role::Restarts;
    }
    // Of what the kernel keeps account of, only some tells how much memory is in use: pages of files come and go.
    if starts(&["mem"])
        && has(&[
            "mapped",
            "cached",
            "buffers",
            "inactive",
            "dirty",
            "writeback",
            "reclaimable",
            "slab",
            "committed",
            "shmem",
        ])
    {
        return Role::Other;
    }
    // How much there is in all is no use of it. (A counter of `memory ... total` counts something else besides.)
    if (has(&["total"]) && starts(&["mem"]) || has(&["machine"]) && has(&["memory"]))
        && words.iter().all(|word| WHOLE.contains(&word.as_str()))
    {
        return Role::Limit;
    }
    // The kernel keeps account of many kinds of pages, which come and go; of these only what is available tells.
    if words.starts_with(&["node", "memory"].map(str::to_string)) && !starts(&["avail", "swap"]) {
        return Role::Other;
    }
    // A moment is no length of time: it stands, or jumps to now.
    if has(&["timestamp"]) || (has(&["start", "boot"]) && has(&["time"])) {
        return Role::Other;
    }
    // An exporter that tells how its own look went speaks of itself, not of whom it looks at; others tell what they are.
    if has(&["scrape", "scrapes", "exporter"]) || words.last().is_some_and(|word| word == "info") {
        return Role::Other;
    }
    // How large a pool is says how much it may hand out, not how much of it is in use.
    if has(&["pool"]) && words.last().is_some_and(|word| word == "size") {
        return Role::Limit;
    }
    // Whether somebody answers at all.
    if words.last().is_some_and(|word| word == "up") {
        return Role::Availability;
    }
    // A moment's count of seconds since the start only ever grows; addresses that are set aside are no memory in use;
    // a page that was not at hand is no failure; and the most that ever was does not come down.
    if has(&["uptime"]) && timed
        || has(&["virtual"]) && starts(&["mem"])
        || has(&["faults"]) && has(&["page"])
    {
        return Role::Other;
    }
    // Time on a processor is no time that anybody waits for.
    if has(&["cpu"]) && timed && !starts(&["wait", "iowait", "steal", "throttl", "stall"]) {
        return Role::Cpu;
    }
    // A distribution of times comes with how many there were, and their sum: the one is how much is asked, the other
    // grows with that.
    if timed && has(&["latency", "duration", "time", "seconds"]) {
        let part = [statistic, words.last().map_or("", String::as_str)];
        if part.contains(&"count") || statistic == "SampleCount" {
            return Role::Traffic;
        }
        if part.contains(&"sum") || statistic == "Sum" {
            return Role::Other;
        }
    }
    // What is set is no measurement, whatever it is about; the most that is allowed is worth knowing.
    if has(&["settings"]) {
        return if has(&["max", "maximum", "limit", "quota"]) {
            Role::Limit
        } else {
            Role::Other
        };
    }
    // A place in a log only ever moves on.
    if has(&["lsn"]) && !starts(&["lag", "diff", "behind", "delay"]) {
        return Role::Other;
    }
    // The order is that of precision: the narrowest custom first.
    if has(&[
        "max",
        "limit",
        "quota",
        "capacity",
        "maximum",
        "ceiling",
        "allocatable",
    ]) && !timed
        && !starts(&[
            "util", "usage", "used", "percent", "reached", "exceed", "err",
        ])
    {
        let counted = starts(&[
            "conn",
            "pool",
            "mem",
            "cpu",
            "disk",
            "concurr",
            "thread",
            "worker",
            "limit",
            "quota",
            "capacity",
            "size",
            "open",
            "replica",
            "fd",
            "filefd",
            "descriptor",
            "handle",
        ]);
        let statistic_only =
            statistic.eq_ignore_ascii_case("maximum") && !has(&["limit", "quota", "capacity"]);
        if counted && !statistic_only {
            return Role::Limit;
        }
    }
    if starts(&["oom", "restart", "crash", "panic", "killed", "eviction"]) && !starts(&["cache"]) {
        return Role::Restarts;
    }
    if starts(&["throttl", "ratelimit"])
        || (has(&["rate"]) && starts(&["limited"]))
        || has(&["429"])
    {
        return Role::Throttles;
    }
    if has(&[
        "401",
        "403",
        "unauthorized",
        "forbidden",
        "denied",
        "unauthenticated",
    ]) || (starts(&["token", "auth", "jwt", "login"])
        && starts(&["err", "fail", "reject", "invalid"]))
    {
        return Role::AuthErrors;
    }
    if starts(&[
        "dns",
        "resolv",
        "nxdomain",
        "servfail",
        "coredns",
        "certificate",
        "cert",
        "tls",
        "ntp",
        "clock",
        "drift",
        "skew",
    ]) && !has(&["request", "requests", "queries"])
    {
        return Role::Naming;
    }
    if starts(&["upstream", "provider", "external", "thirdparty", "partner"])
        && starts(&["err", "fail", "timeout", "5xx", "unavail"])
    {
        return Role::ProviderErrors;
    }
    if starts(&["cache", "hit"]) && has(&["hit", "hits"]) && !has(&["miss", "misses"]) {
        return Role::CacheHit;
    }
    if starts(&["cache", "evict"]) && starts(&["miss", "evict"]) {
        return Role::CacheMiss;
    }
    if has(&[
        "availability",
        "success",
        "successrate",
        "succeeded",
        "uptime",
        "sli",
    ]) {
        return Role::Availability;
    }
    if starts(&["credit", "burst"]) && starts(&["balance", "credit"]) {
        return Role::Credits;
    }
    if starts(&["lock", "deadlock", "conflict", "contention", "blocked"]) && !timed {
        return Role::Locks;
    }
    if starts(&[
        "err",
        "fail",
        "5xx",
        "4xx",
        "fault",
        "exception",
        "reject",
        "invalid",
        "drop",
        "abort",
        "timeout",
        "dlq",
        "unavail",
    ]) || has(&[
        "400", "404", "405", "408", "409", "410", "412", "413", "415", "422", "500", "502", "503",
        "504", "dead",
    ]) {
        return if starts(&["packet", "retransmit", "tcp", "nic", "interface"]) {
            Role::NetworkErrors
        } else {
            Role::Errors
        };
    }
    if starts(&["retransmi"]) {
        return Role::NetworkErrors;
    }
    if starts(&["lag", "staleness", "freshness", "behind"])
        || (has(&["age", "oldest"]) && !has(&["page"]))
        || (starts(&["replica"]) && timed)
    {
        return Role::Lag;
    }
    if starts(&[
        "queue",
        "backlog",
        "pending",
        "inflight",
        "outstanding",
        "waiting",
    ]) && starts(&["disk", "io"])
    {
        return Role::DiskQueue;
    }
    if starts(&[
        "pool",
        "conn",
        "lock",
        "slot",
        "semaphore",
        "acquire",
        "checkout",
    ]) && starts(&["wait", "acquire", "timeout", "blocked"])
        && (timed || starts(&["wait"]))
    {
        return Role::PoolWait;
    }
    if has(&["per"])
        && has(&["request", "req", "call"])
        && starts(&["quer", "call", "count", "statement", "rpc"])
    {
        return Role::FanOut;
    }
    if timed
        && starts(&["read", "write", "disk", "commit", "fsync", "io"])
        && has(&["latency", "await", "time"])
        && !has(&["http", "request", "server"])
    {
        return Role::DiskLatency;
    }
    if starts(&["gc", "garbage"]) || has(&["collection", "collections"]) {
        return Role::Collection;
    }
    if has(&["latency", "duration", "elapsed", "ttfb", "rtt"])
        || (timed
            && starts(&[
                "response", "request", "server", "client", "http", "rpc", "grpc", "query",
                "process", "render", "handl",
            ]))
    {
        return Role::Latency;
    }
    if starts(&["iowait", "steal"]) || (has(&["io"]) && has(&["wait"])) {
        return Role::IoWait;
    }
    if starts(&["cpu", "load", "processor"]) && !starts(&["balancer", "workload"]) {
        return Role::Cpu;
    }
    if starts(&["swap"]) {
        return Role::Swap;
    }
    if starts(&["mem", "rss", "heap", "freeable"]) {
        return if starts(&["free", "avail"]) {
            Role::MemoryFree
        } else {
            Role::Memory
        };
    }
    if starts(&["disk", "storage", "volume", "filesystem", "fs", "inode"])
        || has(&["space"])
        || (has(&["wal"]) && !has(&["sender", "senders", "receiver", "receivers"]))
    {
        return if starts(&["free", "avail"]) {
            Role::DiskFree
        } else if starts(&["iops", "ops", "reads", "writes", "throughput"]) {
            Role::DiskOps
        } else if starts(&["generation", "generated"]) {
            Role::LogVolume
        } else {
            Role::Disk
        };
    }
    if starts(&["transactionlog", "binlog"])
        || (has(&["transaction"]) && has(&["logs"]))
        || (has(&["log"]) && starts(&["bytes", "lines", "volume", "disk"]))
    {
        return Role::LogVolume;
    }
    if starts(&["iops"]) || (has(&["read", "write"]) && starts(&["throughput", "bytes", "ops"])) {
        return Role::DiskOps;
    }
    // What goes over a wire has a direction, or is counted; a number of bytes alone is only how large something is.
    let directed = has(&[
        "in",
        "out",
        "sent",
        "received",
        "input",
        "output",
        "incoming",
        "outgoing",
        "rx",
        "tx",
        "uploaded",
        "downloaded",
    ]) || statistic == "increase";
    if starts(&["network", "net", "packet", "egress", "ingress"])
        || (starts(&["transmit", "receive"]) && !starts(&["message", "conn"]))
        || (starts(&["bytes"]) && directed)
    {
        return Role::Network;
    }
    if starts(&["unready", "unhealthy", "unavailable", "notready"])
        || (has(&["not"]) && has(&["ready"]))
    {
        return Role::Unready;
    }
    if starts(&["replica", "healthy", "ready", "desired"]) && !timed {
        return Role::Replicas;
    }
    if starts(&[
        "queue",
        "backlog",
        "pending",
        "inflight",
        "outstanding",
        "unacked",
        "depth",
        "visible",
    ]) {
        return Role::Queue;
    }
    if starts(&["conn", "session", "pool", "client"]) && !timed {
        return Role::Connections;
    }
    if starts(&[
        "thread",
        "goroutine",
        "worker",
        "fd",
        "filefd",
        "handle",
        "descriptor",
        "concurren",
        "process",
    ]) {
        return Role::Workers;
    }
    if starts(&[
        "order",
        "enriched",
        "processed",
        "delivered",
        "ingested",
        "consumed",
        "committed",
        "checkout",
        "sold",
        "commit",
    ]) && !timed
    {
        return Role::Throughput;
    }
    if starts(&[
        "request",
        "req",
        "rps",
        "qps",
        "tps",
        "call",
        "invocation",
        "quer",
        "hits",
        "message",
        "throughput",
        "ops",
        "workload",
        "traffic",
        "rate",
        "count",
        "record",
        "event",
        "pageview",
    ]) {
        return Role::Traffic;
    }
    if timed {
        return Role::Latency;
    }
    Role::Other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_is_measured() {
        // metric, statistic, unit -> role: customs of several vendors side by side.
        let table = "\
            http_server_duration_p99_ms||ms latency
            latency|Average| latency
            TargetResponseTime|Average|Seconds latency
            error_rate_5xx_ratio|| errors
            HTTPCode_Target_5XX_Count|Sum| errors
            availability|Average| availability
            SuccessRate(%)|| availability
            http_401_unauthorized_ratio|| auth_errors
            requests_per_sec|| traffic
            Invocations|Sum| traffic
            Throttles|Sum| throttles
            CPUUtilization|Average|Percent cpu
            CpuUsageRate(%)|| cpu
            container_memory_rss_mb|| memory
            container_memory_limit_mb|| limit
            FreeableMemory|Average|Bytes memory_free
            node_memory_MemAvailable_bytes|| memory_free
            node_memory_MemFree_bytes|| other
            node_memory_MemTotal_bytes|| limit
            node_memory_AnonPages_bytes|| other
            node_memory_SwapFree_bytes|| swap
            machine_memory_bytes|| limit
            go_memstats_alloc_bytes_total|| memory
            FreeStorageSpace|Minimum|Bytes disk_free
            pg_wal_size_bytes|| disk
            pg_replication_slots_pg_current_wal_lsn_bytes|| other
            pg_settings_max_wal_senders|| limit
            pg_settings_wal_level|| other
            wallet_balance|| other
            DiskQueueDepth|Average|Count disk_queue
            WriteIOPS|Average| disk_ops
            WriteLatency|Average|Seconds disk_latency
            ReplicaLag|Maximum|Seconds lag
            DatabaseConnections|Average|Count connections
            db_pool_in_use|| connections
            db_pool_max_conns|| limit
            process_open_fds|| workers
            process_max_fds|| limit
            node_filefd_allocated|| workers
            node_filefd_maximum|| limit
            db_pool_wait_seconds_p99|| pool_wait
            cache_hit_ratio|| cache_hit
            container_oom_killed_total|| restarts
            panic_count|| restarts
            ApproximateAgeOfOldestMessage|Maximum|Seconds lag
            request_queue_depth|| queue
            db_query_count_per_request|| fan_out
            upstream_provider_error_rate_pct|| provider_errors
            TransactionLogsGeneration|Average| log_volume
            SwapUsage|Average|Bytes swap
            PodServerLatencyP90(s)|| latency
            NetworkReceiveBytes|| network
            dns_lookup_duration_ms|| naming
            process_cpu_seconds_total|increase|s cpu
            container_cpu_cfs_throttled_seconds_total|increase|s throttles
            process_virtual_memory_bytes||By other
            process_resident_memory_bytes||By memory
            redis_memory_used_peak_bytes||By other
            redis_mem_not_counted_for_eviction_bytes||By other
            redis_connected_clients|| connections
            redis_uptime_in_seconds||s other
            redis_commands_duration_seconds_total|increase|s other
            pg_up|| availability
            probe_success|| availability
            node_scrape_collector_success|| other
            pg_exporter_last_scrape_error|| other
            pg_stat_activity_count|| connections
            pg_stat_database_sessions|increase| traffic
            pg_stat_user_tables_n_dead_tup|| other
            rabbitmq_queue_messages_ready|| queue
            rabbitmq_queue_messages_published_total|increase| traffic
            rabbitmq_global_messages_received_total|increase| traffic
            rabbitmq_auth_attempts_succeeded_total|increase| throughput
            rabbitmq_resident_memory_limit_bytes||By limit
            nginx_connections_waiting|| other
            nginx_connections_active|| connections
            nginx_connections_accepted|increase| traffic
            node_procs_blocked|| disk_queue
            node_disk_written_bytes_total|increase|By disk_ops
            node_disk_io_time_seconds_total|increase|s disk_latency
            node_timex_offset_seconds||s naming
            node_timex_estimated_error_seconds||s other
            namedprocess_namegroup_major_page_faults_total|increase| other
            namedprocess_namegroup_cpu_seconds_total|increase|s cpu
            namedprocess_namegroup_open_filedesc|| workers
            pg_database_size_bytes||By other
            db_pool_size|| limit
            container_network_receive_bytes_total|increase|By network
            postgres_exporter_build_info|| other";
        let mut wrong = Vec::new();
        for row in table.lines() {
            let (series, expected) = row.trim().rsplit_once(' ').expect("row");
            let mut parts = series.split('|');
            let (metric, statistic) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
            let got = classify(metric, statistic, parts.next().unwrap_or("")).word();
            if got != expected {
                wrong.push(format!("{metric}: expected {expected}, got {got}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn labels_tell_which_part_of_a_resource_is_meant() {
        let role = |metric: &str, label: &str, part: &str| {
            let labels = [(label.to_string(), part.to_string())].into();
            refine(classify(metric, "", ""), &labels).word()
        };
        for (metric, label, part, expected) in [
            ("node_cpu_seconds_total", "mode", "user", "cpu"),
            ("node_cpu_seconds_total", "mode", "idle", "other"),
            ("node_cpu_seconds_total", "mode", "iowait", "io_wait"),
            ("system.cpu.utilization", "state", "steal", "io_wait"),
            ("system.memory.usage", "state", "free", "memory_free"),
            (
                "namedprocess_namegroup_memory_bytes",
                "memtype",
                "resident",
                "memory",
            ),
            (
                "namedprocess_namegroup_memory_bytes",
                "memtype",
                "virtual",
                "other",
            ),
            ("system.filesystem.usage", "state", "free", "disk_free"),
            ("pg_stat_activity_count", "state", "idle", "connections"),
        ] {
            assert_eq!(role(metric, label, part), expected, "{metric} {part}");
        }
    }

    #[test]
    fn every_word_reads_back() {
        for (role, word) in WORDS {
            assert_eq!(Role::parse(word), Some(*role));
        }
    }

    #[test]
    fn names_split_at_humps_and_marks() {
        assert_eq!(words("FreeStorageSpace"), ["free", "storage", "space"]);
        assert_eq!(
            words("HTTPCode_Target_5XX"),
            ["http", "code", "target", "5xx"]
        );
    }
}
