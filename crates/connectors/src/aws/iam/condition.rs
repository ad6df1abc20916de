//! Conditions: an operator, a key, values.
//!
//! Sources: IAM User Guide, "Condition operators", "Conditions with multiple context keys or values", "Set
//! operators for multivalued context keys".

use std::net::IpAddr;

use base64::Engine as _;

use super::document::{Condition, Version};
use super::moments;
use super::pattern::{self, Piece, Unresolved, Work};
use super::request::{Context, Known};
use super::truth::Truth;

/// A condition operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// As written.
    pub text: String,
    /// `ForAllValues:` or `ForAnyValue:`.
    pub set: Option<Set>,
    /// How two values are compared; none for an operator that is not known.
    pub relation: Option<Relation>,
    /// `Not`: none of the values may fit.
    pub negated: bool,
    /// `IfExists`: it holds if the request has no such key.
    pub if_exists: bool,
}

/// How many values of the request have to fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// All of them; also if there are none.
    All,
    /// One of them.
    Any,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Letter by letter.
    StringEquals,
    /// Without regard to case.
    StringEqualsIgnoreCase,
    /// With wildcards.
    StringLike,
    /// As numbers.
    Numeric(Order),
    /// As moments.
    Date(Order),
    /// As truth values.
    Bool,
    /// As bytes in base64.
    Binary,
    /// An address in a network.
    IpAddress,
    /// As ARNs: field by field, with wildcards.
    Arn,
    /// Is the key there at all?
    Null,
}

/// Which order two values must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The same.
    Equals,
    /// The request's is less.
    Less,
    /// The request's is less, or the same.
    LessOrEqual,
    /// The request's is greater.
    Greater,
    /// The request's is greater, or the same.
    GreaterOrEqual,
}

impl Order {
    fn fits(self, found: std::cmp::Ordering) -> bool {
        match self {
            Self::Equals => found.is_eq(),
            Self::Less => found.is_lt(),
            Self::LessOrEqual => found.is_le(),
            Self::Greater => found.is_gt(),
            Self::GreaterOrEqual => found.is_ge(),
        }
    }

    fn read(word: &str) -> Option<(Self, bool)> {
        Some(match word {
            "equals" => (Self::Equals, false),
            "notequals" => (Self::Equals, true),
            "lessthan" => (Self::Less, false),
            "lessthanequals" => (Self::LessOrEqual, false),
            "greaterthan" => (Self::Greater, false),
            "greaterthanequals" => (Self::GreaterOrEqual, false),
            _ => return None,
        })
    }
}

impl Operator {
    /// Reads an operator's name. One that is not known is kept: what it decides cannot be told.
    pub(super) fn read(text: &str) -> Self {
        let folded = text.to_ascii_lowercase();
        let mut word = folded.as_str();
        let mut set = None;
        for (prefix, kind) in [("forallvalues:", Set::All), ("foranyvalue:", Set::Any)] {
            if let Some(rest) = word.strip_prefix(prefix) {
                (word, set) = (rest, Some(kind));
                break;
            }
        }
        let (word, if_exists) = match word.strip_suffix("ifexists") {
            Some(rest) => (rest, true),
            None => (word, false),
        };
        let known = match word {
            "stringequals" => Some((Relation::StringEquals, false)),
            "stringnotequals" => Some((Relation::StringEquals, true)),
            "stringequalsignorecase" => Some((Relation::StringEqualsIgnoreCase, false)),
            "stringnotequalsignorecase" => Some((Relation::StringEqualsIgnoreCase, true)),
            "stringlike" => Some((Relation::StringLike, false)),
            "stringnotlike" => Some((Relation::StringLike, true)),
            "bool" => Some((Relation::Bool, false)),
            "binaryequals" => Some((Relation::Binary, false)),
            "ipaddress" => Some((Relation::IpAddress, false)),
            "notipaddress" => Some((Relation::IpAddress, true)),
            "arnequals" | "arnlike" => Some((Relation::Arn, false)),
            "arnnotequals" | "arnnotlike" => Some((Relation::Arn, true)),
            // The service knows no `NullIfExists`.
            "null" if !if_exists => Some((Relation::Null, false)),
            _ => {
                let order = |family: &str| word.strip_prefix(family).and_then(Order::read);
                order("numeric")
                    .map(|(order, not)| (Relation::Numeric(order), not))
                    .or_else(|| order("date").map(|(order, not)| (Relation::Date(order), not)))
            }
        };
        Self {
            text: text.to_string(),
            set,
            relation: known.map(|(relation, _)| relation),
            negated: known.is_some_and(|(_, negated)| negated),
            if_exists,
        }
    }
}

/// Does the condition hold?
pub(super) fn holds(
    condition: &Condition,
    version: Version,
    context: &Context,
    work: &Work,
) -> Truth {
    let operator = &condition.operator;
    let Some(relation) = operator.relation else {
        return Truth::unknown(format!("what the operator {} means", operator.text));
    };
    let values = match context.get(&condition.key) {
        Known::Unknown => return Truth::unknown(condition.key.clone()),
        Known::Absent => &[],
        Known::Values(values) => values,
    };
    if relation == Relation::Null {
        return Truth::any(
            condition
                .values
                .iter()
                .map(|wanted| match truth_value(wanted) {
                    Some(absent) => Truth::from(absent == values.is_empty()),
                    None => Truth::unknown(format!("what Null means with {wanted:?}")),
                }),
        );
    }
    if values.is_empty() {
        return Truth::from(match operator.set {
            _ if operator.if_exists => true,
            Some(Set::All) => true,
            Some(Set::Any) => false,
            None => operator.negated,
        });
    }
    let fits = |value: &String| {
        let any = Truth::any(condition.values.iter().map(|wanted| {
            compare(
                relation,
                operator.negated,
                value,
                wanted,
                version,
                context,
                work,
            )
        }));
        if operator.negated { any.not() } else { any }
    };
    match operator.set {
        Some(Set::All) => Truth::all(values.iter().map(fits)),
        Some(Set::Any) => Truth::any(values.iter().map(fits)),
        None => match values {
            [one] => fits(one),
            _ => Truth::unknown(format!(
                "how {} compares several values of {}: it is meant for one",
                operator.text, condition.key
            )),
        },
    }
}

/// Do a value of the request and one of the policy fit?
fn compare(
    relation: Relation,
    negated: bool,
    value: &str,
    wanted: &str,
    version: Version,
    context: &Context,
    work: &Work,
) -> Truth {
    // What is no number (moment, address) cannot be compared as one: it equals nothing, and what a
    // negated operator makes of it is documented nowhere.
    let odd = |what: &str, text: &str| {
        if negated {
            Truth::unknown(format!("how {text:?}, which is no {what}, is compared"))
        } else {
            Truth::No
        }
    };
    let bad = |what: &str| {
        Truth::unknown(format!(
            "what the policy means with {wanted:?}, which is no {what}"
        ))
    };
    match relation {
        Relation::StringEquals
        | Relation::StringEqualsIgnoreCase
        | Relation::StringLike
        | Relation::Arn => {
            let pieces = match pattern::resolve(wanted, version, context) {
                Ok(pieces) => pieces,
                Err(Unresolved::Unknown(what)) => return Truth::unknown(what),
                Err(Unresolved::Absent(key)) if negated => {
                    return Truth::unknown(format!(
                        "how a negated operator takes ${{{key}}}, which the request does not have"
                    ));
                }
                Err(Unresolved::Absent(_)) => return Truth::No,
            };
            let fits = match relation {
                Relation::StringLike => pattern::matches(&pieces, value, false, work),
                Relation::Arn => arn(&pieces, value, work),
                Relation::StringEquals => literal(&pieces) == value,
                _ => literal(&pieces).to_lowercase() == value.to_lowercase(),
            };
            if !fits && work.exhausted() {
                return Truth::unknown("the rest: the documents are too large to compare");
            }
            fits.into()
        }
        Relation::Numeric(order) => match (number(value), number(wanted)) {
            (_, None) => bad("number"),
            (None, _) => odd("number", value),
            (Some(a), Some(b)) => a.order(&b).is_some_and(|found| order.fits(found)).into(),
        },
        Relation::Date(order) => match (moments::read(value), moments::read(wanted)) {
            (_, None) => bad("date"),
            (None, _) => odd("date", value),
            (Some(a), Some(b)) => order.fits(a.cmp(&b)).into(),
        },
        Relation::Bool => match (truth_value(value), truth_value(wanted)) {
            (_, None) => bad("truth value"),
            (a, b) => (a == b).into(),
        },
        Relation::Binary => match (bytes(value), bytes(wanted)) {
            (_, None) => bad("base64"),
            (a, b) => (a == b).into(),
        },
        Relation::IpAddress => match (value.parse::<IpAddr>(), network(wanted)) {
            (_, None) => bad("network"),
            (Err(_), _) => odd("address", value),
            (Ok(address), Some((base, bits))) => within(address, base, bits).into(),
        },
        Relation::Null => Truth::No,
    }
}

/// The text that a pattern is for those who know no wildcards.
fn literal(pieces: &[Piece]) -> String {
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::One(c) => *c,
            Piece::Any | Piece::AnyWithin => '?',
            Piece::Run | Piece::RunWithin => '*',
        })
        .collect()
}

/// Field by field; the last one holds the rest, colons and all.
fn arn(pieces: &[Piece], value: &str, work: &Work) -> bool {
    let wanted: Vec<&[Piece]> = pieces
        .splitn(6, |piece| *piece == Piece::One(':'))
        .collect();
    let fields: Vec<&str> = value.splitn(6, ':').collect();
    if pieces == [Piece::Run] {
        return true;
    }
    wanted.len() == 6
        && fields.len() == 6
        && wanted
            .iter()
            .zip(fields)
            .all(|(wanted, field)| pattern::matches(wanted, field, false, work))
}

/// A number: exact where it is whole.
enum Number {
    Whole(i128),
    Broken(f64),
}

impl Number {
    fn order(&self, other: &Self) -> Option<std::cmp::Ordering> {
        let float = |number: &Self| match number {
            Self::Whole(whole) => *whole as f64,
            Self::Broken(broken) => *broken,
        };
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => Some(a.cmp(b)),
            (a, b) => float(a).partial_cmp(&float(b)),
        }
    }
}

fn number(text: &str) -> Option<Number> {
    if let Ok(whole) = text.parse() {
        return Some(Number::Whole(whole));
    }
    // `inf` and `nan` are numbers to the standard library only.
    let plain = text
        .bytes()
        .all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    let broken: f64 = text.parse().ok().filter(|_| plain)?;
    broken.is_finite().then_some(Number::Broken(broken))
}

fn truth_value(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

/// `10.0.0.0/8`, `2001:db8::/32`, or one address.
fn network(text: &str) -> Option<(IpAddr, u32)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse::<u32>().ok()?)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.unwrap_or(most);
    (bits <= most).then_some((address, bits))
}

fn within(address: IpAddr, base: IpAddr, bits: u32) -> bool {
    // A shift by the whole width is none at all to the processor, hence `checked_shl`.
    match (address, base) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            let mask = u32::MAX.checked_shl(32 - bits.min(32)).unwrap_or(0);
            a.to_bits() & mask == b.to_bits() & mask
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            let mask = u128::MAX.checked_shl(128 - bits.min(128)).unwrap_or(0);
            a.to_bits() & mask == b.to_bits() & mask
        }
        _ => false,
    }
}
