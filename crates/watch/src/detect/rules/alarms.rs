//! Alarms on metrics and expressions: what can be wrong with one, and how it is computed.

use std::collections::{BTreeMap, BTreeSet};

use model::Span;
use model::time::{MINUTE, SECOND};

use super::super::datapoints::{Selector, Statistic};
use super::super::declared::{AlarmRule, LowSamples, MetricQuery, Window};
use super::super::length::Length;
use super::super::math::{Expression, Grid, Inputs, Value};
use super::{MetricAlarm, Read};

/// Periods that CloudWatch has, and shorter ones for telemetry of our own.
pub(super) fn check_period(period: Length) -> Result<i64, String> {
    let seconds = period.whole_seconds();
    if [1, 5, 10, 20, 30].contains(&seconds) || (seconds > 0 && seconds % 60 == 0) {
        Ok(seconds)
    } else {
        Err(format!(
            "a period is 1s, 5s, 10s, 20s, 30s or a whole number of minutes, not {period}"
        ))
    }
}

pub(super) fn training(rule: &AlarmRule) -> i64 {
    rule.train.map_or(14 * 24 * 60 * MINUTE, |train| train.0.0)
}

pub(super) fn metric_alarm(rule: AlarmRule) -> Result<MetricAlarm, String> {
    let seconds = check_period(rule.period)?;
    let period = seconds * SECOND;
    let n = i64::from(rule.evaluation_periods);
    let m = i64::from(rule.datapoints_to_alarm.unwrap_or(rule.evaluation_periods));
    if n < 1 || m < 1 || m > n {
        return Err(format!(
            "datapoints_to_alarm is 1 to evaluation_periods; here it is {m} of {n}"
        ));
    }
    // CloudWatch's limits; without one, a rule could ask for years of numbers at each evaluation.
    let limit = if seconds < 3600 { 86_400 } else { 604_800 };
    if n.saturating_mul(seconds) > limit {
        return Err(format!(
            "evaluation_periods times period is {}; at most {} for periods {} an hour",
            Span::seconds(n.saturating_mul(seconds)),
            Span::seconds(limit),
            if seconds < 3600 { "below" } else { "from" },
        ));
    }
    check_line(&rule)?;
    let tick = match (rule.window, rule.every) {
        (Window::WallClock, None) => period,
        (Window::WallClock, Some(_)) => {
            return Err(
                "a window by the clock moves period by period; leave out `every`".to_string(),
            );
        }
        (Window::Sliding, Some(every)) => {
            let every = every.0.0;
            if every < SECOND || every > period || period % every != 0 {
                return Err(format!("every divides the period {}", rule.period));
            }
            every
        }
        (Window::Sliding, None) if n * seconds > 86_400 => 60 * MINUTE,
        (Window::Sliding, None) if seconds < 10 => period,
        (Window::Sliding, None) if seconds < 60 => 10 * SECOND,
        (Window::Sliding, None) => MINUTE,
    };
    let mut alarm = MetricAlarm {
        reads: Vec::new(),
        steps: Vec::new(),
        tested: None,
        n: n as usize,
        m: m as usize,
        period,
        tick,
        history: 0,
        rule,
    };
    inputs(&mut alarm)?;
    let learns = |e: &Expression| e.calls("ANOMALY_DETECTION_BAND");
    if alarm.steps.iter().any(|(_, e)| learns(e)) || alarm.tested.as_ref().is_some_and(learns) {
        alarm.history = usize::try_from(training(&alarm.rule) / period).unwrap_or(0);
    }
    trial(&alarm)?;
    Ok(alarm)
}

fn check_line(rule: &AlarmRule) -> Result<(), String> {
    let band = rule.comparison.is_band();
    match (band, rule.threshold) {
        (false, None) => return Err("threshold is missing".to_string()),
        (true, Some(_)) => {
            return Err(
                "a comparison with a learned band has no threshold, but a band_width".to_string(),
            );
        }
        (false, Some(line)) if !line.is_finite() => {
            return Err("threshold is a finite number".to_string());
        }
        _ => {}
    }
    if !band && rule.band_width.is_some() {
        return Err(
            "band_width belongs to a comparison with a learned band, such as GreaterThanUpperThreshold".to_string(),
        );
    }
    if rule
        .band_width
        .is_some_and(|width| !width.is_finite() || width <= 0.0)
    {
        return Err("band_width is above 0".to_string());
    }
    let seconds = rule.period.whole_seconds();
    if rule.train.is_some_and(|train| {
        let train = train.whole_seconds();
        train > 28 * 86_400 || train < seconds.saturating_mul(super::super::band::LEAST as i64)
    }) {
        return Err(format!(
            "train is at least {} periods and at most 28d",
            super::super::band::LEAST
        ));
    }
    if rule
        .train
        .is_none_or(|train| train.whole_seconds() / seconds.max(1) > 50_000)
        && band
        && seconds < 10
    {
        return Err(
            "with so short a period, say how long to train: at most 50000 periods".to_string(),
        );
    }
    Ok(())
}

/// What is read, and what is computed from it.
fn inputs(alarm: &mut MetricAlarm) -> Result<(), String> {
    let rule = &alarm.rule;
    match (&rule.metric, rule.metrics.is_empty()) {
        (Some(_), false) => return Err("it has a metric and metrics; one of the two".to_string()),
        (None, true) => return Err("it has neither a metric nor metrics".to_string()),
        (Some(metric), true) => {
            if rule.expression.is_some() {
                return Err("an expression is over metrics, each with its id".to_string());
            }
            alarm.reads.push(Read {
                id: "m".to_string(),
                selector: Selector {
                    metric: metric.clone(),
                    entity: rule.entity.clone(),
                    labels: rule.matching.clone(),
                },
                statistic: rule.statistic.unwrap_or(Statistic::Average),
            });
            return Ok(());
        }
        (None, false) => {}
    }
    if rule.statistic.is_some() || !rule.matching.is_empty() {
        return Err("statistic and matching belong to each of the metrics".to_string());
    }
    let mut ids = BTreeSet::new();
    for query in &rule.metrics {
        if !query.id.starts_with(|c: char| c.is_ascii_lowercase())
            || !query
                .id
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_')
        {
            return Err(format!(
                "id {:?} begins with a lower-case letter; letters, digits and _ follow",
                query.id
            ));
        }
        if !ids.insert(query.id.as_str()) {
            return Err(format!("two metrics have the id {:?}", query.id));
        }
        match (&query.metric, &query.expression) {
            (Some(metric), None) => alarm.reads.push(read_of(query, metric, &rule.entity)),
            (None, Some(text)) => {
                if query.statistic.is_some() || query.entity.is_some() || !query.matching.is_empty()
                {
                    return Err(format!(
                        "{:?} is an expression and has nothing else",
                        query.id
                    ));
                }
                let expression =
                    Expression::parse(text).map_err(|e| format!("{:?}: {e}", query.id))?;
                alarm.steps.push((query.id.clone(), expression));
            }
            _ => return Err(format!("{:?} has a metric or an expression", query.id)),
        }
    }
    if alarm.reads.is_empty() || alarm.reads.len() > 10 {
        return Err(format!(
            "an expression is over 1 to 10 metrics, not {}",
            alarm.reads.len()
        ));
    }
    let text = rule
        .expression
        .as_ref()
        .ok_or("expression is missing: which of the metrics, or what over them, is tested")?;
    alarm.tested = Some(Expression::parse(text).map_err(|e| format!("expression: {e}"))?);
    Ok(())
}

pub(super) fn read_of(query: &MetricQuery, metric: &str, entity: &str) -> Read {
    Read {
        id: query.id.clone(),
        selector: Selector {
            metric: metric.to_string(),
            entity: query.entity.clone().unwrap_or_else(|| entity.to_string()),
            labels: query.matching.clone(),
        },
        statistic: query.statistic.unwrap_or(Statistic::Average),
    }
}

/// Evaluates once over nothing: the sort of a value never depends on the data, so all errors show.
fn trial(alarm: &MetricAlarm) -> Result<(), String> {
    if let Some(read) = alarm
        .reads
        .iter()
        .find(|r| r.selector.is_pattern() && r.selector.entity != alarm.rule.entity)
    {
        return Err(format!(
            "{:?}: the entity of one of several metrics is the rule's or a single one, not another pattern",
            read.id
        ));
    }
    let Some(tested) = &alarm.tested else {
        return Ok(());
    };
    let grid = Grid {
        from: 0,
        period: alarm.period,
        length: 2,
        history: 0,
    };
    let metrics = alarm
        .reads
        .iter()
        .map(|read| (read.id.clone(), vec![None; 2]))
        .collect();
    let value = alarm.compute(&metrics, grid, tested)?;
    match value {
        Value::Series(_) => Ok(()),
        other => Err(format!(
            "expression gives {}, and an alarm tests a single series",
            other.sort()
        )),
    }
}

impl MetricAlarm {
    /// The value of an expression after all the steps before it.
    pub(in super::super) fn compute(
        &self,
        metrics: &BTreeMap<String, Vec<Option<f64>>>,
        grid: Grid,
        tested: &Expression,
    ) -> Result<Value, String> {
        let mut earlier = BTreeMap::new();
        for (id, expression) in &self.steps {
            let inputs = Inputs {
                metrics,
                earlier: &earlier,
                grid,
            };
            let value = expression
                .evaluate(&inputs)
                .map_err(|e| format!("{id:?}: {e}"))?;
            earlier.insert(id.clone(), value);
        }
        let inputs = Inputs {
            metrics,
            earlier: &earlier,
            grid,
        };
        tested
            .evaluate(&inputs)
            .map_err(|e| format!("expression: {e}"))
    }

    /// How long a history a learned band is fitted on, in nanoseconds.
    pub(in super::super) fn training(&self) -> i64 {
        training(&self.rule)
    }

    /// Does a percentile with too few samples keep its state?
    pub(in super::super) fn share_wanting_samples(&self) -> Option<f64> {
        let read = self.reads.first()?;
        match read.statistic {
            Statistic::Percentile(share)
                if self.tested.is_none() && self.rule.low_samples == LowSamples::Ignore =>
            {
                Some(share)
            }
            _ => None,
        }
    }
}
