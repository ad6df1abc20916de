//! A Tempo as it documents itself, in simulated time; an older one knows fewer addresses, and writes ids in base64. What
//! it does not know it answers with 501 (404 for addresses that came later). No package of it can be installed here: these
//! calls are proven by shape.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::ports::Clock as _;
use model::query::GapReason;
use model::time::{SECOND, Span, TimeWindow, Timestamp};
use serde_json::{Value, json};

use super::*;
use crate::client::ClientError;
use crate::pull::tests::{Simulated, said, source};
use crate::pull::{Answered, Budget, Credential, Question};

const NOW: i64 = 1_700_000_000 * SECOND;

fn hull() -> TimeWindow {
    TimeWindow::new(Timestamp(NOW).minus(Span::minutes(60)), Timestamp(NOW)).unwrap()
}

/// Moments of traces; the number of each is its place.
fn many(count: i64) -> Vec<i64> {
    let between = hull().length().0 / count;
    (0..count).map(|i| NOW - 2 * SECOND - i * between).collect()
}

fn spans(number: usize, at: i64, old: bool) -> Value {
    let id = |bytes: &[u8]| match old {
        true => STANDARD.encode(bytes),
        false => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    let number = number as u64 + 1;
    let trace = u128::from(number).to_be_bytes();
    json!([{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "mail"}}]},
        "scopeSpans": [{"spans": [{
            "traceId": id(&trace), "spanId": id(&number.to_be_bytes()), "name": "send", "kind": "SPAN_KIND_CONSUMER",
            "startTimeUnixNano": at.to_string(), "endTimeUnixNano": (at + 1000).to_string(),
            "status": {"code": "STATUS_CODE_ERROR", "message": "refused"},
        }]}],
    }])
}

fn answer(moments: &[i64], old: bool, question: &Question<'_>) -> Result<Answered, ClientError> {
    let field = |name: &str| {
        let found = question.fields.iter().find(|(known, _)| *known == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    if question.path == "/api/search" && field("q") == "{ }" {
        let second = |name: &str| field(name).parse::<i64>().unwrap() * SECOND;
        let (from, to) = (second("start"), second("end"));
        let found: Vec<Value> = moments
            .iter()
            .enumerate()
            .filter(|(_, at)| **at >= from && **at < to)
            .take(field("limit").parse().unwrap())
            // Leading zeros are left out of ids.
            .map(|(i, _)| json!({"traceID": format!("{:x}", i + 1), "rootServiceName": "mail"}))
            .collect();
        return said(200, &json!({"traces": found, "metrics": {}}).to_string());
    }
    let (newer, id) = match (
        question.path.strip_prefix("/api/v2/traces/"),
        question.path.strip_prefix("/api/traces/"),
    ) {
        (Some(_), _) if old => return said(404, "404 page not found"),
        (Some(id), _) => (true, id),
        (None, Some(id)) => (false, id),
        _ => return said(501, "it does not know that"),
    };
    let number = usize::from_str_radix(id, 16).unwrap() - 1;
    let list = spans(number, moments[number], old);
    said(
        200,
        &match newer {
            true => json!({"trace": {"resourceSpans": list}}),
            false => json!({"batches": list}),
        }
        .to_string(),
    )
}

fn look(moments: Vec<i64>, old: bool, settings: Settings) -> Brought {
    let clock = Simulated::at(Timestamp(NOW));
    let ask = move |question: &Question<'_>, clock: &Simulated| {
        clock.pass(Span(5_000_000));
        answer(&moments, old, question)
    };
    let source = source("tempo.a", &clock, budget(), Credential::None, ask);
    Eyes::new(source, settings).look(hull(), Timestamp(NOW))
}

#[test]
fn traces_are_searched_for_and_asked_for() {
    for old in [false, true] {
        let brought = look(many(40), old, Settings::default());
        assert_eq!(brought.gaps, [], "{old}");
        assert_eq!(brought.seen, [SourceKind::Traces]);
        assert_eq!(brought.spans.len(), 40);
        let first = &brought.spans[0];
        assert_eq!(&*first.trace_id, format!("{:032x}", 40).as_str());
        assert_eq!(first.entity.as_str(), "service/mail");
        assert_eq!((first.error, &*first.message), (true, "refused"));
        // An older address costs one refusal, once.
        let more = u64::from(old);
        assert_eq!(brought.asked.spent.requests, 16 + 40 + more);
    }
}

#[test]
fn of_too_many_traces_every_stretch_of_time_gives_some() {
    let settings = Settings {
        traces: 64,
        ..Settings::default()
    };
    let brought = look(many(3000), false, settings);
    assert_eq!(brought.spans.len(), 64);
    let half = hull().from().plus(Span(hull().length().0 / 2));
    let late = brought.spans.iter().filter(|s| s.start >= half).count();
    assert_eq!(late, 32);
    let gap = &brought.gaps[0];
    assert_eq!(
        (gap.wanted.as_str(), gap.why),
        ("all traces", GapReason::Budget)
    );
    assert!(gap.detail.contains("in 16 of 16 stretches"), "{gap:?}");
}

#[test]
fn nothing_is_told_from_not_looked() {
    let brought = look(Vec::new(), false, Settings::default());
    assert_eq!(brought.seen, [SourceKind::Traces]);
    assert_eq!(brought.gaps[0].why, GapReason::NotInstrumented);
    let foreign = Settings {
        matching: "{ broken".to_string(),
        ..Settings::default()
    };
    let brought = look(many(3), false, foreign);
    assert!(brought.seen.is_empty() && brought.spans.is_empty());
    assert_eq!(brought.gaps[0].why, GapReason::Connector);
}

#[test]
fn whatever_it_answers_a_look_ends_and_says_why() {
    let search = r#"{"traces":[{"traceID":"7f"},{"traceID":"../admin"},{"traceID":7},null]}"#;
    for (first, then, status) in [
        ("", "", 200),
        ("[]", "", 200),
        (r#"{"traces":7}"#, "", 200),
        (search, "{", 200),
        (search, r#"{"trace":7}"#, 200),
        (search, r#"{"trace":{"resourceSpans":{}}}"#, 200),
        (search, "away", 500),
        (search, "later", 429),
    ] {
        let clock = Simulated::at(Timestamp(NOW));
        let source = source(
            "tempo.a",
            &clock,
            Budget::default(),
            Credential::None,
            move |question, _| match question.path {
                "/api/search" => said(200, first),
                "/api/v2/traces/7f" | "/api/traces/7f" => said(status, then),
                path => panic!("{path}"),
            },
        );
        let brought = Eyes::new(source, Settings::default()).look(hull(), Timestamp(NOW));
        assert!(
            !brought.gaps.is_empty() && brought.spans.is_empty(),
            "{first} {then}"
        );
        assert!(clock.now().since(Timestamp(NOW)) < Span::seconds(21));
    }
}
