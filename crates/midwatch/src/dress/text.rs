//! Making foreign text safe to show, and fitting it to a width.
//!
//! Telemetry is hostile: a log line may carry terminal escape sequences, right-to-left overrides or
//! markup. [`plain`] makes every such character visible instead of active; each dress then escapes
//! for its own language on top.

use std::borrow::Cow;
use std::fmt::Write as _;

use model::foreign::{acts, breaks};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The longest text that is shown whole, in characters. A 10 MB log line must not fill a page.
pub const LONGEST: usize = 2_000;

/// Replaces what could act on a terminal or hide in a page: line breaks and tabs become spaces, other
/// control and invisible formatting characters become visible escapes such as `\u{1b}`. Text beyond
/// [`LONGEST`] characters is cut, and says so.
pub fn plain(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST && !text.chars().any(|c| breaks(c) || acts(c)) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len().min(LONGEST * 4) + 32);
    for (index, c) in text.chars().enumerate() {
        if index == LONGEST {
            let rest = text.chars().count() - LONGEST;
            let _ = write!(safe, "... ({rest} more characters)");
            break;
        }
        if breaks(c) {
            safe.push(' ');
        } else if acts(c) {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// Columns that `text` takes in a terminal.
pub fn columns(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// Cuts `text` to `max` columns, with `...` in place of what was lost.
pub fn shorten(text: &str, max: usize) -> String {
    if columns(text) <= max {
        return text.to_string();
    }
    let mut kept = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide + 3 > max {
            break;
        }
        used += wide;
        kept.push(c);
    }
    kept.push_str("...");
    kept
}

/// Splits one word into parts of at most `width` columns, so that a long path or query never runs
/// over the edge.
pub fn hyphenless_parts(word: &str, width: usize) -> Vec<&str> {
    let width = width.max(1);
    let mut parts = Vec::new();
    let (mut start, mut used) = (0, 0);
    for (at, c) in word.char_indices() {
        let wide = c.width().unwrap_or(0);
        if used + wide > width && at > start {
            parts.push(&word[start..at]);
            (start, used) = (at, 0);
        }
        used += wide;
    }
    parts.push(&word[start..]);
    parts
}

/// A number as people read it: six significant digits at most, no trailing zeros, thousands apart
/// from the rest by nothing (queries are pasted).
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    if value == 0.0 {
        return "0".to_string();
    }
    let magnitude = value.abs().log10().floor() as i32;
    if !(-5..15).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let decimals = (5 - magnitude).clamp(0, 10) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_string()
    } else {
        text
    }
}

/// A whole number with its thousands apart, for counts in sentences: `12 345`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut spaced = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            spaced.push(' ');
        }
        spaced.push(digit);
    }
    spaced
}

/// Escapes for XML and HTML, in text and in quoted attributes, after making the text plain.
pub fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in plain(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Escapes for Markdown as GitHub and CommonMark read it, after making the text plain: no markup, no
/// HTML, no image and no link can come of it, not even from a bare address.
pub fn markdown(text: &str) -> String {
    let safe = plain(text);
    let mut escaped = String::with_capacity(safe.len() + 16);
    let mut before = ' ';
    let mut rest = safe.chars().peekable();
    while let Some(c) = rest.next() {
        let after = rest.peek().copied().unwrap_or(' ');
        let first = escaped.is_empty();
        let dangerous = match c {
            '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '@' | '$' => true,
            '_' => !(before.is_alphanumeric() && after.is_alphanumeric()),
            '#' | '+' | '-' | '=' => first,
            '.' | ')' => {
                // "1. " begins a list; "www." begins an address.
                (after == ' ' && !first && escaped.chars().all(|d| d.is_ascii_digit()))
                    || escaped.to_ascii_lowercase().ends_with("www")
            }
            ':' => after == '/',
            _ => false,
        };
        if dangerous {
            escaped.push('\\');
        }
        escaped.push(c);
        before = c;
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_become_visible() {
        assert_eq!(plain("a\x1b[31mb\u{202e}c\nd"), "a\\u{1b}[31mb\\u{202e}c d");
        assert_eq!(plain("\u{9b}2J"), "\\u{9b}2J");
        assert_eq!(plain("plain"), "plain");
        let long = "x".repeat(LONGEST + 5);
        assert!(plain(&long).ends_with("x... (5 more characters)"));
    }

    #[test]
    fn numbers_read_well() {
        let cases = [
            (0.0, "0"),
            (0.94, "0.94"),
            (1234.5, "1234.5"),
            (12_345_678.9, "12345679"),
            (1e-9, "1.000e-9"),
            (1e300, "1.000e300"),
            (-2.5, "-2.5"),
        ];
        for (value, said) in cases {
            assert_eq!(number(value), said);
        }
        assert_eq!(count(1_234_567), "1 234 567");
        assert_eq!(count(12), "12");
    }

    #[test]
    fn markdown_cannot_be_smuggled_in() {
        assert_eq!(
            markdown("<script>![x](http://evil)"),
            "\\<script\\>!\\[x\\](http\\://evil)"
        );
        assert_eq!(markdown("# not a heading"), "\\# not a heading");
        assert_eq!(markdown("1. not a list"), "1\\. not a list");
        assert_eq!(markdown("0.75"), "0.75");
        assert_eq!(markdown("pool_max is 4"), "pool_max is 4");
        assert_eq!(markdown("see www.evil.example"), "see www\\.evil.example");
    }

    #[test]
    fn long_words_are_split_within_the_width() {
        assert_eq!(hyphenless_parts("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(shorten("abcdefgh", 6), "abc...");
        assert_eq!(hyphenless_parts("", 3), [""]);
    }
}
