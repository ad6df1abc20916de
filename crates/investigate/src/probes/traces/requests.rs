//! Which requests each unit handled: the measure against which logs and times are read.

use analysis::traces::{Forest, SpanKind};
use rustc_hash::FxHashMap;

use super::gather::{Gathered, id_number};
use crate::scene::Scene;

/// Part of the time that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stretch {
    /// Near past or history.
    Before,
    /// Incident.
    During,
    /// Neither.
    Outside,
}

impl Stretch {
    /// Where a moment (ns) lies.
    pub fn of(scene: &Scene, at: i64) -> Self {
        let at = model::Timestamp(at);
        if scene.window.contains(at) {
            Self::During
        } else if scene.near.contains(at) || scene.history.iter().any(|h| h.contains(at)) {
            Self::Before
        } else {
            Self::Outside
        }
    }
}

/// How a request came to its unit: what was asked for, by whom, on behalf of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Context {
    /// Who handles it.
    pub unit: u32,
    /// Operation, as an index into [`RequestCounts::operations`].
    pub operation: u32,
    /// Who asks, and within which operation of its own; `None` where it comes from outside.
    pub caller: Option<(u32, u32)>,
}

/// One request that one unit handled: an entry span with all that the unit did below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Index into [`RequestCounts::contexts`].
    pub context: u32,
    /// Number of the trace, dense.
    pub trace: u32,
    /// The request of the caller, if there is one.
    pub parent: Option<u32>,
    /// Began, ns.
    pub start: i64,
    /// In which stretch it began.
    pub stretch: Stretch,
    /// A span of it says that it failed.
    pub failed: bool,
    /// A call that it made failed, whether whoever was called wrote a span or refused before that.
    pub refused: bool,
}

/// Which requests each unit handled.
#[derive(Clone, Debug, Default)]
pub struct RequestCounts {
    /// In the order of their entry spans.
    pub requests: Vec<Request>,
    /// Distinct contexts.
    pub contexts: Vec<Context>,
    /// Names of operations.
    pub operations: Vec<Box<str>>,
    by_unit: FxHashMap<u32, (u64, u64)>,
    by_span: FxHashMap<(u64, u64), u32>,
    /// The only request of a unit within a trace; `u32::MAX` where it handled several.
    by_trace: FxHashMap<(u64, u32), u32>,
}

impl RequestCounts {
    /// Requests that `unit` handled before and during.
    pub fn of(&self, unit: u32) -> (u64, u64) {
        self.by_unit.get(&unit).copied().unwrap_or_default()
    }

    /// The request of `unit` that a line with these ids belongs to. Without a span id that is known, the
    /// trace id tells if the unit handled one request of that trace only.
    pub fn find(&self, unit: u32, trace_id: &str, span_id: &str) -> Option<u32> {
        if trace_id.is_empty() || self.requests.is_empty() {
            return None;
        }
        let trace = id_number(trace_id);
        let by_span = (!span_id.is_empty())
            .then(|| self.by_span.get(&(trace, id_number(span_id))).copied())
            .flatten();
        by_span.filter(|r| self.unit(*r) == unit).or_else(|| {
            self.by_trace
                .get(&(trace, unit))
                .copied()
                .filter(|r| *r != u32::MAX)
        })
    }

    /// Who handled request `r`.
    pub fn unit(&self, r: u32) -> u32 {
        self.contexts[self.requests[r as usize].context as usize].unit
    }

    /// What a context asks for.
    pub fn operation(&self, context: &Context) -> &str {
        self.operations
            .get(context.operation as usize)
            .map_or("", |name| name)
    }

    /// Cuts the trees into requests. Also returns the request of each span (`u32::MAX` for none).
    pub(crate) fn of_forest(
        scene: &Scene,
        gathered: &Gathered,
        forest: &Forest<'_>,
    ) -> (Self, Vec<u32>) {
        const NONE: u32 = u32::MAX;
        let n = forest.spans.len();
        let mut entry = vec![NONE; n];
        let mut path = Vec::new();
        for i in 0..n {
            if !forest.counts(i) {
                continue;
            }
            let mut at = i;
            while entry[at] == NONE {
                path.push(at);
                if forest.is_entry(at) {
                    entry[at] = at as u32;
                    break;
                }
                match forest.parent(at) {
                    Some(parent) => at = parent,
                    None => entry[at] = at as u32,
                }
            }
            let found = entry[at];
            for visited in path.drain(..) {
                entry[visited] = found;
            }
        }
        let mut counts = Self {
            operations: gathered.operations.clone(),
            ..Self::default()
        };
        let mut number = vec![NONE; n];
        let mut traces: FxHashMap<u64, u32> = FxHashMap::default();
        for i in (0..n).filter(|&i| entry[i] == i as u32) {
            let span = &forest.spans[i];
            let known = traces.len() as u32;
            number[i] = counts.requests.len() as u32;
            let stretch = Stretch::of(scene, span.start);
            counts.requests.push(Request {
                context: 0,
                trace: *traces.entry(span.trace).or_insert(known),
                parent: None,
                start: span.start,
                stretch,
                failed: false,
                refused: false,
            });
            let unit = counts.by_unit.entry(span.entity).or_default();
            match stretch {
                Stretch::Before => unit.0 += 1,
                Stretch::During => unit.1 += 1,
                Stretch::Outside => {}
            }
            counts
                .by_trace
                .entry((span.trace, span.entity))
                .and_modify(|r| *r = NONE)
                .or_insert(number[i]);
        }
        // Contexts need the numbers of the callers' requests, which may come later in the file.
        let mut contexts: FxHashMap<Context, u32> = FxHashMap::default();
        for i in (0..n).filter(|&i| entry[i] == i as u32) {
            let caller = forest
                .parent(i)
                .map(|p| entry[p])
                .filter(|e| *e != NONE)
                .map(|e| e as usize);
            let span = &forest.spans[i];
            let context = Context {
                unit: span.entity,
                operation: span.operation,
                caller: caller.map(|e| (forest.spans[e].entity, forest.spans[e].operation)),
            };
            let next = counts.contexts.len() as u32;
            let at = *contexts.entry(context).or_insert(next);
            if at == next {
                counts.contexts.push(context);
            }
            let request = &mut counts.requests[number[i] as usize];
            request.context = at;
            request.parent = caller.map(|e| number[e]).filter(|r| *r != NONE);
        }
        let mut request_of = vec![NONE; n];
        for i in 0..n {
            if entry[i] == NONE {
                continue;
            }
            let request = number[entry[i] as usize];
            request_of[i] = request;
            if request != NONE {
                let span = &forest.spans[i];
                let of = &mut counts.requests[request as usize];
                of.failed |= span.error;
                of.refused |= span.error && span.kind == SpanKind::Client;
                counts
                    .by_span
                    .entry((span.trace, span.id))
                    .or_insert(request);
            }
        }
        (counts, request_of)
    }
}
