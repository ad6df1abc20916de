//! Releases: executions of pipelines and deployments of `CodeDeploy`, as changes of what they bring out.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_codepipeline::types::{
    ActionCategory, PipelineDeclaration, PipelineExecutionStatus as Ended, PipelineExecutionSummary,
};
use model::time::Timestamp;
use model::{Change, ChangeKind, EntityId, EntityKind, Severity, SourceKind};

use super::alarms::moment;
use super::ask::{Asking, Miss, is_name};
use super::found::Found;
use super::repeats::{Repeats, clip};
use super::stages::{self, Held};
use crate::files::aws::names;

/// A name of a pipeline is no longer.
const NAME: usize = 100;
/// Executions of one pipeline that are read, the newest first.
const EXECUTIONS: i32 = 25;
/// Letters of what a commit says that stand in a title.
const WORDS: usize = 120;

/// Executions of pipelines.
pub(super) async fn look(asking: &Asking<'_>, firing: &BTreeSet<EntityId>) -> Found {
    let mut found = Found::default();
    let mut repeats = Repeats::default();
    if let Err(miss) = pipelines(asking, firing, &mut found, &mut repeats).await {
        found.missed(asking, "what pipelines released", &miss);
    }
    repeats.pour(&mut found);
    found
}

async fn pipelines(
    asking: &Asking<'_>,
    firing: &BTreeSet<EntityId>,
    found: &mut Found,
    repeats: &mut Repeats,
) -> Result<(), Miss> {
    let sent = asking.place.pipelines.list_pipelines().send();
    let answer = asking.ask("codepipeline:ListPipelines", 1, sent).await?;
    found.seen.insert(SourceKind::Changes);
    // A pipeline is nothing that breaks: its name only puts them in order, and none of them is met by it.
    let mut scratch = Found::default();
    let listed = answer
        .pipelines()
        .iter()
        .filter_map(|one| one.name())
        .filter(|name| is_name(name, NAME))
        .map(|name| (scratch.named(EntityKind::Unknown, name), name))
        .collect();
    let more = answer.next_token().is_some();
    let wanted = ("what pipelines released", "pipelines");
    for (_, name) in found.first(asking, firing, wanted, listed, more) {
        let sent = asking
            .place
            .pipelines
            .list_pipeline_executions()
            .pipeline_name(name)
            .max_results(EXECUTIONS)
            .send();
        let answer = asking
            .ask("codepipeline:ListPipelineExecutions", 1, sent)
            .await?;
        let since = asking.reaches_back();
        let lately: Vec<(Timestamp, &PipelineExecutionSummary)> = answer
            .pipeline_execution_summaries()
            .iter()
            .filter_map(|one| Some((moment(one.start_time()?), one)))
            .filter(|(at, _)| (since..asking.now).contains(at))
            .collect();
        if lately.is_empty() {
            continue;
        }
        let all = answer.pipeline_execution_summaries().len();
        if answer.next_token().is_some() && lately.len() == all {
            let detail = format!("the newest {all} executions of {name} were read");
            let how = "let changes be shorter";
            found
                .gaps
                .push(asking.cut("all that pipelines released", detail, how));
        }
        let sent = asking.place.pipelines.get_pipeline().name(name).send();
        let answer = asking.ask("codepipeline:GetPipeline", 1, sent).await?;
        let touched = answer.pipeline().map(|pipeline| brings(pipeline, found));
        let touched = touched.unwrap_or_default();
        let held = held(asking, name, &lately, found).await;
        for (began, one) in lately {
            let held = one.pipeline_execution_id().and_then(|id| held.get(id));
            released(asking, name, (began, one), held, &touched, found, repeats);
        }
    }
    Ok(())
}

/// What holds those executions that did not end well; nobody is asked where all did.
async fn held(
    asking: &Asking<'_>,
    name: &str,
    lately: &[(Timestamp, &PipelineExecutionSummary)],
    found: &mut Found,
) -> BTreeMap<String, Held> {
    let ended = |one: &PipelineExecutionSummary| {
        let well = [Ended::Succeeded, Ended::Superseded, Ended::Cancelled];
        one.status().is_some_and(|status| well.contains(status))
    };
    if lately.iter().all(|(_, one)| ended(one)) {
        return BTreeMap::new();
    }
    let sent = asking.place.pipelines.get_pipeline_state();
    let sent = sent.name(name).send();
    match asking.ask("codepipeline:GetPipelineState", 1, sent).await {
        Ok(answer) => stages::held(answer.stage_states()),
        Err(miss) => {
            found.missed(asking, &format!("which stage of {name} holds what"), &miss);
            BTreeMap::new()
        }
    }
}

/// What a pipeline brings out, as its actions that deploy name it.
fn brings(pipeline: &PipelineDeclaration, found: &mut Found) -> Vec<EntityId> {
    let actions = pipeline.stages().iter().flat_map(|stage| stage.actions());
    let deploys = actions.filter(|action| {
        let category = action.action_type_id().map(|one| one.category());
        category == Some(&ActionCategory::Deploy)
    });
    let mut touched = BTreeSet::new();
    for action in deploys {
        for (name, value) in action.configuration().into_iter().flatten() {
            let kind = match name.as_str() {
                "ServiceName" => EntityKind::Service,
                "FunctionName" => EntityKind::Function,
                "BucketName" => EntityKind::Table,
                _ => continue,
            };
            if !value.is_empty() {
                touched.insert(found.named(kind, names::arn(value).1));
            }
        }
    }
    touched.into_iter().collect()
}

/// One execution as a change; one that failed is an event too.
fn released(
    asking: &Asking<'_>,
    pipeline: &str,
    (began, one): (Timestamp, &PipelineExecutionSummary),
    held: Option<&Held>,
    touched: &[EntityId],
    found: &mut Found,
    repeats: &mut Repeats,
) {
    let status = one.status().map_or("", |status| status.as_str());
    let end = one
        .last_update_time()
        .map_or(began, moment)
        .clamp(began, asking.now);
    // What never got further than its queue brought nothing.
    if matches!(one.status(), Some(Ended::Superseded | Ended::Cancelled)) {
        return;
    }
    let mut title = format!("pipeline {pipeline}");
    let mut carries = Vec::new();
    for source in one.source_revisions() {
        let id = source.revision_id().unwrap_or_default();
        let commit = id.len() == 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let short: String = id.chars().take(if commit { 12 } else { 40 }).collect();
        title += &format!(" released {short}");
        let said = source.revision_summary().and_then(summary);
        if let Some(said) = said.filter(|said| !said.is_empty()) {
            title += &format!(" ({said})");
        }
        if commit {
            carries.push(id.to_string());
        }
    }
    if one.rollback_metadata().is_some() {
        title += ", going back";
    }
    let done = matches!(one.status(), Some(Ended::Succeeded));
    let place = held.map_or("", |held| held.place.as_str());
    if !done {
        title += &format!(": {status}{place}");
    }
    if one.status() == Some(&Ended::Failed) {
        let said = held.map(|held| held.why.as_str());
        let said = said.filter(|said| !said.is_empty());
        let why = said.or(one.status_summary());
        let why = why.unwrap_or("it does not say why");
        let message = format!("pipeline {pipeline} failed{place}: {why}");
        for entity in touched {
            let reason = ("codepipeline", "PipelineExecutionFailed");
            repeats.say(entity, end, reason, &message, Severity::Warn);
        }
        found.seen.insert(SourceKind::Events);
    }
    let version = one
        .source_revisions()
        .first()
        .and_then(|one| one.revision_id());
    found.changes.push(Change {
        id: format!(
            "codepipeline:{}",
            one.pipeline_execution_id().unwrap_or_default()
        ),
        kind: ChangeKind::Deploy,
        start: began,
        end,
        entities: touched.to_vec(),
        actor: one
            .trigger()
            .and_then(|one| one.trigger_detail())
            .map(clip)
            .unwrap_or_default(),
        title,
        files: Vec::new(),
        diff: None,
        version: version.unwrap_or_default().to_string(),
        carries,
        undone: None,
        raw: model::telemetry::RawRef::default(),
    });
}

/// The first line of what a commit says. Some hosts hand it over as a document around it.
fn summary(text: &str) -> Option<String> {
    let document: Option<BTreeMap<String, String>> = serde_json::from_str(text).ok();
    let inner = document.as_ref().and_then(|one| one.get("CommitMessage"));
    let line = inner.map_or(text, String::as_str).lines().next()?;
    Some(line.chars().take(WORDS).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_says_one_line() {
        let said = |text: &str| summary(text).unwrap_or_default();
        assert_eq!(said("Round half up\n\nBecause."), "Round half up");
        let wrapped = r#"{"ProviderType":"GitHub","CommitMessage":"Round half up\nmore"}"#;
        assert_eq!(said(wrapped), "Round half up");
        assert_eq!(said(""), "");
        assert_eq!(said(&"x".repeat(1_000)).len(), WORDS);
    }
}
