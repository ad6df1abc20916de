//! The database half of OpenSRE: CloudWatch metrics, RDS events, Performance Insights.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::query::{Gap, GapReason};
use model::telemetry::{RawRef, SeriesKey};
use model::{EntityId, EntityKind, Event, Series, Severity, Timestamp};
use serde_json::Value;

use super::super::json::{self, text};
use super::super::{ImportError, read_json};
use super::{Gathered, Layers};

pub(super) fn read(
    all: &mut Gathered,
    open: &BTreeMap<&str, Vec<(usize, PathBuf)>>,
    layers: &Layers,
) -> Result<(), ImportError> {
    let files = |source: &str| open.get(source).map(Vec::as_slice).unwrap_or_default();
    metrics(all, files("aws_cloudwatch_metrics"), layers)?;
    for (_, file) in files("aws_rds_events") {
        events(all, &read_json(file)?);
    }
    for (_, file) in files("aws_performance_insights") {
        load(all, read_json(file)?);
    }
    Ok(())
}

/// One metric result, not yet placed in time.
struct Points {
    layer: usize,
    key: SeriesKey,
    rows: Vec<(i64, f64)>,
}

fn metrics(
    all: &mut Gathered,
    files: &[(usize, PathBuf)],
    layers: &Layers,
) -> Result<(), ImportError> {
    let mut found: Vec<Points> = Vec::new();
    let mut ends: Vec<(usize, Timestamp)> = Vec::new();
    for (layer, file) in files {
        let document = read_json(file)?;
        let end = json::time(&document["end_time"]);
        ends.extend(end.map(|end| (*layer, end)));
        let many = document["metric_data_results"].as_array();
        let many = many.or_else(|| document["MetricDataResults"].as_array());
        match many {
            Some(results) => {
                for result in results {
                    found.extend(points(all, *layer, result, layers));
                }
            }
            None => found.extend(points(all, *layer, &document, layers)),
        }
    }
    place_base(&mut found);
    let mut taken: BTreeSet<SeriesKey> = BTreeSet::new();
    // The uppermost layer's series of a key hides those below it.
    found.sort_by(|a, b| a.layer.cmp(&b.layer).then_with(|| a.key.cmp(&b.key)));
    let top = found.first().map(|points| points.layer);
    for points in found {
        if !taken.insert(points.key.clone()) || points.rows.is_empty() {
            continue;
        }
        for (time, _) in &points.rows {
            all.seen(Timestamp(*time));
        }
        all.series.push(Arc::new(Series {
            key: points.key,
            times: points.rows.iter().map(|(time, _)| *time).collect(),
            values: points.rows.iter().map(|(_, value)| *value).collect(),
        }));
    }
    for (layer, end) in ends {
        if Some(layer) == top {
            all.seen(end);
        }
    }
    absent_metrics(all, files, layers, &taken);
    Ok(())
}

/// Metrics that the base collects and this scenario does not have.
fn absent_metrics(
    all: &mut Gathered,
    files: &[(usize, PathBuf)],
    layers: &Layers,
    taken: &BTreeSet<SeriesKey>,
) {
    let used: BTreeSet<&Path> = files.iter().map(|(_, file)| file.as_path()).collect();
    let own: BTreeSet<&str> = taken.iter().map(|key| key.metric.as_str()).collect();
    let mut absent: BTreeSet<String> = BTreeSet::new();
    for (folder, _) in layers.folders.iter().skip(1) {
        let Ok(entries) = std::fs::read_dir(folder) else {
            continue;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            let is_metric = name.is_some_and(|name| {
                name.starts_with("aws_cloudwatch_metrics") && name.ends_with(".json")
            });
            if !is_metric || used.contains(path.as_path()) {
                continue;
            }
            let Ok(document) = read_json(&path) else {
                continue;
            };
            let many = document["metric_data_results"].as_array();
            let names = many.into_iter().flatten().chain([&document]);
            absent.extend(
                names
                    .map(|one| text(&one["metric_name"]))
                    .filter(|name| !name.is_empty()),
            );
        }
    }
    let entity = taken.first().map(|key| key.entity.clone());
    for metric in absent {
        if !own.is_empty() && !own.contains(metric.as_str()) {
            all.gaps.push(Gap {
                wanted: format!("metric {metric}"),
                entity: entity.clone(),
                hides: Vec::new(),
                why: GapReason::NotRecorded,
                detail: "collected in the healthy base, absent here".to_string(),
                how_to_close: String::new(),
            });
        }
    }
}

fn points(all: &mut Gathered, layer: usize, result: &Value, layers: &Layers) -> Option<Points> {
    let metric = [&result["metric_name"], &result["label"], &result["Label"]]
        .into_iter()
        .map(text)
        .find(|name| !name.is_empty())?;
    let (times, values) = (
        result["timestamps"].as_array()?,
        result["values"].as_array()?,
    );
    let mut rows: Vec<(i64, f64)> = times
        .iter()
        .zip(values)
        .filter_map(|(time, value)| Some((json::time(time)?.0, value.as_f64()?)))
        .filter(|(_, value)| value.is_finite())
        .collect();
    rows.sort_by_key(|(time, _)| *time);
    rows.dedup_by_key(|(time, _)| *time);
    let mut labels = BTreeMap::new();
    let mut instance = None;
    for dimension in result["dimensions"].as_array().into_iter().flatten() {
        let (name, value) = (text(&dimension["Name"]), text(&dimension["Value"]));
        if name == "DBInstanceIdentifier" {
            instance = Some(value);
        } else if !name.is_empty() {
            labels.insert(name, value);
        }
    }
    let own = text(&layers.setting("db_instance_identifier"));
    let name = match instance {
        // What lies in a base speaks of the base's instance; here it stands for ours.
        Some(name) if layer == 0 || own.is_empty() => name,
        _ => own,
    };
    if name.is_empty() {
        return None;
    }
    let entity = all.entity("database", &name, EntityKind::Database);
    Some(Points {
        layer,
        key: SeriesKey {
            entity,
            metric,
            statistic: text(&result["stat"]),
            unit: unit(&text(&result["unit"])).to_string(),
            labels,
        },
        rows,
    })
}

/// Moves series that come from a base to the time of the scenario's own, where they do not meet.
fn place_base(found: &mut [Points]) {
    let ends = |layer: usize, found: &[Points]| {
        found
            .iter()
            .filter(|points| points.layer == layer)
            .filter_map(|points| Some((points.rows.first()?.0, points.rows.last()?.0)))
            .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    };
    let Some((from, to)) = ends(0, found) else {
        return;
    };
    for layer in 1..4 {
        let Some((first, last)) = ends(layer, found) else {
            continue;
        };
        if first > to || last < from {
            let shift = to.saturating_sub(last);
            for points in found.iter_mut().filter(|points| points.layer == layer) {
                for (time, _) in &mut points.rows {
                    *time = time.saturating_add(shift);
                }
            }
        }
    }
}

/// CloudWatch's unit in UCUM's spelling.
fn unit(word: &str) -> &str {
    match word {
        "Percent" => "%",
        "Count" => "1",
        "Bytes" => "By",
        "Kilobytes" => "kBy",
        "Megabytes" => "MBy",
        "Gigabytes" => "GBy",
        "Seconds" => "s",
        "Milliseconds" => "ms",
        "Microseconds" => "us",
        "Count/Second" => "1/s",
        "Bytes/Second" => "By/s",
        "None" => "",
        other => other,
    }
}

fn events(all: &mut Gathered, document: &Value) {
    let file: Arc<str> = "aws_rds_events.json".into();
    for (line, row) in (1..).zip(document["events"].as_array().into_iter().flatten()) {
        let source = text(&row["source_identifier"]);
        let Some(at) = json::time(&row["date"]) else {
            continue;
        };
        if source.is_empty() {
            continue;
        }
        let entity = all.entity("database", &source, EntityKind::Database);
        all.seen(at);
        let categories = super::words(&row["event_categories"]);
        let is = |word: &str| categories.iter().any(|category| category == word);
        let severity = if is("failure") {
            Some(Severity::Error)
        } else if is("low storage") || is("failover") || is("availability") {
            Some(Severity::Warn)
        } else {
            Some(Severity::Info)
        };
        all.events.push(Event {
            entity,
            first: at,
            last: at,
            source: "rds".to_string(),
            reason: categories.join(","),
            message: text(&row["message"]),
            severity,
            count: 1,
            raw: RawRef {
                file: Arc::clone(&file),
                line,
            },
        });
    }
}

fn load(all: &mut Gathered, document: Value) {
    let name = text(&document["db_instance_identifier"]);
    if name.is_empty() {
        return;
    }
    let entity: EntityId = all.entity("database", &name, EntityKind::Database);
    let load = &document["db_load"];
    let times = load["timestamps"].as_array().into_iter().flatten();
    let values = load["values"].as_array().into_iter().flatten();
    let mut rows: Vec<(i64, f64)> = times
        .zip(values)
        .filter_map(|(time, value)| Some((json::time(time)?.0, value.as_f64()?)))
        .collect();
    rows.sort_by_key(|(time, _)| *time);
    rows.dedup_by_key(|(time, _)| *time);
    rows.iter().for_each(|(time, _)| all.seen(Timestamp(*time)));
    if !rows.is_empty() {
        all.series.push(Arc::new(Series {
            key: SeriesKey {
                entity: entity.clone(),
                metric: "db_load".to_string(),
                statistic: "Average".to_string(),
                unit: "1".to_string(),
                labels: BTreeMap::new(),
            },
            times: rows.iter().map(|(time, _)| *time).collect(),
            values: rows.iter().map(|(_, value)| *value).collect(),
        }));
    }
    let raw = RawRef {
        file: "aws_performance_insights.json".into(),
        line: 1,
    };
    all.snapshot(entity, "database.load", document, raw);
}
