//! Measures opening and scanning: `cargo run --release -p midwatch-connectors --example open_estate -- DIR
//! [ENTITIES POINTS LINES SPANS]` makes a recording in DIR if there is none, then times it.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use connectors::files::{Limits, open};
use model::ports::{Eyes, LogSource, MetricSource, TraceSource};
use model::{TimeWindow, Timestamp};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let dir = args.next().ok_or("which folder?")?;
    let sizes: Vec<u64> = args.map(|n| n.parse()).collect::<Result<_, _>>()?;
    let dir = Path::new(&dir);
    if !dir.join("recording.json").exists() {
        let size = |i: usize, default| sizes.get(i).copied().unwrap_or(default);
        make(
            dir,
            size(0, 10_000),
            size(1, 12_000_000),
            size(2, 1_000_000),
            size(3, 200_000),
        )?;
    }
    let begun = Instant::now();
    let recording = open(dir, &Limits::default())?;
    println!("open    {:>8.3} s", begun.elapsed().as_secs_f64());
    let begun = Instant::now();
    let series = recording.series().found().unwrap_or_default();
    let points: usize = series.iter().map(|s| s.times.len()).sum();
    println!(
        "series  {:>8.3} s  {} series, {points} points",
        begun.elapsed().as_secs_f64(),
        series.len()
    );
    let all = TimeWindow::new(Timestamp(0), Timestamp(i64::MAX)).ok_or("window")?;
    let begun = Instant::now();
    let mut bytes = 0;
    let read = LogSource::scan(&recording, None, all, &mut |line| {
        bytes += line.body.len() + line.attributes.len();
        ControlFlow::Continue(())
    });
    println!(
        "logs    {:>8.3} s  {read:?} {bytes}",
        begun.elapsed().as_secs_f64()
    );
    let begun = Instant::now();
    let window = recording.manifest().window;
    let last =
        TimeWindow::new(Timestamp(window.to().0 - 60_000_000_000), window.to()).ok_or("window")?;
    let read = LogSource::scan(&recording, None, last, &mut |_| ControlFlow::Continue(()));
    println!("1 min   {:>8.3} s  {read:?}", begun.elapsed().as_secs_f64());
    let begun = Instant::now();
    let read = TraceSource::scan(&recording, all, &mut |_| ControlFlow::Continue(()));
    println!("spans   {:>8.3} s  {read:?}", begun.elapsed().as_secs_f64());
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!(
        "{}",
        status
            .lines()
            .find(|l| l.starts_with("VmHWM"))
            .unwrap_or("peak unknown")
    );
    Ok(())
}

fn file(dir: &Path, name: &str) -> io::Result<BufWriter<File>> {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap_or(dir))?;
    Ok(BufWriter::with_capacity(1 << 20, File::create(path)?))
}

fn make(dir: &Path, entities: u64, points: u64, lines: u64, spans: u64) -> io::Result<()> {
    const START: i64 = 1_767_265_200;
    let time = |seconds: i64| Timestamp::from_seconds(START + seconds);
    writeln!(
        file(dir, "recording.json")?,
        r#"{{"schema":"midwatch.recording/1","id":"estate","title":"t","now":"{}","window":{{"from":"{}","to":"{}"}}}}"#,
        time(3600),
        time(0),
        time(3600)
    )?;
    let mut out = file(dir, "metrics/metrics.csv")?;
    writeln!(out, "time,entity,metric,statistic,unit,value")?;
    let metrics = 4;
    let each = points / entities / metrics;
    for entity in 0..entities {
        for metric in ["cpu", "memory", "latency", "requests"] {
            for i in 0..each {
                let value = ((entity * 31 + i * 17) % 1000) as f64 / 7.0;
                let at = time((i * 3600 / each) as i64);
                writeln!(out, "{at},service/s{entity:05},{metric},Average,ms,{value}")?;
            }
        }
    }
    out.flush()?;
    let mut out = file(dir, "logs/logs.ndjson")?;
    for i in 0..lines {
        let at = Timestamp(time(0).0 + (i * 3_600_000_000_000 / lines) as i64);
        let entity = i * 7919 % entities;
        writeln!(
            out,
            r#"{{"time":"{at}","entity":"service/s{entity:05}","severity":"info","body":"request {i} for user u{} took {} ms at /api/v1/items","attributes":{{"thread":"worker-{}","status":"200"}},"trace_id":"{i:032x}"}}"#,
            i % 977,
            i % 251,
            i % 16
        )?;
    }
    out.flush()?;
    let mut out = file(dir, "traces/spans.ndjson")?;
    for i in 0..spans {
        let at = Timestamp(time(0).0 + (i * 3_600_000_000_000 / spans) as i64);
        let end = Timestamp(at.0 + 5_000_000);
        let entity = i * 7919 % entities;
        writeln!(
            out,
            r#"{{"trace_id":"{:032x}","span_id":"{i:016x}","parent_id":"{:016x}","entity":"service/s{entity:05}","name":"GET /items","kind":"server","start":"{at}","end":"{end}","peer":"db"}}"#,
            i / 8,
            i / 2
        )?;
    }
    out.flush()
}
