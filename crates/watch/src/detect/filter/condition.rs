//! `= 404`, `!= 5*`, `> 75`: a comparison with a number or a text in which `*` stands for anything.

use crate::detect::datapoints::matches;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// Longer ones first, so that `<=` is not read as `<`.
pub(super) const OPERATORS: [(&str, Operator); 6] = [
    ("!=", Operator::NotEqual),
    ("<=", Operator::AtMost),
    (">=", Operator::AtLeast),
    ("=", Operator::Equal),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Condition {
    pub operator: Operator,
    text: String,
    number: Option<f64>,
}

impl Condition {
    pub(super) fn new(operator: Operator, text: &str, quoted: bool) -> Result<Self, String> {
        let number = if quoted { None } else { number(text) };
        let orders = !matches!(operator, Operator::Equal | Operator::NotEqual);
        if orders && number.is_none() {
            return Err(format!("<, <=, > and >= want a number, not {text:?}"));
        }
        Ok(Self {
            operator,
            text: text.to_string(),
            number,
        })
    }

    /// Does a text, with the number that it is if it is one, fulfil the condition?
    pub(super) fn holds(&self, text: &str, value: Option<f64>) -> bool {
        let equal = match (self.number, value) {
            (Some(wanted), Some(value)) => wanted == value,
            _ => matches(&self.text, text),
        };
        let order = |is: fn(f64, f64) -> bool| {
            self.number
                .zip(value)
                .is_some_and(|(wanted, value)| is(value, wanted))
        };
        match self.operator {
            Operator::Equal => equal,
            Operator::NotEqual => !equal,
            Operator::Less => order(|v, w| v < w),
            Operator::AtMost => order(|v, w| v <= w),
            Operator::Greater => order(|v, w| v > w),
            Operator::AtLeast => order(|v, w| v >= w),
        }
    }
}

/// A finite number in digits. Words such as `inf` are words.
pub(super) fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
        .then(|| text.parse().ok())?
        .filter(|n: &f64| n.is_finite())
}
