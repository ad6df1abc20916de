//! Accounts, sessions, keys, links and the audit log on disk: SQLite, in a file of its own beside the journal, so that
//! commands may write it while a server runs.
//!
//! [`People`] is a handle that any thread may use; a thread of its own owns the connection, as with the journal. The
//! file can be read by its owner alone. Nothing here reads a clock or rolls dice, and no secret comes here.

mod rows;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use model::people::{
    Account, ApiKey, Audited, Book, BookError, Grants, Link, Replay, Session, Used,
};
use model::time::Timestamp;
use sqlx::SqliteConnection;

use crate::database::{Database, Found, How, Kind, Worker};
use crate::still::Still;

/// The file's name inside of the data folder.
pub const FILE: &str = "people.db";

/// A book of people: "MWpe".
const KIND: Kind = Kind {
    application: 0x4d57_7065,
    migrations: &[
        include_str!("people/migrations/0001.sql"),
        include_str!("people/migrations/0002.sql"),
    ],
};

/// The book of people. See the module.
#[derive(Debug)]
pub struct People {
    path: PathBuf,
    worker: Worker<Database>,
    // What every request asks: who there is, and whose session or key this is. What a command beside the server writes
    // holds a moment later, what this process writes at once.
    all: Still<(), Vec<Account>>,
    sessions: Still<String, Option<(Session, Account)>>,
    keys: Still<String, Option<(ApiKey, Account)>>,
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
        let own = path.to_path_buf();
        let worker = Worker::start(
            "people",
            move || opened(&own),
            Database::close,
            |why| failed(path, why),
        )?;
        Ok(Self {
            path: path.to_path_buf(),
            worker,
            all: Still::of(path),
            sessions: Still::of(path),
            keys: Still::of(path),
        })
    }

    /// Writes: what was asked before no longer stands, whether or not it came to anything.
    fn write<T: Send + 'static>(
        &self,
        operation: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, sqlx::Error> + Send + 'static,
    ) -> Result<T, BookError> {
        let done = self.run(operation);
        // They count the same file's writes.
        self.all.wrote();
        done
    }

    /// Does one thing with the connection, on the thread that owns it.
    fn run<T: Send + 'static>(
        &self,
        operation: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, sqlx::Error> + Send + 'static,
    ) -> Result<T, BookError> {
        match self.worker.call(|database| database.run(operation)) {
            Some(done) => done.map_err(|error| failed(&self.path, error)),
            None => Err(failed(
                &self.path,
                "its thread ended; start the program again",
            )),
        }
    }
}

fn opened(path: &Path) -> Result<Database, BookError> {
    let how = How {
        private: true,
        ..How::default()
    };
    let mut database = Database::open(path, how).map_err(|error| failed(path, error))?;
    let found = database.examine(&KIND);
    match found.map_err(|error| failed(path, error))? {
        Found::Foreign => return Err(failed(path, "it is another program's database")),
        Found::Newer(version) => {
            let newest = KIND.migrations.len();
            let why = format!("it has version {version}, this program knows up to {newest}");
            return Err(failed(path, why));
        }
        Found::Empty | Found::Ours => {}
    }
    let migrated = database.migrate(&KIND);
    migrated.map_err(|error| failed(path, error))?;
    Ok(database)
}

impl Book for People {
    fn account(&self, name: &str) -> Result<Option<Account>, BookError> {
        let name = name.to_string();
        self.run(async move |c| rows::account(c, &name).await)
    }

    fn accounts(&self) -> Result<Vec<Account>, BookError> {
        let ask = || self.run(async |c| rows::accounts(c).await);
        self.all.or((), ask)
    }

    fn add_account(&self, account: &Account) -> Result<bool, BookError> {
        let account = account.clone();
        self.write(async move |c| rows::add_account(c, &account).await)
    }

    fn set_password(&self, name: &str, hash: &str, but: Option<&str>) -> Result<bool, BookError> {
        let (name, hash) = (name.to_string(), hash.to_string());
        let but = but.unwrap_or_default().to_string();
        self.write(async move |c| rows::set_password(c, &name, &hash, &but).await)
    }

    fn set_grants(&self, name: &str, grants: &Grants) -> Result<bool, BookError> {
        let (name, grants) = (name.to_string(), grants.clone());
        self.write(async move |c| rows::set_grants(c, &name, &grants).await)
    }

    fn remove(&self, name: &str, at: Timestamp) -> Result<bool, BookError> {
        let name = name.to_string();
        self.write(async move |c| rows::remove(c, &name, at).await)
    }

    fn identified(&self, issuer: &str, subject: &str) -> Result<Option<Account>, BookError> {
        let (issuer, subject) = (issuer.to_string(), subject.to_string());
        self.run(async move |c| rows::identified(c, &issuer, &subject).await)
    }

    fn add_identity(
        &self,
        issuer: &str,
        subject: &str,
        account: &Account,
    ) -> Result<bool, BookError> {
        let (issuer, subject) = (issuer.to_string(), subject.to_string());
        let account = account.clone();
        self.write(async move |c| rows::add_identity(c, &issuer, &subject, &account).await)
    }

    fn begin_session(&self, session: &Session) -> Result<(), BookError> {
        let session = session.clone();
        self.write(async move |c| rows::begin_session(c, &session).await)
    }

    fn session(&self, digest: &str) -> Result<Option<(Session, Account)>, BookError> {
        let asked = digest.to_string();
        let ask = || self.run(async move |c| rows::session(c, &asked).await);
        self.sessions.or(digest.to_string(), ask)
    }

    fn seen(&self, digest: &str, at: Timestamp) -> Result<(), BookError> {
        let digest = digest.to_string();
        self.write(async move |c| rows::seen(c, &digest, at).await)
    }

    fn end_session(&self, digest: &str) -> Result<(), BookError> {
        let digest = digest.to_string();
        self.write(async move |c| rows::end_session(c, &digest).await)
    }

    fn add_key(&self, key: &ApiKey) -> Result<(), BookError> {
        let key = key.clone();
        self.write(async move |c| rows::add_key(c, &key).await)
    }

    fn key(&self, digest: &str) -> Result<Option<(ApiKey, Account)>, BookError> {
        let asked = digest.to_string();
        let ask = || self.run(async move |c| rows::key(c, &asked).await);
        self.keys.or(digest.to_string(), ask)
    }

    fn keys(&self, person: Option<&str>) -> Result<Vec<ApiKey>, BookError> {
        let person = person.map(str::to_string);
        self.run(async move |c| rows::keys(c, person).await)
    }

    fn used(&self, id: &str, at: Timestamp) -> Result<(), BookError> {
        let id = id.to_string();
        self.write(async move |c| rows::used(c, &id, at).await)
    }

    fn revoke(&self, id: &str, at: Timestamp) -> Result<bool, BookError> {
        let id = id.to_string();
        self.write(async move |c| rows::revoke(c, &id, at).await)
    }

    fn add_link(&self, link: &Link) -> Result<(), BookError> {
        let link = link.clone();
        self.write(async move |c| rows::add_link(c, &link).await)
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
        self.write(async move |c| rows::use_link(c, &digest, now, &account).await)
    }

    fn audit(&self, done: &Audited) -> Result<(), BookError> {
        let done = done.clone();
        self.write(async move |c| rows::audit(c, &done).await)
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
        self.write(async move |c| rows::keep_replay(c, &replay, forget).await)
    }
}
