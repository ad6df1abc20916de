//! Where errors began.

use super::{Forest, SpanKind};

/// How a span came to be the beginning of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OriginKind {
    /// It failed by itself: nothing below it failed.
    Own,
    /// The caller's end failed while the callee's was fine: a timeout, a lost connection, a bad answer.
    ClientSide,
    /// A call failed and the callee left no span: down, unreachable, or not traced.
    Unanswered,
}

/// The deepest failing span of a failing branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorOrigin {
    /// Index of the span.
    pub span: usize,
    /// Entity of the span (the caller, for the client's side).
    pub entity: u32,
    /// Callee, where it is known.
    pub callee: Option<u32>,
    /// How.
    pub kind: OriginKind,
}

/// All failing spans below which nothing failed, in the order of the spans. A failure may have gone through spans
/// that say nothing of it: who answers 503 in good order did not begin it.
pub fn error_origins(forest: &Forest<'_>) -> Vec<ErrorOrigin> {
    let spans = forest.spans;
    let mut passed_on = vec![false; spans.len()];
    for i in (0..spans.len()).filter(|&i| forest.counts(i) && spans[i].error) {
        let mut above = forest.parent(i);
        while let Some(parent) = above.filter(|p| !passed_on[*p]) {
            passed_on[parent] = true;
            above = forest.parent(parent);
        }
    }
    (0..spans.len())
        .filter(|&i| forest.counts(i) && spans[i].error && !passed_on[i])
        .map(|i| {
            let answer = forest.answer(i);
            let callee = answer.map(|c| spans[c].entity);
            let childless = forest.children(i).next().is_none();
            let kind = if answer.is_some() {
                OriginKind::ClientSide
            } else if spans[i].kind == SpanKind::Client && childless {
                OriginKind::Unanswered
            } else {
                OriginKind::Own
            };
            ErrorOrigin {
                span: i,
                entity: spans[i].entity,
                callee,
                kind,
            }
        })
        .collect()
}
