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

    /// Reads one; `None` for anything else, for zero, and for more than 100 years.
    pub fn parse(text: &str) -> Option<Self> {
        let mut seconds = 0i64;
        let mut digits = String::new();
        let mut units = 0;
        for letter in text.trim().chars() {
            if letter.is_ascii_digit() {
                digits.push(letter);
                continue;
            }
            let unit = match letter {
                's' => 1,
                'm' => 60,
                'h' => 3600,
                'd' => 86_400,
                'w' => 604_800,
                _ => return None,
            };
            let count: i64 = digits.parse().ok()?;
            seconds = seconds.checked_add(count.checked_mul(unit)?)?;
            digits.clear();
            units += 1;
        }
        let within = (1..=100 * 366 * 86_400).contains(&seconds);
        (units > 0 && digits.is_empty() && within).then(|| Self::seconds(seconds))
    }
}

impl fmt::Display for Length {
    /// As it is written in rules, with the largest unit that fits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.whole_seconds();
        for (unit, letter) in [(604_800, 'w'), (86_400, 'd'), (3600, 'h'), (60, 'm')] {
            if seconds >= unit && seconds % unit == 0 {
                return write!(f, "{}{letter}", seconds / unit);
            }
        }
        write!(f, "{seconds}s")
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
                    .filter(|s| (1..=100 * 366 * 86_400).contains(s))
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
}
