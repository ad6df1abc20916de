//! A Prometheus as it documents itself, in simulated time. What it does not know it answers with 501. That it does so
//! for real is shown by `crates/midwatch/tests/posted/asked.rs`.

use std::sync::{Arc, Mutex};

use model::ports::Clock as _;
use model::query::GapReason;
use model::time::{SECOND, Span, TimeWindow, Timestamp};
use model::{EdgeKind, EntityId};
use serde_json::{Value, json};

use super::*;
use crate::client::ClientError;
use crate::pull::tests::{Simulated, said, source};
use crate::pull::{Answered, Budget, Credential, Question};

const STEP: i64 = 15;
/// A multiple of the step.
const NOW: i64 = 1_700_000_010 / STEP * STEP;

/// A series: labels, and its value at each second, if it has one.
type Sample = (Value, Box<dyn Fn(i64) -> Option<f64> + Send>);

#[derive(Default)]
struct Server {
    series: Vec<Sample>,
    kinds: Value,
    targets: Value,
    rules: Value,
    /// Seconds by which its clock is ahead.
    ahead: i64,
    /// Seconds that it holds back, as VictoriaMetrics does: what it gives for them repeats what was there.
    held_back: i64,
    /// Metrics in one answer beyond which it refuses.
    most: Option<usize>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn add(
        &mut self,
        labels: Value,
        value: impl Fn(i64) -> Option<f64> + Send + 'static,
    ) -> &mut Self {
        self.series.push((labels, Box::new(value)));
        self
    }

    fn named(&self, question: &str) -> Vec<&Sample> {
        let inside = question.split('"').nth(1).unwrap_or_default();
        let names: Vec<String> = inside
            .split('|')
            .map(|name| name.replace('\\', ""))
            .collect();
        let fits = |labels: &Value| names.iter().any(|name| labels["__name__"] == **name);
        self.series
            .iter()
            .filter(|(labels, _)| fits(labels))
            .collect()
    }

    fn ups(&self) -> Vec<&Sample> {
        let all = self.series.iter();
        all.filter(|(labels, _)| labels["__name__"] == "up")
            .collect()
    }

    fn answer(&self, question: &Question<'_>, clock: &Simulated) -> Result<Answered, ClientError> {
        clock.pass(Span(10_000_000));
        let field = |name: &str| {
            let found = question.fields.iter().find(|(known, _)| *known == name);
            found.map_or("", |(_, value)| value.as_str())
        };
        let number = |name: &str| field(name).parse::<f64>().unwrap();
        let asked = field("query").to_string();
        self.asked
            .lock()
            .unwrap()
            .push(format!("{} {asked}", question.path));
        let known =
            |data: Value| said(200, &json!({"status": "success", "data": data}).to_string());
        let text = |value: f64| value.to_string();
        let theirs = clock.now().0 as f64 / 1e9 + self.ahead as f64;
        match question.path {
            "/api/v1/query" if asked == "time()" && self.held_back > 0 => {
                let told = theirs - self.held_back as f64;
                let point = json!([theirs.floor(), text(told)]);
                known(json!({"resultType": "vector", "result": [{"metric": {}, "value": point}]}))
            }
            "/api/v1/query" if asked == "time()" => {
                known(json!({"resultType": "scalar", "result": [theirs, text(theirs)]}))
            }
            "/api/v1/query" if asked.starts_with("topk by (job)") => {
                let rows = self
                    .ups()
                    .into_iter()
                    .map(|(labels, _)| json!({"metric": labels, "value": [theirs, "1"]}));
                known(json!({"resultType": "vector", "result": rows.collect::<Vec<_>>()}))
            }
            "/api/v1/query" if asked.starts_with("up{") && asked.ends_with("[10m]") => {
                let at = number("time") as i64 / STEP * STEP;
                let rows = self.ups().into_iter().map(|(labels, value)| {
                    let times = (0..40).rev().map(|i| at - i * STEP);
                    let values = times.filter_map(|t| Some(json!([t, text(value(t)?)])));
                    json!({"metric": labels, "values": values.collect::<Vec<_>>()})
                });
                known(json!({"resultType": "matrix", "result": rows.collect::<Vec<_>>()}))
            }
            "/api/v1/query" if asked.starts_with("count by (__name__)") => {
                let mut counts = std::collections::BTreeMap::new();
                for (labels, _) in self.named(&asked) {
                    *counts
                        .entry(labels["__name__"].as_str().unwrap())
                        .or_insert(0) += 1;
                }
                let rows = counts.iter().map(|(name, count)| {
                    json!({"metric": {"__name__": name}, "value": [theirs, count.to_string()]})
                });
                known(json!({"resultType": "vector", "result": rows.collect::<Vec<_>>()}))
            }
            "/api/v1/query" if asked.starts_with("{__name__=~") => {
                let rows = self
                    .named(&asked)
                    .into_iter()
                    .map(|(labels, _)| json!({"metric": labels, "value": [theirs, "1"]}));
                known(json!({"resultType": "vector", "result": rows.collect::<Vec<_>>()}))
            }
            "/api/v1/query_range" => {
                let chosen = if asked.starts_with("count(up") {
                    self.ups()
                } else if asked.starts_with("{__name__=~") {
                    let names = asked.matches('|').count() + 1;
                    if self.most.is_some_and(|most| names > most) {
                        return said(422, r#"{"status":"error","error":"too many samples"}"#);
                    }
                    self.named(&asked)
                } else {
                    return said(501, "it does not know that");
                };
                let (start, end, step) = (number("start"), number("end"), number("step"));
                let rows = chosen.into_iter().map(|(labels, value)| {
                    let mut values = Vec::new();
                    let mut at = start;
                    while at <= end {
                        let told = (at as i64).min(theirs as i64 - self.held_back);
                        if let Some(value) = value(told - self.ahead) {
                            values.push(json!([at, text(value)]));
                        }
                        at += step;
                    }
                    json!({"metric": labels, "values": values})
                });
                known(json!({"resultType": "matrix", "result": rows.collect::<Vec<_>>()}))
            }
            "/api/v1/label/__name__/values" => {
                let mut names: Vec<&Value> = self.series.iter().map(|s| &s.0["__name__"]).collect();
                names.dedup();
                known(json!(names))
            }
            "/api/v1/metadata" if !self.kinds.is_null() => known(self.kinds.clone()),
            "/api/v1/targets" if !self.targets.is_null() => known(self.targets.clone()),
            "/api/v1/rules" if !self.rules.is_null() => known(self.rules.clone()),
            _ => said(501, "it does not know that"),
        }
    }
}

fn eyes(server: Server, settings: Settings, budget: Budget) -> Eyes {
    let clock = Simulated::at(Timestamp(NOW * SECOND));
    let answer = move |question: &Question<'_>, clock: &Simulated| server.answer(question, clock);
    let source = source("prometheus.a", &clock, budget, Credential::None, answer);
    Eyes::new(source, settings)
}

fn hull(minutes: i64) -> TimeWindow {
    let now = Timestamp(NOW * SECOND);
    TimeWindow::new(now.minus(Span::minutes(minutes)), now).unwrap()
}

fn look(server: Server) -> Brought {
    let eyes = eyes(server, Settings::default(), Budget::default());
    eyes.look(hull(60), Timestamp(NOW * SECOND))
}

/// A shop of which one service fails since five minutes ago.
fn shop() -> Server {
    let mut server = Server {
        kinds: json!({
            "http_requests_total": [{"type": "counter", "help": "", "unit": ""}],
            "wait_seconds": [{"type": "histogram", "help": "", "unit": ""}],
        }),
        ..Server::default()
    };
    let broke = NOW - 300;
    let target = |name: &str, more: Value| {
        let mut labels = json!({"__name__": name, "job": "cart", "instance": "10.0.0.1:80", "namespace": "shop"});
        let more = more.as_object().unwrap().clone();
        labels.as_object_mut().unwrap().extend(more);
        labels
    };
    let ticks = |t: i64| (t - (NOW - 7200)) as f64;
    server
        .add(target("up", json!({})), |_| Some(1.0))
        .add(
            target("http_requests_total", json!({"code": "200"})),
            move |t| Some(2.0 * ticks(t)),
        )
        .add(target("http_requests_total", json!({"code": "404"})), |t| {
            Some((t - NOW + 7200) as f64 * 0.0)
        })
        .add(
            target("http_requests_total", json!({"code": "500"})),
            move |t| (t > broke).then(|| (t - broke) as f64),
        )
        .add(target("pool_in_use", json!({})), move |t| {
            Some(if t > broke { 20.0 } else { 3.0 })
        })
        .add(
            target("wait_seconds_bucket", json!({"le": "0.1"})),
            move |t| Some(ticks(t.min(broke))),
        )
        .add(
            target("wait_seconds_bucket", json!({"le": "1"})),
            move |t| Some(ticks(t)),
        )
        .add(
            target("wait_seconds_bucket", json!({"le": "+Inf"})),
            move |t| Some(ticks(t)),
        )
        .add(target("wait_seconds_count", json!({})), move |t| {
            Some(ticks(t))
        })
        .add(target("wait_seconds_sum", json!({})), move |t| {
            Some(0.05 * ticks(t))
        })
        .add(
            json!({"__name__": "up", "job": "node", "instance": "10.0.0.1:9100"}),
            |t| Some(if t > NOW - 60 { 0.0 } else { 1.0 }),
        )
        .add(
            json!({"__name__": "scrape_duration_seconds", "job": "cart"}),
            |_| Some(1.0),
        );
    server.targets = json!({"activeTargets": [{
        "labels": {"job": "node", "instance": "10.0.0.1:9100"},
        "lastError": "connection refused", "health": "down",
    }]});
    server.rules = json!({"groups": [{"rules": [{
        "name": "CartFails", "query": "rate(x[1m]) > 1", "health": "ok", "type": "alerting",
        "alerts": [{"labels": {"alertname": "CartFails", "job": "cart", "severity": "page"},
                    "state": "firing", "activeAt": "2023-11-14T22:10:00Z", "value": "1e+00"}],
    }]}]});
    server
}

fn one<'b>(brought: &'b Brought, metric: &str, statistic: &str) -> Vec<&'b model::Series> {
    let fits = |s: &&model::Series| s.key.metric == metric && s.key.statistic == statistic;
    brought.series.iter().filter(fits).collect()
}

#[test]
fn a_shop_is_read_as_pushed_telemetry_would_be() {
    let brought = look(shop());
    assert_eq!(brought.seen, SEEN);
    assert_eq!(brought.gaps, []);
    assert_eq!(brought.asked.step_ms, STEP * 1000);
    assert!(one(&brought, "scrape_duration_seconds", "").is_empty());
    let pool = one(&brought, "pool_in_use", "")[0];
    assert_eq!(pool.key.entity, EntityId::from("service/cart"));
    assert_eq!(pool.times.len(), 240);
    assert_eq!(pool.values.last(), Some(&20.0));
    assert!(
        pool.times
            .iter()
            .all(|at| hull(60).contains(Timestamp(*at)))
    );
    // What came in between two points, whatever was answered: 2 a second in steps of 15 s, and what fails beside it.
    let requests = one(&brought, "http_requests_total", "increase");
    assert_eq!(requests.len(), 1);
    assert!(!requests[0].key.labels.contains_key("code"));
    assert_eq!(requests[0].values.first(), Some(&30.0));
    assert_eq!(requests[0].values.last(), Some(&45.0));
    // A counter that appears stood at zero while its target was scraped.
    let failed = one(&brought, "http_requests_total:5xx", "increase");
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].values[0], 0.0);
    assert_eq!(failed[0].values.len(), 239);
    assert_eq!(failed[0].values.last(), Some(&15.0));
    let missing = one(&brought, "http_requests_total:404", "increase");
    assert_eq!(missing.len(), 1);
    assert_eq!(missing[0].key.labels["code"], "404");
    assert!(one(&brought, "http_requests_total:200", "increase").is_empty());
    // A histogram: until it broke all took less than 0.1 s, afterwards all between 0.1 and 1 s.
    let p50 = one(&brought, "wait_seconds", "p50")[0];
    assert_eq!((p50.values[0], p50.key.unit.as_str()), (0.05, "s"));
    assert_eq!(p50.values.last(), Some(&0.55));
    let mean = one(&brought, "wait_seconds", "mean")[0];
    assert!((mean.values[7] - 0.05).abs() < 1e-9);
    assert_eq!(one(&brought, "wait_seconds", "count")[0].values[0], 15.0);
    // Who could not be scraped, and which rule fires.
    let event = &brought.events[0];
    assert_eq!(event.entity, EntityId::from("host/10.0.0.1"));
    assert_eq!((event.count, event.last.0), (3, (NOW - STEP) * SECOND));
    assert!(event.message.contains("connection refused"), "{event:?}");
    let rule = &brought.snapshots[0];
    assert_eq!(
        (rule.entity.as_str(), rule.kind.as_str()),
        ("service/cart", "prometheus.rule")
    );
    assert_eq!(rule.document["alert"], "firing");
    // The machine is known from its own exporter, so what runs at that address runs on it.
    let edge = &brought.topology.edges[0];
    assert_eq!(
        (edge.from.as_str(), edge.to.as_str()),
        ("service/cart", "host/10.0.0.1")
    );
    assert_eq!(edge.kind, EdgeKind::RunsOn);
    assert!(
        brought.asked.spent.requests < 16,
        "{:?}",
        brought.asked.spent
    );
}

#[test]
fn every_series_has_a_question_that_is_ready_to_be_copied() {
    let brought = look(shop());
    let asked = &brought.asked.asked;
    let text = |metric: &str, statistic: &str| {
        let found = asked
            .iter()
            .find(|a| a.metric == metric && a.statistic == statistic);
        found.unwrap().text.as_str()
    };
    let all = r#"instance="10.0.0.1:80",job="cart",namespace="shop""#;
    assert_eq!(text("pool_in_use", ""), format!("pool_in_use{{{all}}}"));
    assert_eq!(
        text("http_requests_total", "increase"),
        format!(
            "sum without (code) ((http_requests_total{{{all}}} - http_requests_total{{{all}}} offset 15s) >= 0)"
        )
    );
    // The order of labels is that of their names.
    let missing = r#"code="404",instance="10.0.0.1:80",job="cart",namespace="shop""#;
    assert_eq!(
        text("http_requests_total:404", "increase"),
        format!(
            "(http_requests_total{{{missing}}} - http_requests_total{{{missing}}} offset 15s) >= 0"
        )
    );
    assert_eq!(
        text("wait_seconds", "p99"),
        format!(
            "histogram_quantile(0.99, wait_seconds_bucket{{{all}}} - wait_seconds_bucket{{{all}}} offset 15s)"
        )
    );
    assert_eq!(
        text("http_requests_total:5xx", "increase"),
        format!(
            "sum(http_requests_total{{{all},code=~\"5..\"}} - http_requests_total{{{all},code=~\"5..\"}} offset 15s)"
        )
    );
    for series in &brought.series {
        let key = &series.key;
        let query = model::Query::Metric {
            entity: key.entity.clone(),
            metric: key.metric.clone(),
            statistic: key.statistic.clone(),
            window: hull(60),
        };
        assert!(brought.asked.answers(&query).is_some(), "{key}");
    }
}

#[test]
fn a_start_that_is_another_than_before_is_a_restart() {
    let mut server = Server::default();
    let of = |name: &str| json!({"__name__": name, "job": "cart", "instance": "b:1"});
    // It starts anew ten minutes before the end.
    let started = |t: i64| {
        Some(if t < NOW - 600 {
            1000.0
        } else {
            (NOW - 600) as f64
        })
    };
    server
        .add(of("up"), |_| Some(1.0))
        .add(of("process_start_time_seconds"), started)
        .add(
            of("namedprocess_namegroup_oldest_start_time_seconds"),
            started,
        );
    let brought = look(server);
    let restarts = one(&brought, "process_start_time_seconds", "restarts");
    assert_eq!(restarts.len(), 1);
    assert_eq!(restarts[0].values.iter().sum::<f64>(), 1.0);
    let query = "process_start_time_seconds{instance=\"b:1\",job=\"cart\"}";
    let asked = brought.asked.asked.iter();
    let texts: Vec<&str> = asked
        .filter(|asked| asked.statistic == "restarts")
        .map(|asked| asked.text.as_str())
        .collect();
    assert_eq!(texts, [format!("{query} != bool {query} offset 15s")]);
}

#[test]
fn a_group_of_processes_is_who_it_is_and_not_who_tells_of_it() {
    let mut server = Server::default();
    let group = |name: &str| {
        json!({"__name__": "namedprocess_namegroup_open_filedesc", "groupname": name,
            "job": "process", "instance": "a:9256"})
    };
    server
        .add(
            json!({"__name__": "up", "job": "process", "instance": "a:9256"}),
            |_| Some(1.0),
        )
        .add(
            json!({"__name__": "up", "job": "redis", "instance": "a:9121"}),
            |_| Some(1.0),
        )
        .add(
            json!({"__name__": "node_load1", "job": "node", "instance": "a:9100"}),
            |_| Some(1.0),
        )
        .add(group("dnsmasq"), |_| Some(7.0))
        .add(group("redis-server"), |_| Some(9.0));
    let brought = look(server);
    let files = one(&brought, "namedprocess_namegroup_open_filedesc", "");
    let whose: Vec<&str> = files.iter().map(|one| one.key.entity.as_str()).collect();
    assert_eq!(whose, ["service/dnsmasq", "service/redis"]);
    let on_host = |from: &str| {
        let edges = &brought.topology.edges;
        edges.iter().any(|edge| {
            edge.from.as_str() == from
                && edge.to.as_str() == "host/a"
                && edge.kind == EdgeKind::RunsOn
        })
    };
    assert!(on_host("service/dnsmasq") && on_host("service/redis"));
}

#[test]
fn a_second_look_asks_for_what_came_since_and_sees_the_same() {
    let at = |minutes: i64| Timestamp((NOW + minutes * 60) * SECOND);
    let window = |from: i64, to: i64| TimeWindow::new(at(from), at(to)).unwrap();
    let eyes_of_a_shop = || {
        let mut server = shop();
        // One that comes, one that goes, and one with holes.
        let of = |name: &str| json!({"__name__": name, "job": "cart", "instance": "b:1"});
        server
            .add(of("comes"), |t| (t > NOW - 100).then_some(t as f64))
            .add(of("goes"), |t| (t < NOW - 200).then_some(t as f64))
            .add(of("holes"), |t| (t / 60 % 3 != 0).then_some(t as f64));
        eyes(server, Settings::default(), Budget::default())
    };
    let kept = eyes_of_a_shop();
    // As an incident is looked at again, a second one that began later, one that began earlier, and one that is over.
    let looks = [
        (-60, -4),
        (-60, -3),
        (-60, 0),
        (-20, 0),
        (-90, 0),
        (-90, -30),
        (-60, 0),
    ];
    let mut bytes = Vec::new();
    for (from, to) in looks {
        let (again, anew) = (
            kept.look(window(from, to), at(to)),
            eyes_of_a_shop().look(window(from, to), at(to)),
        );
        assert_eq!(again.series, anew.series, "{from} to {to}");
        assert_eq!(again.gaps, anew.gaps, "{from} to {to}");
        assert_eq!(again.topology, anew.topology, "{from} to {to}");
        bytes.push((again.asked.spent.bytes, anew.asked.spent.bytes));
    }
    let (again, anew) = bytes[1];
    assert!(again * 4 < anew, "{bytes:?}");
    assert!(
        bytes[2..5].iter().all(|(again, anew)| again < anew),
        "{bytes:?}"
    );
}

#[test]
fn a_process_that_begins_anew_counts_from_nothing() {
    let mut server = Server::default();
    server
        .add(
            json!({"__name__": "up", "job": "a", "instance": "b:1"}),
            |_| Some(1.0),
        )
        .add(
            json!({"__name__": "done_total", "job": "a", "instance": "b:1"}),
            |t| {
                Some(if t < NOW - 600 {
                    (t - NOW + 7200) as f64
                } else {
                    (t - NOW + 600) as f64
                })
            },
        );
    let brought = look(server);
    let values = &one(&brought, "done_total", "increase")[0].values;
    assert!(
        values.iter().all(|value| (0.0..=15.0).contains(value)),
        "{values:?}"
    );
}

#[test]
fn a_clock_that_is_off_is_told_of_and_put_right() {
    for ahead in [3600, -3600] {
        let mut server = shop();
        server.ahead = ahead;
        let brought = look(server);
        let gap = &brought.gaps[0];
        assert!(gap.wanted.contains("right time"), "{gap:?}");
        assert!(
            gap.detail.contains("1 h") || gap.detail.contains("60 min"),
            "{gap:?}"
        );
        let pool = one(&brought, "pool_in_use", "")[0];
        assert!(
            pool.times
                .iter()
                .all(|at| hull(60).contains(Timestamp(*at)))
        );
        let first = pool.values.iter().position(|value| *value == 20.0).unwrap();
        let broke = Timestamp(pool.times[first]);
        let off = broke.since(Timestamp((NOW - 300) * SECOND)).0.abs();
        assert!(off <= 2 * STEP * SECOND, "{ahead}: {off}");
    }
}

#[test]
fn what_is_held_back_is_not_taken_for_what_is() {
    for ahead in [0, 3600] {
        let mut server = shop();
        server.held_back = 30;
        server.ahead = ahead;
        let brought = look(server);
        let gap = brought.gaps.last().expect("a gap");
        assert_eq!(gap.wanted, "the last 30 s of prometheus.a");
        let pool = one(&brought, "pool_in_use", "")[0];
        let last = *pool.times.last().expect("points");
        let until = (NOW - 30) * SECOND;
        assert!(
            (until - 2 * STEP * SECOND..=until).contains(&last),
            "{ahead}: {last}"
        );
    }
}

#[test]
fn a_metric_that_explodes_costs_only_itself() {
    let mut server = shop();
    for i in 0..30 {
        server.add(
            json!({"__name__": "by_user_total", "job": "cart", "user": format!("{i}")}),
            |t| Some(t as f64),
        );
    }
    let settings = Settings {
        series_per_metric: 20,
        ..Settings::default()
    };
    let brought = eyes(server, settings, Budget::default()).look(hull(60), Timestamp(NOW * SECOND));
    assert!(one(&brought, "by_user_total", "increase").is_empty());
    assert_eq!(one(&brought, "pool_in_use", "").len(), 1);
    let gap = &brought.gaps[0];
    assert_eq!(
        (gap.why, gap.wanted.as_str()),
        (GapReason::Budget, "metric by_user_total")
    );
    assert!(gap.how_to_close.contains("series_per_metric"), "{gap:?}");
}

#[test]
fn a_server_that_refuses_much_at_once_is_asked_for_less() {
    let mut server = shop();
    server.most = Some(1);
    let asked = Arc::clone(&server.asked);
    let brought = look(server);
    assert_eq!(brought.gaps, []);
    assert_eq!(one(&brought, "pool_in_use", "").len(), 1);
    assert_eq!(one(&brought, "wait_seconds", "p50").len(), 1);
    assert!(asked.lock().unwrap().len() < 40);
}

#[test]
fn a_server_without_series_is_a_gap_and_not_a_calm() {
    let brought = look(Server::default());
    assert_eq!(brought.seen, SEEN);
    assert!(brought.series.is_empty());
    let gap = &brought.gaps[0];
    assert_eq!(gap.why, GapReason::NotInstrumented);
    assert!(gap.how_to_close.contains("/targets"), "{gap:?}");
}

#[test]
fn whatever_it_answers_a_look_ends_and_says_why() {
    let bodies = [
        "",
        "[]",
        "null",
        "{",
        r#"{"status":"error","error":"no"}"#,
        r#"{"status":"success"}"#,
        r#"{"status":"success","data":{"result":[1e999,"x"]}}"#,
        r#"{"status":"success","data":{"result":[0,"1e400"]}}"#,
        r#"{"status":"success","data":{"resultType":"scalar","result":[1e308,"1e308"]}}"#,
        r#"{"status":"success","data":{"result":[{"metric":{"__name__":"a"},"values":[[1e300,"1"],[-1e300,"2"]]}]}}"#,
    ];
    for body in bodies {
        let clock = Simulated::at(Timestamp(NOW * SECOND));
        let source = source(
            "prometheus.a",
            &clock,
            Budget::default(),
            Credential::None,
            move |_, _| said(200, body),
        );
        let brought =
            Eyes::new(source, Settings::default()).look(hull(60), Timestamp(NOW * SECOND));
        assert!(!brought.gaps.is_empty(), "{body}");
        assert!(brought.series.is_empty(), "{body}");
    }
}

#[test]
fn a_spent_budget_leaves_a_gap_and_what_was_read() {
    for requests in 1..14 {
        let budget = Budget {
            requests,
            ..Budget::default()
        };
        let eyes = eyes(shop(), Settings::default(), budget);
        let brought = eyes.look(hull(60), Timestamp(NOW * SECOND));
        assert!(brought.asked.spent.requests <= requests);
        let spent = brought.gaps.iter().any(|gap| gap.why == GapReason::Budget);
        // The last questions (targets, metadata) are only refinements: without them nothing is missing that is told.
        assert!(
            spent || !brought.series.is_empty(),
            "{requests}: {:?}",
            brought.gaps
        );
    }
}

#[test]
fn a_map_is_asked_for_once_in_a_while() {
    let mut server = shop();
    server.add(
        json!({"__name__": "traces_service_graph_request_total", "client": "front", "server": "cart"}),
        |t| Some(t as f64),
    );
    let asked = Arc::clone(&server.asked);
    let eyes = eyes(server, Settings::default(), Budget::default());
    let now = Timestamp(NOW * SECOND);
    let map = eyes.around(now);
    let called = |edge: &&model::Edge| edge.kind == EdgeKind::Calls;
    let edge = map.edges.iter().find(called).unwrap();
    assert_eq!(
        (edge.from.as_str(), edge.to.as_str()),
        ("service/front", "service/cart")
    );
    for second in 0..100 {
        eyes.around(now.plus(Span::seconds(second)));
    }
    assert_eq!(asked.lock().unwrap().len(), 1);
}

/// The shop's server, with an answer of its own where `says` has one.
fn answering(
    says: impl Fn(&Question<'_>) -> Option<Result<Answered, ClientError>> + Send + 'static,
) -> Brought {
    let clock = Simulated::at(Timestamp(NOW * SECOND));
    let server = shop();
    let ask = move |question: &Question<'_>, clock: &Simulated| {
        says(question).unwrap_or_else(|| server.answer(question, clock))
    };
    let source = source(
        "prometheus.a",
        &clock,
        Budget::default(),
        Credential::None,
        ask,
    );
    Eyes::new(source, Settings::default()).look(hull(60), Timestamp(NOW * SECOND))
}

#[test]
fn that_no_series_could_be_read_is_not_that_there_is_none() {
    let brought = answering(|question| {
        let field = question.fields.iter().find(|(name, _)| *name == "query");
        let series = field.is_some_and(|(_, text)| text.starts_with("{__name__"));
        (question.path.ends_with("/query_range") && series).then(|| said(403, "no"))
    });
    // What it says of targets and rules is worth something without any number.
    assert_eq!(brought.seen, [SourceKind::State, SourceKind::Events]);
    let gap = &brought.gaps[0];
    assert_eq!(
        (gap.wanted.as_str(), gap.why),
        ("metrics", GapReason::Permission)
    );
}

#[test]
fn what_speaks_against_an_answer_is_told() {
    // A part of what it is made of did not answer.
    let brought = answering(|question| {
        let names = question.path.ends_with("/values");
        names.then(|| {
            said(
                200,
                r#"{"status":"success","data":["up"],"warnings":["a store is away","PromQL info: no counter"]}"#,
            )
        })
    });
    let told: Vec<&str> = brought.gaps.iter().map(|gap| gap.detail.as_str()).collect();
    assert_eq!(told, ["prometheus.a: it warns: a store is away"]);
    // Points of another hour.
    let brought = answering(|question| {
        let field = question.fields.iter().find(|(name, _)| *name == "query");
        let series = field.is_some_and(|(_, text)| text.starts_with("{__name__"));
        let early = json!({"status": "success", "data": {"resultType": "matrix", "result": [
            {"metric": {"__name__": "up", "job": "cart"}, "values": [[NOW - 9000, "1"]]},
        ]}});
        (question.path.ends_with("/query_range") && series).then(|| said(200, &early.to_string()))
    });
    assert!(brought.series.is_empty());
    let told = brought
        .gaps
        .iter()
        .find(|gap| gap.detail.contains("lie outside"));
    assert!(told.is_some(), "{:?}", brought.gaps);
    // What it keeps of kinds may not be read: then names have to tell, and that is said.
    let brought = answering(|question| {
        let kinds = question.path.ends_with("/metadata");
        kinds.then(|| said(403, "no"))
    });
    let told: Vec<&str> = brought.gaps.iter().map(|gap| gap.wanted.as_str()).collect();
    assert_eq!(told, ["kinds of metrics"]);
}
