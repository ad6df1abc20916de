//! Systems Manager: runs of automation and commands, as changes of whom they were for.
//!
//! What a run was given is read for whom it was for, and kept nowhere; what a command ran is not read: both are their
//! owners'.

use std::collections::BTreeSet;

use aws_sdk_ssm::types::{
    AutomationExecutionFilter, AutomationExecutionFilterKey as Key, AutomationExecutionMetadata,
    AutomationExecutionStatus as Status, Command, CommandFilter, CommandFilterKey, CommandStatus,
};
use aws_smithy_types::date_time::{DateTime, Format};
use model::time::{SECOND, Timestamp};
use model::{Change, ChangeKind, EntityId, EntityKind, Severity, SourceKind};

use super::alarms::moment;
use super::ask::{Asking, Miss};
use super::found::{Found, plain};
use super::repeats::{Repeats, clip};
use crate::files::aws::names;
use crate::files::entities::Who;
use crate::files::hide;

/// Runs and commands of one answer: the most that may be asked for.
const PAGE: i32 = 50;
/// Runs that do not tell for whom they were in the list, and are asked about one by one.
const RUNS: usize = 3;

/// Runs of automation.
pub(super) async fn look(asking: &Asking<'_>) -> Found {
    let mut found = Found::default();
    let mut repeats = Repeats::default();
    if let Err(miss) = runs(asking, &mut found, &mut repeats).await {
        found.missed(asking, "what automation did", &miss);
    }
    repeats.pour(&mut found);
    found
}

/// Commands, which run on machines: where none is known, nobody is asked.
pub(super) async fn commands(asking: &Asking<'_>, known: &Found) -> Found {
    let mut found = Found::default();
    let mut repeats = Repeats::default();
    let mut met = known.directory.met.values();
    if met.any(|one| one.kind == EntityKind::Host)
        && let Err(miss) = ordered(asking, &mut found, &mut repeats).await
    {
        found.missed(asking, "which commands were run on machines", &miss);
    }
    repeats.pour(&mut found);
    found
}

/// A moment as filters of this service want it.
fn written(at: Timestamp) -> String {
    let seconds = DateTime::from_secs(at.0.div_euclid(SECOND));
    seconds.fmt(Format::DateTime).unwrap_or_default()
}

/// Just before now: what is told in a look was before it.
fn before(at: Timestamp, asking: &Asking<'_>) -> Timestamp {
    at.min(Timestamp(asking.now.0.saturating_sub(1)))
}

async fn runs(asking: &Asking<'_>, found: &mut Found, repeats: &mut Repeats) -> Result<(), Miss> {
    let since = asking.reaches_back();
    let after = AutomationExecutionFilter::builder()
        .key(Key::StartTimeAfter)
        .values(written(since))
        .build();
    let sent = asking
        .place
        .systems
        .describe_automation_executions()
        .set_filters(after.ok().map(|one| vec![one]))
        .max_results(PAGE)
        .send();
    let answer = asking
        .ask("ssm:DescribeAutomationExecutions", 1, sent)
        .await?;
    found.seen.insert(SourceKind::Changes);
    if answer.next_token().is_some() {
        let detail = format!("{PAGE} runs of automation were read");
        let gap = asking.cut("all runs of automation", detail, "shorten changes");
        found.gaps.push(gap);
    }
    let mut asked = 0;
    for one in answer.automation_execution_metadata_list() {
        let Some(began) = one.execution_start_time().map(moment) else {
            continue;
        };
        // What a run starts in its turn is part of it.
        let child = one
            .parent_automation_execution_id()
            .is_some_and(|id| !id.is_empty());
        if child || !(since..asking.now).contains(&began) {
            continue;
        }
        let mut targets = told_targets(one);
        if targets.is_empty() && asked < RUNS {
            asked += 1;
            // What was done does not get lost where it is not told for whom.
            targets = match given_targets(asking, one).await {
                Ok(targets) => targets,
                Err(miss) => {
                    found.missed(asking, "for whom automation ran", &miss);
                    asked = RUNS;
                    BTreeSet::new()
                }
            };
        }
        let entities: Vec<EntityId> = targets
            .into_iter()
            .map(|(kind, name)| found.there(asking, kind, &name))
            .collect();
        ran(asking, (one, began), entities, found, repeats);
    }
    Ok(())
}

/// For whom a run was, as the list tells it.
fn told_targets(one: &AutomationExecutionMetadata) -> BTreeSet<(EntityKind, String)> {
    let parameter = one.target_parameter_name().unwrap_or_default();
    let listed = one
        .targets()
        .iter()
        .filter(|target| matches!(target.key(), Some("ParameterValues" | "InstanceIds")))
        .flat_map(|target| target.values());
    let resolved = one.resolved_targets().map(|all| all.parameter_values());
    let single = one.target().map(str::to_string);
    listed
        .chain(resolved.unwrap_or_default())
        .chain(single.as_ref())
        .filter_map(|value| target(parameter, value))
        .collect()
}

/// For whom a run was, as what it was given tells it. Only what is named like a thing is looked at.
async fn given_targets(
    asking: &Asking<'_>,
    one: &AutomationExecutionMetadata,
) -> Result<BTreeSet<(EntityKind, String)>, Miss> {
    let Some(id) = one.automation_execution_id() else {
        return Ok(BTreeSet::new());
    };
    let sent = asking
        .place
        .systems
        .get_automation_execution()
        .automation_execution_id(id)
        .send();
    let answer = asking.ask("ssm:GetAutomationExecution", 1, sent).await?;
    let given = answer
        .automation_execution()
        .and_then(|run| run.parameters());
    let given = given.into_iter().flatten();
    let named = given.flat_map(|(name, values)| {
        let telling = names::telling(singular(name));
        let values = values.iter().filter(move |_| telling);
        values.filter_map(move |value| target(name, value))
    });
    Ok(named.collect())
}

/// `InstanceId` for `InstanceIds`.
fn singular(name: &str) -> &str {
    name.strip_suffix('s').unwrap_or(name)
}

/// Whom a value of a parameter of this name means.
fn target(parameter: &str, value: &str) -> Option<(EntityKind, String)> {
    if value.starts_with("i-") && !value.contains(':') {
        return Some((EntityKind::Host, clip(value)));
    }
    match names::most_telling(std::iter::once((singular(parameter), value)))? {
        Who::Named(kind, name) if kind != EntityKind::Unknown && !name.is_empty() => {
            Some((kind, clip(&name)))
        }
        _ => None,
    }
}

/// One run as a change; one that failed is an event too.
fn ran(
    asking: &Asking<'_>,
    (one, began): (&AutomationExecutionMetadata, Timestamp),
    entities: Vec<EntityId>,
    found: &mut Found,
    repeats: &mut Repeats,
) {
    let document = one.document_name().unwrap_or_default();
    let short = names::arn(document).1;
    let id = one.automation_execution_id().unwrap_or_default();
    let end = one.execution_end_time().map_or(began, moment);
    let end = end.clamp(began, asking.now);
    let status = one.automation_execution_status();
    let failed = matches!(
        status,
        Some(Status::Failed | Status::Timedout | Status::CompletedWithFailure)
    );
    let mut title = format!("automation {short}");
    if !matches!(
        status,
        None | Some(Status::Success | Status::CompletedWithSuccess)
    ) {
        title += &format!(": {}", status.map_or("", |status| status.as_str()));
    }
    if failed {
        let said = one.failure_message().unwrap_or("it does not say why");
        let said = hide(said).unwrap_or_else(|| said.to_string());
        let message = format!("automation {short} failed: {said}");
        let reason = ("ssm", "AutomationFailed");
        let at = before(end, asking);
        if entities.is_empty() {
            let own = found.named(EntityKind::Unknown, &format!("ssm.automation/{short}"));
            repeats.say(&own, at, reason, &message, Severity::Warn);
        }
        for entity in &entities {
            repeats.say(entity, at, reason, &message, Severity::Warn);
        }
        found.seen.insert(SourceKind::Events);
    }
    found.changes.push(Change {
        id: format!("ssm:automation:{short}:{id}"),
        kind: ChangeKind::Maintenance,
        actor: one.executed_by().map(clip).unwrap_or_default(),
        version: one.document_version().unwrap_or_default().to_string(),
        ..plain(&title, (began, end), entities)
    });
}

async fn ordered(
    asking: &Asking<'_>,
    found: &mut Found,
    repeats: &mut Repeats,
) -> Result<(), Miss> {
    let since = asking.reaches_back();
    let after = CommandFilter::builder()
        .key(CommandFilterKey::InvokedAfter)
        .value(written(since))
        .build();
    let sent = asking
        .place
        .systems
        .list_commands()
        .set_filters(after.ok().map(|one| vec![one]))
        .max_results(PAGE)
        .send();
    let answer = asking.ask("ssm:ListCommands", 1, sent).await?;
    found.seen.insert(SourceKind::Changes);
    if answer.next_token().is_some() {
        let detail = format!("{PAGE} commands were read");
        let gap = asking.cut("all commands", detail, "shorten changes");
        found.gaps.push(gap);
    }
    for one in answer.commands() {
        // An emulator that leaves the time out of account must not make old commands new ones.
        let at = one.requested_date_time().map(moment);
        if let Some(at) = at.filter(|at| (since..asking.now).contains(at)) {
            commanded(asking, (one, at), found, repeats);
        }
    }
    Ok(())
}

/// One command as a change of the machines that it was run on. What was run is its owner's.
fn commanded(
    asking: &Asking<'_>,
    (one, at): (&Command, Timestamp),
    found: &mut Found,
    repeats: &mut Repeats,
) {
    let document = names::arn(one.document_name().unwrap_or_default()).1;
    let listed = one
        .targets()
        .iter()
        .filter(|target| target.key() == Some("InstanceIds"))
        .flat_map(|target| target.values());
    let machines: BTreeSet<&String> = one.instance_ids().iter().chain(listed).collect();
    let entities: Vec<EntityId> = machines
        .into_iter()
        .map(|machine| found.there(asking, EntityKind::Host, machine))
        .collect();
    let mut title = format!("command {document} on {} machines", one.target_count());
    let status = one.status();
    if !matches!(status, None | Some(CommandStatus::Success)) {
        title += &format!(": {}", one.status_details().unwrap_or_default());
    }
    if matches!(
        status,
        Some(CommandStatus::Failed | CommandStatus::TimedOut)
    ) {
        let said = one.status_details().unwrap_or_default();
        let (bad, all) = (one.error_count(), one.target_count());
        let message = format!("command {document} failed on {bad} of {all} machines: {said}");
        for entity in &entities {
            repeats.say(
                entity,
                at,
                ("ssm", "CommandFailed"),
                &message,
                Severity::Warn,
            );
        }
        found.seen.insert(SourceKind::Events);
    }
    found.changes.push(Change {
        id: format!(
            "ssm:command:{document}:{}",
            one.command_id().unwrap_or_default()
        ),
        kind: ChangeKind::Maintenance,
        ..plain(&title, (at, at), entities)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_mean_whom_their_parameters_name() {
        let of = |parameter: &str, value: &str| {
            target(parameter, value).map(|(kind, name)| format!("{} {name}", kind.word()))
        };
        let some = |text: &str| Some(text.to_string());
        assert_eq!(of("InstanceIds", "i-0abc"), some("host i-0abc"));
        assert_eq!(of("FunctionName", "pay"), some("function pay"));
        assert_eq!(
            of("DBInstanceIdentifier", "orders"),
            some("database orders")
        );
        let arn = "arn:aws:dynamodb:eu-west-1:1:table/ledger";
        assert_eq!(of("ResourceArn", arn), some("table ledger"));
        for nobody in ["", "hello", "arn:aws:kms:eu-west-1:1:key/a"] {
            assert_eq!(of("Comment", nobody), None, "{nobody}");
        }
    }

    #[test]
    fn filters_get_whole_seconds() {
        let at = Timestamp(1_767_225_600 * SECOND + 7);
        assert_eq!(written(at), "2026-01-01T00:00:00Z");
        assert!(!written(Timestamp(i64::MIN)).contains('.'));
    }
}
