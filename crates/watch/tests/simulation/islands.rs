//! Two faults in parts of the system that have nothing to do with each other, heard together.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::alarm::{Alarm, AlarmState};
use model::case::Case;
use model::entity::EntityId;
use model::incident::{Ending, IncidentEvent};
use model::ports::{Clock as _, Lookout};
use model::report::Report;
use model::testkit::{self, Cut};
use model::time::{Span, TimeWindow, Timestamp};
use watch::attend::Investigator;

use crate::drive::{Answer, Minds, Run};
use crate::world::{FRONT, FUNCTIONS, Manner, World};

/// It leans on nothing, and nothing on it.
const FAR: &str = FUNCTIONS[2];
const NEAR: &str = FUNCTIONS[0];

/// The world in which nobody calls the far function.
struct Parted(Arc<World>);

impl Lookout for Parted {
    fn look(&self, window: TimeWindow, now: Timestamp) -> Case {
        let mut case = self.0.look(window, now);
        case.topology
            .edges
            .retain(|edge| edge.to != EntityId::new(FAR));
        case
    }
}

impl Investigator for Parted {
    /// Causes only of what alarms tell of, as an engine that follows the topology does.
    fn investigate(&self, case: Case, progress: &mut dyn FnMut(String)) -> Report {
        let alarmed: BTreeSet<EntityId> = case.alarms.iter().map(|a| a.entity.clone()).collect();
        let mut report = self.0.investigate(case, progress);
        let led_to = |entity: &EntityId| {
            let by = if *entity == EntityId::new(FAR) {
                FAR
            } else {
                FRONT
            };
            alarmed.contains(&EntityId::new(by))
        };
        report.causes.retain(|cause| led_to(&cause.entity));
        report
    }
}

fn parted() -> Run {
    let world = World::new(3, Manner::Good, &[NEAR, FAR]);
    let parted = Arc::new(Parted(world.clone()));
    let minds = Minds {
        lookout: parted.clone(),
        investigator: parted,
        teacher: world.clone(),
    };
    Run::new(world, Answer::Yes).with_minds(minds)
}

/// The far function's alarm, and its end once all is well.
fn far(run: &Run, state: AlarmState) -> Alarm {
    Alarm {
        state,
        ..testkit::alarm(crate::world::RULE, FAR, run.world.now())
    }
}

/// Both alarms fire before anything is looked at.
fn heard_together() -> Run {
    let run = parted();
    run.world.clock.pass(Span::seconds(3));
    let watch = run.take_up().unwrap();
    let near = run.world.alarm().unwrap();
    watch.receive(&near).unwrap();
    run.world.heard(&near);
    watch.receive(&far(&run, AlarmState::Firing)).unwrap();
    assert_eq!(watch.open().len(), 1, "heard together");
    drop(watch);
    run
}

/// To its end; the far alarm says that it is over when all is well, as the near one does by itself.
fn ended(mut run: Run) -> Run {
    let mut told = false;
    for _ in 0..200 {
        run.until_over(Span::seconds(10));
        if run.world.healthy() && !told {
            let watch = run.take_up().unwrap();
            told = watch.receive(&far(&run, AlarmState::Resolved)).is_ok();
            drop(watch);
            run.restart();
            if !told {
                // The power failed at this very word; it is said again.
                assert!(run.journal.dark());
                run.cuts += 1;
                run.journal.restore();
            }
        }
        if told && run.incidents().iter().all(|(i, _)| i.closed.is_some()) {
            break;
        }
    }
    run
}

/// Each alarm is in one incident, the two name each other, and each was looked at, put right and closed by itself.
fn apart(run: &Run, what: &str) {
    run.check(what);
    let all = run.incidents();
    assert_eq!(all.len(), 2, "{what}");
    for (incident, entries) in &all {
        assert_eq!(incident.alarms.len(), 1, "{what}");
        let (other, _) = all.iter().find(|(i, _)| i.id != incident.id).unwrap();
        assert!(incident.links.contains_key(&other.id), "{what}");
        let ending = incident.closed.as_ref().map(|(_, how)| how);
        assert_eq!(
            ending,
            Some(&Ending::Recovered),
            "{what}: {:#?}",
            entries
                .iter()
                .map(|e| format!("{} {:.200}", e.at, format!("{:?}", e.event)))
                .collect::<Vec<_>>()
        );
        let plan = incident.latest_plan().unwrap();
        assert_eq!(plan.plan.steps.len(), 1, "{what}: {:?}", plan.plan.steps);
        let cause = &incident.report().unwrap();
        assert!(cause.causes.len() <= 1, "{what}");
        let splits = entries
            .iter()
            .filter(|e| matches!(e.event, IncidentEvent::SplitOff { .. }))
            .count();
        assert!(splits <= 1, "{what}");
    }
}

#[test]
fn causes_that_have_nothing_to_do_with_each_other_come_apart() {
    apart(&ended(heard_together()), "no cut");
}

/// Wherever the power fails, an alarm is in one incident afterwards, and no third one is made.
#[test]
fn they_come_apart_once_wherever_the_power_fails() {
    let whole = ended(heard_together());
    let writes = whole.journal.writes();
    for number in 3..=writes {
        for how in [Cut::Before, Cut::After] {
            let run = heard_together();
            run.journal.cut_at(number, how);
            apart(&ended(run), &format!("write {number} of {writes}, {how:?}"));
        }
    }
}

/// What hangs together stays together: one incident, one plan.
#[test]
fn causes_with_anything_between_them_stay_together() {
    let mut run = Run::new(World::new(3, Manner::Good, &[NEAR, FAR]), Answer::Yes);
    run.world.clock.pass(Span::seconds(3));
    let watch = run.take_up().unwrap();
    watch.receive(&far(&run, AlarmState::Firing)).unwrap();
    drop(watch);
    run.until_over(Span::minutes(2));
    assert_eq!(run.incidents().len(), 1);
    let (incident, _) = run.incidents().remove(0);
    assert_eq!(incident.latest_plan().unwrap().plan.steps.len(), 2);
}

/// A person who put two together knows more than the topology.
#[test]
fn what_a_person_put_together_stays_together() {
    let mut run = ended_split();
    let watch = run.take_up().unwrap();
    let open = watch.open();
    assert_eq!(open.len(), 2);
    watch.merge(&open[1].id, &open[0].id, "ada").unwrap();
    drop(watch);
    run.restart();
    run.until_over(Span::minutes(3));
    let open = run.take_up().unwrap().open();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].alarms.len(), 2);
}

/// Apart, and nobody answers.
fn ended_split() -> Run {
    let mut run = heard_together();
    run.answer = Answer::Never;
    run.until_over(Span::seconds(30));
    run
}
