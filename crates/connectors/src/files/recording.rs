//! An opened recording: small things in memory, rows in their files.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::case::Case;
use model::lesson::Lesson;
use model::ports::{
    ChangeSource, Eyes, KnowledgeSource, LogSource, MetricSource, Runbook, Scanned, StateSource,
    TopologySource, TraceSource,
};
use model::query::{Answer, Gap, GapReason};
use model::recording::{Manifest, TrueAnswer};
use model::{
    Alarm, Change, EntityId, Event, LogLine, Series, SpanRow, StateSnapshot, TimeWindow, Timestamp,
    Topology,
};
use rayon::prelude::*;

use super::aws;
use super::columns::{Columns, Dropped};
use super::documents;
use super::entities::{Declared, Directory};
use super::error::{Fault, FilesError};
use super::gathered::Gathered;
use super::index::{Index, Indexer, LogVisitor, SpanVisitor};
use super::kubernetes;
use super::layout::{self, Role};
use super::limits::Limits;
use super::source::DataFile;
use super::stream::{self, Part, Signal, Writing};

/// A file of rows, and where in it is what.
#[derive(Debug)]
pub(crate) struct RowFile {
    pub file: DataFile,
    pub writing: Writing,
    pub logs: Index,
    pub spans: Index,
}

/// An opened recording. Metrics are held in columns; logs and traces are read from their files at
/// each scan, so its size in memory does not grow with them.
#[derive(Debug)]
pub struct Recording {
    root: PathBuf,
    limits: Limits,
    /// Everything but logs and traces.
    case: Case,
    rows: Vec<RowFile>,
    has_logs: bool,
    has_traces: bool,
    dropped: Dropped,
    passed_over: Vec<(String, &'static str)>,
    declared: Arc<Declared>,
}

/// Names that the head of a recording may have.
const HEADS: [&str; 3] = ["recording.json", "recording.json.gz", "recording.json.zst"];

/// Opens the recording in the folder `root`. Its `answer.json` is not touched.
///
/// # Errors
/// The first thing found that makes the case meaningless, with its file, line and remedy. What is
/// harmless (a NaN point) is left out and counted in [`Recording::dropped`].
pub fn open(root: &Path, limits: &Limits) -> Result<Recording, FilesError> {
    let shown = root.display().to_string();
    let not_a_recording = || {
        FilesError::new(
            Fault::NotARecording,
            &shown,
            None,
            "no recording.json in it",
            "a folder with a recording.json (docs/recordings.md)",
            "check the path; `midwatch recording import` turns other layouts into recordings",
        )
    };
    // Asked first, so that a folder which is no recording is not walked through.
    if root.is_dir() && !HEADS.iter().any(|name| root.join(name).exists()) {
        return Err(not_a_recording());
    }
    let folder = layout::survey(root, limits)?;
    let Some((head, _)) = folder
        .files
        .iter()
        .find(|(_, role)| matches!(role, Role::Manifest))
    else {
        return Err(not_a_recording());
    };
    let manifest = documents::manifest(head, limits)?;
    let now = manifest.now;
    let there = |name: &str| {
        folder.folders.iter().any(|folder| folder == name)
            || folder.files.iter().any(|(file, _)| {
                let plain = file.plain_name();
                plain.split(['/', '.']).next() == Some(name)
            })
    };
    let mut topology = Topology::default();
    let mut alarms = Vec::new();
    let mut changes = there("changes").then(Vec::new);
    let mut events = there("events").then(Vec::new);
    let mut snapshots = there("states").then(Vec::new);
    let mut runbooks = Vec::new();
    let mut lessons = Vec::new();
    for (file, role) in &folder.files {
        match role {
            Role::Topology => {
                topology = documents::topology(file, limits)?;
            }
            Role::Alarms => alarms.extend(documents::alarms(file, limits)?),
            Role::Changes => changes
                .get_or_insert_default()
                .extend(documents::changes(file, limits)?),
            Role::Events => events
                .get_or_insert_default()
                .extend(documents::events(file, limits)?),
            Role::States => snapshots
                .get_or_insert_default()
                .extend(documents::states(file, limits)?),
            Role::Knowledge => runbooks.push(runbook(file, limits)?),
            Role::Lessons => lessons = documents::lessons(file, limits)?,
            _ => {}
        }
    }
    let declared = Arc::new(Declared::new(&topology));
    let mut gathered = Gathered::new(&manifest, Directory::new(Arc::clone(&declared)));
    for (file, role) in &folder.files {
        match role {
            Role::Aws(document) => {
                aws::read(file, *document, limits, &mut gathered)?;
                if *document == aws::Document::Trail {
                    changes.get_or_insert_default();
                }
                let tells = !matches!(document, aws::Document::Alarms | aws::Document::Policies);
                if tells {
                    events.get_or_insert_default();
                }
            }
            Role::Kubernetes => {
                kubernetes::read(file, limits, &mut gathered)?;
                snapshots.get_or_insert_default();
            }
            _ => {}
        }
    }
    aws::refusals::explained(&mut gathered);
    alarms.append(&mut gathered.alarms);
    extend(&mut changes, gathered.changes);
    extend(&mut events, gathered.events);
    extend(&mut snapshots, gathered.snapshots);
    let mut directory = gathered.directory;
    let read = rows(&folder.files, now, &declared, limits);
    let mut columns = Columns::new(now, limits);
    let mut dropped = Dropped::default();
    let mut kept = Vec::new();
    for reading in read {
        let (mut indexer, writing) = reading?;
        let file = indexer.file.clone();
        dropped.add(&indexer.dropped);
        directory.merge(indexer.directory);
        columns.merge(indexer.columns, &file.name)?;
        if let Some(writing) = writing {
            kept.push(RowFile {
                file,
                writing,
                logs: std::mem::take(&mut indexer.logs),
                spans: std::mem::take(&mut indexer.spans),
            });
        }
    }
    let (series, dropped_points) = columns.finish();
    dropped.add(&dropped_points);
    let has = |signal: Signal, name: &str| {
        there(name)
            || kept.iter().any(|row| match signal {
                Signal::Logs => row.logs.rows() > 0,
                Signal::Traces => row.spans.rows() > 0,
                Signal::Metrics => false,
            })
    };
    let (has_logs, has_traces) = (has(Signal::Logs, "logs"), has(Signal::Traces, "traces"));
    let has_metrics = there("metrics") || !series.is_empty();
    documents::unique_ids(&alarms, changes.as_deref().unwrap_or_default())?;
    // Whoever is spoken of is an entity, declared or not.
    let spoken_of = (alarms.iter().map(|a: &Alarm| &a.entity))
        .chain(changes.iter().flatten().flat_map(|c: &Change| &c.entities))
        .chain(events.iter().flatten().map(|e: &Event| &e.entity))
        .chain(
            snapshots
                .iter()
                .flatten()
                .map(|s: &StateSnapshot| &s.entity),
        );
    for id in spoken_of {
        if topology.entity(id).is_none() {
            directory.meet(id);
        }
    }
    topology.entities.extend(directory.met.into_values());
    topology.edges.extend(directory.edges.into_values());
    topology.normalise();
    if topology.entities.len() > limits.entities {
        return Err(FilesError::new(
            Fault::TooLarge,
            &shown,
            None,
            format!("{} entities", topology.entities.len()),
            "a recording of one incident",
            "check that a column of unique values was not taken for the entity",
        ));
    }
    let mut late = 0;
    if let Some(changes) = &mut changes {
        late += keep(changes, |c| c.start <= now);
    }
    if let Some(events) = &mut events {
        late += keep(events, |e| e.first <= now);
    }
    if let Some(snapshots) = &mut snapshots {
        late += keep(snapshots, |s| s.time <= now);
    }
    late += keep(&mut lessons, |l| l.at <= now);
    dropped.after_now += late;
    let mut case = Case {
        alarms,
        topology,
        series: has_metrics.then_some(series),
        changes,
        snapshots,
        events,
        runbooks,
        lessons,
        ..Case::new(manifest)
    };
    case.normalise();
    Ok(Recording {
        root: root.to_path_buf(),
        limits: *limits,
        case,
        rows: kept,
        has_logs,
        has_traces,
        dropped,
        passed_over: folder.passed_over,
        declared,
    })
}

/// A window that holds every moment but the last nanosecond of 2262.
pub(crate) fn always() -> TimeWindow {
    let (from, to) = (Timestamp(i64::MIN), Timestamp(i64::MAX));
    #[allow(clippy::expect_used)]
    TimeWindow::new(from, to).expect("two constants in order")
}

/// Reads the truth of a recording, for scoring. `None` if it has none. No investigation calls this.
///
/// # Errors
/// When there is an `answer.json` that cannot be read.
pub fn read_answer(root: &Path, limits: &Limits) -> Result<Option<TrueAnswer>, FilesError> {
    let path = root.join("answer.json");
    let about = match std::fs::symlink_metadata(&path) {
        Ok(about) if about.is_file() => about,
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FilesError::io("answer.json", &error)),
    };
    let file = DataFile::examine(&path, "answer.json", about.len())?;
    documents::answer(&file, limits).map(Some)
}

/// Adds what vendors' documents told, if they told anything.
fn extend<T>(all: &mut Option<Vec<T>>, more: Vec<T>) {
    if !more.is_empty() {
        all.get_or_insert_default().extend(more);
    }
}

/// Removes what does not pass; returns how many.
fn keep<T>(all: &mut Vec<T>, pass: impl FnMut(&T) -> bool) -> u64 {
    let before = all.len();
    all.retain(pass);
    (before - all.len()) as u64
}

type Reading<'f> = Result<(Indexer<'f>, Option<Writing>), FilesError>;

/// Reads every file of rows once, in parallel; results come back in the order of the files.
fn rows<'f>(
    files: &'f [(DataFile, Role)],
    now: model::Timestamp,
    declared: &Arc<Declared>,
    limits: &Limits,
) -> Vec<Reading<'f>> {
    files
        .par_iter()
        .filter(|(_, role)| matches!(role, Role::Rows(_) | Role::MetricsTable))
        .map(|(file, role)| {
            let directory = Directory::new(Arc::clone(declared));
            let mut indexer = Indexer::new(file, now, directory, limits);
            match role {
                Role::Rows(writing) => {
                    stream::read(file, writing, Part::ALL, limits, &mut indexer)?;
                    Ok((indexer, Some(writing.clone())))
                }
                _ => {
                    super::table::metrics(
                        file,
                        limits,
                        &mut indexer.directory,
                        &mut indexer.columns,
                    )?;
                    Ok((indexer, None))
                }
            }
        })
        .collect()
}

fn runbook(file: &DataFile, limits: &Limits) -> Result<Runbook, FilesError> {
    let text = file.document(limits)?;
    let title = text
        .lines()
        .find_map(|line| line.strip_prefix('#'))
        .map(|rest| rest.trim_start_matches('#').trim().to_string());
    let path = file
        .name
        .strip_prefix("knowledge/")
        .unwrap_or(&file.name)
        .to_string();
    Ok(Runbook {
        title: title
            .filter(|title| !title.is_empty())
            .unwrap_or_else(|| path.clone()),
        path,
        text,
    })
}

impl Recording {
    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What was harmless and left out.
    pub fn dropped(&self) -> &Dropped {
        &self.dropped
    }

    /// Files that were passed over, and why.
    pub fn passed_over(&self) -> &[(String, &'static str)] {
        &self.passed_over
    }

    /// Entities and edges.
    pub fn known_topology(&self) -> &Topology {
        &self.case.topology
    }

    /// The series, if metrics were collected.
    pub fn known_series(&self) -> Option<&[Arc<Series>]> {
        self.case.series.as_deref()
    }

    /// Were logs collected?
    pub fn has_logs(&self) -> bool {
        self.has_logs
    }

    /// Were traces collected?
    pub fn has_traces(&self) -> bool {
        self.has_traces
    }

    pub(crate) fn row_files(&self) -> &[RowFile] {
        &self.rows
    }

    /// An answer as the case gives it. Where a kind is not there, files that by their names may hold it and were
    /// passed over are named.
    fn explained<T>(&self, mut answer: Answer<T>) -> Answer<T> {
        if let Answer::CouldNotLook(gap) = &mut answer
            && gap.detail.is_empty()
        {
            let kind = gap.wanted.trim_end_matches('s');
            let passed = self.passed_over.iter();
            let mut fitting = passed.filter(|(file, _)| file.to_lowercase().contains(kind));
            if let Some((file, why)) = fitting.next() {
                let more = match fitting.count() {
                    0 => String::new(),
                    count => format!(", and {count} more"),
                };
                gap.detail = format!("{file} was passed over: {why}{more}");
            }
        }
        answer
    }

    fn scanned(&self, wanted: &str, result: Result<Scanned, FilesError>) -> Answer<Scanned> {
        match result {
            Ok(scanned) if scanned.rows == 0 => Answer::Nothing,
            Ok(scanned) => Answer::Found(scanned),
            // The file was whole when the recording was opened, and is not any more.
            Err(error) => Answer::CouldNotLook(Gap {
                wanted: wanted.to_string(),
                entity: None,
                hides: Vec::new(),
                why: GapReason::Connector,
                detail: error.to_string(),
                how_to_close: error.problem().remedy.clone(),
            }),
        }
    }
}

impl MetricSource for Recording {
    fn series(&self) -> Answer<Vec<Arc<Series>>> {
        self.explained(self.case.series())
    }
}

impl LogSource for Recording {
    fn scan(
        &self,
        entity: Option<&EntityId>,
        window: TimeWindow,
        visit: &mut dyn FnMut(&LogLine<'_>) -> ControlFlow<()>,
    ) -> Answer<Scanned> {
        if !self.has_logs {
            return self.explained(LogSource::scan(&self.case, entity, window, visit));
        }
        let mut scanned = Scanned::default();
        for row in &self.rows {
            let packed = row.file.packing != super::source::Packing::Plain;
            for part in row.logs.parts(entity, window, packed) {
                let mut visitor = LogVisitor {
                    file: &row.file,
                    now: self.case.manifest.now,
                    entity,
                    window,
                    directory: Directory::new(Arc::clone(&self.declared)),
                    visit: &mut *visit,
                    rows: 0,
                    bytes: 0,
                    stopped: false,
                };
                let result =
                    stream::read(&row.file, &row.writing, part, &self.limits, &mut visitor);
                scanned.rows += visitor.rows;
                scanned.bytes += visitor.bytes;
                if let Err(error) = result {
                    return self.scanned("logs", Err(error));
                }
                if visitor.stopped {
                    return self.scanned("logs", Ok(scanned));
                }
            }
        }
        self.scanned("logs", Ok(scanned))
    }
}

impl TraceSource for Recording {
    fn scan(
        &self,
        window: TimeWindow,
        visit: &mut dyn FnMut(&SpanRow<'_>) -> ControlFlow<()>,
    ) -> Answer<Scanned> {
        if !self.has_traces {
            return self.explained(TraceSource::scan(&self.case, window, visit));
        }
        let mut scanned = Scanned::default();
        for row in &self.rows {
            let packed = row.file.packing != super::source::Packing::Plain;
            for part in row.spans.parts(None, window, packed) {
                let mut visitor = SpanVisitor {
                    file: &row.file,
                    now: self.case.manifest.now,
                    window,
                    directory: Directory::new(Arc::clone(&self.declared)),
                    visit: &mut *visit,
                    rows: 0,
                    bytes: 0,
                    stopped: false,
                };
                let result =
                    stream::read(&row.file, &row.writing, part, &self.limits, &mut visitor);
                scanned.rows += visitor.rows;
                scanned.bytes += visitor.bytes;
                if let Err(error) = result {
                    return self.scanned("traces", Err(error));
                }
                if visitor.stopped {
                    return self.scanned("traces", Ok(scanned));
                }
            }
        }
        self.scanned("traces", Ok(scanned))
    }
}

impl ChangeSource for Recording {
    fn changes(&self, window: TimeWindow) -> Answer<Vec<Change>> {
        self.explained(self.case.changes(window))
    }
}

impl TopologySource for Recording {
    fn topology(&self, window: TimeWindow) -> Answer<Topology> {
        self.explained(self.case.topology(window))
    }
}

impl StateSource for Recording {
    fn snapshots(&self, window: TimeWindow) -> Answer<Vec<StateSnapshot>> {
        self.explained(self.case.snapshots(window))
    }

    fn events(&self, window: TimeWindow) -> Answer<Vec<Event>> {
        self.explained(self.case.events(window))
    }
}

impl KnowledgeSource for Recording {
    fn runbooks(&self) -> Answer<Vec<Runbook>> {
        self.case.runbooks()
    }

    fn lessons(&self) -> Answer<Vec<Lesson>> {
        self.case.lessons()
    }
}

impl Eyes for Recording {
    fn manifest(&self) -> &Manifest {
        &self.case.manifest
    }

    fn alarms(&self) -> &[Alarm] {
        &self.case.alarms
    }
}
