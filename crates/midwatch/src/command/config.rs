//! `midwatch config`: is the configuration sound, and what can be set.

use std::path::PathBuf;

use super::Answer;
use crate::config::{Written, reference};
use crate::console::Console;
use crate::dress;
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
    #[command(after_help = "Examples:\n  \
        midwatch config check                         midwatch.toml of this folder\n  \
        midwatch config check /etc/midwatch.toml --format json")]
    Check {
        /// The file; without it, midwatch.toml of this folder
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// How to tell
        #[arg(long, value_enum, default_value_t)]
        format: Answer,
    },
    /// Every key with its default and what it does
    #[command(after_help = "Example:\n  midwatch config reference > midwatch.toml")]
    Reference,
}

/// Checks or shows.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    match &args.what {
        What::Reference => console.print(&reference())?,
        What::Check { file, format } => {
            let written = Written::read(file.as_deref())?;
            let found = house::examine(&written)?;
            let name = written
                .file
                .as_ref()
                .map_or("no file: everything is as by default".to_string(), |file| {
                    file.display().to_string()
                });
            let mut text = format!("{name}: sound\n");
            for line in &found {
                text += &format!("  {line}\n");
            }
            if *format == Answer::Json {
                let file = written.file.as_ref().map(|file| file.display().to_string());
                text = dress::json(&serde_json::json!({"file": file, "found": found}));
            }
            console.print(&text)?;
        }
    }
    Ok(Exit::Done)
}
