//! The whole is tested with invented cases in `tests/matching.rs`; here, what needs no case.

use super::*;
use crate::catalogue::catalogue;

#[test]
fn the_catalogue_compiles_in_the_time_of_a_breath() {
    let before = std::time::Instant::now();
    assert!(Compiled::new(catalogue()).is_ok_and(|compiled| compiled.check().is_ok()));
    // A debug build on a busy machine; a release build needs some tens of milliseconds.
    assert!(before.elapsed().as_secs() < 20, "{:?}", before.elapsed());
}

#[test]
fn an_unknown_group_names_nobody() {
    let known = compiled();
    assert_eq!(known.capture("no such expression", "peer", "text"), None);
    assert!(
        known.is_match("^a+$", "AAA"),
        "compiled on the spot, without regard to case"
    );
    assert!(
        !known.is_match("(", "("),
        "an expression that does not compile matches nothing"
    );
}
