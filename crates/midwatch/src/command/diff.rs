//! `midwatch diff`: what two investigations saw differently.

use std::path::PathBuf;

use serde::Serialize;

use super::Answer;
use crate::console::Console;
use crate::dress::difference::{self, Difference};
use crate::dress::{self};
use crate::exit::Exit;
use crate::problem::Problem;
use crate::wiring;

/// Which two.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    midwatch diff before.json after.json\n  \
    midwatch diff report.json incident/          against what the recording gives now\n  \
    midwatch diff a.json b.json --format json | jq '.differences[] | select(.part==\"cause\")'\n\n\
    Exit codes: 0 the same, 1 different, 2 bad input or a failed write.")]
pub struct Args {
    /// A report as JSON, or a recording, which is investigated first
    #[arg(value_name = "A")]
    first: PathBuf,
    /// The other one
    #[arg(value_name = "B")]
    second: PathBuf,
    /// How to tell
    #[arg(long, value_enum, default_value_t)]
    format: Answer,
}

#[derive(Serialize)]
struct Told<'a> {
    same: bool,
    differences: &'a [Difference],
}

/// Compares.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let progress = console.shows_progress();
    let first = wiring::report_of(&args.first, progress)?;
    let second = wiring::report_of(&args.second, progress)?;
    let differences = difference::between(&first, &second);
    let same = differences.is_empty();
    let text = match args.format {
        Answer::Terminal => {
            let names = (
                args.first.display().to_string(),
                args.second.display().to_string(),
            );
            difference::told_between(&differences, (&names.0, &names.1), &console.pencil())
        }
        Answer::Json => dress::json(&Told {
            same,
            differences: &differences,
        }),
    };
    console.print(&text)?;
    Ok(if same { Exit::Done } else { Exit::No })
}
