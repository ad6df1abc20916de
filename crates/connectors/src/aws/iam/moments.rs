//! Dates as policies write them: the W3C's profile of ISO 8601, or seconds since 1970.
//!
//! The model's own moments end in 2262, and policies like to say 9999.

/// Nanoseconds since 1970, of any year of four digits.
pub(super) fn read(text: &str) -> Option<i128> {
    let text = text.trim();
    let whole = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if whole && text.len() > 4 {
        return text
            .parse::<i64>()
            .ok()
            .map(|seconds| i128::from(seconds) * SECOND);
    }
    let (date, time) = match text.split_once(['T', 't']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let year = digits(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |month| digits(month, 2))?;
    let day = parts.next().map_or(Some(1), |day| digits(day, 2))?;
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let seconds = match time {
        None => 0,
        Some(time) => clock(time)?,
    };
    Some(i128::from(days(year, month, day)) * 86_400 * SECOND + seconds)
}

const SECOND: i128 = 1_000_000_000;

fn digits(text: &str, length: usize) -> Option<i64> {
    let plain = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// `12:30Z`, `12:30:15.5+02:00`, in nanoseconds since midnight of Greenwich.
fn clock(text: &str) -> Option<i128> {
    let zone = text.find(['Z', 'z', '+', '-'])?;
    let (time, zone) = text.split_at(zone);
    let offset = match zone {
        "Z" | "z" => 0,
        zone => {
            let sign = if zone.starts_with('-') { -1 } else { 1 };
            let (hours, minutes) = zone.get(1..)?.split_once(':')?;
            sign * (digits(hours, 2)? * 3_600 + digits(minutes, 2)? * 60)
        }
    };
    let mut parts = time.split(':');
    let hours = digits(parts.next()?, 2)?;
    let minutes = digits(parts.next()?, 2)?;
    let (seconds, part) = match parts.next() {
        None => (0, 0),
        Some(seconds) => {
            let (whole, part) = seconds.split_once('.').unwrap_or((seconds, "0"));
            if part.is_empty() || part.len() > 9 {
                return None;
            }
            (digits(whole, 2)?, digits(&format!("{part:0<9}"), 9)?)
        }
    };
    if parts.next().is_some() || hours > 24 || minutes > 59 || seconds > 60 {
        return None;
    }
    let seconds = hours * 3_600 + minutes * 60 + seconds - offset;
    Some(i128::from(seconds) * SECOND + i128::from(part))
}

/// Days since 1970-01-01 in the Gregorian calendar: whole years and months counted from a March, so that
/// the leap day is the last one of a year.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // From March on, months have 30.6 days on the average, rounded: 31, 30, 31, 30, 31, 31, ...
    let before = (153 * month + 2) / 5;
    // 1 March of the year 0 is 719,468 days before 1970.
    365 * year + leap + before + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn dates_are_read_as_policies_write_them() {
        let seconds = |text: &str| read(text).map(|at| at / 1_000_000_000);
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("1970", Some(0)),
            ("2000-03", Some(951_868_800)),
            ("2024-02-29", Some(1_709_164_800)),
            ("2020-04-01T00:00:00Z", Some(1_585_699_200)),
            ("2020-04-01T02:00+02:00", Some(1_585_699_200)),
            ("1585699200", Some(1_585_699_200)),
            ("9999-12-31T23:59:59Z", Some(253_402_300_799)),
            ("2020-13-01", None),
            ("2020-04-01T00:00:00", None),
            ("tomorrow", None),
            ("", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
        assert!(read("2020-01-01T00:00:00.5Z") > read("2020-01-01T00:00:00Z"));
    }
}
