//! The incident's own events and the report's, in order of time.

use model::incident::{Incident, RunEnd};
use model::plan::GateAnswer;

use super::{Moment, ended};

pub(super) fn of(incident: &Incident) -> Vec<Moment> {
    let mut moments = Vec::new();
    let mut add = |at, what: String| moments.push(Moment { at, what });
    if let Some(report) = incident.report() {
        // Alarms are in the incident's own list, with what became of them.
        for entry in report.timeline.iter().filter(|entry| entry.kind != "alarm") {
            let until = entry
                .until
                .map_or(String::new(), |until| format!(" (until {})", until.clock()));
            add(entry.at, format!("{}{until}", entry.claim.text));
        }
    }
    for joined in &incident.alarms {
        let alarm = &joined.alarm;
        add(
            alarm.fired_at,
            format!("alarm {} on {}", alarm.rule, alarm.entity),
        );
        if joined.turns > 0 {
            let word = match joined.state {
                model::AlarmState::Firing => "fires again",
                model::AlarmState::Resolved => "is quiet",
                model::AlarmState::NoData => "has no data",
            };
            add(
                joined.since,
                format!("alarm {} on {} {word}", alarm.rule, alarm.entity),
            );
        }
    }
    add(incident.opened, "incident opened".to_string());
    for (at, by, text) in &incident.notes {
        add(*at, format!("{by} wrote: {text}"));
    }
    for ((entity, mechanism), named) in &incident.named {
        let by = &named.by;
        add(
            named.at,
            format!("{by} named a cause: {mechanism} on {entity}"),
        );
    }
    for look in &incident.investigations {
        if let Some(by) = &look.asked_by {
            let number = look.attempt;
            add(
                look.started,
                format!("investigation {number} began, asked for by {by}"),
            );
        }
        match &look.ended {
            Some((at, Ok(report))) => {
                let causes: Vec<String> = report
                    .causes
                    .iter()
                    .map(|cause| format!("{} on {}", cause.title, cause.entity))
                    .collect();
                let found = if causes.is_empty() {
                    "no cause named".to_string()
                } else {
                    causes.join("; ")
                };
                add(
                    *at,
                    format!("investigation {} ended: {found}", look.attempt),
                );
            }
            Some((at, Err(why))) => {
                add(*at, format!("investigation {} failed: {why}", look.attempt))
            }
            None => add(
                look.started,
                format!("investigation {} began", look.attempt),
            ),
        }
    }
    for plan in &incident.plans {
        let steps: Vec<String> = plan
            .plan
            .steps
            .iter()
            .map(|step| step.action.to_string())
            .collect();
        add(
            plan.proposed,
            format!("recovery proposed: {}", steps.join("; ")),
        );
        if let Some(approval) = &plan.approval {
            add(approval.at, format!("{} approved it", approval.by));
        } else if let Some((at, GateAnswer::Go { .. })) = &plan.gate {
            add(*at, "the policy let it go ahead".to_string());
        }
        if let Some(at) = plan.run_started {
            add(at, "recovery began".to_string());
        }
        if let Some((at, end)) = &plan.run_ended {
            let what = match end {
                RunEnd::Completed => "recovery performed".to_string(),
                RunEnd::Unwound { why } => format!("recovery broken off and undone: {why}"),
                RunEnd::Stuck { why } => format!("recovery broken off, not all undone: {why}"),
            };
            add(*at, what);
        }
        for (at, passed, checks) in &plan.verified {
            let seen: Vec<&str> = checks.iter().map(|check| check.seen.as_str()).collect();
            let word = if *passed {
                "recovery verified"
            } else {
                "not verified yet"
            };
            add(*at, format!("{word}: {}", seen.join("; ")));
        }
    }
    if let Some((at, why)) = &incident.handed_over {
        add(*at, format!("handed over to a person: {why}"));
    }
    if let Some((at, ending)) = &incident.closed {
        add(*at, format!("closed: {}", ended(ending)));
    }
    // Stable: what happened at one moment stays in the order in which it was written.
    moments.sort_by_key(|moment| moment.at);
    moments.dedup();
    moments
}
