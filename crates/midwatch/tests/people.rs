//! Accounts and keys of the real program: made by commands, used over HTTP while the server runs, seen at once.

#[path = "doors/program.rs"]
#[allow(dead_code)]
mod program;

use serde_json::{Value, json};

use program::{CONFIG, PASSWORD, Server, midwatch};

/// Status, head and body.
fn ask(
    server: &Server,
    method: &str,
    path: &str,
    headers: &str,
    body: &Value,
) -> (u16, String, Value) {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let headers = format!("content-type: application/json\r\n{headers}");
    let got = server.ask(&format!("{method} {path}"), &headers, &body);
    let json = got.json();
    (got.status, got.head, json)
}

#[test]
fn a_link_a_person_and_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("midwatch.toml"), CONFIG).unwrap();
    let (done, said) = midwatch(folder, &["people", "list"], "");
    assert!(done && said.contains("nobody has an account"), "{said}");
    let mut server = Server::begin(folder, "warn");
    let token = server.setup_token();
    let asked = |method: &str, path: &str, headers: &str, body: &Value| {
        ask(&server, method, path, headers, body)
    };
    let read = |headers: &str| asked("GET", "/v1/spaces/main/incidents", headers, &Value::Null).0;
    assert_eq!(read(""), 200, "until there are accounts");
    let body = json!({"token": token, "name": "anna", "password": PASSWORD});
    let (status, head, session) = asked("POST", "/v1/setup", "", &body);
    assert_eq!(
        (status, &session["role"]),
        (201, &json!("admin")),
        "{session}"
    );
    assert_eq!(read(""), 401);
    let cookie = head
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "))
        .and_then(|cookie| cookie.split(';').next())
        .unwrap();
    let csrf = session["csrf"].as_str().unwrap();
    let signed_in = format!("cookie: {cookie}\r\nx-csrf-token: {csrf}\r\n");
    assert_eq!(read(&signed_in), 200);
    // What a person does over HTTP is done by the very functions of the desk, in their name.
    let quiet = json!({"rule": "errors", "seconds": 600, "why": "a load test"});
    let (status, _, said) = asked("POST", "/v1/spaces/main/silences", &signed_in, &quiet);
    assert_eq!(status, 200, "{said}");
    let silences = |headers: &str| {
        let (_, _, listed) = asked("GET", "/v1/spaces/main/silences", headers, &Value::Null);
        listed["items"].as_array().unwrap().clone()
    };
    let standing = silences(&signed_in);
    assert_eq!((standing.len(), &standing[0]["by"]), (1, &json!("anna")));
    let end = format!(
        "/v1/spaces/main/silences/{}/end",
        standing[0]["id"].as_str().unwrap()
    );
    assert_eq!(asked("POST", &end, &signed_in, &Value::Null).0, 200);
    assert_eq!(asked("POST", &end, &signed_in, &Value::Null).0, 409);
    assert!(silences(&signed_in).is_empty());
    // Commands beside the server: seen at once.
    let words = [
        "people",
        "add",
        "bob",
        "--role",
        "viewer",
        "--password-stdin",
    ];
    let (done, said) = midwatch(folder, &words, &format!("{PASSWORD}\n"));
    assert!(done && said.contains("viewer in *"), "{said}");
    let (done, said) = midwatch(folder, &words, "short\n");
    assert!(!done && said.contains("12 characters"), "{said}");
    let words = [
        "keys", "add", "board", "--person", "bob", "--format", "json", "--scope",
    ];
    let (done, said) = midwatch(folder, &[&words[..], &["main=approver"]].concat(), "");
    assert!(!done && said.contains("no more than bob"), "{said}");
    let (done, said) = midwatch(folder, &[&words[..], &["main=viewer"]].concat(), "");
    assert!(done, "{said}");
    let made: Value = serde_json::from_str(&said).unwrap();
    let key = format!(
        "authorization: Bearer {}\r\n",
        made["secret"].as_str().unwrap()
    );
    assert_eq!(read(&key), 200);
    let (status, _, problem) = asked("POST", "/v1/spaces/main/silences", &key, &quiet);
    assert_eq!((status, &problem["code"]), (403, &json!("forbidden")));
    let (done, _) = midwatch(
        folder,
        &["keys", "revoke", made["id"].as_str().unwrap()],
        "",
    );
    assert!(done);
    assert_eq!(read(&key), 401);
    let (done, said) = midwatch(folder, &["people", "remove", "anna"], "");
    assert!(!done && said.contains("only admin"), "{said}");
    let (done, said) = midwatch(folder, &["people", "list", "--format", "json"], "");
    let people: Value = serde_json::from_str(&said).unwrap();
    assert!(done && people.as_array().unwrap().len() == 2, "{said}");
    // Of it all nothing secret lies in the data folder.
    let secrets = [PASSWORD, &token, csrf, made["secret"].as_str().unwrap()];
    for entry in std::fs::read_dir(folder.join("midwatch-data")).unwrap() {
        let path = entry.unwrap().path();
        if let Ok(bytes) = std::fs::read(&path) {
            let text = String::from_utf8_lossy(&bytes);
            for secret in secrets {
                assert!(!text.contains(secret), "{}", path.display());
            }
        }
    }
}
