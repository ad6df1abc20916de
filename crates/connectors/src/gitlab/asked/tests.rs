//! GitLab as it documents itself, in simulated time. What it does not know it answers with 501: proven by shape.

use model::query::GapReason;
use model::time::{SECOND, Span};

use super::*;
use crate::client::ClientError;
use crate::pull::tests::{Simulated, said, source};
use crate::pull::{Answered, Budget, Credential, Question};

const NOW: i64 = 1_760_000_000 * SECOND;
const PROJECT: &str = "/api/v4/projects/shop%2Fback%2Fcart";

fn at(minutes: i64) -> String {
    Timestamp(NOW).plus(Span::minutes(minutes)).to_string()
}

fn sha(letter: char) -> String {
    letter.to_string().repeat(40)
}

fn answer(question: &Question<'_>) -> Result<Answered, ClientError> {
    let path = question.path.strip_prefix(PROJECT).unwrap_or("elsewhere");
    let body = match path {
        "" => json!({"path_with_namespace": "shop/back/cart", "default_branch": "trunk"}),
        "/repository/commits" => json!([
            {"id": sha('b'), "committed_date": at(-60), "message": "Pool\n", "author_name": "Anna"},
            {"id": sha('a'), "created_at": at(-90), "message": "Docs", "author_name": "Anna"},
        ]),
        "/deployments" => json!([
            {"id": 9, "sha": sha('b'), "ref": "trunk", "status": "success", "created_at": at(-50), "updated_at": at(-48),
             "environment": {"name": "live"}, "user": {"username": "anna"}},
            {"id": 8, "sha": sha('a'), "ref": "trunk", "status": "success", "created_at": at(-80), "updated_at": at(-79), "environment": {"name": "live"}},
            {"id": 7, "sha": sha('a'), "status": "blocked", "created_at": at(-80)},
        ]),
        "/pipelines" => json!([
            {"id": 40, "sha": sha('b'), "status": "success", "created_at": at(-55)},
            {"id": 41, "sha": sha('b'), "status": "running", "created_at": at(-1)},
        ]),
        "/pipelines/40/jobs" => json!([
            {"name": "test", "stage": "test", "status": "success", "user": {"username": "anna"}},
            {"name": "deploy live", "stage": "deploy", "status": "success", "started_at": at(-50), "finished_at": at(-48)},
        ]),
        path if path.starts_with("/repository/commits/") => json!([
            {"old_path": "old.yaml", "new_path": "new.yaml", "diff": "--- a/old.yaml\n+++ b/new.yaml\n@@ -1 +1 @@\n-pool: 20\n+pool: 2\n"},
            {"old_path": "x.bin", "new_path": "x.bin", "diff": ""},
        ]),
        _ => return said(501, "it does not know that"),
    };
    said(200, &body.to_string())
}

fn eyes(answer: impl Fn(&Question<'_>) -> Result<Answered, ClientError> + Send + 'static) -> Eyes {
    let clock = Simulated::at(Timestamp(NOW));
    let source = source(
        "gitlab.main",
        &clock,
        Budget::default(),
        Credential::None,
        move |question, _| answer(question),
    );
    let watched = Watched {
        repositories: vec!["shop/back/cart".to_string()],
        touches: Default::default(),
        since: Span::minutes(24 * 60),
        diffs: 20,
    };
    Eyes::new(source, watched)
}

fn hull() -> TimeWindow {
    TimeWindow::new(Timestamp(NOW).minus(Span::minutes(60)), Timestamp(NOW)).unwrap()
}

#[test]
fn commits_deployments_and_pipelines_become_changes() {
    let brought = eyes(answer).look(hull(), Timestamp(NOW));
    assert_eq!(brought.gaps, []);
    let mut changes = brought.changes;
    changes.sort_by(|a, b| (a.start, &a.id).cmp(&(b.start, &b.id)));
    let told: Vec<String> = changes
        .iter()
        .map(|c| {
            let carries: Vec<&str> = c.carries.iter().map(|sha| &sha[..1]).collect();
            format!(
                "{} | {} | {} | {:?}",
                &c.id[..c.id.len().min(40)],
                c.title,
                carries.join("+"),
                c.files
            )
        })
        .collect();
    let (a, b) = (sha('a'), sha('b'));
    assert_eq!(
        told,
        [
            format!("{a} | Docs |  | [\"new.yaml\", \"x.bin\"]"),
            "gitlab:shop/back/cart:deployment:8 | shop/back/cart: aaaaaaaa to live (success) | a | []".to_string(),
            format!("{b} | Pool |  | [\"new.yaml\", \"x.bin\"]"),
            "gitlab:shop/back/cart:deployment:9 | shop/back/cart: bbbbbbbb to live (success) | b | []".to_string(),
            "gitlab:shop/back/cart:pipeline:40 | shop/back/cart: job deploy live ended with success | b | []".to_string(),
        ]
    );
    assert_eq!(
        changes[0].diff.as_deref(),
        Some("--- a/old.yaml\n+++ b/new.yaml\n@@ -1 +1 @@\n-pool: 20\n+pool: 2\n")
    );
    // A project that nobody named touches the service of its own name.
    assert!(
        changes
            .iter()
            .all(|c| c.entities == ["service/cart".into()])
    );
}

#[test]
fn what_may_not_be_read_says_what_the_token_needs() {
    let brought = eyes(|question| match question.path.ends_with("/deployments") {
        true => said(403, "{\"message\":\"403 Forbidden\"}"),
        false => answer(question),
    })
    .look(hull(), Timestamp(NOW));
    assert_eq!(brought.gaps.len(), 1);
    let gap = &brought.gaps[0];
    assert_eq!(
        (gap.wanted.as_str(), gap.why),
        (
            "changes of shop/back/cart: deployments",
            GapReason::Permission
        )
    );
    assert!(gap.how_to_close.contains("read_api"), "{gap:?}");
    assert_eq!(brought.changes.len(), 3);
    let said = eyes(answer).greet().unwrap();
    assert!(
        said.starts_with("repositories shop/back/cart (trunk). It sees"),
        "{said}"
    );
}

proptest::proptest! {
    #[test]
    fn no_answer_makes_it_stumble(body in "[\\[\\]{}\":,a-z0-9 -]{0,80}") {
        let brought = eyes(move |_| said(200, &body)).look(hull(), Timestamp(NOW));
        proptest::prop_assert!(brought.changes.is_empty());
    }
}
