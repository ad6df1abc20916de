//! The sockets in the walls. Together the sources are the eyes: they answer, and can change nothing.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::action::{Action, Outcome, Preview, StepKey};
use crate::alarm::Alarm;
use crate::case::Case;
use crate::change::Change;
use crate::entity::EntityId;
use crate::incident::{Entry, IllegalEvent, IncidentEvent, IncidentId};
use crate::lesson::Lesson;
use crate::query::{Answer, Gap};
use crate::recording::Manifest;
use crate::silence::Silence;
use crate::telemetry::{Event, LogLine, Series, Severity, SpanRow, StateSnapshot};
use crate::time::{Span, TimeWindow, Timestamp};
use crate::topology::Topology;

/// What a scan read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Rows visited.
    pub rows: u64,
    /// Bytes read from the source.
    pub bytes: u64,
}

/// Numbers over time.
pub trait MetricSource: Send + Sync {
    /// All series that have a point in the source, sorted by key. Cheap: values are shared.
    fn series(&self) -> Answer<Vec<Arc<Series>>>;
}

/// Log lines.
pub trait LogSource: Send + Sync {
    /// Visits the lines of `entity` (everyone, if none) inside `window`, in the order of the source's
    /// files and lines, until the visitor breaks.
    fn scan(
        &self,
        entity: Option<&EntityId>,
        window: TimeWindow,
        visit: &mut dyn FnMut(&LogLine<'_>) -> ControlFlow<()>,
    ) -> Answer<Scanned>;
}

/// Spans.
pub trait TraceSource: Send + Sync {
    /// Visits the spans that start inside `window`, in the order of the source's files and rows.
    fn scan(
        &self,
        window: TimeWindow,
        visit: &mut dyn FnMut(&SpanRow<'_>) -> ControlFlow<()>,
    ) -> Answer<Scanned>;
}

/// Alterations.
pub trait ChangeSource: Send + Sync {
    /// The changes that overlap `window`, sorted by (start, id).
    fn changes(&self, window: TimeWindow) -> Answer<Vec<Change>>;
}

/// What leans on what.
pub trait TopologySource: Send + Sync {
    /// As known in `window`; normalised.
    fn topology(&self, window: TimeWindow) -> Answer<Topology>;
}

/// What things look like, and what platforms said about them.
pub trait StateSource: Send + Sync {
    /// Snapshots taken inside `window`, sorted by (entity, kind, time).
    fn snapshots(&self, window: TimeWindow) -> Answer<Vec<StateSnapshot>>;
    /// Events that overlap `window`, sorted by (first, entity, reason, message).
    fn events(&self, window: TimeWindow) -> Answer<Vec<Event>>;
}

/// A runbook or another text that people wrote for the night.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runbook {
    /// Path within the source.
    pub path: String,
    /// First heading, or the path.
    pub title: String,
    /// The text.
    pub text: String,
}

/// What people know.
pub trait KnowledgeSource: Send + Sync {
    /// All runbooks, sorted by path.
    fn runbooks(&self) -> Answer<Vec<Runbook>>;
    /// What earlier incidents taught, sorted by (at, incident), one lesson per incident.
    fn lessons(&self) -> Answer<Vec<Lesson>> {
        Answer::Nothing
    }
}

/// Reads time. The only clock of the house; tests hand in one that they move by hand.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Gives chance: whoever needs what nobody can guess has it handed in.
pub trait Chance: Send + Sync {
    /// Fills these bytes with what nobody can guess.
    ///
    /// # Errors
    /// If the system gives none; then nothing that rests on chance may be made.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), String>;
}

/// Takes a live system's testimony down, whole, for one look: what it gives is a case like any recorded one,
/// so that the engine, the verifier and the recorder need not know whether a system is alive.
pub trait Lookout: Send + Sync {
    /// Everything known in `window` and in the stretches before it that show how things are when they are
    /// well. Alarms are put in by who asks. What a source could not give is a gap in the case's head.
    fn look(&self, window: TimeWindow, now: Timestamp) -> Case;
}

/// Why a step of a plan cannot be previewed or performed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandsError {
    /// This actuator has no such action, or does not know that entity.
    #[error("{actuator} cannot {action}: {why}")]
    Cannot {
        /// Its name.
        actuator: String,
        /// The action, for people.
        action: String,
        /// Why not.
        why: String,
    },
    /// It could not be reached or did not answer.
    #[error("{actuator} did not answer: {why}")]
    Unreachable {
        /// Its name.
        actuator: String,
        /// What happened instead.
        why: String,
    },
}

/// Hands: what can alter one kind of thing. Only `act` holds any (J7).
pub trait Actuator: Send + Sync {
    /// Its name, as plans and policies know it.
    fn name(&self) -> &str;
    /// The actions by which these hands could answer a remedy's word (`scale`, `failover`, `purge`, `throttle`,
    /// …) for that entity, the gentlest first, where the values (how many copies, which record, whereto) are
    /// known to them alone; nothing is altered. Empty where they know of none.
    fn offers(&self, remedy: &str, entity: &EntityId) -> Vec<Action> {
        let _ = (remedy, entity);
        Vec::new()
    }
    /// What the action would do, and what leads back; nothing is altered.
    fn preview(&self, action: &Action) -> Result<Preview, HandsError>;
    /// Performs the action, at most once per key (J2): asked again under the same key it tells what became of
    /// the first time.
    fn perform(&self, key: &StepKey, action: &Action) -> Outcome;
    /// What became of the performance under that key, by looking and not by doing. `Failed` means that for
    /// certain nothing was altered.
    fn was_done(&self, key: &StepKey, action: &Action) -> Outcome;
}

/// Why the journal did not take an entry or could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// Somebody else wrote in between, or holds the pen (J5).
    #[error(
        "{incident}: entry {expected} was to follow {after}, but the journal stands at {stands}"
    )]
    Stale {
        /// Whose journal.
        incident: IncidentId,
        /// What the writer had read.
        after: u64,
        /// What it wanted to write.
        expected: u64,
        /// What is there.
        stands: u64,
    },
    /// This writer's lease is over: another server has taken the watch (J5).
    #[error(
        "this server no longer holds the watch (fencing token {held}, now {newest}); it stops writing"
    )]
    Fenced {
        /// Our token.
        held: u64,
        /// The newest.
        newest: u64,
    },
    /// The hash chain is broken (J6).
    #[error("{incident}: the journal was altered at entry {seq}: {why}")]
    Altered {
        /// Whose journal.
        incident: IncidentId,
        /// Where.
        seq: u64,
        /// What does not fit.
        why: String,
    },
    /// An event that cannot follow what stands.
    #[error(transparent)]
    Illegal(#[from] IllegalEvent),
    /// The store itself failed: full disk, read-only, corrupt.
    #[error("{what}")]
    Store {
        /// What failed, and what to do.
        what: String,
    },
}

/// The spine: an append-only list of events per incident.
pub trait Journal: Send + Sync {
    /// Writes `event` after entry `after` (0 for the first), or refuses: one writer wins (J5). When it returns,
    /// the entry is on the disk.
    fn append(
        &self,
        incident: &IncidentId,
        after: u64,
        at: Timestamp,
        event: &IncidentEvent,
    ) -> Result<Entry, JournalError>;
    /// All entries of one incident, in order, the chain checked (J6).
    fn read(&self, incident: &IncidentId) -> Result<Vec<Entry>, JournalError>;
    /// All incidents, newest first; only those that are not closed, if `open`.
    fn incidents(&self, open: bool) -> Result<Vec<IncidentId>, JournalError>;
}

/// A notice for people.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Notice {
    /// Unique: told twice under one id, it is one notice. Begins with the incident's id and a `/`.
    pub id: String,
    /// About which incident.
    pub incident: IncidentId,
    /// When it was written.
    pub at: Timestamp,
    /// `opened`, `verdict`, `approval_wanted`, `recovered`, `handed_over`, `closed`, …
    pub kind: String,
    /// What the incident is called: the same in all of its notices, so that they can stand in one thread.
    #[serde(default)]
    pub subject: String,
    /// How bad the incident is, as far as is known; `info` if nothing is wrong (any more).
    #[serde(default = "bad")]
    pub severity: Severity,
    /// One line.
    pub title: String,
    /// More lines.
    pub lines: Vec<String>,
    /// Digest of the plan that a yes or a no is wanted for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// The person who brought it about; empty if nobody did.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// Where it can be looked at; empty where the watch has no address that people reach.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub link: String,
}

/// Notices that were written before they had a severity were about something that failed.
fn bad() -> Severity {
    Severity::Error
}

impl Notice {
    /// Is it the last of its incident? Whoever was told of an incident is told of its end.
    pub fn ends(&self) -> bool {
        self.kind == "closed"
    }
}

/// What became of telling people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// How often it was tried. Counted before each try: where the power is cut in between, one more stands here
    /// than is known of.
    pub tries: u32,
    /// When, the last time.
    pub at: Timestamp,
    /// Did it arrive?
    pub told: bool,
    /// Why not, the last time; empty if it did.
    pub why: String,
    /// What the notifier must know when it tells more of the same incident, in its own words: the thread that
    /// it made, say. Empty if nothing.
    pub receipt: String,
}

/// What a notifier has of one incident.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thread {
    /// It tried to tell something of it, and may have without knowing.
    pub tried: bool,
    /// It told something of it.
    pub told: bool,
    /// The newest receipt; empty if there is none.
    pub receipt: String,
}

impl Thread {
    /// From the deliveries of one incident with one notifier, in any order.
    pub fn of(deliveries: impl IntoIterator<Item = Delivery>) -> Self {
        let mut newest = Timestamp(i64::MIN);
        let mut thread = Self::default();
        for delivery in deliveries {
            thread.tried |= delivery.tries > 0;
            thread.told |= delivery.told;
            if !delivery.receipt.is_empty() && delivery.at >= newest {
                newest = delivery.at;
                thread.receipt = delivery.receipt;
            }
        }
        thread
    }
}

/// Which notices were delivered by whom, so that none is told twice.
pub trait Outbox: Send + Sync {
    /// What became of that notice with that notifier; `None` if it was never tried.
    fn delivery(&self, notice: &str, notifier: &str) -> Result<Option<Delivery>, JournalError>;
    /// What that notifier has of the incident.
    fn thread(&self, incident: &IncidentId, notifier: &str) -> Result<Thread, JournalError>;
    /// Writes down what became of it. What arrived stays so.
    fn note(&self, notice: &str, notifier: &str, delivery: &Delivery) -> Result<(), JournalError>;
}

/// Silences and maintenance windows, as people ordered them.
pub trait SilenceBook: Send + Sync {
    /// All that were ever ordered, by (from, id).
    fn silences(&self) -> Result<Vec<Silence>, JournalError>;
    /// Adds one, or replaces the one of that id.
    fn order(&self, silence: &Silence) -> Result<(), JournalError>;
}

/// A notice on its way to people, and what the notifier wrote down before.
#[derive(Clone, Copy, Debug)]
pub struct Telling<'a> {
    /// What is to be told.
    pub notice: &'a Notice,
    /// Tries before this one, of any of which it may not be known whether it arrived.
    pub tries: u32,
    /// The receipt of an earlier try of this very notice; empty if there is none.
    pub receipt: &'a str,
    /// What the notifier has of the incident.
    pub thread: &'a Thread,
}

/// When to try again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Again {
    /// After the usual waits.
    #[default]
    Usual,
    /// Not before so long, as whoever should be told asks.
    After(Span),
    /// Never: this notice will not be taken.
    Never,
}

/// Why a notice was not told.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct TellError {
    /// Why, and what to do.
    pub why: String,
    /// When to try again.
    pub again: Again,
    /// What was reached nevertheless, for the next try; empty if nothing.
    pub receipt: String,
}

impl From<String> for TellError {
    fn from(why: String) -> Self {
        Self {
            why,
            ..Self::default()
        }
    }
}

/// Tells people.
pub trait Notifier: Send + Sync {
    /// Its name, for the journal of deliveries.
    fn name(&self) -> &str;
    /// Should it tell this? Whom it told of an incident it tells of the end, whatever this says.
    fn wants(&self, _: &Notice) -> bool {
        true
    }
    /// The least time between two tellings, as whoever is told asks.
    fn pace(&self) -> Span {
        Span(0)
    }
    /// Delivers one notice at `now` and gives the receipt, or says why it could not. May take its time; whoever
    /// calls has a thread for it, and calls for one notice at a time.
    fn tell(&self, telling: &Telling<'_>, now: Timestamp) -> Result<String, TellError>;
}

/// One of OpenTelemetry's three signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Numbers.
    Metrics,
    /// Log records.
    Logs,
}

/// How pushed telemetry is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Protocol buffers.
    Protobuf,
    /// JSON.
    Json,
}

/// What became of pushed telemetry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Records taken: spans, points or log records.
    pub accepted: u64,
    /// Records refused; the sender is told and must not send them again.
    pub rejected: u64,
    /// Why, if any were.
    pub message: String,
}

/// Why pushed telemetry was not taken at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// It cannot be read; sending it again will not help.
    #[error("{0}")]
    Malformed(String),
    /// There is no room now; the sender may try again after this long.
    #[error("there is no room now; try again in {retry_after}")]
    Busy {
        /// How long to wait.
        retry_after: Span,
    },
}

/// Where pushed telemetry goes.
pub trait TelemetryInlet: Send + Sync {
    /// How long senders should stay away, if nothing can be taken at `now`: asked before a request is unpacked and
    /// decoded, which would be work for nothing.
    fn busy(&self, now: Timestamp) -> Option<Span> {
        let _ = now;
        None
    }
    /// Takes one export request, whole, already decompressed.
    fn take(
        &self,
        signal: Signal,
        encoding: Encoding,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Taken, NotTaken>;
}

/// What somebody posted to an inlet, as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Posted {
    /// Headers in the order in which they came; names in lower case, values that are no text left out.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte: signatures are made over it.
    pub body: Vec<u8>,
}

impl Posted {
    /// The first header of that name, which is given in lower case; without the white space around it.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name)?;
        Some(found.1.trim())
    }
}

/// A person's answer to a plan that waits for one, given somewhere else than at this house's own doors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// About which incident.
    pub incident: String,
    /// The plan's digest, or its beginning.
    pub plan: String,
    /// Yes or no.
    pub yes: bool,
    /// Who, as the sender names them.
    pub sender: String,
    /// The account that they are mapped to; `None` if they are mapped to none.
    pub account: Option<String>,
    /// Where the sender wants to be told what became of it; empty if nowhere.
    pub answer_to: String,
}

/// What a posted body holds, in our words.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heard {
    /// The sender's own name for this delivery: the same again when it is repeated. `None` where there is none, and
    /// the body itself tells.
    pub key: Option<String>,
    /// Alarms that turned. The id of each names the turn: it is the same whenever it is told again.
    pub alarms: Vec<Alarm>,
    /// What was altered; told again under the same id, it is the same change with what is known now.
    pub changes: Vec<Change>,
    /// What people answered.
    pub said: Vec<Said>,
    /// An address of the sender's that must be visited for it to go on, as checked by the decoder.
    pub visit: Option<String>,
    /// What else it was, or why nothing follows from it; empty if there is nothing to say.
    pub remark: String,
}

/// Why what was posted was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unheard {
    /// Its signature or token is missing or wrong.
    #[error("{0}")]
    Forged(String),
    /// It is signed, for a moment that is too far off.
    #[error("{0}")]
    Stale(String),
    /// It is real, and not for this inlet.
    #[error("{0}")]
    Unwelcome(String),
    /// It cannot be read; what was expected.
    #[error("{0}")]
    Unreadable(String),
    /// It cannot be judged or taken now; it may come again.
    #[error("{0}")]
    Later(String),
}

/// Reads what one vendor posts. Two steps, because what a stranger sent is neither read nor kept.
pub trait AlarmDecoder: Send + Sync {
    /// Does the sender hold the secret, or is it signed by whom it says it is from, at about `now`?
    fn admit(&self, posted: &Posted, now: Timestamp) -> Result<(), Unheard>;
    /// What the body holds. Pure: the same body gives the same, whenever it is read; `now` stands in where the sender
    /// gave no time.
    fn read(&self, posted: &Posted, now: Timestamp) -> Result<Heard, Unheard>;
}

/// Everything that can be looked at in one case. It holds no hands (J7).
pub trait Eyes:
    MetricSource
    + LogSource
    + TraceSource
    + ChangeSource
    + TopologySource
    + StateSource
    + KnowledgeSource
{
    /// What the case is: its windows, its now, what could not be collected.
    fn manifest(&self) -> &Manifest;
    /// The alarms, sorted by (fired_at, id).
    fn alarms(&self) -> &[Alarm];
    /// What could not be collected.
    fn gaps(&self) -> &[Gap] {
        &self.manifest().gaps
    }
}
