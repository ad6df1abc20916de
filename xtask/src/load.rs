//! `cargo xtask load`: 200 open streams of events and 500 requests a second for a minute, while the same server
//! investigates one recording after the other; writes `docs/bench/load.json`.
//!
//! Each path is asked once before, as by the page when it is opened. Requests are due at fixed moments, whether or not
//! earlier ones were answered, and their time is counted from when they were due: a server that stalls cannot hide
//! behind a client that waits.
//!
//! Between them the same clients ask a server that does nothing but answer ([`Idle`]): what that one needs at the same
//! moments is the machine's share, not ours.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

use crate::asking::Asking;
use crate::bench::{commit, machine};
use crate::history::{Built, Server, built};
use crate::house::root;

/// What was asked for.
struct Options {
    profile: String,
    seconds: u64,
    streams: usize,
    rate: u64,
    incidents: u32,
}

/// What 99 of 100 requests have to stay under, in milliseconds.
const BOUND_MS: f64 = 50.0;

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
    let key = server.key("responder")?;
    server.put_demo(&key)?;
    let paths = paths(server.address, &key)?;
    // Alone first: how long it takes when nobody asks.
    let length = Duration::from_secs(options.seconds.min(20));
    let alone = investigations(server.address, &key, length)?;
    let (over, most) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    // Each once: what is measured is a server that is watched, not the moment in which the first one looks.
    let mut first = Asking::holding(server.address, &key)?;
    for (_, path) in &paths {
        let (status, _) = first.get(path)?;
        ensure!(
            matches!(status, 200 | 304),
            "{path} is answered with {status}"
        );
    }
    let heard = Arc::new(AtomicUsize::new(0));
    let streams = Streams::open((server.address, &key), options.streams, &over, &heard)?;
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
                let (paths, key) = (&paths, key.as_str());
                move || asked((server.address, key), paths, options.rate, length)
            });
            let beside = investigations(server.address, &key, length)?;
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
    let idle = [0.50, 0.99, 1.0].map(|share| round(percentile(&asked.idle, share)));
    let memory = most.load(Ordering::SeqCst) as f64 / f64::from(1 << 20);
    let holds = p99 < BOUND_MS
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
            "over_the_bound_by_second": asked.slow,
            "p99_ms_by_path": asked.by_path.iter().map(|(path, millis)| {
                (path.clone(), json!(round(percentile(millis, 0.99))))
            }).collect::<serde_json::Map<_, _>>(),
        },
        "a_server_that_does_nothing": {
            "answered": asked.idle.len(),
            "p50_ms": idle[0],
            "p99_ms": idle[1],
            "most_ms": idle[2],
        },
        "memory_mib": round(memory),
        "investigation": {
            "alone_ms": round(median(&alone)),
            "beside_ms": round(median(&beside)),
            "ratio": round(ratio),
            "runs": [alone.len(), beside.len()],
        },
        "bounds": {"p99_ms": BOUND_MS, "memory_mib": 250, "ratio": 1.3},
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

/// How often it is asked whether an investigation is over.
const POLL: Duration = Duration::from_millis(10);

/// One investigation after the other for so long, by the server itself; how long each took, in milliseconds, as the server
/// tells.
fn investigations(address: SocketAddr, key: &str, length: Duration) -> anyhow::Result<Vec<f64>> {
    let begun = Instant::now();
    let mut asking = Asking::holding(address, key)?;
    let mut all: Vec<f64> = Vec::new();
    let deed = "POST /v1/spaces/main/recordings/demo/investigations";
    while begun.elapsed() < length {
        let headers = format!(
            "content-type: application/json\r\nidempotency-key: load-{}-{}\r\n",
            begun.elapsed().as_nanos(),
            all.len()
        );
        let (status, answer) = asking.send(deed, &headers, b"{}")?;
        let told = String::from_utf8_lossy(&answer).into_owned();
        ensure!(status == 202, "{deed} is answered with {status}: {told}");
        let mut job: Value = serde_json::from_str(&told)?;
        let path = format!("/v1/spaces/main/investigations/{}", job["number"]);
        while job["ended"].is_null() {
            std::thread::sleep(POLL);
            let (status, answer) = asking.get(&path)?;
            ensure!(status == 200, "{path} is answered with {status}");
            job = serde_json::from_slice(&answer)?;
        }
        ensure!(
            job["why"].is_null(),
            "the investigation failed: {}",
            job["why"]
        );
        let moment = |name: &str| -> anyhow::Result<jiff::Timestamp> {
            let text = job[name].as_str().context("a job says when")?;
            Ok(text.parse()?)
        };
        let took = moment("ended")?.duration_since(moment("started")?);
        all.push(took.as_secs_f64() * 1_000.0);
    }
    Ok(all)
}

/// Streams of events that stand open.
struct Streams(Vec<std::thread::JoinHandle<bool>>);

impl Streams {
    fn open(
        (address, key): (SocketAddr, &str),
        count: usize,
        over: &Arc<AtomicBool>,
        heard: &Arc<AtomicUsize>,
    ) -> anyhow::Result<Self> {
        let mut all = Vec::new();
        for _ in 0..count {
            let mut stream = TcpStream::connect(address)?;
            // Only so often does a stream look whether all is over: two hundred that look cost what is measured.
            stream.set_read_timeout(Some(Duration::from_secs(4)))?;
            stream.write_all(
                format!(
                    "GET /v1/events HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\n\r\n"
                )
                .as_bytes(),
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

/// A server that answers at once, whatever it is asked; it ends with the program.
struct Idle(SocketAddr);

impl Idle {
    fn begin() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || Self::answer(stream));
            }
        });
        Ok(Self(address))
    }

    /// Of each request, which is smaller than what is read at once, only that it came.
    fn answer(mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let body = "x".repeat(4 << 10);
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut request = [0; 4096];
        while stream.read(&mut request)? > 0 {
            stream.write_all(answer.as_bytes())?;
        }
        Ok(())
    }
}

/// What is asked for, in turn: what a page asks for.
fn paths(address: SocketAddr, key: &str) -> anyhow::Result<Vec<(String, String)>> {
    let space = "/v1/spaces/main";
    let mut asking = Asking::holding(address, key)?;
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
    /// What [`Idle`] took at every tenth of these moments, sorted.
    idle: Vec<f64>,
    by_path: BTreeMap<String, Vec<f64>>,
    failed: usize,
    /// How many took longer than [`BOUND_MS`], by the second in which they were due: one stall, or many.
    slow: BTreeMap<u64, usize>,
    /// Requests that were sent more than 5 ms after they were due, because all that ask were waiting.
    late: usize,
}

fn asked(
    (address, key): (SocketAddr, &str),
    paths: &[(String, String)],
    rate: u64,
    length: Duration,
) -> anyhow::Result<Asked> {
    let count = rate * length.as_secs();
    let next = AtomicU64::new(0);
    let idle = Idle::begin()?;
    let begun = Instant::now();
    let parts = std::thread::scope(|scope| -> anyhow::Result<Vec<_>> {
        let threads: Vec<_> = (0..ASKING)
            .map(|_| {
                scope.spawn(|| -> anyhow::Result<_> {
                    let mut asking = Asking::holding(address, key)?;
                    let mut resting = Asking::new(idle.0)?;
                    let (mut all, mut rested) = (Vec::new(), Vec::new());
                    let (mut failed, mut late) = (0, 0);
                    loop {
                        let number = next.fetch_add(1, Ordering::SeqCst);
                        if number >= count {
                            return Ok((all, rested, failed, late));
                        }
                        let due = Duration::from_micros(number * 1_000_000 / rate.max(1));
                        if let Some(wait) = due.checked_sub(begun.elapsed()) {
                            std::thread::sleep(wait);
                        }
                        late += usize::from(begun.elapsed().saturating_sub(due).as_millis() > 5);
                        let took = || begun.elapsed().saturating_sub(due).as_secs_f64() * 1_000.0;
                        // First: what came before it on this thread must not count for it.
                        if number.is_multiple_of(10) {
                            resting.get("/")?;
                            rested.push(took());
                        }
                        let place = usize::try_from(number)? % paths.len();
                        match asking.get(&paths[place].1) {
                            Ok((200 | 304, _)) => all.push((number, took())),
                            _ => {
                                failed += 1;
                                asking = Asking::holding(address, key)?;
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
        idle: Vec::new(),
        by_path: BTreeMap::new(),
        failed: 0,
        slow: BTreeMap::new(),
        late: 0,
    };
    for (all, rested, failed, late) in parts {
        asked.idle.extend(rested);
        asked.failed += failed;
        asked.late += late;
        for (number, millis) in all {
            let place = usize::try_from(number)? % paths.len();
            if millis > BOUND_MS {
                *asked.slow.entry(number / rate.max(1)).or_default() += 1;
            }
            asked.millis.push(millis);
            let name = paths[place].0.clone();
            asked.by_path.entry(name).or_default().push(millis);
        }
    }
    asked.millis.sort_by(f64::total_cmp);
    asked.idle.sort_by(f64::total_cmp);
    for millis in asked.by_path.values_mut() {
        millis.sort_by(f64::total_cmp);
    }
    Ok(asked)
}
