//! Midwatch beside the shop, asked over its API.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::metrics::{get, json as get_json};
use super::system::{Shop, last_lines};
use crate::history::end;

/// Midwatch beside the shop; it ends with this.
pub struct Watch {
    child: Child,
    address: String,
}

impl Watch {
    /// Starts it, and waits until it answers.
    pub fn start(shop: &Shop, program: &Path) -> anyhow::Result<Self> {
        let log = shop.state.join("log/midwatch.log");
        let file = File::create(&log)?;
        let child = Command::new(program)
            .args(["serve", "--config"])
            .arg(shop.state.join("etc/midwatch.toml"))
            .current_dir(&shop.state)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("{} cannot be started", program.display()))?;
        let watch = Self {
            child,
            address: format!("http://{}", shop.midwatch()),
        };
        let begun = Instant::now();
        while get(&format!("{}/healthz", watch.address), &[]).is_err() {
            ensure!(
                begun.elapsed() < Duration::from_secs(60),
                "midwatch does not answer:\n{}",
                last_lines(&log, 12)
            );
            std::thread::sleep(Duration::from_millis(300));
        }
        Ok(watch)
    }

    /// All incidents, those that are over too.
    pub fn incidents(&self) -> anyhow::Result<Vec<Value>> {
        let url = format!("{}/v1/spaces/main/incidents", self.address);
        let answer = get_json(&url, &[("all", "true"), ("limit", "200")])?;
        let list = answer["items"].as_array();
        Ok(list.context("a list of incidents")?.clone())
    }

    /// What is said of one by now.
    pub fn report(&self, id: &str) -> Option<Value> {
        let url = format!("{}/v1/spaces/main/incidents/{id}/report", self.address);
        get_json(&url, &[("format", "json")]).ok()
    }

    /// The report as it stands now, kept with its recording in this folder.
    pub fn kept(&self, id: &str, folder: &Path) -> anyhow::Result<Value> {
        let report = self
            .report(id)
            .with_context(|| format!("{id} has no report"))?;
        fs::write(folder.join(format!("{id}.report.json")), report.to_string())?;
        let recording = format!("{}/v1/spaces/main/incidents/{id}/recording", self.address);
        if let Ok(body) = get(&recording, &[]) {
            fs::write(folder.join(format!("{id}.tar.zst")), body)?;
        }
        Ok(report)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}
