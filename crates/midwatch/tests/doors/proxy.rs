//! Behind a real proxy: nginx speaks TLS, and says who asks. Needs nginx (Debian's package of that name, or the program
//! that `MIDWATCH_NGINX` names) and curl: `cargo test -p midwatch --test doors -- --ignored proxy`.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::program::{CONFIG, PASSWORD, Server, add_person, until};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// nginx, which ends when this goes.
struct Proxy {
    child: Child,
    address: String,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // The first process ends the others, if it is asked.
        let asked = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

impl Proxy {
    /// With the settings that docs/security.md shows.
    fn begin(folder: &Path, server: &Server) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let names = ["localhost", "127.0.0.1"].map(str::to_string).to_vec();
        let certificate = rcgen::CertificateParams::new(names)
            .unwrap()
            .self_signed(&key)
            .unwrap();
        std::fs::write(folder.join("cert.pem"), certificate.pem()).unwrap();
        std::fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("  {kind}_temp_path tmp-{kind};\n"))
            .collect();
        let address = &server.address;
        let config = format!(
            "pid nginx.pid;\nuser root;\nworker_processes 1;\nevents {{}}\nhttp {{\n{temporary}  access_log off;\n  server {{\n    listen 127.0.0.1:{port} ssl;\n    ssl_certificate cert.pem;\n    ssl_certificate_key key.pem;\n    location / {{\n      proxy_pass http://{address};\n      proxy_http_version 1.1;\n      proxy_set_header Connection \"\";\n      proxy_set_header Host $http_host;\n      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n      proxy_set_header X-Forwarded-Proto $scheme;\n      proxy_read_timeout 1h;\n    }}\n  }}\n}}\n"
        );
        std::fs::write(folder.join("nginx.conf"), config).unwrap();
        let program = std::env::var("MIDWATCH_NGINX").unwrap_or("nginx".to_string());
        let child = Command::new(program)
            .arg("-p")
            .arg(folder)
            .args(["-c", "nginx.conf", "-e", "nginx.log", "-g", "daemon off;"])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let proxy = Self {
            child,
            address: format!("127.0.0.1:{port}"),
        };
        until("nginx", || {
            std::net::TcpStream::connect(&proxy.address).ok()
        });
        proxy
    }

    fn curl(&self, folder: &Path, words: &[&str], path: &str) -> Command {
        let mut curl = Command::new("curl");
        curl.args([
            "--silent",
            "--no-buffer",
            "--max-time",
            "30",
            "--cacert",
            "cert.pem",
        ])
        .args(words)
        .arg(format!("https://{}{path}", self.address))
        .current_dir(folder);
        curl
    }

    /// Head and body of an answer.
    fn asked(&self, folder: &Path, words: &[&str], path: &str) -> (String, String) {
        let output = self
            .curl(folder, &[&["--include"], words].concat(), path)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("{path}: {output:?}"));
        (head.to_lowercase(), body.to_string())
    }
}

#[test]
#[ignore = "needs nginx"]
fn a_proxy_says_who_asks_and_holds_no_event_back() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("secret"), SECRET).unwrap();
    let inlet = "[inlets.hook]\nkind = \"alertmanager\"\nsecret_file = \"secret\"\n";
    let config = CONFIG.replacen("[telemetry]", "behind_proxy = true\n[telemetry]", 1);
    std::fs::write(folder.join("midwatch.toml"), format!("{config}{inlet}")).unwrap();
    add_person(folder, "anna", "admin");
    let server = Server::begin(folder, "warn");
    let proxy = Proxy::begin(folder, &server);

    // Somebody at another address says that they are at a third one, and that they speak no TLS.
    let typed = "content-type: application/json";
    let sign_in = |password: &str| {
        let body = json!({"name": "anna", "password": password}).to_string();
        let spoofed = [
            "x-forwarded-for: 203.0.113.9",
            "x-forwarded-proto: http",
            "x-forwarded-host: evil.example",
        ];
        let mut words = vec![
            "--interface",
            "127.0.0.2",
            "--data",
            &body,
            "--header",
            typed,
        ];
        for header in spoofed {
            words.extend(["--header", header]);
        }
        proxy.asked(folder, &words, "/v1/session")
    };
    let (head, body) = sign_in("a wrong password");
    assert!(head.starts_with("http/1.1 401"), "{head}\n{body}");
    let (head, body) = sign_in(PASSWORD);
    assert!(head.starts_with("http/1.1 200"), "{head}\n{body}");
    let cookie = head
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "))
        .unwrap();
    assert!(
        cookie.starts_with("__host-midwatch_session=") && cookie.contains("; secure"),
        "{cookie}"
    );
    assert!(
        head.contains("strict-transport-security: max-age="),
        "{head}"
    );
    let token = cookie.split(['=', ';']).nth(1).unwrap();
    let cookie = format!("cookie: __Host-midwatch_session={token}");
    let (_, audit) = proxy.asked(folder, &["--header", &cookie], "/v1/audit");
    let audit: Value = serde_json::from_str(&audit).unwrap();
    let rows: Vec<(&str, u64)> = audit["items"]
        .as_array()
        .unwrap()
        .iter()
        // What was done by a command came from nowhere.
        .filter(|row| row["address"] != "")
        .map(|row| {
            (
                row["address"].as_str().unwrap(),
                row["status"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(rows, [("127.0.0.2", 200), ("127.0.0.2", 401)]);
    // A page of another name that points here.
    let (head, _) = proxy.asked(folder, &["--header", "host: evil.example"], "/v1/spaces");
    assert!(head.starts_with("http/1.1 421"), "{head}");

    // What happens is told when it happens.
    let mut stream = proxy
        .curl(folder, &["--header", &cookie], "/v1/events")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(stream.stdout.take().unwrap()).lines();
    // It says something at once, so it is known to be open.
    let first = lines.next().unwrap().unwrap();
    assert!(!first.contains("error"), "{first}");
    let alert = json!({
        "version": "4", "status": "firing", "receiver": "midwatch",
        "alerts": [{
            "status": "firing", "labels": {"alertname": "errors", "service": "checkout"},
            "startsAt": "2026-06-18T15:06:00Z", "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "1",
        }],
    });
    let (alert, bearer) = (alert.to_string(), format!("authorization: Bearer {SECRET}"));
    let words = ["--data", &alert, "--header", typed, "--header", &bearer];
    let (head, body) = proxy.asked(folder, &words, "/v1/spaces/main/inlets/hook");
    assert!(head.starts_with("http/1.1 200"), "{head}\n{body}");
    let posted = Instant::now();
    let line = lines
        .map_while(Result::ok)
        .find(|line| line.contains("opened"));
    assert!(line.is_some(), "the stream ended");
    assert!(
        posted.elapsed() < Duration::from_secs(10),
        "{:?}",
        posted.elapsed()
    );
    let _ = stream.kill();
    let _ = stream.wait();
}
