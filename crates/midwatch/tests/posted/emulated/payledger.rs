//! PayLedger on AWS, on an emulator that holds everybody to the policies that he has: set up and broken by its own commands,
//! three faults at once. One of its alarms is told; what did it is found through AWS alone, by a user who may do no more
//! than `midwatch permissions aws` prints, put back through AWS by a role that may do no more than it prints for hands, and
//! verified.

use std::collections::BTreeSet;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use model::action::Outcome;
use model::incident::{Ending, IncidentEvent};
use model::plan::Plan;
use model::query::GapReason;
use model::report::{Report, Status};
use payledger::names::PRIMARY;
use serde_json::Value;

use super::super::stand::{Stand, free_ports};
use super::super::{SECRET, incidents, run, until, until_or};
use super::cloud::{Cloud, beside, python};
use super::{events, proven};

/// The emulator's root, who owns the account.
const ROOT: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", "test"),
    ("AWS_SECRET_ACCESS_KEY", "test"),
];
/// Loads that are sent at most until one is served whole: what starts cold on a busy machine may take too long.
const LOADS: usize = 6;

/// Whoever owns the account, and what they run.
struct Owner<'s> {
    stand: &'s Stand,
    endpoint: String,
}

fn read(what: &[&str], output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{what:?}: {said}");
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{what:?}: {error}: {:?}", output.stdout))
}

impl Owner<'_> {
    /// `payledger aws …`.
    fn tried(&self, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_midwatch"))
            .args(["payledger", "--format", "json", "aws", "--endpoint"])
            .arg(&self.endpoint)
            .args(words)
            .envs(ROOT)
            .output()
            .unwrap()
    }

    fn ledger(&self, words: &[&str]) -> Value {
        read(words, &self.tried(words))
    }

    /// What of the ledger differs from how it was set up.
    fn deviates(&self) -> Vec<String> {
        let told: Value = serde_json::from_slice(&self.tried(&["status"]).stdout).unwrap();
        let all = told["deviates"].as_array().unwrap();
        all.iter()
            .map(|one| one.as_str().unwrap().to_string())
            .collect()
    }

    /// Has a load served whole.
    fn served(&self) {
        let loads = (0..LOADS).map(|_| self.ledger(&["load", "--rate", "4", "--seconds", "5"]));
        let mut loads = loads.inspect(|tally| println!("well: {tally}"));
        assert!(
            loads.any(|tally| tally["failures"] == 0),
            "no load was served whole\n{}",
            self.stand.logs()
        );
    }

    /// What only the owner of an account does, by AWS's own client.
    fn does(&self, words: &[&str]) -> Value {
        let output = Command::new(python())
            .arg(beside("owner.py"))
            .args([self.endpoint.as_str(), PRIMARY])
            .args(words)
            .envs(ROOT)
            .current_dir(self.stand.path())
            .output()
            .unwrap();
        read(words, &output)
    }

    /// The policy that this command prints, in a file.
    fn policy(&self, name: &str, words: &[&str]) -> String {
        let text = run(&[&["permissions", "aws"], words].concat());
        let read: Result<Value, _> = serde_json::from_str(&text);
        assert!(read.is_ok(), "{text}");
        let file = self.stand.at(name);
        std::fs::write(&file, text).unwrap();
        file.display().to_string()
    }
}

/// Cause, mechanism and the call that did it, as the fault's own file says.
fn expected(owner: &Owner<'_>, fault: &str) -> BTreeSet<[String; 3]> {
    let faults = owner.ledger(&["fault"]);
    let faults = faults.as_array().unwrap();
    let named = |name: &Value| {
        let mut all = faults.iter();
        all.find(|one| one["name"] == *name)
            .unwrap_or_else(|| panic!("{name}"))
    };
    let parts = named(&fault.into())["of"].as_array().unwrap().iter();
    let parts = parts.flat_map(|part| named(part)["expected"].as_array().unwrap());
    let told = parts.map(|one| {
        ["entity", "mechanism", "change"].map(|key| one[key].as_str().unwrap().to_string())
    });
    told.collect()
}

/// Without the date of its interface, which Lambda writes behind the name of a call.
fn undated(name: &str) -> String {
    let end = name.find(|c: char| c.is_ascii_digit());
    name[..end.unwrap_or(name.len())].to_string()
}

#[test]
#[ignore = "needs ministack: run by cargo xtask test"]
fn three_faults_of_payledger_are_found_and_put_back_through_ministack() {
    let stand = Stand::new();
    let [api, port] = free_ports();
    let _cloud = Cloud::enforcing(&stand, port);
    let endpoint = format!("http://127.0.0.1:{port}");
    let owner = Owner {
        stand: &stand,
        endpoint: endpoint.clone(),
    };
    let key = owner.does(&["user"]);
    let [id, secret] = ["id", "secret"].map(|part| key[part].as_str().unwrap().to_string());
    owner.ledger(&["deploy"]);

    let role = |name: &str| format!("arn:aws:iam::000000000000:role/{name}");
    let more = format!(
        "[inlets.aws]\nkind = \"eventbridge\"\nsecret_file = \"secret\"\n[connectors.aws.main]\nregions = [\"{PRIMARY}\"]\nendpoint = \"{endpoint}\"\ncall_log = \"calls.jsonl\"\n[connectors.aws.main.hands]\nrole_arn = \"{}\"\nroles = [\"{}\", \"{}\"]\ncall_log = \"deeds.jsonl\"\n[act]\npatience = \"8m\"\n",
        role("midwatch-acts"),
        role("payledger-ledger-writer"),
        role("payledger-statement-mailer"),
    );
    let whose = [
        ("AWS_ACCESS_KEY_ID", id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", secret.as_str()),
    ];
    let (_server, config) = stand.midwatch_as(&whose, api, "", &more);
    let reads = owner.policy("reads.json", &["--config", &config]);
    let acts = owner.policy("acts.json", &["--hands", "--config", &config]);
    owner.does(&["allow", &reads, &acts]);
    owner.does(&["past", "payledger-", "45"]);
    owner.served();
    // Only now: copies that begin on a busy machine may be slow enough for the other alarm.
    let teller = beside("tell.py");
    let inlet = format!("http://localhost:{api}/v1/spaces/main/inlets/aws");
    let teller = teller.display().to_string();
    owner.does(&["tell", &teller, "payledger-alarms", &inlet, SECRET]);
    assert!(incidents(&config).is_empty(), "{}", stand.logs());
    std::fs::write(stand.at("lived"), "").unwrap();
    let expected = expected(&owner, "three");
    owner.ledger(&["fault", "three"]);
    assert_eq!(owner.deviates().len(), expected.len());

    let round = || {
        let tally = owner.ledger(&["load", "--rate", "4", "--seconds", "5"]);
        println!("broken: {tally}");
        assert!(tally["failures"].as_u64() > Some(2), "{tally}");
        Instant::now()
    };
    let mut asked = round();
    let incident = until("an incident", Duration::from_secs(90), || {
        if asked.elapsed() > Duration::from_secs(25) {
            asked = round();
        }
        let found = incidents(&config).into_iter().next()?;
        Some(found["id"].as_str().unwrap().to_string())
    });
    let opened = Instant::now();
    let words = ["incidents", "report", &incident, "--config", &config];
    let report: Report = until("a report", Duration::from_secs(120), || {
        let printed = run(&[&words[..], &["--format", "json"]].concat());
        serde_json::from_str(&printed).ok()
    });
    println!(
        "a report {:.1} s after the incident",
        opened.elapsed().as_secs_f64()
    );
    println!("{}", run(&words));

    assert_eq!(report.header.status, Status::CauseFound);
    let found = report.causes.iter().map(|cause| {
        let change = cause.change.as_deref().expect("a change did it");
        let record = owner.does(&["event", change]);
        let record: Value = serde_json::from_str(record.as_str().unwrap()).unwrap();
        [
            cause.entity.to_string(),
            cause.mechanism.0.clone(),
            undated(record["eventName"].as_str().unwrap()),
        ]
    });
    assert_eq!(found.collect::<BTreeSet<_>>(), expected);
    // What the policy lacks would be missing here: the emulator holds whoever looks to it.
    let lacks = report.gaps.iter();
    let lacks: Vec<_> = lacks
        .filter(|gap| gap.why == GapReason::Permission)
        .collect();
    assert!(lacks.is_empty(), "{lacks:?}");
    let spent = &report.sources[0].spent;
    println!("{spent:?}");
    assert!(spent.requests - spent.retries < 40, "{spent:?}");

    let asked = || {
        let all = events(&config, &incident).into_iter();
        all.filter_map(|event| match event {
            IncidentEvent::ApprovalAsked { plan, .. } => Some(plan),
            _ => None,
        })
        .next()
    };
    let timeline = || run(&["incidents", "timeline", &incident, "--config", &config]);
    let begun = Instant::now();
    let digest = until("a question", Duration::from_secs(60), || {
        asked().or_else(|| {
            assert!(
                begun.elapsed() < Duration::from_secs(50),
                "{}\n{}",
                timeline(),
                stand.logs()
            );
            None
        })
    });
    let all = events(&config, &incident).into_iter();
    let plan: Plan = all
        .filter_map(|event| match event {
            IncidentEvent::PlanProposed { plan, .. } => Some(*plan),
            _ => None,
        })
        .next()
        .expect("a plan is asked about");
    println!("{plan:#?}");
    let touched = plan
        .steps
        .iter()
        .map(|step| step.action.entity().to_string());
    let wanted = expected.iter().map(|[entity, ..]| entity.clone());
    assert_eq!(
        touched.collect::<BTreeSet<_>>(),
        wanted.collect::<BTreeSet<_>>()
    );
    assert_eq!(
        owner.deviates().len(),
        expected.len(),
        "nothing is done without a yes"
    );

    println!(
        "{}",
        run(&["approve", &incident, "--plan", &digest, "--config", &config])
    );
    let said = Instant::now();
    until("the way back", Duration::from_secs(120), || {
        owner.deviates().is_empty().then_some(())
    });
    println!(
        "put back {:.1} s after the yes",
        said.elapsed().as_secs_f64()
    );
    let instead = || format!("{}\n{}", timeline(), stand.logs());
    let recovered = || {
        // Verification wants ten calls of each within a minute, however long a round takes.
        let tally = owner.ledger(&["load", "--rate", "3", "--seconds", "5"]);
        println!("put back: {tally}");
        let mut all = events(&config, &incident).into_iter();
        all.find_map(|event| match event {
            IncidentEvent::Closed { ending, .. } => Some(ending),
            _ => None,
        })
    };
    // Longer than the patience that the watch has: then the timeline says what was waited for.
    let ending = until_or("the end", Duration::from_secs(600), recovered, instead);
    println!("over {:.1} s after the yes", said.elapsed().as_secs_f64());
    let told = timeline();
    println!("{told}");
    assert_eq!(ending, Ending::Recovered, "{told}");
    let outcomes = events(&config, &incident).into_iter();
    let outcomes: Vec<_> = outcomes
        .filter_map(|event| match event {
            IncidentEvent::StepEnded { outcome, .. } => Some(outcome),
            _ => None,
        })
        .collect();
    assert_eq!(outcomes.len(), expected.len(), "{told}");
    let done = |one: &Outcome| matches!(one, Outcome::Done { .. });
    assert!(outcomes.iter().all(done), "{outcomes:?}");

    proven(&stand.at("calls.jsonl"), &[]);
    proven(&stand.at("deeds.jsonl"), &["--hands"]);
    let told = format!("{told}{}{}", run(&words), stand.logs());
    assert!(!told.contains(&secret), "the key of whoever looks is told");
}
