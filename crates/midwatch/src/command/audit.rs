//! `midwatch audit`: before an incident, which failures could be told, and what is missing for the rest.

use std::path::PathBuf;

use clap::ValueEnum;
use investigate::readiness::Readiness;

use crate::console::Console;
use crate::dress::{self, readiness as dressed};
use crate::exit::Exit;
use crate::problem::Problem;
use crate::wiring;

/// What to look at, and how to tell.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    midwatch audit                                      the running system, its last half hour\n  \
    midwatch audit recording/\n  \
    midwatch audit recording/ --entity orders-db        each failure of one entity\n  \
    midwatch audit recording/ --least 70                exit 1 where fewer than 70 % could be named\n  \
    midwatch audit recording/ --format sarif --out audit.sarif\n  \
    midwatch audit recording/ --format junit --out audit.xml\n\n\
    For each kind of failure and each entity that can fail so: named (one of its own strong signs is collected),\n\
    hinted (only signs that much else shows too), or blind. Nothing has to be wrong for that.\n\
    Exit codes: 0 done, 1 fewer could be named than --least asks, 2 bad input or a failed write.")]
pub struct Args {
    #[command(flatten)]
    scene: super::Scene,
    /// Each failure of this entity only: its id, or the end of it
    #[arg(long, value_name = "ID")]
    entity: Option<String>,
    /// The share of failures, in percent, that must be named
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    least: Option<u8>,
    /// How to tell
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Write to this file, whole or not at all; `-` is standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// How it is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Terminal,
    /// For programs.
    Json,
    /// For code scanning: the Static Analysis Results Interchange Format, 2.1.0.
    Sarif,
    /// For CI: a test for each failure.
    Junit,
}

/// Looks, and tells.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let taken = args.scene.taken()?;
    let mut readiness = wiring::assess(&taken, console.shows_progress())?;
    if let Some(wanted) = &args.entity {
        only(&mut readiness, wanted)?;
    }
    let pencil = console.pencil_for(args.out.as_deref());
    let text = match args.format {
        Format::Terminal if args.entity.is_some() => dressed::closely(&readiness, &pencil),
        Format::Terminal => dressed::overview(&readiness, &pencil),
        Format::Json => dress::json(&readiness),
        Format::Sarif => dressed::sarif(&readiness),
        Format::Junit => dressed::junit(&readiness),
    };
    console.deliver(&text, args.out.as_deref())?;
    let enough = args
        .least
        .is_none_or(|least| readiness.counts.share() * 100.0 >= f64::from(least));
    Ok(if enough { Exit::Done } else { Exit::No })
}

/// Leaves one entity: the one of that id, or the only one that ends so.
fn only(readiness: &mut Readiness, wanted: &str) -> Result<(), Problem> {
    let ids: Vec<&str> = readiness
        .units
        .iter()
        .map(|unit| unit.entity.as_str())
        .collect();
    let one = super::the_entity(&ids, wanted, "--entity")?.to_string();
    readiness.units.retain(|unit| unit.entity.as_str() == one);
    readiness.counts = readiness
        .units
        .first()
        .map(|unit| unit.counts)
        .unwrap_or_default();
    Ok(())
}
