//! Whatever a case holds, there is a report, it stands on evidence, and nothing panics.

use std::sync::Arc;

use connectors::files::Case;
use model::recording::{Manifest, SCHEMA};
use model::report::{BudgetLimit, Status};
use model::{
    ChangeKind, Edge, EdgeKind, EntityId, EntityKind, Series, Severity, Span, TimeWindow, Timestamp,
};

use crate::cases::{END, Story, from, minute, report_on, stories, written};

/// A report is made, reads back as itself, and every claim cites what is there.
fn stands(case: &Case) -> Status {
    let report = report_on(case);
    assert_eq!(
        investigate::verify::form(&report),
        Vec::new(),
        "{}",
        case.manifest.id
    );
    let read: model::report::Report =
        serde_json::from_str(&written(&report)).expect("what was written reads");
    assert_eq!(read.header.status, report.header.status);
    assert_eq!(investigate::verify(&read, case), Vec::new());
    report.header.status
}

fn empty() -> Case {
    Case::new(Manifest {
        schema: SCHEMA.to_string(),
        id: "empty".to_string(),
        title: String::new(),
        now: minute(END),
        window: TimeWindow::new(minute(120), minute(END)).expect("forward"),
        baselines: Vec::new(),
        gaps: Vec::new(),
        sources: Vec::new(),
        origin: String::new(),
        licence: String::new(),
    })
}

#[test]
fn nothing_at_all_is_unknown() {
    assert_eq!(stands(&empty()), Status::Unknown);
}

#[test]
fn an_alarm_about_nobody_known_is_unknown() {
    let mut case = empty();
    case.alarms = Story::new("x", "x")
        .alarm("ghost", "latency_ms", 150, 1.0, 2.0)
        .told()
        .alarms;
    assert_eq!(stands(&case), Status::Unknown);
}

#[test]
fn no_alarms_still_give_a_report() {
    for told in stories::all() {
        let mut case = told.case;
        case.alarms.clear();
        stands(&case);
    }
}

#[test]
fn no_map_still_gives_a_report() {
    for told in stories::all() {
        let mut case = told.case.clone();
        case.topology.edges.clear();
        stands(&case);
        case.topology.entities.clear();
        stands(&case);
    }
}

#[test]
fn circles_end() {
    for told in stories::all() {
        let mut case = told.case;
        let back: Vec<Edge> = case
            .topology
            .edges
            .iter()
            .map(|edge| Edge {
                from: edge.to.clone(),
                to: edge.from.clone(),
                ..edge.clone()
            })
            .collect();
        case.topology.edges.extend(back.iter().cloned());
        for kind in [EdgeKind::ServedBy, EdgeKind::RunsOn] {
            case.topology.edges.extend(back.iter().map(|edge| Edge {
                kind,
                ..edge.clone()
            }));
        }
        for edge in &mut case.topology.edges {
            edge.calls_per_request = Some(f64::INFINITY);
            edge.confidence = 7.0;
        }
        case.normalise();
        stands(&case);
    }
}

#[test]
fn an_edge_to_oneself_or_to_nowhere_is_no_harm() {
    let mut case = stories::disk_full().case;
    for (from, to) in [("checkout", "checkout"), ("checkout", "nowhere"), ("", "")] {
        case.topology.edges.push(Edge {
            from: from.into(),
            to: to.into(),
            kind: EdgeKind::Calls,
            confidence: f64::NAN,
            calls_per_request: Some(-1.0),
            seen_in: String::new(),
        });
    }
    case.normalise();
    stands(&case);
}

/// What a metric reads, minute by minute.
type Course = Box<dyn Fn(i64) -> f64>;

#[test]
fn odd_series_are_no_harm() {
    let constant = |_: i64| 5.0;
    let shapes: Vec<(&str, Course)> = vec![
        ("constant", Box::new(constant)),
        ("zero", Box::new(|_| 0.0)),
        ("huge", Box::new(from(140, 1e300, 1.7e308))),
        ("tiny", Box::new(from(140, 1e-300, 5e-324))),
        ("leap", Box::new(from(140, 1e-300, 1e300))),
        (
            "alternating",
            Box::new(|at| if at % 2 == 0 { 1e300 } else { 0.0 }),
        ),
    ];
    for (name, course) in shapes {
        let case = Story::new(name, "odd numbers")
            .with(EntityKind::Service, &["front", "back", "side"])
            .calls("front", &["back", "side"])
            .reads("front", "request_latency_ms", "ms", &course)
            .reads("back", "request_latency_ms", "ms", &course)
            .reads("side", "memory_usage_percent", "%", &course)
            .reads("back", "error_rate_percent", "%", &course)
            .alarm("front", "request_latency_ms", 145, 1e300, f64::MAX)
            .told();
        let status = stands(&case);
        if matches!(name, "constant" | "zero") {
            assert_ne!(status, Status::CauseFound, "{name}");
        }
    }
}

#[test]
fn one_point_is_no_series_and_none_is_no_harm() {
    let mut case = stories::bad_deploy().case;
    for series in case.series.iter_mut().flatten() {
        *series = Arc::new(Series {
            key: series.key.clone(),
            times: series.times[..1].to_vec(),
            values: series.values[..1].to_vec(),
        });
    }
    stands(&case);
    for series in case.series.iter_mut().flatten() {
        *series = Arc::new(Series {
            key: series.key.clone(),
            ..Series::default()
        });
    }
    stands(&case);
}

#[test]
fn a_line_of_ten_megabytes_is_read_in_part() {
    let long = "connection refused ".repeat(550_000);
    let case = Story::new("long", "long lines")
        .with(EntityKind::Service, &["front", "back"])
        .calls("front", &["back"])
        .serves("front", |_| 20.0, from(140, 0.1, 30.0))
        .writes("front", Severity::Error, &long, (150, 151), 1)
        .writes(
            "back",
            Severity::Error,
            "\u{0}\u{202e}\u{feff}%s%n{}#",
            (140, END),
            2,
        )
        .alarm("front", "error_rate_percent", 150, 5.0, 30.0)
        .told();
    let report = written(&report_on(&case));
    assert!(
        report.len() < 1 << 20,
        "{} bytes of report for one long line",
        report.len()
    );
    stands(&case);
}

#[test]
fn spans_that_run_backwards_or_have_no_parent_are_no_harm() {
    let mut case = stories::bad_deploy().case;
    for (nth, span) in case.spans.iter_mut().flatten().enumerate() {
        match nth % 5 {
            0 => (span.start, span.end) = (span.end, span.start),
            1 => span.parent_id = "feedfacefeedface".into(),
            2 => span.parent_id = span.span_id.clone(),
            3 => span.trace_id = "".into(),
            _ => span.end = Timestamp(i64::MAX),
        }
    }
    case.normalise();
    stands(&case);
}

#[test]
fn changes_at_absurd_times_are_not_blamed() {
    let mut case = stories::pool_exhausted().case;
    let ends = [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX];
    for (nth, start) in ends.into_iter().enumerate() {
        for (other, end) in ends.into_iter().enumerate() {
            let told = Story::new("absurd", "absurd")
                .change(
                    ChangeKind::Config,
                    &format!("absurd-{nth}-{other}"),
                    "checkout",
                    0,
                    "set pool size",
                    "@@ pool.yaml\n-size: 20\n+size: 1\n",
                )
                .told();
            for mut change in told.changes.into_iter().flatten() {
                (change.start, change.end) = (Timestamp(start), Timestamp(end));
                change.undone = Some(Timestamp(end));
                change.carries = vec![change.id.clone()];
                case.changes.get_or_insert_default().push(change);
            }
        }
    }
    case.normalise();
    assert_eq!(stands(&case), Status::CauseFound);
    let report = report_on(&case);
    assert!(report.causes.iter().all(|cause| cause.change.is_none()));
}

#[test]
fn moments_at_the_ends_of_time_are_no_harm() {
    let mut case = stories::disk_full().case;
    for event in case.events.iter_mut().flatten() {
        (event.first, event.last) = (Timestamp(i64::MIN), Timestamp(i64::MAX));
        event.count = u64::MAX;
    }
    for alarm in &mut case.alarms {
        alarm.fired_at = Timestamp(i64::MAX);
        alarm.threshold = Some(f64::INFINITY);
        alarm.observed = Some(f64::NAN);
    }
    case.normalise();
    // An infinite line cannot be written down; that a report is made is what counts here.
    let report = report_on(&case);
    assert_eq!(investigate::verify::form(&report), Vec::new());
    case.manifest.now = Timestamp(i64::MAX);
    let everything = TimeWindow::new(Timestamp(i64::MIN), Timestamp(i64::MAX));
    case.manifest.window = everything.expect("forward");
    report_on(&case);
}

#[test]
fn two_thousand_alarms_are_one_incident() {
    let told = stories::bad_deploy();
    let mut case = told.case;
    let first = case.alarms[0].clone();
    let who: Vec<EntityId> = case
        .topology
        .entities
        .iter()
        .map(|e| e.id.clone())
        .collect();
    for nth in 0..2000_usize {
        let mut alarm = first.clone();
        alarm.id = format!("again-{nth}");
        alarm.entity = who[nth % who.len()].clone();
        alarm.fired_at = alarm.fired_at.plus(Span::seconds(nth as i64 % 600));
        case.alarms.push(alarm);
    }
    case.normalise();
    let report = report_on(&case);
    assert_eq!(report.header.status, Status::CauseFound);
    assert_eq!(report.causes[0].entity, EntityId::from("pricing"));
}

#[test]
fn any_budget_is_kept_and_what_it_cost_is_said() {
    let case = stories::pool_exhausted().case;
    for reads in [0, 1, 2, 3, u32::MAX] {
        let report = investigate::investigate(&case, BudgetLimit { reads }, &mut |_| {});
        assert!(report.cost.reads <= reads);
        let refused = report
            .gaps
            .iter()
            .any(|gap| gap.why == model::GapReason::Budget);
        assert_eq!(refused, reads < 6, "{reads}: {:?}", report.gaps);
    }
}
