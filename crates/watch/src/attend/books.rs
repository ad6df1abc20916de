//! Reading and writing: the journal, what is remembered of it, and what people are told because of it.

use std::sync::Arc;

use act::gate::{Recovery, recoveries};
use model::incident::{Ending, Entry, Incident, IncidentEvent, IncidentId};
use model::lesson::Lesson;
use model::ports::JournalError;
use model::time::Timestamp;

use super::tell::STALE;
use super::{AttendError, OVERTAKEN, Watch, held};
use crate::notices;

/// Closed incidents whose recoveries and alarms are remembered.
const LATEST: usize = 50;

/// Lessons that are handed to a look. A lesson counts half after twenty days, and thirty tell how common a mechanism
/// is: more would only make every recording longer.
const LESSONS: usize = 200;

impl Watch {
    /// Reads what the watch has to know to begin.
    pub(super) fn remember(&self) -> Result<(), AttendError> {
        let now = self.now();
        let open = self.sockets.journal.incidents(true)?;
        let mut latest = self.sockets.journal.incidents(false)?;
        latest.truncate(LESSONS);
        let mut ids = latest;
        ids.extend(open);
        ids.sort();
        ids.dedup();
        for id in ids {
            let entries = self.sockets.journal.read(&id)?;
            let Some(incident) = Incident::fold(&id, &entries).map_err(JournalError::from)? else {
                continue;
            };
            self.owe_notices(&id, &entries, now)?;
            self.keep(incident);
        }
        Ok(())
    }

    /// Notices of these entries that were not told yet, as after a crash between writing and telling.
    fn owe_notices(
        &self,
        id: &IncidentId,
        entries: &[Entry],
        now: Timestamp,
    ) -> Result<(), AttendError> {
        for notice in notices::all(id, entries).map_err(JournalError::from)? {
            if now.since(notice.at) < STALE {
                self.owe(notice);
            }
        }
        Ok(())
    }

    /// Reads one incident anew and remembers it.
    pub(super) fn read(&self, id: &IncidentId) -> Result<Arc<Incident>, AttendError> {
        let entries = self.sockets.journal.read(id)?;
        match Incident::fold(id, &entries).map_err(JournalError::from)? {
            Some(incident) => Ok(self.keep(incident)),
            None => {
                held(&self.memory).open.remove(id);
                Err(AttendError::NotThere(id.clone()))
            }
        }
    }

    /// The incident as somebody left it who wrote after entry `after`: what is remembered, if that is newer already, as
    /// where another thread of this program wrote; else what the journal holds.
    pub(super) fn newer(&self, id: &IncidentId, after: u64) -> Result<Arc<Incident>, AttendError> {
        let known = held(&self.memory).open.get(id).cloned();
        match known.filter(|known| known.seq > after) {
            Some(known) => Ok(known),
            None => self.read(id),
        }
    }

    fn keep(&self, incident: Incident) -> Arc<Incident> {
        let incident = Arc::new(incident);
        let mut memory = held(&self.memory);
        match &incident.closed {
            None => {
                let id = incident.id.clone();
                // Whoever took longer to read does not put back what somebody wrote meanwhile.
                if let Some(known) = memory.open.get(&id).filter(|it| it.seq > incident.seq) {
                    return Arc::clone(known);
                }
                memory.open.insert(id, Arc::clone(&incident));
            }
            Some((at, _)) => {
                memory.open.remove(&incident.id);
                // Whoever reads an older incident again does not make it the last one.
                for alarm in &incident.alarms {
                    let was = memory.closed.get(&alarm.fingerprint);
                    if was.is_none_or(|(_, closed)| closed <= at) {
                        let last = (incident.id.clone(), *at);
                        memory.closed.insert(alarm.fingerprint.clone(), last);
                    }
                }
                if let Some(lesson) = taught(&incident) {
                    // A lesson may be drawn anew: what stood before goes.
                    memory.lessons.retain(|(_, id), _| *id != incident.id);
                    let key = (lesson.at, incident.id.clone());
                    memory.lessons.insert(key, Arc::new(lesson));
                    while memory.lessons.len() > LESSONS {
                        memory.lessons.pop_first();
                    }
                }
                let done = recoveries([&*incident]);
                memory.recoveries.insert(incident.id.clone(), done);
                // Nobody is told of what lies further back, and nothing rests on it.
                while memory.recoveries.len() > LATEST {
                    memory.recoveries.pop_first();
                }
                let keep = LATEST * 20;
                while memory.closed.len() > keep {
                    memory.closed.pop_first();
                }
            }
        }
        incident
    }

    /// Writes one event into an incident's journal, after what `incident` stands at, and gives back how it stands
    /// then. If somebody wrote in between, the event is written after that, if it still may follow: what is
    /// illegal then comes back as an error and is decided anew.
    pub(super) fn write(
        &self,
        incident: &Incident,
        event: IncidentEvent,
    ) -> Result<Arc<Incident>, AttendError> {
        let mut after = incident.seq;
        for _ in 0..OVERTAKEN {
            match self.append(&incident.id, after, &event) {
                Err(AttendError::Journal(JournalError::Stale { .. })) => {
                    after = self.newer(&incident.id, after)?.seq;
                }
                other => return other,
            }
        }
        Err(self.overtaken())
    }

    /// Writes events in a row, the first after entry `after`. A stale `after` is an error.
    pub(super) fn write_all(
        &self,
        id: &IncidentId,
        after: u64,
        events: Vec<IncidentEvent>,
    ) -> Result<(), AttendError> {
        let mut after = after;
        for (index, event) in events.into_iter().enumerate() {
            let written = match self.append(id, after, &event) {
                // What follows the first belongs to it, whoever wrote in between.
                Err(AttendError::Journal(JournalError::Stale { .. })) if index > 0 => {
                    let incident = self.newer(id, after)?;
                    self.write(&incident, event)?
                }
                other => other?,
            };
            after = written.seq;
        }
        Ok(())
    }

    fn append(
        &self,
        id: &IncidentId,
        after: u64,
        event: &IncidentEvent,
    ) -> Result<Arc<Incident>, AttendError> {
        let entry = self.sockets.journal.append(id, after, self.now(), event)?;
        let known = held(&self.memory).open.get(id).cloned();
        let known = known.filter(|known| known.seq == after);
        let incident = match known {
            Some(known) => {
                let mut incident = Arc::unwrap_or_clone(known);
                incident
                    .apply(entry.seq, entry.at, &entry.event)
                    .map_err(JournalError::from)?;
                self.keep(incident)
            }
            None if after == 0 => {
                self.keep(Incident::begin(id, &entry).map_err(JournalError::from)?)
            }
            None => self.read(id)?,
        };
        if let Some(notice) = notices::of(&incident, &entry) {
            self.owe(notice);
        }
        Ok(incident)
    }

    /// What the newest closed incidents taught by `now`, sorted by (at, incident); those that live on in another one
    /// teach there.
    pub(super) fn lessons(&self, now: Timestamp) -> Vec<Lesson> {
        let memory = held(&self.memory);
        let taught = memory.lessons.values().filter(|lesson| lesson.at <= now);
        taught.map(|lesson| (**lesson).clone()).collect()
    }

    /// What was done lately, in all incidents.
    pub(super) fn recoveries(&self) -> Vec<Recovery> {
        let memory = held(&self.memory);
        let mut all = recoveries(memory.open.values().map(Arc::as_ref));
        all.extend(memory.recoveries.values().flatten().cloned());
        all
    }
}

/// What a closed incident teaches the next; nothing, if it lives on in another one.
fn taught(incident: &Incident) -> Option<Lesson> {
    match &incident.closed {
        Some((_, Ending::Merged { .. })) | None => None,
        Some(_) => incident.taught(),
    }
}
