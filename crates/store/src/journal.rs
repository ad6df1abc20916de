//! The journal on disk: SQLite, append-only, one hash chain per incident, one writer at a time.
//!
//! [`Store`] is a handle that any thread may use: it hands each call to a thread of its own, which alone owns
//! the connection, and waits for the answer. So it may be called from plain threads and from blocking tasks of
//! an event loop alike, and never blocks inside of one that polls.
//!
//! What is written is on the disk when a call returns (`synchronous=FULL`). Nothing here reads a clock: moments
//! are handed in.

mod error;
mod lease;
mod open;
mod rows;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use model::incident::transcript::{self, Transcript};
use model::incident::{Entry, IncidentEvent, IncidentId};
use model::ports::{Delivery, Journal, JournalError, Outbox, SilenceBook, Thread};
use model::silence::Silence;
use model::time::{Span, Timestamp};

use crate::database::Worker;
use crate::still::Still;

pub use error::StoreError;
pub use lease::Holder;
use open::Inner;

/// The file's name inside of the data folder.
pub const FILE: &str = "midwatch.db";

/// The version of the tables that this build writes.
pub const SCHEMA: u32 = 2;

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// Only to read: for commands beside a running server. Creates and alters nothing.
    pub read_only: bool,
    /// The most that the file may grow to; `None` for as much as the disk has. Rounded down to whole pages.
    pub max_bytes: Option<u64>,
}

impl Options {
    /// To write, as large as the disk allows.
    pub fn write() -> Self {
        Self {
            read_only: false,
            max_bytes: None,
        }
    }

    /// To read beside whoever writes.
    pub fn read() -> Self {
        Self {
            read_only: true,
            max_bytes: None,
        }
    }
}

/// What checking one chain found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Whose.
    pub incident: IncidentId,
    /// How many entries are whole, from the first.
    pub entries: u64,
    /// Digest of the last whole one.
    pub tail: String,
    /// What is wrong, and where; `None` if all is whole.
    pub fault: Option<JournalError>,
}

/// One entry with its place among all incidents' entries.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// Its place; grows with each entry written, of whichever incident.
    pub position: u64,
    /// Whose.
    pub incident: IncidentId,
    /// The entry.
    pub entry: Entry,
}

/// One entry's place and word, without what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Its place among all incidents' entries.
    pub position: u64,
    /// Whose.
    pub incident: IncidentId,
    /// Its place in that incident, from 1.
    pub seq: u64,
    /// When it was written.
    pub at: Timestamp,
    /// The event's word.
    pub word: String,
}

/// The journal and the tables beside it. See the module.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    worker: Worker<Inner>,
    /// Our fencing token; 0 while we do not keep the watch.
    token: AtomicU64,
    /// Held as long as this process keeps the watch; the system lets go of it when the process dies.
    lock: Mutex<Option<std::fs::File>>,
    /// Where the newest entry is, of all and of each incident.
    newest: Still<Option<IncidentId>, Newest>,
    /// All incidents, or only those that are not closed.
    listed: Still<bool, Vec<IncidentId>>,
}

/// The newest entry: its place or seq, and the digest where it is an incident's; `None` if there is none.
type Newest = Option<(u64, String)>;

impl Store {
    /// Opens to write; creates what is not there. Writing entries needs [`Self::take_watch`] first.
    ///
    /// # Errors
    /// If the file cannot be opened, is not ours, is newer than this program, or is damaged. It is never
    /// overwritten or repaired.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, &Options::write())
    }

    /// Opens to read, beside a server that writes.
    ///
    /// # Errors
    /// As [`Self::open`], and if there is no file.
    pub fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, &Options::read())
    }

    /// Opens as told.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(path: &Path, options: &Options) -> Result<Self, StoreError> {
        let (own, options) = (path.to_path_buf(), options.clone());
        let open = move || Inner::open(&own, &options);
        let worker = Worker::start("journal", open, Inner::close, |why| {
            StoreError::CannotOpen {
                path: path.to_path_buf(),
                why,
            }
        })?;
        Ok(Self {
            path: path.to_path_buf(),
            worker,
            token: AtomicU64::new(0),
            lock: Mutex::new(None),
            newest: Still::of(path),
            listed: Still::of(path),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Hands `work` to the thread that owns the connection, and waits for what it gives.
    fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Inner) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.worker.call(work).unwrap_or_else(|| {
            Err(StoreError::Gone {
                path: self.path.clone(),
            })
        })
    }

    /// Takes the watch: from now on this store may write entries, until its time is over and another takes it.
    /// Each entry written, and [`Self::renew_watch`], prolongs it by `time`.
    ///
    /// A server that died on this very machine is followed at once: the system tells that it is gone.
    ///
    /// # Errors
    /// [`StoreError::Held`] while somebody else keeps it.
    pub fn take_watch(
        &self,
        holder: &Holder,
        now: Timestamp,
        time: Span,
    ) -> Result<u64, StoreError> {
        let lock = lease::lock(&self.path)?;
        let alone = lock.is_some();
        let holder = holder.clone();
        let taken = self.call(move |inner| {
            inner.run(async |c| lease::take(c, alone, holder, now, time).await)
        })?;
        let token = taken.map_err(|held| StoreError::Held {
            path: self.path.clone(),
            host: held.by.host,
            pid: held.by.pid,
            until: held.until,
        })?;
        self.call(move |inner| {
            inner.prolong = time;
            Ok(())
        })?;
        self.token.store(token, Ordering::SeqCst);
        if lock.is_some() {
            *self.lock.lock().unwrap_or_else(PoisonError::into_inner) = lock;
        }
        Ok(token)
    }

    /// Prolongs the watch to `now + time`.
    ///
    /// # Errors
    /// [`JournalError::Fenced`] if somebody else took it.
    pub fn renew_watch(&self, now: Timestamp, time: Span) -> Result<(), JournalError> {
        let token = self.token.load(Ordering::SeqCst);
        self.call(move |inner| inner.run(async |c| lease::renew(c, token, now, time).await))?
    }

    /// Gives the watch back, so that another may take it at once.
    ///
    /// # Errors
    /// If the store fails; the watch then ends with its time.
    pub fn release_watch(&self, now: Timestamp) -> Result<(), StoreError> {
        let token = self.token.swap(0, Ordering::SeqCst);
        self.call(move |inner| inner.run(async |c| lease::release(c, token, now).await))?;
        *self.lock.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }

    /// Checks the chain of one incident, or of all, and that their events can have happened (J6).
    ///
    /// # Errors
    /// If the store cannot be read at all; what is wrong with a chain is in its result.
    pub fn verify(&self, incident: Option<&IncidentId>) -> Result<Vec<Checked>, StoreError> {
        let one = incident.cloned();
        self.call(move |inner| inner.verify(one))
    }

    /// One incident's journal as a transcript ([`transcript`]); `None` if there is no such incident.
    ///
    /// # Errors
    /// If it cannot be read, or its chain is broken.
    pub fn export(&self, incident: &IncidentId) -> Result<Option<String>, JournalError> {
        let id = incident.clone();
        let links = self.call(move |inner| inner.run(async |c| rows::links(c, id).await))?;
        if links.is_empty() {
            return Ok(None);
        }
        model::incident::chain::entries(incident, &links)?;
        Ok(Some(transcript::write(incident, &links)))
    }

    /// Does the journal still hold everything that a transcript of it holds? This is what finds newest entries
    /// that were cut off, which no chain can tell by itself.
    ///
    /// # Errors
    /// [`JournalError::Altered`] at the first entry that is missing or another.
    pub fn hold_against(&self, transcript: &Transcript) -> Result<(), JournalError> {
        let id = transcript.incident.clone();
        let links = self.call(move |inner| inner.run(async |c| rows::links(c, id).await))?;
        for (index, told) in transcript.links.iter().enumerate() {
            let why = match links.get(index) {
                Some(kept) if kept == told => continue,
                Some(_) => "the transcript holds another entry here",
                None => "the transcript holds this entry, and the journal ends before it",
            };
            return Err(JournalError::Altered {
                incident: transcript.incident.clone(),
                seq: told.seq,
                why: why.to_string(),
            });
        }
        Ok(())
    }

    /// At most `limit` entries of all incidents after the place named, in the order of writing: for whoever
    /// follows along. Each entry is checked against its own digest; whole chains are checked by
    /// [`Journal::read`].
    ///
    /// # Errors
    /// If the store fails or an entry was altered.
    pub fn after(&self, position: u64, limit: u32) -> Result<Vec<Placed>, JournalError> {
        let found =
            self.call(move |inner| inner.run(async |c| rows::after(c, position, limit).await))?;
        found
            .into_iter()
            .map(|(position, incident, link)| {
                let mut tail = model::incident::chain::Tail {
                    seq: link.seq.saturating_sub(1),
                    digest: link.previous.clone(),
                };
                tail.follow(&incident, &link)?;
                Ok(Placed {
                    position,
                    entry: link.entry(&incident)?,
                    incident,
                })
            })
            .collect()
    }
}

impl Store {
    /// At most `limit` entries of all incidents after the place named, in the order of writing, by their words alone:
    /// cheap, and taken as they stand, without the chain.
    ///
    /// # Errors
    /// If the store fails.
    pub fn words(&self, position: u64, limit: u32) -> Result<Vec<Word>, JournalError> {
        Ok(self.call(move |inner| inner.run(async |c| rows::words(c, position, limit).await))?)
    }

    /// The place of the newest entry; 0 if there is none.
    ///
    /// # Errors
    /// If the store fails.
    pub fn position(&self) -> Result<u64, JournalError> {
        let ask = || {
            let place = self.call(|inner| inner.run(async |c| rows::position(c).await))?;
            Ok::<_, JournalError>(Some((place, String::new())))
        };
        Ok(self.newest.or(None, ask)?.map_or(0, |(place, _)| place))
    }

    /// The newest entry of an incident, its seq and its digest; `None` if there is no such incident.
    ///
    /// # Errors
    /// If the store fails.
    pub fn head(&self, incident: &IncidentId) -> Result<Option<(u64, String)>, JournalError> {
        let id = incident.clone();
        let ask = || Ok(self.call(move |inner| inner.run(async |c| rows::head(c, id).await))?);
        self.newest.or(Some(incident.clone()), ask)
    }
}

impl Journal for Store {
    fn append(
        &self,
        incident: &IncidentId,
        after: u64,
        at: Timestamp,
        event: &IncidentEvent,
    ) -> Result<Entry, JournalError> {
        let token = self.token.load(Ordering::SeqCst);
        if token == 0 {
            return Err(JournalError::Store {
                what: format!(
                    "{}: this program does not keep the watch, so it may not write entries; ask the server that does",
                    self.path.display()
                ),
            });
        }
        let (incident, event) = (incident.clone(), event.clone());
        let done = self.call(move |inner| Ok(inner.append(token, &incident, after, at, &event)));
        // Also where it failed: nobody knows what was written.
        self.newest.wrote();
        done?
    }

    fn read(&self, incident: &IncidentId) -> Result<Vec<Entry>, JournalError> {
        let id = incident.clone();
        let links = self.call(move |inner| inner.run(async |c| rows::links(c, id).await))?;
        model::incident::chain::entries(incident, &links)
    }

    fn incidents(&self, open: bool) -> Result<Vec<IncidentId>, JournalError> {
        let ask = || self.call(move |inner| inner.run(async |c| rows::incidents(c, open).await));
        Ok(self.listed.or(open, ask)?)
    }
}

impl SilenceBook for Store {
    fn silences(&self) -> Result<Vec<Silence>, JournalError> {
        Ok(self.call(|inner| inner.run(async |c| rows::silences(c).await))?)
    }

    fn order(&self, silence: &Silence) -> Result<(), JournalError> {
        let silence = silence.clone();
        Ok(self.call(move |inner| inner.run(async |c| rows::order(c, silence).await))?)
    }
}

impl Outbox for Store {
    fn delivery(&self, notice: &str, notifier: &str) -> Result<Option<Delivery>, JournalError> {
        let (notice, notifier) = (notice.to_string(), notifier.to_string());
        Ok(self.call(move |inner| inner.run(async |c| rows::delivery(c, notice, notifier).await))?)
    }

    fn thread(&self, incident: &IncidentId, notifier: &str) -> Result<Thread, JournalError> {
        let (incident, notifier) = (incident.to_string(), notifier.to_string());
        Ok(self.call(move |inner| inner.run(async |c| rows::thread(c, incident, notifier).await))?)
    }

    fn note(&self, notice: &str, notifier: &str, delivery: &Delivery) -> Result<(), JournalError> {
        let (notice, notifier) = (notice.to_string(), notifier.to_string());
        let delivery = delivery.clone();
        Ok(self.call(move |inner| {
            inner.run(async |c| rows::note(c, notice, notifier, delivery).await)
        })?)
    }
}
