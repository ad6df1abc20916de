//! Before anything happens: what is collected decides what could be told, and nothing else does.

use connectors::files::Case;
use connectors::files::transform::{Modality, drop_modality};
use investigate::DEFAULT_BUDGET;
use investigate::readiness::{Readiness, Sight, Unit, assess};
use model::EntityKind;

use crate::cases::{Story, report_on, stories};

fn readiness(case: &Case) -> Readiness {
    assess(case, DEFAULT_BUDGET, &mut |_| {})
}

fn unit<'a>(readiness: &'a Readiness, id: &str) -> &'a Unit {
    readiness
        .units
        .iter()
        .find(|unit| unit.entity.as_str() == id)
        .unwrap_or_else(|| panic!("{id} is not among {:?}", readiness.units.len()))
}

fn sight(unit: &Unit, mechanism: &str) -> Sight {
    unit.failures
        .iter()
        .find(|f| f.mechanism == mechanism)
        .unwrap_or_else(|| panic!("{mechanism} cannot happen to {}", unit.entity))
        .sight
}

/// A shop and its database in good health.
fn shop() -> Story {
    Story::new("shop", "nothing is wrong")
        .with(EntityKind::Service, &["shop"])
        .with(EntityKind::Database, &["orders-db"])
        .with(EntityKind::External, &["bank"])
        .calls("shop", &["orders-db", "bank"])
        .serves_well("shop", 20.0)
}

#[test]
fn what_is_not_collected_cannot_be_named_and_advice_says_what_would() {
    let before = readiness(&shop().told());
    let database = unit(&before, "orders-db");
    assert_eq!(database.counts.named, 0, "nothing is known of it");
    assert_eq!(sight(database, "database.lock-contention"), Sight::Blind);
    let lines = database
        .advice
        .iter()
        .find(|a| a.signal.what == "log lines")
        .expect("its lines would tell much");

    let after = readiness(&shop().chatters("orders-db").told());
    let database = unit(&after, "orders-db");
    assert_eq!(sight(database, "database.lock-contention"), Sight::Named);
    assert_eq!(database.counts.named, lines.opens, "as was promised");
    assert_eq!(
        unit(&before, "shop").counts,
        unit(&after, "shop").counts,
        "another's lines say nothing of the shop"
    );
}

#[test]
fn only_what_can_fail_here_is_asked_about() {
    let found = readiness(&shop().told());
    let ids: Vec<&str> = found.units.iter().map(|u| u.entity.as_str()).collect();
    assert_eq!(ids, ["orders-db", "shop"], "nobody can look into the bank");
    let orchestrated = |unit: &Unit| {
        unit.failures
            .iter()
            .any(|f| f.mechanism.starts_with("kubernetes."))
    };
    assert!(!found.units.iter().any(orchestrated));
    let pods = readiness(
        &shop()
            .with(EntityKind::Workload, &["shop-deployment"])
            .told(),
    );
    assert!(pods.units.iter().any(orchestrated));
}

#[test]
fn sums_are_those_of_the_parts() {
    for told in stories::all() {
        let found = readiness(&told.case);
        let sum = |of: fn(&Unit) -> u32| found.units.iter().map(of).sum::<u32>();
        assert_eq!(found.counts.named, sum(|u| u.counts.named));
        assert_eq!(found.counts.hinted, sum(|u| u.counts.hinted));
        assert_eq!(found.counts.blind, sum(|u| u.counts.blind));
        for unit in &found.units {
            assert_eq!(unit.counts.total() as usize, unit.failures.len());
            for failure in &unit.failures {
                assert!(failure.sight == Sight::Blind || !failure.seen_by.is_empty());
                assert!(failure.sight != Sight::Blind || !failure.missing.is_empty());
            }
        }
    }
}

/// What is found in the night was not called blind in the day: one matcher answers both.
#[test]
fn whatever_the_engine_names_was_not_blind() {
    for told in stories::all() {
        let (found, report) = (readiness(&told.case), report_on(&told.case));
        for cause in &report.causes {
            let Some(unit) = found.units.iter().find(|u| u.entity == cause.entity) else {
                continue;
            };
            let Some(failure) = unit
                .failures
                .iter()
                .find(|f| f.mechanism == cause.mechanism.0)
            else {
                continue;
            };
            assert_ne!(
                failure.sight,
                Sight::Blind,
                "{} at {}: missing {:?}",
                failure.mechanism,
                unit.entity,
                failure.missing
            );
        }
    }
}

#[test]
fn more_telemetry_never_names_less() {
    for told in stories::all() {
        let whole = readiness(&told.case).counts.named;
        for kind in Modality::ALL {
            let left = readiness(&drop_modality(&told.case, kind)).counts.named;
            assert!(left <= whole, "without {kind:?} {left} > {whole}");
        }
    }
}
