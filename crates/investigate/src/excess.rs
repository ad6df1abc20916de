//! What does each unit do beyond what the units below it do to it? (metrics only)
//!
//! For systems that measure every unit's latency, failures and request counts, but have no spans. A
//! unit's *own excess*, in units of the alarmed one, is its deviation less the call-weighted
//! deviations of what it calls. Deviations are taken against history and against the stretch just
//! before the onset, and only what stands out against both counts: history drifts over months, the
//! near past may already hold the beginning. Latency is compared by its median (one slow row is not a
//! shift), failures by their total (they are counts).

use analysis::series::median;

use crate::facts::SeriesFact;
use crate::probes::series::is_percent;
use crate::role::Role;
use crate::scene::Scene;
use model::EdgeKind;

/// One unit's own part of the trouble.
#[derive(Clone, Debug, PartialEq)]
pub struct Own {
    /// Who.
    pub unit: u32,
    /// Latency or errors.
    pub role: Role,
    /// Own excess per request of the alarmed unit, in the series' unit (failures: share of requests).
    pub amount: f64,
    /// Its share of all positive own excess below the same alarm, 0..1.
    pub share: f64,
    /// Index of the series fact that it was read from.
    pub fact: u32,
}

struct Reading {
    fact: u32,
    /// Deviation per own request against each comparison.
    deviations: Vec<f64>,
    requests: f64,
}

/// Own excess below one alarmed unit, for one role, largest first.
pub fn below(
    scene: &Scene,
    facts: &[SeriesFact],
    target: u32,
    role: Role,
    statistic: Option<&str>,
) -> Vec<Own> {
    let reach = reachable(scene, target);
    let measured = Measured::of(scene, facts, role);
    let mut readings: Vec<Option<Reading>> = (0..scene.entities.len()).map(|_| None).collect();
    for &unit in &reach {
        readings[unit as usize] = read(scene, &measured, unit, role, statistic);
    }
    let Some(target_reading) = &readings[target as usize] else {
        return Vec::new();
    };
    let scale = if target_reading.requests > 0.0 {
        target_reading.requests
    } else {
        1.0
    };
    let comparisons = target_reading.deviations.len();
    let in_target_units = |reading: &Reading, k: usize| {
        reading
            .deviations
            .get(k)
            .copied()
            .filter(|d| d.is_finite())
            .map(|d| d * reading.requests / scale)
    };
    let mut owns: Vec<Own> = Vec::new();
    for &unit in &reach {
        let Some(reading) = &readings[unit as usize] else {
            continue;
        };
        let mut amount = f64::INFINITY;
        for k in 0..comparisons {
            let Some(mut own) = in_target_units(reading, k) else {
                continue;
            };
            for (callee, edge) in scene.below(unit).filter(|(_, e)| e.kind == EdgeKind::Calls) {
                let Some(below) = readings[callee as usize].as_ref() else {
                    continue;
                };
                let Some(deviation) = in_target_units(below, k) else {
                    continue;
                };
                own -=
                    deviation * call_share(scene, &readings, unit, callee, edge.calls_per_request);
            }
            amount = amount.min(own);
        }
        if amount.is_finite() {
            owns.push(Own {
                unit,
                role,
                amount,
                share: 0.0,
                fact: reading.fact,
            });
        }
    }
    let total: f64 = owns.iter().map(|o| o.amount.max(0.0)).sum();
    if total > 0.0 {
        for own in &mut owns {
            own.share = own.amount.max(0.0) / total;
        }
    }
    owns.sort_by(|a, b| b.amount.total_cmp(&a.amount).then(a.unit.cmp(&b.unit)));
    owns
}

/// Which share of the callee's requests comes from this caller: by the edge's own measure if it has
/// one, else in proportion to the callers' request counts.
fn call_share(
    scene: &Scene,
    readings: &[Option<Reading>],
    caller: u32,
    callee: u32,
    measured: Option<f64>,
) -> f64 {
    let requests = |unit: u32| readings[unit as usize].as_ref().map_or(0.0, |r| r.requests);
    if let Some(rate) = measured {
        let received = requests(callee);
        if received > 0.0 && requests(caller) > 0.0 {
            return (rate * requests(caller) / received).clamp(0.0, 1.0);
        }
    }
    let total: f64 = scene
        .above(callee)
        .filter(|(_, e)| e.kind == EdgeKind::Calls)
        .map(|(above, _)| requests(above))
        .sum();
    if total > 0.0 {
        requests(caller) / total
    } else {
        let callers = scene
            .above(callee)
            .filter(|(u, e)| e.kind == EdgeKind::Calls && readings[*u as usize].is_some());
        1.0 / callers.count().max(1) as f64
    }
}

/// The unit itself and all that it calls, directly or not, in the order of their numbers.
pub fn reachable(scene: &Scene, target: u32) -> Vec<u32> {
    let mut seen = vec![false; scene.entities.len()];
    let mut stack = vec![target];
    seen[target as usize] = true;
    while let Some(unit) = stack.pop() {
        for (below, _) in scene.below(unit) {
            if !std::mem::replace(&mut seen[below as usize], true) {
                stack.push(below);
            }
        }
    }
    (0..seen.len() as u32)
        .filter(|&u| seen[u as usize])
        .collect()
}

/// Which series of each unit tell its `role`, and which its traffic, by the units' numbers.
struct Measured<'a> {
    facts: &'a [SeriesFact],
    role: Vec<Vec<u32>>,
    traffic: Vec<Vec<u32>>,
}

impl<'a> Measured<'a> {
    fn of(scene: &Scene, facts: &'a [SeriesFact], role: Role) -> Self {
        let mut measured = Self {
            facts,
            role: vec![Vec::new(); scene.entities.len()],
            traffic: vec![Vec::new(); scene.entities.len()],
        };
        for (number, fact) in (0..).zip(facts) {
            if fact.role == role {
                measured.role[fact.unit as usize].push(number);
            }
            if fact.role == Role::Traffic {
                measured.traffic[fact.unit as usize].push(number);
            }
        }
        measured
    }

    /// The series among these that speaks for a unit: the wanted statistic first, then means, then the middle.
    fn representative(
        &self,
        numbers: &[u32],
        statistic: Option<&str>,
    ) -> Option<(u32, &'a SeriesFact)> {
        let order = |fact: &SeriesFact| {
            let own = fact.series.key.statistic.as_str();
            match statistic {
                Some(wanted) if own == wanted => 0,
                _ => match own {
                    "Average" | "avg" | "mean" => 1,
                    "" => 2,
                    "p50" | "median" => 3,
                    "p90" => 4,
                    "p95" => 5,
                    "p99" => 6,
                    _ => 7,
                },
            }
        };
        numbers
            .iter()
            .map(|number| (*number, &self.facts[*number as usize]))
            .min_by_key(|(number, fact)| (order(fact), *number))
    }
}

fn read(
    scene: &Scene,
    measured: &Measured<'_>,
    unit: u32,
    role: Role,
    statistic: Option<&str>,
) -> Option<Reading> {
    let of_role = &measured.role[unit as usize];
    let (fact_number, fact) = measured.representative(of_role, statistic)?;
    let traffic = measured
        .representative(&measured.traffic[unit as usize], Some("Sum"))
        .map(|(_, f)| &f.series);
    let series = &fact.series;
    let whole = if is_percent(series) || (role == Role::Availability && fact.normal > 1.5) {
        100.0
    } else {
        1.0
    };
    let failing = role == Role::Availability;
    let counted = failing || role == Role::Errors;
    let value = |v: f64| {
        if failing {
            1.0 - v / whole
        } else if counted {
            v / whole
        } else {
            v
        }
    };
    let requests_at = |time: i64| {
        traffic.and_then(|t| {
            t.times
                .binary_search(&time)
                .ok()
                .map(|i| t.values[i].max(0.0))
        })
    };
    let level = |from, to| -> Option<(f64, f64)> {
        let range = series.range(from, to);
        if range.is_empty() {
            return None;
        }
        let rows: Vec<(f64, f64)> = range
            .map(|i| {
                (
                    value(series.values[i]),
                    requests_at(series.times[i]).unwrap_or(if traffic.is_some() {
                        0.0
                    } else {
                        1.0
                    }),
                )
            })
            .collect();
        if counted {
            let weight: f64 = rows.iter().map(|(_, w)| w).sum();
            (weight > 0.0).then(|| {
                (
                    rows.iter().map(|(v, w)| v * w).sum::<f64>() / weight,
                    weight / rows.len() as f64,
                )
            })
        } else {
            let values: Vec<f64> = rows.iter().map(|(v, _)| *v).collect();
            let weights: Vec<f64> = rows.iter().map(|(_, w)| *w).collect();
            Some((median(&values)?, median(&weights)?))
        }
    };
    let (now, requests) = level(scene.window.from(), scene.window.to())?;
    // Both comparisons keep their place, so that a unit without one is compared by the other alone.
    let history = {
        let mut values: Vec<f64> = Vec::new();
        for window in &scene.history {
            values.extend(
                series.values[series.range(window.from(), window.to())]
                    .iter()
                    .map(|v| value(*v)),
            );
        }
        if values.is_empty() {
            None
        } else if counted {
            Some(values.iter().sum::<f64>() / values.len() as f64)
        } else {
            median(&values)
        }
    };
    let near = level(scene.near.from(), scene.near.to()).map(|(v, _)| v);
    let deviations = [history, near]
        .iter()
        .map(|b| b.map_or(f64::NAN, |b| now - b))
        .collect();
    Some(Reading {
        fact: fact_number,
        deviations,
        requests: if traffic.is_some() { requests } else { 1.0 },
    })
}
