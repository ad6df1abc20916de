//! Takes answers of Loki apart.

use model::time::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::pull::Missed;
use crate::pull::lines::{self, Fields, put};
use crate::pull::matchers::equals;

/// Labels of a stream.
pub(super) type Labels = Fields;

/// Bytes of a line that are kept.
const LONGEST_LINE: usize = 64 << 10;

/// One line as it was answered.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub time: Timestamp,
    /// The stream's labels as one text: what tells streams apart.
    pub stream: String,
    pub labels: Labels,
    pub line: String,
    /// Structured metadata, and what the source parsed.
    pub fields: Labels,
}

/// One answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    pub rows: Vec<Row>,
    /// What the server says against it.
    pub warnings: Vec<String>,
}

#[derive(Deserialize)]
struct Answer {
    status: String,
    data: Data,
    #[serde(default)]
    warnings: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    kind: String,
    #[serde(default)]
    result: Vec<Stream>,
}

#[derive(Deserialize)]
struct Stream {
    #[serde(default)]
    stream: Labels,
    #[serde(default)]
    values: Vec<Vec<Value>>,
}

/// Names of labels.
pub(super) fn names(body: &[u8]) -> Result<Vec<String>, Missed> {
    let answer: Value =
        serde_json::from_slice(body).map_err(|error| Missed::Strange(error.to_string()))?;
    if answer["status"].as_str() != Some("success") {
        return Err(Missed::Strange("no status of success".to_string()));
    }
    // Without labels there is no list.
    let names = answer["data"].as_array().map(Vec::as_slice);
    Ok(names
        .unwrap_or_default()
        .iter()
        .filter_map(|name| Some(name.as_str()?.to_string()))
        .collect())
}

/// The lines of an answer.
pub(super) fn page(body: &[u8]) -> Result<Page, Missed> {
    let answer: Answer =
        serde_json::from_slice(body).map_err(|error| Missed::Strange(error.to_string()))?;
    if answer.status != "success" || answer.data.kind != "streams" {
        return Err(Missed::Strange(format!(
            "status {:?}, result {:?}; streams were expected",
            answer.status, answer.data.kind
        )));
    }
    let mut rows = Vec::new();
    for stream in answer.data.result {
        let name = selector(&stream.stream);
        for value in stream.values {
            let mut parts = value.into_iter();
            let (Some(at), Some(Value::String(line))) = (parts.next(), parts.next()) else {
                continue;
            };
            let Some(time) = at.as_str().and_then(|at| at.parse().ok()) else {
                continue;
            };
            rows.push(Row {
                time: Timestamp(time),
                stream: name.clone(),
                labels: stream.stream.clone(),
                line: cut(line),
                fields: fields(parts.next().unwrap_or_default()),
            });
        }
    }
    Ok(Page {
        rows,
        warnings: answer.warnings.unwrap_or_default(),
    })
}

fn cut(mut line: String) -> String {
    if line.len() > LONGEST_LINE {
        let mut end = LONGEST_LINE;
        while !line.is_char_boundary(end) {
            end -= 1;
        }
        line.truncate(end);
    }
    line
}

/// What stands beside a line: fields by kind, or the fields themselves.
fn fields(beside: Value) -> Labels {
    let Value::Object(beside) = beside else {
        return Labels::new();
    };
    let mut all = Labels::new();
    for (name, value) in beside {
        match value {
            Value::Object(inner) => {
                for (name, value) in inner {
                    put(&mut all, name, &value);
                }
            }
            value => put(&mut all, name, &value),
        }
    }
    all
}

/// Labels as a selector.
pub(super) fn selector(labels: &Labels) -> String {
    let matchers: Vec<String> = labels
        .iter()
        .map(|(name, value)| equals(name, value))
        .collect();
    format!("{{{}}}", matchers.join(","))
}

/// Reads a line: its grade, its message where it is a structured one, its trace.
pub(super) fn told(row: Row) -> lines::Told {
    lines::told(row.time, row.line, row.fields, &row.labels)
}
