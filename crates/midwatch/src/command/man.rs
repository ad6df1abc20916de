//! `midwatch man`: the manual page, made from the same words as the help.

use clap::CommandFactory as _;

use super::Cli;
use crate::console::Console;
use crate::exit::Exit;
use crate::problem::Problem;

/// Which page.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    midwatch man | man -l -\n  \
    midwatch man investigate > midwatch-investigate.1")]
pub struct Args {
    /// The page of this command; without it, of the whole program
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
}

/// Writes the page.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let mut program = Cli::command();
    program.build();
    let page = match &args.command {
        None => program,
        Some(name) => {
            let known: Vec<&str> = program
                .get_subcommands()
                .map(clap::Command::get_name)
                .collect();
            let Some(command) = program.find_subcommand(name) else {
                return Err(Problem::bad_input(
                    format!("there is no command {name:?}"),
                    "the command's name",
                    format!("known are: {}", known.join(", ")),
                ));
            };
            command.clone()
        }
    };
    let mut text = Vec::new();
    // Writing to memory cannot fail.
    let _ = clap_mangen::Man::new(page).render(&mut text);
    console.print(&String::from_utf8_lossy(&text))?;
    Ok(Exit::Done)
}
