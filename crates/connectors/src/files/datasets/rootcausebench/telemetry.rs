//! Metrics, log lines, spans and counted log patterns.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::case::{OwnedLog, OwnedSpan};
use model::telemetry::{RawRef, SeriesKey, SpanKind};
use model::{Alarm, Series, Severity, StateSnapshot, Timestamp};
use serde_json::Value;

use super::super::json::{self, flatten, text};
use super::super::{ImportError, edges, read_json, read_text, unit_from_name};
use super::Import;

impl Import {
    pub(super) fn metrics(&mut self) -> Result<Option<Vec<Arc<Series>>>, ImportError> {
        let Some(file) = self.wanted("metrics.csv", "metrics") else {
            return Ok(None);
        };
        let table = read_text(&file)?;
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
                    unit: unit_from_name(&metric).to_string(),
                    metric,
                    ..SeriesKey::default()
                },
                times: rows.iter().map(|(time, _)| *time).collect(),
                values: rows.iter().map(|(_, value)| *value).collect(),
            }));
        }
        Ok(Some(all))
    }

    pub(super) fn logs(&mut self) -> Result<Option<Vec<OwnedLog>>, ImportError> {
        let Some(file) = self.wanted("logs.ndjson", "logs") else {
            return Ok(None);
        };
        let name: Arc<str> = "data/logs.ndjson".into();
        let lines = read_text(&file)?;
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

    pub(super) fn spans(&mut self) -> Result<Option<Vec<OwnedSpan>>, ImportError> {
        let Some(file) = self.wanted("traces.json", "traces") else {
            return Ok(None);
        };
        let document = read_json(&file)?;
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

    /// The counted log patterns, as states of their services.
    pub(super) fn patterns(&mut self, alarm: &Alarm) -> Result<Vec<StateSnapshot>, ImportError> {
        let Some(file) = self.wanted("patterns.json", "state: log patterns") else {
            return Ok(Vec::new());
        };
        let document = read_json(&file)?;
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
