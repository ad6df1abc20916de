//! The workspace as cargo knows it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde_json::Value;

/// The cargo that runs us.
pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The folder of the workspace.
pub fn root() -> PathBuf {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    own.parent().map_or_else(|| own.clone(), PathBuf::from)
}

/// One crate of the workspace.
#[derive(Clone, Debug)]
pub struct Room {
    /// Its package's name, without the project's prefix.
    pub name: String,
    /// What it leans on: workspace crates and others.
    pub leans: Vec<Lean>,
}

/// One line of a crate's dependencies.
#[derive(Clone, Debug)]
pub struct Lean {
    /// The package's name; of a workspace crate without the project's prefix.
    pub on: String,
    /// Is it a crate of this workspace?
    pub ours: bool,
    /// Only for tests, examples and benches?
    pub dev: bool,
}

/// What `cargo metadata` says.
pub struct House {
    /// The crates, sorted by name.
    pub rooms: Vec<Room>,
    /// Where cargo builds.
    pub target: PathBuf,
}

impl House {
    /// Asks cargo; nothing is downloaded or built.
    pub fn survey() -> anyhow::Result<Self> {
        let output = cargo()
            .args([
                "metadata",
                "--format-version",
                "1",
                "--no-deps",
                "--offline",
            ])
            .current_dir(root())
            .output()
            .context("cargo cannot be started")?;
        ensure!(
            output.status.success(),
            "cargo metadata failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let metadata: Value =
            serde_json::from_slice(&output.stdout).context("cargo metadata wrote no JSON")?;
        Self::read(&metadata).context("cargo metadata wrote something unexpected")
    }

    fn read(metadata: &Value) -> Option<Self> {
        let mut rooms: Vec<Room> = Vec::new();
        for package in metadata["packages"].as_array()? {
            let mut leans = Vec::new();
            for dependency in package["dependencies"].as_array()? {
                leans.push(Lean {
                    on: short(dependency["name"].as_str()?),
                    ours: dependency["path"].is_string(),
                    dev: dependency["kind"].as_str() == Some("dev"),
                });
            }
            let name = short(package["name"].as_str()?);
            rooms.push(Room { name, leans });
        }
        rooms.sort_by(|a, b| a.name.cmp(&b.name));
        let target = PathBuf::from(metadata["target_directory"].as_str()?);
        Some(Self { rooms, target })
    }

    /// The program as `cargo build` leaves it under this profile's folder.
    pub fn program(&self, profile: &str) -> PathBuf {
        let name = format!("midwatch{}", std::env::consts::EXE_SUFFIX);
        self.target.join(profile).join(name)
    }
}

/// Crates are published under the project's prefix and spoken of without it.
fn short(name: &str) -> String {
    name.strip_prefix("midwatch-").unwrap_or(name).to_string()
}
