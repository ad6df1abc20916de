//! The scene as GitLab's API tells it.

use model::Timestamp;
use model::time::SECOND;
use serde_json::{Value, json};

use super::doubles::unknown;
use super::github::{paged, patch, written};
use super::scene::{Commit, Scene};
use super::wire::{Asked, Reply, Trouble, beside};

/// Projects, their commits with diffs, and what was deployed.
pub fn gitlab(scene: &Scene, asked: &Asked, trouble: Trouble) -> Reply {
    let beside = beside(trouble);
    let parts: Vec<&str> = asked.path.trim_start_matches('/').split('/').collect();
    let ["api", "v4", "projects", "shop", name, rest @ ..] = parts.as_slice() else {
        return unknown();
    };
    let Some(repository) = scene.repositories.iter().find(|r| r.name == *name) else {
        return Reply::text(404, r#"{"message":"404 Project Not Found"}"#);
    };
    let at = |moment: i64| written(moment, beside);
    match rest {
        ["repository", "commits"] => {
            let from = asked.field("since").parse::<Timestamp>().unwrap().0;
            let since = |commit: &&Commit| commit.at + beside >= from;
            let all = repository.commits.iter().filter(since).map(|commit| {
                json!({
                    "id": commit.sha, "committed_date": at(commit.at), "message": commit.title,
                    "author_name": commit.actor,
                })
            });
            paged(asked, trouble, all.collect(), None)
        }
        ["repository", "commits", sha, "diff"] => {
            let commit = repository.commits.iter().find(|c| c.sha == **sha).unwrap();
            let files = commit.files.iter().map(|file| {
                let diff = patch(commit, file).unwrap_or_default();
                json!({"old_path": file, "new_path": file, "diff": diff})
            });
            Reply::json(&Value::Array(files.collect()))
        }
        ["deployments"] => {
            let all = repository.deployments.iter().enumerate();
            let all = all.map(|(id, one)| {
                json!({
                    "id": id, "sha": one.sha, "ref": one.version, "status": "success",
                    "created_at": at(one.at - 20 * SECOND), "updated_at": at(one.at),
                    "environment": {"name": "production"}, "user": {"username": "deploys"},
                })
            });
            paged(asked, trouble, all.collect(), None)
        }
        ["pipelines"] => paged(asked, trouble, Vec::new(), None),
        _ => unknown(),
    }
}
