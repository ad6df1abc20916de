//! What did the platforms say, and does it still hold?
//!
//! An event that tells of a lasting condition (a pod cannot be placed, storage is low) is history once
//! the entity is seen well at a later time, is being taken away, or a later event says that the
//! condition is over. Whether an event tells of a lasting condition or of a moment is known by the
//! mechanism that reads it ([`crate::catalogue::Condition::moment`]).

use std::sync::LazyLock;

use model::{EntityKind, Event, Severity, TimeWindow};
use regex::{Regex, RegexSet};

use crate::probes::states::{Health, StateFact, health_of, is_monitor};
use crate::scene::Scene;

/// How long before the alarm news may be of the incident.
const LEAD: model::Span = model::Span(60 * model::time::MINUTE);

/// Does what an event tells still hold?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing says that it is over.
    Current,
    /// It ended before the incident: before its window, and more than an hour before the alarm.
    Old,
    /// It is about something that is being taken away, or has done its work.
    Leaving {
        /// Number of the state that says so, in `Facts::states`.
        state: u32,
    },
    /// The entity, or what keeps its copies, was seen well later.
    WellSince {
        /// Number of the state that says so, in `Facts::states`.
        state: u32,
    },
    /// A later event says that it is over.
    Ended {
        /// Number of that event, in `Facts::events`.
        event: u32,
    },
}

/// What sort of thing an event tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Something is wrong.
    Problem,
    /// Something is right again, or was done.
    Relief,
    /// Neither.
    Notice,
}

/// One event, judged.
#[derive(Clone, Debug)]
pub struct EventFact {
    /// Number in `Facts::events`.
    pub index: u32,
    /// About whom (entity number).
    pub entity: u32,
    /// The unit that stands for it.
    pub unit: u32,
    /// `reason: message`, as the catalogue's regular expressions see it.
    pub text: String,
    /// Wrong, right again, or neither.
    pub tone: Tone,
    /// Does it still hold?
    pub standing: Standing,
}

impl EventFact {
    /// Is it news of the incident, rather than history?
    pub fn is_current(&self) -> bool {
        self.standing == Standing::Current
    }
}

/// `reason: message`, or what there is of it.
pub fn text(event: &Event) -> String {
    match (event.reason.is_empty(), event.message.is_empty()) {
        (true, _) => event.message.clone(),
        (false, true) => event.reason.clone(),
        (false, false) => format!("{}: {}", event.reason, event.message),
    }
}

/// Which stretch to read: events of a day before the window explain how things came to be.
pub fn ask(scene: &Scene) -> TimeWindow {
    let day = model::time::Span(24 * 60 * model::time::MINUTE);
    TimeWindow::new(
        scene.window.from().minus(day),
        model::Timestamp(scene.now.0.saturating_add(1)),
    )
    .unwrap_or(scene.window)
}

/// The events with their units, in the order in which the socket gives them; those about entities that
/// nobody knows are left out.
pub fn judge(scene: &Scene, events: Vec<Event>) -> Vec<(u32, Event)> {
    events
        .into_iter()
        .filter_map(|e| Some((scene.unit(&e.entity)?, e)))
        .collect()
}

/// Topics that one event can open and a later one of the same entity close.
static TOPICS: LazyLock<RegexSet> = LazyLock::new(|| {
    RegexSet::new([
        r"(?i)storage|disk|volume|free space",
        r"(?i)cpu",
        r"(?i)memory|swap|oom",
        r"(?i)connection",
        r"(?i)replica|replication|lag",
        r"(?i)schedul|pending|assign|node group|scale",
        r"(?i)certificate",
        r"(?i)credential|secret|password",
        r"(?i)degrad|outage|disruption|elevated|incident|unavailab|operational|resolved|monitoring",
        r"(?i)maintenance|patch|upgrade",
        r"(?i)latency|error rate|5xx",
        r"(?i)probe|unhealthy|ready",
    ])
    .unwrap_or_else(|_| RegexSet::empty())
});

/// Words that say that something is over or done.
static RELIEF: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?ix)
        \b(?: recovered | resolved | restored | succeeded | cleared | mitigated | operational
          | complet(?:ed|e) | finished | successfully
          | (?:is|are|was|has\ been|become[s]?)\ (?:now\ )?(?:available|healthy|ready|back|normal|running|ok)
          | (?:back|returned)\ to\ (?:normal|service|baseline)
          | (?:has\ been|was)\ (?:increased|expanded|fixed) )\b
        | ^(?:Scheduled|Started|Pulled|Created|NodeReady|SuccessfulCreate|SuccessfulAttachVolume|TriggeredScaleUp|SuccessfulRescale)\b",
    )
    .ok()
});

/// Words that take such a word back.
static NOT_YET: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?ix)\b(?: not\ (?:yet\ )?(?:complet|ready|available|recover|restor|resolv|success)\w*
          | un(?:available|successful\w*|resolved|healthy) | before\ complet\w+ | fail(?:ed|ing|ure)?\b | in\ progress
          | checkpoint | too\ frequently | (?:to\ be|being|until|waiting\ for)\ \w+ )",
    )
    .ok()
});

/// Words of trouble, for sources that grade nothing.
static PROBLEM: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?ix)\b(?: fail\w* | error\w* | exceed\w* | low | unable | cannot | could\ not | refus\w* | denied | reject\w*
          | exhaust\w* | unhealthy | unavailable | crash\w* | kill\w* | oom\w* | evict\w* | back-?off | degrad\w* | outage
          | timed?[\ -]?out | unreachable | not\ ready | insufficient | throttl\w* | shortage | warning | critical | high
          | approach\w* | lag\w* | full | expired | stopped | interrupt\w* )\b",
    )
    .ok()
});

fn says(pattern: &LazyLock<Option<Regex>>, text: &str) -> bool {
    pattern.as_ref().is_some_and(|p| p.is_match(text))
}

fn tone(event: &Event, text: &str) -> Tone {
    if says(&RELIEF, text)
        && !says(&NOT_YET, text)
        && event.severity.is_none_or(|s| s < Severity::Error)
    {
        Tone::Relief
    } else if event.severity.is_some_and(|s| s >= Severity::Warn) || says(&PROBLEM, text) {
        Tone::Problem
    } else {
        Tone::Notice
    }
}

/// What each event tells, and whether it still holds; the result has the same order.
pub fn standing(scene: &Scene, events: &[(u32, Event)], states: &[StateFact]) -> Vec<EventFact> {
    let texts: Vec<String> = events.iter().map(|(_, e)| text(e)).collect();
    let tones: Vec<Tone> = events
        .iter()
        .zip(&texts)
        .map(|((_, e), t)| tone(e, t))
        .collect();
    // The scene's window may begin at the onset; what led to it was said in the hour before the alarm.
    let beginning = scene.window.from().min(scene.alarm_at.minus(LEAD));
    let relief: Vec<usize> = (0..events.len())
        .filter(|&i| tones[i] == Tone::Relief)
        .collect();
    (0..events.len())
        .map(|index| {
            let (unit, event) = &events[index];
            let entity = scene.number(&event.entity).unwrap_or(*unit);
            let standing = if event.last < beginning {
                Standing::Old
            } else if let Some(over) = by_state(scene, entity, *unit, event, states) {
                over
            } else if tones[index] == Tone::Problem {
                relief
                    .iter()
                    .find(|&&later| {
                        let (other, relief) = &events[later];
                        other == unit
                            && relief.first > event.last
                            && same_topic(&texts[index], &texts[later])
                    })
                    .map_or(Standing::Current, |&later| Standing::Ended {
                        event: later as u32,
                    })
            } else {
                Standing::Current
            };
            EventFact {
                index: index as u32,
                entity,
                unit: *unit,
                text: texts[index].clone(),
                tone: tones[index],
                standing,
            }
        })
        .collect()
}

/// The entity's own state decides; where it has none (a pod that is gone, a replica set), the unit's.
fn by_state(
    scene: &Scene,
    entity: u32,
    unit: u32,
    event: &Event,
    states: &[StateFact],
) -> Option<Standing> {
    let own: Vec<&StateFact> = states
        .iter()
        .filter(|f| f.entity == entity && !is_monitor(f))
        .collect();
    if let Some(leaving) = own.iter().find(|f| f.health == Health::Leaving) {
        return Some(Standing::Leaving {
            state: leaving.index,
        });
    }
    let copy = matches!(
        scene.entities[entity as usize].kind,
        EntityKind::Pod | EntityKind::Workload | EntityKind::Unknown
    );
    let witness = match own.iter().find(|f| f.health != Health::Unknown) {
        Some(_) => {
            let worst = own
                .iter()
                .find(|f| matches!(f.health, Health::Unhealthy | Health::Pending));
            match worst {
                Some(_) => None,
                None => own.iter().find(|f| f.health == Health::Healthy).copied(),
            }
        }
        None if copy || entity != unit => {
            health_of(unit, states).filter(|f| f.health == Health::Healthy)
        }
        None => None,
    }?;
    // Seen well before the event: tells nothing.
    (witness.time >= event.last).then_some(Standing::WellSince {
        state: witness.index,
    })
}

fn same_topic(problem: &str, relief: &str) -> bool {
    let topics = TOPICS.matches(problem);
    TOPICS.matches(relief).iter().any(|t| topics.matched(t))
}
