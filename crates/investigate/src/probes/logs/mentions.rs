//! Which other units does a line speak of?

use aho_corasick::{AhoCorasick, MatchKind};

use crate::scene::Scene;

/// Shortest name that is looked for.
const LEAST_NAME: usize = 3;
/// How far into a line names are looked for.
const LOOKED_AT_BYTES: usize = 4096;
/// Most units that one line is said to speak of.
const MOST: usize = 8;

/// Finds names of units in text.
#[derive(Debug)]
pub struct Mentions {
    finder: Option<AhoCorasick>,
    /// Unit of each pattern.
    units: Vec<u32>,
    /// Of each pattern that is an ordinary word: what sort of thing bears it. It speaks of the unit only beside that word,
    /// or one such as `service`.
    plain: Vec<Option<&'static [u8]>>,
}

impl Mentions {
    /// For the names of all entities of a scene; a copy's name speaks of its unit.
    pub fn of(scene: &Scene) -> Self {
        let mut names: Vec<(&str, u32, &str)> = scene
            .entities
            .iter()
            .enumerate()
            .map(|(number, entity)| {
                let name = entity.name.as_str();
                let unit = scene.meant_by(scene.unit_of[number]);
                (name, unit, entity.kind.word())
            })
            .filter(|(name, ..)| {
                name.len() >= LEAST_NAME && name.bytes().any(|b| b.is_ascii_alphabetic())
            })
            .collect();
        names.sort_unstable();
        names.dedup_by(|a, b| a.0 == b.0);
        let plain = names
            .iter()
            .map(|(name, _, kind)| {
                let plain = name.bytes().all(|b| b.is_ascii_alphabetic());
                plain.then_some(kind.as_bytes())
            })
            .collect();
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .ascii_case_insensitive(true)
            .build(names.iter().map(|(name, ..)| name))
            .ok();
        Self {
            finder,
            units: names.into_iter().map(|(_, unit, _)| unit).collect(),
            plain,
        }
    }

    /// Units other than `writer` that `text` names, sorted.
    pub fn in_text(&self, writer: u32, text: &str) -> Vec<u32> {
        let Some(finder) = &self.finder else {
            return Vec::new();
        };
        let bytes = &text.as_bytes()[..text.len().min(LOOKED_AT_BYTES)];
        let mut found = Vec::new();
        for hit in finder.find_iter(bytes) {
            let unit = self.units[hit.pattern().as_usize()];
            if unit == writer || found.contains(&unit) {
                continue;
            }
            let (before, after) = (&bytes[..hit.start()], &bytes[hit.end()..]);
            let whole = !before.last().is_some_and(|b| joins(*b))
                && !after.first().is_some_and(|b| joins(*b));
            let plain = self.plain[hit.pattern().as_usize()];
            if whole && plain.is_none_or(|kind| spoken_of(before, after, kind)) {
                found.push(unit);
                if found.len() == MOST {
                    break;
                }
            }
        }
        found.sort_unstable();
        found
    }
}

/// Would this letter make the name part of a longer one?
fn joins(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// Ordinary words are names where an address, a word for a party or that for their own kind surrounds them, or where it
/// is said of them that they fail: `http://cart/`, `cart:8080`, `cart service`, `upstream cart`, `function: reserve`,
/// `reserve failed`.
fn spoken_of(before: &[u8], after: &[u8], kind: &[u8]) -> bool {
    if before.ends_with(b"//") || before.ends_with(b"@") {
        return true;
    }
    let port = after.first() == Some(&b':') && after.get(1).is_some_and(u8::is_ascii_digit);
    let domain = after.first() == Some(&b'.') && after.get(1).is_some_and(u8::is_ascii_alphabetic);
    let word_after = word(after.iter().copied());
    let word_before: Vec<u8> = word(before.iter().rev().copied())
        .into_iter()
        .rev()
        .collect();
    const PARTIES: [&[u8]; 11] = [
        b"service",
        b"svc",
        b"upstream",
        b"downstream",
        b"host",
        b"server",
        b"backend",
        b"peer",
        b"dependency",
        b"calling",
        b"call",
    ];
    const FAILS: [&[u8]; 9] = [
        b"failed",
        b"fails",
        b"failing",
        b"unavailable",
        b"unreachable",
        b"answered",
        b"responded",
        b"returned",
        b"timed",
    ];
    let party = |word: &[u8]| word == kind || PARTIES.contains(&word);
    let fails = FAILS.contains(&word_after.as_slice());
    port || domain || party(&word_after) || fails || party(&word_before)
}

/// The next word, after at most two marks or spaces, in lower case.
fn word(bytes: impl Iterator<Item = u8>) -> Vec<u8> {
    let mut word = Vec::new();
    for (i, byte) in bytes.take(24).enumerate() {
        if byte.is_ascii_alphabetic() {
            word.push(byte.to_ascii_lowercase());
        } else if !word.is_empty() || i >= 2 {
            break;
        }
    }
    word
}
