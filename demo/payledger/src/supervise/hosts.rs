//! What an agent on every machine would report: memory, processor, and how far the clock is off.
//!
//! A clock cannot tell by itself that it is wrong, so it is measured from here.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use opentelemetry::metrics::Gauge;
use serde_json::Value;

use crate::clock::true_ms;
use crate::config::HOSTS;
use crate::deployment::ProcessAddress;
use crate::failure::Failure;
use crate::hop::plain_client;
use crate::names::{EntityName, REGIONS};
use crate::telemetry::{Exporting, Telemetry};

/// Clock ticks per second in `/proc/PID/stat`: 100 on every Linux that matters (`getconf CLK_TCK`).
const TICKS: f64 = 100.0;
/// Bytes of a page in `/proc/PID/statm`.
const PAGE: u64 = 4_096;

struct Host {
    /// `table-ap-southeast-1`: the process that lives on it.
    process: String,
    memory: Gauge<u64>,
    processor: Gauge<f64>,
    clock: Gauge<f64>,
    _telemetry: Telemetry,
}

/// Every machine of both regions.
pub(super) struct Hosts {
    hosts: Vec<Host>,
    client: reqwest::Client,
    last: Mutex<BTreeMap<String, (Instant, f64)>>,
}

impl Hosts {
    pub fn new(exporting: &Exporting) -> Result<Self, Failure> {
        let mut hosts = Vec::new();
        for region in REGIONS {
            for (name, role) in HOSTS {
                let telemetry = exporting.metrics_of(
                    &EntityName::host(region, name),
                    &[("host.name", format!("{name}.{region}"))],
                )?;
                let meter = telemetry.meter();
                hosts.push(Host {
                    process: format!("{role}-{region}"),
                    memory: meter
                        .u64_gauge("system.memory.usage")
                        .with_unit("By")
                        .build(),
                    processor: meter
                        .f64_gauge("system.cpu.utilization")
                        .with_unit("1")
                        .build(),
                    clock: meter
                        .f64_gauge("system.clock.offset")
                        .with_unit("s")
                        .build(),
                    _telemetry: telemetry,
                });
            }
        }
        Ok(Self {
            hosts,
            client: plain_client(Duration::from_secs(1))?,
            last: Mutex::default(),
        })
    }

    /// One look at each.
    pub async fn look(&self, processes: &[ProcessAddress]) {
        for host in &self.hosts {
            let Some(process) = processes
                .iter()
                .find(|process| process.name == host.process)
            else {
                continue;
            };
            if let Some(bytes) = memory(process.pid) {
                host.memory.record(bytes, &[]);
            }
            if let Some(used) = processor_seconds(process.pid) {
                let now = Instant::now();
                let before = self
                    .last
                    .lock()
                    .ok()
                    .and_then(|mut last| last.insert(host.process.clone(), (now, used)));
                if let Some((then, before)) = before {
                    let passed = now.duration_since(then).as_secs_f64().max(0.001);
                    host.processor
                        .record((used - before).max(0.0) / passed, &[]);
                }
            }
            if let Some(offset) = self.clock_offset(&process.address).await {
                host.clock.record(offset, &[]);
            }
        }
    }

    /// How far that clock is ahead of ours, in seconds: as a time client does, against the middle of the trip.
    async fn clock_offset(&self, address: &str) -> Option<f64> {
        let sent = true_ms();
        let reply = self
            .client
            .get(format!("{address}/_clock"))
            .send()
            .await
            .ok()?;
        let said: Value = reply.json().await.ok()?;
        let middle = sent.midpoint(true_ms());
        Some((said["now_ms"].as_i64()? - middle) as f64 / 1_000.0)
    }
}

fn memory(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages * PAGE)
}

fn processor_seconds(pid: u32) -> Option<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name stands in parentheses and may hold anything.
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS)
}
