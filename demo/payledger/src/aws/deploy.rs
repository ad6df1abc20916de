//! Setting up, and bringing back: the same description, made true.

use super::cloud::Cloud;
use super::{functions, roles, system, table, telling};
use crate::failure::Failure;

/// Sets everything up, in the order in which one thing needs another.
pub(super) async fn all(cloud: &Cloud, progress: &impl Fn(&str)) -> Result<(), Failure> {
    progress("roles");
    roles::set_up(cloud).await?;
    progress("the ledger, in both regions");
    table::set_up(cloud).await?;
    for place in &cloud.places {
        progress(&format!("functions and alarms in {}", place.region));
        for wanted in &system::FUNCTIONS {
            functions::set_up(cloud, place, wanted).await?;
        }
        telling::set_up(cloud, place).await?;
    }
    restore(cloud).await.map(|_| ())
}

/// Brings roles and functions back to what was set up; says what deviated.
pub(super) async fn restore(cloud: &Cloud) -> Result<Vec<String>, Failure> {
    let mut put = roles::restore(cloud).await?;
    for place in &cloud.places {
        for wanted in &system::FUNCTIONS {
            put.extend(functions::restore(cloud, place, wanted).await?);
        }
    }
    Ok(put)
}
