//! Metric points in compact columns while they are read.

use std::sync::Arc;

use model::{Series, SeriesKey, Timestamp};
use rustc_hash::FxHashMap;

use super::error::{Fault, FilesError};
use super::limits::Limits;

/// What was harmless and left out, counted.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
pub struct Dropped {
    /// Metric points that were NaN or infinite.
    pub not_finite: u64,
    /// Rows later than the manifest's `now`.
    pub after_now: u64,
    /// Metric points at a moment that their series already had (the first stands).
    pub same_moment: u64,
    /// Metric points that stood before an earlier one of their series; they were put in order.
    pub out_of_order: u64,
    /// Spans that ended before they began; their ends were swapped.
    pub backward_spans: u64,
}

impl Dropped {
    /// Adds another reader's counts.
    pub fn add(&mut self, other: &Self) {
        self.not_finite += other.not_finite;
        self.after_now += other.after_now;
        self.same_moment += other.same_moment;
        self.out_of_order += other.out_of_order;
        self.backward_spans += other.backward_spans;
    }
}

/// Series under construction.
pub(crate) struct Columns {
    series: Vec<Series>,
    index: FxHashMap<SeriesKey, u32>,
    limits: Limits,
    now: Timestamp,
    points: u64,
    /// What was left out.
    pub dropped: Dropped,
}

impl Columns {
    pub fn new(now: Timestamp, limits: &Limits) -> Self {
        Self {
            series: Vec::new(),
            index: FxHashMap::default(),
            limits: *limits,
            now,
            points: 0,
            dropped: Dropped::default(),
        }
    }

    /// The place of a series; made if it is new.
    pub fn slot(&mut self, key: SeriesKey, file: &str) -> Result<u32, FilesError> {
        if let Some(slot) = self.index.get(&key) {
            return Ok(*slot);
        }
        if self.series.len() >= self.limits.series {
            return Err(Self::too_many(file, "series", self.limits.series as u64));
        }
        let slot = self.series.len() as u32;
        self.series.push(Series {
            key: key.clone(),
            ..Series::default()
        });
        self.index.insert(key, slot);
        Ok(slot)
    }

    fn too_many(file: &str, what: &str, limit: u64) -> FilesError {
        FilesError::new(
            Fault::TooLarge,
            file,
            None,
            format!("more than {limit} {what}"),
            "a recording of one incident",
            "export a shorter time or fewer metrics",
        )
    }

    /// Adds one point.
    #[inline]
    pub fn push(
        &mut self,
        slot: u32,
        at: Timestamp,
        value: f64,
        file: &str,
    ) -> Result<(), FilesError> {
        if !value.is_finite() {
            self.dropped.not_finite += 1;
            return Ok(());
        }
        if at > self.now {
            self.dropped.after_now += 1;
            return Ok(());
        }
        self.points += 1;
        if self.points > self.limits.points {
            return Err(Self::too_many(file, "metric points", self.limits.points));
        }
        let series = &mut self.series[slot as usize];
        series.times.push(at.0);
        series.values.push(value);
        Ok(())
    }

    /// Takes over what the reader of a later file has read.
    pub fn merge(&mut self, other: Self, file: &str) -> Result<(), FilesError> {
        self.dropped.add(&other.dropped);
        self.points += other.points;
        if self.points > self.limits.points {
            return Err(Self::too_many(file, "metric points", self.limits.points));
        }
        if self.series.is_empty() {
            self.series = other.series;
            self.index = other.index;
            return Ok(());
        }
        for mut series in other.series {
            let slot = self.slot(std::mem::take(&mut series.key), file)?;
            let known = &mut self.series[slot as usize];
            if known.times.is_empty() {
                known.times = series.times;
                known.values = series.values;
            } else {
                known.times.append(&mut series.times);
                known.values.append(&mut series.values);
            }
        }
        Ok(())
    }

    /// The finished series, sorted by key, each in order of time without repetitions.
    pub fn finish(self) -> (Vec<Arc<Series>>, Dropped) {
        let mut dropped = self.dropped;
        drop(self.index);
        let mut all = self.series;
        for series in &mut all {
            order(series, &mut dropped);
            series.times.shrink_to_fit();
            series.values.shrink_to_fit();
        }
        all.retain(|series| !series.times.is_empty());
        all.sort_by(|a, b| a.key.cmp(&b.key));
        (all.into_iter().map(Arc::new).collect(), dropped)
    }
}

/// Puts the points of a series in order (stable, so the first of equal moments stands).
fn order(series: &mut Series, dropped: &mut Dropped) {
    let backward = series.times.windows(2).filter(|w| w[1] < w[0]).count() as u64;
    if backward > 0 {
        // Exports that run from new to old are a habit of some sources, not a broken clock.
        if series.times.is_sorted_by(|a, b| a >= b) {
            series.times.reverse();
            series.values.reverse();
        } else {
            dropped.out_of_order += backward;
            let mut points: Vec<(i64, f64)> = series
                .times
                .iter()
                .copied()
                .zip(series.values.iter().copied())
                .collect();
            points.sort_by_key(|(at, _)| *at);
            (series.times, series.values) = points.into_iter().unzip();
        }
    }
    if series.times.windows(2).all(|w| w[0] < w[1]) {
        return;
    }
    let mut kept = 0;
    for i in 0..series.times.len() {
        if kept > 0 && series.times[kept - 1] == series.times[i] {
            dropped.same_moment += 1;
            continue;
        }
        series.times[kept] = series.times[i];
        series.values[kept] = series.values[i];
        kept += 1;
    }
    series.times.truncate(kept);
    series.values.truncate(kept);
}
