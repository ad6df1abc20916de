//! Conditions held against small cases: what holds, what does not, and what cannot be told.

mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use act::verify::{Judgement, broken, check, judge};
use model::case::{Case, OwnedSpan};
use model::plan::{Check, Checked, Comparison, Condition, Holds};
use model::recording::Manifest;
use model::telemetry::{Series, SeriesKey, SpanKind, StateSnapshot};
use model::time::{Span, TimeWindow};
use proptest::prelude::*;
use serde_json::{Value, json};
use world::{at, start};

fn case() -> Case {
    Case::new(Manifest {
        schema: model::recording::SCHEMA.to_string(),
        id: "c".to_string(),
        title: String::new(),
        now: at(60),
        window: TimeWindow::new(at(-3600), at(60)).expect("a window"),
        baselines: Vec::new(),
        gaps: Vec::new(),
        sources: Vec::new(),
        origin: String::new(),
        licence: String::new(),
    })
}

/// One span per call: when (seconds), how long (ms), failed.
fn spans(case: &mut Case, entity: &str, kind: SpanKind, calls: &[(i64, i64, bool)]) {
    let spans = case.spans.get_or_insert_with(Vec::new);
    for (when, ms, error) in calls {
        spans.push(OwnedSpan {
            trace_id: "t".into(),
            span_id: "s".into(),
            parent_id: "".into(),
            entity: entity.into(),
            name: "call".into(),
            kind,
            start: at(*when),
            end: at(*when).plus(Span(ms * 1_000_000)),
            error: *error,
            message: "".into(),
            peer: "".into(),
            attributes: Vec::new(),
            file: Arc::from("f"),
            line: 1,
        });
    }
    case.normalise();
}

fn series(case: &mut Case, metric: &str, statistic: &str, unit: &str, points: &[(i64, f64)]) {
    case.series
        .get_or_insert_with(Vec::new)
        .push(Arc::new(Series {
            key: SeriesKey {
                entity: "service/a".into(),
                metric: metric.to_string(),
                statistic: statistic.to_string(),
                unit: unit.to_string(),
                labels: BTreeMap::new(),
            },
            times: points.iter().map(|(when, _)| at(*when).0).collect(),
            values: points.iter().map(|(_, value)| *value).collect(),
        }));
    case.normalise();
}

/// The condition looked at over 10 s, 60 s after the start, with telemetry fresh since `from`.
fn told(case: &Case, condition: Condition, from: i64) -> String {
    let asked = Check {
        all: vec![condition],
        over: Span::seconds(10),
    };
    let checked = check(&asked, case, at(from), at(60));
    let [one] = checked.as_slice() else {
        panic!("one answer to one question");
    };
    let word = match one.holds {
        Holds::Yes => "yes",
        Holds::No => "no",
        Holds::CannotTell => "cannot tell",
    };
    let stops = broken(&asked, case, at(from), at(60)).is_some();
    assert_eq!(stops, one.holds == Holds::No);
    format!("{word}: {}", one.seen)
}

fn errors(at_most: f64) -> Condition {
    Condition::ErrorShare {
        entity: "service/a".into(),
        at_most,
        calls: 10,
    }
}

fn latency(at_most_ms: f64) -> Condition {
    Condition::Latency {
        entity: "service/a".into(),
        at_most_ms,
        calls: 10,
    }
}

fn calls(from: i64, count: i64, failed: i64) -> Vec<(i64, i64, bool)> {
    (0..count)
        .map(|i| (from + i % 10, 5 + i, i < failed))
        .collect()
}

#[test]
fn failing_calls_are_counted_from_spans_of_the_answering_end() {
    let mut case = case();
    spans(&mut case, "service/a", SpanKind::Server, &calls(50, 20, 1));
    // Stale, another's, or the calling end's: none of them counts.
    spans(&mut case, "service/a", SpanKind::Server, &calls(30, 20, 20));
    spans(&mut case, "service/b", SpanKind::Server, &calls(50, 20, 20));
    spans(&mut case, "service/a", SpanKind::Client, &calls(50, 20, 20));
    assert_eq!(told(&case, errors(0.05), 40), "yes: 1 of 20 calls failed");
    assert_eq!(told(&case, errors(0.01), 40), "no: 1 of 20 calls failed");
    assert_eq!(
        told(&case, errors(0.05), 55),
        "cannot tell: only 5 s of fresh telemetry, 10 s are wanted"
    );
    assert_eq!(
        told(&case, errors(f64::NAN), 40),
        "no: 1 of 20 calls failed"
    );
    assert_eq!(
        told(&case, latency(24.0), 40),
        "yes: 95% of 20 calls within 23 ms"
    );
    assert_eq!(
        told(&case, latency(22.0), 40),
        "no: 95% of 20 calls within 23 ms"
    );
}

#[test]
fn too_little_tells_nothing() {
    let empty = case();
    let nothing =
        "cannot tell: service/a sends no spans, and metrics could not be read: NotRecorded ";
    assert_eq!(told(&empty, errors(0.1), 0), nothing);
    // Few calls in the last ten seconds, and enough since it was mended.
    let mut slow = case();
    spans(&mut slow, "service/a", SpanKind::Server, &calls(50, 3, 0));
    spans(&mut slow, "service/a", SpanKind::Server, &calls(20, 9, 0));
    assert_eq!(told(&slow, errors(0.1), 10), "yes: 0 of 12 calls failed");
    let mut few = case();
    spans(&mut few, "service/a", SpanKind::Server, &calls(50, 3, 3));
    assert_eq!(
        told(&few, errors(0.1), 0),
        "cannot tell: 3 of 3 calls failed; at least 10 calls are wanted"
    );
    assert_eq!(
        told(&few, latency(1.0), 0),
        "cannot tell: 95% of 3 calls within 7 ms; at least 10 calls are wanted"
    );
    let mut silent = case();
    series(&mut silent, "CPUUtilization", "Average", "%", &[(55, 3.0)]);
    assert_eq!(
        told(&silent, errors(0.1), 0),
        "cannot tell: service/a sends neither spans of calls that it answers nor counts of them"
    );
}

#[test]
fn metrics_stand_in_where_there_are_no_spans() {
    let mut function = case();
    series(
        &mut function,
        "Invocations",
        "Sum",
        "",
        &[(40, 9.0), (50, 20.0), (55, 20.0)],
    );
    series(
        &mut function,
        "Errors",
        "Sum",
        "",
        &[(40, 9.0), (50, 0.0), (55, 1.0)],
    );
    assert_eq!(
        told(&function, errors(0.05), 0),
        "yes: 1 of 40 counted calls failed"
    );
    // What is turned away at the door was never invoked, and is a failure nevertheless.
    series(&mut function, "Throttles", "Sum", "", &[(50, 10.0)]);
    assert_eq!(
        told(&function, errors(0.05), 0),
        "no: 11 of 50 counted calls failed"
    );
    series(
        &mut function,
        "Duration",
        "p95",
        "ms",
        &[(50, 80.0), (55, 120.0)],
    );
    assert_eq!(
        told(&function, latency(110.0), 0),
        "yes: service/a:Duration:p95 is 100 ms"
    );
    assert_eq!(
        told(&function, latency(90.0), 0),
        "no: service/a:Duration:p95 is 100 ms"
    );
    // Histograms: how many times were measured is how many calls there were; a dimension says which failed.
    let mut measured = case();
    series(
        &mut measured,
        "http.server.request.duration",
        "count",
        "1",
        &[(50, 18.0), (55, 20.0)],
    );
    series(
        &mut measured,
        "http.server.request.duration",
        "count",
        "1",
        &[(50, 2.0)],
    );
    let failing = measured.series.as_mut().expect("series");
    Arc::make_mut(&mut failing[1])
        .key
        .labels
        .insert("http.response.status_code".to_string(), "503".to_string());
    series(
        &mut measured,
        "http.server.request.duration",
        "p50",
        "s",
        &[(50, 9.0)],
    );
    series(
        &mut measured,
        "http.server.request.duration",
        "p95",
        "s",
        &[(50, 0.25)],
    );
    assert_eq!(
        told(&measured, errors(0.05), 0),
        "yes: 2 of 40 counted calls failed"
    );
    assert_eq!(
        told(&measured, latency(300.0), 0),
        "yes: service/a:http.server.request.duration:p95 is 250 ms"
    );
    // Running totals: what they grew by, also across a restart.
    let mut server = case();
    series(
        &mut server,
        "http_requests_total",
        "",
        "",
        &[(45, 1000.0), (50, 1030.0), (55, 5.0)],
    );
    series(
        &mut server,
        "http_requests_failed_total",
        "",
        "",
        &[(45, 700.0), (50, 700.0), (55, 0.0)],
    );
    assert_eq!(
        told(&server, errors(0.05), 0),
        "yes: 0 of 35 counted calls failed"
    );
}

#[test]
fn a_metric_is_well_if_all_its_series_are() {
    let mut case = case();
    series(
        &mut case,
        "queue_depth",
        "",
        "",
        &[(20, 500.0), (52, 3.0), (58, 5.0)],
    );
    let depth = |is, value| Condition::Metric {
        entity: "service/a".into(),
        metric: "queue_depth".to_string(),
        statistic: String::new(),
        is,
        value,
    };
    assert_eq!(
        told(&case, depth(Comparison::AtMost, 4.0), 0),
        "yes: it is 4"
    );
    assert_eq!(
        told(&case, depth(Comparison::AtLeast, 5.0), 0),
        "no: it is 4"
    );
    // Readings further apart than the stretch: the newest since then.
    let backlog = Condition::Metric {
        entity: "service/a".into(),
        metric: "backlog".to_string(),
        statistic: String::new(),
        is: Comparison::AtMost,
        value: 4.0,
    };
    series(&mut case, "backlog", "", "", &[(20, 90.0), (40, 3.0)]);
    assert_eq!(told(&case, backlog.clone(), 0), "yes: it is 3");
    assert_eq!(
        told(&case, backlog, 45),
        "cannot tell: backlog of service/a has no reading since then"
    );
    case.series.as_mut().expect("series").remove(0);
    let mut second = Series::clone(&case.series.as_ref().expect("series")[0]);
    second
        .key
        .labels
        .insert("shard".to_string(), "2".to_string());
    second.values = vec![0.0, 9.0, 9.0];
    case.series.as_mut().expect("series").push(Arc::new(second));
    assert_eq!(
        told(&case, depth(Comparison::AtMost, 4.0), 0),
        "no: it is 9"
    );
    let other = Condition::Metric {
        entity: "service/b".into(),
        metric: "queue_depth".to_string(),
        statistic: String::new(),
        is: Comparison::AtMost,
        value: 4.0,
    };
    assert_eq!(
        told(&case, other, 0),
        "cannot tell: queue_depth of service/b has no reading since then"
    );
}

#[test]
fn alarms_and_states_are_read_as_they_stand() {
    let mut case = case();
    let quiet = |rule: &str| Condition::AlarmQuiet {
        rule: rule.to_string(),
        entity: "service/a".into(),
    };
    for (rule, state, fired) in [
        ("slow", "firing", 0),
        ("errors", "firing", 0),
        ("errors", "resolved", 30),
        ("blind", "no_data", 0),
    ] {
        let mut alarm: model::Alarm =
            serde_json::from_value(world::alarm(rule, "service/a", state)).expect("an alarm");
        alarm.fired_at = at(fired);
        case.alarms.push(alarm);
    }
    case.normalise();
    assert_eq!(told(&case, quiet("slow"), 0), "no: it is firing");
    assert_eq!(told(&case, quiet("errors"), 0), "yes: it is quiet");
    assert_eq!(
        told(&case, quiet("blind"), 0),
        "cannot tell: it has no data"
    );
    assert_eq!(
        told(&case, quiet("unheard of"), 0),
        "cannot tell: nobody tells how that alarm stands"
    );

    let router = |path: &str, equals: Value| Condition::State {
        entity: "gateway/router".into(),
        kind: "router".to_string(),
        path: path.to_string(),
        equals,
    };
    let active = || router("active", json!("primary"));
    assert!(told(&case, active(), 0).starts_with("cannot tell: could not look"));
    case.snapshots = Some(Vec::new());
    assert_eq!(
        told(&case, active(), 0),
        "cannot tell: no state was read since 15:00:00"
    );
    for (when, region) in [(10, "secondary"), (60, "primary")] {
        case.snapshots.as_mut().expect("some").push(StateSnapshot {
            entity: "gateway/router".into(),
            time: at(when),
            kind: "router".to_string(),
            document: json!({"active": region, "targets": [{"well": true}, {"well": false}]}),
            raw: model::RawRef::default(),
        });
    }
    case.normalise();
    assert_eq!(told(&case, active(), 0), "yes: it is \"primary\"");
    assert_eq!(
        told(&case, router("active", json!("secondary")), 0),
        "no: it is \"primary\""
    );
    assert_eq!(
        told(&case, router("targets.*.well", json!(true)), 0),
        "no: it is false"
    );
    assert_eq!(
        told(&case, router("targets.0.well", json!(true)), 0),
        "yes: it is true"
    );
    assert_eq!(
        told(&case, router("elsewhere", json!(true)), 0),
        "no: there is no elsewhere"
    );
    // The newest word is older than what we wait for.
    case.snapshots.as_mut().expect("some").pop();
    assert_eq!(
        told(&case, active(), 20),
        "cannot tell: no state was read since 15:00:20"
    );
}

#[test]
fn all_must_hold_and_nothing_proves_nothing() {
    let checked = |holds: &[Holds]| -> Vec<Checked> {
        holds
            .iter()
            .map(|holds| Checked {
                condition: errors(0.1),
                holds: *holds,
                seen: String::new(),
            })
            .collect()
    };
    use Holds::{CannotTell, No, Yes};
    assert_eq!(judge(&checked(&[])), Judgement::NotYet);
    assert_eq!(judge(&checked(&[Yes, Yes])), Judgement::Passed);
    assert_eq!(judge(&checked(&[Yes, CannotTell])), Judgement::NotYet);
    assert_eq!(judge(&checked(&[CannotTell, No, Yes])), Judgement::Failed);
}

proptest! {
    /// Whatever the telemetry, times and limits: an answer to each question, and no panic.
    #[test]
    fn hostile_telemetry_is_answered(
        durations in proptest::collection::vec((any::<i64>(), any::<i64>(), any::<bool>()), 0..30),
        points in proptest::collection::vec((any::<i64>(), any::<f64>()), 0..30),
        name in "\\PC{0,30}",
        path in "[a-c.*0-9]{0,12}",
        from in any::<i64>(),
        now in any::<i64>(),
        over in any::<i64>(),
        limit in any::<f64>(),
        wanted in any::<u64>(),
    ) {
        let mut case = case();
        case.spans = Some(Vec::new());
        spans(&mut case, "service/a", SpanKind::Server, &[]);
        for (start, end, error) in durations {
            let spans = case.spans.as_mut().expect("some");
            spans.push(OwnedSpan {
                trace_id: "".into(), span_id: "".into(), parent_id: "".into(), entity: "service/a".into(),
                name: "".into(), kind: SpanKind::Server, start: model::Timestamp(start), end: model::Timestamp(end),
                error, message: "".into(), peer: "".into(), attributes: Vec::new(), file: Arc::from(""), line: 0,
            });
        }
        let mut points: Vec<(i64, f64)> = points.into_iter().filter(|(_, v)| v.is_finite()).collect();
        points.sort_by_key(|(when, _)| *when);
        points.dedup_by_key(|(when, _)| *when);
        for metric in [name.as_str(), "requests_total", "errors", "latency"] {
            case.series.get_or_insert_with(Vec::new).push(Arc::new(Series {
                key: SeriesKey { entity: "service/b".into(), metric: metric.to_string(), unit: "ms".to_string(), ..SeriesKey::default() },
                times: points.iter().map(|(when, _)| *when).collect(),
                values: points.iter().map(|(_, value)| *value).collect(),
            }));
        }
        case.snapshots = Some(vec![StateSnapshot {
            entity: "service/a".into(), time: start(), kind: "k".to_string(),
            document: json!({"a": [{"b": 1}, [2, 3]], "c": null}), raw: model::RawRef::default(),
        }]);
        case.normalise();
        let mut all = Vec::new();
        for entity in ["service/a", "service/b"] {
            all.push(Condition::ErrorShare { entity: entity.into(), at_most: limit, calls: wanted });
            all.push(Condition::Latency { entity: entity.into(), at_most_ms: limit, calls: wanted });
            all.push(Condition::Metric { entity: entity.into(), metric: name.clone(), statistic: String::new(), is: Comparison::AtMost, value: limit });
            all.push(Condition::State { entity: entity.into(), kind: "k".to_string(), path: path.clone(), equals: Value::Null });
        }
        let asked = Check { all, over: Span(over) };
        let answers = check(&asked, &case, model::Timestamp(from), model::Timestamp(now));
        prop_assert_eq!(answers.len(), asked.all.len());
        prop_assert_eq!(&answers, &check(&asked, &case, model::Timestamp(from), model::Timestamp(now)));
    }
}
