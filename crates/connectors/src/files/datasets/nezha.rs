//! Nezha: an `index.json` that names, per injected fault, the log and span tables of the minute
//! before and the two after, a folder of metric tables (one per pod), and a folder of history.
//!
//! Log lines and spans belong to the *service* of their pod; the pod is kept as an attribute.
//! `truth` of the index goes into [`Truth`] only.
//!
//! **History.** The set's fault-free tables carry the same dates as the incidents. An investigation
//! reads nothing later than its `now`, so their rows move back by as few whole days as put the last
//! of them before the first metric row of the incident's own folder. Rows that were recorded during
//! the incident itself are no history and are left out.
//!
//! **The last minute.** A metric row closes the minute before it, so the scrape that follows the last
//! line or span within ten seconds still belongs to the case.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use model::alarm::AlarmState;
use model::query::{Gap, GapReason};
use model::recording::{BaselineKind, BaselineWindow, TrueAnswer};
use model::telemetry::{RawRef, SeriesKey, SpanKind};
use model::time::{MINUTE, SECOND};
use model::topology::EdgeKind;
use model::{Alarm, Edge, Entity, EntityId, EntityKind, Series, TimeWindow, Timestamp};
use rayon::prelude::*;
use serde_json::Value;

use super::edges::{self, Names};
use super::json::{text, zoneless};
use super::logline::unwrap_log;
use super::pods::service_of;
use super::{CaseRef, ImportError, Loaded, Source, Suite, folders, manifest, upwards};
use model::case::{Case, OwnedLog, OwnedSpan};

const DAY: i64 = 86_400 * SECOND;
/// A metric row within this long after the last line or span closes the last minute.
const CLOSING_SCRAPE: i64 = 10 * SECOND;
/// Clocks that were never set write dates long before any of these systems ran.
const YEAR_2000: i64 = 946_684_800 * SECOND;

/// What Nezha says of the cause.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// The service that was made to fail.
    pub service: Option<EntityId>,
    /// What was done to it: `cpu_contention`, `network_delay`, `return`, `exception`, …
    pub fault: String,
}

/// One entry of an index.
#[derive(Debug)]
struct Entry {
    id: String,
    system: String,
    inject: Timestamp,
    metrics: PathBuf,
    history: PathBuf,
    tables: Vec<Listed>,
    truth: Truth,
}

#[derive(Debug)]
struct Listed {
    path: PathBuf,
    name: Arc<str>,
    spans: bool,
}

/// What the cases of one index share: the index, and metric folders once they were read.
#[derive(Debug)]
pub(super) struct Shared {
    root: PathBuf,
    entries: Vec<Entry>,
    folders: Mutex<BTreeMap<PathBuf, Arc<Folder>>>,
}

#[derive(Debug, Default)]
struct Folder {
    read: OnceLock<Result<Vec<PodTable>, String>>,
}

/// The metrics of one pod (or of the user-facing service).
#[derive(Debug)]
struct PodTable {
    owner: String,
    front: bool,
    times: Vec<i64>,
    columns: Vec<Column>,
}

#[derive(Debug)]
struct Column {
    metric: String,
    statistic: String,
    unit: String,
    of_host: bool,
    values: Vec<f64>,
}

/// Lists the cases of every `index.json` below `dir`, or else of the nearest one above it.
pub fn cases(dir: &Path) -> Result<Vec<CaseRef>, ImportError> {
    let mut found = Vec::new();
    let below = folders(dir, 3)?;
    let above = upwards(dir, 3);
    for folder in below.iter().chain(above.iter().skip(1)) {
        // Folders above are asked only when nothing lies below.
        if !found.is_empty() && !below.contains(folder) {
            break;
        }
        let file = folder.join("index.json");
        if file.is_file() {
            found.extend(index(folder, &file)?);
        }
    }
    if found.is_empty() {
        return Err(ImportError::NothingFound {
            suite: Suite::Nezha.word(),
            folder: dir.to_path_buf(),
            wanted: "expected index.json with entries of id, inject_time_utc, metric_dir, normal_minute and files",
        });
    }
    found.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(found)
}

fn index(folder: &Path, file: &Path) -> Result<Vec<CaseRef>, ImportError> {
    let document = super::read_json(file)?;
    let Value::Array(rows) = document else {
        return Ok(Vec::new());
    };
    let mut entries = Vec::new();
    for (number, row) in (1..).zip(rows) {
        // Another set's index carries no injection times; it is not ours to read.
        if row["inject_time_utc"].is_null() || row["files"].is_null() {
            continue;
        }
        entries.push(entry(folder, file, number, &row)?);
    }
    let shared = Arc::new(Shared {
        root: folder.to_path_buf(),
        entries,
        folders: Mutex::new(BTreeMap::new()),
    });
    Ok((0..shared.entries.len())
        .map(|at| CaseRef {
            id: shared.entries[at].id.clone(),
            system: shared.entries[at].system.clone(),
            suite: Suite::Nezha,
            path: file.to_path_buf(),
            source: Source::Nezha(Arc::clone(&shared), at),
        })
        .collect())
}

fn entry(folder: &Path, file: &Path, number: u64, row: &Value) -> Result<Entry, ImportError> {
    let bad = |problem: String| ImportError::malformed(file, number, problem);
    let id = text(&row["id"]);
    if id.is_empty() {
        return Err(bad("an entry has no id".to_string()));
    }
    let inject = zoneless(&text(&row["inject_time_utc"])).ok_or_else(|| {
        bad(format!(
            "{id}: inject_time_utc must read like 2023-01-29 08:43:04"
        ))
    })?;
    let inside = |name: &str, value: &Value| {
        let path = PathBuf::from(text(value));
        let safe = path
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if safe && path.components().next().is_some() {
            Ok(folder.join(path))
        } else {
            Err(bad(format!(
                "{id}: {name} must be a path within the folder"
            )))
        }
    };
    let mut tables = Vec::new();
    for (name, value) in row["files"].as_object().into_iter().flatten() {
        tables.push(Listed {
            path: inside(name, value)?,
            name: text(value).into(),
            spans: name.contains("trace"),
        });
    }
    let service = text(&row["truth"]["service"]);
    let mut history = inside("normal_minute", &row["normal_minute"])?;
    if history.join("metric").is_dir() {
        history = history.join("metric");
    }
    Ok(Entry {
        system: Some(text(&row["system"]))
            .filter(|word| !word.is_empty())
            .unwrap_or_else(|| "nezha".to_string()),
        inject,
        metrics: inside("metric_dir", &row["metric_dir"])?,
        history,
        tables,
        truth: Truth {
            service: (!service.is_empty()).then(|| service_id(&service)),
            fault: text(&row["truth"]["fault"]),
        },
        id,
    })
}

fn service_id(name: &str) -> EntityId {
    EntityId::new(format!("service/{name}"))
}

fn pod_id(name: &str) -> EntityId {
    EntityId::new(format!("pod/{name}"))
}

fn host_id(name: &str) -> EntityId {
    EntityId::new(format!("host/{name}"))
}

/// What the rows of one log or span table say.
#[derive(Default)]
struct Rows {
    logs: Vec<OwnedLog>,
    spans: Vec<OwnedSpan>,
    /// Pod and the machine that it was seen on.
    hosts: BTreeMap<String, String>,
    pods: BTreeSet<String>,
    skipped: u64,
}

/// Reads one case.
pub(super) fn load(case: &CaseRef, shared: &Shared, at: usize) -> Result<Loaded, ImportError> {
    let entry = &shared.entries[at];
    let (metrics, tables) = rayon::join(
        || {
            rayon::join(
                || shared.folder(&entry.metrics),
                || shared.folder(&entry.history),
            )
        },
        || -> Result<Vec<Rows>, ImportError> { entry.tables.par_iter().map(read_table).collect() },
    );
    let (own, history) = (metrics.0?, metrics.1?);
    let mut rows = Rows::default();
    for table in tables? {
        rows.logs.extend(table.logs);
        rows.spans.extend(table.spans);
        rows.hosts.extend(table.hosts);
        rows.pods.extend(table.pods);
        rows.skipped += table.skipped;
    }
    drop_repeats(&mut rows);

    let moments = rows.logs.iter().map(|log| log.time.0);
    let moments = moments.chain(rows.spans.iter().map(|span| span.start.0));
    let (mut first, mut last) = (entry.inject.0, entry.inject.0);
    for moment in moments {
        (first, last) = (first.min(moment), last.max(moment));
    }
    let own = own.tables();
    let closing = own
        .iter()
        .flat_map(|table| table.times.iter().copied())
        .filter(|time| *time >= last && *time <= last.saturating_add(CLOSING_SCRAPE))
        .max();
    let now = Timestamp(closing.unwrap_or(last).saturating_add(SECOND));
    let window = TimeWindow::new(entry.inject, now)
        .ok_or_else(|| ImportError::malformed(&case.path, 0, "its times are out of range"))?;

    let mut made = Case::new(manifest(
        &entry.id,
        format!("the user-facing service of {} is not well", entry.system),
        window,
        now,
    ));
    made.manifest.origin = "Nezha".to_string();
    made.manifest.licence = "MIT".to_string();
    let mut place = Placement::new(&mut rows);
    let past = place.series(own, history.tables(), entry.inject, now);
    made.series = Some(past.series);
    let before = TimeWindow::new(Timestamp(first), entry.inject);
    let baselines = [
        before.map(|window| (window, BaselineKind::Near)),
        past.history.map(|window| (window, BaselineKind::History)),
    ];
    made.manifest.baselines = baselines
        .into_iter()
        .flatten()
        .map(|(window, kind)| BaselineWindow { window, kind })
        .collect();
    if rows.skipped > 0 {
        made.manifest.gaps.push(Gap {
            wanted: "logs".to_string(),
            entity: Some(EntityId::new("unknown")),
            hides: Vec::new(),
            why: GapReason::NotRecorded,
            detail: format!(
                "{} rows of logs and spans carry no time or no pod",
                rows.skipped
            ),
            how_to_close: String::new(),
        });
    }
    let front = place.front.clone();
    let alarmed = front.clone().or_else(|| place.entry_service(&rows.spans));
    made.topology.edges = place.edges(&rows.spans);
    made.topology.entities = place.entities();
    made.logs = Some(rows.logs);
    made.spans = Some(rows.spans);
    let entity = alarmed.unwrap_or_else(|| service_id("unknown"));
    made.alarms.push(Alarm {
        id: "user-facing".to_string(),
        source: "injection".to_string(),
        rule: "user-facing service degraded".to_string(),
        entity,
        metric: None,
        statistic: None,
        threshold: None,
        observed: None,
        fired_at: entry.inject,
        true_at: None,
        severity: None,
        state: AlarmState::Firing,
        summary: String::new(),
        labels: BTreeMap::new(),
        raw: RawRef {
            file: "index.json".into(),
            line: at as u64 + 1,
        },
    });
    made.answer = Some(TrueAnswer {
        entities: entry.truth.service.iter().cloned().collect(),
        ..TrueAnswer::default()
    });
    made.normalise();
    Ok(Loaded {
        case: made,
        truth: super::Truth::Nezha(entry.truth.clone()),
        system: case.system.clone(),
    })
}

impl Shared {
    fn folder(&self, path: &Path) -> Result<Arc<Folder>, ImportError> {
        let folder = {
            let mut folders = self
                .folders
                .lock()
                .unwrap_or_else(|broken| broken.into_inner());
            Arc::clone(folders.entry(path.to_path_buf()).or_default())
        };
        let read = folder
            .read
            .get_or_init(|| read_folder(&self.root, path).map_err(|error| error.to_string()));
        if let Err(problem) = read {
            return Err(ImportError::malformed(path, 0, problem.clone()));
        }
        Ok(folder)
    }
}

impl Folder {
    fn tables(&self) -> &[PodTable] {
        match self.read.get() {
            Some(Ok(tables)) => tables,
            _ => &[],
        }
    }
}

/// Who runs where, as the rows tell it.
#[derive(Default)]
struct Placement {
    names: Names,
    front: Option<EntityId>,
    /// Pod and service.
    pods: BTreeMap<String, EntityId>,
    /// Pod and machine.
    hosts: BTreeMap<String, String>,
}

/// Series of the incident and of the history before it.
struct Past {
    series: Vec<Arc<Series>>,
    history: Option<TimeWindow>,
}

impl Placement {
    fn new(rows: &mut Rows) -> Self {
        let mut place = Self {
            hosts: std::mem::take(&mut rows.hosts),
            ..Self::default()
        };
        for pod in std::mem::take(&mut rows.pods) {
            place.pod(&pod);
        }
        place
    }

    fn pod(&mut self, pod: &str) {
        if !self.pods.contains_key(pod) {
            let name = service_of(pod);
            let service = self.names.intern(name, || service_id(name));
            self.pods.insert(pod.to_string(), service);
        }
    }

    /// Joins history and incident, pod by pod, metric by metric.
    fn series(
        &mut self,
        own: &[PodTable],
        history: &[PodTable],
        inject: Timestamp,
        now: Timestamp,
    ) -> Past {
        let starts = own.iter().filter_map(|table| table.times.first().copied());
        let start = starts.min().unwrap_or(inject.0);
        let ends = history
            .iter()
            .filter_map(|table| table.times.last().copied());
        let ahead = ends
            .max()
            .map_or(0, |end| end.saturating_sub(start).saturating_add(SECOND));
        let shift = if ahead > 0 {
            (ahead / DAY).saturating_add(1).saturating_mul(DAY)
        } else {
            0
        };
        // Before the shift: rows of these moments show the incident itself.
        let during = inject.0.saturating_sub(MINUTE)..now.0;
        let past: BTreeMap<&str, &PodTable> = history
            .iter()
            .map(|table| (table.owner.as_str(), table))
            .collect();
        let mut span: Option<(i64, i64)> = None;
        let mut all: BTreeMap<SeriesKey, Series> = BTreeMap::new();
        for table in own {
            if table.front {
                let id = self.names.intern(&table.owner, || service_id(&table.owner));
                self.front.get_or_insert(id);
            } else {
                self.pod(&table.owner);
            }
            let old = past.get(table.owner.as_str());
            for column in &table.columns {
                let Some(entity) = self.owner(table, column) else {
                    continue;
                };
                let key = SeriesKey {
                    entity,
                    metric: column.metric.clone(),
                    statistic: column.statistic.clone(),
                    unit: column.unit.clone(),
                    labels: BTreeMap::new(),
                };
                // The pods of one machine all report it: the first of them speaks for it.
                if all.contains_key(&key) {
                    continue;
                }
                let mut one = Series {
                    key: key.clone(),
                    ..Series::default()
                };
                let same = |other: &&Column| {
                    other.metric == column.metric && other.statistic == column.statistic
                };
                if let Some(old) = old
                    && let Some(values) = old.columns.iter().find(same).map(|other| &other.values)
                {
                    for (time, value) in old.times.iter().zip(values) {
                        if !during.contains(time) {
                            push(&mut one, time.saturating_sub(shift), *value);
                        }
                    }
                    if let (Some(from), Some(to)) = (one.times.first(), one.times.last()) {
                        let (low, high) = span.unwrap_or((*from, *to));
                        span = Some((low.min(*from), high.max(*to)));
                    }
                }
                for (time, value) in table.times.iter().zip(&column.values) {
                    if *time < now.0 {
                        push(&mut one, *time, *value);
                    }
                }
                if !one.times.is_empty() {
                    all.insert(key, one);
                }
            }
        }
        Past {
            series: all.into_values().map(Arc::new).collect(),
            history: span.and_then(|(from, to)| {
                TimeWindow::new(Timestamp(from), Timestamp(to.saturating_add(SECOND)))
            }),
        }
    }

    fn owner(&self, table: &PodTable, column: &Column) -> Option<EntityId> {
        if column.of_host {
            return self.hosts.get(&table.owner).map(|host| host_id(host));
        }
        Some(if table.front {
            service_id(&table.owner)
        } else {
            pod_id(&table.owner)
        })
    }

    /// The service in which most traces begin.
    fn entry_service(&self, spans: &[OwnedSpan]) -> Option<EntityId> {
        let mut roots: BTreeMap<&EntityId, u64> = BTreeMap::new();
        for span in spans.iter().filter(|span| span.parent_id.is_empty()) {
            *roots.entry(&span.entity).or_default() += 1;
        }
        roots
            .into_iter()
            .max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(a.0)))
            .map(|(id, _)| id.clone())
    }

    fn edges(&self, spans: &[OwnedSpan]) -> Vec<Edge> {
        let mut all = edges::from_spans(spans, &self.names, &Default::default());
        let edge = |from: EntityId, to: EntityId, kind, confidence, seen_in: &str| Edge {
            from,
            to,
            kind,
            confidence,
            calls_per_request: None,
            seen_in: seen_in.to_string(),
        };
        for (pod, service) in &self.pods {
            let copy = pod_id(pod);
            if let Some(host) = self.hosts.get(pod) {
                all.push(edge(
                    copy.clone(),
                    host_id(host),
                    EdgeKind::RunsOn,
                    1.0,
                    "logs",
                ));
            }
            all.push(edge(
                service.clone(),
                copy,
                EdgeKind::ServedBy,
                1.0,
                "pod names",
            ));
        }
        // What users see is served by the services in which traces begin.
        if let Some(front) = &self.front {
            let roots = spans.iter().filter(|span| span.parent_id.is_empty());
            let mut services: Vec<&EntityId> = roots.map(|span| &span.entity).collect();
            services.sort();
            services.dedup();
            for service in services.into_iter().filter(|service| *service != front) {
                all.push(edge(
                    front.clone(),
                    service.clone(),
                    EdgeKind::Calls,
                    0.9,
                    "trace roots",
                ));
            }
        }
        all
    }

    fn entities(&self) -> Vec<Entity> {
        let entity = |id: EntityId, kind, name: &str| Entity {
            id,
            kind,
            name: name.to_string(),
            labels: BTreeMap::new(),
        };
        let mut all: Vec<Entity> = self
            .names
            .iter()
            .map(|(name, id)| entity(id.clone(), super::kind_from_name(name), name))
            .collect();
        for (pod, service) in &self.pods {
            let mut made = entity(pod_id(pod), EntityKind::Pod, pod);
            made.labels
                .insert("service".to_string(), service.to_string());
            if let Some(host) = self.hosts.get(pod) {
                made.labels.insert("host".to_string(), host.clone());
            }
            all.push(made);
        }
        let hosts: BTreeSet<&String> = self.hosts.values().collect();
        all.extend(
            hosts
                .into_iter()
                .map(|host| entity(host_id(host), EntityKind::Host, host)),
        );
        all
    }
}

fn push(series: &mut Series, time: i64, value: f64) {
    if value.is_finite() && series.times.last().is_none_or(|last| *last < time) {
        series.times.push(time);
        series.values.push(value);
    }
}

/// Tables of neighbouring minutes overlap in some sets: a row that stands in two of them counts once.
fn drop_repeats(rows: &mut Rows) {
    let mut seen: HashSet<(Box<str>, Box<str>)> = HashSet::with_capacity(rows.spans.len());
    rows.spans
        .retain(|span| seen.insert((span.trace_id.clone(), span.span_id.clone())));
    // Within one file two equal lines are two lines; only a line of another file is a repeat.
    let mut files: BTreeMap<(i64, EntityId, Box<str>), Arc<str>> = BTreeMap::new();
    rows.logs.retain(|log| {
        let key = (log.time.0, log.entity.clone(), log.body.clone());
        let file = files.entry(key).or_insert_with(|| Arc::clone(&log.file));
        *file == log.file
    });
}

fn csv_error(file: &Path, error: &csv::Error) -> ImportError {
    let line = error.position().map_or(0, csv::Position::line);
    ImportError::malformed(file, line, format!("not a table: {error}"))
}

/// Reads the metric tables of one folder, in the order of their names.
fn read_folder(root: &Path, folder: &Path) -> Result<Vec<PodTable>, ImportError> {
    let entries = std::fs::read_dir(folder).map_err(|error| ImportError::io(folder, error))?;
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.to_string_lossy();
            name.ends_with(".csv") || name.ends_with(".csv.gz")
        })
        .collect();
    files.sort();
    if files.is_empty() {
        let wanted = format!(
            "{} holds no metric table (*.csv)",
            super::relative(root, folder)
        );
        return Err(ImportError::malformed(folder, 0, wanted));
    }
    let read: Result<Vec<Option<PodTable>>, ImportError> =
        files.par_iter().map(|file| read_metrics(file)).collect();
    Ok(read?.into_iter().flatten().collect())
}

fn read_metrics(file: &Path) -> Result<Option<PodTable>, ImportError> {
    let bytes = super::read_bytes(file)?;
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(&bytes[..]);
    let head = reader
        .headers()
        .map_err(|error| csv_error(file, &error))?
        .clone();
    let position = |name: &str| head.iter().position(|cell| cell.eq_ignore_ascii_case(name));
    let owner = position("PodName").or_else(|| position("ServiceName"));
    let (Some(time), Some(owner)) = (position("TimeStamp"), owner) else {
        // Sets keep further tables beside (dependencies between services, for one).
        return Ok(None);
    };
    let front = position("PodName").is_none();
    let mut wanted: Vec<(usize, Column)> = Vec::new();
    for (at, cell) in head.iter().enumerate() {
        if at == time || at == owner || cell.eq_ignore_ascii_case("Time") || cell.trim().is_empty()
        {
            continue;
        }
        wanted.push((at, column(cell.trim())));
    }
    let mut table = PodTable {
        owner: String::new(),
        front,
        times: Vec::new(),
        columns: Vec::new(),
    };
    let mut rows: Vec<(i64, usize)> = Vec::new();
    let mut record = csv::ByteRecord::new();
    while reader
        .read_byte_record(&mut record)
        .map_err(|error| csv_error(file, &error))?
    {
        let seconds: Option<f64> = record.get(time).and_then(number);
        let Some(at) = seconds.and_then(Timestamp::from_seconds_f64) else {
            continue;
        };
        if table.owner.is_empty() {
            table.owner =
                String::from_utf8_lossy(record.get(owner).unwrap_or_default()).into_owned();
        }
        rows.push((at.0, rows.len()));
        for (index, column) in &mut wanted {
            let value = record.get(*index).and_then(number);
            column.values.push(value.unwrap_or(f64::NAN));
        }
    }
    if table.owner.is_empty() {
        return Ok(None);
    }
    rows.sort();
    table.times = rows.iter().map(|(time, _)| *time).collect();
    table.columns = wanted
        .into_iter()
        .map(|(_, mut column)| {
            column.values = rows.iter().map(|(_, at)| column.values[*at]).collect();
            column
        })
        .collect();
    Ok(Some(table))
}

fn number(cell: &[u8]) -> Option<f64> {
    std::str::from_utf8(cell).ok()?.trim().parse().ok()
}

/// `PodServerLatencyP90(s)` is the metric `PodServerLatency`, statistic `p90`, unit `s`.
fn column(cell: &str) -> Column {
    let (name, unit) = match cell.split_once('(') {
        Some((name, rest)) => (name.trim(), rest.trim_end_matches(')')),
        None => (cell, ""),
    };
    let quantile = name.rsplit_once(['P', 'p']).filter(|(head, digits)| {
        !head.is_empty()
            && (2..=3).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
    });
    let (metric, statistic) = match quantile {
        Some((head, digits)) => (head.to_string(), format!("p{digits}")),
        None => (name.to_string(), String::new()),
    };
    Column {
        of_host: metric.starts_with("Node"),
        unit: match unit {
            "Mi" => "MiBy",
            "Gi" => "GiBy",
            "Ops" => "1/s",
            "" if metric.ends_with("Bytes") => "By",
            other => other,
        }
        .to_string(),
        metric,
        statistic,
        values: Vec::new(),
    }
}

fn read_table(listed: &Listed) -> Result<Rows, ImportError> {
    let file = &listed.path;
    let bytes = super::read_bytes(file)?;
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(&bytes[..]);
    let head = reader
        .headers()
        .map_err(|error| csv_error(file, &error))?
        .clone();
    let position = |names: &[&str]| {
        head.iter().position(|cell| {
            names
                .iter()
                .any(|name| cell.trim().eq_ignore_ascii_case(name))
        })
    };
    let columns = Columns {
        pod: position(&["PodName"]),
        trace: position(&["TraceID"]),
        span: position(&["SpanID"]),
        parent: position(&["ParentID"]),
        operation: position(&["OperationName"]),
        start: position(&["StartTimeUnixNano"]),
        end: position(&["EndTimeUnixNano"]),
        nanos: position(&["TimeUnixNano"]),
        stamp: position(&["Timestamp"]),
        node: position(&["Node"]),
        container: position(&["Container"]),
        log: position(&["Log"]),
    };
    let needed = if listed.spans {
        columns.pod.and(columns.trace).and(columns.start)
    } else {
        columns.pod.and(columns.log)
    };
    if needed.is_none() {
        let wanted = if listed.spans {
            "needs the columns TraceID, SpanID, ParentID, PodName, OperationName, StartTimeUnixNano, EndTimeUnixNano"
        } else {
            "needs the columns TimeUnixNano, PodName, Log"
        };
        return Err(ImportError::malformed(file, 1, wanted));
    }
    let mut rows = Rows::default();
    let mut services: BTreeMap<String, EntityId> = BTreeMap::new();
    let mut record = csv::ByteRecord::new();
    let mut number = 1;
    while reader
        .read_byte_record(&mut record)
        .map_err(|error| csv_error(file, &error))?
    {
        number += 1;
        let line = record.position().map_or(number, csv::Position::line);
        let cell = |at: Option<usize>| {
            let bytes = at.and_then(|at| record.get(at)).unwrap_or_default();
            String::from_utf8_lossy(bytes)
        };
        let pod = cell(columns.pod);
        if pod.is_empty() {
            rows.skipped += 1;
            continue;
        }
        let service = match services.get(pod.as_ref()) {
            Some(service) => service.clone(),
            None => {
                rows.pods.insert(pod.to_string());
                let service = service_id(service_of(&pod));
                services.insert(pod.to_string(), service.clone());
                service
            }
        };
        let node = cell(columns.node);
        if !node.is_empty() && !rows.hosts.contains_key(pod.as_ref()) {
            rows.hosts.insert(pod.to_string(), node.to_string());
        }
        let attributes = |container: &str| {
            let mut all: Vec<(Box<str>, Box<str>)> = Vec::with_capacity(2);
            if !container.is_empty() {
                all.push(("container".into(), container.into()));
            }
            all.push(("pod".into(), pod.as_ref().into()));
            all
        };
        if listed.spans {
            let Some(start) = nanos(&cell(columns.start)) else {
                rows.skipped += 1;
                continue;
            };
            let end = nanos(&cell(columns.end)).unwrap_or(start);
            let parent = cell(columns.parent);
            let name = cell(columns.operation);
            rows.spans.push(OwnedSpan {
                trace_id: cell(columns.trace).into(),
                span_id: cell(columns.span).into(),
                parent_id: if parent == "root" {
                    "".into()
                } else {
                    parent.into()
                },
                entity: service,
                kind: span_kind(&name),
                name: name.into(),
                start: start.min(end),
                end: end.max(start),
                error: false,
                message: "".into(),
                peer: "".into(),
                attributes: attributes(""),
                file: Arc::clone(&listed.name),
                line,
            });
        } else {
            let wrapped = cell(columns.log);
            let said = unwrap_log(&wrapped);
            let time = nanos(&cell(columns.nanos))
                .or_else(|| cell(columns.stamp).parse().ok().filter(plausible))
                .or(said.time);
            let Some(time) = time else {
                rows.skipped += 1;
                continue;
            };
            let mut fields = attributes(&cell(columns.container));
            fields.extend(said.attributes);
            fields.sort();
            rows.logs.push(OwnedLog {
                time,
                entity: service,
                severity: said.severity,
                body: said.body.into(),
                attributes: fields,
                trace_id: cell(columns.trace).into(),
                span_id: cell(columns.span).into(),
                file: Arc::clone(&listed.name),
                line,
            });
        }
    }
    Ok(rows)
}

#[derive(Clone, Copy)]
struct Columns {
    pod: Option<usize>,
    trace: Option<usize>,
    span: Option<usize>,
    parent: Option<usize>,
    operation: Option<usize>,
    start: Option<usize>,
    end: Option<usize>,
    nanos: Option<usize>,
    stamp: Option<usize>,
    node: Option<usize>,
    container: Option<usize>,
    log: Option<usize>,
}

fn nanos(cell: &str) -> Option<Timestamp> {
    cell.trim().parse().ok().map(Timestamp).filter(plausible)
}

/// A collector that could not read a line's clock writes the year 1 or 1754.
fn plausible(time: &Timestamp) -> bool {
    time.0 >= YEAR_2000
}

/// The operation's form tells which end a span is: a path is served, a verb or a query is sent.
fn span_kind(operation: &str) -> SpanKind {
    let first = operation.split_whitespace().next().unwrap_or_default();
    if operation.starts_with('/') {
        SpanKind::Server
    } else if ["GET", "POST", "PUT", "DELETE", "PATCH", "HTTP"].contains(&first)
        || ["SELECT", "INSERT", "UPDATE"].contains(&first)
    {
        SpanKind::Client
    } else {
        SpanKind::Internal
    }
}
