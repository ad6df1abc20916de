//! Metric points of all kinds, as plain series.
//!
//! Gauges keep their values. Whatever accumulates (sums, histograms, summaries) becomes what came in
//! *since the point before*, as the statistic `increase` (sums), or `count`, `sum`, `mean`, `p50`, `p90`,
//! `p99` (histograms): that is what an engineer reads, and what survives a restart of the process.

use std::borrow::Cow;

use model::Timestamp;
use rustc_hash::FxHashMap;

use super::quantile::{Bucket, explicit, exponential, quantile};
use super::{Fields, Resource, Walk, value};
use crate::files::entities::Who;
use crate::files::json::{Json, JsonError};
use crate::files::rows::PointParts;

/// Quantiles that histograms are read at.
const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)];
/// Buckets of one exponential histogram; the SDKs' default is 160.
const BUCKETS: usize = 4096;

/// What accumulating series said last.
#[derive(Debug, Default)]
pub(super) struct Memory {
    known: FxHashMap<Box<[u8]>, Heap>,
}

/// What a process has counted since it started.
#[derive(Clone, Debug, Default)]
struct Heap {
    start: i64,
    time: i64,
    count: f64,
    sum: f64,
    zero: f64,
    scale: i32,
    /// By bucket index; the second map holds an exponential histogram's negative values.
    buckets: [Vec<(i64, f64)>; 2],
    bounds: Vec<f64>,
}

/// One data point as it stands.
#[derive(Default)]
struct Point<'a> {
    fields: Fields<'a>,
    start: i64,
    time: i64,
    value: f64,
    missing: bool,
    heap: Heap,
    min: Option<f64>,
    max: Option<f64>,
    quantiles: Vec<(f64, f64)>,
}

/// What a metric's points have in common.
struct Metric<'a> {
    name: Cow<'a, str>,
    unit: Cow<'a, str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Gauge,
    Sum,
    Histogram,
    Exponential,
    Summary,
}

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
    let mut about = Metric {
        name: Cow::Borrowed(""),
        unit: Cow::Borrowed(""),
    };
    // The points wait until the object is through: name and unit may stand behind them.
    let mut data = None;
    json.object(|json, key| {
        let shape = match &*key {
            "name" => {
                about.name = json.text()?;
                return Ok(());
            }
            "unit" => {
                about.unit = json.text()?;
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
    json.here().object(|json, key| {
        match &*key {
            "aggregationTemporality" | "aggregation_temporality" => {
                cumulative = matches!(&*json.text()?, "2" | "AGGREGATION_TEMPORALITY_CUMULATIVE");
            }
            "isMonotonic" | "is_monotonic" => monotonic = json.flag()?,
            _ => json.skip()?,
        }
        Ok(())
    })?;
    json.here().object(|json, key| {
        if !matches!(&*key, "dataPoints" | "data_points") {
            return json.skip();
        }
        json.array_or_null(|json| {
            let point = point(json, shape)?;
            if point.missing {
                return Ok(());
            }
            let mut emit = Emit {
                about: &about,
                resource,
                walk,
                json,
            };
            match shape {
                Shape::Gauge => emit.value("", point.value, &point),
                Shape::Sum if !cumulative => emit.value("increase", point.value, &point),
                Shape::Sum if !monotonic => emit.value("", point.value, &point),
                _ => emit.heap(shape, cumulative, &point),
            }
        })
    })
}

fn point<'a>(json: &mut Json<'a>, shape: Shape) -> Result<Point<'a>, JsonError> {
    let mut point = Point {
        value: f64::NAN,
        ..Point::default()
    };
    json.object(|json, key| {
        match &*key {
            "attributes" => value::attributes(json, &mut point.fields)?,
            "startTimeUnixNano" | "start_time_unix_nano" => point.start = json.int()?,
            "timeUnixNano" | "time_unix_nano" => point.time = json.int()?,
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
    point.heap.start = point.start;
    point.heap.time = point.time;
    if shape == Shape::Sum {
        point.heap.sum = point.value;
    }
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
    json.object(|json, key| {
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

/// Halves the resolution until both histograms have the same.
fn coarser(buckets: &[(i64, f64)], steps: u32) -> Vec<(i64, f64)> {
    let mut out: Vec<(i64, f64)> = Vec::with_capacity(buckets.len());
    for (i, count) in buckets {
        let i = i >> steps.min(63);
        match out.last_mut() {
            Some((last, sum)) if *last == i => *sum += count,
            _ => out.push((i, *count)),
        }
    }
    out
}

/// `now - before`, bucket by bucket; what shrank is taken as it is.
fn less(now: &[(i64, f64)], before: &[(i64, f64)]) -> Vec<(i64, f64)> {
    now.iter()
        .map(|(i, count)| {
            let old = before
                .binary_search_by_key(i, |(known, _)| *known)
                .map_or(0.0, |at| before[at].1);
            (*i, (count - old).max(0.0))
        })
        .collect()
}

impl Heap {
    /// What came in since `before`. A process that restarted counts from nothing again: its start
    /// has moved, or its count has shrunk.
    fn since(&self, before: &Self) -> Self {
        let restarted = self.start > before.time && before.time > 0
            || self.count < before.count
            || (self.count == before.count && self.sum < before.sum && self.count == 0.0)
            || self.bounds != before.bounds;
        if restarted {
            return self.clone();
        }
        let scale = self.scale.min(before.scale);
        let steps = |own: i32| own.abs_diff(scale);
        let sides = [0, 1].map(|side| {
            less(
                &coarser(&self.buckets[side], steps(self.scale)),
                &coarser(&before.buckets[side], steps(before.scale)),
            )
        });
        Self {
            start: self.start,
            time: self.time,
            count: self.count - before.count,
            sum: self.sum - before.sum,
            zero: (self.zero - before.zero).max(0.0),
            scale,
            buckets: sides,
            bounds: self.bounds.clone(),
        }
    }

    fn distribution(&self, shape: Shape) -> Vec<Bucket> {
        if shape == Shape::Exponential {
            return exponential(self.scale, self.zero, &self.buckets[1], &self.buckets[0]);
        }
        let counts: Vec<f64> = self.buckets[0].iter().map(|(_, count)| *count).collect();
        explicit(&self.bounds, &counts)
    }
}

/// Hands the points of one metric to the sink.
struct Emit<'e, 'w, 'a> {
    about: &'e Metric<'a>,
    resource: &'e Resource<'a>,
    walk: &'e mut Walk<'w>,
    json: &'e Json<'a>,
}

impl<'a> Emit<'_, '_, 'a> {
    fn value(
        &mut self,
        statistic: &'static str,
        value: f64,
        point: &Point<'a>,
    ) -> Result<(), JsonError> {
        let unit = match statistic {
            "count" => Cow::Borrowed("1"),
            _ => self.about.unit.clone(),
        };
        let mut labels = point.fields.clone();
        labels.extend(self.resource.copy.iter().cloned());
        let parts = PointParts {
            time: Timestamp(point.time),
            who: Some(self.resource.who.clone()),
            metric: self.about.name.clone(),
            statistic: Cow::Borrowed(statistic),
            unit,
            value,
            labels,
        };
        let flow = self.walk.sink.point(parts, self.walk.place);
        self.walk.go(flow, self.json)
    }

    fn heap(&mut self, shape: Shape, cumulative: bool, point: &Point<'a>) -> Result<(), JsonError> {
        let mut fresh = point.heap.clone();
        // The first reading of what accumulates says how much there was in all the time before, which
        // is no interval. A summary's quantiles stand for themselves.
        let mut first = false;
        if cumulative {
            let name = self.name(point);
            match self.walk.memory.known.insert(name, point.heap.clone()) {
                Some(before) if shape == Shape::Sum => {
                    // A sum has no count to tell a restart by: it shrinks.
                    if point.heap.sum >= before.sum && point.start <= before.time.max(before.start)
                    {
                        fresh.sum = point.heap.sum - before.sum;
                    }
                }
                Some(before) => fresh = point.heap.since(&before),
                None => first = true,
            }
        }
        if shape == Shape::Sum && !first {
            return self.value("increase", fresh.sum, point);
        }
        if shape == Shape::Summary {
            for (q, v) in &point.quantiles {
                let statistic = match q {
                    q if *q == 0.5 => "p50",
                    q if *q == 0.9 => "p90",
                    q if *q == 0.99 => "p99",
                    _ => continue,
                };
                self.value(statistic, *v, point)?;
            }
        }
        if first {
            return Ok(());
        }
        self.value("count", fresh.count, point)?;
        self.value("sum", fresh.sum, point)?;
        if fresh.count > 0.0 {
            self.value("mean", fresh.sum / fresh.count, point)?;
        }
        if shape == Shape::Summary {
            return Ok(());
        }
        let buckets = fresh.distribution(shape);
        for (statistic, q) in QUANTILES {
            if let Some(v) = quantile(&buckets, q) {
                self.value(statistic, v, point)?;
            }
        }
        if !cumulative {
            if let Some(min) = point.min {
                self.value("min", min, point)?;
            }
            if let Some(max) = point.max {
                self.value("max", max, point)?;
            }
        }
        Ok(())
    }

    /// What tells this series from all others.
    fn name(&self, point: &Point<'_>) -> Box<[u8]> {
        let mut name = Vec::with_capacity(128);
        let mut put = |text: &str| {
            name.extend_from_slice(text.as_bytes());
            name.push(0);
        };
        if let Who::Named(kind, text) = &self.resource.who {
            put(kind.word());
            put(text);
        }
        put(&self.about.name);
        for (key, value) in self.resource.copy.iter().chain(&point.fields) {
            put(key);
            put(value);
        }
        name.into_boxed_slice()
    }
}
