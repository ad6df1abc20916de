//! `midwatch demo`: a system that really runs is broken and watched; or what a report looks like, from a recording.

mod live;
mod person;

use std::path::PathBuf;

use crate::console::Console;
use crate::dress::{self, Format, pencil::Pencil};
use crate::exit::Exit;
use crate::problem::Problem;
use crate::wiring;

/// What to show, and how.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    midwatch demo                                    PayLedger in two regions, three faults, one alarm\n  \
    midwatch demo --yes --fast                       the same without a question, with short intervals\n  \
    midwatch demo --stay                             the same without a terminal: answer in the page, end it with a signal\n  \
    midwatch demo --fault bad-deploy                 another fault; `--fault list` shows all\n  \
    midwatch demo --recorded                         a bundled recording, investigated in a moment\n  \
    midwatch demo --recorded --format html --out report.html\n  \
    midwatch demo --recorded --keep incident/        keeps the recording, to try the other commands on\n\n\
    The live one listens on free loopback ports, needs no root, sends nothing elsewhere, and ends everything that\n\
    it started, also on Ctrl-C.")]
pub struct Args {
    /// Only investigate the bundled recording of an incident
    #[arg(long, conflicts_with_all = ["fault", "yes", "stay", "fast", "healthy", "observe", "patience"])]
    recorded: bool,
    /// How to tell
    #[arg(long, value_enum, default_value_t, requires = "recorded")]
    format: Format,
    /// A new folder for report, post-mortem, recording and journal; with --recorded the report's file, `-` is standard
    /// output
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    /// Keep the bundled recording in this new folder
    #[arg(long, value_name = "DIR", requires = "recorded")]
    keep: Option<PathBuf>,
    /// Which fault to inject, or several with `+` between them; `list` shows all
    #[arg(long, value_name = "NAME", default_value = "three")]
    fault: String,
    /// Say yes to the plan
    #[arg(long, short)]
    yes: bool,
    /// Go on until Ctrl-C, and take the answer from the page too; so it does on a terminal without --yes
    #[arg(long, conflicts_with_all = ["yes", "observe"])]
    stay: bool,
    /// Short intervals: health checks and metrics every second
    #[arg(long)]
    fast: bool,
    /// Seconds of healthy load before the fault
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    healthy: u64,
    /// Only watch: no hands, and the end is the report
    #[arg(long, conflicts_with = "yes")]
    observe: bool,
    /// With --observe: seconds to go on watching after the first report; the last report of each incident is kept
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 0,
        requires = "observe"
    )]
    linger: u64,
    /// Seconds after which what stands is told, whether or not it is over
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    patience: u64,
}

/// What to try after the first report.
const NEXT: &str = "\
What to try next
  midwatch demo                                     a system that really runs, broken and watched
  midwatch demo --recorded --format html --out report.html     the same with pictures, in a browser
  midwatch demo --recorded --keep incident/                    keep the recording
  midwatch demo --recorded --format json --out report.json     keep the report, and then:
    midwatch verify report.json --recording incident/
    midwatch explain report.json C1 --recording incident/
  midwatch mechanisms                               the ways in which things break
  midwatch investigate YOUR_RECORDING               docs/recordings.md says how to make one
";

/// Shows it.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    if args.recorded {
        recorded(args, console)
    } else {
        live::run(args, console)
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
