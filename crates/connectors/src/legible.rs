//! Foreign text made fit to be sent to people: one line, nothing in it that acts or hides, no longer than what is sent
//! to allows. Whoever sends it escapes for the language of the other end on top.

use model::foreign::{acts, breaks};

/// What stands where text was cut off.
const CUT: char = '…';

/// Line breaks and tabs become spaces; control characters, direction overrides and characters that cannot be seen
/// become `\u{…}`. Each character then is written as `escape` says, and what would lead beyond `most` UTF-16 units,
/// as which the strictest of the other ends count, is cut off.
pub fn fitted(text: &str, most: usize, escape: impl Fn(char) -> Option<&'static str>) -> String {
    let mut out = String::new();
    let mut length = 0;
    let mut end_if_cut = 0;
    for c in text.chars() {
        let before = out.len();
        if breaks(c) {
            out.push(' ');
        } else if acts(c) {
            out.extend(c.escape_unicode());
        } else if let Some(escaped) = escape(c) {
            out.push_str(escaped);
        } else {
            out.push(c);
        }
        length += units(&out[before..]);
        if length > most {
            out.truncate(end_if_cut);
            if most > 0 {
                out.push(CUT);
            }
            return out;
        }
        // Room for the mark is kept until it is known that it is not needed.
        if length < most {
            end_if_cut = out.len();
        }
    }
    out
}

/// Without a language at the other end.
pub fn plain(text: &str, most: usize) -> String {
    fitted(text, most, |_| None)
}

/// Length in UTF-16 units.
pub fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn marked(c: char) -> Option<&'static str> {
        (c == '<').then_some("&lt;")
    }

    #[test]
    fn what_acts_is_seen_and_what_is_too_long_is_cut() {
        assert_eq!(
            plain("a\r\nb\u{1b}[2J\u{202e}c", 99),
            "a  b\\u{1b}[2J\\u{202e}c"
        );
        assert_eq!(plain("abcdef", 6), "abcdef");
        assert_eq!(plain("abcdefg", 6), "abcde…");
        assert_eq!(fitted("a<<b", 10, marked), "a&lt;&lt;b");
        assert_eq!(fitted("a<<bc", 10, marked), "a&lt;&lt;…");
        assert_eq!(fitted("<<", 6, marked), "&lt;…");
        assert_eq!(plain("x", 0), "");
    }

    proptest! {
        #[test]
        fn nothing_is_longer_than_it_may_be_and_nothing_acts(text in any::<String>(), most in 0usize..40) {
            let fitted = fitted(&text, most, marked);
            prop_assert!(units(&fitted) <= most, "{fitted:?}");
            prop_assert!(!fitted.chars().any(|c| acts(c) || breaks(c) || c == '<'));
        }
    }
}
