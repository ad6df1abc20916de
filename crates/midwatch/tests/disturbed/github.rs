//! The scene as GitHub's API tells it.

use model::Timestamp;
use model::time::SECOND;
use serde_json::{Value, json};

use super::doubles::unknown;
use super::scene::{Commit, Repository, Scene};
use super::wire::{Asked, Reply, Trouble, beside};

/// What a commit altered in one of its files, if that is known.
pub fn patch(commit: &Commit, file: &str) -> Option<String> {
    let (_, rest) = commit.diff.split_once(&format!("@@ {file} @@\n"))?;
    let own: Vec<&str> = rest
        .lines()
        .take_while(|line| !line.starts_with("@@ "))
        .collect();
    Some(format!("@@ -1,9 +1,9 @@\n{}", own.join("\n")))
}

fn patches(commit: &Commit) -> Vec<Value> {
    commit
        .files
        .iter()
        .map(|file| json!({"filename": file, "status": "modified", "patch": patch(commit, file)}))
        .collect()
}

/// A moment as hosts of code write it.
pub fn written(moment: i64, beside: i64) -> String {
    Timestamp((moment + beside) / SECOND * SECOND).to_string()
}

/// Repositories, their commits with diffs, and what was deployed.
pub fn github(scene: &Scene, asked: &Asked, trouble: Trouble) -> Reply {
    let beside = beside(trouble);
    let parts: Vec<&str> = asked.path.trim_start_matches('/').split('/').collect();
    let ["repos", "shop", name, rest @ ..] = parts.as_slice() else {
        return unknown();
    };
    let Some(repository) = scene.repositories.iter().find(|r| r.name == *name) else {
        return Reply::text(404, "Not Found");
    };
    let at = |moment: i64| written(moment, beside);
    let list = |all: Vec<Value>, key: Option<&str>| paged(asked, trouble, all, key);
    match rest {
        ["commits"] => {
            let from = asked.field("since").parse::<Timestamp>().unwrap().0;
            let since = |commit: &&Commit| commit.at + beside >= from;
            let all = repository.commits.iter().filter(since);
            list(
                all.map(|commit| {
                    json!({
                        "sha": commit.sha,
                        "commit": {"message": commit.title, "author": {"name": commit.actor, "date": at(commit.at)}, "committer": {"date": at(commit.at)}},
                        "author": {"login": commit.actor},
                    })
                })
                .collect(),
                None,
            )
        }
        ["commits", sha] => {
            let commit = repository.commits.iter().find(|c| c.sha == **sha).unwrap();
            Reply::json(&json!({"sha": sha, "files": patches(commit)}))
        }
        ["deployments"] => list(deployments(repository, &at), None),
        ["deployments", id, "statuses"] => {
            let deployment = &repository.deployments[id.parse::<usize>().unwrap()];
            list(
                vec![json!({"state": "success", "created_at": at(deployment.at)})],
                None,
            )
        }
        ["actions", "runs"] => list(Vec::new(), Some("workflow_runs")),
        _ => unknown(),
    }
}

fn deployments(repository: &Repository, at: &impl Fn(i64) -> String) -> Vec<Value> {
    let all = repository.deployments.iter().enumerate();
    all.map(|(id, one)| {
        json!({
            "id": id, "sha": one.sha, "ref": one.version, "environment": "production",
            "created_at": at(one.at - 20 * SECOND), "creator": {"login": "deploys"},
        })
    })
    .collect()
}

/// One page of a list, with the header that leads to the next.
pub fn paged(asked: &Asked, trouble: Trouble, all: Vec<Value>, key: Option<&str>) -> Reply {
    let size: usize = asked.field("per_page").parse().unwrap_or(30);
    let page: usize = asked.field("page").parse().unwrap_or(1);
    let all_of_them = all.len();
    let (rows, more): (Vec<Value>, bool) = match trouble {
        Trouble::EmptyPages => (Vec::new(), true),
        Trouble::SamePage => (all.into_iter().take(size).collect(), true),
        // No more than two on a page, as if the rest were to follow, and nothing follows.
        Trouble::Truncated => (
            all.into_iter()
                .take(if page == 1 { 2 } else { 0 })
                .collect(),
            true,
        ),
        _ => {
            let rest = all.into_iter().skip((page - 1) * size);
            (rest.take(size).collect(), page * size < all_of_them)
        }
    };
    let body = match key {
        Some(key) => json!({"total_count": all_of_them, key: rows}),
        None => Value::Array(rows),
    };
    let next = format!(
        "link: <http://x{}?page={}>; rel=\"next\"\r\n",
        asked.path,
        page + 1
    );
    Reply {
        headers: if more { next } else { String::new() },
        ..Reply::json(&body)
    }
}
