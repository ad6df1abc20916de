//! Does what [`crate::duty`] says is owed, through sockets, and writes down everything before and after.
//!
//! Each call works from the journal alone. Whatever happens in the middle, a crash or a cut of the power, the next
//! call finds in the journal where things stand and goes on from there. What is remembered here only saves reading
//! the list again; it is thrown away whenever the journal says something else.

mod before;
mod books;
mod desk;
mod hands;
mod look;
mod name;
mod tell;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use act::gate::{Gate, Recovery};
use act::run::Pace;
use model::alarm::Alarm;
use model::case::Case;
use model::incident::{Fingerprint, Incident, IncidentEvent, IncidentId};
use model::lesson::Lesson;
use model::ports::{
    Actuator, Clock, Journal, JournalError, Lookout, Notifier, Outbox, SilenceBook,
};
use model::report::{BudgetLimit, Report};
use model::time::{Span, TimeWindow, Timestamp};

use crate::correlate::Surroundings;
use crate::duty::{self, Awaited, Duty, Orders};
use crate::intake::{self, Taken};

pub use act::gate::Person;
pub use desk::Refusal;
pub use name::Named;
pub use tell::{Standing, Trouble};

/// What the watch needs to know of the system at any moment, without a whole look.
pub trait Around: Send + Sync {
    /// What leans on what, and what was altered in the last day.
    fn around(&self, now: Timestamp) -> Surroundings;

    /// The same, as far as it is known without waiting for anybody: an incident is opened at once, also while the
    /// system that would have to be asked does not answer.
    fn glance(&self, now: Timestamp) -> Arc<Surroundings> {
        Arc::new(self.around(now))
    }
}

/// Writes reports.
pub trait Investigator: Send + Sync {
    /// From a case to its report; tells whoever waits what it is doing.
    /// The case is given away, so that it need not be held while what was made of it is read.
    fn investigate(&self, case: Case, progress: &mut dyn FnMut(String)) -> Report;
}

/// The engine, with its budget.
#[derive(Clone, Copy, Debug)]
pub struct Engine {
    /// What one look may spend.
    pub budget: BudgetLimit,
}

impl Investigator for Engine {
    fn investigate(&self, case: Case, progress: &mut dyn FnMut(String)) -> Report {
        investigate::investigate(&case, self.budget, &mut |step| {
            if let Some(text) = look::told(&step) {
                progress(text);
            }
        })
    }
}

/// Who may be asked beside those whom the settings name. It is asked at each question: people come and go, and what
/// they may do with them.
pub trait Roster: Send + Sync {
    /// All of them.
    fn people(&self) -> Vec<Person>;
}

/// Draws lessons.
pub trait Teacher: Send + Sync {
    /// What an incident that ends now teaches.
    fn distil(&self, incident: &Incident, now: Timestamp) -> Lesson;
}

/// Everything that the watch is connected to.
pub struct Sockets {
    /// The spine.
    pub journal: Arc<dyn Journal>,
    /// Which notices were told.
    pub outbox: Arc<dyn Outbox>,
    /// Silences and windows.
    pub silences: Arc<dyn SilenceBook>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The eyes.
    pub lookout: Arc<dyn Lookout>,
    /// What is known without a look.
    pub around: Arc<dyn Around>,
    /// The hands, which only the room `act` moves.
    pub hands: Vec<Arc<dyn Actuator>>,
    /// Who is told.
    pub notifiers: Vec<Arc<dyn Notifier>>,
    /// Who writes reports.
    pub investigator: Arc<dyn Investigator>,
    /// Who draws lessons.
    pub teacher: Arc<dyn Teacher>,
}

/// What the operator orders.
pub struct Settings {
    /// How long is waited for what. What the gate knows of too is taken from there ([`Orders::under`]).
    pub orders: Orders,
    /// How far before the first alarm a look reaches.
    pub lookback: Span,
    /// What plans need to know; what telemetry tells is filled in at each proposal, and how sure a cause must be is
    /// the gate's.
    pub plan: act::plan::Context,
    /// What may be done.
    pub gate: Gate,
    /// Who is known.
    pub people: Vec<Person>,
    /// How steps are tried again.
    pub pace: Pace,
}

/// Why an incident could not be attended to now. Calling again later is safe.
#[derive(Debug, thiserror::Error)]
pub enum AttendError {
    /// The journal did not take an entry or could not be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Two plans where there should be one.
    #[error(transparent)]
    Run(#[from] act::run::RunError),
    /// The journal names an incident that has no entries.
    #[error("{0}: there is no such incident")]
    NotThere(IncidentId),
}

/// Where attending left an incident.
#[derive(Clone, Debug, PartialEq)]
pub struct Attended {
    /// How many duties were done.
    pub done: u32,
    /// What is owed now: a wait, or nothing.
    pub duty: Duty,
    /// When to come again, if nothing happens before; `None` for never.
    pub again: Option<Timestamp>,
}

/// Duties done in one go before others have their turn.
const AT_ONCE: u32 = 64;

/// How often a writer that was overtaken reads again.
const OVERTAKEN: u32 = 16;

/// The duty loop's memory and its connections. One for a whole server; any thread may call it.
pub struct Watch {
    sockets: Sockets,
    settings: Settings,
    memory: Mutex<Memory>,
    /// Who is told, and of what not yet.
    channels: Vec<tell::Channel>,
    /// Incidents that some thread attends to at this moment.
    busy: Mutex<BTreeSet<IncidentId>>,
    /// One alarm at a time, so that two that belong together find each other.
    intake: Mutex<()>,
    /// Why no hand may move, if the kill switch is on.
    kill: Mutex<Option<String>>,
    /// Who may be asked beside those of the settings.
    roster: Option<Arc<dyn Roster>>,
}

#[derive(Default)]
struct Memory {
    open: BTreeMap<IncidentId, Arc<Incident>>,
    /// Where each fingerprint was last, and when that closed.
    closed: BTreeMap<Fingerprint, (IncidentId, Timestamp)>,
    /// What was performed in incidents that are closed.
    recoveries: BTreeMap<IncidentId, Vec<Recovery>>,
    /// What incidents that are closed taught, the newest of them.
    lessons: BTreeMap<(Timestamp, IncidentId), Arc<Lesson>>,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is thrown away on doubt; a panic elsewhere leaves nothing half done in it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watch {
    /// Takes up the watch where the journal says that it stands: reads every open incident, and the newest closed
    /// ones for what was told and done lately.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn take_up(sockets: Sockets, settings: Settings) -> Result<Self, AttendError> {
        let rules = settings.gate.rules();
        let settings = Settings {
            orders: settings.orders.under(rules),
            plan: act::plan::Context {
                sure: rules.confidence,
                ..settings.plan
            },
            ..settings
        };
        let notifiers = sockets.notifiers.iter().cloned();
        let watch = Self {
            channels: notifiers.map(tell::Channel::new).collect(),
            sockets,
            settings,
            memory: Mutex::default(),
            busy: Mutex::default(),
            intake: Mutex::default(),
            kill: Mutex::default(),
            roster: None,
        };
        watch.remember()?;
        Ok(watch)
    }

    /// The same watch, which also asks those of this roster.
    pub fn with_roster(mut self, roster: Arc<dyn Roster>) -> Self {
        self.roster = Some(roster);
        self
    }

    /// Everybody who is known now: those whom the settings name, and those of the roster.
    pub fn people(&self) -> Vec<Person> {
        let mut people = self.settings.people.clone();
        for person in self.roster.iter().flat_map(|roster| roster.people()) {
            if !people.iter().any(|known| known.name == person.name) {
                people.push(person);
            }
        }
        people
    }

    /// The journal, for whoever reads it.
    pub fn journal(&self) -> &Arc<dyn Journal> {
        &self.sockets.journal
    }

    /// The standing orders.
    pub fn orders(&self) -> &Orders {
        &self.settings.orders
    }

    /// Turns the kill switch on, with the reason, or off.
    pub fn kill(&self, why: Option<String>) {
        *held(&self.kill) = why;
    }

    /// Every open incident as it stands, oldest first.
    pub fn open(&self) -> Vec<Arc<Incident>> {
        let mut open: Vec<_> = held(&self.memory).open.values().cloned().collect();
        open.sort_by(|a, b| (a.opened, &a.id).cmp(&(b.opened, &b.id)));
        open
    }

    /// The system's testimony of a stretch, whoever asks, with the alarms of open incidents as they stand.
    pub fn testimony(&self, window: TimeWindow) -> Case {
        let mut case = self.sockets.lookout.look(window, self.now());
        case.alarms = self.open().iter().flat_map(|i| look::alarms(i)).collect();
        case.tell_entrances();
        case.normalise();
        case
    }

    /// One incident as it stands, open or closed.
    ///
    /// # Errors
    /// If the journal cannot be read or has no such incident.
    pub fn incident(&self, id: &IncidentId) -> Result<Arc<Incident>, AttendError> {
        if let Some(known) = held(&self.memory).open.get(id) {
            return Ok(Arc::clone(known));
        }
        self.read(id)
    }

    /// Takes an alarm: it turns, joins or opens an incident. When this returns, that is in the journal.
    ///
    /// # Errors
    /// If the journal does not take it; the alarm should be brought again.
    pub fn receive(&self, alarm: &Alarm) -> Result<Taken, AttendError> {
        let silences = self.sockets.silences.silences()?;
        let _turn = held(&self.intake);
        let now = self.now();
        let around = self.sockets.around.glance(now);
        for _ in 0..OVERTAKEN {
            let open = self.open();
            let open: Vec<&Incident> = open.iter().map(Arc::as_ref).collect();
            let closed = held(&self.memory).closed.clone();
            let known = intake::Known {
                open: &open,
                closed: &closed,
                around: &around,
                silences: &silences,
            };
            let decision = intake::decide(alarm, &known, now);
            let Some(id) = decision.incident else {
                return Ok(decision.taken);
            };
            match self.write_all(&id, decision.after, decision.events) {
                Ok(()) => return Ok(decision.taken),
                // Somebody was quicker: what was decided may no longer be right.
                Err(AttendError::Journal(
                    JournalError::Stale { .. } | JournalError::Illegal(_),
                )) => {
                    self.newer(&id, decision.after)?;
                }
                Err(error) => return Err(error),
            }
        }
        Err(self.overtaken())
    }

    /// Does everything that is owed to every open incident, and says when to come again at the latest. An incident
    /// whose journal cannot be written is left for the next time, and told about. People are told by
    /// [`Watch::tell_through`], which may take longer.
    pub fn tick(&self) -> Ticked {
        let mut ticked = Ticked::default();
        for incident in self.open() {
            match self.attend(&incident.id) {
                Ok(Some(attended)) => {
                    ticked.done += attended.done;
                    ticked.again = match (ticked.again, attended.again) {
                        (Some(one), Some(other)) => Some(one.min(other)),
                        (one, other) => one.or(other),
                    };
                }
                Ok(None) => {}
                Err(error) => ticked.errors.push((incident.id.clone(), error)),
            }
        }
        ticked
    }

    /// Does what is owed to one incident until it has to wait; `None` while another thread does so.
    ///
    /// # Errors
    /// If the journal fails. The incident is as its journal says; call again.
    pub fn attend(&self, id: &IncidentId) -> Result<Option<Attended>, AttendError> {
        if !held(&self.busy).insert(id.clone()) {
            return Ok(None);
        }
        let _free = Free { watch: self, id };
        let mut done = 0;
        let mut overtaken = 0;
        loop {
            let incident = self.incident(id)?;
            let now = self.now();
            let duty = duty::owed(&incident, now, &self.settings.orders);
            let again = match &duty {
                Duty::Wait { until, .. } => Some(*until),
                Duty::Nothing => None,
                _ if done >= AT_ONCE => Some(now),
                _ => match self.perform(&incident, &duty) {
                    Ok(None) => {
                        done += 1;
                        continue;
                    }
                    Ok(Some(until)) => Some(until),
                    // Decided on what was known, and somebody wrote something newer: decide again.
                    Err(AttendError::Journal(
                        JournalError::Stale { .. } | JournalError::Illegal(_),
                    )) if overtaken < OVERTAKEN => {
                        overtaken += 1;
                        self.newer(id, incident.seq)?;
                        continue;
                    }
                    Err(error) => {
                        // The write may have arrived although we never heard: only the journal knows. Until it has
                        // answered, what was known stands: an alarm that comes meanwhile belongs to this incident.
                        if self.read(id).is_err() {
                            held(&self.memory).open.remove(id);
                        }
                        return Err(error);
                    }
                },
            };
            return Ok(Some(Attended { done, duty, again }));
        }
    }

    /// One duty. `Some` says that it has to wait until then.
    fn perform(&self, incident: &Incident, duty: &Duty) -> Result<Option<Timestamp>, AttendError> {
        match duty {
            Duty::Investigate { .. } => self.look(incident).map(|()| None),
            Duty::Propose => self.propose(incident).map(|()| None),
            Duty::AskGate => self.ask_gate(incident).map(|()| None),
            Duty::AskPeople => self.ask_people(incident).map(|()| None),
            Duty::Expire => self.expire(incident).map(|()| None),
            Duty::Run => self.run(incident),
            Duty::Continue => self.go_on(incident),
            Duty::Verify => self.verify(incident).map(|()| None),
            Duty::Unwind => self.unwind(incident),
            Duty::Learn => {
                let lesson = self.sockets.teacher.distil(incident, self.now());
                let lesson = Box::new(lesson);
                self.write(incident, IncidentEvent::LessonLearned { lesson })
                    .map(|_| None)
            }
            Duty::Close(ending) => {
                let closed = IncidentEvent::Closed {
                    ending: ending.clone(),
                    by: String::new(),
                };
                self.write(incident, closed).map(|_| None)
            }
            Duty::HandOver { why } => {
                let why = why.clone();
                self.write(incident, IncidentEvent::HandedOver { why })
                    .map(|_| None)
            }
            Duty::Wait { until, .. } => Ok(Some(*until)),
            Duty::Nothing => Ok(None),
        }
    }

    fn now(&self) -> Timestamp {
        self.sockets.clock.now()
    }

    fn overtaken(&self) -> AttendError {
        AttendError::Journal(JournalError::Store {
            what: "other writers were quicker each time; try again".to_string(),
        })
    }
}

/// What one round over all incidents came to.
#[derive(Debug, Default)]
pub struct Ticked {
    /// Duties done.
    pub done: u32,
    /// When the next one is due; `None` if nothing is waited for.
    pub again: Option<Timestamp>,
    /// Incidents that could not be attended to.
    pub errors: Vec<(IncidentId, AttendError)>,
}

/// What an incident waits for, for whoever shows it.
pub fn awaits(
    incident: &Incident,
    now: Timestamp,
    orders: &Orders,
) -> Option<(Awaited, Timestamp)> {
    match duty::owed(incident, now, orders) {
        Duty::Wait { awaits, until } => Some((awaits, until)),
        _ => None,
    }
}

/// Lets others attend again, however the attending ended.
struct Free<'a> {
    watch: &'a Watch,
    id: &'a IncidentId,
}

impl Drop for Free<'_> {
    fn drop(&mut self) {
        held(&self.watch.busy).remove(self.id);
    }
}
