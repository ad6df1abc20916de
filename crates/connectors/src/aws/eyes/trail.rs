//! The audit trail: what was altered, and which calls were denied. Read by the importer's reader of
//! `aws cloudtrail lookup-events`.
//!
//! `LookupEvents` gives 50 events, two times a second, and takes one filter: all that alter; and of those that read, the
//! few whose denial stops a service.

use aws_sdk_cloudtrail::types::{Event, LookupAttribute, LookupAttributeKey};
use model::SourceKind;
use model::time::{TimeWindow, Timestamp};
use serde_json::json;

use super::alarms::{moment, stamp};
use super::ask::{Asking, Miss};
use super::denials;
use super::found::{Found, is_astray};
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

/// What the trail tells, back to as far as changes count.
pub(super) async fn look(asking: &Asking<'_>) -> Found {
    let mut found = Found::default();
    let from = asking
        .now
        .minus(asking.settings.changes)
        .min(asking.hull.from());
    let Some(window) = TimeWindow::new(from, asking.now) else {
        return found;
    };
    let manifest = everything();
    let mut gathered = Gathered::new(&manifest, Directory::new(Default::default()));
    let mut unread = 0;
    let altered = (LookupAttributeKey::ReadOnly, "false", PAGES);
    let vital = VITAL.map(|name| (LookupAttributeKey::EventName, name, 1));
    for (key, value, pages) in std::iter::once(altered).chain(vital) {
        let wanted = match key {
            LookupAttributeKey::ReadOnly => "changes".to_string(),
            _ => format!("denied calls of {value}"),
        };
        let altered = key == LookupAttributeKey::ReadOnly;
        match events(asking, key, value, window, pages).await {
            Ok((events, whole)) => {
                found.seen.extend([SourceKind::Changes, SourceKind::Events]);
                for event in &events {
                    let at = event.event_time().map(moment);
                    found.strays += u64::from(at.is_some_and(|at| is_astray(at, window)));
                    unread += usize::from(!read(asking, event, window, &mut gathered));
                }
                if !whole {
                    let since = events
                        .iter()
                        .filter_map(|one| one.event_time())
                        .map(moment)
                        .min();
                    // The newest come first: what is missing may be from before the time that is looked at.
                    let all = altered && since.is_some_and(|at| at <= asking.hull.from());
                    let wanted = if all { "older changes" } else { &*wanted };
                    let since = since.map_or(String::new(), |at| format!(", back to {at}"));
                    let detail = format!("the newest {} were read{since}", events.len());
                    let gap = asking.cut(wanted, detail, "shorten changes");
                    let lately = altered && !all;
                    found
                        .gaps
                        .push(gap.hiding(lately.then_some(SourceKind::Changes)));
                }
            }
            Err(miss) => {
                let gap = asking.gap(&wanted, &miss);
                found
                    .gaps
                    .push(gap.hiding(altered.then_some(SourceKind::Changes)));
                break;
            }
        }
    }
    if unread > 0 {
        let detail = format!("{unread} events of the audit trail cannot be read");
        let gap = asking.cut("all changes", detail, "see what answers there: endpoint");
        found.gaps.push(gap.hiding([SourceKind::Changes]));
    }
    found.tell_strays(asking, SourceKind::Changes);
    found
        .gaps
        .extend(denials::explain(asking, &mut gathered).await);
    found.directory.merge(gathered.directory);
    found.changes = gathered.changes;
    found.events = gathered.events;
    found
}

/// The newest events that fit; and whether they are all.
async fn events(
    asking: &Asking<'_>,
    key: LookupAttributeKey,
    value: &str,
    window: TimeWindow,
    pages: usize,
) -> Result<(Vec<Event>, bool), Miss> {
    let mut events = Vec::new();
    let mut next = None;
    for _ in 0..pages {
        let filter = LookupAttribute::builder()
            .attribute_key(key.clone())
            .attribute_value(value)
            .build();
        let sent = asking
            .place
            .trail
            .lookup_events()
            .set_lookup_attributes(filter.ok().map(|one| vec![one]))
            .start_time(stamp(window.from()))
            .end_time(stamp(window.to()))
            .max_results(PAGE)
            .set_next_token(next)
            .send();
        let answer = asking.ask("cloudtrail:LookupEvents", 1, sent).await?;
        events.extend(answer.events().iter().cloned());
        next = answer.next_token().map(str::to_string);
        if next.is_none() {
            return Ok((events, true));
        }
    }
    Ok((events, false))
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
