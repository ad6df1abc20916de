//! The samples of one second or minute, in little memory: count, sum, least, greatest, and counts by magnitude.

use crate::detect::datapoints::Statistic;

/// Neighbouring magnitudes differ by 2 %, so that a percentile is within 1 % of the true one (as in DDSketch:
/// Masson, Rim and Lee, VLDB 2019).
const GAMMA: f64 = 1.02;
/// What is nearer to zero than this counts as zero.
const ZERO: f64 = 1e-9;
/// The magnitude of zero, and the distance of the negative ones; beyond all magnitudes of finite numbers.
const AT_ZERO: i32 = -100_000;
const BELOW: i32 = -200_000;

/// Samples of one stretch of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Bucket {
    pub count: f64,
    sum: f64,
    min: f64,
    max: f64,
    /// Sorted by magnitude.
    spread: Vec<(i32, u32)>,
}

fn magnitude(value: f64) -> i32 {
    let of = |v: f64| (v.ln() / GAMMA.ln()).ceil() as i32;
    if value > ZERO {
        of(value)
    } else if value < -ZERO {
        BELOW - of(-value)
    } else {
        AT_ZERO
    }
}

/// The value in the middle of a magnitude, by ratio.
fn middle(magnitude: i32) -> f64 {
    let of = |m: i32| 2.0 * GAMMA.powi(m) / (GAMMA + 1.0);
    match magnitude {
        AT_ZERO => 0.0,
        m if m < AT_ZERO => -of(BELOW - m),
        m => of(m),
    }
}

impl Bucket {
    /// One sample; finite. `spread`: percentiles will be asked for.
    pub(super) fn add(&mut self, value: f64, spread: bool) {
        if self.count == 0.0 {
            (self.min, self.max) = (value, value);
        }
        self.count += 1.0;
        self.sum += value;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        if spread {
            self.count_at(magnitude(value), 1);
        }
    }

    fn count_at(&mut self, magnitude: i32, times: u32) {
        match self.spread.binary_search_by_key(&magnitude, |(m, _)| *m) {
            Ok(place) => {
                if let Some((_, count)) = self.spread.get_mut(place) {
                    *count = count.saturating_add(times);
                }
            }
            Err(place) => self.spread.insert(place, (magnitude, times)),
        }
    }

    /// Takes another's samples in.
    pub(super) fn merge(&mut self, other: &Self) {
        if other.count == 0.0 {
            return;
        }
        if self.count == 0.0 {
            self.clone_from(other);
            return;
        }
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        for (magnitude, times) in &other.spread {
            self.count_at(*magnitude, *times);
        }
    }

    /// As many samples, each of them 1.
    pub(super) fn ones(mut self) -> Self {
        self.sum = self.count;
        (self.min, self.max) = (1.0, 1.0);
        self.spread.clear();
        self
    }

    /// `None` without samples, or where what was asked for was not kept.
    pub(super) fn statistic(&self, statistic: Statistic) -> Option<f64> {
        if self.count == 0.0 {
            return None;
        }
        let value = match statistic {
            Statistic::SampleCount => self.count,
            Statistic::Average => self.sum / self.count,
            Statistic::Sum => self.sum,
            Statistic::Minimum => self.min,
            Statistic::Maximum => self.max,
            Statistic::Percentile(share) => self.percentile(share)?,
            Statistic::Count { above, up_to } => self.within(above, up_to)?,
            Statistic::Rank { above, up_to } => 100.0 * self.within(above, up_to)? / self.count,
        };
        value.is_finite().then_some(value)
    }

    fn percentile(&self, share: f64) -> Option<f64> {
        let rank = share * (self.count - 1.0);
        let mut seen = 0.0;
        for (magnitude, times) in &self.spread {
            seen += f64::from(*times);
            if seen > rank {
                return Some(middle(*magnitude).clamp(self.min, self.max));
            }
        }
        // Samples whose spread was not kept.
        (self.min == self.max).then_some(self.max)
    }

    /// How many samples lie in `(above, up_to]`; those of the magnitude of an end count as its middle says.
    fn within(&self, above: Option<f64>, up_to: Option<f64>) -> Option<f64> {
        if self.spread.is_empty() {
            let inside = |v: f64| above.is_none_or(|a| v > a) && up_to.is_none_or(|u| v <= u);
            return (self.min == self.max).then(|| if inside(self.max) { self.count } else { 0.0 });
        }
        let inside = |(m, _): &&(i32, u32)| {
            let value = middle(*m).clamp(self.min, self.max);
            above.is_none_or(|a| value > a) && up_to.is_none_or(|u| value <= u)
        };
        Some(
            self.spread
                .iter()
                .filter(inside)
                .map(|(_, times)| f64::from(*times))
                .sum(),
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn percentiles_of_a_thousand_latencies_are_within_a_hundredth() {
        let (mut first, mut second) = (Bucket::default(), Bucket::default());
        for i in 1..=1000 {
            let bucket = if i % 2 == 0 { &mut first } else { &mut second };
            bucket.add(f64::from(i), true);
        }
        first.merge(&second);
        for (text, expected) in [
            ("p50", 500.0),
            ("p95", 950.0),
            ("p99", 990.0),
            ("TC(900:)", 100.0),
            ("PR(:100)", 10.0),
        ] {
            let value = first.statistic(Statistic::parse(text).unwrap()).unwrap();
            assert!(
                (value - expected).abs() <= 0.011 * expected.max(900.0),
                "{text}: {value}"
            );
        }
        assert_eq!(first.statistic(Statistic::Sum), Some(500_500.0));
        assert_eq!(first.statistic(Statistic::Maximum), Some(1000.0));
    }

    #[test]
    fn one_sample_is_its_own_percentile() {
        let mut bucket = Bucket::default();
        bucket.add(21.5, true);
        assert_eq!(bucket.statistic(Statistic::Percentile(0.99)), Some(21.5));
        assert_eq!(Bucket::default().statistic(Statistic::Average), None);
    }

    proptest! {
        #[test]
        fn any_finite_sample_is_borne(values in proptest::collection::vec(-1e300f64..1e300, 1..30), share in 0.01f64..0.99) {
            let mut bucket = Bucket::default();
            for value in &values {
                bucket.add(*value, true);
            }
            let least = values.iter().copied().fold(f64::INFINITY, f64::min);
            let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let value = bucket.percentile(share).unwrap();
            prop_assert!(least <= value && value <= most);
        }
    }
}
