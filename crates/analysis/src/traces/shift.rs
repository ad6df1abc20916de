//! Two windows compared: signed shifts in milliseconds, drawn towards zero where there are few calls.

use std::collections::BTreeMap;

use super::totals::{Spread, Totals};

/// Imagined calls that say "no change": with as many real ones on both sides, half of a shift is believed.
const DOUBT: f64 = 3.0;
/// Least resolution of a duration, ms, and relative to its median: finer differences are noise.
const FLOOR_MS: f64 = 0.05;
const FLOOR_RELATIVE: f64 = 0.05;

/// By how much a time moved.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Shift {
    /// Mean shift of the quartiles, ms, drawn towards zero by the number of calls.
    pub typical_ms: f64,
    /// Shift of the 90 % quantile, ms, drawn towards zero likewise.
    pub tail_ms: f64,
    /// Signed z of the shift of the middle, by the spread of both windows and their counts.
    pub z: f64,
    /// Calls before.
    pub before: usize,
    /// Calls after.
    pub after: usize,
}

/// Compares two distributions. All zero when either is empty.
pub fn shift(before: &Spread, after: &Spread) -> Shift {
    let (n, m) = (before.count as f64, after.count as f64);
    if n == 0.0 || m == 0.0 {
        return Shift {
            before: before.count,
            after: after.count,
            ..Shift::default()
        };
    }
    let believed = trust(before.count, after.count);
    let typical = (after.p25 - before.p25 + after.p50 - before.p50 + after.p75 - before.p75) / 3.0;
    let floor = FLOOR_MS.max(FLOOR_RELATIVE * before.p50.abs());
    let sigma = |s: &Spread| ((s.p75 - s.p25) / 1.349).max(floor);
    // A median's standard error is 1.2533 sigma over root n.
    let error = 1.2533 * (sigma(before).powi(2) / n + sigma(after).powi(2) / m).sqrt();
    Shift {
        typical_ms: typical * believed,
        tail_ms: (after.p90 - before.p90) * believed,
        z: typical / error.max(floor / 2.0),
        before: before.count,
        after: after.count,
    }
}

/// Change of the share of failures, (`errors`, `count`) before and after: drawn towards zero, and its signed z
/// (two proportions, with half a failure and one call added on each side so that none is not certainty).
pub fn error_shift(before: (usize, usize), after: (usize, usize)) -> (f64, f64) {
    let share = |(errors, count): (usize, usize)| (errors as f64 + 0.5) / (count as f64 + 1.0);
    if before.1 == 0 || after.1 == 0 {
        return (0.0, 0.0);
    }
    let (p, q) = (share(before), share(after));
    let variance = p * (1.0 - p) / (before.1 as f64 + 1.0) + q * (1.0 - q) / (after.1 as f64 + 1.0);
    let plain = after.0 as f64 / after.1 as f64 - before.0 as f64 / before.1 as f64;
    (
        plain * trust(before.1, after.1),
        (q - p) / variance.max(1e-12).sqrt(),
    )
}

fn trust(before: usize, after: usize) -> f64 {
    let together = 1.0 / (1.0 / before.max(1) as f64 + 1.0 / after.max(1) as f64);
    together / (together + DOUBT / 2.0)
}

/// One operation of one entity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OperationShift {
    /// Of durations.
    pub duration: Shift,
    /// Of own time.
    pub own: Shift,
    /// Of the share of failures, -1..=1.
    pub errors: f64,
    /// Its z.
    pub errors_z: f64,
}

/// Calls from one entity to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EdgeShift {
    /// Of durations at the callee.
    pub duration: Shift,
    /// Of the time between caller and callee.
    pub gap: Shift,
    /// Of the share of calls that fail at the callee.
    pub errors: f64,
    /// Of the share that fails for the caller only.
    pub client_errors: f64,
    /// Calls per request of the caller: after less before.
    pub per_request: f64,
}

/// All of an entity. Shifts are taken operation by operation and weighted by the calls after, so that a change in
/// the mix of operations is no change of speed.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct EntityShift {
    /// Own time per request, ms.
    pub own_ms: f64,
    /// The greatest |z| among its operations' own times, signed.
    pub own_z: f64,
    /// Time on the way to it, per call to it, ms: the gaps of the calls it receives.
    pub gap_in_ms: f64,
    /// The greatest |z| among these gaps, signed.
    pub gap_in_z: f64,
    /// Of the share of its requests that fail.
    pub errors: f64,
    /// z of that.
    pub errors_z: f64,
    /// Requests after over requests before; the caller scales by the lengths of the windows. Zero before: infinite.
    pub traffic: f64,
}

/// What differs between two windows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shifts {
    /// By (entity, operation); only those seen in both.
    pub operations: BTreeMap<(u32, u32), OperationShift>,
    /// By (caller, callee); only those seen in both.
    pub edges: BTreeMap<(u32, u32), EdgeShift>,
    /// By entity, those seen in either.
    pub entities: BTreeMap<u32, EntityShift>,
    /// Operations seen before only.
    pub gone: Vec<(u32, u32)>,
    /// Operations seen after only.
    pub new: Vec<(u32, u32)>,
}

/// Compares two windows.
pub fn shifts(before: &Totals, after: &Totals) -> Shifts {
    let mut out = Shifts::default();
    for (entity, b) in &before.entities {
        let a = after.entities.get(entity).copied().unwrap_or_default();
        let (errors, errors_z) = error_shift((b.errors, b.requests), (a.errors, a.requests));
        let traffic = if b.requests == 0 {
            f64::INFINITY
        } else {
            a.requests as f64 / b.requests as f64
        };
        out.entities.insert(
            *entity,
            EntityShift {
                errors,
                errors_z,
                traffic,
                ..EntityShift::default()
            },
        );
    }
    for entity in after.entities.keys() {
        out.entities.entry(*entity).or_insert(EntityShift {
            traffic: f64::INFINITY,
            ..EntityShift::default()
        });
    }
    for (key, b) in &before.operations {
        let Some(a) = after.operations.get(key) else {
            out.gone.push(*key);
            continue;
        };
        let (errors, errors_z) = error_shift((b.errors, b.count), (a.errors, a.count));
        let own = shift(&b.own, &a.own);
        out.operations.insert(
            *key,
            OperationShift {
                duration: shift(&b.duration, &a.duration),
                own,
                errors,
                errors_z,
            },
        );
        let requests = after.entities.get(&key.0).map_or(0, |e| e.requests).max(1) as f64;
        if let Some(entity) = out.entities.get_mut(&key.0) {
            entity.own_ms += own.typical_ms * a.own.count as f64 / requests;
            entity.own_z = further(entity.own_z, own.z);
        }
    }
    out.new = after
        .operations
        .keys()
        .filter(|k| !before.operations.contains_key(k))
        .copied()
        .collect();
    let mut received: BTreeMap<u32, f64> = BTreeMap::new();
    for ((_, callee), a) in &after.edges {
        *received.entry(*callee).or_default() += a.gap.count as f64;
    }
    for (key, b) in &before.edges {
        let Some(a) = after.edges.get(key) else {
            continue;
        };
        let gap = shift(&b.gap, &a.gap);
        let edge = EdgeShift {
            duration: shift(&b.duration, &a.duration),
            gap,
            errors: error_shift((b.errors, b.count), (a.errors, a.count)).0,
            client_errors: error_shift((b.client_errors, b.count), (a.client_errors, a.count)).0,
            per_request: a.per_request - b.per_request,
        };
        out.edges.insert(*key, edge);
        let calls = received.get(&key.1).copied().unwrap_or(0.0).max(1.0);
        if let Some(entity) = out.entities.get_mut(&key.1) {
            entity.gap_in_ms += gap.typical_ms * a.gap.count as f64 / calls;
            entity.gap_in_z = further(entity.gap_in_z, gap.z);
        }
    }
    out
}

fn further(a: f64, b: f64) -> f64 {
    if b.abs() > a.abs() { b } else { a }
}
