//! Counting what each image contains, so that only what truly went or came is left.

use super::super::source::CodeLine;
use std::collections::BTreeMap;

/// What was found, keyed by what makes two findings the same, with the lines it was found on.
#[derive(Default)]
pub(super) struct Facts<'l> {
    found: BTreeMap<String, Vec<&'l CodeLine<'l>>>,
}

impl<'l> Facts<'l> {
    /// Files a finding.
    pub fn note(&mut self, key: impl Into<String>, line: &'l CodeLine<'l>) {
        self.found.entry(key.into()).or_default().push(line);
    }

    /// Keys that are found more often here than in `other`, with the changed lines of this side.
    pub fn beyond<'s>(
        &'s self,
        other: &Facts<'_>,
    ) -> impl Iterator<Item = (&'s str, Vec<&'l CodeLine<'l>>)> {
        let counts: BTreeMap<String, usize> = other
            .found
            .iter()
            .map(|(k, v)| (k.clone(), v.len()))
            .collect();
        self.found.iter().filter_map(move |(key, lines)| {
            if lines.len() <= counts.get(key).copied().unwrap_or(0) {
                return None;
            }
            let mut changed: Vec<_> = lines.iter().copied().filter(|l| l.net).collect();
            if changed.is_empty() {
                changed = lines
                    .iter()
                    .copied()
                    .filter(|l| l.tag != super::super::diff::Tag::Context)
                    .collect();
            }
            (!changed.is_empty()).then_some((key.as_str(), changed))
        })
    }

    /// How often this key was found.
    pub fn count(&self, key: &str) -> usize {
        self.found.get(key).map_or(0, Vec::len)
    }

    /// How often any key was found.
    pub fn total(&self) -> usize {
        self.found.values().map(Vec::len).sum()
    }
}
