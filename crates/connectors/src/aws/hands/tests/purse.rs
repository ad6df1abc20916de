//! What hands may spend: what they look at before somebody says yes is bound by it, and a step that has a yes is not.

use super::*;
use crate::pull::Money;

#[test]
fn a_budget_binds_what_is_looked_at_and_stops_no_step() {
    let usual = Budget::default();
    // Half of what it costs to ask how many copies may run.
    let half = 5_000_000;
    for (budget, why) in [
        (
            Budget {
                requests: 2,
                ..usual
            },
            "the 2 requests of a look are spent",
        ),
        (
            Budget {
                requests_per_hour: 2,
                ..usual
            },
            "the 2 requests of this hour are spent",
        ),
        (
            Budget { bytes: 1, ..usual },
            "the 1 bytes of a look are spent",
        ),
        (
            Budget {
                bytes_per_hour: 1,
                ..usual
            },
            "the 1 bytes of this hour are spent",
        ),
        (
            Budget {
                money: Money {
                    look: half,
                    ..usual.money
                },
                ..usual
            },
            "the $0.005000 of a look are spent",
        ),
        (
            Budget {
                money: Money {
                    hour: half,
                    ..usual.money
                },
                ..usual
            },
            "the $0.005000 of this hour are spent",
        ),
    ] {
        let world = World::paying(budget, |state| state.concurrency = Some(0));
        let said = world.preview(&limit(None)).unwrap_err();
        assert!(said.contains(why), "{why}: {said}");
        assert!(
            said.contains("raise requests, bytes, dollars or *_per_hour in [connectors.aws.main]"),
            "{said}"
        );

        // There, seen, and back.
        let done = world.perform("0123-0-do-1", &limit(None));
        assert!(done.is_done(), "{why}: {done:?}");
        assert_eq!(world.state().concurrency, None, "{why}");
        assert!(
            world.was_done("0123-0-do-1", &limit(None)).is_done(),
            "{why}"
        );
        let back = world.perform("0123-0-undo-1", &limit(Some(0)));
        assert!(back.is_done(), "{why}: {back:?}");
        assert_eq!(world.state().concurrency, Some(0), "{why}");

        let (now, tally) = (world.hands.now(), &world.hands.tally);
        let calls = world.double.calls();
        assert_eq!(tally.hour.spent(now).requests, calls.len() as u64, "{why}");
        let asked = "lambda:GetFunctionConcurrency";
        let asked = calls.iter().filter(|call| call.action == asked).count();
        let paid = tally.paid.spent(now).requests;
        assert!(paid >= asked as u64 * 2 * half, "{why}: {paid}");
        // And what comes next has no yes again.
        assert!(world.preview(&limit(None)).is_err(), "{why}");
    }
}

#[test]
fn what_a_step_waits_for_may_take_more_than_a_look_may() {
    let budget = Budget {
        requests: 5,
        ..Budget::default()
    };
    let world = World::paying(budget, |state| state.slow = 30);
    let done = world.perform("0123-0-do-1", &settings(&[("STAGE", Some("live"))]));
    assert!(done.is_done(), "{done:?}");
    assert_eq!(world.writes().len(), 1);
    assert!(world.double.calls().len() > 60);
}
