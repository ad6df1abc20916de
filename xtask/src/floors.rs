//! The floors of the house: arrows go down, vendors stay in their folder, rooms have no windows.
//!
//! Three readings: the crates' dependency lists ([`rooms`]), the crates' source ([`source`]), and what the first build
//! holds ([`light`]).

use crate::house::{House, root};
use crate::{light, rooms, source};

/// Prints every fault; true if there is none.
pub fn run() -> anyhow::Result<bool> {
    let faults = faults()?;
    for fault in &faults {
        println!("{fault}");
    }
    if faults.is_empty() {
        println!("the floors hold");
    }
    Ok(faults.is_empty())
}

/// Every fault of the house as it stands.
pub fn faults() -> anyhow::Result<Vec<String>> {
    let mut faults = rooms::faults(&House::survey()?.rooms);
    faults.extend(source::faults(&root())?);
    faults.extend(light::faults()?);
    Ok(faults)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_floors_hold() {
        let faults = super::faults().expect("the workspace can be read");
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
}
