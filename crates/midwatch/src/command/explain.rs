//! `midwatch explain`: from a sentence to what it stands on, down to the raw rows.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use model::evidence::Value;
use model::ports::Eyes;
use model::report::{Claim, Report};
use model::{Evidence, EvidenceId, Query, Timestamp};
use serde::Serialize;

use super::Answer;
use crate::console::Console;
use crate::dress::pencil::{Pencil, Tone};
use crate::dress::text::number;
use crate::dress::{self, words};
use crate::exit::Exit;
use crate::problem::Problem;
use crate::wiring::{self, Opened};

/// No row is shown beyond this many bytes, and no file is expanded beyond a gigabyte to find one.
const LONGEST_ROW: u64 = 64 << 10;
const LONGEST_FILE: u64 = 1 << 30;

/// Which sentence of which report.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    midwatch explain report.json C3\n  \
    midwatch explain report.json C3 --recording incident/     shows the raw rows as well\n  \
    midwatch explain report.json E12                          one observation, and who cites it\n  \
    midwatch explain report.json 'change id=cfg-118'           what a query of the report gave\n  \
    midwatch explain report.json C3 --format json")]
pub struct Args {
    /// A report as JSON; `-` is standard input
    #[arg(value_name = "REPORT")]
    report: PathBuf,
    /// A claim such as C3, a piece of evidence such as E12, or a query pasted from the report
    #[arg(value_name = "CLAIM")]
    claim: String,
    /// The recording that the report was made from, to show the raw rows
    #[arg(long, value_name = "PATH")]
    recording: Option<PathBuf>,
    /// How to tell
    #[arg(long, value_enum, default_value_t)]
    format: Answer,
}

/// What a sentence stands on.
#[derive(Serialize)]
struct Explanation<'a> {
    /// The claim that was asked for; for evidence, those that cite it.
    claims: Vec<Placed<'a>>,
    evidence: Vec<Grounds<'a>>,
}

#[derive(Serialize)]
struct Placed<'a> {
    place: String,
    #[serde(flatten)]
    claim: &'a Claim,
}

#[derive(Serialize)]
struct Grounds<'a> {
    #[serde(flatten)]
    evidence: &'a Evidence,
    /// The query in one line.
    asked: String,
    /// The raw rows; with their text where a recording was given.
    rows: Vec<Row>,
    /// Points of the series around its onset, where a recording was given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    points: Vec<Point>,
}

#[derive(Serialize)]
struct Point {
    time: Timestamp,
    value: f64,
}

#[derive(Serialize)]
struct Row {
    file: String,
    line: u64,
    /// The row's text; `None` where it cannot be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    why_not: Option<&'static str>,
}

/// Looks up, and shows.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let report = wiring::read_report(&args.report)?;
    let opened = args.recording.as_deref().map(wiring::open).transpose()?;
    let explanation = explain(&report, &args.claim, opened.as_ref())?;
    let text = match args.format {
        Answer::Terminal => told(&explanation, opened.is_some(), &console.pencil()),
        Answer::Json => dress::json(&explanation),
    };
    console.print(&text)?;
    Ok(Exit::Done)
}

/// What one observation stands on, as this command tells programs; with raw rows where its recording is there.
pub fn of_evidence(
    report: &Report,
    id: EvidenceId,
    recording: &Path,
) -> Result<serde_json::Value, Problem> {
    let opened = recording.is_dir().then(|| wiring::open(recording));
    let opened = opened.transpose()?;
    let explanation = explain(report, &id.to_string(), opened.as_ref())?;
    serde_json::to_value(explanation).map_err(|error| {
        Problem::bad_input(
            format!("it has no JSON form: {error}"),
            id.to_string(),
            "this is a defect; please tell",
        )
    })
}

fn explain<'a>(
    report: &'a Report,
    asked: &str,
    recording: Option<&Opened>,
) -> Result<Explanation<'a>, Problem> {
    let id = asked.trim().trim_matches(['[', ']']).to_ascii_uppercase();
    let placed = places(report);
    let queried: Vec<&Evidence> = report
        .evidence
        .iter()
        .filter(|item| item.query.to_string() == asked.trim())
        .collect();
    if !queried.is_empty() {
        let cites = |claim: &Claim| queried.iter().any(|item| claim.evidence.contains(&item.id));
        return Ok(Explanation {
            claims: placed
                .into_iter()
                .filter(|placed| cites(placed.claim))
                .collect(),
            evidence: queried
                .into_iter()
                .map(|item| grounds(item, recording))
                .collect(),
        });
    }
    if let Ok(evidence) = id.parse::<EvidenceId>() {
        let Some(found) = report.evidence.iter().find(|item| item.id == evidence) else {
            return Err(not_there(asked, report));
        };
        let claims = placed
            .into_iter()
            .filter(|p| p.claim.evidence.contains(&evidence))
            .collect();
        return Ok(Explanation {
            claims,
            evidence: vec![grounds(found, recording)],
        });
    }
    let claim = placed
        .into_iter()
        .find(|placed| placed.claim.id.eq_ignore_ascii_case(&id))
        .ok_or_else(|| not_there(asked, report))?;
    let evidence = claim
        .claim
        .evidence
        .iter()
        .filter_map(|id| report.evidence.iter().find(|item| item.id == *id))
        .map(|item| grounds(item, recording))
        .collect();
    Ok(Explanation {
        claims: vec![claim],
        evidence,
    })
}

fn not_there(asked: &str, report: &Report) -> Problem {
    let claims = report.claims();
    Problem::bad_input(
        format!("the report has no claim or evidence {asked:?}"),
        format!("report of {}", report.header.case),
        format!(
            "claims are {}, evidence is {}",
            range(claims.iter().map(|claim| claim.id.clone()).collect()),
            range(
                report
                    .evidence
                    .iter()
                    .map(|item| item.id.to_string())
                    .collect()
            )
        ),
    )
}

/// The least and the greatest of these ids, and how many there are. By their numbers: claims are numbered as they are
/// found, and stand as they are read.
fn range(mut ids: Vec<String>) -> String {
    ids.sort_by_key(|id| id.get(1..).and_then(|number| number.parse::<u64>().ok()));
    match ids.as_slice() {
        [] => "none".to_string(),
        [only] => only.clone(),
        [least, .., greatest] => format!("{least} to {greatest} ({})", ids.len()),
    }
}

/// Every claim with where it stands in the report, in reading order.
fn places(report: &Report) -> Vec<Placed<'_>> {
    let mut all: Vec<Placed<'_>> = Vec::new();
    let mut add = |place: &str, claim| {
        all.push(Placed {
            place: place.to_string(),
            claim,
        })
    };
    report
        .verdict
        .iter()
        .for_each(|claim| add("verdict", claim));
    report.impact.iter().for_each(|claim| add("impact", claim));
    report
        .symptoms
        .iter()
        .for_each(|symptom| add("symptoms", &symptom.claim));
    for (index, cause) in report.causes.iter().enumerate() {
        let place = index + 1;
        add(&format!("cause {place}"), &cause.claim);
        cause
            .supports
            .iter()
            .for_each(|claim| add(&format!("for cause {place}"), claim));
        cause
            .contradicts
            .iter()
            .for_each(|claim| add(&format!("against cause {place}"), claim));
    }
    report
        .ruled_out
        .iter()
        .for_each(|item| add("ruled out", &item.claim));
    report
        .latent
        .iter()
        .for_each(|item| add("also wrong", &item.claim));
    report
        .unknown
        .iter()
        .for_each(|unknown| add("not explained", &unknown.claim));
    report
        .timeline
        .iter()
        .for_each(|entry| add("timeline", &entry.claim));
    report
        .precedents
        .iter()
        .for_each(|item| add("earlier incidents", &item.claim));
    all
}

fn grounds<'a>(evidence: &'a Evidence, recording: Option<&Opened>) -> Grounds<'a> {
    let rows = evidence
        .raw
        .iter()
        .map(|raw| {
            let (text, why_not) = match recording.map(|r| row(r.root(), &raw.file, raw.line)) {
                None => (None, None),
                Some(Ok(text)) => (Some(text), None),
                Some(Err(why)) => (None, Some(why)),
            };
            Row {
                file: raw.file.to_string(),
                line: raw.line,
                text,
                why_not,
            }
        })
        .collect();
    Grounds {
        evidence,
        asked: evidence.query.to_string(),
        rows,
        points: recording
            .map(|r| points(evidence, r.eyes()))
            .unwrap_or_default(),
    }
}

/// So many points are shown before the series left its baseline, and so many from there on.
const BEFORE: usize = 3;
const AFTER: usize = 6;

/// The points of a series around the moment at which it changed; its last ones where none is known.
/// Metrics lie in tables of many series, so their points say more than lines of a file.
fn points(evidence: &Evidence, eyes: &dyn Eyes) -> Vec<Point> {
    let Query::Metric {
        entity,
        metric,
        statistic,
        window,
    } = &evidence.query
    else {
        return Vec::new();
    };
    let series = eyes.series().found().unwrap_or_default();
    let wanted = |key: &model::SeriesKey| {
        key.entity == *entity
            && key.metric == *metric
            && (statistic.is_empty() || key.statistic == *statistic)
    };
    let Some(series) = series.iter().find(|series| wanted(&series.key)) else {
        return Vec::new();
    };
    let inside = series.range(window.from(), window.to());
    let onset = match evidence.statistic.values.get("onset_lo") {
        Some(Value::Text(text)) => text.parse::<Timestamp>().ok(),
        _ => None,
    };
    let middle = onset.map_or(inside.end.saturating_sub(AFTER), |at| {
        series.times.partition_point(|time| *time <= at.0)
    });
    let from = middle.saturating_sub(BEFORE).max(inside.start);
    let to = middle.saturating_add(AFTER).min(inside.end);
    (from..to.max(from))
        .map(|at| Point {
            time: Timestamp(series.times[at]),
            value: series.values[at],
        })
        .collect()
}

/// One row of a file of the recording. The report may be forged: a path that leads out of the
/// recording is not followed.
fn row(root: &Path, name: &str, line: u64) -> Result<String, &'static str> {
    if name.is_empty() || line == 0 {
        return Err("the source gave no place");
    }
    let path = wiring::inside(root, name).ok_or("no such file in the recording")?;
    let file = File::open(&path).map_err(|_| "the file cannot be read")?;
    let reader: Box<dyn Read> = if name.ends_with(".gz") {
        Box::new(flate2::read::MultiGzDecoder::new(file))
    } else if name.ends_with(".zst") {
        Box::new(zstd::Decoder::new(file).map_err(|_| "the file cannot be expanded")?)
    } else {
        Box::new(file)
    };
    let bare = name.trim_end_matches(".gz").trim_end_matches(".zst");
    match (bare.ends_with(".json"), bare.contains('/')) {
        // The recording's own documents lie at its root, and are cited by the line on which an entry begins.
        (true, false) => entry(reader, line),
        (true, true) => element(reader, line),
        (false, _) => nth_line(reader, line),
    }
}

/// The entry of a JSON document that begins on this line.
fn entry(reader: Box<dyn Read>, line: u64) -> Result<String, &'static str> {
    let mut text = String::new();
    reader
        .take(LONGEST_FILE / 4)
        .read_to_string(&mut text)
        .map_err(|_| "the document cannot be read")?;
    let skipped = usize::try_from(line - 1).unwrap_or(usize::MAX);
    let begins: usize = match skipped {
        0 => 0,
        _ => text
            .match_indices('\n')
            .nth(skipped - 1)
            .map(|(at, _)| at + 1)
            .ok_or("the document has fewer lines")?,
    };
    let rest =
        text[begins..].trim_start_matches(|c: char| c.is_whitespace() || c == '[' || c == ',');
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<serde_json::Value>();
    match values.next() {
        Some(Ok(value)) => Ok(value.to_string()),
        _ => Err("no entry of the document begins on that line"),
    }
}

fn nth_line(reader: Box<dyn Read>, line: u64) -> Result<String, &'static str> {
    let mut reader = BufReader::new(reader.take(LONGEST_FILE));
    for _ in 1..line {
        if reader
            .skip_until(b'\n')
            .map_err(|_| "the file cannot be expanded")?
            == 0
        {
            return Err("the file has fewer rows");
        }
    }
    let mut bytes = Vec::new();
    let read = reader.take(LONGEST_ROW).read_until(b'\n', &mut bytes);
    match read {
        Ok(0) => Err("the file has fewer rows"),
        Ok(_) => Ok(String::from_utf8_lossy(&bytes).trim_end().to_string()),
        Err(_) => Err("the file cannot be read"),
    }
}

/// A row of a JSON document: the element of its array, or of the only array inside its object.
fn element(reader: Box<dyn Read>, place: u64) -> Result<String, &'static str> {
    let document: serde_json::Value = serde_json::from_reader(reader.take(LONGEST_FILE / 4))
        .map_err(|_| "the document cannot be read")?;
    let list = match &document {
        serde_json::Value::Array(items) => Some(items),
        serde_json::Value::Object(fields) => {
            let mut arrays = fields.values().filter_map(serde_json::Value::as_array);
            let first = arrays.next();
            // With two arrays inside it is not known which one the row counts.
            if arrays.next().is_some() { None } else { first }
        }
        _ => None,
    };
    let index = usize::try_from(place - 1).unwrap_or(usize::MAX);
    match list {
        Some(items) => items
            .get(index)
            .map(ToString::to_string)
            .ok_or("the document has fewer rows"),
        None => Err("open the document; its rows are not one list"),
    }
}

fn told(explanation: &Explanation<'_>, with_recording: bool, pencil: &Pencil) -> String {
    let mut out = String::new();
    for placed in &explanation.claims {
        out += &pencil.paragraph(
            "",
            4,
            &[
                (Tone::Head, placed.claim.id.clone()),
                (Tone::Faint, format!("({})", placed.place)),
                (Tone::Strong, placed.claim.text.clone()),
            ],
        );
    }
    if explanation.evidence.is_empty() {
        out += "\nIt cites no evidence of this report.\n";
    }
    for item in &explanation.evidence {
        out.push('\n');
        out += &observation(item, pencil);
    }
    if !with_recording {
        out.push('\n');
        out += &pencil.paragraph(
            "",
            0,
            &[(
                Tone::Faint,
                "With --recording PATH the raw rows are shown as well.".into(),
            )],
        );
    }
    out
}

fn observation(item: &Grounds<'_>, pencil: &Pencil) -> String {
    let evidence = item.evidence;
    let field = |name: &str, value: String| {
        let label = format!(
            "    {name}{}",
            " ".repeat(11_usize.saturating_sub(name.len()))
        );
        pencil.paragraph(&label, 15, &[(Tone::Plain, value)])
    };
    let mut out = pencil.paragraph(
        "  ",
        4,
        &[
            (Tone::Head, evidence.id.to_string()),
            (
                Tone::Faint,
                format!(
                    "({}, {})",
                    words::source(evidence.source),
                    words::polarity(evidence.polarity)
                ),
            ),
            (Tone::Strong, evidence.says.clone()),
        ],
    );
    out += &field("query", item.asked.clone());
    if let Some(window) = evidence.window {
        out += &field("window", window.to_string());
    }
    let mut statistic = evidence.statistic.name.clone();
    for (name, value) in &evidence.statistic.arguments {
        statistic += &format!(" {name}={value}");
    }
    out += &field("statistic", statistic);
    for (name, value) in &evidence.statistic.values {
        out += &field("  gave", format!("{name} = {value}"));
    }
    out += &field(
        "weight",
        format!(
            "{:+.2} nats, coverage {:.0} %",
            evidence.weight,
            evidence.quality * 100.0
        ),
    );
    out += &field("digest", evidence.digest.clone());
    for row in &item.rows {
        out += &field("row", format!("{}:{}", row.file, row.line));
        if let Some(text) = &row.text {
            out += &pencil.paragraph("               > ", 17, &[(Tone::Plain, text.clone())]);
        }
        if let Some(why) = row.why_not {
            out += &pencil.paragraph(
                "               ",
                15,
                &[(Tone::Warn, format!("not shown: {why}"))],
            );
        }
    }
    for (index, point) in item.points.iter().enumerate() {
        let label = if index == 0 { "points" } else { "" };
        out += &field(label, format!("{}  {}", point.time, number(point.value)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn a_range_goes_from_the_least_number_to_the_greatest() {
        for (ids, told) in [
            ("", "none"),
            ("C7", "C7"),
            ("C38 C3 C63 C9", "C3 to C63 (4)"),
            ("E1 E2 E10", "E1 to E10 (3)"),
        ] {
            let ids = ids.split_whitespace().map(str::to_string).collect();
            assert_eq!(range(ids), told);
        }
    }
}
