//! Recorded incidents: the documented folder (`docs/recordings.md`), and the layouts of public incident sets.
//!
//! [`open`] gives the eyes of one recording; [`write()`] makes a folder of a [`Case`]. A recording's
//! files are read as the ecosystem writes them; what is harmlessly wrong is left out and counted, what
//! makes the case meaningless is one error with file, line and remedy.

pub(crate) mod aws;
mod check;
mod columns;
pub mod datasets;
mod documents;
pub(crate) mod entities;
mod error;
pub(crate) mod gathered;
mod index;
pub(crate) mod json;
pub(crate) mod kubernetes;
mod layout;
mod limits;
mod memory;
pub(crate) mod moment;
mod number;
pub(crate) mod otlp;
#[cfg(feature = "parquet")]
mod parquet;
mod recording;
mod redact;
pub(crate) mod rows;
mod schema;
mod secrets;
mod show;
pub(crate) mod source;
pub(crate) mod stream;
pub(crate) mod table;
#[cfg(test)]
mod tests;
pub(crate) mod text;
pub mod transform;
mod write;

pub use check::{CheckReport, Coverage, Finding, Grade, check};
pub use columns::Dropped;
pub use error::{Fault, FilesError, Problem};
pub use limits::Limits;
#[cfg(feature = "aws")]
pub(crate) use memory::everything;
pub use memory::{ReadBytes, read_bytes, reader_names};
pub use model::case::{Case, OwnedLog, OwnedSpan};
pub use recording::{Recording, open, read_answer};
pub use redact::redact;
pub use schema::schemas;
pub use secrets::SecretKind;
pub(crate) use secrets::hide;
pub use show::{AlarmLine, Amount, ChangeLine, Range, Summary, show, summary};
pub use write::write;
