//! From spans to facts about edges and units. Pure.

use std::collections::BTreeMap;
use std::hash::Hasher;

use analysis::traces::{Forest, OriginKind, error_origins};
use model::{RawRef, Timestamp};
use rustc_hash::FxHasher;

use super::gather::Gathered;
use super::pooled::{Pooled, pooled};
use super::requests::{RequestCounts, Stretch};
use crate::facts::{EdgeFact, Interval, WorkFact};
use crate::scene::Scene;

/// Most rows that a fact refers to.
const MOST_RAW: usize = 5;
/// Most distinct messages that a fact quotes.
const MOST_MESSAGES: usize = 5;
/// A call is beyond its band when it lies this many scales above the normal median.
const BAND: f64 = 5.0;

/// What the spans say.
#[derive(Clone, Debug, Default)]
pub struct TraceReading {
    /// Sorted by (caller, callee).
    pub edges: Vec<EdgeFact>,
    /// Sorted by unit.
    pub work: Vec<WorkFact>,
    /// Who handled what.
    pub requests: RequestCounts,
}

/// One time that was taken: when the call began, how long, and whose row it is.
#[derive(Clone, Copy)]
struct Taken {
    at: i64,
    ms: f64,
    span: u32,
}

#[derive(Default)]
struct Times {
    before: Vec<Taken>,
    during: Vec<Taken>,
}

impl Times {
    fn add(&mut self, stretch: Stretch, taken: Taken) {
        match stretch {
            Stretch::Before => self.before.push(taken),
            Stretch::During => self.during.push(taken),
            Stretch::Outside => {}
        }
    }
}

#[derive(Default)]
struct Edge {
    calls: (u64, u64),
    errors: (u64, u64),
    first_error: Option<i64>,
    failing: Vec<u32>,
    gaps: BTreeMap<(u32, u64), Times>,
}

#[derive(Default)]
struct Work {
    own: BTreeMap<(u32, u64), Times>,
    origin_errors: (u64, u64),
    first_error: Option<i64>,
    messages: Vec<String>,
    failing: Vec<u32>,
}

fn count(pair: &mut (u64, u64), stretch: Stretch) {
    match stretch {
        Stretch::Before => pair.0 += 1,
        Stretch::During => pair.1 += 1,
        Stretch::Outside => {}
    }
}

fn note_failure(first: &mut Option<i64>, failing: &mut Vec<u32>, at: i64, span: usize) {
    *first = Some(first.map_or(at, |known| known.min(at)));
    if failing.len() < MOST_RAW {
        failing.push(span as u32);
    }
}

/// Judges spans against the scene's stretches.
pub fn judge(scene: &Scene, gathered: &Gathered) -> TraceReading {
    let forest = Forest::new(&gathered.spans);
    let (requests, request_of) = RequestCounts::of_forest(scene, gathered, &forest);
    let edges = edges(scene, gathered, &forest, &requests);
    let work = work(scene, gathered, &forest, &requests, &request_of);
    TraceReading {
        edges,
        work,
        requests,
    }
}

fn edges(
    scene: &Scene,
    gathered: &Gathered,
    forest: &Forest<'_>,
    requests: &RequestCounts,
) -> Vec<EdgeFact> {
    let mut table: BTreeMap<(u32, u32), Edge> = BTreeMap::new();
    for (i, span) in forest
        .spans
        .iter()
        .enumerate()
        .filter(|(i, _)| forest.counts(*i))
    {
        let stretch = Stretch::of(scene, span.start);
        if stretch == Stretch::Outside {
            continue;
        }
        let parent = forest
            .parent(i)
            .filter(|&p| forest.spans[p].entity != span.entity);
        let (edge, failed, gap) = if let Some(p) = parent {
            let edge = table
                .entry((forest.spans[p].entity, span.entity))
                .or_default();
            let answered = forest.answer(p) == Some(i);
            let gap = answered.then(|| forest.gap(p)).flatten();
            (edge, span.error || (answered && forest.spans[p].error), gap)
        } else if let Some(peer) = gathered
            .peers
            .get(&(i as u32))
            .filter(|_| forest.children(i).next().is_none())
        {
            // The other end leaves no spans of its own: all of the call lies between the two.
            (
                table.entry((span.entity, *peer)).or_default(),
                span.error,
                Some(span.duration()),
            )
        } else {
            continue;
        };
        count(&mut edge.calls, stretch);
        if failed {
            count(&mut edge.errors, stretch);
            if stretch == Stretch::During {
                note_failure(&mut edge.first_error, &mut edge.failing, span.start, i);
            }
        }
        if let Some(gap) = gap {
            let taken = Taken {
                at: span.start,
                ms: gap as f64 / 1e6,
                span: i as u32,
            };
            edge.gaps
                .entry((span.operation, 0))
                .or_default()
                .add(stretch, taken);
        }
    }
    table
        .into_iter()
        .map(|((caller, callee), edge)| {
            let compared = compare(&edge.gaps);
            let (slow, onset) = beyond_band(&edge.gaps, compared);
            let handled = requests.of(caller);
            let rate = |calls: u64, requests: u64| {
                if requests == 0 {
                    0.0
                } else {
                    calls as f64 / requests as f64
                }
            };
            let rows = if edge.failing.is_empty() {
                slow
            } else {
                edge.failing
            };
            EdgeFact {
                caller,
                callee,
                calls: edge.calls,
                errors: edge.errors,
                calls_per_request: (rate(edge.calls.0, handled.0), rate(edge.calls.1, handled.1)),
                gap_ms: (compared.before, compared.during),
                gap_z: compared.z,
                gap_calls: compared.calls,
                gap_onset: onset,
                first_error: edge.first_error.map(Timestamp),
                raw: raw(gathered, &rows),
            }
        })
        .collect()
}

fn work(
    scene: &Scene,
    gathered: &Gathered,
    forest: &Forest<'_>,
    requests: &RequestCounts,
    request_of: &[u32],
) -> Vec<WorkFact> {
    let mut table: BTreeMap<u32, Work> = forest
        .spans
        .iter()
        .map(|span| (span.entity, Work::default()))
        .collect();
    let entries = entries(forest, requests, request_of);
    let own = own_times(gathered, forest, request_of, &entries);
    let called = called(requests);
    for (r, request) in requests.requests.iter().enumerate() {
        let context = &requests.contexts[request.context as usize];
        if let Some(work) = table.get_mut(&context.unit) {
            let taken = Taken {
                at: request.start,
                ms: own[r] as f64 / 1e6,
                span: entries[r],
            };
            work.own
                .entry((context.operation, called[r]))
                .or_default()
                .add(request.stretch, taken);
        }
    }
    for origin in error_origins(forest) {
        // What failed only at the caller's end, or without an answer, began on the way: the edge tells.
        if origin.kind != OriginKind::Own {
            continue;
        }
        let span = &forest.spans[origin.span];
        let stretch = Stretch::of(scene, span.start);
        let work = table.entry(origin.entity).or_default();
        count(&mut work.origin_errors, stretch);
        if stretch == Stretch::During {
            note_failure(
                &mut work.first_error,
                &mut work.failing,
                span.start,
                origin.span,
            );
            if let Some(message) = gathered.messages.get(&(origin.span as u32))
                && work.messages.len() < MOST_MESSAGES
                && !work.messages.iter().any(|m| **m == **message)
            {
                work.messages.push(message.to_string());
            }
        }
    }
    table
        .into_iter()
        .map(|(unit, work)| {
            let compared = compare(&work.own);
            let (slow, onset) = beyond_band(&work.own, compared);
            let rows = if work.failing.is_empty() {
                slow
            } else {
                work.failing
            };
            let operation =
                most_shifted(&work.own).and_then(|o| requests.operations.get(o as usize));
            WorkFact {
                unit,
                operation: operation.map(ToString::to_string).unwrap_or_default(),
                requests: requests.of(unit),
                own_ms: (compared.before, compared.during),
                own_z: compared.z,
                own_calls: compared.calls,
                own_onset: onset,
                origin_errors: work.origin_errors,
                first_error: work.first_error.map(Timestamp),
                messages: work.messages,
                quiet: None,
                raw: raw(gathered, &rows),
            }
        })
        .collect()
}

/// The entry span of each request; `u32::MAX` for none.
fn entries(forest: &Forest<'_>, requests: &RequestCounts, request_of: &[u32]) -> Vec<u32> {
    let mut entries = vec![u32::MAX; requests.requests.len()];
    for (i, request) in request_of
        .iter()
        .enumerate()
        .filter(|(_, r)| **r != u32::MAX)
    {
        if forest.is_entry(i) {
            entries[*request as usize] = i as u32;
        }
    }
    entries
}

/// Time of each request (ns) during which its unit waited for no call: the entry span less the union of
/// the calls that the unit made meanwhile. Spans within the unit may overlap as they please.
fn own_times(
    gathered: &Gathered,
    forest: &Forest<'_>,
    request_of: &[u32],
    entries: &[u32],
) -> Vec<i64> {
    let mut calls: Vec<(u32, i64, i64)> = Vec::new();
    for (i, span) in forest.spans.iter().enumerate() {
        let Some(&request) = request_of.get(i).filter(|r| **r != u32::MAX) else {
            continue;
        };
        if forest.answer(i).is_some() || gathered.peers.contains_key(&(i as u32)) {
            let from = forest.start(i);
            calls.push((request, from, from.saturating_add(span.duration())));
        } else {
            // A caller without a span for its own end of the call: the callee's span stands for it.
            for child in forest
                .children(i)
                .filter(|c| forest.spans[*c].entity != span.entity)
            {
                let from = forest.start(child);
                calls.push((
                    request,
                    from,
                    from.saturating_add(forest.spans[child].duration()),
                ));
            }
        }
    }
    calls.sort_unstable();
    let mut own: Vec<i64> = entries
        .iter()
        .map(|e| {
            forest
                .spans
                .get(*e as usize)
                .map_or(0, analysis::traces::Span::duration)
        })
        .collect();
    for of_request in calls.chunk_by(|a, b| a.0 == b.0) {
        let request = of_request[0].0 as usize;
        let Some(entry) = forest.spans.get(entries[request] as usize) else {
            continue;
        };
        let mut covered = forest.start(entries[request] as usize);
        let end = covered.saturating_add(entry.duration());
        for &(_, from, to) in of_request {
            let (from, to) = (from.max(covered), to.min(end));
            if to > from {
                own[request] -= to - from;
                covered = to;
            }
        }
    }
    own
}

/// A number for the set of operations that each request calls: a request that fails before it calls
/// anybody is no measure for one that goes through, nor one route of a gateway for another.
fn called(requests: &RequestCounts) -> Vec<u64> {
    let mut pairs: Vec<(u32, u32, u32)> = requests
        .requests
        .iter()
        .filter_map(|r| {
            let context = &requests.contexts[r.context as usize];
            r.parent
                .map(|above| (above, context.unit, context.operation))
        })
        .collect();
    pairs.sort_unstable();
    pairs.dedup();
    let mut called = vec![0_u64; requests.requests.len()];
    for (above, unit, operation) in pairs {
        let mut hasher = FxHasher::default();
        hasher.write_u64(called[above as usize]);
        hasher.write_u32(unit);
        hasher.write_u32(operation);
        called[above as usize] = hasher.finish();
    }
    called
}

fn raw(gathered: &Gathered, spans: &[u32]) -> Vec<RawRef> {
    spans
        .iter()
        .filter(|s| (**s as usize) < gathered.raw.len())
        .map(|s| gathered.raw_ref(*s as usize))
        .collect()
}

fn milliseconds(taken: &[Taken]) -> Vec<f64> {
    taken.iter().map(|t| t.ms).collect()
}

/// All operations put together.
fn compare(times: &BTreeMap<(u32, u64), Times>) -> Pooled {
    let mut values: Vec<(Vec<f64>, Vec<f64>)> = times
        .values()
        .map(|t| (milliseconds(&t.before), milliseconds(&t.during)))
        .collect();
    pooled(
        values
            .iter_mut()
            .map(|(before, during)| (&mut before[..], &mut during[..])),
    )
}

/// The operation whose calls together lost the most time.
fn most_shifted(times: &BTreeMap<(u32, u64), Times>) -> Option<u32> {
    let mut best: Option<(f64, u32)> = None;
    for (&(operation, _), t) in times {
        let one = pooled([(
            &mut milliseconds(&t.before)[..],
            &mut milliseconds(&t.during)[..],
        )]);
        let lost = one.shift() * one.calls.1 as f64;
        if best.is_none_or(|(most, _)| lost > most) {
            best = Some((lost, operation));
        }
    }
    best.map(|(_, operation)| operation)
}

/// Calls of the incident that lie beyond the band of their operation, slowest first, and when the first
/// of them came; nothing unless the whole shifted upward.
fn beyond_band(times: &BTreeMap<(u32, u64), Times>, whole: Pooled) -> (Vec<u32>, Option<Interval>) {
    if whole.z < 3.0 {
        return (Vec::new(), None);
    }
    let mut beyond: Vec<Taken> = Vec::new();
    let mut well: Vec<i64> = Vec::new();
    for t in times.values().filter(|t| !t.before.is_empty()) {
        let normal = pooled([(
            &mut milliseconds(&t.before)[..],
            &mut milliseconds(&t.before)[..],
        )]);
        let limit = normal.before + BAND * normal.scale;
        well.extend(t.before.iter().map(|one| one.at));
        for one in &t.during {
            if one.ms > limit {
                beyond.push(*one)
            } else {
                well.push(one.at)
            }
        }
    }
    let first = beyond.iter().map(|b| b.at).min();
    let onset = first.map(|hi| {
        let lo = well
            .iter()
            .copied()
            .filter(|at| *at <= hi)
            .max()
            .unwrap_or(hi);
        Interval {
            lo: Timestamp(lo),
            hi: Timestamp(hi),
        }
    });
    beyond.sort_by(|a, b| b.ms.total_cmp(&a.ms).then(a.span.cmp(&b.span)));
    (
        beyond.iter().take(MOST_RAW).map(|b| b.span).collect(),
        onset,
    )
}
