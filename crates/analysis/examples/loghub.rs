//! Scores the log miner on Loghub-2k in its own layout.
//!
//! ```text
//! cargo run --release -p midwatch-analysis --example loghub -- DIR [SYSTEM]
//! ```
//!
//! `DIR` holds one folder per system with a `*_structured_corrected.csv`. The miner reads the column `Content`, with one
//! configuration for all systems. Template texts of both sides are brought to one form by the published correction
//! rules (double space, user string, boolean, digit, path, word with variable, dotted variables, consecutive variables;
//! Khan et al., "Guidelines for assessing the accuracy of log message template identification techniques", ICSE 2022),
//! and wildcards that stand side by side count as one. Lines whose texts are equal are one group.
//!
//! GA: share of lines whose group has exactly the lines of the true group. FGA: the harmonic mean of precision and
//! recall over groups. PA: share of lines with exactly the true text. FTA: harmonic mean of precision and recall over
//! template texts. With `SYSTEM`, the templates that differ are printed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use analysis::logs::{Miner, SlotKind};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(dir) = arguments.next() else {
        eprintln!("usage: loghub DIR [SYSTEM]");
        return ExitCode::from(2);
    };
    let only = arguments.next();
    match run(Path::new(&dir), only.as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("loghub: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(dir: &Path, only: Option<&str>) -> Result<(), String> {
    println!(
        "{:<12} {:>5} {:>5} {:>5} {:>5} {:>6} {:>6}",
        "system", "GA", "FGA", "PA", "FTA", "found", "true"
    );
    let mut sums = [0.0; 4];
    let mut systems = 0;
    for (name, file) in labelled_files(dir)? {
        if only.is_some_and(|only| only != name) {
            continue;
        }
        let lines = read_lines(&file)?;
        let mut miner = Miner::default();
        let ids: Vec<_> = lines
            .iter()
            .map(|line| miner.insert(line.content.as_bytes()))
            .collect();
        miner.merge();
        let texts: BTreeMap<_, _> = miner
            .templates()
            .map(|t| (t.id, canonical(&without_kinds(&t.text))))
            .collect();
        let found: Vec<&str> = ids
            .iter()
            .map(|id| texts.get(&miner.resolve(*id)).map_or("", String::as_str))
            .collect();
        let truth: Vec<String> = lines.iter().map(|line| canonical(&line.template)).collect();
        let truth: Vec<&str> = truth.iter().map(String::as_str).collect();
        let score = score(&found, &truth);
        println!(
            "{name:<12} {:>5.3} {:>5.3} {:>5.3} {:>5.3} {:>6} {:>6}",
            score[0],
            score[1],
            score[2],
            score[3],
            groups(&found).len(),
            groups(&truth).len()
        );
        for (sum, value) in sums.iter_mut().zip(score) {
            *sum += value;
        }
        systems += 1;
        if only.is_some() {
            print_differences(&found, &truth);
        }
    }
    if systems == 0 {
        return Err(format!(
            "{} holds no folder with a *_structured_corrected.csv",
            dir.display()
        ));
    }
    let mean = sums.map(|sum| sum / f64::from(systems));
    println!(
        "{:<12} {:>5.3} {:>5.3} {:>5.3} {:>5.3}",
        "mean", mean[0], mean[1], mean[2], mean[3]
    );
    Ok(())
}

fn labelled_files(dir: &Path) -> Result<BTreeMap<String, PathBuf>, String> {
    let list = |dir: &Path| -> Result<Vec<PathBuf>, String> {
        let entries =
            std::fs::read_dir(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        Ok(entries.flatten().map(|entry| entry.path()).collect())
    };
    let mut files = BTreeMap::new();
    for folder in list(dir)?.into_iter().filter(|path| path.is_dir()) {
        let name = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if let Some(file) = list(&folder)?.into_iter().find(|file| {
            file.to_string_lossy()
                .ends_with("_structured_corrected.csv")
        }) {
            files.insert(name, file);
        }
    }
    Ok(files)
}

struct Line {
    content: String,
    template: String,
}

fn read_lines(file: &Path) -> Result<Vec<Line>, String> {
    let describe = |error: csv::Error| format!("{}: {error}", file.display());
    let mut reader = csv::Reader::from_path(file).map_err(describe)?;
    let headers = reader.headers().map_err(describe)?.clone();
    let column = |name: &str| {
        headers
            .iter()
            .position(|header| header == name)
            .ok_or_else(|| format!("{}: no column {name}", file.display()))
    };
    let (content, template) = (column("Content")?, column("EventTemplate")?);
    reader
        .records()
        .map(|record| {
            let record = record.map_err(describe)?;
            let field = |index: usize| record.get(index).unwrap_or_default().to_owned();
            Ok(Line {
                content: field(content),
                template: field(template),
            })
        })
        .collect()
}

fn without_kinds(text: &str) -> String {
    SlotKind::ALL.iter().fold(text.to_owned(), |text, kind| {
        text.replace(kind.mark(), "<*>")
    })
}

const WILD: &str = "<*>";

/// The one form of a template text.
fn canonical(template: &str) -> String {
    let text = template.split_whitespace().collect::<Vec<_>>().join(" ");
    let in_paths = |c: char| c.is_whitespace() || ",!;:=|\"'[](){}".contains(c);
    let text = replace_parts(&text, in_paths, |part| {
        let is_path =
            part.starts_with('/') && part[1..].split('/').all(|segment| !segment.is_empty());
        is_path.then_some(WILD)
    });
    let in_words = |c: char| in_paths(c) || ".-+@#$%&".contains(c);
    let mut text = replace_parts(&text, in_words, |part| {
        const NAMED: [&str; 5] = ["true", "false", "null", "root", "admin"];
        let named = NAMED.iter().any(|name| name.eq_ignore_ascii_case(part));
        let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let with_variable = part.contains(WILD) && !part.contains('/');
        (named || digits || with_variable).then_some(WILD)
    });
    loop {
        let shorter = text
            .replace("<*>.<*>", WILD)
            .replace("<*><*>", WILD)
            .replace("<*> <*>", WILD);
        if shorter == text {
            return text;
        }
        text = shorter;
    }
}

/// Replaces the parts between separators for which `replacement` has one.
fn replace_parts(
    text: &str,
    separator: impl Fn(char) -> bool,
    replacement: impl Fn(&str) -> Option<&'static str>,
) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(&separator) {
        let end = piece
            .char_indices()
            .next_back()
            .filter(|(_, c)| separator(*c))
            .map_or(piece.len(), |(at, _)| at);
        let (part, tail) = piece.split_at(end);
        out.push_str(replacement(part).unwrap_or(part));
        out.push_str(tail);
    }
    out
}

fn groups<'a>(texts: &[&'a str]) -> BTreeMap<&'a str, Vec<usize>> {
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (line, text) in texts.iter().enumerate() {
        groups.entry(text).or_default().push(line);
    }
    groups
}

/// GA, FGA, PA, FTA.
fn score(found: &[&str], truth: &[&str]) -> [f64; 4] {
    let (found_groups, true_groups) = (groups(found), groups(truth));
    let true_sets: BTreeSet<&[usize]> = true_groups.values().map(Vec::as_slice).collect();
    let exact: Vec<&Vec<usize>> = found_groups
        .values()
        .filter(|lines| true_sets.contains(lines.as_slice()))
        .collect();
    let same_text = found.iter().zip(truth).filter(|(a, b)| a == b).count();
    let same_templates = found_groups
        .iter()
        .filter(|(text, lines)| lines.iter().all(|&line| truth[line] == **text))
        .count();
    let harmonic =
        |hits: usize| 2.0 * hits as f64 / (found_groups.len() + true_groups.len()).max(1) as f64;
    let lines = found.len().max(1) as f64;
    [
        exact.iter().map(|group| group.len()).sum::<usize>() as f64 / lines,
        harmonic(exact.len()),
        same_text as f64 / lines,
        harmonic(same_templates),
    ]
}

fn print_differences(found: &[&str], truth: &[&str]) {
    let true_groups = groups(truth);
    let found_groups = groups(found);
    for (text, lines) in &true_groups {
        let ours: BTreeSet<&str> = lines.iter().map(|&line| found[line]).collect();
        let whole = ours.len() == 1
            && ours
                .iter()
                .all(|our| found_groups[our].len() == lines.len());
        if whole && ours.contains(text) {
            continue;
        }
        println!(
            "{}{:>5} {text}",
            if whole { "text " } else { "GROUP" },
            lines.len()
        );
        for our in ours.iter().take(6) {
            println!(
                "      {:>4}/{:<4} {our}",
                lines.iter().filter(|&&line| found[line] == *our).count(),
                found_groups[our].len()
            );
        }
    }
}
