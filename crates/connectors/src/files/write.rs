//! Writing a case as a recording, in its canonical form: the same case gives the same bytes.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use model::Timestamp;
use model::lesson::{LESSONS_SCHEMA, Lessons};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::error::{Fault, FilesError};
use model::case::Case;

/// Writes `case` into the new folder `to`. It is written beside it and renamed, so that a folder of
/// this name is whole or not there.
///
/// # Errors
/// When `to` exists and is not empty, when a runbook's path leads out of the folder, or when the
/// operating system refuses. Nothing is left behind then.
pub fn write(case: &Case, to: &Path) -> Result<(), FilesError> {
    let shown = to.display().to_string();
    let refused = |error: io::Error| FilesError::io(&shown, &error);
    if fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_some()) || to.is_file() {
        return Err(FilesError::new(
            Fault::Io,
            &shown,
            None,
            "something is there already",
            "a folder that does not exist yet, or is empty",
            "choose another name, or remove it first",
        ));
    }
    let parent = match to.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).map_err(refused)?;
    let beside = tempfile::Builder::new()
        .prefix(".midwatch-recording-")
        .tempdir_in(parent)
        .map_err(refused)?;
    into(case, beside.path())?;
    if to.is_dir() {
        fs::remove_dir(to).map_err(refused)?;
    }
    // Temporary folders are private; a recording is as open as its neighbours.
    let whole = beside.keep();
    open_up(&whole);
    fs::rename(&whole, to).map_err(|error| {
        let _ = fs::remove_dir_all(&whole);
        refused(error)
    })
}

#[cfg(unix)]
fn open_up(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o755));
}

#[cfg(not(unix))]
fn open_up(_: &Path) {}

/// A file of the folder under construction.
fn file(
    root: &Path,
    name: &str,
    fill: impl FnOnce(&mut BufWriter<fs::File>) -> io::Result<()>,
) -> Result<(), FilesError> {
    let path = root.join(name);
    let attempt = || {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut out = BufWriter::with_capacity(1 << 18, fs::File::create(&path)?);
        fill(&mut out)?;
        out.into_inner()
            .map_err(io::IntoInnerError::into_error)?
            .sync_all()
    };
    attempt().map_err(|error| FilesError::io(name, &error))
}

fn into(case: &Case, root: &Path) -> Result<(), FilesError> {
    file(root, "recording.json", |out| pretty(out, &case.manifest))?;
    file(root, "alarms.json", |out| array(out, &case.alarms))?;
    file(root, "topology.json", |out| pretty(out, &case.topology))?;
    if let Some(changes) = &case.changes {
        file(root, "changes.json", |out| array(out, changes))?;
    }
    if let Some(events) = &case.events {
        file(root, "events.ndjson", |out| lines(out, events))?;
    }
    if let Some(snapshots) = &case.snapshots {
        file(root, "states/states.ndjson", |out| lines(out, snapshots))?;
    }
    if case.series.is_some() {
        file(root, "metrics/metrics.csv", |out| metrics(out, case))?;
    }
    if case.logs.is_some() {
        file(root, "logs/logs.ndjson", |out| logs(out, case))?;
    }
    if case.spans.is_some() {
        file(root, "traces/spans.ndjson", |out| spans(out, case))?;
    }
    for runbook in &case.runbooks {
        let inside = Path::new(&runbook.path)
            .components()
            .all(|part| matches!(part, std::path::Component::Normal(_)));
        if !inside {
            return Err(FilesError::new(
                Fault::Type,
                &runbook.path,
                None,
                "a runbook whose path leads out of the recording",
                "a relative path without `..`",
                "rename the runbook",
            ));
        }
        let path = if runbook.path.ends_with(".md") || runbook.path.ends_with(".txt") {
            format!("knowledge/{}", runbook.path)
        } else {
            format!("knowledge/{}.md", runbook.path)
        };
        file(root, &path, |out| out.write_all(runbook.text.as_bytes()))?;
    }
    if !case.lessons.is_empty() {
        let lessons = Lessons {
            schema: LESSONS_SCHEMA.to_string(),
            lessons: case.lessons.clone(),
        };
        file(root, "lessons.json", |out| pretty(out, &lessons))?;
    }
    if let Some(answer) = &case.answer {
        file(root, "answer.json", |out| pretty(out, answer))?;
    }
    Ok(())
}

fn pretty(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    out.write_all(b"\n")
}

/// The value without `raw`: where a row stands is where it is read from.
fn without_raw(value: &impl Serialize) -> io::Result<Value> {
    let mut value = serde_json::to_value(value)?;
    if let Some(object) = value.as_object_mut() {
        object.remove("raw");
    }
    Ok(value)
}

fn array<T: Serialize>(out: &mut impl Write, all: &[T]) -> io::Result<()> {
    let all: io::Result<Vec<Value>> = all.iter().map(without_raw).collect();
    pretty(out, &all?)
}

fn lines<T: Serialize>(out: &mut impl Write, all: &[T]) -> io::Result<()> {
    for item in all {
        serde_json::to_writer(&mut *out, &without_raw(item)?)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// A CSV cell, in quotes where it needs them.
fn cell(out: &mut impl Write, text: &str) -> io::Result<()> {
    if text.contains([',', '"', '\n', '\r', '\t', ';']) {
        write!(out, "\"{}\"", text.replace('"', "\"\""))
    } else {
        out.write_all(text.as_bytes())
    }
}

fn metrics(out: &mut impl Write, case: &Case) -> io::Result<()> {
    let all = case.series.as_deref().unwrap_or_default();
    let labels: BTreeSet<&str> = all
        .iter()
        .flat_map(|series| series.key.labels.keys().map(String::as_str))
        .collect();
    let mut header = String::from("time,entity,metric,statistic,unit");
    for label in &labels {
        header.push(',');
        let mut name = Vec::new();
        cell(&mut name, &format!("label.{label}"))?;
        header.push_str(&String::from_utf8_lossy(&name));
    }
    writeln!(out, "{header},value")?;
    let mut name = Vec::new();
    for series in all {
        name.clear();
        let key = &series.key;
        for text in [key.entity.as_str(), &key.metric, &key.statistic, &key.unit] {
            name.push(b',');
            cell(&mut name, text)?;
        }
        for label in &labels {
            name.push(b',');
            cell(&mut name, key.labels.get(*label).map_or("", String::as_str))?;
        }
        for (at, value) in series.times.iter().zip(&series.values) {
            write!(out, "{}", Timestamp(*at))?;
            out.write_all(&name)?;
            writeln!(out, ",{value}")?;
        }
    }
    Ok(())
}

fn object<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> Value {
    Value::Object(
        fields
            .map(|(name, value)| (name.to_string(), Value::from(value)))
            .collect(),
    )
}

fn logs(out: &mut impl Write, case: &Case) -> io::Result<()> {
    for log in case.logs.iter().flatten() {
        let mut row = Map::new();
        row.insert("time".into(), json!(log.time));
        row.insert("entity".into(), json!(log.entity));
        if let Some(severity) = log.severity {
            row.insert("severity".into(), json!(severity));
        }
        row.insert("body".into(), json!(log.body));
        put(&mut row, "trace_id", &log.trace_id);
        put(&mut row, "span_id", &log.span_id);
        if !log.attributes.is_empty() {
            let fields = log.attributes.iter().map(|(n, v)| (&**n, &**v));
            row.insert("attributes".into(), object(fields));
        }
        serde_json::to_writer(&mut *out, &row)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn put(row: &mut Map<String, Value>, name: &str, text: &str) {
    if !text.is_empty() {
        row.insert(name.into(), json!(text));
    }
}

fn spans(out: &mut impl Write, case: &Case) -> io::Result<()> {
    for span in case.spans.iter().flatten() {
        let mut row = Map::new();
        put(&mut row, "trace_id", &span.trace_id);
        put(&mut row, "span_id", &span.span_id);
        put(&mut row, "parent_id", &span.parent_id);
        row.insert("entity".into(), json!(span.entity));
        row.insert("name".into(), json!(span.name));
        row.insert("kind".into(), json!(span.kind));
        row.insert("start".into(), json!(span.start));
        row.insert("end".into(), json!(span.end));
        if span.error {
            row.insert("error".into(), json!(true));
        }
        put(&mut row, "status_message", &span.message);
        put(&mut row, "peer", &span.peer);
        if !span.attributes.is_empty() {
            let fields = span.attributes.iter().map(|(n, v)| (&**n, &**v));
            row.insert("attributes".into(), object(fields));
        }
        serde_json::to_writer(&mut *out, &row)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
