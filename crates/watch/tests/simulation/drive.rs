//! Runs the watch over a world, with power cuts, and reads afterwards what the journal says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use act::gate::{ASK_ALWAYS, Gate, HARMLESS_ALONE, Rules};
use act::run::Pace;
use model::incident::{Entry, Incident, IncidentEvent, IncidentId, RunEnd};
use model::plan::GateAnswer;
use model::ports::{Clock as _, Journal, JournalError, Lookout, Outbox, SilenceBook};
use model::silence::Silence;
use model::testkit::{Cut, MemoryBooks, MemoryJournal};
use model::time::Span;
use watch::attend::{AttendError, Investigator, Person, Settings, Sockets, Teacher, Watch};
use watch::duty::Orders;

use crate::world::{FUNCTIONS, World};

/// What the person at the desk does when asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Says yes after some seconds.
    Yes,
    /// Says no.
    No,
    /// Is asleep.
    Never,
    /// Nobody is asked: the policy lets harmless plans go alone.
    Alone,
}

/// A journal, with the books beside it, whose power can be cut.
pub trait Power: Journal {
    /// The ways in which its power can fail.
    type How: Copy + std::fmt::Debug;
    /// Lets the power fail at write `number`, counted from 1 over the journal's life.
    fn cut_at(&self, number: u64, how: Self::How);
    /// The power is back; what was on the disk is there.
    fn restore(&self);
    /// Is the power out?
    fn dark(&self) -> bool;
    /// How many writes there were in all: entries, deliveries, silences.
    fn writes(&self) -> u64;
}

impl Power for MemoryJournal {
    type How = Cut;

    fn cut_at(&self, number: u64, how: Cut) {
        MemoryJournal::cut_at(self, number, how);
    }

    fn restore(&self) {
        MemoryJournal::restore(self);
    }

    fn dark(&self) -> bool {
        MemoryJournal::dark(self)
    }

    fn writes(&self) -> u64 {
        MemoryJournal::writes(self)
    }
}

/// Who looks, who thinks and who learns, where that is not the world itself.
pub struct Minds {
    pub lookout: Arc<dyn Lookout>,
    pub investigator: Arc<dyn Investigator>,
    pub teacher: Arc<dyn Teacher>,
}

pub struct Run<P = MemoryJournal> {
    pub world: Arc<World>,
    pub journal: Arc<P>,
    outbox: Arc<dyn Outbox>,
    silences: Arc<dyn SilenceBook>,
    pub answer: Answer,
    watch: Option<Watch>,
    asked_at: Option<model::Timestamp>,
    /// What a person orders in the first round, and again until it is written down.
    orders: Option<Silence>,
    minds: Minds,
    ordered: bool,
    /// How often the power failed.
    pub cuts: u32,
}

impl Run {
    pub fn new(world: Arc<World>, answer: Answer) -> Self {
        let journal = Arc::new(MemoryJournal::new());
        let books = Arc::new(MemoryBooks::beside(journal.clone()));
        Self::over(world, answer, journal, books.clone(), books)
    }
}

impl<P: Power + 'static> Run<P> {
    /// With this journal and these books.
    pub fn over(
        world: Arc<World>,
        answer: Answer,
        journal: Arc<P>,
        outbox: Arc<dyn Outbox>,
        silences: Arc<dyn SilenceBook>,
    ) -> Self {
        let minds = Minds {
            lookout: world.clone(),
            investigator: world.clone(),
            teacher: world.clone(),
        };
        Self {
            minds,
            world,
            journal,
            outbox,
            silences,
            answer,
            watch: None,
            asked_at: None,
            orders: None,
            ordered: false,
            cuts: 0,
        }
    }

    fn settings(&self) -> Settings {
        let policy = match self.answer {
            Answer::Alone => HARMLESS_ALONE,
            _ => ASK_ALWAYS,
        };
        let mut plan = act::plan::Context::default();
        plan.also.push(model::plan::Condition::State {
            entity: crate::world::ROUTER.into(),
            kind: "router".to_string(),
            path: "active".to_string(),
            equals: serde_json::json!("primary"),
        });
        Settings {
            orders: Orders::default(),
            lookback: Span::minutes(60),
            plan,
            gate: Gate::new(policy, Rules::default()),
            people: vec![Person {
                name: "ada".to_string(),
                groups: BTreeSet::from(["oncall".to_string()]),
            }],
            pace: Pace::default(),
        }
    }

    /// These look, think and learn.
    pub fn with_minds(mut self, minds: Minds) -> Self {
        self.minds = minds;
        self
    }

    /// The process ends, and the next one takes up the watch.
    pub fn restart(&mut self) {
        self.watch = None;
    }

    /// A person orders this silence at once.
    pub fn with_orders(mut self, silence: Silence) -> Self {
        self.orders = Some(silence);
        self.ordered = true;
        self
    }

    pub fn take_up(&self) -> Result<Watch, AttendError> {
        Watch::take_up(
            Sockets {
                journal: self.journal.clone(),
                outbox: self.outbox.clone(),
                silences: self.silences.clone(),
                clock: self.world.clone(),
                lookout: self.minds.lookout.clone(),
                around: self.world.clone(),
                hands: vec![self.world.clone()],
                notifiers: vec![self.world.clone()],
                investigator: self.minds.investigator.clone(),
                teacher: self.minds.teacher.clone(),
            },
            self.settings(),
        )
    }

    /// One round: alarms come, people answer, duties are done. A cut of the power ends it in the middle.
    fn round(&mut self) -> Result<(), AttendError> {
        if self.watch.is_none() {
            self.watch = Some(self.take_up()?);
        }
        let Some(watch) = &self.watch else {
            return Ok(());
        };
        if let Some(silence) = &self.orders {
            match watch.silence(silence) {
                Ok(_) => self.orders = None,
                Err(watch::attend::Refusal::Failed(error)) => return Err(error),
                Err(watch::attend::Refusal::No(why)) => panic!("a silence is never refused: {why}"),
            }
        }
        if let Some(alarm) = self.world.alarm() {
            watch.receive(&alarm)?;
            self.world.heard(&alarm);
        }
        let now = self.world.now();
        for incident in watch.open() {
            let waits = incident.latest_plan().filter(|plan| {
                plan.undecided() && plan.asked_until.is_some() && plan.approval.is_none()
            });
            let Some(plan) = waits else { continue };
            let asked = *self.asked_at.get_or_insert(now);
            if now.since(asked) < Span::seconds(7) {
                continue;
            }
            let digest = plan.digest.clone();
            let said = match self.answer {
                Answer::Yes => watch.approve(&incident.id, &digest, "ada").map(|_| ()),
                Answer::No => watch.refuse(&incident.id, &digest, "ada", "not now"),
                Answer::Never | Answer::Alone => Ok(()),
            };
            match said {
                Ok(()) => self.asked_at = None,
                Err(watch::attend::Refusal::Failed(error)) => return Err(error),
                Err(watch::attend::Refusal::No(_)) => {}
            }
        }
        let mut ticked = watch.tick();
        watch.tell();
        // Telling waits for the next try where the outbox cannot be written: only the dark says that the process is gone.
        if self.journal.dark() && ticked.errors.is_empty() {
            return Err(AttendError::Journal(JournalError::Store {
                what: "the power is out".to_string(),
            }));
        }
        match ticked.errors.pop() {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }

    /// Goes on until every incident is closed and no alarm is on its way, or so much time has passed.
    pub fn until_over(&mut self, longest: Span) {
        let end = self.world.now().plus(longest);
        let mut settled = None;
        while self.world.now() < end {
            if let Err(error) = self.round() {
                assert!(
                    self.journal.dark(),
                    "only the power may fail here, but: {error}"
                );
                self.cuts += 1;
                // The process is gone; the next one comes up some seconds later.
                self.watch = None;
                self.world.clock.pass(Span::seconds(3));
                self.journal.restore();
                continue;
            }
            // Over, or in a person's hands: a minute more shows whether it stays so.
            let now = self.world.now();
            if self.settled() && self.world.alarm().is_none() {
                if now.since(*settled.get_or_insert(now)) > Span::minutes(1) {
                    return;
                }
            } else {
                settled = None;
            }
            self.world.clock.pass(Span(model::time::SECOND / 2));
        }
    }

    /// Is there an incident, and is each closed or handed over?
    fn settled(&self) -> bool {
        let Some(watch) = &self.watch else {
            return false;
        };
        let open = watch.open();
        self.journal.writes() > 0 && open.iter().all(|i| i.handed_over.is_some())
    }

    pub fn incidents(&self) -> Vec<(Incident, Vec<Entry>)> {
        let ids = self.journal.incidents(false).unwrap();
        ids.iter()
            .map(|id| {
                let entries = self.journal.read(id).unwrap();
                (Incident::fold(id, &entries).unwrap().unwrap(), entries)
            })
            .collect()
    }

    /// J1 to J6, from the journal and from what the world felt.
    pub fn check(&self, what: &str) {
        for (incident, entries) in self.incidents() {
            go_before_deed(&entries, what);
            claims_are_cited(&incident, what);
            // J4: every started plan ends verified, unwound, or handed over.
            for (index, plan) in incident.plans.iter().enumerate() {
                let ended = match &plan.run_ended {
                    _ if plan.run_started.is_none() => true,
                    Some((_, RunEnd::Unwound { .. })) => true,
                    Some((_, RunEnd::Completed)) if plan.worked() => true,
                    // Verified, with a no; the next plan or a person answers for it.
                    Some((_, RunEnd::Completed)) if !plan.verified.is_empty() => {
                        index + 1 < incident.plans.len() || incident.handed_over.is_some()
                    }
                    _ => incident.handed_over.is_some(),
                };
                assert!(
                    ended,
                    "J4, {what}: plan {index} of {}: {plan:?}",
                    incident.id
                );
            }
            // J6 was checked by reading; a look has one end, so no evidence is there twice.
            let ends: Vec<u32> = entries
                .iter()
                .filter_map(|e| match &e.event {
                    IncidentEvent::InvestigationEnded { attempt, .. } => Some(*attempt),
                    _ => None,
                })
                .collect();
            let unique: BTreeSet<u32> = ends.iter().copied().collect();
            assert_eq!(ends.len(), unique.len(), "J3, {what}");
        }
        self.done_once(what);
        // No notice is told twice.
        let state = self.world.state();
        let mut ids: Vec<&str> = state.told.iter().map(|notice| notice.id.as_str()).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        // Whoever told and lost the power before writing it down tells again, under the same id: once for each cut.
        let again = u32::try_from(count - ids.len()).unwrap_or(u32::MAX);
        assert!(
            again <= self.cuts,
            "{again} notices were told twice, {what}"
        );
        // What was ordered is in the book, once.
        let book = self.silences.silences().unwrap();
        let mut ids: Vec<&str> = book.iter().map(|silence| silence.id.as_str()).collect();
        ids.retain(|id| *id == crate::ORDERED);
        let wanted = usize::from(self.ordered);
        assert_eq!(ids.len(), wanted, "the silence, {what}");
    }

    /// J2: no key altered the world twice, and neither did two keys of one step.
    fn done_once(&self, what: &str) {
        let state = self.world.state();
        let mut per_key: BTreeMap<&str, u32> = BTreeMap::new();
        let mut per_step: BTreeMap<String, u32> = BTreeMap::new();
        for (key, _) in &state.deeds {
            *per_key.entry(&key.0).or_default() += 1;
            *per_step.entry(self.step_of(&key.0)).or_default() += 1;
        }
        assert!(per_key.values().all(|n| *n == 1), "J2, {what}: {per_key:?}");
        assert!(
            per_step.values().all(|n| *n == 1),
            "J2, {what}: {per_step:?}"
        );
    }

    /// Which step of which plan, in which direction, the journal says this key is.
    fn step_of(&self, key: &str) -> String {
        for (incident, entries) in self.incidents() {
            for entry in &entries {
                match &entry.event {
                    IncidentEvent::StepStarted { plan, step, key: k } if k.0 == key => {
                        return format!("{} {plan} {step} do", incident.id);
                    }
                    IncidentEvent::UndoStarted { plan, step, key: k } if k.0 == key => {
                        return format!("{} {plan} {step} undo", incident.id);
                    }
                    _ => {}
                }
            }
        }
        panic!("something was done under the key {key}, of which the journal knows nothing");
    }
}

/// J1: every step stands after a Go for that very plan.
fn go_before_deed(entries: &[Entry], what: &str) {
    let mut cleared: BTreeSet<&str> = BTreeSet::new();
    for entry in entries {
        match &entry.event {
            IncidentEvent::GateAnswered {
                plan,
                answer: GateAnswer::Go { .. },
            } => {
                cleared.insert(plan);
            }
            IncidentEvent::GateAnswered { plan, .. } => {
                cleared.remove(plan.as_str());
            }
            IncidentEvent::RunStarted { plan } | IncidentEvent::StepStarted { plan, .. } => {
                assert!(cleared.contains(plan.as_str()), "J1, {what}: {entry:?}");
            }
            _ => {}
        }
    }
}

/// J3: every claim cites evidence that is in the journal.
fn claims_are_cited(incident: &Incident, what: &str) {
    for look in &incident.investigations {
        let Some((_, Ok(report))) = &look.ended else {
            continue;
        };
        let known: BTreeSet<_> = report.evidence.iter().map(|e| e.id).collect();
        for claim in report.claims() {
            assert!(
                claim.evidence.iter().all(|id| known.contains(id)),
                "J3, {what}: {claim:?}"
            );
        }
    }
}

/// A run over a world whose three functions were broken by three changes.
pub fn three_broken(seed: u64, manner: crate::world::Manner, answer: Answer) -> Run {
    Run::new(World::new(seed, manner, &FUNCTIONS), answer)
}

/// A run in which the power fails at write `number`.
pub fn cut<P: Power + 'static>(mut run: Run<P>, number: u64, how: P::How) -> Run<P> {
    run.journal.cut_at(number, how);
    run.until_over(Span::minutes(180));
    run
}

/// Reads what is there as any other program would, chain and all.
pub fn one(run: &Run) -> (IncidentId, Incident, Vec<Entry>) {
    let mut all = run.incidents();
    assert_eq!(all.len(), 1, "one incident");
    let (incident, entries) = all.remove(0);
    (incident.id.clone(), incident, entries)
}
