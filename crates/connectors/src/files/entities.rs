//! From the names that sources use to the entities of the recording.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Edge, EdgeKind, Entity, EntityId, EntityKind, Topology};
use rustc_hash::{FxHashMap, FxHashSet};

/// How a row names the one that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Who<'a> {
    /// By id.
    Id(Cow<'a, str>),
    /// By a name that is only clear together with its kind (`service.name`, `host.name`).
    Named(EntityKind, Cow<'a, str>),
    /// By an id that the same directory gave before: of a resource whose rows follow.
    Met(EntityId),
    /// Not at all.
    Nobody,
}

/// The id of rows that name nobody.
pub(crate) const NOBODY: &str = "unknown";

/// The first part of ids that readers make: `service/checkout`.
pub(crate) fn prefix(kind: EntityKind) -> &'static str {
    match kind {
        EntityKind::Service => "service",
        EntityKind::Function => "function",
        EntityKind::Pod => "pod",
        EntityKind::Workload => "workload",
        EntityKind::Container => "container",
        EntityKind::Host => "host",
        EntityKind::Database => "database",
        EntityKind::Table => "table",
        EntityKind::Queue => "queue",
        EntityKind::Cache => "cache",
        EntityKind::Gateway => "gateway",
        EntityKind::External => "external",
        EntityKind::Role => "role",
        EntityKind::Config => "config",
        EntityKind::Quota => "quota",
        EntityKind::Scope => "scope",
        EntityKind::Client => "client",
        EntityKind::Unknown => "resource",
    }
}

/// The kind that an id such as `service/checkout` says.
fn kind_of(id: &str) -> EntityKind {
    use EntityKind as K;
    const KINDS: [EntityKind; 17] = [
        K::Service,
        K::Function,
        K::Pod,
        K::Workload,
        K::Container,
        K::Host,
        K::Database,
        K::Table,
        K::Queue,
        K::Cache,
        K::Gateway,
        K::External,
        K::Role,
        K::Config,
        K::Quota,
        K::Scope,
        K::Client,
    ];
    let Some((first, _)) = id.split_once('/') else {
        return K::Unknown;
    };
    KINDS
        .into_iter()
        .find(|kind| prefix(*kind) == first)
        .unwrap_or(K::Unknown)
}

/// What the recording's own topology declares, by id and by name.
#[derive(Debug, Default)]
pub(crate) struct Declared {
    ids: FxHashMap<Box<str>, EntityId>,
    /// `None` where several entities share the name.
    names: FxHashMap<Box<str>, Option<EntityId>>,
}

impl Declared {
    pub fn new(topology: &Topology) -> Self {
        let mut declared = Self::default();
        for entity in &topology.entities {
            declared
                .ids
                .insert(entity.id.as_str().into(), entity.id.clone());
            declared
                .names
                .entry(entity.name.as_str().into())
                .and_modify(|known| *known = None)
                .or_insert_with(|| Some(entity.id.clone()));
        }
        declared
    }

    fn known(&self, text: &str) -> Option<&EntityId> {
        self.ids
            .get(text)
            .or_else(|| self.names.get(text).and_then(Option::as_ref))
    }
}

/// Turns names into ids, and remembers who was met. One per reader; what they met is merged in the
/// order of the files, so the result does not depend on who ran first.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    declared: Arc<Declared>,
    /// Ids that rows give as they are: most rows of large recordings do, in any order, so that looking one up should
    /// touch little memory.
    plain: FxHashSet<EntityId>,
    /// Names that are not ids, by kind.
    named: FxHashMap<(EntityKind, bool), FxHashMap<Box<str>, EntityId>>,
    /// What the last row was about: rows of one writer come together.
    last: (EntityKind, bool, String, Option<EntityId>),
    /// Entities that the topology does not declare.
    pub met: BTreeMap<EntityId, Entity>,
    /// Edges that resources tell (a service's pod, a pod's host).
    pub edges: BTreeMap<(EntityId, EntityId, EdgeKind), Edge>,
}

impl Directory {
    pub fn new(declared: Arc<Declared>) -> Self {
        Self {
            declared,
            plain: FxHashSet::default(),
            named: FxHashMap::default(),
            last: (EntityKind::Unknown, false, String::new(), None),
            met: BTreeMap::new(),
            edges: BTreeMap::new(),
        }
    }

    /// The id of `who`.
    pub fn id(&mut self, who: &Who<'_>) -> EntityId {
        let (kind, named, text): (EntityKind, bool, &str) = match who {
            Who::Met(id) => return id.clone(),
            Who::Id(text) if text.is_empty() => (EntityKind::Unknown, false, NOBODY),
            Who::Id(text) => (EntityKind::Unknown, false, text),
            Who::Named(kind, text) => (*kind, true, text),
            Who::Nobody => (EntityKind::Unknown, false, NOBODY),
        };
        let (last_kind, last_named, last_text, last_id) = &self.last;
        if let Some(id) = last_id
            && (*last_kind, *last_named, last_text.as_str()) == (kind, named, text)
        {
            return id.clone();
        }
        let plain = if named { None } else { self.plain.get(text) };
        let known = plain.or_else(|| self.named.get(&(kind, named))?.get(text));
        let id = match known {
            Some(id) => id.clone(),
            None => self.resolve(kind, named, text),
        };
        let (last_kind, last_named, last_text, last_id) = &mut self.last;
        (*last_kind, *last_named, *last_id) = (kind, named, Some(id.clone()));
        last_text.clear();
        last_text.push_str(text);
        id
    }

    fn resolve(&mut self, kind: EntityKind, named: bool, text: &str) -> EntityId {
        let long = if named {
            format!("{}/{text}", prefix(kind))
        } else {
            text.to_string()
        };
        let found = self
            .declared
            .known(&long)
            .or_else(|| self.declared.known(text))
            .cloned();
        let id = found.unwrap_or_else(|| {
            let id = EntityId::from(long.as_str());
            let name = match (named, long.split_once('/')) {
                (true, _) => text,
                (false, Some((_, name))) if kind_of(&long) != EntityKind::Unknown => name,
                _ => text,
            };
            let kind = if named { kind } else { kind_of(&long) };
            self.met.entry(id.clone()).or_insert_with(|| Entity {
                id: id.clone(),
                kind,
                name: name.to_string(),
                labels: BTreeMap::new(),
            });
            id
        });
        if !named && id.as_str() == text {
            self.plain.insert(id.clone());
        } else {
            let names = self.named.entry((kind, named)).or_default();
            names.insert(text.into(), id.clone());
        }
        id
    }

    /// Makes sure that the id is among the entities.
    pub fn meet(&mut self, id: &EntityId) {
        let kind = kind_of(id.as_str());
        let name = match id.as_str().split_once('/') {
            Some((_, name)) if kind != EntityKind::Unknown => name,
            _ => id.as_str(),
        };
        self.met.entry(id.clone()).or_insert_with(|| Entity {
            id: id.clone(),
            kind,
            name: name.to_string(),
            labels: BTreeMap::new(),
        });
    }

    /// Notes a property of an entity that was met (the first value stands).
    pub fn label(&mut self, id: &EntityId, name: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        if let Some(entity) = self.met.get_mut(id)
            && !entity.labels.contains_key(name)
        {
            entity.labels.insert(name.to_string(), value.to_string());
        }
    }

    /// Notes that `from` leans on `to`.
    pub fn edge(&mut self, from: &EntityId, to: &EntityId, kind: EdgeKind, seen_in: &str) {
        if from == to {
            return;
        }
        let key = (from.clone(), to.clone(), kind);
        self.edges.entry(key).or_insert_with(|| Edge {
            from: from.clone(),
            to: to.clone(),
            kind,
            confidence: 1.0,
            calls_per_request: None,
            seen_in: seen_in.to_string(),
        });
    }

    /// Takes over what another reader met.
    pub fn merge(&mut self, other: Self) {
        for (id, entity) in other.met {
            match self.met.entry(id) {
                std::collections::btree_map::Entry::Vacant(free) => {
                    free.insert(entity);
                }
                std::collections::btree_map::Entry::Occupied(mut known) => {
                    for (name, value) in entity.labels {
                        known.get_mut().labels.entry(name).or_insert(value);
                    }
                }
            }
        }
        for (key, edge) in other.edges {
            self.edges.entry(key).or_insert(edge);
        }
    }
}
