//! `{ $.user.id = 1 && $.errors[0].code = "5*" }`

use serde_json::Value;

use super::condition::{Condition, OPERATORS};

/// Deepest nesting that is read.
const DEEPEST: usize = 32;

/// A path into a document.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Selector(Vec<Step>);

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    Index(usize),
}

impl Selector {
    /// `$.a.b[0]`, or `$["a"]`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let bad =
            || format!("{text:?} is not a selector such as $.request.status or $.items[0].id");
        let mut rest = text.trim().strip_prefix('$').ok_or_else(bad)?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('.') {
                let end = after.find(['.', '[']).unwrap_or(after.len());
                let (name, after) = after.split_at(end);
                if name.is_empty() {
                    return Err(bad());
                }
                steps.push(Step::Field(name.to_string()));
                rest = after;
            } else {
                let (inner, after) = rest
                    .strip_prefix('[')
                    .and_then(|r| r.split_once(']'))
                    .ok_or_else(bad)?;
                let inner = inner.trim();
                let name = ['"', '\'']
                    .iter()
                    .find_map(|q| inner.strip_prefix(*q)?.strip_suffix(*q));
                steps.push(match name {
                    Some(name) => Step::Field(name.to_string()),
                    None => Step::Index(inner.parse().map_err(|_| bad())?),
                });
                rest = after;
            }
        }
        if steps.is_empty() {
            return Err(bad());
        }
        Ok(Self(steps))
    }

    /// What is there, if anything.
    pub(super) fn find<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(document, |value, step| match step {
            Step::Field(name) => value.as_object()?.get(name),
            Step::Index(index) => value.as_array()?.get(*index),
        })
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Compare(Selector, Condition),
    Null(Selector),
    Flag(Selector, bool),
    Missing(Selector),
}

#[derive(Clone, Debug)]
pub(super) struct Json(Node);

impl Json {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let inner = text
            .strip_prefix('{')
            .and_then(|t| t.strip_suffix('}'))
            .ok_or("a JSON pattern stands between { and }")?;
        let mut parser = Parser {
            rest: inner.trim_start(),
            depth: 0,
        };
        let node = parser.any()?;
        if parser.rest.is_empty() {
            Ok(Self(node))
        } else {
            Err(format!(
                "{:?} stands after the end of the pattern",
                parser.rest
            ))
        }
    }

    pub(super) fn matches(&self, document: &Value) -> bool {
        self.0.matches(document)
    }
}

impl Node {
    fn matches(&self, document: &Value) -> bool {
        match self {
            Self::And(left, right) => left.matches(document) && right.matches(document),
            Self::Or(left, right) => left.matches(document) || right.matches(document),
            Self::Null(selector) => selector.find(document).is_some_and(Value::is_null),
            Self::Flag(selector, flag) => {
                selector.find(document).and_then(Value::as_bool) == Some(*flag)
            }
            Self::Missing(selector) => selector.find(document).is_none(),
            Self::Compare(selector, condition) => match selector.find(document) {
                Some(Value::String(text)) => condition.holds(text, None),
                Some(Value::Number(number)) => {
                    condition.holds(&number.to_string(), number.as_f64())
                }
                Some(Value::Bool(flag)) => condition.holds(&flag.to_string(), None),
                // Nothing, null, a list or an object fulfils no comparison.
                _ => false,
            },
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn sign(&mut self, sign: &str) -> bool {
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn any(&mut self) -> Result<Node, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("the pattern is nested too deeply".to_string());
        }
        let mut left = self.all()?;
        while self.sign("||") {
            left = Node::Or(Box::new(left), Box::new(self.all()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn all(&mut self) -> Result<Node, String> {
        let mut left = self.one()?;
        while self.sign("&&") {
            left = Node::And(Box::new(left), Box::new(self.one()?));
        }
        Ok(left)
    }

    fn one(&mut self) -> Result<Node, String> {
        if self.sign("(") {
            let inner = self.any()?;
            return if self.sign(")") {
                Ok(inner)
            } else {
                Err("a parenthesis is not closed".to_string())
            };
        }
        let end = self
            .rest
            .find(|c: char| c.is_whitespace() || "=!<>&|()".contains(c))
            .unwrap_or(self.rest.len());
        let (path, rest) = self.rest.split_at(end);
        let selector = Selector::parse(path)?;
        self.rest = rest.trim_start();
        for (words, node) in [
            (&["IS", "NULL"], Node::Null(selector.clone())),
            (&["IS", "TRUE"], Node::Flag(selector.clone(), true)),
            (&["IS", "FALSE"], Node::Flag(selector.clone(), false)),
            (&["NOT", "EXISTS"], Node::Missing(selector.clone())),
        ] {
            if self.words(words) {
                return Ok(node);
            }
        }
        let Some((_, operator)) = OPERATORS.into_iter().find(|(sign, _)| self.sign(sign)) else {
            return Err(format!(
                "after {path} stands =, !=, <, <=, >, >=, IS NULL, IS TRUE, IS FALSE or NOT EXISTS, not {:?}",
                self.rest.chars().take(20).collect::<String>()
            ));
        };
        let (text, quoted) = self.value()?;
        Ok(Node::Compare(
            selector,
            Condition::new(operator, text, quoted)?,
        ))
    }

    fn words(&mut self, words: &[&str]) -> bool {
        let mut rest = self.rest;
        for word in words {
            let Some(after) = rest.strip_prefix(word) else {
                return false;
            };
            if after.starts_with(|c: char| c.is_alphanumeric()) {
                return false;
            }
            rest = after.trim_start();
        }
        self.rest = rest;
        true
    }

    fn value(&mut self) -> Result<(&'a str, bool), String> {
        if let Some(inner) = self.rest.strip_prefix('"') {
            let (text, rest) = inner
                .split_once('"')
                .ok_or("a text is not closed by its quotation mark")?;
            self.rest = rest.trim_start();
            return Ok((text, true));
        }
        let end = self
            .rest
            .find(|c: char| c.is_whitespace() || "&|()".contains(c))
            .unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        if text.is_empty() {
            return Err("a comparison ends without a value".to_string());
        }
        self.rest = rest.trim_start();
        Ok((text, false))
    }
}
