//! Whether everything was looked at in which a credential is looked for.

use super::birds::{MARKER, Output};
use super::stand::Stand;
use super::telemetry;

/// Which kinds of output were not read: nothing of what is no secret stands in them; and who was shown no credential.
pub fn reaches(stand: &Stand, all: &[Output]) -> Vec<String> {
    let mut missing = Vec::new();
    for (kind, text) in [
        ("midwatch incidents report INC,", MARKER),
        ("midwatch incidents report INC --format json", MARKER),
        ("midwatch incidents report INC --format markdown", MARKER),
        ("midwatch incidents report INC --format html", MARKER),
        ("midwatch incidents show", MARKER),
        ("midwatch incidents timeline", MARKER),
        ("midwatch doctor", MARKER),
        ("midwatch notify test", MARKER),
        ("midwatch journal export", MARKER),
        ("midwatch explain", telemetry::SERVICE),
        ("midwatch render", MARKER),
        ("midwatch config check", "sound"),
        ("midwatch topology", telemetry::SERVICE),
        ("midwatch audit", telemetry::SERVICE),
        ("midwatch permissions aws", "logs:FilterLogEvents"),
        ("midwatch mcp", "resources"),
        ("config check unknown.toml", "unknown"),
        ("GET /v1/spaces/main/incidents/", MARKER),
        ("GET /v1/spaces/main/doctor", MARKER),
        ("GET /v1/spaces/main/inlets/grafana/deliveries/", MARKER),
        ("GET /metrics", "midwatch_inlet_deliveries"),
        ("GET /,", "<"),
        ("serve.log", "page and API at"),
        ("notices.jsonl", MARKER),
        ("calls.jsonl", "\"service\":\"logs\""),
        ("recorded/", MARKER),
        ("taken/", MARKER),
        ("midwatch-data/", MARKER),
        ("journal of", MARKER),
        ("kept delivery of", MARKER),
        ("what slack was sent", MARKER),
        ("what pagerduty was sent", MARKER),
        ("what issues was sent", MARKER),
        ("what webhook was sent", MARKER),
        ("what mail was sent", MARKER),
        ("what traces was sent", "midwatch"),
        ("a sign-in that failed", "401"),
    ] {
        let of: Vec<&Output> = all
            .iter()
            .filter(|one| one.name.starts_with(kind))
            .collect();
        if !of.iter().any(|one| one.has(text)) {
            let first = of
                .first()
                .map(|one| String::from_utf8_lossy(&one.bytes).into_owned());
            let first: String = first.unwrap_or_default().chars().take(600).collect();
            missing.push(format!("{text:?} in {} outputs {kind}: {first}", of.len()));
        }
    }
    for name in [
        "prometheus",
        "prometheus-basic",
        "loki",
        "alertmanager",
        "jaeger",
        "tempo",
        "statuspage",
        "github",
        "gitlab",
        "argocd",
        "kubernetes",
        "kubernetes-basic",
        "aws",
        "oidc",
        "slack",
        "pagerduty",
        "issues",
        "mail",
        "webhook",
        "traces",
    ] {
        if !stand.ends.was_shown(name) {
            missing.push(format!("{name} was never shown a credential"));
        }
    }
    // What each source told stands in what was recorded, so that what is not found there was struck, and not lost.
    let recorded: Vec<&Output> = all
        .iter()
        .filter(|one| one.name.starts_with("taken/") || one.name.starts_with("recorded/"))
        .collect();
    for name in [
        "prometheus",
        "loki",
        "jaeger",
        "tempo",
        "statuspage",
        "github",
        "gitlab",
        "argocd",
        "kubernetes",
        "aws",
    ] {
        let marker = format!("{MARKER}-{name}");
        if !recorded.iter().any(|one| one.has(&marker)) {
            missing.push(format!("nothing of what {name} told is recorded"));
        }
    }
    missing
}
