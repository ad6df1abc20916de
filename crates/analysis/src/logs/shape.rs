//! What one word of a line is, judged by its form: a whole value, a name with values inside it, or plain text.

use super::mask::{AT, CLASS, COLON, DASH, DIGIT, DOT, ESCAPE, LETTER, OTHER, SLASH, SPACE, Sink};
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
    } else if flags & DOT != 0 && flags & (AT | OTHER | COLON) == 0 && is_host_name(word) {
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
fn trim(line: &[u8], start: usize, end: usize) -> (usize, usize) {
    let mut to = end;
    while to > start && matches!(line[to - 1], b'.' | b':' | b'!' | b'?') {
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
    if flags & DOT != 0 && flags & (SLASH | AT | OTHER | COLON) == 0 && is_host_name(word) {
        return whole(SlotKind::Host);
    }
    Shape::Pieces
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|b| b.is_ascii_digit()).count()
}

/// A number, alone or with a unit that is written together with it.
fn number(word: &[u8]) -> Option<SlotKind> {
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
        if whole + fraction == 0 {
            return None;
        }
        if rest.is_empty() {
            // A bare number, unless a unit came before it: 1h30 is left to the pieces.
            return (parts == 0).then_some(SlotKind::Num);
        }
        if parts == 0 && matches!(rest[0], b'e' | b'E') {
            let signed = usize::from(rest.len() > 1 && matches!(rest[1], b'-' | b'+'));
            let exponent = &rest[1 + signed..];
            if !exponent.is_empty() && digits(exponent) == exponent.len() {
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

/// An IPv4 address with an optional port or prefix length.
pub(super) fn is_ipv4(word: &[u8]) -> bool {
    let mut rest = word;
    for part in 0..4 {
        let n = digits(rest);
        if n == 0
            || n > 3
            || rest[..n]
                .iter()
                .fold(0u32, |v, b| v * 10 + u32::from(b - b'0'))
                > 255
        {
            return false;
        }
        rest = &rest[n..];
        if part < 3 {
            if rest.first() != Some(&b'.') {
                return false;
            }
            rest = &rest[1..];
        }
    }
    match rest.first() {
        None => true,
        Some(b':' | b'/') => {
            rest.len() > 1 && rest.len() <= 6 && digits(&rest[1..]) == rest.len() - 1
        }
        Some(_) => false,
    }
}

/// The length of an IPv4 address with port that is followed by a colon and plain text, as in `10.0.0.1:80:Got`.
fn leading_address(word: &[u8]) -> Option<usize> {
    let plain = |rest: &[u8]| {
        rest.iter()
            .all(|b| CLASS[*b as usize] & (DIGIT | SLASH | AT | DOT | OTHER) == 0)
    };
    let mut colons = memchr::memchr_iter(b':', word);
    let first = colons.next()?;
    let ends = [colons.next(), Some(first)];
    ends.into_iter()
        .flatten()
        .find(|&end| is_ipv4(&word[..end]) && plain(&word[end..]))
}

fn is_ipv6(word: &[u8]) -> bool {
    let address = word
        .split(|&b| b == b'%' || b == b'/')
        .next()
        .unwrap_or_default();
    let mut groups = 0;
    let mut doubled = 0;
    let mut any = false;
    for (i, group) in address.split(|&b| b == b':').enumerate() {
        if group.is_empty() {
            doubled += usize::from(i > 0);
            continue;
        }
        if group.len() > 4 || !group.iter().all(u8::is_ascii_hexdigit) {
            return false;
        }
        any |= group.iter().any(u8::is_ascii_digit);
        groups += 1;
    }
    any && (groups == 8 && doubled == 0
        || (2..8).contains(&groups)
            && doubled >= 1
            && memchr::memmem::find(address, b"::").is_some())
}

fn is_mac(word: &[u8], separator: u8) -> bool {
    word.len() == 17
        && word.iter().enumerate().all(|(i, &b)| {
            if i % 3 == 2 {
                b == separator
            } else {
                b.is_ascii_hexdigit()
            }
        })
}

/// Seven or more bytes in hexadecimal with colons between them.
fn is_hex_bytes(word: &[u8]) -> bool {
    word.len() >= 20
        && word.len() % 3 == 2
        && word.iter().enumerate().all(|(i, &b)| {
            if i % 3 == 2 {
                b == b':'
            } else {
                b.is_ascii_hexdigit()
            }
        })
}

fn is_uuid(word: &[u8]) -> bool {
    word.len() == 36
        && word.iter().enumerate().all(|(i, &b)| {
            if matches!(i, 8 | 13 | 18 | 23) {
                b == b'-'
            } else {
                b.is_ascii_hexdigit()
            }
        })
}

/// An absolute path or a URL.
fn path_or_url(word: &[u8]) -> Option<SlotKind> {
    match word {
        [b'/', next, ..]
            if next.is_ascii_alphanumeric() || matches!(next, b'.' | b'_' | b'~' | b'-') =>
        {
            Some(SlotKind::Path)
        }
        [b'.' | b'~', b'/', _, ..] | [b'.', b'.', b'/', _, ..] => Some(SlotKind::Path),
        _ => {
            let colon = memchr::memmem::find(word, b"://")?;
            let scheme = &word[..colon];
            let named = !scheme.is_empty()
                && scheme[0].is_ascii_alphabetic()
                && scheme
                    .iter()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.' | b':'));
            (named && word.len() > colon + 3).then_some(SlotKind::Url)
        }
    }
}

fn is_windows_path(word: &[u8]) -> bool {
    matches!(word, [drive, b':', b'\\', _, ..] if drive.is_ascii_alphabetic())
        || matches!(word, [b'\\', b'\\', next, ..] if next.is_ascii_alphanumeric())
}

fn is_email(word: &[u8]) -> bool {
    let Some(at) = memchr::memchr(b'@', word) else {
        return false;
    };
    let (local, domain) = (&word[..at], &word[at + 1..]);
    let local_ok = !local.is_empty()
        && local.iter().all(|b| {
            b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'+' | b'%' | b'#')
        });
    local_ok && memchr::memchr(b'.', domain).is_some() && labels_ok(domain)
}

fn labels_ok(name: &[u8]) -> bool {
    name.split(|&b| b == b'.').all(|label| {
        !label.is_empty()
            && label
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    })
}

/// A dotted name that ends as the Domain Name System's names do. Package names of code begin that way instead, and
/// files end with an extension, so neither is taken for a host.
fn is_host_name(word: &[u8]) -> bool {
    const GENERIC: [&str; 17] = [
        "com",
        "net",
        "org",
        "edu",
        "gov",
        "mil",
        "int",
        "info",
        "biz",
        "io",
        "dev",
        "app",
        "cloud",
        "local",
        "internal",
        "localdomain",
        "lan",
    ];
    // Country codes that are also file extensions (py, rs, sh, pl, md, so, ...) are left out.
    const COUNTRY: [&str; 38] = [
        "uk", "de", "fr", "jp", "cn", "hk", "in", "br", "au", "ca", "eu", "us", "kr", "tw", "sg",
        "nl", "ch", "at", "be", "it", "es", "pt", "se", "no", "fi", "dk", "cz", "ru", "ua", "il",
        "tr", "mx", "ar", "za", "nz", "ie", "tv", "me",
    ];
    if !labels_ok(word) || !word[0].is_ascii_alphanumeric() {
        return false;
    }
    let mut labels = word.split(|&b| b == b'.');
    let first = labels.next().unwrap_or_default();
    let last = word.rsplit(|&b| b == b'.').next().unwrap_or_default();
    let count = 1 + labels.count();
    let begins_as_package = GENERIC.iter().any(|top| top.as_bytes() == first);
    !begins_as_package
        && (count >= 2 && GENERIC.iter().any(|top| top.as_bytes() == last)
            || count >= 3 && COUNTRY.iter().any(|top| top.as_bytes() == last))
}

/// `name.with.dots:port`, but not a place in a source file such as `Main.java:17`.
fn is_host_and_port(word: &[u8]) -> bool {
    const SOURCE: [&str; 22] = [
        "java", "kt", "scala", "py", "go", "rs", "c", "cc", "cpp", "cxx", "h", "hpp", "js", "jsx",
        "ts", "tsx", "rb", "php", "cs", "ex", "lua", "swift",
    ];
    let Some(colon) = memchr::memchr(b':', word) else {
        return false;
    };
    let (name, port) = (&word[..colon], &word[colon + 1..]);
    let last = name.rsplit(|&b| b == b'.').next().unwrap_or_default();
    let number = (1..=5).contains(&port.len()) && digits(port) == port.len();
    if !number || name.is_empty() || !name[0].is_ascii_alphanumeric() || !labels_ok(name) {
        return false;
    }
    if memchr::memchr(b'.', name).is_some() {
        return !SOURCE.iter().any(|extension| extension.as_bytes() == last);
    }
    // A bare name is taken for a host only if it looks like one of many and the number like a port.
    port.len() >= 4
        && (name == b"localhost"
            || memchr::memchr(b'-', name).is_some() && name.iter().any(u8::is_ascii_digit))
}

/// Where the generated end of a Kubernetes pod's name begins: `name-<replica set hash>-<suffix>` or `name-<suffix>`.
///
/// Suffixes are five characters of an alphabet without vowels and without the digits 0, 1 and 3; a hash has eight to
/// ten characters of the same alphabet. Without any digit a suffix may as well be a word, and is left alone.
fn pod_suffix(word: &[u8]) -> Option<usize> {
    let generated = |part: &[u8]| {
        part.iter()
            .all(|b| b"bcdfghjklmnpqrstvwxz2456789".contains(b))
    };
    let mut parts = word.rsplitn(3, |&b| b == b'-');
    let (suffix, before, name) = (parts.next()?, parts.next()?, parts.next());
    if suffix.len() != 5 || !generated(suffix) {
        return None;
    }
    let has_digit = |part: &[u8]| part.iter().any(u8::is_ascii_digit);
    let has_letter = |part: &[u8]| part.iter().any(u8::is_ascii_alphabetic);
    let hash = name.is_some_and(|name| !name.is_empty())
        && (6..=10).contains(&before.len())
        && generated(before)
        && has_digit(before);
    if hash {
        return Some(word.len() - 5 - 1 - before.len());
    }
    (has_digit(suffix) && has_letter(suffix)).then_some(word.len() - 5)
}

/// The end of the date or time that begins at `from` and fills the word up to `to`; it may go on in the next word.
fn time_at(line: &[u8], from: usize, to: usize) -> Option<usize> {
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
