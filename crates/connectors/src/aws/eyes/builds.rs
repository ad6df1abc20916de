//! Builds of `CodeBuild`: changes of what they bring out, and why those that failed did.
//!
//! A build does not say what it brings out. Where one thing that is there bears the name of its project, it is taken for
//! that thing's; else the change is the project's own. Variables of builds are not read: too many of them are secrets.

use std::collections::BTreeMap;

use aws_sdk_codebuild::types::{Build, BuildPhase, BuildPhaseType, SortOrderType, StatusType};
use model::time::Timestamp;
use model::{Change, ChangeKind, Entity, EntityId, EntityKind, Severity, SourceKind};

use super::alarms::moment;
use super::ask::{Asking, Miss};
use super::found::Found;
use super::repeats::{Repeats, clip};
use crate::files::hide;

/// How a build's change is called.
const ID: &str = "codebuild:";
/// Builds of which one question tells.
const AT_ONCE: usize = 50;
/// Such questions, of the newest builds first.
const QUESTIONS: usize = 2;
/// How a build says that a pipeline started it.
const PIPELINE: &str = "codepipeline/";
/// Words around the name of what a project builds: `web-build`, `deploy-web`.
const AROUND: [&str; 8] = [
    "build",
    "builds",
    "codebuild",
    "deploy",
    "image",
    "project",
    "release",
    "ci",
];

/// What one build has to tell.
struct Told {
    project: String,
    change: Option<Change>,
    /// When and why it failed.
    failed: Option<(Timestamp, String)>,
}

/// What was built, until it is known what is there.
#[derive(Default)]
pub(super) struct Builds(Vec<Told>);

/// Builds of late.
pub(super) async fn look(asking: &Asking<'_>) -> (Found, Builds) {
    let mut found = Found::default();
    let mut builds = Builds::default();
    if let Err(miss) = listed(asking, &mut found, &mut builds).await {
        found.missed(asking, "what was built", &miss);
    }
    (found, builds)
}

async fn listed(asking: &Asking<'_>, found: &mut Found, builds: &mut Builds) -> Result<(), Miss> {
    let newest = SortOrderType::Descending;
    let sent = asking.place.builds.list_builds().sort_order(newest).send();
    let answer = asking.ask("codebuild:ListBuilds", 1, sent).await?;
    found.seen.insert(SourceKind::Changes);
    let since = asking.reaches_back();
    let mut ids = answer.ids().to_vec();
    ids.retain(|id| !id.is_empty());
    let mut over = ids.is_empty();
    for some in ids.chunks(AT_ONCE).take(QUESTIONS) {
        let sent = asking
            .place
            .builds
            .batch_get_builds()
            .set_ids(Some(some.to_vec()))
            .send();
        let answer = asking.ask("codebuild:BatchGetBuilds", 1, sent).await?;
        for build in answer.builds() {
            let Some(began) = build.start_time().map(moment) else {
                continue;
            };
            over |= began < since;
            let end = build.end_time().map_or(asking.now, moment);
            if end >= since && began < asking.now {
                builds.take(asking, began, build);
            }
        }
        // What is older than the time that counts ends it: the newest stand first.
        if over {
            break;
        }
    }
    let most = AT_ONCE * QUESTIONS;
    if !over && (ids.len() > most || answer.next_token().is_some()) {
        let detail = format!("the newest {most} builds were read");
        let gap = asking.cut("all builds", detail, "shorten changes");
        found.gaps.push(gap);
    }
    Ok(())
}

/// Is it a bad end? That somebody stopped it is none.
fn bad(status: Option<&StatusType>) -> bool {
    matches!(
        status,
        Some(StatusType::Failed | StatusType::Fault | StatusType::TimedOut)
    )
}

/// Did a build that ended in this phase bring out nothing?
fn early(phase: &BuildPhase) -> bool {
    use BuildPhaseType::{DownloadSource, Install, PreBuild, Provisioning, Queued, Submitted};
    matches!(
        phase.phase_type(),
        Some(Submitted | Queued | Provisioning | DownloadSource | Install | PreBuild)
    )
}

fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl Builds {
    fn take(&mut self, asking: &Asking<'_>, began: Timestamp, build: &Build) {
        let project = build.project_name().unwrap_or_default();
        let id = build.id().unwrap_or_default();
        if project.is_empty() || id.is_empty() {
            return;
        }
        let end = build.end_time().map_or(began, moment);
        let end = end.clamp(began, asking.now.max(began));
        let phase = build.phases().iter().find(|one| bad(one.phase_status()));
        let place = phase
            .and_then(|one| one.phase_type())
            .map_or(String::new(), |phase| format!(" in {}", phase.as_str()));
        let failed = bad(build.build_status());
        let brought = !(failed && phase.is_some_and(early));
        self.0.push(Told {
            project: project.to_string(),
            change: brought.then(|| change(build, (began, end), &place)),
            failed: failed.then(|| {
                let why = phase.map_or(String::new(), why);
                let at = end.min(Timestamp(asking.now.0.saturating_sub(1)));
                (at, clip(&format!("build {id} failed{place}: {why}")))
            }),
        });
    }

    /// Tells it of what is there: of whom a project bears the name, else of the project itself.
    pub fn tell(self, found: &mut Found) {
        if self.0.is_empty() {
            return;
        }
        let entities = found.map().entities;
        let mut whose: BTreeMap<String, EntityId> = BTreeMap::new();
        let mut repeats = Repeats::default();
        for told in self.0 {
            let who = match whose.get(&told.project) {
                Some(who) => who.clone(),
                None => match bears(&entities, &told.project) {
                    Some(who) => who.clone(),
                    None => {
                        let name = format!("codebuild.project/{}", told.project);
                        found.named(EntityKind::Unknown, &name)
                    }
                },
            };
            if let Some((at, message)) = told.failed {
                let reason = ("codebuild", "BuildFailed");
                repeats.say(&who, at, reason, &message, Severity::Warn);
                found.seen.insert(SourceKind::Events);
            }
            let known = |change: &Change| by_pipeline(change, &found.changes);
            if let Some(change) = told.change.filter(|change| !known(change)) {
                found.changes.push(Change {
                    entities: vec![who.clone()],
                    ..change
                });
            }
            whose.insert(told.project, who);
        }
        repeats.pour(found);
    }
}

/// What a build brought, as far as it tells.
fn change(build: &Build, (start, end): (Timestamp, Timestamp), place: &str) -> Change {
    let project = build.project_name().unwrap_or_default();
    let version = build
        .resolved_source_version()
        .or(build.source_version())
        .unwrap_or_default();
    let mut title = format!("build of {project}");
    if !version.is_empty() {
        let letters = if is_commit(version) { 12 } else { 60 };
        let short: String = version.chars().take(letters).collect();
        title += &format!(" from {short}");
    }
    match build.build_status() {
        Some(StatusType::Succeeded) | None => {}
        Some(status) => title += &format!(": {}{place}", status.as_str()),
    }
    let commit = Some(version).filter(|version| is_commit(version));
    Change {
        id: format!("{ID}{}", build.id().unwrap_or_default()),
        kind: ChangeKind::Deploy,
        start,
        end,
        entities: Vec::new(),
        actor: build.initiator().map(clip).unwrap_or_default(),
        title,
        files: Vec::new(),
        diff: None,
        version: clip(version),
        carries: commit.map(str::to_string).into_iter().collect(),
        undone: None,
        raw: model::telemetry::RawRef::default(),
    }
}

/// What a phase says of its end. Commands stand in it, and in these sometimes a secret.
fn why(phase: &BuildPhase) -> String {
    let said: Vec<String> = phase
        .contexts()
        .iter()
        .map(|context| {
            let code = context.status_code().unwrap_or_default();
            let message = context.message().unwrap_or_default();
            format!("{code}: {message}")
        })
        .collect();
    if said.is_empty() {
        return "it does not say why".to_string();
    }
    let said = said.join("; ");
    hide(&said).unwrap_or(said)
}

/// Does the pipeline that started this build tell of it itself?
fn by_pipeline(change: &Change, changes: &[Change]) -> bool {
    let Some(pipeline) = change.actor.strip_prefix(PIPELINE) else {
        return false;
    };
    let told = |title: &str| {
        let rest = title.strip_prefix("pipeline ")?.strip_prefix(pipeline)?;
        Some(rest.is_empty() || rest.starts_with([' ', ':', ',']))
    };
    changes.iter().any(|one| {
        one.id.starts_with("codepipeline:")
            && told(&one.title) == Some(true)
            && one.start <= change.start
            && one.end >= change.start
    })
}

/// The words of a name.
fn words(name: &str) -> Vec<String> {
    let words = name.split(|c: char| !c.is_alphanumeric());
    words
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// The one thing that runs code and bears the name of this project, with or without the words around it.
fn bears<'e>(entities: &'e [Entity], project: &str) -> Option<&'e EntityId> {
    let whole = words(project);
    let mut plain = &whole[..];
    let around = |word: &String| AROUND.contains(&word.as_str());
    while let Some((_, rest)) = plain.split_first().filter(|(first, _)| around(first)) {
        plain = rest;
    }
    while let Some((_, rest)) = plain.split_last().filter(|(last, _)| around(last)) {
        plain = rest;
    }
    for name in [&whole[..], plain] {
        let mut same = entities.iter().filter(|one| {
            let runs = matches!(
                one.kind,
                EntityKind::Service | EntityKind::Function | EntityKind::Workload
            );
            runs && !name.is_empty() && words(&one.name) == name
        });
        match (same.next(), same.next()) {
            (Some(one), None) => return Some(&one.id),
            // Of two it is not told which.
            (Some(_), Some(_)) => return None,
            (None, _) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_of_whom_it_bears_the_name() {
        let mut found = Found::default();
        found.named(EntityKind::Service, "shop-web");
        found.named(EntityKind::Function, "pay");
        found.named(EntityKind::Service, "pay");
        found.named(EntityKind::Service, "build");
        found.named(EntityKind::Table, "ledger");
        let entities = found.map().entities;
        let whose = |project: &str| bears(&entities, project).map(EntityId::as_str);
        assert_eq!(whose("shop-web"), Some("service/shop-web"));
        assert_eq!(whose("Build_Shop_Web-image"), Some("service/shop-web"));
        assert_eq!(whose("build"), Some("service/build"));
        for nobody in ["pay-build", "web", "ledger", "", "--", "ci"] {
            assert_eq!(whose(nobody), None, "{nobody}");
        }
    }

    #[test]
    fn what_a_phase_says_holds_no_secret() {
        use aws_sdk_codebuild::types::PhaseContext;
        let context = PhaseContext::builder()
            .status_code("COMMAND_EXECUTION_ERROR")
            .message(
                "Error while executing command: push AKIAIOSFODNN7EXAMPLA. Reason: exit status 1",
            );
        let phase = BuildPhase::builder().contexts(context.build()).build();
        let said = why(&phase);
        assert!(said.starts_with("COMMAND_EXECUTION_ERROR: Error while"));
        assert!(!said.contains("AKIAIOSFODNN7EXAMPLA"), "{said}");
        assert_eq!(why(&BuildPhase::builder().build()), "it does not say why");
    }
}
