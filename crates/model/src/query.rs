//! Questions in vendor-free words, and the three kinds of answer.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::entity::EntityId;
use crate::evidence::SourceKind;
use crate::incident::IncidentId;
use crate::time::TimeWindow;

/// A question in vendor-free words. Every piece of evidence carries the one that it answers, so that
/// anyone can ask again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Query {
    /// The points of one series inside the window.
    Metric {
        /// Whose.
        entity: EntityId,
        /// Metric name as its source writes it.
        metric: String,
        /// Statistic; empty for none.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        statistic: String,
        /// When.
        window: TimeWindow,
    },
    /// The log lines of one entity (all, if none) whose body matches.
    Logs {
        /// Whose; `None` for everyone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        entity: Option<EntityId>,
        /// A template's text with typed slots, or a regular expression between slashes; empty for all.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pattern: String,
        /// When.
        window: TimeWindow,
    },
    /// The spans of one entity, or of one edge.
    Traces {
        /// Whose.
        entity: EntityId,
        /// The calling end, when the question is about an edge.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caller: Option<EntityId>,
        /// Operation; empty for all.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        operation: String,
        /// When.
        window: TimeWindow,
    },
    /// One change, with its diff.
    Change {
        /// Its id.
        id: String,
    },
    /// All changes inside a window.
    Changes {
        /// When.
        window: TimeWindow,
    },
    /// The newest state of one entity.
    State {
        /// Whose.
        entity: EntityId,
        /// Document kind.
        kind: String,
        /// Dotted path with `*`; empty for the document.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        path: String,
    },
    /// Events about one entity (all, if none).
    Events {
        /// About whom; `None` for everyone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        entity: Option<EntityId>,
        /// A regular expression over `reason message`; empty for all.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pattern: String,
        /// When.
        window: TimeWindow,
    },
    /// One alarm as it arrived.
    Alarm {
        /// Its id.
        id: String,
    },
    /// What leans on what around one entity.
    Topology {
        /// Around whom.
        entity: EntityId,
    },
    /// What one earlier incident taught.
    Lesson {
        /// Which.
        incident: IncidentId,
    },
}

impl fmt::Display for Query {
    /// One line, ready to paste (quoted) after `midwatch explain REPORT`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = |e: &Option<EntityId>| e.as_ref().map_or("*".to_string(), ToString::to_string);
        match self {
            Self::Metric {
                entity,
                metric,
                statistic,
                window,
            } => {
                let statistic = if statistic.is_empty() {
                    String::new()
                } else {
                    format!(" statistic={statistic}")
                };
                write!(
                    f,
                    "metric entity={entity} name={metric}{statistic} window={window}"
                )
            }
            Self::Logs {
                entity,
                pattern,
                window,
            } => {
                write!(
                    f,
                    "logs entity={} pattern={pattern:?} window={window}",
                    all(entity)
                )
            }
            Self::Traces {
                entity,
                caller,
                operation,
                window,
            } => {
                write!(
                    f,
                    "traces entity={entity} caller={} operation={operation:?} window={window}",
                    all(caller)
                )
            }
            Self::Change { id } => write!(f, "change id={id}"),
            Self::Changes { window } => write!(f, "changes window={window}"),
            Self::State { entity, kind, path } => {
                write!(f, "state entity={entity} kind={kind} path={path:?}")
            }
            Self::Events {
                entity,
                pattern,
                window,
            } => {
                write!(
                    f,
                    "events entity={} pattern={pattern:?} window={window}",
                    all(entity)
                )
            }
            Self::Alarm { id } => write!(f, "alarm id={id}"),
            Self::Topology { entity } => write!(f, "topology entity={entity}"),
            Self::Lesson { incident } => write!(f, "lesson incident={incident}"),
        }
    }
}

/// Why something could not be looked at.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// The caller may not.
    Permission,
    /// Nobody records it.
    NotInstrumented,
    /// It was recorded, and is gone.
    Retention,
    /// The source asked us to slow down.
    RateLimit,
    /// The source did not answer in time.
    Timeout,
    /// No connector for it, or the connector failed.
    Connector,
    /// The budget was spent.
    Budget,
    /// The recording does not hold it, and does not say why.
    NotRecorded,
    /// The machine that looked was itself short of processor: how long things took there tells of the machine, too.
    Starved,
}

/// Something that could not be seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// What was wanted: `logs`, `traces`, `metric FreeStorageSpace`, …
    pub wanted: String,
    /// Of whom; `None` for everyone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<EntityId>,
    /// The kinds of evidence that are not whole without it, where what is missing may lie in the time that matters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hides: Vec<SourceKind>,
    /// Why not.
    pub why: GapReason,
    /// In the source's own words, if it gave any.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The exact permission, setting or instrument that closes it; empty where unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub how_to_close: String,
}

impl Gap {
    /// Of no entity alone.
    pub fn new(
        wanted: impl Into<String>,
        why: GapReason,
        detail: impl Into<String>,
        how_to_close: impl Into<String>,
    ) -> Self {
        Self {
            wanted: wanted.into(),
            entity: None,
            hides: Vec::new(),
            why,
            detail: detail.into(),
            how_to_close: how_to_close.into(),
        }
    }

    /// May changes be missing that matter?
    pub fn hides_changes(&self) -> bool {
        let told = self.hides.is_empty() && self.wanted.starts_with("changes of ");
        told || self.conceals(SourceKind::Changes)
    }

    /// May evidence of this kind be missing, if only some of it? What does not say so by itself says it by what was wanted.
    pub fn lacks(&self, kind: SourceKind) -> bool {
        match self.hides[..] {
            [] => self.wanted.starts_with(kind.word()),
            _ => self.hides.contains(&kind),
        }
    }

    /// Is evidence of this kind missing altogether, or where it matters?
    pub fn conceals(&self, kind: SourceKind) -> bool {
        match self.hides[..] {
            [] => self.wanted == kind.word(),
            _ => self.hides.contains(&kind),
        }
    }

    /// The same, without which evidence of these kinds too is not whole.
    #[must_use]
    pub fn hiding(mut self, kinds: impl IntoIterator<Item = SourceKind>) -> Self {
        self.hides.extend(kinds);
        self
    }
}

/// What a source said. "Nothing there" and "could not look" are never confused.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer<T> {
    /// It looked, and here it is.
    Found(T),
    /// It looked, and there is nothing.
    Nothing,
    /// It could not look.
    CouldNotLook(Gap),
}

impl<T> Answer<T> {
    /// What was found, if anything.
    pub fn found(self) -> Option<T> {
        match self {
            Self::Found(value) => Some(value),
            Self::Nothing | Self::CouldNotLook(_) => None,
        }
    }
}
