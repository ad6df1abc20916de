//! Burn-rate alarms on objectives, after the SRE workbook, chapter 5 ("Multiwindow, Multi-Burn-Rate Alerts").
//!
//! The error budget is the share of events that may be bad: 1 - objective. It burns at rate 1 when exactly that
//! share is bad. An alarm fires while it burns too fast over a long window (it matters) and over a short one (it
//! still goes on), so that it ends soon after the trouble does.

use std::collections::{BTreeMap, BTreeSet};

use model::{EntityId, Severity, TimeWindow, Timestamp};
use serde_json::json;

use super::datapoints::Datapoint;
use super::declared::BurnRule;
use super::evaluate::{Round, last_tick, numbers};
use super::rules::{Read, Slo};
use super::state::{State, Transition};

/// Events of one entity in one window.
#[derive(Clone, Copy, Debug, Default)]
struct Events {
    bad: f64,
    total: f64,
}

impl Events {
    /// How many times faster than would use up the budget just in time; 0 without events.
    fn rate(self, objective: f64) -> f64 {
        if self.total > 0.0 {
            self.bad / self.total / (1.0 - objective)
        } else {
            0.0
        }
    }
}

type Counted = BTreeMap<EntityId, Events>;

pub(super) fn evaluate(slo: &Slo, round: &mut Round<'_>) {
    let name = slo.rule.name.as_str();
    let end = last_tick(round.now, slo.tick);
    let mut lengths: BTreeSet<i64> = BTreeSet::new();
    for pair in &slo.burn {
        lengths.extend([pair.long.0.0, pair.short.0.0]);
    }
    let mut windows: BTreeMap<i64, Counted> = BTreeMap::new();
    for length in lengths {
        match count(slo, round, end, length) {
            Ok(counted) => {
                windows.insert(length, counted);
            }
            Err(gap) => return round.keep_all(name, gap),
        }
    }
    let mut entities = round.known(name);
    entities.extend(windows.values().flat_map(|counted| counted.keys().cloned()));
    if !slo.rule.entity.contains('*') {
        entities.insert(EntityId::from(slo.rule.entity.as_str()));
    }
    entities.retain(|entity| super::datapoints::matches(&slo.rule.entity, entity.as_str()));
    for entity in entities {
        judge(slo, round, entity, &windows);
    }
}

fn count(slo: &Slo, round: &Round<'_>, end: i64, length: i64) -> Result<Counted, model::Gap> {
    let window = end
        .checked_sub(length)
        .and_then(|from| TimeWindow::new(Timestamp(from), Timestamp(end)));
    let Some(window) = window else {
        return Ok(Counted::new());
    };
    let read = |read: &Read| numbers(round, read, window, length);
    let sum = |points: &[Datapoint]| -> f64 {
        let finite = points.iter().map(|p| p.value).filter(|v| v.is_finite());
        finite.sum::<f64>().max(0.0)
    };
    let mut counted = Counted::new();
    for (entity, points) in read(&slo.total)? {
        counted.entry(entity).or_default().total = sum(&points);
    }
    for (entity, points) in read(&slo.bad)? {
        let events = counted.entry(entity).or_default();
        // Two metrics may disagree; more bad events than events there were not.
        events.bad = sum(&points).min(events.total);
    }
    Ok(counted)
}

fn judge(slo: &Slo, round: &mut Round<'_>, entity: EntityId, windows: &BTreeMap<i64, Counted>) {
    let rule = &slo.rule;
    let events = |length: i64| -> Events {
        let counted = windows
            .get(&length)
            .and_then(|counted| counted.get(&entity));
        counted.copied().unwrap_or_default()
    };
    let mut standing = round.standing(&rule.name, &entity);
    let most = windows
        .keys()
        .next_back()
        .map_or(0.0, |longest| events(*longest).total);
    if most > 0.0 {
        standing.heard = round.now;
    }
    if round.forgettable(&standing) && rule.entity.contains('*') {
        return;
    }
    let mut fired: Vec<(&BurnRule, f64, f64)> = Vec::new();
    let mut rows = Vec::new();
    for pair in &slo.burn {
        let (long, short) = (events(pair.long.0.0), events(pair.short.0.0));
        let (fast, still) = (long.rate(rule.objective), short.rate(rule.objective));
        let fires = long.total >= slo.least_events && fast >= pair.rate && still >= pair.rate;
        if fires {
            fired.push((pair, fast, still));
        }
        rows.push(json!({
            "long": pair.long.to_string(), "short": pair.short.to_string(), "rate": pair.rate,
            "longRate": fast, "shortRate": still, "longEvents": long.total, "longBad": long.bad,
            "fires": fires,
        }));
    }
    let to = if !fired.is_empty() {
        State::Alarm
    } else if most > 0.0 {
        State::Ok
    } else {
        State::InsufficientData
    };
    let severity = fired.iter().filter_map(|(pair, ..)| pair.severity).max();
    // Worse than what people were told is news, though the state is the same.
    let worse = to == State::Alarm && severity > standing.severity;
    standing.forced = false;
    if to != standing.state {
        standing.state = to;
        standing.since = round.now;
    }
    if standing.told != to || worse {
        standing.reason = text(slo, to, &fired);
        round.told.push(Transition {
            rule: rule.name.clone(),
            entity: entity.clone(),
            from: standing.told,
            to,
            at: round.now,
            true_at: None,
            reason: standing.reason.clone(),
            data: json!({"version": "1.0", "objective": rule.objective, "burn": rows}),
            description: rule.description.clone(),
            severity: severity.or(standing.severity),
            metric: slo.bad.selector.metric.clone(),
            statistic: String::new(),
            threshold: fired.first().map(|(pair, ..)| pair.rate),
            observed: fired.first().map(|(_, fast, _)| *fast),
            labels: rule.labels.clone(),
        });
        standing.labels.clone_from(&rule.labels);
        standing.told = to;
        standing.severity = if to == State::Alarm {
            severity
        } else {
            None::<Severity>
        };
    }
    round.keep(&rule.name, entity, standing);
}

fn text(slo: &Slo, to: State, fired: &[(&BurnRule, f64, f64)]) -> String {
    match to {
        State::Alarm => {
            let said: Vec<String> = fired
                .iter()
                .map(|(pair, fast, still)| {
                    format!(
                        "{fast:.1} times over {} and {still:.1} times over {} (limit {})",
                        pair.long, pair.short, pair.rate
                    )
                })
                .collect();
            format!(
                "Error budget of {:.4}% burns too fast: {}.",
                (1.0 - slo.rule.objective) * 100.0,
                said.join("; ")
            )
        }
        State::Ok => "The error budget burns slowly enough in all windows.".to_string(),
        State::InsufficientData => "Insufficient Data: there were no events.".to_string(),
    }
}
