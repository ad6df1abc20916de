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
    /// `from` asks `to`, a name server, whom a name means.
    AsksNames,
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

/// The places of two lists, each once, sorted.
fn seen_in_both(one: &str, other: &str) -> String {
    let places = one.split(", ").chain(other.split(", "));
    let mut places: Vec<&str> = places.filter(|place| !place.is_empty()).collect();
    places.sort_unstable();
    places.dedup();
    places.join(", ")
}

impl Topology {
    /// Sorts, and keeps the first of duplicates (of edges the most confident, with all places where it was seen), so
    /// that the order in which a source listed them cannot matter.
    pub fn normalise(&mut self) {
        self.entities.sort_by(|a, b| a.id.cmp(&b.id));
        self.entities.dedup_by(|a, b| a.id == b.id);
        self.edges.sort_by(|a, b| {
            (&a.from, &a.to, a.kind)
                .cmp(&(&b.from, &b.to, b.kind))
                .then(b.confidence.total_cmp(&a.confidence))
        });
        self.edges.dedup_by(|later, first| {
            let same = (&later.from, &later.to, later.kind) == (&first.from, &first.to, first.kind);
            if same && later.seen_in != first.seen_in {
                first.seen_in = seen_in_both(&first.seen_in, &later.seen_in);
            }
            same
        });
    }

    /// Takes in what another source knows of the same moment. What is known here counts more: of an entity that
    /// both know only labels that are missing here come in. Whom one of them knows only as the far end of calls, by the
    /// name of its machine, is the one of that name whom the other knows. Normalised afterwards.
    pub fn join(&mut self, other: Self) {
        self.normalise();
        let known = self.entities.len();
        for met in other.entities {
            match self.entities[..known].binary_search_by(|e| e.id.cmp(&met.id)) {
                Ok(at) => {
                    for (name, value) in met.labels {
                        self.entities[at].labels.entry(name).or_insert(value);
                    }
                }
                Err(_) => self.entities.push(met),
            }
        }
        self.edges.extend(other.edges);
        self.name_peers();
        self.normalise();
    }

    /// The entity with this id.
    pub fn entity(&self, id: &EntityId) -> Option<&Entity> {
        self.entities
            .binary_search_by(|e| e.id.cmp(id))
            .ok()
            .map(|i| &self.entities[i])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::EntityKind;

    fn known(id: &str, name: &str, labels: &[(&str, &str)]) -> Entity {
        Entity {
            id: EntityId::new(id),
            kind: EntityKind::Service,
            name: name.to_string(),
            labels: labels
                .iter()
                .map(|(key, value)| (key.to_string(), value.to_string()))
                .collect(),
        }
    }

    #[test]
    fn what_one_source_knows_is_completed_by_another() {
        let mut one = Topology {
            entities: vec![
                known("service/b", "B", &[("region", "here")]),
                known("service/a", "A", &[]),
            ],
            edges: Vec::new(),
        };
        one.join(Topology {
            entities: vec![
                known("service/c", "first of two", &[]),
                known("service/b", "b", &[("region", "there"), ("version", "2")]),
                known("service/c", "second of two", &[]),
            ],
            edges: Vec::new(),
        });
        let said: Vec<String> = one
            .entities
            .iter()
            .map(|e| format!("{} {} {:?}", e.id, e.name, e.labels))
            .collect();
        assert_eq!(
            said,
            [
                "service/a A {}",
                r#"service/b B {"region": "here", "version": "2"}"#,
                "service/c first of two {}",
            ]
        );
    }
}
