//! Every attack of `attacks.toml` against the real program: it is refused, and written down. What came of each stands in
//! `attacks.txt`; `MIDWATCH_WRITE=1` writes that anew: read what changed before you commit it.

#[path = "attacks/bombs.rs"]
mod bombs;
#[path = "doors/program.rs"]
#[allow(dead_code)]
mod program;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{KeyInit as _, Mac as _};
use model::ports::Journal as _;
use model::time::{Span, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use store::journal::{Holder, Store};

use program::{CONFIG, Got, PASSWORD, Server, exchange, midwatch, until};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const INLETS: &str = r#"
[inlets.hook]
kind = "alertmanager"
secret_file = "secret"
[inlets.topic]
kind = "sns"
topics = ["arn:aws:sns:eu-west-1:123456789012:alarms"]
[inlets.chat]
kind = "slack"
secret_file = "secret"
"#;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    attack: Vec<Attack>,
    setting: Vec<Setting>,
}

/// One request, as the head of `attacks.toml` says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Attack {
    name: String,
    by: String,
    #[serde(default)]
    shows: String,
    ask: String,
    #[serde(default)]
    headers: Vec<String>,
    #[serde(default)]
    body: String,
    /// So many bytes are sent as the body.
    #[serde(default)]
    length: usize,
    /// A header of so many bytes.
    #[serde(default)]
    long_head: usize,
    /// So many bytes are promised and never sent.
    #[serde(default)]
    missing: usize,
    /// So many zeros, packed, are the body; or come out of the archive that is.
    #[serde(default)]
    zeros: u64,
    /// What stands in the archive that is the body, as `bombs.rs` has it.
    #[serde(default)]
    archive: String,
    /// MiB of memory that it may cost the server at the most.
    #[serde(default)]
    memory: u64,
    /// Signed as Slack does, so many seconds from now.
    slack: Option<i64>,
    /// Under which name it is asked.
    #[serde(default)]
    host: String,
    /// `otlp`: where telemetry is taken, instead of the API.
    #[serde(default)]
    door: String,
    /// What is looked at afterwards.
    #[serde(default)]
    then: String,
}

/// Settings with which the program must not start.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Setting {
    name: String,
    config: String,
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// An incident with two plans, the second of which waits. Its number and the plans' digests.
fn with_plans(folder: &Path) -> (String, Vec<String>) {
    let data = folder.join("midwatch-data");
    std::fs::create_dir_all(&data).unwrap();
    let journal = Store::open(&data.join("midwatch.db")).unwrap();
    let holder = Holder {
        host: "here".to_string(),
        pid: std::process::id(),
    };
    let (begun, lease) = (Timestamp::from_seconds(now()), Span::minutes(1));
    journal.take_watch(&holder, begun, lease).unwrap();
    let (id, story) = model::testkit::story();
    let mut plans = Vec::new();
    for (seq, (_, event)) in story.iter().enumerate() {
        let at = Timestamp::from_seconds(now());
        journal.append(&id, seq as u64, at, event).unwrap();
        if let model::IncidentEvent::PlanProposed { plan } = event {
            plans.push(plan.digest());
        }
        if plans.len() == 2 {
            break;
        }
    }
    journal.release_watch(begun).unwrap();
    (id.to_string(), plans)
}

/// What a person or program brings.
struct World {
    server: Server,
    otlp: String,
    incident: String,
    plans: Vec<String>,
    sessions: BTreeMap<String, (String, String)>,
    keys: BTreeMap<String, String>,
}

impl World {
    fn new(folder: &Path) -> Self {
        std::fs::write(folder.join("secret"), format!("{SECRET}\n")).unwrap();
        let other = "[spaces.other]\nconfig = \"other.toml\"\n";
        let main = format!("{CONFIG}{INLETS}{other}");
        std::fs::write(folder.join("midwatch.toml"), main).unwrap();
        let free = "[telemetry]\ngrpc = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n";
        std::fs::write(folder.join("other.toml"), free).unwrap();
        for (name, role, space) in [
            ("root", "admin", "*"),
            ("anna", "approver", "main"),
            ("vera", "viewer", "main"),
            ("mallory", "admin", "other"),
        ] {
            let words = [
                "people",
                "add",
                name,
                "--role",
                role,
                "--space",
                space,
                "--password-stdin",
            ];
            let (done, said) = midwatch(folder, &words, &format!("{PASSWORD}\n"));
            assert!(done, "{said}");
        }
        let words = [
            "keys",
            "add",
            "board",
            "--person",
            "vera",
            "--scope",
            "main=viewer",
            "--format",
            "json",
        ];
        let (done, said) = midwatch(folder, &words, "");
        assert!(done, "{said}");
        let key: Value = serde_json::from_str(&said).unwrap();
        let (incident, plans) = with_plans(folder);
        let mut server = Server::begin(folder, "info,server=debug");
        let line = until("OTLP", || server.said("midwatch keeps watch: OTLP"));
        let otlp = line.split("over HTTP at ").nth(1).unwrap();
        let otlp = otlp.split(';').next().unwrap().to_string();
        let mut world = Self {
            server,
            otlp,
            incident,
            plans,
            sessions: BTreeMap::new(),
            keys: BTreeMap::from([(
                "vera".to_string(),
                key["secret"].as_str().unwrap().to_string(),
            )]),
        };
        for name in ["root", "anna", "vera", "mallory"] {
            world.enter(name);
        }
        world
    }

    fn enter(&mut self, name: &str) {
        let body = json!({"name": name, "password": PASSWORD}).to_string();
        let got = self.server.ask(
            "POST /v1/session",
            "content-type: application/json\r\n",
            &body,
        );
        assert_eq!(got.status, 200, "{got:?}");
        let csrf = got.json()["csrf"].as_str().unwrap().to_string();
        self.sessions.insert(name.to_string(), (got.cookie(), csrf));
    }

    fn filled(&self, text: &str) -> String {
        let seconds = now();
        let mut filled = text
            .replace("{incident}", &self.incident)
            .replace("{plan}", &self.plans[1])
            .replace("{old-plan}", &self.plans[0])
            .replace("{plan-begins}", &self.plans[1][..12])
            .replace("{seconds}", &seconds.to_string())
            .replace("{now}", &Timestamp::from_seconds(seconds).to_string());
        for (name, (_, csrf)) in &self.sessions {
            filled = filled.replace(&format!("{{csrf-of-{name}}}"), csrf);
        }
        filled
    }

    /// What is told, without what differs from run to run.
    fn plain(&self, text: &str) -> String {
        timeless(text)
            .replace(&self.server.address, "HERE")
            .replace(&self.incident, "{incident}")
            .replace(&self.plans[1], "{plan}")
            .replace(&self.plans[0], "{old-plan}")
            .replace(&self.plans[1][..12], "{plan-begins}")
    }

    fn headers(&self, attack: &Attack, body: &[u8], id: &str) -> String {
        let mut headers = String::new();
        let (cookie, csrf) = self.sessions.get(&attack.by).cloned().unwrap_or_default();
        match attack.shows.as_str() {
            "" => headers += &format!("cookie: {cookie}\r\nx-csrf-token: {csrf}\r\n"),
            "cookie" => headers += &format!("cookie: {cookie}\r\n"),
            "key" => headers += &format!("authorization: Bearer {}\r\n", self.keys[&attack.by]),
            "secret" => headers += &format!("authorization: Bearer {SECRET}\r\n"),
            "nothing" => {}
            other => panic!("{}: shows {other:?}", attack.name),
        }
        if let Some(seconds) = attack.slack {
            let at = now() + seconds;
            let signed = format!("v0:{at}:{}", String::from_utf8_lossy(body));
            let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
            mac.update(signed.as_bytes());
            let mut proof = String::new();
            for byte in mac.finalize().into_bytes() {
                let _ = write!(proof, "{byte:02x}");
            }
            headers += "content-type: application/x-www-form-urlencoded\r\n";
            headers +=
                &format!("x-slack-request-timestamp: {at}\r\nx-slack-signature: v0={proof}\r\n");
        }
        for header in &attack.headers {
            headers += &format!("{}\r\n", self.filled(header));
        }
        if !headers.contains("content-type") && !body.is_empty() {
            headers += "content-type: application/json\r\n";
        }
        if !headers.contains("x-request-id") {
            headers += &format!("x-request-id: {id}\r\n");
        }
        if attack.long_head > 0 {
            headers += &format!("x-long: {}\r\n", "a".repeat(attack.long_head));
        }
        headers
    }

    fn send(&self, attack: &Attack, id: &str) -> Option<Got> {
        let body = if !attack.archive.is_empty() {
            bombs::archive(&attack.archive, attack.zeros)
        } else if attack.zeros > 0 {
            bombs::gzip(attack.zeros)
        } else if attack.length > 0 {
            vec![b'a'; attack.length]
        } else {
            self.filled(&attack.body).into_bytes()
        };
        let (host, stream) = match attack.door.as_str() {
            "otlp" => (&self.otlp, TcpStream::connect(&self.otlp).unwrap()),
            _ => (&self.server.address, self.server.connect()),
        };
        let host = if attack.host.is_empty() {
            host
        } else {
            &attack.host
        };
        let mut sent = format!(
            "{} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{}content-length: {}\r\n\r\n",
            self.filled(&attack.ask),
            self.headers(attack, &body, id),
            body.len() + attack.missing
        )
        .into_bytes();
        sent.extend(body);
        exchange(stream, &sent)
    }

    /// The place of the newest line of the audit log, and what of it came after that place.
    fn audited(&self, after: u64) -> (u64, Vec<Value>) {
        let (cookie, _) = &self.sessions["root"];
        let got = self.server.ask(
            "GET /v1/audit?limit=20",
            &format!("cookie: {cookie}\r\n"),
            "",
        );
        assert_eq!(got.status, 200, "{got:?}");
        let mut rows = got.json()["items"].as_array().unwrap().clone();
        rows.reverse();
        let place = |row: &Value| row["position"].as_u64().unwrap();
        let newest = rows.last().map_or(0, place);
        rows.retain(|row| place(row) > after);
        (newest, rows)
    }

    /// What was sent here and is kept, and what is unpacked.
    fn left(&self) -> Vec<std::path::PathBuf> {
        let folder = &self.server.folder;
        let entries = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten();
        let unpacked = entries(folder).map(|entry| entry.path());
        let unpacked =
            unpacked.filter(|path| path.to_string_lossy().contains("midwatch-recording-"));
        let kept = entries(&folder.join("midwatch-data/sent")).map(|entry| entry.path());
        unpacked.chain(kept).collect()
    }

    /// What the server itself wrote of that request.
    fn logged(&mut self, attack: &Attack, id: &str) -> String {
        if attack.door == "otlp" {
            // What telemetry is sent away is counted, not told line by line.
            let (_, said) = midwatch(&self.server.folder, &["doctor"], "");
            let said: Vec<&str> = said.split_whitespace().collect();
            let told = said.join(" ");
            let (counted, _) = told
                .split_once(" requests refused as too large")
                .unwrap_or(("", ""));
            let count = counted.rsplit(' ').next().unwrap_or_default();
            return format!("(midwatch doctor) {count} requests refused as too large");
        }
        let words = match attack {
            attack if attack.long_head > 0 => "a caller of the API went away".to_string(),
            _ => id.to_string(),
        };
        let line = until(&attack.name, || self.server.said(&words));
        let line = line
            .split_once("server::")
            .map_or(line.as_str(), |(_, said)| said);
        let mut words: Vec<&str> = line.split_whitespace().collect();
        words.retain(|word| {
            !["request", "ms", "peer", "otel"]
                .iter()
                .any(|name| word.starts_with(name))
        });
        words.join(" ")
    }

    fn afterwards(&mut self, attack: &Attack, got: &Got) -> Option<String> {
        Some(match attack.then.as_str() {
            "" => return None,
            "planted" => {
                let (cookie, planted) = (got.cookie(), "midwatch_session=planted");
                assert_ne!(cookie, planted);
                let got = self
                    .server
                    .ask("GET /v1/session", &format!("cookie: {planted}\r\n"), "");
                format!("the session is another; the planted one: {}", got.status)
            }
            "no cookie" => format!(
                "cookies that were set: {}",
                got.head.matches("set-cookie").count()
            ),
            "again" => {
                let again = self.send(attack, "again").unwrap().json();
                format!(
                    "again: known {}, alarms {}",
                    again["known"], again["alarms"]
                )
            }
            "markup" => {
                let (cookie, _) = self.sessions["anna"].clone();
                let own = format!("cookie: {cookie}\r\n");
                let id = until("the incident", || {
                    let got = self
                        .server
                        .ask("GET /v1/spaces/main/incidents", &own, "")
                        .json();
                    let items = got["items"].as_array()?.clone();
                    let found = items
                        .iter()
                        .find(|item| item.to_string().contains("onerror"))?;
                    found["id"].as_str().map(str::to_string)
                });
                let ask = |rest: &str, accept: &str| {
                    let headers = format!("{own}accept: {accept}\r\n");
                    self.server.ask(
                        &format!("GET /v1/spaces/main/incidents/{id}{rest}"),
                        &headers,
                        "",
                    )
                };
                let report = until("a report", || {
                    Some(ask("/report", "text/html")).filter(|got| got.status == 200)
                });
                let timeline = ask("/timeline", "application/json");
                let raw = ["<img src=x", "<script>alert", "<svg onload"];
                let found = raw
                    .iter()
                    .filter(|markup| report.text.contains(*markup))
                    .count();
                format!(
                    "report as {}: markup that stands raw {found}, escaped {}\n   its policy: {}\n   timeline as {}, {}",
                    report.header("content-type").unwrap(),
                    report.text.contains("&lt;img src=x"),
                    report.header("content-security-policy").unwrap(),
                    timeline.header("content-type").unwrap(),
                    timeline.header("x-content-type-options").unwrap(),
                )
            }
            other => panic!("{}: then {other:?}", attack.name),
        })
    }
}

/// The text with TIME where a word is a time of a clock.
fn timeless(text: &str) -> String {
    let word = |word: &str| {
        let bare = word.trim_end_matches(',');
        match bare.parse::<Timestamp>() {
            Ok(_) => format!("TIME{}", &word[bare.len()..]),
            Err(_) => word.to_string(),
        }
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// One attack: the request, what was answered, and what was written of it.
fn tried(world: &mut World, attack: &Attack, number: usize) -> String {
    let id = format!("attack-{number:02}");
    let (before, _) = world.audited(0);
    let mut text = format!("## {}\n{}: {}\n", attack.name, attack.by, attack.ask);
    let server = world.server.id();
    bombs::forget(server);
    let (had, _) = bombs::memory(server);
    let got = world.send(attack, &id);
    match &got {
        None => text += "-> hung up on\n",
        Some(got) => {
            let said = got.json();
            let told = match said["code"].as_str() {
                Some(code) => format!(" {code}: {}", said["detail"].as_str().unwrap_or_default()),
                None => String::new(),
            };
            let _ = writeln!(text, "-> {}{}", got.status, world.plain(&told));
        }
    }
    if let Some(got) = &got
        && let Some(more) = world.afterwards(attack, got)
    {
        let _ = writeln!(text, "   {more}");
    }
    if attack.memory > 0 {
        let more = bombs::memory(server).1.saturating_sub(had) >> 20;
        let _ = writeln!(
            text,
            "   memory: at most {} MiB more, {}; files left: {}",
            attack.memory,
            more <= attack.memory,
            world.left().len()
        );
        if more > attack.memory {
            let _ = writeln!(text, "   it was {more} MiB: {:?}", world.left());
        }
    }
    let (_, rows) = world.audited(before);
    let rows: Vec<&Value> = rows
        .iter()
        .filter(|row| row["request"] == id.as_str() || !attack.headers.is_empty())
        .collect();
    for row in &rows {
        let said = |name: &str| match &row[name] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let via = said("via");
        let _ = writeln!(
            text,
            "audit log: {}, {}, from {}, {}, {} {}",
            if said("who").is_empty() {
                "nobody".to_string()
            } else {
                said("who")
            },
            via.split(' ').next().unwrap_or_default(),
            said("address"),
            said("what"),
            said("status"),
            said("code")
        );
    }
    if rows.is_empty() {
        // An id that could do harm is replaced by one of the server's own.
        let own = got.as_ref().and_then(|got| got.header("x-request-id"));
        let line = world.logged(attack, &own.unwrap_or(id));
        let _ = writeln!(text, "log: {}", world.plain(&line));
    }
    text
}

/// Settings that the program does not start with.
fn set(setting: &Setting) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), format!("{SECRET}\n")).unwrap();
    let doors = if setting.config.contains("[server]") {
        ""
    } else {
        "[server]\nlisten = \"127.0.0.1:0\"\n"
    };
    let telemetry = "[telemetry]\ngrpc = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n";
    let config = format!("{doors}{}{telemetry}", setting.config);
    std::fs::write(folder.path().join("midwatch.toml"), config).unwrap();
    let (done, said) = midwatch(folder.path(), &["serve"], "");
    assert!(!done, "{}: {said}", setting.name);
    let indented: Vec<String> = said
        .lines()
        .map(|line| format!("   {}", line.trim()))
        .collect();
    let said = indented
        .join("\n")
        .replace(&folder.path().display().to_string(), "FOLDER");
    format!("## {}\nmidwatch serve\n{said}\n", setting.name)
}

/// At the level that nobody chose: who was turned away is told, and a flood of it is a few lines.
#[test]
fn a_flood_of_refused_requests_does_not_fill_the_log() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("midwatch.toml"), CONFIG).unwrap();
    program::add_person(folder.path(), "anna", "viewer");
    let server = Server::begin(folder.path(), "warn");
    let key = "mw_0000000000000000";
    let asks = 300;
    for number in 0..asks {
        let headers = format!("authorization: Bearer {key}\r\nx-request-id: flood-{number}\r\n");
        let got = server.ask("GET /v1/spaces/main/incidents?token=mine", &headers, "");
        assert_eq!(got.status, 401, "{got:?}");
    }
    let body = json!({"name": "anna", "password": "a wrong password"}).to_string();
    let got = server.ask(
        "POST /v1/session",
        "content-type: application/json\r\n",
        &body,
    );
    assert_eq!(got.status, 401, "{got:?}");
    let said = server.end();
    let of = |words: &str| {
        said.iter()
            .filter(|line| line.contains(words))
            .collect::<Vec<_>>()
    };
    let named = of(" refused status=");
    let first = named.first().unwrap();
    for part in [
        "WARN",
        "status=401",
        "code=\"unauthenticated\"",
        "route=\"listIncidents\"",
        "address=\"127.0.0.1\"",
        "request=\"flood-0\"",
    ] {
        assert!(first.contains(part), "{first}");
    }
    let rest = format!(
        "{} more requests were refused within a minute",
        asks + 1 - named.len()
    );
    assert!(named.len() == 20 && of(&rest).len() == 1, "{said:#?}");
    for secret in [key, "token=mine", "a wrong password"] {
        assert!(of(secret).is_empty(), "{said:#?}");
    }
}

#[test]
fn every_attack_is_refused_and_written_down() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let table = std::fs::read_to_string(here.join("attacks.toml")).unwrap();
    let table: Table = toml::from_str(&table).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path());
    let mut text = String::new();
    for (number, attack) in table.attack.iter().enumerate() {
        text += &tried(&mut world, attack, number);
        text.push('\n');
    }
    for setting in &table.setting {
        text += &set(setting);
        text.push('\n');
    }
    let file = here.join("attacks.txt");
    if std::env::var_os("MIDWATCH_WRITE").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    let differs = text
        .split("\n\n")
        .zip(kept.split("\n\n"))
        .find(|(now, then)| now != then);
    assert!(text == kept, "{} is another: {differs:#?}", file.display());
    // Nothing of it altered anything, and the server is there.
    assert_eq!(world.server.ask("GET /healthz", "", "").status, 200);
}
