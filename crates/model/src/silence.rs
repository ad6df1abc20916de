//! Silences and maintenance windows: about whom nobody wants to be woken, and until when.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::alarm::Alarm;
use crate::time::{Span, Timestamp};

/// How often a window comes again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Recurrence {
    /// Never: a silence.
    #[default]
    Once,
    /// Each day at the same time, in UTC.
    Daily,
    /// Each week on the same day at the same time, in UTC.
    Weekly,
}

impl Recurrence {
    fn period(self) -> Option<Span> {
        match self {
            Self::Once => None,
            Self::Daily => Some(Span::minutes(24 * 60)),
            Self::Weekly => Some(Span::minutes(7 * 24 * 60)),
        }
    }
}

/// A time in which alarms wake nobody: ordered by a person for once, or a window that comes again.
///
/// All that is named must match. Patterns may hold `*` for any run of characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Silence {
    /// Unique.
    pub id: String,
    /// Pattern for the alarm's entity; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// Pattern for the alarm's rule; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Pattern for each label named; an alarm without that label does not match.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// When it begins, the first time.
    pub from: Timestamp,
    /// When it ends, the first time.
    pub until: Timestamp,
    /// Whether it comes again.
    #[serde(default)]
    pub every: Recurrence,
    /// Who ordered it.
    pub by: String,
    /// Why.
    pub why: String,
    /// When a person ended it for good; `None` while it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// Who ended it; `None` while it stands, and where nobody wrote it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<String>,
}

impl Silence {
    /// Until when it is quiet, if it is quiet at `now`.
    pub fn quiet_until(&self, now: Timestamp) -> Option<Timestamp> {
        let length = self.until.since(self.from);
        if self.ended.is_some_and(|ended| ended <= now) || now < self.from || length.0 <= 0 {
            return None;
        }
        let into = now.since(self.from);
        let into = match self.every.period() {
            None => into,
            // A window as long as its period never ends; it was meant so.
            Some(period) if length >= period => Span(0),
            Some(period) => Span(into.0.rem_euclid(period.0)),
        };
        (into < length).then(|| now.plus(Span(length.0 - into.0)))
    }

    /// Since when it is over for good, if it is at `now`: somebody ended it, or its one time has passed.
    pub fn over_since(&self, now: Timestamp) -> Option<Timestamp> {
        let passed = (self.every == Recurrence::Once).then_some(self.until);
        let at = self.ended.into_iter().chain(passed).min()?;
        (at <= now).then_some(at)
    }

    /// Is the alarm one of those that it is about?
    pub fn covers(&self, alarm: &Alarm) -> bool {
        let fits = |pattern: &Option<String>, text: &str| {
            pattern.as_ref().is_none_or(|pattern| like(pattern, text))
        };
        fits(&self.entity, alarm.entity.as_str())
            && fits(&self.rule, &alarm.rule)
            && self.labels.iter().all(|(name, pattern)| {
                alarm
                    .labels
                    .get(name)
                    .is_some_and(|value| like(pattern, value))
            })
    }
}

/// Does `text` fit `pattern`, in which `*` stands for any run of characters? Linear but for one place to go back
/// to, whatever the pattern.
pub fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // The last star, and the place in the text up to which it has eaten.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, eaten)) => {
                    p = at + 1;
                    t = eaten + 1;
                    star = Some((at, t));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit;

    #[test]
    fn patterns_fit_as_people_expect() {
        for (pattern, text, fits) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("*front*", "service/front-1", true),
            ("a*b*c", "a-b-b-c", true),
            ("service/*", "service/front", true),
            ("service/*", "function/front", false),
            ("ü*", "über", true),
        ] {
            assert_eq!(like(pattern, text), fits, "{pattern} on {text}");
        }
    }

    fn window(every: Recurrence) -> Silence {
        Silence {
            id: "s-1".to_string(),
            entity: Some("service/*".to_string()),
            rule: None,
            labels: BTreeMap::new(),
            from: Timestamp::from_seconds(100),
            until: Timestamp::from_seconds(160),
            every,
            by: "ada".to_string(),
            why: "upgrade".to_string(),
            ended: None,
            ended_by: None,
        }
    }

    #[test]
    fn a_silence_is_quiet_once() {
        let once = window(Recurrence::Once);
        let at = |second| once.quiet_until(Timestamp::from_seconds(second));
        assert_eq!(at(99), None);
        assert_eq!(at(100), Some(Timestamp::from_seconds(160)));
        assert_eq!(at(159), Some(Timestamp::from_seconds(160)));
        assert_eq!(at(160), None);
        assert_eq!(at(100 + 86_400), None);
    }

    #[test]
    fn a_window_comes_again_until_it_is_ended() {
        let mut daily = window(Recurrence::Daily);
        let day = 86_400;
        let at = |s: &Silence, second| s.quiet_until(Timestamp::from_seconds(second));
        assert_eq!(
            at(&daily, 110 + 3 * day),
            Some(Timestamp::from_seconds(160 + 3 * day))
        );
        assert_eq!(at(&daily, 170 + 3 * day), None);
        daily.ended = Some(Timestamp::from_seconds(2 * day));
        assert_eq!(at(&daily, 110 + 3 * day), None);
        assert!(at(&daily, 110 + day).is_some());
        let weekly = window(Recurrence::Weekly);
        assert_eq!(at(&weekly, 110 + 3 * day), None);
        assert!(at(&weekly, 110 + 7 * day).is_some());
        let mut backwards = window(Recurrence::Daily);
        backwards.until = backwards.from;
        assert_eq!(at(&backwards, 100), None);
    }

    #[test]
    fn all_that_is_named_must_match() {
        let at = Timestamp(0);
        let mut silence = window(Recurrence::Once);
        let mut alarm = testkit::alarm("errors", "service/front", at);
        assert!(silence.covers(&alarm));
        silence.rule = Some("latency".to_string());
        assert!(!silence.covers(&alarm));
        silence.rule = Some("err*".to_string());
        silence
            .labels
            .insert("region".to_string(), "ap-*".to_string());
        assert!(!silence.covers(&alarm));
        alarm
            .labels
            .insert("region".to_string(), "ap-southeast-1".to_string());
        assert!(silence.covers(&alarm));
    }
}
