//! Taking everything away: alarms first, so that nobody is called because of it.

use super::cloud::Cloud;
use super::{functions, roles, system, table, telling};
use crate::failure::Failure;

/// Takes everything away; says what was there.
pub(super) async fn all(cloud: &Cloud, progress: &impl Fn(&str)) -> Result<Vec<String>, Failure> {
    let mut gone = Vec::new();
    for place in &cloud.places {
        progress(&format!("alarms and functions in {}", place.region));
        gone.extend(telling::destroy(cloud, place).await?);
        for wanted in &system::FUNCTIONS {
            gone.extend(functions::destroy(place, &cloud.named(wanted.name)).await?);
        }
    }
    progress("the ledger, in both regions");
    gone.extend(table::destroy(cloud).await?);
    progress("roles");
    gone.extend(roles::destroy(cloud).await?);
    Ok(gone)
}
