//! Reading and writing rows. Bytes become events in `model::incident::chain`, for every journal alike.

use std::io::Read as _;

use model::incident::chain::{Link, Tail, entries};
use model::incident::{Entry, Incident, IncidentEvent, IncidentId};
use model::ports::{Delivery, JournalError, Thread};
use model::silence::Silence;
use model::time::{Span, Timestamp};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::{Word, lease};

/// Shorter events are stored as they are: a person with a database browser can read them.
const PACK_FROM: usize = 4096;
/// What an event may unpack to: a report of a large system is some megabytes.
const LARGEST: usize = 64 << 20;

/// What was written, and how the incident stands after it.
pub(super) struct Written {
    pub entry: Entry,
    pub incident: Incident,
}

/// Writes one entry inside of a transaction that locks out every other writer. `known` is how the incident
/// stands as far as this writer remembers; it counts only if it stands at `after`.
#[allow(clippy::too_many_arguments)] // One row has that many sides.
pub(super) async fn append(
    connection: &mut SqliteConnection,
    token: u64,
    prolong: Span,
    incident: &IncidentId,
    after: u64,
    at: Timestamp,
    event: &IncidentEvent,
    known: Option<Incident>,
) -> Result<Result<Written, JournalError>, sqlx::Error> {
    let newest = lease::newest(&mut *connection).await?;
    if newest != token {
        let held = token;
        return Ok(Err(JournalError::Fenced { held, newest }));
    }
    let tail =
        sqlx::query("SELECT seq, digest FROM entry WHERE incident = ?1 ORDER BY seq DESC LIMIT 1")
            .bind(&incident.0)
            .fetch_optional(&mut *connection)
            .await?
            .map(|row| {
                Ok::<_, sqlx::Error>(Tail {
                    seq: whole(&row, "seq")?,
                    digest: row.try_get("digest")?,
                })
            })
            .transpose()?
            .unwrap_or_else(|| Tail::start(incident));
    if tail.seq != after {
        return Ok(Err(JournalError::Stale {
            incident: incident.clone(),
            after,
            expected: after.saturating_add(1),
            stands: tail.seq,
        }));
    }
    let known = match known.filter(|known| known.seq == after) {
        Some(known) => Some(known),
        None => {
            let links = links(&mut *connection, incident.clone()).await?;
            let folded = entries(incident, &links)
                .and_then(|entries| Ok(Incident::fold(incident, &entries)?));
            match folded {
                Ok(folded) => folded,
                Err(error) => return Ok(Err(error)),
            }
        }
    };
    let (link, written) = match next(incident, tail, known, at, event) {
        Ok(next) => next,
        Err(error) => return Ok(Err(error)),
    };
    let packed = (link.stored.len() >= PACK_FROM)
        .then(|| zstd::bulk::compress(&link.stored, 3).ok())
        .flatten();
    sqlx::query(
        "INSERT INTO entry (incident, seq, at, word, packed, stored, previous, digest)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )
    .bind(&incident.0)
    .bind(i64::try_from(link.seq).unwrap_or(i64::MAX))
    .bind(link.at.0)
    .bind(written.entry.event.word())
    .bind(i64::from(packed.is_some()))
    .bind(packed.as_deref().unwrap_or(&link.stored))
    .bind(&link.previous)
    .bind(&link.digest)
    .execute(&mut *connection)
    .await?;
    sqlx::query("UPDATE watch SET until = max(until, ?1)")
        .bind(at.plus(prolong).0)
        .execute(&mut *connection)
        .await?;
    Ok(Ok(written))
}

fn next(
    incident: &IncidentId,
    tail: Tail,
    known: Option<Incident>,
    at: Timestamp,
    event: &IncidentEvent,
) -> Result<(Link, Written), JournalError> {
    let store = |what: String| JournalError::Store {
        what: format!("{incident}, entry {}: {what}", tail.seq.saturating_add(1)),
    };
    let (link, entry) = tail
        .link(incident, at, event)
        .map_err(|error| store(error.to_string()))?;
    if link.stored.len() > LARGEST {
        return Err(store(format!(
            "the event has {} bytes, more than the {LARGEST} that a journal takes",
            link.stored.len()
        )));
    }
    let incident = match known {
        None => Incident::begin(incident, &entry)?,
        Some(mut known) => {
            known.apply(entry.seq, at, &entry.event)?;
            known
        }
    };
    Ok((link, Written { entry, incident }))
}

/// All links of one incident, in order.
pub(super) async fn links(
    connection: &mut SqliteConnection,
    incident: IncidentId,
) -> Result<Vec<Link>, sqlx::Error> {
    sqlx::query(
        "SELECT seq, at, packed, stored, previous, digest FROM entry WHERE incident = ?1 ORDER BY seq",
    )
    .bind(&incident.0)
    .fetch_all(connection)
    .await?
    .iter()
    .map(link)
    .collect()
}

/// The links of all incidents after a place, in the order of writing.
pub(super) async fn after(
    connection: &mut SqliteConnection,
    position: u64,
    limit: u32,
) -> Result<Vec<(u64, IncidentId, Link)>, sqlx::Error> {
    sqlx::query(
        "SELECT position, incident, seq, at, packed, stored, previous, digest FROM entry
         WHERE position > ?1 ORDER BY position LIMIT ?2",
    )
    .bind(i64::try_from(position).unwrap_or(i64::MAX))
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?
    .iter()
    .map(|row| {
        Ok((
            whole(row, "position")?,
            IncidentId(row.try_get("incident")?),
            link(row)?,
        ))
    })
    .collect()
}

/// Entries after that place, by their words.
pub(super) async fn words(
    connection: &mut SqliteConnection,
    position: u64,
    limit: u32,
) -> Result<Vec<Word>, sqlx::Error> {
    sqlx::query(
        "SELECT position, incident, seq, at, word FROM entry WHERE position > ?1 ORDER BY position LIMIT ?2",
    )
    .bind(i64::try_from(position).unwrap_or(i64::MAX))
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?
    .iter()
    .map(|row| {
        Ok(Word {
            position: whole(row, "position")?,
            incident: IncidentId(row.try_get("incident")?),
            seq: whole(row, "seq")?,
            at: Timestamp(row.try_get("at")?),
            word: row.try_get("word")?,
        })
    })
    .collect()
}

/// The place of the newest entry; 0 if there is none.
pub(super) async fn position(connection: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
    let newest: Option<i64> = sqlx::query_scalar("SELECT max(position) FROM entry")
        .fetch_one(connection)
        .await?;
    Ok(newest.and_then(|p| u64::try_from(p).ok()).unwrap_or(0))
}

/// Seq and digest of an incident's newest entry.
pub(super) async fn head(
    connection: &mut SqliteConnection,
    incident: IncidentId,
) -> Result<Option<(u64, String)>, sqlx::Error> {
    sqlx::query("SELECT seq, digest FROM entry WHERE incident = ?1 ORDER BY seq DESC LIMIT 1")
        .bind(&incident.0)
        .fetch_optional(connection)
        .await?
        .map(|row| Ok((whole(&row, "seq")?, row.try_get("digest")?)))
        .transpose()
}

/// Incidents, newest first; only those that are not closed, if `open`.
pub(super) async fn incidents(
    connection: &mut SqliteConnection,
    open: bool,
) -> Result<Vec<IncidentId>, sqlx::Error> {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT incident FROM entry AS opening WHERE seq = 1 AND (?1 = 0 OR NOT EXISTS
           (SELECT 1 FROM entry WHERE incident = opening.incident AND word = 'closed'))
         ORDER BY position DESC",
    )
    .bind(i64::from(open))
    .fetch_all(connection)
    .await?;
    Ok(names.into_iter().map(IncidentId).collect())
}

/// Every name under which there is an entry, even where the first is missing.
pub(super) async fn all(connection: &mut SqliteConnection) -> Result<Vec<IncidentId>, sqlx::Error> {
    let names: Vec<String> = sqlx::query_scalar("SELECT DISTINCT incident FROM entry ORDER BY 1")
        .fetch_all(connection)
        .await?;
    Ok(names.into_iter().map(IncidentId).collect())
}

/// All silences.
pub(super) async fn silences(
    connection: &mut SqliteConnection,
) -> Result<Vec<Silence>, sqlx::Error> {
    let texts: Vec<String> = sqlx::query_scalar("SELECT ordered FROM silence ORDER BY starts, id")
        .fetch_all(connection)
        .await?;
    texts
        .iter()
        .map(|text| serde_json::from_str(text).map_err(decode))
        .collect()
}

/// Adds or replaces one.
pub(super) async fn order(
    connection: &mut SqliteConnection,
    silence: Silence,
) -> Result<(), sqlx::Error> {
    let text = serde_json::to_string(&silence).map_err(decode)?;
    sqlx::query(
        "INSERT INTO silence (id, starts, ordered) VALUES (?1, ?2, ?3)
         ON CONFLICT (id) DO UPDATE SET starts = ?2, ordered = ?3",
    )
    .bind(&silence.id)
    .bind(silence.from.0)
    .bind(text)
    .execute(connection)
    .await?;
    Ok(())
}

/// What became of one notice with one notifier.
pub(super) async fn delivery(
    connection: &mut SqliteConnection,
    notice: String,
    notifier: String,
) -> Result<Option<Delivery>, sqlx::Error> {
    // All columns: a journal that is only read may be older than some of them.
    sqlx::query("SELECT * FROM delivery WHERE notice = ?1 AND notifier = ?2")
        .bind(notice)
        .bind(notifier)
        .fetch_optional(connection)
        .await?
        .map(|row| delivered(&row))
        .transpose()
}

/// What a notifier has of an incident: the ids of its notices begin with the incident's and a `/`.
pub(super) async fn thread(
    connection: &mut SqliteConnection,
    incident: String,
    notifier: String,
) -> Result<Thread, sqlx::Error> {
    // '0' is the character after '/': the index finds what begins so.
    let rows = sqlx::query(
        "SELECT * FROM delivery
         WHERE notice >= ?1 || '/' AND notice < ?1 || '0' AND notifier = ?2",
    )
    .bind(incident)
    .bind(notifier)
    .fetch_all(connection)
    .await?;
    let deliveries: Result<Vec<Delivery>, sqlx::Error> = rows.iter().map(delivered).collect();
    Ok(Thread::of(deliveries?))
}

fn delivered(row: &SqliteRow) -> Result<Delivery, sqlx::Error> {
    Ok(Delivery {
        tries: u32::try_from(whole(row, "tries")?).unwrap_or(u32::MAX),
        at: Timestamp(row.try_get("at")?),
        told: row.try_get::<i64, _>("told")? != 0,
        why: row.try_get("why")?,
        receipt: row.try_get("receipt").unwrap_or_default(),
    })
}

/// Writes down what became of it. What arrived stays so.
pub(super) async fn note(
    connection: &mut SqliteConnection,
    notice: String,
    notifier: String,
    delivery: Delivery,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO delivery (notice, notifier, tries, at, told, why, receipt)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (notice, notifier)
         DO UPDATE SET tries = ?3, at = ?4, told = max(told, ?5), why = ?6, receipt = ?7",
    )
    .bind(notice)
    .bind(notifier)
    .bind(i64::from(delivery.tries))
    .bind(delivery.at.0)
    .bind(i64::from(delivery.told))
    .bind(delivery.why)
    .bind(delivery.receipt)
    .execute(connection)
    .await?;
    Ok(())
}

fn link(row: &SqliteRow) -> Result<Link, sqlx::Error> {
    let stored: Vec<u8> = row.try_get("stored")?;
    let stored = match row.try_get::<i64, _>("packed")? {
        0 => stored,
        // What does not unpack is altered; the digest over what is there says so, in the chain's own words.
        _ => unpack(&stored).unwrap_or(stored),
    };
    Ok(Link {
        seq: whole(row, "seq")?,
        at: Timestamp(row.try_get("at")?),
        stored,
        previous: row.try_get("previous")?,
        digest: row.try_get("digest")?,
    })
}

/// `None` if it is not Zstandard, or longer than any event that we write.
fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    let decoder = zstd::stream::Decoder::new(packed).ok()?;
    let mut out = Vec::new();
    let read = decoder
        .take(LARGEST as u64 + 1)
        .read_to_end(&mut out)
        .ok()?;
    (read <= LARGEST).then_some(out)
}

fn whole(row: &SqliteRow, column: &str) -> Result<u64, sqlx::Error> {
    u64::try_from(row.try_get::<i64, _>(column)?)
        .map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

fn decode(error: serde_json::Error) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}
