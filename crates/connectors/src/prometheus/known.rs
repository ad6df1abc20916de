//! What was read before, so that a look a few seconds later asks for what came since and no more: an incident is looked
//! at again and again, and whoever is asked may be part of it.

use std::collections::BTreeMap;

use model::time::{SECOND, Span, Timestamp};

use super::Setting;
use super::read::{Labels, Matrix};

/// Points that are kept, of 16 bytes each; where there were more, the next look reads anew.
const MOST: usize = 6_000_000;
/// What is as young as this may still be filled in: by a scrape that takes its time, or by whoever writes from elsewhere.
const UNSETTLED: Span = Span(60 * SECOND);
/// What nobody asked for during such a time is let go of.
const LASTS: Span = Span(900 * SECOND);

/// Series as the server keeps them, over one stretch of time. Times are by its clock.
#[derive(Default)]
pub(super) struct Known {
    from: Timestamp,
    /// Points before it do not change any more.
    until: Timestamp,
    step: Span,
    /// When it was read.
    at: Timestamp,
    /// By the name of the metric.
    metrics: BTreeMap<String, Vec<Matrix>>,
}

/// A stretch of time to be read, its end not included.
pub(super) type Stretch = (Timestamp, Timestamp);

impl Known {
    /// Does it hold this metric?
    pub fn holds(&self, metric: &str) -> bool {
        self.metrics.contains_key(metric)
    }

    /// Is it of use for reading this? Only points of the same grid can stand beside each other.
    pub fn fits(&self, setting: &Setting) -> bool {
        self.step == setting.step
            && self.from < setting.to
            && self.until > setting.from
            && self.from.0.rem_euclid(setting.step.0) == setting.from.0.rem_euclid(setting.step.0)
    }

    /// What is missing of a stretch, before and after what is known.
    pub fn missing(&self, setting: &Setting) -> Vec<Stretch> {
        let before = (setting.from, self.from.min(setting.to));
        let after = (self.until.max(setting.from), setting.to);
        [before, after]
            .into_iter()
            .filter(|(from, to)| from < to)
            .collect()
    }

    /// Adds what was read of the missing stretches to what is known of these metrics, and gives the whole.
    pub fn completed(
        &mut self,
        metrics: &[&str],
        read: Vec<Matrix>,
        setting: &Setting,
    ) -> Vec<Matrix> {
        let mut whole: BTreeMap<Labels, Vec<(i64, f64)>> = BTreeMap::new();
        let known = metrics
            .iter()
            .filter_map(|metric| self.metrics.remove(*metric));
        for matrix in known.flatten() {
            let settled = matrix.times.iter().zip(&matrix.values);
            let settled = settled.filter(|(at, _)| (self.from.0..self.until.0).contains(at));
            let points = settled.map(|(at, value)| (*at, *value));
            whole.entry(matrix.labels).or_default().extend(points);
        }
        for matrix in read {
            let points = matrix.times.into_iter().zip(matrix.values);
            whole.entry(matrix.labels).or_default().extend(points);
        }
        whole
            .into_iter()
            .filter_map(|(labels, mut points)| {
                points.retain(|(at, _)| (setting.from.0..setting.to.0).contains(at));
                // Runs that are in order each, and do not overlap.
                points.sort_by_key(|(at, _)| *at);
                let (times, values): (Vec<i64>, Vec<f64>) = points.into_iter().unzip();
                (!times.is_empty()).then_some(Matrix {
                    labels,
                    times,
                    values,
                })
            })
            .collect()
    }

    /// Of what was read; `None` if it is too much to be kept. Metrics of which a part could not be read are left out.
    pub fn of(setting: &Setting, at: Timestamp, read: &[Matrix], unread: &[&str]) -> Option<Self> {
        let points: usize = read.iter().map(|matrix| matrix.times.len()).sum();
        if points > MOST {
            return None;
        }
        let young = UNSETTLED.0.max(setting.step.0.saturating_mul(3));
        let until = setting.to.minus(Span(young)).0;
        let mut known = Self {
            from: setting.from,
            until: Timestamp(until.div_euclid(setting.step.0) * setting.step.0),
            step: setting.step,
            at,
            metrics: BTreeMap::new(),
        };
        for matrix in read {
            let name = matrix.labels.get("__name__").map_or("", String::as_str);
            if !unread.contains(&name) {
                let all = known.metrics.entry(name.to_string()).or_default();
                all.push(matrix.clone());
            }
        }
        Some(known)
    }

    /// Has nobody asked for long?
    pub fn is_over(&self, now: Timestamp) -> bool {
        now.since(self.at).0.saturating_abs() > LASTS.0
    }
}
