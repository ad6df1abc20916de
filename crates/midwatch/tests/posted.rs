//! What others post, from a request on a port to an incident in the journal: every inlet, forged and repeated and
//! unreadable deliveries, a restart in between, a storm; and, where they are installed, a real Prometheus whose rule
//! fires and a real Alertmanager that tells us.
//!
//! The last two take a while, so they run when asked to: `cargo test -p midwatch --test posted -- --ignored`.

#[path = "posted/asked.rs"]
mod asked;
#[cfg(feature = "aws")]
#[path = "posted/emulated/mod.rs"]
mod emulated;
#[path = "posted/quiet.rs"]
mod quiet;
#[path = "posted/real.rs"]
mod real;
#[path = "posted/stand.rs"]
mod stand;
#[path = "posted/storm.rs"]
mod storm;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use midwatch::config::Written;
use midwatch::console::{Console, Surroundings};
use midwatch::wiring::house::House;
use midwatch::wiring::serving::{Inbound, Serving};
use serde_json::{Value, json};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// What a command prints.
fn run(args: &[&str]) -> String {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut console = Console::new(&mut out, &mut err, Surroundings::default());
    midwatch::run(
        std::iter::once("midwatch").chain(args.iter().copied()),
        &mut console,
    );
    out.extend(err);
    String::from_utf8(out).unwrap()
}

/// A configuration with an inlet of each kind that a secret opens, on free ports.
fn configured(folder: &Path) -> PathBuf {
    std::fs::write(folder.join("secret"), format!("{SECRET}\n")).unwrap();
    let mut text = r#"
[server]
listen = "127.0.0.1:0"
[telemetry]
grpc = "127.0.0.1:0"
http = "127.0.0.1:0"
[watch]
every = "50ms"
[notify]
terminal = false
[inlets.topic]
kind = "sns"
topics = ["arn:aws:sns:eu-west-1:123456789012:alarms"]
[inlets.small]
kind = "alertmanager"
secret_file = "secret"
max_body = "200B"
"#
    .to_string();
    for kind in [
        "alertmanager",
        "eventbridge",
        "pagerduty",
        "grafana",
        "datadog",
        "cloudevents",
        "github",
        "gitlab",
        "slack",
    ] {
        text += &format!("[inlets.{kind}]\nkind = \"{kind}\"\nsecret_file = \"secret\"\n");
    }
    let file = folder.join("midwatch.toml");
    std::fs::write(&file, text).unwrap();
    file
}

fn serve(file: &Path) -> Serving {
    let house = House::built(Written::read(Some(file)).unwrap());
    let inbound = Inbound::open(&house).unwrap();
    let notifiers = midwatch::wiring::notify::configured(&house).unwrap();
    Serving::begin(&house, inbound, notifiers).unwrap()
}

/// Head and body of an answer.
fn whole(api: SocketAddr, line: &str) -> (String, String) {
    let mut stream = TcpStream::connect(api).unwrap();
    write!(
        stream,
        "{line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_string(), body.to_string())
}

/// Status and body of an answer.
fn asked(api: SocketAddr, line: &str, headers: &str, body: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(api).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    write!(stream, "{line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n", body.len()).unwrap();
    // Who refuses early may close before all is sent.
    let _ = stream.write_all(body);
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    (
        head.split(' ').nth(1).unwrap().parse().unwrap(),
        body.to_string(),
    )
}

fn told(api: SocketAddr, path: &str) -> String {
    let (status, body) = asked(api, &format!("GET {path}"), "", b"");
    assert_eq!(status, 200, "{path}: {body}");
    body
}

fn post(api: SocketAddr, inlet: &str, headers: &str, body: &str) -> (u16, Value) {
    let line = format!("POST /v1/spaces/main/inlets/{inlet}");
    let (status, answer) = asked(api, &line, headers, body.as_bytes());
    let read = serde_json::from_str(&answer);
    (
        status,
        read.unwrap_or_else(|error| panic!("{error}: {answer}")),
    )
}

fn bearer() -> String {
    format!("authorization: Bearer {SECRET}\r\ncontent-type: application/json\r\n")
}

/// An alert as Alertmanager writes it, begun at that second.
fn alert(rule: &str, service: &str, status: &str, second: u32) -> Value {
    json!({
        "status": status,
        "labels": {"alertname": rule, "service": service, "severity": "critical"},
        "annotations": {"summary": format!("{rule} on {service}")},
        "startsAt": format!("2026-06-18T15:06:{second:02}Z"),
        "endsAt": if status == "firing" { "0001-01-01T00:00:00Z" } else { "2026-06-18T15:20:00Z" },
        "fingerprint": format!("{rule}-{service}"),
    })
}

fn group(alerts: &[Value]) -> String {
    json!({"version": "4", "status": "firing", "receiver": "midwatch", "alerts": alerts})
        .to_string()
}

fn incidents(config: &str) -> Vec<Value> {
    let printed = run(&[
        "incidents",
        "list",
        "--all",
        "--format",
        "json",
        "--config",
        config,
    ]);
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

/// Waits until it is so.
#[track_caller]
fn until<T>(what: &str, longest: Duration, look: impl FnMut() -> Option<T>) -> T {
    until_or(what, longest, look, String::new)
}

/// The same; if it does not come, what there is instead is told.
#[track_caller]
fn until_or<T>(
    what: &str,
    longest: Duration,
    mut look: impl FnMut() -> Option<T>,
    instead: impl FnOnce() -> String,
) -> T {
    let began = Instant::now();
    while began.elapsed() < longest {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{what}: not within {longest:?}\n{}", instead());
}

const SOON: Duration = Duration::from_secs(60);

#[test]
fn what_is_posted_becomes_an_incident_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = configured(folder.path());
    let config = file.display().to_string();
    let checked = run(&["config", "check", &config]);
    assert!(
        checked.contains("inlet alertmanager (alertmanager): /v1/spaces/main/inlets/alertmanager"),
        "{checked}"
    );
    let serving = serve(&file);
    let api = serving.api().unwrap();

    let body = group(&[alert("errors", "checkout", "firing", 1)]);
    let (status, receipt) = post(api, "alertmanager", &bearer(), &body);
    assert_eq!(
        (status, &receipt["alarms"], &receipt["known"]),
        (200, &json!(1), &json!(false)),
        "{receipt}"
    );
    let opened = until("an incident", SOON, || {
        incidents(&config).into_iter().next()
    });
    assert_eq!(
        opened["alarms"][0]["entity"], "service/checkout",
        "{opened}"
    );
    assert_eq!(opened["alarms"][0]["rule"], "errors", "{opened}");

    // The same again, and in another group: nothing new.
    let (status, receipt) = post(api, "alertmanager", &bearer(), &body);
    assert_eq!(
        (status, &receipt["known"]),
        (200, &json!(true)),
        "{receipt}"
    );
    let other = json!({"version": "4", "receiver": "another", "alerts": [alert("errors", "checkout", "firing", 1)]}).to_string();
    let (_, receipt) = post(api, "alertmanager", &bearer(), &other);
    assert_eq!(
        (&receipt["known"], &receipt["alarms"]),
        (&json!(false), &json!(0)),
        "{receipt}"
    );

    // Without proof, with a wrong one, too long, not to be read, to nobody.
    for headers in [
        String::new(),
        bearer().replace("0123", "0124"),
        "authorization: Basic eDp5\r\n".to_string(),
    ] {
        let (status, problem) = post(api, "alertmanager", &headers, &body);
        assert_eq!(
            (status, &problem["code"]),
            (401, &json!("unsigned")),
            "{problem}"
        );
    }
    let (status, problem) = post(api, "small", &bearer(), &body);
    assert_eq!(
        (status, &problem["code"]),
        (413, &json!("too_large")),
        "{problem}"
    );
    let (status, problem) = post(api, "alertmanager", &bearer(), "{\"version\":\"3\"}");
    assert_eq!(
        (status, &problem["code"]),
        (422, &json!("unreadable")),
        "{problem}"
    );
    assert!(
        problem["detail"].as_str().unwrap().contains("version 4"),
        "{problem}"
    );
    for (inlet, path) in [("nobody", "main"), ("alertmanager", "other")] {
        let line = format!("POST /v1/spaces/{path}/inlets/{inlet}");
        assert_eq!(
            asked(api, &line, &bearer(), body.as_bytes()).0,
            404,
            "{line}"
        );
    }
    let (status, problem) = post(
        api,
        "topic",
        "",
        &json!({"TopicArn": "arn:aws:sns:eu-west-1:999999999999:alarms"}).to_string(),
    );
    assert_eq!(
        (status, &problem["code"]),
        (403, &json!("unwelcome")),
        "{problem}"
    );

    // What was sent is kept, also what could not be read; how it goes is shown.
    let kept: Value =
        serde_json::from_str(&told(api, "/v1/spaces/main/inlets/alertmanager/deliveries")).unwrap();
    let kept = kept["items"].as_array().unwrap();
    assert_eq!(kept.len(), 3, "{kept:?}");
    assert_eq!(kept[0]["readable"], json!(false), "{kept:?}");
    // One as it was kept: the alarm of the incident leads there.
    let place = opened["alarms"][0]["raw"]["file"].as_str().unwrap();
    assert!(
        place.starts_with("inlets/alertmanager/deliveries/"),
        "{place}"
    );
    let line = format!("GET /v1/spaces/main/{place}");
    let (head, shown) = whole(api, &line);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    for header in [
        "content-type: text/plain; charset=utf-8",
        "x-content-type-options: nosniff",
    ] {
        assert!(
            head.to_lowercase().contains(header),
            "{header} is not in {head}"
        );
    }
    assert!(
        shown.starts_with("content-type: application/json\n"),
        "{shown}"
    );
    assert!(shown.ends_with(&body) && !shown.contains(SECRET), "{shown}");
    for path in [
        "alertmanager/deliveries/999",
        "alertmanager/deliveries/x",
        "grafana/deliveries/1",
        "none/deliveries/1",
    ] {
        let (status, _) = asked(api, &format!("GET /v1/spaces/main/inlets/{path}"), "", b"");
        assert_eq!(status, 404, "{path}");
    }
    let metrics = told(api, "/metrics");
    for line in [
        "midwatch_inlet_deliveries{space=\"main\",inlet=\"alertmanager\",outcome=\"taken\"} 2",
        "midwatch_inlet_deliveries{space=\"main\",inlet=\"alertmanager\",outcome=\"known\"} 1",
        "midwatch_inlet_deliveries{space=\"main\",inlet=\"alertmanager\",outcome=\"refused\"} 3",
        "midwatch_inlet_deliveries{space=\"main\",inlet=\"alertmanager\",outcome=\"unreadable\"} 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    let doctor: String = run(&["doctor", "--config", &config])
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(
        doctor.contains("alertmanager (alertmanager): 2 taken, 1 known already, 1 alarms"),
        "{doctor}"
    );
    assert!(doctor.contains("4 sent away, the last at "), "{doctor}");

    // A restart forgets nothing: what was here stays known, and what is new turns the same alarm.
    serving.end();
    let serving = serve(&file);
    let api = serving.api().unwrap();
    let (_, receipt) = post(api, "alertmanager", &bearer(), &body);
    assert_eq!(receipt["known"], json!(true), "{receipt}");
    let over = group(&[alert("errors", "checkout", "resolved", 1)]);
    assert_eq!(
        post(api, "alertmanager", &bearer(), &over).1["alarms"],
        json!(1)
    );
    until("the end of the alarm", SOON, || {
        let found = incidents(&config);
        assert_eq!(found.len(), 1, "{found:?}");
        (found[0]["firing"] == false).then_some(())
    });
    serving.end();
}

fn signed(parts: &[&[u8]]) -> String {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    for part in parts {
        mac.update(part);
    }
    mac.finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[test]
fn changes_and_answers_arrive_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = configured(folder.path());
    let serving = serve(&file);
    let api = serving.api().unwrap();
    let now = run_now();
    let deployment = json!({
        "action": "created",
        "deployment": {"id": 7, "sha": "a10867b14bb761a2", "ref": "v2", "environment": "production", "creator": {"login": "anna"}, "created_at": now},
        "repository": {"name": "cart", "full_name": "shop/cart", "default_branch": "main"},
    })
    .to_string();
    let headers = |body: &str| {
        format!(
            "x-github-event: deployment\r\nx-github-delivery: d-1\r\nx-hub-signature-256: sha256={}\r\n",
            signed(&[body.as_bytes()])
        )
    };
    let (status, receipt) = post(api, "github", &headers(&deployment), &deployment);
    assert_eq!((status, &receipt["changes"]), (200, &json!(1)), "{receipt}");
    let changes = until("the change", SOON, || {
        let changes = told(api, "/v1/spaces/main/changes");
        changes
            .contains("shop/cart: v2 to production")
            .then_some(changes)
    });
    assert!(changes.contains("service/cart"), "{changes}");
    let (status, _) = post(api, "github", &headers("another body"), &deployment);
    assert_eq!(status, 401);

    // A button that somebody without an account pressed: taken, and nothing done.
    let payload = json!({
        "type": "block_actions", "user": {"id": "U1"}, "trigger_id": "t-1",
        "actions": [{"action_id": "approve", "value": "inc-1 0123456789ab"}],
    });
    let body = format!(
        "payload={}",
        payload
            .to_string()
            .bytes()
            .map(|byte| format!("%{byte:02x}"))
            .collect::<String>()
    );
    let second = now_seconds().to_string();
    let signature = signed(&[b"v0:", second.as_bytes(), b":", body.as_bytes()]);
    let headers = format!(
        "content-type: application/x-www-form-urlencoded\r\nx-slack-request-timestamp: {second}\r\nx-slack-signature: v0={signature}\r\n"
    );
    let (status, receipt) = post(api, "slack", &headers, &body);
    assert_eq!((status, &receipt["answers"]), (200, &json!(1)), "{receipt}");
    let (status, receipt) = post(api, "slack", &headers, &body);
    assert_eq!(
        (status, &receipt["known"], &receipt["answers"]),
        (200, &json!(true), &json!(0)),
        "{receipt}"
    );
    serving.end();
}

fn now_seconds() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// Now, as RFC 3339 has it.
fn run_now() -> String {
    model::Timestamp::from_seconds(now_seconds() as i64).to_string()
}

#[test]
fn an_inlet_that_makes_no_sense_is_refused_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("short"), "secret\n").unwrap();
    let file = folder.path().join("midwatch.toml");
    let listen = "[server]\nlisten = \"127.0.0.1:0\"\n";
    for (text, wanted) in [
        (
            format!("{listen}[inlets.x]\nkind = \"alertmanger\"\n"),
            "did you mean `alertmanager`?",
        ),
        (
            format!("{listen}[inlets.x]\nkind = \"grafana\"\n"),
            "inlets.x.secret_file is missing, so anybody could post",
        ),
        (
            format!("{listen}[inlets.x]\nkind = \"sns\"\n"),
            "inlets.x.topics names no topic",
        ),
        (
            format!("{listen}[inlets.X]\nkind = \"sns\"\ntopics = [\"a\"]\n"),
            "no name that can stand in an address",
        ),
        (
            format!(
                "{listen}[inlets.x]\nkind = \"grafana\"\nsecret_file = \"short\"\npeople = {{ U1 = \"anna\" }}\n"
            ),
            "means nothing for this kind",
        ),
        (
            format!("{listen}[inlets.x]\nkind = \"grafana\"\nsecret_file = \"short\"\n"),
            "has 6 bytes; a secret has at least 16",
        ),
        (
            format!("{listen}[inlets.x]\nkind = \"grafana\"\nsecret_file = \"none\"\n"),
            "none",
        ),
        (
            format!(
                "{listen}[inlets.x]\nkind = \"grafana\"\nsecret_file = \"short\"\nmax_body = \"1GiB\"\n"
            ),
            "not between one byte and 64 MiB",
        ),
        (
            "[inlets.x]\nkind = \"grafana\"\nsecret_file = \"short\"\n".to_string(),
            "nobody could post to the inlets",
        ),
    ] {
        std::fs::write(&file, &text).unwrap();
        let printed = run(&["config", "check", &file.display().to_string()]);
        let printed: String = printed.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(printed.contains(wanted), "{text}: {printed}");
    }
}
