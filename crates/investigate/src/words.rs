//! How numbers, names and times are written in sentences.

use model::SeriesKey;

use crate::facts::Interval;

/// Rounds to six significant digits, so that the last bits of a sum never show.
pub fn six(x: f64) -> f64 {
    if x == 0.0 || !x.is_finite() {
        return 0.0;
    }
    let digits = 5 - x.abs().log10().floor() as i32;
    if digits.abs() > 300 {
        return x;
    }
    // Through text, because dividing by a power of ten brings the last bits back.
    format!("{x:.5e}").parse().unwrap_or(x)
}

/// Three significant digits, without an exponent where people would not write one.
pub fn number(x: f64) -> String {
    if !x.is_finite() {
        return "?".to_string();
    }
    let size = x.abs();
    if size == 0.0 {
        return "0".to_string();
    }
    if size >= 1e12 {
        return format!("{x:.2e}");
    }
    for (unit, word) in [(1e9, " G"), (1e6, " M")] {
        if size >= unit * 0.9995 {
            return format!("{}{word}", number(x / unit));
        }
    }
    let decimals = if size >= 99.95 {
        0
    } else if size >= 9.995 {
        1
    } else if size >= 0.9995 {
        2
    } else {
        (2 - size.log10().floor() as i32).min(9) as usize
    };
    let text = format!("{x:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_string()
    } else {
        text
    }
}

/// A metric and its statistic.
pub fn metric(key: &SeriesKey) -> String {
    if key.statistic.is_empty() {
        key.metric.clone()
    } else {
        format!("{} ({})", key.metric, key.statistic)
    }
}

/// A unit as written behind a number, with its space.
pub fn unit(unit: &str) -> String {
    match unit {
        "" | "1" | "None" | "Count" => String::new(),
        "%" | "Percent" => " %".to_string(),
        "By" | "Bytes" => " B".to_string(),
        "Seconds" => " s".to_string(),
        "Milliseconds" => " ms".to_string(),
        other => format!(" {other}"),
    }
}

/// `between 15:02:00 and 15:03:00`, `at 15:02:00`.
pub fn interval(onset: Interval) -> String {
    if onset.lo == onset.hi {
        format!("at {}", onset.hi.clock())
    } else {
        format!("between {} and {}", onset.lo.clock(), onset.hi.clock())
    }
}

/// At most `most` characters on one line; control characters become spaces.
pub fn clip(text: &str, most: usize) -> String {
    let mut clipped = String::new();
    for (count, c) in text.trim().chars().enumerate() {
        if count == most {
            clipped.push('\u{2026}');
            break;
        }
        clipped.push(if c.is_control() { ' ' } else { c });
    }
    clipped
}

/// The first ten characters of a long hash, else the id.
pub fn short_id(id: &str) -> String {
    let is_hash = id.len() >= 32 && id.chars().all(|c| c.is_ascii_hexdigit());
    if is_hash {
        id.chars().take(10).collect()
    } else {
        clip(id, 60)
    }
}

/// What people call a change: its kind, the short form of a hash, and its title.
pub fn change_name(change: &model::Change) -> String {
    let title = clip(&change.title, 100);
    let short = short_id(&change.id);
    let hash = if short.len() < change.id.len()
        && change.id.starts_with(&short)
        && !short.ends_with('\u{2026}')
    {
        format!(" {short}")
    } else {
        String::new()
    };
    if title.is_empty() {
        format!("{} {short}", change.kind.word())
    } else {
        format!("{}{hash} \u{201c}{title}\u{201d}", change.kind.word())
    }
}

/// `a, b and 3 more`.
pub fn list(names: &[&str], most: usize, none: &str) -> String {
    match names {
        [] => none.to_string(),
        [one] => (*one).to_string(),
        many if many.len() <= most => {
            let (last, head) = many.split_last().unwrap_or((&"", &[]));
            format!("{} and {last}", head.join(", "))
        }
        many => format!("{} and {} more", many[..most].join(", "), many.len() - most),
    }
}

/// One or several.
pub fn plural<'a>(count: u64, one: &'a str, several: &'a str) -> &'a str {
    if count == 1 { one } else { several }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        let table = [
            (0.0, "0"),
            (3.0, "3"),
            (210.4, "210"),
            (3812.0, "3812"),
            (0.0123456, "0.0123"),
            (12.34, "12.3"),
            (1.5e9, "1.5 G"),
            (214_748_364_800.0, "215 G"),
            (-2.5, "-2.5"),
            (999_999.0, "1 M"),
        ];
        for (x, text) in table {
            assert_eq!(number(x), text, "{x}");
        }
    }

    #[test]
    fn lists_name_a_few_and_count_the_rest() {
        assert_eq!(list(&["a"], 3, "none"), "a");
        assert_eq!(list(&["a", "b", "c"], 3, "none"), "a, b and c");
        assert_eq!(list(&["a", "b", "c", "d"], 2, "none"), "a, b and 2 more");
    }

    #[test]
    fn six_digits_survive_a_round_trip() {
        assert_eq!(six(123.456_789_1), 123.457);
        assert_eq!(six(1e-9), 1e-9);
    }
}
