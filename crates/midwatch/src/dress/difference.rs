//! What two investigations saw differently: a pure comparison, and how it is told.

use std::collections::BTreeMap;

use model::report::{Cause, Report};
use schemars::JsonSchema;
use serde::Serialize;

use super::pencil::{Pencil, Tone};
use super::text::number;
use super::words;

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Difference {
    /// Which part of the reports: `case`, `rules`, `status`, `verdict`, `symptom`, `cause`,
    /// `ruled_out`, `unknown`, `gap`, `evidence`, `budget`.
    pub part: &'static str,
    /// What it is about.
    pub about: String,
    /// In the first report; `None` when it is in the second only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// In the second report; `None` when it is in the first only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// Everything that differs, in the order in which a reader wants to know it. Ids of claims and
/// evidence count for nothing: they are only places in a list.
pub fn between(first: &Report, second: &Report) -> Vec<Difference> {
    let mut found = Vec::new();
    let (a, b) = (&first.header, &second.header);
    one(&mut found, "case", "case", &a.case, &b.case);
    one(
        &mut found,
        "rules",
        "engine",
        &a.engine.version,
        &b.engine.version,
    );
    one(
        &mut found,
        "rules",
        "rules",
        &a.engine.rules,
        &b.engine.rules,
    );
    one(
        &mut found,
        "budget",
        "reads",
        &a.budget.reads.to_string(),
        &b.budget.reads.to_string(),
    );
    one(
        &mut found,
        "status",
        "status",
        words::status(a.status),
        words::status(b.status),
    );
    verdict(&mut found, first, second);
    keyed(&mut found, "symptom", symptoms(first), symptoms(second));
    causes(&mut found, first, second);
    keyed(&mut found, "ruled_out", ruled_out(first), ruled_out(second));
    keyed(&mut found, "unknown", unknown(first), unknown(second));
    keyed(&mut found, "gap", gaps(first), gaps(second));
    evidence(&mut found, first, second);
    found
}

fn one(found: &mut Vec<Difference>, part: &'static str, about: &str, before: &str, after: &str) {
    if before != after {
        found.push(Difference {
            part,
            about: about.to_string(),
            before: Some(before.to_string()),
            after: Some(after.to_string()),
        });
    }
}

/// Compares two maps by key; the value is what is told.
fn keyed(
    found: &mut Vec<Difference>,
    part: &'static str,
    before: BTreeMap<String, String>,
    mut after: BTreeMap<String, String>,
) {
    for (about, value) in before {
        let other = after.remove(&about);
        if other.as_ref() != Some(&value) {
            found.push(Difference {
                part,
                about,
                before: Some(value),
                after: other,
            });
        }
    }
    for (about, value) in after {
        found.push(Difference {
            part,
            about,
            before: None,
            after: Some(value),
        });
    }
}

fn verdict(found: &mut Vec<Difference>, first: &Report, second: &Report) {
    let lines = first.verdict.len().max(second.verdict.len());
    for place in 0..lines {
        let line = |report: &Report| report.verdict.get(place).map(|claim| claim.text.clone());
        let (before, after) = (line(first), line(second));
        if before != after {
            found.push(Difference {
                part: "verdict",
                about: format!("line {}", place + 1),
                before,
                after,
            });
        }
    }
}

fn symptoms(report: &Report) -> BTreeMap<String, String> {
    report
        .symptoms
        .iter()
        .map(|s| {
            let state = if s.active { "still there" } else { "over" };
            let key = format!("{} of {}", s.aspect, s.entity);
            (
                key,
                format!("{state}, began {}: {}", words::onset(s.onset), s.claim.text),
            )
        })
        .collect()
}

fn causes(found: &mut Vec<Difference>, first: &Report, second: &Report) {
    let told = |report: &Report| -> BTreeMap<String, String> {
        report
            .causes
            .iter()
            .map(|cause| (key_of(cause), told(cause)))
            .collect()
    };
    keyed(found, "cause", told(first), told(second));
    let order = |report: &Report| -> Vec<String> { report.causes.iter().map(key_of).collect() };
    let (before, after) = (order(first), order(second));
    let same_set = {
        let (mut a, mut b) = (before.clone(), after.clone());
        a.sort();
        b.sort();
        a == b
    };
    if same_set {
        one(
            found,
            "cause",
            "order",
            &before.join(", "),
            &after.join(", "),
        );
    }
}

fn key_of(cause: &Cause) -> String {
    format!("{} at {}", cause.mechanism, cause.entity)
}

fn told(cause: &Cause) -> String {
    let change = cause
        .change
        .as_ref()
        .map(|id| format!(", change {id}"))
        .unwrap_or_default();
    format!("{} {:.2}{change}", cause.word.text(), cause.confidence)
}

fn ruled_out(report: &Report) -> BTreeMap<String, String> {
    report
        .ruled_out
        .iter()
        .map(|item| {
            let mechanism = item
                .mechanism
                .as_ref()
                .map(|m| format!("{m} at "))
                .unwrap_or_default();
            let change = item
                .change
                .as_ref()
                .map(|id| format!(", change {id}"))
                .unwrap_or_default();
            let key = format!("{mechanism}{}{change}", item.entity);
            (key, words::ruled_out(&item.reason).to_string())
        })
        .collect()
}

fn unknown(report: &Report) -> BTreeMap<String, String> {
    let scope = report.unknown.as_ref().map(|unknown| {
        let names: Vec<&str> = unknown
            .entities
            .iter()
            .map(model::EntityId::as_str)
            .collect();
        ("scope".to_string(), names.join(", "))
    });
    scope.into_iter().collect()
}

fn gaps(report: &Report) -> BTreeMap<String, String> {
    report
        .gaps
        .iter()
        .map(|gap| {
            let of = gap
                .entity
                .as_ref()
                .map(|id| format!(" of {id}"))
                .unwrap_or_default();
            let gain = format!("{}, could add {:.2}", words::gap_reason(gap.why), gap.gain);
            (format!("{}{of}", gap.wanted), gain)
        })
        .collect()
}

/// Observations are the same when the same function was asked of the same query with the same
/// arguments; then what it found is compared, and after that which rows it read.
fn evidence(found: &mut Vec<Difference>, first: &Report, second: &Report) {
    let all = |report: &Report| -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for item in &report.evidence {
            let arguments: Vec<String> = item
                .statistic
                .arguments
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let values: Vec<String> = item
                .statistic
                .values
                .iter()
                .map(|(name, value)| match value {
                    model::evidence::Value::Number(n) => format!("{name} {}", number(*n)),
                    other => format!("{name} {other}"),
                })
                .collect();
            let mut key = format!("{} of {}", item.statistic.name, item.query);
            if !arguments.is_empty() {
                key += &format!(" with {}", arguments.join(", "));
            }
            let rows: String = item.digest.chars().take(12).collect();
            let told = format!("{} (rows {rows})", values.join(", "));
            // The same question asked twice is told as the first answer and the second.
            let entry: &mut String = all.entry(key).or_default();
            if !entry.is_empty() {
                entry.push_str("; ");
            }
            entry.push_str(&told);
        }
        all
    };
    keyed(found, "evidence", all(first), all(second));
}

/// The differences, for people.
pub fn told_between(differences: &[Difference], names: (&str, &str), pencil: &Pencil) -> String {
    if differences.is_empty() {
        return pencil.paragraph(
            "",
            0,
            &[
                (Tone::Good, "[SAME]".into()),
                (Tone::Plain, "Both investigations saw the same.".into()),
            ],
        );
    }
    let mut out = pencil.paragraph(
        "",
        0,
        &[
            (Tone::Warn, "[DIFFERENT]".into()),
            (
                Tone::Plain,
                match differences.len() {
                    1 => "One thing differs.".to_string(),
                    several => format!("{several} things differ."),
                },
            ),
        ],
    );
    out += &pencil.paragraph("  - ", 4, &[(Tone::Bad, names.0.to_string())]);
    out += &pencil.paragraph("  + ", 4, &[(Tone::Good, names.1.to_string())]);
    let mut part = "";
    for difference in differences {
        if difference.part != part {
            part = difference.part;
            out += &pencil.heading(&part.replace('_', " "));
        }
        out += &pencil.paragraph("  ", 4, &[(Tone::Strong, difference.about.clone())]);
        if let Some(before) = &difference.before {
            out += &pencil.paragraph("    - ", 6, &[(Tone::Bad, before.clone())]);
        }
        if let Some(after) = &difference.after {
            out += &pencil.paragraph("    + ", 6, &[(Tone::Good, after.clone())]);
        }
    }
    out
}
