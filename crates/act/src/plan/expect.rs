//! By what we shall know that a plan worked, and what must not break meanwhile.

use std::collections::BTreeSet;

use model::alarm::AlarmState;
use model::entity::EntityId;
use model::evidence::Value;
use model::plan::{Comparison, Condition};
use model::query::Query;
use model::report::{Cause, Report, Symptom};

use super::Context;

/// By what we shall know that it worked: the symptoms are gone, the alarms quiet, and what the context adds.
pub(super) fn expected(
    report: &Report,
    context: &Context,
    answered: &[&Cause],
    whole: bool,
) -> Vec<Condition> {
    let mut all = Vec::new();
    let mut add = |condition: Condition| {
        let condition = steady(condition);
        if !all.contains(&condition) {
            all.push(condition);
        }
    };
    for (index, symptom) in report.symptoms.iter().enumerate() {
        let explains = |cause: &Cause| cause.explains.contains(&(index as u32));
        let ours = answered.iter().any(|cause| explains(cause));
        let others = report.causes.iter().any(explains) && !ours;
        // What only a cause explains that is not answered now will still be there.
        if symptom.active
            && !others
            && let Some(condition) = gone(symptom, report, context)
        {
            add(condition);
        }
    }
    if whole {
        for alarm in &report.alarms {
            if alarm.state == AlarmState::Firing {
                add(Condition::AlarmQuiet {
                    rule: alarm.rule.clone(),
                    entity: alarm.entity.clone(),
                });
            }
        }
    }
    context.also.iter().cloned().for_each(&mut add);
    if all.is_empty() {
        // There is always something to be held to.
        for cause in answered {
            all.push(steady(Condition::ErrorShare {
                entity: cause.entity.clone(),
                at_most: context.error_share,
                calls: context.calls,
            }));
        }
    }
    all
}

/// The condition under which a symptom is gone; `None` for those that only their alarm can tell.
///
/// Only for what users feel: what has filled up (a queue, a disk, swapped memory) may be long in emptying after the
/// cause is mended.
fn gone(symptom: &Symptom, report: &Report, context: &Context) -> Option<Condition> {
    let entity = symptom.entity.clone();
    let usual = context.usual.as_ref();
    let calls = context.calls;
    match symptom.aspect.as_str() {
        "errors" => {
            let countable = usual.is_none_or(|usual| usual.countable.contains(&entity));
            let share = Condition::ErrorShare {
                entity,
                at_most: context.error_share,
                calls,
            };
            if countable {
                Some(share)
            } else {
                Some(back(symptom, report, context).unwrap_or(share))
            }
        }
        "latency" => {
            let declared = context.latency_ms.get(&entity);
            let learned = usual.and_then(|usual| usual.latency_ms.get(&entity));
            match declared.or(learned).copied() {
                Some(at_most_ms) => Some(Condition::Latency {
                    entity,
                    at_most_ms,
                    calls,
                }),
                None => back(symptom, report, context),
            }
        }
        "traffic" => back(symptom, report, context),
        _ => None,
    }
}

/// The very reading that shows the symptom has come back: nine tenths of the way to normal, or to within three of
/// its usual deviations, but more than half of the way in any case.
///
/// `None` where the reading is of a copy, which may not outlive the recovery, or is one of several series that the
/// metric's name does not tell apart.
fn back(symptom: &Symptom, report: &Report, context: &Context) -> Option<Condition> {
    let cited = symptom.claim.evidence.iter();
    cited
        .filter_map(|id| report.evidence.iter().find(|evidence| evidence.id == *id))
        .find_map(|evidence| {
            let Query::Metric {
                entity,
                metric,
                statistic,
                ..
            } = &evidence.query
            else {
                return None;
            };
            let name = (entity.clone(), metric.clone(), statistic.clone());
            let one = context
                .usual
                .as_ref()
                .is_some_and(|usual| usual.single.contains(&name));
            if *entity != symptom.entity || !one || evidence.statistic.name != "shift" {
                return None;
            }
            let number = |name: &str| match evidence.statistic.values.get(name) {
                Some(Value::Number(number)) if number.is_finite() => Some(*number),
                _ => None,
            };
            let (level, normal) = (number("level")?, number("normal")?);
            let scale = number("scale").unwrap_or(0.0).abs();
            let away = (level - normal).abs();
            if away == 0.0 {
                return None;
            }
            let room = (away * 0.1).max(scale * 3.0).min(away * 0.5);
            let (is, value) = if level > normal {
                (Comparison::AtMost, normal + room)
            } else {
                (Comparison::AtLeast, normal - room)
            };
            Some(Condition::Metric {
                entity: entity.clone(),
                metric: metric.clone(),
                statistic: statistic.clone(),
                is,
                value,
            })
        })
}

/// The same condition with its numbers to six significant digits. Fewer than a plan could hold, so that a plan that
/// was written into the journal and read again has the digest that it had: readers of JSON may be off by the last
/// bit of a number of seventeen digits.
fn steady(condition: Condition) -> Condition {
    match condition {
        Condition::ErrorShare {
            entity,
            at_most,
            calls,
        } => Condition::ErrorShare {
            entity,
            at_most: six(at_most),
            calls,
        },
        Condition::Latency {
            entity,
            at_most_ms,
            calls,
        } => Condition::Latency {
            entity,
            at_most_ms: six(at_most_ms),
            calls,
        },
        Condition::Metric {
            entity,
            metric,
            statistic,
            is,
            value,
        } => Condition::Metric {
            entity,
            metric,
            statistic,
            is,
            value: six(value),
        },
        other @ (Condition::AlarmQuiet { .. } | Condition::State { .. }) => other,
    }
}

/// To six significant digits.
pub(super) fn six(number: f64) -> f64 {
    format!("{number:.5e}").parse().unwrap_or(number)
}

/// What must not break meanwhile: those within the blast radius whom the report found healthy.
pub(super) fn stops(report: &Report, context: &Context, touches: &[EntityId]) -> Vec<Condition> {
    let healthy: BTreeSet<&EntityId> = report
        .ruled_out
        .iter()
        .filter(|r| r.reason == "healthy" && r.change.is_none())
        .map(|r| &r.entity)
        .collect();
    let ill = |entity: &EntityId| {
        report.symptoms.iter().any(|s| s.entity == *entity)
            || report.causes.iter().any(|c| c.entity == *entity)
    };
    touches
        .iter()
        .filter(|entity| healthy.contains(entity) && !ill(entity))
        .map(|entity| Condition::ErrorShare {
            entity: entity.clone(),
            at_most: context.stop_share,
            calls: context.calls,
        })
        .chain(context.stop.iter().cloned())
        .map(steady)
        .collect()
}
