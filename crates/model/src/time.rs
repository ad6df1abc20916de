//! Moments, spans of time, and half-open windows.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Nanoseconds in one second.
pub const SECOND: i64 = 1_000_000_000;
/// Nanoseconds in one minute.
pub const MINUTE: i64 = 60 * SECOND;

/// A moment: nanoseconds since 1970-01-01T00:00:00Z. Written as RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// A length of time in nanoseconds (may be negative).
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(transparent)]
pub struct Span(pub i64);

/// A moment that could not be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{text:?} is not a time; expected RFC 3339 such as 2026-06-18T15:06:00Z")]
pub struct BadTimestamp {
    /// What was written.
    pub text: String,
}

impl Timestamp {
    /// From whole seconds since the epoch; saturates.
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(SECOND))
    }

    /// From fractional seconds since the epoch; `None` for NaN, infinity, or outside of 1677..2262.
    pub fn from_seconds_f64(seconds: f64) -> Option<Self> {
        let nanos = seconds * SECOND as f64;
        (nanos.is_finite() && nanos.abs() < 9.2e18).then_some(Self(nanos as i64))
    }

    /// Whole seconds since the epoch, rounded down.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(SECOND)
    }

    /// `self + span`, saturating.
    pub fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// `self - span`, saturating.
    pub fn minus(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }

    /// How long from `earlier` to `self`; negative when `self` comes first.
    pub fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// The clock part only, `HH:MM:SS` in UTC, for sentences whose day is clear.
    pub fn clock(self) -> String {
        let second_of_day = self.seconds().rem_euclid(86_400);
        format!(
            "{:02}:{:02}:{:02}",
            second_of_day / 3600,
            second_of_day / 60 % 60,
            second_of_day % 60
        )
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(moment) => write!(f, "{moment}"),
            Err(_) => write!(f, "{}ns", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = BadTimestamp;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadTimestamp {
            text: text.chars().take(80).collect(),
        };
        let moment: jiff::Timestamp = text.parse().map_err(|_| bad())?;
        i64::try_from(moment.as_nanosecond())
            .map(Self)
            .map_err(|_| bad())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "format": "date-time", "description": "RFC 3339, UTC"})
    }
}

impl Span {
    /// From whole seconds; saturates.
    pub fn seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(SECOND))
    }

    /// From whole minutes; saturates.
    pub fn minutes(minutes: i64) -> Self {
        Self(minutes.saturating_mul(MINUTE))
    }

    /// In seconds.
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / SECOND as f64
    }

    /// In minutes.
    pub fn as_minutes(self) -> f64 {
        self.0 as f64 / MINUTE as f64
    }
}

impl fmt::Display for Span {
    /// Two leading units, as people say it: `2 h 19 min`, `4 min 30 s`, `12 s`, `250 ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let ms = self.0.unsigned_abs() / 1_000_000;
        let s = ms / 1000;
        match (s / 86_400, s / 3600 % 24, s / 60 % 60, s % 60) {
            (0, 0, 0, 0) => write!(f, "{sign}{ms} ms"),
            (0, 0, 0, s) => write!(f, "{sign}{s} s"),
            (0, 0, m, 0) => write!(f, "{sign}{m} min"),
            (0, 0, m, s) => write!(f, "{sign}{m} min {s} s"),
            (0, h, 0, _) => write!(f, "{sign}{h} h"),
            (0, h, m, _) => write!(f, "{sign}{h} h {m} min"),
            (d, 0, _, _) => write!(f, "{sign}{d} d"),
            (d, h, _, _) => write!(f, "{sign}{d} d {h} h"),
        }
    }
}

/// A half-open span of time `[from, to)`. INVARIANT: from < to.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "RawWindow")]
pub struct TimeWindow {
    from: Timestamp,
    to: Timestamp,
}

#[derive(Deserialize, JsonSchema)]
struct RawWindow {
    from: Timestamp,
    to: Timestamp,
}

impl TryFrom<RawWindow> for TimeWindow {
    type Error = String;

    fn try_from(raw: RawWindow) -> Result<Self, Self::Error> {
        Self::new(raw.from, raw.to).ok_or_else(|| {
            format!(
                "a window must end after it begins, but {} is not before {}",
                raw.from, raw.to
            )
        })
    }
}

impl TimeWindow {
    /// `None` unless `from < to`.
    pub fn new(from: Timestamp, to: Timestamp) -> Option<Self> {
        (from < to).then_some(Self { from, to })
    }

    /// First moment inside.
    pub fn from(&self) -> Timestamp {
        self.from
    }

    /// First moment after.
    pub fn to(&self) -> Timestamp {
        self.to
    }

    /// Is `at` inside?
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }

    /// Do the two share a moment?
    pub fn overlaps(&self, other: &Self) -> bool {
        self.from < other.to && other.from < self.to
    }

    /// Its length.
    pub fn length(&self) -> Span {
        self.to.since(self.from)
    }
}

impl fmt::Display for TimeWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.from, self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_round_trip_as_rfc3339() {
        let at: Timestamp = "2026-06-18T15:06:00.5Z".parse().unwrap();
        assert_eq!(at.to_string(), "2026-06-18T15:06:00.5Z");
        assert_eq!(
            serde_json::to_string(&at).unwrap(),
            "\"2026-06-18T15:06:00.5Z\""
        );
        assert!("yesterday".parse::<Timestamp>().is_err());
    }

    #[test]
    fn windows_must_run_forward() {
        let text = r#"{"from":"2026-01-01T00:00:01Z","to":"2026-01-01T00:00:00Z"}"#;
        let error = serde_json::from_str::<TimeWindow>(text)
            .unwrap_err()
            .to_string();
        assert!(error.contains("must end after it begins"), "{error}");
    }

    #[test]
    fn spans_read_as_people_say_them() {
        let said = |ns: i64| Span(ns).to_string();
        assert_eq!(said(250_000_000), "250 ms");
        assert_eq!(said(12 * SECOND), "12 s");
        assert_eq!(said(139 * MINUTE), "2 h 19 min");
        assert_eq!(said(-90 * SECOND), "-1 min 30 s");
    }
}
