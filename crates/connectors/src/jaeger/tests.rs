//! A Jaeger as its API of version 3 answers, in simulated time. What it does not know it answers with 501. No package of it
//! can be installed here: these calls are proven by shape.

use model::ports::Clock as _;
use model::query::GapReason;
use model::time::{SECOND, Span, TimeWindow, Timestamp};
use serde_json::{Value, json};

use super::*;
use crate::client::ClientError;
use crate::pull::tests::{Simulated, said, source};
use crate::pull::{Budget, Credential, Question};

const NOW: i64 = 1_700_000_000 * SECOND;

/// Requests that the shop answered: when, by which number, and whether they failed.
type Requests = Vec<(i64, u64, bool)>;

fn trace(at: i64, number: u64, failed: bool) -> [Value; 2] {
    let id = format!("{:032x}", number + 1);
    let resource = |service: &str, span: Value| {
        json!({
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]},
            "scopeSpans": [{"scope": {"name": "t"}, "spans": [span]}],
        })
    };
    let status = if failed {
        json!({"code": 2, "message": "no connection"})
    } else {
        json!({})
    };
    [
        resource(
            "front",
            json!({"traceId": id, "spanId": format!("{:016x}", number * 2 + 1), "name": "GET /",
                   "kind": 2, "startTimeUnixNano": at.to_string(), "endTimeUnixNano": (at + 9_000_000).to_string(),
                   "status": {}}),
        ),
        resource(
            "cart",
            json!({"traceId": id, "spanId": format!("{:016x}", number * 2 + 2),
                   "parentSpanId": format!("{:016x}", number * 2 + 1), "name": "POST /cart", "kind": 2,
                   "startTimeUnixNano": (at + 1_000_000).to_string(),
                   "endTimeUnixNano": (at + 8_000_000).to_string(), "status": status}),
        ),
    ]
}

fn answer(requests: &Requests, question: &Question<'_>) -> Result<Answered, ClientError> {
    let field = |name: &str| {
        let found = question.fields.iter().find(|(known, _)| *known == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    match question.path {
        "/api/v3/services" => said(200, r#"{"services":["jaeger-all-in-one","front","cart"]}"#),
        "/api/v3/traces" if matches!(field("query.service_name"), "front" | "cart") => {
            let moment = |name: &str| field(name).parse::<Timestamp>().unwrap().0;
            let (from, to) = (
                moment("query.start_time_min"),
                moment("query.start_time_max"),
            );
            let most: usize = field("query.search_depth").parse().unwrap();
            let mut found: Vec<_> = requests
                .iter()
                .filter(|(at, ..)| *at >= from && *at < to)
                .collect();
            found.sort_by_key(|(at, ..)| std::cmp::Reverse(*at));
            found.truncate(most);
            if found.is_empty() {
                return said(
                    404,
                    r#"{"error":{"httpCode":404,"message":"No traces found"}}"#,
                );
            }
            let parts: Vec<String> = found
                .iter()
                .map(|(at, number, failed)| {
                    json!({"result": {"resourceSpans": trace(*at, *number, *failed)}}).to_string()
                })
                .collect();
            said(200, &parts.join("\n"))
        }
        _ => said(501, "it does not know that"),
    }
}

fn hull() -> TimeWindow {
    TimeWindow::new(Timestamp(NOW).minus(Span::minutes(60)), Timestamp(NOW)).unwrap()
}

fn look(requests: Requests, settings: Settings) -> Brought {
    let clock = Simulated::at(Timestamp(NOW));
    let ask = move |question: &Question<'_>, clock: &Simulated| {
        clock.pass(Span(10_000_000));
        answer(&requests, question)
    };
    let source = source("jaeger.a", &clock, Budget::default(), Credential::None, ask);
    Eyes::new(source, settings).look(hull(), Timestamp(NOW))
}

fn many(count: i64) -> Requests {
    let between = hull().length().0 / count;
    (0..count)
        .map(|i| (NOW - SECOND - i * between, i as u64, i % 4 == 0))
        .collect()
}

#[test]
fn spans_become_rows_with_who_calls_whom() {
    let brought = look(many(8), Settings::default());
    assert_eq!(brought.gaps, []);
    assert_eq!(brought.seen, [SourceKind::Traces]);
    assert_eq!(brought.spans.len(), 16);
    let failed: Vec<&str> = brought
        .spans
        .iter()
        .filter(|span| span.error)
        .map(|span| &*span.message)
        .collect();
    assert_eq!(failed, ["no connection"; 2]);
    let edges: Vec<String> = brought
        .topology
        .edges
        .iter()
        .map(|edge| format!("{} -> {}", edge.from, edge.to))
        .collect();
    assert_eq!(edges, ["service/front -> service/cart"]);
    let mut sorted = brought.spans.clone();
    sorted.sort_by_key(|span| span.start);
    assert_eq!(sorted, brought.spans);
}

#[test]
fn of_too_many_traces_every_stretch_of_time_gives_some() {
    let settings = Settings {
        traces: 5,
        ..Settings::default()
    };
    let brought = look(many(4000), settings);
    // 16 slices of 5 traces of 2 spans: the second service brings the same traces.
    assert_eq!(brought.spans.len(), 160);
    let quarter = hull().length().0 / 4;
    for i in 0..4 {
        let from = hull().from().plus(Span(quarter * i));
        let inside = |span: &&model::case::OwnedSpan| {
            span.start >= from && span.start < from.plus(Span(quarter))
        };
        assert_eq!(brought.spans.iter().filter(inside).count(), 40);
    }
    let gap = &brought.gaps[0];
    assert_eq!(
        (gap.wanted.as_str(), gap.why),
        ("all traces", GapReason::Budget)
    );
    assert!(brought.asked.spent.requests <= 33);
}

#[test]
fn whatever_it_answers_a_look_ends_and_says_why() {
    let services = r#"{"services":["cart"]}"#;
    for (first, then, status) in [
        ("", "", 200),
        ("[]", "", 200),
        (r#"{"services":7}"#, "", 200),
        (r#"{"services":[]}"#, "", 200),
        (services, "{", 200),
        (services, "[]", 200),
        (services, r#"{"result":{"resourceSpans":7}}"#, 200),
        (services, r#"{"error":{"message":"storage is away"}}"#, 200),
        (services, "no", 500),
        (services, "later", 429),
    ] {
        let clock = Simulated::at(Timestamp(NOW));
        let source = source(
            "jaeger.a",
            &clock,
            Budget::default(),
            Credential::None,
            move |question, _| match question.path {
                "/api/v3/services" => said(200, first),
                _ => said(status, then),
            },
        );
        let brought = Eyes::new(source, Settings::default()).look(hull(), Timestamp(NOW));
        assert!(
            !brought.gaps.is_empty() && brought.spans.is_empty(),
            "{first} {then}"
        );
        assert!(clock.now().since(Timestamp(NOW)) < Span::seconds(21));
        for gap in &brought.gaps {
            assert!(!gap.how_to_close.is_empty(), "{gap:?}");
        }
    }
}

#[test]
fn it_says_what_it_sees() {
    let clock = Simulated::at(Timestamp(NOW));
    let source = source(
        "jaeger.a",
        &clock,
        Budget::default(),
        Credential::None,
        |q, _| answer(&Requests::new(), q),
    );
    let said = Eyes::new(source, Settings::default()).greet().unwrap();
    assert!(
        said.starts_with("2 services. It sees a sample of traces"),
        "{said}"
    );
}

#[test]
fn what_could_not_be_searched_is_not_empty_and_what_was_not_asked_for_is_told() {
    let look = |status: u16, body: String| {
        let clock = Simulated::at(Timestamp(NOW));
        let source = source(
            "jaeger.a",
            &clock,
            Budget::default(),
            Credential::None,
            move |question, _| match question.path {
                "/api/v3/services" => said(200, r#"{"services":["cart"]}"#),
                _ => said(status, &body),
            },
        );
        Eyes::new(source, Settings::default()).look(hull(), Timestamp(NOW))
    };
    let refused = look(403, String::new());
    assert!(refused.seen.is_empty());
    assert_eq!(refused.gaps[0].why, GapReason::Permission);
    // The same trace, whichever time is asked for.
    let same = json!({"result": {"resourceSpans": trace(NOW - SECOND, 1, false)}}).to_string();
    let same = look(200, same);
    assert_eq!(same.spans.len(), 2);
    assert_eq!(same.gaps.len(), 1, "{:?}", same.gaps);
    assert_eq!(same.gaps[0].wanted, "the right traces of jaeger.a");
    assert!(
        same.gaps[0].detail.contains("15 answers"),
        "{:?}",
        same.gaps
    );
}
