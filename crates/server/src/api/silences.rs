//! Silences and maintenance windows.

use model::silence::Silence;
use model::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::house::Space;
use super::problem::Problem;
use super::route::{Asked, Json, Listed, Part, Route};

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    vec![Route::of_space(
        "/silences",
        "listSilences",
        "Silences and windows that may still be quiet, oldest first",
        list,
    )]
}

/// A silence, and whether it is quiet now.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SilenceShown")]
struct Shown {
    #[serde(flatten)]
    silence: Silence,
    /// Until when it is quiet; `null` if it is not quiet now.
    quiet_until: Option<Timestamp>,
}

/// Which silences.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Which {
    /// Those that are over, too?
    all: bool,
    /// `next` of the part before; without it the first part.
    cursor: Option<String>,
    /// Items in one part, from 1 to 200; 50 if nothing is said.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
}

fn list(space: &dyn Space, asked: &Asked, which: Which) -> Result<Json<Listed<Shown>>, Problem> {
    let part = Part {
        cursor: which.cursor,
        limit: which.limit,
    };
    let now = asked.now;
    // A cursor may name one that is over by now.
    let wanted = space.silences()?.into_iter().filter(|silence| {
        which.all
            || silence.over_since(now).is_none()
            || part.cursor.as_deref() == Some(silence.id.as_str())
    });
    let listed = part.of(wanted, |silence| silence.id.clone())?;
    Ok(Json(listed.try_map(|silence| {
        Ok(Shown {
            quiet_until: silence.quiet_until(now),
            silence,
        })
    })?))
}
