//! Changes to the world, in vendor-free words, and what became of them.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::entity::EntityId;

/// One change to the world. A new kind of action is a variant here; the compiler leads to the rest.
///
/// An action names what is to be so afterwards, never a difference: asking twice for the same thing does
/// no harm even where an actuator cannot remember. A runbook alone is a deed: its actuator must know it again by its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Puts back what one recorded change altered, as the audit trail holds the state before it.
    RevertChange {
        /// What the change touched.
        entity: EntityId,
        /// The change's id.
        change: String,
    },
    /// Gives settings of one entity the values named; `None` removes one.
    SetSettings {
        /// Whose.
        entity: EntityId,
        /// Name to value.
        settings: BTreeMap<String, Option<String>>,
    },
    /// Gives the entity the role named.
    SetRole {
        /// Whose.
        entity: EntityId,
        /// The role it shall act under.
        role: EntityId,
    },
    /// Sets a limit; `None` lifts it.
    SetLimit {
        /// Whose.
        entity: EntityId,
        /// Which: `concurrency`, `connections`, `throughput`, …
        limit: String,
        /// The value.
        value: Option<u64>,
    },
    /// Runs the version named in place of the one that runs.
    SetVersion {
        /// Whose.
        entity: EntityId,
        /// The version.
        version: String,
    },
    /// Runs the number of copies named.
    Scale {
        /// Whose.
        entity: EntityId,
        /// Copies.
        copies: u64,
    },
    /// Ends what runs and starts it afresh.
    Restart {
        /// Whose.
        entity: EntityId,
    },
    /// Replaces a certificate or credential by a fresh one.
    Renew {
        /// Whose.
        entity: EntityId,
    },
    /// Puts one record or message aside, where it can be looked at and put back.
    SetAside {
        /// The store or queue that holds it.
        entity: EntityId,
        /// Which.
        record: String,
    },
    /// Puts back a record that was set aside.
    PutBack {
        /// The store or queue that held it.
        entity: EntityId,
        /// Which.
        record: String,
    },
    /// Sends the traffic of one entity elsewhere.
    FailOver {
        /// What traffic is taken from.
        from: EntityId,
        /// What shall carry it.
        to: EntityId,
    },
    /// Lets at most so many requests a second through; `None` lifts the limit.
    Throttle {
        /// Whose requests.
        entity: EntityId,
        /// Requests per second.
        per_second: Option<u64>,
    },
    /// Runs something that the owner of the hands keeps for it: a runbook, a command, a build. What will be so afterwards
    /// only they know; that it is run once is kept by the key of its step.
    RunRunbook {
        /// What it is run for.
        entity: EntityId,
        /// Its name.
        runbook: String,
        /// What it is given: name to value.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        parameters: BTreeMap<String, String>,
    },
}

impl Action {
    /// The entity that is altered.
    pub fn entity(&self) -> &EntityId {
        match self {
            Self::RevertChange { entity, .. }
            | Self::SetSettings { entity, .. }
            | Self::SetRole { entity, .. }
            | Self::SetLimit { entity, .. }
            | Self::SetVersion { entity, .. }
            | Self::Scale { entity, .. }
            | Self::Restart { entity }
            | Self::Renew { entity }
            | Self::SetAside { entity, .. }
            | Self::PutBack { entity, .. }
            | Self::Throttle { entity, .. }
            | Self::RunRunbook { entity, .. } => entity,
            Self::FailOver { from, .. } => from,
        }
    }

    /// The word by which policies know it: `revert_change`, `restart`, …
    pub fn word(&self) -> &'static str {
        match self {
            Self::RevertChange { .. } => "revert_change",
            Self::SetSettings { .. } => "set_settings",
            Self::SetRole { .. } => "set_role",
            Self::SetLimit { .. } => "set_limit",
            Self::SetVersion { .. } => "set_version",
            Self::Scale { .. } => "scale",
            Self::Restart { .. } => "restart",
            Self::Renew { .. } => "renew",
            Self::SetAside { .. } => "set_aside",
            Self::PutBack { .. } => "put_back",
            Self::FailOver { .. } => "fail_over",
            Self::Throttle { .. } => "throttle",
            Self::RunRunbook { .. } => "run_runbook",
        }
    }
}

impl fmt::Display for Action {
    /// One sentence without its full stop, for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RevertChange { entity, change } => {
                write!(f, "put {entity} back to what it was before {change}")
            }
            Self::SetSettings { entity, settings } => {
                write!(f, "set on {entity}:")?;
                for (index, (name, value)) in settings.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    match value {
                        Some(value) => write!(f, "{comma} {name}={value}")?,
                        None => write!(f, "{comma} {name} removed")?,
                    }
                }
                Ok(())
            }
            Self::SetRole { entity, role } => write!(f, "let {entity} act under {role}"),
            Self::SetLimit {
                entity,
                limit,
                value: Some(value),
            } => write!(f, "set the {limit} limit of {entity} to {value}"),
            Self::SetLimit { entity, limit, .. } => write!(f, "lift the {limit} limit of {entity}"),
            Self::SetVersion { entity, version } => write!(f, "run version {version} of {entity}"),
            Self::Scale { entity, copies } => write!(f, "run {copies} copies of {entity}"),
            Self::Restart { entity } => write!(f, "restart {entity}"),
            Self::Renew { entity } => write!(f, "renew {entity}"),
            Self::SetAside { entity, record } => write!(f, "set record {record} of {entity} aside"),
            Self::PutBack { entity, record } => write!(f, "put record {record} back into {entity}"),
            Self::FailOver { from, to } => write!(f, "send the traffic of {from} to {to}"),
            Self::Throttle {
                entity,
                per_second: Some(rate),
            } => write!(
                f,
                "let at most {rate} requests a second through to {entity}"
            ),
            Self::Throttle { entity, .. } => write!(f, "stop throttling {entity}"),
            Self::RunRunbook {
                entity,
                runbook,
                parameters,
            } => {
                write!(f, "run {runbook} for {entity}")?;
                for (index, (name, value)) in parameters.iter().enumerate() {
                    let before = if index == 0 { " with" } else { "," };
                    write!(f, "{before} {name}={value}")?;
                }
                Ok(())
            }
        }
    }
}

/// What became of something that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// It is so.
    Done {
        /// In the actuator's words.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        detail: String,
    },
    /// It is not so, and will not become so by waiting.
    Failed {
        /// In the actuator's words.
        why: String,
    },
    /// We asked, and never heard back. It must be looked at before anything is tried again.
    Unknown {
        /// What happened instead of an answer.
        why: String,
    },
}

impl Outcome {
    /// Is it so?
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done { .. })
    }
}

/// Names one performance of one step, so that no actuator performs it twice (J2).
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct StepKey(pub String);

impl fmt::Display for StepKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an action would do, as its actuator sees it before anything is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Preview {
    /// What is so now, for people: `role = ledger-readonly`.
    pub before: String,
    /// What would be so.
    pub after: String,
    /// The action that leads back to `before`; `None` where there is no way back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Action>,
    /// Does it destroy nothing, stop nothing that works, and have a way back?
    pub harmless: bool,
    /// Everyone who would feel it, the altered entity included, sorted.
    pub touches: Vec<EntityId>,
}
