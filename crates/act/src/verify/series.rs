//! Reads calls, failures and time from metric series, where an entity sends no spans.
//!
//! A metric's own name says what it counts, in words that all telemetry shares: this reads the words, never
//! whole names.

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
    // Shares, times and sizes are no counts.
    if matches!(series.key.unit.as_str(), "%" | "ms" | "s" | "By")
        || has(&[
            "rate",
            "ratio",
            "share",
            "percent",
            "percentage",
            "duration",
            "latency",
            "time",
            "seconds",
            "bytes",
            "size",
            "age",
        ])
        || !matches!(
            series.key.statistic.to_ascii_lowercase().as_str(),
            "" | "sum" | "count" | "total"
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
        "error", "errors", "failed", "failures", "failure", "fault", "faults", "5xx", "5xxerror",
    ]) {
        Counts::Failures
    } else if has(&["requests", "request", "invocations", "calls"]) {
        Counts::Calls
    } else {
        Counts::Other
    }
}

/// The sum over the window of a series of counts per interval, or the growth of one that only ever grows.
fn amount(series: &Series, window: TimeWindow) -> Option<f64> {
    let range = series.range(window.from(), window.to());
    let values = series.values.get(range)?;
    if values.is_empty() {
        return None;
    }
    let grows = series.values.len() > 2 && series.values.windows(2).all(|w| w[0] <= w[1]);
    let constant = series.values.first() == series.values.last();
    let named_total = words(&series.key.metric).iter().any(|word| word == "total");
    if named_total || (grows && !constant) {
        // A running total: what it grew by; a fall is a restart from zero.
        let start = series.times.partition_point(|t| *t < window.from().0);
        let mut before = start
            .checked_sub(1)
            .and_then(|i| series.values.get(i))
            .or(values.first())
            .copied()?;
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
    } else {
        Some(values.iter().sum())
    }
}

/// Calls and failures of an entity by its own counters.
pub(super) fn calls(
    eyes: &dyn Eyes,
    window: TimeWindow,
    entity: &EntityId,
) -> Result<Counted, String> {
    let series = of_entity(eyes, entity)?;
    let sum = |what: Counts| {
        series
            .iter()
            .filter(|series| counts(series) == what)
            .filter_map(|series| amount(series, window))
            .reduce(|a, b| a + b)
    };
    let refused = sum(Counts::Refusals).unwrap_or(0.0);
    match sum(Counts::Calls) {
        Some(calls) => Ok(Counted {
            calls: calls + refused,
            failed: sum(Counts::Failures).unwrap_or(0.0) + refused,
        }),
        None => Err(format!(
            "{entity} sends neither spans of calls that it answers nor counts of them"
        )),
    }
}

/// Its response time by its own series, the worst of them.
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
    let mut worst: Option<(f64, String)> = None;
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
        // A sum of times or a maximum is not how long calls take.
        let statistic = series.key.statistic.to_ascii_lowercase();
        if !named
            || matches!(
                statistic.as_str(),
                "sum" | "count" | "maximum" | "max" | "minimum" | "min"
            )
        {
            continue;
        }
        let Some(mean) = mean_of(series, window) else {
            continue;
        };
        let ms = mean * to_ms;
        if worst.as_ref().is_none_or(|(before, _)| ms > *before) {
            worst = Some((ms, series.key.to_string()));
        }
    }
    match worst {
        Some((ms, name)) => yes_if(ms <= at_most_ms, format!("{name} is {ms:.0} ms")),
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

/// The mean of each series of that name within the window; all must be well.
pub(super) fn mean(
    eyes: &dyn Eyes,
    window: TimeWindow,
    entity: &EntityId,
    metric: &str,
    statistic: &str,
    well: &dyn Fn(f64) -> bool,
) -> Seen {
    let all = match MetricSource::series(eyes) {
        Answer::Found(all) => all,
        Answer::Nothing => Vec::new(),
        Answer::CouldNotLook(gap) => {
            return cannot_tell(format!("could not look: {:?} {}", gap.why, gap.detail));
        }
    };
    let means: Vec<f64> = all
        .iter()
        .filter(|series| {
            series.key.entity == *entity
                && series.key.metric == metric
                && series.key.statistic == statistic
        })
        .filter_map(|series| mean_of(series, window))
        .collect();
    let Some(first) = means.first() else {
        return cannot_tell(format!("{metric} of {entity} has no reading since then"));
    };
    match means.iter().find(|mean| !well(**mean)) {
        Some(bad) => (Holds::No, format!("it is {bad}")),
        None => (Holds::Yes, format!("it is {first}")),
    }
}
