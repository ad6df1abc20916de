//! A node's own share of a deviation: what it does beyond what its callees do to it.
//!
//! A caller that waits for a slow callee is slow itself. Its *own excess* is its deviation less the call-weighted
//! deviation of its callees, signed, in the units of the target. The true origin keeps its excess; a mere victim
//! comes out near zero; a caller that hides its callee's failures comes out negative.

use std::collections::BTreeMap;

/// The deviation on which two comparisons agree (against the normal period, and against what was just before): zero
/// when they point different ways, else the smaller, drawn towards zero by how few requests it rests on
/// (`requests / (requests + 10)`). A comparison that cannot be made (`None`) has no say; without either it is zero.
pub fn agreed_deviation(
    against_normal: Option<f64>,
    against_before: Option<f64>,
    requests: f64,
) -> f64 {
    let finite = |d: Option<f64>| d.filter(|d| d.is_finite());
    let both = match (finite(against_normal), finite(against_before)) {
        (Some(a), Some(b)) if a * b < 0.0 => 0.0,
        (Some(a), Some(b)) => {
            if a.abs() < b.abs() {
                a
            } else {
                b
            }
        }
        (Some(a), None) | (None, Some(a)) => a,
        (None, None) => 0.0,
    };
    let trust = requests / (requests + 10.0);
    if trust.is_finite() && trust > 0.0 {
        both * trust
    } else {
        0.0
    }
}

/// What one request of a node asks of one callee.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Callee {
    /// Calls to this callee per request of the caller.
    pub calls_per_request: f64,
    /// Deviation of the callee per call, signed (milliseconds, or failed calls per call).
    pub deviation: f64,
}

/// Own deviation per request: `node` less the sum of calls x deviation over the callees. Any additive quantity:
/// latency in ms (for calls made one after another; parallel calls make it an underestimate), failed requests.
/// Terms that are not finite are left out.
pub fn own_excess(node: f64, callees: &[Callee]) -> f64 {
    let inherited: f64 = callees
        .iter()
        .map(|c| c.calls_per_request * c.deviation)
        .filter(|term| term.is_finite())
        .sum();
    if node.is_finite() {
        node - inherited
    } else {
        0.0
    }
}

/// Own failures in requests: the failed requests of a node beyond usual, less those that its callees failed on its
/// behalf. `requests` is the node's own count in the window; shares are 0..=1, each the change against the
/// baseline. What a callee fails can at most explain that each request fails once: the inherited share is clipped
/// to 1, so a retried call does not count twice.
pub fn own_failures(requests: f64, failed_share: f64, callees: &[Callee]) -> f64 {
    if !(requests.is_finite() && failed_share.is_finite()) {
        return 0.0;
    }
    let inherited: f64 = callees
        .iter()
        .map(|c| c.calls_per_request * c.deviation)
        .filter(|term| term.is_finite())
        .sum();
    requests * (failed_share - inherited.clamp(-1.0, 1.0))
}

/// How strongly an even split is assumed. Measured on PetShop: anything from 0.01 to 100 ranks alike, none at all
/// (0) gives all calls to one of two callers whose traffic moves together, and ranks badly.
const EVEN: f64 = 0.1;

/// Calls per request on each edge, from the request counts of nodes alone: the least-squares shares, none negative,
/// in which the callers' requests make up the callee's; drawn towards the same rate for all callers, because under a
/// steady load the counts cannot tell callers apart. `callers[i]` and `callee` count the same intervals. For when
/// a callee is shared and nobody counts the edges. Coordinate descent with a bounded number of rounds; intervals where
/// a count is not finite are left out.
pub fn calls_per_request(callee: &[f64], callers: &[&[f64]]) -> Vec<f64> {
    let intervals: Vec<usize> = (0..callers
        .iter()
        .map(|c| c.len())
        .min()
        .unwrap_or(0)
        .min(callee.len()))
        .filter(|&t| callee[t].is_finite() && callers.iter().all(|c| c[t].is_finite()))
        .collect();
    let dot = |a: &[f64], b: &[f64]| intervals.iter().map(|&t| a[t] * b[t]).sum::<f64>();
    let gram: Vec<Vec<f64>> = callers
        .iter()
        .map(|a| callers.iter().map(|b| dot(a, b)).collect())
        .collect();
    let target: Vec<f64> = callers.iter().map(|a| dot(a, callee)).collect();
    let total = |x: &[f64]| intervals.iter().map(|&t| x[t]).sum::<f64>();
    let even = total(callee) / callers.iter().map(|c| total(c)).sum::<f64>();
    let mut rates = vec![0.0f64; callers.len()];
    // Callers whose traffic rises and falls together converge slowly; there are few of them, so rounds are cheap.
    for _ in 0..4000 {
        let mut moved = 0.0f64;
        for i in 0..rates.len() {
            let others: f64 = (0..rates.len())
                .filter(|j| *j != i)
                .map(|j| gram[i][j] * rates[j])
                .sum();
            let rate =
                (target[i] - others + EVEN * gram[i][i] * even) / (gram[i][i] * (1.0 + EVEN));
            let rate = if rate.is_finite() { rate.max(0.0) } else { 0.0 };
            moved = moved.max((rate - rates[i]).abs());
            rates[i] = rate;
        }
        if moved < 1e-9 {
            break;
        }
    }
    rates
}

/// Own excess of one node within a call graph.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Excess {
    /// The node.
    pub node: u32,
    /// Own excess per request of the node.
    pub own: f64,
    /// Calls to this node per request of the target, along all paths.
    pub calls_per_target_request: f64,
    /// `own` x `calls_per_target_request`: its contribution to the target's deviation.
    pub in_target_units: f64,
}

/// Own excess of every node that the target calls, directly or not, the greatest contribution first (then by node).
///
/// `deviations` holds each node's deviation per request; nodes without one count as not deviating. `calls` are
/// (caller, callee, calls per request of the caller). Calls that lead back to a node already on the way (cycles)
/// are followed for at most as many rounds as there are nodes, and not beyond 64.
pub fn own_excess_of_graph(
    deviations: &BTreeMap<u32, f64>,
    calls: &[(u32, u32, f64)],
    target: u32,
) -> Vec<Excess> {
    let mut callees: BTreeMap<u32, Vec<(u32, f64)>> = BTreeMap::new();
    for &(caller, callee, rate) in calls {
        if caller != callee && rate.is_finite() && rate > 0.0 {
            callees.entry(caller).or_default().push((callee, rate));
        }
    }
    let of = |node: &u32| {
        deviations
            .get(node)
            .copied()
            .filter(|d| d.is_finite())
            .unwrap_or(0.0)
    };
    let mut reached: BTreeMap<u32, f64> = BTreeMap::from([(target, 1.0)]);
    let mut wave: BTreeMap<u32, f64> = reached.clone();
    for _ in 0..deviations.len().saturating_add(callees.len()).clamp(1, 64) {
        let mut next: BTreeMap<u32, f64> = BTreeMap::new();
        for (node, amount) in &wave {
            for (callee, rate) in callees.get(node).map_or(&[][..], Vec::as_slice) {
                *next.entry(*callee).or_default() += amount * rate;
            }
        }
        // What has become negligible, or grows without end in a loop, is no longer followed.
        next.retain(|node, amount| *amount > 1e-9 && *amount < 1e9 && *node != target);
        if next.is_empty() {
            break;
        }
        for (node, amount) in &next {
            *reached.entry(*node).or_default() += amount;
        }
        wave = next;
    }
    let mut out: Vec<Excess> = reached
        .iter()
        .map(|(node, calls_per_target_request)| {
            let below: Vec<Callee> = callees
                .get(node)
                .map_or(&[][..], Vec::as_slice)
                .iter()
                .map(|(callee, rate)| Callee {
                    calls_per_request: *rate,
                    deviation: of(callee),
                })
                .collect();
            let own = own_excess(of(node), &below);
            Excess {
                node: *node,
                own,
                calls_per_target_request: *calls_per_target_request,
                in_target_units: own * calls_per_target_request,
            }
        })
        .collect();
    out.sort_by(|a, b| {
        b.in_target_units
            .total_cmp(&a.in_target_units)
            .then(a.node.cmp(&b.node))
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_keeps_its_excess_and_victims_do_not() {
        // 0 calls 1 twice and 2 once; 2 calls 3 once per two requests. 3 became 100 ms slower.
        let calls = [(0, 1, 2.0), (0, 2, 1.0), (2, 3, 0.5)];
        let deviations = BTreeMap::from([(0, 52.0), (1, 1.0), (2, 50.0), (3, 100.0)]);
        let ranked = own_excess_of_graph(&deviations, &calls, 0);
        let got: Vec<(u32, f64)> = ranked.iter().map(|e| (e.node, e.in_target_units)).collect();
        assert_eq!(got, [(3, 50.0), (1, 2.0), (0, 0.0), (2, 0.0)]);
    }

    #[test]
    fn contributions_add_up_to_the_target() {
        let calls = [(0, 1, 2.0), (0, 2, 1.0), (1, 3, 3.0), (2, 3, 0.5)];
        let deviations = BTreeMap::from([(0, 80.0), (1, 9.0), (2, 40.0), (3, 2.5)]);
        let sum: f64 = own_excess_of_graph(&deviations, &calls, 0)
            .iter()
            .map(|e| e.in_target_units)
            .sum();
        assert!((sum - 80.0).abs() < 1e-9);
    }

    #[test]
    fn a_shared_callee_is_split_among_its_callers() {
        let a: Vec<f64> = (0..50).map(|i| f64::from(i * 7 % 13)).collect();
        let b: Vec<f64> = (0..50).map(|i| f64::from(i * 5 % 11)).collect();
        let callee: Vec<f64> = a.iter().zip(&b).map(|(a, b)| 2.0 * a + 0.5 * b).collect();
        let rates = calls_per_request(&callee, &[&a, &b]);
        assert!(
            (rates[0] - 2.0).abs() < 0.3 && (rates[1] - 0.5).abs() < 0.3,
            "{rates:?}"
        );
        // A steady load cannot tell two callers apart: each gets an even rate.
        let steady = calls_per_request(&[60.0; 9], &[&[20.0; 9], &[10.0; 9]]);
        assert!(steady.iter().all(|r| (r - 2.0).abs() < 1e-6), "{steady:?}");
        assert_eq!(
            calls_per_request(&[f64::NAN], &[&[1.0], &[0.0]]),
            [0.0, 0.0]
        );
    }

    #[test]
    fn cycles_and_nonsense_end() {
        let calls = [
            (0, 1, 1.0),
            (1, 0, 1.0),
            (1, 1, 5.0),
            (1, 2, 2.0),
            (2, 1, 2.0),
            (0, 2, f64::NAN),
        ];
        let deviations = BTreeMap::from([(0, 10.0), (1, f64::NAN)]);
        assert!(
            own_excess_of_graph(&deviations, &calls, 0)
                .iter()
                .all(|e| e.own.is_finite())
        );
        assert_eq!(
            own_excess(
                5.0,
                &[Callee {
                    calls_per_request: f64::INFINITY,
                    deviation: 1.0
                }]
            ),
            5.0
        );
    }

    #[test]
    fn both_comparisons_must_agree() {
        assert_eq!(agreed_deviation(Some(5.0), Some(-1.0), 1e9), 0.0);
        assert_eq!(agreed_deviation(Some(-5.0), Some(-2.0), 10.0), -1.0);
        assert_eq!(agreed_deviation(None, Some(4.0), 30.0), 3.0);
        assert_eq!(agreed_deviation(Some(f64::NAN), None, f64::NAN), 0.0);
    }

    #[test]
    fn retries_do_not_explain_more_than_every_request() {
        let down = [Callee {
            calls_per_request: 3.0,
            deviation: 1.0,
        }];
        assert_eq!(own_failures(200.0, 1.0, &down), 0.0);
        assert_eq!(own_failures(200.0, 0.5, &[]), 100.0);
    }
}
