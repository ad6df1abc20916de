//! Do clocks run forwards, do they agree, and do rows lie inside of the window?

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use model::EntityId;
use model::ports::{Eyes, LogSource, TraceSource};

use super::super::recording::{Recording, always};
use super::{Findings, Grade};

/// Traces that are remembered to compare clocks.
const TRACES: usize = 200_000;

/// Rows by entity.
pub(super) type Rows = BTreeMap<EntityId, u64>;

/// The log lines and spans that were seen on the way.
pub(super) struct Seen {
    pub logs: Rows,
    pub spans: Rows,
}

/// Counts rows by entity, and compares the clocks of logs and spans that share a trace.
pub(super) fn compare(recording: &Recording, findings: &mut Findings) -> Seen {
    let window = recording.manifest().window;
    let (mut logs, mut spans) = (Rows::new(), Rows::new());
    let mut traces: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    let mut inside = (0u64, 0u64);
    let _ = TraceSource::scan(recording, always(), &mut |span| {
        count(&mut spans, span.entity);
        inside.1 += u64::from(window.contains(span.start));
        if !span.trace_id.is_empty() {
            if let Some((first, last)) = traces.get_mut(span.trace_id) {
                *first = (*first).min(span.start.0);
                *last = (*last).max(span.end.0);
            } else if traces.len() < TRACES {
                traces.insert(span.trace_id.to_string(), (span.start.0, span.end.0));
            }
        }
        ControlFlow::Continue(())
    });
    // Per file: rows that stand before an earlier one, the first such line, and the latest time.
    let mut files: BTreeMap<String, (u64, u64, i64)> = BTreeMap::new();
    let mut skews: BTreeMap<EntityId, Vec<i64>> = BTreeMap::new();
    let _ = LogSource::scan(recording, None, always(), &mut |line| {
        count(&mut logs, line.entity);
        inside.0 += u64::from(window.contains(line.time));
        if !files.contains_key(&**line.file) {
            files.insert(line.file.to_string(), (0, 0, i64::MIN));
        }
        if let Some((back, first, latest)) = files.get_mut(&**line.file) {
            // Within a second, writers with buffers overtake one another.
            if line.time.0 < latest.saturating_sub(model::time::SECOND) {
                *back += 1;
                if *first == 0 {
                    *first = line.line;
                }
            }
            *latest = (*latest).max(line.time.0);
        }
        if let Some((first, last)) = traces.get(line.trace_id) {
            let off = if line.time.0 < *first {
                line.time.0 - first
            } else {
                (line.time.0 - last).max(0)
            };
            let known = skews.entry(line.entity.clone()).or_default();
            if known.len() < 10_000 {
                known.push(off);
            }
        }
        ControlFlow::Continue(())
    });
    for (file, (back, first, _)) in files.iter().filter(|(_, (back, ..))| *back > 0) {
        let found = format!("{back} rows are more than a second before an earlier row");
        let remedy = "nothing if the file was merged from several writers; else check the clock";
        findings.add(Grade::Note, "clock", file, Some(*first), found, remedy);
    }
    for (entity, mut offs) in skews.into_iter().filter(|(_, offs)| offs.len() >= 5) {
        let middle = offs.len() / 2;
        let off = *offs.select_nth_unstable(middle).1;
        if off.abs() > model::time::SECOND {
            let found = format!(
                "log lines of {entity} lie {} outside of the spans of their traces",
                model::time::Span(off)
            );
            let remedy = "correct the clock of one source (a whole number of hours is a time zone)";
            findings.add(Grade::Warning, "clock", "", None, found, remedy);
        }
    }
    for (inside, all, what) in [(inside.0, &logs, "log line"), (inside.1, &spans, "span")] {
        if inside == 0 && !all.is_empty() {
            let found = format!("no {what} lies inside of the window {window}");
            let remedy = "check time zones, and `window` in recording.json";
            findings.add(Grade::Error, "clock", "", None, found, remedy);
        }
    }
    Seen { logs, spans }
}

fn count(rows: &mut Rows, entity: &EntityId) {
    match rows.get_mut(entity) {
        Some(count) => *count += 1,
        None => {
            rows.insert(entity.clone(), 1);
        }
    }
}
