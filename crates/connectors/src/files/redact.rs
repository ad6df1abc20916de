//! Takes secrets and personal data out of a case, before it is written down anywhere.

use model::case::Case;
use serde_json::Value;

use super::secrets::hide;

/// Replaces each secret found in any text of the case by its kind in brackets, and tells how many texts were
/// altered. What the telemetry says of failures stays: engine and reader see the same text after as before.
pub fn redact(case: &mut Case) -> u64 {
    let mut altered = 0;
    let mut clean = |text: &mut Box<str>| {
        if let Some(hidden) = hide(text) {
            *text = hidden.into();
            altered += 1;
        }
    };
    for log in case.logs.iter_mut().flatten() {
        clean(&mut log.body);
        log.attributes
            .iter_mut()
            .for_each(|(_, value)| clean(value));
    }
    for span in case.spans.iter_mut().flatten() {
        clean(&mut span.message);
        clean(&mut span.name);
        span.attributes
            .iter_mut()
            .for_each(|(_, value)| clean(value));
    }
    let mut clean = |text: &mut String| {
        if let Some(hidden) = hide(text) {
            *text = hidden;
            altered += 1;
        }
    };
    for gap in &mut case.manifest.gaps {
        clean(&mut gap.detail);
    }
    for asked in case.manifest.sources.iter_mut().flat_map(|s| &mut s.asked) {
        clean(&mut asked.text);
    }
    for change in case.changes.iter_mut().flatten() {
        clean(&mut change.title);
        change.diff.iter_mut().for_each(&mut clean);
    }
    for event in case.events.iter_mut().flatten() {
        clean(&mut event.message);
    }
    for alarm in &mut case.alarms {
        clean(&mut alarm.summary);
        alarm.labels.values_mut().for_each(&mut clean);
    }
    for runbook in &mut case.runbooks {
        clean(&mut runbook.text);
    }
    for lesson in &mut case.lessons {
        clean(&mut lesson.title);
        lesson.put_right.iter_mut().for_each(&mut clean);
        for advice in &mut lesson.advice {
            clean(&mut advice.text);
        }
        lesson.templates = std::mem::take(&mut lesson.templates)
            .into_iter()
            .map(|mut template| {
                clean(&mut template);
                template
            })
            .collect();
    }
    for snapshot in case.snapshots.iter_mut().flatten() {
        document(&mut snapshot.document, &mut clean);
    }
    altered
}

fn document(value: &mut Value, clean: &mut dyn FnMut(&mut String)) {
    match value {
        Value::String(text) => clean(text),
        Value::Array(values) => values.iter_mut().for_each(|value| document(value, clean)),
        Value::Object(fields) => fields.values_mut().for_each(|value| document(value, clean)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
