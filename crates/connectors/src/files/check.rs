//! What is wrong, odd or missing in a recording, before anybody leans on it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;

use model::ports::{ChangeSource, Eyes, LogSource, TraceSource};
use model::{EntityId, Series};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::columns::Dropped;
use super::error::{FilesError, Problem, printable};
use super::layout::{self, Role};
use super::limits::Limits;
use super::moment::{Zone, moment_and_zone};
use super::recording::{Recording, always, open, read_answer};
use super::rows::{self, Column, column};
use super::secrets::{self, SecretKind};
use super::source::{DataFile, Lines};
use super::stream::Writing;
use super::table::Header;

/// How bad a finding is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// The recording cannot be used, or must not be passed on.
    Error,
    /// It can be used, and may mislead.
    Warning,
    /// Good to know.
    Note,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// How bad.
    pub grade: Grade,
    /// What it is about: `clock`, `unit`, `gap`, `coverage`, `secret`, …
    pub about: String,
    /// Path within the recording; empty where it is about the whole.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub file: String,
    /// Line or row, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// What was found.
    pub found: String,
    /// What to do about it.
    pub remedy: String,
}

/// What is there of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// Was it collected at all?
    pub collected: bool,
    /// Points, lines, spans.
    pub rows: u64,
    /// Entities of the topology that have some.
    pub entities: u64,
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckReport {
    /// Can it be investigated and passed on?
    pub sound: bool,
    /// Findings, the worst first.
    pub findings: Vec<Finding>,
    /// By kind: `metrics`, `logs`, `traces`.
    pub coverage: BTreeMap<String, Coverage>,
    /// Entities.
    pub entities: u64,
    /// What was harmless and left out when it was opened.
    pub dropped: Dropped,
}

/// Secrets of one sort in one file that are listed one by one; the rest is counted.
const LISTED: usize = 3;
/// Rows whose times are looked at for their zone.
const ZONE_ROWS: usize = 200;
/// Traces that are remembered to compare clocks.
const TRACES: usize = 200_000;

struct Findings(Vec<Finding>);

impl Findings {
    fn add(
        &mut self,
        grade: Grade,
        about: &str,
        file: &str,
        line: Option<u64>,
        found: String,
        remedy: &str,
    ) {
        self.0.push(Finding {
            grade,
            about: about.to_string(),
            file: file.to_string(),
            line,
            found: printable(&found, 400),
            remedy: remedy.to_string(),
        });
    }

    fn problem(&mut self, problem: &Problem) {
        self.0.push(Finding {
            grade: Grade::Error,
            about: serde_json::to_value(problem.fault)
                .ok()
                .and_then(|v| v.as_str().map(str::to_string))
                .unwrap_or_default(),
            file: problem.file.clone(),
            line: problem.line,
            found: format!("{}; expected {}", problem.found, problem.expected),
            remedy: problem.remedy.clone(),
        });
    }
}

/// Checks the recording in the folder `root`. What keeps it from being opened is the first finding.
pub fn check(root: &Path, limits: &Limits) -> CheckReport {
    let mut findings = Findings(Vec::new());
    let mut coverage = BTreeMap::new();
    let mut entities = 0;
    let mut dropped = Dropped::default();
    match open(root, limits) {
        Err(error) => findings.problem(error.problem()),
        Ok(recording) => {
            dropped = *recording.dropped();
            entities = recording.known_topology().entities.len() as u64;
            head(&recording, &mut findings);
            left_out(&recording, &mut findings);
            series(&recording, &mut findings);
            let (logs, spans) = clocks(&recording, &mut findings);
            coverage = covered(&recording, &logs, &spans, &mut findings);
        }
    }
    if let Err(error) = read_answer(root, limits) {
        findings.problem(error.problem());
    }
    if let Ok(folder) = layout::survey(root, limits) {
        zones(&folder.files, limits, &mut findings);
        hidden(&folder.files, limits, &mut findings);
    }
    findings.0.sort();
    findings.0.dedup();
    CheckReport {
        sound: findings
            .0
            .iter()
            .all(|finding| finding.grade != Grade::Error),
        findings: findings.0,
        coverage,
        entities,
        dropped,
    }
}

fn head(recording: &Recording, findings: &mut Findings) {
    let manifest = recording.manifest();
    let file = "recording.json";
    if manifest.licence.is_empty() {
        let remedy = "say under which licence the data may be used (`licence`, an SPDX id)";
        findings.add(
            Grade::Note,
            "licence",
            file,
            None,
            "no licence is given".into(),
            remedy,
        );
    }
    if recording.alarms().is_empty() {
        let remedy = "add alarms.json: an investigation begins with what somebody noticed";
        findings.add(
            Grade::Warning,
            "alarm",
            "",
            None,
            "no alarms".into(),
            remedy,
        );
    }
    for alarm in recording
        .alarms()
        .iter()
        .filter(|a| a.fired_at > manifest.now)
    {
        let found = format!(
            "alarm {} fired at {}, after `now` ({})",
            alarm.id, alarm.fired_at, manifest.now
        );
        let remedy = "set `now` to when the looking happened, or mend the alarm's clock";
        findings.add(
            Grade::Error,
            "clock",
            &alarm.raw.file,
            Some(alarm.raw.line),
            found,
            remedy,
        );
    }
    for (name, why) in recording
        .passed_over()
        .iter()
        .filter(|(_, why)| *why != "a licence or note")
    {
        let remedy =
            "move it out of the recording, or into the form that docs/recordings.md has for it";
        findings.add(
            Grade::Note,
            "file",
            name,
            None,
            format!("passed over: {why}"),
            remedy,
        );
    }
    for change in recording.changes(always()).found().unwrap_or_default() {
        if change.entities.is_empty() && change.files.is_empty() && change.diff.is_none() {
            let found = format!(
                "change {} says neither whom it touched nor what it altered",
                change.id
            );
            let remedy =
                "add `entities`, `files` or `diff`: else it can only be judged by its time";
            findings.add(
                Grade::Note,
                "change",
                &change.raw.file,
                Some(change.raw.line),
                found,
                remedy,
            );
        }
    }
}

fn left_out(recording: &Recording, findings: &mut Findings) {
    let dropped = recording.dropped();
    let now = recording.manifest().now;
    for (count, grade, about, found, remedy) in [
        (
            dropped.not_finite,
            Grade::Note,
            "number",
            "metric points are NaN, infinite or empty and were left out".to_string(),
            "nothing, unless they should be numbers",
        ),
        (
            dropped.after_now,
            Grade::Warning,
            "clock",
            format!("rows are later than `now` ({now}) and were left out"),
            "check `now` and the clocks: nothing after the looking is read",
        ),
        (
            dropped.same_moment,
            Grade::Warning,
            "duplicate",
            "metric points repeat a moment of their series; the first of each was kept".into(),
            "check for a column (zone, pod, method) that was left out of the export and tells the series apart",
        ),
        (
            dropped.out_of_order,
            Grade::Warning,
            "clock",
            "metric points stand before an earlier one of their series; they were put in order"
                .into(),
            "nothing if the export is unsorted; else check the source's clock",
        ),
        (
            dropped.backward_spans,
            Grade::Warning,
            "clock",
            "spans end before they begin; their ends were swapped".into(),
            "check the clocks of the processes that wrote them",
        ),
    ] {
        if count > 0 {
            findings.add(grade, about, "", None, format!("{count} {found}"), remedy);
        }
    }
}

/// The usual distance between points, in nanoseconds; `None` below three points.
fn step(series: &Series) -> Option<i64> {
    let mut steps: Vec<i64> = series.times.windows(2).map(|w| w[1] - w[0]).collect();
    let middle = steps.len() / 2;
    (steps.len() >= 2).then(|| *steps.select_nth_unstable(middle).1)
}

fn series(recording: &Recording, findings: &mut Findings) {
    let Some(all) = recording.known_series() else {
        return;
    };
    let mut units: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    let mut unitless = BTreeSet::new();
    let mut holes = Vec::new();
    for series in all {
        let key = &series.key;
        if key.unit.is_empty() {
            unitless.insert(key.metric.as_str());
        } else {
            units
                .entry((&key.metric, &key.statistic))
                .or_default()
                .insert(&key.unit);
        }
        if let Some(step) = step(series) {
            let lost = series
                .times
                .windows(2)
                .map(|w| (w[1] - w[0], w[0]))
                .filter(|(length, _)| *length > step.saturating_mul(3))
                .max();
            if let Some((length, from)) = lost {
                holes.push((length, from, key));
            }
        }
    }
    for ((metric, _), units) in units.iter().filter(|(_, units)| units.len() > 1) {
        let units: Vec<&str> = units.iter().copied().collect();
        let found = format!("metric {metric} comes in the units {}", units.join(", "));
        findings.add(
            Grade::Warning,
            "unit",
            "",
            None,
            found,
            "write one metric in one unit",
        );
    }
    if !unitless.is_empty() {
        let found = format!("{} metrics have no unit", unitless.len());
        findings.add(Grade::Note, "unit", "", None, found, "add a `unit` column");
    }
    holes.sort_by(|a, b| b.0.cmp(&a.0).then(a.2.cmp(b.2)));
    for (length, from, key) in holes.iter().take(5) {
        let from = model::Timestamp(*from);
        let found = format!(
            "series {key} has nothing for {} after {from}",
            model::time::Span(*length)
        );
        let remedy = "say in `gaps` why, if it is known: a hole is not a healthy reading";
        findings.add(Grade::Note, "gap", "", None, found, remedy);
    }
    if holes.len() > 5 {
        let found = format!(
            "{} more series have holes of more than three steps",
            holes.len() - 5
        );
        findings.add(
            Grade::Note,
            "gap",
            "",
            None,
            found,
            "say in `gaps` why, if it is known",
        );
    }
    let window = recording.manifest().window;
    let inside = all
        .iter()
        .filter(|s| !s.range(window.from(), window.to()).is_empty())
        .count();
    if inside == 0 && !all.is_empty() {
        let found = format!("no metric point lies inside of the window {window}");
        findings.add(
            Grade::Error,
            "clock",
            "",
            None,
            found,
            "check time zones, and `window` in recording.json",
        );
    }
    let before = all
        .iter()
        .any(|s| s.times.first().is_some_and(|t| *t < window.from().0));
    if !before && !all.is_empty() {
        let remedy = "record at least as long before the window as inside of it: without it, normal is a guess";
        let found = "no metric point lies before the window".into();
        findings.add(Grade::Warning, "coverage", "", None, found, remedy);
    }
}

type Rows = BTreeMap<EntityId, u64>;

/// Counts rows by entity, and compares the clocks of logs and spans that share a trace.
fn clocks(recording: &Recording, findings: &mut Findings) -> (Rows, Rows) {
    let window = recording.manifest().window;
    let (mut logs, mut spans) = (Rows::new(), Rows::new());
    let mut traces: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    let mut inside = (0u64, 0u64);
    let _ = TraceSource::scan(recording, always(), &mut |span| {
        count(&mut spans, span.entity);
        inside.1 += u64::from(window.contains(span.start));
        if !span.trace_id.is_empty() {
            if let Some((first, last)) = traces.get_mut(span.trace_id) {
                *first = (*first).min(span.start.0);
                *last = (*last).max(span.end.0);
            } else if traces.len() < TRACES {
                traces.insert(span.trace_id.to_string(), (span.start.0, span.end.0));
            }
        }
        ControlFlow::Continue(())
    });
    // Per file: rows that stand before an earlier one, the first such line, and the latest time.
    let mut files: BTreeMap<String, (u64, u64, i64)> = BTreeMap::new();
    let mut skews: BTreeMap<EntityId, Vec<i64>> = BTreeMap::new();
    let _ = LogSource::scan(recording, None, always(), &mut |line| {
        count(&mut logs, line.entity);
        inside.0 += u64::from(window.contains(line.time));
        if !files.contains_key(&**line.file) {
            files.insert(line.file.to_string(), (0, 0, i64::MIN));
        }
        if let Some((back, first, latest)) = files.get_mut(&**line.file) {
            // Within a second, writers with buffers overtake one another.
            if line.time.0 < latest.saturating_sub(model::time::SECOND) {
                *back += 1;
                if *first == 0 {
                    *first = line.line;
                }
            }
            *latest = (*latest).max(line.time.0);
        }
        if let Some((first, last)) = traces.get(line.trace_id) {
            let off = if line.time.0 < *first {
                line.time.0 - first
            } else {
                (line.time.0 - last).max(0)
            };
            let known = skews.entry(line.entity.clone()).or_default();
            if known.len() < 10_000 {
                known.push(off);
            }
        }
        ControlFlow::Continue(())
    });
    for (file, (back, first, _)) in files.iter().filter(|(_, (back, ..))| *back > 0) {
        let found = format!("{back} rows are more than a second before an earlier row");
        let remedy = "nothing if the file was merged from several writers; else check the clock";
        findings.add(Grade::Note, "clock", file, Some(*first), found, remedy);
    }
    for (entity, mut offs) in skews.into_iter().filter(|(_, offs)| offs.len() >= 5) {
        let middle = offs.len() / 2;
        let off = *offs.select_nth_unstable(middle).1;
        if off.abs() > model::time::SECOND {
            let found = format!(
                "log lines of {entity} lie {} outside of the spans of their traces",
                model::time::Span(off)
            );
            let remedy = "correct the clock of one source (a whole number of hours is a time zone)";
            findings.add(Grade::Warning, "clock", "", None, found, remedy);
        }
    }
    for (inside, all, what) in [(inside.0, &logs, "log line"), (inside.1, &spans, "span")] {
        if inside == 0 && !all.is_empty() {
            let found = format!("no {what} lies inside of the window {window}");
            let remedy = "check time zones, and `window` in recording.json";
            findings.add(Grade::Error, "clock", "", None, found, remedy);
        }
    }
    (logs, spans)
}

fn count(rows: &mut Rows, entity: &EntityId) {
    match rows.get_mut(entity) {
        Some(count) => *count += 1,
        None => {
            rows.insert(entity.clone(), 1);
        }
    }
}

fn covered(
    recording: &Recording,
    logs: &Rows,
    spans: &Rows,
    findings: &mut Findings,
) -> BTreeMap<String, Coverage> {
    let mut metrics = Rows::new();
    for series in recording.known_series().unwrap_or_default() {
        *metrics.entry(series.key.entity.clone()).or_default() += series.times.len() as u64;
    }
    let mut out = BTreeMap::new();
    for (name, collected, rows) in [
        ("metrics", recording.known_series().is_some(), &metrics),
        ("logs", recording.has_logs(), logs),
        ("traces", recording.has_traces(), spans),
    ] {
        let known = recording.gaps().iter().any(|gap| gap.wanted == name);
        if !collected && !known {
            let found = format!("no {name}, and no gap says why");
            let remedy = "collect them, or say in `gaps` of recording.json why not";
            findings.add(Grade::Note, "coverage", "", None, found, remedy);
        }
        out.insert(
            name.to_string(),
            Coverage {
                collected,
                rows: rows.values().sum(),
                entities: rows.len() as u64,
            },
        );
    }
    let topology = recording.known_topology();
    let silent: Vec<&str> = topology
        .entities
        .iter()
        .map(|entity| &entity.id)
        .filter(|id| {
            ![&metrics, logs, spans]
                .iter()
                .any(|rows| rows.contains_key(*id))
        })
        .map(EntityId::as_str)
        .collect();
    if !silent.is_empty() {
        let some: Vec<&str> = silent.iter().copied().take(5).collect();
        let found = format!(
            "{} entities have no metrics, logs or spans: {}",
            silent.len(),
            some.join(", ")
        );
        let remedy = "collect something of each, or say in `gaps` why not";
        findings.add(Grade::Note, "coverage", "", None, found, remedy);
    }
    if topology.edges.is_empty() && topology.entities.len() > 1 {
        let remedy =
            "add edges to topology.json, or traces: without them a failure cannot be followed";
        findings.add(
            Grade::Warning,
            "topology",
            "",
            None,
            "no edges between entities".into(),
            remedy,
        );
    }
    out
}

/// How the first rows of each file write their times.
fn zones(files: &[(DataFile, Role)], limits: &Limits, findings: &mut Findings) {
    let mut said: BTreeMap<Zone, Vec<&str>> = BTreeMap::new();
    for (file, role) in files {
        let mut here = BTreeSet::new();
        let read = match role {
            Role::MetricsTable => table_zones(file, limits, &mut here),
            Role::Rows(Writing::Table(..)) => table_zones(file, limits, &mut here),
            Role::Rows(Writing::Ndjson(_)) => row_zones(file, limits, &mut here),
            _ => Ok(()),
        };
        // What cannot be read was reported when the recording was opened.
        if read.is_ok() {
            for zone in here {
                said.entry(zone).or_default().push(&file.name);
            }
        }
    }
    let offsets: Vec<(&Zone, &Vec<&str>)> = said
        .iter()
        .filter(|(zone, _)| matches!(zone, Zone::Offset(_)))
        .collect();
    if let Some(files) = said.get(&Zone::Unsaid)
        && let Some(first) = files.first()
    {
        let found = format!(
            "times without a zone in {} files; they were taken as UTC",
            files.len()
        );
        findings.add(
            Grade::Warning,
            "clock",
            first,
            None,
            found,
            "write times with `Z` or an offset",
        );
    }
    let utc = said.contains_key(&Zone::Utc) || said.contains_key(&Zone::Epoch);
    if offsets.len() > 1 || (!offsets.is_empty() && utc) {
        let some: Vec<String> = offsets
            .iter()
            .map(|(zone, files)| format!("{zone:?} in {}", files[0]))
            .collect();
        let found = format!("times are written in several zones: {}", some.join(", "));
        findings.add(
            Grade::Note,
            "clock",
            "",
            None,
            found,
            "nothing if the offsets are true; UTC everywhere is safer",
        );
    }
}

fn table_zones(
    file: &DataFile,
    limits: &Limits,
    out: &mut BTreeSet<Zone>,
) -> Result<(), FilesError> {
    let mut lines = Lines::new(file, limits.line_bytes, limits)?;
    let Some(first) = lines.next_record()? else {
        return Ok(());
    };
    let header = Header::read(file, &first)?;
    let Some(time) = header
        .names
        .iter()
        .position(|n| matches!(column(n), Column::Time | Column::Start))
    else {
        return Ok(());
    };
    for _ in 0..ZONE_ROWS {
        let Some(line) = lines.next_record()? else {
            break;
        };
        let cells = super::table::cells(line.bytes, header.separator);
        out.extend(
            cells
                .get(time)
                .and_then(|cell| moment_and_zone(cell))
                .map(|(_, zone)| zone),
        );
    }
    Ok(())
}

fn row_zones(file: &DataFile, limits: &Limits, out: &mut BTreeSet<Zone>) -> Result<(), FilesError> {
    let mut lines = Lines::new(file, limits.line_bytes, limits)?;
    for _ in 0..ZONE_ROWS {
        let Some(line) = lines.next()? else {
            break;
        };
        let mut fields = Vec::new();
        let Ok(text) = std::str::from_utf8(line.bytes) else {
            break;
        };
        if rows::fields(&mut super::json::Json::new(text), &mut fields).is_ok() {
            let times = fields
                .iter()
                .filter(|f| !f.inner && matches!(column(&f.name), Column::Time | Column::Start));
            out.extend(
                times
                    .filter_map(|f| moment_and_zone(f.value.as_bytes()))
                    .map(|(_, zone)| zone),
            );
        }
    }
    Ok(())
}

/// Looks for secrets in every line of every file.
fn hidden(files: &[(DataFile, Role)], limits: &Limits, findings: &mut Findings) {
    type Found = BTreeMap<SecretKind, (u64, Vec<(u64, String)>)>;
    let found: Vec<(&DataFile, Found)> = files
        .par_iter()
        .map(|(file, _)| {
            let mut found = Found::new();
            let Ok(mut lines) = Lines::new(file, limits.request_bytes, limits) else {
                return (file, found);
            };
            // A line that cannot be read was reported when the recording was opened.
            while let Ok(Some(line)) = lines.next() {
                let text = String::from_utf8_lossy(line.bytes);
                for (kind, shown) in secrets::find(&text) {
                    let (count, listed) = found.entry(kind).or_default();
                    *count += 1;
                    if listed.len() < LISTED {
                        listed.push((line.number, shown));
                    }
                }
            }
            (file, found)
        })
        .collect();
    for (file, kinds) in found {
        for (kind, (count, listed)) in kinds {
            let (grade, remedy) = if kind.personal() {
                (
                    Grade::Warning,
                    "replace personal data before the recording is passed on",
                )
            } else {
                (
                    Grade::Error,
                    "take it out, and revoke it: whoever has the recording has the secret",
                )
            };
            let more = count - listed.len() as u64;
            for (line, shown) in &listed {
                let found = format!("{}: {shown}", kind.word());
                findings.add(grade, "secret", &file.name, Some(*line), found, remedy);
            }
            if more > 0 {
                let found = format!("{more} more of this sort ({})", kind.word());
                findings.add(grade, "secret", &file.name, None, found, remedy);
            }
        }
    }
}
