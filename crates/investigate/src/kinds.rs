//! In which ways is the system failing, as its telemetry shows?
//!
//! A closed list of failure kinds stands between what is seen and what could have done it: telemetry
//! shows a kind on a unit; a change's diff can or cannot produce a kind; a mechanism belongs to kinds.
//! The words are those of `analysis::changes::FailureKind` in snake case.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use regex::RegexSet;

use crate::facts::{Facts, Interval};
use crate::role::Role;
use crate::scene::Scene;

/// Where a seen kind was read from: index into one list of [`Facts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FactRef {
    /// `facts.series`.
    Series(u32),
    /// `facts.logs`.
    Log(u32),
    /// `facts.edges`.
    Edge(u32),
    /// `facts.work`.
    Work(u32),
    /// `facts.events`.
    Event(u32),
    /// `facts.states`.
    State(u32),
    /// `facts.changes`.
    Change(u32),
}

impl From<&crate::matching::FactRef> for FactRef {
    fn from(at: &crate::matching::FactRef) -> Self {
        use crate::matching::FactRef as At;
        match at {
            At::Log(i) => Self::Log(*i),
            At::Event(i) => Self::Event(*i),
            At::State(i, _) => Self::State(*i),
            At::Series(i) => Self::Series(*i),
            At::Edge(i) => Self::Edge(*i),
            At::Work(i) => Self::Work(*i),
            At::Change(i) => Self::Change(*i),
        }
    }
}

/// One failure kind, seen on one unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Snake-case word of the kind.
    pub kind: &'static str,
    /// Where.
    pub unit: u32,
    /// How clearly, 0..1.
    pub weight: f64,
    /// Since when.
    pub onset: Option<Interval>,
    /// What shows it, clearest first.
    pub refs: Vec<FactRef>,
}

/// Customs of wording, by kind. Broad in wording, narrow in meaning.
const LOG_WORDING: &[(&str, &str)] = &[
    (
        "timeouts_up",
        r"(?i)time[d ]?-?out|deadline.?exceeded|exceeded.{0,12}deadline|context canceled|i/o timeout|took too long",
    ),
    (
        "crash",
        r"(?i)\bpanic\b|segfault|segmentation fault|SIGSEGV|fatal error|unhandled exception|nil pointer|NullPointer|null reference|core dumped|cannot read propert|undefined is not",
    ),
    (
        "auth_rejections",
        r"(?i)\b401\b|\b403\b|unauthori[sz]ed|forbidden|access.?denied|not authorized|permission denied|jwt|invalid (token|credential|signature)|token (is )?(expired|invalid)|authentication failed|login failed",
    ),
    (
        "missing_table_or_column",
        r#"(?i)(relation|table|column|field)\b.{0,80}(does not exist|doesn't exist|not found|unknown|missing)|no such (table|column)|unknown column|undefined (table|column)|invalid object name|ORA-00942"#,
    ),
    (
        "dns_failure",
        r"(?i)no such host|NXDOMAIN|SERVFAIL|ENOTFOUND|EAI_AGAIN|getaddrinfo|name (or service not known|resolution)|could not resolve|unable to resolve|lookup .{0,120}(fail|timeout|timed out|on )|dns",
    ),
    (
        "pool_exhaustion",
        r"(?i)(connection|conn|thread|worker|session)s?\s?pool.{0,40}(exhaust|full|timeout|wait|saturat)|pool (is )?exhausted|too many (clients|connections)|remaining connection slots|timed? ?out (waiting|acquiring|getting).{0,30}conn|acquire.{0,20}conn",
    ),
    (
        "cache_misses_up",
        r"(?i)cache.?miss|read-?through|cache (flush|evict|expired|stampede)",
    ),
    (
        "data_rejected",
        r"(?i)validation (fail|error)|failed to (validate|parse|decode|deserial|unmarshal)|malformed|invalid (payload|record|message|json|format|value|input)|out of range|parse error|schema mismatch|unprocessable|poison|cannot (parse|decode|deserialize)",
    ),
    (
        "disk_full",
        r"(?i)no space left|disk (is )?full|ENOSPC|quota exceeded.{0,20}disk|storage.{0,20}(full|exhaust)",
    ),
    (
        "throttling_up",
        r"(?i)throttl|rate.?(limit|exceeded)|\b429\b|too ?many ?requests|quota exceeded|slow ?down",
    ),
    (
        "dependency_unreachable",
        r"(?i)connection refused|ECONNREFUSED|unreachable|connection reset|ECONNRESET|broken pipe|no route to host|(upstream|provider|dependency).{0,60}(unavailable|50[0-9]|fail|down)|returned 50[0-9]|bad gateway|service unavailable",
    ),
    (
        "lock_contention",
        r"(?i)deadlock|lock (wait|timeout|contention)|could not obtain lock|waiting for .{0,30}lock|blocked by",
    ),
    (
        "memory_growth",
        r"(?i)out of memory|OOM|heap space|cannot allocate|memory (limit|pressure|exceeded)|oomkill",
    ),
    (
        "certificate_failure",
        r"(?i)certificate|x509|tls.{0,20}(handshake|fail|error)|ssl.{0,20}(handshake|fail|error)",
    ),
    (
        "restarts",
        r"(?i)restart(ing|ed)|crashloop|back-?off restarting|killed|terminated|exit(ed)? (with )?(code|status)",
    ),
    (
        "queue_backlog",
        r"(?i)backlog|consumer lag|queue (is )?(full|depth|growing)|redeliver|rebalance|dead.?letter",
    ),
    (
        "cpu_saturation",
        r"(?i)cpu (saturat|throttl|limit)|overload|load shed|shedding|worker pool saturated",
    ),
    (
        "traffic_fan_out",
        r"(?i)n\+1|too many queries|\d+ (identical )?(quer|select|call)",
    ),
];

/// The kinds whose wording a line fits.
pub fn kinds_of_text(text: &str) -> Vec<&'static str> {
    static SET: OnceLock<RegexSet> = OnceLock::new();
    let set = SET.get_or_init(|| {
        RegexSet::new(LOG_WORDING.iter().map(|(_, re)| re))
            .unwrap_or_else(|e| panic!("built-in wording: {e}"))
    });
    set.matches(text)
        .into_iter()
        .map(|i| LOG_WORDING[i].0)
        .collect()
}

/// The kind that a role's bad direction shows.
pub fn kind_of_role(role: Role, up: bool) -> Option<&'static str> {
    Some(match role {
        Role::Latency => "latency_up",
        Role::Errors | Role::Availability => "errors_up",
        Role::AuthErrors => "auth_rejections",
        Role::Throttles => "throttling_up",
        Role::Cpu => "cpu_saturation",
        Role::Memory if up => "memory_growth",
        Role::MemoryFree | Role::Swap | Role::Collection => "memory_growth",
        Role::Disk | Role::DiskFree => "disk_full",
        Role::Connections | Role::PoolWait | Role::Workers if up => "pool_exhaustion",
        Role::Queue | Role::Lag => "queue_backlog",
        Role::CacheHit | Role::CacheMiss => "cache_misses_up",
        Role::Restarts => "restarts",
        Role::FanOut if up => "traffic_fan_out",
        Role::Locks => "lock_contention",
        Role::ProviderErrors => "dependency_unreachable",
        Role::Replicas | Role::Unready => "restarts",
        _ => return None,
    })
}

/// All kinds seen, sorted by (kind, unit).
pub fn seen(scene: &Scene, facts: &Facts) -> Vec<Seen> {
    let mut found: BTreeMap<(&'static str, u32), Seen> = BTreeMap::new();
    let mut add =
        |kind: &'static str, unit: u32, weight: f64, onset: Option<Interval>, at: FactRef| {
            let entry = found.entry((kind, unit)).or_insert_with(|| Seen {
                kind,
                unit,
                weight: 0.0,
                onset,
                refs: Vec::new(),
            });
            if weight > entry.weight {
                entry.weight = weight;
                entry.refs.insert(0, at);
            } else {
                entry.refs.push(at);
            }
            entry.onset = match (entry.onset, onset) {
                (Some(a), Some(b)) => Some(if b.hi < a.hi { b } else { a }),
                (a, b) => a.or(b),
            };
        };
    for (i, fact) in facts.series.iter().enumerate() {
        if fact.bad <= crate::probes::series::BAND {
            continue;
        }
        if let Some(kind) = kind_of_role(fact.role, fact.z > 0.0) {
            let weight = 1.0 - (-fact.bad / 6.0).exp();
            add(
                kind,
                fact.unit,
                weight,
                fact.onset,
                FactRef::Series(i as u32),
            );
            if fact.role == Role::Restarts {
                add(
                    "crash",
                    fact.unit,
                    0.6 * weight,
                    fact.onset,
                    FactRef::Series(i as u32),
                );
            }
        }
        if fact.role == Role::Traffic && fact.z > 0.0 {
            // More traffic here than the callers bring is fan-out; the callers' own rise explains the rest.
            let callers_rise = scene
                .above(fact.unit)
                .flat_map(|(above, _)| {
                    facts
                        .series
                        .iter()
                        .filter(move |f| f.unit == above && f.role == Role::Traffic)
                })
                .map(|f| f.level / f.normal.max(1e-9))
                .fold(f64::NAN, f64::max);
            let own_rise = fact.level / fact.normal.max(1e-9);
            if callers_rise.is_finite() && own_rise > 1.5 * callers_rise {
                add(
                    "traffic_fan_out",
                    fact.unit,
                    0.8,
                    fact.onset,
                    FactRef::Series(i as u32),
                );
            }
        }
    }
    for (i, fact) in facts.logs.iter().enumerate() {
        if fact.z <= 2.0 || fact.during == 0 {
            continue;
        }
        let kinds = kinds_of_text(&fact.example);
        let telling = if fact.is_error() { 1.0 } else { 0.7 };
        let weight = telling * (1.0 - (-fact.z / 4.0).exp());
        let onset = Some(Interval {
            lo: fact.first,
            hi: fact.first,
        });
        for kind in kinds {
            add(kind, fact.unit, weight, onset, FactRef::Log(i as u32));
        }
        if fact.is_error() {
            add(
                "errors_up",
                fact.unit,
                0.8 * weight,
                onset,
                FactRef::Log(i as u32),
            );
        }
    }
    for (i, fact) in facts.work.iter().enumerate() {
        if fact.own_z > 3.0 {
            add(
                "latency_up",
                fact.unit,
                1.0 - (-fact.own_z / 6.0).exp(),
                None,
                FactRef::Work(i as u32),
            );
        }
        if fact.origin_errors.1 > 2 * fact.origin_errors.0 {
            let onset = fact.first_error.map(|at| Interval { lo: at, hi: at });
            add("errors_up", fact.unit, 0.9, onset, FactRef::Work(i as u32));
            for message in &fact.messages {
                for kind in kinds_of_text(message) {
                    add(kind, fact.unit, 0.8, onset, FactRef::Work(i as u32));
                }
            }
        }
    }
    for (i, fact) in facts.edges.iter().enumerate() {
        let (before, during) = fact.calls_per_request;
        if during > 1.8 * before.max(0.2) && fact.calls.1 >= 5 {
            add(
                "traffic_fan_out",
                fact.caller,
                0.8,
                None,
                FactRef::Edge(i as u32),
            );
        }
    }
    for (i, (unit, event)) in facts.events.iter().enumerate() {
        if event.last >= scene.window.from() {
            let onset = Some(Interval {
                lo: event.first,
                hi: event.first,
            });
            for kind in kinds_of_text(&format!("{}: {}", event.reason, event.message)) {
                add(kind, *unit, 0.7, onset, FactRef::Event(i as u32));
            }
        }
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wording_tells_the_kind() {
        let table = [
            ("upstream call exceeded 500ms deadline", "timeouts_up"),
            (
                "pq: relation \"orders_v2\" does not exist",
                "missing_table_or_column",
            ),
            ("dial tcp: lookup db.internal: no such host", "dns_failure"),
            (
                "runtime error: invalid memory address or nil pointer dereference",
                "crash",
            ),
            (
                "FATAL: remaining connection slots are reserved",
                "pool_exhaustion",
            ),
            ("jwt validation failed: token is expired", "auth_rejections"),
            ("TooManyRequestsException: Rate Exceeded.", "throttling_up"),
            ("write /var/lib/x: no space left on device", "disk_full"),
            ("failed to decode message: unexpected byte", "data_rejected"),
        ];
        for (line, kind) in table {
            assert!(
                kinds_of_text(line).contains(&kind),
                "{line}: {:?}",
                kinds_of_text(line)
            );
        }
        assert!(kinds_of_text("served catalog page").is_empty());
    }
}
