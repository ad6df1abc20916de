//! A source of numbers for alarms, fed with spans, points and log lines as they arrive.
//!
//! Everything is put into buckets of a second (for the newest stretch) and of a minute (for as long as rules look
//! back), so that an evaluation reads a few buckets and never a raw row. Memory is bounded by age and by the number of
//! series; what is refused is counted.

mod bucket;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use model::ports::Eyes;
use model::telemetry::SpanKind;
use model::time::{MINUTE, SECOND};
use model::{Answer, EntityId, LogLine, SeriesKey, Span, SpanRow, TimeWindow, Timestamp};

use self::bucket::Bucket;
use super::datapoints::{
    CALLS, DURATION, Datapoint, Datapoints, ERROR_SHARE, ERRORS, Points, Selector, Statistic,
};
use super::rules::{MetricFilter, Rules};

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// How long by the second.
    pub seconds: Span,
    /// How long by the minute.
    pub minutes: Span,
    /// Most series; further ones are refused.
    pub series: usize,
}

impl Keep {
    /// What these rules need: as far back as they look, and a quarter of an hour by the second.
    pub fn for_rules(rules: &Rules) -> Self {
        Self {
            seconds: Span::minutes(15),
            // One hour more than is needed, for data that come late.
            minutes: Span(rules.reach().0.saturating_add(60 * MINUTE)),
            series: 50_000,
        }
    }
}

/// What was refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// Older than is kept, or further ahead than clocks differ.
    pub untimely: u64,
    /// Of a series beyond the most that is kept.
    pub crowded: u64,
    /// Not a number, or infinite.
    pub unsound: u64,
}

/// How far ahead of now a sender's clock may be: five minutes.
const AHEAD: i64 = 5 * MINUTE;

#[derive(Clone, Debug, Default)]
struct Kept {
    labels: BTreeMap<String, String>,
    /// As the source names it; empty for raw samples.
    statistic: String,
    /// What a period counts in which lines came, and none matched.
    default: Option<f64>,
    seconds: BTreeMap<i64, Bucket>,
    minutes: BTreeMap<i64, Bucket>,
}

/// Numbers by metric, entity and second.
#[derive(Clone, Debug)]
pub struct Tally {
    keep: Keep,
    filters: Vec<MetricFilter>,
    metrics: BTreeMap<String, BTreeMap<EntityId, Vec<Kept>>>,
    series: usize,
    now: Option<Timestamp>,
    refused: Refused,
}

impl Tally {
    /// An empty one that counts what these rules' metric filters ask for.
    pub fn new(rules: &Rules, keep: Keep) -> Self {
        Self {
            keep,
            filters: rules.filters().to_vec(),
            metrics: BTreeMap::new(),
            series: 0,
            now: None,
            refused: Refused::default(),
        }
    }

    /// How many series there are.
    pub fn series(&self) -> usize {
        self.series
    }

    /// What was refused so far.
    pub fn refused(&self) -> Refused {
        self.refused
    }

    /// Time has come to `now`: what is older than is kept is forgotten.
    pub fn advance(&mut self, now: Timestamp) {
        self.now = Some(now);
        let seconds = now.minus(self.keep.seconds).0.div_euclid(SECOND);
        let minutes = now.minus(self.keep.minutes).0.div_euclid(MINUTE);
        let mut left = 0;
        self.metrics.retain(|_, entities| {
            entities.retain(|_, series| {
                series.retain_mut(|kept| {
                    drop_before(&mut kept.seconds, seconds);
                    drop_before(&mut kept.minutes, minutes);
                    !kept.seconds.is_empty() || !kept.minutes.is_empty()
                });
                left += series.len();
                !series.is_empty()
            });
            !entities.is_empty()
        });
        self.series = left;
    }

    /// A span. Only those in which an entity answers count: the serving end of a call, a message taken, or work
    /// that nobody asked for.
    pub fn take_span(&mut self, span: &SpanRow<'_>) {
        let answers = match span.kind {
            SpanKind::Server | SpanKind::Consumer | SpanKind::Unspecified => true,
            SpanKind::Internal => span.parent_id.is_empty(),
            SpanKind::Client | SpanKind::Producer => false,
        };
        if answers {
            let took = span.end.since(span.start);
            self.take_call(span.entity, span.end, took, span.error);
        }
    }

    /// A call that an entity answered at `end`.
    pub fn take_call(&mut self, entity: &EntityId, end: Timestamp, took: Span, failed: bool) {
        let milliseconds = took.0.max(0) as f64 / 1e6;
        let none = BTreeMap::new();
        self.add(DURATION, entity, (&none, ""), end, milliseconds, true);
        let failed = f64::from(u8::from(failed));
        self.add(ERRORS, entity, (&none, ""), end, failed, false);
    }

    /// A point of a series.
    pub fn take_point(&mut self, key: &SeriesKey, at: Timestamp, value: f64) {
        let labels = (&key.labels, key.statistic.as_str());
        self.add(&key.metric, &key.entity, labels, at, value, true);
    }

    /// A log line, for the metric filters.
    pub fn take_log(&mut self, line: &LogLine<'_>) {
        // Taken out for the loop, because what they find goes into `self`.
        let filters = std::mem::take(&mut self.filters);
        let none = BTreeMap::new();
        for filter in filters.iter().filter(|filter| filter.reads(line.entity)) {
            match (filter.value(line.body), filter.default_value()) {
                (Some(value), default) => {
                    self.add(
                        filter.metric(),
                        line.entity,
                        (&none, ""),
                        line.time,
                        value,
                        true,
                    );
                    self.quiet(filter.metric(), line.entity, line.time, default);
                }
                (None, Some(default)) => {
                    self.quiet(filter.metric(), line.entity, line.time, Some(default));
                }
                (None, None) => {}
            }
        }
        self.filters = filters;
    }

    /// Everything that the eyes show in `window`.
    pub fn take_all(&mut self, eyes: &dyn Eyes, window: TimeWindow) {
        if let Answer::Found(all) = eyes.series() {
            for series in all {
                let range = series.range(window.from(), window.to());
                let times = series.times.get(range.clone()).unwrap_or(&[]);
                let values = series.values.get(range).unwrap_or(&[]);
                for (at, value) in times.iter().zip(values) {
                    self.take_point(&series.key, Timestamp(*at), *value);
                }
            }
        }
        // What could not be looked at leaves no numbers; whoever holds the eyes knows their gaps.
        let _ = model::ports::TraceSource::scan(eyes, window, &mut |span| {
            self.take_span(span);
            ControlFlow::Continue(())
        });
        if !self.filters.is_empty() {
            let _ = model::ports::LogSource::scan(eyes, None, window, &mut |line| {
                self.take_log(line);
                ControlFlow::Continue(())
            });
        }
    }

    fn add(
        &mut self,
        metric: &str,
        entity: &EntityId,
        (labels, statistic): (&BTreeMap<String, String>, &str),
        at: Timestamp,
        value: f64,
        spread: bool,
    ) {
        if !value.is_finite() {
            self.refused.unsound += 1;
            return;
        }
        let (seconds, minutes) = (
            self.is_within(at, self.keep.seconds),
            self.is_within(at, self.keep.minutes),
        );
        if !seconds && !minutes {
            self.refused.untimely += 1;
            return;
        }
        let Some(kept) = self.find(metric, entity, labels, statistic) else {
            self.refused.crowded += 1;
            return;
        };
        if seconds {
            let bucket = kept.seconds.entry(at.0.div_euclid(SECOND)).or_default();
            bucket.add(value, spread);
        }
        if minutes {
            let bucket = kept.minutes.entry(at.0.div_euclid(MINUTE)).or_default();
            bucket.add(value, spread);
        }
    }

    /// Lines came; whether one matched is another matter.
    fn quiet(&mut self, metric: &str, entity: &EntityId, at: Timestamp, default: Option<f64>) {
        let Some(default) = default.filter(|_| self.is_within(at, self.keep.seconds)) else {
            return;
        };
        let none = BTreeMap::new();
        if let Some(kept) = self.find(metric, entity, &none, "") {
            kept.default = Some(default);
            kept.seconds.entry(at.0.div_euclid(SECOND)).or_default();
            kept.minutes.entry(at.0.div_euclid(MINUTE)).or_default();
        }
    }

    fn is_within(&self, at: Timestamp, keep: Span) -> bool {
        self.now.is_none_or(|now| {
            let age = now.since(at).0;
            age <= keep.0 && age >= -AHEAD
        })
    }

    fn find(
        &mut self,
        metric: &str,
        entity: &EntityId,
        labels: &BTreeMap<String, String>,
        statistic: &str,
    ) -> Option<&mut Kept> {
        let full = self.series >= self.keep.series;
        if !self.metrics.contains_key(metric) {
            if full {
                return None;
            }
            self.metrics.insert(metric.to_string(), BTreeMap::new());
        }
        let entities = self.metrics.get_mut(metric)?;
        if !entities.contains_key(entity) {
            if full {
                return None;
            }
            entities.insert(entity.clone(), Vec::new());
        }
        let all = entities.get_mut(entity)?;
        let known = all
            .iter()
            .position(|kept| kept.labels == *labels && kept.statistic == statistic);
        let place = match known {
            Some(place) => place,
            None if full => return None,
            None => {
                self.series += 1;
                all.push(Kept {
                    labels: labels.clone(),
                    statistic: statistic.to_string(),
                    ..Kept::default()
                });
                all.len() - 1
            }
        };
        all.get_mut(place)
    }
}

fn drop_before(buckets: &mut BTreeMap<i64, Bucket>, first: i64) {
    while let Some(entry) = buckets.first_entry().filter(|entry| *entry.key() < first) {
        entry.remove();
    }
}

impl Datapoints for Tally {
    fn datapoints(
        &self,
        selector: &Selector,
        statistic: &Statistic,
        window: TimeWindow,
        period: Span,
    ) -> Answer<Vec<Points>> {
        let metric = match selector.metric.as_str() {
            CALLS => DURATION,
            ERROR_SHARE => ERRORS,
            other => other,
        };
        let Some(entities) = self.metrics.get(metric) else {
            return Answer::Nothing;
        };
        let of = |(entity, series): (&EntityId, &Vec<Kept>)| -> Option<Points> {
            let chosen = chosen(series, selector, *statistic);
            let periods = self.periods(&chosen, window, period.0.max(1));
            let points: Vec<Datapoint> = periods
                .into_iter()
                .filter_map(|(number, bucket)| {
                    let bucket = if selector.metric == CALLS {
                        bucket.ones()
                    } else {
                        bucket
                    };
                    Some(Datapoint {
                        at: window
                            .from()
                            .plus(Span(number.saturating_mul(period.0.max(1)))),
                        value: bucket.statistic(*statistic)?,
                        samples: bucket.count,
                    })
                })
                .collect();
            (!points.is_empty()).then(|| Points {
                entity: entity.clone(),
                points,
            })
        };
        let found: Vec<Points> = if selector.is_pattern() {
            let matching = entities
                .iter()
                .filter(|(entity, _)| selector.matches_entity(entity));
            matching.filter_map(of).collect()
        } else {
            let one = entities.get_key_value(&EntityId::from(selector.entity.as_str()));
            one.into_iter().filter_map(of).collect()
        };
        if found.is_empty() {
            Answer::Nothing
        } else {
            Answer::Found(found)
        }
    }
}

/// The series of one entity that the question is about: those that bear its very statistic, or else raw samples.
fn chosen<'a>(series: &'a [Kept], selector: &Selector, statistic: Statistic) -> Vec<&'a Kept> {
    let wanted = statistic.to_string();
    let with = |fits: &dyn Fn(&Kept) -> bool| -> Vec<&'a Kept> {
        series
            .iter()
            .filter(|kept| selector.matches_labels(&kept.labels) && fits(kept))
            .collect()
    };
    let own = with(&|kept| kept.statistic.eq_ignore_ascii_case(&wanted));
    if own.is_empty() {
        with(&|kept| kept.statistic.is_empty())
    } else {
        own
    }
}

impl Tally {
    /// What each period of the window holds, by its number.
    fn periods(&self, series: &[&Kept], window: TimeWindow, period: i64) -> BTreeMap<i64, Bucket> {
        let from = window.from().0;
        // By the minute where that is exact, or where seconds are forgotten already.
        let oldest = self
            .now
            .map_or(i64::MIN, |now| now.minus(self.keep.seconds).0);
        let exact = from % MINUTE == 0 && period % MINUTE == 0;
        let width = if exact || from < oldest {
            MINUTE
        } else {
            SECOND
        };
        let mut periods: BTreeMap<i64, Bucket> = BTreeMap::new();
        for kept in series {
            let buckets = if width == MINUTE {
                &kept.minutes
            } else {
                &kept.seconds
            };
            // A bucket belongs to the period in which it begins.
            let first = from.div_euclid(width) + i64::from(from.rem_euclid(width) != 0);
            let end = window.to().0;
            let last = end.div_euclid(width) + i64::from(end.rem_euclid(width) != 0);
            if first >= last {
                continue;
            }
            for (number, bucket) in buckets.range(first..last) {
                let place = number.saturating_mul(width).saturating_sub(from) / period;
                let sum = periods.entry(place).or_default();
                match kept.default {
                    // A minute without a match counts its default once.
                    Some(default) if bucket.count == 0.0 && width == MINUTE => {
                        sum.add(default, true)
                    }
                    _ => sum.merge(bucket),
                }
            }
            if let Some(default) = kept.default {
                for sum in periods.values_mut().filter(|sum| sum.count == 0.0) {
                    sum.add(default, true);
                }
            }
        }
        periods
    }
}
