//! Keeps the watch: own detectors, intake, grouping, and the duty loop.

pub mod ask;
