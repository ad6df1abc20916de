//! The time of one process, which can be made wrong, and the ways in which times are written.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The clock of one process: the machine's, plus an offset that is zero while the clock is right.
#[derive(Clone, Debug, Default)]
pub struct ProcessClock(Arc<AtomicI64>);

impl ProcessClock {
    /// How far it is off, in milliseconds; ahead is positive.
    pub fn offset_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Makes it wrong, or right again with 0.
    pub fn set_offset_ms(&self, offset: i64) {
        self.0.store(offset, Ordering::Relaxed);
    }

    /// The time it shows, in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        true_ms().saturating_add(self.offset_ms())
    }
}

/// The machine's time in milliseconds since 1970.
pub fn true_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Milliseconds since 1970 in RFC 3339, UTC, with milliseconds.
pub fn rfc3339(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms)
        .map_or_else(|_| format!("{ms}"), |time| format!("{time:.3}"))
}

/// Reads RFC 3339.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    let time: jiff::Timestamp = text.trim().parse().ok()?;
    Some(time.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_back() {
        assert_eq!(rfc3339(1_767_225_600_123), "2026-01-01T00:00:00.123Z");
        assert_eq!(
            parse_rfc3339("2026-01-01T00:00:00.123Z"),
            Some(1_767_225_600_123)
        );
        assert_eq!(parse_rfc3339("yesterday"), None);
    }

    #[test]
    fn a_wrong_clock_is_off_by_its_offset() {
        let clock = ProcessClock::default();
        clock.set_offset_ms(-90_000);
        let off = clock.now_ms() - true_ms();
        assert!((-90_100..=-89_900).contains(&off), "{off}");
    }
}
