//! Notices in a file, one line of JSON each.

use std::collections::BTreeSet;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use model::ports::{Notice, Notifier, TellError, Telling};
use model::time::Timestamp;

/// How much of the file's end is read to know what stands there already.
const TAIL: u64 = 4 << 20;

/// Appends every notice to a file, as one line of JSON.
pub(super) struct File {
    path: PathBuf,
    /// The ids that stand there; one line at a time.
    told: Mutex<BTreeSet<String>>,
}

impl File {
    /// What stands at its end is remembered: the power may be cut after a line is written and before that is known.
    pub fn new(path: PathBuf) -> Self {
        let told = Mutex::new(ids(&path).unwrap_or_default());
        Self { path, told }
    }
}

/// The ids of the notices at the end of a file.
fn ids(path: &Path) -> std::io::Result<BTreeSet<String>> {
    let mut file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    let notices = bytes
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Notice>(line).ok());
    Ok(notices.map(|notice| notice.id).collect())
}

impl Notifier for File {
    fn name(&self) -> &str {
        "file"
    }

    fn tell(&self, telling: &Telling<'_>, _: Timestamp) -> Result<String, TellError> {
        let notice = telling.notice;
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.contains(&notice.id) {
            return Ok(String::new());
        }
        let mut line = serde_json::to_vec(notice).map_err(|error| error.to_string())?;
        line.push(b'\n');
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)
            .and_then(|mut file| file.write_all(&line))
            .map_err(|error| format!("{}: {error}", self.path.display()))?;
        told.insert(notice.id.clone());
        Ok(String::new())
    }
}
