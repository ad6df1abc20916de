//! `cloudwatch get-metric-data` and `get-metric-statistics`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use super::names;
use crate::files::entities::Who;
use crate::files::error::FilesError;
use crate::files::gathered::{moment_at, text_at, values};
use crate::files::limits::Limits;
use crate::files::rows::PointParts;
use crate::files::source::DataFile;
use crate::files::stream::{Place, Sink};
use crate::files::text::by_file;

/// What one result is about.
struct About {
    who: Who<'static>,
    metric: String,
    statistic: String,
}

fn owned(who: Who<'_>) -> Who<'static> {
    match who {
        Who::Id(text) => Who::Id(Cow::Owned(text.into_owned())),
        Who::Named(kind, text) => Who::Named(kind, Cow::Owned(text.into_owned())),
        Who::Met(id) => Who::Met(id),
        Who::Nobody => Who::Nobody,
    }
}

/// The answer does not say what was asked. Where the question lies beside it (`NAME.queries.json`, the
/// file that `--metric-data-queries file://…` took), each id is looked up there.
fn questions(file: &DataFile, limits: &Limits) -> Result<BTreeMap<String, About>, FilesError> {
    let mut out = BTreeMap::new();
    let plain = file.name.trim_end_matches(".gz").trim_end_matches(".zst");
    let stem = plain.strip_suffix(".json").unwrap_or(plain);
    let Some(folder) = file.path.parent() else {
        return Ok(out);
    };
    let own = stem.rsplit('/').next().unwrap_or(stem);
    let path = folder.join(format!("{own}.queries.json"));
    let Ok(about) = std::fs::symlink_metadata(&path) else {
        return Ok(out);
    };
    if !about.is_file() {
        return Ok(out);
    }
    let beside = DataFile::examine(&path, &format!("{stem}.queries.json"), about.len())?;
    let text = beside.document(limits)?;
    let queries: Value = crate::files::documents::typed(&beside, &text, 1)?;
    let list = queries.get("MetricDataQueries").unwrap_or(&queries);
    for query in list.as_array().into_iter().flatten() {
        let stat = &query["MetricStat"];
        let who = names::dimensions(&stat["Metric"]["Dimensions"]);
        out.insert(
            text_at(query, &["Id"]).to_string(),
            About {
                who: who.map_or(Who::Nobody, owned),
                metric: text_at(stat, &["Metric", "MetricName"]).to_string(),
                statistic: text_at(stat, &["Stat"]).to_string(),
            },
        );
    }
    Ok(out)
}

/// A label as people set it: `entity|metric|statistic`, or CloudWatch's own `resource Metric`, or the
/// metric's name alone.
fn by_label(file: &DataFile, label: &str) -> About {
    let mut parts = label.split('|').map(str::trim);
    let first = parts.next().unwrap_or_default();
    if let Some(metric) = parts.next() {
        return About {
            who: Who::Id(Cow::Owned(first.to_string())),
            metric: metric.to_string(),
            statistic: parts.next().unwrap_or_default().to_string(),
        };
    }
    match label.split_once(' ') {
        Some((resource, metric)) if !metric.contains(' ') && !metric.is_empty() => About {
            who: Who::Id(Cow::Owned(resource.to_string())),
            metric: metric.to_string(),
            statistic: String::new(),
        },
        _ => About {
            who: by_file(file),
            metric: label.to_string(),
            statistic: String::new(),
        },
    }
}

/// Reads `get-metric-data`.
pub(super) fn data(
    file: &DataFile,
    text: &str,
    limits: &Limits,
    sink: &mut dyn Sink,
) -> Result<(), FilesError> {
    let questions = questions(file, limits)?;
    values(file, text, "MetricDataResults", |result, raw| {
        let label;
        let id = text_at(&result, &["Id"]);
        let about = match questions.get(id).filter(|about| !about.metric.is_empty()) {
            Some(about) => about,
            None => {
                let said = match text_at(&result, &["Label"]) {
                    "" => id,
                    said => said,
                };
                label = by_label(file, said);
                &label
            }
        };
        let empty = Vec::new();
        let times = result["Timestamps"].as_array().unwrap_or(&empty);
        let points = result["Values"].as_array().unwrap_or(&empty);
        if times.len() != points.len() {
            return Err(file.syntax(
                raw.line,
                format!("{} timestamps and {} values", times.len(), points.len()),
                "as many values as timestamps",
            ));
        }
        for (time, value) in times.iter().zip(points) {
            let Some(at) = moment_at(time, &[]) else {
                return Err(file.syntax(raw.line, format!("the time {time}"), "a timestamp"));
            };
            let parts = PointParts {
                time: at,
                who: Some(about.who.clone()),
                metric: Cow::Borrowed(&about.metric),
                statistic: Cow::Borrowed(&about.statistic),
                unit: Cow::Borrowed(""),
                value: value.as_f64().unwrap_or(f64::NAN),
                labels: Vec::new(),
            };
            let place = Place {
                offset: 0,
                line: raw.line,
            };
            if sink.point(parts, place)?.is_break() {
                break;
            }
        }
        Ok(())
    })
}

/// Reads `get-metric-statistics`: about the one that the file's name says.
pub(super) fn statistics(
    file: &DataFile,
    text: &str,
    sink: &mut dyn Sink,
) -> Result<(), FilesError> {
    let head: Value = crate::files::documents::typed(file, text, 1)?;
    let metric = text_at(&head, &["Label"]).to_string();
    values(file, text, "Datapoints", |point, raw| {
        let Some(at) = moment_at(&point, &["Timestamp"]) else {
            return Err(file.syntax(raw.line, "a data point without a time", "a `Timestamp`"));
        };
        let unit = match text_at(&point, &["Unit"]) {
            "Percent" => "%",
            "Milliseconds" => "ms",
            "Microseconds" => "us",
            "Seconds" => "s",
            "Bytes" => "By",
            "Count" => "1",
            "None" => "",
            other => other,
        };
        let plain = ["Average", "Sum", "Minimum", "Maximum", "SampleCount"]
            .into_iter()
            .filter_map(|name| Some((name, point.get(name)?.as_f64()?)));
        let extended = point["ExtendedStatistics"].as_object();
        let extended = extended
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.as_str(), value.as_f64()?)));
        for (statistic, value) in plain.chain(extended) {
            let parts = PointParts {
                time: at,
                who: Some(by_file(file)),
                metric: Cow::Borrowed(&metric),
                statistic: Cow::Borrowed(statistic),
                unit: Cow::Borrowed(unit),
                value,
                labels: Vec::new(),
            };
            let place = Place {
                offset: 0,
                line: raw.line,
            };
            let _ = sink.point(parts, place)?;
        }
        Ok(())
    })
}
