//! Credentials that are not to be found again, and the search for them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use regex::bytes::Regex;
use sha2::{Digest as _, Sha256};

/// What stands beside a credential wherever a double says it back: no secret, so it is found where outputs are read.
pub const MARKER: &str = "m4rk3r";
/// Letters that no digest is written in.
const LETTERS: &[u8] = b"ghjkmnpqrstuvwxyz";
/// Letters of both ends, by which half a credential is known, too.
const END: usize = 10;

/// One end of a credential: by its name, so that every run has the same.
fn end(name: &str, which: u8) -> String {
    let mut hash = Sha256::new();
    hash.update([which]);
    hash.update(name.as_bytes());
    let digest = hash.finalize();
    let letters = digest.iter().take(END);
    letters
        .map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]))
        .collect()
}

/// All credentials of a test, by name.
#[derive(Default)]
pub struct Birds(Mutex<BTreeMap<String, String>>);

impl Birds {
    /// A credential as most are: of letters, digits and signs that JSON and addresses may escape.
    pub fn hatch(&self, name: &str) -> String {
        self.named(name, format!("{}/7{name}+{}", end(name, 1), end(name, 2)))
    }

    /// One of letters and digits alone, 32 of them.
    pub fn plain(&self, name: &str) -> String {
        let middle = &format!("7{name}000000000000")[..12];
        self.named(name, format!("{}{middle}{}", end(name, 1), end(name, 2)))
    }

    /// One that somebody else made.
    pub fn named(&self, name: &str, secret: String) -> String {
        let known = self
            .0
            .lock()
            .unwrap()
            .insert(name.to_string(), secret.clone());
        assert!(known.is_none_or(|known| known == secret), "{name} twice");
        secret
    }

    /// Where which of them are: each output by name, with the credentials in it and what stands around them.
    pub fn found(&self, outputs: &[Output]) -> Vec<String> {
        let known = self.0.lock().unwrap();
        let mut whose: BTreeMap<Vec<u8>, &str> = BTreeMap::new();
        for (name, secret) in &*known {
            let bytes = secret.as_bytes();
            for part in [&bytes[..END.min(bytes.len())], &bytes[bytes.len() - END..]] {
                whose.insert(part.to_vec(), name);
                for part in encoded(part) {
                    whose.insert(part, name);
                }
            }
        }
        let parts: Vec<String> = whose
            .keys()
            .map(|part| regex::escape(std::str::from_utf8(part).unwrap()))
            .collect();
        let any = Regex::new(&parts.join("|")).unwrap();
        let mut all = Vec::new();
        for output in outputs {
            let mut held: BTreeMap<&str, String> = BTreeMap::new();
            for text in [output.bytes.clone(), unescaped(&output.bytes)] {
                for found in any.find_iter(&text) {
                    let (from, to) = (found.start().saturating_sub(90), found.end() + 30);
                    let around = &text[from..to.min(text.len())];
                    held.entry(whose[found.as_bytes()])
                        .or_insert_with(|| String::from_utf8_lossy(around).into_owned());
                }
            }
            all.extend(held.iter().map(|(bird, around)| {
                format!("{} holds the credential {bird}: …{around:?}…", output.name)
            }));
        }
        all
    }
}

/// Something that the program said, wrote or sent.
pub struct Output {
    pub name: String,
    pub bytes: Vec<u8>,
}

impl Output {
    pub fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.into(),
            bytes: bytes.into(),
        }
    }

    pub fn has(&self, text: &str) -> bool {
        let text = text.as_bytes();
        self.bytes.windows(text.len()).any(|part| part == text)
    }
}

/// What of a base64 text follows from these bytes alone, for each place at which they may begin there.
fn encoded(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for before in 0..3 {
        let shifted = [&vec![0; before], bytes].concat();
        let (first, last) = ((before * 8).div_ceil(6), shifted.len() * 8 / 6);
        for engine in [STANDARD, URL_SAFE] {
            all.push(engine.encode(&shifted).as_bytes()[first..last].to_vec());
        }
    }
    all
}

/// The same with `%2F`, `\u002f` and `\/` read.
fn unescaped(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    let digit = |digits: &[u8]| {
        let text = std::str::from_utf8(digits).ok()?;
        u8::from_str_radix(text, 16).ok()
    };
    while at < bytes.len() {
        let rest = &bytes[at..];
        let (byte, length) = match rest {
            [b'%', a, b, ..] if digit(&[*a, *b]).is_some() => (digit(&[*a, *b]).unwrap(), 3),
            [b'\\', b'u', b'0', b'0', a, b, ..] if digit(&[*a, *b]).is_some() => {
                (digit(&[*a, *b]).unwrap(), 6)
            }
            [b'\\', b'/', ..] => (b'/', 2),
            _ => (rest[0], 1),
        };
        out.push(byte);
        at += length;
    }
    out
}

/// What a double says of the credential that it was shown, in every way in which somebody may write it.
pub fn echo(name: &str, shown: &str) -> String {
    let mut secret = shown
        .split_once(' ')
        .map_or(shown, |(_, value)| value)
        .to_string();
    let decoded = STANDARD.decode(&secret).ok();
    if let Some(pair) = decoded.and_then(|bytes| String::from_utf8(bytes).ok())
        && let Some((_, password)) = pair.rsplit_once([':', '\0'])
    {
        secret = password.to_string();
    }
    let escaped = secret.bytes().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "%{byte:02X}");
        text
    });
    let again: Vec<String> = (0..9)
        .map(|i| format!("{secret}{}", ".".repeat(i)))
        .collect();
    format!(
        "{MARKER}-{name} was shown {} {secret} {escaped} {} {}",
        // No control character stands in a header.
        shown.replace('\0', " "),
        STANDARD.encode(format!("ab:{secret}")),
        again.join(" ")
    )
}
