//! Made-up estates: time and memory from files to answer, and that memory does not grow with the files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Map, Value, json};

use crate::house::{cargo, root};

/// Entities, edges, metric points, log lines, spans.
type Size = [u64; 5];

/// The second is ten times the first, in everything.
const ESTATES: [Size; 2] = [
    [1_000, 5_000, 1_200_000, 100_000, 20_000],
    [10_000, 50_000, 12_000_000, 1_000_000, 200_000],
];
/// A small estate with very many rows: 0.2 GB of files, then 2 GB. Whoever holds rows in memory holds ten
/// times as much for the second.
const LONG: [Size; 2] = [
    [1_000, 5_000, 1_200_000, 1_000_000, 300_000],
    [1_000, 5_000, 1_200_000, 10_000_000, 3_000_000],
];

/// The estates that the README tells of: how long an investigation takes, and how much memory.
pub fn estates(program: &Path, profile: &str) -> anyhow::Result<Value> {
    let mut found = Vec::new();
    for size in ESTATES {
        let folder = program.with_file_name(format!("estate-{}", size[0]));
        make(profile, &folder, size)?;
        let ran = watched(program, &["investigate"], &folder);
        fs::remove_dir_all(&folder)?;
        let ran = ran?;
        println!("estate of {}: {ran}", size[0]);
        let mut one = described(size);
        one["seconds"] = ran["seconds"].clone();
        one["peak_kib"] = ran["peak_kib"].clone();
        one["exit"] = ran["exit"].clone();
        found.push(one);
    }
    Ok(Value::Array(found))
}

/// The long recordings: each opened, checked and investigated, as a folder and as one packed file.
pub fn long(program: &Path, profile: &str) -> anyhow::Result<Value> {
    let mut found = Vec::new();
    for size in LONG {
        let folder = program.with_file_name(format!("recording-{}", size[3]));
        let packed = program.with_file_name(format!("recording-{}.tar.zst", size[3]));
        make(profile, &folder, size)?;
        if packed.exists() {
            fs::remove_file(&packed)?;
        }
        let ran = long_runs(program, &folder, &packed);
        let bytes = bytes_below(&folder);
        let packed_bytes = fs::metadata(&packed).map(|about| about.len());
        fs::remove_dir_all(&folder)?;
        let _ = fs::remove_file(&packed);
        let mut one = described(size);
        one["bytes"] = json!(bytes?);
        one["packed_bytes"] = json!(packed_bytes?);
        one["runs"] = ran?;
        found.push(one);
    }
    Ok(Value::Array(found))
}

fn long_runs(program: &Path, folder: &Path, packed: &Path) -> anyhow::Result<Value> {
    let made = Command::new(program)
        .args(["recording", "pack"])
        .args([folder, packed])
        .stdout(Stdio::null())
        .status()?;
    ensure!(made.success(), "the recording cannot be packed");
    let mut runs = Map::new();
    for (form, path) in [("folder", folder), ("packed", packed)] {
        for (name, words) in [
            ("show", ["recording", "show"].as_slice()),
            ("check", &["recording", "check"]),
            ("investigate", &["investigate"]),
        ] {
            let ran = watched(program, words, path)?;
            println!("{name} {}: {ran}", path.display());
            runs.insert(format!("{name}_{form}"), ran);
        }
    }
    Ok(Value::Object(runs))
}

fn described([entities, edges, points, log_lines, spans]: Size) -> Value {
    json!({
        "entities": entities, "edges": edges, "points": points, "log_lines": log_lines, "spans": spans,
    })
}

/// Writes the estate into `folder`, anew.
fn make(profile: &str, folder: &Path, size: Size) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    let made = cargo()
        .args([
            "run",
            "--quiet",
            "--profile",
            profile,
            "--package",
            "midwatch-connectors",
        ])
        .args(["--example", "make_estate", "--"])
        .arg(folder)
        .args(size.map(|n| n.to_string()))
        .current_dir(root())
        .status()?;
    ensure!(made.success(), "the estate cannot be made");
    Ok(())
}

/// Runs the program on a recording: seconds, the most memory it held, and how it ended.
fn watched(program: &Path, words: &[&str], recording: &Path) -> anyhow::Result<Value> {
    let begun = Instant::now();
    let mut child = Command::new(program)
        .args(words)
        .arg(recording)
        .args(["--format", "json", "--quiet"])
        .stdout(Stdio::null())
        .spawn()?;
    let mut peak = None;
    let status = loop {
        peak = peak.max(peak_kib(child.id()));
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let seconds = begun.elapsed().as_secs_f64();
    ensure!(
        status.success(),
        "{} {} ended with {status}",
        words.join(" "),
        recording.display()
    );
    Ok(json!({
        "seconds": (seconds * 1000.0).round() / 1000.0, "peak_kib": peak, "exit": status.code(),
    }))
}

/// The most memory that a process has held so far, where the system tells.
fn peak_kib(process: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Bytes of all files in a folder and in those within it.
fn bytes_below(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    let mut left: Vec<PathBuf> = vec![folder.to_path_buf()];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let entry = entry?;
            let about = entry.metadata()?;
            if about.is_dir() {
                left.push(entry.path());
            } else {
                bytes += about.len();
            }
        }
    }
    Ok(bytes)
}
