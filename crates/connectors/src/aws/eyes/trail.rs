//! The audit trail: what was altered, and which calls were denied. Read by the importer's reader of
//! `aws cloudtrail lookup-events`.
//!
//! `LookupEvents` gives 50 events, two times a second, and takes one filter: all that alter; and of those that read, the
//! few whose denial stops a service. Where the newest of those that alter do not reach back far enough,
//! [`older`](super::older) goes on.

use std::collections::BTreeSet;

use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::operation::lookup_events::builders::LookupEventsFluentBuilder;
use aws_sdk_cloudtrail::types::{Event, LookupAttribute, LookupAttributeKey};
use aws_smithy_types::DateTime;
use model::query::{Gap, GapReason};
use model::recording::Manifest;
use model::time::{TimeWindow, Timestamp};
use model::{EntityId, SourceKind};
use serde_json::json;

use super::alarms::{moment, stamp};
use super::ask::{Asking, Miss};
use super::denials;
use super::found::{Found, is_astray};
use super::older::Cut;
use crate::files::entities::Directory;
use crate::files::gathered::Gathered;
use crate::files::source::DataFile;
use crate::files::{Limits, aws, everything};

/// Events of one answer.
const PAGE: i32 = 50;
/// Answers about what was altered.
const PAGES: usize = 2;
/// Reads whose denial stops a service: its role, its secrets, its keys.
const VITAL: [&str; 3] = ["AssumeRole", "GetSecretValue", "Decrypt"];

/// How the names of calls begin that alter nothing, whatever the trail says of them.
const READS: [&str; 6] = ["BatchGet", "Describe", "Filter", "Get", "List", "Lookup"];
/// Calls by which a system works, and not by which it is altered.
const WORKS: [&str; 20] = [
    "AssumeRole",
    "BatchWriteItem",
    "CreateLogStream",
    "DeleteItem",
    "DeleteMessage",
    "Invoke",
    "Publish",
    "PutEvents",
    "PutItem",
    "PutLogEvents",
    "PutMetricData",
    "PutRecord",
    "PutRecords",
    "PutTelemetryRecords",
    "PutTraceSegments",
    "ReceiveMessage",
    "SendMessage",
    // Searches of logs, whoever makes them: they only read.
    "StartQuery",
    "StopQuery",
    "UpdateItem",
];

/// May this call alter how something is set?
fn may_alter(name: &str) -> bool {
    let works = WORKS.iter().any(|known| {
        let rest = name.strip_prefix(known);
        rest.is_some_and(|rest| {
            matches!(rest, "" | "Batch") || rest.starts_with(|c: char| c.is_ascii_digit())
        })
    });
    let reads = READS.iter().any(|verb| name.starts_with(verb));
    !works && !reads
}

/// What is read of the trail, each call once.
pub(super) struct Reading<'m> {
    window: TimeWindow,
    gathered: Gathered<'m>,
    /// The ids of what was read.
    known: BTreeSet<String>,
    /// How many calls cannot be read.
    unread: usize,
    /// How many lie in quite another time.
    strays: u64,
}

impl<'m> Reading<'m> {
    /// Of calls of this time, without those of these ids.
    pub fn new(window: TimeWindow, known: BTreeSet<String>, manifest: &'m Manifest) -> Self {
        Self {
            window,
            gathered: Gathered::new(manifest, Directory::new(Default::default())),
            known,
            unread: 0,
            strays: 0,
        }
    }

    /// Takes a call, unless it was taken before.
    pub fn take(&mut self, asking: &Asking<'_>, event: &Event) {
        let id = event.event_id().unwrap_or_default();
        if !id.is_empty() && !self.known.insert(id.to_string()) {
            return;
        }
        let at = event.event_time().map(moment);
        self.strays += u64::from(at.is_some_and(|at| is_astray(at, self.window)));
        self.unread += usize::from(!read(asking, event, self.window, &mut self.gathered));
    }

    /// Does the call tell of this one? What cannot be read may.
    pub fn tells_of(&self, asking: &Asking<'_>, event: &Event, entity: &EntityId) -> bool {
        let directory = Directory::new(Default::default());
        let mut alone = Gathered::new(self.gathered.manifest, directory);
        if !read(asking, event, self.window, &mut alone) {
            return true;
        }
        let altered = alone.changes.iter().flat_map(|one| &one.entities);
        let denied = alone.events.iter().map(|one| &one.entity);
        altered.chain(denied).any(|one| one == entity)
    }

    /// Puts all of it into what was found, and says why calls were denied.
    pub async fn pour(mut self, asking: &Asking<'_>, found: &mut Found) {
        if self.unread > 0 {
            let detail = format!("{} events of the audit trail cannot be read", self.unread);
            let gap = asking.cut("all changes", detail, "see what answers there: endpoint");
            found.gaps.push(gap.hiding([SourceKind::Changes]));
        }
        found.strays += self.strays;
        found.tell_strays(asking, SourceKind::Changes);
        found
            .gaps
            .extend(denials::explain(asking, &mut self.gathered).await);
        found.directory.merge(self.gathered.directory);
        found.changes.extend(self.gathered.changes);
        found.events.extend(self.gathered.events);
    }
}

/// What the trail tells, back to as far as changes count; and where its newest pages end if that is too soon.
pub(super) async fn look(asking: &Asking<'_>) -> (Found, Option<Cut>) {
    let mut found = Found::default();
    let Some(window) = TimeWindow::new(asking.reaches_back(), asking.now) else {
        return (found, None);
    };
    let manifest = everything();
    let mut reading = Reading::new(window, BTreeSet::new(), &manifest);
    let mut cut = None;
    let altered = (LookupAttributeKey::ReadOnly, "false");
    match events(asking, altered, window, PAGES).await {
        Ok((events, whole)) => {
            found.seen.extend([SourceKind::Changes, SourceKind::Events]);
            for event in &events {
                reading.take(asking, event);
            }
            let since = oldest(&events);
            // An emulator that leaves the time out of account may have given all of it, and more.
            if !whole && since.is_none_or(|at| at >= window.from()) {
                cut = Some(Cut {
                    window,
                    count: events.len(),
                    since,
                    known: reading.known.clone(),
                });
            }
            denied(asking, &mut reading, &mut found).await;
        }
        Err(miss) => {
            let gap = asking.gap("changes", &miss);
            found.gaps.push(gap.hiding([SourceKind::Changes]));
        }
    }
    reading.pour(asking, &mut found).await;
    (found, cut)
}

/// Calls that only read, and stop a service where they are denied.
async fn denied(asking: &Asking<'_>, reading: &mut Reading<'_>, found: &mut Found) {
    for name in VITAL {
        let wanted = format!("denied calls of {name}");
        let about = (LookupAttributeKey::EventName, name);
        let (events, whole) = match events(asking, about, reading.window, 1).await {
            Ok(answer) => answer,
            Err(miss) => {
                found.gaps.push(asking.gap(&wanted, &miss));
                break;
            }
        };
        for event in &events {
            reading.take(asking, event);
        }
        if !whole {
            let since = oldest(&events);
            let detail = format!(
                "{}: the newest {} were read{}",
                asking.here(),
                events.len(),
                back_to(since)
            );
            let until = since.map_or(String::new(), |at| format!(" --end-time {at}"));
            let how = format!(
                "see the others by hand: aws cloudtrail lookup-events --region {} --lookup-attributes \
                 AttributeKey=EventName,AttributeValue={name}{until}",
                asking.place.region
            );
            let gap = Gap::new(wanted, GapReason::Budget, detail, how);
            found.gaps.push(gap);
        }
    }
}

/// When the oldest of them was made.
pub(in crate::aws) fn oldest(events: &[Event]) -> Option<Timestamp> {
    events
        .iter()
        .filter_map(Event::event_time)
        .map(moment)
        .min()
}

/// How far back was read, for people.
pub(super) fn back_to(since: Option<Timestamp>) -> String {
    since.map_or(String::new(), |at| format!(", back to {at}"))
}

/// The newest events that fit; and whether they are all.
pub(super) async fn events(
    asking: &Asking<'_>,
    (key, value): (LookupAttributeKey, &str),
    window: TimeWindow,
    pages: usize,
) -> Result<(Vec<Event>, bool), Miss> {
    let times = (Some(stamp(window.from())), Some(stamp(window.to())));
    let mut events = Vec::new();
    let mut next = None;
    for _ in 0..pages {
        let sent = page(&asking.place.trail, (&key, value), times, next).send();
        let answer = asking.ask("cloudtrail:LookupEvents", 1, sent).await?;
        events.extend(answer.events().iter().cloned());
        next = answer.next_token().map(str::to_string);
        if next.is_none() {
            return Ok((events, true));
        }
    }
    Ok((events, false))
}

/// The question for one page of the events of this attribute, between these times.
pub(in crate::aws) fn page(
    trail: &Client,
    (key, value): (&LookupAttributeKey, &str),
    (from, to): (Option<DateTime>, Option<DateTime>),
    next: Option<String>,
) -> LookupEventsFluentBuilder {
    let filter = LookupAttribute::builder()
        .attribute_key(key.clone())
        .attribute_value(value)
        .build();
    trail
        .lookup_events()
        .set_lookup_attributes(filter.ok().map(|one| vec![one]))
        .set_start_time(from)
        .set_end_time(to)
        .max_results(PAGE)
        .set_next_token(next)
}

/// Reads one event as the command line would print it; false if it cannot be read.
fn read(
    asking: &Asking<'_>,
    event: &Event,
    window: TimeWindow,
    gathered: &mut Gathered<'_>,
) -> bool {
    let at = event.event_time().map(moment);
    // An emulator that leaves the filter out of account must not make old changes new ones.
    if at.is_some_and(|at| !within(window, at)) {
        return true;
    }
    let said = event.cloud_trail_event().unwrap_or_default();
    if !may_alter(event.event_name().unwrap_or_default()) && !said.contains("\"errorCode\"") {
        return true;
    }
    let resources: Vec<_> = event
        .resources()
        .iter()
        .map(|one| json!({ "ResourceType": one.resource_type(), "ResourceName": one.resource_name() }))
        .collect();
    let printed = json!({ "Events": [{
        "EventId": event.event_id(),
        "EventName": event.event_name(),
        "EventSource": event.event_source(),
        "EventTime": at.map(|at| at.to_string()),
        "Username": event.username(),
        "ReadOnly": event.read_only(),
        "Resources": resources,
        "CloudTrailEvent": event.cloud_trail_event(),
    }]});
    let name = format!("{}/{}/cloudtrail.json", asking.source, asking.place.name);
    let file = DataFile::in_memory(&name, printed.to_string().as_bytes());
    aws::read(&file, aws::Document::Trail, &Limits::default(), gathered).is_ok()
}

fn within(window: TimeWindow, at: Timestamp) -> bool {
    window.contains(at) || at == window.to()
}
