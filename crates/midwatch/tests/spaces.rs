//! Several teams under one door, with the real program: what one has the other cannot see, alter, or stop.

#[path = "doors/program.rs"]
#[allow(dead_code)]
mod program;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use server::api::route::{Permission, SPACE, Work};

use program::{PASSWORD, Server, until};

/// In every name that belongs to `main` alone.
const MARK: &str = "zebrafish";

fn midwatch(folder: &Path, words: &[&str], input: &str) -> (i32, String) {
    let (exit, said) = program::ended(folder, words, input);
    // Lines are as wide as the terminal.
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    (exit, said)
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

/// A server, asked by several teams.
struct Teams {
    server: Server,
    /// What it said until it was ready.
    said: String,
}

impl Teams {
    fn begin(folder: &Path) -> Self {
        let server = Server::begin(folder, "warn");
        let said = server.log();
        Self { server, said }
    }

    /// Status and body. Of a stream only what comes at once is read.
    fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
        let headers = format!("content-type: application/json\r\n{headers}");
        let got = self.server.ask(&format!("{method} {path}"), &headers, body);
        (got.status, got.text)
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
    let server = Teams::begin(folder);
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
fn a_journal_that_is_lost_stops_one_space_alone_until_it_is_mended() {
    let beside = "[spaces.team-c]\nconfig = \"c.toml\"\n";
    let root = house(beside);
    let folder = root.path();
    // Its addresses are those of nobody, and its rules are not there.
    let wrong = "[telemetry]\ngrpc = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n[watch]\nrules = [\"none.toml\"]\n";
    std::fs::write(folder.join("c.toml"), wrong).unwrap();
    let who = people(folder);
    let server = Teams::begin(folder);
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
    drop(server);

    // The power comes back, and b's journal does not: the disk holds something else in its place.
    let journal = journal_of_b(folder);
    let beside = |ending: &str| PathBuf::from(format!("{}{ending}", journal.display()));
    let whole = ["", "-wal"].map(|ending| std::fs::read(beside(ending)).unwrap_or_default());
    for ending in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(beside(ending));
    }
    std::fs::write(&journal, [0xff; 8192]).unwrap();
    let server = Teams::begin(folder);
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
    // What stands first was tried at the start, what comes later is tried by itself, and says so.
    assert!(
        server
            .said
            .contains("It was tried once, and is tried again at")
    );
    let again = until("another try", || {
        let (_, listed) = server.get("/v1/spaces", &who["bea"]);
        let said = listed["items"][0]["closed"].as_str()?.to_string();
        (!said.contains("tried once")).then_some(said)
    });
    assert!(
        again.contains("It was tried 2 times, and is tried again at"),
        "{again}"
    );

    // Mended, both go on where they were, while the server runs.
    for (ending, bytes) in ["", "-wal"].iter().zip(&whole) {
        std::fs::write(beside(ending), bytes).unwrap();
    }
    std::fs::write(folder.join("c.toml"), wrong.replace("\"none.toml\"", "")).unwrap();
    until("b's incidents", || {
        (server.get(path, &who["bea"]).0 == 200).then_some(())
    });
    assert_eq!(server.incidents("team-b", &who["bea"]), [in_b.as_str()]);
    assert_eq!(server.get("/v1/events?space=team-b", &who["bea"]).0, 200);
    assert_eq!(server.get("/v1/events?space=team-b", &who["anna"]).0, 404);
    assert_eq!(server.alarm("team-b", b, "team-b", "parrot-2").0, 200);
    until("another incident of b", || {
        (server.incidents("team-b", &who["bea"]).len() == 2).then_some(())
    });
    until("everything", || {
        (server.get("/readyz", "").0 == 200).then_some(())
    });
    let (_, listed) = server.get("/v1/spaces", &who["root"]);
    let closed = |n: usize| !listed["items"][n]["closed"].is_null();
    assert!(!closed(0) && !closed(1) && !closed(2), "{listed}");
    let words = ["doctor", "--space", "team-b"];
    let (exit, said) = midwatch(folder, &words, "");
    assert!(
        exit <= 1 && !said.contains("could not be started"),
        "{said}"
    );

    // It ends in good order with them, and what they were told stays.
    let said = server.server.end().join("\n");
    assert!(
        said.contains("it could be started now, and keeps watch space=\"team-b\""),
        "{said}"
    );
    assert!(
        !said.contains("panicked") && !said.contains("ERROR"),
        "{said}"
    );
    let server = Teams::begin(folder);
    assert_eq!(server.incidents("team-b", &who["bea"]).len(), 2);
    assert!(
        !server.said.contains("could not be started"),
        "{}",
        server.said
    );
}
