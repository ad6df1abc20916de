//! By what we shall know that a plan worked, and what must not break meanwhile.

use std::collections::BTreeSet;

use model::alarm::AlarmState;
use model::entity::EntityId;
use model::plan::Condition;
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
            all.push(Condition::ErrorShare {
                entity: cause.entity.clone(),
                at_most: context.error_share,
                calls: context.calls,
            });
        }
    }
    all
}

/// The condition under which a symptom is gone; `None` for those that only their alarm can tell.
fn gone(symptom: &Symptom, report: &Report, context: &Context) -> Option<Condition> {
    let entity = symptom.entity.clone();
    match symptom.aspect.as_str() {
        "errors" => Some(Condition::ErrorShare {
            entity,
            at_most: context.error_share,
            calls: context.calls,
        }),
        "latency" => {
            let known = context.latency_ms.get(&entity).copied();
            let at_most_ms = known.or_else(|| usual_ms(report, &entity))?;
            Some(Condition::Latency {
                entity,
                at_most_ms,
                calls: context.calls,
            })
        }
        _ => None,
    }
}

/// The upper end of the band of an entity's response time, as the report learned it from healthy telemetry.
fn usual_ms(report: &Report, entity: &EntityId) -> Option<f64> {
    report
        .pictures
        .iter()
        .filter(|picture| picture.entity == *entity)
        .find_map(|picture| {
            let to_ms = match picture.unit.as_str() {
                "ms" => 1.0,
                "s" => 1000.0,
                _ => return None,
            };
            let (_, high) = picture.band?;
            let high = high * to_ms;
            (high.is_finite() && high > 0.0).then_some(high)
        })
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
        .collect()
}
