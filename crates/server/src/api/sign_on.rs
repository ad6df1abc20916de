//! Signing in by a provider that vouches for people (OpenID Connect). The page begins here, goes to the provider, and
//! comes back to `/oidc` with a code, which it brings here.

use axum::http::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::house::House;
use super::page::Page;
use super::problem::{Code, Problem};
use super::route::{Asked, Json, Nothing, Permission, Route};
use super::session::Entered;
use crate::auth::{Back, SignOn};

/// Where the provider sends browsers back to.
pub const BACK: &str = "/oidc";

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    use Permission::Open;
    vec![
        Route::of_house(
            "/v1/session/ways",
            "listWaysIn",
            "How one may sign in here",
            Open,
            ways,
        ),
        Route::deed_of_house(
            (Method::POST, "/v1/session/oidc/begin"),
            "beginSignOn",
            "Begins a sign-in by the provider: where the browser goes",
            Open,
            begin,
        )
        .letting_in(),
        Route::deed_of_house(
            (Method::POST, "/v1/session/oidc"),
            "signOn",
            "Signs in whoever came back from the provider",
            Open,
            finish,
        )
        .letting_in(),
        Route::of_house(
            BACK,
            "getPageAfterSignOn",
            "The page, for whoever comes back from the provider",
            Open,
            back,
        ),
    ]
}

/// How one may sign in.
#[derive(Debug, Serialize, JsonSchema)]
struct Ways {
    /// What the button says that leads to the provider; `null` where there is none.
    oidc: Option<String>,
}

fn ways(house: &dyn House, _: &Asked, _: Nothing) -> Result<Json<Ways>, Problem> {
    Ok(Json(Ways {
        oidc: house.sign_on().map(|on| on.label().to_string()),
    }))
}

fn provider(house: &dyn House) -> Result<std::sync::Arc<SignOn>, Problem> {
    let none = "this server knows no sign-in provider; [server.oidc] names one";
    house
        .sign_on()
        .ok_or_else(|| Problem::new(Code::NotFound, none))
}

/// A sign-in that begins.
#[derive(Debug, Serialize, JsonSchema)]
struct Begins {
    /// Where the browser goes.
    address: String,
    /// What it keeps to itself until it comes back.
    browser: String,
}

fn begin(house: &dyn House, asked: &Asked, _: Nothing) -> Result<Json<Begins>, Problem> {
    let came = &asked.came;
    let scheme = if came.secure { "https" } else { "http" };
    // The host is one of ours: the gate let it through. The provider knows which of them it may send people to.
    let redirect = format!("{scheme}://{}{BACK}", came.host);
    let begun = provider(house)?.begin(&*asked.accounts()?, &redirect, &came.address, asked.now)?;
    Ok(Json(Begins {
        address: begun.address,
        browser: begun.browser,
    }))
}

/// With what a browser comes back from the provider.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CameBack {
    /// `code` of the address.
    code: String,
    /// `state` of the address.
    state: String,
    /// What the browser kept to itself.
    browser: String,
}

fn finish(house: &dyn House, asked: &Asked, body: CameBack) -> Result<Entered, Problem> {
    let back = Back {
        code: &body.code,
        state: &body.state,
        browser: &body.browser,
    };
    let accounts = asked.accounts()?;
    let begun =
        provider(house)?.finish(&accounts, back, asked.came.cookie.as_deref(), asked.now)?;
    Ok(Entered::of(&begun, asked))
}

/// What a provider puts behind the question mark; the page reads it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct Told {
    /// What the sign-in is redeemed by.
    #[serde(rename = "code")]
    _code: Option<String>,
    /// What the page sent.
    #[serde(rename = "state")]
    _state: Option<String>,
    /// Why it was refused there.
    #[serde(rename = "error")]
    _error: Option<String>,
}

fn back(_: &dyn House, _: &Asked, _: Told) -> Result<Page, Problem> {
    Ok(Page)
}
