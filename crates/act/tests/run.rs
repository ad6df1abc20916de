//! Runs against hands that fail, do not answer, and die, with the power cut after every journal write: no action
//! is done twice, and every run ends completed, unwound or stuck.

mod world;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use act::gate::{self, ClearedPlan};
use act::run::{Advanced, Halt, Pace, RunError, advance, give_up};
use model::action::{Action, Outcome, Preview, StepKey};
use model::incident::{Incident, IncidentEvent, RunEnd};
use model::plan::{Basis, Check, GateAnswer, Plan, PlannedStep};
use model::ports::{Actuator, HandsError, JournalError};
use model::time::{Span, Timestamp};
use proptest::prelude::*;
use world::{at, id, planned, report};

/// What happens when an action is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Done,
    /// Fails for certain; nothing is altered.
    Failed,
    /// It is done, and the answer is lost.
    DoneUnheard,
    /// It is not done, and the answer is lost.
    NotDoneUnheard,
    /// The power goes before the deed.
    DiesBefore,
    /// The power goes after the deed, before the answer.
    DiesAfter,
    /// The answer is lost, and for three looks nobody knows; then it turns out to be done.
    DoneLate,
    /// Nobody ever knows.
    NeverKnown,
}

#[derive(Default)]
struct State {
    /// What was altered, in order: the action's text.
    deeds: Vec<String>,
    /// Which keys were done.
    done: BTreeMap<StepKey, bool>,
    /// How often each key was looked after.
    looks: BTreeMap<StepKey, u32>,
    /// How often each action was asked for: fates are told off in order.
    asked: BTreeMap<String, usize>,
    power: bool,
}

/// Hands whose fates are laid down per action: the n-th time it is asked for, the n-th fate; then Done. They do not
/// remember keys when asked to perform, so that a run which relied on that would be caught.
struct Doomed {
    fates: BTreeMap<String, Vec<Fate>>,
    state: Mutex<State>,
    unsure: Mutex<BTreeMap<StepKey, Fate>>,
}

impl Doomed {
    fn new(fates: &[(&Action, &[Fate])]) -> Self {
        Self {
            fates: fates
                .iter()
                .map(|(action, fates)| (action.to_string(), fates.to_vec()))
                .collect(),
            state: Mutex::new(State {
                power: true,
                ..State::default()
            }),
            unsure: Mutex::default(),
        }
    }

    fn unknown() -> Outcome {
        Outcome::Unknown {
            why: "no answer".to_string(),
        }
    }

    fn failed() -> Outcome {
        Outcome::Failed {
            why: "refused".to_string(),
        }
    }

    fn done() -> Outcome {
        Outcome::Done {
            detail: String::new(),
        }
    }

    fn deeds(&self) -> Vec<String> {
        self.state.lock().expect("lock").deeds.clone()
    }
}

impl Actuator for Doomed {
    fn name(&self) -> &str {
        "hand"
    }

    fn preview(&self, action: &Action) -> Result<Preview, HandsError> {
        Err(HandsError::Cannot {
            actuator: "hand".to_string(),
            action: action.to_string(),
            why: "not asked for here".to_string(),
        })
    }

    fn perform(&self, key: &StepKey, action: &Action) -> Outcome {
        let mut state = self.state.lock().expect("lock");
        if !state.power {
            return Self::unknown();
        }
        let text = action.to_string();
        let turn = state.asked.entry(text.clone()).or_default();
        let fate = self
            .fates
            .get(&text)
            .and_then(|fates| fates.get(*turn))
            .copied()
            .unwrap_or(Fate::Done);
        *turn += 1;
        let doing = |state: &mut State| {
            state.deeds.push(text.clone());
            state.done.insert(key.clone(), true);
        };
        match fate {
            Fate::Done => {
                doing(&mut state);
                Self::done()
            }
            Fate::Failed => Self::failed(),
            Fate::DoneUnheard => {
                doing(&mut state);
                Self::unknown()
            }
            Fate::NotDoneUnheard => Self::unknown(),
            Fate::DiesBefore => {
                state.power = false;
                Self::unknown()
            }
            Fate::DiesAfter => {
                doing(&mut state);
                state.power = false;
                Self::unknown()
            }
            Fate::DoneLate | Fate::NeverKnown => {
                doing(&mut state);
                self.unsure.lock().expect("lock").insert(key.clone(), fate);
                Self::unknown()
            }
        }
    }

    fn was_done(&self, key: &StepKey, _: &Action) -> Outcome {
        let mut state = self.state.lock().expect("lock");
        let looks = state.looks.entry(key.clone()).or_default();
        *looks += 1;
        let looks = *looks;
        match self.unsure.lock().expect("lock").get(key) {
            Some(Fate::DoneLate) if looks <= 3 => return Self::unknown(),
            Some(Fate::NeverKnown) => return Self::unknown(),
            _ => {}
        }
        if state.done.contains_key(key) {
            Self::done()
        } else {
            Self::failed()
        }
    }
}

fn set(entity: &str, value: &str) -> Action {
    Action::SetSettings {
        entity: entity.into(),
        settings: BTreeMap::from([("mode".to_string(), Some(value.to_string()))]),
    }
}

fn forth(step: usize) -> Action {
    set(&format!("service/{step}"), "well")
}

fn back(step: usize) -> Action {
    set(&format!("service/{step}"), "ill")
}

/// A plan of that many steps; those named have no way back.
fn plan(steps: usize, one_way: &[usize]) -> Plan {
    Plan {
        incident: id(),
        report: "ledger-1".to_string(),
        attempt: 1,
        basis: vec![Basis {
            entity: "service/0".into(),
            mechanism: model::MechanismId("m".to_string()),
            change: None,
            confidence: 0.9,
        }],
        steps: (0..steps)
            .map(|step| PlannedStep {
                action: forth(step),
                undo: (!one_way.contains(&step)).then(|| back(step)),
                actuator: "hand".to_string(),
                before: "ill".to_string(),
                after: "well".to_string(),
                harmless: true,
                because: "C1".to_string(),
            })
            .collect(),
        expect: Check::default(),
        stop: Check::default(),
        settle: Span::seconds(10),
        patience: Span::seconds(60),
        touches: vec!["service/0".into()],
        risks: Vec::new(),
    }
}

/// The journal: events that were written stay written, whatever happens to the writer.
struct Desk {
    incident: Incident,
    now: Timestamp,
    writes: u32,
    /// Cut the power after these writes, or instead of them.
    cuts: Vec<(u32, bool)>,
}

fn power_cut() -> JournalError {
    JournalError::Store {
        what: "the power is off".to_string(),
    }
}

/// Runs a plan to its end, restarting after each power cut.
fn live(
    plan: Plan,
    hands: Arc<Doomed>,
    cuts: &[(u32, bool)],
    stop_before: Option<usize>,
) -> (Incident, RunEnd, u32) {
    let mut incident = planned(report(serde_json::json!({})), plan);
    let digest = incident.latest_plan().expect("a plan").digest.clone();
    world::happen(
        &mut incident,
        vec![IncidentEvent::GateAnswered {
            plan: digest,
            answer: GateAnswer::Go { reasons: vec![] },
        }],
    );
    // A Go that is in the journal, taken up as after a restart: the fold takes the beginning because of the Go.
    let mut desk = Desk {
        now: at(10),
        incident,
        writes: 0,
        cuts: cuts.to_vec(),
    };
    let begun = IncidentEvent::RunStarted {
        plan: desk.incident.latest_plan().expect("a plan").digest.clone(),
    };
    world::happen(&mut desk.incident, vec![begun]);
    for _ in 0..200 {
        hands.state.lock().expect("lock").power = true;
        match once(&mut desk, &hands, stop_before) {
            Ok(Advanced::Ended(end)) => return (desk.incident, end, desk.writes),
            Ok(Advanced::Wait { until, .. }) => desk.now = desk.now.max(until),
            Err(RunError::Journal(JournalError::Store { .. })) => {
                desk.now = desk.now.plus(Span::seconds(3));
            }
            Err(other) => panic!("{other}"),
        }
    }
    panic!("it never ends: {:#?}", desk.incident.latest_plan());
}

fn cleared(incident: &Incident) -> ClearedPlan {
    gate::resume(incident.latest_plan().expect("a plan")).expect("a plan that was begun")
}

fn once(
    desk: &mut Desk,
    hands: &Arc<Doomed>,
    stop_before: Option<usize>,
) -> Result<Advanced, RunError> {
    let state = desk.incident.latest_plan().expect("a plan").clone();
    let cleared = cleared(&desk.incident);
    let now = desk.now;
    let all: Vec<Arc<dyn Actuator>> = vec![hands.clone()];
    let deeds = || hands.deeds().len();
    advance(
        &cleared,
        &state,
        &all,
        &Pace::default(),
        &|| now,
        &mut |_| (stop_before == Some(deeds())).then(|| Halt::Unwind("it gets worse".to_string())),
        &mut |event| {
            if !hands.state.lock().expect("lock").power {
                return Err(power_cut());
            }
            desk.writes += 1;
            let cut = desk.cuts.iter().find(|(write, _)| *write == desk.writes);
            if let Some((_, true)) = cut {
                hands.state.lock().expect("lock").power = false;
                return Err(power_cut());
            }
            let seq = desk.incident.seq + 1;
            desk.incident.apply(seq, now, &event)?;
            if cut.is_some() {
                hands.state.lock().expect("lock").power = false;
                return Err(power_cut());
            }
            Ok(desk.incident.latest_plan().expect("a plan").clone())
        },
    )
}

/// No deed twice; what the end says is what the world shows.
fn holds(hands: &Doomed, plan: &Plan, end: &RunEnd) {
    let deeds = hands.deeds();
    for deed in &deeds {
        let times = deeds.iter().filter(|d| *d == deed).count();
        assert_eq!(times, 1, "done twice (J2): {deed}\n{deeds:#?}");
    }
    let was = |action: &Action| deeds.contains(&action.to_string());
    match end {
        RunEnd::Completed => {
            for step in &plan.steps {
                assert!(was(&step.action), "not done: {}", step.action);
                assert!(!step.undo.as_ref().is_some_and(was), "undone");
            }
        }
        RunEnd::Unwound { .. } => {
            for step in &plan.steps {
                let undone = step.undo.as_ref().is_some_and(was);
                assert_eq!(was(&step.action), undone, "{}: {deeds:#?}", step.action);
            }
            let undone: Vec<usize> = (0..plan.steps.len())
                .filter_map(|i| deeds.iter().position(|d| *d == back(i).to_string()))
                .collect();
            assert!(undone.is_sorted_by(|a, b| a > b), "order: {deeds:#?}");
        }
        RunEnd::Stuck { why } => assert!(!why.is_empty()),
    }
}

fn told(end: &RunEnd) -> String {
    match end {
        RunEnd::Completed => "completed".to_string(),
        RunEnd::Unwound { why } => format!("unwound: {why}"),
        RunEnd::Stuck { why } => format!("stuck: {why}"),
    }
}

/// One row: fates, and how it must end.
#[allow(clippy::type_complexity, reason = "rows of a table")]
fn table() -> Vec<(
    &'static str,
    Vec<(Action, Vec<Fate>)>,
    Vec<usize>,
    Option<usize>,
    &'static str,
)> {
    use Fate::*;
    let row =
        |name, fates, one_way: &[usize], stop, end| (name, fates, one_way.to_vec(), stop, end);
    vec![
        row("all well", vec![], &[], None, "completed"),
        row(
            "fails once",
            vec![(forth(1), vec![Failed])],
            &[],
            None,
            "completed",
        ),
        row(
            "fails for good",
            vec![(forth(2), vec![Failed; 9])],
            &[],
            None,
            "unwound: step 3 failed: refused",
        ),
        row(
            "fails for good after a step without a way back",
            vec![(forth(2), vec![Failed; 9])],
            &[0],
            None,
            "stuck: step 3 failed: refused; step 1 has no way back",
        ),
        row(
            "first fails for good",
            vec![(forth(0), vec![Failed; 9])],
            &[],
            None,
            "unwound: step 1 failed: refused",
        ),
        row(
            "done but unheard",
            vec![(forth(1), vec![DoneUnheard])],
            &[],
            None,
            "completed",
        ),
        row(
            "not done and unheard",
            vec![(forth(1), vec![NotDoneUnheard])],
            &[],
            None,
            "completed",
        ),
        row(
            "late",
            vec![(forth(0), vec![DoneLate])],
            &[],
            None,
            "completed",
        ),
        row(
            "never known",
            vec![(forth(1), vec![NeverKnown])],
            &[],
            None,
            "stuck: whether step 2 was done could not be learned in 8 looks (no answer); a person must look at service/1",
        ),
        row(
            "dies before",
            vec![(forth(1), vec![DiesBefore])],
            &[],
            None,
            "completed",
        ),
        row(
            "dies after",
            vec![(forth(1), vec![DiesAfter])],
            &[],
            None,
            "completed",
        ),
        row(
            "stopped at once",
            vec![],
            &[],
            Some(0),
            "unwound: it gets worse",
        ),
        row(
            "stopped after two",
            vec![],
            &[],
            Some(2),
            "unwound: it gets worse",
        ),
        row(
            "undoing fails",
            vec![(forth(2), vec![Failed; 9]), (back(0), vec![Failed; 9])],
            &[],
            None,
            "stuck: step 3 failed: refused; undoing step 1 failed: refused",
        ),
        row(
            "undoing dies and is unheard",
            vec![
                (forth(2), vec![Failed; 9]),
                (back(1), vec![DiesAfter]),
                (back(0), vec![DoneLate]),
            ],
            &[],
            None,
            "unwound: step 3 failed: refused",
        ),
        row(
            "undoing never known",
            vec![(forth(2), vec![Failed; 9]), (back(1), vec![NeverKnown])],
            &[],
            None,
            "stuck: step 3 failed: refused; whether undoing step 2 was done could not be learned in 8 looks (no answer); a person must look at service/1",
        ),
    ]
}

fn doomed(fates: &[(Action, Vec<Fate>)]) -> Arc<Doomed> {
    let fates: Vec<(&Action, &[Fate])> = fates
        .iter()
        .map(|(action, fates)| (action, fates.as_slice()))
        .collect();
    Arc::new(Doomed::new(&fates))
}

#[test]
fn every_fate_ends_as_it_must_and_so_it_does_with_the_power_cut_at_every_write() {
    for (name, fates, one_way, stop, expected) in table() {
        let whole = doomed(&fates);
        let (_, end, writes) = live(plan(3, &one_way), whole.clone(), &[], stop);
        assert_eq!(told(&end), expected, "{name}");
        holds(&whole, &plan(3, &one_way), &end);
        for write in 1..=writes {
            for instead in [false, true] {
                let hands = doomed(&fates);
                let (_, end, _) = live(plan(3, &one_way), hands.clone(), &[(write, instead)], stop);
                let cut = format!("{name}, cut at {write}, lost: {instead}");
                holds(&hands, &plan(3, &one_way), &end);
                // The reason of a stop is told between steps and is not in the journal; the kind of end is the same.
                let kind = |text: &str| text.split(':').next().unwrap_or_default().to_string();
                assert_eq!(kind(&told(&end)), kind(expected), "{cut}: {}", told(&end));
            }
        }
    }
}

fn fate() -> impl Strategy<Value = Fate> {
    use Fate::*;
    prop_oneof![
        4 => Just(Done),
        2 => Just(Failed),
        1 => Just(DoneUnheard),
        1 => Just(NotDoneUnheard),
        1 => Just(DiesBefore),
        1 => Just(DiesAfter),
        1 => Just(DoneLate),
        1 => Just(NeverKnown),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Any fates, any power cuts: nothing twice, and an end of one of the three kinds.
    #[test]
    fn nothing_is_done_twice(
        fates in proptest::collection::vec(proptest::collection::vec(fate(), 0..4), 8),
        cuts in proptest::collection::vec((1_u32..40, any::<bool>()), 0..6),
        stop in proptest::option::of(0_usize..5),
        one_way in proptest::collection::vec(0_usize..4, 0..2),
    ) {
        let fates: Vec<(Action, Vec<Fate>)> = fates
            .into_iter()
            .enumerate()
            .map(|(i, fates)| (if i < 4 { forth(i) } else { back(i - 4) }, fates))
            .collect();
        let hands = doomed(&fates);
        let (_, end, _) = live(plan(4, &one_way), hands.clone(), &cuts, stop);
        holds(&hands, &plan(4, &one_way), &end);
    }
}

#[test]
fn the_kill_switch_stops_even_the_undoing() {
    let hands = doomed(&[]);
    let mut incident = planned(report(serde_json::json!({})), plan(2, &[]));
    let digest = incident.latest_plan().expect("a plan").digest.clone();
    world::happen(
        &mut incident,
        vec![
            IncidentEvent::GateAnswered {
                plan: digest.clone(),
                answer: GateAnswer::Go { reasons: vec![] },
            },
            IncidentEvent::RunStarted { plan: digest },
        ],
    );
    let cleared = cleared(&incident);
    let state = incident.latest_plan().expect("a plan").clone();
    let all: Vec<Arc<dyn Actuator>> = vec![hands.clone()];
    let mut asked = 0;
    let end = advance(
        &cleared,
        &state,
        &all,
        &Pace::default(),
        &|| at(20),
        &mut |_| {
            asked += 1;
            match asked {
                1 => None,
                2 => Some(Halt::Unwind("it gets worse".to_string())),
                _ => Some(Halt::HandsOff("the kill switch is on".to_string())),
            }
        },
        &mut |event| {
            let seq = incident.seq + 1;
            incident.apply(seq, at(20), &event)?;
            Ok(incident.latest_plan().expect("a plan").clone())
        },
    )
    .expect("a run");
    let why = "it gets worse; the kill switch is on".to_string();
    assert_eq!(end, Advanced::Ended(RunEnd::Stuck { why }));
    assert_eq!(hands.deeds(), [forth(0).to_string()]);
}

#[test]
fn a_plan_that_did_not_help_can_be_undone() {
    let hands = doomed(&[]);
    let (mut incident, end, _) = live(plan(2, &[]), hands.clone(), &[], None);
    assert_eq!(end, RunEnd::Completed);
    let digest = incident.latest_plan().expect("a plan").digest.clone();
    world::happen(
        &mut incident,
        vec![IncidentEvent::Verified {
            plan: digest,
            passed: false,
            checks: vec![],
        }],
    );
    let cleared = cleared(&incident);
    let state = incident.latest_plan().expect("a plan").clone();
    let all: Vec<Arc<dyn Actuator>> = vec![hands.clone()];
    let ended = give_up(
        &cleared,
        &state,
        &all,
        &Pace::default(),
        &|| at(90),
        &mut |_| None,
        &mut |event| {
            let seq = incident.seq + 1;
            incident.apply(seq, at(90), &event)?;
            Ok(incident.latest_plan().expect("a plan").clone())
        },
    )
    .expect("a run");
    let why = "it was performed and did not help".to_string();
    assert_eq!(
        ended,
        Some(Advanced::Ended(RunEnd::Unwound { why: why.clone() }))
    );
    holds(&hands, &plan(2, &[]), &RunEnd::Unwound { why });
}

#[test]
fn keys_name_one_performance() {
    let one = act::run::key("digest", 1, false, 1);
    assert_eq!(one, act::run::key("digest", 1, false, 1));
    for other in [
        act::run::key("digest", 1, false, 2),
        act::run::key("digest", 1, true, 1),
        act::run::key("digest", 2, false, 1),
        act::run::key("digesu", 1, false, 1),
    ] {
        assert_ne!(one, other);
    }
}
