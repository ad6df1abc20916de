//! State machines of Step Functions: how their executions end, where and why the newest of those that failed did, and
//! what they call.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_sfn::types::{ExecutionListItem, ExecutionStatus, HistoryEvent, StateMachineType};
use model::time::Timestamp;
use model::{EdgeKind, EntityId, EntityKind, Severity, SourceKind};
use serde_json::{Value, json};

use super::alarms::moment;
use super::ask::{Asking, Miss, is_name};
use super::found::Found;
use super::repeats::{Repeats, clip};
use crate::files::aws::names;

/// The ARN of a state machine is no longer.
const ARN: usize = 256;
/// Machines and executions of one answer.
const PAGE: i32 = 100;
/// Machines whose newest failure is read step by step, and whose definition is.
const HISTORIES: usize = 4;
/// Steps of a history that are read, from its end: a failure is told there.
const STEPS: i32 = 40;
/// Where in AWS's name of an integration no resource of anybody's is named.
const INTEGRATION: &str = ":states:::";

/// State machines.
pub(super) async fn look(asking: &Asking<'_>, firing: &BTreeSet<EntityId>) -> Found {
    let mut found = Found::default();
    if let Err(miss) = machines(asking, firing, &mut found).await {
        found.missed(asking, "state machines", &miss);
    }
    found
}

async fn machines(
    asking: &Asking<'_>,
    firing: &BTreeSet<EntityId>,
    found: &mut Found,
) -> Result<(), Miss> {
    let sent = asking
        .place
        .states
        .list_state_machines()
        .max_results(PAGE)
        .send();
    let answer = asking.ask("states:ListStateMachines", 1, sent).await?;
    found.seen.extend([SourceKind::State, SourceKind::Events]);
    let mut listed = Vec::new();
    for machine in answer.state_machines() {
        let entity = found.there(asking, EntityKind::Function, machine.name());
        let arn = machine.state_machine_arn();
        found.directory.label(&entity, "arn", arn);
        // Executions of express machines are not kept: their logs and metrics tell of them.
        if *machine.r#type() != StateMachineType::Express && is_name(arn, ARN) {
            listed.push((entity, arn));
        }
    }
    let wanted = ("how executions ended", "state machines");
    let more = answer.next_token().is_some();
    let mut repeats = Repeats::default();
    let mut told = 0;
    for (entity, arn) in found.first(asking, firing, wanted, listed, more) {
        let failed = match executions(asking, &entity, arn, found, &mut repeats).await {
            Ok(failed) => failed,
            Err(miss) => {
                found.missed(asking, "how executions ended", &miss);
                break;
            }
        };
        if failed.is_none() && !firing.contains(&entity) || told >= HISTORIES {
            continue;
        }
        told += 1;
        let why = why(asking, &entity, failed.as_ref(), &mut repeats).await;
        let calls = match why {
            Ok(()) => definition(asking, &entity, arn, found).await,
            Err(miss) => Err(miss),
        };
        if let Err(miss) = calls {
            found.missed(asking, "why executions failed, and what they call", &miss);
            break;
        }
    }
    repeats.pour(found);
    Ok(())
}

/// How executions of one machine ended of late; the newest that failed.
async fn executions(
    asking: &Asking<'_>,
    entity: &EntityId,
    arn: &str,
    found: &mut Found,
    repeats: &mut Repeats,
) -> Result<Option<ExecutionListItem>, Miss> {
    let sent = asking
        .place
        .states
        .list_executions()
        .state_machine_arn(arn)
        .max_results(PAGE)
        .send();
    let answer = asking.ask("states:ListExecutions", 1, sent).await?;
    let since = asking.reaches_back();
    let mut ended: BTreeMap<&str, usize> = BTreeMap::new();
    let mut newest: Option<(Timestamp, &ExecutionListItem)> = None;
    for execution in answer.executions() {
        let at = moment(execution.stop_date().unwrap_or(execution.start_date()));
        if !(since..asking.now).contains(&at) {
            continue;
        }
        *ended.entry(execution.status().as_str()).or_default() += 1;
        let said = match execution.status() {
            ExecutionStatus::Failed => ("ExecutionFailed", "an execution failed"),
            ExecutionStatus::TimedOut => {
                ("ExecutionTimedOut", "an execution ran into its deadline")
            }
            _ => continue,
        };
        repeats.say(entity, at, ("states", said.0), said.1, Severity::Error);
        if newest.is_none_or(|(known, _)| at > known) {
            newest = Some((at, execution));
        }
    }
    let document = json!({
        "stateMachineArn": arn,
        "Since": since.to_string(),
        "Executions": ended,
        "MoreBefore": answer.next_token().is_some(),
    });
    found.state(entity.clone(), "states.machine", document, asking.now);
    Ok(newest.map(|(_, execution)| execution.clone()))
}

/// In which step an execution failed, and what was said there.
async fn why(
    asking: &Asking<'_>,
    entity: &EntityId,
    failed: Option<&ExecutionListItem>,
    repeats: &mut Repeats,
) -> Result<(), Miss> {
    let Some(failed) = failed else { return Ok(()) };
    let sent = asking
        .place
        .states
        .get_execution_history()
        .execution_arn(failed.execution_arn())
        .reverse_order(true)
        // What executions were given, and gave, is their owners'.
        .include_execution_data(false)
        .max_results(STEPS)
        .send();
    let answer = asking.ask("states:GetExecutionHistory", 1, sent).await?;
    let events = answer.events();
    // The newest of those that failed before the execution did tells most; the execution itself often repeats it.
    let step = events
        .iter()
        .find_map(|event| Some((step_failed(event)?, moment(event.timestamp()))));
    let whole = events
        .iter()
        .find_map(|event| Some((execution_failed(event)?, moment(event.timestamp()))));
    let Some(((error, cause), at)) = step.or(whole) else {
        return Ok(());
    };
    let state = events
        .iter()
        .filter_map(|event| event.state_entered_event_details())
        .map(|entered| entered.name())
        .next();
    let place = state.map_or(String::new(), |state| format!(" in {state}"));
    let message = format!(
        "execution {} failed{place}: {error}: {cause}",
        failed.name()
    );
    let at = if at < asking.now {
        at
    } else {
        Timestamp(asking.now.0.saturating_sub(1))
    };
    repeats.say(
        entity,
        at,
        ("states", "StepFailed"),
        &message,
        Severity::Error,
    );
    Ok(())
}

/// Error and cause of a step that failed.
fn step_failed(event: &HistoryEvent) -> Option<(String, String)> {
    let both = |error: Option<&str>, cause: Option<&str>| {
        Some((
            error.unwrap_or("no error is named").to_string(),
            clip(cause.unwrap_or_default()),
        ))
    };
    if let Some(one) = event.task_failed_event_details() {
        return both(one.error(), one.cause());
    }
    if let Some(one) = event.task_submit_failed_event_details() {
        return both(one.error(), one.cause());
    }
    if let Some(one) = event.task_timed_out_event_details() {
        return both(one.error(), one.cause());
    }
    if let Some(one) = event.lambda_function_failed_event_details() {
        return both(one.error(), one.cause());
    }
    if let Some(one) = event.lambda_function_timed_out_event_details() {
        return both(one.error(), one.cause());
    }
    if let Some(one) = event.lambda_function_schedule_failed_event_details() {
        return both(one.error(), one.cause());
    }
    if let Some(one) = event.lambda_function_start_failed_event_details() {
        return both(one.error(), one.cause());
    }
    if let Some(one) = event.activity_failed_event_details() {
        return both(one.error(), one.cause());
    }
    if let Some(one) = event.map_run_failed_event_details() {
        return both(one.error(), one.cause());
    }
    let one = event.evaluation_failed_event_details()?;
    both(one.error(), one.cause())
}

/// Error and cause of an execution that failed.
fn execution_failed(event: &HistoryEvent) -> Option<(String, String)> {
    let (error, cause) = match event.execution_failed_event_details() {
        Some(one) => (one.error(), one.cause()),
        None => {
            let one = event.execution_timed_out_event_details()?;
            (one.error(), one.cause())
        }
    };
    Some((
        error.unwrap_or("no error is named").to_string(),
        clip(cause.unwrap_or_default()),
    ))
}

/// What a machine calls, as its definition names it.
async fn definition(
    asking: &Asking<'_>,
    entity: &EntityId,
    arn: &str,
    found: &mut Found,
) -> Result<(), Miss> {
    let sent = asking
        .place
        .states
        .describe_state_machine()
        .state_machine_arn(arn)
        .send();
    let answer = asking.ask("states:DescribeStateMachine", 1, sent).await?;
    if let Some(role) = found.by_arn(answer.role_arn()) {
        found.edge(entity, &role, EdgeKind::UsesRole, "the state machine");
    }
    // What cannot be read names nobody.
    let definition = serde_json::from_str(answer.definition()).unwrap_or(Value::Null);
    for (kind, name) in named(&definition) {
        let to = found.named(kind, &name);
        if to != *entity {
            found.edge(
                entity,
                &to,
                EdgeKind::Calls,
                "the state machine's definition",
            );
        }
    }
    Ok(())
}

/// Whom a definition names, by ARN or by a parameter that says what it is. (How deep it may be is the reader's bound.)
fn named(definition: &Value) -> BTreeSet<(EntityKind, String)> {
    let mut out = BTreeSet::new();
    let mut left = vec![("", definition)];
    while let Some((key, value)) = left.pop() {
        match value {
            Value::Object(fields) => {
                left.extend(fields.iter().map(|(key, value)| (key.as_str(), value)))
            }
            Value::Array(values) => left.extend(values.iter().map(|value| (key, value))),
            Value::String(text) if !text.contains(INTEGRATION) && !text.contains("$") => {
                let key = key.trim_end_matches(".$");
                if !(text.starts_with("arn:") || names::telling(key)) {
                    continue;
                }
                if let Some(crate::files::entities::Who::Named(kind, name)) =
                    names::most_telling(std::iter::once((key, text.as_str())))
                    && calls(kind)
                {
                    out.insert((kind, name.to_string()));
                }
            }
            _ => {}
        }
    }
    out
}

/// Is it something that a step calls?
fn calls(kind: EntityKind) -> bool {
    use EntityKind::{Database, Function, Gateway, Queue, Service, Table};
    matches!(
        kind,
        Function | Table | Queue | Service | Database | Gateway
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_names_whom_it_calls() {
        let definition = json!({ "StartAt": "Charge", "States": {
            "Charge": { "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
                        "Parameters": { "FunctionName": "arn:aws:lambda:eu-west-1:1:function:charge:live", "Payload.$": "$" } },
            "Note": { "Type": "Task", "Resource": "arn:aws:states:::dynamodb:putItem", "Parameters": { "TableName": "ledger" } },
            "Tell": { "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage",
                      "Parameters": { "QueueUrl": "https://sqs.eu-west-1.amazonaws.com/1/told", "MessageBody": "arn: or not" } },
            "Plain": { "Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:1:function:ship" },
        }});
        let named: Vec<String> = named(&definition)
            .into_iter()
            .map(|(kind, name)| format!("{} {name}", kind.word()))
            .collect();
        assert_eq!(
            named,
            [
                "function charge",
                "function ship",
                "table ledger",
                "queue told"
            ]
        );
        for odd in [
            Value::Null,
            json!([[[["arn:"]]]]),
            json!({ "FunctionName": "" }),
            json!("arn:::::::"),
        ] {
            assert_eq!(super::named(&odd).len(), 0, "{odd}");
        }
    }
}
