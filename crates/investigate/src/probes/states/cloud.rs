//! Documents that are not the orchestrator's: databases, monitors, balancers' targets, functions.

use model::Timestamp;
use serde_json::Value;

use super::path::{number, text, walk};
use super::{Health, Verdict, first_number, first_text, first_time};

/// A monitor or alarm: somebody's opinion, but a fresh one.
pub(super) fn monitor(document: &Value) -> Verdict {
    let mut v = Verdict::new();
    let name = first_text(document, &["name", "AlarmName", "labels.alertname"])
        .map(|(n, _)| n)
        .unwrap_or_default();
    let state = first_text(
        document,
        &["overall_state", "StateValue", "state", "status"],
    );
    if let Some((state, path)) = state {
        v.say(format!("state {state}: {name}"), path);
        match state.to_ascii_lowercase().as_str() {
            "ok" | "normal" | "inactive" | "resolved" | "green" => {
                v.judge(Health::Healthy, format!("{name} is OK"), path)
            }
            "alert" | "alarm" | "alerting" | "firing" | "critical" | "red" => {
                v.judge(Health::Unhealthy, format!("{name} fires"), path);
            }
            "warn" | "warning" | "pending" | "yellow" => {
                v.judge(Health::Pending, format!("{name} warns"), path)
            }
            _ => {}
        }
    }
    v
}

/// Which statements and waits make up the load of a database.
///
/// Loads are given as average active sessions or as percentages; only shares of their sum are used.
pub(super) fn load(document: &Value) -> Verdict {
    let mut v = Verdict::new();
    let curve: Vec<f64> = walk(document, "db_load.values.*")
        .iter()
        .filter_map(|p| number(p.value))
        .collect();
    let quarter = (curve.len() / 4).max(1);
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len().max(1) as f64;
    let (first, last) = if curve.is_empty() {
        (0.0, 0.0)
    } else {
        (
            curve[..quarter.min(2)]
                .iter()
                .copied()
                .fold(f64::INFINITY, f64::min),
            mean(&curve[curve.len() - quarter..]),
        )
    };
    // Two sessions at work at any time are load for most machines; fewer, that did not grow, are not.
    let grew = last >= 1.0 && last >= 2.0 * first.max(0.1);
    let loaded = last >= 2.0 || grew || curve.is_empty();
    let word = if loaded { "loaded" } else { "idle" };
    if !curve.is_empty() {
        let moved = if grew {
            "rose"
        } else if last <= 0.5 * first {
            "fell"
        } else {
            "went"
        };
        v.say(
            format!("{word}: load {moved} from {first:.1} to {last:.1} active sessions"),
            "db_load.values",
        );
    }
    let share = |part: f64, sum: f64| (100.0 * part / sum.max(f64::MIN_POSITIVE)).round();
    let weight = |value: &Value| {
        value
            .get("db_load_avg")
            .and_then(number)
            .unwrap_or(0.0)
            .max(0.0)
    };
    for (list, noun) in [
        ("top_sql", "statement"),
        ("top_wait_events", "wait"),
        ("top_users", "user"),
        ("top_hosts", "host"),
    ] {
        let places = walk(document, &format!("{list}.*"));
        let sum: f64 = places.iter().map(|p| weight(p.value)).sum();
        if sum <= 0.0 {
            continue;
        }
        for place in &places {
            let name = first_text(place.value, &["statement", "name", "id"])
                .map(|(n, _)| n)
                .unwrap_or_default();
            let percent = share(weight(place.value), sum);
            v.say(format!("{word}: {noun} {percent} %: {name}"), &place.path);
            let waits = walk(place.value, "wait_events.*");
            let total: f64 = waits.iter().map(|w| weight(w.value)).sum();
            if let Some(top) = waits
                .iter()
                .max_by(|a, b| weight(a.value).total_cmp(&weight(b.value)))
                && total > 0.0
                && let Some(event) = top.value.get("name").and_then(text)
            {
                let inner = share(weight(top.value), total);
                v.say(
                    format!("{word}: {noun} {percent} % waits for {event} {inner} %: {name}"),
                    format!("{}.{}", place.path, top.path),
                );
            }
        }
    }
    v
}

/// A certificate: until when is it good?
pub(super) fn certificate(document: &Value, time: Timestamp) -> Verdict {
    let mut v = status(document);
    const ENDS: [&str; 6] = [
        "notAfter",
        "NotAfter",
        "not_after",
        "expires",
        "expiry",
        "status.notAfter",
    ];
    let Some((_, path)) = first_text(document, &ENDS) else {
        return v;
    };
    let Some(end) = first_time(document, &[path]) else {
        return v;
    };
    if end <= time {
        v.say(format!("certificate has run out, at {end}"), path);
        v.judge(Health::Unhealthy, format!("it ran out at {end}"), path);
    } else {
        let days = end.since(time).as_minutes() / 1440.0;
        v.say(format!("certificate is valid for {days:.0} days"), path);
        v.judge(Health::Healthy, format!("it is good until {end}"), path);
    }
    v
}

/// A function or another resource with its settings: its status, and how many copies may run at once. One that is
/// `Active` can be called; how its calls end, its owner's API does not tell.
pub(super) fn function(document: &Value) -> Verdict {
    let mut v = status(document);
    if v.health == Health::Healthy {
        v.health = Health::Unknown;
    }
    let limit = concurrency(document);
    v.sayings.extend(limit.sayings);
    if limit.health == Health::Unhealthy {
        v.judge(limit.health, limit.why, limit.path);
    }
    v
}

/// How many copies of a function may run at once.
pub(super) fn concurrency(document: &Value) -> Verdict {
    let mut v = Verdict::new();
    if let Some((reserved, path)) = first_number(
        document,
        &[
            "ReservedConcurrentExecutions",
            "Concurrency.ReservedConcurrentExecutions",
            "reservedConcurrentExecutions",
            "reserved_concurrent_executions",
            "reserved",
        ],
    ) {
        v.say(format!("reserved concurrency {reserved}"), path);
        if reserved == 0.0 {
            v.judge(
                Health::Unhealthy,
                "its reserved concurrency is 0: no call is let in",
                path,
            );
        }
    }
    v
}

/// The targets of a load balancer.
pub(super) fn targets(document: &Value) -> Verdict {
    let mut v = Verdict::new();
    let (mut well, mut ill) = (0u32, 0u32);
    for base in ["TargetHealthDescriptions.*", "targets.*"] {
        for place in walk(document, base) {
            let field = |paths: &[&'static str]| {
                first_text(place.value, paths)
                    .map(|(t, _)| t)
                    .unwrap_or_default()
            };
            let state = field(&["TargetHealth.State", "state", "status"]);
            let name = field(&["Target.Id", "id", "name"]);
            let reason = field(&["TargetHealth.Reason", "reason"]);
            let more = field(&["TargetHealth.Description", "description"]);
            v.say(
                format!("target {name} {state} {reason}: {more}"),
                &place.path,
            );
            match state.to_ascii_lowercase().as_str() {
                "healthy" => well += 1,
                "unhealthy" | "unavailable" => ill += 1,
                _ => {}
            }
        }
    }
    if ill > 0 {
        v.say(format!("targets unhealthy {ill} of {}", well + ill), "");
        v.judge(
            Health::Unhealthy,
            format!("{ill} of {} targets are unhealthy", well + ill),
            "",
        );
    } else if well > 0 {
        v.judge(
            Health::Healthy,
            format!("all {well} targets are healthy"),
            "",
        );
    }
    v
}

/// Anything that has a status word: a database, an instance, a function, a certificate, a service with copies.
pub(super) fn status(document: &Value) -> Verdict {
    let mut v = Verdict::new();
    let desired = first_number(document, &["desiredCount", "desired_count"]);
    let running = first_number(document, &["runningCount", "running_count"]);
    if let (Some((desired, _)), Some((running, path))) = (desired, running) {
        v.say(format!("ready {running} of {desired}"), path);
        if running < desired {
            v.say(format!("short of {} copies", desired - running), path);
            v.judge(
                Health::Unhealthy,
                format!("{running} of {desired} copies run"),
                path,
            );
        } else {
            v.judge(Health::Healthy, format!("all {desired} copies run"), path);
        }
    }
    let word = first_text(
        document,
        &[
            "DBInstanceStatus",
            "db_instance_status",
            "Status",
            "status",
            "State",
            "state",
            "State.Name",
            "TableStatus",
            "CacheClusterStatus",
            "LastUpdateStatus",
            "InstanceStatus.Status",
            "health",
        ],
    );
    if let Some((word, path)) = word {
        v.say(format!("status {word}"), path);
        match word.to_ascii_lowercase().as_str() {
            "available" | "active" | "running" | "ok" | "healthy" | "green" | "issued"
            | "successful" | "ready" | "in-sync" | "operational" | "up" => {
                v.judge(Health::Healthy, format!("its status is {word}"), path)
            }
            "storage-full"
            | "failed"
            | "inaccessible-encryption-credentials"
            | "incompatible-network"
            | "incompatible-option-group"
            | "incompatible-parameters"
            | "incompatible-restore"
            | "restore-error"
            | "insufficient-capacity"
            | "stopped"
            | "terminated"
            | "impaired"
            | "inactive"
            | "red"
            | "expired"
            | "revoked"
            | "unhealthy"
            | "down"
            | "partial_outage"
            | "major_outage" => {
                v.judge(Health::Unhealthy, format!("its status is {word}"), path);
            }
            "deleting" | "shutting-down" | "deleted" => {
                v.judge(Health::Leaving, format!("its status is {word}"), path)
            }
            _ => v.judge(Health::Pending, format!("its status is {word}"), path),
        }
    }
    for name in [
        "reason",
        "StateReason",
        "LastUpdateStatusReason",
        "StatusInfos.*.Message",
        "detail",
        "message",
        "NotAfter",
        "failure_reason",
    ] {
        for place in walk(document, name) {
            if let Some(text) = text(place.value).filter(|t| !t.is_empty()) {
                v.say(
                    format!("{} {text}", name.rsplit('.').next().unwrap_or(name)),
                    place.path,
                );
            }
        }
    }
    v
}
