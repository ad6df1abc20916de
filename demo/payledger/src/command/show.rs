//! What commands print: text for people, or JSON for programs.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::audit::Finding;
use crate::deployment::Deployment;
use crate::failure::Failure;
use crate::fault::{Fault, Injected, find};

/// Prints.
pub(super) struct Show {
    json: bool,
}

impl Show {
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// One answer, in both dresses.
    pub fn say(&self, text: &str, value: &Value) {
        use std::io::Write as _;
        let mut out = std::io::stdout();
        // Nobody who reads: nothing to tell.
        let _ = if self.json {
            writeln!(out, "{value:#}")
        } else {
            writeln!(out, "{text}")
        };
        let _ = out.flush();
    }

    /// What is waited for.
    pub fn progress(&self, line: &str) {
        if !self.json {
            eprintln!("{line} ...");
        }
    }

    pub fn up(&self, deployment: &Deployment) {
        let text = format!(
            "PayLedger runs.\n  page     {}\n  control  {}\n  telemetry {}\nEnd it with Ctrl-C.",
            deployment.page,
            deployment.control,
            deployment
                .otlp
                .as_deref()
                .unwrap_or("only to files (give --otlp URL)"),
        );
        self.say(&text, &json!(deployment));
    }

    pub fn tally(&self, tally: &Value) {
        let text = format!(
            "{} requests, {} failed; {} transactions acknowledged, {} given up",
            tally["requests"], tally["failures"], tally["acknowledged"], tally["abandoned"]
        );
        self.say(&text, tally);
    }

    pub fn status(
        &self,
        deployment: &Deployment,
        running: bool,
        routing: &Value,
        load: &Value,
        injected: &BTreeMap<String, Injected>,
    ) {
        let mut text = format!(
            "{} (process {}, since {})\n  page     {}\n  control  {}",
            if running {
                "running"
            } else {
                "ended without clearing up"
            },
            deployment.pid,
            deployment.started_at,
            deployment.page,
            deployment.control
        );
        match routing["active"].as_str() {
            Some(active) => {
                let mode = routing["mode"].as_str().unwrap_or("?");
                text.push_str(&format!("\n  serving  {active} ({mode})"));
            }
            None => text.push_str("\n  serving  the router does not answer"),
        }
        for region in routing["regions"].as_array().into_iter().flatten() {
            let name = region["name"].as_str().unwrap_or("?");
            let said = if region["healthy"] == true {
                "well".to_owned()
            } else {
                format!(
                    "not well: {}",
                    region["lastFailure"].as_str().unwrap_or("not checked yet")
                )
            };
            text.push_str(&format!("\n  {name}  {said}"));
        }
        if load.is_object() {
            text.push_str(&format!(
                "\n  load     {} requests, {} failed, {} acknowledged",
                load["requests"], load["failures"], load["acknowledged"]
            ));
        }
        for (name, injected) in injected {
            text.push_str(&format!("\n  fault    {name}, since {}", injected.at));
        }
        let value = json!({
            "running": running,
            "deployment": deployment,
            "routing": routing,
            "load": load,
            "faults": injected.iter().map(|(name, injected)| (name.clone(), json!(injected.at))).collect::<BTreeMap<_, _>>(),
        });
        self.say(&text, &value);
    }

    pub fn faults(&self, faults: &[Fault]) -> Result<(), Failure> {
        let mut text = String::new();
        let mut whole = Vec::new();
        for fault in faults {
            let found = find(&fault.name)?;
            text.push_str(&format!("{:<20} {}\n", fault.name, fault.title));
            for expected in &found.expected {
                text.push_str(&format!(
                    "{:<20}   {} {} ({}, {})\n",
                    "",
                    expected.entity,
                    expected.mechanism,
                    expected.category,
                    expected.change.as_deref().unwrap_or("no change")
                ));
            }
            whole.push(found);
        }
        self.say(text.trim_end(), &json!(whole));
        Ok(())
    }

    pub fn injected(&self, fault: &Fault, injected: &Injected) {
        let text = format!(
            "in: {} ({})\ntake it out with: payledger fault restore {}",
            fault.name, fault.title, fault.name
        );
        let value = json!({
            "fault": fault.name,
            "at": injected.at,
            "events": injected.events,
            "expected": fault.expected,
        });
        self.say(&text, &value);
    }

    pub fn audit(&self, finding: &Finding) {
        let mut text = format!(
            "{}: {} acknowledged transactions",
            if finding.clean { "clean" } else { "NOT CLEAN" },
            finding.acknowledged
        );
        for region in &finding.regions {
            let balance = region.balance.map_or_else(
                || "does not answer".to_owned(),
                |balance| balance.to_string(),
            );
            text.push_str(&format!(
                "\n  {}: {} records, sum {}, balance {balance}",
                region.region, region.records, region.sum
            ));
            for (what, ids) in [
                ("missing", &region.missing),
                ("altered", &region.altered),
                ("doubled", &region.doubled),
                ("malformed", &region.malformed),
            ] {
                list(&mut text, what, ids);
            }
        }
        list(
            &mut text,
            "different between the regions",
            &finding.differing,
        );
        list(&mut text, "told in two ways", &finding.told_differently);
        self.say(&text, &json!(finding));
    }
}

fn list(text: &mut String, what: &str, ids: &[String]) {
    if let Some(first) = ids.first() {
        text.push_str(&format!("\n    {} {what}, such as {first}", ids.len()));
    }
}
