//! Lessons, precedents, scores and post-mortems of incidents told in full.

use std::collections::{BTreeMap, BTreeSet};

use learn::{distil, postmortem, scores};
use model::evidence::{EvidenceId, Statistic, Value};
use model::incident::{Ending, Entry, Incident, IncidentEvent};
use model::lesson::{Area, LearnedCause, Lesson, Milestones};
use model::query::GapReason;
use model::report::{Cause, Claim, GapCost, Named, Onset, Report, Score, Status, Symptom, Word};
use model::testkit::{opened, report, story};
use model::time::{Span, TimeWindow, Timestamp};
use model::{
    Category, ChangeKind, EntityId, EntityKind, Evidence, IncidentId, MechanismId, Polarity, Query,
    SourceKind,
};

fn fold(id: &IncidentId, events: Vec<(Timestamp, IncidentEvent)>) -> Incident {
    let entries: Vec<Entry> = events
        .into_iter()
        .zip(1..)
        .map(|((at, event), seq)| Entry {
            seq,
            at,
            event,
            previous: String::new(),
            digest: String::new(),
        })
        .collect();
    Incident::fold(id, &entries).unwrap().unwrap()
}

fn claim(id: &str, text: &str, evidence: &[u32]) -> Claim {
    Claim {
        id: id.to_string(),
        text: text.to_string(),
        evidence: evidence.iter().map(|n| EvidenceId(*n)).collect(),
    }
}

fn evidence(id: u32, query: Query, says: &str, z: Option<f64>) -> Evidence {
    Evidence {
        id: EvidenceId(id),
        source: SourceKind::Logs,
        entity: None,
        query,
        window: None,
        statistic: Statistic {
            name: String::new(),
            arguments: BTreeMap::new(),
            values: z
                .map(|z| ("z".to_string(), Value::Number(z)))
                .into_iter()
                .collect(),
        },
        polarity: Polarity::For,
        weight: 1.0,
        quality: 1.0,
        says: says.to_string(),
        raw: Vec::new(),
        digest: String::new(),
    }
}

/// The story of everything that can happen, with a report that names a cause.
fn telling() -> Incident {
    let (id, mut events) = story();
    let start = events[0].0;
    for (_, event) in &mut events {
        if let IncidentEvent::InvestigationEnded { report, .. } = event {
            fill(report, start);
        }
        if let IncidentEvent::LessonLearned { .. } = event {
            *event = model::testkit::noted("watch", "the lesson is what is tested");
        }
    }
    fold(&id, events)
}

fn fill(report: &mut Report, opened: Timestamp) {
    let window = TimeWindow::new(opened.minus(Span::minutes(60)), opened).unwrap();
    let function = EntityId::from("function/f0");
    let front = EntityId::from("service/front");
    report.header.started = Some(Onset {
        lo: opened.minus(Span::seconds(40)),
        hi: opened,
    });
    let named = |id: &EntityId, kind| Named {
        id: id.clone(),
        name: id.to_string(),
        kind,
    };
    report.entities = vec![
        named(&function, EntityKind::Function),
        named(&front, EntityKind::Service),
    ];
    report.evidence = vec![
        evidence(
            1,
            Query::Logs {
                entity: Some(function.clone()),
                pattern: "KeyError: <*>".to_string(),
                window,
            },
            "312 new lines",
            None,
        ),
        evidence(
            2,
            Query::Change {
                id: "change-1".to_string(),
            },
            "configuration change \u{201c}drop TABLE | <b>now</b>\u{201d} by bob at 15:05:32",
            None,
        ),
        evidence(
            3,
            Query::Metric {
                entity: front.clone(),
                metric: "errors".to_string(),
                statistic: String::new(),
                window,
            },
            "errors rose",
            Some(12.0),
        ),
    ];
    report.verdict = vec![claim(
        "C1",
        "function/f0 cannot start since its setting TABLE is gone.",
        &[1, 2],
    )];
    report.symptoms = vec![Symptom {
        entity: front,
        aspect: "errors".to_string(),
        onset: Onset {
            lo: opened,
            hi: opened,
        },
        active: true,
        size: 12.0,
        claim: claim("C2", "errors of service/front rose", &[3]),
    }];
    report.causes = vec![Cause {
        entity: function,
        mechanism: MechanismId("change.config-broken".to_string()),
        title: "a setting that is missing or wrong".to_string(),
        category: Category::SystemChange,
        change: Some("change-1".to_string()),
        word: Word::Confirmed,
        confidence: 0.93,
        caps: Vec::new(),
        score: Score::default(),
        onset: None,
        claim: claim(
            "C3",
            "TABLE was removed 40 s before the first error",
            &[1, 2],
        ),
        supports: Vec::new(),
        contradicts: Vec::new(),
        predictions: Vec::new(),
        path: Vec::new(),
        explains: vec![0],
        mitigations: Vec::new(),
    }];
    report.gaps = vec![GapCost {
        wanted: "logs".to_string(),
        entity: Some(EntityId::from("table/ledger")),
        why: GapReason::Permission,
        detail: String::new(),
        affects: vec!["throttling of table/ledger".to_string()],
        gain: 0.11,
        how_to_close: "grant logs:FilterLogEvents".to_string(),
    }];
}

#[test]
fn a_lesson_holds_what_will_be_of_use() {
    let incident = telling();
    let lesson = distil(&incident);
    assert_eq!(lesson.title, "Requests to service/front fail");
    assert!(!lesson.false_alarm);
    assert_eq!(
        lesson.causes,
        [LearnedCause {
            entity: "function/f0".into(),
            kind: EntityKind::Function,
            mechanism: MechanismId("change.config-broken".to_string()),
            category: Category::SystemChange,
            change: Some(ChangeKind::Config),
            confidence: 0.93,
            cured: Some(true),
            confirmed: None,
            blamed: true,
        }]
    );
    assert_eq!(
        lesson.templates,
        BTreeSet::from(["KeyError: <*>".to_string()])
    );
    assert_eq!(
        lesson.path,
        BTreeSet::from([EntityKind::Function, EntityKind::Service])
    );
    assert_eq!(lesson.shapes, BTreeSet::from(["errors up".to_string()]));
    assert_eq!(lesson.recovered, Some(true));
    assert_eq!(
        lesson.put_right,
        [
            "set on function/f0: TABLE=ledger",
            "set on function/f1: TABLE=ledger"
        ]
    );
    let reached = lesson.milestones;
    let after = |at: Option<Timestamp>| at.map(|at| at.since(incident.opened).as_seconds());
    assert_eq!(after(reached.began), Some(-40.0));
    assert_eq!(after(reached.investigated), Some(13.0));
    assert_eq!(after(reached.approved), Some(40.0));
    assert!(after(reached.recovered) > Some(40.0));
    let advice: Vec<String> = lesson
        .advice
        .iter()
        .map(|a| format!("{:?}: {}", a.area, a.text))
        .collect();
    assert_eq!(
        advice,
        [
            "Observability: Make logs of table/ledger visible: grant logs:FilterLogEvents; it would have added 11 points of confidence.",
            "DeploymentPipeline: Check the settings of function/f0 before they act: those that must be there, their form, and one start with them.",
            "Resilience: Let function/f0 refuse to start, or keep the last state that worked, when a change leaves it unable to serve (a setting that is missing or wrong).",
        ]
    );
}

#[test]
fn an_incident_behind_which_nothing_was_is_a_false_alarm() {
    let at = Timestamp::from_seconds(1_781_795_172);
    let id = IncidentId("inc-1".to_string());
    let window = TimeWindow::new(at.minus(Span::minutes(60)), at).unwrap();
    let mut events = vec![
        (at, opened("errors", "service/front", at)),
        (
            at,
            IncidentEvent::InvestigationStarted { attempt: 1, window },
        ),
        (
            at.plus(Span::seconds(2)),
            IncidentEvent::InvestigationEnded {
                attempt: 1,
                report: Box::new(report("l", Status::NoActiveFault, at)),
            },
        ),
    ];
    let lesson = distil(&fold(&id, events.clone()));
    assert!(
        lesson.false_alarm,
        "before it is closed, the report says so"
    );
    assert_eq!((lesson.recovered, lesson.causes.len()), (None, 0));
    events.push((
        at.plus(Span::seconds(9)),
        IncidentEvent::Closed {
            ending: Ending::RecoveredAlone,
            by: "ada".to_string(),
        },
    ));
    let lesson = distil(&fold(&id, events));
    assert!(!lesson.false_alarm, "a person who closed it knew better");
    assert_eq!(lesson.milestones.recovered, Some(at.plus(Span::seconds(9))));
}

fn lesson(id: &str, days_ago: i64, mechanism: &str, templates: &[&str]) -> Lesson {
    let now = Timestamp::from_seconds(1_781_795_172);
    let at = now.minus(Span::seconds(days_ago * 86_400));
    Lesson {
        incident: IncidentId(id.to_string()),
        at,
        title: "Requests fail".to_string(),
        false_alarm: false,
        causes: vec![LearnedCause {
            entity: "function/f0".into(),
            kind: EntityKind::Function,
            mechanism: MechanismId(mechanism.to_string()),
            category: Category::SystemChange,
            change: Some(ChangeKind::Config),
            confidence: 0.9,
            cured: Some(true),
            confirmed: None,
            blamed: true,
        }],
        templates: templates.iter().map(|t| t.to_string()).collect(),
        path: BTreeSet::from([EntityKind::Function]),
        shapes: BTreeSet::from(["errors up".to_string()]),
        milestones: Milestones {
            began: Some(at),
            detected: at.plus(Span::seconds(10)),
            investigated: Some(at.plus(Span::seconds(12))),
            approved: Some(at.plus(Span::seconds(20))),
            recovered: Some(at.plus(Span::seconds(40))),
        },
        recovered: Some(true),
        put_right: Vec::new(),
        advice: Vec::new(),
    }
}

#[test]
fn scores_are_measured() {
    let mut lessons: Vec<Lesson> = (0..20)
        .map(|i| lesson(&format!("n{i}"), i, "m", &[]))
        .collect();
    lessons[0].milestones.recovered = Some(lessons[0].milestones.detected.plus(Span::minutes(10)));
    lessons[1].recovered = Some(false);
    lessons[1].causes[0].cured = Some(false);
    lessons[2].false_alarm = true;
    lessons[2].causes.clear();
    lessons[2].recovered = None;
    let measured = scores(&lessons);
    // Neither what the recovery did not cure nor what was nothing says what a cause was.
    assert_eq!((measured.incidents, measured.labelled), (20, 18));
    assert_eq!(
        (measured.detect.p50, measured.detect.count),
        (Span::seconds(10), 19)
    );
    assert_eq!(measured.investigate.p95, Span::seconds(2));
    assert_eq!(
        (measured.recover.p50, measured.recover.p95),
        (Span::seconds(30), Span::minutes(10))
    );
    assert_eq!((measured.recovery.hits, measured.recovery.of), (18, 19));
    assert_eq!(measured.false_alarms.value(), Some(0.05));
    let mechanism = MechanismId("m".to_string());
    assert_eq!(measured.mechanisms, BTreeMap::from([(mechanism, 18)]));
    assert_eq!(scores(&[]).false_alarms.value(), None);
}

#[test]
fn a_post_mortem_tells_it_all_and_leaves_to_people_what_is_theirs() {
    let paper = postmortem(&telling());
    assert_eq!(
        paper.trigger,
        [
            "configuration change \u{201c}drop TABLE | <b>now</b>\u{201d} by bob at 15:05:32, on function/f0"
        ]
    );
    assert_eq!(
        paper.root_causes,
        [
            "a setting that is missing or wrong on function/f0 (system change; confirmed, 0.93): TABLE was removed 40 s before the first error"
        ]
    );
    assert!(
        paper
            .contributing
            .contains(&"a recovery was broken off and undone: step 2 failed".to_string())
    );
    assert!(
        paper
            .timeline
            .windows(2)
            .all(|pair| pair[0].at <= pair[1].at)
    );
    assert_eq!(paper.actions.detect.len(), 1);
    assert_eq!(paper.actions.prevent.len(), 1);
    assert!(
        paper
            .actions
            .process
            .iter()
            .any(|item| item.contains("not during the batch"))
    );
    assert!(
        paper
            .well
            .contains(&"It was noticed within 40 s.".to_string())
    );
    assert!(
        paper
            .badly
            .contains(&"1 of 3 investigations could not be done.".to_string())
    );
    let text = paper.to_string();
    for section in [
        "# Post-mortem: Requests to service/front fail",
        "## Trigger",
        "## Root causes",
        "## Contributing conditions",
        "## Detection",
        "## Timeline",
        "## Action items",
        "## What went well",
        "## What went badly",
        "## Where we were lucky",
        "| Status | recovered, verified on fresh telemetry at ",
        "- Customers and money: \\[ to be filled in by people \\]",
        "drop TABLE \\| \\<b\\>now\\</b\\>",
        "| prevent | Check the settings of function/f0 before they act",
    ] {
        assert!(text.contains(section), "{section}\nin\n{text}");
    }
    assert!(!text.contains("<b>"), "telemetry is no markup");
}

#[test]
fn what_is_only_begun_can_be_told_too() {
    let at = Timestamp::from_seconds(1_781_795_172);
    let id = IncidentId("inc-1".to_string());
    let incident = fold(&id, vec![(at, opened("errors", "service/front", at))]);
    let lesson = distil(&incident);
    assert_eq!(
        (lesson.title.as_str(), lesson.advice.len()),
        ("errors on service/front", 0)
    );
    let text = postmortem(&incident).to_string();
    assert!(text.contains("| Status | open |"), "{text}");
}

#[test]
fn advice_is_sorted_by_area() {
    let lesson = distil(&telling());
    let areas: Vec<Area> = lesson.advice.iter().map(|a| a.area).collect();
    let mut sorted = areas.clone();
    sorted.sort();
    assert_eq!(areas, sorted);
}

/// What a person named was missed by every report, and what they said was wrong was blamed in vain.
#[test]
fn what_people_name_tells_how_right_and_how_sure_the_verdicts_were() {
    let named = |incident: &Incident, events: Vec<IncidentEvent>| {
        let mut incident = incident.clone();
        for event in events {
            let (seq, at) = (incident.seq + 1, incident.touched.plus(Span::seconds(1)));
            incident.apply(seq, at, &event).unwrap();
        }
        incident
    };
    let incident = telling();
    let disk = IncidentEvent::CauseNamed {
        entity: "table/ledger".into(),
        kind: EntityKind::Table,
        mechanism: MechanismId("resource.disk-full".to_string()),
        category: Category::ResourceLimit,
        instead: true,
        by: "ada".to_string(),
    };
    let wrong = IncidentEvent::CauseJudged {
        entity: "function/f0".into(),
        mechanism: MechanismId("change.config-broken".to_string()),
        right: false,
        by: "ada".to_string(),
    };
    let told = named(&incident, vec![wrong, disk]);
    let lesson = distil(&told);
    let causes: Vec<(&str, Option<bool>, bool)> = lesson
        .causes
        .iter()
        .map(|cause| (cause.entity.as_str(), cause.truth(), cause.blamed))
        .collect();
    assert_eq!(
        causes,
        [
            ("function/f0", Some(false), true),
            ("table/ledger", Some(true), false)
        ]
    );
    let scores = learn::scores(&[distil(&incident), lesson]);
    // One was cured by a recovery that answered it; of the other a person knew better.
    assert_eq!((scores.right.hits, scores.right.of), (1, 2));
    assert_eq!((scores.found.hits, scores.found.of), (1, 2));
    assert_eq!(scores.labelled, 2);
    assert_eq!(
        scores.mechanisms[&MechanismId("resource.disk-full".to_string())],
        1
    );
    let [sure] = scores.calibration.as_slice() else {
        panic!("{:?}", scores.calibration);
    };
    assert!((sure.stated - 0.93).abs() < 1e-9, "{sure:?}");
    assert_eq!((sure.from, sure.to), (0.9, 1.0));
    assert_eq!((sure.share.hits, sure.share.of), (1, 2));

    let paper = postmortem(&told).to_string();
    for text in [
        "ada says that it was not a cause",
        "named by ada",
        "ada named a cause",
        "No report named resource.disk-full on table/ledger",
    ] {
        assert!(paper.contains(text), "{text} is missing in:\n{paper}");
    }
}
