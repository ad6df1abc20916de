//! Where recordings are kept: as one file ([`archive`]), and in a folder of many ([`library`]); and where the
//! telemetry of the last hours is kept ([`window`]).
//!
//! What lies inside of a recording is the business of `connectors::files`; this crate moves bytes and
//! trusts none of them.

pub mod archive;
pub mod library;
pub mod window;
