//! What is known beyond one incident: mechanisms, lessons, how well the watch is kept, what a person asks.

use std::sync::Arc;

use model::lesson::Lesson;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::house::{House, Space, Unanswered};
use super::problem::{Code, Problem};
use super::route::{Asked, Json, Listed, Nothing, Part, Route};

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    vec![
        Route::of_space(
            "/mechanisms",
            "listMechanisms",
            "The ways in which things break, by id",
            mechanisms,
        ),
        Route::of_space(
            "/mechanisms/{mechanism}",
            "getMechanism",
            "One way in which things break, whole",
            mechanism,
        ),
        Route::of_space(
            "/lessons",
            "listLessons",
            "What closed incidents taught, the newest first",
            lessons,
        ),
        Route::question(
            "/ask",
            "ask",
            "A question about how things stand, read by a closed grammar",
            ask,
        ),
        Route::of_space(
            "/stats",
            "getStats",
            "How well the watch is kept, measured",
            stats,
        ),
    ]
}

fn id(mechanism: &Value) -> &str {
    mechanism["id"].as_str().unwrap_or_default()
}

fn mechanisms(_: &dyn Space, asked: &Asked, part: Part) -> Result<Json<Listed<Value>>, Problem> {
    let house: &dyn House = &*asked.house;
    let all = house.mechanisms();
    Ok(Json(part.of(all, |one| id(one).to_string())?))
}

fn mechanism(_: &dyn Space, asked: &Asked, _: Nothing) -> Result<Json<Value>, Problem> {
    let wanted = asked.param("mechanism");
    let found = asked
        .house
        .mechanisms()
        .into_iter()
        .find(|one| id(one) == wanted);
    found
        .map(Json)
        .ok_or_else(|| Problem::not_found("mechanism", wanted))
}

fn lessons(space: &dyn Space, _: &Asked, part: Part) -> Result<Json<Listed<Arc<Lesson>>>, Problem> {
    let lessons = space.lessons()?;
    let listed = part.of(lessons.iter().cloned(), |lesson| {
        lesson.incident.to_string()
    })?;
    Ok(Json(listed))
}

fn stats(space: &dyn Space, _: &Asked, _: Nothing) -> Result<Json<Arc<Value>>, Problem> {
    Ok(Json(space.stats()?))
}

/// A person's question.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Question {
    /// In their words.
    #[schemars(length(max = 1000))]
    question: String,
}

/// The longest question; what is longer is none.
const LONGEST: usize = 1000;

fn ask(space: &dyn Space, _: &Asked, asked: Question) -> Result<Json<Value>, Problem> {
    if asked.question.chars().count() > LONGEST {
        return Err(Problem::new(
            Code::BadRequest,
            format!("a question has at most {LONGEST} characters"),
        ));
    }
    match space.ask(&asked.question) {
        Ok(reply) => Ok(Json(reply)),
        Err(Unanswered::NotUnderstood(why)) => Err(Problem::new(Code::NotUnderstood, why)),
        Err(Unanswered::Fault(fault)) => Err(fault.into()),
    }
}
