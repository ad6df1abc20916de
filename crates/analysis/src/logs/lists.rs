//! Lists of varying length inside of lines that are otherwise alike.

use super::merge::{Buckets, Group, Surroundings, WEAK, surroundings};
use super::slot::SlotKind;
use super::token::{Class, Token, Vocabulary};

/// Writes lists as one value where groups differ in how long a list is: `10.0.0.1, 10.0.0.2` and `10.0.0.1`.
pub(super) fn shorten_lists(vocabulary: &Vocabulary, groups: Vec<Group>) -> Vec<Group> {
    let mut buckets = Buckets::default();
    for group in groups {
        // Values may differ together with the list: they are joined afterwards, if at all.
        let parts = parts(vocabulary, &group.tokens);
        let short: Vec<Token> = parts.iter().map(|part| part.short).collect();
        let key = (0..short.len())
            .map(|place| match vocabulary.class(short[place]) {
                Class::Weak => WEAK | u64::from(short[place].blank_before()),
                _ if surroundings(vocabulary, &short, place) == Surroundings::Assigned => WEAK,
                _ => u64::from(short[place].raw()),
            })
            .collect();
        buckets.put(key, group);
    }
    let mut out = Vec::new();
    for mut bucket in buckets.groups {
        let length = bucket[0].tokens.len();
        if bucket.iter().any(|group| group.tokens.len() != length) {
            shorten_where_unequal(vocabulary, &mut bucket);
        }
        out.extend(bucket);
    }
    out
}

/// Shortens the lists of groups with equally many parts, each list only if its length differs between the groups.
fn shorten_where_unequal(vocabulary: &Vocabulary, groups: &mut [Group]) {
    let all: Vec<Vec<Part>> = groups
        .iter()
        .map(|group| parts(vocabulary, &group.tokens))
        .collect();
    let same_length = |place: usize| {
        all.iter()
            .all(|parts| parts[place].len == all[0][place].len)
    };
    let keep: Vec<bool> = (0..all[0].len()).map(same_length).collect();
    for (group, parts) in groups.iter_mut().zip(&all) {
        let mut tokens = Vec::with_capacity(group.tokens.len());
        for (part, keep) in parts.iter().zip(&keep) {
            if *keep {
                tokens.extend_from_slice(&group.tokens[part.from..part.from + part.len]);
            } else {
                tokens.push(part.short);
            }
        }
        group.tokens = tokens;
    }
}

/// A token, or the items of a list with what stands between them.
struct Part {
    /// The token, or what the list is written as when it is shortened.
    short: Token,
    from: usize,
    len: usize,
}

/// Tokens with their lists taken together: bracketed lists of single words, and runs of weak tokens with blanks or
/// commas between them.
fn parts(vocabulary: &Vocabulary, tokens: &[Token]) -> Vec<Part> {
    let weak =
        |token: Token| vocabulary.class(token) == Class::Weak && vocabulary.text(token) != b"-";
    let comma = |token: &Token| vocabulary.text(*token) == b",";
    let mut out: Vec<Part> = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        let first = tokens[at];
        out.push(Part {
            short: first,
            from: at,
            len: 1,
        });
        at += 1;
        if let Some(end) = list_end(vocabulary, tokens, at - 1) {
            let short = tokens[at].generalised(SlotKind::Any);
            out.push(Part {
                short,
                from: at,
                len: end - at,
            });
            at = end;
        } else if weak(first) {
            let mut same = true;
            loop {
                let item = at + usize::from(tokens.get(at).is_some_and(comma));
                let Some(&token) = tokens.get(item) else {
                    break;
                };
                if !weak(token) || !(item > at || token.blank_before()) {
                    break;
                }
                same &= token.text() == first.text();
                at = item + 1;
            }
            if let Some(list) = out.last_mut()
                && at > list.from + 1
            {
                let kind = if same { first.mark() } else { None }.unwrap_or(SlotKind::Id);
                *list = Part {
                    short: first.generalised(kind),
                    from: list.from,
                    len: at - list.from,
                };
            }
        }
    }
    out
}

/// Where the bracketed list of single words that opens at `open` is closed: `[a, b, c]`.
fn list_end(vocabulary: &Vocabulary, tokens: &[Token], open: usize) -> Option<usize> {
    let text = |place: usize| tokens.get(place).map(|&token| vocabulary.text(token));
    let close: &[u8] = match text(open)? {
        b"[" => b"]",
        b"(" => b")",
        b"{" => b"}",
        _ => return None,
    };
    let mut at = open + 1;
    loop {
        let item = *tokens.get(at)?;
        if vocabulary.class(item) == Class::Delimiter {
            return None;
        }
        match text(at + 1)? {
            b"," => at += 2,
            closing if closing == close => return Some(at + 1),
            _ => return None,
        }
    }
}
