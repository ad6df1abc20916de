//! API keys: what lets programs in.

use axum::http::{Method, StatusCode};
use model::people::{ApiKey, Grants};
use model::time::{SECOND, Span, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::deeds::Said;
use super::house::House;
use super::problem::{Code, Problem};
use super::route::{Asked, Json, Listed, Nothing, Part, Permission, Route};
use crate::auth::Denied;

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    use Permission::Read;
    vec![
        Route::of_house(
            "/v1/keys",
            "listKeys",
            "One's own keys, the oldest first; of everybody for admins of the house",
            Read,
            list,
        ),
        Route::deed_of_house(
            (Method::POST, "/v1/keys"),
            "addKey",
            "Makes a key that may no more than whoever makes it; its secret is shown once",
            Read,
            add,
        )
        .secret()
        .answering(StatusCode::CREATED),
        Route::deed_of_house(
            (Method::DELETE, "/v1/keys/{key}"),
            "revokeKey",
            "Revokes a key",
            Read,
            revoke,
        ),
    ]
}

/// A key, without its secret.
#[derive(Debug, Serialize, JsonSchema)]
struct KeyShown {
    /// Its public name.
    id: String,
    /// What its maker calls it.
    name: String,
    /// Whose it is.
    person: String,
    /// What it may at most, by space; `*` stands for every space.
    scopes: Grants,
    /// Since when.
    made: Timestamp,
    /// When it ends; `null` for never.
    until: Option<Timestamp>,
    /// When it was last used, to within a minute.
    used: Option<Timestamp>,
    /// When it was revoked.
    revoked: Option<Timestamp>,
}

impl From<ApiKey> for KeyShown {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id,
            name: key.name,
            person: key.person,
            scopes: key.scopes,
            made: key.made,
            until: key.until,
            used: key.used,
            revoked: key.revoked,
        }
    }
}

fn list(_: &dyn House, asked: &Asked, part: Part) -> Result<Json<Listed<KeyShown>>, Problem> {
    let all = if !asked.who.known() {
        Vec::new()
    } else {
        let own = (!asked.who.may(None, Permission::Manage)).then_some(asked.who.name.as_str());
        asked.accounts()?.book().keys(own).map_err(Denied::from)?
    };
    let listed = part.of(all, |key| key.id.clone())?;
    Ok(Json(listed.try_map(|key| Ok(KeyShown::from(key)))?))
}

/// A key to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// What to call it, such as the program that will have it.
    name: String,
    /// What it may at most, by space; `*` stands for every space.
    scopes: Grants,
    /// After how many days it ends; `null` for never, 90 if nothing is said.
    #[serde(default = "usual_days")]
    #[schemars(range(min = 1, max = 3650))]
    days: Option<u32>,
}

fn usual_days() -> Option<u32> {
    Some(90)
}

/// A key with its secret, shown once.
#[derive(Debug, Serialize, JsonSchema)]
struct KeyMade {
    /// The key.
    key: KeyShown,
    /// What goes into `Authorization: Bearer`. Nobody can see it again.
    secret: String,
}

fn add(_: &dyn House, asked: &Asked, wanted: Wanted) -> Result<Json<KeyMade>, Problem> {
    if wanted.days.is_some_and(|days| !(1..=3650).contains(&days)) {
        return Err(Problem::new(
            Code::BadRequest,
            "days may be from 1 to 3650, or null for a key that never ends",
        ));
    }
    let until = wanted
        .days
        .map(|days| asked.now.plus(Span(i64::from(days) * 86_400 * SECOND)));
    let (key, secret) =
        asked
            .accounts()?
            .add_key(&asked.who, &wanted.name, &wanted.scopes, until)?;
    Ok(Json(KeyMade {
        key: key.into(),
        secret,
    }))
}

fn revoke(_: &dyn House, asked: &Asked, _: Nothing) -> Result<Json<Said>, Problem> {
    let key = asked.param("key");
    asked.accounts()?.revoke_key(&asked.who, key)?;
    Ok(Json(Said::new(format!("{key} is revoked"))))
}
