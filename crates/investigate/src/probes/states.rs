//! What do things look like right now, as their owners tell it?
//!
//! Documents of many shapes (an orchestrator's objects as `kubectl get -o json` prints them or in short
//! form, databases, monitors, targets of balancers, …) are judged into few words: is it healthy, and what
//! does it show. An object that is being taken away says nothing about the health of what replaces it.

mod cloud;
mod kubernetes;
pub mod path;

use model::{StateSnapshot, TimeWindow, Timestamp};
use serde_json::Value;

use crate::scene::Scene;

/// How an entity is, as its owner's API tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// As wanted.
    Healthy,
    /// On its way: starting, being altered.
    Pending,
    /// Not as wanted.
    Unhealthy,
    /// Being taken away on purpose, or done with its work: no witness for or against anything.
    Leaving,
    /// The document does not tell.
    Unknown,
}

/// One thing that a document shows, in words that do not depend on its shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saying {
    /// Such as `container api waiting CrashLoopBackOff: back-off 5m0s`.
    pub text: String,
    /// Dotted path in the document to where it says so.
    pub path: String,
}

/// One document, judged.
#[derive(Clone, Debug)]
pub struct StateFact {
    /// Number of the snapshot in `Facts::states`.
    pub index: u32,
    /// Whose (entity number).
    pub entity: u32,
    /// The unit that stands for it.
    pub unit: u32,
    /// Document kind.
    pub kind: String,
    /// When it was taken.
    pub time: Timestamp,
    /// Is it well?
    pub health: Health,
    /// Since when it is as it is, where the document tells.
    pub since: Option<Timestamp>,
    /// Why we think so; a fragment such as `3 of 5 copies ready`.
    pub why: String,
    /// Dotted path that shows it.
    pub path: String,
    /// What it shows, in the document's order.
    pub sayings: Vec<Saying>,
}

/// What a judge of one document kind says.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub health: Health,
    pub since: Option<Timestamp>,
    pub why: String,
    pub path: String,
    pub sayings: Vec<Saying>,
}

impl Verdict {
    pub(crate) fn new() -> Self {
        Self {
            health: Health::Unknown,
            since: None,
            why: String::new(),
            path: String::new(),
            sayings: Vec::new(),
        }
    }

    pub(crate) fn say(&mut self, text: impl Into<String>, path: impl Into<String>) {
        self.sayings.push(Saying {
            text: text.into(),
            path: path.into(),
        });
    }

    /// The worst word wins; among equals the first.
    pub(crate) fn judge(
        &mut self,
        health: Health,
        why: impl Into<String>,
        path: impl Into<String>,
    ) {
        let rank = |health: Health| match health {
            Health::Unknown => 0,
            Health::Healthy => 1,
            Health::Pending => 2,
            Health::Unhealthy => 3,
            Health::Leaving => 4,
        };
        if rank(health) > rank(self.health) {
            (self.health, self.why, self.path) = (health, why.into(), path.into());
        }
    }
}

/// Which stretch to read: a state that was never renewed is still the newest, however old.
pub fn ask(scene: &Scene) -> TimeWindow {
    TimeWindow::new(
        Timestamp(i64::MIN),
        Timestamp(scene.now.0.saturating_add(1)),
    )
    .unwrap_or(scene.window)
}

/// The newest snapshots per entity and kind, with their unit. `snapshots` are sorted by (entity, kind,
/// time), as the socket gives them; those of entities that nobody knows are left out.
pub fn judge(scene: &Scene, snapshots: Vec<StateSnapshot>) -> Vec<(u32, StateSnapshot)> {
    let mut newest: Vec<StateSnapshot> = Vec::new();
    for snapshot in snapshots {
        // Several documents of one kind and one moment (an entity's monitors) stand side by side.
        let older = newest
            .iter()
            .rev()
            .take_while(|s| {
                (&s.entity, &s.kind) == (&snapshot.entity, &snapshot.kind) && s.time < snapshot.time
            })
            .count();
        newest.truncate(newest.len() - older);
        newest.push(snapshot);
    }
    newest
        .into_iter()
        .filter_map(|s| Some((scene.unit(&s.entity)?, s)))
        .collect()
}

/// What each snapshot shows, and whether its entity is well; the result has the same order.
pub fn health(scene: &Scene, states: &[(u32, StateSnapshot)]) -> Vec<StateFact> {
    let mut facts = each(scene, states);
    // A pod that failed for good (evicted, preempted) stays listed although its workload has replaced it.
    let replaced: Vec<usize> = (0..facts.len())
        .filter(|&i| facts[i].sayings.iter().any(|s| s.text == "phase Failed"))
        .filter(|&i| {
            facts
                .iter()
                .any(|w| w.unit == facts[i].unit && is_workload(w) && w.health == Health::Healthy)
        })
        .collect();
    for i in replaced {
        facts[i].health = Health::Leaving;
        facts[i].why = "it failed, and was replaced: all desired copies are ready".into();
    }
    facts
}

/// Is it the document of what keeps a number of copies running?
fn is_workload(fact: &StateFact) -> bool {
    matches!(
        fact.kind.rsplit('.').next(),
        Some("deployment" | "statefulset" | "daemonset" | "replicaset" | "rollout" | "workload")
    )
}

fn each(scene: &Scene, states: &[(u32, StateSnapshot)]) -> Vec<StateFact> {
    states
        .iter()
        .enumerate()
        .map(|(index, (unit, snapshot))| {
            let verdict = verdict(&snapshot.kind, &snapshot.document, snapshot.time);
            StateFact {
                index: index as u32,
                entity: scene.number(&snapshot.entity).unwrap_or(*unit),
                unit: *unit,
                kind: snapshot.kind.clone(),
                time: snapshot.time,
                health: verdict.health,
                since: verdict.since,
                why: verdict.why,
                path: verdict.path,
                sayings: verdict.sayings,
            }
        })
        .collect()
}

/// Judges one document of this kind, taken at this time.
pub(crate) fn verdict(kind: &str, document: &Value, time: Timestamp) -> Verdict {
    let object = kind.rsplit('.').next().unwrap_or(kind);
    match object {
        "pod" | "pods" => kubernetes::pod(document, time),
        "deployment"
        | "statefulset"
        | "daemonset"
        | "replicaset"
        | "replicationcontroller"
        | "rollout"
        | "workload" => kubernetes::workload(document),
        "node" => kubernetes::node(document),
        "job" => kubernetes::job(document),
        "horizontalpodautoscaler" | "hpa" => kubernetes::autoscaler(document),
        "persistentvolumeclaim" | "pvc" | "persistentvolume" => kubernetes::claim(document),
        "resourcequota" | "quota" => kubernetes::quota(document),
        "endpoints" | "endpointslice" => kubernetes::endpoints(document),
        "monitor" | "alarm" => cloud::monitor(document),
        "load" => cloud::load(document),
        "concurrency" => cloud::concurrency(document),
        "targets" | "target_health" | "targethealth" => cloud::targets(document),
        "function" | "configuration" => cloud::function(document),
        "certificate" => cloud::certificate(document, time),
        _ => cloud::status(document),
    }
}

/// What the newest documents about one unit say together: the worst of those that are witnesses
/// (nothing that is leaving), and the fact that says so. `None` without a witness.
pub fn health_of(unit: u32, states: &[StateFact]) -> Option<&StateFact> {
    let rank = |health: Health| match health {
        Health::Unhealthy => 3,
        Health::Pending => 2,
        Health::Healthy => 1,
        Health::Leaving | Health::Unknown => 0,
    };
    let mut worst: Option<&StateFact> = None;
    for fact in states
        .iter()
        .filter(|f| f.unit == unit && rank(f.health) > 0 && !is_monitor(f))
    {
        if worst.is_none_or(|w| rank(fact.health) > rank(w.health)) {
            worst = Some(fact);
        }
    }
    worst
}

/// Is it somebody's opinion (a monitor, an alarm), rather than the state of a thing?
pub fn is_monitor(fact: &StateFact) -> bool {
    matches!(fact.kind.rsplit('.').next(), Some("monitor" | "alarm"))
}

/// Is every witness about every unit well, and is there at least one? Monitors count.
pub fn all_healthy(states: &[StateFact]) -> bool {
    let mut any = false;
    for fact in states {
        match fact.health {
            Health::Healthy => any = true,
            Health::Unhealthy | Health::Pending => return false,
            Health::Leaving | Health::Unknown => {}
        }
    }
    any
}

/// The text of the first of these paths that holds one.
pub(crate) fn first_text<'a>(document: &'a Value, paths: &[&'a str]) -> Option<(String, &'a str)> {
    paths.iter().find_map(|path| {
        let place = path::walk(document, path).into_iter().next()?;
        Some((path::text(place.value).filter(|t| !t.is_empty())?, *path))
    })
}

/// The number at the first of these paths that holds one.
pub(crate) fn first_number<'a>(document: &'a Value, paths: &[&'a str]) -> Option<(f64, &'a str)> {
    paths.iter().find_map(|path| {
        Some((
            path::number(path::walk(document, path).into_iter().next()?.value)?,
            *path,
        ))
    })
}

/// The moment at the first of these paths that holds one.
pub(crate) fn first_time(document: &Value, paths: &[&str]) -> Option<Timestamp> {
    first_text(document, paths).and_then(|(text, _)| text.parse().ok())
}

#[cfg(test)]
mod tests;
