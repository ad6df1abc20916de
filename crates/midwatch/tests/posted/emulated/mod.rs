//! A small system on AWS's interfaces, as an emulator offers them: set up through the API of AWS, broken through its
//! control plane. Its alarm is posted to a real `midwatch serve`, which asks AWS and writes a report; and, once a person has
//! said yes, puts it back through the API of AWS and holds fresh telemetry against what it promised.
//!
//! ministack, of PyPI. Run by `cargo xtask test`, which brings it and says where it is in `MIDWATCH_MINISTACK`.

mod cloud;
mod payledger;
mod service;

use std::path::Path;
use std::time::{Duration, Instant};

use model::EntityId;
use model::action::{Action, Outcome};
use model::incident::{Ending, Entry, IncidentEvent};
use model::plan::Plan;
use model::report::{Report, Status};
use serde_json::json;

use self::cloud::Cloud;
use super::stand::{Kept, Stand, free_ports};
use super::{incidents, run, until, until_or};

/// How long all is well first, at least: every function has been called by then, and not a line of it was about trouble.
const WELL: Duration = Duration::from_secs(45);

/// What is broken, and what the report has to say of it.
struct Breakage {
    /// The emulator: as it is, or mended where it would show less than AWS.
    starts: fn(&Stand, u16) -> Cloud,
    /// The system, whose alarm is posted to a program at that port.
    sets_up: fn(&Cloud, u16),
    /// A request; was it served?
    asks: fn(&Cloud) -> bool,
    /// Between two requests.
    every: Duration,
    does: fn(&Cloud),
    /// How the name of what the alarm is on begins.
    alarmed: &'static str,
    cause: &'static str,
    mechanism: &'static str,
    /// A setting that the change altered.
    setting: &'static str,
    /// What the step says of before and after.
    step: [&'static str; 2],
    /// The way back from the way back.
    undo: fn() -> Action,
    /// Is it as it was before it was broken?
    mended: fn(&Cloud) -> bool,
    /// Whose call it is by which that came about.
    service: &'static str,
}

/// A value that a variable has: it must be nowhere but at AWS.
const CANARY: &str = "value-of-a-variable-canary";

/// Hands, where nobody knows roles.
const HANDS: &str =
    "[connectors.aws.main.hands]\nwithout_role = true\ncall_log = \"deeds.jsonl\"\n";

/// A worker that may not run.
const STOPPED: Breakage = Breakage {
    starts: Cloud::start,
    sets_up: Cloud::set_up,
    asks: Cloud::request,
    every: Duration::from_secs(1),
    alarmed: "function/api",
    cause: "function/worker",
    service: "lambda",
    does: |cloud| cloud.reserve("worker", 0),
    mechanism: "resource.throttled-zero-concurrency",
    setting: "ReservedConcurrentExecutions",
    step: ["reserved concurrency = 0", "reserved concurrency = none"],
    undo: || Action::SetLimit {
        entity: EntityId::new("function/worker"),
        limit: "concurrency".to_string(),
        value: Some(0),
    },
    mended: |cloud| cloud.reserved("worker").is_none(),
};

/// A worker that lacks the variable that names its table.
const FORGETFUL: Breakage = Breakage {
    starts: Cloud::start,
    sets_up: Cloud::set_up,
    asks: Cloud::request,
    every: Duration::from_secs(1),
    alarmed: "function/api",
    cause: "function/worker",
    service: "lambda",
    does: |cloud| {
        cloud.variables("worker", json!({"STAGE": "live", "TOKEN": CANARY}));
    },
    mechanism: "config.required-value-missing",
    setting: "Environment",
    step: ["LEDGER not set", "LEDGER set"],
    undo: || Action::SetSettings {
        entity: EntityId::new("function/worker"),
        settings: [("LEDGER".to_string(), None)].into(),
    },
    mended: |cloud| {
        let set = cloud.set("worker");
        set["LEDGER"] == "ledger" && set["TOKEN"] == CANARY
    },
};

/// A worker that is started by a name that its code does not have.
const MISNAMED: Breakage = Breakage {
    starts: Cloud::mended,
    sets_up: Cloud::set_up,
    asks: Cloud::request,
    every: Duration::from_secs(1),
    alarmed: "function/api",
    cause: "function/worker",
    service: "lambda",
    does: |cloud| cloud.configure("worker", &json!({"Handler": "index.record"})),
    mechanism: "config.required-value-missing",
    setting: "index.record",
    step: ["handler = index.record", "handler = index.handler"],
    undo: || Action::SetSettings {
        entity: EntityId::new("function/worker"),
        settings: [(
            "configuration.handler".to_string(),
            Some("index.record".to_string()),
        )]
        .into(),
    },
    mended: |cloud| cloud.configured("worker")["Handler"] == "index.handler",
};

/// A system that was broken, and the incident that came of it.
struct Scene {
    stand: Stand,
    cloud: Cloud,
    config: String,
    /// The incident's.
    id: String,
    _server: Kept,
}

/// Sets the system up and breaks it, while a server with these hands keeps the watch.
fn broken(breakage: &Breakage, hands: &str) -> Scene {
    let stand = Stand::new();
    let [api, port] = free_ports();
    let cloud = (breakage.starts)(&stand, port);
    let more = format!(
        "[inlets.aws]\nkind = \"eventbridge\"\nsecret_file = \"secret\"\n[connectors.aws.main]\nregions = [\"eu-west-1\"]\nendpoint = \"http://127.0.0.1:{port}\"\ncall_log = \"calls.jsonl\"\n{hands}[act]\npatience = \"8m\"\n"
    );
    let (server, config) = stand.midwatch(api, "", &more);
    (breakage.sets_up)(&cloud, api);
    let began = Instant::now();
    while began.elapsed() < WELL {
        assert!(
            (breakage.asks)(&cloud),
            "it fails before it is broken\n{}",
            stand.logs()
        );
        std::thread::sleep(breakage.every);
    }
    assert!(incidents(&config).is_empty(), "{}", stand.logs());

    (breakage.does)(&cloud);
    // The emulator's audit trail gives its newest 50 records and no more, the calls by which the system works among
    // them: no more is asked of it than what makes the alarm fire.
    let fails = |times| {
        for _ in 0..times {
            assert!(!(breakage.asks)(&cloud), "it works although it is broken");
        }
        Instant::now()
    };
    let mut failed = fails(4);
    let id = until("an incident", Duration::from_secs(90), || {
        // Where the machine is slow, two of the alarm's minutes may have shared them.
        if failed.elapsed() > Duration::from_secs(20) {
            failed = fails(3);
        }
        let found = incidents(&config).into_iter().next()?;
        Some(found["id"].as_str().unwrap().to_string())
    });
    Scene {
        stand,
        cloud,
        config,
        id,
        _server: server,
    }
}

/// Waits for the report, and holds it against what was broken.
fn investigated(breakage: &Breakage, scene: &Scene) {
    let (id, config) = (&scene.id, &scene.config);
    let opened = Instant::now();
    // A look in the very second of the break may come before the emulator has its lines: then nothing explains what is
    // seen, and the watch looks again.
    let named = |report: &Report| report.header.status != Status::Unknown;
    let printed = || run(&["incidents", "report", id, "--config", config]);
    let look = || {
        let asked = [
            "incidents",
            "report",
            id,
            "--format",
            "json",
            "--config",
            config,
        ];
        serde_json::from_str(&run(&asked)).ok().filter(named)
    };
    let instead = || {
        let timeline = run(&["incidents", "timeline", id, "--config", config]);
        format!("{}\n{timeline}\n{}", printed(), scene.stand.logs())
    };
    let report: Report = until_or("a report", Duration::from_secs(240), look, instead);
    let took = opened.elapsed().as_secs_f64();
    println!("a report {took:.1} s after the incident");
    println!("{}", printed());

    let alarmed = report.alarms[0].entity.as_str();
    assert!(alarmed.starts_with(breakage.alarmed), "{:?}", report.alarms);
    assert_eq!(report.header.status, Status::CauseFound);
    let causes: Vec<_> = report
        .causes
        .iter()
        .map(|cause| (cause.entity.as_str(), cause.mechanism.0.as_str()))
        .collect();
    assert_eq!(causes, [(breakage.cause, breakage.mechanism)]);
    let change = report.causes[0].change.as_deref().expect("a change did it");
    let told = scene.cloud.changed(change);
    assert!(told.contains(breakage.setting), "{change}: {told}");

    let source = &report.sources[0];
    assert_eq!(source.name, "aws.main");
    let calls = scene.stand.at("calls.jsonl");
    let log = std::fs::read_to_string(&calls).unwrap();
    println!("{:?}, {} calls in all", source.spent, log.lines().count());
    // What is sent again because this machine is too busy to answer in time is no further question.
    let questions = source.spent.requests - source.spent.retries;
    assert!(questions < 40, "{:?}", source.spent);
    proven(&calls, &[]);
}

/// All calls of this log are among those that were meant to be made.
fn proven(log: &Path, more: &[&str]) {
    let log = log.display().to_string();
    let asked = ["permissions", "prove", log.as_str()];
    let proof = run(&[&asked[..], more].concat());
    println!("{proof}");
    assert!(!proof.contains("not in the list"), "{proof}");
    assert!(
        proof.contains("are among those that the connector needs"),
        "{proof}"
    );
}

/// Everything that happened to an incident so far.
fn events(config: &str, id: &str) -> Vec<IncidentEvent> {
    let asked = [
        "incidents",
        "timeline",
        id,
        "--format",
        "json",
        "--config",
        config,
    ];
    let printed = run(&asked);
    let entries: Vec<Entry> =
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"));
    entries.into_iter().map(|entry| entry.event).collect()
}

/// A person says yes to the plan; it is performed through the API of AWS, and verified.
fn put_back(breakage: &Breakage, scene: &Scene) {
    let Scene {
        stand,
        cloud,
        config,
        id,
        ..
    } = scene;
    let timeline = || run(&["incidents", "timeline", id, "--config", config]);
    let asked = || {
        events(config, id)
            .into_iter()
            .find_map(|event| match event {
                IncidentEvent::ApprovalAsked { plan, .. } => Some(plan),
                _ => None,
            })
    };
    let digest = until("a question", Duration::from_secs(60), || {
        let found = asked();
        found.or_else(|| {
            let over = events(config, id).into_iter().any(|event| {
                matches!(
                    event,
                    IncidentEvent::HandedOver { .. } | IncidentEvent::Closed { .. }
                )
            });
            assert!(!over, "{}\n{}", timeline(), stand.logs());
            None
        })
    });
    let plan: Plan = events(config, id)
        .into_iter()
        .find_map(|event| match event {
            IncidentEvent::PlanProposed { plan, .. } => Some(*plan),
            _ => None,
        })
        .expect("a plan is asked about");
    println!("{plan:#?}");
    let [step] = &plan.steps[..] else {
        panic!("{:?}", plan.steps);
    };
    assert!(
        matches!(step.action, Action::RevertChange { .. }),
        "{step:?}"
    );
    assert_eq!(step.actuator, "aws.main");
    assert_eq!([step.before.as_str(), step.after.as_str()], breakage.step);
    assert_eq!(step.undo, Some((breakage.undo)()));
    assert!(!(breakage.mended)(cloud), "nothing is done without a yes");

    let yes = run(&["approve", id, "--plan", &digest, "--config", config]);
    println!("{yes}");
    let said = Instant::now();
    until("the way back", Duration::from_secs(90), || {
        (breakage.mended)(cloud).then_some(())
    });
    println!(
        "put back {:.1} s after the yes",
        said.elapsed().as_secs_f64()
    );
    let outcome = until("its outcome", Duration::from_secs(90), || {
        events(config, id)
            .into_iter()
            .find_map(|event| match event {
                IncidentEvent::StepEnded { outcome, .. } => Some(outcome),
                _ => None,
            })
    });
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
    // A second under way: the emulator lets one worker serve at a time.
    let ending = until("the end", Duration::from_secs(480), || {
        assert!(
            (breakage.asks)(cloud),
            "it fails although it is mended\n{}",
            stand.logs()
        );
        std::thread::sleep(breakage.every);
        events(config, id)
            .into_iter()
            .find_map(|event| match event {
                IncidentEvent::Closed { ending, .. } => Some(ending),
                _ => None,
            })
    });
    println!("over {:.1} s after the yes", said.elapsed().as_secs_f64());
    let told = timeline();
    println!("{told}");
    assert_eq!(ending, Ending::Recovered, "{told}");

    let deeds = stand.at("deeds.jsonl");
    proven(&deeds, &["--hands"]);
    let wrong = run(&["permissions", "prove", &deeds.display().to_string()]);
    let foreign = format!("not in the list: {} ", breakage.service);
    assert!(wrong.contains(&foreign), "{wrong}");
    let log = std::fs::read_to_string(&deeds).unwrap();
    let alters = [
        "PutFunctionConcurrency",
        "DeleteFunctionConcurrency",
        "UpdateFunctionConfiguration",
        "UpdateService",
    ];
    let altered = log
        .lines()
        .filter(|line| alters.iter().any(|call| line.contains(call)));
    assert_eq!(altered.count(), 1, "{log}");
    // The emulator's audit trail holds values, and so does what the report cites of it; AWS's own hides them. What the
    // hands say holds none anywhere.
    let mut ours = events(config, id);
    ours.retain(|event| !matches!(event, IncidentEvent::InvestigationEnded { .. }));
    let ours = serde_json::to_string(&ours).unwrap();
    assert!(!ours.contains(CANARY), "{ours}");
    assert!(!log.contains(CANARY), "{log}");
}

#[test]
#[ignore = "needs ministack: run by cargo xtask test"]
fn a_worker_that_may_not_run_is_let_run_through_ministack() {
    let scene = broken(&STOPPED, HANDS);
    investigated(&STOPPED, &scene);
    put_back(&STOPPED, &scene);
}

#[test]
#[ignore = "needs ministack: run by cargo xtask test"]
fn a_worker_without_its_variable_is_given_it_through_ministack() {
    let scene = broken(&FORGETFUL, HANDS);
    investigated(&FORGETFUL, &scene);
    put_back(&FORGETFUL, &scene);
}

#[test]
#[ignore = "needs ministack: run by cargo xtask test"]
fn a_worker_that_is_misnamed_is_started_by_its_name_through_ministack() {
    let scene = broken(&MISNAMED, HANDS);
    investigated(&MISNAMED, &scene);
    put_back(&MISNAMED, &scene);
}

/// The same where nobody gave the watch hands: it is found as well, and left to people.
#[test]
#[ignore = "needs ministack: run by cargo xtask test"]
fn without_hands_it_is_left_to_people_through_ministack() {
    let scene = broken(&STOPPED, "");
    investigated(&STOPPED, &scene);
    let why = until("a word on plans", Duration::from_secs(60), || {
        events(&scene.config, &scene.id)
            .into_iter()
            .find_map(|event| match event {
                IncidentEvent::NoPlan { why, .. } => Some(why),
                IncidentEvent::PlanProposed { plan } => panic!("{plan:?}"),
                _ => None,
            })
    });
    println!("{why:?}");
    assert!(
        why.iter()
            .any(|one| one.contains("no actuator is connected")),
        "{why:?}"
    );
    assert_eq!(scene.cloud.reserved("worker"), Some(0));
    assert!(!scene.stand.at("deeds.jsonl").exists());
}
