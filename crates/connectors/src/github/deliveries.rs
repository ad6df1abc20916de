//! What GitHub's webhooks deliver: deployments and how they went, pushes to the default branch, and runs of workflows
//! that deploy. Signed with HMAC-SHA-256 over the body.

use model::ports::{AlarmDecoder, Heard, Posted, Unheard};
use model::{Change, ChangeKind, EntityId, RawRef, Timestamp};
use serde_json::Value;

use crate::delivery::{self, list_at, moment_at, proof, said_at, text_at, unlike};

/// What was expected.
const EXPECTED: &str = "a delivery of GitHub's, content type application/json, of the events deployment, deployment_status, push or workflow_run";
/// Where the signature stands.
const SIGNATURE: &str = "x-hub-signature-256";

/// Which entities a repository's changes touch, by its full name or its last part.
pub type Touched = std::collections::BTreeMap<String, Vec<String>>;

/// Reads GitHub's deliveries.
pub struct GitHub {
    secret: Vec<u8>,
    touched: Touched,
}

impl GitHub {
    /// With the webhook's secret, and what each repository touches; a repository that is not named touches the service
    /// of its own name.
    pub fn new(secret: &[u8], touched: Touched) -> Self {
        Self {
            secret: secret.to_vec(),
            touched,
        }
    }
}

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
            format!("service/{}", delivery::name(last)).as_str(),
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
        title: delivery::name(&title),
        files: Vec::new(),
        diff: None,
        version: String::new(),
        carries: Vec::new(),
        undone: None,
        raw: RawRef::default(),
    }
}

/// The commits of a push, as both hosts list them.
pub(crate) fn commits(body: &Value, entities: &[EntityId], now: Timestamp) -> Vec<Change> {
    list_at(body, "commits")
        .iter()
        .take(delivery::MOST)
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
                actor: delivery::name(delivery::first(&[
                    text_at(commit, &["author", "username"]),
                    text_at(commit, &["author", "name"]),
                ])),
                files: files.take(1_000).map(delivery::name).collect(),
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

impl AlarmDecoder for GitHub {
    fn admit(&self, posted: &Posted, _: Timestamp) -> Result<(), Unheard> {
        let digest = proof::needed(posted, SIGNATURE)?
            .strip_prefix("sha256=")
            .and_then(proof::hex);
        match digest {
            Some(digest) if proof::signed(&self.secret, &[&posted.body], &digest) => Ok(()),
            _ => Err(proof::unsigned(SIGNATURE)),
        }
    }

    fn read(&self, posted: &Posted, now: Timestamp) -> Result<Heard, Unheard> {
        let body = delivery::json(posted, EXPECTED)?;
        let repository = text_at(&body, &["repository", "full_name"]);
        let entities = touched(&self.touched, repository);
        let heard = Heard {
            key: posted.header("x-github-delivery").map(delivery::name),
            ..Heard::default()
        };
        let event = posted.header("x-github-event").unwrap_or_default();
        let (changes, remark) = match event {
            "deployment" | "deployment_status" => {
                (deployment(&body, repository, &entities, now)?, "")
            }
            "push" => {
                let branch = text_at(&body, &["repository", "default_branch"]);
                let pushed = text_at(&body, &["ref"])
                    .strip_prefix("refs/heads/")
                    .unwrap_or_default();
                if branch.is_empty() || pushed != branch {
                    (
                        Vec::new(),
                        "a push to another branch than the default one; nothing follows from it",
                    )
                } else {
                    (commits(&body, &entities, now), "")
                }
            }
            "workflow_run" => match workflow(&body, repository, &entities, now)? {
                Some(change) => (vec![change], ""),
                None => (
                    Vec::new(),
                    "a workflow that is not over or puts nothing into production; nothing follows from it",
                ),
            },
            "ping" => (Vec::new(), "GitHub asks whether this inlet is there; it is"),
            "" => return Err(unlike("the header `x-github-event` is missing", EXPECTED)),
            _ => (
                Vec::new(),
                "this event alters nothing; nothing follows from it",
            ),
        };
        Ok(Heard {
            changes,
            remark: remark.to_string(),
            ..heard
        })
    }
}

/// A deployment, as it is known when it begins and each time that its status changes: always under the same id.
fn deployment(
    body: &Value,
    repository: &str,
    entities: &[EntityId],
    now: Timestamp,
) -> Result<Vec<Change>, Unheard> {
    let deployment = body.get("deployment").unwrap_or(&Value::Null);
    let id = said_at(deployment, &["id"]);
    if id.is_empty() {
        return Err(unlike("`deployment.id` is missing", EXPECTED));
    }
    let status = body.get("deployment_status").unwrap_or(&Value::Null);
    let state = text_at(status, &["state"]);
    let start = moment_at(deployment, &["created_at"]).unwrap_or(now);
    let over = matches!(state, "success" | "failure" | "error" | "inactive");
    let end = if over {
        moment_at(status, &["created_at"]).unwrap_or(now)
    } else {
        start
    };
    let sha = said_at(deployment, &["sha"]);
    let environment = text_at(deployment, &["environment"]);
    let version = delivery::first(&[text_at(deployment, &["ref"]), &sha]).to_string();
    let title = format!(
        "{repository}: {version} to {environment} ({})",
        if state.is_empty() { "begun" } else { state }
    );
    Ok(vec![Change {
        end: end.max(start),
        entities: entities.to_vec(),
        actor: said_at(deployment, &["creator", "login"]),
        version,
        carries: if sha.is_empty() {
            Vec::new()
        } else {
            vec![sha]
        },
        // A deployment that gave way to a newer one is undone by it.
        undone: (state == "inactive").then_some(end.max(start)),
        ..change(
            format!("github:{repository}:deployment:{id}"),
            ChangeKind::Deploy,
            start,
            title,
        )
    }])
}

/// A run of a workflow that deploys, once it is over.
fn workflow(
    body: &Value,
    repository: &str,
    entities: &[EntityId],
    now: Timestamp,
) -> Result<Option<Change>, Unheard> {
    let run = body.get("workflow_run").unwrap_or(&Value::Null);
    let id = said_at(run, &["id"]);
    if id.is_empty() {
        return Err(unlike("`workflow_run.id` is missing", EXPECTED));
    }
    let name = text_at(run, &["name"]);
    if text_at(body, &["action"]) != "completed"
        || !(deploys(name) || deploys(text_at(run, &["path"])))
    {
        return Ok(None);
    }
    let start = moment_at(run, &["run_started_at"])
        .or_else(|| moment_at(run, &["created_at"]))
        .unwrap_or(now);
    let sha = said_at(run, &["head_sha"]);
    let title = format!(
        "{repository}: workflow {name} ended with {}",
        text_at(run, &["conclusion"])
    );
    Ok(Some(Change {
        end: moment_at(run, &["updated_at"]).unwrap_or(start).max(start),
        entities: entities.to_vec(),
        actor: said_at(run, &["actor", "login"]),
        version: sha.clone(),
        carries: if sha.is_empty() {
            Vec::new()
        } else {
            vec![sha]
        },
        ..change(
            format!("github:{repository}:run:{id}"),
            ChangeKind::Deploy,
            start,
            title,
        )
    }))
}
