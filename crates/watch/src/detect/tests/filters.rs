//! Filter patterns, after the vectors and beyond.

use proptest::prelude::*;
use serde_json::Value;

use super::super::filter::Pattern;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../tests/vectors/filter_patterns.json")).unwrap()
}

#[test]
fn words() {
    for case in vectors()["text"].as_array().unwrap() {
        let text = case["pattern"].as_str().unwrap();
        let pattern = Pattern::parse(text).unwrap();
        for (list, expected) in [("match", true), ("no_match", false)] {
            for line in case[list].as_array().unwrap() {
                let line = line.as_str().unwrap();
                assert_eq!(pattern.matches(line), expected, "{text} on {line}");
            }
        }
    }
}

#[test]
fn selectors_of_json() {
    for case in vectors()["json"].as_array().unwrap() {
        let text = case["pattern"].as_str().unwrap();
        let pattern = Pattern::parse(text).unwrap();
        let seen = pattern.matches(&case["event"].to_string());
        assert_eq!(
            Value::from(seen),
            case["match"],
            "{text} on {}",
            case["event"]
        );
    }
}

#[test]
fn fields_divided_by_spaces() {
    for case in vectors()["space"].as_array().unwrap() {
        let text = case["pattern"].as_str().unwrap();
        let line = case["event"].as_str().unwrap();
        let fields = Pattern::parse(text).unwrap().fields(line);
        assert_eq!(
            Value::from(fields.is_some()),
            case["match"],
            "{text} on {line}"
        );
        if let Some(expected) = case["fields"].as_object() {
            let fields = fields.unwrap();
            assert_eq!(fields.len(), expected.len());
            for (name, value) in fields {
                assert_eq!(Value::from(value), expected[&name], "{name}");
            }
        }
    }
}

#[test]
fn numbers_from_lines() {
    let all = vectors();
    let case = &all["metric"][0];
    let pattern = Pattern::parse(case["pattern"].as_str().unwrap()).unwrap();
    let value = pattern.value_at(
        case["metric_value"].as_str().unwrap(),
        &case["event"].to_string(),
    );
    assert_eq!(value, case["published"].as_f64());
    let bytes = Pattern::parse("[..., status = 5*, bytes]").unwrap();
    assert_eq!(bytes.value_at("$bytes", "GET /a 503 1534"), Some(1534.0));
    assert_eq!(bytes.value_at("$bytes", "GET /a 200 1534"), None);
}

#[test]
fn what_is_wrong_with_a_pattern_is_said() {
    for (text, expected) in [
        ("{ $.a }", "IS NULL"),
        ("{ a = 1 }", "not a selector"),
        ("{ $.a > high }", "want a number"),
        ("{ ($.a = 1 }", "not closed"),
        ("[a, b", "between [ and ]"),
        ("[..., a, ...]", "at most one ..."),
        ("[a = 1 && b = 2]", "names another field"),
        ("\"open", "not closed"),
        ("%(%", "regex"),
        ("ERROR -", "no word"),
    ] {
        let error = Pattern::parse(text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
    assert!(Pattern::parse(&format!("{{ {}$.a = 1", "(".repeat(500))).is_err());
}

proptest! {
    #[test]
    fn no_pattern_and_no_line_breaks_it(
        pattern in "[\\[{\"%?\\-]?[ -~]{0,30}[\\]}\"%]?",
        line in "[ -~é]{0,60}",
    ) {
        if let Ok(pattern) = Pattern::parse(&pattern) {
            pattern.matches(&line);
            pattern.value_at("$.a", &line);
        }
    }
}
