//! The front door.
pub mod dress;
