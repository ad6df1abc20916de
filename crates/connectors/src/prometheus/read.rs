//! Takes answers of the API apart.

use std::collections::BTreeMap;

use model::time::{Span, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use crate::pull::Missed;

/// Labels of a series, its name among them as `__name__`.
pub(super) type Labels = BTreeMap<String, String>;

/// One series as it was answered: times strictly increasing, values finite.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Matrix {
    pub labels: Labels,
    /// Nanoseconds since the epoch.
    pub times: Vec<i64>,
    pub values: Vec<f64>,
}

#[derive(Deserialize)]
struct Range {
    status: String,
    data: RangeData,
    #[serde(default)]
    warnings: Value,
}

/// An answer about a range.
#[derive(Debug, Default)]
pub(super) struct Ranged {
    pub matrices: Vec<Matrix>,
    /// What the server says against it.
    pub warnings: Vec<String>,
    /// Some points lie outside of what was asked for, and were left out.
    pub strays: bool,
}

#[derive(Deserialize)]
struct RangeData {
    #[serde(default)]
    result: Vec<RangeSeries>,
}

#[derive(Deserialize)]
struct RangeSeries {
    #[serde(default)]
    metric: Labels,
    /// Absent where the series is a native histogram.
    #[serde(default)]
    values: Vec<(f64, String)>,
}

/// A moment as the API writes it.
pub(super) fn seconds(at: Timestamp) -> String {
    let ms = at.0.div_euclid(1_000_000);
    format!("{}.{:03}", ms.div_euclid(1000), ms.rem_euclid(1000))
}

/// A moment of the API, which counts seconds with at most three decimals.
pub(super) fn nanos(seconds: f64) -> i64 {
    // What does not fit saturates, and is outside of every window.
    ((seconds * 1000.0).round() as i64).saturating_mul(1_000_000)
}

/// By so much times may differ that were written down and read again.
const ROUNDED: i64 = model::time::SECOND;

/// What the server says against its answer.
fn warnings(all: &Value) -> Vec<String> {
    let all = all.as_array().into_iter().flatten();
    all.filter_map(|text| Some(text.as_str()?.to_string()))
        .collect()
}

/// The answer's `data`, and what the server says against it.
pub(super) fn data(body: &[u8]) -> Result<(Value, Vec<String>), Missed> {
    let mut answer: Value =
        serde_json::from_slice(body).map_err(|error| Missed::Strange(error.to_string()))?;
    if answer["status"].as_str() != Some("success") {
        let said = answer["error"].as_str().unwrap_or("no status of success");
        return Err(Missed::Strange(said.chars().take(300).collect()));
    }
    Ok((answer["data"].take(), warnings(&answer["warnings"])))
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

/// What `time()` says, in seconds: the present by the server's clock, and how much of it the server holds back.
///
/// Prometheus gives a scalar, and holds back nothing. VictoriaMetrics gives a vector: below the present stands the moment up
/// to which it tells what it knows; whatever it gives for later repeats what was there
/// (<https://docs.victoriametrics.com/keyconcepts/#query-latency>).
pub(super) fn time(data: &Value) -> Option<(f64, f64)> {
    let (point, told) = match &data["result"][0] {
        Value::Object(row) => (row.get("value")?, true),
        _ => (&data["result"], false),
    };
    let value = number(point.get(1)?.as_str()?)?;
    if !told {
        return Some((value, 0.0));
    }
    let now = point.get(0)?.as_f64()?.max(value);
    Some((now, now - value))
}

fn labels(metric: &Value) -> Labels {
    let pairs = metric.as_object().into_iter().flatten();
    pairs
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_string())))
        .collect()
}

/// The series of an instant vector, sorted by labels; what is no finite number is left out.
pub(super) fn vector(data: &Value) -> Vec<(Labels, f64)> {
    let rows = data["result"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let mut found: Vec<(Labels, f64)> = rows
        .iter()
        .filter_map(|row| {
            let value = number(row["value"].get(1)?.as_str()?)?;
            Some((labels(&row["metric"]), value))
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

/// The series of a range vector.
pub(super) fn matrices(data: &Value) -> Result<Vec<Matrix>, Missed> {
    let rows: Vec<RangeSeries> = serde_json::from_value(data["result"].clone())
        .map_err(|error| Missed::Strange(error.to_string()))?;
    Ok(kept(rows, Timestamp(i64::MIN), Timestamp(i64::MAX)))
}

/// The series of a query over a range. Points outside of it were not asked for, and are left out; within a step of it they
/// are no more than rounded (VictoriaMetrics begins at a multiple of the step).
pub(super) fn range(
    body: &[u8],
    (from, to): (Timestamp, Timestamp),
    step: Span,
) -> Result<Ranged, Missed> {
    let answer: Range =
        serde_json::from_slice(body).map_err(|error| Missed::Strange(error.to_string()))?;
    if answer.status != "success" {
        return Err(Missed::Strange(format!("status {:?}", answer.status)));
    }
    let mut points = answer.data.result.iter().flat_map(|row| &row.values);
    let rounded = step.0.max(ROUNDED);
    let wide = from.0.saturating_sub(rounded)..=to.0.saturating_add(rounded);
    let strays = points.any(|(at, _)| !wide.contains(&nanos(*at)));
    Ok(Ranged {
        matrices: kept(answer.data.result, from, to),
        warnings: warnings(&answer.warnings),
        strays,
    })
}

fn kept(rows: Vec<RangeSeries>, from: Timestamp, to: Timestamp) -> Vec<Matrix> {
    let mut found: Vec<Matrix> = rows
        .into_iter()
        .map(|row| {
            let mut points: Vec<(i64, f64)> = row
                .values
                .iter()
                .filter_map(|(at, value)| Some((nanos(*at), number(value)?)))
                .filter(|(at, _)| *at >= from.0 && *at < to.0)
                .collect();
            points.sort_by_key(|(at, _)| *at);
            points.dedup_by_key(|(at, _)| *at);
            let (times, values) = points.into_iter().unzip();
            Matrix {
                labels: row.metric,
                times,
                values,
            }
        })
        .filter(|matrix| !matrix.times.is_empty())
        .collect();
    found.sort_by(|a, b| a.labels.cmp(&b.labels));
    found
}

/// Brings points to our clock; of a job that is scraped less often than the step only so many points stay as are
/// scrapes, because those between them only repeat.
pub(super) fn settle(matrix: &mut Matrix, jobs: &BTreeMap<String, Span>, step: Span, ahead: Span) {
    let job = matrix.labels.get("job").and_then(|job| jobs.get(job));
    let every = job
        .map_or(1, |every| (every.0 + step.0 / 2) / step.0.max(1))
        .max(1);
    if every > 1 {
        let long = step.0.saturating_mul(every);
        let points = matrix.times.iter().zip(&matrix.values);
        let kept = points.filter(|(at, _)| at.rem_euclid(long) == 0);
        (matrix.times, matrix.values) = kept.map(|(at, value)| (*at, *value)).unzip();
    }
    if ahead.0 != 0 {
        for at in &mut matrix.times {
            *at = at.saturating_sub(ahead.0);
        }
    }
}
