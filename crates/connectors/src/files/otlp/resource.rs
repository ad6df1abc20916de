//! Whom a resource is about. The rule stands in `docs/recordings.md`: the first of these attributes
//! that is there names the entity; the others become labels and edges.

use std::borrow::Cow;

use model::{EdgeKind, EntityId, EntityKind};

use super::{Fields, Walk, value};
use crate::files::entities::{Directory, Who};
use crate::files::json::{Json, JsonError};

/// Attributes that tell copies of one entity apart; they are kept with every row.
const COPIES: [&str; 5] = [
    "service.instance.id",
    "k8s.pod.name",
    "k8s.container.name",
    "host.name",
    "service.version",
];

/// Attributes by which affected entities can be compared with others; they become labels.
const LABELS: [&str; 9] = [
    "service.version",
    "service.namespace",
    "k8s.namespace.name",
    "k8s.cluster.name",
    "cloud.availability_zone",
    "cloud.region",
    "cloud.account.id",
    "deployment.environment",
    "deployment.environment.name",
];

/// One resource of a request.
pub(crate) struct Resource<'a> {
    pub who: Who<'a>,
    /// The same, as the directory that it was introduced to knows it: looked up once, not once a row.
    pub id: EntityId,
    /// What tells this copy apart.
    pub copy: Fields<'a>,
}

fn get<'f>(fields: &'f Fields<'_>, name: &str) -> Option<&'f str> {
    fields
        .iter()
        .find(|(known, value)| known == name && !value.is_empty())
        .map(|(_, value)| &**value)
}

fn in_namespace(fields: &Fields<'_>, name: &str) -> String {
    match get(fields, "k8s.namespace.name") {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.to_string(),
    }
}

/// The one that a resource's attributes are about.
pub(crate) fn identity<'a>(fields: &Fields<'a>) -> Who<'a> {
    let named = |kind, name: &str| Who::Named(kind, Cow::Owned(name.to_string()));
    // What runs in two regions can fail in one of them: they are two entities.
    let regional = |kind, name: &str| match get(fields, "cloud.region") {
        Some(region) => named(kind, &format!("{region}/{name}")),
        None => named(kind, name),
    };
    let function = get(fields, "faas.name");
    if let Some(name) = get(fields, "service.name")
        && !name.starts_with("unknown_service")
        && function.is_none_or(|function| function != name)
    {
        return regional(EntityKind::Service, name);
    }
    if let Some(name) = function {
        return regional(EntityKind::Function, name);
    }
    if let Some(name) = get(fields, "k8s.pod.name") {
        return named(EntityKind::Pod, &in_namespace(fields, name));
    }
    for workload in [
        "k8s.deployment.name",
        "k8s.statefulset.name",
        "k8s.daemonset.name",
        "k8s.job.name",
        "k8s.cronjob.name",
    ] {
        if let Some(name) = get(fields, workload) {
            return named(EntityKind::Workload, &in_namespace(fields, name));
        }
    }
    for (attribute, kind) in [
        ("container.name", EntityKind::Container),
        ("container.id", EntityKind::Container),
        ("k8s.node.name", EntityKind::Host),
        ("host.name", EntityKind::Host),
        ("host.id", EntityKind::Host),
        ("cloud.resource_id", EntityKind::Unknown),
        ("k8s.namespace.name", EntityKind::Scope),
        ("k8s.cluster.name", EntityKind::Scope),
        ("service.name", EntityKind::Service),
    ] {
        if let Some(name) = get(fields, attribute) {
            return named(kind, name);
        }
    }
    Who::Nobody
}

/// Notes labels, and the edges that a resource tells of: a service is served by its pods, a pod runs
/// on its node.
fn introduce(fields: &Fields<'_>, who: &Who<'_>, directory: &mut Directory) -> EntityId {
    let id = directory.id(who);
    for label in LABELS {
        if let Some(value) = get(fields, label) {
            directory.label(&id, label, value);
        }
    }
    let host = get(fields, "k8s.node.name").or_else(|| get(fields, "host.name"));
    let host = host.map(|name| directory.id(&Who::Named(EntityKind::Host, name.into())));
    let pod = get(fields, "k8s.pod.name").map(|name| {
        let name = in_namespace(fields, name);
        directory.id(&Who::Named(EntityKind::Pod, name.into()))
    });
    if let Some(pod) = &pod {
        directory.edge(&id, pod, EdgeKind::ServedBy, "resource");
        // Inside of a pod `host.name` is the pod's own name, unless the node is named too.
        if let Some(host) = &host
            && get(fields, "k8s.node.name").is_some()
        {
            directory.edge(pod, host, EdgeKind::RunsOn, "resource");
        }
    } else if let Some(host) = &host {
        directory.edge(&id, host, EdgeKind::RunsOn, "resource");
    }
    id
}

/// Reads the scopes of a resource.
pub(super) type Scope =
    for<'a> fn(&mut Json<'a>, &Resource<'a>, &mut Walk<'_>) -> Result<(), JsonError>;

/// Reads one `resourceMetrics`, `resourceLogs` or `resourceSpans`.
pub(super) fn each<'a>(
    json: &mut Json<'a>,
    walk: &mut Walk<'_>,
    scope: Scope,
) -> Result<(), JsonError> {
    let mut known = None;
    // Scopes that stand before their resource wait for it.
    let mut waiting: Vec<Json<'a>> = Vec::new();
    json.object(|json, key| {
        if key == "resource" {
            let mut fields = Fields::new();
            json.object_or_null(|json, key| match &*key {
                "attributes" => value::attributes(json, &mut fields),
                _ => json.skip(),
            })?;
            known = Some(resource(fields, walk.sink.directory()));
            return Ok(());
        }
        if !key.starts_with("scope") && !key.starts_with("instrumentation") || key.ends_with("rl") {
            return json.skip();
        }
        match &known {
            Some(known) => json.array_or_null(|json| scope(json, known, walk)),
            None => {
                waiting.push(json.here());
                json.skip()
            }
        }
    })?;
    let known = known.unwrap_or_else(|| resource(Fields::new(), walk.sink.directory()));
    for mut json in waiting {
        json.array_or_null(|json| scope(json, &known, walk))?;
    }
    Ok(())
}

/// The one that a resource is about, introduced to the directory.
pub(crate) fn resource<'a>(fields: Fields<'a>, directory: &mut Directory) -> Resource<'a> {
    let who = identity(&fields);
    let id = introduce(&fields, &who, directory);
    let mut copy = fields;
    copy.retain(|(name, value)| COPIES.contains(&&**name) && !value.is_empty());
    Resource { who, id, copy }
}
