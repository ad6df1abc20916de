//! What can be wrong with the window's folder, and what to do about it.

use std::io;
use std::path::Path;

/// The window cannot be opened, written or read.
#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    /// Another server has it.
    #[error("{path}: another midwatch holds this telemetry window")]
    InUse {
        /// The folder.
        path: String,
    },
    /// It may not be written, or is no folder.
    #[error("{path}: cannot {what}: {why}; {remedy}")]
    Io {
        /// The file or folder.
        path: String,
        /// What was tried.
        what: &'static str,
        /// What the operating system said.
        why: String,
        /// What to do.
        remedy: &'static str,
    },
    /// There are files in it that this program did not write, or that a newer one did.
    #[error(
        "{path}: {found}; expected segments of a telemetry window, format {expected}; nothing was touched: move the folder away, or name another"
    )]
    Foreign {
        /// The file.
        path: String,
        /// What it begins with.
        found: String,
        /// What this build writes.
        expected: u32,
    },
    /// Rows that cannot be put into columns.
    #[error("telemetry could not be packed: {why}")]
    Unwritable {
        /// What the packer said.
        why: String,
    },
    /// What waits to be written fills the memory that it may take: the disk is full, or too slow.
    #[error("{held} bytes of telemetry wait for the disk: {why}")]
    Full {
        /// Bytes that wait.
        held: u64,
        /// Why they could not be written; `the disk is slower than the senders` if nothing failed.
        why: String,
    },
}

impl WindowError {
    /// What an error of the operating system means.
    pub(super) fn io(path: &Path, what: &'static str, error: &io::Error) -> Self {
        let remedy = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "free some space, or lower `telemetry.max_bytes`"
            }
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                "let the server's user write there, or name another folder"
            }
            io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
                "name a folder that is not a file"
            }
            _ => "check the disk",
        };
        Self::Io {
            path: path.display().to_string(),
            what,
            why: error.to_string(),
            remedy,
        }
    }
}
