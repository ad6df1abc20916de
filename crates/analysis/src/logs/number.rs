//! The forms of numbers and of measures.

use super::slot::SlotKind;

pub(super) fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|b| b.is_ascii_digit()).count()
}

/// A number, alone or with a unit that is written together with it.
pub(super) fn number(word: &[u8]) -> Option<SlotKind> {
    let mut rest = if matches!(word[0], b'-' | b'+') {
        &word[1..]
    } else {
        word
    };
    if rest.len() > 2 && rest[0] == b'0' && matches!(rest[1], b'x' | b'X') {
        return rest[2..]
            .iter()
            .all(u8::is_ascii_hexdigit)
            .then_some(SlotKind::Hex);
    }
    let mut kind = None;
    let mut parts = 0;
    while !rest.is_empty() {
        let whole = digits(rest);
        rest = &rest[whole..];
        let mut fraction = 0;
        if rest.first() == Some(&b'.') {
            fraction = digits(&rest[1..]);
            if fraction > 0 {
                rest = &rest[1 + fraction..];
            }
        }
        if whole + fraction == 0 || whole > LONGEST_MEASURE && !rest.is_empty() {
            return None;
        }
        if rest.is_empty() {
            // A bare number, unless a unit came before it: 1h30 is left to the pieces.
            return (parts == 0).then_some(SlotKind::Num);
        }
        if parts == 0 && matches!(rest[0], b'e' | b'E') {
            let signed = usize::from(rest.len() > 1 && matches!(rest[1], b'-' | b'+'));
            let exponent = &rest[1 + signed..];
            if (1..=3).contains(&exponent.len()) && digits(exponent) == exponent.len() {
                return Some(SlotKind::Num);
            }
        }
        let unit = rest
            .iter()
            .take_while(|b| b.is_ascii_alphabetic() || **b >= 0x80)
            .count();
        let unit_kind = unit_of(&rest[..unit])?;
        if kind.is_some_and(|kind| kind != unit_kind || kind != SlotKind::Duration) {
            return None;
        }
        kind = Some(unit_kind);
        rest = &rest[unit..];
        parts += 1;
    }
    kind
}

/// A number with more digits than this has no unit behind it: it is a digest that ends in a letter.
const LONGEST_MEASURE: usize = 12;

fn unit_of(unit: &[u8]) -> Option<SlotKind> {
    const TIME: [&str; 26] = [
        "ns", "us", "µs", "μs", "ms", "s", "sec", "secs", "second", "seconds", "m", "min", "mins",
        "minute", "minutes", "h", "hr", "hrs", "hour", "hours", "d", "day", "days", "msec",
        "msecs", "w",
    ];
    const BYTES: [&str; 24] = [
        "b", "kb", "mb", "gb", "tb", "pb", "kib", "mib", "gib", "tib", "k", "g", "t", "mi", "gi",
        "ki", "ti", "byte", "bytes", "kbps", "mbps", "gbps", "bps", "mbit",
    ];
    if unit.is_empty() || unit.len() > 7 {
        return None;
    }
    if TIME.iter().any(|u| u.as_bytes() == unit) {
        Some(SlotKind::Duration)
    } else if BYTES
        .iter()
        .any(|u| u.as_bytes().eq_ignore_ascii_case(unit))
        || unit == b"M"
    {
        Some(SlotKind::Size)
    } else {
        None
    }
}
