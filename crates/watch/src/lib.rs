//! Keeps the watch: own detectors, intake, grouping, and the duty loop.

pub mod apart;
pub mod ask;
pub mod attend;
pub mod correlate;
pub mod detect;
pub mod duty;
pub mod intake;
pub mod notices;
pub mod silence;
