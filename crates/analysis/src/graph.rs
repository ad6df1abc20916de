//! Directed graphs on numbered nodes: who can have broken whom, and the smallest part that holds a fault.
//!
//! An edge goes the way that failure travels (callee to caller, host to guest). [`csr`] holds the graph,
//! [`paths`] finds reach and best paths, [`mod@components`] loops, [`subtree`] the smallest explaining part.

pub mod components;
pub mod csr;
pub mod paths;
pub mod subtree;

pub use components::{Components, components};
pub use csr::{Edge, Graph, GraphIrregularities};
pub use paths::{DECAY, Reach, best_path, neighbourhood, reach};
pub use subtree::{Part, smallest_part};

#[cfg(test)]
mod tests;
