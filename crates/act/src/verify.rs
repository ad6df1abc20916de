//! Holds fresh telemetry against what a plan promised.

mod series;

use std::ops::ControlFlow;

use model::alarm::AlarmState;
use model::entity::EntityId;
use model::plan::{Check, Checked, Comparison, Condition, Holds};
use model::ports::Eyes;
use model::query::Answer;
use model::telemetry::SpanKind;
use model::time::{Span, TimeWindow, Timestamp};

/// What all conditions together say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// All of them hold.
    Passed,
    /// At least one does not. Before the plan's patience is over this may still change: look again.
    Failed,
    /// None fails, but of at least one nothing can be told yet.
    NotYet,
}

/// All hold: passed; one does not: failed; else not yet. No condition at all proves nothing.
pub fn judge(checked: &[Checked]) -> Judgement {
    if checked.iter().any(|c| c.holds == Holds::No) {
        Judgement::Failed
    } else if checked.is_empty() || checked.iter().any(|c| c.holds == Holds::CannotTell) {
        Judgement::NotYet
    } else {
        Judgement::Passed
    }
}

/// The first condition that fails for certain, for people: why a run is to be stopped. `None` while none does.
pub fn broken(check: &Check, eyes: &dyn Eyes, from: Timestamp, now: Timestamp) -> Option<String> {
    self::check(check, eyes, from, now)
        .into_iter()
        .find(|c| c.holds == Holds::No)
        .map(|c| format!("{} does not hold: {}", c.condition, c.seen))
}

/// Looks at each condition in `[max(from, now - over), now)`, where `from` is the moment before which telemetry
/// is stale: usually when the plan's last step ended. Where that holds too little to tell, all of `[from, now)` is
/// looked at. Until a whole `check.over` has passed since `from`, nothing can be told of numbers; nor can it be with
/// too few calls, with a source that could not look, or with documents from before `from`.
pub fn check(check: &Check, eyes: &dyn Eyes, from: Timestamp, now: Timestamp) -> Vec<Checked> {
    let stretch = Stretch::new(check.over, from, now);
    check
        .all
        .iter()
        .map(|condition| {
            let (holds, seen) = look(condition, eyes, &stretch);
            Checked {
                condition: condition.clone(),
                holds,
                seen,
            }
        })
        .collect()
}

/// What is looked at.
struct Stretch {
    /// Older documents are stale.
    from: Timestamp,
    now: Timestamp,
    /// The window for numbers, or why there is none yet.
    window: Result<TimeWindow, String>,
    /// All that is fresh, where that is more.
    whole: Option<TimeWindow>,
}

impl Stretch {
    fn new(over: Span, from: Timestamp, now: Timestamp) -> Self {
        let start = if over.0 > 0 {
            from.max(now.minus(over))
        } else {
            from
        };
        let fresh = now.since(from);
        let window = if fresh < over {
            Err(format!(
                "only {} of fresh telemetry, {over} are wanted",
                Span(fresh.0.max(0))
            ))
        } else {
            TimeWindow::new(start, now).ok_or_else(|| "no time has passed".to_string())
        };
        let whole = TimeWindow::new(from, now).filter(|_| start > from);
        Self {
            from,
            now,
            window,
            whole,
        }
    }
}

type Seen = (Holds, String);

fn cannot_tell(why: impl Into<String>) -> Seen {
    (Holds::CannotTell, why.into())
}

fn yes_if(holds: bool, seen: String) -> Seen {
    (if holds { Holds::Yes } else { Holds::No }, seen)
}

fn look(condition: &Condition, eyes: &dyn Eyes, stretch: &Stretch) -> Seen {
    let numbers = |read: &dyn Fn(TimeWindow) -> Seen| match (&stretch.window, stretch.whole) {
        (Ok(window), None) => read(*window),
        (Ok(window), Some(whole)) => match read(*window) {
            // Where little happens, or readings are far apart, a longer look may tell.
            (Holds::CannotTell, _) => read(whole),
            told => told,
        },
        (Err(why), _) => cannot_tell(why),
    };
    match condition {
        Condition::ErrorShare {
            entity,
            at_most,
            calls,
        } => numbers(&|window| error_share(eyes, window, entity, *at_most, *calls)),
        Condition::Latency {
            entity,
            at_most_ms,
            calls,
        } => numbers(&|window| latency(eyes, window, entity, *at_most_ms, *calls)),
        Condition::Metric {
            entity,
            metric,
            statistic,
            is,
            value,
        } => {
            let well = |reading: f64| match is {
                Comparison::AtMost => reading <= *value,
                Comparison::AtLeast => reading >= *value,
            };
            match &stretch.window {
                Ok(window) => {
                    let name = (entity, metric.as_str(), statistic.as_str());
                    series::mean(eyes, *window, stretch.whole, name, &well)
                }
                Err(why) => cannot_tell(why),
            }
        }
        Condition::AlarmQuiet { rule, entity } => alarm(eyes, rule, entity),
        Condition::State {
            entity,
            kind,
            path,
            equals,
        } => state(eyes, stretch, entity, kind, path, equals),
    }
}

/// The calls that an entity answered, as its own spans tell it.
struct Answered {
    failed: u64,
    durations_ms: Vec<f64>,
}

/// Calls that began within the window and were answered by the entity: spans of kind server or consumer.
fn answered(eyes: &dyn Eyes, window: TimeWindow, entity: &EntityId) -> Option<Answered> {
    let mut calls = Answered {
        failed: 0,
        durations_ms: Vec::new(),
    };
    let answer = model::ports::TraceSource::scan(eyes, window, &mut |span| {
        if span.entity == entity && matches!(span.kind, SpanKind::Server | SpanKind::Consumer) {
            calls.failed += u64::from(span.error);
            calls
                .durations_ms
                .push(span.end.since(span.start).0.max(0) as f64 / 1e6);
        }
        ControlFlow::Continue(())
    });
    match answer {
        Answer::Found(_) if !calls.durations_ms.is_empty() => Some(calls),
        _ => None,
    }
}

fn error_share(
    eyes: &dyn Eyes,
    window: TimeWindow,
    entity: &EntityId,
    at_most: f64,
    wanted: u64,
) -> Seen {
    let (failed, calls, of) = match answered(eyes, window, entity) {
        Some(calls) => (
            calls.failed as f64,
            calls.durations_ms.len() as f64,
            "calls failed",
        ),
        None => match series::calls(eyes, window, entity) {
            Ok(counted) => (counted.failed, counted.calls, "counted calls failed"),
            Err(why) => return cannot_tell(why),
        },
    };
    let seen = format!("{failed:.0} of {calls:.0} {of}");
    if calls < wanted.max(1) as f64 {
        return cannot_tell(format!("{seen}; at least {wanted} calls are wanted"));
    }
    yes_if(failed / calls <= at_most, seen)
}

fn latency(
    eyes: &dyn Eyes,
    window: TimeWindow,
    entity: &EntityId,
    at_most_ms: f64,
    wanted: u64,
) -> Seen {
    let Some(calls) = answered(eyes, window, entity) else {
        return series::latency(eyes, window, entity, at_most_ms);
    };
    let mut durations = calls.durations_ms;
    let count = durations.len();
    let Some(p95) = percentile_95(&mut durations) else {
        return cannot_tell("no calls");
    };
    let seen = format!("95% of {count} calls within {p95:.0} ms");
    if (count as u64) < wanted.max(1) {
        return cannot_tell(format!("{seen}; at least {wanted} calls are wanted"));
    }
    yes_if(p95 <= at_most_ms, seen)
}

/// The 95th percentile by nearest rank: the smallest number that 95 % of them do not exceed. `None` of none.
pub(crate) fn percentile_95(numbers: &mut [f64]) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let rank = (numbers.len() * 95).div_ceil(100).saturating_sub(1);
    numbers.get(rank).copied()
}

/// Does the entity send counters of the calls that it answers?
pub(crate) fn counters(eyes: &dyn Eyes, window: TimeWindow, entity: &EntityId) -> bool {
    series::calls(eyes, window, entity).is_ok()
}

/// The newest word of that alarm about that entity. One that is not among the alarms at all proves nothing.
fn alarm(eyes: &dyn Eyes, rule: &str, entity: &EntityId) -> Seen {
    let of_rule = || {
        eyes.alarms()
            .iter()
            .filter(|alarm| alarm.rule == rule && alarm.entity == *entity)
    };
    let Some(newest) = of_rule().map(|alarm| alarm.fired_at).max() else {
        return cannot_tell("nobody tells how that alarm stands");
    };
    let mut latest = of_rule().filter(|alarm| alarm.fired_at == newest);
    let firing = latest
        .clone()
        .any(|alarm| alarm.state == AlarmState::Firing);
    if firing {
        return (Holds::No, "it is firing".to_string());
    }
    if latest.any(|alarm| alarm.state == AlarmState::NoData) {
        return cannot_tell("it has no data");
    }
    (Holds::Yes, "it is quiet".to_string())
}

fn state(
    eyes: &dyn Eyes,
    stretch: &Stretch,
    entity: &EntityId,
    kind: &str,
    path: &str,
    equals: &serde_json::Value,
) -> Seen {
    // A document taken at this very moment counts.
    let Some(window) = TimeWindow::new(stretch.from, stretch.now.plus(Span(1))) else {
        return cannot_tell("no time has passed");
    };
    let snapshots = match model::ports::StateSource::snapshots(eyes, window) {
        Answer::Found(snapshots) => snapshots,
        Answer::Nothing => {
            return cannot_tell(format!("no state was read since {}", stretch.from.clock()));
        }
        Answer::CouldNotLook(gap) => {
            return cannot_tell(format!("could not look: {:?} {}", gap.why, gap.detail));
        }
    };
    let newest = snapshots
        .iter()
        .filter(|s| s.entity == *entity && s.kind == kind)
        .max_by_key(|s| s.time);
    let Some(snapshot) = newest else {
        return cannot_tell(format!(
            "no {kind} of {entity} was read since {}",
            stretch.from.clock()
        ));
    };
    let mut found = Vec::new();
    values(&snapshot.document, path, &mut found);
    let Some(first) = found.first() else {
        return (Holds::No, format!("there is no {path}"));
    };
    let well = found.iter().all(|value| *value == equals);
    let shown = found
        .iter()
        .find(|value| **value != equals)
        .unwrap_or(first);
    let seen: String = shown.to_string().chars().take(120).collect();
    yes_if(well, format!("it is {seen}"))
}

/// What stands at a dotted path; `*` is every element. An empty path is the document.
fn values<'a>(document: &'a serde_json::Value, path: &str, found: &mut Vec<&'a serde_json::Value>) {
    use serde_json::Value;
    if path.is_empty() {
        found.push(document);
        return;
    }
    let (head, rest) = path.split_once('.').unwrap_or((path, ""));
    match document {
        Value::Object(fields) if head == "*" => {
            fields.values().for_each(|value| values(value, rest, found));
        }
        Value::Array(items) if head == "*" => {
            items.iter().for_each(|value| values(value, rest, found));
        }
        Value::Object(fields) => {
            if let Some(value) = fields.get(head) {
                values(value, rest, found);
            }
        }
        Value::Array(items) => {
            if let Some(value) = head.parse::<usize>().ok().and_then(|i| items.get(i)) {
                values(value, rest, found);
            }
        }
        _ => {}
    }
}
