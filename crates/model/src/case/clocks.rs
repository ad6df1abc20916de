//! What a series that is only told while something is wrong says by its silence.

use std::sync::Arc;

use super::Case;
use crate::telemetry::Series;
use crate::time::{SECOND, Timestamp};

/// How far the clock of a sender of telemetry is off, in seconds (positive: ahead), told with each row of it that had to
/// be put right. While it is right nothing is told.
pub const CLOCK_OFFSET: &str = "telemetry.clock.offset";

/// A clock about which nothing is told is right at least so often.
const EVERY: i64 = 2 * SECOND;
/// So much is said at most: nearly five hours.
const MOST: usize = 8_640;

impl Case {
    /// Says of clocks that were told to be off that they were right before, from the first moment at which their owner
    /// was heard.
    pub fn tell_clocks(&mut self) {
        let Some(all) = &self.series else {
            return;
        };
        let off = |series: &Arc<Series>| series.key.metric == CLOCK_OFFSET;
        let mut told = Vec::new();
        for (at, series) in all.iter().enumerate().filter(|(_, series)| off(series)) {
            let owner = &series.key.entity;
            let lines = self.logs.iter().flatten();
            let spans = self.spans.iter().flatten();
            let heard = lines
                .filter(|line| line.entity == *owner)
                .map(|line| line.time)
                .chain(
                    spans
                        .filter(|span| span.entity == *owner)
                        .map(|span| span.start),
                )
                .chain(
                    all.iter()
                        .filter(|other| other.key.entity == *owner)
                        .filter_map(|other| other.times.first().map(|first| Timestamp(*first))),
                );
            let (Some(first), Some(heard)) = (series.times.first(), heard.min()) else {
                continue;
            };
            let mut times: Vec<i64> = (1..=MOST as i64)
                .map(|n| first.saturating_sub(n.saturating_mul(EVERY)))
                .take_while(|time| *time >= heard.0)
                .collect();
            times.reverse();
            let mut values = vec![0.0; times.len()];
            times.extend(&series.times);
            values.extend(&series.values);
            let key = series.key.clone();
            told.push((at, Arc::new(Series { key, times, values })));
        }
        if let Some(all) = &mut self.series {
            for (at, series) in told {
                if let Some(place) = all.get_mut(at) {
                    *place = series;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::EntityId;
    use crate::telemetry::SeriesKey;

    #[test]
    fn a_clock_was_right_as_long_as_nothing_was_told() {
        let series = |entity: &str, metric: &str, times: &[i64]| {
            Arc::new(Series {
                key: SeriesKey {
                    entity: EntityId::from(entity),
                    metric: metric.to_string(),
                    ..SeriesKey::default()
                },
                times: times.iter().map(|s| s * SECOND).collect(),
                values: vec![120.0; times.len()],
            })
        };
        let mut case = crate::case::tests::empty();
        case.series = Some(vec![
            series("service/a", CLOCK_OFFSET, &[100, 101]),
            series("service/a", "requests", &[95, 105]),
            series("service/b", "requests", &[5]),
        ]);
        case.tell_clocks();
        let all = case.series.unwrap();
        let told: Vec<(i64, f64)> = all[0]
            .times
            .iter()
            .map(|time| time / SECOND)
            .zip(all[0].values.iter().copied())
            .collect();
        assert_eq!(told, [(96, 0.0), (98, 0.0), (100, 120.0), (101, 120.0)]);
        assert_eq!(all[1].times.len(), 2);
    }
}
