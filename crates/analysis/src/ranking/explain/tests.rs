//! One cause, several, none; and what must not matter.

use super::*;
use proptest::prelude::*;

fn readings(abnormal: &[bool]) -> Vec<Reading> {
    abnormal
        .iter()
        .map(|a| Reading {
            abnormal: *a,
            weight: 1.0,
        })
        .collect()
}

fn ask(reach: &[f64], scores: &[f64], abnormal: &[bool]) -> Explanation {
    explain(
        &Question {
            reach,
            scores,
            readings: &readings(abnormal),
        },
        &Limits::default(),
    )
}

#[test]
fn one_cause_explains_away_its_victims() {
    // Candidate 0 reaches all three symptoms; 1 and 2 only their own.
    let reach = [0.9, 0.9, 0.9, 0.0, 0.95, 0.0, 0.0, 0.0, 0.95];
    let e = ask(&reach, &[1.0, 1.0, 1.0], &[true, true, true]);
    assert_eq!(e.chosen, [0]);
    assert!(
        e.marginals[0] > 0.9 && e.marginals[1] < 0.5,
        "{:?}",
        e.marginals
    );
    assert!(e.unexplained.is_empty() && e.value > e.nothing);
}

#[test]
fn a_healthy_reading_speaks_against_the_broad_cause() {
    let reach = [0.9, 0.9, 0.9, 0.9, 0.0, 0.0];
    let e = ask(&reach, &[1.0, 1.0], &[true, false, false]);
    assert_eq!(e.chosen, [1]);
    assert!(e.marginals[1] > 0.9, "{:?}", e.marginals);
}

#[test]
fn three_disjoint_symptoms_have_three_causes() {
    let mut reach = [0.0; 9];
    for i in 0..3 {
        reach[i * 3 + i] = 0.9;
    }
    let e = ask(&reach, &[1.0, 0.5, 0.0], &[true, true, true]);
    assert_eq!(e.chosen, [0, 1, 2]);
    assert_eq!(e.subsets[0].0, [0, 1, 2]);
}

#[test]
fn too_weak_a_candidate_leaves_the_symptom_unexplained() {
    let e = ask(&[0.9], &[-6.0], &[true]);
    assert!(e.chosen.is_empty());
    assert_eq!(e.unexplained, [0]);
    let none = ask(&[], &[], &[true, false]);
    assert_eq!((none.chosen.len(), none.unexplained), (0, vec![0]));
}

#[test]
fn hostile_numbers_are_harmless() {
    let e = ask(
        &[f64::NAN, 7.0, f64::INFINITY, -1.0],
        &[f64::NAN, f64::INFINITY],
        &[true, false],
    );
    assert_eq!(e.chosen, [1]);
    assert!(e.subsets.iter().all(|s| s.1.is_finite()));
    let short = explain(
        &Question {
            reach: &[0.5],
            scores: &[1.0, 2.0],
            readings: &readings(&[true, true]),
        },
        &Limits::default(),
    );
    assert!(short.marginals.iter().all(|m| (0.0..=1.0).contains(m)));
}

fn net() -> impl Strategy<Value = (Vec<f64>, Vec<f64>, Vec<bool>)> {
    (1usize..8, 1usize..8).prop_flat_map(|(c, r)| {
        let p = prop_oneof![Just(0.0), 0.05f64..0.99];
        (
            prop::collection::vec(p, c * r),
            prop::collection::vec(-4f64..6.0, c),
            prop::collection::vec(any::<bool>(), r),
        )
    })
}

proptest! {
    #[test]
    fn order_does_not_matter((reach, scores, abnormal) in net()) {
        let (c, r) = (scores.len(), abnormal.len());
        let a = ask(&reach, &scores, &abnormal);
        let back: Vec<f64> = (0..c).rev().flat_map(|i| (0..r).rev().map(move |j| (i, j))).map(|(i, j)| reach[i * r + j]).collect();
        let scores_back: Vec<f64> = scores.iter().rev().copied().collect();
        let abnormal_back: Vec<bool> = abnormal.iter().rev().copied().collect();
        let b = ask(&back, &scores_back, &abnormal_back);
        let turned: Vec<usize> = b.chosen.iter().rev().map(|i| c - 1 - i).collect();
        prop_assert_eq!(&a.chosen, &turned);
        for i in 0..c {
            prop_assert!((a.marginals[i] - b.marginals[c - 1 - i]).abs() < 1e-9);
            prop_assert!((0.0..=1.0).contains(&a.marginals[i]));
        }
        prop_assert!((a.subsets.iter().map(|s| s.1).sum::<f64>() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn irrelevant_candidates_change_nothing((mut reach, mut scores, abnormal) in net(), extra in 1usize..20, s in -5f64..9.0) {
        let a = ask(&reach, &scores, &abnormal);
        let before = scores.len();
        reach.extend(vec![0.0; extra * abnormal.len()]);
        scores.extend(vec![s; extra]);
        let b = ask(&reach, &scores, &abnormal);
        prop_assert_eq!(&a.chosen, &b.chosen);
        prop_assert_eq!(&a.subsets, &b.subsets);
        prop_assert_eq!(&a.marginals[..], &b.marginals[..before]);
    }

    #[test]
    fn greedy_is_as_good_as_trying_all((reach, scores, abnormal) in net()) {
        let e = ask(&reach, &scores, &abnormal);
        let all = readings(&abnormal);
        let question = Question { reach: &reach, scores: &scores, readings: &all };
        let limits = Limits::default();
        let net = Net::new(&question, &limits);
        let mut every = std::collections::BTreeMap::new();
        net.subsets(&net.useful, 6, &mut every);
        let best = every.values().copied().fold(f64::NEG_INFINITY, f64::max);
        // Swaps reach the best set, or one that is as probable within a factor of three.
        prop_assert!(e.value >= best - 1.1, "{} against {}", e.value, best);
    }
}
