//! The orchestrator half of OpenSRE: pods, deployments, nodes, events, logs, monitors.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use model::telemetry::RawRef;
use model::{EdgeKind, EntityId, EntityKind, Event, Severity, Timestamp};
use serde_json::Value;

use super::super::json::{self, text};
use super::super::logline::unwrap_log;
use super::super::pods::service_of;
use super::super::{ImportError, read_json};
use super::Gathered;
use model::case::OwnedLog;

pub(super) fn read(
    all: &mut Gathered,
    open: &BTreeMap<&str, Vec<(usize, PathBuf)>>,
) -> Result<(), ImportError> {
    // Deployments come first: a pod's name tells its owner only among known ones.
    type Reader = fn(&mut Gathered, &Value);
    let readers: [(&str, Reader); 7] = [
        ("eks_deployments", deployments),
        ("eks_node_health", nodes),
        ("eks_pods", pods),
        ("eks_events", events),
        ("eks_pod_logs", pod_logs),
        ("datadog_logs", shipped_logs),
        ("datadog_monitors", monitors),
    ];
    for (source, reader) in readers {
        for (_, file) in open.get(source).into_iter().flatten() {
            reader(all, &read_json(file)?);
        }
    }
    Ok(())
}

fn rows<'a>(document: &'a Value, key: &str) -> &'a [Value] {
    let list = document[key].as_array().or_else(|| document.as_array());
    list.map(Vec::as_slice).unwrap_or_default()
}

fn raw(file: &str, line: u64) -> RawRef {
    RawRef {
        file: file.into(),
        line,
    }
}

fn workload(all: &mut Gathered, name: &str) -> EntityId {
    let known = all.deployments.contains(name);
    let id = all.entity("workload", name, EntityKind::Workload);
    if !known {
        all.deployments.insert(name.to_string());
        let service = all.entity("service", name, EntityKind::Service);
        all.edge(&service, &id, EdgeKind::ServedBy, "workload names");
    }
    id
}

/// The workload that a pod belongs to: the longest known name that its own begins with, or what the
/// orchestrator's rule for names leaves.
fn owner_of<'a>(all: &'a Gathered, pod: &'a str) -> &'a str {
    let known = all.deployments.iter().filter(|name| {
        let rest = pod.strip_prefix(name.as_str());
        rest.is_some_and(|rest| rest.starts_with('-'))
    });
    known
        .max_by_key(|name| name.len())
        .map_or_else(|| service_of(pod), String::as_str)
}

/// The entity of a pod, with the edge from its workload.
pub(super) fn place_pod(all: &mut Gathered, pod: &str, workload_name: Option<&str>) -> EntityId {
    let id = all.entity("pod", pod, EntityKind::Pod);
    let owner = workload_name.map_or_else(|| owner_of(all, pod).to_string(), str::to_string);
    if owner != pod {
        let owner = workload(all, &owner);
        all.edge(&owner, &id, EdgeKind::ServedBy, "eks_pods.json");
    }
    id
}

fn scope(all: &mut Gathered, of: &EntityId, namespace: &str) {
    if !namespace.is_empty() {
        let scope = all.entity("scope", namespace, EntityKind::Scope);
        all.edge(of, &scope, EdgeKind::PartOf, "namespaces");
    }
}

fn deployments(all: &mut Gathered, document: &Value) {
    for (line, row) in (1..).zip(rows(document, "deployments")) {
        let name = text(&row["name"]);
        if name.is_empty() {
            continue;
        }
        let id = workload(all, &name);
        scope(all, &id, &text(&row["namespace"]));
        all.snapshot(
            id,
            "kubernetes.deployment",
            row.clone(),
            raw("eks_deployments.json", line),
        );
    }
}

fn nodes(all: &mut Gathered, document: &Value) {
    for (line, row) in (1..).zip(rows(document, "nodes")) {
        let name = text(&row["name"]);
        if name.is_empty() {
            continue;
        }
        let id = all.entity("host", &name, EntityKind::Host);
        all.snapshot(
            id,
            "kubernetes.node",
            row.clone(),
            raw("eks_node_health.json", line),
        );
    }
}

fn pods(all: &mut Gathered, document: &Value) {
    for (line, row) in (1..).zip(rows(document, "pods")) {
        let name = text(&row["name"]);
        if name.is_empty() {
            continue;
        }
        let id = place_pod(all, &name, None);
        scope(all, &id, &text(&row["namespace"]));
        let node = text(&row["node_name"]);
        if !node.is_empty() {
            let host = all.entity("host", &node, EntityKind::Host);
            all.edge(&id, &host, EdgeKind::RunsOn, "eks_pods.json");
        }
        for container in row["containers"].as_array().into_iter().flatten() {
            if let Some(at) = json::time(&container["state"]["started_at"]) {
                all.seen(at);
            }
        }
        all.snapshot(
            id,
            "kubernetes.pod",
            row.clone(),
            raw("eks_pods.json", line),
        );
    }
}

/// The entity of an `involved_object` such as `Pod/cart-1`.
fn involved(all: &mut Gathered, object: &str) -> Option<EntityId> {
    let (kind, name) = object.split_once('/')?;
    if name.is_empty() {
        return None;
    }
    Some(match kind.to_ascii_lowercase().as_str() {
        "pod" => place_pod(all, name, None),
        "deployment" | "statefulset" | "daemonset" | "job" | "cronjob" => workload(all, name),
        "replicaset" => {
            let id = all.entity("replicaset", name, EntityKind::Workload);
            let owner = owner_of(all, name).to_string();
            let owner = match name.rsplit_once('-') {
                Some((head, _)) if owner == name => head.to_string(),
                _ => owner,
            };
            let owner = workload(all, &owner);
            all.edge(&owner, &id, EdgeKind::ServedBy, "eks_events.json");
            id
        }
        "node" => all.entity("host", name, EntityKind::Host),
        "resourcequota" | "limitrange" => all.entity("quota", name, EntityKind::Quota),
        "namespace" => all.entity("scope", name, EntityKind::Scope),
        "service" | "ingress" | "endpoints" => all.entity("service", name, EntityKind::Service),
        "configmap" | "secret" => all.entity("config", name, EntityKind::Config),
        "serviceaccount" | "role" | "rolebinding" => all.entity("role", name, EntityKind::Role),
        other => all.entity(other, name, EntityKind::Unknown),
    })
}

fn events(all: &mut Gathered, document: &Value) {
    let mut list: Vec<(&Value, bool)> = Vec::new();
    for (key, warning) in [
        ("warning_events", true),
        ("events", false),
        ("normal_events", false),
    ] {
        list.extend(
            document[key]
                .as_array()
                .into_iter()
                .flatten()
                .map(|row| (row, warning)),
        );
    }
    for (line, (row, warning)) in (1..).zip(list) {
        let object = text(&row["involved_object"]);
        let namespace = text(&row["namespace"]);
        let first = ["first_time", "first_timestamp", "last_time", "timestamp"]
            .iter()
            .find_map(|name| json::time(&row[*name]));
        let Some(first) = first else { continue };
        let last = json::time(&row["last_time"]).unwrap_or(first).max(first);
        let Some(entity) = involved(all, &object) else {
            continue;
        };
        scope(all, &entity, &namespace);
        if entity.as_str().starts_with("quota/") && !namespace.is_empty() {
            // Whatever lies in the namespace is bound by its quota.
            let space = all.entity("scope", &namespace, EntityKind::Scope);
            all.edge(&space, &entity, EdgeKind::BoundBy, "eks_events.json");
            for name in all.deployments.clone() {
                let bound = all.entity("workload", &name, EntityKind::Workload);
                all.edge(&bound, &entity, EdgeKind::BoundBy, "eks_events.json");
            }
        }
        all.seen(last);
        let graded = text(&row["type"]);
        all.events.push(Event {
            entity,
            first,
            last,
            source: "kubernetes".to_string(),
            reason: text(&row["reason"]),
            message: text(&row["message"]),
            severity: Severity::parse(&graded).or(warning.then_some(Severity::Warn)),
            count: row["count"].as_u64().unwrap_or(1).max(1),
            raw: raw("eks_events.json", line),
        });
    }
}

fn pod_logs(all: &mut Gathered, document: &Value) {
    let many = document["pods"].as_array().or_else(|| document.as_array());
    let one = std::slice::from_ref(document);
    let file: Arc<str> = "eks_pod_logs.json".into();
    let mut line = 0;
    for row in many.map(Vec::as_slice).unwrap_or(one) {
        let pod = text(&row["pod_name"]);
        if pod.is_empty() {
            continue;
        }
        let entity = place_pod(all, &pod, None);
        let lines: Vec<String> = match &row["logs"] {
            Value::Array(lines) => lines.iter().map(text).collect(),
            other => text(other).lines().map(str::to_string).collect(),
        };
        let mut at: Option<Timestamp> = None;
        let mut untimed = Vec::new();
        for said in lines {
            line += 1;
            let (head, rest) = said.split_once(' ').unwrap_or((said.as_str(), ""));
            let own = head.parse::<Timestamp>().ok();
            let body = if own.is_some() { rest } else { said.as_str() };
            if own.is_some() {
                at = own;
                all.seen(own.unwrap_or_default());
            }
            let read = unwrap_log(body);
            let log = OwnedLog {
                // A line without a clock of its own follows the one before it.
                time: at.unwrap_or_default(),
                entity: entity.clone(),
                severity: read.severity,
                body: read.body.into(),
                attributes: read.attributes,
                trace_id: "".into(),
                span_id: "".into(),
                file: Arc::clone(&file),
                line,
            };
            if at.is_some() {
                all.logs.push(log);
            } else {
                untimed.push(log);
            }
        }
        let first = all
            .logs
            .iter()
            .filter(|log| log.entity == entity)
            .map(|log| log.time)
            .min();
        let first = first.or(all.latest);
        for mut log in untimed {
            if let Some(first) = first {
                log.time = first;
                all.logs.push(log);
            }
        }
    }
}

fn shipped_logs(all: &mut Gathered, document: &Value) {
    let file: Arc<str> = "datadog_logs.json".into();
    for (line, row) in (1..).zip(rows(document, "logs")) {
        let Some(time) = json::time(&row["timestamp"]) else {
            continue;
        };
        let (service, host) = (text(&row["service"]), text(&row["host"]));
        let is_pod = all
            .entities
            .contains_key(&EntityId::new(format!("pod/{host}")))
            || all.deployments.iter().any(|name| {
                host.strip_prefix(name.as_str())
                    .is_some_and(|rest| rest.starts_with('-'))
            });
        let entity = if is_pod {
            place_pod(all, &host, None)
        } else if !service.is_empty() {
            all.entity("service", &service, super::super::kind_from_name(&service))
        } else if !host.is_empty() {
            all.entity("host", &host, EntityKind::Host)
        } else {
            continue;
        };
        all.seen(time);
        let mut attributes: Vec<(Box<str>, Box<str>)> = Vec::new();
        for (name, value) in [("host", &host), ("service", &service)] {
            if !value.is_empty() {
                attributes.push((name.into(), value.as_str().into()));
            }
        }
        let tags = super::words(&row["tags"]).join(",");
        if !tags.is_empty() {
            attributes.push(("tags".into(), tags.into()));
        }
        all.logs.push(OwnedLog {
            time,
            entity,
            severity: Severity::parse(&text(&row["status"])),
            body: text(&row["message"]).into(),
            attributes,
            trace_id: "".into(),
            span_id: "".into(),
            file: Arc::clone(&file),
            line,
        });
    }
}

fn monitors(all: &mut Gathered, document: &Value) {
    for (line, row) in (1..).zip(rows(document, "monitors")) {
        let tags = super::words(&row["tags"]);
        let tag = |name: &str| {
            let found = tags
                .iter()
                .find_map(|tag| tag.strip_prefix(name)?.strip_prefix(':'));
            found.map(str::to_string).filter(|value| !value.is_empty())
        };
        let entity = if let Some(pod) = tag("kube_pod") {
            place_pod(all, &pod, None)
        } else if let Some(quota) = tag("resource_quota") {
            all.entity("quota", &quota, EntityKind::Quota)
        } else if let Some(name) = tag("kube_deployment") {
            workload(all, &name)
        } else if let Some(host) = tag("host") {
            all.entity("host", &host, EntityKind::Host)
        } else if let Some(service) = tag("service") {
            all.entity("service", &service, super::super::kind_from_name(&service))
        } else if let Some(space) = tag("kube_namespace") {
            all.entity("scope", &space, EntityKind::Scope)
        } else {
            continue;
        };
        all.snapshot(
            entity,
            "monitor",
            row.clone(),
            raw("datadog_monitors.json", line),
        );
    }
}
