use model::incident::IncidentId;
use model::lesson::{LearnedCause, Milestones};
use model::{Category, Span};
use proptest::prelude::*;

use super::*;

const NOW: i64 = 1_781_795_172;

fn mechanism(name: &str) -> MechanismId {
    MechanismId(name.to_string())
}

fn lesson(id: &str, days_ago: i64, named: &str, templates: &[&str]) -> Lesson {
    let at = Timestamp::from_seconds(NOW).minus(Span::seconds(days_ago * 86_400));
    Lesson {
        incident: IncidentId(id.to_string()),
        at,
        title: "Requests fail".to_string(),
        false_alarm: false,
        causes: vec![LearnedCause {
            entity: "function/f0".into(),
            kind: EntityKind::Function,
            mechanism: mechanism(named),
            category: Category::SystemChange,
            change: Some(ChangeKind::Config),
            confidence: 0.9,
            cured: Some(true),
            confirmed: None,
            blamed: true,
        }],
        templates: templates.iter().map(ToString::to_string).collect(),
        path: BTreeSet::from([EntityKind::Function]),
        shapes: BTreeSet::from(["errors up".to_string()]),
        milestones: Milestones::default(),
        recovered: Some(true),
        put_right: Vec::new(),
        advice: Vec::new(),
    }
}

fn found(lessons: &[Lesson], features: &Features) -> Vec<String> {
    nearest(lessons, features, Timestamp::from_seconds(NOW))
        .iter()
        .map(|near| format!("{} {:.4}", lessons[near.lesson].incident, near.similarity))
        .collect()
}

#[test]
fn the_nearest_come_first_and_age_counts() {
    let same = lesson("same", 0, "change.config-broken", &["KeyError: <*>"]);
    let old = lesson("old", 20, "change.config-broken", &["KeyError: <*>"]);
    let other = lesson("other", 0, "resource.disk-full", &["no space left"]);
    let features = Features::of_lesson(&same);
    let lessons = [other, old, same];
    assert_eq!(
        found(&lessons, &features),
        // The last: neither template nor mechanism; entity and path .20, shapes .10, kind of change .10.
        ["same 1.0000", "old 0.5000", "other 0.4000"]
    );
    let many: Vec<Lesson> = (0..9)
        .map(|i| lesson(&format!("n{i}"), i, "m", &["t"]))
        .collect();
    assert_eq!(found(&many, &features).len(), 5);
    assert_eq!(
        found(&lessons, &Features::default()),
        [""; 0],
        "nothing is like nothing"
    );
}

#[test]
fn only_what_is_certain_nudges() {
    let nats = |lessons: &[Lesson], entity: &str, kind, named: &str| {
        let features = Features::of_lesson(&lessons[0]);
        let near = nearest(lessons, &features, Timestamp::from_seconds(NOW));
        nudge(lessons, &near, &entity.into(), kind, &mechanism(named))
    };
    let told = |change: fn(&mut LearnedCause)| {
        let mut lesson = lesson("one", 0, "change.role-swapped", &["denied"]);
        change(&mut lesson.causes[0]);
        [lesson]
    };
    /// What it is called, what is altered, of whom, of what kind, and the nats wanted.
    type Told = (
        &'static str,
        fn(&mut LearnedCause),
        &'static str,
        EntityKind,
        f64,
    );
    let cases: [Told; 8] = [
        ("cured", |_| {}, "function/f0", EntityKind::Function, 1.0),
        (
            "a neighbour",
            |_| {},
            "function/f1",
            EntityKind::Function,
            0.5,
        ),
        ("of another kind", |_| {}, "host/f1", EntityKind::Host, 0.0),
        (
            "of no known kind",
            |c| c.kind = EntityKind::Unknown,
            "x",
            EntityKind::Unknown,
            0.0,
        ),
        (
            "not cured",
            |c| c.cured = Some(false),
            "function/f0",
            EntityKind::Function,
            0.0,
        ),
        (
            "only guessed",
            |c| c.cured = None,
            "function/f0",
            EntityKind::Function,
            0.0,
        ),
        (
            "a person's word",
            |c| (c.cured, c.confirmed) = (None, Some(true)),
            "function/f0",
            EntityKind::Function,
            1.0,
        ),
        (
            "a person knew better",
            |c| c.confirmed = Some(false),
            "function/f0",
            EntityKind::Function,
            0.0,
        ),
    ];
    for (what, change, entity, kind, wanted) in cases {
        let nats = nats(&told(change), entity, kind, "change.role-swapped");
        assert!((nats - wanted).abs() < 1e-9, "{what}: {nats}");
    }
    let other = nats(
        &told(|_| {}),
        "function/f0",
        EntityKind::Function,
        "resource.disk-full",
    );
    assert_eq!(other, 0.0);
}

#[test]
fn base_rates_need_thirty_certain_incidents() {
    let mut lessons: Vec<Lesson> = (0..29)
        .map(|i| lesson(&format!("n{i}"), i, "m", &[]))
        .collect();
    let guessed = (0..9).map(|i| {
        let mut lesson = lesson(&format!("g{i}"), i, "m", &[]);
        lesson.causes[0].cured = None;
        lesson
    });
    lessons.extend(guessed);
    let rates = BaseRates::of(&lessons);
    assert_eq!((rates.labelled, rates.rate(&mechanism("m"))), (29, None));
    assert_eq!(rates.prior(&mechanism("m"), 0.02), logit(0.02));
    lessons.push(lesson("n29", 0, "m", &[]));
    let rates = BaseRates::of(&lessons);
    assert_eq!(rates.rate(&mechanism("m")), Some(31.0 / 32.0));
    assert_eq!(rates.rate(&mechanism("never")), Some(1.0 / 32.0));
    // However common it is, one nat is the most that it moves.
    assert_eq!(rates.prior(&mechanism("m"), 0.02), logit(0.02) + 1.0);
    assert!(rates.prior(&mechanism("never"), 0.02) < logit(0.02) + 0.5);
    assert!(rates.prior(&mechanism("never"), 0.05) < logit(0.05));
}

#[test]
fn endless_lines_are_cut() {
    let long = "é".repeat(10_000);
    let kept = templates([long.as_str(), "short"]);
    assert_eq!(
        kept.iter().map(|t| t.chars().count()).max(),
        Some(LONGEST_TEMPLATE)
    );
    let many: Vec<String> = (0..500).map(|i| i.to_string()).collect();
    assert_eq!(
        templates(many.iter().map(String::as_str)).len(),
        MOST_TEMPLATES
    );
}

fn words() -> impl Strategy<Value = BTreeSet<String>> {
    proptest::collection::btree_set("[a-e]", 0..5)
}

fn features() -> impl Strategy<Value = Features> {
    (words(), words(), words(), words()).prop_map(|(templates, mechanisms, entities, shapes)| {
        Features {
            templates,
            mechanisms: mechanisms.into_iter().map(MechanismId).collect(),
            entities: entities.into_iter().map(EntityId::new).collect(),
            path: BTreeSet::from([EntityKind::Function]),
            shapes,
            changes: BTreeSet::new(),
        }
    })
}

proptest! {
    #[test]
    fn likeness_is_a_share_and_has_no_direction(one in features(), other in features()) {
        let there = one.likeness(&other);
        prop_assert_eq!(there, other.likeness(&one));
        prop_assert!((0.0..=1.0 + 1e-12).contains(&there.total()));
        let own = one.likeness(&one);
        prop_assert!(own.total() + 1e-12 >= there.total());
    }

    #[test]
    fn no_history_nudges_by_more_than_a_nat(
        ages in proptest::collection::vec(-400_i64..4_000, 0..40),
        name in "[a-c]",
    ) {
        let lessons: Vec<Lesson> = ages
            .iter()
            .enumerate()
            .map(|(i, days)| lesson(&format!("n{i}"), *days, &name, &["t"]))
            .collect();
        let seen = Features::of_lesson(&lesson("now", 0, "a", &["t"]));
        let near = nearest(&lessons, &seen, Timestamp::from_seconds(NOW));
        prop_assert!(near.len() <= 5);
        prop_assert!(near.windows(2).all(|pair| pair[0].similarity >= pair[1].similarity));
        let nats = nudge(&lessons, &near, &"function/f0".into(), EntityKind::Function, &mechanism("a"));
        prop_assert!((0.0..=1.0).contains(&nats));
    }
}
