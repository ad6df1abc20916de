//! A small system on AWS's interfaces, as an emulator offers them: set up through the API of AWS, broken through its
//! control plane. Its alarm is posted to a real `midwatch serve`, which asks AWS and writes a report.
//!
//! ministack, of PyPI. Run by `cargo xtask test`, which brings it and says where it is in `MIDWATCH_MINISTACK`.

mod cloud;

use std::time::{Duration, Instant};

use model::report::{Report, Status};

use self::cloud::Cloud;
use super::stand::{Stand, free_ports};
use super::{incidents, run, until};

/// How long all is well first: what is usual must be known.
const WELL: Duration = Duration::from_secs(130);

/// What is broken, and what the report has to say of it.
struct Breakage {
    does: fn(&Cloud),
    mechanism: &'static str,
    /// A setting that the change altered.
    setting: &'static str,
}

/// Sets the system up, breaks it, waits for the report, and holds it against what was broken.
fn investigated(breakage: &Breakage) {
    let stand = Stand::new();
    let [api, port] = free_ports();
    let cloud = Cloud::start(&stand, port);
    let calls = stand.at("calls.jsonl");
    let more = format!(
        "[inlets.aws]\nkind = \"eventbridge\"\nsecret_file = \"secret\"\n[connectors.aws.main]\nregions = [\"eu-west-1\"]\nendpoint = \"http://127.0.0.1:{port}\"\ncall_log = \"calls.jsonl\"\n"
    );
    let (_server, config) = stand.midwatch(api, "", &more);
    cloud.set_up(api);
    let began = Instant::now();
    while began.elapsed() < WELL {
        assert!(
            cloud.request(),
            "it fails before it is broken\n{}",
            stand.logs()
        );
        std::thread::sleep(Duration::from_secs(1));
    }
    assert!(incidents(&config).is_empty(), "{}", stand.logs());

    (breakage.does)(&cloud);
    // The emulator's audit trail gives its newest 50 records and no more, the calls by which the system works among
    // them: no more is asked of it than what makes the alarm fire.
    for _ in 0..4 {
        assert!(!cloud.request(), "it works although it is broken");
    }
    let id = until("an incident", Duration::from_secs(60), || {
        let found = incidents(&config).into_iter().next()?;
        Some(found["id"].as_str().unwrap().to_string())
    });
    let opened = Instant::now();
    let report: Report = until("a report", Duration::from_secs(120), || {
        let asked = [
            "incidents",
            "report",
            &id,
            "--format",
            "json",
            "--config",
            &config,
        ];
        serde_json::from_str(&run(&asked)).ok()
    });
    let took = opened.elapsed().as_secs_f64();
    println!("a report {took:.1} s after the incident");
    println!(
        "{}",
        run(&["incidents", "report", &id, "--config", &config])
    );

    assert_eq!(
        report.alarms[0].entity.as_str(),
        "function/api",
        "{:?}",
        report.alarms
    );
    assert_eq!(report.header.status, Status::CauseFound);
    let causes: Vec<_> = report
        .causes
        .iter()
        .map(|cause| (cause.entity.as_str(), cause.mechanism.0.as_str()))
        .collect();
    assert_eq!(causes, [("function/worker", breakage.mechanism)]);
    let change = report.causes[0].change.as_deref().expect("a change did it");
    let told = cloud.changed(change);
    assert!(told.contains(breakage.setting), "{change}: {told}");

    let source = &report.sources[0];
    assert_eq!(source.name, "aws.main");
    let log = std::fs::read_to_string(&calls).unwrap();
    println!("{:?}, {} calls in all", source.spent, log.lines().count());
    assert!(source.spent.requests < 40, "{:?}", source.spent);
    let proof = run(&["permissions", "prove", &calls.display().to_string()]);
    println!("{proof}");
    assert!(!proof.contains("not in the list"), "{proof}");
    assert!(
        proof.contains("are among those that the connector needs"),
        "{proof}"
    );
}

#[test]
#[ignore = "needs ministack: run by cargo xtask test"]
fn a_worker_that_may_not_run_is_found_through_ministack() {
    investigated(&Breakage {
        does: |cloud| cloud.reserve("worker", 0),
        mechanism: "resource.throttled-zero-concurrency",
        setting: "ReservedConcurrentExecutions",
    });
}

#[test]
#[ignore = "needs ministack: run by cargo xtask test"]
fn a_worker_without_its_variable_is_found_through_ministack() {
    investigated(&Breakage {
        does: |cloud| cloud.variables("worker", serde_json::json!({"STAGE": "live"})),
        mechanism: "config.required-value-missing",
        setting: "Environment",
    });
}
