//! How does each series behave, against its own past?

use std::collections::BTreeMap;
use std::sync::Arc;

use analysis::series::{Baseline, DeviationConfig, Floors, Scratch, Shape, deviation};
use model::ports::Eyes;
use model::query::Answer;
use model::report::Onset;
use model::{Series, TimeWindow, Timestamp};

use crate::facts::SeriesFact;
use crate::role::{Bad, Role, classify, refine};
use crate::scene::Scene;

/// Robust deviations beyond which a point is out of its band.
pub const BAND: f64 = 3.5;

/// Fewest points that make a baseline.
const LEAST_POINTS: usize = 4;

/// All series, sorted by key; `Nothing` and `CouldNotLook` are kept apart for the ledger.
pub fn ask(eyes: &dyn Eyes) -> Answer<Vec<Arc<Series>>> {
    eyes.series()
}

/// Which points of a series show health, and which the incident.
#[derive(Clone, Debug)]
pub struct Stretches {
    /// Long ago.
    pub history: Vec<TimeWindow>,
    /// Just before.
    pub near: TimeWindow,
    /// The incident.
    pub window: TimeWindow,
}

impl Stretches {
    /// Those of the scene.
    pub fn of(scene: &Scene) -> Self {
        Self {
            history: scene.history.clone(),
            near: scene.near,
            window: scene.window,
        }
    }
}

/// What the name of a series says of it.
#[derive(Clone, Copy)]
struct Kind {
    role: Role,
    /// 0..100?
    percent: bool,
    /// See [`unit_of`].
    unit: f64,
}

impl Kind {
    fn of(series: &Series) -> Self {
        let key = &series.key;
        let role = classify(&key.metric, &key.statistic, &key.unit);
        Self {
            role,
            percent: is_percent(series),
            unit: unit_of(role, series),
        }
    }
}

/// Judges every series. The order is that of the input.
pub fn judge(scene: &Scene, all: &[Arc<Series>], scratch: &mut Scratch) -> Vec<SeriesFact> {
    let stretches = Stretches::of(scene);
    // Estates have many series and few names of metrics: each is read once.
    let mut kinds: BTreeMap<[&str; 3], Kind> = BTreeMap::new();
    all.iter()
        .filter_map(|series| {
            let key = &series.key;
            let name = [
                key.metric.as_str(),
                key.statistic.as_str(),
                key.unit.as_str(),
            ];
            let kind = *kinds.entry(name).or_insert_with(|| Kind::of(series));
            let kind = Kind {
                role: refine(kind.role, &key.labels),
                ..kind
            };
            one(scene, series, kind, &stretches, scratch)
        })
        .collect()
}

/// The values of the baseline: the near past if it is long enough, with history otherwise.
fn healthy_values<'a>(
    series: &'a Series,
    stretches: &Stretches,
) -> (std::borrow::Cow<'a, [f64]>, Option<i64>) {
    let near = series.range(stretches.near.from(), stretches.near.to());
    let last = near
        .end
        .checked_sub(1)
        .filter(|_| !near.is_empty())
        .map(|i| series.times[i]);
    if near.len() >= 12 || (stretches.history.is_empty() && near.len() >= LEAST_POINTS) {
        return (std::borrow::Cow::Borrowed(&series.values[near]), last);
    }
    let ranges = || {
        let history = stretches.history.iter();
        history
            .map(|window| series.range(window.from(), window.to()))
            .chain([near.clone()])
            .filter(|range| !range.is_empty())
    };
    // Nothing is copied where one stretch follows the other.
    let (whole, adjoin) = ranges().fold((0..0, true), |(whole, adjoin), range| {
        if whole.is_empty() {
            (range, adjoin)
        } else {
            (whole.start..range.end, adjoin && whole.end == range.start)
        }
    });
    if adjoin {
        return (std::borrow::Cow::Borrowed(&series.values[whole]), last);
    }
    let parts: Vec<&[f64]> = ranges().map(|range| &series.values[range]).collect();
    (std::borrow::Cow::Owned(parts.concat()), last)
}

/// The smallest change that can matter, by what is measured: below it, noise is not an anomaly however
/// still the past was. `unit` is how many of what the series counts make a byte, or a second.
pub fn floor_of(role: Role, unit_is_percent: bool, normal: f64, unit: f64) -> f64 {
    let percent = if unit_is_percent { 1.0 } else { 0.01 };
    match role {
        // A few pages more or less are nobody's want of room.
        Role::Memory | Role::MemoryFree | Role::Disk | Role::DiskFree => LEAST_BYTES * unit,
        Role::Availability
        | Role::Errors
        | Role::AuthErrors
        | Role::ProviderErrors
        | Role::CacheHit
            if normal.abs() <= 1.0 =>
        {
            if unit_is_percent {
                0.25
            } else {
                0.0025
            }
        }
        Role::Availability => 0.25,
        Role::Cpu if normal.abs() <= 1.0 && !unit_is_percent => 2.0 * percent,
        Role::Cpu => 1.0,
        Role::Errors
        | Role::AuthErrors
        | Role::Throttles
        | Role::Restarts
        | Role::Unready
        | Role::Locks => 0.2,
        Role::Latency | Role::PoolWait | Role::DiskLatency => LEAST_SECONDS * unit,
        Role::Queue | Role::DiskQueue | Role::Connections | Role::Workers => 0.5,
        // Small tables are read whole at any time.
        Role::Scans => 1_000.0,
        _ => 0.0,
    }
}

/// Bytes that matter to nobody.
const LEAST_BYTES: f64 = 1_048_576.0;
/// Seconds that matter to nobody.
const LEAST_SECONDS: f64 = 0.0005;

/// How many of what the series counts make one byte or one second, where its unit or its name says so; else 1 for times,
/// which most count in seconds, and 0 for room, of which nobody knows.
fn unit_of(role: Role, series: &Series) -> f64 {
    let words = crate::role::words(&series.key.metric);
    let says = |names: &[&str]| {
        names.contains(&series.key.unit.as_str())
            || words.iter().any(|word| names.contains(&word.as_str()))
    };
    match role {
        Role::Memory | Role::MemoryFree | Role::Disk | Role::DiskFree => {
            f64::from(u8::from(says(&["By", "bytes", "Bytes"])))
        }
        _ if says(&["us", "usec", "micros", "microseconds", "Microseconds"]) => 1e6,
        _ if says(&["ns", "nsec", "nanos", "nanoseconds"]) => 1e9,
        _ => 1.0,
    }
}

/// Is the series a percentage 0..100?
pub fn is_percent(series: &Series) -> bool {
    matches!(series.key.unit.as_str(), "%" | "Percent" | "percent")
        || crate::role::words(&series.key.metric)
            .iter()
            .any(|w| matches!(w.as_str(), "pct" | "percent" | "percentage"))
        || series.key.metric.contains('%')
}

/// The last reading before `until` that lay close to normal.
fn last_well(series: &Series, baseline: &Baseline, until: i64) -> Option<i64> {
    let end = series.times.partition_point(|t| *t < until);
    (0..end)
        .rev()
        .find(|&i| baseline.z(series.values[i]).abs() < 1.5)
        .map(|i| series.times[i])
}

/// Rank correlation with time from which a past counts as creeping.
const CREEP_TAU: f64 = 0.6;

/// What fills up slowly (memory, disks, connections) may have begun long before anything was felt: a past
/// that climbs or sinks all the way is no baseline. Then its first fifth is, whose indices are returned.
fn creep(role: Role, series: &Series, stretches: &Stretches) -> Option<std::ops::Range<usize>> {
    let fills = matches!(
        role,
        Role::Memory
            | Role::MemoryFree
            | Role::Disk
            | Role::DiskFree
            | Role::Connections
            | Role::Workers
            | Role::Lag
            | Role::Queue
            | Role::Credits
    );
    if !fills || !stretches.history.is_empty() {
        return None;
    }
    let near = series.range(stretches.near.from(), stretches.near.to());
    if near.len() < 20 {
        return None;
    }
    let step = near.len().div_ceil(120);
    let times: Vec<i64> = series.times[near.clone()]
        .iter()
        .step_by(step)
        .copied()
        .collect();
    let values: Vec<f64> = series.values[near.clone()]
        .iter()
        .step_by(step)
        .copied()
        .collect();
    let trend = analysis::series::theil_sen(&times, &values)?;
    let worse = match role.bad() {
        Bad::Low => trend.tau <= -CREEP_TAU,
        _ => trend.tau >= CREEP_TAU,
    };
    let early = near.start..near.start + near.len() / 5;
    (worse && early.len() >= LEAST_POINTS).then_some(early)
}

fn one(
    scene: &Scene,
    series: &Arc<Series>,
    Kind {
        role,
        percent,
        unit,
    }: Kind,
    stretches: &Stretches,
    scratch: &mut Scratch,
) -> Option<SeriesFact> {
    let entity = scene.number(&series.key.entity)?;
    let (healthy, last_normal) = healthy_values(series, stretches);
    if healthy.len() < LEAST_POINTS {
        return None;
    }
    let range = series.range(stretches.window.from(), stretches.window.to());
    if range.is_empty() {
        return None;
    }
    let creeping = creep(role, series, stretches);
    let (healthy, range, last_normal) = match &creeping {
        Some(early) => (
            std::borrow::Cow::Borrowed(&series.values[early.clone()]),
            early.end..range.end,
            early.end.checked_sub(1).map(|i| series.times[i]),
        ),
        None => (healthy, range, last_normal),
    };
    let baseline = Baseline::fit_with(&healthy, Floors::default(), scratch)?;
    let floor = floor_of(role, percent, baseline.median, unit);
    let baseline = baseline.at_least(floor);
    let config = DeviationConfig {
        band: BAND,
        before: last_normal,
        limit: (percent && role.bad() == Bad::High).then_some(100.0),
        ..DeviationConfig::default()
    };
    let found = deviation(
        &baseline,
        &series.times[range.clone()],
        &series.values[range.clone()],
        &config,
        scratch,
    );
    let z = found.strength();
    let bad = match role.bad() {
        Bad::High => z,
        Bad::Low => -z,
        Bad::Either => z.abs(),
    };
    let level = found.episode.map_or(found.median, |e| e.level);
    let values = &series.values[range.clone()];
    let worst = match role.bad() {
        Bad::Low => values.iter().copied().fold(f64::INFINITY, f64::min),
        Bad::High => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Bad::Either if z < 0.0 => values.iter().copied().fold(f64::INFINITY, f64::min),
        Bad::Either => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    };
    let onset = match (found.shape, found.episode) {
        _ if z.abs() <= BAND => None,
        // A fitted line's start is pulled early where the climb levels off: the readings themselves say
        // when it was last well and first out of its band.
        (Shape::Ramp, Some(episode)) => Some(Onset {
            lo: Timestamp(last_well(series, &baseline, episode.from).unwrap_or(episode.from)),
            hi: Timestamp(episode.from),
        }),
        _ => found.onset.map(|o| Onset {
            lo: Timestamp(o.lo.min(o.hi)),
            hi: Timestamp(o.hi),
        }),
    };
    Some(SeriesFact {
        series: Arc::clone(series),
        entity,
        unit: scene.unit_of[entity as usize],
        role,
        normal: baseline.median,
        scale: baseline.scale,
        level,
        worst,
        z,
        bad,
        onset,
        recovered: found.recovered_at.map(|at| Onset {
            lo: Timestamp(at),
            hi: Timestamp(at),
        }),
        active: found.active && z.abs() > BAND,
        ramp: found.shape == Shape::Ramp || creeping.is_some(),
    })
}

/// When did the incident begin, as the alarmed series tell it?
///
/// The metric that an alarm names counts first; then what users feel on the alarmed units, and of that first what
/// was not over again before anything fired: a hiccup earlier on is not what the alarm is about. A series that was already
/// out of its band when the window opened tells drift, not onset, and is passed over.
pub fn onset_of_alarms(scene: &Scene, eyes: &dyn Eyes, facts: &[SeriesFact]) -> Option<Onset> {
    let mut named: Vec<Onset> = Vec::new();
    let (mut felt, mut passed): (Vec<Onset>, Vec<Onset>) = (Vec::new(), Vec::new());
    let crowded = crate::symptoms::crowded(scene, eyes);
    let is_flood =
        |f: &SeriesFact| f.role == Role::Traffic && f.z > BAND && crowded.contains(&f.unit);
    for fact in facts
        .iter()
        .filter(|f| (f.bad > BAND || is_flood(f)) && scene.alarmed.binary_search(&f.unit).is_ok())
    {
        let Some(onset) = fact
            .onset
            .filter(|o| o.lo >= scene.window.from() || o.hi > scene.window.from())
        else {
            continue;
        };
        let first = fact
            .series
            .range(scene.window.from(), scene.window.to())
            .start;
        if fact
            .series
            .times
            .get(first)
            .is_some_and(|t| *t >= onset.hi.0)
        {
            continue;
        }
        let is_named = eyes.alarms().iter().any(|alarm| {
            alarm.metric.as_deref() == Some(fact.series.key.metric.as_str())
                && alarm
                    .statistic
                    .as_ref()
                    .is_none_or(|s| *s == fact.series.key.statistic)
        });
        if is_named || is_flood(fact) {
            named.push(onset);
        } else if fact.role.is_felt() {
            let over = fact.recovered.is_some_and(|at| at.hi < scene.alarm_at);
            if over { &mut passed } else { &mut felt }.push(onset);
        }
    }
    let earliest = |onsets: Vec<Onset>| onsets.into_iter().min_by_key(|o| (o.lo, o.hi));
    earliest(named)
        .or_else(|| earliest(felt))
        .or_else(|| earliest(passed))
}
