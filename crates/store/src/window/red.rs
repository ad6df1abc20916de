//! Requests, errors and durations of every entity, per second, read from its spans as they come in.

use std::collections::BTreeMap;

use model::telemetry::{Batch, SpanKind, StoredSpan};
use model::time::{SECOND, Span};
use model::{EntityId, TimeWindow, Timestamp};

/// Two durations that fall into one bucket differ by at most 2 %: quantiles are right to 1 %
/// (Masson, Rim, Lee: DDSketch, VLDB 2019, with gamma = (1 + 0.01) / (1 - 0.01)).
const GAMMA: f64 = 1.02;
/// One nanosecond, in milliseconds: what is shorter counts as this.
const LEAST_MS: f64 = 1e-6;

/// A second of one entity.
#[derive(Clone, Debug, Default)]
struct Cell {
    calls: u64,
    errors: u64,
    /// Bucket number and count, sorted.
    durations: Vec<(i16, u64)>,
}

impl Cell {
    fn add(&mut self, duration: Span, error: bool) {
        self.calls += 1;
        self.errors += u64::from(error);
        let ms = (duration.0 as f64 / 1e6).max(LEAST_MS);
        let bucket = (ms.ln() / GAMMA.ln()).ceil() as i16;
        match self.durations.binary_search_by_key(&bucket, |(b, _)| *b) {
            Ok(at) => self.durations[at].1 += 1,
            Err(at) => self.durations.insert(at, (bucket, 1)),
        }
    }

    fn merge(&mut self, other: &Self) {
        self.calls += other.calls;
        self.errors += other.errors;
        for (bucket, count) in &other.durations {
            match self.durations.binary_search_by_key(bucket, |(b, _)| *b) {
                Ok(at) => self.durations[at].1 += count,
                Err(at) => self.durations.insert(at, (*bucket, *count)),
            }
        }
    }

    /// The duration that the share `q` of the calls did not exceed, ms; nearest rank.
    fn quantile(&self, q: f64) -> f64 {
        let rank = ((self.calls as f64 * q).ceil() as u64).max(1);
        let mut below = 0;
        for (bucket, count) in &self.durations {
            below += count;
            if below >= rank {
                return GAMMA.powf(f64::from(*bucket) - 0.5);
            }
        }
        0.0
    }
}

/// Requests, errors and durations of one entity over one step of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Red {
    /// Begin of the step.
    pub at: Timestamp,
    /// Requests that ended in it.
    pub calls: u64,
    /// Those of them that failed.
    pub errors: u64,
    /// Median duration, ms; right to 1 %. Zero without calls, as are the others.
    pub p50: f64,
    /// 90 % of the calls took no longer, ms.
    pub p90: f64,
    /// 95 % of the calls took no longer, ms.
    pub p95: f64,
    /// 99 % of the calls took no longer, ms.
    pub p99: f64,
}

fn served(row: &StoredSpan<'_>) -> bool {
    match row.kind() {
        SpanKind::Server | SpanKind::Consumer => true,
        SpanKind::Internal | SpanKind::Unspecified => row.is_root(),
        SpanKind::Client | SpanKind::Producer => false,
    }
}

/// All seconds of all entities, bounded by age and number.
#[derive(Debug, Default)]
pub(super) struct Seconds {
    cells: BTreeMap<EntityId, BTreeMap<i64, Cell>>,
    count: usize,
    /// Seconds before this one are not complete.
    since: Option<i64>,
}

impl Seconds {
    /// Says that what ended before `since` is not all here.
    pub fn complete_since(&mut self, since: Timestamp) {
        let second = since.seconds().saturating_add(1);
        self.since = self.since.max(Some(second));
    }

    /// Takes the spans that are requests which their entity served: a server's or consumer's end, or a root of which
    /// nobody says what kind it is.
    pub fn push(&mut self, batch: &Batch) {
        // Rows of one entity come together: it is looked for once.
        let mut rows = batch.stored_spans().filter(served).peekable();
        while let Some(first) = rows.peek() {
            let number = first.entity();
            let Some(entity) = batch.entities().get(number as usize) else {
                rows.next();
                continue;
            };
            if !self.cells.contains_key(entity) {
                self.cells.insert(entity.clone(), BTreeMap::new());
            }
            let Some(cells) = self.cells.get_mut(entity) else {
                return;
            };
            while let Some(row) = rows.next_if(|row| row.entity() == number) {
                let cell = cells.entry(row.end().seconds()).or_insert_with(|| {
                    self.count += 1;
                    Cell::default()
                });
                cell.add(row.end().since(row.start()), row.failed());
            }
        }
    }

    /// Forgets what is older than `oldest`, and more if there are more than `most` seconds.
    pub fn trim(&mut self, oldest: Timestamp, most: usize) {
        let mut from = oldest.seconds();
        loop {
            let before = self.count;
            self.cells.retain(|_, cells| {
                if cells.first_key_value().is_some_and(|(at, _)| *at < from) {
                    *cells = cells.split_off(&from);
                }
                !cells.is_empty()
            });
            self.count = self.cells.values().map(BTreeMap::len).sum();
            if self.count < before {
                self.since = self.since.max(Some(from));
            }
            let first = self.cells.values().filter_map(|c| c.first_key_value());
            let Some(first) = first.map(|(at, _)| *at).min() else {
                return;
            };
            let last = self.cells.values().filter_map(|c| c.last_key_value());
            let last = last.map(|(at, _)| *at).max().unwrap_or(first);
            if self.count <= most {
                return;
            }
            from = first
                .saturating_add(last.saturating_sub(first) / 2)
                .saturating_add(1);
        }
    }

    /// Who has any.
    pub fn entities(&self) -> impl Iterator<Item = &EntityId> {
        self.cells.keys()
    }

    /// One value per step of the window, first to last, also where nothing was called; none for steps of which
    /// not all is known any more. A step is rounded up
    /// to whole seconds, the window's begin down.
    pub fn read(&self, entity: &EntityId, window: TimeWindow, step: Span) -> Vec<Red> {
        let step = (step.0.max(1) as u64).div_ceil(SECOND as u64).max(1) as i64;
        let from = window.from().seconds();
        // Whole steps from the window's begin on, the first that is all known first.
        let unknown = self
            .since
            .map_or(0, |since| since.saturating_sub(from).max(0));
        let skipped = (unknown as u64).div_ceil(step as u64) as i64;
        let from = from.saturating_add(skipped.saturating_mul(step));
        let to = window.to().seconds() + i64::from(window.to().0.rem_euclid(SECOND) > 0);
        let none = BTreeMap::new();
        let cells = self.cells.get(entity).unwrap_or(&none);
        let mut out = Vec::new();
        let mut at = from;
        // A window of years at steps of a second is a mistake, not a question.
        while at < to && out.len() < 1_000_000 {
            let end = at.saturating_add(step).min(to);
            let mut sum = Cell::default();
            cells.range(at..end).for_each(|(_, cell)| sum.merge(cell));
            out.push(Red {
                at: Timestamp::from_seconds(at),
                calls: sum.calls,
                errors: sum.errors,
                p50: sum.quantile(0.5),
                p90: sum.quantile(0.9),
                p95: sum.quantile(0.95),
                p99: sum.quantile(0.99),
            });
            at = end;
        }
        out
    }

    /// Seconds held.
    pub fn count(&self) -> usize {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::SpanRow;

    use super::*;

    #[test]
    fn calls_errors_and_durations_of_a_second() {
        let (file, entity): (Arc<str>, EntityId) = ("f".into(), "service/a".into());
        let (mut seconds, mut batch) = (Seconds::default(), Batch::default());
        for i in 0..100i64 {
            batch.push_span(&SpanRow {
                trace_id: "t",
                span_id: "s",
                parent_id: "",
                entity: &entity,
                name: "op",
                kind: if i == 99 {
                    SpanKind::Client
                } else {
                    SpanKind::Server
                },
                start: Timestamp(10 * SECOND),
                end: Timestamp(10 * SECOND + (i + 1) * 1_000_000),
                error: i % 10 == 0,
                message: "",
                peer: "",
                attributes: &[],
                file: &file,
                line: 0,
            });
        }
        seconds.push(&batch);
        let window = TimeWindow::new(Timestamp(9 * SECOND), Timestamp(12 * SECOND)).unwrap();
        let read = seconds.read(&entity, window, Span(SECOND));
        let counts: Vec<(u64, u64)> = read.iter().map(|r| (r.calls, r.errors)).collect();
        assert_eq!(counts, [(0, 0), (99, 10), (0, 0)]);
        assert!((read[1].p50 / 50.0 - 1.0).abs() < 0.01, "{:?}", read[1]);
        assert!((read[1].p99 / 99.0 - 1.0).abs() < 0.01, "{:?}", read[1]);
        let whole = seconds.read(&entity, window, Span(60 * SECOND));
        assert_eq!((whole.len(), whole[0].calls), (1, 99));
        seconds.trim(Timestamp(11 * SECOND), 10);
        assert_eq!(seconds.count(), 0);
    }
}
