//! Log lines become templates with typed slots; templates have rates; lines have severities.

mod mask;
mod merge;
mod miner;
mod pieces;
pub mod rates;
mod severity;
mod shape;
mod slot;
mod token;
mod tree;

pub use mask::mask;
pub use miner::{Config, Miner, Template, TemplateId};
pub use severity::{Severity, is_error_like, severity_hint};
pub use slot::{Slot, SlotKind};
