//! From the objects of a cluster to our words: states, events, entities and edges; what was rolled out is in
//! `rollouts`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use model::{EdgeKind, EntityId, EntityKind, Event, RawRef, Severity, StateSnapshot};
use serde_json::{Value, json};

use super::manifest;
use super::rollouts::Rollouts;
use crate::files::entities::Who;
use crate::files::gathered::{Gathered, moment_at, text_at};

/// A pod's owner: its deployment rather than the replica set between them.
fn owner(
    object: &Value,
    sets: &BTreeMap<(String, String), (String, String)>,
) -> Option<(String, String)> {
    let owners = object.get("metadata")?.get("ownerReferences")?.as_array()?;
    let first = owners.first()?;
    let kind = text_at(first, &["kind"]).to_string();
    let name = text_at(first, &["name"]).to_string();
    if kind == "ReplicaSet" {
        let namespace = text_at(object, &["metadata", "namespace"]).to_string();
        if let Some(known) = sets.get(&(namespace, name.clone())) {
            return Some(known.clone());
        }
        // A deployment names its replica sets after itself and the template's hash.
        let hash = text_at(object, &["metadata", "labels", "pod-template-hash"]);
        if let Some(stem) = name.strip_suffix(hash).and_then(|n| n.strip_suffix('-'))
            && !hash.is_empty()
        {
            return Some(("Deployment".into(), stem.into()));
        }
    }
    (!name.is_empty()).then_some((kind, name))
}

fn sort_of(kind: &str) -> EntityKind {
    match kind {
        "Pod" => EntityKind::Pod,
        "Node" => EntityKind::Host,
        "Service" | "Endpoints" => EntityKind::Service,
        "Deployment"
        | "StatefulSet"
        | "DaemonSet"
        | "ReplicaSet"
        | "ReplicationController"
        | "Job"
        | "CronJob"
        | "HorizontalPodAutoscaler" => EntityKind::Workload,
        "ConfigMap" | "Secret" => EntityKind::Config,
        "ServiceAccount" | "Role" | "ClusterRole" | "RoleBinding" | "ClusterRoleBinding" => {
            EntityKind::Role
        }
        "ResourceQuota" | "LimitRange" | "PodDisruptionBudget" => EntityKind::Quota,
        "Namespace" => EntityKind::Scope,
        "Ingress" | "Gateway" | "HTTPRoute" => EntityKind::Gateway,
        "PersistentVolumeClaim" | "PersistentVolume" => EntityKind::Table,
        _ => EntityKind::Unknown,
    }
}

/// The entity that an object is: `pod/shop/cart-7d4`, `host/node-1`. An autoscaler is the workload
/// that it scales.
pub(super) fn who(kind: &str, namespace: &str, name: &str) -> Who<'static> {
    let sort = sort_of(kind);
    let name = match sort {
        // OpenTelemetry names services without their namespace.
        EntityKind::Host | EntityKind::Service | EntityKind::Scope => name.to_string(),
        _ if namespace.is_empty() => name.to_string(),
        _ => format!("{namespace}/{name}"),
    };
    Who::Named(sort, Cow::Owned(name))
}

/// Takes over what objects tell: of all that belong together at once, since owners and selectors lie across them.
pub(crate) fn gather(mut objects: Vec<(Value, RawRef)>, gathered: &mut Gathered<'_>) {
    let mut rollouts = Rollouts::default();
    let mut slices = Slices::new();
    let mut sets = BTreeMap::new();
    let mut pods: Vec<(String, EntityId, Value)> = Vec::new();
    let mut selectors: Vec<(String, EntityId, Value)> = Vec::new();
    for (object, _) in &objects {
        if text_at(object, &["kind"]) == "ReplicaSet"
            && let Some(above) = owner(object, &BTreeMap::new())
        {
            let meta = |key| text_at(object, &["metadata", key]).to_string();
            sets.insert((meta("namespace"), meta("name")), above);
        }
    }
    for (object, raw) in objects.drain(..) {
        let kind = text_at(&object, &["kind"]).to_string();
        let namespace = text_at(&object, &["metadata", "namespace"]).to_string();
        let name = text_at(&object, &["metadata", "name"]).to_string();
        if kind == "Event" {
            rollouts.event(&object);
            event(&object, raw, gathered);
            continue;
        }
        if kind.is_empty() || name.is_empty() {
            continue;
        }
        rollouts.object(&kind, &object, &raw);
        if kind == "ControllerRevision" || is_retired(&kind, &object) {
            // What was, and is no more: it tells what was rolled out, and of nobody who could break.
            continue;
        }
        if kind == "EndpointSlice" {
            slices
                .entry(slice_of(&object, &namespace))
                .or_default()
                .push((object, raw));
            continue;
        }
        let subject = match text_at(&object, &["spec", "scaleTargetRef", "name"]) {
            "" => who(&kind, &namespace, &name),
            target => who(
                text_at(&object, &["spec", "scaleTargetRef", "kind"]),
                &namespace,
                target,
            ),
        };
        let id = gathered.directory.id(&subject);
        for label in [
            "version",
            "app.kubernetes.io/version",
            "topology.kubernetes.io/zone",
        ] {
            let value = text_at(&object, &["metadata", "labels", label]);
            gathered.directory.label(&id, label, value);
        }
        gathered
            .directory
            .label(&id, "k8s.namespace.name", &namespace);
        if let Some((above, owner)) = owner(&object, &sets) {
            let above = gathered.directory.id(&who(&above, &namespace, &owner));
            gathered
                .directory
                .edge(&above, &id, EdgeKind::ServedBy, "kubernetes");
        }
        match kind.as_str() {
            "Pod" => {
                pod(&object, &id, &namespace, gathered);
                let labels = object["metadata"]["labels"].clone();
                pods.push((namespace, id.clone(), labels));
            }
            "Service" => {
                let selector = object["spec"]["selector"].clone();
                selectors.push((namespace, id.clone(), selector));
            }
            _ => {}
        }
        gathered.snapshots.push(StateSnapshot {
            entity: id,
            time: gathered.taken(),
            kind: format!("kubernetes.{}", kind.to_ascii_lowercase()),
            document: without_secrets(&kind, object),
            raw,
        });
    }
    for ((namespace, service), parts) in slices {
        joined(&namespace, &service, parts, gathered);
    }
    rollouts.finish(gathered);
    for (namespace, service, selector) in &selectors {
        let Some(selector) = selector.as_object().filter(|s| !s.is_empty()) else {
            continue;
        };
        for (_, pod, labels) in pods.iter().filter(|(own, ..)| own == namespace) {
            if selector
                .iter()
                .all(|(key, value)| labels.get(key) == Some(value))
            {
                gathered
                    .directory
                    .edge(service, pod, EdgeKind::ServedBy, "kubernetes");
            }
        }
    }
}

/// Slices of addresses, by the namespace and the name of their service.
type Slices = BTreeMap<(String, String), Vec<(Value, RawRef)>>;

/// Whose addresses a slice holds; itself, if it does not say.
fn slice_of(object: &Value, namespace: &str) -> (String, String) {
    let service = text_at(
        object,
        &["metadata", "labels", "kubernetes.io/service-name"],
    );
    let service = match service {
        "" => text_at(object, &["metadata", "name"]),
        service => service,
    };
    (namespace.to_string(), service.to_string())
}

/// All addresses of one service: that one slice of several is empty says nothing.
fn joined(
    namespace: &str,
    service: &str,
    parts: Vec<(Value, RawRef)>,
    gathered: &mut Gathered<'_>,
) {
    let id = gathered.directory.id(&who("Service", namespace, service));
    let Some(raw) = parts.first().map(|(_, raw)| raw.clone()) else {
        return;
    };
    let mut endpoints = Vec::new();
    for (part, _) in parts {
        for endpoint in part["endpoints"].as_array().into_iter().flatten() {
            let target = |key| text_at(endpoint, &["targetRef", key]);
            if target("kind") == "Pod" && !target("name").is_empty() {
                let pod = gathered
                    .directory
                    .id(&who("Pod", namespace, target("name")));
                gathered
                    .directory
                    .edge(&id, &pod, EdgeKind::ServedBy, "kubernetes");
            }
            endpoints.push(endpoint.clone());
        }
    }
    gathered.snapshots.push(StateSnapshot {
        entity: id,
        time: gathered.taken(),
        kind: "kubernetes.endpointslice".to_string(),
        document: json!({ "endpoints": endpoints }),
        raw,
    });
}

/// Is it an earlier revision that a deployment keeps to go back to?
fn is_retired(kind: &str, object: &Value) -> bool {
    let count = |path: &str| object.pointer(path).and_then(Value::as_u64);
    let owner = object.pointer("/metadata/ownerReferences/0/kind");
    kind == "ReplicaSet"
        && owner.and_then(Value::as_str) == Some("Deployment")
        && count("/spec/replicas") == Some(0)
        && count("/status/replicas").unwrap_or(0) == 0
}

/// A copy of the whole object as it was ordered: it says everything a second time, a configuration's values too.
const ORDERED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The names of a secret's entries are state; what they hold is nobody's business. The same goes for variables that
/// are named like secrets.
fn without_secrets(kind: &str, mut object: Value) -> Value {
    if let Some(meta) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        meta.remove("managedFields");
        if let Some(notes) = meta.get_mut("annotations").and_then(Value::as_object_mut) {
            notes.remove(ORDERED);
        }
    }
    for path in ["/spec", "/spec/template/spec"] {
        if let Some(pod) = object.pointer_mut(path) {
            manifest::conceal(pod);
        }
    }
    if kind == "Secret" {
        for field in ["data", "stringData"] {
            if let Some(data) = object.get_mut(field).and_then(Value::as_object_mut) {
                for value in data.values_mut() {
                    *value = Value::from("(left out)");
                }
            }
        }
        if let Some(notes) = object.pointer_mut("/metadata/annotations") {
            *notes = Value::Null;
        }
    }
    object
}

fn pod(object: &Value, id: &EntityId, namespace: &str, gathered: &mut Gathered<'_>) {
    let node = text_at(object, &["spec", "nodeName"]);
    if !node.is_empty() {
        let host = gathered.directory.id(&who("Node", "", node));
        gathered
            .directory
            .edge(id, &host, EdgeKind::RunsOn, "kubernetes");
    }
    let account = text_at(object, &["spec", "serviceAccountName"]);
    if !account.is_empty() && account != "default" {
        let role = gathered
            .directory
            .id(&who("ServiceAccount", namespace, account));
        gathered
            .directory
            .edge(id, &role, EdgeKind::UsesRole, "kubernetes");
    }
    let mut configs = Vec::new();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    for container in list(&object["spec"]["containers"]) {
        for from in list(&container["envFrom"]) {
            configs.push(text_at(&from, &["configMapRef", "name"]).to_string());
            configs.push(text_at(&from, &["secretRef", "name"]).to_string());
        }
        for env in list(&container["env"]) {
            configs.push(text_at(&env, &["valueFrom", "configMapKeyRef", "name"]).to_string());
            configs.push(text_at(&env, &["valueFrom", "secretKeyRef", "name"]).to_string());
        }
    }
    for volume in list(&object["spec"]["volumes"]) {
        configs.push(text_at(&volume, &["configMap", "name"]).to_string());
        configs.push(text_at(&volume, &["secret", "secretName"]).to_string());
    }
    configs.retain(|name| !name.is_empty() && name != "kube-root-ca.crt");
    configs.sort();
    configs.dedup();
    for name in configs {
        let config = gathered.directory.id(&who("ConfigMap", namespace, &name));
        gathered
            .directory
            .edge(id, &config, EdgeKind::UsesConfig, "kubernetes");
    }
}

fn event(object: &Value, raw: RawRef, gathered: &mut Gathered<'_>) {
    let about = if object.get("regarding").is_some() {
        "regarding"
    } else {
        "involvedObject"
    };
    let part = |key: &str| text_at(object, &[about, key]).to_string();
    let (kind, name) = (part("kind"), part("name"));
    let times: Vec<_> = [
        &["firstTimestamp"][..],
        &["deprecatedFirstTimestamp"],
        &["eventTime"],
        &["lastTimestamp"],
        &["deprecatedLastTimestamp"],
        &["series", "lastObservedTime"],
        &["metadata", "creationTimestamp"],
    ]
    .iter()
    .filter_map(|path| moment_at(object, path))
    .collect();
    // An event without any time cannot be placed; the snapshot of its object still tells.
    let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) else {
        return;
    };
    let count = [
        &object["count"],
        &object["deprecatedCount"],
        &object["series"]["count"],
    ]
    .iter()
    .filter_map(|count| count.as_u64())
    .max();
    let message = match text_at(object, &["message"]) {
        "" => text_at(object, &["note"]),
        message => message,
    };
    gathered.events.push(Event {
        entity: gathered
            .directory
            .id(&who(&kind, &part("namespace"), &name)),
        first: *first,
        last: *last,
        source: "kubernetes".into(),
        reason: text_at(object, &["reason"]).into(),
        message: message.into(),
        severity: match text_at(object, &["type"]) {
            "Warning" => Some(Severity::Warn),
            "Normal" => Some(Severity::Info),
            _ => None,
        },
        count: count.unwrap_or(1).max(1),
        raw,
    });
}
