use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::*;
use crate::double::{self, Reply, Request};
use crate::slack::rules;
use crate::told::{Book, HOSTILE, life, notice};

const CHANNEL: &str = "C0123456789";
const TOKEN: &str = "xoxb-1-test";

/// One message of the channel.
#[derive(Clone, Debug)]
struct Posted {
    ts: String,
    thread: Option<String>,
    body: Value,
}

/// What goes wrong with a request.
#[derive(Clone, Debug)]
enum Fault {
    /// It is answered so, and nothing is done.
    Instead(Reply),
    /// It is done, and the answer is lost.
    Lost,
}

/// Slack's Web API as documented: it checks what it is given, and answers 501 for what it does not know.
#[derive(Default)]
struct Workspace {
    messages: Vec<Posted>,
    /// What goes wrong with the next requests, one by one; `None` for nothing.
    faults: VecDeque<Option<Fault>>,
    asked: Vec<String>,
    may_look: bool,
}

impl Workspace {
    fn answer(&mut self, request: &Request) -> Reply {
        let method = request.path.trim_start_matches('/').to_string();
        self.asked.push(method.clone());
        let fault = self.faults.pop_front().flatten();
        if let Some(Fault::Instead(reply)) = fault {
            return reply;
        }
        let answer = if request.header("authorization") == format!("Bearer {TOKEN}") {
            match (request.method.as_str(), method.as_str()) {
                ("POST", "chat.postMessage") => self.post(&request.json()),
                ("POST", "chat.update") => self.update(&request.json()),
                ("GET", "conversations.history") => self.list(request, None),
                ("GET", "conversations.replies") => self.list(request, request.query.get("ts")),
                _ => return Reply::Json(501, json!({"ok": false, "error": "unknown_method"})),
            }
        } else {
            Err("invalid_auth")
        };
        if matches!(fault, Some(Fault::Lost)) {
            return Reply::Lost;
        }
        // Slack answers 200 to what it refuses.
        Reply::Json(
            200,
            answer.unwrap_or_else(|error| json!({"ok": false, "error": error})),
        )
    }

    fn checked(body: &Value) -> Result<(), &'static str> {
        let known = [
            "channel",
            "text",
            "blocks",
            "metadata",
            "parse",
            "link_names",
            "unfurl_links",
            "unfurl_media",
            "thread_ts",
            "ts",
        ];
        if !body
            .as_object()
            .is_some_and(|body| body.keys().all(|key| known.contains(&key.as_str())))
        {
            return Err("invalid_arguments");
        }
        if body["channel"] != CHANNEL {
            return Err("channel_not_found");
        }
        let blocks = body["blocks"].as_array().map_or(&[][..], Vec::as_slice);
        let faults = rules::faults(body["text"].as_str().unwrap_or_default(), blocks);
        if faults.is_empty() {
            Ok(())
        } else {
            Err("invalid_blocks")
        }
    }

    fn post(&mut self, body: &Value) -> Result<Value, &'static str> {
        Self::checked(body)?;
        let thread = body["thread_ts"].as_str().map(str::to_string);
        if let Some(thread) = &thread
            && !self.messages.iter().any(|one| one.ts == *thread)
        {
            return Err("thread_not_found");
        }
        let ts = format!("17000000{:02}.000100", self.messages.len());
        self.messages.push(Posted {
            ts: ts.clone(),
            thread,
            body: body.clone(),
        });
        Ok(json!({"ok": true, "channel": CHANNEL, "ts": ts, "message": {}}))
    }

    fn update(&mut self, body: &Value) -> Result<Value, &'static str> {
        Self::checked(body)?;
        let ts = body["ts"].as_str().unwrap_or_default();
        let message = self.messages.iter_mut().find(|one| one.ts == ts);
        let message = message.ok_or("message_not_found")?;
        for (field, value) in body.as_object().unwrap() {
            message.body[field] = value.clone();
        }
        Ok(json!({"ok": true, "channel": CHANNEL, "ts": ts}))
    }

    /// Two a page, so that there are several.
    fn list(&self, request: &Request, thread: Option<&String>) -> Result<Value, &'static str> {
        if !self.may_look {
            return Err("missing_scope");
        }
        let mut all: Vec<&Posted> = self
            .messages
            .iter()
            .filter(|one| match thread {
                Some(ts) => one.ts == *ts || one.thread.as_ref() == Some(ts),
                None => one.thread.is_none(),
            })
            .collect();
        if thread.is_none() {
            all.reverse();
        }
        if request.query.get("channel").map(String::as_str) != Some(CHANNEL) {
            return Err("channel_not_found");
        }
        let whole = request
            .query
            .get("include_all_metadata")
            .is_some_and(|all| all == "true");
        let from: usize = request
            .query
            .get("cursor")
            .map_or(0, |cursor| cursor.parse().unwrap());
        let page: Vec<Value> = all
            .iter()
            .skip(from)
            .take(2)
            .map(|one| {
                let mut message =
                    json!({"type": "message", "ts": one.ts, "blocks": one.body["blocks"]});
                if whole {
                    message["metadata"] = one.body["metadata"].clone();
                }
                message
            })
            .collect();
        let next = if from + 2 < all.len() {
            (from + 2).to_string()
        } else {
            String::new()
        };
        Ok(json!({"ok": true, "messages": page, "response_metadata": {"next_cursor": next}}))
    }

    fn roots(&self) -> usize {
        self.messages
            .iter()
            .filter(|one| one.thread.is_none())
            .count()
    }

    /// The notices that stand in threads, sorted.
    fn replies(&self) -> Vec<String> {
        let replies = self.messages.iter().filter(|one| one.thread.is_some());
        let mut ids: Vec<String> = replies
            .map(|one| {
                one.body["metadata"]["event_payload"]["notice"]
                    .as_str()
                    .unwrap()
                    .to_string()
            })
            .collect();
        ids.sort();
        ids
    }

    fn buttons(&self) -> usize {
        let shown = self
            .messages
            .iter()
            .map(|one| one.body["blocks"].to_string());
        shown
            .filter(|blocks| blocks.contains("\"approve\""))
            .count()
    }
}

fn begin() -> (Arc<Mutex<Workspace>>, Slack) {
    let workspace = Arc::new(Mutex::new(Workspace {
        may_look: true,
        ..Workspace::default()
    }));
    let answers = Arc::clone(&workspace);
    let url = double::serve(move |request| answers.lock().unwrap().answer(request));
    (
        workspace,
        Slack::new("slack.ops", &url, TOKEN, CHANNEL).unwrap(),
    )
}

/// Tells a notice until it is taken.
fn until_told(book: &mut Book, slack: &Slack, notice: &Notice) {
    for _ in 0..10 {
        if book.tell(slack, notice, true).is_ok() {
            return;
        }
    }
    panic!("{} was not told", notice.id);
}

#[test]
fn an_incident_is_one_thread_and_its_first_message_shows_how_it_stands() {
    let (workspace, slack) = begin();
    let mut book = Book::default();
    for (index, notice) in life().iter().enumerate() {
        until_told(&mut book, &slack, notice);
        let asks = usize::from(notice.kind == "approval_wanted");
        assert_eq!(workspace.lock().unwrap().buttons(), asks, "after {index}");
    }
    let workspace = workspace.lock().unwrap();
    assert_eq!(workspace.roots(), 1);
    let wanted: Vec<String> = life()[1..].iter().map(|one| one.id.clone()).collect();
    let mut wanted = wanted;
    wanted.sort();
    assert_eq!(workspace.replies(), wanted);
    let root = workspace.messages[0].body["blocks"].to_string();
    assert!(root.contains("*Closed*"), "{root}");
    // A post for each, and an update of the root for all but the first; two of the question: answered, and ended.
    assert_eq!(workspace.asked.len(), 6 + 5 + 2);
    let ask = workspace.messages.iter().find(|one| {
        one.body["blocks"]
            .to_string()
            .contains("The policy let it go ahead")
    });
    let ask = ask.unwrap().body["blocks"].to_string();
    assert!(
        ask.contains("It worked: the recovery is verified."),
        "{ask}"
    );
}

/// A fresh look while a question stands leaves it; another plan takes its place, and only that has buttons.
#[test]
fn a_question_stands_until_it_is_over() {
    let (workspace, slack) = begin();
    let mut book = Book::default();
    let life = life();
    for notice in &life[..3] {
        until_told(&mut book, &slack, notice);
    }
    let at = |index: usize, seq: u64| {
        let one = &life[index];
        let id = format!("{}/{seq}/{}", one.incident, one.kind);
        let at = life[2].at.plus(Span::seconds(i64::try_from(seq).unwrap()));
        Notice {
            id,
            at,
            ..one.clone()
        }
    };
    until_told(&mut book, &slack, &at(1, 50));
    assert_eq!(workspace.lock().unwrap().buttons(), 1, "it still stands");
    until_told(&mut book, &slack, &at(2, 51));
    assert_eq!(workspace.lock().unwrap().buttons(), 1, "the newer one");
    let workspace = workspace.lock().unwrap();
    let older = workspace.messages.iter().filter(|one| {
        one.body["blocks"]
            .to_string()
            .contains("Another plan is asked about")
    });
    assert_eq!(older.count(), 1);
}

/// Whatever single request fails or loses its answer, and wherever the power is cut, nothing stands there twice.
#[test]
fn nothing_is_told_twice_wherever_it_breaks() {
    let busy = Reply::With(
        429,
        "retry-after",
        "1".to_string(),
        json!({"ok": false, "error": "ratelimited"}),
    );
    let faults = [
        Fault::Lost,
        Fault::Instead(busy),
        Fault::Instead(Reply::Json(500, json!({}))),
        Fault::Instead(Reply::Lost),
        Fault::Instead(Reply::Json(
            200,
            json!({"ok": false, "error": "internal_error"}),
        )),
    ];
    let life = life();
    for fault in &faults {
        for at in 0..12 {
            for cut in [None, Some(0), Some(1), Some(2), Some(5)] {
                let (workspace, slack) = begin();
                {
                    let mut workspace = workspace.lock().unwrap();
                    workspace.faults.extend(std::iter::repeat_n(None, at));
                    workspace.faults.push_back(Some(fault.clone()));
                }
                let mut book = Book::default();
                for (index, notice) in life.iter().enumerate() {
                    if cut == Some(index) {
                        let _ = book.tell(&slack, notice, false);
                    }
                    until_told(&mut book, &slack, notice);
                }
                let workspace = workspace.lock().unwrap();
                let what = format!("{fault:?} at {at}, cut {cut:?}: {:?}", workspace.asked);
                assert_eq!(workspace.roots(), 1, "{what}");
                let mut wanted: Vec<String> = life[1..].iter().map(|one| one.id.clone()).collect();
                wanted.sort();
                assert_eq!(workspace.replies(), wanted, "{what}");
                assert_eq!(workspace.buttons(), 0, "{what}");
                let root = workspace.messages[0].body["blocks"].to_string();
                assert!(root.contains("*Closed*"), "{what}");
            }
        }
    }
}

#[test]
fn other_notices_that_come_first_find_the_thread_whose_answer_was_lost() {
    let (workspace, slack) = begin();
    let life = life();
    workspace
        .lock()
        .unwrap()
        .faults
        .push_back(Some(Fault::Lost));
    let mut book = Book::default();
    assert!(book.tell(&slack, &life[0], true).is_err());
    until_told(&mut book, &slack, &life[1]);
    until_told(&mut book, &slack, &life[0]);
    let workspace = workspace.lock().unwrap();
    assert_eq!(workspace.roots(), 1);
    assert_eq!(workspace.replies(), [life[1].id.clone()]);
    // What is older does not take the first message back.
    let root = workspace.messages[0].body["blocks"].to_string();
    assert!(root.contains("*Verdict*"), "{root}");
}

#[test]
fn a_thread_that_was_deleted_begins_anew() {
    let (workspace, slack) = begin();
    let life = life();
    let mut book = Book::default();
    until_told(&mut book, &slack, &life[0]);
    workspace.lock().unwrap().messages.clear();
    until_told(&mut book, &slack, &life[1]);
    let workspace = workspace.lock().unwrap();
    assert_eq!((workspace.roots(), workspace.replies().len()), (1, 1));
}

#[test]
fn who_may_not_look_is_told_all_the_same_and_the_test_says_so() {
    let (workspace, slack) = begin();
    workspace.lock().unwrap().may_look = false;
    workspace
        .lock()
        .unwrap()
        .faults
        .push_back(Some(Fault::Lost));
    let mut book = Book::default();
    until_told(&mut book, &slack, &life()[0]);
    assert_eq!(workspace.lock().unwrap().roots(), 2);
    let why = Book::default()
        .tell(&slack, &notice(1, "test", "a test", &[]), true)
        .unwrap_err()
        .why;
    assert!(
        why.contains("missing_scope") && why.contains("install it again"),
        "{why}"
    );
    workspace.lock().unwrap().may_look = true;
    Book::default()
        .tell(&slack, &notice(1, "test", "a test", &[]), true)
        .unwrap();
}

#[test]
fn refusals_say_what_to_do_and_whether_to_come_again() {
    let (workspace, slack) = begin();
    let tell = |reply: Reply| {
        workspace
            .lock()
            .unwrap()
            .faults
            .push_back(Some(Fault::Instead(reply)));
        Book::default().tell(&slack, &life()[0], true).unwrap_err()
    };
    let refused = |word: &str| tell(Reply::Json(200, json!({"ok": false, "error": word})));
    let busy = tell(Reply::With(429, "retry-after", "30".to_string(), json!({})));
    assert_eq!(busy.again, Again::After(Span::seconds(30)));
    assert_eq!(refused("invalid_blocks").again, Again::Never);
    let uninvited = refused("not_in_channel");
    assert_eq!(uninvited.again, Again::Usual);
    assert!(
        uninvited.why.contains("invite the app"),
        "{}",
        uninvited.why
    );
    let down = tell(Reply::Json(503, json!({"x": TOKEN})));
    assert_eq!(down.again, Again::Usual);
    for bad in ["#ops", "ops", "C1", "C012345678/x"] {
        assert!(Slack::new("x", API, TOKEN, bad).is_err(), "{bad}");
    }
    assert!(Slack::new("x", API, "xoxp-1", CHANNEL).is_err());
    assert!(Slack::new("x", API, "xoxb-1\r\nx: y", CHANNEL).is_err());
    assert!(Slack::new("x", "ftp://x", TOKEN, CHANNEL).is_err());
}

#[test]
fn hostile_text_is_taken_as_text() {
    let (workspace, slack) = begin();
    let mut book = Book::default();
    for (seq, text) in HOSTILE.iter().enumerate() {
        let mut notice = notice(seq as i64 + 1, "verdict", text, HOSTILE);
        notice.subject = text.to_string();
        book.tell(&slack, &notice, true).unwrap();
    }
    assert_eq!(workspace.lock().unwrap().roots(), 1);
}
