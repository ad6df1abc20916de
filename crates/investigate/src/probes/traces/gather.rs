//! The scan: spans become numbers, texts are kept only where something failed.

use std::hash::Hasher;
use std::ops::ControlFlow;
use std::sync::Arc;

use analysis::traces::{Span, SpanKind};
use model::ports::{Eyes, Scanned};
use model::query::Answer;
use model::{RawRef, SpanRow, TimeWindow};
use rustc_hash::{FxHashMap, FxHasher};

use crate::scene::Scene;

/// Most spans that are kept. Beyond this, whole traces are left out, chosen by the hash of their id, so
/// that what remains is complete and both stretches are thinned alike.
const MOST_SPANS: usize = 1_500_000;
/// Most halvings.
const MOST_THINNED: u32 = 32;
/// Most failure messages that are kept.
const MOST_MESSAGES: usize = 20_000;
/// Bytes of a message that are kept.
const MESSAGE_BYTES: usize = 300;

/// Spans as numbers.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    /// The spans; `entity` is the scene's unit, `operation` an index into `operations`.
    pub spans: Vec<Span>,
    /// Where each span's row stands: index into `files`, and line.
    pub raw: Vec<(u32, u64)>,
    /// Unit that a span names as its other end, if it names a known one.
    pub peers: FxHashMap<u32, u32>,
    /// What failing spans say, by index of the span.
    pub messages: FxHashMap<u32, Box<str>>,
    /// Names of operations.
    pub operations: Vec<Box<str>>,
    /// Names of files.
    pub files: Vec<Arc<str>>,
    /// One trace in `2^thinned` was kept.
    pub thinned: u32,
}

impl Gathered {
    /// Where the row of span `i` stands.
    pub fn raw_ref(&self, i: usize) -> RawRef {
        let (file, line) = self.raw[i];
        RawRef {
            file: Arc::clone(&self.files[file as usize]),
            line,
        }
    }
}

/// A stable number for an id as written: the number itself where it is hexadecimal of at most 16 digits.
pub(crate) fn id_number(text: &str) -> u64 {
    if text.is_empty() {
        return 0;
    }
    if text.len() <= 16
        && let Ok(number) = u64::from_str_radix(text, 16)
    {
        return number.max(1);
    }
    let mut hasher = FxHasher::default();
    hasher.write(text.as_bytes());
    hasher.finish().max(1)
}

/// Names by which spans call their other end.
struct Names<'a> {
    units: FxHashMap<&'a str, u32>,
}

impl<'a> Names<'a> {
    fn of(scene: &'a Scene) -> Self {
        let mut units = FxHashMap::default();
        for (number, entity) in scene.entities.iter().enumerate() {
            let unit = scene.meant_by(scene.unit_of[number]);
            units.entry(entity.name.as_str()).or_insert(unit);
            units.entry(entity.id.as_str()).or_insert(unit);
        }
        Self { units }
    }

    /// The unit that `peer` names: whole, or by the first label of a host name.
    fn unit(&self, peer: &str) -> Option<u32> {
        let host = peer.split("://").last().unwrap_or(peer);
        let host = host.split(['/', ':']).next().unwrap_or(host);
        let label = host.split('.').next().unwrap_or(host);
        [peer, host, label]
            .iter()
            .find_map(|name| self.units.get(name).copied())
    }
}

/// Reads the near past and the incident (history too, where it was recorded apart).
pub fn ask(eyes: &dyn Eyes, scene: &Scene) -> (Gathered, Answer<Scanned>) {
    let names = Names::of(scene);
    let mut gathered = Gathered::default();
    let mut operations: FxHashMap<Box<str>, u32> = FxHashMap::default();
    let mut last_file: Option<(Arc<str>, u32)> = None;
    let mut answers = Vec::new();
    for window in stretches_to_read(scene) {
        let mut visit = |row: &SpanRow<'_>| {
            if let Some(unit) = scene.unit(row.entity) {
                keep(
                    &mut gathered,
                    &mut operations,
                    &mut last_file,
                    &names,
                    unit,
                    row,
                );
            }
            ControlFlow::Continue(())
        };
        answers.push(model::ports::TraceSource::scan(eyes, window, &mut visit));
    }
    (gathered, together(answers))
}

/// The near past and the incident as one stretch, and history windows outside of it.
pub(crate) fn stretches_to_read(scene: &Scene) -> Vec<TimeWindow> {
    let span = scene.span();
    let mut windows: Vec<TimeWindow> = scene
        .history
        .iter()
        .copied()
        .filter(|h| !h.overlaps(&span))
        .collect();
    windows.push(span);
    windows
}

/// One answer for several scans of one source.
pub(crate) fn together(answers: Vec<Answer<Scanned>>) -> Answer<Scanned> {
    let mut total: Option<Scanned> = None;
    let mut refused = None;
    for answer in answers {
        match answer {
            Answer::Found(scanned) => {
                let sum = total.get_or_insert_with(Scanned::default);
                sum.rows += scanned.rows;
                sum.bytes += scanned.bytes;
            }
            Answer::Nothing => {}
            Answer::CouldNotLook(gap) => refused = Some(gap),
        }
    }
    match (total, refused) {
        (Some(scanned), _) if scanned.rows > 0 => Answer::Found(scanned),
        (_, Some(gap)) => Answer::CouldNotLook(gap),
        _ => Answer::Nothing,
    }
}

fn keep(
    gathered: &mut Gathered,
    operations: &mut FxHashMap<Box<str>, u32>,
    last_file: &mut Option<(Arc<str>, u32)>,
    names: &Names<'_>,
    unit: u32,
    row: &SpanRow<'_>,
) {
    let trace = id_number(row.trace_id);
    if !kept(trace, gathered.thinned) {
        return;
    }
    while gathered.spans.len() >= MOST_SPANS && gathered.thinned < MOST_THINNED {
        thin(gathered);
    }
    // One endless trace cannot be thinned: what comes after the bound is left out.
    if gathered.spans.len() >= MOST_SPANS || !kept(trace, gathered.thinned) {
        return;
    }
    let operation = match operations.get(row.name) {
        Some(&number) => number,
        None => {
            let number = gathered.operations.len() as u32;
            gathered.operations.push(row.name.into());
            operations.insert(row.name.into(), number);
            number
        }
    };
    let file = match last_file {
        Some((name, number)) if Arc::ptr_eq(name, row.file) => *number,
        _ => {
            let number = gathered
                .files
                .iter()
                .position(|f| f == row.file)
                .unwrap_or_else(|| {
                    gathered.files.push(Arc::clone(row.file));
                    gathered.files.len() - 1
                }) as u32;
            *last_file = Some((Arc::clone(row.file), number));
            number
        }
    };
    let index = gathered.spans.len() as u32;
    if row.error && !row.message.is_empty() && gathered.messages.len() < MOST_MESSAGES {
        gathered
            .messages
            .insert(index, cut(row.message, MESSAGE_BYTES).into());
    }
    if !row.peer.is_empty()
        && let Some(peer) = names.unit(row.peer)
        && peer != unit
    {
        gathered.peers.insert(index, peer);
    }
    gathered.raw.push((file, row.line));
    gathered.spans.push(Span {
        trace,
        id: id_number(row.span_id),
        parent: id_number(row.parent_id),
        entity: unit,
        operation,
        start: row.start.0,
        end: row.end.0,
        error: row.error,
        kind: match row.kind {
            model::telemetry::SpanKind::Unspecified => SpanKind::Unknown,
            model::telemetry::SpanKind::Internal => SpanKind::Internal,
            model::telemetry::SpanKind::Server | model::telemetry::SpanKind::Consumer => {
                SpanKind::Server
            }
            model::telemetry::SpanKind::Client | model::telemetry::SpanKind::Producer => {
                SpanKind::Client
            }
        },
    });
}

/// `text` cut to at most `bytes` bytes, between letters.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn kept(trace: u64, thinned: u32) -> bool {
    // Low bits of an id may be a counter or a clock; a multiplication spreads them.
    thinned == 0 || trace.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - thinned) == 0
}

/// Leaves out half of the traces.
fn thin(gathered: &mut Gathered) {
    gathered.thinned += 1;
    let thinned = gathered.thinned;
    let mut place = 0_u32;
    let mut peers = FxHashMap::default();
    let mut messages = FxHashMap::default();
    let mut raw = Vec::with_capacity(gathered.raw.len() / 2);
    let mut spans = Vec::with_capacity(gathered.spans.len() / 2);
    for (i, span) in gathered.spans.iter().enumerate() {
        if !kept(span.trace, thinned) {
            continue;
        }
        if let Some(peer) = gathered.peers.get(&(i as u32)) {
            peers.insert(place, *peer);
        }
        if let Some(message) = gathered.messages.remove(&(i as u32)) {
            messages.insert(place, message);
        }
        raw.push(gathered.raw[i]);
        spans.push(*span);
        place += 1;
    }
    gathered.spans = spans;
    gathered.raw = raw;
    gathered.peers = peers;
    gathered.messages = messages;
}
