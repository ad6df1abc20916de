//! `midwatch config`: is the configuration sound, and what can be set.

use std::path::PathBuf;

use serde_json::json;

use super::Answer;
use crate::config::reference;
use crate::console::Console;
use crate::dress;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::wiring::house::{self, House};

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

/// That a file is sound, and what it holds.
fn sound(name: &str, found: &[String]) -> String {
    let mut text = format!("{name}: sound\n");
    for line in found {
        text += &format!("  {line}\n");
    }
    text
}

/// Checks or shows.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    match &args.what {
        What::Reference => console.print(&reference())?,
        What::Check { file, format } => {
            let whole = House::of(file.as_deref())?;
            let found = house::examine(&whole)?;
            let name = whole
                .file()
                .map_or("no file: everything is as by default".to_string(), |file| {
                    file.display().to_string()
                });
            let mut spaces = serde_json::Map::new();
            let mut text = sound(&name, &found);
            for (space, of) in whole.others() {
                let of = of?;
                let found = house::examine(&of).map_err(|problem| problem.in_space(&space))?;
                let file = of.file().map(|file| file.display().to_string());
                let file = file.unwrap_or_default();
                let data = of.data().display();
                text += &sound(&format!("space {space}, {file}, data in {data}"), &found);
                spaces.insert(space, json!({"file": file, "found": found}));
            }
            if *format == Answer::Json {
                let file = whole.file().map(|file| file.display().to_string());
                let mut told = json!({"file": file, "found": found});
                if !spaces.is_empty() {
                    told["spaces"] = spaces.into();
                }
                text = dress::json(&told);
            }
            console.print(&text)?;
        }
    }
    Ok(Exit::Done)
}
