//! Argo CD as it documents itself, in simulated time. What it does not know it answers with 501: proven by shape.

use model::time::SECOND;

use super::*;
use crate::client::ClientError;
use crate::pull::tests::{Simulated, said, source};
use crate::pull::{Answered, Budget, Credential, Question};

const NOW: i64 = 1_760_000_000 * SECOND;

fn at(minutes: i64) -> String {
    Timestamp(NOW).plus(Span::minutes(minutes)).to_string()
}

fn sha(letter: char) -> String {
    letter.to_string().repeat(40)
}

fn applications() -> Value {
    let past = |id: i64, letter: char, minutes: i64| {
        json!({"id": id, "revision": sha(letter), "deployStartedAt": at(minutes - 1), "deployedAt": at(minutes),
               "source": {"path": "cart"}, "initiatedBy": {"automated": true}})
    };
    json!({"metadata": {}, "items": [
        {
            "metadata": {"name": "cart", "namespace": "argocd"},
            "spec": {"source": {"repoURL": "https://anna:hush-hush@git.example/shop.git", "path": "cart", "targetRevision": "main"}},
            "status": {
                "sync": {"status": "OutOfSync", "revision": sha('c')},
                "health": {"status": "Degraded"},
                "history": [past(1, 'a', -3_000), past(2, 'b', -60), past(3, 'c', -30), past(4, 'b', -10), {"id": 5, "deployedAt": at(-1)}, 7],
                "operationState": {"phase": "Failed", "message": "one or more objects failed to apply", "finishedAt": at(-5)},
                "conditions": [{"type": "SyncError", "message": "it waits", "lastTransitionTime": at(-4)}, {"type": "Info"}],
                "resources": [
                    {"kind": "Service", "name": "cart", "namespace": "shop"},
                    {"kind": "Deployment", "name": "cart", "namespace": "shop"},
                ],
            },
        },
        {"metadata": {"name": "charts"}, "status": {"history": [{"id": 1, "revisions": ["1.2.0", sha('d')], "deployedAt": at(-20)}]}},
        {"metadata": {}}, 7,
    ]})
}

fn eyes(
    wanted: &[&str],
    answer: impl Fn(&Question<'_>) -> Result<Answered, ClientError> + Send + 'static,
) -> Eyes {
    let clock = Simulated::at(Timestamp(NOW));
    let source = source(
        "argocd.main",
        &clock,
        Budget::default(),
        Credential::None,
        move |question, _| answer(question),
    );
    let settings = Settings {
        applications: wanted.iter().map(|name| name.to_string()).collect(),
        touches: BTreeMap::new(),
        since: Span::minutes(24 * 60),
    };
    Eyes::new(source, settings)
}

fn usual(question: &Question<'_>) -> Result<Answered, ClientError> {
    match question.path {
        "/api/v1/applications" => said(200, &applications().to_string()),
        _ => said(501, "it does not know that"),
    }
}

fn hull() -> TimeWindow {
    TimeWindow::new(Timestamp(NOW).minus(Span::minutes(60)), Timestamp(NOW)).unwrap()
}

#[test]
fn a_history_becomes_changes_and_what_stands_a_state() {
    let brought = eyes(&[], usual).look(hull(), Timestamp(NOW));
    assert_eq!(brought.gaps, []);
    let minutes = |at: Timestamp| at.since(Timestamp(NOW)).0 / (60 * SECOND);
    let changes: Vec<String> = brought
        .changes
        .iter()
        .map(|c| {
            let whom = c.entities.first().map_or("", |id| id.as_str());
            format!(
                "{}..{} {} {} {whom} {:?} {}",
                minutes(c.start),
                minutes(c.end),
                c.id,
                c.title,
                c.undone.map(minutes),
                c.carries.len()
            )
        })
        .collect();
    assert_eq!(
        changes,
        [
            "-61..-60 argocd.main:cart:2 cart: brought to bbbbbbbb workload/shop/cart None 1",
            "-31..-30 argocd.main:cart:3 cart: brought to cccccccc workload/shop/cart Some(-11) 1",
            "-11..-10 argocd.main:cart:4 cart: brought to bbbbbbbb workload/shop/cart None 1",
            &format!(
                "-20..-20 argocd.main:charts:1 charts: brought to 1.2.0,{} service/charts None 0",
                sha('d')
            ),
        ]
    );
    let events: Vec<String> = brought
        .events
        .iter()
        .map(|e| format!("{} {}: {}", minutes(e.first), e.reason, e.message))
        .collect();
    assert_eq!(
        events,
        [
            "-5 SyncFailed: cart. one or more objects failed to apply",
            "-4 SyncError: cart. it waits",
        ]
    );
    let state = &brought.snapshots[0];
    assert_eq!(
        (state.kind.as_str(), &state.document["health"]),
        ("argocd.application", &json!("Degraded"))
    );
    assert!(!format!("{brought:?}").contains("hush-hush"));
    // Only what matters to whoever asks.
    let brought = eyes(&["charts"], usual).look(hull(), Timestamp(NOW));
    assert_eq!(brought.changes.len(), 1);
    let said = eyes(&[], usual).greet().unwrap();
    assert!(
        said.starts_with("2 applications, 0 of them as their repository says, 0 healthy. It sees"),
        "{said}"
    );
}

#[test]
fn whatever_it_answers_a_look_ends_and_says_why() {
    for (status, body, why) in [
        (200, "", GapReason::Connector),
        (200, "[]", GapReason::Connector),
        (200, "{\"items\":7}", GapReason::Connector),
        (401, "invalid session", GapReason::Permission),
        (403, "permission denied", GapReason::Permission),
        (429, "later", GapReason::RateLimit),
        (404, "nothing", GapReason::Connector),
    ] {
        let brought = eyes(&[], move |_| said(status, body)).look(hull(), Timestamp(NOW));
        assert_eq!(brought.gaps.len(), 1, "{status} {body}");
        let gap = &brought.gaps[0];
        assert_eq!((gap.why, gap.wanted.as_str()), (why, "changes"), "{gap:?}");
        assert_eq!(
            why == GapReason::Permission,
            gap.how_to_close.contains("applications, get"),
            "{gap:?}"
        );
        assert!(brought.seen.is_empty());
    }
    let none = eyes(&[], |_| said(200, "{\"items\":null}")).look(hull(), Timestamp(NOW));
    assert_eq!(
        (none.gaps.len(), none.changes.len(), none.seen.len()),
        (0, 0, 3)
    );
}

proptest::proptest! {
    #[test]
    fn no_application_makes_it_stumble(name in "\\PC{0,12}", revision in "\\PC{0,50}", start in -90_i64..90, end in -90_i64..90, odd in "[a-z]{0,5}") {
        let body = json!({"items": [{"metadata": {"name": name}, "status": {
            "history": [{"id": odd, "revision": revision, "deployStartedAt": at(start), "deployedAt": at(end)}, {"id": 1, "deployedAt": odd}],
            "resources": [{"kind": "Deployment", "name": revision}, odd], "conditions": odd, "operationState": {"phase": "Error", "finishedAt": odd},
        }}]});
        let brought = eyes(&[], move |_| said(200, &body.to_string())).look(hull(), Timestamp(NOW));
        proptest::prop_assert!(brought.changes.iter().all(|c| c.start <= c.end && c.start <= Timestamp(NOW)));
    }
}
