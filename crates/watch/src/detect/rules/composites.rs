//! Composites: what can be wrong with one, and in which order they are evaluated.

use std::collections::{BTreeMap, BTreeSet};

use model::Span;
use model::time::MINUTE;

use super::super::composite::Composite;
use super::super::declared::CompositeRule;
use super::super::length::Length;
use super::super::nearest;
use super::super::suppress::Patience;
use super::{CompositeAlarm, RulesError};

pub(super) fn composite(rule: CompositeRule) -> Result<CompositeAlarm, String> {
    let composite = Composite::parse(&rule.rule)?;
    if rule.suppressor.is_none() && (rule.wait.is_some() || rule.extension.is_some()) {
        return Err("wait and extension belong to a suppressor".to_string());
    }
    let length = |length: Option<Length>| length.map_or(Span(MINUTE), |length| length.0);
    let patience = Patience {
        wait: length(rule.wait),
        extension: length(rule.extension),
    };
    Ok(CompositeAlarm {
        rule,
        composite,
        patience,
    })
}

/// The rule that a composite's child belongs to: `rule`, or `rule@entity`.
pub(in super::super) fn rule_of(child: &str) -> &str {
    child.split_once('@').map_or(child, |(rule, _)| rule)
}

pub(super) fn check_children(
    composites: &[(String, CompositeAlarm)],
    names: &BTreeMap<String, String>,
) -> Result<(), RulesError> {
    for (file, composite) in composites {
        for child in composite.children() {
            let rule = rule_of(child);
            if !names.contains_key(rule) {
                return Err(RulesError {
                    file: file.clone(),
                    what: format!(
                        "composite {:?}: there is no alarm {rule:?}{}",
                        composite.rule.name,
                        nearest::hint(rule, names.keys().map(String::as_str))
                    ),
                });
            }
        }
    }
    Ok(())
}

impl CompositeAlarm {
    /// Everything it leans on: what its rule names, and its suppressor.
    fn children(&self) -> impl Iterator<Item = &String> {
        self.composite
            .children()
            .iter()
            .chain(&self.rule.suppressor)
    }
}

/// Children before parents, else by name. A circle cannot be evaluated and is refused.
pub(super) fn in_order(
    mut left: Vec<(String, CompositeAlarm)>,
) -> Result<Vec<CompositeAlarm>, RulesError> {
    left.sort_by(|a, b| a.1.rule.name.cmp(&b.1.rule.name));
    let mut ordered = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let waiting: BTreeSet<String> = left.iter().map(|(_, c)| c.rule.name.clone()).collect();
        let (blocked, ready): (Vec<_>, Vec<_>) = left
            .into_iter()
            .partition(|(_, c)| c.children().any(|child| waiting.contains(rule_of(child))));
        if ready.is_empty() {
            let circle: Vec<&str> = blocked.iter().map(|(_, c)| c.rule.name.as_str()).collect();
            return Err(RulesError {
                file: blocked.first().map(|(f, _)| f.clone()).unwrap_or_default(),
                what: format!(
                    "composites lean on each other in a circle: {}; give one of them the rule FALSE, or take a name out",
                    circle.join(", ")
                ),
            });
        }
        ordered.extend(ready.into_iter().map(|(_, composite)| composite));
        left = blocked;
    }
    Ok(ordered)
}
