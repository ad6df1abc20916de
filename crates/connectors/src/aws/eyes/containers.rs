//! Services of ECS: how many of their tasks run, what was rolled out and how far that came, what they say of themselves,
//! and why tasks ended ([`tasks`](super::tasks)).

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecs::types::{Deployment, DeploymentRolloutState, Service, TaskDefinition};
use model::time::Timestamp;
use model::{EdgeKind, EntityId, EntityKind, Severity, SourceKind};
use serde_json::{Value, json};

use super::alarms::moment;
use super::ask::{Asking, Miss};
use super::balancers::Behind;
use super::found::Found;
use super::functions::Names;
use super::repeats::Repeats;
use super::rollouts::{by_age, rolled_out};
use super::tasks;
use crate::files::aws::names;

/// Clusters that are looked into.
const CLUSTERS: usize = 5;
/// Services of one answer.
const PAGE: i32 = 100;
/// Services that may be described at once.
const AT_ONCE: usize = 10;
/// One question is about ten of them: so many times more are described than of what is asked about one by one.
const EACH: usize = 5;
/// What a service says of its daily work, behind its name.
const ROUTINE: [&str; 5] = [
    "has started ",
    "has stopped ",
    "has begun draining",
    "registered ",
    "deregistered ",
];
/// Words of what went wrong.
const TROUBLE: [&str; 9] = [
    "unable",
    "fail",
    "unhealthy",
    "impaired",
    "rolling back",
    "circuit breaker",
    "throttl",
    "insufficient",
    "violates",
];

/// Everything in ECS; what variables of tasks name, and who stands behind which target group.
pub(super) async fn look(
    asking: &Asking<'_>,
    firing: &BTreeSet<EntityId>,
) -> (Found, Names, Behind) {
    let mut looked = Looked::default();
    if let Err(miss) = clusters(asking, firing, &mut looked).await {
        looked.found.missed(asking, "services of ECS", &miss);
    }
    let Looked {
        mut found,
        names,
        behind,
        repeats,
        ..
    } = looked;
    repeats.pour(&mut found);
    (found, names, behind)
}

/// What was seen so far.
#[derive(Default)]
pub(super) struct Looked {
    pub found: Found,
    pub names: Names,
    behind: Behind,
    repeats: Repeats,
    /// Definitions that were asked for, by ARN; `None` where there is no answer.
    pub definitions: BTreeMap<String, Option<TaskDefinition>>,
}

async fn clusters(
    asking: &Asking<'_>,
    firing: &BTreeSet<EntityId>,
    looked: &mut Looked,
) -> Result<(), Miss> {
    let sent = asking.place.ecs.list_clusters().send();
    let answer = asking.ask("ecs:ListClusters", 1, sent).await?;
    looked
        .found
        .seen
        .extend([SourceKind::State, SourceKind::Events]);
    let clusters = answer.cluster_arns();
    if clusters.len() > CLUSTERS || answer.next_token().is_some() {
        let detail = format!("the first {CLUSTERS} clusters of ECS were read");
        let gap = asking.cut(
            "all services of ECS",
            detail,
            "name fewer regions and accounts",
        );
        looked.found.gaps.push(gap);
    }
    for cluster in clusters.iter().take(CLUSTERS) {
        services(asking, cluster, firing, looked).await?;
        let stopped = tasks::look(asking, cluster, &mut looked.found, &mut looked.repeats).await;
        if let Err(miss) = stopped {
            looked.found.missed(asking, "why tasks of ECS ended", &miss);
        }
    }
    Ok(())
}

/// The services of one cluster; who fires is described first.
async fn services(
    asking: &Asking<'_>,
    cluster: &str,
    firing: &BTreeSet<EntityId>,
    looked: &mut Looked,
) -> Result<(), Miss> {
    let sent = asking
        .place
        .ecs
        .list_services()
        .cluster(cluster)
        .max_results(PAGE)
        .send();
    let answer = asking.ask("ecs:ListServices", 1, sent).await?;
    let listed = answer
        .service_arns()
        .iter()
        .map(|arn| {
            let (_, name) = names::arn(arn);
            let entity = looked.found.there(asking, EntityKind::Service, name);
            (entity, arn.clone())
        })
        .collect();
    let wanted = ("how services of ECS are", "services");
    let more = answer.next_token().is_some();
    let most = asking.settings.details.saturating_mul(EACH);
    let named = looked
        .found
        .first_of(asking, firing, wanted, listed, (more, most));
    for some in named.chunks(AT_ONCE) {
        let arns = some.iter().map(|(_, arn)| arn.clone()).collect();
        let sent = asking
            .place
            .ecs
            .describe_services()
            .cluster(cluster)
            .set_services(Some(arns))
            .send();
        let answer = asking.ask("ecs:DescribeServices", 1, sent).await?;
        looked.found.seen.insert(SourceKind::Changes);
        for service in answer.services() {
            one(asking, service, firing, looked).await;
        }
    }
    Ok(())
}

async fn one(
    asking: &Asking<'_>,
    service: &Service,
    firing: &BTreeSet<EntityId>,
    looked: &mut Looked,
) {
    let Some(name) = service.service_name() else {
        return;
    };
    let found = &mut looked.found;
    let entity = found.there(asking, EntityKind::Service, name);
    let arn = service.service_arn().unwrap_or_default();
    found.directory.label(&entity, "arn", arn);
    if let Some(cluster) = service.cluster_arn().and_then(|arn| found.by_arn(arn)) {
        found.edge(&entity, &cluster, EdgeKind::PartOf, "the service of ECS");
    }
    for balancer in service.load_balancers() {
        if let Some(group) = balancer.target_group_arn() {
            looked.behind.stands(&entity, group);
        }
    }
    let since = asking.reaches_back();
    for event in service.events() {
        let at = event.created_at().map(moment);
        if let Some(at) = at.filter(|at| (since..asking.now).contains(at)) {
            said(
                &mut looked.repeats,
                &entity,
                at,
                event.message().unwrap_or_default(),
            );
        }
    }
    let (document, troubled) = document(service);
    looked
        .found
        .state(entity.clone(), "ecs.workload", document, asking.now);
    let lately = |one: &Deployment| {
        let at = one.created_at().map(moment);
        at.is_some_and(|at| (since..=asking.now).contains(&at))
    };
    let altered = service.deployments().iter().any(lately);
    if !(troubled || altered || firing.contains(&entity)) {
        return;
    }
    if let Err(miss) = rolled_out(asking, service, &entity, looked).await {
        looked
            .found
            .missed(asking, "what services of ECS run", &miss);
    }
}

/// What a service says of itself, its daily work left out.
fn said(repeats: &mut Repeats, entity: &EntityId, at: Timestamp, message: &str) {
    // `(service web) (task 1f2e) …`
    let mut rest = message;
    while let Some(inner) = rest.strip_prefix('(') {
        rest = inner
            .split_once(')')
            .map_or("", |(_, rest)| rest)
            .trim_start();
    }
    let low = rest.to_ascii_lowercase();
    let trouble = TROUBLE.iter().any(|word| low.contains(word));
    if rest.is_empty() || (!trouble && ROUTINE.iter().any(|words| low.starts_with(words))) {
        return;
    }
    let severity = if trouble {
        Severity::Error
    } else {
        Severity::Info
    };
    repeats.say(entity, at, ("ecs", "ServiceEvent"), message, severity);
}

/// How a service is, in the words that clusters have for what keeps copies running; and whether something is wrong.
fn document(service: &Service) -> (Value, bool) {
    let primary = newest(service);
    let mut conditions = Vec::new();
    let mut troubled = service.running_count() < service.desired_count();
    if let Some(primary) = primary {
        let state = primary.rollout_state().map_or("", |state| state.as_str());
        let short = primary.running_count() < primary.desired_count();
        let failing = primary.failed_tasks() > 0 && short;
        let stuck = failing || primary.rollout_state() == Some(&DeploymentRolloutState::Failed);
        let said = primary.rollout_state_reason().unwrap_or_default();
        let message = match primary.failed_tasks() {
            0 => said.to_string(),
            failed => format!("{failed} of its tasks failed to start or to stay. {said}"),
        };
        conditions.push(json!({
            "type": "Progressing", "status": if stuck { "False" } else { "True" }, "reason": state, "message": message,
            "lastTransitionTime": primary.updated_at().map(|at| moment(at).to_string()),
        }));
        troubled |= stuck;
    }
    let deployments: Vec<Value> = service
        .deployments()
        .iter()
        .map(|one| {
            json!({
                "id": one.id(),
                "status": one.status(),
                "taskDefinition": one.task_definition().map(short),
                "desiredCount": one.desired_count(),
                "runningCount": one.running_count(),
                "pendingCount": one.pending_count(),
                "failedTasks": one.failed_tasks(),
                "rolloutState": one.rollout_state().map(|state| state.as_str()),
                "rolloutStateReason": one.rollout_state_reason(),
                "createdAt": one.created_at().map(|at| moment(at).to_string()),
            })
        })
        .collect();
    let document = json!({
        "serviceName": service.service_name(),
        "cluster": service.cluster_arn().map(short),
        "serviceStatus": service.status(),
        "launchType": service.launch_type().map(|kind| kind.as_str()),
        "taskDefinition": service.task_definition().map(short),
        "desiredCount": service.desired_count(),
        "runningCount": service.running_count(),
        "pendingCount": service.pending_count(),
        "conditions": conditions,
        "deployments": deployments,
    });
    (document, troubled)
}

/// The last part of an ARN: `web:42`.
pub(super) fn short(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

fn newest(service: &Service) -> Option<&Deployment> {
    let primary = service.deployments().iter();
    let primary = primary.clone().find(|one| one.status() == Some("PRIMARY"));
    primary.or_else(|| by_age(service).first().copied())
}
