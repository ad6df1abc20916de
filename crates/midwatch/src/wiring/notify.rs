//! Who is told, as configured.

use std::collections::BTreeSet;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use connectors::webhook::Webhook;
use model::ports::{Notice, Notifier};
use model::time::Timestamp;

use super::house::House;
use crate::config::Notify;
use crate::problem::Problem;

/// How much of the file's end is read to know what stands there already.
const TAIL: u64 = 4 << 20;

/// Appends every notice to a file, as one line of JSON.
struct File {
    path: PathBuf,
    /// The ids that stand there; one line at a time.
    told: Mutex<BTreeSet<String>>,
}

impl File {
    /// What stands at its end is remembered: the power may be cut after a line is written and before that is known.
    fn new(path: PathBuf) -> Self {
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

    fn tell(&self, notice: &Notice, _: Timestamp) -> Result<(), String> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.contains(&notice.id) {
            return Ok(());
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
        Ok(())
    }
}

/// The names of the channels that the configuration names, as the outbox knows them.
pub fn names(config: &Notify) -> Vec<&'static str> {
    let named = [
        ("terminal", config.terminal),
        ("file", config.file.is_some()),
        ("webhook", config.webhook.is_some()),
    ];
    let configured = named.into_iter().filter(|(_, configured)| *configured);
    configured.map(|(name, _)| name).collect()
}

/// The notifiers that the configuration names.
pub fn configured(house: &House) -> Result<Vec<Arc<dyn Notifier>>, Problem> {
    let config = &house.config().notify;
    let mut notifiers: Vec<Arc<dyn Notifier>> = Vec::new();
    if let Some(file) = &config.file {
        notifiers.push(Arc::new(File::new(house.path(file))));
    }
    if let Some(webhook) = &config.webhook {
        let path = house.path(&webhook.secret_file);
        let secret =
            std::fs::read_to_string(&path).map_err(|error| Problem::unreadable(&path, &error))?;
        let webhook = Webhook::new(&webhook.url, secret.trim().as_bytes()).map_err(|error| {
            Problem::bad_input(
                error.to_string(),
                "notify.webhook",
                "see `midwatch config reference`",
            )
        })?;
        notifiers.push(Arc::new(webhook));
    }
    Ok(notifiers)
}
