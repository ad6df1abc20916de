//! What those who host code tell alike of changes: what a repository touches, what a name says, the commits of a push.

use model::{Change, ChangeKind, EntityId, RawRef, Timestamp};
use serde_json::Value;

use super::{list_at, moment_at, said_at, text_at};

/// Which entities a repository's changes touch, by its full name or its last part.
pub type Touched = std::collections::BTreeMap<String, Vec<String>>;

/// What a repository's changes touch.
pub(crate) fn touched(known: &Touched, full: &str) -> Vec<EntityId> {
    let last = full.rsplit('/').next().unwrap_or(full);
    if last.is_empty() {
        return Vec::new();
    }
    match known.get(full).or_else(|| known.get(last)) {
        Some(entities) => entities
            .iter()
            .map(|entity| EntityId::from(entity.as_str()))
            .collect(),
        None => vec![EntityId::from(
            format!("service/{}", super::name(last)).as_str(),
        )],
    }
}

/// Does a name say that something is put into production?
pub(crate) fn deploys(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [
        "deploy",
        "release",
        "rollout",
        "publish",
        "ship",
        "promote",
        "migrat",
        "terraform",
        "apply",
    ]
    .iter()
    .any(|word| name.contains(word))
}

/// A change of which only the necessary is known.
pub(crate) fn change(id: String, kind: ChangeKind, start: Timestamp, title: String) -> Change {
    Change {
        id,
        kind,
        start,
        end: start,
        entities: Vec::new(),
        actor: String::new(),
        title: super::name(&title),
        files: Vec::new(),
        diff: None,
        version: String::new(),
        carries: Vec::new(),
        undone: None,
        raw: RawRef::default(),
    }
}

/// The same change, carrying a commit if one is named.
pub(crate) fn carrying(sha: String, change: Change) -> Change {
    Change {
        carries: (!sha.is_empty()).then_some(sha).into_iter().collect(),
        ..change
    }
}

/// What follows from a push: its commits, if it went to the default branch; else nothing, and why.
pub(crate) fn pushed(
    body: &Value,
    default_branch: &str,
    entities: &[EntityId],
    now: Timestamp,
) -> (Vec<Change>, &'static str) {
    let branch = text_at(body, &["ref"]).strip_prefix("refs/heads/");
    if default_branch.is_empty() || branch != Some(default_branch) {
        let remark = "a push to another branch than the default one; nothing follows from it";
        return (Vec::new(), remark);
    }
    (commits(body, entities, now), "")
}

/// The commits of a push, as both hosts list them.
fn commits(body: &Value, entities: &[EntityId], now: Timestamp) -> Vec<Change> {
    list_at(body, "commits")
        .iter()
        .take(super::MOST)
        .filter(|commit| !text_at(commit, &["id"]).is_empty())
        .map(|commit| {
            let at = moment_at(commit, &["timestamp"]).unwrap_or(now);
            let first_line = text_at(commit, &["message"])
                .lines()
                .next()
                .unwrap_or_default();
            let files = ["added", "modified", "removed"];
            let files = files
                .iter()
                .flat_map(|list| list_at(commit, list))
                .filter_map(Value::as_str);
            Change {
                entities: entities.to_vec(),
                actor: super::name(super::first(&[
                    text_at(commit, &["author", "username"]),
                    text_at(commit, &["author", "name"]),
                ])),
                files: files.take(1_000).map(super::name).collect(),
                ..change(
                    said_at(commit, &["id"]),
                    ChangeKind::Commit,
                    at,
                    first_line.to_string(),
                )
            }
        })
        .collect()
}
