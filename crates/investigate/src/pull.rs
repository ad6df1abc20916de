//! What each unit does on its own account, from every kind of telemetry. (CND of S3)
//!
//! Spans and resource metrics are judged in [`crate::anomaly`]; where there are only per-unit metrics
//! along a call graph, [`crate::excess`] takes their place. Victims score nothing: what the units below
//! explain is taken off before anything is counted.

use model::ports::Eyes;

use crate::constants::IDLE_HEAT;
use crate::excess;
use crate::facts::{Facts, Interval};
use crate::kinds::FactRef;
use crate::role::Role;
use crate::scene::Scene;

/// One unit's own anomaly.
#[derive(Clone, Debug, PartialEq)]
pub struct Anomaly {
    /// Whose.
    pub unit: u32,
    /// `latency`, `network_delay`, `cpu`, `memory`, `errors`, `code_path`, `traffic`, `saturation`.
    pub kind: &'static str,
    /// Nats, 0..8; comparable across kinds.
    pub strength: f64,
    /// The unit further down that explains it, if one does.
    pub explained_by: Option<u32>,
    /// Since when.
    pub onset: Option<Interval>,
    /// What shows it, clearest first.
    pub refs: Vec<FactRef>,
}

impl Anomaly {
    /// The word of its kind.
    pub fn kind(&self) -> &'static str {
        self.kind
    }
}

/// Nats of a unit that accounts for all of the alarmed unit's deviation.
const WHOLE_SHARE: f64 = 6.0;
/// Fewest requests that show whether a unit is slowed.
const LEAST_REQUESTS: u64 = 10;
/// Shares below this are noise.
const LEAST_SHARE: f64 = 0.02;

/// All own anomalies, strongest first.
pub fn anomalies(scene: &Scene, eyes: &dyn Eyes, facts: &Facts) -> Vec<Anomaly> {
    let mut all: Vec<Anomaly> = crate::anomaly::anomalies(scene, facts);
    // A processor that is busy and slows no request explains little of what users feel.
    for anomaly in all
        .iter_mut()
        .filter(|a| a.kind == "cpu" && slows_nothing(facts, a.unit))
    {
        anomaly.strength *= IDLE_HEAT;
    }
    // Spans tell own time directly; metrics along the graph stand in only where there are none.
    if facts.work.is_empty() {
        all.extend(from_excess(scene, eyes, facts));
    }
    all.sort_by(|a, b| {
        b.strength
            .total_cmp(&a.strength)
            .then(scene.id(a.unit).cmp(scene.id(b.unit)))
            .then(a.kind.cmp(b.kind))
    });
    all
}

/// Do the unit's requests, of which there are enough, take no more of its own time than before?
pub fn slows_nothing(facts: &Facts, unit: u32) -> bool {
    facts
        .work
        .iter()
        .any(|w| w.unit == unit && w.requests.1 >= LEAST_REQUESTS && w.own_z < 2.0)
}

/// Own excess below each alarmed unit, for what its alarm is about.
fn from_excess(scene: &Scene, eyes: &dyn Eyes, facts: &Facts) -> Vec<Anomaly> {
    let mut found: Vec<Anomaly> = Vec::new();
    for alarm in eyes.alarms() {
        let Some(target) = scene.unit(&alarm.entity) else {
            continue;
        };
        let roles: Vec<Role> = match alarm.metric.as_deref() {
            Some(metric) => vec![crate::role::classify(
                metric,
                alarm.statistic.as_deref().unwrap_or(""),
                "",
            )],
            None => vec![Role::Latency, Role::Availability, Role::Errors],
        };
        for role in roles
            .into_iter()
            .filter(|r| matches!(r, Role::Latency | Role::Availability | Role::Errors))
        {
            let owns = excess::below(
                scene,
                &facts.series,
                target,
                role,
                alarm.statistic.as_deref(),
            );
            // With fewer than three units measured there is nothing to tell apart.
            if owns.len() < 3 {
                continue;
            }
            for own in owns.into_iter().filter(|o| o.share >= LEAST_SHARE) {
                let fact = &facts.series[own.fact as usize];
                // Times always vary: a share of what stays within its band is a share of nothing.
                if role == Role::Latency && fact.bad <= crate::probes::series::BAND {
                    continue;
                }
                let kind = if role == Role::Latency {
                    "latency"
                } else {
                    "errors"
                };
                let strength = WHOLE_SHARE * own.share;
                if let Some(known) = found
                    .iter_mut()
                    .find(|a| a.unit == own.unit && a.kind == kind)
                {
                    known.strength = known.strength.max(strength);
                    continue;
                }
                found.push(Anomaly {
                    unit: own.unit,
                    kind,
                    strength,
                    explained_by: None,
                    onset: fact.onset,
                    refs: vec![FactRef::Series(own.fact)],
                });
            }
        }
    }
    found
}
