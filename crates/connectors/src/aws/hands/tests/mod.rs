//! The hands in simulated time, against a double that answers as AWS does on the wire and remembers what was altered.

mod configured;
mod named;
mod others;
mod purse;
mod ran;
mod runs;
mod world;

use serde_json::json;

use super::*;
use world::{READS, ROLE, RUNS, TABLE, VALUE, World, Writes, ago, pairs, told};

const PAY: &str = "function/pay";
const PUT: &str = "PutFunctionConcurrency20171031";
const UPDATE: &str = "UpdateFunctionConfiguration20150331v2";
const CREATE: &str = "CreateFunction20150331";

fn entity(id: &str) -> EntityId {
    EntityId::new(id.to_string())
}

fn limit(value: Option<u64>) -> Action {
    Action::SetLimit {
        entity: entity(PAY),
        limit: "concurrency".to_string(),
        value,
    }
}

fn settings(pairs: &[(&str, Option<&str>)]) -> Action {
    let pairs = pairs.iter();
    Action::SetSettings {
        entity: entity(PAY),
        settings: pairs
            .map(|(name, value)| (name.to_string(), value.map(str::to_string)))
            .collect(),
    }
}

fn role(name: &str) -> Action {
    Action::SetRole {
        entity: entity(PAY),
        role: entity(&format!("role/{name}")),
    }
}

fn revert() -> Action {
    Action::RevertChange {
        entity: entity(PAY),
        change: "guilty".to_string(),
    }
}

#[test]
fn a_function_is_let_run_once_and_back() {
    let world = World::new(|state| state.concurrency = Some(0));
    let seen = world.preview(&limit(None)).unwrap();
    assert_eq!(seen.before, "reserved concurrency = 0");
    assert_eq!(seen.after, "reserved concurrency = none");
    assert_eq!(seen.undo, Some(limit(Some(0))));
    assert!(!seen.harmless, "somebody may have stopped it on purpose");
    assert!(world.writes().is_empty(), "a preview alters nothing");

    assert!(world.perform("key-1", &limit(None)).is_done());
    assert_eq!(world.state().concurrency, None);
    assert!(world.perform("key-1", &limit(None)).is_done());
    assert!(world.was_done("key-1", &limit(None)).is_done());
    assert_eq!(world.writes().len(), 1, "what is so already is left alone");
    let again = world.preview(&limit(None)).unwrap_err();
    assert!(again.contains("it is so already"), "{again}");

    assert!(world.perform("key-2", &limit(Some(0))).is_done());
    assert_eq!(world.state().concurrency, Some(0));
    // A limit that grows stops nobody, and one that falls may.
    world.state().concurrency = Some(5);
    assert!(world.preview(&limit(Some(10))).unwrap().harmless);
    assert!(!world.preview(&limit(Some(2))).unwrap().harmless);
}

#[test]
fn all_is_done_under_the_second_role() {
    let world = World::new(|state| state.concurrency = Some(0));
    assert!(world.perform("0123-0-do-1", &limit(Some(3))).is_done());
    let calls = world.double.calls();
    let taken = calls.iter().find(|call| call.action == "sts:AssumeRole");
    let taken = taken.expect("a role is taken");
    assert_eq!(taken.key, "AKIAOWN");
    let plain = ROLE.replace(':', "%3A").replace('/', "%2F");
    for part in [
        plain.as_str(),
        "ExternalId=known-to-both",
        // The step stands in AWS's own trail.
        "RoleSessionName=midwatch-0123-0-do-1",
    ] {
        assert!(taken.all.contains(part), "{part}: {}", taken.all);
    }
    let rest = calls.iter().filter(|call| call.action != "sts:AssumeRole");
    for call in rest {
        assert_eq!(call.key, "ASIAACTS0000", "{}", call.action);
        let known = crate::aws::deeds::by_action(&call.action);
        assert!(known.is_some(), "{}", call.action);
    }
}

#[test]
fn variables_are_merged_onto_the_revision_that_was_read() {
    let world = World::new(|state| state.slow = 3);
    let action = settings(&[("STAGE", Some("live-canary")), ("LEDGER", Some(TABLE))]);
    let seen = world.preview(&action).unwrap();
    assert_eq!(
        (seen.before.as_str(), seen.after.as_str()),
        ("STAGE not set", "STAGE set")
    );
    assert_eq!(seen.undo, Some(settings(&[("STAGE", None)])));
    assert!(seen.harmless);
    let done = world.perform("key", &action);
    assert!(done.is_done(), "{done:?}");
    let wanted = pairs(&[
        ("LEDGER", TABLE),
        ("STAGE", "live-canary"),
        ("TOKEN", VALUE),
    ]);
    assert_eq!(world.state().variables, wanted);
    let writes = world.writes();
    assert_eq!(writes.len(), 1);
    assert_eq!(writes[0].body["RevisionId"], "7");
    assert_eq!(world.state().going, 0, "it was waited for");

    // The way back would have to name a value, which no plan may hold.
    for action in [
        settings(&[("TOKEN", Some("new-canary"))]),
        settings(&[("TOKEN", None)]),
    ] {
        let seen = world.preview(&action).unwrap();
        assert_eq!(seen.before, "TOKEN set");
        assert!(seen.undo.is_none() && !seen.harmless, "{seen:?}");
    }
}

#[test]
fn whoever_was_quicker_is_not_overwritten() {
    let world = World::new(|state| state.writes = Writes::Late);
    let outcome = world.perform("key", &settings(&[("STAGE", Some("live"))]));
    let Outcome::Failed { why } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(
        why.contains("somebody altered the function between"),
        "{why}"
    );
    assert!(!world.state().variables.contains_key("STAGE"));
}

#[test]
fn what_aws_says_of_values_is_not_told_on() {
    let world = World::new(|_| {});
    let outcome = world.perform("key", &settings(&[("TOO_LONG", Some("x"))]));
    let Outcome::Failed { why } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(why.contains("InvalidParameterValueException"), "{why}");
    assert!(!why.contains("measured"), "{why}");
}

#[test]
fn an_answer_that_never_came_is_looked_for_before_anything_is_tried() {
    let world = World::new(|state| {
        state.concurrency = Some(0);
        state.writes = Writes::Unheard;
    });
    let outcome = world.perform("key", &limit(None));
    assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
    let sent = world.writes().len();
    assert_eq!(sent, 1, "what alters is sent once");
    // It was carried out after all.
    assert!(world.was_done("key", &limit(None)).is_done());

    let world = World::new(|state| {
        state.concurrency = Some(0);
        state.writes = Writes::Lost;
    });
    let outcome = world.perform("key", &limit(None));
    assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
    // It may be on its way: asked again under its key, nothing is sent.
    for outcome in [
        world.was_done("key", &limit(None)),
        world.perform("key", &limit(None)),
    ] {
        assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
    }
    assert_eq!(world.writes().len(), 1);
    world.later(ON_ITS_WAY);
    let outcome = world.was_done("key", &limit(None));
    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    world.state().writes = Writes::Answered;
    assert!(world.perform("key", &limit(None)).is_done());
    assert_eq!(world.writes().len(), 2);
}

#[test]
fn what_was_taken_and_does_not_show_yet_is_not_sent_again() {
    let world = World::new(|state| {
        state.concurrency = Some(0);
        state.writes = Writes::Hidden;
    });
    // By then nothing can be on its way that this program did not send.
    world.later(ON_ITS_WAY);
    for outcome in [
        world.perform("key", &limit(None)),
        world.was_done("key", &limit(None)),
        world.perform("key", &limit(None)),
    ] {
        assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
    }
    assert_eq!(world.writes().len(), 1);
    world.state().concurrency = None;
    assert!(world.was_done("key", &limit(None)).is_done());
}

#[test]
fn another_programs_requests_may_be_on_their_way_at_first() {
    let world = World::new(|state| state.concurrency = Some(0));
    let outcome = world.was_done("key", &limit(None));
    assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
    world.later(ON_ITS_WAY);
    let outcome = world.was_done("key", &limit(None));
    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
}

#[test]
fn a_refusal_is_final_and_says_what_to_do() {
    let world = World::new(|state| {
        state.concurrency = Some(0);
        state.writes = Writes::Denied;
    });
    let outcome = world.perform("key", &limit(None));
    let Outcome::Failed { why } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(why.contains("midwatch permissions aws --hands"), "{why}");
    assert_eq!(world.writes().len(), 1);
}

#[test]
fn a_role_is_given_only_if_it_is_named() {
    let world = World::new(|_| {});
    let seen = world.preview(&role("pay-reads")).unwrap();
    assert_eq!(
        (seen.before.as_str(), seen.after.as_str()),
        ("role = pay-runs", "role = pay-reads")
    );
    assert_eq!(seen.undo, Some(role("pay-runs")));
    assert!(world.perform("key", &role("pay-reads")).is_done());
    assert_eq!(world.state().role, READS);
    assert_eq!(world.writes()[0].body["Role"], READS);
    let refused = world.preview(&role("admin")).unwrap_err();
    assert!(refused.contains("not among the roles"), "{refused}");
}

#[test]
fn a_limit_is_put_back_to_what_the_trail_tells_of_before() {
    let put = |id: &str, minutes: i64, copies: u64| {
        let parameters = json!({"functionName": "pay", "reservedConcurrentExecutions": copies});
        told(id, PUT, ago(minutes), parameters, json!({}))
    };
    let other = json!({"functionName": "payments", "reservedConcurrentExecutions": 9});
    let others = told("other", PUT, ago(10), other, json!({}));
    let made = |minutes| {
        told(
            "made",
            CREATE,
            ago(minutes),
            json!({"functionName": "pay"}),
            json!({}),
        )
    };
    let mut failed = put("failed", 20, 77);
    let detail = failed["CloudTrailEvent"].as_str().unwrap();
    failed["CloudTrailEvent"] = json!(detail.replacen('{', "{\"errorCode\":\"AccessDenied\",", 1));
    let guilty = || put("guilty", 5, 0);
    for (trail, now, wanted) in [
        (
            vec![
                guilty(),
                others.clone(),
                failed,
                put("old", 90, 5),
                put("older", 900, 6),
            ],
            0,
            Ok("5"),
        ),
        (vec![guilty(), made(500)], 0, Ok("none")),
        (vec![guilty(), others], 0, Err("does not reach back")),
        (
            vec![guilty(), put("old", 90, 5)],
            3,
            Err("altered again since"),
        ),
        (
            vec![guilty(), put("old", 90, 5)],
            5,
            Err("it is so already"),
        ),
        (
            vec![guilty(), put("twin", 5, 8), put("old", 90, 5)],
            0,
            Err("twice within that second"),
        ),
        (vec![put("old", 90, 5)], 0, Err("holds no change guilty")),
        (
            vec![
                made(5),
                told(
                    "guilty",
                    CREATE,
                    ago(5),
                    json!({"functionName": "pay"}),
                    json!({}),
                ),
            ],
            0,
            Err("no such function"),
        ),
        (
            vec![told(
                "guilty",
                "UpdateFunctionCode20150331v2",
                ago(5),
                json!({"functionName": "pay"}),
                json!({}),
            )],
            0,
            Err("is none of the changes"),
        ),
        (
            vec![told(
                "guilty",
                PUT,
                ago(5),
                json!({"functionName": "ship", "reservedConcurrentExecutions": 0}),
                json!({}),
            )],
            0,
            Err("did not alter pay"),
        ),
    ] {
        let world = World::new(|state| {
            state.concurrency = Some(now);
            state.trail = trail;
        });
        match (world.preview(&revert()), wanted) {
            (Ok(seen), Ok(after)) => {
                assert_eq!(seen.after, format!("reserved concurrency = {after}"));
                assert_eq!(seen.undo, Some(limit(Some(0))));
                assert!(world.perform("key", &revert()).is_done());
                let now = world.state().concurrency;
                assert_eq!(now.map_or("none".to_string(), |one| one.to_string()), after);
                assert!(world.was_done("key", &revert()).is_done());
            }
            (Err(said), Err(why)) => {
                assert!(said.contains(why), "{why}: {said}");
                let outcome = world.perform("key", &revert());
                assert_eq!(outcome.is_done(), now == 5, "{outcome:?}");
                assert!(world.writes().is_empty());
            }
            (said, wanted) => panic!("{wanted:?}: {said:?}"),
        }
    }
}

#[test]
fn variables_are_put_back_to_what_was_published_before() {
    let before = || pairs(&[("LEDGER", TABLE), ("TOKEN", VALUE)]);
    let modified = |minutes| json!({"role": RUNS, "lastModified": world::written(ago(minutes)), "environment": {}});
    // As AWS tells of it: that variables were set, and not to what.
    let set = |id: &str, minutes: i64, size: u64| {
        let parameters =
            json!({"functionName": "pay", "environment": {}, "ephemeralStorage": {"size": size}});
        told(id, UPDATE, ago(minutes), parameters, modified(minutes))
    };
    for (published, since, size, wanted) in [
        (Some(60), 5, 3, Ok(())),
        (None, 5, 3, Err("no version was published")),
        // Variables were set between its publication and the change.
        (Some(200), 5, 3, Err("no version was published")),
        // Published with what is to be undone.
        (Some(4), 5, 3, Err("no version was published")),
        (Some(60), 2, 3, Err("altered again at")),
        (Some(60), 5, 10, Err("also set ephemeralStorage")),
    ] {
        let world = World::new(|state| {
            state.modified = ago(since);
            state.variables.remove("LEDGER");
            state.trail = vec![set("guilty", 5, size), set("old", 100, 3)];
            let published = published.map(|minutes| (ago(minutes), before()));
            state.versions = published.into_iter().collect();
        });
        match (world.preview(&revert()), wanted) {
            (Ok(seen), Ok(())) => {
                assert_eq!(
                    (seen.before.as_str(), seen.after.as_str()),
                    ("LEDGER not set", "LEDGER set")
                );
                assert_eq!(seen.undo, Some(settings(&[("LEDGER", None)])));
                assert!(world.perform("key", &revert()).is_done());
                assert_eq!(world.state().variables, before());
                // Asked again, it sees that it is so, although the function was altered since: by us.
                world.state().modified = ago(0);
                assert!(world.perform("key", &revert()).is_done());
                assert!(world.was_done("key", &revert()).is_done());
                assert_eq!(world.writes().len(), 1);
            }
            (Err(said), Err(why)) => assert!(said.contains(why), "{why}: {said}"),
            (said, wanted) => panic!("{wanted:?}: {said:?}"),
        }
    }
}

#[test]
fn a_role_is_put_back_to_what_the_trail_tells_of_before() {
    let gave = |id: &str, minutes: i64, role: &str| {
        let parameters = json!({"functionName": "pay", "role": role});
        told(id, UPDATE, ago(minutes), parameters, json!({"role": role}))
    };
    let world = World::new(|state| {
        state.role = READS.to_string();
        // Where the trail does not say the very moment, the second is near enough.
        state.modified = Timestamp(ago(5).0 + SECOND);
        state.trail = vec![gave("guilty", 5, READS), gave("old", 50, RUNS)];
    });
    let seen = world.preview(&revert()).unwrap();
    assert_eq!(seen.after, "role = pay-runs");
    assert_eq!(seen.undo, Some(role("pay-reads")));
    assert!(!seen.harmless);
    assert!(world.perform("key", &revert()).is_done());
    assert_eq!(world.state().role, RUNS);

    let admin = "arn:aws:iam::111111111111:role/admin";
    let world = World::new(|state| {
        state.role = READS.to_string();
        state.trail = vec![gave("guilty", 5, READS), gave("old", 50, admin)];
    });
    let refused = world.preview(&revert()).unwrap_err();
    assert!(
        refused.contains("admin is not among the roles"),
        "{refused}"
    );
}

#[test]
fn a_function_is_looked_for_where_the_hands_reach() {
    let regions = ["eu-west-1", "us-east-1"];
    let world = World::reaching(&regions, |state| state.concurrency = Some(0));
    // Both have it, so its name alone is nobody's.
    let said = world.preview(&limit(None)).unwrap_err();
    assert!(said.contains("such as function/pay@eu-west-1"), "{said}");
    let there = |id: &str| Action::SetLimit {
        entity: entity(id),
        limit: "concurrency".to_string(),
        value: Some(4),
    };
    assert!(
        world
            .perform("key", &there("function/pay@us-east-1"))
            .is_done()
    );
    assert_eq!(world.writes()[0].region, "us-east-1");
    for (id, why) in [
        ("function/pay@eu-north-1", "do not reach to eu-north-1"),
        ("function/ship", "there is no function/ship"),
        ("table/ledger", "not table/ledger"),
    ] {
        let said = world.preview(&there(id)).unwrap_err();
        assert!(said.contains(why), "{why}: {said}");
    }
}

#[test]
fn what_they_cannot_do_they_say() {
    let world = World::new(|_| {});
    let connections = Action::SetLimit {
        entity: entity(PAY),
        limit: "connections".to_string(),
        value: None,
    };
    let restart = Action::Restart {
        entity: entity(PAY),
    };
    for (action, why) in [
        (connections, "concurrency alone"),
        (restart, "no such action"),
    ] {
        let said = world.preview(&action).unwrap_err();
        assert!(said.contains(why), "{said}");
        assert!(!world.perform("key", &action).is_done());
    }
    assert!(world.writes().is_empty());
}

#[test]
fn a_function_that_may_not_run_is_offered_to_be_let_run() {
    let world = World::new(|state| state.concurrency = Some(0));
    let time = &world.double.time;
    let offered = |remedy: &str, id: &str| time.run(world.hands.offered(remedy, &entity(id)));
    assert_eq!(offered("rollback", PAY), [limit(None)]);
    assert_eq!(offered("raise_limit", PAY), [limit(None)]);
    assert!(offered("restart", PAY).is_empty());
    assert!(offered("rollback", "function/ship").is_empty());
    world.state().concurrency = Some(2);
    assert!(offered("rollback", PAY).is_empty());
}
