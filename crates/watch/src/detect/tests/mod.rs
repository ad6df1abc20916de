//! CloudWatch's behaviour as vectors (`tests/vectors`), and whole rounds over numbers in memory.

mod filters;
mod properties;
mod rounds;
mod rules;
mod vectors;

use std::collections::BTreeMap;

use model::time::SECOND;
use model::{Answer, EntityId, Span, TimeWindow, Timestamp};

use super::*;

/// Numbers by (metric, entity), each at its second, one sample each unless said otherwise.
#[derive(Default)]
pub(super) struct Numbers {
    points: BTreeMap<(String, EntityId), Vec<(i64, f64)>>,
    pub samples: f64,
    pub broken: bool,
}

impl Numbers {
    pub fn put(&mut self, metric: &str, entity: &str, second: i64, value: f64) {
        let key = (metric.to_string(), EntityId::from(entity));
        self.points.entry(key).or_default().push((second, value));
    }
}

impl Datapoints for Numbers {
    fn datapoints(
        &self,
        selector: &Selector,
        statistic: &Statistic,
        window: TimeWindow,
        period: Span,
    ) -> Answer<Vec<Points>> {
        if self.broken {
            return Answer::CouldNotLook(model::Gap {
                wanted: selector.metric.clone(),
                entity: None,
                hides: Vec::new(),
                why: model::GapReason::Timeout,
                detail: String::new(),
                how_to_close: String::new(),
            });
        }
        let mut found = Vec::new();
        for ((metric, entity), points) in &self.points {
            if *metric != selector.metric || !selector.matches_entity(entity) {
                continue;
            }
            let mut periods: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
            for (second, value) in points {
                let at = Timestamp(second * SECOND);
                if window.contains(at) {
                    let place = at.since(window.from()).0 / period.0;
                    periods.entry(place).or_default().push(*value);
                }
            }
            let points = periods.into_iter().filter_map(|(place, mut values)| {
                let count = values.len() as f64;
                Some(Datapoint {
                    at: window.from().plus(Span(place * period.0)),
                    value: statistic.of(&mut values)?,
                    samples: if self.samples > 0.0 {
                        self.samples
                    } else {
                        count
                    },
                })
            });
            found.push(Points {
                entity: entity.clone(),
                points: points.collect(),
            });
        }
        if found.is_empty() {
            Answer::Nothing
        } else {
            Answer::Found(found)
        }
    }
}

pub(super) fn rules(text: &str) -> Rules {
    Rules::parse(text, "alarms.toml").unwrap_or_else(|error| panic!("{error}"))
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_seconds(second)
}
