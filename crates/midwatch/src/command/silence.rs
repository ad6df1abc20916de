//! `midwatch silence`: quiet for a while, with a name and a reason.

use server::control::Request;

use super::Answer;
use crate::config::Length;
use crate::console::Console;
use crate::exit::Exit;
use crate::problem::Problem;

/// What, for how long, and why.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    midwatch silence --entity function/eu/report --for 2h --why 'load test'\n  \
    midwatch silence --rule checkout-errors --for 30m --why 'planned migration'")]
pub struct Args {
    #[command(flatten)]
    house: super::Place,
    /// Alarms about this entity
    #[arg(long, value_name = "ID", required_unless_present_any = ["rule", "all"])]
    entity: Option<String>,
    /// Alarms of this rule
    #[arg(long, value_name = "NAME")]
    rule: Option<String>,
    /// All alarms
    #[arg(long, conflicts_with_all = ["entity", "rule"])]
    all: bool,
    /// For how long
    #[arg(long = "for", value_name = "LENGTH")]
    length: Length,
    /// Why: whoever comes next will ask
    #[arg(long, value_name = "TEXT")]
    why: String,
    /// How to tell
    #[arg(long, value_enum, default_value_t)]
    format: Answer,
}

/// Tells the server.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let house = args.house.house()?;
    house.tell(
        &Request::Silence {
            entity: args.entity.clone(),
            rule: args.rule.clone(),
            seconds: args.length.duration().as_secs(),
            why: args.why.clone(),
        },
        args.format,
        console,
    )
}
