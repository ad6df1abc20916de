//! Alarms on a metric or an expression.

use std::collections::{BTreeMap, BTreeSet};

use model::{EntityId, TimeWindow, Timestamp};

use super::band::Band;
use super::datapoints::{Datapoint, too_few_samples};
use super::evaluate::{Finding, Round, last_tick, numbers};
use super::math::{Grid, Value};
use super::missing::{Decision, decide, evaluation_range};
use super::reason::{Evaluated, Judged};
use super::rules::MetricAlarm;
use super::state::{State, Transition};

/// How long a learned band serves before it is learned afresh: an hour, in nanoseconds.
const RELEARN: i64 = 3600 * model::time::SECOND;
/// How wide a learned band is on each side, in standard deviations, if nobody says.
const BAND_WIDTH: f64 = 2.0;

/// The numbers of each read, by entity.
type Numbers = Vec<BTreeMap<EntityId, Vec<Datapoint>>>;

pub(super) fn evaluate(alarm: &MetricAlarm, round: &mut Round<'_>) {
    let name = alarm.rule.name.as_str();
    let range = evaluation_range(alarm.n);
    let length = range.saturating_add(alarm.history);
    let Some(grid) = grid_before(last_tick(round.now, alarm.tick), alarm.period, length) else {
        return;
    };
    let grid = Grid {
        history: alarm.history,
        ..grid
    };
    let read = match read(alarm, round, grid) {
        Ok(read) => read,
        Err(gap) => return round.keep_all(name, gap),
    };
    for entity in entities(alarm, round, &read) {
        let mut standing = round.standing(name, &entity);
        if alarm.rule.comparison.is_band() {
            let stale = standing
                .band
                .as_ref()
                .is_none_or(|band| round.now.since(band.fitted).0 >= RELEARN.max(alarm.period));
            if stale && let Some(band) = learn(alarm, round, &entity, grid) {
                standing.band = Some(band);
            }
        }
        let tested = tested(alarm, &read, &entity, grid);
        let judged = judge(alarm, &tested, grid, standing.band.as_ref());
        let finding = conclude(alarm, round, entity, standing, &judged, grid);
        settle(alarm, round, finding);
    }
}

/// The grid of `length` whole periods that ends at `end`; `None` where that is outside of representable time.
fn grid_before(end: i64, period: i64, length: usize) -> Option<Grid> {
    let whole = period.checked_mul(i64::try_from(length).ok()?)?;
    Some(Grid {
        from: end.checked_sub(whole)?,
        period,
        length,
        history: 0,
    })
}

fn window(grid: Grid) -> Option<TimeWindow> {
    TimeWindow::new(Timestamp(grid.from), Timestamp(grid.at(grid.length)))
}

fn read(alarm: &MetricAlarm, round: &Round<'_>, grid: Grid) -> Result<Numbers, model::Gap> {
    let Some(window) = window(grid) else {
        return Ok(vec![BTreeMap::new(); alarm.reads.len()]);
    };
    alarm
        .reads
        .iter()
        .map(|read| numbers(round, read, window, alarm.period))
        .collect()
}

/// Whom the rule watches: everybody whom a pattern found, everybody known before, and whoever is named.
fn entities(alarm: &MetricAlarm, round: &Round<'_>, read: &Numbers) -> BTreeSet<EntityId> {
    if !alarm.rule.entity.contains('*') {
        return BTreeSet::from([EntityId::from(alarm.rule.entity.as_str())]);
    }
    let mut entities = round.known(&alarm.rule.name);
    for (query, found) in alarm.reads.iter().zip(read) {
        if query.selector.entity == alarm.rule.entity {
            entities.extend(found.keys().cloned());
        }
    }
    // A pattern whose rule was narrowed since watches fewer than it did.
    entities.retain(|entity| super::datapoints::matches(&alarm.rule.entity, entity.as_str()));
    entities
}

/// The tested series of one entity, and from how many samples each value is.
fn tested(
    alarm: &MetricAlarm,
    read: &Numbers,
    entity: &EntityId,
    grid: Grid,
) -> Vec<Option<(f64, f64)>> {
    let mut metrics = BTreeMap::new();
    let mut samples = vec![0.0f64; grid.length];
    for (query, found) in alarm.reads.iter().zip(read) {
        // The entity's own numbers, or those of the single one that stands beside every entity.
        let own = found.get(entity);
        let points = if query.selector.is_pattern() || query.selector.entity == entity.as_str() {
            own
        } else {
            found.values().next()
        };
        let mut series = vec![None; grid.length];
        for point in points.into_iter().flatten() {
            let offset = point.at.0.saturating_sub(grid.from);
            let place = usize::try_from(offset.div_euclid(grid.period)).ok();
            let Some(place) = place.filter(|place| *place < grid.length) else {
                continue;
            };
            if point.value.is_finite() {
                series[place] = Some(point.value);
                if point.samples.is_finite() {
                    samples[place] = samples[place].max(point.samples);
                }
            }
        }
        metrics.insert(query.id.clone(), series);
    }
    let series = match &alarm.tested {
        None => metrics
            .pop_first()
            .map(|(_, series)| series)
            .unwrap_or_default(),
        Some(expression) => match alarm.compute(&metrics, grid, expression) {
            Ok(Value::Series(series)) => series,
            // Sorts of values do not depend on data, and were checked when the rule was read.
            _ => vec![None; grid.length],
        },
    };
    series
        .into_iter()
        .zip(samples)
        .map(|(value, samples)| value.map(|value| (value, samples)))
        .collect()
}

/// What is normal for the entity, from before the evaluation range.
fn learn(alarm: &MetricAlarm, round: &Round<'_>, entity: &EntityId, grid: Grid) -> Option<Band> {
    let length = usize::try_from(alarm.training() / alarm.period).ok()?;
    let end = grid.at(grid.history);
    let mut past = grid_before(end, alarm.period, length.saturating_add(alarm.history))?;
    past.history = alarm.history;
    let whole = window(past)?;
    let reads: Option<Numbers> = alarm
        .reads
        .iter()
        .map(|read| {
            let mut narrow = read.clone();
            if narrow.selector.is_pattern() {
                narrow.selector.entity = entity.as_str().to_string();
            }
            // A history that cannot be read now is learned from later.
            numbers(round, &narrow, whole, alarm.period).ok()
        })
        .collect();
    let series = tested(alarm, &reads?, entity, past);
    let (times, values): (Vec<i64>, Vec<f64>) = series
        .iter()
        .enumerate()
        .skip(past.history)
        .filter_map(|(i, value)| value.map(|(value, _)| (past.at(i), value)))
        .unzip();
    Band::fit(&times, &values, round.now.0)
}

/// Every period of the evaluation range: the value, its line, and whether it breaches.
fn judge(
    alarm: &MetricAlarm,
    tested: &[Option<(f64, f64)>],
    grid: Grid,
    band: Option<&Band>,
) -> Vec<Option<Judged>> {
    let width = alarm.rule.band_width.unwrap_or(BAND_WIDTH);
    let comparison = alarm.rule.comparison;
    let of = |(i, value): (usize, &Option<(f64, f64)>)| {
        let (value, samples) = (*value)?;
        let at = grid.at(i);
        let line = match alarm.rule.threshold {
            Some(line) if !comparison.is_band() => (line, line),
            // Without a learned band nothing can be said of the value.
            _ => band?.range(at, width),
        };
        Some(Judged {
            point: Datapoint {
                at: Timestamp(at),
                value,
                samples,
            },
            line,
            breaching: comparison.breaches(value, line),
        })
    };
    tested
        .iter()
        .enumerate()
        .skip(grid.history)
        .map(of)
        .collect()
}

fn conclude(
    alarm: &MetricAlarm,
    round: &Round<'_>,
    entity: EntityId,
    mut standing: super::state::Standing,
    judged: &[Option<Judged>],
    grid: Grid,
) -> Finding {
    let marks: Vec<Option<bool>> = judged.iter().map(|j| j.map(|j| j.breaching)).collect();
    let real: Vec<Judged> = judged.iter().flatten().copied().collect();
    // With enough of them the newest N count, else all.
    let counted = real
        .get(real.len().saturating_sub(alarm.n)..)
        .unwrap_or(&[]);
    let newest = counted.last().map(|j| j.point);
    if newest.is_some() {
        standing.heard = round.now;
    }
    let too_few = alarm
        .share_wanting_samples()
        .zip(newest)
        .is_some_and(|(share, newest)| too_few_samples(share, newest.samples));
    let decision = if too_few {
        Decision::Keep
    } else {
        decide(&marks, alarm.n, alarm.m, alarm.rule.treat_missing_data)
    };
    let to = match decision {
        Decision::Alarm => State::Alarm,
        Decision::Ok => State::Ok,
        Decision::InsufficientData => State::InsufficientData,
        Decision::Keep => standing.state,
    };
    standing.forced = false;
    let turned = (to != standing.state || to != standing.told).then(|| {
        let evaluated = Evaluated {
            to,
            comparison: alarm.rule.comparison,
            missing: alarm.rule.treat_missing_data,
            n: alarm.n,
            m: alarm.m,
            range: judged.len(),
            judged: counted,
        };
        let start = counted
            .first()
            .map_or(Timestamp(grid.at(grid.history)), |j| j.point.at);
        let statistic = match &alarm.tested {
            None => alarm
                .reads
                .first()
                .map(|r| r.statistic.to_string())
                .unwrap_or_default(),
            Some(_) => String::new(),
        };
        let seconds = alarm.period / model::time::SECOND;
        // A state that was kept keeps its reason: nothing new is known.
        let text = match decision {
            Decision::Keep => standing.reason.clone(),
            _ => evaluated.text(),
        };
        (text, evaluated.data(round.now, start, &statistic, seconds))
    });
    let true_at = turned
        .is_some()
        .then(|| completed(alarm, round, &entity, grid))
        .flatten();
    if to != standing.state {
        standing.state = to;
        standing.since = round.now;
    }
    Finding {
        entity,
        standing,
        turned,
        observed: newest.map(|point| point.value),
        true_at,
    }
}

/// When the state that was just found became true in the data: when the evaluated periods were over, or, if they had
/// been evaluated before, when the first of what has come in since did. Never later than it was.
fn completed(
    alarm: &MetricAlarm,
    round: &Round<'_>,
    entity: &EntityId,
    grid: Grid,
) -> Option<Timestamp> {
    let window = window(grid)?;
    let came = alarm.reads.iter().filter_map(|read| {
        let mut own = read.selector.clone();
        if own.is_pattern() {
            own.entity = entity.as_str().to_string();
        }
        round.source.came_since(&own, window)
    });
    Some(came.min().map_or(window.to(), |came| came.max(window.to())))
}

/// Writes down what was found, and tells if it must be told.
fn settle(alarm: &MetricAlarm, round: &mut Round<'_>, finding: Finding) {
    let rule = &alarm.rule;
    let Finding {
        entity,
        mut standing,
        turned,
        observed,
        true_at,
    } = finding;
    if round.forgettable(&standing) && rule.entity.contains('*') {
        return;
    }
    if let Some((reason, data)) = turned {
        let metric = match (&rule.metric, &rule.expression) {
            (Some(metric), _) => metric.clone(),
            (None, expression) => expression.clone().unwrap_or_default(),
        };
        round.told.push(Transition {
            rule: rule.name.clone(),
            entity: entity.clone(),
            from: standing.told,
            to: standing.state,
            at: round.now,
            true_at,
            reason: reason.clone(),
            data,
            description: rule.description.clone(),
            severity: rule.severity,
            metric,
            statistic: match (&rule.metric, alarm.reads.first()) {
                (Some(_), Some(read)) => read.statistic.to_string(),
                _ => String::new(),
            },
            threshold: rule.threshold,
            observed,
            labels: rule.labels.clone(),
        });
        standing.labels.clone_from(&rule.labels);
        standing.told = standing.state;
        standing.reason = reason;
    }
    round.keep(&rule.name, entity, standing);
}
