//! One question that an engineer would ask per file.
//!
//! Asking and judging are apart: `ask` says what to read, `judge` reads the answer; neither does IO of
//! its own.

pub mod changes;
pub mod events;
pub mod logs;
pub mod series;
pub mod states;
pub mod traces;
