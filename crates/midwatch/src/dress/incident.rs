//! Incidents for the terminal: the list, one in full, its plan, and its timeline.

use model::action::Outcome;
use model::alarm::AlarmState;
use model::incident::{Ending, Entry, Incident, IncidentEvent, PlanState, RunEnd};
use model::plan::{Checked, GateAnswer, Holds};
use model::report::Status;
use model::time::Timestamp;

use super::pencil::{Pencil, Piece, Tone};
use super::words;

/// How an incident stands, in a word, and how that is to be seen.
pub fn standing(incident: &Incident) -> (&'static str, Tone) {
    if let Some((_, ending)) = &incident.closed {
        return match ending {
            Ending::Recovered => ("recovered", Tone::Good),
            Ending::RecoveredAlone => ("went away", Tone::Good),
            Ending::NoFault => ("no fault", Tone::Good),
            Ending::HandedOver => ("handed over", Tone::Warn),
            Ending::Merged { .. } => ("merged", Tone::Faint),
        };
    }
    if incident.handed_over.is_some() {
        return ("needs a person", Tone::Bad);
    }
    if let Some(plan) = incident.latest_plan() {
        match (&plan.run_started, &plan.run_ended) {
            (Some(_), None) => return ("recovering", Tone::Warn),
            (Some(_), Some((_, RunEnd::Completed))) if plan.worked() => {
                return ("recovered", Tone::Good);
            }
            (Some(_), Some((_, RunEnd::Completed))) => return ("verifying", Tone::Warn),
            (Some(_), Some(_)) => return ("recovery failed", Tone::Bad),
            _ if plan.refusal.is_some() => return ("plan refused", Tone::Warn),
            _ if plan.expired => return ("nobody answered", Tone::Bad),
            _ if plan.asked_until.is_some() => return ("waits for a yes", Tone::Warn),
            _ => {}
        }
    }
    match incident.report().map(|report| report.header.status) {
        None => ("being looked at", Tone::Warn),
        Some(Status::CauseFound) => ("cause found", Tone::Bad),
        Some(Status::Unknown) => ("cause unknown", Tone::Bad),
        Some(Status::Recovered) => ("over", Tone::Good),
        Some(Status::NoActiveFault) => ("no fault found", Tone::Good),
    }
}

/// What it is called: the symptom, as the newest report has it, or the alarm.
pub fn title(incident: &Incident) -> String {
    incident.report().map_or_else(
        || {
            incident.alarms.first().map_or(String::new(), |joined| {
                format!("{} on {}", joined.alarm.rule, joined.alarm.entity)
            })
        },
        |report| report.header.title.clone(),
    )
}

/// One line each, newest first.
pub fn list(incidents: &[Incident], pencil: &Pencil) -> String {
    if incidents.is_empty() {
        return "No incidents.\n".to_string();
    }
    incidents
        .iter()
        .map(|incident| {
            let (word, tone) = standing(incident);
            pencil.paragraph(
                "",
                4,
                &[
                    (Tone::Strong, incident.id.to_string()),
                    (Tone::Plain, "  ".into()),
                    (tone, format!("{word:<16}")),
                    (
                        Tone::Faint,
                        format!("  {}  ", words::moment(incident.opened)),
                    ),
                    (Tone::Plain, title(incident)),
                ],
            )
        })
        .collect()
}

/// One incident: how it stands, its causes, its plan, and what is waited for.
pub fn card(incident: &Incident, pencil: &Pencil) -> String {
    let (word, tone) = standing(incident);
    let mut text = pencil.heading(&title(incident));
    text += &pencil.paragraph(
        "  ",
        4,
        &[
            (Tone::Strong, incident.id.to_string()),
            (Tone::Plain, "  ".into()),
            (tone, word.to_string()),
            (
                Tone::Faint,
                format!("  opened {}", words::moment(incident.opened)),
            ),
        ],
    );
    for joined in &incident.alarms {
        let state = match joined.state {
            AlarmState::Firing => (Tone::Bad, "firing"),
            AlarmState::Resolved => (Tone::Good, "quiet"),
            AlarmState::NoData => (Tone::Warn, "no data"),
        };
        let turns = if joined.flapping {
            format!(" (flapping, {} turns)", joined.turns)
        } else {
            String::new()
        };
        text += &pencil.paragraph(
            "  ",
            4,
            &[
                (Tone::Plain, "alarm ".into()),
                (
                    Tone::Plain,
                    format!("{} on {}: ", joined.alarm.rule, joined.alarm.entity),
                ),
                (state.0, state.1.to_string()),
                (
                    Tone::Faint,
                    format!(" since {}{turns}", joined.since.clock()),
                ),
            ],
        );
    }
    for (other, why) in &incident.links {
        let linked = format!("linked with {other}: {why}");
        text += &pencil.paragraph("  ", 4, &[(Tone::Plain, linked)]);
    }
    if let Some(report) = incident.report() {
        text.push('\n');
        text += &pencil.heading("Verdict");
        for claim in &report.verdict {
            text += &pencil.paragraph("  ", 2, &[(Tone::Plain, claim.text.clone())]);
        }
    }
    for ((entity, mechanism), (right, by)) in &incident.judged {
        let said = format!("{by}: {}", judged(entity, mechanism, *right));
        text += &pencil.paragraph("  ", 4, &[(Tone::Plain, said)]);
    }
    for ((entity, mechanism), named) in &incident.named {
        let said = format!("{}: it was {mechanism} on {entity}", named.by);
        text += &pencil.paragraph("  ", 4, &[(Tone::Strong, said)]);
    }
    if let Some((at, by)) = &incident.look_asked {
        let said = format!("{by} asked for a fresh look at {}", at.clock());
        text += &pencil.paragraph("  ", 4, &[(Tone::Plain, said)]);
    }
    if let Some(plan) = incident.latest_plan() {
        text.push('\n');
        text += &plan_card(plan, pencil);
    } else if let Some((_, why)) = &incident.no_plan {
        text.push('\n');
        text += &pencil.heading("No plan");
        for reason in why {
            text += &pencil.paragraph("  ", 2, &[(Tone::Warn, reason.clone())]);
        }
    }
    if let Some((at, why)) = &incident.handed_over {
        text += &pencil.paragraph(
            "\n  ",
            4,
            &[
                (Tone::Bad, "A person must go on from here".into()),
                (Tone::Plain, format!(" ({}): {why}", at.clock())),
            ],
        );
    }
    for (at, by, note) in &incident.notes {
        text += &pencil.paragraph(
            "  ",
            4,
            &[
                (Tone::Faint, format!("{} {by}: ", at.clock())),
                (Tone::Plain, note.clone()),
            ],
        );
    }
    text
}

/// A plan, step by step, with how it stands and how to say yes.
pub fn plan_card(state: &PlanState, pencil: &Pencil) -> String {
    let plan = &state.plan;
    let short = &state.digest[..state.digest.len().min(12)];
    let mut text = pencil.heading(&format!("Plan {short}"));
    for (index, step) in plan.steps.iter().enumerate() {
        let stands = state.steps.get(index);
        let (tone, mark) = match stands.and_then(|s| s.undone.as_ref().or(s.outcome.as_ref())) {
            _ if stands.is_some_and(|s| s.undone.as_ref().is_some_and(Outcome::is_done)) => {
                (Tone::Warn, "undone")
            }
            Some(Outcome::Done { .. }) => (Tone::Good, "done"),
            Some(Outcome::Failed { .. }) => (Tone::Bad, "failed"),
            Some(Outcome::Unknown { .. }) => (Tone::Bad, "not known"),
            None if stands.is_some_and(|s| s.key.is_some()) => (Tone::Warn, "under way"),
            None => (Tone::Faint, "not begun"),
        };
        text += &pencil.paragraph(
            &format!("  {}. ", index + 1),
            5,
            &[
                (Tone::Strong, words::capital(&step.action.to_string())),
                (
                    Tone::Plain,
                    format!(
                        " ({} {} {}) ",
                        step.before,
                        pencil.sign("→", "->"),
                        step.after
                    ),
                ),
                (tone, mark.to_string()),
            ],
        );
        let back = step
            .undo
            .as_ref()
            .map_or("there is no way back".to_string(), |undo| {
                format!("way back: {undo}")
            });
        text += &pencil.paragraph("     ", 5, &[(Tone::Faint, back)]);
    }
    let conditions: Vec<String> = plan.expect.all.iter().map(ToString::to_string).collect();
    if !conditions.is_empty() {
        text += &pencil.paragraph(
            "  ",
            4,
            &[(
                Tone::Plain,
                format!(
                    "We shall know that it worked when {}.",
                    conditions.join("; ")
                ),
            )],
        );
    }
    let touched: Vec<&str> = plan.touches.iter().map(model::EntityId::as_str).collect();
    text += &pencil.paragraph(
        "  ",
        4,
        &[
            (
                Tone::Plain,
                format!(
                    "Rests on a confidence of {:.2}; touches ",
                    plan.confidence()
                ),
            ),
            (Tone::Plain, touched.join(", ")),
        ],
    );
    for risk in &plan.risks {
        text += &pencil.paragraph(
            "  ",
            4,
            &[(Tone::Warn, "risk: ".into()), (Tone::Plain, risk.clone())],
        );
    }
    text += &plan_standing(state, pencil);
    text
}

fn plan_standing(state: &PlanState, pencil: &Pencil) -> String {
    let incident = &state.plan.incident;
    let short = &state.digest[..state.digest.len().min(12)];
    let mut lines: Vec<Vec<Piece>> = Vec::new();
    if let Some((_, answer)) = &state.gate {
        let (tone, word, reasons) = match answer {
            GateAnswer::Go { reasons } => (Tone::Good, "go", reasons),
            GateAnswer::Ask { reasons, .. } => (Tone::Warn, "a person must say yes", reasons),
            GateAnswer::Refuse { reasons, .. } => (Tone::Bad, "no", reasons),
        };
        lines.push(vec![
            (Tone::Plain, "The gate says: ".into()),
            (tone, word.into()),
            (Tone::Plain, format!(" ({})", reasons.join("; "))),
        ]);
    }
    if let Some(approval) = &state.approval {
        lines.push(vec![(
            Tone::Good,
            format!("Approved by {} at {}", approval.by, approval.at.clock()),
        )]);
    } else if let Some((by, why)) = &state.refusal {
        lines.push(vec![(Tone::Bad, format!("Refused by {by}: {why}"))]);
    } else if state.expired {
        lines.push(vec![(Tone::Bad, "Nobody answered in time".to_string())]);
    } else if let Some(until) = state.asked_until
        && state.run_started.is_none()
    {
        lines.push(vec![
            (
                Tone::Strong,
                format!("midwatch approve {incident} --plan {short}"),
            ),
            (
                Tone::Plain,
                format!("   or refuse; until {}", until.clock()),
            ),
        ]);
    }
    if let Some((at, end)) = &state.run_ended {
        lines.push(match end {
            RunEnd::Completed => vec![(Tone::Good, format!("Performed at {}", at.clock()))],
            RunEnd::Unwound { why } => vec![(Tone::Warn, format!("Broken off and undone: {why}"))],
            RunEnd::Stuck { why } => vec![(Tone::Bad, format!("Stuck: {why}"))],
        });
    }
    let mut text: String = lines
        .iter()
        .map(|pieces| pencil.paragraph("  ", 4, pieces))
        .collect();
    if let Some((at, passed, checks)) = state.verified.last() {
        let (tone, word) = if *passed {
            (Tone::Good, "holds")
        } else {
            (Tone::Bad, "does not hold")
        };
        text += &pencil.paragraph(
            "  ",
            4,
            &[
                (Tone::Plain, format!("Check at {}: ", at.clock())),
                (tone, word.into()),
            ],
        );
        for checked in checks {
            text += &pencil.paragraph("    ", 6, &check_pieces(checked));
        }
    }
    text
}

fn check_pieces(checked: &Checked) -> Vec<Piece> {
    let (tone, mark) = match checked.holds {
        Holds::Yes => (Tone::Good, "yes "),
        Holds::No => (Tone::Bad, "no "),
        Holds::CannotTell => (Tone::Warn, "cannot tell "),
    };
    vec![
        (tone, mark.to_string()),
        (Tone::Plain, checked.condition.to_string()),
        (Tone::Faint, format!(" ({})", checked.seen)),
    ]
}

/// The journal as a person reads it: one line per event, times since it was opened.
pub fn timeline(entries: &[Entry], pencil: &Pencil) -> String {
    let opened = entries
        .first()
        .map_or(Timestamp::default(), |entry| entry.at);
    entries
        .iter()
        .map(|entry| timeline_line(entry, opened, pencil))
        .collect()
}

/// One line of the timeline.
pub fn timeline_line(entry: &Entry, opened: Timestamp, pencil: &Pencil) -> String {
    let (tone, said) = told(&entry.event);
    let since = entry.at.since(opened).as_seconds();
    pencil.paragraph(
        &format!("  {}  +{since:>7.1} s  ", entry.at.clock()),
        24,
        &[(tone, said)],
    )
}

/// What an event says, in one sentence.
pub fn told(event: &IncidentEvent) -> (Tone, String) {
    use IncidentEvent as E;
    match event {
        E::Opened { alarm, .. } => (
            Tone::Bad,
            format!(
                "opened by {} on {}{}{}",
                alarm.rule,
                alarm.entity,
                alarm.true_at.map_or(String::new(), |at| format!(
                    ", true in the data since {}",
                    at.clock()
                )),
                colon(&alarm.summary)
            ),
        ),
        E::AlarmJoined { alarm, because, .. } => (
            Tone::Warn,
            format!(
                "{} on {} belongs here: {}",
                alarm.rule,
                alarm.entity,
                because.join(", ")
            ),
        ),
        E::AlarmTurned { state, .. } => match state {
            AlarmState::Firing => (Tone::Bad, "the alarm fires again".into()),
            AlarmState::Resolved => (Tone::Good, "the alarm is quiet".into()),
            AlarmState::NoData => (Tone::Warn, "the alarm has no data".into()),
        },
        E::Flapping { turns, .. } => (
            Tone::Warn,
            format!("the alarm flaps: {turns} turns in 15 min"),
        ),
        E::Silenced { by, why, until } => (
            Tone::Faint,
            format!("silenced by {by} until {}: {why}", until.clock()),
        ),
        E::Noted { by, text } => (Tone::Plain, format!("{by}: {text}")),
        E::InvestigationStarted { attempt, window } => (
            Tone::Plain,
            format!(
                "investigation {attempt} looks at the last {}",
                window.length()
            ),
        ),
        E::Looked { at } => (Tone::Faint, at.clone()),
        E::InvestigationEnded { report, .. } => (
            Tone::Strong,
            report.verdict.first().map_or_else(
                || words::status(report.header.status).to_string(),
                |c| c.text.clone(),
            ),
        ),
        E::InvestigationFailed { why, .. } => (Tone::Bad, format!("the look failed: {why}")),
        E::Linked { incident, why } => (Tone::Plain, format!("linked with {incident}: {why}")),
        E::CauseJudged {
            entity,
            mechanism,
            right,
            by,
        } => (
            Tone::Plain,
            format!("{by}: {}", judged(entity, mechanism, *right)),
        ),
        E::CauseNamed {
            entity,
            mechanism,
            instead,
            by,
            ..
        } => {
            let beside = if *instead { "" } else { ", too" };
            let said = format!("{by}: it was {mechanism} on {entity}{beside}");
            (Tone::Strong, said)
        }
        E::LookAsked { by } => (Tone::Plain, format!("{by} wants a fresh look")),
        E::SplitOff { incident, by, .. } if by.is_empty() => (
            Tone::Plain,
            format!(
                "{incident} came apart from this: their causes have nothing to do with each other"
            ),
        ),
        E::SplitOff { incident, by, .. } => (Tone::Plain, format!("{by} split {incident} off")),
        E::PlanProposed { plan } => (
            Tone::Strong,
            format!(
                "a way back: {}",
                plan.steps
                    .iter()
                    .map(|s| s.action.to_string())
                    .collect::<Vec<_>>()
                    .join("; ")
            ),
        ),
        E::PlanKept { .. } => (
            Tone::Faint,
            "the newer report leads to the same plan: it stands".into(),
        ),
        E::NoPlan { why, .. } => (Tone::Warn, format!("no plan: {}", why.join("; "))),
        E::GateAnswered { answer, .. } => match answer {
            GateAnswer::Go { reasons } => (
                Tone::Good,
                format!("the gate says go: {}", reasons.join("; ")),
            ),
            GateAnswer::Ask { reasons, .. } => (
                Tone::Warn,
                format!("the gate wants a person's yes: {}", reasons.join("; ")),
            ),
            GateAnswer::Refuse { reasons, .. } => (
                Tone::Bad,
                format!("the gate says no: {}", reasons.join("; ")),
            ),
        },
        E::ApprovalAsked { until, .. } => (
            Tone::Warn,
            format!("asked for a yes, until {}", until.clock()),
        ),
        E::Approved { approval } => (Tone::Good, format!("{} said yes", approval.by)),
        E::Refused { by, why, .. } => (Tone::Bad, format!("{by} said no: {why}")),
        E::ApprovalExpired { .. } => (Tone::Bad, "nobody answered in time".into()),
        E::RunStarted { .. } => (Tone::Plain, "the plan is being performed".into()),
        E::StepStarted { step, .. } => (Tone::Plain, format!("step {} is begun", step + 1)),
        E::StepEnded { step, outcome, .. } => step_told(&format!("step {}", step + 1), outcome),
        E::UndoStarted { step, .. } => (Tone::Warn, format!("step {} is being undone", step + 1)),
        E::UndoEnded { step, outcome, .. } => {
            step_told(&format!("the undoing of step {}", step + 1), outcome)
        }
        E::RunEnded { end, .. } => match end {
            RunEnd::Completed => (Tone::Good, "every step is done".into()),
            RunEnd::Unwound { why } => (Tone::Warn, format!("broken off and undone: {why}")),
            RunEnd::Stuck { why } => (Tone::Bad, format!("stuck: {why}")),
        },
        E::Verified { passed, checks, .. } => {
            let seen: Vec<String> = checks
                .iter()
                .filter(|c| *passed || c.holds != Holds::Yes)
                .map(|c| c.seen.clone())
                .collect();
            let seen = seen.join("; ");
            if *passed {
                (Tone::Good, format!("verified: it worked ({seen})"))
            } else {
                (Tone::Warn, format!("not well yet ({seen})"))
            }
        }
        E::HandedOver { why } => (Tone::Bad, format!("a person must go on from here: {why}")),
        E::LessonLearned { lesson } => (
            Tone::Plain,
            format!("learned: {} pieces of advice", lesson.advice.len()),
        ),
        E::Closed { ending, by } => {
            let word = match ending {
                Ending::Recovered => "recovered".to_string(),
                Ending::RecoveredAlone => "it went away without us".to_string(),
                Ending::NoFault => "nothing was wrong".to_string(),
                Ending::HandedOver => "handed over".to_string(),
                Ending::Merged { into } => format!("merged into {into}"),
            };
            let by = if by.is_empty() {
                String::new()
            } else {
                format!(" by {by}")
            };
            (Tone::Good, format!("closed{by}: {word}"))
        }
    }
}

fn step_told(what: &str, outcome: &Outcome) -> (Tone, String) {
    match outcome {
        Outcome::Done { detail } => (Tone::Good, format!("{what} is done{}", colon(detail))),
        Outcome::Failed { why } => (Tone::Bad, format!("{what} failed: {why}")),
        Outcome::Unknown { why } => (Tone::Bad, format!("{what}: not known: {why}")),
    }
}

fn colon(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(": {text}")
    }
}

/// What a person said of a cause.
fn judged(entity: &model::EntityId, mechanism: &model::MechanismId, right: bool) -> String {
    let word = if right { "was" } else { "was not" };
    format!("{mechanism} on {entity} {word} a cause")
}
