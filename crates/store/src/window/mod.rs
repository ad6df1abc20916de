//! The telemetry of the last hours, on this machine: what was pushed to us, to look at and to watch.
//!
//! Rows come in as [`Batch`]es, stay in memory until there are enough of them, and are written as one
//! compressed chunk. The window is bounded by age and by bytes: the oldest goes first, and is counted.
//! Beside the rows it keeps what detectors read every few seconds in memory: the newest points of every
//! series, and requests, errors and durations per entity and second.
//!
//! The file format and why it is one: `docs/decisions/0010-telemetry-window.md`.

mod around;
mod captured;
mod chunk;
mod columns;
mod error;
mod hot;
mod known;
mod look;
mod red;
mod segments;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

use model::telemetry::Batch;
use model::time::{MINUTE, SECOND, Span};
use model::{EntityId, SeriesKey, TimeWindow, Timestamp};

use chunk::Kind;
use columns::Damaged;
use hot::Hot;
use known::Known;
use red::Seconds;
use segments::{Chunk, SegmentReader, Segments};

pub use captured::Captured;
pub use error::WindowError;
pub use red::Red;

/// A segment is a twentieth of the bytes that the window may take, so that dropping one drops little.
const SEGMENTS: u64 = 20;
/// How far back requests per second are counted again from the spans on the disk when a window is opened.
const RECOUNTED: Span = Span(15 * MINUTE);
/// How far senders may be ahead of us without being put right; as `connectors::otlp` has it.
const AHEAD: Span = Span(5 * MINUTE);
/// After a write that failed the next one waits so long.
const RETRY: Span = Span(5 * SECOND);
/// Senders are sent away for so long when too much waits for the disk.
const PAUSE: Span = Span(SECOND);
/// With so many times as much in memory as is written at once, whoever brings more waits until it is written.
const CROWD: usize = 2;
/// How often old things are forgotten.
const TRIM: Span = Span(10 * SECOND);

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
            age: Span(26 * 60 * MINUTE),
            bytes: 4 << 30,
            head_bytes: 4 << 20,
            head_age: Span(5 * SECOND),
            waiting_bytes: 64 << 20,
            hot: Span(180 * MINUTE),
            hot_points: 1_000_000,
            hot_seconds: 200_000,
            capture_bytes: 256 << 20,
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
    /// Came in, and is not written.
    head: Vec<Held>,
    head_bytes: usize,
    /// Is being written.
    sealing: Vec<Held>,
    sealing_bytes: usize,
    next_log: u64,
    next_span: u64,
    hot: Hot,
    seconds: Seconds,
    known: Known,
    /// Who called whom, as questions about the surroundings have found it.
    calls: Known,
    trimmed: Option<Timestamp>,
    retry_at: Option<Timestamp>,
    /// Too much waits for the disk: nothing is taken before then.
    closed_until: Option<Timestamp>,
    stats: Stats,
}

/// The telemetry of the last hours. Shared between threads.
#[derive(Debug)]
pub struct Window {
    folder: PathBuf,
    limits: Limits,
    /// Taken before `state` where both are.
    segments: Mutex<Segments>,
    state: Mutex<State>,
}

/// The chunks that are wanted, by file, oldest first.
fn choose(
    segments: &Segments,
    wanted: impl Fn(&chunk::Head) -> bool,
) -> Vec<(Arc<Path>, Vec<Chunk>)> {
    segments
        .all
        .iter()
        .map(|segment| {
            let chunks = segment.chunks.iter().filter(|c| wanted(&c.head));
            (Arc::clone(&segment.path), chunks.cloned().collect())
        })
        .filter(|(_, chunks): &(_, Vec<Chunk>)| !chunks.is_empty())
        .collect()
}

/// The lock. Whoever panicked while holding it left counts at worst one short.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|held| held.into_inner())
}

impl Window {
    /// Opens the window in `folder`, which is made if it is not there, with what an earlier run left in it.
    ///
    /// # Errors
    /// When the folder cannot be written, is another server's, or holds what this program did not write.
    /// Nothing in it is altered then.
    pub fn open(folder: &Path, limits: Limits) -> Result<Self, WindowError> {
        let segments = Segments::open(folder)?;
        let (next_log, next_span) = segments.next_rows();
        let mut state = State {
            next_log,
            next_span,
            ..State::default()
        };
        state.stats.damaged = segments.damaged;
        state.stats.bytes = segments.bytes();
        state.stats.chunks = segments.chunks();
        let window = Self {
            folder: folder.to_path_buf(),
            limits,
            segments: Mutex::new(segments),
            state: Mutex::new(state),
        };
        window.recall()?;
        Ok(window)
    }

    /// Puts back into memory what detectors read, from the chunks on the disk.
    fn recall(&self) -> Result<(), WindowError> {
        let (chosen, newest, oldest) = {
            let segments = held(&self.segments);
            let ats = || {
                segments
                    .all
                    .iter()
                    .flat_map(|s| &s.chunks)
                    .map(|c| c.head.at)
            };
            let (Some(newest), Some(oldest)) = (ats().max(), ats().min()) else {
                return Ok(());
            };
            // Whoever was not heard of since is not put back among the known.
            let reach = self.limits.hot.0.max(RECOUNTED.0);
            let kept = newest.saturating_sub(reach);
            let chosen = choose(&segments, |head| head.at >= kept);
            (chosen, Timestamp(newest), Timestamp(oldest))
        };
        let (hot, recounted) = (newest.minus(self.limits.hot), newest.minus(RECOUNTED));
        self.read_chunks(chosen, |reader, chunk| {
            let at = Timestamp(chunk.head.at);
            let topology = chunk::read_topology(&reader.read(chunk, Kind::Topology)?)?;
            let mut spans = Batch::default();
            if at >= recounted {
                chunk::read_spans(&reader.read(chunk, Kind::Spans)?, &mut spans)?;
            }
            let points = chunk::read_points(&reader.read(chunk, Kind::Points)?)?;
            let mut state = held(&self.state);
            let state = &mut *state;
            state.known.tell(&topology, at);
            points.iter().for_each(|point| state.hot.push(point));
            if state.hot.points() > self.limits.hot_points {
                state.hot.trim(hot, self.limits.hot_points);
            }
            state.seconds.push(&spans);
            Ok(())
        })?;
        let mut state = held(&self.state);
        if oldest < hot {
            // Who is ahead of us by less than is put right may have sent this earlier.
            state.hot.complete_since(hot.plus(AHEAD));
        }
        if oldest < recounted {
            state.seconds.complete_since(recounted);
        }
        Ok(())
    }

    /// Visits chunks, oldest first. One that is damaged is counted and passed over; how many were.
    fn read_chunks(
        &self,
        chosen: Vec<(Arc<Path>, Vec<Chunk>)>,
        mut visit: impl FnMut(&mut SegmentReader, &Chunk) -> Result<(), Damaged>,
    ) -> Result<u64, WindowError> {
        let mut damaged = 0;
        for (path, chunks) in chosen {
            let Some(mut reader) = SegmentReader::open(&path)? else {
                continue;
            };
            for chunk in &chunks {
                if let Err(why) = visit(&mut reader, chunk) {
                    damaged += 1;
                    held(&self.state).stats.error = Some(why.to_string());
                }
            }
        }
        if damaged > 0 {
            held(&self.state).stats.damaged += damaged;
        }
        Ok(damaged)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// For how long nothing will be taken, if too much waited for the disk a moment ago: until something was
    /// written, or until [`append`](Self::append) is worth another try.
    pub fn closed(&self, now: Timestamp) -> Option<Span> {
        let until = held(&self.state).closed_until?;
        (now < until).then(|| Span(until.since(now).0.min(PAUSE.0)))
    }

    /// Takes the rows that came in at `now`.
    ///
    /// # Errors
    /// When too much waits for the disk already; nothing of the batch is taken then, and it may come again.
    /// That a write fails is no error yet: what was taken waits, and [`stats`](Self::stats) says why.
    pub fn append(&self, batch: impl Into<Arc<Batch>>, now: Timestamp) -> Result<(), WindowError> {
        let batch = batch.into();
        let bytes = batch.bytes();
        {
            let mut state = held(&self.state);
            let state = &mut *state;
            let waiting = state.head_bytes + state.sealing_bytes;
            if waiting + bytes > self.limits.waiting_bytes && waiting > 0 {
                state.stats.refused += 1;
                state.closed_until = Some(now.plus(PAUSE));
                let why = state.stats.error.clone();
                return Err(WindowError::Full {
                    held: waiting as u64,
                    why: why.unwrap_or_else(|| "the disk is slower than the senders".to_string()),
                });
            }
            state.known.tell(&batch.topology, now);
            for point in &batch.points {
                state.hot.push(point);
            }
            state.seconds.push(&batch);
            let one = Held {
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
            state.head.push(one);
        }
        let _ = self.keep_up(now, true);
        Ok(())
    }

    /// What is owed at `now`: writing what has waited long enough, and forgetting what is too old. Called by
    /// [`append`](Self::append), and once a second or so by whoever keeps the window.
    ///
    /// # Errors
    /// When the disk does not take what waits; it waits on, within its bounds.
    pub fn tick(&self, now: Timestamp) -> Result<(), WindowError> {
        self.keep_up(now, false)
    }

    /// As [`tick`](Self::tick). A `patient` one waits for whoever writes when much has come in meanwhile, so that
    /// senders are answered no faster than what they bring is written: they slow down before any must be sent away.
    fn keep_up(&self, now: Timestamp, patient: bool) -> Result<(), WindowError> {
        let (trim, write, crowded) = {
            let mut state = held(&self.state);
            let state = &mut *state;
            let trim = state.trimmed.is_none_or(|last| now.since(last) >= TRIM);
            if trim {
                state.trimmed = Some(now);
                let oldest = now.minus(self.limits.hot);
                state.hot.trim(oldest, self.limits.hot_points);
                state.seconds.trim(oldest, self.limits.hot_seconds);
                state.known.trim(now.minus(self.limits.age));
            }
            let waited = state.head.first().map(|first| now.since(first.at));
            let due = state.head_bytes >= self.limits.head_bytes
                || waited.is_some_and(|waited| waited >= self.limits.head_age);
            let write = due && state.retry_at.is_none_or(|at| now >= at);
            let crowd = self.limits.head_bytes.saturating_mul(CROWD);
            (trim, write, patient && write && state.head_bytes >= crowd)
        };
        if !write && !trim {
            return Ok(());
        }
        let mut segments = match self.segments.try_lock() {
            Ok(segments) => segments,
            Err(TryLockError::Poisoned(held)) => held.into_inner(),
            Err(TryLockError::WouldBlock) if crowded => {
                let segments = held(&self.segments);
                // Others waited too, and the first of them has written for all.
                if held(&self.state).head_bytes < self.limits.head_bytes {
                    return Ok(());
                }
                segments
            }
            // Whoever holds it is writing: what waits here goes with the next write.
            Err(TryLockError::WouldBlock) => return Ok(()),
        };
        if write {
            return self.write(&mut segments, now);
        }
        self.drop_old(&mut segments, now);
        Ok(())
    }

    /// Writes all that waits, whether it is due or not: before the program ends.
    ///
    /// # Errors
    /// When the disk does not take it; it waits on.
    pub fn flush(&self, now: Timestamp) -> Result<(), WindowError> {
        self.write(&mut held(&self.segments), now)
    }

    fn write(&self, segments: &mut Segments, now: Timestamp) -> Result<(), WindowError> {
        let sealing = {
            let mut state = held(&self.state);
            let state = &mut *state;
            state.sealing = std::mem::take(&mut state.head);
            state.sealing_bytes = std::mem::take(&mut state.head_bytes);
            state.sealing.clone()
        };
        if sealing.is_empty() {
            return Ok(());
        }
        let most = (self.limits.bytes / SEGMENTS).clamp(64 << 10, 64 << 20);
        let written = chunk::encode(&sealing)
            .map_err(|why| WindowError::Unwritable {
                why: why.to_string(),
            })
            .and_then(|(head, body)| segments.append(head, &body, most));
        let mut state = held(&self.state);
        match written {
            Ok(()) => {
                state.sealing.clear();
                state.sealing_bytes = 0;
                state.retry_at = None;
                state.closed_until = None;
                state.stats.error = None;
                drop(state);
                self.drop_old(segments, now);
                Ok(())
            }
            Err(error) => {
                // Back to where it came from, before what came in meanwhile.
                let state = &mut *state;
                let mut head = std::mem::take(&mut state.sealing);
                head.append(&mut state.head);
                state.head = head;
                state.head_bytes += std::mem::take(&mut state.sealing_bytes);
                state.retry_at = Some(now.plus(RETRY));
                state.stats.error = Some(error.to_string());
                Err(error)
            }
        }
    }

    /// Removes what is too old, and the oldest of what is too much.
    fn drop_old(&self, segments: &mut Segments, now: Timestamp) {
        let oldest = now.minus(self.limits.age).0;
        let (mut by_age, mut by_bytes) = (0, 0);
        while let Some(first) = segments.all.front() {
            let old = first.last().is_none_or(|last| last < oldest);
            let much = segments.bytes() > self.limits.bytes;
            if !old && !much {
                break;
            }
            if segments.all.len() == 1 && old && first.last().is_some() {
                segments.close();
            }
            match (segments.drop_oldest(), old) {
                (Some(chunks), true) => by_age += chunks,
                (Some(chunks), false) => by_bytes += chunks,
                (None, _) => break,
            }
        }
        let mut state = held(&self.state);
        state.stats.dropped_by_age += by_age;
        state.stats.dropped_by_bytes += by_bytes;
        state.stats.bytes = segments.bytes();
        state.stats.chunks = segments.chunks();
    }

    /// Requests, errors and durations of one entity, from its spans: one value per step of whole seconds,
    /// also where nothing was called. From memory: as far back as [`Limits::hot`], and no further back than is
    /// known for sure (a quarter of an hour after a restart).
    pub fn red(&self, entity: &EntityId, window: TimeWindow, step: Span) -> Vec<Red> {
        held(&self.state).seconds.read(entity, window, step)
    }

    /// The entities that served requests of late, sorted.
    pub fn serving(&self) -> Vec<EntityId> {
        held(&self.state).seconds.entities().cloned().collect()
    }

    /// The keys of the series that have points in memory, sorted.
    pub fn series_keys(&self) -> Vec<Arc<SeriesKey>> {
        held(&self.state).hot.names().cloned().collect()
    }

    /// What is held, and what was dropped.
    pub fn stats(&self) -> Stats {
        let state = held(&self.state);
        Stats {
            waiting_bytes: (state.head_bytes + state.sealing_bytes) as u64,
            hot_points: state.hot.points() as u64,
            hot_seconds: state.seconds.count() as u64,
            ..state.stats.clone()
        }
    }
}
