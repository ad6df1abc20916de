//! Spans joined to trees, clocks aligned, own time found.

use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;

use super::{Span, SpanKind};

/// No span.
const NONE: u32 = u32::MAX;

/// Fewer calls than this say nothing about two clocks.
const LEAST_CALLS: usize = 5;

/// What was wrong with the spans, and tolerated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Irregularities {
    /// Spans given more than once (same trace, id and entity); the later ones are left out.
    pub duplicates: usize,
    /// Spans whose parent is not among the spans.
    pub orphans: usize,
    /// Parent links removed because they led in a circle.
    pub loops: usize,
    /// Spans that end before they start; they count as lasting no time.
    pub negative: usize,
    /// Client and server ends of one call that share a span id.
    pub shared: usize,
    /// Calls whose callee's clock was moved to fit.
    pub realigned: usize,
}

/// How far a callee's clock is off its caller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skew {
    /// Caller.
    pub caller: u32,
    /// Callee.
    pub callee: u32,
    /// Added to the callee's times to put them on the caller's clock, ns.
    pub offset: i64,
    /// Calls it was estimated from.
    pub calls: usize,
}

/// Spans with their links. Everything is by index into the slice of spans.
#[derive(Debug, Clone)]
pub struct Forest<'a> {
    /// The spans, as given.
    pub spans: &'a [Span],
    /// What was tolerated.
    pub irregularities: Irregularities,
    /// Clock offsets other than zero, by caller and callee.
    pub skews: Vec<Skew>,
    parent: Vec<u32>,
    /// `children[first[i]..first[i + 1]]` are the children of span `i`, by aligned start.
    first: Vec<u32>,
    children: Vec<u32>,
    /// Offset of each span's clock, ns.
    shift: Vec<i64>,
    own: Vec<i64>,
    /// A duplicate: no part of any tree.
    left_out: Vec<bool>,
}

impl<'a> Forest<'a> {
    /// Links the spans. Linear but for small sorts; at most `u32::MAX - 1` spans are looked at.
    pub fn new(spans: &'a [Span]) -> Self {
        let spans = &spans[..spans.len().min(NONE as usize - 1)];
        let n = spans.len();
        let mut forest = Self {
            spans,
            irregularities: Irregularities::default(),
            skews: Vec::new(),
            parent: vec![NONE; n],
            first: Vec::new(),
            children: Vec::new(),
            shift: vec![0; n],
            own: Vec::new(),
            left_out: vec![false; n],
        };
        forest.link();
        forest.cut_loops();
        forest.gather_children();
        forest.align_clocks();
        forest.measure_own();
        forest
    }

    /// Index of the parent.
    pub fn parent(&self, span: usize) -> Option<usize> {
        self.parent
            .get(span)
            .filter(|p| **p != NONE)
            .map(|p| *p as usize)
    }

    /// Indices of the children, by aligned start.
    pub fn children(&self, span: usize) -> impl Iterator<Item = usize> + '_ {
        let (from, to) = (self.first[span] as usize, self.first[span + 1] as usize);
        self.children[from..to].iter().map(|c| *c as usize)
    }

    /// Is this span part of a tree (not a duplicate)?
    pub fn counts(&self, span: usize) -> bool {
        !self.left_out[span]
    }

    /// Own time, ns: the duration less the union of the children's intervals, these clipped to the span.
    pub fn own(&self, span: usize) -> i64 {
        self.own[span]
    }

    /// Start on the clock of the trace's root, ns.
    pub fn start(&self, span: usize) -> i64 {
        self.spans[span].start.saturating_add(self.shift[span])
    }

    /// Does a request enter the entity here: a root, or called from another entity?
    pub fn is_entry(&self, span: usize) -> bool {
        self.parent(span)
            .is_none_or(|p| self.spans[p].entity != self.spans[span].entity)
    }

    /// The callee's span, if this is the caller's end of a call: the only child, in another entity.
    pub fn answer(&self, span: usize) -> Option<usize> {
        let mut children = self.children(span);
        let only = children
            .next()
            .filter(|c| self.spans[*c].entity != self.spans[span].entity)?;
        let server = matches!(self.spans[span].kind, SpanKind::Server | SpanKind::Internal);
        (children.next().is_none() && !server).then_some(only)
    }

    /// Is this the caller's end of a call (it says so, or its only child is in another entity)?
    pub fn is_client(&self, span: usize) -> bool {
        self.spans[span].kind == SpanKind::Client || self.answer(span).is_some()
    }

    /// Time that a call spent between caller and callee (network, queues, connection), ns: the client span less the
    /// server span. By durations alone, so that clocks do not matter. `None` where this is no client span with one
    /// answer.
    pub fn gap(&self, span: usize) -> Option<i64> {
        let answer = self.answer(span)?;
        Some(
            self.spans[span]
                .duration()
                .saturating_sub(self.spans[answer].duration())
                .max(0),
        )
    }

    fn link(&mut self) {
        let spans = self.spans;
        let mut places: FxHashMap<(u64, u64), u32> = FxHashMap::default();
        places.reserve(spans.len());
        // The caller's end of a call that shares its id with the callee's.
        let mut clients: FxHashMap<u32, u32> = FxHashMap::default();
        for (i, span) in spans.iter().enumerate() {
            self.irregularities.negative += usize::from(span.end < span.start);
            match places.entry((span.trace, span.id)) {
                Entry::Vacant(free) => {
                    free.insert(i as u32);
                }
                Entry::Occupied(mut taken) => {
                    let other = *taken.get();
                    let shared = spans[other as usize].entity != span.entity
                        && !clients.contains_key(&other);
                    if !shared {
                        self.irregularities.duplicates += 1;
                        self.left_out[i] = true;
                        continue;
                    }
                    self.irregularities.shared += 1;
                    // The longer one is the caller's; children belong to the callee's.
                    let longer = (span.duration(), -(i as i64));
                    let mine_is_client =
                        longer > (spans[other as usize].duration(), -i64::from(other));
                    let (client, server) = if mine_is_client {
                        (i as u32, other)
                    } else {
                        (other, i as u32)
                    };
                    taken.insert(server);
                    clients.insert(server, client);
                }
            }
        }
        for (i, span) in spans.iter().enumerate() {
            if self.left_out[i] {
                continue;
            }
            if let Some(client) = clients.get(&(i as u32)) {
                self.parent[i] = *client;
            } else if span.parent != 0 {
                match places.get(&(span.trace, span.parent)) {
                    Some(p) if *p as usize != i => self.parent[i] = *p,
                    Some(_) => self.irregularities.loops += 1,
                    None => self.irregularities.orphans += 1,
                }
            }
        }
    }

    /// Cuts each circle at its earliest member.
    fn cut_loops(&mut self) {
        let n = self.spans.len();
        // 0 not seen, 1 on the way, 2 done.
        let mut state = vec![0u8; n];
        let mut way = Vec::new();
        for i in 0..n {
            let mut at = i as u32;
            while at != NONE && state[at as usize] == 0 {
                state[at as usize] = 1;
                way.push(at);
                at = self.parent[at as usize];
            }
            if at != NONE && state[at as usize] == 1 {
                let from = way.iter().position(|w| *w == at).unwrap_or(0);
                let earliest = way[from..]
                    .iter()
                    .min_by_key(|w| (self.spans[**w as usize].start, **w));
                if let Some(&cut) = earliest {
                    self.parent[cut as usize] = NONE;
                    self.irregularities.loops += 1;
                }
            }
            for w in way.drain(..) {
                state[w as usize] = 2;
            }
        }
    }

    fn gather_children(&mut self) {
        let n = self.spans.len();
        let mut first = vec![0u32; n + 1];
        for p in self.parent.iter().filter(|p| **p != NONE) {
            first[*p as usize + 1] += 1;
        }
        for i in 0..n {
            first[i + 1] += first[i];
        }
        let mut next = first.clone();
        let mut children = vec![0u32; first[n] as usize];
        for (i, p) in self.parent.iter().enumerate() {
            if *p != NONE {
                children[next[*p as usize] as usize] = i as u32;
                next[*p as usize] += 1;
            }
        }
        self.first = first;
        self.children = children;
    }

    /// Estimates per edge how far the callee's clock is off, and moves callees (with all below them) onto the
    /// clock of the root. A callee cannot start before its call, nor (where the caller waits for just this one)
    /// end after it. The offset is the middle of what is possible, as in NTP, and zero unless most calls need it.
    fn align_clocks(&mut self) {
        let spans = self.spans;
        // (caller, callee, offset needed, middle of the possible)
        let mut calls: Vec<(u32, u32, i64, i64)> = Vec::new();
        for (i, span) in spans.iter().enumerate() {
            let Some(p) = self.parent(i) else { continue };
            let caller = &spans[p];
            if caller.entity == span.entity || span.duration() > caller.duration() {
                continue;
            }
            let least = caller.start.saturating_sub(span.start);
            let most = least.saturating_add(caller.duration() - span.duration());
            let waits = self.is_client(p);
            let needed = if least > 0 {
                least
            } else if most < 0 && waits {
                most
            } else {
                0
            };
            calls.push((caller.entity, span.entity, needed, least.midpoint(most)));
        }
        calls.sort_unstable();
        let mut offsets: FxHashMap<(u32, u32), i64> = FxHashMap::default();
        for edge in calls.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            // Sorted by need: the middle one is needed, in its direction, by at least half of the calls.
            if edge.len() < LEAST_CALLS || edge[edge.len() / 2].2 == 0 {
                continue;
            }
            let mut middles: Vec<i64> = edge.iter().map(|c| c.3).collect();
            let half = middles.len() / 2;
            let offset = *middles.select_nth_unstable(half).1;
            offsets.insert((edge[0].0, edge[0].1), offset);
            self.irregularities.realigned += edge.len();
            self.skews.push(Skew {
                caller: edge[0].0,
                callee: edge[0].1,
                offset,
                calls: edge.len(),
            });
        }
        if !offsets.is_empty() {
            for i in self.roots_first() {
                let Some(p) = self.parent(i) else { continue };
                let off = offsets
                    .get(&(spans[p].entity, spans[i].entity))
                    .copied()
                    .unwrap_or(0);
                self.shift[i] = self.shift[p].saturating_add(off);
            }
        }
        for i in 0..spans.len() {
            let (from, to) = (self.first[i] as usize, self.first[i + 1] as usize);
            if to - from > 1 {
                let shift = &self.shift;
                let start = |c: &u32| spans[*c as usize].start.saturating_add(shift[*c as usize]);
                self.children[from..to].sort_unstable_by_key(|c| (start(c), *c));
            }
        }
    }

    /// All spans, parents before children.
    fn roots_first(&self) -> Vec<usize> {
        let mut out: Vec<usize> = (0..self.spans.len())
            .filter(|i| self.parent[*i] == NONE)
            .collect();
        let mut next = 0;
        while next < out.len() {
            let i = out[next];
            out.extend(self.children(i));
            next += 1;
        }
        out
    }

    fn measure_own(&mut self) {
        self.own = (0..self.spans.len())
            .map(|i| {
                let from = self.start(i);
                let to = from.saturating_add(self.spans[i].duration());
                let mut covered = 0i64;
                let mut reached = from;
                for c in self.children(i) {
                    let start = self.start(c).clamp(reached, to.max(reached));
                    let end = self
                        .start(c)
                        .saturating_add(self.spans[c].duration())
                        .min(to);
                    if end > start {
                        covered += end - start;
                        reached = end;
                    }
                }
                self.spans[i].duration() - covered
            })
            .collect();
    }
}
