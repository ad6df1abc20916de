//! Whom an alarm is about, by its labels. The rule stands in `docs/inlets.md`.

use std::collections::BTreeMap;

use model::{EntityId, EntityKind};
use serde_json::Value;

use crate::files::aws::names;
use crate::files::entities::{Who, prefix};

/// The entity of alarms that say nothing of whom they are about.
pub const NOBODY: &str = "unknown";

/// Labels of one alarm.
const MOST: usize = 64;
/// Characters of a label's name and value.
const LONGEST: usize = 512;

/// What a label names, the most telling first. Names are compared in lower case with `_` for every `.` and `-`.
const NAMES: [(&str, EntityKind); 35] = [
    ("service_name", EntityKind::Service),
    ("service", EntityKind::Service),
    ("faas_name", EntityKind::Function),
    ("function", EntityKind::Function),
    ("function_name", EntityKind::Function),
    ("app_kubernetes_io_name", EntityKind::Service),
    ("label_app_kubernetes_io_name", EntityKind::Service),
    ("app", EntityKind::Service),
    ("database", EntityKind::Database),
    ("db", EntityKind::Database),
    ("table", EntityKind::Table),
    ("topic", EntityKind::Queue),
    ("queue", EntityKind::Queue),
    ("pod", EntityKind::Pod),
    ("pod_name", EntityKind::Pod),
    ("k8s_pod_name", EntityKind::Pod),
    ("deployment", EntityKind::Workload),
    ("k8s_deployment_name", EntityKind::Workload),
    ("statefulset", EntityKind::Workload),
    ("daemonset", EntityKind::Workload),
    ("job_name", EntityKind::Workload),
    ("cronjob", EntityKind::Workload),
    ("container_name", EntityKind::Container),
    ("container", EntityKind::Container),
    ("node", EntityKind::Host),
    ("k8s_node_name", EntityKind::Host),
    ("nodename", EntityKind::Host),
    ("host_name", EntityKind::Host),
    ("hostname", EntityKind::Host),
    ("host", EntityKind::Host),
    // Of whom process-exporter speaks: `namedprocess_namegroup_…` of a group of processes.
    ("groupname", EntityKind::Service),
    ("job", EntityKind::Service),
    ("instance", EntityKind::Host),
    ("namespace", EntityKind::Scope),
    ("cluster", EntityKind::Scope),
];

/// Jobs that watch something else: of their alarms the instance is the one that is meant.
const WATCHERS: [&str; 6] = [
    "exporter", "cadvisor", "kubelet", "blackbox", "node", "agent",
];

/// A label that names the entity as it is: `service/checkout`.
const OWN: &str = "midwatch_entity";

/// Labels as texts, few and short; values that are neither text nor number are left out.
pub fn of(object: Option<&Value>) -> BTreeMap<String, String> {
    let Some(Value::Object(object)) = object else {
        return BTreeMap::new();
    };
    let cut = |text: &str| text.chars().take(LONGEST).collect::<String>();
    object
        .iter()
        .filter_map(|(name, value)| match value {
            Value::String(text) => Some((cut(name), cut(text))),
            Value::Number(number) => Some((cut(name), number.to_string())),
            Value::Bool(yes) => Some((cut(name), yes.to_string())),
            _ => None,
        })
        .filter(|(_, value)| !value.is_empty())
        .take(MOST)
        .collect()
}

/// The entity that labels name; `None` if they name none.
pub fn entity(labels: &BTreeMap<String, String>) -> Option<EntityId> {
    let plain: BTreeMap<String, &str> = labels
        .iter()
        .map(|(name, value)| {
            (
                name.to_ascii_lowercase().replace(['.', '-', '/'], "_"),
                value.as_str(),
            )
        })
        .collect();
    if let Some(own) = plain.get(OWN) {
        return Some(EntityId::from(*own));
    }
    let watched = plain.contains_key("instance")
        && plain.get("job").is_some_and(|job| {
            let job = job.rsplit('/').next().unwrap_or(job);
            WATCHERS.iter().any(|word| {
                job == *word || (*word != "node" && *word != "agent" && job.contains(word))
            })
        });
    for (name, kind) in NAMES {
        let Some(value) = plain.get(name).filter(|value| !value.is_empty()) else {
            continue;
        };
        // A numbered keyspace is a part of a cache, not somebody.
        if name == "db" && is_keyspace(value) {
            continue;
        }
        // What a cluster's own scraper calls a service is the scraper when it speaks about others.
        if watched && matches!(name, "job" | "service" | "container" | "pod") {
            continue;
        }
        // What probes a URL asks as people do from outside: the URL's host is not a machine of ours.
        let kind = match kind {
            EntityKind::Host if value.contains("://") => EntityKind::Client,
            kind => kind,
        };
        return Some(named(kind, value, &plain));
    }
    // A cloud's own names for the same things: `FunctionName`, `TableName`.
    let known = labels.iter().filter(|(name, _)| names::telling(name));
    names::most_telling(known.map(|(name, value)| (name.as_str(), value.as_str())))
        .and_then(|who| id(&who))
}

fn named(kind: EntityKind, value: &str, plain: &BTreeMap<String, &str>) -> EntityId {
    let value = match kind {
        // An instance is an address: the machine is meant, whichever port was asked.
        EntityKind::Host | EntityKind::Client => without_port(value).to_string(),
        EntityKind::Pod | EntityKind::Workload => {
            match plain.get("namespace").or(plain.get("k8s_namespace_name")) {
                Some(namespace) if !value.contains('/') => format!("{namespace}/{value}"),
                _ => value.to_string(),
            }
        }
        // What runs in two regions can fail in one of them; telemetry names it so too.
        EntityKind::Service | EntityKind::Function => match plain.get("cloud_region") {
            Some(region) => format!("{region}/{value}"),
            None => value.to_string(),
        },
        _ => value.to_string(),
    };
    EntityId::from(format!("{}/{value}", prefix(kind)).as_str())
}

/// `db0`, `db15`, `0`.
fn is_keyspace(name: &str) -> bool {
    let number = name.strip_prefix("db").unwrap_or(name);
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// The host of an address or a URL: what probes others names by URL whom it probes.
fn without_port(address: &str) -> &str {
    let address = match address.split_once("://") {
        Some((_, rest)) => {
            let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
            host.rsplit_once('@').map_or(host, |(_, host)| host)
        }
        None => address,
    };
    match address.rsplit_once(':') {
        Some((host, port))
            if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            // An address of IPv6 has colons of its own, and brackets if a port follows.
            if host.contains(':') && !host.ends_with(']') {
                address
            } else {
                host
            }
        }
        _ => address,
    }
}

/// The id of one whom a cloud's words name.
pub(crate) fn id(who: &Who<'_>) -> Option<EntityId> {
    match who {
        Who::Named(kind, text) => {
            Some(EntityId::from(format!("{}/{text}", prefix(*kind)).as_str()))
        }
        Who::Id(text) => Some(EntityId::from(&**text)),
        Who::Met(id) => Some(id.clone()),
        Who::Nobody => None,
    }
}
