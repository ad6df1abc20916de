//! Dates in UTC, in the two forms that CloudWatch writes.

use model::Timestamp;
use model::time::SECOND;

/// A moment in the Gregorian calendar, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Civil {
    pub year: i64,
    /// 1..=12
    pub month: u32,
    /// 1..=31
    pub day: u32,
    /// 1 is Monday, 7 is Sunday.
    pub weekday: u32,
    pub hour: u32,
    pub minute: u32,
    pub second: u32,
    pub millisecond: u32,
    /// Whole seconds since 1970.
    pub epoch: i64,
}

impl Civil {
    /// Of nanoseconds since the epoch, after H. Hinnant's `civil_from_days` (2013): eras of 400 years whose
    /// years begin in March, so that the leap day comes last.
    pub fn of(nanoseconds: i64) -> Self {
        let epoch = nanoseconds.div_euclid(SECOND);
        let days = epoch.div_euclid(86_400);
        let second_of_day = epoch.rem_euclid(86_400) as u32;
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let month = if shifted_month < 10 {
            shifted_month + 3
        } else {
            shifted_month - 9
        };
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month: month as u32,
            day: (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u32,
            // 1970-01-01 was a Thursday.
            weekday: (days + 3).rem_euclid(7) as u32 + 1,
            hour: second_of_day / 3600,
            minute: second_of_day / 60 % 60,
            second: second_of_day % 60,
            millisecond: (nanoseconds.rem_euclid(SECOND) / 1_000_000) as u32,
            epoch,
        }
    }
}

/// `18/06/26 15:05:00`, as in the text of a state's reason.
pub(super) fn short(at: Timestamp) -> String {
    let c = Civil::of(at.0);
    format!(
        "{:02}/{:02}/{:02} {:02}:{:02}:{:02}",
        c.day,
        c.month,
        c.year.rem_euclid(100),
        c.hour,
        c.minute,
        c.second
    )
}

/// `2026-06-18T15:05:00.000+0000`, as in a state's reason data.
pub(super) fn long(at: Timestamp) -> String {
    let c = Civil::of(at.0);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}+0000",
        c.year, c.month, c.day, c.hour, c.minute, c.second, c.millisecond
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_in_both_forms() {
        let cases = [
            ("2026-06-18T15:05:00Z", "18/06/26 15:05:00", 4),
            ("2024-02-29T23:59:59Z", "29/02/24 23:59:59", 4),
            ("1970-01-01T00:00:00Z", "01/01/70 00:00:00", 4),
            ("1969-12-31T23:59:59Z", "31/12/69 23:59:59", 3),
            ("2000-03-01T00:00:00Z", "01/03/00 00:00:00", 3),
        ];
        for (text, expected, weekday) in cases {
            let at: Timestamp = text.parse().unwrap();
            assert_eq!(short(at), expected);
            assert_eq!(Civil::of(at.0).weekday, weekday, "{text}");
            assert_eq!(long(at), text.replace('Z', ".000+0000"));
        }
        short(Timestamp(i64::MIN));
        long(Timestamp(i64::MAX));
    }
}
