//! What is asked alike of those who host code, and of a repository on this machine: commits with their diffs, what was
//! deployed and which commits that carried, and what was taken back.
//!
//! Ids are those of what the same hosts post ([`crate::delivery`]): what was pushed and what was asked for is one change.

use std::collections::{BTreeMap, BTreeSet};

use model::query::{Gap, GapReason};
use model::time::{MINUTE, Span, TimeWindow, Timestamp};
use model::{Change, ChangeKind, EntityId, SourceKind};

use crate::delivery;
use crate::delivery::changes::{Touched, change, touched};
#[cfg(any(feature = "github", feature = "gitlab"))]
use crate::pull::GREETING;
#[cfg(any(feature = "github", feature = "gitlab"))]
use crate::pull::kept::Shelf;
use crate::pull::{Brought, Look, Missed, Source, dated};
#[cfg(any(feature = "github", feature = "gitlab"))]
use serde_json::Value;

/// Bytes of a commit's diff that are kept.
const LONGEST_DIFF: usize = 256 << 10;
/// Files of a commit that are named.
const MOST_FILES: usize = 1_000;
/// Commits that one deployment is said to carry at most.
const MOST_CARRIED: usize = 200;
/// Elements of one answer, as many as such hosts give.
#[cfg(any(feature = "github", feature = "gitlab"))]
pub(crate) const PAGE: usize = 100;
/// Pages of commits.
#[cfg(any(feature = "github", feature = "gitlab"))]
const PAGES: usize = 3;
/// Questions about the past begin on the hour, so that the answer to an earlier one is the answer to this one.
const HOUR: i64 = 60 * MINUTE;

/// What is watched, and whom it touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Repositories, by their full names.
    pub repositories: Vec<String>,
    /// Which entities a repository's changes touch; the service of its own name, unless it is named.
    pub touches: Touched,
    /// How far back changes are asked for.
    pub since: Span,
    /// Commits of one repository whose diffs one look reads, the newest.
    pub diffs: u64,
}

impl Watched {
    /// From when on: at least since the time that is looked at began, and on the hour.
    pub(crate) fn from(&self, hull: TimeWindow, now: Timestamp) -> Timestamp {
        let from = hull.from().min(now.minus(self.since));
        Timestamp(from.0.div_euclid(HOUR).saturating_mul(HOUR))
    }
}

/// One commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Commit {
    pub sha: String,
    /// When it came onto the branch.
    pub at: Timestamp,
    pub message: String,
    pub actor: String,
}

/// What it altered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Altered {
    pub files: Vec<String>,
    pub diff: String,
    /// Parts of the diff were withheld or left out.
    pub cut: bool,
}

impl Altered {
    /// Takes a file over, with the hunks of its diff; for a renamed one with the path that it had before.
    pub fn file(&mut self, before: &str, path: &str, hunks: Option<&str>) {
        if path.is_empty() || self.files.len() >= MOST_FILES {
            self.cut |= !path.is_empty();
            return;
        }
        let plain = |path: &str| delivery::name(&path.replace(['\n', '\r'], " "));
        let (before, path) = (plain(before), plain(path));
        match hunks.filter(|hunks| !hunks.trim().is_empty()) {
            Some(hunks) if self.diff.len() + hunks.len() <= LONGEST_DIFF => {
                let before = if before.is_empty() { &path } else { &before };
                self.diff += &format!("--- a/{before}\n+++ b/{path}\n{}\n", hunks.trim_end());
            }
            // Binary files have none; those that are too long are withheld.
            _ => self.cut = true,
        }
        self.files.push(path);
    }

    /// Takes over that a file was altered, which stands in the diff as a whole.
    #[cfg(feature = "git")]
    pub fn named(&mut self, path: &str) {
        if self.files.len() < MOST_FILES {
            self.files.push(delivery::name(path));
        }
    }

    /// A whole diff at once, as `git` writes it.
    #[cfg(feature = "git")]
    pub fn text(&mut self, diff: &str) {
        let end = (0..=diff.len().min(LONGEST_DIFF))
            .rev()
            .find(|end| diff.is_char_boundary(*end))
            .unwrap_or(0);
        self.cut |= end < diff.len();
        self.diff = diff.get(..end).unwrap_or_default().to_string();
    }
}

/// A list as far as it was read.
pub(crate) struct Listed<T> {
    pub list: Vec<T>,
    /// Why there is more than that, if there is.
    pub cut: Option<Cut>,
    /// When the oldest was that was read, those among them of which nothing is told.
    pub back: Option<Timestamp>,
}

/// Why a list was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// It is longer than what is read.
    Long,
    /// It says that there is a next page, and none brings anything new.
    Stuck,
}

/// One who hosts code. Every question is one of a look's.
pub(crate) trait Forge {
    /// The commits of the watched branch from then on, the newest first.
    fn commits(
        &self,
        look: &mut Look<'_>,
        of: &str,
        from: Timestamp,
    ) -> Result<Listed<Commit>, Missed>;
    /// What one commit altered.
    fn altered(&self, look: &mut Look<'_>, of: &str, sha: &str) -> Result<Altered, Missed>;
    /// Deployments from then on, without those whom they touch; by environment.
    fn deployments(
        &self,
        look: &mut Look<'_>,
        of: &str,
        from: Timestamp,
        now: Timestamp,
    ) -> Result<Listed<(String, Change)>, Missed>;
    /// Runs of what deploys, from then on, without those whom they touch.
    fn runs(
        &self,
        look: &mut Look<'_>,
        of: &str,
        from: Timestamp,
        now: Timestamp,
    ) -> Result<Listed<Change>, Missed>;
    /// What a token must be allowed for such a part: `commits`, `deployments` or `runs`.
    fn scope(&self, part: &str) -> String;
}

/// The elements of an answer that is a list.
#[cfg(any(feature = "github", feature = "gitlab"))]
pub(crate) fn list(answer: Value) -> Result<Vec<Value>, Missed> {
    match answer {
        Value::Array(list) => Ok(list),
        _ => Err(Missed::Strange("a list was expected".to_string())),
    }
}

/// Whether a page that is the only one that is read is all there is: it is not if a next one is told of, unless what is
/// `older` than what is wanted stands on it already. An empty page that leads on leads nowhere.
#[cfg(any(feature = "github", feature = "gitlab"))]
pub(crate) fn cut(more: bool, empty: bool, older: bool) -> Option<Cut> {
    match (more && !older, empty) {
        (false, _) => None,
        (true, false) => Some(Cut::Long),
        (true, true) => Some(Cut::Stuck),
    }
}

/// Commits from then on, page by page, as `commit` reads them. A server that gives nothing new on a page is not asked for
/// more.
#[cfg(any(feature = "github", feature = "gitlab"))]
pub(crate) fn paged(
    shelf: &Shelf,
    look: &mut Look<'_>,
    path: &str,
    from: Timestamp,
    commit: impl Fn(&Value) -> Option<Commit>,
) -> Result<Listed<Commit>, Missed> {
    let mut commits: Vec<Commit> = Vec::new();
    let mut cut = None;
    for page in 1..=PAGES {
        let fields = [
            ("since", from.to_string()),
            ("per_page", PAGE.to_string()),
            ("page", page.to_string()),
        ];
        let told = shelf.ask(look, path, &fields)?;
        let answer = list(told.value)?;
        let full = answer.len() >= PAGE;
        let fresh: Vec<Commit> = answer
            .iter()
            .filter_map(&commit)
            .filter(|commit| !commits.iter().any(|known| known.sha == commit.sha))
            .collect();
        let stuck = fresh.is_empty();
        commits.extend(fresh);
        // Who says that there is a next page has one, however short this one is.
        cut = match (told.more, full, stuck) {
            (false, false, _) => None,
            (true, _, true) | (_, true, true) => Some(Cut::Stuck),
            (_, _, false) => Some(Cut::Long),
        };
        if cut != Some(Cut::Long) {
            break;
        }
    }
    Ok(Listed {
        cut,
        back: commits.iter().map(|commit| commit.at).min(),
        list: commits,
    })
}

/// Whether all that is watched may be read, each under its `path`: for people.
#[cfg(any(feature = "github", feature = "gitlab"))]
pub(crate) fn greet(
    source: &Source,
    shelf: &Shelf,
    watched: &Watched,
    deploying: &str,
    path: impl Fn(&str) -> String,
) -> Result<String, Missed> {
    let mut look = source.look_for(GREETING);
    let mut said = Vec::new();
    for of in &watched.repositories {
        let answer = shelf.ask(&mut look, &path(of), &[])?.value;
        let branch = delivery::said_at(&answer, &["default_branch"]);
        said.push(format!("{of} ({branch})"));
    }
    let sees = format!(
        "commits with their diffs, deployments and {deploying} that deploy; no metrics, logs, traces or states"
    );
    let said = format!("repositories {}", said.join(", "));
    Ok(source.greeting(&said, Span(0), &sees))
}

/// Everything that is watched.
pub(crate) fn look(
    forge: &dyn Forge,
    source: &Source,
    watched: &Watched,
    language: &str,
    hull: TimeWindow,
    now: Timestamp,
) -> Brought {
    let mut look = source.look();
    let mut brought = source.brought(language);
    let from = watched.from(hull, now);
    let mut answered = false;
    for of in &watched.repositories {
        answered |= repository(
            forge,
            source,
            watched,
            &mut look,
            (of, from, hull.from(), now),
            &mut brought,
        );
    }
    if answered {
        brought.seen = &[SourceKind::Changes];
        took_back(&mut brought.changes);
    } else if let Some(missed) = look.closed() {
        // One reason for all.
        brought.gaps = vec![missed.gap("changes", source.name())];
    }
    // Who committed what has a clock of his own; what the host did it tells by its own.
    for change in &mut brought.changes {
        if change.kind != ChangeKind::Commit {
            dated::shift(change, look.ahead());
        }
    }
    dated::until(now, source.name(), &mut brought);
    source.ended(&look, &mut brought);
    brought
}

/// One repository. Were its commits told?
fn repository(
    forge: &dyn Forge,
    source: &Source,
    watched: &Watched,
    look: &mut Look<'_>,
    (of, from, matters, now): (&str, Timestamp, Timestamp, Timestamp),
    brought: &mut Brought,
) -> bool {
    let entities = touched(&watched.touches, of);
    let gap = |part: &str, missed: &Missed| {
        let mut gap = missed.gap(&format!("changes of {of}: {part}"), source.name());
        if matches!(missed, Missed::Permission(_) | Missed::Refused(404, _)) {
            gap.why = GapReason::Permission;
            gap.how_to_close = format!(
                "check its name, and let the token of [connectors.{}] read it: {}",
                source.name(),
                forge.scope(part)
            );
        }
        gap.hiding([SourceKind::Changes])
    };
    let mut parts = Vec::new();
    let commits = match forge.commits(look, of, from) {
        Ok(commits) => {
            parts.extend(commits.cut.map(|why| ("commits", why, commits.back)));
            commits.list
        }
        Err(missed) => {
            brought.gaps.push(gap("commits", &missed));
            // Whoever may not read its commits may read nothing of it.
            return false;
        }
    };
    let mut without = 0;
    let mut why = None;
    for (at, commit) in commits.iter().enumerate() {
        let wanted = (at as u64) < watched.diffs && why.is_none();
        let altered = match wanted.then(|| forge.altered(look, of, &commit.sha)) {
            Some(Ok(altered)) => altered,
            Some(Err(missed)) => {
                without += 1;
                why = Some(missed);
                Altered::default()
            }
            None => {
                without += 1;
                Altered::default()
            }
        };
        brought.changes.push(committed(commit, altered, &entities));
    }
    if without > 0 {
        let mut told = match &why {
            Some(missed) => gap("diffs", missed),
            None => Gap::new(
                format!("diffs of {of}"),
                GapReason::Budget,
                String::new(),
                format!("raise diffs in [connectors.{}]", source.name()),
            ),
        };
        let detail = format!(
            "{}: {without} commits stand without what they altered",
            source.name()
        );
        told.detail = match &why {
            Some(missed) => format!("{detail}: {missed}"),
            None => detail,
        };
        brought.gaps.push(told);
    }
    let shas: Vec<&str> = commits.iter().map(|commit| commit.sha.as_str()).collect();
    match forge.deployments(look, of, from, now) {
        Ok(deployments) => {
            parts.extend(
                deployments
                    .cut
                    .map(|why| ("deployments", why, deployments.back)),
            );
            let mut deployments = deployments.list;
            carry(&mut deployments, &shas);
            went_back(&mut deployments);
            brought
                .changes
                .extend(deployments.into_iter().map(|(_, change)| Change {
                    entities: entities.clone(),
                    ..change
                }));
        }
        Err(missed) => brought.gaps.push(gap("deployments", &missed)),
    }
    match forge.runs(look, of, from, now) {
        Ok(runs) => {
            parts.extend(runs.cut.map(|why| ("runs", why, runs.back)));
            brought
                .changes
                .extend(runs.list.into_iter().map(|change| Change {
                    entities: entities.clone(),
                    ..change
                }));
        }
        Err(missed) => brought.gaps.push(gap("runs", &missed)),
    }
    let name = source.name();
    brought
        .gaps
        .extend(parts.into_iter().map(|(part, why, back)| {
            let (reason, detail, remedy) = match why {
                Cut::Long => (
                    GapReason::Budget,
                    format!("{name}: there are more of them than were read"),
                    format!("shorten since in [connectors.{name}]"),
                ),
                Cut::Stuck => (
                    GapReason::Connector,
                    format!("{name}: it tells of a next page, and none brings anything new"),
                    format!("see what answers at {}", source.address()),
                ),
            };
            // The newest come first: what is missing is from before the time that is looked at.
            if why == Cut::Long && back.is_some_and(|back| back <= matters) {
                return Gap::new(format!("older {part} of {of}"), reason, detail, remedy);
            }
            let wanted = format!("changes of {of}: all {part}");
            Gap::new(wanted, reason, detail, remedy).hiding([SourceKind::Changes])
        }));
    true
}

/// A commit as a change. What looks like a secret is hidden in it.
pub(crate) fn committed(commit: &Commit, altered: Altered, entities: &[EntityId]) -> Change {
    let hidden = |text: String| crate::files::hide(&text).unwrap_or(text);
    let first_line = commit.message.lines().next().unwrap_or_default();
    Change {
        entities: entities.to_vec(),
        actor: delivery::name(&commit.actor),
        files: altered.files,
        diff: (!altered.diff.is_empty()).then(|| hidden(altered.diff)),
        // What it says that it takes back, until that is found.
        carries: reverted(&commit.message).into_iter().collect(),
        ..change(
            commit.sha.clone(),
            ChangeKind::Commit,
            commit.at,
            hidden(first_line.to_string()),
        )
    }
}

/// The commit that a message says it takes back, as `git revert` writes it.
fn reverted(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("This reverts commit ")?;
    let sha: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
    is_sha(&sha).then_some(sha)
}

/// Is it the name of a commit? Only such names are put into addresses.
pub(crate) fn is_sha(text: &str) -> bool {
    (7..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Commits that others took back are undone from then on.
pub(crate) fn took_back(changes: &mut [Change]) {
    let back: Vec<(String, Timestamp)> = changes
        .iter_mut()
        .filter(|change| change.kind == ChangeKind::Commit)
        .filter_map(|change| Some((change.carries.pop()?, change.start)))
        .collect();
    for (sha, at) in back {
        let same = |change: &&mut Change| {
            change.kind == ChangeKind::Commit && change.id.starts_with(&sha) && change.start <= at
        };
        if let Some(change) = changes.iter_mut().find(same) {
            change.undone = Some(change.undone.map_or(at, |known| known.min(at)));
        }
    }
}

/// A deployment carries the commits between the one before it, in the same environment, and its own; of the branch whose
/// commits these are, the newest first.
pub(crate) fn carry(deployments: &mut [(String, Change)], newest_first: &[&str]) {
    let place: BTreeMap<&str, usize> = newest_first
        .iter()
        .zip(0..)
        .map(|(sha, at)| (*sha, at))
        .collect();
    deployments.sort_by(|(_, a), (_, b)| (a.start, &a.id).cmp(&(b.start, &b.id)));
    let mut before: BTreeMap<String, usize> = BTreeMap::new();
    for (environment, change) in deployments {
        let Some(own) = change
            .carries
            .first()
            .and_then(|sha| place.get(sha.as_str()).copied())
        else {
            continue;
        };
        if let Some(earlier) = before.insert(environment.clone(), own)
            && earlier > own
        {
            let carried = newest_first.get(own..earlier).unwrap_or_default();
            change.carries = carried
                .iter()
                .take(MOST_CARRIED)
                .map(|sha| sha.to_string())
                .collect();
        }
    }
}

/// What a deployment put there: its own commit, which stands first among those that it carries, or its version.
fn stood(change: &Change) -> &str {
    change.carries.first().unwrap_or(&change.version)
}

/// A version that gave way to one that stood there before it was undone by that; in the same environment.
pub(crate) fn went_back(deployments: &mut [(String, Change)]) {
    deployments.sort_by(|(_, a), (_, b)| (a.start, &a.id).cmp(&(b.start, &b.id)));
    for at in 0..deployments.len() {
        let Some(((environment, change), later)) =
            deployments.get(at..).and_then(<[_]>::split_first)
        else {
            continue;
        };
        if stood(change).is_empty() {
            continue;
        }
        let earlier: BTreeSet<&str> = deployments
            .iter()
            .take(at)
            .filter(|(other, _)| other == environment)
            .map(|(_, change)| stood(change))
            .collect();
        let back = later
            .iter()
            .filter(|(other, _)| other == environment)
            .find(|(_, later)| stood(later) != stood(change) && earlier.contains(stood(later)))
            .map(|(_, later)| later.start);
        if let Some((_, change)) = deployments.get_mut(at) {
            change.undone = back;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployed(at: i64, environment: &str, version: &str) -> (String, Change) {
        let id = format!("{environment}:{at}");
        let mut change = change(id, ChangeKind::Deploy, Timestamp(at), String::new());
        change.version = version.to_string();
        change.carries = vec![version.to_string()];
        (environment.to_string(), change)
    }

    #[test]
    fn deployments_carry_what_lies_between_them_and_are_undone_by_what_was_there_before() {
        let mut all = vec![
            deployed(10, "live", "aaaaaaa"),
            deployed(20, "test", "ddddddd"),
            deployed(30, "live", "ccccccc"),
            deployed(40, "live", "aaaaaaa"),
            deployed(50, "live", "unknown"),
        ];
        carry(&mut all, &["ddddddd", "ccccccc", "bbbbbbb", "aaaaaaa"]);
        went_back(&mut all);
        let told: Vec<String> = all
            .iter()
            .map(|(_, c)| {
                format!(
                    "{} {} {:?}",
                    c.id,
                    c.carries.join("+"),
                    c.undone.map(|at| at.0)
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                "live:10 aaaaaaa None",
                "test:20 ddddddd None",
                "live:30 ccccccc+bbbbbbb Some(40)",
                "live:40 aaaaaaa None",
                "live:50 unknown None",
            ]
        );
    }

    #[test]
    fn a_commit_that_takes_another_back_undoes_it() {
        let commit = |sha: &str, at: i64, message: &str| Commit {
            sha: sha.repeat(40),
            at: Timestamp(at),
            message: message.to_string(),
            actor: String::new(),
        };
        let told = format!("Revert \"Pool\"\n\nThis reverts commit {}.", "a".repeat(40));
        let mut all: Vec<Change> = [
            commit("b", 20, &told),
            commit("a", 10, "Pool"),
            commit("c", 5, "This reverts commit none"),
        ]
        .iter()
        .map(|commit| committed(commit, Altered::default(), &[]))
        .collect();
        took_back(&mut all);
        let undone: Vec<Option<i64>> = all.iter().map(|c| c.undone.map(|at| at.0)).collect();
        assert_eq!(undone, [None, Some(20), None]);
        assert!(all.iter().all(|change| change.carries.is_empty()));
    }

    #[test]
    fn diffs_are_whole_or_said_to_be_cut() {
        let mut altered = Altered::default();
        altered.file("old.rs", "new.rs", Some("@@ -1 +1 @@\n-a\n+b"));
        altered.file("", "logo.png", None);
        assert_eq!(
            altered.diff,
            "--- a/old.rs\n+++ b/new.rs\n@@ -1 +1 @@\n-a\n+b\n"
        );
        assert_eq!(altered.files, ["new.rs", "logo.png"]);
        assert!(altered.cut);
        let mut long = Altered::default();
        long.text(&"ü".repeat(LONGEST_DIFF));
        assert!(long.cut && long.diff.len() <= LONGEST_DIFF);
        let secret = Altered {
            diff: format!("+token = \"ghp_{}\"", "a".repeat(36)),
            ..Altered::default()
        };
        let change = committed(&Commit::default(), secret, &[]);
        assert!(!change.diff.unwrap_or_default().contains("ghp_"));
    }
}
