//! The one place that decides whether a request goes on: who asks, which space, and whether they may.
//!
//! The order keeps strangers from learning anything: who is not known hears 401, whether or not there is such a space;
//! who may not read a space hears 404, as if there were none; who may read it and no more hears 403.

use std::sync::Arc;

use axum::http::request::Parts;

use super::Api;
use super::house::Space;
use super::problem::{Code, Problem};
use super::route::{Permission, Route, Work};
use crate::auth::Who;

/// Who asks.
pub fn who(api: &Api, _: &Parts) -> Result<Who, Problem> {
    Ok(if api.open_on_loopback {
        Who::reader()
    } else {
        Who::nobody()
    })
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
        let alters = matches!(route.work, Work::Deed(_));
        let nothing = !who.may(name, Permission::Read);
        if !who.known() && (alters || nothing) {
            return Err(Problem::unauthenticated(if alters {
                "what alters something is done in somebody's name"
            } else {
                "nobody is signed in"
            }));
        }
        if name.is_some() && (nothing || space.is_none()) {
            return Err(Problem::not_found("space", name.unwrap_or_default()));
        }
        if !who.may(name, route.permission) {
            let role = name.map_or(who.grants.everywhere(), |name| who.grants.role_in(name));
            return Err(Problem::new(
                Code::Forbidden,
                format!(
                    "this needs the permission {:?}; {}",
                    route.permission.word(),
                    match role {
                        Some(role) => format!("{} has the role {role} here", shown(who)),
                        None => format!("{} has no role here", shown(who)),
                    }
                ),
            ));
        }
    }
    match (name, space) {
        (Some(name), None) => Err(Problem::not_found("space", name)),
        (_, space) => Ok(space),
    }
}

fn shown(who: &Who) -> &str {
    if who.known() { &who.name } else { "a stranger" }
}
