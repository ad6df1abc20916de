//! A source of numbers for alarms, fed with spans, points and log lines as they arrive.
//!
//! What rules read is put into buckets of a second (for the newest stretch) and of a minute (for as long as rules look
//! back), so that an evaluation reads a few buckets and never a raw row; what no rule reads is passed over. Memory is
//! bounded by age and by the number of series; what is refused is counted.

mod bucket;

use std::collections::{BTreeMap, BTreeSet};
use std::iter::once;
use std::ops::ControlFlow;
use std::sync::Arc;

use model::ports::Eyes;
use model::telemetry::{Batch, SpanKind};
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
    /// When the first of what came in since the last evaluation came in.
    came: Option<Timestamp>,
    seconds: BTreeMap<i64, Bucket>,
    minutes: BTreeMap<i64, Bucket>,
}

/// Numbers by metric, entity and second.
#[derive(Clone, Debug)]
pub struct Tally {
    keep: Keep,
    filters: Vec<MetricFilter>,
    /// What the rules read, as it is kept here: calls are counted with their durations, shares of errors from errors.
    wanted: BTreeSet<String>,
    metrics: BTreeMap<String, BTreeMap<EntityId, Vec<Kept>>>,
    series: usize,
    now: Option<Timestamp>,
    /// The `now` of the evaluation before.
    before: Option<Timestamp>,
    /// When the batch that is being taken came in.
    arriving: Option<Timestamp>,
    refused: Refused,
}

impl Tally {
    /// An empty one that counts what these rules' metric filters ask for.
    pub fn new(rules: &Rules, keep: Keep) -> Self {
        let wanted = rules.metrics().into_iter().map(stored_as);
        Self {
            keep,
            filters: rules.filters().to_vec(),
            wanted: wanted.map(str::to_string).collect(),
            metrics: BTreeMap::new(),
            series: 0,
            now: None,
            before: None,
            arriving: None,
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

    /// Time has come to `now`, and is evaluated: what is older than is kept is forgotten. To be followed by
    /// [`evaluated`](Self::evaluated).
    pub fn advance(&mut self, now: Timestamp) {
        self.before = self.now.replace(now);
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

    /// All that came in so far was looked at.
    pub fn evaluated(&mut self) {
        let entities = self.metrics.values_mut().flat_map(BTreeMap::values_mut);
        entities.flatten().for_each(|kept| kept.came = None);
    }

    /// The rows of a batch that came in at `now`.
    pub fn take_batch(&mut self, batch: &Batch, now: Timestamp) {
        self.arriving = Some(now);
        self.take_rows(batch);
        self.arriving = None;
    }

    fn take_rows(&mut self, batch: &Batch) {
        for point in &batch.points {
            self.take_point(&point.key, point.time, point.value);
        }
        if self.wanted.contains(DURATION) || self.wanted.contains(ERRORS) {
            self.take_spans(batch);
        }
        if !self.filters.is_empty() {
            let nowhere: Arc<str> = "".into();
            let _ = batch.each_log(&nowhere, 0, &mut |line| {
                self.take_log(line);
                ControlFlow::Continue(())
            });
        }
    }

    fn take_spans(&mut self, batch: &Batch) {
        // Rows of one entity come together: its series are looked for once.
        let mut calls = Vec::new();
        let mut rows = batch.stored_spans().peekable();
        while let Some(first) = rows.peek() {
            let number = first.entity();
            calls.clear();
            while let Some(row) = rows.next_if(|row| row.entity() == number) {
                if answers(row.kind(), row.is_root()) {
                    calls.push((row.end(), row.end().since(row.start()), row.failed()));
                }
            }
            if let Some(entity) = batch.entities().get(number as usize) {
                self.take_calls(entity, &calls);
            }
        }
    }

    /// A span. Only those in which an entity answers count: the serving end of a call, a message taken, or work
    /// that nobody asked for.
    pub fn take_span(&mut self, span: &SpanRow<'_>) {
        if answers(span.kind, span.parent_id.is_empty()) {
            let took = span.end.since(span.start);
            self.take_call(span.entity, span.end, took, span.error);
        }
    }

    /// A call that an entity answered at `end`.
    pub fn take_call(&mut self, entity: &EntityId, end: Timestamp, took: Span, failed: bool) {
        self.take_calls(entity, &[(end, took, failed)]);
    }

    /// Calls that an entity answered: when each ended, how long it took, and whether it failed.
    pub fn take_calls(&mut self, entity: &EntityId, calls: &[(Timestamp, Span, bool)]) {
        let none = BTreeMap::new();
        let took = |(end, took, _): &(Timestamp, Span, bool)| (*end, took.0.max(0) as f64 / 1e6);
        let took = calls.iter().map(took);
        self.add(DURATION, entity, (&none, ""), took, true);
        let failed =
            |(end, _, failed): &(Timestamp, Span, bool)| (*end, f64::from(u8::from(*failed)));
        let failed = calls.iter().map(failed);
        self.add(ERRORS, entity, (&none, ""), failed, false);
    }

    /// A point of a series.
    pub fn take_point(&mut self, key: &SeriesKey, at: Timestamp, value: f64) {
        let labels = (&key.labels, key.statistic.as_str());
        self.add(&key.metric, &key.entity, labels, once((at, value)), true);
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
                        once((line.time, value)),
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
        samples: impl Iterator<Item = (Timestamp, f64)>,
        spread: bool,
    ) {
        if !self.wanted.contains(metric) {
            return;
        }
        let (mut unsound, mut untimely, mut crowded) = (0, 0, 0);
        let (now, keep, arriving) = (self.now, self.keep, self.arriving);
        let mut samples = samples
            .filter_map(|(at, value)| {
                let seconds = is_within(now, at, keep.seconds);
                let minutes = is_within(now, at, keep.minutes);
                if !value.is_finite() {
                    unsound += 1;
                } else if !seconds && !minutes {
                    untimely += 1;
                } else {
                    return Some((at, value, seconds, minutes));
                }
                None
            })
            .peekable();
        // A series is made for what is kept, not for what is refused.
        if samples.peek().is_some() {
            match self.find(metric, entity, labels, statistic) {
                None => crowded = samples.count() as u64,
                Some(kept) => {
                    kept.came = kept.came.or(arriving);
                    for (at, value, seconds, minutes) in samples {
                        if seconds {
                            let bucket = kept.seconds.entry(at.0.div_euclid(SECOND)).or_default();
                            bucket.add(value, spread);
                        }
                        if minutes {
                            let bucket = kept.minutes.entry(at.0.div_euclid(MINUTE)).or_default();
                            bucket.add(value, spread);
                        }
                    }
                }
            }
        }
        self.refused.unsound += unsound;
        self.refused.untimely += untimely;
        self.refused.crowded += crowded;
    }

    /// Lines came; whether one matched is another matter.
    fn quiet(&mut self, metric: &str, entity: &EntityId, at: Timestamp, default: Option<f64>) {
        let Some(default) = default.filter(|_| is_within(self.now, at, self.keep.seconds)) else {
            return;
        };
        let none = BTreeMap::new();
        if let Some(kept) = self.find(metric, entity, &none, "") {
            kept.default = Some(default);
            kept.seconds.entry(at.0.div_euclid(SECOND)).or_default();
            kept.minutes.entry(at.0.div_euclid(MINUTE)).or_default();
        }
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

fn is_within(now: Option<Timestamp>, at: Timestamp, keep: Span) -> bool {
    now.is_none_or(|now| {
        let age = now.since(at).0;
        age <= keep.0 && age >= -AHEAD
    })
}

/// Is a span of this kind one in which its entity answers?
fn answers(kind: SpanKind, root: bool) -> bool {
    match kind {
        SpanKind::Server | SpanKind::Consumer | SpanKind::Unspecified => true,
        SpanKind::Internal => root,
        SpanKind::Client | SpanKind::Producer => false,
    }
}

/// The metric whose numbers those of this one are read from.
fn stored_as(metric: &str) -> &str {
    match metric {
        CALLS => DURATION,
        ERROR_SHARE => ERRORS,
        other => other,
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
        let metric = stored_as(&selector.metric);
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
    fn came_since(&self, selector: &Selector, window: TimeWindow) -> Option<Timestamp> {
        self.before.filter(|before| *before >= window.to())?;
        let entities = self.metrics.get(stored_as(&selector.metric))?;
        let series = entities.get(selector.entity.as_str())?;
        let asked = series
            .iter()
            .filter(|kept| selector.matches_labels(&kept.labels));
        asked.filter_map(|kept| kept.came).min()
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
