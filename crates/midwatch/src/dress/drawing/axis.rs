//! Round numbers and round times for axes.

use model::Timestamp;
use model::time::SECOND;

/// At most about five round values inside `[low, high]`.
pub fn round_values(low: f64, high: f64) -> Vec<f64> {
    let span = high - low;
    if !span.is_finite() || span <= 0.0 {
        return vec![low];
    }
    let rough = span / 4.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|s| s * power)
        .find(|step| *step >= rough)
        .unwrap_or(power * 10.0);
    let first = (low / step).ceil();
    (0..8)
        .map(|k| (first + f64::from(k)) * step)
        .take_while(|value| *value <= high + step * 1e-9)
        .collect()
}

/// A value for an axis: short, with the magnitude as a letter.
pub fn label(value: f64) -> String {
    let size = value.abs();
    let (divisor, letter) = match size {
        s if s >= 1e12 => return format!("{value:.0e}"),
        s if s >= 1e9 => (1e9, "G"),
        s if s >= 1e6 => (1e6, "M"),
        s if s >= 1e4 => (1e3, "k"),
        _ => (1.0, ""),
    };
    format!(
        "{}{letter}",
        crate::dress::text::number((value / divisor * 1e4).round() / 1e4)
    )
}

/// Round moments inside `[from, to]`, at most `most`, with their labels.
pub fn round_moments(from: i64, to: i64, most: usize) -> Vec<(i64, String)> {
    const STEPS: [i64; 20] = [
        1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400,
        172_800, 604_800, 2_592_000,
    ];
    let span = to.saturating_sub(from);
    let step = STEPS
        .into_iter()
        .map(|seconds| seconds * SECOND)
        .find(|step| span / step < most as i64)
        .unwrap_or((span / (most as i64).max(1)).max(1));
    let mut moments = Vec::new();
    let mut moment = from.div_euclid(step).saturating_mul(step);
    while moment <= to && moments.len() <= most {
        if moment >= from {
            let at = Timestamp(moment);
            let text = if step >= 86_400 * SECOND {
                crate::dress::words::day(at)
                    .get(5..)
                    .unwrap_or_default()
                    .to_string()
            } else if step >= 60 * SECOND {
                at.clock().get(..5).unwrap_or_default().to_string()
            } else {
                at.clock()
            };
            moments.push((moment, text));
        }
        match moment.checked_add(step) {
            Some(next) => moment = next,
            None => break,
        }
    }
    moments
}

/// Maps times to pixels.
#[derive(Clone, Copy)]
pub struct TimeScale {
    /// First moment.
    pub from: i64,
    /// Last moment.
    pub to: i64,
    /// Its pixel.
    pub left: f64,
    /// The last moment's pixel.
    pub right: f64,
}

impl TimeScale {
    /// The pixel of a moment, held inside the picture.
    pub fn x(&self, moment: i64) -> f64 {
        // Whole ranges of time overflow as integers; pixels need no nanoseconds.
        let span = (self.to as f64 - self.from as f64).max(1.0);
        let share = (moment as f64 - self.from as f64) / span;
        self.left + share.clamp(0.0, 1.0) * (self.right - self.left)
    }

    /// Does it lie inside?
    pub fn holds(&self, moment: i64) -> bool {
        self.from <= moment && moment <= self.to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_round() {
        assert_eq!(round_values(0.0, 970.0), [0.0, 250.0, 500.0, 750.0]);
        assert_eq!(round_values(3.0, 3.0), [3.0]);
        assert_eq!(label(12_500.0), "12.5k");
        assert_eq!(label(0.05), "0.05");
    }

    #[test]
    fn moments_are_round() {
        let hour = 3600 * SECOND;
        let said: Vec<String> = round_moments(10 * SECOND, hour, 6)
            .into_iter()
            .map(|m| m.1)
            .collect();
        assert_eq!(said, ["00:10", "00:20", "00:30", "00:40", "00:50", "01:00"]);
        // The whole range of time neither overflows nor fills memory.
        assert!(round_moments(i64::MIN, i64::MAX, 6).len() <= 7);
    }
}
