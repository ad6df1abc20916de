//! GitHub.

pub mod deliveries;
