//! Versions that went out, as telemetry itself tells it: a resource says `service.version`, a metric carries a version
//! as a label. Where nobody reports deploys, a new version that starts to speak is one.

use std::collections::BTreeMap;

use super::Case;
use crate::change::{Change, ChangeKind};
use crate::entity::EntityId;
use crate::telemetry::RawRef;
use crate::time::Timestamp;

/// Attributes and labels that say which version speaks.
const VERSION: [&str; 3] = ["service.version", "service_version", "version"];
/// Metrics that say what runs: their value is always 1, and what they tell stands in labels.
const INFO: [&str; 2] = ["build_info", "app_info"];
/// How often a version would have spoken before it first did, had it run all the time: fewer times, and it may have
/// been there and was not heard.
const WOULD_HAVE_SPOKEN: f64 = 5.0;

/// What is known of one version of one entity.
struct Heard {
    first: Timestamp,
    last: Timestamp,
    times: u64,
}

/// Versions of entities.
#[derive(Default)]
struct Versions<'a> {
    of: BTreeMap<&'a EntityId, BTreeMap<&'a str, Heard>>,
}

impl<'a> Versions<'a> {
    fn heard(&mut self, entity: &'a EntityId, version: &'a str, at: Timestamp) {
        let heard = Heard {
            first: at,
            last: at,
            times: 0,
        };
        let versions = self.of.entry(entity).or_default();
        let known = versions.entry(version).or_insert(heard);
        known.times += 1;
        known.first = known.first.min(at);
        known.last = known.last.max(at);
    }
}

fn version(fields: &[(Box<str>, Box<str>)]) -> Option<&str> {
    // Of a span or a line only the resource's own word counts: `version` alone may be anything.
    let (_, value) = fields.iter().find(|(name, _)| &**name == VERSION[0])?;
    (!value.is_empty()).then_some(value)
}

impl Case {
    /// The rollouts that rows of this case show, sorted by (start, id): for each version that began to speak after another
    /// version of the same entity had. When it went out lies between the last word without it and its first.
    pub fn rollouts(&self) -> Vec<Change> {
        let mut versions = Versions::default();
        for log in self.logs.iter().flatten() {
            if let Some(version) = version(&log.attributes) {
                versions.heard(&log.entity, version, log.time);
            }
        }
        for span in self.spans.iter().flatten() {
            if let Some(version) = version(&span.attributes) {
                versions.heard(&span.entity, version, span.start);
            }
        }
        for series in self.series.iter().flatten() {
            let key = &series.key;
            let info = key.metric.rsplit(':').next().unwrap_or_default();
            let tells = INFO.iter().any(|name| {
                info.strip_suffix(name)
                    .is_some_and(|before| before.is_empty() || before.ends_with('_'))
            });
            let label = VERSION.iter().find_map(|name| key.labels.get(*name));
            let Some(version) = label.filter(|value| tells && !value.is_empty()) else {
                continue;
            };
            for (time, value) in series.times.iter().zip(&series.values) {
                if *value > 0.0 {
                    versions.heard(&key.entity, version, Timestamp(*time));
                }
            }
        }
        let end = self.manifest.now;
        let mut found: Vec<Change> = versions
            .of
            .iter()
            .flat_map(|(entity, versions)| went_out(entity, versions, end))
            .collect();
        found.sort_by(|a, b| (a.start, &a.id).cmp(&(b.start, &b.id)));
        found
    }

    /// Adds the rollouts that telemetry shows to the changes, but for those of a version that a change tells of already.
    pub fn tell_rollouts(&mut self) {
        let told = self.changes.as_deref().unwrap_or_default();
        let is_told = |seen: &Change| {
            told.iter().any(|change| {
                change.version == seen.version
                    && change.entities.iter().any(|id| seen.entities.contains(id))
            })
        };
        let mut fresh = self.rollouts();
        fresh.retain(|seen| !is_told(seen));
        if !fresh.is_empty() {
            self.changes.get_or_insert_default().extend(fresh);
        }
    }
}

/// Each version that is new beside older ones.
fn went_out<'a>(
    entity: &'a EntityId,
    versions: &'a BTreeMap<&'a str, Heard>,
    end: Timestamp,
) -> impl Iterator<Item = Change> + 'a {
    versions.iter().filter_map(move |(version, heard)| {
        let older = versions
            .iter()
            .filter(|(_, other)| other.first < heard.first)
            .max_by_key(|(_, other)| other.first)?;
        let begun = versions.values().map(|other| other.first).min()?;
        // Had it spoken as often before as it did since, would it have been heard?
        let since = end.since(heard.first).0.max(1) as f64;
        let before = heard.first.since(begun).0 as f64;
        if heard.times as f64 / since * before < WOULD_HAVE_SPOKEN {
            return None;
        }
        let without = versions
            .iter()
            .filter(|(name, other)| *name != version && other.first < heard.first)
            .map(|(_, other)| other.last.min(heard.first))
            .max()?;
        Some(Change {
            id: format!("seen:{entity}@{version}"),
            kind: ChangeKind::Deploy,
            start: without,
            end: heard.first,
            entities: vec![entity.clone()],
            actor: String::new(),
            title: format!(
                "{} speaks as version {version}, where it was {} before",
                entity
                    .as_str()
                    .split_once('/')
                    .map_or(entity.as_str(), |(_, name)| name),
                older.0
            ),
            files: Vec::new(),
            diff: None,
            version: (*version).to_string(),
            carries: Vec::new(),
            undone: None,
            raw: RawRef::default(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::OwnedLog;
    use crate::time::TimeWindow;

    /// Lines such as `cart 1.4 from 0 to 60`: a version of a service that speaks every second.
    fn told(text: &str, now: i64) -> Vec<String> {
        let now = Timestamp::from_seconds(now);
        let mut case = crate::case::tests::empty();
        case.manifest.now = now;
        case.manifest.window = TimeWindow::new(Timestamp(0), now).unwrap();
        let logs = case.logs.get_or_insert_default();
        for row in text.lines() {
            let words: Vec<&str> = row.split_whitespace().collect();
            let [service, version, "from", from, "to", to, "every", step] = words[..] else {
                panic!("{row}");
            };
            let number = |text: &str| text.parse::<usize>().unwrap();
            for second in (number(from)..number(to)).step_by(number(step)) {
                logs.push(OwnedLog {
                    time: Timestamp::from_seconds(second as i64),
                    entity: EntityId::new(format!("service/{service}")),
                    severity: None,
                    body: "served".into(),
                    attributes: vec![("service.version".into(), version.into())],
                    trace_id: "".into(),
                    span_id: "".into(),
                    file: "logs.ndjson".into(),
                    line: logs.len() as u64 + 1,
                });
            }
        }
        let rollouts = case.rollouts();
        rollouts
            .iter()
            .map(|one| {
                let (from, to) = (one.start.0 / 1_000_000_000, one.end.0 / 1_000_000_000);
                format!("{} {} {from}-{to}", one.entities[0], one.version)
            })
            .collect()
    }

    #[test]
    fn a_new_version_is_a_rollout() {
        let text = "cart 1.4 from 0 to 60 every 1\ncart 1.5 from 70 to 100 every 1\npay 7 from 0 to 100 every 1";
        assert_eq!(told(text, 100), ["service/cart 1.5 59-70"]);
    }

    #[test]
    fn one_after_the_other_while_both_run() {
        let text = "cart 1.4 from 0 to 100 every 2\ncart 1.5 from 51 to 100 every 2\ncart 1.6 from 81 to 100 every 1";
        assert_eq!(
            told(text, 100),
            ["service/cart 1.5 51-51", "service/cart 1.6 81-81"]
        );
    }

    #[test]
    fn what_may_always_have_been_there_is_none() {
        // Two copies that speak at their own pace since the first word; the rarer is first heard a little later.
        let text = "cart 1.4 from 0 to 100 every 1\ncart 1.5 from 30 to 100 every 20";
        assert!(told(text, 100).is_empty());
    }
}
