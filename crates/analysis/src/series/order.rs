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
