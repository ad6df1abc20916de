//! RootCauseBench: an alert, telemetry (`metrics.csv`, `logs.ndjson`, `traces.json`,
//! `patterns.json`) and what was altered (`context/commits.json`, `deploys.json`, `flags.json`), in
//! one `data` folder per incident. Any further JSON file there is read as a feed or as context.
//!
//! `ground_truth.json` lies beside `data` and goes into [`Truth`] only.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::alarm::AlarmState;
use model::query::{Gap, GapReason};
use model::recording::{BaselineKind, BaselineWindow, TrueAnswer};
use model::telemetry::{RawRef, SeriesKey, SpanKind};
use model::time::{MINUTE, SECOND};
use model::{
    Alarm, Change, ChangeKind, Entity, EntityId, Series, Severity, StateSnapshot, TimeWindow,
    Timestamp,
};
use serde_json::Value;

use super::edges::{self, Names};
use super::json::{self, flatten, text};
use super::{CaseRef, ImportError, Loaded, Source, Suite, feed, folders, manifest};
use model::case::{Case, OwnedLog, OwnedSpan};

/// What RootCauseBench says of the cause.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// The guilty commit; `None` when no change did it (the set writes `none`).
    pub commit: Option<String>,
    /// Was a truth file there at all?
    pub known: bool,
    /// Which service failed first.
    pub first_failing_service: String,
    /// Services that suffered with it.
    pub blast_radius: BTreeSet<String>,
    /// What should be done.
    pub remediation: String,
    /// Commits that look guilty and are not.
    pub decoys: BTreeSet<String>,
}

/// Lists the incidents below `dir`: every folder with a `data/alert.json`.
pub fn cases(dir: &Path) -> Result<Vec<CaseRef>, ImportError> {
    let mut found = Vec::new();
    // `dir` may be the `data` folder of a single incident.
    let start = match dir.file_name() {
        Some(name) if name == "data" && dir.join("alert.json").is_file() => {
            dir.parent().unwrap_or(dir)
        }
        _ => dir,
    };
    for folder in folders(start, 4)? {
        if !folder.join("data/alert.json").is_file() {
            continue;
        }
        let full = folder.canonicalize().unwrap_or_else(|_| folder.clone());
        let id = full
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        found.push(CaseRef {
            id,
            system: difficulty(&folder),
            suite: Suite::RootCauseBench,
            path: folder,
            source: Source::RootCauseBench,
        });
    }
    if found.is_empty() {
        return Err(ImportError::NothingFound {
            suite: Suite::RootCauseBench.word(),
            folder: dir.to_path_buf(),
            wanted: "expected <incident>/data/alert.json beside metrics.csv, logs.ndjson, traces.json and context/",
        });
    }
    found.sort_by(|a, b| (&a.id, &a.path).cmp(&(&b.id, &b.path)));
    Ok(found)
}

/// The word after `difficulty =` in `task.toml`; nothing else of that file is looked at, because it
/// carries tags that name the cause.
fn difficulty(folder: &Path) -> String {
    let read = super::read_text(&folder.join("task.toml")).unwrap_or_default();
    read.lines()
        .filter_map(|line| line.split_once('='))
        .find(|(name, _)| name.trim() == "difficulty")
        .map(|(_, value)| value.trim().trim_matches('"').to_string())
        .filter(|word| !word.is_empty())
        .unwrap_or_else(|| "rootcausebench".to_string())
}

/// Reads one incident.
pub(super) fn load(case: &CaseRef) -> Result<Loaded, ImportError> {
    let data = case.path.join("data");
    let mut import = Import {
        data: data.clone(),
        services: Names::default(),
        latest: i64::MIN,
        earliest: i64::MAX,
        gaps: Vec::new(),
    };
    let alert = super::read_json(&data.join("alert.json"))?;
    let alarm = import.alarm(&alert)?;

    let mut made = Case::new(manifest(
        "",
        String::new(),
        TimeWindow::new(Timestamp(0), Timestamp(1))
            .ok_or_else(|| ImportError::malformed(&data, 0, "no window"))?,
        alarm.fired_at,
    ));
    made.series = import.metrics()?;
    made.logs = import.logs()?;
    made.spans = import.spans()?;
    made.changes = import.changes()?;

    // Events and states are asked of feeds that an incident may or may not carry.
    let mut events = Vec::new();
    let mut snapshots = import.patterns(&alarm)?;
    let mut entities = BTreeMap::new();
    for file in import.others()? {
        let name = super::relative(&data, &file);
        let document = super::read_json(&file)?;
        let read = feed::read(&document, &name, &import.services, alarm.fired_at);
        events.extend(read.events);
        snapshots.extend(read.snapshots);
        if let Some(series) = &mut made.series {
            series.extend(read.series);
        }
        if let Some(changes) = &mut made.changes {
            changes.extend(read.changes);
        }
        for entity in read.entities {
            entities.entry(entity.id.clone()).or_insert(entity);
        }
    }
    made.events = Some(events);

    for (name, id) in import.services.iter() {
        entities.entry(id.clone()).or_insert_with(|| Entity {
            id: id.clone(),
            kind: super::kind_from_name(name),
            name: name.to_string(),
            labels: BTreeMap::new(),
        });
    }
    let spans = made.spans.as_deref().unwrap_or_default();
    let outside = entities.values().map(|entity| entity.name.clone());
    let providers = edges::providers(spans, outside);
    let mut found = edges::from_spans(spans, &import.services, &providers);
    found.extend(edges::from_logs(
        made.logs.as_deref().unwrap_or_default(),
        &import.services,
        &providers,
    ));
    for edge in &found {
        for id in [&edge.from, &edge.to] {
            entities
                .entry(id.clone())
                .or_insert_with(|| edges::external(id));
        }
    }
    made.topology.edges = edges::merged(found);
    made.topology.entities = entities.into_values().collect();

    let last = import.latest.max(alarm.fired_at.0);
    let now = Timestamp(last.saturating_add(SECOND));
    let first = import.earliest.min(alarm.fired_at.0);
    let from = alarm.fired_at.0.saturating_sub(60 * MINUTE).max(first);
    let window = TimeWindow::new(Timestamp(from), now)
        .ok_or_else(|| ImportError::malformed(&data, 0, "its times are out of range"))?;
    made.manifest.window = window;
    made.manifest.now = now;
    let before = TimeWindow::new(Timestamp(first), Timestamp(from));
    made.manifest.baselines = before
        .map(|window| BaselineWindow {
            window,
            kind: BaselineKind::Near,
        })
        .into_iter()
        .collect();
    // The folder's name tells the cause; the head is named by what the alarm tells.
    let stamp: String = alarm
        .fired_at
        .to_string()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let service = text(&alert["service"]);
    made.manifest.id = format!("rootcausebench-{service}-{stamp}");
    made.manifest.title = if alarm.summary.is_empty() {
        format!("{} on {service}", alarm.rule)
    } else {
        alarm.summary.clone()
    };
    made.manifest.origin = "RootCauseBench, Edge Delta".to_string();
    made.manifest.licence = "Apache-2.0".to_string();
    made.manifest.gaps = import.gaps;
    snapshots
        .iter_mut()
        .filter(|one| one.time >= now)
        .for_each(|one| one.time = Timestamp(last));
    made.snapshots = Some(snapshots);
    made.alarms.push(alarm);

    let truth = read_truth(&case.path)?;
    made.answer = truth.known.then(|| TrueAnswer {
        entities: vec![service_id(&truth.first_failing_service)],
        changes: truth.commit.iter().cloned().collect(),
        ..TrueAnswer::default()
    });
    made.normalise();
    Ok(Loaded {
        case: made,
        truth: super::Truth::RootCauseBench(truth),
        system: case.system.clone(),
    })
}

fn read_truth(folder: &Path) -> Result<Truth, ImportError> {
    let file = folder.join("ground_truth.json");
    if !file.is_file() {
        return Ok(Truth::default());
    }
    let json = super::read_json(&file)?;
    let words = |name: &str| {
        let list = json[name].as_array().map(Vec::as_slice).unwrap_or_default();
        list.iter().map(text).collect()
    };
    Ok(Truth {
        commit: Some(text(&json["root_cause_commit"]))
            .filter(|sha| !sha.is_empty() && sha != "none"),
        known: true,
        first_failing_service: text(&json["first_failing_service"]),
        blast_radius: words("blast_radius"),
        remediation: text(&json["remediation"]),
        decoys: words("decoy_deploy_commits"),
    })
}

fn service_id(name: &str) -> EntityId {
    EntityId::new(format!("service/{name}"))
}

struct Import {
    data: PathBuf,
    services: Names,
    latest: i64,
    earliest: i64,
    gaps: Vec<Gap>,
}

impl Import {
    fn service(&mut self, name: &str) -> EntityId {
        self.services.intern(name, || service_id(name))
    }

    fn seen(&mut self, at: Timestamp) {
        self.latest = self.latest.max(at.0);
        self.earliest = self.earliest.min(at.0);
    }

    fn skipped(&mut self, wanted: &str, file: &str, rows: u64) {
        if rows > 0 {
            self.gaps.push(Gap {
                wanted: wanted.to_string(),
                entity: None,
                why: GapReason::NotRecorded,
                detail: format!("{rows} rows of {file} name no time or no service"),
                how_to_close: String::new(),
            });
        }
    }

    /// The file, if it is there; otherwise a gap.
    fn wanted(&mut self, name: &str, wanted: &str) -> Option<PathBuf> {
        let file = self.data.join(name);
        if file.is_file() {
            return Some(file);
        }
        self.gaps.push(Gap {
            wanted: wanted.to_string(),
            entity: None,
            why: GapReason::NotRecorded,
            detail: format!("{name} is not in the folder"),
            how_to_close: String::new(),
        });
        None
    }

    fn alarm(&mut self, alert: &Value) -> Result<Alarm, ImportError> {
        let file = self.data.join("alert.json");
        let service = text(&alert["service"]);
        if service.is_empty() {
            return Err(ImportError::malformed(&file, 0, "service must be a name"));
        }
        let fired_at = json::time(&alert["fired_at"]).ok_or_else(|| {
            ImportError::malformed(
                &file,
                0,
                "fired_at must be a time such as 2026-06-18T15:06:00Z",
            )
        })?;
        let rule = text(&alert["monitor"]);
        Ok(Alarm {
            id: if rule.is_empty() {
                "alert".to_string()
            } else {
                rule.clone()
            },
            source: "monitor".to_string(),
            rule,
            entity: self.service(&service),
            metric: Some(text(&alert["metric"])).filter(|metric| !metric.is_empty()),
            statistic: None,
            threshold: alert["threshold"].as_f64(),
            observed: alert["observed"].as_f64(),
            fired_at,
            severity: Severity::parse(&text(&alert["severity"])).or(
                match alert["severity"].as_str() {
                    Some("high" | "page") => Some(Severity::Error),
                    Some("medium" | "low") => Some(Severity::Warn),
                    _ => None,
                },
            ),
            state: AlarmState::Firing,
            summary: text(&alert["summary"]),
            labels: BTreeMap::new(),
            raw: RawRef {
                file: "data/alert.json".into(),
                line: 1,
            },
        })
    }

    fn metrics(&mut self) -> Result<Option<Vec<Arc<Series>>>, ImportError> {
        let Some(file) = self.wanted("metrics.csv", "metrics") else {
            return Ok(None);
        };
        let table = super::read_text(&file)?;
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .from_reader(table.as_bytes());
        let bad = |error: csv::Error| {
            let line = error.position().map_or(0, csv::Position::line);
            ImportError::malformed(&file, line, format!("not a table: {error}"))
        };
        let head = reader.headers().map_err(bad)?.clone();
        let at = |names: &[&str]| {
            head.iter()
                .position(|cell| names.contains(&cell.trim().to_ascii_lowercase().as_str()))
        };
        let columns = (
            at(&["timestamp", "time"]),
            at(&["service", "entity"]),
            at(&["metric", "name"]),
            at(&["value"]),
        );
        let (Some(time), Some(service), Some(metric), Some(value)) = columns else {
            return Err(ImportError::malformed(
                &file,
                1,
                "needs the columns timestamp, service, metric, value",
            ));
        };
        let mut points: BTreeMap<(String, String), Vec<(i64, f64)>> = BTreeMap::new();
        let mut skipped = 0;
        for row in reader.into_records() {
            let row = row.map_err(bad)?;
            let cell = |index: usize| row.get(index).map(str::trim).unwrap_or_default();
            let (Ok(moment), false) = (cell(time).parse::<Timestamp>(), cell(service).is_empty())
            else {
                skipped += 1;
                continue;
            };
            let Some(number) = cell(value).parse().ok().filter(|v: &f64| v.is_finite()) else {
                continue;
            };
            self.seen(moment);
            points
                .entry((cell(service).to_string(), cell(metric).to_string()))
                .or_default()
                .push((moment.0, number));
        }
        self.skipped("metrics", "metrics.csv", skipped);
        let mut all = Vec::new();
        for ((service, metric), mut rows) in points {
            rows.sort_by_key(|(time, _)| *time);
            rows.dedup_by_key(|(time, _)| *time);
            all.push(Arc::new(Series {
                key: SeriesKey {
                    entity: self.service(&service),
                    unit: super::unit_from_name(&metric).to_string(),
                    metric,
                    ..SeriesKey::default()
                },
                times: rows.iter().map(|(time, _)| *time).collect(),
                values: rows.iter().map(|(_, value)| *value).collect(),
            }));
        }
        Ok(Some(all))
    }

    fn logs(&mut self) -> Result<Option<Vec<OwnedLog>>, ImportError> {
        let Some(file) = self.wanted("logs.ndjson", "logs") else {
            return Ok(None);
        };
        let name: Arc<str> = "data/logs.ndjson".into();
        let lines = super::read_text(&file)?;
        let mut all = Vec::new();
        let mut skipped = 0;
        for (number, line) in (1..).zip(lines.lines()) {
            if line.trim().is_empty() {
                continue;
            }
            let mut row: serde_json::Map<String, Value> =
                serde_json::from_str(line).map_err(|error| {
                    ImportError::malformed(&file, number, format!("not a JSON object: {error}"))
                })?;
            let mut take = |names: &[&str]| {
                let found = names.iter().find_map(|name| row.remove(*name));
                found.unwrap_or(Value::Null)
            };
            let time = json::time(&take(&["timestamp", "time", "@timestamp"]));
            let service = text(&take(&["service", "service.name"]));
            let severity = text(&take(&["severity_text", "severity", "level"]));
            let body = text(&take(&["msg", "message", "body"]));
            let trace_id = text(&take(&["trace_id"]));
            let span_id = text(&take(&["span_id"]));
            let (Some(time), false) = (time, service.is_empty()) else {
                skipped += 1;
                continue;
            };
            self.seen(time);
            all.push(OwnedLog {
                time,
                entity: self.service(&service),
                severity: Severity::parse(&severity),
                body: body.into(),
                attributes: flatten(row),
                trace_id: trace_id.into(),
                span_id: span_id.into(),
                file: Arc::clone(&name),
                line: number,
            });
        }
        self.skipped("logs", "logs.ndjson", skipped);
        Ok(Some(all))
    }

    fn spans(&mut self) -> Result<Option<Vec<OwnedSpan>>, ImportError> {
        let Some(file) = self.wanted("traces.json", "traces") else {
            return Ok(None);
        };
        let document = super::read_json(&file)?;
        let name: Arc<str> = "data/traces.json".into();
        let mut all: Vec<OwnedSpan> = Vec::new();
        let mut skipped = 0;
        for (number, row) in (1..).zip(json::rows(document, "spans")) {
            let Value::Object(mut row) = row else {
                skipped += 1;
                continue;
            };
            let mut take = |names: &[&str]| {
                let found = names.iter().find_map(|name| row.remove(*name));
                found.unwrap_or(Value::Null)
            };
            let start = json::time(&take(&["start", "start_time", "timestamp"]));
            let service = text(&take(&["service", "service.name"]));
            let milliseconds = take(&["duration_ms"]).as_f64().unwrap_or(0.0).max(0.0);
            let trace_id = text(&take(&["trace_id"]));
            let span_id = text(&take(&["span_id"]));
            let parent_id = text(&take(&["parent_id", "parent_span_id"]));
            let title = text(&take(&["name", "operation"]));
            let status = text(&take(&["status"]));
            let message = text(&take(&["error", "status_message"]));
            let said = text(&take(&["kind"]));
            let inner = take(&["attributes"]);
            let (Some(start), false) = (start, service.is_empty()) else {
                skipped += 1;
                continue;
            };
            if let Value::Object(inner) = inner {
                for (key, value) in inner {
                    row.entry(key).or_insert(value);
                }
            }
            let attributes = flatten(row);
            let peer = edges::peer(&attributes);
            let length = Timestamp::from_seconds_f64(milliseconds / 1000.0).unwrap_or_default();
            self.seen(start);
            all.push(OwnedSpan {
                trace_id: trace_id.into(),
                span_id: span_id.into(),
                parent_id: parent_id.into(),
                entity: self.service(&service),
                kind: span_kind(&said, &peer),
                name: title.into(),
                start,
                end: Timestamp(start.0.saturating_add(length.0)),
                error: status.eq_ignore_ascii_case("error"),
                message: message.into(),
                peer: peer.into(),
                attributes,
                file: Arc::clone(&name),
                line: number,
            });
        }
        self.skipped("traces", "traces.json", skipped);
        edges::adopt_orphans(&mut all);
        Ok(Some(all))
    }

    fn changes(&mut self) -> Result<Option<Vec<Change>>, ImportError> {
        let mut all = Vec::new();
        let mut looked = false;
        for (name, kind) in [
            ("context/commits.json", ChangeKind::Commit),
            ("context/deploys.json", ChangeKind::Deploy),
            ("context/flags.json", ChangeKind::Flag),
        ] {
            let file = self.data.join(name);
            if !file.is_file() {
                self.wanted(name, &format!("changes: {}s", kind.word()));
                continue;
            }
            looked = true;
            let document = super::read_json(&file)?;
            let whole: Arc<str> = format!("data/{name}").into();
            let list = json::rows(
                document,
                name.trim_start_matches("context/")
                    .trim_end_matches(".json"),
            );
            for (line, row) in (1..).zip(list) {
                let raw = RawRef {
                    file: Arc::clone(&whole),
                    line,
                };
                if let Some(change) = self.change(kind, &row, raw) {
                    all.push(change);
                }
            }
        }
        Ok(looked.then_some(all))
    }

    fn change(&mut self, kind: ChangeKind, row: &Value, raw: RawRef) -> Option<Change> {
        let start = json::time(&row["timestamp"])?;
        let service = text(&row["service"]);
        let entities: Vec<EntityId> = if service.is_empty() {
            Vec::new()
        } else {
            vec![self.service(&service)]
        };
        let sha = text(&row["sha"]);
        let version = text(&row["version"]);
        let flag = text(&row["flag"]);
        let list = |name: &str| -> Vec<String> {
            let list = row[name].as_array().map(Vec::as_slice).unwrap_or_default();
            list.iter().map(text).collect()
        };
        let (id, title, diff, carries) = match kind {
            ChangeKind::Commit => (
                sha,
                text(&row["message"]),
                row["diff"].as_str().map(str::to_string),
                Vec::new(),
            ),
            ChangeKind::Deploy => {
                let commit = text(&row["commit_sha"]);
                let mut carries = list("commits");
                carries.extend(Some(commit).filter(|sha| !sha.is_empty()));
                (
                    format!("deploy {service} {start}"),
                    format!("deploy {version} of {service}"),
                    None,
                    carries,
                )
            }
            _ => {
                let step = text(&row["change"]);
                let diff = step.split_once("->").map(|(old, new)| {
                    format!("-{flag} = {}\n+{flag} = {}", old.trim(), new.trim())
                });
                (
                    format!("flag {flag} {start}"),
                    format!("flag {flag} {step}"),
                    diff,
                    Vec::new(),
                )
            }
        };
        let actor = text(&row["author"]) + &text(&row["actor"]);
        (!id.is_empty()).then_some(Change {
            id,
            kind,
            start,
            end: start,
            entities,
            actor,
            title,
            files: list("files_changed"),
            diff,
            version,
            carries,
            undone: None,
            raw,
        })
    }

    /// The counted log patterns, as states of their services.
    fn patterns(&mut self, alarm: &Alarm) -> Result<Vec<StateSnapshot>, ImportError> {
        let Some(file) = self.wanted("patterns.json", "state: log patterns") else {
            return Ok(Vec::new());
        };
        let document = super::read_json(&file)?;
        let name: Arc<str> = "data/patterns.json".into();
        let mut all = Vec::new();
        for (line, row) in (1..).zip(json::rows(document, "patterns")) {
            let service = text(&row["service"]);
            if service.is_empty() {
                continue;
            }
            all.push(StateSnapshot {
                entity: self.service(&service),
                time: Timestamp(self.latest.max(alarm.fired_at.0)),
                kind: "log.pattern".to_string(),
                document: row,
                raw: RawRef {
                    file: Arc::clone(&name),
                    line,
                },
            });
        }
        Ok(all)
    }

    /// JSON files of `data` and `data/context` that no reader above takes, sorted.
    fn others(&mut self) -> Result<Vec<PathBuf>, ImportError> {
        const TAKEN: [&str; 6] = [
            "alert.json",
            "traces.json",
            "patterns.json",
            "commits.json",
            "deploys.json",
            "flags.json",
        ];
        let mut found = Vec::new();
        for folder in folders(&self.data, 2)? {
            let entries =
                std::fs::read_dir(&folder).map_err(|error| ImportError::io(&folder, error))?;
            for entry in entries.flatten() {
                let path = entry.path();
                let name = entry.file_name().to_string_lossy().into_owned();
                let is_json = path.extension().is_some_and(|ending| ending == "json");
                if path.is_file() && is_json && !TAKEN.contains(&name.as_str()) {
                    found.push(path);
                }
            }
        }
        found.sort();
        Ok(found)
    }
}

fn span_kind(said: &str, peer: &str) -> SpanKind {
    match said.to_ascii_lowercase().trim_start_matches("span_kind_") {
        "server" => SpanKind::Server,
        "client" => SpanKind::Client,
        "producer" => SpanKind::Producer,
        "consumer" => SpanKind::Consumer,
        "internal" => SpanKind::Internal,
        _ if !peer.is_empty() => SpanKind::Client,
        _ => SpanKind::Unspecified,
    }
}
