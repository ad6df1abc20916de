//! The control plane of a PayLedger: what was altered there, how things are set, who leans on whom; and the
//! hands that alter it.
//!
//! Reading order: [`Eyes::look`] asks; `read` turns answers into our words; [`Hands`] performs. Names follow the
//! rule by which pushed telemetry is named (`docs/recordings.md`), so that a change and a span of one function meet
//! in one entity.

mod hands;
mod read;

use std::time::Duration;

use model::plan::Condition;
use model::query::{Gap, GapReason};
use model::time::{Span, TimeWindow, Timestamp};
use model::topology::Topology;
use model::{Change, StateSnapshot};
use serde_json::Value;

use crate::client::{self, ClientError};

pub use hands::Hands;

/// So many records of the audit are asked for; the newest are given.
const MOST: usize = 2000;

/// What one look brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Looked {
    /// Who leans on whom, by the control plane's own knowledge.
    pub topology: Topology,
    /// What was altered inside the window.
    pub changes: Vec<Change>,
    /// How things are set now.
    pub snapshots: Vec<StateSnapshot>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
}

/// The reading end.
pub struct Eyes {
    control: String,
    router: Option<String>,
    client: reqwest::blocking::Client,
}

impl Eyes {
    /// Of the control plane at this base address; `router` tells which region serves.
    pub fn new(control: &str, router: Option<&str>) -> Result<Self, ClientError> {
        Ok(Self {
            control: control.trim_end_matches('/').to_string(),
            router: router.map(|url| url.trim_end_matches('/').to_string()),
            client: client::client(Duration::from_secs(3))?,
        })
    }

    fn get(&self, url: &str) -> Result<Value, ClientError> {
        client::json(self.client.get(url))
    }

    /// Everything at once. What fails is a gap; the rest still counts.
    pub fn look(&self, window: TimeWindow, now: Timestamp) -> Looked {
        let mut looked = Looked::default();
        let base = &self.control;
        match self.get(&format!("{base}/topology")) {
            Ok(answer) => looked.topology = read::topology(&answer),
            Err(error) => looked.gaps.push(gap("topology", base, &error)),
        }
        let since = urlencoded(&window.from().to_string());
        match self.get(&format!("{base}/audit?since={since}&limit={MOST}")) {
            Ok(answer) => {
                if read::records(&answer) >= MOST {
                    looked.gaps.push(Gap::new(
                        "changes before the newest",
                        GapReason::Budget,
                        format!("{base} gave {MOST} records, and no more are asked for"),
                        "look sooner after an alarm, or back over a shorter time",
                    ));
                }
                looked.changes = read::changes(&answer, &mut |function, version| {
                    self.get(&format!("{base}/artifacts/{function}/{version}"))
                        .ok()
                });
                looked.changes.retain(|change| change.start < window.to());
            }
            Err(error) => looked.gaps.push(gap("changes", base, &error)),
        }
        // A look ends before `now`: what it shows was so a moment earlier.
        let now = now.minus(Span(1));
        let documents: [(&str, &str, read::Documents); 3] = [
            ("state of functions", "functions", read::functions),
            ("state of certificates", "certificates", read::certificates),
            ("state of tables", "state", read::tables),
        ];
        for (wanted, path, documents) in documents {
            match self.get(&format!("{base}/{path}")) {
                Ok(answer) => looked.snapshots.extend(documents(&answer, now)),
                Err(error) => looked.gaps.push(gap(wanted, base, &error)),
            }
        }
        if let Some(router) = &self.router {
            match self.get(&format!("{router}/state")) {
                Ok(answer) => looked.snapshots.push(read::router(answer, now)),
                Err(error) => looked.gaps.push(gap("state of the router", router, &error)),
            }
        }
        looked
    }

    /// What must hold again before an incident is over, whatever was wrong: where a router tells who serves, that
    /// the primary does.
    pub fn home(&self) -> Vec<Condition> {
        let router = self.router.iter();
        router.map(|_| read::primary_serves()).collect()
    }

    /// Does the control plane answer? What it said, for people.
    pub fn greet(&self) -> Result<String, ClientError> {
        let answer = self.get(&format!("{}/state", self.control))?;
        let regions = answer["regions"]
            .as_object()
            .map_or(0, serde_json::Map::len);
        Ok(format!(
            "{regions} regions, {} audit records",
            answer["events"]
        ))
    }
}

fn gap(wanted: &str, base: &str, error: &ClientError) -> Gap {
    let (why, how_to_close) = match error {
        ClientError::Refused {
            status: 401 | 403, ..
        } => (
            GapReason::Permission,
            "let the watch read the control plane".to_string(),
        ),
        ClientError::Refused { status: 429, .. } => (
            GapReason::RateLimit,
            format!("let {base} be asked more often, or by fewer"),
        ),
        ClientError::Unanswered(_) => (
            GapReason::Timeout,
            format!("see why {base} does not answer within 3 s"),
        ),
        _ => (
            GapReason::Connector,
            format!("check connectors.payledger in midwatch.toml and that {base} answers"),
        ),
    };
    Gap {
        wanted: wanted.to_string(),
        entity: None,
        hides: Vec::new(),
        why,
        detail: error.to_string(),
        how_to_close,
    }
}

/// Escapes what RFC 3339 times hold and query strings do not.
fn urlencoded(text: &str) -> String {
    text.replace('%', "%25")
        .replace('+', "%2B")
        .replace(':', "%3A")
}

#[cfg(test)]
mod tests;
