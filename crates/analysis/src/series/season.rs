//! Daily and weekly rhythm: is there one, and what is normal at this time of day or week.

use std::collections::BTreeMap;

use super::baseline::{Baseline, Floors};
use super::order::{median, median_in, quantile_in};
use super::{Scratch, median_step};

const HOUR_NS: i64 = 3_600_000_000_000;
const DAY_NS: i64 = 24 * HOUR_NS;
const WEEK_NS: i64 = 7 * DAY_NS;

/// A rhythm found in a regular series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seasonality {
    /// Length in steps.
    pub period: usize,
    /// Autocorrelation at that lag, -1..=1.
    pub strength: f64,
}

/// Autocorrelation at lags `0..=most`, of the finite values about their median; gaps contribute nothing. Direct
/// for few lags, by fast Fourier transform for many.
pub fn autocorrelation(values: &[f64], most: usize) -> Vec<f64> {
    let n = values.len();
    let most = most.min(n.saturating_sub(1));
    let Some(centre) = median(values) else {
        return vec![0.0; most + 1];
    };
    let centred: Vec<f64> = values
        .iter()
        .map(|v| if v.is_finite() { v - centre } else { 0.0 })
        .collect();
    let sums: Vec<f64> = if n.saturating_mul(most) <= 1 << 20 {
        (0..=most)
            .map(|lag| {
                centred[lag..]
                    .iter()
                    .zip(&centred)
                    .map(|(a, b)| a * b)
                    .sum()
            })
            .collect()
    } else {
        correlate(&centred, most)
    };
    let power = sums[0];
    if !(power.is_finite() && power > 0.0) {
        return vec![0.0; most + 1];
    }
    // Fewer pairs at longer lags; without this a long period would look weaker than it is.
    sums.iter()
        .enumerate()
        .map(|(lag, s)| (s / power * n as f64 / (n - lag) as f64).clamp(-1.0, 1.0))
        .collect()
}

/// The strongest rhythm of a regular series, if there is one: between 4 steps and a third of the series long.
///
/// The series is detrended, clipped to four scales, and prewhitened by its own first-order autocorrelation, because
/// slow noise correlates at every short lag. A period must be a local maximum of the autocorrelation, significant
/// (beyond four standard errors and 0.2), and seen again at twice the lag.
pub fn seasonality(values: &[f64]) -> Option<Seasonality> {
    let n = values.len();
    if n < 12 {
        return None;
    }
    let whitened = prewhitened(values)?;
    let most = (n / 3).saturating_mul(2);
    let raw = autocorrelation(&clipped(values)?, most);
    let white = autocorrelation(&whitened, most);
    let significant = (4.0 / (n as f64).sqrt()).max(0.2);
    let around = |acf: &[f64], lag: usize| {
        let reach = (lag / 20).max(1);
        acf[lag.saturating_sub(reach)..(lag + reach + 1).min(acf.len())]
            .iter()
            .copied()
            .fold(-1.0, f64::max)
    };
    let mut best: Option<Seasonality> = None;
    for lag in 4..=n / 3 {
        let peak = raw[lag] >= raw[lag - 1] && raw[lag] >= raw[lag + 1];
        let strength = raw[lag];
        if !peak || strength < significant || around(&white, lag) < significant / 2.0 {
            continue;
        }
        if around(&raw, 2 * lag) < 0.6 * strength {
            continue;
        }
        // A multiple of a period correlates as well as the period itself, and is not preferred to it.
        if best.is_none_or(|b| strength > b.strength + 0.1) {
            best = Some(Seasonality {
                period: lag,
                strength,
            });
        }
    }
    best
}

/// Normal by time of day, or of the week.
#[derive(Debug, Clone, PartialEq)]
pub struct SeasonalBaseline {
    /// Length of the cycle, ns: a day or a week.
    pub cycle: i64,
    /// Length of a slot of it, ns.
    pub slot: i64,
    /// Offset of each slot from the overall median, by slot number.
    offsets: BTreeMap<i64, f64>,
    /// Spread of each slot over the usual spread, at least one: the busy hour may swing more than the quiet one.
    swings: BTreeMap<i64, f64>,
    /// Of the values with their slot's offset removed.
    pub residual: Baseline,
}

impl SeasonalBaseline {
    /// Fits hour-of-week with three weeks of history or more, time-of-day with three days or more; `None` with
    /// less history, or when the rhythm explains too little (it must shrink the spread by a quarter).
    /// A slot of the day is an hour, or one step where steps are longer.
    pub fn fit(
        times: &[i64],
        values: &[f64],
        floors: Floors,
        scratch: &mut Scratch,
    ) -> Option<Self> {
        let span = times.last()?.saturating_sub(*times.first()?);
        let step = median_step(times)?;
        let slot = HOUR_NS.max(step);
        let cycles: &[i64] = if span >= 3 * WEEK_NS {
            &[WEEK_NS, DAY_NS]
        } else if span >= 3 * DAY_NS - 2 * step.min(HOUR_NS) {
            &[DAY_NS]
        } else {
            &[]
        };
        let plain = Baseline::fit_with(values, floors, scratch)?;
        let mut best: Option<Self> = None;
        for &cycle in cycles {
            let Some(fitted) = Self::of_cycle(times, values, cycle, slot, &plain, floors, scratch)
            else {
                continue;
            };
            let least = best
                .as_ref()
                .map_or(0.75 * plain.scale, |b| 0.9 * b.residual.scale);
            if fitted.residual.scale < least {
                best = Some(fitted);
            }
        }
        best
    }

    fn of_cycle(
        times: &[i64],
        values: &[f64],
        cycle: i64,
        slot: i64,
        plain: &Baseline,
        floors: Floors,
        scratch: &mut Scratch,
    ) -> Option<Self> {
        let mut slots: BTreeMap<i64, (Vec<f64>, i64, usize)> = BTreeMap::new();
        for (&t, &v) in times.iter().zip(values) {
            if !v.is_finite() {
                continue;
            }
            let turn = t.div_euclid(cycle);
            let (seen, last_turn, turns) =
                slots
                    .entry(t.rem_euclid(cycle) / slot)
                    .or_insert((Vec::new(), i64::MIN, 0));
            seen.push(v);
            if *last_turn != turn {
                *last_turn = turn;
                *turns += 1;
            }
        }
        let mut offsets = BTreeMap::new();
        for (number, (seen, _, turns)) in &mut slots {
            // Twice is coincidence: a slot needs three turns of the cycle before it says what is usual.
            if *turns >= 3 {
                offsets.insert(*number, median_in(seen)? - plain.median);
            }
        }
        if (offsets.len() as i64) < cycle / slot / 2 {
            return None;
        }
        let swings = BTreeMap::new();
        let mut fitted = Self {
            cycle,
            slot,
            offsets,
            swings,
            residual: plain.clone(),
        };
        let rest: Vec<f64> = times
            .iter()
            .zip(values)
            .map(|(&t, &v)| v - fitted.offset(t))
            .collect();
        fitted.residual = Baseline::fit_with(&rest, floors, scratch)?;
        for (seen, _, _) in slots.values_mut() {
            seen.clear();
        }
        for (&t, &v) in times.iter().zip(&rest) {
            if let Some((seen, _, _)) = slots
                .get_mut(&(t.rem_euclid(cycle) / slot))
                .filter(|_| v.is_finite())
            {
                seen.push((v - fitted.residual.median).abs());
            }
        }
        for (number, (seen, _, _)) in &mut slots {
            // Nine of ten of the slot's residuals, in the scale that makes it one for normal noise; few points are
            // not enough to say that a slot swings more.
            let own = quantile_in(seen, 0.9).unwrap_or(0.0) / 1.645 / fitted.residual.scale;
            if seen.len() >= 5 && own > 1.0 {
                fitted.swings.insert(*number, own);
            }
        }
        Some(fitted)
    }

    /// How far normal at time `t` (ns) lies from normal overall, interpolated between the middles of slots.
    pub fn offset(&self, t: i64) -> f64 {
        let place = t.rem_euclid(self.cycle) as f64 / self.slot as f64 - 0.5;
        let turn = (self.cycle / self.slot).max(1);
        let low = place.floor();
        let part = place - low;
        let get = |n: i64| self.offsets.get(&n.rem_euclid(turn)).copied();
        match (get(low as i64), get(low as i64 + 1)) {
            (Some(a), Some(b)) => a + part * (b - a),
            (Some(a), None) | (None, Some(a)) => a,
            (None, None) => 0.0,
        }
    }

    /// Expected value at time `t` (ns).
    pub fn expected(&self, t: i64) -> f64 {
        self.residual.median + self.offset(t)
    }

    /// Signed z of value `x` at time `t` (ns), beyond all that is usual from one slot before to one after: a rhythm
    /// with steep flanks does not keep time to the minute.
    pub fn z(&self, t: i64, x: f64) -> f64 {
        let place = t.rem_euclid(self.cycle) / self.slot;
        let turn = (self.cycle / self.slot).max(1);
        let own = self.offset(t);
        let (mut low, mut high, mut swing) = (own, own, 1.0f64);
        for n in [place - 1, place, place + 1] {
            let n = n.rem_euclid(turn);
            if let Some(offset) = self.offsets.get(&n) {
                low = low.min(*offset);
                high = high.max(*offset);
            }
            swing = swing.max(self.swings.get(&n).copied().unwrap_or(1.0));
        }
        let (below, above) = (self.residual.z(x - low), self.residual.z(x - high));
        // Below the lowest, above the highest, or nearest zero in between.
        let z = if below < 0.0 {
            below
        } else if above > 0.0 {
            above
        } else {
            0.0
        };
        z / swing
    }
}

/// Finite values about a running level, none beyond four scales; gaps stay NaN.
fn clipped(values: &[f64]) -> Option<Vec<f64>> {
    let base = Baseline::fit(values)?;
    let reach = 4.0 * base.scale_low.max(base.scale_high);
    let n = values.len() as f64;
    let trend = super::theil_sen(
        &(0..values.len() as i64)
            .map(|i| i * HOUR_NS)
            .collect::<Vec<_>>(),
        values,
    );
    let slope = trend.map_or(0.0, |t| t.slope_per_hour);
    let straight = |i: usize| slope * (i as f64 - n / 2.0);
    Some(
        values
            .iter()
            .enumerate()
            .map(|(i, v)| {
                if v.is_finite() {
                    v.clamp(base.median - reach, base.median + reach) - straight(i)
                } else {
                    *v
                }
            })
            .collect(),
    )
}

fn prewhitened(values: &[f64]) -> Option<Vec<f64>> {
    let level = clipped(values)?;
    let phi = autocorrelation(&level, 1)
        .get(1)
        .copied()
        .unwrap_or(0.0)
        .clamp(0.0, 0.95);
    let centre = median(&level)?;
    Some(
        level
            .windows(2)
            .map(|w| (w[1] - centre) - phi * (w[0] - centre))
            .collect(),
    )
}

/// Linear autocorrelation sums at lags `0..=most` by fast Fourier transform.
fn correlate(values: &[f64], most: usize) -> Vec<f64> {
    let size = (values.len() + most + 1).next_power_of_two();
    let mut real = values.to_vec();
    real.resize(size, 0.0);
    let mut imaginary = vec![0.0; size];
    transform(&mut real, &mut imaginary);
    for (re, im) in real.iter_mut().zip(&mut imaginary) {
        *re = *re * *re + *im * *im;
        *im = 0.0;
    }
    // The power spectrum is real and even, so the forward transform is also the inverse, up to its size.
    transform(&mut real, &mut imaginary);
    real.truncate(most + 1);
    for v in &mut real {
        *v /= size as f64;
    }
    real
}

/// In-place radix-2 fast Fourier transform; both slices have the same power-of-two length.
fn transform(real: &mut [f64], imaginary: &mut [f64]) {
    let n = real.len();
    let mut j = 0usize;
    for i in 1..n {
        let mut bit = n >> 1;
        while j & bit != 0 {
            j ^= bit;
            bit >>= 1;
        }
        j ^= bit;
        if i < j {
            real.swap(i, j);
            imaginary.swap(i, j);
        }
    }
    let mut length = 2;
    while length <= n {
        let half = length / 2;
        let turns: Vec<(f64, f64)> = (0..half)
            .map(|k| {
                let angle = -2.0 * std::f64::consts::PI * k as f64 / length as f64;
                (angle.cos(), angle.sin())
            })
            .collect();
        for start in (0..n).step_by(length) {
            for (k, (cos, sin)) in turns.iter().enumerate() {
                let (a, b) = (start + k, start + k + half);
                let re = real[b] * cos - imaginary[b] * sin;
                let im = real[b] * sin + imaginary[b] * cos;
                real[b] = real[a] - re;
                imaginary[b] = imaginary[a] - im;
                real[a] += re;
                imaginary[a] += im;
            }
        }
        length <<= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::noise::noise;

    #[test]
    fn a_daily_rhythm_is_found_under_noise_and_trend() {
        let values: Vec<f64> = (0..24 * 14)
            .map(|i| {
                50.0 + 10.0 * (i as f64 * std::f64::consts::TAU / 24.0).sin()
                    + 3.0 * noise(i)
                    + 0.05 * i as f64
            })
            .collect();
        let found = seasonality(&values).unwrap();
        assert_eq!(found.period, 24, "{found:?}");
    }

    #[test]
    fn noise_and_slow_noise_have_no_rhythm() {
        let white: Vec<f64> = (0..1000).map(noise).collect();
        assert_eq!(seasonality(&white), None);
        let mut slow = vec![0.0];
        for i in 1..1000 {
            slow.push(0.9 * slow[i - 1] + noise(i));
        }
        assert_eq!(seasonality(&slow), None);
        assert_eq!(seasonality(&[1.0; 500]), None);
        assert_eq!(seasonality(&[f64::NAN; 500]), None);
    }

    #[test]
    fn fast_and_direct_correlation_agree() {
        let values: Vec<f64> = (0..3000)
            .map(|i| noise(i) + (i % 50) as f64 / 25.0)
            .collect();
        let fast = correlate(&values, 200);
        for lag in [0, 1, 50, 199] {
            let direct: f64 = values[lag..].iter().zip(&values).map(|(a, b)| a * b).sum();
            assert!((fast[lag] - direct).abs() < 1e-6 * direct.abs().max(1.0));
        }
    }

    #[test]
    fn normal_at_noon_is_not_normal_at_night() {
        let step = HOUR_NS / 4;
        let n = 4 * 24 * 6;
        let times: Vec<i64> = (0..n).map(|i| i * step).collect();
        let daily = |t: i64| {
            100.0 + 80.0 * ((t % DAY_NS) as f64 / DAY_NS as f64 * std::f64::consts::TAU).sin()
        };
        let values: Vec<f64> = times
            .iter()
            .enumerate()
            .map(|(i, t)| daily(*t) + 4.0 * noise(i))
            .collect();
        let base =
            SeasonalBaseline::fit(&times, &values, Floors::default(), &mut Scratch::new()).unwrap();
        assert_eq!(base.cycle, DAY_NS);
        let (day, night) = (10 * DAY_NS + 6 * HOUR_NS, 10 * DAY_NS + 18 * HOUR_NS);
        assert!(base.z(day, 180.0).abs() < 3.0 && base.z(night, 20.0).abs() < 3.0);
        assert!(base.z(night, 180.0) > 10.0);
        let short = SeasonalBaseline::fit(
            &times[..96],
            &values[..96],
            Floors::default(),
            &mut Scratch::new(),
        );
        assert!(short.is_none());
    }
}
