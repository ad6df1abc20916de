//! Amounts as programmers and configuration files write them, in one unit each:
//! durations in seconds, sizes in bytes, processor shares in cores, the rest as plain numbers.

use super::lexer::Token;
use serde::Serialize;

/// What an amount counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Unit {
    /// A plain number.
    Plain,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Processor cores.
    Cores,
    /// A share of one (50 % is 0.5).
    Share,
}

/// An amount in the base unit of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quantity {
    /// Amount in the base unit.
    pub value: f64,
    /// The unit.
    pub unit: Unit,
}

impl Quantity {
    const fn new(value: f64, unit: Unit) -> Self {
        Self { value, unit }
    }
    /// `self / before`, if both count the same thing (a plain number meets any unit) and the
    /// quotient is a finite positive number.
    pub fn ratio_to(self, before: Self) -> Option<f64> {
        if self.unit != before.unit && self.unit != Unit::Plain && before.unit != Unit::Plain {
            return None;
        }
        let ratio = self.value / before.value;
        (ratio.is_finite() && ratio > 0.0).then_some(ratio)
    }
}

/// Seconds of a duration unit's name, singular, plural or abbreviated.
fn seconds_of(word: &str) -> Option<f64> {
    let lower = word.to_ascii_lowercase();
    Some(match lower.as_str() {
        "ns" | "nanosecond" | "nanoseconds" | "nanos" => 1e-9,
        "us" | "µs" | "microsecond" | "microseconds" | "micros" => 1e-6,
        "ms" | "msec" | "millisecond" | "milliseconds" | "millis" => 1e-3,
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3600.0,
        "d" | "day" | "days" => 86_400.0,
        "w" | "week" | "weeks" => 604_800.0,
        _ => return None,
    })
}

/// Bytes of a size suffix.
fn bytes_of(word: &str) -> Option<f64> {
    let lower = word.to_ascii_lowercase();
    Some(match lower.as_str() {
        "b" | "byte" | "bytes" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        "ki" | "kib" => 1024.0,
        "mi" | "mib" => 1_048_576.0,
        "gi" | "gib" => 1_073_741_824.0,
        "ti" | "tib" => 1_099_511_627_776.0,
        _ => return None,
    })
}

/// Reads a number with its glued suffix, as in `15m`, `1_000`, `0x1F`, `512Mi`, `1h30m`, `1.5`.
/// `cores` says that a suffix `m` means thousandths of a core; else it means minutes.
pub fn parse_literal(text: &str, cores: bool) -> Option<Quantity> {
    let text = text.trim();
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        let digits: String = hex.chars().filter(|c| *c != '_').collect();
        let value = u64::from_str_radix(&digits, 16).ok()?;
        return Some(Quantity::new(value as f64, Unit::Plain));
    }
    if let Some(percent) = text.strip_suffix('%') {
        let value: f64 = percent.trim().parse().ok()?;
        return finite(value / 100.0, Unit::Share);
    }
    if let Some(iso) = text.strip_prefix("PT").or_else(|| text.strip_prefix("P")) {
        return compound(&iso.replace('T', "").to_ascii_lowercase());
    }
    let split = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_' || c == ','))
        .unwrap_or(text.len());
    let (digits, suffix) = text.split_at(split);
    if digits.is_empty() || !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let clean: String = digits.chars().filter(|c| *c != '_' && *c != ',').collect();
    let value: f64 = clean.parse().ok()?;
    let suffix = suffix.trim();
    if suffix.is_empty() {
        return finite(value, Unit::Plain);
    }
    if suffix == "m" {
        return if cores {
            finite(value / 1000.0, Unit::Cores)
        } else {
            finite(value * 60.0, Unit::Seconds)
        };
    }
    // Suffixes that only give a literal its type, and decimal multipliers.
    match suffix {
        "L" | "l" | "u" | "U" | "f" | "F" | "f64" | "f32" | "u64" | "u32" | "i64" | "i32"
        | "usize" | "UL" | "LL" | "n" => return finite(value, Unit::Plain),
        "k" | "K" => return finite(value * 1e3, Unit::Plain),
        "M" => return finite(value * 1e6, Unit::Plain),
        "g" | "G" => return finite(value * 1_073_741_824.0, Unit::Bytes),
        _ => {}
    }
    if let Some(seconds) = seconds_of(suffix) {
        return finite(value * seconds, Unit::Seconds);
    }
    if let Some(bytes) = bytes_of(suffix) {
        return finite(value * bytes, Unit::Bytes);
    }
    if let Some(exponent) = suffix.strip_prefix(['e', 'E'])
        && let Ok(exponent) = exponent.parse::<i32>()
    {
        return finite(value * 10f64.powi(exponent.clamp(-300, 300)), Unit::Plain);
    }
    compound(text)
}

/// `1h30m`, `2m30s`.
fn compound(text: &str) -> Option<Quantity> {
    let mut total = 0.0;
    let mut rest = text;
    let mut parts = 0;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .unwrap_or(rest.len());
        let value: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let unit = &rest[..letters];
        total += value * if unit == "m" { 60.0 } else { seconds_of(unit)? };
        rest = &rest[letters..];
        parts += 1;
        if parts > 8 {
            return None;
        }
    }
    (parts > 0).then_some(())?;
    finite(total, Unit::Seconds)
}

fn finite(value: f64, unit: Unit) -> Option<Quantity> {
    value.is_finite().then_some(Quantity::new(value, unit))
}

/// The unit that a setting's name promises, as in `timeout_ms` or `memoryMb`.
pub fn unit_of_name(words: &[String]) -> Option<(f64, Unit)> {
    let last = words.last()?;
    if last.len() > 1
        && let Some(seconds) = seconds_of(last)
    {
        return Some((seconds, Unit::Seconds));
    }
    if last.len() > 1
        && let Some(bytes) = bytes_of(last)
    {
        return Some((bytes, Unit::Bytes));
    }
    (last == "percent" || last == "pct").then_some((0.01, Unit::Share))
}

/// Evaluates an expression of literals, units and constructors: `15 * time.Minute`,
/// `Duration.ofSeconds(15)`, `timedelta(minutes=5)`, `15.seconds`, `60 * 60`, `1 << 20`,
/// `"15m"`. Returns nothing if any word in it is not a unit: the value is then not known.
pub(crate) fn parse_tokens(tokens: &[Token<'_>], cores: bool) -> Option<Quantity> {
    let mut total: Option<Quantity> = None;
    let mut factor: Option<Quantity> = None;
    let mut unit: Option<f64> = None;
    let mut operator = "*";
    let mut negative = false;
    if tokens.len() > 24 {
        return None;
    }
    for (i, token) in tokens.iter().enumerate() {
        match *token {
            Token::Number(text) => {
                let mut value = parse_literal(text, cores)?;
                if tokens.get(i + 1).is_some_and(|t| t.is("%")) && tokens.len() == i + 2 {
                    value = Quantity::new(value.value / 100.0, Unit::Share);
                }
                factor = Some(apply(factor, operator, value)?);
                operator = "*";
            }
            Token::Text(text) => {
                if tokens.len() > 3 {
                    return None;
                }
                factor = Some(parse_literal(text, cores)?);
            }
            Token::Word(word) => {
                if let Some(seconds) = unit_word(word) {
                    // `TimeUnit.SECONDS` after the number or a constructor before it.
                    unit = Some(seconds);
                } else if !neutral(word) {
                    return None;
                }
            }
            Token::Mark(mark) => match mark {
                "*" | "/" | "<<" => operator = mark,
                "-" if factor.is_none() => negative = true,
                "+" => {
                    let part = with_unit(factor.take()?, unit.take());
                    total = Some(add(total, part)?);
                    operator = "*";
                }
                // `timedelta(minutes=5, seconds=30)` adds its parts.
                "," if unit.is_some() && factor.is_some() && tokens.iter().any(|t| t.is("=")) => {
                    let part = with_unit(factor.take()?, unit.take());
                    total = Some(add(total, part)?);
                }
                "," | "=" | ":" | "." | "(" | ")" | "::" | "%" => {}
                _ => return None,
            },
        }
    }
    let last = with_unit(factor?, unit);
    let mut sum = add(total, last)?;
    if negative {
        sum.value = -sum.value;
    }
    Some(sum)
}

fn apply(left: Option<Quantity>, operator: &str, right: Quantity) -> Option<Quantity> {
    let Some(left) = left else {
        return Some(right);
    };
    let value = match operator {
        "/" => left.value / right.value,
        "<<" if (0.0..=62.0).contains(&right.value) => left.value * 2f64.powf(right.value),
        _ => left.value * right.value,
    };
    let unit = if left.unit == Unit::Plain {
        right.unit
    } else {
        left.unit
    };
    finite(value, unit)
}

fn with_unit(amount: Quantity, unit: Option<f64>) -> Quantity {
    match unit {
        Some(seconds) if amount.unit == Unit::Plain => {
            Quantity::new(amount.value * seconds, Unit::Seconds)
        }
        _ => amount,
    }
}

fn add(left: Option<Quantity>, right: Quantity) -> Option<Quantity> {
    match left {
        None => Some(right),
        Some(left) => finite(left.value + right.value, left.unit),
    }
}

/// Seconds of a unit as it appears inside expressions: `Minute`, `ofSeconds`, `from_millis`.
fn unit_word(word: &str) -> Option<f64> {
    let bare = word
        .strip_prefix("of")
        .or_else(|| word.strip_prefix("From"))
        .or_else(|| word.strip_prefix("from_"))
        .or_else(|| word.strip_prefix("from"))
        .or_else(|| word.strip_prefix("Add"))
        .unwrap_or(word);
    (bare.len() > 1).then(|| seconds_of(bare)).flatten()
}

fn neutral(word: &str) -> bool {
    matches!(
        word,
        "time"
            | "Duration"
            | "duration"
            | "timedelta"
            | "datetime"
            | "TimeSpan"
            | "TimeUnit"
            | "ChronoUnit"
            | "std"
            | "chrono"
            | "Long"
            | "valueOf"
            | "int"
            | "int64"
            | "float64"
            | "uint64"
            | "int32"
            | "uint32"
            | "new"
            | "long"
            | "Number"
            | "u64"
            | "usize"
            | "as"
    )
}

/// An amount in words, for sentences: `15 min`, `300 ms`, `512 MiB`, `0.25 cores`.
pub fn describe(quantity: Quantity) -> String {
    let v = quantity.value;
    let number = |x: f64| {
        let rounded = (x * 1000.0).round() / 1000.0;
        format!("{rounded}")
    };
    match quantity.unit {
        Unit::Seconds if v.abs() >= 86_400.0 => format!("{} d", number(v / 86_400.0)),
        Unit::Seconds if v.abs() >= 3600.0 => format!("{} h", number(v / 3600.0)),
        Unit::Seconds if v.abs() >= 60.0 => format!("{} min", number(v / 60.0)),
        Unit::Seconds if v.abs() >= 1.0 || v == 0.0 => format!("{} s", number(v)),
        Unit::Seconds => format!("{} ms", number(v * 1e3)),
        Unit::Bytes if v >= 1_073_741_824.0 => format!("{} GiB", number(v / 1_073_741_824.0)),
        Unit::Bytes if v >= 1_048_576.0 => format!("{} MiB", number(v / 1_048_576.0)),
        Unit::Bytes if v >= 1024.0 => format!("{} KiB", number(v / 1024.0)),
        Unit::Bytes => format!("{} B", number(v)),
        Unit::Cores => format!("{} cores", number(v)),
        Unit::Share => format!("{} %", number(v * 100.0)),
        Unit::Plain => number(v),
    }
}

#[cfg(test)]
mod tests {
    use super::super::lexer::{Carry, lex};
    use super::super::path::Language;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_in_many_spellings() {
        let cases = [
            ("15 * time.Minute", "15 min"),
            ("time.Second * 15", "15 s"),
            ("Duration.ofSeconds(15)", "15 s"),
            ("Duration::from_millis(300)", "300 ms"),
            ("timedelta(minutes=5, seconds=0)", "5 min"),
            ("15.seconds", "15 s"),
            ("60 * 60", "3600"),
            ("1 << 20", "1048576"),
            ("\"15m\"", "15 min"),
            ("15_000", "15000"),
            ("512Mi", "512 MiB"),
            ("\"1h30m\"", "1.5 h"),
            ("\"PT15S\"", "15 s"),
            ("TimeSpan.FromSeconds(30)", "30 s"),
            ("30, TimeUnit.SECONDS", "30 s"),
            ("0x10", "16"),
            ("1e3", "1000"),
            ("-1", "-1"),
            ("count * 2", "?"),
        ];
        for (text, expected) in cases {
            let mut carry = Carry::None;
            let tokens = lex(text, Language::Java, &mut carry);
            let got = parse_tokens(&tokens, false).map_or("?".to_owned(), describe);
            assert_eq!(got, expected, "{text}");
        }
        assert_eq!(
            parse_literal("250m", true).map(describe).as_deref(),
            Some("0.25 cores")
        );
    }

    proptest! {
        #[test]
        fn never_infinite(text in "\\PC{0,24}") {
            if let Some(q) = parse_literal(&text, false) { prop_assert!(q.value.is_finite()); }
            let mut carry = Carry::None;
            let tokens = lex(&text, Language::Go, &mut carry);
            if let Some(q) = parse_tokens(&tokens, true) { prop_assert!(q.value.is_finite()); }
        }
    }
}
