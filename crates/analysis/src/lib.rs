//! Pure mathematics on series, logs, traces, graphs, changes, rankings, and earlier incidents.
pub mod changes;
pub mod graph;
pub mod logs;
pub mod precedents;
pub mod ranking;
pub mod series;
pub mod traces;
