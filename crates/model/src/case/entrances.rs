//! Where those who ask from outside come in, as alarms tell it.

use super::Case;
use crate::entity::EntityKind;
use crate::topology::{Edge, EdgeKind};

/// Labels by which a rule says whom it is about.
pub(super) const ABOUT: [&str; 5] = ["service", "service_name", "app", "application", "component"];
/// How sure it is that somebody from outside asks the one that is named beside.
const NAMED_BESIDE: f64 = 0.8;

impl Case {
    /// An alarm of one who asks from outside (a probe of a public address) may name beside whom the asking is about: that
    /// is where it comes in. Adds those edges.
    pub fn tell_entrances(&mut self) {
        let mut edges = Vec::new();
        let entities = &self.topology.entities;
        for alarm in &self.alarms {
            let outside = entities
                .iter()
                .any(|one| one.id == alarm.entity && one.kind == EntityKind::Client);
            if !outside {
                continue;
            }
            let names = ABOUT.iter().filter_map(|label| alarm.labels.get(*label));
            for name in names {
                let about = entities.iter().find(|one| {
                    one.kind == EntityKind::Service && one.name.as_str() == name.as_str()
                });
                edges.extend(about.map(|about| Edge {
                    from: alarm.entity.clone(),
                    to: about.id.clone(),
                    kind: EdgeKind::Calls,
                    confidence: NAMED_BESIDE,
                    calls_per_request: None,
                    seen_in: "an alarm that names both".to_string(),
                }));
            }
        }
        if !edges.is_empty() {
            self.topology.edges.extend(edges);
            self.topology.normalise();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarm::Alarm;
    use crate::entity::{Entity, EntityId};

    #[test]
    fn who_is_named_beside_one_from_outside_is_asked_by_them() {
        let entity = |kind: EntityKind, id: &str, name: &str| Entity {
            id: EntityId::from(id),
            kind,
            name: name.to_string(),
            labels: Default::default(),
        };
        let alarm = |entity: &str, service: &str| -> Alarm {
            let alarm = serde_json::json!({
                "id": entity, "rule": "FrontDoorClosed", "entity": entity, "state": "firing",
                "fired_at": "2026-01-01T00:00:00Z", "labels": {"service": service},
            });
            serde_json::from_value(alarm).unwrap()
        };
        let mut case = crate::case::tests::empty();
        case.topology.entities = vec![
            entity(EntityKind::Client, "client/www", "www"),
            entity(EntityKind::Service, "service/door", "door"),
            entity(EntityKind::Service, "service/cart", "cart"),
        ];
        case.alarms = vec![
            alarm("client/www", "door"),
            alarm("client/www", "nobody"),
            alarm("service/cart", "door"),
        ];
        case.tell_entrances();
        let told: Vec<String> = case
            .topology
            .edges
            .iter()
            .map(|edge| format!("{} {}", edge.from, edge.to))
            .collect();
        assert_eq!(told, ["client/www service/door"]);
    }
}
