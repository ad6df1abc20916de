//! Does a report still follow from its recording?
//!
//! The investigation is deterministic, so it is run again, and every sentence, number, id and digest of
//! the report is held against what follows from the recording now. What differs is named.

use std::collections::{BTreeMap, BTreeSet};

use model::ports::Eyes;
use model::report::{Report, SCHEMA};
use model::{Evidence, EvidenceId};
use serde_json::Value;

use crate::compose;

/// One thing in a report that does not follow from the recording.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Discrepancy {
    /// Which claim (`C7`), evidence (`E3`) or part (`header.status`) is wrong.
    pub at: String,
    /// What is wrong with it.
    pub what: String,
    /// As the report has it.
    pub reported: String,
    /// As it follows from the recording.
    pub derived: String,
}

/// Everything in `report` that does not follow from what `eyes` show; empty when all of it does.
pub fn verify(report: &Report, eyes: &dyn Eyes) -> Vec<Discrepancy> {
    let mut wrong = form(report);
    let engine = compose::engine();
    if report.header.engine != engine {
        wrong.push(Discrepancy {
            at: "header.engine".to_string(),
            what: "the report was made by other rules; re-derived with the rules of this program"
                .to_string(),
            reported: format!(
                "{} {}",
                report.header.engine.version, report.header.engine.rules
            ),
            derived: format!("{} {}", engine.version, engine.rules),
        });
    }
    let derived = crate::investigate(eyes, report.header.budget, &mut |_| {});
    wrong.extend(against(report, &derived));
    wrong
}

/// Everything in `report` that differs from `derived`, the report that follows from the same recording.
pub fn against(report: &Report, derived: &Report) -> Vec<Discrepancy> {
    let mut wrong = Vec::new();
    compare_evidence(report, derived, &mut wrong);
    compare_claims(report, derived, &mut wrong);
    compare_rest(report, derived, &mut wrong);
    wrong
}

/// What can be seen to be wrong without the recording: ids that do not exist, claims without evidence.
pub fn form(report: &Report) -> Vec<Discrepancy> {
    let mut wrong = Vec::new();
    let mut say = |at: &str, what: &str, reported: String, derived: &str| {
        wrong.push(Discrepancy {
            at: at.to_string(),
            what: what.to_string(),
            reported,
            derived: derived.to_string(),
        });
    };
    if report.schema != SCHEMA {
        say("schema", "unknown schema", report.schema.clone(), SCHEMA);
    }
    let mut ids: BTreeSet<EvidenceId> = BTreeSet::new();
    for evidence in &report.evidence {
        if !ids.insert(evidence.id) {
            say(
                &evidence.id.to_string(),
                "two pieces of evidence share this id",
                evidence.id.to_string(),
                "unique ids",
            );
        }
    }
    let mut names: BTreeSet<&str> = BTreeSet::new();
    for claim in report.claims() {
        if !names.insert(&claim.id) {
            say(
                &claim.id,
                "two claims share this id",
                claim.id.clone(),
                "unique ids",
            );
        }
        if claim.evidence.is_empty() {
            say(
                &claim.id,
                "cites no evidence (J3)",
                claim.text.clone(),
                "at least one evidence id",
            );
        }
        for id in claim.evidence.iter().filter(|id| !ids.contains(id)) {
            say(
                &claim.id,
                "cites evidence that is not in the report (J3)",
                id.to_string(),
                "an id of the evidence list",
            );
        }
    }
    wrong
}

fn compare_evidence(report: &Report, derived: &Report, wrong: &mut Vec<Discrepancy>) {
    let truth: BTreeMap<EvidenceId, &Evidence> =
        derived.evidence.iter().map(|e| (e.id, e)).collect();
    let reported: BTreeMap<EvidenceId, &Evidence> =
        report.evidence.iter().map(|e| (e.id, e)).collect();
    for (id, evidence) in &reported {
        match truth.get(id) {
            None => wrong.push(Discrepancy {
                at: id.to_string(),
                what: "this evidence does not follow from the recording".to_string(),
                reported: evidence.says.clone(),
                derived: "nothing".to_string(),
            }),
            Some(true_one) => differences(&id.to_string(), &json(evidence), &json(true_one), wrong),
        }
    }
    for (id, evidence) in truth.iter().filter(|(id, _)| !reported.contains_key(id)) {
        wrong.push(Discrepancy {
            at: id.to_string(),
            what: "evidence is missing from the report".to_string(),
            reported: "nothing".to_string(),
            derived: evidence.says.clone(),
        });
    }
    let order = |r: &Report| r.evidence.iter().map(|e| e.id).collect::<Vec<_>>();
    if order(report) != order(derived) && reported.len() == truth.len() {
        wrong.push(Discrepancy {
            at: "evidence".to_string(),
            what: "the evidence stands in another order, or some of it twice".to_string(),
            reported: format!("{} pieces", report.evidence.len()),
            derived: format!("{} pieces", derived.evidence.len()),
        });
    }
}

fn compare_claims(report: &Report, derived: &Report, wrong: &mut Vec<Discrepancy>) {
    let truth: BTreeMap<&str, _> = derived
        .claims()
        .into_iter()
        .map(|c| (c.id.as_str(), c))
        .collect();
    let reported: BTreeMap<&str, _> = report
        .claims()
        .into_iter()
        .map(|c| (c.id.as_str(), c))
        .collect();
    for (id, claim) in &reported {
        match truth.get(id) {
            None => wrong.push(Discrepancy {
                at: (*id).to_string(),
                what: "this claim does not follow from the recording".to_string(),
                reported: claim.text.clone(),
                derived: "nothing".to_string(),
            }),
            Some(true_one) => {
                if claim.text != true_one.text {
                    wrong.push(Discrepancy {
                        at: (*id).to_string(),
                        what: "the sentence differs".to_string(),
                        reported: claim.text.clone(),
                        derived: true_one.text.clone(),
                    });
                }
                if claim.evidence != true_one.evidence {
                    wrong.push(Discrepancy {
                        at: (*id).to_string(),
                        what: "the cited evidence differs".to_string(),
                        reported: format!("{:?}", claim.evidence),
                        derived: format!("{:?}", true_one.evidence),
                    });
                }
            }
        }
    }
    for (id, claim) in truth.iter().filter(|(id, _)| !reported.contains_key(*id)) {
        wrong.push(Discrepancy {
            at: (*id).to_string(),
            what: "a claim is missing from the report".to_string(),
            reported: "nothing".to_string(),
            derived: claim.text.clone(),
        });
    }
}

/// Everything that is neither a claim nor evidence, part by part.
fn compare_rest(report: &Report, derived: &Report, wrong: &mut Vec<Discrepancy>) {
    let (Value::Object(reported), Value::Object(truth)) = (json(report), json(derived)) else {
        return;
    };
    let before = wrong.len();
    // A part that only one of the two has is left out of the other's document.
    let parts: BTreeSet<&String> = truth
        .keys()
        .chain(reported.keys())
        .filter(|part| *part != "evidence")
        .collect();
    let part_of = |document: &serde_json::Map<String, Value>, part: &str| {
        document.get(part).cloned().unwrap_or(Value::Null)
    };
    for part in parts {
        differences(
            part,
            &part_of(&reported, part),
            &part_of(&truth, part),
            wrong,
        );
    }
    // A number of a cause, a symptom or a line of the timeline belongs to the claim that stands with it.
    for found in &mut wrong[before..] {
        if let Some(claim) = claim_of(report, &found.at) {
            found.at = format!("{claim} ({})", found.at);
        }
    }
    // A claim that differs was named already; saying it again by its place helps nobody.
    let named: BTreeSet<(String, String)> = wrong[..before]
        .iter()
        .map(|d| (d.reported.clone(), d.derived.clone()))
        .collect();
    let mut index = 0;
    wrong.retain(|d| {
        index += 1;
        index <= before
            || !named.contains(&(d.reported.clone(), d.derived.clone()))
                && !d.at.starts_with("header.engine")
    });
}

/// The claim that stands with a part such as `causes[1].confidence`.
fn claim_of(report: &Report, part: &str) -> Option<String> {
    let (list, rest) = part.split_once('[')?;
    let index: usize = rest.split_once(']')?.0.parse().ok()?;
    let claim = match list {
        "causes" => &report.causes.get(index)?.claim,
        "symptoms" => &report.symptoms.get(index)?.claim,
        "ruled_out" => &report.ruled_out.get(index)?.claim,
        "latent" => &report.latent.get(index)?.claim,
        "timeline" => &report.timeline.get(index)?.claim,
        "precedents" => &report.precedents.get(index)?.claim,
        _ => return None,
    };
    Some(claim.id.clone())
}

fn json<T: serde::Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}

/// The last bit of a number may be lost where a file is read: such numbers are the same.
fn is_same_number(reported: &Value, derived: &Value) -> bool {
    let (Value::Number(reported), Value::Number(derived)) = (reported, derived) else {
        return false;
    };
    match (reported.as_f64(), derived.as_f64()) {
        (Some(a), Some(b)) if reported.is_f64() && derived.is_f64() => {
            // Halved, because the difference of two of the largest numbers is none.
            (a / 2.0 - b / 2.0).abs() <= f64::EPSILON * a.abs().max(b.abs())
        }
        _ => false,
    }
}

/// The leaves at which two documents differ, at most sixteen.
fn differences(at: &str, reported: &Value, derived: &Value, wrong: &mut Vec<Discrepancy>) {
    if reported == derived || wrong.len() > 400 || is_same_number(reported, derived) {
        return;
    }
    match (reported, derived) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                differences(
                    &format!("{at}.{key}"),
                    a.get(key).unwrap_or(&Value::Null),
                    b.get(key).unwrap_or(&Value::Null),
                    wrong,
                );
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (x, y)) in a.iter().zip(b).enumerate() {
                differences(&format!("{at}[{i}]"), x, y, wrong);
            }
        }
        _ => wrong.push(Discrepancy {
            at: at.to_string(),
            what: "the value differs".to_string(),
            reported: crate::words::clip(&reported.to_string(), 300),
            derived: crate::words::clip(&derived.to_string(), 300),
        }),
    }
}
