//! What do log lines say in the incident that they did not say before, given the requests received?
//!
//! One streaming scan turns lines into counts per template and unit, and, where lines carry the ids of
//! spans, into the steps that each request took. Everything after is pure.

mod habits;
mod judge;
mod location;
mod mentions;
mod paths;
mod scan;
mod turn;

pub use judge::{LogReading, judge};
pub use mentions::Mentions;
pub(crate) use paths::likelihood_ratio;
pub use scan::{Kind, Scan, Step, ask};

use model::ports::{Eyes, Scanned};
use model::query::Answer;

use crate::probes::traces::RequestCounts;
use crate::scene::Scene;

/// Scans the lines once and judges them.
pub fn logs(
    eyes: &dyn Eyes,
    scene: &Scene,
    requests: &RequestCounts,
) -> (LogReading, Answer<Scanned>) {
    let (scan, answer) = ask(eyes, scene, requests);
    (judge(scene, &scan, requests), answer)
}

#[cfg(test)]
mod tests;
