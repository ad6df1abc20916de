//! What was collected, of whom, and what is missing without a word.

use std::collections::BTreeMap;

use model::EntityId;
use model::ports::Eyes;

use super::super::recording::Recording;
use super::clocks::{Rows, Seen};
use super::{Coverage, Findings, Grade};

/// By kind: `metrics`, `logs`, `traces`.
pub(super) fn look(
    recording: &Recording,
    Seen { logs, spans }: &Seen,
    findings: &mut Findings,
) -> BTreeMap<String, Coverage> {
    let mut metrics = Rows::new();
    for series in recording.known_series().unwrap_or_default() {
        *metrics.entry(series.key.entity.clone()).or_default() += series.times.len() as u64;
    }
    let mut out = BTreeMap::new();
    for (name, collected, rows) in [
        ("metrics", recording.known_series().is_some(), &metrics),
        ("logs", recording.has_logs(), logs),
        ("traces", recording.has_traces(), spans),
    ] {
        let known = recording.gaps().iter().any(|gap| gap.wanted == name);
        if !collected && !known {
            let found = format!("no {name}, and no gap says why");
            let remedy = "collect them, or say in `gaps` of recording.json why not";
            findings.add(Grade::Note, "coverage", "", None, found, remedy);
        }
        out.insert(
            name.to_string(),
            Coverage {
                collected,
                rows: rows.values().sum(),
                entities: rows.len() as u64,
            },
        );
    }
    let topology = recording.known_topology();
    let silent: Vec<&str> = topology
        .entities
        .iter()
        .map(|entity| &entity.id)
        .filter(|id| {
            ![&metrics, logs, spans]
                .iter()
                .any(|rows| rows.contains_key(*id))
        })
        .map(EntityId::as_str)
        .collect();
    if !silent.is_empty() {
        let some: Vec<&str> = silent.iter().copied().take(5).collect();
        let found = format!(
            "{} entities have no metrics, logs or spans: {}",
            silent.len(),
            some.join(", ")
        );
        let remedy = "collect something of each, or say in `gaps` why not";
        findings.add(Grade::Note, "coverage", "", None, found, remedy);
    }
    if topology.edges.is_empty() && topology.entities.len() > 1 {
        let remedy =
            "add edges to topology.json, or traces: without them a failure cannot be followed";
        findings.add(
            Grade::Warning,
            "topology",
            "",
            None,
            "no edges between entities".into(),
            remedy,
        );
    }
    out
}
