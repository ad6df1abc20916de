//! What people say: yes, no, a remark, quiet, enough.

use std::sync::Arc;

use act::gate::Question;
use model::incident::{
    Ending, Fingerprint, Incident, IncidentEvent, IncidentId, JoinedAlarm, PlanState,
};
use model::plan::Approval;
use model::report::Report;
use model::silence::Silence;
use model::time::Timestamp;
use model::topology::Topology;

use crate::apart::apart;

use super::{AttendError, Watch, held};

/// The longest remark that is written down, in characters.
const LONGEST: usize = 4000;

/// The least of a plan's digest by which a person may name it.
const SHORTEST: usize = 8;

/// Why what a person asked for was not done.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It may not be, or makes no sense now.
    #[error("{0}")]
    No(String),
    /// It could not be written down.
    #[error(transparent)]
    Failed(#[from] AttendError),
}

impl Watch {
    /// A person's yes to one exact plan, named by its digest or the beginning of it. Asks the gate whether this person
    /// may say it before anything is written; the gate is asked again when the plan is run.
    ///
    /// # Errors
    /// [`Refusal::No`] with the gate's reasons: a stranger, another plan, too late.
    pub fn approve(&self, id: &IncidentId, plan: &str, by: &str) -> Result<Approval, Refusal> {
        let incident = self.open_incident(id)?;
        let digest = named(&incident, plan)?;
        let now = self.now();
        let lasts = self.settings.gate.rules().approval_lasts;
        let approval = Approval {
            plan: digest,
            by: by.to_string(),
            at: now,
            until: now.plus(lasts),
        };
        let around = self.sockets.around.around(now);
        let recoveries = self.recoveries();
        let kill = held(&self.kill).clone();
        let people = self.people();
        let question = Question {
            now,
            incident: &incident,
            topology: around.topology(),
            people: &people,
            recoveries: &recoveries,
            kill_switch: kill.as_deref(),
        };
        self.settings
            .gate
            .approvable(&question, &approval)
            .map_err(|why| Refusal::No(why.join("; ")))?;
        let said = IncidentEvent::Approved {
            approval: approval.clone(),
        };
        self.written(&incident, said)?;
        Ok(approval)
    }

    /// A person's no. Anybody may say no.
    ///
    /// # Errors
    /// If the plan is not the one that waits.
    pub fn refuse(&self, id: &IncidentId, plan: &str, by: &str, why: &str) -> Result<(), Refusal> {
        let incident = self.open_incident(id)?;
        let said = IncidentEvent::Refused {
            plan: named(&incident, plan)?,
            by: clean(by),
            why: clean(why),
        };
        self.written(&incident, said)
    }

    /// A remark for the journal, also of a closed incident.
    ///
    /// # Errors
    /// If there is no such incident.
    pub fn note(&self, id: &IncidentId, by: &str, text: &str) -> Result<(), Refusal> {
        let incident = self.incident(id)?;
        let noted = IncidentEvent::Noted {
            by: clean(by),
            text: clean(text),
        };
        self.written(&incident, noted)
    }

    /// A person who knows says whether what a report blamed was a cause; `cause` counts those of the newest report
    /// from 1, and none means all of them. Also of a closed incident: its lesson weighs from then on. Says how many
    /// causes were judged.
    ///
    /// # Errors
    /// If there is no such incident, or no such cause in its newest report.
    pub fn judge(
        &self,
        id: &IncidentId,
        cause: Option<usize>,
        right: bool,
        by: &str,
    ) -> Result<usize, Refusal> {
        let mut incident = self.incident(id)?;
        let causes = incident.report().map_or(&[][..], |report| &report.causes);
        let chosen: Vec<_> = causes
            .iter()
            .zip(1..)
            .filter(|(_, number)| cause.is_none_or(|wanted| wanted == *number))
            .map(|(cause, _)| (cause.entity.clone(), cause.mechanism.clone()))
            .collect();
        if chosen.is_empty() {
            return Err(Refusal::No(match (cause, causes.len()) {
                (_, 0) => format!("the newest report of {id} names no cause"),
                (Some(wanted), count) => {
                    format!("the newest report of {id} has no cause {wanted}; it has {count}")
                }
                (None, _) => format!("{id} has no cause that could be judged"),
            }));
        }
        let count = chosen.len();
        for (entity, mechanism) in chosen {
            let said = IncidentEvent::CauseJudged {
                entity,
                mechanism,
                right,
                by: clean(by),
            };
            self.written(&incident, said)?;
            incident = self.incident(id)?;
        }
        Ok(count)
    }

    /// A person wants a fresh look now. It is taken at the next round, whatever else is waited for, and spends none of
    /// the watch's own. Says how many more may be asked for.
    ///
    /// # Errors
    /// If it is not open, a look goes on or was asked for already, hands are moving, or enough were asked for.
    pub fn look_again(&self, id: &IncidentId, by: &str) -> Result<u32, Refusal> {
        let incident = self.open_incident(id)?;
        if incident.latest_plan().is_some_and(PlanState::running) {
            return Err(Refusal::No(format!(
                "a plan is being performed for {id}; it is looked at when that has ended"
            )));
        }
        let asked = incident.investigations.iter();
        let asked = asked.filter(|look| look.asked_by.is_some()).count();
        let most = self.settings.orders.asked_looks;
        let asked = u32::try_from(asked).unwrap_or(u32::MAX);
        if asked >= most {
            return Err(Refusal::No(format!(
                "{asked} looks at {id} were asked for already, and more tell little; ask how things stand instead"
            )));
        }
        let said = IncidentEvent::LookAsked { by: clean(by) };
        self.written(&incident, said)?;
        Ok(most.saturating_sub(asked).saturating_sub(1))
    }

    /// A person says that two incidents belong together: each names the other, and each goes its own way.
    ///
    /// # Errors
    /// If there is no such incident, or both are one.
    pub fn link(
        &self,
        id: &IncidentId,
        other: &IncidentId,
        by: &str,
        why: &str,
    ) -> Result<(), Refusal> {
        if id == other {
            return Err(Refusal::No(
                "an incident cannot be linked with itself".to_string(),
            ));
        }
        let (one, two) = (self.incident(id)?, self.incident(other)?);
        let why = format!("{}: {}", clean(by), clean(why));
        for (incident, with) in [(one, other), (two, id)] {
            let linked = IncidentEvent::Linked {
                incident: with.clone(),
                why: why.clone(),
            };
            self.written(&incident, linked)?;
        }
        Ok(())
    }

    /// Quiet for one incident until then.
    ///
    /// # Errors
    /// If it is not open, or the time has passed.
    pub fn hush(
        &self,
        id: &IncidentId,
        by: &str,
        why: &str,
        until: Timestamp,
    ) -> Result<(), Refusal> {
        if until <= self.now() {
            return Err(Refusal::No(format!("{until} has passed already")));
        }
        let incident = self.open_incident(id)?;
        let silenced = IncidentEvent::Silenced {
            by: clean(by),
            why: clean(why),
            until,
        };
        self.written(&incident, silenced)
    }

    /// Orders a silence or a window for alarms to come, and for incidents all of whose alarms it covers.
    ///
    /// # Errors
    /// If it cannot be written down.
    pub fn silence(&self, silence: &Silence) -> Result<u32, Refusal> {
        self.sockets
            .silences
            .order(silence)
            .map_err(AttendError::from)?;
        let now = self.now();
        let Some(until) = silence.quiet_until(now) else {
            return Ok(0);
        };
        let mut hushed = 0;
        for incident in self.open() {
            let all = incident.alarms.iter().all(|a| silence.covers(&a.alarm));
            let longer = incident
                .silenced
                .as_ref()
                .is_none_or(|(.., already)| *already < until);
            if all && longer {
                let said = IncidentEvent::Silenced {
                    by: clean(&silence.by),
                    why: clean(&silence.why),
                    until,
                };
                self.written(&incident, said)?;
                hushed += 1;
            }
        }
        Ok(hushed)
    }

    /// A person ends a silence before its time; it is kept who did. Incidents that were hushed with it stay so until its old end.
    ///
    /// # Errors
    /// If there is none of that name that is not over, or it cannot be written down.
    pub fn end_silence(&self, id: &str, by: &str) -> Result<(), Refusal> {
        let all = self
            .sockets
            .silences
            .silences()
            .map_err(AttendError::from)?;
        let now = self.now();
        let stands =
            |silence: &&Silence| silence.id == id && silence.ended.is_none_or(|ended| ended > now);
        let Some(silence) = all.iter().find(stands) else {
            return Err(Refusal::No(format!(
                "there is no silence {} that is not over",
                clean(id).chars().take(80).collect::<String>()
            )));
        };
        let ended = Silence {
            ended: Some(now),
            ended_by: Some(clean(by)),
            ..silence.clone()
        };
        self.sockets
            .silences
            .order(&ended)
            .map_err(AttendError::from)?;
        Ok(())
    }

    /// A person takes over: the watch does nothing more about it but tell when it is quiet.
    ///
    /// # Errors
    /// If it is not open.
    pub fn take_over(&self, id: &IncidentId, by: &str, why: &str) -> Result<(), Refusal> {
        let incident = self.open_incident(id)?;
        let why = format!("{} took over: {}", clean(by), clean(why));
        self.written(&incident, IncidentEvent::HandedOver { why })
    }

    /// A person closes it.
    ///
    /// # Errors
    /// If it is not open, or hands are moving.
    pub fn close(&self, id: &IncidentId, by: &str, ending: Ending) -> Result<(), Refusal> {
        let incident = self.open_incident(id)?;
        let closed = IncidentEvent::Closed {
            ending,
            by: clean(by),
        };
        self.written(&incident, closed)?;
        // The lesson of it.
        self.attend(id)?;
        Ok(())
    }

    /// A person takes alarms out of an incident into one of their own: that stays.
    ///
    /// # Errors
    /// If the alarms are not there, or would leave none behind.
    pub fn split(
        &self,
        id: &IncidentId,
        alarms: &[Fingerprint],
        by: &str,
    ) -> Result<IncidentId, Refusal> {
        let incident = self.open_incident(id)?;
        let taken: Vec<_> = incident
            .alarms
            .iter()
            .filter(|alarm| alarms.contains(&alarm.fingerprint))
            .cloned()
            .collect();
        if taken.is_empty() {
            return Err(Refusal::No(format!("{id} has none of these alarms")));
        }
        if taken.len() == incident.alarms.len() {
            return Err(Refusal::No(format!(
                "{id} has no other alarms; an incident keeps at least one"
            )));
        }
        let because = format!("{} split it from {id}", clean(by));
        self.take_out(&incident, taken, because, clean(by))
    }

    /// Those of its alarms that have a confirmed cause in a part of the system from which nothing leads to that of its
    /// first alarm go into incidents of their own. What a person put together stays together. Did any go?
    pub(super) fn come_apart(
        &self,
        incident: &Incident,
        report: &Report,
        topology: &Topology,
    ) -> Result<bool, AttendError> {
        let parts = apart(incident, report, topology);
        if parts.is_empty() || self.put_together(incident)? {
            return Ok(false);
        }
        let mut went = false;
        for part in parts {
            let incident = self.incident(&incident.id)?;
            let taken: Vec<_> = incident
                .alarms
                .iter()
                .filter(|alarm| part.contains(&alarm.fingerprint))
                .cloned()
                .collect();
            let because = format!("its cause has nothing to do with that of {}", incident.id);
            match self.take_out(&incident, taken, because, String::new()) {
                Ok(_) => went = true,
                Err(Refusal::Failed(error)) => return Err(error),
                // Somebody else was quicker.
                Err(Refusal::No(_)) => {}
            }
        }
        Ok(went)
    }

    /// Did a person merge another incident into this one?
    fn put_together(&self, incident: &Incident) -> Result<bool, AttendError> {
        for other in incident.links.keys() {
            let ending = self
                .incident(other)?
                .closed
                .as_ref()
                .map(|(_, how)| how.clone());
            if matches!(ending, Some(Ending::Merged { into }) if into == incident.id) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes alarms out of an incident into one of their own.
    fn take_out(
        &self,
        incident: &Incident,
        taken: Vec<JoinedAlarm>,
        because: String,
        by: String,
    ) -> Result<IncidentId, Refusal> {
        let Some(first) = taken.first() else {
            return Err(Refusal::No(format!(
                "{} has none of these alarms",
                incident.id
            )));
        };
        let id = &incident.id;
        // The power may have failed on the way: then the new one is there, and what it lacks is written now.
        let begun = self.open().into_iter().find(|other| {
            let holds = |joined: &JoinedAlarm| joined.fingerprint == first.fingerprint;
            other.id != *id && other.alarms.iter().any(holds)
        });
        let new = match &begun {
            Some(begun) => begun.id.clone(),
            None => IncidentId::of(self.now(), &first.fingerprint),
        };
        self.open_with(&new, begun.as_deref(), id, &taken, because)?;
        let split = IncidentEvent::SplitOff {
            incident: new.clone(),
            alarms: taken.into_iter().map(|alarm| alarm.fingerprint).collect(),
            by,
        };
        self.written(incident, split)?;
        Ok(new)
    }

    /// Writes down a new incident of alarms that another one still has; what it has already is not written again.
    fn open_with(
        &self,
        new: &IncidentId,
        begun: Option<&Incident>,
        from: &IncidentId,
        taken: &[JoinedAlarm],
        because: String,
    ) -> Result<(), AttendError> {
        // The new one first: an alarm in two incidents is found and can be told; one in none is lost.
        let mut events = Vec::new();
        for joined in taken {
            let fingerprint = joined.fingerprint.clone();
            if begun.is_some_and(|it| it.alarms.iter().any(|a| a.fingerprint == fingerprint)) {
                continue;
            }
            let mut alarm = joined.alarm.clone();
            alarm.state = joined.state;
            events.push(if begun.is_none() && events.is_empty() {
                IncidentEvent::Opened { alarm, fingerprint }
            } else {
                IncidentEvent::AlarmJoined {
                    alarm,
                    fingerprint,
                    score: 1.0,
                    because: vec![because.clone()],
                }
            });
        }
        if begun.is_none_or(|it| !it.links.contains_key(from)) {
            events.push(IncidentEvent::Linked {
                incident: from.clone(),
                why: because,
            });
        }
        self.write_all(new, begun.map_or(0, |it| it.seq), events)
    }

    /// A person puts one incident into another: its alarms join there, and it is closed.
    ///
    /// # Errors
    /// If either is not open, they are the same, or hands are moving in the first.
    pub fn merge(&self, id: &IncidentId, into: &IncidentId, by: &str) -> Result<(), Refusal> {
        if id == into {
            return Err(Refusal::No("an incident cannot join itself".to_string()));
        }
        let incident = self.open_incident(id)?;
        let mut target = self.open_incident(into)?;
        for joined in &incident.alarms {
            if target
                .alarms
                .iter()
                .any(|a| a.fingerprint == joined.fingerprint)
            {
                continue;
            }
            let mut alarm = joined.alarm.clone();
            alarm.state = joined.state;
            let joins = IncidentEvent::AlarmJoined {
                alarm,
                fingerprint: joined.fingerprint.clone(),
                score: 1.0,
                because: vec![format!("{} merged {id} into this", clean(by))],
            };
            target = self.write(&target, joins)?;
        }
        let linked = IncidentEvent::Linked {
            incident: id.clone(),
            why: format!("{} merged it into this one", clean(by)),
        };
        self.written(&target, linked)?;
        let closed = IncidentEvent::Closed {
            ending: Ending::Merged { into: into.clone() },
            by: clean(by),
        };
        self.written(&incident, closed)
    }

    pub(super) fn open_incident(&self, id: &IncidentId) -> Result<Arc<Incident>, Refusal> {
        let incident = self.incident(id)?;
        if incident.closed.is_some() {
            return Err(Refusal::No(format!("{id} is closed")));
        }
        Ok(incident)
    }

    /// Writes it; what cannot follow is a no with its reason, not a failure.
    pub(super) fn written(&self, incident: &Incident, event: IncidentEvent) -> Result<(), Refusal> {
        match self.write(incident, event) {
            Ok(_) => Ok(()),
            Err(AttendError::Journal(model::ports::JournalError::Illegal(illegal))) => {
                Err(Refusal::No(illegal.to_string()))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The digest of the newest plan, if the person means that one.
fn named(incident: &Incident, plan: &str) -> Result<String, Refusal> {
    let Some(waits) = incident.latest_plan() else {
        return Err(Refusal::No(format!("{} has no plan", incident.id)));
    };
    let short: String = waits.digest.chars().take(12).collect();
    if plan.len() < SHORTEST {
        return Err(Refusal::No(format!(
            "name the plan by at least {SHORTEST} characters of its digest, such as {short}"
        )));
    }
    if !waits.digest.starts_with(plan) {
        return Err(Refusal::No(format!(
            "the plan that waits is {short}, not {}; look at it first",
            clean(plan).chars().take(12).collect::<String>()
        )));
    }
    Ok(waits.digest.clone())
}

/// What people wrote, without control characters but line breaks, and not endless.
pub(super) fn clean(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() || *c == '\n')
        .take(LONGEST)
        .collect()
}
