use std::collections::BTreeSet;

use crate::action::{Outcome, StepKey};
use crate::alarm::AlarmState;
use crate::incident::{
    Ending, Entry, Fingerprint, Incident, IncidentEvent as E, IncidentId, RunEnd,
};
use crate::plan::{Approval, GateAnswer, Plan};
use crate::report::Status;
use crate::testkit::{self, noted, opened, plan, report, story};
use crate::time::{Span, TimeWindow, Timestamp};

fn at(second: i64) -> Timestamp {
    Timestamp::from_seconds(second)
}

fn id() -> IncidentId {
    IncidentId("inc-1".to_string())
}

/// An incident that grows event by event, a second apart.
struct Growing {
    incident: Incident,
}

impl Growing {
    fn new() -> Self {
        let entry = Entry {
            seq: 1,
            at: at(0),
            event: opened("errors", "service/front", at(0)),
            previous: String::new(),
            digest: String::new(),
        };
        Self {
            incident: Incident::begin(&id(), &entry).unwrap(),
        }
    }

    fn refuses(&mut self, event: &E) -> &'static str {
        let before = self.incident.clone();
        let seq = self.incident.seq + 1;
        let at = self.incident.touched.plus(Span::seconds(1));
        let error = self.incident.apply(seq, at, event).unwrap_err();
        assert_eq!(self.incident, before, "a refusal alters nothing: {error}");
        error.why
    }

    fn takes(&mut self, event: E) -> &mut Self {
        let seq = self.incident.seq + 1;
        let at = self.incident.touched.plus(Span::seconds(1));
        self.incident
            .apply(seq, at, &event)
            .unwrap_or_else(|error| panic!("{error}"));
        self
    }

    fn proposed(&mut self, attempt: u32) -> Plan {
        let plan = plan(&id(), &format!("ledger-{attempt}"), attempt, 2);
        self.takes(E::PlanProposed {
            plan: Box::new(plan.clone()),
        });
        plan
    }

    fn running(&mut self) -> String {
        let digest = self.proposed(1).digest();
        self.takes(go(&digest)).takes(E::RunStarted {
            plan: digest.clone(),
        });
        digest
    }
}

fn go(plan: &str) -> E {
    E::GateAnswered {
        plan: plan.to_string(),
        answer: GateAnswer::Go {
            reasons: Vec::new(),
        },
    }
}

fn ask(plan: &str) -> E {
    E::GateAnswered {
        plan: plan.to_string(),
        answer: GateAnswer::Ask {
            reasons: Vec::new(),
            who: Vec::new(),
        },
    }
}

fn start(plan: &str, step: u32, key: &str) -> E {
    E::StepStarted {
        plan: plan.to_string(),
        step,
        key: StepKey(key.to_string()),
    }
}

fn end(plan: &str, step: u32, outcome: Outcome) -> E {
    E::StepEnded {
        plan: plan.to_string(),
        step,
        outcome,
    }
}

fn done() -> Outcome {
    Outcome::Done {
        detail: String::new(),
    }
}

fn failed() -> Outcome {
    Outcome::Failed {
        why: "no".to_string(),
    }
}

fn unknown() -> Outcome {
    Outcome::Unknown {
        why: "silence".to_string(),
    }
}

fn closed(by: &str) -> E {
    E::Closed {
        ending: Ending::Recovered,
        by: by.to_string(),
    }
}

fn approval(plan: &str, by: &str, from: i64, until: i64) -> E {
    E::Approved {
        approval: Approval {
            plan: plan.to_string(),
            by: by.to_string(),
            at: at(from),
            until: at(until),
        },
    }
}

#[test]
fn a_whole_story_folds_and_holds_every_word() {
    let (id, events) = story();
    let entries: Vec<Entry> = (1..)
        .zip(&events)
        .map(|(seq, (at, event))| Entry {
            seq,
            at: *at,
            event: event.clone(),
            previous: String::new(),
            digest: String::new(),
        })
        .collect();
    let incident = Incident::fold(&id, &entries).unwrap().unwrap();
    assert_eq!(incident.seq, entries.len() as u64);
    assert_eq!(incident.alarms.len(), 2);
    assert_eq!(incident.plans.len(), 4);
    assert!(incident.plans[0].expired);
    assert!(incident.plans[1].refusal.is_some());
    assert!(matches!(
        incident.plans[2].run_ended,
        Some((_, RunEnd::Unwound { .. }))
    ));
    assert!(incident.plans[3].worked());
    assert!(!incident.owes_a_verdict());
    let words: BTreeSet<&str> = events.iter().map(|(_, event)| event.word()).collect();
    assert_eq!(words.len(), 30, "{words:?}");
    // Each is stored under its own word.
    for (_, event) in &events {
        let json = serde_json::to_value(event).unwrap();
        assert_eq!(json["event"], event.word());
    }
    assert_eq!(Incident::fold(&id, &[]), Ok(None));
}

#[test]
fn a_journal_begins_once_and_has_no_holes() {
    let mut late = Entry {
        seq: 2,
        at: at(0),
        event: opened("errors", "service/front", at(0)),
        previous: String::new(),
        digest: String::new(),
    };
    assert!(Incident::begin(&id(), &late).is_err());
    late.seq = 1;
    late.event = noted("ada", "first");
    assert!(Incident::begin(&id(), &late).is_err());
    let mut growing = Growing::new();
    let why = growing.refuses(&opened("errors", "service/front", at(0)));
    assert_eq!(why, "it is open already");
    assert!(growing.incident.apply(5, at(9), &noted("a", "b")).is_err());
    assert!(growing.incident.apply(1, at(9), &noted("a", "b")).is_err());
}

#[test]
fn nothing_is_performed_without_a_go_for_that_very_plan() {
    let mut growing = Growing::new();
    let digest = growing.proposed(1).digest();
    let run = E::RunStarted {
        plan: digest.clone(),
    };
    assert_eq!(growing.refuses(&run), "the gate has not said Go (J1)");
    growing.takes(ask(&digest));
    assert_eq!(growing.refuses(&run), "the gate has not said Go (J1)");
    // A yes alone does not run it: the gate is asked again.
    growing.takes(approval(&digest, "ada", 3, 900));
    assert_eq!(growing.refuses(&run), "the gate has not said Go (J1)");
    growing.takes(go(&digest));
    // A Go for one plan is no Go for the next.
    let second = growing.proposed(2).digest();
    assert_eq!(growing.refuses(&run), "it is not the newest plan");
    assert_eq!(
        growing.refuses(&E::RunStarted { plan: second }),
        "the gate has not said Go (J1)"
    );
    assert_eq!(
        growing.refuses(&start(&digest, 0, "k")),
        "it is not the newest plan"
    );
}

#[test]
fn a_step_is_begun_again_only_when_it_failed_for_certain() {
    let mut growing = Growing::new();
    let plan = growing.running();
    assert_eq!(
        growing.refuses(&start(&plan, 1, "k1")),
        "the step before it is not done"
    );
    assert_eq!(
        growing.refuses(&start(&plan, 7, "k7")),
        "there is no such step"
    );
    assert_eq!(
        growing.refuses(&end(&plan, 0, done())),
        "it was not under way"
    );
    growing.takes(start(&plan, 0, "k0"));
    let twice = "it was begun, and did not fail for certain (J2)";
    assert_eq!(growing.refuses(&start(&plan, 0, "k0")), twice);
    assert_eq!(growing.refuses(&start(&plan, 0, "other")), twice);
    growing.takes(end(&plan, 0, unknown()));
    assert_eq!(growing.refuses(&start(&plan, 0, "other")), twice);
    growing.takes(end(&plan, 0, unknown()));
    growing.takes(end(&plan, 0, failed()));
    // The same key would be taken for the same performance.
    assert_eq!(growing.refuses(&start(&plan, 0, "k0")), twice);
    growing.takes(start(&plan, 0, "again"));
    growing.takes(end(&plan, 0, done()));
    assert_eq!(growing.refuses(&start(&plan, 0, "third")), twice);
    assert_eq!(
        growing.refuses(&end(&plan, 0, failed())),
        "it was not under way"
    );
}

#[test]
fn a_run_ends_as_it_was_and_is_not_left_lying() {
    let mut growing = Growing::new();
    let plan = growing.running();
    let completed = E::RunEnded {
        plan: plan.clone(),
        end: RunEnd::Completed,
    };
    assert_eq!(growing.refuses(&completed), "not every step is done");
    assert_eq!(
        growing.refuses(&closed("")),
        "a plan is being performed (J4)"
    );
    assert_eq!(
        growing.refuses(&E::PlanProposed {
            plan: Box::new(testkit::plan(&id(), "other", 2, 1))
        }),
        "another plan is being performed"
    );
    for step in 0..2 {
        growing.takes(start(&plan, step, "k"));
        growing.takes(end(&plan, step, done()));
    }
    let check = |passed| E::Verified {
        plan: plan.clone(),
        passed,
        checks: Vec::new(),
    };
    assert_eq!(
        growing.refuses(&check(true)),
        "only a plan that was performed can be verified"
    );
    growing.takes(completed);
    let unverified = "a plan was performed and neither verified, unwound nor handed over (J4)";
    assert_eq!(growing.refuses(&closed("")), unverified);
    growing.takes(check(false));
    assert_eq!(growing.refuses(&closed("")), unverified);
    // A person may; and so may the watch once a person has it.
    assert!(
        growing
            .incident
            .clone()
            .apply(growing.incident.seq + 1, at(99), &closed("ada"))
            .is_ok()
    );
    let mut handed = Growing {
        incident: growing.incident.clone(),
    };
    handed
        .takes(E::HandedOver {
            why: "it did not help".to_string(),
        })
        .takes(closed(""));
    growing.takes(check(true)).takes(closed(""));
    assert_eq!(growing.refuses(&noted_close()), "the incident is closed");
    growing.takes(noted("ada", "thanks"));
}

fn noted_close() -> E {
    closed("ada")
}

#[test]
fn a_decision_stands_until_something_newer_is_known() {
    let mut growing = Growing::new();
    let first = growing.proposed(1);
    let digest = first.digest();
    growing.takes(ask(&digest)).takes(E::ApprovalAsked {
        plan: digest.clone(),
        until: at(900),
    });
    // A yes that had run out when it was given.
    assert_eq!(
        growing.refuses(&approval(&digest, "ada", 5, 5)),
        "the yes had expired when it was given"
    );
    growing.takes(approval(&digest, "eve", 5, 900));
    // The gate asks all the same: eve may not say yes. Her word is kept, and does not count.
    growing.takes(ask(&digest));
    let state = growing.incident.latest_plan().unwrap();
    assert_eq!(state.approval, None);
    assert_eq!(state.unheeded.len(), 1);
    // A newer report leads to the same plan.
    growing.takes(E::PlanKept {
        plan: digest.clone(),
        report: "ledger-9".to_string(),
    });
    assert_eq!(growing.incident.latest_plan().unwrap().report, "ledger-9");
    // And then one that leads to none: what waits is withdrawn, and no yes revives it.
    growing.takes(E::NoPlan {
        report: "ledger-10".to_string(),
        why: Vec::new(),
    });
    for late in [approval(&digest, "ada", 9, 900), go(&digest)] {
        assert_eq!(growing.refuses(&late), "the plan was withdrawn");
    }
    assert_eq!(
        growing.refuses(&E::PlanProposed {
            plan: Box::new(first)
        }),
        "that very plan was proposed before"
    );
    let second = growing.proposed(2).digest();
    growing.takes(E::Refused {
        plan: second.clone(),
        by: "ada".to_string(),
        why: "no".to_string(),
    });
    assert_eq!(growing.refuses(&go(&second)), "the plan was refused");
    let third = growing.proposed(3).digest();
    growing.takes(E::ApprovalExpired {
        plan: third.clone(),
    });
    assert_eq!(growing.refuses(&go(&third)), "the asking has run out");
    let mut other = plan(&IncidentId("inc-2".to_string()), "ledger", 1, 1);
    assert_eq!(
        growing.refuses(&E::PlanProposed {
            plan: Box::new(other.clone())
        }),
        "the plan is another incident's"
    );
    other.incident = id();
    other.steps.clear();
    assert_eq!(
        growing.refuses(&E::PlanProposed {
            plan: Box::new(other)
        }),
        "a plan has at least one step"
    );
}

#[test]
fn looks_are_counted_and_end_once() {
    let mut growing = Growing::new();
    let window = TimeWindow::new(at(0), at(9)).unwrap();
    let started = |attempt| E::InvestigationStarted { attempt, window };
    let ended = |attempt| E::InvestigationEnded {
        attempt,
        report: Box::new(report("ledger", Status::Unknown, at(9))),
    };
    assert_eq!(
        growing.refuses(&started(2)),
        "its number does not follow the last"
    );
    assert_eq!(
        growing.refuses(&E::Looked { at: String::new() }),
        "no investigation goes on"
    );
    growing.takes(started(1));
    assert_eq!(
        growing.refuses(&ended(2)),
        "that investigation does not go on"
    );
    growing.takes(ended(1));
    // J3, and no evidence twice: one report per look.
    assert_eq!(
        growing.refuses(&ended(1)),
        "that investigation does not go on"
    );
    assert_eq!(growing.incident.report().unwrap().ledger, "ledger");
}

#[test]
fn an_alarm_that_turns_often_is_told_from_one_that_is_over() {
    let mut growing = Growing::new();
    let print = growing.incident.alarms[0].fingerprint.clone();
    let turn = |state| E::AlarmTurned {
        fingerprint: print.clone(),
        state,
        // What an alarm says of its own time does not count.
        at: Timestamp(i64::MIN),
    };
    for _ in 0..2 {
        growing.takes(turn(AlarmState::Resolved));
        growing.takes(turn(AlarmState::Firing));
    }
    growing.takes(turn(AlarmState::Firing));
    assert_eq!(growing.incident.alarms[0].turns, 4);
    assert_eq!(growing.incident.alarms[0].recent.len(), 4);
    growing.takes(E::Flapping {
        fingerprint: print.clone(),
        turns: 4,
    });
    growing.takes(turn(AlarmState::Resolved));
    let last = growing.incident.touched;
    assert!(growing.incident.firing(last.plus(Span::minutes(14))));
    assert!(!growing.incident.firing(last.plus(Span::minutes(15))));
    // Turns that lie longer back than they count are forgotten.
    let seq = growing.incident.seq + 1;
    growing
        .incident
        .apply(seq, last.plus(Span::minutes(40)), &turn(AlarmState::Firing))
        .unwrap();
    assert_eq!(growing.incident.alarms[0].recent.len(), 1);
    let stranger = E::AlarmTurned {
        fingerprint: Fingerprint("stranger".to_string()),
        state: AlarmState::Firing,
        at: at(0),
    };
    assert_eq!(growing.refuses(&stranger), "that alarm is not here");
    let all = E::SplitOff {
        incident: IncidentId("inc-2".to_string()),
        alarms: vec![print, Fingerprint("stranger".to_string())],
        by: "ada".to_string(),
    };
    assert_eq!(
        growing.refuses(&all),
        "an incident keeps at least one alarm"
    );
}
