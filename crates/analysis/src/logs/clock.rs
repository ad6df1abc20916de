//! The forms of dates and times of day.

use super::mask::{AT, CLASS, COLON, DASH, DIGIT, DOT, LETTER, OTHER, SLASH};
use super::number::digits;
use super::shape::trim;

/// The end of the date or time that begins at `from` and fills the word up to `to`; it may go on in the next word.
pub(super) fn time_at(line: &[u8], from: usize, to: usize) -> Option<usize> {
    let word = &line[from..to];
    if matches!(
        word,
        [b'0'..=b'9', b':', b'0'..=b'5', b'0'..=b'9']
            | [b'0'..=b'9', b'0'..=b'9', b':', b'0'..=b'5', b'0'..=b'9']
    ) {
        return Some(to);
    }
    if let Some(n) = clock(word) {
        return (n == word.len()).then(|| fraction_after_comma(line, to));
    }
    let n = date(word)?;
    if n == word.len() {
        // A time of day in the next word belongs to the date.
        if line.get(to) == Some(&b' ') {
            let next = to + 1;
            let end = next
                + line[next..]
                    .iter()
                    .take_while(|b| b.is_ascii_digit() || matches!(b, b':' | b'.'))
                    .count();
            let ends_there = line.get(end).is_none_or(|&b| {
                CLASS[b as usize] & (DIGIT | LETTER | DASH | SLASH | AT | OTHER) == 0
            });
            let trimmed = trim(line, next, end).1;
            if ends_there && clock(&line[next..trimmed]) == Some(trimmed - next) && trimmed == end {
                return Some(fraction_after_comma(line, end));
            }
        }
        return Some(to);
    }
    let rest = &word[n..];
    let joined = matches!(rest[0], b'T' | b't' | b'-' | b'_' | b':' | b'.');
    let only_time = rest[1..]
        .iter()
        .all(|b| b.is_ascii_digit() || matches!(b, b':' | b'.' | b'-' | b'+' | b'Z' | b'z'));
    (joined && rest.len() >= 5 && digits(&rest[1..]) >= 1 && only_time)
        .then(|| fraction_after_comma(line, to))
}

/// Loggers of the Java family write the fraction of a second after a comma.
fn fraction_after_comma(line: &[u8], to: usize) -> usize {
    if line.get(to) != Some(&b',') {
        return to;
    }
    let n = digits(&line[to + 1..]);
    let ends_there = line.get(to + 1 + n).is_none_or(|&b| {
        CLASS[b as usize] & (DIGIT | LETTER | DOT | DASH | SLASH | COLON | AT | OTHER) == 0
    });
    if (1..=9).contains(&n) && ends_there {
        to + 1 + n
    } else {
        to
    }
}

/// The length of a time of day at the start of `word`: `h:mm:ss` with fraction and zone.
fn clock(word: &[u8]) -> Option<usize> {
    let h = digits(word);
    let two = |at: usize| {
        word.get(at) == Some(&b':') && digits(word.get(at + 1..).unwrap_or_default()) == 2
    };
    if !(1..=2).contains(&h) || !two(h) || !two(h + 3) {
        return None;
    }
    let mut at = h + 6;
    if matches!(word.get(at), Some(b'.' | b':')) {
        let n = digits(&word[at + 1..]);
        if n > 0 {
            at += 1 + n;
        }
    }
    match word.get(at) {
        Some(b'Z') => at += 1,
        Some(b'+' | b'-') => {
            let zone = word[at + 1..]
                .iter()
                .take_while(|b| b.is_ascii_digit() || **b == b':')
                .count();
            if (2..=5).contains(&zone) {
                at += 1 + zone;
            }
        }
        _ => {}
    }
    Some(at)
}

/// The length of a date at the start of `word`.
fn date(word: &[u8]) -> Option<usize> {
    let a = digits(word);
    if a == 8 && matches!(word.get(8), Some(b'T' | b'-' | b'_')) && digits(&word[9..]) >= 2 {
        // 20171223-22:15:29 and the basic form of ISO 8601.
        let plausible = (1..=12).contains(&two_digits(&word[4..6]))
            && (1..=31).contains(&two_digits(&word[6..8]));
        return plausible.then_some(8);
    }
    let separator = *word.get(a)?;
    if !matches!(separator, b'-' | b'/' | b'.') {
        return None;
    }
    let rest = &word[a + 1..];
    if a == 2
        && separator == b'/'
        && rest.len() >= 8
        && rest[..3].iter().all(u8::is_ascii_alphabetic)
        && rest[3] == b'/'
        && digits(&rest[4..]) == 4
    {
        return Some(a + 1 + 8);
    }
    let b = digits(rest);
    if !(1..=2).contains(&b) || rest.get(b) != Some(&separator) {
        return None;
    }
    let c = digits(&rest[b + 1..]);
    let year_first = a == 4 && (1..=2).contains(&c) && (word[0] == b'1' || word[0] == b'2');
    let year_last = separator == b'/' && a <= 2 && (c == 2 || c == 4);
    (year_first || year_last).then_some(a + 1 + b + 1 + c)
}

fn two_digits(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |v, b| v * 10 + u32::from(b - b'0'))
}
