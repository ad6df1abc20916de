//! Databases of RDS and Aurora: how they are, what waits to be altered, who copies whom, and what AWS says of them.

use std::collections::BTreeMap;

use aws_sdk_rds::types::{DbCluster, DbInstance, SourceType};
use model::{EdgeKind, EntityKind, SourceKind};
use serde_json::{Map, Value, json};

use super::alarms::{moment, stamp};
use super::ask::{Asking, Miss};
use super::found::Found;
use super::repeats::clip;
use crate::files::entities::Directory;
use crate::files::gathered::Gathered;
use crate::files::source::DataFile;
use crate::files::{Limits, aws, everything};

/// Databases or notices of one answer: the most that may be asked for.
const PAGE: i32 = 100;
/// Answers that are read, of databases and of notices.
const PAGES: usize = 3;

/// What maintenance waits, by the name of the database.
type Waiting = BTreeMap<String, Vec<Value>>;

/// Databases.
pub(super) async fn look(asking: &Asking<'_>) -> Found {
    let mut found = Found::default();
    let instances = match instances(asking, &mut found).await {
        Ok(instances) => instances,
        Err(miss) => {
            found.missed(asking, "databases of RDS", &miss);
            return found;
        }
    };
    found.seen.insert(SourceKind::State);
    // Where there are none, nobody says anything of them either.
    if instances.is_empty() {
        return found;
    }
    let waiting = match waiting(asking).await {
        Ok(waiting) => waiting,
        Err(miss) => {
            found.missed(asking, "maintenance of databases that waits", &miss);
            Waiting::new()
        }
    };
    for instance in &instances {
        tell(asking, instance, &waiting, &mut found);
    }
    let clustered = instances
        .iter()
        .any(|one| said(one.db_cluster_identifier()).is_some());
    if clustered && let Err(miss) = clusters(asking, &waiting, &mut found).await {
        found.missed(asking, "clusters of databases", &miss);
    }
    match notices(asking, &mut found).await {
        Ok(()) => {
            found.seen.insert(SourceKind::Events);
        }
        Err(miss) => found.missed(asking, "what RDS says of databases", &miss),
    }
    found
}

async fn instances(asking: &Asking<'_>, found: &mut Found) -> Result<Vec<DbInstance>, Miss> {
    let mut all = Vec::new();
    let mut next = None;
    for page in 0.. {
        if page == PAGES {
            let detail = format!("the first {} databases were read", all.len());
            let gap = asking.cut(
                "all databases of RDS",
                detail,
                "name fewer regions and accounts",
            );
            found.gaps.push(gap);
            break;
        }
        let sent = asking
            .place
            .rds
            .describe_db_instances()
            .max_records(PAGE)
            .set_marker(next)
            .send();
        let answer = asking.ask("rds:DescribeDBInstances", 1, sent).await?;
        all.extend_from_slice(answer.db_instances());
        next = said(answer.marker()).map(str::to_string);
        if next.is_none() {
            break;
        }
    }
    Ok(all)
}

/// What is said, if it is anything: nothing at all is written as an empty text by some.
fn said(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

fn tell(asking: &Asking<'_>, instance: &DbInstance, waiting: &Waiting, found: &mut Found) {
    let Some(name) = said(instance.db_instance_identifier()) else {
        return;
    };
    let entity = found.there(asking, EntityKind::Database, name);
    let arn = instance.db_instance_arn().unwrap_or_default();
    found.directory.label(&entity, "arn", arn);
    // By this AWS Config knows it, whatever it is called later.
    if let Some(id) = said(instance.dbi_resource_id()) {
        found.directory.label(&entity, "resource_id", id);
    }
    if let Some(address) = instance.endpoint().and_then(|one| said(one.address())) {
        found.directory.label(&entity, "endpoint", address);
    }
    if let Some(source) = said(instance.read_replica_source_db_instance_identifier()) {
        let source = source.rsplit(':').next().unwrap_or(source);
        let source = found.named(EntityKind::Database, source);
        let seen_in = "the replica's configuration";
        found.edge(&entity, &source, EdgeKind::ReplicatesFrom, seen_in);
    }
    let mut notes = Vec::new();
    let pending = pending(instance);
    if !pending.is_empty() {
        let named: Vec<&str> = pending.keys().map(String::as_str).collect();
        notes.push(format!("waits to be altered: {}", named.join(", ")));
    }
    for group in instance.db_parameter_groups() {
        let status = group.parameter_apply_status().unwrap_or_default();
        if !matches!(status, "" | "in-sync") {
            let name = group.db_parameter_group_name().unwrap_or_default();
            notes.push(format!("parameters of {name} are {status}"));
        }
    }
    let waits = waiting.get(name);
    if let Some(waits) = waits {
        let actions = waits.iter().filter_map(|one| one["Action"].as_str());
        notes.push(format!(
            "maintenance waits: {}",
            actions.collect::<Vec<_>>().join(", ")
        ));
    }
    let infos: Vec<Value> = instance
        .status_infos()
        .iter()
        .filter(|info| info.normal() == Some(false))
        .map(|info| json!({ "StatusType": info.status_type(), "Status": info.status(), "Message": info.message() }))
        .collect();
    let document = json!({
        "DBInstanceIdentifier": name,
        "DBInstanceStatus": instance.db_instance_status(),
        "DBInstanceClass": instance.db_instance_class(),
        "Engine": instance.engine(),
        "EngineVersion": instance.engine_version(),
        "MultiAZ": instance.multi_az(),
        "AvailabilityZone": instance.availability_zone(),
        "AllocatedStorage": instance.allocated_storage(),
        "MaxAllocatedStorage": instance.max_allocated_storage(),
        "StorageType": instance.storage_type(),
        "Iops": instance.iops(),
        "DBClusterIdentifier": said(instance.db_cluster_identifier()),
        "PreferredMaintenanceWindow": instance.preferred_maintenance_window(),
        "PreferredBackupWindow": instance.preferred_backup_window(),
        "PendingModifiedValues": pending,
        "PendingMaintenance": waits,
        "StatusInfos": infos,
        "message": notes.join("; "),
    });
    found.state(entity, "rds.instance", document, asking.now);
}

/// What is to be altered at the next maintenance, or restart. That a password is among it is told, and no more.
fn pending(instance: &DbInstance) -> Map<String, Value> {
    let mut fields = Map::new();
    let Some(values) = instance.pending_modified_values() else {
        return fields;
    };
    let text = |value: Option<&str>| value.map(Value::from);
    for (name, value) in [
        ("DBInstanceClass", text(values.db_instance_class())),
        (
            "AllocatedStorage",
            values.allocated_storage().map(Value::from),
        ),
        (
            "MasterUserPassword",
            values
                .master_user_password()
                .map(|_| Value::from("another")),
        ),
        ("Port", values.port().map(Value::from)),
        ("MultiAZ", values.multi_az().map(Value::from)),
        ("EngineVersion", text(values.engine_version())),
        ("Iops", values.iops().map(Value::from)),
        ("StorageType", text(values.storage_type())),
        (
            "CACertificateIdentifier",
            text(values.ca_certificate_identifier()),
        ),
        (
            "DBInstanceIdentifier",
            text(values.db_instance_identifier()),
        ),
    ] {
        if let Some(value) = value {
            fields.insert(name.to_string(), value);
        }
    }
    fields
}

/// Clusters, and which of their members writes.
async fn clusters(asking: &Asking<'_>, waiting: &Waiting, found: &mut Found) -> Result<(), Miss> {
    let sent = asking
        .place
        .rds
        .describe_db_clusters()
        .max_records(PAGE)
        .send();
    let answer = asking.ask("rds:DescribeDBClusters", 1, sent).await?;
    if said(answer.marker()).is_some() {
        let detail = format!("the first {PAGE} clusters were read");
        let gap = asking.cut(
            "all clusters of databases",
            detail,
            "name fewer regions and accounts",
        );
        found.gaps.push(gap);
    }
    for cluster in answer.db_clusters() {
        tell_cluster(asking, cluster, waiting, found);
    }
    Ok(())
}

fn tell_cluster(asking: &Asking<'_>, cluster: &DbCluster, waiting: &Waiting, found: &mut Found) {
    let Some(name) = said(cluster.db_cluster_identifier()) else {
        return;
    };
    let entity = found.there(asking, EntityKind::Database, name);
    let arn = cluster.db_cluster_arn().unwrap_or_default();
    found.directory.label(&entity, "arn", arn);
    if let Some(id) = said(cluster.db_cluster_resource_id()) {
        found.directory.label(&entity, "resource_id", id);
    }
    let mut members = Vec::new();
    for member in cluster.db_cluster_members() {
        let Some(instance) = said(member.db_instance_identifier()) else {
            continue;
        };
        let copy = found.there(asking, EntityKind::Database, instance);
        if copy != entity {
            found.edge(&entity, &copy, EdgeKind::ServedBy, "the cluster's members");
        }
        members.push(json!({
            "DBInstanceIdentifier": instance,
            "IsClusterWriter": member.is_cluster_writer(),
            "DBClusterParameterGroupStatus": member.db_cluster_parameter_group_status(),
        }));
    }
    let document = json!({
        "DBClusterIdentifier": name,
        "Status": cluster.status(),
        "Engine": cluster.engine(),
        "EngineVersion": cluster.engine_version(),
        "MultiAZ": cluster.multi_az(),
        "DBClusterMembers": members,
        "PendingMaintenance": waiting.get(name),
    });
    found.state(entity, "rds.cluster", document, asking.now);
}

/// Maintenance that waits for its time.
async fn waiting(asking: &Asking<'_>) -> Result<Waiting, Miss> {
    let sent = asking
        .place
        .rds
        .describe_pending_maintenance_actions()
        .max_records(PAGE)
        .send();
    let answer = asking
        .ask("rds:DescribePendingMaintenanceActions", 1, sent)
        .await?;
    let mut waiting = Waiting::new();
    for resource in answer.pending_maintenance_actions() {
        // `arn:aws:rds:eu-west-1:111111111111:db:orders`
        let arn = resource.resource_identifier().unwrap_or_default();
        let name = arn.rsplit(':').next().unwrap_or(arn).to_string();
        let actions = resource.pending_maintenance_action_details().iter();
        waiting.entry(name).or_default().extend(actions.map(|one| {
            json!({
                "Action": one.action(),
                "Description": one.description().map(clip),
                "CurrentApplyDate": one.current_apply_date().map(|at| moment(at).to_string()),
                "ForcedApplyDate": one.forced_apply_date().map(|at| moment(at).to_string()),
            })
        }));
    }
    Ok(waiting)
}

/// What AWS says of databases, read as its command line prints it.
async fn notices(asking: &Asking<'_>, found: &mut Found) -> Result<(), Miss> {
    let manifest = everything();
    let mut gathered = Gathered::new(&manifest, Directory::new(Default::default()));
    let since = asking.reaches_back();
    let mut next = None;
    for page in 0.. {
        if page == PAGES {
            let detail = format!("the first {} notices were read", PAGES * PAGE as usize);
            let gap = asking.cut("all that RDS says of databases", detail, "shorten changes");
            found.gaps.push(gap);
            break;
        }
        let sent = asking
            .place
            .rds
            .describe_events()
            .start_time(stamp(since))
            .end_time(stamp(asking.now))
            .max_records(PAGE)
            .set_marker(next)
            .send();
        let answer = asking.ask("rds:DescribeEvents", 1, sent).await?;
        let events: Vec<Value> = answer
            .events()
            .iter()
            .filter(|event| {
                let databases = [Some(&SourceType::DbInstance), Some(&SourceType::DbCluster)];
                let at = event.date().map(moment);
                databases.contains(&event.source_type())
                    && at.is_some_and(|at| (since..asking.now).contains(&at))
            })
            .map(|event| {
                json!({
                    "SourceIdentifier": event.source_identifier(),
                    "Date": event.date().map(|at| moment(at).to_string()),
                    "EventCategories": event.event_categories(),
                    "Message": event.message().map(clip),
                })
            })
            .collect();
        let name = format!("{}/{}/rds.json", asking.source, asking.place.name);
        let text = json!({ "Events": events }).to_string();
        let file = DataFile::in_memory(&name, text.as_bytes());
        // Made here a moment ago, it can be read.
        let _ = aws::read(
            &file,
            aws::Document::DatabaseEvents,
            &Limits::default(),
            &mut gathered,
        );
        next = said(answer.marker()).map(str::to_string);
        if next.is_none() {
            break;
        }
    }
    found.directory.merge(gathered.directory);
    found.events.extend(gathered.events);
    Ok(())
}
