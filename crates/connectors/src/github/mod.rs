//! GitHub.

#[cfg(feature = "inlets")]
pub mod deliveries;
#[cfg(feature = "notifiers")]
pub mod issues;
