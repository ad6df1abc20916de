//! Conditions over changes.

use crate::facts::ChangeFact;

/// Can this change produce a failure of this sort? `wanted` is a kind of change in snake case, or a word
/// for a failure.
pub(super) fn can_produce(change: &ChangeFact, wanted: &str) -> bool {
    serde_json::to_value(change.change.kind).is_ok_and(|kind| kind.as_str() == Some(wanted))
}
