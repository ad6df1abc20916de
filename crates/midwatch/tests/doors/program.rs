//! The real program, as somebody would run it: a folder, a configuration, commands, a server and requests to it.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

pub const PASSWORD: &str = "correct horse battery";

/// On free ports of the loopback; what a test adds comes after it.
pub const CONFIG: &str = "[server]\nlisten = \"127.0.0.1:0\"\n[telemetry]\ngrpc = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n[notify]\nterminal = false\n";

/// A command with what is typed into it: whether it went well, and all that it said.
pub fn midwatch(folder: &Path, words: &[&str], input: &str) -> (bool, String) {
    let (exit, said) = ended(folder, words, input);
    (exit == 0, said)
}

/// A command with what is typed into it: how it ended, and all that it said.
pub fn ended(folder: &Path, words: &[&str], input: &str) -> (i32, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_midwatch"))
        .args(words)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // Commands that read nothing may have closed it.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), said)
}

/// Makes an account with the usual password.
pub fn add_person(folder: &Path, name: &str, role: &str) {
    let words = ["people", "add", name, "--role", role, "--password-stdin"];
    let (done, said) = midwatch(folder, &words, &format!("{PASSWORD}\n"));
    assert!(done, "{said}");
}

/// Waits until it is so.
#[track_caller]
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "{what}: not within a minute"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Got {
    pub status: u16,
    pub head: String,
    pub text: String,
}

impl Got {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// What a header says, the first of that name.
    pub fn header(&self, name: &str) -> Option<String> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found
                .eq_ignore_ascii_case(name)
                .then(|| value.trim().to_string())
        })
    }

    /// The session's cookie, as it is sent back.
    pub fn cookie(&self) -> String {
        let cookie = self.header("set-cookie").unwrap();
        cookie.split(';').next().unwrap().to_string()
    }
}

/// Sends those bytes, and reads what comes until the other side ends, or a stream of events begins; `None` where nothing
/// can be read as an answer.
pub fn exchange(mut stream: impl Read + Write, request: &[u8]) -> Option<Got> {
    // Who refuses early may close before all is sent.
    let _ = stream.write_all(request);
    let _ = stream.flush();
    let mut answer = Vec::new();
    let mut piece = [0; 8192];
    loop {
        let read = stream.read(&mut piece).unwrap_or(0);
        answer.extend_from_slice(&piece[..read]);
        let events = read < 1_024 && {
            let text = String::from_utf8_lossy(&answer);
            text.contains("text/event-stream") && text.contains("retry:")
        };
        if read == 0 || events {
            break;
        }
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, text) = answer.split_once("\r\n\r\n")?;
    Some(Got {
        status: head.split(' ').nth(1)?.parse().ok()?,
        head: head.to_string(),
        text: text.to_string(),
    })
}

/// A request as it goes over the line.
pub fn request(line: &str, host: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("{line} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}")
        .into_bytes()
}

/// A server that ends when this goes.
pub struct Server {
    child: Child,
    pub folder: PathBuf,
    /// Host and port.
    pub address: String,
    pub scheme: String,
    log: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// `midwatch serve` in that folder, whose log tells so much.
    pub fn begin(folder: &Path, log: &str) -> Self {
        Self::with(folder, log, &[])
    }

    /// The same, with these in its environment.
    pub fn with(folder: &Path, log: &str, environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_midwatch"))
            .arg("serve")
            .current_dir(folder)
            .env("RUST_LOG", log)
            // What is unpacked on the way goes with the folder.
            .env("TMPDIR", folder)
            // No terminal is behind its log, which by that alone holds no colours.
            .env_remove("NO_COLOR")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let kept = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&kept);
        let reader = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                kept.lock().unwrap().push(line);
            }
        });
        let mut server = Self {
            child,
            folder: folder.to_path_buf(),
            address: String::new(),
            scheme: String::new(),
            log,
            reader: Some(reader),
        };
        let line = until("the server", || server.said("page and API at "));
        let url = line.rsplit(' ').next().unwrap();
        let (scheme, address) = url.split_once("://").unwrap();
        (server.scheme, server.address) = (scheme.to_string(), address.to_string());
        server
    }

    /// All that it said so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The newest line of the log with these words.
    pub fn said(&mut self, words: &str) -> Option<String> {
        let ended = self.child.try_wait().unwrap();
        let log = self.log.lock().unwrap();
        let found = log.iter().rev().find(|line| line.contains(words)).cloned();
        assert!(found.is_some() || ended.is_none(), "it ended: {log:#?}");
        found
    }

    /// Ends it in good order; all that it said.
    pub fn end(mut self) -> Vec<String> {
        let asked = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        assert!(asked.unwrap().success());
        self.child.wait().unwrap();
        let reader = self.reader.take().unwrap();
        reader.join().unwrap();
        std::mem::take(&mut *self.log.lock().unwrap())
    }

    /// What stands last in the one-time link that makes the first account.
    pub fn setup_token(&mut self) -> String {
        let link = until("a link", || self.said("/#/link/setup/"));
        link.trim().rsplit('/').next().unwrap().to_string()
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        stream
    }

    /// Asks without TLS.
    pub fn ask(&self, line: &str, headers: &str, body: &str) -> Got {
        let sent = request(line, &self.address, headers, body);
        exchange(self.connect(), &sent).unwrap_or_else(|| panic!("{line}: no answer"))
    }
}
