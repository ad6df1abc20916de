//! What a look into the window gives: the telemetry parts of a case.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::ops::ControlFlow;
use std::sync::Arc;

use model::case::{Case, OwnedLog, OwnedSpan};
use model::query::{Gap, GapReason};
use model::telemetry::{Batch, Point};
use model::{Series, SeriesKey, Severity, TimeWindow, Timestamp, Topology};

/// The telemetry of some stretches of time.
#[derive(Clone, Debug, Default)]
pub struct Captured {
    /// Sorted by key; each with all of its points from the first stretch's begin to the last one's end.
    pub series: Vec<Arc<Series>>,
    /// Sorted by (time, file, line); inside of the stretches.
    pub logs: Vec<OwnedLog>,
    /// Sorted by (start, file, line); those that begin inside of the stretches.
    pub spans: Vec<OwnedSpan>,
    /// Who was heard of since the first stretch began, and who calls whom as the spans show. Normalised.
    pub topology: Topology,
    /// What is not in it, and why.
    pub gaps: Vec<Gap>,
}

impl Captured {
    /// Puts the parts into a case, beside what stands in its topology.
    pub fn fill(self, case: &mut Case) {
        case.series = Some(self.series);
        case.logs = Some(self.logs);
        case.spans = Some(self.spans);
        case.topology.entities.extend(self.topology.entities);
        case.topology.edges.extend(self.topology.edges);
        case.topology.normalise();
        case.manifest.gaps.extend(self.gaps);
    }
}

/// Collects the rows of batches.
pub(super) struct Collector {
    stretches: Vec<TimeWindow>,
    hull: TimeWindow,
    now: Timestamp,
    /// One trace in `2^thinned`, and of the lines that are not warnings one in as many, is kept.
    thinned: u32,
    points: BTreeMap<Arc<SeriesKey>, Vec<(i64, f64)>>,
    logs: Vec<OwnedLog>,
    spans: Vec<OwnedSpan>,
    logs_file: Arc<str>,
    spans_file: Arc<str>,
}

/// The file that captured log lines say they stand in; the line is their number since the window was made.
pub(super) const LOGS: &str = "window/logs";
/// The file that captured spans say they stand in.
pub(super) const SPANS: &str = "window/spans";

/// Is this trace (or line) among the one in `2^thinned` that is kept? The same in every capture.
fn chosen(what: impl Hash, thinned: u32) -> bool {
    if thinned == 0 {
        return true;
    }
    // Made with fixed keys: the same from run to run.
    let mut hasher = std::hash::DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish() & ((1u64 << thinned.min(63)) - 1) == 0
}

impl Collector {
    pub fn new(stretches: Vec<TimeWindow>, hull: TimeWindow, now: Timestamp, thinned: u32) -> Self {
        Self {
            stretches,
            hull,
            now,
            thinned,
            points: BTreeMap::new(),
            logs: Vec::new(),
            spans: Vec::new(),
            logs_file: LOGS.into(),
            spans_file: SPANS.into(),
        }
    }

    fn wanted(&self, at: Timestamp) -> bool {
        at <= self.now && self.stretches.iter().any(|stretch| stretch.contains(at))
    }

    /// Takes what is wanted of a batch whose first rows have these numbers.
    pub fn take(&mut self, batch: &Batch, first_log: u64, first_span: u64) {
        self.take_points(&batch.points);
        let (file, mut logs) = (Arc::clone(&self.logs_file), std::mem::take(&mut self.logs));
        let _ = batch.each_log(&file, first_log, &mut |line| {
            let telling = line.severity >= Some(Severity::Warn);
            let kept = telling
                || if line.trace_id.is_empty() {
                    chosen(line.line, self.thinned)
                } else {
                    chosen(line.trace_id, self.thinned)
                };
            if kept && self.wanted(line.time) {
                logs.push(OwnedLog::of(line));
            }
            ControlFlow::Continue(())
        });
        self.logs = logs;
        self.take_spans(batch, first_span);
    }

    /// Takes what is wanted of its spans alone; the first has this number.
    pub fn take_spans(&mut self, batch: &Batch, first_span: u64) {
        let (file, mut spans) = (
            Arc::clone(&self.spans_file),
            std::mem::take(&mut self.spans),
        );
        let _ = batch.each_span(&file, first_span, &mut |row| {
            if chosen(row.trace_id, self.thinned) && self.wanted(row.start) {
                spans.push(OwnedSpan::of(row));
            }
            ControlFlow::Continue(())
        });
        self.spans = spans;
    }

    fn take_points(&mut self, points: &[Point]) {
        for point in points {
            if !self.hull.contains(point.time) || point.time > self.now {
                continue;
            }
            let row = (point.time.0, point.value);
            match self.points.get_mut(&point.key) {
                Some(rows) => rows.push(row),
                None => {
                    self.points.insert(Arc::clone(&point.key), vec![row]);
                }
            }
        }
    }

    /// Everything in its order.
    pub fn finish(mut self, mut topology: Topology, mut gaps: Vec<Gap>) -> Captured {
        let series = self.points.into_iter().map(|(key, mut rows)| {
            // Stable, so that the first of equal moments stands, as in a recording.
            rows.sort_by_key(|(at, _)| *at);
            rows.dedup_by_key(|(at, _)| *at);
            let (times, values) = rows.into_iter().unzip();
            Arc::new(Series {
                key: SeriesKey::clone(&key),
                times,
                values,
            })
        });
        let series = series.collect();
        self.logs.sort_by_key(|log| (log.time, log.line));
        self.spans.sort_by_key(|span| (span.start, span.line));
        topology.add_calls(&self.spans, "traces");
        if self.thinned > 0 {
            let share = 1u64 << self.thinned.min(63);
            for wanted in ["traces", "logs"] {
                gaps.push(Gap {
                    wanted: wanted.to_string(),
                    entity: None,
                    hides: Vec::new(),
                    why: GapReason::Budget,
                    detail: format!(
                        "more came in than one look may hold: one trace in {share} was taken, with its \
                         log lines, and of the lines without a trace those that warn and one in {share} of the others"
                    ),
                    how_to_close: "look at a shorter time".to_string(),
                });
            }
        }
        Captured {
            series,
            logs: self.logs,
            spans: self.spans,
            topology,
            gaps,
        }
    }
}
