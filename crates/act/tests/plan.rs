//! Plans from reports, as data: report and hands in, the plan as read aloud out.

mod world;

use std::sync::Arc;

use act::plan::{Context, Way, propose};
use model::action::Action;
use model::plan::{Basis, Check, Comparison, Condition};
use model::ports::Actuator;
use model::time::Span;
use model::{EntityId, MechanismId, Plan};
use proptest::prelude::*;
use serde_json::{Value, json};
use world::{Deed, Hands, alarm, arc, cause, id, read, report, restart, revert, symptom};

fn deed(action: Action, undo: Option<Action>, harmless: bool, touches: &[&'static str]) -> Deed {
    Deed {
        action,
        undo,
        harmless,
        touches: touches.to_vec(),
    }
}

/// Undone by undoing the change that undoing made.
fn reverts(entity: &'static str, change: &str) -> Deed {
    let undo = revert(entity, &format!("undo-{change}"));
    deed(revert(entity, change), Some(undo), true, &[entity])
}

fn check(parts: Value, context: &Context, hands: &[Arc<dyn Actuator>], expected: &str) {
    let report = report(parts);
    let plan = propose(&id(), &report, context, hands, 1);
    let expected: Vec<&str> = expected.trim().lines().map(str::trim).collect();
    assert_eq!(read(&plan), expected.join("\n"));
    assert_eq!(plan, propose(&id(), &report, context, hands, 1));
    if let Ok(plan) = &plan {
        // What an approval is bound to survives the journal.
        let stored = serde_json::to_string(plan).expect("JSON");
        let again: model::Plan = serde_json::from_str(&stored).expect("a plan");
        assert_eq!(again.digest(), plan.digest());
    }
    // Neither the order of hands nor that of what they touch may matter.
    let mut turned = hands.to_vec();
    turned.reverse();
    assert_eq!(plan, propose(&id(), &report, context, &turned, 1));
}

#[test]
fn three_causes_each_with_its_change() {
    let hands = [arc(Hands::new(
        "control-plane",
        vec![
            reverts("function/create", "ev-role"),
            reverts("function/list", "ev-concurrency"),
            reverts("function/balance", "ev-environment"),
        ],
    ))];
    let rollback: &[(&str, &str)] = &[("rollback", "Watch what lies below.")];
    check(
        json!({
            "alarms": [alarm("errors", "gateway/front", "firing")],
            "symptoms": [
                symptom("function/create", "errors", true),
                symptom("function/list", "errors", true),
                symptom("function/balance", "errors", true),
                symptom("gateway/front", "traffic", true),
                symptom("gateway/other", "errors", false),
            ],
            "causes": [
                cause(1, "function/create", "permission.denied", json!("ev-role"), 0.96, &[0], &[("fix_permission", "More rights than needed.")]),
                cause(2, "function/list", "resource.throttled-zero-concurrency", json!("ev-concurrency"), 0.95, &[1], rollback),
                cause(3, "function/balance", "config.required-value-missing", json!("ev-environment"), 0.93, &[2], rollback),
            ],
        }),
        &Context {
            also: vec![Condition::State {
                entity: "gateway/router".into(),
                kind: "router".to_string(),
                path: "active".to_string(),
                equals: json!("primary"),
            }],
            ..Context::default()
        },
        &hands,
        r#"
        1. put function/create back to what it was before ev-role (control-plane, harmless; back: put function/create back to what it was before undo-ev-role) because function/create broke. [C1]
        2. put function/list back to what it was before ev-concurrency (control-plane, harmless; back: put function/list back to what it was before undo-ev-concurrency) because function/list broke. [C2]
        3. put function/balance back to what it was before ev-environment (control-plane, harmless; back: put function/balance back to what it was before undo-ev-environment) because function/balance broke. [C3]
        basis function/create permission.denied 0.96
        basis function/list resource.throttled-zero-concurrency 0.95
        basis function/balance config.required-value-missing 0.93
        expect at most 1.000% of the calls of function/create fail
        expect at most 1.000% of the calls of function/list fail
        expect at most 1.000% of the calls of function/balance fail
        expect errors on gateway/front is quiet
        expect active of gateway/router is "primary"
        touches function/balance function/create function/list
        risk More rights than needed.
        risk Watch what lies below.
        "#,
    );
}

#[test]
fn a_cause_without_hands_is_named_and_not_waited_for() {
    let hands = [arc(Hands::new("hand", vec![reverts("service/a", "c1")]))];
    check(
        json!({
            "alarms": [alarm("slow", "service/front", "firing")],
            "symptoms": [symptom("service/a", "errors", true), symptom("external/bank", "errors", true)],
            "causes": [
                cause(1, "service/a", "code.crash", json!("c1"), 0.9, &[0], &[("rollback", "")]),
                cause(2, "external/bank", "dependency.external-outage", Value::Null, 0.9, &[1],
                      &[("failover", "Work done twice."), ("tell_provider", "None.")]),
            ],
        }),
        &Context::default(),
        &hands,
        r#"
        1. put service/a back to what it was before c1 (hand, harmless; back: put service/a back to what it was before undo-c1) because service/a broke. [C1]
        basis service/a code.crash 0.90
        expect at most 1.000% of the calls of service/a fail
        touches service/a
        risk Not answered: external/bank (dependency.external-outage): no actuator has an action for "failover"; only its provider can mend it; tell them.
        "#,
    );
}

#[test]
fn nothing_to_be_done_says_why() {
    let nobody: [Arc<dyn Actuator>; 0] = [];
    let causes = |remedies: &[(&str, &str)], change: Value, confidence: f64| json!({"causes": [cause(1, "service/a", "m", change, confidence, &[], remedies)]});
    let none = |parts: Value, expected: &str| check(parts, &Context::default(), &nobody, expected);
    none(json!({}), "none: the report names no cause");
    none(
        causes(&[("wait", "")], Value::Null, 0.9),
        "none: service/a (m): it passes by itself; wait",
    );
    none(
        causes(&[("none", "")], Value::Null, 0.9),
        "none: service/a (m): nothing can be done about it",
    );
    none(
        causes(&[], Value::Null, 0.9),
        "none: service/a (m): the catalogue knows no remedy",
    );
    none(
        causes(&[("rollback", "")], json!("c1"), 0.9),
        r#"none: service/a (m): no actuator is connected; no actuator has an action for "rollback""#,
    );
    none(
        causes(&[("restart", "")], Value::Null, 0.2),
        "none: service/a (m) is sure to 0.20 only, which is not even possible",
    );
}

#[test]
fn a_change_that_is_undone_already_is_left_alone() {
    let change = serde_json::from_value(json!({
        "id": "c1", "kind": "config", "start": world::START, "end": world::START,
        "title": "t", "undone": world::START
    }))
    .expect("a change");
    let hands = [arc(Hands::new(
        "hand",
        vec![
            reverts("service/a", "c1"),
            deed(restart("service/a"), None, true, &["service/a"]),
        ],
    ))];
    check(
        json!({"causes": [cause(1, "service/a", "m", json!("c1"), 0.9, &[], &[("rollback", ""), ("restart", "Callers wait.")])]}),
        &Context {
            changes: vec![change],
            ..Context::default()
        },
        &hands,
        "1. restart service/a (hand; no way back) because service/a broke. [C1]
        basis service/a m 0.90
        expect at most 1.000% of the calls of service/a fail
        touches service/a
        risk Callers wait.
        risk There is no way back from this: restart service/a.",
    );
}

#[test]
fn the_change_may_have_touched_another_entity() {
    let change = serde_json::from_value(json!({
        "id": "c1", "kind": "permission", "start": world::START, "end": world::START,
        "title": "t", "entities": ["role/writer"]
    }))
    .expect("a change");
    let hands = [arc(Hands::new("hand", vec![reverts("role/writer", "c1")]))];
    check(
        json!({"causes": [cause(1, "service/a", "m", json!("c1"), 0.9, &[], &[("fix_permission", "")])]}),
        &Context {
            changes: vec![change],
            ..Context::default()
        },
        &hands,
        "1. put role/writer back to what it was before c1 (hand, harmless; back: put role/writer back to what it was before undo-c1) because service/a broke. [C1]
        basis service/a m 0.90
        expect at most 1.000% of the calls of service/a fail
        touches role/writer",
    );
}

#[test]
fn the_safer_way_goes_first_and_declared_ways_count() {
    let scale = Action::Scale {
        entity: "service/a".into(),
        copies: 6,
    };
    let back = Action::Scale {
        entity: "service/a".into(),
        copies: 3,
    };
    let throttle = Action::Throttle {
        entity: "service/a".into(),
        per_second: Some(50),
    };
    let unthrottle = Action::Throttle {
        entity: "service/a".into(),
        per_second: None,
    };
    let mut platform = Hands::new(
        "platform",
        vec![
            deed(scale.clone(), Some(back), true, &["service/a", "host/1"]),
            deed(
                throttle.clone(),
                Some(unthrottle),
                false,
                &["service/a", "client/web"],
            ),
        ],
    );
    platform.offers.insert(
        ("throttle".to_string(), "service/a".to_string()),
        vec![throttle],
    );
    let parts = json!({"causes": [cause(1, "service/a", "input.surge", Value::Null, 0.9, &[], &[("throttle", "Some are refused."), ("scale", "The next tier.")])]});
    let hands = [arc(platform)];
    check(
        parts.clone(),
        &Context::default(),
        &hands,
        "1. let at most 50 requests a second through to service/a (platform; back: stop throttling service/a) because service/a broke. [C1]
        basis service/a input.surge 0.90
        expect at most 1.000% of the calls of service/a fail
        touches client/web service/a
        risk Some are refused.",
    );
    let declared = Context {
        ways: vec![Way {
            remedy: "scale".to_string(),
            entity: "service/a".into(),
            action: scale,
        }],
        ..Context::default()
    };
    check(
        parts,
        &declared,
        &hands,
        "1. run 6 copies of service/a (platform, harmless; back: run 3 copies of service/a) because service/a broke. [C1]
        basis service/a input.surge 0.90
        expect at most 1.000% of the calls of service/a fail
        touches host/1 service/a
        risk The next tier.",
    );
}

#[test]
fn a_certificate_may_be_an_entity_of_its_own() {
    let renew = Action::Renew {
        entity: "config/client".into(),
    };
    let hands = [arc(Hands::new(
        "hand",
        vec![deed(renew, None, true, &["config/client", "service/a"])],
    ))];
    let topology = serde_json::from_value(json!({"entities": [], "edges": [
        {"from": "service/a", "to": "service/b", "kind": "calls"},
        {"from": "service/a", "to": "config/client", "kind": "uses_config"},
    ]}))
    .expect("a topology");
    check(
        json!({"causes": [cause(1, "service/a", "tls.certificate-expired", Value::Null, 0.9, &[], &[("renew", "")])]}),
        &Context {
            topology,
            ..Context::default()
        },
        &hands,
        "1. renew config/client (hand; no way back) because service/a broke. [C1]
        basis service/a tls.certificate-expired 0.90
        expect at most 1.000% of the calls of service/a fail
        touches config/client service/a
        risk There is no way back from this: renew config/client.",
    );
}

#[test]
fn one_change_behind_two_causes_is_undone_once_and_an_unsure_cause_waits() {
    let claim = json!({"id": "R1", "text": "It is well.", "evidence": []});
    let mut both = reverts("service/a", "c1");
    both.touches = vec!["service/a", "service/b", "service/well"];
    let hands = [arc(Hands::new(
        "hand",
        vec![both, reverts("service/z", "c9")],
    ))];
    check(
        json!({
            "symptoms": [symptom("service/a", "latency", true), symptom("service/z", "errors", true)],
            "ruled_out": [{"entity": "service/well", "reason": "healthy", "claim": claim}],
            "causes": [
                cause(1, "service/a", "m1", json!("c1"), 0.900000123456789, &[0], &[("rollback", "")]),
                cause(2, "service/a", "m2", json!("c1"), 0.85, &[], &[("rollback", "")]),
                cause(3, "service/z", "m3", json!("c9"), 0.4, &[1], &[("rollback", "")]),
            ],
        }),
        &Context {
            latency_ms: [("service/a".into(), 200.0)].into(),
            ..Context::default()
        },
        &hands,
        "1. put service/a back to what it was before c1 (hand, harmless; back: put service/a back to what it was before undo-c1) because service/a broke. [C1] service/a broke. [C2]
        basis service/a m1 0.90
        basis service/a m2 0.85
        expect service/a answers 95% of its calls within 200 ms
        stop unless at most 25.000% of the calls of service/well fail
        touches service/a service/b service/well
        risk Not answered: service/z (m3) is sure to 0.40 only: it is looked at again once the surer ones are mended.",
    );
}

#[test]
fn an_unsure_cause_does_not_wait_for_surer_ones_that_are_past() {
    let hands = [arc(Hands::new("hand", vec![reverts("service/z", "c9")]))];
    check(
        json!({
            "symptoms": [symptom("service/z", "errors", true)],
            "causes": [
                cause(1, "service/a", "m1", json!("c1"), 0.9, &[], &[("rollback", "")]),
                cause(2, "service/z", "m3", json!("c9"), 0.4, &[0], &[("rollback", "")]),
            ],
        }),
        &Context {
            past: [(
                "service/a".into(),
                model::mechanism::MechanismId("m1".to_string()),
            )]
            .into(),
            ..Context::default()
        },
        &hands,
        "1. put service/z back to what it was before c9 (hand, harmless; back: put service/z back to what it was before undo-c9) because service/z broke. [C2]
        basis service/z m3 0.40
        expect at most 1.000% of the calls of service/z fail
        touches service/z",
    );
}

/// A case with spans of `service/a` and one series of `service/b`, well for a while and then ill.
fn seen() -> model::case::Case {
    use model::case::{Case, OwnedSpan};
    use model::time::{Span, TimeWindow};
    let mut case = Case::new(model::recording::Manifest {
        schema: model::recording::SCHEMA.to_string(),
        id: "c".to_string(),
        title: String::new(),
        now: world::at(60),
        window: TimeWindow::new(world::at(-600), world::at(60)).expect("a window"),
        baselines: Vec::new(),
        gaps: Vec::new(),
        sources: Vec::new(),
        origin: String::new(),
        licence: String::new(),
    });
    let spans = (-100..60).map(|second| OwnedSpan {
        trace_id: "t".into(),
        span_id: "s".into(),
        parent_id: "".into(),
        entity: "service/a".into(),
        name: "call".into(),
        kind: model::telemetry::SpanKind::Server,
        start: world::at(second),
        end: world::at(second).plus(Span(if second < 0 { 100 } else { 900 } * 1_000_000)),
        error: second >= 0,
        message: "".into(),
        peer: "".into(),
        attributes: Vec::new(),
        file: "f".into(),
        line: 1,
    });
    case.spans = Some(spans.collect());
    let key = |metric: &str| model::SeriesKey {
        entity: "service/b".into(),
        metric: metric.to_string(),
        statistic: "p99".to_string(),
        ..model::SeriesKey::default()
    };
    let series = |key| {
        Arc::new(model::Series {
            key,
            times: vec![world::at(-60).0, world::at(30).0],
            values: vec![2.0, 50.0],
        })
    };
    let mut second = key("wait");
    second.labels.insert("shard".to_string(), "2".to_string());
    case.series = Some(vec![
        series(key("time")),
        series(key("wait")),
        series(second),
    ]);
    case.changes = Some(Vec::new());
    case.normalise();
    case
}

#[test]
fn what_was_usual_is_what_is_expected() {
    let shift = |id: &str, metric: &str, level: f64| {
        json!({
            "id": id, "source": "metrics", "entity": "service/b", "polarity": "for", "quality": 1.0, "says": "", "digest": "",
            "query": {"ask": "metric", "entity": "service/b", "metric": metric, "statistic": "p99",
                      "window": {"from": "2026-06-18T14:00:00Z", "to": world::START}},
            "statistic": {"name": "shift", "values": {"normal": 2.0, "level": level, "scale": 1.0}}
        })
    };
    let shows = |entity: &str, aspect: &str, id: &str| {
        let mut symptom = symptom(entity, aspect, true);
        symptom["claim"]["evidence"] = json!([id]);
        symptom
    };
    let parts = json!({
        "symptoms": [
            symptom("service/a", "latency", true),
            symptom("service/a", "errors", true),
            shows("service/b", "latency", "E1"),
            shows("service/b", "errors", "E1"),
            // Two series go by that name: which of them has come back could not be told.
            shows("service/b", "traffic", "E2"),
            // What has filled up may be long in emptying.
            shows("service/b", "saturation", "E1"),
        ],
        "evidence": [shift("E1", "time", 50.0), shift("E2", "wait", 50.0)],
        "causes": [cause(1, "service/a", "m", json!("c1"), 0.9, &[], &[("rollback", "")])],
    });
    let context = Context::default().informed_by(&seen(), &report(parts.clone()));
    check(
        parts,
        &context,
        &[arc(Hands::new("hand", vec![reverts("service/a", "c1")]))],
        "1. put service/a back to what it was before c1 (hand, harmless; back: put service/a back to what it was before undo-c1) because service/a broke. [C1]
        basis service/a m 0.90
        expect service/a answers 95% of its calls within 150 ms
        expect at most 1.000% of the calls of service/a fail
        expect time of service/b is at most 6.8
        touches service/a",
    );
}

/// Any number that JSON can hold.
fn finite() -> impl Strategy<Value = f64> {
    any::<u64>()
        .prop_map(f64::from_bits)
        .prop_filter("finite", |number| number.is_finite())
}

proptest! {
    /// What an approval is bound to survives the journal, whatever numbers stand in the plan.
    #[test]
    fn a_digest_survives_being_written_down(
        confidence in prop_oneof![0.0..1.0f64, finite()],
        at_most in prop_oneof![0.0..1.0f64, finite()],
        value in finite(),
    ) {
        let entity = EntityId::new("function/create");
        let conditions = vec![
            Condition::ErrorShare { entity: entity.clone(), at_most, calls: 10 },
            Condition::Metric {
                entity: entity.clone(),
                metric: "saturation".to_string(),
                statistic: "avg".to_string(),
                is: Comparison::AtMost,
                value,
            },
        ];
        let check = Check { all: conditions, over: Span::seconds(5) };
        let plan = Plan {
            incident: id(),
            report: "r".to_string(),
            attempt: 1,
            basis: vec![Basis {
                entity,
                mechanism: MechanismId("x".to_string()),
                change: None,
                confidence,
            }],
            steps: Vec::new(),
            expect: check.clone(),
            stop: check,
            settle: Span::seconds(5),
            patience: Span::minutes(5),
            touches: Vec::new(),
            risks: Vec::new(),
        };
        let stored = serde_json::to_string(&plan).unwrap();
        let again: Plan = serde_json::from_str(&stored).unwrap();
        prop_assert_eq!(again.digest(), plan.digest());
    }
}
