//! Speed of screening: baseline, deviation and onset for an estate's worth of series.

use analysis::series::{
    ChangeConfig, DeviationConfig, Floors, Scratch, SeasonalBaseline, change_points, screen,
    seasonality,
};
use divan::{Bencher, black_box};

const MINUTE: i64 = 60_000_000_000;

fn main() {
    divan::main();
}

/// Repeatable noise in -1..1.
fn noise(i: usize) -> f64 {
    let mut state = (i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    state ^= state >> 31;
    state = state.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    state ^= state >> 29;
    (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

/// `count` series of `n` minutes; every tenth shifts in its last tenth.
fn estate(count: usize, n: usize) -> (Vec<i64>, Vec<Vec<f64>>) {
    let times = (0..n as i64).map(|i| i * MINUTE).collect();
    let series = (0..count)
        .map(|s| {
            let shift = |i: usize| {
                if s % 10 == 0 && i >= n * 19 / 20 {
                    40.0
                } else {
                    0.0
                }
            };
            (0..n)
                .map(|i| 100.0 + 5.0 * noise(s * n + i) + shift(i))
                .collect()
        })
        .collect();
    (times, series)
}

/// 200 series of 600 points: must stay under 2 ms.
#[divan::bench]
fn screen_200_series_of_600_points(bencher: Bencher) {
    let (times, series) = estate(200, 600);
    let mut scratch = Scratch::new();
    let config = DeviationConfig::default();
    bencher.bench_local(|| {
        for values in &series {
            black_box(screen(
                &times,
                values,
                540,
                Floors::default(),
                &config,
                &mut scratch,
            ));
        }
    });
}

#[divan::bench(args = [600, 10_000, 100_000])]
fn change_points_of(bencher: Bencher, n: usize) {
    let (times, series) = estate(1, n);
    bencher.bench_local(|| black_box(change_points(&times, &series[0], &ChangeConfig::default())));
}

#[divan::bench(args = [1_000, 10_000])]
fn seasonality_of(bencher: Bencher, n: usize) {
    let (_, series) = estate(1, n);
    bencher.bench_local(|| black_box(seasonality(&series[0])));
}

#[divan::bench]
fn seasonal_baseline_of_ten_days(bencher: Bencher) {
    let (times, series) = estate(1, 14_400);
    let mut scratch = Scratch::new();
    bencher.bench_local(|| {
        black_box(SeasonalBaseline::fit(
            &times,
            &series[0],
            Floors::default(),
            &mut scratch,
        ))
    });
}
