//! What one word of a line is, judged by its form: a whole value, a name with values inside it, or plain text.

use super::address::{
    is_email, is_hex_bytes, is_host_and_port, is_host_name, is_ipv4, is_ipv6, is_mac, is_uuid,
    is_windows_path, leading_address, path_or_url, pod_suffix,
};
use super::clock::time_at;
use super::mask::{AT, CLASS, COLON, DASH, DIGIT, DOT, ESCAPE, LETTER, OTHER, SLASH, SPACE, Sink};
use super::number::number;
use super::pieces;
use super::slot::SlotKind;

/// The judgement on one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// The bytes of the line from the first position up to the second are one value. What stands before it in the word
    /// is judged piece by piece; the end may lie beyond the word (a time of day after its date).
    Whole(SlotKind, usize, usize),
    /// Values may stand between the word's separators.
    Pieces,
}

/// Judges the word `line[start..end]`, whose bytes have the classes `flags`. `None` means plain text.
#[inline]
pub(super) fn first_value(
    line: &[u8],
    start: usize,
    end: usize,
    flags: u16,
    touches_mark: bool,
) -> Option<Shape> {
    if touches_mark {
        return (flags & DIGIT != 0).then_some(Shape::Pieces);
    }
    if flags == DIGIT {
        return Some(Shape::Whole(SlotKind::Num, start, end));
    }
    if flags & DIGIT != 0 {
        return Some(digit_word(line, start, end, flags));
    }
    let (from, to) = trim(line, start, end);
    let word = &line[from..to];
    let kind = if flags & SLASH != 0 {
        path_or_url(word)
    } else if flags & AT != 0 && is_email(word) {
        Some(SlotKind::Email)
    } else if flags & OTHER != 0 && is_windows_path(word) {
        Some(SlotKind::Path)
    } else if flags & DOT != 0 && flags & (AT | OTHER) == 0 && is_host_name(word) {
        Some(SlotKind::Host)
    } else {
        None
    };
    kind.map(|kind| resource(line, kind, from, to))
}

/// A path or URL goes on after its question mark, where `=` and `,` are part of it.
fn resource(line: &[u8], kind: SlotKind, from: usize, to: usize) -> Shape {
    let mut end = to;
    if matches!(kind, SlotKind::Path | SlotKind::Url)
        && memchr::memchr(b'?', &line[from..to]).is_some()
    {
        end += line[to..]
            .iter()
            .take_while(|b| {
                CLASS[**b as usize] & (SPACE | ESCAPE) == 0 && !b"\"'<>()[]{}|`".contains(b)
            })
            .count();
    }
    while end > to && matches!(line[end - 1], b',' | b';' | b'.' | b':') {
        end -= 1;
    }
    Shape::Whole(kind, from, end)
}

/// Hands the judged word to `sink`; returns where scanning goes on.
#[inline]
pub(super) fn emit<S: Sink>(
    line: &[u8],
    start: usize,
    end: usize,
    shape: Shape,
    sink: &mut S,
) -> usize {
    match shape {
        Shape::Whole(kind, from, to) => {
            if from > start {
                pieces::split(&line[start..from], sink);
            }
            sink.slot(kind, &line[from..to]);
            if to < end {
                sink.literal(&line[to..end]);
            }
            to.max(end)
        }
        Shape::Pieces => {
            pieces::split(&line[start..end], sink);
            end
        }
    }
}

/// The word without the punctuation that belongs to the sentence and not to the value.
pub(super) fn trim(line: &[u8], start: usize, end: usize) -> (usize, usize) {
    let mut to = end;
    while to > start && matches!(line[to - 1], b'.' | b':' | b'!' | b'?' | b'-') {
        to -= 1;
    }
    (start, to)
}

fn digit_word(line: &[u8], start: usize, end: usize, flags: u16) -> Shape {
    let (from, to) = trim(line, start, end);
    let word = &line[from..to];
    let Some(&first) = word.first() else {
        return Shape::Pieces;
    };
    let whole = |kind| Shape::Whole(kind, from, to);
    if first.is_ascii_digit() || matches!(first, b'-' | b'+' | b'.') {
        if let Some(kind) = number(word) {
            return whole(kind);
        }
        if first.is_ascii_digit() {
            if flags & DOT != 0 && flags & LETTER == 0 && is_ipv4(word) {
                return whole(SlotKind::Ip);
            }
            if flags & DOT != 0
                && flags & COLON != 0
                && let Some(length) = leading_address(word)
            {
                return Shape::Whole(SlotKind::Ip, from, from + length);
            }
            if flags & (COLON | DASH | SLASH | DOT | LETTER) != 0
                && let Some(time_end) = time_at(line, from, to)
            {
                return Shape::Whole(SlotKind::Time, from, time_end);
            }
        }
    }
    if flags & DASH != 0 && word.len() >= 36 {
        let tail = to - 36;
        if is_uuid(&line[tail..to]) && (tail == from || !line[tail - 1].is_ascii_alphanumeric()) {
            return Shape::Whole(SlotKind::Uuid, tail, to);
        }
    }
    if flags & SLASH != 0 {
        if let Some(slash) = memchr::memrchr(b'/', word)
            && word[..slash]
                .iter()
                .all(|&b| CLASS[b as usize] & (SLASH | OTHER | AT | COLON) == 0)
            && is_ipv4(&word[slash + 1..])
        {
            // A resolved address as Java prints it: name/address:port.
            return whole(SlotKind::Ip);
        }
        if let Some(kind) = path_or_url(word) {
            return resource(line, kind, from, to);
        }
    }
    if flags & COLON != 0 {
        if is_mac(word, b':') {
            return whole(SlotKind::Mac);
        }
        if is_hex_bytes(word) {
            return whole(SlotKind::Hex);
        }
        if is_ipv6(word) {
            return whole(SlotKind::Ip);
        }
        if is_host_and_port(word) {
            return whole(SlotKind::Host);
        }
    }
    if flags & AT != 0 && is_email(word) {
        return whole(SlotKind::Email);
    }
    if flags & DASH != 0 {
        if is_mac(word, b'-') {
            return whole(SlotKind::Mac);
        }
        if flags & (SLASH | AT | OTHER | COLON | DOT) == 0
            && let Some(suffix) = pod_suffix(word)
        {
            return Shape::Whole(SlotKind::Id, from + suffix, to);
        }
    }
    if flags & OTHER != 0 && is_windows_path(word) {
        return whole(SlotKind::Path);
    }
    if flags & DOT != 0 && flags & (SLASH | AT | OTHER) == 0 && is_host_name(word) {
        return whole(SlotKind::Host);
    }
    Shape::Pieces
}
