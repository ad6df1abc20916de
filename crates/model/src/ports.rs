//! The sockets in the walls. Together the sources are the eyes: they answer, and can change nothing.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::alarm::Alarm;
use crate::change::Change;
use crate::entity::EntityId;
use crate::query::{Answer, Gap};
use crate::recording::Manifest;
use crate::telemetry::{Event, LogLine, Series, SpanRow, StateSnapshot};
use crate::time::TimeWindow;
use crate::topology::Topology;

/// What a scan read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Rows visited.
    pub rows: u64,
    /// Bytes read from the source.
    pub bytes: u64,
}

/// Numbers over time.
pub trait MetricSource: Send + Sync {
    /// All series that have a point in the source, sorted by key. Cheap: values are shared.
    fn series(&self) -> Answer<Vec<Arc<Series>>>;
}

/// Log lines.
pub trait LogSource: Send + Sync {
    /// Visits the lines of `entity` (everyone, if none) inside `window`, in the order of the source's
    /// files and lines, until the visitor breaks.
    fn scan(
        &self,
        entity: Option<&EntityId>,
        window: TimeWindow,
        visit: &mut dyn FnMut(&LogLine<'_>) -> ControlFlow<()>,
    ) -> Answer<Scanned>;
}

/// Spans.
pub trait TraceSource: Send + Sync {
    /// Visits the spans that start inside `window`, in the order of the source's files and rows.
    fn scan(
        &self,
        window: TimeWindow,
        visit: &mut dyn FnMut(&SpanRow<'_>) -> ControlFlow<()>,
    ) -> Answer<Scanned>;
}

/// Alterations.
pub trait ChangeSource: Send + Sync {
    /// The changes that overlap `window`, sorted by (start, id).
    fn changes(&self, window: TimeWindow) -> Answer<Vec<Change>>;
}

/// What leans on what.
pub trait TopologySource: Send + Sync {
    /// As known in `window`; normalised.
    fn topology(&self, window: TimeWindow) -> Answer<Topology>;
}

/// What things look like, and what platforms said about them.
pub trait StateSource: Send + Sync {
    /// Snapshots taken inside `window`, sorted by (entity, kind, time).
    fn snapshots(&self, window: TimeWindow) -> Answer<Vec<StateSnapshot>>;
    /// Events that overlap `window`, sorted by (first, entity, reason, message).
    fn events(&self, window: TimeWindow) -> Answer<Vec<Event>>;
}

/// A runbook or another text that people wrote for the night.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runbook {
    /// Path within the source.
    pub path: String,
    /// First heading, or the path.
    pub title: String,
    /// The text.
    pub text: String,
}

/// What people know.
pub trait KnowledgeSource: Send + Sync {
    /// All runbooks, sorted by path.
    fn runbooks(&self) -> Answer<Vec<Runbook>>;
}

/// Everything that can be looked at in one case. It holds no hands (J7).
pub trait Eyes:
    MetricSource
    + LogSource
    + TraceSource
    + ChangeSource
    + TopologySource
    + StateSource
    + KnowledgeSource
{
    /// What the case is: its windows, its now, what could not be collected.
    fn manifest(&self) -> &Manifest;
    /// The alarms, sorted by (fired_at, id).
    fn alarms(&self) -> &[Alarm];
    /// What could not be collected.
    fn gaps(&self) -> &[Gap] {
        &self.manifest().gaps
    }
}
