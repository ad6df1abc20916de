//! The commands, one file each. A command reads its words, calls a room, and dresses what it says.

mod bench;
mod completions;
mod demo;

mod diff;
mod explain;
mod investigate;
mod man;
mod mechanisms;
mod recording;
mod render;
mod verify;

use clap::{Parser, Subcommand, ValueEnum};

use crate::console::{Colour, Console};
use crate::exit::Exit;
use crate::problem::Problem;

/// The command line.
#[derive(Parser, Debug)]
#[command(
    name = "midwatch",
    version,
    about = "Keeps the middle watch: investigates an incident and shows its evidence.",
    long_about = "Keeps the middle watch: investigates an incident and shows its evidence.\n\n\
        It reads a recorded incident (alarms, metrics, logs, traces, changes, states) and says what \
        broke, where it began, how sure it is, and what it could not see. Every sentence cites \
        evidence; every piece of evidence is a query that can be run again. It uses no language \
        model, sends nothing anywhere, and changes nothing.",
    after_help = "Examples:\n  \
        midwatch demo                                       look at a report right now\n  \
        midwatch investigate incident/ --format html --out report.html\n  \
        midwatch investigate incident/ --format json --out report.json\n  \
        midwatch verify report.json --recording incident/   does every sentence still follow?\n  \
        midwatch explain report.json C3 --recording incident/\n\n\
        Exit codes: 0 done (cause found), 1 the answer is no (does not verify, differs),\n\
        2 bad input, 3 cause unknown, 4 no active fault.",
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// When to use colours; NO_COLOR is honoured
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t)]
    pub color: Colour,
    /// No progress and no remarks on standard error; errors are still told
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Investigate a recorded incident and report what broke, with evidence
    Investigate(investigate::Args),
    /// Derive a report again from its recording, and name whatever does not follow
    Verify(verify::Args),
    /// Show what two investigations saw differently
    Diff(diff::Args),
    /// Walk from a sentence of a report to its evidence, queries and raw rows
    Explain(explain::Args),
    /// Dress a JSON report for the terminal, Markdown or a browser
    Render(render::Args),
    /// Look at the catalogue of ways in which things break
    Mechanisms(mechanisms::Args),

    /// Investigate a bundled incident, to see what a report looks like
    Demo(demo::Args),
    /// Make, check, show, pack and unpack recorded incidents
    Recording(recording::Args),
    /// Score the engine on a public incident set
    Bench(bench::Args),
    /// Write completions for a shell
    Completions(completions::Args),
    /// Write the manual page
    Man(man::Args),
}

/// How a command answers that is no report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Answer {
    /// For people.
    #[default]
    Terminal,
    /// For programs.
    Json,
}

/// Runs one command.
pub fn run(command: Command, console: &mut Console<'_>) -> Result<Exit, Problem> {
    match command {
        Command::Investigate(args) => investigate::run(&args, console),
        Command::Verify(args) => verify::run(&args, console),
        Command::Diff(args) => diff::run(&args, console),
        Command::Explain(args) => explain::run(&args, console),
        Command::Render(args) => render::run(&args, console),
        Command::Mechanisms(args) => mechanisms::run(&args, console),

        Command::Demo(args) => demo::run(&args, console),
        Command::Recording(args) => recording::run(&args, console),
        Command::Bench(args) => bench::run(&args, console),
        Command::Completions(args) => completions::run(&args, console),
        Command::Man(args) => man::run(&args, console),
    }
}
