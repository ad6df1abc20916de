//! A made-up estate of any size with one planted fault, streamed to disk as a recording: what the
//! engine's time and memory are measured on.
//!
//! Services form a tree of calls with further calls across it; pods serve the services and run on
//! hosts. One service near the front loses most of its connection pool by a deploy; it waits, its
//! callers wait for it, and the alarm is about the front. Everything else is healthy noise, with
//! innocent deploys among it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use model::alarm::AlarmState;
use model::recording::{Manifest, SCHEMA, TrueAnswer};
use model::telemetry::RawRef;
use model::time::{MINUTE, SECOND};
use model::{
    Alarm, Change, ChangeKind, Edge, EdgeKind, Entity, EntityId, EntityKind, Severity, TimeWindow,
    Timestamp, Topology,
};
use serde::Serialize;
use serde_json::json;

use super::SplitMix;

/// How large an estate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Services, pods and hosts together; at least 60.
    pub entities: usize,
    /// Edges, as far as the entities allow.
    pub edges: usize,
    /// Metric points, rounded down to whole rows of every series.
    pub points: usize,
    /// Log lines.
    pub log_lines: usize,
    /// Spans.
    pub spans: usize,
}

/// The estate of the project's own benchmark.
pub const LARGE: Size = Size {
    entities: 10_000,
    edges: 50_000,
    points: 12_000_000,
    log_lines: 1_000_000,
    spans: 200_000,
};

/// 2026-03-02T12:00:00Z, a Monday noon: when the made-up incident is looked at.
const NOW: i64 = 1_772_452_800 * SECOND;
/// The planted fault began this long before.
const SINCE_ONSET: i64 = 20 * MINUTE;
const STEP: i64 = 30 * SECOND;
/// Calls that one service of the tree makes.
const BRANCHES: usize = 6;
/// The service that is made to fail: third from the front, so that some of the estate suffers.
const GUILTY: usize = 9;

struct Estate {
    services: usize,
    pods: usize,
    hosts: usize,
    /// Calls, from and to, by service number.
    calls: BTreeSet<(usize, usize)>,
    /// Milliseconds that a request to the service takes longer since the onset.
    extra: BTreeMap<usize, f64>,
}

fn service(number: usize) -> EntityId {
    EntityId::new(format!("service/s{number:05}"))
}

fn pod(number: usize) -> EntityId {
    EntityId::new(format!("pod/s{number:05}-0"))
}

fn host(number: usize) -> EntityId {
    EntityId::new(format!("host/h{number:04}"))
}

/// Writes an estate into the folder `to`, which must be empty or not there.
///
/// # Errors
/// When the folder holds something, or the operating system refuses.
pub fn estate(size: Size, seed: u64, to: &Path) -> io::Result<()> {
    if fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_some()) {
        let told = format!("{} is not empty", to.display());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, told));
    }
    for folder in ["metrics", "logs", "traces"] {
        fs::create_dir_all(to.join(folder))?;
    }
    let mut random = SplitMix::new(seed);
    let plan = Estate::plan(size, &mut random);
    let onset = NOW - SINCE_ONSET;
    head(to, &plan, onset)?;
    file(&to.join("metrics/metrics.csv"), |out| {
        plan.metrics(out, size.points, onset, &mut random)
    })?;
    file(&to.join("logs/logs.ndjson"), |out| {
        plan.logs(out, size.log_lines, onset, &mut random)
    })?;
    file(&to.join("traces/spans.ndjson"), |out| {
        plan.spans(out, size.spans, onset, &mut random)
    })
}

fn file(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    fill(&mut out)?;
    out.flush()
}

fn document(path: &Path, value: &impl Serialize) -> io::Result<()> {
    file(path, |out| {
        serde_json::to_writer_pretty(&mut *out, value)?;
        out.write_all(b"\n")
    })
}

/// Without `raw`: where a row stands is where it is read from.
fn rows(path: &Path, all: &[impl Serialize]) -> io::Result<()> {
    let mut values = Vec::with_capacity(all.len());
    for one in all {
        let mut value = serde_json::to_value(one)?;
        if let Some(fields) = value.as_object_mut() {
            fields.remove("raw");
        }
        values.push(value);
    }
    document(path, &values)
}

/// Everything but telemetry.
fn head(to: &Path, plan: &Estate, onset: i64) -> io::Result<()> {
    let window = TimeWindow::new(Timestamp(NOW - 60 * MINUTE), Timestamp(NOW));
    let window = window.ok_or_else(|| io::Error::other("an empty window"))?;
    let manifest = Manifest {
        schema: SCHEMA.to_string(),
        id: "estate".to_string(),
        title: "p99 latency of the front is above 400 ms".to_string(),
        now: Timestamp(NOW),
        window,
        baselines: Vec::new(),
        gaps: Vec::new(),
        sources: Vec::new(),
        origin: "generated".to_string(),
        licence: "CC0-1.0".to_string(),
    };
    document(&to.join("recording.json"), &manifest)?;
    let alarm = Alarm {
        id: "front-latency".to_string(),
        source: "monitor".to_string(),
        rule: "front p99 latency".to_string(),
        entity: service(0),
        metric: Some("http_server_duration_p99_ms".to_string()),
        statistic: None,
        threshold: Some(400.0),
        observed: Some(700.0),
        fired_at: Timestamp(onset + 4 * MINUTE),
        true_at: None,
        severity: Some(Severity::Fatal),
        state: AlarmState::Firing,
        summary: "p99 latency above 400 ms for 3 min".to_string(),
        labels: BTreeMap::new(),
        raw: RawRef::default(),
    };
    rows(&to.join("alarms.json"), &[alarm])?;
    document(&to.join("topology.json"), &plan.topology())?;
    rows(&to.join("changes.json"), &plan.changes(onset))?;
    let answer = TrueAnswer {
        entities: vec![service(GUILTY)],
        changes: vec![commit(GUILTY)],
        ..TrueAnswer::default()
    };
    document(&to.join("answer.json"), &answer)
}

fn commit(number: usize) -> String {
    format!("{:040x}", SplitMix::new(number as u64).next_u64())
}

impl Estate {
    fn plan(size: Size, random: &mut SplitMix) -> Self {
        let entities = size.entities.max(60);
        let services = entities * 6 / 10;
        let hosts = (entities / 20).max(1);
        let pods = entities - services - hosts;
        let mut calls: BTreeSet<(usize, usize)> = BTreeSet::new();
        for number in 1..services {
            calls.insert(((number - 1) / BRANCHES, number));
        }
        // What is left of the wanted edges are calls across the tree, always away from the front.
        let placed = services - 1 + 2 * pods;
        let mut missing = size.edges.saturating_sub(placed);
        let mut tries = 4 * size.edges;
        while missing > 0 && tries > 0 {
            tries -= 1;
            let from = random.below(services - 1);
            let to = from + 1 + random.below(services - from - 1);
            if calls.insert((from, to)) {
                missing -= 1;
            }
        }
        let mut extra: BTreeMap<usize, f64> = BTreeMap::from([(GUILTY, 900.0)]);
        // Callers have smaller numbers than those they call: one pass from the back reaches them all.
        for number in (0..GUILTY).rev() {
            let worst = calls
                .range((number, 0)..(number + 1, 0))
                .filter_map(|(_, callee)| extra.get(callee))
                .fold(0.0f64, |worst, extra| worst.max(*extra));
            if worst > 0.0 {
                extra.insert(number, worst * 0.9);
            }
        }
        Self {
            services,
            pods,
            hosts,
            calls,
            extra,
        }
    }

    fn topology(&self) -> Topology {
        let entity = |id: EntityId, kind| {
            let name = id
                .as_str()
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .to_string();
            Entity {
                id,
                kind,
                name,
                labels: BTreeMap::new(),
            }
        };
        let edge = |from, to, kind, seen_in: &str| Edge {
            from,
            to,
            kind,
            confidence: 1.0,
            calls_per_request: (kind == EdgeKind::Calls).then_some(1.0),
            seen_in: seen_in.to_string(),
        };
        let mut topology = Topology::default();
        let all = &mut topology.entities;
        all.extend((0..self.services).map(|number| entity(service(number), EntityKind::Service)));
        all.extend((0..self.pods).map(|number| entity(pod(number), EntityKind::Pod)));
        all.extend((0..self.hosts).map(|number| entity(host(number), EntityKind::Host)));
        for (from, to) in &self.calls {
            topology.edges.push(edge(
                service(*from),
                service(*to),
                EdgeKind::Calls,
                "traces",
            ));
        }
        for number in 0..self.pods {
            let owner = service(number % self.services);
            topology
                .edges
                .push(edge(owner, pod(number), EdgeKind::ServedBy, "declared"));
            let machine = host(number % self.hosts);
            topology
                .edges
                .push(edge(pod(number), machine, EdgeKind::RunsOn, "declared"));
        }
        topology.normalise();
        topology
    }

    fn changes(&self, onset: i64) -> Vec<Change> {
        let mut all = Vec::new();
        let mut put = |number: usize, at: i64, title: &str, path: &str, diff: &str| {
            let change = |id: String, kind, title: String| Change {
                id,
                kind,
                start: Timestamp(at),
                end: Timestamp(at),
                entities: Vec::new(),
                actor: "someone".to_string(),
                title,
                files: Vec::new(),
                diff: None,
                version: String::new(),
                carries: Vec::new(),
                undone: None,
                raw: RawRef::default(),
            };
            let mut code = change(commit(number), ChangeKind::Commit, title.to_string());
            code.start = Timestamp(at - 10 * MINUTE);
            code.end = code.start;
            code.files = vec![format!("services/s{number:05}/{path}")];
            code.diff = Some(format!("@@ services/s{number:05}/{path}\n{diff}"));
            all.push(code);
            let mut deploy = change(
                format!("deploy s{number:05} {at}"),
                ChangeKind::Deploy,
                format!("deploy s{number:05}"),
            );
            deploy.entities = vec![service(number)];
            deploy.carries = vec![commit(number)];
            all.push(deploy);
        };
        put(
            GUILTY,
            onset - MINUTE,
            "tidy the database settings",
            "database.yaml",
            "-  max_pool_size: 50\n+  max_pool_size: 5\n",
        );
        for step in 1..20 {
            let number = (GUILTY + step * (self.services / 21).max(1)) % self.services;
            if number != GUILTY {
                put(
                    number,
                    NOW - step as i64 * 5 * MINUTE,
                    "docs: explain the retry rule",
                    "README.md",
                    "+Retries wait twice as long each time.\n",
                );
            }
        }
        all.sort_by(|a, b| (a.start, &a.id).cmp(&(b.start, &b.id)));
        all.dedup_by(|a, b| a.id == b.id);
        all
    }

    fn metrics(
        &self,
        out: &mut impl Write,
        points: usize,
        onset: i64,
        random: &mut SplitMix,
    ) -> io::Result<()> {
        writeln!(out, "time,entity,metric,statistic,unit,value")?;
        let series = self.services * 3 + self.pods * 2 + self.hosts;
        let length = (points / series.max(1)).max(1);
        let times: Vec<i64> = (0..length as i64)
            .map(|row| NOW - SECOND - (length as i64 - 1 - row) * STEP)
            .collect();
        let written: Vec<String> = times.iter().map(|at| Timestamp(*at).to_string()).collect();
        let mut line = |random: &mut SplitMix,
                        entity: &EntityId,
                        metric: &str,
                        unit: &str,
                        level: f64,
                        after: f64|
         -> io::Result<()> {
            for (at, time) in times.iter().zip(&written) {
                let level = if *at >= onset { after } else { level };
                let value = (level * (1.0 + 0.03 * random.normal())).max(0.0);
                writeln!(out, "{time},{entity},{metric},,{unit},{value:.4}")?;
            }
            Ok(())
        };
        for number in 0..self.services {
            let id = service(number);
            let base = 20.0 + 60.0 * random.unit();
            let extra = self.extra.get(&number).copied().unwrap_or(0.0);
            line(
                random,
                &id,
                "http_server_duration_p99_ms",
                "ms",
                base,
                base + extra,
            )?;
            let rate = 50.0 + 400.0 * random.unit();
            line(random, &id, "requests_per_sec", "1/s", rate, rate)?;
            if number == GUILTY {
                line(random, &id, "db_pool_wait_ms", "ms", 0.4, 850.0)?;
            } else {
                line(random, &id, "error_ratio", "1", 0.002, 0.002)?;
            }
        }
        for number in 0..self.pods {
            let id = pod(number);
            let cpu = 5.0 + 40.0 * random.unit();
            line(random, &id, "cpu_pct", "%", cpu, cpu)?;
            let memory = 100.0 + 400.0 * random.unit();
            line(random, &id, "memory_mb", "MBy", memory, memory)?;
        }
        for number in 0..self.hosts {
            let cpu = 10.0 + 50.0 * random.unit();
            line(random, &host(number), "cpu_pct", "%", cpu, cpu)?;
        }
        Ok(())
    }

    fn logs(
        &self,
        out: &mut impl Write,
        lines: usize,
        onset: i64,
        random: &mut SplitMix,
    ) -> io::Result<()> {
        let start = NOW - 120 * MINUTE;
        let step = (NOW - start) / lines.max(1) as i64;
        let sick: Vec<usize> = self.extra.keys().copied().collect();
        for row in 0..lines as i64 {
            let at = start + row * step;
            let fault = at >= onset && random.below(40) == 0;
            let number = if fault {
                sick[random.below(sick.len())]
            } else {
                random.below(self.services)
            };
            let (severity, body) = if fault && number == GUILTY {
                let waited = 5000 + random.below(40);
                (
                    "error",
                    format!(
                        "timed out after {waited} ms waiting for a database connection (in use 5 of 5)"
                    ),
                )
            } else if fault {
                let waited = 1000 + random.below(500);
                (
                    "warn",
                    format!("upstream s{GUILTY:05} timeout after {waited} ms"),
                )
            } else {
                let took = 1 + random.below(90);
                let order = random.below(1_000_000);
                ("info", format!("handled order {order} in {took} ms, 200"))
            };
            let line = json!({
                "time": Timestamp(at),
                "entity": service(number),
                "severity": severity,
                "body": body,
            });
            serde_json::to_writer(&mut *out, &line)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }

    fn spans(
        &self,
        out: &mut impl Write,
        spans: usize,
        onset: i64,
        random: &mut SplitMix,
    ) -> io::Result<()> {
        let start = NOW - 120 * MINUTE;
        let step = (NOW - start) / spans.max(1) as i64;
        let mut written = 0;
        while written < spans {
            let at = start + written as i64 * step;
            let trace = format!("{:016x}{:016x}", random.next_u64(), random.next_u64());
            // The way from the front to a random service, along the tree.
            let mut way = vec![random.below(self.services)];
            while let Some(last) = way.last().copied().filter(|last| *last > 0) {
                way.push((last - 1) / BRANCHES);
            }
            way.reverse();
            let mut parent = String::new();
            for (depth, number) in way.iter().enumerate() {
                if written == spans {
                    break;
                }
                // A caller lasts as long as those below it, and a little longer.
                let slow = if at >= onset && way.contains(&GUILTY) {
                    900.0
                } else {
                    0.0
                };
                let waits = way[depth..].contains(&GUILTY);
                let own = 8.0 * (way.len() - depth) as f64 * (0.8 + 0.4 * random.unit());
                let lasts = own + if waits { slow } else { 0.0 };
                let id = format!("{:016x}", random.next_u64());
                let begin = at + depth as i64 * MINUTE / 60_000;
                let mut span = json!({
                    "trace_id": trace,
                    "span_id": id,
                    "entity": service(*number),
                    "name": "handle",
                    "kind": "server",
                    "start": Timestamp(begin),
                    "end": Timestamp(begin + (lasts * 1e6) as i64),
                });
                if !parent.is_empty() {
                    span["parent_id"] = json!(parent);
                }
                serde_json::to_writer(&mut *out, &span)?;
                out.write_all(b"\n")?;
                parent = id;
                written += 1;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estate_is_a_recording_with_the_same_bytes_each_time() {
        let size = Size {
            entities: 100,
            edges: 300,
            points: 3000,
            log_lines: 200,
            spans: 60,
        };
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        estate(size, 7, &one).unwrap();
        estate(size, 7, &two).unwrap();
        for name in [
            "recording.json",
            "metrics/metrics.csv",
            "logs/logs.ndjson",
            "traces/spans.ndjson",
        ] {
            assert_eq!(
                fs::read(one.join(name)).unwrap(),
                fs::read(two.join(name)).unwrap(),
                "{name}"
            );
        }
        assert!(
            estate(size, 7, &one).is_err(),
            "a folder that is not empty is left alone"
        );
        crate::files::open(&one, &crate::files::Limits::default())
            .expect("the generated estate is a valid recording");
    }
}
