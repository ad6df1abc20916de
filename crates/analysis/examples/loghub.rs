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
//! and wildcards with only a blank between them count as one (`mean, 8 rules` is without that). Lines whose texts are
//! equal are one group. The crate `logdrain` is scored beside ours, as it comes and with its own masks.
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

/// Texts by line: what one system makes of a file.
type Texts = fn(&[Line]) -> Vec<String>;

fn run(dir: &Path, only: Option<&str>) -> Result<(), String> {
    let mut files = labelled_files(dir)?;
    files.retain(|name, _| only.is_none_or(|only| only == name));
    if files.is_empty() {
        return Err(format!(
            "{} holds no folder with a *_structured_corrected.csv",
            dir.display()
        ));
    }
    let miners: [(&str, Texts); 3] = [
        ("midwatch", midwatch),
        ("logdrain", logdrain_default),
        ("logdrain, masks", logdrain_masked),
    ];
    for (miner, texts) in miners {
        println!(
            "{miner:<16} {:>5} {:>5} {:>5} {:>5} {:>6} {:>6}",
            "GA", "FGA", "PA", "FTA", "found", "true"
        );
        let (mut sums, mut strict_sums) = ([0.0; 4], [0.0; 4]);
        for (name, file) in &files {
            let lines = read_lines(file)?;
            let texts = texts(&lines);
            let side = |texts: &mut dyn Iterator<Item = &str>, form: fn(&str) -> String| {
                texts.map(form).collect::<Vec<String>>()
            };
            let sides = |form: fn(&str) -> String| {
                let found = side(&mut texts.iter().map(String::as_str), form);
                let truth = side(&mut lines.iter().map(|line| line.template.as_str()), form);
                (found, truth)
            };
            let (found, truth) = sides(canonical);
            let (found, truth) = (borrowed(&found), borrowed(&truth));
            let result = score(&found, &truth);
            print_row(
                name,
                result,
                Some((groups(&found).len(), groups(&truth).len())),
            );
            add(&mut sums, result);
            let (strict_found, strict_truth) = sides(corrected);
            add(
                &mut strict_sums,
                score(&borrowed(&strict_found), &borrowed(&strict_truth)),
            );
            if only.is_some() && miner == "midwatch" {
                print_differences(&found, &truth);
            }
        }
        let systems = files.len() as f64;
        print_row("mean", sums.map(|sum| sum / systems), None);
        print_row("mean, 8 rules", strict_sums.map(|sum| sum / systems), None);
        println!();
    }
    Ok(())
}

fn borrowed(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

fn add(sums: &mut [f64; 4], values: [f64; 4]) {
    sums.iter_mut()
        .zip(values)
        .for_each(|(sum, value)| *sum += value);
}

fn print_row(name: &str, score: [f64; 4], counts: Option<(usize, usize)>) {
    let [ga, fga, pa, fta] = score;
    print!("{name:<16} {ga:>5.3} {fga:>5.3} {pa:>5.3} {fta:>5.3}");
    match counts {
        Some((found, truth)) => println!(" {found:>6} {truth:>6}"),
        None => println!(),
    }
}

fn midwatch(lines: &[Line]) -> Vec<String> {
    let mut miner = Miner::default();
    let ids: Vec<_> = lines
        .iter()
        .map(|line| miner.insert(line.content.as_bytes()))
        .collect();
    miner.merge();
    ids.iter()
        .map(|id| {
            miner
                .template(*id)
                .map_or_else(String::new, |t| without_kinds(&t.text))
        })
        .collect()
}

fn logdrain_default(lines: &[Line]) -> Vec<String> {
    logdrain(lines, Vec::new())
}

fn logdrain_masked(lines: &[Line]) -> Vec<String> {
    use logdrain::builtin_masks::{email, hex32, ipv4, uuid};
    logdrain(lines, vec![uuid(), hex32(), ipv4(), email()])
}

fn logdrain(lines: &[Line], masks: Vec<logdrain::Mask>) -> Vec<String> {
    let Ok(miner) = logdrain::Miner::builder().masks(masks).build() else {
        return Vec::new();
    };
    let ids: Vec<_> = lines
        .iter()
        .map(|line| miner.add(&line.content).cluster_id)
        .collect();
    let text = |id| {
        miner
            .cluster(id)
            .map_or_else(String::new, |cluster| cluster.template().to_owned())
    };
    ids.into_iter()
        .map(|id| {
            ["<uuid>", "<hex32>", "<ipv4>", "<email>"]
                .iter()
                .fold(text(id), |text, mark| text.replace(mark, WILD))
        })
        .collect()
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

/// The one form of a template text: corrected, and wildcards with only a blank between them as one.
fn canonical(template: &str) -> String {
    let mut text = corrected(template);
    loop {
        let shorter = corrected(&text.replace("<*> <*>", WILD));
        if shorter == text {
            return text;
        }
        text = shorter;
    }
}

/// A template text after the eight correction rules.
fn corrected(template: &str) -> String {
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
        let shorter = text.replace("<*>.<*>", WILD).replace("<*><*>", WILD);
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
