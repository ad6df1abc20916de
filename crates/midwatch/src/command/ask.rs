//! `midwatch ask`: a person's question about how things stand now.

use super::Answer;
use crate::console::Console;
use crate::dress::{self, pencil::Tone};
use crate::exit::Exit;
use crate::problem::Problem;

/// The question.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    midwatch ask 'what changed on getBalance since 10 minutes ago?'\n  \
    midwatch ask 'errors in the last 5 minutes'\n  \
    midwatch ask 'what depends on ledger?'\n\n\
    A closed grammar reads the question, and the answer says first what was understood. There is no model.")]
pub struct Args {
    #[command(flatten)]
    house: super::Place,
    /// What you want to know
    #[arg(required = true, num_args = 1.., value_name = "QUESTION")]
    question: Vec<String>,
    /// How to tell
    #[arg(long, value_enum, default_value_t)]
    format: Answer,
}

/// Reads, looks, tells.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let house = args.house.house()?;
    let reply = house.ask(&args.question.join(" "))?;
    if args.format == Answer::Json {
        console.print(&dress::json(&reply))?;
        return Ok(Exit::Done);
    }
    let pencil = console.pencil();
    let mut text = pencil.paragraph(
        "",
        2,
        &[
            (Tone::Faint, "I understood: ".into()),
            (Tone::Strong, reply.understood.clone()),
        ],
    );
    for line in &reply.lines {
        text += &pencil.paragraph("  ", 4, &[(Tone::Plain, line.text.clone())]);
    }
    if reply.lines.is_empty() {
        let said = if reply.gaps.is_empty() {
            "Nothing."
        } else {
            "Nothing was seen, but not everything could be looked at:"
        };
        text += &pencil.paragraph("  ", 4, &[(Tone::Plain, said.into())]);
    }
    if reply.more > 0 {
        text += &pencil.paragraph(
            "  ",
            4,
            &[(Tone::Faint, format!("and {} more", reply.more))],
        );
    }
    for gap in &reply.gaps {
        text += &pencil.paragraph(
            "  ",
            4,
            &[
                (
                    Tone::Warn,
                    format!(
                        "not seen: {} ({})",
                        gap.wanted,
                        dress::words::gap_reason(gap.why)
                    ),
                ),
                (Tone::Plain, format!(" {}", gap.how_to_close)),
            ],
        );
    }
    console.print(&text)?;
    Ok(Exit::Done)
}
