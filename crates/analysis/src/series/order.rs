//! Order statistics by selection; a full sort is never needed for a median.

/// Median of the finite values; `None` when there are none. The mean of the middle two for an even count.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// Quantile `q` in 0..=1 of the finite values, linearly interpolated (type 7 of Hyndman and Fan, 1996).
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    quantile_in(&mut finite, q)
}

/// Mean of the values weighted by `weights` (an interval's latency or availability by its requests); terms where
/// either is not finite or the weight is not positive are left out. `None` when nothing remains.
pub fn weighted_mean(values: &[f64], weights: &[f64]) -> Option<f64> {
    let (mut sum, mut total) = (0.0, 0.0);
    for (v, w) in values.iter().zip(weights) {
        if v.is_finite() && w.is_finite() && *w > 0.0 {
            sum += v * w;
            total += w;
        }
    }
    (total > 0.0).then(|| sum / total)
}

/// As [`quantile`], on a buffer of finite values which is permuted.
pub(crate) fn quantile_in(values: &mut [f64], q: f64) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    let place = q.clamp(0.0, 1.0) * last as f64;
    let below = (place.floor() as usize).min(last);
    let part = place - below as f64;
    let (_, &mut low, above) = values.select_nth_unstable_by(below, f64::total_cmp);
    if part <= 0.0 || above.is_empty() {
        return Some(low);
    }
    Some(low + part * (least(above) - low))
}

/// Median of a buffer of finite values, which is permuted.
pub(crate) fn median_in(values: &mut [f64]) -> Option<f64> {
    quantile_in(values, 0.5)
}

/// Several ascending quantiles at once: each selection works only on what lies above the one before it.
pub(crate) fn quantiles_in<const N: usize>(
    values: &mut [f64],
    ascending: &[f64; N],
) -> Option<[f64; N]> {
    let last = values.len().checked_sub(1)?;
    let mut out = [0.0; N];
    let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    place_ranks(values, 0, greatest, ascending, &mut out, last);
    Some(out)
}

/// Divide and conquer: the middle quantile splits the buffer, the rest recurse into their own part. `after` is the
/// value that follows the buffer's greatest in rank, which a quantile at its very end interpolates towards.
fn place_ranks(
    values: &mut [f64],
    offset: usize,
    after: f64,
    qs: &[f64],
    out: &mut [f64],
    last: usize,
) {
    if qs.is_empty() || values.is_empty() {
        return;
    }
    let middle = qs.len() / 2;
    let place = qs[middle].clamp(0.0, 1.0) * last as f64;
    let rank = (place.floor() as usize).clamp(offset, offset + values.len() - 1);
    let part = (place - rank as f64).clamp(0.0, 1.0);
    let (below, &mut low, above) = values.select_nth_unstable_by(rank - offset, f64::total_cmp);
    let next = if above.is_empty() {
        after
    } else {
        least(above)
    };
    out[middle] = if part > 0.0 {
        low + part * (next - low)
    } else {
        low
    };
    let split = below.len();
    let (left, right) = out.split_at_mut(middle);
    // The pivot belongs to both parts: quantiles close together may share its rank.
    place_ranks(
        &mut values[..=split],
        offset,
        next,
        &qs[..middle],
        left,
        last,
    );
    place_ranks(
        &mut values[split..],
        rank,
        after,
        &qs[middle + 1..],
        &mut right[1..],
        last,
    );
}

/// Finite values in ascending order, as whole numbers that have the order of the values: sorting those all the
/// way takes less time than selecting nine quantiles and a median distance among floats.
pub(crate) struct Sorted<'a> {
    keys: &'a [i64],
}

impl<'a> Sorted<'a> {
    /// Sorts finite values into `keys`; `None` when there are none.
    pub(crate) fn of(finite: &[f64], keys: &'a mut Vec<i64>) -> Option<Self> {
        keys.clear();
        keys.extend(finite.iter().map(|v| key(*v)));
        keys.sort_unstable();
        (!keys.is_empty()).then_some(Self { keys })
    }

    fn at(&self, rank: usize) -> f64 {
        value(self.keys[rank])
    }

    /// The least value.
    pub(crate) fn least(&self) -> f64 {
        self.at(0)
    }

    /// The greatest value.
    pub(crate) fn greatest(&self) -> f64 {
        self.at(self.keys.len() - 1)
    }

    /// Quantile `q` in 0..=1, as [`quantile`] has it.
    pub(crate) fn quantile(&self, q: f64) -> f64 {
        between(q, self.keys.len(), |rank| self.at(rank))
    }

    /// Median of the distances from `centre`.
    pub(crate) fn median_distance(&self, centre: f64) -> f64 {
        // Below the centre distances grow downwards, above it upwards: two ascending lists. Of their `count`
        // smallest, a search by halves finds how many come from below.
        let split = self.keys.partition_point(|k| value(*k) < centre);
        let (below, above) = self.keys.split_at(split);
        let down = |i: usize| centre - value(below[below.len() - 1 - i]);
        let up = |i: usize| value(above[i]) - centre;
        between(0.5, self.keys.len(), |rank| {
            let count = rank + 1;
            let (mut from, mut to) = (count.saturating_sub(above.len()), count.min(below.len()));
            while from < to {
                let middle = from + (to - from) / 2;
                // `middle` is less than `to`, so it is in the list below, and at least one comes from above.
                if down(middle) < up(count - middle - 1) {
                    from = middle + 1;
                } else {
                    to = middle;
                }
            }
            let furthest_down = from.checked_sub(1).map_or(0.0, down);
            let furthest_up = (count - from).checked_sub(1).map_or(0.0, up);
            furthest_down.max(furthest_up)
        })
    }
}

/// Linear interpolation between the ranks around quantile `q` of `count` values.
fn between(q: f64, count: usize, at: impl Fn(usize) -> f64) -> f64 {
    let last = count - 1;
    let place = q.clamp(0.0, 1.0) * last as f64;
    let rank = (place.floor() as usize).min(last);
    let part = place - rank as f64;
    let low = at(rank);
    if part <= 0.0 || rank == last {
        return low;
    }
    low + part * (at(rank + 1) - low)
}

/// A whole number in the order of `f64::total_cmp`.
fn key(value: f64) -> i64 {
    flip(value.to_bits() as i64)
}

fn value(key: i64) -> f64 {
    f64::from_bits(flip(key) as u64)
}

/// Negative numbers are stored by sign and size; all but the sign is turned round. Its own inverse.
fn flip(bits: i64) -> i64 {
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn many_quantiles_agree_with_a_sort(mut values in prop::collection::vec(-1e6f64..1e6, 1..200)) {
            let qs = [0.01, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.99];
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let got = quantiles_in(&mut values, &qs).unwrap();
            for (q, g) in qs.iter().zip(got) {
                let place = q * (sorted.len() - 1) as f64;
                let i = place.floor() as usize;
                let j = (i + 1).min(sorted.len() - 1);
                let want = sorted[i] + (place - i as f64) * (sorted[j] - sorted[i]);
                prop_assert!((g - want).abs() <= 1e-6, "q {} got {} want {}", q, g, want);
            }
        }
    }

    fn few_or_many() -> impl Strategy<Value = Vec<f64>> {
        // Real series repeat themselves; some are enormous.
        let value = prop_oneof![
            (-5i32..5).prop_map(f64::from),
            -1e6f64..1e6,
            Just(-0.0),
            Just(f64::MAX),
            Just(f64::MIN),
        ];
        prop::collection::vec(value, 1..200)
    }

    proptest! {
        #[test]
        fn sorting_agrees_with_selecting(values in few_or_many()) {
            let mut keys = Vec::new();
            let sorted = Sorted::of(&values, &mut keys).unwrap();
            let qs = [0.01, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.99];
            let selected = quantiles_in(&mut values.clone(), &qs).unwrap();
            for (q, want) in qs.iter().zip(selected) {
                let got = sorted.quantile(*q);
                prop_assert!(got == want || (got.is_nan() && want.is_nan()), "q {} got {} want {}", q, got, want);
            }
            for centre in [sorted.quantile(0.5), 0.0, values[0]] {
                let mut distances: Vec<f64> = values.iter().map(|v| (v - centre).abs()).collect();
                if distances.iter().all(|d| d.is_finite()) {
                    prop_assert_eq!(Some(sorted.median_distance(centre)), median_in(&mut distances));
                }
            }
            prop_assert_eq!(sorted.least(), least(&values));
        }
    }

    #[test]
    fn nothing_finite_has_no_median() {
        assert_eq!(median(&[f64::NAN, f64::INFINITY]), None);
        assert_eq!(median(&[1.0, f64::NAN, 3.0]), Some(2.0));
        assert_eq!(
            weighted_mean(&[1.0, 3.0, f64::NAN], &[1.0, 3.0, 9.0]),
            Some(2.5)
        );
        assert_eq!(weighted_mean(&[1.0], &[0.0]), None);
    }
}
