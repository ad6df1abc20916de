//! The scene as each vendor's API tells it; what these doubles do not know they answer with 501. Here are those who keep
//! telemetry; the others are in files of their own.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::Timestamp;
use model::time::{MINUTE, SECOND};
use serde_json::{Value, json};

use super::alertmanager::alertmanager;
use super::argocd::argocd;
#[cfg(feature = "aws")]
use super::aws::aws;
use super::github::github;
use super::gitlab::gitlab;
#[cfg(feature = "kubernetes")]
use super::kubernetes::kubernetes;
use super::scene::{Line, Numbers, Request, Scene};
use super::statuspage::statuspage;
use super::wire::{Asked, Double, Reply, Trouble, beside};

/// Seconds between two scrapes.
const EVERY: i64 = 60;

pub fn unknown() -> Reply {
    Reply::text(501, "it does not know that")
}

/// The double of this sort of source.
pub fn of(sort: &str, scene: &Arc<Scene>) -> Arc<Double> {
    let scene = Arc::clone(scene);
    match sort {
        "prometheus" => Arc::new(move |asked, trouble| prometheus(&scene, asked, trouble)),
        "loki" => Arc::new(move |asked, trouble| loki(&scene, asked, trouble)),
        "jaeger" => Arc::new(move |asked, trouble| jaeger(&scene, asked, trouble)),
        "tempo" => Arc::new(move |asked, trouble| tempo(&scene, asked, trouble)),
        "github" => Arc::new(move |asked, trouble| github(&scene, asked, trouble)),
        "gitlab" => Arc::new(move |asked, trouble| gitlab(&scene, asked, trouble)),
        "argocd" => Arc::new(move |asked, trouble| argocd(&scene, asked, trouble)),
        "alertmanager" => Arc::new(move |asked, trouble| alertmanager(&scene, asked, trouble)),
        "statuspage" => Arc::new(move |asked, trouble| statuspage(&scene, asked, trouble)),
        #[cfg(feature = "kubernetes")]
        "kubernetes" => Arc::new(move |asked, trouble| kubernetes(&scene, asked, trouble)),
        #[cfg(feature = "aws")]
        "aws" => Arc::new(move |asked, trouble| aws(&scene.account, asked, trouble)),
        other => panic!("there is no double of {other}"),
    }
}

// ---- Prometheus

fn prometheus(scene: &Scene, asked: &Asked, trouble: Trouble) -> Reply {
    let beside = beside(trouble);
    // Some caches give what they have, and not what was asked for.
    let moved = match trouble {
        Trouble::OtherTime => -60 * MINUTE,
        _ => beside,
    };
    let known = |data: Value| Reply::json(&json!({"status": "success", "data": data}));
    let query = asked.field("query");
    let mut services: Vec<&str> = scene.numbers.iter().map(|n| n.service.as_str()).collect();
    services.dedup();
    let target = |service: &str| json!({"job": service, "service": service, "instance": format!("{service}:8080")});
    let with_name = |name: &str, service: &str| {
        let mut labels = target(service);
        labels["__name__"] = json!(name);
        labels
    };
    let now = seconds() + beside / SECOND;
    let up: Vec<Value> = services.iter().map(|s| with_name("up", s)).collect();
    // What the selector names, if it does.
    let named: Vec<&Numbers> = {
        let inside = query.split('"').nth(1).unwrap_or_default();
        let names: Vec<&str> = inside.split('|').collect();
        let all = scene.numbers.iter();
        all.filter(|n| names.contains(&n.metric.as_str())).collect()
    };
    let vector = |rows: Vec<Value>| known(json!({"resultType": "vector", "result": rows}));
    let matrix = |rows: Vec<Value>| known(json!({"resultType": "matrix", "result": rows}));
    match asked.path.as_str() {
        "/api/v1/query" if query == "time()" => {
            known(json!({"resultType": "scalar", "result": [now, now.to_string()]}))
        }
        "/api/v1/query" if query.starts_with("topk by (job)") => vector(
            up.iter()
                .map(|labels| json!({"metric": labels, "value": [now, "1"]}))
                .collect(),
        ),
        "/api/v1/query" if query.starts_with("up{") && query.ends_with("[10m]") => {
            let at = asked.number("time") as i64 / EVERY * EVERY;
            let times: Vec<Value> = (0..10)
                .rev()
                .map(|i| json!([at - i * EVERY, "1"]))
                .collect();
            matrix(
                up.iter()
                    .map(|labels| json!({"metric": labels, "values": times}))
                    .collect(),
            )
        }
        "/api/v1/query" if query.starts_with("count by (__name__)") => {
            let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
            for one in named {
                *counts.entry(&one.metric).or_default() += 1;
            }
            vector(
                counts
                    .iter()
                    .map(|(name, count)| {
                        json!({"metric": {"__name__": name}, "value": [now, count.to_string()]})
                    })
                    .collect(),
            )
        }
        // Maps, of which it knows none.
        "/api/v1/query" if query.starts_with("{__name__=~") => vector(Vec::new()),
        "/api/v1/query_range" => {
            let (from, to) = (asked.number("start"), asked.number("end"));
            let step = asked.number("step");
            let values = |value: &dyn Fn(i64) -> Option<f64>| -> Vec<Value> {
                let count = ((to - from) / step) as i64;
                let times = (0..=count).map(|i| from + i as f64 * step);
                times
                    .filter_map(|t| {
                        let true_time = (t * 1e9) as i64 - beside;
                        let told = t + (moved - beside) as f64 / 1e9;
                        Some(json!([told, value(true_time)?.to_string()]))
                    })
                    .collect()
            };
            let alive = |at: i64| scene.numbers[0].at(at).map(|_| 1.0);
            if query.starts_with("count(up") {
                let all = values(&|at| alive(at).map(|one| one * services.len() as f64));
                return matrix(vec![json!({"metric": {}, "values": all})]);
            }
            let mut rows: Vec<Value> = named
                .iter()
                .map(|one| {
                    let labels = with_name(&one.metric, &one.service);
                    json!({"metric": labels, "values": values(&|at| one.at(at))})
                })
                .collect();
            if query.contains("|up") || query.contains("\"up") {
                rows.extend(
                    up.iter()
                        .map(|labels| json!({"metric": labels, "values": values(&alive)})),
                );
            }
            if trouble == Trouble::Truncated {
                rows.truncate(rows.len() / 2);
                return cut(matrix(rows));
            }
            matrix(rows)
        }
        "/api/v1/label/__name__/values" => {
            let mut names: Vec<&str> = scene.numbers.iter().map(|n| n.metric.as_str()).collect();
            names.push("up");
            names.sort_unstable();
            names.dedup();
            known(json!(names))
        }
        "/api/v1/metadata" => {
            let gauge = json!([{"type": "gauge", "help": "", "unit": ""}]);
            let names = scene
                .numbers
                .iter()
                .map(|n| (n.metric.clone(), gauge.clone()));
            known(names.collect())
        }
        "/api/v1/targets" => known(json!({"activeTargets": []})),
        "/api/v1/rules" => known(json!({"groups": []})),
        _ => unknown(),
    }
}

/// The same answer, with the word of a server that gave a part.
fn cut(reply: Reply) -> Reply {
    let mut body: Value = serde_json::from_slice(&reply.body).unwrap();
    body["warnings"] = json!(["results truncated: a store did not answer"]);
    Reply::json(&body)
}

fn seconds() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(now.unwrap().as_secs()).unwrap()
}

// ---- Loki

fn loki(scene: &Scene, asked: &Asked, trouble: Trouble) -> Reply {
    let beside = beside(trouble);
    match asked.path.as_str() {
        "/loki/api/v1/labels" => {
            Reply::json(&json!({"status": "success", "data": ["level", "service_name"]}))
        }
        "/loki/api/v1/query_range" if asked.field("query").starts_with("{service_name=~") => {
            let moment = |name: &str| asked.field(name).parse::<i64>().unwrap() - beside;
            let (from, to) = match trouble {
                // Whatever is asked for, the end of all it has.
                Trouble::SamePage => (i64::MIN, i64::MAX),
                // Fewer than a page, so that it is asked once.
                Trouble::OtherTime => (moment("start") - 10 * MINUTE, moment("start")),
                _ => (moment("start"), moment("end")),
            };
            let limit = asked.number("limit") as usize;
            let newest = scene.lines.iter().rev();
            let found = newest.filter(|line| line.at >= from && line.at < to);
            let mut streams: BTreeMap<(&str, &str), Vec<Value>> = BTreeMap::new();
            let most = match trouble {
                Trouble::Truncated => limit.min(40),
                _ => limit,
            };
            let told = |line: &Line| json!([(line.at + beside).to_string(), line.body]);
            for line in found.take(most) {
                let stream = streams.entry((&line.service, &line.level)).or_default();
                stream.push(told(line));
            }
            let streams: Vec<Value> = streams
                .into_iter()
                .map(|((service, level), values)| {
                    json!({"stream": {"service_name": service, "level": level}, "values": values})
                })
                .collect();
            let data = json!({"resultType": "streams", "result": streams, "stats": {}});
            let whole = Reply::json(&json!({"status": "success", "data": data}));
            match trouble {
                Trouble::Truncated => cut(whole),
                _ => whole,
            }
        }
        _ => unknown(),
    }
}

// ---- Jaeger and Tempo

/// The name of a trace.
fn trace(request: &Request) -> String {
    format!("{:032x}", request.at)
}

fn resources(request: &Request, beside: i64) -> Vec<Value> {
    let trace = trace(request);
    let id = |depth: usize| format!("{:016x}", request.at + depth as i64 + 1);
    let spans = request.spans.iter().enumerate();
    spans
        .map(|(depth, (service, ms))| {
            let start = request.at + beside + depth as i64 * 5_000_000;
            let mut span = json!({
                "traceId": trace, "spanId": id(depth), "name": "reserve", "kind": 2,
                "startTimeUnixNano": start.to_string(),
                "endTimeUnixNano": (start + ms * 1_000_000).to_string(),
                "status": {},
            });
            if depth > 0 {
                span["parentSpanId"] = json!(id(depth - 1));
            }
            if let Some(why) = request.failed {
                let said = if depth + 1 == request.spans.len() { why } else { "" };
                span["status"] = json!({"code": 2, "message": said});
            }
            json!({
                "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]},
                "scopeSpans": [{"scope": {"name": "shop"}, "spans": [span]}],
            })
        })
        .collect()
}

fn jaeger(scene: &Scene, asked: &Asked, trouble: Trouble) -> Reply {
    let beside = beside(trouble);
    match asked.path.as_str() {
        "/api/v3/services" => {
            let mut names: Vec<&str> = scene
                .requests
                .iter()
                .flat_map(|r| r.spans.iter().map(|s| s.0))
                .collect();
            names.sort_unstable();
            names.dedup();
            Reply::json(&json!({"services": names}))
        }
        "/api/v3/traces" => {
            let moment = |name: &str| asked.field(name).parse::<Timestamp>().unwrap().0 - beside;
            let (mut from, mut to) = (
                moment("query.start_time_min"),
                moment("query.start_time_max"),
            );
            match trouble {
                Trouble::SamePage => (from, to) = (i64::MIN, i64::MAX),
                Trouble::OtherTime => (from, to) = (from - 300 * MINUTE, from),
                _ => {}
            }
            let service = asked.field("query.service_name");
            let most: usize = asked.field("query.search_depth").parse().unwrap();
            let found = scene.requests.iter().rev().filter(|request| {
                request.at >= from
                    && request.at < to
                    && request.spans.iter().any(|s| s.0 == service)
            });
            let parts: Vec<String> = found
                .take(most)
                .map(|request| {
                    json!({"result": {"resourceSpans": resources(request, beside)}}).to_string()
                })
                .collect();
            match parts.is_empty() {
                true => Reply::text(
                    404,
                    r#"{"error":{"httpCode":404,"message":"No traces found"}}"#,
                ),
                false => Reply::text(200, &parts.join("\n")),
            }
        }
        _ => unknown(),
    }
}

fn tempo(scene: &Scene, asked: &Asked, trouble: Trouble) -> Reply {
    let beside = beside(trouble);
    if let Some(id) = asked.path.strip_prefix("/api/v2/traces/") {
        let Some(request) = scene.requests.iter().find(|one| trace(one) == id) else {
            return Reply::text(404, "trace not found");
        };
        let whole = json!({"trace": {"resourceSpans": resources(request, beside)}});
        return Reply::json(&match trouble {
            Trouble::Truncated => json!({
                "trace": whole["trace"], "status": "PARTIAL", "message": "an ingester did not answer",
            }),
            _ => whole,
        });
    }
    if asked.path != "/api/search" {
        return unknown();
    }
    let moment = |name: &str| asked.number(name) as i64 * SECOND - beside;
    let (from, to) = match (moment("start"), moment("end")) {
        (..) if trouble == Trouble::SamePage => (i64::MIN, i64::MAX),
        (from, _) if trouble == Trouble::OtherTime => (from - 40 * MINUTE, from - 30 * MINUTE),
        both => both,
    };
    let newest = scene.requests.iter().rev();
    let found = newest.filter(|request| request.at >= from && request.at < to);
    let traces: Vec<Value> = found
        .take(asked.number("limit") as usize)
        .map(|request| {
            json!({"traceID": trace(request), "rootServiceName": request.spans[0].0, "rootTraceName": "reserve"})
        })
        .collect();
    Reply::json(&json!({"traces": traces, "metrics": {}}))
}
