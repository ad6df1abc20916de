//! What could be told before anything happens, for the terminal, for code scanning and for CI.

use investigate::readiness::{Counts, Failure, Readiness, Sight, Signal, Unit};
use model::SourceKind;
use serde_json::{Value, json};

use super::page;
use super::pencil::{Pencil, Tone};
use super::words;

/// So many pieces of advice for one entity are read; `--entity` shows them all.
const MOST_ADVICE: usize = 3;
/// So many names stand in one sentence.
const MOST_NAMES: usize = 5;

/// A line for the whole, and a few for each entity: what to collect first.
pub fn overview(readiness: &Readiness, pencil: &Pencil) -> String {
    let mut out = head(readiness.counts, readiness.units.len(), pencil);
    for unit in &readiness.units {
        out += &title(unit, pencil);
        out += &advice(unit, MOST_ADVICE, pencil);
    }
    out += &gaps(readiness, pencil);
    if readiness.units.is_empty() {
        out += "Nothing that could fail is known: no entity, no telemetry.\n";
    } else {
        out += &pencil.paragraph(
            "\n",
            0,
            &[(
                Tone::Faint,
                "One entity closely, failure by failure: --entity ID".to_string(),
            )],
        );
    }
    out
}

/// Each failure of the entities that are left.
pub fn closely(readiness: &Readiness, pencil: &Pencil) -> String {
    let mut out = String::new();
    for unit in &readiness.units {
        out += &title(unit, pencil);
        out += &advice(unit, usize::MAX, pencil);
        for sight in [Sight::Blind, Sight::Hinted, Sight::Named] {
            let failures: Vec<&Failure> =
                unit.failures.iter().filter(|f| f.sight == sight).collect();
            if failures.is_empty() {
                continue;
            }
            out += &pencil.heading(&format!(
                "{} ({})",
                words::capital(sight.word()),
                failures.len()
            ));
            for failure in failures {
                out += &pencil.paragraph(
                    "  ",
                    6,
                    &[
                        (Tone::Strong, failure.mechanism.clone()),
                        (Tone::Plain, failure.title.clone()),
                        (Tone::Faint, reason(failure)),
                    ],
                );
            }
        }
    }
    out + &gaps(readiness, pencil)
}

fn head(counts: Counts, entities: usize, pencil: &Pencil) -> String {
    pencil.heading(&format!(
        "{} of {} ways to fail could be named ({:.0} %), over {} {}",
        counts.named,
        counts.total(),
        counts.share() * 100.0,
        entities,
        if entities == 1 { "entity" } else { "entities" },
    ))
}

fn title(unit: &Unit, pencil: &Pencil) -> String {
    let counts = unit.counts;
    let name = pencil.paragraph(
        "\n",
        2,
        &[
            (Tone::Strong, unit.entity.to_string()),
            (Tone::Faint, format!("({})", unit.kind.word())),
        ],
    );
    let counts = pencil.paragraph(
        "  ",
        4,
        &[
            (Tone::Plain, pencil.meter(counts.share(), 10)),
            (
                Tone::Plain,
                format!(
                    "{} named, {} hinted at, {} blind",
                    counts.named, counts.hinted, counts.blind
                ),
            ),
        ],
    );
    name + &counts
}

fn advice(unit: &Unit, most: usize, pencil: &Pencil) -> String {
    let mut out = String::new();
    for advice in unit.advice.iter().take(most) {
        out += &pencil.paragraph(
            "  ",
            4,
            &[
                (Tone::Plain, format!("collect {}:", said(&advice.signal))),
                (Tone::Faint, format!("{} more could be named", advice.opens)),
            ],
        );
    }
    out
}

fn gaps(readiness: &Readiness, pencil: &Pencil) -> String {
    if readiness.gaps.is_empty() {
        return String::new();
    }
    let mut out = pencil.heading("What could not be looked into");
    for gap in &readiness.gaps {
        out += &pencil.paragraph(
            "  ",
            4,
            &[
                (Tone::Strong, gap.wanted.clone()),
                (Tone::Plain, words::gap_reason(gap.why).to_string()),
                (Tone::Plain, gap.detail.clone()),
                (Tone::Faint, gap.how_to_close.clone()),
            ],
        );
    }
    out
}

fn said(signal: &Signal) -> &str {
    &signal.what
}

fn reason(failure: &Failure) -> String {
    let list = |signals: &[Signal]| signals.iter().map(said).collect::<Vec<_>>().join("; ");
    match failure.sight {
        Sight::Named => format!("by {}", list(&failure.seen_by)),
        Sight::Hinted if failure.missing.is_empty() => {
            format!(
                "only by {}: no sign of its own is known",
                list(&failure.seen_by)
            )
        }
        Sight::Hinted => format!(
            "only by {}; missing: {}",
            list(&failure.seen_by),
            list(&failure.missing)
        ),
        Sight::Blind => format!("missing: {}", list(&failure.missing)),
    }
}

/// SARIF 2.1.0: one result for each signal that an entity lacks.
/// <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>
pub fn sarif(readiness: &Readiness) -> String {
    let sources = [
        SourceKind::Metrics,
        SourceKind::Logs,
        SourceKind::Traces,
        SourceKind::Changes,
        SourceKind::State,
        SourceKind::Events,
    ];
    let rules: Vec<Value> = sources
        .iter()
        .map(|source| {
            let word = words::source(*source);
            json!({
                "id": format!("collect-{word}"),
                "shortDescription": {"text": format!("{} that would name failures are not collected", words::capital(word))},
                "defaultConfiguration": {"level": "warning"},
            })
        })
        .collect();
    let results: Vec<Value> = readiness
        .units
        .iter()
        .flat_map(|unit| unit.advice.iter().map(move |advice| (unit, advice)))
        .map(|(unit, advice)| {
            let word = words::source(advice.signal.source);
            json!({
                "ruleId": format!("collect-{word}"),
                "level": "warning",
                "message": {"text": format!(
                    "Collect {} of {}: {} more ways to fail could be named ({}).",
                    said(&advice.signal), unit.entity, advice.opens, opened(unit, &advice.signal),
                )},
                "locations": [{"logicalLocations": [{
                    "fullyQualifiedName": unit.entity,
                    "kind": "resource",
                }]}],
                "partialFingerprints": {"midwatch/v1": format!("{}: {}", unit.entity, said(&advice.signal))},
                "properties": {"opens": advice.opens},
            })
        })
        .collect();
    super::json(&json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "midwatch audit",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "results": results,
        }],
    }))
}

/// The first few failures that lack the signal.
fn opened(unit: &Unit, signal: &Signal) -> String {
    let mut names: Vec<&str> = unit
        .failures
        .iter()
        .filter(|f| f.sight != Sight::Named && f.missing.contains(signal))
        .map(|f| f.mechanism.as_str())
        .collect();
    let more = names.len().saturating_sub(MOST_NAMES);
    names.truncate(MOST_NAMES);
    let mut text = names.join(", ");
    if more > 0 {
        text += ", …";
    }
    text
}

/// JUnit's XML, as CI systems read it: a suite for each entity, a test for each failure; a blind one fails, one that is
/// only hinted at is skipped.
pub fn junit(readiness: &Readiness) -> String {
    page::fill("readiness.xml", readiness)
}
