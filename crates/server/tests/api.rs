//! Real requests over a loopback port, and the description of the API that is checked in.

#[path = "api/greeted.rs"]
mod greeted;
#[path = "api/permissions.rs"]
mod permissions;
#[path = "api/vouched.rs"]
mod vouched;
#[path = "api/who.rs"]
mod who;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::change::Change;
use model::incident::{Entry, Incident, IncidentId};
use model::lesson::Lesson;
use model::ports::{Clock, Journal as _};
use model::query::Query;
use model::report::Report;
use model::silence::Silence;
use model::testkit::{MemoryJournal, noted, opened};
use model::time::Timestamp;
use model::topology::Topology;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use server::control::Request;

use server::api::compare::Difference;
use server::api::house::{
    Dress, Fault, Folded, Happened, Health, House, Space, Unanswered, Undone, Untold,
};
use server::api::notifiers::{Channel, Untried};
use server::api::policy::{HardRules, PolicyShown, Simulated, Supposed};
use server::api::proposal::Proposal;
use server::api::recordings::{Archive, Going, Job, Kept, Recordings, Refused, Subject};
use server::api::route::{Permission, Work};
use server::api::telemetry::{Budget, Found};
use server::api::{Limits, Settings, description, routes, serve};

/// A house of two spaces, each with a journal of its own.
struct Paper(Vec<Arc<Sheet>>);

struct Sheet {
    name: &'static str,
    journal: MemoryJournal,
    /// In the order of writing.
    written: Mutex<Vec<Happened>>,
    /// What was done here, and by whom.
    performed: Mutex<Vec<(String, Request)>>,
}

impl Sheet {
    fn new(name: &'static str, incidents: usize) -> Arc<Self> {
        let sheet = Arc::new(Self {
            name,
            journal: MemoryJournal::default(),
            written: Mutex::default(),
            performed: Mutex::default(),
        });
        for n in 0..incidents {
            sheet.write(
                &format!("inc-{name}-{n:03}"),
                &opened("errors", "service/<script>alert(1)</script>", Timestamp(0)),
            );
        }
        sheet
    }

    fn write(&self, id: &str, event: &model::IncidentEvent) {
        let id = IncidentId(id.to_string());
        let after = self.journal.read(&id).unwrap().len() as u64;
        let entry = self
            .journal
            .append(&id, after, Timestamp::from_seconds(60), event)
            .unwrap();
        let mut written = self.written.lock().unwrap();
        let position = written.len() as u64 + 1;
        written.push(Happened {
            position,
            incident: id,
            seq: entry.seq,
            at: entry.at,
            kind: entry.event.word().to_string(),
        });
    }
}

impl House for Paper {
    fn spaces(&self) -> Vec<String> {
        self.0.iter().map(|sheet| sheet.name.to_string()).collect()
    }

    fn space(&self, name: &str) -> Option<Arc<dyn Space>> {
        let found = self.0.iter().find(|sheet| sheet.name == name)?;
        Some(Arc::clone(found) as Arc<dyn Space>)
    }

    fn mechanisms(&self) -> Vec<Value> {
        vec![json!({"id": "a.b"}), json!({"id": "c.d"})]
    }

    fn closed(&self, name: &str) -> Option<String> {
        (name == "shut").then(|| "its journal is damaged".to_string())
    }

    fn health(&self) -> BTreeMap<String, Health> {
        let health = |space: &str| Health {
            open: 3,
            channels: vec![(format!("file-of-{space}"), true)],
            ..Health::default()
        };
        let spaces = self.0.iter();
        spaces
            .map(|sheet| (sheet.name.to_string(), health(sheet.name)))
            .collect()
    }
}

impl Space for Sheet {
    fn name(&self) -> &str {
        self.name
    }

    fn incidents(&self, open: bool) -> Result<Vec<IncidentId>, Fault> {
        let mut ids = self.journal.incidents(open).unwrap();
        ids.sort_by(|a, b| b.cmp(a));
        Ok(ids)
    }

    fn incident(&self, id: &IncidentId) -> Result<Option<Arc<Folded>>, Fault> {
        if id.0 == "inc-broken" {
            return Err(Fault::Failed("the disk at /secret/path burns".to_string()));
        }
        let entries = self.journal.read(id).unwrap();
        let incident = Incident::fold(id, &entries).unwrap();
        Ok(incident.map(|incident| {
            let head = entries.last().unwrap().digest.clone();
            Arc::new(Folded { incident, head })
        }))
    }

    fn entries(&self, id: &IncidentId) -> Result<Arc<Vec<Entry>>, Fault> {
        Ok(Arc::new(self.journal.read(id).unwrap()))
    }

    fn untold(&self, _: &IncidentId) -> Result<Vec<Untold>, Fault> {
        Ok(Vec::new())
    }

    fn explained(&self, _: &Report, evidence: model::EvidenceId) -> Result<Value, Fault> {
        Ok(json!({"claims": [], "evidence": [{"id": evidence}]}))
    }

    fn findings(&self) -> Result<Vec<Value>, Fault> {
        let finding = json!({"what": "alarms", "stands": "ok", "said": "", "to_do": ""});
        Ok(vec![finding.clone(), finding])
    }

    fn ask(&self, question: &str) -> Result<Value, Unanswered> {
        match question {
            "what broke?" => Ok(json!({"understood": "errors"})),
            _ => Err(Unanswered::NotUnderstood("ask what broke".to_string())),
        }
    }

    fn telemetry(&self, _: &Query, budget: Budget) -> Result<Found, Unanswered> {
        Ok(Found {
            matched: budget.rows as u64 + 1,
            cut: true,
            ..Found::default()
        })
    }

    fn recordings(&self) -> &dyn Recordings {
        self
    }

    fn compared(&self, left: &Report, right: &Report) -> Vec<Difference> {
        let same = left.ledger == right.ledger;
        let one = Difference {
            part: "status",
            about: "status".to_string(),
            before: None,
            after: None,
        };
        (!same).then_some(one).into_iter().collect()
    }

    fn proposal(&self, _: &Incident, report: &Report) -> Result<Proposal, Fault> {
        Ok(Proposal {
            report: report.ledger.clone(),
            plan: None,
            why: vec!["nothing is known".to_string()],
        })
    }

    fn called(&self, incident: &Incident) -> (String, &'static str) {
        (incident.id.to_string(), "being looked at")
    }

    fn perform(&self, by: &str, wanted: Request) -> Result<String, Undone> {
        let mut performed = self.performed.lock().unwrap();
        performed.push((by.to_string(), wanted));
        Ok(format!("done, {}", performed.len()))
    }

    fn said(&self, entry: &Entry) -> String {
        entry.event.word().to_string()
    }

    fn dressed(&self, _: &Report, _: Dress) -> String {
        String::new()
    }

    fn postmortem(&self, incident: &Incident) -> String {
        format!("# {}", incident.id)
    }

    fn happened(&self, after: u64, limit: u32) -> Result<Vec<Happened>, Fault> {
        let written = self.written.lock().unwrap();
        let rows = written.iter().filter(|row| row.position > after);
        Ok(rows.take(limit as usize).cloned().collect())
    }

    fn entry(&self, of: &Happened) -> Result<Option<Entry>, Fault> {
        let entries = self.journal.read(&of.incident).unwrap();
        Ok(entries.into_iter().find(|entry| entry.seq == of.seq))
    }

    fn position(&self) -> Result<u64, Fault> {
        Ok(self.written.lock().unwrap().len() as u64)
    }

    fn silences(&self) -> Result<Vec<Silence>, Fault> {
        Ok(Vec::new())
    }

    fn notifiers(&self) -> Vec<Channel> {
        let channel = |name: &str| Channel {
            name: name.to_string(),
            ..Channel::default()
        };
        vec![channel("file"), channel("slack.ops")]
    }

    fn test_notifier(&self, name: &str, by: &str) -> Result<Result<(), String>, Untried> {
        match name {
            "file" => Ok(Ok(())),
            "slack.ops" => Ok(Err(format!("no answer came for {by}"))),
            "slow" => Err(Untried::TooSoon(7)),
            _ => Err(Untried::NotThere),
        }
    }

    fn lessons(&self) -> Result<Arc<Vec<Arc<Lesson>>>, Fault> {
        Ok(Arc::default())
    }

    fn stats(&self) -> Result<Arc<Value>, Fault> {
        Ok(Arc::new(json!({"incidents": 0})))
    }

    fn policy(&self) -> Result<PolicyShown, Fault> {
        Ok(PolicyShown {
            name: "ask-always".to_string(),
            text: "permit (principal, action, resource);".to_string(),
            wrong: None,
            rules: HardRules {
                min_confidence: 0.8,
                cooldown: 1,
                attempts: 2,
                max_touched: 12,
                approval_valid: 1,
                facts_last: 1,
            },
            people: vec!["ada".to_string()],
            samples: Vec::new(),
        })
    }

    fn suppose(
        &self,
        incident: &Incident,
        supposed: &Supposed,
    ) -> Result<Option<Simulated>, Fault> {
        // The incident of one name is the one with a plan.
        let planned = incident.id.0.ends_with("-004");
        Ok(planned.then(|| Simulated {
            plan: "d".repeat(64),
            at: supposed.at.unwrap_or(Timestamp::from_seconds(1)),
            answer: model::plan::GateAnswer::Refuse {
                reasons: supposed.policy.iter().cloned().collect(),
                again_at: None,
            },
            wrong: None,
        }))
    }

    fn surroundings(&self) -> Result<Arc<(Topology, Vec<Change>)>, Fault> {
        Ok(Arc::default())
    }
}

/// One recording is there: `demo`, eight bytes long.
impl Recordings for Sheet {
    fn list(&self) -> Result<Vec<Kept>, Fault> {
        Ok(self.find("demo")?.into_iter().collect())
    }

    fn find(&self, name: &str) -> Result<Option<Kept>, Fault> {
        Ok((name == "demo").then(|| Kept {
            name: name.to_string(),
            at: Timestamp(0),
            by: "ada".to_string(),
            bytes: 8,
            digest: "d".to_string(),
            title: "a demonstration".to_string(),
            sound: true,
            holds: json!({}),
            check: json!({}),
        }))
    }

    fn take(&self, name: &str, by: &str, bytes: &mut dyn std::io::Read) -> Result<Kept, Refused> {
        let mut all = Vec::new();
        let read = bytes.read_to_end(&mut all);
        read.map_err(|error| Refused::NotARecording(error.to_string()))?;
        let kept = self.find("demo").unwrap().unwrap();
        Ok(Kept {
            name: name.to_string(),
            by: by.to_string(),
            bytes: all.len() as u64,
            ..kept
        })
    }

    fn remove(&self, name: &str) -> Result<(), Refused> {
        if name == "demo" {
            Ok(())
        } else {
            Err(Refused::Unknown)
        }
    }

    fn archive(&self, of: &Subject) -> Result<Option<Archive>, Fault> {
        Ok(
            (*of == Subject::Recording("demo".to_string())).then(|| Archive {
                length: 8,
                bytes: Box::new(&b"12345678"[..]),
            }),
        )
    }

    fn begin(&self, of: &Subject, by: &str) -> Result<Job, Refused> {
        Ok(Job {
            subject: of.clone(),
            by: by.to_string(),
            ..self.jobs().remove(0)
        })
    }

    fn jobs(&self) -> Vec<Job> {
        vec![Job {
            number: 1,
            subject: Subject::Recording("demo".to_string()),
            by: "ada".to_string(),
            started: Timestamp(0),
            ended: None,
            going: Going::Running,
            step: "reading logs".to_string(),
            steps: 2,
            status: None,
            why: None,
        }]
    }

    fn job_report(&self, _: u64) -> Option<Arc<Report>> {
        None
    }

    fn is_investigated(&self, _: &str) -> bool {
        false
    }

    fn report(&self, _: &str) -> Result<Option<Arc<Report>>, Fault> {
        Ok(None)
    }
}

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(1_000)
    }
}

/// An API that answers as long as this lives.
struct Api {
    address: SocketAddr,
    main: Arc<Sheet>,
    stop: watch::Sender<bool>,
    _runtime: Runtime,
}

struct Got {
    status: u16,
    head: String,
    body: String,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

impl Api {
    fn new() -> Self {
        let (main, other) = (Sheet::new("main", 7), Sheet::new("other", 1));
        let house = Arc::new(Paper(vec![Arc::clone(&main), other]));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (stop, stopped) = watch::channel(false);
        let settings = Settings {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            hosts: vec!["watch.example".to_string()],
            limits: Limits {
                at_once: 8,
                head: Duration::from_millis(500),
                ..Limits::default()
            },
            ..Settings::default()
        };
        let bound = runtime
            .block_on(serve(settings, house, Arc::new(Stopped), stopped))
            .unwrap();
        Self {
            address: bound.address,
            main,
            stop,
            _runtime: runtime,
        }
    }

    fn raw(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    fn ask(&self, line: &str, headers: &str) -> Got {
        let mut stream = self.raw(&format!(
            "{line} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n{headers}\r\n",
            self.address
        ));
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        Got {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_string(),
            body: body.to_string(),
        }
    }

    fn get(&self, path: &str) -> Got {
        self.ask(&format!("GET {path}"), "")
    }

    /// A problem of that status and code, as RFC 9457 has it.
    #[track_caller]
    fn refuses(&self, line: &str, headers: &str, status: u16, code: &str) -> Got {
        let got = self.ask(line, headers);
        assert_eq!(got.status, status, "{line}: {}", got.body);
        assert_eq!(
            got.header("content-type"),
            Some("application/problem+json"),
            "{line}"
        );
        let problem = got.json();
        assert_eq!(problem["code"], code, "{line}");
        assert_eq!(problem["status"], status);
        assert_eq!(
            problem["request"].as_str(),
            got.header("x-request-id"),
            "{line}"
        );
        let help = self.get(problem["type"].as_str().unwrap());
        assert_eq!(help.json()["code"], code);
        got
    }
}

#[test]
fn every_route_answers_and_what_it_answers_is_described() {
    let api = Api::new();
    let described: Value = serde_json::from_str(description()).unwrap();
    for route in routes() {
        #[cfg(feature = "mcp")]
        if matches!(route.work, Work::Mcp) {
            assert!(described["paths"].get(&route.path).is_none());
            continue;
        }
        assert!(
            described["paths"][&route.path][route.method.as_str().to_lowercase()]["operationId"]
                == route.name,
            "{}",
            route.path
        );
        let reads = matches!(route.work, Work::Answer(_) | Work::Metrics);
        if !reads || route.body.is_some() {
            continue;
        }
        let path = route
            .path
            .replace("{space}", "main")
            .replace("{id}", "inc-main-003")
            .replace("{eid}", "E1")
            .replace("{mechanism}", "a.b")
            .replace("{inlet}", "none")
            .replace("{recording}", "demo")
            .replace("{number}", "1")
            .replace("{delivery}", "1")
            .replace("{code}", "busy");
        let got = api.get(&path);
        // The incident of this test has neither a report nor a plan, and the space no inlet.
        let missing = [
            "getReport",
            "listDeliveries",
            "getDelivery",
            "getEvidence",
            "getPlan",
            "getIncidentRecording",
            "getRecordingReport",
            "getInvestigationReport",
        ]
        .contains(&route.name);
        let status = match route.name {
            // It has to be told which two.
            "compareReports" => 400,
            // Who has no account may read, and no more.
            _ if route.permission == Permission::Manage => 401,
            _ if missing => 404,
            _ => 200,
        };
        assert_eq!(got.status, status, "{path}");
        assert_eq!(got.header("cache-control"), Some("no-store"), "{path}");
        assert!(
            got.header("content-security-policy").is_some()
                && got.header("x-content-type-options") == Some("nosniff"),
            "{path}"
        );
    }
}

#[test]
fn lists_come_in_parts() {
    let api = Api::new();
    let first = api.get("/v1/spaces/main/incidents?limit=5").json();
    let ids = |listed: &Value| -> Vec<String> {
        let items = listed["items"].as_array().unwrap();
        let id = |item: &Value| item["id"].as_str().unwrap().to_string();
        items.iter().map(id).collect()
    };
    assert_eq!(ids(&first).len(), 5);
    assert_eq!(ids(&first)[0], "inc-main-006");
    let next = first["next"].as_str().unwrap();
    let rest = api
        .get(&format!("/v1/spaces/main/incidents?limit=5&cursor={next}"))
        .json();
    assert_eq!(ids(&rest), ["inc-main-001", "inc-main-000"]);
    assert_eq!(rest["next"], Value::Null);
    // One space knows nothing of the other.
    let other = api.get("/v1/spaces/other/incidents").json();
    assert_eq!(ids(&other), ["inc-other-000"]);
    api.refuses(
        "GET /v1/spaces/other/incidents/inc-main-001",
        "",
        404,
        "not_found",
    );
    api.main.write("inc-main-002", &noted("ada", "it is mine"));
    let audit = api.get("/v1/spaces/main/audit").json();
    assert_eq!(audit["items"][0]["by"], "ada");
    assert_eq!(audit["items"].as_array().unwrap().len(), 1);
}

#[test]
fn a_policy_can_be_supposed_and_nothing_comes_of_it() {
    let api = Api::new();
    let line = "POST /v1/spaces/main/policy/simulate";
    let send = |body: &str| {
        let headers = format!(
            "content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        api.ask(line, &headers)
    };
    let got =
        send(r#"{"incident": "inc-main-004", "policy": "observer", "at": "2026-01-02T03:04:05Z"}"#);
    assert_eq!(got.status, 200, "{}", got.body);
    let said = got.json();
    assert_eq!(said["at"], "2026-01-02T03:04:05Z");
    assert_eq!(said["answer"]["gate"], "refuse");
    assert_eq!(said["answer"]["reasons"][0], "observer");
    for (body, status) in [
        (r#"{"incident": "inc-main-003"}"#, 404),
        (r#"{"incident": "inc-other-000"}"#, 404),
        (r#"{"incident": "inc-main-004", "perform": true}"#, 400),
        (r#"{"incident": "inc-main-004", "at": "noon"}"#, 400),
    ] {
        assert_eq!(send(body).status, status, "{body}");
    }
}

#[test]
fn what_is_known_is_not_sent_again() {
    let api = Api::new();
    let path = "/v1/spaces/main/incidents/inc-main-001";
    let tag = api.get(path).header("etag").unwrap().to_string();
    let again = api.ask(
        &format!("GET {path}"),
        &format!("if-none-match: \"x\", W/{tag}\r\n"),
    );
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    api.main.write("inc-main-001", &noted("ada", "mine"));
    let altered = api.ask(&format!("GET {path}"), &format!("if-none-match: {tag}\r\n"));
    assert_eq!(altered.status, 200);
    assert_eq!(altered.json()["entries"], 2);
}

#[test]
fn what_makes_no_sense_is_refused_in_one_shape() {
    let api = Api::new();
    for (line, headers, status, code) in [
        ("GET /v1/nothing", "", 404, "no_route"),
        ("GET /v1/spaces/main/../../etc/passwd", "", 404, "no_route"),
        ("GET /..%2f..%2fetc%2fpasswd", "", 404, "no_route"),
        ("GET /v1/spaces/%2e%2e/incidents", "", 404, "not_found"),
        ("GET /v1/spaces/none/incidents", "", 404, "not_found"),
        ("GET /v1/spaces/main%00/incidents", "", 404, "not_found"),
        ("GET /v1/spaces/%ff/incidents", "", 400, "bad_request"),
        ("GET /v1/spaces/main/incidents/inc-9", "", 404, "not_found"),
        (
            "GET /v1/spaces/main/incidents/inc-broken",
            "",
            500,
            "failed",
        ),
        (
            "GET /v1/spaces/main/incidents?limit=0",
            "",
            400,
            "bad_request",
        ),
        (
            "GET /v1/spaces/main/incidents?limit=x",
            "",
            400,
            "bad_request",
        ),
        (
            "GET /v1/spaces/main/incidents?lmit=5",
            "",
            400,
            "bad_request",
        ),
        (
            "GET /v1/spaces/main/incidents?cursor=x",
            "",
            400,
            "bad_request",
        ),
        (
            "DELETE /v1/spaces/main/incidents",
            "",
            405,
            "method_not_allowed",
        ),
        ("OPTIONS /v1/spaces", "", 405, "method_not_allowed"),
        ("GET /v1/events?space=none", "", 404, "not_found"),
        ("GET /v1/events", "last-event-id: x\r\n", 400, "bad_request"),
        ("GET /v1/problems/none", "", 404, "not_found"),
    ] {
        let got = api.refuses(line, headers, status, code);
        assert!(!got.body.contains("/secret"), "{}", got.body);
        if status == 405 {
            assert!(
                got.header("allow")
                    .is_some_and(|allow| allow.contains("GET"))
            );
        }
    }
}

#[test]
fn a_question_is_json_short_and_understood() {
    let api = Api::new();
    let path = "POST /v1/spaces/main/ask";
    let json = |body: &str| {
        format!(
            "content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    // The head ends with the blank line of the body's own.
    let asked = api.ask(path, &json("{\"question\":\"what broke?\"}"));
    assert_eq!(
        (asked.status, asked.json()["understood"].as_str()),
        (200, Some("errors"))
    );
    for (headers, status, code) in [
        (json("{\"question\":\"sing!\"}"), 422, "not_understood"),
        (
            json("{\"question\":\"a\",\"as\":\"admin\"}"),
            400,
            "bad_request",
        ),
        (json("[[[[[["), 400, "bad_request"),
        (json(&"[".repeat(60_000)), 400, "bad_request"),
        (
            json(&format!("{{\"question\":\"{}\"}}", "a".repeat(1001))),
            400,
            "bad_request",
        ),
        (json(""), 400, "bad_request"),
        (
            "content-type: application/json\r\ncontent-length: 99999999\r\n\r\n".to_string(),
            413,
            "too_large",
        ),
        (
            "content-type: text/plain\r\ncontent-length: 2\r\n\r\n{}".to_string(),
            415,
            "unsupported_media_type",
        ),
        (
            "content-length: 2\r\n\r\n{}".to_string(),
            415,
            "unsupported_media_type",
        ),
    ] {
        api.refuses(path, &headers, status, code);
    }
    api.refuses("GET /v1/spaces/main/ask", "", 405, "method_not_allowed");
}

#[test]
fn telemetry_is_asked_for_within_a_budget() {
    let api = Api::new();
    let path = "POST /v1/spaces/main/telemetry/query";
    let json = |body: &Value| {
        let body = body.to_string();
        format!(
            "content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let window = |to: &str| json!({"from": "2026-06-18T15:00:00Z", "to": to});
    let logs = json!({"ask": "logs", "pattern": "", "window": window("2026-06-18T15:30:00Z")});
    let got = api.ask(path, &json(&json!({"query": logs, "rows": 7})));
    assert_eq!(got.status, 200, "{}", got.body);
    let answer = got.json();
    assert_eq!(
        (&answer["matched"], &answer["cut"]),
        (&json!(8), &json!(true))
    );
    assert_eq!(answer["query"]["ask"], "logs");
    assert!(
        answer["asked"]
            .as_str()
            .unwrap()
            .starts_with("logs entity=*")
    );
    let mut long = logs.clone();
    long["window"] = window("2026-06-18T17:00:00Z");
    for bad in [
        json!({"query": logs, "rows": 0}),
        json!({"query": logs, "rows": 5001}),
        json!({"query": long}),
        json!({"query": {"ask": "change", "id": "x"}}),
        json!({"query": logs, "and": 1}),
        json!({"query": {"ask": "everything"}}),
    ] {
        api.refuses(path, &json(&bad), 400, "bad_request");
    }
}

#[test]
fn recordings_go_up_and_down_piece_by_piece() {
    let api = Api::new();
    let got = api.get("/v1/spaces/main/recordings/demo/archive");
    assert_eq!((got.status, got.body.as_str()), (200, "12345678"));
    assert_eq!(got.header("content-length"), Some("8"));
    assert_eq!(
        got.header("content-disposition"),
        Some("attachment; filename=\"demo.tar.zst\"")
    );
    api.refuses(
        "GET /v1/spaces/main/recordings/none/archive",
        "",
        404,
        "not_found",
    );
    // Whoever is not known sends and removes nothing, and has nothing investigated.
    let body = "content-type: application/zstd\r\ncontent-length: 4\r\n\r\nabcd";
    for line in [
        "PUT /v1/spaces/main/recordings/new",
        "DELETE /v1/spaces/main/recordings/demo",
        "POST /v1/spaces/main/recordings/demo/investigations",
        "POST /v1/spaces/main/incidents/inc-main-001/investigations",
    ] {
        api.refuses(line, body, 401, "unauthenticated");
    }
    for (path, status) in [
        (
            "compare?left=incident:inc-main-001&right=recording:demo",
            404,
        ),
        ("compare?left=nonsense&right=", 400),
        ("investigations/1", 200),
        ("investigations/2", 404),
    ] {
        let got = api.get(&format!("/v1/spaces/main/{path}"));
        assert_eq!(got.status, status, "{path}: {}", got.body);
    }
}

#[cfg(feature = "mcp")]
#[test]
fn the_model_context_protocol_looks_and_alters_nothing() {
    let api = Api::new();
    let say = |method: &str, params: Value, headers: &str| {
        let body =
            json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        api.ask(
            "POST /v1/mcp",
            &format!(
                "content-type: application/json\r\naccept: application/json, text/event-stream\r\n\
                 mcp-protocol-version: 2025-06-18\r\n{headers}content-length: {}\r\n\r\n{body}",
                body.len()
            ),
        )
    };
    let begun = say(
        "initialize",
        json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}),
        "",
    );
    assert_eq!(begun.status, 200, "{}", begun.body);
    assert_eq!(begun.json()["result"]["serverInfo"]["name"], "midwatch");
    assert!(begun.header("mcp-session-id").is_none());
    let tools = say("tools/list", json!({}), "").json();
    assert_eq!(
        tools["result"]["tools"].as_array().unwrap().len(),
        10,
        "{tools}"
    );
    let call = |name: &str, arguments: Value| {
        say(
            "tools/call",
            json!({"name": name, "arguments": arguments}),
            "",
        )
        .json()["result"]
            .clone()
    };
    let listed = call("list_incidents", json!({"limit": 3}));
    let content = &listed["structuredContent"];
    assert_eq!(content["items"].as_array().unwrap().len(), 3, "{listed}");
    assert_eq!(content["items"][0]["id"], "inc-main-006");
    assert_eq!(listed["isError"], false);
    let one = call("get_incident", json!({"incident": "inc-main-001"}));
    // Hostile text stays a text in its field.
    let entity = "service/<script>alert(1)</script>";
    assert_eq!(
        one["structuredContent"]["alarms"][0]["entity"], entity,
        "{one}"
    );
    let told = |result: &Value| result["content"][0]["text"].as_str().unwrap().to_string();
    for (name, arguments, why) in [
        (
            "get_incident",
            json!({"incident": "inc-other-000"}),
            "not_found",
        ),
        (
            "get_incident",
            json!({"incident": "../../other/incidents/inc-other-000"}),
            "not_found",
        ),
        ("get_incident", json!({}), "missing field"),
        (
            "get_report",
            json!({"incident": "inc-main-001"}),
            "no report yet",
        ),
        (
            "investigate",
            json!({"recording": "demo"}),
            "unauthenticated",
        ),
        ("ask", json!({"question": "sing!"}), "ask what broke"),
    ] {
        let refused = call(name, arguments);
        assert_eq!(refused["isError"], true, "{name}: {refused}");
        assert!(told(&refused).contains(why), "{name}: {}", told(&refused));
    }
    let none = say(
        "tools/call",
        json!({"name": "approve", "arguments": {}}),
        "",
    )
    .json();
    assert_eq!(none["error"]["code"], -32602, "{none}");
    let read = say(
        "resources/read",
        json!({"uri": "midwatch://incidents/inc-main-001/postmortem"}),
        "",
    );
    let read = read.json();
    assert_eq!(
        read["result"]["contents"][0]["text"], "# inc-main-001",
        "{read}"
    );
    let resources = say("resources/list", json!({}), "").json();
    assert_eq!(
        resources["result"]["resources"].as_array().unwrap().len(),
        7
    );
    // Another page, another space's name, another type, no message at all.
    let other = say("tools/list", json!({}), "origin: http://evil.example\r\n");
    assert_eq!(
        (other.status, &other.json()["code"]),
        (403, &json!("forbidden"))
    );
    for method in ["GET", "DELETE"] {
        api.refuses(&format!("{method} /v1/mcp"), "", 405, "method_not_allowed");
    }
    api.refuses(
        "POST /v1/mcp",
        "content-type: text/plain\r\ncontent-length: 2\r\n\r\n{}",
        415,
        "unsupported_media_type",
    );
    let nonsense = api.ask("POST /v1/mcp", "content-type: application/json\r\naccept: application/json, text/event-stream\r\ncontent-length: 2\r\n\r\n[]");
    assert!((400..500).contains(&nonsense.status), "{}", nonsense.body);
}

#[test]
fn an_id_goes_through_unless_it_could_do_harm() {
    let api = Api::new();
    let with = |id: &str| {
        let got = api.ask("GET /healthz", &format!("x-request-id: {id}\r\n"));
        got.header("x-request-id").unwrap().to_string()
    };
    assert_eq!(with("trace-7.a_B"), "trace-7.a_B");
    for bad in ["a b", "<b>", "\u{e9}", &"a".repeat(65)] {
        assert_ne!(with(bad), *bad);
    }
    assert_ne!(with("x y"), with("x y"), "ours differ");
}

#[test]
fn other_names_are_turned_away() {
    let api = Api::new();
    let asked = |host: &str| {
        let mut stream = api.raw(&format!(
            "GET /v1/spaces HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
        ));
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text.split(' ').nth(1).unwrap().parse::<u16>().unwrap()
    };
    for own in [
        "localhost:9",
        "127.0.0.1",
        "[::1]:80",
        "watch.example:1",
        "LOCALHOST",
    ] {
        assert_eq!(asked(own), 200, "{own}");
    }
    for other in [
        "evil.example",
        "127.0.0.1.evil.example",
        "",
        "localhost.",
        "[::2]",
    ] {
        assert_eq!(asked(other), 421, "{other:?}");
    }
}

#[test]
fn whoever_is_slow_or_endless_does_not_hold_a_place() {
    let api = Api::new();
    // Heads that never end: each holds a place until its time is over, and then the next has it.
    let slow: Vec<TcpStream> = (0..8)
        .map(|_| api.raw("GET /healthz HTTP/1.1\r\nhost: loc"))
        .collect();
    assert_eq!(api.get("/healthz").status, 200);
    for mut stream in slow {
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        assert!(!text.starts_with("HTTP/1.1 200"), "{text}");
    }
    // A head that is too long, a body where none belongs, a length that lies, a second request in the first.
    let long = format!("x-long: {}\r\n", "a".repeat(100_000));
    let mut stream = TcpStream::connect(api.address).unwrap();
    let _ = stream.write_all(format!("GET / HTTP/1.1\r\nhost: localhost\r\n{long}\r\n").as_bytes());
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text);
    assert!(!text.starts_with("HTTP/1.1 200"), "{text}");
    for hostile in [
        "GET / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef",
        "GET / HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n",
        "GET /\0 HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "GET / HTTP/9.9\r\nhost: localhost\r\n\r\n",
        "\u{16}\u{3}\u{1}nonsense\r\n\r\n",
    ] {
        let mut stream = api.raw(hostile);
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        assert!(!text.starts_with("HTTP/1.1 2"), "{hostile:?}: {text}");
    }
    // What stands in an address comes back in a problem as text, and in no header.
    let got = api.get("/v1/spaces/a%0d%0aset-cookie:%20x=1/incidents");
    assert_eq!(got.status, 404);
    assert!(got.header("set-cookie").is_none(), "{}", got.head);
    assert_eq!(api.get("/healthz").status, 200);
}

/// Reads until the text holds what is looked for.
#[track_caller]
fn until(stream: &mut TcpStream, wanted: &str) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    while !text.contains(wanted) {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "ended without {wanted:?}: {text}");
        text += std::str::from_utf8(&buffer[..read]).unwrap();
    }
    text
}

#[test]
fn events_come_as_they_happen_and_go_on_where_they_were() {
    let api = Api::new();
    let begin = |headers: &str| {
        api.raw(&format!(
            "GET /v1/events HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n"
        ))
    };
    let mut stream = begin("");
    until(&mut stream, "retry: ");
    api.main.write("inc-main-004", &noted("ada", "line\nbreak"));
    let text = until(&mut stream, "\"noted\"");
    assert!(text.contains("id: 8\ndata: {"), "{text}");
    assert!(
        text.contains("\"incident\":\"inc-main-004\",\"seq\":2"),
        "{text}"
    );
    drop(stream);
    api.main.write("inc-main-005", &noted("ada", "missed"));
    // What was missed comes first, from the journal or from memory.
    let mut again = begin("last-event-id: 5\r\n");
    let text = until(&mut again, "inc-main-005");
    let ids: Vec<&str> = text
        .lines()
        .filter_map(|l| l.strip_prefix("id: "))
        .collect();
    assert_eq!(ids, ["6", "7", "8", "9"]);
    // From a future that there is not: what comes next comes.
    let mut ahead = begin("last-event-id: 999999\r\n");
    until(&mut ahead, "retry: ");
    api.main.write("inc-main-006", &noted("ada", "next"));
    until(&mut ahead, "id: 10");
    // When the server ends, so do the streams.
    api.stop.send(true).unwrap();
    let mut rest = String::new();
    ahead.read_to_string(&mut rest).unwrap();
}

#[test]
fn numbers_are_for_scrapers() {
    let api = Api::new();
    api.get("/v1/spaces");
    api.get("/no/such/place");
    let got = api.get("/metrics");
    for wanted in [
        "midwatch_incidents_open{space=\"main\"} 3",
        "midwatch_http_requests_total{route=\"/v1/spaces\",method=\"GET\",status=\"200\"} 1",
        "midwatch_http_requests_total{route=\"none\",method=\"GET\",status=\"404\"} 1",
        "midwatch_channel_up{space=\"other\",name=\"file-of-other\"} 1",
        "# EOF",
    ] {
        assert!(got.body.contains(wanted), "{wanted} is not in {}", got.body);
    }
}

#[test]
fn nobody_else_may_reach_it() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (_stop, stopped) = watch::channel(false);
    let settings = Settings {
        listen: SocketAddr::from(([0, 0, 0, 0], 0)),
        ..Settings::default()
    };
    let house = Arc::new(Paper(Vec::new()));
    let refused = runtime.block_on(serve(settings, house, Arc::new(Stopped), stopped));
    assert!(refused.unwrap_err().to_string().contains("loopback"));
}

/// `MIDWATCH_WRITE=1 cargo test -p midwatch-server schema` writes it anew.
#[test]
fn the_published_api_schema_is_current() {
    let file: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../docs/api/openapi.json"]
        .iter()
        .collect();
    if std::env::var_os("MIDWATCH_WRITE").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, description()).unwrap();
    }
    let published = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        published == description(),
        "{} is stale; run: MIDWATCH_WRITE=1 cargo test -p midwatch-server schema",
        file.display()
    );
}
