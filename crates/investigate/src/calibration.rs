//! From what the competition says to how often such a verdict is right.
//!
//! Knots follow an isotonic regression on the development cases, drawn towards the identity and then frozen;
//! the version is part of the rules digest. `docs/decisions/0006-calibration.md` has the table and the method.

/// Raised with every new set of knots.
pub const VERSION: &str = "1";

/// (what the competition says, how often right), both 0..1.
const KNOTS: &[(f64, f64)] = &[
    (0.0, 0.0),
    (0.30, 0.28),
    (0.46, 0.45),
    (0.58, 0.66),
    (0.66, 0.78),
    (0.84, 0.88),
    (0.98, 0.98),
    (1.0, 1.0),
];

/// How often verdicts with this raw probability are right.
pub fn probability(raw: f64) -> f64 {
    if raw.is_nan() {
        return 0.0;
    }
    let raw = raw.clamp(0.0, 1.0);
    let after = KNOTS
        .partition_point(|(x, _)| *x < raw)
        .clamp(1, KNOTS.len() - 1);
    let ((x0, y0), (x1, y1)) = (KNOTS[after - 1], KNOTS[after]);
    if x1 <= x0 {
        y1
    } else {
        y0 + (y1 - y0) * (raw - x0) / (x1 - x0)
    }
}

/// A text of all knots, for the rules digest.
pub fn digest_text() -> String {
    format!("{VERSION} {KNOTS:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_is_never_less() {
        let mut last = 0.0;
        for i in 0..=100 {
            let p = probability(f64::from(i) / 100.0);
            assert!(
                (0.0..=1.0).contains(&p) && p >= last,
                "{i}: {p} after {last}"
            );
            last = p;
        }
        assert_eq!(probability(f64::NAN), 0.0);
    }
}
