//! Takes the rows of one export request, puts right what can be put right, and counts the rest.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use model::ports::Signal;
use model::telemetry::{Batch, Point};
use model::time::MINUTE;
use model::{EntityId, LogLine, SeriesKey, SpanRow, Timestamp};
use rustc_hash::FxHashMap;

use super::Limits;
use crate::files::entities::{Declared, Directory, Who};
use crate::files::rows::{LogParts, PointParts, SpanParts};
use crate::files::stream::{Flow, ON, Place, Sink, sort_fields};
use crate::files::table::series_key;

/// A span that says that it lasted longer than this has a broken clock, not patience.
const LONGEST_SPAN: i64 = 24 * 60 * MINUTE;

/// Keys of series by the name that they were met under. Only saves work: it is emptied when it is full.
#[derive(Debug, Default)]
pub(super) struct Keys {
    known: FxHashMap<Box<[u8]>, Arc<SeriesKey>>,
    name: Vec<u8>,
}

impl Keys {
    fn key(
        &mut self,
        parts: PointParts<'_>,
        directory: &mut Directory,
        most: usize,
    ) -> Arc<SeriesKey> {
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
        if let Some(key) = self.known.get(self.name.as_slice()) {
            return Arc::clone(key);
        }
        let key = Arc::new(series_key(parts, directory));
        if self.known.len() >= most {
            self.known.clear();
        }
        self.known
            .insert(self.name.as_slice().into(), Arc::clone(&key));
        key
    }
}

/// What was wrong with rows, counted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    /// Spans without a trace id or span id; refused.
    pub nameless: u64,
    /// Spans that began at no time, or ended a day or more after they began; refused.
    pub endless: u64,
    /// Data points that hold no finite number; refused.
    pub not_finite: u64,
    /// Data points of a metric without a name; refused.
    pub unnamed: u64,
    /// Names, values and bodies that were cut to their limit, and attributes left out; kept.
    pub cut: u64,
    /// Rows of a sender whose clock is far off; kept, put beside the moment they came in.
    pub moved: u64,
}

impl Faults {
    /// For the sender; empty if nothing was refused.
    pub fn message(&self) -> String {
        let said = [
            (self.nameless, "spans without a trace id or a span id"),
            (self.endless, "spans without a start, or of more than a day"),
            (self.not_finite, "data points that hold no finite number"),
            (self.unnamed, "data points of a metric without a name"),
        ];
        said.iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect::<Vec<_>>()
            .join("; ")
    }
}

/// The rows of one request.
pub(super) struct Filing<'k> {
    pub batch: Batch,
    pub faults: Faults,
    pub accepted: u64,
    pub rejected: u64,
    directory: Directory,
    keys: &'k mut Keys,
    signal: Signal,
    limits: Limits,
    now: Timestamp,
    nowhere: Arc<str>,
    /// What became of the data point that is being read: values kept, values refused.
    point: Option<(u32, u32)>,
}

impl<'k> Filing<'k> {
    pub fn new(keys: &'k mut Keys, signal: Signal, limits: Limits, now: Timestamp) -> Self {
        Self {
            batch: Batch::default(),
            faults: Faults::default(),
            accepted: 0,
            rejected: 0,
            directory: Directory::new(Arc::<Declared>::default()),
            keys,
            signal,
            limits,
            now,
            nowhere: "".into(),
            point: None,
        }
    }

    /// Closes the request: who was met, and clocks that are far off.
    pub fn finish(mut self) -> (Batch, Faults, u64, u64) {
        self.end_point();
        self.set_clocks();
        self.batch.settle();
        let directory = self.directory;
        self.batch.topology.entities = directory.met.into_values().collect();
        self.batch.topology.edges = directory.edges.into_values().collect();
        (self.batch, self.faults, self.accepted, self.rejected)
    }

    /// Rows that claim to come from the future, or from before anything that is kept, say that their
    /// sender's clock is wrong. They are moved as one, so that the newest of them is now: their order and
    /// distances stay. By how much is kept as a series of the sender.
    fn set_clocks(&mut self) {
        let latest = self.now.plus(self.limits.ahead);
        let earliest = self.now.minus(self.limits.behind);
        let side = |at: Timestamp| match at {
            at if at > latest => Some(true),
            at if at < earliest => Some(false),
            _ => None,
        };
        let mut newest: BTreeMap<(EntityId, bool), Timestamp> = BTreeMap::new();
        self.batch.each_moment(|entity, at| {
            if let Some(ahead) = side(at) {
                let last = newest.entry((entity.clone(), ahead)).or_insert(at);
                *last = at.max(*last);
            }
        });
        if newest.is_empty() {
            return;
        }
        let now = self.now;
        self.faults.moved += self.batch.shift(|entity, at| {
            let last = newest.get(&(entity.clone(), side(at)?))?;
            Some(now.since(*last))
        });
        for ((entity, _), last) in newest {
            let key = SeriesKey {
                entity,
                metric: model::case::CLOCK_OFFSET.to_string(),
                unit: "s".to_string(),
                ..SeriesKey::default()
            };
            self.batch.points.push(Point {
                key: Arc::new(key),
                time: now,
                value: last.since(now).0 as f64 / 1e9,
            });
        }
    }

    fn whose(&mut self, who: Option<Who<'_>>) -> EntityId {
        match who {
            Some(Who::Met(id)) => id,
            Some(who) => self.directory.id(&who),
            None => self.directory.id(&Who::Nobody),
        }
    }

    fn end_point(&mut self) {
        if let Some((kept, refused)) = self.point.take() {
            if kept == 0 && refused > 0 {
                self.rejected += 1;
            } else {
                self.accepted += 1;
            }
        }
    }

    /// Cuts what is too long, and leaves out what is too much.
    fn trim<'f>(&mut self, fields: &mut Vec<(Cow<'f, str>, Cow<'f, str>)>) {
        if fields.len() > self.limits.fields {
            self.faults.cut += (fields.len() - self.limits.fields) as u64;
            fields.truncate(self.limits.fields);
        }
        for (name, value) in fields.iter_mut() {
            self.faults.cut += u64::from(cut(name, self.limits.name_bytes));
            self.faults.cut += u64::from(cut(value, self.limits.value_bytes));
        }
        sort_fields(fields);
    }
}

/// Cuts a text that is too long, where a character ends.
fn cut(text: &mut Cow<'_, str>, most: usize) -> bool {
    if text.len() <= most {
        return false;
    }
    let mut end = most;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    match text {
        Cow::Borrowed(borrowed) => *borrowed = &borrowed[..end],
        Cow::Owned(owned) => owned.truncate(end),
    }
    true
}

/// Is there an id? One of zeros only is none (W3C trace context).
fn named(id: &str) -> bool {
    id.bytes().any(|byte| byte != b'0')
}

fn pairs<'p>(
    fields: &'p [(Cow<'_, str>, Cow<'_, str>)],
) -> impl Iterator<Item = (&'p str, &'p str)> {
    fields.iter().map(|(name, value)| (&**name, &**value))
}

impl Sink for Filing<'_> {
    fn wants_logs(&self) -> bool {
        self.signal == Signal::Logs
    }

    fn wants_spans(&self) -> bool {
        self.signal == Signal::Traces
    }

    fn wants_points(&self) -> bool {
        self.signal == Signal::Metrics
    }

    fn directory(&mut self) -> &mut Directory {
        &mut self.directory
    }

    fn log(&mut self, mut parts: LogParts<'_>, _: Place) -> Flow {
        let entity = self.whose(parts.who.take());
        if parts.time.0 <= 0 {
            parts.time = self.now;
        }
        self.faults.cut += u64::from(cut(&mut parts.body, self.limits.body_bytes));
        self.trim(&mut parts.attributes);
        let line = LogLine {
            time: parts.time,
            entity: &entity,
            severity: parts.severity,
            body: &parts.body,
            attributes: &[],
            trace_id: if named(&parts.trace_id) {
                &parts.trace_id
            } else {
                ""
            },
            span_id: if named(&parts.span_id) {
                &parts.span_id
            } else {
                ""
            },
            file: &self.nowhere,
            line: 0,
        };
        self.batch.push_log_with(&line, pairs(&parts.attributes));
        self.accepted += 1;
        ON
    }

    fn span(&mut self, mut parts: SpanParts<'_>, _: Place) -> Flow {
        if !named(&parts.trace_id) || !named(&parts.span_id) {
            self.faults.nameless += 1;
            self.rejected += 1;
            return ON;
        }
        // A span that was sent before it ended has lasted no time yet.
        if parts.end.0 <= 0 {
            parts.end = parts.start;
        }
        let length = parts.end.since(parts.start).0.saturating_abs();
        if parts.start.0 <= 0 || length >= LONGEST_SPAN {
            self.faults.endless += 1;
            self.rejected += 1;
            return ON;
        }
        let entity = self.whose(parts.who.take());
        self.faults.cut += u64::from(cut(&mut parts.name, self.limits.value_bytes))
            + u64::from(cut(&mut parts.message, self.limits.body_bytes))
            + u64::from(cut(&mut parts.peer, self.limits.value_bytes));
        self.trim(&mut parts.attributes);
        let row = SpanRow {
            trace_id: &parts.trace_id,
            span_id: &parts.span_id,
            parent_id: if named(&parts.parent_id) {
                &parts.parent_id
            } else {
                ""
            },
            entity: &entity,
            name: &parts.name,
            kind: parts.kind,
            start: parts.start,
            end: parts.end,
            error: parts.error,
            message: &parts.message,
            peer: &parts.peer,
            attributes: &[],
            file: &self.nowhere,
            line: 0,
        };
        self.batch.push_span_with(&row, pairs(&parts.attributes));
        self.accepted += 1;
        ON
    }

    fn data_point(&mut self) {
        self.end_point();
        self.point = Some((0, 0));
    }

    fn point(&mut self, mut parts: PointParts<'_>, _: Place) -> Flow {
        let (kept, refused) = self.point.get_or_insert_default();
        if parts.metric.is_empty() || !parts.value.is_finite() {
            if parts.metric.is_empty() {
                self.faults.unnamed += 1;
            } else {
                self.faults.not_finite += 1;
            }
            *refused += 1;
            return ON;
        }
        *kept += 1;
        let (time, value) = (parts.time, parts.value);
        self.faults.cut += u64::from(cut(&mut parts.metric, self.limits.value_bytes));
        self.trim(&mut parts.labels);
        let key = self
            .keys
            .key(parts, &mut self.directory, self.limits.series);
        self.batch.points.push(Point {
            key,
            time: if time.0 <= 0 { self.now } else { time },
            value,
        });
        ON
    }
}
