//! A Loki as it documents itself, in simulated time. What it does not know it answers with 501. No package of it can be
//! installed here: these calls are proven by shape.

use model::case::OwnedLog;
use model::query::GapReason;
use model::time::{SECOND, Span, TimeWindow, Timestamp};
use model::{EntityId, Severity};
use serde_json::{Value, json};

use super::*;
use crate::client::ClientError;
use crate::pull::tests::{Simulated, said, source};
use crate::pull::{Answered, Budget, Credential, Question};

const NOW: i64 = 1_700_000_000 * SECOND;

/// Lines by moment; the stream and what stands beside each.
type Lines = Vec<(i64, Value, String, Value)>;

/// How it lies.
#[derive(Clone, Copy, PartialEq)]
enum Lie {
    None,
    SamePage,
    OutOfTime,
}

fn answer(lines: &Lines, lie: Lie, question: &Question<'_>) -> Result<Answered, ClientError> {
    let field = |name: &str| {
        let found = question.fields.iter().find(|(known, _)| *known == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    let number = |name: &str| field(name).parse::<i64>().unwrap();
    match question.path {
        "/loki/api/v1/labels" => {
            let mut names: Vec<&String> = lines
                .iter()
                .flat_map(|(_, stream, ..)| stream.as_object().unwrap().keys())
                .collect();
            names.sort();
            names.dedup();
            said(
                200,
                &json!({"status": "success", "data": names}).to_string(),
            )
        }
        "/loki/api/v1/query_range" if field("direction") == "backward" => {
            let inside = |at: i64| match lie {
                Lie::None => at >= number("start") && at < number("end"),
                Lie::SamePage | Lie::OutOfTime => true,
            };
            let mut found: Vec<_> = lines.iter().filter(|(at, ..)| inside(*at)).collect();
            found.sort_by_key(|(at, ..)| std::cmp::Reverse(*at));
            found.truncate(usize::try_from(number("limit")).unwrap());
            let streams = found.iter().map(|(at, stream, line, beside)| {
                json!({"stream": stream, "values": [[at.to_string(), line, beside]]})
            });
            let result: Vec<Value> = streams.collect();
            let data = json!({"resultType": "streams", "result": result});
            said(200, &json!({"status": "success", "data": data}).to_string())
        }
        _ => said(501, "it does not know that"),
    }
}

fn look(lines: Lines, lie: Lie, settings: Settings) -> Brought {
    let clock = Simulated::at(Timestamp(NOW));
    let ask = move |question: &Question<'_>, clock: &Simulated| {
        clock.pass(Span(10_000_000));
        answer(&lines, lie, question)
    };
    let source = source("loki.a", &clock, Budget::default(), Credential::None, ask);
    Eyes::new(source, settings).look(hull(), Timestamp(NOW))
}

fn hull() -> TimeWindow {
    TimeWindow::new(Timestamp(NOW).minus(Span::minutes(60)), Timestamp(NOW)).unwrap()
}

fn many(count: i64) -> Lines {
    let between = hull().length().0 / count;
    let stream = |i: i64| json!({"job": if i % 2 == 0 { "cart" } else { "mail" }});
    (0..count)
        .map(|i| {
            (
                NOW - 1 - i * between,
                stream(i),
                format!("line {i}"),
                json!({}),
            )
        })
        .collect()
}

#[test]
fn lines_are_read_with_what_stands_beside_them() {
    let stream = json!({"service_name": "cart", "namespace": "shop"});
    let beside = json!({"structuredMetadata": {"trace_id": "7f", "detected_level": "warn"}, "parsed": {"user": "7"}});
    let lines = vec![
        (NOW - 3, stream.clone(), "slow".to_string(), beside),
        (
            NOW - 2,
            stream.clone(),
            r#"{"level":"error","msg":"no pool","wait_ms":12}"#.to_string(),
            json!({}),
        ),
        (
            NOW - 1,
            stream,
            r#"level=info msg="all \"well\"" id=9"#.to_string(),
            json!({}),
        ),
    ];
    let brought = look(lines, Lie::None, Settings::default());
    assert_eq!(brought.gaps, []);
    let told: Vec<_> = brought
        .logs
        .iter()
        .map(|l| (&*l.body, l.severity))
        .collect();
    assert_eq!(
        told,
        [
            ("slow", Some(Severity::Warn)),
            ("no pool", Some(Severity::Error)),
            ("all \"well\"", Some(Severity::Info)),
        ]
    );
    let first = &brought.logs[0];
    assert_eq!(first.entity, EntityId::from("service/cart"));
    assert_eq!(&*first.trace_id, "7f");
    assert!(
        first
            .attributes
            .iter()
            .any(|(k, v)| (&**k, &**v) == ("user", "7"))
    );
    let asked: Vec<&str> = brought
        .asked
        .asked
        .iter()
        .map(|a| a.text.as_str())
        .collect();
    assert_eq!(
        asked,
        [
            r#"{service_name=~".+"}"#,
            r#"{namespace="shop",service_name="cart"}"#
        ]
    );
    assert_eq!(brought.asked.spent.requests, 2);
}

#[test]
fn pages_are_turned_until_all_is_read_and_no_line_comes_twice() {
    let settings = Settings {
        page: 100,
        ..Settings::default()
    };
    // Moments that lie across the end of a page.
    let mut lines = many(1000);
    for (i, line) in lines.iter_mut().enumerate() {
        line.0 -= line.0 % (7 * SECOND);
        line.2 = format!("line {i}");
    }
    let brought = look(lines, Lie::None, settings);
    assert_eq!(brought.gaps, []);
    let mut bodies: Vec<&str> = brought.logs.iter().map(|l| &*l.body).collect();
    bodies.sort_unstable();
    bodies.dedup();
    assert_eq!((brought.logs.len(), bodies.len()), (1000, 1000));
}

#[test]
fn of_too_many_lines_each_stretch_of_time_gives_some() {
    let settings = Settings {
        page: 100,
        lines: 640,
        ..Settings::default()
    };
    let brought = look(many(10_000), Lie::None, settings);
    assert!(
        (600..=700).contains(&brought.logs.len()),
        "{}",
        brought.logs.len()
    );
    let quarter = hull().length().0 / 4;
    for i in 0..4 {
        let from = hull().from().plus(Span(quarter * i));
        let inside = |l: &&OwnedLog| l.time >= from && l.time < from.plus(Span(quarter));
        let count = brought.logs.iter().filter(inside).count();
        assert!((140..=180).contains(&count), "{i}: {count}");
    }
    let gap = &brought.gaps[0];
    assert_eq!(gap.why, GapReason::Budget);
    assert!(gap.detail.contains("32 of 32"), "{gap:?}");
}

#[test]
fn a_source_that_repeats_itself_is_found_out() {
    let settings = Settings {
        page: 100,
        ..Settings::default()
    };
    let brought = look(many(1000), Lie::SamePage, settings);
    assert_eq!(brought.logs.len(), 100);
    assert!(brought.asked.spent.requests < 5);
    let said: Vec<&str> = brought.gaps.iter().map(|gap| gap.detail.as_str()).collect();
    assert!(said.concat().contains("same page again"), "{said:?}");
}

#[test]
fn lines_that_were_not_asked_for_are_left_out() {
    let mut lines = many(10);
    lines.push((
        NOW + 3600 * SECOND,
        json!({"job": "cart"}),
        "tomorrow".to_string(),
        json!({}),
    ));
    let brought = look(lines, Lie::OutOfTime, Settings::default());
    assert_eq!(brought.logs.len(), 10);
    assert!(
        brought.gaps[0].detail.starts_with("1 lines"),
        "{:?}",
        brought.gaps
    );
}

#[test]
fn whatever_it_answers_a_look_ends_and_says_why() {
    let bodies = [
        "",
        "[]",
        r#"{"status":"success"}"#,
        r#"{"status":"success","data":[1,null,"colour"]}"#,
        r#"{"status":"success","data":["job"],"data2":{}}"#,
    ];
    for body in bodies {
        let clock = Simulated::at(Timestamp(NOW));
        let source = source(
            "loki.a",
            &clock,
            Budget::default(),
            Credential::None,
            move |_, _| said(200, body),
        );
        let brought = Eyes::new(source, Settings::default()).look(hull(), Timestamp(NOW));
        assert!(
            !brought.gaps.is_empty() && brought.logs.is_empty(),
            "{body}"
        );
        assert!(brought.asked.spent.requests <= 2);
    }
}

#[test]
fn lines_that_look_structured_and_are_not_stay_as_they_are() {
    for line in [
        "{not json",
        "msg=",
        "a b msg=c",
        r#"msg="open"#,
        "{}",
        "=msg=",
        r#"{"msg":7}"#,
    ] {
        let stream = json!({"job": "cart"});
        let lines = vec![(
            NOW - 1,
            stream,
            line.to_string(),
            json!([1, {"a": {"b": {}}}]),
        )];
        let brought = look(lines, Lie::None, Settings::default());
        assert_eq!(brought.logs.len(), 1, "{line}");
    }
}
