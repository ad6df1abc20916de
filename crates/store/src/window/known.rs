//! Who was heard of lately, and who leans on whom.

use std::collections::BTreeMap;

use model::{Edge, EdgeKind, Entity, EntityId, Timestamp, Topology};

/// Entities and edges, each with the moment that it was last told of.
#[derive(Debug, Default)]
pub(super) struct Known {
    entities: BTreeMap<EntityId, (Entity, Timestamp)>,
    edges: BTreeMap<(EntityId, EntityId, EdgeKind), (Edge, Timestamp)>,
}

impl Known {
    /// Takes over what a batch told at `now`; the newest labels stand.
    pub fn tell(&mut self, topology: &Topology, now: Timestamp) {
        for entity in &topology.entities {
            match self.entities.get_mut(&entity.id) {
                Some((known, last)) => {
                    *last = now.max(*last);
                    for (name, value) in &entity.labels {
                        if known.labels.get(name) != Some(value) {
                            known.labels.insert(name.clone(), value.clone());
                        }
                    }
                }
                None => {
                    self.entities
                        .insert(entity.id.clone(), (entity.clone(), now));
                }
            }
        }
        for edge in &topology.edges {
            let key = (edge.from.clone(), edge.to.clone(), edge.kind);
            let (_, last) = self.edges.entry(key).or_insert_with(|| (edge.clone(), now));
            *last = now.max(*last);
        }
    }

    /// Forgets what nobody spoke of since `oldest`.
    pub fn trim(&mut self, oldest: Timestamp) {
        self.entities.retain(|_, (_, last)| *last >= oldest);
        self.edges.retain(|_, (_, last)| *last >= oldest);
    }

    /// What was spoken of since `from`.
    pub fn since(&self, from: Timestamp) -> Topology {
        let entities = self.entities.values().filter(|(_, last)| *last >= from);
        let edges = self.edges.values().filter(|(_, last)| *last >= from);
        Topology {
            entities: entities.map(|(entity, _)| entity.clone()).collect(),
            edges: edges.map(|(edge, _)| edge.clone()).collect(),
        }
    }
}
