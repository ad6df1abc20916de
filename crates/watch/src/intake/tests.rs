use model::incident::Entry;
use model::silence::Recurrence;
use model::testkit;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_seconds(10_000 + second)
}

/// Incidents as intake left them, without a journal.
#[derive(Default)]
struct Desk {
    open: BTreeMap<IncidentId, Incident>,
    closed: BTreeMap<Fingerprint, (IncidentId, Timestamp)>,
    around: Surroundings,
    silences: Vec<Silence>,
}

impl Desk {
    fn hears(&mut self, alarm: &Alarm, now: Timestamp) -> Taken {
        let open: Vec<&Incident> = self.open.values().collect();
        let known = Known {
            open: &open,
            closed: &self.closed,
            around: &self.around,
            silences: &self.silences,
        };
        let decision = decide(alarm, &known, now);
        let mut seq = decision.after;
        for event in &decision.events {
            seq += 1;
            let id = decision.incident.clone().unwrap();
            match self.open.get_mut(&id) {
                Some(incident) => incident.apply(seq, now, event).unwrap(),
                None => {
                    let entry = Entry {
                        seq,
                        at: now,
                        event: event.clone(),
                        previous: String::new(),
                        digest: String::new(),
                    };
                    let incident = Incident::begin(&id, &entry).unwrap();
                    self.open.insert(id, incident);
                }
            }
        }
        decision.taken
    }

    fn only(&self) -> &Incident {
        assert_eq!(self.open.len(), 1);
        self.open.values().next().unwrap()
    }
}

fn fires(rule: &str, entity: &str, second: i64) -> Alarm {
    testkit::alarm(rule, entity, at(second))
}

fn resolves(rule: &str, entity: &str, second: i64) -> Alarm {
    Alarm {
        state: AlarmState::Resolved,
        ..fires(rule, entity, second)
    }
}

/// Caller and callee, each in words of its own, in the same instant: in either order one incident.
#[test]
fn two_alarms_in_one_instant_on_caller_and_callee_are_one_incident() {
    let edge = model::topology::Edge {
        from: "front".into(),
        to: "cart".into(),
        kind: model::topology::EdgeKind::Calls,
        confidence: 1.0,
        calls_per_request: None,
        seen_in: String::new(),
    };
    for (first, second) in [("front", "cart"), ("cart", "front")] {
        let mut desk = Desk::default();
        let topology = model::Topology {
            edges: vec![edge.clone()],
            ..Default::default()
        };
        desk.around = Surroundings::new(topology, Vec::new());
        desk.hears(&fires("TooManyErrors", first, 0), at(0));
        let taken = desk.hears(&fires("P99Latency", second, 0), at(0));
        assert!(matches!(taken, Taken::Joined(_)), "{taken:?}");
        assert_eq!(desk.only().alarms.len(), 2);
        // Of others nothing is known that would bring them together.
        let taken = desk.hears(&fires("P99Latency", "elsewhere", 0), at(0));
        assert!(matches!(taken, Taken::Opened(_)), "{taken:?}");
    }
}

#[test]
fn an_alarm_opens_once_and_turns() {
    let mut desk = Desk::default();
    let taken = desk.hears(&fires("errors", "front", 0), at(0));
    let Taken::Opened(id) = taken else {
        panic!("{taken:?}");
    };
    // Said again, perhaps with another value: known.
    let mut again = fires("errors", "front", 9);
    again.labels.insert("value".to_string(), "0.7".to_string());
    assert_eq!(desk.hears(&again, at(9)), Taken::Known);
    assert_eq!(
        desk.hears(&resolves("errors", "front", 20), at(20)),
        Taken::Turned(id)
    );
    assert!(!desk.only().firing(at(21)));
    // The end of what never was here opens nothing.
    assert_eq!(
        desk.hears(&resolves("latency", "front", 21), at(21)),
        Taken::Known
    );
    let mut no_data = fires("latency", "back", 22);
    no_data.state = AlarmState::NoData;
    assert_eq!(desk.hears(&no_data, at(22)), Taken::Known);
}

#[test]
fn a_storm_about_one_thing_is_one_incident() {
    let mut desk = Desk::default();
    for n in 0..200_i64 {
        let alarm = fires(&format!("errors of shard {n}"), "front", n / 10);
        desk.hears(&alarm, at(n / 10));
    }
    assert_eq!(desk.only().alarms.len(), 200);
    let taken = desk.hears(&fires("disk", "elsewhere", 21), at(21));
    assert!(matches!(taken, Taken::Opened(_)));
    assert_eq!(desk.open.len(), 2);
}

#[test]
fn four_turns_in_a_quarter_of_an_hour_are_flapping() {
    let mut desk = Desk::default();
    desk.hears(&fires("errors", "front", 0), at(0));
    let mut turn = |minute: i64, up: bool| {
        let second = minute * 60;
        let alarm = if up {
            fires("errors", "front", second)
        } else {
            resolves("errors", "front", second)
        };
        desk.hears(&alarm, at(second));
        desk.only().alarms[0].clone()
    };
    // Slow turns are not flapping.
    for (minute, up) in [(10, false), (20, true), (30, false), (40, true)] {
        assert!(!turn(minute, up).flapping);
    }
    assert!(!turn(60, false).flapping);
    assert!(!turn(61, true).flapping);
    assert!(!turn(62, false).flapping);
    assert!(turn(63, true).flapping);
    // From here on it is one item with a count: the flag is written once.
    let after = turn(64, false);
    assert_eq!(after.turns, 9);
    let incident = desk.only();
    assert!(
        incident.firing(at(64 * 60 + 60)),
        "quiet is not believed yet"
    );
    assert!(!incident.firing(at(64 * 60 + 15 * 60)));
    let soon = at(64 * 60 + 60);
    assert!(
        !incident.firing_since(at(63 * 60 + 30), soon),
        "it went quiet once since it was put right"
    );
    assert!(
        incident.firing_since(at(62 * 60 + 30), soon),
        "it fired again after that"
    );
}

#[test]
fn a_silenced_alarm_opens_quietly() {
    let mut desk = Desk::default();
    desk.silences.push(Silence {
        id: "s".to_string(),
        entity: Some("front".to_string()),
        rule: None,
        labels: BTreeMap::new(),
        from: at(0),
        until: at(600),
        every: Recurrence::Once,
        by: "ada".to_string(),
        why: "upgrade".to_string(),
        ended: None,
        ended_by: None,
    });
    desk.hears(&fires("errors", "front", 5), at(5));
    let silenced = desk.only().silenced.clone().unwrap();
    assert_eq!(
        silenced,
        ("ada".to_string(), "upgrade".to_string(), at(600))
    );
}

#[test]
fn what_comes_again_is_linked_with_what_was() {
    let mut desk = Desk::default();
    let alarm = fires("errors", "front", 0);
    let before = IncidentId("inc-before".to_string());
    let print = Fingerprint::of(&alarm, UNSTABLE);
    desk.closed
        .insert(print.clone(), (before.clone(), at(-300)));
    desk.hears(&alarm, at(0));
    assert_eq!(
        desk.only().links.get(&before).map(String::as_str),
        Some("the same alarm; closed 5 min ago")
    );
    let mut desk = Desk::default();
    desk.closed.insert(print, (before, at(-7200)));
    desk.hears(&alarm, at(0));
    assert!(desk.only().links.is_empty());
}
