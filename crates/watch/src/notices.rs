//! What people are told because of an entry. Pure: the same entry gives the same notice under the same id, so
//! that it can be worked out again after a crash and still be told once.

use std::collections::BTreeSet;

use model::incident::{Ending, Entry, IllegalEvent, Incident, IncidentEvent, IncidentId, RunEnd};
use model::ports::Notice;
use model::report::{Report, Status};
use model::telemetry::Severity;

/// Every kind of notice that there is, in the order of an incident's life.
pub const KINDS: &[&str] = &[
    "opened",
    "verdict",
    "approval_wanted",
    "approval_expired",
    "running",
    "broken_off",
    "recovered",
    "handed_over",
    "closed",
];

/// The notices that these entries of an incident, from its first on, ask for.
///
/// # Errors
/// If they do not follow each other.
pub fn all(id: &IncidentId, entries: &[Entry]) -> Result<Vec<Notice>, IllegalEvent> {
    let mut notices = Vec::new();
    let mut standing: Option<Incident> = None;
    for entry in entries {
        match &mut standing {
            None => standing = Some(Incident::begin(id, entry)?),
            Some(incident) => incident.apply(entry.seq, entry.at, &entry.event)?,
        }
        notices.extend(standing.as_ref().and_then(|incident| of(incident, entry)));
    }
    Ok(notices)
}

/// The notice that an entry asks for, if any. `incident` is how the incident stands after it.
pub fn of(incident: &Incident, entry: &Entry) -> Option<Notice> {
    use IncidentEvent as E;
    let quiet = incident
        .silenced
        .as_ref()
        .is_some_and(|(.., until)| entry.at < *until);
    let (kind, title, lines) = match &entry.event {
        // Told when it is first worked on, not when it was opened: a silence is written after the opening, and
        // puts the first look off until it ends.
        E::InvestigationStarted { attempt: 1, .. } => {
            let alarm = &incident.alarms.first()?.alarm;
            (
                "opened",
                format!("{} on {}", alarm.rule, alarm.entity),
                vec![alarm.summary.clone()],
            )
        }
        E::InvestigationEnded { attempt, report } => {
            if before(incident, *attempt).is_some_and(|known| says_the_same(known, report)) {
                return None;
            }
            let mut lines: Vec<String> = report.verdict.iter().map(|c| c.text.clone()).collect();
            if report.header.status == Status::CauseFound {
                lines.extend(report.causes.iter().map(|cause| {
                    format!(
                        "{}: {} ({:.0} %)",
                        cause.entity,
                        cause.title,
                        cause.confidence * 100.0
                    )
                }));
            }
            ("verdict", report.header.title.clone(), lines)
        }
        E::ApprovalAsked { plan, until } => {
            let state = incident.latest_plan().filter(|p| p.digest == *plan)?;
            let mut lines: Vec<String> = (1..)
                .zip(&state.plan.steps)
                .map(|(n, step)| {
                    format!("{n}. {} ({} -> {})", step.action, step.before, step.after)
                })
                .collect();
            lines.extend(state.plan.risks.iter().map(|risk| format!("risk: {risk}")));
            lines.push(format!("until {until}"));
            lines.push(format!("plan {plan}"));
            let count = state.plan.steps.len();
            let steps = if count == 1 { "step" } else { "steps" };
            (
                "approval_wanted",
                format!("a yes is wanted for a plan of {count} {steps}"),
                lines,
            )
        }
        E::ApprovalExpired { .. } => (
            "approval_expired",
            "nobody answered in time".to_string(),
            Vec::new(),
        ),
        E::RunStarted { plan } => {
            let state = incident.latest_plan().filter(|p| p.digest == *plan)?;
            let steps = state.plan.steps.iter().map(|s| s.action.to_string());
            (
                "running",
                "the plan is being performed".to_string(),
                steps.collect(),
            )
        }
        E::RunEnded {
            end: RunEnd::Unwound { why } | RunEnd::Stuck { why },
            ..
        } => (
            "broken_off",
            "the plan was broken off".to_string(),
            vec![why.clone()],
        ),
        E::Verified {
            passed: true,
            checks,
            ..
        } => (
            "recovered",
            "the recovery is verified".to_string(),
            checks
                .iter()
                .map(|c| format!("{}: {}", c.condition, c.seen))
                .collect(),
        ),
        E::HandedOver { why } => (
            "handed_over",
            "a person must go on from here".to_string(),
            vec![why.clone()],
        ),
        E::Closed { ending, by } => {
            let how = match ending {
                Ending::Recovered => "recovered, and verified".to_string(),
                Ending::RecoveredAlone => "it went away without us".to_string(),
                Ending::NoFault => "nothing was wrong".to_string(),
                Ending::HandedOver => "a person took it over".to_string(),
                Ending::Merged { into } => format!("it lives on in {into}"),
            };
            let lines = if by.is_empty() {
                Vec::new()
            } else {
                vec![format!("by {by}")]
            };
            ("closed", how, lines)
        }
        _ => return None,
    };
    // A silence keeps people from being woken; that something needs them or is over they hear all the same.
    if quiet && !matches!(kind, "handed_over" | "broken_off" | "recovered") {
        return None;
    }
    let plan = match &entry.event {
        E::ApprovalAsked { plan, .. } => Some(plan.clone()),
        _ => None,
    };
    let by = match &entry.event {
        E::RunStarted { plan } => {
            let state = incident.latest_plan().filter(|p| p.digest == *plan);
            let approval = state.and_then(|state| state.approval.as_ref());
            approval.map_or(String::new(), |approval| approval.by.clone())
        }
        E::Closed { by, .. } => by.clone(),
        _ => String::new(),
    };
    Some(Notice {
        id: format!("{}/{}/{kind}", incident.id, entry.seq),
        incident: incident.id.clone(),
        at: entry.at,
        kind: kind.to_string(),
        subject: subject(incident),
        severity: severity(incident),
        title,
        lines: lines.into_iter().filter(|line| !line.is_empty()).collect(),
        plan,
        by,
        link: String::new(),
    })
}

/// The newest report before that look's.
fn before(incident: &Incident, attempt: u32) -> Option<&Report> {
    let earlier = incident.investigations.iter().rev();
    earlier
        .skip_while(|look| look.attempt >= attempt)
        .find_map(|look| look.ended.as_ref()?.1.as_deref().ok())
}

/// Does the later report name the same causes, or none for the same reason? People were told that already.
fn says_the_same(known: &Report, report: &Report) -> bool {
    let causes = |report: &Report| -> BTreeSet<_> {
        let causes = report.causes.iter();
        causes
            .map(|cause| (cause.entity.clone(), cause.mechanism.clone()))
            .collect()
    };
    known.header.status == report.header.status && causes(known) == causes(report)
}

/// What an incident is called: by its first alarm, which stays while verdicts change.
fn subject(incident: &Incident) -> String {
    incident.alarms.first().map_or_else(
        || incident.id.to_string(),
        |joined| format!("{} on {}", joined.alarm.rule, joined.alarm.entity),
    )
}

/// How bad it is: nothing, if the newest report found nothing (any more); else as bad as the worst of its alarms
/// says, of which one that says nothing counts as an error.
fn severity(incident: &Incident) -> Severity {
    let over = |status| matches!(status, Status::NoActiveFault | Status::Recovered);
    if incident
        .report()
        .is_some_and(|report| over(report.header.status))
    {
        return Severity::Info;
    }
    let alarms = incident.alarms.iter();
    let said = alarms.map(|joined| joined.alarm.severity.unwrap_or(Severity::Error));
    said.max().unwrap_or(Severity::Error)
}
