//! `midwatch completions`: what a shell needs to complete our words.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::Cli;
use crate::console::Console;
use crate::exit::Exit;
use crate::problem::Problem;

/// Which shell.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    midwatch completions bash > ~/.local/share/bash-completion/completions/midwatch\n  \
    midwatch completions zsh  > ~/.zfunc/_midwatch\n  \
    midwatch completions fish > ~/.config/fish/completions/midwatch.fish")]
pub struct Args {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

/// Writes the script.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "midwatch", &mut script);
    console.print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
