//! `kill -9` of a server that keeps watch, at random moments of recoveries of a system that really runs. It is
//! started again each time. Afterwards: every incident is closed, the target's own audit log knows each action
//! once, the journal holds no look twice, and its chains are whole.
//!
//! Takes some minutes and real processes, so it runs only when asked to (`CONTRIBUTING.md`):
//! `cargo test -p midwatch --test killed -- --ignored --nocapture`. `MIDWATCH_KILLS` (50) says how often,
//! `MIDWATCH_SEED` (1) when, `MIDWATCH_PROGRAM` which program.

#[path = "guest/mod.rs"]
mod guest;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use guest::{Guest, Kept, RULES, free_port, program};
use model::action::Outcome;
use model::incident::{Entry, Incident, IncidentEvent, IncidentId};
use model::ports::Journal as _;
use store::journal::Store;

/// What is broken, one after another.
const FAULTS: [&str; 4] = [
    "role-swapped",
    "three",
    "variable-removed",
    "concurrency-zero",
];

/// An incident that is not closed so long after its fault was injected is stuck.
const LONGEST: Duration = Duration::from_secs(400);

/// Chance with a seed; the same one in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound.max(1)
    }

    fn millis(&mut self, bound: u64) -> Duration {
        Duration::from_millis(self.below(bound))
    }
}

/// When the next kill comes.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So long after the last start.
    After(Duration),
    /// So long after the journal reached so many entries: writes and deeds lie close together.
    At(u64, Duration),
}

fn ask(name: &str, otherwise: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(otherwise)
}

struct Place {
    folder: tempfile::TempDir,
    guest: Guest,
}

impl Place {
    /// PayLedger with short intervals, and a configuration that watches it.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (grpc, http) = (free_port(), free_port());
        let guest = Guest::up(folder.path(), http);
        std::fs::write(folder.path().join("rules.toml"), RULES).unwrap();
        let config = format!(
            r#"
[telemetry]
grpc = "127.0.0.1:{grpc}"
http = "127.0.0.1:{http}"
[watch]
rules = ["rules.toml"]
every = "100ms"
idle_close = "15s"
[act]
policy = "harmless-alone"
# One incident after another about the same functions, as no healthy system has them.
cooldown = "1ms"
attempts = 6
settle = "1s"
patience = "2min"
[notify]
terminal = false
file = "notices.ndjson"
[connectors.payledger]
control_plane = "{}"
router = "{}"
hands = true
"#,
            guest.deployment.control, guest.deployment.router
        );
        std::fs::write(folder.path().join("midwatch.toml"), config).unwrap();
        let place = Self { folder, guest };
        let path = place.path("midwatch.toml").display().to_string();
        let checked = program().args(["config", "check", &path]).output().unwrap();
        assert!(checked.status.success(), "{checked:?}");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn serve(&self) -> Kept {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.path("serve.log"))
            .unwrap();
        let child = program()
            .args(["serve", "--config"])
            .arg(self.path("midwatch.toml"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        Kept(child.unwrap())
    }

    fn run(&self, words: &[&str], folder: &Path, option: &str) -> Output {
        program()
            .args(words)
            .arg(option)
            .arg(folder)
            .output()
            .unwrap()
    }

    fn midwatch(&self, words: &[&str]) -> Output {
        self.run(words, &self.path("midwatch.toml"), "--config")
    }

    fn payledger(&self, words: &[&str]) -> Output {
        self.guest.run(words)
    }

    /// Every incident with its entries; what any other program would read. Empty while nothing can be read.
    fn journals(&self) -> BTreeMap<IncidentId, Vec<Entry>> {
        let Ok(store) = Store::open_read_only(&self.path("midwatch-data/midwatch.db")) else {
            return BTreeMap::new();
        };
        let ids = store.incidents(false).unwrap_or_default();
        ids.into_iter()
            .filter_map(|id| Some((id.clone(), store.read(&id).ok()?)))
            .collect()
    }

    /// What the server wrote to its terminal.
    fn said(&self) -> String {
        std::fs::read_to_string(self.path("serve.log")).unwrap_or_default()
    }

    fn timeline(&self, id: Option<&IncidentId>) -> String {
        let Some(id) = id else {
            return "there is no incident".to_string();
        };
        let shown = self.midwatch(&["incidents", "timeline", &id.0]);
        String::from_utf8_lossy(&shown.stdout).into_owned()
    }

    /// The records that our hands left in the control plane's audit log.
    fn audit(&self) -> Vec<serde_json::Value> {
        let url = format!("{}/audit?limit=2000", self.guest.deployment.control);
        let text = get(&url);
        let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
        let records = answer["Records"].as_array().unwrap().clone();
        let ours = |r: &serde_json::Value| r["userIdentity"]["userName"] == "midwatch";
        records.into_iter().filter(ours).collect()
    }
}

/// The body of one answer.
fn get(url: &str) -> String {
    use std::io::{Read as _, Write as _};
    let (host, path) = url.trim_start_matches("http://").split_once('/').unwrap();
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    write!(stream, "GET /{path} HTTP/1.0\r\nhost: {host}\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_string()
}

fn closed(entries: &[Entry]) -> bool {
    let newest = entries.iter().rev();
    newest
        .take(3)
        .any(|e| matches!(e.event, IncidentEvent::Closed { .. }))
}

/// What one killed moment was: the newest word in the journal.
fn newest(journals: &BTreeMap<IncidentId, Vec<Entry>>) -> &'static str {
    let open = journals.values().filter(|entries| !closed(entries));
    open.filter_map(|entries| entries.last())
        .max_by_key(|entry| entry.at)
        .map_or("before the incident", |entry| entry.event.word())
}

/// Kills in one recovery; a server that never gets anywhere proves nothing.
const AT_MOST: u64 = 7;
/// Of these before there is a plan: what comes later is what can be done twice.
const BEFORE_A_PLAN: u64 = 2;

/// What became of one recovery.
#[derive(Default)]
struct Told {
    kills: u64,
    by_hand: bool,
    /// By the newest entry when it was killed.
    moments: BTreeMap<&'static str, u32>,
}

/// One fault, from its injection until its incidents are closed, with at most so many kills.
fn recovery(place: &Place, fault: &str, chance: &mut Chance, at_most: u64) -> Told {
    let mut told = Told::default();
    let mut server = place.serve();
    // Long enough to know what normal is.
    std::thread::sleep(Duration::from_secs(15));
    let injected = place.payledger(&["fault", "inject", fault]);
    assert!(injected.status.success(), "{injected:?}");
    let (began, mut started) = (Instant::now(), Instant::now());
    let draw = |chance: &mut Chance, length: u64| match chance.below(2) {
        0 => Moment::After(Duration::from_millis(200) + chance.millis(3_000)),
        _ => Moment::At(length + 1 + chance.below(8), chance.millis(40)),
    };
    let mut moment = draw(chance, 0);
    loop {
        let journals = place.journals();
        let all = || journals.values().flatten();
        let length = journals
            .values()
            .map(|entries| entries.len() as u64)
            .max()
            .unwrap_or(0);
        if length > 0 && journals.values().all(|entries| closed(entries)) {
            return told;
        }
        assert!(
            began.elapsed() < LONGEST,
            "{fault} is not over: {}\n{}",
            place.timeline(journals.keys().last()),
            place.said(),
        );
        // What was handed over, a person mends; it is closed once it has been quiet for a while.
        if !told.by_hand && all().any(|e| matches!(e.event, IncidentEvent::HandedOver { .. })) {
            told.by_hand = true;
            place.payledger(&["fault", "restore"]);
        }
        // What may not go alone, a person says yes to; what they say while nobody listens is lost.
        for (id, entries) in &journals {
            if let Some(IncidentEvent::ApprovalAsked { plan, .. }) =
                entries.last().map(|entry| &entry.event)
            {
                place.midwatch(&["approve", &id.0, "--plan", plan]);
            }
        }
        let ended = server.0.try_wait().unwrap();
        assert!(
            ended.is_none(),
            "the server ended by itself: {ended:?}\n{}",
            place.said()
        );
        let planned = all().any(|e| matches!(e.event, IncidentEvent::PlanProposed { .. }));
        let most = if planned {
            at_most
        } else {
            at_most.min(BEFORE_A_PLAN)
        };
        let due = match moment {
            _ if told.kills >= most || length == 0 => false,
            Moment::After(span) => started.elapsed() >= span,
            Moment::At(entries, span) => {
                let reached = length >= entries;
                if reached {
                    std::thread::sleep(span);
                }
                reached || started.elapsed() > Duration::from_secs(10)
            }
        };
        if due {
            server.kill();
            *told.moments.entry(newest(&place.journals())).or_default() += 1;
            told.kills += 1;
            std::thread::sleep(chance.millis(800));
            server = place.serve();
            started = Instant::now();
            moment = draw(chance, length);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
#[ignore = "takes some minutes and real processes; CONTRIBUTING.md"]
fn killed_at_random_moments_of_a_recovery() {
    let kills = ask("MIDWATCH_KILLS", 50);
    let seed = ask("MIDWATCH_SEED", 1);
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut sum = Told::default();
    let (mut recoveries, mut by_hand) = (0, 0);
    while sum.kills < kills {
        let fault = FAULTS[recoveries % FAULTS.len()];
        let began = Instant::now();
        // Afresh each time: here a fault is no echo of the one before.
        let place = Place::new();
        let told = recovery(&place, fault, &mut chance, AT_MOST.min(kills - sum.kills));
        let held = hold(&place);
        println!(
            "{fault}: over after {:.0} s and {} kills{}; {held}",
            began.elapsed().as_secs_f64(),
            told.kills,
            if told.by_hand {
                ", mended by a person"
            } else {
                ""
            }
        );
        sum.kills += told.kills;
        recoveries += 1;
        by_hand += u32::from(told.by_hand);
        for (word, times) in told.moments {
            *sum.moments.entry(word).or_default() += times;
        }
    }
    println!(
        "{} kills in {recoveries} recoveries, seed {seed}; {by_hand} of them mended by a person; the newest entry at each kill:",
        sum.kills
    );
    for (word, times) in &sum.moments {
        println!("  {times:3} {word}");
    }
}

/// What must be so at the end; what was counted.
fn hold(place: &Place) -> String {
    let journals = place.journals();
    let audit = place.audit();
    let mut steps = 0;
    let mut done: BTreeMap<String, u32> = BTreeMap::new();
    for (id, entries) in &journals {
        let incident = Incident::fold(id, entries).unwrap().unwrap();
        assert!(incident.closed.is_some(), "{id} is open");
        let mut ends = BTreeSet::new();
        let mut ledgers = BTreeSet::new();
        for entry in entries {
            match &entry.event {
                IncidentEvent::InvestigationEnded { attempt, report } => {
                    assert!(ends.insert(*attempt), "{id}: look {attempt} ended twice");
                    assert!(
                        ledgers.insert(report.ledger.clone()),
                        "{id}: one report twice"
                    );
                    let mut seen = BTreeSet::new();
                    let twice = report.evidence.iter().find(|e| !seen.insert(e.id));
                    assert!(twice.is_none(), "{id}: {twice:?} twice");
                }
                IncidentEvent::StepEnded {
                    outcome: Outcome::Done { .. },
                    ..
                }
                | IncidentEvent::UndoEnded {
                    outcome: Outcome::Done { .. },
                    ..
                } => steps += 1,
                IncidentEvent::StepStarted { key, .. } | IncidentEvent::UndoStarted { key, .. } => {
                    done.insert(key.0.clone(), 0);
                }
                _ => {}
            }
        }
    }
    // J2, as the target tells it: one record for each step done, and not two that alter one thing to the same.
    assert_eq!(
        audit.len(),
        steps,
        "records of our hands, and steps that the journal says are done"
    );
    let verified = place.midwatch(&["journal", "verify"]);
    let said = String::from_utf8_lossy(&verified.stdout);
    let chains = said.lines().last().unwrap_or_default();
    assert!(
        verified.status.success() && chains.contains("0 broken"),
        "{said}"
    );
    // Nothing that was acknowledged is lost or doubled.
    let ledger = place.payledger(&["audit"]);
    assert!(ledger.status.success(), "{ledger:?}");
    format!(
        "{} incidents closed; {steps} steps done, {} records of our hands in the audit log; {chains}",
        journals.len(),
        audit.len()
    )
}
