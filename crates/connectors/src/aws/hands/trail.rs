//! The audit trail, as far as hands need it: the record of one change, and who set the same thing before.

use std::collections::BTreeMap;

use aws_sdk_cloudtrail::types::{Event, LookupAttributeKey};
use aws_smithy_types::DateTime;
use model::time::{SECOND, Timestamp};

use super::Trouble;
use super::bench::{At, Work};
use super::record::Record;
use crate::aws::eyes::alarms::stamp;
use crate::aws::eyes::trail::{oldest, page};

/// Answers that are read to one question.
const PAGES: usize = 6;
/// For so long the trail keeps what it tells without being asked to.
const KEPT: i64 = 90 * 24 * 60 * 60 * SECOND;

/// What earlier records could be seen.
pub(super) struct Earlier {
    /// The newest first.
    pub records: Vec<Record>,
    /// From then on none is missing.
    pub whole_from: Timestamp,
}

impl Work<'_> {
    /// The record of that id.
    pub async fn record(&self, at: &At, id: &str) -> Result<Record, Trouble> {
        let end = DateTime::from_secs(i64::MAX / SECOND);
        let (events, _) = self
            .events(at, (LookupAttributeKey::EventId, id), None, end)
            .await?;
        let record = events
            .iter()
            .filter_map(Record::read)
            .find(|one| one.id == id);
        record.ok_or_else(|| {
            Trouble::Cannot(format!(
                "the audit trail of {} holds no change {id}",
                self.benches.get(at.bench).map_or("", |bench| &bench.name)
            ))
        })
    }

    /// What altered it up to the moment of `change`, which is left out: by its own name and by those calls, as far as it
    /// is `ours`.
    pub async fn earlier(
        &self,
        at: &At,
        change: &Record,
        calls: &[String],
        ours: impl Fn(&Record) -> bool,
    ) -> Result<Earlier, Trouble> {
        let from = Timestamp(change.at.0.saturating_sub(KEPT));
        let mut whole_from = from;
        let mut records: BTreeMap<String, Record> = BTreeMap::new();
        let by_name = (LookupAttributeKey::ResourceName, at.name.as_str());
        let by_call = calls
            .iter()
            .map(|call| (LookupAttributeKey::EventName, call.as_str()));
        // A moment in the trail is a second: all of that of the change is asked for.
        let end = stamp(Timestamp(change.at.0.saturating_add(SECOND)));
        for about in std::iter::once(by_name).chain(by_call) {
            let (events, whole) = self.events(at, about, Some(stamp(from)), end).await?;
            if !whole {
                whole_from = whole_from.max(oldest(&events).unwrap_or(change.at));
            }
            let read = events.iter().filter_map(Record::read);
            let read = read.filter(|one| one.id != change.id && ours(one));
            records.extend(read.map(|one| (one.id.clone(), one)));
        }
        let mut records: Vec<Record> = records.into_values().collect();
        records.sort_by(|a, b| (b.at, &a.id).cmp(&(a.at, &b.id)));
        Ok(Earlier {
            records,
            whole_from,
        })
    }

    /// The newest events of that attribute; and whether they are all.
    async fn events(
        &self,
        at: &At,
        (key, value): (LookupAttributeKey, &str),
        from: Option<DateTime>,
        to: DateTime,
    ) -> Result<(Vec<Event>, bool), Trouble> {
        let bench = self.bench(at)?;
        let times = (from, from.is_some().then_some(to));
        let mut events = Vec::new();
        let mut next = None;
        for _ in 0..PAGES {
            let sent = page(&bench.trail, (&key, value), times, next).send();
            let answer = self.ask(bench, "cloudtrail:LookupEvents", sent).await?;
            events.extend(answer.events().iter().cloned());
            next = answer.next_token().map(str::to_string);
            if next.is_none() {
                return Ok((events, true));
            }
        }
        Ok((events, false))
    }
}
