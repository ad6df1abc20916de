//! The one place that decides whether a request goes on: who asks, which space, whether they may, and whether it is
//! they who ask and not another site with their cookie.
//!
//! The order keeps strangers from learning anything: who is not known hears 401, whether or not there is such a space;
//! who may not read a space hears 404, as if there were none; who may read it and no more hears 403.

use std::sync::{Arc, PoisonError};

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, COOKIE as COOKIES, HOST, ORIGIN};
use axum::http::request::Parts;

use super::Api;
use super::house::{House, Space};
use super::listen::{ByTls, Peer};
use super::problem::{Code, Problem};
use super::route::{Came, Permission, Route, Work};
use crate::auth::{Accounts, COOKIE, Credentials, Denied, Kind, Who, csrf_fits};

/// Whoever asks, and how they came.
pub struct Visitor {
    /// Who.
    pub who: Who,
    /// How.
    pub came: Came,
}

/// As an audit log has it.
pub fn via(who: &Who) -> String {
    match &who.kind {
        Kind::Nobody => "nobody".to_string(),
        Kind::Person => "person".to_string(),
        Kind::Key { id, .. } => format!("key {id}"),
    }
}

/// Where it came from. What a proxy says of that counts only if one is configured; it is the last that it added.
fn address(api: &Api, parts: &Parts) -> String {
    let peer = parts
        .extensions
        .get::<Peer>()
        .map_or_else(String::new, |Peer(peer)| peer.ip().to_string());
    if !api.behind_proxy {
        return peer;
    }
    let told = parts.headers.get_all("x-forwarded-for").iter().next_back();
    let told = told
        .and_then(|told| told.to_str().ok())
        .and_then(|told| told.rsplit(',').next())
        .and_then(|told| told.trim().parse::<std::net::IpAddr>().ok());
    told.map_or(peer, |told| told.to_string())
}

/// How it came, as far as that can be told without knowing anybody.
pub fn came(api: &Api, parts: &Parts) -> Came {
    let text = |name: &str| parts.headers.get(name).and_then(|text| text.to_str().ok());
    let by_tls = parts.extensions.get::<ByTls>() == Some(&ByTls(true));
    let secure = by_tls || api.behind_proxy && text("x-forwarded-proto") == Some("https");
    Came {
        address: address(api, parts),
        secure,
        cookie: cookie(&parts.headers, &cookie_name(secure)),
        session: None,
        until: None,
        host: text(HOST.as_str()).unwrap_or_default().to_string(),
    }
}

/// The name of the session's cookie. A browser takes one called `__Host-` only over TLS and from this very host.
pub fn cookie_name(secure: bool) -> String {
    if secure {
        format!("__Host-{COOKIE}")
    } else {
        COOKIE.to_string()
    }
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(COOKIES)
        .iter()
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value.to_string())
}

/// The key in `Authorization`, if there is one.
fn bearer(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(given) = headers.get(AUTHORIZATION) else {
        return Ok(None);
    };
    let key = given.to_str().ok().and_then(|given| {
        let (scheme, key) = given.trim().split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then(|| key.trim().to_string())
    });
    key.map(Some).ok_or_else(|| {
        Problem::unauthenticated("`Authorization` is none of this server's: it is `Bearer mw_...`")
    })
}

/// Who asks. May wait for the disk.
///
/// # Errors
/// If what they show does not hold, where the route needs somebody.
pub fn visitor(
    api: &Api,
    headers: &HeaderMap,
    mut came: Came,
    permission: Permission,
) -> Result<Visitor, Problem> {
    let Some(accounts) = api.house.accounts() else {
        let who = if api.open_on_loopback {
            Who::reader()
        } else {
            Who::nobody()
        };
        return Ok(Visitor { who, came });
    };
    let shown = bearer(headers).and_then(|bearer| {
        let credentials = Credentials {
            bearer: bearer.as_deref(),
            cookie: came.cookie.as_deref(),
        };
        accounts.admit(&credentials).map_err(Problem::from)
    });
    let who = match shown {
        Ok(Some(admitted)) => {
            came.session = admitted.session;
            came.until = admitted.until;
            admitted.who
        }
        Ok(None) => stranger(api, &accounts)?,
        // A cookie that has ended must not keep anybody from signing in.
        Err(problem) if problem.code == Code::Unauthenticated && permission == Permission::Open => {
            stranger(api, &accounts)?
        }
        Err(problem) => {
            slowly(api, &format!("address {}", came.address), false)?;
            return Err(problem);
        }
    };
    Ok(Visitor { who, came })
}

/// Somebody who shows nothing: on the machine itself they may read, until there are accounts.
fn stranger(api: &Api, accounts: &Accounts) -> Result<Who, Problem> {
    let closed = api.house.sign_on().is_some();
    Ok(if api.open_on_loopback && !closed && !accounts.any()? {
        Who::reader()
    } else {
        Who::nobody()
    })
}

/// Takes a turn of whoever asks; 429 where they have none left.
fn slowly(api: &Api, whose: &str, alters: bool) -> Result<(), Problem> {
    let rates = if alters { &api.deeds } else { &api.reads };
    let mut rates = rates.lock().unwrap_or_else(PoisonError::into_inner);
    rates
        .take(whose, api.clock.now())
        .map_err(Problem::too_many)
}

/// Not more than each may ask in a time.
pub fn in_time(api: &Api, route: &Route, visitor: &Visitor) -> Result<(), Problem> {
    let whose = match &visitor.who.kind {
        Kind::Nobody => format!("address {}", visitor.came.address),
        Kind::Person => format!("person {}", visitor.who.name),
        Kind::Key { id, .. } => format!("key {id}"),
    };
    slowly(api, &whose, route.alters())
}

/// Is it the page that sends this, and not another site by a browser that keeps our cookie? Whoever shows a key does
/// not come by a browser's habit.
pub fn not_forged(route: &Route, headers: &HeaderMap, visitor: &Visitor) -> Result<(), Problem> {
    let at_the_door = match &route.work {
        Work::Deed(deed) => deed.at_the_door,
        Work::Upload(_) => false,
        _ => return Ok(()),
    };
    if matches!(visitor.who.kind, Kind::Key { .. }) {
        return Ok(());
    }
    let text = |name: &str| headers.get(name).map(|text| text.to_str().unwrap_or(""));
    let other = |what: String| Err(Problem::new(Code::CrossSite, what));
    if let Some(site) = text("sec-fetch-site")
        && !["same-origin", "none"].contains(&site)
    {
        return other("the browser says that another site sent this".to_string());
    }
    if let Some(origin) = text(ORIGIN.as_str()) {
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        if !authority.is_some_and(|authority| authority.eq_ignore_ascii_case(&visitor.came.host)) {
            let shown: String = origin.chars().take(100).collect();
            return other(format!("it comes from {shown:?}, which is not this server"));
        }
    }
    if let Some(session) = &visitor.came.session
        && !at_the_door
    {
        let given = text("x-csrf-token").unwrap_or_default();
        if !csrf_fits(session, given) {
            return other("`X-CSRF-Token` is missing, or is that of another session".to_string());
        }
    }
    Ok(())
}

/// The space that the address names, if it names one, once it is certain that they may do there what the route needs.
pub fn permitted(
    api: &Api,
    route: &Route,
    name: Option<&str>,
    who: &Who,
) -> Result<Option<Arc<dyn Space>>, Problem> {
    let space = name.and_then(|name| api.house.space(name));
    if route.permission != Permission::Open {
        let alters = route.alters();
        let nothing = !who.may(name, Permission::Read);
        if !who.known() && (alters || !who.may(name, route.permission)) {
            return Err(Problem::unauthenticated(if alters {
                "what alters something is done in somebody's name"
            } else {
                "nobody is signed in"
            }));
        }
        if name.is_some() && nothing {
            return Err(Problem::not_found("space", name.unwrap_or_default()));
        }
        if let Some(name) = name
            && space.is_none()
        {
            return Err(not_here(&*api.house, name));
        }
        if !who.may(name, route.permission) {
            let role = name.map_or(who.grants.everywhere(), |name| who.grants.role_in(name));
            return Err(Problem::new(
                Code::Forbidden,
                format!(
                    "this needs the permission {:?}; {} has {} here",
                    route.permission.word(),
                    who.name,
                    role.map_or("no role".to_string(), |role| format!("the role {role}")),
                ),
            ));
        }
    }
    match (name, space) {
        (Some(name), None) => Err(Problem::not_found("space", name)),
        (_, space) => Ok(space),
    }
}

/// Why a space cannot be asked, for whoever may see it.
fn not_here(house: &dyn House, name: &str) -> Problem {
    house
        .closed(name)
        .map_or_else(|| Problem::not_found("space", name), Problem::closed)
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unknown(why) => Self::unauthenticated(why),
            Denied::No(why) => Self::new(Code::Conflict, why),
            Denied::TooMuch(why) => Self::new(Code::Forbidden, why),
            Denied::Missing(why) => Self::new(Code::NotFound, why),
            Denied::Wait(seconds) => Self::too_many(seconds),
            Denied::Unreachable(why) => Self {
                detail: why,
                ..Self::busy(5)
            },
            Denied::Failed(why) => Self::failed(why),
        }
    }
}
