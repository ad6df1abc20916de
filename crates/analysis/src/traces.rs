//! Traces: who called whom, who spent the time, and where an error began.
//!
//! [`link`] joins spans to trees and tolerates all that tracing does wrong (missing parents, duplicates, loops,
//! skewed clocks, negative durations), counting each. [`origins`] finds where errors began, [`mod@totals`] adds spans
//! up per operation, edge and entity in a window, [`mod@shift`] compares two windows, robustly for few calls.

pub mod link;
pub mod origins;
pub mod shift;
pub mod totals;

pub use link::{Forest, Irregularities, Skew};
pub use origins::{ErrorOrigin, OriginKind, error_origins};
pub use shift::{
    EdgeShift, EntityShift, OperationShift, Shift, Shifts, error_shift, shift, shifts,
};
pub use totals::{EdgeTotals, EntityTotals, OperationTotals, Spread, Totals, totals};

/// What a span says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum SpanKind {
    /// Not said; told from the tree where possible.
    #[default]
    Unknown,
    /// Work inside one entity.
    Internal,
    /// The caller's end of a call.
    Client,
    /// The callee's end of a call.
    Server,
}

/// One span. Entities and operations are numbers of the caller's own numbering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Hash of the trace id.
    pub trace: u64,
    /// Span id.
    pub id: u64,
    /// Parent's span id; zero for a root.
    pub parent: u64,
    /// Who did the work.
    pub entity: u32,
    /// What work.
    pub operation: u32,
    /// Start, ns.
    pub start: i64,
    /// End, ns.
    pub end: i64,
    /// It failed.
    pub error: bool,
    /// What it says it is.
    pub kind: SpanKind,
}

impl Span {
    /// Duration in ns; zero when it ends before it starts.
    pub fn duration(&self) -> i64 {
        self.end.saturating_sub(self.start).max(0)
    }
}

#[cfg(test)]
mod tests;
