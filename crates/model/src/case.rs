//! One incident, whole, in memory: what importers make, what transforms alter, what can be written out.

mod clocks;
mod entrances;
mod lookups;
mod rollouts;

pub use clocks::CLOCK_OFFSET;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::lesson::Lesson;
use crate::ports::{
    ChangeSource, Eyes, KnowledgeSource, LogSource, MetricSource, Runbook, Scanned, StateSource,
    TopologySource, TraceSource,
};
use crate::query::{Answer, Gap, GapReason};
use crate::recording::{Manifest, TrueAnswer};
use crate::telemetry::SpanKind;
use crate::{
    Alarm, Change, EntityId, Event, LogLine, Series, Severity, SpanRow, StateSnapshot, TimeWindow,
    Timestamp, Topology,
};

/// A log line that owns its text.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnedLog {
    /// When.
    pub time: Timestamp,
    /// Who.
    pub entity: EntityId,
    /// As the record grades it.
    pub severity: Option<Severity>,
    /// The message.
    pub body: Box<str>,
    /// Structured fields, sorted by name.
    pub attributes: Vec<(Box<str>, Box<str>)>,
    /// Empty if none.
    pub trace_id: Box<str>,
    /// Empty if none.
    pub span_id: Box<str>,
    /// File of the row.
    pub file: Arc<str>,
    /// Line of the row.
    pub line: u64,
}

impl OwnedLog {
    /// A copy of a line.
    pub fn of(line: &LogLine<'_>) -> Self {
        Self {
            time: line.time,
            entity: line.entity.clone(),
            severity: line.severity,
            body: line.body.into(),
            attributes: owned(line.attributes),
            trace_id: line.trace_id.into(),
            span_id: line.span_id.into(),
            file: Arc::clone(line.file),
            line: line.line,
        }
    }
}

/// A span that owns its text.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnedSpan {
    /// As written.
    pub trace_id: Box<str>,
    /// As written.
    pub span_id: Box<str>,
    /// Empty for a root.
    pub parent_id: Box<str>,
    /// Who did the work.
    pub entity: EntityId,
    /// Operation.
    pub name: Box<str>,
    /// Which end.
    pub kind: SpanKind,
    /// Began.
    pub start: Timestamp,
    /// Ended.
    pub end: Timestamp,
    /// Did it say that it failed?
    pub error: bool,
    /// What it said of the failure.
    pub message: Box<str>,
    /// The other end as the span names it.
    pub peer: Box<str>,
    /// Further attributes, sorted by name.
    pub attributes: Vec<(Box<str>, Box<str>)>,
    /// File of the row.
    pub file: Arc<str>,
    /// Line of the row.
    pub line: u64,
}

impl OwnedSpan {
    /// A copy of a span.
    pub fn of(row: &SpanRow<'_>) -> Self {
        Self {
            trace_id: row.trace_id.into(),
            span_id: row.span_id.into(),
            parent_id: row.parent_id.into(),
            entity: row.entity.clone(),
            name: row.name.into(),
            kind: row.kind,
            start: row.start,
            end: row.end,
            error: row.error,
            message: row.message.into(),
            peer: row.peer.into(),
            attributes: owned(row.attributes),
            file: Arc::clone(row.file),
            line: row.line,
        }
    }
}

fn owned(fields: &[(&str, &str)]) -> Vec<(Box<str>, Box<str>)> {
    fields
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

/// One incident, whole, in memory.
///
/// `None` in place of a collection means that this kind was not collected at all (a gap says why);
/// an empty collection means that it was, and there was nothing.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its head.
    pub manifest: Manifest,
    /// Sorted by (fired_at, id).
    pub alarms: Vec<Alarm>,
    /// Normalised.
    pub topology: Topology,
    /// Sorted by key.
    pub series: Option<Vec<Arc<Series>>>,
    /// Sorted by (time, file, line).
    pub logs: Option<Vec<OwnedLog>>,
    /// Sorted by (start, file, line).
    pub spans: Option<Vec<OwnedSpan>>,
    /// Sorted by (start, id).
    pub changes: Option<Vec<Change>>,
    /// Sorted by (entity, kind, time).
    pub snapshots: Option<Vec<StateSnapshot>>,
    /// Sorted by (first, entity, reason, message).
    pub events: Option<Vec<Event>>,
    /// Sorted by path.
    pub runbooks: Vec<Runbook>,
    /// What earlier incidents taught: sorted by (at, incident), one per incident.
    pub lessons: Vec<Lesson>,
    /// The truth, where it is known. The sockets do not show it: an investigation cannot reach it.
    pub answer: Option<TrueAnswer>,
}

impl Case {
    /// A case with a head and nothing else collected.
    pub fn new(manifest: Manifest) -> Self {
        Self {
            manifest,
            alarms: Vec::new(),
            topology: Topology::default(),
            series: None,
            logs: None,
            spans: None,
            changes: None,
            snapshots: None,
            events: None,
            runbooks: Vec::new(),
            lessons: Vec::new(),
            answer: None,
        }
    }

    /// Brings every collection into the order that the sockets promise, whatever order it came in.
    pub fn normalise(&mut self) {
        self.alarms
            .sort_by(|a, b| (a.fired_at, &a.id).cmp(&(b.fired_at, &b.id)));
        self.topology.normalise();
        if let Some(series) = &mut self.series {
            series.sort_by(|a, b| a.key.cmp(&b.key));
        }
        if let Some(logs) = &mut self.logs {
            logs.sort_by(|a, b| (a.time, &a.file, a.line).cmp(&(b.time, &b.file, b.line)));
        }
        if let Some(spans) = &mut self.spans {
            spans.sort_by(|a, b| (a.start, &a.file, a.line).cmp(&(b.start, &b.file, b.line)));
        }
        if let Some(changes) = &mut self.changes {
            changes.sort_by(|a, b| (a.start, &a.id).cmp(&(b.start, &b.id)));
        }
        if let Some(snapshots) = &mut self.snapshots {
            snapshots
                .sort_by(|a, b| (&a.entity, &a.kind, a.time).cmp(&(&b.entity, &b.kind, b.time)));
        }
        if let Some(events) = &mut self.events {
            let key = |e: &Event| {
                (
                    e.first,
                    e.entity.clone(),
                    e.reason.clone(),
                    e.message.clone(),
                )
            };
            events.sort_by_cached_key(key);
        }
        self.runbooks.sort_by(|a, b| a.path.cmp(&b.path));
        // Told twice, an incident still taught one thing: the newest telling of it.
        let key = |lesson: &Lesson| (lesson.incident.clone(), lesson.at);
        self.lessons.sort_by_cached_key(key);
        self.lessons.reverse();
        self.lessons.dedup_by(|a, b| a.incident == b.incident);
        self.lessons
            .sort_by(|a, b| (a.at, &a.incident).cmp(&(b.at, &b.incident)));
    }

    /// Takes changes over. Of one that is known already, what is known stays, and what it lacks is filled in: one who
    /// tells that something was altered need not be the one who tells what.
    pub fn join_changes(&mut self, more: Vec<Change>) {
        let all = self.changes.get_or_insert_default();
        let mut known: BTreeMap<String, usize> = all
            .iter()
            .enumerate()
            .map(|(at, change)| (change.id.clone(), at))
            .collect();
        for change in more {
            match known.get(&change.id).and_then(|at| all.get_mut(*at)) {
                Some(known) => known.complete(change),
                None => {
                    known.insert(change.id.clone(), all.len());
                    all.push(change);
                }
            }
        }
    }

    /// Leaves those whom `wanted` names, and who is next to them on the map; of everything else, nothing. Changes that
    /// name nobody stay: they may be anybody's.
    pub fn keep_around(&mut self, wanted: impl Fn(&EntityId) -> bool) {
        let mut kept: BTreeSet<EntityId> = BTreeSet::new();
        for edge in &self.topology.edges {
            if wanted(&edge.from) || wanted(&edge.to) {
                kept.insert(edge.from.clone());
                kept.insert(edge.to.clone());
            }
        }
        let keeps = |id: &EntityId| wanted(id) || kept.contains(id);
        self.topology.entities.retain(|entity| keeps(&entity.id));
        self.topology
            .edges
            .retain(|edge| keeps(&edge.from) && keeps(&edge.to));
        self.alarms.retain(|alarm| keeps(&alarm.entity));
        retain(&mut self.series, |series| keeps(&series.key.entity));
        retain(&mut self.logs, |log| keeps(&log.entity));
        retain(&mut self.spans, |span| keeps(&span.entity));
        retain(&mut self.changes, |change| {
            change.entities.is_empty() || change.entities.iter().any(keeps)
        });
        retain(&mut self.snapshots, |snapshot| keeps(&snapshot.entity));
        retain(&mut self.events, |event| keeps(&event.entity));
    }

    fn gap<T>(&self, wanted: &str) -> Answer<T> {
        let known = self
            .manifest
            .gaps
            .iter()
            .find(|gap| gap.wanted == wanted && gap.entity.is_none());
        Answer::CouldNotLook(known.cloned().unwrap_or_else(|| Gap {
            wanted: wanted.to_string(),
            entity: None,
            hides: Vec::new(),
            why: GapReason::NotRecorded,
            detail: String::new(),
            how_to_close: String::new(),
        }))
    }

    fn filtered<T: Clone>(
        &self,
        all: &Option<Vec<T>>,
        wanted: &str,
        keep: impl Fn(&T) -> bool,
    ) -> Answer<Vec<T>> {
        let Some(all) = all else {
            return self.gap(wanted);
        };
        let kept: Vec<T> = all.iter().filter(|item| keep(item)).cloned().collect();
        if kept.is_empty() {
            Answer::Nothing
        } else {
            Answer::Found(kept)
        }
    }
}

fn retain<T>(all: &mut Option<Vec<T>>, keep: impl Fn(&T) -> bool) {
    if let Some(all) = all {
        all.retain(keep);
    }
}

impl MetricSource for Case {
    fn series(&self) -> Answer<Vec<Arc<Series>>> {
        match &self.series {
            None => self.gap("metrics"),
            Some(series) if series.is_empty() => Answer::Nothing,
            Some(series) => Answer::Found(series.clone()),
        }
    }
}

impl LogSource for Case {
    fn scan(
        &self,
        entity: Option<&EntityId>,
        window: TimeWindow,
        visit: &mut dyn FnMut(&LogLine<'_>) -> ControlFlow<()>,
    ) -> Answer<Scanned> {
        let Some(logs) = &self.logs else {
            return self.gap("logs");
        };
        let from = logs.partition_point(|l| l.time < window.from());
        let to = logs.partition_point(|l| l.time < window.to());
        let mut scanned = Scanned::default();
        let mut attributes = Vec::new();
        for log in logs[from..to.max(from)]
            .iter()
            .filter(|l| entity.is_none_or(|e| l.entity == *e))
        {
            attributes.clear();
            attributes.extend(log.attributes.iter().map(|(key, value)| (&**key, &**value)));
            scanned.rows += 1;
            scanned.bytes += log.body.len() as u64;
            let line = LogLine {
                time: log.time,
                entity: &log.entity,
                severity: log.severity,
                body: &log.body,
                attributes: &attributes,
                trace_id: &log.trace_id,
                span_id: &log.span_id,
                file: &log.file,
                line: log.line,
            };
            if visit(&line).is_break() {
                break;
            }
        }
        if scanned.rows == 0 {
            Answer::Nothing
        } else {
            Answer::Found(scanned)
        }
    }
}

impl TraceSource for Case {
    fn scan(
        &self,
        window: TimeWindow,
        visit: &mut dyn FnMut(&SpanRow<'_>) -> ControlFlow<()>,
    ) -> Answer<Scanned> {
        let Some(spans) = &self.spans else {
            return self.gap("traces");
        };
        let from = spans.partition_point(|s| s.start < window.from());
        let to = spans.partition_point(|s| s.start < window.to());
        let mut scanned = Scanned::default();
        let mut attributes = Vec::new();
        for span in &spans[from..to.max(from)] {
            attributes.clear();
            attributes.extend(
                span.attributes
                    .iter()
                    .map(|(key, value)| (&**key, &**value)),
            );
            scanned.rows += 1;
            scanned.bytes += (span.name.len() + span.message.len()) as u64;
            let row = SpanRow {
                trace_id: &span.trace_id,
                span_id: &span.span_id,
                parent_id: &span.parent_id,
                entity: &span.entity,
                name: &span.name,
                kind: span.kind,
                start: span.start,
                end: span.end,
                error: span.error,
                message: &span.message,
                peer: &span.peer,
                attributes: &attributes,
                file: &span.file,
                line: span.line,
            };
            if visit(&row).is_break() {
                break;
            }
        }
        if scanned.rows == 0 {
            Answer::Nothing
        } else {
            Answer::Found(scanned)
        }
    }
}

impl ChangeSource for Case {
    fn changes(&self, window: TimeWindow) -> Answer<Vec<Change>> {
        self.filtered(&self.changes, "changes", |c| {
            c.start < window.to() && c.end >= window.from()
        })
    }
}

impl TopologySource for Case {
    fn topology(&self, _: TimeWindow) -> Answer<Topology> {
        if self.topology.entities.is_empty() {
            self.gap("topology")
        } else {
            Answer::Found(self.topology.clone())
        }
    }
}

impl StateSource for Case {
    fn snapshots(&self, window: TimeWindow) -> Answer<Vec<StateSnapshot>> {
        self.filtered(&self.snapshots, "state", |s| window.contains(s.time))
    }

    fn events(&self, window: TimeWindow) -> Answer<Vec<Event>> {
        self.filtered(&self.events, "events", |e| {
            e.first < window.to() && e.last >= window.from()
        })
    }
}

impl KnowledgeSource for Case {
    fn runbooks(&self) -> Answer<Vec<Runbook>> {
        if self.runbooks.is_empty() {
            Answer::Nothing
        } else {
            Answer::Found(self.runbooks.clone())
        }
    }

    fn lessons(&self) -> Answer<Vec<Lesson>> {
        if self.lessons.is_empty() {
            Answer::Nothing
        } else {
            Answer::Found(self.lessons.clone())
        }
    }
}

impl Eyes for Case {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn alarms(&self) -> &[Alarm] {
        &self.alarms
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::Case;
    use crate::recording::{Manifest, SCHEMA};
    use crate::time::{TimeWindow, Timestamp};

    /// A case of which nothing is known yet.
    pub fn empty() -> Case {
        Case::new(Manifest {
            schema: SCHEMA.to_string(),
            id: "case".to_string(),
            title: String::new(),
            now: Timestamp(0),
            window: TimeWindow::new(Timestamp(-1), Timestamp(0)).unwrap(),
            baselines: Vec::new(),
            gaps: Vec::new(),
            sources: Vec::new(),
            origin: String::new(),
            licence: String::new(),
        })
    }
}
