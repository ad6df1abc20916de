//! The commands around the watch, whole: a server that starts on free ports, takes telemetry in, raises its alarm,
//! opens an incident, looks, and ends; and what each command says to wrong input.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use midwatch::config::Written;
use midwatch::console::{Console, Surroundings};
use midwatch::exit::Exit;
use midwatch::wiring::house::House;
use midwatch::wiring::serving::{Inbound, Serving};

struct Ran {
    exit: Exit,
    out: String,
    err: String,
}

fn run(args: &[&str]) -> Ran {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut console = Console::new(&mut out, &mut err, Surroundings::default());
    let exit = midwatch::run(
        std::iter::once("midwatch").chain(args.iter().copied()),
        &mut console,
    );
    let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
    Ran {
        exit,
        out: text(out),
        err: text(err),
    }
}

#[track_caller]
fn refused(args: &[&str], what: &str) {
    let ran = run(args);
    assert_eq!(ran.exit, Exit::BadInput, "{args:?}: {}", ran.err);
    assert!(ran.err.contains("\n  where: "), "{}", ran.err);
    assert!(ran.err.contains("\n  to do: "), "{}", ran.err);
    assert!(
        ran.err.contains(what),
        "{args:?}: {} does not say {what:?}",
        ran.err
    );
}

/// A configuration in a new folder, with free ports and one alarm.
fn configured(folder: &Path) -> PathBuf {
    let file = folder.join("midwatch.toml");
    let rules = r#"
[[alarm]]
name = "errors"
entity = "service/*"
metric = "span.error_share"
statistic = "Average"
period = "1s"
every = "1s"
comparison = "GreaterThanThreshold"
threshold = 0.5
treat_missing_data = "ignore"
"#;
    std::fs::write(folder.join("rules.toml"), rules).unwrap();
    let text = r#"
[server]
listen = "127.0.0.1:0"
[telemetry]
grpc = "127.0.0.1:0"
http = "127.0.0.1:0"
[watch]
rules = ["rules.toml"]
every = "50ms"
[notify]
file = "notices.ndjson"
terminal = false
"#;
    std::fs::write(&file, text).unwrap();
    file
}

/// Pushes one batch of failed calls as OTLP/JSON, by hand: what any sender does.
fn push(address: std::net::SocketAddr, now_ns: i64) {
    use std::io::{Read as _, Write as _};
    let spans: Vec<String> = (0..20)
        .map(|i| {
            format!(
                r#"{{"traceId":"{:032x}","spanId":"{:016x}","name":"GET /","kind":2,"startTimeUnixNano":"{}","endTimeUnixNano":"{}","status":{{"code":2,"message":"boom"}}}}"#,
                i + 1,
                i + 1,
                now_ns - 40_000_000,
                now_ns - 20_000_000
            )
        })
        .collect();
    let body = format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"checkout"}}}}]}},"scopeSpans":[{{"spans":[{}]}}]}}]}}"#,
        spans.join(",")
    );
    let mut stream = std::net::TcpStream::connect(address).unwrap();
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

/// What the API answers, and that it is well.
#[track_caller]
fn told(api: std::net::SocketAddr, path: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(api).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    body.to_string()
}

/// What the API answers to what is sent.
fn posted(api: std::net::SocketAddr, path: &str, body: &[u8]) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(api).unwrap();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .unwrap();
    stream.write_all(body).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The API answers what the command prints; the incident may go on between the two, so it is asked again.
#[track_caller]
fn agree(api: std::net::SocketAddr, path: &str, args: &[&str]) {
    let mut last = (serde_json::Value::Null, serde_json::Value::Null);
    for _ in 0..20 {
        let text = told(api, path);
        let mut answered: serde_json::Value = serde_json::from_str(&text).unwrap();
        if let Some(items) = answered.get_mut("items") {
            answered = items.take();
        }
        let printed = serde_json::from_str(&run(args).out).unwrap();
        if answered == printed {
            return;
        }
        last = (answered, printed);
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{path}: {:#}\n{:#}", last.0, last.1);
}

fn now_ns() -> i64 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    i64::try_from(since.as_nanos()).unwrap()
}

#[test]
fn an_alarm_becomes_an_incident_with_a_report_and_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = configured(folder.path());
    let config = file.display().to_string();
    let house = House::built(Written::read(Some(&file)).unwrap());
    let inbound = Inbound::open(&house).unwrap();
    let http = inbound.http().unwrap();
    let notifiers = midwatch::wiring::notify::configured(&house).unwrap();
    let serving = Serving::begin(&house, inbound, notifiers).unwrap();

    // A second server on the same data is refused, and says who keeps the watch.
    let second =
        Inbound::open(&house).and_then(|inbound| Serving::begin(&house, inbound, Vec::new()));
    assert!(second.is_err(), "two servers may not keep one watch");

    let began = Instant::now();
    let listed = loop {
        push(http, now_ns());
        std::thread::sleep(Duration::from_millis(200));
        let listed = run(&["incidents", "list", "--format", "json", "--config", &config]);
        if listed.out.contains("\"standing\"") && !listed.out.contains("being looked at") {
            break listed;
        }
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "no report: {}{}",
            listed.out,
            listed.err
        );
    };
    let listed: serde_json::Value = serde_json::from_str(&listed.out).unwrap();
    let id = listed[0]["id"].as_str().unwrap().to_string();
    assert_eq!(listed[0]["alarms"][0]["entity"], "service/checkout");

    let asked = run(&[
        "ask", "errors", "in", "the", "last", "5", "minutes", "--config", &config,
    ]);
    assert!(
        asked.out.contains("service/checkout: "),
        "{}{}",
        asked.out,
        asked.err
    );
    assert!(asked.out.contains("boom"), "{}", asked.out);
    let doctor = run(&["doctor", "--config", &config]);
    assert!(doctor.out.contains("keeps watch"), "{}", doctor.out);
    let silenced = run(&[
        "silence", "--rule", "errors", "--for", "1m", "--why", "a test", "--config", &config,
    ]);
    assert_eq!(silenced.exit, Exit::Done, "{}", silenced.err);
    assert!(silenced.out.contains(" (silence-"), "{}", silenced.out);

    let report = run(&[
        "incidents",
        "report",
        &id,
        "--format",
        "json",
        "--config",
        &config,
    ]);
    let report: model::report::Report = serde_json::from_str(&report.out).unwrap();
    assert_eq!(report.header.case, id);
    let timeline = run(&["incidents", "timeline", &id, "--config", &config]);
    assert!(
        timeline
            .out
            .contains("opened by errors on service/checkout"),
        "{}",
        timeline.out
    );
    let words: Vec<&str> = timeline.out.split_whitespace().collect();
    let words = words.join(" ");
    assert!(words.contains(", true in the data since "), "{words}");
    assert!(
        run(&["journal", "verify", "--config", &config])
            .out
            .contains("0 broken")
    );
    assert!(
        run(&["incidents", "postmortem", &id, "--config", &config])
            .out
            .starts_with("# ")
    );
    let stats = run(&["stats", "--format", "json", "--config", &config]);
    let stats: serde_json::Value = serde_json::from_str(&stats.out).unwrap();
    assert_eq!(stats["open"]["count"], 1, "{stats}");
    let stats = run(&["stats", "--config", &config]);
    assert!(stats.out.contains("0 CLOSED, 1 OPEN"), "{}", stats.out);

    // Programs are told over HTTP what commands print.
    let api = serving.api().unwrap();
    let (one, space) = (format!("/v1/spaces/main/incidents/{id}"), "/v1/spaces/main");
    let json = ["--format", "json", "--config", &config];
    let with = |words: &[&'static str]| [words, &json].concat();
    let of_it = |word: &'static str| [&["incidents", word, &id][..], &json].concat();
    agree(
        api,
        &format!("{space}/incidents"),
        &with(&["incidents", "list"]),
    );
    agree(api, &one, &of_it("show"));
    agree(api, &format!("{one}/report"), &of_it("report"));
    agree(api, &format!("{space}/stats"), &with(&["stats"]));
    agree(
        api,
        &format!("{space}/mechanisms?limit=200"),
        &["mechanisms", "--format", "json"],
    );
    assert!(told(api, &format!("{one}/report?format=html")).contains("<!doctype html>"));
    assert!(told(api, &format!("{one}/timeline")).contains("opened by errors on service/checkout"));
    // What leans on what is seen in the newest second, and remembered for five.
    let seen = (0..5).any(|n| {
        std::thread::sleep(Duration::from_millis(5_100 * u64::from(n > 0)));
        push(http, now_ns());
        told(api, &format!("{space}/topology")).contains("service/checkout")
    });
    assert!(seen, "{}", told(api, &format!("{space}/topology")));
    assert!(told(api, &format!("{space}/alarms")).contains(&id));
    assert!(told(api, &format!("{space}/silences")).contains("a test"));
    assert!(told(api, "/metrics").contains("midwatch_incidents_open{space=\"main\"} 1"));
    assert!(told(api, "/readyz").contains("ok"));
    assert!(told(api, &format!("{space}/doctor")).contains("keeps watch"));
    let question = br#"{"question":"errors in the last 5 minutes"}"#;
    let answer = posted(api, &format!("{space}/ask"), question);
    assert!(
        answer.contains("service/checkout: ") && answer.contains("boom"),
        "{answer}"
    );

    // What was looked at leads to the same report again.
    let out = folder.path().join("recording").display().to_string();
    let recorded = run(&["record", &id, "--out", &out, "--config", &config]);
    assert_eq!(recorded.exit, Exit::Done, "{}", recorded.err);
    // People are told from threads of their own: what the journal says may be in the file a moment later.
    let told = || std::fs::read_to_string(folder.path().join("notices.ndjson")).unwrap_or_default();
    let began = Instant::now();
    while !told().contains(&id) {
        assert!(began.elapsed() < Duration::from_secs(60), "{}", told());
        std::thread::sleep(Duration::from_millis(20));
    }

    // A person's word, on the record.
    let noted = run(&["incidents", "note", &id, "seen", "it", "--config", &config]);
    assert_eq!(noted.exit, Exit::Done, "{}", noted.err);
    refused(
        &["incidents", "note", &id, " ", "--config", &config],
        "it says nothing",
    );
    refused(
        &["incidents", "note", "no-such", "x", "--config", &config],
        "no incident is called so",
    );
    let long = "x".repeat(4001);
    refused(
        &[
            "incidents",
            "close",
            &id,
            "--why",
            &long,
            "--config",
            &config,
        ],
        "4001 characters",
    );
    let closed = run(&[
        "incidents",
        "close",
        &id,
        "--why",
        "a drill",
        "--config",
        &config,
    ]);
    assert_eq!(closed.exit, Exit::Done, "{}", closed.err);
    let again = run(&[
        "incidents",
        "close",
        &id,
        "--why",
        "a drill",
        "--config",
        &config,
    ]);
    assert_eq!(again.exit, Exit::No, "{}{}", again.out, again.err);
    let timeline = run(&["incidents", "timeline", &id, "--config", &config]).out;
    assert!(timeline.contains("seen it"), "{timeline}");
    assert_eq!(
        timeline.matches("closed it: a drill").count(),
        1,
        "{timeline}"
    );

    serving.end();
    let nobody = run(&[
        "silence", "--all", "--for", "1m", "--why", "x", "--config", &config,
    ]);
    assert!(nobody.err.contains("no server answers"), "{}", nobody.err);
    let house = House::built(Written::read(Some(&file)).unwrap());
    let again = Serving::begin(&house, Inbound::open(&house).unwrap(), Vec::new()).unwrap();
    assert!(
        run(&["incidents", "show", &id, "--config", &config])
            .out
            .contains("errors on service/checkout")
    );
    again.end();
}

/// What a person reads, on one line: wherever it was broken for them.
fn flat(ran: &Ran) -> String {
    let words: Vec<&str> = ran.out.split_whitespace().collect();
    words.join(" ")
}

#[test]
fn a_silence_is_listed_and_ended_before_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = configured(folder.path());
    let config = file.display().to_string();
    let say = |words: &[&str]| run(&[words, &["--config", &config]].concat());
    let no = |words: &[&str], what: &str| refused(&[words, &["--config", &config]].concat(), what);
    no(&["silence", "list"], "there is no journal yet");
    let house = House::built(Written::read(Some(&file)).unwrap());
    let serving = Serving::begin(&house, Inbound::open(&house).unwrap(), Vec::new()).unwrap();
    assert!(say(&["silence", "list"]).out.contains("No silence stands"));

    for (whom, which, length, why) in [
        ("--rule", "errors", "1h", "a load test"),
        ("--entity", "service/cart", "2h", "it moves"),
    ] {
        let ran = say(&["silence", whom, which, "--for", length, "--why", why]);
        assert_eq!(ran.exit, Exit::Done, "{}", ran.err);
    }
    let listed = |all: &'static [&'static str]| -> Vec<serde_json::Value> {
        let ran = say(&[&["silence", "list", "--format", "json"][..], all].concat());
        serde_json::from_str(&ran.out).unwrap()
    };
    let standing = listed(&[]);
    assert_eq!(standing.len(), 2, "{standing:?}");
    assert_eq!(standing[0]["rule"], "errors");
    assert!(standing[0]["quiet_until"].is_string(), "{standing:?}");
    let told = flat(&say(&["silence", "list"]));
    assert!(
        told.contains(": rule errors (")
            && told.contains(": a load test)")
            && told.contains(": entity service/cart ("),
        "{told}"
    );
    // Programs are told over HTTP what the command prints.
    let api = serving.api().unwrap();
    let json = ["silence", "list", "--format", "json", "--config", &config];
    agree(api, "/v1/spaces/main/silences", &json);

    let id = standing[0]["id"].as_str().unwrap();
    no(&["silence", "end", "nobody"], "nothing here is called so");
    no(&["silence", "--all", "end", id], "before a word");
    let ended = say(&["silence", "end", id.trim_start_matches("silence-")]);
    assert_eq!(ended.exit, Exit::Done, "{}", ended.err);
    assert!(ended.out.contains(&format!("ended {id}")), "{}", ended.out);
    no(&["silence", "end", id], "ended by");
    let left = listed(&[]);
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0]["entity"], "service/cart");
    assert_eq!(listed(&["--all"]).len(), 2);
    assert!(flat(&say(&["silence", "list", "--all"])).contains(", ended by "));

    // The journal is read without a server; ending is for one that runs.
    serving.end();
    assert_eq!(listed(&[]).len(), 1);
    let other = left[0]["id"].as_str().unwrap();
    no(&["silence", "end", other], "no server answers");
}

#[test]
fn the_last_stretch_of_a_running_system_is_recorded_and_audited() {
    let folder = tempfile::tempdir().unwrap();
    let file = configured(folder.path());
    let config = file.display().to_string();
    refused(&["audit", "--config", &config], "no server answers");
    let house = House::built(Written::read(Some(&file)).unwrap());
    let inbound = Inbound::open(&house).unwrap();
    let http = inbound.http().unwrap();
    let serving = Serving::begin(&house, inbound, Vec::new()).unwrap();
    push(http, now_ns());

    let recorded = |name: &str, more: &[&str]| {
        let out = folder.path().join(name).display().to_string();
        let mut args = vec!["record", "--out", &out, "--config", &config];
        args.extend(more);
        (run(&args), out)
    };
    let began = Instant::now();
    let (whole, counts) = loop {
        let name = format!("whole-{}", began.elapsed().as_millis());
        let (ran, out) = recorded(&name, &["--since", "10m"]);
        assert_eq!(ran.exit, Exit::Done, "{}", ran.err);
        let shown = run(&["recording", "show", &out, "--format", "json"]);
        let shown: serde_json::Value = serde_json::from_str(&shown.out).unwrap();
        // What was pushed is in the window a moment later.
        if shown.to_string().contains("service/checkout") {
            break (out, shown);
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{shown}");
        std::thread::sleep(Duration::from_millis(100));
    };
    let looked = run(&["investigate", &whole]);
    assert_ne!(looked.exit, Exit::BadInput, "{counts}: {}", looked.err);
    let (scoped, _) = recorded("scoped", &["--since", "10m", "--scope", "checkout"]);
    assert_eq!(scoped.exit, Exit::Done, "{}", scoped.err);
    let taken = std::fs::read_dir(house.data().join("taken")).unwrap();
    assert!((1..=5).contains(&taken.count()), "old ones go");

    let json = [
        "audit", "--since", "10m", "--format", "json", "--config", &config,
    ];
    let audit: serde_json::Value = serde_json::from_str(&run(&json).out).unwrap();
    assert_eq!(audit["units"][0]["entity"], "service/checkout", "{audit}");
    assert!(audit["counts"]["named"].as_u64() > Some(0), "{audit}");

    let out = folder.path().join("never").display().to_string();
    let wrong = |since: &'static str, scope: &'static str| {
        [
            "record", "--out", &out, "--config", &config, "--since", since, "--scope", scope,
        ]
        .map(str::to_string)
    };
    let refused_with = |args: [String; 9], what: &str| {
        let words: Vec<&str> = args.iter().map(String::as_str).collect();
        refused(&words, what);
    };
    refused_with(wrong("10m", "nobody-here"), "nobody is called nobody-here");
    refused_with(
        wrong("7h", "checkout"),
        "7h cannot be taken down at once; ask for 1s to 6h",
    );
    refused_with(
        wrong("0s", "checkout"),
        "0s cannot be taken down at once; ask for 1s to 6h",
    );
    assert!(!Path::new(&out).exists(), "nothing half written");
    serving.end();
}

#[test]
fn wrong_input_is_told_with_place_and_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let file = configured(folder.path());
    let config = file.display().to_string();
    refused(
        &["incidents", "--config", &config],
        "there is no journal yet",
    );
    refused(
        &[
            "incidents",
            "show",
            "x",
            "--config",
            "/nowhere/midwatch.toml",
        ],
        "cannot be read",
    );
    refused(
        &["approve", "x", "--config", &config],
        "there is no journal yet",
    );
    refused(
        &["journal", "verify", "--config", &config],
        "there is no journal yet",
    );
    refused(&["stats", "--config", &config], "there is no journal yet");
    refused(
        &["ask", "what changed", "--config", &config],
        "no server answers",
    );
    refused(
        &["demo", "--out", &folder.path().display().to_string()],
        "something is there already",
    );

    std::fs::write(&file, "[act]\npolicy = \"none-such\"\n").unwrap();
    refused(
        &["config", "check", &config],
        "is no policy that comes with the program",
    );
    std::fs::write(folder.path().join("bad.cedar"), "permit (principal, action").unwrap();
    std::fs::write(&file, "[act]\npolicy = \"bad.cedar\"\n").unwrap();
    refused(&["config", "check", &config], "nothing is permitted");
    std::fs::write(&file, "[watch]\nrules = [\"rules.toml\"]\n").unwrap();
    std::fs::write(
        folder.path().join("rules.toml"),
        "[[alarm]]\nname = \"x\"\ntreshold = 1\n",
    )
    .unwrap();
    refused(&["config", "check", &config], "treshold");
    std::fs::write(&file, "[wach]\n").unwrap();
    refused(&["config", "check", &config], "unknown field");

    let written = run(&["config", "reference"]);
    assert!(written.out.contains("[telemetry]"), "{}", written.out);
}
