//! Recorded incidents: the documented folder (`docs/recordings.md`), and the layouts of public incident sets.

pub mod case;
pub mod datasets;

pub use case::{Case, OwnedLog, OwnedSpan};
