//! `midwatch journal`: is the journal whole, and a copy that can be checked elsewhere.

use std::path::PathBuf;

use super::Answer;
use crate::console::Console;
use crate::dress;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::wiring::house::unusable;

/// What to do with the journal.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    midwatch journal verify\n  \
    midwatch journal export 3f9a1c --out incident.ndjson")]
pub struct Args {
    #[command(flatten)]
    house: super::Place,
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// Walk every hash chain from its first entry; exit 1 if one is broken
    #[command(after_help = "Examples:\n  \
        midwatch journal verify\n  \
        midwatch journal verify 3f9a1c --format json")]
    Verify {
        /// Only this incident: its name, or the end of it
        id: Option<String>,
        /// How to tell
        #[arg(long, value_enum, default_value_t)]
        format: Answer,
    },
    /// Write one incident as lines of JSON, with the digests that chain them
    #[command(after_help = "Example:\n  midwatch journal export 3f9a1c --out incident.ndjson")]
    Export {
        /// Its name, or the end of it
        id: String,
        /// Write to this file, whole or not at all; `-` is standard output
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// Verifies or exports.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let house = args.house.house()?;
    match &args.what {
        What::Verify { id, format } => {
            let one = id.as_ref().map(|id| house.find(id)).transpose()?;
            let checked = house
                .journal()?
                .verify(one.as_ref())
                .map_err(|error| unusable(&house.journal_file(), &error))?;
            let mut told = Vec::new();
            let mut broken = 0;
            for one in checked {
                let whole = one.fault.is_none();
                let said = match one.fault {
                    None => format!("{} entries, the chain holds", one.entries),
                    Some(fault) => fault.to_string(),
                };
                broken += usize::from(!whole);
                told.push(
                    serde_json::json!({"incident": one.incident, "whole": whole, "said": said}),
                );
            }
            let text = match format {
                Answer::Json => dress::json(&told),
                Answer::Terminal => told
                    .iter()
                    .map(|t| {
                        format!(
                            "{}  {}\n",
                            t["incident"].as_str().unwrap_or_default(),
                            t["said"].as_str().unwrap_or_default()
                        )
                    })
                    .chain([format!("{} journals, {broken} broken\n", told.len())])
                    .collect(),
            };
            console.print(&text)?;
            Ok(if broken == 0 { Exit::Done } else { Exit::No })
        }
        What::Export { id, out } => {
            let id = house.find(id)?;
            let text = house
                .journal()?
                .export(&id)
                .map_err(|error| house.refused(&error))?
                .unwrap_or_default();
            console.deliver(&text, out.as_deref())?;
            Ok(Exit::Done)
        }
    }
}
