//! A pull parser for JSON that borrows from its text.
//!
//! Telemetry arrives as millions of small objects whose shape is known; walking them once, without a
//! tree and without copies, is what makes a recording of a million lines open in a second. It is
//! strict about structure, strings and numbers, bounded in depth, and every error knows its place.

use std::borrow::Cow;

use memchr::memchr2;

/// Objects and arrays within one another; the same bound that `serde_json` keeps.
const DEPTH: u32 = 128;

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    String,
    Number,
    Bool,
    Null,
}

/// Not JSON, or not the JSON that was hoped for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JsonError {
    /// Byte offset into the text.
    pub at: usize,
    /// What belongs there.
    pub expected: Cow<'static, str>,
    /// Too deep, rather than malformed.
    pub nesting: bool,
}

type Parsed<T> = Result<T, JsonError>;

/// A place in a JSON text.
pub(crate) struct Json<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
}

impl<'a> Json<'a> {
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
        }
    }

    /// A second cursor at this place, to come back to.
    pub fn here(&self) -> Self {
        Self {
            text: self.text,
            at: self.at,
            depth: self.depth,
        }
    }

    /// Byte offset of what comes next.
    pub fn offset(&mut self) -> usize {
        self.space();
        self.at
    }

    /// An error here.
    pub fn error<T>(&self, expected: impl Into<Cow<'static, str>>) -> Parsed<T> {
        Err(JsonError {
            at: self.at,
            expected: expected.into(),
            nesting: false,
        })
    }

    fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn space(&mut self) {
        while matches!(self.byte(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    /// Is there nothing but white space left?
    pub fn finished(&mut self) -> bool {
        self.space();
        self.at >= self.text.len()
    }

    /// Nothing may follow.
    pub fn end(&mut self) -> Parsed<()> {
        if self.finished() {
            Ok(())
        } else {
            self.error("nothing after the value")
        }
    }

    /// What comes next.
    pub fn kind(&mut self) -> Parsed<Kind> {
        self.space();
        Ok(match self.byte() {
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b'"' => Kind::String,
            b'-' | b'0'..=b'9' => Kind::Number,
            b't' | b'f' => Kind::Bool,
            b'n' => Kind::Null,
            _ => return self.error("a JSON value"),
        })
    }

    fn enter(&mut self) -> Parsed<()> {
        self.depth += 1;
        self.at += 1;
        if self.depth > DEPTH {
            return Err(JsonError {
                at: self.at,
                expected: "fewer than 128 values within one another".into(),
                nesting: true,
            });
        }
        Ok(())
    }

    /// Visits each member; the visitor must take the value.
    pub fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, Cow<'a, str>) -> Parsed<()>,
    ) -> Parsed<()> {
        self.space();
        if self.byte() != b'{' {
            return self.error("an object");
        }
        self.enter()?;
        self.space();
        if self.byte() == b'}' {
            self.at += 1;
            self.depth -= 1;
            return Ok(());
        }
        loop {
            self.space();
            let key = self.string()?;
            self.space();
            if self.byte() != b':' {
                return self.error("a colon");
            }
            self.at += 1;
            member(self, key)?;
            self.space();
            match self.byte() {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    self.depth -= 1;
                    return Ok(());
                }
                _ => return self.error("a comma or the end of the object"),
            }
        }
    }

    /// Visits each element; the visitor must take the value.
    pub fn array(&mut self, mut element: impl FnMut(&mut Self) -> Parsed<()>) -> Parsed<()> {
        self.space();
        if self.byte() != b'[' {
            return self.error("an array");
        }
        self.enter()?;
        self.space();
        if self.byte() == b']' {
            self.at += 1;
            self.depth -= 1;
            return Ok(());
        }
        loop {
            element(self)?;
            self.space();
            match self.byte() {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    self.depth -= 1;
                    return Ok(());
                }
                _ => return self.error("a comma or the end of the array"),
            }
        }
    }

    /// An array, or nothing where a `null` stands.
    pub fn array_or_null(&mut self, element: impl FnMut(&mut Self) -> Parsed<()>) -> Parsed<()> {
        if self.kind()? == Kind::Null {
            return self.skip();
        }
        self.array(element)
    }

    /// An object, or nothing where a `null` stands: protobuf's JSON has it for messages that are not there.
    pub fn object_or_null(
        &mut self,
        field: impl FnMut(&mut Self, Cow<'a, str>) -> Parsed<()>,
    ) -> Parsed<()> {
        if self.kind()? == Kind::Null {
            return self.skip();
        }
        self.object(field)
    }

    /// A string; borrowed unless it holds escapes.
    pub fn string(&mut self) -> Parsed<Cow<'a, str>> {
        self.space();
        if self.byte() != b'"' {
            return self.error("a string");
        }
        let start = self.at + 1;
        let bytes = self.text.as_bytes();
        let Some(found) = memchr2(b'"', b'\\', &bytes[start..]) else {
            return self.error("the end of the string");
        };
        let stop = start + found;
        if bytes[stop] == b'"' {
            let text = &self.text[start..stop];
            self.controls(text, start)?;
            self.at = stop + 1;
            return Ok(Cow::Borrowed(text));
        }
        let mut out = String::with_capacity(found * 2);
        let mut from = start;
        let mut stop = stop;
        loop {
            let text = &self.text[from..stop];
            self.controls(text, from)?;
            out.push_str(text);
            if bytes[stop] == b'"' {
                self.at = stop + 1;
                return Ok(Cow::Owned(out));
            }
            self.at = stop;
            from = self.escape(stop + 1, &mut out)?;
            let Some(found) = memchr2(b'"', b'\\', &bytes[from..]) else {
                return self.error("the end of the string");
            };
            stop = from + found;
        }
    }

    fn controls(&self, text: &str, at: usize) -> Parsed<()> {
        // A compiler turns this fold into vector code; a search with early exit it does not.
        if text.bytes().fold(false, |any, b| any | (b < 0x20)) {
            return Err(JsonError {
                at,
                expected: "control characters in strings written as escapes".into(),
                nesting: false,
            });
        }
        Ok(())
    }

    /// Reads the escape whose letter stands at `at`; returns the offset after it.
    fn escape(&self, at: usize, out: &mut String) -> Parsed<usize> {
        let bytes = self.text.as_bytes();
        let plain = match bytes.get(at) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let Some(high) = hex4(bytes, at + 1) else {
                    return self.error("four hexadecimal digits");
                };
                // A lone surrogate cannot stand in UTF-8: loggers write them when they cut a text in
                // two, so it becomes the replacement character rather than an error.
                if (0xd800..0xdc00).contains(&high)
                    && bytes.get(at + 5) == Some(&b'\\')
                    && bytes.get(at + 6) == Some(&b'u')
                    && let Some(low) = hex4(bytes, at + 7)
                    && (0xdc00..0xe000).contains(&low)
                {
                    let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                    out.push(char::from_u32(code).unwrap_or('\u{fffd}'));
                    return Ok(at + 11);
                }
                out.push(char::from_u32(high).unwrap_or('\u{fffd}'));
                return Ok(at + 5);
            }
            _ => return self.error("an escape that JSON knows"),
        };
        out.push(plain);
        Ok(at + 1)
    }

    /// The digits of a number.
    pub fn number(&mut self) -> Parsed<&'a str> {
        self.space();
        let start = self.at;
        let bytes = self.text.as_bytes();
        let digits = |at: usize| {
            bytes[at..]
                .iter()
                .take_while(|b| b.is_ascii_digit())
                .count()
        };
        let mut at = start;
        if self.byte() == b'-' {
            at += 1;
        }
        let whole = digits(at);
        if whole == 0 {
            return self.error("a number");
        }
        if whole > 1 && bytes[at] == b'0' {
            return self.error("a number without leading zeros");
        }
        at += whole;
        if bytes.get(at) == Some(&b'.') {
            let fraction = digits(at + 1);
            if fraction == 0 {
                return self.error("digits after the point");
            }
            at += 1 + fraction;
        }
        if matches!(bytes.get(at), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
            let exponent = digits((at + 1 + sign).min(bytes.len()));
            if exponent == 0 {
                return self.error("digits in the exponent");
            }
            at += 1 + sign + exponent;
        }
        self.at = at;
        Ok(&self.text[start..at])
    }

    fn word(&mut self, word: &'static str) -> Parsed<()> {
        if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(())
        } else {
            self.error("true, false or null")
        }
    }

    /// Steps over the value, checking its structure.
    pub fn skip(&mut self) -> Parsed<()> {
        match self.kind()? {
            Kind::Object => self.object(|json, _| json.skip()),
            Kind::Array => self.array(Self::skip),
            Kind::String => self.string().map(drop),
            Kind::Number => self.number().map(drop),
            Kind::Bool if self.byte() == b't' => self.word("true"),
            Kind::Bool => self.word("false"),
            Kind::Null => self.word("null"),
        }
    }

    /// The value's own text.
    pub fn raw(&mut self) -> Parsed<&'a str> {
        self.space();
        let start = self.at;
        self.skip()?;
        Ok(&self.text[start..self.at])
    }

    /// A scalar as text: a string's content, a number's digits, `true`, `false`, nothing for `null`;
    /// objects and arrays as their JSON.
    pub fn text(&mut self) -> Parsed<Cow<'a, str>> {
        match self.kind()? {
            Kind::String => self.string(),
            Kind::Null => self.skip().map(|()| Cow::Borrowed("")),
            _ => self.raw().map(Cow::Borrowed),
        }
    }

    /// A number, or a string that holds one (`NaN` and `Infinity` too: the mapping of protocol
    /// buffers to JSON writes them so). `null` is NaN.
    pub fn float(&mut self) -> Parsed<f64> {
        let at = self.offset();
        let text = self.text()?;
        match text.as_ref() {
            "" => Ok(f64::NAN),
            text => super::number::float(text.as_bytes()).ok_or(JsonError {
                at,
                expected: "a number".into(),
                nesting: false,
            }),
        }
    }

    /// A whole number, or a string that holds one: 64-bit numbers travel as strings in OTLP/JSON.
    pub fn int(&mut self) -> Parsed<i64> {
        let at = self.offset();
        let text = self.text()?;
        let whole = text.parse::<i64>().ok().or_else(|| {
            text.parse::<u64>()
                .ok()
                .map(|n| i64::try_from(n).unwrap_or(i64::MAX))
        });
        // Some writers print whole numbers as floats (`1.7e9`, `3.0`).
        let read = whole.or_else(|| {
            let number = super::number::float(text.as_bytes())?;
            (number.fract() == 0.0 && number.abs() < 9.2e18).then_some(number as i64)
        });
        match read {
            Some(number) => Ok(number),
            None if text.is_empty() => Ok(0),
            None => Err(JsonError {
                at,
                expected: "a whole number".into(),
                nesting: false,
            }),
        }
    }

    /// `true`, `false`, or nothing for `null`.
    pub fn flag(&mut self) -> Parsed<bool> {
        let at = self.offset();
        match self.text()?.as_ref() {
            "true" => Ok(true),
            "false" | "" => Ok(false),
            _ => Err(JsonError {
                at,
                expected: "true or false".into(),
                nesting: false,
            }),
        }
    }
}

fn hex4(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + 4)?;
    let mut code = 0;
    for digit in digits {
        code = code * 16 + char::from(*digit).to_digit(16)?;
    }
    Some(code)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn valid(text: &str) -> bool {
        let mut json = Json::new(text);
        json.skip().and_then(|()| json.end()).is_ok()
    }

    #[test]
    fn agrees_with_serde_on_what_json_is() {
        for text in [
            "{}",
            "[]",
            "[1,2]",
            "[1,]",
            "{\"a\":1}",
            "{\"a\":}",
            "01",
            "-",
            "-0",
            "1.",
            "1.5e",
            "1.5e3",
            "\"a",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u1234\"",
            "tru",
            "true",
            "null",
            "nul",
            "\"\n\"",
            "[1 2]",
            "{\"a\" 1}",
            "{a:1}",
            "",
            " ",
            "[[[]]]",
            "{}{}",
            "\"\\\"\"",
            "[\"\\\\\"]",
            "1e400",
            "-1E-5",
        ] {
            let serde = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
            assert_eq!(valid(text), serde, "{text:?}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let deep = "[".repeat(1_000_000);
        let error = Json::new(&deep).skip().unwrap_err();
        assert!(error.nesting);
        assert!(valid(&format!("{}{}", "[".repeat(128), "]".repeat(128))));
    }

    proptest! {
        #[test]
        fn strings_round_trip(text in any::<String>()) {
            let written = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(Json::new(&written).string().unwrap().into_owned(), text);
        }

        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            let serde = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            prop_assert!(!serde || valid(&text));
        }

        #[test]
        fn jsonish_text_agrees_with_serde(text in "[\\[\\]{}\",:0-9a-z.\\-\\\\ ]{0,24}") {
            let serde = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
            prop_assert_eq!(valid(&text), serde);
        }
    }
}
