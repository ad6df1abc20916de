//! Accounts, sessions, keys, links and the audit log on disk: SQLite, in a file of its own beside the journal, so that
//! commands may write it while a server runs.
//!
//! [`People`] is a handle that any thread may use; a thread of its own owns the connection, as with the journal. The
//! file can be read by its owner alone. Nothing here reads a clock or rolls dice, and no secret comes here.

mod rows;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use model::people::{
    Account, ApiKey, Audited, Book, BookError, Grants, Link, Replay, Session, Used,
};
use model::time::Timestamp;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::runtime::Runtime;

/// The file's name inside of the data folder.
pub const FILE: &str = "people.db";

/// Marks a database as ours ("MWpe"): another program's is left alone.
const APPLICATION: i64 = 0x4d57_7065;
/// How long we wait for another process to finish its write.
const PATIENCE: Duration = Duration::from_secs(5);
/// Every version's tables, oldest first.
const MIGRATIONS: &[&str] = &[include_str!("people/migrations/0001.sql")];

type Job = Box<dyn FnOnce(&mut Inner) + Send>;

/// What the thread owns.
struct Inner {
    path: PathBuf,
    runtime: Runtime,
    connection: SqliteConnection,
    /// The last operation failed, and nobody knows in which state that left the connection.
    doubtful: bool,
}

/// The book of people. See the module.
#[derive(Debug)]
pub struct People {
    path: PathBuf,
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

fn failed(path: &Path, why: impl std::fmt::Display) -> BookError {
    BookError {
        what: format!(
            "{}: accounts and keys cannot be read or written: {why}; the folder must be on a local disk with room, and belong to whoever runs midwatch",
            path.display()
        ),
    }
}

impl People {
    /// Opens the book, and makes it if it is not there.
    ///
    /// # Errors
    /// If the file cannot be opened, is another program's, or is newer than this program; it is left as it is then.
    pub fn open(path: &Path) -> Result<Self, BookError> {
        let (jobs, work) = mpsc::channel::<Job>();
        let (ready, opened) = mpsc::channel();
        let own = path.to_path_buf();
        let thread = std::thread::Builder::new()
            .name("people".to_string())
            .spawn(move || {
                let mut inner = match Inner::open(&own) {
                    Ok(inner) => {
                        let _ = ready.send(Ok(()));
                        inner
                    }
                    Err(error) => {
                        let _ = ready.send(Err(error));
                        return;
                    }
                };
                while let Ok(job) = work.recv() {
                    job(&mut inner);
                }
                let Inner {
                    runtime,
                    connection,
                    ..
                } = inner;
                let _ = runtime.block_on(connection.close());
            })
            .map_err(|error| failed(path, error))?;
        opened
            .recv()
            .map_err(|_| failed(path, "its thread ended"))??;
        Ok(Self {
            path: path.to_path_buf(),
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Does one thing with the connection, on the thread that owns it.
    fn run<T: Send + 'static>(
        &self,
        operation: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, sqlx::Error> + Send + 'static,
    ) -> Result<T, BookError> {
        let gone = || failed(&self.path, "its thread ended; start the program again");
        let (answer, heard) = mpsc::channel();
        self.jobs
            .as_ref()
            .ok_or_else(gone)?
            .send(Box::new(move |inner| {
                let _ = answer.send(inner.run(operation));
            }))
            .map_err(|_| gone())?;
        heard.recv().map_err(|_| gone())?
    }
}

impl Drop for People {
    fn drop(&mut self) {
        // Without a sender the thread ends its loop and closes the file.
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Inner {
    fn open(path: &Path) -> Result<Self, BookError> {
        if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|error| failed(path, error))?;
        }
        // Made by us, before the database is: readable to its owner alone from the first moment. SQLite gives the
        // files that it makes beside it the same mode.
        use std::os::unix::fs::OpenOptionsExt as _;
        std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| failed(path, error))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| failed(path, error))?;
        let connection = runtime
            .block_on(connect(path))
            .map_err(|error| failed(path, error))?;
        let mut inner = Self {
            path: path.to_path_buf(),
            runtime,
            connection,
            doubtful: false,
        };
        let newest = MIGRATIONS.len();
        let (application, version, tables) = inner.run(marks)?;
        if application != APPLICATION && (application, version, tables) != (0, 0, 0) {
            return Err(failed(path, "it is another program's database"));
        }
        if version > i64::try_from(newest).unwrap_or(i64::MAX) {
            return Err(failed(
                path,
                format!("it has version {version}, this program knows up to {newest}"),
            ));
        }
        inner.run(migrate)?;
        Ok(inner)
    }

    fn run<T>(
        &mut self,
        operation: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, BookError> {
        let path = &self.path;
        if self.doubtful {
            // After a write that failed, SQLite has ended the transaction by itself or has not, and the connection
            // may count otherwise.
            self.connection = self
                .runtime
                .block_on(connect(path))
                .map_err(|error| failed(path, error))?;
            self.doubtful = false;
        }
        let done = self.runtime.block_on(operation(&mut self.connection));
        done.map_err(|error| {
            self.doubtful = true;
            failed(&self.path, error)
        })
    }
}

async fn connect(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(PATIENCE)
        .connect()
        .await?;
    sqlx::raw_sql("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
        .execute(&mut connection)
        .await?;
    Ok(connection)
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

/// Brings the tables to the newest version, all or nothing.
async fn migrate(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    // Another process may have been quicker.
    let now: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(&mut *transaction)
        .await?;
    let done = usize::try_from(now).unwrap_or(0);
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

impl Book for People {
    fn account(&self, name: &str) -> Result<Option<Account>, BookError> {
        let name = name.to_string();
        self.run(async move |c| rows::account(c, &name).await)
    }

    fn accounts(&self) -> Result<Vec<Account>, BookError> {
        self.run(async |c| rows::accounts(c).await)
    }

    fn add_account(&self, account: &Account) -> Result<bool, BookError> {
        let account = account.clone();
        self.run(async move |c| rows::add_account(c, &account).await)
    }

    fn set_password(&self, name: &str, hash: &str, but: Option<&str>) -> Result<bool, BookError> {
        let (name, hash) = (name.to_string(), hash.to_string());
        let but = but.unwrap_or_default().to_string();
        self.run(async move |c| rows::set_password(c, &name, &hash, &but).await)
    }

    fn set_grants(&self, name: &str, grants: &Grants) -> Result<bool, BookError> {
        let (name, grants) = (name.to_string(), grants.clone());
        self.run(async move |c| rows::set_grants(c, &name, &grants).await)
    }

    fn remove(&self, name: &str, at: Timestamp) -> Result<bool, BookError> {
        let name = name.to_string();
        self.run(async move |c| rows::remove(c, &name, at).await)
    }

    fn begin_session(&self, session: &Session) -> Result<(), BookError> {
        let session = session.clone();
        self.run(async move |c| rows::begin_session(c, &session).await)
    }

    fn session(&self, digest: &str) -> Result<Option<(Session, Account)>, BookError> {
        let digest = digest.to_string();
        self.run(async move |c| rows::session(c, &digest).await)
    }

    fn seen(&self, digest: &str, at: Timestamp) -> Result<(), BookError> {
        let digest = digest.to_string();
        self.run(async move |c| rows::seen(c, &digest, at).await)
    }

    fn end_session(&self, digest: &str) -> Result<(), BookError> {
        let digest = digest.to_string();
        self.run(async move |c| rows::end_session(c, &digest).await)
    }

    fn add_key(&self, key: &ApiKey) -> Result<(), BookError> {
        let key = key.clone();
        self.run(async move |c| rows::add_key(c, &key).await)
    }

    fn key(&self, digest: &str) -> Result<Option<(ApiKey, Account)>, BookError> {
        let digest = digest.to_string();
        self.run(async move |c| rows::key(c, &digest).await)
    }

    fn keys(&self, person: Option<&str>) -> Result<Vec<ApiKey>, BookError> {
        let person = person.map(str::to_string);
        self.run(async move |c| rows::keys(c, person).await)
    }

    fn used(&self, id: &str, at: Timestamp) -> Result<(), BookError> {
        let id = id.to_string();
        self.run(async move |c| rows::used(c, &id, at).await)
    }

    fn revoke(&self, id: &str, at: Timestamp) -> Result<bool, BookError> {
        let id = id.to_string();
        self.run(async move |c| rows::revoke(c, &id, at).await)
    }

    fn add_link(&self, link: &Link) -> Result<(), BookError> {
        let link = link.clone();
        self.run(async move |c| rows::add_link(c, &link).await)
    }

    fn link(&self, digest: &str, now: Timestamp) -> Result<Option<Link>, BookError> {
        let digest = digest.to_string();
        self.run(async move |c| rows::link(c, &digest, now).await)
    }

    fn links(&self, now: Timestamp) -> Result<Vec<Link>, BookError> {
        self.run(async move |c| rows::links(c, now).await)
    }

    fn use_link(&self, digest: &str, now: Timestamp, account: &Account) -> Result<Used, BookError> {
        let (digest, account) = (digest.to_string(), account.clone());
        self.run(async move |c| rows::use_link(c, &digest, now, &account).await)
    }

    fn audit(&self, done: &Audited) -> Result<(), BookError> {
        let done = done.clone();
        self.run(async move |c| rows::audit(c, &done).await)
    }

    fn audited(&self, before: Option<u64>, limit: u32) -> Result<Vec<(u64, Audited)>, BookError> {
        self.run(async move |c| rows::audited(c, before, limit).await)
    }

    fn replay(&self, who: &str, key: &str) -> Result<Option<Replay>, BookError> {
        let (who, key) = (who.to_string(), key.to_string());
        self.run(async move |c| rows::replay(c, &who, &key).await)
    }

    fn keep_replay(&self, replay: &Replay, forget: Timestamp) -> Result<(), BookError> {
        let replay = replay.clone();
        self.run(async move |c| rows::keep_replay(c, &replay, forget).await)
    }
}
