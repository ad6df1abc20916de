//! Opening the file, and the thread's own side of the store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use model::incident::chain::{Tail, entries};
use model::incident::{Entry, Incident, IncidentEvent, IncidentId};
use model::ports::JournalError;
use model::time::{Span, Timestamp};
use sqlx::{Connection as _, SqliteConnection};

use super::error::StoreError;
use super::rows::{self, Written};
use super::{Checked, Options};
use crate::database::{Database, Found, How, Kind, Unopened};

/// Folded incidents that are remembered, so that an append need not read the whole list again.
const REMEMBERED: usize = 64;

/// A journal: "MWjr". The last version's number is [`super::SCHEMA`].
pub(super) const KIND: Kind = Kind {
    application: 0x4d57_6a72,
    migrations: &[
        include_str!("migrations/0001.sql"),
        include_str!("migrations/0002.sql"),
    ],
};

/// What the journal's thread owns.
pub(super) struct Inner {
    path: PathBuf,
    database: Database,
    /// How incidents stand that were written to lately. Forgotten whenever a write fails.
    known: BTreeMap<IncidentId, Incident>,
    /// By how much an entry prolongs the watch.
    pub prolong: Span,
}

impl Inner {
    pub fn open(path: &Path, options: &Options) -> Result<Self, StoreError> {
        if options.read_only && !path.exists() {
            return Err(StoreError::NotThere {
                path: path.to_path_buf(),
            });
        }
        let how = How {
            read_only: options.read_only,
            max_bytes: options.max_bytes,
            ..How::default()
        };
        let database = Database::open(path, how).map_err(|error| match error {
            Unopened::System(error) => StoreError::CannotOpen {
                path: path.to_path_buf(),
                why: error.to_string(),
            },
            Unopened::Database(error) => StoreError::from_sqlite(path, &error),
        })?;
        let mut inner = Self {
            path: path.to_path_buf(),
            database,
            known: BTreeMap::new(),
            prolong: Span::default(),
        };
        inner.examine(options.read_only)?;
        Ok(inner)
    }

    /// Is it ours, whole, and of a version that we know? Nothing is altered before all of that is certain.
    fn examine(&mut self, read_only: bool) -> Result<(), StoreError> {
        let path = self.path.clone();
        let failed = |error: sqlx::Error| StoreError::from_sqlite(&path, &error);
        match self.database.examine(&KIND).map_err(failed)? {
            Found::Foreign => return Err(StoreError::NotOurs { path }),
            Found::Newer(found) => return Err(StoreError::Newer { path, found }),
            Found::Empty if read_only => return Err(StoreError::NotThere { path }),
            Found::Empty | Found::Ours => {}
        }
        if read_only {
            return Ok(());
        }
        self.sound()?;
        self.database.migrate(&KIND).map_err(failed)
    }

    /// Are the file's pages whole?
    fn sound(&mut self) -> Result<(), StoreError> {
        let sound: String = self.run(async |c| {
            sqlx::query_scalar("PRAGMA quick_check(1)")
                .fetch_one(c)
                .await
        })?;
        if sound == "ok" {
            return Ok(());
        }
        let path = self.path.clone();
        Err(StoreError::Corrupt { path, why: sound })
    }

    /// Does one thing with the connection, and waits for it.
    pub fn run<T>(
        &mut self,
        operation: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, StoreError> {
        let done = self.database.run(operation);
        done.map_err(|error| StoreError::from_sqlite(&self.path, &error))
    }

    /// Writes one entry, if the token is still the newest, the writer has read all there is (J5), and the event can
    /// follow.
    pub fn append(
        &mut self,
        token: u64,
        incident: &IncidentId,
        after: u64,
        at: Timestamp,
        event: &IncidentEvent,
    ) -> Result<Entry, JournalError> {
        // Whatever goes wrong below, what was remembered is read again next time.
        let known = self.known.remove(incident);
        let prolong = self.prolong;
        let written = self.run(async |c| {
            let mut transaction = c.begin_with("BEGIN IMMEDIATE").await?;
            let written = rows::append(
                &mut transaction,
                token,
                prolong,
                incident,
                after,
                at,
                event,
                known,
            )
            .await?;
            if written.is_ok() {
                transaction.commit().await?;
            } else {
                transaction.rollback().await?;
            }
            Ok(written)
        })?;
        let Written {
            entry,
            incident: next,
        } = written?;
        if next.closed.is_none() {
            if self.known.len() >= REMEMBERED {
                self.known.pop_first();
            }
            self.known.insert(incident.clone(), next);
        }
        Ok(entry)
    }

    /// Checks chains link by link, once the file itself is found whole: where pages are damaged, entries are
    /// missing from what can be read, and the chains that are left say nothing of them.
    pub fn verify(&mut self, one: Option<IncidentId>) -> Result<Vec<Checked>, StoreError> {
        self.sound()?;
        let incidents = match one {
            Some(one) => vec![one],
            None => self.run(async |c| rows::all(c).await)?,
        };
        let mut checked = Vec::new();
        for incident in incidents {
            let id = incident.clone();
            let links = self.run(async |c| rows::links(c, id).await)?;
            let mut tail = Tail::start(&incident);
            let mut fault = None;
            for link in &links {
                let good = tail
                    .clone()
                    .follow(&incident, link)
                    .and_then(|()| link.entry(&incident));
                if let Err(error) = good {
                    fault = Some(error);
                    break;
                }
                tail.seq = link.seq;
                tail.digest.clone_from(&link.digest);
            }
            if fault.is_none() {
                fault = entries(&incident, &links)
                    .and_then(|entries| Ok(Incident::fold(&incident, &entries)?))
                    .err();
            }
            checked.push(Checked {
                incident,
                entries: tail.seq,
                tail: tail.digest,
                fault,
            });
        }
        Ok(checked)
    }

    /// Lets go of the file in good order; what was written is safe without.
    pub fn close(self) {
        self.database.close();
    }
}
