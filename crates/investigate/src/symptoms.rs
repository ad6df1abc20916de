//! What is wrong, as seen from outside? (S1)
//!
//! An alarm is a notice, not a symptom. Every unit that an alarm is about, and what stands one step
//! from it, is tested for rate, errors, duration and state; only what is really out of order there
//! counts. One alarm may thus hide several symptoms, or none.

use std::collections::BTreeMap;

use model::ports::Eyes;

use crate::facts::{Facts, Interval, SeriesFact};
use crate::kinds::FactRef;
use crate::probes::series::BAND;
use crate::probes::states::Health;
use crate::role::Role;
use crate::scene::Scene;

/// Something that is wrong, as seen from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Who shows it.
    pub unit: u32,
    /// `latency`, `errors`, `saturation`, `state`, `logs`, `alarm`, …
    pub aspect: &'static str,
    /// When it began.
    pub onset: Interval,
    /// Still there at the end of what was recorded?
    pub active: bool,
    /// Robust deviations, or the nearest thing to them.
    pub size: f64,
    /// What shows it, clearest first.
    pub refs: Vec<FactRef>,
    /// Is the unit one that an alarm is about?
    pub alarmed: bool,
}

/// The word under which a role's trouble is filed.
fn aspect(role: Role) -> &'static str {
    match role {
        Role::Latency | Role::PoolWait | Role::DiskLatency => "latency",
        Role::Errors
        | Role::Availability
        | Role::AuthErrors
        | Role::ProviderErrors
        | Role::Throttles => "errors",
        Role::Lag | Role::Queue => "backlog",
        Role::Restarts | Role::Replicas | Role::Unready => "state",
        Role::Traffic | Role::Throughput | Role::FanOut => "traffic",
        Role::CacheHit | Role::CacheMiss => "cache",
        _ => "saturation",
    }
}

/// All symptoms, sorted by (unit, aspect).
pub fn seen(scene: &Scene, eyes: &dyn Eyes, facts: &Facts) -> Vec<Seen> {
    let mut found: BTreeMap<(u32, &'static str), Seen> = BTreeMap::new();
    let mut add =
        |unit: u32, aspect: &'static str, onset: Interval, active: bool, size: f64, at: FactRef| {
            let alarmed = scene.alarmed.binary_search(&unit).is_ok();
            let entry = found.entry((unit, aspect)).or_insert(Seen {
                unit,
                aspect,
                onset,
                active,
                size: 0.0,
                refs: Vec::new(),
                alarmed,
            });
            if size > entry.size {
                entry.size = size;
                entry.refs.insert(0, at);
            } else if entry.refs.len() < 6 {
                entry.refs.push(at);
            }
            if onset.hi < entry.onset.hi {
                entry.onset = onset;
            }
            entry.active |= active;
        };
    let in_scope = scope(scene);
    let named: Vec<&str> = eyes
        .alarms()
        .iter()
        .filter_map(|a| a.metric.as_deref())
        .collect();
    let crowded = crowded(scene, eyes);
    // What does not tell when it began had begun by the time of the alarm.
    let window = Interval {
        lo: scene.window.from().min(scene.alarm_at),
        hi: scene.alarm_at.max(scene.window.from()),
    };
    for (i, fact) in facts.series.iter().enumerate() {
        let alarmed = scene.alarmed.binary_search(&fact.unit).is_ok();
        let is_named = alarmed && named.contains(&fact.series.key.metric.as_str());
        let felt = fact.role.is_felt() && in_scope[fact.unit as usize];
        let inside =
            alarmed && fact.role.bad() != crate::role::Bad::Either && !fact.is_mostly_idle();
        // Rate is the first of what users feel: a unit to which nothing comes any more, or that takes nothing.
        let gone = fact.role == Role::Traffic
            && fact.z < -BAND
            && fact.level <= crate::constants::GONE * fact.normal
            && in_scope[fact.unit as usize];
        // More than usual is no trouble by itself; it is where an alarm draws the line.
        let flooded = fact.role == Role::Traffic
            && fact.z > BAND
            && alarmed
            && (is_named || crowded.contains(&fact.unit));
        if flooded {
            add(
                fact.unit,
                aspect(fact.role),
                fact.onset.unwrap_or(window),
                lasts(scene, fact),
                fact.z,
                FactRef::Series(i as u32),
            );
        }
        if fact.bad > BAND && (is_named || felt || inside || gone) {
            add(
                fact.unit,
                aspect(fact.role),
                fact.onset.unwrap_or(window),
                lasts(scene, fact),
                fact.bad,
                FactRef::Series(i as u32),
            );
        }
    }
    for (i, fact) in facts.series.iter().enumerate() {
        // What alarmed may hold from the first reading on, so that no past tells it from normal: then
        // the alarm's own line, or the resource's own limit, is the measure.
        if scene.alarmed.binary_search(&fact.unit).is_ok()
            && fact.bad <= BAND
            && breaches(eyes, fact)
        {
            add(
                fact.unit,
                aspect(fact.role),
                window,
                true,
                5.0,
                FactRef::Series(i as u32),
            );
        }
    }
    for (i, fact) in facts
        .work
        .iter()
        .enumerate()
        .filter(|(_, f)| in_scope[f.unit as usize])
    {
        let (before, during) = fact.origin_errors;
        if during >= 3 && during > 2 * before {
            let onset = fact
                .first_error
                .map_or(window, |at| Interval { lo: at, hi: at });
            add(
                fact.unit,
                "errors",
                onset,
                true,
                (during as f64).ln_1p() * 2.0,
                FactRef::Work(i as u32),
            );
        }
    }
    for (i, fact) in facts
        .logs
        .iter()
        .enumerate()
        .filter(|(_, f)| in_scope[f.unit as usize])
    {
        if fact.is_error() && fact.z > BAND && fact.during >= 2 {
            let onset = Interval {
                lo: fact.first,
                hi: fact.first,
            };
            add(
                fact.unit,
                "logs",
                onset,
                true,
                fact.z.min(20.0),
                FactRef::Log(i as u32),
            );
        }
    }
    for fact in facts
        .state_facts
        .iter()
        .filter(|f| in_scope[f.unit as usize])
    {
        if matches!(fact.health, Health::Unhealthy | Health::Pending) {
            let onset = fact.since.map_or(window, |at| Interval { lo: at, hi: at });
            add(
                fact.unit,
                "state",
                onset,
                true,
                6.0,
                FactRef::State(fact.index),
            );
        }
    }
    found.into_values().collect()
}

/// Is it still out of its band, or back for too short a time to believe it? Where few requests come, a second
/// without a failure is no recovery; and what was out of it at its last reading has not come back.
fn lasts(scene: &Scene, fact: &SeriesFact) -> bool {
    let Some(onset) = fact.onset else {
        return fact.active;
    };
    let Some(back) = fact.recovered else {
        return true;
    };
    let well = scene.window.to().since(back.lo);
    let ill = back.lo.since(onset.lo);
    fact.active || well.0 < ill.0.min(crate::constants::BELIEVED_WELL.0)
}

/// An alarm whose own unit's readings are silent is a symptom all the same where something within its
/// reach plainly acts up on its own account: it stands for what users saw and nobody measured.
pub fn add_silent_alarms(
    scene: &Scene,
    eyes: &dyn Eyes,
    facts: &Facts,
    reach: &crate::reach::Reach,
    anomalies: &[crate::pull::Anomaly],
    seen: &mut Vec<Seen>,
) {
    // What has come back is over. Times always vary, so that a part of a deviation within the band is a part
    // of nothing; a request that fails is a failure, however few they are.
    let lasts = |at: &FactRef| match at {
        FactRef::Series(i) => {
            let fact = &facts.series[*i as usize];
            let within = fact.bad <= BAND;
            fact.active
                || if within {
                    fact.role != Role::Latency
                } else {
                    fact.recovered.is_none()
                }
        }
        _ => true,
    };
    for &unit in &scene.alarmed {
        if seen.iter().any(|s| s.unit == unit && s.active) {
            continue;
        }
        let named = eyes
            .alarms()
            .iter()
            .any(|a| scene.unit(&a.entity) == Some(unit) && a.metric.is_some());
        let least = if named {
            crate::constants::STRONG_ANOMALY
        } else {
            crate::constants::SILENT_ALARM
        };
        let within = anomalies
            .iter()
            .filter(|a| a.explained_by.is_none() && a.strength >= least && a.refs.iter().any(lasts))
            .find(|a| reach.either(unit, a.unit).is_some());
        if let Some(anomaly) = within {
            let onset = Interval {
                lo: scene.window.from().min(scene.alarm_at),
                hi: scene.alarm_at,
            };
            seen.push(Seen {
                unit,
                aspect: "alarm",
                onset,
                active: true,
                size: anomaly.strength,
                refs: anomaly.refs.iter().take(1).copied().collect(),
                alarmed: true,
            });
        }
    }
    seen.sort_by(|a, b| (a.unit, a.aspect).cmp(&(b.unit, b.aspect)));
}

/// Units of which an alarm says that more is asked of them than they are meant for.
pub(crate) fn crowded(scene: &Scene, eyes: &dyn Eyes) -> Vec<u32> {
    let about_traffic = |alarm: &&model::Alarm| {
        let statistic = alarm.statistic.as_deref().unwrap_or("");
        alarm
            .metric
            .as_deref()
            .is_some_and(|metric| crate::role::classify(metric, statistic, "") == Role::Traffic)
    };
    eyes.alarms()
        .iter()
        .filter(about_traffic)
        .filter(|a| matches!((a.observed, a.threshold), (Some(seen), Some(line)) if seen >= line))
        .filter_map(|a| scene.unit(&a.entity))
        .collect()
}

/// Units whose state is tested: those alarmed and those one step from them; everybody, if no alarm's
/// unit is on the map.
fn scope(scene: &Scene) -> Vec<bool> {
    let mut inside = vec![scene.alarmed.is_empty(); scene.entities.len()];
    for &unit in &scene.alarmed {
        inside[unit as usize] = true;
        for (near, _) in scene.below(unit).chain(scene.above(unit)) {
            inside[near as usize] = true;
        }
    }
    inside
}

/// Percentage of a resource in use from which it counts as saturated by itself.
const SATURATED: f64 = 85.0;

/// Is the series beyond the line of an alarm about it, or is its resource used up, in its latest readings?
fn breaches(eyes: &dyn Eyes, fact: &crate::facts::SeriesFact) -> bool {
    let values = &fact.series.values;
    let latest = &values[values.len().saturating_sub(3)..];
    let key = &fact.series.key;
    let line = eyes
        .alarms()
        .iter()
        .filter(|a| a.metric.as_deref() == Some(key.metric.as_str()))
        .find_map(|a| Some((a.threshold?, a.observed.unwrap_or(f64::NAN))));
    if let Some((line, observed)) = line {
        let upward = if observed.is_finite() {
            observed >= line
        } else {
            fact.role.bad() != crate::role::Bad::Low
        };
        return !latest.is_empty()
            && latest
                .iter()
                .all(|v| if upward { *v > line } else { *v < line });
    }
    let used_up = matches!(fact.role, Role::Cpu | Role::Memory | Role::Disk)
        && crate::probes::series::is_percent(&fact.series);
    used_up && !latest.is_empty() && latest.iter().all(|v| *v >= SATURATED)
}
