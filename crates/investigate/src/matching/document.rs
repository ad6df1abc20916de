//! Conditions over state documents.

use crate::catalogue::StateCondition;
use crate::probes::states::path::{bind, number, text, walk};

use super::Compiled;

/// The dotted paths in `document` at which the condition holds (`shows` is judged elsewhere).
pub(super) fn places(
    condition: &StateCondition,
    document: &serde_json::Value,
    compiled: &Compiled,
) -> Vec<String> {
    let found = walk(document, &condition.path);
    let sum: f64 = if condition.share {
        found.iter().filter_map(|p| number(p.value)).sum()
    } else {
        0.0
    };
    found
        .iter()
        .filter(|place| {
            let mut says_something = false;
            let mut value = number(place.value);
            if condition.share {
                value = value.filter(|_| sum > 0.0).map(|v| v / sum);
            }
            if let Some(pattern) = &condition.matches {
                says_something = true;
                if !text(place.value).is_some_and(|t| compiled.is_match(pattern, &t)) {
                    return false;
                }
            }
            for (bound, least) in [(condition.at_least, true), (condition.at_most, false)] {
                if let Some(bound) = bound {
                    says_something = true;
                    if !value.is_some_and(|v| if least { v >= bound } else { v <= bound }) {
                        return false;
                    }
                }
            }
            if let Some(other) = &condition.less_than {
                says_something = true;
                let other = walk(document, &bind(other, &condition.path, &place.path));
                let other = other.first().and_then(|p| number(p.value));
                if !matches!((value, other), (Some(value), Some(other)) if value < other) {
                    return false;
                }
            }
            let also = condition.also.iter().all(|(path, pattern)| {
                walk(document, &bind(path, &condition.path, &place.path))
                    .iter()
                    .any(|p| text(p.value).is_some_and(|t| compiled.is_match(pattern, &t)))
            });
            also && (says_something || !condition.also.is_empty())
        })
        .map(|place| place.path.clone())
        .collect()
}
