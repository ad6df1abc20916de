//! Two stretches compared, operation by operation, and put together.

/// What became of a time that many operations have, compared operation by operation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pooled {
    /// Median before, weighted by the calls of the incident, in ms.
    pub before: f64,
    /// Median in the incident, weighted likewise, in ms.
    pub during: f64,
    /// Shift in robust standard errors; positive is slower.
    pub z: f64,
    /// Robust scale of one call before the incident, in ms, with its floors.
    pub scale: f64,
    /// Calls before and during that could be compared.
    pub calls: (u64, u64),
}

impl Pooled {
    /// Shift in ms; positive is slower.
    pub fn shift(&self) -> f64 {
        self.during - self.before
    }
}

/// Least scale of one call, in ms: below this, clocks and schedulers speak.
const LEAST_MS: f64 = 2.0;
/// Least scale, relative to the median.
const LEAST_SHARE: f64 = 0.25;
/// From median absolute deviation to standard deviation, for normal noise.
const MAD: f64 = 1.4826;

/// Compares pairs of (before, during), one per operation, in ms. Pairs with an empty side say nothing.
/// The order within a slice does not matter; the slices are sorted in place.
pub fn pooled<'a>(groups: impl IntoIterator<Item = (&'a mut [f64], &'a mut [f64])>) -> Pooled {
    let mut sum = Pooled::default();
    let mut variance = 0.0;
    for (before, during) in groups {
        if before.is_empty() || during.is_empty() {
            continue;
        }
        let (median_before, mad) = median_and_mad(before);
        during.sort_by(f64::total_cmp);
        let median_during = middle(during);
        let scale = (MAD * mad).max(LEAST_MS).max(LEAST_SHARE * median_before);
        let (n, m) = (before.len() as f64, during.len() as f64);
        sum.before += median_before * m;
        sum.during += median_during * m;
        sum.scale += scale * m;
        variance += scale * scale * (1.0 / n + 1.0 / m) * m * m;
        sum.calls.0 += before.len() as u64;
        sum.calls.1 += during.len() as u64;
    }
    let weight = sum.calls.1 as f64;
    if weight > 0.0 {
        sum.before /= weight;
        sum.during /= weight;
        sum.scale /= weight;
        sum.z = (sum.during - sum.before) / (variance.sqrt() / weight).max(1e-9);
    }
    sum
}

/// Median and median absolute deviation; sorts.
fn median_and_mad(values: &mut [f64]) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let median = middle(values);
    let mut deviations: Vec<f64> = values.iter().map(|v| (v - median).abs()).collect();
    deviations.sort_by(f64::total_cmp);
    (median, middle(&deviations))
}

/// Median of a sorted slice; zero for none.
fn middle(sorted: &[f64]) -> f64 {
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[n / 2],
        n => 0.5 * (sorted[n / 2 - 1] + sorted[n / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_mix_is_no_shift() {
        // Before mostly the fast operation, during mostly the slow one, each as fast as ever.
        let (mut fast, mut fast_now) = (vec![5.0; 50], vec![5.0; 2]);
        let (mut slow, mut slow_now) = (vec![900.0; 3], vec![900.0; 60]);
        let out = pooled([
            (&mut fast[..], &mut fast_now[..]),
            (&mut slow[..], &mut slow_now[..]),
        ]);
        assert_eq!((out.shift(), out.z), (0.0, 0.0));
    }

    #[test]
    fn few_calls_are_enough_for_a_large_shift_only() {
        let mut before = vec![3.0, 4.0];
        let large = pooled([(&mut before.clone()[..], &mut [300.0, 310.0][..])]);
        assert!(large.z > 20.0, "{large:?}");
        let small = pooled([(&mut before[..], &mut [6.0, 5.0][..])]);
        assert!(small.z < 2.0, "{small:?}");
        assert_eq!(pooled([(&mut [][..], &mut [1.0][..])]), Pooled::default());
    }
}
