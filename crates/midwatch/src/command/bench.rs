//! `midwatch bench`: how good the engine is, on a public incident set in its own layout.

use std::io::Write as _;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use connectors::files::datasets::Suite;
use connectors::files::transform::Modality;

use super::Answer;
use super::recording::import;
use crate::bench::{self, BenchError, Options, table};
use crate::console::Console;
use crate::dress;
use crate::exit::Exit;
use crate::problem::Problem;

/// Which set, and what to do to its cases before.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    midwatch bench petshop data/petshop\n  \
    midwatch bench rootcausebench data/rcb --format json --out answers/\n  \
    midwatch bench nezha data/nezha --cases issue_1,issue_2\n  \
    midwatch bench petshop data/petshop --disguise 7       other names, other times: same results?\n  \
    midwatch bench nezha data/nezha --splice 300           two faults at once\n  \
    midwatch bench opensre data/opensre --drop logs        what if there were no logs?")]
pub struct Args {
    /// The set's layout
    #[arg(value_name = "SUITE", value_parser = import::suites())]
    suite: Suite,
    /// The set's folder, one of its folders, or one case
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// How to tell; the JSON is a contract
    #[arg(long, value_enum, default_value_t)]
    format: Answer,
    /// Only cases whose id contains one of these, separated by commas
    #[arg(long, value_name = "PARTS", value_delimiter = ',')]
    cases: Vec<String>,
    /// Rename every entity, service and id, and shift time, with this seed
    #[arg(long, value_name = "SEED")]
    disguise: Option<u64>,
    /// Score this many random pairs of cases, each spliced into one incident
    #[arg(long, value_name = "PAIRS")]
    splice: Option<usize>,
    /// Put a harmless deploy 30 s before the onset of each case
    #[arg(long)]
    innocent_deploy: bool,
    /// Take one kind of telemetry away
    #[arg(long, value_name = "KIND", value_parser = modalities())]
    drop: Option<Modality>,
    /// Threads over cases; with one, the times per case are fit to be compared
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: u16,
    /// Write each RootCauseBench answer as `root_cause.json` in here, for the set's own grader
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

fn modalities() -> impl TypedValueParser<Value = Modality> {
    PossibleValuesParser::new(Modality::ALL.map(Modality::word))
        .try_map(|word| Modality::parse(&word).ok_or_else(|| format!("{word:?} is not a kind")))
}

/// Scores.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let options = Options {
        cases: args.cases.clone(),
        disguise: args.disguise,
        splice: args.splice,
        innocent_deploy: args.innocent_deploy,
        drop: args.drop,
        threads: usize::from(args.threads),
        out: args.out.clone(),
    };
    let shown = console.shows_progress();
    investigate::warm_up();
    let result = bench::run(
        args.suite,
        &args.dir,
        &options,
        &|eyes| investigate::investigate(eyes, investigate::DEFAULT_BUDGET, &mut |_| {}),
        &|report, eyes| investigate::verify(report, eyes).len(),
        &|case| {
            if shown {
                // Cases end on several threads at once; standard error takes whole lines.
                // `eprintln!` would fall over a closed pipe; a lost line of progress is no loss.
                let _ = writeln!(std::io::stderr(), "{}", table::line(case).trim_end());
            }
        },
    )
    .map_err(told)?;
    let text = match args.format {
        Answer::Terminal => table::table(&result),
        Answer::Json => dress::json(&result),
    };
    console.print(&text)?;
    Ok(Exit::Done)
}

fn told(error: BenchError) -> Problem {
    match error {
        BenchError::Import(error) => import::told(error),
        BenchError::NoneLeft {
            suite,
            wanted,
            first,
        } => Problem::bad_input(
            format!("no case of {suite} has an id that contains one of {wanted:?}"),
            "--cases",
            format!("ids look like {first:?}"),
        ),
        BenchError::Write { file, error } => Problem::unwritable(file, &error),
        BenchError::Threads(error) => Problem::bad_input(
            format!("the threads cannot be started: {error}"),
            "--threads",
            "ask for fewer threads",
        ),
    }
}
