//! The watch with everything it is connected to: one value that the threads of a server share.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use connectors::files::{self, Limits};
use model::case::Case;
use model::incident::Incident;
use model::lesson::Lesson;
use model::ports::{Clock as _, Notifier};
use model::report::{BudgetLimit, Report};
use model::time::{Span, Timestamp};
use store::deliveries::Deliveries;
use store::journal::Store;
use store::window::Window;
use watch::attend::{Around, Investigator, Roster, Settings, Sockets, Teacher, Watch};
use watch::correlate::Surroundings;
use watch::duty::Orders;

use super::house::House;
use super::hushed::Hushed;
use super::live::{Live, SystemClock};
use super::traces::traced;
use crate::problem::Problem;

/// The folder under `recordings` for the look of an incident at a moment.
pub fn folder_name(case: &str, looked_at: Timestamp) -> String {
    format!("{case}-{}", looked_at.0 / 1_000_000)
}

/// Writes what was taken down as a recording, and investigates that: so that anyone who investigates the recording
/// again has read the very same rows.
struct Investigating {
    recordings: PathBuf,
    budget: BudgetLimit,
}

impl Investigator for Investigating {
    fn investigate(&self, mut case: Case, progress: &mut dyn FnMut(String)) -> Report {
        // What goes to the disk carries no secrets, and the report is written from what is on the disk.
        files::redact(&mut case);
        let mut step = |step: investigate::Step| progress(super::said(&step));
        let folder = self
            .recordings
            .join(folder_name(&case.manifest.id, case.manifest.now));
        let written =
            files::write(&case, &folder).and_then(|()| files::open(&folder, &Limits::default()));
        match written {
            Ok(recording) => {
                drop(case);
                investigate::investigate(&recording, self.budget, &mut step)
            }
            Err(error) => {
                tracing::warn!(%error, "what was taken down could not be written; the report stands without a recording");
                investigate::investigate(&case, self.budget, &mut step)
            }
        }
    }
}

/// How long the opening of an incident waits for those who have to be asked: they answer in milliseconds, or they are
/// part of what is broken. What was pushed lies here, and is always read.
const GLANCE: Duration = Duration::from_millis(300);

/// What was looked at so lately is not looked at again: in a storm, thousands of alarms ask within seconds.
const FRESH: Span = Span(model::time::SECOND);

/// What leans on what, and what was altered of late.
struct Round {
    live: Arc<Live>,
    /// What was seen last, by whoever looked.
    seen: Mutex<(Timestamp, Arc<Surroundings>)>,
    others: Arc<Others>,
}

/// What those who have to be asked said last, and whether they are being asked.
#[derive(Default)]
struct Others {
    said: Mutex<Surroundings>,
    asking: AtomicBool,
}

/// Each is replaced as a whole, so whoever panicked left nothing half done.
fn held<T>(one: &Mutex<T>) -> MutexGuard<'_, T> {
    one.lock().unwrap_or_else(PoisonError::into_inner)
}

/// They were asked, however it ended.
struct Over<'a>(&'a Others);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.asking.store(false, Ordering::SeqCst);
    }
}

impl Round {
    fn new(live: Arc<Live>) -> Self {
        Self {
            live,
            seen: Mutex::default(),
            others: Arc::default(),
        }
    }

    /// What others say, or said last if they take too long.
    fn others(&self, now: Timestamp) -> Surroundings {
        if !self.others.asking.swap(true, Ordering::SeqCst) {
            let (tell, heard) = mpsc::channel();
            let (live, others) = (Arc::clone(&self.live), Arc::clone(&self.others));
            std::thread::spawn(move || {
                let over = Over(&others);
                let said = live.asked(now);
                *held(&others.said) = said.clone();
                drop(over);
                let _ = tell.send(said);
            });
            if let Ok(said) = heard.recv_timeout(GLANCE) {
                return said;
            }
        }
        held(&self.others.said).clone()
    }
}

impl Around for Round {
    fn around(&self, now: Timestamp) -> Surroundings {
        let said = self.live.asked(now);
        *held(&self.others.said) = said.clone();
        let found = said.joined(self.live.known(now));
        *held(&self.seen) = (now, Arc::new(found.clone()));
        found
    }

    fn glance(&self, now: Timestamp) -> Arc<Surroundings> {
        let (at, seen) = held(&self.seen).clone();
        if (0..FRESH.0).contains(&now.since(at).0) {
            return seen;
        }
        let found = Arc::new(self.others(now).joined(self.live.known(now)));
        *held(&self.seen) = (now, Arc::clone(&found));
        found
    }
}

struct Teaching;

impl Teacher for Teaching {
    fn distil(&self, incident: &Incident, now: Timestamp) -> Lesson {
        Lesson {
            at: now,
            ..learn::distil(incident)
        }
    }
}

/// The watch, and what the desk needs beside it.
pub struct Watchman {
    watch: Watch,
    store: Arc<Store>,
    live: Arc<Live>,
}

impl Watchman {
    /// With everything that the house is configured with.
    pub fn new(
        house: &House,
        store: Arc<Store>,
        window: Arc<Window>,
        notifiers: Vec<Arc<dyn Notifier>>,
        roster: Arc<dyn Roster>,
        posted: Option<Arc<Deliveries>>,
    ) -> Result<Self, Problem> {
        let config = house.config();
        let live = Arc::new(house.live(window)?.told_by(posted));
        let round = Round::new(live.clone());
        // So that the first alarm finds something to go by. What was pushed is read when it comes: now there is none.
        round.others(SystemClock.now());
        let sockets = Sockets {
            journal: store.clone(),
            outbox: store.clone(),
            silences: Arc::new(Hushed::new(store.clone(), live.clone())),
            clock: Arc::new(SystemClock),
            lookout: live.clone(),
            around: Arc::new(round),
            hands: house.hands()?,
            notifiers,
            investigator: Arc::new(Investigating {
                recordings: house.recordings(),
                budget: BudgetLimit {
                    reads: config.investigate.reads,
                },
            }),
            teacher: Arc::new(Teaching),
        };
        let settings = Settings {
            orders: Orders {
                idle_close: config.watch.idle_close.span(),
                ..Orders::default()
            },
            lookback: config.investigate.lookback.span(),
            plan: house.planning()?,
            gate: house.gate()?,
            people: house.people(),
            pace: act::run::Pace::default(),
        };
        let watch = Watch::take_up(traced(sockets, house.space()), settings).map_err(|error| {
            Problem::bad_input(
                error.to_string(),
                house.journal_file().display().to_string(),
                "`midwatch journal verify` says how the journal stands; keep the file as it is",
            )
        })?;
        Ok(Self {
            watch: watch.with_roster(roster),
            store,
            live,
        })
    }

    /// The watch itself.
    pub fn watch(&self) -> &Watch {
        &self.watch
    }

    /// The journal.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The eyes.
    pub fn live(&self) -> &Live {
        &self.live
    }
}
