//! What people did: every entry of a journal that a person wrote, the newest first.

use model::incident::{Entry, IncidentEvent, IncidentId};
use model::time::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::house::{Happened, Space};
use super::problem::{Code, Problem};
use super::route::{Asked, Json, Listed, Part, Route};

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    vec![Route::of_space(
        "/audit",
        "listAudit",
        "What people did, the newest first",
        list,
    )]
}

/// One thing that a person did.
#[derive(Debug, Serialize, JsonSchema)]
struct Deed {
    /// Its place in the journal of the whole space.
    position: u64,
    /// When.
    at: Timestamp,
    /// Who.
    by: String,
    /// The event's word.
    kind: String,
    /// To which incident.
    incident: IncidentId,
    /// Its place in that incident's journal.
    seq: u64,
    /// The entry in one sentence.
    said: String,
}

/// The words of events that people write. `closed` is also written by the watch itself.
const WORDS: &[&str] = &[
    "approved",
    "refused",
    "noted",
    "silenced",
    "split_off",
    "closed",
    "cause_judged",
    "cause_named",
    "look_asked",
];

/// Rows read at a time.
const STRIDE: u64 = 2_000;
/// Rows that one request may read.
const MOST: u64 = 200_000;

fn list(space: &dyn Space, _: &Asked, part: Part) -> Result<Json<Listed<Deed>>, Problem> {
    let limit = part.limit()?;
    let mut end = match &part.cursor {
        None => space.position()?,
        Some(cursor) => cursor
            .parse::<u64>()
            .map_err(|_| Problem::new(Code::BadRequest, "the cursor is none of this list"))?
            .saturating_sub(1),
    };
    let mut items: Vec<Deed> = Vec::new();
    let mut read = 0;
    // Backwards in strides: what people did is rare among what happened.
    while end > 0 && read < MOST {
        let from = end.saturating_sub(STRIDE);
        let rows = space.happened(from, u32::try_from(end - from).unwrap_or(u32::MAX))?;
        read += STRIDE;
        for row in rows.into_iter().rev() {
            if row.position > end || !WORDS.contains(&row.kind.as_str()) {
                continue;
            }
            let position = row.position;
            if let Some(deed) = deed(space, row)? {
                items.push(deed);
            }
            if items.len() == limit {
                let next = (position > 1).then(|| position.to_string());
                return Ok(Json(Listed { items, next }));
            }
        }
        end = from;
    }
    let next = (end > 0).then(|| (end + 1).to_string());
    Ok(Json(Listed { items, next }))
}

fn deed(space: &dyn Space, row: Happened) -> Result<Option<Deed>, Problem> {
    let Some(entry) = space.entry(&row)? else {
        return Ok(None);
    };
    Ok(by(&entry).map(|by| Deed {
        position: row.position,
        at: row.at,
        by: by.to_string(),
        kind: row.kind,
        incident: row.incident,
        seq: row.seq,
        said: space.said(&entry),
    }))
}

/// Who wrote it, if a person did.
fn by(entry: &Entry) -> Option<&str> {
    match &entry.event {
        IncidentEvent::Approved { approval } => Some(&approval.by),
        IncidentEvent::Refused { by, .. }
        | IncidentEvent::Noted { by, .. }
        | IncidentEvent::Silenced { by, .. }
        | IncidentEvent::CauseJudged { by, .. }
        | IncidentEvent::CauseNamed { by, .. }
        | IncidentEvent::LookAsked { by }
        | IncidentEvent::SplitOff { by, .. } => Some(by),
        IncidentEvent::Closed { by, .. } => (!by.is_empty()).then_some(by.as_str()),
        _ => None,
    }
}
