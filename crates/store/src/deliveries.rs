//! What others posted here: bodies as they came, alarms that are still to be brought to the watch, and changes.
//!
//! A delivery is taken in one transaction: its key, its body, the alarms that are new, the changes. When [`Deliveries::take`]
//! returns, that is on the disk, so whoever sent it may forget it; and sent again it is known, also after a restart.
//! Alarms leave only when the watch has written them down.
//!
//! A file of its own, `inlets.db`: it may be lost without harm to the journal, and the journal's rules (append-only,
//! chained) are not those of a bounded store.

mod tables;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use model::Alarm;
use model::change::Change;
use model::time::{Span, TimeWindow, Timestamp};

use crate::database::Worker;

use tables::Tables;

/// The file's name inside of the data folder.
pub const FILE: &str = "inlets.db";

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of bodies, as they lie on the disk; the oldest go first.
    pub bytes: u64,
    /// How long keys and changes are remembered.
    pub age: Span,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 256 << 20,
            age: Span(30 * 24 * 60 * model::time::MINUTE),
        }
    }
}

/// The store does not answer, or says no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: what is posted here cannot be kept: {why}; see to the disk of the data folder", path = .path.display())]
pub struct DeliveriesError {
    /// The file.
    pub path: PathBuf,
    /// In the database's words.
    pub why: String,
}

/// Where an alarm says that it stands which came in the delivery of that number.
fn place(inlet: &str, id: u64) -> String {
    format!("inlets/{inlet}/deliveries/{id}")
}

/// One delivery, as it is taken.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delivered {
    /// Through which inlet.
    pub inlet: String,
    /// What makes it the same when it is sent again.
    pub key: String,
    /// When it came.
    pub at: Timestamp,
    /// Headers that tell how it is to be read; never one that holds a secret.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte.
    pub body: Vec<u8>,
    /// Alarms in it.
    pub alarms: Vec<Alarm>,
    /// Changes in it.
    pub changes: Vec<Change>,
    /// What else there is to say of it.
    pub remark: String,
    /// Could it be read? What could not is kept, and its key is not remembered: it may come again, and be read by a
    /// later version.
    pub readable: bool,
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Its number; 0 if it was known.
    pub id: u64,
    /// It was here before: nothing was altered.
    pub known: bool,
    /// Alarms that were new.
    pub alarms: u64,
    /// Changes that were written.
    pub changes: u64,
}

/// A delivery that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its number; grows.
    pub id: u64,
    /// Through which inlet.
    pub inlet: String,
    /// When it came.
    pub at: Timestamp,
    /// Could it be read?
    pub readable: bool,
    /// Alarms that were new.
    pub alarms: u64,
    /// Changes that were written.
    pub changes: u64,
    /// What else there was to say.
    pub remark: String,
    /// Headers that tell how it is to be read.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// A handle that any thread may use: a thread of its own owns the connection.
#[derive(Debug)]
pub struct Deliveries {
    path: PathBuf,
    worker: Worker<Tables>,
}

impl Deliveries {
    /// Opens the file in that folder; creates what is not there.
    ///
    /// # Errors
    /// If it cannot be opened, or is another program's.
    pub fn open(folder: &Path, limits: Limits) -> Result<Self, DeliveriesError> {
        let path = folder.join(FILE);
        let own = path.clone();
        let failed = |why| DeliveriesError {
            path: path.clone(),
            why,
        };
        let open = move || Tables::open(&own, limits);
        let worker = Worker::start("inlets", open, Tables::close, |why| why).map_err(failed)?;
        Ok(Self { path, worker })
    }

    fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tables) -> Result<T, String> + Send + 'static,
    ) -> Result<T, DeliveriesError> {
        let failed = |why: String| DeliveriesError {
            path: self.path.clone(),
            why,
        };
        self.worker
            .call(work)
            .unwrap_or_else(|| Err("it was closed".to_string()))
            .map_err(failed)
    }

    /// Takes a delivery, unless it is known. Alarms whose ids this inlet brought before are not brought again; a change
    /// replaces what is known under its id.
    ///
    /// # Errors
    /// If it cannot be written; the sender should try again.
    pub fn take(&self, delivered: Delivered) -> Result<Taken, DeliveriesError> {
        self.call(move |tables| tables.take(&delivered))
    }

    /// The oldest alarms that the watch has not written down yet, with their places.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn owed(&self, most: u32) -> Result<Vec<(u64, Alarm)>, DeliveriesError> {
        self.call(move |tables| tables.owed(most))
    }

    /// The watch has these.
    ///
    /// # Errors
    /// If that cannot be written; the watch knows them when they are brought again.
    pub fn brought(&self, places: Vec<u64>) -> Result<(), DeliveriesError> {
        self.call(move |tables| tables.brought(&places))
    }

    /// Changes that overlap `window`, sorted by (start, id).
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn changes(&self, window: TimeWindow) -> Result<Vec<Change>, DeliveriesError> {
        self.call(move |tables| tables.changes(window))
    }

    /// One delivery of an inlet; `None` if there is no such one, or it was let go of.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn delivery(&self, inlet: &str, id: u64) -> Result<Option<Kept>, DeliveriesError> {
        let inlet = inlet.to_string();
        self.call(move |tables| tables.delivery(&inlet, id))
    }

    /// The newest deliveries of an inlet, newest first, those before number `before` if it is given.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn kept(
        &self,
        inlet: &str,
        before: Option<u64>,
        most: u32,
    ) -> Result<Vec<Kept>, DeliveriesError> {
        let inlet = inlet.to_string();
        self.call(move |tables| tables.kept(&inlet, before, most))
    }
}
