//! All policies that have a say in one call, by what they are attached to.

use serde::Serialize;

use super::document::{Effect, Policy, PolicyError};
use super::principal::Principal;

/// What a policy is attached to, and so what it can do. In the order in which they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// An organization's service control policy: bounds the callers of its accounts.
    ServiceControl,
    /// An organization's resource control policy: bounds the resources of its accounts.
    ResourceControl,
    /// An endpoint of a network: bounds what passes through it.
    Endpoint,
    /// The resource itself: a bucket's policy, a key's, a role's trust policy.
    Resource,
    /// A user's or role's permissions boundary.
    Boundary,
    /// What was handed in when the session was made.
    Session,
    /// The caller: a user, its groups, or a role.
    Identity,
}

impl Layer {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::ServiceControl => "service control policy",
            Self::ResourceControl => "resource control policy",
            Self::Endpoint => "endpoint policy",
            Self::Resource => "resource policy",
            Self::Boundary => "permissions boundary",
            Self::Session => "session policy",
            Self::Identity => "identity policy",
        }
    }

    /// Does such a policy say whom it is about?
    pub(super) fn names_principals(self) -> bool {
        matches!(
            self,
            Self::ResourceControl | Self::Endpoint | Self::Resource
        )
    }
}

/// A policy with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// A managed policy's name, a file's, `role orders: inline`.
    pub name: String,
    /// What it says.
    pub policy: Policy,
}

/// What is attached at one level of an organization: the root, a unit, the account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// Its name.
    pub name: String,
    /// What is attached there.
    pub policies: Vec<Named>,
}

/// All that have a say. What is empty was not given, and is taken as not being there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policies {
    /// Of the caller: of the user and its groups, or of the role.
    pub identity: Vec<Named>,
    /// Of the resource.
    pub resource: Vec<Named>,
    /// The caller's boundary.
    pub boundary: Vec<Named>,
    /// Of the session.
    pub session: Vec<Named>,
    /// Of the network's endpoint.
    pub endpoint: Vec<Named>,
    /// Of the caller's organization, from the root to the account: each level has to allow.
    pub service_control: Vec<Level>,
    /// Of the organization of the resource.
    pub resource_control: Vec<Level>,
}

fn flat(layer: Layer, list: &[Named]) -> Vec<(Layer, &str, &Named)> {
    list.iter().map(|named| (layer, "", named)).collect()
}

fn tall(layer: Layer, levels: &[Level]) -> Vec<(Layer, &str, &Named)> {
    let mut all = Vec::new();
    for level in levels {
        all.extend(
            level
                .policies
                .iter()
                .map(|named| (layer, level.name.as_str(), named)),
        );
    }
    all
}

/// A statement that cannot stand where it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} {policy:?}: {error}", layer.words())]
pub struct Misplaced {
    /// What the policy is attached to.
    pub layer: Layer,
    /// Its name.
    pub policy: String,
    /// Where and what.
    pub error: PolicyError,
}

impl Policies {
    /// Every policy with its layer and level, in the order in which they are told.
    pub fn all(&self) -> impl Iterator<Item = (Layer, &str, &Named)> {
        [
            tall(Layer::ServiceControl, &self.service_control),
            tall(Layer::ResourceControl, &self.resource_control),
            flat(Layer::Endpoint, &self.endpoint),
            flat(Layer::Resource, &self.resource),
            flat(Layer::Boundary, &self.boundary),
            flat(Layer::Session, &self.session),
            flat(Layer::Identity, &self.identity),
        ]
        .into_iter()
        .flatten()
    }

    /// Can each policy stand where it is? Those that belong to a caller say nothing of principals and name
    /// resources; those of resources name principals; resource control policies name everybody.
    ///
    /// # Errors
    /// The first statement that the service would refuse there.
    pub fn check(&self) -> Result<(), Misplaced> {
        for (layer, _, named) in self.all() {
            for (n, statement) in named.policy.statements.iter().enumerate() {
                let wrong = |found: &str, expected: &str| Misplaced {
                    layer,
                    policy: named.name.clone(),
                    error: PolicyError::new(format!("Statement[{n}]"), found, expected),
                };
                match (&statement.principals, layer.names_principals()) {
                    (Some(_), false) => {
                        return Err(wrong(
                            "a `Principal`",
                            "none: the policy is about whom it is attached to",
                        ));
                    }
                    (None, true) => {
                        return Err(wrong("no `Principal`", "whom the statement is about"));
                    }
                    (Some(whom), true)
                        if layer == Layer::ResourceControl
                            && (whom.not || whom.listed != [Principal::Everyone]) =>
                    {
                        return Err(wrong("some principals", "`\"Principal\": \"*\"`"));
                    }
                    _ => {}
                }
                let trust = layer == Layer::Resource;
                if statement.resources.is_none() && !trust {
                    return Err(wrong("no `Resource`", "what the statement is about"));
                }
                if statement.effect == Effect::Allow
                    && layer == Layer::Resource
                    && statement.resources.is_none()
                    && !statement.actions.patterns.iter().all(|action| {
                        action == "*" || action.to_ascii_lowercase().starts_with("sts:")
                    })
                {
                    return Err(wrong(
                        "no `Resource`",
                        "what the statement is about; only a trust policy needs none",
                    ));
                }
            }
        }
        Ok(())
    }
}
