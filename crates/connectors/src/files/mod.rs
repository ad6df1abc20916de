//! Recorded incidents: the documented folder (`docs/recordings.md`), and the layouts of public incident sets.
//!
//! [`open`] gives the eyes of one recording; [`write`] makes a folder of a [`Case`]. A recording's
//! files are read as the ecosystem writes them; what is harmlessly wrong is left out and counted, what
//! makes the case meaningless is one error with file, line and remedy.

pub mod case;
mod columns;
pub mod datasets;
mod documents;
mod entities;
mod error;
mod index;
mod json;
mod layout;
mod limits;
mod moment;
mod number;
mod recording;
mod rows;
mod source;
mod stream;
mod table;
#[cfg(test)]
mod tests;
mod write;

pub use case::{Case, OwnedLog, OwnedSpan};
pub use columns::Dropped;
pub use error::{Fault, FilesError, Problem};
pub use limits::Limits;
pub use recording::{Recording, open, read_answer};
pub use write::write;
