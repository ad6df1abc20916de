//! What goes in comes out: across writing, restarts, torn files and disks that do not take it.

mod measure;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use model::case::{OwnedLog, OwnedSpan};
use model::telemetry::{Batch, Point, SpanKind};
use model::time::{MINUTE, SECOND, Span};
use model::{
    Edge, EdgeKind, Entity, EntityId, EntityKind, LogLine, SeriesKey, Severity, SpanRow,
    TimeWindow, Timestamp,
};
use proptest::prelude::*;

use super::captured::{LOGS, SPANS};
use super::*;

fn small() -> Limits {
    Limits {
        head_bytes: 2000,
        head_age: Span(5 * SECOND),
        ..Limits::default()
    }
}

/// A span of service `who` that serves a request.
fn request(who: &str, start: i64, ms: i64, error: bool) -> Batch {
    let mut batch = Batch::default();
    let entity = EntityId::from(who);
    batch.topology.entities.push(Entity {
        id: entity.clone(),
        kind: EntityKind::Service,
        name: who.to_string(),
        labels: Default::default(),
    });
    batch.push_span(&SpanRow {
        trace_id: "0af7651916cd43dd8448eb211c80319c",
        span_id: &format!("{start:016x}"),
        parent_id: "",
        entity: &entity,
        name: "GET /",
        kind: SpanKind::Server,
        start: Timestamp(start),
        end: Timestamp(start + ms * 1_000_000),
        error,
        message: if error { "it broke" } else { "" },
        peer: "",
        attributes: &[("http.route", "/")],
        file: &"".into(),
        line: 0,
    });
    batch
}

fn window(from: i64, to: i64) -> TimeWindow {
    TimeWindow::new(Timestamp(from), Timestamp(to)).unwrap()
}

fn everything() -> TimeWindow {
    window(i64::MIN, i64::MAX)
}

fn all(window: &Window) -> Captured {
    window
        .capture(everything(), &[], Timestamp(i64::MAX))
        .unwrap()
}

fn segment_files(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "segment"))
        .collect();
    files.sort();
    files
}

/// One row of any kind, as data.
#[derive(Clone, Debug)]
enum Row {
    Log(u8, i64, Option<Severity>, String, Vec<(String, String)>),
    Span(u8, i64, i64, bool, String, String),
    Point(u8, i64, f64),
}

/// What happens to a window.
#[derive(Clone, Debug)]
enum Deed {
    Append(Vec<Row>),
    Flush,
    Restart,
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zé\\x00\u{1F4A5}]{0,12}", Just("GET /".to_string())]
}

fn row() -> impl Strategy<Value = Row> {
    let severity = prop_oneof![
        Just(None),
        Just(Some(Severity::Info)),
        Just(Some(Severity::Fatal))
    ];
    let moment = prop_oneof![0..1000i64, -5..5i64, Just(i64::MAX / 2)];
    prop_oneof![
        (
            0..4u8,
            moment.clone(),
            severity,
            text(),
            prop::collection::vec((text(), text()), 0..3)
        )
            .prop_map(|(who, at, severity, body, fields)| Row::Log(
                who, at, severity, body, fields
            )),
        (
            0..4u8,
            moment.clone(),
            0..1_000_000_000i64,
            any::<bool>(),
            text(),
            text()
        )
            .prop_map(|(who, at, long, error, name, id)| Row::Span(who, at, long, error, name, id)),
        (
            0..4u8,
            moment,
            prop_oneof![
                -1e9..1e9,
                Just(-0.0),
                Just(f64::MIN_POSITIVE),
                Just(f64::MAX)
            ]
        )
            .prop_map(|(who, at, value)| Row::Point(who, at, value)),
    ]
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        6 => prop::collection::vec(row(), 0..12).prop_map(Deed::Append),
        1 => Just(Deed::Flush),
        1 => Just(Deed::Restart),
    ]
}

/// What a capture must give, kept in plain lists.
#[derive(Default)]
struct Expected {
    logs: Vec<OwnedLog>,
    spans: Vec<OwnedSpan>,
    points: BTreeMap<SeriesKey, Vec<(i64, f64)>>,
}

fn key(who: u8) -> SeriesKey {
    SeriesKey {
        entity: EntityId::from(format!("service/{who}").as_str()),
        metric: "m".to_string(),
        labels: BTreeMap::from([("zone".to_string(), format!("z{who}"))]),
        ..SeriesKey::default()
    }
}

impl Expected {
    fn batch(&mut self, rows: &[Row]) -> Batch {
        let mut batch = Batch::default();
        for row in rows {
            match row {
                Row::Log(who, at, severity, body, fields) => {
                    let entity = EntityId::from(format!("service/{who}").as_str());
                    let fields: Vec<(&str, &str)> =
                        fields.iter().map(|(n, v)| (&**n, &**v)).collect();
                    batch.push_log(&LogLine {
                        time: Timestamp(*at),
                        entity: &entity,
                        severity: *severity,
                        body,
                        attributes: &fields,
                        trace_id: "abc",
                        span_id: "",
                        file: &LOGS.into(),
                        line: 0,
                    });
                    self.logs.push(OwnedLog {
                        time: Timestamp(*at),
                        entity,
                        severity: *severity,
                        body: body.as_str().into(),
                        attributes: fields
                            .iter()
                            .map(|(n, v)| ((*n).into(), (*v).into()))
                            .collect(),
                        trace_id: "abc".into(),
                        span_id: "".into(),
                        file: LOGS.into(),
                        line: self.logs.len() as u64 + 1,
                    });
                }
                Row::Span(who, at, long, error, name, id) => {
                    let owned = OwnedSpan {
                        trace_id: id.as_str().into(),
                        span_id: format!("{at:x}").into(),
                        parent_id: "".into(),
                        entity: EntityId::from(format!("service/{who}").as_str()),
                        name: name.as_str().into(),
                        kind: SpanKind::Server,
                        start: Timestamp(*at),
                        end: Timestamp(*at + long),
                        error: *error,
                        message: id.as_str().into(),
                        peer: "".into(),
                        attributes: vec![("k".into(), name.as_str().into())],
                        file: SPANS.into(),
                        line: self.spans.len() as u64 + 1,
                    };
                    batch.push_span(&SpanRow {
                        trace_id: &owned.trace_id,
                        span_id: &owned.span_id,
                        parent_id: "",
                        entity: &owned.entity,
                        name,
                        kind: owned.kind,
                        start: owned.start,
                        end: owned.end,
                        error: *error,
                        message: id,
                        peer: "",
                        attributes: &[("k", name)],
                        file: &owned.file,
                        line: 0,
                    });
                    self.spans.push(owned);
                }
                Row::Point(who, at, value) => {
                    batch.points.push(Point {
                        key: Arc::new(key(*who)),
                        time: Timestamp(*at),
                        value: *value,
                    });
                    let rows = self.points.entry(key(*who)).or_default();
                    if rows.iter().all(|(known, _)| known != at) {
                        rows.push((*at, *value));
                    }
                }
            }
        }
        batch
    }

    fn check(mut self, captured: &Captured) {
        self.logs.sort_by_key(|log| (log.time, log.line));
        self.spans.sort_by_key(|span| (span.start, span.line));
        assert_eq!(captured.logs, self.logs);
        assert_eq!(captured.spans, self.spans);
        assert_eq!(captured.gaps, []);
        let series: BTreeMap<SeriesKey, Vec<(i64, u64)>> = captured
            .series
            .iter()
            .map(|s| {
                assert!(s.times.is_sorted_by(|a, b| a < b));
                let values = s.values.iter().map(|v| v.to_bits());
                (s.key.clone(), s.times.iter().copied().zip(values).collect())
            })
            .collect();
        let expected: BTreeMap<SeriesKey, Vec<(i64, u64)>> = self
            .points
            .into_iter()
            .map(|(key, mut rows)| {
                rows.sort_by_key(|(at, _)| *at);
                let rows = rows.into_iter().map(|(at, v)| (at, v.to_bits()));
                (key, rows.collect())
            })
            .collect();
        assert_eq!(series, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Whatever is appended is what a capture gives, in order, whatever was written or restarted meanwhile.
    #[test]
    fn what_is_appended_is_captured(deeds in prop::collection::vec(deed(), 0..12)) {
        let folder = tempfile::tempdir().unwrap();
        let mut window = Window::open(folder.path(), small()).unwrap();
        let mut expected = Expected::default();
        let mut now = Timestamp::from_seconds(1_800_000_000);
        for deed in &deeds {
            now = now.plus(Span(SECOND));
            match deed {
                Deed::Append(rows) => {
                    let batch = expected.batch(rows);
                    window.append(batch, now).unwrap();
                }
                Deed::Flush => window.flush(now).unwrap(),
                Deed::Restart => {
                    window.flush(now).unwrap();
                    drop(window);
                    window = Window::open(folder.path(), small()).unwrap();
                }
            }
        }
        expected.check(&all(&window));
    }
}

#[test]
fn a_torn_chunk_is_dropped_and_counted_wherever_it_was_torn() {
    let folder = tempfile::tempdir().unwrap();
    let now = Timestamp::from_seconds(1_800_000_000);
    let at = now.0;
    let window = Window::open(folder.path(), small()).unwrap();
    window
        .append(request("service/a", at, 5, false), now)
        .unwrap();
    window.flush(now).unwrap();
    let first = fs::metadata(&segment_files(folder.path())[0])
        .unwrap()
        .len();
    window
        .append(request("service/b", at, 5, false), now)
        .unwrap();
    window.flush(now).unwrap();
    drop(window);
    let file = segment_files(folder.path())[0].clone();
    let whole = fs::read(&file).unwrap();
    let second = whole.len() as u64 - first;
    for torn in [1, 10, second / 2, second - 200, second - 1] {
        let kept = (first + torn) as usize;
        fs::write(&file, &whole[..kept]).unwrap();
        let window = Window::open(folder.path(), small()).unwrap();
        assert_eq!(window.stats().damaged, 1, "torn after {torn} bytes");
        let spans = all(&window).spans;
        assert_eq!(spans.len(), 1);
        assert_eq!(spans[0].entity.as_str(), "service/a");
        drop(window);
        assert_eq!(
            fs::read(&file).unwrap(),
            whole[..kept],
            "it was not altered"
        );
    }
    // The system had made the file as long as it was to be, and not yet written what was to be in it.
    let mut holes = whole.clone();
    holes[first as usize + super::chunk::HEAD_BYTES..].fill(0);
    fs::write(&file, &holes).unwrap();
    let window = Window::open(folder.path(), small()).unwrap();
    assert_eq!((window.stats().damaged, all(&window).spans.len()), (1, 1));
    // What comes now is kept beside it.
    window
        .append(request("service/c", at, 5, false), now)
        .unwrap();
    window.flush(now).unwrap();
    drop(window);
    let window = Window::open(folder.path(), small()).unwrap();
    assert_eq!(all(&window).spans.len(), 2);
}

#[test]
fn a_damaged_chunk_in_the_middle_is_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let now = Timestamp::from_seconds(1_800_000_000);
    let window = Window::open(folder.path(), small()).unwrap();
    for who in ["service/a", "service/b"] {
        window.append(request(who, now.0, 5, false), now).unwrap();
        window.flush(now).unwrap();
    }
    let file = segment_files(folder.path())[0].clone();
    let mut bytes = fs::read(&file).unwrap();
    bytes[super::chunk::HEAD_BYTES + 12 + 40] ^= 1;
    fs::write(&file, bytes).unwrap();
    let captured = all(&window);
    assert_eq!(captured.spans.len(), 1);
    assert_eq!(captured.gaps.len(), 1);
    assert_eq!(window.stats().damaged, 1);
}

#[test]
fn the_oldest_goes_first_by_age_and_by_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits {
        age: Span(10 * MINUTE),
        bytes: 20 * (64 << 10),
        head_bytes: 1,
        ..Limits::default()
    };
    let begin = 1_800_000_000;
    let window = Window::open(folder.path(), limits).unwrap();
    let noise = |seed: u64| {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut text = String::new();
        for _ in 0..4096 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            text.push_str(&format!("{state:016x}"));
        }
        text
    };
    let mut seconds = 0;
    let mut append = |by: i64| {
        seconds += by;
        let now = Timestamp::from_seconds(begin + seconds);
        let mut batch = Batch::default();
        batch.push_log(&LogLine {
            time: now,
            entity: &"service/a".into(),
            severity: None,
            body: &noise(seconds as u64),
            attributes: &[],
            trace_id: "",
            span_id: "",
            file: &"".into(),
            line: 0,
        });
        window.append(batch, now).unwrap();
    };
    for _ in 0..80 {
        append(1);
    }
    let stats = window.stats();
    assert!(stats.bytes <= limits.bytes, "{stats:?}");
    assert!(
        stats.dropped_by_bytes > 0 && stats.dropped_by_age == 0,
        "{stats:?}"
    );
    let logs = all(&window).logs;
    assert_eq!(logs.last().unwrap().line, 80, "the newest is there");
    assert_eq!(
        logs.first().unwrap().line + logs.len() as u64,
        81,
        "and all between"
    );
    append(3600);
    append(11);
    let stats = window.stats();
    assert!(stats.dropped_by_age > 0, "{stats:?}");
    let lines: Vec<u64> = all(&window).logs.iter().map(|log| log.line).collect();
    assert_eq!(lines, [81, 82]);
}

#[test]
fn what_the_disk_does_not_take_waits_within_bounds_and_is_not_lost() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("telemetry");
    let limits = Limits {
        head_bytes: 1000,
        waiting_bytes: 20_000,
        ..Limits::default()
    };
    let window = Window::open(&folder, limits).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    let mut now = Timestamp::from_seconds(1_800_000_000);
    let mut taken = 0;
    let refused = loop {
        now = now.plus(Span(SECOND));
        match window.append(request("service/a", now.0, 5, false), now) {
            Ok(()) => taken += 1,
            Err(error) => break error.to_string(),
        }
        assert!(taken < 1000, "it grows without bounds");
    };
    assert!(refused.contains("wait for the disk"), "{refused}");
    let stats = window.stats();
    assert!(
        stats
            .error
            .is_some_and(|e| e.contains("cannot make the file"))
    );
    assert_eq!(stats.refused, 1);
    assert_eq!(window.closed(now), Some(Span(SECOND)));
    assert_eq!(window.closed(now.plus(Span(SECOND))), None);
    assert_eq!(all(&window).spans.len(), taken);
    fs::create_dir_all(&folder).unwrap();
    now = now.plus(Span(MINUTE));
    window.tick(now).unwrap();
    assert_eq!(window.closed(now), None);
    assert_eq!(window.stats().error, None);
    assert_eq!(window.stats().waiting_bytes, 0);
    assert_eq!(all(&window).spans.len(), taken);
}

#[test]
fn whoever_brings_more_than_is_written_waits_and_is_not_sent_away() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits {
        head_bytes: 20_000,
        waiting_bytes: 500_000,
        ..Limits::default()
    };
    let window = Window::open(folder.path(), limits).unwrap();
    let now = Timestamp::from_seconds(1_800_000_000);
    const BATCHES: usize = 2_000;
    std::thread::scope(|scope| {
        for sender in 0..8 {
            let window = &window;
            scope.spawn(move || {
                let who = format!("service/{sender}");
                for i in 0..BATCHES {
                    let batch = request(&who, now.0 + i as i64, 5, false);
                    window.append(batch, now).unwrap();
                }
            });
        }
    });
    window.flush(now).unwrap();
    assert_eq!(window.stats().spans, 8 * BATCHES as u64);
    assert_eq!(all(&window).spans.len(), 8 * BATCHES);
}

#[test]
fn folders_that_are_not_ours_are_refused_and_left_alone() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("file");
    fs::write(&path, "mine").unwrap();
    let error = Window::open(&path, small()).unwrap_err().to_string();
    assert!(
        error.contains("name a folder that is not a file"),
        "{error}"
    );

    let folder = parent.path().join("foreign");
    fs::create_dir(&folder).unwrap();
    let file = folder.join("0000000001.segment");
    for (bytes, says) in [
        (&b"an old letter to a friend"[..], "a file of another kind"),
        (b"MWTELEM\n\x09\0\0\0 and so on", "format 9"),
    ] {
        fs::write(&file, bytes).unwrap();
        let error = Window::open(&folder, small()).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        assert_eq!(fs::read(&file).unwrap(), bytes);
    }

    let folder = parent.path().join("shared");
    let first = Window::open(&folder, small()).unwrap();
    let error = Window::open(&folder, small()).unwrap_err().to_string();
    assert!(error.contains("another midwatch"), "{error}");
    drop(first);
    Window::open(&folder, small()).unwrap();
}

#[test]
fn detectors_read_points_beyond_memory_and_no_second_that_is_not_known() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits {
        hot: Span(10 * MINUTE),
        head_bytes: 1,
        ..Limits::default()
    };
    let window = Window::open(folder.path(), limits).unwrap();
    let begin = 1_800_000_000;
    let at = |minute: i64| Timestamp::from_seconds(begin + 60 * minute);
    for minute in 0..40 {
        let mut batch = request("service/a", at(minute).0, 20, minute % 2 == 0);
        batch.points.push(Point {
            key: Arc::new(key(1)),
            time: at(minute),
            value: minute as f64,
        });
        window.append(batch, at(minute)).unwrap();
    }
    let entity = EntityId::from("service/1");
    let whole = TimeWindow::new(at(0), at(40)).unwrap();
    let check = |window: &Window| {
        let read = window.points(&entity, "m", "", whole);
        assert_eq!(read.len(), 1);
        let values: Vec<f64> = (0..40).map(f64::from).collect();
        assert_eq!(read[0].values, values);
        assert!(window.points(&entity, "m", "p50", whole).is_empty());
    };
    check(&window);
    assert!(window.stats().hot_points < 20);
    let serving = EntityId::from("service/a");
    let red = window.red(&serving, whole, Span(MINUTE));
    assert!(red.len() < 15 && red.len() >= 9, "{}", red.len());
    assert!(
        red.iter()
            .all(|r| r.calls == 1 && (r.p50 / 20.0 - 1.0).abs() < 0.02)
    );
    assert_eq!(red.last().unwrap().errors, 0);
    window.flush(at(40)).unwrap();
    drop(window);
    let window = Window::open(folder.path(), limits).unwrap();
    check(&window);
    let again = window.red(&serving, whole, Span(MINUTE));
    assert!(again.len() >= 9 && again.iter().all(|r| r.calls == 1));
    assert_eq!(window.serving(), [serving]);
}

#[test]
fn more_than_a_look_may_hold_is_thinned_by_whole_traces() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits {
        capture_bytes: 20_000,
        ..small()
    };
    let window = Window::open(folder.path(), limits).unwrap();
    let now = Timestamp::from_seconds(1_800_000_000);
    for trace in 0..200 {
        let mut batch = Batch::default();
        for span in 0..3 {
            batch.push_span(&SpanRow {
                trace_id: &format!("{trace:032x}"),
                span_id: &format!("{span:016x}"),
                parent_id: "",
                entity: &"service/a".into(),
                name: "op",
                kind: SpanKind::Server,
                start: now,
                end: now,
                error: false,
                message: "",
                peer: "",
                attributes: &[],
                file: &"".into(),
                line: 0,
            });
        }
        window.append(batch, now).unwrap();
    }
    let captured = all(&window);
    let mut traces: BTreeMap<&str, u32> = BTreeMap::new();
    for span in &captured.spans {
        *traces.entry(&span.trace_id).or_default() += 1;
    }
    assert!(!traces.is_empty() && traces.len() < 100, "{}", traces.len());
    assert!(traces.values().all(|count| *count == 3), "whole traces");
    assert_eq!(captured.gaps.len(), 2);
}

/// Caller and callee send their spans apart, and some seconds before anybody asks; the calls that were seen once are
/// known for ten minutes.
#[test]
fn who_calls_whom_is_known_without_a_look() {
    let folder = tempfile::tempdir().unwrap();
    let window = Window::open(folder.path(), small()).unwrap();
    let now = Timestamp::from_seconds(1_800_000_000);
    let span = |entity: &str, span: &str, parent: &str| {
        let mut batch = Batch::default();
        let topology = model::Entity {
            id: entity.into(),
            kind: model::EntityKind::Service,
            name: entity.to_string(),
            labels: BTreeMap::new(),
        };
        batch.topology.entities.push(topology);
        batch.push_span(&SpanRow {
            trace_id: "0af7651916cd43dd8448eb211c80319c",
            span_id: span,
            parent_id: parent,
            entity: &entity.into(),
            name: "op",
            kind: SpanKind::Server,
            start: now,
            end: now.plus(Span(1_000_000)),
            error: false,
            message: "",
            peer: "",
            attributes: &[],
            file: &"".into(),
            line: 0,
        });
        batch
    };
    window
        .append(
            span("service/cart", "00000000000000b1", "00000000000000a1"),
            now,
        )
        .unwrap();
    window.flush(now).unwrap();
    window
        .append(span("service/front", "00000000000000a1", ""), now)
        .unwrap();
    let calls = |after: i64| {
        let topology = window.around(now.plus(Span(after * SECOND))).unwrap();
        let edges = topology.edges.iter();
        let edges: Vec<_> = edges.map(|e| format!("{} -> {}", e.from, e.to)).collect();
        (topology.entities.len(), edges)
    };
    let front_calls_cart = (2, vec!["service/front -> service/cart".to_string()]);
    assert_eq!(calls(8), front_calls_cart);
    // Their spans are out of reach by then; what was seen is not forgotten.
    assert_eq!(calls(300), front_calls_cart);
    assert_eq!(calls(2_000).1.len(), 0);
    // Before anything happened nothing is known of it.
    assert_eq!(calls(-120).1.len(), 0);
}

#[test]
fn topology_is_what_was_heard_of_lately() {
    let folder = tempfile::tempdir().unwrap();
    let window = Window::open(folder.path(), small()).unwrap();
    let now = Timestamp::from_seconds(1_800_000_000);
    let mut batch = request("service/a", now.0, 5, false);
    batch.topology.edges.push(Edge {
        from: "service/a".into(),
        to: "host/h".into(),
        kind: EdgeKind::RunsOn,
        confidence: 1.0,
        calls_per_request: None,
        seen_in: "resource".to_string(),
    });
    window.append(batch, now).unwrap();
    window.flush(now).unwrap();
    drop(window);
    let window = Window::open(folder.path(), small()).unwrap();
    let captured = all(&window);
    assert_eq!(captured.topology.edges.len(), 1);
    assert!(captured.topology.entity(&"service/a".into()).is_some());
    let later = TimeWindow::new(now.plus(Span(SECOND)), now.plus(Span(MINUTE))).unwrap();
    let later = window.capture(later, &[], now.plus(Span(MINUTE))).unwrap();
    assert!(later.topology.entities.is_empty() && later.spans.is_empty());
}
