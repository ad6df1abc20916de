//! Reads calls, failures and time from metric series, where an entity sends no spans.
//!
//! A metric's own name says what it counts, in words that all telemetry shares: this reads the words, never
//! whole names.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::entity::EntityId;
use model::plan::Holds;
use model::ports::{Eyes, MetricSource};
use model::query::Answer;
use model::telemetry::Series;
use model::time::TimeWindow;

use super::{Seen, cannot_tell, yes_if};

/// Calls counted within a window.
pub(super) struct Counted {
    pub(super) calls: f64,
    pub(super) failed: f64,
}

/// What a series counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counts {
    Calls,
    Failures,
    /// Calls that were turned away before they were counted as calls.
    Refusals,
    Other,
}

fn of_entity(eyes: &dyn Eyes, entity: &EntityId) -> Result<Vec<Arc<Series>>, String> {
    match MetricSource::series(eyes) {
        Answer::Found(series) => Ok(series
            .into_iter()
            .filter(|series| series.key.entity == *entity)
            .collect()),
        Answer::Nothing => Ok(Vec::new()),
        Answer::CouldNotLook(gap) => Err(format!(
            "{entity} sends no spans, and metrics could not be read: {:?} {}",
            gap.why, gap.detail
        )),
    }
}

/// The words of a metric's name, in lower case: `http.server.Errors5xx` is http, server, errors5xx.
fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut lower_before = false;
    for c in name.chars() {
        let breaks = !c.is_alphanumeric() || (c.is_uppercase() && lower_before);
        if breaks && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        lower_before = c.is_lowercase() || c.is_ascii_digit();
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

fn counts(series: &Series) -> Counts {
    let words = words(&series.key.metric);
    let has = |any: &[&str]| words.iter().any(|word| any.contains(&word.as_str()));
    let statistic = series.key.statistic.to_ascii_lowercase();
    let timed = has(&["duration", "latency"]);
    // How many times were measured is how many calls there were.
    if timed && statistic == "count" {
        return if failed(series) {
            Counts::Failures
        } else {
            Counts::Calls
        };
    }
    // Shares, times and sizes are no counts.
    if timed
        || matches!(series.key.unit.as_str(), "%" | "ms" | "s" | "By")
        || has(&[
            "rate",
            "ratio",
            "share",
            "percent",
            "percentage",
            "time",
            "seconds",
            "bytes",
            "size",
            "age",
        ])
        || !matches!(
            statistic.as_str(),
            "" | "sum" | "count" | "total" | "increase"
        )
    {
        Counts::Other
    } else if has(&[
        "throttles",
        "throttled",
        "throttle",
        "rejected",
        "rejections",
    ]) {
        Counts::Refusals
    } else if has(&[
        "error", "errors", "failed", "failures", "failure", "fault", "faults", "5xx",
    ]) || words.iter().any(|word| word.ends_with("5xx"))
    {
        Counts::Failures
    } else if has(&["requests", "request", "invocations", "calls"]) {
        if failed(series) {
            Counts::Failures
        } else {
            Counts::Calls
        }
    } else {
        Counts::Other
    }
}

/// Does a dimension say that these calls failed? OpenTelemetry's conventions: an `error.type`, or a status of the
/// server's own fault.
fn failed(series: &Series) -> bool {
    series.key.labels.iter().any(|(name, value)| {
        let name = name.replace('_', ".");
        name == "error.type"
            || (name.ends_with("status.code")
                && value
                    .parse::<u16>()
                    .is_ok_and(|code| (500..600).contains(&code)))
    })
}

/// The sum over the window of a series of counts per interval, or the growth of one that only ever grows.
fn amount(series: &Series, window: TimeWindow) -> Option<f64> {
    let values = series
        .values
        .get(series.range(window.from(), window.to()))?;
    let first = values.first()?;
    // A source that names a statistic has made intervals of it; a bare number may be a running total.
    let total = words(&series.key.metric).iter().any(|word| word == "total");
    let grows = series.values.len() > 2
        && series.values.is_sorted()
        && series.values.first() < series.values.last();
    if !series.key.statistic.is_empty() || !(total || grows) {
        return Some(values.iter().sum());
    }
    // What it grew by; a fall is a restart from zero.
    let start = series.times.partition_point(|t| *t < window.from().0);
    let earlier = start.checked_sub(1).and_then(|i| series.values.get(i));
    let mut before = *earlier.unwrap_or(first);
    let mut sum = 0.0;
    for value in values {
        sum += if *value >= before {
            value - before
        } else {
            *value
        };
        before = *value;
    }
    Some(sum)
}

/// Calls and failures of an entity by its own counters.
///
/// Several metrics may count the same calls, each perhaps in several series: series of one metric are added, and of
/// several metrics the one that counts most is believed.
pub(super) fn calls(
    eyes: &dyn Eyes,
    window: TimeWindow,
    entity: &EntityId,
) -> Result<Counted, String> {
    let series = of_entity(eyes, entity)?;
    let most = |what: Counts| {
        let mut metrics: BTreeMap<(&str, &str), f64> = BTreeMap::new();
        for series in series.iter().filter(|series| counts(series) == what) {
            if let Some(amount) = amount(series, window) {
                let key = (series.key.metric.as_str(), series.key.statistic.as_str());
                *metrics.entry(key).or_default() += amount;
            }
        }
        metrics.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))
    };
    let refused = most(Counts::Refusals).map_or(0.0, |(_, amount)| amount);
    let failures = most(Counts::Failures);
    let calls = most(Counts::Calls);
    let failed = failures.map_or(0.0, |(_, amount)| amount);
    // Failures that are a part of one metric by its dimensions are not among the rest of it.
    let apart = match (&failures, &calls) {
        (Some((failures, _)), Some((calls, _))) => failures == calls,
        (Some(_), None) => series
            .iter()
            .any(|series| counts(series) == Counts::Failures && self::failed(series)),
        _ => false,
    };
    match calls {
        Some((_, calls)) => Ok(Counted {
            calls: calls + refused + if apart { failed } else { 0.0 },
            failed: failed + refused,
        }),
        // Everything fails, so that nothing is counted as anything else.
        None if apart || refused > 0.0 => Ok(Counted {
            calls: failed + refused,
            failed: failed + refused,
        }),
        None => Err(format!(
            "{entity} sends neither spans of calls that it answers nor counts of them"
        )),
    }
}

/// Its response time by its own series: the statistic nearest to the 95th percentile, and of several series the worst.
pub(super) fn latency(
    eyes: &dyn Eyes,
    window: TimeWindow,
    entity: &EntityId,
    at_most_ms: f64,
) -> Seen {
    let series = match of_entity(eyes, entity) {
        Ok(series) => series,
        Err(why) => return cannot_tell(why),
    };
    // The rank of a statistic as an answer to "how long do slow calls take"; the best there is decides.
    let mut best: Option<(u8, f64, String)> = None;
    for series in &series {
        let named = words(&series.key.metric)
            .iter()
            .any(|word| matches!(word.as_str(), "duration" | "latency"));
        let to_ms = match series.key.unit.as_str() {
            "ms" => 1.0,
            "s" => 1000.0,
            "us" => 1e-3,
            _ => continue,
        };
        let rank = match series.key.statistic.to_ascii_lowercase().as_str() {
            "p95" => 0,
            "p99" => 1,
            "p90" => 2,
            "mean" | "average" | "avg" | "" => 3,
            "p50" => 4,
            // A sum of times or a maximum is not how long calls take.
            _ => continue,
        };
        let Some(mean) = mean_of(series, window).filter(|_| named) else {
            continue;
        };
        let ms = mean * to_ms;
        if best
            .as_ref()
            .is_none_or(|(r, before, _)| rank < *r || (rank == *r && ms > *before))
        {
            best = Some((rank, ms, series.key.to_string()));
        }
    }
    match best {
        Some((_, ms, name)) => yes_if(ms <= at_most_ms, format!("{name} is {ms:.0} ms")),
        None => cannot_tell(format!(
            "{entity} sends neither spans of calls that it answers nor their duration"
        )),
    }
}

fn mean_of(series: &Series, window: TimeWindow) -> Option<f64> {
    let values = series
        .values
        .get(series.range(window.from(), window.to()))?;
    let count = values.len();
    (count > 0).then(|| values.iter().sum::<f64>() / count as f64)
}

/// The mean of each series of that name (entity, metric, statistic) within the window, or where a series has no
/// reading there its newest one within the `whole`: readings may be further apart than the window is long. All
/// must be well.
pub(super) fn mean(
    eyes: &dyn Eyes,
    window: TimeWindow,
    whole: Option<TimeWindow>,
    (entity, metric, statistic): (&EntityId, &str, &str),
    well: &dyn Fn(f64) -> bool,
) -> Seen {
    let all = match MetricSource::series(eyes) {
        Answer::Found(all) => all,
        Answer::Nothing => Vec::new(),
        Answer::CouldNotLook(gap) => {
            return cannot_tell(format!("could not look: {:?} {}", gap.why, gap.detail));
        }
    };
    let newest = |series: &Series| {
        let whole = whole?;
        let values = series.values.get(series.range(whole.from(), whole.to()))?;
        values.last().copied()
    };
    let readings: Vec<f64> = all
        .iter()
        .filter(|series| {
            series.key.entity == *entity
                && series.key.metric == metric
                && series.key.statistic == statistic
        })
        .filter_map(|series| mean_of(series, window).or_else(|| newest(series)))
        .collect();
    let Some(first) = readings.first() else {
        return cannot_tell(format!("{metric} of {entity} has no reading since then"));
    };
    match readings.iter().find(|reading| !well(**reading)) {
        Some(bad) => (Holds::No, format!("it is {bad}")),
        None => (Holds::Yes, format!("it is {first}")),
    }
}
