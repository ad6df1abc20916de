//! Do requests take another path through the code than before?
//!
//! The lines of one request, in order, are the steps that it took. For each step, of the requests that
//! reached the step *before* it, how many went on to it? Asking this way blames the first step that is
//! missed rather than all that would have followed, and the context (who asks, within which operation)
//! keeps a changed mix of requests apart. A request that failed because of somebody else, as its own
//! error line says or as a failed request below it shows, tells nothing about the unit's own path and is
//! left out. Requests of one trace share their input: a trace counts once.

use rustc_hash::{FxHashMap, FxHashSet};

use super::scan::{Kind, Scan, Step};
use super::turn::{Turn, turn};
use crate::probes::traces::{RequestCounts, Stretch};

/// The beginning of a request, as a step.
pub(super) const START: u32 = u32::MAX;
/// Most distinct steps of one request that are looked at.
const MOST_STEPS: usize = 256;
/// Callers above a failing request that are told apart from failing themselves.
const MOST_DEPTH: usize = 64;
/// Nats that one of many steps shows by chance.
const CHANCE: f64 = 1.0;
/// Least nats in one context that count towards the whole.
const LEAST: f64 = 0.7;
/// What is left of a change for the better: an error line that is gone, or what came in its place.
const BETTER: f64 = 0.1;
/// What is left of a harmless line that came: the line that it displaced says the same better.
const DISPLACING: f64 = 0.6;
/// Lines and spans are sent in parcels of their own. Of requests as young as this, ns, the lines may still be
/// on their way.
const ARRIVING: i64 = 10_000_000_000;
/// Nats per doubling (natural logarithm) of traces with an error line that was never seen, on a path that
/// was never seen: there is nothing to compare with, but errors should be rare.
const NOVEL_ERROR: f64 = 1.2;

/// A step that is taken more or less often than before.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shift {
    /// The step before, or [`START`].
    pub after: u32,
    /// The step.
    pub kind: u32,
    /// Index of the context that shows it best.
    pub context: u32,
    pub before: (f64, u64),
    pub during: (f64, u64),
    pub nats: f64,
    pub more: bool,
    /// First request of that context after the change, ns.
    pub first: i64,
}

/// Requests whose failure is somebody else's.
pub(super) fn explained(scan: &Scan, requests: &RequestCounts) -> Vec<bool> {
    let n = requests.requests.len();
    let mut explained: Vec<bool> = requests.requests.iter().map(|r| r.refused).collect();
    let mut failing: Vec<bool> = requests.requests.iter().map(|r| r.failed).collect();
    for step in &scan.steps {
        let request = step.request as usize;
        explained[request] |= step.foreign;
        failing[request] |= scan.kinds[step.kind as usize].is_error();
    }
    for failed in (0..n).filter(|&r| failing[r]) {
        let mut at = failed;
        for _ in 0..MOST_DEPTH {
            let Some(above) = requests.requests[at].parent else {
                break;
            };
            at = above as usize;
            explained[at] = true;
        }
    }
    explained
}

/// The distinct steps of each unexplained request, in order: (context, stretch, trace, start, steps).
struct Chains {
    heads: Vec<Head>,
    steps: Vec<u32>,
}

#[derive(Clone, Copy)]
struct Head {
    context: u32,
    stretch: Stretch,
    trace: u32,
    start: i64,
    from: usize,
    to: usize,
}

/// For each unit, the last moment that its lines reach to, ns.
fn told_until(scan: &Scan) -> FxHashMap<u32, i64> {
    let mut until: FxHashMap<u32, i64> = FxHashMap::default();
    for kind in &scan.kinds {
        let last = until.entry(kind.unit).or_insert(i64::MIN);
        *last = (*last).max(kind.seen.1);
    }
    until
}

fn chains(scan: &Scan, requests: &RequestCounts) -> Chains {
    let explained = explained(scan, requests);
    let told_until = told_until(scan);
    let newest = requests.requests.iter().map(|r| r.start).max();
    // Its spans are here already, and no line of its time is.
    let unheard = |start: i64, context: u32| {
        let unit = requests.contexts[context as usize].unit;
        let young = newest.is_some_and(|newest| start > newest.saturating_sub(ARRIVING));
        young && told_until.get(&unit).is_some_and(|until| start > *until)
    };
    let mut chains = Chains {
        heads: Vec::new(),
        steps: Vec::new(),
    };
    let mut at = 0;
    for (r, request) in requests.requests.iter().enumerate() {
        let from_step = at;
        while scan.steps.get(at).is_some_and(|s| s.request == r as u32) {
            at += 1;
        }
        let steps: &[Step] = &scan.steps[from_step..at];
        if explained[r]
            || request.stretch == Stretch::Outside
            || unheard(request.start, request.context)
        {
            continue;
        }
        let from = chains.steps.len();
        for step in steps {
            if !chains.steps[from..].contains(&step.kind) && chains.steps.len() - from < MOST_STEPS
            {
                chains.steps.push(step.kind);
            }
        }
        chains.heads.push(Head {
            context: request.context,
            stretch: request.stretch,
            trace: request.trace,
            start: request.start,
            from,
            to: chains.steps.len(),
        });
    }
    chains
        .heads
        .sort_by_key(|h| (h.context, h.stretch, h.trace, h.start, h.from));
    chains
}

/// For each context and step, the step that most often stands right before it.
fn usual_predecessors(chains: &Chains) -> FxHashMap<(u32, u32), u32> {
    let mut counted: FxHashMap<(u32, u32, u32), u64> = FxHashMap::default();
    for head in &chains.heads {
        let mut before = START;
        for &step in &chains.steps[head.from..head.to] {
            *counted.entry((head.context, step, before)).or_default() += 1;
            before = step;
        }
    }
    let mut usual: FxHashMap<(u32, u32), (u64, u32)> = FxHashMap::default();
    for (&(context, step, before), &count) in &counted {
        let best = usual.entry((context, step)).or_insert((count, before));
        // The smaller number wins a tie, so that the order of a hash table cannot matter.
        if (count, std::cmp::Reverse(before)) > (best.0, std::cmp::Reverse(best.1)) {
            *best = (count, before);
        }
    }
    usual
        .into_iter()
        .map(|(key, (_, before))| (key, before))
        .collect()
}

/// Traces that reached a step, and the (fractional) number of those that went on, before and during.
#[derive(Clone, Debug, Default)]
struct Tally {
    before: (f64, u64),
    during: (f64, u64),
    /// When each of those traces began, and its share.
    outcomes: Vec<(i64, f64)>,
}

impl Tally {
    /// How surely the share changed, in which direction, and the first request after the change.
    fn turned(&mut self) -> (Turn, i64) {
        self.outcomes
            .sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let shares: Vec<f64> = self.outcomes.iter().map(|o| o.1).collect();
        let found = turn(&shares, self.before.1 as usize);
        let first = self.outcomes.get(found.at).map_or(i64::MAX, |o| o.0);
        (found, first)
    }
}

fn tallies(chains: &Chains, usual: &FxHashMap<(u32, u32), u32>) -> Vec<((u32, u32), Tally)> {
    let mut next: FxHashMap<(u32, u32), Vec<u32>> = FxHashMap::default();
    for (&(context, step), &before) in usual {
        next.entry((context, before)).or_default().push(step);
    }
    let mut table: FxHashMap<(u32, u32), Tally> =
        usual.keys().map(|key| (*key, Tally::default())).collect();
    let mut reached: FxHashMap<u32, u32> = FxHashMap::default();
    let mut taken: FxHashMap<u32, u32> = FxHashMap::default();
    for group in chains
        .heads
        .chunk_by(|a, b| (a.context, a.stretch, a.trace) == (b.context, b.stretch, b.trace))
    {
        reached.clear();
        taken.clear();
        let context = group[0].context;
        for head in group {
            let steps = &chains.steps[head.from..head.to];
            let present: FxHashSet<u32> = steps.iter().copied().collect();
            for &step in std::iter::once(&START).chain(steps) {
                *reached.entry(step).or_default() += 1;
                for &after in next
                    .get(&(context, step))
                    .into_iter()
                    .flatten()
                    .filter(|s| present.contains(s))
                {
                    *taken.entry(after).or_default() += 1;
                }
            }
        }
        for (&step, &times) in &reached {
            for &after in next.get(&(context, step)).into_iter().flatten() {
                let share = f64::from(taken.get(&after).copied().unwrap_or(0)) / f64::from(times);
                let Some(tally) = table.get_mut(&(context, after)) else {
                    continue;
                };
                let side = match group[0].stretch {
                    Stretch::Before => &mut tally.before,
                    _ => &mut tally.during,
                };
                side.0 += share.min(1.0);
                side.1 += 1;
                tally.outcomes.push((group[0].start, share.min(1.0)));
            }
        }
    }
    let mut sorted: Vec<((u32, u32), Tally)> = table.into_iter().collect();
    sorted.sort_unstable_by_key(|(key, _)| *key);
    sorted
}

/// Log-likelihood ratio of "two shares" against "one share", in nats; the counts may be fractions.
pub(crate) fn likelihood_ratio(before: (f64, u64), during: (f64, u64)) -> f64 {
    fn own(k: f64, n: f64) -> f64 {
        if n <= 0.0 || k <= 0.0 || k >= n {
            return 0.0;
        }
        let p = k / n;
        k * p.ln() + (n - k) * (1.0 - p).ln()
    }
    let (n, m) = (before.1 as f64, during.1 as f64);
    (own(before.0, n) + own(during.0, m) - own(before.0 + during.0, n + m)).max(0.0)
}

/// All steps that are taken more or less often, by kind; sorted by (kind, predecessor).
pub(super) fn shifts(scan: &Scan, requests: &RequestCounts) -> Vec<Shift> {
    if scan.steps.is_empty() {
        return Vec::new();
    }
    let chains = chains(scan, requests);
    let usual = usual_predecessors(&chains);
    let tallies = tallies(&chains, &usual);
    let mut seen: Vec<(f64, Shift)> = Vec::new();
    for ((context, kind), mut tally) in tallies {
        if tally.during.1 == 0 {
            continue;
        }
        let line: &Kind = &scan.kinds[kind as usize];
        let (found, first) = tally.turned();
        let (mut nats, mut more, mut first) = (found.nats, found.more, first);
        if tally.before.1 == 0 && line.is_error() && line.lines.0 == 0 {
            let novel = NOVEL_ERROR * (1.0 + tally.during.0).ln();
            if novel > nats {
                (nats, more) = (novel, true);
                first = tally.outcomes.first().map_or(first, |o| o.0);
            }
        }
        // What came more often for a while and came no more when the incident began is none of it.
        let over = more && tally.during.0 == 0.0;
        if over || nats <= LEAST {
            continue;
        }
        let after = usual.get(&(context, kind)).copied().unwrap_or(START);
        seen.push((
            nats,
            Shift {
                after,
                kind,
                context,
                before: tally.before,
                during: tally.during,
                nats,
                more,
                first,
            },
        ));
    }
    weigh(scan, seen)
}

/// Takes off what is for the better, and adds up what several contexts say of one step.
fn weigh(scan: &Scan, mut seen: Vec<(f64, Shift)>) -> Vec<Shift> {
    let mut errors_gone: FxHashMap<(u32, u32), f64> = FxHashMap::default();
    for (nats, shift) in seen
        .iter()
        .filter(|(_, s)| !s.more && scan.kinds[s.kind as usize].is_error())
    {
        let most = errors_gone.entry((shift.context, shift.after)).or_default();
        *most = most.max(*nats);
    }
    for (nats, shift) in &mut seen {
        let bad = scan.kinds[shift.kind as usize].is_error();
        let in_place_of_error = errors_gone
            .get(&(shift.context, shift.after))
            .is_some_and(|gone| *gone >= 0.5 * *nats);
        *nats *= match (bad, shift.more) {
            (true, false) => BETTER,
            (false, true) if in_place_of_error => BETTER,
            (false, true) => DISPLACING,
            _ => 1.0,
        };
    }
    seen.sort_by(|(a, s), (b, t)| {
        (s.kind, s.after, s.more)
            .cmp(&(t.kind, t.after, t.more))
            .then(b.total_cmp(a))
    });
    let mut out: Vec<Shift> = Vec::new();
    for (nats, shift) in seen {
        match out.last_mut() {
            Some(last)
                if (last.kind, last.after, last.more) == (shift.kind, shift.after, shift.more) =>
            {
                last.nats += nats;
                last.first = last.first.min(shift.first);
            }
            _ => out.push(Shift { nats, ..shift }),
        }
    }
    for shift in &mut out {
        shift.nats = (shift.nats - CHANCE).max(0.0);
    }
    out.retain(|s| s.nats > 0.0);
    out
}

#[cfg(test)]
mod tests {
    use super::likelihood_ratio;

    #[test]
    fn shares_are_compared_by_how_sure_they_are() {
        assert_eq!(likelihood_ratio((5.0, 10), (10.0, 20)), 0.0);
        assert!((likelihood_ratio((0.0, 7), (7.0, 7)) - 14.0 * 2.0_f64.ln()).abs() < 1e-9);
        assert!(likelihood_ratio((0.0, 1), (1.0, 1)) < 1.5);
        assert_eq!(likelihood_ratio((0.0, 0), (3.0, 3)), 0.0);
    }
}
