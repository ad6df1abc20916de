//! A real Prometheus scrapes a target of ours, its rule fires, a real Alertmanager posts, and a real `midwatch serve`
//! opens an incident, writes its report, and closes it when the target is well again.
//!
//! Debian's packages `prometheus` and `prometheus-alertmanager`. Run by `cargo xtask test` where they are installed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::stand::{Stand, free_ports, target};
use super::{incidents, run, until};

#[test]
#[ignore = "needs Debian's prometheus and prometheus-alertmanager; `cargo xtask test` runs it where they are"]
fn a_rule_fires_an_incident_opens_and_resolution_closes_it() {
    let stand = Stand::new();
    let [api, prometheus, alertmanager] = free_ports();
    let broken = Arc::new(AtomicBool::new(false));
    let says = Arc::clone(&broken);
    let target = target(move || {
        let broken = u8::from(says.load(Ordering::SeqCst));
        format!("# TYPE checkout_broken gauge\ncheckout_broken {broken}\n")
    });
    let (_server, config) = stand.midwatch(api, "idle_close = \"10s\"\n", "");
    let _alertmanager = stand.posting(alertmanager, api, "10s");
    let rule = "      - alert: CheckoutBroken\n        expr: checkout_broken > 0\n        labels:\n          severity: critical\n        annotations:\n          summary: checkout says that it is broken\n";
    let _prometheus = stand.prometheus(prometheus, alertmanager, rule, &[("checkout", target)]);
    // A moment of health first: then nothing is there.
    std::thread::sleep(Duration::from_secs(3));
    assert!(incidents(&config).is_empty(), "{}", stand.logs());
    broken.store(true, Ordering::SeqCst);
    let began = std::time::Instant::now();
    let found = || incidents(&config).into_iter().next();
    let opened = loop {
        if let Some(opened) = found() {
            break opened;
        }
        assert!(
            began.elapsed() < Duration::from_secs(120),
            "no incident\n{}",
            stand.logs()
        );
        std::thread::sleep(Duration::from_millis(200));
    };
    println!(
        "an incident {:.1} s after the target broke",
        began.elapsed().as_secs_f64()
    );
    let id = opened["id"].as_str().unwrap().to_string();
    assert_eq!(opened["alarms"][0]["rule"], "CheckoutBroken", "{opened}");
    assert_eq!(
        opened["alarms"][0]["entity"], "service/checkout",
        "{opened}"
    );
    until("a report", Duration::from_secs(120), || {
        let report = run(&[
            "incidents",
            "report",
            &id,
            "--format",
            "json",
            "--config",
            &config,
        ]);
        report.contains("\"schema\"").then_some(())
    });
    // Alertmanager tells it again and again while it fires: still one incident.
    std::thread::sleep(Duration::from_secs(12));
    assert_eq!(incidents(&config).len(), 1, "{}", stand.logs());
    broken.store(false, Ordering::SeqCst);
    let began = std::time::Instant::now();
    loop {
        let timeline = run(&["incidents", "timeline", &id, "--config", &config]);
        if timeline.to_lowercase().contains("closed") {
            break;
        }
        let late = began.elapsed() > Duration::from_secs(180);
        assert!(!late, "not closed\n{timeline}\n{}", stand.logs());
        std::thread::sleep(Duration::from_millis(200));
    }
    println!(
        "closed {:.1} s after the target was well again",
        began.elapsed().as_secs_f64()
    );
    let all = incidents(&config);
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(all[0]["firing"], false, "{all:?}");
}
