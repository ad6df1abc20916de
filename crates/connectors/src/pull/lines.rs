//! What a line of a log says: its grade, its message, its fields, its trace.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::case::OwnedLog;
use model::time::Timestamp;
use model::{EntityId, Severity};
use serde_json::Value;

/// Fields of one line.
const FIELDS: usize = 64;

/// Fields by name.
pub(crate) type Fields = BTreeMap<String, String>;

/// Takes a field over, if it is a text, a number or a truth, and there is room.
pub(crate) fn put(all: &mut Fields, name: String, value: &Value) {
    if all.len() >= FIELDS {
        return;
    }
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(yes) => yes.to_string(),
        _ => return,
    };
    all.entry(name).or_insert(text);
}

/// What a line says, in our words.
pub(crate) struct Told {
    pub time: Timestamp,
    pub severity: Option<Severity>,
    pub body: String,
    pub attributes: Vec<(String, String)>,
    pub trace_id: String,
    pub span_id: String,
}

impl Told {
    /// The line, of this entity, where it stands in what was read.
    pub fn own(self, entity: EntityId, file: Arc<str>, line: u64) -> OwnedLog {
        let attributes = self.attributes.into_iter();
        OwnedLog {
            time: self.time,
            entity,
            severity: self.severity,
            body: self.body.into(),
            attributes: attributes
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            trace_id: self.trace_id.into(),
            span_id: self.span_id.into(),
            file,
            line,
        }
    }
}

/// Names under which the grade of a line stands, in its metadata, in its stream's labels, in a structured line.
const LEVELS: [&str; 7] = [
    "severity_text",
    "level",
    "detected_level",
    "severity",
    "lvl",
    "loglevel",
    "log_level",
];
const TRACES: [&str; 4] = ["trace_id", "traceID", "traceid", "traceId"];
const SPANS: [&str; 4] = ["span_id", "spanID", "spanid", "spanId"];
const MESSAGES: [&str; 3] = ["msg", "message", "body"];

/// Reads a line: its grade, its message where it is a structured one, its trace. `fields` stand beside it, `labels` are
/// those of all lines of its writer.
pub(crate) fn told(time: Timestamp, line: String, fields: Fields, labels: &Fields) -> Told {
    let mut attributes = fields;
    let mut body = line;
    if let Some((message, own)) = structured(&body) {
        for (name, value) in own {
            if attributes.len() < FIELDS {
                attributes.entry(name).or_insert(value);
            }
        }
        body = message;
    }
    let get = |names: &[&str]| names.iter().find_map(|name| attributes.get(*name));
    let severity = get(&LEVELS)
        .or_else(|| LEVELS.iter().find_map(|name| labels.get(*name)))
        .and_then(|word| Severity::parse(word))
        .or_else(|| crate::files::text::severity(&body));
    let text = |names: &[&str]| get(names).cloned().unwrap_or_default();
    let (trace_id, span_id) = (text(&TRACES), text(&SPANS));
    Told {
        time,
        severity,
        body,
        trace_id,
        span_id,
        attributes: attributes.into_iter().collect(),
    }
}

/// The message of a line of JSON or logfmt, and its other fields; `None` if it is neither.
fn structured(line: &str) -> Option<(String, Fields)> {
    let mut all = Fields::new();
    if line.trim_start().starts_with('{') {
        let Value::Object(object) = serde_json::from_str(line).ok()? else {
            return None;
        };
        for (name, value) in object {
            put(&mut all, name, &value);
        }
    } else if line.contains("msg=") || line.contains("message=") {
        logfmt(line, &mut all)?;
    } else {
        return None;
    }
    let message = MESSAGES.iter().find_map(|name| all.remove(*name))?;
    Some((message, all))
}

/// Pairs of logfmt: `level=warn msg="no such user" id=7`. `None` if the line is something else.
fn logfmt(line: &str, all: &mut Fields) -> Option<()> {
    let mut rest = line.trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c == '"') {
            return None;
        }
        let (value, left) = if let Some(quoted) = after.strip_prefix('"') {
            let mut text = String::new();
            let mut letters = quoted.char_indices();
            let end = loop {
                match letters.next()? {
                    (_, '\\') => text.push(match letters.next()?.1 {
                        'n' => '\n',
                        't' => '\t',
                        letter => letter,
                    }),
                    (at, '"') => break at,
                    (_, letter) => text.push(letter),
                }
            };
            (text, quoted.get(end + 1..)?)
        } else {
            let end = after.find(char::is_whitespace).unwrap_or(after.len());
            (after.get(..end)?.to_string(), after.get(end..)?)
        };
        put(all, name.to_string(), &Value::String(value));
        rest = left.trim_start();
    }
    Some(())
}
