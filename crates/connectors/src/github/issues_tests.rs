use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::*;
use crate::double::{self, Reply, Request};
use crate::told::{Book, HOSTILE, life, notice};

const TOKEN: &str = "github_pat_test";

#[derive(Default)]
struct Issue {
    title: String,
    body: String,
    closed: bool,
    comments: Vec<String>,
}

#[derive(Clone, Debug)]
enum Fault {
    Instead(Reply),
    Lost,
}

/// The issues of `acme/ops` as GitHub documents them.
#[derive(Default)]
struct Repository {
    issues: Vec<Issue>,
    faults: VecDeque<Option<Fault>>,
}

impl Repository {
    fn answer(&mut self, request: &Request) -> Reply {
        let fault = self.faults.pop_front().flatten();
        if let Some(Fault::Instead(reply)) = fault {
            return reply;
        }
        if request.header("authorization") != format!("Bearer {TOKEN}") {
            return Reply::Json(401, json!({"message": "Bad credentials"}));
        }
        assert_eq!(request.header("accept"), "application/vnd.github+json");
        assert!(request.header("user-agent").starts_with("midwatch/"));
        let Some(path) = request.path.strip_prefix("/repos/acme/ops/issues") else {
            return Reply::Json(404, json!({"message": "Not Found"}));
        };
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let body = request.json();
        let reply = match (request.method.as_str(), parts.as_slice()) {
            ("GET", []) => {
                let all = self.issues.iter().enumerate().rev();
                let all = all
                    .map(|(i, one)| json!({"number": i + 1, "body": one.body, "title": one.title}));
                Reply::Json(200, page(request, all.collect()))
            }
            ("POST", []) => self.open(&body),
            ("GET", [number, "comments"]) => match self.issue(number) {
                Some(issue) => {
                    let all = issue.comments.iter().map(|body| json!({"body": body}));
                    Reply::Json(200, page(request, all.collect()))
                }
                None => Reply::Json(404, json!({})),
            },
            ("POST", [number, "comments"]) => match self.issue(number) {
                Some(issue) => {
                    issue.comments.push(sized(&body["body"]));
                    Reply::Json(201, json!({"id": 1}))
                }
                None => Reply::Json(404, json!({})),
            },
            ("PATCH", [number]) => match self.issue(number) {
                Some(issue) => {
                    assert_eq!(
                        body,
                        json!({"state": "closed", "state_reason": "completed"})
                    );
                    issue.closed = true;
                    Reply::Json(200, json!({}))
                }
                None => Reply::Json(404, json!({})),
            },
            _ => Reply::Json(501, json!({})),
        };
        if matches!(fault, Some(Fault::Lost)) {
            Reply::Lost
        } else {
            reply
        }
    }

    fn open(&mut self, body: &Value) -> Reply {
        let title = body["title"].as_str().unwrap_or_default();
        if title.trim().is_empty() || title.chars().count() > 256 {
            return Reply::Json(422, json!({"message": "Validation Failed"}));
        }
        self.issues.push(Issue {
            title: title.to_string(),
            body: sized(&body["body"]),
            ..Issue::default()
        });
        Reply::Json(201, json!({"number": self.issues.len()}))
    }

    fn issue(&mut self, number: &str) -> Option<&mut Issue> {
        let number: usize = number.parse().ok()?;
        self.issues.get_mut(number.checked_sub(1)?)
    }
}

fn sized(body: &Value) -> String {
    let body = body.as_str().unwrap();
    assert!(body.chars().count() <= 65_536);
    body.to_string()
}

fn page(request: &Request, all: Vec<Value>) -> Value {
    let number = |name: &str, usual: usize| -> usize {
        request
            .query
            .get(name)
            .map_or(usual, |number| number.parse().unwrap())
    };
    let (size, page) = (number("per_page", 30), number("page", 1));
    json!(
        all.into_iter()
            .skip((page - 1) * size)
            .take(size)
            .collect::<Vec<_>>()
    )
}

fn begin() -> (Arc<Mutex<Repository>>, Issues) {
    let repository = Arc::new(Mutex::new(Repository::default()));
    let answers = Arc::clone(&repository);
    let url = double::serve(move |request| answers.lock().unwrap().answer(request));
    let issues = Issues::new(
        "github.ops",
        &url,
        "acme/ops",
        &["incident".to_string()],
        TOKEN,
    );
    (repository, issues.unwrap())
}

fn until_told(book: &mut Book, issues: &Issues, notice: &Notice) {
    for _ in 0..10 {
        if book.tell(issues, notice, true).is_ok() {
            return;
        }
    }
    panic!("{} was not told", notice.id);
}

#[test]
fn an_incident_is_one_issue_with_a_comment_for_each_notice_and_closed_at_the_end() {
    let (repository, issues) = begin();
    let mut book = Book::default();
    for notice in life() {
        assert!(
            !repository
                .lock()
                .unwrap()
                .issues
                .iter()
                .any(|issue| issue.closed)
        );
        until_told(&mut book, &issues, &notice);
    }
    let repository = repository.lock().unwrap();
    assert_eq!(repository.issues.len(), 1);
    let issue = &repository.issues[0];
    assert_eq!((issue.comments.len(), issue.closed), (5, true));
    assert_eq!(issue.title, "errors on service/checkout");
    insta::assert_snapshot!(format!("{}\n=====\n{}", issue.body, issue.comments[0]));
}

#[test]
fn nothing_is_told_twice_wherever_it_breaks() {
    let busy = Reply::With(
        403,
        "retry-after",
        "1".to_string(),
        json!({"message": "secondary rate limit"}),
    );
    let faults = [
        Fault::Lost,
        Fault::Instead(busy),
        Fault::Instead(Reply::Json(502, json!({}))),
        Fault::Instead(Reply::Lost),
    ];
    let life = life();
    for fault in &faults {
        for at in 0..8 {
            for cut in [None, Some(0), Some(1), Some(5)] {
                let (repository, issues) = begin();
                {
                    let mut repository = repository.lock().unwrap();
                    // Others' issues: the mark of ours is on the second page.
                    repository.faults.extend(std::iter::repeat_n(None, at));
                    repository.faults.push_back(Some(fault.clone()));
                }
                let mut book = Book::default();
                for (index, notice) in life.iter().enumerate() {
                    if cut == Some(index) {
                        let _ = book.tell(&issues, notice, false);
                        let others = (0..150).map(|_| Issue::default());
                        repository.lock().unwrap().issues.extend(others);
                    }
                    until_told(&mut book, &issues, notice);
                }
                let repository = repository.lock().unwrap();
                let what = format!("{fault:?} at {at}, cut {cut:?}");
                let ours: Vec<&Issue> = repository
                    .issues
                    .iter()
                    .filter(|one| !one.body.is_empty())
                    .collect();
                assert_eq!(ours.len(), 1, "{what}");
                assert_eq!(
                    (ours[0].comments.len(), ours[0].closed),
                    (5, true),
                    "{what}"
                );
            }
        }
    }
}

#[test]
fn a_mark_that_somebody_copied_or_made_up_takes_no_incident_away() {
    let (repository, issues) = begin();
    let life = life();
    let mut book = Book::default();
    book.tell(&issues, &life[0], false).unwrap();
    {
        let mut repository = repository.lock().unwrap();
        let copied = repository.issues[0].body.clone();
        for body in [copied, "<!-- midwatch:incident:inc-1 -->".to_string()] {
            repository.issues.push(Issue {
                body,
                ..Issue::default()
            });
        }
    }
    until_told(&mut book, &issues, &life[1]);
    let repository = repository.lock().unwrap();
    let comments: Vec<usize> = repository
        .issues
        .iter()
        .map(|issue| issue.comments.len())
        .collect();
    assert_eq!(comments, [1, 0, 0]);
}

#[test]
fn refusals_say_what_to_do_and_whether_to_come_again() {
    let (repository, issues) = begin();
    let tell = |reply: Reply| {
        repository
            .lock()
            .unwrap()
            .faults
            .push_back(Some(Fault::Instead(reply)));
        Book::default().tell(&issues, &life()[0], true).unwrap_err()
    };
    let busy = tell(Reply::With(429, "retry-after", "90".to_string(), json!({})));
    assert_eq!(busy.again, Again::After(Span::seconds(90)));
    let spent = tell(Reply::With(
        403,
        "x-ratelimit-remaining",
        "0".to_string(),
        json!({}),
    ));
    assert_eq!(spent.again, Again::After(Span::seconds(60)));
    let forbidden = tell(Reply::Json(
        403,
        json!({"message": "Resource not accessible"}),
    ));
    assert_eq!(forbidden.again, Again::Usual);
    assert!(
        forbidden.why.contains("Issues: read and write"),
        "{}",
        forbidden.why
    );
    assert!(
        tell(Reply::Json(404, json!({})))
            .why
            .contains("repository's name")
    );
    assert_eq!(tell(Reply::Json(422, json!({}))).again, Again::Never);
    for bad in [
        "acme",
        "acme/",
        "/ops",
        "acme/ops/x",
        "acme/..",
        "acme/o ps",
        "acme/ops?x",
    ] {
        assert!(Issues::new("x", API, bad, &[], TOKEN).is_err(), "{bad}");
    }
    assert!(Issues::new("x", API, "acme/ops", &[], "a b").is_err());
}

#[test]
fn a_test_is_an_issue_that_is_closed_at_once() {
    let (repository, issues) = begin();
    Book::default()
        .tell(&issues, &notice(1, "test", "a test", &[]), true)
        .unwrap();
    let repository = repository.lock().unwrap();
    assert_eq!(
        (repository.issues.len(), repository.issues[0].closed),
        (1, true)
    );
}

#[test]
fn hostile_text_in_markdown() {
    insta::assert_snapshot!(text(&notice(2, "verdict", HOSTILE[0], HOSTILE)));
}

proptest! {
    #[test]
    fn any_notice_fits_and_stays_in_its_fence(
        title in any::<String>(),
        lines in proptest::collection::vec("[`~\\PC\n]{0,60}", 0..80),
        repeat in 1usize..100,
    ) {
        let mut notice = notice(2, "verdict", &title.repeat(repeat), &[]);
        notice.lines = lines.iter().map(|line| line.repeat(repeat)).collect();
        let text = text(&notice);
        prop_assert!(text.chars().count() < 60_000);
        let fence = text.lines().next().unwrap().trim_end_matches("text");
        prop_assert!(fence.len() >= 3 && fence.chars().all(|c| c == '`'));
        // Nothing inside closes the fence, and it is closed once.
        let closing = text.lines().skip(1).filter(|line| {
            let bare = line.trim();
            bare.len() >= fence.len() && bare.chars().all(|c| c == '`')
        });
        prop_assert_eq!(closing.count(), 1);
    }
}
