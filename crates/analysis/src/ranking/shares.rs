//! Is one share enough for two stretches, or does it take two?

/// ln of the gamma function for positive arguments (Lanczos, g = 7, n = 9; relative error below 1e-13).
fn ln_gamma(x: f64) -> f64 {
    const G: f64 = 7.0;
    const C: [f64; 9] = [
        0.999_999_999_999_809_9,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let t = x + G + 0.5;
    let series: f64 = C[0]
        + C.iter()
            .enumerate()
            .skip(1)
            .map(|(i, c)| c / (x + i as f64))
            .sum::<f64>();
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + series.ln()
}

/// ln of the probability that a share drawn from Jeffreys' prior, Beta(1/2, 1/2), shows `k` of `n` in a given order.
fn ln_marginal(k: f64, n: f64) -> f64 {
    if n <= 0.0 {
        return 0.0;
    }
    ln_gamma(k + 0.5) + ln_gamma(n - k + 0.5) - ln_gamma(n + 1.0) - std::f64::consts::PI.ln()
}

/// How much better two shares explain `before` and `during` (each: how many, of how many) than one share
/// does: ln of the Bayes factor, in nats. Negative where one share is the better explanation, zero where one
/// side is empty. The counts may be fractions; what cannot be is bent to 0..=n.
pub fn two_shares(before: (f64, u64), during: (f64, u64)) -> f64 {
    let clean = |(k, n): (f64, u64)| {
        let n = n as f64;
        (if k.is_nan() { 0.0 } else { k.clamp(0.0, n) }, n)
    };
    let ((k, n), (j, m)) = (clean(before), clean(during));
    if n == 0.0 || m == 0.0 {
        return 0.0;
    }
    ln_marginal(k, n) + ln_marginal(j, m) - ln_marginal(k + j, n + m)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_gamma_function_is_right_where_it_is_known() {
        for (x, factorial) in [(1.0, 1.0f64), (2.0, 1.0), (5.0, 24.0), (11.0, 3_628_800.0)] {
            assert!((ln_gamma(x) - factorial.ln()).abs() < 1e-12, "{x}");
        }
        assert!((ln_gamma(0.5) - std::f64::consts::PI.sqrt().ln()).abs() < 1e-12);
    }

    #[test]
    fn many_agreeing_counts_convince_and_few_do_not() {
        let seven = two_shares((7.0, 7), (0.0, 7));
        assert!((8.0..8.3).contains(&seven), "{seven}");
        assert!(two_shares((1.0, 1), (0.0, 1)) < 0.8);
        assert!(two_shares((5.0, 10), (10.0, 20)) < 0.0);
        assert_eq!(two_shares((0.0, 0), (3.0, 3)), 0.0);
        assert!(two_shares((f64::NAN, 4), (9.0, 3)).is_finite());
    }

    proptest! {
        #[test]
        fn the_order_of_the_stretches_does_not_matter(a in 0u64..60, b in 0u64..60, n in 0u64..60, m in 0u64..60) {
            let (x, y) = ((a.min(n) as f64, n), (b.min(m) as f64, m));
            prop_assert!((two_shares(x, y) - two_shares(y, x)).abs() < 1e-9);
        }
    }
}
