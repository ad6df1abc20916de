//! The telemetry of the last hours, on this machine: what was pushed to us, to look at and to watch.
//!
//! Rows come in as [`Batch`]es, stay in memory until there are enough of them, and are written as one
//! compressed chunk. The window is bounded by age and by bytes: the oldest goes first, and is counted.
//! Beside the rows it keeps what detectors read every few seconds in memory: the newest points of every
//! series, and requests, errors and durations per entity and second.
//!
//! The file format and why it is one: `docs/decisions/0010-telemetry-window.md`.

mod captured;
mod error;
mod hot;
mod known;
mod red;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use model::telemetry::Batch;
use model::time::{MINUTE, SECOND, Span};
use model::{EntityId, Series, TimeWindow, Timestamp};

use captured::Collector;
use hot::Hot;
use known::Known;
use red::Seconds;

pub use captured::Captured;
pub use error::WindowError;
pub use red::Red;

/// How much is kept, where, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Rows that came in longer ago than this are dropped.
    pub age: Span,
    /// Bytes on the disk; the oldest rows are dropped when there are more.
    pub bytes: u64,
    /// Bytes of memory that rows may take before they are written.
    pub head_bytes: usize,
    /// Rows are written at the latest so long after they came in: what a crash may cost.
    pub head_age: Span,
    /// Bytes of memory that rows may take when they cannot be written; more are refused.
    pub waiting_bytes: usize,
    /// For how long points and requests per second stay in memory for the detectors.
    pub hot: Span,
    /// Most points in memory (16 bytes each).
    pub hot_points: usize,
    /// Most seconds of entities in memory (about 100 bytes each).
    pub hot_seconds: usize,
    /// About the most bytes of log lines and spans that one capture takes; beyond that traces are thinned.
    pub capture_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            age: Span(6 * 60 * MINUTE),
            bytes: 1 << 30,
            head_bytes: 4 << 20,
            head_age: Span(5 * SECOND),
            waiting_bytes: 64 << 20,
            hot: Span(180 * MINUTE),
            hot_points: 1_000_000,
            hot_seconds: 200_000,
            capture_bytes: 1 << 30,
        }
    }
}

/// What the window holds, and what became of the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Log lines taken since it was opened.
    pub logs: u64,
    /// Spans taken since it was opened.
    pub spans: u64,
    /// Points taken since it was opened.
    pub points: u64,
    /// Batches refused because too much waited for the disk.
    pub refused: u64,
    /// Chunks on the disk.
    pub chunks: u64,
    /// Bytes on the disk.
    pub bytes: u64,
    /// Bytes of rows in memory that are not written yet.
    pub waiting_bytes: u64,
    /// Points in memory for the detectors.
    pub hot_points: u64,
    /// Seconds of entities in memory for the detectors.
    pub hot_seconds: u64,
    /// Chunks dropped because they were too old.
    pub dropped_by_age: u64,
    /// Chunks dropped because there were too many bytes.
    pub dropped_by_bytes: u64,
    /// Chunks dropped because they were torn or damaged.
    pub damaged: u64,
    /// The last error of the disk, until a write succeeds again.
    pub error: Option<String>,
}

/// Rows in memory: a batch, and the numbers of its first rows.
#[derive(Clone, Debug)]
struct Held {
    batch: Arc<Batch>,
    first_log: u64,
    first_span: u64,
    at: Timestamp,
}

#[derive(Debug, Default)]
struct State {
    head: Vec<Held>,
    head_bytes: usize,
    next_log: u64,
    next_span: u64,
    hot: Hot,
    seconds: Seconds,
    known: Known,
    trimmed: Option<Timestamp>,
    stats: Stats,
}

/// The telemetry of the last hours. Shared between threads.
#[derive(Debug)]
pub struct Window {
    folder: PathBuf,
    limits: Limits,
    state: Mutex<State>,
}

impl Window {
    /// Opens the window in `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// When the folder cannot be written, is another server's, or holds what this program did not write.
    /// Nothing in it is altered then.
    pub fn open(folder: &Path, limits: Limits) -> Result<Self, WindowError> {
        std::fs::create_dir_all(folder)
            .map_err(|error| WindowError::io(folder, "make the folder", &error))?;
        Ok(Self {
            folder: folder.to_path_buf(),
            limits,
            state: Mutex::new(State {
                next_log: 1,
                next_span: 1,
                ..State::default()
            }),
        })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whoever panicked while holding it left counts at worst one short.
        self.state.lock().unwrap_or_else(|held| held.into_inner())
    }

    /// Takes the rows that came in at `now`.
    ///
    /// # Errors
    /// When too much waits for the disk already; nothing of the batch is taken then, and it may come again.
    pub fn append(&self, batch: Batch, now: Timestamp) -> Result<(), WindowError> {
        let bytes = batch.bytes();
        let batch = Arc::new(batch);
        {
            let mut state = self.state();
            let state = &mut *state;
            state.known.tell(&batch.topology, now);
            for point in &batch.points {
                state.hot.push(point);
            }
            let nowhere: Arc<str> = captured::SPANS.into();
            let seconds = &mut state.seconds;
            let _ = batch.each_span(&nowhere, 0, &mut |row| {
                seconds.push(row);
                std::ops::ControlFlow::Continue(())
            });
            let held = Held {
                batch: Arc::clone(&batch),
                first_log: state.next_log,
                first_span: state.next_span,
                at: now,
            };
            state.next_log += batch.logs() as u64;
            state.next_span += batch.spans() as u64;
            state.stats.logs += batch.logs() as u64;
            state.stats.spans += batch.spans() as u64;
            state.stats.points += batch.points.len() as u64;
            state.head_bytes += bytes;
            state.head.push(held);
        }
        self.tick(now)
    }

    /// What is owed at `now`: writing what has waited long enough, and forgetting what is too old. Called by
    /// [`append`](Self::append), and once a second or so by whoever keeps the window.
    ///
    /// # Errors
    /// When the disk does not take what waits; it waits on, within its bounds.
    pub fn tick(&self, now: Timestamp) -> Result<(), WindowError> {
        let mut state = self.state();
        let due = state.trimmed.is_none_or(|last| now.since(last).0 >= 10 * SECOND);
        if due {
            state.trimmed = Some(now);
            let oldest = now.minus(self.limits.hot);
            state.hot.trim(oldest, self.limits.hot_points);
            state.seconds.trim(oldest, self.limits.hot_seconds);
            state.known.trim(now.minus(self.limits.age));
        }
        Ok(())
    }

    /// The telemetry inside of `window` and of the `baselines` that show how things were when they were
    /// well, as known at `now`: rows after it are left out.
    ///
    /// # Errors
    /// When the folder cannot be read at all. A chunk that cannot be read is a gap in what is given.
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
        let (head, topology) = {
            let state = self.state();
            (state.head.clone(), state.known.since(hull.from()))
        };
        let mut collector = Collector::new(stretches, hull, now, 0);
        for held in &head {
            collector.take(&held.batch, held.first_log, held.first_span);
        }
        Ok(collector.finish(topology, Vec::new()))
    }

    /// The points of one entity's metric as one statistic inside of `window`, one series per set of labels.
    /// From memory: as far back as [`Limits::hot`].
    pub fn points(
        &self,
        entity: &EntityId,
        metric: &str,
        statistic: &str,
        window: TimeWindow,
    ) -> Vec<Series> {
        self.state().hot.read(entity, metric, statistic, window)
    }

    /// Requests, errors and durations of one entity, from its spans: one value per step of whole seconds,
    /// also where nothing was called. From memory: as far back as [`Limits::hot`].
    pub fn red(&self, entity: &EntityId, window: TimeWindow, step: Span) -> Vec<Red> {
        self.state().seconds.read(entity, window, step)
    }

    /// The entities that served requests of late, sorted.
    pub fn serving(&self) -> Vec<EntityId> {
        self.state().seconds.entities().cloned().collect()
    }

    /// The keys of the series that have points in memory, sorted.
    pub fn series_keys(&self) -> Vec<Arc<model::SeriesKey>> {
        self.state().hot.names().cloned().collect()
    }

    /// What is held, and what was dropped.
    pub fn stats(&self) -> Stats {
        let state = self.state();
        Stats {
            waiting_bytes: state.head_bytes as u64,
            hot_points: state.hot.points() as u64,
            hot_seconds: state.seconds.count() as u64,
            ..state.stats.clone()
        }
    }
}
