//! People are told of a live incident through a webhook that hangs, refuses, is slow, and at last listens: the watch
//! does not wait for it, what is wrong is shown, and each notice arrives once, also after a restart.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

#[allow(dead_code, reason = "each user of it needs a part")]
#[path = "../../connectors/src/double.rs"]
mod double;

use double::{Reply, Request};
use midwatch::config::Written;
use midwatch::console::{Console, Surroundings};
use midwatch::wiring::house::House;
use midwatch::wiring::notify;
use midwatch::wiring::serving::{Inbound, Serving};

/// How the receiver behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    /// Reads, and never answers.
    Hangs,
    /// Answers 500.
    Refuses,
    /// Takes it, after a while.
    Slow,
}

/// A receiver of webhooks.
struct Receiver {
    mood: Mutex<Mood>,
    /// How often each notice was taken.
    taken: Mutex<BTreeMap<String, u32>>,
    tries: Mutex<u32>,
}

impl Receiver {
    fn begin() -> (SocketAddr, Arc<Self>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let receiver = Arc::new(Self {
            mood: Mutex::new(Mood::Hangs),
            taken: Mutex::default(),
            tries: Mutex::default(),
        });
        let serving = Arc::clone(&receiver);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let receiver = Arc::clone(&serving);
                std::thread::spawn(move || receiver.answer(stream));
            }
        });
        (address, receiver)
    }

    /// One request a connection.
    fn answer(&self, mut stream: TcpStream) {
        let mut seen = Vec::new();
        let mut buffer = [0; 4096];
        let body = |seen: &[u8]| {
            let text = String::from_utf8_lossy(seen).into_owned();
            let (head, body) = text.split_once("\r\n\r\n")?;
            let head = head.to_lowercase();
            let length: usize = header(&head, "content-length")?.parse().ok()?;
            (body.len() >= length).then_some(head)
        };
        let head = loop {
            match stream.read(&mut buffer) {
                Ok(read) if read > 0 => seen.extend_from_slice(&buffer[..read]),
                _ => return,
            }
            if let Some(head) = body(&seen) {
                break head;
            }
        };
        *self.tries.lock().unwrap() += 1;
        let mood = loop {
            let mood = *self.mood.lock().unwrap();
            if mood != Mood::Hangs {
                break mood;
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let answer = if mood == Mood::Refuses {
            "500 Internal Server Error"
        } else {
            std::thread::sleep(Duration::from_millis(300));
            let id = header(&head, "webhook-id").unwrap().to_string();
            *self.taken.lock().unwrap().entry(id).or_default() += 1;
            "204 No Content"
        };
        let _ = write!(
            stream,
            "HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn run(args: &[&str]) -> String {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut console = Console::new(&mut out, &mut err, Surroundings::default());
    let _ = midwatch::run(
        std::iter::once("midwatch").chain(args.iter().copied()),
        &mut console,
    );
    String::from_utf8(out).unwrap() + &String::from_utf8(err).unwrap()
}

/// Asks again and again until `right` says so, or a minute has passed.
#[track_caller]
fn until(what: &str, mut said: impl FnMut() -> String, right: impl Fn(&str) -> bool) -> String {
    let began = Instant::now();
    loop {
        let now = said();
        if right(&now) {
            return now;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{what}: {now}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn configured(folder: &Path, hook: SocketAddr) -> PathBuf {
    let file = folder.join("midwatch.toml");
    std::fs::write(
        folder.join("rules.toml"),
        "[[alarm]]\nname = \"errors\"\nentity = \"service/*\"\nmetric = \"span.error_share\"\n\
         statistic = \"Average\"\nperiod = \"1s\"\nevery = \"1s\"\n\
         comparison = \"GreaterThanThreshold\"\nthreshold = 0.5\ntreat_missing_data = \"ignore\"\n",
    )
    .unwrap();
    std::fs::write(folder.join("secret"), "0123456789abcdef0123456789abcdef").unwrap();
    std::fs::write(
        &file,
        format!(
            "[telemetry]\ngrpc = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n\
             [watch]\nrules = [\"rules.toml\"]\nevery = \"50ms\"\n\
             [notify]\nfile = \"notices.ndjson\"\nterminal = false\n\
             [notify.webhook]\nurl = \"http://{hook}/\"\nsecret_file = \"secret\"\n"
        ),
    )
    .unwrap();
    file
}

/// Failed calls as OTLP/JSON.
fn push(address: SocketAddr) {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_nanos();
    let spans: Vec<String> = (1..=20)
        .map(|i| {
            let (start, end) = (now - 40_000_000, now - 20_000_000);
            format!(
                r#"{{"traceId":"{i:032x}","spanId":"{i:016x}","name":"GET /","kind":2,"startTimeUnixNano":"{start}","endTimeUnixNano":"{end}","status":{{"code":2,"message":"boom"}}}}"#
            )
        })
        .collect();
    let body = format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"checkout"}}}}]}},"scopeSpans":[{{"spans":[{}]}}]}}]}}"#,
        spans.join(",")
    );
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn begin(file: &Path) -> Serving {
    let house = House::built(Written::read(Some(file)).unwrap());
    let inbound = Inbound::open(&house).unwrap();
    let notifiers = notify::configured(&house).unwrap();
    Serving::begin(&house, inbound, notifiers).unwrap()
}

/// The ids in the file of notices, which is never slow.
fn filed(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("notices.ndjson")).unwrap_or_default();
    text.lines()
        .map(|line| {
            let notice: model::ports::Notice = serde_json::from_str(line).unwrap();
            notice.id
        })
        .collect()
}

#[test]
fn a_webhook_that_hangs_holds_up_nobody_and_is_told_once_when_it_listens() {
    let folder = tempfile::tempdir().unwrap();
    let (address, receiver) = Receiver::begin();
    let file = configured(folder.path(), address);
    let config = file.display().to_string();
    let serving = begin(&file);
    let http = serving.inbound().http().unwrap();

    // Nobody answers at the webhook, and yet there is a report, and the file has its notices.
    let listed = until(
        "a report",
        || {
            push(http);
            run(&["incidents", "list", "--format", "json", "--config", &config])
        },
        |listed| listed.contains("\"standing\"") && !listed.contains("being looked at"),
    );
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let id = listed[0]["id"].as_str().unwrap().to_string();
    until(
        "notices in the file",
        || filed(folder.path()).join("\n"),
        |ids| ids.contains("/verdict"),
    );
    assert!(receiver.taken.lock().unwrap().is_empty());
    // Lines are broken where the terminal ends.
    let told = |args: &[&str]| run(args).split_whitespace().collect::<Vec<_>>().join(" ");
    let doctor = || told(&["doctor", "--config", &config]);
    until("that it hangs", doctor, |said| {
        let hangs = said.contains("not answered yet") || said.contains("no answer came");
        said.contains("broken notify: webhook: ") && hangs
    });

    *receiver.mood.lock().unwrap() = Mood::Refuses;
    until("that it refuses", doctor, |said| {
        said.contains("webhook: ") && said.contains("500")
    });
    until(
        "what was not told of the incident",
        || told(&["incidents", "show", &id, "--config", &config]),
        |said| said.contains("webhook was not told of") && said.contains("500"),
    );

    *receiver.mood.lock().unwrap() = Mood::Slow;
    let closed = run(&[
        "incidents",
        "close",
        &id,
        "--why",
        "a test",
        "--config",
        &config,
    ]);
    assert!(closed.contains("is closed"), "{closed}");
    until("that all are told", doctor, |said| {
        said.matches("told, 0 wait").count() == 2
    });
    let once = |ids: &[String]| -> BTreeMap<String, u32> {
        ids.iter().map(|id| (id.clone(), 1)).collect()
    };
    serving.end();
    let ids = filed(folder.path());
    assert!(ids.iter().any(|id| id.ends_with("/closed")), "{ids:?}");
    assert_eq!(*receiver.taken.lock().unwrap(), once(&ids));
    assert!(*receiver.tries.lock().unwrap() > u32::try_from(ids.len()).unwrap());

    // Whoever takes up the watch after that tells nothing twice.
    let again = begin(&file);
    std::thread::sleep(Duration::from_secs(1));
    again.end();
    let told = filed(folder.path());
    assert_eq!(
        told.iter().filter(|told| ids.contains(told)).count(),
        ids.len()
    );
    assert_eq!(*receiver.taken.lock().unwrap(), once(&told));
}

/// The other ends of three channels, as much of each as a test and one incident need.
#[derive(Default)]
struct Vendors {
    /// Slack's messages: thread, blocks.
    slack: Vec<(Option<String>, String)>,
    /// PagerDuty's events: action, key.
    pagerduty: Vec<(String, String)>,
    /// GitHub's issues: title, comments, closed.
    github: Vec<(String, u32, bool)>,
}

impl Vendors {
    fn answer(&mut self, request: &Request) -> Reply {
        let body = request.json();
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_string();
        let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("POST", ["chat.postMessage"]) => {
                let thread = body["thread_ts"].as_str().map(str::to_string);
                self.slack.push((thread, body["blocks"].to_string()));
                let ts = format!("1.{}", self.slack.len() - 1);
                Reply::Json(200, serde_json::json!({"ok": true, "ts": ts}))
            }
            ("POST", ["chat.update"]) => {
                let place: usize = text(&body["ts"])[2..].parse().unwrap();
                self.slack[place].1 = body["blocks"].to_string();
                Reply::Json(200, serde_json::json!({"ok": true}))
            }
            ("GET", ["conversations.history"]) => {
                Reply::Json(200, serde_json::json!({"ok": true, "messages": []}))
            }
            ("POST", ["v2", "enqueue"]) => {
                self.pagerduty
                    .push((text(&body["event_action"]), text(&body["dedup_key"])));
                Reply::Json(202, serde_json::json!({"status": "success"}))
            }
            ("POST", ["repos", "acme", "ops", "issues"]) => {
                self.github.push((text(&body["title"]), 0, false));
                Reply::Json(201, serde_json::json!({"number": self.github.len()}))
            }
            ("POST", ["repos", "acme", "ops", "issues", number, "comments"]) => {
                self.github[number.parse::<usize>().unwrap() - 1].1 += 1;
                Reply::Json(201, serde_json::json!({"id": 1}))
            }
            ("PATCH", ["repos", "acme", "ops", "issues", number]) => {
                self.github[number.parse::<usize>().unwrap() - 1].2 = true;
                Reply::Json(200, serde_json::json!({}))
            }
            _ => Reply::Json(501, serde_json::json!({})),
        }
    }
}

#[test]
fn vendors_are_told_of_a_live_incident_from_its_opening_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let vendors = Arc::new(Mutex::new(Vendors::default()));
    let answers = Arc::clone(&vendors);
    let api = double::serve(move |request| answers.lock().unwrap().answer(request));
    let file = configured(folder.path(), "127.0.0.1:1".parse().unwrap());
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.split("[notify.webhook]").next().unwrap().to_string();
    for (name, secret) in [
        ("slack", "xoxb-1-test\n"),
        ("pagerduty", "0123456789abcdef0123456789abcdef\n"),
        ("github", "github_pat_test\n"),
    ] {
        std::fs::write(folder.path().join(name), secret).unwrap();
    }
    let text = text.replace("[notify]\n", "[notify]\npage = \"https://m.example/\"\n");
    std::fs::write(
        &file,
        format!(
            "{text}[notify.slack.ops]\napi = \"{api}\"\nchannel = \"C0123456789\"\ntoken_file = \"slack\"\n\
             [notify.pagerduty.main]\napi = \"{api}\"\nrouting_key_file = \"pagerduty\"\n\
             only = {{ kinds = [\"opened\"] }}\n\
             [notify.pagerduty.fatal]\napi = \"{api}\"\nrouting_key_file = \"pagerduty\"\n\
             only = {{ severity = \"fatal\" }}\n\
             [notify.github.ops]\napi = \"{api}\"\nrepository = \"acme/ops\"\ntoken_file = \"github\"\n"
        ),
    )
    .unwrap();
    let config = file.display().to_string();
    let checked = run(&["config", "check", &config]);
    assert!(checked.contains("slack.ops"), "{checked}");

    // Each is tried, and leaves nothing open.
    let tested = run(&["notify", "test", "--config", &config, "--format", "json"]);
    let tested: serde_json::Value = serde_json::from_str(&tested).unwrap();
    for one in tested.as_array().unwrap() {
        assert_eq!(one["told"], true, "{one}");
    }
    {
        let mut vendors = vendors.lock().unwrap();
        assert_eq!(vendors.slack.len(), 1);
        assert_eq!(vendors.pagerduty.len(), 4);
        assert!(vendors.github[0].2);
        *vendors = Vendors::default();
    }
    let near = run(&["notify", "test", "slack.op", "--config", &config]);
    let near = near.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(near.contains("did you mean slack.ops?"), "{near}");
    std::fs::remove_file(folder.path().join("notices.ndjson")).unwrap();

    let serving = begin(&file);
    let http = serving.inbound().http().unwrap();
    let listed = until(
        "a report",
        || {
            push(http);
            run(&["incidents", "list", "--format", "json", "--config", &config])
        },
        |listed| listed.contains("\"standing\"") && !listed.contains("being looked at"),
    );
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let id = listed[0]["id"].as_str().unwrap().to_string();
    run(&[
        "incidents",
        "close",
        &id,
        "--why",
        "a test",
        "--config",
        &config,
    ]);
    let list = || run(&["notify", "list", "--config", &config]);
    until("that all are told", list, |said| {
        said.contains("slack.ops: ") && said.matches(", 0 wait").count() == 5
    });
    serving.end();
    // The file is never slow: what stands there of the incident is what all had to be told.
    let begins = format!("{id}/");
    let mut all = filed(folder.path());
    all.retain(|told| told.starts_with(&begins));
    let seen = |vendors: &Vendors| {
        let of_it = |blocks: &str| blocks.contains(&format!("\"{id} · "));
        let slack: Vec<(Option<String>, String)> = vendors
            .slack
            .iter()
            .filter(|(_, blocks)| of_it(blocks))
            .cloned()
            .collect();
        let events = vendors.pagerduty.iter().filter(|(_, key)| *key == id);
        let events: Vec<String> = events.map(|(action, _)| action.clone()).collect();
        (slack, events, vendors.github[0].clone())
    };
    let (slack, events, issue) = seen(&vendors.lock().unwrap());
    assert_eq!(slack.len(), all.len(), "{slack:?}");
    assert_eq!(
        slack.iter().filter(|(thread, _)| thread.is_none()).count(),
        1
    );
    let root = &slack[0].1;
    let link = format!("https://m.example/#/incidents/{id}");
    assert!(root.contains(&link) && root.contains("*Closed*"), "{root}");
    // Only the opening was wanted, and the end is told all the same; nothing was fatal.
    assert_eq!(events, ["trigger", "resolve"]);
    assert_eq!(issue.1 as usize, all.len() - 1);
    assert!(issue.2);

    // Whoever takes up the watch after that tells nothing of it again.
    let again = begin(&file);
    std::thread::sleep(Duration::from_secs(1));
    again.end();
    assert_eq!(seen(&vendors.lock().unwrap()), (slack, events, issue));
}

/// Spans of what the watch itself does arrive where the settings say; those of one incident are one trace.
#[test]
fn what_is_done_about_an_incident_is_one_trace() {
    let folder = tempfile::tempdir().unwrap();
    let (hook, receiver) = Receiver::begin();
    *receiver.mood.lock().unwrap() = Mood::Slow;
    let sent: Arc<Mutex<Vec<u8>>> = Arc::default();
    let came = Arc::clone(&sent);
    let collector = double::serve(move |request| {
        let paths = (request.method.as_str(), request.path.as_str());
        if paths != ("POST", "/v1/traces") {
            return Reply::Json(501, serde_json::json!({}));
        }
        came.lock().unwrap().extend(&request.body);
        Reply::Json(200, serde_json::json!({}))
    });
    let sent_to = midwatch::config::Traces {
        otlp: Some(collector),
    };
    let telling = midwatch::wiring::traces::begin(&sent_to, false).unwrap();
    let file = configured(folder.path(), hook);
    let serving = begin(&file);
    let http = serving.inbound().http().unwrap();
    let incident = until(
        "a verdict that is told",
        || {
            push(http);
            filed(folder.path()).join("\n")
        },
        |ids| ids.contains("/verdict"),
    );
    let incident = incident.split('/').next().unwrap().to_string();
    serving.end();
    drop(telling);
    let sent = sent.lock().unwrap();
    let has = |part: &[u8]| sent.windows(part.len()).filter(|w| *w == part).count();
    for name in ["look", "investigate", "tell", "midwatch"] {
        assert!(has(name.as_bytes()) > 0, "{name}");
    }
    // Each names its space, as OTLP writes an attribute: key, and a value that is text.
    assert!(has(b"\n\x05space\x12\x06\n\x04main") >= 3);
    // Protobuf writes 16 bytes of a trace id as they are.
    let trace = blake3::hash(incident.as_bytes());
    assert!(
        has(&trace.as_bytes()[..16]) >= 3,
        "investigation and notices share a trace"
    );
}

#[test]
fn spans_to_nowhere_are_refused_at_the_start() {
    let nowhere = midwatch::config::Traces {
        otlp: Some("collector:4318".to_string()),
    };
    let told = midwatch::wiring::traces::begin(&nowhere, false);
    let said = told.err().unwrap().to_string();
    assert!(
        said.contains("collector:4318") && said.contains("http"),
        "{said}"
    );
}
