//! RootCauseBench: an alert, telemetry (`metrics.csv`, `logs.ndjson`, `traces.json`,
//! `patterns.json`) and what was altered (`context/commits.json`, `deploys.json`, `flags.json`), in
//! one `data` folder per incident. Any further JSON file there is read as a feed or as context.
//!
//! `ground_truth.json` lies beside `data` and goes into [`Truth`] only.

mod changes;
mod telemetry;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use model::alarm::AlarmState;
use model::case::Case;
use model::query::{Gap, GapReason};
use model::recording::{BaselineKind, BaselineWindow, TrueAnswer};
use model::telemetry::RawRef;
use model::time::{MINUTE, SECOND};
use model::{Alarm, Entity, EntityId, Severity, TimeWindow, Timestamp};
use serde_json::Value;

use super::edges::{self, Names};
use super::json::{self, text};
use super::{CaseRef, ImportError, Loaded, Source, Suite, feed, folders, manifest};

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
                hides: Vec::new(),
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
            hides: Vec::new(),
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
            true_at: None,
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
