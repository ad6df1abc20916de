//! `cargo xtask load`: 200 open streams of events and 500 requests a second for a minute, while something is being
//! investigated; writes `docs/bench/load.json`.
//!
//! Each path is asked once before, as by the page when it is opened. Requests are due at fixed moments, whether or not
//! earlier ones were answered, and their time is counted from when they were due: a server that stalls cannot hide
//! behind a client that waits.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

use crate::asking::Asking;
use crate::bench::{commit, machine};
use crate::history::{Built, Server, built, recording};
use crate::house::root;

/// What was asked for.
struct Options {
    profile: String,
    seconds: u64,
    streams: usize,
    rate: u64,
    incidents: u32,
}

/// Threads that ask; each waits for its answers one after the other.
const ASKING: usize = 24;

/// Measures, and writes what came out. True if the bounds hold.
pub fn run(words: &[&str]) -> anyhow::Result<bool> {
    let options = options(words)?;
    let built = built(&options.profile)?;
    let folder = std::env::temp_dir().join(format!("midwatch-load-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let outcome = measure(&options, &built, &folder);
    fs::remove_dir_all(&folder)?;
    let outcome = outcome?;
    let file = root().join("docs/bench/load.json");
    fs::write(&file, serde_json::to_string_pretty(&outcome)? + "\n")?;
    println!("{outcome:#}\nwrote {}", file.display());
    Ok(outcome["holds"] == true)
}

fn options(words: &[&str]) -> anyhow::Result<Options> {
    let mut options = Options {
        profile: "release".to_string(),
        seconds: 60,
        streams: 200,
        rate: 500,
        incidents: 1_000,
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let value = words
            .next()
            .with_context(|| format!("{word} needs a value"))?;
        match *word {
            "--profile" => options.profile = (*value).to_string(),
            "--seconds" => options.seconds = value.parse().context("--seconds")?,
            "--streams" => options.streams = value.parse().context("--streams")?,
            "--rate" => options.rate = value.parse().context("--rate")?,
            "--incidents" => options.incidents = value.parse().context("--incidents")?,
            other => bail!("no such option: {other}"),
        }
    }
    Ok(options)
}

fn measure(options: &Options, built: &Built, folder: &Path) -> anyhow::Result<Value> {
    let machine = machine();
    let server = Server::start(built, folder, options.incidents)?;
    let paths = paths(server.address)?;
    // Alone first: how long it takes when nobody asks.
    let alone = investigations(built, Duration::from_secs(options.seconds.min(20)))?;
    let (over, most) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    // Each once: what is measured is a server that is watched, not the moment in which the first one looks.
    let mut first = Asking::new(server.address)?;
    for (_, path) in &paths {
        let (status, _) = first.get(path)?;
        ensure!(
            matches!(status, 200 | 304),
            "{path} is answered with {status}"
        );
    }
    let heard = Arc::new(AtomicUsize::new(0));
    let streams = Streams::open(server.address, options.streams, &over, &heard)?;
    let watching = {
        let over = Arc::clone(&over);
        let most = Arc::clone(&most);
        ensure!(
            server.memory().is_some(),
            "the server's memory cannot be read"
        );
        let server = &server;
        std::thread::scope(|scope| -> anyhow::Result<_> {
            scope.spawn({
                let over = Arc::clone(&over);
                move || {
                    while !over.load(Ordering::SeqCst) {
                        most.fetch_max(server.memory().unwrap_or(0), Ordering::SeqCst);
                        std::thread::sleep(Duration::from_millis(200));
                    }
                }
            });
            let length = Duration::from_secs(options.seconds);
            let asking = scope.spawn({
                let paths = &paths;
                move || asked(server.address, paths, options.rate, length)
            });
            let beside = investigations(built, length)?;
            let asked = asking
                .join()
                .map_err(|_| anyhow::anyhow!("the asking failed"))?;
            over.store(true, Ordering::SeqCst);
            Ok((beside, asked?))
        })
    };
    over.store(true, Ordering::SeqCst);
    let (beside, asked) = watching?;
    let stood = streams.stood();
    let ratio = median(&beside) / median(&alone);
    let (p50, p99) = (
        percentile(&asked.millis, 0.50),
        percentile(&asked.millis, 0.99),
    );
    let memory = most.load(Ordering::SeqCst) as f64 / f64::from(1 << 20);
    let holds = p99 < 50.0
        && ratio < 1.3
        && memory < 250.0
        && asked.failed == 0
        && stood == options.streams;
    Ok(json!({
        "commit": commit(),
        "machine": machine,
        "profile": options.profile,
        "incidents": options.incidents,
        "seconds": options.seconds,
        "streams": {"opened": options.streams, "stood_to_the_end": stood},
        "requests": {
            "a_second": options.rate,
            "answered": asked.millis.len(),
            "failed": asked.failed,
            "late_in_the_client": asked.late,
            "p50_ms": round(p50),
            "p99_ms": round(p99),
            "most_ms": round(percentile(&asked.millis, 1.0)),
            "p99_ms_by_path": asked.by_path.iter().map(|(path, millis)| {
                (path.clone(), json!(round(percentile(millis, 0.99))))
            }).collect::<serde_json::Map<_, _>>(),
        },
        "memory_mib": round(memory),
        "investigation": {
            "alone_ms": round(median(&alone)),
            "beside_ms": round(median(&beside)),
            "ratio": round(ratio),
            "runs": [alone.len(), beside.len()],
        },
        "bounds": {"p99_ms": 50, "memory_mib": 250, "ratio": 1.3},
        "holds": holds,
    }))
}

/// To hundredths.
pub fn round(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

/// The smallest of sorted numbers that is not below that share of them.
pub fn percentile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let place = (last as f64 * share).ceil() as usize;
    sorted.get(place.min(last)).copied().unwrap_or(f64::NAN)
}

/// The middle one.
pub fn median(all: &[f64]) -> f64 {
    let mut sorted = all.to_vec();
    sorted.sort_by(f64::total_cmp);
    percentile(&sorted, 0.5)
}

/// One investigation after the other for so long; how long each took, in milliseconds.
fn investigations(built: &Built, length: Duration) -> anyhow::Result<Vec<f64>> {
    let begun = Instant::now();
    let mut all = Vec::new();
    while begun.elapsed() < length {
        let one = Instant::now();
        let done = Command::new(&built.program)
            .args(["investigate", "--format", "json", "--threads", "1"])
            .arg(recording())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        ensure!(
            done.code().is_some_and(|code| code != 2),
            "the investigation failed"
        );
        all.push(one.elapsed().as_secs_f64() * 1_000.0);
    }
    Ok(all)
}

/// Streams of events that stand open.
struct Streams(Vec<std::thread::JoinHandle<bool>>);

impl Streams {
    fn open(
        address: SocketAddr,
        count: usize,
        over: &Arc<AtomicBool>,
        heard: &Arc<AtomicUsize>,
    ) -> anyhow::Result<Self> {
        let mut all = Vec::new();
        for _ in 0..count {
            let mut stream = TcpStream::connect(address)?;
            stream.set_read_timeout(Some(Duration::from_millis(500)))?;
            stream.write_all(
                format!("GET /v1/events HTTP/1.1\r\nhost: {address}\r\n\r\n").as_bytes(),
            )?;
            let (over, heard) = (Arc::clone(over), Arc::clone(heard));
            let thread = std::thread::Builder::new().stack_size(128 << 10);
            all.push(thread.spawn(move || {
                let mut buffer = [0; 4096];
                let mut begun = false;
                while !over.load(Ordering::SeqCst) {
                    match stream.read(&mut buffer) {
                        Ok(0) => return false,
                        Ok(count) => {
                            begun |= buffer[..count].starts_with(b"HTTP/1.1 200");
                            heard.fetch_add(count, Ordering::SeqCst);
                        }
                        Err(error)
                            if matches!(
                                error.kind(),
                                std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                            ) => {}
                        Err(_) => return false,
                    }
                }
                begun
            })?);
        }
        Ok(Self(all))
    }

    /// How many were there from beginning to end.
    fn stood(self) -> usize {
        let stood = self.0.into_iter().filter_map(|one| one.join().ok());
        stood.filter(|stood| *stood).count()
    }
}

/// What is asked for, in turn: what a page asks for.
fn paths(address: SocketAddr) -> anyhow::Result<Vec<(String, String)>> {
    let space = "/v1/spaces/main";
    let mut asking = Asking::new(address)?;
    let (status, body) = asking.get(&format!("{space}/incidents?all=true&limit=200"))?;
    ensure!(status == 200, "the incidents are answered with {status}");
    let listed: Value = serde_json::from_slice(&body)?;
    let items = listed["items"].as_array().cloned().unwrap_or_default();
    ensure!(!items.is_empty(), "there are no incidents");
    let mut paths = Vec::new();
    for item in items.iter().take(20) {
        let id = item["id"].as_str().context("an incident has an id")?;
        for (name, path) in [
            ("incidents", format!("{space}/incidents?limit=50")),
            ("incident", format!("{space}/incidents/{id}")),
            ("stats", format!("{space}/stats")),
            ("lessons", format!("{space}/lessons?limit=50")),
            (
                "timeline",
                format!("{space}/incidents/{id}/timeline?limit=20"),
            ),
            (
                "all incidents",
                format!("{space}/incidents?all=true&limit=50"),
            ),
            ("report", format!("{space}/incidents/{id}/report")),
            ("changes", format!("{space}/changes")),
            ("silences", format!("{space}/silences")),
            ("readiness", "/readyz".to_string()),
        ] {
            paths.push((name.to_string(), path));
        }
    }
    Ok(paths)
}

/// What came of the requests.
struct Asked {
    /// Of all that were answered well, sorted.
    millis: Vec<f64>,
    by_path: BTreeMap<String, Vec<f64>>,
    failed: usize,
    /// Requests that were sent more than 5 ms after they were due, because all that ask were waiting.
    late: usize,
}

fn asked(
    address: SocketAddr,
    paths: &[(String, String)],
    rate: u64,
    length: Duration,
) -> anyhow::Result<Asked> {
    let count = rate * length.as_secs();
    let next = AtomicU64::new(0);
    let begun = Instant::now();
    let parts = std::thread::scope(|scope| -> anyhow::Result<Vec<_>> {
        let threads: Vec<_> = (0..ASKING)
            .map(|_| {
                scope.spawn(|| -> anyhow::Result<_> {
                    let mut asking = Asking::new(address)?;
                    let mut all: Vec<(usize, f64)> = Vec::new();
                    let (mut failed, mut late) = (0, 0);
                    loop {
                        let number = next.fetch_add(1, Ordering::SeqCst);
                        if number >= count {
                            return Ok((all, failed, late));
                        }
                        let due = Duration::from_micros(number * 1_000_000 / rate.max(1));
                        if let Some(wait) = due.checked_sub(begun.elapsed()) {
                            std::thread::sleep(wait);
                        }
                        late += usize::from(begun.elapsed().saturating_sub(due).as_millis() > 5);
                        let place = usize::try_from(number)? % paths.len();
                        match asking.get(&paths[place].1) {
                            Ok((200 | 304, _)) => {
                                let took = begun.elapsed().saturating_sub(due);
                                all.push((place, took.as_secs_f64() * 1_000.0));
                            }
                            _ => {
                                failed += 1;
                                asking = Asking::new(address)?;
                            }
                        }
                    }
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .map_err(|_| anyhow::anyhow!("a thread failed"))?
            })
            .collect()
    })?;
    let mut asked = Asked {
        millis: Vec::new(),
        by_path: BTreeMap::new(),
        failed: 0,
        late: 0,
    };
    for (all, failed, late) in parts {
        asked.failed += failed;
        asked.late += late;
        for (place, millis) in all {
            asked.millis.push(millis);
            let name = paths[place].0.clone();
            asked.by_path.entry(name).or_default().push(millis);
        }
    }
    asked.millis.sort_by(f64::total_cmp);
    for millis in asked.by_path.values_mut() {
        millis.sort_by(f64::total_cmp);
    }
    Ok(asked)
}
