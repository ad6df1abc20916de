//! A small world: functions that a change can break, a control plane that can mend them, a router, a person.
//! Everything in it moves by one clock and one seed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::action::{Action, Outcome, Preview, StepKey};
use model::alarm::{Alarm, AlarmState};
use model::case::{Case, OwnedSpan};
use model::change::{Change, ChangeKind};
use model::entity::{Entity, EntityId, EntityKind};
use model::incident::Incident;
use model::lesson::{Lesson, Milestones};
use model::mechanism::{Category, MechanismId};
use model::ports::{Actuator, Clock, HandsError, Lookout, Notice, Notifier, TellError, Telling};
use model::recording::Manifest;
use model::report::{Cause, Claim, Onset, Report, Status, Symptom};
use model::telemetry::{RawRef, SpanKind, StateSnapshot};
use model::testkit::{self, HandClock};
use model::time::{Span, TimeWindow, Timestamp};
use model::topology::{Edge, EdgeKind, Topology};
use watch::attend::{Around, Investigator, Teacher};
use watch::correlate::Surroundings;

pub const FUNCTIONS: [&str; 3] = ["function/create", "function/list", "function/balance"];
pub const FRONT: &str = "gateway/front";
pub const ROUTER: &str = "gateway/router";
pub const RULE: &str = "errors high";

/// Chance with a seed; the same one in every run.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.next().is_multiple_of(n)
    }
}

/// How the control plane behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Does what it is asked.
    Good,
    /// Sometimes fails, sometimes does not answer, sometimes hangs; by the seed.
    Moody,
    /// Always refuses.
    Refuses,
    /// Never answers, and does nothing.
    Deaf,
    /// Says that it is done, and nothing is mended.
    Lies,
}

#[derive(Debug)]
pub struct State {
    pub chance: Chance,
    pub manner: Manner,
    /// Whose bad change stands.
    pub broken: BTreeSet<EntityId>,
    /// When that was last otherwise.
    pub since: Timestamp,
    pub began: Timestamp,
    /// What became of each key, as the control plane remembers it.
    pub keys: BTreeMap<StepKey, Outcome>,
    /// Every alteration of the world: under which key, what.
    pub deeds: Vec<(StepKey, Action)>,
    pub told: Vec<Notice>,
    pub looks: u64,
    /// Does whoever investigates see a function only in the third look, and blame for ever what was once broken?
    pub blinkered: bool,
    /// Does whoever investigates name, beside what was once broken, a cause about which no hand can do anything?
    pub distracted: bool,
    /// Who was blamed so far.
    blamed: BTreeMap<EntityId, Timestamp>,
    /// The alarm's name.
    pub rule: &'static str,
    /// Seconds that the alarm takes to fire.
    pub delay: i64,
    /// Seconds that it goes on to fire after all is well.
    pub lag: i64,
    /// Is the alarm's word on its way? Its last state as brought.
    pub alarm: AlarmState,
}

/// The world; cheap to share.
pub struct World {
    pub clock: HandClock,
    state: Mutex<State>,
}

impl World {
    pub fn new(seed: u64, manner: Manner, broken: &[&str]) -> Arc<Self> {
        let began = Timestamp::from_seconds(1_781_795_000);
        Arc::new(Self {
            clock: HandClock::at(began),
            state: Mutex::new(State {
                chance: Chance::new(seed),
                manner,
                broken: broken.iter().map(|name| EntityId::new(*name)).collect(),
                since: began,
                began,
                keys: BTreeMap::new(),
                deeds: Vec::new(),
                told: Vec::new(),
                looks: 0,
                blinkered: false,
                distracted: false,
                blamed: BTreeMap::new(),
                rule: RULE,
                delay: 2,
                lag: 10,
                alarm: AlarmState::Resolved,
            }),
        })
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn healthy(&self) -> bool {
        self.state().broken.is_empty()
    }

    /// Somebody breaks it, again.
    pub fn break_again(&self, name: &str) {
        let now = self.clock.now();
        let mut state = self.state();
        state.broken.insert(EntityId::new(name));
        state.since = now;
    }

    /// The alarm's next word, if it has one: it fires some seconds after something breaks, and some after
    /// all is well it is quiet.
    pub fn alarm(&self) -> Option<Alarm> {
        let now = self.clock.now();
        let state = self.state();
        let (wanted, after) = if state.broken.is_empty() {
            (AlarmState::Resolved, state.lag)
        } else {
            (AlarmState::Firing, state.delay)
        };
        (wanted != state.alarm && now.since(state.since) >= Span::seconds(after)).then(|| Alarm {
            state: wanted,
            ..testkit::alarm(state.rule, FRONT, now)
        })
    }

    /// The alarm's word has arrived.
    pub fn heard(&self, alarm: &Alarm) {
        self.state().alarm = alarm.state;
    }

    fn change(entity: &str) -> String {
        format!("change-of-{entity}")
    }

    fn changes(&self) -> Vec<Change> {
        let began = self.state().began;
        FUNCTIONS
            .iter()
            .map(|name| Change {
                id: Self::change(name),
                kind: ChangeKind::Config,
                start: began,
                end: began,
                entities: vec![EntityId::new(*name)],
                actor: "eve".to_string(),
                title: format!("settings of {name}"),
                files: Vec::new(),
                diff: None,
                version: String::new(),
                carries: Vec::new(),
                undone: None,
                raw: RawRef::default(),
            })
            .collect()
    }

    fn topology() -> Topology {
        let entity = |id: &str, kind| Entity {
            id: EntityId::new(id),
            kind,
            name: id.to_string(),
            labels: BTreeMap::new(),
        };
        let mut topology = Topology {
            entities: vec![
                entity(FRONT, EntityKind::Gateway),
                entity(ROUTER, EntityKind::Gateway),
            ],
            edges: Vec::new(),
        };
        for name in FUNCTIONS {
            topology.entities.push(entity(name, EntityKind::Function));
            topology.edges.push(Edge {
                from: EntityId::new(FRONT),
                to: EntityId::new(name),
                kind: EdgeKind::Calls,
                confidence: 1.0,
                calls_per_request: None,
                seen_in: String::new(),
            });
        }
        topology.normalise();
        topology
    }

    /// Alters what the action names, and remembers that it did.
    fn alter(state: &mut State, now: Timestamp, key: &StepKey, action: &Action) {
        state.deeds.push((key.clone(), action.clone()));
        if state.manner == Manner::Lies {
            return;
        }
        let altered = match action {
            Action::RevertChange { entity, .. } => state.broken.remove(entity),
            // The way back from mending is breaking again.
            Action::SetSettings { entity, .. } => state.broken.insert(entity.clone()),
            _ => false,
        };
        if altered {
            state.since = now;
        }
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Around for World {
    fn around(&self, _: Timestamp) -> Surroundings {
        Surroundings::new(Self::topology(), self.changes())
    }
}

impl Lookout for World {
    /// Thirty calls of each function, spread over the last ten seconds, and the router's state.
    fn look(&self, window: TimeWindow, now: Timestamp) -> Case {
        let mut case = Case::new(Manifest {
            schema: model::recording::SCHEMA.to_string(),
            id: "live".to_string(),
            title: "errors".to_string(),
            now,
            window,
            baselines: Vec::new(),
            gaps: Vec::new(),
            sources: Vec::new(),
            origin: String::new(),
            licence: String::new(),
        });
        let state = self.state();
        let mut spans = Vec::new();
        for name in FUNCTIONS {
            for call in 0..30_i64 {
                let start = now.minus(Span(call * Span::seconds(10).0 / 30 + 1));
                let entity = EntityId::new(name);
                // Before it broke or was mended, calls went the other way.
                let broken = state.broken.contains(&entity) && start >= state.since;
                spans.push(OwnedSpan {
                    trace_id: format!("{}", start.0).into(),
                    span_id: format!("{}-{call}", start.0).into(),
                    parent_id: "".into(),
                    entity,
                    name: "call".into(),
                    kind: SpanKind::Server,
                    start,
                    end: start.plus(Span(1_000_000)),
                    error: broken,
                    message: "".into(),
                    peer: "".into(),
                    attributes: Vec::new(),
                    file: "live".into(),
                    line: 1,
                });
            }
        }
        case.spans = Some(spans);
        let active = if state.broken.is_empty() {
            "primary"
        } else {
            "secondary"
        };
        case.snapshots = Some(vec![StateSnapshot {
            entity: EntityId::new(ROUTER),
            kind: "router".to_string(),
            time: now,
            document: serde_json::json!({ "active": active }),
            raw: RawRef::default(),
        }]);
        case.topology = Self::topology();
        case
    }
}

impl Investigator for World {
    /// What a good engine would say: each broken function, by its change. It never sees the answer but by errors.
    fn investigate(&self, case: Case, progress: &mut dyn FnMut(String)) -> Report {
        progress("traces: 90 rows".to_string());
        // Who fails, and since when.
        let mut ill: BTreeMap<EntityId, Timestamp> = BTreeMap::new();
        for span in case.spans.iter().flatten().filter(|span| span.error) {
            let since = ill.entry(span.entity.clone()).or_insert(span.start);
            *since = span.start.min(*since);
        }
        progress("weighing 12 hypotheses".to_string());
        let looks = {
            let mut state = self.state();
            state.looks += 1;
            if state.blinkered && state.looks < 3 {
                ill.remove(&EntityId::new(FUNCTIONS[2]));
            }
            if state.blinkered || state.distracted {
                state.blamed.extend(ill.clone());
                ill.clone_from(&state.blamed);
            }
            if state.distracted && state.broken.is_empty() {
                ill.insert(EntityId::new(ROUTER), case.manifest.now);
            }
            state.looks
        };
        let status = if ill.is_empty() {
            Status::Recovered
        } else {
            Status::CauseFound
        };
        let now = case.manifest.now;
        let ledger = format!("ledger-{looks}-{}", now.0);
        let mut report = testkit::report(&ledger, status, now);
        report.header.case.clone_from(&case.manifest.id);
        report.alarms.clone_from(&case.alarms);
        let claim = |text: String| Claim {
            id: "C1".to_string(),
            text,
            evidence: Vec::new(),
        };
        for (index, (entity, since)) in (0..).zip(&ill) {
            let onset = Onset {
                lo: *since,
                hi: *since,
            };
            report.symptoms.push(Symptom {
                entity: entity.clone(),
                aspect: "errors".to_string(),
                onset,
                active: true,
                size: 9.0,
                claim: claim(format!("{entity} fails")),
            });
            report.causes.push(Cause {
                entity: entity.clone(),
                mechanism: MechanismId("change.config-broken".to_string()),
                title: "a broken setting".to_string(),
                category: Category::SystemChange,
                change: FUNCTIONS
                    .contains(&entity.as_str())
                    .then(|| Self::change(entity.as_str())),
                word: model::report::Word::Confirmed,
                confidence: 0.95,
                onset: Some(onset),
                caps: Vec::new(),
                score: model::report::Score::default(),
                claim: claim(format!("a change broke {entity}")),
                supports: Vec::new(),
                contradicts: Vec::new(),
                predictions: Vec::new(),
                path: Vec::new(),
                explains: vec![index],
                mitigations: Vec::new(),
            });
        }
        report
    }
}

impl Teacher for World {
    fn distil(&self, incident: &Incident, now: Timestamp) -> Lesson {
        Lesson {
            incident: incident.id.clone(),
            at: now,
            title: incident
                .report()
                .map_or_else(String::new, |report| report.header.title.clone()),
            false_alarm: false,
            causes: Vec::new(),
            templates: BTreeSet::new(),
            path: BTreeSet::new(),
            shapes: BTreeSet::new(),
            milestones: Milestones {
                detected: incident.opened,
                ..Milestones::default()
            },
            recovered: None,
            put_right: Vec::new(),
            advice: Vec::new(),
        }
    }
}

impl Actuator for World {
    fn name(&self) -> &str {
        "control-plane"
    }

    fn preview(&self, action: &Action) -> Result<Preview, HandsError> {
        let Action::RevertChange { entity, .. } = action else {
            return Err(HandsError::Cannot {
                actuator: Actuator::name(self).to_string(),
                action: action.to_string(),
                why: "it only undoes changes".to_string(),
            });
        };
        Ok(Preview {
            before: "TABLE is missing".to_string(),
            after: "TABLE=ledger".to_string(),
            undo: Some(Action::SetSettings {
                entity: entity.clone(),
                settings: BTreeMap::from([("TABLE".to_string(), None)]),
            }),
            harmless: true,
            touches: vec![entity.clone()],
        })
    }

    fn perform(&self, key: &StepKey, action: &Action) -> Outcome {
        let now = self.clock.now();
        let mut state = self.state();
        if let Some(known) = state.keys.get(key) {
            return known.clone();
        }
        let done = || Outcome::Done {
            detail: "done".to_string(),
        };
        let failed = || Outcome::Failed {
            why: "conflict".to_string(),
        };
        let unknown = || Outcome::Unknown {
            why: "no answer within 30 s".to_string(),
        };
        let mood = match state.manner {
            Manner::Good | Manner::Lies => 0,
            Manner::Refuses => 5,
            Manner::Deaf => 7,
            Manner::Moody => state.chance.next() % 8,
        };
        match mood {
            0..5 => {
                Self::alter(&mut state, now, key, action);
                state.keys.insert(key.clone(), done());
                done()
            }
            5 => {
                state.keys.insert(key.clone(), failed());
                failed()
            }
            // Done, but the answer was lost after a long wait.
            6 => {
                Self::alter(&mut state, now, key, action);
                state.keys.insert(key.clone(), done());
                drop(state);
                self.clock.pass(Span::seconds(30));
                unknown()
            }
            // Not done, and no answer.
            _ => {
                drop(state);
                self.clock.pass(Span::seconds(30));
                unknown()
            }
        }
    }

    fn was_done(&self, key: &StepKey, _: &Action) -> Outcome {
        let mut state = self.state();
        if state.manner == Manner::Deaf || (state.manner == Manner::Moody && state.chance.one_in(4))
        {
            return Outcome::Unknown {
                why: "still no answer".to_string(),
            };
        }
        state.keys.get(key).cloned().unwrap_or(Outcome::Failed {
            why: "nothing was asked under that key".to_string(),
        })
    }
}

impl Notifier for World {
    fn name(&self) -> &str {
        "ears"
    }

    fn tell(&self, telling: &Telling<'_>, _: Timestamp) -> Result<String, TellError> {
        let mut state = self.state();
        if state.manner == Manner::Moody && state.chance.one_in(3) {
            return Err("refused".to_string().into());
        }
        state.told.push(telling.notice.clone());
        Ok(String::new())
    }
}
