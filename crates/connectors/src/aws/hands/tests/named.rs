//! What is named, altered in simulated time: services, groups, records.

use serde_json::json;

use super::others::shares;
use super::world::{World, Writes, ago, told};
use super::*;

const CHECKOUT: &str = "service/checkout";
const WORKERS: &str = "workload/workers";
const API: &str = "gateway/api.shop.example";

fn version(version: &str) -> Action {
    Action::SetVersion {
        entity: entity(CHECKOUT),
        version: version.to_string(),
    }
}

fn scale(id: &str, copies: u64) -> Action {
    Action::Scale {
        entity: entity(id),
        copies,
    }
}

fn bound(limit: &str, value: u64) -> Action {
    Action::SetLimit {
        entity: entity(WORKERS),
        limit: limit.to_string(),
        value: Some(value),
    }
}

fn set(id: &str, pairs: &[(&str, &str)]) -> Action {
    let pairs = pairs.iter();
    Action::SetSettings {
        entity: entity(id),
        settings: pairs
            .map(|(name, value)| (name.to_string(), Some(value.to_string())))
            .collect(),
    }
}

fn away(from: &str, to: &str) -> Action {
    Action::FailOver {
        from: entity(&format!("service/{from}")),
        to: entity(&format!("service/{to}")),
    }
}

fn undone(change: &str) -> Action {
    Action::RevertChange {
        entity: entity(CHECKOUT),
        change: change.to_string(),
    }
}

/// What there is to be done, what is said of it, and the way back.
fn all() -> Vec<(Action, [&'static str; 2], Action)> {
    vec![
        (
            version("41"),
            [
                "task definition = checkout:42",
                "task definition = checkout:41",
            ],
            version("checkout:42"),
        ),
        (
            scale(CHECKOUT, 5),
            ["copies = 3, of which 3 run", "copies = 5"],
            scale(CHECKOUT, 3),
        ),
        (
            set(
                CHECKOUT,
                &[("task_definition", "checkout:41"), ("desired_count", "5")],
            ),
            [
                "task definition = checkout:42, copies = 3, of which 3 run",
                "task definition = checkout:41, copies = 5",
            ],
            set(
                CHECKOUT,
                &[("desired_count", "3"), ("task_definition", "checkout:42")],
            ),
        ),
        (
            scale(WORKERS, 8),
            ["desired_capacity = 4", "desired_capacity = 8"],
            scale(WORKERS, 4),
        ),
        (
            bound("max_size", 12),
            ["max_size = 8", "max_size = 12"],
            bound("max_size", 8),
        ),
        (
            set(WORKERS, &[("max_size", "12"), ("desired_capacity", "10")]),
            [
                "max_size = 8, desired_capacity = 4",
                "max_size = 12, desired_capacity = 10",
            ],
            set(WORKERS, &[("desired_capacity", "4"), ("max_size", "8")]),
        ),
        (
            away("blue", "green"),
            [
                "api.shop.example: blue = 70, green = 30",
                "api.shop.example: blue = 0, green = 30",
            ],
            set(API, &[("blue", "70")]),
        ),
        (
            away("blue", "old"),
            [
                "api.shop.example: blue = 70, old = 0",
                "api.shop.example: blue = 0, old = 70",
            ],
            set(API, &[("blue", "70"), ("old", "0")]),
        ),
        (
            set(API, &[("green", "0")]),
            [
                "api.shop.example: green = 30",
                "api.shop.example: green = 0",
            ],
            set(API, &[("green", "30")]),
        ),
    ]
}

#[test]
fn what_is_named_is_altered_once_and_back() {
    for (action, wanted, undo) in all() {
        let world = World::new(|_| {});
        let before = world.state().others.clone();
        let seen = world.preview(&action).unwrap();
        assert_eq!(
            [seen.before.as_str(), seen.after.as_str()],
            wanted,
            "{action}"
        );
        assert_eq!(seen.undo, Some(undo.clone()), "{action}");
        assert!(world.writes().is_empty(), "a preview alters nothing");
        assert!(world.perform("key-1", &action).is_done(), "{action}");
        assert_ne!(world.state().others, before);
        assert!(world.perform("key-1", &action).is_done(), "{action}");
        assert!(world.was_done("key-1", &action).is_done(), "{action}");
        assert_eq!(world.writes().len(), 1, "what is so already is left alone");
        assert!(world.perform("key-2", &undo).is_done(), "{undo}");
        assert_eq!(world.state().others, before, "{undo}");
        for call in world.double.calls() {
            let known = crate::aws::deeds::by_action(&call.action);
            assert!(
                known.is_some() || call.action == "sts:AssumeRole",
                "{}",
                call.action
            );
        }
    }
}

#[test]
fn an_answer_that_never_came_is_looked_for_with_each_of_them() {
    for (action, _, _) in all() {
        let world = World::new(|state| state.writes = Writes::Unheard);
        let outcome = world.perform("key", &action);
        assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
        assert_eq!(world.writes().len(), 1, "what alters is sent once");
        assert!(world.was_done("key", &action).is_done(), "{action}");

        let world = World::new(|state| state.writes = Writes::Lost);
        assert!(!world.perform("key", &action).is_done());
        for outcome in [
            world.was_done("key", &action),
            world.perform("key", &action),
        ] {
            assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
        }
        assert_eq!(world.writes().len(), 1);
        world.later(ON_ITS_WAY);
        let outcome = world.was_done("key", &action);
        assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
        world.state().writes = Writes::Answered;
        assert!(world.perform("key", &action).is_done());

        let world = World::new(|state| state.writes = Writes::Denied);
        let Outcome::Failed { why } = world.perform("key", &action) else {
            panic!("{action}");
        };
        assert!(why.contains("midwatch permissions aws --hands"), "{why}");
    }
}

#[test]
fn records_that_somebody_altered_meanwhile_are_left_as_they_are() {
    let world = World::new(|state| state.writes = Writes::Late);
    let Outcome::Failed { why } = world.perform("key", &away("blue", "green")) else {
        panic!();
    };
    assert!(
        why.contains("somebody altered the records between"),
        "{why}"
    );
    let wanted = shares(&[("blue", "71"), ("green", "30"), ("old", "0")]);
    assert_eq!(world.state().others.records, wanted);
}

#[test]
fn a_primary_and_a_secondary_change_places() {
    let world = World::new(|state| {
        state.others.records = shares(&[("blue", "PRIMARY"), ("green", "SECONDARY")]);
    });
    let seen = world.preview(&away("blue", "green")).unwrap();
    assert_eq!(
        seen.after,
        "api.shop.example: blue = SECONDARY, green = PRIMARY"
    );
    let undo = set(API, &[("blue", "PRIMARY"), ("green", "SECONDARY")]);
    assert_eq!(seen.undo, Some(undo.clone()));
    let touched = [API, "service/blue", "service/green"].map(entity);
    assert_eq!(seen.touches, touched);
    let before = world.state().others.clone();
    assert!(world.perform("key", &away("blue", "green")).is_done());
    let wanted = shares(&[("blue", "SECONDARY"), ("green", "PRIMARY")]);
    assert_eq!(world.state().others.records, wanted);
    assert!(world.perform("key", &away("blue", "green")).is_done());
    assert_eq!(world.writes().len(), 1);
    assert!(world.perform("back", &undo).is_done());
    assert_eq!(world.state().others, before);
    let offered = |remedy: &str| {
        world
            .double
            .time
            .run(world.hands.offered(remedy, &entity("service/blue")))
    };
    assert_eq!(
        offered("failover"),
        [away("blue", "green"), away("blue", "old")]
    );
    assert!(offered("rollback").is_empty());
}

#[test]
fn what_cannot_be_told_or_taken_back_is_refused() {
    type Alter = fn(&mut super::others::Others);
    let nothing: Alter = |_| {};
    let other = |id: &str| scale(id, 2);
    for (alter, action, why) in [
        (nothing, other("service/ship"), "not among those"),
        (nothing, other("service/office/checkout"), "not among those"),
        (nothing, other("workload/others"), "not among those"),
        (nothing, version("40"), "was deregistered"),
        (nothing, version("ship:3"), "is something else"),
        (nothing, version("checkout"), "is no revision"),
        (
            |one| one.controller = "CODE_DEPLOY",
            version("41"),
            "rolled out by CODE_DEPLOY",
        ),
        (
            |one| one.daemon = true,
            scale(CHECKOUT, 9),
            "once on each machine",
        ),
        (nothing, set(CHECKOUT, &[("image", "x")]), "nothing else"),
        (
            nothing,
            set(CHECKOUT, &[("desired_count", "many")]),
            "no number",
        ),
        (nothing, scale(WORKERS, 9), "do not lie between 2 and 8"),
        (nothing, bound("max_size", 3), "do not lie between 2 and 3"),
        (nothing, bound("min_size", 5), "do not lie between 5 and 8"),
        (nothing, bound("cooldown", 5), "nothing else"),
        (nothing, set(WORKERS, &[("max_size", "many")]), "say which"),
        (
            nothing,
            Action::RevertChange {
                entity: entity(WORKERS),
                change: "guilty".to_string(),
            },
            "not known for certain",
        ),
        (
            nothing,
            set(API, &[("blue", "0"), ("green", "0")]),
            "nobody would carry it",
        ),
        (nothing, set(API, &[("blue", "256")]), "cannot carry that"),
        (
            nothing,
            set(API, &[("blue", "PRIMARY")]),
            "cannot carry that",
        ),
        (nothing, set(API, &[("red", "1")]), "is not named"),
        (
            |one| one.records = shares(&[("blue", "0"), ("green", "0"), ("x", "9")]),
            away("blue", "green"),
            "neither of them carries anything",
        ),
        (
            |one| one.records = shares(&[("blue", "PRIMARY"), ("green", "3")]),
            away("blue", "green"),
            "one of them is weighted",
        ),
        (
            |one| one.records = shares(&[("blue", "3")]),
            away("blue", "green"),
            "no weighted record",
        ),
        (
            |one| one.records = shares(&[("blue", "PRIMARY"), ("green", "SECONDARY")]),
            set(API, &[("green", "PRIMARY")]),
            "one primary only",
        ),
        (nothing, away("blue", "red"), "name it in their traffic"),
        (
            nothing,
            Action::Restart {
                entity: entity(CHECKOUT),
            },
            "no such action",
        ),
        (
            nothing,
            Action::Restart {
                entity: entity(WORKERS),
            },
            "no such action",
        ),
    ] {
        let world = World::new(|state| alter(&mut state.others));
        let said = world.preview(&action).unwrap_err();
        assert!(said.contains(why), "{action}: {why}: {said}");
        assert!(!world.perform("key", &action).is_done());
        assert!(world.writes().is_empty());
    }
}

#[test]
fn what_harms_nobody_is_told_apart() {
    let stopped: fn(&mut super::others::Others) = |one| one.copies = 0;
    let running: fn(&mut super::others::Others) = |_| {};
    for (alter, action, harmless) in [
        (running, scale(CHECKOUT, 5), true),
        (running, scale(CHECKOUT, 1), false),
        // Somebody may have stopped it on purpose.
        (stopped, scale(CHECKOUT, 5), false),
        (running, version("41"), false),
        (running, scale(WORKERS, 5), true),
        (running, scale(WORKERS, 3), false),
        (running, bound("max_size", 9), true),
        (running, bound("max_size", 7), false),
        (running, away("blue", "green"), false),
    ] {
        let world = World::new(|state| alter(&mut state.others));
        assert_eq!(
            world.preview(&action).unwrap().harmless,
            harmless,
            "{action}"
        );
    }
}

#[test]
fn a_rollout_that_is_under_way_is_replaced_and_one_that_failed_is_told() {
    let world = World::new(|state| {
        state.others.rollout = "IN_PROGRESS";
        state.others.running = 1;
    });
    // It is not waited for: the revision that does not come up is the very one to be replaced.
    let outcome = world.perform("key", &version("41"));
    let Outcome::Done { detail } = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(
        detail,
        "task definition = checkout:41 (1 of 3 copies run so far)"
    );
    assert!(world.was_done("key", &version("41")).is_done());
    world.state().others.rollout = "FAILED";
    let outcome = world.perform("key", &version("41"));
    assert!(
        format!("{outcome:?}").contains("tasks failed to start"),
        "{outcome:?}"
    );
    assert_eq!(world.writes().len(), 1);
}

#[test]
fn a_service_is_put_back_to_what_it_was_before_a_change() {
    let update = |id: &str, minutes: i64, more: serde_json::Value, answer: serde_json::Value| {
        let mut parameters = json!({ "cluster": "shop", "service": "checkout" });
        let all = more.as_object().unwrap().clone();
        parameters.as_object_mut().unwrap().extend(all);
        told(id, "UpdateService", ago(minutes), parameters, answer)
    };
    let moved = |id: &str, minutes, to: &str| {
        update(id, minutes, json!({ "taskDefinition": to }), json!({}))
    };
    let arn = |name: &str| format!("arn:aws:ecs:eu-west-1:111111111111:task-definition/{name}");
    let answered = |active: &[&str]| {
        let primary = json!({ "status": "PRIMARY", "taskDefinition": arn("checkout:42") });
        let active = active
            .iter()
            .map(|one| json!({ "status": "ACTIVE", "taskDefinition": arn(one) }));
        let all: Vec<_> = std::iter::once(primary).chain(active).collect();
        json!({ "service": { "taskDefinition": arn("checkout:42"), "deployments": all } })
    };
    let guilty = || moved("guilty", 5, "checkout:42");
    let old = || moved("old", 90, "checkout:41");
    let family = json!({ "taskDefinition": "checkout" });
    let elsewhere = told(
        "elsewhere",
        "UpdateService",
        ago(20),
        json!({ "cluster": "office", "service": "checkout", "taskDefinition": "checkout:7" }),
        json!({}),
    );
    let deleted = told(
        "deleted",
        "DeleteService",
        ago(50),
        json!({ "cluster": "shop", "service": arn("x").replace("task-definition/x", "service/shop/checkout") }),
        json!({}),
    );
    for (trail, rolls_back, wanted) in [
        (
            vec![
                guilty(),
                elsewhere,
                old(),
                moved("older", 900, "checkout:39"),
            ],
            false,
            Ok("checkout:41"),
        ),
        // ECS itself says what it replaced, whatever the trail tells.
        (
            vec![
                update("guilty", 5, family.clone(), answered(&["checkout:39"])),
                old(),
            ],
            true,
            Ok("checkout:39"),
        ),
        (
            vec![update("guilty", 5, family, json!({})), old()],
            false,
            Err("which revision that change set"),
        ),
        (
            vec![update(
                "guilty",
                5,
                json!({ "taskDefinition": "checkout:42" }),
                answered(&["checkout:39", "checkout:41"]),
            )],
            true,
            Err("brought that service back by itself"),
        ),
        (
            vec![guilty(), old()],
            true,
            Err("brought that service back by itself"),
        ),
        (vec![guilty()], false, Err("does not reach back")),
        (
            vec![guilty(), moved("old", 90, "checkout")],
            false,
            Err("which revision ran before"),
        ),
        (
            vec![guilty(), moved("old", 90, "checkout:40")],
            false,
            Err("was deregistered"),
        ),
        (
            vec![guilty(), moved("twin", 5, "checkout:41")],
            false,
            Err("twice within that second"),
        ),
        (
            vec![guilty(), deleted, old()],
            false,
            Err("deleted and made anew"),
        ),
        (
            vec![moved("guilty", 5, "checkout:38"), old()],
            false,
            Err("altered again since"),
        ),
        (
            vec![
                update(
                    "guilty",
                    5,
                    json!({ "forceNewDeployment": true }),
                    json!({}),
                ),
                old(),
            ],
            false,
            Err("neither a task definition"),
        ),
        (
            vec![update(
                "guilty",
                5,
                json!({ "taskDefinition": "checkout:42", "enableExecuteCommand": true }),
                json!({}),
            )],
            false,
            Err("also set enableexecutecommand"),
        ),
    ] {
        let world = World::new(|state| {
            state.trail = trail;
            state.others.rolls_back = rolls_back;
        });
        match (world.preview(&undone("guilty")), wanted) {
            (Ok(seen), Ok(definition)) => {
                assert_eq!(seen.after, format!("task definition = {definition}"));
                assert_eq!(seen.undo, Some(version("checkout:42")));
                assert!(world.perform("key", &undone("guilty")).is_done());
                assert_eq!(world.state().others.definition, definition);
                assert!(world.was_done("key", &undone("guilty")).is_done());
                assert_eq!(world.writes().len(), 1);
            }
            (Err(said), Err(why)) => assert!(said.contains(why), "{why}: {said}"),
            (said, wanted) => panic!("{wanted:?}: {said:?}"),
        }
    }
    // How many ran is what the last call before it said.
    let world = World::new(|state| {
        state.others.copies = 0;
        state.trail = vec![
            update("guilty", 5, json!({ "desiredCount": 0 }), json!({})),
            old(),
            update("scaled", 95, json!({ "desiredCount": 6 }), json!({})),
        ];
    });
    let seen = world.preview(&undone("guilty")).unwrap();
    assert_eq!(
        (seen.after.as_str(), seen.undo),
        ("copies = 6", Some(scale(CHECKOUT, 0)))
    );
    world.state().others.copies = 2;
    let said = world.preview(&undone("guilty")).unwrap_err();
    assert!(said.contains("scaled again since"), "{said}");
}
