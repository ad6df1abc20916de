//! Credentials, struck out of whatever another end says back.
//!
//! Whoever is asked may say back what it was shown: in a refusal, but as well in a label, a log line or the name of a
//! span, which would then stand in reports and recordings. So an answer is struck before anybody reads it. A credential
//! is found as it was sent, in base64 wherever it begins there (as in `Basic` of any user), and with any of its
//! characters escaped as JSON and addresses do.

use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// What stands in place of a credential.
const MARK: &str = "[secret]";
/// Shorter secrets are not looked for: they would hide half of every sentence.
const SHORTEST: usize = 6;
/// Part of a base64 text: what is shorter may stand anywhere by chance.
const SHORTEST_PART: usize = 8;
/// Shorter words without a digit (or numbers without a letter) are not looked for in telemetry: a password `prometheus`
/// would take the name from what it guards. Texts of refusals are worth less, and are struck of those too.
const SHORTEST_WORD: usize = 20;
/// Bytes of an answer whose escapes are read at one time.
const STRETCH: usize = 64 << 10;
/// How often escapes are read: lines of logs are often JSON within the JSON of an answer.
const READINGS: usize = 3;
/// The longest escape of one byte, escaped as often: `\\\\u0041`.
const LONGEST_ESCAPE: usize = 9;

/// Credentials that are struck out.
#[derive(Clone, Debug, Default)]
pub struct Hidden {
    /// From what is said for people.
    said: Option<Finder>,
    /// From telemetry.
    told: Option<Finder>,
}

impl Hidden {
    /// These.
    pub fn of<'s>(secrets: impl IntoIterator<Item = &'s str>) -> Self {
        let long = |secret: &&str| secret.len() >= SHORTEST;
        let secrets: Vec<&str> = secrets.into_iter().filter(long).collect();
        let sure = secrets.iter().copied().filter(|secret| !is_word(secret));
        Self {
            told: Finder::of(sure),
            said: Finder::of(secrets),
        }
    }

    /// A text for people, without them.
    pub fn said(&self, text: &str) -> String {
        let struck = self
            .said
            .as_ref()
            .map(|finder| finder.strike(text.as_bytes()));
        let struck = struck.flatten();
        // A mark stands in place of whole characters: the rest is text as before.
        struck.map_or(text.to_string(), |bytes| {
            String::from_utf8_lossy(&bytes).into_owned()
        })
    }

    /// Telemetry, without them.
    pub fn told(&self, bytes: Vec<u8>) -> Vec<u8> {
        let struck = self.told.as_ref().and_then(|finder| finder.strike(&bytes));
        struck.unwrap_or(bytes)
    }

    /// The same where lengths are written down beside texts, as in CBOR: what is struck keeps its own.
    pub fn told_in_place(&self, bytes: &mut [u8]) {
        let Some(finder) = &self.told else { return };
        for range in finder.places(bytes) {
            let Some(place) = bytes.get_mut(range) else {
                continue;
            };
            let mark = MARK.bytes().chain(std::iter::repeat(b'*'));
            place
                .iter_mut()
                .zip(mark)
                .for_each(|(byte, mark)| *byte = mark);
        }
    }
}

/// Might it be a name or a number that telemetry holds for reasons of its own?
fn is_word(secret: &str) -> bool {
    let digits = secret.bytes().filter(u8::is_ascii_digit).count();
    secret.len() < SHORTEST_WORD && (digits == 0 || digits == secret.len())
}

/// Finds credentials in bytes.
#[derive(Clone, Debug)]
struct Finder {
    automaton: AhoCorasick,
    /// The longest that is looked for.
    longest: usize,
    /// Which bytes they are made of.
    made_of: [bool; 256],
}

impl Finder {
    fn of<'s>(secrets: impl IntoIterator<Item = &'s str>) -> Option<Self> {
        let mut wanted: Vec<Vec<u8>> = Vec::new();
        for secret in secrets {
            wanted.push(secret.as_bytes().to_vec());
            wanted.extend(encoded(secret.as_bytes()));
        }
        wanted.sort();
        wanted.dedup();
        let longest = wanted.iter().map(Vec::len).max()?;
        let mut made_of = [false; 256];
        for byte in wanted.iter().flatten() {
            made_of[usize::from(*byte)] = true;
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(&wanted)
            .ok()?;
        Some(Self {
            automaton,
            longest,
            made_of,
        })
    }

    /// The bytes with a mark for each; `None` where there is none.
    fn strike(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let places = self.places(bytes);
        if places.is_empty() {
            return None;
        }
        let mut out = Vec::with_capacity(bytes.len());
        let mut at = 0;
        for range in places {
            out.extend_from_slice(bytes.get(at..range.start).unwrap_or_default());
            out.extend_from_slice(MARK.as_bytes());
            at = range.end;
        }
        out.extend_from_slice(bytes.get(at..).unwrap_or_default());
        Some(out)
    }

    /// Where they stand, in order, no two overlapping.
    fn places(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let found = self.automaton.find_iter(bytes).map(|found| found.range());
        let mut found: Vec<Range<usize>> = found.collect();
        if self.may_be_escaped(bytes) {
            found.extend(self.escaped(bytes));
        }
        found.sort_by_key(|range| (range.start, range.end));
        let mut places: Vec<Range<usize>> = Vec::with_capacity(found.len());
        for range in found {
            match places.last_mut() {
                Some(last) if range.start < last.end => last.end = last.end.max(range.end),
                _ => places.push(range),
            }
        }
        places
    }

    /// Does any escape stand for a byte that they are made of? Most answers have none, and are not read twice.
    fn may_be_escaped(&self, bytes: &[u8]) -> bool {
        memchr::memchr2_iter(b'\\', b'%', bytes).any(|at| {
            let (read, length) = unit(bytes.get(at..).unwrap_or_default());
            let counts = |byte: &u8| self.made_of[usize::from(*byte)] || b"\\%".contains(byte);
            length > 1 && read.as_bytes().iter().any(counts)
        })
    }

    /// Where they stand once escapes are read. Stretches overlap by the longest that is looked for, all of it escaped.
    fn escaped(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let overlap = (self.longest + 1) * LONGEST_ESCAPE;
        let stretch = STRETCH.max(4 * overlap);
        let mut found = Vec::new();
        let mut begin = 0;
        while begin < bytes.len() {
            let end = bytes.len().min(begin + stretch);
            let mut plain = bytes.get(begin..end).unwrap_or_default().to_vec();
            let mut begins: Vec<usize> = (begin..=end).collect();
            for _ in 0..READINGS {
                let before = plain.len();
                (plain, begins) = read(&plain, &begins);
                let ranges = self.automaton.find_iter(&plain).map(|one| one.range());
                found.extend(
                    ranges.filter_map(|range| {
                        Some(*begins.get(range.start)?..*begins.get(range.end)?)
                    }),
                );
                if plain.len() == before {
                    break;
                }
            }
            if end == bytes.len() {
                break;
            }
            begin = end - overlap;
        }
        found
    }
}

/// The bytes with their escapes read once, and where each begins; `begins` says where those that are given do, and ends
/// with where the last of them is over.
fn read(bytes: &[u8], begins: &[usize]) -> (Vec<u8>, Vec<usize>) {
    let (mut plain, mut from) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < bytes.len() {
        let (read, length) = unit(bytes.get(at..).unwrap_or_default());
        for byte in read.as_bytes() {
            plain.push(*byte);
            from.extend(begins.get(at));
        }
        at += length;
    }
    from.extend(begins.get(at.min(bytes.len())));
    (plain, from)
}

/// What one character is in bytes.
struct Unit([u8; 4], usize);

impl Unit {
    fn byte(byte: u8) -> Self {
        Self([byte, 0, 0, 0], 1)
    }

    fn of(character: char) -> Self {
        let mut bytes = [0; 4];
        let length = character.encode_utf8(&mut bytes).len();
        Self(bytes, length)
    }

    fn as_bytes(&self) -> &[u8] {
        self.0.get(..self.1).unwrap_or_default()
    }
}

/// What stands first, and with how many bytes it is written: `\/`, `\u002f` and `%2F` are `/`.
fn unit(bytes: &[u8]) -> (Unit, usize) {
    let number = |digits: Option<&[u8]>| {
        let text = std::str::from_utf8(digits?).ok()?;
        let hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        u32::from_str_radix(text, 16).ok().filter(|_| hexadecimal)
    };
    let escape = match bytes {
        [b'\\', b'u', ..] => number(bytes.get(2..6))
            .and_then(char::from_u32)
            .map(|character| (Unit::of(character), 6)),
        [b'\\', byte @ (b'"' | b'\\' | b'/'), ..] => Some((Unit::byte(*byte), 2)),
        [b'%', ..] => number(bytes.get(1..3))
            .and_then(|byte| u8::try_from(byte).ok())
            .map(|byte| (Unit::byte(byte), 3)),
        _ => None,
    };
    escape.unwrap_or((Unit::byte(bytes.first().copied().unwrap_or_default()), 1))
}

/// What of a base64 text follows from the secret alone, for each place among three bytes at which it may begin there.
fn encoded(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for before in 0..3 {
        let mut bytes = vec![0; before];
        bytes.extend_from_slice(secret);
        // Six bits a letter: the first is shared with what stands before, the last with what follows.
        let first = (before * 8).div_ceil(6);
        let end = bytes.len() * 8 / 6;
        for engine in [&STANDARD, &URL_SAFE] {
            let text = engine.encode(&bytes).into_bytes();
            if end.saturating_sub(first) >= SHORTEST_PART
                && let Some(part) = text.get(first..end)
            {
                all.push(part.to_vec());
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "c4n4ry/d0+n0t-te11";

    fn told(text: &str) -> String {
        String::from_utf8(Hidden::of([SECRET]).told(text.as_bytes().to_vec())).unwrap()
    }

    #[test]
    fn it_is_found_however_it_is_written() {
        for written in [
            SECRET.to_string(),
            SECRET.replace('/', "\\/"),
            SECRET.replace('/', "%2F").replace('+', "%2b"),
            SECRET
                .bytes()
                .map(|byte| format!("\\u{byte:04x}"))
                .collect(),
            SECRET.bytes().map(|byte| format!("%{byte:02X}")).collect(),
        ] {
            let text = format!("{{\"line\":\"with \\\"{written}\\\" \\u00fc %zz\"}}");
            assert_eq!(
                told(&text),
                "{\"line\":\"with \\\"[secret]\\\" \\u00fc %zz\"}"
            );
        }
        for user in ["", "a", "an", "ann", "anna"] {
            for engine in [&STANDARD, &URL_SAFE] {
                let basic = engine.encode(format!("{user}:{SECRET}:and more"));
                let left = told(&format!("Basic {basic}"));
                assert!(left.contains(MARK), "{user}: {left}");
                // What follows from the secret alone is gone.
                assert!(
                    left.len() <= basic.len() + MARK.len() - 16,
                    "{user}: {left}"
                );
            }
        }
    }

    /// Lines of logs are JSON within JSON, and passwords have letters of every language.
    #[test]
    fn it_is_found_in_json_within_json() {
        let secret = "pa\"ss/\u{fc}ber&1";
        let hidden = Hidden::of([secret]);
        let in_json = |text: &str| serde_json::Value::from(text).to_string();
        let ascii = |text: &str| text.replace('\u{fc}', "\\u00fc").replace('&', "\\u0026");
        let mut text = format!("say {secret} twice");
        for _ in 0..3 {
            text = ascii(&in_json(&text));
            let left = String::from_utf8(hidden.told(text.clone().into_bytes())).unwrap();
            assert!(left.contains(MARK) && !left.contains("ber"), "{left}");
            assert!(left.contains("say ") && left.contains(" twice"), "{left}");
        }
    }

    #[test]
    fn what_may_be_a_name_stays_in_telemetry() {
        let hidden = Hidden::of(["prometheus", "123456789012", "short", "s3cret-enough"]);
        let text = "job=prometheus 123456789012 short s3cret-enough";
        let left = String::from_utf8(hidden.told(text.as_bytes().to_vec())).unwrap();
        assert_eq!(left, "job=prometheus 123456789012 short [secret]");
        assert_eq!(hidden.said(text), "job=[secret] [secret] short [secret]");
        assert_eq!(Hidden::default().said(text), text);
    }

    #[test]
    fn lengths_stay_where_they_count() {
        let mut bytes = format!("\u{1}x{SECRET}y").into_bytes();
        let before = bytes.len();
        Hidden::of([SECRET]).told_in_place(&mut bytes);
        assert_eq!(bytes.len(), before);
        assert_eq!(bytes, format!("\u{1}x{MARK}**********y").as_bytes());
    }

    #[test]
    fn it_is_found_at_any_place_of_a_long_answer() {
        let escaped: String = SECRET
            .bytes()
            .map(|byte| format!("\\u{byte:04x}"))
            .collect();
        for before in (STRETCH - 900..STRETCH + 9).step_by(7) {
            let text = format!("{}{escaped}{}", "x".repeat(before), "y".repeat(STRETCH));
            let left = told(&text);
            assert!(left.contains(MARK), "{before}");
            assert_eq!(
                left.len(),
                text.len() - escaped.len() + MARK.len(),
                "{before}"
            );
        }
    }

    proptest! {
        #[test]
        fn nothing_else_is_altered(text in any::<String>()) {
            prop_assume!(!text.contains(SECRET));
            prop_assert_eq!(told(&text), text);
        }

        #[test]
        fn nothing_of_it_is_left(before in "[ -~]{0,40}", after in "[ -~]{0,40}") {
            let left = told(&format!("{before}{SECRET}{after}"));
            prop_assert!(!left.contains(SECRET), "{}", left);
        }
    }
}
