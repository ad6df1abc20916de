//! The field's naming customs: which words of a metric's name say what it measures.

use super::Role;

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

/// What the words of a name say, the narrowest custom first.
pub(super) fn by_words(metric: &str, statistic: &str, unit: &str) -> Role {
    let words = words(metric);
    let has = |any: &[&str]| words.iter().any(|w| any.contains(&w.as_str()));
    let starts = |any: &[&str]| words.iter().any(|w| any.iter().any(|p| w.starts_with(p)));
    // Members, and a cache of that name, begin like memory.
    let memory = words
        .iter()
        .any(|w| w.starts_with("mem") && !w.starts_with("member") && !w.starts_with("memcache"));
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
    if memory
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
    if (has(&["total"]) && memory || has(&["machine"]) && has(&["memory"]))
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
        || has(&["virtual"]) && memory
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
        // How often memory was collected, and for how long in all, tell of nobody's requests.
        if starts(&["gc", "garbage"]) && !part.contains(&"bucket") {
            return Role::Collection;
        }
        if part.contains(&"count") || statistic == "SampleCount" {
            return Role::Traffic;
        }
        if part.contains(&"sum") || statistic == "Sum" {
            return Role::Other;
        }
    }
    // What is set is no measurement, whatever it is about; the most that is allowed is worth knowing.
    if has(&["settings", "variables"]) {
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
    // The load of a machine; classes and files that were loaded are none.
    let load = words.iter().any(|w| {
        w.strip_prefix("load").is_some_and(|rest| {
            rest.is_empty() || rest.starts_with("av") || rest.bytes().all(|b| b.is_ascii_digit())
        })
    });
    if load && !starts(&["balancer"]) || starts(&["cpu", "processor"]) {
        return Role::Cpu;
    }
    if starts(&["swap"]) {
        return Role::Swap;
    }
    if memory || starts(&["rss", "heap", "freeable"]) {
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
