//! Small drawn graphs, and hostile ones.

use super::*;
use proptest::prelude::*;

/// "0>1 1>2" with confidence one, or "0>1:0.5".
fn drawn(nodes: u32, text: &str) -> Graph {
    let edges: Vec<Edge> = text
        .split_whitespace()
        .map(|e| {
            let (pair, confidence) = e.split_once(':').unwrap_or((e, "1"));
            let (from, to) = pair.split_once('>').unwrap();
            Edge {
                from: from.parse().unwrap(),
                to: to.parse().unwrap(),
                confidence: confidence.parse().unwrap(),
            }
        })
        .collect();
    Graph::new(nodes, &edges)
}

#[test]
fn the_strongest_path_wins_and_hops_bound_it() {
    let g = drawn(4, "0>3:0.3 0>1 1>2 2>3");
    let (path, strength) = best_path(&g, 0, 3).unwrap();
    assert_eq!(path, [0, 1, 2, 3]);
    assert!((strength - 0.729).abs() < 1e-12);
    let near = reach(&g, 0, 2);
    assert!((near[&3].strength - 0.27).abs() < 1e-12 && near[&3].hops == 1);
    let far = reach(&g, 0, 3);
    assert!((far[&3].strength - 0.729).abs() < 1e-12 && far[&3].previous == 2);
    assert_eq!(best_path(&g, 3, 0), None);
    assert!(reach(&g, 99, 3).is_empty());
    assert_eq!(neighbourhood(&g, &[3], 1), [0, 2, 3]);
}

#[test]
fn loops_fold_and_order_holds() {
    let g = drawn(6, "0>1 1>2 2>1 2>3 3>4 4>3 5>0");
    let c = components(&g);
    let mut sizes: Vec<Vec<u32>> = c.members.clone();
    sizes.sort();
    assert_eq!(sizes, [vec![0], vec![1, 2], vec![3, 4], vec![5]]);
    for v in 0..6 {
        for (w, _) in g.out(v) {
            assert!(c.of[v as usize] <= c.of[w as usize]);
        }
    }
}

#[test]
fn the_lowest_node_that_explains_all() {
    // 0 holds up 1, 1 holds up 2 and 3; 4 stands alone.
    let g = drawn(6, "0>1 1>2 1>3 5>2");
    let part = smallest_part(&g, &[2, 3], &[], 4);
    assert_eq!((part.heads, part.nodes), (vec![1], vec![1, 2, 3]));
    // With 1 shown to be healthy there are two faults: nothing passes through it.
    let part = smallest_part(&g, &[2, 3], &[1], 4);
    assert_eq!(part.heads, [2, 3]);
    let part = smallest_part(&g, &[2, 3, 4], &[], 4);
    assert_eq!(part.heads, [1, 4]);
    let part = smallest_part(&g, &[2, 99], &[2], 4);
    assert_eq!((part.heads.len(), part.unreached), (0, vec![2]));
}

#[test]
fn a_loop_is_one_suspect() {
    let g = drawn(4, "0>1 1>0 0>2 1>3");
    let part = smallest_part(&g, &[2, 3], &[], 4);
    assert_eq!(part.heads, [0, 1]);
}

#[test]
fn wrong_edges_are_counted() {
    let e = |from, to, confidence| Edge {
        from,
        to,
        confidence,
    };
    let g = Graph::new(
        3,
        &[
            e(0, 1, 0.5),
            e(0, 1, 0.9),
            e(1, 1, 1.0),
            e(0, 7, 1.0),
            e(1, 2, f64::NAN),
            e(2, 0, 3.0),
        ],
    );
    let seen = g.irregularities;
    assert_eq!(
        (seen.nowhere, seen.to_self, seen.repeated, seen.confidence),
        (1, 1, 1, 2)
    );
    assert_eq!(g.out(0).collect::<Vec<_>>(), [(1, 0.9)]);
    assert_eq!(g.out(9).count(), 0);
    assert!(Graph::new(0, &[]).is_empty());
}

#[test]
fn a_long_chain_does_not_exhaust_the_stack() {
    let edges: Vec<Edge> = (0..99_999)
        .map(|i| Edge {
            from: i,
            to: i + 1,
            confidence: 1.0,
        })
        .collect();
    let g = Graph::new(100_000, &edges);
    assert_eq!(components(&g).members.len(), 100_000);
}

proptest! {
    #[test]
    fn reach_agrees_with_paths_and_order_of_edges_is_nothing(raw in prop::collection::vec((0u32..9, 0u32..9, 0.0f64..1.0), 0..40)) {
        let mut edges: Vec<Edge> = raw.into_iter().map(|(from, to, confidence)| Edge { from, to, confidence }).collect();
        let a = Graph::new(9, &edges);
        edges.reverse();
        let b = Graph::new(9, &edges);
        let all = reach(&a, 0, 9);
        prop_assert_eq!(&all, &reach(&b, 0, 9));
        for to in 0..9 {
            match best_path(&a, 0, to) {
                Some((_, s)) => prop_assert!((s - all[&to].strength).abs() < 1e-12),
                None => prop_assert!(!all.contains_key(&to)),
            }
        }
        let part = smallest_part(&a, &[1, 2, 3], &[4], 9);
        prop_assert!(part.unreached.is_empty() && !part.nodes.contains(&4));
        for s in 1..4 {
            prop_assert!(part.heads.iter().any(|h| reach(&a, *h, 9).contains_key(&s)));
        }
    }
}
