//! `cargo xtask shop peers`: detectors that others make, on what the runs of the shop kept.
//!
//! The metric series of a recording that a run kept beside its report are given to each of the peers (`xtask/shop/peers`:
//! their packages, their code), which put them in an order. Of whom the first of an entity's series is tells where the peer
//! places the entity; the same is asked of Midwatch's report and of the pages. Only that is compared, since no peer names a
//! mechanism.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, anyhow, bail, ensure};
use serde_json::{Value, json};

use super::fault::Fault;
use super::kept::{self, Kept};
use super::places::{self, MOMENTS, Place};
use super::series::{Laid, seconds};
use super::system::folder;
use super::trial;
use crate::bench::{commit, machine};
use crate::house::root;
use crate::vendors;

/// What is said of how it is called.
const USAGE: &str = "cargo xtask shop peers --kept DIR [--kept DIR...], where DIR is what `cargo xtask shop run --keep DIR` wrote";

/// Asks the peers, and writes down what they said.
pub fn run(words: &[&str]) -> anyhow::Result<bool> {
    let folders = folders(words)?;
    let faults = Fault::all()?;
    // Whatever is missing is said before anything is brought or asked.
    let all: Vec<Vec<Kept>> = folders
        .iter()
        .map(|folder| kept::of(folder, &faults))
        .collect::<anyhow::Result<_>>()?;
    let peers = Peers::brought()?;
    let about = peers.about()?;
    let machine = machine();
    let mut sets = Vec::new();
    for kept in &all {
        let mut rows = Vec::new();
        for kept in kept {
            let laid = Laid::read(&kept.recording)?;
            let said = peers.asked(&laid)?;
            let row = row(kept, &laid, &said);
            println!("{:<24} {}", kept.name, in_words(&row));
            rows.push(row);
        }
        let missing = faults
            .iter()
            .filter(|fault| !kept.iter().any(|kept| kept.fault.name == fault.name));
        let missing: Vec<&str> = missing.map(|fault| fault.name.as_str()).collect();
        sets.push(json!({"runs": rows, "not_kept": missing}));
    }
    let file = root().join("docs/bench/shop-peers.json");
    let written: Value = fs::read_to_string(&file)
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    let sets = beside(&written, &about, sets);
    let all = json!({"machine": machine, "commit": commit(), "about": about, "sets": sets});
    fs::write(&file, serde_json::to_string_pretty(&all)? + "\n")
        .with_context(|| file.display().to_string())?;
    places::write()?;
    Ok(true)
}

/// These sets, and those written before of other incidents, by when they were kept: asking takes minutes, and runs that were
/// not asked about this time keep their rows. Only if the same peers were asked the same, else they cannot stand in one table.
fn beside(written: &Value, about: &Value, mut sets: Vec<Value>) -> Vec<Value> {
    let incidents = |set: &Value| -> Vec<Value> {
        let runs = set["runs"].as_array().into_iter().flatten();
        runs.map(|run| run["incident"].clone()).collect()
    };
    let anew: Vec<Value> = sets.iter().flat_map(incidents).collect();
    if written["about"] == *about {
        let before = written["sets"].as_array().into_iter().flatten();
        let others = before.filter(|set| !incidents(set).iter().any(|one| anew.contains(one)));
        sets.extend(others.cloned());
    }
    // Names of incidents begin with the moment.
    sets.sort_by_key(|set| {
        let names = incidents(set);
        let names = names.iter().filter_map(Value::as_str);
        names.min().unwrap_or_default().to_string()
    });
    sets
}

/// The folders of `--kept`, which may be said more than once: one for each time that the faults were run.
fn folders(words: &[&str]) -> anyhow::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "--kept" => {
                let folder = words
                    .next()
                    .with_context(|| format!("--kept needs a value: {USAGE}"))?;
                folders.push(PathBuf::from(folder));
            }
            other => bail!("no such option: {other}; {USAGE}"),
        }
    }
    ensure!(
        !folders.is_empty(),
        "which recordings? --kept is missing: {USAGE}"
    );
    Ok(folders)
}

/// Where the peers are.
struct Peers {
    python: PathBuf,
    script: PathBuf,
}

impl Peers {
    /// Brings their packages, if they are not there.
    fn brought() -> anyhow::Result<Self> {
        let scripts = folder().join("peers");
        let list = scripts.join("requirements.txt");
        let python = vendors::requirements("shop-peers", &list).map_err(|why| {
            anyhow!(
                "the peers' packages are not there: {why}\n\
                 they are brought from PyPI by name ({}): it needs python3 with venv (Debian: python3-venv), PyPI or a \
                 mirror that pip knows, and MIDWATCH_OFFLINE not to be set",
                list.display()
            )
        })?;
        let script = scripts.join("peers.py");
        Ok(Self { python, script })
    }

    /// Who they are, and how they are asked.
    fn about(&self) -> anyhow::Result<Value> {
        self.said(Some("about"), &Value::Null)
    }

    /// What they say of these series.
    fn asked(&self, laid: &Laid) -> anyhow::Result<Value> {
        let moments = MOMENTS.map(|(name, before)| (name, before));
        self.said(None, &laid.given(&moments))
    }

    fn said(&self, word: Option<&str>, given: &Value) -> anyhow::Result<Value> {
        let mut child = Command::new(&self.python)
            .arg("-B")
            .arg(&self.script)
            .args(word)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} cannot be started", self.python.display()))?;
        if let Some(mut input) = child.stdin.take() {
            // Who ends before having read all says why on standard error.
            let _ = input.write_all(given.to_string().as_bytes());
        }
        let output = child.wait_with_output()?;
        ensure!(
            output.status.success(),
            "{} failed (its last lines stand above); if a package is not found, remove {} and run it again",
            self.script.display(),
            self.python
                .ancestors()
                .nth(2)
                .unwrap_or(&self.python)
                .display()
        );
        serde_json::from_slice(&output.stdout).context("the peers wrote no JSON")
    }
}

/// One run: where the entity that the fault expects stands with each.
fn row(kept: &Kept, laid: &Laid, said: &Value) -> Value {
    let fault = &kept.fault;
    let mut entities: Vec<&str> = laid.series.iter().map(|one| one.entity.as_str()).collect();
    let culprits = entities.iter().filter(|one| fault.names(one)).count();
    entities.sort_unstable();
    entities.dedup();
    let with: Vec<&&str> = entities.iter().filter(|one| fault.names(one)).collect();
    let mut peers = serde_json::Map::new();
    for (name, peer) in said.as_object().into_iter().flatten() {
        let from = peer["from"].as_object().into_iter().flatten();
        let from = from.map(|(moment, from)| {
            let list = &from["series"];
            let mut found = stands(&of_peer(list, laid), fault, laid);
            if peer["flags"] == json!(true) {
                found["series_flagged"] = json!(list.as_array().map(Vec::len));
            }
            found["series_unanswered"] = from["unanswered"].clone();
            (moment.clone(), found)
        });
        let from: serde_json::Map<_, _> = from.collect();
        peers.insert(
            name.clone(),
            json!({"seconds": peer["seconds"], "from": from}),
        );
    }
    let (answer, words) = trial::judge(fault, &kept.report);
    let mut midwatch = stands(&of_report(&kept.report), fault, laid);
    midwatch["answer"] = json!(answer);
    midwatch["said"] = json!(words);
    midwatch["rules"] = kept.report["header"]["engine"]["rules"].clone();
    let tickets = kept.tickets.as_ref();
    json!({
        "fault": fault.name,
        "run": kept.name,
        "incident": kept.incident,
        "first_page": first_page(&kept.report),
        "struck_s_before_page": kept.struck.map(|struck| rounded(laid.alarm - struck)),
        "expected": fault.entities,
        "expected_with_series": with,
        "series_of_expected": culprits,
        "entities": entities.len(),
        "series": laid.series.len(),
        "points_read": laid.points,
        "seconds_before_page": rounded(laid.alarm - laid.times.first().copied().unwrap_or(laid.alarm)),
        "seconds_after_page": rounded(laid.now - laid.alarm),
        "pages": stands(&of_pages(&kept.report), fault, laid),
        "tickets": tickets,
        "tickets_name_it": tickets.map(|list| list.iter().any(|ticket| about(ticket).is_some_and(|one| fault.names(one)))),
        "midwatch": midwatch,
        "peers": peers,
    })
}

/// An entity in somebody's order: higher is better, and when it turned, if that was said.
type Ranked = (String, f64, Option<f64>);

/// Where the expected entity stands in an order, and what stands first.
fn stands(ranking: &[Ranked], fault: &Fault, laid: &Laid) -> Value {
    let scores: Vec<(String, f64)> = ranking
        .iter()
        .map(|(entity, score, _)| (entity.clone(), *score))
        .collect();
    let turned = ranking
        .iter()
        .filter(|(entity, ..)| fault.names(entity))
        .max_by(|one, other| one.1.total_cmp(&other.1))
        .and_then(|(_, _, turned)| *turned);
    json!({
        "place": Place::of(&scores, |entity| fault.names(entity)).as_ref().map(Place::json),
        "placed": ranking.len(),
        "first": ranking.iter().take(3).map(|(entity, ..)| entity).collect::<Vec<_>>(),
        "turned_s_before_page": turned.map(|turned| rounded(laid.alarm - turned)),
    })
}

/// The entities that a peer placed, each by the best of its series.
fn of_peer(list: &Value, laid: &Laid) -> Vec<Ranked> {
    let mut ranked: Vec<Ranked> = Vec::new();
    for one in list.as_array().into_iter().flatten() {
        let series = one[0]
            .as_u64()
            .and_then(|at| laid.series.get(usize::try_from(at).ok()?));
        let (Some(series), Some(score)) = (series, one[1].as_f64()) else {
            continue;
        };
        let said = (series.entity.clone(), score, one[2].as_f64());
        match ranked.iter_mut().find(|known| known.0 == series.entity) {
            Some(known) if known.1 < score => *known = said,
            Some(_) => {}
            None => ranked.push(said),
        }
    }
    ranked.sort_by(|one, other| other.1.total_cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    ranked
}

/// The entities of a report in its own order, causes first, each once. They are never tied: the order is the answer.
fn of_report(report: &Value) -> Vec<Ranked> {
    let mut named: Vec<Ranked> = Vec::new();
    for list in ["causes", "ranking"] {
        for one in report[list].as_array().into_iter().flatten() {
            let entity = one["entity"].as_str().unwrap_or_default();
            if !named.iter().any(|(known, ..)| known == entity) {
                // Only what is named as a cause says since when.
                let onset = one["onset"]["lo"].as_str().and_then(seconds);
                named.push((entity.to_string(), -(named.len() as f64), onset));
            }
        }
    }
    named
}

/// The entities that pages name, in the order in which they fired.
fn of_pages(report: &Value) -> Vec<Ranked> {
    let mut named: Vec<Ranked> = Vec::new();
    for alarm in report["alarms"].as_array().into_iter().flatten() {
        let entity = alarm["entity"].as_str().unwrap_or_default();
        let Some(fired) = alarm["fired_at"].as_str().and_then(seconds) else {
            continue;
        };
        match named.iter_mut().find(|(known, ..)| known == entity) {
            Some(known) => known.1 = known.1.max(-fired),
            None => named.push((entity.to_string(), -fired, None)),
        }
    }
    named.sort_by(|one, other| other.1.total_cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    named
}

/// When the first alarm of a report fired, to the second.
fn first_page(report: &Value) -> Option<String> {
    let alarms = report["alarms"].as_array()?.iter();
    let first = alarms
        .filter_map(|alarm| alarm["fired_at"].as_str())
        .min()?;
    Some(first.get(..19)?.to_string() + "Z")
}

/// Whom a ticket is about: `DiskNearlyFull(node)` is about `node`.
fn about(ticket: &str) -> Option<&str> {
    Some(ticket.split_once('(')?.1.trim_end_matches(')'))
}

/// To tenths of a second: the grid is one of five.
fn rounded(seconds: f64) -> f64 {
    (seconds * 10.0).round() / 10.0
}

/// A row for whoever waits.
fn in_words(row: &Value) -> String {
    let mut words = vec![format!(
        "midwatch {}",
        places::cell(&row["midwatch"]["place"])
    )];
    for (name, peer) in row["peers"].as_object().into_iter().flatten() {
        let place = &peer["from"][MOMENTS[0].0]["place"];
        words.push(format!("{name} {}", places::cell(place)));
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::{beside, folders, of_pages, of_report, row};
    use crate::shop::fault::Fault;
    use crate::shop::kept::Kept;
    use crate::shop::series::{Laid, Series};
    use serde_json::{Value, json};

    #[test]
    fn a_folder_must_be_named() {
        let said = |words: &[&str]| folders(words).unwrap_err().to_string();
        assert!(said(&[]).starts_with("which recordings? --kept is missing: cargo xtask shop"));
        assert!(said(&["--kept"]).starts_with("--kept needs a value: cargo xtask shop"));
        assert!(said(&["--keep", "x"]).starts_with("no such option: --keep; cargo xtask shop"));
        assert_eq!(folders(&["--kept", "a", "--kept", "b"]).unwrap().len(), 2);
    }

    #[test]
    fn runs_that_were_not_asked_about_keep_their_rows_beside_the_same_peers() {
        let set = |incidents: &[&str], what: &str| {
            let runs = incidents
                .iter()
                .map(|one| json!({"incident": one, "what": what}));
            json!({"runs": runs.collect::<Vec<_>>()})
        };
        let about = json!({"peers": ["a 1"]});
        let written = json!({"about": about, "sets": [set(&["inc-3", "inc-4"], "old"), set(&["inc-1"], "old")]});
        let new = || vec![set(&["inc-2"], "new"), set(&["inc-4"], "new")];
        assert_eq!(
            beside(&written, &about, new()),
            [
                set(&["inc-1"], "old"),
                set(&["inc-2"], "new"),
                set(&["inc-4"], "new")
            ]
        );
        let others = json!({"peers": ["a 2"]});
        assert_eq!(beside(&written, &others, new()), new());
        assert_eq!(beside(&Value::Null, &about, new()), new());
    }

    fn names(ranking: &[super::Ranked]) -> Vec<&str> {
        ranking.iter().map(|(entity, ..)| entity.as_str()).collect()
    }

    #[test]
    fn causes_come_before_runners_up_and_each_entity_once() {
        let report = json!({
            "causes": [{"entity": "service/a"}],
            "ranking": [{"entity": "service/a"}, {"entity": "service/b"}, {"entity": "service/a"}, {"entity": "service/c"}],
        });
        assert_eq!(
            names(&of_report(&report)),
            ["service/a", "service/b", "service/c"]
        );
    }

    #[test]
    fn pages_stand_in_the_order_in_which_they_fired() {
        let alarm = |entity: &str, at: &str| json!({"entity": entity, "fired_at": format!("2026-01-01T00:00:{at}Z")});
        let report = json!({"alarms": [alarm("service/b", "20.5"), alarm("service/c", "07"), alarm("service/a", "20.5"), alarm("service/b", "30")]});
        let ranking = of_pages(&report);
        assert_eq!(names(&ranking), ["service/c", "service/a", "service/b"]);
        assert_eq!(ranking[1].1, ranking[2].1, "these two are tied");
    }

    /// A run of the fault `eviction`, which expects `redis`; four series, and what one peer said of them.
    fn judged(said: Value, report: Value, tickets: Option<&[&str]>) -> Value {
        let entities = ["service/orders", "service/redis", "service/redis", "host/a"];
        let laid = Laid {
            times: (0..20).map(|at| f64::from(at) * 5.0).collect(),
            alarm: 80.0,
            now: 95.0,
            points: 80,
            series: entities
                .map(|entity| Series {
                    entity: entity.into(),
                    metric: "m".into(),
                    values: vec![0.0; 20],
                })
                .into(),
        };
        let kept = Kept {
            fault: Fault::named("eviction").expect("it is one of them"),
            name: "eviction-0".into(),
            incident: "inc-1".into(),
            recording: "x/inc-1.tar.zst".into(),
            report,
            struck: Some(40.0),
            tickets: tickets.map(|list| list.iter().map(ToString::to_string).collect()),
        };
        let said = json!({"Some": {"seconds": 1.5, "flags": true, "from": {"60": {"series": said, "unanswered": 1}}}});
        row(&kept, &laid, &said)
    }

    #[test]
    fn a_peer_is_judged_by_the_best_series_of_whom_the_fault_expects() {
        let report = json!({
            "alarms": [{"entity": "service/storefront", "fired_at": "1970-01-01T00:01:20.3Z"}],
            "causes": [{"entity": "service/redis", "category": "resource_limit", "onset": {"lo": "1970-01-01T00:00:45Z"}}],
            "ranking": [],
        });
        let said = json!([[0, 9.0, 50.0], [1, 4.0, 45.0], [2, 7.0, 55.0]]);
        let row = judged(said, report, Some(&["RedisEvicts(redis)"]));
        let some = &row["peers"]["Some"]["from"]["60"];
        assert_eq!(some["place"], json!({"rank": 2.0, "as_high": 2}), "{row}");
        assert_eq!(some["first"], json!(["service/orders", "service/redis"]));
        assert_eq!(some["series_flagged"], json!(3));
        assert_eq!(some["series_unanswered"], json!(1));
        assert_eq!(some["turned_s_before_page"], json!(25.0));
        assert_eq!(row["midwatch"]["place"], json!({"rank": 1.0, "as_high": 1}));
        assert_eq!(row["midwatch"]["answer"], json!("first"));
        assert_eq!(row["midwatch"]["turned_s_before_page"], json!(35.0));
        assert_eq!(row["pages"]["place"], Value::Null);
        assert_eq!(row["first_page"], json!("1970-01-01T00:01:20Z"));
        assert_eq!(row["struck_s_before_page"], json!(40.0));
        assert_eq!(row["tickets_name_it"], json!(true));
        assert_eq!(row["expected_with_series"], json!(["service/redis"]));
        assert_eq!(row["series_of_expected"], json!(2));
    }

    #[test]
    fn who_says_nothing_is_not_placed_and_what_was_not_kept_is_not_known() {
        let row = judged(json!([]), json!({"causes": [], "ranking": []}), None);
        assert_eq!(row["peers"]["Some"]["from"]["60"]["place"], Value::Null);
        assert_eq!(
            row["peers"]["Some"]["from"]["60"]["series_flagged"],
            json!(0)
        );
        assert_eq!(row["midwatch"]["answer"], json!("unknown"));
        assert_eq!(row["tickets_name_it"], Value::Null);
        let row = judged(json!([]), json!({}), Some(&["ProcessorBusy(shop-1)"]));
        assert_eq!(row["tickets_name_it"], json!(false));
    }
}
