//! What has the same name in several places is not the same thing.
//!
//! What is in one place only keeps its plain name, by which alarms know it too. What several places have is told apart by
//! the place behind its name (`function/checkout@eu-west-1`), and the plain name stands for all of them: it is served by
//! its copies. Roles, and what lies outside, belong to no region.

use std::collections::BTreeMap;

use model::topology::Edge;
use model::{EdgeKind, Entity, EntityId, EntityKind};

use super::found::Found;
use super::place::Place;

/// Where an edge was seen that this module adds.
const SEEN_IN: &str = "the same name in several regions or accounts";

/// Tells apart what several places have. Both lists are in the order of the places.
pub(super) fn tell_apart(places: &[Place], all: &mut [Found]) {
    let names: Vec<&str> = places.iter().map(|place| &*place.name).collect();
    apart(&names, all);
}

fn apart(places: &[&str], all: &mut [Found]) {
    let mut met: BTreeMap<EntityId, (Entity, Vec<usize>)> = BTreeMap::new();
    for (at, found) in all.iter().enumerate() {
        for entity in found.map().entities {
            let here = met
                .entry(entity.id.clone())
                .or_insert_with(|| (entity, Vec::new()));
            here.1.push(at);
        }
    }
    met.retain(|_, (entity, places)| {
        let everywhere = matches!(
            entity.kind,
            EntityKind::Role | EntityKind::External | EntityKind::Client | EntityKind::Unknown
        );
        places.len() > 1 && !everywhere
    });
    for (at, (place, found)) in places.iter().zip(all.iter_mut()).enumerate() {
        let copies = met.iter().filter(|(_, (_, places))| places.contains(&at));
        let names: BTreeMap<EntityId, EntityId> = copies
            .map(|(id, _)| (id.clone(), EntityId::new(format!("{id}@{place}"))))
            .collect();
        if names.is_empty() {
            continue;
        }
        found.rename(&names);
        for entity in &mut found.topology.entities {
            if names.values().any(|name| *name == entity.id) {
                entity.name = format!("{} in {place}", entity.name);
            }
        }
        for (id, copy) in &names {
            if let Some((whole, _)) = met.get(id) {
                found.topology.entities.push(Entity {
                    labels: BTreeMap::new(),
                    ..whole.clone()
                });
            }
            found.topology.edges.push(Edge {
                from: id.clone(),
                to: copy.clone(),
                kind: EdgeKind::ServedBy,
                confidence: 1.0,
                calls_per_request: None,
                seen_in: SEEN_IN.to_string(),
            });
        }
        found.topology.normalise();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_several_places_have_is_told_apart() {
        let place = |names: &[(EntityKind, &str)]| {
            let mut found = Found::default();
            for (kind, name) in names {
                found.named(*kind, name);
            }
            found
        };
        let role = (EntityKind::Role, "runs");
        let mut all = [
            place(&[
                (EntityKind::Function, "pay"),
                (EntityKind::Queue, "in"),
                role,
            ]),
            place(&[(EntityKind::Function, "pay"), role]),
        ];
        let own = all[0].named(EntityKind::Function, "pay");
        let queue = all[0].named(EntityKind::Queue, "in");
        all[0].edge(&own, &queue, EdgeKind::Consumes, "a mapping");
        apart(&["eu-west-1", "b/us-east-1"], &mut all);
        let ids = |found: &Found| -> Vec<String> {
            let entities = found.map().entities;
            entities.iter().map(|one| one.id.to_string()).collect()
        };
        assert_eq!(
            ids(&all[0]),
            [
                "function/pay",
                "function/pay@eu-west-1",
                "queue/in",
                "role/runs"
            ]
        );
        assert_eq!(
            ids(&all[1]),
            ["function/pay", "function/pay@b/us-east-1", "role/runs"]
        );
        let edges: Vec<String> = all[0]
            .map()
            .edges
            .iter()
            .map(|edge| format!("{} {:?} {}", edge.from, edge.kind, edge.to))
            .collect();
        assert_eq!(
            edges,
            [
                "function/pay ServedBy function/pay@eu-west-1",
                "function/pay@eu-west-1 Consumes queue/in"
            ]
        );
    }
}
