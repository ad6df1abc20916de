//! What is normal for a metric, by the time of day or week: the band of an anomaly alarm.

use analysis::series::Scratch;
use analysis::series::baseline::{Baseline, Floors};
use analysis::series::season::SeasonalBaseline;
use model::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Fewer values than this teach nothing: the alarm has insufficient data until then.
pub const LEAST: usize = 30;

/// A learned band. All values are in the metric's unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Band {
    /// When it was learned.
    pub fitted: Timestamp,
    /// Length of the rhythm in nanoseconds (a day or a week); 0 where there is none.
    pub cycle: i64,
    /// What is expected in the middle of each slot of the rhythm; a single value where there is none.
    pub expected: Vec<f64>,
    /// One standard deviation downwards.
    pub below: f64,
    /// One standard deviation upwards.
    pub above: f64,
}

impl Band {
    /// Learns from the values at `times` (nanoseconds, increasing); `None` with fewer than `LEAST`.
    pub fn fit(times: &[i64], values: &[f64], now: i64) -> Option<Self> {
        if values.len() < LEAST || times.len() != values.len() {
            return None;
        }
        let mut scratch = Scratch::new();
        let floors = Floors::default();
        let (cycle, expected, spread) =
            match SeasonalBaseline::fit(times, values, floors, &mut scratch) {
                Some(season) if season.slot > 0 => {
                    let slots = (season.cycle / season.slot).clamp(1, 10_000);
                    let middle = |slot: i64| season.expected(slot * season.slot + season.slot / 2);
                    let expected = (0..slots).map(middle).collect();
                    (season.cycle, expected, season.residual)
                }
                _ => {
                    let plain = Baseline::fit_with(values, floors, &mut scratch)?;
                    (0, vec![plain.median], plain)
                }
            };
        Some(Self {
            fitted: Timestamp(now),
            cycle,
            expected,
            below: spread.scale_low,
            above: spread.scale_high,
        })
    }

    /// The least and the greatest value at time `at` (nanoseconds) that are normal within `width` standard deviations.
    pub fn range(&self, at: i64, width: f64) -> (f64, f64) {
        let expected = self.expected_at(at);
        (expected - width * self.below, expected + width * self.above)
    }

    /// On a straight line between the middles of the slots.
    fn expected_at(&self, at: i64) -> f64 {
        let slots = self.expected.len();
        let get = |slot: usize| {
            self.expected
                .get(slot % slots.max(1))
                .copied()
                .unwrap_or(0.0)
        };
        if self.cycle <= 0 || slots < 2 {
            return get(0);
        }
        let turn = at.rem_euclid(self.cycle) as f64 / self.cycle as f64;
        let place = turn * slots as f64 + slots as f64 - 0.5;
        let low = place.floor();
        let (a, b) = (get(low as usize), get(low as usize + 1));
        a + (b - a) * (place - low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::time::MINUTE;

    #[test]
    fn a_daily_rhythm_is_learned() {
        let times: Vec<i64> = (0..5 * 24 * 12).map(|i| i * 5 * MINUTE).collect();
        let load = |t: i64| {
            let day = t as f64 / (24 * 60 * MINUTE) as f64;
            100.0 + 50.0 * (day * std::f64::consts::TAU).sin() + ((t / MINUTE * 7919) % 10) as f64
        };
        let values: Vec<f64> = times.iter().map(|t| load(*t)).collect();
        let band = Band::fit(&times, &values, 0).unwrap();
        assert_eq!(band.cycle, 24 * 60 * MINUTE);
        for t in [0, 6 * 60 * MINUTE, 18 * 60 * MINUTE] {
            let (low, high) = band.range(t, 3.0);
            assert!(low < load(t) && load(t) < high, "{low} {} {high}", load(t));
        }
        let (_, high) = band.range(18 * 60 * MINUTE, 3.0);
        assert!(high < 100.0, "150 at night is not normal: {high}");
    }

    #[test]
    fn a_handful_of_values_teaches_nothing() {
        assert_eq!(Band::fit(&[1, 2], &[1.0, 2.0], 3), None);
        assert_eq!(Band::fit(&[], &[], 0), None);
        let odd = [f64::NAN; 40];
        let times: Vec<i64> = (0..40).collect();
        assert_eq!(Band::fit(&times, &odd, 0), None);
    }
}
