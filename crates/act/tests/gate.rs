//! The gate's answers with their reasons, as data; and that nothing is performed without a Go for that very plan.

mod world;

use act::gate::{
    self, ASK_ALWAYS, Decision, Gate, HARMLESS_ALONE, OBSERVER, Person, Question, Recovery,
    RecoveryState, Rules,
};
use model::action::{Action, Outcome, StepKey};
use model::entity::{Entity, EntityKind};
use model::incident::{IncidentEvent, IncidentId, RunEnd};
use model::plan::{Approval, Basis, Check, GateAnswer, Plan, PlannedStep};
use model::report::Report;
use model::time::{Span, Timestamp};
use model::topology::{Edge, EdgeKind, Topology};
use proptest::prelude::*;
use world::{at, groups, id, planned, report, restart, revert};

/// Everything the gate is told.
struct Case {
    rules: Rules,
    plan: Plan,
    report: Report,
    now: Timestamp,
    people: Vec<Person>,
    recoveries: Vec<Recovery>,
    kill_switch: Option<&'static str>,
    topology: Topology,
    events: Vec<IncidentEvent>,
    approval: Option<Approval>,
}

fn step(action: Action, undo: Option<Action>, harmless: bool) -> PlannedStep {
    PlannedStep {
        action,
        undo,
        actuator: "control-plane".to_string(),
        before: "ill".to_string(),
        after: "well".to_string(),
        harmless,
        because: "C1".to_string(),
    }
}

fn entity(id: &str, kind: EntityKind, labels: &[(&str, &str)]) -> Entity {
    Entity {
        id: id.into(),
        kind,
        name: id.to_string(),
        labels: labels
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect(),
    }
}

fn person(name: &str, of: &[&str]) -> Person {
    Person {
        name: name.to_string(),
        groups: groups(of),
    }
}

impl Case {
    /// A harmless undoing of a change, from a sure report, one minute after the look.
    fn new() -> Self {
        let plan = Plan {
            incident: id(),
            report: "ledger-1".to_string(),
            attempt: 1,
            basis: vec![Basis {
                entity: "function/create".into(),
                mechanism: model::MechanismId("permission.denied".to_string()),
                change: Some("ev-1".to_string()),
                confidence: 0.93,
            }],
            steps: vec![step(
                revert("function/create", "ev-1"),
                Some(revert("function/create", "ev-2")),
                true,
            )],
            expect: Check::default(),
            stop: Check::default(),
            settle: Span::seconds(10),
            patience: Span::seconds(60),
            touches: vec!["function/create".into()],
            risks: Vec::new(),
        };
        let mut topology = Topology {
            entities: vec![
                entity("function/create", EntityKind::Function, &[("env", "test")]),
                entity("scope/payments", EntityKind::Scope, &[]),
                entity("scope/all", EntityKind::Scope, &[]),
            ],
            edges: Vec::new(),
        };
        for (from, to) in [
            ("function/create", "scope/payments"),
            ("scope/payments", "scope/all"),
            // A circle must not matter.
            ("scope/all", "function/create"),
        ] {
            topology.edges.push(Edge {
                from: from.into(),
                to: to.into(),
                kind: EdgeKind::PartOf,
                confidence: 1.0,
                calls_per_request: None,
                seen_in: String::new(),
            });
        }
        topology.normalise();
        Self {
            rules: Rules::default(),
            plan,
            report: report(serde_json::json!({})),
            now: at(60),
            people: vec![
                person("ana", &["oncall"]),
                person("bo", &["oncall", "database"]),
                person("eve", &["visitors"]),
            ],
            recoveries: Vec::new(),
            kill_switch: None,
            topology,
            events: Vec::new(),
            approval: None,
        }
    }

    fn approved(mut self, by: &str, from: i64, until: i64) -> Self {
        self.approval = Some(Approval {
            plan: self.plan.digest(),
            by: by.to_string(),
            at: at(from),
            until: at(until),
        });
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn ask(&self, policy: &str) -> Decision {
        let mut incident = planned(self.report.clone(), self.plan.clone());
        world::happen(&mut incident, self.events.clone());
        if let Some(approval) = self.approval.clone() {
            // As a hostile journal might have it: the fold itself takes no yes to another plan.
            incident.plans.last_mut().expect("a plan").approval = Some(approval);
        }
        let gate = Gate::new(policy, self.rules);
        gate.ask(&Question {
            now: self.now,
            incident: &incident,
            topology: &self.topology,
            people: &self.people,
            recoveries: &self.recoveries,
            kill_switch: self.kill_switch,
        })
    }
}

fn told(decision: &Decision) -> String {
    match decision {
        Decision::Go { reasons, .. } => format!("go: {}", reasons.join(" | ")),
        Decision::Ask { reasons, who } => {
            format!("ask {}: {}", who.join(", "), reasons.join(" | "))
        }
        Decision::Refuse { reasons, again_at } => match again_at {
            Some(again) => format!("refuse until {}: {}", again.clock(), reasons.join(" | ")),
            None => format!("refuse: {}", reasons.join(" | ")),
        },
    }
}

fn check(case: Case, policy: &str, expected: &str) {
    assert_eq!(told(&case.ask(policy)), expected);
}

const FINE: &str =
    "the least sure cause is sure to 0.93, 0.80 is wanted | it touches 1 of at most 12 entities";

#[test]
fn an_observer_does_nothing_and_nobody_may() {
    let expected = "refuse: the policy permits it neither to the watch nor to anybody whom it knows | step 1 (revert_change on function/create): no rule lets the watch go alone";
    check(Case::new(), OBSERVER, expected);
    check(
        Case::new().approved("ana", 30, 90),
        OBSERVER,
        &format!(
            "{expected} | ana may not approve this plan | step 1 (revert_change on function/create): no rule lets ana approve it"
        ),
    );
}

#[test]
fn people_are_asked_and_their_yes_counts() {
    check(
        Case::new(),
        ASK_ALWAYS,
        &format!(
            "ask ana, bo: {FINE} | step 1 (revert_change on function/create): no rule lets the watch go alone"
        ),
    );
    check(
        Case::new().approved("ana", 30, 90),
        ASK_ALWAYS,
        &format!(
            "go: {FINE} | ana said yes to this very plan at 15:00:30 until 15:01:30, as the policy permits (oncall-may-approve)"
        ),
    );
}

#[test]
fn a_yes_that_does_not_count_is_refused_with_the_reason_and_ends_nothing() {
    let unheeded = |case: Case, why: &str| {
        let case = case.with(|c| c.rules.facts_last = Span::minutes(60));
        check(
            case,
            ASK_ALWAYS,
            &format!(
                "ask ana, bo: {FINE} | step 1 (revert_change on function/create): no rule lets the watch go alone | {why}"
            ),
        );
    };
    unheeded(
        Case::new().approved("ana", 30, 60),
        "the approval expired at 2026-06-18T15:01:00Z",
    );
    unheeded(
        Case::new().approved("ana", 61, 90),
        "the approval is dated 2026-06-18T15:01:01Z, which is not yet",
    );
    // However long it says it counts, it does so for half an hour.
    unheeded(
        Case::new()
            .approved("ana", 30, 9000)
            .with(|c| c.now = at(30 + 1800)),
        "the approval expired at 2026-06-18T15:30:30Z",
    );
    unheeded(
        Case::new().approved("mallory\n", 30, 90),
        "mallory is not known here; people who may approve are listed in the configuration",
    );
    unheeded(
        Case::new().approved("eve", 30, 90),
        "eve may not approve this plan | step 1 (revert_change on function/create): no rule lets eve approve it",
    );
    let another = Case::new().approved("ana", 30, 90).with(|c| {
        // One word is altered after the yes.
        c.plan.risks.push("a word more".to_string());
    });
    let (old, new) = (Case::new().plan.digest(), another.plan.digest());
    unheeded(
        another,
        &format!(
            "the approval is for plan {}, not for {}",
            &old[..12],
            &new[..12]
        ),
    );
}

#[test]
fn harmless_and_exact_goes_alone_the_rest_is_asked() {
    check(
        Case::new(),
        HARMLESS_ALONE,
        &format!("go: {FINE} | the policy lets the watch go alone (exact-and-harmless-alone)"),
    );
    let asked = |case: Case, fine: &str, step: &str| {
        check(
            case,
            HARMLESS_ALONE,
            &format!("ask ana, bo: {fine} | step {step}: no rule lets the watch go alone"),
        );
    };
    asked(
        Case::new().with(|c| c.plan.steps[0].harmless = false),
        FINE,
        "1 (revert_change on function/create)",
    );
    asked(
        Case::new().with(|c| c.plan.steps[0].undo = None),
        FINE,
        "1 (revert_change on function/create)",
    );
    asked(
        Case::new().with(|c| {
            let undo = c.plan.steps[0].undo.clone();
            c.plan
                .steps
                .push(step(restart("function/create"), undo, true));
        }),
        FINE,
        "2 (restart on function/create)",
    );
    asked(
        Case::new().with(|c| c.plan.basis[0].confidence = 0.899),
        "the least sure cause is sure to 0.90, 0.80 is wanted | it touches 1 of at most 12 entities",
        "1 (revert_change on function/create)",
    );
    check(
        Case::new()
            .with(|c| {
                c.topology.entities[0]
                    .labels
                    .insert("protected".to_string(), "true".to_string());
            })
            .approved("ana", 30, 90),
        HARMLESS_ALONE,
        "refuse: the policy permits it neither to the watch nor to anybody whom it knows | step 1 (revert_change on function/create): forbidden by protected-is-left-alone | ana may not approve this plan | step 1 (revert_change on function/create): forbidden by protected-is-left-alone",
    );
}

#[test]
fn policies_can_speak_of_scopes_kinds_labels_and_circumstances() {
    let policy = r#"
        @id("payments-in-test")
        permit (principal == Watch::"midwatch", action, resource in Component::"scope/all")
        when { resource.kind == "function" && resource.getTag("env") == "test" && context.attempt == 1
            && context.blast_radius <= 2 && context.actuator == "control-plane"
            && context.mechanisms.contains("permission.denied")
            && !context.touches.contains(Component::"table/ledger") }
        unless { resource.name like "*secret*" };
    "#;
    // A label that may be missing must be asked for first; the schema sees to it.
    let fault = Gate::new(policy, Rules::default());
    assert!(fault.fault().is_some());
    let policy = policy.replace(
        "resource.getTag",
        "resource.hasTag(\"env\") && resource.getTag",
    );
    check(
        Case::new(),
        &policy,
        &format!("go: {FINE} | the policy lets the watch go alone (payments-in-test)"),
    );
    check(
        Case::new().with(|c| c.plan.touches.push("table/ledger".into())),
        &policy,
        "refuse: the policy permits it neither to the watch nor to anybody whom it knows | step 1 (revert_change on function/create): no rule lets the watch go alone",
    );
}

#[test]
fn a_policy_that_cannot_be_used_permits_nothing_and_says_where() {
    let told = |policy: &str| {
        let gate = Gate::new(policy, Rules::default());
        let fault = gate.fault().expect("a fault").to_string();
        let decision = Case::new().approved("ana", 30, 90).ask(policy);
        assert_eq!(
            decision.answer(),
            GateAnswer::Refuse {
                reasons: vec![format!("nothing is permitted: {fault}")],
                again_at: None
            }
        );
        fault
    };
    let permit = "permit (principal, action, resource)";
    assert_eq!(
        told(&format!(
            "// fine\n{permit};\npermit (principal, action resource);\n"
        )),
        "the policy cannot be used, line 3, column 27: unexpected token `resource`: expected `!=`, `)`, `,`, `:`, `<`, `<=`, `==`, `>`, `>=`, `in`, or `is`"
    );
    for (policy, place, what) in [
        (
            format!("{permit}\nwhen {{ context.harmles }};"),
            "line 2, column 8",
            "harmles",
        ),
        (
            format!("{permit}\nwhen {{ context.confidence > \"high\" }};"),
            "line 2, column 29",
            "",
        ),
        (
            "permit (principal == Watch::\"midwatch\", action == Action::\"reboot\", resource);"
                .to_string(),
            "",
            "reboot",
        ),
        (
            "permit (principal == ?principal, action, resource);".to_string(),
            "",
            "template",
        ),
        ("\u{0}\u{1}{{{{".to_string(), "line 1", ""),
    ] {
        let fault = told(&policy);
        assert!(fault.contains(place), "{place}: {fault}");
        assert!(fault.contains(what), "{what}: {fault}");
    }
}

fn recovery(state: RecoveryState) -> Recovery {
    Recovery {
        incident: IncidentId("inc-before".to_string()),
        plan: "other".to_string(),
        entities: [model::EntityId::from("function/create")].into(),
        started: at(-120),
        state,
    }
}

#[test]
fn hard_rules_hold_whatever_the_policy_says() {
    let all = "permit (principal, action, resource);";
    check(
        Case::new().with(|c| c.kill_switch = Some("ana pulled it")),
        all,
        "refuse: the kill switch is on: ana pulled it",
    );
    check(
        Case::new().with(|c| c.plan.basis[0].confidence = 0.79),
        all,
        "refuse: the least sure cause is sure to 0.79 only; 0.80 is wanted",
    );
    check(
        Case::new().with(|c| c.plan.basis.clear()),
        all,
        "refuse: the least sure cause is sure to 0.00 only; 0.80 is wanted",
    );
    check(
        Case::new().with(|c| {
            c.rules.blast_radius = 1;
            c.plan.touches = vec!["gateway/front".into()];
        }),
        all,
        "refuse: it touches 2 entities; at most 1 are allowed",
    );
    let tried = |attempt: u32| {
        let mut plan = Case::new().plan;
        plan.attempt = attempt;
        let digest = plan.digest();
        let key = StepKey(digest.clone());
        let failed = Outcome::Failed { why: String::new() };
        let end = RunEnd::Unwound { why: String::new() };
        vec![
            IncidentEvent::PlanProposed {
                plan: Box::new(plan),
            },
            IncidentEvent::GateAnswered {
                plan: digest.clone(),
                answer: GateAnswer::Go { reasons: vec![] },
            },
            IncidentEvent::RunStarted {
                plan: digest.clone(),
            },
            IncidentEvent::StepStarted {
                plan: digest.clone(),
                step: 0,
                key,
            },
            IncidentEvent::StepEnded {
                plan: digest.clone(),
                step: 0,
                outcome: failed,
            },
            IncidentEvent::RunEnded { plan: digest, end },
        ]
    };
    let proposed = |attempt: u32| {
        let mut plan = Case::new().plan;
        plan.attempt = attempt;
        vec![IncidentEvent::PlanProposed {
            plan: Box::new(plan),
        }]
    };
    // Plans that were only proposed are no tries; those that failed are.
    check(
        Case::new().with(|c| c.events = [proposed(7), tried(8), proposed(9)].concat()),
        all,
        &format!("go: {FINE} | the policy lets the watch go alone (policy0)"),
    );
    check(
        Case::new().with(|c| c.events = [tried(7), tried(8), proposed(9)].concat()),
        all,
        "refuse: 2 recoveries are the limit of one incident; a person must go on",
    );
    check(
        Case::new().with(|c| c.report.ledger = "ledger-2".to_string()),
        all,
        "refuse: it rests on a report that is not the newest; propose again from the newest",
    );
    let digest = Case::new().plan.digest();
    let kept = || IncidentEvent::PlanKept {
        plan: digest.clone(),
        report: "ledger-2".to_string(),
    };
    let newer = |confidence: f64| {
        let mechanism = "permission.denied";
        let cause = world::cause(
            1,
            "function/create",
            mechanism,
            "ev-1".into(),
            confidence,
            &[],
            &[],
        );
        report(serde_json::json!({"ledger": "ledger-2", "causes": [cause]}))
    };
    let keeping = |report: Report| {
        Case::new().with(|c| {
            c.report = report;
            c.events = vec![kept()];
        })
    };
    let fine = |sure: &str| FINE.replace("0.93", sure);
    check(
        keeping(newer(0.85)),
        all,
        &format!(
            "go: {} | the policy lets the watch go alone (policy0)",
            fine("0.85")
        ),
    );
    // What the newest report says counts, also for the policy.
    check(
        keeping(newer(0.85)),
        HARMLESS_ALONE,
        &format!(
            "ask ana, bo: {} | step 1 (revert_change on function/create): no rule lets the watch go alone",
            fine("0.85")
        ),
    );
    check(
        keeping(newer(0.55)),
        all,
        "refuse: the least sure cause is sure to 0.55 only; 0.80 is wanted",
    );
    check(
        keeping(report(serde_json::json!({"ledger": "ledger-2"}))),
        all,
        "refuse: the least sure cause is sure to 0.00 only; 0.80 is wanted",
    );
    check(
        Case::new().with(|c| {
            let (report, why) = ("ledger-1".to_string(), vec![]);
            c.events = vec![IncidentEvent::NoPlan { report, why }];
        }),
        all,
        "refuse: it was withdrawn: a newer report leads to no plan",
    );
    check(
        Case::new().with(|c| c.now = at(1801)),
        all,
        "refuse: the report is 30 min 1 s old, and its facts count for 30 min; investigate again",
    );
    // A cooldown passes: it may be asked again.
    check(
        Case::new().with(|c| c.recoveries = vec![recovery(RecoveryState::Succeeded(at(-100)))]),
        all,
        "refuse until 15:03:20: function/create was recovered at 14:58:20 (inc-before) and is left alone for 5 min",
    );
    check(
        Case::new().with(|c| c.recoveries = vec![recovery(RecoveryState::Runs)]),
        all,
        "refuse until 15:06:00: a recovery of function/create has been running since 14:58:00 (inc-before)",
    );
    // Not after one that failed, one that is long past, or one of somebody else.
    for past in [
        recovery(RecoveryState::Failed),
        recovery(RecoveryState::Succeeded(at(-240))),
        Recovery {
            entities: [model::EntityId::from("function/list")].into(),
            ..recovery(RecoveryState::Runs)
        },
    ] {
        check(
            Case::new().with(|c| c.recoveries = vec![past]),
            all,
            &format!("go: {FINE} | the policy lets the watch go alone (policy0)"),
        );
    }
    check(
        Case::new().with(|c| {
            c.events = vec![IncidentEvent::Refused {
                plan: digest.clone(),
                by: "bo".to_string(),
                why: "not before lunch".to_string(),
            }];
        }),
        all,
        "refuse: bo said no: not before lunch",
    );
    check(
        Case::new().with(|c| c.events = vec![IncidentEvent::ApprovalExpired { plan: digest }]),
        all,
        "refuse: nobody answered in time",
    );
}

#[test]
fn recoveries_are_read_from_incidents() {
    let mut incident = planned(Case::new().report, Case::new().plan);
    assert!(gate::recoveries([&incident]).is_empty());
    let plan = Case::new().plan.digest();
    let mut state_after = |events: Vec<IncidentEvent>| {
        world::happen(&mut incident, events);
        gate::recoveries([&incident])[0].state
    };
    let key = StepKey("k".to_string());
    let done = Outcome::Done {
        detail: String::new(),
    };
    let runs = state_after(vec![
        IncidentEvent::GateAnswered {
            plan: plan.clone(),
            answer: GateAnswer::Go { reasons: vec![] },
        },
        IncidentEvent::RunStarted { plan: plan.clone() },
    ]);
    assert_eq!(runs, RecoveryState::Runs);
    let completed = state_after(vec![
        IncidentEvent::StepStarted {
            plan: plan.clone(),
            step: 0,
            key,
        },
        IncidentEvent::StepEnded {
            plan: plan.clone(),
            step: 0,
            outcome: done,
        },
        IncidentEvent::RunEnded {
            plan: plan.clone(),
            end: RunEnd::Completed,
        },
    ]);
    assert_eq!(completed, RecoveryState::Runs);
    let verified = |passed| IncidentEvent::Verified {
        plan: plan.clone(),
        passed,
        checks: vec![],
    };
    assert_eq!(state_after(vec![verified(false)]), RecoveryState::Runs);
    let RecoveryState::Succeeded(_) = state_after(vec![verified(true)]) else {
        panic!("it succeeded");
    };
    let over = state_after(vec![
        verified(false),
        IncidentEvent::HandedOver { why: String::new() },
    ]);
    assert_eq!(over, RecoveryState::Failed);
}

/// Any event about one of two plans, legal or not.
fn event() -> impl Strategy<Value = IncidentEvent> {
    let plans = [Case::new().plan, {
        let mut other = Case::new().plan;
        other.attempt = 2;
        other
    }];
    let answers = prop_oneof![
        Just(GateAnswer::Go { reasons: vec![] }),
        Just(GateAnswer::Ask {
            reasons: vec![],
            who: vec![]
        }),
        Just(GateAnswer::Refuse {
            reasons: vec![],
            again_at: None
        }),
    ];
    let outcomes = prop_oneof![
        Just(Outcome::Done {
            detail: String::new()
        }),
        Just(Outcome::Failed { why: String::new() }),
        Just(Outcome::Unknown { why: String::new() }),
    ];
    (0..2_usize, 0..12_u8, 0..2_u32, 0..3_u8, answers, outcomes).prop_map(
        move |(which, kind, step, key, answer, outcome)| {
            let proposed = &plans[which];
            let plan = proposed.digest();
            let key = StepKey(format!("k{key}"));
            match kind {
                0 | 1 => IncidentEvent::PlanProposed {
                    plan: Box::new(proposed.clone()),
                },
                2 | 3 => IncidentEvent::GateAnswered { plan, answer },
                4 => IncidentEvent::Approved {
                    approval: Approval {
                        plan,
                        by: "ana".to_string(),
                        at: at(0),
                        until: at(60),
                    },
                },
                5 | 6 => IncidentEvent::RunStarted { plan },
                7 | 8 => IncidentEvent::StepStarted { plan, step, key },
                9 => IncidentEvent::StepEnded {
                    plan,
                    step,
                    outcome,
                },
                10 => IncidentEvent::UndoStarted { plan, step, key },
                _ => IncidentEvent::RunEnded {
                    plan,
                    end: RunEnd::Unwound { why: String::new() },
                },
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// J1: whatever is thrown at the fold, no step stands without a Go for that very plan before it, as the
    /// gate's newest word at the beginning of the run; and none is cleared for resuming.
    #[test]
    fn no_step_without_a_go(events in proptest::collection::vec(event(), 0..60)) {
        let mut incident = world::incident();
        let mut word: std::collections::BTreeMap<String, bool> = Default::default();
        let mut begun: std::collections::BTreeSet<String> = Default::default();
        for event in events {
            let seq = incident.seq + 1;
            if incident.apply(seq, at(seq as i64), &event).is_err() {
                continue;
            }
            match &event {
                IncidentEvent::PlanProposed { plan } => {
                    word.insert(plan.digest(), false);
                    begun.remove(&plan.digest());
                }
                IncidentEvent::GateAnswered { plan, answer } => {
                    word.insert(plan.clone(), matches!(answer, GateAnswer::Go { .. }));
                }
                IncidentEvent::RunStarted { plan } => {
                    prop_assert!(word.get(plan) == Some(&true), "begun without a Go (J1)");
                    begun.insert(plan.clone());
                }
                IncidentEvent::StepStarted { plan, .. } => {
                    prop_assert!(begun.contains(plan), "a step without a beginning (J1)");
                }
                _ => {}
            }
            let latest = incident.latest_plan();
            if let Some(cleared) = latest.and_then(gate::resume) {
                prop_assert!(begun.contains(cleared.digest()), "cleared without a Go (J1)");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// A Go means that every rule holds and that somebody was allowed to say so, judged a second way.
    #[test]
    fn a_go_has_its_reasons(
        confidence in 0.0..1.0_f64,
        harmless: bool,
        kill: bool,
        touched in 0..16_usize,
        by in proptest::sample::select(vec!["ana", "eve", "mallory", ""]),
        from in -60..120_i64,
        lasts in 1..4000_i64,
        now in 0..2400_i64,
        policy in 0..3_usize,
        forged: bool,
    ) {
        let case = Case::new().with(|c| {
            c.plan.basis[0].confidence = confidence;
            c.plan.steps[0].harmless = harmless;
            c.plan.touches = (0..touched).map(|i| format!("service/{i}").as_str().into()).collect();
            c.kill_switch = kill.then_some("test");
            c.now = at(now);
        });
        let mut case = if by.is_empty() { case } else { case.approved(by, from, from + lasts) };
        if let (true, Some(approval)) = (forged, &mut case.approval) {
            approval.plan = "0".repeat(64);
        }
        let decision = case.ask([OBSERVER, ASK_ALWAYS, HARMLESS_ALONE][policy]);
        let rules = !kill && confidence >= 0.8 && touched < 12 && now <= 1800;
        let alone = policy == 2 && harmless && (confidence * 100.0 + 1e-9).floor() >= 90.0;
        let yes = policy > 0 && by == "ana" && !forged && from <= now && now < from + lasts.min(1800);
        prop_assert_eq!(
            matches!(decision, Decision::Go { .. }),
            rules && (alone || yes),
            "{}", told(&decision)
        );
    }
}

#[test]
fn every_policy_that_we_show_can_be_used() {
    for name in ["observer", "ask-always", "harmless-alone"] {
        let text = gate::sample(name).expect("a sample");
        assert_eq!(Gate::new(text, Rules::default()).fault(), None, "{name}");
    }
    assert_eq!(gate::sample("no-such"), None);
    let page = include_str!("../../../docs/recovery.md");
    let shown: Vec<&str> = page
        .split("```cedar")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(!shown.is_empty());
    for policy in shown {
        assert_eq!(
            Gate::new(policy, Rules::default()).fault(),
            None,
            "{policy}"
        );
    }
}
