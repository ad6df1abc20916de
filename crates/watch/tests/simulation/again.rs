//! The same fault twice, days apart: real engine, real lessons, real gate and hands' room over the invented world.

use std::sync::{Arc, Mutex};

use investigate::DEFAULT_BUDGET;
use model::case::{Case, OwnedLog};
use model::change::{Change, ChangeKind};
use model::incident::{Ending, Incident};
use model::lesson::Lesson;
use model::ports::{Clock as _, Lookout};
use model::telemetry::{RawRef, Series, SeriesKey, Severity};
use model::time::{SECOND, Span, TimeWindow, Timestamp};
use watch::attend::{Engine, Teacher};

use crate::drive::{Answer, Minds, Run};
use crate::world::{FRONT, FUNCTIONS, Manner, World};

/// The one that breaks.
const BROKEN: &str = FUNCTIONS[0];

/// What the world's programs tell of themselves, so that an engine which knows nothing of it can find out.
struct Telling {
    world: Arc<World>,
    /// When it was broken before, and mended.
    before: Mutex<Vec<TimeWindow>>,
}

impl Telling {
    /// Twenty minutes of invocations and errors, a point each second.
    fn series(now: Timestamp, name: &str, ill: &dyn Fn(Timestamp) -> bool) -> Vec<Arc<Series>> {
        let times: Vec<i64> = (0..1_200_i64)
            .rev()
            .map(|age| now.0 - age * SECOND)
            .collect();
        let series = |metric: &str, value: &dyn Fn(i64) -> f64| {
            Arc::new(Series {
                key: SeriesKey {
                    entity: name.into(),
                    metric: metric.to_string(),
                    statistic: "Sum".to_string(),
                    unit: "Count".to_string(),
                    labels: Default::default(),
                },
                values: times.iter().map(|at| value(*at)).collect(),
                times: times.clone(),
            })
        };
        // Requests come a little unevenly, as they do.
        let uneven = |at: i64| (at / SECOND % 7) as f64;
        vec![
            series("Errors", &|at| if ill(Timestamp(at)) { 30.0 } else { 0.0 }),
            series("Invocations", &|at| 30.0 + uneven(at)),
        ]
    }

    fn logs(now: Timestamp, name: &str, ill: &dyn Fn(Timestamp) -> bool) -> Vec<OwnedLog> {
        (0..1_200_i64)
            .rev()
            .map(|age| {
                let time = Timestamp(now.0 - age * SECOND);
                let (severity, body) = if ill(time) {
                    let line = "[ERROR] KeyError: 'LEDGER_TABLE' at load: table = os.environ['LEDGER_TABLE']";
                    (Severity::Error, line.to_string())
                } else {
                    (Severity::Info, format!("request {} done", time.0 / SECOND))
                };
                OwnedLog {
                    time,
                    entity: name.into(),
                    severity: Some(severity),
                    body: body.into(),
                    attributes: Vec::new(),
                    trace_id: "".into(),
                    span_id: "".into(),
                    file: "live".into(),
                    line: u64::try_from(1_200 - age).unwrap_or(0),
                }
            })
            .collect()
    }
}

impl Lookout for Telling {
    fn look(&self, window: TimeWindow, now: Timestamp) -> Case {
        let mut case = self.world.look(window, now);
        let (since, broken) = {
            let state = self.world.state();
            (state.since, state.broken.clone())
        };
        let breaks = broken.contains(BROKEN).then_some(since);
        let before = self.before.lock().unwrap().clone();
        let ill = |at: Timestamp| {
            breaks.is_some_and(|from| at >= from) || before.iter().any(|ill| ill.contains(at))
        };
        let well = |_: Timestamp| false;
        let (mut series, mut logs) = (Vec::new(), Vec::new());
        for name in FUNCTIONS {
            let ill: &dyn Fn(Timestamp) -> bool = if name == BROKEN { &ill } else { &well };
            series.extend(Self::series(now, name, ill));
            logs.extend(Self::logs(now, name, ill));
        }
        series.extend(Self::series(now, FRONT, &ill));
        case.series = Some(series);
        case.logs = Some(logs);
        let mended = before.iter().map(|ill| (ill.from(), Some(ill.to())));
        let changes = mended.chain(breaks.map(|at| (at, None)));
        let changes = changes.enumerate().map(|(number, (at, undone))| Change {
            // The world's hands know the change by this name; those before it are of the past.
            id: match undone {
                None => format!("change-of-{BROKEN}"),
                Some(_) => format!("earlier-change-{number}"),
            },
            kind: ChangeKind::Config,
            start: at,
            end: at,
            entities: vec![BROKEN.into()],
            actor: "eve".to_string(),
            title: format!("settings of {BROKEN}"),
            files: Vec::new(),
            diff: Some("-LEDGER_TABLE=ledger\n".to_string()),
            version: String::new(),
            carries: Vec::new(),
            undone,
            raw: RawRef::default(),
        });
        case.changes = Some(changes.collect());
        case.events = Some(Vec::new());
        case.normalise();
        case
    }
}

/// The fault comes back half a minute after the first incident closed: what is over is neither this one's beginning
/// nor its health.
#[test]
fn the_same_again_at_once_begins_when_it_begins() {
    again(Span::seconds(30), |_| {});
}

/// The same, when another alarm tells of it.
#[test]
fn what_was_nearby_and_is_over_is_no_beginning_either() {
    again(Span::seconds(150), |state| state.rule = "TooSlow");
}

fn again(pause: Span, alter: impl FnOnce(&mut crate::world::State)) {
    let (mut run, telling) = telling();
    let first = run.world.now();
    run.until_over(Span::minutes(60));
    let mended = run.world.state().since;
    telling
        .before
        .lock()
        .unwrap()
        .extend(TimeWindow::new(first, mended));
    run.world.clock.pass(pause);
    alter(&mut run.world.state());
    let broken = run.world.now();
    run.world.break_again(BROKEN);
    run.until_over(Span::minutes(60));
    run.check("at once");
    let all = run.incidents();
    assert_eq!(all.len(), 2);
    let (again, _) = all.iter().max_by_key(|(i, _)| i.opened).unwrap();
    let ending = again.closed.as_ref().map(|(_, how)| how);
    assert_eq!(ending, Some(&Ending::Recovered), "{:?}", again.handed_over);
    let look = again.investigations[0].ended.as_ref().unwrap();
    let report = look.1.as_deref().unwrap();
    let cause = &report.causes[0];
    assert_eq!(cause.entity.as_str(), BROKEN);
    let change = format!("change-of-{BROKEN}");
    assert_eq!(cause.change.as_ref(), Some(&change));
    let onset = cause.onset.unwrap();
    let late = Span::seconds(15);
    assert!(
        onset.hi >= broken.minus(late) && onset.lo <= broken.plus(late),
        "it broke at {broken}, and is said to have begun at {onset:?}"
    );
}

/// The room that learns, as the front door wires it.
struct Teaching;

impl Teacher for Teaching {
    fn distil(&self, incident: &Incident, now: Timestamp) -> Lesson {
        Lesson {
            at: now,
            ..learn::distil(incident)
        }
    }
}

fn run() -> Run {
    telling().0
}

fn telling() -> (Run, Arc<Telling>) {
    let world = World::new(7, Manner::Good, &[BROKEN]);
    // The alarm's period: by then there is something to see.
    world.state().delay = 40;
    let telling = Arc::new(Telling {
        world: world.clone(),
        before: Mutex::default(),
    });
    let minds = Minds {
        lookout: telling.clone(),
        investigator: Arc::new(Engine {
            budget: DEFAULT_BUDGET,
        }),
        teacher: Arc::new(Teaching),
    };
    (Run::new(world, Answer::Yes).with_minds(minds), telling)
}

#[test]
fn the_first_incident_is_the_second_ones_precedent() {
    let mut run = run();
    run.until_over(Span::minutes(60));
    run.check("the first");
    let (first, ..) = crate::drive::one(&run);
    run.world.clock.pass(Span::seconds(3 * 86_400));
    run.world.break_again(BROKEN);
    // The lessons are in the journal: whoever takes the watch up has them.
    run.restart();
    run.until_over(Span::minutes(60));
    run.check("the second");

    let all = run.incidents();
    assert_eq!(all.len(), 2);
    let of = |wanted: bool| all.iter().find(|(i, _)| (i.id == first) == wanted).unwrap();
    let (before, _) = of(true);
    let (after, _) = of(false);
    for incident in [before, after] {
        let ending = incident.closed.as_ref().map(|(_, how)| how);
        assert_eq!(ending, Some(&Ending::Recovered), "{:?}", incident.report());
    }
    let told = |incident: &Incident| {
        let looks = incident.investigations.iter();
        let reports = looks.filter_map(|look| look.ended.as_ref()?.1.as_deref().ok().cloned());
        reports.collect::<Vec<_>>()
    };
    assert!(
        told(before)
            .iter()
            .all(|report| report.precedents.is_empty())
    );
    let lesson = before.lesson.as_deref().unwrap();
    let report = told(after).remove(0);
    assert_eq!(report.precedents.len(), 1);
    let precedent = &report.precedents[0];
    assert_eq!(
        (precedent.case.as_str(), precedent.at),
        (first.0.as_str(), lesson.at)
    );
    assert_eq!(
        precedent.was,
        format!("a setting that the program needs and no longer gets on {BROKEN}, cured")
    );
    assert_eq!(
        precedent.put_right,
        format!("put {BROKEN} back to what it was before change-of-{BROKEN}")
    );
    // The same in all five ways, three days old.
    let fresh = (-3.0_f64 / 20.0).exp2();
    assert!((precedent.similarity - fresh).abs() < 0.01, "{precedent:?}");
    let alike: Vec<&str> = precedent
        .alike
        .iter()
        .map(|one| one.what.as_str())
        .collect();
    assert_eq!(
        alike,
        [
            "log lines",
            "mechanism",
            "place",
            "what metrics did",
            "kind of change"
        ]
    );
    assert_eq!(report.causes[0].score.history, precedent.similarity);
    // Its own lesson will stand beside the first.
    assert!(after.lesson.is_some());
}

#[test]
fn one_that_lives_on_in_another_teaches_there() {
    let mut run = run();
    run.world.clock.pass(Span::seconds(60));
    run.until_over(Span::seconds(4));
    let watch = run.take_up().unwrap();
    let into = watch.open().remove(0);
    let other = model::testkit::alarm("latency high", "host/elsewhere", run.world.now());
    watch.receive(&other).unwrap();
    let own = watch.open().into_iter().find(|i| i.id != into.id);
    // Whether it joined by itself or not: it is one incident in the end, and teaches once.
    if let Some(own) = own {
        watch.merge(&own.id, &into.id, "ada").unwrap();
        watch.attend(&own.id).unwrap();
    }
    let resolved = model::alarm::Alarm {
        state: model::AlarmState::Resolved,
        ..other
    };
    watch.receive(&resolved).unwrap();
    drop(watch);
    run.until_over(Span::minutes(60));
    run.world.clock.pass(Span::seconds(86_400));
    run.world.break_again(BROKEN);
    run.restart();
    run.until_over(Span::minutes(60));
    let reports = run.incidents().into_iter().filter_map(|(incident, _)| {
        let report = incident.report().cloned()?;
        (report.precedents.len() == 1).then_some(report)
    });
    let cases: Vec<String> = reports.map(|r| r.precedents[0].case.clone()).collect();
    assert_eq!(cases.as_slice(), std::slice::from_ref(&into.id.0));
}

#[test]
fn what_a_person_denied_does_not_nudge() {
    let mut run = run();
    run.until_over(Span::minutes(60));
    let (first, ..) = crate::drive::one(&run);
    let watch = run.take_up().unwrap();
    watch.judge(&first, None, false, "ada").unwrap();
    drop(watch);
    run.world.clock.pass(Span::seconds(86_400));
    run.world.break_again(BROKEN);
    run.restart();
    run.until_over(Span::minutes(60));
    let all = run.incidents();
    let (after, _) = all.iter().find(|(i, _)| i.id != first).unwrap();
    let report = after.report().unwrap();
    assert_eq!(report.precedents.len(), 1);
    let was = &report.precedents[0].was;
    assert!(
        was.ends_with("which a person said was not the cause"),
        "{was}"
    );
    assert_eq!(report.causes[0].score.history, 0.0);
}
