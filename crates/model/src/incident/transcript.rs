//! One incident's journal as lines of JSON: to be handed out, kept elsewhere, and checked by anyone.
//!
//! The first line is the head, the last one the seal: how many entries, and the digests at both ends. A chain
//! alone cannot tell that its newest entries were cut off; the seal can, once it has left the house.

use serde::{Deserialize, Serialize};

use super::chain::{Link, Tail, first};
use super::{Incident, IncidentId};
use crate::ports::JournalError;
use crate::time::Timestamp;

/// The schema of the head.
pub const SCHEMA: &str = "midwatch.journal/1";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    schema: String,
    incident: IncidentId,
    head: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    seq: u64,
    at: Timestamp,
    previous: String,
    digest: String,
    /// The event's bytes exactly as they are stored: the digest is over these.
    stored: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seal {
    entries: u64,
    tail: String,
}

/// What a transcript was found to hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Transcript {
    /// Whose.
    pub incident: IncidentId,
    /// Its entries, the chain checked.
    pub links: Vec<Link>,
    /// Digest of the newest entry.
    pub tail: String,
}

/// Why a transcript cannot be believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTranscript {
    /// A line is not what it should be.
    #[error(
        "line {line}: {why}; expected a head, entries and a seal as `midwatch journal export` writes them"
    )]
    Line {
        /// Which, from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// The chain is broken, or tells something that cannot have happened.
    #[error(transparent)]
    Chain(#[from] JournalError),
    /// The seal does not fit the entries.
    #[error("the seal says {said}, the entries say {found}: lines were added or cut off")]
    Seal {
        /// What the seal says.
        said: String,
        /// What is there.
        found: String,
    },
}

/// Writes a transcript, one JSON object a line.
pub fn write(incident: &IncidentId, links: &[Link]) -> String {
    let mut out = String::new();
    let mut line = |json: Result<String, serde_json::Error>| {
        // None of these shapes can fail to be written: no maps with odd keys, no numbers but whole ones.
        out.push_str(&json.unwrap_or_default());
        out.push('\n');
    };
    line(serde_json::to_string(&Head {
        schema: SCHEMA.to_string(),
        incident: incident.clone(),
        head: first(incident),
    }));
    for link in links {
        line(serde_json::to_string(&Row {
            seq: link.seq,
            at: link.at,
            previous: link.previous.clone(),
            digest: link.digest.clone(),
            stored: String::from_utf8_lossy(&link.stored).into_owned(),
        }));
    }
    line(serde_json::to_string(&Seal {
        entries: links.len() as u64,
        tail: links
            .last()
            .map_or_else(|| first(incident), |link| link.digest.clone()),
    }));
    out
}

/// Reads a transcript and checks all of it: the shapes, the chain (J6), the seal, and that the events can have
/// happened in this order.
///
/// # Errors
/// The first thing that is wrong, with its line.
pub fn read(text: &str) -> Result<Transcript, BadTranscript> {
    let bad = |line: usize, why: String| BadTranscript::Line { line, why };
    let lines: Vec<&str> = text.lines().collect();
    let (Some(head), Some(seal)) = (lines.first(), lines.last().filter(|_| lines.len() > 1)) else {
        return Err(bad(1, "there is no head and seal".to_string()));
    };
    let head: Head = serde_json::from_str(head).map_err(|e| bad(1, e.to_string()))?;
    if head.schema != SCHEMA {
        return Err(bad(
            1,
            format!(
                "schema {:?}, but this program reads {SCHEMA:?}",
                head.schema
            ),
        ));
    }
    let incident = head.incident;
    if head.head != first(&incident) {
        return Err(bad(
            1,
            "the head's digest is not its incident's".to_string(),
        ));
    }
    let seal: Seal = serde_json::from_str(seal).map_err(|e| bad(lines.len(), e.to_string()))?;
    let mut tail = Tail::start(&incident);
    let mut links = Vec::new();
    let mut entries = Vec::new();
    for (index, line) in lines.iter().enumerate().take(lines.len() - 1).skip(1) {
        let row: Row = serde_json::from_str(line).map_err(|e| bad(index + 1, e.to_string()))?;
        let link = Link {
            seq: row.seq,
            at: row.at,
            stored: row.stored.into_bytes(),
            previous: row.previous,
            digest: row.digest,
        };
        tail.follow(&incident, &link)?;
        entries.push(link.entry(&incident)?);
        links.push(link);
    }
    if (seal.entries, &seal.tail) != (links.len() as u64, &tail.digest) {
        return Err(BadTranscript::Seal {
            said: format!("{} entries ending in {}", seal.entries, seal.tail),
            found: format!("{} entries ending in {}", links.len(), tail.digest),
        });
    }
    Incident::fold(&incident, &entries).map_err(JournalError::from)?;
    Ok(Transcript {
        incident,
        links,
        tail: tail.digest,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit;

    fn sample() -> String {
        let id = IncidentId("inc-1".to_string());
        let mut tail = Tail::start(&id);
        let mut links = Vec::new();
        for event in [
            testkit::opened("errors", "service/front", Timestamp::from_seconds(10)),
            testkit::noted("ada", "line one\nline two, with a \u{1f6a2}"),
        ] {
            let (link, _) = tail.link(&id, Timestamp::from_seconds(11), &event).unwrap();
            tail.follow(&id, &link).unwrap();
            links.push(link);
        }
        write(&id, &links)
    }

    #[test]
    fn what_was_written_is_believed() {
        let text = sample();
        assert_eq!(text.lines().count(), 4);
        let transcript = read(&text).unwrap();
        assert_eq!(transcript.links.len(), 2);
        assert_eq!(write(&transcript.incident, &transcript.links), text);
    }

    #[test]
    fn what_was_altered_is_not() {
        let text = sample();
        let lines: Vec<&str> = text.lines().collect();
        let without = |index: usize| {
            let mut kept = lines.clone();
            kept.remove(index);
            kept.join("\n")
        };
        // The newest entry cut off: only the seal can tell.
        let error = read(&without(2)).unwrap_err();
        assert!(matches!(error, BadTranscript::Seal { .. }), "{error}");
        for index in [0, 1, 3] {
            assert!(read(&without(index)).is_err(), "without line {}", index + 1);
        }
        assert!(read(&text.replace("ada", "eve")).is_err());
        assert!(read(&text.replace("inc-1", "inc-2")).is_err());
        assert!(read(&text.replace("journal/1", "journal/2")).is_err());
        assert!(read("").is_err());
        assert!(read("{}\n{}\n").is_err());
    }
}
