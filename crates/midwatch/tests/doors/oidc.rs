//! Sign-in by a certified OpenID provider that is no part of this project. Needs Node, and `npm ci` in
//! `tests/doors/issuer`: `cargo test -p midwatch --test doors -- --ignored vouched`.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use super::program::{
    CONFIG, Got, PASSWORD, Server, add_person, exchange, midwatch, request, until,
};

const SECRET: &str = "a secret + of the client: 100%";

/// The provider, which ends when this goes.
struct Issuer {
    child: Child,
    /// Held open: it writes notices there.
    _told: BufReader<ChildStdout>,
}

impl Drop for Issuer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Issuer {
    fn begin(port: u16, server: &Server) -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/doors/issuer");
        let mut child = Command::new("node")
            .arg("issuer.mjs")
            .args([
                port.to_string(),
                format!("http://{}/oidc", server.address),
                server.folder.join("people.json").display().to_string(),
            ])
            .current_dir(here)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut told = BufReader::new(child.stdout.take().unwrap());
        told.read_line(&mut line).unwrap();
        let issuer = Self { child, _told: told };
        assert_eq!(
            line.trim(),
            "ready",
            "npm ci in crates/midwatch/tests/doors/issuer"
        );
        issuer
    }
}

/// Who signs in at the provider next.
fn person(server: &Server, subject: &str, name: &str, groups: &[&str]) {
    let person = json!({"subject": subject, "name": name, "groups": groups});
    std::fs::write(server.folder.join("people.json"), person.to_string()).unwrap();
}

fn post(server: &Server, path: &str, headers: &str, body: &Value) -> Got {
    let typed = format!(
        "content-type: application/json\r\norigin: http://{}\r\n{headers}",
        server.address
    );
    server.ask(&format!("POST {path}"), &typed, &body.to_string())
}

/// A sign-in that begins: where the browser goes, and what it keeps.
fn begin(server: &Server) -> (String, String) {
    let got = post(server, "/v1/session/oidc/begin", "", &json!({}));
    assert_eq!(got.status, 200, "{got:?}");
    let text = |name: &str| got.json()[name].as_str().unwrap().to_string();
    (text("address"), text("browser"))
}

/// What a browser does at the provider: it follows, with its cookies, until it is sent back. Code and state.
fn at_the_provider(address: &str) -> (String, String) {
    let mut jar: BTreeMap<String, String> = BTreeMap::new();
    let mut address = address.to_string();
    for _ in 0..10 {
        let (host, path) = address
            .strip_prefix("http://")
            .unwrap()
            .split_once('/')
            .unwrap();
        if let Some(query) = path.strip_prefix("oidc?") {
            let part = |name: &str| {
                let pair = query.split('&').find_map(|pair| pair.strip_prefix(name));
                pair.unwrap_or_else(|| panic!("no {name} in {query}"))
                    .to_string()
            };
            return (part("code="), part("state="));
        }
        let cookies: Vec<String> = jar
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let headers = format!("cookie: {}\r\n", cookies.join("; "));
        let sent = request(&format!("GET /{path}"), host, &headers, "");
        let got = exchange(TcpStream::connect(host).unwrap(), &sent).unwrap();
        for line in got.head.lines() {
            if let Some(cookie) = line
                .to_lowercase()
                .strip_prefix("set-cookie: ")
                .map(|_| &line[12..])
            {
                let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
                jar.insert(name.to_string(), value.to_string());
            }
        }
        let to = got
            .header("location")
            .unwrap_or_else(|| panic!("{address}: {got:?}"));
        address = if to.starts_with('/') {
            format!("http://{host}{to}")
        } else {
            to
        };
    }
    panic!("it is sent around: {address}");
}

fn finish(server: &Server, (code, state): &(String, String), browser: &str, headers: &str) -> Got {
    let body = json!({"code": code, "state": state, "browser": browser});
    post(server, "/v1/session/oidc", headers, &body)
}

fn signed_in(server: &Server) -> Got {
    let (address, browser) = begin(server);
    finish(server, &at_the_provider(&address), &browser, "")
}

fn status_of(server: &Server, cookie: &str) -> u16 {
    server
        .ask("GET /v1/session", &format!("cookie: {cookie}\r\n"), "")
        .status
}

fn code_of(got: &Got) -> String {
    got.json()["code"].as_str().unwrap_or_default().to_string()
}

#[test]
#[ignore = "needs Node and the provider's packages"]
fn vouched_for_by_a_real_provider() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    std::fs::write(folder.join("secret"), format!("{SECRET}\n")).unwrap();
    let oidc = format!(
        r#"
[server.oidc]
issuer = "http://127.0.0.1:{port}"
client_id = "midwatch"
client_secret_file = "secret"
label = "Company account"
scopes = ["profile", "groups"]
[server.oidc.roles]
sre = {{ main = "approver" }}
dev = {{ main = "viewer" }}
"#
    );
    std::fs::write(folder.join("midwatch.toml"), format!("{CONFIG}{oidc}")).unwrap();
    // A local account of the name that somebody has at the provider, too.
    add_person(folder, "anna", "admin");
    let server = Server::begin(folder, "warn,midwatch=info,server=info");
    person(&server, "u-1", "anna", &["sre", "others"]);
    let ways = server.ask("GET /v1/session/ways", "", "").json();
    assert_eq!(ways, json!({"oidc": "Company account"}));

    // The provider is away: said plainly, and local accounts go on.
    let got = post(&server, "/v1/session/oidc/begin", "", &json!({}));
    assert_eq!(
        (got.status, code_of(&got).as_str()),
        (503, "busy"),
        "{got:?}"
    );
    assert!(!got.text.contains(&port.to_string()), "{got:?}");
    let (_, said) = midwatch(folder, &["doctor"], "");
    assert!(
        said.contains("sign-in provider: ") && said.contains("cannot be"),
        "{said}"
    );
    let body = json!({"name": "anna", "password": PASSWORD});
    let local = post(&server, "/v1/session", "", &body);
    assert_eq!(local.status, 200, "{local:?}");

    let issuer = Issuer::begin(port, &server);
    let (_, said) = midwatch(folder, &["doctor"], "");
    assert!(said.contains("answers, with 1 keys"), "{said}");
    let (address, browser) = begin(&server);
    let back = at_the_provider(&address);
    // Brought by another browser, with another state, of another site: none.
    for (back, browser, headers) in [
        (&back, "another", ""),
        (&back, back.1.as_str(), ""),
        (&(back.0.clone(), "another".to_string()), &browser, ""),
    ] {
        let got = finish(&server, back, browser, headers);
        assert_eq!(
            (got.status, code_of(&got).as_str()),
            (401, "unauthenticated"),
            "{got:?}"
        );
    }
    let got = finish(&server, &back, &browser, "sec-fetch-site: cross-site\r\n");
    assert_eq!(
        (got.status, code_of(&got).as_str()),
        (403, "cross_site"),
        "{got:?}"
    );
    let got = finish(
        &server,
        &back,
        &browser,
        &format!("cookie: {}\r\n", local.cookie()),
    );
    assert_eq!(got.status, 200, "{got:?}");
    let session = got.json();
    assert_eq!(
        (&session["name"], &session["roles"]),
        (&json!("oidc:anna"), &json!({"main": "approver"})),
        "{session}"
    );
    // What they came with has ended; what they came by is used up.
    assert_eq!(status_of(&server, &local.cookie()), 401);
    let again = finish(&server, &back, &browser, "");
    assert_eq!(again.status, 401, "{again:?}");
    // The code of one sign-in does not fit another.
    let (one, other) = (begin(&server), begin(&server));
    let (code, _) = at_the_provider(&one.0);
    let (_, state) = at_the_provider(&other.0);
    let mixed = finish(&server, &(code, state), &other.1, "");
    assert_eq!(mixed.status, 401, "{mixed:?}");
    assert!(mixed.text.contains("refused the code"), "{mixed:?}");

    // Another person of that name is another.
    person(&server, "u-2", "Anna", &["dev"]);
    let namesake = signed_in(&server).json();
    assert_eq!(
        (&namesake["name"], &namesake["roles"]),
        (&json!("oidc:anna.2"), &json!({"main": "viewer"})),
        "{namesake}"
    );
    // A group that is gone takes its role away, also from sessions that there are.
    person(&server, "u-1", "renamed", &["dev"]);
    let less = signed_in(&server);
    assert_eq!(
        (&less.json()["name"], &less.json()["roles"]),
        (&json!("oidc:anna"), &json!({"main": "viewer"}))
    );
    assert_eq!(status_of(&server, &got.cookie()), 401);
    person(&server, "u-1", "anna", &[]);
    let none = signed_in(&server);
    assert_eq!(
        (none.status, code_of(&none).as_str()),
        (403, "forbidden"),
        "{none:?}"
    );
    assert!(
        none.text.contains("none of your groups has a role here"),
        "{none:?}"
    );
    assert_eq!(status_of(&server, &less.cookie()), 401);
    let (_, listed) = midwatch(folder, &["people", "list", "--format", "json"], "");
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let roles = |name: &str| {
        let people = listed.as_array().unwrap().iter();
        people
            .clone()
            .find(|person| person["name"] == name)
            .unwrap()["roles"]
            .clone()
    };
    assert_eq!(roles("anna"), json!({"*": "admin"}), "{listed}");
    assert_eq!(roles("oidc:anna"), json!({}), "{listed}");
    // Roles come from the groups, and there is no password.
    let (done, said) = midwatch(folder, &["people", "role", "oidc:anna", "admin"], "");
    assert!(!done && said.contains("[server.oidc] roles"), "{said}");
    let (done, said) = midwatch(folder, &["people", "reset", "oidc:anna"], "");
    assert!(!done, "{said}");

    // The provider's keys are others now.
    person(&server, "u-1", "anna", &["sre"]);
    drop(issuer);
    let _issuer = Issuer::begin(port, &server);
    let got = until("a sign-in by the new keys", || {
        let got = signed_in(&server);
        assert!([200, 401].contains(&got.status), "{got:?}");
        (got.status == 200).then_some(got)
    });
    let csrf = got.json()["csrf"].as_str().unwrap().to_string();
    let own = format!("cookie: {}\r\nx-csrf-token: {csrf}\r\n", got.cookie());
    let out = server.ask("DELETE /v1/session", &own, "");
    assert_eq!(out.status, 200, "{out:?}");
    assert_eq!(status_of(&server, &got.cookie()), 401);
    // All of it stands in the audit log.
    let local = post(&server, "/v1/session", "", &body);
    let own = format!("cookie: {}\r\n", local.cookie());
    let mut rows: Vec<Value> = Vec::new();
    let mut more = String::new();
    loop {
        let page = server
            .ask(&format!("GET /v1/audit?limit=200{more}"), &own, "")
            .json();
        rows.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next"].as_str() else {
            break;
        };
        more = format!("&cursor={next}");
    }
    rows.retain(|row| row["what"] == "signOn");
    for status in [200, 401, 403] {
        assert!(
            rows.iter().any(|row| row["status"] == status),
            "{status}: {rows:#?}"
        );
    }
}
