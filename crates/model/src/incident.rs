//! One problem being worked: the fold of its events, and nothing else.
//!
//! The journal is a list of [`IncidentEvent`]s. [`Incident::fold`] reads them; an event that cannot
//! follow what stands before it is a typed error, never a silent correction.

pub mod chain;
mod fold;
pub mod transcript;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::action::{Outcome, StepKey};
use crate::alarm::{Alarm, AlarmState};
use crate::entity::{EntityId, EntityKind};
use crate::lesson::Lesson;
use crate::mechanism::{Category, MechanismId};
use crate::plan::{Approval, Checked, GateAnswer, Holds, Plan};
use crate::report::{Cause, Report};
use crate::time::{Span, TimeWindow, Timestamp};

/// Names one incident, such as `inc-20260618-150612-3f9a1c`.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct IncidentId(pub String);

impl IncidentId {
    /// From when it was opened and what opened it: the same alarm at the same moment has one name.
    pub fn of(opened: Timestamp, fingerprint: &Fingerprint) -> Self {
        let text = opened.to_string();
        let digits: String = text.chars().filter(char::is_ascii_digit).take(14).collect();
        let hash = blake3::hash(format!("{}\n{}", opened.0, fingerprint.0).as_bytes()).to_hex();
        let (day, clock) = digits.split_at(digits.len().min(8));
        Self(format!("inc-{day}-{clock}-{}", &hash.as_str()[..6]))
    }
}

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What makes two alarms the same alarm again: source, rule, entity and sorted stable labels.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Fingerprint(pub String);

impl Fingerprint {
    /// Of one alarm, leaving out the labels named (those that differ each time it fires).
    pub fn of(alarm: &Alarm, unstable: &[&str]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in [&alarm.source, &alarm.rule, alarm.entity.as_str()] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        for (name, value) in &alarm.labels {
            if !unstable.contains(&name.as_str()) {
                for part in [name, value] {
                    hasher.update(&(part.len() as u64).to_le_bytes());
                    hasher.update(part.as_bytes());
                }
            }
        }
        Self(hasher.finalize().to_hex().as_str()[..16].to_string())
    }
}

/// How an incident ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "how", rename_all = "snake_case", deny_unknown_fields)]
pub enum Ending {
    /// A plan ran, and fresh telemetry showed that it worked.
    Recovered,
    /// It went away without us.
    RecoveredAlone,
    /// Nothing was wrong.
    NoFault,
    /// A person took it over.
    HandedOver,
    /// It lives on in another incident.
    Merged {
        /// Which.
        into: IncidentId,
    },
}

/// How the performing of a plan ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "run", rename_all = "snake_case", deny_unknown_fields)]
pub enum RunEnd {
    /// Every step is done.
    Completed,
    /// It was broken off; what was done was undone.
    Unwound {
        /// Why.
        why: String,
    },
    /// It was broken off, and not all of it could be undone: a person must look.
    Stuck {
        /// Why.
        why: String,
    },
}

/// Everything that can happen to an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum IncidentEvent {
    /// An alarm opened it. Always the first event, and only the first.
    Opened {
        /// The alarm.
        alarm: Alarm,
        /// Its fingerprint.
        fingerprint: Fingerprint,
    },
    /// Another alarm was found to be about the same problem.
    AlarmJoined {
        /// The alarm.
        alarm: Alarm,
        /// Its fingerprint.
        fingerprint: Fingerprint,
        /// How strongly it belongs here; 1 or more joins.
        score: f64,
        /// Why, for people.
        because: Vec<String>,
    },
    /// An alarm that is already here changed its state.
    AlarmTurned {
        /// Which.
        fingerprint: Fingerprint,
        /// To what.
        state: AlarmState,
        /// When, by its own words.
        at: Timestamp,
    },
    /// An alarm turns so often that its turns tell nothing: from here on it is one item with a count.
    Flapping {
        /// Which.
        fingerprint: Fingerprint,
        /// Turns within the last 15 minutes.
        turns: u32,
    },
    /// It was silenced: nothing is owed until then.
    Silenced {
        /// By whom.
        by: String,
        /// Why.
        why: String,
        /// Until when.
        until: Timestamp,
    },
    /// Somebody wrote something down.
    Noted {
        /// Who.
        by: String,
        /// What.
        text: String,
    },
    /// We began to look.
    InvestigationStarted {
        /// Which time, from 1.
        attempt: u32,
        /// At which stretch.
        window: TimeWindow,
    },
    /// What an investigation looked at, for the live timeline.
    Looked {
        /// For people.
        at: String,
    },
    /// We know what we know.
    InvestigationEnded {
        /// Which time.
        attempt: u32,
        /// The whole report, evidence included (J3).
        report: Box<Report>,
    },
    /// An investigation could not be done.
    InvestigationFailed {
        /// Which time.
        attempt: u32,
        /// Why.
        why: String,
    },
    /// The causes come apart from this incident's: another incident holds them.
    Linked {
        /// Which.
        incident: IncidentId,
        /// Why.
        why: String,
    },
    /// Alarms were taken out of here into another incident: that stays.
    SplitOff {
        /// Into which.
        incident: IncidentId,
        /// Which alarms.
        alarms: Vec<Fingerprint>,
        /// By whom.
        by: String,
    },
    /// A person who knows said whether what a report blamed was a cause; the last word counts. Also of an incident that
    /// is closed.
    CauseJudged {
        /// Where.
        entity: EntityId,
        /// How.
        mechanism: MechanismId,
        /// Was it?
        right: bool,
        /// Who.
        by: String,
    },
    /// A person who knows named what it really was, which no report blamed. Also of an incident that is closed.
    CauseNamed {
        /// Where.
        entity: EntityId,
        /// What sort of thing that is.
        #[serde(default)]
        kind: EntityKind,
        /// How: a mechanism of the catalogue.
        mechanism: MechanismId,
        /// Which of the five that is.
        category: Category,
        /// In place of what was named before? Else beside it: there may be more than one cause.
        instead: bool,
        /// Who.
        by: String,
    },
    /// A person wants a fresh look now.
    LookAsked {
        /// Who.
        by: String,
    },
    /// A way back was found.
    PlanProposed {
        /// The plan.
        plan: Box<Plan>,
    },
    /// A newer report leads to the same steps: the plan stands, and answers to that report as well.
    PlanKept {
        /// Which plan.
        plan: String,
        /// The newer report (its ledger).
        report: String,
    },
    /// There is no way back that we could take. A plan that was not begun yet is withdrawn.
    NoPlan {
        /// Which report says what is wrong (its ledger).
        report: String,
        /// Why.
        why: Vec<String>,
    },
    /// The gate was asked.
    GateAnswered {
        /// About which plan (its digest).
        plan: String,
        /// What it said.
        answer: GateAnswer,
    },
    /// People were asked.
    ApprovalAsked {
        /// About which plan.
        plan: String,
        /// Until when a yes counts.
        until: Timestamp,
    },
    /// A person said yes.
    Approved {
        /// To what, who, until when.
        approval: Approval,
    },
    /// A person said no.
    Refused {
        /// To which plan.
        plan: String,
        /// Who.
        by: String,
        /// Why.
        why: String,
    },
    /// Nobody answered in time.
    ApprovalExpired {
        /// About which plan.
        plan: String,
    },
    /// The plan passed the gate a second time and is being performed (J1).
    RunStarted {
        /// Which plan.
        plan: String,
    },
    /// A step is about to be performed: the intent, before the deed.
    StepStarted {
        /// Of which plan.
        plan: String,
        /// Which step, from 0.
        step: u32,
        /// Under which key.
        key: StepKey,
    },
    /// What became of it.
    StepEnded {
        /// Of which plan.
        plan: String,
        /// Which step.
        step: u32,
        /// What became of it.
        outcome: Outcome,
    },
    /// A step is about to be undone.
    UndoStarted {
        /// Of which plan.
        plan: String,
        /// Which step.
        step: u32,
        /// Under which key.
        key: StepKey,
    },
    /// What became of that.
    UndoEnded {
        /// Of which plan.
        plan: String,
        /// Which step.
        step: u32,
        /// What became of it.
        outcome: Outcome,
    },
    /// The plan was performed, or broken off.
    RunEnded {
        /// Which plan.
        plan: String,
        /// How.
        end: RunEnd,
    },
    /// Fresh telemetry was held against the plan's check.
    Verified {
        /// Which plan.
        plan: String,
        /// Did all of it hold?
        passed: bool,
        /// One by one.
        checks: Vec<Checked>,
    },
    /// A person must go on from here (J4).
    HandedOver {
        /// Why.
        why: String,
    },
    /// What it taught us.
    LessonLearned {
        /// The lesson.
        lesson: Box<Lesson>,
    },
    /// It is over.
    Closed {
        /// How.
        ending: Ending,
        /// By whom; empty for the watch itself.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        by: String,
    },
}

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its place in the incident's list, from 1.
    pub seq: u64,
    /// When it was written down.
    pub at: Timestamp,
    /// What happened.
    pub event: IncidentEvent,
    /// BLAKE3 (hex) of the entry before; of the incident's id for the first.
    pub previous: String,
    /// BLAKE3 (hex) over incident, seq, at, event as stored, and `previous` (J6).
    pub digest: String,
}

/// One alarm of an incident, and how it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct JoinedAlarm {
    /// As it arrived.
    pub alarm: Alarm,
    /// What makes it the same again.
    pub fingerprint: Fingerprint,
    /// How it stands.
    pub state: AlarmState,
    /// Since when, by its own words.
    pub since: Timestamp,
    /// When it was written down here.
    pub joined: Timestamp,
    /// How often it turned while it was here.
    pub turns: u32,
    /// When it turned, as written down: those of the 15 minutes before the newest.
    pub recent: Vec<Timestamp>,
    /// Does it turn too often to tell anything?
    pub flapping: bool,
}

impl JoinedAlarm {
    /// Does it fire, as far as can be told? One that flaps is quiet only when it has not turned for as long
    /// as turns are counted.
    pub fn firing(&self, now: Timestamp) -> bool {
        let restless = self.flapping
            && self
                .recent
                .last()
                .is_some_and(|turned| now.since(*turned) < TURNS_COUNT_FOR);
        self.state == AlarmState::Firing || restless
    }

    /// The same after something that should have ended it: what it did before counts no longer, and going quiet once
    /// is what was hoped for.
    pub fn firing_since(&self, remedied: Timestamp, now: Timestamp) -> bool {
        let since = self.recent.iter().filter(|turned| **turned > remedied);
        self.state == AlarmState::Firing || (since.count() > 1 && self.firing(now))
    }
}

/// How long the turns of an alarm count for flapping.
pub const TURNS_COUNT_FOR: Span = Span(15 * crate::time::MINUTE);

/// One look at the incident.
#[derive(Clone, Debug, PartialEq)]
pub struct Investigation {
    /// From 1.
    pub attempt: u32,
    /// When it was begun.
    pub started: Timestamp,
    /// What was looked at.
    pub window: TimeWindow,
    /// When it ended, and with what; `None` while it goes on.
    pub ended: Option<(Timestamp, Result<Box<Report>, String>)>,
    /// Who asked for it; `None` where the watch looked by itself.
    pub asked_by: Option<String>,
}

/// A cause that a person named, and no report did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedCause {
    /// What sort of thing broke.
    pub kind: EntityKind,
    /// Which of the five it is.
    pub category: Category,
    /// Who named it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// How one step of a plan stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepState {
    /// The key under which it was last begun.
    pub key: Option<StepKey>,
    /// What became of it; `None` while we have not heard.
    pub outcome: Option<Outcome>,
    /// The key under which its undoing was last begun.
    pub undo_key: Option<StepKey>,
    /// What became of the undoing.
    pub undone: Option<Outcome>,
    /// How often it was begun, each time under a key of its own.
    pub tries: u32,
    /// How often, since it was last begun, we asked and could not learn what became of it.
    pub unheard: u32,
    /// How often its undoing was begun.
    pub undo_tries: u32,
    /// As `unheard`, for its undoing.
    pub undo_unheard: u32,
    /// When something was last written about it; `None` while nothing was.
    pub touched: Option<Timestamp>,
}

/// How one plan stands.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanState {
    /// The plan.
    pub plan: Box<Plan>,
    /// Its digest.
    pub digest: String,
    /// When it was proposed.
    pub proposed: Timestamp,
    /// The newest report that leads to it (its ledger).
    pub report: String,
    /// Did a newer report lead to no plan, before this one was begun?
    pub withdrawn: bool,
    /// The gate's last answer, and when.
    pub gate: Option<(Timestamp, GateAnswer)>,
    /// Until when people were asked.
    pub asked_until: Option<Timestamp>,
    /// The yes, until the gate finds that it does not suffice.
    pub approval: Option<Approval>,
    /// Yeses that did not suffice: by somebody who may not say it, or alone where two are needed.
    pub unheeded: Vec<Approval>,
    /// The no: who, why.
    pub refusal: Option<(String, String)>,
    /// Did the asking run out?
    pub expired: bool,
    /// When it was begun.
    pub run_started: Option<Timestamp>,
    /// Step by step.
    pub steps: Vec<StepState>,
    /// When and how the performing ended.
    pub run_ended: Option<(Timestamp, RunEnd)>,
    /// The checks so far, in order: when, passed, one by one.
    pub verified: Vec<(Timestamp, bool, Vec<Checked>)>,
}

impl PlanState {
    /// May it still be decided: not begun, not refused, not run out, not withdrawn?
    pub fn undecided(&self) -> bool {
        self.run_started.is_none() && self.refusal.is_none() && !self.expired && !self.withdrawn
    }

    /// Is it being performed?
    pub fn running(&self) -> bool {
        self.run_started.is_some() && self.run_ended.is_none()
    }

    /// Did fresh telemetry show that it worked?
    pub fn worked(&self) -> bool {
        self.verified.last().is_some_and(|(_, passed, _)| *passed)
    }

    /// Is that cause past, whatever a report still says: it began before this was performed, and has been answered where
    /// it was? One that worked says nothing more: what is wrong after that is new.
    pub fn answered(&self, cause: &Cause) -> bool {
        let Some((ended, RunEnd::Completed)) = &self.run_ended else {
            return false;
        };
        let before = cause.onset.is_none_or(|onset| onset.lo <= *ended);
        before && !self.worked() && self.mended().contains(&cause.entity)
    }

    /// The entities whose cause it answered and whose calls or readings the newest check found well, all of them:
    /// what it did there has helped, whatever else is wrong.
    pub fn mended(&self) -> BTreeSet<&EntityId> {
        let Some((.., checks)) = self.verified.last() else {
            return BTreeSet::new();
        };
        let well = |entity: &EntityId| {
            let measured = checks.iter();
            let mut here = measured
                .filter(|checked| checked.condition.measured_at() == Some(entity))
                .peekable();
            here.peek().is_some() && here.all(|checked| checked.holds == Holds::Yes)
        };
        let answered = self.plan.basis.iter().map(|basis| &basis.entity);
        answered.filter(|entity| well(entity)).collect()
    }
}

/// One problem being worked.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// Its name.
    pub id: IncidentId,
    /// When it was opened.
    pub opened: Timestamp,
    /// Its alarms, in the order in which they came.
    pub alarms: Vec<JoinedAlarm>,
    /// Silenced by whom, why, until when.
    pub silenced: Option<(String, String, Timestamp)>,
    /// What people wrote: when, who, what.
    pub notes: Vec<(Timestamp, String, String)>,
    /// Looks at it, oldest first.
    pub investigations: Vec<Investigation>,
    /// Other incidents that belong to it, and why.
    pub links: BTreeMap<IncidentId, String>,
    /// Were alarms taken out of it since the newest look began?
    pub split: bool,
    /// Of which causes people said whether they were causes, and who said so.
    pub judged: BTreeMap<(EntityId, MechanismId), (bool, String)>,
    /// What people say that it really was, where no report had blamed it.
    pub named: BTreeMap<(EntityId, MechanismId), NamedCause>,
    /// When a person asked for a fresh look that was not begun yet, and who.
    pub look_asked: Option<(Timestamp, String)>,
    /// Ways back, oldest first.
    pub plans: Vec<PlanState>,
    /// Why there is no plan for the report named.
    pub no_plan: Option<(String, Vec<String>)>,
    /// Why a person must go on.
    pub handed_over: Option<(Timestamp, String)>,
    /// What it taught us.
    pub lesson: Option<Box<Lesson>>,
    /// When and how it ended.
    pub closed: Option<(Timestamp, Ending)>,
    /// The last entry read: what a writer must name to add the next.
    pub seq: u64,
    /// When the last entry was written.
    pub touched: Timestamp,
}

/// Why an event cannot follow what stands before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("entry {seq} of {incident} ({event}) cannot stand here: {why}")]
pub struct IllegalEvent {
    /// Whose journal.
    pub incident: IncidentId,
    /// Which entry.
    pub seq: u64,
    /// Its word.
    pub event: &'static str,
    /// Why not.
    pub why: &'static str,
}
