//! `midwatch topology`: who leans on whom, as all sources together know it.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::console::Console;
use crate::dress::{self, map};
use crate::exit::Exit;
use crate::problem::Problem;
use crate::wiring;

/// What to look at, and how to tell.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    midwatch topology                                   the running system, its last half hour\n  \
    midwatch topology --around orders-db --hops 1       who leans on it, and on whom it leans\n  \
    midwatch topology recording/ --format dot --out map.dot\n  \
    midwatch topology recording/ --format json\n\n\
    What is pushed and what every connector knows is put together; of each edge it is told where it was seen.\n\
    Exit codes: 0 done, 2 bad input or a failed write.")]
pub struct Args {
    #[command(flatten)]
    scene: super::Scene,
    /// Only what is near this entity: its id, or the end of it
    #[arg(long, value_name = "ID")]
    around: Option<String>,
    /// How many edges away is near
    #[arg(long, value_name = "COUNT", default_value_t = 2, requires = "around", value_parser = clap::value_parser!(u32).range(0..=64))]
    hops: u32,
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
    /// For Graphviz.
    Dot,
    /// For Markdown pages.
    Mermaid,
}

/// Looks, and tells.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let taken = args.scene.taken()?;
    let mut topology = wiring::topology(&taken)?;
    if let Some(wanted) = &args.around {
        let ids: Vec<&str> = topology
            .entities
            .iter()
            .map(|one| one.id.as_str())
            .collect();
        let id = super::the_entity(&ids, wanted, "--around")?.into();
        topology = map::around(&topology, &id, args.hops);
    }
    let pencil = console.pencil_for(args.out.as_deref());
    let text = match args.format {
        Format::Terminal => map::terminal(&topology, &pencil),
        Format::Json => dress::json(&topology),
        Format::Dot => map::dot(&topology),
        Format::Mermaid => map::mermaid(&topology),
    };
    console.deliver(&text, args.out.as_deref())?;
    Ok(Exit::Done)
}
