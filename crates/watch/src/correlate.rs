//! Does an alarm belong to an incident that is open already?
//!
//! Pure. The score adds up what two alarms have in common: time, nearness in the topology, words, a change above
//! both, a host, zone or role. The weights are a starting point (the engine's specification, "Grouping alarms"); a
//! score of [`JOINS`] or more joins.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use model::alarm::Alarm;
use model::change::Change;
use model::entity::{EntityId, EntityKind};
use model::incident::{Incident, JoinedAlarm};
use model::time::{Span, Timestamp};
use model::topology::{Edge, EdgeKind, Topology};

/// What is enough to join.
pub const JOINS: f64 = 1.0;

/// Weight of nearness in time, and the time in which it halves.
const TIME: f64 = 0.6;
const HALVES_IN: Span = Span(5 * model::time::MINUTE);
/// Weight of nearness in the topology, and what is left of it per hop.
const PATH: f64 = 0.5;
const PER_HOP: f64 = 0.6;
/// Weight of an edge between the two: when one fails, whoever leans on it says so next, in words of its own. With it two
/// neighbours join that fire within half a minute of each other; later, something more must speak for it.
const EDGE: f64 = 0.15;
/// Hops beyond which nothing is near.
const FARTHEST: u32 = 6;
/// Weight of common words.
const WORDS: f64 = 0.3;
/// Weight of a change that lies above both.
const CHANGE: f64 = 0.4;
/// How far below a change its effect is looked for, and for how long after it.
const CHANGE_HOPS: u32 = 4;
const CHANGE_LASTS: Span = Span(60 * model::time::MINUTE);
/// Weight of a common host, zone or role.
const PLACE: f64 = 0.4;
/// What a healthy dependency between the two takes away.
const HEALTHY: f64 = 1.0;

/// What is known of the system around the alarms. It does not change once it stands: alarms come by the thousand, and
/// each asks for the neighbours of several.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// What leans on what; normalised.
    topology: Topology,
    /// What was altered lately.
    changes: Vec<Change>,
    /// Positions of the edges in the order of their far ends.
    arriving: Vec<u32>,
}

impl Surroundings {
    /// Of what leans on what, and what was altered lately.
    pub fn new(mut topology: Topology, changes: Vec<Change>) -> Self {
        topology.normalise();
        let mut arriving: Vec<u32> = (0..topology.edges.len() as u32).collect();
        arriving.sort_by(|a, b| {
            let (a, b) = (&topology.edges[*a as usize], &topology.edges[*b as usize]);
            a.to.cmp(&b.to)
        });
        Self {
            topology,
            changes,
            arriving,
        }
    }

    /// What leans on what; normalised.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// What was altered lately.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Its two parts.
    pub fn into_parts(self) -> (Topology, Vec<Change>) {
        (self.topology, self.changes)
    }

    /// With what somebody else knows of it. What is known here counts more.
    pub fn joined(self, other: Self) -> Self {
        let (mut topology, mut changes) = self.into_parts();
        topology.join(other.topology);
        topology.suppose_entrances();
        changes.extend(other.changes);
        Self::new(topology, changes)
    }

    /// The edges by which an entity leans on others.
    fn leaving<'a>(&'a self, from: &EntityId) -> &'a [Edge] {
        let edges = &self.topology.edges;
        let first = edges.partition_point(|edge| edge.from < *from);
        let count = edges[first..].partition_point(|edge| edge.from == *from);
        &edges[first..first + count]
    }

    /// The edges by which others lean on an entity.
    fn arriving<'a>(&'a self, to: &EntityId) -> impl Iterator<Item = &'a Edge> + use<'a> {
        let edges = &self.topology.edges;
        let end = |position: &u32| &edges[*position as usize].to;
        let first = self.arriving.partition_point(|one| end(one) < to);
        let count = self.arriving[first..].partition_point(|one| end(one) == to);
        self.arriving[first..first + count]
            .iter()
            .map(|position| &edges[*position as usize])
    }

    /// Neighbours both ways: failure is felt along an edge at both of its ends.
    fn neighbours<'a>(&'a self, of: &EntityId) -> impl Iterator<Item = &'a EntityId> + use<'a> {
        let onward = self.leaving(of).iter().map(|edge| &edge.to);
        onward.chain(self.arriving(of).map(|edge| &edge.from))
    }

    /// Fewest hops from one entity to each that is within reach.
    pub(crate) fn within_reach(&self, from: &EntityId) -> BTreeMap<EntityId, u32> {
        let mut found = BTreeMap::from([(from.clone(), 0)]);
        let mut next = VecDeque::from([(from.clone(), 0)]);
        while let Some((here, hops)) = next.pop_front() {
            if hops == FARTHEST {
                continue;
            }
            for there in self.neighbours(&here) {
                if !found.contains_key(there) {
                    found.insert(there.clone(), hops + 1);
                    next.push_back((there.clone(), hops + 1));
                }
            }
        }
        found
    }
}

/// How strongly an alarm belongs to an incident, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// [`JOINS`] or more joins.
    pub score: f64,
    /// Why, for people; the largest part first.
    pub because: Vec<String>,
}

/// The newest alarms of an incident that another is held against, beside the one that opened it. In a storm thousands
/// join; what is near in time is among the newest of them, and each costs a look at the topology.
const HELD_AGAINST: usize = 64;

/// An alarm that is held against incidents: what has to be known of it once.
pub struct Held<'a> {
    alarm: &'a Alarm,
    around: &'a Surroundings,
    hops: BTreeMap<EntityId, u32>,
    words: BTreeMap<String, f64>,
    lately: Vec<&'a Change>,
    now: Timestamp,
}

impl<'a> Held<'a> {
    /// An alarm that was heard at `now`.
    pub fn new(alarm: &'a Alarm, around: &'a Surroundings, now: Timestamp) -> Self {
        let lately = |change: &&Change| {
            let age = now.since(change.end);
            age.0 >= 0 && age < CHANGE_LASTS
        };
        Self {
            alarm,
            around,
            hops: around.within_reach(&alarm.entity),
            words: words(alarm),
            lately: around.changes.iter().filter(lately).collect(),
            now,
        }
    }

    /// Scores it against the alarm of the incident to which it is nearest; of two as near, the later.
    pub fn against(&self, incident: &Incident) -> Score {
        let healthy = healthy(incident);
        let mut best: Option<Score> = None;
        let newest = incident.alarms.iter().rev().take(HELD_AGAINST);
        let first = incident
            .alarms
            .first()
            .filter(|_| incident.alarms.len() > HELD_AGAINST);
        for other in newest.chain(first) {
            let than = best.as_ref().map_or(f64::NEG_INFINITY, |best| best.score);
            if let Some(better) = self.pair(other, &healthy, than) {
                best = Some(better);
            }
        }
        best.unwrap_or(Score {
            score: 0.0,
            because: Vec::new(),
        })
    }

    /// Scores one pair; `None` if it comes to no more than `than`.
    fn pair(&self, other: &JoinedAlarm, healthy: &BTreeSet<EntityId>, than: f64) -> Option<Score> {
        let (alarm, now) = (self.alarm, self.now);
        let mut parts: Vec<(f64, String)> = Vec::new();
        // By our own clock on both sides: what alarms say of their time may be days off. One that still fires is
        // as near as when it last turned.
        let apart = now.since(other.recent.last().copied().unwrap_or(other.joined));
        let halves = apart.0.max(0) as f64 / HALVES_IN.0 as f64;
        parts.push((
            TIME * 0.5_f64.powf(halves),
            format!("{} after {}", Span(apart.0.max(0)), other.alarm.rule),
        ));
        let there = &other.alarm.entity;
        let distance = self.hops.get(there).copied();
        if let Some(distance) = distance {
            let what = match distance {
                0 => format!("about the same {there}"),
                1 => format!("one hop from {there}"),
                _ => format!("{distance} hops from {there}"),
            };
            let edge = if distance == 1 { EDGE } else { 0.0 };
            parts.push((PATH * PER_HOP.powi(distance as i32) + edge, what));
        }
        let likeness = cosine(&self.words, &words(&other.alarm));
        if likeness > 0.0 {
            parts.push((
                WORDS * likeness,
                format!("words in common with {}", other.alarm.rule),
            ));
        }
        if let Some(change) = self.common_change(there) {
            parts.push((CHANGE, format!("both lie below the change {change}")));
        }
        if let Some(place) = common_place(&alarm.entity, there, self.around) {
            parts.push((PLACE, format!("both are of {place}")));
        }
        // What is left can only take away.
        let most: f64 = parts.iter().map(|(weight, _)| weight).sum();
        if most <= than {
            return None;
        }
        if let Some(between) = self.between(there, healthy) {
            parts.push((-HEALTHY, format!("but {between} between them is healthy")));
        }
        // The sum in a fixed order, then the words by weight.
        let score: f64 = parts.iter().map(|(weight, _)| weight).sum();
        if score <= than {
            return None;
        }
        parts.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
        let because = parts
            .into_iter()
            .filter(|(weight, _)| weight.abs() >= 0.05)
            .map(|(weight, what)| format!("{weight:+.2} {what}"))
            .collect();
        Some(Score { score, because })
    }

    /// A change of the last hour that touched something on which both lean, or one of them.
    fn common_change(&self, other: &EntityId) -> Option<&str> {
        if self.lately.is_empty() {
            return None;
        }
        let one = leaned_upon(self.around, &self.alarm.entity, CHANGE_HOPS);
        let other = leaned_upon(self.around, other, CHANGE_HOPS);
        let touches = |change: &Change, set: &BTreeSet<EntityId>| {
            change.entities.iter().any(|e| set.contains(e))
        };
        self.lately
            .iter()
            .find(|change| touches(change, &one) && touches(change, &other))
            .map(|change| change.id.as_str())
    }

    /// A healthy entity on the shortest way to the other, if every such way passes through one.
    fn between(&self, other: &EntityId, healthy: &BTreeSet<EntityId>) -> Option<EntityId> {
        let one = &self.alarm.entity;
        if healthy.is_empty() || one == other {
            return None;
        }
        let whole = *self.hops.get(other)?;
        let from_other = self.around.within_reach(other);
        let on_the_way = |id: &EntityId| {
            self.hops
                .get(id)
                .zip(from_other.get(id))
                .is_some_and(|(a, b)| a + b == whole)
        };
        // Is there a way of that length around the healthy ones?
        let mut reached = BTreeSet::from([one.clone()]);
        let mut next = VecDeque::from([one.clone()]);
        while let Some(here) = next.pop_front() {
            for there in self.around.neighbours(&here) {
                let onward = self.hops.get(there) > self.hops.get(&here);
                if there == other && onward {
                    return None;
                }
                if onward
                    && on_the_way(there)
                    && !healthy.contains(there)
                    && reached.insert(there.clone())
                {
                    next.push_back(there.clone());
                }
            }
        }
        healthy.iter().find(|id| on_the_way(id)).cloned()
    }
}

/// Entities that the newest report puts aside as healthy.
fn healthy(incident: &Incident) -> BTreeSet<EntityId> {
    incident
        .report()
        .map(|report| {
            report
                .ruled_out
                .iter()
                .filter(|out| out.reason == "healthy")
                .map(|out| out.entity.clone())
                .collect()
        })
        .unwrap_or_default()
}

/// Words of an alarm's template: its rule, metric and text, with everything that holds a digit left out.
fn words(alarm: &Alarm) -> BTreeMap<String, f64> {
    let mut counts = BTreeMap::new();
    let texts = [
        alarm.rule.as_str(),
        alarm.metric.as_deref().unwrap_or_default(),
        alarm.summary.as_str(),
    ];
    // A hostile text may be long; its first words say what it is about.
    for word in texts
        .iter()
        .flat_map(|text| text.split(|c: char| !c.is_alphanumeric()))
        .filter(|word| word.len() > 1 && !word.chars().any(|c| c.is_ascii_digit()))
        .take(200)
    {
        *counts.entry(word.to_lowercase()).or_insert(0.0) += 1.0;
    }
    counts
}

/// Cosine of the angle between two bags of words, 0..1.
fn cosine(one: &BTreeMap<String, f64>, other: &BTreeMap<String, f64>) -> f64 {
    let dot: f64 = one
        .iter()
        .filter_map(|(word, count)| Some(count * other.get(word)?))
        .sum();
    let length = |bag: &BTreeMap<String, f64>| bag.values().map(|c| c * c).sum::<f64>().sqrt();
    let lengths = length(one) * length(other);
    if lengths > 0.0 { dot / lengths } else { 0.0 }
}

/// An entity and what it leans on, at most `hops` away.
fn leaned_upon(around: &Surroundings, entity: &EntityId, hops: u32) -> BTreeSet<EntityId> {
    let mut found = BTreeSet::from([entity.clone()]);
    let mut edge_of_found = vec![entity.clone()];
    for _ in 0..hops {
        let mut further = Vec::new();
        for here in &edge_of_found {
            for edge in around.leaving(here) {
                if found.insert(edge.to.clone()) {
                    further.push(edge.to.clone());
                }
            }
        }
        edge_of_found = further;
    }
    found
}

/// A host, zone or role that both have: by an edge to it, or by a label.
fn common_place(one: &EntityId, other: &EntityId, around: &Surroundings) -> Option<String> {
    if one == other {
        // The same entity is counted by its distance.
        return None;
    }
    let places = |of: &EntityId| -> BTreeSet<&EntityId> {
        around
            .leaving(of)
            .iter()
            .filter(|edge| match edge.kind {
                EdgeKind::RunsOn | EdgeKind::UsesRole => true,
                EdgeKind::PartOf => around
                    .topology
                    .entity(&edge.to)
                    .is_some_and(|to| to.kind == EntityKind::Scope),
                _ => false,
            })
            .map(|edge| &edge.to)
            .collect()
    };
    let (here, there) = (places(one), places(other));
    if let Some(place) = here.intersection(&there).next() {
        return Some(place.to_string());
    }
    let label = |name: &str| {
        let of = |id: &EntityId| around.topology.entity(id)?.labels.get(name).cloned();
        of(one).filter(|value| of(other).as_ref() == Some(value))
    };
    ["host", "node", "zone", "role"]
        .iter()
        .find_map(|name| label(name).map(|value| format!("{name} {value}")))
}

#[cfg(test)]
mod tests;
