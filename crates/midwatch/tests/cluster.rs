//! Incidents of a public set, told twice: as that set's own files, read by its importer, and as the objects that an API
//! server would give, asked for by the connector over HTTP. Both tell of the same things, and the verdict is the same.
//!
//! One incident ships with the sources; with `MIDWATCH_DATA` (a folder that holds `opensre/`) all of the set are tried.
#![cfg(feature = "kubernetes")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use connectors::files::datasets::{self, Suite};
use connectors::files::{self, Case, Limits};
use connectors::kubernetes::{self, Access, Cluster, Settings, calls};
use connectors::pull::{Brought, Credential, Live as _, Means, Patience, Source};
use model::ports::{
    Chance, Clock, Eyes as _, LogSource as _, StateSource as _, TopologySource as _,
};
use model::time::Span;
use model::{EntityId, TimeWindow, Timestamp};
use serde_json::{Value, json};

struct Clocked(Timestamp);

impl Clock for Clocked {
    fn now(&self) -> Timestamp {
        self.0
    }
}

impl Patience for Clocked {
    fn wait(&self, _: Span) {}
}

impl Chance for Clocked {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), String> {
        bytes.fill(0);
        Ok(())
    }
}

/// Objects by resource, and the lines of pods.
struct Told {
    objects: Vec<(&'static str, Value)>,
    lines: BTreeMap<String, String>,
}

fn last(id: &EntityId) -> &str {
    id.as_str().rsplit('/').next().unwrap_or_default()
}

/// The set names everything without its namespace.
fn placed(id: &EntityId, namespace: &str) -> EntityId {
    let (kind, name) = id.as_str().split_once('/').unwrap_or(("", id.as_str()));
    match kind {
        "replicaset" => EntityId::from(format!("workload/{namespace}/{name}").as_str()),
        "pod" | "workload" | "quota" | "config" | "role" => {
            EntityId::from(format!("{kind}/{namespace}/{name}").as_str())
        }
        _ => id.clone(),
    }
}

fn namespace(case: &Case) -> String {
    let documents = case.snapshots.iter().flatten();
    let mut named = documents.filter_map(|s| s.document["namespace"].as_str());
    let scopes = case
        .topology
        .entities
        .iter()
        .map(|entity| entity.id.as_str());
    let mut scopes = scopes.filter_map(|id| id.strip_prefix("scope/"));
    named
        .next()
        .or_else(|| scopes.next())
        .unwrap_or("default")
        .to_string()
}

/// What an API server would give.
fn told(case: &Case) -> Told {
    let namespace = namespace(case);
    let mut objects = Vec::new();
    let mut workloads = BTreeSet::new();
    for snapshot in case.snapshots.iter().flatten() {
        let (name, document) = (last(&snapshot.entity), &snapshot.document);
        match snapshot.kind.as_str() {
            "kubernetes.pod" => {
                let (set, _) = name.rsplit_once('-').unwrap();
                let hash = set.rsplit('-').next().unwrap();
                let workload = set.strip_suffix(&format!("-{hash}")).unwrap_or(set);
                workloads.insert(workload.to_string());
                objects.push(("pods", json!({
                    "metadata": {
                        "name": name, "namespace": namespace, "deletionTimestamp": document["deletion_timestamp"],
                        "labels": {"app": workload, "pod-template-hash": hash},
                        "ownerReferences": [{"kind": "ReplicaSet", "name": set}],
                    },
                    "spec": {"nodeName": document["node_name"]},
                    "status": {
                        "phase": document["phase"], "startTime": document["start_time"], "conditions": document["conditions"],
                        "containerStatuses": document["containers"].as_array().into_iter().flatten().map(container).collect::<Vec<Value>>(),
                    },
                })));
            }
            "kubernetes.deployment" => {
                workloads.insert(name.to_string());
                objects.push(("deployments", json!({
                    "metadata": {"name": name, "namespace": namespace}, "spec": {"replicas": document["desired"]},
                    "status": {"readyReplicas": document["ready"], "availableReplicas": document["available"], "unavailableReplicas": document["unavailable"]},
                })));
            }
            "kubernetes.node" => {
                let condition =
                    |kind: &str, field: &str| json!({"type": kind, "status": document[field]});
                objects.push(("nodes", json!({"metadata": {"name": name}, "status": {"conditions": [
                    condition("Ready", "ready"), condition("MemoryPressure", "memory_pressure"),
                    condition("DiskPressure", "disk_pressure"), condition("PIDPressure", "pid_pressure"),
                ]}})));
            }
            _ => {}
        }
    }
    // The importer takes a service of the same name before each workload for granted.
    for name in &workloads {
        objects.push(("services", json!({"metadata": {"name": name, "namespace": namespace}, "spec": {"selector": {"app": name}}})));
    }
    for (at, event) in case.events.iter().flatten().enumerate() {
        let kind = match event.entity.as_str().split('/').next().unwrap() {
            "pod" => "Pod",
            "workload" => "Deployment",
            "replicaset" => "ReplicaSet",
            "host" => "Node",
            "quota" => "ResourceQuota",
            "service" => "Service",
            "config" => "ConfigMap",
            "scope" => "Namespace",
            other => panic!("an event of {other}"),
        };
        let warning = event
            .severity
            .is_some_and(|severity| severity >= model::Severity::Warn);
        objects.push(("events", json!({
            "metadata": {"name": format!("e{at}"), "namespace": namespace},
            "involvedObject": {"kind": kind, "name": last(&event.entity), "namespace": namespace},
            "reason": event.reason, "message": event.message, "count": event.count, "type": if warning { "Warning" } else { "Normal" },
            "firstTimestamp": event.first.to_string(), "lastTimestamp": event.last.to_string(),
        })));
    }
    let mut lines: BTreeMap<String, String> = BTreeMap::new();
    for log in case.logs.iter().flatten() {
        if let Some(pod) = log.entity.as_str().strip_prefix("pod/") {
            *lines.entry(pod.to_string()).or_default() +=
                &format!("{} {}\n", log.time, log.body.replace('\n', " "));
        }
    }
    Told { objects, lines }
}

/// A container's status in the long form.
fn container(short: &Value) -> Value {
    let state = &short["state"];
    let part = json!({
        "reason": state["reason"], "message": state["message"], "exitCode": state["exit_code"], "startedAt": state["started_at"],
    });
    let kind = ["running", "waiting", "terminated"]
        .into_iter()
        .find(|kind| state[*kind] == true)
        .unwrap_or("waiting");
    let mut long = json!({"name": short["name"], "ready": short["ready"], "restartCount": short["restart_count"], "state": {kind: part}});
    if short["restart_count"].as_u64().unwrap_or(0) > 0 && !state["exit_code"].is_null() {
        long["lastState"] = json!({"terminated": {"exitCode": state["exit_code"], "finishedAt": state["started_at"]}});
    }
    long
}

/// Serves them as lists, two objects a page.
fn serve(told: Told) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut seen = Vec::new();
            let mut buffer = [0; 4096];
            while !seen.windows(4).any(|four| four == b"\r\n\r\n") {
                match stream.read(&mut buffer) {
                    Ok(read) if read > 0 => seen.extend_from_slice(&buffer[..read]),
                    _ => break,
                }
            }
            let head = String::from_utf8_lossy(&seen).into_owned();
            let target = head.split(' ').nth(1).unwrap_or_default();
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            let from = query
                .split('&')
                .find_map(|pair| pair.strip_prefix("continue="))
                .map_or(0, |at| at.parse().unwrap());
            let body = if path == "/version" {
                json!({"gitVersion": "v1.34.1"}).to_string()
            } else if let Some(pod) = path.strip_suffix("/log") {
                told.lines
                    .get(pod.rsplit('/').next().unwrap())
                    .cloned()
                    .unwrap_or_default()
            } else {
                let call = calls::of(path).unwrap();
                let all: Vec<&Value> = told
                    .objects
                    .iter()
                    .filter(|(of, _)| *of == call.resource)
                    .map(|(_, object)| object)
                    .collect();
                let items: Vec<&Value> = all.iter().skip(from).take(2).copied().collect();
                let next = if from + 2 < all.len() {
                    (from + 2).to_string()
                } else {
                    String::new()
                };
                json!({"kind": format!("{}List", call.kind), "metadata": {"continue": next}, "items": items}).to_string()
            };
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    base
}

fn looked(case: &Case, told: Told) -> Brought {
    let base = serve(told);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kubeconfig");
    let config = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\nclusters: [{{name: c, cluster: {{server: '{base}'}}}}]\n\
         users: [{{name: u, user: {{}}}}]\ncontexts: [{{name: x, context: {{cluster: c, user: u}}}}]\n"
    );
    std::fs::write(&file, config).unwrap();
    let now = case.manifest.now;
    let means = Means {
        wire: Arc::new(
            Cluster::new(Access::Kubeconfig {
                file,
                context: None,
            })
            .unwrap(),
        ),
        patience: Arc::new(Clocked(now)),
        chance: Arc::new(Clocked(now)),
    };
    let source = Source::new(
        "kubernetes.a",
        &base,
        Credential::None,
        kubernetes::budget(),
        means,
    );
    let hull = TimeWindow::new(
        case.manifest.window.from(),
        case.manifest.window.to().min(now.plus(Span(1))),
    )
    .unwrap();
    kubernetes::Eyes::new(source, Settings::default()).look(hull, now)
}

/// The same case with what the cluster told in place of what the files did.
fn with(case: &Case, brought: &Brought) -> Case {
    let namespace = namespace(case);
    let mut other = case.clone();
    for alarm in &mut other.alarms {
        alarm.entity = placed(&alarm.entity, &namespace);
    }
    for log in other.logs.iter_mut().flatten() {
        log.entity = placed(&log.entity, &namespace);
    }
    if let Some(snapshots) = &mut other.snapshots {
        snapshots.retain(|snapshot| !snapshot.kind.starts_with("kubernetes."));
        for snapshot in snapshots.iter_mut() {
            snapshot.entity = placed(&snapshot.entity, &namespace);
        }
        snapshots.extend(brought.snapshots.clone());
    }
    other.events = case.events.as_ref().map(|_| brought.events.clone());
    for entity in &mut other.topology.entities {
        entity.id = placed(&entity.id, &namespace);
    }
    for edge in &mut other.topology.edges {
        edge.from = placed(&edge.from, &namespace);
        edge.to = placed(&edge.to, &namespace);
    }
    other.topology.join(brought.topology.clone());
    other.normalise();
    other
}

fn verdict(case: &Case) -> Vec<String> {
    let report = investigate::investigate(case, investigate::DEFAULT_BUDGET, &mut |_| {});
    let causes = report.causes.iter();
    causes
        .map(|cause| format!("{:?} {}", cause.mechanism, last(&cause.entity)))
        .collect()
}

fn compare(name: &str, case: &Case) {
    let brought = looked(case, told(case));
    assert!(
        brought
            .gaps
            .iter()
            .all(|gap| gap.wanted.starts_with("logs of")),
        "{name}: {:?}",
        brought.gaps
    );
    let events = |all: &[model::Event]| -> BTreeSet<String> {
        all.iter()
            .map(|e| {
                format!(
                    "{} {} {} {} {} {}",
                    last(&e.entity),
                    e.reason,
                    e.message,
                    e.first,
                    e.last,
                    e.count
                )
            })
            .collect()
    };
    assert_eq!(
        events(&brought.events),
        events(case.events.as_deref().unwrap_or_default()),
        "{name}"
    );
    let states = |all: &[model::StateSnapshot]| -> BTreeSet<String> {
        let ours = all
            .iter()
            .filter(|s| s.kind.starts_with("kubernetes.") && s.kind != "kubernetes.service");
        ours.map(|s| format!("{} {}", s.kind, last(&s.entity)))
            .collect()
    };
    assert_eq!(
        states(&brought.snapshots),
        states(case.snapshots.as_deref().unwrap_or_default()),
        "{name}"
    );
    assert_eq!(verdict(&with(case, &brought)), verdict(case), "{name}");
}

/// The incident that ships with the sources.
fn bundled() -> Case {
    let packed =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recordings/kubernetes-quota.tar.zst");
    let unpacked = store::archive::unpack(&packed, &store::archive::Limits::default()).unwrap();
    let recording =
        files::open(&store::archive::root(unpacked.path()), &Limits::default()).unwrap();
    let mut case = Case::new(recording.manifest().clone());
    let window = case.manifest.window;
    let wide = TimeWindow::new(
        window.from().minus(Span::minutes(100_000)),
        window.to().plus(Span(1)),
    )
    .unwrap();
    case.alarms = recording.alarms().to_vec();
    case.topology = recording.topology(wide).found().unwrap();
    case.snapshots = recording.snapshots(wide).found();
    case.events = recording.events(wide).found();
    let mut logs = Vec::new();
    let scanned = recording.scan(None, wide, &mut |line| {
        logs.push(model::case::OwnedLog {
            time: line.time,
            entity: line.entity.clone(),
            severity: line.severity,
            body: line.body.into(),
            attributes: line
                .attributes
                .iter()
                .map(|(n, v)| ((*n).into(), (*v).into()))
                .collect(),
            trace_id: line.trace_id.into(),
            span_id: line.span_id.into(),
            file: Arc::clone(line.file),
            line: line.line,
        });
        std::ops::ControlFlow::Continue(())
    });
    assert!(scanned.found().is_some());
    case.logs = Some(logs);
    case.normalise();
    case
}

#[test]
fn an_incident_of_a_public_set_is_the_same_when_a_cluster_is_asked() {
    compare("kubernetes-quota", &bundled());
    let Some(data) = std::env::var_os("MIDWATCH_DATA").map(PathBuf::from) else {
        return;
    };
    for of in datasets::cases(Suite::OpenSre, &data.join("opensre/eks")).unwrap() {
        compare(&of.id, &datasets::load(&of).unwrap().case);
    }
}

#[test]
fn the_diff_of_a_rollout_says_what_it_can_break() {
    use analysis::changes::{FailureKind, can_produce, read_change};
    let template = |memory: &str, pool: &str| {
        json!({"metadata": {"labels": {"app": "cart"}}, "spec": {"containers": [{
            "name": "cart", "image": "shop/cart:1.4.0",
            "env": [{"name": "LOG_FORMAT", "value": "json"}, {"name": "DB_MAX_CONNECTIONS", "value": pool}],
            "resources": {"limits": {"memory": memory, "cpu": "500m"}},
        }]}})
    };
    let set = |name: &str, revision: u64, made: &str, template: Value| {
        (
            "replicasets",
            json!({
                "metadata": {
                    "name": name, "namespace": "shop", "creationTimestamp": made,
                    "annotations": {"deployment.kubernetes.io/revision": revision.to_string()},
                    "ownerReferences": [{"kind": "Deployment", "name": "cart"}],
                },
                "spec": {"replicas": 1, "template": template},
            }),
        )
    };
    let objects = vec![
        set("cart-a", 1, "2026-04-17T10:00:00Z", template("512Mi", "40")),
        set("cart-b", 2, "2026-04-18T10:00:00Z", template("64Mi", "40")),
        set("cart-c", 3, "2026-04-18T10:10:00Z", template("64Mi", "4")),
    ];
    let told = Told {
        objects,
        lines: BTreeMap::new(),
    };
    let brought = looked(&bundled(), told);
    assert_eq!(brought.changes.len(), 3, "{:?}", brought.changes);
    let reading = |at: usize| {
        let change = &brought.changes[at];
        let files: Vec<&str> = change.files.iter().map(String::as_str).collect();
        read_change(&change.title, &files, change.diff.as_deref())
    };
    let able = |at: usize, kind: FailureKind| can_produce(&reading(at), kind).0;
    assert!(
        able(1, FailureKind::Restarts).max(able(1, FailureKind::Crash)) > 0.5,
        "{:?}",
        reading(1)
    );
    assert!(
        able(1, FailureKind::PoolExhaustion) < 0.3,
        "{:?}",
        reading(1)
    );
    assert!(
        able(2, FailureKind::PoolExhaustion) > 0.5,
        "{:?}",
        reading(2)
    );
    assert!(able(2, FailureKind::Restarts) < 0.3, "{:?}", reading(2));
}
