//! What belongs to no space: the list of spaces, what problems mean, how the server is, its numbers, the API's
//! description.

use std::collections::BTreeSet;

use axum::http::Method;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

use super::house::House;
use super::page::Page;
use super::problem::{Help, Problem};
use super::route::{
    Answer, Asked, Gives, JSON, Json, Listed, Nothing, Part, Permission, Route, SPACE, Work,
};

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    use Permission::{Open, Read};
    vec![
        Route::of_house(
            "/v1/spaces",
            "listSpaces",
            "The spaces, by name",
            Read,
            spaces,
        ),
        Route::of_house(
            "/v1/problems/{code}",
            "getProblem",
            "What an error's code means, and what to do",
            Open,
            problem,
        ),
        Route::of_house(
            "/v1/openapi.json",
            "getDescription",
            "This description (OpenAPI 3.1)",
            Open,
            description,
        ),
        Route {
            method: Method::GET,
            path: "/metrics".to_string(),
            name: "getMetrics",
            summary: "The server's own numbers, for a scraper",
            permission: Read,
            query: Nothing::json_schema,
            body: None,
            gives: |_| vec![(super::metrics::MEDIA, None)],
            work: Work::Metrics,
        },
        Route {
            method: Method::GET,
            path: "/v1/events".to_string(),
            name: "followEvents",
            summary: "What happens, as it happens",
            permission: Read,
            query: super::follow::From::json_schema,
            body: None,
            gives: super::events::described,
            work: Work::Events,
        },
        Route {
            method: Method::GET,
            path: format!("{SPACE}/events"),
            name: "followEventsOfSpace",
            summary: "What happens in one space, as it happens",
            permission: Read,
            query: super::follow::From::json_schema,
            body: None,
            gives: super::events::described,
            work: Work::Events,
        },
        Route::of_house("/", "getPage", "The page", Open, root),
        Route::of_house(
            "/healthz",
            "getHealth",
            "Is the program alive?",
            Open,
            alive,
        ),
        Route::of_house(
            "/readyz",
            "getReadiness",
            "Does it do its work?",
            Open,
            ready,
        ),
    ]
}

/// One space.
#[derive(Debug, Serialize, JsonSchema)]
struct SpaceShown {
    /// Its name, as addresses have it.
    id: String,
    /// Why it could not be started, and what to do; `null` while it keeps watch.
    closed: Option<String>,
}

fn spaces(
    house: &dyn House,
    asked: &Asked,
    part: Part,
) -> Result<Json<Listed<SpaceShown>>, Problem> {
    let spaces = house.spaces().into_iter();
    let seen = spaces.filter(|name| asked.who.may(Some(name), Permission::Read));
    let listed = part.of(seen, Clone::clone)?;
    Ok(Json(listed.try_map(|id| {
        let closed = house.closed(&id);
        Ok(SpaceShown { id, closed })
    })?))
}

fn problem(_: &dyn House, asked: &Asked, _: Nothing) -> Result<Json<Help>, Problem> {
    let code = asked.param("code");
    Help::named(code)
        .map(Json)
        .ok_or_else(|| Problem::not_found("code", code))
}

/// The description, written once.
struct Description;

impl Gives for Description {
    fn described(_: &mut SchemaGenerator) -> Vec<(&'static str, Option<Schema>)> {
        vec![(JSON, None)]
    }

    fn written(self) -> Result<Answer, Problem> {
        Ok(Answer {
            media: JSON,
            body: super::description::text().as_bytes().to_vec(),
        })
    }
}

fn description(_: &dyn House, _: &Asked, _: Nothing) -> Result<Description, Problem> {
    Ok(Description)
}

fn root(_: &dyn House, _: &Asked, _: Nothing) -> Result<Page, Problem> {
    Ok(Page)
}

/// Parts whose trouble keeps nobody from being answered: with an old certificate it is still served, and on a machine
/// that is short of processor it is served later. A balancer that asks must not take the page away for these: a machine
/// is busy just when there is an incident.
const LIGHT: &[&str] = &["certificate", "machine"];

/// Whether the program is alive, or does its work.
#[derive(Debug, Serialize, JsonSchema)]
struct Standing {
    /// `ok`.
    status: &'static str,
    /// The parts that do not work now, by name. What is wrong with them stands in the log.
    troubled: Vec<String>,
}

fn alive(_: &dyn House, _: &Asked, _: Nothing) -> Result<Json<Standing>, Problem> {
    Ok(Json(Standing {
        status: "ok",
        troubled: Vec::new(),
    }))
}

fn ready(house: &dyn House, _: &Asked, _: Nothing) -> Result<Json<Standing>, Problem> {
    // Anybody may ask: parts are told, and not in which space.
    let parts = house.health().into_values().flat_map(|health| {
        let troubles = health.troubles.into_iter();
        troubles.map(|(part, _)| part)
    });
    let troubled = parts.collect::<BTreeSet<_>>().into_iter().collect();
    standing(troubled).map(Json)
}

/// Whether it does its work while there is trouble in these parts.
fn standing(troubled: Vec<String>) -> Result<Standing, Problem> {
    if troubled.iter().all(|part| LIGHT.contains(&part.as_str())) {
        Ok(Standing {
            status: "ok",
            troubled,
        })
    } else {
        Err(Problem::not_ready(&troubled))
    }
}

#[cfg(test)]
mod tests {
    use super::super::problem::Code;
    use super::standing;

    #[test]
    fn what_keeps_nobody_from_being_answered_is_told_and_does_not_take_it_away() {
        let cases: [(&[&str], bool); 6] = [
            (&[], true),
            (&["certificate"], true),
            (&["machine"], true),
            (&["certificate", "machine"], true),
            (&["journal"], false),
            (&["machine", "telemetry window"], false),
        ];
        for (troubled, ready) in cases {
            let parts: Vec<String> = troubled.iter().map(ToString::to_string).collect();
            match standing(parts.clone()) {
                Ok(told) => assert_eq!((ready, told.troubled), (true, parts)),
                Err(problem) => {
                    let detail = format!("troubled: {}", troubled.join(", "));
                    assert_eq!((ready, problem.code), (false, Code::NotReady));
                    assert_eq!((problem.detail, problem.retry_after), (detail, Some(5)));
                }
            }
        }
    }
}
