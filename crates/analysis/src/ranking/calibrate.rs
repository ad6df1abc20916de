//! From scores to honest probabilities, learned from labelled cases; deterministic.

use super::odds::share;

/// A monotone map from score to probability: straight lines between knots, level beyond them.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Calibration {
    /// (score, probability), both ascending.
    knots: Vec<(f64, f64)>,
}

impl Calibration {
    /// From knots written down earlier. They are sorted by score, and made monotone by the greatest before them.
    /// `None` when fewer than two finite knots remain.
    pub fn from_knots(knots: &[(f64, f64)]) -> Option<Self> {
        let mut knots: Vec<(f64, f64)> = knots
            .iter()
            .filter(|(s, p)| s.is_finite() && p.is_finite())
            .map(|(s, p)| (*s, share(*p)))
            .collect();
        knots.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let mut greatest = 0.0f64;
        for knot in &mut knots {
            greatest = greatest.max(knot.1);
            knot.1 = greatest;
        }
        (knots.len() >= 2).then_some(Self { knots })
    }

    /// Isotonic regression by pooling adjacent violators (Ayer et al., 1955), each pool drawn towards the overall
    /// rate by `prior` imagined cases, so that a pool of three right answers does not claim certainty. Then joined
    /// by straight lines through the pools' mean scores. `None` without a finite score.
    pub fn isotonic(pairs: &[(f64, bool)], prior: f64) -> Option<Self> {
        let mut sorted: Vec<(f64, f64)> = pairs
            .iter()
            .filter(|(s, _)| s.is_finite())
            .map(|(s, right)| (*s, f64::from(u8::from(*right))))
            .collect();
        if sorted.is_empty() {
            return None;
        }
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let rate = sorted.iter().map(|p| p.1).sum::<f64>() / sorted.len() as f64;
        let mut pools: Vec<Pool> = Vec::new();
        for (score, right) in sorted {
            // Equal scores are one pool from the start: their order must not matter.
            match pools.last_mut() {
                Some(last) if last.high == score => last.add(&Pool::of(score, right)),
                _ => pools.push(Pool::of(score, right)),
            }
        }
        let mut merged: Vec<Pool> = Vec::new();
        for pool in pools {
            merged.push(pool);
            while let [.., a, b] = &merged[..] {
                if a.rate() < b.rate() {
                    break;
                }
                let last = merged.pop();
                if let (Some(before), Some(last)) = (merged.last_mut(), last) {
                    before.add(&last);
                }
            }
        }
        let prior = if prior.is_finite() {
            prior.max(0.0)
        } else {
            0.0
        };
        let knots: Vec<(f64, f64)> = merged
            .iter()
            .map(|p| {
                (
                    p.scores / p.count,
                    (p.right + prior * rate) / (p.count + prior),
                )
            })
            .flat_map(|k| [k, k])
            .collect();
        Self::from_knots(&knots)
    }

    /// Probability for a score, 0..=1; the lowest for NaN.
    pub fn probability(&self, score: f64) -> f64 {
        let i = self.knots.partition_point(|k| k.0 <= score);
        match (i.checked_sub(1).map(|b| self.knots[b]), self.knots.get(i)) {
            (Some(a), Some(b)) if b.0 > a.0 => a.1 + (score - a.0) / (b.0 - a.0) * (b.1 - a.1),
            (Some(a), _) => a.1,
            (None, Some(b)) => b.1,
            (None, None) => 0.0,
        }
    }

    /// The knots, to be written down.
    pub fn knots(&self) -> &[(f64, f64)] {
        &self.knots
    }
}

struct Pool {
    high: f64,
    scores: f64,
    right: f64,
    count: f64,
}

impl Pool {
    fn of(score: f64, right: f64) -> Self {
        Self {
            high: score,
            scores: score,
            right,
            count: 1.0,
        }
    }

    fn rate(&self) -> f64 {
        self.right / self.count
    }

    fn add(&mut self, other: &Self) {
        self.high = other.high;
        self.scores += other.scores;
        self.right += other.right;
        self.count += other.count;
    }
}

/// Laplace's rule with `classes` kinds: (seen + 1) / (total + classes). Never zero, never one for two or more.
pub fn base_rate(seen: u64, total: u64, classes: u64) -> f64 {
    (seen.min(total) as f64 + 1.0) / (total as f64 + classes.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn monotone_whatever_the_order(mut pairs in prop::collection::vec((-10f64..10.0, any::<bool>()), 1..60)) {
            let a = Calibration::isotonic(&pairs, 2.0).unwrap();
            pairs.reverse();
            let b = Calibration::isotonic(&pairs, 2.0).unwrap();
            let mut before = 0.0;
            for i in -120..=120 {
                let p = a.probability(f64::from(i) / 10.0);
                prop_assert!((0.0..=1.0).contains(&p) && p + 1e-12 >= before);
                prop_assert!((p - b.probability(f64::from(i) / 10.0)).abs() < 1e-9);
                before = p;
            }
        }
    }

    #[test]
    fn few_cases_do_not_claim_certainty() {
        let pairs = [(1.0, false), (2.0, false), (3.0, true), (4.0, true)];
        let c = Calibration::isotonic(&pairs, 2.0).unwrap();
        assert!(c.probability(9.0) < 0.8 && c.probability(-9.0) > 0.2);
        assert!(Calibration::isotonic(&[(f64::NAN, true)], 1.0).is_none());
        assert_eq!(base_rate(0, 30, 6), 1.0 / 36.0);
    }
}
