//! `cargo xtask bench`: measures, and writes what came out. Figures by hand are not allowed.
//!
//! The program itself scores the incident sets (`midwatch bench`); here is only which runs there are
//! and what of them is kept. `docs/bench/latest.json` keeps it; [`crate::figures`] shows it in the README.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use serde_json::{Map, Value, json};

use crate::house::{House, cargo, root};
use crate::{estate, figures};

/// The sets, and their folders below the data folder.
const SUITES: [(&str, &str); 4] = [
    ("petshop", "petshop"),
    ("nezha", "nezha-trainticket"),
    ("rootcausebench", "rootcausebench"),
    ("opensre", "opensre"),
];
/// Kinds of telemetry that are taken away in turn.
const KINDS: [&str; 6] = ["metrics", "logs", "traces", "changes", "state", "events"];
/// Any seed will do; a fixed one can be repeated.
const DISGUISE_SEED: &str = "7";
const SPLICED_PAIRS: &str = "300";
/// What was asked for.
struct Options {
    data: PathBuf,
    profile: String,
    quick: bool,
}

/// Measures, or with `--write` only writes the README again.
pub fn run(words: &[&str]) -> anyhow::Result<bool> {
    let file = root().join("docs/bench/latest.json");
    if words == ["--long"] {
        only_long(&file)?;
    } else if words != ["--write"] {
        let measured = measure(&options(words)?)?;
        fs::create_dir_all(root().join("docs/bench"))?;
        fs::write(&file, serde_json::to_string_pretty(&measured)? + "\n")?;
        println!("wrote {}", file.display());
    }
    let measured = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    figures::write(&root().join("README.md"), &serde_json::from_str(&measured)?)?;
    println!("wrote the figures of README.md");
    Ok(true)
}

/// Measures the long recordings alone, which need no incident sets, and leaves all else as it was kept. What
/// was measured apart says at which commit.
fn only_long(file: &Path) -> anyhow::Result<()> {
    let kept = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let mut kept: Value = serde_json::from_str(&kept)?;
    let profile = kept["profile"].as_str().unwrap_or("release").to_string();
    let mut long = estate::long(&program(&profile)?, &profile)?;
    for one in long.as_array_mut().into_iter().flatten() {
        one["commit"] = json!(commit());
    }
    kept["long"] = long;
    fs::write(file, serde_json::to_string_pretty(&kept)? + "\n")?;
    println!("wrote {}", file.display());
    Ok(())
}

/// Builds the program in `profile`; where it is.
fn program(profile: &str) -> anyhow::Result<PathBuf> {
    let built = cargo()
        .args(["build", "--profile", profile, "--package", "midwatch"])
        .current_dir(root())
        .status()?;
    ensure!(built.success(), "the program cannot be built");
    Ok(House::survey()?.program(profile))
}

fn options(words: &[&str]) -> anyhow::Result<Options> {
    let mut data = std::env::var_os("MIDWATCH_DATA").map(PathBuf::from);
    // What a newcomer builds is what is measured.
    let (mut profile, mut quick) = ("release".to_string(), false);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "--data" => {
                data = Some(PathBuf::from(
                    words.next().context("--data needs a folder")?,
                ))
            }
            "--profile" => profile = (*words.next().context("--profile needs a name")?).to_string(),
            "--quick" => quick = true,
            other => bail!("no such option: {other}"),
        }
    }
    let data = data.context("where are the incident sets? give --data DIR or set MIDWATCH_DATA")?;
    let data = data
        .canonicalize()
        .with_context(|| data.display().to_string())?;
    Ok(Options {
        data,
        profile,
        quick,
    })
}

fn measure(options: &Options) -> anyhow::Result<Value> {
    let profile = options.profile.as_str();
    let bench = Bench {
        program: program(profile)?,
        data: &options.data,
    };
    let mut suites = Map::new();
    for (suite, folder) in SUITES {
        suites.insert(suite.to_string(), bench.suite(suite, folder, &[])?);
    }
    let mut measured = json!({
        "commit": commit(),
        "profile": profile,
        "machine": machine(),
        "suites": suites,
    });
    if !options.quick {
        measured["disguise"] = bench.disguised(&measured["suites"])?;
        measured["innocent_deploy"] = bench.noted(&["--innocent-deploy"], &["verdict_changed"])?;
        let mut dropped = Map::new();
        for kind in KINDS {
            let noted = bench.noted(&["--drop", kind], &["new_wrong_confirmed", "gap_named"])?;
            dropped.insert(kind.to_string(), noted);
        }
        measured["drop"] = Value::Object(dropped);
        measured["splice"] = bench.spliced()?;
        measured["estate"] = estate::estates(&bench.program, profile)?;
        measured["long"] = estate::long(&bench.program, profile)?;
        measured["miner"] = miner()?;
    }
    // Single cases are for the terminal; what is kept is what is compared.
    for (suite, _) in SUITES {
        if let Some(result) = measured["suites"][suite].as_object_mut() {
            let total: Vec<f64> = cases(&Value::Object(result.clone()))
                .iter()
                .filter_map(|case| case["total_ms"].as_f64())
                .collect();
            result.insert(
                "total_ms_max".to_string(),
                json!(total.iter().copied().fold(0.0, f64::max)),
            );
            result.remove("cases");
        }
    }
    Ok(measured)
}

struct Bench<'a> {
    program: PathBuf,
    data: &'a Path,
}

impl Bench<'_> {
    /// One run of `midwatch bench`, as its JSON.
    fn suite(&self, suite: &str, folder: &str, more: &[&str]) -> anyhow::Result<Value> {
        let begun = Instant::now();
        let output = Command::new(&self.program)
            .args(["bench", suite])
            .arg(self.data.join(folder))
            .args(["--format", "json", "--quiet"])
            .args(more)
            .stderr(Stdio::inherit())
            .output()?;
        ensure!(
            output.status.success(),
            "midwatch bench {suite} {} failed",
            more.join(" ")
        );
        let result: Value = serde_json::from_slice(&output.stdout)?;
        println!(
            "{suite:<15} {:<22} ac1 {:.3}  exact set {:.3}  {:.1} s",
            more.join(" "),
            result["macro"]["ac1"].as_f64().unwrap_or_default(),
            result["macro"]["exact_set"].as_f64().unwrap_or_default(),
            begun.elapsed().as_secs_f64()
        );
        Ok(result)
    }

    /// Other names, other times: in how many cases is the answer another one?
    fn disguised(&self, plain: &Value) -> anyhow::Result<Value> {
        let mut found = Map::new();
        for (suite, folder) in SUITES {
            let result = self.suite(suite, folder, &["--disguise", DISGUISE_SEED])?;
            let right = |of: &Value| -> Vec<bool> {
                cases(of)
                    .iter()
                    .map(|case| case["right"] == json!(true))
                    .collect()
            };
            let (before, after) = (right(&plain[suite]), right(&result));
            let different = before.iter().zip(&after).filter(|(a, b)| a != b).count();
            found.insert(
                suite.to_string(),
                json!({"cases": after.len(), "different": different}),
            );
        }
        Ok(Value::Object(found))
    }

    /// Counts the cases in which each of these notes is set.
    fn noted(&self, more: &[&str], notes: &[&str]) -> anyhow::Result<Value> {
        let mut found = Map::new();
        for (suite, folder) in SUITES {
            let result = self.suite(suite, folder, more)?;
            let mut counts = json!({"cases": cases(&result).len()});
            for note in notes {
                let set = cases(&result)
                    .iter()
                    .filter(|case| case["notes"][note] == json!(1.0));
                counts[note] = json!(set.count());
            }
            found.insert(suite.to_string(), counts);
        }
        Ok(Value::Object(found))
    }

    /// Two incidents made one.
    fn spliced(&self) -> anyhow::Result<Value> {
        let mut found = Map::new();
        for (suite, folder) in &SUITES[1..3] {
            let result = self.suite(suite, folder, &["--splice", SPLICED_PAIRS])?;
            let exact = cases(&result)
                .iter()
                .filter(|case| case["exact_set"] == json!(true))
                .count();
            let pairs = cases(&result).len();
            found.insert(
                (*suite).to_string(),
                json!({"pairs": pairs, "exact": exact}),
            );
        }
        Ok(Value::Object(found))
    }
}

fn cases(result: &Value) -> &[Value] {
    result["cases"].as_array().map_or(&[], Vec::as_slice)
}

/// Lines per second of the log miner and its peer, measured in one run.
fn miner() -> anyhow::Result<Value> {
    let output = cargo()
        .args(["bench", "--package", "midwatch-analysis", "--bench", "logs"])
        .current_dir(root())
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "the bench of logs failed");
    let text = String::from_utf8_lossy(&output.stdout);
    print!("{text}");
    Ok(json!({
        "midwatch": per_second(&text, "midwatch_insert_and_merge"),
        "logdrain": per_second(&text, "peer_logdrain_default"),
    }))
}

/// The median items per second of a bench in divan's table.
fn per_second(table: &str, bench: &str) -> Option<f64> {
    let mut lines = table.lines().skip_while(|line| !line.contains(bench));
    let line = lines.find(|line| line.contains("item/s"))?;
    let median = line.trim_start_matches('│').split('│').nth(2)?.trim();
    let (number, unit) = median.split_once(' ')?;
    let scale = match unit.strip_suffix("item/s")? {
        "" => 1.0,
        "K" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        _ => return None,
    };
    Some((number.parse::<f64>().ok()? * scale).round())
}

pub fn commit() -> Option<String> {
    let output = Command::new("git")
        .args(["rev-parse", "--short", "HEAD"])
        .current_dir(root())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_string())
}

/// On what was measured: without it the times say nothing.
pub fn machine() -> Value {
    let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let cpu = cpu
        .lines()
        .find(|line| line.starts_with("model name"))
        .and_then(|line| line.split_once(": "));
    let load = read("/proc/loadavg");
    json!({
        "cpu": cpu.map(|(_, name)| name),
        "cores": std::thread::available_parallelism().map(usize::from).unwrap_or(1),
        "load_at_begin": load.split(' ').next().and_then(|load| load.parse::<f64>().ok()),
    })
}

#[cfg(test)]
mod tests {
    use super::per_second;

    #[test]
    fn the_median_is_read_from_the_table() {
        let table = "\
logs                          fastest       │ slowest       │ median        │ mean          │ samples │ iters
├─ midwatch_insert_and_merge  61.25 ms      │ 90.44 ms      │ 64.56 ms      │ 67.27 ms      │ 20      │ 20
│                             1.632 Mitem/s │ 1.105 Mitem/s │ 1.548 Mitem/s │ 1.486 Mitem/s │         │
╰─ peer_logdrain_default      200 ms        │ 250 ms        │ 210 ms        │ 220 ms        │ 5       │ 5
                              500 Kitem/s   │ 400 Kitem/s   │ 476.1 Kitem/s │ 454 Kitem/s   │         │
";
        assert_eq!(
            per_second(table, "midwatch_insert_and_merge"),
            Some(1_548_000.0)
        );
        assert_eq!(per_second(table, "peer_logdrain_default"), Some(476_100.0));
        assert_eq!(per_second(table, "another"), None);
    }
}
