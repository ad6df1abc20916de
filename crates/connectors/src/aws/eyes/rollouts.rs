//! What was rolled out in ECS: each deployment of a service as a change, with what it altered.

use aws_sdk_ecs::types::{Deployment, DeploymentRolloutState, Service, TaskDefinition};
use model::time::{SECOND, Span, Timestamp};
use model::{Change, ChangeKind, EdgeKind, EntityId};
use serde_json::Value;

use super::alarms::moment;
use super::ask::{Asking, Miss};
use super::containers::{Looked, short};
use super::templates::{brings, template};

/// How a rollout's id begins.
const ID: &str = "ecs:";
/// Calls that order a rollout, as the audit trail names them before the service's name.
const ORDERS: [&str; 2] = ["UpdateService", "CreateService"];
/// So long lies at most between such a call and the deployment that it makes.
const ORDERED: Span = Span(60 * SECOND);

/// Deployments, the newest first.
pub(super) fn by_age(service: &Service) -> Vec<&Deployment> {
    let mut deployments: Vec<&Deployment> = service.deployments().iter().collect();
    deployments.sort_by_key(|one| std::cmp::Reverse(one.created_at().map(moment)));
    deployments
}

/// What the service runs: roles and variables of it; and each deployment of late as a change.
pub(super) async fn rolled_out(
    asking: &Asking<'_>,
    service: &Service,
    entity: &EntityId,
    looked: &mut Looked,
) -> Result<(), Miss> {
    if let Some(arn) = service.task_definition()
        && let Some(definition) = definition(asking, arn, looked).await?
    {
        let role = definition.task_role_arn();
        if let Some(role) = role.and_then(|role| looked.found.by_arn(role)) {
            let seen_in = "the service's task definition";
            looked
                .found
                .edge(entity, &role, EdgeKind::UsesRole, seen_in);
        }
        for container in definition.container_definitions() {
            for variable in container.environment() {
                if let (Some(name), Some(value)) = (variable.name(), variable.value()) {
                    looked.names.say(entity, name, value);
                }
            }
            for secret in container.secrets() {
                let (name, from) = (secret.name(), secret.value_from());
                looked.names.filled(entity, name, from);
            }
        }
    }
    let since = asking.reaches_back();
    let deployments = by_age(service);
    for (at, one) in deployments.iter().enumerate() {
        let began = one.created_at().map(moment);
        let Some(began) = began.filter(|began| (since..=asking.now).contains(began)) else {
            continue;
        };
        let (later, earlier) = (
            at.checked_sub(1).map(|at| deployments[at]),
            deployments.get(at + 1),
        );
        let change = change(
            asking,
            service,
            (one, began),
            (later, earlier.copied()),
            looked,
        )
        .await?;
        looked.found.changes.push(Change {
            entities: vec![entity.clone()],
            ..change
        });
    }
    Ok(())
}

/// One deployment as a change, between the one after it and the one before.
async fn change(
    asking: &Asking<'_>,
    service: &Service,
    (one, began): (&Deployment, Timestamp),
    (later, earlier): (Option<&Deployment>, Option<&Deployment>),
    looked: &mut Looked,
) -> Result<Change, Miss> {
    let name = service.service_name().unwrap_or_default();
    let arn = one.task_definition().unwrap_or_default();
    let now = definition(asking, arn, looked).await?;
    // What ran before is told while it still runs, or while its rollout is being taken back; else the revision before
    // is what a new one was most likely made from, and an old one may have been started anew.
    let registered = now.as_ref().and_then(|now| now.registered_at()).map(moment);
    let fresh = registered.is_some_and(|at| at >= asking.reaches_back());
    let before = match earlier.and_then(|earlier| earlier.task_definition()) {
        Some(before) => Some(before.to_string()),
        None if fresh => revision_before(arn),
        None => None,
    };
    let old = match before.as_deref().filter(|before| *before != arn) {
        Some(before) => definition(asking, before, looked).await?,
        None => None,
    };
    let path = format!("ecs/{name}.yaml");
    let (old, new) = (old.as_ref().map(template), now.as_ref().map(template));
    let brought = match (&new, fresh || old.is_some()) {
        (Some(new), true) => brings(&path, old.as_ref(), new),
        _ => brings(&path, None, &Value::Null),
    };
    let again = before.as_deref() == Some(arn);
    let mut title = format!("{name}: {}", short(arn));
    if again {
        title += ", started anew as it was";
    } else if let Some(before) = &before {
        title += &format!(" in place of {}", short(before));
    }
    if !brought.images.is_empty() {
        title += &format!(", image {}", brought.images.join(", "));
    }
    let failed = one.rollout_state() == Some(&DeploymentRolloutState::Failed);
    if failed {
        title += ", which failed";
    }
    let over = one.rollout_state() == Some(&DeploymentRolloutState::Completed);
    let end = one.updated_at().filter(|_| over || failed).map(moment);
    let settings = old.is_some() && brought.images.is_empty();
    Ok(Change {
        id: format!("ecs:{name}:{}", one.id().unwrap_or_default()),
        kind: match (again, settings) {
            (true, _) => ChangeKind::Maintenance,
            (false, true) => ChangeKind::Config,
            (false, false) => ChangeKind::Deploy,
        },
        start: began,
        end: end.unwrap_or(began).clamp(began, asking.now.max(began)),
        entities: Vec::new(),
        actor: String::new(),
        title,
        files: vec![path],
        diff: brought.diff,
        version: brought.version,
        carries: brought.carries,
        // A rollout that failed is taken back by the one that follows it.
        undone: later
            .filter(|_| failed)
            .and_then(|later| later.created_at())
            .map(moment),
        raw: model::telemetry::RawRef::default(),
    })
}

/// `…/web:41` for `…/web:42`.
fn revision_before(arn: &str) -> Option<String> {
    let (family, revision) = arn.rsplit_once(':')?;
    let before = revision.parse::<u32>().ok()?.checked_sub(1)?;
    (before > 0).then(|| format!("{family}:{before}"))
}

/// A definition, asked for once. One that is gone is none; there are no more than the settings allow.
async fn definition(
    asking: &Asking<'_>,
    arn: &str,
    looked: &mut Looked,
) -> Result<Option<TaskDefinition>, Miss> {
    if let Some(known) = looked.definitions.get(arn) {
        return Ok(known.clone());
    }
    if arn.is_empty() || looked.definitions.len() >= asking.settings.details {
        return Ok(None);
    }
    let sent = asking
        .place
        .ecs
        .describe_task_definition()
        .task_definition(arn)
        .send();
    let found = match asking.ask("ecs:DescribeTaskDefinition", 1, sent).await {
        Ok(answer) => answer.task_definition().cloned(),
        Err(miss) if matches!(miss.missed, crate::pull::Missed::Refused(..)) => None,
        Err(miss) => return Err(miss),
    };
    looked.definitions.insert(arn.to_string(), found.clone());
    Ok(found)
}

/// Does the call begin a deployment? One that sets nothing but these does not; of one whose parameters are not told
/// nobody knows.
fn begins(call: &Change) -> bool {
    const STILL: [&str; 8] = [
        "cluster",
        "deploymentConfiguration",
        "desiredCount",
        "enableECSManagedTags",
        "enableExecuteCommand",
        "healthCheckGracePeriodSeconds",
        "propagateTags",
        "service",
    ];
    call.diff.as_ref().is_none_or(|diff| {
        let set = diff.lines().filter_map(|line| line.strip_prefix('+'));
        let mut names = set.filter_map(|line| line.split([':', '.']).next());
        names.any(|name| !STILL.contains(&name))
    })
}

/// What ECS and the audit trail both tell of is one change: that of ECS, which knows what was altered, with whom the
/// trail names.
pub(super) fn told_once(changes: &mut Vec<Change>) {
    let (mut rollouts, others): (Vec<Change>, Vec<Change>) = std::mem::take(changes)
        .into_iter()
        .partition(|change| change.id.starts_with(ID));
    for other in others {
        let ordered = ORDERS.iter().any(|call| other.title.starts_with(call)) && begins(&other);
        let same = rollouts.iter_mut().find(|rollout| {
            let apart = rollout.start.since(other.start).0.saturating_abs();
            ordered
                && apart <= ORDERED.0
                && rollout
                    .entities
                    .iter()
                    .any(|one| other.entities.contains(one))
        });
        match same {
            Some(rollout) => {
                let diff = rollout.diff.take();
                let end = rollout.end;
                rollout.start = rollout.start.min(other.start);
                rollout.complete(other);
                // The parameters of the call say less than what the deployment altered; but more than nothing.
                rollout.diff = diff.or(rollout.diff.take());
                rollout.end = end;
            }
            None => changes.push(other),
        }
    }
    changes.extend(rollouts);
}

#[cfg(test)]
mod tests {
    use super::super::found::plain;
    use super::*;

    #[test]
    fn what_two_tell_of_is_one_change() {
        let change = |id: &str, title: &str, at: i64, who: &str| Change {
            id: id.to_string(),
            kind: ChangeKind::Deploy,
            actor: if id.starts_with(ID) { "" } else { "anna" }.to_string(),
            ..plain(
                title,
                (Timestamp(at * SECOND), Timestamp(at * SECOND)),
                vec![EntityId::from(who)],
            )
        };
        let mut changes = vec![
            change("e-1", "UpdateService web", 100, "service/web"),
            change("e-2", "UpdateService web", 900, "service/web"),
            change("e-3", "UpdateService pay", 101, "service/pay"),
            change("e-4", "TagResource web", 100, "service/web"),
            change("ecs:web:1", "web: web:42", 102, "service/web"),
        ];
        // How many copies there are to be is no deployment.
        let count = "+cluster: shop\n+service: web\n+desiredCount: 0\n".to_string();
        changes.push(Change {
            diff: Some(count),
            ..change("e-5", "UpdateService web", 101, "service/web")
        });
        told_once(&mut changes);
        let told: Vec<(&str, &str, i64)> = changes
            .iter()
            .map(|one| (one.id.as_str(), one.actor.as_str(), one.start.0 / SECOND))
            .collect();
        assert_eq!(
            told,
            [
                ("e-2", "anna", 900),
                ("e-3", "anna", 101),
                ("e-4", "anna", 100),
                ("e-5", "anna", 101),
                ("ecs:web:1", "anna", 100)
            ]
        );
    }
}
