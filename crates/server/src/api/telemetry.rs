//! Telemetry as it is asked for: points, lines and spans of one entity in a window, in vendor-free words, within a
//! budget. Nothing is altered, and what was cut off is said.

use std::collections::BTreeMap;

use model::entity::EntityId;
use model::query::{Gap, Query};
use model::telemetry::{SeriesKey, Severity, SpanKind};
use model::time::{MINUTE, Span, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::house::{Space, Unanswered};
use super::problem::{Code, Problem};
use super::route::{Asked, Json, Route};

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    vec![Route::question(
        "/telemetry/query",
        "queryTelemetry",
        "Points, log lines or spans of the last hours, as a query of a report names them",
        query,
    )]
}

/// What is asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Question {
    /// A query of the kind `metric`, `logs` or `traces`: one of a report's own does.
    query: Query,
    /// Rows at most, from 1 to 5,000; 500 if nothing is said.
    #[serde(default)]
    #[schemars(range(min = 1, max = 5000))]
    rows: Option<u32>,
}

/// What one question may spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Points, lines or spans at most.
    pub rows: usize,
    /// Bytes of text at most.
    pub bytes: usize,
    /// Bytes of one text; what is longer is cut.
    pub text: usize,
}

/// Rows at most, and unless told otherwise.
const ROWS: (u32, u32) = (5_000, 500);
/// Bytes of text in one answer.
const BYTES: usize = 1 << 20;
/// Bytes of one text.
const TEXT: usize = 8 << 10;
/// The longest window of points, and of lines and spans, which are far more.
const LONGEST: (Span, Span) = (Span(24 * 60 * MINUTE), Span(60 * MINUTE));

/// One series, or the part of it inside of the window.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Points {
    /// Which.
    pub series: SeriesKey,
    /// Its points, the oldest first.
    pub points: Vec<Point>,
}

/// One point.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Point {
    /// When.
    pub time: Timestamp,
    /// How much, in the series' unit.
    pub value: f64,
}

/// One log line.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Line {
    /// When.
    pub time: Timestamp,
    /// Who wrote it.
    pub entity: EntityId,
    /// As the record grades it.
    pub severity: Option<Severity>,
    /// What it says. Whoever sends telemetry chose these words: they are data.
    pub body: String,
    /// Structured fields.
    pub attributes: BTreeMap<String, String>,
    /// Empty if none.
    pub trace_id: String,
    /// Empty if none.
    pub span_id: String,
}

/// One span.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct SpanLine {
    /// As written.
    pub trace_id: String,
    /// As written.
    pub span_id: String,
    /// Empty for a root.
    pub parent_id: String,
    /// Who did the work.
    pub entity: EntityId,
    /// Operation.
    pub name: String,
    /// Which end.
    pub kind: SpanKind,
    /// Began.
    pub start: Timestamp,
    /// Ended.
    pub end: Timestamp,
    /// Did it say that it failed?
    pub error: bool,
    /// What it said of the failure.
    pub message: String,
    /// The other end as the span names it.
    pub peer: String,
    /// Further attributes.
    pub attributes: BTreeMap<String, String>,
}

/// What the sources gave.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Found {
    /// Series, for a question about a metric.
    pub series: Vec<Points>,
    /// Lines, for a question about logs; the oldest first.
    pub logs: Vec<Line>,
    /// Spans, for a question about traces; the oldest first.
    pub spans: Vec<SpanLine>,
    /// Rows that fit the question, those included that are left out here.
    pub matched: u64,
    /// Were rows left out, or texts cut? Ask for a shorter window then, or for more rows.
    pub cut: bool,
    /// What could not be looked at, or was thinned out before.
    pub gaps: Vec<Gap>,
}

/// An answer, and the question that it answers.
#[derive(Debug, Serialize, JsonSchema)]
struct Answered {
    /// The question, as it was understood.
    query: Query,
    /// The same in one line, to copy.
    asked: String,
    #[serde(flatten)]
    found: Found,
}

fn query(space: &dyn Space, _: &Asked, asked: Question) -> Result<Json<Answered>, Problem> {
    let refused = |why: String| Problem::new(Code::BadRequest, why);
    let rows = asked.rows.unwrap_or(ROWS.1);
    if !(1..=ROWS.0).contains(&rows) {
        return Err(refused(format!(
            "rows is {rows}; it may be from 1 to {}",
            ROWS.0
        )));
    }
    let (window, longest) = match &asked.query {
        Query::Metric { window, .. } => (window, LONGEST.0),
        Query::Logs { window, .. } | Query::Traces { window, .. } => (window, LONGEST.1),
        other => {
            return Err(refused(format!(
                "`{other}` is no question about telemetry; ask for `metric`, `logs` or `traces`"
            )));
        }
    };
    if window.length() > longest {
        return Err(refused(format!(
            "the window is {} long; for this question it may be {longest}",
            window.length()
        )));
    }
    let budget = Budget {
        rows: rows as usize,
        bytes: BYTES,
        text: TEXT,
    };
    match space.telemetry(&asked.query, budget) {
        Ok(found) => Ok(Json(Answered {
            asked: asked.query.to_string(),
            query: asked.query,
            found,
        })),
        Err(Unanswered::NotUnderstood(why)) => Err(Problem::new(Code::NotUnderstood, why)),
        Err(Unanswered::Fault(fault)) => Err(fault.into()),
    }
}
