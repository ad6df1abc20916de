//! What lists and measures need of every incident, kept apart from the incidents, which hold whole reports.
//!
//! It follows the journal by its positions: each call reads what was written since the one before, and folds only
//! the incidents that were touched. Nothing here outlives the process; it is made again from the journal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use learn::Marks;
use model::incident::{Incident, IncidentId};
use model::lesson::Lesson;
use serde_json::Value;
use server::api::house::{Fault, Happened};
use server::api::incidents::Summary;

/// Summaries that are kept; those of older incidents are made when they are asked for. Each is some kilobytes.
const SUMMARIES: usize = 2_048;
/// Incidents that are measured, and whose lessons are listed: the newest.
const MEASURED: usize = 10_000;
/// Entries that are looked at in one step.
const STRIDE: u32 = 4_096;

/// Where the cards are made from.
pub trait Source {
    /// The position of the newest entry.
    fn position(&self) -> Result<u64, Fault>;
    /// What was written after that position, at most so much.
    fn happened(&self, after: u64, limit: u32) -> Result<Vec<Happened>, Fault>;
    /// An incident and its summary; `None` if there is no such one.
    fn read(&self, id: &IncidentId) -> Result<Option<(Arc<Summary>, Card)>, Fault>;
}

/// What is kept of one incident.
pub struct Card {
    open: bool,
    lesson: Option<Arc<Lesson>>,
    marks: Marks,
}

impl Card {
    /// Of an incident.
    pub fn of(incident: &Incident) -> Self {
        Self {
            open: incident.closed.is_none(),
            lesson: incident.taught().map(Arc::new),
            marks: Marks::of(incident),
        }
    }
}

/// The cards of all incidents.
#[derive(Default)]
pub struct Cards(Mutex<Held>);

#[derive(Default)]
struct Held {
    /// Up to where the journal is known.
    position: u64,
    /// By the position at which each was opened; the newest last.
    order: BTreeMap<u64, IncidentId>,
    cards: BTreeMap<IncidentId, Card>,
    summaries: BTreeMap<IncidentId, Arc<Summary>>,
    /// As of `position`.
    stats: Option<Arc<Value>>,
    lessons: Option<Arc<Vec<Arc<Lesson>>>>,
}

impl Cards {
    /// The cards, with all that was written until now.
    fn current(&self, source: &dyn Source) -> Result<MutexGuard<'_, Held>, Fault> {
        // A step that failed half way is done again: the position is moved last.
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while held.position < source.position()? {
            let rows = source.happened(held.position, STRIDE)?;
            let Some(position) = rows.last().map(|row| row.position) else {
                break;
            };
            let touched: BTreeSet<IncidentId> =
                rows.iter().map(|row| row.incident.clone()).collect();
            for row in rows.into_iter().filter(|row| row.seq == 1) {
                held.order.insert(row.position, row.incident);
            }
            for id in touched {
                held.put(id, source)?;
            }
            held.position = position;
            held.bound();
        }
        Ok(held)
    }

    /// Reads the journal for the first time, so that nobody who asks waits for it.
    pub fn prepare(&self, source: &dyn Source) -> Result<(), Fault> {
        self.current(source).map(drop)
    }

    /// The names of all incidents, newest first; only those that are not closed, if `open`.
    pub fn names(&self, source: &dyn Source, open: bool) -> Result<Vec<IncidentId>, Fault> {
        let held = self.current(source)?;
        let wanted = |id: &&IncidentId| !open || held.cards.get(*id).is_none_or(|card| card.open);
        Ok(held.order.values().rev().filter(wanted).cloned().collect())
    }

    /// One incident's summary; `None` if there is no such one.
    pub fn summary(
        &self,
        source: &dyn Source,
        id: &IncidentId,
    ) -> Result<Option<Arc<Summary>>, Fault> {
        if let Some(known) = self.current(source)?.summaries.get(id) {
            return Ok(Some(Arc::clone(known)));
        }
        Ok(source.read(id)?.map(|(summary, _)| summary))
    }

    /// What closed incidents taught, newest first.
    pub fn lessons(&self, source: &dyn Source) -> Result<Arc<Vec<Arc<Lesson>>>, Fault> {
        let mut held = self.current(source)?;
        let listed = held.lessons.take().unwrap_or_else(|| {
            let cards = held
                .order
                .values()
                .rev()
                .filter_map(|id| held.cards.get(id));
            Arc::new(cards.filter_map(|card| card.lesson.clone()).collect())
        });
        held.lessons = Some(Arc::clone(&listed));
        Ok(listed)
    }

    /// How well the watch is kept, as `midwatch stats` tells it.
    pub fn stats(&self, source: &dyn Source) -> Result<Arc<Value>, Fault> {
        let mut held = self.current(source)?;
        if let Some(known) = &held.stats {
            return Ok(Arc::clone(known));
        }
        let marks = held.cards.values().map(|card| card.marks.clone()).collect();
        let told = serde_json::to_value(learn::scores_of(marks))
            .map_err(|error| Fault::Failed(error.to_string()))?;
        let told = Arc::new(told);
        held.stats = Some(Arc::clone(&told));
        Ok(told)
    }
}

impl Held {
    /// Makes one incident's card anew.
    fn put(&mut self, id: IncidentId, source: &dyn Source) -> Result<(), Fault> {
        let Some((summary, card)) = source.read(&id)? else {
            return Ok(());
        };
        let before = self.cards.get(&id);
        // While an incident is worked on, what all of them teach mostly stays as it is.
        let altered = before.is_none_or(|before| {
            before.marks != card.marks || before.lesson.as_deref() != card.lesson.as_deref()
        });
        if altered {
            self.stats = None;
            self.lessons = None;
        }
        self.cards.insert(id.clone(), card);
        self.summaries.insert(id, summary);
        Ok(())
    }

    /// Lets go of what is oldest and closed.
    fn bound(&mut self) {
        let much = self.summaries.len().saturating_sub(SUMMARIES);
        let closed = |id: &&IncidentId| self.cards.get(*id).is_some_and(|card| !card.open);
        let kept = |id: &&IncidentId| self.summaries.contains_key(*id);
        let oldest: Vec<IncidentId> = self
            .order
            .values()
            .filter(closed)
            .filter(kept)
            .take(much)
            .cloned()
            .collect();
        for id in oldest {
            self.summaries.remove(&id);
        }
        let much = self.order.len().saturating_sub(MEASURED);
        for id in self.order.values().take(much) {
            // Its name stays, and that it is closed.
            if let Some(card) = self.cards.get_mut(id).filter(|card| !card.open) {
                card.lesson = None;
                card.marks = Marks::default();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use model::incident::{Ending, IncidentEvent};
    use model::ports::Journal as _;
    use model::testkit::{MemoryJournal, noted, opened};
    use model::time::Timestamp;

    use super::*;

    #[derive(Default)]
    struct Paper {
        journal: MemoryJournal,
        written: Mutex<Vec<Happened>>,
        folds: AtomicUsize,
    }

    impl Paper {
        fn write(&self, name: &str, event: &IncidentEvent) {
            let id = IncidentId(name.to_string());
            let after = self.journal.read(&id).unwrap().len() as u64;
            let at = Timestamp::from_seconds(60);
            let entry = self.journal.append(&id, after, at, event).unwrap();
            let mut written = self.written.lock().unwrap();
            let position = written.len() as u64 + 1;
            written.push(Happened {
                position,
                incident: id,
                seq: entry.seq,
                at,
                kind: entry.event.word().to_string(),
            });
        }

        fn closed(&self, name: &str) {
            let ending = Ending::RecoveredAlone;
            let by = String::new();
            self.write(name, &IncidentEvent::Closed { ending, by });
        }
    }

    impl Source for Paper {
        fn position(&self) -> Result<u64, Fault> {
            Ok(self.written.lock().unwrap().len() as u64)
        }

        fn happened(&self, after: u64, limit: u32) -> Result<Vec<Happened>, Fault> {
            let written = self.written.lock().unwrap();
            let rows = written.iter().filter(|row| row.position > after);
            Ok(rows.take(limit as usize).cloned().collect())
        }

        fn read(&self, id: &IncidentId) -> Result<Option<(Arc<Summary>, Card)>, Fault> {
            self.folds.fetch_add(1, Ordering::SeqCst);
            let entries = self.journal.read(id).unwrap();
            let Some(incident) = Incident::fold(id, &entries).unwrap() else {
                return Ok(None);
            };
            let called = (id.to_string(), "being looked at");
            let summary = Arc::new(Summary::new(&incident, called, None));
            Ok(Some((summary, Card::of(&incident))))
        }
    }

    fn names(cards: &Cards, paper: &Paper, open: bool) -> Vec<String> {
        let names = cards.names(paper, open).unwrap();
        names.into_iter().map(|id| id.0).collect()
    }

    #[test]
    fn only_what_was_touched_is_read_again() {
        let (paper, cards) = (Paper::default(), Cards::default());
        for n in 0..50 {
            paper.write(
                &format!("inc-{n:02}"),
                &opened("errors", "service/a", Timestamp(0)),
            );
        }
        assert_eq!(names(&cards, &paper, false).len(), 50);
        assert_eq!(paper.folds.load(Ordering::SeqCst), 50);
        for _ in 0..20 {
            cards.stats(&paper).unwrap();
            cards.lessons(&paper).unwrap();
            names(&cards, &paper, true);
            let one = cards.summary(&paper, &IncidentId("inc-07".into()));
            assert_eq!(one.unwrap().unwrap().entries, 1);
        }
        assert_eq!(paper.folds.load(Ordering::SeqCst), 50);
        paper.write("inc-07", &noted("ada", "mine"));
        let one = cards.summary(&paper, &IncidentId("inc-07".into()));
        assert_eq!(one.unwrap().unwrap().entries, 2);
        assert_eq!(paper.folds.load(Ordering::SeqCst), 51);
    }

    #[test]
    fn the_newest_come_first_and_closed_ones_are_told_apart() {
        let (paper, cards) = (Paper::default(), Cards::default());
        for name in ["inc-b", "inc-a", "inc-c"] {
            paper.write(name, &opened("errors", "service/a", Timestamp(0)));
        }
        paper.closed("inc-a");
        assert_eq!(names(&cards, &paper, false), ["inc-c", "inc-a", "inc-b"]);
        assert_eq!(names(&cards, &paper, true), ["inc-c", "inc-b"]);
        assert!(
            cards
                .summary(&paper, &IncidentId("none".into()))
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn memory_is_bounded_and_what_was_let_go_is_read_when_asked_for() {
        let (paper, cards) = (Paper::default(), Cards::default());
        let all = SUMMARIES + 100;
        for n in 0..all {
            let name = format!("inc-{n:05}");
            paper.write(&name, &opened("errors", "service/a", Timestamp(0)));
            paper.closed(&name);
        }
        assert_eq!(names(&cards, &paper, false).len(), all);
        assert!(names(&cards, &paper, true).is_empty());
        assert_eq!(cards.0.lock().unwrap().summaries.len(), SUMMARIES);
        let before = paper.folds.load(Ordering::SeqCst);
        let oldest = cards
            .summary(&paper, &IncidentId("inc-00000".into()))
            .unwrap();
        assert_eq!(oldest.unwrap().entries, 2);
        assert_eq!(paper.folds.load(Ordering::SeqCst), before + 1);
    }
}
