//! Rows of telemetry on their way from a sender to the window: many at once, over one text.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::{LogLine, SeriesKey, Severity, SpanKind, SpanRow};
use crate::entity::EntityId;
use crate::time::{Span, Timestamp};
use crate::topology::Topology;

/// One number of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Whose and what; shared between the points of a series.
    pub key: Arc<SeriesKey>,
    /// When.
    pub time: Timestamp,
    /// In the key's unit; finite.
    pub value: f64,
}

/// A piece of the batch's text.
#[derive(Clone, Copy, Debug, Default)]
struct Cut {
    at: u32,
    len: u32,
}

/// Where an attribute's value stands, and the number of its name.
#[derive(Clone, Copy, Debug)]
struct Field {
    name: u32,
    value: Cut,
}

#[derive(Clone, Copy, Debug)]
struct LogCells {
    time: Timestamp,
    entity: u32,
    severity: Option<Severity>,
    body: Cut,
    trace_id: Cut,
    span_id: Cut,
    fields: (u32, u32),
}

#[derive(Clone, Copy, Debug)]
struct SpanCells {
    start: Timestamp,
    end: Timestamp,
    entity: u32,
    kind: SpanKind,
    error: bool,
    name: u32,
    message: Cut,
    peer: u32,
    trace_id: Cut,
    span_id: Cut,
    parent_id: Cut,
    fields: (u32, u32),
}

/// Names that occur again and again (of attributes, of operations, of the other end), numbered as they came.
#[derive(Clone, Debug, Default)]
struct Names {
    all: Vec<Arc<str>>,
    numbers: BTreeMap<Arc<str>, u32>,
    /// The name last seen in each place: nearly every name is found here, without a search. A tree behind it and no
    /// hash table, because names come from outside and could be chosen so that they fall into one place.
    seen: Vec<u32>,
    bytes: usize,
}

impl Names {
    /// Places for names that were just seen: many more than a sender's rows have names.
    const PLACES: usize = 256;

    fn number(&mut self, name: &str) -> u32 {
        let bytes = name.as_bytes();
        let at = |i: usize| bytes.get(i).map_or(0, |byte| usize::from(*byte));
        let half = bytes.len() / 2;
        let place = bytes.len() * 37 + at(half) * 5 + at(bytes.len().wrapping_sub(1)) * 11 + at(0);
        let place = place % Self::PLACES;
        if let Some(number) = self.seen.get(place)
            && self.all.get(*number as usize).is_some_and(|n| **n == *name)
        {
            return *number;
        }
        let number = match self.numbers.get(name) {
            Some(number) => *number,
            None => {
                let number = self.all.len() as u32;
                let name: Arc<str> = name.into();
                self.bytes += name.len() + 64;
                self.all.push(Arc::clone(&name));
                self.numbers.insert(name, number);
                number
            }
        };
        self.seen.resize(Self::PLACES, u32::MAX);
        if let Some(seen) = self.seen.get_mut(place) {
            *seen = number;
        }
        number
    }

    fn get(&self, number: u32) -> &str {
        self.all.get(number as usize).map_or("", |name| name)
    }
}

/// Points, log lines and spans that came together, in the order they came in.
///
/// Rows are kept as numbers over one shared text, so that a thousand spans cost a handful of allocations.
/// A batch holds at most 4 GiB of text; what is put in beyond that is empty.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    text: String,
    names: Names,
    fields: Vec<Field>,
    entities: Vec<EntityId>,
    numbers: BTreeMap<EntityId, u32>,
    /// The number of the entity that the last row was about.
    last: u32,
    logs: Vec<LogCells>,
    spans: Vec<SpanCells>,
    /// The points.
    pub points: Vec<Point>,
    /// The entities that the rows speak of, and the edges that their senders told.
    pub topology: Topology,
}

impl Batch {
    /// Log lines in it.
    pub fn logs(&self) -> usize {
        self.logs.len()
    }

    /// Spans in it.
    pub fn spans(&self) -> usize {
        self.spans.len()
    }

    /// Is there nothing in it, not even an entity?
    pub fn is_empty(&self) -> bool {
        self.logs.is_empty()
            && self.spans.is_empty()
            && self.points.is_empty()
            && self.topology.entities.is_empty()
    }

    /// About how many bytes of memory it takes.
    pub fn bytes(&self) -> usize {
        self.text.len()
            + self.names.bytes
            + self.fields.len() * size_of::<Field>()
            + self.logs.len() * size_of::<LogCells>()
            + self.spans.len() * size_of::<SpanCells>()
            + self.points.len() * size_of::<Point>()
            + (self.topology.entities.len() + self.topology.edges.len()) * 128
    }

    /// No more rows are coming: what only helped to add them is let go.
    pub fn settle(&mut self) {
        self.names.seen = Vec::new();
    }

    fn put(&mut self, text: &str) -> Cut {
        let at = self.text.len();
        if text.is_empty() || at + text.len() > u32::MAX as usize {
            return Cut::default();
        }
        self.text.push_str(text);
        Cut {
            at: at as u32,
            len: text.len() as u32,
        }
    }

    fn get(&self, cut: Cut) -> &str {
        let at = cut.at as usize;
        self.text.get(at..at + cut.len as usize).unwrap_or_default()
    }

    fn number(&mut self, entity: &EntityId) -> u32 {
        if self.entities.get(self.last as usize) == Some(entity) {
            return self.last;
        }
        self.last = match self.numbers.get(entity) {
            Some(number) => *number,
            None => {
                let number = self.entities.len() as u32;
                self.entities.push(entity.clone());
                self.numbers.insert(entity.clone(), number);
                number
            }
        };
        self.last
    }

    fn put_fields<'f>(&mut self, fields: impl Iterator<Item = (&'f str, &'f str)>) -> (u32, u32) {
        let from = self.fields.len() as u32;
        for (name, value) in fields {
            let field = Field {
                name: self.names.number(name),
                value: self.put(value),
            };
            self.fields.push(field);
        }
        (from, self.fields.len() as u32)
    }

    fn fields(&self, (from, to): (u32, u32)) -> &[Field] {
        let fields = self.fields.get(from as usize..to as usize);
        fields.unwrap_or_default()
    }

    fn get_fields<'b>(&'b self, cells: (u32, u32), out: &mut Vec<(&'b str, &'b str)>) {
        out.clear();
        out.extend(
            self.fields(cells)
                .iter()
                .map(|field| (self.names.get(field.name), self.get(field.value))),
        );
    }

    /// Adds a log line. Its file and line are left out: a batch has none.
    pub fn push_log(&mut self, line: &LogLine<'_>) {
        self.push_log_with(line, line.attributes.iter().copied());
    }

    /// Adds a log line that has these attributes in place of its own.
    pub fn push_log_with<'f>(
        &mut self,
        line: &LogLine<'_>,
        attributes: impl Iterator<Item = (&'f str, &'f str)>,
    ) {
        let cells = LogCells {
            time: line.time,
            entity: self.number(line.entity),
            severity: line.severity,
            body: self.put(line.body),
            trace_id: self.put(line.trace_id),
            span_id: self.put(line.span_id),
            fields: self.put_fields(attributes),
        };
        self.logs.push(cells);
    }

    /// Adds a span. Its file and line are left out.
    pub fn push_span(&mut self, row: &SpanRow<'_>) {
        self.push_span_with(row, row.attributes.iter().copied());
    }

    /// Adds a span that has these attributes in place of its own.
    pub fn push_span_with<'f>(
        &mut self,
        row: &SpanRow<'_>,
        attributes: impl Iterator<Item = (&'f str, &'f str)>,
    ) {
        let cells = SpanCells {
            start: row.start.min(row.end),
            end: row.end.max(row.start),
            entity: self.number(row.entity),
            kind: row.kind,
            error: row.error,
            name: self.names.number(row.name),
            message: self.put(row.message),
            peer: self.names.number(row.peer),
            trace_id: self.put(row.trace_id),
            span_id: self.put(row.span_id),
            parent_id: self.put(row.parent_id),
            fields: self.put_fields(attributes),
        };
        self.spans.push(cells);
    }

    /// The names of attributes and operations and of the other ends, by the numbers that [`StoredSpan`] and
    /// [`StoredLog`] give.
    pub fn names(&self) -> &[Arc<str>] {
        &self.names.all
    }

    /// The entities that the rows are about, by the numbers that [`StoredSpan`] and [`StoredLog`] give.
    pub fn entities(&self) -> &[EntityId] {
        &self.entities
    }

    /// The log lines as they are stored, in the order they came in: for readers of many rows that need few of their
    /// parts, or copy them.
    pub fn stored_logs(&self) -> impl Iterator<Item = StoredLog<'_>> {
        self.logs
            .iter()
            .map(|cells| StoredLog { batch: self, cells })
    }

    /// The spans as they are stored, in the order they came in.
    pub fn stored_spans(&self) -> impl Iterator<Item = StoredSpan<'_>> {
        self.spans
            .iter()
            .map(|cells| StoredSpan { batch: self, cells })
    }

    /// Shows the log lines in the order they came in, as lines of `file` counted from `first`.
    pub fn each_log(
        &self,
        file: &Arc<str>,
        first: u64,
        visit: &mut dyn FnMut(&LogLine<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut fields = Vec::new();
        for (i, cells) in self.logs.iter().enumerate() {
            let Some(entity) = self.entities.get(cells.entity as usize) else {
                continue;
            };
            self.get_fields(cells.fields, &mut fields);
            visit(&LogLine {
                time: cells.time,
                entity,
                severity: cells.severity,
                body: self.get(cells.body),
                attributes: &fields,
                trace_id: self.get(cells.trace_id),
                span_id: self.get(cells.span_id),
                file,
                line: first.saturating_add(i as u64),
            })?;
        }
        ControlFlow::Continue(())
    }

    /// Shows the spans in the order they came in, as lines of `file` counted from `first`.
    pub fn each_span(
        &self,
        file: &Arc<str>,
        first: u64,
        visit: &mut dyn FnMut(&SpanRow<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut fields = Vec::new();
        for (i, cells) in self.spans.iter().enumerate() {
            let Some(entity) = self.entities.get(cells.entity as usize) else {
                continue;
            };
            self.get_fields(cells.fields, &mut fields);
            visit(&SpanRow {
                trace_id: self.get(cells.trace_id),
                span_id: self.get(cells.span_id),
                parent_id: self.get(cells.parent_id),
                entity,
                name: self.names.get(cells.name),
                kind: cells.kind,
                start: cells.start,
                end: cells.end,
                error: cells.error,
                message: self.get(cells.message),
                peer: self.names.get(cells.peer),
                attributes: &fields,
                file,
                line: first.saturating_add(i as u64),
            })?;
        }
        ControlFlow::Continue(())
    }

    /// Shows whose each row is and when it was: log lines and points at their time, spans at their end.
    pub fn each_moment(&self, mut visit: impl FnMut(&EntityId, Timestamp)) {
        let logs = self.logs.iter().map(|c| (c.entity, c.time));
        let spans = self.spans.iter().map(|c| (c.entity, c.end));
        for (entity, at) in logs.chain(spans) {
            if let Some(entity) = self.entities.get(entity as usize) {
                visit(entity, at);
            }
        }
        for point in &self.points {
            visit(&point.key.entity, point.time);
        }
    }

    /// Moves each row by what `offset` says for its entity and moment (see [`each_moment`](Self::each_moment)),
    /// saturating: how a sender whose clock is days off is put beside the others. Returns how many moved.
    pub fn shift(&mut self, offset: impl Fn(&EntityId, Timestamp) -> Option<Span>) -> u64 {
        let mut moved = 0;
        for cells in &mut self.logs {
            let entity = self.entities.get(cells.entity as usize);
            if let Some(by) = entity.and_then(|entity| offset(entity, cells.time)) {
                cells.time = cells.time.plus(by);
                moved += 1;
            }
        }
        for cells in &mut self.spans {
            let entity = self.entities.get(cells.entity as usize);
            if let Some(by) = entity.and_then(|entity| offset(entity, cells.end)) {
                cells.start = cells.start.plus(by);
                cells.end = cells.end.plus(by);
                moved += 1;
            }
        }
        for point in &mut self.points {
            if let Some(by) = offset(&point.key.entity, point.time) {
                point.time = point.time.plus(by);
                moved += 1;
            }
        }
        moved
    }
}

/// A log line as a [`Batch`] stores it.
#[derive(Clone, Copy, Debug)]
pub struct StoredLog<'b> {
    batch: &'b Batch,
    cells: &'b LogCells,
}

impl<'b> StoredLog<'b> {
    /// When.
    pub fn time(&self) -> Timestamp {
        self.cells.time
    }

    /// The number of its entity.
    pub fn entity(&self) -> u32 {
        self.cells.entity
    }

    /// How bad.
    pub fn severity(&self) -> Option<Severity> {
        self.cells.severity
    }

    /// What it says.
    pub fn body(&self) -> &'b str {
        self.batch.get(self.cells.body)
    }

    /// Its trace, in hexadecimal; may be empty.
    pub fn trace_id(&self) -> &'b str {
        self.batch.get(self.cells.trace_id)
    }

    /// Its span, in hexadecimal; may be empty.
    pub fn span_id(&self) -> &'b str {
        self.batch.get(self.cells.span_id)
    }

    /// Its attributes: the numbers of their names, and their values.
    pub fn attributes(&self) -> impl ExactSizeIterator<Item = (u32, &'b str)> {
        let batch = self.batch;
        let fields = batch.fields(self.cells.fields).iter();
        fields.map(|field| (field.name, batch.get(field.value)))
    }
}

/// A span as a [`Batch`] stores it.
#[derive(Clone, Copy, Debug)]
pub struct StoredSpan<'b> {
    batch: &'b Batch,
    cells: &'b SpanCells,
}

impl<'b> StoredSpan<'b> {
    /// When it began.
    pub fn start(&self) -> Timestamp {
        self.cells.start
    }

    /// When it ended.
    pub fn end(&self) -> Timestamp {
        self.cells.end
    }

    /// The number of its entity.
    pub fn entity(&self) -> u32 {
        self.cells.entity
    }

    /// Which end of what.
    pub fn kind(&self) -> SpanKind {
        self.cells.kind
    }

    /// Did it fail?
    pub fn failed(&self) -> bool {
        self.cells.error
    }

    /// The number of its operation's name.
    pub fn name(&self) -> u32 {
        self.cells.name
    }

    /// The number of the other end's name.
    pub fn peer(&self) -> u32 {
        self.cells.peer
    }

    /// What it says of its failure.
    pub fn message(&self) -> &'b str {
        self.batch.get(self.cells.message)
    }

    /// Its trace, in hexadecimal.
    pub fn trace_id(&self) -> &'b str {
        self.batch.get(self.cells.trace_id)
    }

    /// Its own id, in hexadecimal.
    pub fn span_id(&self) -> &'b str {
        self.batch.get(self.cells.span_id)
    }

    /// The span that it is part of; empty for a root.
    pub fn parent_id(&self) -> &'b str {
        self.batch.get(self.cells.parent_id)
    }

    /// Is there no span that it is part of?
    pub fn is_root(&self) -> bool {
        self.cells.parent_id.len == 0
    }

    /// Its attributes: the numbers of their names, and their values.
    pub fn attributes(&self) -> impl ExactSizeIterator<Item = (u32, &'b str)> {
        let batch = self.batch;
        let fields = batch.fields(self.cells.fields).iter();
        fields.map(|field| (field.name, batch.get(field.value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_went_in_and_move_with_their_clock() {
        let file: Arc<str> = "f".into();
        let (a, b) = (EntityId::from("service/a"), EntityId::from("service/b"));
        let mut batch = Batch::default();
        for (i, entity) in [&a, &b, &a].into_iter().enumerate() {
            batch.push_log(&LogLine {
                time: Timestamp(10 + i as i64),
                entity,
                severity: Some(Severity::Warn),
                body: "ü body",
                attributes: &[("k", "v"), ("leer", "")],
                trace_id: "",
                span_id: "s",
                file: &file,
                line: 0,
            });
        }
        let moved = batch.shift(|entity, at| (*entity == a && at.0 > 10).then_some(Span(100)));
        assert_eq!(moved, 1);
        let mut seen = Vec::new();
        let _ = batch.each_log(&file, 7, &mut |line| {
            assert_eq!(line.body, "ü body");
            assert_eq!(line.attributes, [("k", "v"), ("leer", "")]);
            seen.push((line.line, line.entity.clone(), line.time.0));
            ControlFlow::Continue(())
        });
        assert_eq!(
            seen,
            [(7, a.clone(), 10), (8, b.clone(), 11), (9, a.clone(), 112)]
        );
    }
}
