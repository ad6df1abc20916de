//! A detector of our own: walks along a series as if live and tells when it leaves what is usual.
//!
//! Each point is held against the long history (by time of day or week where there is enough of it) and against
//! what was just before; only what is unusual to both counts, so that neither a rhythm nor a slow drift alarms. The
//! threshold adapts to the series: what its own history exceeds every so often is not an anomaly. One configuration
//! serves all series; `examples/detector.rs` measures it on labelled public ones.

use super::baseline::{Baseline, Floors};
use super::order::quantile_in;
use super::season::SeasonalBaseline;
use super::{Scratch, median_step};

const HOUR_NS: i64 = 3_600_000_000_000;

/// The frozen configuration. Durations in points, unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Config {
    /// Least |z| of an unusual point.
    pub threshold: f64,
    /// A point this many times over the threshold alarms alone; less needs `sustain` of the last `sustain + 1`.
    pub alone: f64,
    /// Unusual points needed, otherwise.
    pub sustain: usize,
    /// History used, ns.
    pub history: i64,
    /// Fewest points before anything is judged.
    pub warm_up: usize,
    /// Points that make up what was just before.
    pub near: usize,
    /// Usual points in a row that end an event.
    pub quiet: usize,
    /// An event that lasts longer than this (ns) is the new normal.
    pub longest: i64,
    /// Share of a series' own history that may lie beyond its threshold.
    pub tail: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            threshold: 4.0,
            alone: 1.6,
            sustain: 2,
            history: 28 * 24 * HOUR_NS,
            warm_up: 60,
            near: 48,
            quiet: 6,
            longest: 24 * HOUR_NS,
            tail: 0.01,
        }
    }
}

/// A stretch of unusual points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Event {
    /// Time of its first unusual point, ns.
    pub from: i64,
    /// Time of its last unusual point, ns.
    pub to: i64,
    /// Time at which it alarmed, ns.
    pub detected: i64,
    /// The z furthest from zero, signed.
    pub peak_z: f64,
    /// Value there.
    pub value: f64,
}

/// Events in order of time. Causal: what is said of a point rests on earlier points only. Values that are not finite
/// are skipped, as are times that do not move forward.
pub fn detect(times: &[i64], values: &[f64], config: &Config) -> Vec<Event> {
    let mut walk = Walk::new(config);
    let refit = match median_step(times) {
        Some(step) => ((HOUR_NS / step) as usize).clamp(4, 64),
        None => return Vec::new(),
    };
    let mut since_fit = usize::MAX;
    for (&t, &v) in times.iter().zip(values) {
        if !v.is_finite() || walk.times.last().is_some_and(|last| t <= *last) {
            continue;
        }
        if walk.times.len() >= config.warm_up.max(8) {
            if since_fit >= refit {
                walk.fit();
                since_fit = 0;
            }
            since_fit += 1;
        }
        walk.point(t, v);
    }
    walk.end()
}

/// What is known at one moment.
struct Walk<'a> {
    config: &'a Config,
    scratch: Scratch,
    times: Vec<i64>,
    values: Vec<f64>,
    /// Each point was part of an event, and teaches nothing.
    unusual: Vec<bool>,
    long: Option<Baseline>,
    season: Option<SeasonalBaseline>,
    threshold: f64,
    /// The last points were beyond the threshold (most recent last), with their sign.
    recent: Vec<f64>,
    open: Option<Event>,
    quiet: usize,
    events: Vec<Event>,
}

impl<'a> Walk<'a> {
    fn new(config: &'a Config) -> Self {
        Self {
            config,
            scratch: Scratch::new(),
            times: Vec::new(),
            values: Vec::new(),
            unusual: Vec::new(),
            long: None,
            season: None,
            threshold: config.threshold,
            recent: Vec::new(),
            open: None,
            quiet: 0,
            events: Vec::new(),
        }
    }

    /// Learns from the history up to now.
    fn fit(&mut self) {
        let Some(&now) = self.times.last() else {
            return;
        };
        let from = self
            .times
            .partition_point(|t| *t < now.saturating_sub(self.config.history));
        // What was unusual a day ago is history like any other: else a rhythm that alarms on the first day is never
        // learned. Medians bear the faults among it.
        let settled = now.saturating_sub(self.config.longest);
        let usual: Vec<usize> = (from..self.times.len())
            .filter(|&i| !self.unusual[i] || self.times[i] < settled)
            .collect();
        let times: Vec<i64> = usual.iter().map(|&i| self.times[i]).collect();
        let values: Vec<f64> = usual.iter().map(|&i| self.values[i]).collect();
        let floors = Floors::default();
        self.long = Baseline::fit_with(&values, floors, &mut self.scratch);
        self.season = SeasonalBaseline::fit(&times, &values, floors, &mut self.scratch);
        let mut beyond: Vec<f64> = times
            .iter()
            .zip(&values)
            .map(|(t, v)| self.against_history(*t, *v).abs())
            .collect();
        // Its own tail, and a little more: the history has seen this much without a fault.
        let own = 1.2 * quantile_in(&mut beyond, 1.0 - self.config.tail).unwrap_or(0.0);
        self.threshold = self.config.threshold.max(own);
    }

    fn against_history(&self, t: i64, v: f64) -> f64 {
        match (&self.season, &self.long) {
            (Some(season), _) => season.z(t, v),
            (None, Some(long)) => long.z(v),
            (None, None) => 0.0,
        }
    }

    /// Signed z on which the history and the near past agree.
    fn score(&mut self, t: i64, v: f64) -> f64 {
        let z = self.against_history(t, v);
        if z.abs() <= self.threshold {
            return z;
        }
        let from = self.values.len().saturating_sub(self.config.near);
        // The near past without its rhythm.
        let centred: Vec<f64> = (from..self.values.len())
            .filter(|&i| !self.unusual[i])
            .map(|i| {
                self.values[i]
                    - self
                        .season
                        .as_ref()
                        .map_or(0.0, |s| s.offset(self.times[i]))
            })
            .collect();
        let offset = self.season.as_ref().map_or(0.0, |s| s.offset(t));
        match Baseline::fit_with(&centred, Floors::default(), &mut self.scratch) {
            Some(near) if near.count >= 8 => {
                let other = near.z(v - offset);
                if other * z <= 0.0 {
                    0.0
                } else if other.abs() < z.abs() {
                    other
                } else {
                    z
                }
            }
            _ => z,
        }
    }

    fn point(&mut self, t: i64, v: f64) {
        let z = if self.long.is_some() {
            self.score(t, v)
        } else {
            0.0
        };
        let unusual = z.abs() > self.threshold;
        self.recent.push(if unusual { z.signum() } else { 0.0 });
        if self.recent.len() > self.config.sustain + 1 {
            self.recent.remove(0);
        }
        self.times.push(t);
        self.values.push(v);
        self.unusual.push(unusual);
        match &mut self.open {
            Some(event) if unusual => {
                event.to = t;
                self.quiet = 0;
                if z.abs() > event.peak_z.abs() {
                    event.peak_z = z;
                    event.value = v;
                }
                if t.saturating_sub(event.from) > self.config.longest {
                    // It is the new normal: let it teach.
                    let from = event.from;
                    for (at, flag) in self.times.iter().zip(&mut self.unusual).rev() {
                        if *at < from {
                            break;
                        }
                        *flag = false;
                    }
                    self.close();
                }
            }
            Some(_) => {
                self.quiet += 1;
                if self.quiet >= self.config.quiet {
                    self.close();
                }
            }
            None if unusual => {
                let same = self.recent.iter().filter(|s| **s == z.signum()).count();
                let alone = z.abs() > self.config.alone * self.threshold;
                if alone || same >= self.config.sustain {
                    let first = self
                        .recent
                        .iter()
                        .position(|s| *s == z.signum())
                        .unwrap_or(0);
                    let back = self.recent.len() - 1 - first;
                    let from = if alone {
                        t
                    } else {
                        self.times[self.times.len() - 1 - back]
                    };
                    self.open = Some(Event {
                        from,
                        to: t,
                        detected: t,
                        peak_z: z,
                        value: v,
                    });
                    self.quiet = 0;
                }
            }
            None => {}
        }
    }

    fn close(&mut self) {
        self.events.extend(self.open.take());
        self.recent.clear();
        self.quiet = 0;
    }

    fn end(mut self) -> Vec<Event> {
        self.close();
        self.events
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::noise::noise;

    const MINUTE: i64 = 60_000_000_000;

    #[test]
    fn a_shift_alarms_once_and_noise_does_not() {
        let times: Vec<i64> = (0..3000).map(|i| i * MINUTE).collect();
        let mut values: Vec<f64> = (0..3000).map(|i| 100.0 + 3.0 * noise(i)).collect();
        assert_eq!(detect(&times, &values, &Config::default()), []);
        for v in &mut values[2000..2100] {
            *v += 60.0;
        }
        let events = detect(&times, &values, &Config::default());
        assert_eq!(events.len(), 1, "{events:?}");
        assert!(
            events[0].detected <= 2002 * MINUTE && events[0].to >= 2040 * MINUTE,
            "{events:?}"
        );
    }

    #[test]
    fn a_rhythm_does_not_alarm_and_its_absence_does() {
        let step = 15 * MINUTE;
        let daily = |i: usize| {
            100.0 + 80.0 * (i as f64 / 96.0 * std::f64::consts::TAU).sin() + 2.0 * noise(i)
        };
        let times: Vec<i64> = (0..96 * 12).map(|i| i as i64 * step).collect();
        let mut values: Vec<f64> = (0..96 * 12).map(daily).collect();
        assert!(detect(&times, &values, &Config::default()).len() <= 1);
        values[96 * 10 + 10..96 * 10 + 40].fill(60.0);
        let events = detect(&times, &values, &Config::default());
        assert!(
            events
                .iter()
                .any(|e| (96 * 10 + 8..96 * 10 + 20).contains(&((e.detected / step) as usize))),
            "{events:?}"
        );
    }

    #[test]
    fn hostile_series_end() {
        assert_eq!(detect(&[], &[], &Config::default()), []);
        assert_eq!(
            detect(&[1, 1, 1], &[f64::NAN, 1.0, 2.0], &Config::default()),
            []
        );
        let times: Vec<i64> = (0..300)
            .map(|i| {
                if i % 2 == 0 {
                    i64::MAX - i
                } else {
                    i64::MIN + i
                }
            })
            .collect();
        detect(&times, &vec![f64::MAX; 300], &Config::default());
    }
}
