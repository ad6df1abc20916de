//! Log lines, by `FilterLogEvents`: of the groups that are named, else of those whom alarms and functions speak of.
//!
//! An answer has 10,000 lines at most, the oldest first. Where a group has more in this time, the rest of it is cut into
//! slices of which each gives one answer, so that what was read lies evenly in time. With `insights` one search over all of
//! them takes its place ([`insights`]).

use std::collections::BTreeSet;

use model::source::Asked;
use model::time::{SECOND, TimeWindow, Timestamp};
use model::{EntityId, SourceKind};
use serde_json::json;

use super::ask::{Asking, Miss};
use super::found::{Found, Rows};
use super::insights::{self, Group};
use super::metrics::quoted;
use crate::files::Limits;
use crate::files::aws::{self, names};
use crate::files::source::DataFile;

/// Lines of one answer.
const AT_ONCE: i32 = 10_000;
/// Answers about groups that are read, each of 50.
const PAGES: usize = 4;
/// Groups of one answer.
const PAGE: i32 = 50;
/// Slices of what one answer could not hold.
const SLICES: i64 = 3;
/// An answer may be empty and still not be the last: a group is searched piece by piece.
const EMPTY: usize = 4;
const MILLI: i64 = SECOND / 1_000;

/// Lines in this time.
pub(super) async fn look(asking: &Asking<'_>, firing: &BTreeSet<EntityId>) -> Found {
    let mut found = Found::default();
    let (mut groups, more) = match list(asking).await {
        Ok(listed) => listed,
        Err(miss) => {
            found.missed(asking, "log groups", &miss);
            return found;
        }
    };
    found.seen.insert(SourceKind::Logs);
    // Who fires first, then functions, then the rest; each by name.
    let mut scratch = Found::default();
    groups.sort_by_cached_key(|group| {
        let name = &group.name;
        let entity = scratch.directory.id(&names::log_group(name));
        let function = name.starts_with("/aws/lambda/");
        (!firing.contains(&entity), !function, name.clone())
    });
    groups.dedup_by(|one, other| one.name == other.name);
    let most = asking.settings.groups;
    if groups.len() > most || more {
        let least = if more { "at least " } else { "" };
        let detail = format!(
            "{} of {least}{} log groups were read",
            most.min(groups.len()),
            groups.len()
        );
        let gap = asking.cut("all log groups", detail, "name log_groups, or raise groups");
        found.gaps.push(gap);
        groups.truncate(most);
    }
    if asking.settings.insights && insights::read(asking, &groups, &mut found).await {
        found.tell_strays(asking, SourceKind::Logs);
        return found;
    }
    let mut cut = 0;
    for group in groups.iter().map(|group| group.name.as_str()) {
        match read(asking, group, &mut found).await {
            Ok(whole) => cut += usize::from(!whole),
            Err(miss) => {
                let wanted = format!("lines of {group}");
                found.missed(asking, &wanted, &miss);
                // One group may be out of reach, by a policy of its own; what concerns all ends it.
                if !matches!(miss.missed, crate::pull::Missed::Refused(..)) {
                    break;
                }
            }
        }
    }
    if cut > 0 {
        let detail = format!(
            "{cut} log groups have more lines in this time than were read; what was read lies evenly in it"
        );
        let gap = asking.cut("all log lines", detail, "name fewer log_groups");
        found.gaps.push(gap);
    }
    found.tell_strays(asking, SourceKind::Logs);
    found
}

/// The groups that may be read, and whether there are more.
async fn list(asking: &Asking<'_>) -> Result<(Vec<Group>, bool), Miss> {
    let all = [String::new()];
    let prefixes = match &asking.settings.log_groups[..] {
        [] => &all[..],
        named => named,
    };
    let mut groups = Vec::new();
    let mut pages = 0;
    let mut more = false;
    for prefix in prefixes {
        let mut next = None;
        let mut whole = false;
        while pages < PAGES.max(prefixes.len()) {
            pages += 1;
            let sent = asking
                .place
                .logs
                .describe_log_groups()
                .set_log_group_name_prefix((!prefix.is_empty()).then(|| prefix.clone()))
                .limit(PAGE)
                .set_next_token(next)
                .send();
            let answer = asking.ask("logs:DescribeLogGroups", 1, sent).await?;
            for group in answer.log_groups() {
                let name = group.log_group_name().unwrap_or_default();
                let empty = group.stored_bytes() == Some(0) && !prefix.is_empty();
                if name.starts_with(prefix.as_str()) && !name.is_empty() && !empty {
                    groups.push(Group {
                        name: name.to_string(),
                        stored: group.stored_bytes().unwrap_or(0),
                        made: group.creation_time(),
                        days: group.retention_in_days(),
                    });
                }
            }
            next = answer.next_token().map(str::to_string);
            if next.is_none() {
                whole = true;
                break;
            }
        }
        more |= !whole;
    }
    Ok((groups, more))
}

/// Lines of one group; are they all?
async fn read(asking: &Asking<'_>, group: &str, found: &mut Found) -> Result<bool, Miss> {
    let mut rows = Rows::new(
        &format!("{}/{}/logs/{group}", asking.source, asking.place.name),
        asking.hull,
    );
    let read = async {
        let Some(rest) = answer(asking, group, asking.hull, &mut rows).await? else {
            return Ok(true);
        };
        let mut whole = true;
        for slice in crate::pull::slices(rest, SLICES) {
            whole &= answer(asking, group, slice, &mut rows).await?.is_none();
        }
        Ok(whole)
    };
    let whole = read.await;
    rows.pour(found);
    let entity = found.directory.id(&names::log_group(group));
    found.asked.push(Asked {
        kind: SourceKind::Logs,
        entity: Some(entity),
        metric: String::new(),
        statistic: String::new(),
        text: format!(
            "aws logs filter-log-events --region {} --log-group-name {} --start-time START --end-time END",
            quoted(&asking.place.region),
            quoted(group)
        ),
    });
    whole
}

/// One answer's lines of this time; and the time whose lines did not come.
async fn answer(
    asking: &Asking<'_>,
    group: &str,
    window: TimeWindow,
    rows: &mut Rows,
) -> Result<Option<TimeWindow>, Miss> {
    let mut next = None;
    for _ in 0..EMPTY {
        let sent = asking
            .place
            .logs
            .filter_log_events()
            .log_group_name(group)
            .start_time(window.from().0.div_euclid(MILLI))
            // Its end is a part of it.
            .end_time(window.to().0.saturating_sub(1).div_euclid(MILLI))
            .limit(AT_ONCE)
            .set_next_token(next)
            .send();
        let answer = asking.ask("logs:FilterLogEvents", 1, sent).await?;
        let events = answer.events();
        let lines: Vec<_> = events
            .iter()
            .filter_map(|event| {
                Some(json!({
                    "timestamp": event.timestamp()?,
                    "message": event.message()?,
                    "logStreamName": event.log_stream_name().unwrap_or_default(),
                }))
            })
            .collect();
        let text = json!({ "logGroupName": group, "events": lines }).to_string();
        let file = DataFile::in_memory("logs/answer.json", text.as_bytes());
        // Made here a moment ago, it can be read.
        let _ = aws::rows(&file, aws::Rows::LogEvents, &Limits::default(), rows);
        let last = events.iter().filter_map(|event| event.timestamp()).max();
        next = answer.next_token().map(str::to_string);
        if next.is_none() {
            return Ok(None);
        }
        if let Some(last) = last {
            let after = Timestamp(last.saturating_add(1).saturating_mul(MILLI));
            return Ok(TimeWindow::new(after, window.to()));
        }
    }
    Ok(Some(window))
}
