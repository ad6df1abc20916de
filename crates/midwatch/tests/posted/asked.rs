//! A real Prometheus scrapes a service that breaks; a real Alertmanager posts; and a real `midwatch serve`, which knows
//! of the service only the address of its Prometheus, writes a report. Every PromQL that the report cites is then asked of
//! that Prometheus once more, and gives the numbers that the report stands on.
//!
//! The same with a real VictoriaMetrics and its vmalert in place of Prometheus.
//!
//! Debian's packages `prometheus`, `prometheus-alertmanager` and `victoria-metrics`. Run by `cargo xtask test`, which brings
//! them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use connectors::files::{self, Limits};
use connectors::pull::{Http, Question, Shown, Wire as _};
use model::Query;
use model::ports::MetricSource as _;
use model::report::Report;
use model::time::Span;
use serde_json::Value;

use super::stand::{Kept, Stand, free_ports, target};
use super::{incidents, run, until};

/// A shop's service: requests, failures, durations, and a pool of connections that runs out when it breaks. Each value
/// follows from the time alone.
fn exposition(seconds: f64, broke: Option<f64>) -> String {
    let ill = broke.map_or(0.0, |broke| (seconds - broke).max(0.0));
    let well = seconds - ill;
    let (good, bad) = ((20.0 * well + 9.0 * ill).floor(), (11.0 * ill).floor());
    let slow = (18.0 * ill).floor();
    let all = good + bad;
    let fast = all - slow;
    let in_use = if ill > 0.0 {
        10.0
    } else {
        3.0 + (seconds * 0.7).sin().round()
    };
    let waiting = if ill > 0.0 { 40.0 } else { 0.0 };
    let mut text = format!(
        "# TYPE http_requests_total counter\n\
         http_requests_total{{code=\"200\"}} {good}\n"
    );
    if bad > 0.0 {
        text += &format!("http_requests_total{{code=\"503\"}} {bad}\n");
    }
    text += &format!(
        "# TYPE http_request_duration_seconds histogram\n\
         http_request_duration_seconds_bucket{{le=\"0.1\"}} {fast}\n\
         http_request_duration_seconds_bucket{{le=\"0.5\"}} {fast}\n\
         http_request_duration_seconds_bucket{{le=\"5\"}} {all}\n\
         http_request_duration_seconds_bucket{{le=\"+Inf\"}} {all}\n\
         http_request_duration_seconds_sum {}\n\
         http_request_duration_seconds_count {all}\n\
         # TYPE db_pool_connections_in_use gauge\n\
         db_pool_connections_in_use {in_use}\n\
         # TYPE db_pool_connections_max gauge\n\
         db_pool_connections_max 10\n\
         # TYPE db_pool_waiting_requests gauge\n\
         db_pool_waiting_requests {waiting}\n",
        fast * 0.04 + slow * 2.0,
    );
    text
}

/// What that Prometheus says to a question over a range: by labels, by millisecond.
fn range(
    http: &Http,
    text: &str,
    window: model::TimeWindow,
    step_ms: i64,
) -> Vec<(BTreeMap<String, String>, BTreeMap<i64, f64>)> {
    let seconds = |at: model::Timestamp| format!("{:.3}", at.0 as f64 / 1e9);
    // The steps of a look stand at whole multiples of the step.
    let step = step_ms * 1_000_000;
    let from = model::Timestamp(window.from().0.div_euclid(step) * step);
    let fields = [
        ("query", text.to_string()),
        ("start", seconds(from)),
        ("end", seconds(window.to())),
        ("step", format!("{}", step_ms as f64 / 1000.0)),
    ];
    let answered = http
        .ask(&Question {
            path: "/api/v1/query_range",
            fields: &fields,
            may_post: true,
            limit: Span::seconds(20),
            most: 64 << 20,
            shown: &Shown::default(),
            unless: None,
        })
        .unwrap();
    let body = String::from_utf8(answered.body).unwrap();
    assert_eq!(answered.status, 200, "{text}: {body}");
    let answer: Value = serde_json::from_str(&body).unwrap();
    let rows = answer["data"]["result"].as_array().unwrap().clone();
    rows.iter()
        .map(|row| {
            let labels = row["metric"].as_object().unwrap().iter();
            let labels = labels
                .filter(|(name, _)| *name != "__name__")
                .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_string()));
            let points = row["values"].as_array().unwrap().iter().map(|point| {
                let at = (point[0].as_f64().unwrap() * 1000.0).round() as i64;
                (at, point[1].as_str().unwrap().parse().unwrap())
            });
            (labels.collect(), points.collect())
        })
        .collect()
}

#[test]
#[ignore = "needs Debian's prometheus and prometheus-alertmanager; `cargo xtask test` runs it where they are"]
fn a_prometheus_is_asked_and_every_question_of_the_report_can_be_asked_again() {
    asked_again(|stand, [port, _], alertmanager, rule, targets| {
        vec![stand.prometheus(port, alertmanager, rule, targets)]
    });
}

#[test]
#[ignore = "needs Debian's victoria-metrics and prometheus-alertmanager; `cargo xtask test` runs it where they are"]
fn a_victoria_metrics_is_asked_and_every_question_of_the_report_can_be_asked_again() {
    asked_again(|stand, ports, alertmanager, rule, targets| {
        stand
            .victoria_metrics(ports, alertmanager, rule, targets)
            .into()
    });
}

/// What is asked, at the first of two ports: who scrapes these targets, and tells that Alertmanager what the rule finds.
type Metrics = fn(&Stand, [u16; 2], u16, &str, &[(&str, u16)]) -> Vec<Kept>;

fn asked_again(metrics: Metrics) {
    let stand = Stand::new();
    let [api, prometheus, beside, alertmanager] = free_ports();
    let began = Instant::now();
    // The millisecond in which it broke.
    let broke = Arc::new(AtomicI64::new(-1));
    let says = Arc::clone(&broke);
    let target = target(move || {
        let broke = says.load(Ordering::SeqCst);
        let broke = (broke >= 0).then_some(broke as f64 / 1000.0);
        exposition(began.elapsed().as_secs_f64(), broke)
    });
    let _alertmanager = stand.posting(alertmanager, api, "60s");
    let rule = "      - alert: CheckoutFails\n        expr: sum by (service) (rate(http_requests_total{code=~\"5..\"}[10s])) > 4\n        for: 8s\n        labels:\n          severity: critical\n        annotations:\n          summary: requests to checkout fail\n";
    let targets = [("checkout", target), ("prometheus", prometheus)];
    let ports = [prometheus, beside];
    let _metrics = metrics(&stand, ports, alertmanager, rule, &targets);
    let source = format!("[connectors.prometheus.main]\nurl = \"http://127.0.0.1:{prometheus}\"\n");
    let (_server, config) = stand.midwatch(api, "", &source);
    // A minute of health: what is usual must be known.
    std::thread::sleep(Duration::from_secs(60));
    assert!(incidents(&config).is_empty(), "{}", stand.logs());
    broke.store(
        i64::try_from(began.elapsed().as_millis()).unwrap(),
        Ordering::SeqCst,
    );
    let id = until("an incident", Duration::from_secs(120), || {
        let found = incidents(&config).into_iter().next()?;
        Some(found["id"].as_str().unwrap().to_string())
    });
    let report: Report = until("a report", Duration::from_secs(120), || {
        let args = [
            "incidents",
            "report",
            &id,
            "--format",
            "json",
            "--config",
            &config,
        ];
        serde_json::from_str(&run(&args)).ok()
    });
    let source = &report.sources[0];
    println!(
        "{:?}; {}: {:?}; step {} ms",
        report.header.status, source.name, source.spent, source.step_ms
    );
    for line in &report.verdict {
        println!("  {}", line.text);
    }
    assert_eq!(
        (source.name.as_str(), source.language.as_str()),
        ("prometheus.main", "PromQL")
    );
    assert!(source.spent.requests < 30, "{:?}", source.spent);
    let blind: Vec<_> = report
        .gaps
        .iter()
        .filter(|gap| gap.wanted.contains("metric"))
        .collect();
    assert!(blind.is_empty(), "{blind:?}");
    // The recording of that very look.
    let recordings = stand.at("midwatch-data").join("recordings");
    let folders = std::fs::read_dir(&recordings).unwrap();
    let folders: Vec<PathBuf> = folders.map(|entry| entry.unwrap().path()).collect();
    let looked_at = report.header.looked_at.0 / 1_000_000;
    let folder = folders
        .iter()
        .find(|path| path.to_string_lossy().ends_with(&looked_at.to_string()))
        .unwrap();
    let recording = files::open(folder, &Limits::default()).unwrap();
    let series = recording.series().found().unwrap();
    let http = Http::new(&format!("http://127.0.0.1:{prometheus}"), Vec::new()).unwrap();
    let (mut questions, mut compared) = (0, 0);
    for evidence in &report.evidence {
        let Query::Metric {
            entity,
            metric,
            statistic,
            window,
        } = &evidence.query
        else {
            continue;
        };
        // That nothing at all was found of somebody is no question that anybody was asked.
        if metric == "*" {
            continue;
        }
        let words = report.own_words(&evidence.query);
        let (look, asked) = words
            .first()
            .unwrap_or_else(|| panic!("{}", evidence.query));
        questions += 1;
        let theirs = range(&http, &asked.text, *window, look.step_ms);
        let ours = series.iter().filter(|one| {
            one.key.entity == *entity
                && one.key.metric == *metric
                && one.key.statistic == *statistic
        });
        for one in ours {
            let fits = |labels: &BTreeMap<String, String>| {
                one.key.labels.is_empty() || *labels == one.key.labels
            };
            let Some((_, points)) = theirs.iter().find(|(labels, _)| fits(labels)) else {
                panic!("{} brings nothing of {:?}", asked.text, one.key);
            };
            for (at, value) in one.times.iter().zip(&one.values) {
                let Some(known) = points.get(&(at / 1_000_000)) else {
                    continue;
                };
                let close = (known - value).abs() <= 1e-6 * value.abs().max(1.0);
                assert!(close, "{} at {at}: {known} and {value}", asked.text);
                compared += 1;
            }
        }
    }
    println!("{questions} questions of the report asked again, {compared} points the same");
    assert!(questions >= 3 && compared >= 100, "{questions} {compared}");
    let text = run(&["incidents", "report", &id, "--config", &config]);
    assert!(text.contains("PromQL"), "{text}");
    let doctor = run(&["doctor", "--config", &config]);
    assert!(
        doctor.contains("connectors.prometheus.main: 2 jobs"),
        "{doctor}"
    );
}
