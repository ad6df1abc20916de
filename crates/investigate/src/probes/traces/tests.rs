//! A small estate with a known fault, told by its spans.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use model::ports::{
    ChangeSource, Eyes, KnowledgeSource, LogSource, MetricSource, Runbook, Scanned, StateSource,
    TopologySource, TraceSource,
};
use model::query::Answer;
use model::recording::{BaselineKind, BaselineWindow, Manifest, SCHEMA};
use model::telemetry::SpanKind;
use model::{
    Alarm, Change, Entity, EntityId, EntityKind, Event, LogLine, Series, Severity, SpanRow,
    StateSnapshot, TimeWindow, Timestamp, Topology,
};
use proptest::prelude::*;

use super::*;

/// A span of the fake: (trace, id, parent, unit, operation, kind, start ms, length ms, failed).
type FakeSpan = (
    u64,
    u64,
    u64,
    &'static str,
    &'static str,
    SpanKind,
    i64,
    i64,
    bool,
);

/// A line of the fake: (at ms, unit, severity, body, trace, span).
type FakeLine = (i64, &'static str, Option<Severity>, String, u64, u64);

/// An incident of 60 s before and 60 s during, on four units.
pub(crate) struct Fake {
    manifest: Manifest,
    pub(crate) spans: Vec<FakeSpan>,
    pub(crate) lines: Vec<FakeLine>,
    file: Arc<str>,
}

const UNITS: [&str; 4] = ["front", "ts-cart", "ts-price", "ts-stock"];

fn window(from: i64, to: i64) -> TimeWindow {
    TimeWindow::new(Timestamp::from_seconds(from), Timestamp::from_seconds(to)).expect("forward")
}

impl Fake {
    pub(crate) fn new() -> Self {
        Self {
            manifest: Manifest {
                schema: SCHEMA.to_string(),
                id: "fake".to_string(),
                title: "slow".to_string(),
                now: Timestamp::from_seconds(120),
                window: window(60, 120),
                baselines: vec![BaselineWindow {
                    window: window(0, 60),
                    kind: BaselineKind::Near,
                }],
                gaps: Vec::new(),
                sources: Vec::new(),
                origin: String::new(),
                licence: String::new(),
            },
            spans: Vec::new(),
            lines: Vec::new(),
            file: "spans.json".into(),
        }
    }

    /// `front` asks `ts-cart`, which asks `ts-price` and `ts-stock`. Times in ms: on the wire to price, and
    /// own time of stock.
    pub(crate) fn trace(&mut self, number: u64, at: i64, wire: i64, stock: i64, failed: bool) {
        let id = |n: u64| number * 10 + n;
        let (client, server) = (SpanKind::Client, SpanKind::Server);
        let price = 5 + wire;
        let all = 20 + price + stock;
        let t = number + 1;
        self.spans.extend([
            (t, id(1), 0, "front", "/buy", server, at, all + 10, failed),
            (
                t,
                id(2),
                id(1),
                "front",
                "POST",
                client,
                at + 2,
                all + 4,
                failed,
            ),
            (
                t,
                id(3),
                id(2),
                "ts-cart",
                "/cart",
                server,
                at + 4,
                all,
                failed,
            ),
            (
                t,
                id(4),
                id(3),
                "ts-cart",
                "GET",
                client,
                at + 6,
                price + 1,
                failed,
            ),
            (
                t,
                id(5),
                id(4),
                "ts-price",
                "/price",
                server,
                at + 6 + wire / 2,
                5,
                failed,
            ),
            (
                t,
                id(6),
                id(3),
                "ts-cart",
                "GET",
                client,
                at + 10 + price,
                stock + 1,
                false,
            ),
            (
                t,
                id(7),
                id(6),
                "ts-stock",
                "/stock",
                server,
                at + 10 + price,
                stock,
                false,
            ),
        ]);
    }
}

impl MetricSource for Fake {
    fn series(&self) -> Answer<Vec<Arc<Series>>> {
        Answer::Nothing
    }
}

impl LogSource for Fake {
    fn scan(
        &self,
        _: Option<&EntityId>,
        window: TimeWindow,
        visit: &mut dyn FnMut(&LogLine<'_>) -> ControlFlow<()>,
    ) -> Answer<Scanned> {
        let mut rows = 0;
        for (at, unit, severity, body, trace, span) in &self.lines {
            let time = Timestamp(at * 1_000_000);
            if !window.contains(time) {
                continue;
            }
            rows += 1;
            let (trace, span) = (format!("{trace:x}"), format!("{span:x}"));
            let line = LogLine {
                time,
                entity: &EntityId::from(*unit),
                severity: *severity,
                body,
                attributes: &[],
                trace_id: if *span == *"0" { "" } else { &trace },
                span_id: if *span == *"0" { "" } else { &span },
                file: &self.file,
                line: rows,
            };
            if visit(&line).is_break() {
                break;
            }
        }
        Answer::Found(Scanned { rows, bytes: 0 })
    }
}

impl TraceSource for Fake {
    fn scan(
        &self,
        window: TimeWindow,
        visit: &mut dyn FnMut(&SpanRow<'_>) -> ControlFlow<()>,
    ) -> Answer<Scanned> {
        let mut rows = 0;
        for &(trace, id, parent, unit, name, kind, start, length, error) in &self.spans {
            let start = Timestamp(start * 1_000_000);
            if !window.contains(start) {
                continue;
            }
            rows += 1;
            let row = SpanRow {
                trace_id: &format!("{trace:x}"),
                span_id: &format!("{id:x}"),
                parent_id: &if parent == 0 {
                    String::new()
                } else {
                    format!("{parent:x}")
                },
                entity: &EntityId::from(unit),
                name,
                kind,
                start,
                end: start.plus(model::time::Span(length * 1_000_000)),
                error,
                message: if error { "boom" } else { "" },
                peer: "",
                attributes: &[],
                file: &self.file,
                line: rows,
            };
            if visit(&row).is_break() {
                break;
            }
        }
        Answer::Found(Scanned { rows, bytes: 0 })
    }
}

impl ChangeSource for Fake {
    fn changes(&self, _: TimeWindow) -> Answer<Vec<Change>> {
        Answer::Nothing
    }
}

impl TopologySource for Fake {
    fn topology(&self, _: TimeWindow) -> Answer<Topology> {
        let entities = UNITS
            .iter()
            .map(|name| Entity {
                id: EntityId::from(*name),
                kind: EntityKind::Service,
                name: (*name).to_string(),
                labels: BTreeMap::new(),
            })
            .collect();
        Answer::Found(Topology {
            entities,
            edges: Vec::new(),
        })
    }
}

impl StateSource for Fake {
    fn snapshots(&self, _: TimeWindow) -> Answer<Vec<StateSnapshot>> {
        Answer::Nothing
    }
    fn events(&self, _: TimeWindow) -> Answer<Vec<Event>> {
        Answer::Nothing
    }
}

impl KnowledgeSource for Fake {
    fn runbooks(&self) -> Answer<Vec<Runbook>> {
        Answer::Nothing
    }
}

impl Eyes for Fake {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }
    fn alarms(&self) -> &[Alarm] {
        &[]
    }
}

fn edge<'a>(scene: &Scene, edges: &'a [EdgeFact], caller: &str, callee: &str) -> &'a EdgeFact {
    edges
        .iter()
        .find(|e| scene.name(e.caller) == caller && scene.name(e.callee) == callee)
        .expect("edge")
}

#[test]
fn a_delay_on_the_wire_shows_on_its_edge_only() {
    let mut fake = Fake::new();
    for n in 0..20 {
        fake.trace(n, 1000 + 2000 * n as i64, 2, 10, false);
        fake.trace(100 + n, 61_000 + 2000 * n as i64, 302, 10, false);
    }
    let scene = Scene::read(&fake);
    let (edges, work, requests, answer) = traces(&fake, &scene);
    assert!(matches!(answer, Answer::Found(Scanned { rows: 280, .. })));
    let slow = edge(&scene, &edges, "ts-cart", "ts-price");
    assert_eq!(
        (slow.calls, slow.errors, slow.gap_calls),
        ((20, 20), (0, 0), (20, 20))
    );
    assert!(
        slow.gap_z > 50.0 && slow.gap_ms.1 - slow.gap_ms.0 > 250.0,
        "{slow:?}"
    );
    assert_eq!(slow.raw.len(), 5);
    let onset = slow.gap_onset.expect("onset");
    assert!(
        onset.hi >= Timestamp::from_seconds(61) && onset.lo < onset.hi,
        "{onset:?}"
    );
    for (caller, callee) in [("front", "ts-cart"), ("ts-cart", "ts-stock")] {
        let fine = edge(&scene, &edges, caller, callee);
        assert!(
            fine.gap_z.abs() < 1.0 && fine.gap_onset.is_none(),
            "{fine:?}"
        );
        assert_eq!(fine.calls_per_request, (1.0, 1.0));
    }
    // Nobody's own time changed: cart waits for price, and front for cart.
    assert!(work.iter().all(|w| w.own_z.abs() < 1.0), "{work:?}");
    assert_eq!(requests.requests.len(), 160);
}

#[test]
fn own_time_leaves_out_calls_and_failures_have_an_origin() {
    let mut fake = Fake::new();
    for n in 0..20 {
        fake.trace(n, 1000 + 2000 * n as i64, 2, 10, false);
        fake.trace(100 + n, 61_000 + 2000 * n as i64, 2, 90, n % 2 == 0);
    }
    let scene = Scene::read(&fake);
    let (_, work, _, _) = traces(&fake, &scene);
    let told: Vec<String> = work
        .iter()
        .map(|w| {
            let slower = if w.own_z > 3.0 { " slower" } else { "" };
            format!(
                "{} {:?}{slower} {:?}",
                scene.name(w.unit),
                w.origin_errors,
                w.messages
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "front (0, 0) []",
            "ts-cart (0, 0) []",
            "ts-price (0, 10) [\"boom\"]",
            "ts-stock (0, 0) slower []"
        ]
    );
}

#[test]
fn nothing_to_compare_with_says_nothing() {
    let mut fake = Fake::new();
    fake.trace(1, 70_000, 2, 10, false);
    let scene = Scene::read(&fake);
    let (edges, work, _, _) = traces(&fake, &scene);
    assert!(
        edges
            .iter()
            .all(|e| e.gap_z == 0.0 && e.gap_calls == (0, 0))
    );
    assert!(work.iter().all(|w| w.own_z == 0.0 && w.requests == (0, 1)));
    let empty = Fake::new();
    assert!(matches!(traces(&empty, &scene).3, Answer::Nothing));
}

proptest! {
    /// Hostile spans: any links, any times. No panic, and the order of rows matters to nothing but raw refs.
    #[test]
    fn any_spans_are_judged(rows in prop::collection::vec(
        (0_u64..4, 0_u64..12, 0_u64..12, 0_usize..4, -10_i64..130_000, 0_i64..5000, any::<bool>()), 0..60)
    ) {
        let mut fake = Fake::new();
        fake.spans = rows
            .iter()
            .map(|&(t, id, parent, unit, at, ms, bad)| (t, id, parent, UNITS[unit], "op", SpanKind::Unspecified, at, ms, bad))
            .collect();
        let scene = Scene::read(&fake);
        let (edges, work, requests, _) = traces(&fake, &scene);
        prop_assert!(edges.iter().all(|e| e.gap_ms.0.is_finite() && e.gap_ms.1 >= 0.0 && e.gap_z.is_finite()));
        prop_assert!(work.iter().all(|w| w.own_ms.0 >= 0.0 && w.own_z.is_finite()));
        for r in 0..requests.requests.len() as u32 {
            prop_assert!((requests.unit(r) as usize) < scene.entities.len());
        }
    }
}
