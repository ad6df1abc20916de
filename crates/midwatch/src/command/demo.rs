//! `midwatch demo`: what a report looks like, without having an incident.

use std::path::PathBuf;

use crate::console::Console;
use crate::dress::{self, Format, pencil::Pencil};
use crate::exit::Exit;
use crate::problem::Problem;
use crate::wiring;

/// How to tell.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    midwatch demo\n  \
    midwatch demo --format html --out report.html\n  \
    midwatch demo --keep incident/        keeps the recording, to try the other commands on")]
pub struct Args {
    /// How to tell
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Write to this file, whole or not at all; `-` is standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Keep the bundled recording in this new folder
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// What to try after the first report.
const NEXT: &str = "\
What to try next
  midwatch demo --format html --out report.html     the same with pictures, in a browser
  midwatch demo --keep incident/                    keep the recording
  midwatch demo --format json --out report.json     keep the report, and then:
    midwatch verify report.json --recording incident/
    midwatch explain report.json C1 --recording incident/
  midwatch mechanisms                               the ways in which things break
  midwatch investigate YOUR_RECORDING               docs/recordings.md says how to make one
";

/// Investigates the bundled recording.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let bundled = wiring::demonstration()?;
    let budget = investigate::DEFAULT_BUDGET;
    let report = wiring::investigate(bundled.path(), budget, 0, console.shows_progress())?;
    if let Some(keep) = &args.keep {
        wiring::keep(&bundled, keep)?;
        console.remark(&format!("The recording is in {}\n", keep.display()));
    }
    let pencil = if args.out.is_some() {
        Pencil::default()
    } else {
        console.pencil()
    };
    let mut text = dress::report(&report, args.format, &pencil);
    // A program that reads the report must find nothing else there.
    if args.format == Format::Terminal {
        text.push('\n');
        text.push_str(NEXT);
    }
    console.deliver(&text, args.out.as_deref())?;
    Ok(report.header.status.into())
}
