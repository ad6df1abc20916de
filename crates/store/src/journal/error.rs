//! What can go wrong with the file, and what a person can do about it.

use std::path::{Path, PathBuf};

use model::ports::JournalError;
use model::time::Timestamp;

use super::SCHEMA;

/// Why the store cannot be opened or does not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is no file, and we were only to read.
    #[error("{path}: there is no journal; start `midwatch serve` once, or name its folder", path = .path.display())]
    NotThere {
        /// Which.
        path: PathBuf,
    },
    /// The file or its folder cannot be opened.
    #[error("{path}: the journal cannot be opened: {why}; the folder must exist on a local disk and be writable", path = .path.display())]
    CannotOpen {
        /// Which.
        path: PathBuf,
        /// In the system's words.
        why: String,
    },
    /// A database, but another program's.
    #[error("{path}: this is another program's database; it was left as it is. Name another folder for the journal", path = .path.display())]
    NotOurs {
        /// Which.
        path: PathBuf,
    },
    /// Written by a newer program.
    #[error("{path}: the journal has schema {found}, this program knows up to {SCHEMA}; it was left as it is. Use the program that wrote it, or a newer one", path = .path.display())]
    Newer {
        /// Which.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
    /// Damaged.
    #[error("{path}: the journal is damaged ({why}); it was left as it is. Copy it aside with its -wal and -shm files, put back a backup or start with an empty folder, and read the damaged one with `sqlite3 FILE .recover`", path = .path.display())]
    Corrupt {
        /// Which.
        path: PathBuf,
        /// In the database's words.
        why: String,
    },
    /// It may only be read.
    #[error("{path}: the journal cannot be written ({why}); nothing was written. Check the owner and mode of the file and its folder, and that the disk is not mounted read-only", path = .path.display())]
    ReadOnly {
        /// Which.
        path: PathBuf,
        /// In the database's words.
        why: String,
    },
    /// No space is left.
    #[error("{path}: no space is left for the journal ({why}); the entry was not written. Free some: nothing is done that cannot be written down", path = .path.display())]
    Full {
        /// Which.
        path: PathBuf,
        /// In the database's words.
        why: String,
    },
    /// Somebody else keeps the watch.
    #[error("{path}: process {pid} on {host} keeps the watch, until {until} at least; two servers cannot share one journal. Stop that one, or give this one a folder of its own", path = .path.display())]
    Held {
        /// Which.
        path: PathBuf,
        /// On which machine.
        host: String,
        /// Which process.
        pid: u32,
        /// Until when.
        until: Timestamp,
    },
    /// Something else.
    #[error("{path}: the journal failed: {why}; try again, and look at the disk if it stays so", path = .path.display())]
    Failed {
        /// Which.
        path: PathBuf,
        /// In the database's words.
        why: String,
    },
    /// The thread that owns the file is gone.
    #[error("{path}: the journal was closed; start the program again", path = .path.display())]
    Gone {
        /// Which.
        path: PathBuf,
    },
}

impl StoreError {
    /// From the database's error. The numbers are SQLite's primary result codes (sqlite.org/rescode.html), the
    /// low eight bits of what it gives.
    pub(super) fn from_sqlite(path: &Path, error: &sqlx::Error) -> Self {
        let path = path.to_path_buf();
        let why = error.to_string();
        let code = error
            .as_database_error()
            .and_then(|error| error.code())
            .and_then(|code| code.parse::<u32>().ok())
            .map(|code| code & 0xff);
        match code {
            Some(11 | 26) => Self::Corrupt { path, why },
            Some(13) => Self::Full { path, why },
            Some(8) => Self::ReadOnly { path, why },
            Some(14) => Self::CannotOpen { path, why },
            _ => Self::Failed { path, why },
        }
    }
}

impl From<StoreError> for JournalError {
    fn from(error: StoreError) -> Self {
        Self::Store {
            what: error.to_string(),
        }
    }
}
