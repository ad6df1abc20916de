//! How alarms stand, and what turned.

use std::collections::BTreeMap;
use std::fmt;

use model::telemetry::{RawRef, Severity};
use model::{Alarm, AlarmState, EntityId, Gap, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::band::Band;
use super::suppress::Hold;

/// The three states of an alarm, in CloudWatch's words.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
pub enum State {
    /// The condition does not hold.
    #[serde(rename = "OK")]
    Ok,
    /// The condition holds.
    #[serde(rename = "ALARM")]
    Alarm,
    /// There is too little to tell, or it was never evaluated.
    #[default]
    #[serde(rename = "INSUFFICIENT_DATA")]
    InsufficientData,
}

impl State {
    /// As CloudWatch writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One alarm: a rule, and the entity that it watches. A composite has one alarm, whose entity is the one
/// that its rule names, or empty.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct AlarmKey {
    /// The rule's name.
    pub rule: String,
    /// Whose alarm.
    pub entity: EntityId,
}

impl fmt::Display for AlarmKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.entity.as_str().is_empty() {
            f.write_str(&self.rule)
        } else {
            write!(f, "{}@{}", self.rule, self.entity)
        }
    }
}

/// How one alarm stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Its state.
    pub state: State,
    /// Since when.
    pub since: Timestamp,
    /// Why, in CloudWatch's manner of speaking.
    pub reason: String,
    /// The last moment at which there was a datapoint in its evaluation range, or at which it was first seen.
    pub heard: Timestamp,
    /// The state that was last acted upon.
    pub told: State,
    /// What an anomaly alarm has learned, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub band: Option<Band>,
    /// What holds a composite's actions back, if anything does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// Was the composite's suppressor in ALARM when it was last looked at?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suppressed: bool,
    /// The composite's children as they stood when its rule was last evaluated.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub children: BTreeMap<String, State>,
    /// The entity that a composite's alarm was told about, so that its end is told about the same one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<EntityId>,
    /// How bad the last telling said it is, where that can change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// The labels that the last telling bore.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The reason for machines, where it must outlast the round in which the alarm turned.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub data: serde_json::Value,
    /// Was the state set by a person, to stand until the next evaluation (a composite: until a child turns)?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forced: bool,
}

impl Standing {
    /// As an alarm begins: not yet evaluated.
    pub fn created(now: Timestamp) -> Self {
        Self {
            state: State::InsufficientData,
            since: now,
            reason: super::reason::CREATED.to_string(),
            heard: now,
            told: State::InsufficientData,
            band: None,
            hold: None,
            suppressed: false,
            children: BTreeMap::new(),
            about: None,
            severity: None,
            labels: BTreeMap::new(),
            data: serde_json::Value::Null,
            forced: false,
        }
    }
}

/// How all alarms stand. A value to be kept between evaluations, and across restarts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct States {
    /// Alarm by alarm.
    #[serde(with = "listed")]
    pub alarms: BTreeMap<AlarmKey, Standing>,
    /// Rules whose source could not be looked at the last time; their alarms keep their states.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub blind: BTreeMap<String, Gap>,
}

impl States {
    /// The state of one alarm; `None` if there is no such alarm.
    pub fn of(&self, rule: &str, entity: &EntityId) -> Option<State> {
        let key = AlarmKey {
            rule: rule.to_string(),
            entity: entity.clone(),
        };
        self.alarms.get(&key).map(|standing| standing.state)
    }

    /// A rule's state over all its alarms: `Alarm` if any is in ALARM; `Ok` if any is OK; else `InsufficientData`.
    pub fn of_rule(&self, rule: &str) -> State {
        let from = AlarmKey {
            rule: rule.to_string(),
            entity: EntityId::new(""),
        };
        let mut seen = State::InsufficientData;
        for (key, standing) in self.alarms.range(from..) {
            if key.rule != rule {
                break;
            }
            match standing.state {
                State::Alarm => return State::Alarm,
                State::Ok => seen = State::Ok,
                State::InsufficientData => {}
            }
        }
        seen
    }

    /// A person sets a state by hand. It stands until the next evaluation; that of a composite until a
    /// child turns. Gives what is to be told; `None` if there is no such alarm, or it is in that state.
    pub fn set(
        &mut self,
        key: &AlarmKey,
        state: State,
        reason: &str,
        at: Timestamp,
    ) -> Option<Transition> {
        let standing = self.alarms.get_mut(key)?;
        if standing.state == state {
            return None;
        }
        standing.state = state;
        standing.since = at;
        standing.reason = reason.to_string();
        standing.forced = true;
        let turn = Transition::bare(key, standing, at);
        standing.told = state;
        Some(turn)
    }
}

/// A map whose keys are no texts, stored as a list of pairs.
mod listed {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::{AlarmKey, Standing};

    pub fn serialize<S: Serializer>(
        map: &BTreeMap<AlarmKey, Standing>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<AlarmKey, Standing>, D::Error> {
        Ok(Vec::<(AlarmKey, Standing)>::deserialize(deserializer)?
            .into_iter()
            .collect())
    }
}

/// An alarm turned, and people or the watch must hear of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// The rule's name.
    pub rule: String,
    /// Whose alarm.
    pub entity: EntityId,
    /// The state that was last acted upon.
    pub from: State,
    /// The state now.
    pub to: State,
    /// When it was found out.
    pub at: Timestamp,
    /// When the condition became true in the data, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub true_at: Option<Timestamp>,
    /// Why, in CloudWatch's manner of speaking.
    pub reason: String,
    /// The same for machines, in the shape of CloudWatch's `StateReasonData`.
    pub data: serde_json::Value,
    /// What the rule is for, as its author wrote it.
    pub description: String,
    /// How bad its author says it is.
    pub severity: Option<Severity>,
    /// The metric or the expression; empty for a composite.
    pub metric: String,
    /// The statistic of that metric; empty for expressions and composites.
    pub statistic: String,
    /// The line, where there is a single one.
    pub threshold: Option<f64>,
    /// The newest value seen.
    pub observed: Option<f64>,
    /// The rule's labels.
    pub labels: BTreeMap<String, String>,
}

/// What alarms of our own name as their source.
pub const SOURCE: &str = "midwatch";

impl Transition {
    /// What is known of a turn without its rule. The labels are those of the last telling, so that the fingerprint is
    /// the same.
    pub(super) fn bare(key: &AlarmKey, standing: &Standing, at: Timestamp) -> Self {
        Self {
            rule: key.rule.clone(),
            entity: standing.about.clone().unwrap_or_else(|| key.entity.clone()),
            from: standing.told,
            to: standing.state,
            at,
            true_at: None,
            reason: standing.reason.clone(),
            data: serde_json::Value::Null,
            description: String::new(),
            severity: standing.severity,
            metric: String::new(),
            statistic: String::new(),
            threshold: None,
            observed: None,
            labels: standing.labels.clone(),
        }
    }

    /// As an alarm that the watch takes in like any other. Labels, rule and entity are the same each
    /// time it turns, so that its fingerprint is.
    pub fn alarm(&self) -> Alarm {
        let key = AlarmKey {
            rule: self.rule.clone(),
            entity: self.entity.clone(),
        };
        let text = |text: &str| (!text.is_empty()).then(|| text.to_string());
        Alarm {
            id: format!("{key}@{}", self.at),
            source: SOURCE.to_string(),
            rule: self.rule.clone(),
            entity: self.entity.clone(),
            metric: text(&self.metric),
            statistic: text(&self.statistic),
            threshold: self.threshold,
            observed: self.observed,
            fired_at: self.at,
            true_at: self.true_at,
            severity: self.severity,
            state: match self.to {
                State::Alarm => AlarmState::Firing,
                State::Ok => AlarmState::Resolved,
                State::InsufficientData => AlarmState::NoData,
            },
            summary: if self.description.is_empty() {
                self.reason.clone()
            } else {
                format!(
                    "{}. {}",
                    self.description.trim_end_matches('.'),
                    self.reason
                )
            },
            labels: self.labels.clone(),
            raw: RawRef::default(),
        }
    }
}
