//! Reports that nobody meant well: the verifier must see what was altered, and never panic.
//!
//! Bytes that read as a report are held against a true one as they are. Others are taken as alterations
//! of the true one, four bytes each: which leaf (two bytes), how, with what.
#![no_main]

#[allow(dead_code)]
#[path = "../../crates/investigate/tests/engine/cases/mod.rs"]
mod cases;

use std::sync::OnceLock;

use investigate::verify::{against, form};
use libfuzzer_sys::fuzz_target;
use model::report::Report;
use serde_json::Value;

/// A true report, as values and as a document, with the ways to all leaves.
struct True {
    report: Report,
    document: Value,
    leaves: Vec<String>,
}

fn truth() -> &'static True {
    static TRUTH: OnceLock<True> = OnceLock::new();
    TRUTH.get_or_init(|| {
        let report = cases::report_on(&cases::stories::bad_deploy().case);
        let document = serde_json::to_value(&report).expect("a report is a document");
        let mut leaves = Vec::new();
        collect(&document, "", &mut leaves);
        // The engine's own version is held against the program, not against another report.
        leaves.retain(|path| !path.starts_with("/header/engine"));
        True {
            report,
            document,
            leaves,
        }
    })
}

fn collect(value: &Value, at: &str, leaves: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                collect(field, &format!("{at}/{name}"), leaves);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, &format!("{at}/{index}"), leaves);
            }
        }
        _ => leaves.push(at.to_string()),
    }
}

fn alter(leaf: &mut Value, how: u8, with: u8) {
    *leaf = match &*leaf {
        Value::Bool(yes) => Value::Bool(!*yes),
        Value::Number(number) if number.is_u64() => {
            Value::from(number.as_u64().unwrap_or(0).wrapping_add(u64::from(with)))
        }
        Value::Number(number) => {
            Value::from(number.as_f64().unwrap_or(0.0) + f64::from(with) / 16.0)
        }
        Value::String(text) => {
            let mut letters: Vec<char> = text.chars().collect();
            let place = usize::from(how) % (letters.len() + 1);
            match letters.get_mut(place) {
                Some(letter) => *letter = char::from(with),
                None => letters.push(char::from(with)),
            }
            Value::from(letters.into_iter().collect::<String>())
        }
        other => other.clone(),
    };
}

// The true report is made before the clock of the first input runs.
fuzz_target!(init: { truth(); }, |bytes: &[u8]| {
    let truth = truth();
    if let Ok(report) = serde_json::from_slice::<Report>(bytes) {
        let _ = (form(&report), against(&report, &truth.report));
        return;
    }
    let mut document = truth.document.clone();
    for alteration in bytes.chunks_exact(4).take(8) {
        let which = usize::from(u16::from_le_bytes([alteration[0], alteration[1]]));
        let path = &truth.leaves[which % truth.leaves.len()];
        if let Some(leaf) = document.pointer_mut(path) {
            alter(leaf, alteration[2], alteration[3]);
        }
    }
    let Ok(report) = serde_json::from_value::<Report>(document) else {
        return;
    };
    let mut wrong = form(&report);
    wrong.extend(against(&report, &truth.report));
    // A sum of a large number and a small one may be the large one.
    if report != truth.report
        && serde_json::to_value(&report).ok().as_ref() != Some(&truth.document)
    {
        assert!(!wrong.is_empty(), "an alteration went unseen");
    } else {
        assert!(
            wrong.is_empty(),
            "what was not altered is called wrong: {wrong:?}"
        );
    }
});
