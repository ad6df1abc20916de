//! From counts and steps to facts. Pure.

use analysis::logs::rates::{Counted, Floors, compare};
use model::Timestamp;
use model::time::MINUTE;

use super::habits::habits;
use super::paths::{START, Shift, shifts};
use super::scan::{Kind, Scan};
use crate::facts::{Habit, LogFact, PathShift, Quiet};
use crate::probes::traces::RequestCounts;
use crate::scene::Scene;

/// Most templates of one unit that become facts: those that changed most.
const MOST_PER_UNIT: usize = 200;
/// Fewest requests on each side that are a measure for lines.
const LEAST_REQUESTS: u64 = 3;
/// Every movement is reported with its score; who reads it has floors of its own.
const NO_FLOORS: Floors = Floors {
    score: 0.0,
    lines: 0.0,
    change: 0.0,
};

/// What lines tell.
#[derive(Clone, Debug, Default)]
pub struct LogReading {
    /// Sorted by (unit, template).
    pub facts: Vec<LogFact>,
    /// Operations whose requests leave no line; sorted by unit.
    pub quiet: Vec<Quiet>,
}

/// Judges what the scan gathered.
pub fn judge(scene: &Scene, scan: &Scan, requests: &RequestCounts) -> LogReading {
    let mut habits = habits(scan, requests);
    let mut paths: Vec<Option<&Shift>> = vec![None; scan.kinds.len()];
    let shifts = shifts(scan, requests);
    for shift in &shifts {
        let best = &mut paths[shift.kind as usize];
        if best.is_none_or(|known| shift.nats > known.nats) {
            *best = Some(shift);
        }
    }
    let mut facts: Vec<LogFact> = Vec::with_capacity(scan.kinds.len());
    let mut first = 0;
    for of_unit in scan.kinds.chunk_by(|a, b| a.unit == b.unit) {
        let from = facts.len();
        let measure = Measure::of(scene, scan, requests, of_unit[0].unit);
        for (i, kind) in of_unit.iter().enumerate() {
            facts.push(fact(
                kind,
                &measure,
                paths[first + i].map(|shift| path(scan, requests, shift)),
                habits.failing.remove(&((first + i) as u32)),
            ));
        }
        first += of_unit.len();
        if facts.len() - from > MOST_PER_UNIT {
            let mut of_unit: Vec<LogFact> = facts.drain(from..).collect();
            of_unit.sort_by(|a, b| {
                weight(b)
                    .total_cmp(&weight(a))
                    .then_with(|| a.template.cmp(&b.template))
            });
            of_unit.truncate(MOST_PER_UNIT);
            of_unit.sort_by(|a, b| (&a.template, &a.example).cmp(&(&b.template, &b.example)));
            facts.extend(of_unit);
        }
    }
    LogReading {
        facts,
        quiet: habits.quiet,
    }
}

/// How much a fact is worth keeping.
fn weight(fact: &LogFact) -> f64 {
    let path = fact.path.as_ref().map_or(0.0, |p| 2.0 * p.nats);
    let error = if fact.is_error() && fact.during > 0 {
        1e6
    } else {
        0.0
    };
    error + fact.z.abs() + path
}

/// What there was to log about, before and during.
struct Measure {
    before: f64,
    during: f64,
    joined: bool,
}

impl Measure {
    /// Requests where traces cover both stretches and lines belong to them, else minutes.
    fn of(scene: &Scene, scan: &Scan, requests: &RequestCounts, unit: u32) -> Self {
        let (before, during) = requests.of(unit);
        let (joined, lines) = scan.joined.get(&unit).copied().unwrap_or_default();
        let joined = joined > 0 && 2 * joined >= lines;
        if joined && before >= LEAST_REQUESTS && during >= LEAST_REQUESTS {
            return Self {
                before: before as f64,
                during: during as f64,
                joined,
            };
        }
        // A declared past may be longer than what was recorded of it.
        let from = scan
            .first_before
            .unwrap_or(scene.near.from().0)
            .max(scene.near.from().0);
        let minutes = |ns: i64| ns.max(MINUTE / 60) as f64 / MINUTE as f64;
        Self {
            before: minutes(scene.near.to().0.saturating_sub(from)),
            during: minutes(
                scene
                    .window
                    .to()
                    .0
                    .min(scene.now.0)
                    .saturating_sub(scene.window.from().0),
            ),
            joined,
        }
    }
}

fn fact(kind: &Kind, measure: &Measure, path: Option<PathShift>, habit: Option<Habit>) -> LogFact {
    let deviation = compare(
        Counted {
            count: kind.lines.1,
            exposure: measure.during,
        },
        Counted {
            count: kind.lines.0,
            exposure: measure.before,
        },
        &NO_FLOORS,
    );
    LogFact {
        unit: kind.unit,
        template: kind.template.clone(),
        example: kind.example.clone(),
        severity: kind.severity,
        before: kind.lines.0,
        during: kind.lines.1,
        expected: deviation.map_or(0.0, |d| d.expected),
        z: deviation.map_or(0.0, |d| d.score),
        first: Timestamp(kind.seen.0),
        last: Timestamp(kind.seen.1),
        raw: kind.raw.clone(),
        mentions: kind.mentions.clone(),
        joined: measure.joined,
        path,
        habit,
    }
}

fn path(scan: &Scan, requests: &RequestCounts, shift: &Shift) -> PathShift {
    let context = &requests.contexts[shift.context as usize];
    PathShift {
        after: (shift.after != START).then(|| scan.kinds[shift.after as usize].template.clone()),
        operation: requests.operation(context).to_string(),
        caller: context.caller.map(|(unit, _)| unit),
        before: shift.before,
        during: shift.during,
        nats: shift.nats,
        more: shift.more,
        first: Timestamp(shift.first),
    }
}
