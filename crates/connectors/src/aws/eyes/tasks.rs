//! Why tasks of ECS ended: AWS keeps those that stopped for an hour, with what their containers said.

use aws_sdk_ecs::types::{DesiredStatus, Task, TaskStopCode};
use model::{EntityId, EntityKind, Severity};

use super::alarms::moment;
use super::ask::{Asking, Miss};
use super::containers::short;
use super::found::Found;
use super::repeats::Repeats;

/// Tasks of one answer: the most that may be described at once.
const AT_ONCE: i32 = 100;

/// Tasks of one cluster that stopped.
pub(super) async fn look(
    asking: &Asking<'_>,
    cluster: &str,
    found: &mut Found,
    repeats: &mut Repeats,
) -> Result<(), Miss> {
    let sent = asking
        .place
        .ecs
        .list_tasks()
        .cluster(cluster)
        .desired_status(DesiredStatus::Stopped)
        .max_results(AT_ONCE)
        .send();
    let answer = asking.ask("ecs:ListTasks", 1, sent).await?;
    let tasks = answer.task_arns();
    if tasks.is_empty() {
        return Ok(());
    }
    if answer.next_token().is_some() {
        let detail = format!(
            "{AT_ONCE} of the tasks that stopped in {} were read",
            short(cluster)
        );
        let gap = asking.cut(
            "why all tasks of ECS ended",
            detail,
            "name fewer regions and accounts",
        );
        found.gaps.push(gap);
    }
    let sent = asking
        .place
        .ecs
        .describe_tasks()
        .cluster(cluster)
        .set_tasks(Some(tasks.to_vec()))
        .send();
    let answer = asking.ask("ecs:DescribeTasks", 1, sent).await?;
    for task in answer.tasks() {
        ended(asking, task, found, repeats);
    }
    Ok(())
}

/// Whose a task is: its service's, or that of the family it was started from.
fn owner(asking: &Asking<'_>, task: &Task, found: &mut Found) -> Option<EntityId> {
    let group = task.group().unwrap_or_default();
    if let Some(service) = group.strip_prefix("service:") {
        return Some(found.there(asking, EntityKind::Service, service));
    }
    let family = group.strip_prefix("family:").or_else(|| {
        let definition = short(task.task_definition_arn()?);
        definition.split(':').next()
    })?;
    Some(found.there(asking, EntityKind::Workload, family))
}

fn ended(asking: &Asking<'_>, task: &Task, found: &mut Found, repeats: &mut Repeats) {
    let at = task.stopped_at().or(task.stopping_at()).map(moment);
    let Some(at) = at.filter(|at| *at >= asking.reaches_back() && *at < asking.now) else {
        return;
    };
    let told = told(task);
    // Whoever was stopped by a person, a scaling step or a rollout, and went quietly, did its work.
    if let Some((reason, message)) = told
        && let Some(owner) = owner(asking, task, found)
    {
        repeats.say(&owner, at, ("ecs", reason), &message, Severity::Error);
    }
}

/// Why a task ended, if not as it should: a word for it, and what AWS says.
fn told(task: &Task) -> Option<(&'static str, String)> {
    let said = task.stopped_reason().unwrap_or_default();
    let mut containers = Vec::new();
    let mut killed = false;
    let mut failed = false;
    for container in task.containers() {
        let name = container.name().unwrap_or_default();
        let why = container.reason().unwrap_or_default();
        killed |= why.contains("OutOfMemory");
        let code = container.exit_code().unwrap_or(0);
        if code == 0 && why.is_empty() {
            continue;
        }
        failed |= code != 0;
        let mut line = format!("container {name}");
        if code != 0 {
            line += &format!(" exited with code {code}");
        }
        if !why.is_empty() {
            line += &format!(" ({why})");
        }
        containers.push(line);
    }
    let low = said.to_ascii_lowercase();
    let reason = match task.stop_code() {
        // As a cluster calls it.
        _ if killed => "OOMKilled",
        Some(TaskStopCode::SpotInterruption) => "SpotInterruption",
        _ if low.contains("health checks") => "Unhealthy",
        Some(TaskStopCode::TaskFailedToStart) => "TaskFailedToStart",
        // It ended by itself, which one that runs to its end may.
        Some(TaskStopCode::EssentialContainerExited) if failed => "EssentialContainerExited",
        Some(TaskStopCode::TerminationNotice) => "TerminationNotice",
        // Told to end, it may end with a code of its signal (143, 137).
        _ => return None,
    };
    let definition = task.task_definition_arn().map_or("", short);
    let mut message = format!("a task of {definition} stopped: {said}");
    if !containers.is_empty() {
        message += &format!(": {}", containers.join(", "));
    }
    Some((reason, message))
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::Container;

    use super::*;

    #[test]
    fn only_those_that_ended_badly_are_told_of() {
        let task = |stop: TaskStopCode, said: &str, code: i32, why: &str| {
            let container = Container::builder().name("app").exit_code(code).reason(why);
            let task = Task::builder()
                .task_definition_arn("arn:aws:ecs:eu-west-1:1:task-definition/web:42")
                .stop_code(stop)
                .stopped_reason(said)
                .containers(container.build());
            told(&task.build()).map(|(reason, message)| format!("{reason}: {message}"))
        };
        use TaskStopCode::{
            EssentialContainerExited, ServiceSchedulerInitiated, TaskFailedToStart,
        };
        let essential = "Essential container in task exited";
        let killed = "OutOfMemoryError: Container killed due to memory usage";
        assert_eq!(
            task(EssentialContainerExited, essential, 137, killed).unwrap(),
            format!(
                "OOMKilled: a task of web:42 stopped: {essential}: container app exited with code 137 ({killed})"
            )
        );
        assert_eq!(
            task(EssentialContainerExited, essential, 1, "").unwrap(),
            format!(
                "EssentialContainerExited: a task of web:42 stopped: {essential}: container app exited with code 1"
            )
        );
        let pull = "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref shop/web:v9: not found";
        assert_eq!(
            task(TaskFailedToStart, pull, 0, "").unwrap(),
            format!("TaskFailedToStart: a task of web:42 stopped: {pull}")
        );
        let check = "Task failed ELB health checks in (target-group web)";
        assert!(
            task(ServiceSchedulerInitiated, check, 143, "")
                .unwrap()
                .starts_with("Unhealthy: ")
        );
        // Scaled in, told to end, or run to its end.
        let scaled = "Scaling activity initiated by (deployment ecs-svc/1)";
        assert_eq!(task(ServiceSchedulerInitiated, scaled, 143, ""), None);
        assert_eq!(task(EssentialContainerExited, essential, 0, ""), None);
    }
}
