//! What is wrong, odd or missing in a recording, before anybody leans on it.

mod clocks;
mod coverage;
mod hidden;
mod series;
mod zones;

use std::collections::BTreeMap;
use std::path::Path;

use model::ports::{ChangeSource, Eyes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::columns::Dropped;
use super::error::{Problem, printable};
use super::layout;
use super::limits::Limits;
use super::recording::{Recording, always, open, read_answer};

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
            series::look(&recording, &mut findings);
            let rows = clocks::compare(&recording, &mut findings);
            coverage = coverage::look(&recording, &rows, &mut findings);
        }
    }
    if let Err(error) = read_answer(root, limits) {
        findings.problem(error.problem());
    }
    if let Ok(folder) = layout::survey(root, limits) {
        zones::look(&folder.files, limits, &mut findings);
        hidden::look(&folder.files, limits, &mut findings);
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
