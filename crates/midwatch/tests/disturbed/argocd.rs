//! The scene as Argo CD's API tells it: what was deployed, where those who host the code do not know.

use model::time::SECOND;
use serde_json::{Value, json};

use super::doubles::unknown;
use super::github::written;
use super::scene::{Application, Scene};
use super::wire::{Asked, Reply, Trouble, beside};

/// Applications, and what each was brought to.
pub fn argocd(scene: &Scene, asked: &Asked, trouble: Trouble) -> Reply {
    if asked.path != "/api/v1/applications" {
        return unknown();
    }
    let beside = beside(trouble);
    let items: Vec<Value> = scene
        .applications
        .iter()
        .map(|one| application(one, beside))
        .collect();
    Reply::json(&json!({"metadata": {}, "items": items}))
}

fn application(one: &Application, beside: i64) -> Value {
    let deployments = one.deployments.iter().enumerate();
    let history: Vec<Value> = deployments
        .map(|(id, deployment)| {
            let at = |moment: i64| written(moment, beside);
            json!({
                "id": id, "revision": deployment.sha, "source": {"path": one.name},
                "deployStartedAt": at(deployment.at - 20 * SECOND), "deployedAt": at(deployment.at),
                "initiatedBy": {"username": "deploys"},
            })
        })
        .collect();
    let revision = one.deployments.last().map_or("", |one| one.sha.as_str());
    json!({
        "metadata": {"name": one.name, "namespace": "argocd"},
        "spec": {"source": {"repoURL": format!("https://git.example/shop/{}.git", one.name), "path": one.name, "targetRevision": "main"}},
        "status": {
            "sync": {"status": "Synced", "revision": revision},
            "health": {"status": "Healthy"},
            "history": history,
            "operationState": {"phase": "Succeeded"},
        },
    })
}
