//! Requests as senders write them, and as they do not.

use std::fmt::Write;
use std::ops::ControlFlow;

use model::ports::{LogSource, MetricSource, TraceSource};
use model::{LogLine, SpanRow, TimeWindow};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1 as metric;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span};
use proptest::prelude::*;
use prost::Message;

use super::*;

/// 2027-01-15T08:00:00Z.
const NOW: Timestamp = Timestamp(1_800_000_000_000_000_000);
const SECOND: u64 = 1_000_000_000;

fn now(ago: u64) -> u64 {
    NOW.0 as u64 - ago * SECOND
}

fn log_text(out: &mut String, line: &LogLine<'_>) {
    let ago = NOW.since(line.time);
    let (entity, severity, body) = (line.entity, line.severity, line.body);
    let (trace, span, fields) = (line.trace_id, line.span_id, line.attributes);
    let _ = writeln!(
        out,
        "log -{ago} {entity} {severity:?} {body:?} {trace}/{span} {fields:?}"
    );
}

fn span_text(out: &mut String, row: &SpanRow<'_>) {
    let (ago, long) = (NOW.since(row.start), row.end.since(row.start));
    let (trace, span, parent) = (row.trace_id, row.span_id, row.parent_id);
    let (entity, name, kind, error) = (row.entity, row.name, row.kind, row.error);
    let (message, peer, fields) = (row.message, row.peer, row.attributes);
    let _ = writeln!(
        out,
        "span -{ago} {long} {trace}/{parent}>{span} {entity} {name:?} {kind:?} {error} {message:?} {peer:?} {fields:?}"
    );
}

/// Everything in a batch, as lines.
fn listing(batch: &Batch) -> String {
    let mut out = String::new();
    let nowhere = "".into();
    let _ = batch.each_log(&nowhere, 0, &mut |line| {
        log_text(&mut out, line);
        ControlFlow::Continue(())
    });
    let _ = batch.each_span(&nowhere, 0, &mut |row| {
        span_text(&mut out, row);
        ControlFlow::Continue(())
    });
    for point in &batch.points {
        let ago = NOW.since(point.time);
        let (key, labels, unit) = (&point.key, &point.key.labels, &point.key.unit);
        let _ = writeln!(
            out,
            "point -{ago} {key} {unit:?} {labels:?} {}",
            point.value
        );
    }
    for entity in &batch.topology.entities {
        let _ = writeln!(
            out,
            "entity {} {:?} {:?}",
            entity.id, entity.kind, entity.labels
        );
    }
    for edge in &batch.topology.edges {
        let _ = writeln!(out, "edge {} {:?} {}", edge.from, edge.kind, edge.to);
    }
    out
}

fn decoder() -> Decoder {
    Decoder::new(Limits::default())
}

fn protobuf(signal: Signal, request: &impl Message) -> (String, Taken) {
    let body = request.encode_to_vec();
    let (batch, taken) = decoder()
        .decode(signal, Encoding::Protobuf, &body, NOW)
        .unwrap();
    (listing(&batch), taken)
}

fn text(value: &str) -> AnyValue {
    AnyValue {
        value: Some(Value::StringValue(value.to_string())),
    }
}

fn attribute(key: &str, value: AnyValue) -> KeyValue {
    KeyValue {
        key: key.to_string(),
        value: Some(value),
        ..KeyValue::default()
    }
}

fn resource(attributes: &[(&str, &str)]) -> Option<Resource> {
    Some(Resource {
        attributes: attributes
            .iter()
            .map(|(key, value)| attribute(key, text(value)))
            .collect(),
        ..Resource::default()
    })
}

fn traces(attributes: &[(&str, &str)], spans: Vec<Span>) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: resource(attributes),
            scope_spans: vec![ScopeSpans {
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
}

fn logs(attributes: &[(&str, &str)], log_records: Vec<LogRecord>) -> ExportLogsServiceRequest {
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: resource(attributes),
            scope_logs: vec![ScopeLogs {
                log_records,
                ..ScopeLogs::default()
            }],
            ..ResourceLogs::default()
        }],
    }
}

fn metrics(attributes: &[(&str, &str)], all: Vec<metric::Metric>) -> ExportMetricsServiceRequest {
    ExportMetricsServiceRequest {
        resource_metrics: vec![metric::ResourceMetrics {
            resource: resource(attributes),
            scope_metrics: vec![metric::ScopeMetrics {
                metrics: all,
                ..metric::ScopeMetrics::default()
            }],
            ..metric::ResourceMetrics::default()
        }],
    }
}

fn a_span() -> Span {
    Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        name: "GET /".to_string(),
        kind: 2,
        start_time_unix_nano: now(2),
        end_time_unix_nano: now(1),
        ..Span::default()
    }
}

#[test]
fn a_span_becomes_a_row_of_its_service() {
    let failing = Span {
        parent_span_id: vec![3; 8],
        kind: 3,
        attributes: vec![
            attribute("server.address", text("ledger")),
            attribute(
                "retries",
                AnyValue {
                    value: Some(Value::IntValue(-3)),
                },
            ),
        ],
        events: vec![span::Event {
            name: "exception".to_string(),
            attributes: vec![
                attribute("exception.type", text("Timeout")),
                attribute("exception.message", text("after 3 s")),
            ],
            ..span::Event::default()
        }],
        status: Some(Status {
            code: 2,
            ..Status::default()
        }),
        ..a_span()
    };
    let request = traces(
        &[
            ("service.name", "pay"),
            ("host.name", "h1"),
            ("cloud.region", "ap-southeast-1"),
        ],
        vec![a_span(), failing],
    );
    let (said, taken) = protobuf(Signal::Traces, &request);
    assert_eq!(
        said,
        r#"span -2 s 1 s 01010101010101010101010101010101/>0202020202020202 service/ap-southeast-1/pay "GET /" Server false "" "" [("host.name", "h1")]
span -2 s 1 s 01010101010101010101010101010101/0303030303030303>0202020202020202 service/ap-southeast-1/pay "GET /" Client true "Timeout: after 3 s" "ledger" [("host.name", "h1"), ("retries", "-3"), ("server.address", "ledger")]
entity host/h1 Host {}
entity service/ap-southeast-1/pay Service {"cloud.region": "ap-southeast-1"}
edge service/ap-southeast-1/pay RunsOn host/h1
"#
    );
    assert_eq!((taken.accepted, taken.rejected), (2, 0));
}

fn number(ago: u64, value: f64) -> metric::NumberDataPoint {
    metric::NumberDataPoint {
        start_time_unix_nano: now(100),
        time_unix_nano: now(ago),
        value: Some(metric::number_data_point::Value::AsDouble(value)),
        ..metric::NumberDataPoint::default()
    }
}

fn a_metric(name: &str, data: metric::metric::Data) -> metric::Metric {
    metric::Metric {
        name: name.to_string(),
        unit: "ms".to_string(),
        data: Some(data),
        ..metric::Metric::default()
    }
}

fn a_sum(
    points: Vec<metric::NumberDataPoint>,
    temporality: i32,
    monotonic: bool,
) -> metric::metric::Data {
    metric::metric::Data::Sum(metric::Sum {
        data_points: points,
        aggregation_temporality: temporality,
        is_monotonic: monotonic,
    })
}

#[test]
fn what_accumulates_becomes_what_came_in_since() {
    let decoder = decoder();
    let mut said = String::new();
    for (ago, total) in [(30, 100.0), (20, 130.0), (10, 5.0), (0, 12.0)] {
        let histogram = metric::HistogramDataPoint {
            start_time_unix_nano: now(100),
            time_unix_nano: now(ago),
            count: total as u64,
            sum: Some(total * 2.0),
            bucket_counts: vec![total as u64, 0, 0],
            explicit_bounds: vec![10.0, 20.0],
            ..metric::HistogramDataPoint::default()
        };
        let request = metrics(
            &[("service.name", "a")],
            vec![
                a_metric("cumulative", a_sum(vec![number(ago, total)], 2, true)),
                a_metric("delta", a_sum(vec![number(ago, total)], 1, true)),
                a_metric("updown", a_sum(vec![number(ago, total)], 2, false)),
                a_metric(
                    "took",
                    metric::metric::Data::Histogram(metric::Histogram {
                        data_points: vec![histogram],
                        aggregation_temporality: 2,
                    }),
                ),
            ],
        );
        let body = request.encode_to_vec();
        let (batch, taken) = decoder
            .decode(Signal::Metrics, Encoding::Protobuf, &body, NOW)
            .unwrap();
        assert_eq!((taken.accepted, taken.rejected), (4, 0));
        said.push_str(&listing(&batch).replace("entity service/a Service {}\n", ""));
    }
    assert_eq!(
        said,
        r#"point -30 s service/a:delta:increase "ms" {} 100
point -30 s service/a:updown "ms" {} 100
point -20 s service/a:cumulative:increase "ms" {} 30
point -20 s service/a:delta:increase "ms" {} 130
point -20 s service/a:updown "ms" {} 130
point -20 s service/a:took:count "1" {} 30
point -20 s service/a:took:sum "ms" {} 60
point -20 s service/a:took:mean "ms" {} 2
point -20 s service/a:took:p50 "ms" {} 5
point -20 s service/a:took:p90 "ms" {} 9
point -20 s service/a:took:p99 "ms" {} 9.9
point -10 s service/a:cumulative:increase "ms" {} 5
point -10 s service/a:delta:increase "ms" {} 5
point -10 s service/a:updown "ms" {} 5
point -10 s service/a:took:count "1" {} 5
point -10 s service/a:took:sum "ms" {} 10
point -10 s service/a:took:mean "ms" {} 2
point -10 s service/a:took:p50 "ms" {} 5
point -10 s service/a:took:p90 "ms" {} 9
point -10 s service/a:took:p99 "ms" {} 9.9
point -0 ms service/a:cumulative:increase "ms" {} 7
point -0 ms service/a:delta:increase "ms" {} 12
point -0 ms service/a:updown "ms" {} 12
point -0 ms service/a:took:count "1" {} 7
point -0 ms service/a:took:sum "ms" {} 14
point -0 ms service/a:took:mean "ms" {} 2
point -0 ms service/a:took:p50 "ms" {} 5
point -0 ms service/a:took:p90 "ms" {} 9
point -0 ms service/a:took:p99 "ms" {} 9.9
"#
    );
}

#[test]
fn what_is_wrong_with_a_row_is_told_and_the_others_are_taken() {
    let nameless = Span {
        trace_id: vec![0; 16],
        ..a_span()
    };
    let endless = Span {
        end_time_unix_nano: u64::MAX,
        ..a_span()
    };
    let unborn = Span {
        start_time_unix_nano: 0,
        ..a_span()
    };
    let request = traces(
        &[("service.name", "a")],
        vec![nameless, a_span(), endless, unborn],
    );
    let (said, taken) = protobuf(Signal::Traces, &request);
    assert_eq!(said.lines().filter(|l| l.starts_with("span")).count(), 1);
    assert_eq!(
        taken,
        Taken {
            accepted: 1,
            rejected: 3,
            message: "1 spans without a trace id or a span id; 2 spans without a start, or of more than a day"
                .to_string()
        }
    );
    let points = vec![
        number(2, f64::NAN),
        number(1, 1.0),
        number(0, f64::INFINITY),
    ];
    let gauge = metric::metric::Data::Gauge(metric::Gauge {
        data_points: points,
    });
    let unnamed = metric::metric::Data::Gauge(metric::Gauge {
        data_points: vec![number(0, 1.0)],
    });
    let request = metrics(&[], vec![a_metric("g", gauge), a_metric("", unnamed)]);
    let (said, taken) = protobuf(Signal::Metrics, &request);
    assert_eq!(
        said,
        "point -1 s unknown:g \"ms\" {} 1\nentity unknown Unknown {}\n"
    );
    assert_eq!((taken.accepted, taken.rejected), (1, 3));
    assert!(
        taken
            .message
            .contains("2 data points that hold no finite number")
    );
}

#[test]
fn a_sum_that_was_once_no_number_does_not_look_like_a_restart() {
    let decoder = decoder();
    let mut said = String::new();
    for (ago, total) in [(30, 100.0), (20, f64::NAN), (10, 110.0)] {
        let sum = a_sum(vec![number(ago, total)], 2, true);
        let body = metrics(&[], vec![a_metric("c", sum)]).encode_to_vec();
        let (batch, _) = decoder
            .decode(Signal::Metrics, Encoding::Protobuf, &body, NOW)
            .unwrap();
        said.push_str(&listing(&batch).replace("entity unknown Unknown {}\n", ""));
    }
    assert_eq!(said, "point -10 s unknown:c:increase \"ms\" {} 10\n");
}

#[test]
fn what_is_too_long_is_cut_and_counted() {
    let limits = Limits {
        fields: 2,
        value_bytes: 5,
        body_bytes: 6,
        ..Limits::default()
    };
    let record = LogRecord {
        time_unix_nano: now(1),
        body: Some(text("123456789")),
        attributes: vec![
            attribute("b", text("ééé")),
            attribute("a", text("short")),
            attribute("c", text("too many")),
        ],
        ..LogRecord::default()
    };
    let decoder = Decoder::new(limits);
    let body = logs(&[("service.name", "a")], vec![record]).encode_to_vec();
    let (batch, taken) = decoder
        .decode(Signal::Logs, Encoding::Protobuf, &body, NOW)
        .unwrap();
    assert_eq!(
        listing(&batch).lines().next().unwrap(),
        r#"log -1 s service/a None "123456" / [("a", "short"), ("b", "éé")]"#
    );
    assert_eq!(taken.accepted, 1);
    assert_eq!(decoder.tally().cut, 3);
}

#[test]
fn a_clock_that_is_days_off_is_put_right_and_said() {
    let day = 24 * 3600;
    let record = |ago: u64, body: &str| LogRecord {
        time_unix_nano: now(ago),
        body: Some(text(body)),
        ..LogRecord::default()
    };
    let mut ahead = record(0, "ahead");
    ahead.time_unix_nano += 3 * day * SECOND;
    let mut request = logs(
        &[("service.name", "slow")],
        vec![record(3 * day + 7, "first"), record(3 * day, "second")],
    );
    let mixed = logs(
        &[("service.name", "mixed")],
        vec![record(9, "fine"), ahead, record(3600, "late")],
    );
    request.resource_logs.extend(mixed.resource_logs);
    let timeless = LogRecord {
        body: Some(text("timeless")),
        ..LogRecord::default()
    };
    let timeless = logs(&[("service.name", "mixed")], vec![timeless]);
    request.resource_logs.extend(timeless.resource_logs);
    let (said, taken) = protobuf(Signal::Logs, &request);
    assert_eq!(
        said,
        r#"log -7 s service/slow None "first" / []
log -0 ms service/slow None "second" / []
log -9 s service/mixed None "fine" / []
log -0 ms service/mixed None "ahead" / []
log -1 h service/mixed None "late" / []
log -0 ms service/mixed None "timeless" / []
point -0 ms service/mixed:telemetry.clock.offset "s" {} 259200
point -0 ms service/slow:telemetry.clock.offset "s" {} -259200
entity service/mixed Service {}
entity service/slow Service {}
"#
    );
    assert_eq!((taken.accepted, taken.rejected), (6, 0));
}

#[test]
fn a_body_that_cannot_be_read_is_refused_with_the_place() {
    let decoder = decoder();
    let refuse = |encoding, body: &[u8]| {
        let refused = decoder.decode(Signal::Traces, encoding, body, NOW);
        refused.unwrap_err().to_string()
    };
    assert_eq!(
        refuse(Encoding::Json, b"{\"resourceSpans\": [7]}"),
        "not an OTLP export request in JSON: at byte 19, expected an object"
    );
    assert!(refuse(Encoding::Json, b"").contains("at byte 0"));
    assert!(refuse(Encoding::Json, b"\"\xff\"").contains("byte 1 is not UTF-8"));
    assert!(refuse(Encoding::Protobuf, &[0x0a, 9, 1]).contains("end inside of a field"));
    assert!(refuse(Encoding::Protobuf, b"{}").contains("protobuf"));
    let mut deep = text("bottom");
    for _ in 0..100 {
        deep = AnyValue {
            value: Some(Value::ArrayValue(ArrayValue { values: vec![deep] })),
        };
    }
    let mut span = a_span();
    span.attributes.push(attribute("deep", deep));
    let body = traces(&[], vec![span]).encode_to_vec();
    assert!(refuse(Encoding::Protobuf, &body).contains("more than 64 deep"));
    assert_eq!(decoder.tally().malformed, 6);
    let empty = decoder.decode(Signal::Traces, Encoding::Protobuf, b"", NOW);
    assert!(empty.unwrap().0.is_empty());
}

fn any_value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        "[a-zß\"\\\\\n]{0,8}".prop_map(Value::StringValue),
        any::<bool>().prop_map(Value::BoolValue),
        any::<i64>().prop_map(Value::IntValue),
        prop_oneof![-1e20..1e20, Just(0.1), Just(1e300), Just(5.0)].prop_map(Value::DoubleValue),
        prop::collection::vec(any::<u8>(), 0..5).prop_map(Value::BytesValue),
    ]
    .prop_map(|value| AnyValue { value: Some(value) });
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|values| Value::ArrayValue(ArrayValue { values })),
            prop::collection::vec(("[a-z]{0,3}", inner), 0..4).prop_map(|fields| {
                let values = fields.into_iter().map(|(k, v)| attribute(&k, v)).collect();
                Value::KvlistValue(KeyValueList { values })
            }),
        ]
        .prop_map(|value| AnyValue { value: Some(value) })
    })
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let names = prop_oneof![
        Just("service.name"),
        Just("host.name"),
        Just("k8s.pod.name"),
        Just("peer.service"),
        Just("exception.type"),
        Just("x")
    ];
    prop::collection::vec((names, any_value()), 0..4)
        .prop_map(|all| all.into_iter().map(|(k, v)| attribute(k, v)).collect())
}

fn id(length: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop::collection::vec(any::<u8>(), length),
        1 => Just(vec![]),
        1 => Just(vec![0; length]),
    ]
}

fn moment() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => now(3600)..now(0),
        1 => Just(0),
        1 => now(1_000_000)..now(500_000),
        1 => now(0)..now(0) + 999_999 * SECOND,
    ]
}

prop_compose! {
    fn any_span()(trace_id in id(16), span_id in id(8), parent_span_id in id(8), name in "[a-z]{0,5}",
        kind in 0..7i32, start in moment(), long in 0..9_000_000_000u64, attributes in attributes(),
        event in prop::option::of(attributes()), code in 0..3i32, message in "[a-z]{0,5}") -> Span {
        Span {
            trace_id, span_id, parent_span_id, name, kind,
            start_time_unix_nano: start,
            end_time_unix_nano: start.saturating_add(long),
            attributes,
            events: event.into_iter().map(|attributes| span::Event {
                name: "exception".to_string(), attributes, ..span::Event::default()
            }).collect(),
            status: Some(Status { code, message }),
            ..Span::default()
        }
    }
}

prop_compose! {
    fn any_record()(time_unix_nano in moment(), observed_time_unix_nano in moment(), severity_number in 0..25i32,
        severity_text in prop_oneof![Just("error"), Just("odd"), Just("")], body in prop::option::of(any_value()),
        attributes in attributes(), trace_id in id(16), span_id in id(8), event_name in "[a-z]{0,2}") -> LogRecord {
        LogRecord {
            time_unix_nano, observed_time_unix_nano, severity_number, severity_text: severity_text.to_string(),
            body, attributes, trace_id, span_id, event_name, ..LogRecord::default()
        }
    }
}

fn any_number() -> impl Strategy<Value = metric::NumberDataPoint> {
    let value = prop_oneof![
        any::<i64>().prop_map(metric::number_data_point::Value::AsInt),
        (-1e12..1e12).prop_map(metric::number_data_point::Value::AsDouble),
    ];
    (
        moment(),
        moment(),
        prop::option::of(value),
        attributes(),
        0..2u32,
    )
        .prop_map(
            |(start, time, value, attributes, flags)| metric::NumberDataPoint {
                start_time_unix_nano: start,
                time_unix_nano: time,
                value,
                attributes,
                flags,
                ..metric::NumberDataPoint::default()
            },
        )
}

fn any_histogram() -> impl Strategy<Value = metric::HistogramDataPoint> {
    (
        moment(),
        prop::collection::vec(0..100u64, 0..5),
        -10.0..1e6,
        any::<bool>(),
    )
        .prop_map(
            |(time, bucket_counts, sum, told)| metric::HistogramDataPoint {
                time_unix_nano: time,
                count: bucket_counts.iter().sum(),
                sum: told.then_some(sum),
                explicit_bounds: (1..bucket_counts.len()).map(|i| i as f64 * 10.0).collect(),
                bucket_counts,
                min: told.then_some(0.5),
                max: told.then_some(99.0),
                ..metric::HistogramDataPoint::default()
            },
        )
}

fn any_exponential() -> impl Strategy<Value = metric::ExponentialHistogramDataPoint> {
    let side = || {
        prop::option::of((-20..20i32, prop::collection::vec(0..9u64, 0..5)).prop_map(
            |(offset, bucket_counts)| metric::exponential_histogram_data_point::Buckets {
                offset,
                bucket_counts,
            },
        ))
    };
    (moment(), -4..9i32, 0..5u64, side(), side()).prop_map(
        |(time, scale, zero_count, positive, negative)| metric::ExponentialHistogramDataPoint {
            time_unix_nano: time,
            count: 50,
            sum: Some(7.5),
            scale,
            zero_count,
            positive,
            negative,
            ..metric::ExponentialHistogramDataPoint::default()
        },
    )
}

fn any_data() -> impl Strategy<Value = metric::metric::Data> {
    use metric::metric::Data;
    let some = 0..3usize;
    prop_oneof![
        prop::collection::vec(any_number(), some.clone())
            .prop_map(|data_points| Data::Gauge(metric::Gauge { data_points })),
        (
            prop::collection::vec(any_number(), some.clone()),
            0..3i32,
            any::<bool>()
        )
            .prop_map(|(points, temporality, monotonic)| a_sum(
                points,
                temporality,
                monotonic
            )),
        (
            prop::collection::vec(any_histogram(), some.clone()),
            0..3i32
        )
            .prop_map(|(data_points, aggregation_temporality)| Data::Histogram(
                metric::Histogram {
                    data_points,
                    aggregation_temporality
                }
            )),
        (prop::collection::vec(any_exponential(), some), 0..3i32).prop_map(
            |(data_points, aggregation_temporality)| Data::ExponentialHistogram(
                metric::ExponentialHistogram {
                    data_points,
                    aggregation_temporality
                }
            )
        ),
        (moment(), 0..9u64).prop_map(|(time, count)| Data::Summary(metric::Summary {
            data_points: vec![metric::SummaryDataPoint {
                time_unix_nano: time,
                count,
                sum: 3.0,
                quantile_values: vec![metric::summary_data_point::ValueAtQuantile {
                    quantile: 0.5,
                    value: 1.5
                }],
                ..metric::SummaryDataPoint::default()
            }]
        })),
    ]
}

/// One request in both encodings, decoded.
fn both(
    signal: Signal,
    request: &(impl Message + serde::Serialize),
) -> ((String, Taken), (String, Taken)) {
    let json = serde_json::to_vec(request).unwrap();
    let (batch, taken) = decoder()
        .decode(signal, Encoding::Json, &json, NOW)
        .unwrap_or_else(|why| panic!("{why}: {}", String::from_utf8_lossy(&json)));
    (protobuf(signal, request), (listing(&batch), taken))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn spans_are_the_same_in_both_encodings(spans in prop::collection::vec(any_span(), 0..4), of in attributes()) {
        let mut request = traces(&[], spans);
        request.resource_spans[0].resource = Some(Resource { attributes: of, ..Resource::default() });
        let (protobuf, json) = both(Signal::Traces, &request);
        prop_assert_eq!(protobuf, json);
    }

    #[test]
    fn records_are_the_same_in_both_encodings(records in prop::collection::vec(any_record(), 0..4), of in attributes()) {
        let mut request = logs(&[], records);
        request.resource_logs[0].resource = Some(Resource { attributes: of, ..Resource::default() });
        let (protobuf, json) = both(Signal::Logs, &request);
        prop_assert_eq!(protobuf, json);
    }

    #[test]
    fn points_are_the_same_in_both_encodings(data in prop::collection::vec(any_data(), 0..4), of in attributes()) {
        let all = data.into_iter().map(|data| a_metric("m", data)).collect();
        let mut request = metrics(&[], all);
        request.resource_metrics[0].resource = Some(Resource { attributes: of, ..Resource::default() });
        let (protobuf, json) = both(Signal::Metrics, &request);
        prop_assert_eq!(protobuf, json);
    }

    /// Bytes of an honest request with some of them altered: read or refused, never more.
    #[test]
    fn damaged_requests_are_read_or_refused(
        spans in prop::collection::vec(any_span(), 0..3),
        data in prop::collection::vec(any_data(), 0..3),
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let all = data.into_iter().map(|data| a_metric("m", data)).collect();
        let bodies = [traces(&[], spans).encode_to_vec(), metrics(&[("service.name", "a")], all).encode_to_vec()];
        for mut body in bodies.into_iter().filter(|body| !body.is_empty()) {
            for (at, byte) in &hits {
                let at = at.index(body.len());
                body[at] = *byte;
            }
            body.truncate(cut.index(body.len()) + 1);
            for signal in [Signal::Traces, Signal::Metrics, Signal::Logs] {
                for encoding in [Encoding::Protobuf, Encoding::Json] {
                    let _ = decoder().decode(signal, encoding, &body, NOW);
                }
            }
        }
    }
}

/// The same requests, pushed and read from a recording: the same rows and series.
#[test]
fn a_live_look_and_a_recording_agree() {
    let of = [
        ("service.name", "a"),
        ("k8s.pod.name", "a-1"),
        ("k8s.namespace.name", "shop"),
    ];
    let spans = traces(&of, vec![a_span()]);
    let record = LogRecord {
        time_unix_nano: now(5),
        severity_text: "warn".to_string(),
        body: Some(text("hm")),
        attributes: vec![attribute("z", text("1")), attribute("a", text("2"))],
        ..LogRecord::default()
    };
    let records = logs(&of, vec![record]);
    let sums = [(30, 1.0), (20, 4.0), (10, 9.0)].map(|(ago, total)| {
        metrics(
            &of,
            vec![a_metric("c", a_sum(vec![number(ago, total)], 2, true))],
        )
    });
    let decoder = decoder();
    let mut live = String::new();
    let mut lines = String::new();
    let mut push = |signal, json: String| {
        let (batch, _) = decoder
            .decode(signal, Encoding::Json, json.as_bytes(), NOW)
            .unwrap();
        live.push_str(&listing(&batch));
        lines.push_str(&json);
        lines.push('\n');
    };
    push(Signal::Logs, serde_json::to_string(&records).unwrap());
    push(Signal::Traces, serde_json::to_string(&spans).unwrap());
    for sum in &sums {
        push(Signal::Metrics, serde_json::to_string(sum).unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("otlp")).unwrap();
    std::fs::write(folder.path().join("otlp/lines.jsonl"), lines).unwrap();
    let window = format!(
        r#"{{"from":"{}","to":"{NOW}"}}"#,
        NOW.minus(model::time::Span(60 * MINUTE))
    );
    let head = format!(
        r#"{{"schema":"midwatch.recording/1","id":"r","title":"t","now":"{NOW}","window":{window}}}"#
    );
    std::fs::write(folder.path().join("recording.json"), head).unwrap();
    let recording = crate::files::open(folder.path(), &crate::files::Limits::default()).unwrap();
    let everything = TimeWindow::new(Timestamp(0), NOW).unwrap();
    let mut recorded = String::new();
    let _ = LogSource::scan(&recording, None, everything, &mut |line| {
        log_text(&mut recorded, line);
        ControlFlow::Continue(())
    });
    let _ = TraceSource::scan(&recording, everything, &mut |row| {
        span_text(&mut recorded, row);
        ControlFlow::Continue(())
    });
    for series in recording.series().found().unwrap() {
        for (at, value) in series.times.iter().zip(&series.values) {
            let ago = NOW.since(Timestamp(*at));
            let (key, labels, unit) = (&series.key, &series.key.labels, &series.key.unit);
            let _ = writeln!(recorded, "point -{ago} {key} {unit:?} {labels:?} {value}");
        }
    }
    let topology = recording.known_topology();
    let rows = |text: &str| -> Vec<String> {
        let rows = text
            .lines()
            .filter(|l| !l.starts_with("entity") && !l.starts_with("edge"));
        rows.map(str::to_string).collect()
    };
    assert_eq!(rows(&live), rows(&recorded));
    assert_eq!(rows(&live).len(), 4);
    for entity in &topology.entities {
        let line = format!("entity {} {:?} {:?}", entity.id, entity.kind, entity.labels);
        assert!(live.contains(&line), "{line}");
    }
    for edge in &topology.edges {
        let line = format!("edge {} {:?} {}", edge.from, edge.kind, edge.to);
        assert!(live.contains(&line), "{line}");
    }
}

#[test]
fn nothing_is_decoded_while_nothing_can_be_kept() {
    let kept = std::sync::atomic::AtomicU64::new(0);
    let inlet = Inlet::new(Limits::default(), |batch: Batch, _| {
        kept.fetch_add(batch.logs() as u64, Ordering::SeqCst);
        Ok(())
    })
    .unless(|at: Timestamp| (at < NOW).then_some(model::Span(7)));
    let body = logs(&[], vec![LogRecord::default()]).encode_to_vec();
    let early = NOW.minus(model::Span(1));
    let take = |body: &[u8], at| inlet.take(Signal::Logs, Encoding::Protobuf, body, at);
    let busy = Err(NotTaken::Busy {
        retry_after: model::Span(7),
    });
    assert_eq!(inlet.busy(early), Some(model::Span(7)));
    assert_eq!(take(&body, early), busy);
    // Not even what could not be read is looked at.
    assert_eq!(take(b"\xff", early), busy);
    assert_eq!(inlet.tally(), super::Tally::default());
    assert_eq!(take(&body, NOW).map(|taken| taken.accepted), Ok(1));
    assert_eq!(kept.load(Ordering::SeqCst), 1);
}
