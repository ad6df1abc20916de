//! A clock that is moved by hand, and a journal in memory whose power can be cut: for tests of every floor.
//!
//! Both fit their sockets fully. The journal shares its chain of digests with the one on disk
//! ([`crate::incident::chain`]), so that what is true of one is true of the other.

mod story;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::alarm::{Alarm, AlarmState};
use crate::entity::EntityId;
use crate::incident::chain::{self, Link, Tail};
use crate::incident::{Entry, Fingerprint, Incident, IncidentEvent, IncidentId};
use crate::ports::{Clock, Delivery, Journal, JournalError, Outbox, SilenceBook, Thread};
use crate::silence::Silence;
use crate::telemetry::{RawRef, Severity};
use crate::time::{Span, Timestamp};

pub use story::{plan, report, story};

/// A clock that stands still until it is moved.
#[derive(Debug, Default)]
pub struct HandClock(AtomicI64);

impl HandClock {
    /// Stands at `at`.
    pub fn at(at: Timestamp) -> Self {
        Self(AtomicI64::new(at.0))
    }

    /// Moves on by `span` and says what it shows then.
    pub fn pass(&self, span: Span) -> Timestamp {
        Timestamp(self.0.fetch_add(span.0, Ordering::SeqCst)).plus(span)
    }

    /// Moves to `at`.
    pub fn set(&self, at: Timestamp) {
        self.0.store(at.0, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// How the power fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The write does not reach the disk.
    Before,
    /// The write is on the disk, but the writer never hears of it.
    After,
}

#[derive(Debug, Default)]
struct Kept {
    /// In the order in which they were opened.
    order: Vec<IncidentId>,
    links: BTreeMap<IncidentId, Vec<Link>>,
    folded: BTreeMap<IncidentId, Incident>,
    writes: u64,
    /// At which write (from 1) the power fails, and how.
    cut: Option<(u64, Cut)>,
    dark: bool,
}

/// A journal in memory, with the same chain as the one on disk.
#[derive(Debug, Default)]
pub struct MemoryJournal(Mutex<Kept>);

impl MemoryJournal {
    /// Nothing was written yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the power fail at write `number`, counted from 1 over the journal's life. From then on nothing is
    /// taken or read until [`Self::restore`].
    pub fn cut_at(&self, number: u64, how: Cut) {
        self.kept().cut = Some((number, how));
    }

    /// The power is back; what was on the disk is there.
    pub fn restore(&self) {
        let mut kept = self.kept();
        kept.dark = false;
        kept.cut = None;
        // What was remembered beside the disk is gone, as after any start.
        kept.folded.clear();
    }

    /// Is the power out?
    pub fn dark(&self) -> bool {
        self.kept().dark
    }

    /// How many writes there were in all: entries, and what lies beside them.
    pub fn writes(&self) -> u64 {
        self.kept().writes
    }

    /// The entries of one incident as they are kept, for transcripts and for tests that alter them.
    pub fn links(&self, incident: &IncidentId) -> Vec<Link> {
        self.kept().links.get(incident).cloned().unwrap_or_default()
    }

    /// A write of something else onto the same disk: it counts like an entry, and the power can fail at it.
    ///
    /// # Errors
    /// While the power is out, or when it fails at this write.
    pub fn write_beside(&self, does: impl FnOnce()) -> Result<(), JournalError> {
        let mut kept = self.kept();
        if kept.dark {
            return Err(no_power());
        }
        let how = kept
            .cut
            .filter(|(number, _)| *number == kept.writes + 1)
            .map(|(_, how)| how);
        kept.dark = how.is_some();
        if how == Some(Cut::Before) {
            return Err(no_power());
        }
        kept.writes += 1;
        does();
        match how {
            Some(_) => Err(no_power()),
            None => Ok(()),
        }
    }

    /// Alters what is kept, as somebody with an editor would: for tests of who notices.
    pub fn tamper(&self, incident: &IncidentId, alter: impl FnOnce(&mut Vec<Link>)) {
        if let Some(links) = self.kept().links.get_mut(incident) {
            alter(links);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // A test that panicked elsewhere must not hide its message behind a poisoned lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn no_power() -> JournalError {
    JournalError::Store {
        what: "the power is out".to_string(),
    }
}

impl Journal for MemoryJournal {
    fn append(
        &self,
        incident: &IncidentId,
        after: u64,
        at: Timestamp,
        event: &IncidentEvent,
    ) -> Result<Entry, JournalError> {
        let mut kept = self.kept();
        if kept.dark {
            return Err(no_power());
        }
        let links = kept.links.get(incident).map_or(&[][..], Vec::as_slice);
        let tail = links.last().map_or_else(
            || Tail::start(incident),
            |link| Tail {
                seq: link.seq,
                digest: link.digest.clone(),
            },
        );
        if tail.seq != after {
            return Err(JournalError::Stale {
                incident: incident.clone(),
                after,
                expected: after.saturating_add(1),
                stands: tail.seq,
            });
        }
        let (link, entry) =
            tail.link(incident, at, event)
                .map_err(|error| JournalError::Store {
                    what: format!("{incident}, entry {}: {error}", after + 1),
                })?;
        // Checked as if it had just been read, but for what was folded already.
        let entries = match kept.folded.contains_key(incident) {
            true => Vec::new(),
            false => chain::entries(incident, links)?,
        };
        let known = match kept.folded.remove(incident) {
            Some(known) => Some(known),
            None => Incident::fold(incident, &entries)?,
        };
        let next = match known {
            Some(mut known) => match known.apply(entry.seq, at, &entry.event) {
                Ok(()) => known,
                Err(illegal) => {
                    kept.folded.insert(incident.clone(), known);
                    return Err(illegal.into());
                }
            },
            None => Incident::begin(incident, &entry)?,
        };
        let cut = match kept.cut {
            Some((number, how)) if number == kept.writes + 1 => Some(how),
            _ => None,
        };
        if cut.is_some() {
            kept.dark = true;
        }
        if cut == Some(Cut::Before) {
            return Err(no_power());
        }
        kept.writes += 1;
        if after == 0 {
            kept.order.push(incident.clone());
        }
        kept.folded.insert(incident.clone(), next);
        kept.links.entry(incident.clone()).or_default().push(link);
        if cut == Some(Cut::After) {
            return Err(no_power());
        }
        Ok(entry)
    }

    fn read(&self, incident: &IncidentId) -> Result<Vec<Entry>, JournalError> {
        let kept = self.kept();
        if kept.dark {
            return Err(no_power());
        }
        chain::entries(
            incident,
            kept.links.get(incident).map_or(&[][..], Vec::as_slice),
        )
    }

    fn incidents(&self, open: bool) -> Result<Vec<IncidentId>, JournalError> {
        let kept = self.kept();
        if kept.dark {
            return Err(no_power());
        }
        let mut ids = Vec::new();
        for id in kept.order.iter().rev() {
            let closed = match kept.folded.get(id) {
                Some(incident) => incident.closed.is_some(),
                None => {
                    let links = kept.links.get(id).map_or(&[][..], Vec::as_slice);
                    Incident::fold(id, &chain::entries(id, links)?)?
                        .is_some_and(|incident| incident.closed.is_some())
                }
            };
            if !(open && closed) {
                ids.push(id.clone());
            }
        }
        Ok(ids)
    }
}

/// A firing alarm of one rule about one entity.
pub fn alarm(rule: &str, entity: &str, at: Timestamp) -> Alarm {
    Alarm {
        id: format!("{rule}@{}", at.0),
        source: "watch".to_string(),
        rule: rule.to_string(),
        entity: EntityId::new(entity),
        metric: None,
        statistic: None,
        threshold: None,
        observed: None,
        fired_at: at,
        true_at: None,
        severity: Some(Severity::Error),
        state: AlarmState::Firing,
        summary: String::new(),
        labels: BTreeMap::new(),
        raw: RawRef::default(),
    }
}

/// The opening of an incident by such an alarm.
pub fn opened(rule: &str, entity: &str, at: Timestamp) -> IncidentEvent {
    let alarm = alarm(rule, entity, at);
    IncidentEvent::Opened {
        fingerprint: Fingerprint::of(&alarm, &[]),
        alarm,
    }
}

/// A note.
pub fn noted(by: &str, text: &str) -> IncidentEvent {
    IncidentEvent::Noted {
        by: by.to_string(),
        text: text.to_string(),
    }
}

/// Silences and deliveries in memory.
#[derive(Debug, Default)]
pub struct MemoryBooks {
    silences: Mutex<BTreeMap<String, Silence>>,
    deliveries: Mutex<BTreeMap<(String, String), Delivery>>,
    /// The journal on whose disk they lie: its power is theirs.
    beside: Option<Arc<MemoryJournal>>,
}

impl MemoryBooks {
    /// On the disk of this journal: each write counts there, and the power can fail at it.
    pub fn beside(journal: Arc<MemoryJournal>) -> Self {
        Self {
            beside: Some(journal),
            ..Self::default()
        }
    }

    fn write(&self, does: impl FnOnce()) -> Result<(), JournalError> {
        match &self.beside {
            Some(journal) => journal.write_beside(does),
            None => {
                does();
                Ok(())
            }
        }
    }

    /// Nothing can be read while the power is out.
    fn powered(&self) -> Result<(), JournalError> {
        match &self.beside {
            Some(journal) if journal.dark() => Err(no_power()),
            _ => Ok(()),
        }
    }
}

impl SilenceBook for MemoryBooks {
    fn silences(&self) -> Result<Vec<Silence>, JournalError> {
        self.powered()?;
        let kept = self.silences.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<Silence> = kept.values().cloned().collect();
        all.sort_by(|a, b| (a.from, &a.id).cmp(&(b.from, &b.id)));
        Ok(all)
    }

    fn order(&self, silence: &Silence) -> Result<(), JournalError> {
        self.write(|| {
            let mut kept = self.silences.lock().unwrap_or_else(PoisonError::into_inner);
            kept.insert(silence.id.clone(), silence.clone());
        })
    }
}

impl Outbox for MemoryBooks {
    fn delivery(&self, notice: &str, notifier: &str) -> Result<Option<Delivery>, JournalError> {
        self.powered()?;
        let kept = self
            .deliveries
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Ok(kept
            .get(&(notice.to_string(), notifier.to_string()))
            .cloned())
    }

    fn thread(&self, incident: &IncidentId, notifier: &str) -> Result<Thread, JournalError> {
        self.powered()?;
        let kept = self
            .deliveries
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let begins = format!("{incident}/");
        let of_incident = kept
            .iter()
            .filter(|((notice, by), _)| notice.starts_with(&begins) && by == notifier);
        Ok(Thread::of(
            of_incident.map(|(_, delivery)| delivery.clone()),
        ))
    }

    fn note(&self, notice: &str, notifier: &str, delivery: &Delivery) -> Result<(), JournalError> {
        self.write(|| {
            let mut kept = self
                .deliveries
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let entry = kept
                .entry((notice.to_string(), notifier.to_string()))
                .or_default();
            // What arrived stays so, as in the store on disk.
            let told = entry.told || delivery.told;
            *entry = Delivery {
                told,
                ..delivery.clone()
            };
        })
    }
}
