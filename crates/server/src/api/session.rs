//! Signing in and out, and who one is.

use axum::http::{Method, StatusCode};
use model::people::{Grants, Role};
use model::time::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::admit::cookie_name;
use super::deeds::Said;
use super::house::House;
use super::problem::{Code, Problem};
use super::route::{Answer, Asked, Gives, Json, Nothing, Permission, Route};
use crate::auth::{Begun, Kind, Who, csrf};

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    use Permission::{Open, Read};
    vec![
        Route::of_house("/v1/session", "getSession", "Who am I?", Open, session),
        Route::deed_of_house(
            (Method::POST, "/v1/session"),
            "signIn",
            "Signs a person in",
            Open,
            sign_in,
        )
        .at_the_door(),
        Route::deed_of_house(
            (Method::DELETE, "/v1/session"),
            "signOut",
            "Signs whoever asks out",
            Open,
            sign_out,
        ),
        Route::deed_of_house(
            (Method::POST, "/v1/setup"),
            "setUp",
            "Uses a one-time link: makes its account or gives it a new password, and signs in",
            Open,
            set_up,
        )
        .at_the_door()
        .answering(StatusCode::CREATED),
        Route::deed_of_house(
            (Method::POST, "/v1/session/password"),
            "changePassword",
            "Gives whoever asks another password, and ends their other sessions",
            Read,
            change_password,
        )
        .hashing(),
    ]
}

/// How somebody is known.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum KnownBy {
    /// Not at all: on the machine itself everybody may read until there are accounts.
    Nobody,
    /// As a person who signed in.
    Person,
    /// As a program with an API key.
    Key,
}

/// Who somebody is, and what they may.
#[derive(Debug, Serialize, JsonSchema)]
struct Session {
    /// The account's name; empty if nobody is known.
    name: String,
    /// How they are known.
    kind: KnownBy,
    /// Roles by space; `*` stands for every space.
    roles: Grants,
    /// The greatest of them.
    role: Option<Role>,
    /// What goes into `X-CSRF-Token` with whatever alters something; `null` without a session.
    csrf: Option<String>,
    /// When what lets them in ends at the latest.
    until: Option<Timestamp>,
}

impl Session {
    fn of(who: &Who, token: Option<&str>, until: Option<Timestamp>) -> Self {
        Self {
            name: who.name.clone(),
            kind: match who.kind {
                Kind::Nobody => KnownBy::Nobody,
                Kind::Person => KnownBy::Person,
                Kind::Key { .. } => KnownBy::Key,
            },
            roles: who.grants.clone(),
            role: who.grants.greatest(),
            csrf: token.map(csrf),
            until,
        }
    }
}

/// A session that began, with its cookie.
pub(super) struct Entered {
    session: Session,
    cookie: String,
}

impl Entered {
    pub(super) fn of(begun: &Begun, asked: &Asked) -> Self {
        let seconds = begun.until.since(asked.now).0 / model::time::SECOND;
        Self {
            session: Session::of(&begun.who, Some(&begun.token), Some(begun.until)),
            cookie: cookie(&begun.token, seconds, asked.came.secure),
        }
    }
}

/// For this host alone, out of reach of scripts and of other sites.
fn cookie(token: &str, seconds: i64, secure: bool) -> String {
    let name = cookie_name(secure);
    let tls = if secure { "; Secure" } else { "" };
    format!("{name}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{tls}")
}

impl Gives for Entered {
    fn described(shapes: &mut SchemaGenerator) -> Vec<(&'static str, Option<Schema>)> {
        Json::<Session>::described(shapes)
    }

    fn written(self) -> Result<Answer, Problem> {
        Json(self.session).written()
    }

    fn cookie(&self) -> Option<String> {
        Some(self.cookie.clone())
    }
}

/// A session that ended: its cookie is taken away.
struct Left(bool);

impl Gives for Left {
    fn described(shapes: &mut SchemaGenerator) -> Vec<(&'static str, Option<Schema>)> {
        Json::<Said>::described(shapes)
    }

    fn written(self) -> Result<Answer, Problem> {
        Json(Said::new("signed out")).written()
    }

    fn cookie(&self) -> Option<String> {
        Some(cookie("", 0, self.0))
    }
}

fn session(_: &dyn House, asked: &Asked, _: Nothing) -> Result<Json<Session>, Problem> {
    if asked.who.grants.0.is_empty() && !asked.who.known() {
        return Err(Problem::unauthenticated("nobody is signed in"));
    }
    let came = &asked.came;
    Ok(Json(Session::of(
        &asked.who,
        came.session.as_deref(),
        came.until,
    )))
}

/// What signs somebody in: name and password.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SignIn {
    /// The account's name.
    name: String,
    /// Its password.
    password: String,
}

fn sign_in(_: &dyn House, asked: &Asked, body: SignIn) -> Result<Entered, Problem> {
    let came = &asked.came;
    let begun = asked.accounts()?.sign_in(
        &body.name,
        &body.password,
        &came.address,
        came.cookie.as_deref(),
    )?;
    Ok(Entered::of(&begun, asked))
}

fn sign_out(_: &dyn House, asked: &Asked, _: Nothing) -> Result<Left, Problem> {
    if let Some(token) = &asked.came.session {
        asked.accounts()?.sign_out(token)?;
    }
    Ok(Left(asked.came.secure))
}

/// A one-time link, and what it needs.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SetUp {
    /// What stands last in the link.
    token: String,
    /// The name of the new account, where the link does not say it.
    #[serde(default)]
    name: String,
    /// The new password; a link that only signs in needs none.
    #[serde(default)]
    password: String,
}

fn set_up(_: &dyn House, asked: &Asked, body: SetUp) -> Result<Entered, Problem> {
    let came = &asked.came;
    let begun = asked.accounts()?.redeem(
        &body.token,
        &body.name,
        &body.password,
        &came.address,
        came.cookie.as_deref(),
    )?;
    Ok(Entered::of(&begun, asked))
}

/// The password of now, and the one to come.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Passwords {
    /// Of now.
    old: String,
    /// To come: 12 characters at least.
    new: String,
}

fn change_password(_: &dyn House, asked: &Asked, body: Passwords) -> Result<Json<Said>, Problem> {
    if asked.who.kind != Kind::Person {
        return Err(Problem::new(
            Code::Forbidden,
            "a password is changed by the person whose it is",
        ));
    }
    let came = &asked.came;
    asked.accounts()?.change_password(
        &asked.who.name,
        &body.old,
        &body.new,
        &came.address,
        came.session.as_deref(),
    )?;
    Ok(Json(Said::new(
        "the password is changed; other sessions have ended",
    )))
}
