//! OpenSRE: scenarios of an orchestrator or a database, one folder each, with an alert and one file
//! per evidence source. `base:` in `scenario.yml` lays a scenario over another one.
//!
//! Of `scenario.yml` only the base, the evidence that was available and the names of the system are
//! read: the rest tells the answer. `answer.yml` goes into [`Truth`] only.
//!
//! Every row's reference names its file as the set does (`eks_events.json`,
//! `aws_performance_insights.json`), so that the evidence source of a citation can be told
//! ([`evidence_source`]).

mod database;
mod kubernetes;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::alarm::AlarmState;
use model::query::{Gap, GapReason};
use model::recording::TrueAnswer;
use model::telemetry::RawRef;
use model::time::{MINUTE, SECOND};
use model::{
    Alarm, Edge, Entity, EntityId, EntityKind, Event, Series, Severity, StateSnapshot, TimeWindow,
    Timestamp,
};
use serde_json::Value;

use super::json::text;
use super::{CaseRef, ImportError, Loaded, Source, Suite, folders, manifest};
use model::case::{Case, OwnedLog};

/// What OpenSRE expects of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// Was an answer file there at all?
    pub known: bool,
    /// The category's word, such as `resource_exhaustion` or `healthy`.
    pub category: String,
    /// Categories that must never be given.
    pub forbidden_categories: BTreeSet<String>,
    /// Evidence sources that must be cited.
    pub required_evidence_sources: BTreeSet<String>,
    /// What must appear among the exonerated.
    pub ruling_out: Vec<String>,
    /// Words that a good answer contains.
    pub required_keywords: Vec<String>,
    /// Words that a good answer does not contain.
    pub forbidden_keywords: Vec<String>,
}

const KUBERNETES_SOURCES: [&str; 7] = [
    "eks_pods",
    "eks_events",
    "eks_deployments",
    "eks_node_health",
    "eks_pod_logs",
    "datadog_logs",
    "datadog_monitors",
];
const DATABASE_SOURCES: [&str; 3] = [
    "aws_cloudwatch_metrics",
    "aws_rds_events",
    "aws_performance_insights",
];

/// The evidence source that a row's file belongs to; `None` for a file of no source.
pub fn evidence_source(file: &str) -> Option<&'static str> {
    let stem = file.rsplit('/').next()?.strip_suffix(".json")?;
    KUBERNETES_SOURCES
        .into_iter()
        .chain(DATABASE_SOURCES)
        .find(|source| belongs(stem, source))
}

fn belongs(stem: &str, source: &str) -> bool {
    stem.strip_prefix(source)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}

/// Lists the scenarios below `dir`: every folder with a `scenario.yml`.
pub fn cases(dir: &Path) -> Result<Vec<CaseRef>, ImportError> {
    let mut found = Vec::new();
    for folder in folders(dir, 4)? {
        if !folder.join("scenario.yml").is_file() {
            continue;
        }
        let full = folder.canonicalize().unwrap_or_else(|_| folder.clone());
        let name = |path: Option<&Path>| {
            let name = path.and_then(Path::file_name);
            name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
        };
        let system = name(full.parent());
        found.push(CaseRef {
            id: format!("{system}/{}", name(Some(&full))),
            system,
            suite: Suite::OpenSre,
            path: folder,
            source: Source::OpenSre,
        });
    }
    if found.is_empty() {
        return Err(ImportError::NothingFound {
            suite: Suite::OpenSre.word(),
            folder: dir.to_path_buf(),
            wanted: "expected <suite>/<scenario>/scenario.yml beside alert.json and evidence files",
        });
    }
    found.sort_by(|a, b| (&a.id, &a.path).cmp(&(&b.id, &b.path)));
    Ok(found)
}

/// A scenario and those that it lies upon, the uppermost first.
struct Layers {
    folders: Vec<(PathBuf, Value)>,
}

impl Layers {
    fn open(folder: &Path) -> Result<Self, ImportError> {
        let mut folders: Vec<(PathBuf, Value)> = Vec::new();
        let mut next = folder.to_path_buf();
        // A base may itself lie on another one; a ring of them ends here.
        while folders.len() < 4 && !folders.iter().any(|(path, _)| *path == next) {
            let scenario = read_yaml(&next.join("scenario.yml"))?;
            let base = text(&scenario["base"]);
            let parent = next.parent().map(Path::to_path_buf);
            folders.push((next, scenario));
            let plain = !base.is_empty() && !base.contains(['/', '\\']) && base != "..";
            match parent {
                Some(parent) if plain => next = parent.join(base),
                _ => break,
            }
        }
        Ok(Self { folders })
    }

    /// A setting of the scenario, or of the nearest base that has it.
    fn setting(&self, name: &str) -> Value {
        let found = self.folders.iter().map(|(_, scenario)| &scenario[name]);
        found
            .into_iter()
            .find(|value| !value.is_null())
            .cloned()
            .unwrap_or(Value::Null)
    }

    /// The file of this name, of the uppermost layer that has it.
    fn file(&self, name: &str) -> Option<PathBuf> {
        let paths = self.folders.iter().map(|(folder, _)| folder.join(name));
        paths.into_iter().find(|path| path.is_file())
    }

    /// The files of one evidence source and the layer of each: a whole file hides the base's parts.
    fn files(&self, source: &str) -> Vec<(usize, PathBuf)> {
        let mut found: BTreeMap<String, (usize, PathBuf)> = BTreeMap::new();
        for (layer, (folder, _)) in self.folders.iter().enumerate() {
            let Ok(entries) = std::fs::read_dir(folder) else {
                continue;
            };
            for entry in entries.flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                if name
                    .strip_suffix(".json")
                    .is_some_and(|stem| belongs(stem, source))
                {
                    found.entry(name).or_insert((layer, entry.path()));
                }
            }
            if found.contains_key(&format!("{source}.json")) {
                break;
            }
        }
        found.into_values().collect()
    }
}

fn read_yaml(file: &Path) -> Result<Value, ImportError> {
    let text = super::read_text(file)?;
    serde_saphyr::from_str(&text)
        .map_err(|error| ImportError::malformed(file, 0, format!("not YAML: {error}")))
}

fn words(value: &Value) -> Vec<String> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().map(text).collect()
}

/// What the readers of evidence files gather.
#[derive(Default)]
struct Gathered {
    entities: BTreeMap<EntityId, Entity>,
    edges: Vec<Edge>,
    series: Vec<Arc<Series>>,
    logs: Vec<OwnedLog>,
    events: Vec<Event>,
    /// Their time is set when all of the evidence is read: a document says how things are at the end.
    snapshots: Vec<StateSnapshot>,
    /// The latest moment that any row speaks of.
    latest: Option<Timestamp>,
    gaps: Vec<Gap>,
    /// Names of deployments, for telling whose pods are whose.
    deployments: BTreeSet<String>,
}

impl Gathered {
    fn entity(&mut self, prefix: &str, name: &str, kind: EntityKind) -> EntityId {
        let id = EntityId::new(format!("{prefix}/{name}"));
        self.entities.entry(id.clone()).or_insert_with(|| Entity {
            id: id.clone(),
            kind,
            name: name.to_string(),
            labels: BTreeMap::new(),
        });
        id
    }

    fn seen(&mut self, at: Timestamp) {
        self.latest = Some(self.latest.map_or(at, |latest| latest.max(at)));
    }

    fn edge(&mut self, from: &EntityId, to: &EntityId, kind: model::EdgeKind, seen_in: &str) {
        if from != to {
            self.edges.push(Edge {
                from: from.clone(),
                to: to.clone(),
                kind,
                confidence: 1.0,
                calls_per_request: None,
                seen_in: seen_in.to_string(),
            });
        }
    }

    fn snapshot(&mut self, entity: EntityId, kind: &str, document: Value, raw: RawRef) {
        self.snapshots.push(StateSnapshot {
            entity,
            time: Timestamp::default(),
            kind: kind.to_string(),
            document,
            raw,
        });
    }
}

/// Reads one scenario.
pub(super) fn load(case: &CaseRef) -> Result<Loaded, ImportError> {
    let layers = Layers::open(&case.path)?;
    let Some(alert_file) = layers.file("alert.json") else {
        let wanted = "needs alert.json here or in its base";
        return Err(ImportError::malformed(&case.path, 0, wanted));
    };
    let alert = super::read_json(&alert_file)?;
    let available: BTreeSet<String> = words(&layers.setting("available_evidence"))
        .into_iter()
        .collect();
    let on_kubernetes = available.iter().any(|word| word.starts_with("eks"))
        || KUBERNETES_SOURCES
            .iter()
            .any(|source| !layers.files(source).is_empty());
    let on_database = available.iter().any(|word| word.starts_with("aws_"))
        || DATABASE_SOURCES
            .iter()
            .any(|source| !layers.files(source).is_empty());

    let mut all = Gathered::default();
    let mut known: Vec<&str> = Vec::new();
    if on_kubernetes {
        known.extend(KUBERNETES_SOURCES);
    }
    if on_database {
        known.extend(DATABASE_SOURCES);
    }
    let mut open: BTreeMap<&str, Vec<(usize, PathBuf)>> = BTreeMap::new();
    for source in known {
        let files = layers.files(source);
        let listed = available.is_empty() || available.contains(source);
        if listed && !files.is_empty() {
            open.insert(source, files);
            continue;
        }
        all.gaps.push(Gap {
            wanted: source.to_string(),
            entity: None,
            hides: Vec::new(),
            why: if listed {
                GapReason::NotRecorded
            } else {
                GapReason::NotInstrumented
            },
            detail: if listed {
                "listed as available, and no file holds it".to_string()
            } else {
                "not among the evidence that was available".to_string()
            },
            how_to_close: String::new(),
        });
    }
    kubernetes::read(&mut all, &open)?;
    database::read(&mut all, &open, &layers)?;

    let labels = &alert["commonLabels"];
    let alarmed = alarmed_entity(&mut all, labels, &alert["commonAnnotations"]);
    let latest = all.latest.unwrap_or_else(|| Timestamp::from_seconds(1));
    let now = Timestamp(latest.0.saturating_add(SECOND));
    let window = TimeWindow::new(Timestamp(latest.0.saturating_sub(60 * MINUTE)), now)
        .ok_or_else(|| ImportError::malformed(&case.path, 0, "its times are out of range"))?;
    let alarm = read_alarm(&alert, alarmed, latest, &all);

    // The folder's name tells the fault; its number does not.
    let number = case.id.rsplit('/').next().unwrap_or_default();
    let number: String = number.chars().take_while(char::is_ascii_digit).collect();
    let id = format!("opensre-{}-{number}", case.system);
    let mut made = Case::new(manifest(&id, alarm.summary.clone(), window, now));
    if made.manifest.title.is_empty() {
        made.manifest.title = alarm.rule.clone();
    }
    made.manifest.origin = "OpenSRE".to_string();
    made.manifest.licence = "Apache-2.0".to_string();
    made.manifest.gaps = all.gaps;
    let has = |sources: &[&str]| sources.iter().any(|source| open.contains_key(source));
    made.series =
        has(&["aws_cloudwatch_metrics", "aws_performance_insights"]).then_some(all.series);
    made.logs = has(&["eks_pod_logs", "datadog_logs"]).then_some(all.logs);
    made.events = has(&["eks_events", "aws_rds_events"]).then_some(all.events);
    for snapshot in &mut all.snapshots {
        snapshot.time = latest;
    }
    made.snapshots = Some(all.snapshots);
    made.topology.entities = all.entities.into_values().collect();
    made.topology.edges = all.edges;
    made.alarms.push(alarm);

    let truth = read_truth(&case.path)?;
    made.answer = truth.known.then(|| TrueAnswer {
        categories: vec![truth.category.clone()],
        healthy: truth.category == "healthy",
        ..TrueAnswer::default()
    });
    made.normalise();
    Ok(Loaded {
        case: made,
        truth: super::Truth::OpenSre(truth),
        system: case.system.clone(),
    })
}

fn read_truth(folder: &Path) -> Result<Truth, ImportError> {
    let file = folder.join("answer.yml");
    if !file.is_file() {
        return Ok(Truth::default());
    }
    let answer = read_yaml(&file)?;
    let set = |name: &str| words(&answer[name]).into_iter().collect();
    Ok(Truth {
        known: true,
        category: text(&answer["root_cause_category"]),
        forbidden_categories: set("forbidden_categories"),
        required_evidence_sources: set("required_evidence_sources"),
        ruling_out: words(&answer["ruling_out_keywords"]),
        required_keywords: words(&answer["required_keywords"]),
        forbidden_keywords: words(&answer["forbidden_keywords"]),
    })
}

/// Whom the alert is about: the most particular thing that its labels name.
fn alarmed_entity(all: &mut Gathered, labels: &Value, notes: &Value) -> EntityId {
    let named = |name: &str| {
        let word = text(&labels[name]);
        Some(if word.is_empty() {
            text(&notes[name])
        } else {
            word
        })
        .filter(|word| !word.is_empty())
    };
    let kinds = [
        ("db_instance_identifier", "database", EntityKind::Database),
        ("db_instance", "database", EntityKind::Database),
        ("kube_pod", "pod", EntityKind::Pod),
        ("pod", "pod", EntityKind::Pod),
        ("node", "host", EntityKind::Host),
        ("kube_deployment", "workload", EntityKind::Workload),
        ("workload_name", "workload", EntityKind::Workload),
        ("service", "service", EntityKind::Service),
        ("kube_namespace", "scope", EntityKind::Scope),
    ];
    let entity = kinds
        .into_iter()
        .find_map(|(label, prefix, kind)| Some((prefix, named(label)?, kind)));
    let (prefix, name, kind) =
        entity.unwrap_or(("service", "unknown".to_string(), EntityKind::Unknown));
    let id = all.entity(prefix, &name, kind);
    if let Some(replica) = named("read_replica").filter(|_| kind == EntityKind::Database) {
        let copy = all.entity("database", &replica, EntityKind::Database);
        all.edge(&copy, &id, model::EdgeKind::ReplicatesFrom, "alert.json");
    }
    if let Some(cluster) = named("db_cluster").filter(|_| kind == EntityKind::Database) {
        let cluster = all.entity("scope", &cluster, EntityKind::Scope);
        all.edge(&id, &cluster, model::EdgeKind::PartOf, "alert.json");
    }
    if kind == EntityKind::Pod {
        kubernetes::place_pod(all, &name, named("kube_deployment").as_deref());
    }
    id
}

/// The set gives an alert no time; it counts as having been looked at when the evidence ends.
fn read_alarm(alert: &Value, entity: EntityId, at: Timestamp, all: &Gathered) -> Alarm {
    let labels = &alert["commonLabels"];
    let notes = &alert["commonAnnotations"];
    let rule = text(&labels["alertname"]);
    let said: Vec<String> = ["summary", "description", "error"]
        .iter()
        .map(|name| text(&notes[*name]))
        .filter(|line| !line.is_empty())
        .collect();
    let summary = said.join(" ");
    let state = match text(&alert["state"]).to_ascii_lowercase().as_str() {
        "normal" | "ok" | "resolved" | "recovered" => AlarmState::Resolved,
        "no data" | "nodata" | "insufficient_data" => AlarmState::NoData,
        _ => AlarmState::Firing,
    };
    let mut kept = BTreeMap::new();
    for (name, value) in [labels, notes]
        .into_iter()
        .filter_map(Value::as_object)
        .flatten()
    {
        // A failure mode is a verdict, not an observation.
        let verdict = name.contains("failure_mode") || name.contains("root_cause");
        let value = text(value);
        if !verdict && !said.contains(&value) && !value.is_empty() {
            kept.insert(name.clone(), value);
        }
    }
    // The metric that the alert's words name first.
    let metric = [&summary, &rule]
        .into_iter()
        .find_map(|words| {
            let named = all
                .series
                .iter()
                .filter(|series| series.key.entity == entity);
            named
                .filter_map(|series| Some((words.find(&series.key.metric)?, &series.key)))
                .min()
        })
        .map(|(_, key)| key.clone());
    Alarm {
        id: if rule.is_empty() {
            "alert".to_string()
        } else {
            rule.clone()
        },
        source: text(&alert["alert_source"]),
        rule,
        entity,
        statistic: metric.as_ref().map(|key| key.statistic.clone()),
        metric: metric.map(|key| key.metric),
        threshold: None,
        observed: None,
        fired_at: at,
        true_at: None,
        severity: Severity::parse(&text(&labels["severity"])),
        state,
        summary,
        labels: kept,
        raw: RawRef {
            file: "alert.json".into(),
            line: 1,
        },
    }
}
