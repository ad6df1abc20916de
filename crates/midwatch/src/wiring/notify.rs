//! Who is told, as configured.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use connectors::webhook::Webhook;
use model::ports::{Notice, Notifier};

use super::house::House;
use crate::problem::Problem;

/// Appends every notice to a file, as one line of JSON.
struct File {
    path: PathBuf,
    // One line at a time.
    pen: Mutex<()>,
}

impl Notifier for File {
    fn name(&self) -> &str {
        "file"
    }

    fn tell(&self, notice: &Notice) -> Result<(), String> {
        let _pen = self.pen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut line = serde_json::to_vec(notice).map_err(|error| error.to_string())?;
        line.push(b'\n');
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)
            .and_then(|mut file| file.write_all(&line))
            .map_err(|error| format!("{}: {error}", self.path.display()))
    }
}

/// The notifiers that the configuration names.
pub fn configured(house: &House) -> Result<Vec<Arc<dyn Notifier>>, Problem> {
    let config = &house.config().notify;
    let mut notifiers: Vec<Arc<dyn Notifier>> = Vec::new();
    if let Some(file) = &config.file {
        notifiers.push(Arc::new(File {
            path: house.path(file),
            pen: Mutex::new(()),
        }));
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
