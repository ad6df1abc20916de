//! What documents of vendors add to the recording: few things, kept in memory.

use std::ops::ControlFlow;
use std::sync::Arc;

use model::recording::Manifest;
use model::{Alarm, Change, Event, RawRef, StateSnapshot, Timestamp};
use serde_json::Value;

use super::aws::refusals::Refusal;
use super::documents::typed;
use super::entities::Directory;
use super::error::FilesError;
use super::json::{Json, Kind};
use super::source::DataFile;

/// Collects from documents.
pub(crate) struct Gathered<'m> {
    pub manifest: &'m Manifest,
    pub directory: Directory,
    pub alarms: Vec<Alarm>,
    pub changes: Vec<Change>,
    pub events: Vec<Event>,
    pub snapshots: Vec<StateSnapshot>,
    /// Policies, by their paths below `iam/`.
    pub policies: Vec<(String, String)>,
    /// Calls that were refused, as the audit trail tells.
    pub refusals: Vec<Refusal>,
}

impl<'m> Gathered<'m> {
    pub fn new(manifest: &'m Manifest, directory: Directory) -> Self {
        Self {
            manifest,
            directory,
            alarms: Vec::new(),
            changes: Vec::new(),
            events: Vec::new(),
            snapshots: Vec::new(),
            policies: Vec::new(),
            refusals: Vec::new(),
        }
    }

    /// When a snapshot was taken whose document does not say: as late as the window allows.
    pub fn taken(&self) -> Timestamp {
        let last = Timestamp(self.manifest.window.to().0.saturating_sub(1));
        self.manifest.now.min(last)
    }
}

/// Visits the elements of the array under a top-level key of a document (or of each of several
/// documents in one file), each as its own text with the line that it begins at.
pub(crate) fn under(
    file: &DataFile,
    text: &str,
    wanted: &str,
    mut visit: impl FnMut(&str, u64) -> Result<ControlFlow<()>, FilesError>,
) -> Result<(), FilesError> {
    let mut json = Json::new(text);
    let mut failed = None;
    let mut counted = 0;
    let mut line = 1;
    while !json.finished() && failed.is_none() {
        let result = json.object(|json, key| {
            if key != wanted || json.kind()? != Kind::Array {
                return json.skip();
            }
            json.array(|json| {
                let at = json.offset();
                let element = json.raw()?;
                line += memchr::memchr_iter(b'\n', &text.as_bytes()[counted..at]).count() as u64;
                counted = at;
                match visit(element, line) {
                    Ok(ControlFlow::Continue(())) => Ok(()),
                    stop => {
                        failed = Some(stop);
                        json.error("nothing: the visitor stopped")
                    }
                }
            })
        });
        match (&failed, result) {
            (None, Err(error)) => return Err(file.json(text, 1, &error)),
            _ => continue,
        }
    }
    match failed {
        Some(Err(error)) => Err(error),
        _ => Ok(()),
    }
}

/// As [`under`], with each element as a value.
pub(crate) fn values(
    file: &DataFile,
    text: &str,
    wanted: &str,
    mut visit: impl FnMut(Value, RawRef) -> Result<(), FilesError>,
) -> Result<(), FilesError> {
    under(file, text, wanted, |element, line| {
        let raw = RawRef {
            file: Arc::clone(&file.name),
            line,
        };
        visit(typed(file, element, line)?, raw)?;
        Ok(ControlFlow::Continue(()))
    })
}

/// A text somewhere inside, by keys; empty if it is not there.
pub(crate) fn text_at<'v>(value: &'v Value, path: &[&str]) -> &'v str {
    let mut value = value;
    for key in path {
        match value.get(key) {
            Some(inner) => value = inner,
            None => return "",
        }
    }
    value.as_str().unwrap_or_default()
}

/// A moment somewhere inside, as text or as a number.
pub(crate) fn moment_at(value: &Value, path: &[&str]) -> Option<Timestamp> {
    let mut value = value;
    for key in path {
        value = value.get(key)?;
    }
    match value {
        Value::String(text) => super::moment::moment(text.as_bytes()),
        Value::Number(number) => super::moment::moment(number.to_string().as_bytes()),
        _ => None,
    }
}
