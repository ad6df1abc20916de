//! `midwatch recording import`: a public incident set becomes recordings.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use connectors::files;
use connectors::files::datasets::{self, CaseRef, ImportError, Suite};
use serde::Serialize;

use crate::command::Answer;
use crate::console::Console;
use crate::dress;
use crate::exit::Exit;
use crate::problem::Problem;

/// Which set, and where to.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    midwatch recording import petshop data/petshop --out recordings/\n  \
    midwatch recording import rootcausebench data/rcb --out recordings/ --case 003")]
pub struct Args {
    /// The set's layout
    #[arg(value_name = "SUITE", value_parser = suites())]
    suite: Suite,
    /// The set's folder, one of its folders, or one case
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Each case becomes a folder of its own name in here
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Only this case (may be given several times)
    #[arg(long, value_name = "ID")]
    case: Vec<String>,
    /// How to tell
    #[arg(long, value_enum, default_value_t)]
    format: Answer,
}

/// The suites' words, for the help and for "did you mean".
pub fn suites() -> impl clap::builder::TypedValueParser<Value = Suite> {
    PossibleValuesParser::new(Suite::ALL.map(Suite::word))
        .try_map(|word| Suite::parse(&word).ok_or_else(|| format!("{word:?} is not a known set")))
}

#[derive(Serialize)]
struct Imported {
    id: String,
    system: String,
    path: String,
}

/// Reads each case and writes it.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let cases = chosen(args)?;
    let names = folder_names(&cases);
    let mut done = Vec::new();
    for (index, (case, name)) in cases.iter().zip(names).enumerate() {
        let loaded = datasets::load(case).map_err(told)?;
        let to = args.out.join(name);
        files::write(&loaded.case, &to)?;
        console.remark(&format!(
            "{} of {}: {}\n",
            index + 1,
            cases.len(),
            to.display()
        ));
        done.push(Imported {
            id: case.id.clone(),
            system: case.system.clone(),
            path: to.display().to_string(),
        });
    }
    let text = match args.format {
        Answer::Json => dress::json(&done),
        Answer::Terminal => format!("{} recordings in {}\n", done.len(), args.out.display()),
    };
    console.print(&text)?;
    Ok(Exit::Done)
}

fn chosen(args: &Args) -> Result<Vec<CaseRef>, Problem> {
    let all = datasets::cases(args.suite, &args.dir).map_err(told)?;
    if args.case.is_empty() {
        return Ok(all);
    }
    let known: Vec<String> = all.iter().map(|case| case.id.clone()).collect();
    let mut chosen = Vec::new();
    for wanted in &args.case {
        let Some(case) = all.iter().find(|case| case.id == *wanted) else {
            let near: Vec<&str> = known
                .iter()
                .filter(|id| id.contains(wanted.as_str()))
                .chain(&known)
                .map(String::as_str)
                .take(5)
                .collect();
            return Err(Problem::bad_input(
                format!("there is no case {wanted:?} among {}", known.len()),
                args.dir.display().to_string(),
                format!("cases are named like: {}", near.join(", ")),
            ));
        };
        chosen.push(case.clone());
    }
    Ok(chosen)
}

/// A folder's name for each case: its id with what file systems dislike replaced, and numbered where
/// that makes two the same.
fn folder_names(cases: &[CaseRef]) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let mut names = Vec::new();
    for case in cases {
        let plain: String = case
            .id
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') {
                    c
                } else {
                    '-'
                }
            })
            .collect();
        let plain = plain.trim_matches('.').to_string();
        let base = if plain.is_empty() {
            "case".to_string()
        } else {
            plain
        };
        let mut name = base.clone();
        let mut number = 2;
        while !taken.insert(name.clone()) {
            name = format!("{base}-{number}");
            number += 1;
        }
        names.push(name);
    }
    names
}

/// What a set's reader complains about, in our words.
pub fn told(error: ImportError) -> Problem {
    let what = match &error {
        ImportError::NothingFound { suite, wanted, .. } => {
            format!("there is no {suite} case below it: {wanted}")
        }
        ImportError::Io { error, .. } => format!("it cannot be read: {error}"),
        ImportError::Malformed { problem, .. } => problem.clone(),
    };
    let (place, remedy) = match &error {
        ImportError::NothingFound { folder, .. } => (
            folder.display().to_string(),
            "give the set's own folder, as it is published",
        ),
        ImportError::Io { file, .. } => (
            file.display().to_string(),
            "check the path and its permissions",
        ),
        ImportError::Malformed { file, line: 0, .. } => (
            file.display().to_string(),
            "compare the file with the published set",
        ),
        ImportError::Malformed { file, line, .. } => (
            format!("{}:{line}", file.display()),
            "compare the line with the published set",
        ),
    };
    Problem::bad_input(what, place, remedy)
}
