//! `midwatch record`: a live incident, or the last stretch of a live system, becomes a recording that anyone can
//! investigate offline.

use std::path::PathBuf;

use model::report::Report;

use super::Answer;
use crate::config::Length;
use crate::console::Console;
use crate::dress;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::wiring::{self, house::House};

/// Which incident or stretch, and whereto.
#[derive(clap::Args, Debug)]
#[command(group(clap::ArgGroup::new("what").args(["id", "since"]).required(true)))]
#[command(after_help = "Examples:\n  \
    midwatch record 3f9a1c --out incident/\n  \
    midwatch record 3f9a1c --attempt 1 --out first-look/\n  \
    midwatch record --since 30m --out now/\n  \
    midwatch record --since 30m --scope checkout --out now/\n  \
    midwatch investigate incident/\n\n\
    Secrets and personal data were taken out when it was taken down. An incident is investigated again at once, and\n\
    must lead to the report in the journal.")]
pub struct Args {
    #[command(flatten)]
    house: super::Place,
    /// The incident's name, or the end of it
    id: Option<String>,
    /// Instead of an incident: the last stretch of the running system, at most 6h
    #[arg(long, value_name = "LENGTH")]
    since: Option<Length>,
    /// Only these entities, by id or the end of it, and who is next to them; may be repeated
    #[arg(long, value_name = "ID", requires = "since")]
    scope: Vec<String>,
    /// Of which look; without it, of the newest
    #[arg(long, value_name = "N", conflicts_with = "since")]
    attempt: Option<u32>,
    /// The new folder
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How to tell
    #[arg(long, value_enum, default_value_t)]
    format: Answer,
}

/// Takes down, or copies, investigates again, compares.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let house = args.house.house()?;
    match (&args.id, args.since) {
        (Some(id), _) => incident(args, &house, id, console),
        (None, Some(since)) => stretch(args, &house, since, console),
        (None, None) => Err(Problem::bad_input(
            "neither an incident nor a stretch is named",
            "midwatch record",
            "give an incident's name, or --since 30m",
        )),
    }
}

/// What the server knows of the last stretch.
fn stretch(
    args: &Args,
    house: &House,
    since: Length,
    console: &mut Console<'_>,
) -> Result<Exit, Problem> {
    let taken = house.take_down(since.span(), &args.scope)?;
    wiring::keep_folder(&taken, &args.out)?;
    let path = args.out.display().to_string();
    console.print(&match args.format {
        Answer::Terminal => format!("{path}: the last {since}\n"),
        Answer::Json => dress::json(&serde_json::json!({
            "path": path, "since": since.to_string(), "scope": args.scope,
        })),
    })?;
    Ok(Exit::Done)
}

/// What was taken down for a look at an incident.
fn incident(
    args: &Args,
    house: &House,
    id: &str,
    console: &mut Console<'_>,
) -> Result<Exit, Problem> {
    let (incident, _) = house.incident(id)?;
    let look = incident
        .investigations
        .iter()
        .rev()
        .filter(|look| args.attempt.is_none_or(|attempt| look.attempt == attempt))
        .find_map(|look| match &look.ended {
            Some((_, Ok(report))) => Some((look.attempt, report)),
            _ => None,
        });
    let Some((attempt, report)) = look else {
        return Err(Problem::bad_input(
            "it has no such look that ended with a report",
            incident.id.to_string(),
            "`midwatch incidents timeline` shows its looks",
        ));
    };
    let folder = house.recording(report);
    if !folder.is_dir() {
        return Err(Problem::bad_input(
            "what was taken down for that look is no longer there",
            folder.display().to_string(),
            "the journal still holds the whole report: midwatch incidents report",
        ));
    }
    let again = wiring::investigate(&folder, report.header.budget, 0, console.shows_progress())?;
    if let Some(difference) = differs(report, &again) {
        return Err(Problem::bad_input(
            format!("investigated again it leads to another report: {difference}"),
            folder.display().to_string(),
            "was the program updated in between? `midwatch diff` shows the rest",
        ));
    }
    wiring::keep_folder(&folder, &args.out)?;
    let path = args.out.display().to_string();
    console.print(&match args.format {
        Answer::Terminal => format!(
            "{path}: the recording of look {attempt} at {}; investigated again it leads to the same report, byte for byte\n",
            incident.id
        ),
        Answer::Json => dress::json(&serde_json::json!({
            "path": path, "incident": incident.id, "attempt": attempt, "same_report": true,
        })),
    })?;
    Ok(Exit::Done)
}

/// The first thing in which two reports differ.
fn differs(first: &Report, second: &Report) -> Option<String> {
    if first == second {
        return None;
    }
    if first.header.engine != second.header.engine {
        return Some(format!(
            "written by {} with other rules",
            first.header.engine.version
        ));
    }
    if first.ledger != second.ledger {
        return Some("the evidence differs".to_string());
    }
    Some("its sentences differ".to_string())
}
