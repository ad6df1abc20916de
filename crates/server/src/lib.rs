//! The only room that knows sockets that are listened on: the desk for commands of the same machine, the inlets of
//! pushed telemetry, and the API.

pub mod api;
pub mod auth;
pub mod control;
pub mod inlets;
#[cfg(feature = "mcp")]
pub mod mcp;
pub mod otlp;
pub mod tls;

/// The target of spans that tell what the program does, apart from its log.
pub const SPANS: &str = "midwatch::spans";
