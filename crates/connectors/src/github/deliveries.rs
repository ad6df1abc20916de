//! What GitHub's webhooks deliver: deployments and how they went, pushes to the default branch, and runs of workflows
//! that deploy. Signed with HMAC-SHA-256 over the body.

use model::ports::{AlarmDecoder, Heard, Posted, Unheard};
use model::{Change, ChangeKind, Timestamp};
use serde_json::Value;

use crate::delivery::changes::{Touched, carrying, change, deploys, pushed, touched};
use crate::delivery::{self, moment_at, proof, said_at, text_at, unlike};

/// What was expected.
const EXPECTED: &str = "a delivery of GitHub's, content type application/json, of the events deployment, deployment_status, push or workflow_run";
/// Where the signature stands.
const SIGNATURE: &str = "x-hub-signature-256";

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
                let [deployment, status] = ["deployment", "deployment_status"]
                    .map(|part| body.get(part).unwrap_or(&Value::Null));
                let change = deployed(deployment, status, repository, now)?;
                (vec![Change { entities, ..change }], "")
            }
            "push" => {
                let branch = text_at(&body, &["repository", "default_branch"]);
                pushed(&body, branch, &entities, now)
            }
            "workflow_run" => match workflow(&body, repository, now)? {
                Some(change) => (vec![Change { entities, ..change }], ""),
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

/// A deployment, as it is known when it begins and each time that its status changes: always under the same id. Those
/// whom it touches are not in it.
pub(super) fn deployed(
    deployment: &Value,
    status: &Value,
    repository: &str,
    now: Timestamp,
) -> Result<Change, Unheard> {
    let id = said_at(deployment, &["id"]);
    if id.is_empty() {
        return Err(unlike("`deployment.id` is missing", EXPECTED));
    }
    let state = text_at(status, &["state"]);
    let start = moment_at(deployment, &["created_at"]).unwrap_or(now);
    // One that is `inactive` gave way to a newer one, which most likely carries its commits too: it is not undone.
    let over = matches!(state, "success" | "failure" | "error");
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
    Ok(Change {
        end: end.max(start),
        actor: said_at(deployment, &["creator", "login"]),
        version,
        ..carrying(
            sha,
            change(
                format!("github:{repository}:deployment:{id}"),
                ChangeKind::Deploy,
                start,
                title,
            ),
        )
    })
}

/// A run of a workflow that deploys, once it is over.
fn workflow(body: &Value, repository: &str, now: Timestamp) -> Result<Option<Change>, Unheard> {
    let run = body.get("workflow_run").unwrap_or(&Value::Null);
    let over = text_at(body, &["action"]) == "completed";
    Ok(ran(run, repository, now)?.filter(|_| over))
}

/// A run that is over, if its workflow deploys. Those whom it touches are not in it.
pub(super) fn ran(
    run: &Value,
    repository: &str,
    now: Timestamp,
) -> Result<Option<Change>, Unheard> {
    let id = said_at(run, &["id"]);
    if id.is_empty() {
        return Err(unlike("`workflow_run.id` is missing", EXPECTED));
    }
    let name = text_at(run, &["name"]);
    if !(deploys(name) || deploys(text_at(run, &["path"]))) {
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
        actor: said_at(run, &["actor", "login"]),
        version: sha.clone(),
        ..carrying(
            sha,
            change(
                format!("github:{repository}:run:{id}"),
                ChangeKind::Deploy,
                start,
                title,
            ),
        )
    }))
}
