//! What do requests of an operation do without exception, though those of all other operations do not?
//!
//! A fault that is older than the recording leaves no "before" to compare with. What is left is to
//! compare an operation with its peers: where hardly any other operation fails with an error line each
//! time, the one that does is worth a look; where all other operations leave lines, so is the one whose
//! requests leave none. How rare such a habit is among the peers, is how much it says; in a system where many
//! operations log errors as a matter of course, it says nothing.

use std::collections::BTreeMap;

use super::paths::explained;
use super::scan::Scan;
use crate::constants::{ALWAYS, HABIT_REQUESTS};
use crate::facts::{Habit, Quiet};
use crate::probes::traces::{RequestCounts, Stretch};

/// Half of a case: what is never seen among few peers is not impossible (Jeffreys' prior for a share).
const HALF: f64 = 0.5;

/// What the requests of one operation did.
#[derive(Clone, Debug, Default)]
struct Operation {
    /// Requests before and during, and how many of them left lines.
    requests: (u64, u64),
    with_lines: u64,
    /// Requests whose failure is not another's, and those of them with an error line.
    own: u64,
    failing: u64,
    /// Failing requests by log kind.
    by_kind: BTreeMap<u32, u64>,
}

impl Operation {
    fn all(&self) -> u64 {
        self.requests.0 + self.requests.1
    }

    fn always_fails(&self) -> bool {
        self.own >= HABIT_REQUESTS && self.failing as f64 >= ALWAYS * self.own as f64
    }

    fn is_quiet(&self) -> bool {
        self.all() >= HABIT_REQUESTS && self.with_lines == 0
    }

    fn always_speaks(&self) -> bool {
        self.with_lines as f64 >= ALWAYS * self.all() as f64
    }
}

/// Habits of operations that are rare among their peers: of failing, by number of the log kind, and of
/// leaving no line.
#[derive(Debug, Default)]
pub(super) struct Habits {
    /// Log kind and habit; sorted.
    pub failing: BTreeMap<u32, Habit>,
    /// Sorted by (unit, operation).
    pub quiet: Vec<Quiet>,
}

pub(super) fn habits(scan: &Scan, requests: &RequestCounts) -> Habits {
    let operations = operations(scan, requests);
    let peers = operations.values().filter(|o| o.all() >= HABIT_REQUESTS);
    let count = peers.clone().count() as f64;
    let failing = peers.clone().filter(|o| o.always_fails()).count() as f64;
    let quiet = peers.filter(|o| o.is_quiet()).count() as f64;
    // The operation itself is no peer of its own.
    let surprise = |such: f64| (count.max(1.0) / (such - 1.0 + HALF)).ln().max(0.0);
    let mut habits = Habits::default();
    for (&(unit, operation), one) in &operations {
        let name = || {
            let name = requests.operations.get(operation as usize);
            name.map(ToString::to_string).unwrap_or_default()
        };
        if one.always_fails()
            && one.requests.1 > 0
            && let Some((kind, _)) = one
                .by_kind
                .iter()
                .max_by_key(|(kind, n)| (**n, u32::MAX - **kind))
        {
            let habit = Habit {
                operation: name(),
                requests: one.own,
                peers: (failing as u64 - 1, count as u64 - 1),
                nats: surprise(failing),
            };
            let known = habits.failing.entry(*kind).or_insert_with(|| habit.clone());
            if habit.requests > known.requests {
                *known = habit;
            }
        }
        let siblings = || {
            let of_unit = operations.range((unit, 0)..=(unit, u32::MAX));
            of_unit.filter(|((_, other), o)| *other != operation && o.all() > 0)
        };
        if one.is_quiet()
            && one.requests.1 > 0
            && siblings().next().is_some()
            && siblings().all(|(_, o)| o.always_speaks())
        {
            habits.quiet.push(Quiet {
                unit,
                operation: name(),
                requests: one.requests,
                peers: (quiet as u64 - 1, count as u64 - 1),
                nats: surprise(quiet),
            });
        }
    }
    habits
}

/// Only units whose lines belong to known requests: about others, silence tells nothing.
fn operations(scan: &Scan, requests: &RequestCounts) -> BTreeMap<(u32, u32), Operation> {
    let explained = explained(scan, requests);
    let joined = |unit: u32| {
        let (joined, lines) = scan.joined.get(&unit).copied().unwrap_or_default();
        joined > 0 && 2 * joined >= lines
    };
    let mut table: BTreeMap<(u32, u32), Operation> = BTreeMap::new();
    let mut at = 0;
    for (r, request) in requests.requests.iter().enumerate() {
        let from = at;
        while scan.steps.get(at).is_some_and(|s| s.request == r as u32) {
            at += 1;
        }
        let steps = &scan.steps[from..at];
        let context = &requests.contexts[request.context as usize];
        if request.stretch == Stretch::Outside || !joined(context.unit) {
            continue;
        }
        let one = table.entry((context.unit, context.operation)).or_default();
        match request.stretch {
            Stretch::Before => one.requests.0 += 1,
            _ => one.requests.1 += 1,
        }
        one.with_lines += u64::from(!steps.is_empty());
        if explained[r] {
            continue;
        }
        one.own += 1;
        let mut kinds: Vec<u32> = steps
            .iter()
            .filter(|s| scan.kinds[s.kind as usize].is_error())
            .map(|s| s.kind)
            .collect();
        kinds.sort_unstable();
        kinds.dedup();
        if !kinds.is_empty() {
            one.failing += 1;
            for kind in kinds {
                *one.by_kind.entry(kind).or_default() += 1;
            }
        }
    }
    table
}
