//! Looking: the investigation, and the verification of what was done.

use std::collections::BTreeSet;

use investigate::Step;
use model::SourceKind;
use model::alarm::AlarmState;
use model::case::Case;
use model::incident::{Incident, IncidentEvent, JoinedAlarm, RunEnd};
use model::recording::{BaselineKind, BaselineWindow};
use model::time::{Span, TimeWindow, Timestamp};

use super::{AttendError, Watch};

/// An investigation may write so many lines into the timeline; the report has the rest.
const LINES: u32 = 40;

/// Earlier incidents of the same alarms that are followed back.
const AGAIN: usize = 16;
/// An incident began at most so long before it was opened.
const BEGAN_BEFORE: Span = Span(15 * model::time::MINUTE);

/// A step of the engine as a line of the timeline; `None` for those that tell nothing new.
pub(super) fn told(step: &Step) -> Option<String> {
    match step {
        Step::Reading(_) => None,
        Step::Read(kind, rows) => Some(format!("{}: {rows} rows", word(*kind))),
        Step::Weighing(count) => Some(format!("weighing {count} hypotheses")),
        Step::Writing => Some("writing the report".to_string()),
    }
}

fn word(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::Metrics => "metrics",
        SourceKind::Logs => "logs",
        SourceKind::Traces => "traces",
        SourceKind::Changes => "changes",
        SourceKind::State => "state",
        SourceKind::Events => "events",
        SourceKind::Topology => "topology",
        SourceKind::Alarm => "alarms",
        SourceKind::Lessons => "lessons",
    }
}

impl Watch {
    /// Looks at the incident and writes the report down. A look without an end, cut short by a crash, is ended
    /// first: its number is spent, and none of its evidence was written.
    pub(super) fn look(&self, incident: &Incident) -> Result<(), AttendError> {
        let mut incident = incident.clone();
        if let Some(last) = incident.investigations.last().filter(|l| l.ended.is_none()) {
            let failed = IncidentEvent::InvestigationFailed {
                attempt: last.attempt,
                why: "it was interrupted".to_string(),
            };
            incident = (*self.write(&incident, failed)?).clone();
        }
        let now = self.now();
        let attempt = u32::try_from(incident.investigations.len())
            .unwrap_or(u32::MAX)
            .saturating_add(1);
        let window = self.window(&incident, now);
        let started = IncidentEvent::InvestigationStarted { attempt, window };
        let mut incident = self.write(&incident, started)?;
        let mut case = self.case_of_its_own(&incident, window, now)?;
        case.lessons = self.lessons(now);
        let mut fault = None;
        let mut lines = 0;
        let report = self.sockets.investigator.investigate(case, &mut |at| {
            // One that cannot be written is not the look's end; the next write will say so too.
            if fault.is_none() && lines < LINES {
                lines += 1;
                match self.write(&incident, IncidentEvent::Looked { at }) {
                    Ok(newer) => incident = newer,
                    Err(error) => fault = Some(error),
                }
            }
        });
        if let Some(error) = fault {
            return Err(error);
        }
        let ended = IncidentEvent::InvestigationEnded {
            attempt,
            report: Box::new(report),
        };
        self.write(&incident, ended)?;
        Ok(())
    }

    /// Holds fresh telemetry against the newest plan's check, and writes down what was seen.
    pub(super) fn verify(&self, incident: &Incident) -> Result<(), AttendError> {
        let Some(plan) = incident.latest_plan() else {
            return Ok(());
        };
        let now = self.now();
        let since = match &plan.run_ended {
            Some((at, RunEnd::Completed)) => *at,
            _ => return Ok(()),
        };
        let checks = self.check(incident, &plan.plan.expect, since, now);
        let passed = act::verify::judge(&checks) == act::verify::Judgement::Passed;
        let verified = IncidentEvent::Verified {
            plan: plan.digest.clone(),
            passed,
            checks,
        };
        self.write(incident, verified)?;
        Ok(())
    }

    /// What the conditions of a check show on telemetry from after `since`.
    pub(super) fn check(
        &self,
        incident: &Incident,
        check: &model::plan::Check,
        since: Timestamp,
        now: Timestamp,
    ) -> Vec<model::plan::Checked> {
        let from = since.min(now.minus(check.over));
        let case = self.case(incident, window(from, now), now);
        act::verify::check(check, &case, since, now)
    }

    /// The system's testimony, with the incident's alarms as they stand.
    pub(super) fn case(&self, incident: &Incident, window: TimeWindow, now: Timestamp) -> Case {
        let mut case = self.sockets.lookout.look(window, now);
        case.manifest.id.clone_from(&incident.id.0);
        if let Some(joined) = incident.alarms.first() {
            case.manifest.title = format!("{} on {}", joined.alarm.rule, joined.alarm.entity);
        }
        case.alarms = incident
            .alarms
            .iter()
            .map(|joined| {
                let mut alarm = joined.alarm.clone();
                alarm.state = joined.state;
                alarm
            })
            .collect();
        case.normalise();
        case
    }

    /// The same, without what belongs to incidents that are over.
    pub(super) fn case_of_its_own(
        &self,
        incident: &Incident,
        window: TimeWindow,
        now: Timestamp,
    ) -> Result<Case, AttendError> {
        let mut case = self.case(incident, window, now);
        if let Some(over) = self.over_before(incident)? {
            set_aside(&mut case, over, incident);
        }
        Ok(case)
    }

    /// From the beginning to the end of the incidents that the same alarms were in shortly before; `None` if there
    /// were none.
    fn over_before(&self, incident: &Incident) -> Result<Option<TimeWindow>, AttendError> {
        let mut over: Option<TimeWindow> = None;
        let mut next: Vec<_> = incident.links.keys().cloned().collect();
        let mut seen = BTreeSet::from([incident.id.clone()]);
        while let Some(id) = next.pop() {
            if seen.len() > AGAIN || !seen.insert(id.clone()) {
                continue;
            }
            let other = self.incident(&id)?;
            let again = |a: &JoinedAlarm| {
                incident
                    .alarms
                    .iter()
                    .any(|own| own.fingerprint == a.fingerprint)
            };
            if !other.alarms.iter().any(again) {
                continue;
            }
            let Some(stretch) = ill(&other).filter(|ill| ill.to() <= incident.opened) else {
                continue;
            };
            next.extend(other.links.keys().cloned());
            over = match over {
                Some(known) => TimeWindow::new(
                    known.from().min(stretch.from()),
                    known.to().max(stretch.to()),
                ),
                None => Some(stretch),
            };
        }
        Ok(over)
    }

    /// From well before the first alarm until now.
    pub(super) fn window(&self, incident: &Incident, now: Timestamp) -> TimeWindow {
        let heard = incident.alarms.iter().map(|alarm| alarm.alarm.fired_at);
        // What an alarm says of its time counts if it can be true; clocks may be days off.
        let far = Span(self.settings.lookback.0.max(0));
        let first = heard
            .filter(|fired| *fired <= now && *fired >= incident.opened.minus(far))
            .min()
            .unwrap_or(incident.opened)
            .min(incident.opened);
        window(first.minus(far), now)
    }
}

/// From when it began, as its newest report has it, until its alarms were quiet; `None` while it is open.
fn ill(incident: &Incident) -> Option<TimeWindow> {
    let (closed, _) = incident.closed.as_ref()?;
    let report = incident.report();
    let onsets = report.into_iter().flat_map(|report| {
        let causes = report.causes.iter().filter_map(|cause| cause.onset);
        causes.chain(report.symptoms.iter().map(|symptom| symptom.onset))
    });
    let fired = incident.alarms.iter().map(|alarm| alarm.alarm.fired_at);
    let begun = onsets.map(|onset| onset.lo).chain(fired).min();
    // What a report or an alarm says of its time may be far off.
    let earliest = incident.opened.minus(BEGAN_BEFORE);
    let begun = begun.unwrap_or(incident.opened);
    let quiet = incident.alarms.iter().map(|alarm| match alarm.state {
        AlarmState::Resolved => alarm.since.min(*closed),
        _ => *closed,
    });
    let quiet = quiet.max().unwrap_or(*closed);
    TimeWindow::new(begun.max(earliest).min(incident.opened), quiet)
}

/// What belonged to an incident that is over is neither health nor the beginning of this one: the beginning is looked
/// for after it, and health is what was before both and what is between them.
fn set_aside(case: &mut Case, over: TimeWindow, incident: &Incident) {
    let window = case.manifest.window;
    if over.to() <= window.from() {
        // The incident's own stretch is free of it; of what stands for health, what is.
        let apart =
            |b: &BaselineWindow| b.window.to() <= over.from() || b.window.from() >= over.to();
        if case.manifest.baselines.iter().any(apart) {
            case.manifest.baselines.retain(apart);
        }
        return;
    }
    let first = incident.alarms.iter().map(|alarm| alarm.joined).min();
    let alarmed = first.unwrap_or(incident.opened);
    // The engine draws the line between health and harm where the onset is seen; until then half of the time
    // between the two incidents stands for health.
    let half = Span(alarmed.since(over.to()).0.max(2) / 2);
    let since = TimeWindow::new(over.to(), window.to());
    let between = TimeWindow::new(over.to(), over.to().plus(half));
    let (Some(since), Some(between)) = (since, between) else {
        return;
    };
    let healthy = case.manifest.baselines.iter().map(|b| b.window);
    let before = healthy
        .chain([window])
        .filter_map(|healthy| TimeWindow::new(healthy.from(), healthy.to().min(over.from())));
    let kept = before.map(|window| (window, BaselineKind::History));
    case.manifest.baselines = kept
        .chain([(between, BaselineKind::Near)])
        .map(|(window, kind)| BaselineWindow { window, kind })
        .collect();
    case.manifest.window = since;
}

/// `[from, now]`: a moment at the least.
fn window(from: Timestamp, now: Timestamp) -> TimeWindow {
    let to = now.plus(Span(1));
    TimeWindow::new(from.min(now), to)
        .or_else(|| TimeWindow::new(Timestamp(i64::MAX - 1), Timestamp(i64::MAX)))
        .unwrap_or_else(|| unreachable!("the last moment but one comes before the last"))
}
