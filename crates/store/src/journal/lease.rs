//! Who keeps the watch (J5): one holder, for a time, under a token that only grows.
//!
//! Each write checks the token inside of its own transaction, so that a server that slept through the end of its
//! time finds itself fenced off at its next entry, before it does anything in the world.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use model::ports::JournalError;
use model::time::{Span, Timestamp};
use sqlx::{Connection as _, Row as _, SqliteConnection};

use super::error::StoreError;

/// Who asks for the watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The machine's name.
    pub host: String,
    /// The process.
    pub pid: u32,
}

/// The lock beside the file, which the system holds for as long as our process lives. `None` if another process
/// of this machine has it.
pub(super) fn lock(path: &Path) -> Result<Option<File>, StoreError> {
    let cannot = |why: String| StoreError::CannotOpen {
        path: path.to_path_buf(),
        why,
    };
    let mut name = path.as_os_str().to_os_string();
    name.push(".lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&name)
        .map_err(|error| cannot(format!("its lock file: {error}")))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        // A file system without locks: then only the time of the lease counts.
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

/// Somebody else keeps the watch.
pub(super) struct Held {
    /// Who.
    pub by: Holder,
    /// Until when.
    pub until: Timestamp,
}

/// Takes the watch, and gives the token. `alone`: no other process of this machine holds the lock.
pub(super) async fn take(
    connection: &mut SqliteConnection,
    alone: bool,
    holder: Holder,
    now: Timestamp,
    time: Span,
) -> Result<Result<u64, Held>, sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let row = sqlx::query("SELECT token, host, pid, locked, until FROM watch")
        .fetch_optional(&mut *transaction)
        .await?;
    let mut token = 1;
    if let Some(row) = row {
        let until = Timestamp(row.try_get::<i64, _>("until")?);
        let host: String = row.try_get("host")?;
        // The lock is ours, so whoever had it on this machine is dead.
        let locked = row.try_get::<i64, _>("locked")? != 0;
        let dead = alone && locked && host == holder.host;
        if until > now && !dead {
            let pid = u32::try_from(row.try_get::<i64, _>("pid")?).unwrap_or(0);
            transaction.rollback().await?;
            return Ok(Err(Held {
                by: Holder { host, pid },
                until,
            }));
        }
        token = row.try_get::<i64, _>("token")?.saturating_add(1);
    }
    sqlx::query(
        "INSERT INTO watch (only, token, host, pid, locked, until) VALUES (1, ?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (only) DO UPDATE SET token = ?1, host = ?2, pid = ?3, locked = ?4, until = ?5",
    )
    .bind(token)
    .bind(&holder.host)
    .bind(i64::from(holder.pid))
    .bind(i64::from(alone))
    .bind(now.plus(time).0)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(Ok(u64::try_from(token).unwrap_or(0)))
}

/// Prolongs the watch.
pub(super) async fn renew(
    connection: &mut SqliteConnection,
    token: u64,
    now: Timestamp,
    time: Span,
) -> Result<Result<(), JournalError>, sqlx::Error> {
    let done = sqlx::query("UPDATE watch SET until = ?1 WHERE token = ?2")
        .bind(now.plus(time).0)
        .bind(stored(token))
        .execute(&mut *connection)
        .await?;
    if done.rows_affected() == 1 {
        return Ok(Ok(()));
    }
    let newest = newest(connection).await?;
    Ok(Err(JournalError::Fenced {
        held: token,
        newest,
    }))
}

/// Lets the watch end now.
pub(super) async fn release(
    connection: &mut SqliteConnection,
    token: u64,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE watch SET until = ?1 WHERE token = ?2 AND until > ?1")
        .bind(now.0)
        .bind(stored(token))
        .execute(&mut *connection)
        .await?;
    Ok(())
}

/// The newest token that was given out; 0 if none was.
pub(super) async fn newest(connection: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
    let token: Option<i64> = sqlx::query_scalar("SELECT token FROM watch")
        .fetch_optional(connection)
        .await?;
    Ok(token.and_then(|t| u64::try_from(t).ok()).unwrap_or(0))
}

/// As the database keeps it.
fn stored(token: u64) -> i64 {
    i64::try_from(token).unwrap_or(i64::MAX)
}
