//! Earlier incidents are shown and nudge; they never decide, and what they add can be proven like all else.

use analysis::precedents::Features;
use investigate::{constants, history, verdict, verify};
use model::evidence::SourceKind;
use model::incident::IncidentId;
use model::lesson::{LearnedCause, Lesson, Milestones};
use model::report::{Report, Status};
use model::{Category, EntityId, EntityKind, MechanismId, Span};

use crate::cases::stories::{self, Told};
use crate::cases::{END, leaders, minute, report_on, written};

/// One hypothesis of a case as it stands without any history.
struct Standing {
    entity: EntityId,
    kind: EntityKind,
    mechanism: MechanismId,
    total: f64,
    confidence: f64,
    aside: bool,
}

/// By what the case is compared, and its hypotheses, best first.
fn seen(told: &Told) -> (Features, Vec<Standing>) {
    investigate::consider(
        &told.case,
        investigate::DEFAULT_BUDGET,
        &mut |_| {},
        |world, ground, all, _| {
            let decided = verdict::decide(ground, all);
            let features = history::features(ground, all, &decided);
            let standing = all
                .iter()
                .zip(&decided.confidence)
                .map(|(h, confidence)| {
                    let unit = &world.scene.entities[h.unit as usize];
                    Standing {
                        entity: unit.id.clone(),
                        kind: unit.kind,
                        mechanism: MechanismId(h.mechanism().id.clone()),
                        total: h.score.total,
                        confidence: *confidence,
                        aside: h.aside.is_some(),
                    }
                })
                .collect();
            (features, standing)
        },
    )
}

/// What an incident with these features taught, so many days before the end of the story.
fn lesson(id: &str, days: i64, features: &Features, causes: Vec<LearnedCause>) -> Lesson {
    let at = minute(END).minus(Span::seconds(days * 86_400));
    Lesson {
        incident: IncidentId(id.to_string()),
        at,
        title: "it failed".to_string(),
        false_alarm: false,
        causes,
        templates: features.templates.clone(),
        path: features.path.clone(),
        shapes: features.shapes.clone(),
        milestones: Milestones::default(),
        recovered: Some(true),
        put_right: vec!["put it back to what it was".to_string()],
        advice: Vec::new(),
    }
}

fn cause(entity: &EntityId, kind: EntityKind, mechanism: &MechanismId) -> LearnedCause {
    LearnedCause {
        entity: entity.clone(),
        kind,
        mechanism: mechanism.clone(),
        category: Category::SystemChange,
        change: None,
        confidence: 0.97,
        cured: Some(true),
        confirmed: Some(true),
        blamed: true,
    }
}

/// The lesson that the case's own report leaves, so many days before.
fn own_lesson(told: &Told, days: i64) -> Lesson {
    let (features, _) = seen(told);
    let report = report_on(&told.case);
    let kind = |id: &EntityId| {
        let entity = told.case.topology.entity(id);
        entity.map_or(EntityKind::Unknown, |entity| entity.kind)
    };
    let causes = report.causes.iter().map(|one| LearnedCause {
        change: one.change.as_ref().and_then(|id| {
            let changes = told.case.changes.iter().flatten();
            changes.filter(|c| c.id == *id).map(|c| c.kind).next()
        }),
        ..cause(&one.entity, kind(&one.entity), &one.mechanism)
    });
    lesson("inc-before", days, &features, causes.collect())
}

/// What a report convicts.
fn convicted(report: &Report) -> Vec<String> {
    let mut all: Vec<String> = report
        .causes
        .iter()
        .map(|c| format!("{} {} {:?}", c.entity, c.mechanism, c.change))
        .collect();
    all.sort();
    all
}

#[test]
fn the_same_fault_again_is_recalled_with_what_put_it_right() {
    for mut told in [
        stories::bad_deploy(),
        stories::payledger(),
        stories::disk_full(),
    ] {
        let before = report_on(&told.case);
        assert_eq!(before.precedents, []);
        told.case.lessons = vec![own_lesson(&told, 20)];
        let report = report_on(&told.case);
        let precedent = &report.precedents[0];
        assert_eq!(precedent.case, "inc-before");
        // Alike in everything there is to compare, and twenty days old: half.
        let most: f64 = 0.5;
        assert!(
            precedent.similarity <= most && precedent.similarity >= most * 0.55,
            "{precedent:?}"
        );
        assert!(
            precedent
                .alike
                .iter()
                .any(|one| one.what == "mechanism" && one.share == 1.0)
        );
        assert_eq!(precedent.put_right, "put it back to what it was");
        assert!(
            precedent.was.contains("which a person confirmed"),
            "{}",
            precedent.was
        );
        let said = &precedent.claim;
        assert!(
            said.text.starts_with("On 2026-02-18 inc-before: "),
            "{}",
            said.text
        );
        let cited = report
            .evidence
            .iter()
            .find(|e| e.id == said.evidence[0])
            .unwrap();
        assert_eq!(cited.source, SourceKind::Lessons);
        // Each cause is nudged by so much as the precedent is alike, and by no more.
        for cause in &report.causes {
            assert_eq!(
                cause.score.history,
                precedent.similarity,
                "{}",
                leaders(&told.case)
            );
        }
        assert_eq!(convicted(&report), convicted(&before));
        assert_ne!(report.ledger, before.ledger);
        assert_eq!(verify(&report, &told.case), []);
    }
}

#[test]
fn an_altered_precedent_is_named() {
    let mut told = stories::bad_deploy();
    told.case.lessons = vec![own_lesson(&told, 3)];
    let report = report_on(&told.case);
    let claim = report.precedents[0].claim.id.clone();
    let mut forged = report.clone();
    forged.precedents[0].similarity = 0.99;
    let wrong = verify(&forged, &told.case);
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert_eq!(wrong[0].at, format!("{claim} (precedents[0].similarity)"));
    let mut forged = report.clone();
    forged.precedents[0].claim.text = "It was the moon.".to_string();
    assert_eq!(verify(&forged, &told.case)[0].at, claim);
    // Without the lessons, or with other ones, the report does not follow.
    let mut other = stories::bad_deploy();
    assert_ne!(verify(&report, &other.case), []);
    other.case.lessons = told.case.lessons.clone();
    other.case.lessons[0].causes[0].cured = None;
    other.case.lessons[0].causes[0].confirmed = None;
    let wrong = verify(&report, &other.case);
    assert!(
        wrong.iter().any(|d| d.at.contains("score.history")),
        "{wrong:?}"
    );
    assert!(wrong.iter().any(|d| d.at == "ledger"), "{wrong:?}");
}

#[test]
fn lessons_of_the_future_and_of_the_incident_itself_are_not_heard() {
    for told in stories::all() {
        let without = written(&report_on(&told.case));
        let mut case = told.case.clone();
        let mut own = own_lesson(&told, 0);
        own.incident = IncidentId(case.manifest.id.clone());
        case.lessons = vec![own_lesson(&told, -1), own];
        case.normalise();
        assert_eq!(written(&report_on(&case)), without);
    }
}

/// For every hypothesis that is not a cause: an earlier incident that was like this one in everything, and was that.
#[test]
fn a_precedent_alone_decides_nothing() {
    let mut tried = 0;
    for told in stories::all() {
        let before = report_on(&told.case);
        let (features, standing) = seen(&told);
        let named = |one: &Standing| {
            let mut causes = before.causes.iter();
            causes.any(|c| c.entity == one.entity && c.mechanism == one.mechanism)
        };
        let least = before
            .causes
            .iter()
            .map(|c| c.score.total)
            .fold(f64::INFINITY, f64::min);
        for one in standing.iter().filter(|one| !named(one)).take(24) {
            let mut case = told.case.clone();
            case.lessons = (0..5)
                .map(|n| {
                    let learned = vec![cause(&one.entity, one.kind, &one.mechanism)];
                    lesson(&format!("inc-{n}"), n, &features, learned)
                })
                .collect();
            let after = report_on(&case);
            let what = format!(
                "{}: {} on {} at {:.2}, {:.2}",
                case.manifest.id, one.mechanism, one.entity, one.total, one.confidence
            );
            assert_eq!(after.header.status, before.header.status, "{what}");
            let there = |report: &Report| {
                let mut causes = report.causes.iter();
                causes.any(|c| c.entity == one.entity && c.mechanism == one.mechanism)
            };
            // What the evidence alone does not make possible is not put forward, and is nudged by nothing.
            if one.aside || one.confidence < constants::NAMED {
                assert!(!there(&after), "{what}");
                assert_eq!(convicted(&after), convicted(&before), "{what}");
            }
            // A verdict that leads by more than a nat stands.
            if one.total + 1.0 < least {
                assert_eq!(convicted(&after), convicted(&before), "{what}");
            }
            assert!(
                after
                    .causes
                    .iter()
                    .all(|c| (0.0..=1.0).contains(&c.score.history))
            );
            tried += 1;
        }
    }
    assert!(tried > 50, "{tried} tried only");
}

/// A house whose incidents were all of one sort, and then something else happens.
#[test]
fn a_monotonous_past_does_not_blind() {
    for told in stories::all() {
        let before = report_on(&told.case);
        let mut case = told.case.clone();
        case.lessons = (0..60)
            .map(|n| {
                let learned = cause(
                    &"somewhere/else".into(),
                    EntityKind::Host,
                    &MechanismId("resource.cpu-saturated".to_string()),
                );
                lesson(
                    &format!("inc-{n:02}"),
                    n,
                    &Features::default(),
                    vec![learned],
                )
            })
            .collect();
        let after = report_on(&case);
        assert_eq!(after.header.status, before.header.status);
        assert_eq!(
            convicted(&after),
            convicted(&before),
            "{}",
            case.manifest.id
        );
        if before.header.status == Status::CauseFound {
            let moved = after.causes[0].score.prior - before.causes[0].score.prior;
            assert!((-1.0..=1.0).contains(&moved), "{moved}");
        }
    }
}
