//! What is to be so afterwards, held against what is so now.

use std::collections::{BTreeMap, BTreeSet};

use model::EntityId;
use model::action::Action;

use super::Trouble;
use super::bench::{At, Work};
use super::function::{Function, Present};
use super::parameter::{self, Parameter, Parameters};
use crate::files::aws::names;

/// The one limit of a function that these hands set.
pub(super) const CONCURRENCY: &str = "concurrency";

/// What is to be so; what is `None` stays as it is. It may hold values of variables, so it is shown to nobody.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Aim {
    /// How many copies may run at once; inside, `None` is no limit.
    pub concurrency: Option<Option<u64>>,
    /// All variables: AWS takes them as a whole.
    pub variables: Option<BTreeMap<String, String>>,
    /// The role, as an ARN.
    pub role: Option<String>,
    /// What else of its configuration.
    pub parameters: Parameters,
}

/// How one variable differs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Differs {
    Added,
    Removed,
    Altered,
}

/// An action in words that show no value.
pub(super) fn named(action: &Action) -> String {
    match action {
        Action::SetSettings { entity, settings } => {
            let names: Vec<&str> = settings.keys().map(String::as_str).collect();
            format!("set {} on {entity}", names.join(", "))
        }
        other => other.to_string(),
    }
}

/// A role's name: the last part of its ARN.
fn short(role: &str) -> &str {
    names::arn(role).1
}

fn copies(limit: Option<u64>) -> String {
    let said = limit.map_or("none".to_string(), |copies| copies.to_string());
    format!("reserved concurrency = {said}")
}

impl Work<'_> {
    /// The function that the action is about, and what is to be so.
    pub async fn function(&self, action: &Action) -> Result<Function, Trouble> {
        let (at, present, aim) = self.aimed(action).await?;
        Ok(Function {
            entity: action.entity().clone(),
            at,
            present,
            aim,
            roles: self.settings.roles.clone(),
        })
    }

    /// Where the action is to be done, how it is there, and what is to be so.
    async fn aimed(&self, action: &Action) -> Result<(At, Present, Aim), Trouble> {
        let cannot = |why: &str| Err(Trouble::Cannot(why.to_string()));
        let acts = matches!(
            action,
            Action::RevertChange { .. }
                | Action::SetLimit { .. }
                | Action::SetRole { .. }
                | Action::SetSettings { .. }
        );
        if !acts {
            return cannot("these hands have no such action");
        }
        let at = self.find(action.entity()).await?;
        let present = self.present(&at).await?;
        let aim = match action {
            Action::SetLimit { limit, value, .. } if limit == CONCURRENCY => Aim {
                concurrency: Some(*value),
                ..Aim::default()
            },
            Action::SetLimit { .. } => {
                return cannot("of a function's limits they set concurrency alone");
            }
            Action::SetSettings { settings, .. } => asked(&present, settings)?,
            Action::SetRole { role, .. } => {
                let name = role.as_str();
                let name = name.strip_prefix("role/").unwrap_or(name);
                let mut fits = self.settings.roles.iter().filter(|arn| short(arn) == name);
                match (fits.next(), fits.next()) {
                    (Some(arn), None) => Aim {
                        role: Some(arn.clone()),
                        ..Aim::default()
                    },
                    (Some(_), Some(_)) => {
                        return cannot("several of the roles that may be given are called so");
                    }
                    (None, _) => return Err(not_given(name)),
                }
            }
            Action::RevertChange { change, .. } => self.former(&at, &present, change).await?,
            _ => return cannot("these hands have no such action"),
        };
        if let Some(role) = &aim.role
            && !self.settings.roles.contains(role)
        {
            return Err(not_given(short(role)));
        }
        if aim.variables.is_some() {
            shown(&present)?;
        }
        // What is not seen cannot be told in a plan, and leads nobody back.
        let mut unseen = aim.parameters.keys();
        if let Some(one) = unseen.find(|one| !present.parameters.contains_key(*one)) {
            let name = one.name();
            return cannot(&format!("AWS does not tell which {name} the function has"));
        }
        Ok((at, present, aim))
    }
}

/// What an action names: variables, put into all that there are, and parameters.
fn asked(present: &Present, settings: &BTreeMap<String, Option<String>>) -> Result<Aim, Trouble> {
    let mut aim = Aim::default();
    let (parameters, variables): (Vec<_>, Vec<_>) = settings
        .iter()
        .partition(|(name, _)| parameter::is_of(name));
    for (name, value) in parameters {
        let one = Parameter::of(name)?;
        aim.parameters.insert(one, one.given(value.as_deref())?);
    }
    if !variables.is_empty() {
        let mut whole = shown(present)?.clone();
        for (name, value) in variables {
            match value {
                Some(value) => whole.insert(name.clone(), value.clone()),
                None => whole.remove(name),
            };
        }
        aim.variables = Some(whole);
    }
    Ok(aim)
}

fn not_given(role: &str) -> Trouble {
    Trouble::Cannot(format!(
        "the role {role} is not among the roles that these hands may give; name its ARN in their roles"
    ))
}

/// The variables that AWS shows: what is not seen whole cannot be written whole.
fn shown(present: &Present) -> Result<&BTreeMap<String, String>, Trouble> {
    present.variables.as_ref().map_err(|why| {
        Trouble::Cannot(format!(
            "AWS does not show the function's variables to these hands ({why}): they may be under a key of yours"
        ))
    })
}

impl Aim {
    /// Names of variables that differ, and how.
    fn differing(&self, present: &Present) -> BTreeMap<String, Differs> {
        let (Some(wanted), Ok(now)) = (&self.variables, &present.variables) else {
            return BTreeMap::new();
        };
        let names: BTreeSet<&String> = wanted.keys().chain(now.keys()).collect();
        let differ = |name: &String| match (now.get(name), wanted.get(name)) {
            (None, Some(_)) => Some(Differs::Added),
            (Some(_), None) => Some(Differs::Removed),
            (Some(now), Some(wanted)) if now != wanted => Some(Differs::Altered),
            _ => None,
        };
        names
            .into_iter()
            .filter_map(|name| Some((name.clone(), differ(name)?)))
            .collect()
    }

    /// Is it so?
    pub fn is_so(&self, present: &Present) -> bool {
        let limit = self
            .concurrency
            .is_none_or(|one| one == present.concurrency);
        let role = self.role.as_ref().is_none_or(|role| *role == present.role);
        let seen = self.variables.is_none() || present.variables.is_ok();
        let mut parameters = self.parameters.iter();
        let set = parameters.all(|(one, value)| present.parameters.get(one) == Some(value));
        limit && role && seen && set && self.differing(present).is_empty()
    }

    /// What is so now of what is to be otherwise, for people.
    pub fn before(&self, present: &Present) -> String {
        let mut said = Vec::new();
        if self.concurrency.is_some() {
            said.push(copies(present.concurrency));
        }
        if self.role.is_some() {
            said.push(format!("role = {}", short(&present.role)));
        }
        for one in self.parameters.keys() {
            let now = present.parameters.get(one);
            said.push(one.said(now.map_or("not told", String::as_str)));
        }
        for (name, how) in self.differing(present) {
            let now = match how {
                Differs::Added => "not set",
                Differs::Removed | Differs::Altered => "set",
            };
            said.push(format!("{name} {now}"));
        }
        said.join(", ")
    }

    /// What is to be so, for people. Values of variables are not shown: they may be secrets.
    pub fn after(&self, present: &Present) -> String {
        let mut said = Vec::new();
        if let Some(limit) = self.concurrency {
            said.push(copies(limit));
        }
        if let Some(role) = &self.role {
            said.push(format!("role = {}", short(role)));
        }
        for (one, value) in &self.parameters {
            said.push(one.said(value));
        }
        let differing = self.differing(present);
        if self.variables.is_some() && differing.is_empty() {
            said.push("variables as asked for".to_string());
        }
        for (name, how) in differing {
            let then = match how {
                Differs::Added => "set",
                Differs::Removed => "not set",
                Differs::Altered => "set to another value",
            };
            said.push(format!("{name} {then}"));
        }
        said.join(", ")
    }

    /// The action that leads back. There is none where it would have to name the value of a variable, which a plan must
    /// not hold, or a role that may not be given.
    pub fn undo(&self, entity: &EntityId, present: &Present, roles: &[String]) -> Option<Action> {
        let entity = entity.clone();
        let differing = self.differing(present);
        let settings = !differing.is_empty() || !self.parameters.is_empty();
        match (self.concurrency, &self.role, settings) {
            (Some(_), None, false) => Some(Action::SetLimit {
                entity,
                limit: CONCURRENCY.to_string(),
                value: present.concurrency,
            }),
            (None, Some(_), false) => roles.contains(&present.role).then(|| Action::SetRole {
                entity,
                role: EntityId::new(format!("role/{}", short(&present.role))),
            }),
            (None, None, true) => {
                let variables = differing
                    .into_iter()
                    .map(|(name, how)| (how == Differs::Added).then_some((name, None)));
                let parameters = self.parameters.keys().map(|one| {
                    let now = present.parameters.get(one)?.clone();
                    Some((one.setting(), Some(now)))
                });
                let settings = variables.chain(parameters).collect::<Option<_>>()?;
                Some(Action::SetSettings { entity, settings })
            }
            _ => None,
        }
    }

    /// Does it stop nothing, and start nothing that somebody may have stopped on purpose?
    pub fn harms_nobody(&self, present: &Present) -> bool {
        let more = match (present.concurrency, self.concurrency) {
            (_, None) => true,
            (Some(now), Some(then)) => now > 0 && then.is_none_or(|then| then >= now),
            (None, Some(then)) => then.is_none(),
        };
        let adds = self
            .differing(present)
            .values()
            .all(|how| *how == Differs::Added);
        more && adds && self.role.is_none() && self.parameters.is_empty()
    }
}
