//! The frame, in simulated time: whatever a source does, a look ends when it should, and says why.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use model::ports::{Chance, Clock};
use model::query::GapReason;
use model::time::{SECOND, Span, Timestamp};

use super::*;

/// A clock that moves when somebody waits.
#[derive(Default)]
pub(crate) struct Simulated(AtomicI64);

impl Simulated {
    pub fn at(now: Timestamp) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(now.0)))
    }

    pub fn pass(&self, length: Span) {
        self.0.fetch_add(length.0, Ordering::SeqCst);
    }
}

impl Clock for Simulated {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

impl Patience for Simulated {
    fn wait(&self, length: Span) {
        self.pass(length);
    }
}

/// The same dice every time.
pub(crate) struct Loaded(pub u8);

impl Chance for Loaded {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), String> {
        bytes.fill(self.0);
        Ok(())
    }
}

type Answering = dyn FnMut(&Question<'_>, &Simulated) -> Result<Answered, ClientError> + Send;

/// A source as a function.
pub(crate) struct Double {
    clock: Arc<Simulated>,
    answer: Mutex<Box<Answering>>,
}

impl Wire for Double {
    fn ask(&self, question: &Question<'_>) -> Result<Answered, ClientError> {
        let mut answer = self.answer.lock().unwrap();
        (*answer)(question, &self.clock)
    }
}

pub(crate) fn source(
    name: &str,
    clock: &Arc<Simulated>,
    budget: Budget,
    credential: Credential,
    answer: impl FnMut(&Question<'_>, &Simulated) -> Result<Answered, ClientError> + Send + 'static,
) -> Source {
    let means = Means {
        wire: Arc::new(Double {
            clock: Arc::clone(clock),
            answer: Mutex::new(Box::new(answer)),
        }),
        patience: clock.clone(),
        chance: Arc::new(Loaded(255)),
    };
    Source::new(name, "http://source.example", credential, budget, means)
}

pub(crate) fn said(status: u16, body: &str) -> Result<Answered, ClientError> {
    Ok(Answered {
        status,
        body: body.as_bytes().to_vec(),
        ..Answered::default()
    })
}

const BEGIN: Timestamp = Timestamp(1_700_000_000 * SECOND);

#[test]
fn what_passes_is_tried_again_and_waits_are_cut_short_by_chance() {
    let clock = Simulated::at(BEGIN);
    let mut left = 2;
    let source = source(
        "p.a",
        &clock,
        Budget::default(),
        Credential::None,
        move |_, _| {
            left -= 1;
            if left >= 0 {
                said(503, "busy")
            } else {
                said(200, "well")
            }
        },
    );
    let mut look = source.look();
    assert_eq!(look.ask("/x", &[]).unwrap().body, b"well");
    let spent = look.spent();
    assert_eq!((spent.requests, spent.retries, spent.bytes), (3, 2, 12));
    // Waits of 250 and 500 ms, each by chance a half shorter.
    assert_eq!(clock.now().since(BEGIN), Span(375_000_000));
}

#[test]
fn a_source_that_always_says_later_costs_no_more_than_the_look_may() {
    for (status, after, most, requests) in [
        (429, Some(1), 4, 4),
        (429, Some(600), 0, 1),
        (429, None, 2, 4),
        (503, Some(600), 0, 1),
    ] {
        let clock = Simulated::at(BEGIN);
        let source = source(
            "p.a",
            &clock,
            Budget::default(),
            Credential::None,
            move |_, _| {
                Ok(Answered {
                    status,
                    after: after.map(Span::seconds),
                    ..Answered::default()
                })
            },
        );
        let mut look = source.look();
        let missed = look.ask("/x", &[]).unwrap_err();
        let limited = matches!(missed, Missed::RateLimit(_));
        assert_eq!(limited, status == 429, "{missed:?}");
        // Nothing more is asked in this look, and while it wants to be left alone in no other.
        assert!(look.ask("/y", &[]).is_err());
        assert_eq!(look.spent().requests, requests);
        assert!(clock.now().since(BEGIN) <= Span::seconds(most), "{after:?}");
        let gap = missed.gap("metrics", "p.a");
        assert_eq!(gap.why == GapReason::RateLimit, limited);
        assert!(gap.how_to_close.contains("[connectors.p.a]"), "{gap:?}");
        let mut next = source.look();
        let again = next.ask("/x", &[]).unwrap_err();
        if after == Some(600) {
            assert!(again.to_string().contains("left alone"), "{again}");
            assert_eq!(next.spent().requests, 0);
            clock.pass(Span::seconds(601));
            assert!(source.look().ask("/x", &[]).is_err());
            assert_eq!(source.last_hour().requests, 2);
        }
    }
}

#[test]
fn who_may_come_again_at_once_waits_all_the_same() {
    let clock = Simulated::at(BEGIN);
    let source = source(
        "p.a",
        &clock,
        Budget::default(),
        Credential::None,
        |_, _| {
            Ok(Answered {
                status: 429,
                after: Some(Span(0)),
                ..Answered::default()
            })
        },
    );
    assert!(source.look().ask("/x", &[]).is_err());
    // 250, 500 and 1000 ms, each by chance a half shorter.
    assert_eq!(clock.now().since(BEGIN), Span(875_000_000));
}

#[test]
fn a_source_that_is_silent_costs_two_time_outs() {
    let clock = Simulated::at(BEGIN);
    let source = source(
        "p.a",
        &clock,
        Budget::default(),
        Credential::None,
        |question, clock| {
            clock.pass(question.limit);
            Err(ClientError::Unanswered("operation timed out".to_string()))
        },
    );
    let mut look = source.look();
    for _ in 0..100 {
        let missed = look.ask("/x", &[]).unwrap_err();
        assert_eq!(missed.gap("x", "p.a").why, GapReason::Timeout);
    }
    assert_eq!(look.spent().requests, 2);
    assert!(clock.now().since(BEGIN) < Span::seconds(11));
}

#[test]
fn a_slow_source_ends_with_the_look() {
    let clock = Simulated::at(BEGIN);
    let source = source(
        "p.a",
        &clock,
        Budget::default(),
        Credential::None,
        |question, clock| {
            clock.pass(Span(question.limit.0 * 4 / 5));
            said(200, "{}")
        },
    );
    let mut look = source.look();
    let asked = (0..100).filter(|_| look.ask("/x", &[]).is_ok()).count();
    assert!((5..40).contains(&asked), "{asked}");
    assert!(clock.now().since(BEGIN) <= Span::seconds(20));
}

#[test]
fn looks_and_hours_have_budgets() {
    let clock = Simulated::at(BEGIN);
    let budget = Budget {
        requests: 5,
        requests_per_hour: 8,
        bytes: 1000,
        ..Budget::default()
    };
    let source = source("p.a", &clock, budget, Credential::None, |_, _| {
        said(200, "0123456789")
    });
    let ask_all = || {
        let mut look = source.look();
        let answered = (0..10).filter(|_| look.ask("/x", &[]).is_ok()).count();
        (answered, look.closed().cloned())
    };
    let (answered, closed) = ask_all();
    assert_eq!(answered, 5);
    assert!(closed.unwrap().to_string().contains("of a look"));
    let (answered, closed) = ask_all();
    assert_eq!(answered, 3);
    assert!(closed.unwrap().to_string().contains("of this hour"));
    clock.pass(Span::minutes(61));
    assert_eq!(ask_all().0, 5);
}

/// A request is a tenth of a cent, and so are a thousand bytes: asking ends with the money of the look, or of the hour.
#[test]
fn what_is_paid_for_is_asked_while_there_is_money() {
    let clock = Simulated::at(BEGIN);
    let cent = 10_000_000;
    let budget = Budget {
        money: Money {
            look: cent,
            hour: cent + 4 * cent / 10,
        },
        rates: Rates {
            request: cent / 10,
            gigabyte: 100_000 * cent,
        },
        ..Budget::default()
    };
    let mosts = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&mosts);
    let source = source(
        "p.a",
        &clock,
        budget,
        Credential::None,
        move |question, _| {
            seen.lock().unwrap().push(question.most);
            said(200, &"x".repeat(1000))
        },
    );
    let ask_all = || {
        let mut look = source.look();
        let answered = (0..10).filter(|_| look.ask("/x", &[]).is_ok()).count();
        let why = look.closed().map(ToString::to_string).unwrap_or_default();
        (answered, why, look.spent().micro_usd)
    };
    let spent = "the $0.01 of a look are spent".to_string();
    assert_eq!(ask_all(), (5, spent, 10_000));
    // What one request may bring is what is left when it is paid: nine tenths of a cent, then seven.
    assert_eq!(*mosts.lock().unwrap(), [9000, 7000, 5000, 3000, 1000]);
    let spent = "the $0.01 of this hour are spent".to_string();
    assert_eq!(ask_all(), (2, spent, 4_000));
    clock.pass(Span::minutes(61));
    assert_eq!(ask_all().0, 5);
}

#[test]
fn an_answer_that_is_too_long_is_not_read_to_its_end() {
    let clock = Simulated::at(BEGIN);
    let budget = Budget {
        bytes: 20,
        ..Budget::default()
    };
    let source = source("p.a", &clock, budget, Credential::None, |question, _| {
        Ok(Answered {
            status: 200,
            cut: question.most < 30,
            body: vec![b'x'; question.most.min(30) as usize],
            ..Answered::default()
        })
    });
    let mut look = source.look();
    assert_eq!(look.ask("/x", &[]).unwrap_err(), Missed::TooLong(20));
    assert!(matches!(look.ask("/x", &[]), Err(Missed::Budget(_))));
}

const CANARY: &str = "c4n4ry-d0-n0t-te11";

#[test]
fn a_credential_is_sent_and_said_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, format!("{CANARY}\n")).unwrap();
    for (credential, header) in [
        (Credential::Bearer(file.clone()), format!("Bearer {CANARY}")),
        (
            Credential::Basic("anna".to_string(), file.clone()),
            "Basic YW5uYTpjNG40cnktZDAtbjB0LXRlMTE=".to_string(),
        ),
    ] {
        // The other end says back what it was shown, in refusals and in failures.
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ears = Arc::clone(&heard);
        let base = crate::double::serve(move |request| {
            let shown = request.header("authorization").to_string();
            ears.lock().unwrap().push(shown.clone());
            let status = match request.path.as_str() {
                "/refuse" => 400,
                "/tell" => 200,
                _ => 403,
            };
            // Wherever a refusal is cut off, it is in the middle of one.
            let again = [shown.as_str(); 20].join("");
            crate::double::Reply::Json(
                status,
                serde_json::json!({"error": format!("not with {again}")}),
            )
        });
        let clock = Simulated::at(BEGIN);
        let means = Means {
            wire: Arc::new(Http::new(&base, Vec::new()).unwrap()),
            patience: clock.clone(),
            chance: Arc::new(Loaded(0)),
        };
        let source = Source::new("p.a", &base, credential.clone(), Budget::default(), means);
        let mut look = source.look();
        let mut told = format!("{credential:?}");
        let answered = look.ask("/tell", &[]).unwrap();
        told += &String::from_utf8(answered.body).unwrap();
        for path in ["/refuse", "/forbid"] {
            let missed = look.ask(path, &[]).unwrap_err();
            told += &format!("{missed} {missed:?} {:?}", missed.gap("x", "p.a"));
        }
        assert_eq!(*heard.lock().unwrap(), vec![header.clone(); 3]);
        let encoded = header.split_once(' ').unwrap().1;
        for secret in [CANARY, encoded] {
            assert!(!told.contains(&secret[..8]), "{told}");
        }
        assert!(told.contains("[secret]"), "{told}");
    }
    // Replaced while the program runs; and a file that is bad says so without its text.
    std::fs::write(&file, format!("{CANARY}\nmore")).unwrap();
    let clock = Simulated::at(BEGIN);
    let bad = source(
        "p.a",
        &clock,
        Budget::default(),
        Credential::Bearer(file),
        |_, _| panic!("it was asked without a credential"),
    );
    let missed = bad.look().ask("/x", &[]).unwrap_err();
    assert_eq!(missed.gap("x", "p.a").why, GapReason::Permission);
    assert!(!missed.to_string().contains(CANARY), "{missed}");
}
