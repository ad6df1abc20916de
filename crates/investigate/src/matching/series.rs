//! Conditions over numbers.

use model::TimeWindow;

use crate::catalogue::{MetricCondition, Shape};
use crate::facts::SeriesFact;
use crate::role::{Role, words};

use super::Compiled;

/// Robust deviations from which on a level is not chance.
pub(super) const FAR: f64 = 4.0;
/// Robust deviations under which it is.
const NEAR: f64 = 3.0;
/// From this share of a limit on it is reached.
const REACHED: f64 = 0.95;
/// Up to this share of a limit nobody feels it.
const AMPLE: f64 = 2.0 / 3.0;
/// Up to this a share is out of 1: measurements are not exact.
const SHARE: f64 = 1.05;
/// … and up to this what is called a ratio.
const RATIO: f64 = 4.0;
/// From this share of the whole on what is free is enough.
const AMPLY_FREE: f64 = 0.2;

/// Is the condition about this series at all?
pub(super) fn concerns(
    condition: &MetricCondition,
    role: Role,
    fact: &SeriesFact,
    compiled: &Compiled,
) -> bool {
    fact.role == role
        && condition
            .name
            .as_ref()
            .is_none_or(|n| compiled.is_match(n, &fact.series.key.metric))
}

/// Does the series behave so? `limits` are those known of its unit; `span` is the stretch that is looked at,
/// health included.
pub(super) fn behaves<'a, L: Iterator<Item = &'a SeriesFact>>(
    condition: &MetricCondition,
    fact: &SeriesFact,
    limits: impl Fn() -> L,
    span: TimeWindow,
) -> bool {
    let shape = match condition.is {
        Shape::High => fact.z >= FAR && !fact.is_mostly_idle(),
        Shape::Low => fact.z <= -FAR,
        Shape::Normal => fact.z.abs() < NEAR && fact.onset.is_none(),
        Shape::Rising => (fact.ramp && fact.z >= NEAR) || climbs(fact, span, 1.0),
        Shape::Falling => (fact.ramp && fact.z <= -NEAR) || climbs(fact, span, -1.0),
        Shape::AtLimit => at_limit(fact, limits()),
        Shape::Ample => is_ample(fact, limits()),
        Shape::Zero => fact.normal > 0.0 && fact.level.abs() <= 0.01 * fact.normal,
        Shape::Appeared => {
            fact.normal.abs() < f64::EPSILON
                && fact.level.max(fact.worst) > 0.0
                && fact.z > 0.0
                && !fact.is_mostly_idle()
        }
    };
    // Shares are written as 0..1 here and as 0..100 there; catalogue files write percentages.
    let scale = match is_share(fact) {
        true => 100.0 / all_of(fact),
        false => 1.0,
    };
    shape
        && condition
            .at_least
            .is_none_or(|least| scale * fact.level.max(fact.worst) >= least)
        && condition
            .at_most
            .is_none_or(|most| scale * fact.level.min(fact.worst) <= most)
}

/// Does it grow (with `sign` -1: fall) steadily until its end, or until something reset it (a restart)?
///
/// Up to its extreme, the medians of six stretches of equal length must each exceed the one before, and
/// the last the first by a quarter; the extreme must lie far out of the usual.
fn climbs(fact: &SeriesFact, span: TimeWindow, sign: f64) -> bool {
    if sign * (fact.worst - fact.normal) < FAR * fact.scale {
        return false;
    }
    let values = &fact.series.values[fact.series.range(span.from(), span.to())];
    let mut top = 0;
    for (i, value) in values.iter().enumerate() {
        if sign * value > sign * values[top] {
            top = i;
        }
    }
    let whole = values.get(..=top).unwrap_or_default();
    // It may have been level until it began.
    let risen = |value: f64| sign * (value - fact.normal);
    let begun = (0..top)
        .rev()
        .find(|i| risen(values[*i]) <= 0.1 * risen(values[top]))
        .unwrap_or(0);
    let late = values.get(begun..=top).unwrap_or_default();
    [whole, late].into_iter().any(|climb| is_climb(climb, sign))
}

/// Do the medians of six stretches of equal length each exceed the one before, the last the first by a quarter?
fn is_climb(climb: &[f64], sign: f64) -> bool {
    const STRETCHES: usize = 6;
    if climb.len() < 2 * STRETCHES {
        return false;
    }
    let medians: Vec<f64> = (0..STRETCHES)
        .map(|i| median(&climb[i * climb.len() / STRETCHES..(i + 1) * climb.len() / STRETCHES]))
        .collect();
    let grows = medians
        .windows(2)
        .all(|pair| sign * pair[1] > sign * pair[0]);
    let (first, last) = (medians[0], medians[STRETCHES - 1]);
    grows && (last - first).abs() >= 0.25 * first.abs().max(last.abs())
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

/// Is it a share of something, by name or unit, and by size? Above 105 nothing is a percentage.
fn is_share(fact: &SeriesFact) -> bool {
    let key = &fact.series.key;
    let named = matches!(key.unit.as_str(), "%" | "Percent" | "percent" | "1")
        || key.metric.contains('%')
        || words(&key.metric).iter().any(|w| {
            matches!(
                w.as_str(),
                "percent"
                    | "pct"
                    | "ratio"
                    | "utilization"
                    | "utilisation"
                    | "util"
                    | "usage"
                    | "rate"
                    | "saturation"
            )
        });
    let bytes = matches!(
        key.unit.as_str(),
        "By" | "Bytes" | "KiBy" | "MiBy" | "GiBy" | "Kilobytes" | "Megabytes" | "Gigabytes"
    );
    named && !bytes && fact.level.max(fact.worst).max(fact.normal) <= 105.0
}

/// Words that tell nothing about what is counted.
const PLAIN: &[&str] = &[
    "max",
    "maximum",
    "limit",
    "limits",
    "quota",
    "capacity",
    "size",
    "in",
    "use",
    "used",
    "usage",
    "active",
    "total",
    "count",
    "current",
    "bytes",
    "mb",
    "by",
    "number",
    "of",
    "the",
    "allowed",
    "allocatable",
    "ceiling",
    "open",
    "avg",
];

/// How names call those who are connected.
const CONNECTED: &[&str] = &[
    "conn",
    "session",
    "client",
    "backend",
    "activity",
    "numbackends",
    "maxclients",
    "maxconn",
];

/// What a metric's name tells of what it counts. Who is connected is called by many words.
fn stems(metric: &str, role: Role) -> Vec<String> {
    words(metric)
        .into_iter()
        .filter(|w| !PLAIN.contains(&w.as_str()))
        .map(|w| match role {
            Role::Connections if CONNECTED.iter().any(|known| w.starts_with(known)) => {
                "conn".to_string()
            }
            _ => w.chars().take(4).collect(),
        })
        .collect()
}

/// At or within 5 % of a known limit: a limit series of the same unit that counts the same, 100 % of a
/// share, the value at which a count sticks; for what is left of something, 5 % of what it used to be.
fn at_limit<'a>(fact: &SeriesFact, limits: impl Iterator<Item = &'a SeriesFact>) -> bool {
    let top = fact.level.max(fact.worst);
    if matches!(fact.role, Role::DiskFree | Role::MemoryFree | Role::Credits) {
        return fact.normal > 0.0 && fact.level.min(fact.worst) <= (1.0 - REACHED) * fact.normal;
    }
    // How many began is not how many there are.
    if fact.series.key.statistic == "increase" {
        return false;
    }
    let counted = stems(&fact.series.key.metric, fact.role);
    let mut known = false;
    for limit in limits.filter(|limit| counts_alike(&counted, fact.role, limit)) {
        if top >= REACHED * limit.level && top <= 1.5 * limit.level {
            return true;
        }
        known |= top < limit.level;
    }
    if let Some(full) = whole(fact) {
        return top >= REACHED * full;
    }
    // Where a limit is known that was not reached, nobody has to guess it.
    !known
        && matches!(fact.role, Role::Connections | Role::Workers)
        && fact.z >= FAR
        && sticks(fact)
}

/// Does the limit say how much there may be of what is counted?
fn counts_alike(counted: &[String], role: Role, limit: &SeriesFact) -> bool {
    limit.level > 0.0 && in_common(counted, role, limit) > 0
}

/// Words in common. That both names begin with the same word tells who told them, if more follows in both.
fn in_common(counted: &[String], role: Role, limit: &SeriesFact) -> usize {
    let stems = stems(&limit.series.key.metric, role);
    let family = stems.len() > 1 && counted.len() > 1 && stems[0] == counted[0];
    let (stems, counted) = if family {
        (&stems[1..], &counted[1..])
    } else {
        (&stems[..], counted)
    };
    stems.iter().filter(|stem| counted.contains(stem)).count()
}

/// What a share of something scarce is a share of: 1 or 100.
fn whole(fact: &SeriesFact) -> Option<f64> {
    let scarce = matches!(
        fact.role,
        Role::Cpu | Role::Memory | Role::Disk | Role::Connections | Role::Workers | Role::Swap
    );
    (scarce && is_share(fact)).then(|| all_of(fact))
}

/// How a share is written that is all there is: as 1, or as 100. What Prometheus calls a ratio is out of 1; and where a limit
/// of files, connections or workers was lowered under what is in use, it is more than all. (A ratio of processors may
/// count them.)
fn all_of(fact: &SeriesFact) -> f64 {
    let key = &fact.series.key;
    let ratio = words(&key.metric).iter().any(|word| word == "ratio")
        && !key.metric.contains("perc")
        && !key.metric.contains("pct")
        && !matches!(key.unit.as_str(), "%" | "Percent" | "percent");
    let may_exceed = matches!(fact.role, Role::Workers | Role::Connections) && fact.normal <= 1.0;
    let most = fact.level.max(fact.worst).max(fact.normal);
    match most <= if ratio && may_exceed { RATIO } else { SHARE } {
        true => 1.0,
        false => 100.0,
    }
}

/// Is it, at its worst, far from a limit that is known? Without one nobody can tell. Of several the one counts that is
/// named most alike; of those the least.
fn is_ample<'a>(fact: &SeriesFact, limits: impl Iterator<Item = &'a SeriesFact>) -> bool {
    let counted = stems(&fact.series.key.metric, fact.role);
    let limit = limits
        .filter(|limit| counts_alike(&counted, fact.role, limit))
        .max_by(|a, b| {
            let alike = |limit: &SeriesFact| in_common(&counted, fact.role, limit);
            let order = alike(a).cmp(&alike(b));
            order.then_with(|| b.level.total_cmp(&a.level))
        })
        .map(|limit| limit.level);
    if matches!(fact.role, Role::DiskFree | Role::MemoryFree | Role::Credits) {
        let least = fact.level.min(fact.worst);
        return limit.is_some_and(|whole| least <= whole && least >= AMPLY_FREE * whole);
    }
    let top = fact.level.max(fact.worst);
    whole(fact)
        .or(limit)
        .is_some_and(|limit| top <= AMPLE * limit)
}

/// Does it stay at its highest value for at least four points?
fn sticks(fact: &SeriesFact) -> bool {
    let values = &fact.series.values;
    let from = fact
        .onset
        .map_or(0, |o| fact.series.times.partition_point(|t| *t < o.hi.0));
    let late = &values[from.min(values.len())..];
    let top = late.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    top > 0.0 && late.iter().filter(|v| **v >= 0.995 * top).count() >= 4
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::{EntityId, Series, SeriesKey};

    use super::*;
    use crate::role::classify;

    fn fact(metric: &str, usual: f64, worst: f64) -> SeriesFact {
        let key = SeriesKey {
            entity: EntityId::from("host/a"),
            metric: metric.to_string(),
            unit: "By".to_string(),
            ..SeriesKey::default()
        };
        SeriesFact {
            role: classify(metric, "", "By"),
            series: Arc::new(Series {
                key,
                times: vec![0, 1],
                values: vec![usual, worst],
            }),
            entity: 0,
            unit: 0,
            normal: usual,
            scale: 1.0,
            level: worst,
            worst,
            z: worst - usual,
            bad: 0.0,
            onset: None,
            recovered: None,
            active: true,
            ramp: true,
        }
    }

    #[test]
    fn there_is_enough_only_where_it_is_known_how_much_there_is() {
        let whole = || fact("node_memory_MemTotal_bytes", 100.0, 100.0);
        for (metric, worst, expected) in [
            ("node_memory_MemAvailable_bytes", 60.0, true),
            ("node_memory_MemAvailable_bytes", 12.0, false),
            ("container_memory_working_set_bytes", 60.0, true),
            ("container_memory_working_set_bytes", 80.0, false),
        ] {
            let fact = fact(metric, 70.0, worst);
            let limits = [whole()];
            assert_eq!(is_ample(&fact, limits.iter()), expected, "{metric} {worst}");
            assert!(!is_ample(&fact, std::iter::empty()), "nobody knows");
        }
    }

    #[test]
    fn a_share_may_be_more_than_all_where_the_limit_was_lowered() {
        for (metric, level, reached, ample) in [
            ("process_worst_fd_ratio", 0.4, false, true),
            ("process_worst_fd_ratio", 0.97, true, false),
            ("process_worst_fd_ratio", 1.0625, true, false),
            // It may count processors.
            ("k8s_node_cpu_utilization_ratio", 3.0, false, true),
            ("process_fd_percent", 1.0625, false, true),
            ("process_fd_percent", 97.0, true, false),
        ] {
            let mut fact = fact(metric, 0.001, level);
            let mut series = Series::clone(&fact.series);
            series.key.unit = String::new();
            fact.series = Arc::new(series);
            let told = (
                at_limit(&fact, std::iter::empty()),
                is_ample(&fact, std::iter::empty()),
            );
            assert_eq!(told, (reached, ample), "{metric} {level}");
        }
    }

    #[test]
    fn a_limit_is_that_of_what_is_counted_and_where_it_is_known_nobody_guesses() {
        let stuck = |metric: &str, level: f64| {
            let mut fact = fact(metric, 1.0, level);
            fact.series = Arc::new(Series {
                key: fact.series.key.clone(),
                times: (0..8).collect(),
                values: vec![level; 8],
            });
            fact
        };
        let most = |metric: &str, level: f64| fact(metric, level, level);
        for (metric, level, limit, allowed, expected) in [
            // Nobody knows a limit of what is counted: where it sticks is one.
            (
                "server_sessions_open",
                8.0,
                "server_settings_max_workers",
                40.0,
                true,
            ),
            (
                "server_sessions_open",
                8.0,
                "server_settings_max_connections",
                40.0,
                false,
            ),
            (
                "server_sessions_open",
                39.0,
                "server_settings_max_connections",
                40.0,
                true,
            ),
            ("process_open_fds", 30.0, "process_max_fds", 1024.0, false),
            ("process_open_fds", 30.0, "process_max_fds", 31.0, true),
            ("db_pool_in_use", 5.0, "db_pool_size", 5.0, true),
        ] {
            let fact = stuck(metric, level);
            let limits = [most(limit, allowed)];
            assert_eq!(
                at_limit(&fact, limits.iter()),
                expected,
                "{metric} {level} of {limit}"
            );
        }
        let mut begun = stuck("pg_stat_database_sessions", 12.0);
        let mut series = Series::clone(&begun.series);
        series.key.statistic = "increase".to_string();
        begun.series = Arc::new(series);
        assert!(
            !at_limit(&begun, std::iter::empty()),
            "they began, and ended"
        );
    }
}
