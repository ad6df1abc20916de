//! How an event is stored, and the chain of digests that shows whether anything was altered since (J6).
//!
//! Every journal uses these functions, so that one written by any of them can be checked by any other. The
//! digest covers the bytes as they were stored, not their meaning: a program that would write an event
//! differently today still finds yesterday's chain whole.

use serde::{Deserialize, Serialize};

use super::{Entry, IncidentEvent, IncidentId};
use crate::ports::JournalError;
use crate::time::Timestamp;

/// The version of stored events that this build writes. It reads this one and all before.
pub const VERSION: u32 = 1;

/// Parting words between the fields of a digest are lengths: no two different entries share their bytes.
const DOMAIN: &[u8] = b"midwatch.journal/1";

/// Rewritings after which a number must have settled; see [`write`].
const REWRITINGS: usize = 16;

#[derive(Serialize)]
struct Writing<'a> {
    v: u32,
    is: &'a IncidentEvent,
}

#[derive(Deserialize)]
struct Reading {
    is: IncidentEvent,
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

/// Why an event could not be stored so that it reads back as it was, or stored bytes could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// A newer program wrote it.
    #[error(
        "the event has version {found}, this program reads up to {VERSION}; use the program that wrote it, or a newer one"
    )]
    Newer {
        /// Its version.
        found: u32,
    },
    /// It is no event.
    #[error("it is no stored event: {0}")]
    Malformed(String),
}

/// The bytes to store, and the event as it will be read back from them.
///
/// The two are one fixed point: a number that no finite text can hold (NaN) is refused here rather than found
/// unreadable after a restart, and a plan read back has the digest of the plan that was written.
///
/// # Errors
/// [`Unreadable::Malformed`] if what would be stored could not be read back.
pub fn write(event: &IncidentEvent) -> Result<(Vec<u8>, IncidentEvent), Unreadable> {
    let mut event = event.clone();
    // A JSON reader may miss the last bit of a long fraction. Writing what was read settles it.
    for _ in 0..REWRITINGS {
        let stored = serde_json::to_vec(&Writing {
            v: VERSION,
            is: &event,
        })
        .map_err(|error| Unreadable::Malformed(error.to_string()))?;
        let again = read(&stored)?;
        if again == event {
            return Ok((stored, event));
        }
        event = again;
    }
    Err(Unreadable::Malformed(
        "a number in it reads back differently each time".to_string(),
    ))
}

/// The event in stored bytes.
///
/// # Errors
/// If a newer program wrote it, or it is no event.
pub fn read(stored: &[u8]) -> Result<IncidentEvent, Unreadable> {
    let malformed = |error: serde_json::Error| Unreadable::Malformed(error.to_string());
    let Version { v } = serde_json::from_slice(stored).map_err(malformed)?;
    match v {
        1 => Ok(serde_json::from_slice::<Reading>(stored)
            .map_err(malformed)?
            .is),
        found if found > VERSION => Err(Unreadable::Newer { found }),
        found => Err(Unreadable::Malformed(format!("version {found} never was"))),
    }
}

/// What the first entry names as the one before it.
pub fn first(incident: &IncidentId) -> String {
    blake3::hash(incident.0.as_bytes()).to_hex().to_string()
}

/// BLAKE3 (hex) over incident, seq, moment, stored bytes, and the digest before.
pub fn digest(
    incident: &IncidentId,
    seq: u64,
    at: Timestamp,
    stored: &[u8],
    previous: &str,
) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(DOMAIN);
    for part in [incident.0.as_bytes(), previous.as_bytes(), stored] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.update(&seq.to_le_bytes());
    hasher.update(&at.0.to_le_bytes());
    hasher.finalize().to_hex().to_string()
}

/// One entry as it is kept: bytes rather than meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its place, from 1.
    pub seq: u64,
    /// When it was written down.
    pub at: Timestamp,
    /// The event's bytes.
    pub stored: Vec<u8>,
    /// Digest of the entry before.
    pub previous: String,
    /// Its own.
    pub digest: String,
}

/// The end of a chain, to which the next entry is added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    /// The newest entry; 0 before the first.
    pub seq: u64,
    /// Its digest; [`first`] before the first.
    pub digest: String,
}

impl Tail {
    /// Of a chain without entries.
    pub fn start(incident: &IncidentId) -> Self {
        Self {
            seq: 0,
            digest: first(incident),
        }
    }

    /// The next link, and the entry that it holds.
    ///
    /// # Errors
    /// If the event cannot be stored so that it reads back.
    pub fn link(
        &self,
        incident: &IncidentId,
        at: Timestamp,
        event: &IncidentEvent,
    ) -> Result<(Link, Entry), Unreadable> {
        let (stored, event) = write(event)?;
        let seq = self.seq.saturating_add(1);
        let digest = digest(incident, seq, at, &stored, &self.digest);
        let entry = Entry {
            seq,
            at,
            event,
            previous: self.digest.clone(),
            digest: digest.clone(),
        };
        let link = Link {
            seq,
            at,
            stored,
            previous: self.digest.clone(),
            digest,
        };
        Ok((link, entry))
    }

    /// Checks that `link` follows, and moves on to it (J6). The event is not read.
    ///
    /// # Errors
    /// [`JournalError::Altered`], and the tail stays where it was.
    pub fn follow(&mut self, incident: &IncidentId, link: &Link) -> Result<(), JournalError> {
        let altered = |why: String| JournalError::Altered {
            incident: incident.clone(),
            seq: link.seq,
            why,
        };
        let expected = self.seq.saturating_add(1);
        if link.seq != expected {
            return Err(altered(format!("entry {expected} was expected here")));
        }
        if link.previous != self.digest {
            return Err(altered(
                "it does not name the digest of the entry before it".to_string(),
            ));
        }
        let digest = digest(incident, link.seq, link.at, &link.stored, &link.previous);
        if link.digest != digest {
            return Err(altered(format!(
                "its content has the digest {digest}, but {} stands there",
                link.digest
            )));
        }
        self.seq = link.seq;
        self.digest = digest;
        Ok(())
    }
}

impl Link {
    /// The entry that this link holds; its place in the chain is checked by [`Tail::follow`].
    ///
    /// # Errors
    /// [`JournalError::Altered`] if its bytes are no event, [`JournalError::Store`] if a newer program wrote it.
    pub fn entry(&self, incident: &IncidentId) -> Result<Entry, JournalError> {
        let event = read(&self.stored).map_err(|error| match error {
            Unreadable::Newer { .. } => JournalError::Store {
                what: format!("{incident}, entry {}: {error}", self.seq),
            },
            Unreadable::Malformed(why) => JournalError::Altered {
                incident: incident.clone(),
                seq: self.seq,
                why,
            },
        })?;
        Ok(Entry {
            seq: self.seq,
            at: self.at,
            event,
            previous: self.previous.clone(),
            digest: self.digest.clone(),
        })
    }
}

/// All entries of one incident, the chain checked link by link (J6).
///
/// # Errors
/// The first link that does not fit or cannot be read.
pub fn entries(incident: &IncidentId, links: &[Link]) -> Result<Vec<Entry>, JournalError> {
    let mut tail = Tail::start(incident);
    links
        .iter()
        .map(|link| {
            tail.follow(incident, link)?;
            link.entry(incident)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit;

    fn three() -> (IncidentId, Vec<Link>) {
        let id = IncidentId("inc-1".to_string());
        let mut tail = Tail::start(&id);
        let mut links = Vec::new();
        let events = [
            testkit::opened("errors", "service/front", Timestamp::from_seconds(10)),
            testkit::noted("ada", "I see it too"),
            testkit::noted("ada", "gone"),
        ];
        for (second, event) in (11..).zip(&events) {
            let (link, entry) = tail
                .link(&id, Timestamp::from_seconds(second), event)
                .unwrap();
            assert_eq!(entry.event, *event);
            tail.follow(&id, &link).unwrap();
            links.push(link);
        }
        (id, links)
    }

    #[test]
    fn a_whole_chain_is_read() {
        let (id, links) = three();
        let read = entries(&id, &links).unwrap();
        assert_eq!(read.len(), 3);
        assert_eq!(read[0].previous, first(&id));
        assert_eq!(read[2].previous, read[1].digest);
    }

    #[test]
    fn every_alteration_is_seen() {
        let (id, links) = three();
        type Alter = fn(&mut Vec<Link>);
        let alterations: [(&str, Alter); 7] = [
            ("another word", |l| l[1].stored = l[2].stored.clone()),
            ("another moment", |l| l[1].at = Timestamp(0)),
            ("one left out", |l| drop(l.remove(1))),
            ("the first left out", |l| drop(l.remove(0))),
            ("two exchanged", |l| l.swap(1, 2)),
            ("one twice", |l| l.insert(1, l[1].clone())),
            ("a digest made up", |l| l[2].previous = "0".repeat(64)),
        ];
        for (what, alter) in alterations {
            let mut altered = links.clone();
            alter(&mut altered);
            let error = entries(&id, &altered).unwrap_err();
            assert!(matches!(error, JournalError::Altered { .. }), "{what}");
        }
        // The chain belongs to its incident: put under another name, it breaks at once.
        let other = IncidentId("inc-2".to_string());
        assert!(entries(&other, &links).is_err());
    }

    #[test]
    fn a_newer_event_is_told_from_a_broken_one() {
        assert_eq!(
            read(br#"{"v":7,"is":{"event":"sang"}}"#),
            Err(Unreadable::Newer { found: 7 })
        );
        for broken in ["", "{}", "[]", r#"{"v":0}"#, r#"{"v":1,"is":{}}"#, "\u{0}"] {
            assert!(matches!(
                read(broken.as_bytes()),
                Err(Unreadable::Malformed(_))
            ));
        }
    }

    #[test]
    fn what_could_not_be_read_back_is_not_written() {
        let IncidentEvent::Opened { alarm, fingerprint } =
            testkit::opened("errors", "service/front", Timestamp(0))
        else {
            unreachable!("it is an opening");
        };
        let event = IncidentEvent::AlarmJoined {
            alarm,
            fingerprint,
            score: f64::NAN,
            because: Vec::new(),
        };
        assert!(matches!(write(&event), Err(Unreadable::Malformed(_))));
    }

    #[test]
    fn long_fractions_settle() {
        for tenths in 1..2000_u32 {
            let IncidentEvent::Opened { alarm, fingerprint } =
                testkit::opened("errors", "service/front", Timestamp(0))
            else {
                unreachable!("it is an opening");
            };
            let score = f64::from(tenths).sqrt() * std::f64::consts::PI;
            let event = IncidentEvent::AlarmJoined {
                alarm,
                fingerprint,
                score,
                because: Vec::new(),
            };
            let (stored, settled) = write(&event).unwrap();
            assert_eq!(read(&stored).unwrap(), settled);
            let (again, _) = write(&settled).unwrap();
            assert_eq!(again, stored);
        }
    }
}
