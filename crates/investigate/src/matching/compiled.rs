//! The catalogue's regular expressions, each compiled once, when it is first needed: a case without log
//! lines pays for none of them. [`Compiled::check`] compiles all, for the tests.

use std::sync::OnceLock;

use model::EntityKind;
use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use rustc_hash::FxHashMap;

use crate::catalogue::{BadMechanism, Catalogue, Condition, catalogue};

/// Bytes that one automaton may use; the sets of all log expressions are the largest.
const AUTOMATON: usize = 64 << 20;

/// Which signature: number of the mechanism, number of its signature.
pub(super) type Signature = (u32, u32);

/// The expressions of one kind of text, tried all at once.
#[derive(Debug)]
pub(super) struct Set {
    patterns: Vec<String>,
    built: OnceLock<RegexSet>,
    pub(super) of: Vec<Signature>,
}

impl Set {
    fn new(parts: Vec<(String, Signature)>) -> Self {
        let (patterns, of) = parts.into_iter().unzip();
        Self {
            patterns,
            built: OnceLock::new(),
            of,
        }
    }

    fn build(&self) -> Result<RegexSet, regex::Error> {
        RegexSetBuilder::new(&self.patterns)
            .case_insensitive(true)
            .size_limit(AUTOMATON)
            .dfa_size_limit(AUTOMATON)
            .build()
    }

    /// The set; one that does not compile matches nothing, and fails the tests.
    pub(super) fn expressions(&self) -> &RegexSet {
        self.built.get_or_init(|| self.build().unwrap_or_default())
    }
}

/// All mechanisms with their expressions compiled.
#[derive(Debug)]
pub struct Compiled {
    catalogue: &'static Catalogue,
    each: FxHashMap<String, OnceLock<Option<Regex>>>,
    kinds: Vec<Vec<EntityKind>>,
    pub(super) logs: Set,
    pub(super) events: Set,
    pub(super) shows: Set,
    /// Signatures over numbers, spans, documents' values and changes.
    pub(super) others: Vec<Signature>,
}

fn build(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .case_insensitive(true)
        .size_limit(AUTOMATON)
        .build()
}

/// Every expression that a condition holds.
pub(crate) fn expressions(condition: &Condition) -> Vec<&str> {
    let mut all: Vec<&str> = condition.pattern().into_iter().collect();
    all.extend(condition.except.as_deref());
    if let Some(state) = &condition.state {
        all.extend(state.matches.as_deref());
        all.extend(state.also.values().map(String::as_str));
    }
    all.extend(condition.metric.as_ref().and_then(|m| m.name.as_deref()));
    all
}

impl Compiled {
    /// Compiles the expressions of `catalogue`.
    ///
    /// # Errors
    /// The first expression that does not compile, or the first kind of entity that does not exist.
    pub fn new(catalogue: &'static Catalogue) -> Result<Self, BadMechanism> {
        let mut each = FxHashMap::default();
        let mut kinds = Vec::new();
        let (mut logs, mut events, mut shows, mut others) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (number, mechanism) in catalogue.mechanisms.iter().enumerate() {
            let bad = |problem: String| BadMechanism {
                file: format!("{}.toml", mechanism.id),
                problem,
            };
            let predictions = &mechanism.predict;
            let conditions = mechanism
                .signatures
                .iter()
                .chain(&predictions.must)
                .chain(&predictions.may)
                .chain(&predictions.must_not);
            for expression in conditions.flat_map(expressions) {
                each.entry(expression.to_string())
                    .or_insert_with(OnceLock::new);
            }
            kinds.push(
                mechanism
                    .entities
                    .iter()
                    .map(|word| {
                        serde_json::from_value(serde_json::Value::String(word.clone()))
                            .map_err(|_| bad(format!("{word:?} is not a kind of entity")))
                    })
                    .collect::<Result<_, _>>()?,
            );
            for (index, condition) in mechanism.signatures.iter().enumerate() {
                let at = (number as u32, index as u32);
                match condition {
                    Condition {
                        log: Some(pattern), ..
                    } => logs.push((pattern.clone(), at)),
                    Condition {
                        event: Some(pattern),
                        ..
                    } => events.push((pattern.clone(), at)),
                    Condition {
                        state: Some(state), ..
                    } if state.shows.is_some() => {
                        shows.push((state.shows.clone().unwrap_or_default(), at));
                    }
                    _ => others.push(at),
                }
            }
        }
        Ok(Self {
            catalogue,
            each,
            kinds,
            logs: Set::new(logs),
            events: Set::new(events),
            shows: Set::new(shows),
            others,
        })
    }

    /// Compiles everything now.
    ///
    /// # Errors
    /// The first expression that does not compile.
    pub fn check(&self) -> Result<(), BadMechanism> {
        let bad = |file: &str, problem: String| BadMechanism {
            file: file.to_string(),
            problem,
        };
        let mut expressions: Vec<&String> = self.each.keys().collect();
        expressions.sort();
        for expression in expressions {
            build(expression).map_err(|e| bad(expression, e.to_string()))?;
        }
        for set in [&self.logs, &self.events, &self.shows] {
            set.build()
                .map_err(|e| bad("all together", e.to_string()))?;
        }
        Ok(())
    }

    fn expression(&self, expression: &str) -> Option<&Regex> {
        self.each
            .get(expression)?
            .get_or_init(|| build(expression).ok())
            .as_ref()
    }

    /// The catalogue that was compiled.
    pub fn catalogue(&self) -> &'static Catalogue {
        self.catalogue
    }

    /// Can an entity of this kind break by this mechanism? One of unknown kind can.
    pub fn can_break(&self, mechanism: u32, kind: EntityKind) -> bool {
        let kinds = &self.kinds[mechanism as usize];
        kinds.is_empty() || kind == EntityKind::Unknown || kinds.contains(&kind)
    }

    /// Does `text` match? An expression of another catalogue is compiled on the spot; one that does
    /// not compile matches nothing.
    pub(super) fn is_match(&self, expression: &str, text: &str) -> bool {
        match self.expression(expression) {
            Some(regex) => regex.is_match(text),
            None => build(expression).is_ok_and(|regex| regex.is_match(text)),
        }
    }

    /// What the named group of the expression holds in `text`, in the first match that has it.
    pub(super) fn capture<'t>(
        &self,
        expression: &str,
        group: &str,
        text: &'t str,
    ) -> Option<&'t str> {
        self.expression(expression)?
            .captures_iter(text)
            .find_map(|found| Some(found.name(group)?.as_str()))
    }
}

/// The built-in catalogue, compiled.
pub fn compiled() -> &'static Compiled {
    static COMPILED: OnceLock<Compiled> = OnceLock::new();
    COMPILED.get_or_init(|| {
        // A test compiles every file, so that this cannot fail in a released build.
        Compiled::new(catalogue()).unwrap_or_else(|bad| panic!("built-in catalogue: {bad}"))
    })
}
