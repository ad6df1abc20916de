//! Tables of DynamoDB: their state, capacity, indexes and replicas.

use std::collections::BTreeSet;

use model::{EntityId, EntityKind, SourceKind};
use serde_json::json;

use super::ask::{Asking, Miss};
use super::found::Found;

/// Answers of names that are read, each of 100.
const PAGES: usize = 5;

/// Tables.
pub(super) async fn look(asking: &Asking<'_>, firing: &BTreeSet<EntityId>) -> Found {
    let mut found = Found::default();
    let (names, whole) = match list(asking).await {
        Ok(listed) => listed,
        Err(miss) => {
            found.missed(asking, "tables", &miss);
            return found;
        }
    };
    found.seen.insert(SourceKind::State);
    let tables = names
        .into_iter()
        .map(|name| (found.there(asking, EntityKind::Table, &name), name))
        .collect();
    let wanted = ("how tables are", "tables");
    for (entity, name) in found.first(asking, firing, wanted, tables, !whole) {
        if let Err(miss) = describe(asking, &name, entity, &mut found).await {
            found.missed(asking, "how tables are", &miss);
            break;
        }
    }
    found
}

/// Their names, and whether these are all.
async fn list(asking: &Asking<'_>) -> Result<(BTreeSet<String>, bool), Miss> {
    let mut names = BTreeSet::new();
    let mut next = None;
    for _ in 0..PAGES {
        let sent = asking
            .place
            .dynamodb
            .list_tables()
            .set_exclusive_start_table_name(next)
            .send();
        let answer = asking.ask("dynamodb:ListTables", 1, sent).await?;
        names.extend(answer.table_names().iter().cloned());
        next = answer.last_evaluated_table_name().map(str::to_string);
        if next.is_none() {
            return Ok((names, true));
        }
    }
    Ok((names, false))
}

async fn describe(
    asking: &Asking<'_>,
    name: &str,
    entity: EntityId,
    found: &mut Found,
) -> Result<(), Miss> {
    let sent = asking
        .place
        .dynamodb
        .describe_table()
        .table_name(name)
        .send();
    let answer = asking.ask("dynamodb:DescribeTable", 1, sent).await?;
    let Some(table) = answer.table() else {
        return Ok(());
    };
    let capacity = table.provisioned_throughput();
    let replicas: Vec<_> = table
        .replicas()
        .iter()
        .map(|replica| {
            json!({
                "RegionName": replica.region_name(),
                "ReplicaStatus": replica.replica_status().map(|status| status.as_str()),
                "ReplicaStatusDescription": replica.replica_status_description(),
            })
        })
        .collect();
    let indexes: Vec<_> = table
        .global_secondary_indexes()
        .iter()
        .map(|index| {
            json!({
                "IndexName": index.index_name(),
                "IndexStatus": index.index_status().map(|status| status.as_str()),
                "ReadCapacityUnits": index.provisioned_throughput().and_then(|one| one.read_capacity_units()),
                "WriteCapacityUnits": index.provisioned_throughput().and_then(|one| one.write_capacity_units()),
            })
        })
        .collect();
    let document = json!({
        "TableName": name,
        "TableStatus": table.table_status().map(|status| status.as_str()),
        "BillingMode": table.billing_mode_summary().and_then(|one| one.billing_mode()).map(|mode| mode.as_str()),
        "ReadCapacityUnits": capacity.and_then(|one| one.read_capacity_units()),
        "WriteCapacityUnits": capacity.and_then(|one| one.write_capacity_units()),
        "ItemCount": table.item_count(),
        "StreamEnabled": table.stream_specification().map(|one| one.stream_enabled()),
        "Replicas": replicas,
        "Indexes": indexes,
    });
    let arn = table.table_arn().unwrap_or_default();
    found.directory.label(&entity, "arn", arn);
    found.state(entity, "dynamodb.table", document, asking.now);
    Ok(())
}
