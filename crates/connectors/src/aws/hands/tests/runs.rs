//! What is named to be run, run in simulated time: automations, commands, builds.

use serde_json::json;

use super::ran::{CHECKOUT, RUNS, STOCK, mark};
use super::world::{World, Writes, ago, told};
use super::*;

fn run(id: &str, runbook: &str, parameters: &[(&str, &str)]) -> Action {
    let parameters = parameters.iter();
    Action::RunRunbook {
        entity: entity(id),
        runbook: runbook.to_string(),
        parameters: parameters
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect(),
    }
}

fn drain() -> Action {
    run(CHECKOUT, "Shop-Drain", &[("Mode", "soft")])
}

fn build(version: &str) -> Action {
    let given = [("TF_WORKSPACE", "live"), ("source_version", version)];
    run(STOCK, "shop-terraform", &given)
}

/// What there is to be run, what is said of it, the way back, and who feels it.
type Case = (Action, [&'static str; 2], Option<Action>, Vec<&'static str>);

fn all() -> Vec<Case> {
    vec![
        (
            drain(),
            [
                "Shop-Drain 3 was not run in the last 24 h",
                "version 3 of Shop-Drain with Mode=soft is run",
            ],
            Some(run(CHECKOUT, "Shop-Fill", &[])),
            vec![CHECKOUT, "service/pay"],
        ),
        (
            run(CHECKOUT, "Shop-Restart", &[]),
            [
                "Shop-Restart 2 was not run in the last 24 h",
                "version 2 of Shop-Restart is run on 2 machines, 1 at once, until the first that fails; \
                 no way back is named",
            ],
            None,
            vec!["host/i-0a", "host/i-0b", CHECKOUT],
        ),
        (
            build("c1"),
            [
                "shop-terraform was run last as shop-terraform:b3, begun 2025-12-31T23:30:00Z: FAILED in BUILD, of c3",
                "shop-terraform is built from c1 with TF_WORKSPACE=live",
            ],
            Some(build("c2")),
            vec!["database/stock", STOCK],
        ),
    ]
}

/// As after a start of this program anew: it remembers nothing.
fn forget(world: &World) {
    world.hands.unheard().clear();
    world.hands.begun().clear();
    world.later(ON_ITS_WAY);
}

#[test]
fn what_is_named_is_run_once() {
    for (action, wanted, undo, touches) in all() {
        let world = World::new(|state| state.ran.slow = 3);
        let seen = world.preview(&action).unwrap();
        assert_eq!([seen.before.as_str(), seen.after.as_str()], wanted);
        assert_eq!(seen.undo, undo, "{action}");
        let touched: Vec<&str> = seen.touches.iter().map(EntityId::as_str).collect();
        assert_eq!(touched, touches, "{action}");
        assert!(!seen.harmless, "only its owner knows");
        assert!(world.writes().is_empty(), "a preview runs nothing");

        let done = world.perform("key-1", &action);
        assert!(done.is_done(), "{action}: {done:?}");
        for outcome in [
            world.perform("key-1", &action),
            world.was_done("key-1", &action),
        ] {
            assert!(outcome.is_done(), "{action}: {outcome:?}");
        }
        forget(&world);
        for outcome in [
            world.was_done("key-1", &action),
            world.perform("key-1", &action),
        ] {
            assert!(outcome.is_done(), "{action}: {outcome:?}");
        }
        assert_eq!(world.writes().len(), 1, "{action}: it is known by its key");
        // Under another key it is another deed.
        assert!(world.perform("key-2", &action).is_done(), "{action}");
        assert_eq!(world.writes().len(), 2, "{action}");
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
fn an_answer_that_never_came_is_looked_for_by_the_key() {
    for (action, ..) in all() {
        let world = World::new(|state| state.writes = Writes::Unheard);
        let outcome = world.perform("key", &action);
        assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
        assert!(world.was_done("key", &action).is_done(), "{action}");
        assert_eq!(world.writes().len(), 1, "what begins is sent once");

        let world = World::new(|state| state.writes = Writes::Lost);
        assert!(!world.perform("key", &action).is_done());
        let outcome = world.was_done("key", &action);
        assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
        world.later(ON_ITS_WAY);
        let outcome = world.was_done("key", &action);
        assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
        world.state().writes = Writes::Answered;
        assert!(world.perform("key", &action).is_done());
        // The same token, or what stands in its place.
        let [first, second] = &world.writes()[..] else {
            panic!("{action}");
        };
        assert_eq!(first.body, second.body, "{action}");

        // AWS took it, and does not tell of it yet: that is no reason to send it again.
        let world = World::new(|state| state.writes = Writes::Hidden);
        assert!(!world.perform("key", &action).is_done());
        world.later(ON_ITS_WAY);
        for outcome in [
            world.was_done("key", &action),
            world.perform("key", &action),
        ] {
            let Outcome::Unknown { why } = outcome else {
                panic!("{outcome:?}");
            };
            assert!(why.contains("does not tell of it yet"), "{why}");
        }
        assert_eq!(world.writes().len(), 1, "{action}");

        let world = World::new(|state| state.writes = Writes::Denied);
        let Outcome::Failed { why } = world.perform("key", &action) else {
            panic!("{action}");
        };
        assert!(why.contains("midwatch permissions aws --hands"), "{why}");
    }
}

#[test]
fn what_ended_badly_is_neither_begun_again_nor_called_undone() {
    for (action, ..) in all() {
        let world = World::new(|state| state.ran.well = false);
        world.later(ON_ITS_WAY);
        for outcome in [
            world.perform("key", &action),
            world.was_done("key", &action),
            world.perform("key", &action),
        ] {
            let Outcome::Unknown { why } = outcome else {
                panic!("{action}: {outcome:?}");
            };
            assert!(why.contains("ended badly"), "{why}");
        }
        assert_eq!(world.writes().len(), 1, "{action}");
    }
    let world = World::new(|state| state.ran.well = false);
    let Outcome::Unknown { why } = world.perform("key", &drain()) else {
        panic!();
    };
    assert!(
        why.contains("TimedOut (drain Success, wait Failed)"),
        "{why}"
    );
}

#[test]
fn what_takes_long_is_waited_for_at_each_look() {
    for (action, ..) in all() {
        let world = World::new(|state| state.ran.slow = 20);
        let outcome = world.perform("key", &action);
        let Outcome::Unknown { why } = outcome else {
            panic!("{action}: {outcome:?}");
        };
        assert!(why.contains("goes on"), "{why}");
        let done = world.was_done("key", &action);
        assert!(done.is_done(), "{action}: {done:?}");
        assert_eq!(world.writes().len(), 1, "{action}");
    }
}

#[test]
fn nothing_is_begun_beside_what_somebody_else_runs() {
    for (action, ..) in all() {
        let world = World::new(|state| state.ran.slow = 1000);
        assert!(!world.perform("theirs", &action).is_done());
        let Outcome::Failed { why } = world.perform("ours", &action) else {
            panic!("{action}");
        };
        assert!(why.contains("is under way"), "{why}");
        assert_eq!(world.writes().len(), 1, "{action}");
    }
}

#[test]
fn a_run_is_given_what_is_named_and_no_more() {
    let world = World::new(|_| {});
    assert!(world.perform("0123-0-do-1", &drain()).is_done());
    let sent = &world.writes()[0].body;
    assert_eq!(sent["DocumentVersion"], "3");
    assert_eq!(
        sent["Parameters"],
        json!({ "Mode": ["soft"], "AutomationAssumeRole": [RUNS] })
    );
    assert!(
        world
            .perform("0123-1-do-1", &run(CHECKOUT, "Shop-Restart", &[]))
            .is_done()
    );
    let sent = &world.writes()[1].body;
    assert_eq!(
        (
            &sent["MaxConcurrency"],
            &sent["MaxErrors"],
            &sent["Comment"]
        ),
        (&json!("1"), &json!("0"), &json!("midwatch 0123-1-do-1"))
    );
    assert_eq!(
        sent["Targets"],
        json!([{ "Key": "tag:Role", "Values": ["checkout"] }])
    );
    assert!(
        world
            .perform("0123-2-do-1", &build("refs/heads/main"))
            .is_done()
    );
    let sent = &world.writes()[2];
    assert_eq!(sent.body["sourceVersion"], "refs/heads/main");
    assert_eq!(mark(sent).as_deref(), Some("0123-2-do-1"));

    for (action, why) in [
        (
            run(CHECKOUT, "Shop-Wipe", &[]),
            "is not among what these hands may run",
        ),
        (
            run(STOCK, "Shop-Drain", &[]),
            "is not among what these hands may run",
        ),
        (
            run(CHECKOUT, "Shop-Drain", &[("Mode", "now")]),
            "may be soft, hard",
        ),
        (
            run(CHECKOUT, "Shop-Drain", &[("All", "1")]),
            "is not among what Shop-Drain may be given",
        ),
        (run(CHECKOUT, "Shop-Drain", &[]), "has to be given Mode"),
        (
            run(CHECKOUT, "Shop-Drain", &[("Mode", "soft"), ("Odd", "1")]),
            "knows no Odd",
        ),
        (run(CHECKOUT, "Shop-Gone", &[]), "no version 9 of Shop-Gone"),
        (
            run(CHECKOUT, "Shop-Refill", &[]),
            "its way back, version 9 of Shop-Gone",
        ),
        (
            run(CHECKOUT, "Shop-Turn", &[]),
            "named as a command, and is something else",
        ),
        (run(STOCK, "shop-terraform", &[]), "say which version"),
        (build("pr/666"), "neither among the versions"),
        // It failed.
        (build("c3"), "neither among the versions"),
    ] {
        let said = world.preview(&action).unwrap_err();
        assert!(said.contains(why), "{why}: {said}");
        assert!(!world.perform("key", &action).is_done(), "{action}");
    }
    world.state().ran.machines.clear();
    let said = world
        .preview(&run(CHECKOUT, "Shop-Restart", &[]))
        .unwrap_err();
    assert!(said.contains("no machine that answers"), "{said}");
    assert_eq!(world.writes().len(), 3);
}

#[test]
fn the_same_version_again_has_no_way_back() {
    let world = World::new(|_| {});
    // What it overwrites stands in no version.
    let seen = world.preview(&build("c2")).unwrap();
    assert_eq!(seen.undo, None);
    assert!(
        seen.after.contains("no build is known that leads back"),
        "{}",
        seen.after
    );
    // The last that went well was built with what may not be given.
    world.state().ran.builds.drain(..3);
    assert_eq!(world.preview(&build("refs/heads/main")).unwrap().undo, None);
}

#[test]
fn a_build_that_the_trail_tells_of_is_put_back() {
    let undone = || Action::RevertChange {
        entity: entity(STOCK),
        change: "guilty".to_string(),
    };
    let started = |id: &str| {
        let answer = json!({ "build": { "id": format!("shop-terraform:{id}") } });
        told(
            "guilty",
            "StartBuild",
            ago(5),
            json!({ "projectName": "shop-terraform" }),
            answer,
        )
    };
    for (id, wanted) in [
        ("b2", Ok("built from c1")),
        ("b3", Ok("built from c2")),
        ("b1", Err("built again since")),
        ("b9", Err("not among the newest")),
    ] {
        let world = World::new(|state| state.trail = vec![started(id)]);
        match (world.preview(&undone()), wanted) {
            (Ok(seen), Ok(after)) => {
                assert!(seen.after.contains(after), "{id}: {}", seen.after);
                assert!(world.perform("key", &undone()).is_done());
                forget(&world);
                assert!(world.perform("key", &undone()).is_done());
                assert!(world.was_done("key", &undone()).is_done());
                assert_eq!(world.writes().len(), 1, "{id}");
            }
            (Err(said), Err(why)) => assert!(said.contains(why), "{why}: {said}"),
            (said, wanted) => panic!("{wanted:?}: {said:?}"),
        }
    }
    // Its former build had what may not be given.
    let world = World::new(|state| {
        state.trail = vec![started("b1")];
        state.ran.builds.drain(..2);
    });
    let said = world.preview(&undone()).unwrap_err();
    assert!(said.contains("could be had again"), "{said}");
}

#[test]
fn what_is_named_for_a_remedy_is_offered_for_it() {
    let world = World::new(|_| {});
    let time = &world.double.time;
    let offered = |remedy: &str, id: &str| time.run(world.hands.offered(remedy, &entity(id)));
    assert_eq!(
        offered("restart", CHECKOUT),
        [run(CHECKOUT, "Shop-Restart", &[("Mode", "soft")])]
    );
    assert_eq!(offered("fix_config", STOCK), [build("c2")]);
    for (remedy, id) in [
        ("restart", STOCK),
        ("rollback", STOCK),
        ("fix_config", CHECKOUT),
    ] {
        assert!(offered(remedy, id).is_empty(), "{remedy} {id}");
    }
}
