//! Moments as files write them.

use model::Timestamp;
use model::time::SECOND;

/// How a moment was written: a recording that mixes zones without saying so is a trap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Zone {
    /// A number since the epoch.
    Epoch,
    /// `Z`, or an offset of zero.
    Utc,
    /// Minutes east of Greenwich.
    Offset(i16),
    /// Nothing said; taken as UTC.
    Unsaid,
}

/// Reads a moment: RFC 3339 (a space for the `T`, a comma for the point, and a missing zone are
/// allowed), or a number since the epoch whose size tells its unit: seconds below 10^11, milliseconds
/// below 10^14, microseconds below 10^17, else nanoseconds.
pub(crate) fn moment(text: &[u8]) -> Option<Timestamp> {
    moment_and_zone(text).map(|(at, _)| at)
}

/// As [`moment`], and how it was written.
pub(crate) fn moment_and_zone(text: &[u8]) -> Option<(Timestamp, Zone)> {
    if text.len() >= 16 && text[4] == b'-' {
        return calendar(text);
    }
    epoch(text).map(|at| (at, Zone::Epoch))
}

fn digits(text: &[u8]) -> Option<i64> {
    let mut value = 0;
    for byte in text {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(byte - b'0');
    }
    Some(value)
}

fn epoch(text: &[u8]) -> Option<Timestamp> {
    if !text.is_empty() && text.len() <= 19 && text.iter().all(u8::is_ascii_digit) {
        let number = std::str::from_utf8(text).ok()?.parse::<i64>().ok()?;
        return from_number(number);
    }
    let number = super::number::float(text)?;
    if number.fract() == 0.0 && number.abs() < 9.2e18 {
        return from_number(number as i64);
    }
    // Only seconds and milliseconds are written with decimals.
    // A double of today's seconds is good to a quarter of a microsecond.
    if number.abs() < 1e11 {
        ((number * 1e6).round() as i64)
            .checked_mul(1_000)
            .map(Timestamp)
    } else if number.abs() < 1e14 {
        ((number * 1e3).round() as i64)
            .checked_mul(1_000)
            .map(Timestamp)
    } else {
        None
    }
}

fn from_number(number: i64) -> Option<Timestamp> {
    let unit = match number.unsigned_abs() {
        0..100_000_000_000 => SECOND,
        100_000_000_000..100_000_000_000_000 => 1_000_000,
        100_000_000_000_000..100_000_000_000_000_000 => 1_000,
        _ => 1,
    };
    number.checked_mul(unit).map(Timestamp)
}

fn calendar(text: &[u8]) -> Option<(Timestamp, Zone)> {
    let year = digits(&text[0..4])?;
    let month = digits(&text[5..7])?;
    let day = digits(&text[8..10])?;
    if text[7] != b'-' || !matches!(text[10], b'T' | b't' | b' ') || text[13] != b':' {
        return None;
    }
    let hour = digits(&text[11..13])?;
    let minute = digits(&text[14..16])?;
    let mut rest = &text[16..];
    let mut second = 0;
    let mut nanos = 0;
    if rest.len() >= 3 && rest[0] == b':' {
        second = digits(&rest[1..3])?;
        rest = &rest[3..];
        if matches!(rest.first(), Some(b'.' | b',')) {
            let count = rest[1..].iter().take_while(|b| b.is_ascii_digit()).count();
            if count == 0 {
                return None;
            }
            nanos = digits(&rest[1..=count.min(9)])?;
            for _ in count.min(9)..9 {
                nanos *= 10;
            }
            rest = &rest[1 + count..];
        }
    }
    if month == 0
        || month > 12
        || day == 0
        || day > days_in(year, month)
        || hour > 23
        || minute > 59
        || second > 60
    {
        return None;
    }
    let zone = match rest.trim_ascii() {
        b"" => Zone::Unsaid,
        b"Z" | b"z" | b"UTC" | b"GMT" => Zone::Utc,
        offset => offset_of(offset)?,
    };
    let east = match zone {
        Zone::Offset(minutes) => i64::from(minutes),
        _ => 0,
    };
    let minutes = days_before(year, month, day) * 1440 + hour * 60 + minute - east;
    let at = (minutes * 60 + second.min(59))
        .checked_mul(SECOND)?
        .checked_add(nanos)?;
    Some((Timestamp(at), zone))
}

fn offset_of(text: &[u8]) -> Option<Zone> {
    let (sign, rest) = match text.split_first()? {
        (b'+', rest) => (1, rest),
        (b'-', rest) => (-1, rest),
        _ => return None,
    };
    let minutes = match rest.len() {
        2 => digits(rest)? * 60,
        4 => digits(&rest[..2])? * 60 + digits(&rest[2..])?,
        5 if rest[2] == b':' => digits(&rest[..2])? * 60 + digits(&rest[3..])?,
        _ => return None,
    };
    if minutes > 24 * 60 {
        return None;
    }
    Some(match sign * minutes as i16 {
        0 => Zone::Utc,
        minutes => Zone::Offset(minutes),
    })
}

fn leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to this day in the proleptic Gregorian calendar: years counted from March,
/// so that the leap day comes last (Hinnant, "chrono-compatible low-level date algorithms").
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> String {
        moment(text.as_bytes()).map_or("none".into(), |at| at.to_string())
    }

    #[test]
    fn the_ways_in_which_moments_are_written() {
        let same = "2026-06-18T15:06:00Z";
        for text in [
            same,
            "2026-06-18 15:06:00",
            "2026-06-18T15:06",
            "2026-06-18T15:06:00.000+00:00",
            "2026-06-18T23:06:00+08:00",
            "2026-06-18T10:06:00-0500",
            "1781795160",
            "1781795160000",
            "1781795160000000",
            "1781795160000000000",
            "1781795160.0",
        ] {
            assert_eq!(read(text), same, "{text}");
        }
        assert_eq!(read("2026-06-18 15:06:00,250"), "2026-06-18T15:06:00.25Z");
        assert_eq!(read("1781795160.25"), "2026-06-18T15:06:00.25Z");
        for text in [
            "",
            "yesterday",
            "2026-02-30T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "NaN",
            "inf",
            "2026-06-18T15:06:00+99:00",
            "9999-01-01T00:00:00Z",
        ] {
            assert_eq!(read(text), "none", "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(ns in -5_000_000_000_000_000_000i64..5_000_000_000_000_000_000) {
            let at = Timestamp(ns);
            prop_assert_eq!(moment(at.to_string().as_bytes()), Some(at));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = moment(&bytes);
        }
    }
}
