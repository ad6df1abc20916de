//! Several teams under one door, with the real program: what one has the other cannot see, alter, or stop.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use server::api::route::{Permission, SPACE, Work};

const PASSWORD: &str = "correct horse battery";
/// In every name that belongs to `main` alone.
const MARK: &str = "zebrafish";
const SOON: Duration = Duration::from_secs(60);

fn midwatch(folder: &Path, words: &[&str], input: &str) -> (i32, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_midwatch"))
        .args(words)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    // Lines are as wide as the terminal.
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    (output.status.code().unwrap(), said)
}

/// A house of `main`, `team-b`, and whatever is said beside.
fn house(beside: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path();
    let free = "[telemetry]\ngrpc = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n";
    let of = |name: &str| {
        format!(
            "{free}[notify]\nterminal = false\nfile = \"told-{name}.jsonl\"\n\
             [inlets.{name}-alarms]\nkind = \"alertmanager\"\nsecret_file = \"secret-{name}\"\n"
        )
    };
    for name in [MARK, "team-b"] {
        std::fs::write(folder.join(format!("secret-{name}")), secret(name)).unwrap();
    }
    let main = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n{}[spaces.team-b]\nconfig = \"b.toml\"\n{beside}",
        of(MARK)
    );
    std::fs::write(folder.join("midwatch.toml"), main).unwrap();
    std::fs::write(folder.join("b.toml"), of("team-b")).unwrap();
    root
}

fn secret(of: &str) -> String {
    format!("the-secret-of-{of}-0123456789")
}

/// A server that ends when this goes.
struct Server {
    child: Child,
    address: String,
    /// What it said until it was ready.
    said: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn begin(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_midwatch"))
            .arg("serve")
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let address = loop {
            let mut line = String::new();
            assert!(lines.read_line(&mut line).unwrap() > 0, "{said}");
            said += &line;
            if let Some((_, address)) = line.split_once("page and API at http://") {
                break address.trim().to_string();
            }
        };
        // So that it never waits for somebody who reads.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Self {
            child,
            address,
            said,
        }
    }

    /// Status and body. Of a stream only what comes at once is read.
    fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{headers}\r\n{body}",
            self.address,
            body.len()
        )
        .unwrap();
        let mut bytes = Vec::new();
        let mut piece = [0; 8192];
        loop {
            let read = stream.read(&mut piece).unwrap_or(0);
            bytes.extend_from_slice(&piece[..read]);
            let text = String::from_utf8_lossy(&bytes);
            if read == 0 || (text.contains("text/event-stream") && text.contains("retry:")) {
                break;
            }
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_string())
    }

    fn get(&self, path: &str, who: &str) -> (u16, Value) {
        let (status, body) = self.ask("GET", path, who, "");
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    /// Names of incidents of a space.
    fn incidents(&self, space: &str, who: &str) -> Vec<String> {
        let (status, listed) = self.get(&format!("/v1/spaces/{space}/incidents?all=true"), who);
        assert_eq!(status, 200, "{space}: {listed}");
        let items = listed["items"].as_array().unwrap().iter();
        items
            .map(|one| one["id"].as_str().unwrap().to_string())
            .collect()
    }

    /// Posts an alarm about that service with the secret of that inlet's owner.
    fn alarm(&self, space: &str, inlet: &str, owner: &str, service: &str) -> (u16, String) {
        let alert = json!({
            "status": "firing",
            "labels": {"alertname": "errors", "service": service, "severity": "critical"},
            "annotations": {}, "startsAt": "2026-06-18T15:06:01Z", "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": service,
        });
        let body = json!({"version": "4", "status": "firing", "receiver": "x", "alerts": [alert]});
        let proof = format!("authorization: Bearer {}\r\n", secret(owner));
        let path = format!("/v1/spaces/{space}/inlets/{inlet}");
        self.ask("POST", &path, &proof, &body.to_string())
    }

    /// Ends it as a power cut does.
    fn cut(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// People with keys of theirs, as headers: `root` everywhere, `anna` in `main`, `bea` in `team-b`.
fn people(folder: &Path) -> BTreeMap<&'static str, String> {
    [("root", "*"), ("anna", "main"), ("bea", "team-b")]
        .into_iter()
        .map(|(name, space)| {
            let words = ["people", "add", name, "--role", "admin", "--space", space];
            let words = [&words[..], &["--password-stdin"]].concat();
            let (exit, said) = midwatch(folder, &words, &format!("{PASSWORD}\n"));
            assert_eq!(exit, 0, "{said}");
            let scope = format!("{space}=admin");
            let words = ["keys", "add", "test", "--person", name, "--scope", &scope];
            let words = [&words[..], &["--format", "json"]].concat();
            let (exit, said) = midwatch(folder, &words, "");
            assert_eq!(exit, 0, "{said}");
            let made: Value = serde_json::from_str(&said).unwrap();
            let secret = made["secret"].as_str().unwrap();
            (name, format!("authorization: Bearer {secret}\r\n"))
        })
        .collect()
}

#[track_caller]
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < SOON, "{what}: not within {SOON:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// An address of a space with everything filled in.
fn filled(path: &str, space: &str, incident: &str) -> String {
    path.replace("{space}", space)
        .replace("{id}", incident)
        .replace("{eid}", "E1")
        .replace("{mechanism}", "change.bad-deploy")
        .replace("{code}", "busy")
        .replace("{inlet}", &format!("{MARK}-alarms"))
        .split('/')
        .map(|part| if part.starts_with('{') { "1" } else { part })
        .collect::<Vec<_>>()
        .join("/")
}

/// What fits a route about an incident that takes something.
fn sent(route: &str, incident: &str) -> Option<Value> {
    let plan = "0".repeat(64);
    Some(match route {
        "approvePlan" => json!({"plan": plan}),
        "refusePlan" => json!({"plan": plan, "why": "x"}),
        "note" => json!({"text": "x"}),
        "closeIncident" => json!({"why": "x"}),
        "judgeCause" => json!({"right": true}),
        "splitIncident" => json!({"alarms": ["errors"]}),
        "mergeIncident" => json!({"into": incident}),
        "linkIncidents" => json!({"with": incident, "why": "x"}),
        _ => return None,
    })
}

fn journal_of_b(folder: &Path) -> PathBuf {
    folder.join("midwatch-data/spaces/team-b/midwatch.db")
}

#[test]
fn one_team_sees_and_moves_nothing_of_another() {
    let root = house("");
    let folder = root.path();
    let (exit, said) = midwatch(folder, &["config", "check"], "");
    let inlet = "inlet team-b-alarms (alertmanager): /v1/spaces/team-b/inlets/team-b-alarms";
    assert!(exit == 0 && said.contains(inlet), "{said}");
    let who = people(folder);
    let (exit, said) = midwatch(
        folder,
        &["people", "add", "x", "--role", "viewer", "--space", "tem-b"],
        "",
    );
    assert!(
        exit != 0 && said.contains("did you mean \"team-b\"?"),
        "{said}"
    );
    let server = Server::begin(folder);
    for space in ["main", "team-b"] {
        assert!(
            server
                .said
                .contains(&format!("[{space}] midwatch keeps watch")),
            "{}",
            server.said
        );
    }

    // An alarm in one opens nothing in the other, and whoever has one secret cannot post with it elsewhere.
    let (main, b) = (format!("{MARK}-alarms"), "team-b-alarms");
    assert_eq!(server.alarm("main", &main, MARK, MARK).0, 200);
    let opened = until("an incident", || {
        server.incidents("main", &who["root"]).into_iter().next()
    });
    assert_eq!(server.alarm("team-b", b, MARK, MARK).0, 401);
    assert_eq!(server.alarm("team-b", &main, MARK, MARK).0, 404);
    assert_eq!(server.alarm("main", b, "team-b", "x").0, 404);
    let told = until("a notice", || {
        let text = std::fs::read_to_string(folder.join(format!("told-{MARK}.jsonl"))).ok()?;
        (!text.is_empty()).then_some(text)
    });
    assert!(told.contains(&opened), "{told}");
    assert!(server.incidents("team-b", &who["bea"]).is_empty());

    // Every route of a space, asked by who is an admin of the other one only.
    let (mut walked, mut altering) = (0, 0);
    for route in server::api::routes() {
        let signed = route.permission == Permission::Signed;
        if !route.path.starts_with(SPACE) || signed {
            continue;
        }
        let method = route.method.as_str();
        let body = if route.body.is_some() { "{}" } else { "" };
        for (space, name) in [("main", "bea"), ("team-b", "anna"), ("nowhere", "bea")] {
            let path = filled(&route.path, space, &opened);
            let (status, said) = server.ask(method, &path, &who[name], body);
            assert!(
                status == 404 && said.contains(&format!("there is no space \\\"{space}\\\"")),
                "{name}: {method} {path}: {status} {said}"
            );
            let (status, said) = server.ask(method, &path, "", body);
            assert_eq!(status, 401, "nobody: {method} {path}: {said}");
        }
        // In one's own space the other's incident is not there either.
        if route.path.contains("{id}") && !matches!(route.work, Work::Events) {
            let path = filled(&route.path, "team-b", &opened);
            let fitting = sent(route.name, &opened);
            altering += usize::from(fitting.is_some());
            let body = match (&fitting, route.body.is_some()) {
                (Some(fitting), _) => fitting.to_string(),
                (None, true) => "{}".to_string(),
                (None, false) => String::new(),
            };
            let (status, said) = server.ask(method, &path, &who["bea"], &body);
            // What is sent to a route that is not known here may be refused before anything is looked up.
            let refused = status == 404 || (status == 400 && fitting.is_none());
            assert!(
                refused && !said.contains(MARK),
                "{method} {path}: {status} {said}"
            );
        }
        walked += 1;
    }
    assert!(walked > 40 && altering == 8, "{walked}, {altering}");

    // What belongs to the house tells of no space that one may not see.
    for route in server::api::routes() {
        if route.path.starts_with(SPACE) || route.method != "GET" {
            continue;
        }
        let path = filled(&route.path, "", "");
        let (status, said) = server.ask("GET", &path, &who["bea"], "");
        let tells = said.contains(MARK) || said.contains(&opened) || said.contains("\"main\"");
        // The description names `main` as what holds where none is said.
        let described = route.path == "/v1/openapi.json";
        assert!(!tells || described, "{path}: {status} {said}");
    }
    let (_, listed) = server.get("/v1/spaces", &who["bea"]);
    assert_eq!(listed["items"], json!([{"id": "team-b", "closed": null}]));
    let (_, numbers) = server.ask("GET", "/metrics", &who["bea"], "");
    assert!(numbers.contains("midwatch_incidents_open{space=\"team-b\"} 0"));
    let (_, numbers) = server.ask("GET", "/metrics", &who["root"], "");
    assert!(
        numbers.contains("midwatch_incidents_open{space=\"main\"} 1"),
        "{numbers}"
    );
    assert_eq!(server.get("/v1/events?space=main", &who["bea"]).0, 404);
    assert_eq!(server.get("/v1/events?space=team-b", &who["bea"]).0, 200);

    // Commands: each space by its name, and by its own file.
    let (exit, said) = midwatch(folder, &["incidents", "list", "--all"], "");
    assert!(exit == 0 && said.contains(MARK), "{said}");
    for words in [
        ["incidents", "list", "--all", "--space", "team-b"],
        ["journal", "verify", "--space", "team-b", "--quiet"],
    ] {
        let (exit, said) = midwatch(folder, &words, "");
        assert!(exit == 0 && !said.contains(MARK), "{said}");
    }
    let (exit, said) = midwatch(folder, &["incidents", "--space", "team-c"], "");
    assert!(
        exit == 2 && said.contains("did you mean \"team-b\"?"),
        "{said}"
    );
    let digest = "0".repeat(64);
    let words = ["approve", &opened, "--plan", &digest, "--space", "team-b"];
    let (exit, said) = midwatch(folder, &words, "");
    assert!(
        exit != 0 && said.contains("no incident is called so"),
        "{said}"
    );
    let (exit, said) = midwatch(folder, &["doctor"], "");
    assert!(
        exit <= 1 && said.contains("space main") && said.contains("space team-b"),
        "{said}"
    );

    // And the other way round: b's own alarm is told to b alone.
    assert_eq!(server.alarm("team-b", b, "team-b", "parrot").0, 200);
    let own = until("an incident of b", || {
        server.incidents("team-b", &who["bea"]).into_iter().next()
    });
    until("a notice of b", || {
        let text = std::fs::read_to_string(folder.join("told-team-b.jsonl")).ok()?;
        text.contains(&own).then_some(())
    });
    assert_eq!(server.incidents("main", &who["anna"]), [opened.as_str()]);
    let told = std::fs::read_to_string(folder.join(format!("told-{MARK}.jsonl"))).unwrap();
    assert!(!told.contains("parrot"), "{told}");
    let note = format!("/v1/spaces/team-b/incidents/{own}/note");
    assert_eq!(
        server
            .ask("POST", &note, &who["bea"], r#"{"text":"mine"}"#)
            .0,
        200
    );
    let (_, audit) = server.get("/v1/spaces/main/audit", &who["anna"]);
    assert_eq!(audit["items"], json!([]));
}

#[test]
fn a_journal_that_is_lost_stops_one_space_alone() {
    let beside = "[spaces.team-c]\nconfig = \"c.toml\"\n";
    let root = house(beside);
    let folder = root.path();
    // Its addresses are those of nobody, and its rules are not there.
    let wrong = "[telemetry]\ngrpc = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n[watch]\nrules = [\"none.toml\"]\n";
    std::fs::write(folder.join("c.toml"), wrong).unwrap();
    let who = people(folder);
    let server = Server::begin(folder);
    assert!(
        server
            .said
            .contains("the space team-c could not be started"),
        "{}",
        server.said
    );
    let (main, b) = (format!("{MARK}-alarms"), "team-b-alarms");
    assert_eq!(server.alarm("main", &main, MARK, MARK).0, 200);
    assert_eq!(server.alarm("team-b", b, "team-b", "parrot").0, 200);
    let in_main = until("an incident", || {
        server.incidents("main", &who["anna"]).into_iter().next()
    });
    let in_b = until("an incident of b", || {
        server.incidents("team-b", &who["bea"]).into_iter().next()
    });
    server.cut();

    // The power comes back, and b's journal does not: the disk holds something else in its place.
    let journal = journal_of_b(folder);
    let beside = |ending: &str| PathBuf::from(format!("{}{ending}", journal.display()));
    let whole = ["", "-wal"].map(|ending| std::fs::read(beside(ending)).unwrap_or_default());
    for ending in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(beside(ending));
    }
    std::fs::write(&journal, [0xff; 8192]).unwrap();
    let server = Server::begin(folder);
    assert!(
        server.said.contains("[main] midwatch keeps watch"),
        "{}",
        server.said
    );
    assert!(
        server
            .said
            .contains("the space team-b could not be started"),
        "{}",
        server.said
    );
    assert_eq!(server.incidents("main", &who["anna"]), [in_main.as_str()]);
    assert_eq!(server.alarm("main", &main, MARK, "zebrafish-2").0, 200);
    until("another incident", || {
        (server.incidents("main", &who["anna"]).len() == 2).then_some(())
    });
    // Those who may see it are told; others see nothing of it, and senders come again.
    let path = "/v1/spaces/team-b/incidents";
    let (status, problem) = server.get(path, &who["bea"]);
    assert_eq!(
        (status, &problem["code"]),
        (503, &json!("space_closed")),
        "{problem}"
    );
    assert!(
        problem["detail"].as_str().unwrap().contains("midwatch.db"),
        "{problem}"
    );
    assert_eq!(server.get(path, &who["anna"]).0, 404);
    let (status, said) = server.alarm("team-b", b, "team-b", "parrot-2");
    assert!(status == 503 && !said.contains("midwatch.db"), "{said}");
    let (_, listed) = server.get("/v1/spaces", &who["root"]);
    let closed: Vec<bool> = (0..3)
        .map(|n| !listed["items"][n]["closed"].is_null())
        .collect();
    assert_eq!(closed, [false, true, true], "{listed}");
    let (status, ready) = server.get("/readyz", "");
    assert_eq!((status, &ready["detail"]), (503, &json!("troubled: space")));
    let (_, numbers) = server.ask("GET", "/metrics", &who["root"], "");
    assert!(
        numbers.contains("midwatch_parts_troubled{space=\"team-b\"} 1"),
        "{numbers}"
    );
    let (exit, said) = midwatch(folder, &["doctor"], "");
    assert!(
        exit == 1 && said.contains("the space team-b could not be started"),
        "{said}"
    );
    let (_, findings) = server.get("/v1/spaces/main/doctor", &who["anna"]);
    assert!(!findings.to_string().contains("team-b"), "{findings}");
    drop(server);

    // Mended, it goes on where it was.
    for (ending, bytes) in ["", "-wal"].iter().zip(&whole) {
        std::fs::write(beside(ending), bytes).unwrap();
    }
    let server = Server::begin(folder);
    assert!(
        server.said.contains("[team-b] midwatch keeps watch"),
        "{}",
        server.said
    );
    assert_eq!(server.incidents("team-b", &who["bea"]), [in_b]);
}
