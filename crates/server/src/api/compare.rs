//! Two reports side by side: what they saw differently.

use std::sync::Arc;

use model::incident::IncidentId;
use model::report::Report;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::house::Space;
use super::problem::{Code, Problem};
use super::route::{Asked, Json, Route};

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    vec![Route::of_space(
        "/compare",
        "compareReports",
        "What two reports saw differently, as `midwatch diff` tells it",
        compare,
    )]
}

/// Which two: `incident:ID`, `incident:ID@DIGEST`, `recording:NAME` or `investigation:NUMBER`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Which {
    /// The one before: `incident:ID`, `incident:ID@DIGEST`, `recording:NAME` or `investigation:NUMBER`.
    left: String,
    /// The one after, in the same words.
    right: String,
}

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Difference {
    /// Which part of the reports: `case`, `rules`, `status`, `verdict`, `symptom`, `cause`, `ruled_out`, `unknown`,
    /// `gap`, `evidence`, `budget`.
    pub part: &'static str,
    /// What it is about.
    pub about: String,
    /// On the left; `null` when it is on the right only.
    pub before: Option<String>,
    /// On the right; `null` when it is on the left only.
    pub after: Option<String>,
}

/// What two reports saw differently.
#[derive(Debug, Serialize, JsonSchema)]
struct Compared {
    /// Digest of the one on the left (its ledger).
    left: String,
    /// Digest of the one on the right.
    right: String,
    /// Do they say the same?
    same: bool,
    /// What differs, in the order in which a reader wants to know it.
    differences: Vec<Difference>,
}

fn compare(space: &dyn Space, _: &Asked, which: Which) -> Result<Json<Compared>, Problem> {
    let (left, right) = (named(space, &which.left)?, named(space, &which.right)?);
    let differences = space.compared(&left, &right);
    Ok(Json(Compared {
        left: left.ledger.clone(),
        right: right.ledger.clone(),
        same: differences.is_empty(),
        differences,
    }))
}

/// The report of that name.
fn named(space: &dyn Space, name: &str) -> Result<Arc<Report>, Problem> {
    let missing = || Problem::not_found("report", name);
    match name.split_once(':') {
        Some(("incident", name)) => {
            let (id, digest) = name.split_once('@').unwrap_or((name, ""));
            let folded = space.incident(&IncidentId(id.to_string()))?;
            let folded = folded.ok_or_else(missing)?;
            let mut reports = super::incidents::reports(&folded);
            let found = reports.find(|report| digest.is_empty() || report.ledger == digest);
            found.cloned().map(Arc::new).ok_or_else(missing)
        }
        Some(("recording", name)) => space.recordings().report(name)?.ok_or_else(missing),
        Some(("investigation", number)) => {
            let number = number.parse().ok();
            let found = number.and_then(|number| space.recordings().job_report(number));
            found.ok_or_else(missing)
        }
        _ => Err(Problem::new(
            Code::BadRequest,
            format!(
                "{name:?} names no report; say incident:ID, incident:ID@DIGEST, recording:NAME or investigation:NUMBER"
            ),
        )),
    }
}
