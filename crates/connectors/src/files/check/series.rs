//! Units, holes, and whether there is anything inside of the window and before it.

use std::collections::{BTreeMap, BTreeSet};

use model::Series;
use model::ports::Eyes;

use super::super::recording::Recording;
use super::{Findings, Grade};

/// The usual distance between points, in nanoseconds; `None` below three points.
fn step(series: &Series) -> Option<i64> {
    let mut steps: Vec<i64> = series.times.windows(2).map(|w| w[1] - w[0]).collect();
    let middle = steps.len() / 2;
    (steps.len() >= 2).then(|| *steps.select_nth_unstable(middle).1)
}

/// Looks at every series.
pub(super) fn look(recording: &Recording, findings: &mut Findings) {
    let Some(all) = recording.known_series() else {
        return;
    };
    let mut units: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    let mut unitless = BTreeSet::new();
    let mut holes = Vec::new();
    for series in all {
        let key = &series.key;
        if key.unit.is_empty() {
            unitless.insert(key.metric.as_str());
        } else {
            units
                .entry((&key.metric, &key.statistic))
                .or_default()
                .insert(&key.unit);
        }
        if let Some(step) = step(series) {
            let lost = series
                .times
                .windows(2)
                .map(|w| (w[1] - w[0], w[0]))
                .filter(|(length, _)| *length > step.saturating_mul(3))
                .max();
            if let Some((length, from)) = lost {
                holes.push((length, from, key));
            }
        }
    }
    for ((metric, _), units) in units.iter().filter(|(_, units)| units.len() > 1) {
        let units: Vec<&str> = units.iter().copied().collect();
        let found = format!("metric {metric} comes in the units {}", units.join(", "));
        findings.add(
            Grade::Warning,
            "unit",
            "",
            None,
            found,
            "write one metric in one unit",
        );
    }
    if !unitless.is_empty() {
        let found = format!("{} metrics have no unit", unitless.len());
        findings.add(Grade::Note, "unit", "", None, found, "add a `unit` column");
    }
    holes.sort_by(|a, b| b.0.cmp(&a.0).then(a.2.cmp(b.2)));
    for (length, from, key) in holes.iter().take(5) {
        let from = model::Timestamp(*from);
        let found = format!(
            "series {key} has nothing for {} after {from}",
            model::time::Span(*length)
        );
        let remedy = "say in `gaps` why, if it is known: a hole is not a healthy reading";
        findings.add(Grade::Note, "gap", "", None, found, remedy);
    }
    if holes.len() > 5 {
        let found = format!(
            "{} more series have holes of more than three steps",
            holes.len() - 5
        );
        findings.add(
            Grade::Note,
            "gap",
            "",
            None,
            found,
            "say in `gaps` why, if it is known",
        );
    }
    let window = recording.manifest().window;
    let inside = all
        .iter()
        .filter(|s| !s.range(window.from(), window.to()).is_empty())
        .count();
    if inside == 0 && !all.is_empty() {
        let found = format!("no metric point lies inside of the window {window}");
        findings.add(
            Grade::Error,
            "clock",
            "",
            None,
            found,
            "check time zones, and `window` in recording.json",
        );
    }
    let before = all
        .iter()
        .any(|s| s.times.first().is_some_and(|t| *t < window.from().0));
    if !before && !all.is_empty() {
        let remedy = "record at least as long before the window as inside of it: without it, normal is a guess";
        let found = "no metric point lies before the window".into();
        findings.add(Grade::Warning, "coverage", "", None, found, remedy);
    }
}
