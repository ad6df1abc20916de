//! The newest points of every series, in memory: what detectors read every few seconds.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::telemetry::Point;
use model::{EntityId, Series, SeriesKey, TimeWindow, Timestamp};

#[derive(Debug, Default)]
struct Column {
    times: Vec<i64>,
    values: Vec<f64>,
}

/// Series in columns, bounded by age and by number of points.
#[derive(Debug, Default)]
pub(super) struct Hot {
    columns: BTreeMap<Arc<SeriesKey>, Column>,
    points: usize,
    /// Nothing before this moment is complete here.
    since: Option<Timestamp>,
}

impl Hot {
    /// Takes one point. Of several at one moment the first stands, as in a recording.
    pub fn push(&mut self, point: &Point) {
        let column = match self.columns.get_mut(&point.key) {
            Some(column) => column,
            None => self.columns.entry(Arc::clone(&point.key)).or_default(),
        };
        let at = point.time.0;
        let place = match column.times.last() {
            Some(last) if *last >= at => match column.times.binary_search(&at) {
                Ok(_) => return,
                Err(place) => place,
            },
            _ => column.times.len(),
        };
        column.times.insert(place, at);
        column.values.insert(place, point.value);
        self.points += 1;
    }

    /// From when on everything that came in is here; `None`: from the beginning.
    pub fn since(&self) -> Option<Timestamp> {
        self.since
    }

    /// Says that what came in before `since` is not here.
    pub fn complete_since(&mut self, since: Timestamp) {
        self.since = self.since.max(Some(since));
    }

    /// Forgets what is older than `oldest`, and more if there are more than `most` points.
    pub fn trim(&mut self, oldest: Timestamp, most: usize) {
        self.forget(oldest);
        // The older half of the time goes, until it fits: rare, and cheaper than looking at every point.
        while self.points > most {
            let first = self.columns.values().filter_map(|c| c.times.first()).min();
            let last = self.columns.values().filter_map(|c| c.times.last()).max();
            let (Some(first), Some(last)) = (first, last) else {
                return;
            };
            let middle = first.saturating_add(last.saturating_sub(*first) / 2);
            self.forget(Timestamp(middle.saturating_add(1)));
        }
    }

    fn forget(&mut self, oldest: Timestamp) {
        let mut gone = 0;
        self.columns.retain(|_, column| {
            let old = column.times.partition_point(|at| *at < oldest.0);
            // Moved only when it is worth it.
            if old * 4 >= column.times.len() {
                column.times.drain(..old);
                column.values.drain(..old);
                gone += old;
            }
            !column.times.is_empty()
        });
        if gone > 0 {
            self.since = self.since.max(Some(oldest));
        }
        self.points -= gone.min(self.points);
    }

    /// The series of one entity's metric as one statistic, one per set of labels, inside the window.
    pub fn read(
        &self,
        entity: &EntityId,
        metric: &str,
        statistic: &str,
        window: TimeWindow,
    ) -> Vec<Series> {
        let from = SeriesKey {
            entity: entity.clone(),
            metric: metric.to_string(),
            statistic: statistic.to_string(),
            ..SeriesKey::default()
        };
        self.columns
            .range::<SeriesKey, _>(&from..)
            .take_while(|(key, _)| {
                key.entity == *entity && key.metric == metric && key.statistic == statistic
            })
            .filter_map(|(key, column)| cut(key, column, window))
            .collect()
    }

    /// The names under which an entity has points: metric and statistic, sorted.
    pub fn names(&self) -> impl Iterator<Item = &Arc<SeriesKey>> {
        self.columns.keys()
    }

    /// Points held.
    pub fn points(&self) -> usize {
        self.points
    }
}

fn cut(key: &Arc<SeriesKey>, column: &Column, window: TimeWindow) -> Option<Series> {
    let from = column.times.partition_point(|at| *at < window.from().0);
    let to = column.times.partition_point(|at| *at < window.to().0);
    (from < to).then(|| Series {
        key: SeriesKey::clone(key),
        times: column.times[from..to].to_vec(),
        values: column.values[from..to].to_vec(),
    })
}
