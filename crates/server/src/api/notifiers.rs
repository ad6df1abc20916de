//! The channels by which people are told: how each stands, and whether it works.

use model::time::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::house::Space;
use super::problem::{Code, Problem};
use super::route::{Asked, Json, Listed, Nothing, Part, Permission, Route};

/// A channel by which people are told, and how it stands since the server was started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Notifier")]
pub struct Channel {
    /// Its name, such as `slack.ops`.
    pub name: String,
    /// What sort it is: `slack`, `pagerduty`, `email`, `github`, `webhook`, `file`, `terminal`.
    pub kind: String,
    /// Notices told.
    pub told: u64,
    /// Notices that wait.
    pub waiting: u64,
    /// Notices given up: too old, too many, or never taken.
    pub given_up: u64,
    /// Did its last try succeed? `null` while nothing was tried.
    pub works: Option<bool>,
    /// What is wrong with it; `null` while nothing is known to be.
    pub trouble: Option<String>,
    /// Since when; `null` while nothing is.
    pub since: Option<Timestamp>,
    /// Tries in a row that failed.
    pub tries: u32,
}

/// Why a channel was not tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untried {
    /// No channel is called so.
    NotThere,
    /// It was tried a moment ago: again in so many seconds.
    TooSoon(u64),
}

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    vec![
        Route::of_space(
            "/notifiers",
            "listNotifiers",
            "The channels by which people are told, and how each stands",
            list,
        ),
        Route::deed(
            "/notifiers/{name}/test",
            "testNotifier",
            "Tells a channel that this is a test; takes as long as the other end does",
            Permission::Manage,
            test,
        ),
    ]
}

fn list(space: &dyn Space, _: &Asked, part: Part) -> Result<Json<Listed<Channel>>, Problem> {
    Ok(Json(part.of(space.notifiers(), |one| one.name.clone())?))
}

/// How a test ended.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "NotifierTested")]
struct Tested {
    /// Was it told?
    told: bool,
    /// What came of it, for people: where it was not told, why, and what to do.
    said: String,
}

fn test(space: &dyn Space, asked: &Asked, _: Nothing) -> Result<Json<Tested>, Problem> {
    let name = asked.param("name");
    match space.test_notifier(name, &asked.who.name) {
        Err(Untried::NotThere) => Err(Problem::not_found("notifier", name)),
        Err(Untried::TooSoon(seconds)) => Err(Problem {
            detail: format!("{name} was tried a moment ago; try again in {seconds} s"),
            retry_after: Some(seconds),
            ..Problem::new(Code::TooMany, "")
        }),
        Ok(Ok(())) => Ok(Json(Tested {
            told: true,
            said: format!("{name} was told that this is a test"),
        })),
        Ok(Err(why)) => Ok(Json(Tested {
            told: false,
            said: format!("{name} could not be told: {why}"),
        })),
    }
}
