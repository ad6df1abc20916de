//! A running server, and what the world does to it: telemetry that cannot be read or is too much, clocks that are days
//! off, a disk that is full, a journal that is damaged, a policy that is none.
//!
//! The flood takes a minute and runs only when asked to (`CONTRIBUTING.md`).

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use store::journal::Store;

const ALARM: &str = r#"
[[alarm]]
name = "errors"
entity = "service/*"
metric = "span.error_share"
statistic = "Average"
period = "5s"
every = "1s"
comparison = "GreaterThanThreshold"
threshold = 0.5
treat_missing_data = "ignore"
"#;

/// The program of this build, or the one that `MIDWATCH_PROGRAM` names.
fn program() -> String {
    std::env::var("MIDWATCH_PROGRAM").unwrap_or(env!("CARGO_BIN_EXE_midwatch").to_string())
}

/// A configuration with free ports and one alarm.
fn configured(folder: &Path, more: &str) -> PathBuf {
    std::fs::write(folder.join("rules.toml"), ALARM).unwrap();
    let text = format!(
        r#"
[telemetry]
grpc = "127.0.0.1:0"
http = "127.0.0.1:0"
max_request = "256KiB"
[watch]
rules = ["rules.toml"]
every = "100ms"
[notify]
terminal = false
{more}
"#
    );
    let file = folder.join("midwatch.toml");
    std::fs::write(&file, text).unwrap();
    file
}

/// `midwatch serve` as a process of its own.
struct Server {
    child: Child,
    config: PathBuf,
    grpc: SocketAddr,
    http: SocketAddr,
    /// What it said before it listened.
    said: String,
}

impl Server {
    /// Started by the shell's words, which end in `exec "$0" serve --config "$1"`.
    fn begin(config: &Path, shell: &str) -> Self {
        let mut child = Command::new("sh")
            .args(["-c", shell])
            .arg(program())
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = String::new();
        let line = loop {
            let line = lines.next().expect("it listens").unwrap();
            if line.contains("keeps watch") {
                break line;
            }
            said += &line;
            said.push('\n');
        };
        // Whoever writes to a pipe that nobody reads stands still.
        std::thread::spawn(move || lines.for_each(drop));
        let mut addresses = line.split([' ', ',', ';']).filter_map(|w| w.parse().ok());
        Self {
            child,
            config: config.to_path_buf(),
            grpc: addresses.next().unwrap(),
            http: addresses.next().unwrap(),
            said,
        }
    }

    fn plain(config: &Path) -> Self {
        Self::begin(config, "exec \"$0\" serve --config \"$1\"")
    }

    /// The answer's status, headers and body.
    fn post(&self, path: &str, headers: &str, body: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.http).unwrap();
        let length = body.len();
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n\r\n"
        )
        .unwrap();
        // Who is refused early may not read it all.
        let _ = stream.write_all(body);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn traces(&self, body: &[u8]) -> String {
        self.post("/v1/traces", "content-type: application/x-protobuf", body)
    }

    /// Standard output and error of one of the commands beside it.
    fn midwatch(&self, words: &[&str]) -> String {
        midwatch(&self.config, words).1
    }

    fn incidents(&self) -> usize {
        let file = self.config.with_file_name("midwatch-data/midwatch.db");
        let store = Store::open_read_only(&file).unwrap();
        model::ports::Journal::incidents(&store, false)
            .unwrap()
            .len()
    }

    fn status(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with(name));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        kib.unwrap_or(0) << 10
    }

    #[track_caller]
    fn alive(&mut self) {
        let ended = self.child.try_wait().unwrap();
        assert!(ended.is_none(), "it ended: {ended:?}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The exit code, and standard output and error together.
fn midwatch(config: &Path, words: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(program())
        .args(words)
        .arg("--config")
        .arg(config)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    // Lines are broken to fit a terminal.
    let words: Vec<String> = String::from_utf8_lossy(&text)
        .split_whitespace()
        .map(str::to_string)
        .collect();
    (output.status.code(), words.join(" "))
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_nanos()).unwrap()
}

/// A trace export request in protocol buffers, and where its times stand.
#[derive(Clone)]
struct Request {
    bytes: Vec<u8>,
    times: Vec<usize>,
}

/// Field numbers are those of `opentelemetry/proto/trace/v1/trace.proto`.
impl Request {
    fn varint(out: &mut Vec<u8>, mut value: u64) {
        while value >= 0x80 {
            out.push(value as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
    }

    fn bytes(out: &mut Vec<u8>, number: u64, bytes: &[u8]) {
        Self::varint(out, number << 3 | 2);
        Self::varint(out, bytes.len() as u64);
        out.extend_from_slice(bytes);
    }

    fn attribute(out: &mut Vec<u8>, number: u64, key: &str, value: &str) {
        let (mut pair, mut any) = (Vec::new(), Vec::new());
        Self::bytes(&mut any, 1, value.as_bytes());
        Self::bytes(&mut pair, 1, key.as_bytes());
        Self::bytes(&mut pair, 2, &any);
        Self::bytes(out, number, &pair);
    }

    /// `count` calls of one service, all well or all failed, that ended at `at`.
    fn of(service: &str, count: usize, failed: bool, at: i64) -> Self {
        let (mut scope, mut times) = (Vec::new(), Vec::new());
        for i in 0..count as u64 {
            let mut span = Vec::new();
            Self::bytes(&mut span, 1, &(i / 8 + 1).to_be_bytes().repeat(2));
            Self::bytes(&mut span, 2, &(i + 1).to_be_bytes());
            Self::bytes(&mut span, 5, b"GET /accounts/{id}");
            span.extend_from_slice(&[6 << 3, 2]);
            let mut inside = Vec::new();
            for number in [7_u64, 8] {
                Self::varint(&mut span, number << 3 | 1);
                inside.push(span.len());
                span.extend_from_slice(&at.to_le_bytes());
            }
            Self::attribute(&mut span, 9, "http.route", "/accounts/{id}");
            Self::attribute(
                &mut span,
                9,
                "user.id",
                &format!("u-{}", i * 7919 % 100_000),
            );
            if failed {
                let mut status = Vec::new();
                Self::bytes(&mut status, 2, b"boom");
                status.extend_from_slice(&[3 << 3, 2]);
                Self::bytes(&mut span, 15, &status);
            }
            Self::varint(&mut scope, 2 << 3 | 2);
            Self::varint(&mut scope, span.len() as u64);
            times.extend(inside.iter().map(|place| scope.len() + place));
            scope.extend_from_slice(&span);
        }
        let (mut resource, mut inner) = (Vec::new(), Vec::new());
        Self::attribute(&mut resource, 1, "service.name", service);
        Self::bytes(&mut inner, 1, &resource);
        Self::bytes(&mut inner, 2, &scope);
        let before_scope = inner.len() - scope.len();
        let mut bytes = Vec::new();
        Self::bytes(&mut bytes, 1, &inner);
        let shift = bytes.len() - inner.len() + before_scope;
        Self {
            times: times.into_iter().map(|place| place + shift).collect(),
            bytes,
        }
    }

    /// Moves all spans: they began 20 ms before `at`.
    fn at(&mut self, at: i64) {
        for (index, place) in self.times.iter().enumerate() {
            let time = if index % 2 == 0 { at - 20_000_000 } else { at };
            self.bytes[*place..*place + 8].copy_from_slice(&time.to_le_bytes());
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

#[test]
fn what_cannot_be_read_is_refused_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::plain(&configured(folder.path(), ""));
    let json = "content-type: application/json";
    let packed = "content-type: application/x-protobuf\r\ncontent-encoding: gzip";
    let good = Request::of("checkout", 30, true, now() - 1_000_000);
    let bomb = gzip(&vec![0; 64 << 20]);
    let deep = [b"{\"resourceSpans\":".to_vec(), b"[".repeat(100_000)].concat();
    let mut cut = good.bytes.clone();
    cut.truncate(cut.len() / 2);
    for (what, headers, body, status) in [
        (
            "noise",
            "content-type: application/x-protobuf",
            &b"\xff\xff\xff\xff\xff"[..],
            "400",
        ),
        (
            "half a request",
            "content-type: application/x-protobuf",
            &cut,
            "400",
        ),
        ("JSON that is none", json, b"{\"resourceSpans\": 7", "400"),
        ("brackets without end", json, &deep, "400"),
        (
            "no kind that is known",
            "content-type: text/plain",
            b"hello",
            "415",
        ),
        (
            "too much",
            "content-type: application/x-protobuf",
            &vec![0; 400 << 10],
            "413",
        ),
        ("a bomb", packed, &bomb, "413"),
        (
            "a pack that is none",
            packed,
            b"\x1f\x8b\x08nonsense",
            "400",
        ),
    ] {
        let answer = server.post("/v1/traces", headers, body);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{what}: {answer}"
        );
        server.alive();
    }
    // What speaks no HTTP at all, and what begins and goes.
    for address in [server.grpc, server.http] {
        let mut stream = TcpStream::connect(address).unwrap();
        let _ = stream.write_all(&[0xff; 4096]);
        drop(stream);
        let mut stream = TcpStream::connect(address).unwrap();
        let _ = stream.write_all(b"POST /v1/traces HTTP/1.1\r\ncontent-length: 100000\r\n");
    }
    // Clocks that are days off are put right, and the calls count as of now.
    let day = 24 * 3_600 * 1_000_000_000_i64;
    for (service, at) in [("early", now() - 3 * day), ("late", now() + 3 * day)] {
        let answer = server.traces(&Request::of(service, 30, true, at).bytes);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert!(server.traces(&good.bytes).starts_with("HTTP/1.1 200"));
    let errors = server.midwatch(&["ask", "errors in the last 5 minutes"]);
    for service in ["service/checkout", "service/early", "service/late"] {
        assert!(errors.contains(service), "{service}: {errors}");
    }
    let doctor = server.midwatch(&["doctor"]);
    for said in [
        "5 requests that cannot be read",
        "2 requests refused as too large",
    ] {
        assert!(doctor.contains(said), "{said}: {doctor}");
    }
    // The bomb was not unpacked into memory.
    assert!(
        server.status("VmHWM") < 300 << 20,
        "{}",
        server.status("VmHWM")
    );
    server.alive();
}

#[test]
fn a_damaged_journal_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let config = configured(folder.path(), "");
    let file = folder.path().join("midwatch-data/midwatch.db");
    drop(Store::open(&file).unwrap());
    let whole = std::fs::read(&file).unwrap();
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle..middle + 2_000]
        .iter_mut()
        .for_each(|byte| *byte ^= 0xff);
    for (what, bytes) in [
        ("flipped", flipped),
        ("cut off", whole[..6_000].to_vec()),
        (
            "a text",
            b"This is no database, although it is long enough to be taken for one.".to_vec(),
        ),
    ] {
        std::fs::write(&file, &bytes).unwrap();
        for words in [["serve"].as_slice(), &["journal", "verify"]] {
            let (code, said) = midwatch(&config, words);
            assert_eq!(code, Some(2), "{what}, {words:?}: {said}");
            for part in ["midwatch.db", "damaged", "left as it is", "backup"] {
                assert!(said.contains(part), "{what}, {words:?}: {said}");
            }
        }
        assert_eq!(
            std::fs::read(&file).unwrap(),
            bytes,
            "{what}: it was altered"
        );
    }
}

#[test]
fn a_policy_that_cannot_be_read_permits_nothing_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bad.cedar"), "permit (principal, action").unwrap();
    let config = configured(folder.path(), "[act]\npolicy = \"bad.cedar\"\n");
    let server = Server::plain(&config);
    assert!(
        server.said.contains("nothing is permitted"),
        "{}",
        server.said
    );
    let doctor = server.midwatch(&["doctor"]);
    assert!(doctor.contains("broken policy"), "{doctor}");
    // A second server on the same folder is told who has it.
    let (code, said) = midwatch(&config, &["serve"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("another midwatch holds this"), "{said}");
}

/// The limit of a file's size stands for a disk without room: both refuse a write in its middle.
#[test]
fn an_alarm_that_cannot_be_written_down_is_written_once_there_is_room() {
    if Command::new("prlimit").arg("--version").output().is_err() {
        eprintln!("PASSED OVER: there is no prlimit here");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let config = configured(folder.path(), "");
    let mut server = Server::begin(&config, "trap '' XFSZ; exec \"$0\" serve --config \"$1\"");
    let limit = |server: &Server, bytes: &str| {
        let done = Command::new("prlimit")
            .args(["--pid", &server.child.id().to_string()])
            .arg(format!("--fsize={bytes}:unlimited"))
            .status();
        assert!(done.unwrap().success());
    };
    limit(&server, "2048");
    let mut calls = Request::of("checkout", 30, true, 0);
    let mut until = |server: &mut Server, what: &str, so: &dyn Fn(&Server) -> bool| {
        let began = Instant::now();
        while !so(server) {
            calls.at(now());
            let answer = server.traces(&calls.bytes);
            // Taken into memory, or sent away for the time being; never lost without a word.
            let honest = ["HTTP/1.1 200", "HTTP/1.1 503"];
            assert!(
                honest.iter().any(|start| answer.starts_with(start)),
                "{answer}"
            );
            server.alive();
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "{what}: {}",
                server.midwatch(&["doctor"])
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    };
    until(&mut server, "it says so", &|server| {
        let doctor = server.midwatch(&["doctor"]);
        doctor.contains("alarms: errors, service/checkout")
            && doctor.contains("broken telemetry window")
    });
    assert_eq!(server.incidents(), 0);
    limit(&server, "unlimited");
    until(&mut server, "it is written", &|server| {
        server.incidents() == 1
    });
    until(&mut server, "all is well", &|server| {
        !server.midwatch(&["doctor"]).contains("alarms: errors,")
    });
    let verified = server.midwatch(&["journal", "verify"]);
    assert!(verified.contains("1 journals, 0 broken"), "{verified}");
}

/// What is looked at may be part of what is broken.
#[test]
fn an_incident_is_opened_although_the_control_plane_hangs() {
    // It takes connections and never says a word.
    let hangs = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let more = format!(
        "[connectors.payledger]\ncontrol_plane = \"http://{}\"\n",
        hangs.local_addr().unwrap()
    );
    let mut server = Server::plain(&configured(folder.path(), &more));
    let mut calls = Request::of("checkout", 30, true, 0);
    let began = Instant::now();
    while server.incidents() == 0 {
        calls.at(now());
        assert!(server.traces(&calls.bytes).starts_with("HTTP/1.1 200"));
        server.alive();
        assert!(began.elapsed() < Duration::from_secs(40));
        std::thread::sleep(Duration::from_millis(100));
    }
    let file = folder.path().join("midwatch-data/midwatch.db");
    let store = Store::open_read_only(&file).unwrap();
    let ids = model::ports::Journal::incidents(&store, false).unwrap();
    let first = model::ports::Journal::read(&store, &ids[0])
        .unwrap()
        .remove(0);
    let model::incident::IncidentEvent::Opened { alarm, .. } = &first.event else {
        panic!("{first:?}");
    };
    // Three seconds for each of six questions is what connectors wait.
    let waited = first.at.since(alarm.fired_at);
    assert!(waited < model::time::Span::seconds(3), "{waited:?}");
}

fn ask(name: &str, otherwise: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Spans of one request of the flood.
const ROWS: usize = 512;

/// Sends at a steady pace until it is over; the spans of what was taken, and requests sent away. Whoever is sent away
/// before the body was read finds the connection closed, and comes again on a new one, as senders do.
fn send(
    http: SocketAddr,
    rate: f64,
    (failing, over): (&AtomicBool, &AtomicBool),
    (taken, away): (&AtomicU64, &AtomicU64),
) {
    let services = ["api", "ledger", "payments", "mail"];
    let make = |failed| services.map(|service| Request::of(service, ROWS, failed, 0));
    let (mut well, mut ill) = (make(false), make(true));
    let mut connection = None;
    let (began, mut sent) = (Instant::now(), 0_u32);
    while !over.load(Ordering::Relaxed) {
        let due = Duration::from_secs_f64(f64::from(sent) * ROWS as f64 / rate);
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        let kind = if failing.load(Ordering::Relaxed) {
            &mut ill
        } else {
            &mut well
        };
        let request = &mut kind[sent as usize % services.len()];
        request.at(now());
        sent += 1;
        match exchange(http, &mut connection, &request.bytes) {
            Ok(200) => taken.fetch_add(ROWS as u64, Ordering::Relaxed),
            // The answer may come before the body was read; the connection ends with it, seen or not.
            Ok(503) | Err(_) => {
                connection = None;
                away.fetch_add(1, Ordering::Relaxed)
            }
            Ok(other) => panic!("answered {other}"),
        };
    }
}

/// One request and its status, on a connection that is kept.
fn exchange(
    http: SocketAddr,
    kept: &mut Option<BufReader<TcpStream>>,
    body: &[u8],
) -> std::io::Result<u16> {
    let connection = match kept {
        Some(connection) => connection,
        None => kept.insert(BufReader::new(TcpStream::connect(http)?)),
    };
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    connection.get_mut().write_all(head.as_bytes())?;
    connection.get_mut().write_all(body)?;
    let (mut line, mut status, mut length) = (String::new(), 0, 0);
    while line != "\r\n" {
        line.clear();
        if connection.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
            status = rest
                .get(..3)
                .and_then(|code| code.parse().ok())
                .unwrap_or(0);
        } else if let Some(rest) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = rest.trim().parse().unwrap_or(0);
        }
    }
    std::io::copy(&mut connection.by_ref().take(length), &mut std::io::sink())?;
    Ok(status)
}

/// A hundred thousand spans a second for a minute, from a sender that ends itself.
#[test]
#[ignore = "takes a minute and a whole machine; CONTRIBUTING.md"]
fn a_flood_is_shed_with_counts_and_alarms_go_on() {
    let count = ask("MIDWATCH_SENDERS", 4);
    let (seconds, rate) = (ask("MIDWATCH_SECONDS", 60), ask("MIDWATCH_RATE", 100_000));
    let folder = tempfile::tempdir().unwrap();
    let config = configured(folder.path(), "");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("256KiB", "16MiB")).unwrap();
    let mut server = Server::plain(&config);
    let (failing, over) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let (taken, away) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let senders: Vec<_> = (0..count)
        .map(|_| {
            let flags = (failing.clone(), over.clone());
            let counts = (taken.clone(), away.clone());
            let (http, rate) = (server.http, rate as f64 / count as f64);
            std::thread::spawn(move || {
                send(http, rate, (&flags.0, &flags.1), (&counts.0, &counts.1))
            })
        })
        .collect();
    let began = Instant::now();
    let (mut most, mut opened, mut turned) = (0, None, None);
    while began.elapsed() < Duration::from_secs(seconds) {
        std::thread::sleep(Duration::from_millis(100));
        most = most.max(server.status("VmRSS"));
        server.alive();
        if turned.is_none() && began.elapsed() > Duration::from_secs(seconds / 2) {
            assert_eq!(server.incidents(), 0);
            failing.store(true, Ordering::Relaxed);
            turned = Some(Instant::now());
            println!(
                "{} MiB of memory at most before anything is looked at",
                most >> 20
            );
        }
        if let (Some(turned), None) = (turned, opened)
            && server.incidents() > 0
        {
            opened = Some(turned.elapsed());
        }
    }
    let elapsed = began.elapsed().as_secs_f64();
    over.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.join().unwrap();
    }
    let (taken, away) = (taken.load(Ordering::Relaxed), away.load(Ordering::Relaxed));
    println!(
        "{elapsed:.0} s at {rate} spans/s asked for: {taken} spans taken ({:.0}/s), {away} requests of 512 sent away; {} MiB of memory at most",
        taken as f64 / elapsed,
        most >> 20
    );
    println!(
        "calls fail: the incident is open after {opened:?} (5 s periods, over half of which must have failed)"
    );
    let doctor = server.midwatch(&["doctor"]);
    println!("{doctor}");
    // Nothing is lost in silence: what the senders know of is what the server tells of.
    assert!(
        doctor.contains(&format!("; {taken} spans,")),
        "{taken} spans"
    );
    let told = match away {
        0 => !doctor.contains("sent away"),
        _ => doctor.contains(&format!("; {away} requests sent away to come again")),
    };
    assert!(told, "{away} requests were sent away");
    assert!(opened.is_some(), "no alarm in the flood");
    // What a look takes down (`capture_bytes`, 256 MiB of rows) is held as a case, written, and read again.
    let limit = ask("MIDWATCH_MOST_MIB", 1200) << 20;
    assert!(most < limit, "{most} bytes of memory");
    server.alive();
}
