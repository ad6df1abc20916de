//! Which entities lean on which.

mod calls;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::entity::{Entity, EntityId};

/// How one entity leans on another. Failure travels from `to` to `from`.
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
#[serde(rename_all = "snake_case")]
pub enum EdgeKind {
    /// `from` sends requests to `to`.
    #[default]
    Calls,
    /// `from` runs on `to`: pod on host, function on platform.
    RunsOn,
    /// `from` is served by the copies `to`: service by pods, workload by pods.
    ServedBy,
    /// `from` takes messages from `to`.
    Consumes,
    /// `from` puts messages onto `to`; a full queue pushes back.
    Produces,
    /// `from` acts under the role or credential `to`.
    UsesRole,
    /// `from` reads the setting, secret or flag `to`.
    UsesConfig,
    /// `from` is bound by the quota `to`.
    BoundBy,
    /// `from` lies within the scope `to`.
    PartOf,
    /// `from` copies its data from `to`.
    ReplicatesFrom,
}

/// One edge: `from` leans on `to`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    /// The one that leans.
    pub from: EntityId,
    /// The one leaned upon.
    pub to: EntityId,
    /// How.
    #[serde(default)]
    pub kind: EdgeKind,
    /// How sure we are that the edge exists, 0..1.
    #[serde(default = "certain")]
    pub confidence: f64,
    /// Requests along the edge per request that `from` receives, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls_per_request: Option<f64>,
    /// Where it was seen: a trace, a config, a declared map.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub seen_in: String,
}

fn certain() -> f64 {
    1.0
}

/// Entities and edges as known at one time, sorted by id.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Topology {
    /// Sorted by id, no duplicates.
    pub entities: Vec<Entity>,
    /// Sorted by (from, to, kind), no duplicates.
    pub edges: Vec<Edge>,
}

impl Topology {
    /// Sorts, and keeps the first of duplicates (of edges the most confident), so that the order in
    /// which a source listed them cannot matter.
    pub fn normalise(&mut self) {
        self.entities.sort_by(|a, b| a.id.cmp(&b.id));
        self.entities.dedup_by(|a, b| a.id == b.id);
        self.edges.sort_by(|a, b| {
            (&a.from, &a.to, a.kind)
                .cmp(&(&b.from, &b.to, b.kind))
                .then(b.confidence.total_cmp(&a.confidence))
        });
        self.edges
            .dedup_by(|a, b| (&a.from, &a.to, a.kind) == (&b.from, &b.to, b.kind));
    }

    /// The entity with this id.
    pub fn entity(&self, id: &EntityId) -> Option<&Entity> {
        self.entities
            .binary_search_by(|e| e.id.cmp(id))
            .ok()
            .map(|i| &self.entities[i])
    }
}
