//! What the API shows: the journal, beside whoever writes it, and what the running server knows.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::change::Change;
use model::evidence::EvidenceId;
use model::incident::{Entry, Incident, IncidentId};
use model::lesson::Lesson;
use model::ports::{Clock as _, Journal as _, JournalError, SilenceBook as _};
use model::report::Report;
use model::silence::Silence;
use model::time::{Span, Timestamp};
use model::topology::Topology;
use serde_json::Value;
use server::api::house::{
    Dress, Fault, Folded, Happened, Health, House, Space, Unanswered, Undone, Untold,
};
use server::api::policy::{PolicyShown, Simulated, Supposed};
use server::auth::{Accounts, SignOn};
use server::control::{Person, Request};
use store::journal::Store;

use super::desk::LiveDesk;
use super::live::SystemClock;
use super::watchman::Watchman;
use crate::dress::{self, incident as dressed};

/// The only space there is so far.
pub const MAIN: &str = "main";

/// Folded incidents that are remembered; each holds its reports, some hundred kilobytes.
const REMEMBERED: usize = 128;

/// Incidents whose recoveries are held against a plan that is supposed: as many as the watch remembers.
const LATEST: usize = 50;

/// What is around is looked at anew after so long: a look asks the connectors.
const FRESH: Span = Span(5 * model::time::SECOND);

/// The house, as the API asks it.
pub struct Reception {
    main: Arc<Main>,
    desk: Arc<LiveDesk>,
    accounts: Arc<Accounts>,
    sign_on: Option<Arc<SignOn>>,
    mechanisms: Vec<Value>,
}

impl Reception {
    /// Over the journal, read beside its writer, of the server that runs.
    pub fn new(
        journal: Store,
        watchman: Arc<Watchman>,
        desk: Arc<LiveDesk>,
        (accounts, sign_on): (Arc<Accounts>, Option<Arc<SignOn>>),
        own: super::house::House,
    ) -> Self {
        let mechanisms = investigate::catalogue()
            .mechanisms
            .iter()
            .filter_map(|mechanism| serde_json::to_value(mechanism).ok())
            .collect();
        Self {
            main: Arc::new(Main {
                journal,
                watchman,
                desk: Arc::clone(&desk),
                own,
                folded: Mutex::default(),
                around: Mutex::default(),
                looking: AtomicBool::new(false),
            }),
            desk,
            accounts,
            sign_on,
            mechanisms,
        }
    }
}

impl House for Reception {
    fn spaces(&self) -> Vec<String> {
        vec![MAIN.to_string()]
    }

    fn space(&self, name: &str) -> Option<Arc<dyn Space>> {
        (name == MAIN).then(|| Arc::clone(&self.main) as Arc<dyn Space>)
    }

    fn mechanisms(&self) -> Vec<Value> {
        self.mechanisms.clone()
    }

    fn health(&self) -> Health {
        self.desk.standing()
    }

    fn accounts(&self) -> Option<Arc<Accounts>> {
        Some(Arc::clone(&self.accounts))
    }

    fn sign_on(&self) -> Option<Arc<SignOn>> {
        self.sign_on.clone()
    }
}

/// What is around, and when it was looked at.
type Around = Option<(Timestamp, Arc<(Topology, Vec<Change>)>)>;

/// The space that the whole server is.
struct Main {
    journal: Store,
    watchman: Arc<Watchman>,
    desk: Arc<LiveDesk>,
    own: super::house::House,
    /// By id: the digest of the newest entry tells whether it still stands so.
    folded: Mutex<BTreeMap<IncidentId, Arc<Folded>>>,
    around: Mutex<Around>,
    /// Is somebody looking at what is around?
    looking: AtomicBool,
}

/// The look is over, however it ended.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

fn held<T>(one: &Mutex<T>) -> MutexGuard<'_, T> {
    // Both are replaced as a whole, so whoever panicked left nothing half done.
    one.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failed(error: &JournalError) -> Fault {
    Fault::Failed(error.to_string())
}

fn happened(word: store::journal::Word) -> Happened {
    Happened {
        position: word.position,
        incident: word.incident,
        seq: word.seq,
        at: word.at,
        kind: word.word,
    }
}

impl Main {
    /// What `take` makes of each incident, newest first; one at a time is held, with its reports.
    fn of_each<T>(&self, take: impl Fn(&Incident) -> T) -> Result<Vec<T>, Fault> {
        let mut taken = Vec::new();
        for id in self.incidents(false)? {
            taken.extend(self.incident(&id)?.map(|folded| take(&folded.incident)));
        }
        Ok(taken)
    }
}

impl Space for Main {
    fn name(&self) -> &str {
        MAIN
    }

    fn incidents(&self, open: bool) -> Result<Vec<IncidentId>, Fault> {
        self.journal.incidents(open).map_err(|e| failed(&e))
    }

    fn incident(&self, id: &IncidentId) -> Result<Option<Arc<Folded>>, Fault> {
        let Some((_, head)) = self.journal.head(id).map_err(|e| failed(&e))? else {
            return Ok(None);
        };
        if let Some(known) = held(&self.folded)
            .get(id)
            .filter(|known| known.head == head)
        {
            return Ok(Some(Arc::clone(known)));
        }
        let entries = self.journal.read(id).map_err(|e| failed(&e))?;
        let Some(head) = entries.last().map(|entry| entry.digest.clone()) else {
            return Ok(None);
        };
        let Some(incident) = Incident::fold(id, &entries).map_err(|e| failed(&e.into()))? else {
            return Ok(None);
        };
        let folded = Arc::new(Folded { incident, head });
        let mut all = held(&self.folded);
        // Ids begin with the time of opening: the oldest is asked for least.
        while all.len() >= REMEMBERED && all.pop_first().is_some() {}
        all.insert(id.clone(), Arc::clone(&folded));
        Ok(Some(folded))
    }

    fn entries(&self, id: &IncidentId) -> Result<Vec<Entry>, Fault> {
        self.journal.read(id).map_err(|e| failed(&e))
    }

    fn untold(&self, id: &IncidentId) -> Result<Vec<Untold>, Fault> {
        let entries = self.entries(id)?;
        let channels = super::notify::names(&self.own.config().notify);
        super::house::untold(&self.journal, id, &entries, &channels).map_err(|e| failed(&e))
    }

    fn explained(&self, report: &Report, evidence: EvidenceId) -> Result<Value, Fault> {
        // What was taken down for this very look; without it the places of the rows are told, not the rows.
        let recording = self.own.recording(report);
        crate::command::explain::of_evidence(report, evidence, &recording)
            .map_err(|problem| Fault::Failed(problem.to_string()))
    }

    fn findings(&self) -> Result<Vec<Value>, Fault> {
        Ok(crate::command::doctor::findings(&self.own))
    }

    fn called(&self, incident: &Incident) -> (String, &'static str) {
        (dressed::title(incident), dressed::standing(incident).0)
    }

    fn ask(&self, question: &str) -> Result<Value, Unanswered> {
        let answered = self.desk.ask(question);
        answered
            .map(|(_, facts)| facts)
            .map_err(Unanswered::NotUnderstood)
    }

    fn perform(&self, by: &str, wanted: Request) -> Result<String, Undone> {
        // Not a user of this machine: the name alone is written down.
        let who = Person {
            name: by.to_string(),
            uid: u32::MAX,
        };
        self.desk.perform(&who, wanted)
    }

    fn said(&self, entry: &Entry) -> String {
        dressed::told(&entry.event).1
    }

    fn dressed(&self, report: &Report, wanted: Dress) -> String {
        let format = match wanted {
            Dress::Html => dress::Format::Html,
            Dress::Markdown => dress::Format::Markdown,
        };
        dress::report(report, format, &dress::pencil::Pencil::default())
    }

    fn postmortem(&self, incident: &Incident) -> String {
        learn::postmortem(incident).to_string()
    }

    fn happened(&self, after: u64, limit: u32) -> Result<Vec<Happened>, Fault> {
        let words = self.journal.words(after, limit).map_err(|e| failed(&e))?;
        Ok(words.into_iter().map(happened).collect())
    }

    fn entry(&self, of: &Happened) -> Result<Option<Entry>, Fault> {
        let found = self
            .journal
            .after(of.position.saturating_sub(1), 1)
            .map_err(|e| failed(&e))?;
        Ok(found
            .into_iter()
            .find(|placed| placed.position == of.position)
            .map(|placed| placed.entry))
    }

    fn position(&self) -> Result<u64, Fault> {
        self.journal.position().map_err(|e| failed(&e))
    }

    fn silences(&self) -> Result<Vec<Silence>, Fault> {
        self.journal.silences().map_err(|e| failed(&e))
    }

    fn lessons(&self) -> Result<Vec<Lesson>, Fault> {
        let lessons = self.of_each(|incident| incident.lesson.as_deref().cloned())?;
        Ok(lessons.into_iter().flatten().collect())
    }

    fn stats(&self) -> Result<Value, Fault> {
        let scores = learn::scores_of(self.of_each(learn::Marks::of)?);
        serde_json::to_value(scores).map_err(|error| Fault::Failed(error.to_string()))
    }

    fn inlets(&self) -> Option<Arc<dyn server::inlets::Inlets>> {
        Some(self.desk.posts())
    }

    fn policy(&self) -> Result<PolicyShown, Fault> {
        super::policy::shown(&self.own, self.watchman.watch().people()).map_err(Fault::Failed)
    }

    fn suppose(
        &self,
        incident: &Incident,
        supposed: &Supposed,
    ) -> Result<Option<Simulated>, Fault> {
        let around = self.surroundings()?;
        let others: Vec<Arc<Folded>> = self
            .incidents(false)?
            .iter()
            .take(LATEST)
            .filter_map(|id| self.incident(id).transpose())
            .collect::<Result<_, _>>()?;
        let others = others.iter().map(|folded| &folded.incident);
        let people = self.watchman.watch().people();
        super::policy::suppose(&self.own, incident, &around.0, (others, &people), supposed)
            .map_err(Fault::Failed)
    }

    fn surroundings(&self) -> Result<Arc<(Topology, Vec<Change>)>, Fault> {
        let now = SystemClock.now();
        let known = held(&self.around).clone();
        let fresh = known.as_ref().is_some_and(|(at, _)| now.since(*at) < FRESH);
        // A connector that is part of what is broken may take long: one looks, the others get what is known.
        if fresh || self.looking.swap(true, Ordering::SeqCst) {
            return known.map(|(_, around)| around).ok_or(Fault::Busy);
        }
        let _over = Over(&self.looking);
        let found = self.watchman.live().around(now);
        let found = Arc::new((found.topology, found.changes));
        *held(&self.around) = Some((now, Arc::clone(&found)));
        Ok(found)
    }
}
