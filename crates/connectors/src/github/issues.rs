//! Tells a GitHub repository: one issue for each incident, a comment for each notice, closed at the end.
//! <https://docs.github.com/en/rest/issues>
//!
//! GitHub has no key that makes a post happen once. So each issue and comment holds a mark that its page does not show,
//! and where a try may have arrived without our knowing, it is looked for before it is posted again. The mark is signed with
//! the token, so that nobody can guess it for an incident; where it was copied, the oldest issue counts.

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use model::ports::{Again, Notice, Notifier, TellError, Telling};
use model::time::{Span, Timestamp};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::client::{self, ClientError};
use crate::hidden::Hidden;
use crate::legible::plain;

/// Where the API is, unless told otherwise; GitHub Enterprise Server has it at `https://HOST/api/v3`.
pub const API: &str = "https://api.github.com";

/// GitHub's limit of a title, in characters.
const TITLE: usize = 256;
/// Lines in one text, and UTF-16 units of each: with all around them below GitHub's 65,536.
const LINES: usize = 50;
const LINE: usize = 1_000;
/// Pages of issues or comments that are looked through, newest first, each of 100.
const PAGES: usize = 5;
const PAGE: usize = 100;

/// Why a repository cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum IssuesError {
    /// The repository is not named as `owner/name`.
    #[error("{repository:?} is no repository; expected owner/name")]
    Repository {
        /// What was written.
        repository: String,
    },
    /// The token cannot be one.
    #[error("that is no token; expected one line without spaces, such as github_pat_…")]
    Token,
    /// The address is none.
    #[error("{api:?} is no address; expected https://api.github.com or https://HOST/api/v3")]
    Address {
        /// What was written.
        api: String,
    },
    /// The client cannot be made.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// The issues of a repository.
pub struct Issues {
    name: String,
    api: String,
    repository: String,
    labels: Vec<String>,
    token: String,
    hidden: Hidden,
    client: reqwest::blocking::Client,
}

/// What is known of an incident's issue; the receipt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct State {
    issue: u64,
    /// The notice that it was opened with.
    by: String,
    /// The notice that was told last.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    last: String,
}

impl State {
    fn failed(&self, error: TellError) -> TellError {
        TellError {
            receipt: self.receipt(),
            ..error
        }
    }

    fn receipt(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Issues {
    /// The issues of `repository` (`owner/name`), each with these labels, under this token, by way of `api` ([`API`]).
    pub fn new(
        name: &str,
        api: &str,
        repository: &str,
        labels: &[String],
        token: &str,
    ) -> Result<Self, IssuesError> {
        let word = |word: &str| {
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            !word.is_empty() && word.chars().all(fits) && !matches!(word, "." | "..")
        };
        if !repository
            .split_once('/')
            .is_some_and(|(owner, name)| word(owner) && word(name))
        {
            return Err(IssuesError::Repository {
                repository: repository.to_string(),
            });
        }
        if token.is_empty() || !token.chars().all(|c| c.is_ascii_graphic()) {
            return Err(IssuesError::Token);
        }
        if !(api.starts_with("https://") || api.starts_with("http://")) {
            return Err(IssuesError::Address {
                api: api.to_string(),
            });
        }
        Ok(Self {
            name: name.to_string(),
            api: api.trim_end_matches('/').to_string(),
            repository: repository.to_string(),
            labels: labels.to_vec(),
            token: token.to_string(),
            hidden: Hidden::of([token]),
            client: client::client(Duration::from_secs(10))?,
        })
    }

    fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, TellError> {
        let what = format!("{method} /repos/{}{path}", self.repository);
        let url = format!("{}/repos/{}{path}", self.api, self.repository);
        let mut request = self
            .client
            .request(method, url)
            .bearer_auth(&self.token)
            .header("accept", "application/vnd.github+json")
            .header("x-github-api-version", "2022-11-28");
        if let Some(body) = body {
            let request_body = body.to_string();
            request = request
                .header("content-type", "application/json")
                .body(request_body);
        }
        let answered = client::exchange(request, &self.hidden)
            .map_err(|error| TellError::from(format!("{what}: {error}")))?;
        if (200..300).contains(&answered.status) {
            return serde_json::from_slice(&answered.body).map_err(|error| {
                TellError::from(format!("{what}: its answer cannot be read: {error}"))
            });
        }
        let limited = answered.status == 429
            || (answered.status == 403 && (answered.after.is_some() || answered.left == Some(0)));
        let (again, remedy) = match answered.status {
            _ if limited => {
                // As GitHub asks: what it says, and at least a minute.
                let seconds = answered.after.map_or(60, |after| after.as_secs());
                let seconds = i64::try_from(seconds).unwrap_or(60);
                (
                    Again::After(Span::seconds(seconds.min(86_400))),
                    "GitHub asks to come again later",
                )
            }
            401 => (Again::Usual, "put a valid token into token_file"),
            403 => (
                Again::Usual,
                "the token needs the permission Issues: read and write",
            ),
            404 => (
                Again::Usual,
                "check the repository's name, and that the token may see it and has Issues: read and write",
            ),
            410 => (Again::Usual, "turn issues on in the repository's settings"),
            422 => (
                Again::Never,
                "a label may not exist for this token; else please report it",
            ),
            _ => (Again::Usual, "it is tried again"),
        };
        Err(TellError {
            why: format!(
                "{what}: GitHub answered {}: {}; {remedy}",
                answered.status,
                answered.said()
            ),
            again,
            receipt: String::new(),
        })
    }

    /// What nobody without the token can make of a text.
    fn mark(&self, what: &str, of: &str) -> String {
        let seal = Hmac::<Sha256>::new_from_slice(self.token.as_bytes()).map(|mut mac| {
            for part in [what, "\0", of] {
                mac.update(part.as_bytes());
            }
            mac.finalize().into_bytes()
        });
        // A key of any length is one; without one the mark fits nothing.
        let seal = seal.map(|seal| {
            seal.iter()
                .take(12)
                .map(|byte| format!("{byte:02x}"))
                .collect()
        });
        let seal: String = seal.unwrap_or_default();
        format!("<!-- midwatch:{what}:{seal} -->")
    }

    /// All that match, newest first, from the pages of a list.
    fn find(&self, path: &str, ours: impl Fn(&Value) -> bool) -> Result<Vec<Value>, TellError> {
        let mut found = Vec::new();
        for page in 1..=PAGES {
            let list = self.ask(
                Method::GET,
                &format!("{path}&per_page={PAGE}&page={page}"),
                None,
            )?;
            let list = list.as_array().map_or(&[][..], Vec::as_slice);
            found.extend(list.iter().filter(|one| ours(one)).cloned());
            if list.len() < PAGE {
                break;
            }
        }
        Ok(found)
    }

    /// The issue of an incident, if it is among the newest.
    fn find_issue(&self, notice: &Notice) -> Result<Option<State>, TellError> {
        let mark = self.mark("incident", &notice.incident.0);
        let ours = |issue: &Value| {
            issue["body"]
                .as_str()
                .is_some_and(|body| body.contains(&mark))
        };
        let found = self.find("/issues?state=all&sort=created&direction=desc", ours)?;
        let Some(issue) = found.last() else {
            return Ok(None);
        };
        let begun = self.mark("notice", &notice.id);
        let body = issue["body"].as_str().unwrap_or_default();
        let by = if body.contains(&begun) {
            notice.id.as_str()
        } else {
            ""
        };
        Ok(issue["number"].as_u64().map(|issue| State {
            issue,
            by: by.to_string(),
            last: String::new(),
        }))
    }

    fn open(&self, notice: &Notice) -> Result<State, TellError> {
        let subject = if notice.subject.trim().is_empty() {
            &notice.title
        } else {
            &notice.subject
        };
        let title = match plain(subject, TITLE) {
            title if title.trim().is_empty() => plain(&notice.incident.0, TITLE),
            title => title,
        };
        let marks = [
            self.mark("incident", &notice.incident.0),
            self.mark("notice", &notice.id),
        ];
        let mut issue =
            json!({"title": title, "body": format!("{}{}\n", text(notice), marks.join("\n"))});
        if !self.labels.is_empty() {
            issue["labels"] = json!(self.labels);
        }
        let opened = self.ask(Method::POST, "/issues", Some(&issue))?;
        let issue = opened["number"].as_u64().ok_or_else(|| {
            TellError::from("GitHub's answer to a new issue has no number".to_string())
        })?;
        Ok(State {
            issue,
            by: notice.id.clone(),
            last: notice.id.clone(),
        })
    }

    fn comment(&self, state: &State, telling: &Telling<'_>) -> Result<(), TellError> {
        let notice = telling.notice;
        let mark = self.mark("notice", &notice.id);
        let path = format!("/issues/{}/comments", state.issue);
        if telling.tries > 0 {
            let ours = |one: &Value| {
                one["body"]
                    .as_str()
                    .is_some_and(|body| body.contains(&mark))
            };
            // Comments are listed oldest first; of an issue of ours there are few.
            if !self.find(&format!("{path}?"), ours)?.is_empty() {
                return Ok(());
            }
        }
        let body = json!({"body": format!("{}{mark}\n", text(notice))});
        self.ask(Method::POST, &path, Some(&body)).map(|_| ())
    }

    fn close(&self, state: &State) -> Result<(), TellError> {
        let body = json!({"state": "closed", "state_reason": "completed"});
        self.ask(
            Method::PATCH,
            &format!("/issues/{}", state.issue),
            Some(&body),
        )
        .map(|_| ())
    }
}

impl Notifier for Issues {
    fn name(&self) -> &str {
        &self.name
    }

    /// GitHub asks for a second between two posts.
    fn pace(&self) -> Span {
        Span::seconds(1)
    }

    fn tell(&self, telling: &Telling<'_>, _: Timestamp) -> Result<String, TellError> {
        let notice = telling.notice;
        let mut known: Option<State> = serde_json::from_str(&telling.thread.receipt).ok();
        if known.is_none() && telling.thread.tried {
            known = self.find_issue(notice)?;
        }
        let mut state = match known {
            Some(state) => state,
            None => self.open(notice)?,
        };
        if state.by != notice.id && state.last != notice.id {
            self.comment(&state, telling)
                .map_err(|error| state.failed(error))?;
        }
        state.last.clone_from(&notice.id);
        if notice.ends() || notice.kind == "test" {
            self.close(&state).map_err(|error| state.failed(error))?;
        }
        Ok(state.receipt())
    }
}

/// A notice in Markdown. What telemetry, alarms or people said stands in a fenced block, in which nothing is markup, a
/// mention or a reference; its fence is longer than any run of backticks inside.
fn text(notice: &Notice) -> String {
    let mut inside = plain(&notice.title, LINE);
    for line in notice.lines.iter().take(LINES) {
        inside.push('\n');
        inside.push_str(&plain(line, LINE));
    }
    let left = notice.lines.len().saturating_sub(LINES);
    if left > 0 {
        inside.push_str(&format!("\n({left} more lines)"));
    }
    let longest = inside
        .split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    let link = link(&notice.link).map_or(String::new(), |link| format!(" · [look at it]({link})"));
    format!(
        "{fence}text\n{inside}\n{fence}\n\n{} · {} · {}{link}\n\n",
        word(&notice.kind),
        notice.severity,
        notice.at
    )
}

/// A kind of notice: a word of ours, or nothing.
fn word(kind: &str) -> String {
    let known = kind.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    if known && kind.len() <= 40 {
        kind.replace('_', " ")
    } else {
        "news".to_string()
    }
}

/// An address that can stand in a link.
fn link(address: &str) -> Option<&str> {
    let safe = address.starts_with("https://") || address.starts_with("http://");
    let whole = address
        .chars()
        .all(|c| c.is_ascii_graphic() && !matches!(c, '(' | ')' | '<' | '>'));
    (safe && whole && address.len() <= 1_000).then_some(address)
}

#[cfg(test)]
#[path = "issues_tests.rs"]
mod tests;
