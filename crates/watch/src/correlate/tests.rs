use model::change::ChangeKind;
use model::entity::Entity;
use model::incident::{Entry, IncidentEvent, IncidentId};
use model::report::{Claim, RuledOut, Status};
use model::testkit;
use model::topology::Edge;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_seconds(10_000 + second)
}

fn incident(rule: &str, entity: &str) -> Incident {
    let entry = Entry {
        seq: 1,
        at: at(0),
        event: testkit::opened(rule, entity, at(0)),
        previous: String::new(),
        digest: String::new(),
    };
    Incident::begin(&IncidentId("inc-1".to_string()), &entry).unwrap()
}

fn edge(from: &str, to: &str, kind: EdgeKind) -> Edge {
    Edge {
        from: from.into(),
        to: to.into(),
        kind,
        confidence: 1.0,
        calls_per_request: None,
        seen_in: String::new(),
    }
}

/// front calls cart and pay; pay calls bank; far stands alone; cart and far share a host.
fn around() -> Surroundings {
    let topology = Topology {
        entities: ["front", "cart", "pay", "bank", "far"]
            .iter()
            .map(|name| Entity {
                id: (*name).into(),
                kind: EntityKind::Service,
                name: (*name).to_string(),
                labels: BTreeMap::new(),
            })
            .collect(),
        edges: vec![
            edge("front", "cart", EdgeKind::Calls),
            edge("front", "pay", EdgeKind::Calls),
            edge("pay", "bank", EdgeKind::Calls),
            edge("cart", "host-1", EdgeKind::RunsOn),
            edge("far", "host-1", EdgeKind::RunsOn),
        ],
    };
    Surroundings::new(topology, Vec::new())
}

fn change(entity: &str, end: Timestamp) -> Change {
    Change {
        id: "change-1".to_string(),
        kind: ChangeKind::Deploy,
        start: end,
        end,
        entities: vec![entity.into()],
        actor: String::new(),
        title: String::new(),
        files: Vec::new(),
        diff: None,
        version: String::new(),
        carries: Vec::new(),
        undone: None,
        raw: model::RawRef::default(),
    }
}

fn score(alarm: &Alarm, incident: &Incident, around: &Surroundings, now: Timestamp) -> Score {
    Held::new(alarm, around, now).against(incident)
}

/// The score of an alarm that comes `after` seconds after the one on `front`.
fn scored(rule: &str, entity: &str, after: i64, around: &Surroundings) -> f64 {
    let alarm = testkit::alarm(rule, entity, at(after));
    score(&alarm, &incident("errors high", "front"), around, at(after)).score
}

#[test]
fn what_belongs_together_joins() {
    let around = around();
    let joins = |rule, entity, after| scored(rule, entity, after, &around) >= JOINS;
    assert!(
        joins("errors high", "cart", 10),
        "a neighbour, at once, alike"
    );
    assert!(
        joins("latency", "cart", 0),
        "a neighbour, in the same instant"
    );
    assert!(joins("latency", "cart", 30), "a neighbour, at once");
    assert!(!joins("latency", "cart", 60), "a neighbour, a minute after");
    assert!(
        !joins("latency", "bank", 0),
        "two hops away: something more must speak for it"
    );
    assert!(joins("latency", "front", 10), "the same, at once");
    assert!(!joins("latency", "nowhere", 10), "only near in time");
    assert!(
        !joins("errors high", "nowhere", 0),
        "near in time and alike"
    );
    assert!(!joins("latency", "cart", 1200), "a neighbour, long after");
    assert!(
        !joins("latency", "bank", 300),
        "two hops away, minutes after"
    );
}

#[test]
fn each_part_counts_as_it_should() {
    let around = around();
    let exactly = |found: f64, expected: f64| {
        assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
    };
    exactly(scored("other", "nowhere", 0, &around), 0.6);
    exactly(scored("other", "nowhere", 300, &around), 0.3);
    exactly(scored("other", "front", 0, &around), 0.6 + 0.5);
    exactly(scored("other", "cart", 0, &around), 0.6 + 0.3 + 0.15);
    exactly(scored("other", "bank", 0, &around), 0.6 + 0.5 * 0.36);
    exactly(scored("errors high", "nowhere", 0, &around), 0.6 + 0.3);
    // Digits differ from alarm to alarm and tell nothing.
    exactly(scored("errors high 4711", "nowhere", 0, &around), 0.6 + 0.3);
    // The clock of an alarm counts for nothing.
    let mut alarm = testkit::alarm("other", "nowhere", Timestamp(i64::MAX));
    alarm.fired_at = Timestamp(i64::MIN);
    let found = score(&alarm, &incident("errors high", "front"), &around, at(0));
    exactly(found.score, 0.6);
}

#[test]
fn a_change_above_both_and_a_common_host_bring_together() {
    let mut around = around();
    let before = scored("other", "bank", 60, &around);
    around.changes.push(change("bank", at(-60)));
    let after = scored("other", "bank", 60, &around);
    assert!((after - before - 0.4).abs() < 1e-9, "both lean on the bank");
    around.changes[0].entities = vec!["cart".into()];
    assert!((scored("other", "bank", 60, &around) - before).abs() < 1e-9);
    around.changes[0] = change("bank", at(-4000));
    assert!((scored("other", "bank", 60, &around) - before).abs() < 1e-9);
    let alarm = testkit::alarm("other", "far", at(0));
    let found = score(&alarm, &incident("errors high", "cart"), &around, at(0));
    assert!(
        (found.score - (0.6 + 0.5 * 0.36 + 0.4)).abs() < 1e-9,
        "{found:?}"
    );
    assert!(
        found.because.iter().any(|why| why.contains("host-1")),
        "{found:?}"
    );
}

#[test]
fn a_healthy_one_between_keeps_apart() {
    let around = around();
    let mut incident = incident("errors high", "front");
    let window = model::time::TimeWindow::new(at(-60), at(1)).unwrap();
    let mut report = testkit::report("ledger", Status::Unknown, at(1));
    report.ruled_out.push(RuledOut {
        entity: "pay".into(),
        mechanism: None,
        change: None,
        reason: "healthy".to_string(),
        claim: Claim {
            id: "C1".to_string(),
            text: "pay is well".to_string(),
            evidence: Vec::new(),
        },
    });
    let look = IncidentEvent::InvestigationStarted { attempt: 1, window };
    incident.apply(2, at(1), &look).unwrap();
    let end = IncidentEvent::InvestigationEnded {
        attempt: 1,
        report: Box::new(report),
    };
    incident.apply(3, at(2), &end).unwrap();
    let bank = testkit::alarm("errors high", "bank", at(3));
    let found = score(&bank, &incident, &around, at(3));
    assert!(found.score < 0.2, "{found:?}");
    assert!(
        found.because[0].contains("pay between them is healthy"),
        "{found:?}"
    );
    // There is another way round, through the cart: nothing keeps those apart.
    let mut both = around.clone();
    both.topology
        .edges
        .push(edge("cart", "bank", EdgeKind::Calls));
    both.topology.normalise();
    assert!(score(&bank, &incident, &both, at(3)).score >= JOINS);
}

proptest::proptest! {
    /// Whatever the names and times: a finite score within its bounds, and the same again.
    #[test]
    fn scores_are_sane(rule in ".{0,40}", entity in "front|cart|bank|.{0,8}", after in -100_000_i64..100_000) {
        let around = around();
        let one = scored(&rule, &entity, after, &around);
        proptest::prop_assert!((-1.0..=2.2).contains(&one), "{}", one);
        proptest::prop_assert_eq!(one.to_bits(), scored(&rule, &entity, after, &around).to_bits());
    }
}
