//! `midwatch record`: a live incident becomes a recording, that anyone can investigate again offline.

use std::path::PathBuf;

use model::report::Report;

use super::Answer;
use crate::console::Console;
use crate::dress;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::wiring;

/// Which incident, and whereto.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    midwatch record 3f9a1c --out incident/\n  \
    midwatch record 3f9a1c --attempt 1 --out first-look/\n  \
    midwatch investigate incident/\n\n\
    Secrets and personal data were taken out when it was taken down. It is investigated again at once, and must\n\
    lead to the report in the journal.")]
pub struct Args {
    #[command(flatten)]
    house: super::Place,
    /// The incident's name, or the end of it
    id: String,
    /// Of which look; without it, of the newest
    #[arg(long, value_name = "N")]
    attempt: Option<u32>,
    /// The new folder
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How to tell
    #[arg(long, value_enum, default_value_t)]
    format: Answer,
}

/// Copies, investigates again, compares.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let house = args.house.house()?;
    let (incident, _) = house.incident(&args.id)?;
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
