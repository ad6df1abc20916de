//! What is said again and again is one event that counts.
//!
//! A service that cannot start its tasks says so every few seconds, each time with other numbers of tasks. A person wants
//! to read it once: since when, until when, how often.

use std::collections::BTreeMap;

use model::time::Timestamp;
use model::{EntityId, Event, Severity};

use super::found::Found;

/// Different things that are kept of one look at one service of AWS; those that were said first.
const KEPT: usize = 500;
/// Letters of one message.
const LONGEST: usize = 1_000;

/// Events in which the same was said of the same thing, put together.
#[derive(Default)]
pub(super) struct Repeats {
    said: BTreeMap<(EntityId, String, String), Event>,
}

impl Repeats {
    /// Takes one more; `reason` and `message` make it the same.
    pub fn say(
        &mut self,
        entity: &EntityId,
        at: Timestamp,
        (source, reason): (&str, &str),
        message: &str,
        severity: Severity,
    ) {
        let message = clip(message);
        let key = (entity.clone(), reason.to_string(), message.clone());
        if self.said.len() >= KEPT && !self.said.contains_key(&key) {
            return;
        }
        let event = self.said.entry(key).or_insert_with(|| Event {
            entity: entity.clone(),
            first: at,
            last: at,
            source: source.to_string(),
            reason: reason.to_string(),
            message,
            severity: Some(severity),
            count: 0,
            raw: model::telemetry::RawRef::default(),
        });
        event.first = event.first.min(at);
        event.last = event.last.max(at);
        event.count = event.count.saturating_add(1);
    }

    /// Puts them into what was found, by time.
    pub fn pour(self, found: &mut Found) {
        let mut events: Vec<Event> = self.said.into_values().collect();
        events.sort_by(|a, b| {
            (a.first, &a.entity, &a.message).cmp(&(b.first, &b.entity, &b.message))
        });
        found.events.extend(events);
    }
}

/// As much of a text as a person reads.
pub(super) fn clip(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_again_counts() {
        let mut repeats = Repeats::default();
        let web = EntityId::from("service/web");
        for at in [30, 10, 20] {
            let how = ("ecs", "OOMKilled");
            repeats.say(&web, Timestamp(at), how, "container app", Severity::Error);
        }
        let other = "é".repeat(2 * LONGEST);
        repeats.say(&web, Timestamp(5), ("ecs", "x"), &other, Severity::Info);
        let mut found = Found::default();
        repeats.pour(&mut found);
        let told: Vec<(i64, i64, u64)> = found
            .events
            .iter()
            .map(|one| (one.first.0, one.last.0, one.count))
            .collect();
        assert_eq!(told, [(5, 5, 1), (10, 30, 3)]);
        assert_eq!(found.events[0].message.chars().count(), LONGEST + 1);
    }

    #[test]
    fn whoever_says_something_new_each_time_fills_nothing() {
        let mut repeats = Repeats::default();
        let web = EntityId::from("service/web");
        for at in 0..3 * KEPT as i64 {
            let message = format!("task {at}");
            repeats.say(&web, Timestamp(at), ("ecs", "x"), &message, Severity::Info);
        }
        let mut found = Found::default();
        repeats.pour(&mut found);
        assert_eq!(found.events.len(), KEPT);
    }
}
