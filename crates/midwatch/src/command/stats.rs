//! `midwatch stats`: how well the watch is kept, measured.

use super::Answer;
use crate::console::Console;
use crate::dress;
use crate::exit::Exit;
use crate::problem::Problem;

/// How to tell.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  midwatch stats\n  midwatch stats --format json")]
pub struct Args {
    #[command(flatten)]
    house: super::Place,
    /// How to tell
    #[arg(long, value_enum, default_value_t)]
    format: Answer,
}

/// Reads every closed incident's lesson, and counts; of those that are open only how soon they were.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let house = args.house.house()?;
    let scores = house.scores()?;
    let text = match args.format {
        Answer::Json => dress::json(&scores),
        Answer::Terminal => {
            let open = house.incidents(true)?.len();
            dress::scores::scores(&scores, open, &console.pencil())
        }
    };
    console.print(&text)?;
    Ok(Exit::Done)
}
