//! OTLP ingest on one core: spans and log lines, from the socket into the window on the disk, beside a peer.
//!
//! ```text
//! cargo bench -p midwatch-server --bench ingest -- [--seconds N] [--peer "COMMAND {http}"]
//! ```
//! Each server is a process of its own, bound to the first core; the senders keep to the others. What is
//! measured is what one core does: rows over the CPU seconds that the server's process used, which a busy
//! machine does not alter, and rows over the seconds of the wall beside it. The peer is any OTLP/HTTP server,
//! given as a command in which `{http}` stands for the address to listen at. One that may throw away what it
//! receives does less work than ours, which packs it, writes it and keeps it ready for detectors.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use connectors::otlp::{self, Inlet};
use model::Timestamp;
use model::ports::{Clock, NotTaken};
use model::time::{SECOND, Span};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as OtlpSpan};
use prost::Message;
use server::otlp::{Addresses, Limits, serve};
use store::window::{self, Window};

/// Rows of one request: what the SDKs' batch processors send by default.
const ROWS: usize = 512;
/// Different requests, sent round and round.
const BODIES: usize = 64;
/// Connections that send at once.
const SENDERS: usize = 4;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct Wall;

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let nanos = since.map_or(0, |since| since.as_nanos());
        Timestamp(i64::try_from(nanos).unwrap_or(i64::MAX))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let after = |name: &str| {
        let at = words.iter().position(|word| word == name)?;
        words.get(at + 1).cloned()
    };
    if let Some(folder) = after("--serve") {
        return stand(&folder);
    }
    let seconds: u64 = after("--seconds").map_or(Ok(10), |text| text.parse())?;
    println!(
        "{ROWS} rows a request, {SENDERS} connections, {seconds} s each; the server on one core"
    );
    let mut ours = Vec::new();
    for signal in ["traces", "logs"] {
        let folder = tempfile::tempdir()?;
        let me = std::env::current_exe()?;
        let mut command = pinned(&me.display().to_string());
        command.arg("--serve").arg(folder.path());
        let mut child = Ended(command.stdout(Stdio::piped()).spawn()?);
        let out = child.0.stdout.take().ok_or("no output")?;
        let mut said = BufReader::new(out).lines();
        let at: SocketAddr = said.next().ok_or("it said nothing")??.parse()?;
        let rate = measure(&child, at, signal, seconds)?;
        rate.print("midwatch", signal);
        ours.push(rate);
    }
    let Some(peer) = after("--peer") else {
        println!("no --peer given: nothing to compare with");
        return Ok(());
    };
    for (signal, ours) in ["traces", "logs"].iter().zip(&ours) {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let line = peer.replace("{http}", &free.to_string());
        let mut words = line.split_whitespace();
        let mut command = pinned(words.next().ok_or("--peer is empty")?);
        command
            .args(words)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = Ended(command.spawn()?);
        let begin = Instant::now();
        while TcpStream::connect(free).is_err() {
            if begin.elapsed() > Duration::from_secs(20) {
                return Err("the peer does not listen".into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let theirs = measure(&child, free, signal, seconds)?;
        theirs.print("peer", signal);
        println!(
            "{signal}: midwatch / peer = {:.2} by CPU seconds, {:.2} by the wall",
            ours.per_cpu() / theirs.per_cpu(),
            ours.per_wall() / theirs.per_wall()
        );
    }
    Ok(())
}

/// A process that does not outlive the measurement.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn pinned(program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", "0", program]);
    command
}

/// Our server, until it is ended.
fn stand(folder: &str) -> Result<(), Box<dyn std::error::Error>> {
    let window = Window::open(std::path::Path::new(folder), window::Limits::default())?;
    let window = Arc::new(window);
    let full = Arc::clone(&window);
    let keep = move |batch, now| {
        window.append(batch, now).map_err(|_| NotTaken::Busy {
            retry_after: Span(SECOND),
        })
    };
    let inlet = Inlet::new(otlp::Limits::default(), keep).unless(move |now| full.closed(now));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let addresses = Addresses {
            grpc: None,
            http: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        };
        let bound = serve(
            addresses,
            Arc::new(inlet),
            Arc::new(Wall),
            Limits::default(),
            std::future::pending(),
        );
        let bound = bound.await?;
        if let Some(at) = bound.http {
            println!("{at}");
        }
        bound.ended().await;
        Ok(())
    })
}

#[derive(Clone, Copy, Debug)]
struct Rate {
    rows: u64,
    refused: u64,
    wall: f64,
    cpu: f64,
    memory: u64,
}

impl Rate {
    fn per_cpu(&self) -> f64 {
        self.rows as f64 / self.cpu.max(1e-9)
    }

    fn per_wall(&self) -> f64 {
        self.rows as f64 / self.wall.max(1e-9)
    }

    fn print(&self, who: &str, signal: &str) {
        println!(
            "{who} {signal}: {:.0} rows/s of one core, {:.0} rows/s of the wall, {} requests sent away, {} MiB at most",
            self.per_cpu(),
            self.per_wall(),
            self.refused,
            self.memory >> 20
        );
    }
}

fn measure(
    child: &Ended,
    at: SocketAddr,
    signal: &str,
    seconds: u64,
) -> Result<Rate, Box<dyn std::error::Error>> {
    let bodies: Arc<Vec<Vec<u8>>> = Arc::new((0..BODIES).map(|i| body(signal, i)).collect());
    let (rows, refused) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let over = Arc::new(AtomicBool::new(false));
    let before = cpu(child.0.id());
    let begin = Instant::now();
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (bodies, rows, refused) = (bodies.clone(), rows.clone(), refused.clone());
            let (over, path) = (over.clone(), format!("/v1/{signal}"));
            std::thread::spawn(move || {
                let mut connection = BufReader::new(TcpStream::connect(at)?);
                let mut i = sender;
                while !over.load(Ordering::Relaxed) {
                    let status = post(&mut connection, &path, &bodies[i % BODIES]);
                    i += 1;
                    if status.as_ref().is_ok_and(|status| *status == 200) {
                        rows.fetch_add(ROWS as u64, Ordering::Relaxed);
                        continue;
                    }
                    // Sent away, perhaps before the body was read, which ends the connection: it waits as it is told.
                    refused.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(Duration::from_secs(1));
                    connection = BufReader::new(TcpStream::connect(at)?);
                }
                Ok::<(), std::io::Error>(())
            })
        })
        .collect();
    std::thread::sleep(Duration::from_secs(seconds));
    over.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.join().map_err(|_| "a sender panicked")??;
    }
    Ok(Rate {
        rows: rows.load(Ordering::Relaxed),
        refused: refused.load(Ordering::Relaxed),
        wall: begin.elapsed().as_secs_f64(),
        cpu: cpu(child.0.id()) - before,
        memory: peak(child.0.id()),
    })
}

/// CPU seconds of a process and its threads (`utime` and `stime` of `proc_pid_stat(5)`, in ticks of 10 ms).
fn cpu(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2);
    ticks.filter_map(|t| t.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// The most memory that a process had, in bytes.
fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}

fn post(connection: &mut BufReader<TcpStream>, path: &str, body: &[u8]) -> std::io::Result<u16> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    connection.get_mut().write_all(head.as_bytes())?;
    connection.get_mut().write_all(body)?;
    let (mut status, mut length) = (0, 0);
    let mut line = String::new();
    loop {
        line.clear();
        if connection.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
            status = rest
                .split(' ')
                .next()
                .and_then(|s| s.parse().ok())
                .unwrap_or(0);
        } else if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = text.trim().parse().unwrap_or(0);
        } else if line == "\r\n" {
            break;
        }
    }
    std::io::copy(&mut connection.by_ref().take(length), &mut std::io::sink())?;
    Ok(status)
}

fn attribute(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_string(),
        value: Some(AnyValue {
            value: Some(Value::StringValue(value.to_string())),
        }),
        ..KeyValue::default()
    }
}

/// Chance with a seed: splitmix64.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

/// A request as a service's SDK sends it.
fn body(signal: &str, number: usize) -> Vec<u8> {
    let mut chance = Chance(number as u64);
    let now = Wall.now().0 as u64;
    let service = ["api", "createTransaction", "getBalance", "ledger"][number % 4];
    let resource = Some(Resource {
        attributes: vec![
            attribute("service.name", service),
            attribute("service.version", "1.4.2"),
            attribute(
                "service.instance.id",
                &format!("{service}-7f9c4d-{}", number % 3),
            ),
            attribute("host.name", &format!("ip-10-0-{}-17", number % 3)),
            attribute("cloud.region", "ap-southeast-1"),
            attribute("telemetry.sdk.language", "rust"),
        ],
        ..Resource::default()
    });
    if signal == "traces" {
        let mut trace = chance.bytes(16);
        let spans = (0..ROWS).map(|i| {
            if i % 8 == 0 {
                trace = chance.bytes(16);
            }
            let start = now - chance.next() % 1_000_000_000;
            OtlpSpan {
                trace_id: trace.clone(),
                span_id: chance.bytes(8),
                parent_span_id: if i % 8 == 0 {
                    Vec::new()
                } else {
                    chance.bytes(8)
                },
                name: ["POST /transaction", "GET /balance", "put item", "health"][i % 4]
                    .to_string(),
                kind: 2 + (i % 2) as i32,
                start_time_unix_nano: start,
                end_time_unix_nano: start + chance.next() % 50_000_000,
                attributes: vec![
                    attribute("http.request.method", "POST"),
                    attribute("http.route", "/transaction"),
                    attribute("http.response.status_code", "200"),
                    attribute("server.address", "ledger.internal"),
                    attribute("url.scheme", "http"),
                    attribute("transaction.id", &format!("{:016x}", chance.next())),
                ],
                ..OtlpSpan::default()
            }
        });
        let spans = spans.collect();
        ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource,
                scope_spans: vec![ScopeSpans {
                    spans,
                    ..ScopeSpans::default()
                }],
                ..ResourceSpans::default()
            }],
        }
        .encode_to_vec()
    } else {
        let records = (0..ROWS).map(|i| {
            let at = now - chance.next() % 1_000_000_000;
            let said = format!(
                "transaction {:016x} of account {} accepted after {} ms",
                chance.next(),
                chance.next() % 10_000,
                chance.next() % 90
            );
            LogRecord {
                time_unix_nano: at,
                observed_time_unix_nano: at,
                severity_number: 9,
                severity_text: "INFO".to_string(),
                body: Some(AnyValue {
                    value: Some(Value::StringValue(said)),
                }),
                attributes: vec![
                    attribute("code.function", "handler::create"),
                    attribute("thread.name", ["worker-1", "worker-2"][i % 2]),
                ],
                trace_id: chance.bytes(16),
                span_id: chance.bytes(8),
                ..LogRecord::default()
            }
        });
        let log_records = records.collect();
        ExportLogsServiceRequest {
            resource_logs: vec![ResourceLogs {
                resource,
                scope_logs: vec![ScopeLogs {
                    log_records,
                    ..ScopeLogs::default()
                }],
                ..ResourceLogs::default()
            }],
        }
        .encode_to_vec()
    }
}
