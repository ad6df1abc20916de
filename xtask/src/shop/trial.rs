//! Breaks the shop, and compares what is said of it with what was done to it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

use super::calm::Calm;
use super::fault::Fault;
use super::kept;
use super::metrics::{ask, fired, well};
use super::series::seconds;
use super::system::Shop;
use super::told;
use super::watch::Watch;
use crate::bench::{commit, machine};
use crate::history::built;
use crate::house::root;

/// How long a fault may take until Prometheus shows it.
const SHOWS: Duration = Duration::from_secs(80);
/// How long the shop may take to be well again.
const HEALS: Duration = Duration::from_secs(240);
/// How long incidents may stay open after the shop is well.
const CLOSES: Duration = Duration::from_secs(240);
/// How long Midwatch may take from the first page to a report.
const REPORTS: Duration = Duration::from_secs(120);
/// What is said this long after the first report counts: later alarms and later telemetry are looked at as well.
pub const SETTLES: Duration = Duration::from_secs(15);

/// What was asked for.
pub struct Options {
    pub faults: Vec<Fault>,
    pub runs: usize,
    pub program: Option<PathBuf>,
    pub profile: String,
    pub calm: Duration,
    pub keep: PathBuf,
}

/// Breaks each, looks whether Prometheus shows what it should, and mends it.
pub fn see(shop: &Shop, words: &[&str]) -> anyhow::Result<bool> {
    ensure!(shop.is_up(), "no shop is up");
    let faults = named(words)?;
    let mut all = true;
    for fault in &faults {
        until_well(shop)?;
        let begun = Instant::now();
        fault.strike(shop)?;
        let missing = shown(shop, fault, SHOWS);
        let took = begun.elapsed().as_secs();
        // What pages has some time after that.
        std::thread::sleep(Duration::from_secs(20));
        let alerts = fired(&shop.prometheus, begun.elapsed().as_secs()).unwrap_or_default();
        fault.mend(shop)?;
        let mended = Instant::now();
        until_well(shop).with_context(|| format!("{} was mended", fault.name))?;
        all &= missing.is_empty();
        println!(
            "{:<24} {} after {took} s; well {} s after it was mended; alerts: {}",
            fault.name,
            match missing.as_slice() {
                [] => "seen".to_string(),
                list => format!("NOT SEEN {list:?}"),
            },
            mended.elapsed().as_secs(),
            words_of(&alerts, |_| true).join(", ")
        );
    }
    Ok(all)
}

/// Breaks each with Midwatch beside it, and writes down what it said.
pub fn run(shop: &Shop, words: &[&str]) -> anyhow::Result<bool> {
    let options = options(words)?;
    watched(shop, &options, |shop, watch, machine| {
        measure(shop, watch, &options, machine)
    })
}

/// Does this with the shop up and Midwatch beside it, and writes the table.
pub fn watched(
    shop: &Shop,
    options: &Options,
    measured: impl FnOnce(&Shop, &Watch, &Value) -> anyhow::Result<()>,
) -> anyhow::Result<bool> {
    let program = match &options.program {
        Some(program) => program.clone(),
        None => built(&options.profile)?.program,
    };
    BEGAN.get_or_init(|| options.program.is_none().then(commit).flatten());
    let machine = machine();
    let mine = !shop.is_up();
    if mine {
        shop.up()?;
    }
    // The addresses are known only of a shop that is up.
    let shop = &Shop::at(&shop.state)?;
    let outcome = fs::create_dir_all(&options.keep)
        .map_err(anyhow::Error::from)
        .and_then(|()| until_well(shop))
        .and_then(|()| measured(shop, &Watch::start(shop, &program)?, &machine));
    if mine {
        shop.down()?;
    }
    outcome?;
    told::write()?;
    Ok(true)
}

/// What is known so far; written after each run, since all of them take the better part of an hour. Faults that were not
/// asked for this time keep their rows.
pub fn write(machine: &Value, runs: &[Value], calm: &Value) -> anyhow::Result<()> {
    let file = root().join("docs/bench/shop.json");
    let kept: Value = fs::read_to_string(&file)
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    let mut calms: Vec<Value> = kept["calm"].as_array().cloned().unwrap_or_default();
    calms.retain(|row| row["at"] != calm["at"]);
    calms.push(calm.clone());
    let anew = |row: &Value| runs.iter().any(|run| run["fault"] == row["fault"]);
    let mut rows: Vec<Value> = kept["runs"].as_array().cloned().unwrap_or_default();
    rows.retain(|row| !anew(row));
    rows.extend(runs.iter().cloned());
    rows.sort_by_key(|row| (row["fault"].to_string(), row["run"].as_u64()));
    let kept = json!({"machine": machine, "runs": rows, "calm": calms});
    fs::write(&file, serde_json::to_string_pretty(&kept)? + "\n")
        .with_context(|| file.display().to_string())
}

static BEGAN: OnceLock<Option<String>> = OnceLock::new();

/// The commit that was checked out when this began, and of which the program was built; others may be made while it runs.
/// Of which a program is that was named is not known.
pub fn at_commit() -> Option<&'static str> {
    BEGAN.get()?.as_deref()
}

/// The moment, as in 2026-01-01T00:00:00Z.
pub fn now() -> anyhow::Result<String> {
    let said = Command::new("date").args(["-u", "+%FT%TZ"]).output()?;
    Ok(String::from_utf8_lossy(&said.stdout).trim().to_string())
}

fn named(words: &[&str]) -> anyhow::Result<Vec<Fault>> {
    if words.is_empty() {
        return Fault::all();
    }
    words.iter().map(|name| Fault::named(name)).collect()
}

pub fn options(words: &[&str]) -> anyhow::Result<Options> {
    let mut options = Options {
        faults: Vec::new(),
        runs: 1,
        program: None,
        profile: "release".to_string(),
        calm: Duration::from_secs(60),
        keep: std::env::temp_dir().join("midwatch-shop-runs"),
    };
    let mut names = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || {
            words
                .next()
                .with_context(|| format!("{word} needs a value"))
        };
        match *word {
            "--all" => names.clear(),
            "--runs" => options.runs = value()?.parse().context("--runs")?,
            "--program" => options.program = Some(PathBuf::from(value()?)),
            "--profile" => options.profile = (*value()?).to_string(),
            "--calm" => {
                let seconds = value()?.parse();
                options.calm = Duration::from_secs(
                    seconds.context("--calm wants whole seconds, such as 3600")?,
                );
            }
            "--keep" => options.keep = PathBuf::from(value()?),
            other if other.starts_with("--") => bail!("no such option: {other}"),
            name => names.push(name),
        }
    }
    options.faults = named(&names)?;
    Ok(options)
}

/// Waits until nothing is wrong.
pub fn until_well(shop: &Shop) -> anyhow::Result<()> {
    let begun = Instant::now();
    while !well(&shop.prometheus) {
        let open = || {
            let found = ask(&shop.prometheus, "ALERTS{severity=\"page\"} or up == 0");
            found
                .unwrap_or_default()
                .iter()
                .map(|one| one["metric"].to_string())
                .collect::<Vec<_>>()
                .join(" ")
        };
        ensure!(
            begun.elapsed() < HEALS,
            "the shop is not well after {} s: {}",
            HEALS.as_secs(),
            open()
        );
        std::thread::sleep(Duration::from_secs(2));
    }
    Ok(())
}

/// Waits until each question of the fault has an answer; those that had none.
fn shown(shop: &Shop, fault: &Fault, patience: Duration) -> Vec<String> {
    let begun = Instant::now();
    let mut left: Vec<String> = fault.seen.clone();
    loop {
        left.retain(|question| {
            !ask(&shop.prometheus, question).is_ok_and(|found| !found.is_empty())
        });
        if left.is_empty() || begun.elapsed() > patience {
            return left;
        }
        std::thread::sleep(Duration::from_secs(2));
    }
}

/// Alerts of one kind, as `Name(about)`.
fn words_of(
    alerts: &BTreeSet<(String, String, String)>,
    which: impl Fn(&str) -> bool,
) -> Vec<String> {
    let list = alerts.iter().filter(|(_, _, severity)| which(severity));
    list.map(|(name, about, _)| match about.as_str() {
        "" => name.clone(),
        about => format!("{name}({about})"),
    })
    .collect()
}

/// The runs, and what was said between them.
fn measure(shop: &Shop, watch: &Watch, options: &Options, machine: &Value) -> anyhow::Result<()> {
    let mut runs = Vec::new();
    let mut calm = Calm::of(watch)?;
    for number in 0..options.runs {
        for fault in &options.faults {
            let healthy = settle(shop, watch, options.calm);
            calm.look(watch, &options.keep)?;
            if let Err(error) = healthy {
                println!("{:<24} not begun: {error:#}", fault.name);
                runs.push(json!({"fault": fault.name, "run": number, "answer": "not begun", "why": format!("{error:#}")}));
                continue;
            }
            calm.whole += options.calm;
            calm.longest = calm.longest.max(options.calm);
            let run = once(shop, watch, fault, &calm.known, &options.keep, number);
            let mended = fault.mend(shop);
            let run = match run {
                Ok(run) => run,
                Err(error) => {
                    json!({"fault": fault.name, "run": number, "answer": "not measured", "why": format!("{error:#}")})
                }
            };
            println!(
                "{:<24} {:<14} {}",
                fault.name,
                run["answer"].as_str().unwrap_or_default(),
                run["said"]
            );
            runs.push(run);
            mended?;
            // What comes while it heals is of that fault still.
            let _ = until_well(shop);
            calm.pass(watch)?;
            write(machine, &runs, &calm.row())?;
        }
    }
    Ok(())
}

/// Waits for health, of the shop and of the watch, and then for a calm while; what came in it is over too before
/// anything is broken, lest what comes then joins it.
fn settle(shop: &Shop, watch: &Watch, calm: Duration) -> anyhow::Result<()> {
    until_well(shop)?;
    until_closed(watch)?;
    std::thread::sleep(calm);
    until_well(shop)?;
    until_closed(watch)?;
    until_well(shop)
}

/// Waits until no incident is open, for a while.
fn until_closed(watch: &Watch) -> anyhow::Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < CLOSES {
        let open = |incident: &Value| incident["closed"].is_null();
        if !watch.incidents()?.iter().any(open) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_secs(2));
    }
    bail!("an incident is open after {} s", CLOSES.as_secs())
}

/// One fault, from health to a report.
fn once(
    shop: &Shop,
    watch: &Watch,
    fault: &Fault,
    known: &BTreeSet<String>,
    keep: &Path,
    number: usize,
) -> anyhow::Result<Value> {
    let begun = Instant::now();
    let struck = now()?;
    fault.strike(shop)?;
    let missing = shown(shop, fault, SHOWS);
    // Incidents that are new, the first one first: their names begin with the moment.
    let fresh = || -> anyhow::Result<Vec<String>> {
        let mut new: Vec<String> = watch
            .incidents()?
            .iter()
            .filter_map(|incident| incident["id"].as_str().map(str::to_string))
            .filter(|id| !known.contains(id))
            .collect();
        new.sort();
        Ok(new)
    };
    let waited = Instant::now();
    let mut first = None;
    while first.is_none() && waited.elapsed() < REPORTS {
        first = fresh()?
            .first()
            .and_then(|id| Some((id.clone(), watch.report(id)?)));
        std::thread::sleep(Duration::from_millis(500));
    }
    let mut run = json!({
        "fault": fault.name,
        "run": number,
        "struck_at": struck,
        "at": now()?,
        "commit": at_commit(),
        "not_shown": missing,
    });
    if let Some((id, first)) = &first {
        std::thread::sleep(SETTLES);
        // For whoever wants to look at the same again.
        let folder = keep.join(format!("{}-{number}", fault.name));
        fs::create_dir_all(&folder)?;
        let (answer, said) = judge(fault, &watch.kept(id, &folder)?);
        run["answer"] = json!(answer);
        run["said"] = json!(said);
        run["at_first"] = json!(judge(fault, first).0);
        run["rules"] = first["header"]["engine"]["rules"].clone();
        run["page_to_report_s"] = json!(page_to_report(first));
        let mut others = Vec::new();
        for other in fresh()?.iter().filter(|other| *other != id) {
            let (answer, said) = judge(fault, &watch.kept(other, &folder).unwrap_or_default());
            others.push(json!({"answer": answer, "said": said}));
        }
        run["other_incidents"] = json!(others);
    } else {
        run["answer"] = json!("no incident");
    }
    let alerts = fired(&shop.prometheus, begun.elapsed().as_secs())?;
    run["pages"] = json!(words_of(&alerts, |severity| severity == "page"));
    run["tickets"] = json!(words_of(&alerts, |severity| severity != "page"));
    if first.is_some() {
        // What others say of the recording is compared with this.
        let file = keep
            .join(format!("{}-{number}", fault.name))
            .join(kept::ROW);
        fs::write(&file, run.to_string()).with_context(|| file.display().to_string())?;
    }
    Ok(run)
}

/// Seconds from the first alarm's firing to the moment that its first report looked from.
fn page_to_report(report: &Value) -> Option<f64> {
    let first = report["alarms"]
        .as_array()?
        .iter()
        .filter_map(|alarm| seconds(alarm["fired_at"].as_str()?))
        .reduce(f64::min)?;
    Some(seconds(report["header"]["looked_at"].as_str()?)? - first)
}

/// How near a report comes, and what it names, best first.
///
/// `first`: the surest cause is the expected one, and of the expected category. `category`: the surest cause is the expected
/// one, of another category. `among three`: it is among the first three of causes and runners-up. `unknown`: the report
/// names no cause and says so. `wrong`: anything else.
pub fn judge(fault: &Fault, report: &Value) -> (&'static str, Vec<String>) {
    let list = |name: &str| report[name].as_array().cloned().unwrap_or_default();
    let causes = list("causes");
    let mut said = Vec::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut place = None;
    for one in causes.iter().cloned().chain(list("ranking")) {
        let named = one["entity"].as_str().unwrap_or_default().to_string();
        let how = one["mechanism"].as_str().unwrap_or("no mechanism");
        if !seen.insert(format!("{named} {how}")) {
            continue;
        }
        if fault.fits(&one).0 && place.is_none() {
            place = Some(said.len());
        }
        let category = one["category"].as_str().unwrap_or("runner-up");
        let sure = one["confidence"].as_f64().unwrap_or(0.0);
        said.push(format!("{named} {how} ({category}, {sure:.2})"));
    }
    said.truncate(5);
    let first = causes.first().map(|cause| fault.fits(cause));
    let answer = match (first, place) {
        (Some((true, true)), _) => "first",
        (Some((true, false)), _) => "category",
        (_, Some(place)) if place < 3 && !causes.is_empty() => "among three",
        (None, _) => "unknown",
        _ => "wrong",
    };
    (answer, said)
}

#[cfg(test)]
mod tests {
    use super::{judge, page_to_report};
    use crate::shop::fault::Fault;
    use serde_json::json;

    #[test]
    fn an_answer_is_judged_by_name_category_and_place() {
        let fault = Fault::named("eviction").expect("it is one of them");
        let cause = |entity: &str, category: &str| json!({"entity": entity, "mechanism": "m", "category": category, "confidence": 0.9});
        let report = |causes: &[serde_json::Value]| json!({"causes": causes, "ranking": [{"entity": "service/redis", "mechanism": "n", "confidence": 0.2}]});
        let of = |causes: &[serde_json::Value]| judge(&fault, &report(causes)).0;
        assert_eq!(of(&[cause("service/redis", "resource_limit")]), "first");
        assert_eq!(of(&[cause("service/redis", "input_anomaly")]), "category");
        assert_eq!(
            of(&[cause("service/orders", "resource_limit")]),
            "among three"
        );
        assert_eq!(of(&[]), "unknown");
        let others = ["a", "b", "c"].map(|name| cause(name, "resource_limit"));
        assert_eq!(of(&others), "wrong");
    }

    #[test]
    fn the_time_from_a_page_to_a_report_passes_midnight() {
        let report = json!({
            "header": {"looked_at": "2026-01-02T00:00:02.5Z"},
            "alarms": [{"fired_at": "2026-01-01T23:59:58Z"}, {"fired_at": "2026-01-01T23:59:59Z"}],
        });
        assert_eq!(page_to_report(&report), Some(4.5));
    }
}
