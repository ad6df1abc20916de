//! Metric points of all kinds, as plain series.
//!
//! Gauges keep their values. Whatever accumulates (sums, histograms, summaries) becomes what came in
//! *since the point before*, as the statistic `increase` (sums), or `count`, `sum`, `mean`, `p50`, `p90`,
//! `p99` (histograms): that is what an engineer reads, and what survives a restart of the process.
//! The same for JSON in files and for what is pushed, so that a live look and a recording agree.

use std::borrow::Cow;
use std::ops::ControlFlow;

use model::Timestamp;
use rustc_hash::FxHashMap;

use super::quantile::{Bucket, explicit, exponential, quantile};
use super::{Fields, Resource};
use crate::files::entities::Who;
use crate::files::rows::PointParts;
use crate::files::stream::{Flow, ON, Place, Sink};

/// Quantiles that histograms are read at.
const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)];
/// Buckets of one exponential histogram; the SDKs' default is 160.
pub(crate) const BUCKETS: usize = 4096;

/// What accumulating series said last.
#[derive(Debug)]
pub(crate) struct Memory {
    known: FxHashMap<Box<[u8]>, (Heap, bool)>,
    most: usize,
}

impl Default for Memory {
    fn default() -> Self {
        Self::at_most(usize::MAX)
    }
}

impl Memory {
    /// Remembers so many series. When they are full, those that were silent since the last time they were
    /// full are forgotten; if none was, all are: a flood of names costs increases, never memory.
    pub fn at_most(most: usize) -> Self {
        Self {
            known: FxHashMap::default(),
            most,
        }
    }

    /// What the series said last; it says `now` from here on.
    fn replace(&mut self, name: Box<[u8]>, now: Heap) -> Option<Heap> {
        if let Some((known, spoke)) = self.known.get_mut(&name) {
            *spoke = true;
            return Some(std::mem::replace(known, now));
        }
        if self.known.len() >= self.most {
            self.known.retain(|_, (_, spoke)| std::mem::take(spoke));
            if self.known.len() >= self.most {
                self.known.clear();
            }
        }
        self.known.insert(name, (now, true));
        None
    }
}

/// What a process has counted since it started.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heap {
    pub start: i64,
    pub time: i64,
    pub count: f64,
    pub sum: f64,
    pub zero: f64,
    pub scale: i32,
    /// By bucket index; the second map holds an exponential histogram's negative values.
    pub buckets: [Vec<(i64, f64)>; 2],
    pub bounds: Vec<f64>,
}

/// One data point as it stands.
pub(crate) struct Point<'a> {
    pub fields: Fields<'a>,
    pub value: f64,
    /// The sender says that it has no value for this moment.
    pub missing: bool,
    pub heap: Heap,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub quantiles: Vec<(f64, f64)>,
}

impl Default for Point<'_> {
    fn default() -> Self {
        Self {
            fields: Fields::new(),
            value: f64::NAN,
            missing: false,
            // A histogram need not say its sum.
            heap: Heap {
                sum: f64::NAN,
                ..Heap::default()
            },
            min: None,
            max: None,
            quantiles: Vec::new(),
        }
    }
}

/// What a metric's points have in common.
pub(crate) struct Metric<'a> {
    pub name: Cow<'a, str>,
    pub unit: Cow<'a, str>,
    pub shape: Shape,
    pub cumulative: bool,
    pub monotonic: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Gauge,
    Sum,
    Histogram,
    Exponential,
    Summary,
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
pub(crate) struct Emit<'e, 'a> {
    pub about: &'e Metric<'a>,
    pub resource: &'e Resource<'a>,
    pub place: Place,
    pub sink: &'e mut dyn Sink,
    pub memory: &'e mut Memory,
}

impl<'a> Emit<'_, 'a> {
    /// Takes one data point as it was read.
    pub fn take(&mut self, mut point: Point<'a>) -> Flow {
        self.sink.data_point();
        if point.missing {
            return ON;
        }
        if self.about.shape == Shape::Sum {
            // What is no number is not remembered: the next reading would pass for a restart.
            if !point.value.is_finite() {
                return self.value("", point.value, &point);
            }
            point.heap.sum = point.value;
        }
        if self.about.shape == Shape::Summary && point.heap.sum.is_nan() {
            point.heap.sum = 0.0;
        }
        let (cumulative, monotonic) = (self.about.cumulative, self.about.monotonic);
        match self.about.shape {
            Shape::Gauge => self.value("", point.value, &point),
            Shape::Sum if !cumulative => self.value("increase", point.value, &point),
            Shape::Sum if !monotonic => self.value("", point.value, &point),
            _ => self.heap(&point),
        }
    }

    fn value(&mut self, statistic: &'static str, value: f64, point: &Point<'a>) -> Flow {
        let unit = match statistic {
            "count" => Cow::Borrowed("1"),
            _ => self.about.unit.clone(),
        };
        let mut labels = point.fields.clone();
        labels.extend(self.resource.copy.iter().cloned());
        let parts = PointParts {
            time: Timestamp(point.heap.time),
            who: Some(self.resource.who.clone()),
            metric: self.about.name.clone(),
            statistic: Cow::Borrowed(statistic),
            unit,
            value,
            labels,
        };
        self.sink.point(parts, self.place)
    }

    fn heap(&mut self, point: &Point<'a>) -> Flow {
        let (shape, cumulative) = (self.about.shape, self.about.cumulative);
        let mut fresh = point.heap.clone();
        // The first reading of what accumulates says how much there was in all the time before, which
        // is no interval. A summary's quantiles stand for themselves.
        let mut first = false;
        if cumulative {
            let name = self.name(point);
            match self.memory.replace(name, point.heap.clone()) {
                Some(before) if shape == Shape::Sum => {
                    // A sum has no count to tell a restart by: it shrinks.
                    if point.heap.sum >= before.sum
                        && point.heap.start <= before.time.max(before.start)
                    {
                        fresh.sum = point.heap.sum - before.sum;
                    }
                }
                Some(before) => fresh = point.heap.since(&before),
                None => first = true,
            }
        }
        let mut out: Vec<(&'static str, f64)> = Vec::with_capacity(8);
        if shape == Shape::Sum && !first {
            return self.value("increase", fresh.sum, point);
        }
        if shape == Shape::Summary {
            for (q, v) in &point.quantiles {
                match q {
                    q if *q == 0.5 => out.push(("p50", *v)),
                    q if *q == 0.9 => out.push(("p90", *v)),
                    q if *q == 0.99 => out.push(("p99", *v)),
                    _ => {}
                }
            }
        }
        if !first {
            out.push(("count", fresh.count));
            if fresh.sum.is_finite() {
                out.push(("sum", fresh.sum));
            }
            if fresh.count > 0.0 && fresh.sum.is_finite() {
                out.push(("mean", fresh.sum / fresh.count));
            }
        }
        if !first && shape != Shape::Summary {
            let buckets = fresh.distribution(shape);
            out.extend(
                QUANTILES
                    .iter()
                    .filter_map(|(statistic, q)| Some((*statistic, quantile(&buckets, *q)?))),
            );
            if !cumulative {
                for (statistic, edge) in [("min", point.min), ("max", point.max)] {
                    out.extend(edge.filter(|e| e.is_finite()).map(|e| (statistic, e)));
                }
            }
        }
        for (statistic, value) in out {
            if let stop @ (Err(_) | Ok(ControlFlow::Break(()))) =
                self.value(statistic, value, point)
            {
                return stop;
            }
        }
        ON
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
