//! `midwatch investigate`: from a recording to a report.

use std::path::PathBuf;

use model::report::BudgetLimit;

use crate::console::Console;
use crate::dress::{self, Format};
use crate::exit::Exit;
use crate::problem::Problem;
use crate::wiring;

/// What to investigate, and how to tell.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    midwatch investigate incident/\n  \
    midwatch investigate incident.tar.zst --format html --out report.html\n  \
    midwatch investigate incident/ --format json | jq '.causes[].entity'\n  \
    midwatch investigate incident/ --budget reads=20\n\n\
    Exit codes: 0 cause found, 2 bad input or a failed write, 3 cause unknown, 4 no active fault or recovered.")]
pub struct Args {
    /// The recording: a folder, or the same packed as .tar.zst
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// How to tell
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Write to this file, whole or not at all; `-` is standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// What the case may spend, such as reads=60
    #[arg(long, value_name = "LIMITS", value_parser = budget, default_value = "reads=60")]
    budget: BudgetLimit,
    /// Threads to read with; 0 is one for each core. The answer is the same for any number
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=1024))]
    threads: u16,
}

/// Reads `reads=60`.
fn budget(text: &str) -> Result<BudgetLimit, String> {
    let mut limit = investigate::DEFAULT_BUDGET;
    for part in text.split(',') {
        match part.split_once('=') {
            Some(("reads", number)) => {
                limit.reads = number.parse().map_err(|_| {
                    format!("{number:?} is not a number of reads, such as reads=60")
                })?;
            }
            _ => {
                return Err(format!(
                    "{part:?} is not a limit; known is reads=N, such as reads=60"
                ));
            }
        }
    }
    Ok(limit)
}

/// Looks, and tells.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let threads = usize::from(args.threads);
    let report = wiring::investigate(&args.path, args.budget, threads, console.shows_progress())?;
    let pencil = console.pencil_for(args.out.as_deref());
    console.deliver(
        &dress::report(&report, args.format, &pencil),
        args.out.as_deref(),
    )?;
    Ok(report.header.status.into())
}

#[cfg(test)]
mod tests {
    use super::budget;

    #[test]
    fn budgets_are_read_or_refused() {
        assert_eq!(budget("reads=7").map(|b| b.reads), Ok(7));
        assert!(
            budget("reads=many")
                .unwrap_err()
                .contains("not a number of reads")
        );
        assert!(
            budget("queries=7")
                .unwrap_err()
                .contains("known is reads=N")
        );
        assert!(budget("").is_err());
    }
}
