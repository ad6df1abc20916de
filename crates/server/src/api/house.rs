//! What this room asks of the house: the one socket that the front door fills, because nothing here may know the
//! wings.
//!
//! [`House`] gives out spaces, and a [`Space`] answers for one team alone: a handler that holds one cannot look into
//! another. All methods may wait for the disk; they are called off the event loop.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::change::Change;
use model::evidence::EvidenceId;
use model::incident::{Entry, Incident, IncidentId};
use model::lesson::Lesson;
use model::query::Query;
use model::report::Report;
use model::silence::Silence;
use model::time::Timestamp;
use model::topology::Topology;
use serde_json::Value;

use super::compare::Difference;
use super::incidents::Summary;
use super::proposal::Proposal;
use super::recordings::Recordings;
use super::telemetry::{Budget, Found};
use crate::auth::{Accounts, SignOn};
use crate::control::Request;

/// Why the house gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The store or a source failed. What it said goes to the log, not to whoever asked.
    #[error("{0}")]
    Failed(String),
    /// It is being looked at for somebody else, and nothing is known from before.
    #[error("it is being looked at")]
    Busy,
    /// Only a server that keeps watch knows it, and none is asked here.
    #[error(
        "no server that keeps watch is asked; start `midwatch serve`, or ask the one that runs"
    )]
    NotRunning,
}

/// An incident as its journal tells it.
#[derive(Clone, Debug)]
pub struct Folded {
    /// The fold.
    pub incident: Incident,
    /// Digest (BLAKE3, hex) of its newest entry.
    pub head: String,
}

/// One entry of the journal, without what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// Its place among all entries; grows with each that is written.
    pub position: u64,
    /// Whose.
    pub incident: IncidentId,
    /// Its place in that incident, from 1.
    pub seq: u64,
    /// When it was written.
    pub at: Timestamp,
    /// The event's word, such as `plan_proposed`.
    pub kind: String,
}

/// A notice that did not reach somebody.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Untold {
    /// What it is about: `opened`, `verdict`, `approval_wanted`, …
    pub notice: String,
    /// Who should have delivered it.
    pub channel: String,
    /// How often that was tried.
    pub tries: u32,
    /// Why it failed, the last time.
    pub why: String,
}

/// The languages that a report is dressed in beside JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dress {
    /// One file with pictures, which loads nothing.
    Html,
    /// For tickets and chat.
    Markdown,
}

/// How a space is, in numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Health {
    /// What does not work now: part, and what is wrong with it.
    pub troubles: Vec<(String, String)>,
    /// Incidents that are open.
    pub open: u64,
    /// Spans, log lines and points that were taken since the start.
    pub taken: [u64; 3],
    /// Bytes of telemetry that are kept.
    pub window_bytes: u64,
    /// Requests with telemetry that were sent away to come again.
    pub shed: u64,
    /// Whether people are reached: channel, and whether it works.
    pub channels: Vec<(String, bool)>,
    /// Where others post, and how that goes.
    pub inlets: Vec<crate::inlets::Standing>,
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undone {
    /// It may not be, or makes no sense as things stand; why, for people.
    #[error("{0}")]
    No(String),
    /// The store failed. What it said goes to the log, not to whoever asked.
    #[error("{0}")]
    Failed(String),
}

/// Why a question was not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// It is not understood; what can be asked, for people.
    NotUnderstood(String),
    /// It was, and could not be answered.
    Fault(Fault),
}

/// What one team has here.
pub trait Space: Send + Sync {
    /// Its name, as addresses have it.
    fn name(&self) -> &str;
    /// Incidents, newest first; only those that are not closed, if `open`.
    fn incidents(&self, open: bool) -> Result<Vec<IncidentId>, Fault>;
    /// One incident; `None` if there is no such one.
    fn incident(&self, id: &IncidentId) -> Result<Option<Arc<Folded>>, Fault>;
    /// How it stands, in short; `None` if there is no such one. Lists are made of these, so whoever keeps them at
    /// hand spares many folds.
    fn summary(&self, id: &IncidentId) -> Result<Option<Arc<Summary>>, Fault> {
        let folded = self.incident(id)?;
        Ok(folded.map(|folded| {
            let called = self.called(&folded.incident);
            Arc::new(Summary::new(
                &folded.incident,
                called,
                Some(folded.head.clone()),
            ))
        }))
    }
    /// Its entries, in order.
    fn entries(&self, id: &IncidentId) -> Result<Arc<Vec<Entry>>, Fault>;
    /// Notices about it that people did not get.
    fn untold(&self, id: &IncidentId) -> Result<Vec<Untold>, Fault>;
    /// Its title and how it stands, in a few words.
    fn called(&self, incident: &Incident) -> (String, &'static str);
    /// What an observation of a report stands on, as `midwatch explain E3 --format json` tells it.
    fn explained(&self, report: &Report, evidence: EvidenceId) -> Result<Value, Fault>;
    /// What is configured here and how it stands, as `midwatch doctor --format json` tells it.
    fn findings(&self) -> Result<Vec<Value>, Fault>;
    /// A person's question about how things stand, as `midwatch ask --format json` answers it. Nothing is altered.
    fn ask(&self, question: &str) -> Result<Value, Unanswered>;
    /// Does what a person wants done, in their name, and says what came of it.
    fn perform(&self, _by: &str, _wanted: Request) -> Result<String, Undone> {
        Err(Undone::No("nothing can be altered here".to_string()))
    }
    /// What telemetry says to a query about metrics, logs or traces, within that budget.
    fn telemetry(&self, query: &Query, budget: Budget) -> Result<Found, Unanswered>;
    /// What it keeps of recordings.
    fn recordings(&self) -> &dyn Recordings;
    /// What two reports saw differently, in the order in which a reader wants to know it.
    fn compared(&self, left: &Report, right: &Report) -> Vec<Difference>;
    /// A plan for this report of an incident as it would be made now. Nothing is written down.
    fn proposal(&self, incident: &Incident, report: &Report) -> Result<Proposal, Fault>;
    /// An entry in one sentence.
    fn said(&self, entry: &Entry) -> String;
    /// A report, dressed.
    fn dressed(&self, report: &Report, dress: Dress) -> String;
    /// The post-mortem, as Markdown.
    fn postmortem(&self, incident: &Incident) -> String;
    /// At most `limit` entries after that position, oldest first.
    fn happened(&self, after: u64, limit: u32) -> Result<Vec<Happened>, Fault>;
    /// One of these entries, whole; `None` if there is no such one.
    fn entry(&self, of: &Happened) -> Result<Option<Entry>, Fault>;
    /// The position of the newest entry; 0 if there is none.
    fn position(&self) -> Result<u64, Fault>;
    /// Silences and windows that were ever ordered, oldest first.
    fn silences(&self) -> Result<Vec<Silence>, Fault>;
    /// The channels by which people are told, and how each stands.
    fn notifiers(&self) -> Vec<super::notifiers::Channel> {
        Vec::new()
    }
    /// Tells the channel of that name that this is a test by `by`; inside, why it could not be told. May take as long
    /// as the other end does.
    ///
    /// # Errors
    /// If it was not tried at all.
    fn test_notifier(
        &self,
        _name: &str,
        _by: &str,
    ) -> Result<Result<(), String>, super::notifiers::Untried> {
        Err(super::notifiers::Untried::NotThere)
    }
    /// Lessons of incidents that are closed, newest first.
    fn lessons(&self) -> Result<Arc<Vec<Arc<Lesson>>>, Fault>;
    /// How well the watch is kept, as `midwatch stats` tells it.
    fn stats(&self) -> Result<Arc<Value>, Fault>;
    /// The policy as it stands.
    fn policy(&self) -> Result<super::policy::PolicyShown, Fault>;
    /// What the gate would say to the incident's newest plan; `None` if it has none. Nothing is altered.
    fn suppose(
        &self,
        incident: &Incident,
        supposed: &super::policy::Supposed,
    ) -> Result<Option<super::policy::Simulated>, Fault>;
    /// What leans on what, and what was altered of late.
    fn surroundings(&self) -> Result<Arc<(Topology, Vec<Change>)>, Fault>;
    /// Where others post to it; `None` if nobody may.
    fn inlets(&self) -> Option<Arc<dyn crate::inlets::Inlets>> {
        None
    }
}

/// The house that keeps the watch.
pub trait House: Send + Sync {
    /// The names of all spaces, sorted.
    fn spaces(&self) -> Vec<String>;
    /// One of them; `None` if there is none of that name, or it is closed.
    fn space(&self, name: &str) -> Option<Arc<dyn Space>>;
    /// Why a space could not be started, for those who may see it; `None` for every other.
    fn closed(&self, _name: &str) -> Option<String> {
        None
    }
    /// The catalogue of mechanisms, sorted by id, as `midwatch mechanisms --format json` tells it.
    fn mechanisms(&self) -> Vec<Value>;
    /// How each space is, by name.
    fn health(&self) -> BTreeMap<String, Health>;
    /// Who is known; `None` where nobody can be.
    fn accounts(&self) -> Option<Arc<Accounts>> {
        None
    }
    /// By whom one may be vouched for; `None` if by nobody.
    fn sign_on(&self) -> Option<Arc<SignOn>> {
        None
    }
}
