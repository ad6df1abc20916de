//! Pure mathematics on series, logs, traces, graphs, changes and rankings.
pub mod changes;
pub mod graph;
pub mod logs;
pub mod ranking;
pub mod series;
pub mod traces;
