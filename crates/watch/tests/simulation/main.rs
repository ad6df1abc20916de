//! The whole watch in simulated time: real duty loop, real gate, real hands' room, a world that is invented. One
//! seed replays everything. The power is cut at every write:
//! entries of the journal, deliveries of the outbox, silences.

mod again;
mod asked;
mod disk;
mod drive;
mod islands;
mod overtaken;
mod world;

use std::sync::atomic::Ordering;

use disk::Fall;
use drive::{Answer, Power, Run, cut, one, three_broken};
use model::alarm::{Alarm, AlarmState};
use model::incident::{Ending, IncidentEvent, RunEnd};
use model::ports::Clock as _;
use model::silence::{Recurrence, Silence};
use model::testkit::{self, Cut};
use model::time::Span;
use watch::attend::Refusal;
use world::{FRONT, FUNCTIONS, Manner, World};

const HOURS: Span = Span(3 * 60 * model::time::MINUTE);

#[test]
fn one_alarm_three_causes_a_verified_way_back() {
    let mut run = three_broken(1, Manner::Good, Answer::Yes);
    run.until_over(HOURS);
    run.check("no cut");
    let (_, incident, entries) = one(&run);
    assert_eq!(incident.closed.map(|(_, how)| how), Some(Ending::Recovered));
    assert!(run.world.healthy());
    let plan = incident.plans.last().unwrap();
    assert_eq!(plan.plan.steps.len(), 3);
    // Failback was observed, not assumed.
    let (_, passed, checks) = plan.verified.last().unwrap();
    assert!(*passed);
    assert!(
        checks.iter().any(|c| c.seen.contains("primary")),
        "{checks:?}"
    );
    let words: Vec<&str> = entries.iter().map(|e| e.event.word()).collect();
    let told: Vec<String> = run
        .world
        .state()
        .told
        .iter()
        .map(|n| n.kind.clone())
        .collect();
    assert_eq!(
        told,
        [
            "opened",
            "verdict",
            "approval_wanted",
            "running",
            "recovered",
            "closed"
        ],
        "{words:?}"
    );
}

/// A seed, the control plane's manner, and the person's answer: what replays one incident.
const SEEDS: [(u64, Manner, Answer); 9] = [
    (0, Manner::Moody, Answer::Yes),
    (1, Manner::Moody, Answer::Yes),
    (2, Manner::Moody, Answer::Yes),
    (6, Manner::Moody, Answer::Alone),
    (9, Manner::Good, Answer::Yes),
    (10, Manner::Good, Answer::No),
    (11, Manner::Lies, Answer::Alone),
    (12, Manner::Deaf, Answer::Yes),
    (13, Manner::Refuses, Answer::Alone),
];

/// The id of the silence that a person orders while it all happens.
pub const ORDERED: &str = "ordered";

/// A silence about something else: it is written, and hushes nothing here.
fn elsewhere(world: &World) -> Silence {
    let now = world.now();
    Silence {
        id: ORDERED.to_string(),
        entity: Some("host/elsewhere".to_string()),
        rule: None,
        labels: std::collections::BTreeMap::new(),
        from: now,
        until: now.plus(HOURS),
        every: Recurrence::Once,
        by: "ada".to_string(),
        why: "upgrade".to_string(),
        ended: None,
        ended_by: None,
    }
}

/// Three broken functions, and a person who orders a silence about something else.
fn three_and_a_silence(seed: u64, manner: Manner, answer: Answer) -> Run {
    let run = three_broken(seed, manner, answer);
    let silence = elsewhere(&run.world);
    run.with_orders(silence)
}

/// The same with the journal and the books on a disk.
fn three_and_a_silence_on_disk(seed: u64, manner: Manner, answer: Answer) -> Run<disk::Disk> {
    let run = disk::three_broken(seed, manner, answer);
    let silence = elsewhere(&run.world);
    run.with_orders(silence)
}

/// What must be so whenever the power failed once.
fn over_after_one_cut<P: Power + 'static>(run: &Run<P>, what: &str) {
    run.check(what);
    assert_eq!(run.cuts, 1, "{what}");
    for (incident, _) in run.incidents() {
        let over = incident.closed.is_some() || incident.handed_over.is_some();
        assert!(over, "{what}: {:?}", incident.latest_plan());
        if incident.closed.map(|(_, how)| how) == Some(Ending::Recovered) {
            assert!(run.world.healthy(), "{what}");
        }
    }
}

/// Every write of a whole incident, both ways of failing, many seeds.
#[test]
fn the_power_fails_at_every_write() {
    let mut runs = 0;
    for (seed, manner, answer) in SEEDS {
        let mut whole = three_and_a_silence(seed, manner, answer);
        whole.until_over(HOURS);
        whole.check(&format!("seed {seed}, {manner:?}, {answer:?}, no cut"));
        for number in 1..=whole.journal.writes() {
            for how in [Cut::Before, Cut::After] {
                let what = format!("seed {seed}, {manner:?}, {answer:?}, write {number}, {how:?}");
                let run = cut(three_and_a_silence(seed, manner, answer), number, how);
                over_after_one_cut(&run, &what);
                if manner == Manner::Good && answer == Answer::Yes {
                    assert!(run.world.healthy(), "{what}");
                }
                runs += 1;
            }
        }
    }
    assert!(runs > 400, "{runs} runs only");
}

/// The same over the journal as it lies on a disk, where a write can also be torn.
#[test]
fn the_power_fails_at_every_write_to_the_disk() {
    let fails = |seed: u64, manner, answer| -> u64 {
        let mut whole = three_and_a_silence_on_disk(seed, manner, answer);
        whole.until_over(HOURS);
        whole.check(&format!("seed {seed}, {manner:?}, {answer:?}, no cut"));
        let mut runs = 0;
        for number in 1..=whole.journal.writes() {
            for how in [Fall::Before, Fall::After, Fall::Torn(seed * 1_000 + number)] {
                let what = format!("seed {seed}, {manner:?}, {answer:?}, write {number}, {how:?}");
                let run = cut(
                    three_and_a_silence_on_disk(seed, manner, answer),
                    number,
                    how,
                );
                over_after_one_cut(&run, &what);
                runs += 1;
            }
        }
        runs
    };
    let runs: u64 = std::thread::scope(|scope| {
        let each =
            SEEDS.map(|(seed, manner, answer)| scope.spawn(move || fails(seed, manner, answer)));
        each.into_iter().map(|runs| runs.join().unwrap()).sum()
    });
    assert!(runs > 600, "{runs} runs only");
    for count in [&disk::TORN.kept, &disk::TORN.lost, &disk::TORN.databases] {
        assert!(count.load(Ordering::SeqCst) > 0, "{:?}", disk::TORN);
    }
    println!("{runs} cuts; torn writes: {:?}", disk::TORN);
}

/// The power fails again and again in one incident.
#[test]
fn the_power_fails_often() {
    let mut cuts = 0;
    for seed in 100..140 {
        let mut run = three_broken(seed, Manner::Moody, Answer::Yes);
        let mut chance = world::Chance::new(seed);
        for _ in 0..40 {
            let next = run.journal.writes() + 1 + chance.next() % 3;
            let how = if chance.one_in(2) {
                Cut::Before
            } else {
                Cut::After
            };
            run.journal.cut_at(next, how);
            run.until_over(Span::seconds(6));
        }
        run.journal.restore();
        run.until_over(HOURS);
        run.check(&format!("seed {seed}, often"));
        cuts += run.cuts;
    }
    assert!(cuts > 100, "{cuts} cuts only");
}

/// What had only just begun is looked at twice before hands move, and what was clear is not.
#[test]
fn what_had_only_just_begun_is_looked_at_twice() {
    for (delay, looks) in [(1, 2), (8, 1)] {
        let mut run = three_broken(1, Manner::Good, Answer::Yes);
        run.world.state().delay = delay;
        run.until_over(HOURS);
        run.check("a young one");
        let (_, incident, _) = one(&run);
        assert_eq!(incident.closed.map(|(_, how)| how), Some(Ending::Recovered));
        assert_eq!(incident.investigations.len(), looks, "after {delay} s");
        let last = incident.investigations.last().unwrap().started;
        assert!(incident.plans[0].run_started.unwrap() >= last);
        // The second look said the same: people heard of one verdict.
        let told = run.world.state().told.clone();
        assert_eq!(told.iter().filter(|n| n.kind == "verdict").count(), 1);
    }
}

/// Of three broken functions the first looks show two. The plan puts them right, which telemetry shows while alarms
/// still fire; so it is looked at again, and the third is put right as well. What helped is never undone, also where
/// a report goes on to blame it.
#[test]
fn what_helped_stays_while_something_else_is_found() {
    for answer in [Answer::Yes, Answer::Alone] {
        let mut run = three_broken(1, Manner::Good, answer);
        run.world.state().blinkered = true;
        run.until_over(HOURS);
        run.check("blinkered");
        let (_, incident, _) = one(&run);
        assert_eq!(incident.closed.map(|(_, how)| how), Some(Ending::Recovered));
        assert!(run.world.healthy());
        let steps: Vec<usize> = incident.plans.iter().map(|p| p.plan.steps.len()).collect();
        assert_eq!(steps, [2, 1]);
        let ended = |plan: usize| incident.plans[plan].run_ended.clone().unwrap();
        assert_eq!(ended(0).1, RunEnd::Completed);
        let deeds = run.world.state().deeds.clone();
        assert_eq!(deeds.len(), 3, "{deeds:?}");
        // Not after minutes of patience, but soon after it was clear.
        let between = ended(1).0.since(ended(0).0);
        assert!(between < Span::minutes(1), "{between}");
    }
}

/// An alarm that looks back over a minute still fires although all is well; it is looked at again, and something is named
/// about which nothing can be done. Nobody is called for that: there is patience left, and the alarm goes quiet in it.
#[test]
fn an_alarm_that_comes_after_is_waited_for_whatever_else_is_named() {
    let mut run = three_broken(1, Manner::Good, Answer::Yes);
    {
        let mut state = run.world.state();
        state.distracted = true;
        state.lag = 60;
    }
    run.until_over(HOURS);
    run.check("distracted");
    let (_, incident, _) = one(&run);
    assert_eq!(incident.closed.map(|(_, how)| how), Some(Ending::Recovered));
    assert_eq!(incident.handed_over, None);
    let (_, why) = incident.no_plan.expect("it was looked at for another plan");
    assert!(why.iter().all(|why| why.contains(world::ROUTER)), "{why:?}");
    assert_eq!(run.world.state().deeds.len(), 3);
}

#[test]
fn a_no_is_a_no_and_silence_is_none() {
    for (answer, why) in [
        (Answer::No, "ada said no to the plan: not now"),
        (Answer::Never, "nobody answered in time"),
    ] {
        let mut run = three_broken(2, Manner::Good, answer);
        run.until_over(Span::minutes(60));
        run.check(why);
        let (_, incident, _) = one(&run);
        assert!(run.world.state().deeds.is_empty());
        assert_eq!(
            incident.handed_over.map(|(_, why)| why),
            Some(why.to_string())
        );
        // Alarms still fire: a person has it, and it is not closed under their hands.
        assert_eq!(incident.closed, None);
    }
}

#[test]
fn who_has_it_is_told_what_a_further_alarm_shows() {
    let mut run = three_broken(2, Manner::Good, Answer::No);
    run.until_over(Span::minutes(10));
    let (id, before, _) = one(&run);
    assert!(before.handed_over.is_some());
    // At its opening, once more before a plan, and once more when there was more to see.
    assert_eq!(before.investigations.len(), 3);
    let watch = run.take_up().unwrap();
    let further = testkit::alarm("latency high", FUNCTIONS[1], run.world.now());
    watch.receive(&further).unwrap();
    for _ in 0..60 {
        watch.tick();
        watch.tell();
        run.world.clock.pass(Span::seconds(1));
    }
    let after = watch.incident(&id).unwrap();
    assert_eq!(after.alarms.len(), before.alarms.len() + 1);
    // Looked at once more, and nothing else: it is that person's.
    assert_eq!(after.investigations.len(), before.investigations.len() + 1);
    assert_eq!(after.plans.len(), before.plans.len());
    assert!(after.handed_over.is_some());
    assert!(run.world.state().deeds.is_empty());
    run.check("a further alarm");
}

#[test]
fn what_cannot_be_learned_goes_to_a_person() {
    let mut run = three_broken(3, Manner::Deaf, Answer::Alone);
    run.until_over(HOURS);
    run.check("deaf");
    let (_, incident, _) = one(&run);
    let plan = incident.plans.last().unwrap();
    assert!(matches!(plan.run_ended, Some((_, RunEnd::Stuck { .. }))));
    assert!(incident.handed_over.is_some());
    assert!(run.world.state().deeds.is_empty());
}

#[test]
fn what_fails_for_certain_is_undone() {
    let mut run = three_broken(3, Manner::Refuses, Answer::Alone);
    run.until_over(HOURS);
    run.check("refuses");
    let (_, incident, _) = one(&run);
    assert!(matches!(
        incident.plans[0].run_ended,
        Some((_, RunEnd::Unwound { .. }))
    ));
    assert!(incident.handed_over.is_some());
}

#[test]
fn what_did_not_help_is_not_called_a_recovery() {
    let mut run = three_broken(4, Manner::Lies, Answer::Alone);
    run.until_over(HOURS);
    run.check("lies");
    let (_, incident, _) = one(&run);
    assert!(incident.plans.iter().all(|plan| !plan.worked()));
    assert!(incident.handed_over.is_some());
    assert!(!run.world.healthy());
}

#[test]
fn a_stranger_or_another_plan_is_refused() {
    let mut run = three_broken(5, Manner::Good, Answer::Never);
    run.until_over(Span::seconds(20));
    let watch = run.take_up().unwrap();
    let incident = watch.open().remove(0);
    let digest = incident.latest_plan().unwrap().digest.clone();
    for (plan, by, says) in [
        (digest.as_str(), "mallory", "mallory is not known here"),
        ("0000000000000000", "ada", "the plan that waits is"),
        ("", "ada", "at least 8 characters"),
    ] {
        match watch.approve(&incident.id, plan, by) {
            Err(Refusal::No(why)) => assert!(why.contains(says), "{why}"),
            other => panic!("{by} on {plan:?}: {other:?}"),
        }
    }
    watch.approve(&incident.id, &digest[..12], "ada").unwrap();
    watch.tick();
    watch.tell();
    assert_eq!(run.world.state().deeds.len(), 3);
    // Too late, and for the wrong thing.
    assert!(matches!(
        watch.approve(&incident.id, &digest, "ada"),
        Err(Refusal::No(_))
    ));
}

/// People whose roles change while the watch goes on.
#[derive(Default)]
struct Roles(std::sync::Mutex<Vec<act::gate::Person>>);

impl watch::attend::Roster for Roles {
    fn people(&self) -> Vec<act::gate::Person> {
        self.0.lock().unwrap().clone()
    }
}

#[test]
fn a_role_counts_from_when_it_is_given_until_it_is_taken() {
    let mut run = three_broken(5, Manner::Good, Answer::Never);
    run.until_over(Span::seconds(20));
    let roles = std::sync::Arc::new(Roles::default());
    let watch = run.take_up().unwrap().with_roster(roles.clone());
    let incident = watch.open().remove(0);
    let digest = incident.latest_plan().unwrap().digest.clone();
    let zoe = act::gate::Person {
        name: "zoe".to_string(),
        groups: ["oncall".to_string()].into(),
    };
    assert!(matches!(
        watch.approve(&incident.id, &digest, "zoe"),
        Err(Refusal::No(_))
    ));
    roles.0.lock().unwrap().push(zoe);
    watch.approve(&incident.id, &digest, "zoe").unwrap();
    // Taken before the plan runs: the gate asks again, and her yes counts no more.
    roles.0.lock().unwrap().clear();
    watch.tick();
    watch.tell();
    assert!(run.world.state().deeds.is_empty());
}

#[test]
fn the_kill_switch_stops_all_hands() {
    let mut run = three_broken(6, Manner::Good, Answer::Never);
    run.until_over(Span::seconds(20));
    let watch = run.take_up().unwrap();
    let incident = watch.open().remove(0);
    let digest = incident.latest_plan().unwrap().digest.clone();
    watch.approve(&incident.id, &digest, "ada").unwrap();
    watch.kill(Some("audit".to_string()));
    watch.tick();
    watch.tell();
    assert!(run.world.state().deeds.is_empty());
    let stands = watch.incident(&incident.id).unwrap();
    let why = stands.handed_over.clone().unwrap().1;
    assert!(why.contains("the kill switch is on: audit"), "{why}");
}

#[test]
fn two_writers_share_one_incident() {
    let mut run = three_broken(7, Manner::Good, Answer::Alone);
    run.world.clock.pass(Span::seconds(3));
    let alarm = testkit::alarm("errors high", FRONT, run.world.now());
    let (one_watch, other) = (run.take_up().unwrap(), run.take_up().unwrap());
    one_watch.receive(&alarm).unwrap();
    // The other has not heard of it: its own opening is refused, and it finds the first (J5).
    other.receive(&alarm).unwrap();
    assert_eq!(other.open().len(), 1);
    std::thread::scope(|scope| {
        for watch in [&one_watch, &other] {
            scope.spawn(|| {
                for _ in 0..40 {
                    watch.tick();
                    watch.tell();
                    run.world.clock.pass(Span::seconds(1));
                }
            });
        }
    });
    run.world.state().alarm = AlarmState::Firing;
    run.until_over(HOURS);
    run.check("two writers");
    assert!(run.world.healthy());
}

#[test]
fn a_storm_is_one_incident_and_one_plan() {
    let mut run = three_broken(8, Manner::Good, Answer::Alone);
    let watch = run.take_up().unwrap();
    run.world.clock.pass(Span::seconds(3));
    for n in 0..300_i64 {
        let entity = FUNCTIONS[usize::try_from(n % 3).unwrap()];
        let alarm = testkit::alarm(&format!("errors high {n}"), entity, run.world.now());
        watch.receive(&alarm).unwrap();
    }
    assert_eq!(watch.open().len(), 1);
    assert_eq!(watch.open()[0].alarms.len(), 300);
    watch.tick();
    watch.tell();
    let incident = watch.open().remove(0);
    assert_eq!(incident.investigations.len(), 1, "looked at once");
    // They are over when all is well.
    for n in 0..300_i64 {
        let entity = FUNCTIONS[usize::try_from(n % 3).unwrap()];
        let alarm = Alarm {
            state: AlarmState::Resolved,
            ..testkit::alarm(&format!("errors high {n}"), entity, run.world.now())
        };
        watch.receive(&alarm).unwrap();
    }
    drop(watch);
    run.world.state().alarm = AlarmState::Firing;
    run.until_over(HOURS);
    run.check("storm");
    let (_, incident, _) = one(&run);
    assert_eq!(incident.plans.len(), 1);
    assert_eq!(incident.closed.map(|(_, how)| how), Some(Ending::Recovered));
}

#[test]
fn flapping_is_one_item_and_no_storm_of_looks() {
    let world = World::new(9, Manner::Good, &[]);
    let run = Run::new(world, Answer::Never);
    let watch = run.take_up().unwrap();
    for turn in 0..60 {
        let alarm = Alarm {
            state: if turn % 2 == 0 {
                AlarmState::Firing
            } else {
                AlarmState::Resolved
            },
            ..testkit::alarm("errors high", FRONT, run.world.now())
        };
        watch.receive(&alarm).unwrap();
        watch.tick();
        watch.tell();
        run.world.clock.pass(Span::seconds(20));
    }
    let (_, incident, entries) = one(&run);
    assert!(incident.alarms[0].flapping);
    let flags = entries
        .iter()
        .filter(|e| matches!(e.event, IncidentEvent::Flapping { .. }));
    assert_eq!(flags.count(), 1);
    assert!(
        incident.investigations.len() <= 6,
        "{}",
        incident.investigations.len()
    );
}

#[test]
fn a_silenced_alarm_wakes_nobody_until_the_silence_ends() {
    let mut run = three_broken(10, Manner::Good, Answer::Alone);
    let watch = run.take_up().unwrap();
    let now = run.world.now();
    let silence = Silence {
        id: "s-1".to_string(),
        entity: Some("gateway/*".to_string()),
        rule: None,
        labels: std::collections::BTreeMap::new(),
        from: now,
        until: now.plus(Span::minutes(10)),
        every: Recurrence::Once,
        by: "ada".to_string(),
        why: "upgrade".to_string(),
        ended: None,
        ended_by: None,
    };
    assert_eq!(watch.silence(&silence).unwrap(), 0);
    drop(watch);
    run.until_over(Span::minutes(5));
    let (_, incident, _) = one(&run);
    assert!(incident.investigations.is_empty());
    assert!(run.world.state().told.is_empty());
    run.until_over(HOURS);
    run.check("silence");
    let (_, incident, _) = one(&run);
    assert_eq!(incident.closed.map(|(_, how)| how), Some(Ending::Recovered));
    assert_eq!(run.world.state().told[0].kind, "opened");
}

#[test]
fn people_split_merge_and_close() {
    let run = three_broken(11, Manner::Good, Answer::Never);
    let watch = run.take_up().unwrap();
    for rule in ["errors high", "latency high"] {
        watch
            .receive(&testkit::alarm(rule, FRONT, run.world.now()))
            .unwrap();
    }
    let incident = watch.open().remove(0);
    assert_eq!(incident.alarms.len(), 2);
    let second = incident.alarms[1].fingerprint.clone();
    let new = watch
        .split(&incident.id, std::slice::from_ref(&second), "ada")
        .unwrap();
    assert_eq!(watch.open().len(), 2);
    // It stays: told again, it turns where it is.
    let again = testkit::alarm("latency high", FRONT, run.world.now());
    watch.receive(&again).unwrap();
    assert_eq!(watch.incident(&incident.id).unwrap().alarms.len(), 1);
    assert!(matches!(
        watch.split(&new, &[second], "ada"),
        Err(Refusal::No(_))
    ));
    for (one, other) in [(&new, &incident.id), (&incident.id, &new)] {
        assert!(watch.incident(one).unwrap().links.contains_key(other));
    }
    watch.merge(&new, &incident.id, "ada").unwrap();
    assert_eq!(watch.incident(&incident.id).unwrap().alarms.len(), 2);
    assert_eq!(watch.open().len(), 1);
    watch.note(&incident.id, "ada", "odd").unwrap();
    watch
        .close(&incident.id, "ada", Ending::HandedOver)
        .unwrap();
    let closed = watch.incident(&incident.id).unwrap();
    assert!(closed.closed.is_some());
    assert!(
        closed.lesson.is_some(),
        "a lesson is drawn whoever closes it"
    );
    assert!(matches!(
        watch.close(&incident.id, "ada", Ending::NoFault),
        Err(Refusal::No(_))
    ));
}

#[test]
fn what_people_say_of_causes_and_incidents_stays() {
    let mut run = three_broken(14, Manner::Good, Answer::Yes);
    run.until_over(HOURS);
    let (id, incident, _) = one(&run);
    assert!(incident.closed.is_some());
    let watch = run.take_up().unwrap();
    assert_eq!(watch.judge(&id, Some(2), false, "ada").unwrap(), 1);
    assert_eq!(watch.judge(&id, None, true, "bob").unwrap(), 3);
    assert_eq!(watch.judge(&id, Some(1), false, "ada\u{1b}").unwrap(), 1);
    assert!(matches!(
        watch.judge(&id, Some(4), true, "ada"),
        Err(Refusal::No(_))
    ));
    let other = testkit::alarm("latency high", "host/elsewhere", run.world.now());
    watch.receive(&other).unwrap();
    let new = watch.open()[0].id.clone();
    watch.link(&id, &new, "ada", "the same migration").unwrap();
    assert!(matches!(
        watch.link(&id, &id, "ada", "odd"),
        Err(Refusal::No(_))
    ));
    drop(watch);
    // As the journal says, for whoever comes after.
    let watch = run.take_up().unwrap();
    let stands = watch.incident(&id).unwrap();
    let said: Vec<(bool, &str)> = stands
        .judged
        .values()
        .map(|(right, by)| (*right, by.as_str()))
        .collect();
    assert_eq!(said, [(false, "ada"), (true, "bob"), (true, "bob")]);
    for (one, other) in [(&id, &new), (&new, &id)] {
        let linked = watch.incident(one).unwrap();
        let why = linked.links.get(other).map(String::as_str);
        assert_eq!(why, Some("ada: the same migration"));
    }
    // It was not looked at yet: there is nothing to say of its causes.
    assert!(matches!(
        watch.judge(&new, None, true, "ada"),
        Err(Refusal::No(_))
    ));
}

#[test]
fn what_goes_away_alone_is_seen_to_be_gone() {
    let mut run = three_broken(12, Manner::Good, Answer::Never);
    run.until_over(Span::seconds(20));
    {
        let mut state = run.world.state();
        state.broken.clear();
        state.since = run.world.now();
    }
    run.until_over(HOURS);
    run.check("alone");
    let (_, incident, _) = one(&run);
    assert_eq!(
        incident.closed.map(|(_, how)| how),
        Some(Ending::RecoveredAlone)
    );
    assert!(incident.investigations.len() >= 2, "it was looked at again");
    assert!(run.world.state().deeds.is_empty());
}

#[test]
fn an_altered_journal_is_noticed_and_left_alone() {
    let mut run = three_broken(13, Manner::Good, Answer::Never);
    run.until_over(Span::seconds(20));
    let (id, ..) = one(&run);
    run.journal.tamper(&id, |links| {
        let text = String::from_utf8(links[0].stored.clone()).unwrap();
        links[0].stored = text.replacen("errors", "orrers", 1).into_bytes();
    });
    let error = run.take_up().map(|_| ()).unwrap_err();
    assert!(
        error.to_string().contains("was altered at entry 1"),
        "{error}"
    );
}

/// The same seed, the same journal, byte for byte.
#[test]
fn a_seed_replays() {
    let play = |seed| {
        let mut run = three_broken(seed, Manner::Moody, Answer::Yes);
        run.until_over(HOURS);
        let (id, ..) = one(&run);
        run.journal.links(&id)
    };
    for seed in 20..25 {
        assert_eq!(play(seed), play(seed));
    }
}
