//! A repository on this machine: its commits with their diffs, by the `git` program, which is only ever asked to read.
//!
//! Nothing that stands in the repository becomes an argument but hashes that are hashes, and nothing of its own
//! configuration that would run a program is heeded. What it was fetched from is not asked. Documented in
//! `docs/connectors/changes.md`.

mod program;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use model::query::{Gap, GapReason};
use model::source::{SourceLook, Spent};
use model::time::{Span, TimeWindow, Timestamp};
use model::{EntityId, SourceKind};

use crate::forge::{self, Altered, Commit, is_sha};
use crate::pull::{Brought, GREETING, Live, Missed, Patience, dated};
use program::Program;

/// Commits of one look.
const MOST: usize = 300;
/// Bytes of the list of commits.
const LIST: u64 = 4 << 20;
/// Bytes of one commit's diff.
const DIFF: u64 = 1 << 20;

/// What to read, and how long it may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The repository's folder.
    pub path: PathBuf,
    /// The branch, or whatever else names a commit; empty for what is checked out.
    pub branch: String,
    /// Entities that its commits touch.
    pub entities: Vec<EntityId>,
    /// How far back commits are read.
    pub since: Span,
    /// Commits whose diffs one look reads, the newest.
    pub diffs: u64,
    /// How long one run of the program may take.
    pub timeout: Span,
    /// How long one look may take.
    pub look: Span,
}

/// Can it name a branch here? Nothing that could be an option, a range or a path.
pub fn is_branch(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._/-".contains(&byte);
    !text.starts_with(['-', '/', '.'])
        && !text.contains("..")
        && text.len() <= 200
        && text.bytes().all(plain)
}

/// The reading end.
pub struct Eyes {
    name: String,
    settings: Settings,
    patience: Arc<dyn Patience>,
    /// Commits whose diffs are known: they never change.
    known: Mutex<Vec<(String, Altered)>>,
}

impl Eyes {
    /// As configured: `name` such as `git.shop`.
    pub fn new(name: &str, settings: Settings, patience: Arc<dyn Patience>) -> Self {
        Self {
            name: name.to_string(),
            settings,
            patience,
            known: Mutex::default(),
        }
    }

    fn program(&self, longest: Span) -> Program {
        Program::new(&self.settings.path, self.settings.timeout, longest)
    }

    /// The commits of the branch, the newest first; a merge counts as one commit, with all that it brought.
    fn commits(&self, program: &mut Program, from: Timestamp) -> Result<Vec<Commit>, Missed> {
        let branch = match self.settings.branch.as_str() {
            "" => "HEAD",
            branch => branch,
        };
        let output = program.run(
            &[
                "log",
                "-z",
                "--first-parent",
                "--no-show-signature",
                "--no-color",
                "--no-notes",
                &format!("--max-count={MOST}"),
                &format!("--since=@{}", from.seconds().max(0)),
                "--format=%H%n%ct%n%an%n%B",
                "--end-of-options",
                branch,
                "--",
            ],
            LIST,
        )?;
        Ok(commits(&output))
    }

    fn altered(&self, program: &mut Program, sha: &str) -> Result<Altered, Missed> {
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, altered)) = lock().iter().find(|(known, _)| known == sha) {
            return Ok(altered.clone());
        }
        let output = program.run(
            &[
                "show",
                "--format=",
                "--patch",
                "-m",
                "--first-parent",
                "--find-renames",
                "--no-show-signature",
                "--no-color",
                "--no-ext-diff",
                "--no-textconv",
                "--no-notes",
                "--end-of-options",
                sha,
                "--",
            ],
            DIFF,
        )?;
        let altered = altered(&output);
        let mut known = lock();
        if known.len() >= MOST {
            known.remove(0);
        }
        known.push((sha.to_string(), altered.clone()));
        Ok(altered)
    }

    fn without(&self, wanted: &str, missed: &Missed) -> Gap {
        let mut gap = missed.gap(wanted, &self.name);
        gap.how_to_close = match missed {
            Missed::Timeout(_) | Missed::Budget(_) | Missed::TooLong(_) => format!(
                "lower diffs, or raise timeout and look, in [connectors.{}]",
                self.name
            ),
            _ => format!(
                "check path and branch in [connectors.{}], that the git program is installed, and that the repository may be read by \
                 whoever runs this (git: safe.directory)",
                self.name
            ),
        };
        gap
    }
}

/// Takes a list of commits apart.
fn commits(output: &[u8]) -> Vec<Commit> {
    output
        .split(|byte| *byte == 0)
        .filter_map(|record| {
            let record = String::from_utf8_lossy(record);
            let mut parts = record.splitn(4, '\n');
            let sha = parts.next()?.trim();
            let at = Timestamp::from_seconds(parts.next()?.parse().ok()?);
            let actor = parts.next()?;
            let message = parts.next().unwrap_or_default();
            is_sha(sha).then(|| Commit {
                sha: sha.to_string(),
                at,
                message: message.chars().take(4_000).collect(),
                actor: actor.to_string(),
            })
        })
        .collect()
}

/// A diff, and the files that it names: no line of a file's begins like the head of one.
fn altered(output: &[u8]) -> Altered {
    let text = String::from_utf8_lossy(output);
    let mut altered = Altered::default();
    altered.text(text.trim_start());
    for head in text
        .lines()
        .filter_map(|line| line.strip_prefix("diff --git "))
    {
        let path = head.rsplit_once(" b/").map_or(head, |(_, path)| path);
        altered.named(path.trim_end_matches('"'));
    }
    altered
}

impl Live for Eyes {
    fn name(&self) -> &str {
        &self.name
    }

    fn look(&self, hull: TimeWindow, now: Timestamp) -> Brought {
        let mut program = self.program(self.settings.look);
        let mut brought = Brought {
            asked: SourceLook {
                name: self.name.clone(),
                language: "git".to_string(),
                address: self.settings.path.display().to_string(),
                ..SourceLook::default()
            },
            ..Brought::default()
        };
        let from = hull.from().min(now.minus(self.settings.since));
        match self.commits(&mut program, from) {
            Ok(commits) => {
                brought.seen = &[SourceKind::Changes];
                if commits.len() >= MOST {
                    let gap = Gap::new(
                        format!("all commits of {}", self.name),
                        GapReason::Budget,
                        format!("only the newest {MOST} were read"),
                        format!("shorten since in [connectors.{}]", self.name),
                    );
                    let back = commits.iter().map(|commit| commit.at).min();
                    let lately = back.is_none_or(|back| back > hull.from());
                    brought
                        .gaps
                        .push(gap.hiding(lately.then_some(SourceKind::Changes)));
                }
                let mut why = None;
                let mut without = 0;
                for (at, commit) in commits.iter().enumerate() {
                    let wanted = (at as u64) < self.settings.diffs && why.is_none();
                    let altered = match wanted.then(|| self.altered(&mut program, &commit.sha)) {
                        Some(Ok(altered)) => altered,
                        told => {
                            why = why.or(told.and_then(Result::err));
                            without += 1;
                            Altered::default()
                        }
                    };
                    let change = forge::committed(commit, altered, &self.settings.entities);
                    brought.changes.push(change);
                }
                if without > 0 {
                    // What could not be read, beside what nobody asked to be read.
                    let wanted = match &why {
                        Some(_) => format!("changes of {}: diffs", self.name),
                        None => format!("diffs of {}", self.name),
                    };
                    let missed = why.unwrap_or_else(|| {
                        Missed::Budget(format!("{without} commits stand without their diffs"))
                    });
                    let gap = self.without(&wanted, &missed);
                    let untold = wanted.starts_with("changes");
                    brought
                        .gaps
                        .push(gap.hiding(untold.then_some(SourceKind::Changes)));
                }
                forge::took_back(&mut brought.changes);
                dated::until(now, &self.name, &mut brought);
            }
            Err(missed) => brought.gaps.push(self.without("changes", &missed)),
        }
        brought.asked.spent = Spent {
            requests: program.runs(),
            retries: 0,
            bytes: program.bytes(),
            micro_usd: 0,
        };
        brought
    }

    fn gap(&self, missed: &Missed) -> Gap {
        self.without("", missed)
    }

    fn greet(&self) -> Result<String, Missed> {
        let mut program = self.program(GREETING);
        let now = self.patience.now();
        let commits = self.commits(&mut program, now.minus(self.settings.since))?;
        let newest = commits.first().map_or("none".to_string(), |commit| {
            format!(
                "the newest {}",
                commit.sha.chars().take(8).collect::<String>()
            )
        });
        Ok(format!(
            "{} commits in the last {}, {newest}. It sees commits with their diffs as they lie here; nothing is fetched",
            commits.len(),
            self.settings.since
        ))
    }
}
