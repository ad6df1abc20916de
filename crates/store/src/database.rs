//! A file of SQLite and the thread that owns its connection: what the journal, the accounts and the deliveries have in
//! common. What tables hold, and what errors are called, is each one's own.

use std::any::Any;
use std::fmt;
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::runtime::Runtime;

/// How long we wait for another process to finish its write.
const PATIENCE: Duration = Duration::from_secs(5);

/// What makes a file one of a kind.
pub struct Kind {
    /// `PRAGMA application_id`: another program's file is left alone.
    pub application: i64,
    /// Every version's tables, oldest first; the version is their count.
    pub migrations: &'static [&'static str],
}

/// How a file is opened.
#[derive(Clone, Debug, Default)]
pub struct How {
    /// Creates and alters nothing.
    pub read_only: bool,
    /// Made so that only its owner can read it.
    pub private: bool,
    /// The most that it may grow to, in bytes; rounded down to whole pages.
    pub max_bytes: Option<u64>,
}

/// What was found in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing yet.
    Empty,
    /// Ours, of a version that this program knows.
    Ours,
    /// Another program's.
    Foreign,
    /// Ours, of a newer program.
    Newer(i64),
}

/// Why a file could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum Unopened {
    /// The system refuses.
    #[error("{0}")]
    System(std::io::Error),
    /// The database does.
    #[error("{0}")]
    Database(sqlx::Error),
}

/// An open file. Whoever holds it is a thread of its own: every call waits for the disk.
pub struct Database {
    path: PathBuf,
    how: How,
    runtime: Runtime,
    connection: SqliteConnection,
    /// The last operation failed, and nobody knows in which state that left the connection.
    doubtful: bool,
}

impl Database {
    /// Opens the file; unless it is only to be read, it and its folder are made if they are not there.
    pub fn open(path: &Path, how: How) -> Result<Self, Unopened> {
        if !how.read_only {
            if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
                std::fs::create_dir_all(folder).map_err(Unopened::System)?;
            }
            if how.private {
                make_private(path).map_err(Unopened::System)?;
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Unopened::System)?;
        let connection = runtime
            .block_on(connect(path, &how))
            .map_err(Unopened::Database)?;
        Ok(Self {
            path: path.to_path_buf(),
            how,
            runtime,
            connection,
            doubtful: false,
        })
    }

    /// Whose it is. Nothing is altered.
    pub fn examine(&mut self, kind: &Kind) -> Result<Found, sqlx::Error> {
        let (application, version, tables) = self.run(marks)?;
        let newest = i64::try_from(kind.migrations.len()).unwrap_or(i64::MAX);
        Ok(match (application, version, tables) {
            (0, 0, 0) => Found::Empty,
            (whose, ..) if whose != kind.application => Found::Foreign,
            (_, version, _) if version > newest => Found::Newer(version),
            _ => Found::Ours,
        })
    }

    /// Brings the tables to the newest version, all or nothing, and keeps the file as it was told to.
    pub fn migrate(&mut self, kind: &'static Kind) -> Result<(), sqlx::Error> {
        let most = self.how.max_bytes;
        self.run(async |c| {
            safely(c).await?;
            migrate(c, kind).await?;
            bounded(c, most).await
        })
    }

    /// Does one thing with the connection, and waits for it. After a failure the next one gets a new connection.
    pub fn run<T>(
        &mut self,
        operation: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        if self.doubtful {
            self.connect_anew()?;
        }
        let mut done = None;
        let connection = &mut self.connection;
        drive(
            &self.runtime,
            pin!(async {
                done = Some(operation(connection).await);
            }),
        );
        let done = done.unwrap_or(Err(sqlx::Error::WorkerCrashed));
        self.doubtful = done.is_err();
        done
    }

    /// After a write that failed, SQLite has ended the transaction by itself or has not, and the connection
    /// counts otherwise: it would refuse every further transaction although the disk has room again.
    fn connect_anew(&mut self) -> Result<(), sqlx::Error> {
        let (path, how) = (&self.path, &self.how);
        let anew = async {
            let mut connection = connect(path, how).await?;
            if !how.read_only {
                safely(&mut connection).await?;
                bounded(&mut connection, how.max_bytes).await?;
            }
            Ok::<_, sqlx::Error>(connection)
        };
        // The old one goes only then, so that the log is never without anybody who has it open.
        self.connection = self.runtime.block_on(anew)?;
        self.doubtful = false;
        Ok(())
    }

    /// Lets go of the file in good order; what was written is safe without.
    pub fn close(self) {
        let _ = self.runtime.block_on(self.connection.close());
    }
}

/// One piece for every operation: what waits is compiled once, and not for each of them.
fn drive(runtime: &Runtime, work: Pin<&mut dyn Future<Output = ()>>) {
    runtime.block_on(work);
}

/// Made by us, before the database is: readable to its owner alone from the first moment. SQLite gives the files that
/// it makes beside it the same mode.
fn make_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map(|_| ())
}

async fn connect(path: &Path, how: &How) -> Result<SqliteConnection, sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(how.read_only)
        .create_if_missing(!how.read_only)
        .busy_timeout(PATIENCE)
        // A slow disk is told of by whoever waited for it; whole statements are nothing for a log.
        .disable_statement_logging();
    if !how.read_only {
        return options.connect().await;
    }
    // Even a reader makes files beside the database. Where it may not (a backup, a disk that became read-only),
    // a database without a log of its own can be read as it is: nobody writes it.
    let mut log = path.as_os_str().to_os_string();
    log.push("-wal");
    let alone = std::fs::metadata(&log).map_or(true, |log| log.len() == 0);
    let first = async {
        let mut connection = options.clone().connect().await?;
        sqlx::query("SELECT count(*) FROM sqlite_schema")
            .execute(&mut connection)
            .await?;
        Ok(connection)
    };
    match first.await {
        Err(sqlx::Error::Database(_)) if alone => options.immutable(true).connect().await,
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

/// Whose database it is, its version, and how many tables there are.
async fn marks(connection: &mut SqliteConnection) -> Result<(i64, i64, i64), sqlx::Error> {
    let application = sqlx::query_scalar("PRAGMA application_id")
        .fetch_one(&mut *connection)
        .await?;
    let version = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(&mut *connection)
        .await?;
    let tables = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema")
        .fetch_one(&mut *connection)
        .await?;
    Ok((application, version, tables))
}

async fn migrate(connection: &mut SqliteConnection, kind: &Kind) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    // Read inside: another process may have been quicker.
    let now: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(&mut *transaction)
        .await?;
    let done = usize::try_from(now).unwrap_or(0);
    for (index, tables) in kind.migrations.iter().enumerate().skip(done) {
        sqlx::raw_sql(*tables).execute(&mut *transaction).await?;
        let marks = format!(
            "PRAGMA application_id = {}; PRAGMA user_version = {};",
            kind.application,
            index + 1
        );
        sqlx::raw_sql(AssertSqlSafe(marks))
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await
}

type Job<T> = Box<dyn FnOnce(&mut T) + Send>;

/// A thread that owns something which only one may use at a time; any thread may hand it work.
pub struct Worker<T> {
    jobs: Option<mpsc::Sender<Job<T>>>,
    thread: Option<JoinHandle<()>>,
}

impl<T> fmt::Debug for Worker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").finish_non_exhaustive()
    }
}

impl<T: 'static> Worker<T> {
    /// Starts a thread of that name and opens there what it owns. `otherwise` says what it is that the system gives no
    /// thread.
    pub fn start<E: Send + 'static>(
        name: &str,
        open: impl FnOnce() -> Result<T, E> + Send + 'static,
        close: fn(T),
        otherwise: impl Fn(String) -> E,
    ) -> Result<Self, E> {
        let (jobs, work) = mpsc::channel::<Job<T>>();
        let (ready, opened) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name(name.to_string())
            .spawn(move || match open() {
                Ok(mut owned) => {
                    let _ = ready.send(Ok(()));
                    while let Ok(job) = work.recv() {
                        job(&mut owned);
                    }
                    close(owned);
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
            })
            .map_err(|error| otherwise(error.to_string()))?;
        opened
            .recv()
            .map_err(|_| otherwise("its thread ended".to_string()))??;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Hands `work` to the thread, and waits for what it gives; `None` if the thread is gone.
    pub fn call<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Option<R> {
        // Of one type whatever is given, so that the channel is compiled once.
        let (answer, heard) = mpsc::channel::<Box<dyn Any + Send>>();
        let job: Job<T> = Box::new(move |owned| {
            let _ = answer.send(Box::new(work(owned)));
        });
        self.jobs.as_ref()?.send(job).ok()?;
        heard.recv().ok()?.downcast().ok().map(|given| *given)
    }
}

impl<T> Drop for Worker<T> {
    fn drop(&mut self) {
        // Without a sender the thread ends its loop and closes what it owns.
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
