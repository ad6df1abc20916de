//! Pure mathematics on series, logs, traces, graphs, changes and rankings.
pub mod logs;
pub mod series;
pub mod traces;
pub mod graph;
pub mod ranking;
pub mod changes;
