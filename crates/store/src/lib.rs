//! Where things are kept: recordings as one file ([`archive`]) and in a folder of many ([`library`]), the journal
//! of incidents ([`journal`]), people with what they hold ([`people`]), what others posted here ([`deliveries`]), and
//! the telemetry of the last hours ([`window`]).
//!
//! What lies inside of a recording is the business of `connectors::files`; this crate moves bytes and
//! trusts none of them.

pub mod archive;
mod database;
pub mod deliveries;
pub mod journal;
pub mod library;
pub mod people;
mod still;
pub mod window;
