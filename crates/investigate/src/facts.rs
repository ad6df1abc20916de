//! What a survey found: plain observations, before anybody asks what they mean.
//!
//! Each probe fills one kind. Numbers here serve ranking; sentences are made only from evidence that
//! [`crate::derive`] computes from the sources anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::time::SECOND;
use model::{Change, Event, RawRef, Series, Severity, StateSnapshot, Timestamp};

use crate::role::Role;

/// When something began: last seen well, first seen ill.
pub type Interval = model::report::Onset;

/// What one series does in the window, against its own past.
#[derive(Clone, Debug)]
pub struct SeriesFact {
    /// The series.
    pub series: Arc<Series>,
    /// Whose (entity number).
    pub entity: u32,
    /// The unit that stands for it.
    pub unit: u32,
    /// What it measures.
    pub role: Role,
    /// Baseline median.
    pub normal: f64,
    /// Baseline scale (robust standard deviation with floors).
    pub scale: f64,
    /// Level in the incident (median of the abnormal part, else of the window).
    pub level: f64,
    /// The most extreme value in the bad direction.
    pub worst: f64,
    /// Signed robust deviation of `level`; positive is up.
    pub z: f64,
    /// `z` in the bad direction of its role: positive is bad. For roles without a bad direction, `|z|`.
    pub bad: f64,
    /// When it left its band, if it did.
    pub onset: Option<Interval>,
    /// When it came back, if it did.
    pub recovered: Option<Interval>,
    /// Out of its band at the end of the window?
    pub active: bool,
    /// It grows steadily rather than jumping.
    pub ramp: bool,
}

/// A disk, or a processor, that was busy for less of the time keeps nobody waiting.
const BUSY: f64 = 0.5;
/// A process that was at work for less of the time is not held up by its processor, even where it may have a part of
/// one only.
const AT_WORK: f64 = 0.15;

impl SeriesFact {
    /// Is it a count of the seconds for which a disk, a processor or a process was at work (of each operation's seconds,
    /// where several are under way), and did it grow by much less than the time that passed? Then it may be more than
    /// ever, and is still little.
    pub fn is_mostly_idle(&self) -> bool {
        let key = &self.series.key;
        let counted = key.statistic == "increase" && key.metric.contains("_seconds");
        let busy = match self.role {
            Role::DiskQueue | Role::DiskLatency => BUSY,
            Role::Cpu if key.labels.contains_key("cpu") => BUSY,
            Role::Cpu => AT_WORK,
            _ => return false,
        };
        if !counted {
            return false;
        }
        let mut apart: Vec<f64> = self
            .series
            .times
            .windows(2)
            .map(|pair| (pair[1] - pair[0]) as f64 / SECOND as f64)
            .collect();
        apart.sort_by(f64::total_cmp);
        let step = apart.get(apart.len() / 2).copied().unwrap_or(0.0);
        self.level.max(self.worst) < busy * step
    }
}

/// What one log template does in the incident, given how often it came before.
#[derive(Clone, Debug)]
pub struct LogFact {
    /// Whose unit.
    pub unit: u32,
    /// Template text with typed slots.
    pub template: String,
    /// One line of it, during the incident if there is one.
    pub example: String,
    /// Worst severity said or hinted.
    pub severity: Option<Severity>,
    /// Lines in the near baseline.
    pub before: u64,
    /// Lines in the incident.
    pub during: u64,
    /// Lines that the baseline rate (or the calls received) would make us expect in the incident.
    pub expected: f64,
    /// Signed surprise in robust deviations: positive is more than expected.
    pub z: f64,
    /// First line in the incident.
    pub first: Timestamp,
    /// Last line in the incident.
    pub last: Timestamp,
    /// A few rows of the incident, at most five.
    pub raw: Vec<RawRef>,
    /// Names of other entities that the lines mention (unit numbers, sorted).
    pub mentions: Vec<u32>,
    /// Most lines of the unit carry ids by which they belong to known requests.
    pub joined: bool,
    /// Requests of the unit take, or no longer take, the path that this line stands on.
    pub path: Option<PathShift>,
    /// Each request of an operation ends with this error line, where hardly any other operation does so.
    pub habit: Option<Habit>,
}

/// What the requests of one operation do without exception, as few others do.
#[derive(Clone, Debug, PartialEq)]
pub struct Habit {
    /// The operation.
    pub operation: String,
    /// Its requests that did so, before and during taken together.
    pub requests: u64,
    /// Other operations of the system that do so too, and all others.
    pub peers: (u64, u64),
    /// How rare that is among the others, in nats.
    pub nats: f64,
}

/// An operation whose requests leave no line, though all others of its unit leave lines each time.
#[derive(Clone, Debug, PartialEq)]
pub struct Quiet {
    /// Whose.
    pub unit: u32,
    /// The operation.
    pub operation: String,
    /// Its requests before and during.
    pub requests: (u64, u64),
    /// Other operations of the system that leave no lines, and all others.
    pub peers: (u64, u64),
    /// How rare that is among the others, in nats.
    pub nats: f64,
}

/// A step of a code path that requests take more or less often than before: of the requests that reached
/// the step before it, how many went on to this one.
#[derive(Clone, Debug, PartialEq)]
pub struct PathShift {
    /// Template of the step before; `None` where this is the first line of a request.
    pub after: Option<String>,
    /// Operation of the requests that show it best.
    pub operation: String,
    /// Who makes those requests; `None` where they come from outside.
    pub caller: Option<u32>,
    /// Traces that took the step (a trace that took it in half of its requests counts half), and traces
    /// that reached the step before, before the incident.
    pub before: (f64, u64),
    /// The same during the incident.
    pub during: (f64, u64),
    /// How surely the share changed: log-likelihood ratio over all contexts, in nats, less what chance
    /// and a step for the better take off. Never negative.
    pub nats: f64,
    /// The step is taken more often than before.
    pub more: bool,
    /// First request in the incident that shows the change.
    pub first: Timestamp,
}

impl LogFact {
    /// Does it complain of anything, if only as a warning?
    pub fn is_complaint(&self) -> bool {
        self.is_error() || self.severity == Some(Severity::Warn)
    }

    /// Does it say that something failed?
    pub fn is_error(&self) -> bool {
        self.severity.is_some_and(|s| s >= Severity::Error)
    }
}

/// What one call edge does in the incident against before.
#[derive(Clone, Debug)]
pub struct EdgeFact {
    /// Calling unit.
    pub caller: u32,
    /// Called unit.
    pub callee: u32,
    /// Calls before and during.
    pub calls: (u64, u64),
    /// Failed calls before and during.
    pub errors: (u64, u64),
    /// Calls per request of the caller, before and during.
    pub calls_per_request: (f64, f64),
    /// Median time on the wire and in queues (caller's span minus callee's), in ms, before and during.
    pub gap_ms: (f64, f64),
    /// Signed surprise of the gap.
    pub gap_z: f64,
    /// Calls before and during whose two ends were both seen, so that a gap could be taken.
    pub gap_calls: (u64, u64),
    /// When calls began to lie beyond the gap's band, if the gap grew.
    pub gap_onset: Option<Interval>,
    /// First failed call in the incident.
    pub first_error: Option<Timestamp>,
    /// A few failing (else slow) rows.
    pub raw: Vec<RawRef>,
}

/// What one unit's own work does in the incident against before, from spans.
#[derive(Clone, Debug)]
pub struct WorkFact {
    /// Whose.
    pub unit: u32,
    /// Operation with the largest own shift.
    pub operation: String,
    /// Requests handled before and during.
    pub requests: (u64, u64),
    /// Own time (duration minus callees') per request in ms, before and during.
    pub own_ms: (f64, f64),
    /// Signed surprise of the own time.
    pub own_z: f64,
    /// Requests before and during whose own times could be compared: of one operation that calls the same others.
    pub own_calls: (u64, u64),
    /// When requests began to lie beyond the band of own time, if it grew.
    pub own_onset: Option<Interval>,
    /// Requests whose failure began here (no failing callee), before and during.
    pub origin_errors: (u64, u64),
    /// First failure that began here in the incident.
    pub first_error: Option<Timestamp>,
    /// What such spans say.
    pub messages: Vec<String>,
    /// An operation whose requests leave no line, where lines tell.
    pub quiet: Option<Quiet>,
    /// A few rows.
    pub raw: Vec<RawRef>,
}

/// A change, read.
#[derive(Clone, Debug)]
pub struct ChangeFact {
    /// As recorded.
    pub change: Change,
    /// When it began to act: a commit's is that of the first deploy that carries it.
    pub acts_from: Timestamp,
    /// The deploy that carried it, if it is a commit.
    pub deployed_by: Option<String>,
    /// Units that it reaches: named by the change, its deploy, or its paths; sorted.
    pub units: Vec<u32>,
    /// Deploys are recorded, and none of them carries this commit: it is not known to run.
    pub undeployed: bool,
    /// What its diff does, and what that can break.
    pub reading: Reading,
    /// How much its words are those of the failure and of few other changes, 0..1; known once logs and metrics are read.
    pub relevance: f64,
    /// The reading in full.
    pub full: Box<analysis::changes::ChangeReading>,
}

/// What a change does to run-time behaviour, as far as its diff (else its paths and title) tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// The diff was there to be read, so that "cannot produce" may be said.
    pub complete: bool,
    /// It touches code or settings that several services share.
    pub shared: bool,
    /// Why it changes nothing at run time, where that is so: "only tests", "moved code".
    pub harmless: Option<String>,
    /// Failure kind (snake case, `analysis::changes::FailureKind`) to plausibility 0..1 and the reason.
    pub produces: BTreeMap<String, (f64, String)>,
    /// The strongest effects in words, at most three.
    pub effects: Vec<String>,
    /// Lower-case words of the lines that it adds or removes, its identifiers and its paths.
    pub vocabulary: BTreeSet<String>,
    /// Names of services, modules or packages that its paths speak of.
    pub territory: Vec<String>,
}

/// Everything that the survey found, in a fixed order.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Sorted by series key.
    pub series: Vec<SeriesFact>,
    /// Sorted by (unit, template).
    pub logs: Vec<LogFact>,
    /// Sorted by (caller, callee).
    pub edges: Vec<EdgeFact>,
    /// Sorted by unit.
    pub work: Vec<WorkFact>,
    /// Sorted by (acts_from, id).
    pub changes: Vec<ChangeFact>,
    /// Sorted as the socket gives them, with the unit.
    pub events: Vec<(u32, Event)>,
    /// Newest per (entity, kind), sorted, with the unit.
    pub states: Vec<(u32, StateSnapshot)>,
    /// What `states` show; same order.
    pub state_facts: Vec<crate::probes::states::StateFact>,
    /// What `events` tell, and whether it still holds; same order.
    pub event_facts: Vec<crate::probes::events::EventFact>,
    /// Which kinds of source answered (found or nothing).
    pub covered: Vec<model::SourceKind>,
}

#[cfg(test)]
mod tests {
    use model::{EntityId, SeriesKey};

    use super::*;
    use crate::role::classify;

    #[test]
    fn a_little_work_is_little_however_much_more_it_is() {
        let busy = |metric: &str, labels: &[&str], seconds: f64| {
            let key = SeriesKey {
                entity: EntityId::from("host/a"),
                metric: metric.to_string(),
                statistic: "increase".to_string(),
                labels: labels
                    .iter()
                    .map(|name| (name.to_string(), String::new()))
                    .collect(),
                ..SeriesKey::default()
            };
            let fact = SeriesFact {
                role: classify(metric, "increase", "s"),
                series: Arc::new(Series {
                    key,
                    times: (0..10).map(|at| at * 5 * SECOND).collect(),
                    values: vec![seconds; 10],
                }),
                entity: 0,
                unit: 0,
                normal: 0.001,
                scale: 0.001,
                level: seconds,
                worst: seconds,
                z: 100.0,
                bad: 100.0,
                onset: None,
                recovered: None,
                active: true,
                ramp: false,
            };
            !fact.is_mostly_idle()
        };
        // Readings are five seconds apart.
        for (metric, labels, seconds, expected) in [
            ("node_cpu_seconds_total", &["cpu", "mode"][..], 0.3, false),
            ("node_cpu_seconds_total", &["cpu", "mode"], 4.5, true),
            ("process_cpu_seconds_total", &[], 0.3, false),
            ("process_cpu_seconds_total", &[], 1.2, true),
            ("node_disk_io_time_seconds_total", &["device"], 0.05, false),
            ("node_disk_io_time_seconds_total", &["device"], 4.9, true),
        ] {
            assert_eq!(
                busy(metric, labels, seconds),
                expected,
                "{metric} {seconds}"
            );
        }
    }
}
