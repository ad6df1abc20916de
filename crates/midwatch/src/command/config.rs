//! `midwatch config`: is the configuration sound, and what can be set.

use std::path::PathBuf;

use crate::config::{Written, reference};
use crate::console::Console;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::wiring::house;

/// What to do with the configuration.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    midwatch config reference > midwatch.toml     every key with its default, as comments\n  \
    midwatch config check                         midwatch.toml of this folder\n  \
    midwatch config check /etc/midwatch.toml")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// Read the configuration with everything that it names, and say whether it is sound
    Check {
        /// The file; without it, midwatch.toml of this folder
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Every key with its default and what it does
    Reference,
}

/// Checks or shows.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    match &args.what {
        What::Reference => console.print(&reference())?,
        What::Check { file } => {
            let written = Written::read(file.as_deref())?;
            let found = house::examine(&written)?;
            let name = written
                .file
                .as_ref()
                .map_or("no file: everything is as by default".to_string(), |file| {
                    file.display().to_string()
                });
            console.print(&format!("{name}: sound\n"))?;
            for line in found {
                console.print(&format!("  {line}\n"))?;
            }
        }
    }
    Ok(Exit::Done)
}
