//! What GitLab is asked for: commits of watched projects with their diffs, deployments, and pipelines that deploy. The
//! same changes as its webhooks bring, under the same ids. Documented in `docs/connectors/changes.md`; the API: version 4,
//! <https://docs.gitlab.com/api/rest/>.

use model::Change;
use model::ChangeKind;
use model::time::{TimeWindow, Timestamp};
use serde_json::{Value, json};

use crate::delivery::changes::{carrying, change};
use crate::delivery::{moment_at, said_at, text_at};
use crate::forge::{self, Altered, Commit, Cut, Forge, Listed, PAGE, Watched, is_sha, list};
use crate::pull::http::encoded;
use crate::pull::kept::Shelf;
use crate::pull::{Brought, Call, Live, Look, Missed, Needs, Source};

/// Pipelines of a project whose jobs are asked for.
const PIPELINES: usize = 10;

/// All that is asked of such a server.
pub const NEEDS: Needs = Needs {
    calls: &[
        Call::get(
            "/api/v4/projects/*",
            "whether it is there, for `midwatch doctor`",
        ),
        Call::get(
            "/api/v4/projects/*/repository/commits",
            "which commits there are",
        ),
        Call::get(
            "/api/v4/projects/*/repository/commits/*/diff",
            "what a commit altered",
        ),
        Call::get("/api/v4/projects/*/deployments", "what was deployed"),
        Call::get("/api/v4/projects/*/pipelines", "which pipelines ran"),
        Call::get(
            "/api/v4/projects/*/pipelines/*/jobs",
            "what ran in a pipeline",
        ),
    ],
    grant: "# A token of a project or a group that is watched\n\
            scope: read_api\n\
            role: Reporter\n",
};

/// The reading end.
pub struct Eyes {
    source: Source,
    watched: Watched,
    shelf: Shelf,
}

impl Eyes {
    /// Of this server.
    pub fn new(source: Source, watched: Watched) -> Self {
        Self {
            source: source.only(&NEEDS),
            watched,
            shelf: Shelf::default(),
        }
    }
}

fn project(of: &str) -> String {
    format!("/api/v4/projects/{}", encoded(of))
}

impl Forge for Eyes {
    fn commits(
        &self,
        look: &mut Look<'_>,
        of: &str,
        from: Timestamp,
    ) -> Result<Listed<Commit>, Missed> {
        let path = format!("{}/repository/commits", project(of));
        forge::paged(&self.shelf, look, &path, from, commit)
    }

    fn altered(&self, look: &mut Look<'_>, of: &str, sha: &str) -> Result<Altered, Missed> {
        let path = format!("{}/repository/commits/{sha}/diff", project(of));
        let fields = [("per_page", PAGE.to_string())];
        let answer = list(self.shelf.once(look, &path, &fields)?)?;
        Ok(altered(&answer))
    }

    fn deployments(
        &self,
        look: &mut Look<'_>,
        of: &str,
        from: Timestamp,
        _: Timestamp,
    ) -> Result<Listed<(String, Change)>, Missed> {
        let path = format!("{}/deployments", project(of));
        let fields = [
            ("updated_after", from.to_string()),
            ("order_by", "updated_at".to_string()),
            ("sort", "desc".to_string()),
            ("per_page", "50".to_string()),
        ];
        let told = self.shelf.ask(look, &path, &fields)?;
        let answer = list(told.value)?;
        Ok(Listed {
            cut: forge::cut(told.more, answer.is_empty(), false),
            back: back(&answer),
            list: answer
                .iter()
                .filter_map(|deployment| deployed(deployment, of))
                .collect(),
        })
    }

    fn runs(
        &self,
        look: &mut Look<'_>,
        of: &str,
        from: Timestamp,
        now: Timestamp,
    ) -> Result<Listed<Change>, Missed> {
        let path = format!("{}/pipelines", project(of));
        let fields = [
            ("updated_after", from.to_string()),
            ("order_by", "updated_at".to_string()),
            ("sort", "desc".to_string()),
            ("per_page", "50".to_string()),
        ];
        let told = self.shelf.ask(look, &path, &fields)?;
        let answer = list(told.value)?;
        let cut = forge::cut(told.more, answer.is_empty(), false);
        let over = |pipeline: &&Value| {
            matches!(
                text_at(pipeline, &["status"]),
                "success" | "failed" | "canceled"
            )
        };
        let mut found = Vec::new();
        let unread = answer.iter().filter(over).nth(PIPELINES).is_some();
        let read: Vec<&Value> = answer.iter().filter(over).take(PIPELINES).collect();
        for pipeline in &read {
            let id = said_at(pipeline, &["id"]);
            if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit()) {
                continue;
            }
            let fields = [("per_page", PAGE.to_string())];
            let jobs = self
                .shelf
                .ask(look, &format!("{path}/{id}/jobs"), &fields)?
                .value;
            let body = json!({
                "object_attributes": pipeline,
                "user": jobs[0]["user"],
                "builds": jobs,
            });
            found.extend(super::pipeline(&body, of, now).ok().flatten());
        }
        Ok(Listed {
            list: found,
            cut: cut.or(unread.then_some(Cut::Long)),
            // As far as they were read, not as they were listed.
            back: if unread { back(read) } else { back(&answer) },
        })
    }

    fn scope(&self, _: &str) -> String {
        "the scope read_api, of a token of a member who is at least Reporter".to_string()
    }
}

/// When the first of these was altered last; lists are asked for by that.
fn back<'a>(answer: impl IntoIterator<Item = &'a Value>) -> Option<Timestamp> {
    let altered = answer.into_iter();
    altered
        .filter_map(|one| moment_at(one, &["updated_at"]))
        .min()
}

/// A commit as lists tell of it.
fn commit(value: &Value) -> Option<Commit> {
    let sha = said_at(value, &["id"]);
    let at = moment_at(value, &["committed_date"]).or_else(|| moment_at(value, &["created_at"]))?;
    is_sha(&sha).then(|| Commit {
        sha,
        at,
        message: text_at(value, &["message"]).chars().take(4_000).collect(),
        actor: said_at(value, &["author_name"]),
    })
}

/// The files of a commit, with their hunks.
fn altered(list: &[Value]) -> Altered {
    let mut altered = Altered::default();
    for file in list {
        let diff = text_at(file, &["diff"]);
        // Some versions put the names of the file before the hunks.
        let hunks = diff.find("@@").and_then(|at| diff.get(at..));
        altered.file(
            text_at(file, &["old_path"]),
            text_at(file, &["new_path"]),
            hunks,
        );
    }
    altered
}

/// A deployment and its environment.
fn deployed(value: &Value, of: &str) -> Option<(String, Change)> {
    let id = said_at(value, &["id"]);
    let start = moment_at(value, &["created_at"])?;
    let status = text_at(value, &["status"]);
    // It waits for somebody, or was never begun.
    if id.is_empty() || matches!(status, "created" | "blocked" | "skipped") {
        return None;
    }
    let over = matches!(status, "success" | "failed" | "canceled");
    let end = moment_at(value, &["updated_at"])
        .filter(|_| over)
        .unwrap_or(start);
    let environment = said_at(value, &["environment", "name"]);
    let sha = said_at(value, &["sha"]);
    let version: String = match sha.is_empty() {
        true => said_at(value, &["ref"]),
        false => sha.chars().take(8).collect(),
    };
    let title = format!("{of}: {version} to {environment} ({status})");
    let change = Change {
        end: end.max(start),
        actor: said_at(value, &["user", "username"]),
        version,
        ..carrying(
            sha,
            change(
                format!("gitlab:{of}:deployment:{id}"),
                ChangeKind::Deploy,
                start,
                title,
            ),
        )
    };
    Some((environment, change))
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
            "GitLab REST API",
            hull,
            now,
        )
    }

    fn greet(&self) -> Result<String, Missed> {
        forge::greet(
            &self.source,
            &self.shelf,
            &self.watched,
            "pipelines",
            project,
        )
    }
}

#[cfg(test)]
mod tests;
