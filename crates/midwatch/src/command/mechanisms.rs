//! `midwatch mechanisms`: the catalogue of ways in which things break.

use investigate::catalogue::Condition;
use investigate::{Mechanism, catalogue};
use model::Category;

use super::Answer;
use crate::console::Console;
use crate::dress::pencil::{Pencil, Tone};
use crate::dress::{self};
use crate::exit::Exit;
use crate::problem::Problem;

/// What to show of the catalogue.
#[derive(clap::Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  \
    midwatch mechanisms\n  \
    midwatch mechanisms list --category resource-limit\n  \
    midwatch mechanisms show resource.connection-pool-exhausted"
)]
pub struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// How to tell
    #[arg(long, value_enum, default_value_t)]
    format: Answer,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// All of them, a line each
    #[command(after_help = "Examples:\n  \
        midwatch mechanisms list --category resource-limit\n  \
        midwatch mechanisms list --format json")]
    List {
        /// Of this category only
        #[arg(long, value_enum)]
        category: Option<CategoryWord>,
        /// How to tell
        #[arg(long, value_enum, default_value_t)]
        format: Answer,
    },
    /// One of them, whole
    #[command(after_help = "Examples:\n  \
        midwatch mechanisms show resource.connection-pool-exhausted\n  \
        midwatch mechanisms show resource.disk-full --format json")]
    Show {
        /// Its id, such as resource.connection-pool-exhausted
        id: String,
        /// How to tell
        #[arg(long, value_enum, default_value_t)]
        format: Answer,
    },
}

/// The five categories as words of a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum CategoryWord {
    SystemChange,
    ResourceLimit,
    ComponentFailure,
    DependencyIssue,
    InputAnomaly,
}

impl From<CategoryWord> for Category {
    fn from(word: CategoryWord) -> Self {
        match word {
            CategoryWord::SystemChange => Self::SystemChange,
            CategoryWord::ResourceLimit => Self::ResourceLimit,
            CategoryWord::ComponentFailure => Self::ComponentFailure,
            CategoryWord::DependencyIssue => Self::DependencyIssue,
            CategoryWord::InputAnomaly => Self::InputAnomaly,
        }
    }
}

/// Lists, or shows.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let pencil = console.pencil();
    let text = match &args.what {
        None => list(None, args.format, &pencil),
        Some(What::List { category, format }) => {
            list(category.map(Category::from), *format, &pencil)
        }
        Some(What::Show { id, format }) => {
            let mechanism = catalogue().get(id).ok_or_else(|| not_known(id))?;
            match format {
                Answer::Terminal => shown(mechanism, &pencil),
                Answer::Json => dress::json(mechanism),
            }
        }
    };
    console.print(&text)?;
    Ok(Exit::Done)
}

fn list(category: Option<Category>, format: Answer, pencil: &Pencil) -> String {
    let wanted: Vec<&Mechanism> = catalogue()
        .mechanisms
        .iter()
        .filter(|mechanism| category.is_none_or(|category| mechanism.category == category))
        .collect();
    if format == Answer::Json {
        return dress::json(&wanted);
    }
    let mut out = String::new();
    let categories = [
        Category::SystemChange,
        Category::ResourceLimit,
        Category::ComponentFailure,
        Category::DependencyIssue,
        Category::InputAnomaly,
    ];
    for category in categories {
        let members: Vec<&&Mechanism> = wanted.iter().filter(|m| m.category == category).collect();
        if members.is_empty() {
            continue;
        }
        out += &pencil.heading(&format!("{category} ({})", members.len()));
        for mechanism in members {
            out += &pencil.paragraph(
                "  ",
                6,
                &[
                    (Tone::Strong, mechanism.id.clone()),
                    (Tone::Plain, mechanism.title.clone()),
                ],
            );
        }
    }
    out + &format!("\n{} mechanisms.\n", wanted.len())
}

fn shown(mechanism: &Mechanism, pencil: &Pencil) -> String {
    let mut out = pencil.paragraph(
        "",
        0,
        &[
            (Tone::Head, mechanism.id.clone()),
            (Tone::Strong, mechanism.title.clone()),
        ],
    );
    out += &pencil.paragraph(
        "",
        0,
        &[(
            Tone::Faint,
            format!("{}, base rate {}", mechanism.category, mechanism.prior),
        )],
    );
    out += &pencil.paragraph("", 0, &[(Tone::Plain, mechanism.summary.clone())]);
    let conditions = [
        ("Proposed by", &mechanism.signatures),
        ("Must be seen", &mechanism.predict.must),
        ("May be seen", &mechanism.predict.may),
        ("Must not be seen", &mechanism.predict.must_not),
    ];
    for (title, list) in conditions {
        if list.is_empty() {
            continue;
        }
        out += &pencil.heading(title);
        for condition in list {
            out += &pencil.paragraph("  * ", 4, &[(Tone::Plain, said(condition))]);
        }
    }
    if !mechanism.reads.is_empty() {
        out += &pencil.heading("Reads that test it");
        for read in &mechanism.reads {
            out += &pencil.paragraph("  * ", 4, &[(Tone::Plain, read.clone())]);
        }
    }
    if !mechanism.remedies.is_empty() {
        out += &pencil.heading("Ways back, the safest first");
    }
    for remedy in &mechanism.remedies {
        out += &pencil.paragraph("  * ", 4, &[(Tone::Strong, remedy.action.clone())]);
        let steps = [
            ("prepare ", &remedy.prepare),
            ("apply   ", &remedy.apply),
            ("verify  ", &remedy.verify),
            ("undo    ", &remedy.roll_back),
            ("risk    ", &remedy.risk),
            ("approval", &remedy.approver),
        ];
        for (name, step) in steps.iter().filter(|(_, step)| !step.is_empty()) {
            out += &pencil.paragraph(
                &format!("      {name} "),
                15,
                &[(Tone::Plain, (*step).clone())],
            );
        }
    }
    out
}

/// What a condition means, for people, and what exactly it looks for.
fn said(condition: &Condition) -> String {
    let source = condition.source().map_or("", dress::words::source);
    let exact = condition
        .pattern()
        .map(|pattern| format!("/{pattern}/"))
        .unwrap_or_default();
    let parts = [condition.says.as_str(), source, &exact];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(" | ")
}

/// Names the ids that are most like the one that was asked for.
fn not_known(id: &str) -> Problem {
    let mut near: Vec<(usize, &str)> = catalogue()
        .mechanisms
        .iter()
        .map(|m| (distance(id, &m.id), m.id.as_str()))
        .collect();
    near.sort_unstable();
    let names: Vec<&str> = near.iter().take(3).map(|(_, id)| *id).collect();
    Problem::bad_input(
        format!("there is no mechanism {id:?}"),
        "the mechanism's id",
        format!(
            "nearest are {}; `midwatch mechanisms` lists all",
            names.join(", ")
        ),
    )
}

/// How many letters must be put in, taken out or replaced to make one word of the other; a word that
/// holds the other whole is near.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) =
        (a.chars().take(80).collect(), b.chars().take(80).collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (diagonal + usize::from(x != y))
                .min(above + 1)
                .min(row[j] + 1);
            diagonal = above;
        }
    }
    let text: String = a.iter().collect();
    if b.iter().collect::<String>().contains(&text) {
        row[b.len()] / 4
    } else {
        row[b.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn distances_count_letters() {
        assert_eq!(distance("pool", "pool"), 0);
        assert_eq!(distance("pol", "pool"), 1);
        assert_eq!(distance("", "abc"), 0);
        assert!(distance("disk-full", "component.disk-full") < distance("disk-full", "input.load"));
    }
}
