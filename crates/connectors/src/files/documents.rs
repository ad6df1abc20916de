//! The recording's own small files: manifest, alarms, topology, changes, states, events. Each value
//! is read with its line, so that an error can name it and a person can open the file there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::lesson::{LESSONS_SCHEMA, Lesson, Lessons};
use model::recording::{Manifest, SCHEMA, TrueAnswer};
use model::{Alarm, Change, Event, RawRef, StateSnapshot, Topology};
use serde::de::DeserializeOwned;

use super::error::{Fault, FilesError};
use super::json::{Json, Kind};
use super::limits::Limits;
use super::source::DataFile;
use super::stream::{ON, elements};

/// Reads a typed value whose text begins at `line`.
pub(crate) fn typed<T: DeserializeOwned>(
    file: &DataFile,
    text: &str,
    line: u64,
) -> Result<T, FilesError> {
    serde_json::from_str(text).map_err(|error| {
        let at = line + (error.line() as u64).saturating_sub(1);
        let said = error.to_string();
        let said = said
            .rsplit_once(" at line ")
            .map_or(&*said, |(said, _)| said);
        if error.is_data() {
            return FilesError::new(
                Fault::Type,
                &file.name,
                Some(at),
                said,
                "the fields that the schema has (docs/schemas)",
                "compare with docs/recordings.md and mend that line",
            );
        }
        let fault = if said.contains("recursion") {
            Fault::Nesting
        } else {
            Fault::Syntax
        };
        FilesError::new(
            fault,
            &file.name,
            Some(at),
            said,
            "JSON",
            "mend that line, or export the file again",
        )
    })
}

/// Looks for a document's version before anything else of it: another version's fields mean nothing to this build.
fn of_version(file: &DataFile, text: &str, wanted: &str) -> Result<(), FilesError> {
    let mut found = None;
    let mut json = Json::new(text);
    json.object(|json, key| {
        if key == "schema" {
            let at = json.offset();
            found = Some((json.text()?.into_owned(), at));
            return Ok(());
        }
        json.skip()
    })
    .and_then(|()| json.end())
    .map_err(|e| file.json(text, 1, &e))?;
    let (schema, at) = found.unwrap_or_default();
    if schema != wanted {
        let line = 1 + memchr::memchr_iter(b'\n', &text.as_bytes()[..at]).count() as u64;
        return Err(FilesError::new(
            Fault::Schema,
            &file.name,
            Some(line),
            format!("the schema {schema:?}"),
            &format!("\"schema\": \"{wanted}\""),
            "use the release of midwatch that wrote it, or write it again with this one",
        ));
    }
    Ok(())
}

/// Reads the head, its version first.
pub(crate) fn manifest(file: &DataFile, limits: &Limits) -> Result<Manifest, FilesError> {
    let text = file.document(limits)?;
    of_version(file, &text, SCHEMA)?;
    let manifest: Manifest = typed(file, &text, 1)?;
    if manifest.now < manifest.window.from() {
        return Err(FilesError::new(
            Fault::Clock,
            &file.name,
            Some(line_of(&text, "now")),
            format!("`now` is {}, before the window begins", manifest.now),
            "a moment inside of `window`, or after it",
            "set `now` to when the looking happened",
        ));
    }
    Ok(manifest)
}

/// Lessons of one recording: five times what a live look is handed.
const MOST_LESSONS: usize = 1_000;

/// Reads what earlier incidents taught, the version first.
pub(crate) fn lessons(file: &DataFile, limits: &Limits) -> Result<Vec<Lesson>, FilesError> {
    let text = file.document(limits)?;
    of_version(file, &text, LESSONS_SCHEMA)?;
    let Lessons { lessons, .. } = typed(file, &text, 1)?;
    if lessons.len() > MOST_LESSONS {
        return Err(FilesError::new(
            Fault::TooLarge,
            &file.name,
            None,
            format!("{} lessons", lessons.len()),
            &format!("at most {MOST_LESSONS}, of the newest incidents"),
            "leave the oldest out: after some months they weigh nothing",
        ));
    }
    let mut known = BTreeSet::new();
    for lesson in &lessons {
        if !known.insert(&lesson.incident) {
            return Err(FilesError::new(
                Fault::Duplicate,
                &file.name,
                None,
                format!("two lessons of {}", lesson.incident),
                "one lesson per incident",
                "leave one of them out",
            ));
        }
        let shares = lesson.causes.iter().map(|cause| cause.confidence);
        let mut odd = shares.filter(|share| !(0.0..=1.0).contains(share));
        if let Some(share) = odd.next() {
            return Err(FilesError::new(
                Fault::Type,
                &file.name,
                None,
                format!(
                    "a confidence of {share} in the lesson of {}",
                    lesson.incident
                ),
                "a number from 0 to 1",
                "mend it, or leave the lesson out",
            ));
        }
    }
    Ok(lessons)
}

/// The line at which a top-level field's name first stands.
fn line_of(text: &str, field: &str) -> u64 {
    let at = text.find(&format!("\"{field}\"")).unwrap_or(0);
    1 + memchr::memchr_iter(b'\n', &text.as_bytes()[..at]).count() as u64
}

/// Reads a list of values: an array, or one after the other.
pub(crate) fn list<T: DeserializeOwned>(
    file: &DataFile,
    limits: &Limits,
) -> Result<Vec<(T, RawRef)>, FilesError> {
    let text = file.document(limits)?;
    let mut out = Vec::new();
    elements(file, &text, |element, line| {
        let raw = RawRef {
            file: Arc::clone(&file.name),
            line,
        };
        out.push((typed(file, element, line)?, raw));
        ON
    })?;
    Ok(out)
}

/// The same id twice.
fn twice(what: &str, id: &str, first: &RawRef, second: &RawRef) -> FilesError {
    FilesError::new(
        Fault::Duplicate,
        &second.file,
        Some(second.line),
        format!(
            "the {what} id {id:?}, which {}:{} has too",
            first.file, first.line
        ),
        "ids that are unique within the recording",
        "leave one out, or give it another id",
    )
}

fn unique<'a>(
    what: &str,
    all: impl Iterator<Item = (&'a str, &'a RawRef)>,
) -> Result<(), FilesError> {
    let mut known: BTreeMap<&str, &RawRef> = BTreeMap::new();
    for (id, raw) in all {
        if let Some(first) = known.insert(id, raw) {
            return Err(twice(what, id, first, raw));
        }
    }
    Ok(())
}

fn backward(
    what: &str,
    raw: &RawRef,
    start: model::Timestamp,
    end: model::Timestamp,
) -> FilesError {
    FilesError::new(
        Fault::Clock,
        &raw.file,
        Some(raw.line),
        format!("{what} that ends at {end}, before it begins at {start}"),
        "an end that is not before the start",
        "swap the two, or mend the clock that wrote them",
    )
}

/// Reads alarms.
pub(crate) fn alarms(file: &DataFile, limits: &Limits) -> Result<Vec<Alarm>, FilesError> {
    let read = list::<Alarm>(file, limits)?;
    Ok(read
        .into_iter()
        .map(|(alarm, raw)| Alarm { raw, ..alarm })
        .collect())
}

/// Reads changes.
pub(crate) fn changes(file: &DataFile, limits: &Limits) -> Result<Vec<Change>, FilesError> {
    let mut out = Vec::new();
    for (change, raw) in list::<Change>(file, limits)? {
        if change.end < change.start {
            return Err(backward("a change", &raw, change.start, change.end));
        }
        out.push(Change { raw, ..change });
    }
    Ok(out)
}

/// Reads events.
pub(crate) fn events(file: &DataFile, limits: &Limits) -> Result<Vec<Event>, FilesError> {
    let mut out = Vec::new();
    for (event, raw) in list::<Event>(file, limits)? {
        if event.last < event.first {
            return Err(backward("an event", &raw, event.first, event.last));
        }
        out.push(Event {
            raw,
            count: event.count.max(1),
            ..event
        });
    }
    Ok(out)
}

/// Reads state snapshots.
pub(crate) fn states(file: &DataFile, limits: &Limits) -> Result<Vec<StateSnapshot>, FilesError> {
    let read = list::<StateSnapshot>(file, limits)?;
    Ok(read
        .into_iter()
        .map(|(state, raw)| StateSnapshot { raw, ..state })
        .collect())
}

/// No two alarms and no two changes of a recording share an id.
pub(crate) fn unique_ids(alarms: &[Alarm], changes: &[Change]) -> Result<(), FilesError> {
    unique("alarm", alarms.iter().map(|a| (a.id.as_str(), &a.raw)))?;
    unique("change", changes.iter().map(|c| (c.id.as_str(), &c.raw)))
}

/// Reads entities and edges; ids are unique, and every edge has two ends.
pub(crate) fn topology(file: &DataFile, limits: &Limits) -> Result<Topology, FilesError> {
    let text = file.document(limits)?;
    let mut entities = Vec::new();
    let mut edges = Vec::new();
    let mut failed = None;
    let mut json = Json::new(&text);
    let result = json.object(|json, key| {
        if !matches!(&*key, "entities" | "edges") || json.kind()? != Kind::Array {
            return json.error("`entities` and `edges`, each an array");
        }
        json.array(|json| {
            let at = json.offset();
            let element = json.raw()?;
            let raw = RawRef {
                file: Arc::clone(&file.name),
                line: at as u64,
            };
            // The line is counted only when it is needed: `at` stands in for it.
            let read = if key == "entities" {
                typed(file, element, 1).map(|entity| entities.push((entity, raw)))
            } else {
                typed(file, element, 1).map(|edge| edges.push((edge, raw)))
            };
            if let Err(mut error) = read {
                let before = line_at(&text, at) - 1;
                error.0.line = error.0.line.map(|line| line + before);
                failed = Some(error);
                return json.error("a value that its schema allows");
            }
            Ok(())
        })
    });
    if let Some(error) = failed {
        return Err(error);
    }
    result
        .and_then(|()| json.end())
        .map_err(|e| file.json(&text, 1, &e))?;
    let mut ids: Vec<&(model::Entity, RawRef)> = entities.iter().collect();
    ids.sort_by(|a, b| (&a.0.id, a.1.line).cmp(&(&b.0.id, b.1.line)));
    if let Some(pair) = ids.windows(2).find(|pair| pair[0].0.id == pair[1].0.id) {
        let place = |raw: &RawRef| RawRef {
            file: Arc::clone(&raw.file),
            line: line_at(&text, raw.line as usize),
        };
        let (first, second) = (place(&pair[0].1), place(&pair[1].1));
        return Err(twice("entity", pair[1].0.id.as_str(), &first, &second));
    }
    for (edge, raw) in &edges {
        let edge: &model::Edge = edge;
        for end in [&edge.from, &edge.to] {
            if ids.binary_search_by(|known| known.0.id.cmp(end)).is_err() {
                return Err(FilesError::new(
                    Fault::Edge,
                    &file.name,
                    Some(line_at(&text, raw.line as usize)),
                    format!(
                        "an edge from {} to {}, but no entity {end}",
                        edge.from, edge.to
                    ),
                    "both ends of an edge among `entities`",
                    "add the entity, or leave out the edge",
                ));
            }
        }
        if !(0.0..=1.0).contains(&edge.confidence) {
            return Err(FilesError::new(
                Fault::Type,
                &file.name,
                Some(line_at(&text, raw.line as usize)),
                format!("the confidence {}", edge.confidence),
                "a confidence between 0 and 1",
                "mend that line",
            ));
        }
    }
    let mut topology = Topology {
        entities: entities.into_iter().map(|(entity, _)| entity).collect(),
        edges: edges.into_iter().map(|(edge, _)| edge).collect(),
    };
    if topology.entities.len() > limits.entities {
        return Err(file.too_large(
            None,
            format!("{} entities", topology.entities.len()),
            "record the part of the estate that the incident touches",
        ));
    }
    topology.normalise();
    Ok(topology)
}

fn line_at(text: &str, offset: usize) -> u64 {
    let before = &text.as_bytes()[..offset.min(text.len())];
    1 + memchr::memchr_iter(b'\n', before).count() as u64
}

/// Reads the truth.
pub(crate) fn answer(file: &DataFile, limits: &Limits) -> Result<TrueAnswer, FilesError> {
    let text = file.document(limits)?;
    typed(file, &text, 1)
}
