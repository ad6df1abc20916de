//! The ledger: one table that two regions share.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, CreateReplicationGroupMemberAction,
    DeleteReplicationGroupMemberAction, KeySchemaElement, KeyType, ReplicationGroupUpdate,
    ScalarAttributeType, StreamSpecification, StreamViewType, TableStatus,
};

use super::cloud::{Cloud, Place, failed, is, until};
use super::system::TABLE;
use crate::failure::Failure;

const GONE: &[&str] = &["ResourceNotFoundException"];
/// While a change of a table is under way, the next is refused.
const BUSY: &[&str] = &["ResourceInUseException", "LimitExceededException"];
/// By whom, then by transaction.
const KEY: [(&str, KeyType); 2] = [("account", KeyType::Hash), ("id", KeyType::Range)];

/// How the table stands in this region, in DynamoDB's word.
pub(super) async fn status(cloud: &Cloud, place: &Place) -> Result<String, Failure> {
    let name = cloud.named(TABLE);
    match place.tables.describe_table().table_name(&name).send().await {
        Ok(answer) => {
            let status = answer.table().and_then(|table| table.table_status());
            Ok(status.map_or("UNKNOWN", TableStatus::as_str).to_string())
        }
        Err(error) if is(&error, GONE) => Ok("not there".to_string()),
        Err(error) => Err(failed(&format!("{}: {name}", place.region), &error)),
    }
}

async fn active(cloud: &Cloud, place: &Place) -> Result<(), Failure> {
    let what = format!("{}: {} becomes active", place.region, cloud.named(TABLE));
    until(&what, async || {
        Ok((status(cloud, place).await? == "ACTIVE").then_some(()))
    })
    .await
}

/// Makes the table in the primary region, and its copy in the other.
pub(super) async fn set_up(cloud: &Cloud) -> Result<(), Failure> {
    let name = cloud.named(TABLE);
    let primary = cloud.primary()?;
    if status(cloud, primary).await? == "not there" {
        let mut made = primary
            .tables
            .create_table()
            .table_name(&name)
            .billing_mode(BillingMode::PayPerRequest)
            // A table that is copied tells its copies what is new.
            .stream_specification(
                StreamSpecification::builder()
                    .stream_enabled(true)
                    .stream_view_type(StreamViewType::NewAndOldImages)
                    .build()
                    .map_err(|error| Failure::new(error.to_string()))?,
            );
        for (field, kind) in KEY {
            let attribute = AttributeDefinition::builder()
                .attribute_name(field)
                .attribute_type(ScalarAttributeType::S);
            let key = KeySchemaElement::builder()
                .attribute_name(field)
                .key_type(kind);
            made = made
                .attribute_definitions(
                    attribute
                        .build()
                        .map_err(|error| Failure::new(error.to_string()))?,
                )
                .key_schema(
                    key.build()
                        .map_err(|error| Failure::new(error.to_string()))?,
                );
        }
        made.send()
            .await
            .map_err(|error| failed(&format!("{}: {name}", primary.region), &error))?;
    }
    active(cloud, primary).await?;
    for place in cloud.places.iter().skip(1) {
        if status(cloud, place).await? == "not there" {
            let member = CreateReplicationGroupMemberAction::builder()
                .region_name(&place.region)
                .build()
                .map_err(|error| Failure::new(error.to_string()))?;
            replicas(
                cloud,
                ReplicationGroupUpdate::builder().create(member).build(),
            )
            .await?;
        }
        active(cloud, place).await?;
    }
    Ok(())
}

/// Asks the primary region for a change of the copies.
async fn replicas(cloud: &Cloud, update: ReplicationGroupUpdate) -> Result<(), Failure> {
    let name = cloud.named(TABLE);
    let primary = cloud.primary()?;
    until(&format!("the copies of {name}"), async || {
        let sent = primary
            .tables
            .update_table()
            .table_name(&name)
            .replica_updates(update.clone())
            .send()
            .await;
        match sent {
            Ok(_) => Ok(Some(())),
            Err(error) if is(&error, BUSY) => Ok(None),
            Err(error) => Err(failed(&format!("the copies of {name}"), &error)),
        }
    })
    .await
}

/// Takes the copy away, then the table; says what was there.
pub(super) async fn destroy(cloud: &Cloud) -> Result<Vec<String>, Failure> {
    let name = cloud.named(TABLE);
    let mut gone = Vec::new();
    for place in cloud.places.iter().rev() {
        if status(cloud, place).await? == "not there" {
            continue;
        }
        let first = cloud.primary()?;
        if place.region == first.region {
            until(&format!("{name} goes"), async || {
                match place.tables.delete_table().table_name(&name).send().await {
                    Ok(_) => Ok(Some(())),
                    Err(error) if is(&error, GONE) => Ok(Some(())),
                    Err(error) if is(&error, BUSY) => Ok(None),
                    Err(error) => Err(failed(&format!("{}: {name}", place.region), &error)),
                }
            })
            .await?;
        } else {
            let member = DeleteReplicationGroupMemberAction::builder()
                .region_name(&place.region)
                .build()
                .map_err(|error| Failure::new(error.to_string()))?;
            replicas(
                cloud,
                ReplicationGroupUpdate::builder().delete(member).build(),
            )
            .await?;
        }
        until(&format!("{}: {name} goes", place.region), async || {
            Ok((status(cloud, place).await? == "not there").then_some(()))
        })
        .await?;
        gone.push(format!("{}: table {name}", place.region));
    }
    Ok(gone)
}
