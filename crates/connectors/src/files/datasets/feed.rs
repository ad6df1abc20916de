//! Any further JSON document of an incident: a provider's status page, a platform's notices, an
//! audit trail. What carries times becomes events, series or changes; the whole is kept as a state.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::telemetry::{RawRef, SeriesKey};
use model::{
    Change, ChangeKind, Entity, EntityId, EntityKind, Event, Series, Severity, StateSnapshot,
    Timestamp,
};
use serde_json::{Map, Value};

use super::edges::Names;
use super::json::{self, text};

/// What a document held.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) entities: Vec<Entity>,
    pub(super) events: Vec<Event>,
    pub(super) series: Vec<Arc<Series>>,
    pub(super) changes: Vec<Change>,
    pub(super) snapshots: Vec<StateSnapshot>,
}

/// Documents nest a few levels; deeper ones are not a feed.
const MAX_DEPTH: usize = 8;

const TIME_FIELDS: [&str; 8] = [
    "timestamp",
    "time",
    "at",
    "started_at",
    "start",
    "created_at",
    "first_seen",
    "date",
];
const END_FIELDS: [&str; 6] = [
    "resolved_at",
    "ended_at",
    "end",
    "last_seen",
    "updated_at",
    "finished_at",
];
const REASON_FIELDS: [&str; 7] = [
    "reason", "status", "state", "type", "event", "action", "impact",
];
const MESSAGE_FIELDS: [&str; 8] = [
    "name",
    "title",
    "summary",
    "message",
    "detail",
    "details",
    "body",
    "description",
];
const OWNER_FIELDS: [&str; 5] = ["service", "component", "provider", "resource", "entity"];

/// Words in a file's name that say which alterations it lists.
const CHANGE_FILES: [(&str, ChangeKind); 12] = [
    ("config", ChangeKind::Config),
    ("setting", ChangeKind::Config),
    ("migration", ChangeKind::Migration),
    ("permission", ChangeKind::Permission),
    ("iam", ChangeKind::Permission),
    ("role", ChangeKind::Permission),
    ("infra_change", ChangeKind::Infrastructure),
    ("terraform", ChangeKind::Infrastructure),
    ("scaling", ChangeKind::Scaling),
    ("certificate", ChangeKind::Certificate),
    ("schedule", ChangeKind::Schedule),
    ("maintenance", ChangeKind::Maintenance),
];

/// Reads `document`, which stands in `file` (a path within the incident).
pub(super) fn read(document: &Value, file: &str, names: &Names, taken: Timestamp) -> Read {
    let stem = file.rsplit('/').next().unwrap_or(file);
    let stem = stem.trim_end_matches(".json").to_ascii_lowercase();
    let mut reader = Reader {
        names,
        file: format!("data/{file}").into(),
        source: stem.clone(),
        change: CHANGE_FILES
            .iter()
            .find(|(word, _)| stem.contains(word) && !stem.contains("status"))
            .map(|(_, kind)| *kind),
        owner: EntityId::default(),
        points: BTreeMap::new(),
        row: 0,
        read: Read::default(),
    };
    reader.owner = reader.owner_of(document, &stem);
    reader.walk(document, &stem, 0);
    let Reader {
        points,
        mut read,
        owner,
        file,
        ..
    } = reader;
    read.snapshots.push(StateSnapshot {
        entity: owner,
        time: taken,
        kind: if stem.contains("status") {
            "provider.status"
        } else {
            "context"
        }
        .to_string(),
        document: document.clone(),
        raw: RawRef { file, line: 1 },
    });
    for (key, mut rows) in points {
        rows.sort_by_key(|(time, _)| *time);
        rows.dedup_by_key(|(time, _)| *time);
        read.series.push(Arc::new(Series {
            key,
            times: rows.iter().map(|(time, _)| *time).collect(),
            values: rows.iter().map(|(_, value)| *value).collect(),
        }));
    }
    read
}

struct Reader<'a> {
    names: &'a Names,
    file: Arc<str>,
    source: String,
    change: Option<ChangeKind>,
    owner: EntityId,
    points: BTreeMap<SeriesKey, Vec<(i64, f64)>>,
    row: u64,
    read: Read,
}

impl Reader<'_> {
    /// The component that an object is about: one that telemetry knows, or one outside.
    fn owner_of(&mut self, value: &Value, otherwise: &str) -> EntityId {
        let name = OWNER_FIELDS
            .iter()
            .map(|field| text(&value[*field]))
            .find(|name| !name.is_empty() && name.len() < 200)
            .unwrap_or_else(|| otherwise.to_string());
        if let Some(known) = self
            .names
            .get(&name)
            .or_else(|| self.names.mentioned(&name))
        {
            return known.clone();
        }
        let id = EntityId::new(format!("external/{name}"));
        if !self.read.entities.iter().any(|entity| entity.id == id) {
            self.read.entities.push(Entity {
                id: id.clone(),
                kind: EntityKind::External,
                name,
                labels: BTreeMap::new(),
            });
        }
        id
    }

    fn walk(&mut self, value: &Value, key: &str, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        match value {
            Value::Array(rows) => rows.iter().for_each(|row| self.walk(row, key, depth + 1)),
            Value::Object(fields) => {
                self.row += 1;
                let raw = RawRef {
                    file: Arc::clone(&self.file),
                    line: self.row,
                };
                // The document itself tells when it was fetched, not when something happened.
                if depth > 0 {
                    self.object(fields, value, key, raw);
                }
                for (name, inner) in fields {
                    if matches!(inner, Value::Array(_) | Value::Object(_)) {
                        self.walk(inner, name, depth + 1);
                    }
                }
            }
            _ => {}
        }
    }

    fn object(&mut self, fields: &Map<String, Value>, value: &Value, key: &str, raw: RawRef) {
        let Some(at) = first_time(fields, &TIME_FIELDS) else {
            return;
        };
        let owned = OWNER_FIELDS.iter().any(|field| fields.contains_key(*field));
        let owner = if owned {
            self.owner_of(value, "")
        } else {
            self.owner.clone()
        };
        if let Some(number) = fields.get("value").and_then(Value::as_f64) {
            let labels = fields
                .iter()
                .filter(|(name, _)| !TIME_FIELDS.contains(&name.as_str()))
                .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_string())))
                .collect();
            let key = SeriesKey {
                entity: owner,
                metric: key.to_string(),
                unit: super::unit_from_name(key).to_string(),
                labels,
                ..SeriesKey::default()
            };
            self.points.entry(key).or_default().push((at.0, number));
            return;
        }
        let words = |names: &[&str]| -> Vec<String> {
            names
                .iter()
                .filter_map(|name| fields.get(*name)?.as_str().map(str::to_string))
                .collect()
        };
        let message = words(&MESSAGE_FIELDS).join(": ");
        let reason = words(&REASON_FIELDS).into_iter().next().unwrap_or_default();
        if let Some(kind) = self.change {
            let id = Some(text(&value["id"])).filter(|id| !id.is_empty());
            self.read.changes.push(Change {
                id: id.unwrap_or_else(|| format!("{} {at} {}", self.source, self.row)),
                kind,
                start: at,
                end: first_time(fields, &END_FIELDS).map_or(at, |end| end.max(at)),
                entities: vec![owner],
                actor: text(&value["actor"]) + &text(&value["author"]),
                title: if message.is_empty() { reason } else { message },
                files: Vec::new(),
                diff: before_and_after(fields),
                version: text(&value["version"]),
                carries: Vec::new(),
                undone: None,
                raw,
            });
            return;
        }
        if message.is_empty() && reason.is_empty() {
            return;
        }
        let latest_update = fields
            .get("updates")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|update| first_time(update.as_object()?, &TIME_FIELDS))
            .max();
        let end = first_time(fields, &END_FIELDS).or(latest_update);
        self.read.events.push(Event {
            entity: owner,
            first: at,
            last: end.map_or(at, |end| end.max(at)),
            source: self.source.clone(),
            severity: match reason.to_ascii_lowercase().as_str() {
                "resolved" | "operational" | "monitoring" | "completed" => Some(Severity::Info),
                "degraded" | "degraded_performance" | "investigating" | "identified" | "minor" => {
                    Some(Severity::Warn)
                }
                "outage" | "partial_outage" | "major_outage" | "major" | "down" => {
                    Some(Severity::Error)
                }
                other => Severity::parse(other),
            },
            reason,
            message,
            count: value["count"].as_u64().unwrap_or(1).max(1),
            raw,
        });
    }
}

fn first_time(fields: &Map<String, Value>, names: &[&str]) -> Option<Timestamp> {
    names.iter().find_map(|name| json::time(fields.get(*name)?))
}

/// A setting's old and new value as the two lines of a diff.
fn before_and_after(fields: &Map<String, Value>) -> Option<String> {
    if let Some(diff) = fields.get("diff").and_then(Value::as_str) {
        return Some(diff.to_string());
    }
    let pick = |names: &[&str]| names.iter().find_map(|name| fields.get(*name)).map(text);
    let old = pick(&["before", "old", "old_value", "from"]);
    let new = pick(&["after", "new", "new_value", "to"]);
    let name = pick(&["key", "parameter", "setting", "name"]).unwrap_or_default();
    (old.is_some() || new.is_some()).then(|| {
        format!(
            "-{name} = {}\n+{name} = {}",
            old.unwrap_or_default(),
            new.unwrap_or_default()
        )
    })
}
