//! How a window differs from its baseline: by how much, in which shape, since when, and is it over.

use super::baseline::{Baseline, Floors};
use super::order::median_in;
use super::shape;
use super::{Scratch, Trend};

/// What counts as out of band, and what is known about the window from elsewhere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeviationConfig {
    /// A point is out of band when its |z| exceeds this.
    pub band: f64,
    /// Fewer points in a row than this are a spike, never a shift.
    pub sustain: usize,
    /// The deviation is active when most of the last `last` points are out of band.
    pub last: usize,
    /// Time of the last normal point before the window, if known: the earliest that the onset can be.
    pub before: Option<i64>,
    /// Where the window ends (ns). Data that stop well before it have vanished.
    pub until: Option<i64>,
    /// Usual distance between points (ns). Needed, with `until`, to see that data vanished.
    pub step: Option<i64>,
    /// A limit, in the units of the series, that values saturate against (a pool's size, 100 %).
    pub limit: Option<f64>,
}

impl Default for DeviationConfig {
    fn default() -> Self {
        Self {
            band: 3.5,
            sustain: 2,
            last: 3,
            before: None,
            until: None,
            step: None,
            limit: None,
        }
    }
}

/// The form of a deviation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shape {
    /// Nothing out of band.
    Normal,
    /// A new level, held for at least the configured number of points.
    LevelShift,
    /// Out of band for a moment only.
    Spike,
    /// Monotone growth or decline through the window.
    Ramp,
    /// A series that was alive is at zero.
    DropToZero,
    /// Points stopped arriving.
    Vanish,
    /// Pressed against its limit, which it was not before.
    Saturation,
    /// The same value again and again, where it used to move.
    Flatline,
}

/// When it began: after `lo` (last normal point) and no later than `hi` (first abnormal point). Nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Onset {
    /// Time of the last normal point; equal to `hi` when nothing earlier is known.
    pub lo: i64,
    /// Time of the first abnormal point.
    pub hi: i64,
}

/// The main stretch of points out of band, all to one side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Episode {
    /// Time of its first point.
    pub from: i64,
    /// Time of its last point.
    pub to: i64,
    /// Points out of band in it.
    pub points: usize,
    /// Median value in it.
    pub level: f64,
    /// z of `level`.
    pub z: f64,
}

/// A window against its baseline. z is signed throughout: positive is above normal.
#[derive(Debug, Clone, PartialEq)]
pub struct Deviation {
    /// Finite points in the window.
    pub count: usize,
    /// Points dropped because they were not finite.
    pub dropped: usize,
    /// Median of the window; the baseline's when it is empty.
    pub median: f64,
    /// Mean of the window; the baseline's when it is empty.
    pub mean: f64,
    /// z of the window's median.
    pub z: f64,
    /// z of the window's mean.
    pub z_mean: f64,
    /// The z furthest from zero of any single point.
    pub peak_z: f64,
    /// Window's median less the baseline's, in the units of the series.
    pub delta: f64,
    /// Window's median over the baseline's; `None` when the latter is zero.
    pub ratio: Option<f64>,
    /// Share of points above the band, 0..=1.
    pub share_high: f64,
    /// Share of points below the band, 0..=1.
    pub share_low: f64,
    /// Time of the first point out of band on either side.
    pub first_out: Option<i64>,
    /// Time of the last point out of band on either side.
    pub last_out: Option<i64>,
    /// The stretch that weighs most.
    pub episode: Option<Episode>,
    /// When that stretch began.
    pub onset: Option<Onset>,
    /// Still out of band (or gone) at the window's end.
    pub active: bool,
    /// Time of the first normal point after the stretch, when it is over.
    pub recovered_at: Option<i64>,
    /// Its form.
    pub shape: Shape,
    /// Theil-Sen slope of the window, units per hour; zero where the window is normal.
    pub slope_per_hour: f64,
}

impl Deviation {
    /// Amount beyond normal in the units of the series: of the main stretch if there is one, else of the median.
    pub fn excess(&self, baseline: &Baseline) -> f64 {
        self.episode
            .map_or(self.delta, |e| e.level - baseline.median)
    }

    /// z of the main stretch if there is one, else of the window's median.
    pub fn strength(&self) -> f64 {
        self.episode.map_or(self.z, |e| e.z)
    }
}

/// Compares a window with a baseline. `times` ascend, one per value; of unequal slices the shorter length counts.
pub fn deviation(
    baseline: &Baseline,
    times: &[i64],
    values: &[f64],
    config: &DeviationConfig,
    scratch: &mut Scratch,
) -> Deviation {
    let Scratch {
        values: finite,
        spread,
        scores,
        times: at,
        ..
    } = scratch;
    finite.clear();
    scores.clear();
    at.clear();
    let offered = times.len().min(values.len());
    let (mut high, mut low) = (0usize, 0usize);
    let (mut first_out, mut last_out) = (None, None);
    let mut peak_z = 0.0f64;
    for (&t, &v) in times.iter().zip(values) {
        if !v.is_finite() {
            continue;
        }
        let z = baseline.z(v);
        if z.abs() > config.band {
            if z > 0.0 {
                high += 1;
            } else {
                low += 1;
            }
            first_out = first_out.or(Some(t));
            last_out = Some(t);
        }
        if z.abs() > peak_z.abs() {
            peak_z = z;
        }
        finite.push(v);
        scores.push(z);
        at.push(t);
    }
    let count = finite.len();
    let mut out = Deviation {
        count,
        dropped: offered - count,
        median: baseline.median,
        mean: baseline.median,
        z: 0.0,
        z_mean: 0.0,
        peak_z,
        delta: 0.0,
        ratio: None,
        share_high: 0.0,
        share_low: 0.0,
        first_out,
        last_out,
        episode: None,
        onset: None,
        active: false,
        recovered_at: None,
        shape: Shape::Normal,
        slope_per_hour: 0.0,
    };
    if count > 0 {
        let n = count as f64;
        out.share_high = high as f64 / n;
        out.share_low = low as f64 / n;
        out.mean = finite.iter().map(|v| v / n).sum();
        spread.clear();
        spread.extend_from_slice(finite);
        out.median = median_in(spread).unwrap_or(baseline.median);
        out.z = baseline.z(out.median);
        out.z_mean = baseline.z(out.mean);
        out.delta = out.median - baseline.median;
        out.ratio = (baseline.median != 0.0)
            .then(|| out.median / baseline.median)
            .filter(|r| r.is_finite());
    }
    if let Some(onset) = vanished(at, config) {
        out.shape = Shape::Vanish;
        out.onset = Some(onset);
        out.active = true;
        return out;
    }
    let run = main_run(scores, config.band);
    if let Some(run) = &run {
        spread.clear();
        spread.extend(
            (run.from..=run.to)
                .filter(|&i| run.side * scores[i] > config.band)
                .map(|i| finite[i]),
        );
        let level = median_in(spread).unwrap_or(out.median);
        out.episode = Some(Episode {
            from: at[run.from],
            to: at[run.to],
            points: run.points,
            level,
            z: baseline.z(level),
        });
        out.onset = Some(onset_of(run, scores, at, config));
        let tail = config.last.clamp(1, count);
        let out_at_end = scores[count - tail..]
            .iter()
            .filter(|&&z| run.side * z > config.band)
            .count();
        out.active = 2 * out_at_end > tail
            || (run.to + 1 == count && out_at_end >= config.sustain.min(tail));
        if !out.active {
            out.recovered_at = at.get(run.to + 1).copied();
        }
    }
    // A flat line lies within the band, so it is looked for even where nothing is out of it; the rest is not.
    let seen = shape::Window {
        baseline,
        times: at,
        values: finite,
        scores,
        config,
    };
    let trend: Option<Trend> = if run.is_some() { seen.trend() } else { None };
    out.slope_per_hour = trend.map_or(0.0, |t| t.slope_per_hour);
    let found = seen.shape(run.as_ref(), trend, out.active);
    out.shape = found.shape;
    if let Some(onset) = found.onset {
        out.onset = Some(onset);
    }
    if found.shape == Shape::Flatline {
        out.active = true;
        out.recovered_at = None;
    }
    out
}

/// A baseline and the deviation from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Screened {
    /// Fitted on all points before the split.
    pub baseline: Baseline,
    /// Of all points from the split on.
    pub deviation: Deviation,
}

/// Baseline on `[..split]`, deviation of `[split..]`; `None` when there is no finite value before the split.
/// This is the fast path by which thousands of series are screened. Where the configuration does not say what
/// came before the window, the last time before the split does.
pub fn screen(
    times: &[i64],
    values: &[f64],
    split: usize,
    floors: Floors,
    config: &DeviationConfig,
    scratch: &mut Scratch,
) -> Option<Screened> {
    let n = times.len().min(values.len());
    let split = split.min(n);
    let baseline = Baseline::fit_with(&values[..split], floors, scratch)?;
    let mut config = *config;
    config.before = config.before.or_else(|| times[..split].last().copied());
    let deviation = deviation(
        &baseline,
        &times[split..n],
        &values[split..n],
        &config,
        scratch,
    );
    Some(Screened {
        baseline,
        deviation,
    })
}

/// A run of points out of band to one side, by index; single normal points inside are bridged.
pub(super) struct Run {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) points: usize,
    /// +1 above, -1 below.
    pub(super) side: f64,
    /// Sum of |z|, each at most 20, so that one wild point does not outweigh a steady shift.
    mass: f64,
}

/// The run of greatest mass; the earlier of equals.
fn main_run(scores: &[f64], band: f64) -> Option<Run> {
    let mut best: Option<Run> = None;
    for side in [1.0, -1.0] {
        let mut current: Option<Run> = None;
        for (i, z) in scores.iter().enumerate() {
            if side * z <= band {
                continue;
            }
            let mass = z.abs().min(20.0);
            match &mut current {
                Some(run) if i - run.to <= 2 => {
                    run.to = i;
                    run.points += 1;
                    run.mass += mass;
                }
                _ => {
                    keep_better(&mut best, current.take());
                    current = Some(Run {
                        from: i,
                        to: i,
                        points: 1,
                        side,
                        mass,
                    });
                }
            }
        }
        keep_better(&mut best, current);
    }
    best
}

fn keep_better(best: &mut Option<Run>, run: Option<Run>) {
    let Some(run) = run else { return };
    let better = best
        .as_ref()
        .is_none_or(|b| run.mass > b.mass || (run.mass == b.mass && run.from < b.from));
    if better {
        *best = Some(run);
    }
}

fn onset_of(run: &Run, scores: &[f64], at: &[i64], config: &DeviationConfig) -> Onset {
    let hi = at[run.from];
    // A point half way out of band is neither normal nor abnormal: the last normal one lies before it.
    let normal = (0..run.from)
        .rev()
        .find(|&i| run.side * scores[i] <= config.band / 2.0);
    let lo = normal.map(|i| at[i]).or(config.before).unwrap_or(hi);
    Onset { lo: lo.min(hi), hi }
}

/// Data stopped: the last point is more than five steps (and never less than that) before the window's end.
fn vanished(at: &[i64], config: &DeviationConfig) -> Option<Onset> {
    let (until, step) = (config.until?, config.step.filter(|s| *s > 0)?);
    let last = at.last().copied().or(config.before)?;
    let silent = until.saturating_sub(last);
    (silent > step.saturating_mul(5)).then(|| Onset {
        lo: last,
        hi: last.saturating_add(step).min(until),
    })
}

#[cfg(test)]
mod tests;
