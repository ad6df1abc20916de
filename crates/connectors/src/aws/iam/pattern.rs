//! Wildcards and policy variables.
//!
//! Sources: IAM User Guide, "Policy elements: Variables and tags" and "Resource" (wildcards in ARNs).

use std::cell::Cell;

use super::document::Version;
use super::request::{Context, Known};

/// How many comparisons of characters one question may cost before it is given up: a fraction of a
/// second. Real documents cost a thousandth of it.
pub(super) const WORK: u64 = 50_000_000;

/// What is left of [`WORK`]; none left means that nothing more is said.
#[derive(Debug)]
pub(super) struct Work(Cell<u64>);

impl Work {
    pub(super) fn new() -> Self {
        Self(Cell::new(WORK))
    }
    pub(super) fn exhausted(&self) -> bool {
        self.0.get() == 0
    }
    fn spend(&self, steps: usize) {
        let steps = u64::try_from(steps).unwrap_or(u64::MAX);
        self.0.set(self.0.get().saturating_sub(steps));
    }
}

/// A piece of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// This character.
    One(char),
    /// `?`
    Any,
    /// `?` in one of the first five fields of an ARN: no colon.
    AnyWithin,
    /// `*`
    Run,
    /// `*` in the middle of one of the first five fields of an ARN: no colons.
    RunWithin,
}

/// A pattern whose variables have their values.
pub(super) type Pieces = Vec<Piece>;

/// Why a pattern's variables have no values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unresolved {
    /// The request has no such key: then the pattern matches nothing.
    Absent(String),
    /// It is not known whether it has.
    Unknown(String),
}

/// Puts values for variables. What a value holds is never a wildcard.
pub(super) fn resolve(
    pattern: &str,
    version: Version,
    context: &Context,
) -> Result<Pieces, Unresolved> {
    let mut pieces = Pieces::with_capacity(pattern.len());
    let mut rest = pattern;
    loop {
        let variable = match version {
            Version::V2012 => rest.find("${"),
            Version::V2008 => None,
        };
        let Some(at) = variable else {
            plain(rest, &mut pieces);
            return Ok(pieces);
        };
        let (before, from) = rest.split_at(at);
        plain(before, &mut pieces);
        let inner = from.strip_prefix("${").unwrap_or(from);
        let Some((name, after)) = inner.split_once('}') else {
            // A variable that does not end is the text that it looks like.
            plain(from, &mut pieces);
            return Ok(pieces);
        };
        rest = after;
        let value = match name {
            "*" | "?" | "$" => name.to_string(),
            _ => value(name, context)?,
        };
        pieces.extend(value.chars().map(Piece::One));
    }
}

fn value(name: &str, context: &Context) -> Result<String, Unresolved> {
    let (key, default) = match name.split_once(',') {
        Some((key, default)) => {
            let default = default.trim();
            let quoted = default
                .strip_prefix('\'')
                .and_then(|d| d.strip_suffix('\''));
            (key.trim(), quoted)
        }
        None => (name.trim(), None),
    };
    match (context.get(key), default) {
        (Known::Values([one]), _) => Ok(one.clone()),
        (Known::Values([]) | Known::Absent, Some(default)) => Ok(default.to_string()),
        (Known::Values([]) | Known::Absent, None) => Err(Unresolved::Absent(key.to_string())),
        // A variable stands for one value; what several would be is not documented.
        (Known::Values(_), _) => Err(Unresolved::Unknown(format!(
            "{key} as a variable: it has several values"
        ))),
        (Known::Unknown, _) => Err(Unresolved::Unknown(key.to_string())),
    }
}

fn plain(text: &str, pieces: &mut Pieces) {
    pieces.extend(text.chars().map(|c| match c {
        '*' => Piece::Run,
        '?' => Piece::Any,
        c => Piece::One(c),
    }));
}

/// In the first five fields of an ARN a wildcard stays in its field, unless it is a `*` that ends it.
pub(super) fn confine(mut pieces: Pieces) -> Pieces {
    let begins = |pieces: &[Piece]| {
        "arn:"
            .chars()
            .map(Piece::One)
            .eq(pieces.iter().copied().take(4))
    };
    if !begins(&pieces) {
        return pieces;
    }
    let mut colons = 0;
    for at in 0..pieces.len() {
        let next = pieces.get(at + 1).copied();
        let Some(piece) = pieces.get_mut(at) else {
            break;
        };
        match *piece {
            Piece::One(':') => colons += 1,
            _ if colons >= 5 => break,
            Piece::Any => *piece = Piece::AnyWithin,
            Piece::Run if !matches!(next, None | Some(Piece::One(':'))) => {
                *piece = Piece::RunWithin;
            }
            _ => {}
        }
    }
    pieces
}

/// Does the pattern match the whole text? False once the work is spent (see [`Work::exhausted`]).
pub(super) fn matches(pieces: &[Piece], text: &str, ignore_case: bool, work: &Work) -> bool {
    if pieces == [Piece::Run] {
        return true;
    }
    let fold = |c: char| {
        if ignore_case {
            c.to_ascii_lowercase()
        } else {
            c
        }
    };
    let text: Vec<char> = text.chars().map(fold).collect();
    let fits = |piece: Piece, c: char| match piece {
        Piece::One(p) => fold(p) == c,
        Piece::Any => true,
        Piece::AnyWithin => c != ':',
        Piece::Run | Piece::RunWithin => false,
    };
    if pieces.contains(&Piece::RunWithin) {
        return in_states(pieces, &text, fits, work);
    }
    // One `*` to go back to is enough: whatever an earlier one could take, the later one can as well.
    let (mut p, mut t, mut steps) = (0, 0, 0);
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        steps += 1;
        let fit = match (pieces.get(p), text.get(t)) {
            (Some(piece), Some(c)) => fits(*piece, *c),
            _ => false,
        };
        if pieces.get(p) == Some(&Piece::Run) {
            back = Some((p + 1, t));
            p += 1;
        } else if fit {
            p += 1;
            t += 1;
        } else if let Some((piece, from)) = back {
            back = Some((piece, from + 1));
            (p, t) = (piece, from + 1);
            if steps > 10_000 {
                work.spend(steps);
                steps = 0;
                if work.exhausted() {
                    return false;
                }
            }
        } else {
            work.spend(steps);
            return false;
        }
    }
    work.spend(steps);
    pieces.iter().skip(p).all(|piece| *piece == Piece::Run)
}

/// All places in the pattern at once: a confined run may have to give way to an earlier free one.
fn in_states(
    pieces: &[Piece],
    text: &[char],
    fits: impl Fn(Piece, char) -> bool,
    work: &Work,
) -> bool {
    let runs = |piece: Piece| matches!(piece, Piece::Run | Piece::RunWithin);
    let mut now = vec![false; pieces.len() + 1];
    let enter = |states: &mut Vec<bool>| {
        for (at, piece) in pieces.iter().enumerate() {
            if states[at] && runs(*piece) {
                states[at + 1] = true;
            }
        }
    };
    now[0] = true;
    enter(&mut now);
    for c in text {
        work.spend(pieces.len());
        if work.exhausted() {
            return false;
        }
        let mut next = vec![false; pieces.len() + 1];
        for (at, piece) in pieces.iter().enumerate() {
            if !now[at] {
                continue;
            }
            match piece {
                Piece::Run => next[at] = true,
                Piece::RunWithin => next[at] |= *c != ':',
                one if fits(*one, *c) => next[at + 1] = true,
                _ => {}
            }
        }
        enter(&mut next);
        now = next;
    }
    now[pieces.len()]
}
