//! What is normal for a series: a robust centre, a robust scale with floors, and quantiles.

use super::Scratch;
use super::order::Sorted;

/// Makes the median absolute deviation of a normal distribution its standard deviation.
const MAD_TO_SIGMA: f64 = 1.4826;
/// Distance from the median to the 10 % and 90 % quantiles of a normal distribution, in standard deviations.
const DECILE_SIGMAS: f64 = 1.2816;
/// The quantiles that a baseline keeps.
pub const QUANTILES: [f64; 9] = [0.01, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.99];

/// The least scale that a baseline may have. A series that never moved still has no infinite z.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Floors {
    /// In the units of the series.
    pub absolute: f64,
    /// As a share of the median's magnitude.
    pub relative: f64,
}

impl Default for Floors {
    fn default() -> Self {
        // 2 % of the level: less is hardly ever what an engineer calls a failure.
        Self {
            absolute: 1e-9,
            relative: 0.02,
        }
    }
}

/// One stretch of history and how much it counts.
#[derive(Debug, Clone, Copy)]
pub struct History<'a> {
    /// Values in order of time.
    pub values: &'a [f64],
    /// Relative weight, above zero.
    pub weight: f64,
}

/// A robust picture of normal behaviour. All values are in the units of the series.
#[derive(Debug, Clone, PartialEq)]
pub struct Baseline {
    /// Finite values seen.
    pub count: usize,
    /// Values dropped because they were not finite.
    pub dropped: usize,
    /// The centre.
    pub median: f64,
    /// Median absolute deviation, raw (not scaled to a standard deviation).
    pub mad: f64,
    /// Least value.
    pub min: f64,
    /// Greatest value.
    pub max: f64,
    /// The symmetric scale: standard deviation for normal data, floors applied.
    pub scale: f64,
    /// Scale for values below the median; at least `scale`.
    pub scale_low: f64,
    /// Scale for values above the median; at least `scale`. Right-skewed latencies need it.
    pub scale_high: f64,
    /// Smallest step between neighbours in time, if the series moves in steps; zero when unknown.
    pub step: f64,
    /// Values at [`QUANTILES`].
    pub quantiles: [f64; 9],
    /// How far apart the medians of several histories lie, in units of `scale`; zero for one history.
    pub drift: f64,
}

impl Baseline {
    /// Fits with default floors; `None` when there is no finite value.
    pub fn fit(values: &[f64]) -> Option<Self> {
        Self::fit_with(values, Floors::default(), &mut Scratch::new())
    }

    /// Fits on values in order of time (the order matters only to `step`).
    pub fn fit_with(values: &[f64], floors: Floors, scratch: &mut Scratch) -> Option<Self> {
        let mut dropped = 0;
        let finite = &mut scratch.values;
        let values = if values.iter().all(|v| v.is_finite()) {
            values
        } else {
            finite.clear();
            finite.extend(values.iter().copied().filter(|v| v.is_finite()));
            dropped = values.len() - finite.len();
            finite
        };
        let count = values.len();
        let sorted = Sorted::of(values, &mut scratch.order)?;
        let step = step(values);
        let quantiles = QUANTILES.map(|q| sorted.quantile(q));
        let median = quantiles[4];
        let mad = sorted.median_distance(median);
        let mut scale = MAD_TO_SIGMA * mad;
        if scale <= 0.0 {
            // More than half of the values are the same: the tails are all there is to measure.
            scale = (quantiles[6] - quantiles[2]) / (2.0 * DECILE_SIGMAS);
        }
        // A few points say little about spread, and a scale from them errs on the small side.
        scale *= 1.0 + 2.0 / count as f64;
        scale = scale.max(floor(floors, median, count)).max(step);
        let scale_low = scale.max((median - quantiles[2]) / DECILE_SIGMAS);
        let scale_high = scale.max((quantiles[6] - median) / DECILE_SIGMAS);
        Some(Self {
            count,
            dropped,
            median,
            mad,
            min: sorted.least(),
            max: sorted.greatest(),
            scale,
            scale_low,
            scale_high,
            step,
            quantiles,
            drift: 0.0,
        })
    }

    /// Fits on several stretches, such as {far history, near past}, as a weighted mixture: the centre is the
    /// weighted mean of their medians, the variance that within plus that between. A stretch of few points
    /// counts for less (`n / (n + 3)` of its weight). `count`, `min` and `max` are over all of them.
    pub fn fit_histories(
        histories: &[History<'_>],
        floors: Floors,
        scratch: &mut Scratch,
    ) -> Option<Self> {
        let mut parts: Vec<(Self, f64)> = Vec::with_capacity(histories.len());
        let mut dropped = 0;
        for history in histories {
            if !(history.weight.is_finite() && history.weight > 0.0) {
                continue;
            }
            match Self::fit_with(history.values, floors, scratch) {
                Some(part) => {
                    dropped += part.dropped;
                    let n = part.count as f64;
                    parts.push((part, history.weight * n / (n + 3.0)));
                }
                None => dropped += history.values.len(),
            }
        }
        if parts.len() < 2 {
            let mut only = parts.pop()?.0;
            only.dropped = dropped;
            return Some(only);
        }
        let total: f64 = parts.iter().map(|(_, w)| w).sum();
        let mix =
            |f: &dyn Fn(&Self) -> f64| parts.iter().map(|(b, w)| f(b) * w).sum::<f64>() / total;
        let median = mix(&|b| b.median);
        let between = mix(&|b| (b.median - median).powi(2));
        let count = parts.iter().map(|(b, _)| b.count).sum();
        let scale = (mix(&|b| b.scale.powi(2)) + between)
            .sqrt()
            .max(floor(floors, median, count));
        let low = parts
            .iter()
            .map(|(b, _)| b.median)
            .fold(f64::INFINITY, f64::min);
        let high = parts
            .iter()
            .map(|(b, _)| b.median)
            .fold(f64::NEG_INFINITY, f64::max);
        let mut quantiles = [0.0; 9];
        for (i, q) in quantiles.iter_mut().enumerate() {
            *q = mix(&|b| b.quantiles[i]);
        }
        Some(Self {
            count,
            dropped,
            median,
            mad: mix(&|b| b.mad),
            min: parts
                .iter()
                .map(|(b, _)| b.min)
                .fold(f64::INFINITY, f64::min),
            max: parts
                .iter()
                .map(|(b, _)| b.max)
                .fold(f64::NEG_INFINITY, f64::max),
            scale,
            scale_low: scale.max((mix(&|b| b.scale_low.powi(2)) + between).sqrt()),
            scale_high: scale.max((mix(&|b| b.scale_high.powi(2)) + between).sqrt()),
            step: parts.iter().map(|(b, _)| b.step).fold(0.0, f64::max),
            quantiles,
            drift: (high - low) / scale,
        })
    }

    /// Signed robust z: how many scales `x` lies above (positive) or below (negative) the median. Each side has
    /// its own scale. A value that is not finite gives zero.
    pub fn z(&self, x: f64) -> f64 {
        let distance = x - self.median;
        if !distance.is_finite() {
            return 0.0;
        }
        distance
            / if distance < 0.0 {
                self.scale_low
            } else {
                self.scale_high
            }
    }

    /// The same baseline with each scale at least `least` (the caller knows the measure's own resolution).
    pub fn at_least(mut self, least: f64) -> Self {
        if least.is_finite() {
            self.scale = self.scale.max(least);
            self.scale_low = self.scale_low.max(least);
            self.scale_high = self.scale_high.max(least);
        }
        self
    }
}

/// Signed z on which all baselines agree: the one nearest zero when all have the same sign, else zero. What is
/// abnormal against months ago but usual today (drift), or the reverse, is not an anomaly.
pub fn agreed_z(baselines: &[Baseline], x: f64) -> f64 {
    let mut agreed: Option<f64> = None;
    for baseline in baselines {
        let z = baseline.z(x);
        agreed = Some(match agreed {
            None => z,
            Some(a) if a.signum() != z.signum() => return 0.0,
            Some(a) => {
                if z.abs() < a.abs() {
                    z
                } else {
                    a
                }
            }
        });
    }
    agreed.unwrap_or(0.0)
}

fn floor(floors: Floors, median: f64, count: usize) -> f64 {
    // With n points a level is not known to better than roughly half of it over n.
    let relative = floors.relative.max(0.5 / count as f64);
    floors
        .absolute
        .max(relative * median.abs())
        .max(f64::MIN_POSITIVE)
}

/// Smallest step between neighbours in time; zero when too few moves were seen to know it.
fn step(values: &[f64]) -> f64 {
    // The bits of a number that is not negative are in its order. Zero less one is the greatest of all, so that no
    // move never counts as the smallest; and no branch has to be guessed.
    let (mut least, mut moves) = (u64::MAX, 0usize);
    for pair in values.windows(2) {
        let bits = (pair[1] - pair[0]).abs().to_bits();
        moves += usize::from(bits != 0);
        least = least.min(bits.wrapping_sub(1));
    }
    // Too few moves to know the step: whole numbers move by one, others are left to the other floors. A single
    // spike in an otherwise constant history must not become the unit in which all else is measured.
    if moves < 8 {
        let whole = moves > 0 && values.iter().all(|v| v.fract() == 0.0);
        return if whole { 1.0 } else { 0.0 };
    }
    f64::from_bits(least + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_series_has_a_floor() {
        let b = Baseline::fit(&[100.0; 50]).unwrap();
        assert_eq!((b.median, b.mad), (100.0, 0.0));
        assert!((b.scale - 2.0).abs() < 1e-12);
        assert!((b.z(110.0) - 5.0).abs() < 1e-9);
    }

    #[test]
    fn whole_numbers_are_not_judged_finer_than_their_step() {
        let mut values = vec![0.0; 100];
        values[40] = 3.0;
        let b = Baseline::fit(&values).unwrap();
        assert_eq!(b.step, 1.0);
        assert_eq!(b.z(1.0), 1.0);
        assert_eq!(b.z(30.0), 30.0);
    }

    #[test]
    fn what_is_not_finite_is_dropped_and_counted() {
        let b = Baseline::fit(&[1.0, f64::NAN, 2.0, f64::INFINITY, 3.0]).unwrap();
        assert_eq!((b.count, b.dropped, b.median), (3, 2, 2.0));
        assert_eq!(b.z(f64::NAN), 0.0);
        assert!(Baseline::fit(&[f64::NAN]).is_none());
    }

    #[test]
    fn drift_widens_the_mixture_and_is_reported() {
        let far: Vec<f64> = (0..500).map(|i| 100.0 + (i % 7) as f64).collect();
        let near: Vec<f64> = (0..60).map(|i| 150.0 + (i % 7) as f64).collect();
        let histories = [
            History {
                values: &far,
                weight: 0.3,
            },
            History {
                values: &near,
                weight: 0.7,
            },
        ];
        let b =
            Baseline::fit_histories(&histories, Floors::default(), &mut Scratch::new()).unwrap();
        assert!(b.median > 130.0 && b.median < 150.0, "{}", b.median);
        assert!(b.drift > 1.5, "{}", b.drift);
        assert!(b.z(152.0).abs() < 1.0);
        let each = [Baseline::fit(&far).unwrap(), Baseline::fit(&near).unwrap()];
        assert_eq!(agreed_z(&each, 125.0), 0.0);
        assert!(agreed_z(&each, 200.0) > 5.0);
    }

    #[test]
    fn huge_values_stay_finite() {
        let b = Baseline::fit(&[f64::MAX, f64::MAX, f64::MIN, 0.0]).unwrap();
        assert!(!b.scale.is_nan() && b.median.is_finite());
        assert!(!b.z(f64::MAX).is_nan());
    }
}
