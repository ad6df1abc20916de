//! What to do next week, so that it does not happen again: in four areas, each from something that was seen.

use std::collections::BTreeSet;

use model::incident::{Incident, RunEnd};
use model::lesson::{Advice, Area};
use model::mechanism::Category;
use model::report::{Cause, Report};
use model::{ChangeKind, Span};

use crate::distil::{change_kind, milestones};

/// Gaps that are worth naming: the dearest ones. More would not be closed anyway.
const GAPS: usize = 3;
/// A gap that would hardly have added confidence is not worth a week's work.
const LEAST_GAIN: f64 = 0.02;
/// What goes on for longer than this before anybody hears of it needs an alarm of its own.
const LATE: Span = Span(5 * model::time::MINUTE);

/// Everything that this incident says should be done, sorted.
pub(crate) fn of(incident: &Incident) -> Vec<Advice> {
    let mut advice = BTreeSet::new();
    let mut add = |area: Area, text: String| {
        advice.insert(Advice { area, text });
    };
    if let Some(report) = incident.report() {
        for cause in &report.causes {
            add_for_cause(report, cause, &mut add);
        }
        seeing(incident, report, &mut add);
    }
    recovering(incident, &mut add);
    advice.into_iter().collect()
}

fn add_for_cause(report: &Report, cause: &Cause, add: &mut dyn FnMut(Area, String)) {
    let at = &cause.entity;
    let title = &cause.title;
    if let Some(kind) = cause
        .change
        .as_deref()
        .and_then(|id| change_kind(report, id))
    {
        let (area, text) = match kind {
            ChangeKind::Commit | ChangeKind::Deploy => (
                Area::DeploymentPipeline,
                format!(
                    "Release {at} in steps, and take a version back by itself when its share of errors rises: {title} reached everybody at once."
                ),
            ),
            ChangeKind::Flag => (
                Area::DeploymentPipeline,
                format!(
                    "Turn flags of {at} for a few first, and watch its errors before going on."
                ),
            ),
            ChangeKind::Config => (
                Area::DeploymentPipeline,
                format!(
                    "Check the settings of {at} before they act: those that must be there, their form, and one start with them."
                ),
            ),
            ChangeKind::Permission => (
                Area::DeploymentPipeline,
                format!(
                    "Before a permission of {at} is altered, hold it against the calls that {at} makes, and refuse what would deny one."
                ),
            ),
            ChangeKind::Infrastructure | ChangeKind::Maintenance => (
                Area::DeploymentPipeline,
                format!(
                    "Try changes of what {at} runs on in one zone or copy first, with a way back prepared."
                ),
            ),
            ChangeKind::Scaling => (
                Area::Infrastructure,
                format!(
                    "Set a floor under the capacity of {at}, so that no step can take it below what its load needs."
                ),
            ),
            ChangeKind::Migration => (
                Area::DeploymentPipeline,
                format!(
                    "Make migrations of {at} in two steps that old and new code both bear, and rehearse them on a copy."
                ),
            ),
            ChangeKind::Schedule => (
                Area::Infrastructure,
                format!(
                    "Give the scheduled job that troubled {at} its own limits, and keep it from the busy hours."
                ),
            ),
            ChangeKind::Certificate => (
                Area::Infrastructure,
                format!(
                    "Renew the certificates of {at} by themselves, and raise an alarm a fortnight before one runs out."
                ),
            ),
        };
        add(area, text);
    }
    let (area, text) = match cause.category {
        Category::SystemChange => (
            Area::Resilience,
            format!(
                "Let {at} refuse to start, or keep the last state that worked, when a change leaves it unable to serve ({title})."
            ),
        ),
        Category::ResourceLimit => (
            Area::Infrastructure,
            format!(
                "Raise an alarm when {at} has used 80 % of its limit, and widen it before the rest is gone ({title})."
            ),
        ),
        Category::ComponentFailure => (
            Area::Infrastructure,
            format!(
                "Run {at} so that one copy may fail unnoticed, and try that regularly ({title})."
            ),
        ),
        Category::DependencyIssue => (
            Area::Resilience,
            format!(
                "Give the callers of {at} a time limit, a bounded number of retries, and something to answer while it is away ({title})."
            ),
        ),
        Category::InputAnomaly => (
            Area::Resilience,
            format!(
                "Let {at} limit what it takes, and set aside the input that it cannot process ({title})."
            ),
        ),
    };
    add(area, text);
}

/// What could not be seen, or was seen late.
fn seeing(incident: &Incident, report: &Report, add: &mut dyn FnMut(Area, String)) {
    let dear = report
        .gaps
        .iter()
        .filter(|gap| gap.gain >= LEAST_GAIN)
        .take(GAPS);
    for gap in dear {
        let of = gap
            .entity
            .as_ref()
            .map_or(String::new(), |entity| format!(" of {entity}"));
        let how = if gap.how_to_close.is_empty() {
            String::new()
        } else {
            format!(": {}", gap.how_to_close)
        };
        add(
            Area::Observability,
            format!(
                "Make {}{of} visible{how}; it would have added {:.0} points of confidence.",
                gap.wanted,
                gap.gain * 100.0
            ),
        );
    }
    if let Some(unknown) = &report.unknown {
        let names: Vec<&str> = unknown
            .entities
            .iter()
            .take(5)
            .map(|e| e.as_str())
            .collect();
        let reads: Vec<&str> = unknown.reads.iter().take(2).map(String::as_str).collect();
        if !names.is_empty() {
            let reads = if reads.is_empty() {
                String::new()
            } else {
                format!(" Looking at these would have told: {}.", reads.join("; "))
            };
            add(
                Area::Observability,
                format!(
                    "Instrument {} further: the cause lies there and could not be named.{reads}",
                    names.join(", ")
                ),
            );
        }
    }
    let reached = milestones(incident);
    if let Some(began) = reached.began {
        let late = reached.detected.since(began);
        if late > LATE
            && let Some(symptom) = report.symptoms.first()
        {
            add(
                Area::Observability,
                format!(
                    "Put an alarm on {} of {}: it had gone on for {late} before anybody heard of it.",
                    symptom.aspect, symptom.entity
                ),
            );
        }
    }
}

/// What stood in the way of recovery.
fn recovering(incident: &Incident, add: &mut dyn FnMut(Area, String)) {
    if let Some((_, why)) = &incident.no_plan
        && let Some(first) = why.first()
    {
        add(
            Area::Resilience,
            format!("Prepare a way back for this: there was none to take ({first})."),
        );
    }
    for plan in &incident.plans {
        if let Some((_, RunEnd::Stuck { why })) = &plan.run_ended {
            add(
                Area::Resilience,
                format!(
                    "Make the recovery reversible: it could not be completed nor undone ({why})."
                ),
            );
        } else if plan.run_ended.is_some() && !plan.verified.is_empty() && !plan.worked() {
            let names: Vec<&str> = plan
                .plan
                .basis
                .iter()
                .map(|b| b.mechanism.0.as_str())
                .collect();
            add(
                Area::Resilience,
                format!(
                    "Rehearse the recovery from {}: it ran, and did not help.",
                    names.join(", ")
                ),
            );
        }
    }
}
