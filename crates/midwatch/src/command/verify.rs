//! `midwatch verify`: does a report still follow from its recording?

use std::path::PathBuf;

use investigate::Discrepancy;
use model::report::Report;
use serde::Serialize;

use super::Answer;
use crate::console::Console;
use crate::dress::pencil::{Pencil, Tone};
use crate::dress::{self};
use crate::exit::Exit;
use crate::problem::Problem;
use crate::wiring;

/// Which report, against which recording.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    midwatch verify report.json --recording incident/\n  \
    midwatch verify report.json --recording incident.tar.zst --format json\n\n\
    Exit codes: 0 every claim follows, 1 something does not (it is named), 2 bad input or a failed write.")]
pub struct Args {
    /// A report as JSON; `-` is standard input
    #[arg(value_name = "REPORT")]
    report: PathBuf,
    /// The recording that it was made from: a folder or .tar.zst
    #[arg(long, value_name = "PATH")]
    recording: PathBuf,
    /// How to tell
    #[arg(long, value_enum, default_value_t)]
    format: Answer,
}

#[derive(Serialize)]
struct Verification<'a> {
    case: &'a str,
    verified: bool,
    claims: usize,
    evidence: usize,
    discrepancies: &'a [Discrepancy],
}

/// Derives again, and compares.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let report = wiring::read_report(&args.report)?;
    let opened = wiring::open(&args.recording)?;
    let wrong = investigate::verify(&report, opened.eyes());
    let text = match args.format {
        Answer::Terminal => told(&report, &wrong, &console.pencil()),
        Answer::Json => dress::json(&Verification {
            case: &report.header.case,
            verified: wrong.is_empty(),
            claims: report.claims().len(),
            evidence: report.evidence.len(),
            discrepancies: &wrong,
        }),
    };
    console.print(&text)?;
    Ok(if wrong.is_empty() {
        Exit::Done
    } else {
        Exit::No
    })
}

fn told(report: &Report, wrong: &[Discrepancy], pencil: &Pencil) -> String {
    let counted = format!(
        "{} claims and {} observations of {}",
        report.claims().len(),
        report.evidence.len(),
        report.header.case
    );
    if wrong.is_empty() {
        return pencil.paragraph(
            "",
            0,
            &[
                (Tone::Good, "[VERIFIED]".into()),
                (
                    Tone::Plain,
                    format!("All {counted} follow from the recording."),
                ),
            ],
        );
    }
    let mut out = pencil.paragraph(
        "",
        0,
        &[
            (Tone::Bad, "[DOES NOT FOLLOW]".into()),
            (
                Tone::Plain,
                match wrong.len() {
                    1 => format!("One thing differs, of {counted}."),
                    several => format!("{several} things differ, of {counted}."),
                },
            ),
        ],
    );
    for item in wrong {
        out += &pencil.paragraph(
            "  * ",
            4,
            &[
                (Tone::Strong, format!("{}:", item.at)),
                (Tone::Plain, item.what.clone()),
            ],
        );
        out += &pencil.paragraph(
            "      reported  ",
            16,
            &[(Tone::Bad, item.reported.clone())],
        );
        out += &pencil.paragraph(
            "      derived   ",
            16,
            &[(Tone::Good, item.derived.clone())],
        );
    }
    out
}
