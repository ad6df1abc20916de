//! Lengths of time and numbers of bytes, as people write them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use model::time::Span;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time, written like `500ms`, `10s`, `5m`, `1h30m`, `1d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Length(Span);

impl Length {
    /// From milliseconds.
    pub const fn millis(ms: i64) -> Self {
        Self(Span(ms.saturating_mul(1_000_000)))
    }

    /// From seconds.
    pub const fn seconds(s: i64) -> Self {
        Self::millis(s.saturating_mul(1000))
    }

    /// From minutes.
    pub const fn minutes(min: i64) -> Self {
        Self::seconds(min.saturating_mul(60))
    }

    /// From hours.
    pub const fn hours(h: i64) -> Self {
        Self::minutes(h.saturating_mul(60))
    }

    /// As the rooms know it.
    pub const fn span(self) -> Span {
        self.0
    }

    /// As the standard library knows it; nothing for a negative length.
    pub fn duration(self) -> std::time::Duration {
        std::time::Duration::from_nanos(u64::try_from(self.0.0).unwrap_or(0))
    }
}

impl FromStr for Length {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The same words as in the files of alarms.
        watch::detect::span(text).map(Self).ok_or_else(|| {
            format!(
                "{text:?} is no length of time; write it like \"500ms\", \"10s\", \"5m\" or \"1h30m\""
            )
        })
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&watch::detect::written(self.0))
    }
}

/// A number of bytes, written like `512MiB`, `4GiB` or `64kB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

const SIZES: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad =
            || format!("{text:?} is no number of bytes; write it like \"512MiB\" or \"4GiB\"");
        let (number, unit) = split(text).ok_or_else(bad)?;
        let (_, size) = SIZES
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(bad)?;
        u64::try_from(number)
            .ok()
            .and_then(|number| number.checked_mul(*size))
            .map(Self)
            .ok_or_else(bad)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, size) = SIZES
            .iter()
            .find(|(_, size)| self.0 != 0 && self.0.is_multiple_of(*size))
            .unwrap_or(&("B", 1));
        write!(f, "{}{name}", self.0 / size)
    }
}

/// The whole number in front, and the unit behind it.
fn split(text: &str) -> Option<(i64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    Some((text[..end].parse().ok()?, text[end..].trim_start()))
}

macro_rules! written_as_text {
    ($type:ty, $name:literal, $about:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "string", "description": $about})
            }
        }
    };
}

written_as_text!(
    Length,
    "Length",
    "A length of time, like 500ms, 10s, 5m, 1h30m."
);
written_as_text!(Bytes, "Bytes", "A number of bytes, like 512MiB or 4GiB.");
