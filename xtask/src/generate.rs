//! What is made from code and kept beside it: the schemas, and the report that the README shows.

use anyhow::{Context as _, ensure};

use crate::house::{cargo, root};
use crate::marks;

/// Where the README stops showing the report: what follows is long.
const STOP: &str = "TIMELINE";

/// Writes all. True if all could be written.
pub fn run() -> anyhow::Result<bool> {
    // The tests that compare the schemas write them in this mood.
    let schemas = cargo()
        .args(["test", "--workspace", "--all-features", "--quiet", "schema"])
        .env("MIDWATCH_WRITE", "1")
        .current_dir(root())
        .status()
        .context("cargo cannot be started")?;
    report()?;
    Ok(schemas.success())
}

/// Puts the beginning of the demo's report into the README.
fn report() -> anyhow::Result<()> {
    let output = cargo()
        .args([
            "run",
            "--quiet",
            "--",
            "demo",
            "--recorded",
            "--color",
            "never",
            "--quiet",
        ])
        .env("LC_ALL", "C.UTF-8")
        .current_dir(root())
        .output()
        .context("cargo cannot be started")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "the demo failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let shown = text.split(STOP).next().unwrap_or_default().trim_end();
    let body = format!(
        "```text\n{shown}\n\n[…] timeline, series, what was ruled out and why, gaps, evidence, queries\n```\n"
    );
    marks::write(&root().join("README.md"), "report", &body)
}
