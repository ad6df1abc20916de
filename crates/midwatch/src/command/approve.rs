//! `midwatch approve` and `midwatch refuse`: a named person's word on one exact plan.

use std::io::{BufRead as _, IsTerminal as _};

use model::incident::PlanState;
use server::control::Request;

use super::Answer;
use crate::console::Console;
use crate::dress::incident as dressed;
use crate::exit::Exit;
use crate::problem::Problem;

/// Which plan.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    midwatch approve 3f9a1c                       shows the plan and asks\n  \
    midwatch approve 3f9a1c --plan 9b1f02c4a8d7   to that plan and no other\n  \
    midwatch approve 3f9a1c --plan 9b1f02c4a8d7 --format json\n\n\
    The yes is bound to the plan's digest: should the plan have changed in the meantime, it is void.\n\
    The system says who you are; the journal keeps it.")]
pub struct Args {
    #[command(flatten)]
    house: super::Place,
    /// The incident's name, or the end of it
    id: String,
    /// The plan's digest or its beginning; without it the plan is shown and you are asked
    #[arg(long, value_name = "DIGEST")]
    plan: Option<String>,
    /// How to tell
    #[arg(long, value_enum, default_value_t)]
    format: Answer,
}

/// Which plan, and why not.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    midwatch refuse 3f9a1c --why 'the deploy is mine, I am on it'\n  \
    midwatch refuse 3f9a1c --plan 9b1f02c4a8d7    that plan, though there is a newer one")]
pub struct RefuseArgs {
    #[command(flatten)]
    house: super::Place,
    /// The incident's name, or the end of it
    id: String,
    /// The plan's digest or its beginning; without it the newest
    #[arg(long, value_name = "DIGEST")]
    plan: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "")]
    why: String,
    /// How to tell
    #[arg(long, value_enum, default_value_t)]
    format: Answer,
}

/// Says yes.
pub fn approve(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let house = args.house.house()?;
    let (incident, _) = house.incident(&args.id)?;
    let plan = match &args.plan {
        Some(plan) => plan.clone(),
        None => {
            let state = incident.latest_plan().ok_or_else(|| no_plan(&args.id))?;
            ask(state, console)?
        }
    };
    house.tell(
        &Request::Approve {
            incident: incident.id.to_string(),
            plan,
        },
        args.format,
        console,
    )
}

/// Says no.
pub fn refuse(args: &RefuseArgs, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let house = args.house.house()?;
    let (incident, _) = house.incident(&args.id)?;
    let plan = match &args.plan {
        Some(plan) => plan.clone(),
        None => incident
            .latest_plan()
            .ok_or_else(|| no_plan(&args.id))?
            .digest
            .clone(),
    };
    house.tell(
        &Request::Refuse {
            incident: incident.id.to_string(),
            plan,
            why: args.why.clone(),
        },
        args.format,
        console,
    )
}

fn no_plan(id: &str) -> Problem {
    Problem::bad_input(
        "it has no plan",
        id.to_string(),
        "`midwatch incidents show` says what it waits for",
    )
}

/// Shows the plan; its digest, if the person at the terminal says yes.
fn ask(state: &PlanState, console: &mut Console<'_>) -> Result<String, Problem> {
    let card = dressed::plan_card(state, &console.pencil());
    console.print(&card)?;
    if !std::io::stdin().is_terminal() {
        return Err(Problem::bad_input(
            "nobody is at the terminal to ask",
            "standard input",
            format!(
                "name the plan: --plan {}",
                &state.digest[..12.min(state.digest.len())]
            ),
        ));
    }
    console.mutter("Perform this plan? Type yes: ");
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|error| Problem::unreadable(std::path::Path::new("standard input"), &error))?;
    if answer.trim() == "yes" {
        Ok(state.digest.clone())
    } else {
        Err(Problem::bad_input(
            "it was not approved",
            "the answer",
            "type yes to approve; `midwatch refuse` says no to the plan for good",
        ))
    }
}
