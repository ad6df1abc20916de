//! From entries to the incident: the only way to know how one stands.

use std::collections::BTreeMap;

use super::{
    Entry, Fingerprint, IllegalEvent, Incident, IncidentEvent, IncidentId, Investigation,
    JoinedAlarm, NamedCause, PlanState, RunEnd, StepState, TURNS_COUNT_FOR,
};
use crate::action::Outcome;
use crate::alarm::Alarm;
use crate::entity::EntityId;
use crate::lesson::{LearnedCause, Lesson};
use crate::mechanism::MechanismId;
use crate::plan::GateAnswer;
use crate::time::Timestamp;

impl IncidentEvent {
    /// Its word, as stored.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "opened",
            Self::AlarmJoined { .. } => "alarm_joined",
            Self::AlarmTurned { .. } => "alarm_turned",
            Self::Flapping { .. } => "flapping",
            Self::Silenced { .. } => "silenced",
            Self::Noted { .. } => "noted",
            Self::InvestigationStarted { .. } => "investigation_started",
            Self::Looked { .. } => "looked",
            Self::InvestigationEnded { .. } => "investigation_ended",
            Self::InvestigationFailed { .. } => "investigation_failed",
            Self::Linked { .. } => "linked",
            Self::SplitOff { .. } => "split_off",
            Self::CauseJudged { .. } => "cause_judged",
            Self::CauseNamed { .. } => "cause_named",
            Self::LookAsked { .. } => "look_asked",
            Self::PlanProposed { .. } => "plan_proposed",
            Self::PlanKept { .. } => "plan_kept",
            Self::NoPlan { .. } => "no_plan",
            Self::GateAnswered { .. } => "gate_answered",
            Self::ApprovalAsked { .. } => "approval_asked",
            Self::Approved { .. } => "approved",
            Self::Refused { .. } => "refused",
            Self::ApprovalExpired { .. } => "approval_expired",
            Self::RunStarted { .. } => "run_started",
            Self::StepStarted { .. } => "step_started",
            Self::StepEnded { .. } => "step_ended",
            Self::UndoStarted { .. } => "undo_started",
            Self::UndoEnded { .. } => "undo_ended",
            Self::RunEnded { .. } => "run_ended",
            Self::Verified { .. } => "verified",
            Self::HandedOver { .. } => "handed_over",
            Self::LessonLearned { .. } => "lesson_learned",
            Self::Closed { .. } => "closed",
        }
    }
}

/// What may still be written of an incident that is closed: words about it, and what it taught.
fn stays_open_to(event: &IncidentEvent) -> bool {
    use IncidentEvent as E;
    matches!(
        event,
        E::Noted { .. }
            | E::LessonLearned { .. }
            | E::Linked { .. }
            | E::CauseJudged { .. }
            | E::CauseNamed { .. }
    )
}

impl Incident {
    /// Reads a whole journal. `None` for an empty one.
    pub fn fold(id: &IncidentId, entries: &[Entry]) -> Result<Option<Self>, IllegalEvent> {
        let mut incident = None;
        for entry in entries {
            match &mut incident {
                None => incident = Some(Self::begin(id, entry)?),
                Some(incident) => incident.apply(entry.seq, entry.at, &entry.event)?,
            }
        }
        Ok(incident)
    }

    /// What stands after the first entry.
    pub fn begin(id: &IncidentId, entry: &Entry) -> Result<Self, IllegalEvent> {
        let IncidentEvent::Opened { alarm, fingerprint } = &entry.event else {
            return Err(IllegalEvent {
                incident: id.clone(),
                seq: entry.seq,
                event: entry.event.word(),
                why: "a journal begins with the alarm that opened it",
            });
        };
        if entry.seq != 1 {
            return Err(IllegalEvent {
                incident: id.clone(),
                seq: entry.seq,
                event: entry.event.word(),
                why: "a journal is counted from 1",
            });
        }
        Ok(Self {
            id: id.clone(),
            opened: entry.at,
            alarms: vec![joined(entry.at, alarm, fingerprint)],
            silenced: None,
            notes: Vec::new(),
            investigations: Vec::new(),
            links: BTreeMap::new(),
            split: false,
            judged: BTreeMap::new(),
            named: BTreeMap::new(),
            look_asked: None,
            plans: Vec::new(),
            no_plan: None,
            handed_over: None,
            lesson: None,
            closed: None,
            seq: entry.seq,
            touched: entry.at,
        })
    }

    /// Adds one event to what stands, or says why it cannot follow. On an error nothing is altered.
    pub fn apply(
        &mut self,
        seq: u64,
        at: Timestamp,
        event: &IncidentEvent,
    ) -> Result<(), IllegalEvent> {
        self.try_apply(seq, at, event).map_err(|why| IllegalEvent {
            incident: self.id.clone(),
            seq,
            event: event.word(),
            why,
        })?;
        self.seq = seq;
        self.touched = at;
        Ok(())
    }

    fn try_apply(
        &mut self,
        seq: u64,
        at: Timestamp,
        event: &IncidentEvent,
    ) -> Result<(), &'static str> {
        use IncidentEvent as E;
        if seq != self.seq + 1 {
            return Err("it does not follow the last entry");
        }
        if self.closed.is_some() && !stays_open_to(event) {
            return Err("the incident is closed");
        }
        match event {
            E::Opened { .. } => return Err("it is open already"),
            E::AlarmJoined {
                alarm, fingerprint, ..
            } => {
                if self.alarms.iter().any(|a| a.fingerprint == *fingerprint) {
                    return Err("that alarm is here already");
                }
                self.alarms.push(joined(at, alarm, fingerprint));
            }
            E::AlarmTurned {
                fingerprint,
                state,
                at: since,
            } => {
                let alarm = self.alarm(fingerprint)?;
                if alarm.state != *state {
                    alarm.turns = alarm.turns.saturating_add(1);
                    // Counted by our clock: what an alarm says of its own time may be days off.
                    alarm
                        .recent
                        .retain(|turned| at.since(*turned) < TURNS_COUNT_FOR);
                    alarm.recent.push(at);
                }
                alarm.state = *state;
                alarm.since = *since;
            }
            E::Flapping { fingerprint, .. } => self.alarm(fingerprint)?.flapping = true,
            E::Silenced { by, why, until } => {
                self.silenced = Some((by.clone(), why.clone(), *until));
            }
            E::Noted { by, text } => self.notes.push((at, by.clone(), text.clone())),
            E::InvestigationStarted { attempt, window } => {
                if *attempt != self.investigations.len() as u32 + 1 {
                    return Err("its number does not follow the last");
                }
                self.split = false;
                self.investigations.push(Investigation {
                    attempt: *attempt,
                    started: at,
                    window: *window,
                    ended: None,
                    asked_by: self.look_asked.take().map(|(_, by)| by),
                });
            }
            E::Looked { .. } => {
                if self.investigations.last().is_none_or(|i| i.ended.is_some()) {
                    return Err("no investigation goes on");
                }
            }
            E::InvestigationEnded { attempt, report } => {
                let ended = Ok(report.clone());
                self.going_on(*attempt)?.ended = Some((at, ended));
            }
            E::InvestigationFailed { attempt, why } => {
                let ended = Err(why.clone());
                self.going_on(*attempt)?.ended = Some((at, ended));
            }
            E::Linked { incident, why } => {
                self.links.insert(incident.clone(), why.clone());
            }
            E::SplitOff {
                incident, alarms, ..
            } => {
                if self.alarms.iter().all(|a| alarms.contains(&a.fingerprint)) {
                    return Err("an incident keeps at least one alarm");
                }
                self.alarms.retain(|a| !alarms.contains(&a.fingerprint));
                self.split = true;
                self.links
                    .insert(incident.clone(), "split off from this one".to_string());
            }
            E::CauseJudged {
                entity,
                mechanism,
                right,
                by,
            } => {
                if !self.blamed(entity, mechanism) {
                    return Err("no report of it names that cause");
                }
                let cause = (entity.clone(), mechanism.clone());
                self.judged.insert(cause, (*right, by.clone()));
            }
            E::CauseNamed {
                entity,
                kind,
                mechanism,
                category,
                instead,
                by,
            } => {
                if *instead {
                    self.named.clear();
                }
                let named = NamedCause {
                    kind: *kind,
                    category: *category,
                    by: by.clone(),
                    at,
                };
                let cause = (entity.clone(), mechanism.clone());
                self.named.insert(cause, named);
            }
            E::LookAsked { by } => {
                if self
                    .investigations
                    .last()
                    .is_some_and(|i| i.ended.is_none())
                {
                    return Err("it is being looked at");
                }
                if self.look_asked.is_some() {
                    return Err("a look was asked for already");
                }
                self.look_asked = Some((at, by.clone()));
            }
            E::PlanProposed { plan } => self.propose(at, plan)?,
            E::PlanKept { plan, report } => self.waiting(plan)?.report = report.clone(),
            E::NoPlan { report, why } => {
                if let Some(latest) = self.plans.last_mut()
                    && latest.undecided()
                {
                    latest.withdrawn = true;
                }
                self.no_plan = Some((report.clone(), why.clone()));
            }
            E::GateAnswered { plan, answer } => {
                let state = self.waiting(plan)?;
                // A yes was there, and the gate asks all the same: that yes does not suffice.
                if matches!(answer, GateAnswer::Ask { .. }) {
                    state.unheeded.extend(state.approval.take());
                }
                state.gate = Some((at, answer.clone()));
            }
            E::ApprovalAsked { plan, until } => self.waiting(plan)?.asked_until = Some(*until),
            E::Approved { approval } => {
                let state = self.waiting(&approval.plan)?;
                if approval.at >= approval.until {
                    return Err("the yes had expired when it was given");
                }
                state.approval = Some(approval.clone());
            }
            E::Refused { plan, by, why } => {
                self.waiting(plan)?.refusal = Some((by.clone(), why.clone()));
            }
            E::ApprovalExpired { plan } => self.waiting(plan)?.expired = true,
            E::RunStarted { plan } => {
                let state = self.waiting(plan)?;
                // J1: nothing is performed but after a Go for that very plan.
                if !matches!(state.gate, Some((_, GateAnswer::Go { .. }))) {
                    return Err("the gate has not said Go (J1)");
                }
                state.run_started = Some(at);
            }
            E::StepStarted { plan, step, key } => {
                let (before, state) = self.running(plan)?.step(*step)?;
                if !before {
                    return Err("the step before it is not done");
                }
                // J2: under one key a step is begun once; a new key needs the certainty that the last failed.
                match &state.outcome {
                    _ if state.key.is_none() => {}
                    Some(Outcome::Failed { .. }) if state.key.as_ref() != Some(key) => {}
                    _ => return Err("it was begun, and did not fail for certain (J2)"),
                }
                state.key = Some(key.clone());
                state.outcome = None;
                state.tries += 1;
                state.unheard = 0;
                state.touched = Some(at);
            }
            E::StepEnded {
                plan,
                step,
                outcome,
            } => {
                let (_, state) = self.running(plan)?.step(*step)?;
                match (&state.key, &state.outcome) {
                    (Some(_), None | Some(Outcome::Unknown { .. })) => {
                        state.outcome = Some(outcome.clone());
                        state.unheard += u32::from(matches!(outcome, Outcome::Unknown { .. }));
                        state.touched = Some(at);
                    }
                    _ => return Err("it was not under way"),
                }
            }
            E::UndoStarted { plan, step, key } => {
                let (_, state) = self.undoing(plan)?.step(*step)?;
                if state.key.is_none() {
                    return Err("there is nothing to undo");
                }
                match &state.undone {
                    _ if state.undo_key.is_none() => {}
                    Some(Outcome::Failed { .. }) if state.undo_key.as_ref() != Some(key) => {}
                    _ => return Err("it was begun, and did not fail for certain (J2)"),
                }
                state.undo_key = Some(key.clone());
                state.undone = None;
                state.undo_tries += 1;
                state.undo_unheard = 0;
                state.touched = Some(at);
            }
            E::UndoEnded {
                plan,
                step,
                outcome,
            } => {
                let (_, state) = self.undoing(plan)?.step(*step)?;
                match (&state.undo_key, &state.undone) {
                    (Some(_), None | Some(Outcome::Unknown { .. })) => {
                        state.undone = Some(outcome.clone());
                        state.undo_unheard += u32::from(matches!(outcome, Outcome::Unknown { .. }));
                        state.touched = Some(at);
                    }
                    _ => return Err("its undoing was not under way"),
                }
            }
            E::RunEnded { plan, end } => {
                let state = match end {
                    RunEnd::Completed => self.running(plan)?,
                    RunEnd::Unwound { .. } | RunEnd::Stuck { .. } => self.undoing(plan)?,
                };
                let done = |s: &StepState| s.outcome.as_ref().is_some_and(Outcome::is_done);
                if *end == RunEnd::Completed && !state.steps.iter().all(done) {
                    return Err("not every step is done");
                }
                state.run_ended = Some((at, end.clone()));
            }
            E::Verified {
                plan,
                passed,
                checks,
            } => {
                let state = self.latest(plan)?;
                if !matches!(state.run_ended, Some((_, RunEnd::Completed))) {
                    return Err("only a plan that was performed can be verified");
                }
                state.verified.push((at, *passed, checks.clone()));
            }
            E::HandedOver { why } => self.handed_over = Some((at, why.clone())),
            E::LessonLearned { lesson } => {
                if self.lesson.is_some() {
                    return Err("the lesson was learned already");
                }
                self.lesson = Some(lesson.clone());
            }
            E::Closed { ending, by } => {
                let handed_over = self.handed_over.is_some();
                if self.latest_plan().is_some_and(PlanState::running) && !handed_over {
                    return Err("a plan is being performed (J4)");
                }
                // A person may close what they please; the watch may not let a started plan lie.
                if by.is_empty() && !handed_over && self.owes_a_verdict() {
                    return Err(
                        "a plan was performed and neither verified, unwound nor handed over (J4)",
                    );
                }
                self.closed = Some((at, ending.clone()));
            }
        }
        Ok(())
    }

    fn propose(&mut self, at: Timestamp, plan: &crate::plan::Plan) -> Result<(), &'static str> {
        if plan.incident != self.id {
            return Err("the plan is another incident's");
        }
        if plan.steps.is_empty() {
            return Err("a plan has at least one step");
        }
        if self.latest_plan().is_some_and(PlanState::running) {
            return Err("another plan is being performed");
        }
        let digest = plan.digest();
        if self.plans.iter().any(|p| p.digest == digest) {
            return Err("that very plan was proposed before");
        }
        self.plans.push(PlanState {
            plan: Box::new(plan.clone()),
            digest,
            proposed: at,
            report: plan.report.clone(),
            withdrawn: false,
            gate: None,
            asked_until: None,
            approval: None,
            unheeded: Vec::new(),
            refusal: None,
            expired: false,
            run_started: None,
            steps: vec![StepState::default(); plan.steps.len()],
            run_ended: None,
            verified: Vec::new(),
        });
        self.no_plan = None;
        Ok(())
    }

    /// The newest plan: the only one that can still be decided or performed.
    pub fn latest_plan(&self) -> Option<&PlanState> {
        self.plans.last()
    }

    /// The newest report, if a look has ended with one.
    pub fn report(&self) -> Option<&crate::report::Report> {
        self.investigations
            .iter()
            .rev()
            .find_map(|i| match &i.ended {
                Some((_, Ok(report))) => Some(&**report),
                _ => None,
            })
    }

    /// Does any report of it name this cause?
    pub fn blamed(&self, entity: &EntityId, mechanism: &MechanismId) -> bool {
        let reports = self.investigations.iter().filter_map(|look| {
            let (_, ended) = look.ended.as_ref()?;
            ended.as_deref().ok()
        });
        let mut causes = reports.flat_map(|report| &report.causes);
        causes.any(|cause| cause.entity == *entity && cause.mechanism == *mechanism)
    }

    /// What it taught, with what people have said of its causes since; `None` before a lesson was drawn.
    pub fn taught(&self) -> Option<Lesson> {
        let lesson = self.lesson.as_deref().cloned()?;
        Some(self.as_people_say(lesson))
    }

    /// A lesson of it with what people say of its causes: which were right, which were not, and what it really was.
    pub fn as_people_say(&self, mut lesson: Lesson) -> Lesson {
        for cause in &mut lesson.causes {
            let key = (cause.entity.clone(), cause.mechanism.clone());
            if let Some((right, _)) = self.judged.get(&key) {
                cause.confirmed = Some(*right);
            }
        }
        // Who named something else later takes back what was named before.
        lesson.causes.retain(|cause| cause.blamed);
        for one in self.named_causes() {
            match lesson
                .causes
                .iter_mut()
                .find(|cause| cause.entity == one.entity && cause.mechanism == one.mechanism)
            {
                Some(blamed) => blamed.confirmed = blamed.confirmed.or(Some(true)),
                None => lesson.causes.push(one),
            }
        }
        lesson
    }

    /// The causes that people named, as a lesson remembers them: certain, and as a rule blamed by no report.
    pub fn named_causes(&self) -> Vec<LearnedCause> {
        let named = self.named.iter();
        named
            .map(|((entity, mechanism), named)| LearnedCause {
                entity: entity.clone(),
                kind: named.kind,
                mechanism: mechanism.clone(),
                category: named.category,
                change: None,
                confidence: 0.0,
                cured: None,
                confirmed: Some(true),
                blamed: self.blamed(entity, mechanism),
            })
            .collect()
    }

    /// Is any of its alarms still firing?
    pub fn firing(&self, now: Timestamp) -> bool {
        self.alarms.iter().any(|a| a.firing(now))
    }

    /// Is any of its alarms still firing, or unsettled by what it did since that moment alone?
    pub fn firing_since(&self, remedied: Timestamp, now: Timestamp) -> bool {
        self.alarms.iter().any(|a| a.firing_since(remedied, now))
    }

    /// Was a plan performed of which nobody knows yet whether it worked? The newest that was begun stands
    /// for all: an earlier one that failed led to it.
    pub fn owes_a_verdict(&self) -> bool {
        let begun = self.plans.iter().rev().find(|p| p.run_started.is_some());
        begun.is_some_and(|plan| match &plan.run_ended {
            Some((_, RunEnd::Completed)) => !plan.worked(),
            Some((_, RunEnd::Unwound { .. })) => false,
            Some((_, RunEnd::Stuck { .. })) | None => true,
        })
    }

    fn alarm(&mut self, fingerprint: &Fingerprint) -> Result<&mut JoinedAlarm, &'static str> {
        self.alarms
            .iter_mut()
            .find(|a| a.fingerprint == *fingerprint)
            .ok_or("that alarm is not here")
    }

    fn going_on(&mut self, attempt: u32) -> Result<&mut Investigation, &'static str> {
        match self.investigations.last_mut() {
            Some(last) if last.attempt == attempt && last.ended.is_none() => Ok(last),
            _ => Err("that investigation does not go on"),
        }
    }

    fn latest(&mut self, digest: &str) -> Result<&mut PlanState, &'static str> {
        match self.plans.last_mut() {
            Some(last) if last.digest == digest => Ok(last),
            _ => Err("it is not the newest plan"),
        }
    }

    /// The newest plan, while nothing has been performed and nobody has said no.
    fn waiting(&mut self, digest: &str) -> Result<&mut PlanState, &'static str> {
        let state = self.latest(digest)?;
        if state.run_started.is_some() {
            Err("the plan was begun already")
        } else if state.withdrawn {
            Err("the plan was withdrawn")
        } else if state.refusal.is_some() {
            Err("the plan was refused")
        } else if state.expired {
            Err("the asking has run out")
        } else {
            Ok(state)
        }
    }

    fn running(&mut self, digest: &str) -> Result<&mut PlanState, &'static str> {
        let state = self.latest(digest)?;
        if state.running() {
            Ok(state)
        } else {
            Err("the plan is not being performed")
        }
    }

    /// The newest plan, while it is being performed, or after it was performed and did not help: what did not
    /// help may be undone.
    fn undoing(&mut self, digest: &str) -> Result<&mut PlanState, &'static str> {
        let state = self.latest(digest)?;
        let in_vain = matches!(state.run_ended, Some((_, RunEnd::Completed)))
            && state.verified.last().is_some_and(|(_, passed, _)| !passed);
        if state.run_started.is_some() && (state.run_ended.is_none() || in_vain) {
            Ok(state)
        } else {
            Err("the plan is neither being performed, nor was it in vain")
        }
    }
}

fn joined(at: Timestamp, alarm: &Alarm, fingerprint: &Fingerprint) -> JoinedAlarm {
    JoinedAlarm {
        state: alarm.state,
        since: alarm.fired_at,
        joined: at,
        alarm: alarm.clone(),
        fingerprint: fingerprint.clone(),
        turns: 0,
        recent: Vec::new(),
        flapping: false,
    }
}

impl PlanState {
    /// The step, and whether all before it are done.
    fn step(&mut self, index: u32) -> Result<(bool, &mut StepState), &'static str> {
        let index = index as usize;
        let before = self
            .steps
            .iter()
            .take(index)
            .all(|s| s.outcome.as_ref().is_some_and(Outcome::is_done));
        let state = self.steps.get_mut(index).ok_or("there is no such step")?;
        Ok((before, state))
    }
}

#[cfg(test)]
mod tests;
