//! The bench on a tiny made-up set, with engines that always say the same.

use std::fs;
use std::path::Path;

use connectors::files::datasets::Suite;
use model::mechanism::{Category, MechanismId};
use model::ports::Eyes;
use model::report::{
    BudgetLimit, Cause, Claim, Cost, EngineVersion, Header, Ranked, Report, SCHEMA, Score, Status,
    Word,
};
use model::{EntityId, EvidenceId};

use super::*;

/// Three nodes, `shop` calls `stock` calls `shelf`; the shelf is at fault.
fn set(folder: &Path) {
    let write = |name: &str, text: &str| {
        let file = folder.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    };
    write(
        "made/graph.csv",
        ",shop,stock,shelf_remote\nshop,0,1,0\nstock,0,0,1\nshelf_remote,0,0,0\n",
    );
    let head = "microservice,shop,stock,shelf_remote\nmetric,latency,latency,latency\nstatistic,Average,Average,Average\nunix_timestamp,,,\n";
    let mut normal = head.to_string();
    for row in 0..50 {
        normal.push_str(&format!("{},0.1,0.05,0.02\n", 1_700_000_000 + row * 300));
    }
    write("made/noissue/metrics.csv", &normal);
    for number in 0..2 {
        let folder = format!("made/test/issue_{number}");
        write(
            &format!("{folder}/metrics.csv"),
            &format!("{head}1690000000,0.1,0.05,0.02\n1690000300,0.9,0.8,0.7\n"),
        );
        write(
            &format!("{folder}/target.json"),
            r#"{"target": {"node": "shop", "metric": "latency", "agg": "Average", "timestamp": 1690000310}, "root_cause": {"node": "shelf_remote"}}"#,
        );
    }
}

/// A report that blames `order` in this order with falling scores; equal names tie.
fn report(eyes: &dyn Eyes, order: &[(&str, f64)], convict: bool) -> Report {
    let manifest = eyes.manifest();
    let claim = Claim {
        id: "C1".to_string(),
        text: "it is the shelf".to_string(),
        evidence: vec![EvidenceId(1)],
    };
    let cause = |name: &str| Cause {
        entity: EntityId::from(name),
        mechanism: MechanismId("component.own-latency".to_string()),
        title: String::new(),
        category: Category::ComponentFailure,
        change: None,
        word: Word::Confirmed,
        confidence: 0.9,
        caps: Vec::new(),
        score: Score::default(),
        onset: None,
        claim: claim.clone(),
        supports: Vec::new(),
        contradicts: Vec::new(),
        predictions: Vec::new(),
        path: Vec::new(),
        explains: Vec::new(),
        mitigations: Vec::new(),
    };
    let causes = order
        .iter()
        .take(usize::from(convict))
        .map(|(name, _)| cause(name))
        .collect();
    Report {
        schema: SCHEMA.to_string(),
        header: Header {
            case: manifest.id.clone(),
            title: String::new(),
            status: if convict {
                Status::CauseFound
            } else {
                Status::Unknown
            },
            severity: None,
            started: None,
            detected: None,
            resolved: None,
            looked_at: manifest.now,
            window: manifest.window,
            engine: EngineVersion {
                version: String::new(),
                rules: String::new(),
            },
            budget: BudgetLimit { reads: 1 },
        },
        verdict: vec![claim.clone()],
        alarms: Vec::new(),
        impact: Vec::new(),
        symptoms: Vec::new(),
        causes,
        ranking: order
            .iter()
            .map(|(name, score)| Ranked {
                entity: EntityId::from(*name),
                mechanism: None,
                change: None,
                score: *score,
                confidence: 0.1,
            })
            .collect(),
        ruled_out: Vec::new(),
        latent: Vec::new(),
        unknown: None,
        gaps: Vec::new(),
        timeline: Vec::new(),
        precedents: Vec::new(),
        pictures: Vec::new(),
        entities: Vec::new(),
        evidence: Vec::new(),
        queries: Vec::new(),
        cost: Cost::default(),
        sources: Vec::new(),
        ledger: String::new(),
    }
}

fn bench(options: &Options, order: &[(&str, f64)], convict: bool) -> BenchResult {
    let folder = tempfile::tempdir().unwrap();
    set(folder.path());
    run(
        Suite::PetShop,
        folder.path(),
        options,
        &|eyes| report(eyes, order, convict),
        &|_, _| 0,
        &|_| {},
    )
    .unwrap()
}

#[test]
fn a_right_cause_ranks_first_and_is_the_exact_set() {
    let result = bench(
        &Options::default(),
        &[("node/shelf_remote", 3.0), ("node/stock", 1.0)],
        true,
    );
    let latency = &result.systems["latency"];
    assert_eq!(
        (latency.cases, latency.ac1, latency.exact_set),
        (2, 1.0, 1.0)
    );
    assert_eq!(
        (result.overall.false_convictions, result.overall.abstentions),
        (0, 0)
    );
    assert!(
        (latency.ece - 0.1).abs() < 1e-9,
        "said 0.9, was always right: {}",
        latency.ece
    );
}

#[test]
fn ties_count_as_their_expected_rank() {
    let tied = [
        ("node/shop", 1.0),
        ("node/stock", 1.0),
        ("node/shelf_remote", 1.0),
    ];
    let result = bench(&Options::default(), &tied, false);
    assert_eq!(result.cases[0].rank, Some(2.0));
    assert_eq!(
        (
            result.overall.ac1,
            result.overall.ac3,
            result.overall.abstentions
        ),
        (0.0, 1.0, 2)
    );
}

#[test]
fn a_wrong_confirmed_verdict_is_a_false_conviction() {
    let result = bench(&Options::default(), &[("node/shop", 3.0)], true);
    assert_eq!(result.overall.false_convictions, 2);
    assert_eq!(result.overall.ac1, 0.0);
}

#[test]
fn the_json_is_the_contract() {
    let result = bench(&Options::default(), &[("node/shelf_remote", 3.0)], true);
    let json = serde_json::to_value(&result).unwrap();
    let names: Vec<&String> = json["macro"].as_object().unwrap().keys().collect();
    let mut wanted = [
        "cases",
        "ac1",
        "ac3",
        "ac5",
        "avg5",
        "exact_set",
        "false_convictions",
        "decoy_hits",
        "abstentions",
        "ece",
        "brier",
        "soundness",
        "ms_p50",
        "ms_p95",
    ];
    wanted.sort_unstable();
    let mut names: Vec<&str> = names.into_iter().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, wanted);
    assert_eq!(json["suite"], "petshop");
    assert_eq!(json["cases"].as_array().unwrap().len(), 2);
}

#[test]
fn a_filter_that_leaves_nothing_says_so() {
    let folder = tempfile::tempdir().unwrap();
    set(folder.path());
    let options = Options {
        cases: vec!["nine".to_string()],
        ..Options::default()
    };
    let failed = run(
        Suite::PetShop,
        folder.path(),
        &options,
        &|eyes| report(eyes, &[], false),
        &|_, _| 0,
        &|_| {},
    );
    assert!(
        failed
            .unwrap_err()
            .to_string()
            .contains("made/test/issue_0")
    );
}

#[test]
fn pairs_are_of_different_cases_and_repeatable() {
    let some = pairs(5, 100, 3);
    assert_eq!(some, pairs(5, 100, 3));
    assert!(some.iter().all(|(a, b)| a != b && *a < 5 && *b < 5));
    assert!(pairs(1, 10, 3).is_empty());
}
