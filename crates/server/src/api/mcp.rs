//! Where the Model Context Protocol is spoken over HTTP.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{Method, Request, Response};
use model::ports::Clock;
use schemars::JsonSchema;
use serde::Deserialize;

use super::problem::{Code, Problem};
use super::route::{Nothing, Permission, Route, Work};
use super::{Api, router};
use crate::mcp::{Door, Service, Speaker, of_no_other_page};

/// The one route: the newest revision of the protocol knows no other.
pub fn route() -> Route {
    Route {
        method: Method::POST,
        path: "/v1/mcp".to_string(),
        name: "speakMcp",
        summary: "The Model Context Protocol",
        permission: Permission::Read,
        query: Nothing::json_schema,
        body: None,
        gives: |_| Vec::new(),
        work: Work::Mcp,
    }
}

/// What follows the question mark.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Of {
    /// The space to speak of.
    #[serde(default = "main")]
    space: String,
}

fn main() -> String {
    "main".to_string()
}

/// Answers one message. Each request that it leads to passes the whole gate again, as whoever sent the message.
pub async fn answered(
    api: &Arc<Api>,
    parts: &Parts,
    body: Bytes,
) -> Result<Response<Body>, Problem> {
    if !of_no_other_page(&parts.headers) {
        return Err(Problem::new(
            Code::Forbidden,
            "this comes from the page of another site (`Origin`)",
        ));
    }
    let of = axum::extract::Query::<Of>::try_from_uri(&parts.uri)
        .map(|axum::extract::Query(of)| of)
        .map_err(|error| Problem::new(Code::BadRequest, error.body_text()))?;
    let speaker = Speaker::new(Door::Inside(router(api)), of.space);
    let request = Request::from_parts(parts.clone(), Body::from(body));
    Ok(Service::new(speaker).answer(request).await)
}

/// The API within this program, for whoever does not listen.
pub fn inside(house: Arc<dyn super::House>, clock: Arc<dyn Clock>) -> axum::Router {
    let (_, over) = tokio::sync::watch::channel(false);
    router(&Arc::new(Api::new(
        super::Settings::default(),
        house,
        clock,
        over,
    )))
}
