//! Opening the file, and the thread's own side of the store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::incident::chain::{Tail, entries};
use model::incident::{Entry, Incident, IncidentEvent, IncidentId};
use model::ports::JournalError;
use model::time::{Span, Timestamp};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::runtime::Runtime;

use super::error::StoreError;
use super::rows::{self, Written};
use super::{Checked, Options, SCHEMA};

/// Marks a database as ours ("MWjr"): another program's is left alone.
const APPLICATION: i64 = 0x4d57_6a72;

/// How long we wait for another process to finish its write.
const PATIENCE: Duration = Duration::from_secs(5);

/// Folded incidents that are remembered, so that an append need not read the whole list again.
const REMEMBERED: usize = 64;

/// Every version's tables, oldest first; the last one's number is [`SCHEMA`].
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
];

/// What the journal's thread owns.
pub(super) struct Inner {
    path: PathBuf,
    options: Options,
    runtime: Runtime,
    connection: SqliteConnection,
    /// The last operation failed, and nobody knows in which state that left the connection.
    doubtful: bool,
    /// How incidents stand that were written to lately. Forgotten whenever a write fails.
    known: BTreeMap<IncidentId, Incident>,
    /// By how much an entry prolongs the watch.
    pub prolong: Span,
}

impl Inner {
    pub fn open(path: &Path, options: &Options) -> Result<Self, StoreError> {
        let cannot = |why: String| StoreError::CannotOpen {
            path: path.to_path_buf(),
            why,
        };
        if options.read_only && !path.exists() {
            return Err(StoreError::NotThere {
                path: path.to_path_buf(),
            });
        }
        if !options.read_only
            && let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty())
        {
            std::fs::create_dir_all(folder).map_err(|error| cannot(error.to_string()))?;
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| cannot(error.to_string()))?;
        let connection = runtime
            .block_on(connect(path, options))
            .map_err(|error| StoreError::from_sqlite(path, &error))?;
        let mut inner = Self {
            path: path.to_path_buf(),
            options: options.clone(),
            runtime,
            connection,
            doubtful: false,
            known: BTreeMap::new(),
            prolong: Span::default(),
        };
        inner.examine(options)?;
        Ok(inner)
    }

    /// Is it ours, whole, and of a version that we know? Nothing is altered before all of that is certain.
    fn examine(&mut self, options: &Options) -> Result<(), StoreError> {
        let path = self.path.clone();
        let (application, version, tables) = self.run(async |c| {
            let application: i64 = sqlx::query_scalar("PRAGMA application_id")
                .fetch_one(&mut *c)
                .await?;
            let version: i64 = sqlx::query_scalar("PRAGMA user_version")
                .fetch_one(&mut *c)
                .await?;
            let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema")
                .fetch_one(&mut *c)
                .await?;
            Ok((application, version, tables))
        })?;
        let empty = application == 0 && version == 0 && tables == 0;
        if !empty && application != APPLICATION {
            return Err(StoreError::NotOurs { path });
        }
        if version > i64::from(SCHEMA) {
            return Err(StoreError::Newer {
                path,
                found: version,
            });
        }
        if options.read_only {
            return if empty {
                Err(StoreError::NotThere { path })
            } else {
                Ok(())
            };
        }
        self.sound()?;
        let done = usize::try_from(version).unwrap_or(0);
        self.run(async |c| {
            safely(c).await?;
            migrate(c, done).await
        })?;
        self.run(async |c| bounded(c, options.max_bytes).await)
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
        if self.doubtful {
            self.connect_anew()?;
        }
        self.runtime
            .block_on(operation(&mut self.connection))
            .map_err(|error| {
                self.doubtful = true;
                StoreError::from_sqlite(&self.path, &error)
            })
    }

    /// After a write that failed, SQLite has ended the transaction by itself or has not, and the connection
    /// counts otherwise: it would refuse every further transaction although the disk has room again.
    fn connect_anew(&mut self) -> Result<(), StoreError> {
        let (path, options) = (&self.path, &self.options);
        let anew = async {
            let mut connection = connect(path, options).await?;
            if !options.read_only {
                safely(&mut connection).await?;
                bounded(&mut connection, options.max_bytes).await?;
            }
            Ok(connection)
        };
        // The old one goes only then, so that the log is never without anybody who has it open.
        self.connection = self
            .runtime
            .block_on(anew)
            .map_err(|error| StoreError::from_sqlite(path, &error))?;
        self.doubtful = false;
        Ok(())
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
        let Self {
            runtime,
            connection,
            ..
        } = self;
        let _ = runtime.block_on(connection.close());
    }
}

async fn connect(path: &Path, options: &Options) -> Result<SqliteConnection, sqlx::Error> {
    let how = SqliteConnectOptions::new()
        .filename(path)
        .read_only(options.read_only)
        .create_if_missing(!options.read_only)
        .busy_timeout(PATIENCE);
    if !options.read_only {
        return how.connect().await;
    }
    // Even a reader makes files beside the database. Where it may not (a backup, a disk that became read-only),
    // a database without a log of its own can be read as it is: nobody writes it.
    let mut log = path.as_os_str().to_os_string();
    log.push("-wal");
    let alone = std::fs::metadata(&log).map_or(true, |log| log.len() == 0);
    let first = async {
        let mut connection = how.clone().connect().await?;
        sqlx::query("SELECT count(*) FROM sqlite_schema")
            .execute(&mut connection)
            .await?;
        Ok(connection)
    };
    match first.await {
        Err(sqlx::Error::Database(_)) if alone => how.immutable(true).connect().await,
        other => other,
    }
}

/// On the disk when a call returns: FULL syncs the write-ahead log at every commit.
async fn safely(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
        .execute(connection)
        .await
        .map(|_| ())
}

/// No larger than `most` bytes.
async fn bounded(connection: &mut SqliteConnection, most: Option<u64>) -> Result<(), sqlx::Error> {
    let Some(bytes) = most else {
        return Ok(());
    };
    let page: i64 = sqlx::query_scalar("PRAGMA page_size")
        .fetch_one(&mut *connection)
        .await?;
    let pages = i64::try_from(bytes).unwrap_or(i64::MAX) / page.max(1);
    sqlx::raw_sql(AssertSqlSafe(format!("PRAGMA max_page_count = {pages}")))
        .execute(connection)
        .await
        .map(|_| ())
}

/// Brings the tables from version `done` to [`SCHEMA`], all or nothing.
async fn migrate(connection: &mut SqliteConnection, done: usize) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    // Another process may have been quicker.
    let now: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(&mut *transaction)
        .await?;
    let done = usize::try_from(now).unwrap_or(0).max(done);
    for (index, tables) in MIGRATIONS.iter().enumerate().skip(done) {
        sqlx::raw_sql(*tables).execute(&mut *transaction).await?;
        let marks = format!(
            "PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {};",
            index + 1
        );
        sqlx::raw_sql(AssertSqlSafe(marks))
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await
}
