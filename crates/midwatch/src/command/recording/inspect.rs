//! `midwatch recording check` and `show`: is it sound, and what does it hold?

use std::path::PathBuf;

use connectors::files::{self, Amount, CheckReport, Dropped, Grade, Limits, Summary};

use crate::command::Answer;
use crate::console::Console;
use crate::dress::pencil::{Pencil, Tone};
use crate::dress::text::count;
use crate::dress::{self, words};
use crate::exit::Exit;
use crate::problem::Problem;
use crate::wiring;

/// Which recording.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    midwatch recording check incident/\n  \
    midwatch recording show incident.tar.zst --format json\n\n\
    Exit codes of check: 0 sound, 1 it has faults (they are named), 2 it is not there.")]
pub struct Args {
    /// A folder or .tar.zst
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// How to tell
    #[arg(long, value_enum, default_value_t)]
    format: Answer,
}

/// Schema, clocks, units, gaps, secrets.
pub fn check(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let folder = wiring::folder(&args.path)?;
    let report = files::check(folder.path(), &Limits::default());
    let text = match args.format {
        Answer::Json => dress::json(&report),
        Answer::Terminal => checked(&report, &console.pencil()),
    };
    console.print(&text)?;
    Ok(if report.sound { Exit::Done } else { Exit::No })
}

/// What it holds.
pub fn show(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let folder = wiring::folder(&args.path)?;
    let summary = files::show(folder.path(), &Limits::default())
        .map_err(|error| Problem::from(error).within(&args.path))?;
    let text = match args.format {
        Answer::Json => dress::json(&summary),
        Answer::Terminal => shown(&summary, &console.pencil()),
    };
    console.print(&text)?;
    Ok(Exit::Done)
}

fn checked(report: &CheckReport, pencil: &Pencil) -> String {
    let (tone, badge) = if report.sound {
        (Tone::Good, "[SOUND]")
    } else {
        (Tone::Bad, "[NOT SOUND]")
    };
    let of = |grade| report.findings.iter().filter(|f| f.grade == grade).count();
    let counted = format!(
        "{} errors, {} warnings, {} notes",
        of(Grade::Error),
        of(Grade::Warning),
        of(Grade::Note)
    );
    let mut out = pencil.paragraph("", 0, &[(tone, badge.into()), (Tone::Plain, counted)]);
    for finding in &report.findings {
        let (tone, word) = match finding.grade {
            Grade::Error => (Tone::Bad, "error"),
            Grade::Warning => (Tone::Warn, "warning"),
            Grade::Note => (Tone::Faint, "note"),
        };
        let place = match finding.line {
            Some(line) => format!("{}:{line}:", finding.file),
            None if finding.file.is_empty() => String::new(),
            None => format!("{}:", finding.file),
        };
        out += &pencil.paragraph(
            "  * ",
            4,
            &[
                (tone, format!("{word}, {}:", finding.about)),
                (Tone::Strong, place),
                (Tone::Plain, finding.found.clone()),
            ],
        );
        if !finding.remedy.is_empty() {
            out += &pencil.paragraph(
                "      to do: ",
                13,
                &[(Tone::Faint, finding.remedy.clone())],
            );
        }
    }
    if !report.coverage.is_empty() {
        out += &pencil.heading("Coverage");
    }
    for (kind, coverage) in &report.coverage {
        let told = if coverage.collected {
            format!(
                "{} rows, of {} of {} entities",
                count(coverage.rows),
                count(coverage.entities),
                count(report.entities)
            )
        } else {
            "not collected".to_string()
        };
        out += &field(pencil, kind, told);
    }
    out + &left_out(&report.dropped, pencil)
}

fn shown(summary: &Summary, pencil: &Pencil) -> String {
    let manifest = &summary.manifest;
    let mut out = pencil.paragraph("", 0, &[(Tone::Strong, manifest.title.clone())]);
    out += &field(pencil, "case", manifest.id.clone());
    out += &field(
        pencil,
        "window",
        format!(
            "{} to {}",
            words::moment(manifest.window.from()),
            words::moment(manifest.window.to())
        ),
    );
    out += &field(pencil, "looked at", words::moment(manifest.now));
    for (name, value) in [("origin", &manifest.origin), ("licence", &manifest.licence)] {
        if !value.is_empty() {
            out += &field(pencil, name, value.clone());
        }
    }
    let entities: Vec<String> = summary
        .entities
        .iter()
        .map(|(kind, number)| format!("{number} {kind}"))
        .collect();
    out += &field(pencil, "entities", entities.join(", "));
    out += &field(pencil, "edges", count(summary.edges));
    out += &field(pencil, "series", count(summary.series));
    let kinds = [
        ("metrics", summary.metrics),
        ("logs", summary.logs),
        ("traces", summary.traces),
        ("events", summary.events),
        ("states", summary.states),
    ];
    for (name, amount) in kinds {
        out += &field(pencil, name, amount_of(amount));
    }
    let answer = if summary.answered {
        "there (not opened)"
    } else {
        "none"
    };
    out += &field(pencil, "answer", answer.to_string());
    if !summary.alarms.is_empty() {
        out += &pencil.heading("Alarms");
    }
    for alarm in &summary.alarms {
        out += &pencil.paragraph(
            "  ",
            4,
            &[
                (Tone::Faint, words::moment(alarm.fired_at)),
                (Tone::Strong, alarm.rule.clone()),
                (
                    Tone::Plain,
                    format!("on {} ({})", alarm.entity, words::alarm_state(alarm.state)),
                ),
            ],
        );
    }
    out += &match &summary.changes {
        None => field(pencil, "changes", "not collected".to_string()),
        Some(changes) if changes.is_empty() => field(pencil, "changes", "none".to_string()),
        Some(_) => pencil.heading("Changes"),
    };
    for change in summary.changes.iter().flatten() {
        out += &pencil.paragraph(
            "  ",
            4,
            &[
                (Tone::Faint, words::moment(change.start)),
                (
                    Tone::Strong,
                    format!("{} {}", change.kind.word(), words::change_id(&change.id)),
                ),
                (Tone::Plain, change.title.clone()),
            ],
        );
    }
    if !summary.gaps.is_empty() {
        out += &pencil.heading("Could not be collected");
    }
    for gap in &summary.gaps {
        let of = gap
            .entity
            .as_ref()
            .map(|id| format!(" of {id}"))
            .unwrap_or_default();
        out += &pencil.paragraph(
            "  * ",
            4,
            &[
                (Tone::Strong, format!("{}{of}:", gap.wanted)),
                (Tone::Warn, words::gap_reason(gap.why).to_string()),
                (Tone::Plain, gap.detail.clone()),
            ],
        );
    }
    if !summary.runbooks.is_empty() {
        out += &pencil.heading("Runbooks");
    }
    for title in &summary.runbooks {
        out += &pencil.paragraph("  * ", 4, &[(Tone::Plain, title.clone())]);
    }
    if summary.lessons > 0 {
        out += &pencil.heading("Lessons");
        let said = format!("{} earlier incidents", count(summary.lessons));
        out += &pencil.paragraph("  * ", 4, &[(Tone::Plain, said)]);
    }
    out + &left_out(&summary.dropped, pencil)
}

fn amount_of(amount: Option<Amount>) -> String {
    match amount {
        None => "not collected".to_string(),
        Some(Amount { rows, range: None }) => count(rows),
        Some(Amount {
            rows,
            range: Some(range),
        }) => format!(
            "{}, {} to {}",
            count(rows),
            words::moment(range.first),
            words::moment(range.last)
        ),
    }
}

/// What was harmless and left out when it was opened; nothing when there was nothing.
fn left_out(dropped: &Dropped, pencil: &Pencil) -> String {
    let kinds = [
        ("points that are no finite numbers", dropped.not_finite),
        ("rows later than the recording's now", dropped.after_now),
        (
            "points at a moment that was there already",
            dropped.same_moment,
        ),
        ("points out of order (put in order)", dropped.out_of_order),
        (
            "spans that ended before they began (turned round)",
            dropped.backward_spans,
        ),
    ];
    let mut out = String::new();
    for (what, number) in kinds.into_iter().filter(|(_, number)| *number > 0) {
        if out.is_empty() {
            out = pencil.heading("Left out or mended");
        }
        out += &pencil.paragraph(
            "  * ",
            4,
            &[(Tone::Plain, format!("{} {what}", count(number)))],
        );
    }
    out
}

fn field(pencil: &Pencil, name: &str, value: String) -> String {
    let label = format!(
        "  {name}{} ",
        " ".repeat(10_usize.saturating_sub(name.len()))
    );
    pencil.paragraph(&label, 13, &[(Tone::Plain, value)])
}
