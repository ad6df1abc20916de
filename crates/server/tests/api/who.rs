//! Who may: every route asked by everybody, and attacks that must fail. Real requests, real accounts on a disk.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::people::{EVERYWHERE, Grants, LinkKind, Role};
use model::ports::{Chance, Clock as _};
use model::testkit::HandClock;
use model::time::{SECOND, Span, Timestamp};
use serde_json::{Value, json};
use server::api::house::{Health, House, Space};
use server::api::route::{Permission, Route, SPACE, Work};
use server::api::{Settings, routes, serve};
use server::auth::password::Cost;
use server::auth::{Accounts, Who};
use store::people::People;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::{Got, Paper, Sheet};

/// Bytes that nobody expects, the same in each run.
#[derive(Default)]
pub(super) struct Counted(AtomicU64);

impl Chance for Counted {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), String> {
        let count = self.0.fetch_add(1, Ordering::SeqCst);
        blake3::Hasher::new()
            .update(&count.to_le_bytes())
            .finalize_xof()
            .fill(bytes);
        Ok(())
    }
}

/// The paper house, with accounts.
struct Guarded(Paper, Arc<Accounts>);

impl House for Guarded {
    fn spaces(&self) -> Vec<String> {
        self.0.spaces()
    }

    fn space(&self, name: &str) -> Option<Arc<dyn Space>> {
        self.0.space(name)
    }

    fn mechanisms(&self) -> Vec<Value> {
        self.0.mechanisms()
    }

    fn closed(&self, name: &str) -> Option<String> {
        self.0.closed(name)
    }

    fn health(&self) -> BTreeMap<String, Health> {
        self.0.health()
    }

    fn accounts(&self) -> Option<Arc<Accounts>> {
        Some(Arc::clone(&self.1))
    }
}

const PASSWORD: &str = "correct horse battery";

struct Desk {
    address: std::net::SocketAddr,
    accounts: Arc<Accounts>,
    clock: Arc<HandClock>,
    main: Arc<Sheet>,
    _stop: watch::Sender<bool>,
    _runtime: Runtime,
    _folder: tempfile::TempDir,
}

/// Somebody's session in a browser.
#[derive(Clone)]
struct Session {
    cookie: String,
    csrf: String,
}

impl Session {
    fn headers(&self) -> String {
        format!("cookie: {}\r\nx-csrf-token: {}\r\n", self.cookie, self.csrf)
    }
}

impl Desk {
    fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(HandClock::at(Timestamp::from_seconds(1_000_000)));
        let book = People::open(&folder.path().join("people.db")).unwrap();
        let accounts = Arc::new(Accounts::new(
            Arc::new(book),
            clock.clone(),
            Arc::new(Counted::default()),
            Cost::LEAST,
        ));
        let (main, other) = (Sheet::new("main", 3), Sheet::new("other", 1));
        let house = Guarded(Paper(vec![main.clone(), other]), accounts.clone());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (stop, stopped) = watch::channel(false);
        let bound = runtime
            .block_on(serve(
                Settings::default(),
                Arc::new(house),
                clock.clone(),
                stopped,
            ))
            .unwrap();
        Self {
            address: bound.address,
            accounts,
            clock,
            main,
            _stop: stop,
            _runtime: runtime,
            _folder: folder,
        }
    }

    /// With a person for each role in `main`, one of the other space, and an admin of the house.
    fn new() -> Self {
        let desk = Self::empty();
        for role in Role::ALL {
            desk.add(role.word(), &Grants::one("main", role));
        }
        desk.add("stranger", &Grants::one("other", Role::Admin));
        desk.add("root", &Grants::one(EVERYWHERE, Role::Admin));
        desk
    }

    fn add(&self, name: &str, grants: &Grants) {
        self.accounts
            .add(name, Some(PASSWORD), grants, "test")
            .unwrap();
    }

    fn enter(&self, name: &str) -> Session {
        let begun = self.accounts.sign_in(name, PASSWORD, "test", None).unwrap();
        Session {
            cookie: format!("midwatch_session={}", begun.token),
            csrf: server::auth::csrf(&begun.token),
        }
    }

    fn key(&self, of: &str, scopes: &Grants, seconds: i64) -> String {
        let account = self.accounts.book().account(of).unwrap().unwrap();
        let maker = Who::person(of, account.grants);
        let until = self.clock.now().plus(Span(seconds * SECOND));
        let (_, secret) = self
            .accounts
            .add_key(&maker, "test", scopes, Some(until))
            .unwrap();
        secret
    }

    /// What one request is answered. Of a stream only the head is read.
    fn ask(&self, method: &str, path: &str, headers: &str, body: Option<&Value>) -> Got {
        use std::io::{Read as _, Write as _};
        let body = body.map(Value::to_string).unwrap_or_default();
        let kind = if body.is_empty() {
            String::new()
        } else {
            format!(
                "content-type: application/json\r\ncontent-length: {}\r\n",
                body.len()
            )
        };
        let mut stream = std::net::TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(std::time::Duration::from_secs(30)))
            .unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n{kind}{headers}\r\n{body}",
            self.address
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        let mut piece = [0; 4096];
        loop {
            let read = stream.read(&mut piece).unwrap();
            bytes.extend_from_slice(&piece[..read]);
            let text = String::from_utf8_lossy(&bytes);
            if read == 0 || (text.contains("text/event-stream") && text.contains("\r\n\r\n")) {
                break;
            }
        }
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        Got {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_string(),
            body: body.to_string(),
        }
    }

    #[track_caller]
    fn refused(&self, got: &Got, status: u16, code: &str) {
        assert_eq!(got.status, status, "{} {}", got.head, got.body);
        assert_eq!(got.json()["code"], code, "{}", got.body);
        assert_eq!(got.header("content-type"), Some("application/problem+json"));
    }

    /// The newest lines of the audit log: who, what, status.
    fn audited(&self, most: u32) -> Vec<(String, String, u16)> {
        let rows = self.accounts.book().audited(None, most).unwrap();
        let row = |(_, done): (u64, model::people::Audited)| (done.who, done.what, done.status);
        rows.into_iter().map(row).collect()
    }
}

fn filled(path: &str) -> String {
    path.replace("{space}", "main")
        .replace("{id}", "inc-main-001")
        .replace("{eid}", "E1")
        .replace("{mechanism}", "a.b")
        .replace("{code}", "busy")
        .replace("{silence}", "none")
        .replace("{key}", "none")
        .replace("{name}", "none")
        .replace("{inlet}", "none")
        .replace("{delivery}", "1")
        .replace("{recording}", "none")
        .replace("{number}", "1")
}

/// What somebody with that role in `main`, or everywhere, must be answered.
fn expected(route: &Route, in_main: Option<Role>, everywhere: Option<Role>) -> Answered {
    let needs = match route.permission {
        Permission::Open => return Answered::LetIn,
        Permission::Read => Role::Viewer,
        Permission::Respond => Role::Responder,
        Permission::Approve => Role::Approver,
        Permission::Manage => Role::Admin,
        // What is signed is admitted by its signature alone.
        #[allow(unreachable_patterns)]
        _ => return Answered::LetIn,
    };
    // `main` is also what a stream follows that names no space.
    if route.path.starts_with(SPACE) || matches!(route.work, Work::Events) {
        match in_main.max(everywhere) {
            None => Answered::NotFound,
            Some(role) if role >= needs => Answered::LetIn,
            Some(_) => Answered::Forbidden,
        }
    } else if needs == Role::Viewer || everywhere >= Some(needs) {
        Answered::LetIn
    } else {
        Answered::Forbidden
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answered {
    LetIn,
    Unknown,
    Forbidden,
    NotFound,
}

impl Answered {
    fn of(got: &Got) -> Self {
        match got.status {
            401 if got.body.contains("unauthenticated") => Self::Unknown,
            403 => Self::Forbidden,
            404 if got.body.contains("no space") => Self::NotFound,
            _ => Self::LetIn,
        }
    }
}

#[test]
fn every_route_is_asked_by_everybody() {
    let desk = Desk::new();
    let mut visitors: BTreeMap<&str, (String, Option<Role>, Option<Role>)> = BTreeMap::new();
    for role in Role::ALL {
        let session = desk.enter(role.word()).headers();
        visitors.insert(role.word(), (session, Some(role), None));
    }
    let root = desk.enter("root").headers();
    visitors.insert("root", (root, None, Some(Role::Admin)));
    let stranger = desk.enter("stranger").headers();
    visitors.insert("stranger", (stranger, None, None));
    let bearer = |key: &str| format!("authorization: Bearer {key}\r\n");
    // A key of an admin that may only read `main`.
    let narrow = desk.key("root", &Grants::one("main", Role::Viewer), 3_600);
    visitors.insert("narrow key", (bearer(&narrow), Some(Role::Viewer), None));
    let wide = desk.key("root", &Grants::one(EVERYWHERE, Role::Admin), 3_600);
    visitors.insert("wide key", (bearer(&wide), None, Some(Role::Admin)));
    let expired = desk.key("root", &Grants::one(EVERYWHERE, Role::Admin), 60);
    desk.clock.pass(Span(61 * SECOND));
    let unknown = [
        ("nobody", String::new()),
        ("expired key", bearer(&expired)),
        ("no key", bearer("mw_0000")),
        (
            "another scheme",
            "authorization: Basic cm9vdDpyb290\r\n".into(),
        ),
        ("no session", "cookie: midwatch_session=nothing\r\n".into()),
    ];
    let mut walked = 0;
    for route in routes() {
        // It would end the session that the next route is asked with; what it does is tried below.
        if route.name == "signOut" {
            continue;
        }
        let path = filled(&route.path);
        let method = route.method.as_str();
        let body = (method != "GET" && method != "DELETE").then(|| json!({}));
        for (name, (headers, in_main, everywhere)) in &visitors {
            let got = desk.ask(method, &path, headers, body.as_ref());
            let wanted = expected(&route, *in_main, *everywhere);
            let said = format!("{name}: {method} {path}: {} {}", got.status, got.body);
            assert_eq!(Answered::of(&got), wanted, "{said}");
            if wanted == Answered::LetIn {
                assert_ne!(got.status, 500, "{said}");
            }
            walked += 1;
        }
        for (name, headers) in &unknown {
            let got = desk.ask(method, &path, headers, body.as_ref());
            let said = format!("{name}: {method} {path}: {} {}", got.status, got.body);
            if route.permission == Permission::Open {
                // What lets somebody in says 401 itself when nothing fits.
                assert!(got.status < 500, "{said}");
            } else if expected(&route, None, None) != Answered::LetIn
                || route.permission == Permission::Read
            {
                assert_eq!(Answered::of(&got), Answered::Unknown, "{said}");
                assert_eq!(got.header("www-authenticate"), Some("Bearer"), "{said}");
            }
        }
    }
    assert!(walked > 300, "{walked}");
}

#[test]
fn the_first_start_has_a_link_and_no_password() {
    let desk = Desk::empty();
    // Until there are accounts, the machine itself may read, and nobody may alter anything.
    assert_eq!(
        desk.ask("GET", "/v1/spaces/main/incidents", "", None)
            .status,
        200
    );
    let who = desk.ask("GET", "/v1/session", "", None).json();
    assert_eq!(
        (&who["kind"], &who["csrf"]),
        (&json!("nobody"), &Value::Null)
    );
    let note = Some(json!({"text": "hello"}));
    let got = desk.ask(
        "POST",
        "/v1/spaces/main/incidents/inc-main-001/note",
        "",
        note.as_ref(),
    );
    desk.refused(&got, 401, "unauthenticated");
    for (name, password) in [("admin", "admin"), ("root", ""), ("", "")] {
        let body = json!({"name": name, "password": password});
        let got = desk.ask("POST", "/v1/session", "", Some(&body));
        desk.refused(&got, 401, "unauthenticated");
    }
    let old = desk.accounts.setup_link().unwrap().unwrap();
    let token = desk.accounts.setup_link().unwrap().unwrap();
    let set_up = |token: &str, name: &str, password: &str| {
        let body = json!({"token": token, "name": name, "password": password});
        desk.ask("POST", "/v1/setup", "", Some(&body))
    };
    desk.refused(&set_up(&old, "anna", PASSWORD), 401, "unauthenticated");
    desk.refused(&set_up(&token, "anna", "short"), 409, "conflict");
    desk.refused(&set_up(&token, "An na", PASSWORD), 409, "conflict");
    let got = set_up(&token, "anna", PASSWORD);
    assert_eq!(got.status, 201, "{}", got.body);
    let cookie = got.header("set-cookie").unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert_eq!(got.json()["roles"], json!({"*": "admin"}));
    desk.refused(&set_up(&token, "eve", PASSWORD), 401, "unauthenticated");
    assert_eq!(desk.accounts.setup_link().unwrap(), None);
    // From now on nobody reads without an account.
    let got = desk.ask("GET", "/v1/spaces/main/incidents", "", None);
    desk.refused(&got, 401, "unauthenticated");
    let session = cookie.split(';').next().unwrap();
    let got = desk.ask(
        "GET",
        "/v1/session",
        &format!("cookie: {session}\r\n"),
        None,
    );
    assert_eq!(got.json()["name"], "anna");
    // Secrets are in no answer, and in no row.
    for row in desk.accounts.book().accounts().unwrap() {
        assert!(row.password.starts_with("$argon2id$") && !row.password.contains(PASSWORD));
    }
}

const NOTE: &str = "/v1/spaces/main/incidents/inc-main-001/note";

#[test]
fn what_another_site_sends_with_our_cookie_is_refused() {
    let desk = Desk::new();
    let (anna, eve) = (desk.enter("responder"), desk.enter("viewer"));
    let cookie = format!("cookie: {}\r\n", anna.cookie);
    let own = format!("origin: http://{}\r\n", desk.address);
    let text = json!({"text": "it is mine"});
    let ours = anna.headers();
    for (what, headers) in [
        ("no token", cookie.clone()),
        ("an empty token", format!("{cookie}x-csrf-token: \r\n")),
        (
            "another's token",
            format!("{cookie}x-csrf-token: {}\r\n", eve.csrf),
        ),
        (
            "another origin",
            format!("{ours}origin: http://evil.example\r\n"),
        ),
        (
            "a name that ends in ours",
            format!("{ours}origin: http://evil.example#{}\r\n", desk.address),
        ),
        ("no origin at all", format!("{ours}origin: null\r\n")),
        (
            "another site",
            format!("{ours}{own}sec-fetch-site: cross-site\r\n"),
        ),
        (
            "a sister site",
            format!("{ours}{own}sec-fetch-site: same-site\r\n"),
        ),
    ] {
        let got = desk.ask("POST", NOTE, &headers, Some(&text));
        assert_eq!(got.status, 403, "{what}: {}", got.body);
        desk.refused(&got, 403, "cross_site");
    }
    assert!(desk.main.performed.lock().unwrap().is_empty());
    // A form cannot say that it is JSON.
    let form = format!("{ours}content-type: text/plain\r\ncontent-length: 2\r\n");
    let got = desk.ask("POST", NOTE, &format!("{form}\r\n{{}}"), None);
    desk.refused(&got, 415, "unsupported_media_type");
    // Nor may another site sign somebody in as somebody else.
    let body = json!({"name": "viewer", "password": PASSWORD});
    let got = desk.ask(
        "POST",
        "/v1/session",
        "origin: http://evil.example\r\n",
        Some(&body),
    );
    desk.refused(&got, 403, "cross_site");
    let got = desk.ask(
        "POST",
        NOTE,
        &format!("{ours}{own}sec-fetch-site: same-origin\r\n"),
        Some(&text),
    );
    assert_eq!(got.status, 200, "{}", got.body);
    let done = desk.main.performed.lock().unwrap().clone();
    assert_eq!(done.len(), 1);
    assert_eq!(done[0].0, "responder", "in the name of the account");
    let newest = desk.audited(2);
    assert_eq!(newest[0], ("responder".into(), "note".into(), 200));
    assert_eq!(newest[1], (String::new(), "signIn".into(), 403));
}

#[test]
fn a_planted_session_gains_nothing() {
    let desk = Desk::new();
    let body = json!({"name": "approver", "password": PASSWORD});
    // One that is none.
    let planted = "cookie: midwatch_session=planted\r\n";
    let got = desk.ask("POST", "/v1/session", planted, Some(&body));
    assert_eq!(got.status, 200);
    assert!(!got.header("set-cookie").unwrap().contains("planted"));
    let got = desk.ask("GET", "/v1/session", planted, None);
    desk.refused(&got, 401, "unauthenticated");
    // The attacker's own.
    let eve = desk.enter("viewer");
    let planted = format!("cookie: {}\r\n", eve.cookie);
    let got = desk.ask("POST", "/v1/session", &planted, Some(&body));
    let entered = got.header("set-cookie").unwrap();
    assert!(!entered.contains(&eve.cookie));
    let got = desk.ask("GET", "/v1/session", &planted, None);
    desk.refused(&got, 401, "unauthenticated");
}

#[test]
fn sessions_end() {
    let desk = Desk::new();
    let stands = |session: &Session| {
        desk.ask("GET", "/v1/session", &session.headers(), None)
            .status
    };
    // By signing out.
    let one = desk.enter("viewer");
    let without = format!("cookie: {}\r\n", one.cookie);
    desk.refused(
        &desk.ask("DELETE", "/v1/session", &without, None),
        403,
        "cross_site",
    );
    let got = desk.ask("DELETE", "/v1/session", &one.headers(), None);
    assert_eq!(got.status, 200, "{}", got.body);
    assert!(got.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(stands(&one), 401);
    // By another password; the one that changed it stays.
    let (one, two) = (desk.enter("viewer"), desk.enter("viewer"));
    let wrong = json!({"old": "something else entirely", "new": "another horse battery"});
    let got = desk.ask("POST", "/v1/session/password", &two.headers(), Some(&wrong));
    desk.refused(&got, 403, "forbidden");
    let right = json!({"old": PASSWORD, "new": "another horse battery"});
    let got = desk.ask("POST", "/v1/session/password", &two.headers(), Some(&right));
    assert_eq!(got.status, 200, "{}", got.body);
    assert_eq!((stands(&one), stands(&two)), (401, 200));
    // By other roles, and by being removed.
    let (root, one) = (desk.enter("root"), desk.enter("approver"));
    let roles = json!({"roles": {"main": "viewer"}});
    let got = desk.ask(
        "PUT",
        "/v1/people/approver/roles",
        &root.headers(),
        Some(&roles),
    );
    assert_eq!(got.status, 200, "{}", got.body);
    assert_eq!(stands(&one), 401);
    let one = desk.enter("approver");
    let got = desk.ask("DELETE", "/v1/people/approver", &root.headers(), None);
    assert_eq!((got.status, stands(&one)), (200, 401));
    let got = desk.ask("DELETE", "/v1/people/root", &root.headers(), None);
    desk.refused(&got, 409, "conflict");
    // By idleness, and by age however busy.
    let idle = desk.enter("responder");
    let busy = desk.enter("responder");
    for _ in 0..13 {
        desk.clock.pass(Span(3_600 * SECOND));
        assert_eq!(stands(&busy), 200);
    }
    assert_eq!(stands(&idle), 401);
    for _ in 13..168 {
        desk.clock.pass(Span(3_600 * SECOND));
        stands(&busy);
    }
    assert_eq!(stands(&busy), 401);
}

#[test]
fn a_key_may_no_more_than_its_maker() {
    let desk = Desk::new();
    let make = |headers: &str, scopes: Value| {
        let wanted = json!({"name": "ci", "scopes": scopes});
        desk.ask("POST", "/v1/keys", headers, Some(&wanted))
    };
    for (maker, scopes) in [
        ("viewer", json!({"main": "responder"})),
        ("viewer", json!({"*": "viewer"})),
        ("viewer", json!({"other": "viewer"})),
        ("admin", json!({"*": "admin"})),
        ("stranger", json!({"main": "viewer"})),
    ] {
        let got = make(&desk.enter(maker).headers(), scopes.clone());
        assert_eq!(got.status, 403, "{maker} {scopes}: {}", got.body);
    }
    let got = make(
        &desk.enter("approver").headers(),
        json!({"main": "approver"}),
    );
    assert_eq!(got.status, 201, "{}", got.body);
    let secret = got.json()["secret"].as_str().unwrap().to_string();
    let id = got.json()["key"]["id"].as_str().unwrap().to_string();
    let bearer = format!("authorization: Bearer {secret}\r\n");
    // A key of a key is no wider, and a key changes no password.
    desk.refused(&make(&bearer, json!({"main": "admin"})), 403, "forbidden");
    let passwords = json!({"old": PASSWORD, "new": "another horse battery"});
    let got = desk.ask("POST", "/v1/session/password", &bearer, Some(&passwords));
    desk.refused(&got, 403, "forbidden");
    // It acts in its maker's name, needs no token, and stands in the log by its own.
    let got = desk.ask("POST", NOTE, &bearer, Some(&json!({"text": "hello"})));
    assert_eq!(got.status, 200, "{}", got.body);
    assert_eq!(desk.main.performed.lock().unwrap()[0].0, "approver");
    let (_, newest) = desk.accounts.book().audited(None, 1).unwrap().remove(0);
    assert_eq!(newest.via, format!("key {id}"));
    // It falls with its maker.
    desk.accounts
        .set_grants("approver", &Grants::one("main", Role::Viewer))
        .unwrap();
    let got = desk.ask("POST", NOTE, &bearer, Some(&json!({"text": "hello"})));
    desk.refused(&got, 403, "forbidden");
    // Others cannot revoke it, and it ends when it is revoked.
    let eve = desk.enter("responder").headers();
    let got = desk.ask("DELETE", &format!("/v1/keys/{id}"), &eve, None);
    desk.refused(&got, 404, "not_found");
    let root = desk.enter("root").headers();
    let got = desk.ask("DELETE", &format!("/v1/keys/{id}"), &root, None);
    assert_eq!(got.status, 200);
    let got = desk.ask("GET", "/v1/spaces", &bearer, None);
    desk.refused(&got, 401, "unauthenticated");
    // Lists show no secret, and to each their own.
    let all = desk.ask("GET", "/v1/keys", &root, None);
    assert!(all.body.contains(&id) && !all.body.contains(&secret));
    assert!(!desk.ask("GET", "/v1/keys", &eve, None).body.contains(&id));
}

#[test]
fn a_yes_is_bound_to_the_plan_that_was_shown() {
    let desk = Desk::new();
    // Two plans: the first expired, the second waits.
    let (id, story) = model::testkit::story();
    let mut plans = Vec::new();
    for (_, event) in story {
        let proposed = match &event {
            model::IncidentEvent::PlanProposed { plan } => Some(plan.digest()),
            _ => None,
        };
        desk.main.write(&id.0, &event);
        plans.extend(proposed);
        if plans.len() == 2 {
            break;
        }
    }
    let path = format!("/v1/spaces/main/incidents/{id}/approve");
    let yes = |session: &Session, plan: &str| {
        desk.ask(
            "POST",
            &path,
            &session.headers(),
            Some(&json!({"plan": plan})),
        )
    };
    let (anna, eve) = (desk.enter("approver"), desk.enter("responder"));
    desk.refused(&yes(&eve, &plans[1]), 403, "forbidden");
    let got = yes(&anna, &plans[0]);
    desk.refused(&got, 409, "plan_changed");
    assert!(got.body.contains(&plans[1]), "{}", got.body);
    // The beginning of a digest may be that of another plan.
    desk.refused(&yes(&anna, &plans[1][..12]), 409, "plan_changed");
    desk.refused(&yes(&anna, ""), 409, "plan_changed");
    assert!(desk.main.performed.lock().unwrap().is_empty());
    assert_eq!(yes(&anna, &plans[1]).status, 200);
    let none = "/v1/spaces/main/incidents/inc-main-001/approve";
    let got = desk.ask(
        "POST",
        none,
        &anna.headers(),
        Some(&json!({"plan": plans[1]})),
    );
    desk.refused(&got, 409, "conflict");
}

#[test]
fn the_same_request_is_done_once() {
    let desk = Desk::new();
    let (anna, bob) = (desk.enter("responder"), desk.enter("admin"));
    let send = |who: &Session, key: &str, text: &str| {
        let headers = format!("{}idempotency-key: {key}\r\n", who.headers());
        desk.ask("POST", NOTE, &headers, Some(&json!({"text": text})))
    };
    let first = send(&anna, "k-1", "hello");
    let again = send(&anna, "k-1", "hello");
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    desk.refused(&send(&anna, "k-1", "other words"), 422, "key_reused");
    assert_eq!(
        send(&bob, "k-1", "mine").status,
        200,
        "another's key is another"
    );
    desk.refused(&send(&anna, "", "x"), 400, "bad_request");
    desk.refused(&send(&anna, &"k".repeat(200), "x"), 400, "bad_request");
    assert_eq!(desk.main.performed.lock().unwrap().len(), 2);
    desk.clock.pass(Span(86_401 * SECOND));
    let anna = desk.enter("responder");
    assert_eq!(
        send(&anna, "k-1", "other words").status,
        200,
        "a day later it is free"
    );
    // A secret is not kept, and nothing is made twice.
    let wanted = json!({"name": "ci", "scopes": {"main": "viewer"}});
    let headers = format!("{}idempotency-key: k-2\r\n", anna.headers());
    assert_eq!(
        desk.ask("POST", "/v1/keys", &headers, Some(&wanted)).status,
        201
    );
    let again = desk.ask("POST", "/v1/keys", &headers, Some(&wanted));
    desk.refused(&again, 409, "conflict");
    assert_eq!(desk.accounts.book().keys(None).unwrap().len(), 1);
}

#[test]
fn guessing_is_slow() {
    let desk = Desk::new();
    let guess = |name: &str, password: &str| {
        let body = json!({"name": name, "password": password});
        desk.ask("POST", "/v1/session", "", Some(&body))
    };
    // A wrong name and a wrong password are told alike.
    let (name, password) = (guess("nobody-such", PASSWORD), guess("viewer", "wrong"));
    assert_eq!(name.json()["detail"], password.json()["detail"]);
    for _ in 0..4 {
        desk.refused(&guess("viewer", "wrong"), 401, "unauthenticated");
    }
    let got = guess("viewer", PASSWORD);
    desk.refused(&got, 429, "too_many");
    let wait: u64 = got.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(
        guess("responder", PASSWORD).status,
        200,
        "others are let in"
    );
    desk.clock.pass(Span(wait as i64 * SECOND));
    assert_eq!(guess("viewer", PASSWORD).status, 200);
}

#[test]
fn nothing_that_is_sent_becomes_a_header_or_breaks_the_log() {
    let desk = Desk::new();
    let root = desk.enter("root").headers();
    for hostile in [
        "x\r\nset-cookie: midwatch_session=evil",
        "<script>alert(1)</script>",
        "\u{202e}gnirts",
        "../../etc/passwd",
    ] {
        let body = json!({"name": hostile, "roles": {"main": "viewer"}});
        let got = desk.ask("POST", "/v1/invitations", &root, Some(&body));
        assert!(got.status >= 400 && got.status < 500, "{}", got.body);
        assert!(got.header("set-cookie").is_none());
        let body = json!({"name": hostile, "password": hostile});
        let got = desk.ask("POST", "/v1/session", "", Some(&body));
        assert!(got.status < 500 && got.header("set-cookie").is_none());
        let got = desk.ask("POST", "/v1/setup", "", Some(&json!({"token": hostile})));
        assert!(got.status < 500 && got.header("set-cookie").is_none());
        let body = json!({"name": "eve", "roles": {hostile: "viewer"}});
        let got = desk.ask("POST", "/v1/invitations", &root, Some(&body));
        desk.refused(&got, 400, "bad_request");
    }
    let got = desk.ask("GET", "/v1/people/%0d%0aset-cookie:x=1", &root, None);
    assert!(got.header("set-cookie").is_none(), "{}", got.head);
    // A flood of refusals does not fill the log, and what was not written is counted.
    for _ in 0..300 {
        desk.ask(
            "POST",
            NOTE,
            "cookie: midwatch_session=x\r\n",
            Some(&json!({"text": "x"})),
        );
    }
    desk.clock.pass(Span(10 * SECOND));
    desk.ask(
        "POST",
        NOTE,
        "cookie: midwatch_session=x\r\n",
        Some(&json!({"text": "x"})),
    );
    let rows = desk.accounts.book().audited(None, 10_000).unwrap();
    assert!(rows.len() < 260, "{}", rows.len());
    assert!(rows[0].1.unwritten > 0);
    let got = desk.ask("GET", "/v1/audit?limit=5", &root, None).json();
    assert_eq!(got["items"].as_array().unwrap().len(), 5);
    assert!(got["next"].is_string());
}

#[test]
fn an_invitation_makes_an_account_and_no_more() {
    let desk = Desk::new();
    let root = desk.enter("root").headers();
    let body = json!({"name": "anna", "roles": {"main": "approver"}});
    let got = desk.ask("POST", "/v1/invitations", &root, Some(&body));
    assert_eq!(got.status, 201, "{}", got.body);
    let token = got.json()["token"].as_str().unwrap().to_string();
    assert!(got.json()["link"].as_str().unwrap().ends_with(&token));
    let listed = desk.ask("GET", "/v1/invitations", &root, None);
    assert!(listed.body.contains("\"anna\"") && !listed.body.contains(&token));
    // The name is the one that was invited, whatever is sent.
    let body = json!({"token": token, "name": "eve", "password": PASSWORD});
    let got = desk.ask("POST", "/v1/setup", "", Some(&body));
    assert_eq!(got.json()["name"], "anna");
    assert_eq!(got.json()["roles"], json!({"main": "approver"}));
    assert!(
        desk.accounts
            .approvers("main")
            .unwrap()
            .contains(&"anna".to_string())
    );
    // One that is too old.
    let grants = Grants::one("main", Role::Viewer);
    let token = desk
        .accounts
        .link(LinkKind::Invitation, "", &grants, "root")
        .unwrap();
    desk.clock.pass(Span(4 * 86_400 * SECOND));
    let body = json!({"token": token, "name": "bob", "password": PASSWORD});
    let got = desk.ask("POST", "/v1/setup", "", Some(&body));
    desk.refused(&got, 401, "unauthenticated");
}

#[test]
fn a_closed_space_is_told_of_to_those_who_may_see_it() {
    let desk = Desk::new();
    let (root, viewer) = (desk.enter("root").headers(), desk.enter("viewer").headers());
    for (method, path) in [
        ("GET", "/v1/spaces/shut/incidents"),
        ("GET", "/v1/spaces/shut/events"),
        ("GET", "/v1/events?space=shut"),
        ("POST", "/v1/spaces/shut/silences"),
    ] {
        let body = (method == "POST").then(|| json!({}));
        let got = desk.ask(method, path, &root, body.as_ref());
        desk.refused(&got, 503, "space_closed");
        assert!(got.body.contains("its journal is damaged"), "{}", got.body);
        let got = desk.ask(method, path, &viewer, body.as_ref());
        desk.refused(&got, 404, "not_found");
        let got = desk.ask(method, path, "", body.as_ref());
        desk.refused(&got, 401, "unauthenticated");
    }
    // Whoever posts comes again, and hears nothing of what is wrong.
    let got = desk.ask("POST", "/v1/spaces/shut/inlets/x", "", Some(&json!({})));
    desk.refused(&got, 503, "space_closed");
    assert!(!got.body.contains("damaged"), "{}", got.body);
    assert!(got.header("retry-after").is_some());
}

#[test]
fn numbers_are_told_of_the_spaces_that_one_may_see() {
    let desk = Desk::new();
    let told = |who: &str| {
        desk.ask("GET", "/metrics", &desk.enter(who).headers(), None)
            .body
    };
    let root = told("root");
    assert!(
        root.contains("space=\"main\"") && root.contains("file-of-other"),
        "{root}"
    );
    // Also right after somebody who may see more.
    let (main, other) = (told("viewer"), told("stranger"));
    assert!(
        main.contains("file-of-main") && !main.contains("other"),
        "{main}"
    );
    assert!(
        other.contains("file-of-other") && !other.contains("file-of-main"),
        "{other}"
    );
}

#[test]
fn a_channel_is_tried_by_an_admin_and_that_is_written_down() {
    let desk = Desk::new();
    let (admin, responder) = (desk.enter("admin"), desk.enter("responder"));
    let test = |who: &Session, name: &str| {
        let path = format!("/v1/spaces/main/notifiers/{name}/test");
        desk.ask("POST", &path, &who.headers(), Some(&json!({})))
    };
    desk.refused(&test(&responder, "file"), 403, "forbidden");
    let told = test(&admin, "file");
    assert_eq!((told.status, &told.json()["told"]), (200, &json!(true)));
    let failed = test(&admin, "slack.ops").json();
    assert_eq!(failed["told"], false);
    let said = failed["said"].as_str().unwrap();
    assert!(said.contains("no answer came for admin"), "{said}");
    let slow = test(&admin, "slow");
    desk.refused(&slow, 429, "too_many");
    assert_eq!(slow.header("retry-after"), Some("7"));
    desk.refused(&test(&admin, "nobody"), 404, "not_found");
    let audited = desk.audited(5);
    let tried = |who: &str, status| (who.to_string(), "testNotifier".to_string(), status);
    assert_eq!(
        audited,
        [
            tried("admin", 404),
            tried("admin", 429),
            tried("admin", 200),
            tried("admin", 200),
            tried("responder", 403),
        ]
    );
    let list = desk.ask(
        "GET",
        "/v1/spaces/main/notifiers",
        &responder.headers(),
        None,
    );
    assert_eq!(list.json()["items"][1]["name"], "slack.ops");
}

/// What a person wants looked at, and what they say that it was, goes to the desk in their name.
#[test]
fn a_look_and_a_name_for_the_cause_are_asked_for_in_somebodys_name() {
    let desk = Desk::new();
    let responder = desk.enter("responder");
    let ask = |path: &str, body: Value| {
        let path = format!("/v1/spaces/main/incidents/inc-main-001/{path}");
        desk.ask("POST", &path, &responder.headers(), Some(&body))
    };
    assert_eq!(ask("look", json!({})).status, 200);
    let cause = json!({"entity": "host/a", "mechanism": "resource.disk-full", "unseen": true});
    assert_eq!(ask("cause", cause).status, 200);
    desk.refused(
        &ask("cause", json!({"entity": "host/a"})),
        400,
        "bad_request",
    );
    desk.refused(&ask("look", json!({"why": "x"})), 400, "bad_request");
    use server::control::Request;
    let performed = desk.main.performed.lock().unwrap();
    let incident = "inc-main-001".to_string();
    assert_eq!(
        *performed,
        [
            (
                "responder".to_string(),
                Request::Look {
                    incident: incident.clone()
                }
            ),
            (
                "responder".to_string(),
                Request::NameCause {
                    incident,
                    entity: "host/a".to_string(),
                    mechanism: "resource.disk-full".to_string(),
                    beside: false,
                    unseen: true,
                }
            ),
        ]
    );
}
