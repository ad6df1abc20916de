//! Looking into the window: everything of some stretches of time, or one metric of one entity.

use std::collections::BTreeMap;

use model::query::{Gap, GapReason};
use model::telemetry::Batch;
use model::{EntityId, Series, SeriesKey, TimeWindow, Timestamp};

use super::captured::{Captured, Collector};
use super::chunk::{self, Kind};
use super::error::WindowError;
use super::{Held, Window, choose, held};

impl Window {
    /// The telemetry inside of `window` and of the `baselines` that show how things were when they were
    /// well, as known at `now`: rows after it are left out.
    ///
    /// # Errors
    /// When a file cannot be opened at all. A chunk that is damaged is a gap in what is given.
    pub fn capture(
        &self,
        window: TimeWindow,
        baselines: &[TimeWindow],
        now: Timestamp,
    ) -> Result<Captured, WindowError> {
        let mut stretches = vec![window];
        stretches.extend_from_slice(baselines);
        let from = stretches.iter().map(|s| s.from()).min();
        let to = stretches.iter().map(|s| s.to()).max();
        let hull = from
            .zip(to)
            .and_then(|(from, to)| TimeWindow::new(from, to))
            .unwrap_or(window);
        let within = |section: &chunk::Section, stretch: &TimeWindow| {
            section.rows > 0 && section.first < stretch.to().0 && section.last >= stretch.from().0
        };
        let rows = |head: &chunk::Head, kind| {
            stretches
                .iter()
                .any(|stretch| within(head.section(kind), stretch))
        };
        // Both locks, so that what is being written is seen once: in memory, or on the disk.
        let (waiting, topology, chosen) = {
            let segments = held(&self.segments);
            let state = held(&self.state);
            let waiting: Vec<Held> = state.sealing.iter().chain(&state.head).cloned().collect();
            let chosen = choose(&segments, |head| {
                rows(head, Kind::Logs)
                    || rows(head, Kind::Spans)
                    || within(head.section(Kind::Points), &hull)
            });
            (waiting, state.known.since(hull.from()), chosen)
        };
        let chunks = chosen.iter().flat_map(|(_, chunks)| chunks);
        let memory = chunks
            .filter(|c| rows(&c.head, Kind::Logs) || rows(&c.head, Kind::Spans))
            .map(|c| c.head.memory)
            .sum::<u64>()
            + waiting.iter().map(|h| h.batch.bytes() as u64).sum::<u64>();
        let mut thinned = 0;
        while memory >> thinned > self.limits.capture_bytes.max(1) && thinned < 20 {
            thinned += 1;
        }
        let mut collector = Collector::new(stretches.clone(), hull, now, thinned);
        let damaged = self.read_chunks(chosen, |reader, chunk| {
            let mut batch = Batch::default();
            if rows(&chunk.head, Kind::Logs) {
                chunk::read_logs(&reader.read(chunk, Kind::Logs)?, &mut batch)?;
            }
            if rows(&chunk.head, Kind::Spans) {
                chunk::read_spans(&reader.read(chunk, Kind::Spans)?, &mut batch)?;
            }
            if within(chunk.head.section(Kind::Points), &hull) {
                batch.points = chunk::read_points(&reader.read(chunk, Kind::Points)?)?;
            }
            collector.take(&batch, chunk.head.first_log, chunk.head.first_span);
            Ok(())
        })?;
        for one in &waiting {
            collector.take(&one.batch, one.first_log, one.first_span);
        }
        let mut gaps = Vec::new();
        if damaged > 0 {
            gaps.push(Gap {
                wanted: "telemetry".to_string(),
                entity: None,
                hides: Vec::new(),
                why: GapReason::Connector,
                detail: format!("{damaged} chunks of the window are damaged and were left out"),
                how_to_close: "check the disk".to_string(),
            });
        }
        Ok(collector.finish(topology, gaps))
    }

    /// The points of one entity's metric as one statistic inside of `window`, one series per set of labels,
    /// sorted by key. From memory as far back as [`Limits::hot`](super::Limits::hot), from the disk beyond.
    pub fn points(
        &self,
        entity: &EntityId,
        metric: &str,
        statistic: &str,
        window: TimeWindow,
    ) -> Vec<Series> {
        let (found, since) = {
            let state = held(&self.state);
            let found = state.hot.read(entity, metric, statistic, window);
            (found, state.hot.since())
        };
        let before = since
            .filter(|since| window.from() < *since)
            .and_then(|since| TimeWindow::new(window.from(), since.min(window.to())));
        match before {
            Some(before) => self.older_points((entity, metric, statistic), before, found),
            None => found,
        }
    }

    /// Puts the points of chunks inside of `before` in front of what memory holds.
    fn older_points(
        &self,
        (entity, metric, statistic): (&EntityId, &str, &str),
        before: TimeWindow,
        found: Vec<Series>,
    ) -> Vec<Series> {
        let chosen = choose(&held(&self.segments), |head| {
            let section = head.section(Kind::Points);
            section.rows > 0 && section.first < before.to().0 && section.last >= before.from().0
        });
        let mut rows: BTreeMap<SeriesKey, Vec<(i64, f64)>> = BTreeMap::new();
        // A file that cannot be opened is as good as dropped: the detector sees that data is missing.
        let _ = self.read_chunks(chosen, |reader, chunk| {
            for point in chunk::read_points(&reader.read(chunk, Kind::Points)?)? {
                let key = &*point.key;
                if key.entity == *entity
                    && key.metric == metric
                    && key.statistic == statistic
                    && before.contains(point.time)
                {
                    let row = (point.time.0, point.value);
                    match rows.get_mut(key) {
                        Some(known) => known.push(row),
                        None => {
                            rows.insert(key.clone(), vec![row]);
                        }
                    }
                }
            }
            Ok(())
        });
        for series in found {
            let points = series.times.into_iter().zip(series.values);
            rows.entry(series.key).or_default().extend(points);
        }
        rows.into_iter()
            .map(|(key, mut rows)| {
                rows.sort_by_key(|(at, _)| *at);
                rows.dedup_by_key(|(at, _)| *at);
                let (times, values) = rows.into_iter().unzip();
                Series { key, times, values }
            })
            .collect()
    }
}
