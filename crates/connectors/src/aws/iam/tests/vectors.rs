//! Every case of the files of cases comes out as expected, and what is said to stand in the way does.

use serde_json::Value;

use crate::aws::iam::simulation::Case;
use crate::aws::iam::{Layer, Verdict};

const NAMED: &str = include_str!("../../../../tests/data/iam/named.json");
const RANDOM: &str = include_str!("../../../../tests/data/iam/random.json");

/// How many cases a file holds; each that came out otherwise, in one line.
fn wrong(text: &str) -> (usize, Vec<String>) {
    let cases: Vec<Case> = serde_json::from_str(text).expect("cases");
    let mut wrong = Vec::new();
    for case in &cases {
        let got = match case.simulation.run() {
            Ok(answer) if answer.verdict == case.expected().expect("a verdict") => continue,
            Ok(answer) => format!("{:?} ({})", answer.verdict, answer.sentence()),
            Err(error) => error.to_string(),
        };
        wrong.push(format!(
            "{}: expected {}, got {got}",
            case.name, case.expect
        ));
    }
    (cases.len(), wrong)
}

#[test]
fn the_named_cases_come_out_as_expected() {
    assert_eq!(wrong(NAMED), (31, Vec::new()));
}

#[test]
fn the_random_cases_come_out_as_expected() {
    assert_eq!(wrong(RANDOM), (400, Vec::new()));
}

#[test]
fn what_stands_in_the_way_is_among_what_decides() {
    let mut looked = 0;
    for text in [NAMED, RANDOM] {
        let blocked: Vec<Value> = serde_json::from_str(text).expect("cases");
        let cases: Vec<Case> = serde_json::from_str(text).expect("cases");
        for (case, told) in cases.iter().zip(blocked) {
            let answer = case.simulation.run().expect("a case");
            for by in told["blocked_by"].as_array().expect("a list") {
                let layer = match by.as_str() {
                    Some("scp") => Layer::ServiceControl,
                    Some("rcp") => Layer::ResourceControl,
                    Some("pb") => Layer::Boundary,
                    _ => Layer::Resource,
                };
                let decides = answer.decided_by.iter().any(|place| place.layer == layer);
                assert!(
                    decides || answer.lacking.contains(&layer),
                    "{}: {layer:?} is not named: {answer:?}",
                    case.name
                );
                looked += 1;
            }
        }
    }
    assert_eq!(looked, 28);
}

#[test]
fn every_denial_names_a_statement_or_what_is_lacking() {
    for text in [NAMED, RANDOM] {
        let cases: Vec<Case> = serde_json::from_str(text).expect("cases");
        for case in &cases {
            let answer = case.simulation.run().expect("a case");
            let named = !answer.decided_by.is_empty();
            match answer.verdict {
                Verdict::ImplicitlyDenied => {
                    assert!(!answer.lacking.is_empty() && !named, "{}", case.name);
                }
                _ => assert!(named && answer.lacking.is_empty(), "{}", case.name),
            }
            assert!(
                answer.missing.is_empty(),
                "{}: {:?}",
                case.name,
                answer.missing
            );
        }
    }
}
