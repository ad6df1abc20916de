//! Slow growth: its slope (Theil-Sen) and where it began (a broken stick).

use super::order::median_in;

const HOUR: f64 = 3.6e12;
/// Points that the quadratic estimator works on; longer series are reduced to medians of this many bins.
const BINS: usize = 96;
/// 95 % point of the chi-squared distribution with one degree of freedom.
const CHI2_95: f64 = 3.84;

/// A robust straight line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trend {
    /// Median of all pairwise slopes, units per hour.
    pub slope_per_hour: f64,
    /// Kendall's tau-a of value against time, -1..=1: how monotone the series is.
    pub tau: f64,
}

/// Level, then a slope from `knot` on. Times in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BrokenStick {
    /// Best estimate of the slope's beginning.
    pub knot: i64,
    /// Earliest beginning not ruled out at 95 %.
    pub lo: i64,
    /// Latest beginning not ruled out at 95 %.
    pub hi: i64,
    /// Level before the knot.
    pub level: f64,
    /// Slope after the knot, units per hour.
    pub slope_per_hour: f64,
    /// Mean squared residual, units squared.
    pub residual: f64,
    /// Share of the variance explained, 0..=1.
    pub explained: f64,
}

/// Theil-Sen slope and Kendall's tau; `None` for fewer than three points or no extent in time.
pub fn theil_sen(times: &[i64], values: &[f64]) -> Option<Trend> {
    let points = binned(times, values);
    if points.len() < 3 {
        return None;
    }
    let mut slopes = Vec::with_capacity(points.len() * (points.len() - 1) / 2);
    let mut sign = 0i64;
    let mut pairs = 0i64;
    for (i, a) in points.iter().enumerate() {
        for b in &points[i + 1..] {
            if b.0 > a.0 {
                let slope = (b.1 - a.1) / (b.0 - a.0);
                if slope.is_finite() {
                    slopes.push(slope);
                    pairs += 1;
                    sign += i64::from(slope > 0.0) - i64::from(slope < 0.0);
                }
            }
        }
    }
    let slope_per_hour = median_in(&mut slopes)?;
    Some(Trend {
        slope_per_hour,
        tau: sign as f64 / pairs as f64,
    })
}

/// Least-squares fit of a level followed by a slope, with an interval for the knot from the likelihood ratio.
/// Single wild points are removed first (median of three). Needs six points; linear in their number.
pub fn broken_stick(times: &[i64], values: &[f64]) -> Option<BrokenStick> {
    let origin = *times.first()?;
    let mut raw: Vec<(i64, f64)> = times
        .iter()
        .copied()
        .zip(values.iter().copied())
        .filter(|(_, v)| v.is_finite())
        .collect();
    let n = raw.len();
    if n < 6 {
        return None;
    }
    median_of_three(&mut raw);
    let hours = |t: i64| (t as f64 - origin as f64) / HOUR;
    let (mut y_sum, mut yy_sum) = (0.0, 0.0);
    let centre = raw[n / 2].1;
    for (_, v) in &raw {
        y_sum += v - centre;
        yy_sum += (v - centre).powi(2);
    }
    let count = n as f64;
    let total = yy_sum - y_sum * y_sum / count;
    if !(total.is_finite() && total > 0.0) {
        return None;
    }
    // Suffix sums over the points after the candidate knot give every regression in constant time.
    let (mut m, mut st, mut stt, mut sy, mut sty) = (0.0, 0.0, 0.0, 0.0, 0.0);
    let mut fits: Vec<(f64, f64, f64)> = vec![(f64::INFINITY, 0.0, 0.0); n];
    for k in (0..n).rev() {
        let knot = hours(raw[k].0);
        if n - 1 - k >= 2 {
            let sh = st - m * knot;
            let shh = stt - 2.0 * knot * st + m * knot * knot;
            let shy = sty - knot * sy;
            let var = shh - sh * sh / count;
            if var > 1e-18 {
                let slope = (shy - sh * y_sum / count) / var;
                let rss = (total - slope * slope * var).max(0.0);
                fits[k] = (rss, slope, (y_sum - slope * sh) / count);
            }
        }
        let (t, y) = (knot, raw[k].1 - centre);
        m += 1.0;
        st += t;
        stt += t * t;
        sy += y;
        sty += t * y;
    }
    let (best, &(rss, slope, level)) = fits
        .iter()
        .enumerate()
        .min_by(|a, b| a.1.0.total_cmp(&b.1.0))?;
    if !rss.is_finite() {
        return None;
    }
    let limit = rss * (1.0 + CHI2_95 / (count - 3.0).max(1.0)) + total * 1e-12;
    let lo = fits.iter().position(|f| f.0 <= limit).unwrap_or(best);
    let hi = fits.iter().rposition(|f| f.0 <= limit).unwrap_or(best);
    Some(BrokenStick {
        knot: raw[best].0,
        lo: raw[lo].0,
        hi: raw[hi].0,
        level: level + centre,
        slope_per_hour: slope,
        residual: rss / count,
        explained: (1.0 - rss / total).clamp(0.0, 1.0),
    })
}

/// Replaces each inner value by the median of itself and its neighbours.
pub(super) fn median_of_three(points: &mut [(i64, f64)]) {
    if points.len() < 3 {
        return;
    }
    let mut before = points[0].1;
    for i in 1..points.len() - 1 {
        let (here, after) = (points[i].1, points[i + 1].1);
        points[i].1 = before.min(here).max(before.max(here).min(after));
        before = here;
    }
}

/// (hours since the first point, median) of at most [`BINS`] bins of equal count.
fn binned(times: &[i64], values: &[f64]) -> Vec<(f64, f64)> {
    let Some(&origin) = times.first() else {
        return Vec::new();
    };
    let finite: Vec<(f64, f64)> = times
        .iter()
        .zip(values)
        .filter(|(_, v)| v.is_finite())
        .map(|(t, v)| ((*t as f64 - origin as f64) / HOUR, *v))
        .collect();
    if finite.len() <= BINS {
        return finite;
    }
    let mut scratch = Vec::new();
    (0..BINS)
        .filter_map(|b| {
            let part = &finite[b * finite.len() / BINS..(b + 1) * finite.len() / BINS];
            scratch.clear();
            scratch.extend(part.iter().map(|p| p.1));
            let middle = part.get(part.len() / 2)?.0;
            Some((middle, median_in(&mut scratch)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::noise::noise;

    const MINUTE: i64 = 60_000_000_000;

    #[test]
    fn slope_survives_wild_points() {
        let times: Vec<i64> = (0..300).map(|i| i * MINUTE).collect();
        let mut values: Vec<f64> = (0..300)
            .map(|i| 5.0 + i as f64 / 60.0 * 3.0 + noise(i))
            .collect();
        values[20] = 1e6;
        values[250] = -1e6;
        let trend = theil_sen(&times, &values).unwrap();
        assert!((trend.slope_per_hour - 3.0).abs() < 0.2, "{trend:?}");
        assert!(trend.tau > 0.8, "{trend:?}");
    }

    #[test]
    fn a_slow_leak_is_dated_to_its_start() {
        let times: Vec<i64> = (0..240).map(|i| i * MINUTE).collect();
        let mut values: Vec<f64> = (0..240)
            .map(|i| 100.0 + noise(i) + if i > 90 { (i - 90) as f64 * 0.2 } else { 0.0 })
            .collect();
        values[30] = 5000.0;
        let stick = broken_stick(&times, &values).unwrap();
        assert!((stick.knot / MINUTE - 90).abs() <= 8, "{stick:?}");
        assert!(
            stick.lo <= 90 * MINUTE && stick.hi >= 90 * MINUTE && stick.hi - stick.lo < 30 * MINUTE,
            "{stick:?}"
        );
        assert!(
            (stick.slope_per_hour - 12.0).abs() < 0.5 && stick.explained > 0.9,
            "{stick:?}"
        );
    }

    #[test]
    fn degenerate_input_gives_nothing() {
        assert!(theil_sen(&[1, 1, 1], &[1.0, 2.0, 3.0]).is_none());
        assert!(broken_stick(&[0; 10], &[1.0; 10]).is_none());
        assert!(broken_stick(&[], &[]).is_none());
        assert!(broken_stick(&[5; 10], &(0..10).map(f64::from).collect::<Vec<_>>()).is_none());
    }
}
