//! How good a ranking and its probabilities were.

use super::odds::share;

/// Rank (1 is best) that item `index` has on average when equal scores are put in random order: one, plus those
/// above it, plus half of those equal to it. NaN ranks below all numbers. `None` when there is no such item.
pub fn expected_rank(scores: &[f64], index: usize) -> Option<f64> {
    let key = |s: f64| if s.is_nan() { f64::NEG_INFINITY } else { s };
    let own = key(*scores.get(index)?);
    let above = scores.iter().filter(|s| key(**s) > own).count();
    let equal = scores.iter().filter(|s| key(**s) == own).count() - 1;
    Some(1.0 + above as f64 + equal as f64 / 2.0)
}

/// AC@k: share of cases whose truth has an expected rank of at most `k`; a missing truth (`None`) is a miss. Zero
/// for no cases.
pub fn ac_at(ranks: &[Option<f64>], k: usize) -> f64 {
    let hits = ranks.iter().flatten().filter(|r| **r <= k as f64).count();
    hits as f64 / ranks.len().max(1) as f64
}

/// Avg@5: mean of AC@1 to AC@5.
pub fn avg_at_5(ranks: &[Option<f64>]) -> f64 {
    (1..=5).map(|k| ac_at(ranks, k)).sum::<f64>() / 5.0
}

/// Expected calibration error over ten bins of equal width: mean of |confidence - accuracy|, weighted by the cases
/// in each bin. Pairs of (confidence 0..=1, was it right).
pub fn ece(pairs: &[(f64, bool)]) -> f64 {
    let mut bins = [(0usize, 0.0f64, 0usize); 10];
    for (confidence, right) in pairs {
        let p = share(*confidence);
        let bin = &mut bins[((p * 10.0) as usize).min(9)];
        bin.0 += 1;
        bin.1 += p;
        bin.2 += usize::from(*right);
    }
    bins.iter()
        .map(|(_, sum, right)| (sum - *right as f64).abs())
        .sum::<f64>()
        / pairs.len().max(1) as f64
}

/// Brier score: mean squared distance of confidence from truth, 0 best.
pub fn brier(pairs: &[(f64, bool)]) -> f64 {
    let sum: f64 = pairs
        .iter()
        .map(|(p, right)| (share(*p) - f64::from(u8::from(*right))).powi(2))
        .sum();
    sum / pairs.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_count_as_their_expected_rank() {
        let scores = [5.0, 7.0, 5.0, f64::NAN, 5.0];
        let ranks: Vec<_> = (0..6).map(|i| expected_rank(&scores, i)).collect();
        assert_eq!(
            ranks,
            [Some(3.0), Some(1.0), Some(3.0), Some(5.0), Some(3.0), None]
        );
    }

    #[test]
    fn shares_of_hits() {
        let ranks = [Some(1.0), Some(1.5), Some(3.0), None];
        assert_eq!(
            [ac_at(&ranks, 1), ac_at(&ranks, 2), ac_at(&ranks, 3)],
            [0.25, 0.5, 0.75]
        );
        assert_eq!(avg_at_5(&ranks), (0.25 + 0.5 + 0.75 * 3.0) / 5.0);
        assert_eq!(ac_at(&[], 1), 0.0);
    }

    #[test]
    fn honest_confidence_has_no_error() {
        let honest: Vec<(f64, bool)> = (0..100).map(|i| (0.75, i % 4 != 0)).collect();
        assert!(ece(&honest) < 1e-12);
        assert!((brier(&honest) - 0.1875).abs() < 1e-12);
        let boast: Vec<(f64, bool)> = (0..100).map(|i| (1.0, i % 4 != 0)).collect();
        assert!((ece(&boast) - 0.25).abs() < 1e-12);
        assert_eq!((ece(&[]), brier(&[])), (0.0, 0.0));
    }
}
