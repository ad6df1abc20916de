//! Silences of our own book, and beside them those that stand where else people are woken from.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use model::ports::{Clock, JournalError, SilenceBook};
use model::silence::Silence;
use model::time::{Span, Timestamp};

use super::live::{Live, SystemClock};

/// What was heard so lately is not asked for again.
const FRESH: Span = Span(15 * model::time::SECOND);
/// How long an alarm waits for it. Who does not answer in this time hushes nobody yet.
const GLANCE: Duration = Duration::from_millis(300);

/// What was heard elsewhere, and whether somebody is asking.
#[derive(Default)]
struct Heard {
    last: Mutex<Option<(Timestamp, Vec<Silence>)>>,
    asking: AtomicBool,
}

impl Heard {
    fn last(&self) -> MutexGuard<'_, Option<(Timestamp, Vec<Silence>)>> {
        // It is replaced as a whole, so whoever panicked left nothing half done.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The asking is over, however it ended.
struct Over(Arc<Heard>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.asking.store(false, Ordering::SeqCst);
    }
}

/// One book of both. What is ordered goes into our own; nothing is written elsewhere.
pub struct Hushed {
    own: Arc<dyn SilenceBook>,
    live: Arc<Live>,
    heard: Arc<Heard>,
}

impl Hushed {
    /// Our own book, and what the sources know.
    pub fn new(own: Arc<dyn SilenceBook>, live: Arc<Live>) -> Self {
        let book = Self {
            own,
            live,
            heard: Arc::default(),
        };
        // So that the first alarm finds something to go by.
        book.elsewhere(SystemClock.now());
        book
    }

    fn elsewhere(&self, now: Timestamp) -> Vec<Silence> {
        if !self.live.sources().hush() {
            return Vec::new();
        }
        if let Some((at, known)) = &*self.heard.last()
            && (0..FRESH.0).contains(&now.since(*at).0)
        {
            return known.clone();
        }
        if !self.heard.asking.swap(true, Ordering::SeqCst) {
            let (tell, told) = mpsc::channel();
            let over = Over(Arc::clone(&self.heard));
            let live = Arc::clone(&self.live);
            std::thread::spawn(move || {
                let found = live.sources().silences(now);
                *over.0.last() = Some((now, found.clone()));
                drop(over);
                let _ = tell.send(found);
            });
            if let Ok(found) = told.recv_timeout(GLANCE) {
                return found;
            }
        }
        // Each silence knows its own end: one that was heard before is no worse for being older.
        let last = self.heard.last();
        last.as_ref()
            .map(|(_, known)| known.clone())
            .unwrap_or_default()
    }
}

impl SilenceBook for Hushed {
    fn silences(&self) -> Result<Vec<Silence>, JournalError> {
        let mut all = self.own.silences()?;
        let mut elsewhere = self.elsewhere(SystemClock.now());
        // Somebody may have ended one here: then it is quiet there only.
        elsewhere.retain(|silence| all.iter().all(|own| own.id != silence.id));
        all.extend(elsewhere);
        all.sort_by(|a, b| (a.from, &a.id).cmp(&(b.from, &b.id)));
        Ok(all)
    }

    fn order(&self, silence: &Silence) -> Result<(), JournalError> {
        self.own.order(silence)
    }
}
