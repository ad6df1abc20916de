//! What one pass over a file at opening time leaves behind: its points, and for its rows a table of
//! when and whose, so that later scans skip what they do not need.

use std::borrow::Cow;
use std::ops::ControlFlow;

use model::{EntityId, LogLine, SpanRow, TimeWindow, Timestamp};
use rustc_hash::{FxHashMap, FxHashSet};

use super::columns::{Columns, Dropped};
use super::entities::{Directory, Who};
use super::limits::Limits;
use super::rows::{LogParts, PointParts, SpanParts};
use super::source::DataFile;
use super::stream::{Flow, ON, Part, Place, Sink, sort_fields};

/// Bytes of a file that one entry of the table stands for.
const CHUNK: u64 = 1 << 20;
/// More writers than this in one chunk are not remembered by name: it will be read anyway.
const WRITERS: usize = 256;

/// A stretch of a file.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    start: Place,
    first: Timestamp,
    last: Timestamp,
    /// `None`: too many to remember.
    writers: Option<FxHashSet<EntityId>>,
    rows: u64,
}

/// When and whose the rows of one kind in one file are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    chunks: Vec<Chunk>,
}

impl Index {
    fn note(&mut self, place: Place, at: Timestamp, who: &EntityId) {
        let full = self
            .chunks
            .last()
            .is_none_or(|chunk| place.offset >= chunk.start.offset + CHUNK);
        if full {
            self.chunks.push(Chunk {
                start: place,
                first: at,
                last: at,
                writers: Some(FxHashSet::default()),
                rows: 0,
            });
        }
        let Some(chunk) = self.chunks.last_mut() else {
            return;
        };
        chunk.first = chunk.first.min(at);
        chunk.last = chunk.last.max(at);
        chunk.rows += 1;
        if let Some(writers) = &mut chunk.writers
            && !writers.contains(who)
        {
            writers.insert(who.clone());
            if writers.len() > WRITERS {
                chunk.writers = None;
            }
        }
    }

    /// Rows in the file.
    pub fn rows(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.rows).sum()
    }

    /// First and last moment.
    pub fn range(&self) -> Option<(Timestamp, Timestamp)> {
        let first = self.chunks.iter().map(|chunk| chunk.first).min()?;
        let last = self.chunks.iter().map(|chunk| chunk.last).max()?;
        Some((first, last))
    }

    /// The parts of the file that can hold what is asked for. Packed files cannot be jumped into, so
    /// there it is one part from the first to the last.
    pub fn parts(&self, entity: Option<&EntityId>, window: TimeWindow, packed: bool) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        for (i, chunk) in self.chunks.iter().enumerate() {
            let there = chunk.first < window.to()
                && chunk.last >= window.from()
                && match (entity, &chunk.writers) {
                    (Some(entity), Some(writers)) => writers.contains(entity),
                    _ => true,
                };
            if !there {
                continue;
            }
            let to = self
                .chunks
                .get(i + 1)
                .map_or(u64::MAX, |next| next.start.offset);
            match parts.last_mut() {
                Some(last) if packed || last.to == chunk.start.offset => last.to = to,
                _ => parts.push(Part {
                    from: chunk.start,
                    to,
                }),
            }
        }
        parts
    }
}

/// Takes the rows of one file when the recording is opened.
pub(crate) struct Indexer<'f> {
    pub file: &'f DataFile,
    pub now: Timestamp,
    pub directory: Directory,
    pub columns: Columns,
    pub logs: Index,
    pub spans: Index,
    pub dropped: Dropped,
    /// Where points of a name went: making and hashing a key for each would cost more than reading it.
    slots: FxHashMap<Box<[u8]>, u32>,
    name: Vec<u8>,
}

impl<'f> Indexer<'f> {
    pub fn new(file: &'f DataFile, now: Timestamp, directory: Directory, limits: &Limits) -> Self {
        Self {
            file,
            now,
            directory,
            columns: Columns::new(now, limits),
            logs: Index::default(),
            spans: Index::default(),
            dropped: Dropped::default(),
            slots: FxHashMap::default(),
            name: Vec::new(),
        }
    }

    /// What tells the point's series from all others, into `name`.
    fn spell(&mut self, parts: &PointParts<'_>) {
        self.name.clear();
        let mut put = |text: &str| {
            self.name.extend_from_slice(text.as_bytes());
            self.name.push(0);
        };
        match &parts.who {
            Some(Who::Named(kind, text)) => {
                put(kind.word());
                put(text);
            }
            Some(Who::Id(text)) => put(text),
            Some(Who::Met(id)) => put(id.as_str()),
            Some(Who::Nobody) | None => {}
        }
        put(&parts.metric);
        put(&parts.statistic);
        put(&parts.unit);
        for (name, value) in &parts.labels {
            put(name);
            put(value);
        }
    }
}

impl Sink for Indexer<'_> {
    fn wants_logs(&self) -> bool {
        true
    }

    fn wants_spans(&self) -> bool {
        true
    }

    fn wants_points(&self) -> bool {
        true
    }

    fn directory(&mut self) -> &mut Directory {
        &mut self.directory
    }

    fn log(&mut self, parts: LogParts<'_>, place: Place) -> Flow {
        let who = self
            .directory
            .id(parts.who.as_ref().unwrap_or(&Who::Nobody));
        if parts.time > self.now {
            self.dropped.after_now += 1;
            return ON;
        }
        self.logs.note(place, parts.time, &who);
        ON
    }

    fn span(&mut self, parts: SpanParts<'_>, place: Place) -> Flow {
        let who = self
            .directory
            .id(parts.who.as_ref().unwrap_or(&Who::Nobody));
        let mut start = parts.start;
        if parts.end < parts.start {
            self.dropped.backward_spans += 1;
            start = parts.end;
        }
        if start > self.now {
            self.dropped.after_now += 1;
            return ON;
        }
        self.spans.note(place, start, &who);
        ON
    }

    fn point(&mut self, parts: PointParts<'_>, _: Place) -> Flow {
        let (time, value) = (parts.time, parts.value);
        self.spell(&parts);
        let slot = match self.slots.get(self.name.as_slice()) {
            Some(slot) => *slot,
            None => {
                let key = super::table::series_key(parts, &mut self.directory);
                let slot = self.columns.slot(key, &self.file.name)?;
                self.slots.insert(self.name.as_slice().into(), slot);
                slot
            }
        };
        self.columns.push(slot, time, value, &self.file.name)?;
        ON
    }
}

/// Shows log lines to a visitor.
pub(crate) struct LogVisitor<'v, 'f> {
    pub file: &'f DataFile,
    pub now: Timestamp,
    pub entity: Option<&'v EntityId>,
    pub window: TimeWindow,
    pub directory: Directory,
    pub visit: &'v mut dyn FnMut(&LogLine<'_>) -> ControlFlow<()>,
    pub rows: u64,
    pub bytes: u64,
    pub stopped: bool,
}

impl Sink for LogVisitor<'_, '_> {
    fn wants_logs(&self) -> bool {
        true
    }

    fn directory(&mut self) -> &mut Directory {
        &mut self.directory
    }

    fn log(&mut self, mut parts: LogParts<'_>, place: Place) -> Flow {
        if !self.window.contains(parts.time) || parts.time > self.now {
            return ON;
        }
        let who = self
            .directory
            .id(parts.who.as_ref().unwrap_or(&Who::Nobody));
        if self.entity.is_some_and(|entity| *entity != who) {
            return ON;
        }
        sort_fields(&mut parts.attributes);
        let attributes = borrowed(&parts.attributes);
        self.rows += 1;
        self.bytes += parts.body.len() as u64;
        let line = LogLine {
            time: parts.time,
            entity: &who,
            severity: parts.severity,
            body: &parts.body,
            attributes: &attributes,
            trace_id: &parts.trace_id,
            span_id: &parts.span_id,
            file: &self.file.name,
            line: place.line,
        };
        let flow = (self.visit)(&line);
        self.stopped = flow.is_break();
        Ok(flow)
    }
}

/// Shows spans to a visitor.
pub(crate) struct SpanVisitor<'v, 'f> {
    pub file: &'f DataFile,
    pub now: Timestamp,
    pub window: TimeWindow,
    pub directory: Directory,
    pub visit: &'v mut dyn FnMut(&SpanRow<'_>) -> ControlFlow<()>,
    pub rows: u64,
    pub bytes: u64,
    pub stopped: bool,
}

impl Sink for SpanVisitor<'_, '_> {
    fn wants_spans(&self) -> bool {
        true
    }

    fn directory(&mut self) -> &mut Directory {
        &mut self.directory
    }

    fn span(&mut self, mut parts: SpanParts<'_>, place: Place) -> Flow {
        let (start, end) = (parts.start.min(parts.end), parts.start.max(parts.end));
        if !self.window.contains(start) || start > self.now {
            return ON;
        }
        let who = self
            .directory
            .id(parts.who.as_ref().unwrap_or(&Who::Nobody));
        sort_fields(&mut parts.attributes);
        let attributes = borrowed(&parts.attributes);
        self.rows += 1;
        self.bytes += (parts.name.len() + parts.message.len()) as u64;
        let row = SpanRow {
            trace_id: &parts.trace_id,
            span_id: &parts.span_id,
            parent_id: &parts.parent_id,
            entity: &who,
            name: &parts.name,
            kind: parts.kind,
            start,
            end,
            error: parts.error,
            message: &parts.message,
            peer: &parts.peer,
            attributes: &attributes,
            file: &self.file.name,
            line: place.line,
        };
        let flow = (self.visit)(&row);
        self.stopped = flow.is_break();
        Ok(flow)
    }
}

fn borrowed<'p>(fields: &'p [(Cow<'_, str>, Cow<'_, str>)]) -> Vec<(&'p str, &'p str)> {
    fields
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect()
}
