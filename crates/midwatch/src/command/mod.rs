//! The commands, one file each. A command reads its words, calls a room, and dresses what it says.

mod approve;
mod ask;
mod audit;
mod bench;
mod completions;
mod config;
mod connectors;
mod demo;

mod diff;
pub(crate) mod doctor;
pub(crate) mod explain;
mod iam;
mod incidents;
mod investigate;
mod journal;
mod keys;
mod man;
#[cfg(feature = "mcp")]
mod mcp;
mod mechanisms;
mod notify;
mod people;
mod permissions;
mod record;
mod recording;
mod render;
mod serve;
mod silence;
mod stats;
mod topology;
mod verify;

use std::path::Path;

use clap::{Parser, Subcommand, ValueEnum};

use crate::config::{Length, MAIN};
use crate::console::{Colour, Console};
use crate::exit::Exit;
use crate::problem::Problem;
use crate::wiring::house::House;

/// The command line.
#[derive(Parser, Debug)]
#[command(
    name = "midwatch",
    version,
    about = "Keeps the middle watch: investigates an incident and shows its evidence.",
    long_about = "Keeps the middle watch: investigates an incident and shows its evidence.\n\n\
        It reads a recorded incident, or watches a running system (alarms, metrics, logs, traces, changes, \
        states), and says what broke, where it began, how sure it is, and what it could not see. Every \
        sentence cites evidence; every piece of evidence is a query that can be run again. It uses no \
        language model.\n\n\
        It alters nothing, unless its configuration gives it hands (`hands` on a connector): then it \
        performs the plans that the policy or a named person lets pass, undoes what fails, and checks that \
        they worked. It sends nothing anywhere, save to the notifiers and connectors that are configured.",
    after_help = "Examples:\n  \
        midwatch demo                                       look at a report right now\n  \
        midwatch investigate incident/ --format html --out report.html\n  \
        midwatch investigate incident/ --format json --out report.json\n  \
        midwatch verify report.json --recording incident/   does every sentence still follow?\n  \
        midwatch explain report.json C3 --recording incident/\n\n\
        Exit codes: 0 done (cause found), 1 the answer is no (does not verify, differs),\n\
        2 bad input or a failed write, 3 cause unknown, 4 no active fault.",
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

    /// Keep watch: take telemetry in, raise alarms, attend incidents
    Serve(serve::Args),
    /// What is broken, what was, and how each stands
    Incidents(incidents::Args),
    /// Say yes to a plan
    Approve(approve::Args),
    /// Say no to a plan
    Refuse(approve::RefuseArgs),
    /// Be quiet about an entity or a rule for a while; see which silences stand, and end one
    Silence(silence::Args),
    /// Ask how things stand: "what changed on checkout since 10 minutes ago?"
    Ask(ask::Args),
    /// Who is told, and does it arrive?
    Notify(notify::Args),
    /// Let a program that speaks the Model Context Protocol look, over standard input and output
    #[cfg(feature = "mcp")]
    Mcp(mcp::Args),
    /// How well the watch is kept: detection, investigation, recovery, in numbers
    Stats(stats::Args),
    /// Make a recording of an incident, or of the last stretch of the running system
    Record(record::Args),
    /// What am I connected to, and what can I not see?
    Doctor(doctor::Args),
    /// Whom it can ask, what that brings, and every key of each
    Connectors(connectors::Args),
    /// Before an incident: which failures could be told, and what is missing for the rest
    Audit(audit::Args),
    /// Who leans on whom, and where that was seen
    Topology(topology::Args),
    /// Who may sign in to page and API, and what they may
    People(people::Args),
    /// API keys, for programs
    Keys(keys::Args),
    /// What a connector needs to look and no more, and whether it kept to that
    Permissions(permissions::Args),
    /// Check the journal's hash chains, or export one
    Journal(journal::Args),
    /// Check the configuration, or show every key
    Config(config::Args),

    /// See what it does: on a recorded incident, or through the whole life of one on a system that really runs
    Demo(demo::Args),
    /// Make, check, show, pack and unpack recorded incidents
    Recording(recording::Args),
    /// Why a call is denied: policies evaluated, with the statement that decides
    Iam(iam::Args),
    /// Score the engine on a public incident set
    Bench(bench::Args),
    /// Write completions for a shell
    Completions(completions::Args),
    /// Write the manual page
    Man(man::Args),
}

/// Which house a command is about.
#[derive(clap::Args, Debug)]
pub struct Home {
    /// The configuration; without it midwatch.toml of this folder, if it is there
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<std::path::PathBuf>,
}

/// Which house a command is about, and which of its spaces.
#[derive(clap::Args, Debug)]
pub struct Place {
    #[command(flatten)]
    home: Home,
    /// Of which space, where [spaces] names more than main
    #[arg(long, global = true, value_name = "NAME")]
    space: Option<String>,
}

impl Place {
    /// The space that is meant: `main` unless one is named.
    pub fn house(&self) -> Result<House, Problem> {
        self.whole()?.within(self.space.as_deref().unwrap_or(MAIN))
    }

    /// The house itself.
    pub fn whole(&self) -> Result<House, Problem> {
        House::of(self.home.config.as_deref())
    }

    /// Was a space named?
    pub fn names_one(&self) -> bool {
        self.space.is_some()
    }
}

/// What a command looks at that needs no incident: a recording, or a stretch of the running system.
#[derive(clap::Args, Debug)]
pub struct Scene {
    #[command(flatten)]
    house: Place,
    /// The recording: a folder, or the same packed as .tar.zst; without it, the system that the server watches
    #[arg(value_name = "PATH")]
    path: Option<std::path::PathBuf>,
    /// Without a recording: which stretch of the running system, at most 6h
    #[arg(long, value_name = "LENGTH", default_value_t = Length::minutes(30), conflicts_with = "path")]
    since: Length,
}

impl Scene {
    /// A recording of it: the one that was named, or one that the server takes down now.
    pub fn taken(&self) -> Result<std::path::PathBuf, Problem> {
        match &self.path {
            Some(path) => Ok(path.clone()),
            None => self.house.house()?.take_down(self.since.span(), &[]),
        }
    }
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

        Command::Serve(args) => serve::run(&args, console),
        Command::Notify(args) => notify::run(&args, console),
        #[cfg(feature = "mcp")]
        Command::Mcp(args) => mcp::run(&args, console),
        Command::Stats(args) => stats::run(&args, console),
        Command::Record(args) => record::run(&args, console),
        Command::Doctor(args) => doctor::run(&args, console),
        Command::Connectors(args) => connectors::run(&args, console),
        Command::Audit(args) => audit::run(&args, console),
        Command::Topology(args) => topology::run(&args, console),
        Command::Incidents(args) => incidents::run(&args, console),
        Command::Approve(args) => approve::approve(&args, console),
        Command::Refuse(args) => approve::refuse(&args, console),
        Command::Silence(args) => silence::run(&args, console),
        Command::Ask(args) => ask::run(&args, console),
        Command::People(args) => people::run(&args, console),
        Command::Keys(args) => keys::run(&args, console),
        Command::Permissions(args) => permissions::run(&args, console),
        Command::Journal(args) => journal::run(&args, console),
        Command::Config(args) => config::run(&args, console),

        Command::Demo(args) => demo::run(&args, console),
        Command::Recording(args) => recording::run(&args, console),
        Command::Iam(args) => iam::run(&args, console),
        Command::Bench(args) => bench::run(&args, console),
        Command::Completions(args) => completions::run(&args, console),
        Command::Man(args) => man::run(&args, console),
    }
}

/// The text of a file that holds at most `longest` bytes; who gives a longer one is told what to do instead.
fn read(path: &Path, longest: u64, instead: &str) -> Result<String, Problem> {
    let unreadable = |error: std::io::Error| Problem::unreadable(path, &error);
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > longest {
        return Err(Problem::bad_input(
            format!("it has {size} bytes, more than {longest}"),
            path.display().to_string(),
            instead,
        ));
    }
    std::fs::read_to_string(path).map_err(unreadable)
}

/// Which of these ids is meant: the one that is `wanted`, or the only one that ends so. `place` and `remedy` are for whoever
/// named none of them, or several.
fn the_one<'i>(
    ids: &[&'i str],
    wanted: &str,
    place: &str,
    remedy: &str,
) -> Result<&'i str, Problem> {
    let ends = |id: &&&str| !wanted.is_empty() && id.ends_with(wanted);
    let found: Vec<&str> = match ids.iter().find(|id| **id == wanted) {
        Some(id) => vec![*id],
        None => ids.iter().filter(ends).copied().collect(),
    };
    let [one] = found.as_slice() else {
        let near = watch::detect::nearest(wanted, ids.iter().copied());
        let what = match (found.len(), near) {
            (0, Some(near)) => format!("nothing here is called so; did you mean {near}?"),
            (0, None) => "nothing here is called so".to_string(),
            (many, _) => {
                let some: Vec<&str> = found.iter().take(MOST_NAMED).copied().collect();
                format!("{many} of them end so, such as {}", some.join(", "))
            }
        };
        return Err(Problem::bad_input(what, place, remedy));
    };
    Ok(*one)
}

/// The entity that this flag names.
fn the_entity<'i>(ids: &[&'i str], wanted: &str, flag: &str) -> Result<&'i str, Problem> {
    let remedy = format!("give a whole id; without {flag} all of them are listed");
    the_one(ids, wanted, &format!("{flag} {wanted}"), &remedy)
}

/// So many names stand in one error.
const MOST_NAMED: usize = 5;
