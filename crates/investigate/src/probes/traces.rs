//! Who called whom, who spent the time, and where failures began: the incident against the time before.
//!
//! One streaming scan gathers spans as plain numbers; everything after is pure. Times are compared per
//! *operation*, so that a changed mix of requests does not look like a slowdown, and medians of few
//! calls are weighed by their standard error.

mod gather;
mod judge;
mod pooled;
mod requests;

pub(crate) use gather::cut;
pub use gather::{Gathered, ask};
pub use judge::{TraceReading, judge};
pub use pooled::{Pooled, pooled};
pub use requests::{Context, Request, RequestCounts, Stretch};

use model::ports::{Eyes, Scanned};
use model::query::Answer;

use crate::facts::{EdgeFact, WorkFact};
use crate::scene::Scene;

/// Scans the spans once and judges them. Edges are sorted by (caller, callee), work by unit.
pub fn traces(
    eyes: &dyn Eyes,
    scene: &Scene,
) -> (Vec<EdgeFact>, Vec<WorkFact>, RequestCounts, Answer<Scanned>) {
    let (gathered, answer) = ask(eyes, scene);
    let reading = judge(scene, &gathered);
    (reading.edges, reading.work, reading.requests, answer)
}

#[cfg(test)]
pub(crate) mod tests;
