//! A log line as its program wrote it, out of the wrappers that collectors put around it.

use model::{Severity, Timestamp};
use serde_json::Value;

use super::json::{self, flatten, text};

/// A line without its wrappers.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Said {
    /// The wrapper's own time, where it has one.
    pub(super) time: Option<Timestamp>,
    /// As the line grades itself.
    pub(super) severity: Option<Severity>,
    /// The message, without leading clock, grade, and ids.
    pub(super) body: String,
    /// Further fields of a structured line.
    pub(super) attributes: Vec<(Box<str>, Box<str>)>,
}

/// Takes off Docker's JSON envelope (`{"log": …, "stream": …, "time": …}`), then either the fields of
/// a structured line or the leading decorations of a plain one.
pub(super) fn unwrap_log(line: &str) -> Said {
    let mut said = Said::default();
    let mut inner = line.trim();
    let enveloped;
    if inner.starts_with('{')
        && let Ok(Value::Object(mut envelope)) = serde_json::from_str(inner)
    {
        if let Some(Value::String(log)) = envelope.remove("log") {
            said.time = envelope.get("time").and_then(json::time);
            enveloped = log;
            inner = enveloped.trim();
        } else {
            structured(envelope, &mut said);
            return said;
        }
    }
    if inner.starts_with('{')
        && let Ok(Value::Object(fields)) = serde_json::from_str(inner)
    {
        structured(fields, &mut said);
        return said;
    }
    plain(inner, &mut said);
    said
}

fn structured(mut fields: serde_json::Map<String, Value>, said: &mut Said) {
    let mut take = |names: &[&str]| {
        let found = names.iter().find_map(|name| fields.remove(*name));
        found.map(|value| text(&value)).unwrap_or_default()
    };
    let severity = take(&["severity", "level", "severity_text", "lvl"]);
    let body = take(&["message", "msg", "body", "log"]);
    let clock = take(&["timestamp", "time", "ts", "@timestamp"]);
    plain(&body, said);
    said.severity = Severity::parse(&severity).or(said.severity);
    said.time = said.time.or_else(|| clock.parse().ok());
    said.attributes = flatten(fields);
}

fn plain(line: &str, said: &mut Said) {
    let mut rest = line.trim();
    // Clock, grade and ids come first, in any order.
    for _ in 0..6 {
        let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let grade = word.trim_matches(|c: char| !c.is_ascii_alphabetic());
        let graded =
            !grade.is_empty() && grade.chars().all(|c| c.is_ascii_uppercase()) && grade.len() > 1;
        if is_clock(word) {
            rest = after.trim_start();
        } else if said.severity.is_none() && graded && Severity::parse(grade).is_some() {
            said.severity = Severity::parse(grade);
            rest = after.trim_start();
        } else {
            break;
        }
    }
    said.body = without_ids(rest);
}

/// `16:43:25.207`, `2023-01-29`, `2023-01-29T08:43:25.2Z`, with or without brackets.
fn is_clock(word: &str) -> bool {
    let bare = word.trim_matches(['[', ']', ',']);
    let signs = bare.bytes().filter(|b| matches!(b, b':' | b'-')).count();
    bare.len() >= 8
        && bare.bytes().next().is_some_and(|b| b.is_ascii_digit())
        && signs >= 2
        && bare.bytes().all(|b| {
            b.is_ascii_digit() || matches!(b, b':' | b'-' | b'.' | b',' | b'T' | b'Z' | b'+')
        })
}

/// The line without `TraceID: …` and `SpanID: …`; both are kept as fields of the row.
fn without_ids(line: &str) -> String {
    let mut out = line.to_string();
    for label in ["TraceID: ", "SpanID: "] {
        if let Some(at) = out.find(label).filter(|at| *at < 300) {
            let value = at + label.len();
            let end = out[value..]
                .find(char::is_whitespace)
                .map(|end| value + end);
            let end = end.unwrap_or(out.len());
            let after = out[end..].trim_start().to_string();
            out.truncate(at);
            out.push_str(&after);
        }
    }
    out.truncate(out.trim_end().len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrappers_and_decorations_come_off() {
        let cases = [
            (
                r#"{"log":"16:43:25.207 INFO  a.b.Stock#4 TraceID: 8f SpanID: 96 [take][left: 3]\n","stream":"stdout","time":"2023-01-29T08:43:25.2Z"}"#,
                Some(Severity::Info),
                "a.b.Stock#4 [take][left: 3]",
            ),
            (
                r#"{"log":"{\"severity\":\"error\",\"message\":\"TraceID: 8f SpanID: 96 no such cart\",\"x\":1}\n"}"#,
                Some(Severity::Error),
                "no such cart",
            ),
            (
                "2023-01-29 08:43:25,207 [WARN] slow disk",
                Some(Severity::Warn),
                "slow disk",
            ),
            ("just words", None, "just words"),
            ("{broken", None, "{broken"),
            ("", None, ""),
        ];
        for (line, severity, body) in cases {
            let said = unwrap_log(line);
            assert_eq!(
                (said.severity, said.body.as_str()),
                (severity, body),
                "{line}"
            );
        }
    }
}
