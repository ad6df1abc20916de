//! What GitHub is asked for: commits of watched repositories with their diffs, deployments, and runs of workflows that
//! deploy. The same changes as its deliveries bring, under the same ids. Documented in `docs/connectors/changes.md`; the
//! API: <https://docs.github.com/en/rest>, version 2022-11-28.

use model::Change;
use model::time::{TimeWindow, Timestamp};
use serde_json::Value;

use super::deliveries::{deployed, ran};
use crate::delivery::{moment_at, said_at, take, text_at};
use crate::forge::{self, Altered, Commit, Forge, Listed, PAGE, Watched, is_sha, list};
use crate::pull::kept::Shelf;
use crate::pull::{Brought, Call, Live, Look, Missed, Needs, Source};

/// Deployments of a repository whose states are asked for.
const STATES: usize = 10;

/// What every request says of itself.
pub fn headers() -> Vec<(String, String)> {
    [
        ("accept", "application/vnd.github+json"),
        ("x-github-api-version", "2022-11-28"),
    ]
    .map(|(name, value)| (name.to_string(), value.to_string()))
    .to_vec()
}

/// All that is asked of such a server.
pub const NEEDS: Needs = Needs {
    calls: &[
        Call::get("/repos/*/*", "whether it is there, for `midwatch doctor`"),
        Call::get("/repos/*/*/commits", "which commits there are"),
        Call::get("/repos/*/*/commits/*", "what a commit altered"),
        Call::get("/repos/*/*/deployments", "what was deployed"),
        Call::get(
            "/repos/*/*/deployments/*/statuses",
            "how a deployment ended",
        ),
        Call::get("/repos/*/*/actions/runs", "which workflows ran"),
    ],
    grant: "# A fine-grained token, of the repositories that are watched, with the repository permissions\n\
            Metadata: read\n\
            Contents: read\n\
            Deployments: read\n\
            Actions: read\n",
};

/// The reading end.
pub struct Eyes {
    source: Source,
    watched: Watched,
    shelf: Shelf,
}

impl Eyes {
    /// Of this server, with [`headers`] on its wire.
    pub fn new(source: Source, watched: Watched) -> Self {
        Self {
            source: source.only(&NEEDS),
            watched,
            shelf: Shelf::default(),
        }
    }
}

impl Forge for Eyes {
    fn commits(
        &self,
        look: &mut Look<'_>,
        of: &str,
        from: Timestamp,
    ) -> Result<Listed<Commit>, Missed> {
        let path = format!("/repos/{of}/commits");
        forge::paged(&self.shelf, look, &path, from, commit)
    }

    fn altered(&self, look: &mut Look<'_>, of: &str, sha: &str) -> Result<Altered, Missed> {
        let answer = self
            .shelf
            .once(look, &format!("/repos/{of}/commits/{sha}"), &[])?;
        Ok(altered(&answer))
    }

    fn deployments(
        &self,
        look: &mut Look<'_>,
        of: &str,
        from: Timestamp,
        now: Timestamp,
    ) -> Result<Listed<(String, Change)>, Missed> {
        let path = format!("/repos/{of}/deployments");
        let fields = [("per_page", "50".to_string())];
        let told = self.shelf.ask(look, &path, &fields)?;
        let answer = list(told.value)?;
        let created = |deployment: &Value| moment_at(deployment, &["created_at"]);
        // The newest stand first.
        let older = answer
            .iter()
            .any(|one| created(one).is_some_and(|at| at < from));
        let cut = forge::cut(told.more, answer.is_empty(), older);
        let recent = answer
            .iter()
            .filter(|deployment| created(deployment).is_some_and(|at| at >= from));
        let mut found = Vec::new();
        for (at, deployment) in recent.enumerate() {
            let id = said_at(deployment, &["id"]);
            let numbered = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
            let mut state = Value::Null;
            if numbered && at < STATES {
                let path = format!("{path}/{id}/statuses");
                let fields = [("per_page", "10".to_string())];
                // The newest stands first.
                state = list(self.shelf.ask(look, &path, &fields)?.value)?
                    .into_iter()
                    .next()
                    .unwrap_or_default();
            }
            // What cannot be read as one is none.
            if let Ok(change) = deployed(deployment, &state, of, now) {
                let environment = said_at(deployment, &["environment"]);
                found.push((environment, change));
            }
        }
        Ok(Listed {
            list: found,
            cut,
            back: answer.iter().filter_map(created).min(),
        })
    }

    fn runs(
        &self,
        look: &mut Look<'_>,
        of: &str,
        from: Timestamp,
        now: Timestamp,
    ) -> Result<Listed<Change>, Missed> {
        let fields = [
            ("status", "completed".to_string()),
            ("created", format!(">={from}")),
            ("per_page", PAGE.to_string()),
        ];
        let mut told = self
            .shelf
            .ask(look, &format!("/repos/{of}/actions/runs"), &fields)?;
        let runs = list(take(&mut told.value, "workflow_runs"))?;
        Ok(Listed {
            cut: forge::cut(told.more, runs.is_empty(), false),
            back: runs
                .iter()
                .filter_map(|run| moment_at(run, &["created_at"]))
                .min(),
            list: runs
                .iter()
                .filter_map(|run| ran(run, of, now).ok().flatten())
                .collect(),
        })
    }

    fn scope(&self, part: &str) -> String {
        let needs = match part {
            "deployments" => "Deployments",
            "runs" => "Actions",
            _ => "Contents",
        };
        format!(
            "of a fine-grained token the repository permission {needs}: read; of a classic one the scope repo"
        )
    }
}

/// A commit as lists tell of it.
fn commit(value: &Value) -> Option<Commit> {
    let sha = said_at(value, &["sha"]);
    let at = moment_at(value, &["commit", "committer", "date"])
        .or_else(|| moment_at(value, &["commit", "author", "date"]))?;
    let login = said_at(value, &["author", "login"]);
    is_sha(&sha).then(|| Commit {
        sha,
        at,
        message: text_at(value, &["commit", "message"])
            .chars()
            .take(4_000)
            .collect(),
        actor: match login.is_empty() {
            true => said_at(value, &["commit", "author", "name"]),
            false => login,
        },
    })
}

/// The files of a commit, with their hunks.
fn altered(value: &Value) -> Altered {
    let mut altered = Altered::default();
    for file in value["files"].as_array().into_iter().flatten() {
        altered.file(
            text_at(file, &["previous_filename"]),
            text_at(file, &["filename"]),
            file["patch"].as_str(),
        );
    }
    altered
}

impl Live for Eyes {
    fn name(&self) -> &str {
        self.source.name()
    }

    fn look(&self, hull: TimeWindow, now: Timestamp) -> Brought {
        forge::look(
            self,
            &self.source,
            &self.watched,
            "GitHub REST API",
            hull,
            now,
        )
    }

    fn greet(&self) -> Result<String, Missed> {
        forge::greet(
            &self.source,
            &self.shelf,
            &self.watched,
            "workflows",
            |of| format!("/repos/{of}"),
        )
    }
}

#[cfg(test)]
#[path = "asked_tests.rs"]
mod tests;
