//! How far those executions of a pipeline got that did not end well: which stage holds each, and why.

use std::collections::BTreeMap;

use aws_sdk_codepipeline::types::{
    ActionExecutionStatus as Action, StageExecutionStatus as Stage, StageState,
};

use super::repeats::clip;
use crate::files::hide;

/// What holds an execution.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// Where, as it goes on after a status: ` in Live, Deploy`.
    pub place: String,
    /// Why, in AWS's own words; empty where it does not say.
    pub why: String,
}

/// Of each execution that stands in a stage or before one, by its id.
pub(super) fn held(stages: &[StageState]) -> BTreeMap<String, Held> {
    let mut all = BTreeMap::new();
    for stage in stages {
        for (id, held) in waiting(stage).chain(inside(stage)) {
            all.insert(id.to_string(), held);
        }
    }
    all
}

/// Those that somebody lets not in.
fn waiting(stage: &StageState) -> impl Iterator<Item = (&str, Held)> {
    let door = stage.inbound_transition_state();
    let closed = door.filter(|door| !door.enabled()).map(|door| Held {
        place: format!(
            ", waiting before {}, which {} closed",
            stage.stage_name().unwrap_or_default(),
            door.last_changed_by().unwrap_or("somebody")
        ),
        why: told(door.disabled_reason(), None),
    });
    let inbound = stage.inbound_executions().iter();
    inbound.filter_map(move |one| Some((one.pipeline_execution_id(), closed.clone()?)))
}

/// The one that came in last, unless it passed.
fn inside(stage: &StageState) -> Option<(&str, Held)> {
    let last = stage.latest_execution()?;
    let name = stage.stage_name().unwrap_or_default();
    let (status, word) = match last.status() {
        Stage::Failed => (Action::Failed, " in"),
        Stage::InProgress => (Action::InProgress, ", in"),
        Stage::Stopped | Stage::Stopping => (Action::Abandoned, " in"),
        _ => return None,
    };
    let mut held = Held {
        place: format!("{word} {name}"),
        why: String::new(),
    };
    // Where several end alike, the first says it.
    let actions = stage.action_states().iter();
    let found = actions
        .filter_map(|one| Some((one.action_name()?, one.latest_execution()?)))
        .find(|(_, one)| one.status() == Some(&status));
    if let Some((action, one)) = found {
        // Only what a person is to approve has a token.
        held.place = match one.token() {
            Some(_) if status == Action::InProgress => {
                format!(", waiting for a person in {name}, {action}")
            }
            _ => format!("{word} {name}, {action}"),
        };
        let error = one.error_details();
        let said = error.and_then(|error| error.message()).or(one.summary());
        held.why = told(said, error.and_then(|error| error.code()));
    }
    Some((last.pipeline_execution_id(), held))
}

/// What AWS says, behind its code. A command may stand in it, and in that a secret.
fn told(said: Option<&str>, code: Option<&str>) -> String {
    let said = said.unwrap_or_default().trim();
    let text = match code {
        Some(code) if said.is_empty() => code.to_string(),
        Some(code) => format!("{code}: {said}"),
        None => said.to_string(),
    };
    let text = clip(&text);
    hide(&text).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use aws_sdk_codepipeline::types::{
        ActionExecution, ActionState, ErrorDetails, StageExecution, TransitionState,
    };

    use super::*;

    fn execution(id: &str, status: Stage) -> StageExecution {
        let one = StageExecution::builder().pipeline_execution_id(id);
        one.status(status).build().unwrap()
    }

    fn action(name: &str, one: ActionExecution) -> ActionState {
        let state = ActionState::builder().action_name(name);
        state.latest_execution(one).build()
    }

    #[test]
    fn each_execution_is_held_where_it_stands() {
        let failed = ErrorDetails::builder()
            .code("JobFailed")
            .message("password=hunter2hunter2 was refused");
        let failed = ActionExecution::builder()
            .status(Action::Failed)
            .error_details(failed.build())
            .build();
        let passed = ActionExecution::builder().status(Action::Succeeded).build();
        let asks = ActionExecution::builder()
            .status(Action::InProgress)
            .token("of-whoever-approves")
            .build();
        let closed = TransitionState::builder()
            .enabled(false)
            .last_changed_by("anna")
            .disabled_reason("freeze");
        let stages = [
            StageState::builder()
                .stage_name("Build")
                .latest_execution(execution("p-4", Stage::Succeeded))
                .build(),
            StageState::builder()
                .stage_name("Approve")
                .latest_execution(execution("p-3", Stage::InProgress))
                .action_states(action("Yes", asks))
                .build(),
            StageState::builder()
                .stage_name("Live")
                .inbound_transition_state(closed.build())
                .inbound_executions(execution("p-2", Stage::InProgress))
                .latest_execution(execution("p-1", Stage::Failed))
                .action_states(action("Copy", passed))
                .action_states(action("Deploy", failed))
                .build(),
        ];
        let all = held(&stages);
        let told: Vec<String> = all
            .iter()
            .map(|(id, one)| format!("{id}{} | {}", one.place, one.why))
            .collect();
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told[0].starts_with("p-1 in Live, Deploy | JobFailed: "));
        assert_eq!(
            told[1..],
            [
                "p-2, waiting before Live, which anna closed | freeze",
                "p-3, waiting for a person in Approve, Yes | ",
            ]
        );
        let whole = format!("{all:?}");
        assert!(
            !whole.contains("hunter2") && !whole.contains("of-whoever"),
            "{whole}"
        );
    }
}
