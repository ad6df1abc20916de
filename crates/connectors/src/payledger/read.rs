//! From the control plane's answers to our words. Answers are not trusted: what is missing or odd is left out.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::plan::Condition;
use model::telemetry::RawRef;
use model::time::Timestamp;
use model::topology::{Edge, Topology};
use model::{Change, ChangeKind, EdgeKind, Entity, EntityId, EntityKind, StateSnapshot};
use serde_json::{Value, json};

/// How an answer becomes state documents.
pub(super) type Documents = fn(&Value, Timestamp) -> Vec<StateSnapshot>;

/// The entity that the control plane calls `front/REGION/api`, as telemetry of it is called.
pub(super) fn entity(theirs: &str) -> EntityId {
    let Some((kind, rest)) = theirs.split_once('/') else {
        return EntityId::new(theirs);
    };
    let prefix = match kind {
        "function" | "role" => kind,
        "certificate" => "config",
        "provider" => "external",
        // Everything that sends telemetry as a service.
        _ => "service",
    };
    // Telemetry names what belongs to no region by its short name alone.
    EntityId::new(format!("{prefix}/{rest}"))
}

fn kind(theirs: &str) -> EntityKind {
    match theirs {
        "router" | "front" => EntityKind::Gateway,
        "function" => EntityKind::Function,
        "host" => EntityKind::Host,
        "table" => EntityKind::Table,
        "role" => EntityKind::Role,
        "provider" => EntityKind::External,
        "certificate" => EntityKind::Config,
        _ => EntityKind::Unknown,
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn items<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}

/// `GET /topology`.
pub(super) fn topology(answer: &Value) -> Topology {
    let mut topology = Topology::default();
    for theirs in items(answer, "entities") {
        let id = text(theirs, "id");
        if id.is_empty() {
            continue;
        }
        let mut labels = BTreeMap::new();
        for (label, field) in [
            ("cloud.region", "region"),
            ("service.version", "version"),
            ("arn", "arn"),
        ] {
            let value = text(theirs, field);
            if !value.is_empty() {
                labels.insert(label.to_string(), value.to_string());
            }
        }
        let region = text(theirs, "region");
        let name = text(theirs, "name");
        topology.entities.push(Entity {
            id: entity(id),
            kind: kind(text(theirs, "kind")),
            name: if region.is_empty() {
                name.to_string()
            } else {
                format!("{name} in {region}")
            },
            labels,
        });
    }
    for theirs in items(answer, "edges") {
        let kind = match text(theirs, "kind") {
            "calls" => EdgeKind::Calls,
            "runs_on" => EdgeKind::RunsOn,
            "uses_role" => EdgeKind::UsesRole,
            "uses_config" => EdgeKind::UsesConfig,
            "bound_by" => EdgeKind::BoundBy,
            "part_of" => EdgeKind::PartOf,
            "replicates_from" => EdgeKind::ReplicatesFrom,
            _ => continue,
        };
        let (from, to) = (text(theirs, "from"), text(theirs, "to"));
        if !from.is_empty() && !to.is_empty() {
            topology.edges.push(Edge {
                from: entity(from),
                to: entity(to),
                kind,
                confidence: 1.0,
                calls_per_request: None,
                seen_in: "the control plane's topology".to_string(),
            });
        }
    }
    topology.normalise();
    topology
}

/// `GET /audit`: how many records there are.
pub(super) fn records(answer: &Value) -> usize {
    items(answer, "Records").count()
}

/// `GET /audit`. `artifact` fetches the build that a deploy put out.
pub(super) fn changes(
    answer: &Value,
    artifact: &mut dyn FnMut(&str, &str) -> Option<Value>,
) -> Vec<Change> {
    let file: Arc<str> = Arc::from("audit");
    let mut out: Vec<Change> = Vec::new();
    for (index, record) in items(answer, "Records").enumerate() {
        let (id, name) = (text(record, "eventID"), text(record, "eventName"));
        let Ok(at) = text(record, "eventTime").parse::<Timestamp>() else {
            continue;
        };
        if id.is_empty() || record["readOnly"] == Value::Bool(true) {
            continue;
        }
        let before = &record["additionalEventData"]["before"];
        let after = &record["requestParameters"];
        let entities: Vec<EntityId> = items(record, "resources")
            .map(|resource| text(resource, "entity"))
            .filter(|entity| !entity.is_empty())
            .map(self::entity)
            .collect();
        let short = entities.first().map_or(String::new(), |id| {
            id.as_str()
                .split_once('/')
                .map_or("", |(_, r)| r)
                .to_string()
        });
        let mut change = Change {
            id: id.to_string(),
            kind: change_kind(name, after),
            start: at,
            end: at,
            entities,
            actor: text(&record["userIdentity"], "userName").to_string(),
            title: format!("{name} {short}"),
            files: Vec::new(),
            diff: Some(diff(&short, before, after)).filter(|diff| !diff.is_empty()),
            version: text(after, "version").to_string(),
            carries: Vec::new(),
            undone: None,
            raw: RawRef {
                file: Arc::clone(&file),
                line: index as u64 + 1,
            },
        };
        if change.kind == ChangeKind::Deploy
            && let Some(build) = artifact(text(after, "functionName"), text(after, "version"))
        {
            let said = text(&build, "title");
            if !said.is_empty() {
                change.title = format!("{}: {said}", change.title);
            }
            let lines = text(&build, "diff");
            if !lines.is_empty() {
                change.diff = Some(lines.to_string());
                change.files = files(lines);
            }
        }
        out.push(change);
    }
    mark_undone(answer, &mut out);
    out
}

/// A change was undone by the first later one on the same entity that puts every setting back to what it was before.
fn mark_undone(answer: &Value, changes: &mut [Change]) {
    let records: Vec<&Value> = items(answer, "Records").collect();
    for change in changes {
        let Some(place) = records.iter().position(|r| text(r, "eventID") == change.id) else {
            continue;
        };
        let before = flat(&records[place]["additionalEventData"]["before"]);
        if before.is_empty() {
            continue;
        }
        change.undone = records[place + 1..]
            .iter()
            .filter(|later| later["resources"] == records[place]["resources"])
            .find(|later| flat(&later["requestParameters"]) == before)
            .and_then(|later| text(later, "eventTime").parse().ok());
    }
}

fn change_kind(name: &str, parameters: &Value) -> ChangeKind {
    match name {
        "UpdateFunctionConfiguration" if !parameters["role"].is_null() => ChangeKind::Permission,
        "UpdateFunctionConfiguration" => ChangeKind::Config,
        "PutFunctionConcurrency" | "DeleteFunctionConcurrency" | "UpdateStage" => {
            ChangeKind::Config
        }
        "UpdateFunctionCode" => ChangeKind::Deploy,
        "UpdateTable" if parameters["provisionedThroughput"].is_object() => ChangeKind::Scaling,
        "UpdateTable" => ChangeKind::Migration,
        "RenewCertificate" => ChangeKind::Certificate,
        "SetRecordAside" | "PutRecordBack" | "RestartFunction" | "RestartReplication" => {
            ChangeKind::Maintenance
        }
        _ => ChangeKind::Infrastructure,
    }
}

/// What was so before and after, as the lines of a diff; settings that stayed are left out.
fn diff(name: &str, before: &Value, after: &Value) -> String {
    let (before, after) = (flat(before), flat(after));
    let mut lines = String::new();
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for setting in names {
        let (old, new) = (before.get(setting), after.get(setting));
        if old == new {
            continue;
        }
        for (sign, value) in [('-', old), ('+', new)] {
            if let Some(value) = value {
                lines += &format!("{sign}{setting}: {value}\n");
            }
        }
    }
    if lines.is_empty() {
        lines
    } else {
        format!("@@ {name}\n{lines}")
    }
}

/// Dotted paths to texts; `functionName` and its like say whom, not what.
pub(super) fn flat(value: &Value) -> BTreeMap<String, String> {
    fn walk(path: &str, value: &Value, out: &mut BTreeMap<String, String>) {
        match value {
            Value::Null => {}
            Value::Object(fields) => {
                for (name, value) in fields {
                    let path = if path.is_empty() {
                        name.clone()
                    } else {
                        format!("{path}.{name}")
                    };
                    walk(&path, value, out);
                }
            }
            Value::Array(values) if values.iter().all(Value::is_string) => {
                for value in values {
                    let text = value.as_str().unwrap_or_default();
                    out.insert(format!("{path}.{text}"), "present".to_string());
                }
            }
            Value::String(text) => {
                out.insert(path.to_string(), text.replace('\n', " "));
            }
            other => {
                out.insert(path.to_string(), other.to_string());
            }
        }
    }
    let mut out = BTreeMap::new();
    walk("", value, &mut out);
    out.retain(|name, _| {
        !["functionName", "tableName", "restApiId", "name"].contains(&name.as_str())
    });
    out
}

/// The paths that a diff touches.
fn files(diff: &str) -> Vec<String> {
    diff.lines()
        .filter_map(|line| {
            line.strip_prefix("+++ b/")
                .or_else(|| line.strip_prefix("+++ "))
        })
        .map(str::to_string)
        .collect()
}

fn snapshot(of: &str, kind: &str, document: Value, now: Timestamp) -> StateSnapshot {
    StateSnapshot {
        entity: entity(of),
        time: now,
        kind: kind.to_string(),
        document,
        raw: RawRef::default(),
    }
}

/// `GET /functions`. Values of variables are not taken along: names are enough, and values may be secrets.
pub(super) fn functions(answer: &Value, now: Timestamp) -> Vec<StateSnapshot> {
    items(answer, "functions")
        .filter(|function| !text(function, "entity").is_empty())
        .map(|function| {
            let mut document = function.clone();
            if let Some(fields) = document.as_object_mut() {
                if let Some(variables) =
                    fields.get_mut("environment").and_then(Value::as_object_mut)
                {
                    for value in variables.values_mut() {
                        *value = Value::String("set".to_string());
                    }
                }
                // Which builds exist says nothing about how things are set.
                fields.retain(|name, _| {
                    !["build", "versions", "generation"].contains(&name.as_str())
                });
                if let Some(limit) = fields.remove("reservedConcurrentExecutions") {
                    fields.insert("ReservedConcurrentExecutions".to_string(), limit);
                }
            }
            snapshot(
                text(function, "entity"),
                "function.configuration",
                document,
                now,
            )
        })
        .collect()
}

/// `GET /certificates`.
pub(super) fn certificates(answer: &Value, now: Timestamp) -> Vec<StateSnapshot> {
    items(answer, "certificates")
        .filter(|certificate| !text(certificate, "entity").is_empty())
        .map(|certificate| {
            snapshot(
                text(certificate, "entity"),
                "certificate",
                certificate.clone(),
                now,
            )
        })
        .collect()
}

/// `GET /state`: the tables in it.
pub(super) fn tables(answer: &Value, now: Timestamp) -> Vec<StateSnapshot> {
    answer["regions"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, region)| region["table"].is_object())
        .map(|(name, region)| {
            snapshot(
                &format!("table/{name}/ledger"),
                "table.configuration",
                region["table"].clone(),
                now,
            )
        })
        .collect()
}

/// The router, as the control plane calls it.
const ROUTER: &str = "router/router";

/// The router sends requests to the primary region.
pub(super) fn primary_serves() -> Condition {
    Condition::State {
        entity: entity(ROUTER),
        kind: "router".to_string(),
        path: "mode".to_string(),
        equals: Value::String("primary".to_string()),
    }
}

/// `GET /state` of the router.
pub(super) fn router(answer: Value, now: Timestamp) -> StateSnapshot {
    let document = if answer.is_object() {
        answer
    } else {
        json!({})
    };
    snapshot(ROUTER, "router", document, now)
}
