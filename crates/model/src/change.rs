//! Things that were altered.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::entity::EntityId;
use crate::telemetry::RawRef;
use crate::time::Timestamp;

/// What sort of alteration.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// Code was merged; it acts only once deployed.
    Commit,
    /// A version went out.
    Deploy,
    /// A feature flag was turned.
    Flag,
    /// A setting or environment variable was altered.
    Config,
    /// A role, policy, grant or credential was altered.
    Permission,
    /// Network, machines, images, clusters.
    Infrastructure,
    /// Capacity was altered by a person or an autoscaler.
    Scaling,
    /// A schema or data migration.
    Migration,
    /// A job ran by the clock.
    Schedule,
    /// A certificate was issued, renewed or ran out.
    Certificate,
    /// Planned work by a provider or a team.
    Maintenance,
}

impl ChangeKind {
    /// The word people use for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Deploy => "deploy",
            Self::Flag => "flag change",
            Self::Config => "configuration change",
            Self::Permission => "permission change",
            Self::Infrastructure => "infrastructure change",
            Self::Scaling => "scaling step",
            Self::Migration => "migration",
            Self::Schedule => "scheduled job",
            Self::Certificate => "certificate change",
            Self::Maintenance => "maintenance",
        }
    }
}

/// Something that was altered: a deploy, a commit, a setting, a scaling step, a permission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Unique within the recording: a commit's hash, an audit event's id.
    pub id: String,
    /// What sort.
    pub kind: ChangeKind,
    /// When it began to act (a commit: when it was made).
    pub start: Timestamp,
    /// When it was complete; `start` where the source gives one time only.
    pub end: Timestamp,
    /// What it touched, where the source says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<EntityId>,
    /// Who.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub actor: String,
    /// One line for people.
    pub title: String,
    /// Paths touched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// The diff, or before and after of a setting as one; `None` where the source withheld it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// Version that went out; empty if none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Other changes that this one carries: a deploy's commits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carries: Vec<String>,
    /// When it was put back to what it was before, if it was. A version that gave way to a newer one was not: what it
    /// brought is in that one too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone: Option<Timestamp>,
    /// Where the row stands.
    #[serde(default)]
    pub raw: RawRef,
}

impl Change {
    /// Fills in what it lacks from what another told of the same change.
    pub fn complete(&mut self, other: Self) {
        fn fill<T>(own: &mut Vec<T>, other: Vec<T>) {
            if own.is_empty() {
                *own = other;
            }
        }
        fill(&mut self.entities, other.entities);
        fill(&mut self.files, other.files);
        if self.carries.len() < other.carries.len() {
            self.carries = other.carries;
        }
        for (own, other) in [
            (&mut self.actor, other.actor),
            (&mut self.version, other.version),
        ] {
            if own.is_empty() {
                *own = other;
            }
        }
        self.diff = self.diff.take().or(other.diff);
        self.undone = self.undone.or(other.undone);
        self.end = self.end.max(other.end);
    }
}
