//! Whom the labels of a series or of a stream of lines are about. The rule is that of alarms (`docs/inlets.md`), so that
//! an alarm and what a source shows of it meet in one entity; a configuration may add to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{EdgeKind, EntityId, Topology};

use crate::delivery::labels;
use crate::files::entities::{Declared, Directory};

/// Labels by which affected entities can be compared with others; they become labels of the entity.
const TELLING: [&str; 12] = [
    "version",
    "service_version",
    "namespace",
    "k8s_namespace_name",
    "cluster",
    "k8s_cluster_name",
    "region",
    "cloud_region",
    "zone",
    "cloud_availability_zone",
    "env",
    "deployment_environment",
];

/// What a label of the source's own is put before when a target says something else by the same name.
const EXPORTED: &str = "exported_";

/// How labels name entities, beyond the rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Naming {
    /// Labels that name what a known label names: `team_service` is a `service`.
    pub labels: BTreeMap<String, String>,
    /// Values of `job` (or of any label that names somebody) and the entities that they are: `postgres` is
    /// `database/orders`.
    pub entities: BTreeMap<String, String>,
}

impl Naming {
    /// The entity that labels are about; `None` if they name nobody.
    pub(crate) fn entity(&self, seen: &BTreeMap<String, String>) -> Option<EntityId> {
        let known = |value: &String| {
            self.entities
                .get(value)
                .map(|id| EntityId::from(id.as_str()))
        };
        if !self.entities.is_empty() {
            let first = ["job", "instance", "service", "service_name", "pod", "app"];
            let told = first.iter().find_map(|name| known(seen.get(*name)?));
            if told.is_some() {
                return told;
            }
        }
        let mut told: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in seen {
            let name = match name.strip_prefix(EXPORTED) {
                // The target speaks of somebody else than itself, and that is who is meant.
                Some(own) => own,
                None if seen.contains_key(&format!("{EXPORTED}{name}")) => continue,
                None => self.labels.get(name).map_or(name.as_str(), String::as_str),
            };
            told.insert(name.to_string(), value.clone());
        }
        // Whoever speaks of a pod or a node of somebody else's is itself only the messenger.
        if seen.keys().any(|name| name.starts_with(EXPORTED)) {
            let messenger = ["job", "instance", "container", "service"];
            told.retain(|name, _| {
                !messenger.contains(&name.as_str())
                    || seen.contains_key(&format!("{EXPORTED}{name}"))
            });
        }
        labels::entity(&told)
    }
}

/// Those that a look has met.
pub(crate) struct Met {
    directory: Directory,
}

impl Met {
    pub fn new() -> Self {
        Self {
            directory: Directory::new(Arc::<Declared>::default()),
        }
    }

    /// The entity that labels are about, introduced with what they tell of it.
    pub fn meet(&mut self, naming: &Naming, seen: &BTreeMap<String, String>) -> EntityId {
        let id = naming
            .entity(seen)
            .unwrap_or_else(|| EntityId::from(labels::NOBODY));
        self.directory.meet(&id);
        for name in TELLING {
            if let Some(value) = seen.get(name) {
                self.directory.label(&id, name, value);
            }
        }
        id
    }

    /// Introduces one whose id is known.
    #[cfg(any(feature = "argocd", feature = "statuspage"))]
    pub fn introduce(&mut self, id: &EntityId) {
        self.directory.meet(id);
    }

    /// Notes that `from` leans on `to`.
    pub fn edge(&mut self, from: &EntityId, to: &EntityId, kind: EdgeKind, seen_in: &str) {
        self.directory.meet(from);
        self.directory.meet(to);
        self.directory.edge(from, to, kind, seen_in);
    }

    /// Is there one of that name?
    pub fn knows(&self, id: &EntityId) -> bool {
        self.directory.met.contains_key(id)
    }

    /// Everybody, and who leans on whom. Normalised.
    pub fn topology(self) -> Topology {
        let mut topology = Topology {
            entities: self.directory.met.into_values().collect(),
            edges: self.directory.edges.into_values().collect(),
        };
        topology.normalise();
        topology
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> BTreeMap<String, String> {
        let pairs = text
            .split_whitespace()
            .filter_map(|pair| pair.split_once('='));
        pairs
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect()
    }

    #[test]
    fn labels_name_whom_they_are_about() {
        let naming = Naming {
            labels: labels("team_service=service"),
            entities: labels("pg=database/orders"),
        };
        let cases = "\
job=checkout instance=10.0.0.1:80 -> service/checkout
job=checkout service=cart instance=10.0.0.1:80 -> service/cart
job=node instance=10.0.0.1:9100 -> host/10.0.0.1
job=redis-exporter instance=10.0.0.1:9121 -> host/10.0.0.1
job=pg instance=10.0.0.1:9187 -> database/orders
job=x team_service=mail -> service/mail
pod=web-1 namespace=shop container=web job=shop/pods -> pod/shop/web-1
job=kube-state-metrics instance=a:8080 pod=ksm-0 namespace=kube exported_pod=web-1 exported_namespace=shop -> pod/shop/web-1
job=a exported_job=batch instance=b:1 -> service/batch
midwatch_entity=queue/orders job=a -> queue/orders
job=redis instance=10.0.0.9:9121 db=db0 -> service/redis
job=redis instance=10.0.0.9:9121 db=sessions -> database/sessions
job=blackbox-http instance=http://me:secret@www.shop.internal:8080/cart?id=1 -> client/www.shop.internal
colour=red -> -
";
        for case in cases.lines() {
            let (given, wanted) = case.split_once(" -> ").unwrap();
            let found = naming.entity(&labels(given));
            let found = found.map_or("-".to_string(), |id| id.to_string());
            assert_eq!(found, wanted, "{given}");
        }
    }
}
