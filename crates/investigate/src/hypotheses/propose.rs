//! Hypotheses from signatures, and from what units do on their own account; how much each sign counts there.

use std::collections::BTreeMap;

use model::SourceKind;
use rustc_hash::FxHashSet;

use super::{Ground, Hypothesis, Key, empty, source_of_fact};
use crate::catalogue::{Mechanism, catalogue};
use crate::constants as k;
use crate::facts::SeriesFact;
use crate::kinds::FactRef;
use crate::role::Role;
use crate::scene::Scene;

/// From signatures, and from what units do on their own account.
pub(super) fn propose(
    ground: &Ground<'_>,
    pulls: &BTreeMap<u32, f64>,
) -> BTreeMap<Key, Hypothesis> {
    let mut table: BTreeMap<Key, Hypothesis> = BTreeMap::new();
    // Changes are weighed one by one, each against what it can produce (`add_changes`).
    let mut hits = ground.matcher.matches();
    hits.retain(|hit| hit.source != SourceKind::Changes);
    let plainly = said_plainly(&hits);
    for hit in hits {
        let entry = table
            .entry((hit.unit, hit.mechanism, None))
            .or_insert_with(|| empty(hit.unit, hit.mechanism, None));
        let facts: Vec<FactRef> = hit.refs.iter().map(FactRef::from).collect();
        let own = catalogue().mechanisms[hit.mechanism as usize]
            .signatures
            .get(hit.signature as usize)
            .is_some_and(|signature| signature.own);
        let factor = if hit.named || own {
            1.0
        } else {
            victim_factor(ground, hit.unit, &facts)
                .min(foreground(ground, hit.unit, hit.source, &facts, pulls))
                .min(heat_factor(ground, &facts))
                .min(lasting_factor(ground, &facts))
        };
        if own && hit.unit == hit.seen_on {
            entry.own.extend(facts.iter().copied());
        }
        let stressed = if is_told_by_alarm(ground, hit.unit, &facts) {
            k::TOLD_BY_ALARM
        } else {
            1.0
        };
        let vague = hit.strength <= k::VAGUE_SIGN
            && facts
                .first()
                .is_some_and(|at| matches!(at, FactRef::Log(i) if plainly.contains(i)));
        let factor = factor * stressed * if vague { k::SAID_OTHERWISE } else { 1.0 };
        let group = entry.groups.entry(hit.source).or_default();
        for (nth, at) in facts.into_iter().take(4).enumerate() {
            group.push((if nth == 0 { hit.strength * factor } else { 0.0 }, at));
        }
    }
    let generic: Vec<(u32, &Mechanism)> = catalogue()
        .mechanisms
        .iter()
        .enumerate()
        .filter(|(_, m)| m.generic.is_some())
        .map(|(i, m)| (i as u32, m))
        .collect();
    for anomaly in ground
        .anomalies
        .iter()
        .filter(|a| a.explained_by.is_none() && a.strength > 0.0)
    {
        for (index, mechanism) in &generic {
            if mechanism.generic.as_deref() == Some(anomaly.kind()) {
                let entry = table
                    .entry((anomaly.unit, *index, None))
                    .or_insert_with(|| empty(anomaly.unit, *index, None));
                for at in &anomaly.refs {
                    entry
                        .groups
                        .entry(source_of_fact(*at))
                        .or_default()
                        .push((0.0, *at));
                }
            }
        }
    }
    table
}

/// The lines that name plainly what is wrong: that they are error lines as well says little more.
fn said_plainly(hits: &[crate::matching::Hit]) -> FxHashSet<u32> {
    hits.iter()
        .filter(|hit| hit.strength >= k::PLAIN_SIGN)
        .flat_map(|hit| &hit.refs)
        .filter_map(|at| match at {
            crate::matching::FactRef::Log(i) => Some(*i),
            _ => None,
        })
        .collect()
}

/// Where spans cover a unit, what its lines and calls say is taken in the measure in which it does, given
/// the requests that it received, what it did not do before: the rest is background, or another's trouble.
fn foreground(
    ground: &Ground<'_>,
    unit: u32,
    source: SourceKind,
    refs: &[FactRef],
    pulls: &BTreeMap<u32, f64>,
) -> f64 {
    // What waits, how late a copy is, how wrong a clock is: no span shows it, and none can deny it.
    let role = refs.first().and_then(|at| match at {
        FactRef::Series(i) => Some(ground.facts.series[*i as usize].role),
        _ => None,
    });
    let grows = || match refs.first() {
        Some(FactRef::Series(i)) => grows_unasked(ground, &ground.facts.series[*i as usize]),
        _ => false,
    };
    if role.is_some_and(Role::is_unseen_by_spans) || grows() {
        return 1.0;
    }
    // Where requests enter from outside, nobody else's trouble brings more of them.
    if role == Some(Role::Traffic) && is_entrance(ground.scene, unit) {
        return 1.0;
    }
    // Where spans were taken before the incident, they cover whoever shows in them, even one that nobody
    // asked for anything until now.
    let earlier: u64 = ground.facts.work.iter().map(|w| w.requests.0).sum();
    let covered = earlier >= k::COVERED_REQUESTS
        && ground
            .facts
            .work
            .iter()
            .any(|w| w.unit == unit && w.requests.0 + w.requests.1 > 0);
    if !covered
        || !matches!(
            source,
            SourceKind::Logs | SourceKind::Traces | SourceKind::Metrics
        )
    {
        return 1.0;
    }
    let own = pulls.get(&unit).copied().unwrap_or(0.0);
    k::VICTIM + (1.0 - k::VICTIM) * (own / k::OWN_FULL).min(1.0)
}

/// Is it memory that began to grow before the unit's requests took longer? What is held for callers who wait comes
/// after the waiting; what comes before it is the unit's own.
pub(crate) fn grows_unasked(ground: &Ground<'_>, memory: &SeriesFact) -> bool {
    let Some(onset) = memory
        .onset
        .filter(|_| matches!(memory.role, Role::Memory | Role::MemoryFree))
    else {
        return false;
    };
    !ground.facts.series.iter().any(|other| {
        other.unit == memory.unit
            && other.role == Role::Latency
            && other.bad > crate::probes::series::BAND
            && other.onset.is_none_or(|began| began.lo <= onset.hi)
    })
}

/// Is it traffic, and has somebody drawn a line for the traffic of this very unit that is crossed?
fn is_told_by_alarm(ground: &Ground<'_>, unit: u32, refs: &[FactRef]) -> bool {
    let traffic = refs.iter().any(|at| match at {
        FactRef::Series(i) => ground.facts.series[*i as usize].role == Role::Traffic,
        _ => false,
    });
    traffic
        && ground
            .symptoms
            .iter()
            .any(|s| s.unit == unit && s.aspect == "traffic" && s.alarmed && s.active)
}

/// Does nobody on the map call it, while it calls others?
pub(crate) fn is_entrance(scene: &Scene, unit: u32) -> bool {
    let is_call = |kind: model::EdgeKind| kind == model::EdgeKind::Calls;
    !scene.above(unit).any(|(_, edge)| is_call(edge.kind))
        && scene.below(unit).any(|(_, edge)| is_call(edge.kind))
}

/// A busy processor that slows no request says little about what users feel, by whichever name.
fn heat_factor(ground: &Ground<'_>, refs: &[FactRef]) -> f64 {
    let idle = refs.first().is_some_and(|at| match at {
        FactRef::Series(i) => {
            let fact = &ground.facts.series[*i as usize];
            fact.role == crate::role::Role::Cpu
                && crate::pull::slows_nothing(ground.facts, fact.unit)
        }
        _ => false,
    });
    if idle { k::IDLE_HEAT } else { 1.0 }
}

/// A reading that has come back says less of what still lasts. Memory that is free again does not: as often as not its
/// process was ended, and what took it begins anew.
fn lasting_factor(ground: &Ground<'_>, refs: &[FactRef]) -> f64 {
    let lasts = ground.symptoms.iter().any(|s| s.active);
    let over = refs.iter().all(|at| match at {
        FactRef::Series(i) => {
            let fact = &ground.facts.series[*i as usize];
            let memory = matches!(fact.role, Role::Memory | Role::MemoryFree);
            !fact.active && fact.recovered.is_some() && !memory
        }
        _ => false,
    });
    if lasts && over { k::CAME_BACK } else { 1.0 }
}

/// A line that names somebody further down speaks of that one rather than of its writer: the client's
/// end of a broken call says least about its own health.
fn victim_factor(ground: &Ground<'_>, unit: u32, refs: &[FactRef]) -> f64 {
    let speaks_of_another = refs.first().is_some_and(|at| match at {
        FactRef::Log(i) if !ground.facts.logs[*i as usize].is_complaint() => false,
        FactRef::Log(i) => ground.facts.logs[*i as usize].mentions.iter().any(|&m| {
            m != unit
                && ground.reach.down(unit, m).is_some()
                && ground
                    .anomalies
                    .iter()
                    .any(|a| a.unit == m && a.strength > 1.0)
        }),
        _ => false,
    });
    if speaks_of_another { k::VICTIM } else { 1.0 }
}
