//! From the text of an expression to its tree.

use thiserror::Error;

/// Longest expression that is read.
const LONGEST: usize = 2048;
/// Deepest nesting that is read: what is deeper is no expression that a person wrote.
const DEEPEST: usize = 64;

/// Why an expression cannot be read or evaluated.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{what}")]
pub struct MathError {
    /// What is wrong, and what was expected.
    pub what: String,
}

impl MathError {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into() }
    }
}

/// Two-sided operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Less,
    AtMost,
    Greater,
    AtLeast,
    Equal,
    NotEqual,
    Plus,
    Minus,
    Times,
    Over,
    Power,
}

/// The tree.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Number(f64),
    Text(String),
    /// A metric's or expression's id; begins in lower case.
    Id(String),
    /// A word of the language in an argument's place: `REPEAT`, `DESC`.
    Word(String),
    Negated(Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    Call(String, Vec<Node>),
    Array(Vec<Node>),
}

/// An expression that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    pub(super) root: Node,
}

impl Expression {
    /// Reads one. Names of functions and numbers of their arguments are checked when it is evaluated.
    pub fn parse(text: &str) -> Result<Self, MathError> {
        if text.len() > LONGEST {
            return Err(MathError::new(format!(
                "the expression has {} characters; at most {LONGEST} are read",
                text.len()
            )));
        }
        let mut parser = Parser {
            tokens: tokens(text)?,
            next: 0,
            depth: 0,
        };
        let root = parser.binary(0)?;
        match parser.peek() {
            None => Ok(Self { root }),
            Some(token) => Err(MathError::new(format!(
                "{} stands after the end of the expression",
                token.shown()
            ))),
        }
    }

    /// Does it call this function?
    pub fn calls(&self, name: &str) -> bool {
        let mut found = false;
        self.root
            .visit(&mut |node| found |= matches!(node, Node::Call(called, _) if called == name));
        found
    }
}

impl Node {
    fn visit<'a>(&'a self, see: &mut dyn FnMut(&'a Node)) {
        see(self);
        match self {
            Self::Negated(inner) => inner.visit(see),
            Self::Binary(_, left, right) => {
                left.visit(see);
                right.visit(see);
            }
            Self::Call(_, nodes) | Self::Array(nodes) => {
                nodes.iter().for_each(|node| node.visit(see));
            }
            Self::Number(_) | Self::Text(_) | Self::Id(_) | Self::Word(_) => {}
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Number(f64),
    Text(String),
    Name(String),
    Sign(&'static str),
}

impl Token {
    fn shown(&self) -> String {
        match self {
            Self::Number(n) => n.to_string(),
            Self::Text(t) => format!("{t:?}"),
            Self::Name(n) => n.clone(),
            Self::Sign(s) => format!("{s:?}"),
        }
    }
}

/// Longer ones first, so that `<=` is not read as `<`.
const SIGNS: [&str; 18] = [
    "<=", ">=", "==", "!=", "&&", "||", "+", "-", "*", "/", "^", "(", ")", "[", "]", ",", "<", ">",
];

fn tokens(text: &str) -> Result<Vec<Token>, MathError> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if first.is_ascii_digit() || first == '.' {
            let mut end = rest
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .unwrap_or(rest.len());
            // An exponent, if digits follow.
            let after = rest.get(end..).unwrap_or("");
            if let Some(exponent) = after.strip_prefix(['e', 'E']) {
                let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
                let digits = unsigned.bytes().take_while(u8::is_ascii_digit).count();
                if digits > 0 {
                    end += after.len() - unsigned.len() + digits;
                }
            }
            let written = rest.get(..end).unwrap_or("");
            let number: f64 = written
                .parse()
                .ok()
                .filter(|n: &f64| n.is_finite())
                .ok_or_else(|| MathError::new(format!("{written:?} is not a number")))?;
            tokens.push(Token::Number(number));
            end
        } else if first.is_ascii_alphabetic() || first == '_' {
            let end = rest
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            tokens.push(Token::Name(rest.get(..end).unwrap_or("").to_string()));
            end
        } else if first == '"' || first == '\'' {
            let inner = rest.get(1..).unwrap_or("");
            let end = inner
                .find(first)
                .ok_or_else(|| MathError::new("a text is not closed by its quotation mark"))?;
            tokens.push(Token::Text(inner.get(..end).unwrap_or("").to_string()));
            end + 2
        } else {
            let sign = SIGNS
                .into_iter()
                .find(|sign| rest.starts_with(sign))
                .ok_or_else(|| {
                    MathError::new(format!("{first:?} has no meaning in an expression"))
                })?;
            tokens.push(Token::Sign(sign));
            sign.len()
        };
        rest = rest.get(length..).unwrap_or("").trim_start();
    }
    Ok(tokens)
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn take(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.next).cloned();
        self.next += 1;
        token
    }

    fn sign(&mut self, sign: &str) -> bool {
        let is = matches!(self.peek(), Some(Token::Sign(s)) if *s == sign);
        self.next += usize::from(is);
        is
    }

    fn expect(&mut self, sign: &str) -> Result<(), MathError> {
        if self.sign(sign) {
            return Ok(());
        }
        let found = self
            .peek()
            .map_or("the end".to_string(), |token| token.shown());
        Err(MathError::new(format!("expected {sign:?}, found {found}")))
    }

    fn operator(&self) -> Option<(Operator, u8)> {
        use Operator as O;
        Some(match self.peek()? {
            Token::Sign("||") => (O::Or, 0),
            Token::Sign("&&") => (O::And, 1),
            Token::Sign("<") => (O::Less, 2),
            Token::Sign("<=") => (O::AtMost, 2),
            Token::Sign(">") => (O::Greater, 2),
            Token::Sign(">=") => (O::AtLeast, 2),
            Token::Sign("==") => (O::Equal, 2),
            Token::Sign("!=") => (O::NotEqual, 2),
            Token::Sign("+") => (O::Plus, 3),
            Token::Sign("-") => (O::Minus, 3),
            Token::Sign("*") => (O::Times, 4),
            Token::Sign("/") => (O::Over, 4),
            Token::Sign("^") => (O::Power, 6),
            Token::Name(name) if name == "OR" => (O::Or, 0),
            Token::Name(name) if name == "AND" => (O::And, 1),
            _ => return None,
        })
    }

    /// Precedence climbing; every operator but the power leans to the left.
    fn binary(&mut self, least: u8) -> Result<Node, MathError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(MathError::new("the expression is nested too deeply"));
        }
        let mut left = self.unary()?;
        while let Some((operator, strength)) = self.operator() {
            if strength < least {
                break;
            }
            self.next += 1;
            let right = self.binary(if operator == Operator::Power {
                strength
            } else {
                strength + 1
            })?;
            left = Node::Binary(operator, Box::new(left), Box::new(right));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn unary(&mut self) -> Result<Node, MathError> {
        if self.sign("-") {
            // Weaker than the power: -2^2 is -4.
            return Ok(Node::Negated(Box::new(self.binary(5)?)));
        }
        match self.take() {
            Some(Token::Number(number)) => Ok(Node::Number(number)),
            Some(Token::Text(text)) => Ok(Node::Text(text)),
            Some(Token::Sign("(")) => {
                let inner = self.binary(0)?;
                self.expect(")")?;
                Ok(inner)
            }
            Some(Token::Sign("[")) => Ok(Node::Array(self.list("]")?)),
            Some(Token::Name(name)) if self.sign("(") => Ok(Node::Call(name, self.list(")")?)),
            Some(Token::Name(name)) if name.starts_with(|c: char| c.is_ascii_lowercase()) => {
                Ok(Node::Id(name))
            }
            Some(Token::Name(name)) => Ok(Node::Word(name)),
            Some(token) => Err(MathError::new(format!(
                "{} stands where a value was expected",
                token.shown()
            ))),
            None => Err(MathError::new(
                "the expression ends where a value was expected",
            )),
        }
    }

    fn list(&mut self, close: &str) -> Result<Vec<Node>, MathError> {
        let mut nodes = Vec::new();
        if self.sign(close) {
            return Ok(nodes);
        }
        loop {
            nodes.push(self.binary(0)?);
            if !self.sign(",") {
                self.expect(close)?;
                return Ok(nodes);
            }
        }
    }
}
