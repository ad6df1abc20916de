//! Shapes told apart, on drawn series.

use super::*;
use crate::series::noise::noise;

const MINUTE: i64 = 60_000_000_000;

/// A history of 300 minutes about 100, then a window of 60 drawn by `window(i)`.
fn screened(config: DeviationConfig, window: impl Fn(usize) -> f64) -> Deviation {
    let times: Vec<i64> = (0..360).map(|i| i * MINUTE).collect();
    let values: Vec<f64> = (0..360)
        .map(|i| {
            if i < 300 {
                100.0 + 3.0 * noise(i)
            } else {
                window(i - 300)
            }
        })
        .collect();
    screen(
        &times,
        &values,
        300,
        Floors::default(),
        &config,
        &mut Scratch::new(),
    )
    .unwrap()
    .deviation
}

fn usual(i: usize) -> f64 {
    100.0 + 3.0 * noise(i + 300)
}

#[test]
fn shapes() {
    let limited = DeviationConfig {
        limit: Some(200.0),
        ..Default::default()
    };
    let plain = DeviationConfig::default();
    let drawn: [(&str, Deviation); 8] = [
        ("normal", screened(plain, usual)),
        (
            "shift up",
            screened(plain, |i| usual(i) + if i >= 20 { 40.0 } else { 0.0 }),
        ),
        (
            "shift down",
            screened(plain, |i| usual(i) - if i >= 20 { 40.0 } else { 0.0 }),
        ),
        (
            "spike",
            screened(plain, |i| usual(i) + if i == 30 { 400.0 } else { 0.0 }),
        ),
        ("ramp", screened(plain, |i| usual(i) + i as f64 * 2.0)),
        (
            "to zero",
            screened(plain, |i| if i >= 40 { 0.0 } else { usual(i) }),
        ),
        (
            "full",
            screened(
                limited,
                |i| if i >= 10 { 199.0 + noise(i) } else { usual(i) },
            ),
        ),
        (
            "stuck",
            screened(plain, |i| if i >= 30 { 100.5 } else { usual(i) }),
        ),
    ];
    let told: Vec<String> = drawn
        .iter()
        .map(|(name, d)| {
            let onset = d.onset.map_or("-".into(), |o| {
                format!("{}..{}", o.lo / MINUTE - 300, o.hi / MINUTE - 300)
            });
            format!("{name}: {:?} active {} onset {onset}", d.shape, d.active)
        })
        .collect();
    assert_eq!(
        told,
        [
            "normal: Normal active false onset -",
            "shift up: LevelShift active true onset 19..20",
            "shift down: LevelShift active true onset 18..20",
            "spike: Spike active false onset 29..30",
            "ramp: Ramp active true onset -1..3",
            "to zero: DropToZero active true onset 39..40",
            "full: Saturation active true onset 9..10",
            "stuck: Flatline active true onset 30..31",
        ]
    );
}

#[test]
fn what_is_over_says_when() {
    let d = screened(DeviationConfig::default(), |i| {
        usual(i) + if (10..25).contains(&i) { 50.0 } else { 0.0 }
    });
    assert_eq!(d.shape, Shape::LevelShift);
    assert!(!d.active);
    assert_eq!(d.recovered_at, Some(325 * MINUTE));
    let e = d.episode.unwrap();
    assert_eq!((e.from, e.to, e.points), (310 * MINUTE, 324 * MINUTE, 15));
    assert!((e.level - 150.0).abs() < 3.0);
}

#[test]
fn data_that_stop_have_vanished() {
    let base = Baseline::fit(&[1.0, 2.0, 3.0]).unwrap();
    let config = DeviationConfig {
        until: Some(60 * MINUTE),
        step: Some(MINUTE),
        ..Default::default()
    };
    let times: Vec<i64> = (0..20).map(|i| i * MINUTE).collect();
    let d = deviation(&base, &times, &[2.0; 20], &config, &mut Scratch::new());
    assert_eq!((d.shape, d.active), (Shape::Vanish, true));
    assert_eq!(
        d.onset,
        Some(Onset {
            lo: 19 * MINUTE,
            hi: 20 * MINUTE
        })
    );
    let empty = DeviationConfig {
        before: Some(0),
        ..config
    };
    assert_eq!(
        deviation(&base, &[], &[], &empty, &mut Scratch::new()).shape,
        Shape::Vanish
    );
}

#[test]
fn hostile_input_is_harmless() {
    let base = Baseline::fit(&[1.0, 2.0, 3.0]).unwrap();
    let config = DeviationConfig {
        last: 0,
        sustain: 0,
        ..Default::default()
    };
    let values = [f64::NAN, f64::INFINITY, f64::MAX, f64::MIN, 0.0];
    let d = deviation(
        &base,
        &[i64::MAX, 5, i64::MIN, 3, 3],
        &values,
        &config,
        &mut Scratch::new(),
    );
    assert_eq!((d.count, d.dropped), (3, 2));
    let d = deviation(&base, &[], &[], &config, &mut Scratch::new());
    assert_eq!((d.count, d.shape), (0, Shape::Normal));
}
