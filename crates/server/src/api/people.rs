//! Who may what in the house: accounts, invitations, and what people and programs did over HTTP.

use axum::http::{Method, StatusCode};
use model::people::{Account, Audited, EVERYWHERE, Grants, LinkKind};
use model::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::deeds::Said;
use super::house::House;
use super::problem::{Code, Problem};
use super::route::{Asked, Json, Listed, Nothing, Part, Permission, Route};
use crate::auth::Denied;

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    use Permission::Manage;
    vec![
        Route::of_house(
            "/v1/people",
            "listPeople",
            "Accounts, by name",
            Manage,
            list,
        ),
        Route::deed_of_house(
            (Method::PUT, "/v1/people/{name}/roles"),
            "setRoles",
            "Gives a person other roles, and ends their sessions",
            Manage,
            set_roles,
        ),
        Route::deed_of_house(
            (Method::DELETE, "/v1/people/{name}"),
            "removePerson",
            "Removes a person; their sessions end and their keys are revoked",
            Manage,
            remove,
        ),
        Route::deed_of_house(
            (Method::POST, "/v1/people/{name}/reset"),
            "resetPassword",
            "Makes a one-time link with which a person chooses a new password",
            Manage,
            reset,
        )
        .secret()
        .answering(StatusCode::CREATED),
        Route::of_house(
            "/v1/invitations",
            "listInvitations",
            "One-time links that nobody has used yet, the oldest first",
            Manage,
            invitations,
        ),
        Route::deed_of_house(
            (Method::POST, "/v1/invitations"),
            "invite",
            "Makes a one-time link with which somebody makes their account",
            Manage,
            invite,
        )
        .secret()
        .answering(StatusCode::CREATED),
        Route::of_house(
            "/v1/audit",
            "listHouseAudit",
            "What was done and refused over HTTP, the newest first",
            Manage,
            audit,
        ),
    ]
}

/// An account, without what proves it.
#[derive(Debug, Serialize, JsonSchema)]
struct Person {
    /// Its name.
    name: String,
    /// Roles by space; `*` stands for every space.
    roles: Grants,
    /// Can they sign in with a password?
    has_password: bool,
    /// Since when there is the account.
    made: Timestamp,
    /// Who made it.
    by: String,
}

impl From<Account> for Person {
    fn from(account: Account) -> Self {
        Self {
            name: account.name,
            roles: account.grants,
            has_password: !account.password.is_empty(),
            made: account.made,
            by: account.by,
        }
    }
}

fn list(_: &dyn House, asked: &Asked, part: Part) -> Result<Json<Listed<Person>>, Problem> {
    let accounts = asked.accounts()?;
    let all = accounts.book().accounts().map_err(Denied::from)?;
    let listed = part.of(all, |account| account.name.clone())?;
    Ok(Json(listed.try_map(|account| Ok(Person::from(account)))?))
}

/// Roles that somebody is to have.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Roles {
    /// By space; `*` stands for every space.
    roles: Grants,
}

/// Roles in spaces that there are.
fn checked(house: &dyn House, roles: &Grants) -> Result<(), Problem> {
    for space in roles.0.keys() {
        if space != EVERYWHERE && house.space(space).is_none() {
            return Err(Problem::new(
                Code::BadRequest,
                format!(
                    "there is no space {:?}; there are {}, and `*` for all of them",
                    space.chars().take(80).collect::<String>(),
                    house.spaces().join(", ")
                ),
            ));
        }
    }
    Ok(())
}

fn set_roles(house: &dyn House, asked: &Asked, body: Roles) -> Result<Json<Said>, Problem> {
    checked(house, &body.roles)?;
    let name = asked.param("name");
    asked.accounts()?.set_grants(name, &body.roles)?;
    Ok(Json(Said::new(format!(
        "{name} has other roles; their sessions have ended"
    ))))
}

fn remove(_: &dyn House, asked: &Asked, _: Nothing) -> Result<Json<Said>, Problem> {
    let name = asked.param("name");
    asked.accounts()?.remove(name)?;
    Ok(Json(Said::new(format!("{name} is removed"))))
}

/// A one-time link, shown once.
#[derive(Debug, Serialize, JsonSchema)]
struct LinkMade {
    /// What it is for.
    kind: LinkKind,
    /// The address that somebody opens, relative to the page.
    link: String,
    /// The token in it, for POST /v1/setup.
    token: String,
}

impl LinkMade {
    fn of(kind: LinkKind, token: String) -> Json<Self> {
        Json(Self {
            kind,
            link: path_of(kind, &token),
            token,
        })
    }
}

/// Where a link leads, relative to the page. What follows `#` is never sent to a server or a log on its way.
pub fn path_of(kind: LinkKind, token: &str) -> String {
    format!("/#/link/{}/{token}", kind.word())
}

fn reset(_: &dyn House, asked: &Asked, _: Nothing) -> Result<Json<LinkMade>, Problem> {
    let name = asked.param("name");
    let token =
        asked
            .accounts()?
            .link(LinkKind::Reset, name, &Grants::default(), &asked.who.name)?;
    Ok(LinkMade::of(LinkKind::Reset, token))
}

/// A link that nobody has used yet.
#[derive(Debug, Serialize, JsonSchema)]
struct LinkShown {
    /// What it is for.
    kind: LinkKind,
    /// For which account; empty where whoever comes may choose the name.
    name: String,
    /// What they will be allowed.
    roles: Grants,
    /// Since when.
    made: Timestamp,
    /// Who made it.
    by: String,
    /// When it ends.
    until: Timestamp,
}

fn invitations(
    _: &dyn House,
    asked: &Asked,
    part: Part,
) -> Result<Json<Listed<LinkShown>>, Problem> {
    let accounts = asked.accounts()?;
    let all = accounts.book().links(asked.now).map_err(Denied::from)?;
    // Digests name them, and open nothing.
    let listed = part.of(all, |link| link.digest.clone())?;
    Ok(Json(listed.try_map(|link| {
        Ok(LinkShown {
            kind: link.kind,
            name: link.person,
            roles: link.grants,
            made: link.made,
            by: link.by,
            until: link.until,
        })
    })?))
}

/// Whom to invite.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Invite {
    /// The account's name; without it whoever comes chooses one.
    #[serde(default)]
    name: String,
    /// What they will be allowed, by space; `*` stands for every space.
    roles: Grants,
}

fn invite(house: &dyn House, asked: &Asked, body: Invite) -> Result<Json<LinkMade>, Problem> {
    checked(house, &body.roles)?;
    if !body.roles.within(&asked.who.grants) {
        return Err(Problem::new(
            Code::Forbidden,
            format!("nobody gets more than {} has", asked.who.name),
        ));
    }
    let token = asked.accounts()?.link(
        LinkKind::Invitation,
        &body.name,
        &body.roles,
        &asked.who.name,
    )?;
    Ok(LinkMade::of(LinkKind::Invitation, token))
}

/// One line of the log.
#[derive(Debug, Serialize, JsonSchema)]
struct Line {
    /// Its place.
    position: u64,
    /// What was done.
    #[serde(flatten)]
    done: Audited,
}

fn audit(_: &dyn House, asked: &Asked, part: Part) -> Result<Json<Listed<Line>>, Problem> {
    let limit = part.limit()?;
    let before = match &part.cursor {
        None => None,
        Some(cursor) => Some(
            cursor
                .parse::<u64>()
                .map_err(|_| Problem::new(Code::BadRequest, "the cursor is none of this list"))?,
        ),
    };
    let accounts = asked.accounts()?;
    let rows = accounts
        .book()
        .audited(before, u32::try_from(limit).unwrap_or(u32::MAX))
        .map_err(Denied::from)?;
    let next = (rows.len() == limit)
        .then(|| rows.last().map(|(position, _)| position.to_string()))
        .flatten();
    let items = rows
        .into_iter()
        .map(|(position, done)| Line { position, done })
        .collect();
    Ok(Json(Listed { items, next }))
}
