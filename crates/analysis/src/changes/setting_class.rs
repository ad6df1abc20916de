//! What a setting governs, judged by the words of its name.

use super::words::split_identifier;
use serde::Serialize;

/// What a setting governs at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum SettingClass {
    /// How long one waits for another.
    Timeout,
    /// How long a cached entry lives.
    CacheLifetime,
    /// How long a token, session or key is accepted.
    CredentialLifetime,
    /// How much two clocks may differ, or how late something may come.
    Skew,
    /// How long a connection may sit idle or live, how often it is checked.
    IdleTime,
    /// How many idle connections are kept.
    IdleConnections,
    /// How often something is done.
    Interval,
    /// How many connections may be open.
    Pool,
    /// How many requests per time are allowed.
    RateLimit,
    /// How many things are done at once.
    Concurrency,
    /// How many copies run.
    Replicas,
    /// How much may wait in line.
    Queue,
    /// How much is done in one go.
    Batch,
    /// How many rows or entries one answer holds, how many entries a cache holds.
    Entries,
    /// How large a message may be.
    MessageSize,
    /// How much memory there is.
    Memory,
    /// How much processor there is.
    Cpu,
    /// How much disk there is.
    Disk,
    /// How many file descriptors may be open.
    Descriptors,
    /// How long data or logs are kept.
    Retention,
    /// How often one tries again.
    Retries,
    /// How long one waits before trying again.
    Backoff,
    /// A plain pause.
    Delay,
    /// When a breaker opens, an alarm fires, a check fails.
    Threshold,
    /// What share is traced or logged.
    Sampling,
    /// What share of traffic goes where.
    Weight,
    /// On which port something listens.
    Port,
    /// How DNS names are completed and where they are looked up.
    Dns,
    /// Timing of liveness and readiness checks.
    Probe,
    /// How much work one computation takes: hash rounds, compression effort.
    WorkFactor,
    /// Some bound whose subject the name does not tell.
    Limit,
    /// Looks and layout: colours, paddings.
    Presentation,
    /// A version or build number.
    Version,
    /// Anything else.
    Other,
}

impl SettingClass {
    /// The noun that sentences use.
    pub fn noun(self) -> &'static str {
        use SettingClass::*;
        match self {
            Timeout => "timeout",
            CacheLifetime => "cache lifetime",
            CredentialLifetime => "credential lifetime",
            Skew => "clock-skew tolerance",
            IdleTime => "idle or keep-alive time",
            IdleConnections => "idle connection count",
            Interval => "interval",
            Pool => "connection pool size",
            RateLimit => "rate limit",
            Concurrency => "concurrency",
            Replicas => "replica count",
            Queue => "queue or buffer size",
            Batch => "batch size",
            Entries => "entry count",
            MessageSize => "message size limit",
            Memory => "memory",
            Cpu => "processor share",
            Disk => "disk size",
            Descriptors => "file descriptor limit",
            Retention => "retention",
            Retries => "retry count",
            Backoff => "retry pause",
            Delay => "pause",
            Threshold => "threshold",
            Sampling => "sampling rate",
            Weight => "traffic weight",
            Port => "port",
            Dns => "DNS setting",
            Probe => "health probe setting",
            WorkFactor => "work factor",
            Limit => "limit",
            Presentation => "layout value",
            Version => "version",
            Other => "value",
        }
    }

    /// How much it matters at run time when such a setting moves, 0 to 1.
    pub fn weight(self) -> f64 {
        use SettingClass::*;
        match self {
            Timeout | CacheLifetime | CredentialLifetime | Skew | Pool | RateLimit
            | Concurrency | Port | Memory | Replicas | MessageSize | Descriptors => 1.0,
            Cpu | Queue | Batch | Retries | Dns | Disk | Limit | Backoff | Probe | WorkFactor => {
                0.85
            }
            Interval | Delay | Threshold | Retention | Entries | Weight => 0.75,
            Sampling => 0.5,
            IdleTime | IdleConnections => 0.3,
            Other => 0.35,
            Presentation | Version => 0.03,
        }
    }
}

/// Classifies a setting. `name` is its own name, `parents` the keys or function above it.
pub fn classify(name: &str, parents: &str) -> SettingClass {
    let own = split_identifier(name);
    let above = split_identifier(parents);
    let probe = above.iter().any(|w| w == "probe" || w == "healthcheck")
        || own.iter().any(|w| w == "probe");
    let first = of_words(&own, &own, &above);
    if probe && !matches!(first, SettingClass::Port) {
        return SettingClass::Probe;
    }
    if matches!(first, SettingClass::Other | SettingClass::Limit) {
        // `pool: {max: 10}`: the parent says what the bare word bounds. The nearest two only.
        let near: Vec<String> = above.iter().rev().take(4).rev().cloned().collect();
        let with_parents: Vec<String> = near.iter().chain(&own).cloned().collect();
        let second = of_words(&own, &with_parents, &above);
        let amount = [
            "max", "min", "size", "limit", "value", "count", "total", "default", "ms", "seconds",
            "s", "duration", "percent", "initial", "period", "number", "maximum",
        ];
        if own.iter().all(|w| amount.contains(&w.as_str())) || own.is_empty() {
            return second;
        }
    }
    first
}

fn of_words(own: &[String], words: &[String], above: &[String]) -> SettingClass {
    use SettingClass::*;
    let has = |options: &[&str]| words.iter().any(|w| options.contains(&w.as_str()));
    let pair = |a: &[&str], b: &[&str]| has(a) && has(b);
    let joined = words.concat();
    let within = |options: &[&str]| options.iter().any(|o| joined.contains(o));
    let conn = has(&["conn", "conns", "connection", "connections"]);
    let credential = has(&[
        "token",
        "session",
        "jwt",
        "access",
        "refresh",
        "cookie",
        "login",
        "credential",
        "credentials",
        "otp",
        "jwks",
        "signature",
        "presign",
        "lease",
    ]) || above
        .iter()
        .any(|w| ["token", "session", "jwt", "auth", "jwks"].contains(&w.as_str()));

    if has(&[
        "padding", "margin", "radius", "color", "colour", "font", "width", "height", "opacity",
        "px", "rem", "zindex",
    ]) || within(&["fontsize", "zindex", "borderradius"])
    {
        return Presentation;
    }
    if has(&[
        "version",
        "revision",
        "build",
        "schemaversion",
        "apiversion",
    ]) {
        return Version;
    }
    if has(&["leeway", "skew", "drift", "clockskew"])
        || pair(
            &["tolerance", "grace"],
            &["clock", "time", "exp", "expiry", "nbf", "iat"],
        )
    {
        return Skew;
    }
    if has(&[
        "ndots",
        "nameserver",
        "nameservers",
        "resolver",
        "resolvers",
    ]) {
        return Dns;
    }
    if has(&[
        "rounds",
        "iterations",
        "bcrypt",
        "pbkdf2",
        "argon2",
        "scrypt",
        "effort",
    ]) || pair(
        &["hash", "password", "compression"],
        &["cost", "level", "factor", "generate"],
    ) {
        return WorkFactor;
    }
    if conn && has(&["idle"]) && !has(&["time", "timeout", "lifetime", "period", "age"]) {
        return IdleConnections;
    }
    if has(&["idle", "keepalive"])
        || within(&[
            "keepalive",
            "maxconnlifetime",
            "connmaxlifetime",
            "maxlifetime",
        ])
        || pair(&["health"], &["period", "interval"])
        || (conn && has(&["lifetime", "age"]))
    {
        return if conn || has(&["idle", "keepalive", "health"]) || within(&["keepalive"]) {
            IdleTime
        } else {
            CacheLifetime
        };
    }
    if has(&[
        "retention",
        "retain",
        "keep",
        "backups",
        "maxbackups",
        "rotate",
        "rotation",
    ]) || pair(&["log"], &["age"])
    {
        return Retention;
    }
    if has(&[
        "ttl",
        "expiry",
        "expires",
        "expiration",
        "expire",
        "lifetime",
        "maxage",
        "stale",
    ]) || within(&["maxage", "expireafter", "expiresin"])
    {
        return if credential {
            CredentialLifetime
        } else {
            CacheLifetime
        };
    }
    if has(&["backoff"])
        || pair(
            &["retry", "retries"],
            &[
                "delay",
                "wait",
                "interval",
                "sleep",
                "pause",
                "jitter",
                "multiplier",
            ],
        )
    {
        return Backoff;
    }
    if has(&[
        "retry",
        "retries",
        "attempts",
        "attempt",
        "maxretries",
        "redeliver",
        "redeliveries",
    ]) && !has(&["timeout", "deadline"])
    {
        return Retries;
    }
    if has(&["timeout", "timeouts", "deadline", "timeoutms", "timedout"])
        || within(&["timeout", "deadline"])
    {
        return Timeout;
    }
    if has(&["sleep", "delay", "pause", "debounce", "linger"]) {
        return Delay;
    }
    if pair(
        &["fetch", "poll", "receive"],
        &["records", "size", "messages"],
    ) {
        return Batch;
    }
    if has(&[
        "interval",
        "frequency",
        "schedule",
        "cron",
        "poll",
        "polling",
        "every",
        "ticker",
        "tick",
        "newticker",
        "heartbeat",
    ]) || (has(&["period"]) && !has(&["grace"]))
    {
        return if has(&["heartbeat"]) && !has(&["interval"]) {
            Timeout
        } else {
            Interval
        };
    }
    if has(&["replicas", "replica", "instances", "replicacount"])
        || within(&["desiredcount", "desiredcapacity", "minsize", "maxsize"])
            && above.iter().chain(own).any(|w| {
                [
                    "group",
                    "autoscaling",
                    "asg",
                    "node",
                    "scaling",
                    "desired",
                    "capacity",
                ]
                .contains(&w.as_str())
            })
        || pair(&["instance", "task", "node"], &["count"])
    {
        return Replicas;
    }
    if has(&[
        "workers",
        "worker",
        "threads",
        "thread",
        "threadpool",
        "concurrency",
        "parallelism",
        "goroutines",
        "semaphore",
        "inflight",
        "procs",
        "processes",
        "consumers",
        "partitions",
        "shards",
        "concurrent",
    ]) || within(&["inflight", "threadpool", "maxparallel", "gomaxprocs"])
    {
        return if within(&["gomaxprocs"]) {
            Cpu
        } else {
            Concurrency
        };
    }
    if pair(
        &["read", "write", "provisioned", "request"],
        &["capacity", "units", "throughput"],
    ) || has(&["rcu", "wcu", "throughput"])
    {
        return RateLimit;
    }
    if has(&[
        "rps",
        "qps",
        "tps",
        "quota",
        "throttle",
        "throttling",
        "burst",
        "ratelimit",
        "ratelimiter",
        "newlimiter",
    ]) || pair(
        &["rate", "requests", "request"],
        &["limit", "limiter", "second", "minute", "per"],
    ) {
        return RateLimit;
    }
    if has(&["pool", "hikari", "poolsize", "maxconns"])
        || conn && has(&["max", "min", "limit", "open", "active", "total", "count"])
        || words.len() <= 2 && conn
    {
        return Pool;
    }
    if has(&[
        "batch",
        "chunk",
        "prefetch",
        "pagesize",
        "fetchsize",
        "bulk",
    ]) || pair(
        &["page", "fetch", "poll"],
        &["size", "records", "max", "count"],
    ) {
        return Batch;
    }
    if has(&[
        "body", "payload", "message", "msg", "upload", "request", "header", "frame", "recv",
        "receive",
    ]) && has(&["size", "max", "limit", "bytes", "length"])
    {
        return MessageSize;
    }
    if has(&[
        "queue",
        "buffer",
        "backlog",
        "buf",
        "channel",
        "chan",
        "highwatermark",
        "somaxconn",
    ]) {
        return Queue;
    }
    if pair(
        &["entries", "items", "records", "rows", "keys", "elements"],
        &["max", "maximum", "limit", "size"],
    ) || has(&[
        "maxsize",
        "maxentries",
        "maximumsize",
        "lru",
        "capacity",
        "pagination",
        "topk",
    ]) || within(&["maxsize", "maximumsize", "maxentries", "lrucache"])
    {
        return Entries;
    }
    if has(&[
        "memory",
        "mem",
        "heap",
        "xmx",
        "xms",
        "ram",
        "maxmemory",
        "memorylimit",
        "gogc",
        "gomemlimit",
    ]) {
        return Memory;
    }
    if has(&["cpu", "cpus", "cores", "vcpu", "vcpus", "millicores"]) {
        return Cpu;
    }
    if has(&["sample", "sampling", "sampler", "samplerate", "sampled"]) {
        return Sampling;
    }
    if has(&["weight", "canary", "rollout", "traffic", "weighted"]) {
        return Weight;
    }
    if has(&["threshold", "breaker", "circuit", "watermark", "tolerance"])
        || pair(&["failure", "error"], &["rate", "ratio", "max"])
    {
        return Threshold;
    }
    if has(&[
        "nofile",
        "ulimit",
        "descriptors",
        "fds",
        "openfiles",
        "limitnofile",
    ]) {
        return Descriptors;
    }
    if own.last().is_some_and(|w| w == "port") || has(&["targetport", "containerport", "nodeport"])
    {
        return Port;
    }
    if has(&["disk", "storage", "volume", "iops", "ephemeral"]) {
        return Disk;
    }
    if has(&["limit", "max", "maximum", "cap", "min", "minimum", "bound"]) {
        return Limit;
    }
    Other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_is_governed() {
        use SettingClass::*;
        let cases = [
            ("WithTimeout", "context", Timeout),
            ("leeway", "", Skew),
            ("DefaultTTL", "", CacheLifetime),
            ("sessionTtl", "", CredentialLifetime),
            ("defaultMaxConns", "", Pool),
            ("MaxConnIdleTime", "cfg", IdleTime),
            ("MaxIdleConns", "", IdleConnections),
            ("HealthCheckPeriod", "", IdleTime),
            ("max", "spring.pool", Pool),
            ("maximum-pool-size", "spring.datasource.hikari", Pool),
            ("MaxAttempts", "", Retries),
            ("InitialBackoff", "", Backoff),
            ("replicas", "spec", Replicas),
            ("memory", "resources.limits", Memory),
            ("ndots", "dnsConfig", Dns),
            ("periodSeconds", "livenessProbe", Probe),
            ("newFixedThreadPool", "Executors", Concurrency),
            ("client_max_body_size", "", MessageSize),
            ("max.poll.records", "", Batch),
            ("requests_per_second", "", RateLimit),
            ("padding", "", Presentation),
            ("taxRate", "", Other),
            ("reserved_concurrent_executions", "", Concurrency),
            ("readCapacityUnits", "provisionedThroughput", RateLimit),
            ("maxReplicationThroughput", "", RateLimit),
            ("maximumSize", "", Entries),
        ];
        for (name, parents, expected) in cases {
            assert_eq!(classify(name, parents), expected, "{parents}.{name}");
        }
    }
}
