//! Composite alarms: a rule over the states of other alarms.
//!
//! The grammar is CloudWatch's (`Create_Composite_Alarm.md`), which does not say what binds closer; here `NOT`
//! binds closer than `AND`, and `AND` closer than `OR`, and a rule that mixes the two without parentheses is remarked on.

use super::state::State;

/// Longest rule, in characters.
const LONGEST: usize = 10_240;
/// Most names of alarms in one rule, different ones.
const MOST_CHILDREN: usize = 100;
/// Most elements of a rule: names, words and operators.
const MOST_ELEMENTS: usize = 500;
/// Deepest nesting that is read.
const DEEPEST: usize = 64;

/// How many of the alarms listed must be in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quorum {
    Count(u64),
    /// 1..=100; rounded up to whole alarms.
    Percent(u64),
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Constant(bool),
    Is(State, String),
    Not(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    AtLeast {
        quorum: Quorum,
        not: bool,
        state: State,
        names: Vec<String>,
    },
}

/// A rule that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Composite {
    root: Node,
    children: Vec<String>,
    mixed: bool,
}

impl Composite {
    /// Reads a rule, or says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.chars().count() > LONGEST {
            return Err(format!("the rule is longer than {LONGEST} characters"));
        }
        let tokens = tokens(text)?;
        let elements = tokens
            .iter()
            .filter(|t| matches!(t, Token::Word(_) | Token::Quoted(_)))
            .count();
        if elements > MOST_ELEMENTS {
            return Err(format!(
                "the rule has {elements} elements; at most {MOST_ELEMENTS} may stand in one"
            ));
        }
        let mut parser = Parser {
            tokens,
            next: 0,
            depth: 0,
            children: Vec::new(),
            mixed: false,
        };
        let root = parser.any()?;
        if let Some(token) = parser.tokens.get(parser.next) {
            return Err(format!(
                "{} stands after the end of the rule",
                token.shown()
            ));
        }
        let mut children = parser.children;
        children.sort_unstable();
        children.dedup();
        if children.len() > MOST_CHILDREN {
            return Err(format!(
                "the rule names {} alarms; at most {MOST_CHILDREN} may stand in one",
                children.len()
            ));
        }
        Ok(Self {
            root,
            children,
            mixed: parser.mixed,
        })
    }

    /// The alarms that it names, sorted.
    pub fn children(&self) -> &[String] {
        &self.children
    }

    /// Does it mix AND and OR without parentheses, so that a reader might take it otherwise?
    pub fn is_ambiguous(&self) -> bool {
        self.mixed
    }

    /// Does it hold, given how the alarms that it names stand?
    pub fn holds(&self, state: &dyn Fn(&str) -> State) -> bool {
        self.root.holds(state)
    }
}

impl Node {
    fn holds(&self, of: &dyn Fn(&str) -> State) -> bool {
        match self {
            Self::Constant(value) => *value,
            Self::Is(state, name) => of(name) == *state,
            Self::Not(inner) => !inner.holds(of),
            Self::And(left, right) => left.holds(of) && right.holds(of),
            Self::Or(left, right) => left.holds(of) || right.holds(of),
            Self::AtLeast {
                quorum,
                not,
                state,
                names,
            } => {
                let all = names.len() as u64;
                let hits = names
                    .iter()
                    .filter(|name| (of(name) == *state) != *not)
                    .count() as u64;
                let needed = match quorum {
                    Quorum::Count(count) => *count,
                    Quorum::Percent(percent) => (percent * all).div_ceil(100),
                };
                hits >= needed
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Sign(char),
    Word(String),
    Quoted(String),
}

impl Token {
    fn shown(&self) -> String {
        match self {
            Self::Sign(sign) => format!("{sign:?}"),
            Self::Word(word) => word.clone(),
            Self::Quoted(name) => format!("{name:?}"),
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '(' | ')' | ',' => {
                tokens.push(Token::Sign(first));
                1
            }
            '"' | '\'' => {
                let inner = rest.get(1..).unwrap_or("");
                let end = inner
                    .find(first)
                    .ok_or("a name is not closed by its quotation mark")?;
                tokens.push(Token::Quoted(inner.get(..end).unwrap_or("").to_string()));
                end + 2
            }
            _ => {
                let end = rest
                    .find(|c: char| c.is_whitespace() || "(),\"'".contains(c))
                    .unwrap_or(rest.len());
                tokens.push(Token::Word(rest.get(..end).unwrap_or("").to_string()));
                end
            }
        };
        rest = rest.get(length..).unwrap_or("").trim_start();
    }
    Ok(tokens)
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
    children: Vec<String>,
    mixed: bool,
}

impl Parser {
    fn word(&mut self, word: &str) -> bool {
        let is = matches!(self.tokens.get(self.next), Some(Token::Word(w)) if w == word);
        self.next += usize::from(is);
        is
    }

    fn sign(&mut self, sign: char) -> Result<(), String> {
        if self.tokens.get(self.next) == Some(&Token::Sign(sign)) {
            self.next += 1;
            return Ok(());
        }
        Err(format!("expected {sign:?}, found {}", self.found()))
    }

    fn found(&self) -> String {
        self.tokens
            .get(self.next)
            .map_or("the end".to_string(), Token::shown)
    }

    fn any(&mut self) -> Result<Node, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("the rule is nested too deeply".to_string());
        }
        let (mut left, mut ands) = self.all()?;
        let mut joined = false;
        while self.word("OR") {
            joined = true;
            let (right, more) = self.all()?;
            ands |= more;
            left = Node::Or(Box::new(left), Box::new(right));
        }
        self.mixed |= joined && ands;
        self.depth -= 1;
        Ok(left)
    }

    /// A chain of ANDs, and whether there was one.
    fn all(&mut self) -> Result<(Node, bool), String> {
        let mut left = self.one()?;
        let mut joined = false;
        while self.word("AND") {
            joined = true;
            let right = self.one()?;
            left = Node::And(Box::new(left), Box::new(right));
        }
        Ok((left, joined))
    }

    fn one(&mut self) -> Result<Node, String> {
        let mut negated = false;
        while self.word("NOT") {
            negated = !negated;
        }
        let node = self.bare()?;
        Ok(if negated {
            Node::Not(Box::new(node))
        } else {
            node
        })
    }

    fn bare(&mut self) -> Result<Node, String> {
        if self.tokens.get(self.next) == Some(&Token::Sign('(')) {
            self.next += 1;
            let inner = self.any()?;
            self.sign(')')?;
            return Ok(inner);
        }
        if self.word("TRUE") {
            return Ok(Node::Constant(true));
        }
        if self.word("FALSE") {
            return Ok(Node::Constant(false));
        }
        if self.word("AT_LEAST") {
            return self.at_least();
        }
        let state = self.state()?;
        self.sign('(')?;
        let name = self.name()?;
        self.sign(')')?;
        Ok(Node::Is(state, name))
    }

    fn state(&mut self) -> Result<State, String> {
        for state in [State::Alarm, State::Ok, State::InsufficientData] {
            if self.word(state.word()) {
                return Ok(state);
            }
        }
        Err(format!(
            "expected ALARM(..), OK(..), INSUFFICIENT_DATA(..), AT_LEAST(..), NOT, TRUE, FALSE or \"(\", found {}",
            self.found()
        ))
    }

    fn name(&mut self) -> Result<String, String> {
        let name = match self.tokens.get(self.next) {
            Some(Token::Word(name) | Token::Quoted(name)) if !name.is_empty() => name.clone(),
            _ => {
                return Err(format!(
                    "expected the name of an alarm, found {}",
                    self.found()
                ));
            }
        };
        self.next += 1;
        self.children.push(name.clone());
        Ok(name)
    }

    fn at_least(&mut self) -> Result<Node, String> {
        self.sign('(')?;
        let written = match self.tokens.get(self.next) {
            Some(Token::Word(word)) => word.clone(),
            _ => {
                return Err(format!(
                    "expected a number or a percentage, found {}",
                    self.found()
                ));
            }
        };
        self.next += 1;
        let bad = || {
            format!("AT_LEAST wants a number such as 2 or a percentage such as 60%, not {written}")
        };
        let quorum = match written.strip_suffix('%') {
            Some(percent) => Quorum::Percent(percent.parse().map_err(|_| bad())?),
            None => Quorum::Count(written.parse().map_err(|_| bad())?),
        };
        self.sign(',')?;
        let not = self.word("NOT");
        let state = self.state()?;
        self.sign(',')?;
        self.sign('(')?;
        let mut names = vec![self.name()?];
        while self.tokens.get(self.next) == Some(&Token::Sign(',')) {
            self.next += 1;
            names.push(self.name()?);
        }
        self.sign(')')?;
        self.sign(')')?;
        let fits = match quorum {
            Quorum::Count(count) => (1..=names.len() as u64).contains(&count),
            Quorum::Percent(percent) => (1..=100).contains(&percent),
        };
        if !fits {
            return Err(format!(
                "AT_LEAST({written}, ..) over {} alarms: a number from 1 to that many, or 1% to 100%",
                names.len()
            ));
        }
        Ok(Node::AtLeast {
            quorum,
            not,
            state,
            names,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_wrong_is_said() {
        let cases = [
            ("", "found the end"),
            ("ALARM(a", "expected ')', found the end"),
            ("ALARM(a) ALARM(b)", "ALARM stands after the end"),
            ("WARN(a)", "found WARN"),
            ("AT_LEAST(4, ALARM, (a, b))", "over 2 alarms"),
            ("AT_LEAST(0%, ALARM, (a, b))", "1% to 100%"),
            ("AT_LEAST(x, ALARM, (a))", "a number such as 2"),
            ("ALARM(\"a)", "not closed"),
        ];
        for (text, expected) in cases {
            let error = Composite::parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        assert!(Composite::parse(&"(".repeat(2000)).is_err());
        assert!(Composite::parse(&"NOT ".repeat(400)).is_err());
    }

    #[test]
    fn a_rule_that_may_be_misread_is_known() {
        for (text, expected) in [
            ("ALARM(a) AND ALARM(b) OR ALARM(c)", true),
            ("ALARM(a) OR ALARM(b) AND ALARM(c)", true),
            ("(ALARM(a) AND ALARM(b)) OR ALARM(c)", false),
            ("ALARM(a) OR ALARM(c)", false),
        ] {
            assert_eq!(
                Composite::parse(text).unwrap().is_ambiguous(),
                expected,
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in "[A-Z_ (),\"%a-c0-9]{0,60}") {
            if let Ok(rule) = Composite::parse(&text) {
                rule.holds(&|_| State::Ok);
            }
        }
    }
}
