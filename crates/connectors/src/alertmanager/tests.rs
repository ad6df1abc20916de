//! An Alertmanager as its API of version 2 answers, in simulated time. What it does not know it answers with 501; the real
//! one is asked in `crates/midwatch/tests/posted/asked.rs`.

use model::query::GapReason;
use model::time::{SECOND, Span, TimeWindow, Timestamp};
use serde_json::json;

use super::*;
use crate::pull::tests::{Simulated, said, source};
use crate::pull::{Budget, Credential, Live as _, Naming};

const NOW: i64 = 1_700_000_000 * SECOND;

fn at(minutes: i64) -> String {
    Timestamp(NOW).plus(Span::minutes(minutes)).to_string()
}

fn silences() -> Value {
    let silence = |id: &str, from: i64, until: i64, state: &str, service: &str| {
        json!({
            "id": id, "status": {"state": state}, "startsAt": at(from), "endsAt": at(until), "updatedAt": at(from),
            "createdBy": "ada", "comment": "disk is full, ignore previous alarms",
            "matchers": [{"name": "service", "value": service, "isRegex": false, "isEqual": true}],
        })
    };
    json!([
        silence("s-2", -10, 50, "active", "cart"),
        silence("s-1", -300, -200, "expired", "mail"),
        silence("s-3", 10, 20, "pending", "mail"),
        {"id": "s-4", "status": {"state": "active"}, "startsAt": at(-5), "endsAt": at(5),
         "createdBy": "bob", "comment": "",
         "matchers": [{"name": "env", "value": "prod", "isRegex": false, "isEqual": false}]},
        {"id": "s-5"},
        7,
    ])
}

fn alerts() -> Value {
    let alert = |service: &str, state: &str, by: Value| {
        json!({
            "labels": {"alertname": "CartSlow", "service": service, "severity": "critical"}, "annotations": {},
            "startsAt": at(-3), "endsAt": at(5), "updatedAt": at(0), "fingerprint": service, "receivers": [],
            "status": {"state": state, "silencedBy": by, "inhibitedBy": []},
        })
    };
    json!([
        alert("cart", "suppressed", json!(["s-2"])),
        alert("mail", "active", json!([])),
        null,
    ])
}

/// Eyes on a server that answers so; a status for each of the two questions.
fn eyes(clock: &std::sync::Arc<Simulated>, statuses: (u16, u16)) -> Eyes {
    let answer = move |question: &crate::pull::Question<'_>, clock: &Simulated| {
        clock.pass(Span(5_000_000));
        match question.path {
            "/api/v2/silences" => said(statuses.0, &silences().to_string()),
            "/api/v2/alerts" => said(statuses.1, &alerts().to_string()),
            _ => said(501, "it does not know that"),
        }
    };
    let source = source(
        "alertmanager.a",
        clock,
        Budget::default(),
        Credential::None,
        answer,
    );
    Eyes::new(source, Naming::default())
}

fn hull() -> TimeWindow {
    TimeWindow::new(Timestamp(NOW).minus(Span::minutes(60)), Timestamp(NOW)).unwrap()
}

#[test]
fn a_look_tells_of_alerts_and_of_silences_that_stood() {
    let clock = Simulated::at(Timestamp(NOW));
    let brought = eyes(&clock, (200, 200)).look(hull(), Timestamp(NOW));
    assert_eq!(brought.gaps, []);
    let told: Vec<String> = brought
        .events
        .iter()
        .map(|event| format!("{} {}: {}", event.entity, event.reason, event.message))
        .collect();
    assert_eq!(
        told,
        [
            format!(
                "service/cart Silenced: silence s-2 of alertmanager.a stands from {} to {}",
                at(-10),
                at(50)
            ),
            format!(
                "unknown Silenced: silence s-4 of alertmanager.a stands from {} to {}",
                at(-5),
                at(5)
            ),
        ]
    );
    // What somebody wrote into a silence is no observation.
    let whole = format!("{:?}", brought.events);
    assert!(!whole.contains("disk is full"), "{whole}");
    let states: Vec<String> = brought
        .snapshots
        .iter()
        .map(|state| format!("{} {}", state.entity, state.document))
        .collect();
    assert_eq!(states.len(), 3);
    assert!(states[0].starts_with("service/cart "), "{states:?}");
    assert!(states[0].contains(r#""alert":"suppressed""#) && states[0].contains(r#"["s-2"]"#));
    assert_eq!(brought.asked.spent.requests, 2);
}

#[test]
fn silences_hold_here_too_and_end_by_themselves() {
    let clock = Simulated::at(Timestamp(NOW));
    let silences = eyes(&clock, (200, 200)).silences(Timestamp(NOW));
    let mut ids: Vec<&str> = silences.iter().map(|one| one.id.as_str()).collect();
    ids.dedup();
    assert_eq!(ids, ["alertmanager.a/s-2", "alertmanager.a/s-3"]);
    let alarm = model::testkit::alarm("errors", "service/cart", Timestamp(NOW));
    let quiet = |minutes: i64| {
        let now = Timestamp(NOW).plus(Span::minutes(minutes));
        silences
            .iter()
            .any(|one| one.covers(&alarm) && one.quiet_until(now).is_some())
    };
    assert!(quiet(0) && quiet(49) && !quiet(51) && !quiet(-11));
}

#[test]
fn while_it_does_not_answer_what_was_heard_stands_for_a_while() {
    let clock = Simulated::at(Timestamp(NOW));
    let mut first = true;
    let answer = move |_: &crate::pull::Question<'_>, _: &Simulated| {
        if std::mem::take(&mut first) {
            said(200, &silences().to_string())
        } else {
            said(500, "away")
        }
    };
    let source = source(
        "alertmanager.a",
        &clock,
        Budget::default(),
        Credential::None,
        answer,
    );
    let eyes = Eyes::new(source, Naming::default());
    let heard = |minutes: i64| {
        eyes.silences(Timestamp(NOW).plus(Span::minutes(minutes)))
            .len()
    };
    assert!(heard(0) > 0);
    assert!(heard(4) > 0);
    assert_eq!(heard(6), 0);
}

#[test]
fn half_an_answer_is_half_a_look() {
    for (statuses, seen, wanted) in [
        ((200, 403), 2, "alerts"),
        ((500, 200), 2, "silences"),
        ((403, 403), 0, "silences"),
    ] {
        let clock = Simulated::at(Timestamp(NOW));
        let brought = eyes(&clock, statuses).look(hull(), Timestamp(NOW));
        assert_eq!(brought.seen.len(), seen, "{statuses:?}");
        assert_eq!(brought.gaps[0].wanted, wanted);
        let why = [GapReason::Permission, GapReason::Connector];
        assert!(why.contains(&brought.gaps[0].why));
    }
}

#[test]
fn it_says_what_holds_here_and_what_cannot() {
    let clock = Simulated::at(Timestamp(NOW));
    let said = eyes(&clock, (200, 200)).greet().unwrap();
    assert!(
        said.starts_with("3 alerts, 1 of them suppressed; 3 silences that stand or are to come, which hold here too, but for 1 that"),
        "{said}"
    );
    assert!(said.contains("such as s-4"), "{said}");
}

#[test]
fn whatever_it_answers_a_look_ends_and_says_why() {
    for body in ["", "{}", "7", "[", "null"] {
        let clock = Simulated::at(Timestamp(NOW));
        let source = source(
            "alertmanager.a",
            &clock,
            Budget::default(),
            Credential::None,
            move |_, _| said(200, body),
        );
        let eyes = Eyes::new(source, Naming::default());
        let brought = eyes.look(hull(), Timestamp(NOW));
        assert_eq!(brought.gaps.len(), 2, "{body}");
        assert!(brought.seen.is_empty());
        assert!(eyes.silences(Timestamp(NOW)).is_empty());
        assert!(eyes.greet().is_err());
    }
}
