//! From an incident to what it taught us.

use std::collections::BTreeSet;

use analysis::precedents;
use model::incident::{Ending, Incident, PlanState};
use model::lesson::{LearnedCause, Lesson, Milestones};
use model::plan::GateAnswer;
use model::query::Query;
use model::report::{Cause, Report, Status};
use model::{AlarmState, ChangeKind, EntityId, EntityKind, Timestamp};

use crate::advice;

/// What the incident taught us. Its moment is that of the last entry that was read.
pub fn distil(incident: &Incident) -> Lesson {
    let report = telling(incident);
    incident.as_people_say(Lesson {
        incident: incident.id.clone(),
        at: incident.touched,
        title: title(incident),
        false_alarm: is_false_alarm(incident),
        causes: report.map_or(Vec::new(), |report| {
            let learned = |cause| learned(incident, report, cause);
            report.causes.iter().map(learned).collect()
        }),
        templates: report.map_or(BTreeSet::new(), templates),
        path: report.map_or(BTreeSet::new(), path),
        shapes: report.map_or(BTreeSet::new(), shapes),
        milestones: milestones(incident),
        recovered: recovered(incident),
        put_right: put_right(incident),
        advice: advice::of(incident),
    })
}

/// The newest report; where that only says that it is over, the newest before it that says what it was.
fn telling(incident: &Incident) -> Option<&Report> {
    let newest = incident.report()?;
    if newest.header.status != Status::Recovered {
        return Some(newest);
    }
    let reports = incident.investigations.iter().rev().filter_map(|look| {
        let (_, ended) = look.ended.as_ref()?;
        ended.as_deref().ok()
    });
    let mut causes = reports.filter(|report| !report.causes.is_empty());
    Some(causes.next().unwrap_or(newest))
}

/// The symptom as the report has it, or the first alarm's words.
pub(crate) fn title(incident: &Incident) -> String {
    match (incident.report(), incident.alarms.first()) {
        (Some(report), _) => report.header.title.clone(),
        (None, Some(first)) => format!("{} on {}", first.alarm.rule, first.alarm.entity),
        (None, None) => String::new(),
    }
}

/// Was nothing wrong at all? As it was closed; before that, as the newest report has it.
pub(crate) fn is_false_alarm(incident: &Incident) -> bool {
    match (&incident.closed, incident.report()) {
        (Some((_, ending)), _) => *ending == Ending::NoFault,
        (None, Some(report)) => report.header.status == Status::NoActiveFault,
        (None, None) => false,
    }
}

/// Did a recovery run, and did fresh telemetry show that it worked? The last one that ran counts.
pub(crate) fn recovered(incident: &Incident) -> Option<bool> {
    let ran = incident
        .plans
        .iter()
        .rev()
        .find(|plan| plan.run_started.is_some())?;
    Some(ran.worked())
}

/// The steps of the newest plan that worked, for people.
fn put_right(incident: &Incident) -> Vec<String> {
    let worked = incident.plans.iter().rev().find(|plan| plan.worked());
    worked.map_or(Vec::new(), |plan| {
        let steps = plan.plan.steps.iter();
        steps.map(|step| step.action.to_string()).collect()
    })
}

/// The kind of thing an entity is, as the report names it.
pub(crate) fn kind_of(report: &Report, entity: &EntityId) -> EntityKind {
    let named = report.entities.iter().find(|named| named.id == *entity);
    named.map_or(EntityKind::Unknown, |named| named.kind)
}

fn learned(incident: &Incident, report: &Report, cause: &Cause) -> LearnedCause {
    let answers = |plan: &&PlanState| {
        plan.run_started.is_some()
            && plan
                .plan
                .basis
                .iter()
                .any(|basis| basis.entity == cause.entity && basis.mechanism == cause.mechanism)
    };
    LearnedCause {
        entity: cause.entity.clone(),
        kind: kind_of(report, &cause.entity),
        mechanism: cause.mechanism.clone(),
        category: cause.category,
        change: cause
            .change
            .as_deref()
            .and_then(|id| change_kind(report, id)),
        confidence: cause.confidence,
        cured: incident
            .plans
            .iter()
            .rev()
            .find(answers)
            .map(PlanState::worked),
        confirmed: None,
        blamed: true,
    }
}

/// What sort of change the report read, from the word with which its evidence begins.
pub(crate) fn change_kind(report: &Report, id: &str) -> Option<ChangeKind> {
    const KINDS: [ChangeKind; 11] = [
        ChangeKind::Commit,
        ChangeKind::Deploy,
        ChangeKind::Flag,
        ChangeKind::Config,
        ChangeKind::Permission,
        ChangeKind::Infrastructure,
        ChangeKind::Scaling,
        ChangeKind::Migration,
        ChangeKind::Schedule,
        ChangeKind::Certificate,
        ChangeKind::Maintenance,
    ];
    let says = report
        .evidence
        .iter()
        .find_map(|evidence| match &evidence.query {
            Query::Change { id: asked } if asked == id => Some(evidence.says.as_str()),
            _ => None,
        })?;
    KINDS.into_iter().find(|kind| says.starts_with(kind.word()))
}

/// Templates of the log lines that speak for the causes; of all that were cited, where there is no cause.
fn templates(report: &Report) -> BTreeSet<String> {
    let cited: BTreeSet<_> = report
        .causes
        .iter()
        .flat_map(|cause| cause.supports.iter().chain([&cause.claim]))
        .flat_map(|claim| claim.evidence.iter().copied())
        .collect();
    let of = |all: bool| -> BTreeSet<String> {
        let patterns = report
            .evidence
            .iter()
            .filter(|evidence| all || cited.contains(&evidence.id))
            .filter_map(|evidence| match &evidence.query {
                // A regular expression is a question of ours, and no text of theirs.
                Query::Logs { pattern, .. } if !pattern.is_empty() && !pattern.starts_with('/') => {
                    Some(pattern.as_str())
                }
                _ => None,
            });
        precedents::templates(patterns)
    };
    let chosen = of(false);
    if chosen.is_empty() { of(true) } else { chosen }
}

/// Kinds of things on the way from the causes to the symptoms, both ends included.
fn path(report: &Report) -> BTreeSet<EntityKind> {
    let causes = report.causes.iter().flat_map(|cause| {
        let links = cause.path.iter().flat_map(|link| [&link.from, &link.to]);
        links.chain([&cause.entity])
    });
    let symptoms = report.symptoms.iter().map(|symptom| &symptom.entity);
    causes
        .chain(symptoms)
        .map(|entity| kind_of(report, entity))
        .collect()
}

/// What metrics did, by aspect, from the evidence of each symptom where that tells a direction.
fn shapes(report: &Report) -> BTreeSet<String> {
    report
        .symptoms
        .iter()
        .map(|symptom| {
            let z = report
                .evidence
                .iter()
                .filter(|evidence| symptom.claim.evidence.contains(&evidence.id))
                .find_map(|evidence| match evidence.statistic.values.get("z") {
                    Some(model::evidence::Value::Number(z)) => Some(*z),
                    _ => None,
                });
            analysis::precedents::shape(&symptom.aspect, z)
        })
        .collect()
}

/// When the incident passed which milestone.
pub fn milestones(incident: &Incident) -> Milestones {
    let first = incident
        .investigations
        .iter()
        .find_map(|look| match &look.ended {
            Some((at, Ok(report))) => Some((*at, report)),
            _ => None,
        });
    let ran = incident
        .plans
        .iter()
        .find(|plan| plan.worked())
        .or_else(|| {
            incident
                .plans
                .iter()
                .find(|plan| plan.run_started.is_some())
        });
    let approved = ran.and_then(|plan| match (&plan.approval, &plan.gate) {
        (Some(approval), _) => Some(approval.at),
        // Nobody was asked: the policy itself said yes.
        (None, Some((at, GateAnswer::Go { .. }))) => Some(*at),
        _ => None,
    });
    Milestones {
        began: incident
            .report()
            .and_then(|report| report.header.started)
            .map(|onset| onset.lo)
            // An onset after the alarm is an onset that was not found.
            .filter(|began| *began <= incident.opened),
        detected: incident.opened,
        investigated: first.map(|(at, _)| at),
        approved,
        recovered: recovered_at(incident),
    }
}

/// When fresh telemetry showed that it was over: a check that passed, or the last alarm to fall silent by itself.
fn recovered_at(incident: &Incident) -> Option<Timestamp> {
    let verified = incident.plans.iter().rev().find_map(|plan| {
        let passed = plan.verified.iter().find(|(_, passed, _)| *passed);
        passed.filter(|_| plan.worked()).map(|(at, ..)| *at)
    });
    let alone = || {
        let (closed, ending) = incident.closed.as_ref()?;
        if *ending != Ending::RecoveredAlone {
            return None;
        }
        let quiet = incident
            .alarms
            .iter()
            .filter(|alarm| alarm.state == AlarmState::Resolved)
            .map(|alarm| alarm.since)
            .max();
        Some(
            quiet
                .unwrap_or(*closed)
                .clamp(incident.opened, (*closed).max(incident.opened)),
        )
    };
    verified.or_else(alone)
}
