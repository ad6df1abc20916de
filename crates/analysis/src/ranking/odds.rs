//! Arithmetic with odds, in nats.

/// Nearest that a probability comes to 0 or 1 before its logit is taken.
const EDGE: f64 = 1e-12;

/// ln(p / (1 - p)), with `p` kept within 1e-12 of 0 and 1. What is not a number counts as one half.
pub fn logit(p: f64) -> f64 {
    let p = if p.is_nan() {
        0.5
    } else {
        p.clamp(EDGE, 1.0 - EDGE)
    };
    (p / (1.0 - p)).ln()
}

/// 1 / (1 + exp(-x)), without overflow. What is not a number gives one half.
pub fn expit(x: f64) -> f64 {
    if x.is_nan() {
        0.5
    } else if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let e = x.exp();
        e / (1.0 + e)
    }
}

/// ln of the sum of exp(x); negative infinity for nothing. NaN counts as negative infinity.
pub fn log_sum_exp(scores: &[f64]) -> f64 {
    let greatest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !greatest.is_finite() {
        return greatest;
    }
    greatest
        + scores
            .iter()
            .filter(|s| !s.is_nan())
            .map(|s| (s - greatest).exp())
            .sum::<f64>()
            .ln()
}

/// Probabilities in proportion to exp(score); they add up to one. Equal shares for the infinite, if there are
/// any; zero for NaN and negative infinity (equal shares when there is nothing else).
pub fn softmax(scores: &[f64]) -> Vec<f64> {
    let greatest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weight = |s: f64| {
        if s.is_nan() {
            0.0
        } else if greatest.is_infinite() {
            f64::from(u8::from(s == greatest))
        } else {
            (s - greatest).exp()
        }
    };
    let sum: f64 = scores.iter().map(|s| weight(*s)).sum();
    if sum > 0.0 {
        scores.iter().map(|s| weight(*s) / sum).collect()
    } else {
        vec![1.0 / scores.len().max(1) as f64; scores.len()]
    }
}

/// Probability that at least one of independent causes, or the leak, brings the effect about (Pearl, 1988).
pub fn noisy_or(probabilities: &[f64], leak: f64) -> f64 {
    let none: f64 = probabilities.iter().map(|p| 1.0 - share(*p)).product();
    1.0 - (1.0 - share(leak)) * none
}

/// Evidence of one kind together: the strongest plus 0.3 of the second, so that ten log lines count once. For and
/// against are capped apart and added. NaN is left out.
pub fn capped_group(weights: &[f64]) -> f64 {
    let side = |sign: f64| {
        let (mut first, mut second) = (0.0f64, 0.0f64);
        for w in weights {
            let w = w * sign;
            if w > first {
                second = first;
                first = w;
            } else if w > second {
                second = w;
            }
        }
        first + 0.3 * second
    };
    side(1.0) - side(-1.0)
}

/// Into 0..=1; NaN is zero.
pub(super) fn share(p: f64) -> f64 {
    if p.is_nan() { 0.0 } else { p.clamp(0.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn softmax_is_a_distribution_and_keeps_order(scores in prop::collection::vec(-800f64..800.0, 1..30)) {
            let p = softmax(&scores);
            prop_assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            prop_assert!(p.iter().all(|v| (0.0..=1.0).contains(v)));
            for (a, pa) in scores.iter().zip(&p) {
                for (b, pb) in scores.iter().zip(&p) {
                    prop_assert!(a < b || pa >= pb);
                }
            }
        }

        #[test]
        fn logit_and_expit_are_inverse(p in 1e-9f64..0.999_999_999) {
            prop_assert!((expit(logit(p)) - p).abs() < 1e-9);
        }

        #[test]
        fn noisy_or_stays_a_probability(p in prop::collection::vec(-1f64..2.0, 0..20), leak in -1f64..2.0) {
            let got = noisy_or(&p, leak);
            prop_assert!((0.0..=1.0).contains(&got) && got + 1e-12 >= leak.clamp(0.0, 1.0));
        }
    }

    #[test]
    fn groups_are_capped() {
        assert_eq!(capped_group(&[2.0; 10]), 2.6);
        assert_eq!(capped_group(&[6.0, 2.0, 1.0]), 6.6);
        assert_eq!(capped_group(&[3.0, -4.0]), -1.0);
        assert_eq!(capped_group(&[f64::NAN]), 0.0);
        assert_eq!(capped_group(&[]), 0.0);
    }

    #[test]
    fn infinities_and_nothing() {
        assert_eq!(softmax(&[f64::INFINITY, 3.0, f64::NAN]), [1.0, 0.0, 0.0]);
        assert_eq!(softmax(&[f64::NAN, f64::NAN]), [0.5, 0.5]);
        assert!(softmax(&[]).is_empty());
        assert_eq!(log_sum_exp(&[]), f64::NEG_INFINITY);
        assert!((log_sum_exp(&[1000.0, 1000.0]) - 1000.0 - 2f64.ln()).abs() < 1e-9);
    }
}
