//! Which file of the folder is what: by its place and name, and where these do not tell, by content.

use std::path::Path;

use super::aws;
use super::error::{Fault, FilesError};
use super::json::{Json, JsonError, Kind};
use super::limits::Limits;
use super::rows::{Column, column};
use super::source::{DataFile, Lines, Packing};
use super::stream::{Signal, Writing};
use super::table::Header;

/// What a file is.
#[derive(Clone, Debug)]
pub(crate) enum Role {
    Manifest,
    Alarms,
    Topology,
    Changes,
    Events,
    States,
    Knowledge,
    /// What earlier incidents taught.
    Lessons,
    /// The truth: never opened by an investigation.
    Answer,
    /// Rows.
    Rows(Writing),
    /// A metrics table.
    MetricsTable,
    /// Few things, as the AWS command line prints them.
    Aws(aws::Document),
    /// Objects, as kubectl prints them.
    Kubernetes,
    /// Licences, notes, and what this build does not know.
    Ignored,
}

/// The files of the folder, sorted by name.
pub(crate) struct Folder {
    /// With their roles.
    pub files: Vec<(DataFile, Role)>,
    /// Folders that are there, even if empty: an empty `logs/` says that there were none.
    pub folders: Vec<String>,
    /// What was passed over, and why.
    pub passed_over: Vec<(String, &'static str)>,
}

type Walked = (Vec<(String, u64)>, Vec<String>, Vec<(String, &'static str)>);

/// Lists the folder without reading what lies in it. Links are not followed: a recording must not
/// reach outside of itself.
fn walk(root: &Path, limits: &Limits) -> Result<Walked, FilesError> {
    let shown = root.display().to_string();
    let mut files = Vec::new();
    let mut folders = Vec::new();
    let mut passed_over = Vec::new();
    let mut total: u64 = 0;
    let mut waiting = vec![(root.to_path_buf(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = waiting.pop() {
        let entries = std::fs::read_dir(&folder)
            .map_err(|e| FilesError::io(if prefix.is_empty() { &shown } else { &prefix }, &e))?;
        for entry in entries {
            let entry = entry.map_err(|e| FilesError::io(&shown, &e))?;
            let Some(own) = entry.file_name().to_str().map(str::to_string) else {
                passed_over.push((
                    entry.file_name().to_string_lossy().into_owned(),
                    "its name is not UTF-8",
                ));
                continue;
            };
            let name = format!("{prefix}{own}");
            let about =
                std::fs::symlink_metadata(entry.path()).map_err(|e| FilesError::io(&name, &e))?;
            if own.starts_with('.') {
                passed_over.push((name, "hidden"));
            } else if about.is_dir() {
                if depth >= limits.depth {
                    return Err(FilesError::new(
                        Fault::TooLarge,
                        &name,
                        None,
                        format!("folders more than {} deep", limits.depth),
                        "a flat recording (docs/recordings.md)",
                        "move the files up",
                    ));
                }
                waiting.push((entry.path(), format!("{name}/"), depth + 1));
                folders.push(name);
            } else if about.is_file() {
                total = total.saturating_add(about.len());
                files.push((name, about.len()));
            } else {
                passed_over.push((name, "a link or device, which a recording may not hold"));
            }
            if files.len() > limits.files || total > limits.total_bytes {
                return Err(FilesError::new(
                    Fault::TooLarge,
                    &shown,
                    None,
                    format!(
                        "more than {} files or {} bytes",
                        limits.files, limits.total_bytes
                    ),
                    "a recording of one incident",
                    "check the path; export a shorter time; sparse files claim more than they hold",
                ));
            }
        }
    }
    files.sort();
    folders.sort();
    passed_over.sort();
    Ok((files, folders, passed_over))
}

/// Lists the folder and tells what each file is.
pub(crate) fn survey(root: &Path, limits: &Limits) -> Result<Folder, FilesError> {
    let (files, folders, passed_over) = walk(root, limits)?;
    let mut folder = Folder {
        files: Vec::with_capacity(files.len()),
        folders,
        passed_over,
    };
    for (name, size) in files {
        let path = root.join(&name);
        if bare(&name) == "answer" && !name.contains('/') {
            // Not even its first bytes are looked at.
            let file = DataFile {
                path,
                name: name.as_str().into(),
                size,
                packing: Packing::Plain,
                memory: None,
            };
            folder.files.push((file, Role::Answer));
            continue;
        }
        if aside(&name) {
            folder.passed_over.push((name, "a licence or note"));
            continue;
        }
        let file = DataFile::examine(&path, &name, size)?;
        let role = role(&file, limits)?;
        if matches!(role, Role::Ignored) {
            folder
                .passed_over
                .push((name.clone(), "nothing that this build knows"));
        }
        folder.files.push((file, role));
    }
    Ok(folder)
}

/// The name without its ending.
fn bare(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

fn aside(name: &str) -> bool {
    let own = name.rsplit('/').next().unwrap_or(name).to_ascii_uppercase();
    ["LICENSE", "LICENCE", "NOTICE", "README", "COPYING"]
        .iter()
        .any(|known| own.starts_with(known))
}

/// What one file is.
pub(crate) fn role(file: &DataFile, limits: &Limits) -> Result<Role, FilesError> {
    let name = file.plain_name();
    let (top, rest) = name.split_once('/').unwrap_or(("", &name));
    let ending = rest.rsplit_once('.').map_or("", |(_, ending)| ending);
    if top.is_empty() {
        match bare(&name) {
            "recording" if ending == "json" => return Ok(Role::Manifest),
            "topology" if ending == "json" => return Ok(Role::Topology),
            "lessons" if ending == "json" => return Ok(Role::Lessons),
            _ => {}
        }
    }
    if top == "knowledge" {
        return Ok(if matches!(ending, "md" | "txt") {
            Role::Knowledge
        } else {
            Role::Ignored
        });
    }
    if top == "iam" {
        return Ok(if ending == "json" && !aside(rest) {
            Role::Aws(aws::Document::Policies)
        } else {
            Role::Ignored
        });
    }
    if matches!(ending, "csv" | "tsv") {
        return table(file, top, &name, limits);
    }
    if ending == "parquet" {
        return parquet(file, top, &name, limits);
    }
    if !matches!(ending, "json" | "ndjson" | "jsonl" | "log" | "txt" | "") {
        return Ok(Role::Ignored);
    }
    let head = file.head(64 << 10, limits)?;
    let home = if top.is_empty() { bare(&name) } else { top };
    let first = head.iter().find(|b| !b.is_ascii_whitespace());
    if first == Some(&b'{')
        && let Some(role) = vendor(&head, &name)
    {
        return Ok(role);
    }
    let own = match home {
        "alarms" => Some(Role::Alarms),
        "changes" => Some(Role::Changes),
        "events" => Some(Role::Events),
        "states" => Some(Role::States),
        _ => None,
    };
    let signal = match home {
        "metrics" => Some(Signal::Metrics),
        "logs" => Some(Signal::Logs),
        "traces" => Some(Signal::Traces),
        _ => None,
    };
    let Some(first) = first else {
        // An empty file says that it was looked for, and that there was nothing.
        return Ok(own
            .or(signal.map(|signal| Role::Rows(Writing::Ndjson(signal))))
            .unwrap_or(Role::Ignored));
    };
    if let Some(role) = own {
        return Ok(role);
    }
    let signal = signal.or_else(|| {
        let (outer, _) = keys(&head);
        signal_of(outer.iter().map(String::as_str))
    });
    Ok(match (signal, first) {
        (Some(Signal::Logs), _) if matches!(ending, "log" | "txt" | "") && *first != b'{' => {
            Role::Rows(Writing::Text)
        }
        (Some(signal), b'[') => Role::Rows(Writing::Array(signal)),
        (Some(signal), b'{') => Role::Rows(if one_per_line(&head) {
            Writing::Ndjson(signal)
        } else {
            Writing::Array(signal)
        }),
        _ => Role::Ignored,
    })
}

/// The keys of the first object, and of the first element of each of its arrays, as far as they were
/// looked at.
fn keys(head: &[u8]) -> (Vec<String>, Vec<String>) {
    let text = String::from_utf8_lossy(head);
    let (mut outer, mut inner) = (Vec::new(), Vec::new());
    let mut json = Json::new(&text);
    // What was looked at ends somewhere inside of the document: the error is expected.
    let _ = if json.kind() == Ok(Kind::Array) {
        first_object(&mut json, &mut outer)
    } else {
        json.object(|json, key| {
            outer.push(key.into_owned());
            if json.kind()? != Kind::Array {
                return json.skip();
            }
            first_object(json, &mut inner)
        })
    };
    (outer, inner)
}

/// The keys of the first element of an array, if it is an object.
fn first_object(json: &mut Json<'_>, keys: &mut Vec<String>) -> Result<(), JsonError> {
    let mut first = true;
    json.array(|json| {
        if !std::mem::take(&mut first) || json.kind()? != Kind::Object {
            return json.skip();
        }
        json.object(|json, key| {
            keys.push(key.into_owned());
            json.skip()
        })
    })
}

/// The formats of vendors, by the keys that they use.
fn vendor(head: &[u8], name: &str) -> Option<Role> {
    let (outer, inner) = keys(head);
    let has = |key: &str| outer.iter().any(|known| known == key);
    let within = |key: &str| inner.iter().any(|known| known == key);
    let rows = |rows| Some(Role::Rows(Writing::Aws(rows)));
    if super::otlp::ROOTS.iter().any(|root| has(root)) {
        return Some(Role::Rows(if one_per_line(head) {
            Writing::Otlp
        } else {
            Writing::OtlpDocument
        }));
    }
    if has("MetricDataResults") {
        return rows(aws::Rows::MetricData);
    }
    if has("Datapoints") && has("Label") {
        return rows(aws::Rows::MetricStatistics);
    }
    if has("MetricAlarms") || has("CompositeAlarms") {
        return Some(Role::Aws(aws::Document::Alarms));
    }
    if has("Traces") && (within("Segments") || has("UnprocessedTraceIds")) {
        return rows(aws::Rows::Traces);
    }
    if has("Events") && !has("schema") {
        let database = within("SourceIdentifier") || within("SourceType");
        let unclear = inner.is_empty() && name.contains("rds");
        return Some(Role::Aws(if database || unclear {
            aws::Document::DatabaseEvents
        } else {
            aws::Document::Trail
        }));
    }
    let stream = within("ingestionTime") || within("logStreamName");
    let tokens = has("searchedLogStreams") || has("nextForwardToken");
    if has("events") && (stream || tokens) {
        return rows(aws::Rows::LogEvents);
    }
    if has("results") && (has("statistics") || has("status")) {
        return rows(aws::Rows::QueryResults);
    }
    if has("apiVersion") && (has("kind") || has("items") || has("metadata")) {
        return Some(Role::Kubernetes);
    }
    None
}

/// What flat rows with these columns are about.
fn signal_of<'n>(names: impl Iterator<Item = &'n str>) -> Option<Signal> {
    let columns: Vec<Column> = names.map(column).collect();
    let has = |wanted: Column| columns.contains(&wanted);
    let lasts = has(Column::End) || columns.iter().any(|c| matches!(c, Column::Duration(_)));
    if (has(Column::Metric) || has(Column::Name)) && has(Column::Value) && has(Column::Time) {
        Some(Signal::Metrics)
    } else if has(Column::TraceId) && (has(Column::Start) || has(Column::Time)) && lasts {
        Some(Signal::Traces)
    } else if has(Column::Time) && has(Column::Body) {
        Some(Signal::Logs)
    } else {
        None
    }
}

/// Does the first value end with its line?
fn one_per_line(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    let Some(line) = text.lines().find(|line| !line.trim().is_empty()) else {
        return true;
    };
    let mut json = Json::new(line);
    match json.skip() {
        Ok(()) => true,
        // The line goes on beyond what was looked at: documents are broken into short lines.
        Err(_) => line.len() > 4096 || json.kind() == Ok(Kind::Object) && line.len() > 1024,
    }
}

fn table(file: &DataFile, top: &str, name: &str, limits: &Limits) -> Result<Role, FilesError> {
    let home = if top.is_empty() { bare(name) } else { top };
    let known = match home {
        "metrics" => return Ok(Role::MetricsTable),
        "logs" => Some(Signal::Logs),
        "traces" => Some(Signal::Traces),
        _ => None,
    };
    let mut lines = Lines::new(file, limits.line_bytes, limits)?;
    let Some(line) = lines.next_record()? else {
        return Ok(known.map_or(Role::Ignored, |signal| Role::Rows(Writing::Ndjson(signal))));
    };
    let header = Header::read(file, &line)?;
    let signal = known.or_else(|| signal_of(header.names.iter().map(String::as_str)));
    Ok(match signal {
        Some(Signal::Metrics) => Role::MetricsTable,
        Some(signal) => Role::Rows(Writing::Table(signal, header)),
        None => Role::Ignored,
    })
}

#[cfg(feature = "parquet")]
fn parquet(file: &DataFile, top: &str, name: &str, limits: &Limits) -> Result<Role, FilesError> {
    let magic = super::parquet::MAGIC;
    if file.packing != Packing::Plain || file.head(magic.len(), limits)? != magic {
        return Err(file.syntax(
            1,
            "something else than its name says",
            "a Parquet file, which begins with PAR1 and has its own compression",
        ));
    }
    let columns = super::parquet::columns(file)?;
    let known = match if top.is_empty() { bare(name) } else { top } {
        "metrics" => Some(Signal::Metrics),
        "logs" => Some(Signal::Logs),
        "traces" => Some(Signal::Traces),
        _ => signal_of(columns.iter().map(String::as_str)),
    };
    Ok(known.map_or(Role::Ignored, |signal| Role::Rows(Writing::Parquet(signal))))
}

/// Passed over in silence, it would be a gap that nobody knows of.
#[cfg(not(feature = "parquet"))]
fn parquet(file: &DataFile, _: &str, _: &str, _: &Limits) -> Result<Role, FilesError> {
    Err(FilesError::new(
        Fault::Unsupported,
        &file.name,
        None,
        "a Parquet table, which this build cannot read",
        "CSV, NDJSON, JSON or OTLP/JSON",
        "build Midwatch with `cargo build --release --features parquet`, or export the table as CSV",
    ))
}
