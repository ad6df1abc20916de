//! One recovery through the whole room, as the watch walks it: proposed, asked for, approved, run, verified, and
//! the cooldown after it.

mod world;

use std::sync::Arc;

use act::gate::{self, ASK_ALWAYS, Decision, Gate, Person, Question, Rules};
use act::plan::{Context, propose};
use act::run::{Advanced, Pace, advance};
use act::verify::{Judgement, check, judge};
use model::action::{Action, Outcome, Preview, StepKey};
use model::case::{Case, OwnedSpan};
use model::incident::{Incident, IncidentEvent, RunEnd};
use model::plan::Approval;
use model::ports::{Actuator, HandsError};
use model::recording::Manifest;
use model::telemetry::SpanKind;
use model::time::{Span, TimeWindow, Timestamp};
use model::topology::Topology;
use serde_json::json;
use std::sync::Mutex;
use world::{alarm, at, cause, groups, id, report, revert, symptom};

/// A service whose calls fail from its bad deploy on until it is put back.
#[derive(Default)]
struct System {
    mended: Mutex<Option<Timestamp>>,
    now: Mutex<Timestamp>,
}

impl System {
    /// What can be seen of it now: five calls a second, and how the alarm stands.
    fn look(&self) -> Case {
        let now = *self.now.lock().expect("lock");
        let mended = *self.mended.lock().expect("lock");
        let mut case = Case::new(Manifest {
            schema: model::recording::SCHEMA.to_string(),
            id: "live".to_string(),
            title: String::new(),
            now,
            window: TimeWindow::new(at(-600), now).expect("a window"),
            baselines: Vec::new(),
            gaps: Vec::new(),
            sources: Vec::new(),
            origin: String::new(),
            licence: String::new(),
        });
        let calls = (at(-300).0..now.0).step_by(200_000_000);
        let spans = calls.map(|start| {
            let start = Timestamp(start);
            let ill = start >= world::start() && mended.is_none_or(|mended| start < mended);
            OwnedSpan {
                trace_id: "t".into(),
                span_id: "s".into(),
                parent_id: "".into(),
                entity: "service/pay".into(),
                name: "POST /pay".into(),
                kind: SpanKind::Server,
                start,
                end: start.plus(Span(30_000_000)),
                error: ill,
                message: "".into(),
                peer: "".into(),
                attributes: Vec::new(),
                file: "f".into(),
                line: 1,
            }
        });
        case.spans = Some(spans.collect());
        // The alarm looks at ten seconds.
        let quiet = mended.is_some_and(|mended| now.since(mended) >= Span::seconds(10));
        let state = if quiet { "resolved" } else { "firing" };
        case.alarms =
            vec![serde_json::from_value(alarm("errors", "service/pay", state)).expect("an alarm")];
        case.normalise();
        case
    }
}

impl Actuator for System {
    fn name(&self) -> &str {
        "deploys"
    }

    fn preview(&self, action: &Action) -> Result<Preview, HandsError> {
        if *action != revert("service/pay", "d-7") {
            return Err(HandsError::Cannot {
                actuator: "deploys".to_string(),
                action: action.to_string(),
                why: "no such deploy".to_string(),
            });
        }
        Ok(Preview {
            before: "version 7".to_string(),
            after: "version 6".to_string(),
            undo: Some(Action::SetVersion {
                entity: "service/pay".into(),
                version: "7".to_string(),
            }),
            harmless: true,
            touches: vec!["service/pay".into()],
        })
    }

    fn perform(&self, _: &StepKey, _: &Action) -> Outcome {
        *self.mended.lock().expect("lock") = Some(*self.now.lock().expect("lock"));
        Outcome::Done {
            detail: String::new(),
        }
    }

    fn was_done(&self, _: &StepKey, _: &Action) -> Outcome {
        Outcome::Unknown {
            why: "not asked for here".to_string(),
        }
    }
}

fn write(incident: &mut Incident, now: Timestamp, event: IncidentEvent) {
    let seq = incident.seq + 1;
    incident
        .apply(seq, now, &event)
        .expect("an event that can stand here");
}

#[test]
fn a_bad_deploy_is_put_back_and_the_proof_is_fresh_telemetry() {
    let system = Arc::new(System::default());
    *system.now.lock().expect("lock") = at(20);
    let hands: Vec<Arc<dyn Actuator>> = vec![system.clone()];
    let report = report(json!({
        "alarms": [alarm("errors", "service/pay", "firing")],
        "symptoms": [symptom("service/pay", "errors", true)],
        "causes": [cause(1, "service/pay", "code.exception-after-change", json!("d-7"), 0.95, &[0], &[("rollback", "New data.")])],
    }));

    // Proposed, from what is seen.
    let context = Context::default().informed_by(&system.look(), &report);
    let plan = propose(&id(), &report, &context, &hands, 1).expect("a plan");
    assert_eq!(plan.expect.all.len(), 2);
    let mut incident = world::planned(report, plan.clone());

    // Asked for, approved, and asked again.
    let gate = Gate::new(ASK_ALWAYS, Rules::default());
    let people = [Person {
        name: "ana".to_string(),
        groups: groups(&["oncall"]),
    }];
    let topology = Topology::default();
    let ask = |incident: &Incident, now| {
        let recoveries = gate::recoveries([incident]);
        gate.ask(&Question {
            now,
            incident,
            topology: &topology,
            people: &people,
            recoveries: &recoveries,
            kill_switch: None,
        })
    };
    let asked = ask(&incident, at(21));
    assert!(
        matches!(&asked, Decision::Ask { who, .. } if who == &["ana"]),
        "{asked:?}"
    );
    let digest = plan.digest();
    let answered = |answer| IncidentEvent::GateAnswered {
        plan: digest.clone(),
        answer,
    };
    write(&mut incident, at(21), answered(asked.answer()));
    let approval = Approval {
        plan: digest.clone(),
        by: "ana".to_string(),
        at: at(25),
        until: at(600),
    };
    write(&mut incident, at(25), IncidentEvent::Approved { approval });
    let Decision::Go { cleared, reasons } = ask(&incident, at(26)) else {
        panic!("ana said yes");
    };
    let answer = model::plan::GateAnswer::Go { reasons };
    write(&mut incident, at(26), answered(answer));

    // Run.
    *system.now.lock().expect("lock") = at(26);
    let state = incident.latest_plan().expect("a plan").clone();
    let end = advance(
        &cleared,
        &state,
        &hands,
        &Pace::default(),
        &|| at(26),
        &mut |_| None,
        &mut |event| {
            let seq = incident.seq + 1;
            incident.apply(seq, at(26), &event)?;
            Ok(incident.latest_plan().expect("a plan").clone())
        },
    )
    .expect("a run");
    assert_eq!(end, Advanced::Ended(RunEnd::Completed));
    let again = ask(&incident, at(27)).answer();
    assert!(
        matches!(again, model::plan::GateAnswer::Refuse { .. }),
        "performed twice: {again:?}"
    );

    // Verified: too early, the alarm still fires, and then all is well.
    let mut judged = Vec::new();
    for second in [28, 32, 37] {
        *system.now.lock().expect("lock") = at(second);
        let checked = check(&plan.expect, &system.look(), at(26), at(second));
        judged.push((judge(&checked), checked));
    }
    let words: Vec<Judgement> = judged.iter().map(|(judgement, _)| *judgement).collect();
    assert_eq!(
        words,
        [Judgement::Failed, Judgement::Failed, Judgement::Passed],
        "{judged:#?}"
    );
    let (_, checks) = judged.pop().expect("three");
    assert_eq!(checks[0].seen, "0 of 25 calls failed");
    write(
        &mut incident,
        at(37),
        IncidentEvent::Verified {
            plan: digest,
            passed: true,
            checks,
        },
    );
    assert!(incident.latest_plan().expect("a plan").worked());

    // Another plan for the same service is left alone for a while, with the time at which it may be asked again.
    let mut second = plan;
    second.attempt = 2;
    write(
        &mut incident,
        at(40),
        IncidentEvent::PlanProposed {
            plan: Box::new(second),
        },
    );
    let Decision::Refuse { again_at, .. } = ask(&incident, at(41)) else {
        panic!("it was recovered just now");
    };
    assert_eq!(again_at, Some(at(37 + 300)));
}
