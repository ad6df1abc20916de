//! The links of a path in the order in which the failure travelled.

use std::collections::BTreeSet;

use model::report::{Cause, Link};

/// The cause's links, from the cause outwards, each chain as far as it goes before the next begins.
/// The report may list them in any order; links that the cause does not reach come last, as listed.
pub fn ordered(cause: &Cause) -> Vec<&Link> {
    let mut order = Vec::with_capacity(cause.path.len());
    let mut used = BTreeSet::new();
    // The newest end is looked at first, so that a chain is followed before another is begun.
    let mut ends = vec![&cause.entity];
    while let Some(end) = ends.pop() {
        let next =
            (0..cause.path.len()).find(|at| !used.contains(at) && cause.path[*at].to == *end);
        if let Some(at) = next {
            used.insert(at);
            order.push(&cause.path[at]);
            // Others may begin here as well.
            ends.push(end);
            ends.push(&cause.path[at].from);
        }
    }
    let rest = (0..cause.path.len()).filter(|at| !used.contains(at));
    order.extend(rest.map(|at| &cause.path[at]));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_run_from_the_cause_outwards() {
        let sample = include_str!("../../tests/fixtures/sample_report.json");
        let mut report: model::report::Report = serde_json::from_str(sample).unwrap();
        let cause = &mut report.causes[1];
        cause.path.reverse();
        let ways: Vec<String> = ordered(cause)
            .iter()
            .map(|link| format!("{}>{}", link.to, link.from))
            .collect();
        assert_eq!(
            ways,
            [
                "role/payments-runtime>service/payments",
                "service/payments>service/checkout",
                "service/checkout>gateway/edge"
            ]
        );
        // A ring ends, and what the cause does not reach is still there.
        let back = Link {
            from: "role/payments-runtime".into(),
            to: "gateway/edge".into(),
            ..cause.path[0].clone()
        };
        let apart = Link {
            from: "x".into(),
            to: "y".into(),
            ..cause.path[0].clone()
        };
        cause.path.extend([back, apart]);
        assert_eq!(ordered(cause).len(), 5);
    }
}
