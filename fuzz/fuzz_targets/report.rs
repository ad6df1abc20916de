//! Reports as JSON, as `midwatch render`, `explain` and `diff` read them, in every dress.
//!
//! Bytes that are a JSON object are read as they are. Others are taken as instructions that replace parts
//! of a true report: which part (two bytes), how (one byte), a text (its length in one byte, then itself).
#![no_main]

#[allow(dead_code)]
#[path = "../../crates/investigate/tests/engine/cases/mod.rs"]
mod cases;

use std::path::Path;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use midwatch::dress::{self, Format, pencil::Pencil};
use midwatch::wiring::parse_report;
use model::report::Report;
use serde_json::Value;

/// A true report, and the ways to all its parts.
fn truth() -> &'static (Value, Vec<String>) {
    static TRUTH: OnceLock<(Value, Vec<String>)> = OnceLock::new();
    TRUTH.get_or_init(|| {
        let report = cases::report_on(&cases::stories::bad_deploy().case);
        let document = serde_json::to_value(&report).expect("a report is a document");
        let mut parts = Vec::new();
        collect(&document, "", &mut parts);
        (document, parts)
    })
}

fn collect(value: &Value, at: &str, parts: &mut Vec<String>) {
    parts.push(at.to_string());
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                collect(field, &format!("{at}/{name}"), parts);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, &format!("{at}/{index}"), parts);
            }
        }
        _ => {}
    }
}

fn replace(part: &mut Value, how: u8, text: &str) {
    match part {
        Value::Array(items) => match how % 3 {
            0 => items.clear(),
            1 => items.extend(items.clone()),
            _ => items.reverse(),
        },
        Value::Number(_) => {
            *part = serde_json::from_str(text)
                .ok()
                .filter(Value::is_number)
                .unwrap_or(Value::from(if how & 1 == 0 { 0 } else { i64::MIN }));
        }
        Value::String(_) => *part = Value::from(text),
        Value::Bool(yes) => *yes = !*yes,
        other => *other = Value::Null,
    }
}

fn altered(bytes: &[u8]) -> Value {
    let (document, parts) = truth();
    let mut document = document.clone();
    let mut rest = bytes;
    while let [low, high, how, length, after @ ..] = rest {
        let (text, next) = after.split_at(after.len().min(usize::from(*length)));
        let which = usize::from(u16::from_le_bytes([*low, *high])) % parts.len();
        if let Some(part) = document.pointer_mut(&parts[which]) {
            replace(part, *how, &String::from_utf8_lossy(text));
        }
        rest = next;
    }
    document
}

/// Every dress, and that nothing hostile is left alive in it.
fn wear(report: &Report) {
    let plain = dress::report(report, Format::Terminal, &Pencil::default());
    assert!(
        !plain.chars().any(|c| c.is_control() && c != '\n'),
        "control characters reach the terminal"
    );
    let _ = dress::report(report, Format::Terminal, &Pencil::new(40, true, true));
    let _ = dress::report(report, Format::Markdown, &Pencil::default());
    let html = dress::report(report, Format::Html, &Pencil::default());
    assert!(!html.contains("<script"), "a script reaches the page");
    let again = dress::report(report, Format::Json, &Pencil::default());
    parse_report(&again, Path::new("again")).expect("a report that was read can be read again");
}

// The true report is made before the clock of the first input runs.
fuzz_target!(init: { truth(); }, |bytes: &[u8]| {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) if text.trim_start().starts_with('{') => text.to_string(),
        _ => altered(bytes).to_string(),
    };
    if let Ok(report) = parse_report(&text, Path::new("report.json")) {
        let _ = investigate::verify::form(&report);
        wear(&report);
    }
});
