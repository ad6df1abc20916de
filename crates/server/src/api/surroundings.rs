//! What is around the incidents: what leans on what, and what was altered, what is connected.

use model::change::Change;
use model::topology::Topology;
use serde_json::Value;

use super::house::Space;
use super::problem::Problem;
use super::route::{Asked, Json, Listed, Nothing, Part, Route};

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    vec![
        Route::of_space(
            "/topology",
            "getTopology",
            "What leans on what, as known now",
            topology,
        ),
        Route::of_space(
            "/changes",
            "listChanges",
            "What was altered of late, the newest first",
            changes,
        ),
        Route::of_space(
            "/doctor",
            "listFindings",
            "What is configured, what works of it, and what to do",
            findings,
        ),
    ]
}

fn topology(space: &dyn Space, _: &Asked, _: Nothing) -> Result<Json<Topology>, Problem> {
    Ok(Json(space.surroundings()?.0.clone()))
}

fn changes(space: &dyn Space, _: &Asked, part: Part) -> Result<Json<Listed<Change>>, Problem> {
    let mut changes = space.surroundings()?.1.clone();
    changes.sort_by(|a, b| b.start.cmp(&a.start).then_with(|| a.id.cmp(&b.id)));
    Ok(Json(part.of(changes, |change| change.id.clone())?))
}

fn findings(space: &dyn Space, _: &Asked, part: Part) -> Result<Json<Listed<Value>>, Problem> {
    // Several may be about the same part, so that their places name them.
    let all = space.findings()?.into_iter().enumerate();
    let listed = part.of(all, |(place, _)| place.to_string())?;
    Ok(Json(listed.try_map(|(_, finding)| Ok(finding))?))
}
