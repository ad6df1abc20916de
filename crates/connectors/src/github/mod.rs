//! GitHub.

#[cfg(feature = "github")]
pub mod asked;
#[cfg(feature = "inlets")]
pub mod deliveries;
#[cfg(feature = "notifiers")]
pub mod issues;
