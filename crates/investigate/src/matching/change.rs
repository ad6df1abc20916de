//! Conditions over changes.

use crate::facts::ChangeFact;

/// From this plausibility on a diff is said to be able to produce a failure.
const PLAUSIBLE: f64 = 0.3;

/// Can this change produce a failure of this sort? `wanted` is a kind of change in snake case, or a word
/// of `analysis::changes::FailureKind`. One that is not known to run can produce nothing.
pub(super) fn can_produce(change: &ChangeFact, wanted: &str) -> bool {
    if change.undeployed {
        return false;
    }
    change
        .reading
        .produces
        .get(wanted)
        .is_some_and(|(plausible, _)| *plausible >= PLAUSIBLE)
        || serde_json::to_value(change.change.kind).is_ok_and(|kind| kind.as_str() == Some(wanted))
}

/// Is it a word of `analysis::changes::FailureKind`?
#[cfg(test)]
pub(crate) fn is_failure_word(word: &str) -> bool {
    analysis::changes::FailureKind::ALL
        .iter()
        .any(|kind| crate::probes::changes::kind_word(*kind) == word)
}
