//! Steps approved as one, the check by which we shall know that they worked, and who said yes.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::entity::EntityId;
use crate::incident::IncidentId;
use crate::mechanism::MechanismId;
use crate::time::{Span, Timestamp};

/// How a number is held against a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// Not above the line.
    AtMost,
    /// Not below the line.
    AtLeast,
}

/// Something that can be seen to hold, or not, in telemetry and state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "that", rename_all = "snake_case", deny_unknown_fields)]
pub enum Condition {
    /// Of the calls that the entity answered, at most this share failed.
    ErrorShare {
        /// Whose calls.
        entity: EntityId,
        /// 0..1.
        at_most: f64,
        /// Fewer calls than this tell nothing.
        calls: u64,
    },
    /// The 95th percentile of the time in which the entity answered.
    Latency {
        /// Whose calls.
        entity: EntityId,
        /// Milliseconds.
        at_most_ms: f64,
        /// Fewer calls than this tell nothing.
        calls: u64,
    },
    /// The mean of a series over the time looked at.
    Metric {
        /// Whose.
        entity: EntityId,
        /// Its name as the source writes it.
        metric: String,
        /// Its statistic; empty for none.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        statistic: String,
        /// Which side of the line is well.
        is: Comparison,
        /// The line.
        value: f64,
    },
    /// An alarm rule does not fire for the entity.
    AlarmQuiet {
        /// The rule.
        rule: String,
        /// About whom.
        entity: EntityId,
    },
    /// The newest state document says so.
    State {
        /// Whose.
        entity: EntityId,
        /// Which kind of document.
        kind: String,
        /// Dotted path into it.
        path: String,
        /// What must stand there.
        equals: serde_json::Value,
    },
}

impl Condition {
    /// The entity whose calls or readings it measures; `None` for alarms and states.
    pub fn measured_at(&self) -> Option<&EntityId> {
        match self {
            Self::ErrorShare { entity, .. }
            | Self::Latency { entity, .. }
            | Self::Metric { entity, .. } => Some(entity),
            Self::AlarmQuiet { .. } | Self::State { .. } => None,
        }
    }
}

impl fmt::Display for Condition {
    /// A clause for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ErrorShare {
                entity, at_most, ..
            } => write!(
                f,
                "at most {:.3}% of the calls of {entity} fail",
                at_most * 100.0
            ),
            Self::Latency {
                entity, at_most_ms, ..
            } => write!(
                f,
                "{entity} answers 95% of its calls within {at_most_ms} ms"
            ),
            Self::Metric {
                entity,
                metric,
                is,
                value,
                ..
            } => {
                let side = match is {
                    Comparison::AtMost => "at most",
                    Comparison::AtLeast => "at least",
                };
                write!(f, "{metric} of {entity} is {side} {value}")
            }
            Self::AlarmQuiet { rule, entity } => write!(f, "{rule} on {entity} is quiet"),
            Self::State {
                entity,
                path,
                equals,
                ..
            } => write!(f, "{path} of {entity} is {equals}"),
        }
    }
}

/// A condition on telemetry: verification, steady state and stop condition alike.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// All of them must hold.
    pub all: Vec<Condition>,
    /// Over how long a stretch of fresh telemetry each is looked at.
    pub over: Span,
}

/// Whether a condition held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Holds {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// There is too little to tell, or it could not be looked at.
    CannotTell,
}

/// One condition, and what was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Checked {
    /// What was asked.
    pub condition: Condition,
    /// Whether it held.
    pub holds: Holds,
    /// What was seen, for people: `0 of 312 calls failed`.
    pub seen: String,
}

/// A step: an action, and the way back from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedStep {
    /// What to do.
    pub action: Action,
    /// What leads back; `None` where there is no way back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Action>,
    /// Who performs it: an actuator's name.
    pub actuator: String,
    /// What is so now, and what would be so, for people.
    pub before: String,
    /// See `before`.
    pub after: String,
    /// Does it destroy nothing and have a way back?
    pub harmless: bool,
    /// Why: the claim in the report that it answers to.
    pub because: String,
}

/// The cause that a plan answers to, as the report names it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Basis {
    /// Where.
    pub entity: EntityId,
    /// How.
    pub mechanism: MechanismId,
    /// The change that did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// How sure, 0..1.
    pub confidence: f64,
}

/// Steps approved as one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// For which incident.
    pub incident: IncidentId,
    /// Digest of the report that it rests on (its ledger).
    pub report: String,
    /// Which try this is, from 1. A plan that failed is never run again under the same number.
    pub attempt: u32,
    /// The causes that it answers to.
    pub basis: Vec<Basis>,
    /// In the order in which they are performed; undone in the opposite order.
    pub steps: Vec<PlannedStep>,
    /// By which we shall know that it worked.
    pub expect: Check,
    /// If one of these fails while steps are performed, stop and unwind.
    pub stop: Check,
    /// How long after the last step the first verdict may be had.
    pub settle: Span,
    /// After this long without success it has failed.
    pub patience: Span,
    /// Everyone who would feel it, sorted.
    pub touches: Vec<EntityId>,
    /// What could go wrong, for people.
    pub risks: Vec<String>,
}

impl Plan {
    /// BLAKE3 (hex) of the plan as it is stored. An approval is bound to it: alter one word and the yes is void.
    pub fn digest(&self) -> String {
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        blake3::hash(&bytes).to_hex().to_string()
    }

    /// The confidence of the least sure cause; 0 where it rests on none.
    pub fn confidence(&self) -> f64 {
        self.basis
            .iter()
            .map(|basis| basis.confidence)
            .reduce(f64::min)
            .unwrap_or(0.0)
    }
}

/// A named person's yes to one exact plan, until it expires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The plan's digest.
    pub plan: String,
    /// Who said yes.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Until when it counts.
    pub until: Timestamp,
}

/// The gate's answer, with its reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "gate", rename_all = "snake_case", deny_unknown_fields)]
pub enum GateAnswer {
    /// It may be run.
    Go {
        /// Why.
        reasons: Vec<String>,
    },
    /// A person must say yes.
    Ask {
        /// Why.
        reasons: Vec<String>,
        /// Who may: names or groups as the policy has them; empty for anyone whom the policy lets approve.
        who: Vec<String>,
    },
    /// It may not be run now.
    Refuse {
        /// Why.
        reasons: Vec<String>,
        /// When it may be asked again; `None` for never.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        again_at: Option<Timestamp>,
    },
}
