//! From a tree and the series that it names to its value.

use std::collections::BTreeMap;

use super::functions;
use super::parse::{Expression, MathError, Node, Operator};

/// The periods on which all series of an expression lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// When the first period begins, in nanoseconds since the epoch.
    pub from: i64,
    /// Length of a period in nanoseconds, above zero.
    pub period: i64,
    /// How many there are.
    pub length: usize,
    /// How many of them, from the first, are history from which bands are learned.
    pub history: usize,
}

impl Grid {
    /// When period number `i` begins.
    pub fn at(&self, i: usize) -> i64 {
        self.from.saturating_add(
            self.period
                .saturating_mul(i64::try_from(i).unwrap_or(i64::MAX)),
        )
    }
}

/// One value per period; `None` where there is none.
pub(super) type Sequence = Vec<Option<f64>>;

/// What an expression gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number; `None` where it has no value (the mean of nothing).
    Scalar(Option<f64>),
    /// A series.
    Series(Vec<Option<f64>>),
    /// Several.
    Array(Vec<Vec<Option<f64>>>),
    /// A word or a text in an argument's place.
    Word(String),
}

impl Value {
    /// What it is, for error texts.
    pub(in crate::detect) fn sort(&self) -> &'static str {
        match self {
            Self::Scalar(_) => "a number",
            Self::Series(_) => "a series",
            Self::Array(_) => "several series",
            Self::Word(_) => "a word",
        }
    }
}

/// The series that an expression may name. Values that are not finite are to be left out beforehand.
pub(in crate::detect) struct Inputs<'a> {
    /// By id, metrics only.
    pub metrics: &'a BTreeMap<String, Vec<Option<f64>>>,
    /// Expressions evaluated before this one.
    pub earlier: &'a BTreeMap<String, Value>,
    /// The periods.
    pub grid: Grid,
}

impl Expression {
    /// Its value. Which sort of value it is never depends on the data, so a trial on an empty grid finds
    /// every error of sort.
    pub(in crate::detect) fn evaluate(&self, inputs: &Inputs<'_>) -> Result<Value, MathError> {
        inputs.node(&self.root)
    }
}

impl Inputs<'_> {
    fn node(&self, node: &Node) -> Result<Value, MathError> {
        Ok(match node {
            Node::Number(number) => Value::Scalar(Some(*number)),
            Node::Text(text) | Node::Word(text) => Value::Word(text.clone()),
            Node::Id(id) => match (self.metrics.get(id), self.earlier.get(id)) {
                (Some(series), _) => Value::Series(series.clone()),
                (None, Some(value)) => value.clone(),
                (None, None) => {
                    return Err(MathError::new(format!(
                        "nothing has the id {id:?}; an expression may name metrics and expressions that stand before it"
                    )));
                }
            },
            Node::Negated(inner) => each(self.node(inner)?, "-", &|v| v.map(|v| -v))?,
            Node::Binary(operator, left, right) => {
                combine(*operator, self.node(left)?, self.node(right)?)?
            }
            Node::Array(nodes) => {
                let mut all = Vec::new();
                for node in nodes {
                    match self.node(node)? {
                        Value::Series(series) => all.push(series),
                        Value::Array(several) => all.extend(several),
                        other => {
                            return Err(MathError::new(format!(
                                "between [ and ] stand series, not {}",
                                other.sort()
                            )));
                        }
                    }
                }
                Value::Array(all)
            }
            Node::Call(name, arguments) => {
                let arguments: Vec<Value> = arguments
                    .iter()
                    .map(|argument| self.node(argument))
                    .collect::<Result<_, _>>()?;
                functions::call(self, name, &arguments)?
            }
        })
    }
}

/// Applies a function of one value to a number, to each point of a series, or of several.
pub(super) fn each(
    value: Value,
    what: &str,
    function: &dyn Fn(Option<f64>) -> Option<f64>,
) -> Result<Value, MathError> {
    let finite = |v: Option<f64>| function(v).filter(|v| v.is_finite());
    Ok(match value {
        Value::Scalar(v) => Value::Scalar(finite(v)),
        Value::Series(s) => Value::Series(s.into_iter().map(finite).collect()),
        Value::Array(all) => Value::Array(
            all.into_iter()
                .map(|s| s.into_iter().map(finite).collect())
                .collect(),
        ),
        Value::Word(word) => {
            return Err(MathError::new(format!(
                "{what} wants numbers or series, not {word:?}"
            )));
        }
    })
}

/// One operator on two values.
fn combine(operator: Operator, left: Value, right: Value) -> Result<Value, MathError> {
    use Value as V;
    let pair = |a: f64, b: f64| compute(operator, a, b);
    let both = |a: Option<f64>, b: Option<f64>| a.zip(b).and_then(|(a, b)| pair(a, b));
    // Where only one of two series has a point, the other counts as 0.
    let union = |a: Option<f64>, b: Option<f64>| {
        if a.is_none() && b.is_none() {
            None
        } else {
            pair(a.unwrap_or(0.0), b.unwrap_or(0.0))
        }
    };
    let zip = |a: &Sequence, b: &Sequence| -> Sequence {
        a.iter().zip(b).map(|(a, b)| union(*a, *b)).collect()
    };
    Ok(match (left, right) {
        (V::Word(word), _) | (_, V::Word(word)) => {
            return Err(MathError::new(format!(
                "{word:?} stands where a number or a series was expected"
            )));
        }
        (V::Array(_), V::Array(_)) => {
            return Err(MathError::new(
                "an operator cannot join several series to several series",
            ));
        }
        (V::Scalar(a), V::Scalar(b)) => V::Scalar(both(a, b)),
        (V::Series(a), V::Series(b)) => V::Series(zip(&a, &b)),
        (V::Array(all), V::Series(b)) => V::Array(all.iter().map(|a| zip(a, &b)).collect()),
        (V::Series(a), V::Array(all)) => V::Array(all.iter().map(|b| zip(&a, b)).collect()),
        (left, V::Scalar(b)) => each(left, "an operator", &|a| both(a, b))?,
        (V::Scalar(a), right) => each(right, "an operator", &|b| both(a, b))?,
    })
}

fn compute(operator: Operator, a: f64, b: f64) -> Option<f64> {
    use Operator as O;
    let truth = |is: bool| f64::from(u8::from(is));
    let value = match operator {
        O::Or => truth(a != 0.0 || b != 0.0),
        O::And => truth(a != 0.0 && b != 0.0),
        O::Less => truth(a < b),
        O::AtMost => truth(a <= b),
        O::Greater => truth(a > b),
        O::AtLeast => truth(a >= b),
        O::Equal => truth(a == b),
        O::NotEqual => truth(a != b),
        O::Plus => a + b,
        O::Minus => a - b,
        O::Times => a * b,
        O::Over if b == 0.0 => return None,
        O::Over => a / b,
        O::Power => a.powf(b),
    };
    value.is_finite().then_some(value)
}
