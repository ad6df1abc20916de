//! What a Prometheus tells beside numbers: who is who, who leans on whom, whom it could not scrape, and how its alerting
//! rules stand.

use std::collections::{BTreeMap, BTreeSet};

use model::telemetry::RawRef;
use model::time::{Span, Timestamp};
use model::{EdgeKind, EntityId, Event, Severity, StateSnapshot};
use serde_json::{Value, json};

use super::read::{Labels, Matrix};
use crate::alertmanager::grade;
use crate::delivery::labels::NOBODY;
use crate::pull::{Brought, Met, Naming};

/// Metrics that tell who is there and who leans on whom.
pub(super) const MAPS: [&str; 4] = [
    "up",
    "target_info",
    "kube_pod_info",
    "traces_service_graph_request_total",
];

/// Pairs of labels that name the two ends of a call.
const ENDS: [(&str, &str); 3] = [
    ("client", "server"),
    ("source_canonical_service", "destination_canonical_service"),
    ("source_workload", "destination_workload"),
];

/// Metrics whose series are calls.
const CALLS: [&str; 2] = ["traces_service_graph_", "istio_request"];

/// Rules that are told of at most.
const RULES: usize = 500;

/// The label by which process-exporter tells of which group of processes it speaks.
const GROUP: &str = "groupname";

/// What the targets say of themselves.
#[derive(Default)]
pub(super) struct Infos {
    /// What `target_info` says of each.
    targets: BTreeMap<(String, String), Labels>,
    /// The jobs that are scraped.
    jobs: BTreeSet<String>,
}

/// From all series.
pub(super) fn infos<'l>(series: impl Iterator<Item = &'l Labels>) -> Infos {
    let mut infos = Infos::default();
    for labels in series {
        let Some(job) = labels.get("job") else {
            continue;
        };
        if !infos.jobs.contains(job) {
            infos.jobs.insert(job.clone());
        }
        if labels.get("__name__").is_some_and(|n| n == "target_info")
            && let Some(instance) = instance(labels)
        {
            infos
                .targets
                .insert((job.clone(), instance), labels.clone());
        }
    }
    infos
}

impl Infos {
    /// A group of processes as others call it: programs are called after what they serve (`redis-server`), jobs by the
    /// thing itself.
    fn group<'g>(&self, name: &'g str) -> &'g str {
        let stem = name.split(['-', '.', '_']).next().unwrap_or(name);
        if !self.jobs.contains(name) && self.jobs.contains(stem) {
            return stem;
        }
        name
    }
}

fn job(labels: &Labels) -> Option<String> {
    labels.get("job").cloned()
}

fn instance(labels: &Labels) -> Option<String> {
    labels.get("instance").cloned()
}

/// Labels with what the target's resource says: `job` is then the service (with its namespace before a `/`), not
/// whoever was scraped.
fn completed(labels: &Labels, infos: &Infos) -> Labels {
    let mut all = labels.clone();
    all.remove("__name__");
    let info = job(labels)
        .zip(instance(labels))
        .and_then(|target| infos.targets.get(&target));
    if let Some(group) = all.get_mut(GROUP) {
        *group = infos.group(group).to_string();
    }
    if let Some(info) = info {
        for (name, value) in info.iter().filter(|(name, _)| *name != "__name__") {
            all.entry(name.clone()).or_insert_with(|| value.clone());
        }
        if let Some(job) = job(labels) {
            let service = job.rsplit('/').next().unwrap_or_default().to_string();
            all.entry("service_name".to_string()).or_insert(service);
        }
    }
    all
}

/// The entity that a series is about, introduced, and its labels with those of its target.
pub(super) fn whose(
    labels: &Labels,
    infos: &Infos,
    naming: &Naming,
    met: &mut Met,
) -> (EntityId, Labels) {
    let all = completed(labels, infos);
    (met.meet(naming, &all), all)
}

/// Who leans on whom, as labels tell.
pub(super) fn edges<'l>(
    series: impl Iterator<Item = &'l Labels> + Clone,
    infos: &Infos,
    naming: &Naming,
    met: &mut Met,
) {
    // Its copies may run on several.
    let mut on_hosts: BTreeSet<(EntityId, EntityId)> = BTreeSet::new();
    for labels in series {
        let name = labels.get("__name__").map_or("", String::as_str);
        if CALLS.iter().any(|calls| name.starts_with(calls)) {
            calls(labels, met);
            continue;
        }
        let (id, all) = whose(labels, infos, naming, met);
        let named = |label: &str, kind: &str| {
            let only = [(label.to_string(), all.get(label)?.clone())];
            let mut only: Labels = only.into();
            for scope in ["namespace", "k8s_namespace_name"] {
                if let Some(value) = all.get(scope) {
                    only.insert(scope.to_string(), value.clone());
                }
            }
            let other = Naming::default().entity(&only)?;
            (other.as_str().starts_with(kind) && other != id).then_some(other)
        };
        let pod = ["pod", "k8s_pod_name"]
            .iter()
            .find_map(|label| named(label, "pod/"));
        let node = ["node", "k8s_node_name"]
            .iter()
            .find_map(|label| named(label, "host/"));
        let whole = id.as_str();
        if let Some(pod) = &pod
            && (whole.starts_with("service/") || whole.starts_with("workload/"))
        {
            met.edge(&id, pod, EdgeKind::ServedBy, "labels");
        }
        if let Some(node) = &node {
            let pod = pod.as_ref().or(Some(&id));
            if let Some(pod) = pod.filter(|pod| pod.as_str().starts_with("pod/")) {
                met.edge(pod, node, EdgeKind::RunsOn, "labels");
            }
        }
        // An instance is an address. Whose it is shows only if somebody else tells of that machine.
        if whole.starts_with("service/")
            && pod.is_none()
            && let Some(instance) = all.get("instance")
        {
            let only = [("instance".to_string(), instance.clone())].into();
            if let Some(host) = Naming::default().entity(&only) {
                on_hosts.insert((id, host));
            }
        }
    }
    for (id, host) in on_hosts {
        if met.knows(&host) {
            met.edge(&id, &host, EdgeKind::RunsOn, "labels");
        }
    }
}

fn calls(labels: &Labels, met: &mut Met) {
    let service = |name: &str| {
        let value = labels.get(name).map(String::as_str).unwrap_or_default();
        let known = !value.is_empty() && !matches!(value, "unknown" | "user");
        known.then(|| EntityId::from(format!("service/{value}").as_str()))
    };
    let ends = ENDS
        .iter()
        .find_map(|(from, to)| Some((service(from)?, service(to)?)));
    if let Some((from, to)) = ends {
        let seen_in = labels.get("__name__").map_or("labels", String::as_str);
        met.edge(&from, &to, EdgeKind::Calls, seen_in);
    }
}

/// Reads what it tells.
pub(super) struct Told<'t> {
    pub name: &'t str,
    pub naming: &'t Naming,
    pub now: Timestamp,
    pub met: &'t mut Met,
}

impl Told<'_> {
    /// An event for each stretch in which a target could not be scraped.
    pub fn scrapes(&mut self, ups: &[Matrix], targets: &Value, brought: &mut Brought) {
        let active = targets["activeTargets"].as_array();
        let mut errors: BTreeMap<(&str, &str), &str> = BTreeMap::new();
        for target in active.map(Vec::as_slice).unwrap_or_default() {
            let label = |name: &str| target["labels"][name].as_str().unwrap_or_default();
            let error = target["lastError"].as_str().unwrap_or_default();
            if !error.is_empty() {
                errors.insert((label("job"), label("instance")), error);
            }
        }
        let infos = Infos::default();
        for up in ups {
            let (entity, _) = whose(&up.labels, &infos, self.naming, self.met);
            let get = |name: &str| up.labels.get(name).map_or("", String::as_str);
            let (job, instance) = (get("job"), get("instance"));
            let mut stretch: Option<(i64, i64, u64)> = None;
            let mut stretches = Vec::new();
            for (at, value) in up.times.iter().zip(&up.values) {
                match (&mut stretch, *value > 0.0) {
                    (Some((_, last, count)), false) => {
                        *last = *at;
                        *count += 1;
                    }
                    (None, false) => stretch = Some((*at, *at, 1)),
                    (open, true) => stretches.extend(open.take()),
                }
            }
            let still = stretch.is_some();
            stretches.extend(stretch);
            let many = stretches.len();
            for (i, (first, last, count)) in stretches.into_iter().enumerate() {
                let error = errors
                    .get(&(job, instance))
                    .filter(|_| still && i + 1 == many)
                    .map_or(String::new(), |error| format!(": {error}"));
                brought.events.push(Event {
                    entity: entity.clone(),
                    first: Timestamp(first),
                    last: Timestamp(last),
                    source: "prometheus".to_string(),
                    reason: "ScrapeFailed".to_string(),
                    message: format!("{instance} of job {job} could not be scraped{error}"),
                    severity: Some(Severity::Error),
                    count,
                    raw: RawRef::default(),
                });
            }
        }
    }

    /// A state for each alert that its rules hold.
    pub fn rules(&mut self, rules: &Value, brought: &mut Brought) {
        // A look ends before `now`: what it shows was so a moment earlier.
        let time = self.now.minus(Span(1));
        let groups = rules["groups"].as_array();
        let mut told = 0;
        for group in groups.map(Vec::as_slice).unwrap_or_default() {
            let all = group["rules"].as_array().map(Vec::as_slice);
            for rule in all.unwrap_or_default() {
                let alerts = rule["alerts"].as_array().map(Vec::as_slice);
                for alert in alerts.unwrap_or_default() {
                    if told == RULES {
                        return;
                    }
                    told += 1;
                    brought.snapshots.push(self.rule(rule, alert, time));
                }
            }
        }
    }

    fn rule(&mut self, rule: &Value, alert: &Value, time: Timestamp) -> StateSnapshot {
        let pairs = alert["labels"].as_object().into_iter().flatten();
        let mut labels: Labels = pairs
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_string())))
            .collect();
        labels.remove("alertname");
        let entity = if self.naming.entity(&labels).is_some() {
            self.met.meet(self.naming, &labels)
        } else {
            EntityId::from(NOBODY)
        };
        let severity = labels.get("severity").and_then(|word| grade(word));
        StateSnapshot {
            entity,
            time,
            kind: "prometheus.rule".to_string(),
            document: json!({
                "source": self.name,
                "rule": rule["name"],
                // Not as a state of the entity: it follows from the metrics that are looked at anyway, and would
                // vouch for itself.
                "alert": alert["state"],
                "active_at": alert["activeAt"],
                "value": alert["value"],
                "query": rule["query"],
                "severity": severity.map(|severity| severity.to_string()),
                "health": rule["health"],
            }),
            raw: RawRef::default(),
        }
    }
}
