//! Alarms as the incidents hold them.

use model::EntityId;
use model::alarm::{Alarm, AlarmState};
use model::incident::{Fingerprint, IncidentId};
use model::time::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::house::Space;
use super::incidents::Which;
use super::problem::Problem;
use super::route::{Asked, Json, Listed, Route};

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    vec![Route::of_space(
        "/alarms",
        "listAlarms",
        "Alarms of incidents, those of the newest incident first",
        list,
    )]
}

/// One alarm of an incident.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AlarmShown")]
struct Shown {
    /// Whose.
    incident: IncidentId,
    /// What makes it the same alarm again.
    fingerprint: Fingerprint,
    /// Its rule.
    rule: String,
    /// About whom.
    entity: EntityId,
    /// As it arrived.
    alarm: Alarm,
    /// How it stands.
    state: AlarmState,
    /// Since when, by its own words.
    since: Timestamp,
    /// When it came to the incident.
    joined: Timestamp,
    /// How often it turned.
    turns: u32,
    /// Does it turn too often to tell anything?
    flapping: bool,
}

fn list(space: &dyn Space, _: &Asked, which: Which) -> Result<Json<Listed<Shown>>, Problem> {
    let mut shown = Vec::new();
    for id in space.incidents(!which.all)? {
        let Some(folded) = space.incident(&id)? else {
            continue;
        };
        shown.extend(folded.incident.alarms.iter().map(|joined| Shown {
            incident: id.clone(),
            fingerprint: joined.fingerprint.clone(),
            rule: joined.alarm.rule.clone(),
            entity: joined.alarm.entity.clone(),
            alarm: joined.alarm.clone(),
            state: joined.state,
            since: joined.since,
            joined: joined.joined,
            turns: joined.turns,
            flapping: joined.flapping,
        }));
    }
    let key = |one: &Shown| format!("{}/{}", one.incident, one.fingerprint.0);
    Ok(Json(which.part().of(shown, key)?))
}
