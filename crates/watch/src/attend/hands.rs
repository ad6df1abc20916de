//! From a report to what is done about it. Everything that alters the world goes through the room `act`.

use act::gate::{Decision, Question, resume};
use act::run::{Advanced, Halt, advance, give_up};
use model::incident::{Incident, IncidentEvent, PlanState};
use model::plan::{Check, GateAnswer, Holds, Plan};
use model::ports::JournalError;
use model::report::Cause;
use model::time::Timestamp;

use super::{AttendError, Watch, held};

impl Watch {
    /// Finds a way back for the newest report. If it is the one that waits already, that one stands.
    pub(super) fn propose(&self, incident: &Incident) -> Result<(), AttendError> {
        let Some(report) = incident.report() else {
            return Ok(());
        };
        // A fresh look: what was altered, who leans on whom, and how the ill did when they were well, which is what
        // the plan's success is held against.
        let now = self.now();
        let case = self.case_of_its_own(incident, self.window(incident, now), now)?;
        if self.come_apart(incident, report, &case.topology)? {
            // Each part is looked at by itself before anything is proposed.
            return Ok(());
        }
        let mut context = self.settings.plan.clone().informed_by(&case, report);
        let past = |cause: &&Cause| incident.plans.iter().any(|plan| plan.answered(cause));
        context.past = report
            .causes
            .iter()
            .filter(past)
            .map(|cause| (cause.entity.clone(), cause.mechanism.clone()))
            .collect();
        let begun = incident.plans.iter().filter(|p| p.run_started.is_some());
        let attempt = u32::try_from(begun.count())
            .unwrap_or(u32::MAX)
            .saturating_add(1);
        let found =
            act::plan::propose(&incident.id, report, &context, &self.sockets.hands, attempt);
        let event = match found {
            Err(why) => IncidentEvent::NoPlan {
                report: report.ledger.clone(),
                why,
            },
            Ok(plan) => match incident.latest_plan() {
                Some(waits) if waits.undecided() && alike(&waits.plan, &plan) => {
                    IncidentEvent::PlanKept {
                        plan: waits.digest.clone(),
                        report: report.ledger.clone(),
                    }
                }
                _ => IncidentEvent::PlanProposed {
                    plan: Box::new(plan),
                },
            },
        };
        self.write(incident, event)?;
        Ok(())
    }

    /// Asks the gate, and writes down what it said.
    pub(super) fn ask_gate(&self, incident: &Incident) -> Result<(), AttendError> {
        let Some(plan) = incident.latest_plan() else {
            return Ok(());
        };
        let answer = self.decide(incident).answer();
        self.write(incident, answered(plan, answer))?;
        Ok(())
    }

    fn decide(&self, incident: &Incident) -> Decision {
        let now = self.now();
        let around = self.sockets.around.around(now);
        let kill = held(&self.kill).clone();
        let recoveries = self.recoveries();
        let people = self.people();
        self.settings.gate.ask(&Question {
            now,
            incident,
            topology: around.topology(),
            people: &people,
            recoveries: &recoveries,
            kill_switch: kill.as_deref(),
        })
    }

    /// Asks people. The notice goes out with the entry.
    pub(super) fn ask_people(&self, incident: &Incident) -> Result<(), AttendError> {
        let Some(plan) = incident.latest_plan() else {
            return Ok(());
        };
        let asked = IncidentEvent::ApprovalAsked {
            plan: plan.digest.clone(),
            until: self.now().plus(self.settings.orders.approval_lasts),
        };
        self.write(incident, asked)?;
        Ok(())
    }

    /// Nobody answered.
    pub(super) fn expire(&self, incident: &Incident) -> Result<(), AttendError> {
        let Some(plan) = incident.latest_plan() else {
            return Ok(());
        };
        let plan = plan.digest.clone();
        self.write(incident, IncidentEvent::ApprovalExpired { plan })?;
        Ok(())
    }

    /// Asks the gate once more: what was true when it was asked first may not be now. Then performs (J1).
    pub(super) fn run(&self, incident: &Incident) -> Result<Option<Timestamp>, AttendError> {
        let Some(plan) = incident.latest_plan() else {
            return Ok(None);
        };
        let decision = self.decide(incident);
        let answer = decision.answer();
        let Decision::Go { cleared, .. } = decision else {
            self.write(incident, answered(plan, answer))?;
            return Ok(None);
        };
        // The Go that is written is the one that counts, with its own reasons and at its own time.
        let incident = self.write(incident, answered(plan, answer))?;
        let Some(plan) = incident.latest_plan() else {
            return Ok(None);
        };
        let plan = plan.clone();
        let advanced = advance(
            &cleared,
            &plan,
            &self.sockets.hands,
            &self.settings.pace,
            &|| self.now(),
            &mut |stop| self.halt(&incident, stop),
            &mut |event| self.scribe(&incident, event),
        )?;
        Ok(waits(&advanced))
    }

    /// Goes on with what was begun, from where the journal stands.
    pub(super) fn go_on(&self, incident: &Incident) -> Result<Option<Timestamp>, AttendError> {
        let Some(plan) = incident.latest_plan() else {
            return Ok(None);
        };
        let Some(cleared) = resume(plan) else {
            let why = "a plan was begun that cannot be cleared again".to_string();
            self.write(incident, IncidentEvent::HandedOver { why })?;
            return Ok(None);
        };
        let advanced = advance(
            &cleared,
            plan,
            &self.sockets.hands,
            &self.settings.pace,
            &|| self.now(),
            &mut |stop| self.halt(incident, stop),
            &mut |event| self.scribe(incident, event),
        )?;
        Ok(waits(&advanced))
    }

    /// Begins to undo what did not help; the rest is [`Self::go_on`].
    pub(super) fn unwind(&self, incident: &Incident) -> Result<Option<Timestamp>, AttendError> {
        let Some(plan) = incident.latest_plan() else {
            return Ok(None);
        };
        let begun = match resume(plan) {
            None => None,
            Some(cleared) => give_up(
                &cleared,
                plan,
                &self.sockets.hands,
                &self.settings.pace,
                &|| self.now(),
                &mut |stop| self.halt(incident, stop),
                &mut |event| self.scribe(incident, event),
            )?,
        };
        match begun {
            Some(advanced) => Ok(waits(&advanced)),
            None => {
                let why = "the plan did not help, and cannot be taken back".to_string();
                self.write(incident, IncidentEvent::HandedOver { why })?;
                Ok(None)
            }
        }
    }

    /// Must the run stop here?
    fn halt(&self, incident: &Incident, stop: &Check) -> Option<Halt> {
        if let Some(why) = &*held(&self.kill) {
            return Some(Halt::HandsOff(format!("the kill switch is on: {why}")));
        }
        if stop.all.is_empty() {
            return None;
        }
        let now = self.now();
        // How things are now counts, not since when the run goes on: whoever is hurt in its first seconds is seen.
        let since = now.minus(stop.over);
        self.check(incident, stop, since, now)
            .into_iter()
            .find(|checked| checked.holds == Holds::No)
            .map(|checked| {
                Halt::Unwind(format!(
                    "{} does not hold: {}",
                    checked.condition, checked.seen
                ))
            })
    }

    /// Writes one event of a run, after whatever stands there by now.
    fn scribe(&self, incident: &Incident, event: IncidentEvent) -> Result<PlanState, JournalError> {
        let journal = |error| match error {
            AttendError::Journal(error) => error,
            other => JournalError::Store {
                what: other.to_string(),
            },
        };
        let newest = self.incident(&incident.id).map_err(journal)?;
        let written = self.write(&newest, event).map_err(journal)?;
        written
            .latest_plan()
            .cloned()
            .ok_or_else(|| JournalError::Store {
                what: format!("{}: the plan that is performed is gone", incident.id),
            })
    }
}

fn answered(plan: &PlanState, answer: GateAnswer) -> IncidentEvent {
    IncidentEvent::GateAnswered {
        plan: plan.digest.clone(),
        answer,
    }
}

/// Do both alter the same things in the same order, for the same causes? A newer report is surer or less so, and
/// says it in other words; a yes to the one is a yes to the other.
fn alike(one: &Plan, other: &Plan) -> bool {
    let steps = |plan: &Plan| -> Vec<_> {
        let steps = plan.steps.iter();
        steps
            .map(|s| (s.action.clone(), s.undo.clone(), s.actuator.clone()))
            .collect()
    };
    let causes = |plan: &Plan| -> Vec<_> {
        let basis = plan.basis.iter();
        let mut causes: Vec<_> = basis
            .map(|b| (b.entity.clone(), b.mechanism.clone(), b.change.clone()))
            .collect();
        causes.sort();
        causes
    };
    one.attempt == other.attempt && steps(one) == steps(other) && causes(one) == causes(other)
}

fn waits(advanced: &Advanced) -> Option<Timestamp> {
    match advanced {
        Advanced::Ended(_) => None,
        Advanced::Wait { until, .. } => Some(*until),
    }
}
