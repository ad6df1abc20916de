//! Quantiles of histograms.

/// One bucket: values in (low, high], how many.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bucket {
    pub low: f64,
    pub high: f64,
    pub count: f64,
}

/// The value below which the share `q` lies, with values spread evenly inside of a bucket. What lies
/// in a bucket without an end is taken to lie at its finite edge, as Prometheus' `histogram_quantile`
/// has it. `None` for an empty histogram.
pub(crate) fn quantile(buckets: &[Bucket], q: f64) -> Option<f64> {
    let total: f64 = buckets.iter().map(|b| b.count).sum();
    if total <= 0.0 || !total.is_finite() {
        return None;
    }
    let rank = q * total;
    let mut below = 0.0;
    let mut last = None;
    for bucket in buckets.iter().filter(|b| b.count > 0.0) {
        if below + bucket.count >= rank {
            if !bucket.high.is_finite() {
                return Some(bucket.low);
            }
            if !bucket.low.is_finite() {
                return Some(bucket.high);
            }
            let share = ((rank - below) / bucket.count).clamp(0.0, 1.0);
            return Some(bucket.low + (bucket.high - bucket.low) * share);
        }
        below += bucket.count;
        last = Some(if bucket.high.is_finite() {
            bucket.high
        } else {
            bucket.low
        });
    }
    last
}

/// The buckets of an explicit histogram: one count more than there are bounds. Durations and sizes
/// are not negative, so a first bucket with a positive bound begins at zero.
pub(crate) fn explicit(bounds: &[f64], counts: &[f64]) -> Vec<Bucket> {
    let mut buckets = Vec::with_capacity(counts.len());
    for (i, count) in counts.iter().enumerate() {
        let low = match i {
            0 if bounds.first().is_some_and(|b| *b > 0.0) => 0.0,
            0 => f64::NEG_INFINITY,
            _ => bounds.get(i - 1).copied().unwrap_or(f64::INFINITY),
        };
        let high = bounds.get(i).copied().unwrap_or(f64::INFINITY);
        buckets.push(Bucket {
            low,
            high,
            count: *count,
        });
    }
    buckets
}

/// The buckets of an exponential histogram: bucket `i` holds (base^i, base^(i+1)] with
/// base = 2^(2^-scale); negative values mirror them, zeros lie between.
pub(crate) fn exponential(
    scale: i32,
    zero: f64,
    negative: &[(i64, f64)],
    positive: &[(i64, f64)],
) -> Vec<Bucket> {
    let step = (-f64::from(scale)).exp2();
    let edge = |i: i64| (i as f64 * step).exp2();
    let mut buckets = Vec::with_capacity(negative.len() + positive.len() + 1);
    for (i, count) in negative.iter().rev() {
        buckets.push(Bucket {
            low: -edge(i.saturating_add(1)),
            high: -edge(*i),
            count: *count,
        });
    }
    buckets.push(Bucket {
        low: 0.0,
        high: 0.0,
        count: zero,
    });
    for (i, count) in positive {
        buckets.push(Bucket {
            low: edge(*i),
            high: edge(i.saturating_add(1)),
            count: *count,
        });
    }
    buckets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evenly_spread_within_a_bucket() {
        let buckets = explicit(&[10.0, 20.0, 40.0], &[10.0, 10.0, 0.0, 0.0]);
        assert_eq!(quantile(&buckets, 0.5), Some(10.0));
        assert_eq!(quantile(&buckets, 0.25), Some(5.0));
        assert_eq!(quantile(&buckets, 1.0), Some(20.0));
        assert_eq!(quantile(&explicit(&[10.0], &[0.0, 5.0]), 0.5), Some(10.0));
        assert_eq!(quantile(&explicit(&[10.0], &[0.0, 0.0]), 0.5), None);
    }

    #[test]
    fn exponential_buckets_double_at_scale_zero() {
        let buckets = exponential(0, 0.0, &[], &[(0, 1.0), (1, 1.0), (2, 2.0)]);
        assert_eq!(quantile(&buckets, 0.5), Some(4.0));
        assert_eq!(quantile(&buckets, 1.0), Some(8.0));
        let mirrored = exponential(0, 1.0, &[(0, 1.0)], &[]);
        assert_eq!(quantile(&mirrored, 0.5), Some(-1.0));
        assert_eq!(quantile(&mirrored, 1.0), Some(0.0));
    }
}
