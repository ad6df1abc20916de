//! Looking: the investigation, and the verification of what was done.

use investigate::Step;
use model::SourceKind;
use model::alarm::Alarm;
use model::case::Case;
use model::incident::{Incident, IncidentEvent, RunEnd};
use model::time::{Span, TimeWindow, Timestamp};

use super::{AttendError, Watch};

/// An investigation may write so many lines into the timeline; the report has the rest.
const LINES: u32 = 40;

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
        case.alarms = alarms(incident).collect();
        case.tell_entrances();
        case.normalise();
        case
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

/// Its alarms as they stand.
pub(super) fn alarms(incident: &Incident) -> impl Iterator<Item = Alarm> {
    incident.alarms.iter().map(|joined| {
        let mut alarm = joined.alarm.clone();
        alarm.state = joined.state;
        alarm
    })
}

/// `[from, now]`: a moment at the least.
fn window(from: Timestamp, now: Timestamp) -> TimeWindow {
    let to = now.plus(Span(1));
    TimeWindow::new(from.min(now), to)
        .or_else(|| TimeWindow::new(Timestamp(i64::MAX - 1), Timestamp(i64::MAX)))
        .unwrap_or_else(|| unreachable!("the last moment but one comes before the last"))
}
