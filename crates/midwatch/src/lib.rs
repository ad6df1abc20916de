//! The front door: the only room that knows the wings and the floors.
//!
//! [`run`] is the whole program: parse, run one command, say how it ended. It writes to the console it
//! is given and touches no other stream, so a test can run the program whole. Each command is a file
//! in [`command`]; what they print is dressed in [`dress`]; [`wiring`] joins the rooms.

pub mod bench;
pub mod command;
pub mod config;
pub mod console;
pub mod dress;
pub mod exit;
pub mod problem;
pub mod wiring;

use std::ffi::OsString;

use clap::Parser as _;
use clap::error::ErrorKind;

use console::Console;
use exit::Exit;

/// Runs the program as called with `args`, the program's own name first.
pub fn run<A>(args: impl IntoIterator<Item = A>, console: &mut Console<'_>) -> Exit
where
    A: Into<OsString> + Clone,
{
    let outcome = match command::Cli::try_parse_from(args) {
        Ok(cli) => {
            console.wants(cli.color, cli.quiet);
            command::run(cli.command, console)
        }
        Err(answer) => return parsed_to_an_end(&answer, console),
    };
    match outcome {
        Ok(exit) => exit,
        Err(problem) => {
            console.complain(&problem);
            problem.exit()
        }
    }
}

/// Help and version were asked for, or the words were wrong. Clap has the text for all three.
fn parsed_to_an_end(answer: &clap::Error, console: &mut Console<'_>) -> Exit {
    let asked_for = matches!(
        answer.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    if asked_for && answer.exit_code() == 0 {
        let text = console.rendered(&answer.render(), true);
        return match console.print(&text) {
            Ok(()) => Exit::Done,
            Err(problem) => {
                console.complain(&problem);
                problem.exit()
            }
        };
    }
    let text = console.rendered(&answer.render(), false);
    console.mutter(&text);
    Exit::BadInput
}
