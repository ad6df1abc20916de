//! Trees as text: time is in milliseconds, indentation is not needed, parents are named.

use super::*;
use proptest::prelude::*;

const MS: i64 = 1_000_000;

fn span(id: u64, parent: u64, entity: u32, start: i64, end: i64) -> Span {
    let kind = SpanKind::Unknown;
    Span {
        trace: 7,
        id,
        parent,
        entity,
        operation: entity,
        start: start * MS,
        end: end * MS,
        error: false,
        kind,
    }
}

/// Entity 1 serves 0..100 and calls entity 2 (client 20..80, server 30..70), which works alone.
fn call() -> Vec<Span> {
    vec![
        span(1, 0, 1, 0, 100),
        span(2, 1, 1, 20, 80),
        span(3, 2, 2, 30, 70),
    ]
}

#[test]
fn own_time_and_gap() {
    let spans = call();
    let forest = Forest::new(&spans);
    assert_eq!(
        (0..3).map(|i| forest.own(i) / MS).collect::<Vec<_>>(),
        [40, 20, 40]
    );
    assert_eq!((forest.gap(1), forest.gap(0)), (Some(20 * MS), None));
    assert_eq!(
        (forest.is_entry(0), forest.is_entry(1), forest.is_entry(2)),
        (true, false, true)
    );
    let t = totals(&forest, 0..1000 * MS);
    let edge = t.edges[&(1, 2)];
    assert_eq!(
        (
            edge.count,
            edge.per_request,
            edge.gap.p50,
            edge.duration.p50
        ),
        (1, 1.0, 20.0, 40.0)
    );
    assert_eq!(
        (
            t.entities[&1].own_per_request,
            t.entities[&2].own_per_request
        ),
        (40.0, 40.0)
    );
}

#[test]
fn parallel_children_count_once() {
    let spans = [
        span(1, 0, 1, 0, 100),
        span(2, 1, 2, 10, 60),
        span(3, 1, 3, 20, 50),
        span(4, 1, 3, 55, 300),
    ];
    let forest = Forest::new(&spans);
    assert_eq!(forest.own(0) / MS, 10);
}

#[test]
fn a_clock_ahead_is_set_back() {
    let mut spans = Vec::new();
    for i in 0..9u64 {
        let at = i as i64 * 1000;
        // The callee's clock is 500 ms behind.
        for (id, parent, entity, from, to) in [
            (1, 0, 1, 0, 100),
            (2, 1, 1, 20, 80),
            (3, 2, 2, -470, -430),
            (4, 3, 2, -460, -440),
        ] {
            spans.push(Span {
                trace: i,
                ..span(id, parent, entity, at + from, at + to)
            });
        }
    }
    let forest = Forest::new(&spans);
    assert_eq!(
        forest.skews,
        [Skew {
            caller: 1,
            callee: 2,
            offset: 500 * MS,
            calls: 9
        }]
    );
    assert_eq!(
        (forest.own(1) / MS, forest.own(2) / MS, forest.start(3) / MS),
        (20, 20, 40)
    );
}

#[test]
fn where_errors_begin() {
    let mut spans = call();
    for s in &mut spans {
        s.error = true;
    }
    let kinds = |spans: &[Span]| {
        error_origins(&Forest::new(spans))
            .iter()
            .map(|o| (o.entity, o.callee, o.kind))
            .collect::<Vec<_>>()
    };
    assert_eq!(kinds(&spans), [(2, None, OriginKind::Own)]);
    // Whoever passes it on without a word about it did not end it.
    spans[1].error = false;
    assert_eq!(kinds(&spans), [(2, None, OriginKind::Own)]);
    spans[1].error = true;
    spans[2].error = false;
    assert_eq!(kinds(&spans), [(1, Some(2), OriginKind::ClientSide)]);
    spans.pop();
    spans[1].kind = SpanKind::Client;
    assert_eq!(kinds(&spans), [(1, None, OriginKind::Unanswered)]);
}

#[test]
fn what_is_wrong_is_tolerated_and_counted() {
    let spans = [
        span(1, 3, 1, 0, 10),
        span(2, 1, 1, 1, 9),
        span(3, 2, 1, 2, 8),
        span(3, 2, 1, 2, 8),
        span(4, 4, 1, 0, 5),
        span(5, 99, 2, 9, 3),
        span(6, 5, 2, i64::MIN / MS, i64::MAX / MS),
    ];
    let forest = Forest::new(&spans);
    let seen = forest.irregularities;
    assert_eq!(
        (seen.duplicates, seen.loops, seen.orphans, seen.negative),
        (1, 2, 1, 1)
    );
    let t = totals(&forest, i64::MIN..i64::MAX);
    assert_eq!(t.operations.values().map(|o| o.count).sum::<usize>(), 6);
    assert!(Forest::new(&[]).skews.is_empty());
}

#[test]
fn both_ends_of_a_call_may_share_an_id() {
    let mut spans = vec![
        span(1, 0, 1, 0, 100),
        span(2, 1, 1, 20, 80),
        span(2, 1, 2, 30, 70),
        span(5, 2, 2, 40, 50),
    ];
    spans[3].operation = 9;
    let forest = Forest::new(&spans);
    assert_eq!(
        (
            forest.irregularities.shared,
            forest.irregularities.duplicates
        ),
        (1, 0)
    );
    assert_eq!(
        (forest.parent(2), forest.parent(3), forest.gap(1)),
        (Some(1), Some(2), Some(20 * MS))
    );
}

#[test]
fn few_calls_are_doubted_and_the_mix_does_not_matter() {
    let spread = |n: usize, at: f64| {
        Spread::of(&mut (0..n).map(|i| at + i as f64 % 5.0).collect::<Vec<_>>())
    };
    let few = shift(&spread(2, 10.0), &spread(2, 110.0));
    let many = shift(&spread(200, 10.0), &spread(200, 110.0));
    assert!(
        few.typical_ms < 50.0 && many.typical_ms > 95.0,
        "{few:?} {many:?}"
    );
    assert!(many.z > 50.0 && shift(&spread(50, 10.0), &spread(50, 10.0)).z == 0.0);
    assert_eq!(shift(&spread(0, 0.0), &spread(5, 1.0)).typical_ms, 0.0);
    let (down, z) = error_shift((0, 100), (50, 100));
    assert!(down > 0.45 && z > 5.0);
    assert!(error_shift((0, 2), (1, 2)).1 < 2.0);
}

#[test]
fn the_slow_way_is_told_from_the_slow_callee() {
    let make = |server: (i64, i64), client: (i64, i64)| {
        let mut spans = Vec::new();
        for i in 0..40u64 {
            let at = i as i64 * 1000;
            spans.push(Span {
                trace: i,
                ..span(1, 0, 1, at, at + 400)
            });
            spans.push(Span {
                trace: i,
                ..span(2, 1, 1, at + client.0, at + client.1)
            });
            spans.push(Span {
                trace: i,
                ..span(3, 2, 2, at + server.0, at + server.1)
            });
        }
        totals(&Forest::new(&spans), 0..i64::MAX)
    };
    let usual = make((30, 70), (20, 80));
    let slow_callee = shifts(&usual, &make((30, 270), (20, 280)));
    let slow_way = shifts(&usual, &make((130, 170), (20, 280)));
    let told = |s: &Shifts| {
        (
            s.entities[&2].own_ms.round() as i64,
            s.entities[&2].gap_in_ms.round() as i64,
        )
    };
    assert!(
        told(&slow_callee).0 > 180 && told(&slow_callee).1 == 0,
        "{:?}",
        told(&slow_callee)
    );
    assert!(
        told(&slow_way).0 == 0 && told(&slow_way).1 > 180,
        "{:?}",
        told(&slow_way)
    );
}

proptest! {
    #[test]
    fn any_spans_are_survived(raw in prop::collection::vec((0u64..3, 0u64..12, 0u64..12, 0u32..4, any::<i64>(), any::<i64>(), any::<bool>()), 0..60)) {
        let spans: Vec<Span> = raw
            .into_iter()
            .map(|(trace, id, parent, entity, start, end, error)| Span { trace, id, parent, entity, operation: 0, start, end, error, kind: SpanKind::Unknown })
            .collect();
        let forest = Forest::new(&spans);
        for (i, s) in spans.iter().enumerate() {
            prop_assert!(forest.own(i) >= 0 && forest.own(i) <= s.duration());
        }
        let t = totals(&forest, i64::MIN..i64::MAX);
        let s = shifts(&t, &t);
        prop_assert!(s.operations.values().all(|o| o.duration.typical_ms == 0.0));
        error_origins(&forest);
    }
}
