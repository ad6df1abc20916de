//! One chunk: what came in over a few seconds, as four sections of columns (points, log lines, spans, and who
//! was met), each with its reach in time and its digest, so that each can be read alone.

use std::collections::HashMap;
use std::sync::Arc;

use model::telemetry::{Batch, Point, SpanKind};
use model::{EntityId, LogLine, SeriesKey, Severity, SpanRow, Timestamp, Topology};

use super::Held;
use super::columns::{Damaged, Pieces, Reader, Writer};

/// The four sections, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Points,
    Logs,
    Spans,
    Topology,
}

/// Where a section lies behind the chunk's head, how far it reaches, and its digest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Section {
    pub offset: u64,
    pub length: u64,
    pub rows: u64,
    /// First and last moment of its rows (of spans: their starts).
    pub first: i64,
    pub last: i64,
    pub digest: [u8; 16],
}

/// The first part of BLAKE3: 128 bits are plenty against accidents.
pub(super) fn digest(bytes: &[u8]) -> [u8; 16] {
    let mut out = [0; 16];
    out.copy_from_slice(&blake3::hash(bytes).as_bytes()[..16]);
    out
}

/// What stands before a chunk's sections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// When the newest rows of it came in.
    pub at: i64,
    /// Numbers of its first log line and span.
    pub first_log: u64,
    pub first_span: u64,
    /// About the bytes of memory that its rows take.
    pub memory: u64,
    pub sections: [Section; 4],
}

/// Marks the begin of a chunk.
const MARK: &[u8; 4] = b"MWCH";
/// Bytes of a head.
pub(super) const HEAD_BYTES: usize = 4 + 4 * 8 + 4 * (5 * 8 + 16) + 16;

impl Head {
    pub fn section(&self, kind: Kind) -> &Section {
        &self.sections[kind as usize]
    }

    /// Bytes of all sections.
    pub fn body(&self) -> u64 {
        self.sections.iter().map(|s| s.length).sum()
    }

    pub fn to_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD_BYTES);
        out.extend_from_slice(MARK);
        out.extend_from_slice(&self.at.to_le_bytes());
        for number in [self.first_log, self.first_span, self.memory] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for section in &self.sections {
            for number in [section.offset, section.length, section.rows] {
                out.extend_from_slice(&number.to_le_bytes());
            }
            out.extend_from_slice(&section.first.to_le_bytes());
            out.extend_from_slice(&section.last.to_le_bytes());
            out.extend_from_slice(&section.digest);
        }
        let digest = digest(&out);
        out.extend_from_slice(&digest);
        out
    }

    /// `None` when the bytes are no head, or not the one that was written.
    pub fn from_bytes(bytes: &[u8; HEAD_BYTES]) -> Option<Self> {
        let (said, own) = bytes.split_at_checked(HEAD_BYTES - 16)?;
        let mut rest = said.strip_prefix(MARK)?;
        if digest(said) != own {
            return None;
        }
        let mut number = || {
            let (bytes, after) = rest.split_first_chunk::<8>()?;
            rest = after;
            Some(u64::from_le_bytes(*bytes))
        };
        let mut head = Self {
            at: number()? as i64,
            first_log: number()?,
            first_span: number()?,
            memory: number()?,
            sections: [Section::default(); 4],
        };
        for section in &mut head.sections {
            let mut number = || {
                let (bytes, after) = rest.split_first_chunk::<8>()?;
                rest = after;
                Some(u64::from_le_bytes(*bytes))
            };
            section.offset = number()?;
            section.length = number()?;
            section.rows = number()?;
            section.first = number()? as i64;
            section.last = number()? as i64;
            let (digest, after) = rest.split_first_chunk::<16>()?;
            section.digest = *digest;
            rest = after;
        }
        Some(head)
    }
}

/// A chunk as bytes: its head, then its sections.
pub(super) fn encode(held: &[Held]) -> Result<(Head, Vec<u8>), Damaged> {
    let mut head = Head {
        at: held.iter().map(|h| h.at.0).max().unwrap_or_default(),
        first_log: held.first().map_or(0, |h| h.first_log),
        first_span: held.first().map_or(0, |h| h.first_span),
        memory: held.iter().map(|h| h.batch.bytes() as u64).sum(),
        ..Head::default()
    };
    let sections = [points(held)?, logs(held)?, spans(held)?, topology(held)?];
    let mut body = Vec::new();
    for (section, (bytes, rows, first, last)) in head.sections.iter_mut().zip(sections) {
        *section = Section {
            offset: body.len() as u64,
            length: bytes.len() as u64,
            rows,
            first,
            last,
            digest: digest(&bytes),
        };
        body.extend_from_slice(&bytes);
    }
    Ok((head, body))
}

/// Bytes, rows, first and last moment.
type Encoded = (Vec<u8>, u64, i64, i64);

fn reach(times: &[i64]) -> (i64, i64) {
    (
        times.iter().copied().min().unwrap_or_default(),
        times.iter().copied().max().unwrap_or_default(),
    )
}

/// Points by series, each series in the order its points came in.
fn points(held: &[Held]) -> Result<Encoded, Damaged> {
    // By place in memory: senders share their keys, and hashing a whole key costs more than a point is worth.
    // A key that lies in two places becomes two series, which reading puts together again.
    let mut numbers: HashMap<*const SeriesKey, usize> = HashMap::new();
    let mut series: Vec<(&Arc<SeriesKey>, Vec<i64>, Vec<f64>)> = Vec::new();
    for point in held.iter().flat_map(|h| &h.batch.points) {
        let number = *numbers.entry(Arc::as_ptr(&point.key)).or_insert_with(|| {
            series.push((&point.key, Vec::new(), Vec::new()));
            series.len() - 1
        });
        if let Some((_, times, values)) = series.get_mut(number) {
            times.push(point.time.0);
            values.push(point.value);
        }
    }
    let keys: Vec<&SeriesKey> = series.iter().map(|(key, _, _)| &***key).collect();
    let keys = serde_json::to_string(&keys).map_err(|why| Damaged(why.to_string()))?;
    let counts: Vec<u32> = series.iter().map(|(_, t, _)| t.len() as u32).collect();
    let times: Vec<i64> = series.iter().flat_map(|(_, t, _)| t).copied().collect();
    let values: Vec<f64> = series.iter().flat_map(|(_, _, v)| v).copied().collect();
    if times.is_empty() {
        return Ok((Vec::new(), 0, 0, 0));
    }
    let mut out = Writer::default();
    out.text(&keys)?;
    out.numbers(&counts)?;
    out.numbers(&times)?;
    out.numbers(&values)?;
    let (first, last) = reach(&times);
    Ok((out.finish(), times.len() as u64, first, last))
}

/// Reads a section of points.
pub(super) fn read_points(bytes: &[u8]) -> Result<Vec<Point>, Damaged> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let mut reader = Reader::new(bytes);
    let keys: Vec<SeriesKey> =
        serde_json::from_str(&reader.text()?).map_err(|why| Damaged(why.to_string()))?;
    let counts: Vec<u32> = reader.numbers()?;
    let times: Vec<i64> = reader.numbers()?;
    let values: Vec<f64> = reader.numbers()?;
    let mut rows = times.into_iter().zip(values);
    let mut out = Vec::new();
    for (key, count) in keys.into_iter().zip(counts) {
        let key = Arc::new(key);
        out.extend(rows.by_ref().take(count as usize).map(|(at, value)| Point {
            key: Arc::clone(&key),
            time: Timestamp(at),
            value,
        }));
    }
    Ok(out)
}

/// Names that occur again and again, numbered.
#[derive(Default)]
struct Names {
    numbers: HashMap<Box<str>, u32>,
    lengths: Vec<u32>,
    text: String,
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.lengths.len() as u32;
        self.numbers.insert(name.into(), number);
        self.lengths.push(name.len() as u32);
        self.text.push_str(name);
        number
    }

    fn write(&self, out: &mut Writer) -> Result<(), Damaged> {
        out.numbers(&self.lengths)?;
        out.text(&self.text)
    }
}

/// The numbers in [`Names`] of what a batch numbers for itself: each is looked up once, and only if a row has it.
struct Renumbered<'b, T> {
    own: &'b [T],
    numbers: Vec<Option<u32>>,
}

impl<'b, T> Renumbered<'b, T> {
    fn of(own: &'b [T]) -> Self {
        Self {
            own,
            numbers: vec![None; own.len()],
        }
    }

    fn number(&mut self, own: u32, names: &mut Names, text: impl Fn(&'b T) -> &'b str) -> u32 {
        let at = own as usize;
        match (self.numbers.get_mut(at), self.own.get(at)) {
            (Some(Some(number)), _) => *number,
            (Some(unknown), Some(one)) => *unknown.insert(names.number(text(one))),
            _ => names.number(""),
        }
    }
}

/// The names and entities of one batch.
struct Renumbering<'b> {
    names: Renumbered<'b, Arc<str>>,
    entities: Renumbered<'b, EntityId>,
}

impl<'b> Renumbering<'b> {
    fn of(batch: &'b Batch) -> Self {
        Self {
            names: Renumbered::of(batch.names()),
            entities: Renumbered::of(batch.entities()),
        }
    }

    fn name(&mut self, own: u32, names: &mut Names) -> u32 {
        self.names.number(own, names, |name| name)
    }

    fn entity(&mut self, own: u32, names: &mut Names) -> u32 {
        self.entities.number(own, names, EntityId::as_str)
    }
}

/// The names that [`Names`] wrote.
fn read_names(reader: &mut Reader<'_>) -> Result<(Vec<u32>, String), Damaged> {
    Ok((reader.numbers()?, reader.text()?))
}

fn cut_names<'t>(lengths: &[u32], text: &'t str) -> Result<Vec<&'t str>, Damaged> {
    let mut pieces = Pieces::of(text);
    lengths
        .iter()
        .map(|length| pieces.next(Some(*length)))
        .collect()
}

/// Attributes of many rows: how many each row has, the number of each one's name, and its value's length.
#[derive(Default)]
struct Attributes {
    counts: Vec<u32>,
    names: Vec<u32>,
    lengths: Vec<u32>,
    text: String,
}

impl Attributes {
    fn push<'b>(
        &mut self,
        fields: impl ExactSizeIterator<Item = (u32, &'b str)>,
        renumbering: &mut Renumbering<'_>,
        names: &mut Names,
    ) {
        self.counts.push(fields.len() as u32);
        for (name, value) in fields {
            self.names.push(renumbering.name(name, names));
            self.lengths.push(value.len() as u32);
            self.text.push_str(value);
        }
    }

    fn write(&self, out: &mut Writer) -> Result<(), Damaged> {
        out.numbers(&self.counts)?;
        out.numbers(&self.names)?;
        out.numbers(&self.lengths)?;
        out.text(&self.text)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok(Self {
            counts: reader.numbers()?,
            names: reader.numbers()?,
            lengths: reader.numbers()?,
            text: reader.text()?,
        })
    }
}

/// Goes through [`Attributes`] row by row.
struct AttributeRows<'a> {
    all: &'a Attributes,
    names: &'a [&'a str],
    pieces: Pieces<'a>,
    row: usize,
    at: usize,
}

impl<'a> AttributeRows<'a> {
    fn new(all: &'a Attributes, names: &'a [&'a str]) -> Self {
        Self {
            all,
            names,
            pieces: Pieces::of(&all.text),
            row: 0,
            at: 0,
        }
    }

    fn next(&mut self, out: &mut Vec<(&'a str, &'a str)>) -> Result<(), Damaged> {
        out.clear();
        let count = self.all.counts.get(self.row).copied().unwrap_or(0);
        self.row += 1;
        for _ in 0..count {
            let name = (self.all.names.get(self.at))
                .and_then(|number| self.names.get(*number as usize))
                .ok_or_else(|| Damaged("an attribute without a name".into()))?;
            let value = self.pieces.next(self.all.lengths.get(self.at).copied())?;
            self.at += 1;
            out.push((name, value));
        }
        Ok(())
    }
}

/// Texts of many rows that hardly repeat: lengths, and one text.
#[derive(Default)]
struct Texts {
    lengths: Vec<u32>,
    text: String,
}

impl Texts {
    fn push(&mut self, text: &str) {
        self.lengths.push(text.len() as u32);
        self.text.push_str(text);
    }

    fn write(&self, out: &mut Writer) -> Result<(), Damaged> {
        out.numbers(&self.lengths)?;
        out.text(&self.text)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok(Self {
            lengths: reader.numbers()?,
            text: reader.text()?,
        })
    }
}

const SEVERITIES: [Option<Severity>; 7] = [
    None,
    Some(Severity::Trace),
    Some(Severity::Debug),
    Some(Severity::Info),
    Some(Severity::Warn),
    Some(Severity::Error),
    Some(Severity::Fatal),
];

const KINDS: [SpanKind; 6] = [
    SpanKind::Unspecified,
    SpanKind::Internal,
    SpanKind::Server,
    SpanKind::Client,
    SpanKind::Producer,
    SpanKind::Consumer,
];

fn place<T: PartialEq>(all: &[T], one: &T) -> u16 {
    all.iter().position(|known| known == one).unwrap_or(0) as u16
}

fn logs(held: &[Held]) -> Result<Encoded, Damaged> {
    let mut names = Names::default();
    let (mut times, mut entities, mut severities) = (Vec::new(), Vec::new(), Vec::new());
    let (mut bodies, mut traces, mut spans) = Default::default();
    let mut attributes = Attributes::default();
    for one in held {
        let mut own = Renumbering::of(&one.batch);
        for line in one.batch.stored_logs() {
            times.push(line.time().0);
            entities.push(own.entity(line.entity(), &mut names));
            severities.push(place(&SEVERITIES, &line.severity()));
            Texts::push(&mut bodies, line.body());
            Texts::push(&mut traces, line.trace_id());
            Texts::push(&mut spans, line.span_id());
            attributes.push(line.attributes(), &mut own, &mut names);
        }
    }
    if times.is_empty() {
        return Ok((Vec::new(), 0, 0, 0));
    }
    let mut out = Writer::default();
    names.write(&mut out)?;
    out.numbers(&times)?;
    out.numbers(&entities)?;
    out.numbers(&severities)?;
    for texts in [&bodies, &traces, &spans] {
        texts.write(&mut out)?;
    }
    attributes.write(&mut out)?;
    let (first, last) = reach(&times);
    Ok((out.finish(), times.len() as u64, first, last))
}

/// Ids of a section's names, where they are entities'.
fn entity<'i>(
    ids: &'i mut [Option<EntityId>],
    names: &[&str],
    number: Option<&u32>,
) -> Result<&'i EntityId, Damaged> {
    let at = number.map_or(usize::MAX, |number| *number as usize);
    match (ids.get_mut(at), names.get(at)) {
        (Some(id), Some(name)) => Ok(id.get_or_insert_with(|| EntityId::from(*name))),
        _ => Err(Damaged("an entity without a name".into())),
    }
}

/// Reads a section of log lines into a batch.
pub(super) fn read_logs(bytes: &[u8], batch: &mut Batch) -> Result<(), Damaged> {
    if bytes.is_empty() {
        return Ok(());
    }
    let mut reader = Reader::new(bytes);
    let (lengths, text) = read_names(&mut reader)?;
    let names = cut_names(&lengths, &text)?;
    let times: Vec<i64> = reader.numbers()?;
    let entities: Vec<u32> = reader.numbers()?;
    let severities: Vec<u16> = reader.numbers()?;
    let (bodies, traces, spans) = (
        Texts::read(&mut reader)?,
        Texts::read(&mut reader)?,
        Texts::read(&mut reader)?,
    );
    let attributes = Attributes::read(&mut reader)?;
    let mut fields = Vec::new();
    let mut rows = AttributeRows::new(&attributes, &names);
    let mut ids = vec![None; names.len()];
    let (mut body, mut trace, mut span) = (
        Pieces::of(&bodies.text),
        Pieces::of(&traces.text),
        Pieces::of(&spans.text),
    );
    let nowhere: Arc<str> = "".into();
    for (i, at) in times.iter().enumerate() {
        rows.next(&mut fields)?;
        let severity = severities.get(i).map_or(0, |s| usize::from(*s));
        batch.push_log(&LogLine {
            time: Timestamp(*at),
            entity: entity(&mut ids, &names, entities.get(i))?,
            severity: SEVERITIES.get(severity).copied().flatten(),
            body: body.next(bodies.lengths.get(i).copied())?,
            attributes: &fields,
            trace_id: trace.next(traces.lengths.get(i).copied())?,
            span_id: span.next(spans.lengths.get(i).copied())?,
            file: &nowhere,
            line: 0,
        });
    }
    Ok(())
}

fn spans(held: &[Held]) -> Result<Encoded, Damaged> {
    let mut names = Names::default();
    let (mut starts, mut durations) = (Vec::new(), Vec::new());
    let (mut entities, mut operations, mut peers) = (Vec::new(), Vec::new(), Vec::new());
    // The kind, and behind it whether it failed.
    let mut flags = Vec::new();
    let (mut messages, mut traces, mut ids, mut parents) = Default::default();
    let mut attributes = Attributes::default();
    for one in held {
        let mut own = Renumbering::of(&one.batch);
        for row in one.batch.stored_spans() {
            starts.push(row.start().0);
            durations.push(row.end().since(row.start()).0);
            entities.push(own.entity(row.entity(), &mut names));
            operations.push(own.name(row.name(), &mut names));
            peers.push(own.name(row.peer(), &mut names));
            flags.push(place(&KINDS, &row.kind()) << 1 | u16::from(row.failed()));
            Texts::push(&mut messages, row.message());
            Texts::push(&mut traces, row.trace_id());
            Texts::push(&mut ids, row.span_id());
            Texts::push(&mut parents, row.parent_id());
            attributes.push(row.attributes(), &mut own, &mut names);
        }
    }
    if starts.is_empty() {
        return Ok((Vec::new(), 0, 0, 0));
    }
    let mut out = Writer::default();
    names.write(&mut out)?;
    out.numbers(&starts)?;
    out.numbers(&durations)?;
    out.numbers(&entities)?;
    out.numbers(&operations)?;
    out.numbers(&peers)?;
    out.numbers(&flags)?;
    for texts in [&messages, &traces, &ids, &parents] {
        texts.write(&mut out)?;
    }
    attributes.write(&mut out)?;
    let (first, last) = reach(&starts);
    Ok((out.finish(), starts.len() as u64, first, last))
}

/// Reads a section of spans into a batch.
pub(super) fn read_spans(bytes: &[u8], batch: &mut Batch) -> Result<(), Damaged> {
    if bytes.is_empty() {
        return Ok(());
    }
    let mut reader = Reader::new(bytes);
    let (lengths, text) = read_names(&mut reader)?;
    let names = cut_names(&lengths, &text)?;
    let starts: Vec<i64> = reader.numbers()?;
    let durations: Vec<i64> = reader.numbers()?;
    let entities: Vec<u32> = reader.numbers()?;
    let operations: Vec<u32> = reader.numbers()?;
    let peers: Vec<u32> = reader.numbers()?;
    let flags: Vec<u16> = reader.numbers()?;
    let messages = Texts::read(&mut reader)?;
    let traces = Texts::read(&mut reader)?;
    let own = Texts::read(&mut reader)?;
    let parents = Texts::read(&mut reader)?;
    let attributes = Attributes::read(&mut reader)?;
    let mut fields = Vec::new();
    let mut rows = AttributeRows::new(&attributes, &names);
    let mut ids = vec![None; names.len()];
    let mut message = Pieces::of(&messages.text);
    let mut trace = Pieces::of(&traces.text);
    let mut id = Pieces::of(&own.text);
    let mut parent = Pieces::of(&parents.text);
    let named = |number: Option<&u32>| {
        number
            .and_then(|number| names.get(*number as usize))
            .copied()
            .ok_or_else(|| Damaged("a span without a name".into()))
    };
    let nowhere: Arc<str> = "".into();
    for (i, start) in starts.iter().enumerate() {
        rows.next(&mut fields)?;
        let flag = flags.get(i).copied().unwrap_or(0);
        let start = Timestamp(*start);
        let duration = durations.get(i).copied().unwrap_or(0);
        batch.push_span(&SpanRow {
            trace_id: trace.next(traces.lengths.get(i).copied())?,
            span_id: id.next(own.lengths.get(i).copied())?,
            parent_id: parent.next(parents.lengths.get(i).copied())?,
            entity: entity(&mut ids, &names, entities.get(i))?,
            name: named(operations.get(i))?,
            kind: KINDS
                .get(usize::from(flag >> 1))
                .copied()
                .unwrap_or_default(),
            start,
            end: start.plus(model::time::Span(duration)),
            error: flag & 1 == 1,
            message: message.next(messages.lengths.get(i).copied())?,
            peer: named(peers.get(i))?,
            attributes: &fields,
            file: &nowhere,
            line: 0,
        });
    }
    Ok(())
}

/// Everyone whom the batches told of, once.
fn topology(held: &[Held]) -> Result<Encoded, Damaged> {
    let mut known = super::known::Known::default();
    for one in held {
        known.tell(&one.batch.topology, one.at);
    }
    let topology = known.since(Timestamp(i64::MIN));
    let rows = topology.entities.len() as u64;
    let text = serde_json::to_string(&topology).map_err(|why| Damaged(why.to_string()))?;
    let mut out = Writer::default();
    out.text(&text)?;
    let first = held.first().map_or(0, |h| h.at.0);
    let last = held.last().map_or(0, |h| h.at.0);
    Ok((out.finish(), rows, first, last))
}

/// Reads who was met.
pub(super) fn read_topology(bytes: &[u8]) -> Result<Topology, Damaged> {
    let text = Reader::new(bytes).text()?;
    serde_json::from_str(&text).map_err(|why| Damaged(why.to_string()))
}
