//! PetShop: a call graph (`graph.csv`), a stretch without faults (`noissue/metrics.csv`), and one
//! folder per fault with its few abnormal rows (`metrics.csv`) and the alarm (`target.json`).
//!
//! `metadata` and `root_cause` of `target.json` never reach the case.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use model::alarm::AlarmState;
use model::recording::{BaselineKind, BaselineWindow, TrueAnswer};
use model::telemetry::{RawRef, SeriesKey};
use model::time::SECOND;
use model::topology::EdgeKind;
use model::{Alarm, Edge, Entity, EntityId, EntityKind, Series, TimeWindow, Timestamp, Topology};

use super::{CaseRef, ImportError, Loaded, Source, Suite, folders, manifest, relative, upwards};
use model::case::Case;

/// The normal period is moved by whole weeks, so that hours and weekdays stay what they were.
const WEEK: i64 = 7 * 86_400 * SECOND;

/// What PetShop says of the cause.
#[derive(Clone, Debug, PartialEq)]
pub struct Truth {
    /// The node that was made to fail; `None` where the folder does not say.
    pub node: Option<EntityId>,
}

/// What all cases below one `graph.csv` have in common; the fault-free table is read once.
#[derive(Debug)]
pub(super) struct Shared {
    root: PathBuf,
    normal: OnceLock<Result<Arc<Normal>, String>>,
}

#[derive(Debug)]
struct Normal {
    topology: Topology,
    table: Table,
}

/// One `metrics.csv`: three header rows (node, metric, statistic), then a row per period.
#[derive(Debug, Default)]
struct Table {
    times: Vec<i64>,
    /// Per key one value per row, NaN where the cell is empty.
    columns: BTreeMap<SeriesKey, Vec<f64>>,
}

/// Lists the cases below `dir`: every folder with a `target.json` and a `metrics.csv` which lies
/// below a folder with `graph.csv` and `noissue/metrics.csv`.
pub fn cases(dir: &Path) -> Result<Vec<CaseRef>, ImportError> {
    let mut shared: BTreeMap<PathBuf, Arc<Shared>> = BTreeMap::new();
    let mut found = Vec::new();
    for folder in folders(dir, 6)? {
        if !folder.join("target.json").is_file() || !folder.join("metrics.csv").is_file() {
            continue;
        }
        let above = upwards(&folder, 4);
        let Some(root) = above.iter().find(|above| {
            above.join("graph.csv").is_file() && above.join("noissue/metrics.csv").is_file()
        }) else {
            continue;
        };
        let shared = shared.entry(root.clone()).or_insert_with(|| {
            Arc::new(Shared {
                root: root.clone(),
                normal: OnceLock::new(),
            })
        });
        let target = read_target(&folder)?;
        let full = above.first().unwrap_or(&folder);
        let scenario = root
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        found.push(CaseRef {
            id: format!("{scenario}/{}", relative(root, full)),
            system: target.metric,
            suite: Suite::PetShop,
            path: folder,
            source: Source::PetShop(Arc::clone(shared)),
        });
    }
    if found.is_empty() {
        return Err(ImportError::NothingFound {
            suite: Suite::PetShop.word(),
            folder: dir.to_path_buf(),
            wanted: "expected <scenario>/graph.csv, <scenario>/noissue/metrics.csv and folders with target.json and metrics.csv",
        });
    }
    found.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(found)
}

struct Target {
    node: String,
    metric: String,
    statistic: String,
    at: Timestamp,
    cause: Option<String>,
}

fn read_target(folder: &Path) -> Result<Target, ImportError> {
    let file = folder.join("target.json");
    let json = super::read_json(&file)?;
    let target = &json["target"];
    let word = |name: &str| {
        target[name].as_str().map(str::to_string).ok_or_else(|| {
            ImportError::malformed(&file, 0, format!("target.{name} must be a string"))
        })
    };
    let at = target["timestamp"]
        .as_f64()
        .and_then(Timestamp::from_seconds_f64)
        .ok_or_else(|| {
            ImportError::malformed(&file, 0, "target.timestamp must be seconds since the epoch")
        })?;
    Ok(Target {
        node: word("node")?,
        metric: word("metric")?,
        statistic: target["agg"].as_str().unwrap_or_default().to_string(),
        at,
        cause: json["root_cause"]["node"].as_str().map(str::to_string),
    })
}

/// Reads one case.
pub(super) fn load(case: &CaseRef, shared: &Shared) -> Result<Loaded, ImportError> {
    let target = read_target(&case.path)?;
    let normal = shared.normal()?;
    let abnormal = read_table(&case.path.join("metrics.csv"))?;
    let file = case.path.join("metrics.csv");
    let (Some(&first), Some(&last)) = (abnormal.times.first(), abnormal.times.last()) else {
        return Err(ImportError::malformed(&file, 0, "holds no row"));
    };
    // The row at `last` covers the period that ends one step later; it can be read just after.
    let now = Timestamp(last.max(target.at.0).saturating_add(SECOND));
    let window = TimeWindow::new(Timestamp(first.min(target.at.0)), now)
        .ok_or_else(|| ImportError::malformed(&file, 0, "its times are out of range"))?;

    let shift = history_shift(&normal.table, window.from());
    let mut made = Case::new(manifest(
        &case.id,
        format!("{} of {} is out of bounds", target.metric, target.node),
        window,
        now,
    ));
    made.manifest.origin = "PetShop, Amazon".to_string();
    made.manifest.licence = "CC-BY-4.0".to_string();
    if let (Some(&from), Some(&to)) = (normal.table.times.first(), normal.table.times.last()) {
        let stretch = TimeWindow::new(
            Timestamp(from.saturating_sub(shift)),
            Timestamp(to.saturating_sub(shift).saturating_add(SECOND)),
        );
        made.manifest
            .baselines
            .extend(stretch.map(|window| BaselineWindow {
                window,
                kind: BaselineKind::History,
            }));
    }
    made.series = Some(series(&normal.table, &abnormal, shift));
    made.topology = normal.topology.clone();
    let named = made
        .series
        .iter()
        .flatten()
        .map(|one| one.key.entity.clone());
    let named: Vec<EntityId> = named.chain([node(&target.node)]).collect();
    made.topology.entities.extend(named.into_iter().map(|id| {
        let name = id.as_str().trim_start_matches("node/").to_string();
        entity(&name)
    }));
    made.alarms.push(Alarm {
        id: "target".to_string(),
        source: "cloudwatch".to_string(),
        rule: format!("{} {} of {}", target.statistic, target.metric, target.node),
        entity: node(&target.node),
        metric: Some(target.metric.clone()),
        statistic: Some(target.statistic.clone()).filter(|word| !word.is_empty()),
        threshold: None,
        observed: None,
        fired_at: target.at,
        true_at: None,
        severity: None,
        state: AlarmState::Firing,
        summary: String::new(),
        labels: BTreeMap::new(),
        raw: RawRef {
            file: "target.json".into(),
            line: 1,
        },
    });
    let cause = target.cause.as_deref().map(node);
    made.answer = Some(TrueAnswer {
        entities: cause.iter().cloned().collect(),
        ..TrueAnswer::default()
    });
    made.normalise();
    Ok(Loaded {
        case: made,
        truth: Truth::from(cause).into(),
        system: case.system.clone(),
    })
}

impl From<Option<EntityId>> for Truth {
    fn from(node: Option<EntityId>) -> Self {
        Self { node }
    }
}

impl From<Truth> for super::Truth {
    fn from(truth: Truth) -> Self {
        Self::PetShop(truth)
    }
}

impl Shared {
    fn normal(&self) -> Result<Arc<Normal>, ImportError> {
        let read = self.normal.get_or_init(|| {
            let normal = || -> Result<Normal, ImportError> {
                Ok(Normal {
                    topology: read_graph(&self.root.join("graph.csv"))?,
                    table: read_table(&self.root.join("noissue/metrics.csv"))?,
                })
            };
            normal().map(Arc::new).map_err(|error| error.to_string())
        });
        match read {
            Ok(normal) => Ok(Arc::clone(normal)),
            Err(problem) => Err(ImportError::malformed(&self.root, 0, problem.clone())),
        }
    }
}

/// By how many nanoseconds the fault-free rows move back.
///
/// The set recorded them months *after* its faults. An investigation reads nothing later than its
/// `now`, so they move back by as few whole weeks as put the last of them before the incident.
fn history_shift(table: &Table, incident: Timestamp) -> i64 {
    let Some(&last) = table.times.last() else {
        return 0;
    };
    let ahead = last.saturating_sub(incident.0).saturating_add(SECOND);
    if ahead <= 0 {
        return 0;
    }
    (ahead / WEEK).saturating_add(1).saturating_mul(WEEK)
}

fn series(normal: &Table, abnormal: &Table, shift: i64) -> Vec<Arc<Series>> {
    let nothing = Vec::new();
    let mut keys: Vec<&SeriesKey> = normal
        .columns
        .keys()
        .chain(abnormal.columns.keys())
        .collect();
    keys.sort();
    keys.dedup();
    let mut all = Vec::with_capacity(keys.len());
    for key in keys {
        let old = normal.columns.get(key).unwrap_or(&nothing);
        let new = abnormal.columns.get(key).unwrap_or(&nothing);
        let mut one = Series {
            key: key.clone(),
            times: Vec::with_capacity(old.len() + new.len()),
            values: Vec::with_capacity(old.len() + new.len()),
        };
        let shifted = normal.times.iter().map(|time| time.saturating_sub(shift));
        let rows = shifted
            .zip(old)
            .chain(abnormal.times.iter().copied().zip(new));
        for (time, value) in rows {
            if value.is_finite() && one.times.last().is_none_or(|last| *last < time) {
                one.times.push(time);
                one.values.push(*value);
            }
        }
        if !one.times.is_empty() {
            all.push(Arc::new(one));
        }
    }
    all
}

fn node(name: &str) -> EntityId {
    EntityId::new(format!("node/{name}"))
}

fn entity(name: &str) -> Entity {
    Entity {
        id: node(name),
        kind: kind(name),
        name: name.to_string(),
        labels: BTreeMap::new(),
    }
}

/// X-Ray writes a node as `<name>_<type>`, where the type is `remote`, `client`, or an AWS type.
fn kind(name: &str) -> EntityKind {
    if name.ends_with("_remote") {
        return EntityKind::External;
    }
    if name.ends_with("_client") {
        return EntityKind::Client;
    }
    let typed = name.find("AWS::").or_else(|| name.find("Database::"));
    let Some(at) = typed else {
        return EntityKind::Service;
    };
    let of = &name[at..];
    if of.contains("::Lambda") {
        EntityKind::Function
    } else if of.ends_with("DynamoDB::Table") || of.contains("::S3") {
        EntityKind::Table
    } else if of.contains("::SQS") || of.contains("::SNS") || of.contains("::Kinesis") {
        EntityKind::Queue
    } else if of.contains("Database::") || of.contains("::RDS") || of.contains("::DynamoDB") {
        EntityKind::Database
    } else if of.contains("::ElastiCache") {
        EntityKind::Cache
    } else if of.contains("::ApiGateway") || of.contains("LoadBalancing") {
        EntityKind::Gateway
    } else {
        EntityKind::Service
    }
}

fn unit(metric: &str) -> &'static str {
    match metric {
        "latency" => "s",
        "availability" => "%",
        "requests" => "1",
        _ => super::unit_from_name(metric),
    }
}

fn reader(text: &str) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes())
}

fn bad_row(file: &Path, error: &csv::Error) -> ImportError {
    let line = error.position().map_or(0, csv::Position::line);
    ImportError::malformed(file, line, format!("not a table: {error}"))
}

/// The adjacency table: the node of a row calls the node of a column where the cell is not zero.
fn read_graph(file: &Path) -> Result<Topology, ImportError> {
    let text = super::read_text(file)?;
    let mut rows = reader(&text).into_records();
    let head = match rows.next() {
        None => return Err(ImportError::malformed(file, 0, "is empty")),
        Some(row) => row.map_err(|error| bad_row(file, &error))?,
    };
    let names: Vec<&str> = head.iter().skip(1).collect();
    let mut topology = Topology::default();
    topology
        .entities
        .extend(names.iter().map(|name| entity(name)));
    for row in rows {
        let row = row.map_err(|error| bad_row(file, &error))?;
        let Some(from) = row.get(0) else { continue };
        topology.entities.push(entity(from));
        for (to, cell) in names.iter().zip(row.iter().skip(1)) {
            let calls = cell.trim().parse::<f64>().is_ok_and(|value| value > 0.0);
            if calls && *to != from {
                topology.edges.push(Edge {
                    from: node(from),
                    to: node(to),
                    kind: EdgeKind::Calls,
                    confidence: 1.0,
                    calls_per_request: None,
                    seen_in: "graph.csv".to_string(),
                });
            }
        }
    }
    topology.normalise();
    Ok(topology)
}

fn read_table(file: &Path) -> Result<Table, ImportError> {
    let text = super::read_text(file)?;
    let mut keys: Vec<[String; 3]> = Vec::new();
    let mut rows: Vec<(i64, Vec<f64>)> = Vec::new();
    let mut record = csv::StringRecord::new();
    let mut reader = reader(&text);
    let mut header = 0;
    while reader
        .read_record(&mut record)
        .map_err(|error| bad_row(file, &error))?
    {
        let first = record.get(0).unwrap_or_default().trim();
        let time = first.parse().ok().and_then(Timestamp::from_seconds_f64);
        let Some(time) = time else {
            // Rows before the first time are headings; `unix_timestamp` names the index and is empty.
            if header < 3 && rows.is_empty() {
                keys.resize(
                    keys.len().max(record.len().saturating_sub(1)),
                    Default::default(),
                );
                for (key, cell) in keys.iter_mut().zip(record.iter().skip(1)) {
                    key[header] = cell.to_string();
                }
                header += 1;
            } else if !rows.is_empty() {
                let line = record.position().map_or(0, csv::Position::line);
                return Err(ImportError::malformed(
                    file,
                    line,
                    format!("{:?} is not a time in seconds since the epoch", clip(first)),
                ));
            }
            continue;
        };
        let cells = record.iter().skip(1);
        let values = cells.map(|cell| cell.trim().parse().unwrap_or(f64::NAN));
        rows.push((time.0, values.collect()));
    }
    if header < 3 {
        return Err(ImportError::malformed(
            file,
            header as u64 + 1,
            "needs three heading rows: node, metric, statistic",
        ));
    }
    rows.sort_by_key(|(time, _)| *time);
    rows.dedup_by_key(|(time, _)| *time);
    let mut table = Table {
        times: rows.iter().map(|(time, _)| *time).collect(),
        columns: BTreeMap::new(),
    };
    for (at, [name, metric, statistic]) in keys.into_iter().enumerate() {
        if name.is_empty() || metric.is_empty() {
            continue;
        }
        let key = SeriesKey {
            entity: node(&name),
            unit: unit(&metric).to_string(),
            metric,
            statistic,
            labels: BTreeMap::new(),
        };
        let column = || {
            let cell = |(_, row): &(i64, Vec<f64>)| row.get(at).copied().unwrap_or(f64::NAN);
            rows.iter().map(cell).collect()
        };
        table.columns.entry(key).or_insert_with(column);
    }
    Ok(table)
}

fn clip(text: &str) -> String {
    text.chars().take(60).collect()
}
