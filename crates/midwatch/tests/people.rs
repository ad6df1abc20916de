//! Accounts and keys of the real program: made by commands, used over HTTP while the server runs, seen at once.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::{Value, json};

const PASSWORD: &str = "correct horse battery";

fn midwatch(folder: &Path, words: &[&str], input: &str) -> (bool, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_midwatch"))
        .args(words)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said)
}

/// A server that ends when this goes.
struct Server {
    child: Child,
    lines: BufReader<ChildStderr>,
    address: String,
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
        let lines = BufReader::new(child.stderr.take().unwrap());
        let mut server = Self {
            child,
            lines,
            address: String::new(),
        };
        let line = server.line("page and API at http://");
        server.address = line.trim().rsplit("http://").next().unwrap().to_string();
        server
    }

    /// The next line that holds these words.
    fn line(&mut self, words: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.lines.read_line(&mut line).unwrap() > 0, "no {words:?}");
            if line.contains(words) {
                return line;
            }
        }
    }

    /// Status, head and body.
    fn ask(&self, method: &str, path: &str, headers: &str, body: &Value) -> (u16, String, Value) {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{headers}\r\n{body}",
            self.address,
            body.len()
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (
            status,
            head.to_string(),
            serde_json::from_str(body).unwrap_or(Value::Null),
        )
    }
}

#[test]
fn a_link_a_person_and_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let config = "[server]\nlisten = \"127.0.0.1:0\"\n[telemetry]\ngrpc = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n";
    std::fs::write(folder.join("midwatch.toml"), config).unwrap();
    let (done, said) = midwatch(folder, &["people", "list"], "");
    assert!(done && said.contains("nobody has an account"), "{said}");
    let mut server = Server::begin(folder);
    let link = server.line("/#/link/setup/");
    let token = link.trim().rsplit('/').next().unwrap();
    let read = |headers: &str| {
        server
            .ask("GET", "/v1/spaces/main/incidents", headers, &Value::Null)
            .0
    };
    assert_eq!(read(""), 200, "until there are accounts");
    let body = json!({"token": token, "name": "anna", "password": PASSWORD});
    let (status, head, session) = server.ask("POST", "/v1/setup", "", &body);
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
    let (status, _, said) = server.ask("POST", "/v1/spaces/main/silences", &signed_in, &quiet);
    assert_eq!(status, 200, "{said}");
    let silences = |headers: &str| {
        let (_, _, listed) = server.ask("GET", "/v1/spaces/main/silences", headers, &Value::Null);
        listed["items"].as_array().unwrap().clone()
    };
    let standing = silences(&signed_in);
    assert_eq!((standing.len(), &standing[0]["by"]), (1, &json!("anna")));
    let end = format!(
        "/v1/spaces/main/silences/{}/end",
        standing[0]["id"].as_str().unwrap()
    );
    assert_eq!(server.ask("POST", &end, &signed_in, &Value::Null).0, 200);
    assert_eq!(server.ask("POST", &end, &signed_in, &Value::Null).0, 409);
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
    let (status, _, problem) = server.ask("POST", "/v1/spaces/main/silences", &key, &quiet);
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
    let secrets = [PASSWORD, token, csrf, made["secret"].as_str().unwrap()];
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
