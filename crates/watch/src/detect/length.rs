//! Lengths of time as people write them in rules: `10s`, `5m`, `1h30m`, `30d`.

use std::fmt;

use model::Span;
use model::time::SECOND;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time, above zero. Written as `10s`, `5m`, `1h30m`, `30d`, `2w`, or as a whole number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Length(pub Span);

impl Length {
    /// From whole seconds; saturates.
    pub fn seconds(seconds: i64) -> Self {
        Self(Span::seconds(seconds))
    }

    /// In whole seconds, rounded down.
    pub fn whole_seconds(self) -> i64 {
        self.0.0.div_euclid(SECOND)
    }

    /// Reads one; `None` for anything else, for zero, for parts of a second, and for more than 100 years.
    pub fn parse(text: &str) -> Option<Self> {
        let span = span(text)?;
        let within = (1..=LONGEST).contains(&(span.0 / SECOND));
        (within && span.0 % SECOND == 0).then_some(Self(span))
    }
}

/// The longest that makes sense, in seconds: 100 years.
const LONGEST: i64 = 100 * 366 * 86_400;

/// Milliseconds of each unit, the largest first. Minutes may be written out a little further, `5min`.
const UNITS: [(&str, i64); 7] = [
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("min", 60_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Reads a length of time as people write it wherever Midwatch asks for one: `10s`, `5m`, `1h30m`, `500ms`, also `0s`.
/// `None` for anything else, and for what a [`Span`] cannot hold.
pub fn span(text: &str) -> Option<Span> {
    let mut rest = text.trim();
    let mut millis = 0i64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (count, after) = rest.split_at(digits);
        let letters = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let (_, worth) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let count: i64 = count.parse().ok()?;
        millis = millis.checked_add(count.checked_mul(*worth)?)?;
        rest = after;
    }
    let some = text.trim().starts_with(|c: char| c.is_ascii_digit());
    let nanos = millis.checked_mul(SECOND / 1000)?;
    some.then_some(Span(nanos))
}

/// Writes a length of time as [`span`] reads it, with the largest unit that fits; what is below a millisecond is left
/// out.
pub fn written(span: Span) -> String {
    let millis = span.0 / (SECOND / 1000);
    let fits = |unit: &i64| millis != 0 && millis % unit == 0;
    let (name, unit) = UNITS
        .iter()
        .find(|(name, unit)| *name != "min" && fits(unit))
        .unwrap_or(&("s", 1000));
    format!("{}{name}", millis / unit)
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&written(self.0))
    }
}

impl Serialize for Length {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Seconds(i64),
            Text(String),
        }
        let (read, shown) = match Written::deserialize(deserializer)? {
            Written::Seconds(seconds) => (
                Some(seconds)
                    .filter(|s| (1..=LONGEST).contains(s))
                    .map(Self::seconds),
                seconds.to_string(),
            ),
            Written::Text(text) => (Self::parse(&text), format!("{text:?}")),
        };
        read.ok_or_else(|| {
            serde::de::Error::custom(format!(
                "{shown} is not a length of time; write it as 10s, 5m, 1h30m, 30d, or a number of seconds"
            ))
        })
    }
}

impl JsonSchema for Length {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Length".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["string", "integer"],
            "description": "A length of time: 10s, 5m, 1h30m, 30d, or a whole number of seconds."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_as_written() {
        let cases = [
            ("10s", Some(10)),
            ("5m", Some(300)),
            ("1h30m", Some(5400)),
            ("30d", Some(2_592_000)),
            ("2w", Some(1_209_600)),
            ("0s", None),
            ("10", None),
            ("ten", None),
            ("5x", None),
            ("-5m", None),
            ("500ms", None),
            ("1000ms", Some(1)),
            ("1h 30m", None),
            ("5min", Some(300)),
            ("99999999999999999999s", None),
            ("", None),
        ];
        for (text, seconds) in cases {
            assert_eq!(
                Length::parse(text).map(Length::whole_seconds),
                seconds,
                "{text}"
            );
        }
        assert_eq!(Length::seconds(5400).to_string(), "90m");
    }

    #[test]
    fn what_is_written_is_read_back() {
        for millis in [
            0,
            1,
            999,
            1000,
            1500,
            60_000,
            90_000,
            5_400_000,
            604_800_000,
        ] {
            let exact = Span(millis * 1_000_000);
            assert_eq!(span(&written(exact)), Some(exact), "{}", written(exact));
        }
        assert_eq!(written(Span(0)), "0s");
        assert_eq!(written(Span(1_500_000_000)), "1500ms");
        assert_eq!(span("1s500ms"), Some(Span(1_500_000_000)));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[0-9a-z ]{0,24}|\\PC{0,12}") {
            if let Some(read) = span(&text) {
                proptest::prop_assert_eq!(span(&written(read)), Some(read));
            }
        }
    }
}
