//! One pass over the bytes of a line that replaces what is surely a value by a typed mark.
//!
//! A regular expression per kind would read the line once for each kind; here each byte is looked at once to find the
//! words and what they are made of, and only words that hold a digit, a slash or the like are looked at again.

use super::shape;
use super::slot::SlotKind;

/// Receives the parts of a line in their order.
pub(super) trait Sink {
    /// Text that is kept as it is.
    fn literal(&mut self, text: &[u8]);
    /// A value; `text` is what stood in the line.
    fn slot(&mut self, kind: SlotKind, text: &[u8]);
}

impl Sink for Vec<u8> {
    #[inline]
    fn literal(&mut self, text: &[u8]) {
        self.extend_from_slice(text);
    }

    #[inline]
    fn slot(&mut self, kind: SlotKind, _text: &[u8]) {
        self.extend_from_slice(kind.mark().as_bytes());
    }
}

/// Appends the skeleton of `line` to `out`: values become marks such as `<num>`, white space becomes single blanks.
///
/// Any bytes are accepted; a skeleton is its own skeleton.
pub fn mask(line: &[u8], out: &mut Vec<u8>) {
    out.reserve(line.len() + 16);
    scan(line, out);
}

// What a byte is to the scanner. Several bits may be set.
pub(super) const SPACE: u16 = 1;
const DELIMITER: u16 = 2;
pub(super) const ESCAPE: u16 = 4;
/// All bits from here on belong to bytes inside words.
pub(super) const DIGIT: u16 = 8;
pub(super) const LETTER: u16 = 16;
pub(super) const DOT: u16 = 32;
pub(super) const COLON: u16 = 64;
pub(super) const SLASH: u16 = 128;
pub(super) const AT: u16 = 256;
pub(super) const DASH: u16 = 512;
pub(super) const OTHER: u16 = 1024;

const BREAKS_WORD: u16 = SPACE | DELIMITER | ESCAPE;
/// A word without any of these holds no value that could be told by its form alone.
const WORTH_A_LOOK: u16 = DIGIT | SLASH | AT | DOT | OTHER;

pub(super) const CLASS: [u16; 256] = {
    let mut table = [OTHER; 256];
    let mut i = 0;
    while i < 256 {
        let b = i as u8;
        table[i] = match b {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | 0 => SPACE,
            b'=' | b',' | b';' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'"' | b'\'' | b'<'
            | b'>' | b'|' | b'`' => DELIMITER,
            0x1b => ESCAPE,
            b'0'..=b'9' => DIGIT,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => LETTER,
            b'.' => DOT,
            b':' => COLON,
            b'/' => SLASH,
            b'@' => AT,
            b'-' => DASH,
            0x80..=0xff => LETTER,
            _ => OTHER,
        };
        i += 1;
    }
    table
};

/// Splits `line` into literals and slots.
pub(super) fn scan<S: Sink>(line: &[u8], sink: &mut S) {
    let mut at = 0;
    // Literal text from here to `at` is not yet handed on, so that plain words are copied together.
    let mut pending = 0;
    let mut any_output = false;
    while at < line.len() {
        let class = CLASS[line[at] as usize];
        if class & BREAKS_WORD == 0 {
            let start = at;
            let mut flags = class;
            at += 1;
            while at < line.len() {
                let class = CLASS[line[at] as usize];
                if class & BREAKS_WORD != 0 {
                    break;
                }
                flags |= class;
                at += 1;
            }
            if flags & WORTH_A_LOOK == 0 {
                continue;
            }
            // A word that touches a mark is what an earlier pass left of a longer word: it is judged only by its
            // digits, or a second pass could find an address where the first found none.
            let touches_mark =
                (start > 0 && line[start - 1] == b'>' && ends_in_mark(&line[..start]))
                    || (at < line.len()
                        && line[at] == b'<'
                        && SlotKind::at_start_of(&line[at..]).is_some());
            let Some(first) = shape::first_value(line, start, at, flags, touches_mark) else {
                continue;
            };
            sink.literal(&line[pending..start]);
            any_output = true;
            at = shape::emit(line, start, at, first, sink);
            pending = at;
        } else if class & DELIMITER != 0 {
            at += 1;
        } else {
            // A run of white space and terminal colour codes becomes one blank, and nothing at either end.
            let run = at;
            let mut plain_blank = true;
            while at < line.len() {
                let class = CLASS[line[at] as usize];
                if class & SPACE != 0 {
                    plain_blank &= line[at] == b' ';
                    at += 1;
                } else if class & ESCAPE != 0 {
                    plain_blank = false;
                    at = skip_escape(line, at);
                } else {
                    break;
                }
            }
            if plain_blank && at - run == 1 && run > 0 && at < line.len() {
                continue;
            }
            if run > pending {
                sink.literal(&line[pending..run]);
                any_output = true;
            }
            if any_output && at < line.len() {
                sink.literal(b" ");
            }
            pending = at;
        }
    }
    if pending < line.len() {
        sink.literal(&line[pending..]);
    }
}

/// Whether `text`, which ends in `>`, ends in a mark.
fn ends_in_mark(text: &[u8]) -> bool {
    SlotKind::ALL
        .iter()
        .any(|kind| text.ends_with(kind.mark().as_bytes()))
}

/// The end of the terminal escape sequence that begins at `at` (ECMA-48: `ESC [ parameters final`).
fn skip_escape(line: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    if line.get(end) == Some(&b'[') {
        end += 1;
        while end < line.len() && (0x20..0x40).contains(&line[end]) {
            end += 1;
        }
        if end < line.len() && (0x40..0x7f).contains(&line[end]) {
            end += 1;
        }
    }
    end
}
