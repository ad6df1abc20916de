//! The forms of names of machines and resources: addresses, hosts, identifiers, paths.

use super::mask::{AT, CLASS, DIGIT, DOT, OTHER, SLASH};
use super::number::digits;
use super::slot::SlotKind;

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
pub(super) fn leading_address(word: &[u8]) -> Option<usize> {
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

pub(super) fn is_ipv6(word: &[u8]) -> bool {
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

pub(super) fn is_mac(word: &[u8], separator: u8) -> bool {
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
pub(super) fn is_hex_bytes(word: &[u8]) -> bool {
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

pub(super) fn is_uuid(word: &[u8]) -> bool {
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
pub(super) fn path_or_url(word: &[u8]) -> Option<SlotKind> {
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

pub(super) fn is_windows_path(word: &[u8]) -> bool {
    matches!(word, [drive, b':', b'\\', _, ..] if drive.is_ascii_alphabetic())
        || matches!(word, [b'\\', b'\\', next, ..] if next.is_ascii_alphanumeric())
}

pub(super) fn is_email(word: &[u8]) -> bool {
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
pub(super) fn is_host_name(word: &[u8]) -> bool {
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
pub(super) fn is_host_and_port(word: &[u8]) -> bool {
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
pub(super) fn pod_suffix(word: &[u8]) -> Option<usize> {
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
