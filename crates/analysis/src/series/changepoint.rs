//! Where the level of a series changed, with an interval.
//!
//! CUSUM over seeded intervals (Kovács, Bühlmann, Li and Munk, 2023, "Seeded binary segmentation"): a fixed set
//! of intervals of geometric lengths, so that it is O(n log n), needs no random numbers and finds short changes
//! as well as long ones. Robust by a median of three and by clipping; the noise is measured on differences, which
//! a level shift does not inflate, and corrected for autocorrelation. Each location is then re-optimised between
//! its neighbours, with a confidence interval from the likelihood ratio (Hansen, 2000).

use super::order::{median, median_in, quantile_in};
use super::trend::median_of_three;

/// 95 % point of the likelihood ratio for a change's location: -2 ln(1 - sqrt(0.95)), Hansen (2000).
const LOCATION_95: f64 = 7.35;

/// How eager the search is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChangeConfig {
    /// A change is kept when its squared standardised CUSUM exceeds `penalty * ln n`.
    pub penalty: f64,
    /// Fewest points on either side of a change.
    pub least_points: usize,
    /// Most changes returned (the strongest ones).
    pub most: usize,
}

impl Default for ChangeConfig {
    fn default() -> Self {
        Self {
            penalty: 4.0,
            least_points: 3,
            most: 16,
        }
    }
}

/// A change of level. Times in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChangePoint {
    /// Index, in the slices given, of the first point of the new level.
    pub index: usize,
    /// Time of that point.
    pub at: i64,
    /// The change came after this time (95 %).
    pub lo: i64,
    /// The change came no later than this time (95 %).
    pub hi: i64,
    /// Probability that there is a change here, by the Schwarz criterion, 0..1.
    pub confidence: f64,
    /// Median of the segment before.
    pub before: f64,
    /// Median of the segment after.
    pub after: f64,
    /// Standardised CUSUM, signed: the strength of the change.
    pub strength: f64,
}

/// All changes of level in order of time. `times` ascend; values that are not finite are skipped.
pub fn change_points(times: &[i64], values: &[f64], config: &ChangeConfig) -> Vec<ChangePoint> {
    let kept: Vec<usize> = (0..times.len().min(values.len()))
        .filter(|&i| values[i].is_finite())
        .collect();
    let n = kept.len();
    let least = config.least_points.max(1);
    if n < 2 * least {
        return Vec::new();
    }
    let mut smooth: Vec<(i64, f64)> = kept.iter().map(|&i| (times[i], values[i])).collect();
    let raw: Vec<f64> = smooth.iter().map(|p| p.1).collect();
    median_of_three(&mut smooth);
    let mut level: Vec<f64> = smooth.iter().map(|p| p.1).collect();
    let Some(sigma) = noise(&raw, &level) else {
        return Vec::new();
    };
    clip(&mut level, sigma);
    let sums = Sums::new(&level, sigma);
    let threshold = config.penalty * (n as f64).ln();

    let mut found: Vec<usize> = Vec::new();
    // Narrowest interval first: it holds one change only, so that its CUSUM points to the right place.
    let mut candidates: Vec<(usize, usize, usize)> = seeded_intervals(n, 2 * least)
        .into_iter()
        .filter_map(|(from, to)| {
            let (at, t) = sums.best(from, to, least)?;
            (t * t > threshold).then_some((from, to, at))
        })
        .collect();
    candidates.sort_by_key(|&(from, to, at)| (to - from, at));
    for (from, to, at) in candidates {
        if !found.iter().any(|&f| from < f && f < to) {
            found.push(at);
        }
    }
    found.sort_unstable();
    let mut found = settle(found, &sums, n, least, threshold);
    while found.len() > config.most {
        let weakest = (0..found.len()).min_by(|&a, &b| {
            let of = |i: usize| {
                let (from, to) = neighbours(&found, i, n);
                sums.cusum(from, found[i], to).abs()
            };
            of(a).total_cmp(&of(b))
        });
        let Some(weakest) = weakest else { break };
        found.remove(weakest);
    }
    (0..found.len())
        .map(|i| {
            let (from, to) = neighbours(&found, i, n);
            describe(times, values, &kept, &sums, (from, found[i], to), least)
        })
        .collect()
}

/// The strongest single change, if there is any.
pub fn strongest_change(times: &[i64], values: &[f64]) -> Option<ChangePoint> {
    let changes = change_points(times, values, &ChangeConfig::default());
    changes.into_iter().max_by(|a, b| {
        a.strength
            .abs()
            .total_cmp(&b.strength.abs())
            .then(b.index.cmp(&a.index))
    })
}

/// Moves each change to the best place between its neighbours and drops those too weak there.
fn settle(
    mut found: Vec<usize>,
    sums: &Sums,
    n: usize,
    least: usize,
    threshold: f64,
) -> Vec<usize> {
    for _ in 0..3 {
        let mut moved = false;
        let mut i = 0;
        while i < found.len() {
            let (from, to) = neighbours(&found, i, n);
            match sums.best(from, to, least) {
                Some((at, t)) if t * t > threshold => {
                    moved |= at != found[i];
                    found[i] = at;
                    i += 1;
                }
                _ => {
                    found.remove(i);
                    moved = true;
                }
            }
        }
        if !moved {
            break;
        }
    }
    found
}

fn neighbours(found: &[usize], i: usize, n: usize) -> (usize, usize) {
    (
        if i == 0 { 0 } else { found[i - 1] },
        found.get(i + 1).copied().unwrap_or(n),
    )
}

fn describe(
    times: &[i64],
    values: &[f64],
    kept: &[usize],
    sums: &Sums,
    (from, at, to): (usize, usize, usize),
    least: usize,
) -> ChangePoint {
    let strength = sums.cusum(from, at, to);
    let best = strength * strength;
    // The likelihood ratio of two locations is the difference of their squared CUSUMs.
    let mut early = at;
    let mut late = at;
    for k in from + least.min(at - from)..=to - least.min(to - at) {
        if best - sums.cusum(from, k, to).powi(2) <= LOCATION_95 {
            early = early.min(k);
            late = late.max(k);
        }
    }
    let raw = |a: usize, b: usize| {
        let part: Vec<f64> = kept[a..b].iter().map(|&i| values[i]).collect();
        median(&part).unwrap_or(0.0)
    };
    // Schwarz: odds of a change against none, two more parameters (level and place).
    let odds = 0.5 * best - 1.5 * (kept.len() as f64).ln();
    ChangePoint {
        index: kept[at],
        at: times[kept[at]],
        lo: times[kept[early.saturating_sub(1)]],
        hi: times[kept[late]],
        confidence: 1.0 / (1.0 + (-odds).exp()),
        before: raw(from, at),
        after: raw(at, to),
        strength,
    }
}

/// Intervals `(from, to)` of lengths n, n/1.41, n/2, ..., each layer shifted by half its length.
fn seeded_intervals(n: usize, shortest: usize) -> Vec<(usize, usize)> {
    let mut out = vec![(0, n)];
    let mut length = n as f64 / std::f64::consts::SQRT_2;
    while length >= shortest as f64 {
        let size = length.ceil() as usize;
        let steps = ((2.0 * (n - size) as f64) / length).ceil().max(1.0) as usize;
        for i in 0..=steps {
            let from = (n - size) * i / steps;
            out.push((from, from + size));
        }
        length /= std::f64::consts::SQRT_2;
    }
    out
}

/// Prefix sums of the standardised values.
struct Sums(Vec<f64>);

impl Sums {
    fn new(values: &[f64], sigma: f64) -> Self {
        let centre = values[values.len() / 2];
        let mut sum = 0.0;
        let mut out = Vec::with_capacity(values.len() + 1);
        out.push(0.0);
        for v in values {
            sum += (v - centre) / sigma;
            out.push(sum);
        }
        Self(out)
    }

    /// Standardised difference of means of `[at, to)` and `[from, at)`; positive when the level rises.
    fn cusum(&self, from: usize, at: usize, to: usize) -> f64 {
        let (left, right) = ((at - from) as f64, (to - at) as f64);
        if left == 0.0 || right == 0.0 {
            return 0.0;
        }
        let before = (self.0[at] - self.0[from]) / left;
        let after = (self.0[to] - self.0[at]) / right;
        (after - before) * (left * right / (left + right)).sqrt()
    }

    fn best(&self, from: usize, to: usize, least: usize) -> Option<(usize, f64)> {
        if to - from < 2 * least {
            return None;
        }
        let mut best = (from + least, 0.0f64);
        for at in from + least..=to - least {
            let t = self.cusum(from, at, to);
            if t.abs() > best.1.abs() {
                best = (at, t);
            }
        }
        Some(best)
    }
}

/// Long-run standard deviation of the noise; `None` for a constant series.
///
/// For AR(1) noise with coefficient phi the variances of first and second differences have the ratio 1 + phi, and
/// the mean of n points has a variance (1 + phi) / (1 - phi) times that of independent ones.
fn noise(raw: &[f64], smooth: &[f64]) -> Option<f64> {
    let spread = |lag: usize| {
        let mut d: Vec<f64> = raw
            .windows(lag + 1)
            .map(|w| (w[lag] - w[0]).abs())
            .collect();
        median_in(&mut d).map(|m| 1.4826 * m)
    };
    let (one, two) = (spread(1)?, spread(2).unwrap_or(0.0));
    if one > 0.0 {
        let phi = ((two / one).powi(2) - 1.0).clamp(0.0, 0.9);
        let marginal = one * one / (2.0 * (1.0 - phi));
        return Some((marginal * (1.0 + phi) / (1.0 - phi)).sqrt());
    }
    // Mostly constant: the root mean square of the differences, less the few greatest (which are the changes).
    let mut d: Vec<f64> = smooth.windows(2).map(|w| (w[1] - w[0]).abs()).collect();
    let least = d
        .iter()
        .copied()
        .filter(|v| *v > 0.0)
        .fold(f64::INFINITY, f64::min);
    if !least.is_finite() {
        return None;
    }
    let drop = (d.len() / 50).max(4).min(d.len() - 1);
    let keep = d.len() - drop;
    d.select_nth_unstable_by(keep, f64::total_cmp);
    let rms = (d[..keep].iter().map(|v| v * v).sum::<f64>() / keep.max(1) as f64).sqrt();
    Some(rms.max(0.25 * least))
}

/// No value counts for more than four sigmas beyond the central nine tenths.
fn clip(values: &mut [f64], sigma: f64) {
    let mut copy = values.to_vec();
    let low = quantile_in(&mut copy, 0.05).unwrap_or(0.0) - 4.0 * sigma;
    let high = quantile_in(&mut copy, 0.95).unwrap_or(0.0) + 4.0 * sigma;
    for v in values {
        *v = v.clamp(low, high.max(low));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::noise::noise as noise_at;

    const MINUTE: i64 = 60_000_000_000;

    fn minutes(n: usize) -> Vec<i64> {
        (0..n as i64).map(|i| i * MINUTE).collect()
    }

    #[test]
    fn one_shift_is_dated_exactly() {
        let values: Vec<f64> = (0..600)
            .map(|i| noise_at(i) + if i >= 437 { 6.0 } else { 0.0 })
            .collect();
        let found = change_points(&minutes(600), &values, &ChangeConfig::default());
        assert_eq!(found.len(), 1, "{found:?}");
        let c = found[0];
        assert!(c.index.abs_diff(437) <= 1 && c.confidence > 0.99, "{c:?}");
        assert!(
            c.lo < 437 * MINUTE && c.hi >= 437 * MINUTE && c.hi - c.lo <= 6 * MINUTE,
            "{c:?}"
        );
        assert!((c.after - c.before - 6.0).abs() < 0.4, "{c:?}");
    }

    #[test]
    fn two_shifts_and_wild_points() {
        let mut values: Vec<f64> = (0..1000)
            .map(|i| noise_at(i) + if (300..360).contains(&i) { -5.0 } else { 0.0 })
            .collect();
        for i in [10, 200, 500, 800] {
            values[i] = 1e9;
        }
        let found = change_points(&minutes(1000), &values, &ChangeConfig::default());
        let at: Vec<usize> = found.iter().map(|c| c.index).collect();
        assert_eq!(at.len(), 2, "{found:?}");
        assert!(
            at[0].abs_diff(300) <= 2 && at[1].abs_diff(360) <= 2,
            "{at:?}"
        );
    }

    #[test]
    fn noise_alone_and_slow_noise_have_none() {
        let white: Vec<f64> = (0..5000).map(noise_at).collect();
        assert!(change_points(&minutes(5000), &white, &ChangeConfig::default()).is_empty());
        let mut slow = vec![0.0];
        for i in 1..2000 {
            slow.push(0.6 * slow[i - 1] + noise_at(i));
        }
        let found = change_points(&minutes(2000), &slow, &ChangeConfig::default());
        assert!(found.len() <= 1, "{found:?}");
    }

    #[test]
    fn errors_out_of_nothing() {
        let mut values = vec![0.0; 600];
        values[595..].fill(5.0);
        let c = strongest_change(&minutes(600), &values).unwrap();
        assert_eq!((c.index, c.before, c.after), (595, 0.0, 5.0));
        values.fill(0.0);
        assert!(strongest_change(&minutes(600), &values).is_none());
        for i in (7..600).step_by(31) {
            values[i] = 1.0;
        }
        assert!(strongest_change(&minutes(600), &values).is_none());
    }

    #[test]
    fn bad_values_and_short_series() {
        assert!(change_points(&[], &[], &ChangeConfig::default()).is_empty());
        assert!(change_points(&minutes(9), &[f64::NAN; 9], &ChangeConfig::default()).is_empty());
        let mut values: Vec<f64> = (0..100)
            .map(|i| if i < 50 { 1.0 } else { 9.0 } + 0.1 * noise_at(i))
            .collect();
        values[60] = f64::NAN;
        let c = strongest_change(&minutes(100), &values).unwrap();
        assert_eq!(c.index, 50);
    }
}
