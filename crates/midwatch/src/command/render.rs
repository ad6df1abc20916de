//! `midwatch render`: the same report in another dress.

use std::path::PathBuf;

use crate::console::Console;
use crate::dress::{self, Format, pencil::Pencil};
use crate::exit::Exit;
use crate::problem::Problem;
use crate::wiring;

/// Which report, and how.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    midwatch render report.json\n  \
    midwatch render report.json --format html --out report.html\n  \
    midwatch render - --format markdown < report.json")]
pub struct Args {
    /// A report as JSON; `-` is standard input
    #[arg(value_name = "REPORT")]
    report: PathBuf,
    /// How to tell
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Write to this file, whole or not at all; `-` is standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Reads, and dresses.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let report = wiring::read_report(&args.report)?;
    let pencil = if args.out.is_some() {
        Pencil::default()
    } else {
        console.pencil()
    };
    console.deliver(
        &dress::report(&report, args.format, &pencil),
        args.out.as_deref(),
    )?;
    Ok(Exit::Done)
}
