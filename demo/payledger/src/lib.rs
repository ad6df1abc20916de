//! A two-region payment ledger that really runs, and can be broken in known ways.
//!
//! Real processes, real HTTP on free loopback ports, real telemetry through the OpenTelemetry SDK, and a
//! control plane with an audit log. It knows nothing of whoever watches it. README.md tells how to use it;
//! a request's way through it is `router` → `front` → `functions` → `table` (and `provider`).

#![warn(missing_docs)]

mod audit;
#[cfg(feature = "aws")]
mod aws;
mod chance;
mod clock;
mod command;
mod config;
mod control;
pub mod deployment;
pub mod failure;
pub mod fault;
mod front;
mod functions;
mod hop;
mod http_meters;
mod load;
pub mod names;
mod process;
mod provider;
mod router;
mod signing;
mod supervise;
mod table;
mod telemetry;

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the program. `args` begins with the program's own name, as `std::env::args_os` does.
///
/// `up` starts other processes of the same program: by default the running executable followed by
/// `process ...`. A program that embeds this one under a subcommand gives `--self` (or
/// `PAYLEDGER_SELF`), as in `midwatch payledger up --self "midwatch payledger"`; or calls
/// [`main_from_embedded`], which needs neither.
pub fn main_from(args: impl Iterator<Item = OsString>) -> ExitCode {
    command::main(args, &[])
}

/// Runs the program on behalf of another that embeds it: other processes are started as the running
/// executable followed by `prefix` and `process ...`. `args` begins with a name to show in messages, such as
/// `midwatch payledger`.
pub fn main_from_embedded(args: impl Iterator<Item = OsString>, prefix: &[OsString]) -> ExitCode {
    command::main(args, prefix)
}
