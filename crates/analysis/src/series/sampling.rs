//! Irregular series made regular, gaps found, counters turned into rates, units guessed from names.

/// What becomes of the points that fall in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resampling {
    /// Their mean (gauges).
    Mean,
    /// Their sum (counts per interval); a step without points is then zero rather than missing.
    Sum,
    /// The last of them (states, counters).
    Last,
    /// The greatest (queues, saturation).
    Max,
}

/// A series at equal steps. A step without points is NaN, so that a gap is never taken for a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Regular {
    /// Start of the first step, ns; a multiple of `step`.
    pub start: i64,
    /// Length of a step, ns.
    pub step: i64,
    /// One value per step.
    pub values: Vec<f64>,
}

impl Regular {
    /// Start of step `i`, ns.
    pub fn time(&self, i: usize) -> i64 {
        self.start
            .saturating_add(self.step.saturating_mul(i as i64))
    }

    /// Start times of all steps, ns.
    pub fn times(&self) -> Vec<i64> {
        (0..self.values.len()).map(|i| self.time(i)).collect()
    }
}

/// A stretch without points: none between `from` (last before) and `to` (first after). Nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Time of the last point before it.
    pub from: i64,
    /// Time of the first point after it.
    pub to: i64,
    /// Points that are missing, by the usual step.
    pub missing: u64,
}

/// Longest regular series that is made: more steps than this would be a wrong step or a broken clock.
const MOST_STEPS: i64 = 4_000_000;

/// Median distance between neighbours in time, ns; `None` for fewer than two distinct times.
pub fn median_step(times: &[i64]) -> Option<i64> {
    let mut steps: Vec<i64> = times
        .windows(2)
        .map(|w| w[1].saturating_sub(w[0]))
        .filter(|d| *d > 0)
        .collect();
    let middle = steps.len() / 2;
    if steps.is_empty() {
        return None;
    }
    Some(*steps.select_nth_unstable(middle).1)
}

/// Puts points, in any order of time, on a grid of `step` ns. `None` when the step is not positive, nothing is
/// finite, or the grid would exceed four million steps.
pub fn regularise(times: &[i64], values: &[f64], step: i64, how: Resampling) -> Option<Regular> {
    if step <= 0 {
        return None;
    }
    let points = || times.iter().zip(values).filter(|(_, v)| v.is_finite());
    let first = points().map(|(t, _)| *t).min()?.div_euclid(step);
    let last = points().map(|(t, _)| *t).max()?.div_euclid(step);
    let steps = last
        .checked_sub(first)?
        .checked_add(1)
        .filter(|n| *n <= MOST_STEPS)? as usize;
    let mut out = vec![f64::NAN; steps];
    let mut counts = vec![0u32; steps];
    let mut latest = vec![i64::MIN; steps];
    for (&t, &v) in points() {
        let i = (t.div_euclid(step) - first) as usize;
        let old = out[i];
        out[i] = match how {
            _ if counts[i] == 0 => v,
            Resampling::Mean | Resampling::Sum => old + v,
            Resampling::Max => old.max(v),
            Resampling::Last if t >= latest[i] => v,
            Resampling::Last => old,
        };
        latest[i] = latest[i].max(t);
        counts[i] += 1;
    }
    for (v, n) in out.iter_mut().zip(counts) {
        match how {
            Resampling::Mean if n > 1 => *v /= f64::from(n),
            Resampling::Sum if n == 0 => *v = 0.0,
            _ => {}
        }
    }
    Some(Regular {
        start: first.saturating_mul(step),
        step,
        values: out,
    })
}

/// Stretches of more than `factor` usual steps without a point. Times ascend.
pub fn gaps(times: &[i64], factor: f64) -> Vec<Gap> {
    let Some(step) = median_step(times) else {
        return Vec::new();
    };
    times
        .windows(2)
        .filter_map(|w| {
            let span = w[1].saturating_sub(w[0]);
            (span as f64 > factor * step as f64).then(|| {
                let missing = ((span as f64 / step as f64).round() as u64).saturating_sub(1);
                Gap {
                    from: w[0],
                    to: w[1],
                    missing,
                }
            })
        })
        .collect()
}

/// Rate per second of a counter, one value per interval, stamped with the interval's end. A fall is a reset: the
/// counter began again at zero, so what it shows is what was counted since. Intervals without length and values
/// that are not finite or negative are skipped. Also returns the number of resets.
pub fn rate(times: &[i64], counter: &[f64]) -> (Vec<i64>, Vec<f64>, usize) {
    let (mut at, mut out, mut resets) = (Vec::new(), Vec::new(), 0);
    let mut before: Option<(i64, f64)> = None;
    for (&t, &v) in times.iter().zip(counter) {
        if !v.is_finite() || v < 0.0 {
            continue;
        }
        if let Some((t0, v0)) = before {
            if t <= t0 {
                continue;
            }
            let grown = if v < v0 {
                resets += 1;
                v
            } else {
                v - v0
            };
            at.push(t);
            out.push(grown / ((t as f64 - t0 as f64) / 1e9));
        }
        before = Some((t, v));
    }
    (at, out, resets)
}

/// Does this look like a counter: never negative, hardly ever falling, and grown by the end?
pub fn is_counter(values: &[f64]) -> bool {
    let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    let falls = finite.windows(2).filter(|w| w[1] < w[0]).count();
    let rises = finite.windows(2).filter(|w| w[1] > w[0]).count();
    finite.len() >= 8
        && finite.iter().all(|v| *v >= 0.0)
        && rises * 4 >= finite.len()
        && falls * 50 <= finite.len()
        && finite.iter().all(|v| v.fract() == 0.0)
}

/// What kind of quantity a metric measures, as far as its name or unit tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quantity {
    /// A duration; `to_milliseconds` is the factor that makes it milliseconds.
    Duration,
    /// Bytes.
    Bytes,
    /// A share, 0..=1 or 0..=100.
    Share,
    /// Failures.
    Errors,
    /// Work arriving or done.
    Traffic,
    /// A level that fills up: queue, pool, connections.
    Occupancy,
    /// Not told.
    Unknown,
}

/// Words in names of metrics, the first that occurs decides. Errors before shares: an error rate is about errors.
const WORDS: &[(&str, Quantity)] = &[
    ("error", Quantity::Errors),
    ("fail", Quantity::Errors),
    ("fault", Quantity::Errors),
    ("5xx", Quantity::Errors),
    ("4xx", Quantity::Errors),
    ("exception", Quantity::Errors),
    ("throttle", Quantity::Errors),
    ("latency", Quantity::Duration),
    ("duration", Quantity::Duration),
    ("responsetime", Quantity::Duration),
    ("percent", Quantity::Share),
    ("utiliz", Quantity::Share),
    ("utilis", Quantity::Share),
    ("ratio", Quantity::Share),
    ("availability", Quantity::Share),
    ("usage_rate", Quantity::Share),
    ("queue", Quantity::Occupancy),
    ("backlog", Quantity::Occupancy),
    ("connections", Quantity::Occupancy),
    ("pool", Quantity::Occupancy),
    ("depth", Quantity::Occupancy),
    ("bytes", Quantity::Bytes),
    ("memory", Quantity::Bytes),
    ("request", Quantity::Traffic),
    ("invocation", Quantity::Traffic),
    ("throughput", Quantity::Traffic),
    ("count", Quantity::Traffic),
];

/// The quantity a metric's name suggests, in any case, with or without separators.
pub fn quantity(name: &str) -> Quantity {
    let lower = name.to_ascii_lowercase();
    let joined: String = lower
        .chars()
        .filter(|c| c.is_ascii_alphanumeric())
        .collect();
    let hit = WORDS
        .iter()
        .find(|(word, _)| lower.contains(word) || joined.contains(word));
    hit.map_or(Quantity::Unknown, |(_, q)| *q)
}

/// Factor from a unit of time, as written in telemetry (`s`, `ms`, `Seconds`, `us`, `ns`, ...), to milliseconds.
pub fn to_milliseconds(unit: &str) -> Option<f64> {
    match unit.trim().to_ascii_lowercase().as_str() {
        "ns" | "nanosecond" | "nanoseconds" => Some(1e-6),
        "us" | "µs" | "microsecond" | "microseconds" => Some(1e-3),
        "ms" | "millisecond" | "milliseconds" => Some(1.0),
        "s" | "sec" | "second" | "seconds" => Some(1e3),
        "m" | "min" | "minute" | "minutes" => Some(6e4),
        "h" | "hour" | "hours" => Some(3.6e6),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_keep_gaps_apart_from_values() {
        let r = regularise(&[0, 5, 31, 12], &[1.0, 3.0, 7.0, 4.0], 10, Resampling::Mean).unwrap();
        assert_eq!(r.values[..2], [2.0, 4.0]);
        assert!(r.values[2].is_nan());
        assert_eq!((r.start, r.values[3]), (0, 7.0));
        let sums = regularise(&[-5, 31], &[1.0, 7.0], 10, Resampling::Sum).unwrap();
        assert_eq!(
            (sums.start, sums.values),
            (-10, vec![1.0, 0.0, 0.0, 0.0, 7.0])
        );
        let last = regularise(&[1, 3, 2], &[1.0, 3.0, 2.0], 10, Resampling::Last).unwrap();
        assert_eq!(last.values, [3.0]);
    }

    #[test]
    fn a_broken_clock_makes_no_endless_grid() {
        assert!(regularise(&[i64::MIN, i64::MAX], &[1.0, 1.0], 1, Resampling::Mean).is_none());
        assert!(regularise(&[0], &[1.0], 0, Resampling::Mean).is_none());
        assert!(regularise(&[0], &[f64::NAN], 1, Resampling::Mean).is_none());
    }

    #[test]
    fn counters_reset() {
        let second = 1_000_000_000;
        let times: Vec<i64> = (0..5).map(|i| i * second).collect();
        let (at, rates, resets) = rate(&times, &[10.0, 30.0, 5.0, f64::NAN, 25.0]);
        assert_eq!((at.len(), rates, resets), (3, vec![20.0, 5.0, 10.0], 1));
    }

    #[test]
    fn a_gap_knows_how_much_is_missing() {
        let found = gaps(&[0, 10, 20, 30, 80, 90], 2.5);
        assert_eq!(
            found,
            [Gap {
                from: 30,
                to: 80,
                missing: 4
            }]
        );
    }

    #[test]
    fn names_tell_quantities() {
        let told: Vec<Quantity> = [
            "HTTPCode_Target_5XX_Count",
            "http_request_duration_seconds",
            "CPUUtilization",
            "QueueDepth",
            "zz",
        ]
        .map(quantity)
        .to_vec();
        use Quantity::*;
        assert_eq!(told, [Errors, Duration, Share, Occupancy, Unknown]);
    }
}
