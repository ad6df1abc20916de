//! The form of a deviation: shift, spike, ramp, drop to zero, saturation, flat line.

use super::baseline::Baseline;
use super::deviation::{DeviationConfig, Onset, Run, Shape};
use super::trend::{Trend, broken_stick, theil_sen};

/// Points of the same value in a row, at the least, that make a flat line.
const FLAT_POINTS: usize = 8;
/// Kendall's tau from which growth counts as monotone.
const MONOTONE: f64 = 0.75;

/// The finite points of a window and what they are held against.
pub(super) struct Window<'a> {
    pub(super) baseline: &'a Baseline,
    pub(super) times: &'a [i64],
    pub(super) values: &'a [f64],
    pub(super) scores: &'a [f64],
    pub(super) config: &'a DeviationConfig,
}

/// A shape, and a better onset where the shape tells one.
pub(super) struct Found {
    pub(super) shape: Shape,
    pub(super) onset: Option<Onset>,
}

impl From<Shape> for Found {
    fn from(shape: Shape) -> Self {
        Self { shape, onset: None }
    }
}

impl Window<'_> {
    pub(super) fn trend(&self) -> Option<Trend> {
        theil_sen(self.times, self.values)
    }

    /// The most telling shape first: what is dead or pressed against a wall is also a level shift.
    pub(super) fn shape(&self, run: Option<&Run>, trend: Option<Trend>, active: bool) -> Found {
        if let Some(found) = self.flat_line() {
            return found;
        }
        let Some(run) = run else {
            return Shape::Normal.into();
        };
        if self.drops_to_zero(run) {
            return Shape::DropToZero.into();
        }
        if self.saturates(run) {
            return Shape::Saturation.into();
        }
        if let Some(found) = trend.and_then(|t| self.ramp(run, t)) {
            return found;
        }
        let brief = run.points < self.config.sustain.max(1) || run.points * 20 <= self.scores.len();
        if brief && !active {
            Shape::Spike.into()
        } else {
            Shape::LevelShift.into()
        }
    }

    fn drops_to_zero(&self, run: &Run) -> bool {
        let alive = self.baseline.quantiles[2] > 0.0;
        let last = self.values.len().min(run.to + 1);
        alive
            && run.side < 0.0
            && self.values[run.from..last]
                .iter()
                .filter(|v| **v == 0.0)
                .count()
                * 2
                > run.points
    }

    fn saturates(&self, run: &Run) -> bool {
        let Some(limit) = self.config.limit.filter(|l| l.is_finite() && *l > 0.0) else {
            return false;
        };
        let pressed = self.values[run.from..=run.to]
            .iter()
            .filter(|v| **v >= 0.95 * limit)
            .count();
        run.side > 0.0 && self.baseline.quantiles[6] < 0.9 * limit && pressed * 2 > run.points
    }

    fn flat_line(&self) -> Option<Found> {
        let last = *self.values.last()?;
        let same = self.values.iter().rev().take_while(|v| **v == last).count();
        // At zero it is a drop, or has always been; and only what used to move can be stuck. More than a quarter of
        // the history in one place (two quantiles alike) is not what "used to move" means.
        let moved =
            self.baseline.count >= 20 && self.baseline.quantiles.windows(2).all(|q| q[1] > q[0]);
        if same < FLAT_POINTS || last == 0.0 || !moved {
            return None;
        }
        let from = self.values.len() - same;
        let hi = self.times[(from + 1).min(self.times.len() - 1)];
        let lo = self.times[from].min(hi);
        Some(Found {
            shape: Shape::Flatline,
            onset: Some(Onset { lo, hi }),
        })
    }

    /// Monotone over the window, and a slope describes it better than a step does.
    fn ramp(&self, run: &Run, trend: Trend) -> Option<Found> {
        let n = self.values.len();
        if n < 8 || trend.tau * run.side < MONOTONE || run.to + 2 < n {
            return None;
        }
        let stick = broken_stick(self.times, self.values)?;
        if stick.slope_per_hour * run.side <= 0.0 || stick.residual >= step_residual(self.values) {
            return None;
        }
        let hi = stick.hi.max(stick.lo);
        let lo = self.config.before.map_or(stick.lo, |b| {
            if stick.lo <= self.times[0] {
                b.min(hi)
            } else {
                stick.lo
            }
        });
        Some(Found {
            shape: Shape::Ramp,
            onset: Some(Onset { lo, hi }),
        })
    }
}

/// Mean squared residual of the best single step.
fn step_residual(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let total: f64 = values.iter().sum();
    let mean = total / n;
    let around: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    let mut before = 0.0;
    let mut gain = 0.0f64;
    for (i, v) in values
        .iter()
        .enumerate()
        .take(values.len().saturating_sub(1))
    {
        before += v;
        let k = (i + 1) as f64;
        gain = gain.max((before - k * mean).powi(2) * n / (k * (n - k)));
    }
    (around - gain).max(0.0) / n
}
