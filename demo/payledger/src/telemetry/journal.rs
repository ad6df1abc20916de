//! The same log records as JSON lines in the state folder, for people without a telemetry back end.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use opentelemetry::{SpanId, TraceId};
use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::names::EntityName;

/// A file is put aside at this size, and the one put aside before it is dropped: at most twice this on disk.
const LARGEST: u64 = 8 << 20;

struct Sheet {
    file: File,
    written: u64,
}

/// The log file of one process: `logs/PROCESS.jsonl`.
pub(super) struct Journal {
    path: PathBuf,
    sheet: Mutex<Option<Sheet>>,
}

impl Journal {
    /// Opens or makes it.
    pub fn open(folder: &Path, process: &str) -> Result<Self, Failure> {
        let path = folder.join(format!("{process}.jsonl"));
        let opened = std::fs::create_dir_all(folder).and_then(|()| open(&path));
        let sheet = opened.map_err(|error| {
            Failure::new(format!("{}: cannot be written: {error}", path.display()))
        })?;
        Ok(Self {
            path,
            sheet: Mutex::new(Some(sheet)),
        })
    }

    /// One line. A full disk silences the file, never the process.
    pub fn write(
        &self,
        time: &str,
        severity: &str,
        entity: &EntityName,
        body: &str,
        attributes: &[(&'static str, String)],
        ids: Option<(TraceId, SpanId)>,
    ) {
        let mut line = json!({
            "time": time,
            "severity": severity,
            "entity": entity.to_string(),
            "body": body,
        });
        if let (Some((trace, span)), Some(object)) = (ids, line.as_object_mut()) {
            object.insert("trace_id".into(), trace.to_string().into());
            object.insert("span_id".into(), span.to_string().into());
        }
        if let (false, Some(object)) = (attributes.is_empty(), line.as_object_mut()) {
            let fields: Map<String, Value> = attributes
                .iter()
                .map(|(key, value)| ((*key).to_owned(), Value::from(value.as_str())))
                .collect();
            object.insert("attributes".into(), fields.into());
        }
        let text = format!("{line}\n");
        let Ok(mut held) = self.sheet.lock() else {
            return;
        };
        if held.as_ref().is_some_and(|sheet| sheet.written > LARGEST) {
            let _ = std::fs::rename(&self.path, self.path.with_extension("jsonl.1"));
            *held = open(&self.path).ok();
        }
        if let Some(sheet) = held.as_mut()
            && sheet.file.write_all(text.as_bytes()).is_ok()
        {
            sheet.written += text.len() as u64;
        }
    }
}

fn open(path: &Path) -> std::io::Result<Sheet> {
    let file = File::options().create(true).append(true).open(path)?;
    let written = file.metadata()?.len();
    Ok(Sheet { file, written })
}
