//! The scene as a cluster's API server tells it: what runs, and what was rolled out, where those who host the code do not
//! know.

use connectors::kubernetes::calls;
use model::Timestamp;
use model::time::MINUTE;
use serde_json::{Value, json};

use super::doubles::unknown;
use super::scene::{Application, Scene};
use super::wire::{Asked, Reply, Trouble, beside};

/// A kubeconfig that leads there.
pub fn kubeconfig(server: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "shop",
        "clusters": [{"name": "shop", "cluster": {"server": server}}],
        "users": [{"name": "midwatch", "user": {"token": "of-nobody"}}],
        "contexts": [{"name": "shop", "context": {"cluster": "shop", "user": "midwatch"}}],
    })
    .to_string()
}

/// Lists, two objects a page.
pub fn kubernetes(scene: &Scene, asked: &Asked, trouble: Trouble) -> Reply {
    if asked.path == "/version" {
        return Reply::json(&json!({"gitVersion": "v1.34.1"}));
    }
    let Some(call) = calls::of(&asked.path).filter(|call| call.verb == "list") else {
        return unknown();
    };
    let objects = scene
        .applications
        .iter()
        .flat_map(|one| objects(one, scene, beside(trouble)));
    let all: Vec<Value> = objects
        .filter(|(resource, _)| *resource == call.resource)
        .map(|(_, object)| object)
        .collect();
    let from = match trouble {
        Trouble::SamePage => 0,
        _ => asked.field("continue").parse().unwrap_or(0),
    };
    let (items, next) = match trouble {
        Trouble::EmptyPages => (Vec::new(), from + 2),
        _ => {
            let next = if from + 2 < all.len() { from + 2 } else { 0 };
            (all.into_iter().skip(from).take(2).collect(), next)
        }
    };
    let next = match (trouble, next) {
        (Trouble::SamePage, _) => "2".to_string(),
        (_, 0) => String::new(),
        (_, next) => next.to_string(),
    };
    Reply::json(&json!({
        "kind": format!("{}List", call.kind), "apiVersion": "v1", "metadata": {"continue": next}, "items": items,
    }))
}

/// What is there of one service, by resource.
fn objects(one: &Application, scene: &Scene, beside: i64) -> Vec<(&'static str, Value)> {
    let service = format!("{}service", one.name);
    let at = |moment: i64| Timestamp(moment + beside).to_string();
    let meta = |name: &str, made: i64, more: Value| {
        let mut meta = json!({"name": name, "namespace": "shop", "creationTimestamp": at(made)});
        for (key, value) in more.as_object().into_iter().flatten() {
            meta[key] = value.clone();
        }
        meta
    };
    let long_ago = scene.alarmed.0 - 30 * 60 * MINUTE;
    // What ran before the first rollout that is told of.
    let first = (long_ago, "0".repeat(40));
    let rollouts = one.deployments.iter().map(|one| (one.at, one.sha.clone()));
    let rollouts: Vec<(i64, String)> = std::iter::once(first).chain(rollouts).collect();
    let newest = rollouts.len() - 1;
    let mut objects = vec![
        (
            "services",
            json!({"metadata": meta(&service, long_ago, json!({})), "spec": {"selector": {"app": service}}}),
        ),
        (
            "deployments",
            json!({
                "metadata": meta(&service, long_ago, json!({})), "spec": {"replicas": 1},
                "status": {"replicas": 1, "readyReplicas": 1, "availableReplicas": 1, "updatedReplicas": 1},
            }),
        ),
    ];
    for (revision, (moment, sha)) in rollouts.iter().enumerate() {
        let name = format!("{service}-{revision}");
        let labels = json!({"app": service, "pod-template-hash": revision.to_string()});
        let copies = u8::from(revision == newest);
        objects.push((
            "replicasets",
            json!({
                "metadata": meta(&name, *moment, json!({
                    "annotations": {"deployment.kubernetes.io/revision": (revision + 1).to_string()},
                    "ownerReferences": [{"kind": "Deployment", "name": service}],
                })),
                "spec": {"replicas": copies, "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [{"name": "main", "image": format!("shop/{}:{sha}", one.name)}]},
                }},
                "status": {"replicas": copies},
            }),
        ));
        if revision == newest {
            objects.push((
                "pods",
                json!({
                    "metadata": meta(&format!("{name}-x"), *moment, json!({
                        "labels": labels, "ownerReferences": [{"kind": "ReplicaSet", "name": name}],
                    })),
                    "spec": {"nodeName": "node-1", "containers": [{"name": "main"}]},
                    "status": {"phase": "Running", "startTime": at(*moment), "containerStatuses": [{
                        "name": "main", "ready": true, "restartCount": 0, "state": {"running": {"startedAt": at(*moment)}},
                    }]},
                }),
            ));
        }
    }
    objects
}
