//! Speed of traces, graphs and the joint explanation on an estate's worth of input.

use analysis::graph::{Edge, Graph, best_path, components, reach, smallest_part};
use analysis::ranking::{Limits, Question, Reading, explain};
use analysis::traces::{Forest, Span, SpanKind, error_origins, shifts, totals};
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

/// Repeatable numbers.
fn hash(i: u64) -> u64 {
    let mut x = i
        .wrapping_add(0x9E37_79B9_7F4A_7C15)
        .wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x ^= x >> 27;
    x.wrapping_mul(0x94D0_49BB_1331_11EB) ^ (x >> 31)
}

/// Traces of 20 spans over 200 entities.
fn spans(count: u64) -> Vec<Span> {
    (0..count)
        .map(|i| {
            let (trace, place) = (i / 20, i % 20);
            let start = trace as i64 * 1_000_000 + place as i64 * 10_000;
            Span {
                trace: hash(trace),
                id: hash(i),
                parent: if place == 0 {
                    0
                } else {
                    hash(trace * 20 + hash(i) % place)
                },
                entity: (hash(i / 2) % 200) as u32,
                operation: (hash(i / 2) % 1000) as u32,
                start,
                end: start + 900_000 - place as i64 * 40_000,
                error: hash(i).is_multiple_of(50),
                kind: SpanKind::Unknown,
            }
        })
        .collect()
}

/// Link, origins, totals of two windows, shifts: 200,000 spans must stay under 200 ms.
#[divan::bench(sample_count = 20)]
fn traces_200_000_spans(bencher: Bencher) {
    let spans = spans(200_000);
    let middle = 5_000 * 1_000_000;
    bencher.bench_local(|| {
        let forest = Forest::new(&spans);
        black_box(error_origins(&forest));
        black_box(shifts(
            &totals(&forest, 0..middle),
            &totals(&forest, middle..i64::MAX),
        ));
    });
}

fn estate() -> Graph {
    let edges: Vec<Edge> = (0..50_000u64)
        .map(|i| Edge {
            from: (hash(i) % 10_000) as u32,
            to: (hash(i + 99_999) % 10_000) as u32,
            confidence: 0.8,
        })
        .collect();
    Graph::new(10_000, &edges)
}

#[divan::bench]
fn graph_build_10_000_nodes_50_000_edges(bencher: Bencher) {
    bencher.bench_local(|| black_box(estate()));
}

#[divan::bench]
fn graph_reach_4_hops(bencher: Bencher) {
    let graph = estate();
    bencher.bench_local(|| black_box(reach(&graph, 17, 4)));
}

#[divan::bench]
fn graph_best_path(bencher: Bencher) {
    let graph = estate();
    bencher.bench_local(|| black_box(best_path(&graph, 17, 4_711)));
}

#[divan::bench]
fn graph_components(bencher: Bencher) {
    let graph = estate();
    bencher.bench_local(|| black_box(components(&graph)));
}

#[divan::bench]
fn graph_smallest_part_of_20_symptoms(bencher: Bencher) {
    let graph = estate();
    let symptoms: Vec<u32> = (0..20).map(|i| i * 100).collect();
    bencher.bench_local(|| black_box(smallest_part(&graph, &symptoms, &[], 4)));
}

/// Candidates and readings of a usual case, and of a large one.
#[divan::bench(args = [(20, 20), (200, 60), (1000, 200)])]
fn explain_candidates_by_readings(bencher: Bencher, (candidates, readings): (u64, u64)) {
    let reach: Vec<f64> = (0..candidates * readings)
        .map(|i| {
            if hash(i).is_multiple_of(5) {
                (hash(i + 7) % 100) as f64 / 100.0
            } else {
                0.0
            }
        })
        .collect();
    let scores: Vec<f64> = (0..candidates)
        .map(|i| (hash(i) % 80) as f64 / 10.0 - 4.0)
        .collect();
    let readings: Vec<Reading> = (0..readings)
        .map(|i| Reading {
            abnormal: hash(i * 31).is_multiple_of(3),
            weight: 1.0,
        })
        .collect();
    let question = Question {
        reach: &reach,
        scores: &scores,
        readings: &readings,
    };
    bencher.bench_local(|| black_box(explain(&question, &Limits::default())));
}
