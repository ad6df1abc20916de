//! Whether a template comes more or less often than it used to, *given what there was to log about*.
//!
//! A count alone says little: twice the traffic writes twice the lines. Every count therefore comes with its exposure,
//! the minutes watched or (better) the requests received, and two rates are compared as two Poisson samples. Real logs
//! are burstier than Poisson, so where the baseline comes in several windows their own dispersion widens the scale.

use serde::{Deserialize, Serialize};

/// Lines of one template, and what they are to be measured against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counted {
    /// Lines seen.
    pub count: u64,
    /// Minutes watched or requests received while they were seen; the same unit on both sides of a comparison.
    pub exposure: f64,
}

/// What became of a template's rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shift {
    /// Never seen in the baseline.
    New,
    /// Seen in the baseline, not any more.
    Vanished,
    /// Seen in both, and more often now.
    More,
    /// Seen in both, and less often now.
    Fewer,
    /// No difference beyond chance and the floors.
    Steady,
}

/// How far a rate moved.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deviation {
    /// The kind of movement.
    pub shift: Shift,
    /// Signed root of the log-likelihood ratio of "two rates" against "one rate", divided by the root of the
    /// dispersion: about a standard normal deviate if nothing changed. Positive: more lines than expected.
    pub score: f64,
    /// Lines that the baseline rate would have given in the incident's exposure.
    pub expected: f64,
    /// Rate now over rate before, each with half a line added so that it is finite.
    pub ratio: f64,
}

/// Below these a movement is called steady, whatever its score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Floors {
    /// The least |score|. Three standard deviations by default.
    pub score: f64,
    /// The least difference between lines seen and expected. One stray line proves nothing.
    pub lines: f64,
    /// The least relative change of the rate: in long windows tiny changes are certain, and still tiny.
    pub change: f64,
}

impl Default for Floors {
    fn default() -> Self {
        Floors {
            score: 3.0,
            lines: 3.0,
            change: 0.25,
        }
    }
}

/// Compares the rate in the incident with the rate before it. `None` if either side has no exposure (no minute
/// watched, no request received, or not a number): then nothing can be said.
pub fn compare(now: Counted, before: Counted, floors: &Floors) -> Option<Deviation> {
    deviation(now, before, 1.0, floors)
}

/// Like [`compare`], with the baseline in several windows, whose dispersion is used. Windows without exposure are
/// left out.
pub fn compare_windows(now: Counted, before: &[Counted], floors: &Floors) -> Option<Deviation> {
    let windows: Vec<Counted> = before
        .iter()
        .copied()
        .filter(|window| exposed(window.exposure))
        .collect();
    let total = Counted {
        count: windows
            .iter()
            .fold(0, |sum: u64, window| sum.saturating_add(window.count)),
        exposure: windows.iter().map(|window| window.exposure).sum(),
    };
    deviation(now, total, dispersion(&windows), floors)
}

/// One template's movement among many.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ranked<Id> {
    /// The template.
    pub id: Id,
    /// Its movement.
    pub deviation: Deviation,
}

/// Compares many templates and orders them by how far they moved, then by id; the steady ones come last, and those
/// of which nothing can be said are left out.
pub fn rank<Id: Copy + Ord>(
    templates: impl IntoIterator<Item = (Id, Counted, Counted)>,
    floors: &Floors,
) -> Vec<Ranked<Id>> {
    let mut ranked: Vec<Ranked<Id>> = templates
        .into_iter()
        .filter_map(|(id, now, before)| {
            Some(Ranked {
                id,
                deviation: compare(now, before, floors)?,
            })
        })
        .collect();
    ranked.sort_by(|a, b| {
        let steady = |r: &Ranked<Id>| r.deviation.shift == Shift::Steady;
        steady(a)
            .cmp(&steady(b))
            .then(b.deviation.score.abs().total_cmp(&a.deviation.score.abs()))
            .then(a.id.cmp(&b.id))
    });
    ranked
}

/// Variance over mean of the windows' counts, by the median absolute deviation so that one burst does not widen the
/// scale; never below one (Poisson), and one if there are fewer than five windows to judge by.
pub fn dispersion(windows: &[Counted]) -> f64 {
    const ENOUGH: usize = 5;
    /// Makes the median absolute deviation an estimate of the standard deviation of a normal variable.
    const TO_SIGMA: f64 = 1.4826;
    let exposure: f64 = windows.iter().map(|window| window.exposure).sum();
    if windows.len() < ENOUGH || !exposed(exposure) {
        return 1.0;
    }
    let rate = windows
        .iter()
        .map(|window| window.count as f64)
        .sum::<f64>()
        / exposure;
    if rate <= 0.0 {
        return 1.0;
    }
    // Pearson residuals: each has variance one under Poisson, whatever the window's exposure.
    let mut residuals: Vec<f64> = windows
        .iter()
        .map(|window| {
            let expected = rate * window.exposure;
            ((window.count as f64 - expected) / expected.sqrt()).abs()
        })
        .collect();
    residuals.sort_by(f64::total_cmp);
    let middle = residuals.len() / 2;
    let median = if residuals.len() % 2 == 1 {
        residuals[middle]
    } else {
        (residuals[middle - 1] + residuals[middle]) / 2.0
    };
    let sigma = TO_SIGMA * median;
    (sigma * sigma).max(1.0)
}

fn exposed(exposure: f64) -> bool {
    exposure.is_finite() && exposure > 0.0
}

fn deviation(now: Counted, before: Counted, dispersion: f64, floors: &Floors) -> Option<Deviation> {
    if !exposed(now.exposure)
        || !exposed(before.exposure)
        || !exposed(now.exposure + before.exposure)
    {
        return None;
    }
    let (seen, past) = (now.count as f64, before.count as f64);
    // Taken as a share first, so that exposures near the ends of the number range do not overflow.
    let share = now.exposure / (now.exposure + before.exposure);
    let (pooled_now, pooled_past) = ((seen + past) * share, (seen + past) * (1.0 - share));
    let ratio_to = |count: f64, pooled: f64| {
        if count > 0.0 && pooled > 0.0 {
            count * (count / pooled).ln()
        } else {
            0.0
        }
    };
    let likelihood_ratio = (ratio_to(seen, pooled_now) + ratio_to(past, pooled_past)).max(0.0);
    let direction = if seen >= pooled_now { 1.0 } else { -1.0 };
    let score = direction * (2.0 * likelihood_ratio / dispersion).sqrt();
    let odds = now.exposure / before.exposure;
    let expected = (past * odds).min(f64::MAX);
    let ratio = ((seen + 0.5) / (past + 0.5) / odds).clamp(f64::MIN_POSITIVE, f64::MAX);
    let beyond = score.abs() >= floors.score
        && (seen - expected).abs() >= floors.lines
        && (seen - expected).abs() >= floors.change * expected;
    let shift = match (beyond, now.count, before.count) {
        (false, ..) => Shift::Steady,
        (true, _, 0) => Shift::New,
        (true, 0, _) => Shift::Vanished,
        (true, ..) if score > 0.0 => Shift::More,
        (true, ..) => Shift::Fewer,
    };
    Some(Deviation {
        shift,
        score,
        expected,
        ratio,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counted(count: u64, exposure: f64) -> Counted {
        Counted { count, exposure }
    }

    fn shift(now: (u64, f64), before: (u64, f64)) -> Shift {
        compare(
            counted(now.0, now.1),
            counted(before.0, before.1),
            &Floors::default(),
        )
        .map_or(Shift::Steady, |d| d.shift)
    }

    #[test]
    fn rates_are_judged_by_what_there_was_to_log_about() {
        // now (lines, requests), before (lines, requests), what it is
        let cases = [
            ((40, 1000.0), (0, 10_000.0), Shift::New),
            ((0, 1000.0), (400, 10_000.0), Shift::Vanished),
            ((200, 1000.0), (400, 10_000.0), Shift::More),
            ((10, 1000.0), (1000, 10_000.0), Shift::Fewer),
            // Ten times the lines from ten times the requests is no news.
            ((400, 10_000.0), (40, 1000.0), Shift::Steady),
            // As many lines from a tenth of the requests is.
            ((400, 1000.0), (400, 10_000.0), Shift::More),
            ((2, 1000.0), (0, 10_000.0), Shift::Steady),
            ((0, 1000.0), (0, 10_000.0), Shift::Steady),
            // Certain, but too small to matter.
            ((110_000, 1000.0), (1_000_000, 10_000.0), Shift::Steady),
        ];
        for (now, before, expected) in cases {
            assert_eq!(shift(now, before), expected, "{now:?} against {before:?}");
        }
    }

    #[test]
    fn nothing_is_said_without_exposure() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(
                compare(counted(5, bad), counted(5, 1.0), &Floors::default()),
                None
            );
            assert_eq!(
                compare(counted(5, 1.0), counted(5, bad), &Floors::default()),
                None
            );
        }
        assert_eq!(
            compare_windows(counted(5, 1.0), &[], &Floors::default()),
            None
        );
    }

    #[test]
    fn a_bursty_baseline_is_slower_to_alarm() {
        let even: Vec<Counted> = (0..20).map(|_| counted(10, 1.0)).collect();
        let bursty: Vec<Counted> = (0..20)
            .map(|i| counted(if i % 2 == 0 { 1 } else { 19 }, 1.0))
            .collect();
        let now = counted(24, 1.0);
        let floors = Floors::default();
        let score =
            |windows: &[Counted]| compare_windows(now, windows, &floors).map_or(0.0, |d| d.score);
        assert!(score(&even) > 3.0, "{}", score(&even));
        assert!(score(&bursty) < 3.0, "{}", score(&bursty));
    }

    #[test]
    fn the_furthest_moved_comes_first_and_the_steady_last() {
        let before = counted(100, 100.0);
        let templates = [
            (1, counted(10, 10.0), before),
            (2, counted(90, 10.0), before),
            (3, counted(0, 10.0), before),
            (4, counted(30, 10.0), before),
        ];
        let order: Vec<i32> = rank(templates, &Floors::default())
            .iter()
            .map(|r| r.id)
            .collect();
        assert_eq!(order, [2, 4, 3, 1]);
    }

    proptest! {
        #[test]
        fn scores_are_finite_and_change_sign_with_the_sides(a: u32, b: u32, ea in 1e-6f64..1e9, eb in 1e-6f64..1e9) {
            let (now, before) = (counted(u64::from(a), ea), counted(u64::from(b), eb));
            let floors = Floors::default();
            let there = compare(now, before, &floors).expect("both exposed");
            let back = compare(before, now, &floors).expect("both exposed");
            prop_assert!(there.score.is_finite() && there.ratio.is_finite() && there.expected.is_finite());
            prop_assert!((there.score + back.score).abs() <= 1e-3 * (1.0 + there.score.abs()));
        }

        #[test]
        fn any_exposure_is_survived(a: u64, b: u64, ea: f64, eb: f64) {
            if let Some(d) = compare(counted(a, ea), counted(b, eb), &Floors::default()) {
                prop_assert!(!d.score.is_nan() && !d.ratio.is_nan() && !d.expected.is_nan());
            }
        }
    }
}
