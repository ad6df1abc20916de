//! Groups of machines that scale by themselves: how many there are and should be, and what scaling did or could not do.

use std::collections::BTreeMap;

use aws_sdk_autoscaling::types::{Activity, LifecycleState, ScalingActivityStatusCode as Status};
use model::{Change, ChangeKind, EdgeKind, EntityId, EntityKind, Severity, SourceKind};
use serde_json::{Value, json};

use super::alarms::moment;
use super::ask::{Asking, Miss};
use super::balancers::Behind;
use super::found::{Found, plain};
use super::repeats::{Repeats, clip};

/// Groups and activities of one answer: the most that may be asked for.
const PAGE: i32 = 100;
/// Machines of one group that are told of.
const MACHINES: usize = 50;

/// Groups, and behind which target groups they stand.
pub(super) async fn look(asking: &Asking<'_>) -> (Found, Behind) {
    let mut found = Found::default();
    let mut behind = Behind::default();
    let any = match groups(asking, &mut found, &mut behind).await {
        Ok(any) => any,
        Err(miss) => {
            found.missed(asking, "groups of machines", &miss);
            return (found, behind);
        }
    };
    found.seen.insert(SourceKind::State);
    if any {
        match activities(asking, &mut found).await {
            Ok(()) => found.seen.extend([SourceKind::Changes, SourceKind::Events]),
            Err(miss) => found.missed(asking, "what scaling did", &miss),
        }
    }
    (found, behind)
}

async fn groups(asking: &Asking<'_>, found: &mut Found, behind: &mut Behind) -> Result<bool, Miss> {
    let sent = asking
        .place
        .autoscaling
        .describe_auto_scaling_groups()
        .max_records(PAGE)
        .send();
    let answer = asking
        .ask("autoscaling:DescribeAutoScalingGroups", 1, sent)
        .await?;
    if answer.next_token().is_some_and(|next| !next.is_empty()) {
        let detail = format!("the first {PAGE} groups were read");
        let gap = asking.cut(
            "all groups of machines",
            detail,
            "name fewer regions and accounts",
        );
        found.gaps.push(gap);
    }
    for group in answer.auto_scaling_groups() {
        let Some(name) = group.auto_scaling_group_name() else {
            continue;
        };
        let entity = found.there(asking, EntityKind::Workload, name);
        if let Some(arn) = group.auto_scaling_group_arn() {
            found.directory.label(&entity, "arn", arn);
        }
        for target in group.target_group_arns() {
            behind.stands(&entity, target);
        }
        let machines = group.instances();
        let serves = |state: &LifecycleState| *state == LifecycleState::InService;
        let running = machines
            .iter()
            .filter(|one| one.lifecycle_state().is_some_and(serves));
        let running = running.count();
        let mut told: Vec<Value> = Vec::new();
        for machine in machines.iter().take(MACHINES) {
            if let Some(id) = machine.instance_id() {
                let host = found.there(asking, EntityKind::Host, id);
                found.edge(&entity, &host, EdgeKind::ServedBy, "the group's machines");
            }
            told.push(json!({
                "InstanceId": machine.instance_id(),
                "LifecycleState": machine.lifecycle_state().map(|state| state.as_str()),
                "HealthStatus": machine.health_status(),
                "AvailabilityZone": machine.availability_zone(),
                "InstanceType": machine.instance_type(),
            }));
        }
        let suspended = group.suspended_processes().iter();
        let suspended: Vec<&str> = suspended.filter_map(|one| one.process_name()).collect();
        let message = match &suspended[..] {
            [] => String::new(),
            some => format!("suspended: {}", some.join(", ")),
        };
        let document = json!({
            "AutoScalingGroupName": name,
            "MinSize": group.min_size(),
            "MaxSize": group.max_size(),
            "desiredCount": group.desired_capacity(),
            "runningCount": running,
            "HealthCheckType": group.health_check_type(),
            "AvailabilityZones": group.availability_zones(),
            "Instances": told,
            "message": message,
        });
        found.state(entity, "autoscaling.group", document, asking.now);
    }
    Ok(!answer.auto_scaling_groups().is_empty())
}

/// What scaling did: a change for each cause; what it could not do: events.
async fn activities(asking: &Asking<'_>, found: &mut Found) -> Result<(), Miss> {
    let sent = asking
        .place
        .autoscaling
        .describe_scaling_activities()
        .max_records(PAGE)
        .send();
    let answer = asking
        .ask("autoscaling:DescribeScalingActivities", 1, sent)
        .await?;
    let since = asking.reaches_back();
    let mut repeats = Repeats::default();
    let mut changes: BTreeMap<(EntityId, String), (Change, usize)> = BTreeMap::new();
    let mut oldest = asking.now;
    for activity in answer.activities() {
        let began = activity.start_time().map(moment);
        let Some(began) = began.filter(|at| *at < asking.now) else {
            continue;
        };
        oldest = oldest.min(began);
        let group = activity.auto_scaling_group_name();
        let Some(group) = group.filter(|_| began >= since) else {
            continue;
        };
        let entity = found.there(asking, EntityKind::Workload, group);
        let cause = clip(activity.cause().unwrap_or_default());
        let end = activity
            .end_time()
            .map_or(began, moment)
            .clamp(began, asking.now);
        match activity.status_code() {
            Some(Status::Failed | Status::Cancelled) => {
                let why = activity.status_message().unwrap_or_default();
                let what = shortened(activity);
                let message = format!("{what} failed: {why}");
                let reason = ("autoscaling", "ScalingActivityFailed");
                repeats.say(&entity, end, reason, &message, Severity::Error);
                continue;
            }
            _ if cause.contains("health check") => {
                let message = format!("{}: {cause}", shortened(activity));
                let reason = ("autoscaling", "Unhealthy");
                repeats.say(&entity, began, reason, &message, Severity::Warn);
            }
            _ => {}
        }
        let key = (entity.clone(), cause.clone());
        let (change, count) = changes.entry(key).or_insert_with(|| {
            let title = format!("{group}: {}", shortened(activity));
            let change = Change {
                id: format!("autoscaling:{}", activity.activity_id().unwrap_or_default()),
                kind: ChangeKind::Scaling,
                diff: (!cause.is_empty()).then_some(cause),
                ..plain(&title, (began, end), vec![entity])
            };
            (change, 0)
        });
        *count += 1;
        change.start = change.start.min(began);
        change.end = change.end.max(end);
    }
    if answer.next_token().is_some_and(|next| !next.is_empty()) && oldest > since {
        let detail = format!("the newest {PAGE} steps of scaling were read, back to {oldest}");
        let gap = asking.cut("all that scaling did", detail, "shorten changes");
        found.gaps.push(gap);
    }
    found
        .changes
        .extend(changes.into_values().map(|(mut change, count)| {
            if count > 1 {
                change.title += &format!(", {count} machines");
            }
            change
        }));
    repeats.pour(found);
    Ok(())
}

/// `Launching a new EC2 instance`, without which one: several of one cause are one step.
fn shortened(activity: &Activity) -> String {
    let text = activity.description().unwrap_or("a step of scaling");
    clip(text.split(':').next().unwrap_or(text))
}
