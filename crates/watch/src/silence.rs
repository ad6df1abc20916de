//! Whether an alarm may wake anybody.

use model::alarm::Alarm;
use model::silence::Silence;
use model::time::Timestamp;

/// Why it is quiet, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quiet {
    /// Who ordered it.
    pub by: String,
    /// Why.
    pub why: String,
    /// Until when.
    pub until: Timestamp,
}

/// The silence or window that covers the alarm at `now` and lasts longest.
pub fn quiet(alarm: &Alarm, silences: &[Silence], now: Timestamp) -> Option<Quiet> {
    silences
        .iter()
        .filter(|silence| silence.covers(alarm))
        .filter_map(|silence| Some((silence.quiet_until(now)?, silence)))
        .max_by(|(a, one), (b, other)| a.cmp(b).then_with(|| other.id.cmp(&one.id)))
        .map(|(until, silence)| Quiet {
            by: silence.by.clone(),
            why: silence.why.clone(),
            until,
        })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use model::silence::Recurrence;
    use model::testkit;

    use super::*;

    #[test]
    fn the_longest_one_counts() {
        let at = Timestamp::from_seconds;
        let silence = |id: &str, entity: &str, until: i64| Silence {
            id: id.to_string(),
            entity: Some(entity.to_string()),
            rule: None,
            labels: BTreeMap::new(),
            from: at(0),
            until: at(until),
            every: Recurrence::Once,
            by: id.to_string(),
            why: "upgrade".to_string(),
            ended: None,
            ended_by: None,
        };
        let book = [
            silence("a", "service/*", 60),
            silence("b", "*", 90),
            silence("c", "service/*", 90),
            silence("d", "host/*", 900),
        ];
        let alarm = testkit::alarm("errors", "service/front", at(5));
        let found = quiet(&alarm, &book, at(10)).unwrap();
        assert_eq!((found.by.as_str(), found.until), ("b", at(90)));
        assert_eq!(quiet(&alarm, &book, at(90)), None);
        assert_eq!(quiet(&alarm, &[], at(10)), None);
    }
}
