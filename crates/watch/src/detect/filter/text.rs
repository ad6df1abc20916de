//! Words: all of them, any of those with `?`, none of those with `-`.

use regex::Regex;

#[derive(Clone, Debug)]
pub(super) struct Text {
    all: Vec<Term>,
    any: Vec<Term>,
    none: Vec<Term>,
}

#[derive(Clone, Debug)]
enum Term {
    Phrase(String),
    Pattern(Regex),
}

impl Term {
    fn matches(&self, line: &str) -> bool {
        match self {
            Self::Phrase(phrase) => line.contains(phrase.as_str()),
            Self::Pattern(pattern) => pattern.is_match(line),
        }
    }
}

impl Text {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut read = Self {
            all: Vec::new(),
            any: Vec::new(),
            none: Vec::new(),
        };
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let list = match rest.chars().next() {
                Some('?') => &mut read.any,
                Some('-') => &mut read.none,
                _ => &mut read.all,
            };
            rest = rest.strip_prefix(['?', '-']).unwrap_or(rest);
            let (term, after) = term(rest)?;
            match term {
                // `" "` stands for everything, as does nothing at all.
                Term::Phrase(phrase) if phrase.trim().is_empty() => {}
                term => list.push(term),
            }
            rest = after.trim_start();
        }
        Ok(read)
    }

    pub(super) fn matches(&self, line: &str) -> bool {
        // Words that must be there make those with `?` mean nothing: so the guide.
        let any = !self.all.is_empty()
            || self.any.is_empty()
            || self.any.iter().any(|term| term.matches(line));
        any && self.all.iter().all(|term| term.matches(line))
            && !self.none.iter().any(|term| term.matches(line))
    }
}

fn term(text: &str) -> Result<(Term, &str), String> {
    for (mark, what) in [('"', "a phrase"), ('%', "a regular expression")] {
        if let Some(inner) = text.strip_prefix(mark) {
            let (inner, rest) = inner
                .split_once(mark)
                .ok_or_else(|| format!("{what} is not closed by {mark}"))?;
            let term = if mark == '"' {
                Term::Phrase(inner.to_string())
            } else {
                Term::Pattern(Regex::new(inner).map_err(|e| format!("%{inner}%: {e}"))?)
            };
            return Ok((term, rest));
        }
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    if word.is_empty() {
        return Err("a ? or - is followed by no word".to_string());
    }
    Ok((Term::Phrase(word.to_string()), rest))
}
