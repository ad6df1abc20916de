//! Filter patterns over log lines, after CloudWatch Logs' `FilterAndPatternSyntax.md`: words, JSON selectors, or
//! fields divided by spaces.

mod condition;
mod json;
mod space;
mod text;

use serde_json::Value;

/// A pattern that was read.
#[derive(Clone, Debug)]
pub struct Pattern(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Text(text::Text),
    Json(json::Json),
    Space(space::Space),
}

/// Longest pattern that is read, in bytes; CloudWatch's own limit.
const LONGEST: usize = 1024;

impl Pattern {
    /// Reads one: `{ $.code = 500 }`, `[ip, user, status = 5*]`, or words.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("the pattern is longer than {LONGEST} bytes"));
        }
        let trimmed = text.trim();
        Ok(Self(if trimmed.starts_with('{') {
            Kind::Json(json::Json::parse(trimmed)?)
        } else if trimmed.starts_with('[') {
            Kind::Space(space::Space::parse(trimmed)?)
        } else {
            Kind::Text(text::Text::parse(text)?)
        }))
    }

    /// Does the line match?
    pub fn matches(&self, line: &str) -> bool {
        match &self.0 {
            Kind::Text(text) => text.matches(line),
            Kind::Json(json) => parsed(line).is_some_and(|value| json.matches(&value)),
            Kind::Space(space) => space.fields(line).is_some(),
        }
    }

    /// The number at a selector such as `$.latency` of a line that matches; `None` if the line does not
    /// match or holds no number there. In a pattern of fields `$bytes` names one of them.
    pub fn value_at(&self, selector: &str, line: &str) -> Option<f64> {
        let number = match &self.0 {
            Kind::Text(_) => None,
            Kind::Json(json) => {
                let value = parsed(line).filter(|value| json.matches(value))?;
                match json::Selector::parse(selector).ok()?.find(&value)? {
                    Value::Number(number) => number.as_f64(),
                    Value::String(text) => text.trim().parse().ok(),
                    _ => None,
                }
            }
            Kind::Space(space) => {
                let fields = space.fields(line)?;
                let name = selector.strip_prefix('$')?;
                let (_, text) = fields.into_iter().find(|(field, _)| field == name)?;
                text.trim().parse().ok()
            }
        };
        number.filter(|n| n.is_finite())
    }

    /// The named fields of a line that a pattern of fields matches.
    pub fn fields(&self, line: &str) -> Option<Vec<(String, String)>> {
        match &self.0 {
            Kind::Space(space) => space.fields(line),
            Kind::Text(_) | Kind::Json(_) => None,
        }
    }

    /// Is it about JSON?
    pub fn is_json(&self) -> bool {
        matches!(self.0, Kind::Json(_))
    }
}

/// The JSON object that a line is, if it is one.
fn parsed(line: &str) -> Option<Value> {
    line.trim_start()
        .starts_with('{')
        .then(|| serde_json::from_str(line).ok())?
}
