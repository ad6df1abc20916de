//! Metrics in OTLP/JSON.

use std::borrow::Cow;

use super::points::{BUCKETS, Emit, Metric, Point, Shape};
use super::{Resource, Walk, value};
use crate::files::json::{Json, JsonError};

/// Reads one `scopeMetrics`.
pub(super) fn scope<'a>(
    json: &mut Json<'a>,
    resource: &Resource<'a>,
    walk: &mut Walk<'_>,
) -> Result<(), JsonError> {
    json.object(|json, key| match &*key {
        "metrics" => json.array_or_null(|json| metric(json, resource, walk)),
        _ => json.skip(),
    })
}

fn metric<'a>(
    json: &mut Json<'a>,
    resource: &Resource<'a>,
    walk: &mut Walk<'_>,
) -> Result<(), JsonError> {
    let (mut name, mut unit) = (Cow::Borrowed(""), Cow::Borrowed(""));
    // The points wait until the object is through: name and unit may stand behind them.
    let mut data = None;
    json.object(|json, key| {
        let shape = match &*key {
            "name" => {
                name = json.text()?;
                return Ok(());
            }
            "unit" => {
                unit = json.text()?;
                return Ok(());
            }
            "gauge" => Shape::Gauge,
            "sum" => Shape::Sum,
            "histogram" => Shape::Histogram,
            "exponentialHistogram" | "exponential_histogram" => Shape::Exponential,
            "summary" => Shape::Summary,
            _ => return json.skip(),
        };
        data = Some((shape, json.here()));
        json.skip()
    })?;
    let Some((shape, json)) = data else {
        return Ok(());
    };
    // Temporality, too, may stand behind the points.
    let mut cumulative = shape == Shape::Summary;
    let mut monotonic = shape != Shape::Sum;
    json.here().object_or_null(|json, key| {
        match &*key {
            "aggregationTemporality" | "aggregation_temporality" => {
                cumulative = matches!(&*json.text()?, "2" | "AGGREGATION_TEMPORALITY_CUMULATIVE");
            }
            "isMonotonic" | "is_monotonic" => monotonic = json.flag()?,
            _ => json.skip()?,
        }
        Ok(())
    })?;
    let about = Metric {
        name,
        unit,
        shape,
        cumulative,
        monotonic,
    };
    json.here().object_or_null(|json, key| {
        if !matches!(&*key, "dataPoints" | "data_points") {
            return json.skip();
        }
        json.array_or_null(|json| {
            let point = point(json)?;
            let mut emit = Emit {
                about: &about,
                resource,
                place: walk.place,
                sink: &mut *walk.sink,
                memory: &mut *walk.memory,
            };
            let flow = emit.take(point);
            walk.go(flow, json)
        })
    })
}

fn point<'a>(json: &mut Json<'a>) -> Result<Point<'a>, JsonError> {
    let mut point = Point::default();
    json.object(|json, key| {
        match &*key {
            "attributes" => value::attributes(json, &mut point.fields)?,
            "startTimeUnixNano" | "start_time_unix_nano" => point.heap.start = json.int()?,
            "timeUnixNano" | "time_unix_nano" => point.heap.time = json.int()?,
            "asDouble" | "as_double" | "asInt" | "as_int" => point.value = json.float()?,
            // The lowest bit of the flags says that no value was recorded.
            "flags" => point.missing = json.int()? & 1 == 1,
            "count" => point.heap.count = json.float()?,
            "sum" => point.heap.sum = json.float()?,
            "min" => point.min = Some(json.float()?),
            "max" => point.max = Some(json.float()?),
            "zeroCount" | "zero_count" => point.heap.zero = json.float()?,
            "scale" => point.heap.scale = json.int()?.clamp(-64, 64) as i32,
            "bucketCounts" | "bucket_counts" => {
                point.heap.buckets[0] = counts(json, 0)?;
            }
            "explicitBounds" | "explicit_bounds" => json.array_or_null(|json| {
                point.heap.bounds.push(json.float()?);
                Ok(())
            })?,
            "positive" => point.heap.buckets[0] = side(json)?,
            "negative" => point.heap.buckets[1] = side(json)?,
            "quantileValues" | "quantile_values" => json.array_or_null(|json| {
                let (mut q, mut v) = (f64::NAN, f64::NAN);
                json.object(|json, key| {
                    match &*key {
                        "quantile" => q = json.float()?,
                        "value" => v = json.float()?,
                        _ => json.skip()?,
                    }
                    Ok(())
                })?;
                point.quantiles.push((q, v));
                Ok(())
            })?,
            _ => json.skip()?,
        }
        Ok(())
    })?;
    Ok(point)
}

fn counts(json: &mut Json<'_>, offset: i64) -> Result<Vec<(i64, f64)>, JsonError> {
    let mut out = Vec::new();
    json.array_or_null(|json| {
        let count = json.float()?;
        if out.len() >= BUCKETS {
            return json.error("a histogram of at most 4096 buckets");
        }
        out.push((offset.saturating_add(out.len() as i64), count));
        Ok(())
    })?;
    Ok(out)
}

fn side(json: &mut Json<'_>) -> Result<Vec<(i64, f64)>, JsonError> {
    let mut offset = 0;
    let mut out = Vec::new();
    json.object_or_null(|json, key| {
        match &*key {
            "offset" => offset = json.int()?,
            "bucketCounts" | "bucket_counts" => out = counts(json, 0)?,
            _ => json.skip()?,
        }
        Ok(())
    })?;
    for (i, _) in &mut out {
        *i = i.saturating_add(offset);
    }
    out.retain(|(_, count)| *count > 0.0);
    Ok(out)
}
