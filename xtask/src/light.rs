//! The first build is light: what only few need (AWS's own SDK, a client of clusters) is in it only where it is asked for.

use anyhow::ensure;

use crate::house::{cargo, root};

/// How the names of crates begin that the light build must not hold.
const HEAVY: [&str; 4] = ["aws-sdk-", "aws-config", "kube-client", "parquet"];

/// Every crate that is too heavy for a build without features, and every one that is looked for in vain in the full
/// build: a rule about nobody would hold for ever.
pub fn faults() -> anyhow::Result<Vec<String>> {
    let (light, full) = (crates(&[])?, crates(&["--features", "full"])?);
    let mut faults: Vec<String> = light
        .iter()
        .filter(|name| HEAVY.iter().any(|heavy| name.starts_with(heavy)))
        .map(|name| format!("midwatch without features: holds {name}; expected it with the feature that needs it"))
        .collect();
    for heavy in HEAVY {
        if !full.iter().any(|name| name.starts_with(heavy)) {
            faults.push(format!("midwatch with all features: holds no {heavy}; expected the rule about it gone as well"));
        }
    }
    Ok(faults)
}

/// The names of all crates in the program, built so.
fn crates(features: &[&str]) -> anyhow::Result<Vec<String>> {
    let told = cargo()
        .current_dir(root())
        .args(["tree", "-p", "midwatch", "--edges", "normal,build"])
        .args(["--prefix", "none", "--format", "{p}"])
        .args(features)
        .output()?;
    ensure!(
        told.status.success(),
        "cargo tree: {}",
        String::from_utf8_lossy(&told.stderr)
    );
    let mut names: Vec<String> = String::from_utf8_lossy(&told.stdout)
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_string)
        .collect();
    names.sort();
    names.dedup();
    Ok(names)
}
