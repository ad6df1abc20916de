//! What the API shows of one space: its journal, read beside whoever writes it, and what its watch knows.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::change::Change;
use model::evidence::EvidenceId;
use model::incident::{Entry, Incident, IncidentId};
use model::lesson::Lesson;
use model::ports::{Clock as _, Journal as _, JournalError, SilenceBook as _};
use model::query::Query;
use model::report::{BudgetLimit, Report};
use model::silence::Silence;
use model::time::{Span, Timestamp};
use model::topology::Topology;
use serde_json::Value;
use server::api::compare::Difference;
use server::api::house::{Dress, Fault, Folded, Happened, Space, Unanswered, Undone, Untold};
use server::api::incidents::Summary;
use server::api::notifiers::{Channel, Untried};
use server::api::policy::{PolicyShown, Simulated, Supposed};
use server::api::proposal::Proposal;
use server::api::recordings::{Archive, Job, Kept, Recordings, Refused, Subject};
use server::api::telemetry::{Budget, Found};
use server::control::{Person, Request};
use store::journal::Store;

use super::cards::{self, Card, Cards};
use super::recordings::Sent;
use super::telemetry;
use crate::dress::{self, incident as dressed};
use crate::wiring::desk::LiveDesk;
use crate::wiring::live::SystemClock;
use crate::wiring::watchman::Watchman;
use crate::{command, wiring};

/// Folded incidents that are remembered; each holds its reports, some hundred kilobytes.
const REMEMBERED: usize = 128;

/// Incidents whose entries are remembered too: those that somebody looks at now. They hold every report.
const LEAFED: usize = 24;

/// Incidents whose recoveries are held against a plan that is supposed: as many as the watch remembers.
const LATEST: usize = 50;

/// What is around is looked at anew after so long: a look asks the connectors.
const FRESH: Span = Span(5 * model::time::SECOND);

/// What is around, and when it was looked at.
type Around = Option<(Timestamp, Arc<(Topology, Vec<Change>)>)>;

/// Entries that are remembered, and the digest of the newest.
type Leafed = (String, Arc<Vec<Entry>>);

/// What only a server that runs has.
pub(super) struct Running {
    pub(super) watchman: Arc<Watchman>,
    pub(super) desk: Arc<LiveDesk>,
}

/// What one team has here. It holds nothing of another.
pub(super) struct Team {
    journal: Store,
    pub(super) running: Option<Running>,
    pub(super) own: wiring::house::House,
    /// Recordings that people sent.
    sent: Sent,
    /// What lists and measures need of all incidents.
    cards: Cards,
    /// By id: the digest of the newest entry tells whether it still stands so.
    folded: Mutex<BTreeMap<IncidentId, Arc<Folded>>>,
    /// The same of entries; the digest is that of the newest.
    entries: Mutex<BTreeMap<IncidentId, Leafed>>,
    around: Mutex<Around>,
    /// Is somebody looking at what is around?
    looking: AtomicBool,
    /// Tests of the channels by which people are told.
    tried: wiring::notify::Tried,
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

/// Keeps what is known of an incident, and at most so many. Ids begin with the time of opening: the oldest is asked for
/// least.
fn remember<T>(known: &Mutex<BTreeMap<IncidentId, T>>, most: usize, id: &IncidentId, one: T) {
    let mut all = held(known);
    while all.len() >= most && !all.contains_key(id) && all.pop_first().is_some() {}
    all.insert(id.clone(), one);
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

impl Team {
    /// Begins to read what lists need of it.
    pub(super) fn of(
        journal: Store,
        running: Option<Running>,
        own: wiring::house::House,
    ) -> Arc<Self> {
        let budget = BudgetLimit {
            reads: own.config().investigate.reads,
        };
        let team = Arc::new(Self {
            journal,
            running,
            sent: Sent::new(own.data().join("sent"), budget),
            own,
            cards: Cards::default(),
            folded: Mutex::default(),
            entries: Mutex::default(),
            around: Mutex::default(),
            looking: AtomicBool::new(false),
            tried: wiring::notify::Tried::default(),
        });
        let first = Arc::clone(&team);
        std::thread::spawn(move || {
            if let Err(fault) = first.cards.prepare(&*first) {
                tracing::warn!(%fault, "what lists need could not be read; the first who asks waits for it");
            }
        });
        team
    }

    /// What a server that runs has.
    fn running(&self) -> Result<&Running, Fault> {
        self.running.as_ref().ok_or(Fault::NotRunning)
    }

    /// Where that lies which was taken down for an incident's newest report, if it is there still.
    fn taken_down(&self, id: &IncidentId) -> Result<Option<PathBuf>, Fault> {
        let folded = self.incident(id)?;
        let report = folded.as_ref().and_then(|folded| folded.incident.report());
        let folder = report.map(|report| self.own.recording(report));
        Ok(folder.filter(|folder| folder.is_dir()))
    }
}

impl Recordings for Team {
    fn list(&self) -> Result<Vec<Kept>, Fault> {
        self.sent.list()
    }

    fn find(&self, name: &str) -> Result<Option<Kept>, Fault> {
        self.sent.find(name)
    }

    fn take(&self, name: &str, by: &str, bytes: &mut dyn Read) -> Result<Kept, Refused> {
        self.sent.take(name, by, bytes)
    }

    fn remove(&self, name: &str) -> Result<(), Refused> {
        self.sent.remove(name)
    }

    fn archive(&self, of: &Subject) -> Result<Option<Archive>, Fault> {
        self.sent.archive(of, &|id| self.taken_down(id))
    }

    fn begin(&self, of: &Subject, by: &str) -> Result<Job, Refused> {
        self.sent.begin(of, by, &|id| self.taken_down(id))
    }

    fn jobs(&self) -> Vec<Job> {
        self.sent.jobs()
    }

    fn job_report(&self, number: u64) -> Option<Arc<Report>> {
        self.sent.job_report(number)
    }

    fn is_investigated(&self, name: &str) -> bool {
        self.sent.is_investigated(name)
    }

    fn report(&self, name: &str) -> Result<Option<Arc<Report>>, Fault> {
        self.sent.report(name)
    }
}

impl cards::Source for Team {
    fn position(&self) -> Result<u64, Fault> {
        self.journal.position().map_err(|e| failed(&e))
    }

    fn happened(&self, after: u64, limit: u32) -> Result<Vec<Happened>, Fault> {
        let words = self.journal.words(after, limit).map_err(|e| failed(&e))?;
        Ok(words.into_iter().map(happened).collect())
    }

    fn read(&self, id: &IncidentId) -> Result<Option<(Arc<Summary>, Card)>, Fault> {
        let Some(folded) = self.incident(id)? else {
            return Ok(None);
        };
        let called = self.called(&folded.incident);
        let summary = Summary::new(&folded.incident, called, Some(folded.head.clone()));
        Ok(Some((Arc::new(summary), Card::of(&folded.incident))))
    }
}

impl Space for Team {
    fn name(&self) -> &str {
        self.own.space()
    }

    fn incidents(&self, open: bool) -> Result<Vec<IncidentId>, Fault> {
        self.cards.names(self, open)
    }

    fn summary(&self, id: &IncidentId) -> Result<Option<Arc<Summary>>, Fault> {
        self.cards.summary(self, id)
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
        remember(&self.folded, REMEMBERED, id, Arc::clone(&folded));
        Ok(Some(folded))
    }

    fn entries(&self, id: &IncidentId) -> Result<Arc<Vec<Entry>>, Fault> {
        let Some((_, head)) = self.journal.head(id).map_err(|e| failed(&e))? else {
            return Ok(Arc::default());
        };
        if let Some((_, known)) = held(&self.entries)
            .get(id)
            .filter(|(known, _)| *known == head)
        {
            return Ok(Arc::clone(known));
        }
        let entries = Arc::new(self.journal.read(id).map_err(|e| failed(&e))?);
        if let Some(last) = entries.last() {
            let known = (last.digest.clone(), Arc::clone(&entries));
            remember(&self.entries, LEAFED, id, known);
        }
        Ok(entries)
    }

    fn untold(&self, id: &IncidentId) -> Result<Vec<Untold>, Fault> {
        let channels = wiring::notify::names(&self.own.config().notify);
        if channels.is_empty() {
            return Ok(Vec::new());
        }
        let entries = self.entries(id)?;
        wiring::house::untold(&self.journal, id, &entries, &channels).map_err(|e| failed(&e))
    }

    fn explained(&self, report: &Report, evidence: EvidenceId) -> Result<Value, Fault> {
        // What was taken down for this very look; without it the places of the rows are told, not the rows.
        let recording = self.own.recording(report);
        command::explain::of_evidence(report, evidence, &recording)
            .map_err(|problem| Fault::Failed(problem.to_string()))
    }

    fn findings(&self) -> Result<Vec<Value>, Fault> {
        // The running server's own: what is asked of a source counts towards one budget.
        let sources = self.running.as_ref().map(|r| r.watchman.live().sources());
        Ok(command::doctor::findings(&self.own, sources))
    }

    fn called(&self, incident: &Incident) -> (String, &'static str) {
        (dressed::title(incident), dressed::standing(incident).0)
    }

    fn ask(&self, question: &str) -> Result<Value, Unanswered> {
        let Some(running) = &self.running else {
            // Another process may keep watch over the same folder.
            let reply = self.own.ask(question);
            return reply
                .map_err(|problem| Unanswered::NotUnderstood(problem.to_string()))
                .and_then(|reply| {
                    serde_json::to_value(reply)
                        .map_err(|error| Unanswered::Fault(Fault::Failed(error.to_string())))
                });
        };
        let answered = running.desk.ask(question);
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
        match &self.running {
            Some(running) => {
                let done = running.desk.perform(&who, wanted);
                done.map(|(said, _)| said)
            }
            None => Err(Undone::No(Fault::NotRunning.to_string())),
        }
    }

    fn telemetry(&self, query: &Query, budget: Budget) -> Result<Found, Unanswered> {
        let running = self.running().map_err(Unanswered::Fault)?;
        let window = running.watchman.live().window();
        telemetry::answer(window, query, budget, SystemClock.now())
    }

    fn said(&self, entry: &Entry) -> String {
        dressed::told(&entry.event).1
    }

    fn recordings(&self) -> &dyn Recordings {
        self
    }

    fn compared(&self, left: &Report, right: &Report) -> Vec<Difference> {
        let differences = dress::difference::between(left, right).into_iter();
        differences
            .map(|one| Difference {
                part: one.part,
                about: one.about,
                before: one.before,
                after: one.after,
            })
            .collect()
    }

    fn proposal(&self, incident: &Incident, report: &Report) -> Result<Proposal, Fault> {
        let problem = |problem: crate::problem::Problem| Fault::Failed(problem.to_string());
        let mut context = self.own.planning().map_err(problem)?;
        let folder = self.own.recording(report);
        if folder.is_dir() {
            let opened = wiring::open(&folder).map_err(problem)?;
            context = context.informed_by(opened.eyes(), report);
        }
        let hands = self.own.hands().map_err(problem)?;
        let begun = incident.plans.iter().filter(|p| p.run_started.is_some());
        let attempt = u32::try_from(begun.count()).unwrap_or(u32::MAX);
        let attempt = attempt.saturating_add(1);
        let found = act::plan::propose(&incident.id, report, &context, &hands, attempt);
        let (plan, why) = match found {
            Ok(plan) => (Some(plan), Vec::new()),
            Err(why) => (None, why),
        };
        Ok(Proposal {
            report: report.ledger.clone(),
            plan,
            why,
        })
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
        cards::Source::happened(self, after, limit)
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
        cards::Source::position(self)
    }

    fn silences(&self) -> Result<Vec<Silence>, Fault> {
        self.journal.silences().map_err(|e| failed(&e))
    }

    fn notifiers(&self) -> Vec<Channel> {
        let running = self.running.as_ref();
        let standings = running.map(|running| running.watchman.watch().standings());
        self.tried.channels(standings.unwrap_or_default())
    }

    fn test_notifier(&self, name: &str, by: &str) -> Result<Result<(), String>, Untried> {
        let running = self.running.as_ref().ok_or(Untried::NotThere)?;
        let watch = running.watchman.watch();
        let notifier = watch.notifier(name).ok_or(Untried::NotThere)?;
        let standings = watch.standings();
        let told = standings.iter().find(|one| one.name == name);
        let told = told.map_or(0, |one| one.told);
        self.tried.test(&*notifier, told, by, SystemClock.now())
    }

    fn lessons(&self) -> Result<Arc<Vec<Arc<Lesson>>>, Fault> {
        self.cards.lessons(self)
    }

    fn stats(&self) -> Result<Arc<Value>, Fault> {
        self.cards.stats(self)
    }

    fn inlets(&self) -> Option<Arc<dyn server::inlets::Inlets>> {
        self.running
            .as_ref()
            .map(|running| running.desk.posts() as _)
    }

    fn policy(&self) -> Result<PolicyShown, Fault> {
        let running = self.running()?;
        wiring::policy::shown(&self.own, running.watchman.watch().people()).map_err(Fault::Failed)
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
        let people = self.running()?.watchman.watch().people();
        wiring::policy::suppose(&self.own, incident, &around.0, (others, &people), supposed)
            .map_err(Fault::Failed)
    }

    fn surroundings(&self) -> Result<Arc<(Topology, Vec<Change>)>, Fault> {
        let running = self.running()?;
        let now = SystemClock.now();
        let known = held(&self.around).clone();
        let fresh = known.as_ref().is_some_and(|(at, _)| now.since(*at) < FRESH);
        // A connector that is part of what is broken may take long: one looks, the others get what is known.
        if fresh || self.looking.swap(true, Ordering::SeqCst) {
            return known.map(|(_, around)| around).ok_or(Fault::Busy);
        }
        let _over = Over(&self.looking);
        let found = running.watchman.live().around(now);
        let found = Arc::new(found.into_parts());
        *held(&self.around) = Some((now, Arc::clone(&found)));
        Ok(found)
    }
}
