//! Conditions over changes.

use analysis::changes::{EffectKind, SettingClass};

use crate::facts::ChangeFact;

/// From this plausibility on a diff is said to be able to produce a failure.
const PLAUSIBLE: f64 = 0.3;

/// The word for a function's reserved concurrency that a change brings to nothing. Of other limits, and of numbers of
/// copies, 0 may be usual, or mean that there is none.
const TO_NOTHING: &str = "reserved_concurrency_to_nothing";

/// Can this change produce a failure of this sort? `wanted` is a kind of change in snake case, a word
/// of `analysis::changes::FailureKind`, or that for a reserved concurrency that it brings to nothing. One that is not known
/// to run can produce nothing.
pub(super) fn can_produce(change: &ChangeFact, wanted: &str) -> bool {
    if change.undeployed {
        return false;
    }
    brings_to_nothing(change, wanted)
        || change
            .reading
            .produces
            .get(wanted)
            .is_some_and(|(plausible, _)| *plausible >= PLAUSIBLE)
        || serde_json::to_value(change.change.kind).is_ok_and(|kind| kind.as_str() == Some(wanted))
}

/// Is `wanted` the word for that, and does this change do it?
pub(crate) fn brings_to_nothing(change: &ChangeFact, wanted: &str) -> bool {
    let reserved = |subject: &String| {
        let bare = subject.replace(['_', '-', '.'], "").to_ascii_lowercase();
        bare.contains("reservedconcurren")
    };
    wanted == TO_NOTHING
        && change.full.effects.iter().any(|effect| {
            matches!(
                effect.kind,
                EffectKind::Setting(SettingClass::Concurrency, _)
            ) && effect.comes_to_nothing()
                && effect.subjects.iter().any(reserved)
        })
}

/// Is it a word of `analysis::changes::FailureKind`, or of what is brought to nothing?
#[cfg(test)]
pub(crate) fn is_failure_word(word: &str) -> bool {
    word == TO_NOTHING
        || analysis::changes::FailureKind::ALL
            .iter()
            .any(|kind| crate::probes::changes::kind_word(*kind) == word)
}
