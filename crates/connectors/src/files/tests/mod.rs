//! Recordings from end to end: written, opened, compared, and broken in every way we could think of.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use model::ports::{
    ChangeSource, Eyes, KnowledgeSource, LogSource, MetricSource, Runbook, StateSource,
    TopologySource, TraceSource,
};
use model::query::{Answer, Gap, GapReason};
use model::recording::{Manifest, SCHEMA, TrueAnswer};
use model::telemetry::SpanKind;
use model::{
    Alarm, Change, ChangeKind, Edge, Entity, EntityId, EntityKind, Event, RawRef, Series,
    SeriesKey, Severity, StateSnapshot, TimeWindow, Timestamp, Topology,
};

use super::*;

mod bad;
mod checks;
mod formats;
mod policies;

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn window() -> TimeWindow {
    TimeWindow::new(at("2026-01-01T00:00:00Z"), at("2026-01-02T00:00:00Z")).unwrap()
}

pub(super) fn head() -> Manifest {
    Manifest {
        schema: SCHEMA.into(),
        id: "case-1".into(),
        title: "Checkout is slow".into(),
        now: at("2026-01-01T12:00:00Z"),
        window: TimeWindow::new(at("2026-01-01T11:00:00Z"), at("2026-01-01T12:00:00Z")).unwrap(),
        baselines: Vec::new(),
        gaps: vec![Gap {
            wanted: "traces".into(),
            entity: None,
            hides: Vec::new(),
            why: GapReason::NotInstrumented,
            detail: String::new(),
            how_to_close: "add the agent".into(),
        }],
        sources: Vec::new(),
        origin: String::new(),
        licence: "CC0-1.0".into(),
    }
}

fn entity(id: &str, kind: EntityKind) -> Entity {
    Entity {
        id: id.into(),
        kind,
        name: id.rsplit('/').next().unwrap().into(),
        labels: Default::default(),
    }
}

pub(super) fn case() -> Case {
    let mut case = Case::new(head());
    let shop: EntityId = "service/shop".into();
    case.alarms = vec![
        serde_json::from_value::<Alarm>(serde_json::json!({
            "id": "a1", "rule": "slow", "entity": "service/shop", "fired_at": "2026-01-01T11:30:00Z",
        }))
        .unwrap(),
    ];
    case.topology = Topology {
        entities: vec![
            entity("service/shop", EntityKind::Service),
            entity("database/orders", EntityKind::Database),
        ],
        edges: vec![
            serde_json::from_value::<Edge>(
                serde_json::json!({"from": "service/shop", "to": "database/orders", "confidence": 0.5}),
            )
            .unwrap(),
        ],
    };
    let series = |metric: &str, labels: &[(&str, &str)], values: &[f64]| {
        Arc::new(Series {
            key: SeriesKey {
                entity: shop.clone(),
                metric: metric.into(),
                statistic: "p99".into(),
                unit: "ms".into(),
                labels: labels
                    .iter()
                    .map(|(k, v)| (k.to_string(), v.to_string()))
                    .collect(),
            },
            times: (0..values.len() as i64)
                .map(|i| at("2026-01-01T11:00:00Z").0 + i * 60_000_000_000)
                .collect(),
            values: values.to_vec(),
        })
    };
    case.series = Some(vec![
        series("latency", &[], &[1.0, 2.5, 1e-7, 123456.789]),
        series("latency", &[("unit", "a,b"), ("zone", "say \"a\"")], &[0.1]),
        series("odd;name, with\nend", &[], &[-0.0, 1e300]),
    ]);
    case.logs = Some(vec![OwnedLog {
        time: at("2026-01-01T11:00:01.000000001Z"),
        entity: shop.clone(),
        severity: Some(Severity::Error),
        body: "could not \"reach\" \n orders \u{1F4A5}".into(),
        attributes: vec![("level".into(), "7".into()), ("service".into(), "x".into())],
        trace_id: "ab".into(),
        span_id: "".into(),
        file: "logs/logs.ndjson".into(),
        line: 1,
    }]);
    case.spans = Some(vec![OwnedSpan {
        trace_id: "ab".into(),
        span_id: "01".into(),
        parent_id: "".into(),
        entity: shop.clone(),
        name: "GET /".into(),
        kind: SpanKind::Server,
        start: at("2026-01-01T11:00:00Z"),
        end: at("2026-01-01T11:00:01Z"),
        error: true,
        message: "timeout".into(),
        peer: "orders".into(),
        attributes: vec![("http.response.status_code".into(), "503".into())],
        file: "traces/spans.ndjson".into(),
        line: 1,
    }]);
    case.changes = Some(vec![Change {
        id: "c1".into(),
        kind: ChangeKind::Deploy,
        start: at("2026-01-01T10:59:00Z"),
        end: at("2026-01-01T11:00:00Z"),
        entities: vec![shop.clone()],
        actor: String::new(),
        title: "shop 2".into(),
        files: vec![],
        diff: Some("-a\n+b\n".into()),
        version: "2".into(),
        carries: vec![],
        undone: None,
        raw: RawRef::default(),
    }]);
    case.snapshots = Some(vec![StateSnapshot {
        entity: shop.clone(),
        time: at("2026-01-01T11:50:00Z"),
        kind: "kubernetes.deployment".into(),
        document: serde_json::json!({"replicas": 3}),
        raw: RawRef::default(),
    }]);
    case.events = Some(vec![Event {
        entity: shop,
        first: at("2026-01-01T11:10:00Z"),
        last: at("2026-01-01T11:11:00Z"),
        source: "kubernetes".into(),
        reason: "BackOff".into(),
        message: "back-off".into(),
        severity: Some(Severity::Warn),
        count: 3,
        raw: RawRef::default(),
    }]);
    case.runbooks = vec![Runbook {
        path: "shop.md".into(),
        title: "The shop".into(),
        text: "# The shop\nTurn it off and on.\n".into(),
    }];
    case.lessons = vec![
        serde_json::from_value(serde_json::json!({
            "incident": "inc-1", "at": "2025-12-20T11:00:00Z", "title": "shop is slow", "false_alarm": false,
            "causes": [{
                "entity": "database/orders", "kind": "database", "mechanism": "resource.disk-full",
                "category": "resource_limit", "confidence": 0.9, "cured": true,
            }],
            "templates": ["no space left on <*>"], "path": ["database", "service"], "shapes": ["latency up"],
            "milestones": {"detected": "2025-12-20T10:00:00Z"},
            "put_right": ["renew database/orders"], "advice": [],
        }))
        .unwrap(),
    ];
    case.answer = Some(TrueAnswer {
        entities: vec!["database/orders".into()],
        ..TrueAnswer::default()
    });
    case.normalise();
    case
}

pub(super) fn logs_of(eyes: &dyn Eyes) -> Vec<String> {
    let mut seen = Vec::new();
    let _ = LogSource::scan(eyes, None, window(), &mut |line| {
        seen.push(format!(
            "{} {} {:?} {:?} {:?} {} {}",
            line.time,
            line.entity,
            line.severity,
            line.body,
            line.attributes,
            line.trace_id,
            line.line
        ));
        ControlFlow::Continue(())
    });
    seen
}

pub(super) fn spans_of(eyes: &dyn Eyes) -> Vec<String> {
    let mut seen = Vec::new();
    let _ = TraceSource::scan(eyes, window(), &mut |span| {
        seen.push(format!(
            "{} {} {} {} {} {:?} {} {} {} {:?} {:?} {:?}",
            span.trace_id,
            span.span_id,
            span.parent_id,
            span.entity,
            span.name,
            span.kind,
            span.start,
            span.end,
            span.error,
            span.message,
            span.peer,
            span.attributes
        ));
        ControlFlow::Continue(())
    });
    seen
}

#[test]
fn what_is_written_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let case = case();
    let to = folder.path().join("r");
    write(&case, &to).unwrap();
    let open = open(&to, &Limits::default()).unwrap();
    assert_eq!(open.manifest(), &case.manifest);
    assert_eq!(open.series().found().unwrap(), case.series.clone().unwrap());
    assert_eq!(logs_of(&open), logs_of(&case));
    assert_eq!(spans_of(&open), spans_of(&case));
    assert_eq!(
        open.topology(window()),
        Answer::Found(case.topology.clone())
    );
    assert_eq!(open.runbooks(), Answer::Found(case.runbooks.clone()));
    assert_eq!(open.lessons(), Answer::Found(case.lessons.clone()));
    let place = |file: &str, line| RawRef {
        file: file.into(),
        line,
    };
    let mut alarm = case.alarms[0].clone();
    alarm.raw = place("alarms.json", 2);
    assert_eq!(open.alarms(), &[alarm]);
    let mut change = case.changes.as_ref().unwrap()[0].clone();
    change.raw = place("changes.json", 2);
    assert_eq!(open.changes(window()), Answer::Found(vec![change]));
    let mut event = case.events.as_ref().unwrap()[0].clone();
    event.raw = place("events.ndjson", 1);
    assert_eq!(open.events(window()), Answer::Found(vec![event]));
    let mut state = case.snapshots.as_ref().unwrap()[0].clone();
    state.raw = place("states/states.ndjson", 1);
    assert_eq!(open.snapshots(window()), Answer::Found(vec![state]));
    assert_eq!(read_answer(&to, &Limits::default()).unwrap(), case.answer);
    assert_eq!(open.dropped(), &Dropped::default());
}

#[test]
fn nothing_there_and_not_collected_stay_apart() {
    let folder = tempfile::tempdir().unwrap();
    let mut case = Case::new(head());
    case.logs = Some(Vec::new());
    case.series = Some(Vec::new());
    case.events = Some(Vec::new());
    write(&case, &folder.path().join("r")).unwrap();
    let open = open(&folder.path().join("r"), &Limits::default()).unwrap();
    let none = &mut |_: &model::LogLine<'_>| ControlFlow::Continue(());
    assert_eq!(
        LogSource::scan(&open, None, window(), none),
        Answer::Nothing
    );
    assert_eq!(open.series(), Answer::Nothing);
    assert_eq!(open.events(window()), Answer::Nothing);
    assert!(
        matches!(open.changes(window()), Answer::CouldNotLook(gap) if gap.why == GapReason::NotRecorded)
    );
    let none = &mut |_: &model::SpanRow<'_>| ControlFlow::Continue(());
    assert!(
        matches!(TraceSource::scan(&open, window(), none), Answer::CouldNotLook(gap) if gap.how_to_close == "add the agent")
    );
}

#[test]
fn nothing_is_written_over_and_nothing_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("r");
    write(&case(), &to).unwrap();
    let before = fs::read(to.join("recording.json")).unwrap();
    assert!(write(&case(), &to).is_err());
    assert_eq!(fs::read(to.join("recording.json")).unwrap(), before);
    let mut bad = case();
    bad.runbooks[0].path = "../../escape.md".into();
    assert!(write(&bad, &folder.path().join("s")).is_err());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// A recording with these files (and a head), opened.
pub(super) fn opened(files: &[(&str, &[u8])]) -> Result<Recording, FilesError> {
    let folder = tempfile::tempdir().unwrap();
    lay(folder.path(), files);
    open(&folder.keep(), &Limits::default())
}

pub(super) fn lay(root: &Path, files: &[(&str, &[u8])]) {
    let head = serde_json::to_vec(&head()).unwrap();
    let mut all: Vec<(&str, &[u8])> = vec![("recording.json", &head)];
    all.extend_from_slice(files);
    for (name, bytes) in all {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}
