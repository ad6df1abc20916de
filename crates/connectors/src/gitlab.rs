//! What GitLab's webhooks post: deployments, pushes to the default branch, and pipelines that deploy. Proof is the
//! webhook's secret token. What it is asked for is in `asked`.

#[cfg(feature = "gitlab")]
pub mod asked;

use model::ports::{AlarmDecoder, Heard, Posted, Unheard};
use model::{Change, ChangeKind, Timestamp};
use serde_json::Value;

use crate::delivery::changes::{Touched, carrying, change, deploys, pushed, touched};
use crate::delivery::{self, list_at, moment_at, proof, said_at, text_at, unlike};

/// What was expected.
const EXPECTED: &str = "a webhook of GitLab's with `object_kind` deployment, push or pipeline";

/// Reads GitLab's posts.
pub struct GitLab {
    secret: Vec<u8>,
    touched: Touched,
}

impl GitLab {
    /// With the webhook's secret token, and what each project touches; a project that is not named touches the service
    /// of its own name.
    pub fn new(secret: &[u8], touched: Touched) -> Self {
        Self {
            secret: secret.to_vec(),
            touched,
        }
    }
}

impl AlarmDecoder for GitLab {
    fn admit(&self, posted: &Posted, _: Timestamp) -> Result<(), Unheard> {
        proof::token(posted, &self.secret, Some("x-gitlab-token"))
    }

    fn read(&self, posted: &Posted, now: Timestamp) -> Result<Heard, Unheard> {
        let body = delivery::json(posted, EXPECTED)?;
        let project = text_at(&body, &["project", "path_with_namespace"]);
        let entities = touched(&self.touched, project);
        // The same when a delivery is tried again.
        let key = posted
            .header("idempotency-key")
            .or_else(|| posted.header("x-gitlab-event-uuid"));
        let mut heard = Heard {
            key: key.map(delivery::name),
            ..Heard::default()
        };
        match text_at(&body, &["object_kind"]) {
            "deployment" => heard.changes.push(Change {
                entities,
                ..deployment(&body, project, now)?
            }),
            "push" => {
                let branch = text_at(&body, &["project", "default_branch"]);
                let (changes, remark) = pushed(&body, branch, &entities, now);
                heard.changes = changes;
                heard.remark = remark.to_string();
            }
            "pipeline" => match pipeline(&body, project, now)? {
                Some(change) => heard.changes.push(Change { entities, ..change }),
                None => {
                    heard.remark = "a pipeline that is not over or puts nothing into production; nothing follows from it".to_string();
                }
            },
            "" => return Err(unlike("`object_kind` is missing", EXPECTED)),
            _ => heard.remark = "this event alters nothing; nothing follows from it".to_string(),
        }
        Ok(heard)
    }
}

/// A deployment, under the same id each time that its status changes.
fn deployment(body: &Value, project: &str, now: Timestamp) -> Result<Change, Unheard> {
    let id = said_at(body, &["deployment_id"]);
    if id.is_empty() {
        return Err(unlike("`deployment_id` is missing", EXPECTED));
    }
    let at = moment_at(body, &["status_changed_at"]).unwrap_or(now);
    let status = text_at(body, &["status"]);
    let sha = said_at(body, &["commit_url"])
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_string();
    let sha = if sha.is_empty() {
        said_at(body, &["short_sha"])
    } else {
        sha
    };
    let version = delivery::first(&[&said_at(body, &["short_sha"]), &sha]).to_string();
    let title = format!(
        "{project}: {version} to {} ({status})",
        text_at(body, &["environment"])
    );
    Ok(Change {
        actor: said_at(body, &["user", "username"]),
        version,
        ..carrying(
            sha,
            change(
                format!("gitlab:{project}:deployment:{id}"),
                ChangeKind::Deploy,
                at,
                title,
            ),
        )
    })
}

/// A pipeline that has a job which deploys, once it is over.
fn pipeline(body: &Value, project: &str, now: Timestamp) -> Result<Option<Change>, Unheard> {
    let pipeline = body.get("object_attributes").unwrap_or(&Value::Null);
    let id = said_at(pipeline, &["id"]);
    if id.is_empty() {
        return Err(unlike("`object_attributes.id` is missing", EXPECTED));
    }
    let status = text_at(pipeline, &["status"]);
    let over = matches!(status, "success" | "failed" | "canceled");
    let jobs = list_at(body, "builds");
    let job = jobs.iter().find(|job| {
        let ran = !matches!(text_at(job, &["status"]), "created" | "skipped" | "manual");
        let named = [["name"], ["stage"]]
            .iter()
            .any(|path| deploys(text_at(job, path)));
        ran && (named || job.get("environment").is_some_and(Value::is_object))
    });
    let Some(job) = job.filter(|_| over) else {
        return Ok(None);
    };
    let start = moment_at(job, &["started_at"])
        .or_else(|| moment_at(pipeline, &["created_at"]))
        .unwrap_or(now);
    let end = moment_at(job, &["finished_at"])
        .or_else(|| moment_at(pipeline, &["finished_at"]))
        .unwrap_or(start);
    let sha = said_at(pipeline, &["sha"]);
    let title = format!(
        "{project}: job {} ended with {}",
        text_at(job, &["name"]),
        text_at(job, &["status"])
    );
    Ok(Some(Change {
        end: end.max(start),
        actor: said_at(body, &["user", "username"]),
        version: sha.clone(),
        ..carrying(
            sha,
            change(
                format!("gitlab:{project}:pipeline:{id}"),
                ChangeKind::Deploy,
                start,
                title,
            ),
        )
    }))
}
