//! GitHub as it documents itself, in simulated time. What it does not know it answers with 501: proven by shape.

use std::sync::{Arc, Mutex};

use model::SourceKind;
use model::query::GapReason;
use model::time::{SECOND, Span};
use serde_json::json;

use super::*;
use crate::client::ClientError;
use crate::pull::tests::{Simulated, said, source};
use crate::pull::{Answered, Budget, Credential, Question};

const NOW: i64 = 1_760_000_000 * SECOND;
const REPOSITORY: &str = "/repos/shop/cart";

fn at(minutes: i64) -> String {
    Timestamp(NOW).plus(Span::minutes(minutes)).to_string()
}

fn sha(letter: char) -> String {
    letter.to_string().repeat(40)
}

fn commits() -> Value {
    let commit = |letter: char, minutes: i64, message: &str| {
        json!({
            "sha": sha(letter),
            "commit": {"message": message, "author": {"name": "Anna", "date": at(minutes - 500)}, "committer": {"date": at(minutes)}},
            "author": {"login": "anna"},
        })
    };
    json!([
        commit('c', -10, &format!("Revert \"Pool\"\n\nThis reverts commit {}.", sha('b'))),
        commit('b', -60, "Pool\n\nSmaller."),
        commit('a', -90, "Docs"),
        {"sha": "no sha", "commit": {}}, 7,
    ])
}

fn answer(question: &Question<'_>) -> Result<Answered, ClientError> {
    let path = question
        .path
        .strip_prefix(REPOSITORY)
        .unwrap_or(question.path);
    let field = |name: &str| {
        let found = question.fields.iter().find(|(known, _)| *known == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    let body = match path {
        "" => json!({"full_name": "shop/cart", "default_branch": "main"}),
        "/commits" => {
            // On the hour, a day ago.
            assert_eq!(field("since"), "2025-10-08T08:00:00Z");
            commits()
        }
        "/deployments" => json!([
            {"id": 2, "sha": sha('c'), "ref": "main", "environment": "live", "created_at": at(-8), "creator": {"login": "bot"}},
            {"id": 1, "sha": sha('a'), "ref": "main", "environment": "live", "created_at": at(-80)},
            {"id": "../x", "sha": "", "created_at": at(-5)},
            {"id": 0, "created_at": at(-9_000)},
        ]),
        "/deployments/2/statuses" => {
            json!([{"state": "success", "created_at": at(-6)}, {"state": "in_progress", "created_at": at(-7)}])
        }
        "/deployments/1/statuses" => json!([]),
        "/actions/runs" => {
            assert_eq!(field("created"), ">=2025-10-08T08:00:00Z");
            json!({"total_count": 2, "workflow_runs": [
                {"id": 70, "name": "Deploy", "head_sha": sha('c'), "conclusion": "success", "run_started_at": at(-9), "updated_at": at(-7)},
                {"id": 71, "name": "Tests", "head_sha": sha('c'), "conclusion": "failure", "run_started_at": at(-9)},
            ]})
        }
        path if path.starts_with("/commits/") => {
            let letter = path.chars().last().unwrap();
            json!({"sha": sha(letter), "files": [
                {"filename": "src/pool.rs", "status": "modified", "patch": format!("@@ -1 +1 @@\n-let most = 20;\n+let most = {letter};")},
                {"filename": "logo.png", "status": "added"},
            ]})
        }
        _ => return said(501, "it does not know that"),
    };
    said(200, &body.to_string())
}

fn eyes(
    diffs: u64,
    mut answer: impl FnMut(&Question<'_>) -> Result<Answered, ClientError> + Send + 'static,
) -> Eyes {
    let clock = Simulated::at(Timestamp(NOW));
    let source = source(
        "github.main",
        &clock,
        Budget::default(),
        Credential::None,
        move |question, _| answer(question),
    );
    let watched = Watched {
        repositories: vec!["shop/cart".to_string()],
        touches: [("shop/cart".to_string(), vec!["service/cart".to_string()])].into(),
        since: Span::minutes(24 * 60),
        diffs,
    };
    Eyes::new(source, watched)
}

fn hull() -> TimeWindow {
    TimeWindow::new(Timestamp(NOW).minus(Span::minutes(60)), Timestamp(NOW)).unwrap()
}

#[test]
fn commits_deployments_and_runs_become_changes() {
    let brought = eyes(20, answer).look(hull(), Timestamp(NOW));
    assert_eq!(brought.gaps, []);
    assert_eq!(brought.seen, [SourceKind::Changes]);
    let minutes = |at: Timestamp| at.since(Timestamp(NOW)).0 / (60 * SECOND);
    let mut changes = brought.changes.clone();
    changes.sort_by(|a, b| (a.start, &a.id).cmp(&(b.start, &b.id)));
    let told: Vec<String> = changes
        .iter()
        .map(|c| {
            let carries: Vec<&str> = c.carries.iter().map(|sha| &sha[..1]).collect();
            format!(
                "{}..{} {:?} {} | {} | {} | {} files | {:?}",
                minutes(c.start),
                minutes(c.end),
                c.kind,
                c.id.replace(&sha('a'), "A")
                    .replace(&sha('b'), "B")
                    .replace(&sha('c'), "C"),
                c.title,
                carries.join("+"),
                c.files.len(),
                c.undone.map(minutes)
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "-90..-90 Commit A | Docs |  | 2 files | None",
            "-80..-80 Deploy github:shop/cart:deployment:1 | shop/cart: main to live (begun) | a | 0 files | None",
            "-60..-60 Commit B | Pool |  | 2 files | Some(-10)",
            "-10..-10 Commit C | Revert \"Pool\" |  | 2 files | None",
            "-9..-7 Deploy github:shop/cart:run:70 | shop/cart: workflow Deploy ended with success | c | 0 files | None",
            "-8..-6 Deploy github:shop/cart:deployment:2 | shop/cart: main to live (success) | c+b | 0 files | None",
            "-5..-5 Deploy github:shop/cart:deployment:../x | shop/cart:  to  (begun) |  | 0 files | None",
        ]
    );
    assert_eq!(
        changes[2].diff.as_deref(),
        Some(
            "--- a/src/pool.rs\n+++ b/src/pool.rs\n@@ -1 +1 @@\n-let most = 20;\n+let most = b;\n"
        )
    );
    assert!(
        changes
            .iter()
            .all(|c| c.entities == ["service/cart".into()])
    );
    // Commits, three of them in full, deployments, the states of two, runs.
    assert_eq!(brought.asked.spent.requests, 8);
}

#[test]
fn what_is_known_is_not_asked_for_again() {
    let marks = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&marks);
    let eyes = eyes(20, move |question| {
        seen.lock().unwrap().push((
            question.path.to_string(),
            question.unless.map(str::to_string),
        ));
        if question.unless == Some("W/\"1\"") {
            return Ok(Answered {
                status: 304,
                ..Answered::default()
            });
        }
        let mark = Some("W/\"1\"".to_string());
        answer(question).map(|answered| Answered { mark, ..answered })
    });
    let first = eyes.look(hull(), Timestamp(NOW));
    let again = eyes.look(hull(), Timestamp(NOW));
    assert_eq!(first.changes, again.changes);
    // A commit never changes, so the second look asks for none; for the rest it says what it knows.
    assert_eq!(
        (first.asked.spent.requests, again.asked.spent.requests),
        (8, 5)
    );
    assert!(again.asked.spent.bytes == 0);
    let marks = marks.lock().unwrap();
    assert!(
        marks[8..]
            .iter()
            .all(|(path, mark)| mark.is_some() && !path.contains(&sha('a')))
    );
}

#[test]
fn fewer_diffs_than_commits_are_a_gap() {
    let brought = eyes(1, answer).look(hull(), Timestamp(NOW));
    let gap = &brought.gaps[0];
    assert_eq!(
        (gap.wanted.as_str(), gap.why),
        ("diffs of shop/cart", GapReason::Budget)
    );
    assert!(gap.detail.contains("2 commits stand without"), "{gap:?}");
    assert_eq!(gap.how_to_close, "raise diffs in [connectors.github.main]");
}

#[test]
fn whatever_it_answers_a_look_ends_and_says_why() {
    let refuse = |status: u16, body: &'static str, spent: Option<i64>| {
        move |_: &Question<'_>| {
            Ok(Answered {
                status,
                body: body.as_bytes().to_vec(),
                spent: spent.map(Span::seconds),
                ..Answered::default()
            })
        }
    };
    for (status, body, spent, why, wanted, help) in [
        (
            401,
            "Bad credentials",
            None,
            GapReason::Permission,
            "changes",
            "bearer_file",
        ),
        (
            404,
            "Not Found",
            None,
            GapReason::Permission,
            "changes of shop/cart: commits",
            "Contents: read",
        ),
        (
            403,
            "Resource not accessible by personal access token",
            None,
            GapReason::Permission,
            "changes of shop/cart: commits",
            "Contents: read",
        ),
        (
            403,
            "API rate limit exceeded",
            Some(3000),
            GapReason::RateLimit,
            "changes",
            "requests",
        ),
        (
            429,
            "later",
            None,
            GapReason::RateLimit,
            "changes",
            "requests",
        ),
        (
            200,
            "",
            None,
            GapReason::Connector,
            "changes of shop/cart: commits",
            "url",
        ),
        (
            200,
            "{}",
            None,
            GapReason::Connector,
            "changes of shop/cart: commits",
            "url",
        ),
        (
            500,
            "oh",
            None,
            GapReason::Connector,
            "changes of shop/cart: commits",
            "url",
        ),
    ] {
        let eyes = eyes(20, refuse(status, body, spent));
        let brought = eyes.look(hull(), Timestamp(NOW));
        assert_eq!(brought.gaps.len(), 1, "{status} {:?}", brought.gaps);
        let gap = &brought.gaps[0];
        assert_eq!((gap.why, gap.wanted.as_str()), (why, wanted), "{gap:?}");
        assert!(gap.how_to_close.contains(help), "{gap:?}");
        assert!(brought.seen.is_empty() && brought.changes.is_empty());
        assert!(eyes.greet().is_err() || status == 200);
    }
    let said = eyes(20, answer).greet().unwrap();
    assert!(
        said.starts_with("repositories shop/cart (main). It sees commits"),
        "{said}"
    );
}

#[test]
fn what_is_spent_is_not_spent_on() {
    let eyes = eyes(20, move |question| {
        answer(question).map(|answered| Answered {
            spent: Some(Span::seconds(60)),
            ..answered
        })
    });
    let brought = eyes.look(hull(), Timestamp(NOW));
    // The first answer stands, and was the last that was asked for.
    assert_eq!(brought.asked.spent.requests, 1);
    assert_eq!(brought.changes.len(), 3);
    assert!(
        brought
            .gaps
            .iter()
            .all(|gap| gap.why == GapReason::RateLimit),
        "{:?}",
        brought.gaps
    );
}

#[test]
fn a_list_that_does_not_end_and_a_wrong_clock_are_told() {
    let gaps = |change: fn(&str, Answered) -> Answered| -> Vec<(String, GapReason)> {
        let eyes = eyes(20, move |question| {
            answer(question).map(|answered| change(question.path, answered))
        });
        let brought = eyes.look(hull(), Timestamp(NOW));
        assert!(brought.asked.spent.requests < 15);
        let gaps = brought.gaps.into_iter();
        gaps.map(|gap| (gap.wanted, gap.why)).collect()
    };
    let gap = |wanted: &str, why: GapReason| (wanted.to_string(), why);
    // Pages that are empty, or always the same, and lead on.
    let empty = gaps(|path, answered| Answered {
        more: path.ends_with("/commits"),
        body: match path.ends_with("/commits") {
            true => b"[]".to_vec(),
            false => answered.body,
        },
        ..answered
    });
    let all = "changes of shop/cart: all commits";
    assert_eq!(empty, [gap(all, GapReason::Connector)]);
    let same = gaps(|path, answered| Answered {
        more: path.ends_with("/commits"),
        ..answered
    });
    assert_eq!(same, [gap(all, GapReason::Connector)]);
    // One page of each is read; of deployments it is enough where it reaches back far enough.
    let more = gaps(|path, answered| Answered {
        more: path.ends_with("/runs") || path.ends_with("/deployments"),
        ..answered
    });
    assert_eq!(
        more,
        [gap("changes of shop/cart: all runs", GapReason::Budget)]
    );
    let clock = gaps(|_, answered| Answered {
        date: Some(Timestamp(NOW).plus(Span::minutes(60))),
        ..answered
    });
    assert_eq!(
        clock,
        [gap("the right time of github.main", GapReason::Connector)]
    );
}

proptest::proptest! {
    #[test]
    fn no_answer_makes_it_stumble(body in "[\\[\\]{}\":,a-z0-9 -]{0,80}", sha in "[0-9a-f]{0,50}", message in "\\PC{0,60}") {
        let list = json!([{"sha": sha, "commit": {"message": message, "committer": {"date": at(-5)}}}]);
        let brought = eyes(5, move |question| match question.path {
            "/repos/shop/cart/commits" => said(200, &list.to_string()),
            _ => said(200, &body),
        })
        .look(hull(), Timestamp(NOW));
        proptest::prop_assert!(brought.changes.len() <= 1);
    }
}
