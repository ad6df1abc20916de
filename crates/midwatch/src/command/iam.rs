//! `midwatch iam`: why a call is denied, from the policies alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use connectors::aws::iam::gather::{BadFile, Gatherer};
use connectors::aws::iam::simulation::Case;
use connectors::aws::iam::{Answer as Explained, Stance, Verdict, Written, explain};

use super::Answer;
use crate::console::Console;
use crate::dress::{
    self,
    pencil::{Pencil, Tone},
};
use crate::exit::Exit;
use crate::problem::Problem;

/// The most files of a folder of policies; an account's whole print-out is one.
const MOST_FILES: usize = 5_000;
/// The most bytes of one file: the print-out of a large account has a few million.
const LONGEST: u64 = 64 * 1024 * 1024;

/// What to ask the evaluator.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    midwatch iam explain --policies policies/ --request request.json\n  \
    midwatch iam check cases.json")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// Say whether a call is allowed, and which statement decides
    #[command(after_help = "Examples:\n  \
        midwatch iam explain --policies policies/ --request request.json\n  \
        midwatch iam explain --policies policies/ --request request.json --format json\n\n\
        Exit codes: 0 allowed, 1 denied, 2 bad input or a failed write, 3 not known.\n\
        docs/iam.md says how to lay out the folder and the request.")]
    Explain {
        /// Folder of policies: plain documents, or what the AWS command line prints
        #[arg(long, value_name = "DIR")]
        policies: PathBuf,
        /// The call: who, what, on what, and its context
        #[arg(long, value_name = "FILE")]
        request: PathBuf,
        /// How to tell
        #[arg(long, value_enum, default_value_t)]
        format: Answer,
    },
    /// Run cases with expected verdicts; exit 1 if one comes out otherwise
    #[command(after_help = "Examples:\n  \
        midwatch iam check cases.json\n  \
        midwatch iam check a.json b.json --format json")]
    Check {
        /// Files of cases (docs/iam.md)
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// How to tell
        #[arg(long, value_enum, default_value_t)]
        format: Answer,
    },
}

/// Explains, or checks.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    match &args.what {
        What::Explain {
            policies,
            request,
            format,
        } => {
            let answer = explained(policies, request, console)?;
            let text = match format {
                Answer::Json => dress::json(&answer),
                Answer::Terminal => dressed(&answer, &console.pencil()),
            };
            console.print(&text)?;
            Ok(match answer.verdict {
                Verdict::Allowed => Exit::Done,
                Verdict::ExplicitlyDenied | Verdict::ImplicitlyDenied => Exit::No,
                Verdict::Unknown => Exit::Unknown,
            })
        }
        What::Check { files, format } => check(files, *format, console),
    }
}

fn explained(
    folder: &Path,
    request: &Path,
    console: &mut Console<'_>,
) -> Result<Explained, Problem> {
    let place = request.display().to_string();
    let written: Written = serde_json::from_str(&read(request)?).map_err(|error| {
        Problem::bad_input(
            format!("it is no request: {error}"),
            place.clone(),
            "write principal, action, resource and context as docs/iam.md shows",
        )
    })?;
    let request = written.read().map_err(|error| {
        Problem::bad_input(
            format!("{}; expected {}", error.found, error.expected),
            format!("{place}: {}", error.place),
            "correct that field (docs/iam.md)",
        )
    })?;
    let mut gatherer = Gatherer::new(&request);
    let mut files = BTreeMap::new();
    gather(folder, "", &mut files)?;
    if files.is_empty() {
        return Err(Problem::bad_input(
            "there is no .json file in it",
            folder.display().to_string(),
            "put the policies there (docs/iam.md)",
        ));
    }
    let bad = |error: BadFile| {
        Problem::bad_input(
            format!("{}; expected {}", error.found, error.expected),
            folder.join(&error.file).display().to_string(),
            "correct the file, or take it out of the folder",
        )
    };
    for (name, path) in &files {
        gatherer.add(name, &read(path)?).map_err(bad)?;
    }
    let (policies, passed) = gatherer.finish().map_err(bad)?;
    for one in passed {
        console.remark(&format!("passed over: {}\n", dress::text::plain(&one)));
    }
    explain(&policies, &request).map_err(|error| {
        Problem::bad_input(
            error.to_string(),
            folder.display().to_string(),
            "put the policy where it belongs, or correct it",
        )
    })
}

/// All `.json` files below a folder by their path below it, with `/`. Links to folders are not followed:
/// they may lead in a circle.
fn gather(
    folder: &Path,
    below: &str,
    files: &mut BTreeMap<String, PathBuf>,
) -> Result<(), Problem> {
    let unreadable = |error: std::io::Error| Problem::unreadable(folder, &error);
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = format!("{below}{}", entry.file_name().to_string_lossy());
        if entry.file_type().map_err(unreadable)?.is_dir() {
            gather(&entry.path(), &format!("{name}/"), files)?;
        } else if name.ends_with(".json") {
            files.insert(name, entry.path());
        }
        if files.len() > MOST_FILES {
            return Err(Problem::bad_input(
                format!("there are more than {MOST_FILES} files in it"),
                folder.display().to_string(),
                "put only the policies that have a say into a folder",
            ));
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, Problem> {
    super::read(path, LONGEST, "give only what has a say in the call")
}

fn dressed(answer: &Explained, pencil: &Pencil) -> String {
    let tone = match answer.verdict {
        Verdict::Allowed => Tone::Good,
        Verdict::Unknown => Tone::Warn,
        Verdict::ExplicitlyDenied | Verdict::ImplicitlyDenied => Tone::Bad,
    };
    let line = |hang: usize, text: &str| {
        pencil.paragraph(&" ".repeat(hang), hang + 2, &[(Tone::Plain, text.into())])
    };
    let mut out = pencil.paragraph("", 2, &[(tone, answer.verdict.words().into())]);
    out += &line(2, &answer.action);
    out += &line(2, &format!("on {}", answer.resource));
    out += &line(2, &format!("by {}", answer.principal));
    let mut part = |title: &str, lines: Vec<(usize, String)>| {
        if !lines.is_empty() {
            out.push('\n');
            out += &pencil.paragraph("", 2, &[(Tone::Head, title.into())]);
            for (hang, text) in lines {
                out += &line(hang, &text);
            }
        }
    };
    let flat = |texts: Vec<String>| texts.into_iter().map(|text| (2, text)).collect();
    let places = answer.decided_by.iter().map(ToString::to_string).collect();
    part("Decided by", flat(places));
    let lacking = answer.lacking.iter();
    let lacking = lacking.map(|layer| format!("no {} allows it", layer.words()));
    part("Lacking", flat(lacking.collect()));
    part("Not known", flat(answer.missing.clone()));
    let mut near = Vec::new();
    for one in &answer.nearest {
        near.push((2, one.place.to_string()));
        near.extend(one.but.iter().map(|but| (4, format!("but {but}"))));
    }
    part("Nearly allows it", near);
    let findings = answer.findings.iter().map(|finding| {
        let level = match finding.level.as_str() {
            "" => String::new(),
            level => format!(" of {level}"),
        };
        let stance = match finding.stance {
            Stance::Allows => "allows it",
            Stance::Denies => "denies it",
            Stance::Silent => "says nothing to it",
            Stance::Unknown => "cannot be told",
            Stance::Exempt => "does not apply",
        };
        format!("{}{level}: {stance}", finding.layer.words())
    });
    part("What each kind of policy says", flat(findings.collect()));
    part("Taken for granted", flat(answer.assumed.clone()));
    out
}

fn check(files: &[PathBuf], format: Answer, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let (mut told, mut wrong, mut all) = (Vec::new(), 0, 0);
    let mut text = String::new();
    for path in files {
        let place = path.display().to_string();
        let cases: Vec<Case> = serde_json::from_str(&read(path)?).map_err(|error| {
            Problem::bad_input(
                format!("it is no list of cases: {error}"),
                place.clone(),
                "write name, expect and simulation of each case as docs/iam.md shows",
            )
        })?;
        for case in &cases {
            let bad = |error: connectors::aws::iam::simulation::BadCase| {
                Problem::bad_input(
                    error.to_string(),
                    format!("{place}: {}", case.name),
                    "correct the case (docs/iam.md)",
                )
            };
            let expected = case.expected().map_err(bad)?;
            let answer = case.simulation.run().map_err(bad)?;
            let same = answer.verdict == expected;
            all += 1;
            if !same {
                wrong += 1;
                let name = dress::text::plain(&case.name);
                let said = answer.sentence();
                let said = dress::text::plain(&said);
                text += &format!("{name}: expected {}, but {said}\n", case.expect);
            }
            if format == Answer::Json {
                told.push(serde_json::json!({
                    "file": place, "name": case.name, "expected": expected, "same": same, "answer": answer,
                }));
            }
        }
    }
    match format {
        Answer::Json => console.print(&dress::json(&told))?,
        Answer::Terminal => {
            text += &format!("{} of {all} cases as expected\n", all - wrong);
            console.print(&text)?;
        }
    }
    Ok(if wrong == 0 { Exit::Done } else { Exit::No })
}
