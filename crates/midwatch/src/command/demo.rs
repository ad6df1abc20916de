//! `midwatch demo`: what a report looks like, without having an incident; or, live, a system that is broken and watched.

mod live;

use std::path::PathBuf;

use crate::console::Console;
use crate::dress::{self, Format, pencil::Pencil};
use crate::exit::Exit;
use crate::problem::Problem;
use crate::wiring;

/// What to show, and how.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    midwatch demo                                    a bundled recording, investigated\n  \
    midwatch demo --format html --out report.html\n  \
    midwatch demo --keep incident/                   keeps the recording, to try the other commands on\n  \
    midwatch demo --live                             PayLedger in two regions, three faults, one alarm\n  \
    midwatch demo --live --yes --fast                the same without a question, with short intervals\n  \
    midwatch demo --live --fault bad-deploy          another fault; `--fault list` shows all\n\n\
    The live one listens on free loopback ports, needs no root, sends nothing elsewhere, and ends everything that\n\
    it started, also on Ctrl-C.")]
pub struct Args {
    /// How to tell
    #[arg(long, value_enum, default_value_t, conflicts_with = "live")]
    format: Format,
    /// Write to this file, whole or not at all; `-` is standard output. With --live: a new folder
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    /// Keep the bundled recording in this new folder
    #[arg(long, value_name = "DIR", conflicts_with = "live")]
    keep: Option<PathBuf>,
    /// Keep watch over a system that really runs, and break it
    #[arg(long)]
    live: bool,
    /// Which fault to inject; `list` shows all
    #[arg(long, value_name = "NAME", default_value = "three", requires = "live")]
    fault: String,
    /// Say yes to the plan
    #[arg(long, short, requires = "live")]
    yes: bool,
    /// Short intervals: health checks and metrics every second
    #[arg(long, requires = "live")]
    fast: bool,
    /// Seconds of healthy load before the fault
    #[arg(long, value_name = "SECONDS", default_value_t = 45, requires = "live")]
    healthy: u64,
}

/// What to try after the first report.
const NEXT: &str = "\
What to try next
  midwatch demo --format html --out report.html     the same with pictures, in a browser
  midwatch demo --keep incident/                    keep the recording
  midwatch demo --format json --out report.json     keep the report, and then:
    midwatch verify report.json --recording incident/
    midwatch explain report.json C1 --recording incident/
  midwatch demo --live                              a system that really runs, broken and watched
  midwatch mechanisms                               the ways in which things break
  midwatch investigate YOUR_RECORDING               docs/recordings.md says how to make one
";

/// Shows it.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    if args.live {
        live::run(args, console)
    } else {
        recorded(args, console)
    }
}

/// Investigates the bundled recording.
fn recorded(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
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
