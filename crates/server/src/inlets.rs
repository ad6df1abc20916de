//! Where others post: alarms, changes, and people's answers.
//!
//! One address for each inlet that is configured. What admits is the inlet's own signature or token, so there are no
//! accounts here, no cookies, and nothing to forge across sites. Vendors' words are the business of whoever fills the
//! socket [`Inlets`]; this knows addresses, lengths and statuses.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Response};
use model::ports::{Posted, Unheard};
use model::time::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::api::house::{Fault, Space};
use crate::api::problem::{Code, Problem};
use crate::api::route::{
    Answer, Asked, Gives, JSON, Json, Listed, Nothing, Part, Permission, Route, SPACE, Work,
};

/// How long a body may take to arrive.
const READ: Duration = Duration::from_secs(10);
/// How long a delivery waits for its turn: senders wait five to thirty seconds for an answer.
const QUEUE: Duration = Duration::from_secs(3);
/// Deliveries that are read and written at once, over all inlets; the disk takes one after the other anyway.
pub(crate) const AT_ONCE: usize = 4;
/// The longest body that any inlet may be given.
pub const LONGEST: usize = 64 << 20;

/// What became of a delivery that was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Receipt {
    /// It was here before, and altered nothing now.
    pub known: bool,
    /// Alarms in it that are new; they are written down, and brought to the watch.
    pub alarms: u64,
    /// Changes in it.
    pub changes: u64,
    /// People's answers to plans in it.
    pub answers: u64,
    /// What else there is to say; empty if nothing.
    pub remark: String,
}

/// A delivery that was sent away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RefusedDelivery")]
pub struct Refused {
    /// When.
    pub at: Timestamp,
    /// Why, for people.
    pub why: String,
}

/// How one inlet stands, since the server was started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Inlet")]
pub struct Standing {
    /// Its name, as its address has it.
    pub name: String,
    /// Whose words it understands.
    pub kind: String,
    /// Deliveries that were taken.
    pub taken: u64,
    /// Deliveries that were known.
    pub known: u64,
    /// Deliveries whose proof did not hold, or that were for somebody else.
    pub refused: u64,
    /// Deliveries that could not be read.
    pub unreadable: u64,
    /// Deliveries that were told to come again.
    pub put_off: u64,
    /// Alarms that were new.
    pub alarms: u64,
    /// Changes.
    pub changes: u64,
    /// When something was taken last; `null` if nothing was.
    pub last: Option<Timestamp>,
    /// The last that was sent away; `null` if nothing was.
    pub last_refused: Option<Refused>,
}

impl Standing {
    /// How many deliveries ended how.
    pub fn outcomes(&self) -> [(&'static str, u64); 5] {
        [
            ("taken", self.taken),
            ("known", self.known),
            ("refused", self.refused),
            ("unreadable", self.unreadable),
            ("put_off", self.put_off),
        ]
    }
}

/// A delivery that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Delivery")]
pub struct Kept {
    /// Its number; grows.
    pub id: u64,
    /// When it came.
    pub at: Timestamp,
    /// Could it be read?
    pub readable: bool,
    /// Alarms in it that were new.
    pub alarms: u64,
    /// Changes in it.
    pub changes: u64,
    /// What else there was to say.
    pub remark: String,
    /// Bytes of its body.
    pub bytes: u64,
}

/// The inlets of a space: the socket that the front door fills.
pub trait Inlets: Send + Sync {
    /// The longest body that the inlet of that name takes, in bytes; `None` if there is no such inlet.
    fn longest(&self, name: &str) -> Option<usize>;
    /// Takes what was posted. When this returns, it is on the disk.
    ///
    /// # Errors
    /// Why it was not taken.
    fn deliver(&self, name: &str, posted: Posted) -> Result<Receipt, Unheard>;
    /// How each inlet stands, by name.
    fn standing(&self) -> Vec<Standing>;
    /// Deliveries of one inlet that are kept, newest first, those before number `before` if it is given.
    ///
    /// # Errors
    /// If the store fails.
    fn kept(&self, name: &str, before: Option<u64>, most: u32) -> Result<Vec<Kept>, Fault>;
    /// What was posted with the delivery of that number: the headers that are kept, and the body, without secrets;
    /// `None` if it is not there, or not any more.
    ///
    /// # Errors
    /// If the store fails.
    fn posted(&self, name: &str, id: u64) -> Result<Option<String>, Fault>;
}

/// The routes of this room.
pub fn routes() -> Vec<Route> {
    vec![
        Route {
            method: Method::POST,
            path: format!("{SPACE}/inlets/{{inlet}}"),
            name: "deliver",
            summary: "Where others post alarms, changes and answers, each signed in its own way",
            permission: Permission::Signed,
            query: Nothing::json_schema,
            body: Some(SchemaGenerator::subschema_for::<serde_json::Value>),
            gives: Json::<Receipt>::described,
            work: Work::Inlet,
        },
        Route::of_space(
            "/inlets",
            "listInlets",
            "Where others post, and how that goes",
            listed,
        ),
        Route::of_space(
            "/inlets/{inlet}/deliveries",
            "listDeliveries",
            "What was posted to an inlet, the newest first",
            deliveries,
        ),
        Route::of_space(
            "/inlets/{inlet}/deliveries/{delivery}",
            "getDelivery",
            "What was posted, as it was kept, without secrets: headers, an empty line, the body",
            delivery,
        ),
    ]
}

/// Text from outside, as text and nothing else.
struct Raw(String);

/// Its media type; with `nosniff`, which every answer carries, no browser takes it for anything else.
const TEXT: &str = "text/plain; charset=utf-8";

impl Gives for Raw {
    fn described(_: &mut SchemaGenerator) -> Vec<(&'static str, Option<Schema>)> {
        vec![("text/plain", None)]
    }

    fn written(self) -> Result<Answer, Problem> {
        Ok(Answer {
            media: TEXT,
            body: self.0.into_bytes(),
        })
    }
}

fn delivery(space: &dyn Space, asked: &Asked, _: Nothing) -> Result<Raw, Problem> {
    let (name, number) = (asked.param("inlet"), asked.param("delivery"));
    let none = || Problem::not_found("inlet", name);
    let inlets = space.inlets().ok_or_else(none)?;
    inlets.longest(name).ok_or_else(none)?;
    let missing = || Problem::not_found("delivery", number);
    let id = number.parse().map_err(|_| missing())?;
    inlets.posted(name, id)?.map(Raw).ok_or_else(missing)
}

fn listed(space: &dyn Space, _: &Asked, part: Part) -> Result<Json<Listed<Standing>>, Problem> {
    let all = space
        .inlets()
        .map_or_else(Vec::new, |inlets| inlets.standing());
    part.of(all, |one| one.name.clone()).map(Json)
}

fn deliveries(space: &dyn Space, asked: &Asked, part: Part) -> Result<Json<Listed<Kept>>, Problem> {
    let name = asked.param("inlet");
    let none = || Problem::not_found("inlet", name);
    let inlets = space.inlets().ok_or_else(none)?;
    inlets.longest(name).ok_or_else(none)?;
    let before = match &part.cursor {
        None => None,
        Some(cursor) => Some(cursor.parse::<u64>().map_err(|_| {
            Problem::new(
                Code::BadRequest,
                "the cursor names nothing in this list; begin again without it",
            )
        })?),
    };
    let limit = part.limit()?;
    let most = u32::try_from(limit + 1).unwrap_or(u32::MAX);
    let mut items = inlets.kept(name, before, most)?;
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items
        .last()
        .filter(|_| more)
        .map(|kept| kept.id.to_string());
    Ok(Json(Listed { items, next }))
}

/// Takes a delivery to that space, or says why not.
pub(crate) async fn received(
    space: Arc<dyn Space>,
    name: &str,
    parts: &Parts,
    body: Body,
    turns: &Arc<Semaphore>,
) -> Result<Response<Body>, Problem> {
    let none = || Problem::not_found("inlet", name);
    let inlets = space.inlets().ok_or_else(none)?;
    let longest = inlets.longest(name).ok_or_else(none)?;
    let headers = parts
        .headers
        .iter()
        .filter_map(|(name, value)| {
            Some((name.as_str().to_string(), value.to_str().ok()?.to_string()))
        })
        .collect();
    let body = whole(body, longest).await?;
    let turn = tokio::time::timeout(QUEUE, Arc::clone(turns).acquire_owned()).await;
    let Ok(Ok(turn)) = turn else {
        return Err(Problem::busy(5));
    };
    let posted = Posted { headers, body };
    let own = name.to_string();
    // Whoever hangs up meanwhile sends again, and then it is known: what was begun is finished.
    let working = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        inlets.deliver(&own, posted)
    });
    let receipt = working
        .await
        .map_err(|error| Problem::failed(format!("an inlet failed: {error}")))?
        .map_err(|unheard| problem(&unheard))?;
    let answer = Json(receipt).written()?;
    let mut response = Response::new(Body::from(answer.body));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    Ok(response)
}

/// The body, if it is short enough and there in time.
async fn whole(body: Body, longest: usize) -> Result<Vec<u8>, Problem> {
    let longest = longest.min(LONGEST);
    match tokio::time::timeout(READ, axum::body::to_bytes(body, longest)).await {
        Ok(Ok(bytes)) => Ok(bytes.to_vec()),
        Ok(Err(_)) => Err(Problem::new(
            Code::TooLarge,
            format!(
                "this inlet takes bodies of at most {longest} bytes that end where they say; see its `max_body`"
            ),
        )),
        Err(_) => Err(Problem::new(
            Code::Timeout,
            format!("the body was not there within {} s", READ.as_secs()),
        )),
    }
}

fn problem(unheard: &Unheard) -> Problem {
    let why = unheard.to_string();
    match unheard {
        Unheard::Forged(_) | Unheard::Stale(_) => Problem::new(Code::Unsigned, why),
        Unheard::Unwelcome(_) => Problem::new(Code::Unwelcome, why),
        Unheard::Unreadable(_) => Problem::new(Code::Unreadable, why),
        Unheard::Later(_) => Problem {
            detail: why,
            ..Problem::busy(15)
        },
    }
}
