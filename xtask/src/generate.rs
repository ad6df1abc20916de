//! Files that are made from code and kept beside it. The tests that compare them write them as well.

use anyhow::Context as _;

use crate::house::{cargo, root};

/// Runs the comparing tests in the mood in which they write. True if all were written.
pub fn run() -> anyhow::Result<bool> {
    let status = cargo()
        .args(["test", "--workspace", "--all-features", "--quiet", "schema"])
        .env("MIDWATCH_WRITE", "1")
        .env("MIDWATCH_BLESS", "1")
        .current_dir(root())
        .status()
        .context("cargo cannot be started")?;
    Ok(status.success())
}
