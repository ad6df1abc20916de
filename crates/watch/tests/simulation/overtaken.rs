//! Whoever attends to an incident is overtaken again and again, as in a storm of alarms: what it holds stays known, and
//! the next alarm finds it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use model::alarm::Alarm;
use model::incident::{Entry, IncidentEvent, IncidentId};
use model::ports::{Clock as _, Journal, JournalError};
use model::testkit::{self, Cut, MemoryBooks, MemoryJournal};
use model::time::Timestamp;
use watch::attend::Watch;
use watch::intake::Taken;

use crate::drive::{Answer, Power, Run};
use crate::world::{FRONT, FUNCTIONS, Manner, World};

/// A journal that takes alarms and says of everything else that somebody was quicker. While it is read, an alarm comes in.
struct Crowded {
    kept: MemoryJournal,
    crowded: AtomicBool,
    watch: OnceLock<Arc<Watch>>,
    comes: Mutex<Vec<Alarm>>,
    came: Mutex<Vec<Taken>>,
}

impl Journal for Crowded {
    fn append(
        &self,
        incident: &IncidentId,
        after: u64,
        at: Timestamp,
        event: &IncidentEvent,
    ) -> Result<Entry, JournalError> {
        let alarm = matches!(
            event,
            IncidentEvent::Opened { .. } | IncidentEvent::AlarmJoined { .. }
        );
        if !alarm && self.crowded.load(Ordering::SeqCst) {
            return Err(JournalError::Stale {
                incident: incident.clone(),
                after,
                expected: after + 1,
                stands: after + 1,
            });
        }
        self.kept.append(incident, after, at, event)
    }

    fn read(&self, incident: &IncidentId) -> Result<Vec<Entry>, JournalError> {
        let alarm = self.comes.lock().unwrap().pop();
        if let Some((alarm, watch)) = alarm.zip(self.watch.get()) {
            let taken = watch.receive(&alarm).unwrap();
            self.came.lock().unwrap().push(taken);
        }
        self.kept.read(incident)
    }

    fn incidents(&self, open: bool) -> Result<Vec<IncidentId>, JournalError> {
        self.kept.incidents(open)
    }
}

impl Power for Crowded {
    type How = Cut;

    fn cut_at(&self, number: u64, how: Cut) {
        self.kept.cut_at(number, how);
    }

    fn restore(&self) {
        self.kept.restore();
    }

    fn dark(&self) -> bool {
        self.kept.dark()
    }

    fn writes(&self) -> u64 {
        self.kept.writes()
    }
}

#[test]
fn an_alarm_that_comes_while_an_incident_is_read_again_belongs_to_it() {
    let world = World::new(7, Manner::Good, &FUNCTIONS);
    let journal = Arc::new(Crowded {
        kept: MemoryJournal::new(),
        crowded: AtomicBool::new(true),
        watch: OnceLock::new(),
        comes: Mutex::default(),
        came: Mutex::default(),
    });
    let books = Arc::new(MemoryBooks::beside(Arc::new(MemoryJournal::new())));
    let run = Run::over(
        world.clone(),
        Answer::Never,
        journal.clone(),
        books.clone(),
        books,
    );
    let watch = Arc::new(run.take_up().unwrap());
    assert!(journal.watch.set(watch.clone()).is_ok());
    let now = world.now();
    let alarm = |number: u32| Alarm {
        id: format!("alarm-{number}"),
        ..testkit::alarm(&format!("Rule{number}"), FRONT, now)
    };
    let Taken::Opened(id) = watch.receive(&alarm(0)).unwrap() else {
        panic!("the first opens an incident")
    };
    // One for each time that it is read, as often as it may be overtaken and once more.
    *journal.comes.lock().unwrap() = (1..40).map(alarm).collect();
    let error = watch.attend(&id).unwrap_err();
    assert!(error.to_string().contains("other writers"), "{error}");
    let came = journal.came.lock().unwrap().clone();
    assert!(came.len() > 16, "{came:?}");
    assert!(
        came.iter().all(|taken| *taken == Taken::Joined(id.clone())),
        "{came:?}"
    );
    assert_eq!(watch.open().len(), 1);
    // Once it is let, it goes on.
    journal.comes.lock().unwrap().clear();
    journal.crowded.store(false, Ordering::SeqCst);
    assert!(watch.attend(&id).unwrap().unwrap().done > 0);
}
