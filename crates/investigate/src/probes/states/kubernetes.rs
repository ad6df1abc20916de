//! The orchestrator's objects, as `kubectl get -o json` prints them or in a short form.

use model::Timestamp;
use model::time::MINUTE;
use serde_json::Value;

use super::path::{number, text, walk};
use super::{Health, Verdict, first_number, first_text, first_time};

/// After ten minutes of running, the kubelet itself forgets about earlier crashes; before, a container
/// that was restarted is not yet proven well.
const PROVEN_AFTER: i64 = 10 * MINUTE;

/// What a process that ended so was told.
fn exit_word(code: f64) -> &'static str {
    match code as i64 {
        0 => "clean",
        126 => "not executable",
        127 => "command not found",
        132 => "SIGILL",
        133 => "SIGTRAP",
        134 => "SIGABRT",
        135 => "SIGBUS",
        136 => "SIGFPE",
        137 => "SIGKILL",
        139 => "SIGSEGV",
        143 => "SIGTERM",
        _ => "failed",
    }
}

fn is_true(value: Option<&Value>) -> bool {
    value.is_some_and(|v| match v {
        Value::Bool(flag) => *flag,
        Value::String(word) => word.eq_ignore_ascii_case("true"),
        Value::Object(fields) => !fields.is_empty(),
        _ => false,
    })
}

/// `type status reason: message` of every condition.
fn conditions(
    document: &Value,
    verdict: &mut Verdict,
) -> Vec<(String, bool, Option<Timestamp>, String)> {
    let mut found = Vec::new();
    for base in ["conditions.*", "status.conditions.*"] {
        for place in walk(document, base) {
            let field = |name: &str| place.value.get(name).and_then(text).unwrap_or_default();
            let (kind, status) = (field("type"), field("status"));
            if kind.is_empty() {
                continue;
            }
            let mut line = format!("condition {kind} {status}");
            for (separator, part) in [(" ", field("reason")), (": ", field("message"))] {
                if !part.is_empty() {
                    line.push_str(separator);
                    line.push_str(&part);
                }
            }
            verdict.say(line, &place.path);
            let since = ["lastTransitionTime", "last_transition_time"]
                .iter()
                .find_map(|f| field(f).parse().ok());
            found.push((kind, status.eq_ignore_ascii_case("true"), since, place.path));
        }
    }
    found
}

/// One pod.
pub(super) fn pod(document: &Value, time: Timestamp) -> Verdict {
    let mut v = Verdict::new();
    let phase = first_text(document, &["phase", "status.phase"]);
    if let Some((phase, path)) = &phase {
        v.say(format!("phase {phase}"), *path);
    }
    for paths in [["reason", "status.reason"], ["message", "status.message"]] {
        if let Some((reason, path)) = first_text(document, &paths) {
            v.say(format!("pod {reason}"), path);
        }
    }
    let mut ready = None;
    for (kind, holds, since, path) in conditions(document, &mut v) {
        if kind == "Ready" {
            ready = Some((holds, since, path));
        } else if kind == "PodScheduled" && !holds {
            v.judge(Health::Unhealthy, "it cannot be placed on a node", path);
        }
    }
    for base in [
        "containers.*",
        "init_containers.*",
        "status.containerStatuses.*",
        "status.initContainerStatuses.*",
    ] {
        for place in walk(document, base) {
            container(place.value, &place.path, base.contains("nit"), time, &mut v);
        }
    }
    match phase
        .as_ref()
        .map(|(p, _)| p.to_ascii_lowercase())
        .as_deref()
    {
        Some("failed") => v.judge(Health::Unhealthy, "it failed", "phase"),
        Some("pending") => v.judge(Health::Unhealthy, "it is pending", "phase"),
        Some("unknown") => v.judge(Health::Unhealthy, "its node does not answer", "phase"),
        Some("succeeded") => v.judge(Health::Leaving, "it has done its work", "phase"),
        _ => {}
    }
    if let Some((holds, since, path)) = ready {
        if holds {
            v.judge(Health::Healthy, "ready", path);
            v.since = v.since.max(since);
        } else {
            v.judge(Health::Unhealthy, "not ready", path);
        }
    }
    if v.since.is_none() {
        v.since = first_time(document, &["start_time", "status.startTime"]);
    }
    if let Some((when, path)) = first_text(
        document,
        &[
            "deletion_timestamp",
            "deletionTimestamp",
            "metadata.deletionTimestamp",
            "metadata.deletion_timestamp",
        ],
    ) {
        v.say(format!("being deleted since {when}"), path);
        v.judge(Health::Leaving, "it is being deleted", path);
    }
    // An evicted or preempted pod is a corpse that its controller has replaced; it never gets well.
    v
}

/// The state of one container, now and before.
fn container(status: &Value, path: &str, init: bool, time: Timestamp, v: &mut Verdict) {
    let name = status.get("name").and_then(text).unwrap_or_default();
    let restarts = first_number(status, &["restart_count", "restartCount"]).map_or(0.0, |(n, _)| n);
    let ready = ["ready"].iter().any(|f| is_true(status.get(*f)));
    let word = if init { "init container" } else { "container" };
    if restarts > 0.0 {
        v.say(
            format!("{word} {name} restarts {restarts}"),
            format!("{path}.restart_count"),
        );
    }
    let empty = Value::Null;
    let state = status.get("state").unwrap_or(&empty);
    // The short form has flags with reason and message beside them; the long form nests them.
    let inner = |kind: &str| match state.get(kind) {
        Some(Value::Object(_)) => state.get(kind),
        Some(flag) if is_true(Some(flag)) => Some(state),
        _ => None,
    };
    let describe = |part: &Value| {
        let field = |name: &str| part.get(name).and_then(text).unwrap_or_default();
        let (reason, message) = (field("reason"), field("message"));
        let code = first_number(part, &["exit_code", "exitCode"]).map(|(c, _)| c);
        let code = code
            .map(|c| format!(" exit {c} {}", exit_word(c)))
            .unwrap_or_default();
        let message = if message.is_empty() {
            String::new()
        } else {
            format!(": {message}")
        };
        format!("{reason}{code}{message}")
    };
    if let Some(waiting) = inner("waiting") {
        let reason = waiting.get("reason").and_then(text).unwrap_or_default();
        v.say(
            format!("{word} {name} waiting {}", describe(waiting)),
            format!("{path}.state"),
        );
        if matches!(reason.as_str(), "ContainerCreating" | "PodInitializing") {
            v.judge(
                Health::Pending,
                format!("{word} {name} is being started"),
                path,
            );
        } else {
            v.judge(
                Health::Unhealthy,
                format!("{word} {name} is waiting: {reason}"),
                path,
            );
        }
    }
    if let Some(ended) = inner("terminated") {
        v.say(
            format!("{word} {name} terminated {}", describe(ended)),
            format!("{path}.state"),
        );
        let code = first_number(ended, &["exit_code", "exitCode"]).map_or(1.0, |(c, _)| c);
        if !(init && code == 0.0) {
            v.judge(Health::Unhealthy, format!("{word} {name} has ended"), path);
        }
    }
    if let Some(running) = inner("running") {
        let since = first_time(running, &["started_at", "startedAt"]);
        v.since = v.since.max(since);
        // The short form keeps the last exit code beside the running flag.
        if restarts > 0.0
            && let Some((code, _)) = first_number(running, &["exit_code", "exitCode"])
        {
            v.say(
                format!(
                    "{word} {name} last terminated exit {code} {}",
                    exit_word(code)
                ),
                format!("{path}.state"),
            );
        }
        let young = since.is_some_and(|s| time.since(s).0 < PROVEN_AFTER);
        if restarts > 0.0 && young {
            v.judge(
                Health::Unhealthy,
                format!("{word} {name} was restarted {restarts} times, last just now"),
                path,
            );
        }
    }
    for last in [
        "last_state",
        "lastState",
        "last_termination",
        "last_terminated",
    ] {
        let Some(previous) = status.get(last) else {
            continue;
        };
        let ended = match previous.get("terminated") {
            Some(part @ Value::Object(_)) => part,
            _ => previous,
        };
        if ended.get("reason").is_some()
            || first_number(ended, &["exit_code", "exitCode"]).is_some()
        {
            v.say(
                format!("{word} {name} last terminated {}", describe(ended)),
                format!("{path}.{last}"),
            );
        }
    }
    if !ready && !init {
        v.say(format!("{word} {name} not ready"), format!("{path}.ready"));
        if inner("running").is_some() {
            v.judge(
                Health::Unhealthy,
                format!("{word} {name} is not ready"),
                path,
            );
        }
    }
}

/// What keeps a number of copies running.
pub(super) fn workload(document: &Value) -> Verdict {
    let mut v = Verdict::new();
    let desired = first_number(
        document,
        &[
            "desired",
            "desired_replicas",
            "replicas",
            "spec.replicas",
            "status.desiredNumberScheduled",
            "desiredCount",
        ],
    );
    let ready = first_number(
        document,
        &[
            "ready",
            "ready_replicas",
            "status.readyReplicas",
            "status.numberReady",
            "available",
            "runningCount",
        ],
    );
    let listed = conditions(document, &mut v);
    if let Some((desired, path)) = desired {
        // The API leaves a count of zero out.
        let (have, have_path) = ready.unwrap_or((0.0, path));
        v.say(format!("ready {have} of {desired}"), have_path);
        if have < desired {
            v.say(format!("short of {} copies", desired - have), have_path);
            v.judge(
                Health::Unhealthy,
                format!("{have} of {desired} copies ready"),
                have_path,
            );
        } else {
            v.judge(
                Health::Healthy,
                format!("all {desired} desired copies are ready"),
                have_path,
            );
        }
        if desired == 0.0 {
            v.say("scaled to zero", path);
        }
        if let Some((updated, path)) =
            first_number(document, &["updated", "status.updatedReplicas"])
            && updated < desired
        {
            v.say(format!("updated {updated} of {desired}"), path);
        }
    }
    for (kind, holds, since, path) in listed {
        match (kind.as_str(), holds) {
            ("Progressing", false) => {
                v.judge(Health::Unhealthy, "its rollout makes no progress", path)
            }
            ("Available", false) => v.judge(Health::Unhealthy, "it is not available", path),
            ("ReplicaFailure", true) => {
                v.judge(Health::Unhealthy, "its copies cannot be made", path)
            }
            ("Available", true) => v.since = v.since.max(since),
            _ => {}
        }
    }
    if let Some((when, path)) = first_text(
        document,
        &["deletion_timestamp", "metadata.deletionTimestamp"],
    ) {
        v.say(format!("being deleted since {when}"), path);
        v.judge(Health::Leaving, "it is being deleted", path);
    }
    v
}

/// A machine of the cluster.
pub(super) fn node(document: &Value) -> Verdict {
    let mut v = Verdict::new();
    let mut seen = conditions(document, &mut v);
    for (field, kind) in [
        ("ready", "Ready"),
        ("memory_pressure", "MemoryPressure"),
        ("disk_pressure", "DiskPressure"),
        ("pid_pressure", "PIDPressure"),
        ("network_unavailable", "NetworkUnavailable"),
    ] {
        if let Some(status) = document.get(field).and_then(text) {
            v.say(format!("condition {kind} {status}"), field);
            seen.push((
                kind.to_string(),
                status.eq_ignore_ascii_case("true"),
                None,
                field.to_string(),
            ));
        }
    }
    for (kind, holds, since, path) in seen {
        match (kind.as_str(), holds) {
            ("Ready", true) => {
                v.since = since;
                v.judge(Health::Healthy, "ready", path);
            }
            ("Ready", false) => v.judge(Health::Unhealthy, "not ready", path),
            (pressure, true)
                if pressure.ends_with("Pressure") || pressure == "NetworkUnavailable" =>
            {
                v.judge(Health::Unhealthy, format!("it reports {pressure}"), path);
            }
            _ => {}
        }
    }
    for place in walk(document, "spec.taints.*")
        .into_iter()
        .chain(walk(document, "taints.*"))
    {
        let words: Vec<String> = ["key", "value", "effect"]
            .iter()
            .filter_map(|f| place.value.get(*f).and_then(text))
            .chain(text(place.value))
            .collect();
        v.say(format!("taint {}", words.join(" ")), place.path);
    }
    if ["unschedulable", "spec.unschedulable"]
        .iter()
        .any(|p| is_true(walk(document, p).first().map(|p| p.value)))
    {
        v.say("unschedulable", "spec.unschedulable");
    }
    v
}

/// Work that is to end.
pub(super) fn job(document: &Value) -> Verdict {
    let mut v = Verdict::new();
    for (kind, holds, since, path) in conditions(document, &mut v) {
        match (kind.as_str(), holds) {
            ("Failed", true) => v.judge(Health::Unhealthy, "it failed", path),
            ("Complete", true) => {
                v.since = since;
                v.judge(Health::Healthy, "complete", path);
            }
            _ => {}
        }
    }
    if let Some((failed, path)) = first_number(document, &["failed", "status.failed"])
        && failed > 0.0
    {
        v.say(format!("failed {failed} times"), path);
        let done = first_number(document, &["succeeded", "status.succeeded"])
            .is_some_and(|(n, _)| n > 0.0);
        if !done {
            v.judge(Health::Unhealthy, format!("{failed} attempts failed"), path);
        }
    }
    v
}

/// What sets the number of copies.
pub(super) fn autoscaler(document: &Value) -> Verdict {
    let mut v = Verdict::new();
    conditions(document, &mut v);
    let current = first_number(
        document,
        &["current_replicas", "current", "status.currentReplicas"],
    );
    let most = first_number(document, &["max_replicas", "max", "spec.maxReplicas"]);
    if let (Some((current, path)), Some((most, _))) = (current, most) {
        v.say(format!("copies {current} of at most {most}"), path);
        if current >= most {
            v.say(format!("at its maximum of {most} copies"), path);
        }
    }
    v
}

/// A claim of disk.
pub(super) fn claim(document: &Value) -> Verdict {
    let mut v = Verdict::new();
    conditions(document, &mut v);
    if let Some((phase, path)) = first_text(document, &["phase", "status", "status.phase"]) {
        v.say(format!("phase {phase}"), path);
        match phase.to_ascii_lowercase().as_str() {
            "bound" => v.judge(Health::Healthy, "bound", path),
            "pending" => v.judge(Health::Unhealthy, "no volume is bound to it", path),
            "lost" | "failed" => v.judge(Health::Unhealthy, "its volume is lost", path),
            _ => {}
        }
    }
    v
}

/// What a namespace may use.
pub(super) fn quota(document: &Value) -> Verdict {
    let mut v = Verdict::new();
    for (used, hard) in [("used", "hard"), ("status.used", "status.hard")] {
        for place in walk(document, &format!("{used}.*")) {
            let resource = &place.path[used.len() + 1..];
            let limit = walk(document, hard)
                .first()
                .and_then(|p| p.value.get(resource))
                .and_then(quantity);
            if let (Some(have), Some(limit)) = (quantity(place.value), limit)
                && limit > 0.0
            {
                let percent = (100.0 * have / limit).round();
                v.say(
                    format!("quota {resource} used {percent} %"),
                    place.path.clone(),
                );
                if have >= limit {
                    v.say(format!("quota {resource} used up"), place.path.clone());
                }
            }
        }
    }
    v
}

/// Which copies a service sends requests to.
pub(super) fn endpoints(document: &Value) -> Verdict {
    let mut v = Verdict::new();
    let slices = walk(document, "endpoints.*");
    let ready = walk(document, "subsets.*.addresses.*").len()
        + slices
            .iter()
            .filter(|p| {
                walk(p.value, "conditions.ready")
                    .first()
                    .is_none_or(|r| is_true(Some(r.value)))
            })
            .count();
    let known = document.get("subsets").is_some() || document.get("endpoints").is_some();
    if known && ready == 0 {
        v.say("no ready addresses", "subsets");
        v.judge(Health::Unhealthy, "no copy can be sent requests", "subsets");
    } else if ready > 0 {
        v.say(format!("{ready} ready addresses"), "subsets");
        v.judge(
            Health::Healthy,
            format!("{ready} ready addresses"),
            "subsets",
        );
    }
    v
}

/// A quantity such as `500m`, `2`, `4Gi`.
fn quantity(value: &Value) -> Option<f64> {
    if let Some(plain) = number(value) {
        return Some(plain);
    }
    let text = text(value)?;
    let text = text.trim();
    let digits = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(text.len());
    let amount: f64 = text[..digits].parse().ok()?;
    let factor = match &text[digits..] {
        "m" => 1e-3,
        "" => 1.0,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "Ki" => 1024.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024.0 * 1024.0 * 1024.0,
        "Ti" => 1024.0f64.powi(4),
        _ => return None,
    };
    Some(amount * factor)
}
