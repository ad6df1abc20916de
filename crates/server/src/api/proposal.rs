//! What could be done about an incident, as it would be planned now. Nothing is written down and nobody is asked: the
//! plan that counts is the one that the watch proposes, and a person says yes to that.

use model::plan::Plan;
use schemars::JsonSchema;
use serde::Serialize;

use super::house::Space;
use super::problem::Problem;
use super::route::{Asked, Json, Nothing, Route};

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    vec![Route::question(
        "/incidents/{id}/proposal",
        "proposePlan",
        "A plan for the newest report as it would be made now, or why there is none; nothing is written down",
        propose,
    )]
}

/// A plan that was made for nobody to say yes to.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Proposal {
    /// Digest of the report that it rests on (its ledger).
    pub report: String,
    /// The plan; `null` if there is none.
    pub plan: Option<Plan>,
    /// Why there is none, cause by cause.
    pub why: Vec<String>,
}

fn propose(space: &dyn Space, asked: &Asked, _: Nothing) -> Result<Json<Proposal>, Problem> {
    let folded = super::incidents::named(space, asked)?;
    let report = super::incidents::newest(&folded)?;
    Ok(Json(space.proposal(&folded.incident, report)?))
}
