//! Which resources are used up, or used as never before?

use std::collections::{BTreeMap, BTreeSet};

use super::{MOST, MOST_REFS, ramp};
use crate::facts::{Facts, SeriesFact};
use crate::kinds::FactRef;
use crate::probes::series::is_percent;
use crate::pull::Anomaly;
use crate::role::{Bad, Role};

/// Points of a percentage above normal that make a processor's anomaly whole: busy for real, not a start-up.
const CPU_POINTS: f64 = 70.0;
/// The same for memory, which moves less.
const MEMORY_POINTS: f64 = 40.0;
/// Most that a series shows whose limit is not known.
const WITHOUT_LIMIT: f64 = 5.0;
/// Most that waiting, refusing and running out show by themselves.
const SATURATION: f64 = 5.0;

/// One anomaly per unit and kind, from its clearest series.
pub(super) fn anomalies(facts: &Facts) -> Vec<Anomaly> {
    let mut found: BTreeMap<(u32, &'static str), Anomaly> = BTreeMap::new();
    // Where a share of the limit is measured, the bare amount adds nothing but noise.
    let limited: BTreeSet<(u32, Role)> = facts
        .series
        .iter()
        .filter(|f| is_percent(&f.series))
        .map(|f| (f.entity, f.role))
        .collect();
    for (i, fact) in facts.series.iter().enumerate() {
        if !is_percent(&fact.series) && limited.contains(&(fact.entity, fact.role)) {
            continue;
        }
        let Some((kind, strength)) = strength(fact) else {
            continue;
        };
        let at = FactRef::Series(i as u32);
        let known = found.entry((fact.unit, kind)).or_insert_with(|| Anomaly {
            unit: fact.unit,
            kind,
            strength: 0.0,
            explained_by: None,
            onset: None,
            refs: Vec::new(),
        });
        if strength > known.strength {
            known.strength = strength;
            known.onset = fact.onset;
            known.refs.insert(0, at);
            known.refs.truncate(MOST_REFS);
        } else if known.refs.len() < MOST_REFS {
            known.refs.push(at);
        }
    }
    found.into_values().collect()
}

fn strength(fact: &SeriesFact) -> Option<(&'static str, f64)> {
    let kind = match fact.role {
        Role::Cpu => "cpu",
        Role::Memory | Role::MemoryFree => "memory",
        Role::IoWait
        | Role::Throttles
        | Role::Swap
        | Role::Disk
        | Role::DiskFree
        | Role::DiskQueue
        | Role::DiskLatency
        | Role::PoolWait
        | Role::Queue
        | Role::Lag
        | Role::Locks
        | Role::Credits
        | Role::Connections
        | Role::NetworkErrors
        | Role::Restarts => "saturation",
        _ => return None,
    };
    let clear = ramp(fact.bad, 3.0, 6.0);
    if clear <= 0.0 || fact.is_mostly_idle() {
        return None;
    }
    let rise = (fact.level - fact.normal).abs();
    let strength = match (
        kind,
        is_percent(&fact.series) && fact.role.bad() == Bad::High,
    ) {
        ("cpu", true) => MOST * (rise / CPU_POINTS).min(1.0),
        ("memory", true) => MOST * (rise / MEMORY_POINTS).min(1.0),
        // Twice the normal is remarkable, ten times is all that can be said without a limit.
        ("cpu" | "memory", false) => {
            WITHOUT_LIMIT * ramp(ratio(fact).ln(), 2.0_f64.ln(), 10.0_f64.ln())
        }
        _ => {
            SATURATION
                * (1.0 - (-(fact.bad - 3.0).max(0.0) / 8.0).exp())
                * (1.0 - 1.0 / ratio(fact))
        }
    };
    (strength > 0.0).then_some((kind, clear * strength))
}

/// By which factor it moved in the bad direction, 1 or more; bounded where it began from nothing.
fn ratio(fact: &SeriesFact) -> f64 {
    let (low, high) = match fact.role.bad() {
        Bad::Low => (fact.level, fact.normal),
        _ => (fact.normal, fact.level),
    };
    let low = low.abs().max(fact.scale).max(1e-12);
    (high.abs() / low).clamp(1.0, 1e6)
}
