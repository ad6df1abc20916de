//! Metric math: expressions over series, after CloudWatch's `using-metric-math.md`.
//!
//! `S` is a number, `TS` a series, `TS[]` several. A point of one series where another has none: the other
//! counts as 0. Division by zero drops the point.

mod eval;
mod functions;
mod parse;

pub use eval::{Grid, Value};
pub use parse::Expression;

pub(super) use eval::Inputs;
