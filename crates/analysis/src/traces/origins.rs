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

/// All failing spans none of whose children failed, in the order of the spans.
pub fn error_origins(forest: &Forest<'_>) -> Vec<ErrorOrigin> {
    let spans = forest.spans;
    (0..spans.len())
        .filter(|&i| {
            forest.counts(i) && spans[i].error && forest.children(i).all(|c| !spans[c].error)
        })
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
