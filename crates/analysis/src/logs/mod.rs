//! Log lines become templates with typed slots; templates have rates; lines have severities.
//!
//! A line takes this road: `frames` leaves out the frames of stack traces; `mask` replaces what is surely a value by a typed mark (`shape`, `pieces`, `number`, `clock`
//! and `address` know the forms), which leaves its *skeleton*. The `miner` looks the skeleton up; if it is new, it is cut
//! into `token`s and the `tree` tells which template it fits, if any. From time to time `merge` takes all skeletons
//! together and decides which are one template (`lists` and `columns` know the cases where more than one place varies).
//! `values` finds the values of a line again.
//!
//! ```
//! use analysis::logs::Miner;
//!
//! let mut miner = Miner::default();
//! let first = miner.insert(b"worker-1 took 35ms");
//! let second = miner.insert(b"worker-2 took 7ms");
//! miner.merge();
//! assert_eq!(miner.resolve(first), miner.resolve(second));
//! let template = miner.template(first).expect("just inserted");
//! assert_eq!(template.text, "worker-<num> took <dur>");
//! assert_eq!(template.count, 2);
//! ```

mod address;
mod clock;
mod columns;
mod frames;
mod lists;
mod mask;
mod merge;
mod miner;
mod number;
mod pieces;
pub mod rates;
mod severity;
mod shape;
mod slot;
mod token;
mod tree;
mod values;

pub use mask::mask;
pub use miner::{Config, Miner, Template, TemplateId};
pub use severity::{Severity, is_error_like, severity_hint};
pub use slot::{Slot, SlotKind};
