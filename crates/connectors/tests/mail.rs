//! E-mail through a mail server that others wrote (aiosmtpd, from PyPI), with TLS and a login:
//!
//! ```text
//! python3 -m venv /tmp/mail && /tmp/mail/bin/pip install aiosmtpd
//! PATH=/tmp/mail/bin:$PATH cargo test -p midwatch-connectors --test mail -- --ignored
//! ```
#![cfg(feature = "notifiers")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use connectors::smtp::{Mail, Security, Settings};
use model::incident::IncidentId;
use model::ports::{Again, Notice, Notifier as _, TellError, Telling, Thread};
use model::telemetry::Severity;
use model::time::Timestamp;
use serde_json::Value;

const SERVER: &str = r#"
import asyncio, json, ssl, sys
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

class Handler:
    async def handle_DATA(self, server, session, envelope):
        print(json.dumps({
            "from": envelope.mail_from, "to": envelope.rcpt_tos,
            "encrypted": session.ssl is not None or how == "tls",
            "user": session.auth_data,
            "message": envelope.content.decode(),
        }), flush=True)
        return "250 taken"

def authenticate(server, session, envelope, mechanism, data):
    right = isinstance(data, LoginPassword) and data.login == b"midwatch" and data.password == b"a secret word"
    return AuthResult(success=right, handled=False, auth_data=data.login.decode() if right else None)

certificate, key, how = sys.argv[1:4]
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(certificate, key)

def smtp():
    return SMTP(
        Handler(), enable_SMTPUTF8=True, auth_required=how != "bare", authenticator=authenticate,
        tls_context=context if how == "starttls" else None, require_starttls=how == "starttls",
        auth_require_tls=how == "starttls",
    )

async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(smtp, "127.0.0.1", 0, ssl=context if how == "tls" else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"#;

struct Server {
    child: Child,
    lines: BufReader<ChildStdout>,
    port: u16,
}

impl Server {
    fn begin(folder: &Path, how: &str) -> Self {
        let mut child = Command::new("python3")
            .arg("-c")
            .arg(SERVER)
            .args([folder.join("cert.pem"), folder.join("key.pem")])
            .arg(how)
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 with aiosmtpd");
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut port = String::new();
        lines.read_line(&mut port).unwrap();
        let port = port.trim().parse().expect("aiosmtpd is installed");
        Self { child, lines, port }
    }

    /// The next message that it took.
    fn taken(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A certificate for `localhost`, in the folder.
fn certified() -> (tempfile::TempDir, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_string()]).unwrap();
    let pem = made.cert.pem();
    std::fs::write(folder.path().join("cert.pem"), &pem).unwrap();
    std::fs::write(
        folder.path().join("key.pem"),
        made.signing_key.serialize_pem(),
    )
    .unwrap();
    (folder, pem.into_bytes())
}

fn settings(server: &Server, security: Security, authority: Option<&[u8]>) -> Settings {
    Settings {
        host: "localhost".to_string(),
        port: Some(server.port),
        security,
        login: Some(("midwatch".to_string(), "a secret word".to_string())),
        from: "Midwatch <midwatch@example.com>".to_string(),
        to: vec!["ada@example.com".to_string(), "bo@example.com".to_string()],
        authority: authority.map(<[u8]>::to_vec),
    }
}

fn tell(settings: &Settings) -> Result<String, TellError> {
    let notice = Notice {
        id: "inc-1/9/verdict".to_string(),
        incident: IncidentId("inc-1".to_string()),
        at: Timestamp::from_seconds(1_700_000_000),
        kind: "verdict".to_string(),
        subject: "Fehler auf »checkout«".to_string(),
        severity: Severity::Error,
        title: "checkout fails since a deploy".to_string(),
        lines: vec![".".to_string(), "<b>bold</b>\r\n.\r\nQUIT".to_string()],
        plan: None,
        by: String::new(),
        link: String::new(),
    };
    let telling = Telling {
        notice: &notice,
        tries: 0,
        receipt: "",
        thread: &Thread::default(),
    };
    let mail = Mail::new("email.ops", settings).unwrap();
    mail.tell(&telling, notice.at)
}

#[test]
#[ignore = "needs aiosmtpd from PyPI"]
fn mail_arrives_encrypted_and_under_a_login() {
    let (folder, pem) = certified();
    for (how, security) in [("starttls", Security::StartTls), ("tls", Security::Tls)] {
        let mut server = Server::begin(folder.path(), how);
        tell(&settings(&server, security, Some(&pem))).unwrap();
        for to in ["ada@example.com", "bo@example.com"] {
            let taken = server.taken();
            assert_eq!(taken["to"], serde_json::json!([to]), "{how}");
            assert_eq!(taken["encrypted"], true, "{how}");
            assert_eq!(taken["user"], "midwatch", "{how}");
            let message = taken["message"].as_str().unwrap();
            assert!(message.contains("References: <"), "{message}");
            assert!(message.contains("&lt;b&gt;"), "{message}");
        }
    }
}

#[test]
#[ignore = "needs aiosmtpd from PyPI"]
fn what_is_not_safe_is_refused_before_anything_is_said() {
    let (folder, pem) = certified();
    let server = Server::begin(folder.path(), "starttls");
    // A certificate that nobody vouches for.
    let error = tell(&settings(&server, Security::StartTls, None)).unwrap_err();
    assert_eq!(error.again, Again::Usual);
    assert!(
        error.why.to_lowercase().contains("certificate"),
        "{}",
        error.why
    );
    // The right certificate under another name.
    let mut other = settings(&server, Security::StartTls, Some(&pem));
    other.host = "127.0.0.1".to_string();
    assert!(tell(&other).is_err());
    // A server that offers no encryption.
    let bare = Server::begin(folder.path(), "bare");
    let error = tell(&settings(&bare, Security::StartTls, Some(&pem))).unwrap_err();
    assert!(error.why.contains("STARTTLS"), "{}", error.why);
}

#[test]
#[ignore = "needs aiosmtpd from PyPI"]
fn a_wrong_password_can_be_mended() {
    let (folder, pem) = certified();
    let server = Server::begin(folder.path(), "starttls");
    let mut wrong = settings(&server, Security::StartTls, Some(&pem));
    wrong.login = Some(("midwatch".to_string(), "wrong".to_string()));
    let error = tell(&wrong).unwrap_err();
    assert_eq!(error.again, Again::Usual);
    assert!(error.why.contains("535"), "{}", error.why);
    assert!(!error.why.contains("wrong"), "{}", error.why);
}
