//! Spans added up, per operation, edge and entity, in one window of time.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Forest;
use crate::series::quantile_of;

/// How a time is distributed; milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spread {
    /// How many.
    pub count: usize,
    /// Mean.
    pub mean: f64,
    /// Lower quartile.
    pub p25: f64,
    /// Median.
    pub p50: f64,
    /// Upper quartile.
    pub p75: f64,
    /// 90 % quantile.
    pub p90: f64,
}

impl Spread {
    /// Of times in milliseconds, which are permuted. All zero for none.
    pub fn of(times: &mut [f64]) -> Self {
        let Some([p25, p50, p75, p90]) = quantile_of(times, &[0.25, 0.5, 0.75, 0.9]) else {
            return Self::default();
        };
        // Summing in sorted order would cost a sort; the order that selection leaves is as repeatable.
        let mean = times.iter().sum::<f64>() / times.len() as f64;
        Self {
            count: times.len(),
            mean,
            p25,
            p50,
            p75,
            p90,
        }
    }
}

/// One operation of one entity.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct OperationTotals {
    /// Spans.
    pub count: usize,
    /// Failed ones.
    pub errors: usize,
    /// How many are the caller's end of a call; their own time is the calls' gap, and no part of `own`.
    pub clients: usize,
    /// Durations, ms.
    pub duration: Spread,
    /// Own times, ms, of spans that are not the caller's end of a call.
    pub own: Spread,
}

/// Calls from one entity to another.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct EdgeTotals {
    /// Calls.
    pub count: usize,
    /// Calls that failed at the callee.
    pub errors: usize,
    /// Calls that failed for the caller while the callee was fine.
    pub client_errors: usize,
    /// Durations at the callee, ms.
    pub duration: Spread,
    /// Time between caller and callee, ms; only of calls whose two ends are both there.
    pub gap: Spread,
    /// Calls per request that entered the caller in this window.
    pub per_request: f64,
}

/// All of an entity.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct EntityTotals {
    /// Requests that entered it.
    pub requests: usize,
    /// Requests that failed.
    pub errors: usize,
    /// Durations of requests, ms.
    pub duration: Spread,
    /// Own time per request, ms: that of all its spans (the callers' ends of calls apart) over its requests.
    pub own_per_request: f64,
    /// Errors that began in it (see [`error_origins`](super::error_origins)).
    pub origins: usize,
}

/// All spans that start within a window. Keys are entities and operations as numbered by the caller.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Totals {
    /// By (entity, operation).
    pub operations: BTreeMap<(u32, u32), OperationTotals>,
    /// By (caller, callee).
    pub edges: BTreeMap<(u32, u32), EdgeTotals>,
    /// By entity.
    pub entities: BTreeMap<u32, EntityTotals>,
}

/// One number of a group: key, what it measures, milliseconds.
type Row = ((u32, u32), f64);

/// Adds up the spans whose start (on the root's clock) lies in the window, ns.
pub fn totals(forest: &Forest<'_>, window: Range<i64>) -> Totals {
    let spans = forest.spans;
    let ms = |ns: i64| ns as f64 / 1e6;
    let mut out = Totals::default();
    let mut durations: Vec<Row> = Vec::new();
    let mut owns: Vec<Row> = Vec::new();
    let mut calls: Vec<Row> = Vec::new();
    let mut gaps: Vec<Row> = Vec::new();
    let mut requests: Vec<Row> = Vec::new();
    for i in 0..spans.len() {
        if !forest.counts(i) || !window.contains(&forest.start(i)) {
            continue;
        }
        let span = &spans[i];
        let key = (span.entity, span.operation);
        let duration = ms(span.duration());
        durations.push((key, duration));
        let operation = out.operations.entry(key).or_default();
        operation.count += 1;
        operation.errors += usize::from(span.error);
        let entity = out.entities.entry(span.entity).or_default();
        if forest.is_client(i) {
            operation.clients += 1;
        } else {
            owns.push((key, ms(forest.own(i))));
            entity.own_per_request += ms(forest.own(i));
        }
        if span.error && forest.children(i).all(|c| !spans[c].error) {
            entity.origins += 1;
        }
        if !forest.is_entry(i) {
            continue;
        }
        entity.requests += 1;
        entity.errors += usize::from(span.error);
        requests.push(((span.entity, 0), duration));
        if let Some(p) = forest.parent(i) {
            let pair = (spans[p].entity, span.entity);
            let edge = out.edges.entry(pair).or_default();
            edge.count += 1;
            edge.errors += usize::from(span.error);
            calls.push((pair, duration));
            if let Some(gap) = forest.gap(p) {
                gaps.push((pair, ms(gap)));
                edge.client_errors += usize::from(spans[p].error && !span.error);
            }
        }
    }
    groups(&mut durations, |key, spread| {
        out.operations.entry(key).or_default().duration = spread;
    });
    groups(&mut owns, |key, spread| {
        out.operations.entry(key).or_default().own = spread;
    });
    groups(&mut calls, |key, spread| {
        out.edges.entry(key).or_default().duration = spread;
    });
    groups(&mut gaps, |key, spread| {
        out.edges.entry(key).or_default().gap = spread;
    });
    groups(&mut requests, |key, spread| {
        out.entities.entry(key.0).or_default().duration = spread;
    });
    for entity in out.entities.values_mut() {
        entity.own_per_request /= entity.requests.max(1) as f64;
    }
    for ((caller, _), edge) in &mut out.edges {
        let entered = out.entities.get(caller).map_or(0, |e| e.requests);
        edge.per_request = edge.count as f64 / entered.max(1) as f64;
    }
    out
}

/// Sorts rows by key and hands out each key's spread.
fn groups(rows: &mut [Row], mut each: impl FnMut((u32, u32), Spread)) {
    rows.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut values = Vec::new();
    for group in rows.chunk_by(|a, b| a.0 == b.0) {
        values.clear();
        values.extend(group.iter().map(|r| r.1));
        each(group[0].0, Spread::of(&mut values));
    }
}
