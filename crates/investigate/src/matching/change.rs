//! Conditions over changes.

use analysis::changes::{EffectKind, SettingClass};

use crate::facts::ChangeFact;

/// From this plausibility on a diff is said to be able to produce a failure.
const PLAUSIBLE: f64 = 0.3;

/// Words for a setting that a change brings to nothing.
const TO_NOTHING: [(&str, SettingClass); 2] = [
    ("concurrency_to_nothing", SettingClass::Concurrency),
    ("copies_to_nothing", SettingClass::Replicas),
];

/// Can this change produce a failure of this sort? `wanted` is a kind of change in snake case, a word
/// of `analysis::changes::FailureKind`, or a setting that it brings to nothing. One that is not known to run can produce
/// nothing.
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

/// Is `wanted` the word for a setting, and does this change bring that to nothing?
pub(crate) fn brings_to_nothing(change: &ChangeFact, wanted: &str) -> bool {
    let mut classes = TO_NOTHING.iter().filter(|(word, _)| *word == wanted);
    classes.next().is_some_and(|(_, class)| {
        let mut effects = change.full.effects.iter();
        effects.any(|effect| {
            matches!(effect.kind, EffectKind::Setting(of, _) if of == *class)
                && effect.comes_to_nothing()
        })
    })
}

/// Is it a word of `analysis::changes::FailureKind`, or of a setting that is brought to nothing?
#[cfg(test)]
pub(crate) fn is_failure_word(word: &str) -> bool {
    TO_NOTHING.iter().any(|(known, _)| *known == word)
        || analysis::changes::FailureKind::ALL
            .iter()
            .any(|kind| crate::probes::changes::kind_word(*kind) == word)
}
