//! A live system as the rooms see it: what is pushed here, what is asked for, and the clock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use connectors::{otlp, payledger};
use model::case::Case;
use model::ports::{Clock, Lookout, NotTaken, TelemetryInlet};
use model::query::{Gap, GapReason};
use model::recording::{BaselineKind, BaselineWindow, Manifest, SCHEMA};
use model::telemetry::Batch;
use model::time::{SECOND, Span, TimeWindow, Timestamp};
use store::deliveries::Deliveries;
use store::window::Window;
use watch::correlate::Surroundings;
use watch::detect::{Keep, Rules, Tally};

use super::shed::Shed;
use super::sources::Sources;
use super::starved::Starved;

/// The system's clock: the only place where the program reads one for the rooms.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        // A clock set before 1970 is no clock; the epoch is as good as anything then.
        Timestamp(since.map_or(0, |since| {
            i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
        }))
    }
}

/// Pushed telemetry: put into the window, and counted for the alarms.
pub struct Pushed {
    inlet: Arc<dyn TelemetryInlet>,
    tally: Arc<Mutex<Tally>>,
}

impl Pushed {
    /// Into this window, which keeps it for so long, counted for these rules.
    pub fn new(window: &Arc<Window>, kept: Span, rules: &Rules) -> Self {
        let tally = Arc::new(Mutex::new(Tally::new(rules, Keep::for_rules(rules))));
        let limits = otlp::Limits {
            // What is older than the window keeps would be of no use: its sender's clock is put right instead.
            behind: kept,
            ..otlp::Limits::default()
        };
        let (full, window) = (Arc::clone(window), Arc::clone(window));
        let counted = Arc::clone(&tally);
        let keep = move |batch: Batch, now: Timestamp| {
            let batch = Arc::new(batch);
            window
                .append(Arc::clone(&batch), now)
                .map_err(|_| NotTaken::Busy {
                    retry_after: window.closed(now).unwrap_or(Span(SECOND)),
                })?;
            // Counted only once it is kept: a batch that was sent away comes again.
            held(&counted).take_batch(&batch, now);
            Ok(())
        };
        let inlet = otlp::Inlet::new(limits, keep).unless(move |now| full.closed(now));
        Self {
            inlet: Arc::new(inlet),
            tally,
        }
    }

    /// Where requests go in.
    pub fn inlet(&self) -> Arc<dyn TelemetryInlet> {
        Arc::clone(&self.inlet)
    }

    /// The numbers that alarms look at.
    pub fn tally(&self) -> MutexGuard<'_, Tally> {
        held(&self.tally)
    }
}

fn held(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    // Whoever panicked while counting left at worst one number short.
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes down everything that is known at one moment: the window's telemetry, and what connectors say.
pub struct Live {
    window: Arc<Window>,
    payledger: Option<payledger::Eyes>,
    /// What is asked at every look.
    sources: Sources,
    /// What others told of changes, where somebody may.
    posted: Option<Arc<Deliveries>>,
    /// How far back changes are read.
    changes: Span,
    shed: Arc<Shed>,
    starved: Arc<Starved>,
}

impl Live {
    /// Over this window, and what is configured beside it.
    pub fn new(window: Arc<Window>, payledger: Option<payledger::Eyes>, changes: Span) -> Self {
        Self {
            window,
            payledger,
            sources: Sources::default(),
            posted: None,
            changes,
            shed: Arc::default(),
            starved: Arc::default(),
        }
    }

    /// With the changes that others post.
    pub fn told_by(mut self, posted: Option<Arc<Deliveries>>) -> Self {
        self.posted = posted;
        self
    }

    /// The telemetry of the last hours.
    pub fn window(&self) -> &Window {
        &self.window
    }

    /// With the sources that are asked.
    pub fn asking(mut self, sources: Sources) -> Self {
        self.sources = sources;
        self
    }

    /// The sources that are asked.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Where it is taken down what was sent away.
    pub fn shed(&self) -> &Arc<Shed> {
        &self.shed
    }

    /// Where it is taken down when the machine did not come to its work.
    pub fn starved(&self) -> &Arc<Starved> {
        &self.starved
    }
}

impl Live {
    /// What leans on what, and what was altered in the last day, without a whole look.
    pub fn around(&self, now: Timestamp) -> Surroundings {
        self.asked(now).joined(self.known(now))
    }

    /// The part of it that was pushed: it lies here, so that nobody else has to answer.
    pub fn known(&self, now: Timestamp) -> Surroundings {
        let topology = self.window.around(now).unwrap_or_default();
        let changes = self.day(now).zip(self.posted.as_ref());
        let changes = changes.and_then(|(day, posted)| posted.changes(day).ok());
        Surroundings::new(topology, changes.unwrap_or_default())
    }

    /// The part of it that others have to be asked for; each may take as long as its patience.
    pub fn asked(&self, now: Timestamp) -> Surroundings {
        let looked = self.day(now).zip(self.payledger.as_ref());
        let looked = looked.map(|(day, payledger)| payledger.look(day, now));
        let looked = looked.unwrap_or_default();
        let mut topology = looked.topology;
        topology.join(self.sources.around(now));
        Surroundings::new(topology, looked.changes)
    }

    /// How far back changes are read.
    fn day(&self, now: Timestamp) -> Option<TimeWindow> {
        TimeWindow::new(now.minus(self.changes), now)
    }
}

impl Lookout for Live {
    fn look(&self, window: TimeWindow, now: Timestamp) -> Case {
        let mut case = Case::new(Manifest {
            schema: SCHEMA.to_string(),
            id: format!("live-{}", now.0),
            title: "a live look".to_string(),
            now,
            window,
            baselines: Vec::new(),
            gaps: Vec::new(),
            sources: Vec::new(),
            origin: "taken down live".to_string(),
            licence: String::new(),
        });
        let baselines = before(window, 3);
        match self.window.capture(window, &baselines, now) {
            Ok(captured) => captured.fill(&mut case),
            Err(error) => case.manifest.gaps.push(Gap {
                wanted: "metrics, logs and traces".to_string(),
                entity: None,
                hides: Vec::new(),
                why: GapReason::Connector,
                detail: error.to_string(),
                how_to_close: "see to the data folder; `midwatch doctor` says more".to_string(),
            }),
        }
        let looked_at = baselines.iter().map(|baseline| baseline.from()).min();
        let looked_at = looked_at.and_then(|from| TimeWindow::new(from, window.to()));
        let missed = self.shed.gaps(looked_at.unwrap_or(window));
        case.manifest.gaps.extend(missed);
        case.manifest.gaps.extend(self.starved.gaps(window));
        // From here on what was asked for stands beside what was pushed.
        if let Some(hull) =
            TimeWindow::new(looked_at.unwrap_or(window).from(), window.to().min(now))
        {
            self.sources.fill(&mut case, hull, now);
        }
        let first = first_seen(&case);
        case.manifest.window = known_half(window, first);
        case.manifest.baselines = healthy(case.manifest.window, first);
        let from = now.minus(self.changes);
        let since = TimeWindow::new(from.min(window.from()), now).unwrap_or(window);
        if let Some(payledger) = &self.payledger {
            let looked = payledger.look(since, now);
            merge(&mut case, looked);
        } else if self.posted.is_none()
            && case.changes.is_none()
            && !case.manifest.gaps.iter().any(Gap::hides_changes)
        {
            case.manifest.gaps.push(Gap {
                wanted: "changes".to_string(),
                entity: None,
                hides: Vec::new(),
                why: GapReason::Connector,
                detail: "no source of changes is configured".to_string(),
                how_to_close: "configure a connector that knows what was deployed and altered"
                    .to_string(),
            });
        }
        if let Some(posted) = &self.posted {
            match posted.changes(since) {
                Ok(changes) => case.join_changes(changes),
                Err(error) => case.manifest.gaps.push(Gap {
                    wanted: "changes".to_string(),
                    entity: None,
                    hides: Vec::new(),
                    why: GapReason::Connector,
                    detail: error.to_string(),
                    how_to_close: "see to the disk of the data folder".to_string(),
                }),
            }
        }
        // Nobody may have said that a version went out, and its own words show it.
        case.tell_rollouts();
        case.tell_clocks();
        case.topology
            .add_addresses(case.spans.as_deref().unwrap_or_default());
        case.normalise();
        case.tell_lookups();
        case.topology.suppose_entrances();
        case.topology.normalise();
        case
    }
}

/// What the control plane knows of an entity (its kind, its name) counts more than what telemetry shows.
fn merge(case: &mut Case, looked: payledger::Looked) {
    let met = std::mem::replace(&mut case.topology, looked.topology);
    case.topology.join(met);
    case.changes.get_or_insert_default().extend(looked.changes);
    case.snapshots
        .get_or_insert_default()
        .extend(looked.snapshots);
    case.manifest.gaps.extend(looked.gaps);
}

/// The stretches of the same length just before, the nearest last.
fn before(window: TimeWindow, count: i64) -> Vec<TimeWindow> {
    let length = window.length();
    (1..=count)
        .rev()
        .filter_map(|n| {
            let to = window.from().minus(Span(length.0.saturating_mul(n - 1)));
            TimeWindow::new(to.minus(length), to)
        })
        .collect()
}

/// The window, cut so that at least as much is known from before it: while little is known, health must be learned
/// from the older half of it.
fn known_half(window: TimeWindow, first: Timestamp) -> TimeWindow {
    let known = window.to().since(first).0.max(0);
    // Rounded up: the oldest thing that is known belongs to what came before.
    let half = window.to().minus(Span((known + 1) / 2));
    TimeWindow::new(window.from().max(half), window.to()).unwrap_or(window)
}

/// Where health is learned: the stretches before the window, as far as anything is known of them. What is left of one
/// that began before anything was known is none if it is short: a few readings would stand for what is usual.
fn healthy(window: TimeWindow, first: Timestamp) -> Vec<BaselineWindow> {
    let stretches = before(window, 3).into_iter();
    let known = stretches.filter_map(|b| TimeWindow::new(b.from().max(first), b.to()));
    let long = known.filter(|b| b.length().0 >= window.length().0 / 4);
    long.map(|window| BaselineWindow {
        window,
        kind: BaselineKind::Near,
    })
    .collect()
}

/// When the oldest thing in the case was seen.
fn first_seen(case: &Case) -> Timestamp {
    let series = case
        .series
        .iter()
        .flatten()
        .filter_map(|s| s.times.first().map(|t| Timestamp(*t)));
    let logs = case.logs.iter().flatten().map(|l| l.time);
    let spans = case.spans.iter().flatten().map(|s| s.start);
    series
        .chain(logs)
        .chain(spans)
        .min()
        .unwrap_or(case.manifest.now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_stretch_is_no_baseline() {
        for rest in [0, 1] {
            let (first, now) = (Timestamp(1_000), Timestamp(3_000 + rest));
            let window = known_half(TimeWindow::new(first, now).unwrap(), first);
            let healthy = healthy(window, first);
            let [near] = &healthy[..] else {
                panic!("{healthy:?}")
            };
            assert_eq!(near.window.from(), first);
            assert_eq!(near.window.to(), window.from());
        }
    }
}
