//! The only room that knows sockets that are listened on: the desk for commands of the same machine, and the
//! inlets of pushed telemetry.

pub mod control;
pub mod otlp;
