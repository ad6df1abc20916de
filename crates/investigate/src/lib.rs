//! Incident to report. It can only look: nothing here can reach an actuator (J7).

pub mod catalogue;
pub mod excess;
pub mod facts;
pub mod matching;
pub mod probes;
pub mod role;
pub mod scene;

pub use catalogue::{Catalogue, Mechanism, catalogue};
