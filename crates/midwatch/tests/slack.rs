//! Approval by a button in Slack, over the real program: a PayLedger is broken, a plan is asked about in a channel (a
//! double of Slack's API), and what Slack posts when somebody presses arrives signed at the inlet. Strangers, viewers,
//! old and forged signatures, a press that is sent twice and a plan that is another alter nothing; the yes of somebody
//! who may runs the plan, and the message says who answered and how it ended.
//!
//! Takes about two minutes and real processes, so it runs only when asked to (`CONTRIBUTING.md`):
//! `cargo test -p midwatch --test slack -- --ignored --nocapture`.

#[allow(dead_code, reason = "each user of it needs a part")]
#[path = "../../connectors/src/double.rs"]
mod double;
#[path = "guest/mod.rs"]
mod guest;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use double::{Reply, Request};
use guest::{Guest, Kept, RULES, free_port, program};
use serde_json::{Value, json};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Slack's side: messages by their `ts`, as they stand, and which of them were altered how often.
#[derive(Default)]
struct Channel {
    messages: Vec<(String, Value)>,
    updates: BTreeMap<String, u32>,
}

impl Channel {
    fn answer(&mut self, request: &Request) -> Reply {
        let body = request.json();
        match request.path.trim_matches('/') {
            "chat.postMessage" => {
                let ts = format!("1700000000.{:06}", self.messages.len());
                self.messages.push((ts.clone(), body));
                Reply::Json(200, json!({"ok": true, "ts": ts}))
            }
            "chat.update" => {
                let wanted = body["ts"].as_str().unwrap_or_default().to_string();
                let Some((ts, message)) = self.messages.iter_mut().find(|(ts, _)| *ts == wanted)
                else {
                    return Reply::Json(200, json!({"ok": false, "error": "message_not_found"}));
                };
                *self.updates.entry(ts.clone()).or_default() += 1;
                message["blocks"] = body["blocks"].clone();
                Reply::Json(200, json!({"ok": true, "ts": ts}))
            }
            "conversations.history" | "conversations.replies" => {
                Reply::Json(200, json!({"ok": true, "messages": []}))
            }
            _ => Reply::Json(501, json!({})),
        }
    }

    /// The newest message with buttons: its `ts`, and what pressing them sends.
    fn question(&self) -> Option<(String, String)> {
        self.messages.iter().rev().find_map(|(ts, body)| {
            let blocks = body["blocks"].as_array()?;
            let actions = blocks.iter().find(|block| block["type"] == "actions")?;
            let value = actions["elements"][0]["value"].as_str()?;
            Some((ts.clone(), value.to_string()))
        })
    }

    fn shows(&self, ts: &str) -> String {
        let found = self.messages.iter().find(|(one, _)| one == ts);
        found.map_or(String::new(), |(_, body)| body["blocks"].to_string())
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_secs()
}

fn signature(secret: &str, second: u64, body: &str) -> String {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("v0:{second}:{body}").as_bytes());
    let digest = mac.finalize().into_bytes();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What Slack posts when that user presses that button.
fn pressed(user: &str, action: &str, value: &str, trigger: &str) -> String {
    let payload = json!({
        "type": "block_actions", "user": {"id": user}, "trigger_id": trigger,
        "actions": [{"action_id": action, "value": value}],
    });
    let payload: String = payload
        .to_string()
        .bytes()
        .map(|byte| format!("%{byte:02x}"))
        .collect();
    format!("payload={payload}")
}

struct Place {
    folder: tempfile::TempDir,
    api: u16,
    channel: Arc<Mutex<Channel>>,
    guest: Guest,
    _server: Kept,
}

#[track_caller]
fn until<T>(
    what: &str,
    longest: u64,
    mut look: impl FnMut() -> Option<T>,
    else_say: impl Fn() -> String,
) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            began.elapsed() < Duration::from_secs(longest),
            "{what}: not within {longest} s; {}",
            else_say()
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (grpc, http, api) = (free_port(), free_port(), free_port());
        let channel = Arc::new(Mutex::new(Channel::default()));
        let answers = Arc::clone(&channel);
        let slack = double::serve(move |request| answers.lock().unwrap().answer(request));
        let guest = Guest::up(folder.path(), http);
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("rules.toml"), RULES).unwrap();
        std::fs::write(path("signing"), SECRET).unwrap();
        std::fs::write(path("token"), "xoxb-1-test\n").unwrap();
        let config = format!(
            r#"
[server]
listen = "127.0.0.1:{api}"
[telemetry]
grpc = "127.0.0.1:{grpc}"
http = "127.0.0.1:{http}"
[watch]
rules = ["rules.toml"]
every = "100ms"
[act]
policy = "ask-always"
settle = "1s"
patience = "2min"
[notify]
terminal = false
page = "https://midwatch.example"
[notify.slack.ops]
api = "{slack}"
channel = "C0123456789"
token_file = "token"
[inlets.slack]
kind = "slack"
secret_file = "signing"
people = {{ U0APPROVES = "anna", U0LOOKS = "vera", U0GHOST = "nobody-here" }}
[connectors.payledger]
control_plane = "{}"
router = "{}"
hands = true
"#,
            guest.deployment.control, guest.deployment.router
        );
        let file = path("midwatch.toml");
        std::fs::write(&file, config).unwrap();
        let midwatch = |words: &[&str]| {
            let done = program().args(words).arg("--config").arg(&file).output();
            let done = done.unwrap();
            assert!(done.status.success(), "{words:?}: {done:?}");
        };
        midwatch(&["people", "add", "anna", "--role", "approver"]);
        midwatch(&["people", "add", "vera", "--role", "viewer"]);
        let log = File::create(path("serve.log")).unwrap();
        let server = program()
            .args(["serve", "--config"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let place = Self {
            folder,
            api,
            channel,
            guest,
            _server: Kept(server),
        };
        let up = || TcpStream::connect(("127.0.0.1", api)).ok();
        until("the API", 60, up, || place.said());
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What the server wrote to its terminal.
    fn said(&self) -> String {
        std::fs::read_to_string(self.path("serve.log")).unwrap_or_default()
    }

    fn channel(&self) -> MutexGuard<'_, Channel> {
        self.channel.lock().unwrap()
    }

    /// What the inlet answers.
    fn post(&self, second: u64, signature: &str, body: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.api)).unwrap();
        write!(
            stream,
            "POST /v1/spaces/main/inlets/slack HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-type: application/x-www-form-urlencoded\r\nx-slack-request-timestamp: {second}\r\n\
             x-slack-signature: v0={signature}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or_default())
    }

    /// Signed as Slack does, now.
    fn press(&self, body: &str) -> (u16, Value) {
        let second = now();
        self.post(second, &signature(SECRET, second, body), body)
    }

    fn incident(&self, id: &str) -> Value {
        let shown = program()
            .args(["incidents", "show", id, "--format", "json", "--config"])
            .arg(self.path("midwatch.toml"))
            .output()
            .unwrap();
        serde_json::from_slice(&shown.stdout).unwrap_or_default()
    }

    fn timeline(&self, id: &str) -> String {
        let shown = program()
            .args(["incidents", "timeline", id, "--config"])
            .arg(self.path("midwatch.toml"))
            .output()
            .unwrap();
        String::from_utf8_lossy(&shown.stdout).into_owned()
    }
}

/// Nothing was said of the plan.
#[track_caller]
fn unanswered(place: &Place, id: &str, after: &str) {
    let told = place.timeline(id);
    assert!(
        !told.contains("said yes") && !told.contains("said no"),
        "{after}: {told}"
    );
}

#[test]
#[ignore = "takes about two minutes and real processes; CONTRIBUTING.md"]
fn a_plan_is_approved_by_a_button_in_slack() {
    let place = Place::new();
    // Long enough to know what normal is.
    std::thread::sleep(Duration::from_secs(15));
    let injected = place.guest.run(&["fault", "inject", "variable-removed"]);
    assert!(injected.status.success(), "{injected:?}");
    let (ts, value) = until(
        "a question in the channel",
        180,
        || place.channel().question(),
        || place.said(),
    );
    let id = value.split_once(' ').unwrap().0.to_string();
    let approve = |user: &str, trigger: &str| pressed(user, "approve", &value, trigger);

    // Forged, old, and from tomorrow: not even read.
    let (second, body) = (now(), approve("U0APPROVES", "t-forged"));
    for (second, secret, code) in [
        (second, "another secret, as long as it", "unsigned"),
        (second - 3_600, SECRET, "unsigned"),
        (second + 3_600, SECRET, "unsigned"),
    ] {
        let (status, problem) = place.post(second, &signature(secret, second, &body), &body);
        assert_eq!((status, &problem["code"]), (401, &json!(code)), "{problem}");
    }
    // A signature of another body.
    let other = signature(SECRET, second, "payload=%7B%7D");
    assert_eq!(place.post(second, &other, &body).0, 401);
    unanswered(&place, &id, "forged");

    // A stranger, somebody whose account is not there, and one who may only look: taken, and nothing done.
    for (user, trigger) in [
        ("U0STRANGER", "t-1"),
        ("U0GHOST", "t-2"),
        ("U0LOOKS", "t-3"),
    ] {
        for action in ["approve", "refuse"] {
            let body = pressed(user, action, &value, &format!("{trigger}-{action}"));
            let (status, receipt) = place.press(&body);
            assert_eq!((status, &receipt["answers"]), (200, &json!(1)), "{receipt}");
        }
    }
    unanswered(&place, &id, "strangers");

    // A plan that is not the one that waits.
    let changed = format!("{id} {}", "0".repeat(64));
    let (status, _) = place.press(&pressed("U0APPROVES", "approve", &changed, "t-changed"));
    assert_eq!(status, 200);
    unanswered(&place, &id, "another plan");
    assert!(
        place.channel().shows(&ts).contains("\"actions\""),
        "it is still asked"
    );

    // Somebody who may. The same delivery a second time is known, and answers nothing.
    let body = approve("U0APPROVES", "t-yes");
    let second = now();
    let own = signature(SECRET, second, &body);
    let (status, receipt) = place.post(second, &own, &body);
    assert_eq!((status, &receipt["answers"]), (200, &json!(1)), "{receipt}");
    let (status, receipt) = place.post(second, &own, &body);
    assert_eq!(
        (status, &receipt["known"], &receipt["answers"]),
        (200, &json!(true), &json!(0)),
        "{receipt}"
    );
    until(
        "the recovery",
        180,
        || {
            place
                .timeline(&id)
                .contains("verified: it worked")
                .then_some(())
        },
        || format!("{}\n{}", place.timeline(&id), place.said()),
    );
    let told = place.timeline(&id);
    let yes = told.lines().filter(|line| line.ends_with("anna said yes"));
    assert_eq!(yes.count(), 1, "{told}");
    assert!(place.incident(&id)["plan"].is_object());
    let shown = until(
        "the message that says who answered, and how it ended",
        60,
        || {
            let shown = place.channel().shows(&ts);
            shown.contains("the recovery is verified").then_some(shown)
        },
        || format!("{}\n{}", place.channel().shows(&ts), place.said()),
    );
    assert!(shown.contains("anna said yes"), "{shown}");
    assert!(!shown.contains("\"actions\""), "{shown}");
    let channel = place.channel();
    assert!(channel.question().is_none(), "nothing is asked any more");
    let roots = channel
        .messages
        .iter()
        .filter(|(_, body)| body["thread_ts"].is_null());
    assert_eq!(roots.count(), 1, "one thread");
    let root = channel.shows(&channel.messages[0].0);
    assert!(
        root.contains("*Recovered*") || root.contains("*Closed*"),
        "{root}"
    );
    let _: &Path = place.folder.path();
}
