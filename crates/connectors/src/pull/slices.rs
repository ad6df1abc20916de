//! Time in slices, for sources that give no more than a part of what they have at once: what is asked for slice by slice
//! lies evenly in time, wherever a budget ends.

use model::time::{Span, TimeWindow};

/// The time, cut into so many slices; in an order in which every beginning of it lies evenly in time, the newest first.
pub(crate) fn slices(hull: TimeWindow, count: i64) -> Vec<TimeWindow> {
    let count = count.max(1);
    let length = hull.length().0 / count;
    if length <= 0 {
        return vec![hull];
    }
    let from = |i: i64| hull.from().plus(Span(length.saturating_mul(i)));
    let all: Vec<TimeWindow> = (0..count)
        .filter_map(|i| {
            let to = if i == count - 1 {
                hull.to()
            } else {
                from(i + 1)
            };
            TimeWindow::new(from(i), to)
        })
        .collect();
    let mut left: Vec<usize> = (0..all.len()).collect();
    let mut order = Vec::new();
    // Each next one is the one furthest from those that were taken; of several the newest.
    while let Some(next) = left.iter().copied().max_by_key(|i| {
        let nearest = order.iter().map(|taken: &usize| taken.abs_diff(*i)).min();
        (nearest.unwrap_or(*i), *i)
    }) {
        left.retain(|i| *i != next);
        order.push(next);
    }
    order
        .into_iter()
        .filter_map(|i| all.get(i).copied())
        .collect()
}

#[cfg(test)]
mod tests {
    use model::Timestamp;

    use super::*;

    #[test]
    fn wherever_slices_end_they_lie_evenly() {
        let hull = TimeWindow::new(Timestamp(0), Timestamp(80)).unwrap();
        let starts =
            |count: i64| -> Vec<i64> { slices(hull, count).iter().map(|s| s.from().0).collect() };
        assert_eq!(starts(8), [70, 0, 40, 20, 60, 50, 30, 10]);
        assert_eq!(starts(1), [0]);
        assert_eq!(starts(0), [0]);
        // Less time than slices: one.
        assert_eq!(starts(1000), [0]);
        let last = slices(hull, 7).into_iter().max_by_key(|s| s.to());
        assert_eq!(last.unwrap().to(), hull.to());
    }
}
