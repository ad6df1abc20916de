//! What a recording holds, at a glance.

use std::collections::BTreeMap;
use std::path::Path;

use model::ports::{ChangeSource, Eyes, KnowledgeSource, MetricSource, StateSource};
use model::query::Gap;
use model::recording::Manifest;
use model::{AlarmState, ChangeKind, EntityId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::columns::Dropped;
use super::error::FilesError;
use super::index::Index;
use super::limits::Limits;
use super::recording::{Recording, always, open};

/// First and last moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Range {
    /// First.
    pub first: Timestamp,
    /// Last.
    pub last: Timestamp,
}

/// How much there is of one kind. `None` in its place means that the kind was not collected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Amount {
    /// Points, lines, spans, events, …
    pub rows: u64,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Range>,
}

/// One alarm, in a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlarmLine {
    /// Its id.
    pub id: String,
    /// The rule's name.
    pub rule: String,
    /// About whom.
    pub entity: EntityId,
    /// When.
    pub fired_at: Timestamp,
    /// Firing, resolved, or no data.
    pub state: AlarmState,
}

/// One change, in a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeLine {
    /// Its id.
    pub id: String,
    /// What sort.
    pub kind: ChangeKind,
    /// When it began to act.
    pub start: Timestamp,
    /// For people.
    pub title: String,
}

/// What a recording holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Its head.
    pub manifest: Manifest,
    /// Alarms, in order of time.
    pub alarms: Vec<AlarmLine>,
    /// Entities by kind.
    pub entities: BTreeMap<String, u64>,
    /// Edges.
    pub edges: u64,
    /// Different series.
    pub series: u64,
    /// Metric points.
    pub metrics: Option<Amount>,
    /// Log lines.
    pub logs: Option<Amount>,
    /// Spans.
    pub traces: Option<Amount>,
    /// Events of platforms.
    pub events: Option<Amount>,
    /// State snapshots.
    pub states: Option<Amount>,
    /// Changes, in order of time; `None` if they were not collected.
    pub changes: Option<Vec<ChangeLine>>,
    /// Runbooks, by title.
    pub runbooks: Vec<String>,
    /// What earlier incidents taught: how many lessons were handed in.
    #[serde(default, skip_serializing_if = "is_none")]
    pub lessons: u64,
    /// What could not be collected.
    pub gaps: Vec<Gap>,
    /// What was harmless and left out.
    pub dropped: Dropped,
    /// Is the true answer there, for scoring? It was not opened.
    pub answered: bool,
}

fn is_none(count: &u64) -> bool {
    *count == 0
}

/// Opens the recording in the folder `root` and says what it holds.
///
/// # Errors
/// As [`open`].
pub fn show(root: &Path, limits: &Limits) -> Result<Summary, FilesError> {
    open(root, limits).map(|recording| summary(&recording))
}

/// What an open recording holds.
pub fn summary(recording: &Recording) -> Summary {
    let topology = recording.known_topology();
    let mut entities = BTreeMap::new();
    for entity in &topology.entities {
        *entities.entry(entity.kind.word().to_string()).or_insert(0) += 1;
    }
    let series = recording.known_series();
    let metrics = series.map(|series| Amount {
        rows: series.iter().map(|s| s.times.len() as u64).sum(),
        range: around(series.iter().flat_map(|s| {
            let ends = [s.times.first(), s.times.last()];
            ends.into_iter().flatten().map(|at| Timestamp(*at))
        })),
    });
    let rows = |pick: fn(&super::recording::RowFile) -> &Index| {
        let indexes: Vec<&Index> = recording.row_files().iter().map(pick).collect();
        Amount {
            rows: indexes.iter().map(|index| index.rows()).sum(),
            range: around(
                indexes
                    .iter()
                    .filter_map(|index| index.range())
                    .flat_map(|(first, last)| [first, last]),
            ),
        }
    };
    let events = recording.events(always());
    let states = recording.snapshots(always());
    Summary {
        manifest: recording.manifest().clone(),
        alarms: recording
            .alarms()
            .iter()
            .map(|alarm| AlarmLine {
                id: alarm.id.clone(),
                rule: alarm.rule.clone(),
                entity: alarm.entity.clone(),
                fired_at: alarm.fired_at,
                state: alarm.state,
            })
            .collect(),
        entities,
        edges: topology.edges.len() as u64,
        series: recording.series().found().map_or(0, |all| all.len() as u64),
        metrics,
        logs: recording.has_logs().then(|| rows(|file| &file.logs)),
        traces: recording.has_traces().then(|| rows(|file| &file.spans)),
        events: amount(events, |e| [e.first, e.last]),
        states: amount(states, |s| [s.time, s.time]),
        changes: match recording.changes(always()) {
            model::Answer::CouldNotLook(_) => None,
            answer => Some(
                answer
                    .found()
                    .unwrap_or_default()
                    .into_iter()
                    .map(|change| ChangeLine {
                        id: change.id,
                        kind: change.kind,
                        start: change.start,
                        title: change.title,
                    })
                    .collect(),
            ),
        },
        runbooks: recording
            .runbooks()
            .found()
            .unwrap_or_default()
            .into_iter()
            .map(|runbook| runbook.title)
            .collect(),
        lessons: recording
            .lessons()
            .found()
            .map_or(0, |lessons| lessons.len() as u64),
        gaps: recording.gaps().to_vec(),
        dropped: *recording.dropped(),
        answered: recording.root().join("answer.json").is_file(),
    }
}

fn around(times: impl Iterator<Item = Timestamp>) -> Option<Range> {
    times.fold(None, |range: Option<Range>, at| {
        Some(match range {
            None => Range {
                first: at,
                last: at,
            },
            Some(range) => Range {
                first: range.first.min(at),
                last: range.last.max(at),
            },
        })
    })
}

fn amount<T>(answer: model::Answer<Vec<T>>, ends: fn(&T) -> [Timestamp; 2]) -> Option<Amount> {
    if matches!(answer, model::Answer::CouldNotLook(_)) {
        return None;
    }
    let all = answer.found().unwrap_or_default();
    Some(Amount {
        rows: all.len() as u64,
        range: around(all.iter().flat_map(ends)),
    })
}
