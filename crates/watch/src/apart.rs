//! Do the causes of an incident come apart? Alarms that fell together in time, or share a zone, may turn out to have
//! nothing to do with each other once their causes are known.
//!
//! Pure, and slow to say yes: two parts of an incident are apart only if nothing at all leads from one to the other in
//! the topology, and each has a confirmed cause and an alarm of its own. What hangs together, however loosely, stays
//! one incident with several causes: one plan, one yes.

use std::collections::{BTreeMap, BTreeSet};

use model::entity::EntityId;
use model::incident::{Fingerprint, Incident};
use model::report::{Report, Word};
use model::topology::{EdgeKind, Topology};

/// The alarms of each part that has nothing to do with the part of the incident's first alarm; empty if all hang
/// together.
pub fn apart(incident: &Incident, report: &Report, topology: &Topology) -> Vec<Vec<Fingerprint>> {
    let islands = Islands::of(topology);
    let with_cause: BTreeSet<&EntityId> = report
        .causes
        .iter()
        .filter(|cause| cause.word == Word::Confirmed)
        .map(|cause| islands.name(&cause.entity))
        .collect();
    let mut parts: BTreeMap<&EntityId, Vec<Fingerprint>> = BTreeMap::new();
    for joined in &incident.alarms {
        let island = islands.name(&joined.alarm.entity);
        if with_cause.contains(island) {
            let fingerprint = joined.fingerprint.clone();
            parts.entry(island).or_default().push(fingerprint);
        }
    }
    // The part that keeps the name people know: that of the oldest alarm that has a cause.
    let keeps = incident
        .alarms
        .iter()
        .map(|joined| islands.name(&joined.alarm.entity))
        .find(|island| parts.contains_key(island));
    parts
        .into_iter()
        .filter(|(island, _)| Some(*island) != keeps)
        .map(|(_, alarms)| alarms)
        .collect()
}

/// Which entities hang together, by any edge but that of lying in the same account, region or zone.
struct Islands<'a> {
    /// The smallest entity of the island that each lies on.
    names: BTreeMap<&'a EntityId, &'a EntityId>,
}

impl<'a> Islands<'a> {
    fn of(topology: &'a Topology) -> Self {
        let mut beside: BTreeMap<&EntityId, Vec<&EntityId>> = BTreeMap::new();
        for edge in topology.edges.iter().filter(|e| e.kind != EdgeKind::PartOf) {
            beside.entry(&edge.from).or_default().push(&edge.to);
            beside.entry(&edge.to).or_default().push(&edge.from);
        }
        let mut names = BTreeMap::new();
        for name in beside.keys().copied() {
            let mut next = vec![name];
            while let Some(here) = next.pop() {
                if names.contains_key(here) {
                    continue;
                }
                names.insert(here, name);
                next.extend(beside.get(here).into_iter().flatten().copied());
            }
        }
        Self { names }
    }

    /// What nothing leads to or from is an island of its own.
    fn name<'b>(&self, entity: &'b EntityId) -> &'b EntityId
    where
        'a: 'b,
    {
        self.names.get(entity).copied().unwrap_or(entity)
    }
}
