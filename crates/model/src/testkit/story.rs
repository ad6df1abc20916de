//! A whole incident in which everything happens that can happen to one: for tests of whoever reads journals.

use std::collections::{BTreeMap, BTreeSet};

use super::{alarm, noted, opened};
use crate::action::{Action, Outcome, StepKey};
use crate::alarm::AlarmState;
use crate::entity::{EntityId, EntityKind};
use crate::incident::{Ending, Fingerprint, IncidentEvent, IncidentId, RunEnd};
use crate::lesson::{Advice, Area, LearnedCause, Lesson, Milestones};
use crate::mechanism::{Category, MechanismId};
use crate::plan::{
    Approval, Basis, Check, Checked, Comparison, Condition, GateAnswer, Holds, Plan, PlannedStep,
};
use crate::report::{BudgetLimit, Cost, EngineVersion, Header, Onset, Report, SCHEMA, Status};
use crate::telemetry::Severity;
use crate::time::{Span, TimeWindow, Timestamp};

/// A report without causes, as short as one can be; tests fill in what they need.
pub fn report(ledger: &str, status: Status, looked_at: Timestamp) -> Report {
    let from = looked_at.minus(Span::minutes(60));
    let window = TimeWindow::new(from, looked_at.plus(Span(1)));
    Report {
        schema: SCHEMA.to_string(),
        header: Header {
            case: "live".to_string(),
            title: "Requests to service/front fail".to_string(),
            status,
            severity: Some(Severity::Error),
            started: Some(Onset {
                lo: from,
                hi: looked_at,
            }),
            detected: Some(looked_at),
            resolved: None,
            looked_at,
            // A moment and the one after it always make a window, except at the end of time.
            window: window.unwrap_or_else(|| unreachable!("tests do not live at the end of time")),
            engine: EngineVersion {
                version: "0.1.0".to_string(),
                rules: "r".repeat(64),
            },
            budget: BudgetLimit { reads: 60 },
        },
        verdict: Vec::new(),
        alarms: Vec::new(),
        impact: Vec::new(),
        symptoms: Vec::new(),
        causes: Vec::new(),
        ranking: Vec::new(),
        ruled_out: Vec::new(),
        latent: Vec::new(),
        unknown: None,
        gaps: Vec::new(),
        timeline: Vec::new(),
        precedents: Vec::new(),
        pictures: Vec::new(),
        entities: Vec::new(),
        evidence: Vec::new(),
        queries: Vec::new(),
        cost: Cost::default(),
        sources: Vec::new(),
        ledger: ledger.to_string(),
    }
}

/// A plan of `steps` steps: each gives one function back its setting.
pub fn plan(incident: &IncidentId, report: &str, attempt: u32, steps: u32) -> Plan {
    let entity = |step: u32| EntityId::new(format!("function/f{step}"));
    Plan {
        incident: incident.clone(),
        report: report.to_string(),
        attempt,
        basis: vec![Basis {
            entity: entity(0),
            mechanism: MechanismId("change.config-broken".to_string()),
            change: Some("change-1".to_string()),
            confidence: 0.93,
        }],
        steps: (0..steps)
            .map(|step| PlannedStep {
                action: Action::SetSettings {
                    entity: entity(step),
                    settings: BTreeMap::from([("TABLE".to_string(), Some("ledger".to_string()))]),
                },
                undo: Some(Action::SetSettings {
                    entity: entity(step),
                    settings: BTreeMap::from([("TABLE".to_string(), None)]),
                }),
                actuator: "control-plane".to_string(),
                before: "TABLE is missing".to_string(),
                after: "TABLE=ledger".to_string(),
                harmless: true,
                because: "C3".to_string(),
            })
            .collect(),
        expect: Check {
            all: vec![
                Condition::ErrorShare {
                    entity: entity(0),
                    at_most: 0.01,
                    calls: 20,
                },
                Condition::State {
                    entity: EntityId::new("gateway/router"),
                    kind: "router".to_string(),
                    path: "active".to_string(),
                    equals: serde_json::json!("primary"),
                },
            ],
            over: Span::seconds(10),
        },
        stop: Check {
            all: vec![Condition::Metric {
                entity: entity(0),
                metric: "latency".to_string(),
                statistic: "p95".to_string(),
                is: Comparison::AtMost,
                value: 900.5,
            }],
            over: Span::seconds(10),
        },
        settle: Span::seconds(5),
        patience: Span::minutes(3),
        touches: (0..steps).map(entity).collect(),
        risks: vec!["requests in flight fail once".to_string()],
    }
}

/// Everything that can happen, in an order in which it can: one event a second.
pub fn story() -> (IncidentId, Vec<(Timestamp, IncidentEvent)>) {
    use IncidentEvent as E;
    let id = IncidentId("inc-20260618-150612-3f9a1c".to_string());
    let at = |second: i64| Timestamp::from_seconds(1_781_795_172 + second);
    let window = TimeWindow::new(at(-3600), at(5));
    let window = window.unwrap_or_else(|| unreachable!("an hour ago comes before now"));
    let joins = |rule: &str| {
        let alarm = alarm(rule, "function/f0", at(1));
        E::AlarmJoined {
            fingerprint: Fingerprint::of(&alarm, &[]),
            alarm,
            score: 1.0 / 3.0 + 1.0,
            because: vec!["it began 1 s after".to_string()],
        }
    };
    let print = |rule: &str| Fingerprint::of(&alarm(rule, "function/f0", at(1)), &[]);
    let proposed = |ledger: &str, attempt: u32| {
        let plan = plan(&id, ledger, attempt, 2);
        (
            plan.digest(),
            E::PlanProposed {
                plan: Box::new(plan),
            },
        )
    };
    let ended = |ledger: &str, attempt: u32| E::InvestigationEnded {
        attempt,
        report: Box::new(report(ledger, Status::CauseFound, at(9))),
    };
    let ask = |plan: &str| E::GateAnswered {
        plan: plan.to_string(),
        answer: GateAnswer::Ask {
            reasons: vec!["the policy asks for a person".to_string()],
            who: vec!["ada".to_string()],
        },
    };
    let asked = |plan: &str| E::ApprovalAsked {
        plan: plan.to_string(),
        until: at(1800),
    };
    let go = |plan: &str| E::GateAnswered {
        plan: plan.to_string(),
        answer: GateAnswer::Go {
            reasons: vec!["ada said yes".to_string()],
        },
    };
    let key = |text: &str| StepKey(text.to_string());
    let started = |plan: &str, step: u32, name: &str| E::StepStarted {
        plan: plan.to_string(),
        step,
        key: key(name),
    };
    let step_ended = |plan: &str, step: u32, outcome: Outcome| E::StepEnded {
        plan: plan.to_string(),
        step,
        outcome,
    };
    let done = || Outcome::Done {
        detail: "revision 7".to_string(),
    };
    let verified = |plan: &str, holds: Holds| E::Verified {
        plan: plan.to_string(),
        passed: holds == Holds::Yes,
        checks: vec![Checked {
            condition: Condition::AlarmQuiet {
                rule: "errors".to_string(),
                entity: EntityId::new("service/front"),
            },
            holds,
            seen: "it is quiet".to_string(),
        }],
    };
    let (first, first_plan) = proposed("ledger-2", 1);
    let (second, second_plan) = proposed("ledger-3", 1);
    let (third, third_plan) = proposed("ledger-4", 1);
    let (fourth, fourth_plan) = proposed("ledger-5", 2);
    let events = vec![
        opened("errors", "service/front", at(0)),
        joins("latency"),
        joins("throttles"),
        E::AlarmTurned {
            fingerprint: print("latency"),
            state: AlarmState::Resolved,
            at: at(2),
        },
        E::Flapping {
            fingerprint: print("latency"),
            turns: 4,
        },
        E::SplitOff {
            incident: IncidentId("inc-20260618-150613-000000".to_string()),
            alarms: vec![print("throttles")],
            by: "ada".to_string(),
        },
        E::Linked {
            incident: IncidentId("inc-20260618-150600-111111".to_string()),
            why: "the same alarm, an hour ago".to_string(),
        },
        E::Silenced {
            by: "ada".to_string(),
            why: "we know".to_string(),
            until: at(8),
        },
        noted("ada", "looking with you"),
        E::InvestigationStarted { attempt: 1, window },
        E::InvestigationFailed {
            attempt: 1,
            why: "interrupted".to_string(),
        },
        E::InvestigationStarted { attempt: 2, window },
        E::Looked {
            at: "logs: 312 lines".to_string(),
        },
        ended("ledger-1", 2),
        E::NoPlan {
            report: "ledger-1".to_string(),
            why: vec!["nobody has hands for function/f0".to_string()],
        },
        E::HandedOver {
            why: "there is no plan".to_string(),
        },
        E::InvestigationStarted { attempt: 3, window },
        ended("ledger-2", 3),
        first_plan,
        ask(&first),
        asked(&first),
        E::ApprovalExpired {
            plan: first.clone(),
        },
        second_plan,
        E::PlanKept {
            plan: second.clone(),
            report: "ledger-4".to_string(),
        },
        E::Refused {
            plan: second,
            by: "ada".to_string(),
            why: "not during the batch".to_string(),
        },
        third_plan,
        E::GateAnswered {
            plan: third.clone(),
            answer: GateAnswer::Refuse {
                reasons: vec!["function/f0 was altered 2 min ago".to_string()],
                again_at: Some(at(30)),
            },
        },
        go(&third),
        E::RunStarted {
            plan: third.clone(),
        },
        started(&third, 0, "k0"),
        step_ended(&third, 0, done()),
        started(&third, 1, "k1"),
        step_ended(
            &third,
            1,
            Outcome::Unknown {
                why: "no answer within 10 s".to_string(),
            },
        ),
        step_ended(
            &third,
            1,
            Outcome::Failed {
                why: "no such setting".to_string(),
            },
        ),
        E::UndoStarted {
            plan: third.clone(),
            step: 0,
            key: key("u0"),
        },
        E::UndoEnded {
            plan: third.clone(),
            step: 0,
            outcome: done(),
        },
        E::RunEnded {
            plan: third,
            end: RunEnd::Unwound {
                why: "step 2 failed".to_string(),
            },
        },
        fourth_plan,
        ask(&fourth),
        asked(&fourth),
        E::Approved {
            approval: Approval {
                plan: fourth.clone(),
                by: "ada".to_string(),
                at: at(40),
                until: at(1800),
            },
        },
        go(&fourth),
        E::RunStarted {
            plan: fourth.clone(),
        },
        started(&fourth, 0, "k2"),
        step_ended(&fourth, 0, done()),
        started(&fourth, 1, "k3"),
        step_ended(&fourth, 1, done()),
        E::RunEnded {
            plan: fourth.clone(),
            end: RunEnd::Completed,
        },
        verified(&fourth, Holds::CannotTell),
        verified(&fourth, Holds::Yes),
        E::LessonLearned {
            lesson: Box::new(lesson(&id, at(60))),
        },
        E::Closed {
            ending: Ending::Recovered,
            by: String::new(),
        },
    ];
    let timed = (0..).zip(events).map(|(second, event)| (at(second), event));
    (id.clone(), timed.collect())
}

fn lesson(id: &IncidentId, at: Timestamp) -> Lesson {
    Lesson {
        incident: id.clone(),
        at,
        title: "Requests to service/front fail".to_string(),
        false_alarm: false,
        causes: vec![LearnedCause {
            entity: EntityId::new("function/f0"),
            kind: EntityKind::Function,
            mechanism: MechanismId("change.config-broken".to_string()),
            category: Category::SystemChange,
            change: None,
            confidence: 0.93,
            cured: Some(true),
            confirmed: None,
            blamed: true,
        }],
        templates: BTreeSet::from(["KeyError: <*>".to_string()]),
        path: BTreeSet::from([EntityKind::Function, EntityKind::Service]),
        shapes: BTreeSet::from(["errors up".to_string()]),
        milestones: Milestones {
            began: Some(at),
            detected: at,
            investigated: Some(at),
            approved: Some(at),
            recovered: Some(at),
        },
        recovered: Some(true),
        put_right: Vec::new(),
        advice: vec![Advice {
            area: Area::DeploymentPipeline,
            text: "Check settings before they are deployed.".to_string(),
        }],
    }
}
