//! A real Prometheus scrapes a target of ours, its rule fires, a real Alertmanager posts, and a real `midwatch serve`
//! opens an incident, writes its report, and closes it when the target is well again.
//!
//! Debian's packages `prometheus` and `prometheus-alertmanager`. Run by `cargo xtask test` where they are installed.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{SECRET, incidents, run, until};

/// A process that goes when this goes, by its own id.
struct Kept(Child);

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn started(mut command: Command, log: &Path) -> Kept {
    let file = File::create(log).unwrap();
    command
        .stdin(Stdio::null())
        .stdout(file.try_clone().unwrap())
        .stderr(file);
    Kept(
        command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}")),
    )
}

/// Ports that are free together; each is let go of at the end, so that another may take it.
fn free_ports<const N: usize>() -> [u16; N] {
    let held = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}

/// A service that says of itself whether it is broken, in the text format of Prometheus.
fn target(broken: Arc<AtomicBool>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let mut asked = [0; 2048];
            let _ = stream.read(&mut asked);
            let body = format!(
                "# TYPE checkout_broken gauge\ncheckout_broken {}\n",
                u8::from(broken.load(Ordering::SeqCst))
            );
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
        }
    });
    port
}

#[test]
#[ignore = "needs Debian's prometheus and prometheus-alertmanager; `cargo xtask test` runs it where they are"]
fn a_rule_fires_an_incident_opens_and_resolution_closes_it() {
    let folder = tempfile::tempdir().unwrap();
    let here = |name: &str| folder.path().join(name);
    let [api, prometheus, alertmanager] = free_ports();
    let broken = Arc::new(AtomicBool::new(false));
    let target = target(Arc::clone(&broken));
    std::fs::write(here("secret"), SECRET).unwrap();
    std::fs::write(
        here("midwatch.toml"),
        format!(
            "[server]\nlisten = \"127.0.0.1:{api}\"\n[telemetry]\ngrpc = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n[watch]\nevery = \"100ms\"\nidle_close = \"10s\"\n[notify]\nterminal = false\n[inlets.alerts]\nkind = \"alertmanager\"\nsecret_file = \"secret\"\n"
        ),
    )
    .unwrap();
    std::fs::write(
        here("alertmanager.yml"),
        format!(
            "route:\n  receiver: midwatch\n  group_by: [alertname]\n  group_wait: 1s\n  group_interval: 2s\n  repeat_interval: 10s\nreceivers:\n  - name: midwatch\n    webhook_configs:\n      - url: http://localhost:{api}/v1/spaces/main/inlets/alerts\n        send_resolved: true\n        http_config:\n          authorization:\n            type: Bearer\n            credentials_file: {}\n",
            here("secret").display()
        ),
    )
    .unwrap();
    std::fs::write(
        here("rules.yml"),
        "groups:\n  - name: shop\n    rules:\n      - alert: CheckoutBroken\n        expr: checkout_broken > 0\n        labels:\n          severity: critical\n        annotations:\n          summary: checkout says that it is broken\n",
    )
    .unwrap();
    std::fs::write(
        here("prometheus.yml"),
        format!(
            "global:\n  scrape_interval: 1s\n  evaluation_interval: 1s\nrule_files: [rules.yml]\nalerting:\n  alertmanagers:\n    - static_configs:\n        - targets: [\"127.0.0.1:{alertmanager}\"]\nscrape_configs:\n  - job_name: checkout\n    static_configs:\n      - targets: [\"127.0.0.1:{target}\"]\n        labels:\n          service: checkout\n"
        ),
    )
    .unwrap();
    let config = here("midwatch.toml").display().to_string();
    let mut server = Command::new(env!("CARGO_BIN_EXE_midwatch"));
    server.args(["serve", "--config", &config]);
    let _server = started(server, &here("midwatch.log"));
    let mut command = Command::new("prometheus-alertmanager");
    command
        .arg(format!(
            "--config.file={}",
            here("alertmanager.yml").display()
        ))
        .arg(format!("--storage.path={}", here("alertmanager").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{alertmanager}"))
        // No cluster: it listens nowhere else.
        .arg("--cluster.listen-address=");
    let _alertmanager = started(command, &here("alertmanager.log"));
    let mut command = Command::new("prometheus");
    command
        .arg(format!(
            "--config.file={}",
            here("prometheus.yml").display()
        ))
        .arg(format!(
            "--storage.tsdb.path={}",
            here("prometheus").display()
        ))
        .arg(format!("--web.listen-address=127.0.0.1:{prometheus}"));
    let _prometheus = started(command, &here("prometheus.log"));

    let log = |name: &str| std::fs::read_to_string(here(name)).unwrap_or_default();
    let logs = || {
        let all = ["midwatch.log", "alertmanager.log", "prometheus.log"];
        all.map(|name| format!("== {name}\n{}", log(name)))
            .join("\n")
    };
    until("the server", Duration::from_secs(120), || {
        log("midwatch.log")
            .contains("page and API at")
            .then_some(())
    });
    // A moment of health first: then nothing is there.
    std::thread::sleep(Duration::from_secs(3));
    assert!(incidents(&config).is_empty(), "{}", logs());
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
            logs()
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
    assert_eq!(incidents(&config).len(), 1, "{}", logs());
    broken.store(false, Ordering::SeqCst);
    let began = std::time::Instant::now();
    loop {
        let timeline = run(&["incidents", "timeline", &id, "--config", &config]);
        if timeline.to_lowercase().contains("closed") {
            break;
        }
        let late = began.elapsed() > Duration::from_secs(180);
        assert!(!late, "not closed\n{timeline}\n{}", logs());
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
