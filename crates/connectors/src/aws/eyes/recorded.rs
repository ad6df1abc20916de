//! What AWS Config recorded of whoever fires: it is asked only where something does, and read only where a recorder is at
//! work ([`records`](super::records) says what two of its records differ in).

use std::collections::BTreeSet;

use aws_sdk_config::types::{ChronologicalOrder, ConfigurationItem, ResourceType};
use model::time::Timestamp;
use model::{Change, Entity, EntityId, EntityKind, SourceKind};

use super::alarms::{moment, stamp};
use super::ask::{Asking, Miss};
use super::found::Found;
use super::records::{ID, change};
use crate::pull::Missed;

/// How a rollout of ECS is called, which knows better what it altered.
const ROLLOUT: &str = "ecs:";
/// Those of whoever fires that are asked about.
const FEW: usize = 4;
/// Records of one of them, the newest first.
const RECORDS: i32 = 10;

/// Whom AWS Config is asked about, and by which name it knows it.
struct Wanted {
    entity: EntityId,
    name: String,
    kind: ResourceType,
    id: String,
}

/// What was recorded of whoever fires, as it is known by now.
pub(super) async fn look(asking: &Asking<'_>, firing: &BTreeSet<EntityId>, known: &Found) -> Found {
    let mut found = Found::default();
    let wanted: Vec<Wanted> = firing
        .iter()
        .filter_map(|id| wanted(known.directory.met.get(id)?, known))
        .collect();
    if !wanted.is_empty()
        && let Err(miss) = records(asking, &wanted, &mut found).await
    {
        found.missed(asking, "what AWS Config recorded", &miss);
    }
    found
}

/// The service of a thing and its ARN, where an inventory told it; else both are empty.
pub(super) fn arn_of(entity: &Entity) -> (&str, &str) {
    let arn = entity.labels.get("arn").map_or("", String::as_str);
    (arn.split(':').nth(2).unwrap_or_default(), arn)
}

/// By which type and id a thing is recorded, where that is known.
fn wanted(entity: &Entity, known: &Found) -> Option<Wanted> {
    let (service, arn) = arn_of(entity);
    let (kind, id) = match (entity.kind, service) {
        (EntityKind::Function, "lambda") => (ResourceType::Function, entity.name.clone()),
        (EntityKind::Function, "states") => {
            (ResourceType::StepFunctionsStateMachine, arn.to_string())
        }
        (EntityKind::Table, "dynamodb") => (ResourceType::Table, entity.name.clone()),
        (EntityKind::Service, "ecs") => (ResourceType::EcsService, arn.to_string()),
        (EntityKind::Gateway, "elasticloadbalancing") => {
            (ResourceType::LoadBalancerV2, arn.to_string())
        }
        (EntityKind::Workload, "autoscaling") => (ResourceType::AutoScalingGroup, arn.to_string()),
        (EntityKind::Database, "rds") => {
            let id = entity.labels.get("resource_id")?;
            let cluster = id.starts_with("cluster-");
            let kind = if cluster {
                ResourceType::DbCluster
            } else {
                ResourceType::DbInstance
            };
            (kind, id.clone())
        }
        (EntityKind::Queue, "sqs") => {
            let same =
                |one: &&model::StateSnapshot| one.entity == entity.id && one.kind == "sqs.queue";
            let url = known.snapshots.iter().find(same)?.document["QueueUrl"].as_str()?;
            (ResourceType::Queue, url.to_string())
        }
        (EntityKind::Host, _) if entity.name.starts_with("i-") => {
            (ResourceType::Instance, entity.name.clone())
        }
        _ => return None,
    };
    Some(Wanted {
        entity: entity.id.clone(),
        name: entity.name.clone(),
        kind,
        id,
    })
}

async fn records(asking: &Asking<'_>, wanted: &[Wanted], found: &mut Found) -> Result<(), Miss> {
    let sent = asking
        .place
        .config
        .describe_configuration_recorder_status()
        .send();
    let answer = asking
        .ask("config:DescribeConfigurationRecorderStatus", 1, sent)
        .await?;
    // Where nobody records, there is nothing to be missed.
    if !answer
        .configuration_recorders_status()
        .iter()
        .any(|one| one.recording())
    {
        return Ok(());
    }
    found.seen.insert(SourceKind::Changes);
    let few = FEW.min(asking.settings.details);
    if wanted.len() > few {
        let detail = format!("{few} of {} that fire were asked about", wanted.len());
        let gap = asking.cut("what AWS Config recorded", detail, "raise details");
        found.gaps.push(gap);
    }
    for one in wanted.iter().take(few) {
        let sent = asking
            .place
            .config
            .get_resource_config_history()
            .resource_type(one.kind.clone())
            .resource_id(&one.id)
            .later_time(stamp(asking.now))
            .chronological_order(ChronologicalOrder::Reverse)
            .limit(RECORDS)
            .send();
        let answer = match asking.ask("config:GetResourceConfigHistory", 1, sent).await {
            Ok(answer) => answer,
            // Not everything is recorded everywhere.
            Err(miss) if unrecorded(&miss) => continue,
            Err(miss) => return Err(miss),
        };
        told(asking, one, answer.configuration_items(), found);
    }
    Ok(())
}

fn unrecorded(miss: &Miss) -> bool {
    matches!(&miss.missed, Missed::Refused(_, said) if said.contains("ResourceNotDiscovered"))
}

/// Each record of late as a change from the one before it.
fn told(asking: &Asking<'_>, wanted: &Wanted, items: &[ConfigurationItem], found: &mut Found) {
    let mut items: Vec<(Timestamp, &ConfigurationItem)> = items
        .iter()
        .filter_map(|one| Some((moment(one.configuration_item_capture_time()?), one)))
        .collect();
    items.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    let since = asking.reaches_back();
    let late = |at: Timestamp| (since..asking.now).contains(&at);
    if items.len() >= RECORDS as usize && items.last().is_some_and(|(at, _)| late(*at)) {
        let detail = format!("the newest {RECORDS} records of {} were read", wanted.name);
        let gap = asking.cut("what AWS Config recorded", detail, "shorten changes");
        found.gaps.push(gap);
    }
    for pair in items.windows(2) {
        if let [new, old] = pair
            && late(new.0)
            && let Some(change) = change((&wanted.entity, &wanted.name), *new, *old)
        {
            found.changes.push(change);
        }
    }
}

/// What AWS Config and somebody else both tell of is one change: the other's, which knows when and by whom, with what
/// differs by the record. Where several others lie in its time, it says nothing of its own.
pub(super) fn told_once(changes: &mut Vec<Change>) {
    let (records, mut others): (Vec<Change>, Vec<Change>) = std::mem::take(changes)
        .into_iter()
        .partition(|change| change.id.starts_with(ID));
    for record in records {
        let mut same = others.iter_mut().filter(|other| {
            (record.start..=record.end).contains(&other.start)
                && other
                    .entities
                    .iter()
                    .any(|one| record.entities.contains(one))
        });
        match (same.next(), same.next()) {
            (None, _) => changes.push(record),
            (Some(_), Some(_)) => {}
            (Some(other), None) if other.id.starts_with(ROLLOUT) => {}
            (Some(other), None) => {
                let both = [other.diff.take(), record.diff];
                let both: Vec<String> = both.into_iter().flatten().collect();
                other.diff = (!both.is_empty()).then(|| both.join("\n"));
            }
        }
    }
    changes.extend(others);
}

#[cfg(test)]
mod tests {
    use super::super::found::plain;
    use super::*;

    #[test]
    fn what_others_tell_too_is_told_once() {
        let record = |id: &str, from: i64, to: i64, who: &str| Change {
            id: id.to_string(),
            diff: Some(id.to_string()),
            ..plain(
                "",
                (Timestamp(from), Timestamp(to)),
                vec![EntityId::from(who)],
            )
        };
        let mut changes = vec![
            record("config:a", 10, 20, "function/a"),
            record("trail-a", 15, 15, "function/a"),
            record("config:b", 10, 20, "function/b"),
            record("trail-b", 25, 25, "function/b"),
            record("config:c", 10, 20, "function/c"),
            record("trail-c", 11, 11, "function/c"),
            record("trail-d", 12, 12, "function/c"),
            record("config:e", 10, 20, "service/e"),
            record("ecs:e", 12, 12, "service/e"),
        ];
        told_once(&mut changes);
        let told: Vec<(&str, &str)> = changes
            .iter()
            .map(|one| (one.id.as_str(), one.diff.as_deref().unwrap_or_default()))
            .collect();
        assert_eq!(
            told,
            [
                ("config:b", "config:b"),
                ("trail-a", "trail-a\nconfig:a"),
                ("trail-b", "trail-b"),
                ("trail-c", "trail-c"),
                ("trail-d", "trail-d"),
                ("ecs:e", "ecs:e"),
            ]
        );
    }
}
