//! `cargo xtask live`: the live demonstration again and again, and what came of it.
//!
//! Each run starts PayLedger afresh, lets it be healthy, breaks it, and compares the report with what the fault's
//! own declaration expects. `docs/bench/live.json` keeps the outcome; the README shows it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

use crate::bench::{commit, machine};
use crate::house::{House, cargo, root};
use crate::marks;

/// Seconds in which the second of two faults may be felt as well, after the first report.
const LINGER: &str = "60";

/// What was asked for.
struct Options {
    profile: String,
    /// A program that is built already.
    program: Option<PathBuf>,
    runs: usize,
    faults: Vec<String>,
    pairs: usize,
    seed: u64,
    at_once: usize,
    healthy: u64,
    patience: u64,
    recover: bool,
    keep: Option<PathBuf>,
}

/// One run and how it ended.
struct Run {
    fault: String,
    /// Exactly the expected causes, and nothing beside them.
    exact: bool,
    /// The surest cause is one that was expected.
    first: bool,
    /// For people: what was named, and what went wrong.
    told: String,
    /// Seconds between moments of the journal.
    seconds: BTreeMap<&'static str, f64>,
    /// Is every acknowledged transaction in both regions once, by PayLedger's own audit? `None`: not asked.
    audit: Option<bool>,
}

/// Runs, and writes what came out.
pub fn run(words: &[&str]) -> anyhow::Result<bool> {
    let file = root().join("docs/bench/live.json");
    if words != ["--write"] {
        let options = options(words)?;
        let outcome = measure(&options)?;
        let mut kept: Value = fs::read_to_string(&file)
            .ok()
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_else(|| json!({}));
        for (part, value) in outcome {
            kept[part] = value;
        }
        fs::create_dir_all(root().join("docs/bench"))?;
        fs::write(&file, serde_json::to_string_pretty(&kept)? + "\n")?;
        println!("wrote {}", file.display());
    }
    let kept = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let table = table(&serde_json::from_str(&kept)?);
    marks::write(&root().join("README.md"), "live", &table)?;
    println!("wrote the live figures of README.md");
    Ok(true)
}

fn options(words: &[&str]) -> anyhow::Result<Options> {
    let mut options = Options {
        profile: "release".to_string(),
        program: None,
        runs: 1,
        faults: vec!["three".to_string()],
        pairs: 0,
        seed: 7,
        at_once: 1,
        healthy: 20,
        patience: 120,
        recover: false,
        keep: None,
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || {
            words
                .next()
                .with_context(|| format!("{word} needs a value"))
        };
        match *word {
            "--profile" => options.profile = (*value()?).to_string(),
            "--program" => options.program = Some(PathBuf::from(value()?)),
            "--runs" => options.runs = value()?.parse().context("--runs")?,
            "--faults" => {
                options.faults = value()?.split(',').map(str::to_string).collect();
            }
            "--pairs" => {
                options.pairs = value()?.parse().context("--pairs")?;
                options.faults = Vec::new();
            }
            "--seed" => options.seed = value()?.parse().context("--seed")?,
            "--at-once" => options.at_once = value()?.parse().context("--at-once")?,
            "--healthy" => options.healthy = value()?.parse().context("--healthy")?,
            "--patience" => options.patience = value()?.parse().context("--patience")?,
            "--recover" => options.recover = true,
            "--keep" => options.keep = Some(PathBuf::from(value()?)),
            other => bail!("no such option: {other}"),
        }
    }
    Ok(options)
}

fn measure(options: &Options) -> anyhow::Result<BTreeMap<&'static str, Value>> {
    let program = match &options.program {
        Some(program) => program.clone(),
        None => {
            let profile = options.profile.as_str();
            let built = cargo()
                .args(["build", "--profile", profile, "--package", "midwatch"])
                .current_dir(root())
                .status()?;
            ensure!(built.success(), "the program cannot be built");
            House::survey()?.program(profile)
        }
    };
    let declared = declared(&program)?;
    let single: Vec<&String> = declared
        .iter()
        .filter(|(name, of)| *name != "three" && !of.expected.is_empty())
        .map(|(name, _)| name)
        .collect();
    let mut wanted: Vec<String> = Vec::new();
    for fault in &options.faults {
        match fault.as_str() {
            "all" => wanted.extend(single.iter().map(|name| (*name).clone())),
            name => {
                for part in name.split('+') {
                    ensure!(declared.contains_key(part), "no such fault: {part}");
                }
                wanted.push(name.to_string());
            }
        }
    }
    let pairs = options.pairs > 0;
    if pairs {
        wanted = draw(&single, options.pairs, options.seed);
    }
    let list: Vec<String> = (0..options.runs).flat_map(|_| wanted.clone()).collect();
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::<Run>::new()));
    let fault = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..options.at_once.max(1) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let Some(name) = list.get(number) else { return };
                    match once(&program, name, number, options, &declared) {
                        Ok(run) => {
                            println!(
                                "{:>3} of {} {} {:<28} {}",
                                number + 1,
                                list.len(),
                                if run.exact { "right" } else { "WRONG" },
                                run.fault,
                                run.told
                            );
                            if let Ok(mut done) = done.lock() {
                                done.push(run);
                            }
                        }
                        Err(error) => {
                            if let Ok(mut fault) = fault.lock() {
                                fault.get_or_insert(error);
                            }
                            return;
                        }
                    }
                }
            });
        }
    });
    if let Ok(Some(error)) = fault.into_inner() {
        return Err(error);
    }
    let runs = done.into_inner().unwrap_or_default();
    let mut out = BTreeMap::new();
    if pairs {
        out.insert("pairs", summary(options, runs.iter()));
        return Ok(out);
    }
    let (calm, runs): (Vec<Run>, Vec<Run>) = runs.into_iter().partition(|run| run.fault == "calm");
    if !calm.is_empty() {
        let mut part = summary(options, calm.iter());
        part["minutes"] = json!(options.patience / 60);
        out.insert("calm", part);
    }
    let (three, others): (Vec<Run>, Vec<Run>) =
        runs.into_iter().partition(|run| run.fault == "three");
    if !three.is_empty() {
        let part = if options.recover {
            "recovered"
        } else {
            "three"
        };
        out.insert(part, summary(options, three.iter()));
    }
    if !others.is_empty() {
        let part = if options.recover {
            "others_recovered"
        } else {
            "others"
        };
        out.insert(part, summary(options, others.iter()));
    }
    Ok(out)
}

/// Random pairs of different faults; the same seed gives the same pairs.
fn draw(single: &[&String], count: usize, seed: u64) -> Vec<String> {
    // The generator SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
    let mut state = seed;
    let mut below = |n: usize| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    };
    let mut pairs = Vec::new();
    while single.len() > 1 && pairs.len() < count {
        let (a, b) = (below(single.len()), below(single.len()));
        if a != b {
            pairs.push(format!("{}+{}", single[a], single[b]));
        }
    }
    pairs
}

/// What a fault's declaration says of it.
#[derive(Clone, Debug, Default)]
struct Declared {
    /// What it is expected to be called.
    expected: Vec<Value>,
    /// Other faults that cannot be seen while it lasts.
    hides: Vec<String>,
}

/// The faults that are declared.
fn declared(program: &Path) -> anyhow::Result<BTreeMap<String, Declared>> {
    let output = Command::new(program)
        .args(["payledger", "fault", "list", "--format", "json"])
        .output()?;
    ensure!(output.status.success(), "the faults cannot be listed");
    let list: Value = serde_json::from_slice(&output.stdout)?;
    let mut found = BTreeMap::new();
    for fault in list.as_array().context("a list of faults")? {
        let name = fault["name"].as_str().context("a name")?.to_string();
        let expected = fault["expected"].as_array().cloned().unwrap_or_default();
        let hides = fault["hides"].as_array().into_iter().flatten();
        let hides = hides
            .filter_map(Value::as_str)
            .map(str::to_string)
            .collect();
        found.insert(name, Declared { expected, hides });
    }
    Ok(found)
}

/// One run in a folder of its own.
fn once(
    program: &Path,
    fault: &str,
    number: usize,
    options: &Options,
    declared: &BTreeMap<String, Declared>,
) -> anyhow::Result<Run> {
    let keep = options
        .keep
        .as_ref()
        .map(|keep| keep.join(format!("{number:03}-{fault}")));
    let folder = keep.clone().unwrap_or_else(|| {
        std::env::temp_dir().join(format!("midwatch-live-{}-{number}", std::process::id()))
    });
    let _ = fs::remove_dir_all(&folder);
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent)?;
    }
    let harmless = declared.get(fault).is_some_and(|of| of.expected.is_empty()) && fault != "three";
    let linger: Vec<String> = if harmless {
        vec!["--linger".to_string(), options.patience.to_string()]
    } else if fault.contains('+') {
        vec!["--linger".to_string(), LINGER.to_string()]
    } else {
        Vec::new()
    };
    let mut command = Command::new(program);
    command
        .args(["demo", "--fast", "--fault", fault, "--out"])
        .arg(&folder)
        .args(["--healthy", &options.healthy.to_string()])
        .args(["--patience", &options.patience.to_string()])
        .arg(if options.recover {
            "--yes"
        } else {
            "--observe"
        })
        .args(linger)
        .stdin(Stdio::null());
    let output = command.output()?;
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
    let report: Value = serde_json::from_str(&read("report.json")).unwrap_or(Value::Null);
    let journal = read("journal.ndjson");
    let audit: Option<Value> = serde_json::from_str(&read("audit.json")).ok();
    let parts: Vec<&str> = fault.split('+').collect();
    let mut expected: Vec<(&Value, bool)> = Vec::new();
    for (name, of) in parts.iter().filter_map(|n| Some((*n, declared.get(*n)?))) {
        let hidden = parts
            .iter()
            .filter_map(|other| declared.get(*other))
            .any(|other| other.hides.iter().any(|hidden| hidden == name));
        expected.extend(of.expected.iter().map(|wanted| (wanted, !hidden)));
    }
    // Of two faults one may be felt later: then what was last said counts, over all incidents.
    let mut causes: Vec<Value> = Vec::new();
    let mut take = |report: &Value| {
        for cause in report["causes"].as_array().into_iter().flatten() {
            let same = |known: &Value| {
                known["entity"] == cause["entity"] && known["mechanism"] == cause["mechanism"]
            };
            if !causes.iter().any(same) {
                causes.push(cause.clone());
            }
        }
    };
    if parts.len() > 1 || harmless {
        take(&serde_json::from_str(&read("last-report.json")).unwrap_or(Value::Null));
        for other in fs::read_dir(folder.join("others"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let text = fs::read_to_string(other.path()).unwrap_or_default();
            take(&serde_json::from_str(&text).unwrap_or(Value::Null));
        }
    } else {
        take(&report);
    }
    let (mut exact, first) = judge(&causes, &expected);
    if harmless {
        // Silence is the right answer only of a watch that ran.
        let said = String::from_utf8_lossy(&output.stderr);
        exact &= report.is_object() || said.contains("no alarm was raised");
    }
    let mut told: Vec<String> = causes
        .iter()
        .map(|cause| {
            format!(
                "{} {} {}",
                cause["entity"].as_str().unwrap_or("?"),
                cause["mechanism"].as_str().unwrap_or("?"),
                cause["confidence"]
            )
        })
        .collect();
    if causes.is_empty() {
        let said = String::from_utf8_lossy(&output.stderr);
        told.push(match said.lines().rfind(|line| !line.trim().is_empty()) {
            Some(line) => format!("nothing named; {line}"),
            None => "nothing named".to_string(),
        });
    }
    let run = Run {
        fault: fault.to_string(),
        exact,
        first,
        told: told.join("; "),
        seconds: seconds(&journal),
        audit: audit.map(|audit| audit["clean"] == Value::Bool(true)),
    };
    if keep.is_none() {
        let _ = fs::remove_dir_all(&folder);
    }
    Ok(run)
}

/// Are these just the expected causes, and is the first of them one of those?
/// What is not required, because another fault hides it, may be named all the same.
fn judge(causes: &[Value], expected: &[(&Value, bool)]) -> (bool, bool) {
    let mut left: Vec<(&Value, bool)> = expected.to_vec();
    let mut surplus = 0;
    let mut first = false;
    for (place, cause) in causes.iter().enumerate() {
        match left.iter().position(|(wanted, _)| is_cause(cause, wanted)) {
            Some(at) => {
                left.remove(at);
                first |= place == 0;
            }
            None => surplus += 1,
        }
    }
    let missing = left.iter().any(|(_, required)| *required);
    (!missing && surplus == 0, first)
}

/// Entity, mechanism, category and change record as the fault declares them.
fn is_cause(cause: &Value, wanted: &Value) -> bool {
    let among = |one: &str, more: &str, named: &str| {
        wanted[one].as_str() == Some(named)
            || wanted[more]
                .as_array()
                .is_some_and(|list| list.iter().any(|other| other.as_str() == Some(named)))
    };
    // What PayLedger calls a table, telemetry calls a service: the place tells them apart all the same.
    let place = |id: &str| id.split_once('/').map_or(id, |(_, rest)| rest).to_string();
    let entities: Vec<String> = wanted["entity"]
        .as_str()
        .into_iter()
        .chain(
            wanted["or_entities"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str),
        )
        .map(place)
        .collect();
    let here = cause["entity"].as_str().map(place).unwrap_or_default();
    let changed = match wanted["change"].as_str() {
        Some(name) => {
            !cause["change"].is_null()
                && cause["claim"]["text"]
                    .as_str()
                    .is_some_and(|text| text.contains(name))
        }
        None => true,
    };
    entities.contains(&here)
        && among(
            "mechanism",
            "or_mechanisms",
            cause["mechanism"].as_str().unwrap_or(""),
        )
        && cause["category"] == wanted["category"]
        && changed
}

/// Seconds between the moments of the first incident's journal.
fn seconds(journal: &str) -> BTreeMap<&'static str, f64> {
    let mut at: BTreeMap<&'static str, f64> = BTreeMap::new();
    for line in journal.lines() {
        let Ok(entry) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        let (Some(moment), Some(stored)) = (
            entry["at"].as_str().and_then(second_of_day),
            entry["stored"].as_str(),
        ) else {
            continue;
        };
        let is: Value = serde_json::from_str(stored).unwrap_or(Value::Null);
        let is = &is["is"];
        let name = match is["event"].as_str().unwrap_or("") {
            "opened" => "opened",
            "investigation_ended" => "verdict",
            "approved" => "approved",
            "verified" if is["passed"] == Value::Bool(true) => "verified",
            _ => continue,
        };
        at.entry(name).or_insert(moment);
        if name == "opened"
            && let Some(fired) = is["alarm"]["fired_at"].as_str().and_then(second_of_day)
        {
            at.insert("fired", fired);
        }
        if name == "opened"
            && let Some(known) = is["alarm"]["true_at"].as_str().and_then(second_of_day)
        {
            at.insert("true", known);
        }
    }
    let mut out = BTreeMap::new();
    for (name, from, to) in [
        ("data_to_opened", "true", "opened"),
        ("alarm_to_opened", "fired", "opened"),
        ("opened_to_verdict", "opened", "verdict"),
        ("approved_to_verified", "approved", "verified"),
        ("detected_to_verified", "fired", "verified"),
    ] {
        if let (Some(from), Some(to)) = (at.get(from), at.get(to)) {
            // Over midnight.
            out.insert(name, (to - from).rem_euclid(86_400.0));
        }
    }
    out
}

/// `…T10:03:20.27Z` as seconds since midnight.
fn second_of_day(text: &str) -> Option<f64> {
    let clock = text.split_once('T')?.1.trim_end_matches('Z');
    let mut parts = clock.split(':');
    let hours: f64 = parts.next()?.parse().ok()?;
    let minutes: f64 = parts.next()?.parse().ok()?;
    let seconds: f64 = parts.next()?.parse().ok()?;
    Some(hours * 3600.0 + minutes * 60.0 + seconds)
}

fn summary<'a>(options: &Options, runs: impl Iterator<Item = &'a Run> + Clone) -> Value {
    let count = runs.clone().count();
    let mut by_fault: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    let mut times: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for run in runs.clone() {
        let of = by_fault.entry(&run.fault).or_default();
        of[0] += 1;
        of[1] += usize::from(run.exact);
        of[2] += usize::from(run.first);
        for (name, seconds) in &run.seconds {
            times.entry(name).or_default().push(*seconds);
        }
    }
    let times: BTreeMap<&str, Value> = times
        .into_iter()
        .map(|(name, mut all)| {
            all.sort_by(f64::total_cmp);
            let at = |share: f64| {
                let place = (share * all.len() as f64).ceil() as usize;
                (all[place.clamp(1, all.len()) - 1] * 1e3).round() / 1e3
            };
            (
                name,
                json!({"p50": at(0.5), "p95": at(0.95), "max": at(1.0), "runs": all.len()}),
            )
        })
        .collect();
    json!({
        "commit": commit(),
        "profile": options.profile,
        "machine": machine(),
        "at_once": options.at_once,
        "runs": count,
        "exact": runs.clone().filter(|run| run.exact).count(),
        "first": runs.clone().filter(|run| run.first).count(),
        "verified": runs.clone().filter(|run| run.seconds.contains_key("approved_to_verified")).count(),
        "audits_clean": runs.clone().filter(|run| run.audit == Some(true)).count(),
        "by_fault": by_fault.into_iter().map(|(name, [runs, exact, first])| (name.to_string(), json!({"runs": runs, "exact": exact, "first": first}))).collect::<BTreeMap<_, _>>(),
        "seconds": times,
        "wrong": runs.filter(|run| !run.exact).map(|run| json!({"fault": run.fault, "named": run.told})).collect::<Vec<_>>(),
    })
}

/// The README's table.
fn table(kept: &Value) -> String {
    let mut text = "| live measure | goal | measured |\n|---|---|---|\n".to_string();
    let mut row = |what: &str, goal: &str, seen: String| {
        text.push_str(&format!("| {what} | {goal} | {seen} |\n"));
    };
    let of = |part: &Value, key: &str| format!("{} of {} runs", part[key], part["runs"]);
    let time = |part: &Value, key: &str, rank: &str| {
        part["seconds"][key][rank]
            .as_f64()
            .map_or("not measured".to_string(), |s| match s {
                s if s < 0.1 => format!("{:.0} ms", s * 1e3),
                s if s < 10.0 => format!("{s:.2} s"),
                s => format!("{s:.1} s"),
            })
    };
    let three = ["three", "recovered"]
        .into_iter()
        .map(|part| &kept[part])
        .find(|part| part.is_object());
    if let Some(three) = three {
        row(
            "one alarm, three causes: entities, mechanisms, categories, change records",
            "20 of 20 runs",
            of(three, "exact"),
        );
        row(
            "alarm's condition true in the data to incident opened, p95 (from the alarm itself)",
            "under 1 s",
            format!(
                "{} ({})",
                time(three, "data_to_opened", "p95"),
                time(three, "alarm_to_opened", "p95")
            ),
        );
        row(
            "incident opened to verdict, p95",
            "under 3 s",
            time(three, "opened_to_verdict", "p95"),
        );
    }
    let recovered = &kept["recovered"];
    if recovered.is_object() {
        row(
            "of these, recovered and verified",
            "all",
            of(recovered, "verified"),
        );
        row(
            "acknowledged transactions lost or doubled: none, by PayLedger's audit",
            "20 of 20 runs",
            of(recovered, "audits_clean"),
        );
        row(
            "approval to verified recovery, median / p95",
            "",
            format!(
                "{} / {}",
                time(recovered, "approved_to_verified", "p50"),
                time(recovered, "approved_to_verified", "p95")
            ),
        );
        row(
            "detection to verified recovery, median / p95",
            "under 28 s",
            format!(
                "{} / {}",
                time(recovered, "detected_to_verified", "p50"),
                time(recovered, "detected_to_verified", "p95")
            ),
        );
    }
    let others = &kept["others"];
    if others.is_object() {
        let names = others["by_fault"].as_object();
        let whole = names
            .into_iter()
            .flatten()
            .filter(|(_, one)| one["first"] == one["runs"])
            .count();
        row(
            "every other declared fault: right answer first, in every run",
            "12 of 12, 5 runs each",
            format!(
                "{whole} of {}; {}",
                names.map_or(0, serde_json::Map::len),
                of(others, "first")
            ),
        );
    }
    let calm = &kept["calm"];
    if calm.is_object() {
        row(
            "healthy load with three innocent deploys and traffic that grows threefold: incidents that convict anything",
            "none in 30 min",
            if calm["exact"] == calm["runs"] {
                format!("none in {} min", calm["minutes"])
            } else {
                format!("{}", calm["wrong"][0]["named"])
            },
        );
    }
    let pairs = &kept["pairs"];
    if pairs.is_object() {
        row(
            "random pairs of faults: exact set (what one of them hides entirely is not asked for)",
            "18 of 20",
            of(pairs, "exact"),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{draw, judge, second_of_day, seconds};
    use serde_json::json;

    #[test]
    fn the_same_seed_draws_the_same_pairs() {
        let names = ["a", "b", "c"].map(str::to_string);
        let single: Vec<&String> = names.iter().collect();
        assert_eq!(draw(&single, 5, 7), draw(&single, 5, 7));
        assert!(draw(&single, 50, 1).iter().all(|pair| {
            let (a, b) = pair.split_once('+').unwrap_or(("", ""));
            a != b
        }));
    }

    #[test]
    fn one_cause_too_many_is_not_exact() {
        let wanted = json!({"entity": "table/r/ledger", "mechanism": "m", "category": "c"});
        let right = json!({"entity": "service/r/ledger", "mechanism": "m", "category": "c"});
        let other = json!({"entity": "service/r/api", "mechanism": "m", "category": "c"});
        assert_eq!(
            judge(std::slice::from_ref(&right), &[(&wanted, true)]),
            (true, true)
        );
        assert_eq!(
            judge(&[right.clone(), other.clone()], &[(&wanted, true)]),
            (false, true)
        );
        assert_eq!(judge(&[other, right], &[(&wanted, true)]), (false, false));
        assert_eq!(judge(&[], &[(&wanted, true)]), (false, false));
    }

    #[test]
    fn moments_are_read_from_the_journal() {
        assert_eq!(second_of_day("2026-11-21T01:01:01.5Z"), Some(3661.5));
        let journal = r#"{"at":"2026-11-21T10:00:01Z","stored":"{\"is\":{\"event\":\"opened\",\"alarm\":{\"fired_at\":\"2026-11-21T10:00:00.5Z\"}}}"}
{"at":"2026-11-21T10:00:02Z","stored":"{\"is\":{\"event\":\"investigation_ended\"}}"}"#;
        let found = seconds(journal);
        assert_eq!(found.get("alarm_to_opened"), Some(&0.5));
        assert_eq!(found.get("opened_to_verdict"), Some(&1.0));
        assert_eq!(found.get("approved_to_verified"), None);
    }
}
